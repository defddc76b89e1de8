/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The core's rules in small stories: N cores on a virtual clock, vectors delivered 100 us later,
 * disks and drivers that answer at once. Faults in depth are the simulator's business.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "include/core.h"

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

struct world {
	ha_time now;
	uint8_t n;
	struct core_config config;
	struct core *core[N_MAX];
	struct durable_state disk[N_MAX];
	bool on_disk[N_MAX], running[N_MAX][8], dead[N_MAX], frozen[N_MAX], cut[N_MAX][N_MAX];
	bool fail_start[N_MAX], fail_stop[N_MAX], disk_fails[N_MAX];
	ha_time lease[N_MAX];
	uint8_t last_answer;
	unsigned int starts, seen[700];
	struct datagram *queue[QUEUE];
	unsigned int n_queue;
	struct core_actions actions;
};

static void step(struct world *w, uint8_t i, const struct core_event *event);

static void post(struct world *w, uint8_t from)
{
	const struct vector *v = core_vector(w->core[from], w->now);

	for (uint8_t to = 0; to < w->n; to++) {
		if (to == from || w->cut[from][to])
			continue;
		struct datagram *d = calloc(1, sizeof *d);
		assert_non_null(d);
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
		d->vector.group_intents = d->rows.group_intents;
		d->vector.group_actuals = d->rows.group_actuals;
		d->vector.resource_actuals = d->rows.resource_actuals;
		d->vector.node_intents = d->rows.node_intents;
		assert_true(w->n_queue < QUEUE);
		w->queue[w->n_queue++] = d;
	}
}

static void drive(struct world *w, uint8_t i, const struct core_action *a)
{
	bool start = a->type == CORE_ACTION_RESOURCE_START;
	bool fail = start ? w->fail_start[i] : w->fail_stop[i];
	struct core_event e = {.type = CORE_EVENT_RESOURCE_DONE};

	if (start)
		w->starts++;
	if (!fail || start)
		w->running[i][a->resource.resource] = start && !fail;
	e.resource_done.operation = a->resource.operation;
	e.resource_done.result = fail ? RESOURCE_RESULT_FAILED : RESOURCE_RESULT_OK;
	step(w, i, &e);
}

static void carry_out(struct world *w, uint8_t i, const struct core_action *a)
{
	struct core_event e = {.type = CORE_EVENT_PERSISTED};

	switch (a->type) {
	case CORE_ACTION_SEND:
		post(w, i);
		break;
	case CORE_ACTION_PERSIST:
		if (!w->disk_fails[i]) {
			core_durable(w->core[i], &w->disk[i]);
			w->on_disk[i] = true;
		}
		core_durable(w->core[i], &(struct durable_state){0});
		struct durable_state s;
		core_durable(w->core[i], &s);
		e.persisted.generation = s.generation;
		e.persisted.result = w->disk_fails[i] ? -5 : 0;
		step(w, i, &e);
		break;
	case CORE_ACTION_RESOURCE_START:
	case CORE_ACTION_RESOURCE_STOP:
		drive(w, i, a);
		break;
	case CORE_ACTION_LEASE:
		w->lease[i] = a->lease.until;
		break;
	case CORE_ACTION_EVENT:
		w->seen[a->event.id]++;
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
	case CORE_ACTION_RESOURCE_KILL:
	case CORE_ACTION_TYPE_COUNT_:
		fail();
	}
}

static void check_owners(const struct world *w)
{
	for (uint8_t r = 0; r < w->config.n_resources; r++) {
		unsigned int owners = 0;

		for (uint8_t i = 0; i < w->n; i++)
			owners += w->running[i][r] && ha_time_before(w->now, w->lease[i]);
		assert_true(owners <= 1);
	}
}

static void step(struct world *w, uint8_t i, const struct core_event *event)
{
	struct core_actions *mine = malloc(sizeof *mine);

	assert_non_null(mine);
	core_step(w->core[i], event, w->now, mine);
	core_check(w->core[i]);
	for (size_t k = 0; k < mine->n; k++)
		carry_out(w, i, &mine->action[k]);
	free(mine);
	check_owners(w);
}

