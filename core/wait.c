/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Groups that wait for others to start or to stop (rule G13). How long is counted by the
 * coordinator; a new one counts from the start. Nothing waits at the end of a lease: that is
 * decided by the node alone (L3).
 *
 * EVENT_GROUP_WAITING: arg[0] the other group, arg[1] 0 for a start and 1 for a stop, arg[2] how
 * long it may last. EVENT_GROUP_WAIT_TIMEOUT: arg[0] and arg[1] likewise, arg[2] how long it
 * lasted, arg[3] 0: given up, 1: goes on all the same.
 */
#include "core/internal.h"

/* Members where it is online by order. */
static node_mask online_on(const struct core *c, uint16_t group)
{
	uint8_t owner = c->intents[group].owner;

	return node_mask_has(c->installed.members, owner) &&
			       place_actual(c, group, owner)->state == GROUP_ONLINE
		       ? node_bit(owner)
		       : 0;
}

/* Nodes where all that it waits for is online; the first one that is missing to that. */
static node_mask ready_on(const struct core *c, uint16_t group, uint16_t *ret_missing)
{
	const struct core_group_config *cfg = &c->cfg.groups[group];
	node_mask nodes = core_all(c);

	*ret_missing = UINT16_MAX;
	for (uint8_t i = 0; i < cfg->n_start_after; i++) {
		node_mask on = online_on(c, cfg->start_after[i]);

		nodes &= cfg->start_same_node || !on ? on : nodes;
		if (!nodes) {
			*ret_missing = cfg->start_after[i];
			return 0;
		}
	}
	return nodes;
}

/* The time of this wait is over, and no command has come since. */
static bool start_is_over(const struct core *c, uint16_t group)
{
	const struct group *g = &c->groups[group];

	return g->wait_over && g->wait_attempt == c->intents[group].attempt;
}

node_mask wait_nodes(const struct core *c, uint16_t group)
{
	uint16_t missing;

	if (start_is_over(c, group))
		return c->cfg.groups[group].start_wait_continue ? core_all(c) : 0;
	return ready_on(c, group, &missing);
}

enum group_hold wait_hold(const struct core *c, uint16_t group, uint16_t *ret_for)
{
	const struct core_group_config *cfg = &c->cfg.groups[group];
	uint16_t missing;

	if (!cfg->n_start_after)
		return GROUP_HOLD_NONE;
	node_mask nodes = ready_on(c, group, &missing);
	/* all are there, but not where this one could go */
	if (nodes && cfg->start_same_node && !place_possible(c, group, nodes))
		missing = cfg->start_after[0];
	if (start_is_over(c, group)) {
		*ret_for = missing;
		return cfg->start_wait_continue ? GROUP_HOLD_NONE : GROUP_HOLD_WAIT_FAILED;
	}
	if (missing == UINT16_MAX)
		return GROUP_HOLD_NONE;
	*ret_for = missing;
	return GROUP_HOLD_WAIT;
}

static void say_wait(struct core *c, enum event_id id, uint16_t group, uint16_t other, bool stop)
{
	const struct group *g = &c->groups[group];
	const struct core_group_config *cfg = &c->cfg.groups[group];
	struct event *e = group_say(c, id, group, stop ? c->intents[group].owner : NODE_NONE);

	e->arg[0] = other;
	e->arg[1] = stop;
	if (id == EVENT_GROUP_WAITING) {
		e->arg[2] = stop ? cfg->stop_wait_us : cfg->start_wait_us;
		return;
	}
	e->arg[2] = ha_time_since(c->now, stop ? g->stop_wait_since : g->wait_since);
	e->arg[3] = stop || cfg->start_wait_continue;
}

void wait_start(struct core *c, uint16_t group, uint16_t other)
{
	struct group *g = &c->groups[group];
	ha_time until;

	if (!g->waiting || g->wait_attempt != c->intents[group].attempt) {
		g->waiting = true;
		g->wait_over = false;
		g->wait_attempt = c->intents[group].attempt;
		g->wait_since = c->now;
		say_wait(c, EVENT_GROUP_WAITING, group, other, false);
	}
	until = ha_time_add(g->wait_since, c->cfg.groups[group].start_wait_us);
	if (!ha_time_reached(until, c->now)) {
		c->place_deadline = ha_time_min(c->place_deadline, until);
		return;
	}
	g->wait_over = true;
	say_wait(c, EVENT_GROUP_WAIT_TIMEOUT, group, other, false);
	c->place_dirty = c->again = true;
}

void wait_clear(struct core *c, uint16_t group)
{
	c->groups[group].waiting = c->groups[group].wait_over = false;
}

/* On its way to stop, by a command or with its node, and not yet there. */
static bool is_stopping(const struct core *c, uint16_t group)
{
	unsigned int n;

	node_mask_for_each (n, c->installed.members) {
		if (place_actual(c, group, n)->state != GROUP_OFFLINE &&
		    (c->intents[group].wanted == WANTED_OFFLINE || place_leaves(c, n)))
			return true;
	}
	return false;
}

/* What its stop is part of, of enum stop_wait. */
static uint8_t occasion(const struct core *c, uint16_t group)
{
	unsigned int n;

	if (c->intents[group].wanted == WANTED_OFFLINE)
		return STOP_WAIT_GROUP;
	node_mask_for_each (n, c->installed.members) {
		if (c->cfg.nodes[n].hosts && !place_leaves(c, n))
			return STOP_WAIT_NODE;
	}
	return STOP_WAIT_CLUSTER;
}

static uint16_t stops_after(const struct core *c, uint16_t group)
{
	const struct core_group_config *cfg = &c->cfg.groups[group];

	for (uint8_t i = 0; i < cfg->n_stop_after; i++)
		if (is_stopping(c, cfg->stop_after[i]))
			return cfg->stop_after[i];
	return UINT16_MAX;
}

uint16_t wait_stop_for(const struct core *c, uint16_t group)
{
	uint8_t owner = c->intents[group].owner;
	uint8_t when = c->cfg.groups[group].stop_wait_when;

	if (!c->cfg.groups[group].n_stop_after || !(when & occasion(c, group)) ||
	    !node_mask_has(c->installed.members, owner) || c->groups[group].stop_wait_over ||
	    place_actual(c, group, owner)->state == GROUP_OFFLINE)
		return UINT16_MAX;
	return stops_after(c, group);
}

bool wait_stop(struct core *c, uint16_t group)
{
	struct group *g = &c->groups[group];
	uint16_t other = wait_stop_for(c, group);
	ha_time until;

	if (other == UINT16_MAX)
		return false;
	if (!g->stop_waiting) {
		g->stop_waiting = true;
		g->stop_wait_since = c->now;
		say_wait(c, EVENT_GROUP_WAITING, group, other, true);
	}
	until = ha_time_add(g->stop_wait_since, c->cfg.groups[group].stop_wait_us);
	if (!ha_time_reached(until, c->now)) {
		c->place_deadline = ha_time_min(c->place_deadline, until);
		return true;
	}
	g->stop_wait_over = true;
	say_wait(c, EVENT_GROUP_WAIT_TIMEOUT, group, other, true);
	return false;
}

void wait_stop_clear(struct core *c, uint16_t group)
{
	c->groups[group].stop_waiting = c->groups[group].stop_wait_over = false;
}
