/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The devices of a schedule, and what they are needed for, from a stream of its own. */
#include "tests/sim/schedule.h"

#include <string.h>

#define FENCE_STREAM 7
#define STEPS_MAX    8

enum actor { A, B, COORDINATOR, OWNER, ACTORS };

/* Of a step's `kind`, whom it is about. */
enum scope { ONE, HALF, ALL };

/* Times in thousandths of the timeout, both vary; `lasts` 0 ends the list. */
struct step {
	uint8_t type; /* enum fault_type */
	uint8_t node, peer, scope;
	uint16_t gap, lasts;
};

static const struct step patterns[][STEPS_MAX] = {
	/* X10: two halves that are well */
	{{FAULT_PARTITION, A, A, HALF, 50000, 40000}},
	{{FAULT_PARTITION, A, A, HALF, 50000, 40000}, {FAULT_PARTITION, A, A, HALF, 60000, 40000}},
	/* X3: the cut is over before the device is done */
	{{FAULT_PARTITION, A, A, HALF, 15000, 1500}},
	{{FAULT_FLAP, A, A, ONE, 9000, 20000}},
	/* a frozen owner, in a machine that stands still or not; it comes back late */
	{{FAULT_FREEZE, OWNER, A, ONE, 9000, 20000}},
	{{FAULT_PAUSE, OWNER, A, ONE, 9000, 20000}},
	{{FAULT_FREEZE, OWNER, A, ONE, 9000, 1800}},
	/* power failures: of one, of all; they boot alone, or late */
	{{FAULT_CRASH_NODE, OWNER, A, ONE, 9000, 30000}},
	{{FAULT_BLACKOUT, A, A, ALL, 9000, 4000}},
	{{FAULT_CRASH_NODE, A, A, ONE, 9000, 30000}, {FAULT_CRASH_NODE, B, A, ONE, 100, 3000}},
	{{FAULT_CRASH_NODE, A, A, ONE, 9000, 9000},
	 {FAULT_CRASH_NODE, B, A, ONE, 6000, 30000},
	 {FAULT_CONFIRM, B, A, ONE, 9000, 100}},
	/* X4, X9: one goes on alone, accepts commands, and is gone; the other boots */
	{{FAULT_PARTITION, A, A, HALF, 9000, 40000},
	 {FAULT_REQUEST, A, A, ONE, 12000, 100},
	 {FAULT_REQUEST, B, A, ONE, 50, 100},
	 {FAULT_CRASH_NODE, A, A, ONE, 3000, 9000},
	 {FAULT_CRASH_NODE, B, A, ONE, 50, 20000},
	 {FAULT_CONFIRM, B, A, ONE, 12000, 100},
	 {FAULT_CONFIRM, A, B, ONE, 50, 100}},
	/* X9: one leaves in good order, the other goes on, and is gone */
	{{FAULT_LEAVE, A, A, ONE, 9000, 100},
	 {FAULT_REQUEST, B, B, ONE, 4000, 100},
	 {FAULT_CRASH_NODE, B, A, ONE, 3000, 12000}},
	{{FAULT_REQUEST, B, A, ALL, 9000, 100},
	 {FAULT_REQUEST, B, B, ONE, 5000, 100},
	 {FAULT_CRASH_NODE, B, A, ONE, 3000, 12000},
	 {FAULT_CRASH_AGENT, A, A, ONE, 2000, 1000}},
	{{FAULT_LEAVE, A, A, ONE, 9000, 100}, {FAULT_PARTITION, A, A, HALF, 100, 20000}},
	/* the agent only, its resources run on */
	{{FAULT_CRASH_AGENT, OWNER, A, ONE, 9000, 20000}},
	{{FAULT_CRASH_AGENT, OWNER, A, ONE, 9000, 1200}, {FAULT_PARTITION, A, A, HALF, 100, 9000}},
	/* X5: the executor goes, or its device does */
	{{FAULT_FREEZE, OWNER, A, ONE, 9000, 30000},
	 {FAULT_CRASH_NODE, COORDINATOR, A, ONE, 2500, 9000}},
	{{FAULT_DEVICE, OWNER, COORDINATOR, ONE, 9000, 60000},
	 {FAULT_FREEZE, OWNER, A, ONE, 9000, 60000}},
	{{FAULT_FREEZE, OWNER, A, ONE, 9000, 30000},
	 {FAULT_DEVICE, OWNER, COORDINATOR, ONE, 1500, 30000},
	 {FAULT_FREEZE, COORDINATOR, A, ONE, 1000, 3000}},
	/* one way only */
	{{FAULT_DEAF, A, A, ONE, 9000, 20000}},
	{{FAULT_MUTE, A, A, ONE, 9000, 20000}},
	{{FAULT_CUT_VECTORS, A, A, HALF, 9000, 20000}},
	/* Q4: what cannot be stopped, on a node that goes */
	{{FAULT_STOP_FAIL, OWNER, A, ONE, 9000, 30000},
	 {FAULT_REQUEST, B, B, ALL, 100, 100},
	 {FAULT_PARTITION, OWNER, A, ONE, 3000, 30000}},
	/* the newer life of one that was switched off, cut off before it is known everywhere */
	{{FAULT_PARTITION, A, A, HALF, 9000, 9000},
	 {FAULT_PARTITION, A, A, HALF, 14000, 9000},
	 {FAULT_CRASH_AGENT, B, A, ONE, 100, 500}},
};

