/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rules of groups (G8 to G15) in a third of the schedules, from a stream of their own: attributes
 * of failover, exclusions, waits, final actions, and commands for single resources.
 */
#include "tests/sim/schedule.h"

#define RULES_STREAM 4

static void draw_waits(struct schedule *s, unsigned int group, struct rng *rng)
{
	struct core_config *c = &s->config;
	struct core_group_config *g = &c->groups[group];
	uint64_t t = c->timeout_us;

	/* on lower ones to start, on higher ones to stop: no circles */
	if (group > 0 && rng_chance(rng, 250)) {
		g->n_start_after = 1;
		g->start_after[0] = (uint16_t)rng_below(rng, group);
		g->start_same_node = rng_chance(rng, 300);
		g->start_wait_continue = rng_chance(rng, 500);
		g->start_wait_us = t * rng_range(rng, 3, 30);
	}
	if (group + 1U < c->n_groups && rng_chance(rng, 250)) {
		g->n_stop_after = 1;
		g->stop_after[0] = (uint16_t)rng_range(rng, group + 1U, c->n_groups - 1U);
		g->stop_wait_when = (uint8_t)rng_range(rng, 1, 7);
		g->stop_wait_us = t * rng_range(rng, 1, 10);
	}
}

static void draw_group(struct schedule *s, unsigned int group, struct rng *rng)
{
	struct core_group_config *g = &s->config.groups[group];

	g->failover_manual = rng_chance(rng, 150);
	g->failback = rng_chance(rng, 300);
	g->failover_limit = (uint8_t)(rng_chance(rng, 500) ? 0 : rng_range(rng, 1, 5));
	g->failover_window_us = s->config.timeout_us * rng_range(rng, 5, 60);
	draw_waits(s, group, rng);
}

static void draw_resource(struct core_resource_config *r, struct rng *rng)
{
	static const uint8_t starts[] = {FINAL_NONE, FINAL_NONE, FINAL_CONTINUE, FINAL_STOP_GROUP,
					 FINAL_STOP_SERVICE};
	static const uint8_t stops[] = {FINAL_NONE, FINAL_NONE, FINAL_CONTINUE, FINAL_STOP_SERVICE};

	if (rng_chance(rng, 500))
		r->failovers = (uint8_t)rng_below(rng, 3);
	r->start_final = starts[rng_below(rng, sizeof(starts))];
	r->stop_final = stops[rng_below(rng, sizeof(stops))];
	r->stop_retries = (uint8_t)rng_below(rng, 3);
	r->final_alone = rng_chance(rng, 300);
}

static void draw_exclusions(struct schedule *s, struct rng *rng)
{
	struct core_config *c = &s->config;

	c->n_exclusions = (uint8_t)rng_below(rng, 3);
	for (unsigned int i = 0; i < c->n_exclusions; i++) {
		c->exclusions[i].absolute = rng_chance(rng, 500);
		for (unsigned int g = 0; g < c->n_groups; g++)
			if (rng_chance(rng, 600))
				c->exclusions[i].groups[g / 8] |= (uint8_t)(1U << g % 8);
	}
}

void rules_draw(struct schedule *s)
{
	struct rng rng = rng_make(s->seed, RULES_STREAM);
	struct core_config *c = &s->config;

	s->rules = rng_chance(&rng, 350);
	if (!s->rules)
		return;
	for (unsigned int g = 0; g < c->n_groups; g++)
		draw_group(s, g, &rng);
	for (unsigned int r = 0; r < c->n_resources; r++)
		draw_resource(&c->resources[r], &rng);
	draw_exclusions(s, &rng);
	for (size_t i = 0; i < s->n_faults; i++) {
		struct fault *f = &s->faults[i];
		uint16_t object = (uint16_t)rng_below(&rng, c->n_resources);

		if (f->type != FAULT_REQUEST || f->kind > REQUEST_GROUP_MOVE ||
		    !rng_chance(&rng, 400))
			continue;
		f->kind = rng_chance(&rng, 500) ? REQUEST_RESOURCE_STOP : REQUEST_RESOURCE_START;
		f->object = object;
		f->group = c->resources[object].group;
	}
}
