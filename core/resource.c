/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operations on single resources: one at a time each, with a deadline (rules G6, G7). */
#include "core/internal.h"

struct event *group_say(struct core *c, enum event_id id, uint16_t group, uint8_t node)
{
	struct event *e = core_say(c, id, node);

	e->group = group;
	return e;
}

struct event *resource_say(struct core *c, enum event_id id, uint16_t index)
{
	const struct resource *r = &c->resources[index];
	struct event *e = group_say(c, id, c->cfg.resources[index].group, c->self);

	e->resource = index;
	e->arg[0] = r->operation;
	e->arg[1] = r->operation ? ha_time_since(c->now, r->started) : 0;
	return e;
}

uint32_t operation_next(struct core *c)
{
	c->last_operation = c->last_operation >= OPERATION_MAX ? 1 : c->last_operation + 1;
	return c->last_operation;
}

static void begin(struct core *c, uint16_t index, uint8_t state, uint64_t limit_us)
{
	struct resource *r = &c->resources[index];

	r->state = state;
	r->operation = operation_next(c);
	r->killed = false;
	r->started = c->now;
	r->deadline = ha_time_add(c->now, limit_us);
	c->groups_dirty = true;
}

static void order(struct core *c, enum core_action_type type, uint16_t index)
{
	const struct group *g = &c->groups[c->cfg.resources[index].group];
	struct core_action *a = core_act(c, type);

	a->resource.operation = c->resources[index].operation;
	a->resource.resource = index;
	a->resource.cause = g->restarting ? (uint8_t)CAUSE_RESTART : g->cause;
	a->resource.proven = g->proven;
	a->resource.urgent = g->urgent;
}

void resource_start(struct core *c, uint16_t index)
{
	c->resources[index].passed = false;
	begin(c, index, RESOURCE_STARTING, c->cfg.resources[index].start_timeout_us);
	order(c, CORE_ACTION_RESOURCE_START, index);
	resource_say(c, EVENT_RESOURCE_STARTING, index);
}

void resource_stop(struct core *c, uint16_t index)
{
	c->resources[index].passed = false;
	begin(c, index, RESOURCE_STOPPING, c->cfg.resources[index].stop_timeout_us);
	order(c, CORE_ACTION_RESOURCE_STOP, index);
	resource_say(c, EVENT_RESOURCE_STOPPING, index);
}

/* Ends the operation in progress; its answer, or the grace period, goes on from there. */
void resource_kill(struct core *c, uint16_t index)
{
	struct resource *r = &c->resources[index];

	if (r->killed)
		return;
	r->killed = true;
	r->deadline = ha_time_add(c->now, KILL_GRACE_US);
	order(c, CORE_ACTION_RESOURCE_KILL, index);
	c->groups_dirty = true;
}

void resource_halt(struct core *c, uint16_t index)
{
	c->resources[index].halted = true;
	c->groups_dirty = c->again = true;
}

static void say_retry(struct core *c, uint16_t index, uint8_t try, uint8_t retries, bool stop)
{
	struct event *e = resource_say(c, EVENT_RESOURCE_RETRY, index);

	e->arg[0] = try;
	e->arg[1] = retries;
	e->arg[2] = stop;
}

static void start_ended(struct core *c, uint16_t index, bool ok, const char *text)
{
	struct resource *r = &c->resources[index];
	const struct core_resource_config *cfg = &c->cfg.resources[index];

	core_say_text(
		resource_say(c, ok ? EVENT_RESOURCE_ONLINE : EVENT_RESOURCE_START_FAILED, index),
		text);
	r->state = ok ? RESOURCE_ONLINE : RESOURCE_START_FAILED;
	if (ok)
		return;
	if (r->failures < UINT8_MAX)
		r->failures++;
	if (c->groups[cfg->group].run && !r->stop && r->failures <= cfg->start_retries)
		say_retry(c, index, r->failures, cfg->start_retries, false);
}

/* Rule G15: again at once, then the final action, then from time to time. */
static void stop_failed(struct core *c, uint16_t index)
{
	struct resource *r = &c->resources[index];
	const struct core_resource_config *cfg = &c->cfg.resources[index];
	const struct final_origin origin = {cfg->group, index, UINT16_MAX};
	uint8_t attempt = c->intents[cfg->group].attempt;

	if (r->stop_tries < cfg->stop_retries) {
		r->stop_tries++;
		say_retry(c, index, r->stop_tries, cfg->stop_retries, true);
		resource_stop(c, index);
		return;
	}
	r->deadline = ha_time_add(c->now, STOP_RETRY_US);
	r->passed = cfg->stop_final == FINAL_CONTINUE;
	if (r->stop_final_attempt == attempt || cfg->stop_final == FINAL_NONE ||
	    core_suspended(c)) /* rule O1: when it is tried again, perhaps */
		return;
	r->stop_final_attempt = attempt;
	(void)final_take(c, cfg->stop_final, cfg->final_alone, &origin);
}

static void stop_ended(struct core *c, uint16_t index, bool ok, const char *text)
{
	struct resource *r = &c->resources[index];

	core_say_text(
		resource_say(c, ok ? EVENT_RESOURCE_OFFLINE : EVENT_RESOURCE_STOP_FAILED, index),
		text);
	r->state = ok ? RESOURCE_OFFLINE : RESOURCE_STOP_FAILED;
	r->operation = 0;
	if (!ok) {
		stop_failed(c, index);
		return;
	}
	r->stop_tries = 0;
	r->passed = false;
}

static void operation_ended(struct core *c, uint16_t index, enum resource_result result,
			    const char *text)
{
	struct resource *r = &c->resources[index];
	bool ok = result == RESOURCE_RESULT_OK;

	r->deadline = HA_TIME_NEVER;
	if (r->state == RESOURCE_STARTING) {
		start_ended(c, index, ok && !r->killed, text);
		r->operation = 0;
	} else {
		stop_ended(c, index, ok, text);
	}
	c->groups_dirty = c->place_dirty = true;
}

void resource_done(struct core *c, const struct core_event *event)
{
	if (!event->resource_done.operation)
		return;
	for (uint16_t i = 0; i < c->cfg.n_resources; i++)
		if (c->resources[i].operation == event->resource_done.operation) {
			operation_ended(c, i, event->resource_done.result,
					event->resource_done.text);
			return;
		}
	/* an answer to an operation that was given up: its resource has been told to stop since */
}

void resource_lost(struct core *c, const struct core_event *event)
{
	uint16_t i = event->resource_lost.resource;
	struct resource *r;

	if (i >= c->cfg.n_resources || c->resources[i].state != RESOURCE_ONLINE)
		return;
	r = &c->resources[i];
	core_say_text(resource_say(c, EVENT_RESOURCE_LOST, i), event->resource_lost.text);
	r->state = RESOURCE_START_FAILED;
	if (r->failures < UINT8_MAX)
		r->failures++;
	c->groups_dirty = c->place_dirty = true;
}

void resource_expire(struct core *c)
{
	if (!ha_time_reached(c->groups_deadline, c->now))
		return;
	for (uint16_t i = 0; i < c->cfg.n_resources; i++) {
		struct resource *r = &c->resources[i];

		if (!r->operation || !ha_time_reached(r->deadline, c->now))
			continue;
		if (r->killed) {
			operation_ended(c, i, RESOURCE_RESULT_TIMEOUT, "did not end when killed");
			continue;
		}
		resource_say(c, EVENT_RESOURCE_TIMEOUT, i);
		resource_kill(c, i);
	}
}
