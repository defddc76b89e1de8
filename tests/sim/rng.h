/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_SIM_RNG_H
#define HF_SIM_RNG_H

/* The simulator's only source of chance: splitmix64, so that a seed means the same everywhere. */

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

/* A stream of its own for `purpose`: what one part draws does not shift another part's. */
struct rng rng_make(uint64_t seed, uint64_t purpose);
uint64_t rng_next(struct rng *rng);
/* 0 .. n - 1; 0 for n = 0. */
uint64_t rng_below(struct rng *rng, uint64_t n);
/* lo .. hi, both included. */
uint64_t rng_range(struct rng *rng, uint64_t lo, uint64_t hi);
/* The same, but each factor of two is as likely as any other. */
uint64_t rng_range_log(struct rng *rng, uint64_t lo, uint64_t hi);
bool rng_chance(struct rng *rng, uint32_t permille);

#endif
