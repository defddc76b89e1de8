/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Devices that switch machines off and on, and the part of the agent that runs them. A machine is
 * off at the instant at which all devices of one of its levels are. An order is answered as the
 * driver would: confirmed only if each device is read as it was told to be (docs/fencing.md, X7a).
 */
#include "tests/sim/world.h"

#include <string.h>

static const char *const kinds[DEVICE_KIND_COUNT_] = {
	"ok", "slow", "fails", "acts-fails", "stays-on", "flips-on", "dies-with-it",
};

const char *device_to_string(enum device_kind kind)
{
	return kind < DEVICE_KIND_COUNT_ ? kinds[kind] : "?";
}

static enum device_kind kind_of(const struct world *w, const struct sim_device *d)
{
	return w->repairing && d->heals ? DEVICE_OK : (enum device_kind)d->kind;
}

static const struct sim_level *level_of(const struct world *w, const struct fence_order_slot *o)
{
	return &w->s->level[o->target][o->level];
}

static uint8_t all_devices(const struct sim_level *l)
{
	return (uint8_t)((1U << l->n_devices) - 1);
}

static bool is_reached(const struct world *w, unsigned int target, unsigned int from,
		       const struct sim_device *d)
{
	if (w->node[from].fencer.cut[target])
		return false;
	return kind_of(w, d) != DEVICE_DIES_WITH_IT || !w->node[target].unpowered;
}

static void release(struct fence_order_slot *o)
{
	if (o->ended && !o->effects)
		o->used = false;
}

/* ---- an order, and what will come of it ---- */

struct plan {
	uint64_t limit, at; /* from now */
	uint8_t result;
};

static void worse(struct plan *p, uint8_t result, uint64_t at)
{
	if (result == RESOURCE_RESULT_TIMEOUT)
		at = p->limit;
	if (at >= p->limit) {
		at = p->limit;
		result = RESOURCE_RESULT_TIMEOUT;
	}
	if (p->result != RESOURCE_RESULT_TIMEOUT && result != RESOURCE_RESULT_OK)
		p->result = result;
	if (at > p->at)
		p->at = at;
}

static void act_later(struct world *w, struct fence_order_slot *o, unsigned int device, uint64_t us)
{
	o->effects++;
	world_push(w, w->now + us,
		   (struct happening_entry){.type = HAPPENS_DEVICE,
					    .node = o->by,
					    .a = (uint32_t)(o - w->fencing.slot),
					    .b = o->number,
					    .link = (uint8_t)device});
}

static void plan_device(struct world *w, struct node *n, struct fence_order_slot *o,
			unsigned int device, struct plan *p)
{
	const struct sim_device *d = &level_of(w, o)->device[device];
	uint64_t acts = d->acts_us / 2 + rng_below(&n->rng, d->acts_us + 1);
	uint64_t reads = d->reads_us / 2 + rng_below(&n->rng, d->reads_us + 1);

	if (!is_reached(w, o->target, o->by, d)) {
		worse(p,
		      rng_chance(&n->rng, 500) ? RESOURCE_RESULT_TIMEOUT : RESOURCE_RESULT_FAILED,
		      rng_below(&n->rng, p->limit));
		return;
	}
	switch (kind_of(w, d)) {
	case DEVICE_SLOW:
		if (rng_chance(&n->rng, 700))
			act_later(w, o, device, rng_range(&n->rng, p->limit / 2, 3 * p->limit));
		worse(p, RESOURCE_RESULT_TIMEOUT, p->limit);
		break;
	case DEVICE_FAILS:
	case DEVICE_STAYS_ON: /* also to be switched on: it was never off */
		worse(p, RESOURCE_RESULT_FAILED, acts + reads);
		break;
	case DEVICE_ACTS_FAILS:
		act_later(w, o, device, acts);
		worse(p, RESOURCE_RESULT_FAILED, acts + reads);
		break;
	case DEVICE_OK:
	case DEVICE_FLIPS_ON:
	case DEVICE_DIES_WITH_IT:
	case DEVICE_KIND_COUNT_:
	default:
		act_later(w, o, device, acts);
		worse(p, RESOURCE_RESULT_OK, acts + reads);
		break;
	}
}

