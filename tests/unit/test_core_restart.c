/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Restarts in place, by the recovery of a monitor (rules M1, M2, L3), in small stories. */
#include "tests/unit/core_monitors.h"

static void test_a_resource_with_its_dependents(void **state)
{
	struct world *w = world_of_groups();
	struct group_intent before, after;

	(void)state;
	add_watch(w, 0);
	start_all(w);
	before = look_group(w, 1, 0).intent;
	w->n_stopped = w->starts = w->begun[0] = 0;
	w->slow[0] = 2;
	w->seen[EVENT_GROUP_PLACED] = 0;
	error_at(w, 0, 0);
	assert_int_equal(w->n_stopped, 1);
	assert_int_equal(w->stopped[0], 1);
	assert_false(w->checks[0][0]); /* rule M1 */
	assert_int_equal(w->cause[0], CAUSE_RESTART);
	assert_int_equal(look_group(w, 1, 0).state, GROUP_STARTING);
	assert_int_equal(look(w, 1, 0).on[0].status,
			 MONITOR_ERROR); /* nothing says otherwise yet */
	answer(w, 0, 1, true);
	assert_int_equal(w->n_stopped, 2);
	assert_int_equal(w->stopped[1], 0);
	assert_int_equal(w->starts, 2);
	assert_int_equal(w->cause[0], CAUSE_RESTART);
	run_until(w, MOMENT, NULL);
	assert_true(w->checks[0][0]);
	assert_int_equal(w->begun[0], 1);
	/* by the same owner, by the same row, and nobody else has moved */
	assert_int_equal(owner(w), 0);
	after = look_group(w, 1, 0).intent;
	assert_memory_equal(&before, &after, sizeof before);
	assert_int_equal(w->seen[EVENT_GROUP_PLACED], 0);
	assert_int_equal(w->last[EVENT_MONITOR_RESTART].arg[1], 1);
	assert_int_equal(w->last[EVENT_MONITOR_RESTART].arg[2], 1);
	assert_int_equal(w->last[EVENT_MONITOR_RESTART].resource, 0);
	assert_int_equal(w->last[EVENT_RESOURCE_RESTARTING].arg[0], 0);
	assert_int_equal(w->last[EVENT_GROUP_ONLINE].arg[0], CAUSE_RESTART);
	world_free(w);
}

static void test_a_resource_alone(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_watch(w, 1);
	add_monitor(w)->active_resource = 0; /* what it depends on is not touched */
	start_all(w);
	w->n_stopped = w->starts = w->begun[0] = 0;
	error_at(w, 0, 0);
	assert_int_equal(w->n_stopped, 1);
	assert_int_equal(w->stopped[0], 1);
	assert_int_equal(w->starts, 1);
	assert_int_equal(w->begun[0], 1);
	world_free(w);
}

/* All of it is down before any of it comes up again. */
static void test_a_group_as_a_whole(void **state)
{
	struct world *w = world_of_groups();
	struct core_monitor_config *m = add_monitor(w);

	(void)state;
	m->recovery = RECOVER_GROUP;
	m->target = 1;
	m->restarts = 1;
	m[1] = m[0]; /* another one with the same target, and one with another */
	m[2] = m[0];
	m[2].target = 0;
	w->config.n_monitors = 3;
	start_all(w);
	verdict(w, 0, 1, MONITOR_NORMAL);
	w->n_stopped = w->starts = 0;
	w->slow[0] = 4;
	error_at(w, 0, 0);
	assert_false(w->checks[0][0]); /* though it checks always: its target is restarted */
	assert_false(w->checks[0][1]);
	assert_true(w->checks[0][2]);
	assert_int_equal(look(w, 2, 1).on[0].status, MONITOR_NORMAL);
	assert_int_equal(w->n_stopped, 2);
	assert_false(w->running[0][3]);
	assert_int_equal(w->starts, 0);
	answer(w, 0, 2, true);
	run_until(w, MOMENT, NULL);
	assert_int_equal(w->starts, 2);
	assert_true(w->running[0][2] && w->running[0][3]);
	assert_true(w->checks[0][0] && w->checks[0][1]);
	assert_int_equal(w->seen[EVENT_GROUP_RESTARTING], 1);
	assert_int_equal(w->last[EVENT_GROUP_RESTARTING].group, 1);
	assert_int_equal(owner(w), 0);
	world_free(w);
}

