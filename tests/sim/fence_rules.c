/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What holds of fencing, by what is really so:
 *
 * Q   With takeover = fence no group is placed while a node outside the view is in a life that
 *     installed a view, and of which nobody was told that it was switched off or left.
 * X3  Nobody is ordered off who was heard within the timeout, and an order ends when its target is
 *     heard. A member of the installed view is ordered off in a tie only.
 * X4  In a tie only by a node that was in an installed view with it in this life.
 * X5  Two nodes of one view, neither of which is disturbed, do not both work on one target.
 * X9  A view of half of the votes is installed only while all others are in no life that held one.
 * X10 Two healthy halves are cut off from each other, with devices quicker than the priority
 *     delay: exactly one survives.
 */
#include "tests/sim/world.h"

#include <string.h>

static void self_info(const struct world *w, const struct node *n, struct core_self_info *ret)
{
	core_self_info(n->core, (ha_time){node_local(n, w->now)}, ret);
}

static uint32_t votes_of(const struct world *w, node_mask mask, uint32_t *ret_total)
{
	uint32_t votes = 0;

	*ret_total = 0;
	for (unsigned int i = 0; i < w->n_nodes; i++) {
		*ret_total += w->s->config.nodes[i].votes;
		votes += node_mask_has(mask, i) ? w->s->config.nodes[i].votes : 0;
	}
	return votes;
}

static bool is_half(const struct world *w, node_mask mask)
{
	uint32_t total, votes = votes_of(w, mask, &total);

	return votes * 2 == total;
}

/* An agent that was told to start again has a new life, and forgets. */
static struct sim_fencer *fencer_of(struct node *n, uint64_t incarnation)
{
	struct sim_fencer *f = &n->fencer;

	if (f->incarnation != incarnation) {
		f->incarnation = incarnation;
		f->with = 0;
	}
	return f;
}

void fence_over(struct world *w, unsigned int node, uint64_t incarnation)
{
	if (incarnation > w->fencing.over[node])
		w->fencing.over[node] = incarnation;
}

/* What counts as heard (D1, D2, D4), before the core takes it in. */
void fence_hear(struct world *w, struct node *n, const struct vector_head *head)
{
	struct core_self_info self;

	self_info(w, n, &self);
	if (head->peer[n->id].incarnation == self.incarnation &&
	    head->incarnation == n->heard_incarnation[head->node] &&
	    head->sequence == n->heard_sequence[head->node] && head->mode != NODE_MODE_STOPPED)
		n->fencer.heard_at[head->node] = node_local(n, w->now);
}

void fence_booted(struct node *n)
{
	struct sim_fencer fresh = {0};

	memcpy(fresh.cut, n->fencer.cut, sizeof(fresh.cut));
	n->fencer = fresh;
}

/* Rule X11: what the other half had accepted without us is lost, and known to be (I5). */
void fence_person_says(struct world *w, struct node *n, uint8_t target)
{
	struct core_self_info self;

	self_info(w, n, &self);
	fence_over(w, target, w->inv.told[target].incarnation);
	if (node_mask_has(fencer_of(n, self.incarnation)->with, target))
		return;
	for (unsigned int g = 0; g < GROUPS_MAX; g++)
		w->inv.floor_group[g].valid = false;
	for (unsigned int i = 0; i < NODES_MAX; i++)
		w->inv.floor_node[i].valid = false;
	w->inv.floor_cluster.valid = false;
}

void fence_confirmed(struct world *w, struct node *n, uint8_t target)
{
	struct core_self_info self;

	self_info(w, n, &self);
	fencer_of(n, self.incarnation)->with |= node_bit(target);
	w->counts.confirms++;
}

/* ---- orders ---- */

static bool hears(const struct world *w, const struct node *n, uint8_t of)
{
	uint64_t at = n->fencer.heard_at[of], now = node_local(n, w->now);

	return at && now < at + n->config.timeout_us - 2 * n->config.interval_us;
}

static bool is_quiet(const struct world *w, const struct node *n)
{
	return !w->s->loss_permille && !w->net.loss_permille && !w->net.delay_us &&
	       !node_stalled(n) &&
	       node_local(n, w->now) > n->stalled_local + 4 * n->config.timeout_us;
}

static void check_executors(struct world *w, const struct node *n, uint8_t target, uint64_t epoch)
{
	uint64_t t = w->s->config.timeout_us;

	for (unsigned int i = 0; i < FENCE_SLOTS; i++) {
		const struct fence_order_slot *o = &w->fencing.slot[i];
		const struct node *other = &w->node[o->by];

		if (!o->used || o->ended || o->cancelled || o->order != FENCE_ORDER_OFF ||
		    o->target != target || o->by == n->id || o->epoch != epoch ||
		    w->now < o->given_at + t)
			continue;
		if (other->core && other->view.epoch == epoch && is_quiet(w, n) &&
		    is_quiet(w, other) && hears(w, n, o->by) && hears(w, other, n->id))
			world_violate(w, "X5", "n%u and n%u switch n%u off in view %llu", n->id,
				      o->by, target, (unsigned long long)epoch);
	}
}