static struct fence_order_slot *new_slot(struct world *w)
{
	for (unsigned int i = 0; i < FENCE_SLOTS; i++)
		if (!w->fencing.slot[i].used)
			return &w->fencing.slot[i];
	return NULL;
}

void fence_begin(struct world *w, struct node *n, const struct core_action *a)
{
	struct fence_order_slot *o = new_slot(w);
	struct plan p = {.result = RESOURCE_RESULT_OK};

	if (!o || !w->s->fencing || a->fence.target >= w->n_nodes || a->fence.target == n->id ||
	    a->fence.level >= n->config.nodes[a->fence.target].n_fence_levels) {
		world_violate(w, "bound", "n%u orders level %u of n%u", n->id, a->fence.level,
			      a->fence.target);
		return;
	}
	*o = (struct fence_order_slot){
		.used = true,
		.by = n->id,
		.target = a->fence.target,
		.level = a->fence.level,
		.order = a->fence.order,
		.operation = a->fence.operation,
		.number = ++w->fencing.number,
		.run = n->run,
		.epoch = n->view.epoch,
		.given_at = w->now,
		.incarnation = w->inv.told[a->fence.target].incarnation,
	};
	w->counts.fence_orders += o->order == FENCE_ORDER_OFF;
	p.limit = n->config.nodes[o->target].fence_timeout_us[o->level];
	for (unsigned int i = 0; i < level_of(w, o)->n_devices; i++)
		plan_device(w, n, o, i, &p);
	o->result = p.result;
	world_push(w, w->now + p.at,
		   (struct happening_entry){.type = HAPPENS_FENCE_DONE,
					    .node = n->id,
					    .a = (uint32_t)(o - w->fencing.slot),
					    .b = o->number});
}

void fence_cancel(struct world *w, struct node *n, uint32_t operation)
{
	for (unsigned int i = 0; i < FENCE_SLOTS; i++) {
		struct fence_order_slot *o = &w->fencing.slot[i];

		if (!o->used || o->ended || o->by != n->id || o->operation != operation)
			continue;
		o->cancelled = true;
		w->counts.fence_cancels++;
		world_push(
			w, w->now + rng_below(&n->rng, n->config.interval_us),
			(struct happening_entry){
				.type = HAPPENS_FENCE_DONE, .node = n->id, .a = i, .b = o->number});
	}
}

void fence_agent_gone(struct world *w, const struct node *n)
{
	for (unsigned int i = 0; i < FENCE_SLOTS; i++) {
		struct fence_order_slot *o = &w->fencing.slot[i];

		if (!o->used || o->by != n->id)
			continue;
		o->ended = true;
		release(o);
	}
}

/* ---- what devices do ---- */

static void boot_later(struct world *w, uint8_t node, uint64_t us)
{
	world_push(w, w->now + us, (struct happening_entry){.type = HAPPENS_BOOT, .node = node});
}

static void switched_off(struct world *w, const struct fence_order_slot *o)
{
	struct node *victim = &w->node[o->target], *by = &w->node[o->by];
	uint64_t t = w->s->config.timeout_us;

	if (!victim->up)
		return;
	trace(w, o->target, "power   cut by n%u's order %u", o->by, o->operation);
	w->lost &= ~node_bit(o->target);
	fence_killed(w, victim);
	invariant_departs(w, victim);
	node_crash(w, victim, false);
	for (unsigned int d = 0; d < level_of(w, o)->n_devices; d++)
		if (kind_of(w, &level_of(w, o)->device[d]) == DEVICE_FLIPS_ON)
			boot_later(w, o->target, rng_range_log(&by->rng, t / 20, 4 * t));
	/* sooner or later somebody comes and switches it on */
	boot_later(w, o->target, rng_range_log(&by->rng, 4 * t, 60 * t));
}