static void deliver(struct world *w, unsigned int k)
{
	struct datagram *d = w->queue[k];
	struct core_event e = {.type = CORE_EVENT_VECTOR};

	w->queue[k] = w->queue[--w->n_queue];
	e.vector.vector = &d->vector;
	if (w->core[d->to] && !w->dead[d->to] && !w->frozen[d->to])
		step(w, d->to, &e);
	free(d);
}

/* Advances to `until`, or until `done` says so: true then. */
static bool run_until(struct world *w, uint64_t us, bool (*done)(const struct world *))
{
	ha_time until = ha_time_add(w->now, us);

	for (;;) {
		ha_time next = until;
		int tick = -1, mail = -1;

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
		w->now = ha_time_max(next, w->now);
		if (mail >= 0)
			deliver(w, (unsigned int)mail);
		else if (tick >= 0)
			step(w, (uint8_t)tick, &(struct core_event){.type = CORE_EVENT_TICK});
		else
			return false;
	}
}

static void boot(struct world *w, uint8_t i)
{
	w->config.self = i;
	w->dead[i] = w->frozen[i] = false;
	w->core[i] = core_free(w->core[i]);
	assert_int_equal(core_new(&w->config, w->on_disk[i] ? &w->disk[i] : NULL, w->running[i],
				  w->now, &w->core[i]),
			 0);
}

static struct world *world_new(uint8_t n, uint8_t witnesses)
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
		w->config.nodes[i].votes = 1;
		w->config.nodes[i].hosts = i < n - witnesses;
		if (w->config.nodes[i].hosts)
			w->config.groups[0].nodes[w->config.groups[0].n_nodes++] = i;
	}
	w->config.groups[0].autostart = true;
	for (uint8_t r = 0; r < 2; r++)
		w->config.resources[r] = (struct core_resource_config){
			.address = r == 0, .start_timeout_us = 1000000, .stop_timeout_us = 1000000};
	w->config.resources[1].n_deps = 1;
	for (uint8_t i = 0; i < n; i++)
		boot(w, i);
	return w;
}

static void world_free(struct world *w)
{
	for (uint8_t i = 0; i < w->n; i++)
		core_free(w->core[i]);
	while (w->n_queue)
		free(w->queue[--w->n_queue]);
	free(w);
}

static int owner(const struct world *w)
{
	for (uint8_t i = 0; i < w->n; i++)
		if (!w->dead[i] && !w->frozen[i] && w->running[i][0] && w->running[i][1] &&
		    ha_time_before(w->now, w->lease[i]))
			return i;
	return -1;
}

static bool on_0(const struct world *w)
{
	return owner(w) == 0;
}

static bool on_1(const struct world *w)
{
	return owner(w) == 1;
}

static void isolate(struct world *w, uint8_t node, bool cut)
{
	for (uint8_t i = 0; i < w->n; i++)
		w->cut[i][node] = w->cut[node][i] = cut;
}

static void request(struct world *w, uint8_t at, uint8_t kind, uint8_t target)
{
	struct core_event e = {.type = CORE_EVENT_REQUEST};

	e.request.kind = kind;
	e.request.target = target;
	w->last_answer = ANSWER_NONE;
	step(w, at, &e);
}

static void test_cold_start(void **state)
{
	struct world *w = world_new(3, 0);
	struct core_self_info info;

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 10000, NULL);
	for (uint8_t i = 0; i < 3; i++) {
		core_self_info(w->core[i], w->now, &info);
		assert_int_equal(info.view.members, 7);
		assert_int_equal(info.view.coordinator, 0);
	}
	run_until(w, 2000000, NULL); /* and nothing happens any more */
	assert_int_equal(w->starts, 2);
	assert_int_equal(owner(w), 0);
	world_free(w);
}

static void test_cut_owner_moves_after_lease(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 200000, NULL);
	isolate(w, 0, true);
	ha_time cut = w->now;
	assert_true(run_until(w, 200000, on_1));
	uint64_t outage = ha_time_since(w->now, cut);
	/* not before the lease can have run out, and soon after */
	assert_in_range(outage, 30000, 50000);
	run_until(w, 200000, NULL);
	assert_false(w->running[0][0]); /* the loser let go by itself */
	isolate(w, 0, false);
	run_until(w, 1000000, NULL);
	assert_int_equal(owner(w), 1); /* no failback */
	world_free(w);
}

