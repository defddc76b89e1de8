/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel path of a schedule, and what is done to it, from a stream of its own: stalls of about
 * the lengths that decide something, agents that freeze in the middle of a step, paths that let
 * only one kind of datagram pass, agents that are back at once.
 */
#include "tests/sim/schedule.h"

#include <string.h>

#define STALL_STREAM 5
#define STEPS_MAX    8

enum actor { A, B, C, COORDINATOR, OWNER, ACTORS };

/* Times in thousandths of the timeout, both vary; `lasts` 0 ends the list. */
struct step {
	uint8_t type; /* enum fault_type */
	uint8_t node, peer, kind;
	uint16_t gap, lasts;
};

static const struct step patterns[][STEPS_MAX] = {
	/* K9: the holder is left out, and who tells so freezes just then; its kernel is reached */
	{{FAULT_CUT_VECTORS, OWNER, A, CUT_AROUND, 1000, 9000},
	 {FAULT_SPLIT, COORDINATOR, A, SPLIT_DELEGATE | SPLIT_CHOOSY, 100, 9000}},
	{{FAULT_CUT_VECTORS, OWNER, A, CUT_AROUND, 1000, 9000},
	 {FAULT_CUT_PROBES, C, OWNER, CUT_ONE_WAY, 100, 9000},
	 {FAULT_SPLIT, A, A, SPLIT_DELEGATE | SPLIT_CHOOSY, 100, 9000}},
	{{FAULT_CUT_VECTORS, OWNER, A, CUT_AROUND, 1000, 9000},
	 {FAULT_SPLIT, A, A, SPLIT_DELEGATE | SPLIT_HALF, 100, 5000}},
	/* K6, K9: grants by the kernel path only, then none, and nobody can tell the holder */
	{{FAULT_CUT_VECTORS, OWNER, A, CUT_AROUND, 1000, 9000},
	 {FAULT_PARTITION, OWNER, A, CUT_AROUND, 800, 9000}},
	/* L2: the token grows old while it is granted again and again */
	{{FAULT_MUTE, OWNER, A, 0, 1000, 9000}, {FAULT_PARTITION, OWNER, A, CUT_AROUND, 800, 9000}},
	/* K7, K8, K11: a stall that harms nobody */
	{{FAULT_FREEZE, OWNER, A, 0, 9000, 3000}},
	{{FAULT_FREEZE, A, A, 0, 9000, 3000},
	 {FAULT_FREEZE, B, A, 0, 7000, 2000},
	 {FAULT_FREEZE, A, A, 0, 5000, 2000},
	 {FAULT_FREEZE, C, A, 0, 5000, 2000},
	 {FAULT_FREEZE, B, A, 0, 5000, 2000},
	 {FAULT_FREEZE, A, A, 0, 5000, 2000},
	 {FAULT_FREEZE, C, A, 0, 5000, 2000}},
	/* K4, K5: only the kernel path tells the holder that it was left out */
	{{FAULT_CUT_VECTORS, OWNER, A, CUT_AROUND, 1000, 6000},
	 {FAULT_FREEZE, OWNER, A, 0, 300, 3000}},
	{{FAULT_FREEZE, OWNER, A, 0, 1000, 5000},
	 {FAULT_CUT_PROBES, OWNER, A, CUT_AROUND, 100, 2500}},
	{{FAULT_PAUSE, OWNER, A, 0, 1000, 5000},
	 {FAULT_CUT_VECTORS, OWNER, A, CUT_AROUND, 300, 9000}},
	/* K4: all grants cease for a while, but no view can do without the holder */
	{{FAULT_FREEZE, OWNER, A, 0, 1000, 5000},
	 {FAULT_FREEZE, COORDINATOR, A, 0, 10, 5000},
	 {FAULT_CUT_PROBES, A, A, CUT_PARTITION, 100, 2500},
	 {FAULT_FREEZE, C, A, 0, 10, 2500}},
	/* K8: one that is stalled keeps a holder alive that the others cannot hear */
	{{FAULT_FREEZE, A, A, 0, 1000, 6000}, {FAULT_PARTITION, C, C, CUT_AROUND, 500, 6000}},
	{{FAULT_SPLIT, A, A, SPLIT_CHOOSY | SPLIT_HALF, 1000, 6000},
	 {FAULT_PARTITION, C, C, CUT_AROUND, 500, 6000},
	 {FAULT_CRASH_AGENT, A, A, 0, 3000, 100}},
	/* K10: back at once, with the maps of before */
	{{FAULT_CRASH_AGENT, A, A, 0, 1000, 30},
	 {FAULT_CUT, OWNER, C, 0, 500, 9000},
	 {FAULT_CUT, C, OWNER, 0, 10, 9000},
	 {FAULT_CUT_VECTORS, OWNER, A, CUT_AROUND, 10, 9000},
	 {FAULT_PARTITION, OWNER, A, CUT_AROUND, 700, 9000}},
	{{FAULT_PARTITION, B, B, CUT_AROUND, 1000, 6000},
	 {FAULT_CRASH_AGENT, A, A, 0, 300, 50},
	 {FAULT_CRASH_AGENT, OWNER, A, 0, 700, 50}},
	/* K6, L8: a holder is left out and taken in again while it stands still */
	{{FAULT_FREEZE, OWNER, B, 0, 1000, 4000},
	 {FAULT_CUT_PROBES, OWNER, B, CUT_OUT_OF, 300, 1300},
	 {FAULT_CRASH_AGENT, A, A, 0, 1000, 60},
	 {FAULT_PARTITION, C, C, CUT_AROUND, 100, 6000}},
	/* K1, K5: refused, back in the view, and old grants come again */
	{{FAULT_PARTITION, OWNER, A, CUT_AROUND, 1000, 1500},
	 {FAULT_REPLAY, A, B, 0, 3000, 500},
	 {FAULT_FREEZE, A, A, 0, 100, 3000},
	 {FAULT_REPLAY, A, C, 0, 300, 500}},
};

