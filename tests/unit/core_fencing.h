/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TEST_CORE_FENCING_H
#define HF_TEST_CORE_FENCING_H

/* Clusters with fence devices, for the stories of docs/fencing.md. */
#include "tests/unit/core_world.h"

#define MS 1000

static inline void check_says(struct world *w, uint8_t at, uint8_t target, uint8_t check)
{
	struct core_event e = {.type = CORE_EVENT_FENCE_CHECK};

	e.fence_check.target = target;
	e.fence_check.check = check;
	e.fence_check.text = "";
	step(w, at, &e);
}

static inline void all_checks_are_well(struct world *w)
{
	for (uint8_t i = 0; i < w->n; i++)
		for (uint8_t t = 0; t < w->n; t++)
			if (i != t && !w->dead[i])
				check_says(w, i, t, FENCE_CHECK_NORMAL);
}

/* `n` nodes, not yet booted, of which each has two levels of devices. */
static inline struct world *fence_config(uint8_t n)
{
	struct world *w = world_new(n, 0);
	struct core_config *c = &w->config;

	w->strict = true;
	w->device_us = 50 * MS;
	c->takeover = TAKEOVER_FENCE;
	c->fence_tie = true;
	c->fence_retries = 0;
	c->fence_retry_wait_us = 500 * MS;
	for (uint8_t i = 0; i < n; i++) {
		c->nodes[i].n_fence_levels = 2;
		c->nodes[i].fence_timeout_us[0] = c->nodes[i].fence_timeout_us[1] = 200 * MS;
	}
	return w;
}

/* All are up, node 0 has the group, each knows the others' devices to be well. */
static inline void fence_boot(struct world *w)
{
	for (uint8_t i = 0; i < w->n; i++)
		boot(w, i);
	assert_true(run_until(w, 5 * USEC_PER_SEC, on_0));
	all_checks_are_well(w);
	run_until(w, 500 * MS, NULL);
	assert_true(on_0(w));
	memset(w->seen, 0, sizeof w->seen);
	w->starts = 0;
}

static inline struct world *fence_world(uint8_t n)
{
	struct world *w = fence_config(n);

	fence_boot(w);
	return w;
}

static inline unsigned int orders(const struct world *w)
{
	unsigned int sum = 0;

	for (uint8_t i = 0; i < w->n; i++)
		for (uint8_t t = 0; t < w->n; t++)
			sum += w->offs[i][t];
	return sum;
}

/* Some device is at work. */
static inline bool at_work(const struct world *w)
{
	for (uint8_t i = 0; i < w->n; i++)
		for (uint8_t t = 0; t < w->n; t++)
			if (w->fencing[i][t].busy)
				return true;
	return false;
}

static inline bool is_off(const struct world *w, uint8_t node)
{
	return w->dead[node];
}

static inline bool off_0(const struct world *w)
{
	return is_off(w, 0);
}

static inline bool off_1(const struct world *w)
{
	return is_off(w, 1);
}

static inline struct core_fence_info fencing(const struct world *w, uint8_t at, uint8_t target)
{
	struct core_fence_info info;

	core_fence_info(w->core[at], target, w->now, &info);
	return info;
}

static inline struct core_self_info self(const struct world *w, uint8_t at)
{
	struct core_self_info info;

	core_self_info(w->core[at], w->now, &info);
	return info;
}

/* It runs there all the while, with a valid lease. */
static inline void no_outage(struct world *w, int node, uint64_t us)
{
	for (uint64_t t = 0; t < us; t += MS) {
		run_until(w, MS, NULL);
		assert_int_equal(owner(w), node);
	}
}

/* As no_outage(), of nobody. */
static inline void nobody_has_it(struct world *w, uint64_t us)
{
	for (uint64_t t = 0; t < us; t += MS) {
		run_until(w, MS, NULL);
		assert_int_equal(owner(w), -1);
	}
}

static inline void leave(struct world *w, uint8_t node)
{
	step(w, node, &(struct core_event){.type = CORE_EVENT_LEAVE});
}

/* Each way between the nodes of `half` and the others. */
static inline void split(struct world *w, node_mask half, bool cut)
{
	for (uint8_t i = 0; i < w->n; i++)
		for (uint8_t k = 0; k < w->n; k++)
			w->cut[i][k] = cut && node_mask_has(half, i) != node_mask_has(half, k);
}

#endif
