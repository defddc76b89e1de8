/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a trace holds is what the core was given; a replay gives the same actions. */
#include "agent/trace_format.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STEPS_MAX 4000

static char path[64];

static int setup(void **state)
{
	int fd;

	(void)state;
	(void)strcpy(path, "/tmp/hf-trace-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	(void)close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

static void make_objects(struct core_config *c)
{
	c->groups[0] = (struct core_group_config){
		.name = "g",
		.autostart = true,
		.failover_manual = true,
		.failback = true,
		.failover_limit = 5,
		.failover_window_us = 600000000,
		.n_nodes = 2,
		.nodes = {1, 0},
		.n_start_after = 1,
		.n_stop_after = 2,
		.stop_after = {0, 0},
		.start_same_node = true,
		.start_wait_continue = true,
		.stop_wait_when = STOP_WAIT_CLUSTER | STOP_WAIT_GROUP,
		.start_wait_us = 1800000000,
		.stop_wait_us = 1,
	};
	c->monitors[0] = (struct core_monitor_config){
		.name = "cpu",
		.nodes = 3,
		.active_group = 0,
		.active_resource = UINT16_MAX,
		.recovery = RECOVER_RESOURCE,
		.target = 1,
		.restarts = 3,
		.failovers = FAILOVERS_NODES,
		.final = FINAL_STOP_GROUP,
		.final_alone = true,
		.critical = true,
		.scripts = 5,
		.script_timeout_us = 180000000,
	};
	c->monitors[1] = (struct core_monitor_config){
		.name = "idle", .nodes = 1, .active_group = UINT16_MAX, .active_resource = 1};
	c->exclusions[0] = (struct core_exclusion_config){.absolute = true, .groups = {1}};
	c->resources[0] = (struct core_resource_config){.name = "ip",
							.address = true,
							.start_retries = 2,
							.stop_retries = 3,
							.failovers = FAILOVERS_NODES,
							.start_final = FINAL_CONTINUE,
							.stop_final = FINAL_REBOOT,
							.final_alone = true,
							.start_timeout_us = 5,
							.stop_timeout_us = 6};
	c->resources[1] = (struct core_resource_config){.name = "exec",
							.n_deps = 1,
							.start_timeout_us = 30000000,
							.stop_timeout_us = 30000000};
}

static void make_durable(struct trace_start *start)
{
	start->leftovers[1] = true;
	start->now = (ha_time){123456789};
	start->has_durable = true;
	start->durable =
		(struct durable_state){.generation = 5,
				       .incarnation = 6,
				       .epoch_reserve = 1000,
				       .lease_max_us = 400000,
				       .n_groups = 1,
				       .n_nodes = 2,
				       .n_monitors = 1,
				       .n_resources = 1,
				       .ratio_left_us = 5000000,
				       .cluster = {.version = {3, 1}, .ratio = 2},
				       .resource_names[0] = "ip",
				       .monitor_names[0] = "cpu",
				       .monitor_intents[0] = {.version = {3, 2}, .suspended = 1}};
	(void)strcpy(start->durable.group_names[0], "g");
	(void)strcpy(start->durable.node_names[0], "alpha");
	(void)strcpy(start->durable.node_names[1], "a-name-with-31-characters-in-it");
	start->durable.group_intents[0] = (struct group_intent){.version = {3, 4},
								.request = {6, 7, 1},
								.wanted = WANTED_ONLINE,
								.owner = 1,
								.target = NODE_NONE,
								.cause = CAUSE_ADMIN,
								.attempt = 9};
	start->durable.node_intents[1] = (struct node_intent){
		.version = {3, 5}, .request = {6, 8, 0}, .incarnation = 6, .wanted = WANTED_ONLINE};
	start->durable.node_intents[0].request.node = NODE_NONE;
}

static void make_start(struct trace_start *start)
{
	struct core_config *c = &start->config;

	memset(start, 0, sizeof *start);
	c->n_nodes = 2;
	c->self = 1;
	c->n_links = 2;
	c->n_groups = 1;
	c->n_resources = 2;
	c->n_monitors = 2;
	c->n_exclusions = 1;
	c->objects_hash = 0xaabb;
	c->config_generation = 12;
	c->failure_expiry_us = 77;
	c->stall_timeout_us = 5000000;
	c->kernel = true;
	c->probes = true;
	c->takeover = TAKEOVER_LEASE;
	c->config_hash = 0x1122334455667788;
	c->safety_hash = 0x99;
	c->interval_us = 100000;
	c->timeout_us = 300000;
	c->lease_us = 400000;
	c->lease_margin_us = 10000;
	c->drift_ppm = 1000;
	c->late_percent = 80;
	c->startup_wait_us = 1000000;
	c->request_timeout_us = 2000000;
	c->flap_limit = 3;
	c->flap_window_us = 60000000;
	c->quarantine_us = 60000000;
	c->quarantine_max_us = 600000000;
	for (uint8_t n = 0; n < c->n_nodes; n++)
		c->nodes[n] = (struct core_node_config){.votes = n + 1U, .hosts = true};
	(void)strcpy(c->nodes[0].name, "alpha");
	(void)strcpy(c->nodes[1].name, "a-name-with-31-characters-in-it");
	c->fence_reboot = true;
	c->fence_retries = 2;
	c->quorum_loss = FINAL_REBOOT;
	c->fence_retry_wait_us = 10000000;
	c->fence_priority_us = 3000000;
	c->nodes[0].n_fence_levels = 2;
	c->nodes[0].fence_timeout_us[0] = 20000000;
	c->nodes[0].fence_timeout_us[1] = 1ULL << 40;
	c->nodes[0].fence_delay_us = 1500000;
	make_objects(c);
	make_durable(start);
}

/* Byte by byte as they are written: padding does not count. */
static void assert_same_config(const struct core_config *a, const struct core_config *b,
			       const bool *leftovers)
{
	static uint8_t x[TRACE_ENTRY_MAX], y[TRACE_ENTRY_MAX];
	struct buf_writer wx = {.data = x, .size = sizeof x}, wy = {.data = y, .size = sizeof y};

	trace_put_config(&wx, a, leftovers);
	trace_put_config(&wy, b, leftovers);
	assert_false(wx.bad || wy.bad);
	assert_int_equal(wx.at, wy.at);
	assert_memory_equal(x, y, wx.at);
}

static void test_start(void **state)
{
	struct trace_start *in = calloc(1, sizeof *in), *out = calloc(1, sizeof *out);
	struct trace *trace;
	struct trace_reader *reader;
	struct trace_entry entry;

	(void)state;
	make_start(in);
	assert_int_equal(trace_new(path, in, &trace), 0);
	trace_free(trace);
	assert_int_equal(trace_open(path, out, &reader), 0);
	assert_memory_equal(&out->config, &in->config, sizeof in->config);
	assert_memory_equal(&out->durable, &in->durable, sizeof in->durable);
	assert_memory_equal(out->leftovers, in->leftovers, sizeof in->leftovers);
	assert_true(out->has_durable);
	assert_int_equal(out->now.us, in->now.us);
	assert_int_equal(trace_next(reader, &entry), 0);
	trace_close(reader);
	in->has_durable = false;
	assert_int_equal(trace_new(path, in, &trace), 0);
	trace_free(trace);
	assert_int_equal(trace_open(path, out, &reader), 0);
	assert_false(out->has_durable);
	trace_close(reader);
	free(in);
	free(out);
}

/* Of test_events(): what is about fencing. */
static void check_fenced(const struct core_event *event)
{
	if (event->type == CORE_EVENT_FENCED)
		assert_true(event->fenced.incarnation == 12 && event->fenced.since.us == 990);
	if (event->type == CORE_EVENT_FENCE_DONE) {
		assert_true(event->fence_done.operation == 0xfffffff1);
		assert_int_equal(event->fence_done.result, RESOURCE_RESULT_TIMEOUT);
		assert_string_equal(event->fence_done.text, "still on");
	}
	if (event->type == CORE_EVENT_FENCE_CHECK) {
		assert_int_equal(event->fence_check.target, 1);
		assert_int_equal(event->fence_check.check, FENCE_CHECK_ERROR);
		assert_string_equal(event->fence_check.text, "wrong password");
	}
}

static void test_events(void **state)
{
	static const struct core_event events[] = {
		{.type = CORE_EVENT_TICK},
		{.type = CORE_EVENT_PERSISTED, .persisted = {.generation = 77, .result = -ENOSPC}},
		{.type = CORE_EVENT_RESOURCE_DONE,
		 .resource_done = {0xfffffff0, RESOURCE_RESULT_FAILED, "exit status 3"}},
		{.type = CORE_EVENT_RESOURCE_DONE, .resource_done = {1, RESOURCE_RESULT_OK, NULL}},
		{.type = CORE_EVENT_RESOURCE_LOST, .resource_lost = {1, "gone"}},
		{.type = CORE_EVENT_REQUEST,
		 .request = {.kind = REQUEST_GROUP_MOVE, .target = NODE_NONE, .token = 1ULL << 40}},
		{.type = CORE_EVENT_REQUEST,
		 .request = {.kind = REQUEST_NODE_STOP, .target = 1, .token = 2}},
		{.type = CORE_EVENT_REQUEST,
		 .request = {REQUEST_MONITOR_FAIL, NODE_NONE, UINT16_MAX, 1, 0, 0, 3}},
		{.type = CORE_EVENT_REQUEST,
		 .request = {REQUEST_RATIO_SET, NODE_NONE, 0, 0, 20, 60000000, 4}},
		{.type = CORE_EVENT_MONITOR, .monitor = {1, MONITOR_ERROR, "no answer"}},
		{.type = CORE_EVENT_SCRIPT_DONE, .script_done = {9, true, NULL}},
		{.type = CORE_EVENT_CONFIG_READY, .config_ready = {0xfedcba9876543210}},
		{.type = CORE_EVENT_FENCED, .fenced = {1, 12, {990}}},
		{.type = CORE_EVENT_LEAVE},
		{.type = CORE_EVENT_FENCE_DONE,
		 .fence_done = {0xfffffff1, RESOURCE_RESULT_TIMEOUT, "still on"}},
		{.type = CORE_EVENT_FENCE_CHECK,
		 .fence_check = {1, FENCE_CHECK_ERROR, "wrong password"}},
		{.type = CORE_EVENT_REQUEST,
		 .request = {.kind = REQUEST_FENCE_CONFIRM, .target = 1}},
	};
	const size_t n = sizeof events / sizeof events[0];
	struct trace_start *start = calloc(1, sizeof *start);
	struct trace *trace;
	struct trace_reader *reader;
	struct trace_entry e;

	(void)state;
	make_start(start);
	assert_int_equal(trace_new(path, start, &trace), 0);
	for (size_t i = 0; i < n; i++)
		trace_event(trace, (ha_time){1000 + i}, &events[i]);
	trace_free(trace);
	assert_int_equal(trace_open(path, start, &reader), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(trace_next(reader, &e), 1);
		assert_int_equal(e.now.us, 1000 + i);
		assert_int_equal(e.event.type, events[i].type);
		if (e.event.type == CORE_EVENT_PERSISTED)
			assert_int_equal(e.event.persisted.result, -ENOSPC);
		if (e.event.type == CORE_EVENT_RESOURCE_DONE)
			assert_string_equal(e.event.resource_done.text,
					    i == 2 ? "exit status 3" : "");
		if (e.event.type == CORE_EVENT_RESOURCE_LOST)
			assert_string_equal(e.event.resource_lost.text, "gone");
		if (e.event.type == CORE_EVENT_REQUEST)
			assert_memory_equal(&e.event.request, &events[i].request,
					    sizeof events[i].request);
		if (e.event.type == CORE_EVENT_MONITOR) {
			assert_int_equal(e.event.monitor.monitor, 1);
			assert_int_equal(e.event.monitor.status, MONITOR_ERROR);
			assert_string_equal(e.event.monitor.text, "no answer");
		}
		if (e.event.type == CORE_EVENT_SCRIPT_DONE)
			assert_true(e.event.script_done.operation == 9 && e.event.script_done.ok);
		if (e.event.type == CORE_EVENT_CONFIG_READY)
			assert_true(e.event.config_ready.hash == 0xfedcba9876543210);
		check_fenced(&e.event);
	}
	assert_int_equal(trace_next(reader, &e), 0);
	trace_close(reader);
	free(start);
}

/* Each field of its own value, so that none can stand for another. */
static void test_kernel_events(void **state)
{
	const struct probe_answer answer = {.incarnation = 1,
					    .stamp = {2},
					    .from_incarnation = 3,
					    .token = UINT64_MAX - 4,
					    .lease_us = 5,
					    .lease_epoch = 6,
					    .progress = 7,
					    .age_us = 8,
					    .from = 1};
	struct core_event events[] = {
		{.type = CORE_EVENT_PROBE_ANSWER, .probe = {answer, 7}},
		{.type = CORE_EVENT_PROBE_ANSWER, .probe = {answer, 0}},
		{.type = CORE_EVENT_PROBE_ANSWER, .probe = {answer, 0}},
		{.type = CORE_EVENT_KERNEL, .kernel = {9, {{10}, {UINT64_MAX}}, 11, 1}},
		{.type = CORE_EVENT_KERNEL, .kernel = {12, {{13}, {14}}, 0, NODE_NONE}},
		{.type = CORE_EVENT_TAKEN_BACK, .taken_back = {15, {{16}, {17}}}},
	};
	struct trace_start *start = calloc(1, sizeof *start);
	struct trace *trace;
	struct trace_reader *reader;
	struct trace_entry e;

	(void)state;
	events[0].probe.answer.grant = true;
	events[1].probe.answer.gone = true;
	events[2].probe.answer.leased = true;
	make_start(start);
	assert_int_equal(trace_new(path, start, &trace), 0);
	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		trace_event(trace, start->now, &events[i]);
	trace_free(trace);
	assert_int_equal(trace_open(path, start, &reader), 0);
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		assert_int_equal(trace_next(reader, &e), 1);
		assert_int_equal(e.event.type, events[i].type);
		if (e.event.type == CORE_EVENT_PROBE_ANSWER) {
			assert_memory_equal(&e.event.probe.answer, &events[i].probe.answer,
					    sizeof answer);
			assert_int_equal(e.event.probe.link, events[i].probe.link);
		} else if (e.event.type == CORE_EVENT_KERNEL) {
			assert_memory_equal(&e.event.kernel, &events[i].kernel,
					    offsetof(struct core_event, kernel.refused_by) + 1 -
						    offsetof(struct core_event, kernel));
		} else {
			assert_memory_equal(&e.event.taken_back, &events[i].taken_back,
					    sizeof e.event.taken_back);
		}
	}
	assert_int_equal(trace_next(reader, &e), 0);
	trace_close(reader);
	free(start);
}

/* What no agent records is not let through. */
static void test_events_out_of_range(void **state)
{
	static const struct core_event events[] = {
		{.type = CORE_EVENT_REQUEST, .request = {.kind = REQUEST_KIND_COUNT_}},
		{.type = CORE_EVENT_REQUEST, .request = {.kind = REQUEST_GROUP_STOP, .group = 1}},
		{.type = CORE_EVENT_REQUEST, .request = {.kind = REQUEST_NODE_STOP, .target = 2}},
		{.type = CORE_EVENT_REQUEST,
		 .request = {.kind = REQUEST_NODE_STOP, .target = NODE_NONE}},
		{.type = CORE_EVENT_REQUEST,
		 .request = {.kind = REQUEST_RESOURCE_STOP, .object = 2}},
		{.type = CORE_EVENT_REQUEST,
		 .request = {.kind = REQUEST_MONITOR_UNFAIL, .object = 2}},
		{.type = CORE_EVENT_MONITOR, .monitor = {2, MONITOR_ERROR, NULL}},
		{.type = CORE_EVENT_MONITOR, .monitor = {0, MONITOR_SUSPENDED, NULL}},
		{.type = CORE_EVENT_RESOURCE_LOST, .resource_lost = {2, NULL}},
		{.type = CORE_EVENT_PROBE_ANSWER, .probe = {{.from = 2}, 0}},
		{.type = CORE_EVENT_PROBE_ANSWER, .probe = {{.from = 1}, LINKS_MAX}},
		{.type = CORE_EVENT_KERNEL, .kernel = {.refused_epoch = 1, .refused_by = 2}},
		{.type = CORE_EVENT_FENCE_CHECK, .fence_check = {2, FENCE_CHECK_NORMAL, NULL}},
		{.type = CORE_EVENT_FENCE_CHECK, .fence_check = {0, FENCE_CHECK_COUNT_, NULL}},
		{.type = CORE_EVENT_REQUEST,
		 .request = {.kind = REQUEST_FENCE_CONFIRM, .target = 2}},
		{.type = CORE_EVENT_REQUEST,
		 .request = {.kind = REQUEST_FENCE_CONFIRM, .target = NODE_NONE}},
	};
	struct trace_start *start = calloc(1, sizeof *start);

	(void)state;
	for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
		struct trace *trace;
		struct trace_reader *reader;
		struct trace_entry e;

		make_start(start);
		assert_int_equal(trace_new(path, start, &trace), 0);
		trace_event(trace, start->now, &events[i]);
		trace_free(trace);
		assert_int_equal(trace_open(path, start, &reader), 0);
		assert_int_equal(trace_next(reader, &e), -EBADMSG);
		trace_close(reader);
	}
	free(start);
}

