/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Monitors, commands about the whole cluster, timeout ratio and changes of the configuration
 * (rules M, O, R, C) in two fifths of the schedules, from a stream of their own.
 */
#include "tests/sim/world.h"

#include <string.h>

#define OPERATE_STREAM 5
#define CONFIG_HASH    1000 /* of the first configuration; + 1 for each change */
#define SCRIPT_NEVER   100  /* permille of programs that do not end */

/* ---- drawing ---- */

static void draw_monitor(struct schedule *s, unsigned int i, struct rng *rng)
{
	static const uint8_t finals[] = {FINAL_NONE,	   FINAL_NONE,	       FINAL_NONE,
					 FINAL_STOP_GROUP, FINAL_STOP_SERVICE, FINAL_REBOOT};
	struct core_config *c = &s->config;
	struct core_monitor_config *m = &c->monitors[i];

	(void)snprintf(m->name, NAME_SIZE, "m%u", i);
	m->nodes = (node_mask)((1ULL << c->n_nodes) - 1);
	m->active_group = m->active_resource = UINT16_MAX;
	m->recovery = (uint8_t)rng_below(rng, 4);
	if (m->recovery == RECOVER_RESOURCE)
		m->target = (uint16_t)rng_below(rng, c->n_resources);
	if (m->recovery == RECOVER_GROUP)
		m->target = (uint16_t)rng_below(rng, c->n_groups);
	if (m->recovery == RECOVER_RESOURCE && rng_chance(rng, 600))
		m->active_resource = m->target;
	if (m->recovery == RECOVER_GROUP && rng_chance(rng, 600))
		m->active_group = m->target;
	m->restarts = (uint8_t)rng_below(rng, 3);
	m->failovers = (uint8_t)(rng_chance(rng, 500) ? FAILOVERS_NODES : rng_below(rng, 3));
	m->final = finals[rng_below(rng, sizeof(finals))];
	m->final_alone = rng_chance(rng, 200);
	m->critical = rng_chance(rng, 200);
	m->scripts = (uint8_t)(rng_chance(rng, 300) ? rng_below(rng, 8) : 0);
	m->script_timeout_us = c->timeout_us / 2;
}

static void draw_command(const struct schedule *s, struct fault *f, struct rng *rng)
{
	static const uint8_t kinds[] = {
		REQUEST_CLUSTER_SUSPEND, REQUEST_CLUSTER_SUSPEND, REQUEST_CLUSTER_RESUME,
		REQUEST_CLUSTER_STOP,	 REQUEST_CLUSTER_START,	  REQUEST_CLUSTER_REBOOT,
		REQUEST_NODE_SHUTDOWN,	 REQUEST_NODE_REBOOT,	  REQUEST_RATIO_SET,
		REQUEST_RATIO_SET,	 REQUEST_RATIO_SET,	  REQUEST_RATIO_RESET,
		REQUEST_RATIO_RESET,	 REQUEST_MONITOR_SUSPEND, REQUEST_MONITOR_RESUME,
		REQUEST_MONITOR_FAIL,	 REQUEST_MONITOR_FAIL,	  REQUEST_MONITOR_UNFAIL,
	};

	f->type = FAULT_REQUEST;
	f->kind = kinds[rng_below(rng, sizeof(kinds))];
	f->target = (uint8_t)rng_below(rng, s->config.n_nodes);
	f->object = (uint16_t)rng_below(rng, s->config.n_monitors);
	if (f->kind >= REQUEST_MONITOR_SUSPEND && rng_chance(rng, 300))
		f->target = NODE_NONE;
	f->retries = (uint8_t)rng_below(rng, 4);
	f->value = (uint32_t)rng_range(rng, 2, RATIO_MOST);
}

static void draw_one(const struct schedule *s, struct fault *f, struct rng *rng)
{
	uint64_t t = s->config.timeout_us, pick = rng_below(rng, 10);

	*f = (struct fault){.link = LINKS_MAX};
	f->at_us = rng_range(rng, 2 * t, s->faults_end_us > 3 * t ? s->faults_end_us : 3 * t);
	f->node = (uint8_t)rng_below(rng, s->config.n_nodes);
	if (rng_chance(rng, 300))
		f->node = ROLE_COORDINATOR;
	f->for_us = rng_range_log(rng, t / 2, 12 * t);
	if (pick < 5) {
		draw_command(s, f, rng);
	} else if (pick < 9) {
		f->type = FAULT_MONITOR;
		f->value = (uint32_t)rng_below(rng, s->config.n_monitors);
		if (rng_chance(rng, 600))
			f->node = (uint8_t)(ROLE_OWNER | rng_below(rng, s->config.n_groups));
	} else {
		f->type = FAULT_CONFIG;
	}
}

