/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Monitors: when they check, what is told of them, their rows (rules M1, M4, M6, M7, G5). */
#include "tests/unit/core_monitors.h"

static void test_when_it_checks(void **state)
{
	struct world *w = world_of_groups();
	enum { ALWAYS, GROUP, RESOURCE, ELSEWHERE };

	(void)state;
	add_monitor(w);
	add_monitor(w)->active_group = 0;
	add_monitor(w)->active_resource = 1;
	add_monitor(w)->nodes = 2;
	start_all(w);
	for (uint8_t n = 0; n < 3; n++) {
		assert_true(w->checks[n][ALWAYS]);
		assert_int_equal(w->checks[n][GROUP], n == 0);
		assert_int_equal(w->checks[n][RESOURCE], n == 0);
		assert_int_equal(w->checks[n][ELSEWHERE], n == 1);
	}
	assert_int_equal(command(w, 2, REQUEST_GROUP_MOVE, 1, 0), ANSWER_ACCEPTED);
	assert_false(w->checks[0][GROUP] || w->checks[0][RESOURCE]);
	assert_true(w->checks[1][GROUP] && w->checks[1][RESOURCE]);
	assert_int_equal(command(w, 2, REQUEST_NODE_STOP, 1, 0), ANSWER_ACCEPTED);
	for (uint16_t m = 0; m < 4; m++)
		assert_false(w->checks[1][m]);
	assert_int_equal(command(w, 2, REQUEST_NODE_START, 1, 0), ANSWER_ACCEPTED);
	run_until(w, SECOND, NULL);
	assert_true(w->checks[1][ALWAYS] && w->checks[1][ELSEWHERE]);
	world_free(w);
}

static void test_ends_with_the_order_to_stop(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_monitor(w)->active_resource = 0;
	start_all(w);
	assert_true(w->checks[0][0]);
	w->slow[0] = 2; /* resource 0 must wait for resource 1 */
	command(w, 0, REQUEST_GROUP_STOP, NODE_NONE, 0);
	assert_true(w->running[0][0]);
	assert_false(w->checks[0][0]);
	verdict(w, 0, 0, MONITOR_ERROR); /* on its way when it was told to stop */
	assert_int_equal(look(w, 0, 0).on[0].status, MONITOR_OFFLINE);
	assert_int_equal(w->seen[EVENT_MONITOR_ERROR], 0);
	answer(w, 0, 1, true);
	assert_false(w->running[0][0]);
	/* and one that is stopped alone, while its group goes on */
	command(w, 0, REQUEST_GROUP_START, NODE_NONE, 0);
	assert_true(w->checks[0][0]);
	command(w, 0, REQUEST_RESOURCE_STOP, NODE_NONE, 0);
	assert_true(w->running[0][0]);
	assert_false(w->checks[0][0]);
	answer(w, 0, 1, true);
	world_free(w);
}

static void test_not_before_the_start(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_monitor(w)->active_resource = 1;
	add_monitor(w)->active_group = 0;
	w->slow_start[0] = 2;
	for (uint8_t i = 0; i < 3; i++)
		boot(w, i);
	run_until(w, SECOND / 2, NULL);
	assert_true(w->running[0][0]);
	assert_false(w->checks[0][0] || w->checks[0][1]);
	answer(w, 0, 1, true);
	assert_true(w->checks[0][0] && w->checks[0][1]);
	assert_int_equal(look(w, 0, 0).on[0].status, MONITOR_OFFLINE); /* has said nothing yet */
	verdict(w, 0, 0, MONITOR_NORMAL);
	assert_int_equal(look(w, 0, 0).on[0].status, MONITOR_NORMAL);
	world_free(w);
}

