/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The invariants, as every test, model and simulation of Holdfast means them:
 *
 * I1 No double owner. At no instant of true time do two nodes answer for one group, whether they
 *    are frozen, paused, cut off, slow or have a wrong clock. An address is answered while it is
 *    set on a node that has power and whose kernel sees a valid lease. A process answers from the
 *    order to start it to the end of a stop that went well. (README.md: what is excused.)
 * I2 No lost service. When faults stop and a quorum can talk, every group that is wanted runs
 *    exactly once within a bound that follows from the timing, and stays so.
 * I3 No needless kill. A node that is healthy, connected and in the installed view keeps its
 *    lease, its groups and its place in the view, whatever happens to others.
 * I4 Epochs, incarnations and intent versions never go back, not across restarts either: not in
 *    what a node tells, not in what it installs, not on its disk. One epoch is one view (V5),
 *    one version of a row is one content (N2).
 * I5 A command that was answered "accepted" is never forgotten: a later row of its object comes
 *    from it or from a later command.
 * I6 Every automatic action leaves an event in the step that decided it.
 *
 * Besides them: "bound" (work, actions, sendings stay within limits), "N4" (commands are answered
 * once, in time), "P" (one state write at a time), "G7" (start order), "G11" (exclusions).
 *
 * This file checks I1, I3 and I6; told.c checks I4 and I5; recovery.c checks I2.
 */
#include "tests/sim/world.h"

/* ---- I1 ---- */

static node_mask group_runs(const struct world *w, unsigned int group, unsigned int *first)
{
	const struct core_config *c = &w->s->config;
	node_mask mask = 0;

	for (; *first < c->n_resources && c->resources[*first].group == group; ++*first)
		mask |= w->inv.running[*first];
	return mask;
}

static node_mask group_answers(const struct world *w, unsigned int first, unsigned int end)
{
	node_mask mask = 0;
	unsigned int n;

	for (unsigned int r = first; r < end; r++) {
		node_mask_for_each (n, w->inv.running[r])
			if (service_answers(w, &w->node[n], r))
				mask |= node_bit(n);
	}
	return mask;
}

/* Two groups of an absolute rule on one node, at any instant (rule G11). */
static void check_exclusions(struct world *w, const node_mask runs[GROUPS_MAX])
{
	const struct core_config *c = &w->s->config;

	for (unsigned int i = 0; i < c->n_exclusions; i++) {
		const struct core_exclusion_config *rule = &c->exclusions[i];
		node_mask all = 0;

		for (unsigned int g = 0; rule->absolute && g < c->n_groups; g++) {
			if (!(rule->groups[g / 8] & 1U << g % 8))
				continue;
			if (all & runs[g])
				world_violate(w, "G11", "g%u and another run on %#x", g,
					      all & runs[g]);
			all |= runs[g];
		}
	}
}

void invariant_owners(struct world *w)
{
	node_mask runs[GROUPS_MAX] = {0};
	unsigned int r = 0;

	for (unsigned int g = 0; g < w->s->config.n_groups; g++) {
		unsigned int first = r;
		node_mask mask = group_runs(w, g, &r);

		runs[g] = mask;
		if (node_mask_count(mask) < 2)
			continue;
		w->counts.overlaps++;
		mask = group_answers(w, first, r);
		if (node_mask_count(mask) > 1)
			world_violate(w, "I1", "g%u is answered by nodes %#x", g, mask);
	}
	check_exclusions(w, runs);
}

/* ---- I3 ---- */

static void end_calm(struct world *w)
{
	if (w->calm)
		trace(w, -1, "calm ends");
	w->calm = false;
}

void invariant_disturb(struct world *w, int change)
{
	w->inv.disturbing = (unsigned int)((int)w->inv.disturbing + change);
	w->inv.undisturbed_at = w->now;
	if (change > 0)
		end_calm(w);
}

static bool is_leaving(const struct world *w, const struct node *n)
{
	struct core_self_info self;

	core_self_info(n->core, (ha_time){node_local(n, w->now)}, &self);
	return n->leave_asked || self.mode != NODE_MODE_ONLINE || node_mask_has(w->lost, n->id);
}

/* One node may go without harm to the others, if they are a quorum and all is well. */
void invariant_departs(struct world *w, const struct node *n)
{
	uint32_t total = 0, left = 0;

	for (unsigned int i = 0; i < w->n_nodes; i++) {
		const struct node *other = &w->node[i];
		uint32_t votes = w->s->config.nodes[i].votes;

		total += votes;
		if (other != n && other->core && !node_stalled(other) && !is_leaving(w, other))
			left += votes;
	}
	/* rule L9: a half that was with the others keeps what it has */
	if (w->now < w->changing_until || left * 2 < total ||
	    (left * 2 == total && !w->s->config.fence_tie))
		end_calm(w);
	w->changing_until = w->now + recovery_change(w);
}

