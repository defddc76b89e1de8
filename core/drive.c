/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The resources of one group on this node: started and stopped in order (rules G7, L3), singly
 * (G12), and what follows when a start fails for good (G14).
 */
#include "core/internal.h"

bool resource_serves(const struct core *c, uint16_t index)
{
	const struct resource *r = &c->resources[index];

	return r->state == RESOURCE_ONLINE || (r->state == RESOURCE_START_FAILED && r->passed);
}

static bool deps_serve(const struct core *c, uint16_t index)
{
	const struct core_resource_config *cfg = &c->cfg.resources[index];

	for (uint8_t d = 0; d < cfg->n_deps; d++)
		if (!resource_serves(c, cfg->deps[d]))
			return false;
	return true;
}

/*
 * What could not be stopped is no reason to keep what it depends on without a lease, or if its
 * final action is to continue (G15).
 */
static bool out_of_the_way(const struct group *g, const struct resource *r)
{
	return r->state == RESOURCE_OFFLINE ||
	       (r->state == RESOURCE_STOP_FAILED && (g->urgent || r->passed));
}

static bool dependents_offline(const struct core *c, const struct group *g, uint16_t index)
{
	for (uint16_t i = (uint16_t)(index + 1); i < g->first + g->n; i++) {
		const struct core_resource_config *cfg = &c->cfg.resources[i];

		for (uint8_t d = 0; d < cfg->n_deps; d++)
			if (cfg->deps[d] == index && !out_of_the_way(g, &c->resources[i]))
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

/* ---- a start that failed for good (rule G14) ---- */

static bool out_of_retries(const struct core *c, uint16_t i)
{
	const struct resource *r = &c->resources[i];

	return r->state == RESOURCE_START_FAILED && !r->stop && !r->passed &&
	       r->failures > c->cfg.resources[i].start_retries;
}

/* Failovers that this resource has caused in this attempt: by the marks of the members. */
static unsigned int failovers_of(const struct core *c, uint16_t group, uint16_t i)
{
	unsigned int n, count = 0;

	node_mask_for_each (n, c->installed.members & ~node_bit(c->self)) {
		if (place_failed(c, group, n) &&
		    c->peers[n].resources[i].failures > c->cfg.resources[i].start_retries)
			count++;
	}
	return count;
}

static bool may_fail_over(const struct core *c, uint16_t group, uint16_t i)
{
	unsigned int limit = c->cfg.resources[i].failovers;

	if (limit == FAILOVERS_NODES)
		limit = c->cfg.groups[group].n_nodes;
	return failovers_of(c, group, i) < limit && place_possible(c, group, ~node_bit(c->self));
}

/*
 * Another node, or the final action, once. Where that did nothing, another node is still welcome
 * when one turns up.
 */
static void give_up(struct core *c, uint16_t group, uint16_t i)
{
	const struct core_resource_config *cfg = &c->cfg.resources[i];
	const struct final_origin origin = {group, i, UINT16_MAX};
	struct resource *r = &c->resources[i];

	if (r->start_final != FINAL_TAKEN && may_fail_over(c, group, i)) {
		group_fail(c, group, i, CAUSE_FAILURE);
		return;
	}
	c->stalled = true;
	if (r->start_final != FINAL_OPEN)
		return;
	bool taken = final_take(c, cfg->start_final, cfg->final_alone, &origin);
	r->start_final = taken && cfg->start_final != FINAL_NONE ? FINAL_TAKEN : FINAL_NOT_TAKEN;
	r->passed = cfg->start_final == FINAL_CONTINUE;
}

static bool has_failed(const struct resource *r)
{
	return !r->stop && (r->state == RESOURCE_STOP_FAILED ||
			    (r->state == RESOURCE_START_FAILED && !r->passed));
}

/* Rule O1: what has failed stays as it is, and nothing is built upon it. */
static bool any_failed(const struct core *c, const struct group *g)
{
	for (uint16_t i = g->first; i < g->first + g->n; i++)
		if (has_failed(&c->resources[i]))
			return true;
	return false;
}

/* False: the group does not go on, or is not to run here any more. */
static bool survive_failures(struct core *c, uint16_t group)
{
	const struct group *g = &c->groups[group];
	bool going_on = true;

	if (core_suspended(c))
		return !any_failed(c, g);
	for (uint16_t i = g->first; g->run && i < g->first + g->n; i++) {
		const struct resource *r = &c->resources[i];

		/* but one that is due is tried again: somebody has ordered a new start */
		if (r->state == RESOURCE_STOP_FAILED && !r->stop &&
		    !ha_time_reached(r->deadline, c->now)) {
			group_fail(c, group, i, CAUSE_FAILURE);
		} else if (out_of_retries(c, i)) {
			give_up(c, group, i);
			going_on &= r->passed;
		}
	}
	return g->run && going_on;
}

/*
 * Rule M2: of what is restarted in place everything is stopped, dependents first, before anything
 * of it is started.
 */
static void stop_for_restart(struct core *c, uint16_t group)
{
	const struct group *g = &c->groups[group];
	bool stopped = true;

	for (uint16_t i = (uint16_t)(g->first + g->n); i-- > g->first;) {
		const struct resource *r = &c->resources[i];

		if (!r->restart)
			continue;
		if (needs_stop(r) && dependents_offline(c, g, i))
			resource_stop(c, i);
		stopped &= r->state == RESOURCE_OFFLINE;
	}
	for (uint16_t i = g->first; stopped && i < g->first + g->n; i++)
		c->resources[i].restart = false;
}

void drive_up(struct core *c, uint16_t group)
{
	const struct group *g = &c->groups[group];

	for (uint16_t i = (uint16_t)(g->first + g->n); i-- > g->first;)
		if (c->resources[i].stop)
			drive_down_one(c, g, i);
	if (!survive_failures(c, group))
		return;
	if (g->restarting)
		stop_for_restart(c, group);
	for (uint16_t i = g->first; i < g->first + g->n; i++) {
		struct resource *r = &c->resources[i];

		if (r->stop || r->restart)
			continue;
		if (r->state == RESOURCE_STOP_FAILED)
			resource_stop(c, i);
		else if (r->state == RESOURCE_START_FAILED && !r->passed)
			restart_in_place(c, g, i);
		else if (r->state == RESOURCE_OFFLINE && deps_serve(c, i))
			resource_start(c, i);
	}
}

/* Rule L3: when the lease is lost, the addresses of all groups go before the first program,
 * for to start the stops of many programs takes long. */
void drive_addresses(struct core *c)
{
	for (uint16_t i = 0; i < c->cfg.n_resources; i++) {
		const struct group *g = &c->groups[c->cfg.resources[i].group];

		if (c->cfg.resources[i].address && !g->run && g->urgent)
			drive_down_one(c, g, i);
	}
}

/* Rule G7. */
void drive_down(struct core *c, uint16_t group)
{
	const struct group *g = &c->groups[group];

	for (uint16_t i = (uint16_t)(g->first + g->n); i-- > g->first;)
		drive_down_one(c, g, i);
}
