/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The agent around the core: what a step decides is carried out in order. It may be interrupted
 * between any two actions, and inside of those that have two halves, and go on much later.
 */
#include "tests/sim/world.h"

#include <string.h>

/* What is left to do when all actions are carried out. */
struct tail {
	bool left, power;
	uint64_t config;
};

static ha_time local_now(const struct world *w, const struct node *n)
{
	return (ha_time){node_local(n, w->now)};
}

/* ---- carrying out what the core decided ---- */

static void persist(struct world *w, struct node *n)
{
	uint64_t delay = w->s->disk_us / 2 + rng_below(&n->rng, w->s->disk_us);

	if (n->disk_pending) {
		world_violate(w, "P", "n%u: two state writes at once", n->id);
		return;
	}
	if (n->disk_slow)
		delay += rng_below(&n->rng, n->disk_slow_us);
	core_durable(n->core, &n->disk_next);
	n->disk_pending = true;
	world_push(w, w->now + delay,
		   (struct happening_entry){.type = HAPPENS_DISK_DONE, .node = n->id, .b = n->run});
}

static void set_lease(struct world *w, struct node *n, const struct core_action *action)
{
	uint64_t now = node_local(n, w->now), until = action->lease.until.us;

	n->lease_until = action->lease.until;
	if (n->kernel.works) {
		kernel_lease(w, n, action);
	} else {
		n->lease_end_local = until > now ? until : now;
		if (until <= now)
			n->just_woke = false;
	}
	service_arm_watchdog(w, n);
}

static void send_now(struct world *w, struct node *n, bool whole)
{
	uint64_t interval = n->config.interval_us;

	if (w->now - n->send_interval_at >= interval) {
		n->send_interval_at = w->now;
		n->sends_in_interval = 0;
	}
	if (++n->sends_in_interval > 64U + 8U * n->config.n_nodes + 4U * n->config.n_resources)
		world_violate(w, "bound", "n%u: %u sendings within one interval", n->id,
			      n->sends_in_interval);
	net_send(w, n, whole);
	probe_send(w, n);
}

/* ---- steps ---- */

/* One step of the core, with all that is to be said of it. What it decided is in *ret. */
static void decide(struct world *w, struct node *n, const struct core_event *event,
		   struct core_actions *ret)
{
	w->counts.steps++;
	core_step(n->core, event, local_now(w, n), ret);
	core_check(n->core);
	if (ret->n > CORE_ACTIONS_MAX)
		world_violate(w, "bound", "n%u: %zu actions", n->id, ret->n);
	trace_actions(w, n, ret);
	w->decided = ret;
	invariant_actions(w, n);
	invariant_step(w, n);
	if (w->s->fencing)
		fence_stepped(w, n);
}

/*
 * What was taken back is told to the core at once, so that what it sends next counts it; what it
 * decides then comes behind what it decided before.
 */
static void delegate(struct world *w, struct node *n)
{
	struct core_event event;

	if (!n->kernel.works) {
		world_violate(w, "K8", "n%u delegates without a kernel path", n->id);
		return;
	}
	kernel_delegate(w, n, &event);
	decide(w, n, &event, &w->answered);
	if (w->actions.n + w->answered.n > CORE_ACTIONS_MAX)
		world_violate(w, "bound", "n%u: %zu actions", n->id, w->actions.n + w->answered.n);
	for (size_t i = 0; i < w->answered.n && !w->violated; i++)
		w->actions.action[w->actions.n++] = w->answered.action[i];
}

static void carry_out(struct world *w, struct node *n, const struct core_action *a)
{
	switch (a->type) {
	case CORE_ACTION_SEND:
		send_now(w, n, a->send.whole);
		break;
	case CORE_ACTION_PERSIST:
		persist(w, n);
		break;
	case CORE_ACTION_RESOURCE_START:
	case CORE_ACTION_RESOURCE_STOP:
		service_begin(w, n, a);
		break;
	case CORE_ACTION_RESOURCE_KILL:
		service_kill(w, n, a->resource.operation);
		break;
	case CORE_ACTION_LEASE:
		set_lease(w, n, a);
		break;
	case CORE_ACTION_DELEGATE:
		delegate(w, n);
		break;
	case CORE_ACTION_ANSWER:
		request_answered(w, n, a);
		break;
	case CORE_ACTION_MONITOR:
		operate_monitor(w, n, a);
		break;
	case CORE_ACTION_SCRIPT:
		operate_script(w, n, a);
		break;
	case CORE_ACTION_RATIO:
		if (a->ratio.ratio < 1 || a->ratio.ratio > RATIO_MOST)
			world_violate(w, "bound", "n%u: ratio %u", n->id, a->ratio.ratio);
		break;
	case CORE_ACTION_FENCE:
		fence_begin(w, n, a);
		break;
	case CORE_ACTION_FENCE_CANCEL:
		fence_cancel(w, n, a->fence.operation);
		break;
	case CORE_ACTION_EVENT:
	case CORE_ACTION_LEFT:
	case CORE_ACTION_POWER:
	case CORE_ACTION_CONFIG:
		break; /* when the step is over */
	case CORE_ACTION_TYPE_COUNT_:
	default:
		world_violate(w, "bound", "n%u: unknown action %d", n->id, (int)a->type);
		break;
	}
}

/* A leave is complete: nothing may run any more, and the agent goes. */
static void leave(struct world *w, struct node *n)
{
	for (unsigned int r = 0; r < n->config.n_resources; r++)
		if (n->resource[r].running || n->resource[r].pending)
			world_violate(w, "I1", "n%u left, but %s may run", n->id,
				      n->config.resources[r].name);
	node_crash(w, n, true);
	world_push(w,
		   w->now + rng_range_log(&n->rng, n->config.interval_us, n->config.timeout_us * 6),
		   (struct happening_entry){.type = HAPPENS_BOOT, .node = n->id});
}