/* From there on indexes mean what the new configuration says. */
static void test_reconfigured(void **state)
{
	const struct core_event verdict = {.type = CORE_EVENT_MONITOR,
					   .monitor = {2, MONITOR_NORMAL, NULL}};
	struct trace_start *start = calloc(1, sizeof *start), *new = calloc(1, sizeof *new);
	struct trace *trace;
	struct trace_reader *reader;
	struct trace_entry e;

	(void)state;
	make_start(start);
	make_start(new);
	new->config.n_monitors = 3;
	new->config.objects_hash++;
	new->config.monitors[2] = new->config.monitors[1];
	(void)strcpy(new->config.monitors[2].name, "new");
	assert_int_equal(trace_new(path, start, &trace), 0);
	trace_event(trace, start->now, &(struct core_event){.type = CORE_EVENT_TICK});
	trace_reconfigure(trace, (ha_time){99}, &new->config);
	trace_event(trace, (ha_time){100}, &verdict);
	trace_free(trace);
	assert_int_equal(trace_open(path, start, &reader), 0);
	assert_int_equal(trace_next(reader, &e), 1);
	assert_null(e.config);
	assert_int_equal(trace_next(reader, &e), 1);
	assert_non_null(e.config);
	assert_int_equal(e.now.us, 99);
	assert_same_config(e.config, &new->config, new->leftovers);
	assert_int_equal(trace_next(reader, &e), 1);
	assert_null(e.config);
	assert_int_equal(e.event.monitor.monitor, 2);
	assert_int_equal(trace_next(reader, &e), 0);
	trace_close(reader);
	free(start);
	free(new);
}

