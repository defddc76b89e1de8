/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/explain.h"

#include "agent/explain_clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOOK_BACK_US  ((int64_t)(600 * USEC_PER_SEC)) /* from a placement to what caused it */
#define LOOK_AHEAD_US ((int64_t)(600 * USEC_PER_SEC)) /* to the end of slow starts */
#define ANNOUNCE_US   ((int64_t)USEC_PER_SEC)	      /* after the group was online */
#define AROUND_US     ((int64_t)(2 * USEC_PER_SEC))   /* of an event that belongs to no failover */

struct story {
	const struct explain_source *source;
	const struct event_record *anchor; /* GROUP_PLACED; or any event */
	const struct event_record *silent; /* why: the owner was declared failed; may be NULL */
	const struct event_record *end;	   /* GROUP_ONLINE or GROUP_FAILED; may be NULL */
	struct explain_clock clock;
	uint16_t group;		/* UINT16_MAX: all that is in the window */
	uint8_t lost;		/* the former owner; NODE_NONE */
	uint8_t owner;		/* the new one; NODE_NONE */
	int64_t from_us, to_us; /* the window, on the reference clock */
};

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
		return 4;
	case CAUSE_FAILURE:
	case CAUSE_LEAVE:
	case CAUSE_CONFLICT:
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

