/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rng.h"

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

struct rng rng_make(uint64_t seed, uint64_t purpose)
{
	return (struct rng){mix(seed + 0x9e3779b97f4a7c15ULL) ^
			    mix(purpose * 0x632be59bd9b4e019ULL)};
}

uint64_t rng_next(struct rng *rng)
{
	rng->state += 0x9e3779b97f4a7c15ULL;
	return mix(rng->state);
}

uint64_t rng_below(struct rng *rng, uint64_t n)
{
	return n ? rng_next(rng) % n : 0; /* the bias does not matter here */
}

uint64_t rng_range(struct rng *rng, uint64_t lo, uint64_t hi)
{
	return hi <= lo ? lo : lo + rng_below(rng, hi - lo + 1);
}

uint64_t rng_range_log(struct rng *rng, uint64_t lo, uint64_t hi)
{
	unsigned int doublings = 0;
	uint64_t base;

	if (hi <= lo || lo == 0)
		return rng_range(rng, lo, hi);
	while (lo << (doublings + 1) <= hi)
		doublings++;
	base = lo << rng_range(rng, 0, doublings);
	return rng_range(rng, base, base * 2 - 1 < hi ? base * 2 - 1 : hi);
}

bool rng_chance(struct rng *rng, uint32_t permille)
{
	return rng_below(rng, 1000) < permille;
}
