/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TEST_CORE_WORLD_H
#define HF_TEST_CORE_WORLD_H

/*
 * N cores on a virtual clock, vectors delivered 100 us later, disks and drivers that answer at
 * once; with config.kernel, also their kernels. An agent can be frozen between any two of its
 * actions. Faults in depth are the simulator's business.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "include/core.h"
#include "tests/unit/core_kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_MAX	 4
#define DELAY_US 100
#define QUEUE	 4096

struct datagram {
	ha_time at;
	uint8_t from, to;
	struct vector vector;
	struct vector_rows rows;
};

/* What a frozen agent has yet to do: the rest of a step's actions, or first an answer. */
struct rest {
	struct core_actions *actions; /* NULL: `event` */
	size_t at;
	struct core_event event;
};

/* How a level of devices behaves, by target. */
enum device {
	DEVICE_WORKS,
	DEVICE_FAILS,  /* switches nothing, and says so */
	DEVICE_SILENT, /* never answers, and switches nothing */
	DEVICE_UNREAD, /* switches off, but cannot be read: not confirmed (X7a) */
};

/* An order that is being carried out by one node, for one target. */
struct fencing {
	bool busy, cancelled;
	uint8_t level, order; /* enum fence_order */
	uint32_t operation;
	ha_time at; /* when the device has done it */
};

struct world {
	ha_time now;
	uint8_t n;
	struct core_config config;
	struct core *core[N_MAX];
	struct durable_state disk[N_MAX];
	bool on_disk[N_MAX], running[N_MAX][8], dead[N_MAX], frozen[N_MAX], cut[N_MAX][N_MAX];
	bool fail_start[N_MAX], fail_stop[N_MAX], disk_fails[N_MAX];
	uint8_t stuck[N_MAX];  /* bit r: a stop of resource r fails */
	uint8_t broken[N_MAX]; /* bit r: a start of resource r fails */
	uint8_t misses[N_MAX]; /* so many more stops fail */
	uint8_t slow[N_MAX];   /* bit r: a stop of resource r is not answered yet */
	uint8_t slow_start[N_MAX];
	uint32_t unanswered[N_MAX][8];
	bool unanswered_start[N_MAX][8];
	uint8_t power[N_MAX]; /* enum final_action, of CORE_ACTION_POWER */
	uint8_t cause[N_MAX]; /* of the last order to a resource */
	/* as the drivers of monitors were told last */
	bool checks[N_MAX][MONITORS_MAX], failing[N_MAX][MONITORS_MAX];
	unsigned int begun[N_MAX]; /* monitors, anew each time */
	uint32_t script[N_MAX];	   /* operation of the last program before a step */
	uint8_t stage[N_MAX];	   /* enum recovery_stage of it */
	struct event last[700];	   /* by id */
	ha_time lease[N_MAX];
	uint16_t stopped[64]; /* resources, in the order of their stops */
	unsigned int n_stopped;
	uint8_t last_answer;
	unsigned int starts, seen[700], sent[N_MAX];
	struct datagram *queue[QUEUE];
	unsigned int n_queue;
	size_t most_actions;		  /* of one step */
	bool disk_slow[N_MAX];		  /* a write is not answered before disk_done() */
	uint64_t unwritten[N_MAX];	  /* its generation; 0: none */
	struct durable_state next[N_MAX]; /* and what it writes */
	uint16_t ratio[N_MAX];		  /* as the drivers were told; 0: never */
	struct kernels *kernels;	  /* NULL: none */
	bool lose[N_MAX][N_MAX];	  /* vectors */
	int budget[N_MAX];		  /* so many actions more, then it freezes; -1: no end */
	struct rest rest[N_MAX][8];
	unsigned int n_rest[N_MAX];
	bool hold_taken_back[N_MAX];
	struct core_event taken_back[N_MAX];
	/* fencing */
	bool strict; /* what runs counts, leased or not: with takeover = fence */
	uint8_t device[N_MAX][FENCE_LEVELS_MAX]; /* enum device, by target */
	uint64_t device_us;			 /* how long one takes */
	bool unable[N_MAX];			 /* all that it orders fails */
	bool deaf;			      /* devices that are at work do not hear of a cancel */
	struct fencing fencing[N_MAX][N_MAX]; /* by executor, target */
	unsigned int offs[N_MAX][N_MAX];      /* orders, likewise */
	unsigned int ons[N_MAX], cancels[N_MAX];
	uint8_t tried[256]; /* levels, in the order of their tries */
	unsigned int n_tried;
	unsigned int applied[N_MAX];			     /* orders to apply a configuration */
	uint64_t apply_generation[N_MAX], apply_hash[N_MAX]; /* the last one */
};

