/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This node's groups: compares what should be (rows, lease) with what is (rules G1, G2, G6, G12,
 * L3).
 *
 *   OFFLINE --may start--> STARTING --all resources online--> ONLINE
 *      ^                      |                                  |
 *      +------- STOPPING <----+------ must stop, or failed ------+
 *                   |
 *                   +--> STOP_FAILED (retried; blocks takeovers)
 */
#include "core/internal.h"

void group_init(struct core *c, const bool *leftovers)
{
	for (uint16_t g = 0; g < c->cfg.n_groups; g++) {
		c->groups[g].state = GROUP_OFFLINE;
		c->groups[g].since = c->groups[g].goal_since = c->now;
		c->groups[g].last_owner = c->groups[g].blocked_by = NODE_NONE;
	}
	for (uint16_t i = 0; i < c->cfg.n_resources; i++) {
		struct group *g = &c->groups[c->cfg.resources[i].group];
		bool left = leftovers && leftovers[i];

		if (g->n++ == 0)
			g->first = i;
		c->resources[i].state = left ? RESOURCE_UNKNOWN : RESOURCE_OFFLINE;
		c->resources[i].deadline = HA_TIME_NEVER;
		if (left)
			g->state = GROUP_UNKNOWN;
	}
	c->groups_dirty = true;
}

/* Rule G1. */
static bool may_start(const struct core *c, uint16_t group)
{
	const struct group_intent *row = &c->intents[group];

	return c->installed.epoch && c->installed.epoch == c->promised &&
	       core_settled(c, c->self) && row->version.epoch == c->installed.epoch &&
	       row->owner == c->self && row->wanted == WANTED_ONLINE && c->lease_valid &&
	       c->mode == NODE_MODE_ONLINE && c->cfg.nodes[c->self].hosts &&
	       c->groups[group].failed_attempt != row->attempt;
}

/*
 * Rule G2: what runs may go on. Unwanted with an owner: its stop waits for another (G13). Who
 * leaves while half of the votes is silent need not wait for a row that nobody may write (L9).
 */
static bool may_hold(const struct core *c, uint16_t group)
{
	const struct group_intent *row = &c->intents[group];

	return c->lease_valid && c->installed.epoch && row->owner == c->self &&
	       !(c->by_half && c->mode == NODE_MODE_STOPPING) &&
	       c->groups[group].failed_attempt != row->attempt;
}

/* The lease is over: what did not stop is tried again now. */
static void set_urgent(struct core *c, struct group *g)
{
	g->urgent = true;
	for (uint16_t i = g->first; i < g->first + g->n; i++)
		if (c->resources[i].state == RESOURCE_STOP_FAILED)
			c->resources[i].deadline = c->now;
}

/* Nothing that went wrong before counts. */
static void begin_anew(struct resource *r)
{
	r->failures = 0;
	r->stop_tries = 0;
	r->passed = r->halted = false;
	r->start_final = FINAL_OPEN;
}

static void set_goal(struct core *c, uint16_t group, bool run)
{
	struct group *g = &c->groups[group];
	const struct group_intent *row = &c->intents[group];

	g->run = run;
	g->urgent = g->restarting = false;
	if (!run && !c->lease_valid)
		set_urgent(c, g);
	g->proven = run && (row->cause == CAUSE_FAILOVER || row->cause == CAUSE_LEAVE);
	g->cause = row->cause;
	g->goal_since = c->now;
	if (run)
		g->order = row->request;
	for (uint16_t i = g->first; i < g->first + g->n; i++) {
		c->resources[i].restart = false;
		if (run)
			begin_anew(&c->resources[i]);
	}
	struct event *e =
		group_say(c, run ? EVENT_GROUP_STARTING : EVENT_GROUP_STOPPING, group, c->self);
	e->arg[0] = row->cause;
}

static bool is_stopped(const struct core *c, const struct group *g)
{
	for (uint16_t i = g->first; i < g->first + g->n; i++)
		if (c->resources[i].state != RESOURCE_OFFLINE)
			return false;
	return true;
}

/*
 * A new attempt tries a failed stop at once, and if a command began it, a failed start too:
 * somebody may have repaired what was wrong.
 */
static void take_attempt(struct core *c, uint16_t group)
{
	struct group *g = &c->groups[group];
	const struct group_intent *row = &c->intents[group];
	bool ordered = !request_is(&g->order, &row->request);

	g->order = row->request;
	if (g->tried_attempt == row->attempt)
		return;
	g->tried_attempt = row->attempt;
	for (uint16_t i = g->first; i < g->first + g->n; i++) {
		struct resource *r = &c->resources[i];

		if (r->state == RESOURCE_STOP_FAILED) {
			r->stop_tries = 0;
			r->deadline = c->now;
		}
		if (ordered && g->run && (r->state == RESOURCE_START_FAILED || r->halted))
			begin_anew(r);
	}
}

/* Rule G12: what is to be stopped though its group runs, and with it what depends on it. */
static void find_stops(struct core *c, uint16_t group)
{
	const struct group *g = &c->groups[group];
	const uint8_t *bits = c->intents[group].stopped;

	for (uint16_t k = 0; k < g->n; k++) {
		uint16_t i = (uint16_t)(g->first + k);
		const struct core_resource_config *cfg = &c->cfg.resources[i];
		struct resource *r = &c->resources[i];

		r->stop = r->halted || (bits[k / 8] & 1U << k % 8);
		for (uint8_t d = 0; d < cfg->n_deps; d++)
			r->stop |= c->resources[cfg->deps[d]].stop;
		if (r->stop && r->state == RESOURCE_OFFLINE)
			r->failures = 0;
	}
}