static const struct event_record *last_failover(const struct explain_source *source, uint16_t group)
{
	const struct event_record *best = NULL;

	for (size_t i = 0; i < source->n; i++) {
		const struct event_record *r = source->records[i];

		if (r->event.id != EVENT_GROUP_PLACED || r->event.node == NODE_NONE)
			continue;
		if (group != UINT16_MAX && r->event.group != group)
			continue;
		if (!best || placed_rank(r) > placed_rank(best) ||
		    (placed_rank(r) == placed_rank(best) && r->wall_us >= best->wall_us))
			best = r;
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

static void find_window(struct story *s)
{
	int64_t anchor = (int64_t)s->anchor->event.at.us, at;
	const struct event_record *former;

	s->from_us = anchor - AROUND_US;
	s->to_us = anchor + AROUND_US;
	if (s->group == UINT16_MAX)
		return;
	former = find_before(s, is_before_story);
	if (s->silent)
		s->from_us = (int64_t)s->silent->event.at.us - (int64_t)s->silent->event.arg[0];
	else if (former && (int64_t)former->event.at.us > anchor - LOOK_BACK_US)
		s->from_us = (int64_t)former->event.at.us + 1;
	else
		s->from_us = anchor - LOOK_BACK_US;
	if (s->end && explain_clock_at(&s->clock, s->end, &at))
		s->to_us = at + ANNOUNCE_US;
	else
		s->to_us = anchor + LOOK_AHEAD_US;
}

static void find_story(struct story *s)
{
	const struct event *e = &s->anchor->event;

	s->group = UINT16_MAX;
	s->lost = s->owner = NODE_NONE;
	explain_clock_init(s->source, s->anchor, &s->clock);
	if (e->id == EVENT_GROUP_PLACED) {
		s->group = e->group;
		s->owner = e->node;
		s->lost = e->arg[1] < NODES_MAX ? (uint8_t)e->arg[1] : NODE_NONE;
		if (e->arg[0] == CAUSE_FAILOVER)
			s->silent = find_before(s, is_silence);
		if (s->silent)
			s->lost = s->silent->event.node;
		find_end(s);
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
	case EVENT_NODE_RESTARTED:
	case EVENT_NODE_LEAVING:
	case EVENT_NODE_LEFT:
	case EVENT_LINK_DOWN:
	case EVENT_PROOF:
	case EVENT_WAITING_FOR_PROOF:
		return reference && e->node == s->lost;
	case EVENT_VIEW_PROPOSED:
		return reference;
	case EVENT_VIEW_ACCEPTED:
	case EVENT_VIEW_INSTALLED:
		return reference || e->origin == s->owner;
	case EVENT_VIEW_LOST:
	case EVENT_LEASE_EXPIRED:
	case EVENT_LEASE_REFUSED:
		return e->origin == s->lost || reference || e->origin == s->owner;
	case EVENT_AGENT_STALLED:
	case EVENT_AGENT_STOPPED:
		return true;
	default:
		return false;
	}
}

static const char *what_name(const struct event *e)
{
	switch (e->id) { /* only what has a part in a failover */
	case EVENT_NODE_SILENT:
		return "failure detected";
	case EVENT_VIEW_PROPOSED:
		return "view proposed";
	case EVENT_VIEW_ACCEPTED:
		return "view accepted";
	case EVENT_VIEW_INSTALLED:
		return "view installed";
	case EVENT_PROOF:
		return "takeover proof";
	case EVENT_WAITING_FOR_PROOF:
		return "waiting for proof";
	case EVENT_GROUP_PLACED:
		return "new owner chosen";
	case EVENT_GROUP_STARTING:
		return "group starting";
	case EVENT_GROUP_ONLINE:
		return "group online";
	case EVENT_RESOURCE_STARTING:
		return "resource starting";
	case EVENT_RESOURCE_ONLINE:
		return "resource online";
	case EVENT_FIP_ANNOUNCED:
		return "address announced";
	default:
		return event_info(e->id) ? event_info(e->id)->name : "event";
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
		add_step(x, r, at, what_name(&r->event));
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

/* ---- in words ---- */

static void add_evidence(const struct story *s, struct explain *x)
{
	const struct event_names *names = s->source->names;

	for (size_t i = 0; i < x->n_steps && x->n_evidence < EXPLAIN_EVIDENCE_MAX; i++) {
		const struct event *e = &x->steps[i].record->event;
		char message[EXPLAIN_TEXT_SIZE - NAME_SIZE - 4];
		const char *origin = names->node(names->userdata, e->origin);

		if (e->id != EVENT_NODE_SILENT && e->id != EVENT_PROOF &&
		    e->id != EVENT_GROUP_PLACED && e->id != EVENT_VIEW_INSTALLED &&
		    e->id != EVENT_RESOURCE_START_FAILED && e->id != EVENT_RESOURCE_LOST)
			continue;
		if (e->origin != s->anchor->event.origin && e->id == EVENT_VIEW_INSTALLED)
			continue;
		if (s->silent && i == 0) /* the last beat: the same record comes as the detection */
			continue;
		(void)event_format(e, names, message, sizeof message);
		(void)snprintf(x->evidence[x->n_evidence++], EXPLAIN_TEXT_SIZE, "%s: %s",
			       origin ? origin : "?", message);
	}
}

static void write_title(const struct story *s, struct explain *x)
{
	const struct event_names *names = s->source->names;
	const struct event *e = &s->anchor->event;
	const char *group, *from, *to;
	char took[64] = "";
	int64_t end = 0;

	if (s->group == UINT16_MAX) {
		(void)snprintf(x->title, sizeof x->title, "around event %llu (%s)",
			       (unsigned long long)s->anchor->number, what_name(e));
		return;
	}
	group = names->group(names->userdata, s->group);
	from = names->node(names->userdata, s->lost);
	to = names->node(names->userdata, s->owner);
	for (size_t i = 0; i < x->n_steps; i++)
		if (x->steps[i].record == s->end)
			end = x->steps[i].at_us;
	if (s->end)
		(void)snprintf(took, sizeof took, ": %lld.%03lld ms from first step to %s",
			       (long long)(end / 1000), (long long)(end % 1000),
			       s->end->event.id == EVENT_GROUP_ONLINE ? "online" : "failure");
	(void)snprintf(x->title, sizeof x->title, "group %s, cause %s, %s%sto %s%s",
		       group ? group : "?", intent_cause_to_string((enum intent_cause)e->arg[0]),
		       from ? from : "", from ? " " : "", to ? to : "nowhere", took);
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
	add_evidence(&story, ret);
	write_title(&story, ret);
	return 0;
}