static inline void step(struct world *w, uint8_t i, const struct core_event *event);

/*
 * Blocks of one size, used again rather than freed: these are large, and there is one for each step
 * and datagram, which is what takes the time under a sanitizer.
 */
struct pool {
	void *free[64];
	unsigned int n;
};
static struct pool datagrams, action_lists;

static inline void *pool_take(struct pool *pool, size_t size)
{
	void *block = pool->n ? pool->free[--pool->n] : malloc(size);

	assert_non_null(block);
	return block;
}

static inline void pool_give(struct pool *pool, void *block)
{
	if (pool->n < sizeof pool->free / sizeof *pool->free)
		pool->free[pool->n++] = block;
	else
		free(block);
}

static inline void post(struct world *w, uint8_t from)
{
	const struct vector *v = core_vector(w->core[from], w->now);

	/* rules P4, R5 */
	assert_true(v->head.lease_us <= w->disk[from].lease_max_us);
	assert_true(v->head.timeout_us <= v->head.lease_us);
	for (uint8_t to = 0; to < w->n; to++) {
		if (to == from || w->cut[from][to] || w->lose[from][to])
			continue;
		struct datagram *d = pool_take(&datagrams, sizeof *d);
		d->at = ha_time_add(w->now, DELAY_US);
		d->from = from;
		d->to = to;
		d->vector = *v;
		memcpy(d->rows.group_intents, v->group_intents,
		       v->n_groups * sizeof *v->group_intents);
		memcpy(d->rows.group_actuals, v->group_actuals,
		       v->n_groups * sizeof *v->group_actuals);
		memcpy(d->rows.resource_actuals, v->resource_actuals,
		       v->n_resources * sizeof *v->resource_actuals);
		memcpy(d->rows.node_intents, v->node_intents, v->n_nodes * sizeof *v->node_intents);
		memcpy(d->rows.monitor_intents, v->monitor_intents,
		       v->n_monitors * sizeof *v->monitor_intents);
		memcpy(d->rows.monitor_actuals, v->monitor_actuals,
		       v->n_monitors * sizeof *v->monitor_actuals);
		memcpy(d->rows.fences, v->fences, v->n_fences * sizeof *v->fences);
		d->vector.group_intents = d->rows.group_intents;
		d->vector.group_actuals = d->rows.group_actuals;
		d->vector.resource_actuals = d->rows.resource_actuals;
		d->vector.node_intents = d->rows.node_intents;
		d->vector.monitor_intents = d->rows.monitor_intents;
		d->vector.monitor_actuals = d->rows.monitor_actuals;
		d->vector.fences = d->rows.fences;
		assert_true(w->n_queue < QUEUE);
		w->queue[w->n_queue++] = d;
	}
}

/* Rule K6: with each vector, to each peer. */
static inline void ask(struct world *w, uint8_t from)
{
	if (!w->kernels)
		return;
	w->kernels->node[from].progress++;
	w->kernels->node[from].progress_at = w->now.us;
	for (uint8_t to = 0; to < w->n; to++) {
		struct probe p;

		if (to == from)
			continue;
		core_probe(w->core[from], to, w->now, &p);
		if (!w->cut[from][to])
			kernel_ask(w->kernels, from, to, &p, ha_time_add(w->now, DELAY_US));
	}
}

/* True if the agent is frozen before this. */
static inline bool freeze_now(struct world *w, uint8_t i)
{
	if (w->budget[i] == 0)
		w->frozen[i] = true;
	else if (w->budget[i] > 0)
		w->budget[i]--;
	return w->frozen[i];
}

static inline struct rest *rest_add(struct world *w, uint8_t i)
{
	assert_true(w->n_rest[i] < 8);
	memset(&w->rest[i][w->n_rest[i]], 0, sizeof w->rest[i][0]);
	return &w->rest[i][w->n_rest[i]++];
}

static inline void delegate(struct world *w, uint8_t i)
{
	struct delegation d;
	struct core_event e;

	if (!w->kernels)
		return;
	core_delegation(w->core[i], &d);
	e = kernel_delegate(w->kernels, i, &d);
	if (w->hold_taken_back[i])
		w->taken_back[i] = e;
	else if (freeze_now(w, i))
		rest_add(w, i)->event = e;
	else
		step(w, i, &e);
}