void node_set_timer(struct world *w, struct node *n)
{
	uint64_t at = node_true(n, core_deadline(n->core).us);

	if (at != NEVER)
		at += rng_below(&n->rng, w->s->step_jitter_us + 1);
	n->timer = at < w->now ? w->now : at;
}

/* ---- a step that is interrupted ---- */

struct rest {
	struct tail tail;
	size_t n;
	struct core_action action[];
};

void step_forget(struct node *n)
{
	free(n->rest);
	n->rest = NULL;
	n->split = (struct split){0};
}

/* The agent is not scheduled from here on: actions from `first` on wait. */
static void interrupt(struct world *w, struct node *n, size_t first, const struct tail *tail)
{
	size_t left = w->actions.n - first;
	struct rest *rest = malloc(sizeof(*rest) + left * sizeof(rest->action[0]));

	if (!rest)
		abort();
	rest->tail = *tail;
	rest->n = left;
	memcpy(rest->action, &w->actions.action[first], left * sizeof(rest->action[0]));
	step_forget(n);
	n->rest = rest;
	node_freeze(w, n, false);
	trace(w, n->id, "frozen  before %zu of %zu actions", left, w->actions.n);
	w->counts.splits++;
}

static bool matters(const struct core_action *a)
{
	return a->type == CORE_ACTION_LEASE || a->type == CORE_ACTION_DELEGATE ||
	       a->type == CORE_ACTION_SEND;
}

/* Whether the fault of the schedule strikes just before this action. */
static bool strikes(struct node *n, const struct core_action *a)
{
	struct split *split = &n->split;

	if (!split->armed || node_stalled(n))
		return false;
	if (split->delegate && a->type != CORE_ACTION_DELEGATE)
		return false;
	split->delegate = false;
	if (split->choosy && !matters(a))
		return false;
	return split->after == 0 || split->after-- == 0;
}

/* The half of it that comes first, if it has two. The whole of it follows later, and repeats it. */
static void carry_out_half(struct world *w, struct node *n, const struct core_action *a)
{
	struct core_event unread;

	if (!n->kernel.works)
		return;
	if (a->type == CORE_ACTION_DELEGATE)
		kernel_delegate(w, n, &unread);
	if (a->type == CORE_ACTION_LEASE) {
		n->kernel.map.lease_epoch = a->lease.epoch;
		n->kernel.map.installed = a->lease.installed;
	}
}

static void finish(struct world *w, struct node *n, struct tail tail)
{
	for (size_t i = 0; i < w->actions.n && !w->violated; i++) {
		const struct core_action *a = &w->actions.action[i];

		if (strikes(n, a)) {
			if (n->split.half)
				carry_out_half(w, n, a);
			interrupt(w, n, i, &tail);
			return;
		}
		tail.left = tail.left || a->type == CORE_ACTION_LEFT;
		tail.power = tail.power || a->type == CORE_ACTION_POWER;
		if (a->type == CORE_ACTION_CONFIG)
			tail.config = a->config.hash;
		carry_out(w, n, a);
	}
	operate_stepped(n);
	if (tail.config && !w->violated)
		operate_apply(w, n, tail.config);
	node_set_timer(w, n);
	if (tail.power && !w->violated)
		operate_power(w, n);
	else if (tail.left && !w->violated)
		leave(w, n);
}

/* The agent goes on in the middle of a step, in another time. */
void step_resume(struct world *w, struct node *n)
{
	struct rest *rest = n->rest;

	if (!rest)
		return;
	n->rest = NULL;
	w->actions.n = rest->n;
	memcpy(w->actions.action, rest->action, rest->n * sizeof(rest->action[0]));
	n->resumed = true;
	finish(w, n, rest->tail);
	n->resumed = false;
	free(rest);
}

static void step(struct world *w, struct node *n, const struct core_event *event)
{
	if (n->last_step_at != w->now)
		n->steps_at_once = 0;
	n->last_step_at = w->now;
	if (++n->steps_at_once > 400U + 64U * n->config.n_nodes + 4U * n->config.n_resources)
		world_violate(w, "bound", "n%u does not come to rest", n->id);
	decide(w, n, event, &w->actions);
	finish(w, n, (struct tail){0});
}

/* Rule K7: what the kernel was granted comes first. */
void node_step(struct world *w, struct node *n, const struct core_event *event)
{
	struct core_event kernel;

	if (kernel_due(w, n)) {
		kernel_read(w, n, &kernel);
		step(w, n, &kernel);
	}
	if (!n->core || w->violated)
		return;
	if (!node_stalled(n))
		step(w, n, event);
	else if (event->type != CORE_EVENT_VECTOR && event->type != CORE_EVENT_TICK)
		node_event(w, n, event); /* it comes when the agent goes on */
}

void node_tick(struct world *w, struct node *n)
{
	static const struct core_event tick = {.type = CORE_EVENT_TICK};

	node_step(w, n, &tick);
}

void node_event(struct world *w, struct node *n, const struct core_event *event)
{
	if (!n->core)
		return;
	if (!node_stalled(n)) {
		node_step(w, n, event);
		return;
	}
	if (n->n_deferred == DEFERRED_MAX)
		world_violate(w, "bound", "n%u: too much waits for a stalled agent", n->id);
	else
		n->deferred[n->n_deferred++].event = *event;
}