static void insert(struct schedule *s, const struct fault *f)
{
	size_t i = s->n_faults;

	if (i == FAULTS_MAX)
		return;
	for (; i > 0 && s->faults[i - 1].at_us > f->at_us; i--)
		s->faults[i] = s->faults[i - 1];
	s->faults[i] = *f;
	s->n_faults++;
}

void operate_draw(struct schedule *s)
{
	struct rng rng = rng_make(s->seed, OPERATE_STREAM);
	unsigned int n;

	s->config.config_hash = CONFIG_HASH;
	s->operate = rng_chance(&rng, 400);
	if (!s->operate)
		return;
	s->config.n_monitors = (uint16_t)rng_range(&rng, 1, MONITORS_DRAWN);
	for (unsigned int i = 0; i < s->config.n_monitors; i++)
		draw_monitor(s, i, &rng);
	n = (unsigned int)rng_range(&rng, 1, 7);
	for (unsigned int i = 0; i < n; i++) {
		struct fault f;

		draw_one(s, &f, &rng);
		insert(s, &f);
	}
}

/* ---- monitors ---- */

static uint64_t round_of(const struct node *n, unsigned int monitor)
{
	return n->run << 32 | n->monitor_round[monitor];
}

static void plan(struct world *w, struct node *n, unsigned int monitor)
{
	uint64_t t = w->s->config.timeout_us;

	world_push(w, w->now + rng_range(&n->rng, t / 8, t),
		   (struct happening_entry){.type = HAPPENS_MONITOR,
					    .node = n->id,
					    .a = monitor,
					    .b = round_of(n, monitor)});
}

void operate_monitor(struct world *w, struct node *n, const struct core_action *action)
{
	unsigned int i = action->monitor.monitor;

	if (i >= n->config.n_monitors) {
		world_violate(w, "bound", "n%u orders monitor %u", n->id, i);
		return;
	}
	n->monitor_round[i]++;
	n->monitor_failing = action->monitor.failing ? n->monitor_failing | 1U << i
						     : n->monitor_failing & ~(1U << i);
	if (action->monitor.run)
		plan(w, n, i);
}

/* The verdict of one check; the next one is planned before, for the verdict may end it. */
void operate_check(struct world *w, struct node *n, unsigned int monitor, uint64_t round)
{
	struct core_event event = {.type = CORE_EVENT_MONITOR};

	if (!n->core || round != round_of(n, monitor))
		return;
	plan(w, n, monitor);
	if (node_stalled(n))
		return;
	event.monitor.monitor = (uint16_t)monitor;
	event.monitor.status = MONITOR_NORMAL;
	if (n->monitor_broken[monitor] || (n->monitor_failing & 1U << monitor))
		event.monitor.status = rng_chance(&n->rng, 300) ? MONITOR_CAUTION : MONITOR_ERROR;
	node_event(w, n, &event);
}

void operate_script(struct world *w, struct node *n, const struct core_action *action)
{
	if (rng_chance(&n->rng, SCRIPT_NEVER))
		return;
	world_push(w, w->now + rng_below(&n->rng, w->s->config.timeout_us / 2),
		   (struct happening_entry){.type = HAPPENS_SCRIPT,
					    .node = n->id,
					    .a = action->script.operation,
					    .b = n->run});
}

void operate_script_done(struct world *w, struct node *n, uint32_t operation, uint64_t run)
{
	struct core_event event = {.type = CORE_EVENT_SCRIPT_DONE};

	if (!n->core || n->run != run)
		return;
	event.script_done.operation = operation;
	event.script_done.ok = rng_chance(&n->rng, 700);
	node_event(w, n, &event);
}

/* ---- power ---- */

void operate_power(struct world *w, struct node *n)
{
	trace(w, n->id, "power: off, and on again later");
	invariant_departs(w, n);
	node_crash(w, n, false);
	world_push(
		w,
		w->now + rng_range_log(&n->rng, n->config.timeout_us / 4, n->config.timeout_us * 6),
		(struct happening_entry){.type = HAPPENS_BOOT, .node = n->id});
}

/* ---- configurations ---- */

/* Every other one has a monitor less; all differ. */
static void variant(const struct world *w, uint64_t hash, struct core_config *config)
{
	bool shorter = (hash - CONFIG_HASH) & 1;

	config->n_monitors = (uint16_t)(w->s->config.n_monitors - shorter);
	config->config_hash = hash;
	config->objects_hash = w->s->config.objects_hash + shorter;
}

static void ready(struct world *w, struct node *n, uint64_t hash)
{
	struct core_event event = {.type = CORE_EVENT_CONFIG_READY};

	if (!n->core || node_stalled(n))
		return;
	n->pending = hash;
	event.config_ready.hash = hash;
	node_event(w, n, &event);
}

void operate_new_config(struct world *w, struct node *n)
{
	const struct token token = {
		.node = n->id, .kind = REQUEST_CONFIG, .value = CONFIG_HASH + ++w->variant};

	for (unsigned int i = 0; i < w->n_nodes && !w->violated; i++)
		ready(w, &w->node[i], token.value);
	if (!w->violated)
		request_issue(w, &token);
}

