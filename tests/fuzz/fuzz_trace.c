/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any trace file. What the reader lets through, the core must survive. */
#include "agent/trace.h"

#include <stdlib.h>

#define STEPS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay(struct trace_reader *reader, const struct trace_start *start,
		   struct core_actions *actions)
{
	struct trace_entry entry;
	struct core *core;

	if (core_new(&start->config, start->has_durable ? &start->durable : NULL, start->leftovers,
		     start->now, &core) < 0)
		return;
	for (int i = 0; i < STEPS_MAX && trace_next(reader, &entry) > 0; i++) {
		struct core *next;

		if (!entry.config) {
			core_step(core, &entry.event, entry.now, actions);
		} else if (core_reconfigure(core, entry.config, &next) >= 0) {
			core_free(core);
			core = next;
		} else {
			break; /* from here on indexes mean something else */
		}
	}
	core_free(core);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct trace_start start;
	static struct core_actions actions;
	struct trace_reader *reader;

	if (trace_open_bytes(data, size, &start, &reader) < 0)
		return 0;
	replay(reader, &start, &actions);
	trace_close(reader);
	return 0;
}