static void switched_on(struct world *w, const struct fence_order_slot *o)
{
	struct node *by = &w->node[o->by];
	uint64_t t = w->s->config.timeout_us;

	if (!w->node[o->target].up)
		boot_later(w, o->target, rng_range_log(&by->rng, t / 4, 4 * t));
}

void fence_device(struct world *w, uint32_t slot, uint64_t number, unsigned int device)
{
	struct fence_order_slot *o = &w->fencing.slot[slot];
	uint8_t *off = &w->fencing.off[o->target][o->level], all = all_devices(level_of(w, o));

	if (!o->used || o->number != number)
		return;
	o->effects--;
	/* who was ended in the middle may have given its order or not */
	if ((!o->cancelled && !o->ended) || rng_chance(&w->node[o->by].rng, 500)) {
		uint8_t before = *off;

		*off = (uint8_t)(o->order == FENCE_ORDER_OFF ? *off | 1U << device
							     : *off & ~(1U << device));
		if (o->order == FENCE_ORDER_OFF && *off == all)
			switched_off(w, o);
		else if (o->order == FENCE_ORDER_ON && before && *off == 0)
			switched_on(w, o);
	}
	release(o);
}

/* A machine that is switched on in any way: all its devices are. */
void fence_power_on(struct world *w, const struct node *n)
{
	if (n->id < FENCED_NODES)
		memset(w->fencing.off[n->id], 0, sizeof(w->fencing.off[n->id]));
}

/* ---- the answer ---- */

static bool reads_as_ordered(const struct world *w, const struct fence_order_slot *o)
{
	uint8_t off = w->fencing.off[o->target][o->level];

	return off == (o->order == FENCE_ORDER_OFF ? all_devices(level_of(w, o)) : 0);
}

static uint8_t answer(struct world *w, const struct node *n, const struct fence_order_slot *o)
{
	struct rng rng = rng_make(w->s->seed, 5000 + o->number);

	if (o->result != RESOURCE_RESULT_OK)
		return o->cancelled ? RESOURCE_RESULT_FAILED : o->result;
	if (!reads_as_ordered(w, o) || (o->cancelled && rng_chance(&rng, 500)))
		return RESOURCE_RESULT_FAILED;
	if (o->order == FENCE_ORDER_ON)
		return RESOURCE_RESULT_OK;
	if (w->node[o->target].up)
		world_violate(w, "world", "n%u reads n%u off, which runs", n->id, o->target);
	fence_over(w, o->target, o->incarnation);
	w->counts.fenced++;
	return RESOURCE_RESULT_OK;
}

void fence_answered(struct world *w, uint32_t slot, uint64_t number)
{
	struct fence_order_slot *o = &w->fencing.slot[slot];
	struct core_event event = {.type = CORE_EVENT_FENCE_DONE};
	struct node *n = &w->node[o->by];

	if (!o->used || o->number != number || o->ended)
		return;
	if (n->paused) { /* its processes stand still too */
		world_push(
			w, w->now + n->config.interval_us,
			(struct happening_entry){
				.type = HAPPENS_FENCE_DONE, .node = n->id, .a = slot, .b = number});
		return;
	}
	event.fence_done.operation = o->operation;
	event.fence_done.result = answer(w, n, o);
	event.fence_done.text = "simulated";
	trace(w, n->id, "fence   operation %u, n%u level %u %s: %s%s", o->operation, o->target,
	      o->level, o->order == FENCE_ORDER_OFF ? "off" : "on",
	      event.fence_done.result == RESOURCE_RESULT_OK ? "ok" : "failed",
	      o->cancelled ? ", cancelled" : "");
	o->ended = true;
	release(o);
	node_event(w, n, &event);
}

/* ---- checks ---- */

static bool answers_checks(const struct world *w, unsigned int target, unsigned int from,
			   const struct sim_device *d)
{
	enum device_kind kind = kind_of(w, d);

	return kind != DEVICE_FAILS && kind != DEVICE_SLOW && is_reached(w, target, from, d);
}

