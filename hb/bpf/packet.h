/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_HB_BPF_PACKET_H
#define HF_HB_BPF_PACKET_H

/*
 * Where the network header of a packet is, and what stands in it. The first VLAN tag is mostly in
 * the packet's metadata, which redirection keeps; up to two more are looked through here.
 */

#define PACKET_IPV4 0x0800
#define PACKET_ARP  0x0806
#define PACKET_IPV6 0x86dd
#define PACKET_VLAN 0x8100
#define PACKET_QINQ 0x88a8

#define PACKET_ETHERNET_BYTES 14
#define PACKET_TAG_BYTES      4
#define PACKET_IPV4_BYTES     20
#define PACKET_IPV6_BYTES     40
#define PACKET_UDP_BYTES      8
#define PACKET_ARP_BYTES      28
#define PACKET_ND_BYTES	      24 /* ICMPv6 type to the end of the target */

#define PACKET_UDP	 17
#define PACKET_ICMPV6	 58
#define PACKET_SOLICIT	 135
#define PACKET_ADVERTISE 136
#define PACKET_FRAGMENT	 0x1fff /* its offset */

#define PACKET_INLINE static inline __attribute__((always_inline))

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define PACKET_BE16(x) ((__u16)(x))
#define PACKET_BE32(x) ((__u32)(x))
#define PACKET_BE64(x) ((__u64)(x))
#else
#define PACKET_BE16(x) __builtin_bswap16(x)
#define PACKET_BE32(x) __builtin_bswap32(x)
#define PACKET_BE64(x) __builtin_bswap64(x)
#endif

struct packet_ipv4 {
	__u8 version_words, tos;
	__u16 bytes;
	__u16 id, fragment;
	__u8 ttl, protocol;
	__u16 sum;
	__u32 source, destination;
};

struct packet_ipv6 {
	__u32 version_flow;
	__u16 bytes; /* behind this header */
	__u8 protocol, hop_limit;
	__u32 source[4], destination[4];
};

struct packet_udp {
	__u16 source, destination;
	__u16 bytes, sum;
};

struct packet_nd {
	__u8 type, code;
	__u16 sum;
	__u32 flags;
	__u32 target[4];
};

/* The addresses are not aligned. */
struct packet_arp {
	__u16 link_type, protocol;
	__u8 link_bytes, protocol_bytes;
	__u16 operation;
	__u8 sender_mac[6];
	__u8 sender[4];
	__u8 target_mac[6];
	__u8 target[4];
};

/*
 * The packet whose heads are looked at. `head`: its first bytes from the network header on, for
 * devices without a link-layer header, zeros behind its end; NULL: they are read in the packet.
 */
struct packet {
	struct __sk_buff *skb;
	__u32 network; /* offset of the network header */
	__u16 type;    /* of it, an EtherType in host byte order */
	const char *head;
};

/* Read anew each time: the verifier takes no copy that the compiler has kept beside it. */
#define PACKET_POINTER(x) ((const char *)(long)*(const volatile __typeof__(x) *)&(x))

/*
 * `bytes` from `offset` on, from the start of the packet; NULL if it ends before. Pointers of
 * before are void afterwards. Heads that a driver has left in fragments are rare, and the IP stack
 * would pull them next. Never more than the heads that there are: they end where fragments start.
 */
PACKET_INLINE const char *packet_bytes(struct __sk_buff *skb, __u32 offset, __u32 bytes)
{
	const char *data = PACKET_POINTER(skb->data) + offset;

	if (data + bytes <= PACKET_POINTER(skb->data_end))
		return data;
	if (skb->len < offset + bytes || bpf_skb_pull_data(skb, offset + bytes) < 0)
		return NULL;
	data = PACKET_POINTER(skb->data) + offset;
	return data + bytes <= PACKET_POINTER(skb->data_end) ? data : NULL;
}

/* Likewise, with `offset` from the network header on. */
PACKET_INLINE const void *packet_at(const struct packet *p, __u32 offset, __u32 bytes)
{
	return p->head ? p->head + offset : packet_bytes(p->skb, p->network + offset, bytes);
}

/* Finds the network header behind an Ethernet header. 0: there is none. */
PACKET_INLINE int packet_open(struct __sk_buff *skb, struct packet *ret)
{
	const char *at = packet_bytes(skb, PACKET_ETHERNET_BYTES - 2, 2);
	__u32 network = PACKET_ETHERNET_BYTES;
	__u16 type;

	if (!at)
		return 0;
	type = PACKET_BE16(*(const __u16 *)at);
	for (int i = 0; i < 2 && (type == PACKET_VLAN || type == PACKET_QINQ); i++) {
		at = packet_bytes(skb, network + 2, 2);
		if (!at)
			return 0;
		type = PACKET_BE16(*(const __u16 *)at);
		network += PACKET_TAG_BYTES;
	}
	ret->skb = skb;
	ret->network = network;
	ret->type = type;
	ret->head = NULL;
	return 1;
}

#endif