static void test_too_many_levels(void **state)
{
	struct trace_start *start = calloc(1, sizeof *start);
	struct trace_reader *reader;
	struct trace *trace;

	(void)state;
	make_start(start);
	start->config.nodes[1].n_fence_levels = FENCE_LEVELS_MAX + 1;
	assert_int_equal(trace_new(path, start, &trace), 0);
	trace_free(trace);
	assert_int_equal(trace_open(path, start, &reader), -EBADMSG);
	free(start);
}

/* The largest one there can be fits into an entry. */
static void test_largest_config(void **state)
{
	struct trace_start *in = calloc(1, sizeof *in), *out = calloc(1, sizeof *out);
	struct core_config *c = &in->config;
	struct trace *trace;
	struct trace_reader *reader;

	(void)state;
	make_start(in);
	c->n_nodes = NODES_MAX;
	c->n_groups = GROUPS_MAX;
	c->n_resources = RESOURCES_MAX;
	c->n_monitors = MONITORS_MAX;
	c->n_exclusions = EXCLUSIONS_MAX;
	for (unsigned int i = 0; i < NODES_MAX; i++)
		c->nodes[i] = c->nodes[1];
	for (unsigned int i = 0; i < NODES_MAX; i++)
		c->nodes[i].n_fence_levels = FENCE_LEVELS_MAX;
	for (unsigned int i = 0; i < GROUPS_MAX; i++) {
		c->groups[i] = c->groups[0];
		c->groups[i].n_nodes = NODES_MAX;
		c->groups[i].n_start_after = c->groups[i].n_stop_after = GROUP_WAITS_MAX;
		(void)strcpy(c->groups[i].name, c->nodes[1].name);
	}
	for (unsigned int i = 0; i < RESOURCES_MAX; i++) {
		c->resources[i] = c->resources[0];
		c->resources[i].n_deps = DEPS_MAX;
		(void)strcpy(c->resources[i].name, c->nodes[1].name);
	}
	for (unsigned int i = 0; i < MONITORS_MAX; i++) {
		c->monitors[i] = c->monitors[0];
		(void)strcpy(c->monitors[i].name, c->nodes[1].name);
	}
	assert_int_equal(trace_new(path, in, &trace), 0);
	trace_free(trace);
	assert_int_equal(trace_open(path, out, &reader), 0);
	assert_same_config(&out->config, c, in->leftovers);
	trace_close(reader);
	free(in);
	free(out);
}

