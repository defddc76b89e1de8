/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/explain_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ANNOUNCE_US ((int64_t)USEC_PER_SEC)	  /* after the group was online */
#define AROUND_US   ((int64_t)(2 * USEC_PER_SEC)) /* of an event that belongs to no failover */

/* Index of the record with that number; source->n if there is none. */
static size_t index_of(const struct explain_source *source, uint64_t number)
{
	size_t i = 0;

	while (i < source->n && source->records[i]->number != number)
		i++;
	return i;
}

static bool same_clock(const struct event_record *a, const struct event_record *b)
{
	return a->event.origin == b->event.origin && a->origin_incarnation == b->origin_incarnation;
}

/* ---- which story ---- */

/* A failover is the best story, a move by command is one too, the first start the last resort. */
static int placed_rank(const struct event_record *r)
{
	switch ((enum intent_cause)r->event.arg[0]) {
	case CAUSE_FAILOVER:
	case CAUSE_FAILURE:
	case CAUSE_MONITOR:
		return 4;
	case CAUSE_LEAVE:
	case CAUSE_CONFLICT:
	case CAUSE_FAILBACK:
	case CAUSE_RESTART:
		return 3;
	case CAUSE_ADMIN:
		return 2;
	case CAUSE_START:
	case CAUSE_NONE:
	case CAUSE_COUNT_:
	default:
		return 1;
	}
}

/* It was held and not placed since: a story without a happy end. */
static bool is_still_held(const struct explain_source *source, const struct event_record *held)
{
	if (held->event.id != EVENT_GROUP_HELD)
		return false;
	for (size_t i = 0; i < source->n; i++) {
		const struct event_record *r = source->records[i];

		if (r->event.group == held->event.group && r->wall_us >= held->wall_us &&
		    ((r->event.id == EVENT_GROUP_PLACED && r->event.node != NODE_NONE) ||
		     (r->event.id == EVENT_GROUP_HELD && r->number > held->number)))
			return false;
	}
	return true;
}

static int story_rank(const struct explain_source *source, const struct event_record *r)
{
	if (r->event.id == EVENT_GROUP_PLACED && r->event.node != NODE_NONE)
		return placed_rank(r);
	if (story_is_restart(&r->event))
		return 3;
	return is_still_held(source, r) ? 4 : 0;
}

static const struct event_record *last_failover(const struct explain_source *source, uint16_t group)
{
	const struct event_record *best = NULL;
	int best_rank = 0;

	for (size_t i = 0; i < source->n; i++) {
		const struct event_record *r = source->records[i];
		int rank;

		if (group != UINT16_MAX && r->event.group != group)
			continue;
		rank = story_rank(source, r);
		if (rank == 0 || rank < best_rank ||
		    (rank == best_rank && best && r->wall_us < best->wall_us))
			continue;
		best = r;
		best_rank = rank;
	}
	return best;
}

static bool placement_of(const struct event_record *placed, const struct event_record *r)
{
	if (placed->event.id != EVENT_GROUP_PLACED || placed->event.node == NODE_NONE)
		return false;
	if (r->event.group != UINT16_MAX)
		return placed->event.group == r->event.group;
	return r->event.node != NODE_NONE && placed->event.arg[1] == r->event.node;
}

/* The placement that a record belongs to: the nearest one of its group or, for an event about
 * a node, the next one that takes a group from it. */
static const struct event_record *story_of(const struct explain_source *source, size_t at)
{
	const struct event_record *r = source->records[at];

	if (is_still_held(source, r))
		return r;
	if (r->event.id >= EVENT_MONITOR_NORMAL && r->event.id <= EVENT_MONITOR_FORGOT)
		return story_of_monitor(source, at);
	for (size_t i = at + 1; r->event.group != UINT16_MAX && i-- > 0;)
		if (placement_of(source->records[i], r))
			return source->records[i];
	for (size_t i = at; i < source->n; i++)
		if (placement_of(source->records[i], r))
			return source->records[i];
	return r;
}

/* ---- its beginning and end ---- */

/* The newest record of the anchor's node before it that `match` likes. */
static const struct event_record *find_before(const struct story *s,
					      bool (*match)(const struct story *,
							    const struct event_record *))
{
	const struct event_record *best = NULL;

	for (size_t i = 0; i < s->source->n; i++) {
		const struct event_record *r = s->source->records[i];

		if (!same_clock(r, s->anchor) || ha_time_before(s->anchor->event.at, r->event.at) ||
		    !match(s, r))
			continue;
		if (ha_time_since(s->anchor->event.at, r->event.at) > (uint64_t)LOOK_BACK_US)
			continue;
		if (!best || !ha_time_before(r->event.at, best->event.at))
			best = r;
	}
	return best;
}

static bool is_silence(const struct story *s, const struct event_record *r)
{
	return r->event.id == EVENT_NODE_SILENT &&
	       (s->lost == NODE_NONE || r->event.node == s->lost);
}