static void test_status_over_all(void **state)
{
	static const struct {
		uint8_t said[3]; /* OFFLINE: nothing; SUSPENDED: by command */
		uint8_t all;
	} cases[] = {
		{{MONITOR_NORMAL, MONITOR_NORMAL, MONITOR_NORMAL}, MONITOR_NORMAL},
		{{MONITOR_NORMAL, MONITOR_OFFLINE, MONITOR_SUSPENDED}, MONITOR_NORMAL},
		{{MONITOR_ERROR, MONITOR_ERROR, MONITOR_ERROR}, MONITOR_ERROR},
		{{MONITOR_ERROR, MONITOR_OFFLINE, MONITOR_SUSPENDED}, MONITOR_ERROR},
		{{MONITOR_ERROR, MONITOR_NORMAL, MONITOR_OFFLINE}, MONITOR_CAUTION},
		{{MONITOR_ERROR, MONITOR_CAUTION, MONITOR_OFFLINE}, MONITOR_CAUTION},
		{{MONITOR_CAUTION, MONITOR_NORMAL, MONITOR_NORMAL}, MONITOR_CAUTION},
		{{MONITOR_SUSPENDED, MONITOR_SUSPENDED, MONITOR_SUSPENDED}, MONITOR_SUSPENDED},
		{{MONITOR_SUSPENDED, MONITOR_OFFLINE, MONITOR_OFFLINE}, MONITOR_OFFLINE},
		{{MONITOR_OFFLINE, MONITOR_OFFLINE, MONITOR_OFFLINE}, MONITOR_OFFLINE},
	};

	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct world *w = world_of_groups();

		add_monitor(w);
		start_all(w);
		for (uint8_t n = 0; n < 3; n++)
			if (cases[k].said[n] == MONITOR_SUSPENDED)
				command(w, 2, REQUEST_MONITOR_SUSPEND, n, 0);
			else if (cases[k].said[n] != MONITOR_OFFLINE)
				verdict(w, n, 0, cases[k].said[n]);
		run_until(w, MOMENT, NULL);
		for (uint8_t at = 0; at < 3; at++) {
			struct core_monitor_info info = look(w, at, 0);

			assert_int_equal(info.status, cases[k].all);
			for (uint8_t n = 0; n < 3; n++)
				assert_int_equal(info.on[n].status, cases[k].said[n]);
			assert_int_equal(info.on[3].status, MONITOR_UNUSED);
		}
		world_free(w);
	}
}

static void test_who_is_away_has_no_status(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_monitor(w);
	add_monitor(w)->nodes = 1;
	start_all(w);
	verdict(w, 2, 0, MONITOR_ERROR);
	verdict(w, 1, 0, MONITOR_NORMAL);
	run_until(w, MOMENT, NULL);
	assert_int_equal(look(w, 1, 0).status, MONITOR_CAUTION);
	assert_int_equal(look(w, 1, 1).on[1].status, MONITOR_UNUSED);
	w->dead[2] = true;
	run_until(w, SECOND, NULL);
	assert_int_equal(look(w, 1, 0).on[2].status, MONITOR_UNUSED);
	assert_int_equal(look(w, 1, 0).status, MONITOR_NORMAL);
	isolate(w, 1, true); /* alone it knows of itself only */
	run_until(w, SECOND, NULL);
	assert_int_equal(look(w, 1, 0).on[0].status, MONITOR_UNUSED);
	assert_int_equal(look(w, 1, 0).on[1].status, MONITOR_NORMAL);
	assert_int_equal(look(w, 1, 1).status, MONITOR_UNUSED);
	world_free(w);
}