/* ---- replay: two cores that talk, one of them recorded ---- */

struct history {
	size_t n;
	uint64_t hash[STEPS_MAX];
};

/* Of what a step decided; pointers and padding do not take part. */
static void note(struct history *h, const struct core_actions *actions)
{
	uint64_t hash = 1469598103934665603ULL;

	for (size_t i = 0; i < actions->n; i++) {
		hash = (hash ^ actions->action[i].type) * 1099511628211ULL;
		if (actions->action[i].type == CORE_ACTION_EVENT)
			hash = (hash ^ actions->action[i].event.id ^
				actions->action[i].event.arg[0]) *
			       1099511628211ULL;
		if (actions->action[i].type == CORE_ACTION_LEASE)
			hash = (hash ^ actions->action[i].lease.until.us) * 1099511628211ULL;
	}
	assert_true(h->n < STEPS_MAX);
	h->hash[h->n++] = hash;
}

struct side {
	struct core *core;
	struct core_actions *actions;
	struct trace *trace;	 /* NULL: not recorded */
	struct history *history; /* likewise */
	bool persist, send;
	uint32_t operation, fencing;
	struct durable_state durable;
};

static void step(struct side *s, ha_time now, const struct core_event *event)
{
	if (s->trace)
		trace_event(s->trace, now, event);
	core_step(s->core, event, now, s->actions);
	if (s->history)
		note(s->history, s->actions);
	for (size_t i = 0; i < s->actions->n; i++) {
		const struct core_action *a = &s->actions->action[i];

		if (a->type == CORE_ACTION_SEND)
			s->send = true;
		if (a->type == CORE_ACTION_PERSIST) {
			s->persist = true;
			core_durable(s->core, &s->durable);
		}
		if (a->type == CORE_ACTION_RESOURCE_START || a->type == CORE_ACTION_RESOURCE_STOP)
			s->operation = a->resource.operation;
		if (a->type == CORE_ACTION_FENCE)
			s->fencing = a->fence.operation;
	}
}