static bool is_leaving(const struct story *s, const struct event_record *r)
{
	return r->event.id == EVENT_NODE_LEAVING && r->event.node == s->lost &&
	       s->lost != NODE_NONE;
}

static bool is_placement(const struct story *s, const struct event_record *r)
{
	return r->event.group == s->group && r->event.id == EVENT_GROUP_PLACED && r != s->anchor;
}

static bool is_before_story(const struct story *s, const struct event_record *r)
{
	return r->event.group == s->group &&
	       (r->event.id == EVENT_GROUP_ONLINE || r->event.id == EVENT_GROUP_PLACED) &&
	       r != s->anchor;
}

static void find_end(struct story *s)
{
	int64_t best = 0, at, placed;

	(void)explain_clock_at(&s->clock, s->anchor, &placed); /* the reference is always known */
	for (size_t i = 0; i < s->source->n; i++) {
		const struct event_record *r = s->source->records[i];

		if (r->event.group != s->group || r->event.origin != s->owner ||
		    (r->event.id != EVENT_GROUP_ONLINE && r->event.id != EVENT_GROUP_FAILED))
			continue;
		if (!explain_clock_at(&s->clock, r, &at) || at < placed ||
		    at > placed + LOOK_AHEAD_US || (s->end && at >= best))
			continue;
		s->end = r;
		best = at;
	}
}

/* Where the story begins, if no silence says so. */
static int64_t find_beginning(const struct story *s, int64_t anchor)
{
	const struct event_record *former = find_before(s, is_before_story), *leaving;
	const struct event_record *placed = find_before(s, is_placement);
	int64_t low = placed ? (int64_t)placed->event.at.us : anchor - LOOK_BACK_US;
	/* Restarts in place come before it: the group was online again after each. */
	int64_t trouble = story_trouble_us(s, low, anchor);

	if (trouble < anchor)
		return trouble;
	leaving = find_before(s, is_leaving);
	if (s->anchor->event.arg[0] == CAUSE_LEAVE && leaving)
		return (int64_t)leaving->event.at.us;
	return former ? (int64_t)former->event.at.us + 1 : anchor - LOOK_BACK_US;
}

static void find_window(struct story *s)
{
	int64_t anchor = (int64_t)s->anchor->event.at.us, at;

	s->from_us = anchor - AROUND_US;
	s->to_us = anchor + AROUND_US;
	if (s->group == UINT16_MAX)
		return;
	if (s->silent)
		s->from_us = (int64_t)s->silent->event.at.us - (int64_t)s->silent->event.arg[0];
	else
		s->from_us = find_beginning(s, anchor);
	if (s->end && explain_clock_at(&s->clock, s->end, &at))
		s->to_us = at + ANNOUNCE_US;
	else
		s->to_us = anchor + LOOK_AHEAD_US;
}

static void find_placement(struct story *s)
{
	const struct event *e = &s->anchor->event;

	s->owner = e->node;
	s->lost = e->arg[1] < NODES_MAX ? (uint8_t)e->arg[1] : NODE_NONE;
	if (e->arg[0] == CAUSE_FAILOVER)
		s->silent = find_before(s, is_silence);
	if (s->silent)
		s->lost = s->silent->event.node;
	find_end(s);
}

/* In place: it stays where it is. */
static void find_restart(struct story *s)
{
	s->owner = s->lost = s->anchor->event.origin;
	find_end(s);
}

/* The group was taken away, or never given: by whom, the placement before tells. */
static void find_hold(struct story *s)
{
	const struct event_record *placed = find_before(s, is_placement);

	if (placed && placed->event.node != NODE_NONE)
		s->lost = placed->event.node;
	else if (placed && placed->event.arg[1] < NODES_MAX)
		s->lost = (uint8_t)placed->event.arg[1];
	if (s->lost != NODE_NONE)
		s->silent = find_before(s, is_silence);
	s->end = s->anchor;
}

static void find_story(struct story *s)
{
	const struct event *e = &s->anchor->event;

	s->group = UINT16_MAX;
	s->lost = s->owner = NODE_NONE;
	explain_clock_init(s->source, s->anchor, &s->clock);
	if (e->id == EVENT_GROUP_PLACED || story_is_restart(e) ||
	    is_still_held(s->source, s->anchor)) {
		s->group = e->group;
		if (e->id == EVENT_GROUP_PLACED)
			find_placement(s);
		else if (story_is_restart(e))
			find_restart(s);
		else
			find_hold(s);
		story_find_monitors(s);
	}
	find_window(s);
}

/* ---- its steps ---- */

