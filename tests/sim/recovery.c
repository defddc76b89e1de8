/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/world.h"

/*
 * I2: once faults have stopped, the cluster is whole again within a bound that follows from its
 * timing. Where only a person can help (a resource that cannot be stopped, a group that failed
 * everywhere, a node stopped by command) that person acts here, a bounded number of times, and
 * the bound counts from his last action.
 */

static ha_time local(const struct world *w, const struct node *n)
{
	return (ha_time){node_local(n, w->now)};
}

/* Nodes that others keep out, rightly or wrongly. */
static node_mask quarantined(const struct world *w)
{
	struct core_peer_info info;
	node_mask mask = 0;

	for (uint8_t i = 0; i < w->n_nodes; i++) {
		const struct node *n = &w->node[i];

		for (uint8_t p = 0; n->core && p < w->n_nodes; p++) {
			if (p == i || node_mask_has(w->lost, i))
				continue;
			core_peer_info(n->core, p, local(w, n), &info);
			mask |= info.quarantine_us ? node_bit(p) : 0;
		}
	}
	return mask;
}

struct survey {
	node_mask here; /* agents that run */
	node_mask in;	/* those that should be in the view */
	struct view view;
	const struct node *coordinator;
};

static bool same_view(struct world *w, struct survey *s, char *why, size_t size)
{
	for (uint8_t i = 0; i < w->n_nodes; i++) {
		const struct node *n = &w->node[i];
		struct core_self_info self;

		if (!node_mask_has(s->here, i))
			continue;
		core_self_info(n->core, local(w, n), &self);
		if (self.mode != NODE_MODE_ONLINE) {
			(void)snprintf(why, size, "n%u: mode %s", i,
				       node_mode_to_string(self.mode));
			return false;
		}
		if (!node_mask_has(s->in, i))
			continue;
		if (!s->view.epoch)
			s->view = self.view;
		if (self.view.epoch != s->view.epoch || !self.view.epoch || !self.lease_valid ||
		    (n->kernel.works && !kernel_leased(w, n)) || (s->in & ~self.view.members) ||
		    (self.view.members & ~s->here)) {
			(void)snprintf(why, size,
				       "n%u: view %llu of %#x, lease %d, in its kernel %d", i,
				       (unsigned long long)self.view.epoch, self.view.members,
				       self.lease_valid, kernel_leased(w, n));
			return false;
		}
	}
	if (!s->view.epoch || s->view.coordinator >= w->n_nodes) {
		(void)snprintf(why, size, "no view");
		return false;
	}
	s->coordinator = &w->node[s->view.coordinator];
	return true;
}

static bool placeable(const struct world *w, const struct survey *s, unsigned int group)
{
	const struct core_group_config *g = &w->s->config.groups[group];

	for (unsigned int i = 0; i < g->n_nodes; i++)
		if (node_mask_has(s->in, g->nodes[i]) && w->s->config.nodes[g->nodes[i]].hosts)
			return true;
	return false;
}

/* It is to run on its owner: not stopped singly (G12), not given up for a final action (G14). */
static bool is_due(const struct world *w, const struct core_group_info *info, unsigned int r)
{
	const struct core_config *c = &w->s->config;
	unsigned int bit = 0;

	while (bit < r && c->resources[r - bit - 1].group == c->resources[r].group)
		bit++;
	return !(info->intent.stopped[bit / 8] & 1U << bit % 8) &&
	       c->resources[r].start_final != FINAL_CONTINUE;
}

/* Wanted, and rightly not placed: a rule keeps it, or what it waits for does not run. */
static bool is_held(const struct core_group_info *info)
{
	return info->held == GROUP_HOLD_EXCLUDED || info->held == GROUP_HOLD_WAIT ||
	       info->held == GROUP_HOLD_WAIT_FAILED;
}

/* Only a command places it. */
static bool needs_command(const struct core_group_info *info)
{
	return info->failed || info->held == GROUP_HOLD_MANUAL || info->held == GROUP_HOLD_LIMIT;
}

