/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The coordinator's work: who owns what (rules Q1 to Q4, N3, G3 to G6, S2). Ownership changes in
 * two steps: the row is revoked (owner: nobody) and merged by every member, then, when all of
 * them have reported the group OFFLINE and every absent node has a proof, it is given away.
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

/* Rule G3, second half: nobody outside the view can hold anything. Else one who might. */
static bool absent_proven(struct core *c, uint8_t *ret_blocker)
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
		c->warm = true;
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

static bool failed_here(const struct core *c, uint16_t group, unsigned int node)
{
	return place_actual(c, group, node)->failed_attempt == c->intents[group].attempt;
}

/* Members that cannot get a lease, since something of theirs is not proven stopped (rule L8). */
static node_mask unfit(const struct core *c)
{
	node_mask mask = 0;
	unsigned int n;

	node_mask_for_each (n, c->installed.members) {
		bool leased = is_self(c, n) ? c->lease_valid : c->peers[n].head.lease_epoch != 0;

		for (uint16_t g = 0; !leased && g < c->cfg.n_groups; g++)
			if (place_actual(c, g, n)->state != GROUP_OFFLINE)
				mask |= node_bit(n);
	}
	return mask;
}

bool place_candidate(const struct core *c, uint16_t group, unsigned int node)
{
	return node_mask_has(c->installed.members & ~c->unfit, node) && c->cfg.nodes[node].hosts &&
	       mode_of(c, node) == NODE_MODE_ONLINE && !failed_here(c, group, node);
}

/* Rule G5. */
uint8_t place_choose(const struct core *c, uint16_t group)
{
	const struct core_group_config *g = &c->cfg.groups[group];
	uint8_t target = c->intents[group].target;

	for (uint8_t i = 0; i < g->n_nodes; i++)
		if (g->nodes[i] == target && place_candidate(c, group, target))
			return target;
	for (uint8_t i = 0; i < g->n_nodes; i++)
		if (place_candidate(c, group, g->nodes[i]))
			return g->nodes[i];
	return NODE_NONE;
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
	row->version = intent_next_version(c);
	row->owner = owner;
	row->cause = cause;
	if (owner != NODE_NONE)
		row->target = NODE_NONE;
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
	if (mode_of(c, owner) == NODE_MODE_STOPPING || mode_of(c, owner) == NODE_MODE_STOPPED)
		return CAUSE_LEAVE;
	if (failed_here(c, group, owner))
		return CAUSE_FAILURE;
	return CAUSE_NONE;
}

