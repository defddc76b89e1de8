/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/world.h"

/*
 * What is done to the cluster: the faults of the schedule when their time comes, and the
 * commands of its administrator.
 */

static struct node *resolve(struct world *w, uint8_t node, uint32_t index)
{
	uint8_t id = node;

	if (node == ROLE_COORDINATOR)
		id = world_coordinator(w);
	else if (node & ROLE_OWNER)
		id = world_owner(w, node & (unsigned int)~ROLE_OWNER);
	if (id >= w->s->config.n_nodes)
		id = (uint8_t)(index % w->s->config.n_nodes);
	return &w->node[id];
}

/* ---- cuts ---- */

static bool is_cut(enum fault_type type)
{
	return type == FAULT_CUT || type == FAULT_PARTITION || type == FAULT_DEAF ||
	       type == FAULT_MUTE || type == FAULT_FLAP || type == FAULT_LINK ||
	       type == FAULT_CUT_PROBES || type == FAULT_CUT_VECTORS;
}

static bool cuts_shape(const struct fault *f, uint8_t from, uint8_t to)
{
	switch ((enum cut_shape)f->kind) {
	case CUT_INTO:
		return to == f->node;
	case CUT_OUT_OF:
		return from == f->node;
	case CUT_AROUND:
		return from == f->node || to == f->node;
	case CUT_PARTITION:
		return node_mask_has(f->mask, from) != node_mask_has(f->mask, to);
	case CUT_ONE_WAY:
	case CUT_SHAPE_COUNT_:
	default:
		return from == f->node && to == f->peer;
	}
}

static bool cuts(const struct fault *f, uint8_t from, uint8_t to)
{
	switch (f->type) {
	case FAULT_CUT:
		return from == f->node && to == f->peer;
	case FAULT_PARTITION:
		return node_mask_has(f->mask, from) != node_mask_has(f->mask, to);
	case FAULT_DEAF:
		return to == f->node;
	case FAULT_MUTE:
		return from == f->node;
	case FAULT_FLAP:
		return from == f->node || to == f->node;
	case FAULT_CUT_PROBES:
	case FAULT_CUT_VECTORS:
		return cuts_shape(f, from, to);
	default:
		return true;
	}
}

static void apply_cut(struct world *w, const struct fault *f, int change)
{
	struct net *net = &w->net;

	for (uint8_t from = 0; from < w->s->config.n_nodes; from++) {
		for (uint8_t to = 0; to < w->s->config.n_nodes; to++) {
			if (from == to || !cuts(f, from, to))
				continue;
			net_cut(f->type == FAULT_CUT_PROBES    ? net->cut_probes[from]
				: f->type == FAULT_CUT_VECTORS ? net->cut_vectors[from]
							       : net->cut[from],
				to, f->link, change);
		}
	}
}

/* Whether some pair of nodes is left without any link one way. */
static bool severed(const struct world *w)
{
	const struct core_config *c = &w->s->config;

	for (unsigned int i = 0; i < c->n_nodes; i++) {
		for (unsigned int j = 0; j < c->n_nodes; j++) {
			unsigned int whole = 0;

			for (unsigned int k = 0; k < c->n_links; k++)
				whole += !w->net.cut[i][j][k] && !w->net.cut_vectors[i][j][k];
			if (i != j && whole == 0)
				return true;
		}
	}
	return false;
}

/* ---- one node ---- */

static void boot_later(struct world *w, const struct node *n, uint64_t after_us)
{
	world_push(w, w->now + after_us,
		   (struct happening_entry){.type = HAPPENS_BOOT, .node = n->id});
}

static void crash(struct world *w, struct node *n, bool agent_only, uint64_t for_us)
{
	if (agent_only ? !n->core || n->paused : !n->up)
		return; /* in a machine that is paused nothing happens, not even a crash */
	invariant_departs(w, n);
	node_crash(w, n, agent_only);
	n->unpowered = !agent_only;
	boot_later(w, n, for_us);
}

static void ask_to_leave(struct world *w, struct node *n)
{
	struct core_event event = {.type = CORE_EVENT_LEAVE};

	if (!n->core || n->leave_asked)
		return;
	n->leave_asked = true;
	invariant_departs(w, n);
	node_event(w, n, &event);
}