#define N_DUELS	   2 /* the first of them */
#define N_PATTERNS (sizeof(patterns) / sizeof(patterns[0]))

static uint64_t vary(struct rng *rng, uint64_t us)
{
	return us * rng_range(rng, 667, 1333) / 1000;
}

/* ---- devices ---- */

static void draw_device(const struct schedule *s, struct rng *rng, struct sim_device *d)
{
	uint64_t t = s->config.timeout_us;

	d->kind = (uint8_t)(rng_chance(rng, 600) ? (uint64_t)DEVICE_OK
						 : rng_below(rng, DEVICE_KIND_COUNT_));
	d->heals = rng_chance(rng, 700);
	d->acts_us = (uint32_t)rng_range_log(rng, t / 50, t);
	d->reads_us = (uint32_t)rng_range_log(rng, t / 50, t / 2);
}

static uint64_t slowest(const struct sim_level *level)
{
	uint64_t most = 0;

	for (unsigned int i = 0; i < level->n_devices; i++) {
		const struct sim_device *d = &level->device[i];
		uint64_t us = ((uint64_t)d->acts_us + d->reads_us) * 3 / 2;

		most = us > most ? us : most;
	}
	return most;
}

static void draw_levels(struct schedule *s, unsigned int node, struct rng *rng)
{
	struct core_node_config *c = &s->config.nodes[node];

	c->n_fence_levels = (uint8_t)(rng_chance(rng, 650) ? 1 : rng_range(rng, 2, LEVELS_DRAWN));
	for (unsigned int l = 0; l < c->n_fence_levels; l++) {
		struct sim_level *level = &s->level[node][l];

		level->n_devices = rng_chance(rng, 700) ? 1 : LEVEL_DEVICES;
		for (unsigned int d = 0; d < level->n_devices; d++)
			draw_device(s, rng, &level->device[d]);
		c->fence_timeout_us[l] =
			slowest(level) + rng_range(rng, 1000, 3 * s->config.timeout_us);
	}
	/* mostly one of them works in the end; else a person has to help */
	if (rng_chance(rng, 900)) {
		struct sim_level *level = &s->level[node][rng_below(rng, c->n_fence_levels)];

		for (unsigned int d = 0; d < level->n_devices; d++)
			level->device[d].heals = true;
	}
	c->fence_delay_us = rng_chance(rng, 850) ? 0 : rng_below(rng, 3 * s->config.timeout_us);
}

