/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TESTS_KERNEL_FRAME_H
#define HF_TESTS_KERNEL_FRAME_H

/*
 * Frames for the BPF programs, made and summed here without the code under test, and a state map
 * for them: we are node 0 of four with one vote each; 1 and 2 are configured peers, 3 is not. Node
 * N has 10.1.0.N+1 on link 0 and fd00::N+1 on link 1.
 */

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hb/bpf/layout.h"
#include "hb/bpf/siphash.h"

#define FRAME_PORT	  7411
#define FRAME_CLUSTER	  0x1122334455667788ULL
#define FRAME_INCARNATION 0x0a0b0c0d00000007ULL /* ours */
#define FRAME_PEER	  0x0102030400000009ULL /* incarnation of each peer */
#define FRAME_BYTES	  512
#define FRAME_KEYS                                                                  \
	{                                                                           \
		{0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL, 0xaabbccdd, 1},      \
		{                                                                   \
			0x1716151413121110ULL, 0x1f1e1d1c1b1a1918ULL, 0x01020304, 1 \
		}                                                                   \
	}

struct frame {
	uint8_t bytes[FRAME_BYTES];
	size_t n, network, transport;
	bool v6;
};

static inline void put16(uint8_t *at, uint64_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static inline void put32(uint8_t *at, uint64_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v);
}

static inline void put64(uint8_t *at, uint64_t v)
{
	put32(at, v >> 32);
	put32(at + 4, v);
}

static inline uint64_t get_be(const uint8_t *at, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | *at++;
	return v;
}

/* The address of a node on a link; IPv4 as ::ffff:a.b.c.d. */
static inline void frame_address(uint8_t ret[16], uint8_t node, uint8_t link)
{
	static const uint8_t v4[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [13] = 1};
	static const uint8_t v6[16] = {0xfd};

	memcpy(ret, link == 0 ? v4 : v6, 16);
	ret[15] = (uint8_t)(node + 1);
}

static inline void frame_state(struct kernel_state *s)
{
	static const struct kernel_key keys[] = FRAME_KEYS;

	memset(s, 0, sizeof(*s));
	s->abi = KERNEL_ABI;
	s->bytes = sizeof(*s);
	s->cluster_id = FRAME_CLUSTER;
	s->n_nodes = 4;
	s->n_links = 2;
	s->port = FRAME_PORT;
	s->votes_self = 1;
	s->votes_total = 4;
	memcpy(s->key, keys, sizeof(keys));
	s->incarnation = FRAME_INCARNATION;
	for (uint8_t k = 0; k < 2; k++) {
		frame_address(s->address[k], 0, k);
		for (uint8_t n = 1; n < 4; n++)
			frame_address(s->peer[n].address[k], n, k);
	}
	s->peer[1].votes = s->peer[2].votes = 1;
	s->peer[1].configured = s->peer[2].configured = 1;
}

/* ---- sums ---- */

static inline uint32_t sum_add(uint32_t sum, const uint8_t *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? at[i] : (uint32_t)at[i] << 8;
	return sum;
}

static inline uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Of the pseudo header and what is behind the network header. */
static inline uint16_t frame_transport_sum(const struct frame *f, uint8_t protocol)
{
	const uint8_t *ip = f->bytes + f->network;
	size_t n = f->n - f->transport;
	uint32_t sum = (uint32_t)(n + protocol);

	sum = f->v6 ? sum_add(sum, ip + 8, 32) : sum_add(sum, ip + 12, 8);
	return sum_fold(sum_add(sum, f->bytes + f->transport, n));
}

/* Sums both headers anew; a UDP sum of 0 stays if `keep_zero`. */
static inline void frame_sums(struct frame *f, bool keep_zero)
{
	uint8_t *ip = f->bytes + f->network, *sum = f->bytes + f->transport + 6;
	uint16_t v;

	if (!f->v6) {
		put16(ip + 10, 0);
		put16(ip + 10, sum_fold(sum_add(0, ip, f->transport - f->network)));
	}
	if (keep_zero && get_be(sum, 2) == 0)
		return;
	put16(sum, 0);
	v = frame_transport_sum(f, 17);
	put16(sum, v ? v : 0xffff);
}

/* ---- frames ---- */