/* The device works: the node is off for certain before anybody is told, however late. */
static void fence(struct world *w, const struct fault *f)
{
	struct node *victim = &w->node[f->node], *by = &w->node[f->peer];
	struct core_peer_info info;

	if (victim == by || !by->core || node_stalled(by))
		return;
	core_peer_info(by->core, victim->id, (ha_time){node_local(by, w->now)}, &info);
	if (!info.incarnation)
		return;
	if (victim->up) {
		invariant_departs(w, victim);
		node_crash(w, victim, false);
		boot_later(w, victim, f->for_us);
	}
	world_push(w, w->now + f->value,
		   (struct happening_entry){.type = HAPPENS_FENCED,
					    .node = by->id,
					    .a = victim->id,
					    .b = info.incarnation});
}

static void new_request(struct world *w, const struct fault *f)
{
	const struct token token = {
		.node = f->node,
		.kind = f->kind,
		.target = f->target,
		.retries = f->retries,
		.group = f->group,
		.object = f->object,
		.ratio = (uint16_t)f->value,
		.value = f->for_us,
	};

	request_issue(w, &token);
}

static void node_fault(struct node *n, const struct fault *f, int change)
{
	switch (f->type) {
	case FAULT_DISK_SLOW:
		n->disk_slow = (uint8_t)(n->disk_slow + change);
		n->disk_slow_us = f->value;
		break;
	case FAULT_DISK_FAIL:
		n->disk_fail = (uint8_t)(n->disk_fail + change);
		break;
	case FAULT_START_SLOW:
		n->start_slow = (uint8_t)(n->start_slow + change);
		n->start_slow_us = f->value;
		break;
	case FAULT_STOP_SLOW:
		n->stop_slow = (uint8_t)(n->stop_slow + change);
		n->stop_slow_us = f->value;
		break;
	case FAULT_START_FAIL:
		n->start_fail = (uint8_t)(n->start_fail + change);
		break;
	case FAULT_STOP_FAIL:
		n->stop_fail = (uint8_t)(n->stop_fail + change);
		break;
	case FAULT_HANG:
		n->hang = (uint8_t)(n->hang + change);
		break;
	case FAULT_MONITOR:
		n->monitor_broken[f->value] = (uint8_t)(n->monitor_broken[f->value] + change);
		break;
	default:
		break;
	}
}

/* ---- what harms a healthy node ---- */

static bool is_stall(enum fault_type type)
{
	return type == FAULT_FREEZE || type == FAULT_SPLIT || type == FAULT_OVERLOAD;
}

static bool never_harms(enum fault_type type)
{
	return (type >= FAULT_START_SLOW && type <= FAULT_RESOURCE_LOST) || type == FAULT_REQUEST ||
	       type == FAULT_DUPLICATE || type == FAULT_REPLAY || type == FAULT_MONITOR ||
	       type == FAULT_CONFIG || type == FAULT_DEVICE || type == FAULT_CONFIRM;
}

/* From the last vector before a stall to the first one after it, at all peers. */
static uint64_t stall_margin(const struct schedule *s)
{
	return 3 * s->config.interval_us + 2 * (s->delay_us + s->delay_jitter_us) +
	       2 * s->step_jitter_us;
}

/*
 * Rules K4 to K11: an agent that stands still for less than stall_timeout harms nobody, neither
 * its own node nor its peers, if the kernel path is whole and nothing else is wrong meanwhile.
 */
static bool stall_is_harmless(const struct world *w, const struct fault *f)
{
	const struct schedule *s = w->s;
	uint64_t stalled = f->type == FAULT_OVERLOAD ? f->value : f->for_us;
	node_mask all = (node_mask)((1ULL << s->config.n_nodes) - 1);

	if (s->kernels != all || w->inv.disturbing || w->now < w->changing_until ||
	    stalled + stall_margin(s) >= s->config.stall_timeout_us)
		return false;
	for (uint32_t i = 0; i < s->n_faults; i++) {
		const struct active_fault *a = &w->active[i];

		if (a->holds && &a->fault != f && !never_harms(a->fault.type))
			return false;
	}
	return true;
}

