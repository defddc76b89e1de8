/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The coordinator's work: who owns what (rules Q4, N3, G3 to G6, G8 to G10, S2). Ownership changes
 * in two steps: the row is revoked (owner: nobody) and merged by every member, then, when all of
 * them have reported the group OFFLINE and every absent node has a proof, it is given away.
 */
#include "core/internal.h"

static void say_proof(struct core *c, unsigned int a, enum proof proof)
{
	if (node_mask_has(c->proof_said, a))
		return;
	c->proof_said |= node_bit(a);
	struct event *e = core_say(c, EVENT_PROOF, (uint8_t)a);
	e->arg[0] = proof;
	e->arg[1] = ha_time_since(c->now, c->installed_at);
	e->arg[2] = c->installed.members;
	e->arg[3] = c->peers[a].silence_us;
}

static void say_wait(struct core *c, unsigned int a, ha_time at)
{
	if (node_mask_has(c->wait_said, a))
		return;
	c->wait_said |= node_bit(a);
	core_say(c, EVENT_WAITING_FOR_PROOF, (uint8_t)a)->arg[0] =
		at.us == UINT64_MAX ? 0 : ha_time_since(at, c->now);
}

/*
 * Rule G3, second half: nobody outside the view can hold anything. Else one who might, and all
 * whose proof does not come by waiting (rule X1).
 */
static bool absent_proven(struct core *c, uint8_t *ret_blocker, node_mask *ret_unproven)
{
	node_mask absent = core_all(c) & ~c->installed.members;
	bool all = true;
	unsigned int a;

	node_mask_for_each (a, absent) {
		ha_time at;
		enum proof proof = place_proof(c, a, &at);

		if (proof != PROOF_NOT_CONFIRMED) {
			say_proof(c, a, proof);
			continue;
		}
		say_wait(c, a, at);
		c->place_deadline = ha_time_min(c->place_deadline, at);
		if (at.us == UINT64_MAX)
			*ret_unproven |= node_bit(a);
		*ret_blocker = (uint8_t)a;
		all = false;
	}
	return all;
}

/* Rule N3: everybody accepted this view, and knows and told all rows. */
static bool synced(struct core *c)
{
	unsigned int n;

	node_mask_for_each (n, c->installed.members) {
		if (!core_settled(c, n))
			return false;
		if (is_self(c, n))
			continue;
		if (!core_same_objects(c, n)) /* rule C3 */
			return false;
		if (c->peers[n].head.intent_digest != c->intent_digest ||
		    !peer_actual_complete(c, n))
			return false;
	}
	return true;
}

/* Rule S2. */
static bool is_warm(struct core *c)
{
	node_mask here = c->installed.members;
	ha_time until = ha_time_add(c->started, c->cfg.startup_wait_us);

	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		const struct peer *p = &c->peers[n];

		if (p->heard && p->left_incarnation)
			here |= node_bit(n); /* it is there, and will not come */
	}
	if (!c->warm && (here == core_all(c) || ha_time_reached(until, c->now))) {
		struct event *e = core_say(c, EVENT_STARTUP_DONE, NODE_NONE);
		e->arg[0] = c->installed.members;
		e->arg[1] = ha_time_since(c->now, c->started);
		c->warm = c->cold = true;
	}
	if (c->warm)
		return true;
	if (!c->startup_said) {
		struct event *e = core_say(c, EVENT_STARTUP_WAIT, NODE_NONE);
		e->arg[0] = ha_time_since(until, c->now);
		e->arg[1] = core_all(c) & ~here;
		c->startup_said = true;
	}
	c->place_deadline = ha_time_min(c->place_deadline, until);
	return false;
}

struct survey {
	node_mask active;      /* starting or online */
	node_mask not_offline; /* anything but proven stopped */
};

static struct survey survey(const struct core *c, uint16_t group)
{
	struct survey s = {0, 0};
	unsigned int n;