#define N_PATTERNS (sizeof(patterns) / sizeof(patterns[0]))

static uint64_t vary(struct rng *rng, uint64_t us)
{
	return us * rng_range(rng, 667, 1333) / 1000;
}

/* A length at which something may be decided. */
static uint64_t draw_length(const struct schedule *s, struct rng *rng)
{
	const struct core_config *c = &s->config;
	const uint64_t about[] = {c->timeout_us, c->timeout_us, c->lease_us, c->stall_timeout_us,
				  c->stall_timeout_us + c->lease_us};

	return vary(rng, about[rng_below(rng, sizeof(about) / sizeof(about[0]))]);
}

static void draw_kernels(struct schedule *s, bool only, struct rng *rng)
{
	node_mask all = (node_mask)((1ULL << s->config.n_nodes) - 1);
	uint64_t pick = rng_below(rng, 100), t = s->config.timeout_us;

	if (pick < 25 && !only)
		return;
	s->probes = true;
	s->kernels = pick < 40 && !only ? all & (node_mask)rng_next(rng) : all;
	s->config.stall_timeout_us = rng_range_log(rng, t, 16 * t);
}

static void draw_split(struct fault *f, struct rng *rng)
{
	f->kind = (uint8_t)rng_below(rng, 4);
	if (rng_chance(rng, 500))
		f->kind |= SPLIT_CHOOSY;
	f->value =
		(uint32_t)(f->kind & SPLIT_CHOOSY ? rng_below(rng, 4) : rng_range_log(rng, 1, 40));
}

