/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_REFUSALS_H
#define HF_AGENT_REFUSALS_H

/* Refused datagrams in the log: whoever can send to the port can cause them, so at most one line
 * a minute tells how many there were. Pure. */

#include "include/hb.h"
#include "util/time.h"

#define REFUSALS_EVERY_US  (60 * USEC_PER_SEC)
#define REFUSALS_TEXT_SIZE 384

struct refusals {
	uint64_t told[HB_REFUSAL_COUNT_]; /* all zero: nothing yet */
	ha_time next;			  /* no line before */
};

/* `counts`: since the start of the agent, by reason. True, and the line, if one is due. */
bool refusals_tell(struct refusals *refusals, const uint64_t counts[HB_REFUSAL_COUNT_], ha_time now,
		   char text[REFUSALS_TEXT_SIZE]);

#endif
