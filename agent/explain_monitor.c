/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The monitors in a story: whose recovery touched the group, and what they saw before. */
#include "agent/explain_internal.h"

/* The monitor that a record of the group, or of all groups of the lost node, names as its cause. */
static uint64_t monitor_of(const struct story *s, const struct event *e)
{
	if (e->group != s->group && (e->group != UINT16_MAX || e->origin != s->lost))
		return UINT16_MAX;
	switch (e->id) { /* only what is done because of a monitor */
	case EVENT_MONITOR_RESTART:
	case EVENT_MONITOR_FAILOVER:
	case EVENT_RESOURCE_RESTARTING:
	case EVENT_GROUP_RESTARTING:
		return e->arg[0];
	case EVENT_FINAL_ACTION:
	case EVENT_FINAL_SUPPRESSED:
	case EVENT_FINAL_IMPOSSIBLE:
		return e->arg[1];
	default:
		return UINT16_MAX;
	}
}

bool story_is_restart(const struct event *e)
{
	return e->id == EVENT_MONITOR_RESTART && e->group != UINT16_MAX;
}

/* The placement by which a recovery of `group` on node `from` ended, after record `at`. */
static const struct event_record *moved_away(const struct explain_source *source, size_t at,
					     uint16_t group, uint8_t from)
{
	for (size_t i = at; i < source->n; i++) {
		const struct event_record *r = source->records[i];

		if (r->event.id != EVENT_GROUP_PLACED || r->event.group != group ||
		    r->event.node == NODE_NONE)
			continue;
		return r->event.arg[0] == CAUSE_MONITOR && r->event.arg[1] == from &&
				       r->wall_us < source->records[at]->wall_us + LOOK_BACK_US
			       ? r
			       : NULL;
	}
	return NULL;
}

const struct event_record *story_of_monitor(const struct explain_source *source, size_t at)
{
	const struct event *e = &source->records[at]->event;

	/* What the monitor did next on that node. */
	for (size_t i = at; i < source->n; i++) {
		const struct event_record *r = source->records[i], *placed;

		if (r->event.origin != e->origin || r->event.arg[0] != e->arg[0] ||
		    (r->event.id != EVENT_MONITOR_RESTART && r->event.id != EVENT_MONITOR_FAILOVER))
			continue;
		placed = moved_away(source, i, r->event.group, e->origin);
		if (placed)
			return placed;
		return story_is_restart(&r->event) ? r : source->records[at];
	}
	return source->records[at];
}

void story_find_monitors(struct story *s)
{
	int64_t anchor = (int64_t)s->anchor->event.at.us, at;

	for (size_t i = 0; i < s->source->n; i++) {
		const struct event_record *r = s->source->records[i];
		uint64_t m = monitor_of(s, &r->event);

		if (m >= MONITORS_MAX || !explain_clock_at(&s->clock, r, &at) ||
		    at < anchor - LOOK_BACK_US || at > anchor + LOOK_AHEAD_US)
			continue;
		s->monitors[m / 8] |= (uint8_t)(1U << m % 8);
	}
}

bool story_has_monitor(const struct story *s, const struct event *e)
{
	uint64_t m = e->arg[0];

	return e->id >= EVENT_MONITOR_NORMAL && e->id <= EVENT_MONITOR_FORGOT && m < MONITORS_MAX &&
	       (e->origin == s->lost || e->origin == s->owner) &&
	       (s->monitors[m / 8] & 1U << m % 8) != 0;
}

static bool is_trouble(const struct event *e)
{
	return e->id == EVENT_MONITOR_CAUTION || e->id == EVENT_MONITOR_ERROR ||
	       e->id == EVENT_MONITOR_FAILING;
}

int64_t story_trouble_us(const struct story *s, int64_t from_us, int64_t to_us)
{
	int64_t first = to_us, at;

	for (size_t i = 0; i < s->source->n; i++) {
		const struct event_record *r = s->source->records[i];

		if (is_trouble(&r->event) && r->event.origin == s->lost &&
		    story_has_monitor(s, &r->event) && explain_clock_at(&s->clock, r, &at) &&
		    at >= from_us && at < first)
			first = at;
	}
	return first;
}
