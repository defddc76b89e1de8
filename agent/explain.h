/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_EXPLAIN_H
#define HF_AGENT_EXPLAIN_H

/*
 * Tells a failover as a timeline, from the event records of all nodes: a pure function over them.
 * The clocks of the nodes are not compared by their wall time alone: who proposed a view did so
 * before others accepted it, and that bounds how far two clocks are apart.
 */

#include "agent/store.h"

#define EXPLAIN_STEPS_MAX    96
#define EXPLAIN_EVIDENCE_MAX 12
#define EXPLAIN_TEXT_SIZE    256

/* All records there are, in ascending order of number. */
struct explain_source {
	const struct event_record *const *records;
	size_t n;
	const struct event_names *names;
};

struct explain_query {
	uint16_t group;	 /* UINT16_MAX: of any group */
	uint64_t number; /* the story around this record; 0: the last failover */
};

struct explain_step {
	const struct event_record *record;
	int64_t at_us; /* since the first step */
	char what[EXPLAIN_TEXT_SIZE / 2];
};

struct explain {
	char title[EXPLAIN_TEXT_SIZE];
	size_t n_steps;
	struct explain_step steps[EXPLAIN_STEPS_MAX];
	size_t n_evidence;
	char evidence[EXPLAIN_EVIDENCE_MAX][EXPLAIN_TEXT_SIZE];
};

/* -ENOENT: there is no such event, or there was no failover. Records are borrowed. */
_must_check_ int explain(const struct explain_source *source, const struct explain_query *query,
			 struct explain *ret);

/* An order to fence a node that has not ended. */
struct explain_fence {
	uint64_t since_wall_us; /* 0: the records know of none */
	unsigned int failures;
	uint64_t failed_wall_us;
	char failed[EXPLAIN_TEXT_SIZE]; /* the newest failure; "" */
};
void explain_fence(const struct explain_source *source, uint8_t node, struct explain_fence *ret);

#endif
