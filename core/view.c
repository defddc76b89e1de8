/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Views (rules V1 to V6). No message is ever awaited: each step looks at the newest vectors.
 *
 *   clique changes -> wanted = clique -> all of it want the same -> (lowest id) propose
 *        -> accept -> all accepted -> install          lease ended -> void, from the start
 */
#include "core/internal.h"

#include <string.h>

/* Rule C3: until then a member may have other objects than we: one of us is about to follow. */
static ha_time objects_until(const struct core *c, unsigned int n)
{
	return ha_time_add(c->peers[n].objects_differ_since, c->cfg.request_timeout_us);
}

static bool applying(const struct core *c, unsigned int n)
{
	return node_mask_has(c->installed.members, n) &&
	       !ha_time_reached(objects_until(c, n), c->now);
}

static bool candidate(const struct core *c, unsigned int n, node_mask quarantined)
{
	const struct peer *p = &c->peers[n];

	return p->heard && !p->mismatch && p->head.mode != NODE_MODE_STOPPED &&
	       !node_mask_has(quarantined, n) &&
	       (!p->objects_differ || node_mask_has(c->installed.members, n));
}

/*
 * Those that are still not the same after that time; but to keep one is better than to have no
 * quorum.
 */
static node_mask without_others(const struct core *c, node_mask candidates)
{
	node_mask others = 0;
	unsigned int n;

	node_mask_for_each (n, candidates & ~node_bit(c->self)) {
		if (c->peers[n].objects_differ && !applying(c, n))
			others |= node_bit(n);
	}
	return core_quorate(c, candidates & ~others) ? candidates & ~others : candidates;
}

/* Whom node `n` of the candidates hears, by its newest vector, in the incarnation we know. */
static node_mask hears(const struct core *c, unsigned int n, node_mask candidates)
{
	const struct vector_head *h = &c->peers[n].head;
	node_mask mask = 0;
	unsigned int m;

	node_mask_for_each (m, candidates) {
		uint64_t known = is_self(c, m) ? c->incarnation : c->peers[m].head.incarnation;

		if (m != n && h->peer[m].heard && h->peer[m].incarnation == known)
			mask |= node_bit(m);
	}
	return mask;
}

/* Members of the newest installed view that anybody tells: the common tie-break. */
static node_mask newest_members(const struct core *c)
{
	struct view newest = c->installed;

	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		const struct peer *p = &c->peers[n];

		if (p->heard && !p->mismatch && p->head.installed.epoch > newest.epoch)
			newest = p->head.installed;
	}
	return newest.members;
}

/* Those of `by` that are heard and hear. */
static node_mask mutual(const node_mask by[NODES_MAX], unsigned int n)
{
	node_mask mask = 0;
	unsigned int m;

	node_mask_for_each (m, by[n])
		mask |= node_mask_has(by[m], n) ? node_bit(m) : 0;
	return mask;
}

static node_mask clique(struct core *c)
{
	node_mask candidates = node_bit(c->self), quarantined = detect_quarantined(c);
	node_mask heard_by[NODES_MAX] = {0};
	struct clique_input in = {.preferred = newest_members(c)};
	unsigned int n;

	node_mask_for_each (n, core_all(c) & ~node_bit(c->self)) {
		if (candidate(c, n, quarantined))
			candidates |= node_bit(n);
	}
	candidates = without_others(c, candidates);
	in.candidates = candidates;
	heard_by[c->self] = candidates & ~node_bit(c->self);
	node_mask_for_each (n, candidates & ~node_bit(c->self))
		heard_by[n] = hears(c, n, candidates);
	node_mask_for_each (n, candidates)
		in.edges[n] = mutual(heard_by, n);
	/* a search can take long for 32 nodes: only when something changed */
	if (memcmp(&in, &c->clique_in, sizeof in) != 0) {
		c->clique_in = in;
		c->clique = clique_best(&in, c->self, c->votes);
	}
	return c->clique;
}

static void update_wanted(struct core *c)
{
	bool out = c->mode == NODE_MODE_STOPPED || !c->ready;
	node_mask wanted = out ? 0 : clique(c);

	if (wanted == c->wanted)
		return;
	c->wanted = wanted;
	c->wanted_since = c->now;
	c->again = true;
}

static void say_view(struct core *c, enum event_id id, const struct view *v, node_mask former)
{
	struct event *e = core_say(c, id, v->coordinator);

	e->epoch = v->epoch;
	e->arg[0] = v->members;
	e->arg[1] = former;
}

/* Rule V4, second half: never beyond what is on disk. */
static bool epoch_is_reserved(struct core *c, uint64_t epoch)
{
	if (epoch <= c->reserve)
		return true;
	if (c->reserve_in_flight < epoch)
		c->persist_wanted = true;
	return false;
}

static void accept(struct core *c, const struct view *v)
{
	unsigned int n;

	c->promised = v->epoch;
	c->accepted = *v;
	if (v->epoch > c->epoch_seen)
		c->epoch_seen = v->epoch;
	node_mask_for_each (n, core_all(c) & ~v->members)
		c->peers[n].excluded = v->epoch; /* rule L8 */
	waive_end(c, v->members);
	node_mask_for_each (n, v->members)
		c->peers[n].member_incarnation =
			is_self(c, n) ? c->incarnation : c->peers[n].head.incarnation;
	c->again = c->place_dirty = c->groups_dirty = true;
}

