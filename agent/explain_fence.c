/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An order to fence a node that is under way: since when, and what failed last. */
#include "agent/explain.h"

#include <stdio.h>
#include <string.h>

static void note_failure(const struct event_record *r, struct explain_fence *ret)
{
	const struct event *e = &r->event;

	ret->failures++;
	ret->failed_wall_us = r->wall_us;
	(void)snprintf(ret->failed, sizeof ret->failed, "level %llu, try %llu, after %.1f s%s%s",
		       (unsigned long long)e->arg[0], (unsigned long long)e->arg[1],
		       (double)e->arg[2] / USEC_PER_SEC, e->text[0] ? ": " : "", e->text);
}

void explain_fence(const struct explain_source *source, uint8_t node, struct explain_fence *ret)
{
	memset(ret, 0, sizeof *ret);
	for (size_t i = 0; i < source->n; i++) {
		const struct event_record *r = source->records[i];

		if (r->event.node != node)
			continue;
		switch (r->event.id) {
		case EVENT_FENCE_ORDERED:
		case EVENT_FENCE_DELAYED:
		case EVENT_FENCE_STARTED:
			if (!ret->since_wall_us)
				ret->since_wall_us = r->wall_us;
			break;
		case EVENT_FENCE_FAILED:
			note_failure(r, ret);
			break;
		case EVENT_FENCE_CONFIRMED:
		case EVENT_FENCE_CANCELLED:
		case EVENT_FENCE_BY_PERSON:
			memset(ret, 0, sizeof *ret);
			break;
		default:
			break;
		}
	}
}