	node_mask_for_each (n, c->installed.members) {
		uint8_t state = place_actual(c, group, n)->state;

		if (state == GROUP_STARTING || state == GROUP_ONLINE)
			s.active |= node_bit(n);
		if (state != GROUP_OFFLINE)
			s.not_offline |= node_bit(n);
	}
	return s;
}

static void write_owner(struct core *c, uint16_t group, uint8_t owner, uint8_t cause)
{
	struct group_intent *row = &c->intents[group];

	if (row->owner != NODE_NONE)
		c->groups[group].last_owner = row->owner;
	/* a target stays until it is reached; then as long as a command is why it is there (G9) */
	if (owner != NODE_NONE ? owner != row->target || cause != CAUSE_ADMIN
			       : row->owner != NODE_NONE)
		row->target = NODE_NONE;
	row->version = intent_next_version(c);
	row->owner = owner;
	row->cause = cause;
}

static void say_placed(struct core *c, uint16_t group)
{
	const struct group_intent *row = &c->intents[group];
	struct event *e = group_say(c, EVENT_GROUP_PLACED, group, row->owner);

	e->arg[0] = row->cause;
	e->arg[1] = c->groups[group].last_owner;
	e->arg[2] = row->version.counter;
}

/* Why the owner of a row can no longer be it; CAUSE_NONE: it can. */
static uint8_t loss_cause(const struct core *c, uint16_t group)
{
	const struct group_intent *row = &c->intents[group];
	uint8_t owner = row->owner;

	if (owner == NODE_NONE)
		return row->cause;
	if (!node_mask_has(c->installed.members, owner))
		return c->peers[owner].left_incarnation ? CAUSE_LEAVE : CAUSE_FAILOVER;
	if (place_leaves(c, owner))
		return CAUSE_LEAVE;
	if (!place_failed(c, group, owner) || place_actual(c, group, owner)->halted)
		return CAUSE_NONE;
	return place_actual(c, group, owner)->by_monitor ? CAUSE_MONITOR : CAUSE_FAILURE;
}

/* Rule G8: a restart of the whole cluster places what only a person was to place. */
static uint8_t forgive(const struct core *c, uint16_t group, uint8_t cause)
{
	bool lost = cause == CAUSE_FAILOVER || cause == CAUSE_FAILURE || cause == CAUSE_MONITOR;

	return c->cold && lost && c->cfg.groups[group].failover_manual ? (uint8_t)CAUSE_START
								       : cause;
}

/* Rule N3 and G4: every row gets the new epoch; only a group found running keeps an owner. */
static void reaffirm_group(struct core *c, uint16_t group)
{
	struct group_intent *row = &c->intents[group];
	struct survey s = survey(c, group);
	uint8_t owner = NODE_NONE, cause = forgive(c, group, loss_cause(c, group));

	if (row->wanted == WANTED_OFFLINE) {
		bool waits = node_mask_has(s.active, row->owner) &&
			     wait_stop_for(c, group) != UINT16_MAX;

		write_owner(c, group, waits ? row->owner : (uint8_t)NODE_NONE, row->cause);
		return;
	}
	if (node_mask_has(s.active, row->owner))
		owner = row->owner;
	else if (s.active && row->owner != NODE_NONE)
		owner = (uint8_t)node_mask_first(s.active);
	if (owner != NODE_NONE)
		cause = row->owner == owner ? row->cause : (uint8_t)CAUSE_CONFLICT;
	else if (cause == CAUSE_NONE)
		cause = CAUSE_START; /* it was to run on a member that does not run it */
	write_owner(c, group, owner, cause);
}

static void reaffirm(struct core *c)
{
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		reaffirm_group(c, g);
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		if (c->node_intents[n].version.epoch)
			c->node_intents[n].version = intent_next_version(c);
	operate_reaffirm(c);
	monitor_reaffirm(c);
	c->reaffirmed = true;
	c->cold = false;
	intent_changed(c);
}