static void test_events_of_verdicts(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_monitor(w);
	start_all(w);
	assert_int_equal(w->seen[EVENT_MONITOR_STARTED], 3);
	verdict(w, 1, 0, MONITOR_NORMAL);
	verdict(w, 1, 0, MONITOR_NORMAL);
	assert_int_equal(w->seen[EVENT_MONITOR_NORMAL], 1);
	verdict(w, 1, 0, MONITOR_CAUTION);
	verdict(w, 1, 0, MONITOR_ERROR);
	verdict(w, 1, 0, MONITOR_ERROR); /* another round: no news */
	assert_int_equal(w->seen[EVENT_MONITOR_CAUTION], 1);
	assert_int_equal(w->seen[EVENT_MONITOR_ERROR], 1);
	assert_int_equal(w->last[EVENT_MONITOR_ERROR].arg[0], 0);
	assert_int_equal(w->last[EVENT_MONITOR_ERROR].arg[1], MONITOR_CAUTION);
	assert_int_equal(w->last[EVENT_MONITOR_ERROR].node, 1);
	assert_string_equal(w->last[EVENT_MONITOR_ERROR].text, "no answer");
	/* what is no verdict, or of no monitor */
	verdict(w, 1, 1, MONITOR_ERROR);
	verdict(w, 1, UINT16_MAX, MONITOR_ERROR);
	verdict(w, 1, 0, MONITOR_SUSPENDED);
	verdict(w, 1, 0, 200);
	assert_int_equal(look(w, 1, 0).on[1].status, MONITOR_ERROR);
	world_free(w);
}

static void test_suspend_and_resume(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_monitor(w);
	add_monitor(w)->nodes = 3;
	start_all(w);
	/* from a node that is not the coordinator, for one node, then for all of the list */
	assert_int_equal(command(w, 2, REQUEST_MONITOR_SUSPEND, 1, 1), ANSWER_ACCEPTED);
	assert_true(w->checks[0][1] && !w->checks[1][1] && w->checks[1][0]);
	assert_int_equal(look(w, 0, 1).on[1].status, MONITOR_SUSPENDED);
	assert_int_equal(w->seen[EVENT_MONITOR_SUSPENDED], 1);
	assert_int_equal(w->last[EVENT_MONITOR_SUSPENDED].arg[0], 1);
	assert_int_equal(command(w, 2, REQUEST_MONITOR_SUSPEND, 1, 1), ANSWER_NOTHING_TO_DO);
	assert_int_equal(command(w, 1, REQUEST_MONITOR_SUSPEND, NODE_NONE, 1), ANSWER_ACCEPTED);
	assert_false(w->checks[0][1]);
	assert_int_equal(look(w, 2, 1).status, MONITOR_SUSPENDED);
	assert_int_equal(command(w, 1, REQUEST_MONITOR_SUSPEND, NODE_NONE, 1),
			 ANSWER_NOTHING_TO_DO);
	/* a node that is not in its list, a monitor that does not exist */
	assert_int_equal(command(w, 1, REQUEST_MONITOR_SUSPEND, 2, 1), ANSWER_BAD_TARGET);
	assert_int_equal(command(w, 1, REQUEST_MONITOR_RESUME, 2, 1), ANSWER_BAD_TARGET);
	assert_int_equal(command(w, 1, REQUEST_MONITOR_SUSPEND, 1, 2), ANSWER_BAD_TARGET);
	assert_int_equal(command(w, 1, REQUEST_MONITOR_FAIL, 77, 1), ANSWER_BAD_TARGET);
	/* what it says while it is suspended counts for nothing */
	verdict(w, 0, 1, MONITOR_ERROR);
	assert_int_equal(look(w, 0, 1).on[0].status, MONITOR_SUSPENDED);
	assert_int_equal(command(w, 2, REQUEST_MONITOR_RESUME, NODE_NONE, 1), ANSWER_ACCEPTED);
	assert_true(w->checks[0][1] && w->checks[1][1]);
	assert_int_equal(w->seen[EVENT_MONITOR_RESUMED], 2);
	assert_int_equal(look(w, 2, 1).on[0].status, MONITOR_OFFLINE);
	assert_int_equal(command(w, 2, REQUEST_MONITOR_RESUME, 0, 1), ANSWER_NOTHING_TO_DO);
	world_free(w);
}

