/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The core's rules in small stories. */
#include "tests/unit/core_world.h"

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
	assert_int_equal(core_paths(w->core[0], 1, 2), 0); /* never heard */
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	assert_int_equal(core_paths(w->core[0], 0, 1), 1);
	assert_int_equal(core_paths(w->core[0], 1, 2), 1);
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