/* CORE_ACTION_CONFIG, when all other actions of the step are done. */
void operate_apply(struct world *w, struct node *n, uint64_t hash)
{
	struct core_config config = n->config;
	struct core *core = NULL;
	int r;

	if (hash != n->pending)
		world_violate(w, "C2", "n%u applies a configuration that it does not have", n->id);
	variant(w, hash, &config);
	r = core_reconfigure(n->core, &config, &core);
	if (r < 0) {
		world_violate(w, "C4", "n%u cannot apply: %s", n->id, strerror(-r));
		return;
	}
	n->core = (core_free(n->core), core);
	n->config = config;
	n->pending = 0;
	memset(&n->cursor, 0, sizeof(n->cursor)); /* it counts objects */
	for (unsigned int i = 0; i < MONITORS_DRAWN; i++)
		n->monitor_round[i]++; /* a new process, without orders */
	trace(w, n->id, "applies configuration %llu", (unsigned long long)hash);
	core_check(n->core);
}

/* Rule C2: what a node lacks it fetches, sooner or later. */
void operate_look(struct world *w)
{
	for (unsigned int i = 0; i < w->n_nodes && !w->violated; i++) {
		struct node *n = &w->node[i];
		struct core_cluster_info info;

		if (!n->core || node_stalled(n))
			continue;
		core_cluster_info(n->core, (ha_time){node_local(n, w->now)}, &info);
		if (info.intent.config_hash && info.intent.config_hash != n->config.config_hash &&
		    n->pending != info.intent.config_hash)
			ready(w, n, info.intent.config_hash);
	}
}

/* ---- the person ---- */

/* What a command began, a command ends: which, at the coordinator. */
bool operate_left(const struct world *w, struct token *ret)
{
	uint8_t id = world_coordinator(w);
	struct core_cluster_info info;

	*ret = (struct token){.node = id, .target = NODE_NONE};
	if (id >= w->n_nodes || !w->node[id].core || node_stalled(&w->node[id]))
		return false;
	core_cluster_info(w->node[id].core, (ha_time){node_local(&w->node[id], w->now)}, &info);
	if (info.intent.mode == CLUSTER_SUSPENDED)
		ret->kind = REQUEST_CLUSTER_RESUME;
	else if (info.intent.ratio > 1)
		ret->kind = REQUEST_RATIO_RESET;
	for (uint16_t m = 0; !ret->kind && m < w->node[id].config.n_monitors; m++) {
		struct core_monitor_info monitor;

		core_monitor_info(w->node[id].core, m, &monitor);
		if (!monitor.intent.failing)
			continue;
		ret->kind = REQUEST_MONITOR_UNFAIL;
		ret->object = m;
	}
	return ret->kind != REQUEST_NONE;
}

/* True if there was something. */
bool operate_repair(struct world *w)
{
	struct token token;

	if (!operate_left(w, &token))
		return false;
	request_issue(w, &token);
	return true;
}

/* ---- invariants ---- */

/*
 * R4: no peer is given up on before the time that it was promised itself. O1: nothing is placed
 * while suspended.
 */
void operate_event(struct world *w, const struct node *n, const struct event *e)
{
	struct core_cluster_info info;

	if (e->id == EVENT_NODE_SILENT && e->node < w->n_nodes &&
	    e->arg[0] < n->promised_us[e->node])
		world_violate(w, "R4", "n%u gives up on n%u after %llu us, promised were %llu",
			      n->id, e->node, (unsigned long long)e->arg[0],
			      (unsigned long long)n->promised_us[e->node]);
	/* a step may also begin or end a suspension */
	if (e->id != EVENT_GROUP_PLACED || !n->suspended)
		return;
	core_cluster_info(n->core, HA_TIME_ZERO, &info);
	if (info.intent.mode == CLUSTER_SUSPENDED)
		world_violate(w, "O1", "n%u places g%u while suspended", n->id, e->group);
}

/* As it is after a step: what the next one begins with. */
void operate_stepped(struct node *n)
{
	struct core_cluster_info info;

	core_cluster_info(n->core, HA_TIME_ZERO, &info);
	n->suspended = info.intent.mode == CLUSTER_SUSPENDED;
}

/* P4, R5: nothing is granted for longer than the disk says. */
void operate_told(struct world *w, const struct node *n, const struct vector_head *h)
{
	if (n->disk_any && h->lease_us > n->disk.lease_max_us)
		world_violate(w, "P4", "n%u grants %llu us, on disk are %llu", n->id,
			      (unsigned long long)h->lease_us,
			      (unsigned long long)n->disk.lease_max_us);
	if (h->timeout_us > h->lease_us)
		world_violate(w, "R5", "n%u waits for %llu us and grants %llu", n->id,
			      (unsigned long long)h->timeout_us, (unsigned long long)h->lease_us);
}
