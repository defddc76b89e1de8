/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Leases: what we grant, and what is granted to us (rules L1 to L7, V6). */
#include "core/internal.h"

/* Rule L4: from the receipt of the newest granted stamp until the grant has surely run out. */
uint64_t lease_clear_us(const struct core *c, uint64_t lease_us)
{
	return lease_us + lease_us / 1000000 * c->cfg.drift_ppm +
	       lease_us % 1000000 * c->cfg.drift_ppm / 1000000 + 1 + c->cfg.lease_margin_us;
}

/* Rule L1. */
bool lease_grants(const struct core *c, unsigned int node)
{
	const struct peer *p = &c->peers[node];

	return c->ready && !is_self(c, node) && p->heard && p->verified &&
	       node_mask_has(c->accepted.members, node) &&
	       p->head.incarnation == p->member_incarnation;
}

/* The instant until which those who granted, with ourselves, are a quorum. */
static ha_time quorum_until(const struct core *c, node_mask *ret_granting)
{
	node_mask granting = node_bit(c->self), left = core_all(c) & ~granting;
	ha_time until = HA_TIME_NEVER;

	while (!core_quorate(c, granting)) {
		unsigned int n, best = NODES_MAX;

		node_mask_for_each (n, left) {
			if (best == NODES_MAX ||
			    c->peers[n].lease_until.us > c->peers[best].lease_until.us)
				best = n;
		}
		if (best == NODES_MAX || c->peers[best].lease_until.us == 0)
			return HA_TIME_ZERO;
		until = ha_time_min(until, c->peers[best].lease_until);
		granting |= node_bit(best);
		left &= ~node_bit(best);
	}
	*ret_granting = granting;
	return until;
}

static node_mask still_granting(const struct core *c)
{
	node_mask mask = 0;

	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		mask |= ha_time_before(c->now, c->peers[n].lease_until) ? node_bit(n) : 0;
	return mask;
}

/* Rules L3, L7, V6: nothing is held from here on, and only a new view brings it back. */
void lease_end(struct core *c)
{
	c->lease_valid = false;
	c->lease_until = HA_TIME_ZERO;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		c->peers[n].lease_until = HA_TIME_ZERO;
	view_void(c);
	c->groups_dirty = c->again = true;
}

void lease_check(struct core *c)
{
	if (!c->lease_valid || ha_time_before(c->now, c->lease_until))
		return;
	struct event *e = core_say(c, EVENT_LEASE_EXPIRED, NODE_NONE);
	e->arg[0] = ha_time_since(c->now, c->lease_until);
	e->arg[1] = still_granting(c);
	lease_end(c);
}

void lease_grant_heard(struct core *c, uint8_t node, const struct vector_head *head)
{
	const struct peer_entry *mine = &head->peer[c->self];
	struct peer *p = &c->peers[node];

	/* rule L2; a stamp from the future is not one of ours */
	if (!mine->grant || !ha_time_reached(mine->stamp, c->now) ||
	    !node_mask_has(head->accepted.members, c->self))
		return;
	p->lease_until = ha_time_max(p->lease_until, ha_time_add(mine->stamp, head->lease_us));
}

/* Rule L6. */
void lease_refusal_heard(struct core *c, uint8_t node, const struct vector_head *head)
{
	if (!c->installed.epoch || !head->accepted.members ||
	    node_mask_has(head->accepted.members, c->self) ||
	    head->accepted.epoch <= c->accepted.epoch)
		return;
	core_say(c, EVENT_LEASE_REFUSED, node)->arg[0] = head->accepted.epoch;
	lease_end(c);
}

/* Rule L8: what a former lease allowed, or a former agent left, is gone. */
static bool all_given_up(const struct core *c)
{
	for (uint16_t i = 0; i < c->cfg.n_resources; i++)
		if (c->resources[i].state != RESOURCE_OFFLINE)
			return false;
	return true;
}

void lease_step(struct core *c)
{
	node_mask granting = 0;
	ha_time until = HA_TIME_ZERO;

	if (c->installed.epoch && (c->lease_valid || all_given_up(c)))
		until = quorum_until(c, &granting);
	if (ha_time_reached(until, c->now))
		until = HA_TIME_ZERO;
	if (until.us && !c->lease_valid) {
		c->lease_valid = true;
		c->groups_dirty = c->again = true;
		struct event *e = core_say(c, EVENT_LEASE_VALID, NODE_NONE);
		e->arg[0] = until.us == UINT64_MAX ? 0 : ha_time_since(until, c->now);
		e->arg[1] = granting;
	}
	/* it cannot have become shorter: that would have been the end of it, in lease_check() */
	if (c->lease_valid)
		c->lease_until = ha_time_max(c->lease_until, until);
	if (c->lease_said.us != c->lease_until.us) {
		c->lease_said = c->lease_until;
		core_act(c, CORE_ACTION_LEASE)->lease.until = c->lease_until;
	}
}