static bool started_said(const struct world *w, uint8_t target)
{
	for (size_t i = 0; i < w->decided->n; i++) {
		const struct core_action *a = &w->decided->action[i];

		if (a->type == CORE_ACTION_EVENT && a->event.id == EVENT_FENCE_STARTED &&
		    a->event.node == target)
			return true;
	}
	return false;
}

void fence_ordered(struct world *w, struct node *n, const struct core_action *a)
{
	uint8_t target = a->fence.target;
	struct core_self_info self;
	bool member, tie;

	if (a->fence.order != FENCE_ORDER_OFF || target >= w->n_nodes)
		return;
	self_info(w, n, &self);
	member = self.view.epoch && node_mask_has(self.view.members, target);
	tie = member || !self.view.epoch || is_half(w, self.view.members);
	if (!started_said(w, target))
		world_violate(w, "I6", "n%u orders n%u off without an event", n->id, target);
	if (tie && !w->s->config.fence_tie)
		world_violate(w, "X3", "n%u orders n%u off, view %llu of %#x", n->id, target,
			      (unsigned long long)self.view.epoch, self.view.members);
	if (hears(w, n, target))
		world_violate(w, "X3", "n%u orders n%u off, which it hears", n->id, target);
	if (tie && !node_mask_has(fencer_of(n, self.incarnation)->with, target))
		world_violate(w, "X4", "n%u orders n%u off, with which it never was in a view",
			      n->id, target);
	check_executors(w, n, target, self.view.epoch);
}

static bool is_cancelled(const struct world *w, uint32_t operation)
{
	for (size_t i = 0; i < w->decided->n; i++) {
		const struct core_action *a = &w->decided->action[i];

		if (a->type == CORE_ACTION_FENCE_CANCEL && a->fence.operation == operation)
			return true;
	}
	return false;
}

/* Rule X3: whose target is heard is ended in the step that hears it. */
void fence_stepped(struct world *w, struct node *n)
{
	for (unsigned int i = 0; w->fencing.number && i < FENCE_SLOTS; i++) {
		const struct fence_order_slot *o = &w->fencing.slot[i];

		if (!o->used || o->ended || o->cancelled || o->by != n->id ||
		    o->order != FENCE_ORDER_OFF || o->run != n->run)
			continue;
		if (hears(w, n, o->target) &&
		    n->fencer.heard_at[o->target] > node_local(n, o->given_at) &&
		    !is_cancelled(w, o->operation))
			world_violate(w, "X3", "n%u goes on with n%u, which it hears", n->id,
				      o->target);
	}
}

/* ---- views and placements ---- */

/* Rule X9: two halves never have authority at the same time. */
static void check_half(struct world *w, const struct node *n, const struct view *v)
{
	w->counts.halves++;
	if (!w->s->config.fence_tie)
		world_violate(w, "X9", "n%u installs view %llu of half of the votes", n->id,
			      (unsigned long long)v->epoch);
	for (unsigned int i = 0; i < w->n_nodes; i++) {
		const struct node *other = &w->node[i];
		struct core_self_info info;

		if (node_mask_has(v->members, i) || !other->core || !w->s->config.nodes[i].votes)
			continue;
		self_info(w, other, &info);
		if (info.mode != NODE_MODE_STOPPED && info.incarnation == w->fencing.held[i] &&
		    info.incarnation > w->fencing.over[i])
			world_violate(w, "X9", "n%u installs view %llu of %#x, but n%u lives on",
				      n->id, (unsigned long long)v->epoch, v->members, i);
		else if (info.incarnation == w->fencing.held[i] && info.lease_valid)
			world_violate(w, "X9", "n%u installs view %llu of %#x, n%u has a lease",
				      n->id, (unsigned long long)v->epoch, v->members, i);
	}
}

void fence_installed(struct world *w, struct node *n, const struct view *v)
{
	struct core_self_info self;

	self_info(w, n, &self);
	fencer_of(n, self.incarnation)->with |= v->members & ~node_bit(n->id);
	w->fencing.held[n->id] = self.incarnation;
	if (is_half(w, v->members))
		check_half(w, n, v);
}