static bool group_done(struct world *w, const struct survey *s, unsigned int group, char *why,
		       size_t size)
{
	const struct core_config *c = &w->s->config;
	struct core_group_info info;
	node_mask any = 0, due = 0;
	bool all = true;

	core_group_info(s->coordinator->core, (uint16_t)group, local(w, s->coordinator), &info);
	for (unsigned int r = 0; r < c->n_resources; r++) {
		if (c->resources[r].group != group)
			continue;
		any |= w->inv.running[r];
		for (unsigned int i = 0; i < w->n_nodes; i++)
			if (i == info.intent.owner && is_due(w, &info, r)) {
				due = node_bit(i);
				all = all && w->node[i].resource[r].online;
			}
	}
	any &= ~w->lost; /* what runs there answers no more: I1 looks at that */
	if (info.intent.wanted == WANTED_OFFLINE || !placeable(w, s, group) || is_held(&info) ||
	    (needs_command(&info) && !w->repairing)) {
		(void)snprintf(why, size, "g%u should be offline, runs on %#x", group, any);
		/* rule G14: what failed for good may stay as it is where it failed */
		return info.failed && info.intent.owner < w->n_nodes
			       ? (any & ~node_bit(info.intent.owner)) == 0
			       : any == 0;
	}
	(void)snprintf(why, size,
		       "g%u: owner %u, runs on %#x, all online %d, %s, blocked by %u%s, "
		       "held: %s",
		       group, info.intent.owner, any, all, group_state_to_string(info.state),
		       info.blocked_by, info.failed ? ", failed" : "",
		       group_hold_to_string(info.held));
	return info.intent.owner < w->n_nodes && (any & ~node_bit(info.intent.owner)) == 0 &&
	       (any & due) == due && all && info.state == GROUP_ONLINE;
}

/* Rule X2: a half that has nothing to do lets the other half alone, and installs nothing. */
static bool is_half(const struct world *w, node_mask mask)
{
	uint32_t total = 0, votes = 0;

	for (unsigned int i = 0; i < w->n_nodes; i++) {
		total += w->s->config.nodes[i].votes;
		votes += node_mask_has(mask, i) ? w->s->config.nodes[i].votes : 0;
	}
	return votes * 2 == total;
}

static bool rests_in_tie(const struct world *w)
{
	struct core_self_info self;
	struct core_group_info info;
	bool any = false;

	for (unsigned int i = 0; w->s->config.fence_tie && i < w->n_nodes; i++) {
		const struct node *n = &w->node[i];

		if (!n->core || node_mask_has(w->lost, i))
			continue;
		core_self_info(n->core, local(w, n), &self);
		if (!(self.tie || (!self.view.epoch && is_half(w, self.wanted))) ||
		    self.mode != NODE_MODE_ONLINE)
			return false;
		for (uint16_t g = 0; g < w->s->config.n_groups; g++) {
			core_group_info(n->core, g, local(w, n), &info);
			if (info.intent.wanted == WANTED_ONLINE)
				return false;
		}
		any = true;
	}
	return any;
}

bool recovery_done(struct world *w, char *why, size_t size)
{
	struct survey s = {.view.coordinator = NODE_NONE};
	node_mask out = quarantined(w);

	for (unsigned int i = 0; i < w->n_nodes; i++) {
		if (!w->node[i].core || node_mask_has(w->lost, i))
			continue;
		s.here |= node_bit(i);
		s.in |= node_mask_has(out, i) ? 0 : node_bit(i);
	}
	if (rests_in_tie(w))
		return true;
	if (!same_view(w, &s, why, size))
		return false;
	for (unsigned int g = 0; g < w->s->config.n_groups; g++)
		if (!group_done(w, &s, g, why, size))
			return false;
	return true;
}

/* ---- the bound ---- */

static uint64_t resource_bound(const struct schedule *s)
{
	const struct core_config *c = &s->config;
	uint64_t longest = 0;

	for (unsigned int g = 0; g < c->n_groups; g++) {
		uint64_t n = 0;

		for (unsigned int r = 0; r < c->n_resources; r++)
			n += c->resources[r].group == g;
		longest = n > longest ? n : longest;
	}
	return longest * (s->start_us + s->stop_us);
}

static bool drew(const struct schedule *s, enum fault_type type)
{
	for (size_t i = 0; i < s->n_faults; i++)
		if (s->faults[i].type == type && !s->faults[i].dropped)
			return true;
	return false;
}