static void test_all_groups_of_a_node(void **state)
{
	struct world *w = world_of_groups();
	struct core_monitor_config *m = add_monitor(w);

	(void)state;
	m->recovery = RECOVER_NODE;
	m->restarts = 1;
	m->failovers = FAILOVERS_NODES;
	start_all(w);
	w->n_stopped = w->starts = 0;
	error_at(w, 0, 0);
	assert_int_equal(w->n_stopped, 4);
	assert_int_equal(w->starts, 4);
	assert_int_equal(w->seen[EVENT_GROUP_RESTARTING], 2);
	w->slow[0] = 1;
	w->begun[0] = 0;
	error_at(w, 0, 0);
	assert_false(w->checks[0][0]); /* till its groups are gone */
	assert_int_equal(look(w, 1, 0).on[0].status, MONITOR_ERROR);
	answer(w, 0, 0, true);
	run_until(w, SECOND, NULL);
	assert_int_equal(w->begun[0], 1); /* rule M3 */
	assert_int_equal(owner(w), 1);
	assert_true(w->running[1][2] && w->running[1][3]);
	assert_int_equal(look_group(w, 2, 1).intent.cause, CAUSE_MONITOR);
	/* the monitor goes on there, with nothing to do it good: nothing is left but the end */
	error_at(w, 0, 0);
	assert_int_equal(w->last[EVENT_FINAL_ACTION].arg[0], FINAL_NONE);
	world_free(w);
}

static void test_a_start_that_fails(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_watch(w, 1)->restarts = 5;
	w->config.resources[1].start_retries = 2;
	start_all(w);
	struct core_event lost = {.type = CORE_EVENT_RESOURCE_LOST};
	lost.resource_lost.resource = 1;
	step(w, 0, &lost); /* one failure of long ago, which does not count any more */
	run_until(w, MOMENT, NULL);
	assert_int_equal(owner(w), 0);
	w->broken[0] = 2;
	w->starts = 0;
	error_at(w, 0, 0);
	assert_true(run_until(w, SECOND, on_1));
	assert_int_equal(w->starts, 3 + 2); /* three here, two there */
	assert_int_equal(look_group(w, 2, 0).intent.cause, CAUSE_FAILURE);
	world_free(w);
}

static void test_a_stop_that_fails(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_watch(w, 0);
	start_all(w);
	w->stuck[0] = 1;
	error_at(w, 0, 0);
	run_until(w, 5 * SECOND, NULL);
	assert_int_equal(look_group(w, 2, 0).state, GROUP_STOP_FAILED); /* rule Q4 */
	assert_true(w->running[0][0]);
	assert_false(w->running[1][0] || w->running[2][0] || w->running[0][1]);
	w->stuck[0] = 0;
	assert_true(run_until(w, 31 * SECOND, on_1));
	world_free(w);
}

/* Rules L3, G1: a stop and a start under one lease, or nothing. */
static void test_the_lease_ends_meanwhile(void **state)
{
	(void)state;
	for (int half = 0; half < 2; half++) {
		struct world *w = world_of_groups();

		add_watch(w, 1);
		start_all(w);
		if (half == 0)
			w->slow[0] = 2;
		else
			w->slow_start[0] = 2;
		error_at(w, 0, 0);
		w->starts = 0;
		isolate(w, 0, true);
		assert_true(run_until(w, SECOND, on_1));
		assert_int_equal(w->starts, 4); /* two groups of two, at the other node */
		if (half == 0)
			answer(w, 0, 1, true);
		run_until(w, SECOND, NULL);
		assert_int_equal(w->starts, 4);
		for (unsigned int r = 0; r < 4; r++)
			assert_false(w->running[0][r]);
		/* when it is back nothing is left of it */
		w->slow_start[0] = 0;
		isolate(w, 0, false);
		run_until(w, SECOND, NULL);
		assert_int_equal(w->starts, 4);
		assert_int_equal(owner(w), 1);
		world_free(w);
	}
}

static void test_a_row_takes_it_away_meanwhile(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_watch(w, 0);
	start_all(w);
	w->slow[0] = 2;
	error_at(w, 0, 0);
	w->starts = 0;
	command(w, 2, REQUEST_GROUP_MOVE, 2, 0);
	assert_false(w->running[2][0]);
	answer(w, 0, 1, true);
	assert_int_equal(w->cause[0], CAUSE_ADMIN); /* of the stop of resource 0 */
	run_until(w, SECOND, NULL);
	assert_int_equal(owner(w), 2);
	assert_int_equal(w->starts, 2);
	w->slow[0] = 0;
	command(w, 2, REQUEST_GROUP_MOVE, 0, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(owner(w), 0); /* nothing is left of the restart */
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_resource_with_its_dependents),
		cmocka_unit_test(test_a_resource_alone),
		cmocka_unit_test(test_a_group_as_a_whole),
		cmocka_unit_test(test_all_groups_of_a_node),
		cmocka_unit_test(test_a_start_that_fails),
		cmocka_unit_test(test_a_stop_that_fails),
		cmocka_unit_test(test_the_lease_ends_meanwhile),
		cmocka_unit_test(test_a_row_takes_it_away_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
