/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_HB_BPF_PROBE_H
#define HF_HB_BPF_PROBE_H

/*
 * Probes (docs/kernel.md, Datagram): checks one that came in, and makes the answer of it in place.
 * What is for a port or an address of others is left alone; what is for ours and bad is counted
 * by its reason and dropped; answers go on to the agent.
 */

#include "hb/bpf/filter.h"
#include "hb/bpf/siphash.h"

#define PROBE_UDP_BYTES	 (PACKET_UDP_BYTES + KERNEL_PROBE_BYTES)
#define PROBE_HOPS	 64
#define PROBE_FRAGMENTED 0x3fff /* more fragments, or an offset */
#define PROBE_FIELDS	 10	/* of 64 bits, from `incarnation` on */
#define PROBE_FLAGS	 (KERNEL_FLAG_GRANT | KERNEL_FLAG_OUTSIDE)

/* As it is in the datagram, big-endian. */
struct probe_wire {
	__u32 magic;
	__u8 version, type, from, to;
	__u64 cluster_id;
	__u32 key_id;
	__u8 link, flags;
	__u16 zero;
	__u64 incarnation, stamp, lease_epoch, installed, to_incarnation;
	__u64 token, lease_us, to_lease_epoch, progress, age_us;
	__u64 mac[2];
};

_Static_assert(sizeof(struct probe_wire) == KERNEL_PROBE_BYTES, "nothing is padded");

union probe_buffer {
	struct probe_wire wire;
	__u64 words[KERNEL_PROBE_BYTES / 8];
};

/* What of the heads is needed later. */
struct probe_heads {
	__u32 network, transport; /* offsets */
	__u32 source[4], destination[4];
	__u16 source_port, sum; /* as in the packet */
	__u8 hops, protocol;
	__u8 v6, exact; /* exact: the sizes and headers of a probe */
};

typedef __u64 __attribute__((may_alias)) probe_word;

/* Of addresses in the state map, which are at multiples of eight. */
PACKET_INLINE int probe_same_address(const __u8 configured[16], const __u32 address[4])
{
	const probe_word *a = (const void *)configured, *b = (const void *)address;

	return a[0] == b[0] && a[1] == b[1] && (a[0] || a[1]);
}

PACKET_INLINE int probe_load_ipv4(struct __sk_buff *skb, struct probe_heads *h)
{
	struct packet_ipv4 ip;

	if (bpf_skb_load_bytes(skb, h->network, &ip, sizeof(ip)) < 0)
		return 0;
	h->transport = h->network + (ip.version_words & 0xf) * 4;
	h->source[2] = PACKET_BE32(0xffff);
	h->source[3] = ip.source;
	h->destination[2] = PACKET_BE32(0xffff);
	h->destination[3] = ip.destination;
	h->hops = ip.ttl;
	h->protocol = ip.protocol;
	/* Options could send the answer elsewhere (source routes). */
	h->exact = ip.version_words == 0x45 && !(ip.fragment & PACKET_BE16(PROBE_FRAGMENTED)) &&
		   ip.bytes == PACKET_BE16(PACKET_IPV4_BYTES + PROBE_UDP_BYTES);
	return 1;
}

PACKET_INLINE int probe_load_ipv6(struct __sk_buff *skb, struct probe_heads *h)
{
	struct packet_ipv6 ip;

	if (bpf_skb_load_bytes(skb, h->network, &ip, sizeof(ip)) < 0)
		return 0;
	h->transport = h->network + PACKET_IPV6_BYTES;
	__builtin_memcpy(h->source, ip.source, sizeof(h->source));
	__builtin_memcpy(h->destination, ip.destination, sizeof(h->destination));
	h->hops = ip.hop_limit;
	h->protocol = ip.protocol;
	h->exact = ip.bytes == PACKET_BE16(PROBE_UDP_BYTES);
	return 1;
}

/* 0: not to our port. */
PACKET_INLINE int probe_load_heads(struct __sk_buff *skb, const struct kernel_state *s,
				   struct probe_heads *h)
{
	struct packet_udp udp;