/* Waits run out one after the other; groups make room, move back to where they belong. */
static uint64_t rules_bound(const struct schedule *s)
{
	const struct core_config *c = &s->config;
	uint64_t bound = 2 * c->timeout_us + 4 * resource_bound(s);

	for (unsigned int g = 0; g < c->n_groups; g++)
		bound += c->groups[g].start_wait_us + c->groups[g].stop_wait_us;
	return bound;
}

/*
 * From the end of faults: silence is noticed and the lease of whoever was lost runs out; boots
 * wait for peers; a quarantine that holds ends; three views at most (departures, returns, a
 * node that came late), each with a stable timeout and three exchanges; operations under way
 * end, resources stop and start once.
 */
static uint64_t bound_of(const struct world *w, bool fencing)
{
	const struct schedule *s = w->s;
	const struct core_config *c = &s->config;
	uint64_t exchange =
		2 * (s->delay_us + s->delay_jitter_us) + c->interval_us + 2 * s->disk_us;
	uint64_t bound = 4 * c->timeout_us + 9 * exchange + c->startup_wait_us;

	bound += s->lease_most_us + s->lease_most_us * c->drift_ppm / 1000000 + c->lease_margin_us;
	/* a row, a view or a command waits for an agent that was stalled when the faults ended */
	bound += s->kernels ? c->stall_timeout_us : 0;
	bound += 2 * resource_bound(s);
	for (size_t i = 0; i < s->n_faults; i++) {
		const struct fault *f = &s->faults[i];
		bool slow = f->type == FAULT_START_SLOW || f->type == FAULT_STOP_SLOW ||
			    f->type == FAULT_DISK_SLOW || f->type == FAULT_DELAY;

		bound += slow && !f->dropped ? f->value : 0;
	}
	if (drew(s, FAULT_DISK_FAIL))
		bound += USEC_PER_SEC;
	if (drew(s, FAULT_HANG) || drew(s, FAULT_START_SLOW) || drew(s, FAULT_STOP_SLOW))
		bound += c->resources[0].start_timeout_us + c->resources[0].stop_timeout_us;
	if (fencing)
		bound += fence_bound(s);
	if (s->rules)
		bound += rules_bound(s);
	bound += w->quarantine_seen ? c->quarantine_max_us : 0;
	if (s->operate) /* a ratio may have been in force; nodes come back one after the other */
		bound = RATIO_MOST * bound + c->request_timeout_us + 12 * c->timeout_us;
	return bound;
}

uint64_t recovery_bound(const struct world *w)
{
	return bound_of(w, w->s->fencing);
}

/* When a node came or went: until then views may change. */
uint64_t recovery_change(const struct world *w)
{
	return bound_of(w, false);
}

/* ---- what a person does ---- */

static bool stop_failed(const struct node *n)
{
	for (uint16_t r = 0; r < n->config.n_resources; r++)
		if (core_resource_state(n->core, r, n->id) == RESOURCE_STOP_FAILED)
			return true;
	return false;
}

static void repaired(struct world *w, unsigned int node)
{
	w->repair_at = w->now;
	w->next_repair = w->now + 2 * w->s->config.timeout_us;
	if (++w->n_repairs > 8U + 6U * w->n_nodes + 6U * w->s->config.n_groups)
		world_violate(w, "I2", "repairs do not end (n%u)", node);
}

/* Something waits for the word that this node is off. */
static bool is_waited_for(const struct world *w, const struct node *n)
{
	uint8_t id = world_coordinator(w);
	struct core_group_info info;

	for (uint16_t g = 0; id < w->n_nodes && w->node[id].core && g < w->s->config.n_groups;
	     g++) {
		core_group_info(w->node[id].core, g, local(w, &w->node[id]), &info);
		if (info.blocked_by == n->id)
			return true;
	}
	return false;
}

static void confirm_by_hand(struct world *w, struct node *n, const struct node *dead)
{
	struct core_fence_info info;

	core_fence_info(n->core, dead->id, local(w, n), &info);
	/* once more, if somebody has started since, and cannot know (Q4) */
	if (info.confirmed_by_person && (n->id != world_coordinator(w) || !is_waited_for(w, dead)))
		return;
	fence_confirm(w, n, dead);
	repaired(w, dead->id);
}