static void say_conflict(struct core *c, uint16_t group, node_mask active)
{
	bool conflict = node_mask_count(active) > 1;

	if (conflict && !c->groups[group].conflict)
		group_say(c, EVENT_GROUP_CONFLICT, group, c->intents[group].owner)->arg[0] = active;
	c->groups[group].conflict = conflict;
}

/* Rule G14: a final action stopped it for everybody, which the row must outlive that node for. */
static bool note_halt(struct core *c, uint16_t group)
{
	struct group_intent *row = &c->intents[group];

	if (row->failovers == FAILOVERS_HALTED || !place_failed(c, group, row->owner) ||
	    !place_actual(c, group, row->owner)->halted)
		return false;
	row->version = intent_next_version(c);
	row->failovers = FAILOVERS_HALTED;
	group_say(c, EVENT_GROUP_HELD, group, row->owner)->arg[0] = GROUP_HOLD_LIMIT;
	return true;
}

/* Takes the row away from an owner that cannot be it any more. True if the row has changed. */
static bool take_away(struct core *c, uint16_t group)
{
	const struct group_intent *row = &c->intents[group];
	uint8_t cause;

	if (row->owner == NODE_NONE)
		return false;
	cause = row->wanted == WANTED_OFFLINE ? (uint8_t)CAUSE_ADMIN : loss_cause(c, group);
	if (cause == CAUSE_NONE)
		return node_mask_has(c->installed.members, row->owner) && note_halt(c, group);
	bool ordered = cause == CAUSE_ADMIN || cause == CAUSE_LEAVE;
	if (ordered ? wait_stop(c, group) : core_suspended(c)) /* rules G13, O1 */
		return false;
	write_owner(c, group, NODE_NONE, cause);
	return true;
}

static node_mask failed_mask(const struct core *c, uint16_t group)
{
	node_mask mask = 0;
	unsigned int n;

	node_mask_for_each (n, c->installed.members)
		mask |= place_failed(c, group, n) ? node_bit(n) : 0;
	return mask;
}

/* Why it stays where it is, once for each reason. */
static void say_hold(struct core *c, uint16_t group, enum group_hold hold)
{
	const struct group_intent *row = &c->intents[group];
	const struct core_group_config *cfg = &c->cfg.groups[group];
	struct group *g = &c->groups[group];

	if (g->hold_said == hold && g->hold_attempt == row->attempt)
		return;
	g->hold_said = (uint8_t)hold;
	g->hold_attempt = row->attempt;
	if (hold == GROUP_HOLD_NONE || hold == GROUP_HOLD_WAIT)
		return; /* a wait has an event of its own */
	if (hold == GROUP_HOLD_LIMIT && row->failovers != FAILOVERS_HALTED) {
		struct event *e = group_say(c, EVENT_GROUP_FAILOVER_LIMIT, group, NODE_NONE);
		e->arg[0] = row->failovers;
		e->arg[1] = cfg->failover_limit;
		e->arg[2] = cfg->failover_window_us;
	}
	struct event *e = group_say(c, EVENT_GROUP_HELD, group, NODE_NONE);
	e->arg[0] = hold;
	e->arg[1] = hold == GROUP_HOLD_EXCLUDED || hold == GROUP_HOLD_UNFIT
			    ? place_left_out(c, group, hold)
			    : 0;
}

static void say_no_target(struct core *c, uint16_t group)
{
	uint8_t attempt = c->intents[group].attempt;

	if (c->groups[group].no_target_attempt != attempt)
		group_say(c, EVENT_GROUP_NO_TARGET, group, NODE_NONE)->arg[0] =
			failed_mask(c, group);
	c->groups[group].no_target_attempt = attempt;
}

