/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/world.h"

/*
 * Resources of a node, the lease filter of its kernel, and its watchdog. A resource counts as
 * running from the order to start it to the end of a stop that went well: what is half started
 * or half stopped may answer.
 */

static uint64_t longest_chain(const struct world *w, unsigned int resource)
{
	uint64_t n = 0;

	for (unsigned int r = 0; r < w->s->config.n_resources; r++)
		n += w->s->config.resources[r].group == w->s->config.resources[resource].group;
	return n;
}

static uint64_t start_time(struct world *w, struct node *n)
{
	if (n->start_slow && rng_chance(&n->rng, 700))
		return rng_below(&n->rng, n->start_slow_us);
	return rng_range(&n->rng, 10, w->s->start_us);
}

/* A healthy node stops what it may no longer hold in half of the margin (README). */
static uint64_t stop_time(struct world *w, struct node *n, const struct core_action *action)
{
	unsigned int r = action->resource.resource;
	uint64_t most = w->s->stop_us;

	if (n->stop_slow && rng_chance(&n->rng, 700))
		return rng_below(&n->rng, n->stop_slow_us);
	if (n->config.resources[r].address && most > n->config.interval_us / 8)
		most = n->config.interval_us / 8;
	if (action->resource.urgent && n->config.lease_margin_us)
		most = n->config.lease_margin_us / 2 / longest_chain(w, r);
	return rng_below(&n->rng, most + 1);
}

static uint8_t draw_result(struct node *n, bool start)
{
	if (!rng_chance(&n->rng, start && n->start_fail ? 700 : !start && n->stop_fail ? 700 : 0))
		return RESOURCE_RESULT_OK;
	return rng_chance(&n->rng, 800) ? RESOURCE_RESULT_FAILED : RESOURCE_RESULT_UNCONFIRMED;
}

/* G7: what it depends on is up. */
static void check_order(struct world *w, const struct node *n, unsigned int resource)
{
	const struct core_resource_config *config = &n->config.resources[resource];

	for (unsigned int i = 0; i < config->n_deps; i++)
		if (!n->resource[config->deps[i]].online &&
		    n->config.resources[config->deps[i]].start_final != FINAL_CONTINUE)
			world_violate(w, "G7", "n%u starts %s before %s is online", n->id,
				      config->name, n->config.resources[config->deps[i]].name);
}

static void set_running(struct world *w, struct node *n, unsigned int resource, bool running)
{
	struct sim_resource *r = &n->resource[resource];

	r->running = running;
	if (!running)
		r->excused = false;
	if (running)
		w->inv.running[resource] |= node_bit(n->id);
	else
		w->inv.running[resource] &= ~node_bit(n->id);
	if (running)
		invariant_owners(w);
}

static bool is_leased(const struct world *w, const struct node *n)
{
	return n->kernel.works ? kernel_leased(w, n) : node_local(n, w->now) < n->lease_until.us;
}

void service_begin(struct world *w, struct node *n, const struct core_action *action)
{
	bool start = action->type == CORE_ACTION_RESOURCE_START;
	unsigned int index = action->resource.resource;
	struct sim_resource *r = &n->resource[index];
	bool late = false;
	uint64_t takes;

	/* A stop may overtake the start of an address; nothing else overlaps. */
	if (r->pending && (start || !r->starting || !n->config.resources[index].address)) {
		world_violate(w, "bound", "n%u: two operations on %s at once", n->id,
			      n->config.resources[index].name);
		return;
	}
	r->pending = true;
	r->starting = start;
	r->online = false;
	r->killed = false;
	r->operation = action->resource.operation;
	r->began_us = node_local(n, w->now);
	r->hangs = n->hang && rng_chance(&n->rng, 700);
	r->result = draw_result(n, start);
	if (start) {
		check_order(w, n, index);
		/* an agent may go on in the middle of a step when it is too late (README) */
		late = !is_leased(w, n);
		if (late && !n->resumed)
			world_violate(w, "G1", "n%u starts %s without a lease", n->id,
				      n->config.resources[index].name);
		w->counts.starts++;
		r->excused = late;
		set_running(w, n, index, true);
		service_arm_watchdog(w, n);
		takes = start_time(w, n);
	} else {
		w->counts.stops++;
		w->counts.urgent_stops += action->resource.urgent;
		takes = stop_time(w, n, action);
	}
	if (!r->hangs)
		world_push(w, w->now + takes,
			   (struct happening_entry){.type = HAPPENS_OPERATION_DONE,
						    .node = n->id,
						    .a = r->operation,
						    .b = n->run});
}