static inline void drive(struct world *w, uint8_t i, const struct core_action *a)
{
	bool start = a->type == CORE_ACTION_RESOURCE_START;
	uint8_t bit = (uint8_t)(1U << a->resource.resource);
	bool stuck = w->fail_stop[i] || (w->stuck[i] & bit) || (!start && w->misses[i]);
	bool fail = start ? w->fail_start[i] || (w->broken[i] & bit) : stuck;
	struct core_event e = {.type = CORE_EVENT_RESOURCE_DONE};

	w->misses[i] = (uint8_t)(w->misses[i] - (!start && w->misses[i]));
	w->cause[i] = a->resource.cause;
	if (start)
		w->starts++;
	else if (w->n_stopped < 64)
		w->stopped[w->n_stopped++] = a->resource.resource;
	if ((start ? w->slow_start[i] : w->slow[i]) & bit) {
		w->unanswered[i][a->resource.resource] = a->resource.operation;
		w->unanswered_start[i][a->resource.resource] = start;
		return;
	}
	if (!fail || start)
		w->running[i][a->resource.resource] = start && !fail;
	e.resource_done.operation = a->resource.operation;
	e.resource_done.result = fail ? RESOURCE_RESULT_FAILED : RESOURCE_RESULT_OK;
	step(w, i, &e);
}

/* The answer to an order that was held back. */
static inline void answer(struct world *w, uint8_t i, uint16_t resource, bool ok)
{
	struct core_event e = {.type = CORE_EVENT_RESOURCE_DONE};

	assert_int_not_equal(w->unanswered[i][resource], 0);
	e.resource_done.operation = w->unanswered[i][resource];
	e.resource_done.result = ok ? RESOURCE_RESULT_OK : RESOURCE_RESULT_FAILED;
	w->unanswered[i][resource] = 0;
	if (ok)
		w->running[i][resource] = w->unanswered_start[i][resource];
	step(w, i, &e);
}

/* An order to a monitor always changes something (rule M1). */
static inline void drive_monitor(struct world *w, uint8_t i, const struct core_action *a)
{
	uint16_t m = a->monitor.monitor;

	assert_true(a->monitor.run != w->checks[i][m] || a->monitor.failing != w->failing[i][m]);
	w->begun[i] += a->monitor.run && !w->checks[i][m];
	w->checks[i][m] = a->monitor.run;
	w->failing[i][m] = a->monitor.failing;
}

static inline void disk_done(struct world *w, uint8_t i)
{
	struct core_event e = {.type = CORE_EVENT_PERSISTED};

	if (!w->unwritten[i])
		return;
	e.persisted.generation = w->unwritten[i];
	e.persisted.result = w->disk_fails[i] ? -5 : 0;
	w->unwritten[i] = 0;
	if (!w->disk_fails[i]) {
		w->disk[i] = w->next[i];
		w->on_disk[i] = true;
	}
	step(w, i, &e);
}

static inline void boot(struct world *w, uint8_t i);

/* The whole machine, at once; nobody says so. */
static inline void power_off(struct world *w, uint8_t i)
{
	w->dead[i] = true;
	memset(w->running[i], 0, sizeof w->running[i]);
	for (uint8_t t = 0; t < w->n; t++)
		if (w->fencing[i][t].order != FENCE_ORDER_OFF)
			w->fencing[i][t].busy = false;
}

/* What the device has been told to do is done even if who told it is off by then. */
static inline void fence_order(struct world *w, uint8_t i, const struct core_action *a)
{
	struct fencing *f = &w->fencing[i][a->fence.target];
	bool off = a->fence.order == FENCE_ORDER_OFF;

	assert_int_not_equal(a->fence.target, i);
	assert_false(f->busy); /* one at a time */
	if (off) {
		w->offs[i][a->fence.target]++;
		w->tried[w->n_tried++ % sizeof w->tried] = a->fence.level;
	}
	*f = (struct fencing){.busy = true,
			      .level = a->fence.level,
			      .order = a->fence.order,
			      .operation = a->fence.operation,
			      .at = ha_time_add(w->now, w->device_us)};
	if (off && w->device[a->fence.target][a->fence.level] == DEVICE_SILENT)
		f->at = HA_TIME_NEVER;
}

