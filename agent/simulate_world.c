/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cores of all nodes on one virtual clock. */
#include "agent/simulate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE_BEATS  6	 /* before time 0: all hear each other */
#define QUIET_ROUNDS  20 /* timeouts without an event are the end */
#define STEPS_AT_ONCE 10000

/* One vector on its way; all receivers share it. */
struct body {
	unsigned int references;
	struct vector vector;
	struct vector_rows rows;
};

enum entry_type {
	ENTRY_VECTOR,
	ENTRY_RESOURCE,
	ENTRY_PERSISTED,
	ENTRY_SCRIPT,
	ENTRY_MONITOR,
	ENTRY_FENCE
};

struct entry {
	uint64_t at, order;
	enum entry_type type;
	uint8_t node;
	uint64_t number; /* operation, generation */
	uint16_t monitor;
	uint8_t target; /* to be off then; NODE_NONE: switched on */
	uint64_t round; /* of a monitor's orders: older ones are void */
	struct body *body;
};

struct node {
	struct core *core; /* NULL: down */
	uint64_t round[MONITORS_MAX];
};

struct world {
	const struct config *config;
	const struct simulate_question *question;
	struct simulate_answer *answer;
	ha_time now, zero;
	bool begun; /* time 0 has passed */
	bool failed;
	uint64_t order, last_event_us;
	struct entry *heap;
	size_t n, room, lines_room;
	struct core_actions *actions;
	struct node nodes[NODES_MAX];
};

/* ---- the heap ---- */

static bool earlier(const struct entry *a, const struct entry *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct entry *a, struct entry *b)
{
	struct entry t = *a;

	*a = *b;
	*b = t;
}

