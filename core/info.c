/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries for status displays and tests; they change nothing. */
#include "core/internal.h"

#include <string.h>

void core_self_info(const struct core *c, ha_time now, struct core_self_info *ret)
{
	*ret = (struct core_self_info){
		.incarnation = c->incarnation,
		.mode = c->mode,
		.view = c->installed,
		.lease_until = c->lease_until,
		.lease_valid = c->lease_valid && ha_time_before(now, c->lease_until),
		.quorate = c->installed.epoch != 0,
		.warm = c->warm,
		.store_failed = c->store_failed,
		.wanted = c->wanted,
		.votes_total = c->votes_total,
		.votes_view = core_votes(c, c->installed.members),
		.lease_by_half = c->by_half,
		.holds_nothing = mode_holds_nothing(c),
		.tie = c->installed.epoch && core_tie(c, c->wanted) && !core_quorate(c, c->wanted),
	};
}

void core_cluster_info(const struct core *c, ha_time now, struct core_cluster_info *ret)
{
	*ret = (struct core_cluster_info){
		.intent = c->cluster,
		.ratio_left_us = ratio_left_us(c, now),
		.timeout_us = core_timeout_us(c),
		.lease_us = core_lease_us(c),
	};
}

static enum peer_state peer_state(const struct core *c, uint8_t node)
{
	const struct peer *p = &c->peers[node];

	if (is_self(c, node))
		return c->mode == NODE_MODE_STOPPED ? PEER_LEFT
		       : c->installed.epoch	    ? PEER_MEMBER
						    : PEER_HEARD;
	if (!p->verified)
		return PEER_UNKNOWN;
	if (p->left_incarnation == p->head.incarnation)
		return PEER_LEFT;
	if (!p->heard)
		return node_mask_has(detect_quarantined(c), node) ? PEER_QUARANTINED : PEER_SILENT;
	if (p->mismatch)
		return PEER_MISMATCH;
	if (node_mask_has(c->installed.members, node))
		return p->stalled ? PEER_STALLED : PEER_MEMBER;
	if (node_mask_has(detect_quarantined(c), node))
		return PEER_QUARANTINED;
	return p->isolated ? PEER_ISOLATED : PEER_HEARD;
}

void core_peer_info(const struct core *c, uint8_t node, ha_time now, struct core_peer_info *ret)
{
	const struct peer *p = &c->peers[node];
	const struct vector_head *h = &p->head;
	node_mask hears = 0;
	ha_time at;

	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		hears |=
			(is_self(c, node) ? c->peers[n].heard : h->peer[n].heard) ? node_bit(n) : 0;
	*ret = (struct core_peer_info){
		.state = (uint8_t)peer_state(c, node),
		.mode = is_self(c, node) ? c->mode : h->mode,
		.paths = p->paths,
		.kernel_paths = p->kernel.paths,
		.kernel_known = p->verified && p->kernel.incarnation == h->incarnation,
		.stalled_us =
			p->stalled ? kernel_stall_age(c, node) + ha_time_since(now, c->now) : 0,
		.kernel_rtt_us = p->kernel.rtt_us,
		.heard_by_peer = p->verified && h->peer[c->self].heard,
		.incarnation = is_self(c, node) ? c->incarnation : h->incarnation,
		.silence_us = is_self(c, node) ? 0 : p->silence_us + ha_time_since(now, c->now),
		.quarantine_us =
			p->quarantine_until.us ? ha_time_since(p->quarantine_until, now) : 0,
		.config_differs = p->verified && p->config_differs,
		.grants_us = ha_time_before(now, p->lease_until),
		.we_grant = lease_grants(c, node),
		.installed = is_self(c, node) ? c->installed : h->installed,
		.hears = hears,
	};
	if (c->installed.epoch && !node_mask_has(c->installed.members, node))
		ret->proof = (uint8_t)place_proof(c, node, &at);
}

uint8_t core_paths(const struct core *c, uint8_t from, uint8_t to)
{
	return is_self(c, from) ? c->peers[to].paths : c->peers[from].head.peer[to].paths;
}