static void check_calm_event(struct world *w, const struct node *n, const struct event *e)
{
	if (e->id != EVENT_LEASE_EXPIRED && e->id != EVENT_LEASE_REFUSED &&
	    e->id != EVENT_NODE_SILENT)
		return;
	if (e->id == EVENT_NODE_SILENT && (w->now < w->changing_until || !w->node[e->node].core))
		return;
	if (!is_leaving(w, n))
		world_violate(w, "I3", "n%u: event %u though nothing is wrong", n->id, e->id);
}

/* ---- I6 ---- */

static bool has_event(const struct core_actions *actions, uint16_t id, unsigned int resource)
{
	for (size_t i = 0; i < actions->n; i++) {
		const struct event *e = &actions->action[i].event;

		if (actions->action[i].type == CORE_ACTION_EVENT && e->id == id &&
		    (resource == UINT16_MAX || e->resource == resource))
			return true;
	}
	return false;
}

static void count_event(struct world *w, const struct event *e)
{
	w->counts.failovers += e->id == EVENT_GROUP_PLACED && e->arg[0] == CAUSE_FAILOVER;
	w->counts.views += e->id == EVENT_VIEW_INSTALLED && e->node == e->origin;
	w->counts.refusals += e->id == EVENT_LEASE_REFUSED;
	w->counts.conflicts += e->id == EVENT_GROUP_CONFLICT;
	w->counts.quarantines += e->id == EVENT_NODE_QUARANTINED;
	w->counts.stalls += e->id == EVENT_NODE_STALLED;
}

static void check_operation(struct world *w, const struct node *n, const struct core_action *a)
{
	bool start = a->type == CORE_ACTION_RESOURCE_START;
	unsigned int r = a->resource.resource;

	if (!has_event(w->decided, start ? EVENT_RESOURCE_STARTING : EVENT_RESOURCE_STOPPING, r))
		world_violate(w, "I6", "n%u %s %s without an event", n->id,
			      start ? "starts" : "stops", w->s->config.resources[r].name);
	if (w->calm && a->resource.urgent && !is_leaving(w, n))
		world_violate(w, "I3", "n%u gives up %s though nothing is wrong", n->id,
			      w->s->config.resources[r].name);
}

void invariant_actions(struct world *w, struct node *n)
{
	for (size_t i = 0; i < w->decided->n; i++) {
		const struct core_action *a = &w->decided->action[i];

		if (a->type == CORE_ACTION_RESOURCE_START || a->type == CORE_ACTION_RESOURCE_STOP)
			check_operation(w, n, a);
		if (a->type == CORE_ACTION_FENCE)
			fence_ordered(w, n, a);
		if (a->type != CORE_ACTION_EVENT)
			continue;
		count_event(w, &a->event);
		if (a->event.id == EVENT_FINAL_ACTION &&
		    (a->event.arg[0] == FINAL_STOP_SERVICE || a->event.arg[0] == FINAL_REBOOT))
			invariant_departs(w, n);
		operate_event(w, n, &a->event);
		told_event(w, n, &a->event);
		if (a->event.id == EVENT_GROUP_PLACED)
			fence_placed(w, n, &a->event);
		if (w->calm)
			check_calm_event(w, n, &a->event);
	}
}

/* ---- after each step ---- */

static void check_view(struct world *w, struct node *n, const struct view *v)
{
	const struct core_config *c = &w->s->config;
	uint32_t total = 0, votes = 0;
	node_mask gone = n->view.members & ~v->members;
	unsigned int m;

	for (unsigned int i = 0; i < c->n_nodes; i++) {
		total += c->nodes[i].votes;
		votes += node_mask_has(v->members, i) ? c->nodes[i].votes : 0;
	}
	fence_installed(w, n, v);
	if (votes * 2 < total)
		world_violate(w, "I1", "n%u installs view %llu of %#x, which is no quorum", n->id,
			      (unsigned long long)v->epoch, v->members);
	if (!has_event(w->decided, EVENT_VIEW_INSTALLED, UINT16_MAX))
		world_violate(w, "I6", "n%u installs a view without an event", n->id);
	told_view(w, n, v);
	if (!w->calm || !n->view.epoch)
		return;
	node_mask_for_each (m, gone) {
		const struct node *other = &w->node[m];

		if (other->core && !is_leaving(w, other) &&
		    w->now > other->booted_at + recovery_change(w))
			world_violate(w, "I3", "n%u is removed from the view though it is well",
				      other->id);
	}
}

void invariant_step(struct world *w, struct node *n)
{
	struct core_self_info self;

	core_self_info(n->core, (ha_time){node_local(n, w->now)}, &self);
	if (self.view.epoch == n->view.epoch && self.view.members == n->view.members)
		return;
	if (self.view.epoch)
		check_view(w, n, &self.view);
	n->view = self.view;
}

void invariant_restarted(struct world *w, const struct node *n)
{
	(void)n;
	if (w->changing_until < w->now + recovery_change(w))
		w->changing_until = w->now + recovery_change(w);
}
