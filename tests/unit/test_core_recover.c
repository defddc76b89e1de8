/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What follows a monitor's error (rules M1 to M5, F1, F2, G10, G14), in small stories. */
#include "tests/unit/core_monitors.h"

static void tell_script(struct world *w, uint8_t node, uint32_t operation, bool ok)
{
	struct core_event e = {.type = CORE_EVENT_SCRIPT_DONE};

	e.script_done.operation = operation;
	e.script_done.ok = ok;
	step(w, node, &e);
	run_until(w, MOMENT, NULL);
}

static void come_back(struct world *w, uint8_t node)
{
	verdict(w, node, 0, MONITOR_NORMAL);
	run_until(w, MOMENT, NULL);
}

/* ---- the steps, one after the other ---- */

static void test_every_step(void **state)
{
	struct world *w = world_of_groups();
	struct core_monitor_config *m = add_watch(w, 1);

	(void)state;
	m->restarts = 2;
	m->final = FINAL_STOP_GROUP;
	start_all(w);
	for (uint8_t n = 0; n < 3; n++) {
		assert_int_equal(owner(w), n);
		for (uint8_t i = 1; i <= 2; i++) {
			error_at(w, n, 0);
			assert_int_equal(look(w, 2, 0).on[n].restarts, i);
			assert_int_equal(owner(w), n);
		}
		error_at(w, n, 0);
		run_until(w, SECOND / 2, NULL);
		assert_int_equal(look(w, 2, 0).on[n].failovers, n < 2);
		assert_int_equal(look(w, 2, 0).on[n].final, n == 2);
		if (n < 2)
			assert_int_equal(look_group(w, 0, 0).intent.cause, CAUSE_MONITOR);
	}
	assert_int_equal(w->seen[EVENT_MONITOR_RESTART], 6);
	assert_int_equal(w->seen[EVENT_MONITOR_FAILOVER], 2);
	assert_int_equal(w->seen[EVENT_FINAL_ACTION], 1);
	assert_int_equal(w->last[EVENT_FINAL_ACTION].arg[0], FINAL_STOP_GROUP);
	assert_int_equal(w->last[EVENT_FINAL_ACTION].arg[1], 0);
	assert_int_equal(w->last[EVENT_MONITOR_FAILOVER].arg[2], 3);
	run_until(w, 5 * SECOND, NULL);
	assert_int_equal(owner(w), -1);
	assert_int_equal(look_group(w, 0, 0).held, GROUP_HOLD_LIMIT);
	world_free(w);
}

/* An error that comes again soon after a good check gets to the next step all the same. */
static void test_a_good_check_is_no_amnesty(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_watch(w, 1)->restarts = 1;
	start_all(w);
	error_at(w, 0, 0);
	come_back(w, 0);
	run_until(w, 10 * SECOND, NULL);
	error_at(w, 0, 0);
	assert_true(run_until(w, SECOND, on_1));
	world_free(w);
}