/* Of the members (of ourselves, outside of a view): the one that has most of it. */
static uint8_t best_holder(const struct core *c, uint16_t group)
{
	static const uint8_t rank[GROUP_STATE_COUNT_] = {
		[GROUP_ONLINE] = 5,	 [GROUP_STARTING] = 4, [GROUP_STOPPING] = 3,
		[GROUP_STOP_FAILED] = 2, [GROUP_UNKNOWN] = 1,
	};
	node_mask members = c->installed.epoch ? c->installed.members : node_bit(c->self);
	uint8_t best = NODE_NONE, best_rank = 0;
	unsigned int n;

	node_mask_for_each (n, members) {
		uint8_t r = rank[place_actual(c, group, n)->state];

		if (r > best_rank) {
			best = (uint8_t)n;
			best_rank = r;
		}
	}
	return best;
}

/* Rule G14: a start has failed there for good, and the group stays as it is. */
static bool gave_up(const struct core *c, uint16_t group, uint8_t node)
{
	const struct group *g = &c->groups[group];

	if (place_actual(c, group, node)->state != GROUP_STARTING)
		return false;
	for (uint16_t i = g->first; i < g->first + g->n; i++) {
		const struct resource_actual *r =
			is_self(c, node) ? &c->actual_resources[i] : &c->peers[node].resources[i];

		if (r->state == RESOURCE_START_FAILED &&
		    r->failures > c->cfg.resources[i].start_retries)
			return true;
	}
	return false;
}

/* Why it is wanted and not placed; whom it waits for. */
static void group_hold_info(const struct core *c, uint16_t group, struct core_group_info *ret)
{
	const struct group_intent *row = &c->intents[group];
	bool halted = row->failovers == FAILOVERS_HALTED;

	if (row->wanted == WANTED_OFFLINE ||
	    (row->owner != NODE_NONE && place_leaves(c, row->owner)))
		ret->waits_for = wait_stop_for(c, group);
	else if (c->installed.epoch && (row->owner == NODE_NONE || halted))
		ret->held = (uint8_t)place_hold(c, group, &ret->waits_for);
}

/* Rule K11: nothing can be agreed upon, nor given to it, before it runs again or has failed. */
static void stall_info(const struct core *c, const struct group_intent *row,
		       struct core_group_info *ret)
{
	bool pending =
		row->wanted == WANTED_ONLINE ? row->owner == NODE_NONE : ret->current != NODE_NONE;
	unsigned int n;

	if (!pending || (ret->held != GROUP_HOLD_NONE && ret->held != GROUP_HOLD_STALLED) ||
	    ret->waits_for != UINT16_MAX)
		return;
	node_mask_for_each (n, c->installed.members) {
		if (!c->peers[n].stalled)
			continue;
		ret->held = GROUP_HOLD_STALLED;
		ret->waits_node = (uint8_t)n;
		return;
	}
}

void core_group_info(const struct core *c, uint16_t group, ha_time now, struct core_group_info *ret)
{
	const struct group_intent *row = &c->intents[group];
	uint8_t holder = best_holder(c, group);
	unsigned int n;

	*ret = (struct core_group_info){
		.intent = *row,
		.state = GROUP_OFFLINE,
		.current = holder,
		.blocked_by = NODE_NONE,
		.waits_for = UINT16_MAX,
		.waits_node = NODE_NONE,
	};
	if (is_coordinator(c) && row->wanted == WANTED_ONLINE && holder == NODE_NONE)
		ret->blocked_by = c->groups[group].blocked_by;
	node_mask_for_each (n, c->installed.members)
		ret->failed_on |= place_failed(c, group, n) ? node_bit(n) : 0;
	group_hold_info(c, group, ret);
	stall_info(c, row, ret);
	ret->failed = row->wanted == WANTED_ONLINE && holder == NODE_NONE && ret->failed_on &&
		      place_choose(c, group) == NODE_NONE;
	if (holder == NODE_NONE)
		return;
	const struct group_actual *a = place_actual(c, group, holder);
	ret->state = a->state;
	if (gave_up(c, group, holder)) {
		ret->failed = row->wanted == WANTED_ONLINE;
		ret->failed_on |= node_bit(holder);
	}
	if (a->state != GROUP_ONLINE)
		return;
	ret->online_us = is_self(c, holder)
				 ? ha_time_since(now, a->since)
				 : ha_time_since(c->peers[holder].head.stamp, a->since) +
					   ha_time_since(now, c->peers[holder].head_received);
}

enum resource_state core_resource_state(const struct core *c, uint16_t resource, uint8_t node)
{
	return is_self(c, node) ? c->resources[resource].state
				: c->peers[node].resources[resource].state;
}
