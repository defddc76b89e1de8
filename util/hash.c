/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/hash.h"

#define FNV_PRIME 0x100000001b3ULL

uint64_t hash64(uint64_t hash, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * FNV_PRIME;
	return hash;
}

uint64_t hash64_u64(uint64_t hash, uint64_t v)
{
	for (int i = 0; i < 8; i++, v >>= 8)
		hash = (hash ^ (v & 0xff)) * FNV_PRIME;
	return hash;
}