static void test_dummy_failure(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_monitor(w);
	start_all(w);
	assert_int_equal(command(w, 2, REQUEST_MONITOR_FAIL, 1, 0), ANSWER_ACCEPTED);
	assert_true(w->failing[1][0] && w->checks[1][0] && !w->failing[0][0]);
	assert_int_equal(w->seen[EVENT_MONITOR_FAILING], 1);
	assert_int_equal(w->last[EVENT_MONITOR_FAILING].node, 1);
	assert_int_equal(command(w, 0, REQUEST_MONITOR_FAIL, 1, 0), ANSWER_NOTHING_TO_DO);
	/* a suspended one keeps it for later */
	command(w, 0, REQUEST_MONITOR_SUSPEND, 1, 0);
	assert_true(w->failing[1][0] && !w->checks[1][0]);
	assert_int_equal(command(w, 0, REQUEST_MONITOR_UNFAIL, NODE_NONE, 0), ANSWER_ACCEPTED);
	assert_false(w->failing[1][0]);
	assert_int_equal(w->seen[EVENT_MONITOR_FAILING_ENDED], 1);
	world_free(w);
}

static void test_rows_outlive_all(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		add_monitor(w);
	start_all(w);
	assert_int_equal(command(w, 1, REQUEST_MONITOR_SUSPEND, 2, 0), ANSWER_ACCEPTED);
	assert_int_equal(command(w, 1, REQUEST_MONITOR_FAIL, 0, 1), ANSWER_ACCEPTED);
	assert_int_equal(command(w, 1, REQUEST_MONITOR_SUSPEND, NODE_NONE, 2), ANSWER_ACCEPTED);
	for (uint8_t i = 0; i < 3; i++)
		w->dead[i] = true;
	run_until(w, SECOND, NULL);
	memset(w->running, 0, sizeof w->running);
	/* another order of monitors, and one less: rows belong to names (rule P5) */
	w->config.monitors[2] = w->config.monitors[0];
	w->config.n_monitors = 3;
	(void)snprintf(w->config.monitors[0].name, NAME_SIZE, "new");
	start_all(w);
	assert_true(w->checks[0][0] && w->checks[1][0] && w->checks[2][0]); /* new */
	assert_true(w->failing[0][1] && w->checks[0][1] && !w->failing[1][1]);
	assert_true(w->checks[0][2] && w->checks[1][2] && !w->checks[2][2]); /* was the first */
	assert_int_equal(look(w, 0, 0).intent.suspended, 0);
	world_free(w);
}

static void test_rows_follow_names_of_nodes(void **state)
{
	struct world *w = world_of_groups();
	struct core_monitor_info info;
	struct core_config other;
	struct core *core;

	(void)state;
	add_monitor(w);
	start_all(w);
	assert_int_equal(command(w, 1, REQUEST_MONITOR_SUSPEND, 2, 0), ANSWER_ACCEPTED);
	assert_int_equal(command(w, 1, REQUEST_MONITOR_FAIL, 1, 0), ANSWER_ACCEPTED);
	other = w->config;
	other.self = 0;
	other.nodes[2] = w->config.nodes[1];
	other.nodes[1] = w->config.nodes[2];
	assert_int_equal(core_new(&other, &w->disk[0], NULL, w->now, &core), 0);
	core_monitor_info(core, 0, &info);
	assert_int_equal(info.intent.suspended, 2);
	assert_int_equal(info.intent.failing, 4);
	core_free(core);
	(void)snprintf(other.nodes[1].name, NAME_SIZE, "new");
	assert_int_equal(core_new(&other, &w->disk[0], NULL, w->now, &core), 0);
	core_monitor_info(core, 0, &info);
	assert_int_equal(info.intent.suspended, 0);
	assert_int_equal(info.intent.failing, 4);
	core_free(core);
	world_free(w);
}

