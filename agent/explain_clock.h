/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_EXPLAIN_CLOCK_H
#define HF_AGENT_EXPLAIN_CLOCK_H

/* Brings the boot-time clocks of several nodes onto that of one of them. Pure. */

#include "agent/explain.h"

struct explain_clock {
	uint8_t reference; /* the node whose clock counts */
	uint64_t reference_incarnation;
	bool known[NODES_MAX];
	int64_t shift_us[NODES_MAX]; /* added to an instant of that node */
};

/* Uses the records around `anchor`, whose origin becomes the reference. */
void explain_clock_init(const struct explain_source *source, const struct event_record *anchor,
			struct explain_clock *ret);
/* The instant on the reference clock; false if nothing relates the two. */
bool explain_clock_at(const struct explain_clock *clock, const struct event_record *record,
		      int64_t *ret_us);

#endif