static inline void fence_happens(struct world *w, uint8_t i, uint8_t target)
{
	struct fencing f = w->fencing[i][target];
	struct core_event e = {.type = CORE_EVENT_FENCE_DONE};
	uint8_t device = w->unable[i] ? DEVICE_FAILS : w->device[target][f.level];
	bool ok = !f.cancelled && (device == DEVICE_WORKS || f.order == FENCE_ORDER_ON);

	w->fencing[i][target].busy = false;
	e.fence_done.operation = f.operation;
	e.fence_done.result = ok ? RESOURCE_RESULT_OK : RESOURCE_RESULT_FAILED;
	e.fence_done.text = ok ? "read" : "not read";
	if (f.order == FENCE_ORDER_ON && ok) {
		w->ons[target]++;
		boot(w, target);
	} else if (!f.cancelled && (ok || device == DEVICE_UNREAD)) {
		power_off(w, target);
	}
	if (w->core[i] && !w->dead[i] && !w->frozen[i])
		step(w, i, &e);
}

static inline void fence_cancel(struct world *w, uint8_t i, const struct core_action *a)
{
	struct fencing *f = &w->fencing[i][a->fence.target];

	w->cancels[i]++;
	if (!f->busy || f->operation != a->fence.operation || w->deaf)
		return;
	f->cancelled = true;
	fence_happens(w, i, a->fence.target);
}

static inline void carry_out(struct world *w, uint8_t i, const struct core_action *a)
{
	switch (a->type) {
	case CORE_ACTION_SEND:
		w->sent[i]++;
		post(w, i);
		ask(w, i);
		break;
	case CORE_ACTION_PERSIST:
		core_durable(w->core[i], &w->next[i]);
		w->unwritten[i] = w->next[i].generation;
		if (!w->disk_slow[i])
			disk_done(w, i);
		break;
	case CORE_ACTION_RESOURCE_START:
	case CORE_ACTION_RESOURCE_STOP:
		drive(w, i, a);
		break;
	case CORE_ACTION_LEASE:
		w->lease[i] = a->lease.until;
		if (w->kernels)
			kernel_lease(w->kernels, i, a);
		break;
	case CORE_ACTION_EVENT:
		w->seen[a->event.id]++;
		w->last[a->event.id] = a->event;
		if (getenv("TRACE"))
			printf("%10.3f n%u %u node %u group %u args %lx %lx\n",
			       (double)w->now.us / 1000, i, a->event.id, a->event.node,
			       a->event.group, a->event.arg[0], a->event.arg[1]);
		break;
	case CORE_ACTION_ANSWER:
		w->last_answer = a->answer.code;
		break;
	case CORE_ACTION_LEFT:
		w->dead[i] = true;
		break;
	case CORE_ACTION_POWER:
		w->power[i] = a->power.action;
		break;
	case CORE_ACTION_SCRIPT:
		w->script[i] = a->script.operation;
		w->stage[i] = a->script.stage;
		break;
	case CORE_ACTION_RESOURCE_KILL:
		/* one that it never began: it stands in what a frozen agent has yet to do */
		if (w->unanswered[i][a->resource.resource])
			answer(w, i, a->resource.resource, false);
		break;
	case CORE_ACTION_MONITOR: /* has been */
		break;
	case CORE_ACTION_RATIO:
		w->ratio[i] = a->ratio.ratio;
		break;
	case CORE_ACTION_CONFIG:
		w->applied[i]++;
		w->apply_generation[i] = a->config.generation;
		w->apply_hash[i] = a->config.hash;
		break;
	case CORE_ACTION_DELEGATE:
		delegate(w, i);
		break;
	case CORE_ACTION_FENCE:
		fence_order(w, i, a);
		break;
	case CORE_ACTION_FENCE_CANCEL:
		fence_cancel(w, i, a);
		break;
	case CORE_ACTION_TYPE_COUNT_:
		fail();
	}
}

/* May what runs there be used? With a kernel, as far as that lets it, whatever its agent does. */
static inline bool leased(const struct world *w, uint8_t i)
{
	return w->kernels ? lease_valid(&w->kernels->node[i], w->now.us)
			  : ha_time_before(w->now, w->lease[i]);
}

static inline void check_owners(const struct world *w)
{
	for (uint8_t r = 0; r < w->config.n_resources; r++) {
		unsigned int owners = 0;

		for (uint8_t i = 0; i < w->n; i++)
			owners += w->running[i][r] && (w->strict ? !w->dead[i] : leased(w, i));
		assert_true(owners <= 1);
	}
}