static int find_operation(const struct node *n, uint32_t operation)
{
	for (unsigned int r = 0; r < n->config.n_resources; r++)
		if (n->resource[r].pending && n->resource[r].operation == operation)
			return (int)r;
	return -1;
}

void service_kill(struct world *w, struct node *n, uint32_t operation)
{
	int index = find_operation(n, operation);

	if (index < 0)
		return; /* it has just ended by itself */
	n->resource[index].killed = true;
	world_push(w, w->now + rng_below(&n->rng, n->config.lease_margin_us / 16 + 1),
		   (struct happening_entry){.type = HAPPENS_OPERATION_DONE,
					    .node = n->id,
					    .a = operation,
					    .b = n->run});
}

void service_done(struct world *w, struct node *n, uint32_t operation, uint64_t run)
{
	struct core_event event = {.type = CORE_EVENT_RESOURCE_DONE};
	int index = find_operation(n, operation);
	struct sim_resource *r;

	if (!n->core || n->run != run || index < 0)
		return;
	if (n->paused) { /* its processes stand still too */
		world_push(w, w->now + n->config.interval_us,
			   (struct happening_entry){.type = HAPPENS_OPERATION_DONE,
						    .node = n->id,
						    .a = operation,
						    .b = run});
		return;
	}
	r = &n->resource[index];
	r->pending = false;
	r->ended_us = node_local(n, w->now);
	if (r->killed)
		r->result = RESOURCE_RESULT_TIMEOUT;
	r->stop_failed = !r->starting && r->result != RESOURCE_RESULT_OK;
	if (r->starting && r->result == RESOURCE_RESULT_OK)
		r->online = true;
	else if (r->result == RESOURCE_RESULT_OK)
		set_running(w, n, (unsigned int)index, false);
	event.resource_done.operation = operation;
	event.resource_done.result = r->result;
	event.resource_done.text = r->result == RESOURCE_RESULT_OK ? NULL : "simulated";
	trace(w, n->id, "done    %s %s: %s", r->starting ? "start" : "stop",
	      n->config.resources[index].name, r->result == RESOURCE_RESULT_OK ? "ok" : "failed");
	node_event(w, n, &event);
}

void service_lost(struct world *w, struct node *n, uint32_t resource)
{
	struct core_event event = {.type = CORE_EVENT_RESOURCE_LOST};
	struct sim_resource *r = &n->resource[resource];

	if (!n->core || n->paused || !r->online || r->pending)
		return;
	r->online = false;
	set_running(w, n, resource, false);
	event.resource_lost.resource = (uint16_t)resource;
	event.resource_lost.text = "simulated";
	node_event(w, n, &event);
}

/* ---- the lease, as the kernel and the watchdog enforce it ---- */

/* A ratio may have been in force when it was granted. */
static uint64_t longest_lease(const struct world *w)
{
	return (w->s->operate ? RATIO_MOST : 1) * w->s->lease_most_us;
}

/* A process of a machine that was paused may outlive its lease by as long (protocol.md, L6). */
static bool paused_lately(const struct world *w, const struct node *n)
{
	const struct core_config *c = &w->s->config;

	return n->woke_local && c->takeover == TAKEOVER_LEASE &&
	       node_local(n, w->now) < n->woke_local + longest_lease(w) + c->lease_margin_us;
}

