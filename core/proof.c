/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why an absent node certainly holds nothing (rules Q1 to Q4). */
#include "core/internal.h"

/*
 * When what peer `b` granted to `a` has run out, by its newest word; it cannot say more than this.
 */
static ha_time told_clear(const struct core *c, unsigned int b, unsigned int a)
{
	const struct peer *p = &c->peers[b];
	uint32_t clear_us = p->head.peer[a].clear_us;

	return clear_us == UINT32_MAX ? HA_TIME_NEVER : ha_time_add(p->head_received, clear_us);
}

/* Rule Q1: when the last member's word says that its grants to `a` are over. */
static bool lease_clear_at(const struct core *c, unsigned int a, ha_time *ret_at)
{
	ha_time at = c->peers[a].granted_clear;
	unsigned int b;

	if (node_mask_has(c->delegated, a)) /* rule K9 */
		return false;
	node_mask_for_each (b, c->installed.members) {
		if (!core_settled(c, b))
			return false;
		if (!is_self(c, b))
			at = ha_time_max(at, told_clear(c, b, a));
	}
	*ret_at = at;
	return true;
}

/*
 * Rule Q4: what a member that has heard no life of `a` since its own start may have had to do with
 * before is over, without any lease, only if `a` was off at some time since then.
 */
static bool off_since_start(const struct core *c, unsigned int a, unsigned int b)
{
	ha_time start = is_self(c, b) ? c->started : c->peers[b].life_since;

	return c->peers[a].fenced_at.us && ha_time_reached(start, c->peers[a].fenced_at);
}

/*
 * Rules Q2, Q3: `incarnation` of `a` is over, and no member can have granted a lease to a later
 * one. A member that has heard none since its own start may have granted before it (rule L5).
 */
static bool over_at(const struct core *c, unsigned int a, uint64_t incarnation, ha_time *ret_at)
{
	const struct peer *absent = &c->peers[a];
	bool needs_off = c->cfg.takeover == TAKEOVER_FENCE || !incarnation;
	ha_time at = HA_TIME_ZERO;
	unsigned int b;

	if (node_mask_has(c->delegated, a)) /* rule K9 */
		return false;
	node_mask_for_each (b, c->installed.members) {
		const struct peer *p = &c->peers[b];
		const struct peer_entry *e = &p->head.peer[a];
		uint64_t newest = is_self(c, b) ? absent->echo_incarnation : e->incarnation;
		ha_time clear = is_self(c, b) ? absent->granted_clear : told_clear(c, b, a);

		if (!core_settled(c, b) || newest > incarnation)
			return false;
		if (!newest && needs_off && !off_since_start(c, a, b))
			return false;
		at = newest ? at : ha_time_max(at, clear);
	}
	*ret_at = at;
	return true;
}

/* Whether that holds now; if it only will, *ret_at becomes not later than then. */
static bool is_over(const struct core *c, unsigned int a, uint64_t incarnation, ha_time *ret_at)
{
	ha_time at;

	if (!over_at(c, a, incarnation, &at))
		return false;
	if (ha_time_reached(at, c->now))
		return true;
	*ret_at = ha_time_min(*ret_at, at);
	return false;
}

/* The proof that absent node `a` holds nothing; if there is none yet, when a lease will be. */
enum proof place_proof(const struct core *c, unsigned int a, ha_time *ret_at)
{
	const struct peer *p = &c->peers[a];
	ha_time at = HA_TIME_NEVER;

	*ret_at = HA_TIME_NEVER;
	if (!c->cfg.nodes[a].hosts)
		return PROOF_NEVER_HELD;
	if (p->left_incarnation && is_over(c, a, p->left_incarnation, ret_at))
		return PROOF_LEFT;
	if (!p->heard && (p->fenced_incarnation || p->fenced_at.us) &&
	    is_over(c, a, p->fenced_incarnation, ret_at))
		return PROOF_FENCED;
	if (c->cfg.takeover != TAKEOVER_LEASE || !core_settled(c, c->self) ||
	    !lease_clear_at(c, a, &at))
		return PROOF_NOT_CONFIRMED;
	if (ha_time_reached(at, c->now))
		return PROOF_LEASE;
	*ret_at = ha_time_min(*ret_at, at);
	return PROOF_NOT_CONFIRMED;
}

node_mask place_unproven(const struct core *c)
{
	node_mask mask = 0;
	unsigned int a;
	ha_time at;

	if (c->cfg.takeover != TAKEOVER_FENCE)
		return 0;
	node_mask_for_each (a, core_all(c) & ~c->installed.members) {
		if (place_proof(c, a, &at) == PROOF_NOT_CONFIRMED && at.us == UINT64_MAX)
			mask |= node_bit(a);
	}
	return mask;
}
