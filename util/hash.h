/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_UTIL_HASH_H
#define HF_UTIL_HASH_H

/* Checksums. Neither is a defence against an attacker: that is the heartbeat's HMAC. Pure. */

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), of disk records. Start with 0. */
uint32_t crc32c(uint32_t crc, const void *data, size_t n);

/* 64-bit FNV-1a, of tables that two nodes compare. Start with HASH64_INIT. */
#define HASH64_INIT 0xcbf29ce484222325ULL
uint64_t hash64(uint64_t hash, const void *data, size_t n);
/* The same over the eight bytes of `v`, independent of byte order. */
uint64_t hash64_u64(uint64_t hash, uint64_t v);

/* Quick, for values that never leave this process: whether something changed. */
static inline uint64_t hash64_mix(uint64_t hash, uint64_t v)
{
	hash = (hash ^ v) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 32;
}

#endif
