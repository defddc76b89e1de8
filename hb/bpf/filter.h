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

PACKET_INLINE int filter_ipv6(const struct kernel_state *s, enum filter_direction direction,
			      const char *at, const char *end)
{
	const struct packet_ipv6 *ip = (const void *)at;
	const struct packet_nd *nd = (const void *)(at + PACKET_IPV6_BYTES);
	__u8 type = direction == FILTER_IN ? PACKET_SOLICIT : PACKET_ADVERTISE;

	if (at + PACKET_IPV6_BYTES > end)
		return 0;
	if (filter_shut_v6(s, direction == FILTER_IN ? ip->destination : ip->source))
		return 1;
	return ip->protocol == PACKET_ICMPV6 && at + PACKET_IPV6_BYTES + PACKET_ND_BYTES <= end &&
	       nd->type == type && filter_shut_v6(s, nd->target);
}

PACKET_INLINE int filter_arp(const struct kernel_state *s, enum filter_direction direction,
			     const char *at, const char *end)
{
	const struct packet_arp *arp = (const void *)at;
	__u32 address;

	if (at + PACKET_ARP_BYTES > end || arp->protocol != PACKET_BE16(PACKET_IPV4) ||
	    arp->link_bytes != sizeof(arp->sender_mac) ||
	    arp->protocol_bytes != sizeof(arp->sender))
		return 0;
	__builtin_memcpy(&address, direction == FILTER_IN ? arp->target : arp->sender,
			 sizeof(address));
	return filter_shut_v4(s, address);
}

/* `at` to `end`: the packet from its network header on, or its first bytes. */
PACKET_INLINE int filter_drops(const struct kernel_state *s, enum filter_direction direction,
			       __u16 type, const char *at, const char *end)
{
	const struct packet_ipv4 *ip = (const void *)at;

	if (type == PACKET_IPV4)
		return at + PACKET_IPV4_BYTES <= end &&
		       filter_shut_v4(s, direction == FILTER_IN ? ip->destination : ip->source);
	if (type == PACKET_IPV6)
		return filter_ipv6(s, direction, at, end);
	return type == PACKET_ARP && filter_arp(s, direction, at, end);
}

#endif