static enum fence_check check_of(const struct world *w, unsigned int target, unsigned int from)
{
	unsigned int n_levels = w->s->config.nodes[target].n_fence_levels, good = 0;
	bool first = false;

	for (unsigned int l = 0; l < n_levels; l++) {
		const struct sim_level *level = &w->s->level[target][l];
		bool all = true;

		for (unsigned int d = 0; d < level->n_devices; d++)
			all = all && answers_checks(w, target, from, &level->device[d]);
		good += all;
		first = first || (all && l == 0);
	}
	return n_levels == 0 ? FENCE_CHECK_NONE
	       : first	     ? FENCE_CHECK_NORMAL
	       : good	     ? FENCE_CHECK_DEGRADED
			     : FENCE_CHECK_ERROR;
}

static bool is_fencing(const struct world *w, const struct node *n)
{
	for (unsigned int i = 0; i < FENCE_SLOTS; i++) {
		const struct fence_order_slot *o = &w->fencing.slot[i];

		if (o->used && !o->ended && o->by == n->id)
			return true;
	}
	return false;
}

void fence_check(struct world *w, struct node *n)
{
	world_push(w, w->now + w->s->check_us,
		   (struct happening_entry){.type = HAPPENS_FENCE_CHECK, .node = n->id});
	if (is_fencing(w, n))
		return;
	for (uint8_t target = 0; target < w->n_nodes && !w->violated; target++) {
		struct core_event event = {.type = CORE_EVENT_FENCE_CHECK};

		if (target == n->id || !n->core || node_stalled(n))
			continue;
		event.fence_check.target = target;
		event.fence_check.check = check_of(w, target, n->id);
		if (event.fence_check.check == n->fencer.check[target])
			continue;
		n->fencer.check[target] = event.fence_check.check;
		node_event(w, n, &event);
	}
}

void fence_cut(struct world *w, struct node *target, struct node *from, int change)
{
	if (w->s->fencing)
		from->fencer.cut[target->id] = (uint8_t)(from->fencer.cut[target->id] + change);
}

/* ---- the person ---- */

void fence_confirm(struct world *w, struct node *at, const struct node *dead)
{
	const struct token token = {
		.node = at->id,
		.kind = REQUEST_FENCE_CONFIRM,
		.target = dead->id,
		.value = w->now / 1000, /* persons' clocks agree, more or less */
	};

	if (!w->s->fencing || at == dead || !at->core || node_stalled(at) || dead->up)
		return;
	fence_person_says(w, at, dead->id);
	request_issue(w, &token);
}

static bool device_works(const struct world *w, unsigned int target, const struct sim_device *d)
{
	enum device_kind kind = d->heals ? DEVICE_OK : (enum device_kind)d->kind;

	return kind == DEVICE_OK || kind == DEVICE_FLIPS_ON ||
	       (kind == DEVICE_DIES_WITH_IT && !w->node[target].unpowered);
}

bool fence_works(const struct world *w, unsigned int target)
{
	bool any = false;

	for (unsigned int l = 0; l < w->s->config.nodes[target].n_fence_levels; l++) {
		const struct sim_level *level = &w->s->level[target][l];
		bool all = true;

		for (unsigned int d = 0; d < level->n_devices; d++)
			all = all && device_works(w, target, &level->device[d]);
		any = any || all;
	}
	return any;
}

/* Until a device that works has done so: what went before may have failed in all ways. */
uint64_t fence_bound(const struct schedule *s)
{
	const struct core_config *c = &s->config;
	uint64_t longest = 0;

	for (unsigned int i = 0; i < c->n_nodes; i++) {
		uint64_t one = c->nodes[i].fence_delay_us + c->fence_priority_us;

		for (unsigned int l = 0; l < c->nodes[i].n_fence_levels; l++)
			one += (1U + c->fence_retries) * c->nodes[i].fence_timeout_us[l];
		longest = one > longest ? one : longest;
	}
	/* one that fails, its back-off, one that ends well; then it boots and comes back */
	return 2 * longest + 10 * c->fence_retry_wait_us + 8 * c->timeout_us;
}