static void update_goal(struct core *c, uint16_t group)
{
	struct group *g = &c->groups[group];

	if (g->run && !may_hold(c, group)) {
		set_goal(c, group, false);
	} else if (!g->run && !g->urgent && !c->lease_valid) {
		set_urgent(c, g); /* an orderly stop that the end of the lease overtakes */
	} else if (!g->run && g->state == GROUP_OFFLINE && is_stopped(c, g) &&
		   may_start(c, group)) {
		set_goal(c, group, true);
	}
}

/* Gives up on this attempt: everything is stopped, the coordinator places it elsewhere (G6). */
static void mark(struct core *c, uint16_t group, enum intent_cause cause)
{
	struct group *g = &c->groups[group];

	g->failed_attempt = c->intents[group].attempt;
	g->failed_cause = (uint8_t)cause;
	g->halted = false;
	if (g->run)
		set_goal(c, group, false);
	c->groups_dirty = c->place_dirty = c->again = true;
}

void group_fail(struct core *c, uint16_t group, uint16_t resource, enum intent_cause cause)
{
	struct event *e = group_say(c, EVENT_GROUP_FAILED, group, c->self);

	e->arg[0] = resource;
	e->resource = resource;
	mark(c, group, cause);
}

void group_halt(struct core *c, uint16_t group)
{
	mark(c, group, CAUSE_FAILURE);
	c->groups[group].halted = true;
}

void group_restart(struct core *c, uint16_t group, uint16_t resource)
{
	struct group *g = &c->groups[group];

	for (uint16_t i = g->first; i < g->first + g->n; i++) {
		const struct core_resource_config *cfg = &c->cfg.resources[i];
		struct resource *r = &c->resources[i];

		r->restart = resource == UINT16_MAX || i == resource;
		for (uint8_t d = 0; d < cfg->n_deps; d++)
			r->restart |= c->resources[cfg->deps[d]].restart;
		if (r->restart && !r->stop)
			begin_anew(r); /* it is the next start that counts */
	}
	g->restarting = true;
	g->goal_since = c->now;
	c->groups_dirty = c->place_dirty = c->again = true;
}

bool group_busy(const struct core *c, uint16_t group)
{
	const struct group *g = &c->groups[group];

	for (uint16_t i = g->first; i < g->first + g->n; i++)
		if (c->resources[i].operation)
			return true;
	return false;
}

/* Back, or as far as it gets. */
static void end_restart(struct core *c, uint16_t group)
{
	struct group *g = &c->groups[group];

	if (!g->restarting || group_busy(c, group))
		return;
	g->restarting = false;
	for (uint16_t i = g->first; i < g->first + g->n; i++)
		c->resources[i].restart = false;
	c->again = true;
}

static uint8_t group_state(const struct core *c, const struct group *g)
{
	bool unknown = false, stop_failed = false, offline = true, online = true;

	for (uint16_t i = g->first; i < g->first + g->n; i++) {
		const struct resource *r = &c->resources[i];
		uint8_t s = r->state;

		unknown |= s == RESOURCE_UNKNOWN;
		stop_failed |= s == RESOURCE_STOP_FAILED && !(g->run && r->stop);
		offline &= s == RESOURCE_OFFLINE;
		online &= r->stop || resource_serves(c, i);
	}
	if (stop_failed)
		return GROUP_STOP_FAILED;
	if (unknown)
		return GROUP_UNKNOWN;
	if (g->run)
		return online ? GROUP_ONLINE : GROUP_STARTING;
	return offline ? GROUP_OFFLINE : GROUP_STOPPING;
}

static void update_state(struct core *c, uint16_t group)
{
	struct group *g = &c->groups[group];
	uint8_t state = group_state(c, g);

	if (state == g->state)
		return;
	g->state = state;
	g->since = c->now;
	c->again = c->place_dirty = true;
	if (state != GROUP_ONLINE && state != GROUP_OFFLINE)
		return;
	struct event *e =
		group_say(c, state == GROUP_ONLINE ? EVENT_GROUP_ONLINE : EVENT_GROUP_OFFLINE,
			  group, c->self);
	e->arg[0] = g->restarting ? (uint8_t)CAUSE_RESTART : g->cause;
	e->arg[1] = ha_time_since(c->now, g->goal_since);
}

static void publish(struct core *c)
{
	for (uint16_t i = 0; i < c->cfg.n_groups; i++)
		c->actual_groups[i] = (struct group_actual){
			.since = c->groups[i].since,
			.state = c->groups[i].state,
			.failed_attempt = c->groups[i].failed_attempt,
			.by_monitor = c->groups[i].failed_cause == CAUSE_MONITOR,
			.halted = c->groups[i].halted,
		};
	c->groups_deadline = HA_TIME_NEVER;
	for (uint16_t i = 0; i < c->cfg.n_resources; i++) {
		c->actual_resources[i] = (struct resource_actual){
			.state = c->resources[i].state,
			.failures = c->resources[i].failures,
		};
		c->groups_deadline = ha_time_min(c->groups_deadline, c->resources[i].deadline);
	}
	c->actual_digest =
		actual_digest(c, c->actual_groups, c->actual_resources, c->actual_monitors);
}

void group_step(struct core *c)
{
	if (!c->groups_dirty && !ha_time_reached(c->groups_deadline, c->now))
		return;
	c->groups_dirty = false;
	for (uint16_t g = 0; g < c->cfg.n_groups; g++) {
		take_attempt(c, g);
		find_stops(c, g);
		update_goal(c, g);
	}
	c->stalled = false;
	drive_addresses(c);
	for (uint16_t g = 0; g < c->cfg.n_groups; g++) {
		if (c->groups[g].run)
			drive_up(c, g);
		if (!c->groups[g].run)
			drive_down(c, g);
		update_state(c, g);
		end_restart(c, g);
	}
	publish(c);
}
