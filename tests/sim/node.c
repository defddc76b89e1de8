/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/world.h"

#include <errno.h>
#include <string.h>

#define MILLION 1000000ULL

/* ---- its clock ---- */

static uint64_t rate(const struct world *w, const struct node *n)
{
	return (uint64_t)((int64_t)MILLION + w->s->rate_ppm[n->id]);
}

uint64_t node_local(const struct node *n, uint64_t true_us)
{
	if (n->paused)
		return n->paused_at_local;
	return n->base_local + (true_us - n->base_true) * n->rate / MILLION;
}

/* The first true instant at which the clock shows `local_us` or later. */
uint64_t node_true(const struct node *n, uint64_t local_us)
{
	if (local_us <= n->base_local)
		return n->base_true;
	if (local_us - n->base_local > UINT64_MAX / MILLION / 4)
		return NEVER;
	return n->base_true + ((local_us - n->base_local) * MILLION + n->rate - 1) / n->rate;
}

bool node_stalled(const struct node *n)
{
	return n->frozen || n->paused;
}

/* ---- datagrams ---- */

/* L6, from outside: does this tell the node that it was removed, in a way it must believe? */
static bool is_refusal(const struct world *w, const struct node *n, const struct vector *v)
{
	const struct vector_head *head = &v->head;
	struct core_self_info self;

	core_self_info(n->core, HA_TIME_ZERO, &self);
	for (unsigned int g = 0; g < v->n_groups; g++)
		if (v->group_intents[g].version.epoch > w->inv.told[n->id].promised)
			return head->peer[n->id].incarnation == self.incarnation;
	return head->peer[n->id].incarnation == self.incarnation && self.view.epoch &&
	       head->accepted.epoch > self.view.epoch && head->accepted.members &&
	       !node_mask_has(head->accepted.members, n->id);
}

/* R4: only what it sent to this run of this agent, and newest, is a promise. */
static void note_promise(struct node *n, const struct vector_head *head)
{
	struct core_self_info self;

	core_self_info(n->core, HA_TIME_ZERO, &self);
	if (head->peer[n->id].incarnation == self.incarnation &&
	    head->incarnation == n->heard_incarnation[head->node] &&
	    head->sequence == n->heard_sequence[head->node] &&
	    head->safety_hash == n->config.safety_hash)
		n->promised_us[head->node] = head->timeout_us;
}

static void hear(struct world *w, struct node *n, struct body *body, uint8_t link)
{
	const struct vector_head *head = &body->vector.head;
	uint64_t *incarnation = &n->heard_incarnation[body->from];
	uint64_t *sequence = &n->heard_sequence[body->from];
	struct core_event event = {.type = CORE_EVENT_VECTOR};

	if (n->just_woke && is_refusal(w, n, &body->vector) &&
	    (head->incarnation > *incarnation ||
	     (head->incarnation == *incarnation && head->sequence > *sequence)))
		n->just_woke = false;
	if (head->incarnation > *incarnation) {
		*incarnation = head->incarnation;
		*sequence = 0;
	}
	if (head->incarnation == *incarnation && head->sequence > *sequence)
		*sequence = head->sequence;
	note_promise(n, head);
	if (w->s->fencing)
		fence_hear(w, n, head);
	if (w->trace.datagrams)
		trace(w, n->id, "hear    n%u seq %llu link %u", body->from,
		      (unsigned long long)head->sequence, link);
	event.vector.vector = &body->vector;
	event.vector.link = link;
	node_step(w, n, &event);
}

static void keep(struct world *w, struct node *n, struct body *body, uint8_t link)
{
	struct inbox *inbox = &n->inbox[body->from];
	const struct vector_head *head = &body->vector.head;

	if (inbox->count[link] >= w->s->inbox)
		return; /* the socket's buffer is full: what comes now is lost */
	inbox->count[link]++;
	if (inbox->newest && (inbox->newest->vector.head.incarnation > head->incarnation ||
			      (inbox->newest->vector.head.incarnation == head->incarnation &&
			       inbox->newest->vector.head.sequence > head->sequence)))
		return;
	body_unref(inbox->newest);
	body->references++;
	inbox->newest = body;
	inbox->link = link;
}

void node_deliver(struct world *w, struct node *n, struct body *body, uint8_t link)
{
	w->counts.datagrams++;
	if (!n->core)
		return;
	if (node_stalled(n))
		keep(w, n, body, link);
	else
		hear(w, n, body, link);
}

static void empty_inboxes(struct node *n)
{
	for (unsigned int i = 0; i < n->config.n_nodes; i++) {
		body_unref(n->inbox[i].newest);
		memset(&n->inbox[i], 0, sizeof(n->inbox[i]));
	}
}

/* ---- stalls ---- */

void node_freeze(struct world *w, struct node *n, bool pause)
{
	if (!n->core || node_stalled(n))
		return;
	n->paused_at_local = node_local(n, w->now);
	n->frozen = !pause;
	n->paused = pause;
}

void node_release(struct node *n)
{
	n->core = core_free(n->core);
	empty_inboxes(n);
	step_forget(n);
	free(n->kernel.late);
	n->kernel.late = NULL;
}

static void drain_inboxes(struct world *w, struct node *n)
{
	for (unsigned int i = 0; i < n->config.n_nodes; i++) {
		struct body *body = TAKE_PTR(n->inbox[i].newest);
		uint8_t link = n->inbox[i].link;

		memset(&n->inbox[i], 0, sizeof(n->inbox[i]));
		if (body && n->core && !w->violated && !node_stalled(n))
			hear(w, n, body, link);
		body_unref(body);
	}
	kernel_read_answers(w, n); /* behind the vectors, as hb_lan does */
}