static void test_as_many_failovers_as_nodes(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_watch(w, 1)->restarts = 0;
	w->config.failure_expiry_us = 0;
	start_all(w);
	for (uint8_t i = 1; i <= 3; i++) {
		error_at(w, 0, 0);
		assert_true(run_until(w, SECOND, on_1));
		assert_int_equal(look(w, 2, 0).on[0].failovers, i);
		command(w, 2, REQUEST_GROUP_MOVE, 0, 0); /* which clears the marks, not the count */
		assert_int_equal(owner(w), 0);
	}
	error_at(w, 0, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(owner(w), 0); /* three nodes, three times: the final action, none */
	assert_true(look(w, 2, 0).on[0].final);
	assert_int_equal(w->seen[EVENT_FINAL_ACTION], 1);
	error_at(w, 0, 0);
	assert_int_equal(w->seen[EVENT_FINAL_ACTION], 1); /* once */
	assert_int_equal(w->seen[EVENT_MONITOR_SKIPPED], 1);
	assert_int_equal(w->last[EVENT_MONITOR_SKIPPED].arg[1], SKIP_DONE);
	error_at(w, 0, 0);
	assert_int_equal(w->seen[EVENT_MONITOR_SKIPPED], 1);
	world_free(w);
}

static void test_no_failover_without_a_candidate(void **state)
{
	struct world *w = world_of_groups();
	struct core_monitor_config *m = add_watch(w, 1);

	(void)state;
	m->restarts = 0;
	m->final = FINAL_STOP_RESOURCE;
	w->config.groups[0].n_nodes = 2;
	add_monitor(w)->critical = true;
	start_all(w);
	verdict(w, 1, 1, MONITOR_ERROR); /* the only other node is not fit */
	run_until(w, MOMENT, NULL);
	error_at(w, 0, 0);
	assert_int_equal(w->seen[EVENT_MONITOR_FAILOVER], 0);
	assert_int_equal(w->last[EVENT_FINAL_ACTION].arg[0], FINAL_STOP_RESOURCE);
	run_until(w, MOMENT, NULL);
	assert_true(w->running[0][0]);
	assert_false(w->running[0][1] || w->checks[0][0]);
	world_free(w);
}

/* Rule G10: nobody would be given it any more, so it is better not taken away. */
static void test_no_failover_beyond_the_limit(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_watch(w, 1)->restarts = 0;
	w->config.groups[0].failover_limit = 1;
	start_all(w);
	error_at(w, 0, 0);
	assert_true(run_until(w, SECOND, on_1));
	run_until(w, SECOND, NULL);
	error_at(w, 1, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(owner(w), 1);
	assert_int_equal(w->last[EVENT_FINAL_ACTION].arg[0], FINAL_NONE);
	world_free(w);
}

/* Rule G8: a person is to look at it. */
static void test_manual_failover(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_watch(w, 1)->restarts = 0;
	w->config.groups[0].failover_manual = true;
	start_all(w);
	error_at(w, 0, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(owner(w), -1);
	assert_int_equal(look_group(w, 0, 0).held, GROUP_HOLD_MANUAL);
	assert_int_equal(command(w, 1, REQUEST_GROUP_START, NODE_NONE, 0), ANSWER_ACCEPTED);
	assert_int_equal(owner(w), 0);
	world_free(w);
}

/* The coordinator is somebody else, and learns why. */
static void test_the_cause_reaches_the_coordinator(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_watch(w, 1)->restarts = 0;
	start_all(w);
	command(w, 0, REQUEST_GROUP_MOVE, 2, 0);
	assert_int_equal(owner(w), 2);
	error_at(w, 2, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(owner(w), 0);
	assert_int_equal(look_group(w, 1, 0).intent.cause, CAUSE_MONITOR);
	assert_int_equal(w->last[EVENT_GROUP_PLACED].arg[0], CAUSE_MONITOR);
	world_free(w);
}

/* ---- what keeps it from recovering ---- */

static void test_a_target_that_is_not_active(void **state)
{
	struct world *w = world_of_groups();
	struct core_monitor_config *m = add_watch(w, 1);

	(void)state;
	m->active_resource = UINT16_MAX;
	start_all(w);
	for (int i = 0; i < 3; i++)
		error_at(w, 1, 0);
	assert_int_equal(w->seen[EVENT_MONITOR_SKIPPED], 1);
	assert_int_equal(w->last[EVENT_MONITOR_SKIPPED].arg[1], SKIP_INACTIVE);
	assert_int_equal(look(w, 0, 0).on[1].restarts, 0);
	verdict(w, 1, 0, MONITOR_NORMAL);
	error_at(w, 1, 0); /* a new trouble is told again */
	assert_int_equal(w->seen[EVENT_MONITOR_SKIPPED], 2);
	assert_int_equal(owner(w), 0);
	world_free(w);
}

static void test_a_suspended_cluster(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_watch(w, 1);
	start_all(w);
	assert_int_equal(command(w, 1, REQUEST_CLUSTER_SUSPEND, NODE_NONE, 0), ANSWER_ACCEPTED);
	w->n_stopped = 0;
	error_at(w, 0, 0);
	error_at(w, 0, 0);
	assert_int_equal(w->n_stopped, 0);
	assert_int_equal(w->seen[EVENT_MONITOR_SKIPPED], 1);
	assert_int_equal(w->last[EVENT_MONITOR_SKIPPED].arg[1], SKIP_SUSPENDED);
	assert_int_equal(command(w, 1, REQUEST_CLUSTER_RESUME, NODE_NONE, 0), ANSWER_ACCEPTED);
	assert_int_equal(w->n_stopped, 0);
	error_at(w, 0, 0);
	assert_int_equal(w->n_stopped, 1);
	world_free(w);
}

static void test_a_node_that_leaves(void **state)
{
	struct world *w = world_of_groups();
	struct core_monitor_config *m = add_monitor(w);

	(void)state;
	m->recovery = RECOVER_NODE;
	m->restarts = 1;
	start_all(w);
	w->slow[0] = 15;
	command(w, 1, REQUEST_NODE_STOP, 0, 0);
	w->n_stopped = 0;
	verdict(w, 0, 0, MONITOR_ERROR);
	run_until(w, MOMENT, NULL);
	assert_int_equal(w->seen[EVENT_MONITOR_RESTART], 0);
	assert_false(w->checks[0][0]);
	world_free(w);
}

static void test_a_suspended_monitor(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_watch(w, 1)->scripts = 1U << STAGE_RESTART;
	start_all(w);
	error_at(w, 0, 0);
	assert_int_not_equal(w->script[0], 0);
	command(w, 2, REQUEST_MONITOR_SUSPEND, 0, 0);
	w->n_stopped = 0;
	tell_script(w, 0, w->script[0], true);
	assert_int_equal(w->n_stopped, 0);
	world_free(w);
}

static void test_one_recovery_of_a_group_at_a_time(void **state)
{
	struct world *w = world_of_groups();
	struct core_monitor_config *m;

	(void)state;
	add_watch(w, 0)->scripts = 1U << STAGE_RESTART;
	add_watch(w, 1);
	m = add_monitor(w);
	m->recovery = RECOVER_NODE;
	m->restarts = 1;
	m = add_monitor(w); /* of the other group: no reason to wait */
	m->recovery = RECOVER_GROUP;
	m->target = 1;
	m->restarts = 1;
	start_all(w);
	error_at(w, 0, 0);
	w->n_stopped = 0;
	error_at(w, 0, 1);
	error_at(w, 0, 2);
	error_at(w, 0, 2);
	assert_int_equal(w->n_stopped, 0);
	assert_int_equal(w->seen[EVENT_MONITOR_SKIPPED], 2);
	assert_int_equal(w->last[EVENT_MONITOR_SKIPPED].arg[1], SKIP_BUSY);
	error_at(w, 0, 3);
	assert_int_equal(w->n_stopped, 2);
	w->n_stopped = 0;
	w->slow[0] = 2;
	tell_script(w, 0, w->script[0], true);
	verdict(w, 0, 1, MONITOR_ERROR);
	verdict(w, 0, 2, MONITOR_ERROR);
	run_until(w, MOMENT, NULL);
	assert_int_equal(w->n_stopped, 1);
	w->slow[0] = 0;
	answer(w, 0, 1, true);
	run_until(w, MOMENT, NULL);
	assert_int_equal(w->n_stopped, 2);
	assert_int_equal(w->seen[EVENT_MONITOR_RESTART], 2);
	assert_int_equal(owner(w), 0);
	error_at(w, 0, 1); /* it is somebody else's turn now */
	assert_int_equal(w->seen[EVENT_MONITOR_RESTART], 3);
	world_free(w);
}

static void test_dummy_failure_from_another_node(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_watch(w, 1)->restarts = 1;
	start_all(w);
	assert_int_equal(command(w, 2, REQUEST_MONITOR_FAIL, 0, 0), ANSWER_ACCEPTED);
	assert_true(w->failing[0][0]);
	for (int round = 0; w->checks[0][0] && round < 10; round++)
		error_at(w, 0, 0); /* what its driver says of it */
	assert_true(run_until(w, SECOND, on_1));
	assert_int_equal(w->seen[EVENT_MONITOR_RESTART], 1);
	assert_false(w->failing[1][0]);
	world_free(w);
}

/* ---- programs before a step ---- */

static void test_a_program_before_each_step(void **state)
{
	static const uint8_t stages[] = {STAGE_RESTART, STAGE_FAILOVER};
	struct world *w = world_of_groups();
	struct core_monitor_config *m = add_watch(w, 1);

	(void)state;
	m->scripts = 7;
	m->final = FINAL_STOP_GROUP;
	start_all(w);
	w->n_stopped = 0;
	for (unsigned int i = 0; i < 2; i++) {
		error_at(w, 0, 0);
		assert_int_equal(w->stage[0], stages[i]);
		assert_int_equal(w->last[EVENT_MONITOR_SCRIPT].arg[1], stages[i]);
		assert_int_equal(w->last[EVENT_MONITOR_SCRIPT].arg[2], 0);
		assert_int_equal(w->n_stopped, i);
		assert_true(w->checks[0][0]); /* it goes on checking */
		error_at(w, 0, 0);	      /* which brings no second one */
		assert_int_equal(w->seen[EVENT_MONITOR_SCRIPT], 2 * i + 1);
		tell_script(w, 0, w->script[0] + 1, true); /* not that one */
		assert_int_equal(w->n_stopped, i);
		tell_script(w, 0, w->script[0], i == 0); /* how it ends makes no difference */
		assert_int_equal(w->last[EVENT_MONITOR_SCRIPT].arg[2], 1 + i);
		tell_script(w, 0, w->script[0], true); /* nor does a second answer */
		assert_int_equal(w->seen[EVENT_MONITOR_SCRIPT], 2 * i + 2);
		assert_int_equal(w->seen[EVENT_MONITOR_RESTART], 1);
	}
	assert_true(run_until(w, SECOND, on_1));
	command(w, 0, REQUEST_NODE_STOP, 2, 0);
	run_until(w, MOMENT, NULL);
	error_at(w, 1, 0); /* its restart */
	tell_script(w, 1, w->script[1], true);
	error_at(w, 1, 0); /* node 0 is marked, node 2 away */
	assert_int_equal(w->stage[1], STAGE_FINAL);
	assert_int_equal(owner(w), 1);
	tell_script(w, 1, w->script[1], true);
	assert_int_equal(w->last[EVENT_FINAL_ACTION].arg[0], FINAL_STOP_GROUP);
	run_until(w, SECOND, NULL);
	assert_int_equal(owner(w), -1);
	world_free(w);
}

static void test_a_program_that_never_answers(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_watch(w, 1)->scripts = 1U << STAGE_RESTART;
	start_all(w);
	error_at(w, 0, 0);
	run_until(w, 14 * SECOND, NULL); /* five, and ten for the driver to end it */
	assert_int_equal(w->seen[EVENT_MONITOR_RESTART], 0);
	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(w->seen[EVENT_MONITOR_RESTART], 1);
	assert_int_equal(w->last[EVENT_MONITOR_SCRIPT].arg[2], 2);
	tell_script(w, 0, w->script[0], true); /* late */
	assert_int_equal(w->seen[EVENT_MONITOR_SCRIPT], 2);
	world_free(w);
}

static void test_the_reason_goes_during_the_program(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		struct world *w = world_of_groups();

		add_watch(w, 1)->scripts = 1U << STAGE_RESTART;
		start_all(w);
		error_at(w, 0, 0);
		if (how == 0)
			come_back(w, 0);
		else if (how == 1)
			command(w, 1, REQUEST_GROUP_STOP, NODE_NONE, 0);
		else
			command(w, 1, REQUEST_CLUSTER_SUSPEND, NODE_NONE, 0);
		w->starts = 0;
		tell_script(w, 0, w->script[0], true);
		assert_int_equal(w->seen[EVENT_MONITOR_RESTART], 0);
		assert_int_equal(w->starts, 0);
		world_free(w);
	}
}

static void test_another_step_after_the_program(void **state)
{
	struct world *w = world_of_groups();
	struct core_monitor_config *m = add_watch(w, 1);

	(void)state;
	m->restarts = 0;
	m->scripts = 7;
	w->config.groups[0].n_nodes = 2;
	start_all(w);
	error_at(w, 0, 0);
	assert_int_equal(w->stage[0], STAGE_FAILOVER);
	command(w, 0, REQUEST_NODE_STOP, 1, 0); /* there goes the other candidate */
	run_until(w, SECOND, NULL);
	tell_script(w, 0, w->script[0], true);
	assert_int_equal(w->seen[EVENT_MONITOR_FAILOVER], 0);
	assert_int_equal(w->stage[0], STAGE_FINAL);
	tell_script(w, 0, w->script[0], true);
	assert_int_equal(w->seen[EVENT_FINAL_ACTION], 1);
	assert_int_equal(owner(w), 0);
	world_free(w);
}

/* ---- final actions ---- */

static struct world *to_the_end(bool alone, bool others_well)
{
	struct world *w = world_of_groups();
	struct core_monitor_config *m = add_watch(w, 1);

	m->restarts = m->failovers = 0;
	m->final = FINAL_REBOOT;
	m->final_alone = alone;
	add_monitor(w)->critical = true;
	start_all(w);
	for (uint8_t n = 1; n < 3 && !others_well; n++)
		verdict(w, n, 1, MONITOR_ERROR);
	run_until(w, MOMENT, NULL);
	error_at(w, 0, 0);
	run_until(w, SECOND, NULL);
	return w;
}

static void test_final_reboot(void **state)
{
	struct world *w = to_the_end(false, true);

	(void)state;
	assert_int_equal(w->power[0], FINAL_REBOOT);
	assert_false(w->running[0][0] || w->running[0][2]); /* in good order */
	assert_int_equal(owner(w), 1);
	assert_int_equal(w->seen[EVENT_NODE_SILENT], 0);
	world_free(w);
}

static void test_final_suppressed(void **state)
{
	struct world *w = to_the_end(false, false);

	(void)state;
	assert_int_equal(w->power[0], FINAL_NONE);
	assert_int_equal(w->seen[EVENT_FINAL_SUPPRESSED], 1);
	assert_int_equal(w->last[EVENT_FINAL_SUPPRESSED].arg[1], 0);
	assert_int_equal(owner(w), 0);
	assert_true(look(w, 1, 0).on[0].final);
	world_free(w);
	w = to_the_end(true, false);
	assert_int_equal(w->seen[EVENT_FINAL_SUPPRESSED], 0);
	assert_int_equal(w->power[0], FINAL_REBOOT);
	world_free(w);
}

static void test_nothing_configured(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_monitor(w);
	start_all(w);
	w->n_stopped = w->begun[0] = 0;
	error_at(w, 0, 0);
	error_at(w, 0, 0);
	assert_int_equal(w->n_stopped, 0);
	assert_int_equal(w->begun[0], 0);
	assert_int_equal(w->seen[EVENT_FINAL_ACTION], 0);
	assert_int_equal(w->seen[EVENT_MONITOR_SKIPPED], 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_step),
		cmocka_unit_test(test_a_good_check_is_no_amnesty),
		cmocka_unit_test(test_as_many_failovers_as_nodes),
		cmocka_unit_test(test_no_failover_without_a_candidate),
		cmocka_unit_test(test_no_failover_beyond_the_limit),
		cmocka_unit_test(test_manual_failover),
		cmocka_unit_test(test_the_cause_reaches_the_coordinator),
		cmocka_unit_test(test_a_target_that_is_not_active),
		cmocka_unit_test(test_a_suspended_cluster),
		cmocka_unit_test(test_a_node_that_leaves),
		cmocka_unit_test(test_a_suspended_monitor),
		cmocka_unit_test(test_one_recovery_of_a_group_at_a_time),
		cmocka_unit_test(test_dummy_failure_from_another_node),
		cmocka_unit_test(test_a_program_before_each_step),
		cmocka_unit_test(test_a_program_that_never_answers),
		cmocka_unit_test(test_the_reason_goes_during_the_program),
		cmocka_unit_test(test_another_step_after_the_program),
		cmocka_unit_test(test_final_reboot),
		cmocka_unit_test(test_final_suppressed),
		cmocka_unit_test(test_nothing_configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