	if (!(h->v6 ? probe_load_ipv6(skb, h) : probe_load_ipv4(skb, h)) ||
	    bpf_skb_load_bytes(skb, h->transport, &udp, sizeof(udp)) < 0 ||
	    udp.destination != PACKET_BE16(s->port))
		return 0;
	h->source_port = udp.source;
	h->sum = udp.sum;
	h->exact = h->exact && udp.bytes == PACKET_BE16(PROBE_UDP_BYTES) &&
		   skb->len == h->transport + PROBE_UDP_BYTES;
	return 1;
}

/* Packets that are only forwarded by us, or go on to a bridge, are not ours. */
PACKET_INLINE int probe_is_for_us(const struct __sk_buff *skb, const struct kernel_state *s,
				  const struct probe_heads *h)
{
	if (skb->pkt_type == PACKET_OTHERHOST)
		return 0;
	for (__u32 k = 0; k < KERNEL_LINKS_MAX; k++)
		if (probe_same_address(s->address[k], h->destination))
			return 1;
	return 0;
}

/* From a configured peer, from its address to ours on that link. */
PACKET_INLINE int probe_is_from_peer(const struct kernel_state *s, const struct probe_heads *h,
				     const struct probe_wire *w)
{
	__u32 link = w->link % KERNEL_LINKS_MAX;
	const struct kernel_peer *peer = &s->peer[w->from % KERNEL_NODES_MAX];

	return w->from < s->n_nodes && w->from < KERNEL_NODES_MAX && w->from != s->self &&
	       w->to == s->self && w->link < s->n_links && w->link < KERNEL_LINKS_MAX &&
	       peer->configured && h->source_port == PACKET_BE16(s->port) &&
	       probe_same_address(peer->address[link], h->source) &&
	       probe_same_address(s->address[link], h->destination);
}

/* Nothing is answered to many, nor to what claims to be many. */
PACKET_INLINE int probe_is_unicast(struct __sk_buff *skb, const struct probe_heads *h)
{
	__u8 mac = 0;

	if (h->network && bpf_skb_load_bytes(skb, 6, &mac, sizeof(mac)) < 0)
		return 0;
	return skb->pkt_type == PACKET_HOST && !(mac & 1);
}

PACKET_INLINE const struct kernel_key *probe_key(const struct kernel_state *s, __u32 id)
{
	for (int i = 0; i < KERNEL_KEYS_MAX; i++)
		if (s->key[i].present && s->key[i].id == id)
			return &s->key[i];
	return NULL;
}

/* Out of line, as it is called twice. */
static __attribute__((noinline)) int probe_hash(const __u64 *words, const struct kernel_key *key,
						__u64 *ret)
{
	__u64 halves[2] = {key->k0, key->k1};

	siphash_128(words, KERNEL_SIGNED_BYTES / 8, halves, ret);
	return 0;
}

/* Whether an agent holds the socket that the probe is for. */
PACKET_INLINE int probe_socket(struct __sk_buff *skb, const struct probe_heads *h)
{
	struct bpf_sock_tuple t = {};
	__u32 bytes = sizeof(t.ipv6);
	struct bpf_sock *sock;

	if (h->v6) {
		__builtin_memcpy(t.ipv6.saddr, h->source, sizeof(t.ipv6.saddr));
		__builtin_memcpy(t.ipv6.daddr, h->destination, sizeof(t.ipv6.daddr));
		t.ipv6.sport = t.ipv6.dport = h->source_port;
	} else {
		t.ipv4.saddr = h->source[3];
		t.ipv4.daddr = h->destination[3];
		t.ipv4.sport = t.ipv4.dport = h->source_port;
		bytes = sizeof(t.ipv4);
	}
	sock = bpf_sk_lookup_udp(skb, &t, bytes, BPF_F_CURRENT_NETNS, 0);
	if (!sock)
		return 0;
	bpf_sk_release(sock);
	return 1;
}

