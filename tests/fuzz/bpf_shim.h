/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TESTS_BPF_SHIM_H
#define HF_TESTS_BPF_SHIM_H

/*
 * The kernel for a user-space build of hb/bpf/holdfast.bpf.c: one packet, the two maps, and the
 * helpers as the kernel defines them. The part of the packet that can be read through skb->data
 * lies in a block of exactly its size, which moves at each helper that the verifier takes to
 * invalidate pointers into it: a sanitizer sees the first byte beyond and every stale pointer.
 */

#define HF_BPF_SHIM 1

#define __sk_buff shim_uapi_sk_buff
#include <linux/bpf.h>
#undef __sk_buff
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <linux/types.h>
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hb/bpf/layout.h"

#define SEC(name)
#define __uint(name, value) int(*name)[value]
#define __type(name, value) __typeof__(value) *name

#define SHIM_BYTES     2048
#define SHIM_ADDRESSES 4

struct __sk_buff {
	__u32 len, pkt_type, protocol, ifindex;
	unsigned long data, data_end;
};

static struct shim {
	struct __sk_buff skb;
	uint8_t bytes[SHIM_BYTES]; /* the whole packet */
	uint8_t *block;		   /* its linear part, two bytes into this */
	uint32_t linear, network;
	bool partial;	/* CHECKSUM_PARTIAL */
	uint64_t whole; /* CHECKSUM_COMPLETE: sum of all words, as the kernel is told of it */
	struct kernel_state state;
	uint8_t address[SHIM_ADDRESSES][16];
	unsigned int n_addresses;
	uint64_t now_us;
	bool socket;
	unsigned int held; /* sockets that were not released */
	struct bpf_sock_tuple looked_up;
	__u32 looked_up_bytes;
} shim;

/* IP headers are at multiples of four, as drivers place them. */
static inline void shim_move(uint32_t linear)
{
	uint8_t *block = malloc(linear + 2);

	if (!block)
		abort();
	memcpy(block + 2, shim.bytes, linear);
	free(shim.block);
	shim.block = block;
	shim.linear = linear;
	shim.skb.data = (unsigned long)(block + 2);
	shim.skb.data_end = shim.skb.data + linear;
}

/* Of all 16-bit words, modulo 65535. */
static inline uint64_t shim_whole(void)
{
	uint64_t sum = 0;

	for (__u32 i = 0; i < shim.skb.len; i++)
		sum += (uint64_t)shim.bytes[i] << (i & 1 ? 0 : 8);
	return sum % 65535;
}

static inline void shim_packet(const uint8_t *bytes, size_t n, uint32_t linear)
{
	assert(n <= SHIM_BYTES);
	memcpy(shim.bytes, bytes, n);
	shim.skb.len = (__u32)n;
	shim_move(linear < n ? linear : (uint32_t)n);
	shim.whole = shim_whole();
}

static inline bool shim_within(__u32 offset, __u32 n)
{
	return offset <= 0xffff && n > 0 && offset + n <= shim.skb.len;
}

/* ---- maps ---- */

#define bpf_map_lookup_elem(map, k) shim_lookup(sizeof(*(map)->key), k)

static inline void *shim_lookup(size_t bytes, const void *key)
{
	static __u32 one = 1;

	if (bytes == 4)
		return &shim.state;
	assert(bytes == 16);
	for (unsigned int i = 0; i < shim.n_addresses; i++)
		if (!memcmp(shim.address[i], key, 16))
			return &one;
	return NULL;
}

/* ---- the packet ---- */

static inline int bpf_skb_pull_data(struct __sk_buff *skb, __u32 n)
{
	if (n > skb->len)
		return -ENOMEM;
	shim_move(n > shim.linear ? n : shim.linear);
	return 0;
}

static inline int bpf_skb_load_bytes(const struct __sk_buff *skb, __u32 offset, void *to, __u32 n)
{
	(void)skb;
	if (!shim_within(offset, n)) {
		memset(to, 0, n);
		return -EFAULT;
	}
	memcpy(to, shim.bytes + offset, n);
	return 0;
}

static inline int bpf_skb_load_bytes_relative(const struct __sk_buff *skb, __u32 offset, void *to,
					      __u32 n, __u32 start)
{
	assert(start == BPF_HDR_START_NET);
	return bpf_skb_load_bytes(skb, offset + shim.network, to, n);
}