static void drain_deferred(struct world *w, struct node *n)
{
	size_t n_events = n->n_deferred;

	n->n_deferred = 0; /* if it stalls again, what is left waits again, in its order */
	for (size_t i = 0; i < n_events && n->core && !w->violated; i++)
		node_event(w, n, &n->deferred[i].event);
}

/* The agent looks at its timer, its sockets and the answers that wait, in any order. */
void node_wake(struct world *w, struct node *n)
{
	bool tick_first = rng_chance(&n->rng, 600), sockets_first = rng_chance(&n->rng, 500);

	if (!node_stalled(n))
		return;
	if (n->paused) {
		n->base_local = n->paused_at_local;
		n->base_true = w->now;
		n->woke_local = n->base_local;
		n->just_woke = w->s->config.takeover == TAKEOVER_LEASE;
	}
	n->frozen = n->paused = false;
	n->stalled_local = node_local(n, w->now);
	trace(w, n->id, "awake");
	node_set_timer(w, n);
	if (n->just_woke)
		service_arm_watchdog(w, n);
	kernel_wake(w, n);
	invariant_owners(w);
	step_resume(w, n);
	if (tick_first && n->core && !node_stalled(n) && n->timer <= w->now)
		node_tick(w, n);
	if (sockets_first)
		drain_inboxes(w, n);
	drain_deferred(w, n);
	drain_inboxes(w, n);
}

/* ---- coming and going ---- */

static void power_on(struct world *w, struct node *n)
{
	n->up = true;
	n->base_true = w->now;
	n->base_local = rng_range(&n->rng, 1000, 20 * USEC_PER_SEC); /* since its boot */
	n->rate = rate(w, n);
	n->lease_until = HA_TIME_ZERO;
	n->lease_end_local = n->woke_local = n->stalled_local = n->resource_fault_local = 0;
	n->just_woke = n->watchdog_armed = n->unpowered = false;
	kernel_power_on(w, n);
	fence_power_on(w, n);
	for (unsigned int r = 0; r < n->config.n_resources; r++)
		n->resource[r] = (struct sim_resource){0};
}

void node_boot(struct world *w, struct node *n)
{
	bool leftovers[RESOURCES_MAX] = {false}, powered = n->up;
	int r;

	if (n->core)
		return;
	if (!n->up)
		power_on(w, n);
	for (unsigned int i = 0; powered && i < n->config.n_resources; i++)
		leftovers[i] = n->resource[i].running || rng_chance(&n->rng, 100);
	kernel_take_over(w, n);
	n->config.kernel = n->kernel.works;
	n->config.lease_us = rng_range(&n->rng, w->s->config.lease_us, w->s->lease_most_us);
	r = core_new(&n->config, n->disk_any ? &n->disk : NULL, leftovers,
		     (ha_time){node_local(n, w->now)}, &n->core);
	if (r < 0) {
		world_violate(w, "start", "n%u: core_new says %s", n->id, strerror(-r));
		return;
	}
	n->run++;
	n->booted_at = w->now;
	n->stalled_local = node_local(n, w->now); /* what its predecessor left is late */
	n->view = (struct view){0};
	n->frozen = n->paused = n->leave_asked = false;
	memset(n->heard_incarnation, 0, sizeof(n->heard_incarnation));
	memset(n->heard_sequence, 0, sizeof(n->heard_sequence));
	memset(n->promised_us, 0, sizeof(n->promised_us));
	n->pending = 0;
	n->monitor_failing = 0;
	fence_booted(n);
	w->counts.restarts += n->run > 1;
	invariant_restarted(w, n);
	trace(w, n->id, "boots%s", powered ? " the agent" : "");
	node_set_timer(w, n);
}

/* A write that was under way is on disk or not: nobody was told. */
static void crash_disk(struct world *w, struct node *n)
{
	if (!n->disk_pending)
		return;
	n->disk_pending = false;
	if (rng_chance(&n->rng, 500))
		return;
	invariant_durable(w, n, &n->disk_next);
	n->disk = n->disk_next;
	n->disk_any = true;
}

void node_crash(struct world *w, struct node *n, bool agent_only)
{
	if (n->core) {
		crash_disk(w, n);
		n->core = core_free(n->core);
		empty_inboxes(n);
		step_forget(n);
		kernel_agent_gone(n);
		fence_agent_gone(w, n);
		n->n_deferred = 0;
		n->timer = NEVER;
	}
	for (size_t i = 0; i < w->n_tokens; i++)
		w->token[i].open = w->token[i].open && w->token[i].node != n->id;
	for (unsigned int r = 0; r < n->config.n_resources; r++) {
		struct sim_resource *res = &n->resource[r];

		res->pending = res->hangs = res->killed = false;
		if (agent_only)
			continue;
		res->running = res->online = false;
		w->inv.running[r] &= ~node_bit(n->id);
	}
	if (n->paused) { /* only a power cut can do this to a paused machine */
		n->base_local = n->paused_at_local;
		n->base_true = w->now;
	}
	n->frozen = n->paused = false;
	if (!agent_only)
		n->up = false;
	invariant_owners(w);
}

void node_disk_done(struct world *w, struct node *n)
{
	struct core_event event = {.type = CORE_EVENT_PERSISTED};

	if (!n->disk_pending)
		return;
	n->disk_pending = false;
	event.persisted.generation = n->disk_next.generation;
	if (n->disk_fail && rng_chance(&n->rng, 900))
		event.persisted.result = rng_chance(&n->rng, 500) ? -EIO : -ENOSPC;
	/* An error does not prove that nothing was written. */
	if (!event.persisted.result || rng_chance(&n->rng, 300)) {
		invariant_durable(w, n, &n->disk_next);
		n->disk = n->disk_next;
		n->disk_any = true;
	}
	node_event(w, n, &event);
}
