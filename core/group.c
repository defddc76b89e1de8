/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This node's groups: compares what should be (rows, lease) with what is, and drives resources
 * (rules G1, G2, G6, G7, L3).
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

/* Rule G2: what runs may go on. */
static bool may_hold(const struct core *c, uint16_t group)
{
	const struct group_intent *row = &c->intents[group];

	return c->lease_valid && c->installed.epoch && row->owner == c->self &&
	       row->wanted == WANTED_ONLINE && c->groups[group].failed_attempt != row->attempt;
}

/* The lease is over: what did not stop is tried again now. */
static void set_urgent(struct core *c, struct group *g)
{
	g->urgent = true;
	for (uint16_t i = g->first; i < g->first + g->n; i++)
		if (c->resources[i].state == RESOURCE_STOP_FAILED)
			c->resources[i].deadline = c->now;
}

static void set_goal(struct core *c, uint16_t group, bool run)
{
	struct group *g = &c->groups[group];
	const struct group_intent *row = &c->intents[group];

	g->run = run;
	g->urgent = false;
	if (!run && !c->lease_valid)
		set_urgent(c, g);
	g->proven = run && (row->cause == CAUSE_FAILOVER || row->cause == CAUSE_LEAVE);
	g->cause = row->cause;
	g->goal_since = c->now;
	for (uint16_t i = g->first; run && i < g->first + g->n; i++) {
		c->resources[i].tries = 0;
		c->resources[i].failures = 0;
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

/* A new order tries a failed stop at once: somebody may have repaired what was wrong. */
static void retry_stops(struct core *c, uint16_t group)
{
	struct group *g = &c->groups[group];

	if (g->tried_attempt == c->intents[group].attempt)
		return;
	g->tried_attempt = c->intents[group].attempt;
	for (uint16_t i = g->first; i < g->first + g->n; i++)
		if (c->resources[i].state == RESOURCE_STOP_FAILED)
			c->resources[i].deadline = c->now;
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
static void fail(struct core *c, uint16_t group, uint16_t resource)
{
	struct group *g = &c->groups[group];

	g->failed_attempt = c->intents[group].attempt;
	struct event *e = group_say(c, EVENT_GROUP_FAILED, group, c->self);
	e->arg[0] = resource;
	e->resource = resource;
	set_goal(c, group, false);
	c->place_dirty = c->again = true;
}

void group_halt(struct core *c, uint16_t group)
{
	struct group *g = &c->groups[group];

	g->failed_attempt = c->intents[group].attempt;
	g->halted = true;
	if (g->run)
		set_goal(c, group, false);
	c->groups_dirty = c->place_dirty = c->again = true;
}

static bool deps_online(const struct core *c, uint16_t index)
{
	const struct core_resource_config *r = &c->cfg.resources[index];

	for (uint8_t d = 0; d < r->n_deps; d++)
		if (c->resources[r->deps[d]].state != RESOURCE_ONLINE)
			return false;
	return true;
}

/* Without a lease, what could not be stopped is no reason to keep what it depends on. */
static bool out_of_the_way(const struct group *g, uint8_t state)
{
	return state == RESOURCE_OFFLINE || (g->urgent && state == RESOURCE_STOP_FAILED);
}

static bool dependents_offline(const struct core *c, const struct group *g, uint16_t index)
{
	for (uint16_t i = (uint16_t)(index + 1); i < g->first + g->n; i++) {
		const struct core_resource_config *r = &c->cfg.resources[i];

		for (uint8_t d = 0; d < r->n_deps; d++)
			if (r->deps[d] == index && !out_of_the_way(g, c->resources[i].state))
				return false;
	}
	return true;
}

static bool needs_stop(const struct resource *r)
{
	return r->state == RESOURCE_UNKNOWN || r->state == RESOURCE_ONLINE ||
	       r->state == RESOURCE_START_FAILED;
}

/* Stops what depends on `index`, directly or not, last first, and then itself. */
static void restart_in_place(struct core *c, const struct group *g, uint16_t index)
{
	bool concerned[RESOURCES_MAX] = {false};

	concerned[index] = true;
	for (uint16_t i = (uint16_t)(index + 1); i < g->first + g->n; i++)
		for (uint8_t d = 0; d < c->cfg.resources[i].n_deps; d++)
			concerned[i] |= concerned[c->cfg.resources[i].deps[d]];
	for (uint16_t i = (uint16_t)(g->first + g->n); i-- > index;)
		if (concerned[i] && needs_stop(&c->resources[i]) && dependents_offline(c, g, i))
			resource_stop(c, i);
}

static void drive_up(struct core *c, uint16_t group)
{
	struct group *g = &c->groups[group];

	for (uint16_t i = g->first; i < g->first + g->n; i++) {
		struct resource *r = &c->resources[i];

		if (r->state == RESOURCE_STOP_FAILED ||
		    (r->state == RESOURCE_START_FAILED &&
		     r->tries > c->cfg.resources[i].start_retries)) {
			fail(c, group, i);
			return;
		}
		if (r->state == RESOURCE_START_FAILED) {
			restart_in_place(c, g, i);
		} else if (r->state == RESOURCE_OFFLINE && deps_online(c, i)) {
			resource_start(c, i);
		}
	}
}

static void drive_down_one(struct core *c, const struct group *g, uint16_t i)
{
	struct resource *r = &c->resources[i];
	bool address = c->cfg.resources[i].address;

	if (r->state == RESOURCE_STARTING && !address) {
		resource_kill(c, i);
	} else if (r->state == RESOURCE_STARTING) {
		resource_stop(c, i); /* an address start has no life of its own */
	} else if (r->state == RESOURCE_STOP_FAILED) {
		if (ha_time_reached(r->deadline, c->now))
			resource_stop(c, i);
	} else if (needs_stop(r) && ((g->urgent && address) || dependents_offline(c, g, i))) {
		resource_stop(c, i);
	}
}

/* Rule L3: when the lease is lost, the addresses of all groups go before the first program,
 * for to start the stops of many programs takes long. */
static void drop_addresses(struct core *c)
{
	for (uint16_t i = 0; i < c->cfg.n_resources; i++) {
		const struct group *g = &c->groups[c->cfg.resources[i].group];

		if (c->cfg.resources[i].address && !g->run && g->urgent)
			drive_down_one(c, g, i);
	}
}

/* Rule G7. */
static void drive_down(struct core *c, uint16_t group)
{
	const struct group *g = &c->groups[group];

	for (uint16_t i = (uint16_t)(g->first + g->n); i-- > g->first;)
		drive_down_one(c, g, i);
}

static uint8_t group_state(const struct core *c, const struct group *g)
{
	bool unknown = false, stop_failed = false, offline = true, online = true;

	for (uint16_t i = g->first; i < g->first + g->n; i++) {
		uint8_t s = c->resources[i].state;

		unknown |= s == RESOURCE_UNKNOWN;
		stop_failed |= s == RESOURCE_STOP_FAILED;
		offline &= s == RESOURCE_OFFLINE;
		online &= s == RESOURCE_ONLINE;
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
	e->arg[0] = g->cause;
	e->arg[1] = ha_time_since(c->now, g->goal_since);
}

static void publish(struct core *c)
{
	for (uint16_t i = 0; i < c->cfg.n_groups; i++)
		c->actual_groups[i] = (struct group_actual){
			.since = c->groups[i].since,
			.state = c->groups[i].state,
			.failed_attempt = c->groups[i].failed_attempt,
			.failed_cause = c->groups[i].failed_cause,
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
	c->actual_digest = actual_digest(c, c->actual_groups, c->actual_resources);
}

void group_step(struct core *c)
{
	if (!c->groups_dirty && !ha_time_reached(c->groups_deadline, c->now))
		return;
	c->groups_dirty = false;
	for (uint16_t g = 0; g < c->cfg.n_groups; g++) {
		retry_stops(c, g);
		update_goal(c, g);
	}
	drop_addresses(c);
	for (uint16_t g = 0; g < c->cfg.n_groups; g++) {
		if (c->groups[g].run)
			drive_up(c, g);
		if (!c->groups[g].run)
			drive_down(c, g);
		update_state(c, g);
	}
	publish(c);
}