static void serve(struct side *s, struct side *other, ha_time now)
{
	if (s->persist) {
		s->persist = false;
		step(s, now,
		     &(struct core_event){.type = CORE_EVENT_PERSISTED,
					  .persisted = {s->durable.generation, 0}});
	}
	if (s->operation) {
		uint32_t operation = s->operation;

		s->operation = 0;
		step(s, now,
		     &(struct core_event){.type = CORE_EVENT_RESOURCE_DONE,
					  .resource_done = {operation, RESOURCE_RESULT_OK, NULL}});
	}
	if (s->send) {
		s->send = false;
		step(other, now,
		     &(struct core_event){.type = CORE_EVENT_VECTOR,
					  .vector = {core_vector(s->core, now), 0}});
	}
	if (ha_time_reached(core_deadline(s->core), now))
		step(s, now, &(struct core_event){.type = CORE_EVENT_TICK});
}

static void make_side(struct side *s, const struct trace_start *start, uint8_t self)
{
	struct core_config *config = malloc(sizeof *config);

	assert_non_null(config);
	*config = start->config;
	config->self = self;
	s->actions = calloc(1, sizeof *s->actions);
	assert_non_null(s->actions);
	assert_int_equal(core_new(config, &start->durable, start->leftovers, start->now, &s->core),
			 0);
	free(config);
}