PACKET_INLINE void probe_decode(const struct probe_wire *w, struct kernel_probe *p)
{
	p->type = w->type;
	p->from = w->from;
	p->to = w->to;
	p->link = w->link;
	p->flags = w->flags;
	p->incarnation = PACKET_BE64(w->incarnation);
	p->stamp = PACKET_BE64(w->stamp);
	p->lease_epoch = PACKET_BE64(w->lease_epoch);
	p->installed = PACKET_BE64(w->installed);
	p->to_incarnation = PACKET_BE64(w->to_incarnation);
	p->token = PACKET_BE64(w->token);
	p->lease_us = PACKET_BE64(w->lease_us);
}

/* What an answer does not repeat. */
PACKET_INLINE void probe_encode(const struct kernel_probe *p, struct probe_wire *w)
{
	w->type = p->type;
	w->from = p->from;
	w->to = p->to;
	w->flags = p->flags;
	w->to_incarnation = PACKET_BE64(p->to_incarnation);
	w->token = PACKET_BE64(p->token);
	w->lease_us = PACKET_BE64(p->lease_us);
	w->to_lease_epoch = PACKET_BE64(p->to_lease_epoch);
	w->progress = PACKET_BE64(p->progress);
	w->age_us = PACKET_BE64(p->age_us);
}

/* Back to where it came from. Swapping changes no sum; the ports are the same. */
PACKET_INLINE int probe_turn(struct __sk_buff *skb, const struct probe_heads *h)
{
	__u8 macs[12], hops = PROBE_HOPS;

	if (h->network) {
		if (bpf_skb_load_bytes(skb, 0, macs, sizeof(macs)) < 0 ||
		    bpf_skb_store_bytes(skb, 0, macs + 6, 6, 0) < 0 ||
		    bpf_skb_store_bytes(skb, 6, macs, 6, 0) < 0)
			return -1;
	}
	if (h->v6) {
		__u32 at = h->network + 8;

		if (bpf_skb_store_bytes(skb, at, h->destination, 16, 0) < 0 ||
		    bpf_skb_store_bytes(skb, at + 16, h->source, 16, 0) < 0)
			return -1;
		return bpf_skb_store_bytes(skb, h->network + 7, &hops, 1, BPF_F_RECOMPUTE_CSUM);
	}
	if (bpf_skb_store_bytes(skb, h->network + 12, &h->destination[3], 4, 0) < 0 ||
	    bpf_skb_store_bytes(skb, h->network + 16, &h->source[3], 4, 0) < 0 ||
	    bpf_skb_store_bytes(skb, h->network + 8, &hops, 1, 0) < 0)
		return -1;
	return bpf_l3_csum_replace(skb, h->network + 10,
				   PACKET_BE16((__u16)(h->hops << 8 | h->protocol)),
				   PACKET_BE16((__u16)(PROBE_HOPS << 8 | h->protocol)), 2);
}

/*
 * Writes the answer and mends the sum of UDP by the difference. The helper leaves alone what the
 * device will sum (CHECKSUM_PARTIAL). Where there is no sum to mend, that of the whole packet,
 * which a device may have taken (CHECKSUM_COMPLETE), changes instead.
 */
PACKET_INLINE int probe_put(struct __sk_buff *skb, const struct probe_heads *h,
			    union probe_buffer *b, __u32 difference)
{
	if (bpf_skb_store_bytes(skb, h->transport + PACKET_UDP_BYTES, b, sizeof(*b),
				h->sum ? 0 : BPF_F_RECOMPUTE_CSUM) < 0)
		return -1;
	return bpf_l4_csum_replace(skb, h->transport + 6, 0, difference, BPF_F_MARK_MANGLED_0);
}

PACKET_INLINE int probe_refuse(struct kernel_state *s, enum kernel_count why)
{
	LEASE_COUNT(s, why);
	return TC_ACT_SHOT;
}

/* All but type and MAC. TC_ACT_OK: go on; a probe that is refused is counted. */
PACKET_INLINE int probe_check(struct __sk_buff *skb, struct kernel_state *s,
			      const struct probe_heads *h, const struct probe_wire *w)
{
	if (w->version != KERNEL_VERSION)
		return probe_refuse(s, KERNEL_COUNT_VERSION);
	if (w->cluster_id != PACKET_BE64(s->cluster_id))
		return probe_refuse(s, KERNEL_COUNT_CLUSTER);
	if (!probe_is_unicast(skb, h) || !probe_is_from_peer(s, h, w))
		return probe_refuse(s, KERNEL_COUNT_SENDER);
	return TC_ACT_OK;
}