/* MAC addresses (ours is that of loopback, which TEST_RUN takes) and VLAN tags. */
static inline void frame_ethernet(struct frame *f, uint16_t type, unsigned int tags)
{
	static const uint8_t peer[6] = {2, 0, 0, 0, 0, 1};

	memset(f, 0, sizeof(*f));
	memcpy(f->bytes + 6, peer, 6);
	f->n = 12;
	for (unsigned int i = 0; i < tags; i++, f->n += 4)
		put32(f->bytes + f->n, (tags - i == 2 ? 0x88a80000 : 0x81000000) + 100 + i);
	put16(f->bytes + f->n, type);
	f->n += 2;
	f->network = f->n;
	f->v6 = type == 0x86dd;
}

/* An IP header for `n` bytes of `protocol`, with 4 * `words` bytes of options (IPv4). */
static inline void frame_ip(struct frame *f, const uint8_t source[16],
			    const uint8_t destination[16], uint8_t protocol, size_t n)
{
	uint8_t *ip = f->bytes + f->network;

	if (f->v6) {
		ip[0] = 0x60;
		put16(ip + 4, n);
		ip[6] = protocol;
		ip[7] = 63;
		memcpy(ip + 8, source, 16);
		memcpy(ip + 24, destination, 16);
		f->transport = f->network + 40;
	} else {
		ip[0] = 0x45;
		ip[1] = 0xb8;
		put16(ip + 2, 20 + n);
		put32(ip + 4, 0x12344000);
		ip[8] = 63;
		ip[9] = protocol;
		memcpy(ip + 12, source + 12, 4);
		memcpy(ip + 16, destination + 12, 4);
		f->transport = f->network + 20;
		put16(ip + 10, sum_fold(sum_add(0, ip, 20)));
	}
	f->n = f->transport + n;
}

static inline uint8_t *frame_payload(struct frame *f)
{
	return f->bytes + f->transport + 8;
}

/* Signs with the key that the datagram names; a MAC of zeros if there is none. */
static inline void frame_sign(struct frame *f)
{
	static const struct kernel_key keys[] = FRAME_KEYS;
	uint8_t *p = frame_payload(f);
	__u64 words[KERNEL_SIGNED_BYTES / 8], mac[2] = {};

	memcpy(words, p, sizeof(words));
	for (size_t i = 0; i < KERNEL_KEYS_MAX; i++) {
		const __u64 key[2] = {keys[i].k0, keys[i].k1};

		if (keys[i].id == get_be(p + 16, 4))
			siphash_128(words, KERNEL_SIGNED_BYTES / 8, key, mac);
	}
	memcpy(p + KERNEL_SIGNED_BYTES, mac, sizeof(mac));
}

/* Where the fields are in the datagram. */
enum {
	AT_VERSION = 4,
	AT_TYPE,
	AT_FROM,
	AT_TO,
	AT_CLUSTER,
	AT_KEY = 16,
	AT_LINK = 20,
	AT_FLAGS,
	AT_ZERO,
	AT_INCARNATION = 24,
	AT_STAMP = 32,
	AT_LEASE_EPOCH = 40,
	AT_ACCEPTED = 48,
	AT_TO_INCARNATION = 56,
	AT_TOKEN = 64,
	AT_LEASE = 72,
	AT_TO_LEASE_EPOCH = 80,
	AT_PROGRESS = 88,
	AT_AGE = 96,
	AT_MAC = 104,
};

/* A signed probe of node `from` by `link`, which is IPv4 for 0 and IPv6 for 1. */
static inline void frame_probe(struct frame *f, uint8_t from, uint8_t link, unsigned int tags,
			       uint64_t stamp)
{
	static const struct kernel_key keys[] = FRAME_KEYS;
	uint8_t source[16], destination[16], *p;

	frame_address(source, from, link);
	frame_address(destination, 0, link);
	frame_ethernet(f, link ? 0x86dd : 0x0800, tags);
	frame_ip(f, source, destination, 17, 8 + KERNEL_PROBE_BYTES);
	put16(f->bytes + f->transport, FRAME_PORT);
	put16(f->bytes + f->transport + 2, FRAME_PORT);
	put16(f->bytes + f->transport + 4, 8 + KERNEL_PROBE_BYTES);
	p = frame_payload(f);
	put32(p, KERNEL_MAGIC);
	p[AT_VERSION] = KERNEL_VERSION;
	p[AT_TYPE] = KERNEL_PROBE;
	p[AT_FROM] = from;
	put64(p + AT_CLUSTER, FRAME_CLUSTER);
	put32(p + AT_KEY, keys[0].id);
	p[AT_LINK] = link;
	put64(p + AT_INCARNATION, FRAME_PEER);
	put64(p + AT_STAMP, stamp);
	put64(p + AT_TO_INCARNATION, FRAME_INCARNATION);
	frame_sign(f);
	frame_sums(f, false);
}

#endif