void fence_placed(struct world *w, const struct node *n, const struct event *e)
{
	struct core_self_info self;

	if (w->s->config.takeover != TAKEOVER_FENCE || e->node >= w->n_nodes)
		return;
	self_info(w, n, &self);
	if (self.view.epoch != e->epoch) /* it was lost in the same step */
		self.view = n->view;
	for (unsigned int i = 0; i < w->n_nodes; i++)
		if (!node_mask_has(self.view.members, i) && w->s->config.nodes[i].hosts &&
		    w->fencing.held[i] > w->fencing.over[i])
			world_violate(w, "Q", "n%u gives g%u to n%u, though n%u may hold it", n->id,
				      e->group, e->node, i);
}

/* ---- X10 ---- */

static uint64_t latency(const struct schedule *s, unsigned int target)
{
	uint64_t most = 0;

	for (unsigned int d = 0; d < s->level[target][0].n_devices; d++) {
		const struct sim_device *device = &s->level[target][0].device[d];
		uint64_t us = (uint64_t)device->acts_us * 3 / 2 + device->reads_us * 3 / 2;

		if (device->kind != DEVICE_OK)
			return NEVER;
		most = us > most ? us : most;
	}
	return most;
}

static uint64_t duel_margin(const struct schedule *s)
{
	return 3 * s->config.interval_us + 4 * (s->delay_us + s->delay_jitter_us) +
	       4 * s->step_jitter_us + s->config.fence_priority_us / 100;
}

static bool any_wanted(const struct world *w)
{
	uint8_t id = world_coordinator(w);
	struct core_group_info info;

	for (uint16_t g = 0; id < w->n_nodes && w->node[id].core && g < w->s->config.n_groups;
	     g++) {
		core_group_info(w->node[id].core, g, (ha_time){node_local(&w->node[id], w->now)},
				&info);
		if (info.intent.wanted == WANTED_ONLINE && info.state == GROUP_ONLINE)
			return true;
	}
	return false;
}

static bool is_fair(const struct world *w, const struct fault *f)
{
	const struct schedule *s = w->s;

	if (!s->fencing || !s->config.fence_tie || !w->calm || f->type != FAULT_PARTITION ||
	    f->link != LINKS_MAX || !is_half(w, f->mask) || !any_wanted(w) || s->loss_permille ||
	    w->now < w->changing_until)
		return false;
	for (unsigned int i = 0; i < w->n_nodes; i++) {
		uint64_t us = latency(s, i);

		if (!w->node[i].core || s->config.nodes[i].fence_delay_us || us == NEVER ||
		    us + duel_margin(s) >= s->config.fence_priority_us || !s->config.nodes[i].votes)
			return false;
		for (unsigned int k = 0; k < w->n_nodes; k++)
			if (w->node[i].fencer.cut[k])
				return false;
	}
	for (uint32_t i = 0; i < s->n_faults; i++)
		if (w->active[i].holds && &w->active[i].fault != f)
			return false;
	return true;
}

/* Whatever else begins meanwhile may turn it. */
void fence_duel_begin(struct world *w, const struct fault *f)
{
	w->fencing.duel_clean = !w->fencing.duel && is_fair(w, f);
	if (!w->fencing.duel_clean)
		return;
	w->fencing.duel = true;
	w->fencing.duel_at = w->now;
	w->fencing.duel_killed = 0;
	w->fencing.duel_half = f->mask;
	trace(w, -1, "duel    of %#x and the others", f->mask);
}

static uint64_t duel_length(const struct schedule *s)
{
	uint64_t longest = 0;

	for (unsigned int i = 0; i < s->config.n_nodes; i++)
		longest = latency(s, i) > longest ? latency(s, i) : longest;
	return 4 * s->config.timeout_us + s->config.fence_priority_us + longest +
	       2 * s->config.stall_timeout_us;
}

void fence_duel_end(struct world *w)
{
	struct fencing *f = &w->fencing;

	if (f->duel && f->duel_clean && w->now > f->duel_at + duel_length(w->s)) {
		w->counts.duels++;
		if (!f->duel_killed)
			world_violate(w, "X10", "two halves, and both live on");
	}
	f->duel = false;
}

void fence_killed(struct world *w, const struct node *victim)
{
	struct fencing *f = &w->fencing;

	if (f->duel && f->duel_clean) {
		f->duel_killed |= node_bit(victim->id);
		if ((f->duel_killed & f->duel_half) && (f->duel_killed & ~f->duel_half))
			world_violate(w, "X10", "both halves are switched off: %#x",
				      f->duel_killed);
	}
	if (!w->repairing)
		return;
	/* an order from before; it may last as long as it lasts, but not for ever */
	if (++f->kills > 4U * w->n_nodes)
		world_violate(w, "I2", "n%u is switched off again and again", victim->id);
	w->repair_at = w->now;
	w->done_since = NEVER;
	w->recovered = false;
	w->ends_at = NEVER;
}