/* Rule N3 and G4: every row gets the new epoch; only a group found running keeps an owner. */
static void reaffirm_group(struct core *c, uint16_t group)
{
	struct group_intent *row = &c->intents[group];
	struct survey s = survey(c, group);
	uint8_t owner = NODE_NONE, cause = loss_cause(c, group);

	if (row->wanted == WANTED_OFFLINE) {
		write_owner(c, group, NODE_NONE, row->cause);
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
	c->reaffirmed = true;
	intent_changed(c);
}

static void say_conflict(struct core *c, uint16_t group, node_mask active)
{
	bool conflict = node_mask_count(active) > 1;

	if (conflict && !c->groups[group].conflict)
		group_say(c, EVENT_GROUP_CONFLICT, group, c->intents[group].owner)->arg[0] = active;
	c->groups[group].conflict = conflict;
}

/* Takes the row away from an owner that cannot be it any more. True if it did. */
static bool take_away(struct core *c, uint16_t group)
{
	const struct group_intent *row = &c->intents[group];
	uint8_t cause;

	if (row->owner == NODE_NONE)
		return false;
	if (row->wanted == WANTED_OFFLINE) {
		write_owner(c, group, NODE_NONE, CAUSE_ADMIN);
		return true;
	}
	cause = loss_cause(c, group);
	if (cause == CAUSE_NONE)
		return false;
	write_owner(c, group, NODE_NONE, cause);
	return true;
}

static node_mask failed_mask(const struct core *c, uint16_t group)
{
	node_mask mask = 0;
	unsigned int n;

	node_mask_for_each (n, c->installed.members)
		mask |= failed_here(c, group, n) ? node_bit(n) : 0;
	return mask;
}

/* Gives a free group to the best node. True if it did. */
static bool give(struct core *c, uint16_t group)
{
	struct group_intent *row = &c->intents[group];
	uint8_t owner = place_choose(c, group);

	if (owner == NODE_NONE) {
		if (c->groups[group].no_target_attempt != row->attempt)
			group_say(c, EVENT_GROUP_NO_TARGET, group, NODE_NONE)->arg[0] =
				failed_mask(c, group);
		c->groups[group].no_target_attempt = row->attempt;
		return false;
	}
	c->groups[group].no_target_attempt = 0;
	write_owner(c, group, owner, row->cause == CAUSE_NONE ? (uint8_t)CAUSE_START : row->cause);
	say_placed(c, group);
	return true;
}

/*
 * Rule G6: failures of long ago no longer count, once the group has been online elsewhere for a
 * while; until then a group that fails everywhere would wander for ever.
 */
static bool expire_failures(struct core *c, uint16_t group, node_mask active)
{
	struct group_intent *row = &c->intents[group];
	const struct group_actual *a;
	ha_time since, at;

	if (row->owner == NODE_NONE || active != node_bit(row->owner) ||
	    !c->cfg.failure_expiry_us || !failed_mask(c, group))
		return false;
	a = place_actual(c, group, row->owner);
	if (a->state != GROUP_ONLINE)
		return false;
	/* `since` is on the owner's clock: how long ago, then on ours */
	since = is_self(c, row->owner) ? c->now : c->peers[row->owner].head.stamp;
	at = is_self(c, row->owner) ? c->now : c->peers[row->owner].head_received;
	at = ha_time_add(at, c->cfg.failure_expiry_us);
	at.us -= ha_time_since(since, a->since) < at.us ? ha_time_since(since, a->since) : at.us;
	if (!ha_time_reached(at, c->now)) {
		c->place_deadline = ha_time_min(c->place_deadline, at);
		return false;
	}
	row->version = intent_next_version(c);
	row->attempt = next_attempt(row->attempt);
	return true;
}

/* Rule Q4: an absent node that told that the group did not stop there; only its lease is over. */
static uint8_t stuck_on(const struct core *c, uint16_t group)
{
	unsigned int a;
	ha_time at;

	node_mask_for_each (a, core_all(c) & ~c->installed.members) {
		if (c->peers[a].groups[group].state == GROUP_STOP_FAILED &&
		    place_proof(c, a, &at) == PROOF_LEASE)
			return (uint8_t)a;
	}
	return NODE_NONE;
}

/* One pass over all groups. `all_told`: rule N3 holds at this moment. */
static bool place_groups(struct core *c, bool all_told)
{
	uint8_t blocker = NODE_NONE;
	bool proven = absent_proven(c, &blocker), changed = false;

	for (uint16_t g = 0; g < c->cfg.n_groups; g++) {
		const struct group_intent *row = &c->intents[g];
		struct survey s = survey(c, g);

		say_conflict(c, g, s.active);
		c->groups[g].blocked_by = proven ? stuck_on(c, g) : blocker;
		if (take_away(c, g) || expire_failures(c, g, s.active))
			changed = true;
		else if (row->wanted == WANTED_ONLINE && row->owner == NODE_NONE && proven &&
			 c->groups[g].blocked_by == NODE_NONE && all_told && !s.not_offline &&
			 give(c, g))
			changed = true;
	}
	return changed;
}

void place_step(struct core *c)
{
	if (!c->place_dirty && !ha_time_reached(c->place_deadline, c->now))
		return;
	c->place_dirty = false;
	c->place_deadline = HA_TIME_NEVER;
	if (!is_coordinator(c) || !core_settled(c, c->self)) {
		c->reaffirmed = c->reaffirmed && is_coordinator(c);
		return;
	}
	bool all_told = synced(c);
	c->unfit = unfit(c);
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