static void push(struct world *w, struct entry entry, uint64_t delay_us)
{
	size_t i = w->n;

	if (w->n == w->room) {
		size_t room = w->room ? 2 * w->room : 256;
		struct entry *heap = reallocarray(w->heap, room, sizeof *heap);

		if (!heap) {
			w->failed = true;
			return;
		}
		w->heap = heap;
		w->room = room;
	}
	entry.at = w->now.us + delay_us;
	entry.order = ++w->order;
	w->heap[w->n++] = entry;
	for (; i > 0 && earlier(&w->heap[i], &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&w->heap[i], &w->heap[(i - 1) / 2]);
}

static struct entry pop(struct world *w)
{
	struct entry top = w->heap[0];
	size_t i = 0;

	w->heap[0] = w->heap[--w->n];
	for (;;) {
		size_t least = i, left = 2 * i + 1, right = left + 1;

		if (left < w->n && earlier(&w->heap[left], &w->heap[least]))
			least = left;
		if (right < w->n && earlier(&w->heap[right], &w->heap[least]))
			least = right;
		if (least == i)
			return top;
		swap(&w->heap[i], &w->heap[least]);
		i = least;
	}
}

/* ---- vectors ---- */

static void body_unref(struct body *body)
{
	if (body && --body->references == 0)
		free(body);
}

static struct body *body_new(const struct vector *v)
{
	struct body *body = calloc(1, sizeof *body);

	if (!body)
		return NULL;
	body->references = 1;
	body->vector = *v;
	for (unsigned int i = 0; i < v->n_groups; i++) {
		body->rows.group_intents[i] = v->group_intents[i];
		body->rows.group_actuals[i] = v->group_actuals[i];
	}
	for (unsigned int i = 0; i < v->n_resources; i++)
		body->rows.resource_actuals[i] = v->resource_actuals[i];
	for (unsigned int i = 0; i < v->n_nodes; i++)
		body->rows.node_intents[i] = v->node_intents[i];
	for (unsigned int i = 0; i < v->n_monitors; i++) {
		body->rows.monitor_intents[i] = v->monitor_intents[i];
		body->rows.monitor_actuals[i] = v->monitor_actuals[i];
	}
	for (unsigned int i = 0; i < v->n_fences; i++)
		body->rows.fences[i] = v->fences[i];
	body->vector.group_intents = body->rows.group_intents;
	body->vector.group_actuals = body->rows.group_actuals;
	body->vector.resource_actuals = body->rows.resource_actuals;
	body->vector.node_intents = body->rows.node_intents;
	body->vector.monitor_intents = body->rows.monitor_intents;
	body->vector.monitor_actuals = body->rows.monitor_actuals;
	body->vector.fences = body->rows.fences;
	return body;
}

static bool hears(const struct world *w, uint8_t node, uint8_t from)
{
	return w->nodes[node].core && node != from &&
	       !(w->begun && node_mask_has(w->question->cut[node], from));
}

static void send_vector(struct world *w, uint8_t from)
{
	struct body *body = body_new(core_vector(w->nodes[from].core, w->now));

	if (!body) {
		w->failed = true;
		return;
	}
	for (uint8_t n = 0; n < w->config->n_nodes; n++) {
		if (!hears(w, n, from))
			continue;
		body->references++;
		push(w, (struct entry){.type = ENTRY_VECTOR, .node = n, .body = body},
		     w->question->times.network_us);
	}
	body_unref(body);
}

/* ---- what the drivers would do ---- */

static bool broken(const struct world *w, uint8_t node, uint16_t monitor)
{
	const struct simulate_question *q = w->question;

	for (uint8_t i = 0; w->begun && i < q->n_fails; i++)
		if (q->fail[i].monitor == monitor && q->fail[i].node == node)
			return true;
	return false;
}

/* A monitor that has been told to begin says how it is after as long as the real one would take. */
static void plan_verdict(struct world *w, uint8_t node, uint16_t monitor)
{
	const struct monitor_config *m = &w->config->monitors[monitor];
	uint64_t delay = m->first_wait_us;

	if (broken(w, node, monitor))
		delay += m->retries * m->interval_us;
	push(w,
	     (struct entry){.type = ENTRY_MONITOR,
			    .node = node,
			    .monitor = monitor,
			    .round = w->nodes[node].round[monitor]},
	     delay);
}

static uint64_t duration_us(const struct world *w, uint16_t resource)
{
	return w->config->resources[resource].type == RESOURCE_TYPE_FIP
		       ? w->question->times.address_us
		       : w->question->times.program_us;
}

static void note(struct world *w, const struct event *event)
{
	struct simulate_answer *a = w->answer;

	w->last_event_us = w->now.us;
	if (!w->begun)
		return;
	if (a->n == w->lines_room) {
		size_t room = w->lines_room ? 2 * w->lines_room : 128;
		struct simulate_line *lines = reallocarray(a->lines, room, sizeof *lines);

		if (!lines) {
			w->failed = true;
			return;
		}
		a->lines = lines;
		w->lines_room = room;
	}
	a->lines[a->n++] = (struct simulate_line){ha_time_since(w->now, w->zero), *event};
}

static void lose_power(struct world *w, uint8_t node)
{
	w->nodes[node].core = core_free(w->nodes[node].core);
}

/* False: the machine is off and the rest of its actions with it. */
static bool carry_out(struct world *w, uint8_t node, const struct core_action *a)
{
	switch (a->type) {
	case CORE_ACTION_SEND:
		send_vector(w, node);
		break;
	case CORE_ACTION_PERSIST: {
		struct durable_state *d = calloc(1, sizeof *d);

		if (!d) {
			w->failed = true;
			break;
		}
		core_durable(w->nodes[node].core, d);
		push(w,
		     (struct entry){.type = ENTRY_PERSISTED, .node = node, .number = d->generation},
		     w->question->times.disk_us);
		free(d);
		break;
	}
	case CORE_ACTION_RESOURCE_START:
	case CORE_ACTION_RESOURCE_STOP:
		push(w,
		     (struct entry){
			     .type = ENTRY_RESOURCE, .node = node, .number = a->resource.operation},
		     duration_us(w, a->resource.resource));
		break;
	case CORE_ACTION_EVENT:
		note(w, &a->event);
		break;
	case CORE_ACTION_SCRIPT:
		push(w,
		     (struct entry){
			     .type = ENTRY_SCRIPT, .node = node, .number = a->script.operation},
		     w->question->times.program_us);
		break;
	case CORE_ACTION_MONITOR:
		w->nodes[node].round[a->monitor.monitor]++;
		if (a->monitor.run)
			plan_verdict(w, node, a->monitor.monitor);
		break;
	case CORE_ACTION_POWER:
		if (a->power.action == FINAL_SHUTDOWN || a->power.action == FINAL_REBOOT ||
		    a->power.action == FINAL_PANIC)
			return false;
		break;
	case CORE_ACTION_FENCE: /* every device works; what is switched on again stays away */
		push(w,
		     (struct entry){.type = ENTRY_FENCE,
				    .node = node,
				    .number = a->fence.operation,
				    .target = a->fence.order == FENCE_ORDER_OFF
						      ? a->fence.target
						      : (uint8_t)NODE_NONE},
		     w->question->times.fence_us);
		break;
	case CORE_ACTION_RESOURCE_KILL: /* nothing hangs here */
	case CORE_ACTION_FENCE_CANCEL:
	case CORE_ACTION_LEASE:
	case CORE_ACTION_DELEGATE:
	case CORE_ACTION_ANSWER:
	case CORE_ACTION_LEFT:
	case CORE_ACTION_RATIO:
	case CORE_ACTION_CONFIG:
	case CORE_ACTION_TYPE_COUNT_:
	default:
		break;
	}
	return true;
}

static void step(struct world *w, uint8_t node, const struct core_event *event)
{
	if (!w->nodes[node].core)
		return;
	core_step(w->nodes[node].core, event, w->now, w->actions);
	for (size_t i = 0; i < w->actions->n; i++) {
		if (carry_out(w, node, &w->actions->action[i]))
			continue;
		lose_power(w, node);
		return;
	}
}

static void monitor_verdict(struct world *w, const struct entry *e)
{
	bool bad = broken(w, e->node, e->monitor);
	struct core_event event = {.type = CORE_EVENT_MONITOR,
				   .monitor = {.monitor = e->monitor,
					       .status = bad ? MONITOR_ERROR : MONITOR_NORMAL,
					       .text = bad ? "as asked for" : NULL}};

	if (e->round != w->nodes[e->node].round[e->monitor])
		return;
	step(w, e->node, &event);
	if (bad && w->nodes[e->node].core &&
	    e->round == w->nodes[e->node].round[e->monitor]) /* it goes on failing */
		push(w, *e,
		     (w->config->monitors[e->monitor].retries + 1) *
			     w->config->monitors[e->monitor].interval_us);
}

static void happen(struct world *w, const struct entry *e)
{
	struct core_event event = {.type = CORE_EVENT_TICK};

	switch (e->type) {
	case ENTRY_VECTOR:
		if (hears(w, e->node, e->body->vector.head.node)) {
			event.type = CORE_EVENT_VECTOR;
			event.vector.vector = &e->body->vector;
			for (uint8_t k = 0; k < w->config->n_links; k++) {
				event.vector.link = k;
				step(w, e->node, &event);
			}
		}
		body_unref(e->body);
		return;
	case ENTRY_RESOURCE:
		event.type = CORE_EVENT_RESOURCE_DONE;
		event.resource_done.operation = (uint32_t)e->number;
		event.resource_done.result = RESOURCE_RESULT_OK;
		break;
	case ENTRY_PERSISTED:
		event.type = CORE_EVENT_PERSISTED;
		event.persisted.generation = e->number;
		break;
	case ENTRY_SCRIPT:
		event.type = CORE_EVENT_SCRIPT_DONE;
		event.script_done.operation = (uint32_t)e->number;
		event.script_done.ok = true;
		break;
	case ENTRY_MONITOR:
		monitor_verdict(w, e);
		return;
	case ENTRY_FENCE:
		if (!w->nodes[e->node].core)
			return; /* who ordered it is off: so is the order */
		if (e->target != NODE_NONE)
			lose_power(w, e->target);
		event.type = CORE_EVENT_FENCE_DONE;
		event.fence_done.operation = (uint32_t)e->number;
		event.fence_done.result = RESOURCE_RESULT_OK;
		break;
	default:
		return;
	}
	step(w, e->node, &event);
}

/* ---- time ---- */

static uint8_t next_tick(const struct world *w, ha_time *ret_at)
{
	uint8_t best = NODE_NONE;

	*ret_at = HA_TIME_NEVER;
	for (uint8_t n = 0; n < w->config->n_nodes; n++) {
		ha_time at;

		if (!w->nodes[n].core)
			continue;
		at = core_deadline(w->nodes[n].core);
		if (best == NODE_NONE || at.us < ret_at->us) {
			best = n;
			*ret_at = at;
		}
	}
	return best;
}

/* One happening not later than `until`; false: there is none. */
static bool advance(struct world *w, ha_time until)
{
	static const struct core_event tick = {.type = CORE_EVENT_TICK};
	ha_time at;
	uint8_t node = next_tick(w, &at);

	if (w->n && w->heap[0].at <= at.us) {
		struct entry e;

		if (w->heap[0].at > until.us)
			return false;
		e = pop(w);
		w->now = ha_time_max(w->now, (ha_time){e.at});
		happen(w, &e);
		return true;
	}
	if (node == NODE_NONE || at.us > until.us)
		return false;
	w->now = ha_time_max(w->now, at);
	step(w, node, &tick);
	return true;
}

static void run_until(struct world *w, ha_time until)
{
	while (!w->failed && advance(w, until))
		;
	w->now = ha_time_max(w->now, until);
}

/* Where a group is online by the word of its own node. */
static uint8_t online_on(const struct world *w, uint16_t group)
{
	for (uint8_t n = 0; n < w->config->n_nodes; n++) {
		struct core_group_info info;

		if (!w->nodes[n].core)
			continue;
		core_group_info(w->nodes[n].core, group, w->now, &info);
		if (info.state == GROUP_ONLINE && info.current == n)
			return n;
	}
	return NODE_NONE;
}

static void watch_groups(struct world *w)
{
	struct simulate_answer *a = w->answer;

	for (uint16_t g = 0; g < w->config->n_groups; g++) {
		a->after[g] = online_on(w, g);
		if (a->after[g] == NODE_NONE)
			a->outage_us[g] = UINT64_MAX;
		else if (a->outage_us[g] == UINT64_MAX)
			a->outage_us[g] = ha_time_since(w->now, w->zero);
	}
}

static void begin(struct world *w)
{
	static const struct core_event leave = {.type = CORE_EVENT_LEAVE};
	const struct simulate_question *q = w->question;
	unsigned int n;

	for (uint16_t g = 0; g < w->config->n_groups; g++)
		w->answer->before[g] = online_on(w, g);
	w->zero = w->now;
	w->begun = true;
	w->last_event_us = w->now.us;
	node_mask_for_each (n, q->down)
		lose_power(w, (uint8_t)n);
	node_mask_for_each (n, q->leave)
		step(w, (uint8_t)n, &leave);
	for (uint8_t i = 0; i < q->n_fails; i++)
		if (q->fail[i].node < NODES_MAX)
			plan_verdict(w, q->fail[i].node, q->fail[i].monitor);
	watch_groups(w);
}

static uint64_t quiet_us(const struct world *w)
{
	uint64_t us = QUIET_ROUNDS * w->config->timing.timeout_us;

	for (uint16_t m = 0; m < w->config->n_monitors; m++) {
		const struct monitor_config *c = &w->config->monitors[m];
		uint64_t round = c->first_wait_us + (c->retries + 1U) * c->interval_us;

		for (uint8_t i = 0; i < w->question->n_fails; i++)
			if (w->question->fail[i].monitor == m && us < 2 * round)
				us = 2 * round;
	}
	return us;
}

static void play(struct world *w)
{
	ha_time end = ha_time_add(w->zero, w->question->horizon_us);
	uint64_t quiet = quiet_us(w);

	for (;;) {
		ha_time until = ha_time_add((ha_time){w->last_event_us}, quiet);

		w->answer->quiet = until.us <= end.us;
		if (w->failed || !advance(w, ha_time_min(until, end)))
			break;
		watch_groups(w);
	}
	w->answer->end_us = ha_time_since(w->now, w->zero);
}

/* ---- life cycle ---- */

static int start(struct world *w, const struct core_seed *seed)
{
	struct core_config *core = calloc(1, sizeof *core);
	int r = core ? 0 : -ENOMEM;

	for (uint8_t n = 0; r >= 0 && n < w->config->n_nodes; n++) {
		if (!node_mask_has(seed->up, n))
			continue;
		config_to_core(w->config, n, core);
		r = core_new_seeded(core, seed, w->now, &w->nodes[n].core);
	}
	free(core);
	return r;
}

static void world_clear(struct world *w)
{
	for (size_t i = 0; i < w->n; i++)
		body_unref(w->heap[i].body);
	for (uint8_t n = 0; n < NODES_MAX; n++)
		w->nodes[n].core = core_free(w->nodes[n].core);
	free(w->heap);
	free(w->actions);
}

int simulate_run(const struct config *config, const struct core_seed *seed,
		 const struct simulate_question *question, struct simulate_answer *ret)
{
	struct simulate_answer answer = {0};
	struct world *w = calloc(1, sizeof *w);
	int r;

	if (!w)
		return -ENOMEM;
	*w = (struct world){.config = config,
			    .question = question,
			    .answer = &answer,
			    .now = {USEC_PER_SEC * 3600},
			    .actions = calloc(1, sizeof *w->actions)};
	r = w->actions ? start(w, seed) : -ENOMEM;
	if (r >= 0) {
		run_until(w, ha_time_add(w->now, SETTLE_BEATS * config->timing.interval_us));
		begin(w);
		play(w);
		for (uint8_t n = 0; n < config->n_nodes; n++)
			answer.up |= w->nodes[n].core ? node_bit(n) : 0;
		r = w->failed ? -ENOMEM : 0;
	}
	world_clear(w);
	free(w);
	if (r < 0)
		simulate_answer_clear(&answer);
	else
		*ret = answer;
	return r;
}

void simulate_answer_clear(struct simulate_answer *answer)
{
	free(answer->lines);
	memset(answer, 0, sizeof *answer);
}