static void confirm_off(struct world *w, const struct node *dead)
{
	uint64_t incarnation = w->inv.told[dead->id].incarnation;

	for (uint8_t i = 0; i < w->n_nodes; i++) {
		struct core_peer_info info;
		const struct node *n = &w->node[i];

		if (!n->core || n == dead)
			continue;
		core_peer_info(n->core, dead->id, local(w, n), &info);
		if (w->s->fencing)
			confirm_by_hand(w, &w->node[i], dead);
		else if (info.proof != PROOF_FENCED)
			world_push(w, w->now,
				   (struct happening_entry){.type = HAPPENS_FENCED,
							    .node = i,
							    .a = dead->id,
							    .b = incarnation ? incarnation : 1});
	}
}

/*
 * The cluster cannot switch it off: no device works, all is suspended, or only a person can break
 * the tie (X11), since who speaks for the half that runs was not with it in its present life.
 */
static bool needs_person(const struct world *w, const struct node *dead)
{
	uint32_t total = 0, here = 0;
	const struct node *lowest = NULL;
	struct core_fence_info info;

	if (!w->s->fencing || !fence_works(w, dead->id))
		return true;
	for (unsigned int i = 0; i < w->n_nodes; i++) {
		const struct node *n = &w->node[i];

		total += w->s->config.nodes[i].votes;
		if (n == dead || !n->core || node_mask_has(w->lost, i))
			continue;
		here += w->s->config.nodes[i].votes;
		lowest = lowest ? lowest : n;
	}
	if (!lowest || lowest->suspended)
		return true;
	core_fence_info(lowest->core, dead->id, local(w, lowest), &info);
	return w->s->config.fence_tie && here * 2 == total && !info.with;
}

static bool waits_for_person(const struct world *w, const struct node *n)
{
	if (!w->s->fencing)
		return is_waited_for(w, n);
	return needs_person(w, n) && (is_waited_for(w, n) || w->s->config.fence_tie);
}

static void repair_node(struct world *w, struct node *n)
{
	struct core_self_info self;

	if (node_mask_has(w->lost, n->id)) {
		if (waits_for_person(w, n)) { /* he pulls the plug */
			w->lost &= ~node_bit(n->id);
			invariant_departs(w, n);
			node_crash(w, n, false);
			repaired(w, n->id);
		}
		return;
	}
	if (!n->core) {
		if (!n->up && (w->s->config.takeover == TAKEOVER_FENCE || is_waited_for(w, n)) &&
		    needs_person(w, n))
			confirm_off(w, n);
		return;
	}
	core_self_info(n->core, local(w, n), &self);
	if (stop_failed(n)) {
		trace(w, n->id, "reboot: a resource cannot be stopped");
		invariant_departs(w, n);
		node_crash(w, n, false);
		node_boot(w, n);
		repaired(w, n->id);
	} else if (self.mode == NODE_MODE_STOPPED && !n->leave_asked) {
		const struct token start = {
			.node = n->id, .kind = REQUEST_NODE_START, .target = n->id};

		request_issue(w, &start);
		repaired(w, n->id);
	}
}

static void repair_group(struct world *w, uint16_t group)
{
	uint8_t id = world_coordinator(w);
	const struct node *n;
	struct core_group_info info;

	if (id >= w->n_nodes || !w->node[id].core)
		return;
	n = &w->node[id];
	core_group_info(n->core, group, local(w, n), &info);
	if (needs_command(&info)) {
		const struct token start = {.node = id,
					    .kind = REQUEST_GROUP_START,
					    .target = NODE_NONE,
					    .group = group};

		request_issue(w, &start);
		repaired(w, id);
	}
}

/* A node that restarts itself too soon for any command comes to rest when there is another one. */
static void start_absent(struct world *w)
{
	unsigned int i;

	node_mask_for_each (i, w->s->absence == ABSENCE_OFF ? w->s->absent : 0)
		node_boot(w, &w->node[i]);
}

