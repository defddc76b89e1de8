/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_HB_BPF_FILTER_H
#define HF_HB_BPF_FILTER_H

/*
 * The lease filter (docs/kernel.md, rules K3 and K12): whether a packet is to or from a protected
 * address while this node has no lease. Nearly all packets end at the hint: two loads and a test.
 */

#include "hb/bpf/lease.h"
#include "hb/bpf/packet.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, __u8[16]); /* IPv4 as ::ffff:a.b.c.d */
	__type(value, __u32);
} hf_addresses SEC(".maps");

enum filter_direction {
	FILTER_IN,  /* what goes to the address, or asks for it */
	FILTER_OUT, /* what comes from the address, or announces it */
};

PACKET_INLINE __u64 filter_now_us(void)
{
	return bpf_ktime_get_boot_ns() / 1000;
}

/* Out of line: most packets never come here. */
static __attribute__((noinline)) int filter_is_shut(const struct kernel_state *s, const __u32 *key)
{
	return !lease_valid(s, filter_now_us()) && bpf_map_lookup_elem(&hf_addresses, key);
}

PACKET_INLINE int filter_hinted(const struct kernel_state *s, __u32 tail)
{
	__u32 class = kernel_hint_class(tail);

	return LEASE_READ(s->hint[class / 64 % KERNEL_HINT_WORDS]) >> class % 64 & 1;
}

PACKET_INLINE int filter_shut_v4(const struct kernel_state *s, __u32 address)
{
	__u32 key[4] = {0, 0, PACKET_BE32(0xffff), address};

	return filter_hinted(s, address) && filter_is_shut(s, key);
}

PACKET_INLINE int filter_shut_v6(const struct kernel_state *s, const __u32 address[4])
{
	__u32 key[4] = {address[0], address[1], address[2], address[3]};

	return filter_hinted(s, key[3]) && filter_is_shut(s, key);
}

PACKET_INLINE int filter_ipv4(const struct kernel_state *s, enum filter_direction direction,
			      const struct packet *p)
{
	const struct packet_ipv4 *ip = packet_at(p, 0, PACKET_IPV4_BYTES);

	return ip && filter_shut_v4(s, direction == FILTER_IN ? ip->destination : ip->source);
}

PACKET_INLINE int filter_ipv6(const struct kernel_state *s, enum filter_direction direction,
			      const struct packet *p)
{
	const struct packet_ipv6 *ip = packet_at(p, 0, PACKET_IPV6_BYTES);
	const struct packet_nd *nd;
	__u8 protocol;

	if (!ip)
		return 0;
	protocol = ip->protocol;
	if (filter_shut_v6(s, direction == FILTER_IN ? ip->destination : ip->source))
		return 1;
	if (protocol != PACKET_ICMPV6)
		return 0;
	nd = packet_at(p, PACKET_IPV6_BYTES, PACKET_ND_BYTES);
	return nd && nd->type == (direction == FILTER_IN ? PACKET_SOLICIT : PACKET_ADVERTISE) &&
	       filter_shut_v6(s, nd->target);
}

PACKET_INLINE int filter_arp(const struct kernel_state *s, enum filter_direction direction,
			     const struct packet *p)
{
	const struct packet_arp *arp = packet_at(p, 0, PACKET_ARP_BYTES);
	__u32 address;

	if (!arp || arp->protocol != PACKET_BE16(PACKET_IPV4) ||
	    arp->link_bytes != sizeof(arp->sender_mac) ||
	    arp->protocol_bytes != sizeof(arp->sender))
		return 0;
	__builtin_memcpy(&address, direction == FILTER_IN ? arp->target : arp->sender,
			 sizeof(address));
	return filter_shut_v4(s, address);
}

PACKET_INLINE int filter_drops(const struct kernel_state *s, enum filter_direction direction,
			       const struct packet *p)
{
	if (p->type == PACKET_IPV4)
		return filter_ipv4(s, direction, p);
	if (p->type == PACKET_IPV6)
		return filter_ipv6(s, direction, p);
	return p->type == PACKET_ARP && filter_arp(s, direction, p);
}

#endif
