/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/sock.h"
#include "net/filter.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_sched.h>
#include <sys/socket.h>

/* More than any message that packet_parse_nd() has a use for. */
#define RECEIVE_SIZE 2048

static uint16_t protocol_of(const struct sock *s)
{
	return htons(s->family == AF_INET ? ETH_P_ARP : ETH_P_IPV6);
}

static int attach_filter(int fd, int family, const uint32_t *tails, size_t n)
{
	struct filter filter;
	struct sock_fprog program;
	int none = 0;

	filter_build(&filter, family, tails, n);
	program = (struct sock_fprog){.len = filter.n, .filter = filter.code};
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) >= 0)
		return 0;
	if (errno != ENOMEM)
		return -errno;
	/* Over net.core.optmem_max: rather wake up too often than be deaf. */
	(void)setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none));
	return 0;
}

int sock_open(struct sock *ret, int family)
{
	_cleanup_close_ int fd = -1;
	int priority = TC_PRIO_CONTROL;

	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)) < 0)
		return -errno;
	*ret = (struct sock){.family = family, .fd = TAKE_FD(fd)};
	return 0;
}

void sock_close(struct sock *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
}

int sock_listen(struct sock *s, const uint32_t *tails, size_t n)
{
	struct sockaddr_ll any = {.sll_family = AF_PACKET, .sll_protocol = protocol_of(s)};
	int r;

	if (!s->listening && n == 0)
		return 0;
	r = attach_filter(s->fd, s->family, tails, n);
	if (r < 0 || s->listening)
		return r;
	if (bind(s->fd, (struct sockaddr *)&any, sizeof(any)) < 0)
		return -errno;
	s->listening = true;
	return 0;
}

int sock_send(struct sock *s, int link, const uint8_t dest[NET_MAC_SIZE], const void *packet,
	      size_t size)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = protocol_of(s),
				 .sll_ifindex = link,
				 .sll_halen = NET_MAC_SIZE};

	memcpy(to.sll_addr, dest, NET_MAC_SIZE);
	if (sendto(s->fd, packet, size, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return 0;
}

int sock_receive(struct sock *s, struct packet_claim *ret_claim, int *ret_link)
{
	uint8_t buffer[RECEIVE_SIZE];
	struct sockaddr_ll from = {0};
	socklen_t from_size = sizeof(from);
	struct packet_claim claim;
	ssize_t got;
	int r;

	if (!s->listening)
		return 0;
	got = recvfrom(s->fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &from_size);
	if (got < 0 && errno != ENETDOWN && errno != EINTR)
		return 0;
	*ret_link = 0;
	if (got < 0) /* a link went down, told once; netlink tells it as well */
		return 1;
	/* To another host (only seen in promiscuous mode) includes frames of VLANs that are not
	 * set up here, where somebody else may rightly have the same address. */
	if (from.sll_pkttype == PACKET_OUTGOING || from.sll_pkttype == PACKET_OTHERHOST)
		return 1;
	if (s->family == AF_INET)
		r = packet_parse_arp(buffer, (size_t)got, &claim);
	else
		r = packet_parse_nd(buffer, (size_t)got, &claim);
	if (r < 0)
		return 1;
	if (!claim.has_mac) {
		if (from.sll_halen != NET_MAC_SIZE)
			return 1;
		memcpy(claim.mac, from.sll_addr, NET_MAC_SIZE);
	}
	*ret_claim = claim;
	*ret_link = from.sll_ifindex;
	return 1;
}