/* Rule N3: what a coordinator wrote last, and nobody heard, does not come back with it. */
static void test_a_row_that_nobody_heard(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_monitor(w);
	start_all(w);
	assert_int_equal(command(w, 1, REQUEST_MONITOR_FAIL, 1, 0), ANSWER_ACCEPTED);
	isolate(w, 0, true);
	assert_int_equal(command(w, 0, REQUEST_MONITOR_SUSPEND, NODE_NONE, 0), ANSWER_NO_QUORUM);
	assert_false(w->checks[0][0]); /* it was written while the view was not lost yet */
	assert_true(run_until(w, SECOND, on_1));
	isolate(w, 0, false);
	run_until(w, SECOND, NULL);
	for (uint8_t n = 0; n < 3; n++) {
		assert_int_equal(look(w, n, 0).intent.suspended, 0);
		assert_true(w->checks[n][0]);
	}
	world_free(w);
}

static void test_a_new_coordinator_keeps_rows(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_monitor(w);
	start_all(w);
	assert_int_equal(command(w, 1, REQUEST_MONITOR_SUSPEND, 1, 0), ANSWER_ACCEPTED);
	w->dead[0] = true;
	memset(w->running[0], 0, sizeof w->running[0]);
	assert_true(run_until(w, SECOND, on_1));
	run_until(w, SECOND, NULL);
	assert_false(w->checks[1][0]);
	assert_true(w->checks[2][0]);
	assert_int_equal(command(w, 2, REQUEST_MONITOR_RESUME, 1, 0), ANSWER_ACCEPTED);
	assert_true(w->checks[1][0]);
	/* who was away learns it, its own older rows do not count */
	boot(w, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(look(w, 0, 0).intent.suspended, 0);
	assert_true(w->checks[0][0] && w->checks[1][0]);
	world_free(w);
}

static void test_forgotten_when_well(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_watch(w, 1)->restarts = 3;
	start_all(w);
	error_at(w, 0, 0);
	assert_int_equal(look(w, 2, 0).on[0].restarts, 1);
	verdict(w, 0, 0, MONITOR_NORMAL);
	run_until(w, 40 * SECOND, NULL);
	verdict(w, 0, 0, MONITOR_CAUTION); /* not well for long enough: it counts anew */
	verdict(w, 0, 0, MONITOR_NORMAL);
	run_until(w, 40 * SECOND, NULL);
	assert_int_equal(look(w, 2, 0).on[0].restarts, 1);
	error_at(w, 0, 0);
	assert_int_equal(look(w, 2, 0).on[0].restarts, 2);
	verdict(w, 0, 0, MONITOR_NORMAL);
	run_until(w, 59 * SECOND, NULL);
	assert_int_equal(w->seen[EVENT_MONITOR_FORGOT], 0);
	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(w->seen[EVENT_MONITOR_FORGOT], 1);
	assert_int_equal(w->last[EVENT_MONITOR_FORGOT].arg[1], 2);
	assert_int_equal(look(w, 2, 0).on[0].restarts, 0);
	run_until(w, 100 * SECOND, NULL);
	assert_int_equal(w->seen[EVENT_MONITOR_FORGOT], 1);
	world_free(w);
}

static void test_resume_clears_counters(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_watch(w, 1);
	start_all(w);
	error_at(w, 0, 0);
	assert_int_equal(look(w, 2, 0).on[0].restarts, 1);
	command(w, 1, REQUEST_MONITOR_SUSPEND, 0, 0);
	assert_int_equal(look(w, 2, 0).on[0].restarts, 1);
	command(w, 1, REQUEST_MONITOR_RESUME, 0, 0);
	assert_int_equal(look(w, 2, 0).on[0].restarts, 0);
	world_free(w);
}

/* Rule G5: a critical one forbids, any other one is a reason to prefer another node. */
static void test_errors_change_placement(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	add_monitor(w)->critical = true;
	add_monitor(w);
	start_all(w);
	verdict(w, 1, 1, MONITOR_ERROR);
	run_until(w, MOMENT, NULL);
	command(w, 0, REQUEST_NODE_STOP, 0, 0); /* 1 stands before 2, but is not well */
	run_until(w, SECOND, NULL);
	assert_int_equal(owner(w), 2);
	verdict(w, 1, 1, MONITOR_NORMAL);
	verdict(w, 1, 0, MONITOR_ERROR);
	run_until(w, MOMENT, NULL);
	assert_int_equal(command(w, 2, REQUEST_GROUP_MOVE, 1, 0), ANSWER_UNFIT);
	w->dead[2] = true; /* 1 would be the last, without a quorum: bring 0 back first */
	memset(w->running[2], 0, sizeof w->running[2]);
	boot(w, 0);
	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(owner(w), 0);
	verdict(w, 0, 0, MONITOR_ERROR);
	run_until(w, MOMENT, NULL);
	assert_int_equal(owner(w), 0); /* where it runs it stays: that is for a recovery to say */
	command(w, 0, REQUEST_GROUP_STOP, NODE_NONE, 0);
	command(w, 0, REQUEST_GROUP_START, NODE_NONE, 0);
	assert_int_equal(owner(w), -1);
	assert_int_equal(look_group(w, 0, 0).held, GROUP_HOLD_UNFIT);
	verdict(w, 1, 0, MONITOR_NORMAL);
	assert_true(run_until(w, SECOND, on_1));
	world_free(w);
}

/* The most that one step can ask of the drivers. */
static void test_all_monitors_at_once(void **state)
{
	struct world *w = world_of_groups();

	(void)state;
	for (unsigned int i = 0; i < MONITORS_MAX; i++)
		add_watch(w, (uint16_t)(i % 4));
	start_all(w);
	for (uint16_t m = 0; m < MONITORS_MAX; m++) {
		assert_true(w->checks[0][m]);
		verdict(w, 0, m, MONITOR_NORMAL);
	}
	run_until(w, MOMENT, NULL);
	assert_int_equal(look(w, 2, MONITORS_MAX - 1).on[0].status, MONITOR_NORMAL);
	/* all of them say it; what follows is done once for each group */
	w->slow[0] = 15;
	for (uint16_t m = 0; m < MONITORS_MAX; m++)
		verdict(w, 0, m, MONITOR_ERROR);
	run_until(w, MOMENT, NULL);
	assert_int_equal(w->seen[EVENT_MONITOR_RESTART], 2);
	w->slow[0] = 0;
	answer(w, 0, 1, true);
	answer(w, 0, 2, true);
	run_until(w, MOMENT, NULL);
	assert_int_equal(owner(w), 0);
	for (uint16_t m = 0; m < MONITORS_MAX; m++)
		assert_true(w->checks[0][m]);
	/* suspended and failing, all with one change of the view */
	assert_int_equal(command(w, 2, REQUEST_MONITOR_FAIL, NODE_NONE, 7), ANSWER_ACCEPTED);
	isolate(w, 0, true);
	run_until(w, SECOND, NULL);
	for (uint16_t m = 0; m < MONITORS_MAX; m++)
		assert_false(w->checks[0][m]);
	assert_in_range(w->most_actions, 2 * MONITORS_MAX, CORE_ACTIONS_MAX);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_when_it_checks),
		cmocka_unit_test(test_ends_with_the_order_to_stop),
		cmocka_unit_test(test_not_before_the_start),
		cmocka_unit_test(test_status_over_all),
		cmocka_unit_test(test_who_is_away_has_no_status),
		cmocka_unit_test(test_events_of_verdicts),
		cmocka_unit_test(test_suspend_and_resume),
		cmocka_unit_test(test_dummy_failure),
		cmocka_unit_test(test_rows_outlive_all),
		cmocka_unit_test(test_rows_follow_names_of_nodes),
		cmocka_unit_test(test_a_row_that_nobody_heard),
		cmocka_unit_test(test_a_new_coordinator_keeps_rows),
		cmocka_unit_test(test_forgotten_when_well),
		cmocka_unit_test(test_resume_clears_counters),
		cmocka_unit_test(test_errors_change_placement),
		cmocka_unit_test(test_all_monitors_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
