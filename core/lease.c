/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Leases: what we grant, and what is granted to us (rules L1 to L8, V6, K7). */
#include "core/internal.h"

/* Rule L4: from the receipt of the newest granted stamp until the grant has surely run out. */
uint64_t lease_clear_us(const struct core *c, uint64_t lease_us)
{
	return lease_us + lease_us / 1000000 * c->cfg.drift_ppm +
	       lease_us % 1000000 * c->cfg.drift_ppm / 1000000 + 1 + c->cfg.lease_margin_us;
}

/* Rule L8: its lease has not gone on through a view without it, unless it knows and let go. */
static bool never_excluded(const struct peer *p)
{
	return p->head.lease_epoch == 0 || p->head.lease_epoch >= p->excluded;
}

bool lease_may_grant(const struct core *c, unsigned int node)
{
	const struct peer *p = &c->peers[node];

	return c->ready && !is_self(c, node) && p->heard && p->verified && !p->mismatch &&
	       node_mask_has(c->accepted.members, node) &&
	       p->head.incarnation == p->member_incarnation &&
	       p->head.incarnation == p->echo_incarnation;
}

/* Rule L1. The stamp that is granted is that of `head`. */
bool lease_grants(const struct core *c, unsigned int node)
{
	const struct peer *p = &c->peers[node];

	return lease_may_grant(c, node) && p->head.sequence == p->echo_sequence &&
	       never_excluded(p);
}

/* Until when `node` granted, knowing the view that is installed here (rule L8). */
static ha_time settled_until(const struct core *c, unsigned int node)
{
	const struct vector_head *h = &c->peers[node].head;
	const struct peer_entry *mine = &h->peer[c->self];

	if (!core_settled(c, node) || !mine->grant || mine->incarnation != c->incarnation ||
	    !ha_time_before(c->grants_after, mine->stamp) || !ha_time_reached(mine->stamp, c->now))
		return HA_TIME_ZERO;
	return ha_time_add(mine->stamp, h->lease_us);
}

/*
 * The instant until which those who granted, with ourselves, are enough; HA_TIME_ZERO if they
 * are not. `until` is by node; that of self is not looked at.
 */
static ha_time granted_until(const struct core *c, const ha_time until_by[NODES_MAX],
			     bool (*enough)(const struct core *c, node_mask granting),
			     node_mask *ret_granting)
{
	node_mask granting = node_bit(c->self), left = core_all(c) & ~granting;
	ha_time until = HA_TIME_NEVER;

	while (!enough(c, granting)) {
		unsigned int n, best = NODES_MAX;

		node_mask_for_each (n, left) {
			if (best == NODES_MAX || until_by[n].us > until_by[best].us)
				best = n;
		}
		if (best == NODES_MAX || ha_time_reached(until_by[best], c->now))
			return HA_TIME_ZERO;
		until = ha_time_min(until, until_by[best]);
		granting |= node_bit(best);
		left &= ~node_bit(best);
	}
	*ret_granting = granting;
	return until;
}

static ha_time quorum_until(const struct core *c, const ha_time until_by[NODES_MAX],
			    node_mask *ret_granting)
{
	return granted_until(c, until_by, core_majority, ret_granting);
}

