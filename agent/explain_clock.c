/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/explain_clock.h"

#include <string.h>

/* Records of other nodes that far from the anchor by wall clock do not say how clocks relate. */
#define NEAR_US ((int64_t)(600 * USEC_PER_SEC))

struct bounds {
	int64_t low, high; /* of the shift */
	int64_t distance;  /* of the record that gave the first guess */
};

static int64_t wall_minus_boot(const struct event_record *r)
{
	return (int64_t)(r->wall_us - r->event.at.us);
}

static int64_t distance(int64_t a, int64_t b)
{
	return a > b ? a - b : b - a;
}

/* First guess: both wall clocks are right, at the record nearest to the anchor. */
static void guess(struct explain_clock *clock, struct bounds *b, const struct event_record *anchor,
		  const struct event_record *r)
{
	uint8_t origin = r->event.origin;
	int64_t far = distance((int64_t)r->wall_us, (int64_t)anchor->wall_us);

	if (clock->known[origin] && far >= b[origin].distance)
		return;
	clock->known[origin] = true;
	clock->shift_us[origin] = wall_minus_boot(r) - wall_minus_boot(anchor);
	b[origin].distance = far;
}

/* `ours`, of the reference, is the cause of `theirs`. */
static void after(struct bounds *b, const struct event_record *ours,
		  const struct event_record *theirs)
{
	int64_t low = (int64_t)ours->event.at.us - (int64_t)theirs->event.at.us;

	if (low > b->low)
		b->low = low;
}

static void before(struct bounds *b, const struct event_record *ours,
		   const struct event_record *theirs)
{
	int64_t high = (int64_t)ours->event.at.us - (int64_t)theirs->event.at.us;

	if (high < b->high)
		b->high = high;
}

/* The coordinator proposes, the member accepts, the coordinator installs, the member installs;
 * the coordinator places a group, its new owner starts it (protocol.md, V2-V5, G1). */
static void relate(struct bounds *b, const struct event_record *ours,
		   const struct event_record *theirs)
{
	const struct event *o = &ours->event, *t = &theirs->event;

	if (o->epoch != t->epoch || o->epoch == 0)
		return;
	if (o->id == EVENT_VIEW_PROPOSED && t->id == EVENT_VIEW_ACCEPTED)
		after(b, ours, theirs);
	else if (o->id == EVENT_VIEW_INSTALLED && t->id == EVENT_VIEW_ACCEPTED &&
		 o->node == o->origin)
		before(b, ours, theirs);
	else if (o->id == EVENT_VIEW_INSTALLED && t->id == EVENT_VIEW_INSTALLED &&
		 o->node == o->origin)
		after(b, ours, theirs);
	else if (o->id == EVENT_GROUP_PLACED && t->id == EVENT_GROUP_STARTING &&
		 o->group == t->group && o->node == t->origin)
		after(b, ours, theirs);
}

static bool is_cause(uint16_t id)
{
	return id == EVENT_VIEW_PROPOSED || id == EVENT_VIEW_INSTALLED || id == EVENT_GROUP_PLACED;
}

static void relate_all(const struct explain_source *source, const struct explain_clock *clock,
		       const struct event_record *anchor, struct bounds *bounds)
{
	for (size_t i = 0; i < source->n; i++) {
		const struct event_record *ours = source->records[i];

		if (ours->event.origin != clock->reference || !is_cause(ours->event.id) ||
		    ours->event.epoch != anchor->event.epoch)
			continue;
		for (size_t k = 0; k < source->n; k++) {
			const struct event_record *theirs = source->records[k];

			if (theirs->event.origin < NODES_MAX &&
			    theirs->event.origin != clock->reference)
				relate(&bounds[theirs->event.origin], ours, theirs);
		}
	}
}

void explain_clock_init(const struct explain_source *source, const struct event_record *anchor,
			struct explain_clock *ret)
{
	struct bounds bounds[NODES_MAX];

	memset(ret, 0, sizeof *ret);
	ret->reference = anchor->event.origin;
	ret->reference_incarnation = anchor->origin_incarnation;
	for (unsigned int n = 0; n < NODES_MAX; n++)
		bounds[n] = (struct bounds){.low = INT64_MIN, .high = INT64_MAX};
	for (size_t i = 0; i < source->n; i++) {
		const struct event_record *r = source->records[i];

		if (r->event.origin < NODES_MAX && r->event.origin != ret->reference)
			guess(ret, bounds, anchor, r);
	}
	relate_all(source, ret, anchor, bounds);
	for (unsigned int n = 0; n < NODES_MAX; n++) {
		if (ret->known[n] && bounds[n].distance > NEAR_US && bounds[n].low == INT64_MIN)
			ret->known[n] = false;
		if (ret->shift_us[n] < bounds[n].low)
			ret->shift_us[n] = bounds[n].low;
		if (ret->shift_us[n] > bounds[n].high)
			ret->shift_us[n] = bounds[n].high;
	}
}

bool explain_clock_at(const struct explain_clock *clock, const struct event_record *record,
		      int64_t *ret_us)
{
	uint8_t origin = record->event.origin;

	if (origin == clock->reference) {
		*ret_us = (int64_t)record->event.at.us;
		return true;
	}
	if (origin >= NODES_MAX || !clock->known[origin])
		return false;
	*ret_us = (int64_t)record->event.at.us + clock->shift_us[origin];
	return true;
}
