/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_NET_PACKET_H
#define HF_NET_PACKET_H

/*
 * ARP (RFC 826, use of RFC 5227) and neighbour discovery (RFC 4861) messages as far as floating
 * IPs need them, from the network layer up: the kernel writes and strips the link header. Pure.
 */

#include "net/ip.h"
#include "util/cleanup.h"

#include <stddef.h>

#define PACKET_ARP_SIZE 28
#define PACKET_ND_SIZE	72 /* IPv6 header, solicitation or advertisement, one option */

enum packet_arp_form {
	PACKET_ARP_PROBE,	     /* "who has it?" without a claim */
	PACKET_ARP_ANNOUNCE_REQUEST, /* gratuitous, both forms: some hosts heed only one */
	PACKET_ARP_ANNOUNCE_REPLY,
};

/* What a message from another host says about an address. */
struct packet_claim {
	struct net_ip ip;
	bool probe;   /* it asks whether the address is free; else it says that it holds it */
	bool has_mac; /* else the sender's link address has to do */
	uint8_t mac[NET_MAC_SIZE];
};

void packet_build_arp(uint8_t ret[PACKET_ARP_SIZE], enum packet_arp_form form,
		      const struct net_ip *ip, const uint8_t mac[NET_MAC_SIZE]);
/* Solicitation for `target`; `source` NULL: from ::, as in duplicate address detection. Returns
 * its size, which is smaller than PACKET_ND_SIZE in that case. */
size_t packet_build_solicitation(uint8_t ret[PACKET_ND_SIZE], const struct net_ip *target,
				 const struct net_ip *source, const uint8_t mac[NET_MAC_SIZE]);
/* Unsolicited advertisement to all nodes, with override. `router`: this node forwards IPv6. */
void packet_build_advertisement(uint8_t ret[PACKET_ND_SIZE], const struct net_ip *target,
				const uint8_t mac[NET_MAC_SIZE], bool router);
/* Link address of the multicast group that a solicitation for `target` goes to. */
void packet_solicited_mac(uint8_t ret[NET_MAC_SIZE], const struct net_ip *target);

/* -EBADMSG: broken; -ENOMSG: well-formed, but neither a claim nor a probe. */
_must_check_ int packet_parse_arp(const uint8_t *data, size_t size, struct packet_claim *ret);
_must_check_ int packet_parse_nd(const uint8_t *data, size_t size, struct packet_claim *ret);

#endif
