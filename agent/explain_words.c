/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A story in words: its title, what each step is, the evidence. */
#include "agent/explain_internal.h"

#include <stdio.h>

/* NULL: it is none of these. */
static const char *fence_name(const struct event *e)
{
	switch (e->id) {
	case EVENT_FENCE_ORDERED:
		return "fencing ordered";
	case EVENT_FENCE_DELAYED:
		return "fencing delayed against mutual fencing";
	case EVENT_FENCE_STARTED:
		return "devices ordered to switch it off";
	case EVENT_FENCE_CONFIRMED:
		return "confirmed off";
	case EVENT_FENCE_FAILED:
		return "fencing try failed";
	case EVENT_FENCE_EXHAUSTED:
		return "every fencing level failed";
	case EVENT_FENCE_CANCELLED:
		return "fencing ended";
	case EVENT_FENCE_BY_PERSON:
		return "off by a person's word";
	case EVENT_VOTES_WAIVED:
		return "half of the votes is enough";
	default:
		return NULL;
	}
}

static const char *what_name(const struct event *e)
{
	switch (e->id) { /* only what has a part in a failover */
	case EVENT_NODE_SILENT:
		return "failure detected";
	case EVENT_NODE_STALLED:
		return "agent stalled, its kernel keeps the lease: waiting for it";
	case EVENT_NODE_RESUMED:
		return "stalled agent runs again";
	case EVENT_NODE_STALL_EXPIRED:
		return "stall timeout over, counts as failed";
	case EVENT_KERNEL_DOWN:
		return "kernel answers no more";
	case EVENT_LEASE_KEPT:
		return "lease was kept by the kernel";
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
	case EVENT_NODE_LEAVING:
		return "orderly stop begins";
	case EVENT_NODE_LEFT:
		return "node left in good order";
	case EVENT_NODE_POWER:
		return "power off or reboot after the stop";
	case EVENT_GROUP_HELD:
		return "group held";
	case EVENT_GROUP_WAITING:
		return "waiting for another group";
	case EVENT_GROUP_WAIT_TIMEOUT:
		return "other group did not come in time";
	case EVENT_GROUP_RESTARTING:
		return "group restarting in place";
	case EVENT_RESOURCE_RESTARTING:
		return "resource restarting in place";
	case EVENT_MONITOR_NORMAL:
		return "monitor normal";
	case EVENT_MONITOR_CAUTION:
		return "check failed";
	case EVENT_MONITOR_ERROR:
		return "monitor in error";
	case EVENT_MONITOR_RESTART:
		return "restart ordered";
	case EVENT_MONITOR_FAILOVER:
		return "failover ordered";
	case EVENT_FINAL_ACTION:
		return "final action";
	default:
		if (fence_name(e))
			return fence_name(e);
		return event_info(e->id) ? event_info(e->id)->name : "event";
	}
}

/* With the monitor's name where one is the point. */
void story_what(const struct story *story, const struct event *event,
		char what[EXPLAIN_TEXT_SIZE / 2])
{
	const struct event_names *names = story->source->names;
	bool monitor = event->id >= EVENT_MONITOR_NORMAL && event->id <= EVENT_MONITOR_FORGOT;
	const char *name = monitor && names->monitor && event->arg[0] < MONITORS_MAX
				   ? names->monitor(names->userdata, (uint16_t)event->arg[0])
				   : NULL;

	(void)snprintf(what, EXPLAIN_TEXT_SIZE / 2, "%s%s%s", what_name(event), name ? ": " : "",
		       name ? name : "");
}

static bool is_evidence(uint16_t id)
{
	static const uint16_t ids[] = {
		EVENT_NODE_SILENT,	 EVENT_PROOF,		EVENT_GROUP_PLACED,
		EVENT_VIEW_INSTALLED,	 EVENT_RESOURCE_LOST,	EVENT_RESOURCE_START_FAILED,
		EVENT_MONITOR_ERROR,	 EVENT_MONITOR_RESTART, EVENT_MONITOR_FAILOVER,
		EVENT_GROUP_HELD,	 EVENT_FINAL_ACTION,	EVENT_NODE_LEFT,
		EVENT_CLUSTER_SUSPENDED, EVENT_NODE_STALLED,	EVENT_NODE_STALL_EXPIRED,
		EVENT_LEASE_KEPT,	 EVENT_FENCE_CONFIRMED, EVENT_FENCE_FAILED,
		EVENT_FENCE_EXHAUSTED,	 EVENT_FENCE_BY_PERSON, EVENT_VOTES_WAIVED,
	};

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		if (ids[i] == id)
			return true;
	return false;
}

void story_evidence(const struct story *s, struct explain *x)
{
	const struct event_names *names = s->source->names;

	for (size_t i = 0; i < x->n_steps && x->n_evidence < EXPLAIN_EVIDENCE_MAX; i++) {
		const struct event *e = &x->steps[i].record->event;
		char message[EXPLAIN_TEXT_SIZE - NAME_SIZE - 4];
		const char *origin = names->node(names->userdata, e->origin);

		if (!is_evidence(e->id))
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

static const char *placed_why(const struct event *e)
{
	return intent_cause_to_string((enum intent_cause)e->arg[0]);
}

void story_title(const struct story *s, struct explain *x)
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
	if (story_is_restart(e)) {
		const char *monitor = names->monitor && e->arg[0] < MONITORS_MAX
					      ? names->monitor(names->userdata, (uint16_t)e->arg[0])
					      : NULL;

		(void)snprintf(x->title, sizeof x->title,
			       "group %s restarted on %s by monitor %s%s", group ? group : "?",
			       to ? to : "?", monitor ? monitor : "?", took);
		return;
	}
	if (e->id == EVENT_GROUP_HELD) {
		(void)snprintf(x->title, sizeof x->title, "group %s is held (%s)%s%s",
			       group ? group : "?",
			       group_hold_to_string((enum group_hold)e->arg[0]),
			       from ? ", was on " : "", from ? from : "");
		return;
	}
	(void)snprintf(x->title, sizeof x->title, "group %s, cause %s, %s%sto %s%s",
		       group ? group : "?", placed_why(e), from ? from : "", from ? " " : "",
		       to ? to : "nowhere", took);
}