/* Rule L9: by our own word, for as long as a stalled agent does not count as failed. */
static ha_time half_until(const struct core *c, const ha_time until_by[NODES_MAX],
			  node_mask *ret_granting)
{
	uint64_t word_us = core_lease_us(c);

	if (!c->cfg.fence_tie)
		return HA_TIME_ZERO;
	if (word_us < c->cfg.stall_timeout_us)
		word_us = c->cfg.stall_timeout_us;
	return ha_time_min(granted_until(c, until_by, waive_half_holds, ret_granting),
			   ha_time_add(c->now, word_us));
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
	final_quorum_lost(c);
	c->lease_number += c->lease_valid;
	c->lease_valid = c->by_half = false;
	c->lease_until = c->quorum_until = HA_TIME_ZERO;
	c->lease_epoch = 0;
	c->grants_after = c->now;
	/* rule G6: whatever failed here before the node fell out gets another chance */
	for (uint16_t g = 0; g < c->cfg.n_groups; g++) {
		c->groups[g].failed_attempt = 0;
		c->groups[g].halted = false;
	}
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

void lease_granted(struct core *c, uint8_t node, ha_time stamp, uint64_t lease_us)
{
	struct peer *p = &c->peers[node];

	/* rules L2, L7; a stamp from the future is not one of ours */
	if (ha_time_reached(stamp, c->now) && ha_time_before(c->grants_after, stamp))
		p->lease_until = ha_time_max(p->lease_until, ha_time_add(stamp, lease_us));
}

void lease_grant_heard(struct core *c, uint8_t node, const struct vector_head *head)
{
	const struct peer_entry *mine = &head->peer[c->self];

	if (mine->grant && node_mask_has(head->accepted.members, c->self))
		lease_granted(c, node, mine->stamp, head->lease_us);
}

/* Rule L6, second half: a row of a view that was installed and that we never promised. */
void lease_row_heard(struct core *c, uint8_t node, uint64_t epoch)
{
	if (!c->installed.epoch || epoch <= c->promised)
		return;
	core_say(c, EVENT_LEASE_REFUSED, node)->arg[0] = epoch;
	lease_end(c);
}

/* Rule L6. A view that is merely accepted here does not count: it may be a proposal of our own
 * that nobody will ever follow. */
void lease_refusal_heard(struct core *c, uint8_t node, const struct vector_head *head)
{
	if (!c->installed.epoch || !head->accepted.members ||
	    node_mask_has(head->accepted.members, c->self) ||
	    head->accepted.epoch <= c->installed.epoch)
		return;
	core_say(c, EVENT_LEASE_REFUSED, node)->arg[0] = head->accepted.epoch;
	lease_end(c);
}

static bool holds_nothing(const struct core *c)
{
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		if (c->groups[g].state != GROUP_OFFLINE)
			return false;
	return true;
}

/* Rule L8: a lease begins, and dates from a newer view, only by grants that know that view. */
static void begin_lease(struct core *c)
{
	ha_time until_by[NODES_MAX] = {{0}}, until;
	node_mask granting = 0;

	if (!core_settled(c, c->self) || c->installed.epoch != c->promised ||
	    c->lease_epoch == c->installed.epoch || (!c->lease_valid && !holds_nothing(c)))
		return;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		until_by[n] = is_self(c, n) ? HA_TIME_ZERO : settled_until(c, n);
	until = quorum_until(c, until_by, &granting);
	c->quorum_until = ha_time_max(c->quorum_until, until);
	if (!until.us)
		until = half_until(c, until_by, &granting);
	if (!until.us)
		return;
	c->lease_epoch = c->installed.epoch;
	c->lease_until = ha_time_max(c->lease_until, until);
	if (c->lease_valid)
		return;
	c->lease_valid = true;
	c->lease_number++;
	/* rule L7: what was granted before, to a node that held nothing, must not prolong it */
	c->grants_after = c->now;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		c->peers[n].lease_until = HA_TIME_ZERO;
	c->groups_dirty = c->again = true;
	struct event *e = core_say(c, EVENT_LEASE_VALID, NODE_NONE);
	e->arg[0] = until.us == UINT64_MAX ? 0 : ha_time_since(until, c->now);
	e->arg[1] = granting;
}

static void extend_by_half(struct core *c, const ha_time until_by[NODES_MAX])
{
	node_mask granting = 0;
	ha_time until = half_until(c, until_by, &granting);
	bool by_half = until.us && ha_time_reached(c->quorum_until, c->now);

	if (by_half != c->by_half) {
		core_say(c, EVENT_LEASE_BY_HALF, NODE_NONE)->arg[0] = by_half;
		c->by_half = by_half;
		c->groups_dirty = true;
	}
	/* in large steps, since the kernel is told of each */
	if (ha_time_since(until, c->now) / 2 > ha_time_since(c->lease_until, c->now))
		c->lease_until = until;
}

/* Rule L3: a valid lease goes on by any grant. It never becomes shorter but by lease_end(). */
static void extend_lease(struct core *c)
{
	ha_time until_by[NODES_MAX] = {{0}}, until;
	node_mask granting = 0;

	if (!c->lease_valid)
		return;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		until_by[n] = c->peers[n].lease_until;
	until = quorum_until(c, until_by, &granting);
	c->lease_until = ha_time_max(c->lease_until, until);
	c->quorum_until = ha_time_max(c->quorum_until, until);
	extend_by_half(c, until_by);
}

/*
 * Rule K7, before the end of the lease is looked at: what the kernel was granted while this agent
 * did not run. It took grants only while the lease was valid, so there is no gap before them.
 */
void lease_kernel_heard(struct core *c, const struct core_event *event, uint64_t elapsed_us)
{
	bool over = ha_time_reached(c->lease_until, c->now);
	uint64_t over_us = ha_time_since(c->now, c->lease_until);

	if (!c->lease_valid || event->kernel.lease != c->lease_number)
		return;
	if (event->kernel.refused_epoch) { /* rule K5 */
		core_say(c, EVENT_LEASE_REFUSED, event->kernel.refused_by)->arg[0] =
			event->kernel.refused_epoch;
		lease_end(c);
		return;
	}
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		struct peer *p = &c->peers[n];

		if (!is_self(c, n))
			p->lease_until = ha_time_max(p->lease_until, event->kernel.until[n]);
	}
	extend_lease(c);
	if (!over || ha_time_reached(c->lease_until, c->now))
		return;
	struct event *e = core_say(c, EVENT_LEASE_KEPT, NODE_NONE);
	e->arg[0] = elapsed_us;
	e->arg[1] = over_us;
	e->arg[2] = still_granting(c);
}

/* The drivers, and the kernel (rule K2), follow each change. */
static void tell_lease(struct core *c)
{
	uint64_t installed = c->installed.epoch;

	if (c->lease_said.until.us == c->lease_until.us &&
	    c->lease_said.number == c->lease_number && c->lease_said.epoch == c->lease_epoch &&
	    c->lease_said.installed == installed)
		return;
	c->lease_said.until = c->lease_until;
	c->lease_said.number = c->lease_number;
	c->lease_said.epoch = c->lease_epoch;
	c->lease_said.installed = installed;
	struct core_action *a = core_act(c, CORE_ACTION_LEASE);
	a->lease.until = c->lease_until;
	a->lease.number = c->lease_number;
	a->lease.epoch = c->lease_epoch;
	a->lease.installed = installed;
}

void lease_step(struct core *c)
{
	begin_lease(c);
	extend_lease(c);
	tell_lease(c);
}