static bool all_want(const struct core *c, node_mask m)
{
	unsigned int n;

	node_mask_for_each (n, m) {
		if (!is_self(c, n) && c->peers[n].head.wanted != m)
			return false;
	}
	return c->wanted == m;
}

bool view_agreed(const struct core *c)
{
	return all_want(c, c->wanted);
}

/* The view `v` of ours has been accepted by all of its members, in the incarnations we meant. */
static bool all_accepted(const struct core *c, const struct view *v)
{
	unsigned int n;

	node_mask_for_each (n, v->members) {
		const struct peer *p = &c->peers[n];

		if (!is_self(c, n) && (!view_equal(&p->head.accepted, v) ||
				       p->head.incarnation != p->member_incarnation))
			return false;
	}
	return true;
}

/* A proposal of ours that can still succeed. */
static bool proposal_open(const struct core *c)
{
	unsigned int n;

	if (!c->accepted.members || c->accepted.coordinator != c->self ||
	    c->accepted.members != c->wanted || c->accepted.epoch != c->promised)
		return false;
	node_mask_for_each (n, c->accepted.members) {
		const struct peer *p = &c->peers[n];

		if (is_self(c, n))
			continue;
		if (p->head.incarnation != p->member_incarnation)
			return false;
		if (p->head.promised >= c->accepted.epoch &&
		    !view_equal(&p->head.accepted, &c->accepted))
			return false; /* it promised something else, or its lease has lapsed */
	}
	return true;
}

/* Rule V3: adds nobody, so it need not wait. */
static bool only_removes(const struct core *c, node_mask m)
{
	unsigned int n;

	if (!c->installed.epoch || (m & ~c->installed.members))
		return false;
	node_mask_for_each (n, m) {
		const struct peer *p = &c->peers[n];

		if (!is_self(c, n) &&
		    (p->head.incarnation != p->member_incarnation || !p->head.installed.epoch))
			return false;
	}
	return true;
}

static bool may_propose(const struct core *c)
{
	node_mask m = c->wanted;

	return m && node_mask_first(m) == c->self && core_quorate(c, m) && all_want(c, m) &&
	       !proposal_open(c);
}

static ha_time stable_at(const struct core *c)
{
	return only_removes(c, c->wanted) ? HA_TIME_ZERO
					  : ha_time_add(c->wanted_since, c->cfg.timeout_us);
}

static void propose(struct core *c)
{
	struct view v = {.epoch = c->epoch_seen + 1, .members = c->wanted, .coordinator = c->self};

	if (!may_propose(c) || !ha_time_reached(stable_at(c), c->now) ||
	    !epoch_is_reserved(c, v.epoch))
		return;
	say_view(c, EVENT_VIEW_PROPOSED, &v, c->installed.members);
	accept(c, &v);
}

/* Rule V4. */
static void follow(struct core *c)
{
	unsigned int lowest = c->wanted ? node_mask_first(c->wanted) : c->self;
	const struct view *v = &c->peers[lowest].head.accepted;

	if (lowest == c->self || !c->peers[lowest].heard || v->coordinator != lowest ||
	    v->members != c->wanted || v->epoch <= c->promised || !epoch_is_reserved(c, v->epoch))
		return;
	accept(c, v);
	say_view(c, EVENT_VIEW_ACCEPTED, v, c->installed.members);
}

static void install(struct core *c)
{
	struct view former = c->installed;
	unsigned int k = c->accepted.coordinator;

	if (!c->accepted.members || view_equal(&c->accepted, &c->installed))
		return;
	if (is_self(c, k) ? !all_accepted(c, &c->accepted)
			  : !view_equal(&c->peers[k].head.installed, &c->accepted))
		return; /* rule V5 */
	c->installed = c->accepted;
	c->installed_at = c->now;
	c->fence_needed = 0;
	c->counter = 0;
	c->reaffirmed = false;
	c->proof_said = c->wait_said = 0;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		c->answers[n] = (struct answer){.id.node = NODE_NONE};
	c->again = c->place_dirty = c->groups_dirty = true;
	say_view(c, EVENT_VIEW_INSTALLED, &c->installed, former.members);
	detect_departed(c, former.members & ~c->installed.members);
}

/* Rule V6. The promise stays. */
void view_void(struct core *c)
{
	if (c->installed.epoch)
		core_say(c, EVENT_VIEW_LOST, NODE_NONE)->arg[0] = c->installed.members;
	c->installed = (struct view){.coordinator = NODE_NONE};
	c->accepted.members = 0;
	c->reaffirmed = false;
	c->place_dirty = true;
}

void view_step(struct core *c)
{
	update_wanted(c);
	waive_step(c);
	if (c->wanted) {
		propose(c);
		follow(c);
	}
	install(c);
}

ha_time view_deadline(const struct core *c)
{
	ha_time t = HA_TIME_NEVER, at;

	unsigned int n;

	node_mask_for_each (n, c->installed.members & ~node_bit(c->self)) {
		if (c->peers[n].objects_differ && applying(c, n))
			t = ha_time_min(t, objects_until(c, n));
	}
	if (!c->ready || !may_propose(c))
		return t;
	at = stable_at(c);
	return ha_time_reached(at, c->now) ? t : ha_time_min(t, at); /* past: waits for the disk */
}