/* What it was becomes a fault of the kernel path, at the same place and time. */
static void convert(const struct schedule *s, struct fault *f, struct rng *rng)
{
	uint64_t pick = rng_below(rng, 100);

	if (pick < 40) {
		f->type = FAULT_SPLIT;
		f->for_us = draw_length(s, rng);
		draw_split(f, rng);
	} else if (pick < 55) {
		f->type = FAULT_OVERLOAD;
		f->value = (uint32_t)rng_range_log(rng, s->config.interval_us, s->config.lease_us);
		f->for_us = f->value * rng_range(rng, 2, 6);
	} else {
		f->type = pick < 80 ? FAULT_CUT_PROBES : FAULT_CUT_VECTORS;
		f->kind = (uint8_t)rng_below(rng, CUT_SHAPE_COUNT_);
	}
}

static void change(const struct schedule *s, struct fault *f, struct rng *rng)
{
	bool stall = f->type == FAULT_FREEZE || f->type == FAULT_PAUSE;
	bool net = f->type >= FAULT_CUT && f->type <= FAULT_DUPLICATE;

	if ((stall || net) && rng_chance(rng, 200))
		convert(s, f, rng);
	else if (stall && rng_chance(rng, 600))
		f->for_us = draw_length(s, rng);
	else if (f->type == FAULT_CRASH_AGENT && rng_chance(rng, 300))
		f->for_us = rng_range_log(rng, 100, s->config.timeout_us / 2);
}

static void cast(const struct schedule *s, struct rng *rng, uint8_t actors[ACTORS])
{
	uint8_t n = s->config.n_nodes;

	actors[A] = (uint8_t)rng_below(rng, n);
	actors[B] = (uint8_t)((actors[A] + rng_range(rng, 1, n - 1U)) % n);
	actors[C] = actors[B];
	for (unsigned int tries = 0;
	     tries < 8 && (actors[C] == actors[A] || actors[C] == actors[B]); tries++)
		actors[C] = (uint8_t)rng_below(rng, n);
	actors[COORDINATOR] = ROLE_COORDINATOR;
	actors[OWNER] = (uint8_t)(ROLE_OWNER | rng_below(rng, s->config.n_groups));
}

/* Behind all other faults: the cluster may have come to rest by then. */
static void draw_pattern(struct schedule *s, struct rng *rng)
{
	const struct step *steps = patterns[rng_below(rng, N_PATTERNS)];
	uint64_t at = s->faults_end_us, t = s->config.timeout_us;
	uint8_t actors[ACTORS];

	if (s->config.n_nodes < 2)
		return;
	cast(s, rng, actors);
	at += rng_range_log(rng, t / 10, 8 * t);
	for (unsigned int i = 0; i < STEPS_MAX && steps[i].lasts && s->n_faults < FAULTS_MAX; i++) {
		struct fault *f = &s->faults[s->n_faults++];

		at += vary(rng, t * steps[i].gap / 1000);
		*f = (struct fault){.at_us = at,
				    .for_us = vary(rng, t * steps[i].lasts / 1000),
				    .type = steps[i].type,
				    .node = actors[steps[i].node],
				    .peer = actors[steps[i].peer],
				    .kind = steps[i].kind,
				    .mask = node_bit(actors[A]),
				    .link = LINKS_MAX};
		if (f->type == FAULT_SPLIT)
			f->value = (uint32_t)rng_below(rng, 4);
	}
	s->faults_end_us = at + rng_range_log(rng, t / 2, 6 * t);
}

void stall_draw(struct schedule *s, bool only)
{
	struct rng rng = rng_make(s->seed, STALL_STREAM);

	draw_kernels(s, only, &rng);
	if (!s->probes)
		return;
	for (size_t i = 0; i < s->n_faults; i++)
		change(s, &s->faults[i], &rng);
	if (s->absent && s->config.takeover == TAKEOVER_LEASE)
		s->absence = (uint8_t)rng_below(&rng, ABSENCE_COUNT_);
	if (only) {
		s->n_faults = 0;
		s->loss_permille = rng_chance(&rng, 700) ? 0 : s->loss_permille;
		s->faults_end_us = 20 * s->config.timeout_us;
	}
	if (s->config.n_nodes < 8 && (only || (s->theme != THEME_CALM && rng_chance(&rng, 250))))
		draw_pattern(s, &rng);
}