static void draw_config(struct schedule *s, struct rng *rng)
{
	struct core_config *c = &s->config;
	uint64_t most = 0, t = c->timeout_us;
	bool all = true;

	for (unsigned int i = 0; i < c->n_nodes; i++) {
		if (!c->nodes[i].hosts || (c->n_nodes > 2 && rng_chance(rng, 40)))
			all = all && rng_chance(rng, 700);
		if (all || c->nodes[i].hosts)
			draw_levels(s, i, rng);
		all = all && c->nodes[i].votes && c->nodes[i].n_fence_levels; /* rule X8 */
		most = slowest(&s->level[i][0]) > most ? slowest(&s->level[i][0]) : most;
	}
	c->fence_tie = all && c->takeover == TAKEOVER_FENCE && rng_chance(rng, 900);
	c->fence_reboot = rng_chance(rng, 700);
	c->fence_retries = (uint8_t)rng_below(rng, 3);
	c->fence_retry_wait_us = rng_range(rng, t, 4 * t);
	c->fence_priority_us = rng_below(rng, t);
	if (rng_chance(rng, 800))
		c->fence_priority_us = most + t + t / 2 + rng_below(rng, 2 * t);
	s->check_us = rng_range_log(rng, 2 * t, 20 * t);
}

/* ---- the cluster ---- */

static void draw_votes(struct schedule *s, bool only, struct rng *rng)
{
	struct core_config *c = &s->config;

	if (c->takeover != TAKEOVER_FENCE || c->n_nodes % 2 || !rng_chance(rng, only ? 900 : 500))
		return;
	for (unsigned int i = 0; i < c->n_nodes; i++)
		c->nodes[i].votes = 1;
}

/* A half may be left. */
static void draw_absent(struct schedule *s, bool only, struct rng *rng)
{
	const struct core_config *c = &s->config;
	uint32_t total = 0, left = 0;
	unsigned int node = (unsigned int)rng_below(rng, c->n_nodes);

	if (s->absent)
		node = node_mask_first(s->absent);
	else if (!rng_chance(rng, only ? 350 : 100))
		return;
	for (unsigned int i = 0; i < c->n_nodes; i++) {
		total += c->nodes[i].votes;
		left += i == node ? 0 : c->nodes[i].votes;
	}
	s->absent = 0;
	if (left * 2 > total || (left * 2 == total && c->fence_tie))
		s->absent = node_bit(node);
	if (s->absent && c->takeover == TAKEOVER_FENCE)
		s->absence = rng_chance(rng, 500) ? ABSENCE_OFF : ABSENCE_FROZEN;
}

/* ---- what happens ---- */

static void cast(const struct schedule *s, struct rng *rng, uint8_t actors[ACTORS])
{
	uint8_t n = s->config.n_nodes;

	actors[A] = (uint8_t)rng_below(rng, n);
	actors[B] = (uint8_t)((actors[A] + rng_range(rng, 1, n - 1U)) % n);
	actors[COORDINATOR] = ROLE_COORDINATOR;
	actors[OWNER] = (uint8_t)(ROLE_OWNER | rng_below(rng, s->config.n_groups));
}

/* Nodes from `first` on, by votes a half or nearly. */
static node_mask half_of(const struct schedule *s, unsigned int first)
{
	node_mask mask = 0;

	for (unsigned int i = 0; i < s->config.n_nodes / 2U || i == 0; i++)
		mask |= node_bit((first + i) % s->config.n_nodes);
	return mask;
}

static void fill(const struct schedule *s, const struct step *step, const uint8_t actors[],
		 struct rng *rng, struct fault *f)
{
	f->type = step->type;
	f->node = actors[step->node];
	f->peer = actors[step->peer];
	f->link = LINKS_MAX;
	f->for_us = vary(rng, s->config.timeout_us * step->lasts / 1000);
	f->mask = step->scope == HALF  ? half_of(s, actors[A])
		  : step->scope == ALL ? (node_mask)((1ULL << s->config.n_nodes) - 1)
				       : node_bit(actors[A]);
	if (f->type == FAULT_PARTITION && step->scope == ONE)
		f->kind = CUT_AROUND;
	if (f->type == FAULT_CUT_VECTORS)
		f->kind = CUT_PARTITION;
	if (f->type == FAULT_FLAP)
		f->value = (uint32_t)(s->config.timeout_us * rng_range(rng, 900, 3000) / 1000);
	f->group = (uint16_t)rng_below(rng, s->config.n_groups);
	f->target = f->peer;
	f->retries = 4;
	if (f->type == FAULT_REQUEST)
		f->kind = step->scope == ALL	 ? REQUEST_NODE_STOP
			  : rng_chance(rng, 500) ? REQUEST_GROUP_STOP
						 : REQUEST_GROUP_START;
}