/* Gives a free group to the best node. True if it did. */
static bool give(struct core *c, uint16_t group)
{
	struct group_intent *row = &c->intents[group];
	uint16_t other;
	enum group_hold hold = place_hold(c, group, &other);
	uint8_t owner = place_choose(c, group);

	say_hold(c, group, hold);
	if (hold == GROUP_HOLD_WAIT)
		wait_start(c, group, other);
	if (hold != GROUP_HOLD_NONE)
		return false;
	if (owner == NODE_NONE) {
		say_no_target(c, group);
		return false;
	}
	c->groups[group].no_target_attempt = 0;
	/* rule G10: a node that was lost is not the group's fault */
	if ((row->cause == CAUSE_FAILURE || row->cause == CAUSE_MONITOR) &&
	    row->failovers < FAILOVERS_HALTED - 1)
		row->failovers++;
	write_owner(c, group, owner, row->cause == CAUSE_NONE ? (uint8_t)CAUSE_START : row->cause);
	say_placed(c, group);
	return true;
}

/* It has been online where it belongs, and only there, for `limit_us` (0: never is). */
static bool online_for(struct core *c, uint16_t group, node_mask active, uint64_t limit_us)
{
	const struct group_intent *row = &c->intents[group];
	const struct group_actual *a;
	ha_time since, at;

	if (row->owner == NODE_NONE || active != node_bit(row->owner) || !limit_us)
		return false;
	a = place_actual(c, group, row->owner);
	if (a->state != GROUP_ONLINE)
		return false;
	/* `since` is on the owner's clock: how long ago, then on ours */
	since = is_self(c, row->owner) ? c->now : c->peers[row->owner].head.stamp;
	at = is_self(c, row->owner) ? c->now : c->peers[row->owner].head_received;
	at = ha_time_add(at, limit_us);
	at.us -= ha_time_since(since, a->since) < at.us ? ha_time_since(since, a->since) : at.us;
	if (ha_time_reached(at, c->now))
		return true;
	c->place_deadline = ha_time_min(c->place_deadline, at);
	return false;
}

/*
 * Rules G6, G10: failures of long ago no longer count, once the group has been online elsewhere
 * for a while; until then a group that fails everywhere would wander for ever.
 */
static bool expire_failures(struct core *c, uint16_t group, node_mask active)
{
	struct group_intent *row = &c->intents[group];
	bool marks =
		failed_mask(c, group) && online_for(c, group, active, c->cfg.failure_expiry_us);
	bool count = row->failovers && row->failovers != FAILOVERS_HALTED &&
		     online_for(c, group, active, c->cfg.groups[group].failover_window_us);

	if (core_suspended(c) || (!marks && !count))
		return false;
	row->version = intent_next_version(c);
	row->attempt = marks ? next_attempt(row->attempt) : row->attempt;
	row->failovers = count ? 0 : row->failovers;
	return true;
}

/* Rule K11: what is taken away now would wait for that member to say that it has stopped. */
static bool any_stalled(const struct core *c)
{
	unsigned int n;

	node_mask_for_each (n, c->installed.members) {
		if (c->peers[n].stalled)
			return true;
	}
	return false;
}

/*
 * Rule G9. Only what can be given at once is taken away: `s` and the proofs allow it. Never while
 * failovers are counted: a better node that is broken must not wear out the limit (G10).
 */
static bool fail_back(struct core *c, uint16_t group, const struct survey *s)
{
	struct group_intent *row = &c->intents[group];
	ha_time settled = ha_time_add(c->installed_at, c->cfg.timeout_us);
	uint8_t target;

	if (!c->cfg.groups[group].failback || any_stalled(c) || core_suspended(c) ||
	    row->wanted != WANTED_ONLINE || row->owner == NODE_NONE || row->target == row->owner ||
	    row->failovers || s->not_offline != node_bit(row->owner) ||
	    place_actual(c, group, row->owner)->state != GROUP_ONLINE)
		return false;
	target = place_better(c, group);
	if (target == NODE_NONE)
		return false;
	if (!ha_time_reached(settled, c->now)) {
		c->place_deadline = ha_time_min(c->place_deadline, settled);
		return false;
	}
	write_owner(c, group, NODE_NONE, CAUSE_FAILBACK);
	row->target = target;
	return true;
}