/* What else begins while an agent stands still may be one too many. */
static void disturb_stalls(struct world *w, const struct fault *f)
{
	if (never_harms(f->type))
		return;
	for (uint32_t i = 0; i < w->s->n_faults; i++) {
		struct active_fault *a = &w->active[i];

		if (&a->fault == f || !a->holds || a->disturbs || !is_stall(a->fault.type))
			continue;
		a->disturbs = true;
		invariant_disturb(w, 1);
	}
}

/* Whether a healthy node may lose its view or its lease by it. */
static bool disturbs(const struct world *w, const struct fault *f)
{
	switch (f->type) {
	case FAULT_CRASH_NODE:
	case FAULT_CRASH_AGENT:
	case FAULT_LEAVE:
	case FAULT_FENCE:
	case FAULT_BLACKOUT:
		return false; /* invariant_departs() judges those */
	case FAULT_START_SLOW:
	case FAULT_STOP_SLOW:
	case FAULT_START_FAIL:
	case FAULT_STOP_FAIL:
	case FAULT_HANG:
	case FAULT_RESOURCE_LOST:
	case FAULT_REQUEST:
	case FAULT_DUPLICATE:
	case FAULT_REPLAY:
	case FAULT_MONITOR:
	case FAULT_CONFIG:
	case FAULT_DEVICE:
	case FAULT_CONFIRM:
		return false;
	case FAULT_CUT:
	case FAULT_PARTITION:
	case FAULT_DEAF:
	case FAULT_MUTE:
	case FAULT_FLAP:
	case FAULT_LINK:
	case FAULT_CUT_VECTORS:
		return severed(w);
	case FAULT_CUT_PROBES:
		return false; /* vectors do */
	case FAULT_FREEZE:
	case FAULT_SPLIT:
	case FAULT_OVERLOAD:
		return !stall_is_harmless(w, f);
	default:
		return true;
	}
}

static void begin_split(struct node *n, const struct fault *f)
{
	if (!n->core || node_stalled(n))
		return;
	n->split = (struct split){.armed = true,
				  .half = f->kind & SPLIT_HALF,
				  .choosy = f->kind & SPLIT_CHOOSY,
				  .delegate = f->kind & SPLIT_DELEGATE,
				  .after = f->value};
}

static void begin_once(struct world *w, struct fault *f, struct rng *rng)
{
	struct node *n = &w->node[f->node];
	unsigned int i;

	switch (f->type) {
	case FAULT_CRASH_NODE:
	case FAULT_CRASH_AGENT:
		crash(w, n, f->type == FAULT_CRASH_AGENT, f->for_us);
		break;
	case FAULT_BLACKOUT:
		node_mask_for_each (i, f->mask)
			crash(w, &w->node[i], false, f->for_us + rng_below(rng, f->for_us));
		break;
	case FAULT_FREEZE:
	case FAULT_PAUSE:
		node_freeze(w, n, f->type == FAULT_PAUSE);
		break;
	case FAULT_OVERLOAD:
		node_freeze(w, n, false);
		break;
	case FAULT_SPLIT:
		begin_split(n, f);
		break;
	case FAULT_RESOURCE_LOST:
		service_lost(w, n, f->value);
		break;
	case FAULT_LEAVE:
		ask_to_leave(w, n);
		break;
	case FAULT_REQUEST:
		new_request(w, f);
		break;
	case FAULT_CONFIG:
		operate_new_config(w, n);
		break;
	case FAULT_FENCE:
		fence(w, f);
		break;
	case FAULT_CONFIRM:
		fence_confirm(w, &w->node[f->peer], n);
		break;
	case FAULT_REPLAY:
		net_replay(w, f->peer, f->node, rng);
		probe_replay(w, f->peer, f->node, rng);
		break;
	default:
		break;
	}
}

static void change_net(struct world *w, const struct fault *f, int change)
{
	if (f->type == FAULT_LOSS)
		w->net.loss_permille += (uint32_t)((int)f->value * change);
	if (f->type == FAULT_DUPLICATE)
		w->net.duplicate_permille += (uint32_t)((int)f->value * change);
	if (f->type == FAULT_DELAY)
		w->net.delay_us += (uint64_t)((int64_t)f->value * change);
}

