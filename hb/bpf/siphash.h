/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_HB_BPF_SIPHASH_H
#define HF_HB_BPF_SIPHASH_H

/*
 * SipHash-2-4 with 128 bits of output (Aumasson, Bernstein), of a whole number of 8-byte words, for
 * BPF and user space. The includer has defined __u32 and __u64. Words are in memory as they are in
 * the message; the two halves of the result are as they stand in a datagram, first half first.
 */

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define SIPHASH_LE64(x) __builtin_bswap64(x)
#else
#define SIPHASH_LE64(x) (x)
#endif

#define SIPHASH_INLINE	     static inline __attribute__((always_inline))
#define SIPHASH_ROTATE(x, n) ((x) << (n) | (x) >> (64 - (n)))

struct siphash {
	__u64 v0, v1, v2, v3;
};

SIPHASH_INLINE void siphash_round(struct siphash *s)
{
	s->v0 += s->v1;
	s->v1 = SIPHASH_ROTATE(s->v1, 13) ^ s->v0;
	s->v0 = SIPHASH_ROTATE(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = SIPHASH_ROTATE(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = SIPHASH_ROTATE(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = SIPHASH_ROTATE(s->v1, 17) ^ s->v2;
	s->v2 = SIPHASH_ROTATE(s->v2, 32);
}

SIPHASH_INLINE void siphash_word(struct siphash *s, __u64 word)
{
	s->v3 ^= word;
	siphash_round(s);
	siphash_round(s);
	s->v0 ^= word;
}

SIPHASH_INLINE __u64 siphash_half(struct siphash *s)
{
	for (__u32 i = 0; i < 4; i++)
		siphash_round(s);
	return SIPHASH_LE64(s->v0 ^ s->v1 ^ s->v2 ^ s->v3);
}

SIPHASH_INLINE void siphash_128(const __u64 *words, __u32 n, const __u64 key[2], __u64 ret[2])
{
	struct siphash s = {
		.v0 = key[0] ^ 0x736f6d6570736575ULL,
		.v1 = key[1] ^ 0x646f72616e646f6dULL ^ 0xee,
		.v2 = key[0] ^ 0x6c7967656e657261ULL,
		.v3 = key[1] ^ 0x7465646279746573ULL,
	};

	for (__u32 i = 0; i < n; i++)
		siphash_word(&s, SIPHASH_LE64(words[i]));
	siphash_word(&s, (__u64)n << 59); /* the length in bytes, in the top byte */
	s.v2 ^= 0xee;
	ret[0] = siphash_half(&s);
	s.v1 ^= 0xdd;
	ret[1] = siphash_half(&s);
}

#endif
