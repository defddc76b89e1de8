/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_FENCE_RUN_H
#define HF_FENCE_RUN_H

/* Other programs, with a deadline, and the deadline of this program. */

#include "util/cleanup.h"
#include "util/time.h"

#include <stddef.h>
#include <stdint.h>

struct fence_run {
	const char *path; /* absolute; one that fence_path_check() accepted */
	char *const *env; /* all of the environment, ends with NULL */
	ha_time until;	  /* its process group is killed then */
	char *out;	  /* what it prints; NULL: goes to our standard error */
	size_t out_size;
};

/*
 * Runs it in a process group of its own. Returns its exit code, -ETIME if it was killed at the
 * deadline, -EINTR if a signal ended it, -E2BIG if it printed more than fits, else -errno.
 */
_must_check_ int fence_run(const struct fence_run *run, size_t *ret_n);

/*
 * The wall deadline: after `us` this program says so in one sentence and exits with FAILED,
 * whatever a library is doing, and takes the program it runs with it.
 */
void fence_deadline_arm(const char *program, uint64_t us);
/* The off that was asked for is confirmed: from now on the deadline is no failure. */
void fence_deadline_proved(void);

#endif