/* A resource that was to be stopped alone does not show in the state of its group (G12). */
static bool stop_failed_on(const struct core *c, uint16_t group, unsigned int node)
{
	const struct group *g = &c->groups[group];

	for (uint16_t i = g->first; i < g->first + g->n; i++)
		if (c->peers[node].resources[i].state == RESOURCE_STOP_FAILED)
			return true;
	return c->peers[node].groups[group].state == GROUP_STOP_FAILED;
}

/* Rule Q4: an absent node that told that the group did not stop there; only its lease is over. */
static uint8_t stuck_on(const struct core *c, uint16_t group)
{
	unsigned int a;
	ha_time at;

	node_mask_for_each (a, core_all(c) & ~c->installed.members) {
		if (stop_failed_on(c, group, a) && place_proof(c, a, &at) == PROOF_LEASE)
			return (uint8_t)a;
	}
	return NODE_NONE;
}

static void forget_waits(struct core *c, uint16_t group)
{
	const struct group_intent *row = &c->intents[group];

	if (row->owner == NODE_NONE) {
		wait_stop_clear(c, group);
	} else {
		wait_clear(c, group);
		c->groups[group].hold_said = GROUP_HOLD_NONE;
	}
}

/* Rule X1: nothing but the proof is missing. */
static bool would_give(const struct core *c, uint16_t group)
{
	const struct group_intent *row = &c->intents[group];
	uint16_t other;

	return row->wanted == WANTED_ONLINE && row->owner == NODE_NONE &&
	       place_hold(c, group, &other) == GROUP_HOLD_NONE &&
	       place_choose(c, group) != NODE_NONE;
}

static node_mask blocker_bit(uint8_t node)
{
	return node == NODE_NONE ? 0 : node_bit(node);
}

/* One pass over all groups. `all_told`: rule N3 holds at this moment. */
static bool place_groups(struct core *c, bool all_told)
{
	uint8_t blocker = NODE_NONE;
	node_mask unproven = 0, needed = 0;
	bool proven = absent_proven(c, &blocker, &unproven), changed = false;

	for (uint16_t g = 0; g < c->cfg.n_groups; g++) {
		const struct group_intent *row = &c->intents[g];
		struct survey s = survey(c, g);

		say_conflict(c, g, s.active);
		forget_waits(c, g);
		c->groups[g].blocked_by = proven ? stuck_on(c, g) : blocker;
		if (would_give(c, g))
			needed |= unproven | (proven ? blocker_bit(c->groups[g].blocked_by) : 0);
		bool free = proven && c->groups[g].blocked_by == NODE_NONE;
		if (take_away(c, g) || expire_failures(c, g, s.active) ||
		    (free && all_told && fail_back(c, g, &s)))
			changed = true;
		else if (row->wanted == WANTED_ONLINE && row->owner == NODE_NONE && proven &&
			 c->groups[g].blocked_by == NODE_NONE && all_told && !s.not_offline &&
			 give(c, g))
			changed = true;
	}
	c->fence_needed = needed;
	return changed;
}

void place_step(struct core *c)
{
	if (!c->place_dirty && !ha_time_reached(c->place_deadline, c->now))
		return;
	c->groups_dirty |= c->stalled; /* rule G14: another node may be able now */
	c->place_dirty = false;
	c->place_deadline = HA_TIME_NEVER;
	if (!is_coordinator(c) || !core_settled(c, c->self)) {
		c->reaffirmed = c->reaffirmed && is_coordinator(c);
		return;
	}
	bool all_told = synced(c);
	if (!is_warm(c))
		return;
	if (!c->reaffirmed) {
		if (!all_told)
			return;
		reaffirm(c);
	}
	if (place_groups(c, all_told))
		intent_changed(c);
}