static bool changes_health(enum fault_type type)
{
	return type >= FAULT_START_SLOW && type <= FAULT_HANG;
}

void fault_begin(struct world *w, uint32_t index)
{
	struct active_fault *a = &w->active[index];
	struct fault *f = &a->fault;
	struct rng rng = rng_make(w->s->seed, 100 + index);
	char text[160];

	*a = (struct active_fault){.fault = w->s->faults[index], .holds = true};
	f->node = resolve(w, f->node, index)->id;
	f->peer = resolve(w, f->peer, index + 1)->id;
	if (f->type == FAULT_PARTITION && f->kind == CUT_AROUND)
		f->mask = node_bit(f->node);
	trace(w, -1, "FAULT %-2u %s", index, fault_format(f, text, sizeof(text)));
	if (is_cut(f->type))
		apply_cut(w, f, 1);
	fence_duel_begin(w, f);
	disturb_stalls(w, f);
	a->disturbs = disturbs(w, f);
	if (a->disturbs)
		invariant_disturb(w, 1);
	change_net(w, f, 1);
	node_fault(&w->node[f->node], f, 1);
	if (f->type == FAULT_DEVICE)
		fence_cut(w, &w->node[f->node], &w->node[f->peer], 1);
	begin_once(w, f, &rng);
	world_push(w, w->now + f->for_us,
		   (struct happening_entry){.type = HAPPENS_FAULT_END, .a = index});
	if (f->type == FAULT_FLAP || f->type == FAULT_OVERLOAD)
		world_push(w, w->now + f->value,
			   (struct happening_entry){.type = HAPPENS_FLAP, .a = index});
}

/* It runs for moments only: long enough to find out that it is late. */
static void overload(struct world *w, struct active_fault *a, uint32_t index)
{
	struct node *n = &w->node[a->fault.node];
	uint64_t pause = a->fault.value;

	if (a->joined)
		node_freeze(w, n, false);
	else
		node_wake(w, n);
	a->joined = !a->joined;
	if (a->joined)
		pause = pause / 16 + 1;
	world_push(w, w->now + pause, (struct happening_entry){.type = HAPPENS_FLAP, .a = index});
}

void fault_flap(struct world *w, uint32_t index)
{
	struct active_fault *a = &w->active[index];

	if (!a->holds)
		return;
	if (a->fault.type == FAULT_OVERLOAD) {
		overload(w, a, index);
		return;
	}
	apply_cut(w, &a->fault, a->joined ? 1 : -1);
	a->joined = !a->joined;
	trace(w, -1, "FAULT %-2u flap: n%u is %s", index, a->fault.node,
	      a->joined ? "joined" : "cut");
	world_push(w, w->now + a->fault.value,
		   (struct happening_entry){.type = HAPPENS_FLAP, .a = index});
}

void fault_end(struct world *w, uint32_t index)
{
	struct active_fault *a = &w->active[index];
	const struct fault *f = &a->fault;
	struct node *n = &w->node[f->node];

	if (!a->holds)
		return;
	a->holds = false;
	trace(w, -1, "FAULT %-2u %s ends", index, fault_to_string(f->type));
	if (is_cut(f->type) && !a->joined)
		apply_cut(w, f, -1);
	change_net(w, f, -1);
	node_fault(n, f, -1);
	if (f->type == FAULT_DEVICE)
		fence_cut(w, n, &w->node[f->peer], -1);
	if (f->type == FAULT_PARTITION)
		fence_duel_end(w);
	if (changes_health(f->type) && n->up)
		n->resource_fault_local = node_local(n, w->now);
	n->split.armed = n->split.armed && f->type != FAULT_SPLIT;
	if (f->type == FAULT_FREEZE || f->type == FAULT_PAUSE || f->type == FAULT_SPLIT ||
	    f->type == FAULT_OVERLOAD)
		node_wake(w, n);
	if (a->disturbs)
		invariant_disturb(w, -1);
}

