/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_SIM_SHRINK_H
#define HF_SIM_SHRINK_H

#include "tests/sim/world.h"

#define RUN_LIMIT_S 100 /* of processor time, for one schedule: more is a loop without end */

struct outcome {
	bool violated;
	char text[512];
};

/* Ends this process with SIGPROF if the next schedule takes longer than that. */
void limit_run(void);
/* Runs one schedule in a process of its own, so that a failed assertion is an outcome too. */
void outcome_of(const struct schedule_options *options, struct outcome *ret);
/* Makes a schedule that violates smaller while it violates the same invariant. */
void shrink(struct schedule_options *options, struct outcome *outcome);
/* The command that shows it again. Returns buf. */
char *options_format(const struct schedule_options *options, char *buf, size_t size);
/* The last lines of its trace. */
void print_tail(const struct schedule_options *options, size_t lines, bool datagrams);

#endif