static void test_frozen_owner(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	w->frozen[0] = true;
	assert_true(run_until(w, 200000, on_1));
	run_until(w, 5000000, NULL);
	w->frozen[0] = false; /* its lease has run out: the first step gives up */
	run_until(w, 1000000, NULL);
	assert_false(w->running[0][0]);
	assert_int_equal(owner(w), 1);
	assert_int_equal(w->seen[EVENT_LEASE_EXPIRED], 1);
	world_free(w);
}

static void test_minority_stops(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	w->dead[1] = w->dead[2] = true;
	run_until(w, 500000, NULL);
	assert_int_equal(owner(w), -1);
	assert_false(w->running[0][0] || w->running[0][1]);
	boot(w, 2);
	assert_true(run_until(w, 3000000, on_0));
	world_free(w);
}

static void test_witness_breaks_tie(void **state)
{
	struct world *w = world_new(3, 1);

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	w->dead[0] = true;
	assert_true(run_until(w, 500000, on_1));
	w->dead[1] = true;
	run_until(w, 500000, NULL);
	assert_false(w->running[2][0]); /* a witness never hosts */
	world_free(w);
}

static void test_commands(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	request(w, 2, REQUEST_GROUP_MOVE, NODE_NONE);
	assert_true(run_until(w, 500000, on_1));
	run_until(w, 100000, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	request(w, 2, REQUEST_GROUP_MOVE, 1);
	run_until(w, 100000, NULL);
	assert_int_equal(w->last_answer, ANSWER_NOTHING_TO_DO);
	request(w, 1, REQUEST_GROUP_STOP, NODE_NONE);
	run_until(w, 200000, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	assert_int_equal(owner(w), -1);
	/* accepted: not forgotten when everybody is restarted */
	for (uint8_t i = 0; i < 3; i++)
		w->dead[i] = true;
	run_until(w, 1000, NULL);
	for (uint8_t i = 0; i < 3; i++)
		boot(w, i);
	run_until(w, 3000000, NULL);
	assert_int_equal(owner(w), -1);
	request(w, 0, REQUEST_GROUP_START, NODE_NONE);
	assert_true(run_until(w, 500000, on_0));
	world_free(w);
}

static void test_server_stop_and_start(void **state)
{
	struct world *w = world_new(3, 0);
	struct core_peer_info info;

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	request(w, 1, REQUEST_NODE_STOP, 0);
	assert_true(run_until(w, 500000, on_1));
	run_until(w, 200000, NULL);
	core_peer_info(w->core[1], 0, w->now, &info);
	assert_int_equal(info.state, PEER_LEFT);
	assert_int_equal(info.proof, PROOF_LEFT);
	assert_int_equal(w->seen[EVENT_NODE_SILENT], 0);
	request(w, 1, REQUEST_NODE_START, 0);
	run_until(w, 500000, NULL);
	core_peer_info(w->core[1], 0, w->now, &info);
	assert_int_equal(info.state, PEER_MEMBER);
	assert_int_equal(info.incarnation, 2);
	world_free(w);
}

static void test_leave(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	step(w, 0, &(struct core_event){.type = CORE_EVENT_LEAVE});
	ha_time asked = w->now;
	assert_true(run_until(w, 500000, on_1));
	assert_true(ha_time_since(w->now, asked) < 30000); /* no lease to wait for */
	run_until(w, 200000, NULL);
	assert_true(w->dead[0]);
	world_free(w);
}

static void test_start_failure_moves_on(void **state)
{
	struct world *w = world_new(3, 0);
	struct core_group_info info;

	(void)state;
	w->fail_start[0] = true;
	assert_true(run_until(w, 1000000, on_1));
	w->fail_start[1] = w->fail_start[2] = true;
	run_until(w, 100000, NULL);
	request(w, 0, REQUEST_GROUP_MOVE, 2);
	run_until(w, 500000, NULL);
	assert_int_equal(owner(w), -1);
	core_group_info(w->core[0], 0, w->now, &info);
	assert_true(info.failed);
	assert_int_equal(info.failed_on, 7);
	assert_true(w->starts < 10); /* it does not wander for ever */
	w->fail_start[2] = false;
	request(w, 0, REQUEST_GROUP_START, NODE_NONE);
	run_until(w, 500000, NULL);
	assert_int_equal(owner(w), 2);
	world_free(w);
}

static void test_failures_expire(void **state)
{
	struct world *w = world_new(3, 0);
	struct core_group_info info;

	(void)state;
	w->fail_start[0] = true;
	assert_true(run_until(w, 1000000, on_1));
	run_until(w, 1000000, NULL);
	core_group_info(w->core[0], 0, w->now, &info);
	assert_int_equal(info.failed_on, 1);
	w->fail_start[0] = false;
	run_until(w, 65000000, NULL); /* online elsewhere for a minute */
	core_group_info(w->core[0], 0, w->now, &info);
	assert_int_equal(info.failed_on, 0);
	assert_int_equal(owner(w), 1); /* and it stays where it is */
	assert_int_equal(w->starts, 3);
	world_free(w);
}

static void test_rejoined_node_gets_another_chance(void **state)
{
	struct world *w = world_new(3, 0);
	struct core_event e = {.type = CORE_EVENT_RESOURCE_LOST};

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	step(w, 0, &e); /* its link went down: the address is lost, and so is the node */
	isolate(w, 0, true);
	assert_true(run_until(w, 500000, on_1));
	isolate(w, 0, false);
	run_until(w, 1000000, NULL);
	isolate(w, 1, true);
	assert_true(run_until(w, 500000, on_0));
	world_free(w);
}

static void test_stop_failure_blocks(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	w->fail_stop[0] = true;
	request(w, 0, REQUEST_GROUP_MOVE, 1);
	run_until(w, 1000000, NULL);
	assert_false(w->running[1][0] || w->running[1][1]);
	w->fail_stop[0] = false; /* the periodic retry clears it */
	assert_true(run_until(w, 120000000, on_1));
	/* as does a new command, at once */
	run_until(w, 100000, NULL);
	w->fail_stop[1] = true;
	request(w, 0, REQUEST_GROUP_MOVE, 0);
	assert_false(run_until(w, 1000000, on_0));
	w->fail_stop[1] = false;
	request(w, 0, REQUEST_GROUP_MOVE, 0);
	assert_true(run_until(w, 1000000, on_0));
	world_free(w);
}

static void test_lost_resource_fails_over(void **state)
{
	struct world *w = world_new(3, 0);
	struct core_event e = {.type = CORE_EVENT_RESOURCE_LOST};

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	e.resource_lost.text = "gone";
	step(w, 0, &e);
	assert_true(run_until(w, 500000, on_1));
	world_free(w);
}

static void test_one_way_cut_changes_view_once(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	unsigned int before = w->seen[EVENT_VIEW_PROPOSED];
	w->cut[1][2] = true; /* 2 does not hear 1; 0 hears both */
	run_until(w, 3000000, NULL);
	assert_in_range(w->seen[EVENT_VIEW_PROPOSED] - before, 1, 2);
	assert_int_equal(owner(w), 0); /* rule V1: the lower ids stay */
	assert_true(w->seen[EVENT_NODE_ISOLATED] >= 1);
	world_free(w);
}

static void test_restart_with_leftovers(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	boot(w, 0); /* the agent died and came back at once, what it ran still runs */
	run_until(w, 1000000, NULL);
	assert_true(owner(w) >= 0);
	world_free(w);
}

static void test_quarantine(void **state)
{
	struct world *w = world_new(3, 0);
	struct core_peer_info info;

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	for (int i = 0; i < 3; i++) {
		isolate(w, 2, true);
		run_until(w, 200000, NULL);
		isolate(w, 2, false);
		run_until(w, 500000, NULL);
	}
	core_peer_info(w->core[0], 2, w->now, &info);
	assert_int_equal(info.state, PEER_QUARANTINED);
	request(w, 0, REQUEST_NODE_START, 2);
	run_until(w, 500000, NULL);
	core_peer_info(w->core[0], 2, w->now, &info);
	assert_int_equal(info.state, PEER_MEMBER);
	world_free(w);
}

static void test_disk_failure(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	w->disk_fails[1] = true;
	request(w, 2, REQUEST_GROUP_STOP, NODE_NONE);
	run_until(w, 1500000, NULL);
	assert_int_equal(w->last_answer, ANSWER_STORE_FAILED);
	assert_false(on_0(w)); /* it was on its way when the failure showed */
	/* now that it is known, a command that cannot be accepted changes nothing */
	request(w, 2, REQUEST_GROUP_START, NODE_NONE);
	w->last_answer = ANSWER_NONE;
	assert_false(run_until(w, 500000, on_0));
	assert_int_equal(w->last_answer, ANSWER_STORE_FAILED);
	w->disk_fails[1] = false;
	run_until(w, 3000000, NULL);
	assert_true(w->seen[EVENT_STORE_RECOVERED] >= 1);
	/* and a failover within the reserve needs no disk */
	request(w, 2, REQUEST_GROUP_START, NODE_NONE);
	assert_true(run_until(w, 1000000, on_0));
	run_until(w, 100000, NULL);
	w->disk_fails[1] = w->disk_fails[2] = true;
	w->dead[0] = true;
	assert_true(run_until(w, 200000, on_1));
	world_free(w);
}

/* Every value of every enum has a name of its own; what is out of range has one too. */
static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < PEER_STATE_COUNT_; i++)
		assert_string_not_equal(peer_state_to_string(i), "?");
	for (int i = 0; i < NODE_MODE_COUNT_; i++)
		assert_string_not_equal(node_mode_to_string(i), "?");
	for (int i = 0; i < GROUP_STATE_COUNT_; i++)
		assert_string_not_equal(group_state_to_string(i), "?");
	for (int i = 0; i < RESOURCE_STATE_COUNT_; i++)
		assert_string_not_equal(resource_state_to_string(i), "?");
	for (int i = 0; i < ANSWER_CODE_COUNT_; i++)
		assert_string_not_equal(answer_code_to_string(i), "?");
	assert_string_equal(answer_code_to_string(99), "?");
}