static void leave_for_good(struct world *w, struct node *n)
{
	if (!n->core && w->s->absence != ABSENCE_OFF)
		node_boot(w, n);
	if (!n->up)
		return;
	invariant_departs(w, n);
	if (w->s->absence == ABSENCE_OFF) {
		node_crash(w, n, false);
		n->unpowered = true;
		return;
	}
	w->lost |= node_bit(n->id);
	trace(w, n->id, "is lost for good");
	if (w->s->absence == ABSENCE_FROZEN) {
		node_freeze(w, n, false);
		return;
	}
	for (uint8_t i = 0; i < w->n_nodes; i++) {
		net_cut(w->net.cut_vectors[n->id], i, LINKS_MAX, 1);
		net_cut(w->net.cut_vectors[i], n->id, LINKS_MAX, 1);
	}
}

void fault_end_all(struct world *w)
{
	for (uint32_t k = 0; k < w->s->n_faults; k++)
		fault_end(w, k);
	for (unsigned int i = 0; i < w->n_nodes; i++) {
		struct node *n = &w->node[i];

		if (!node_mask_has(w->s->absent, i))
			node_boot(w, n);
		else
			leave_for_good(w, n);
	}
}

/* ---- commands ---- */

/* Whoever is told to go may go. */
static void depart(struct world *w, const struct token *token)
{
	bool all = token->kind == REQUEST_CLUSTER_STOP || token->kind == REQUEST_CLUSTER_SHUTDOWN ||
		   token->kind == REQUEST_CLUSTER_REBOOT;
	bool one = token->kind == REQUEST_NODE_STOP || token->kind == REQUEST_NODE_SHUTDOWN ||
		   token->kind == REQUEST_NODE_REBOOT;

	for (unsigned int i = 0; i < w->n_nodes; i++)
		if (all || (one && token->target == i))
			invariant_departs(w, &w->node[i]);
}

void request_issue(struct world *w, const struct token *token)
{
	struct node *n = &w->node[token->node];
	struct core_event event = {.type = CORE_EVENT_REQUEST};
	size_t index = w->n_tokens;

	if (index == TOKENS_MAX || !n->core)
		return;
	w->n_tokens++;
	w->token[index] = *token;
	w->token[index].open = true;
	w->token[index].run = n->run;
	w->token[index].issued_at = w->now;
	w->token[index].issued_local = node_local(n, w->now);
	event.request.kind = token->kind;
	event.request.target = token->target;
	event.request.group = token->group;
	event.request.object = token->object;
	event.request.ratio = token->ratio;
	event.request.value = token->value;
	event.request.token = index;
	w->counts.commands++;
	trace(w, n->id, "command %zu: %s g%u target %u", index, request_to_string(token->kind),
	      token->group, token->target);
	depart(w, token);
	node_event(w, n, &event);
}

/* The client tries again, at the same node. */
void fault_request(struct world *w, uint32_t token)
{
	struct token next = w->token[token];

	if (w->node[next.node].core)
		request_issue(w, &next);
}

static bool worth_retrying(uint8_t code)
{
	return code != ANSWER_ACCEPTED && code != ANSWER_NOTHING_TO_DO &&
	       code != ANSWER_BAD_TARGET && code != ANSWER_OFFLINE;
}

void request_answered(struct world *w, struct node *n, const struct core_action *action)
{
	uint64_t index = action->answer.token;
	struct token *token;

	if (index >= w->n_tokens || !w->token[index].open || w->token[index].node != n->id) {
		world_violate(w, "N4", "n%u answers command %llu, which does not wait", n->id,
			      (unsigned long long)index);
		return;
	}
	token = &w->token[index];
	token->open = false;
	if (token->kind == REQUEST_FENCE_CONFIRM && action->answer.code == ANSWER_ACCEPTED)
		fence_confirmed(w, n, token->target);
	if (action->answer.code == ANSWER_ACCEPTED) {
		w->counts.accepted++;
		invariant_accepted(w, n, &action->answer.id, token);
	}
	if (!worth_retrying(action->answer.code) || token->retries == 0 || w->repairing)
		return;
	token->retries--;
	world_push(w, w->now + w->s->config.timeout_us,
		   (struct happening_entry){.type = HAPPENS_REQUEST, .a = (uint32_t)index});
}