static void free_side(struct side *s)
{
	core_free(s->core);
	free(s->actions);
}

static void replay(const struct history *expected)
{
	struct trace_start *start = calloc(1, sizeof *start);
	struct history *seen = calloc(1, sizeof *seen);
	struct trace_reader *reader;
	struct trace_entry entry;
	struct side s = {0};
	int r;

	assert_int_equal(trace_open(path, start, &reader), 0);
	make_side(&s, start, start->config.self);
	while ((r = trace_next(reader, &entry)) > 0) {
		core_step(s.core, &entry.event, entry.now, s.actions);
		note(seen, s.actions);
		for (size_t i = 0; i < s.actions->n;
		     i++) /* as the agent does: it counts sendings */
			if (s.actions->action[i].type == CORE_ACTION_SEND)
				(void)core_vector(s.core, entry.now);
	}
	assert_int_equal(r, 0);
	assert_int_equal(seen->n, expected->n);
	assert_memory_equal(seen->hash, expected->hash, seen->n * sizeof seen->hash[0]);
	trace_close(reader);
	free_side(&s);
	free(seen);
	free(start);
}

static void test_replay(void **state)
{
	struct trace_start *start = calloc(1, sizeof *start);
	struct history *history = calloc(1, sizeof *history);
	struct side a = {0}, b = {0};
	struct core_self_info info;
	ha_time now;

	(void)state;
	make_start(start);
	now = start->now;
	make_side(&a, start, 0);
	make_side(&b, start, 1);
	assert_int_equal(trace_new(path, start, &b.trace), 0);
	b.history = history;
	for (int i = 0; i < 3000; i++) {
		now = ha_time_add(now, 1000);
		serve(&a, &b, now);
		serve(&b, &a, now);
	}
	core_self_info(b.core, now, &info);
	assert_int_equal(info.view.members, 3); /* something happened that is worth a replay */
	assert_true(history->n > 50);
	trace_free(b.trace);
	free_side(&a);
	free_side(&b);
	replay(history);
	free(history);
	free(start);
}

