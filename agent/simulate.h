/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_SIMULATE_H
#define HF_AGENT_SIMULATE_H

/*
 * `holdfast simulate`: what would happen. The cores of all nodes run here on a virtual clock, from
 * the state that the status tells, over a perfect network, and their events are what is printed.
 * Nothing outside this process is touched. One network delay, disks, programs and addresses take
 * assumed times (struct simulate_times): the order of decisions is what counts.
 */

#include "agent/config.h"

#include <jansson.h>

struct simulate_times {
	uint64_t network_us; /* one way */
	uint64_t disk_us;    /* one write of the state */
	uint64_t address_us; /* start or stop of a floating IP */
	uint64_t program_us; /* of a program, an OCF agent or a unit */
	uint64_t fence_us;   /* of one level, until it is confirmed */
};

#define SIMULATE_FAILS_MAX 16

/* The question. */
struct simulate_question {
	struct simulate_times times;
	uint64_t horizon_us;	  /* end at the latest after this time */
	node_mask down;		  /* lose power at time 0 */
	node_mask cut[NODES_MAX]; /* bit b of [a]: a does not hear b any more */
	node_mask leave;	  /* are told to leave in good order */
	uint8_t n_fails;
	struct {
		uint16_t monitor;
		uint8_t node;
	} fail[SIMULATE_FAILS_MAX]; /* this monitor's target is broken on that node for good */
};

/* One event of one node. `at_us` counts from time 0. */
struct simulate_line {
	uint64_t at_us;
	struct event event;
};

struct simulate_answer {
	size_t n;
	struct simulate_line *lines; /* allocated */
	bool quiet;		     /* all came to rest before the horizon */
	uint64_t end_us;
	uint8_t before[GROUPS_MAX], after[GROUPS_MAX]; /* where each group is online; NODE_NONE */
	/*
	 * from time 0 to the moment when it was online again; UINT64_MAX: it is not. 0: never away
	 */
	uint64_t outage_us[GROUPS_MAX];
	node_mask up; /* at the end */
};

/* -ENOMEM, -EINVAL (the configuration does not fit the core). Free with simulate_answer_clear(). */
_must_check_ int simulate_run(const struct config *config, const struct core_seed *seed,
			      const struct simulate_question *question,
			      struct simulate_answer *ret);
void simulate_answer_clear(struct simulate_answer *answer);

/*
 * What a status reply of the socket tells, for core_new_seeded(). -EINVAL: *ret_why names what is
 * missing or does not fit the configuration; a static string or one in `buf`.
 */
_must_check_ int simulate_seed(const struct config *config, const json_t *status,
			       struct core_seed *ret, char *ret_why, size_t size);

/* `holdfastd --simulate`: see simulate_tool.c. */
int simulate_main(int argc, char **argv);

#endif