static inline void carry_out_from(struct world *w, uint8_t i, struct core_actions *list, size_t at)
{
	for (size_t k = at; k < list->n; k++) {
		/* if it is frozen within an action, that one is over when it goes on */
		if (freeze_now(w, i)) {
			struct rest *r = rest_add(w, i);

			r->actions = list;
			r->at = k;
			return;
		}
		carry_out(w, i, &list->action[k]);
	}
	pool_give(&action_lists, list);
}

static inline void step(struct world *w, uint8_t i, const struct core_event *event)
{
	struct core_actions *mine = pool_take(&action_lists, sizeof *mine);
	struct core_self_info self;

	core_self_info(w->core[i], w->now, &self);
	if (w->kernels && event->type != CORE_EVENT_KERNEL && self.lease_until.us &&
	    ha_time_reached(self.lease_until, w->now)) {
		struct core_event e = kernel_read(w->kernels, i); /* rule K7 */

		step(w, i, &e);
	}
	core_step(w->core[i], event, w->now, mine);
	core_check(w->core[i]);
	w->most_actions = mine->n > w->most_actions ? mine->n : w->most_actions;
	/* an order that is answered at once steps again before the rest is carried out */
	for (size_t k = 0; k < mine->n; k++)
		if (mine->action[k].type == CORE_ACTION_MONITOR)
			drive_monitor(w, i, &mine->action[k]);
	carry_out_from(w, i, mine, 0);
	check_owners(w);
}

/* A frozen agent goes on where it stood: by then its actions are old. */
static inline void thaw(struct world *w, uint8_t i)
{
	struct rest rest[8];
	unsigned int n = w->n_rest[i];

	memcpy(rest, w->rest[i], sizeof rest);
	w->n_rest[i] = 0;
	w->frozen[i] = false;
	w->budget[i] = -1;
	for (unsigned int k = 0; k < n; k++) {
		if (rest[k].actions)
			carry_out_from(w, i, rest[k].actions, rest[k].at);
		else
			step(w, i, &rest[k].event);
	}
	check_owners(w);
}

static inline void deliver(struct world *w, unsigned int k)
{
	struct datagram *d = w->queue[k];
	struct core_event e = {.type = CORE_EVENT_VECTOR};

	w->queue[k] = w->queue[--w->n_queue];
	e.vector.vector = &d->vector;
	if (w->core[d->to] && !w->dead[d->to] && !w->frozen[d->to])
		step(w, d->to, &e);
	pool_give(&datagrams, d);
}

static inline void deliver_note(struct world *w, unsigned int k)
{
	struct note n = w->kernels->notes[k];

	w->kernels->notes[k] = w->kernels->notes[--w->kernels->n_notes];
	if (w->cut[n.from][n.to])
		return;
	if (n.probe.type == KERNEL_PROBE) {
		kernel_probed(w->kernels, &n, DELAY_US);
		check_owners(w);
	} else if (w->core[n.to] && !w->dead[n.to] && !w->frozen[n.to]) {
		struct core_event e = kernel_answer_of(&n.probe);

		step(w, n.to, &e);
	}
}

/* Advances to `until`, or until `done` says so: true then. */
static inline bool run_until(struct world *w, uint64_t us, bool (*done)(const struct world *))
{
	ha_time until = ha_time_add(w->now, us);

	for (;;) {
		ha_time next = until;
		int tick = -1, mail = -1, note = -1, device = -1;

		if (done && done(w))
			return true;
		for (uint8_t i = 0; i < w->n; i++)
			if (w->core[i] && !w->dead[i] && !w->frozen[i] &&
			    ha_time_before(core_deadline(w->core[i]), next)) {
				next = core_deadline(w->core[i]);
				tick = i;
			}
		for (unsigned int k = 0; k < w->n_queue; k++)
			if (ha_time_before(w->queue[k]->at, next)) {
				next = w->queue[k]->at;
				mail = (int)k;
			}
		for (unsigned int k = 0; w->kernels && k < w->kernels->n_notes; k++)
			if (ha_time_before(w->kernels->notes[k].at, next)) {
				next = w->kernels->notes[k].at;
				note = (int)k;
			}
		for (int k = 0; k < w->n * w->n; k++) {
			const struct fencing *f = &w->fencing[k / w->n][k % w->n];

			if (f->busy && ha_time_before(f->at, next)) {
				next = f->at;
				device = k;
			}
		}
		w->now = ha_time_max(next, w->now);
		if (device >= 0)
			fence_happens(w, (uint8_t)(device / w->n), (uint8_t)(device % w->n));
		else if (note >= 0)
			deliver_note(w, (unsigned int)note);
		else if (mail >= 0)
			deliver(w, (unsigned int)mail);
		else if (tick >= 0)
			step(w, (uint8_t)tick, &(struct core_event){.type = CORE_EVENT_TICK});
		else
			return false;
	}
}