static inline int bpf_skb_store_bytes(struct __sk_buff *skb, __u32 offset, const void *from,
				      __u32 n, __u64 flags)
{
	uint64_t was = shim_whole();

	(void)skb;
	assert(!(flags & ~(__u64)(BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH)));
	if (!shim_within(offset, n))
		return -EFAULT;
	memcpy(shim.bytes + offset, from, n);
	if (flags & BPF_F_RECOMPUTE_CSUM)
		shim.whole = (shim.whole + 65535 + shim_whole() - was) % 65535;
	shim_move(shim.linear);
	return 0;
}

/* ---- sums: of 16-bit words as they lie in memory ---- */

static inline uint32_t shim_sum_add(uint32_t a, uint32_t b)
{
	a += b;
	return a + (a < b);
}

static inline uint16_t shim_sum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static inline __s64 bpf_csum_diff(const __be32 *from, __u32 from_n, const __be32 *to, __u32 to_n,
				  __u32 seed)
{
	assert(from_n % 4 == 0 && to_n % 4 == 0 && from_n + to_n <= 512);
	for (__u32 i = 0; i < from_n / 4; i++)
		seed = shim_sum_add(seed, ~from[i]);
	for (__u32 i = 0; i < to_n / 4; i++)
		seed = shim_sum_add(seed, to[i]);
	return seed;
}

static inline void shim_sum_replace(__u32 offset, uint32_t difference, bool keep_zero)
{
	uint16_t sum;

	memcpy(&sum, shim.bytes + offset, sizeof(sum));
	if (keep_zero && sum == 0)
		return;
	sum = shim_sum_fold(shim_sum_add(difference, (uint16_t)~sum));
	if (keep_zero && sum == 0)
		sum = 0xffff;
	memcpy(shim.bytes + offset, &sum, sizeof(sum));
}

static inline int bpf_l3_csum_replace(struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to,
				      __u64 flags)
{
	(void)skb;
	assert(flags == 2 && from <= 0xffff && to <= 0xffff && offset % 2 == 0);
	if (!shim_within(offset, 2))
		return -EFAULT;
	shim_sum_replace(offset, shim_sum_add((uint16_t)~from, (uint32_t)to), false);
	shim_move(shim.linear);
	return 0;
}

static inline int bpf_l4_csum_replace(struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to,
				      __u64 flags)
{
	(void)skb;
	assert(flags == BPF_F_MARK_MANGLED_0 && from == 0 && offset % 2 == 0);
	if (!shim_within(offset, 2))
		return -EFAULT;
	if (!shim.partial)
		shim_sum_replace(offset, (uint32_t)to, true);
	shim_move(shim.linear);
	return 0;
}

/* ---- the rest ---- */

static inline __u64 bpf_ktime_get_boot_ns(void)
{
	return shim.now_us * 1000 + 999;
}

static inline struct bpf_sock *bpf_sk_lookup_udp(struct __sk_buff *skb,
						 struct bpf_sock_tuple *tuple, __u32 n,
						 long namespace, __u64 flags)
{
	static struct bpf_sock sock;

	(void)skb;
	assert(namespace == BPF_F_CURRENT_NETNS && flags == 0);
	assert(n == sizeof(tuple->ipv4) || n == sizeof(tuple->ipv6));
	memcpy(&shim.looked_up, tuple, n);
	shim.looked_up_bytes = n;
	if (!shim.socket)
		return NULL;
	shim.held++;
	return &sock;
}

static inline int bpf_sk_release(struct bpf_sock *sock)
{
	(void)sock;
	assert(shim.held == 1);
	shim.held--;
	return 0;
}

static inline int bpf_redirect(__u32 ifindex, __u64 flags)
{
	assert(ifindex == shim.skb.ifindex && flags == 0);
	return TC_ACT_REDIRECT;
}

int hf_ingress(struct __sk_buff *skb);
int hf_egress(struct __sk_buff *skb);
int hf_ingress_l3(struct __sk_buff *skb);
int hf_egress_l3(struct __sk_buff *skb);
extern char LICENSE[];

#endif
