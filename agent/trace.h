/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_TRACE_H
#define HF_AGENT_TRACE_H

/*
 * A recording of all that a core was given: configuration, what was on disk, and every event with
 * its time. The simulator replays it, so a failure in the field becomes a test. The format is
 * in docs/trace.md.
 */

#include "include/core.h"
#include "include/hb.h"
#include "util/cleanup.h"

/* ---- writing ---- */

struct trace;

struct trace_start {
	struct core_config config;
	bool has_durable;
	struct durable_state durable;
	bool leftovers[RESOURCES_MAX];
	ha_time now;
};

/* Creates the file, replacing an older one. -errno. */
_must_check_ int trace_new(const char *path, const struct trace_start *start, struct trace **ret);
/* After the first write error nothing more is written: that is logged once. */
void trace_event(struct trace *trace, ha_time now, const struct core_event *event);
/* From here on core_reconfigure() with this configuration. */
void trace_reconfigure(struct trace *trace, ha_time now, const struct core_config *config);
struct trace *trace_free(struct trace *trace);

/* ---- reading ---- */

struct trace_reader;

/* Pointers in it are valid until the next call. */
struct trace_entry {
	ha_time now;
	const struct core_config *config; /* for core_reconfigure(); NULL: an event */
	struct core_event event;
};

/* Reads the whole file. -EBADMSG: not a trace, or damaged; -errno. `start` is filled. */
_must_check_ int trace_open(const char *path, struct trace_start *ret_start,
			    struct trace_reader **ret);
/* The same from memory, which must stay. */
_must_check_ int trace_open_bytes(const uint8_t *data, size_t n, struct trace_start *ret_start,
				  struct trace_reader **ret);
struct trace_reader *trace_close(struct trace_reader *reader);
/* 1 and the next entry; 0 at the end; -EBADMSG. A last entry that was cut off is the end. */
_must_check_ int trace_next(struct trace_reader *reader, struct trace_entry *ret);

#endif
