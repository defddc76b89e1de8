/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_EXPLAIN_INTERNAL_H
#define HF_AGENT_EXPLAIN_INTERNAL_H

/* explain.c finds a story and its window, explain_monitor.c the monitors that caused it,
 * explain_words.c puts it into words. Pure. */

#include "agent/explain.h"
#include "agent/explain_clock.h"
#include "include/core.h"

#define LOOK_BACK_US  ((int64_t)(600 * USEC_PER_SEC)) /* from a placement to what caused it */
#define LOOK_AHEAD_US ((int64_t)(600 * USEC_PER_SEC)) /* to the end of slow starts */

struct story {
	const struct explain_source *source;
	const struct event_record *anchor; /* GROUP_PLACED, GROUP_HELD; or any event */
	const struct event_record *silent; /* why: the owner was declared failed; may be NULL */
	const struct event_record *end;	   /* GROUP_ONLINE, GROUP_FAILED, GROUP_HELD; may be NULL */
	struct explain_clock clock;
	uint16_t group;			    /* UINT16_MAX: all that is in the window */
	uint8_t lost;			    /* the former owner; NODE_NONE */
	uint8_t owner;			    /* the new one; NODE_NONE */
	int64_t from_us, to_us;		    /* the window, on the reference clock */
	uint8_t monitors[MONITORS_MAX / 8]; /* bit i: monitor i had a part in it */
};

/* explain_monitor.c */
/* A recovery that restarts something of one group in place. */
bool story_is_restart(const struct event *event);
/* The story that an event of a monitor is part of; the event itself if there is none. */
const struct event_record *story_of_monitor(const struct explain_source *source, size_t at);
void story_find_monitors(struct story *story);
/* An event of a monitor that had a part in it, on the node that lost the group. */
bool story_has_monitor(const struct story *story, const struct event *event);
/* The first sign of trouble of these monitors between two instants of the reference clock; `to_us`
 * if there is none. */
int64_t story_trouble_us(const struct story *story, int64_t from_us, int64_t to_us);

/* explain_words.c */
/* What a step is, in a few words. */
void story_what(const struct story *story, const struct event *event,
		char what[EXPLAIN_TEXT_SIZE / 2]);
void story_evidence(const struct story *story, struct explain *x);
void story_title(const struct story *story, struct explain *x);

#endif