/* What a group's failover is made of; other groups and nodes have their own. */
static bool belongs(const struct story *s, const struct event *e)
{
	bool reference = e->origin == s->anchor->event.origin;

	if (s->group == UINT16_MAX)
		return reference;
	if (e->group != UINT16_MAX)
		return e->group == s->group;
	switch (e->id) { /* only what has a part in a failover */
	case EVENT_NODE_SILENT:
	case EVENT_NODE_LATE:
	case EVENT_NODE_STALLED:
	case EVENT_NODE_RESUMED:
	case EVENT_NODE_STALL_EXPIRED:
	case EVENT_KERNEL_DOWN:
	case EVENT_NODE_RESTARTED:
	case EVENT_LINK_DOWN:
	case EVENT_PROOF:
	case EVENT_WAITING_FOR_PROOF:
		return reference && e->node == s->lost;
	case EVENT_NODE_LEAVING:
	case EVENT_NODE_LEFT:
	case EVENT_NODE_POWER:
	case EVENT_REQUEST_RECEIVED:
	case EVENT_FINAL_ACTION:
	case EVENT_FINAL_SUPPRESSED:
	case EVENT_FINAL_IMPOSSIBLE:
	case EVENT_POWER_ACTION:
	case EVENT_FENCE_ORDERED:
	case EVENT_FENCE_DELAYED:
	case EVENT_FENCE_STARTED:
	case EVENT_FENCE_CONFIRMED:
	case EVENT_FENCE_FAILED:
	case EVENT_FENCE_EXHAUSTED:
	case EVENT_FENCE_CANCELLED:
	case EVENT_FENCE_BY_PERSON:
	case EVENT_VOTES_WAIVED:
		return e->node == s->lost && s->lost != NODE_NONE;
	case EVENT_VIEW_PROPOSED:
	case EVENT_CLUSTER_SUSPENDED:
	case EVENT_CLUSTER_RESUMED:
	case EVENT_RATIO_SET:
	case EVENT_RATIO_ENDED:
		return reference;
	case EVENT_VIEW_ACCEPTED:
	case EVENT_VIEW_INSTALLED:
		return reference || e->origin == s->owner;
	case EVENT_VIEW_LOST:
	case EVENT_LEASE_EXPIRED:
	case EVENT_LEASE_REFUSED:
	case EVENT_LEASE_KEPT:
		return e->origin == s->lost || reference || e->origin == s->owner;
	case EVENT_AGENT_STALLED:
	case EVENT_AGENT_STOPPED:
		return true;
	default:
		return story_has_monitor(s, e);
	}
}

static void add_step(struct explain *x, const struct event_record *r, int64_t at_us,
		     const char *what)
{
	struct explain_step *step = &x->steps[x->n_steps];

	if (x->n_steps == EXPLAIN_STEPS_MAX)
		return;
	x->n_steps++;
	*step = (struct explain_step){.record = r, .at_us = at_us};
	(void)snprintf(step->what, sizeof step->what, "%s", what);
}

static void add_steps(const struct story *s, struct explain *x)
{
	char what[EXPLAIN_TEXT_SIZE / 2];
	int64_t at;

	if (s->silent) {
		const char *name = s->source->names->node(s->source->names->userdata, s->lost);

		(void)snprintf(what, sizeof what, "last beat heard from %s", name ? name : "?");
		add_step(x, s->silent, s->from_us, what);
	}
	for (size_t i = 0; i < s->source->n; i++) {
		const struct event_record *r = s->source->records[i];

		if (!belongs(s, &r->event) || !explain_clock_at(&s->clock, r, &at))
			continue;
		if (at < s->from_us || at > s->to_us)
			continue;
		/* after its end only the announcements still belong to it */
		if (s->end && at > s->to_us - ANNOUNCE_US && r != s->end &&
		    r->event.id != EVENT_FIP_ANNOUNCED)
			continue;
		story_what(s, &r->event, what);
		add_step(x, r, at, what);
	}
}

static bool step_after(const struct explain_step *a, const struct explain_step *b)
{
	if (a->at_us != b->at_us)
		return a->at_us > b->at_us;
	/* one instant of one node: in the order of its journal */
	return a->record->event.origin == b->record->event.origin &&
	       a->record->origin_number > b->record->origin_number;
}

/* Insertion sort: stable, and the steps of one node come in order. */
static void sort_steps(struct explain *x)
{
	int64_t first;

	for (size_t i = 1; i < x->n_steps; i++) {
		struct explain_step step = x->steps[i];
		size_t k = i;

		for (; k > 0 && step_after(&x->steps[k - 1], &step); k--)
			x->steps[k] = x->steps[k - 1];
		x->steps[k] = step;
	}
	first = x->n_steps ? x->steps[0].at_us : 0;
	for (size_t i = 0; i < x->n_steps; i++)
		x->steps[i].at_us -= first;
}

int explain(const struct explain_source *source, const struct explain_query *query,
	    struct explain *ret)
{
	struct story story = {.source = source};
	size_t at;

	if (query->number) {
		at = index_of(source, query->number);
		story.anchor = at < source->n ? story_of(source, at) : NULL;
	} else {
		story.anchor = last_failover(source, query->group);
	}
	if (!story.anchor)
		return -ENOENT;
	memset(ret, 0, sizeof *ret);
	find_story(&story);
	add_steps(&story, ret);
	sort_steps(ret);
	story_evidence(&story, ret);
	story_title(&story, ret);
	return 0;
}
