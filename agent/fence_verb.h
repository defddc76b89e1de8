/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_FENCE_VERB_H
#define HF_AGENT_FENCE_VERB_H

/* What can be done to a level of devices, by name, and what the process that does it answers. */

#include "agent/config.h"

#include <stdbool.h>

#define FENCE_TEXT 256 /* of one device or result; longer ones are cut */

enum fence_verb {
	FENCE_VERB_OFF, /* in the order of EVENT_FENCE_COMMAND */
	FENCE_VERB_ON,
	FENCE_VERB_RESET,
	FENCE_VERB_CYCLE,
	FENCE_VERB_TEST,   /* parameters, credentials and reachability; switches nothing */
	FENCE_VERB_STATUS, /* reads on or off; no event */
	FENCE_VERB_DIAG,   /* used by final actions only */
	FENCE_VERB_CHECK,  /* the periodic check */
	FENCE_VERB_COUNT_
};
const char *fence_verb_to_string(enum fence_verb verb); /* as the tool is told */
/* -EINVAL */
_must_check_ int fence_verb_from_string(const char *word);
/* How long the process may take for one level. */
uint64_t fence_verb_limit_us(const struct config *config, uint8_t target, uint8_t level,
			     enum fence_verb verb);

/* One device has ended one step. */
struct fence_step {
	uint8_t level; /* from 0 */
	char device[NAME_SIZE], plug[NAME_SIZE], step[16];
	bool ok;
	uint64_t took_us;
	char text[FENCE_TEXT];
};

enum fence_power_word { FENCE_READ_UNKNOWN, FENCE_READ_ON, FENCE_READ_OFF };
const char *fence_power_word_to_string(enum fence_power_word power);

struct fence_end {
	bool ok;       /* OFF: confirmed; others: done */
	uint8_t power; /* enum fence_power_word, if it was read */
	uint8_t level; /* that did it, or the last one tried; from 0 */
	uint64_t took_us;
	char text[FENCE_TEXT];
};

/* One line of the process. Pure. */
#define FENCE_LINE_MAX 4096
struct fence_line {
	bool is_end;
	bool confirmed; /* an end: the level is off, by readings */
	union {
		struct fence_step step;
		struct fence_end end;
	};
};
/* -EBADMSG: it is none. */
_must_check_ int fence_line_parse(const char *line, size_t n, struct fence_line *ret);

#endif