static bool has_just_woken(const struct world *w, const struct node *n)
{
	return n->just_woke && node_local(n, w->now) < n->woke_local + longest_lease(w);
}

bool service_answers(const struct world *w, const struct node *n, unsigned int resource)
{
	if (!n->up || n->paused || !n->resource[resource].running)
		return false;
	if (n->config.resources[resource].address)
		return !has_just_woken(w, n) && is_leased(w, n);
	return !n->resource[resource].excused && !paused_lately(w, n);
}

static uint64_t watchdog_local(const struct node *n)
{
	return ha_time_add((ha_time){n->lease_end_local}, n->config.lease_margin_us * 3 / 4).us;
}

/* The lease may have gone on in the kernel. */
static void note_lease_end(struct node *n)
{
	uint64_t until = n->kernel.works ? kernel_until(n) : 0;

	if (until > n->lease_end_local)
		n->lease_end_local = until;
}

void service_arm_watchdog(struct world *w, struct node *n)
{
	uint64_t at;

	if (n->watchdog_armed || !n->up || n->paused)
		return;
	note_lease_end(n);
	at = node_true(n, watchdog_local(n));
	n->watchdog_armed = true;
	if (at == NEVER) {
		n->watchdog_armed = false; /* it is a quorum by itself */
		return;
	}
	world_push(w, at < w->now ? w->now : at,
		   (struct happening_entry){.type = HAPPENS_WATCHDOG, .node = n->id});
}

/* Something that the simulator did keeps the whole node from stopping in time. */
static bool node_has_excuse(const struct node *n)
{
	return !n->core || node_stalled(n) || n->stalled_local >= n->lease_end_local ||
	       n->stop_slow || n->stop_fail || n->hang || n->start_slow ||
	       (n->resource_fault_local && n->resource_fault_local >= n->lease_end_local);
}

/*
 * Or it, or one of its group that goes first: a stop that failed, or began when there was time and
 * ended when there was none.
 */
static bool has_excuse(const struct node *n, unsigned int resource)
{
	uint16_t group = n->config.resources[resource].group;

	for (unsigned int i = 0; i < n->config.n_resources; i++) {
		const struct sim_resource *r = &n->resource[i];

		if (n->config.resources[i].group == group &&
		    (r->excused || r->stop_failed ||
		     (!r->starting && r->began_us < n->lease_end_local &&
		      (r->pending || r->ended_us >= n->lease_end_local))))
			return true;
	}
	return node_has_excuse(n);
}

/* Processes whose lease ended must be gone by now. */
void service_watchdog(struct world *w, struct node *n)
{
	bool late = false;

	n->watchdog_armed = false;
	if (!n->up || n->paused)
		return;
	note_lease_end(n);
	if (node_local(n, w->now) < watchdog_local(n)) {
		service_arm_watchdog(w, n);
		return;
	}
	for (unsigned int i = 0; i < n->config.n_resources; i++) {
		struct sim_resource *r = &n->resource[i];

		if (!r->running || n->config.resources[i].address)
			continue;
		if (!has_excuse(n, i) && w->s->config.takeover == TAKEOVER_LEASE)
			world_violate(w, "I1", "n%u: process %s outlives the lease", n->id,
				      n->config.resources[i].name);
		late = true;
		r->excused = !w->s->watchdog && w->s->config.takeover == TAKEOVER_LEASE;
	}
	if (!late || !w->s->watchdog || w->s->config.takeover == TAKEOVER_FENCE)
		return;
	w->counts.resets++;
	trace(w, n->id, "watchdog resets the node");
	invariant_departs(w, n);
	node_crash(w, n, false);
	world_push(
		w,
		w->now + rng_range_log(&n->rng, n->config.timeout_us / 4, n->config.timeout_us * 4),
		(struct happening_entry){.type = HAPPENS_BOOT, .node = n->id});
}