static void test_bad_configurations(void **state)
{
	struct world *w = world_new(3, 0);
	struct core_config good = w->config, bad;
	struct core *core = NULL;

	(void)state;
#define REFUSED(change)                                                           \
	do {                                                                      \
		bad = good;                                                       \
		change;                                                           \
		assert_int_equal(core_new(&bad, NULL, NULL, w->now, &core), -22); \
		assert_null(core);                                                \
	} while (0)
	REFUSED(bad.n_nodes = 0);
	REFUSED(bad.n_nodes = NODES_MAX + 1);
	REFUSED(bad.self = 3);
	REFUSED(bad.n_groups = GROUPS_MAX + 1);
	REFUSED(bad.timeout_us = 3 * bad.interval_us - 1);
	REFUSED(bad.lease_us = bad.timeout_us - 1);
	REFUSED(bad.nodes[0].votes = bad.nodes[1].votes = bad.nodes[2].votes = 0);
	REFUSED(bad.resources[1].group = 1);
	REFUSED(bad.resources[1].deps[0] = 1);
	REFUSED(bad.flap_limit = 9);
#undef REFUSED
	assert_int_equal(core_resource_state(w->core[0], 0, 0), RESOURCE_OFFLINE);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cold_start),
		cmocka_unit_test(test_cut_owner_moves_after_lease),
		cmocka_unit_test(test_frozen_owner),
		cmocka_unit_test(test_minority_stops),
		cmocka_unit_test(test_witness_breaks_tie),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_server_stop_and_start),
		cmocka_unit_test(test_leave),
		cmocka_unit_test(test_start_failure_moves_on),
		cmocka_unit_test(test_failures_expire),
		cmocka_unit_test(test_rejoined_node_gets_another_chance),
		cmocka_unit_test(test_stop_failure_blocks),
		cmocka_unit_test(test_lost_resource_fails_over),
		cmocka_unit_test(test_one_way_cut_changes_view_once),
		cmocka_unit_test(test_restart_with_leftovers),
		cmocka_unit_test(test_quarantine),
		cmocka_unit_test(test_disk_failure),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_bad_configurations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
