/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_NET_SOCK_H
#define HF_NET_SOCK_H

/*
 * One packet socket for ARP and one for neighbour discovery, for all links of the namespace.
 * Packet sockets and not ICMPv6 ones, because duplicate address detection sends from :: and
 * because they tell the sender's link address. Neither receives anything before its first
 * sock_listen(), so that a host without floating IPs of a family pays nothing for it.
 */

#include "net/packet.h"

struct sock {
	int family; /* AF_INET: ARP; AF_INET6: ND */
	int fd;
	bool listening;
};

_must_check_ int sock_open(struct sock *ret, int family);
void sock_close(struct sock *s);
/* From now on receives claims and probes of these addresses only (net_ip_tail). */
_must_check_ int sock_listen(struct sock *s, const uint32_t *tails, size_t n);
/* Sends without waiting; -EAGAIN or -ENOBUFS if the link's queue is full. */
_must_check_ int sock_send(struct sock *s, int link, const uint8_t dest[NET_MAC_SIZE],
			   const void *packet, size_t size);
/* 1: something was read; *ret_link is the link if *ret_claim is valid, else 0. 0: nothing is
 * there. */
_must_check_ int sock_receive(struct sock *s, struct packet_claim *ret_claim, int *ret_link);

#endif