/*
 * The seed of the fuzz target: two nodes, one falls silent and is fenced. It must be read to its
 * end, or nothing is fuzzed but the magic. If the format changes:
 * HB_WRITE_SEEDS=1 build/test/test_trace
 */
#define SEED "tests/fuzz/corpus/trace/agent"

static void write_seed(const struct trace_start *start)
{
	struct side a = {0}, b = {0};
	ha_time now = start->now;

	make_side(&a, start, 0);
	make_side(&b, start, 1);
	assert_int_equal(trace_new(SEED, start, &b.trace), 0);
	step(&b, now,
	     &(struct core_event){.type = CORE_EVENT_FENCE_CHECK,
				  .fence_check = {0, FENCE_CHECK_NORMAL, "on"}});
	for (int i = 0; i < 1600 && !b.fencing; i++) {
		now = ha_time_add(now, 1000);
		if (i < 700)
			serve(&a, &b, now);
		serve(&b, &a, now);
	}
	assert_true(b.fencing);
	step(&b, now,
	     &(struct core_event){.type = CORE_EVENT_FENCE_DONE,
				  .fence_done = {b.fencing, RESOURCE_RESULT_OK, "off"}});
	trace_free(b.trace);
	free_side(&a);
	free_side(&b);
}

static void test_seed(void **state)
{
	struct trace_start *start = calloc(1, sizeof *start);
	struct trace_reader *reader;
	struct trace_entry entry;
	unsigned int n[CORE_EVENT_TYPE_COUNT_] = {0};
	int r;

	(void)state;
	make_start(start);
	start->config.takeover = TAKEOVER_FENCE;
	start->config.fence_tie = true;
	start->config.kernel = start->config.probes = false;
	start->config.startup_wait_us = 400000;
	start->config.nodes[1].votes = 1;
	start->config.nodes[0].fence_delay_us = 0;
	start->config.fence_priority_us = 0;
	if (getenv("HB_WRITE_SEEDS"))
		write_seed(start);
	assert_int_equal(trace_open(SEED, start, &reader), 0);
	while ((r = trace_next(reader, &entry)) > 0)
		n[entry.event.type]++;
	assert_int_equal(r, 0);
	assert_true(n[CORE_EVENT_VECTOR] > 5 && n[CORE_EVENT_PERSISTED] > 0);
	assert_true(n[CORE_EVENT_FENCE_CHECK] == 1 && n[CORE_EVENT_FENCE_DONE] == 1);
	trace_close(reader);
	free(start);
}