/* Behind all other faults: the cluster may have come to rest by then. */
static void draw_pattern(struct schedule *s, size_t n_patterns, struct rng *rng)
{
	const struct step *steps = patterns[rng_below(rng, n_patterns)];
	uint64_t at = s->faults_end_us, t = s->config.timeout_us;
	uint8_t actors[ACTORS];

	if (s->config.n_nodes < 2)
		return;
	cast(s, rng, actors);
	for (unsigned int i = 0; i < STEPS_MAX && steps[i].lasts && s->n_faults < FAULTS_MAX; i++) {
		struct fault *f = &s->faults[s->n_faults++];

		at += vary(rng, t * steps[i].gap / 1000);
		*f = (struct fault){.at_us = at};
		fill(s, &steps[i], actors, rng, f);
		if (f->at_us + f->for_us > s->faults_end_us && rng_chance(rng, 700))
			s->faults_end_us = f->at_us + f->for_us;
	}
	if (s->faults_end_us < at)
		s->faults_end_us = at;
	s->faults_end_us += rng_range_log(rng, t / 2, 6 * t);
}

/* Some of them become about devices, at the same place and time. */
static void convert(const struct schedule *s, struct fault *f, struct rng *rng)
{
	if (f->type == FAULT_REQUEST || !rng_chance(rng, 120))
		return;
	f->type = rng_chance(rng, 500) ? FAULT_DEVICE : FAULT_CONFIRM;
	f->peer = (uint8_t)rng_below(rng, s->config.n_nodes);
}

/* X10: nothing else is wrong, and all devices are quick enough. */
static void draw_duel(struct schedule *s, struct rng *rng)
{
	struct core_config *c = &s->config;
	uint64_t most = 0, t = c->timeout_us;

	for (unsigned int i = 0; i < c->n_nodes; i++) {
		c->nodes[i].fence_delay_us = 0;
		for (unsigned int d = 0; d < s->level[i][0].n_devices; d++)
			s->level[i][0].device[d].kind = DEVICE_OK;
		most = slowest(&s->level[i][0]) > most ? slowest(&s->level[i][0]) : most;
	}
	c->fence_priority_us = most + 2 * t + rng_below(rng, t);
	s->loss_permille = 0;
	s->n_faults = 0;
	s->faults_end_us = 10 * t;
	draw_pattern(s, N_DUELS, rng);
}

void fence_draw(struct schedule *s, bool only)
{
	struct rng rng = rng_make(s->seed, FENCE_STREAM);
	struct core_config *c = &s->config;

	if (only)
		c->takeover = rng_chance(&rng, 800) ? TAKEOVER_FENCE : TAKEOVER_LEASE;
	if (c->n_nodes > FENCED_NODES ||
	    (!only && !rng_chance(&rng, c->takeover == TAKEOVER_FENCE ? 600 : 50)))
		return;
	s->fencing = true;
	draw_votes(s, only, &rng);
	draw_config(s, &rng);
	draw_absent(s, only, &rng);
	for (size_t i = 0; i < s->n_faults; i++)
		convert(s, &s->faults[i], &rng);
	if (only && c->fence_tie && rng_chance(&rng, 150)) {
		draw_duel(s, &rng);
		return;
	}
	if (only && rng_chance(&rng, 600)) {
		s->n_faults = 0;
		s->loss_permille = rng_chance(&rng, 700) ? 0 : s->loss_permille;
		s->faults_end_us = 10 * c->timeout_us;
	}
	if (only || rng_chance(&rng, 250))
		draw_pattern(s, N_PATTERNS, &rng);
	if (only && rng_chance(&rng, 250))
		draw_pattern(s, N_PATTERNS, &rng);
}
