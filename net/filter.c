/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/filter.h"

#include <assert.h>
#include <netinet/in.h>

/* Jumps reach 255 instructions: after so many comparisons comes a "let through" of their own. */
#define BLOCK_SIZE 200
#define ACCEPT	   0xffff

#define ARP_SENDER_AT	 14
#define ARP_TARGET_AT	 24
#define IPV6_NEXT_AT	 6
#define IPV6_NEXT_ICMP	 58
#define IPV6_SOURCE_AT	 8
#define ND_TYPE_AT	 40
#define ND_SOLICITATION	 135
#define ND_ADVERTISEMENT 136
#define ND_TARGET_TAIL	 (40 + 8 + 12)

static void put(struct filter *f, struct sock_filter instruction)
{
	assert(f->n < FILTER_SIZE);
	f->code[f->n++] = instruction;
}

static void put_jump(struct filter *f, uint32_t value, uint8_t if_equal, uint8_t otherwise)
{
	put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, if_equal, otherwise));
}

static void put_load(struct filter *f, uint16_t width, uint32_t at)
{
	put(f, (struct sock_filter)BPF_STMT((uint16_t)(BPF_LD | BPF_ABS | width), at));
}

static void put_return(struct filter *f, uint32_t bytes)
{
	put(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, bytes));
}

/* Compares the accumulator with all of `tails`. */
static void put_list(struct filter *f, const uint32_t *tails, size_t n)
{
	while (n > 0) {
		size_t block = n < BLOCK_SIZE ? n : BLOCK_SIZE;

		for (size_t i = 0; i < block; i++)
			put_jump(f, tails[i], (uint8_t)(block - i), 0);
		put(f, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 1));
		put_return(f, ACCEPT);
		tails += block;
		n -= block;
	}
}

/* Solicitations only from ::, which is a probe: others come from clients. */
static void put_nd_head(struct filter *f)
{
	const uint8_t source_size = 4 * 3; /* instructions, below */

	put_load(f, BPF_B, IPV6_NEXT_AT);
	put_jump(f, IPV6_NEXT_ICMP, 1, 0);
	put_return(f, 0);
	put_load(f, BPF_B, ND_TYPE_AT);
	put_jump(f, ND_ADVERTISEMENT, (uint8_t)(2 + source_size), 0);
	put_jump(f, ND_SOLICITATION, 1, 0);
	put_return(f, 0);
	for (uint32_t word = 0; word < 4; word++) {
		put_load(f, BPF_W, IPV6_SOURCE_AT + 4 * word);
		put_jump(f, 0, 1, 0);
		put_return(f, 0);
	}
	put_load(f, BPF_W, ND_TARGET_TAIL);
}

void filter_build(struct filter *ret, int family, const uint32_t *tails, size_t n)
{
	assert(n <= NET_FIPS_MAX);
	ret->n = 0;
	if (n > 0 && family == AF_INET) {
		put_load(ret, BPF_W, ARP_SENDER_AT);
		put_jump(ret, 0, 0, 1); /* no sender address: a probe, look at its target */
		put_load(ret, BPF_W, ARP_TARGET_AT);
	} else if (n > 0) {
		put_nd_head(ret);
	}
	put_list(ret, tails, n);
	put_return(ret, 0);
}