static void test_damage(void **state)
{
	static uint8_t bytes[16384];
	struct trace_start *start = calloc(1, sizeof *start);
	struct trace *trace;
	struct trace_reader *reader;
	struct trace_entry e;
	FILE *file;
	size_t n;

	(void)state;
	make_start(start);
	assert_int_equal(trace_new(path, start, &trace), 0);
	trace_event(trace, start->now, &(struct core_event){.type = CORE_EVENT_TICK});
	trace_free(trace);
	file = fopen(path, "re");
	assert_non_null(file);
	n = fread(bytes, 1, sizeof bytes, file);
	(void)fclose(file);
	assert_in_range(n, 100, sizeof bytes - 1);
	for (size_t cut = 0; cut < n; cut++) {
		if (trace_open_bytes(bytes, cut, start, &reader) < 0)
			continue;
		assert_int_equal(trace_next(reader, &e), 0); /* cut off: the end */
		trace_close(reader);
	}
	bytes[0] ^= 1;
	assert_int_equal(trace_open_bytes(bytes, n, start, &reader), -EBADMSG);
	bytes[0] ^= 1;
	bytes[n - 1] = CORE_EVENT_TYPE_COUNT_;
	assert_int_equal(trace_open_bytes(bytes, n, start, &reader), 0);
	assert_int_equal(trace_next(reader, &e), -EBADMSG);
	trace_close(reader);
	assert_int_equal(trace_open("/nonexistent/trace", start, &reader), -ENOENT);
	free(start);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_start),	 TEST(test_events),	     TEST(test_events_out_of_range),
		TEST(test_reconfigured), TEST(test_too_many_levels), TEST(test_largest_config),
		TEST(test_replay),	 TEST(test_damage),	     TEST(test_kernel_events),
		TEST(test_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
