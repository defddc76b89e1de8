/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/pattern.h"

/* The nodes of a pattern, drawn for each use; all different as far as there are enough. */
enum actor { A, B, C, LOWEST };

#define STEPS_MAX 8

/* Times in thousandths of the timeout; both vary by a third. */
struct step {
	uint8_t type; /* enum fault_type */
	uint8_t node, peer;
	uint16_t gap, lasts, value;
};

struct pattern {
	uint8_t theme;
	struct step step[STEPS_MAX]; /* `lasts` 0 ends the list */
};

static const struct pattern patterns[] = {
	/* L5, P4: a holder is cut off, then all others restart at once */
	{THEME_CRASH, {{FAULT_PARTITION, A, A, 1000, 8000, 0}, {FAULT_BLACKOUT, A, A, 60, 60, 0}}},
	{THEME_CRASH,
	 {{FAULT_PARTITION, A, A, 1000, 8000, 0},
	  {FAULT_CRASH_AGENT, B, B, 60, 60, 0},
	  {FAULT_CRASH_AGENT, C, C, 30, 60, 0}}},
	/* L8: a holder is excluded, its excluder restarts and takes it back without the third */
	{THEME_CRASH,
	 {{FAULT_PARTITION, A, A, 1000, 1400, 0},
	  {FAULT_CRASH_AGENT, B, B, 1350, 60, 0},
	  {FAULT_PARTITION, C, C, 60, 8000, 0}}},
	/* D1, Q3: a node leaves, returns, holds a group, and is cut off from one that restarts and
	 * then hears recordings of the farewell */
	{THEME_REPLAY,
	 {{FAULT_LEAVE, A, A, 1000, 500, 0},
	  {FAULT_REQUEST, B, A, 5000, 500, 0},
	  {FAULT_PARTITION, A, A, 3000, 8000, 0},
	  {FAULT_CRASH_AGENT, B, B, 100, 200, 0},
	  {FAULT_REPLAY, B, A, 600, 100, 0},
	  {FAULT_REPLAY, B, A, 800, 100, 0}}},
	/* T3: an order reaches a node that is no longer scheduled */
	{THEME_STALL, {{FAULT_REQUEST, B, A, 1000, 500, 0}, {FAULT_FREEZE, A, A, 60, 8000, 0}}},
	/* L6: a machine stops just before it would propose a view, and goes on in another time */
	{THEME_STALL, {{FAULT_MUTE, LOWEST, A, 1000, 1300, 0}, {FAULT_PAUSE, A, A, 1150, 8000, 0}}},
	/* G1: an order of the former view comes late */
	{THEME_NETWORK,
	 {{FAULT_DELAY, A, A, 1000, 3000, 4000},
	  {FAULT_REQUEST, LOWEST, A, 300, 500, 0},
	  {FAULT_CRASH_NODE, LOWEST, A, 300, 8000, 0}}},
	/* G3, N3: rows change while parts of vectors are lost */
	{THEME_COMMAND,
	 {{FAULT_LOSS, A, A, 1000, 6000, 0},
	  {FAULT_REQUEST, B, A, 300, 500, 0},
	  {FAULT_REQUEST, B, C, 400, 500, 0},
	  {FAULT_REQUEST, C, B, 400, 500, 0}}},
};

#define N_PATTERNS (sizeof(patterns) / sizeof(*patterns))

static uint64_t vary(struct rng *rng, const struct schedule *s, uint64_t thousandths)
{
	return s->config.timeout_us * thousandths / 1000 * rng_range(rng, 667, 1333) / 1000;
}

static void cast(const struct schedule *s, struct rng *rng, uint8_t actors[LOWEST + 1])
{
	uint8_t n = s->config.n_nodes;

	actors[A] = (uint8_t)rng_below(rng, n);
	actors[B] = (uint8_t)((actors[A] + rng_range(rng, 1, n - 1U)) % n);
	actors[C] = actors[B];
	for (unsigned int tries = 0;
	     tries < 8 && (actors[C] == actors[A] || actors[C] == actors[B]); tries++)
		actors[C] = (uint8_t)rng_below(rng, n);
	actors[LOWEST] = 0;
}

static void fill(const struct schedule *s, const struct step *step, const uint8_t actors[],
		 struct rng *rng, struct fault *f)
{
	node_mask all = (node_mask)((1ULL << s->config.n_nodes) - 1);

	f->type = step->type;
	f->node = actors[step->node];
	f->peer = actors[step->peer];
	f->link = LINKS_MAX;
	f->for_us = vary(rng, s, step->lasts);
	f->mask = node_bit(f->node);
	if (f->type == FAULT_BLACKOUT)
		f->mask = all & ~f->mask;
	f->value = (uint32_t)vary(rng, s, step->value);
	if (f->type == FAULT_LOSS)
		f->value = (uint32_t)rng_range(rng, 200, 700);
	f->kind = REQUEST_GROUP_MOVE;
	f->target = f->peer;
	f->group = (uint16_t)rng_below(rng, s->config.n_groups);
	f->retries = 4;
}

uint64_t pattern_draw(struct schedule *s, uint64_t at, struct rng *rng)
{
	size_t start = rng_below(rng, N_PATTERNS), which = start;
	uint8_t actors[LOWEST + 1];

	do
		which = (which + 1) % N_PATTERNS;
	while (which != start && patterns[which].theme != s->theme);
	if (patterns[which].theme != s->theme || s->config.n_nodes < 2)
		return at;
	cast(s, rng, actors);
	for (unsigned int i = 0; i < STEPS_MAX && patterns[which].step[i].lasts; i++) {
		const struct step *step = &patterns[which].step[i];

		if (s->n_faults == FAULTS_MAX)
			break;
		at += vary(rng, s, step->gap);
		s->faults[s->n_faults] = (struct fault){.at_us = at};
		fill(s, step, actors, rng, &s->faults[s->n_faults++]);
	}
	return at;
}