/* From now on its kernel tells of this agent. */
static inline void kernel_begin(struct world *w, uint8_t i)
{
	struct core_self_info self;

	core_self_info(w->core[i], w->now, &self);
	w->kernels->node[i].incarnation = self.incarnation;
	w->kernels->gone[i] = false;
}

static inline void boot(struct world *w, uint8_t i)
{
	w->config.self = i;
	w->dead[i] = w->frozen[i] = false;
	memset(w->checks[i], 0, sizeof w->checks[i]);
	memset(w->failing[i], 0, sizeof w->failing[i]);
	w->unwritten[i] = 0;
	w->ratio[i] = 0;
	w->core[i] = core_free(w->core[i]);
	if (w->kernels)
		kernel_boot(w->kernels, &w->config, i);
	assert_int_equal(core_new(&w->config, w->on_disk[i] ? &w->disk[i] : NULL, w->running[i],
				  w->now, &w->core[i]),
			 0);
	w->budget[i] = -1;
	w->n_rest[i] = 0;
	if (w->kernels)
		kernel_begin(w, i);
}

static inline struct world *world_new(uint8_t n, uint8_t witnesses)
{
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	w->n = n;
	w->now.us = 1000000;
	w->config = (struct core_config){
		.n_nodes = n,
		.n_links = 1,
		.n_groups = 1,
		.n_resources = 2,
		.takeover = TAKEOVER_LEASE,
		.interval_us = 10000,
		.timeout_us = 30000,
		.lease_us = 40000,
		.lease_margin_us = 2000,
		.drift_ppm = 1000,
		.late_percent = 80,
		.startup_wait_us = 1000000,
		.request_timeout_us = 1000000,
		.flap_limit = 3,
		.flap_window_us = 60000000,
		.failure_expiry_us = 60000000,
		.quarantine_us = 30000000,
		.quarantine_max_us = 300000000,
	};
	for (uint8_t i = 0; i < n; i++) {
		(void)snprintf(w->config.nodes[i].name, NAME_SIZE, "n%u", i);
		w->config.nodes[i].votes = 1;
		w->config.nodes[i].hosts = i < n - witnesses;
		if (w->config.nodes[i].hosts)
			w->config.groups[0].nodes[w->config.groups[0].n_nodes++] = i;
	}
	(void)snprintf(w->config.groups[0].name, NAME_SIZE, "g0");
	w->config.groups[0].autostart = true;
	for (uint8_t r = 0; r < 2; r++)
		w->config.resources[r] = (struct core_resource_config){.address = r == 0,
								       .failovers = FAILOVERS_NODES,
								       .start_timeout_us = 1000000,
								       .stop_timeout_us = 1000000};
	w->config.resources[1].n_deps = 1;
	for (uint8_t i = 0; i < n; i++)
		boot(w, i);
	return w;
}

static inline void world_free(struct world *w)
{
	for (uint8_t i = 0; i < w->n; i++)
		core_free(w->core[i]);
	while (w->n_queue)
		free(w->queue[--w->n_queue]);
	for (uint8_t i = 0; i < w->n; i++)
		for (unsigned int k = 0; k < w->n_rest[i]; k++)
			free(w->rest[i][k].actions);
	free(w->kernels);
	free(w);
}

static inline int owner(const struct world *w)
{
	for (uint8_t i = 0; i < w->n; i++)
		if (!w->dead[i] && !w->frozen[i] && w->running[i][0] && w->running[i][1] &&
		    ha_time_before(w->now, w->lease[i]))
			return i;
	return -1;
}

static inline bool on_0(const struct world *w)
{
	return owner(w) == 0;
}

static inline bool on_1(const struct world *w)
{
	return owner(w) == 1;
}

static inline void isolate(struct world *w, uint8_t node, bool cut)
{
	for (uint8_t i = 0; i < w->n; i++)
		w->cut[i][node] = w->cut[node][i] = cut;
}

static inline void request(struct world *w, uint8_t at, uint8_t kind, uint8_t target)
{
	struct core_event e = {.type = CORE_EVENT_REQUEST};

	e.request.kind = kind;
	e.request.target = target;
	w->last_answer = ANSWER_NONE;
	step(w, at, &e);
}

#endif