PACKET_INLINE int probe_answer(struct __sk_buff *skb, struct kernel_state *s,
			       const struct probe_heads *h, union probe_buffer *b)
{
	const struct kernel_key *key = probe_key(s, PACKET_BE32(b->wire.key_id));
	struct kernel_probe p = {};
	__u64 mac[2];
	__s64 sum;

	if (!key)
		return probe_refuse(s, KERNEL_COUNT_KEY);
	probe_hash(b->words, key, mac);
	if (mac[0] != b->wire.mac[0] || mac[1] != b->wire.mac[1])
		return probe_refuse(s, KERNEL_COUNT_MAC);
	probe_decode(&b->wire, &p);
	if (p.type != KERNEL_PROBE || b->wire.zero || p.flags & ~PROBE_FLAGS || !p.incarnation)
		return probe_refuse(s, KERNEL_COUNT_FORMAT);
	if (!lease_answer(s, &p, !probe_socket(skb, h), filter_now_us()))
		return TC_ACT_SHOT; /* counted there */
	sum = bpf_csum_diff((__be32 *)b, sizeof(*b), NULL, 0, 0);
	probe_encode(&p, &b->wire);
	probe_hash(b->words, key, b->wire.mac);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)b, sizeof(*b), (__u32)sum);
	if (probe_put(skb, h, b, (__u32)sum) < 0 || probe_turn(skb, h) < 0)
		return TC_ACT_SHOT; /* no memory: as if it had been lost */
	return bpf_redirect(skb->ifindex, 0);
}

/*
 * What seems to be for our port. `network`: offset of the IP header, 0 without a link-layer header.
 * Out of line: most packets never come here.
 */
static __attribute__((noinline)) int probe_receive(struct __sk_buff *skb, struct kernel_state *s,
						   __u32 network, int v6)
{
	struct probe_heads h = {.network = network, .v6 = (__u8)v6};
	union probe_buffer b;
	int r;

	if (!probe_load_heads(skb, s, &h) ||
	    bpf_skb_load_bytes(skb, h.transport + PACKET_UDP_BYTES, &b, 8) < 0 ||
	    b.wire.magic != PACKET_BE32(KERNEL_MAGIC) || b.wire.type == KERNEL_ANSWER ||
	    !probe_is_for_us(skb, s, &h))
		return TC_ACT_UNSPEC;
	if (!h.exact || bpf_skb_load_bytes(skb, h.transport + PACKET_UDP_BYTES, &b, sizeof(b)) < 0)
		return probe_refuse(s, KERNEL_COUNT_SIZE);
	r = probe_check(skb, s, &h, &b.wire);
	return r == TC_ACT_OK ? probe_answer(skb, s, &h, &b) : r;
}

/* With options: looked at in probe_receive(). */
PACKET_INLINE int probe_is_likely(const struct kernel_state *s, const struct packet *p)
{
	__u32 at = p->type == PACKET_IPV4 ? PACKET_IPV4_BYTES : PACKET_IPV6_BYTES;
	const struct packet_ipv4 *v4;
	const struct packet_ipv6 *v6;
	const struct packet_udp *udp;

	if (p->type == PACKET_IPV4) {
		v4 = packet_at(p, 0, PACKET_IPV4_BYTES);
		if (!v4 || v4->protocol != PACKET_UDP ||
		    v4->fragment & PACKET_BE16(PACKET_FRAGMENT))
			return 0;
		if (v4->version_words != 0x45)
			return LEASE_READ(s->incarnation) != 0;
	} else {
		if (p->type != PACKET_IPV6)
			return 0;
		v6 = packet_at(p, 0, PACKET_IPV6_BYTES);
		if (!v6 || v6->protocol != PACKET_UDP)
			return 0;
	}
	udp = packet_at(p, at, PACKET_UDP_BYTES);
	return udp && udp->destination == PACKET_BE16(s->port) && LEASE_READ(s->incarnation) != 0;
}

#endif
