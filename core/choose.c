/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a group could go, and why it is placed nowhere (rules G5, G8, G10, G11, G13). Questions
 * only, answered from what this node knows; the coordinator acts on them in place.c.
 */
#include "core/internal.h"

const struct group_actual *place_actual(const struct core *c, uint16_t group, unsigned int node)
{
	return is_self(c, node) ? &c->actual_groups[group] : &c->peers[node].groups[group];
}

static uint8_t mode_of(const struct core *c, unsigned int node)
{
	return is_self(c, node) ? c->mode : c->peers[node].head.mode;
}

bool place_leaves(const struct core *c, unsigned int node)
{
	const struct node_intent *row = &c->node_intents[node];
	uint64_t incarnation = is_self(c, node) ? c->incarnation : c->peers[node].head.incarnation;
	uint8_t mode = mode_of(c, node);

	return mode == NODE_MODE_STOPPING || mode == NODE_MODE_STOPPED ||
	       (row->version.epoch && row->incarnation == incarnation &&
		row->wanted == WANTED_OFFLINE);
}

bool place_failed(const struct core *c, uint16_t group, unsigned int node)
{
	return place_actual(c, group, node)->failed_attempt == c->intents[group].attempt;
}

/* It can get no lease, since something of its is not proven stopped (rule L8). */
static bool cannot_lease(const struct core *c, unsigned int node)
{
	bool leased = is_self(c, node) ? c->lease_valid : c->peers[node].head.lease_epoch != 0;

	for (uint16_t g = 0; !leased && g < c->cfg.n_groups; g++)
		if (place_actual(c, g, node)->state != GROUP_OFFLINE)
			return true;
	return false;
}

/* A candidate but for monitors, exclusion rules, and that it runs (rule K11). */
static bool able_awake(const struct core *c, uint16_t group, unsigned int node)
{
	return node_mask_has(c->installed.members, node) && c->cfg.nodes[node].hosts &&
	       mode_of(c, node) == NODE_MODE_ONLINE && !place_leaves(c, node) &&
	       !place_failed(c, group, node) && !cannot_lease(c, node);
}

static bool able(const struct core *c, uint16_t group, unsigned int node)
{
	return able_awake(c, group, node) && !c->peers[node].stalled;
}

/* A node of its list that could take it, if it were not stalled. */
static bool waits_for_stalled(const struct core *c, uint16_t group)
{
	const struct core_group_config *g = &c->cfg.groups[group];

	for (uint8_t i = 0; i < g->n_nodes; i++)
		if (c->peers[g->nodes[i]].stalled && able_awake(c, group, g->nodes[i]))
			return true;
	return false;
}

bool place_candidate(const struct core *c, uint16_t group, unsigned int node)
{
	return able(c, group, node) && !monitor_critical_error(c, node) &&
	       !exclude_forbids(c, group, node);
}

bool place_possible(const struct core *c, uint16_t group, node_mask nodes)
{
	const struct core_group_config *g = &c->cfg.groups[group];

	for (uint8_t i = 0; i < g->n_nodes; i++)
		if (node_mask_has(nodes, g->nodes[i]) && place_candidate(c, group, g->nodes[i]))
			return true;
	return false;
}

/* Less is better; within one rank the order of the list decides. */
static unsigned int rank(const struct core *c, uint16_t group, unsigned int node)
{
	return (exclude_avoids(c, group, node) ? 2U : 0U) + (monitor_any_error(c, node) ? 1U : 0U);
}

/* Rule G5. */
uint8_t place_choose(const struct core *c, uint16_t group)
{
	const struct core_group_config *g = &c->cfg.groups[group];
	node_mask nodes = wait_nodes(c, group);
	unsigned int best_rank = UINT32_MAX;
	uint8_t best = NODE_NONE;

	for (uint8_t i = 0; i < g->n_nodes; i++) {
		uint8_t n = g->nodes[i];

		if (!node_mask_has(nodes, n) || !place_candidate(c, group, n))
			continue;
		if (n == c->intents[group].target)
			return n;
		if (rank(c, group, n) < best_rank) {
			best_rank = rank(c, group, n);
			best = n;
		}
	}
	return best;
}

/* Rule G9: a better one than its owner, where nothing would hold it up. */
uint8_t place_better(const struct core *c, uint16_t group)
{
	const struct core_group_config *g = &c->cfg.groups[group];
	const struct group_intent *row = &c->intents[group];
	node_mask nodes = wait_nodes(c, group);
	uint16_t other;

	if (wait_hold(c, group, &other) != GROUP_HOLD_NONE)
		return NODE_NONE;
	for (uint8_t i = 0; i < g->n_nodes && g->nodes[i] != row->owner; i++) {
		uint8_t n = g->nodes[i];

		if (node_mask_has(nodes, n) && place_candidate(c, group, n) &&
		    rank(c, group, n) == 0)
			return n;
	}
	return NODE_NONE;
}

node_mask place_left_out(const struct core *c, uint16_t group, enum group_hold hold)
{
	const struct core_group_config *g = &c->cfg.groups[group];
	node_mask mask = 0;

	for (uint8_t i = 0; i < g->n_nodes; i++) {
		uint8_t n = g->nodes[i];
		bool out = hold == GROUP_HOLD_EXCLUDED ? exclude_forbids(c, group, n)
						       : monitor_critical_error(c, n);

		if (able(c, group, n) && out)
			mask |= node_bit(n);
	}
	return mask;
}

bool place_worn_out(const struct core *c, uint16_t group)
{
	uint8_t limit = c->cfg.groups[group].failover_limit;

	return limit && c->intents[group].failovers >= limit;
}

/* The group itself is to blame, often enough. */
static bool at_limit(const struct core *c, uint16_t group)
{
	const struct group_intent *row = &c->intents[group];

	if (row->failovers == FAILOVERS_HALTED)
		return true;
	return place_worn_out(c, group) &&
	       (row->cause == CAUSE_FAILURE || row->cause == CAUSE_MONITOR);
}

static bool needs_person(const struct core *c, uint16_t group)
{
	uint8_t cause = c->intents[group].cause;

	return c->cfg.groups[group].failover_manual &&
	       (cause == CAUSE_FAILOVER || cause == CAUSE_FAILURE || cause == CAUSE_MONITOR);
}

enum group_hold place_hold(const struct core *c, uint16_t group, uint16_t *ret_for)
{
	*ret_for = UINT16_MAX;
	if (core_suspended(c)) /* rule O1 */
		return GROUP_HOLD_SUSPENDED;
	if (at_limit(c, group))
		return GROUP_HOLD_LIMIT;
	if (needs_person(c, group))
		return GROUP_HOLD_MANUAL;
	enum group_hold hold = wait_hold(c, group, ret_for);
	if (hold != GROUP_HOLD_NONE || place_choose(c, group) != NODE_NONE)
		return hold;
	if (waits_for_stalled(c, group))
		return GROUP_HOLD_STALLED;
	if (place_left_out(c, group, GROUP_HOLD_EXCLUDED))
		return GROUP_HOLD_EXCLUDED;
	return place_left_out(c, group, GROUP_HOLD_UNFIT) ? GROUP_HOLD_UNFIT : GROUP_HOLD_NONE;
}