static void repair(struct world *w)
{
	if (w->now < w->next_repair)
		return;
	if (w->n_repairs == 8)
		start_absent(w);
	if (w->s->operate && operate_repair(w)) {
		repaired(w, 0);
		return;
	}
	for (unsigned int i = 0; i < w->n_nodes && !w->violated; i++)
		repair_node(w, &w->node[i]);
	for (uint16_t g = 0; g < w->s->config.n_groups && !w->violated; g++)
		repair_group(w, g);
}

/* ---- the look at the whole ---- */

static void check_answers(struct world *w)
{
	const struct core_config *c = &w->s->config;

	for (size_t i = 0; i < w->n_tokens; i++) {
		const struct token *t = &w->token[i];
		const struct node *n = &w->node[t->node];
		uint64_t waited;

		if (!t->open || !n->core || node_stalled(n) || n->stalled_local >= t->issued_local)
			continue;
		waited = node_local(n, w->now) - t->issued_local;
		if (waited > 17 * c->request_timeout_us + c->stall_timeout_us)
			world_violate(w, "N4", "n%u has not answered command %zu for %llu us",
				      n->id, i, (unsigned long long)waited);
	}
}

/* It has to last: what a fault broke may not have been noticed yet. */
static void wait_for_recovery(struct world *w, bool done, const char *why)
{
	uint64_t bound = recovery_bound(w);
	double share;

	if (!done) {
		w->done_since = NEVER;
		if (w->now - w->repair_at > bound)
			world_violate(w, "I2", "not recovered within %.6f s: %s",
				      (double)bound / 1e6, why);
		repair(w);
		return;
	}
	if (w->done_since == NEVER)
		w->done_since = w->now;
	if (w->now - w->done_since < 2 * w->s->config.timeout_us)
		return;
	share = (double)(w->done_since - w->repair_at) / (double)bound;
	w->recovered = true;
	w->ends_at = w->now + w->s->quiet_us;
	if (share > w->counts.worst_recovery) {
		w->counts.worst_recovery = share;
		w->counts.worst_seed = w->s->seed;
	}
	trace(w, -1, "recovered after %.6f s, %.2f of the bound",
	      (double)(w->done_since - w->repair_at) / 1e6, share);
}

static void look_for_recovery(struct world *w)
{
	char why[200] = "";
	bool done = recovery_done(w, why, sizeof(why));

	if (done && w->s->operate && operate_left(w, &(struct token){0})) {
		(void)snprintf(why, sizeof(why), "a command is still in force");
		done = false;
	}
	w->quarantine_seen = w->quarantine_seen || quarantined(w);
	if (!w->recovered) {
		wait_for_recovery(w, done, why);
		return;
	}
	if (done)
		w->broken_at = NEVER;
	else if (w->broken_at == NEVER)
		w->broken_at = w->now;
	/* a node whose quarantine ends joins late; that may take a view, not more */
	if (!done && w->now > w->broken_at + 4 * w->s->config.timeout_us)
		world_violate(w, "I2", "recovered, and again not: %s", why);
}

static bool is_undisturbed(const struct world *w)
{
	return w->inv.disturbing == 0 && w->now >= w->changing_until &&
	       w->now >= w->inv.undisturbed_at + 3 * w->s->config.timeout_us &&
	       (w->repairing || w->s->loss_permille == 0);
}

void recovery_look(struct world *w)
{
	const struct core_config *c = &w->s->config;
	char why[200];

	if (!w->repairing && w->now >= w->s->faults_end_us) {
		trace(w, -1, "FAULTS END");
		w->repairing = true; /* no more loss either */
		w->inv.undisturbed_at = w->now;
		w->repair_at = w->now;
		w->broken_at = w->done_since = NEVER;
		fault_end_all(w);
	}
	check_answers(w);
	operate_look(w);
	if (w->watch)
		w->watch(w);
	if (w->repairing)
		look_for_recovery(w);
	if (!w->calm && is_undisturbed(w) && recovery_done(w, why, sizeof(why))) {
		w->calm = true;
		trace(w, -1, "calm");
	}
	world_push(w, w->now + (w->repairing ? c->interval_us : c->timeout_us / 2),
		   (struct happening_entry){.type = HAPPENS_LOOK});
}
