/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_EVENT_ROWS_H
#define HF_EVENT_ROWS_H

/*
 * The parts of the catalogue of events, each in order of ids. docs/man/holdfast-events.7 is
 * printed from them by tests/unit/test_event_man.c. Arguments are durations in microseconds where
 * the name says so; `node`, `group` and `resource` of the event are told by `meaning` where it is
 * not plain.
 */

#include "include/event.h"

struct event_rows {
	const struct event_info *rows;
	size_t n;
};

extern const struct event_rows event_rows_cluster; /* 1xx to 3xx */
extern const struct event_rows event_rows_fence;   /* 35x to 36x */
extern const struct event_rows event_rows_objects; /* 4xx */
extern const struct event_rows event_rows_control; /* 5xx and 6xx */

#endif
