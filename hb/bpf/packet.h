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
/* All that is looked at: two tags, IPv6, a solicitation. */
#define PACKET_HEADS_BYTES 86

#define PACKET_UDP	   17
#define PACKET_ICMPV6	   58
#define PACKET_SOLICIT	   135
#define PACKET_ADVERTISE   136
#define PACKET_FRAGMENT	   0x1fff /* its offset */
#define PACKET_UDP_PORT_AT 2	  /* of the destination */

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
 * Makes the heads readable through skb->data. A driver that leaves all of them in fragments is
 * rare, and the IP stack would do the same next.
 */
PACKET_INLINE void packet_pull(struct __sk_buff *skb)
{
	const char *data = (const char *)(long)skb->data;
	__u32 bytes = skb->len < PACKET_HEADS_BYTES ? skb->len : PACKET_HEADS_BYTES;

	if (data + bytes > (const char *)(long)skb->data_end)
		bpf_skb_pull_data(skb, bytes);
}

/* The offset of the network header, or 0. *ret is its type, an EtherType in host byte order. */
PACKET_INLINE __u32 packet_network(const struct __sk_buff *skb, __u16 *ret)
{
	const char *data = (const char *)(long)skb->data, *end = (const char *)(long)skb->data_end;
	__u32 at = PACKET_ETHERNET_BYTES;
	__u16 type;

	if (data + PACKET_ETHERNET_BYTES > end)
		return 0;
	type = PACKET_BE16(*(const __u16 *)(data + 12));
	for (int i = 0; i < 2; i++) {
		if (type != PACKET_VLAN && type != PACKET_QINQ)
			break;
		if (data + at + PACKET_TAG_BYTES > end)
			return 0;
		type = PACKET_BE16(*(const __u16 *)(data + at + 2));
		at += PACKET_TAG_BYTES;
	}
	*ret = type;
	return at;
}

#endif
