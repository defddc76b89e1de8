/* SPDX-License-Identifier: GPL-3.0-or-later */
/* on_quorum_loss (rule W5): what comes on top of stopped groups when a lease is lost. */
#include "tests/unit/core_world.h"

static struct world *world_that_takes(enum final_action action)
{
	struct world *w = world_new(3, 0);

	w->config.quorum_loss = (uint8_t)action;
	for (uint8_t i = 0; i < 3; i++)
		boot(w, i);
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	memset(w->seen, 0, sizeof w->seen);
	return w;
}

static bool acts(const struct world *w)
{
	return w->power[0] != FINAL_NONE;
}

static uint8_t mode_of(const struct world *w, uint8_t node)
{
	struct core_self_info info;

	core_self_info(w->core[node], w->now, &info);
	return info.mode;
}

static bool stopped(const struct world *w)
{
	return mode_of(w, 0) == NODE_MODE_STOPPED;
}

/* Power comes when the groups are stopped, or have failed to. */
static void test_reboot(void **state)
{
	struct world *w = world_that_takes(FINAL_REBOOT);

	(void)state;
	w->slow[0] = 2; /* resource 1 */
	isolate(w, 0, true);
	run_until(w, 100000, NULL);
	assert_int_equal(w->seen[EVENT_LEASE_EXPIRED], 1);
	assert_int_equal(w->seen[EVENT_QUORUM_LOSS], 1);
	assert_int_equal(w->last[EVENT_QUORUM_LOSS].node, 0);
	assert_int_equal(w->last[EVENT_QUORUM_LOSS].arg[0], FINAL_REBOOT);
	assert_int_equal(w->seen[EVENT_FINAL_ACTION], 1);
	assert_int_equal(w->seen[EVENT_FINAL_SUPPRESSED], 0);
	run_until(w, 500000, NULL);
	assert_false(acts(w));
	w->slow[0] = 0;
	answer(w, 0, 1, true);
	assert_true(run_until(w, 200000, acts));
	assert_int_equal(w->power[0], FINAL_REBOOT);
	assert_false(w->running[0][0] || w->running[0][1]);
	assert_int_equal(w->seen[EVENT_QUORUM_LOSS], 1); /* only here, and once */
	assert_int_equal(owner(w), 1);
	world_free(w);
}

static void test_power_without_waiting_for_a_stop_that_fails(void **state)
{
	struct world *w = world_that_takes(FINAL_SHUTDOWN);

	(void)state;
	w->stuck[0] = 2;
	isolate(w, 0, true);
	assert_true(run_until(w, 500000, acts));
	assert_int_equal(w->power[0], FINAL_SHUTDOWN);
	assert_true(w->running[0][1]);
	world_free(w);
}

/* What resets the machine does not wait for anything. */
static void test_at_once(void **state)
{
	static const enum final_action actions[] = {
		FINAL_PANIC,	 FINAL_WATCHDOG_RESET, FINAL_BMC_RESET,	    FINAL_BMC_OFF,
		FINAL_BMC_CYCLE, FINAL_BMC_NMI,	       FINAL_WATCHDOG_PANIC};

	(void)state;
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
		struct world *w = world_that_takes(actions[i]);

		w->slow[0] = 3;
		isolate(w, 0, true);
		assert_true(run_until(w, 200000, acts));
		assert_int_equal(w->power[0], actions[i]);
		assert_true(w->running[0][1]);
		assert_int_equal(w->seen[EVENT_LEASE_EXPIRED], 1);
		assert_true(ha_time_since(w->now, w->last[EVENT_LEASE_EXPIRED].at) < 1000);
		world_free(w);
	}
}

/* `server start` brings it back, and it can lose its lease again. */
static void test_stop_service(void **state)
{
	struct world *w = world_that_takes(FINAL_STOP_SERVICE);

	(void)state;
	isolate(w, 0, true);
	assert_true(run_until(w, 500000, stopped));
	run_until(w, 200000, NULL);
	isolate(w, 0, false);
	run_until(w, 500000, NULL);
	assert_true(stopped(w)); /* not by itself */
	assert_false(acts(w));
	assert_int_equal(owner(w), 1);
	request(w, 1, REQUEST_NODE_START, 0);
	run_until(w, 500000, NULL);
	assert_int_equal(mode_of(w, 0), NODE_MODE_ONLINE);
	isolate(w, 0, true);
	run_until(w, 500000, NULL);
	assert_int_equal(w->seen[EVENT_QUORUM_LOSS], 2);
	assert_true(stopped(w));
	world_free(w);
}

/* L6: others have installed a view without it while its lease still ran. */
static void test_refusal(void **state)
{
	struct world *w = world_that_takes(FINAL_PANIC);

	(void)state;
	w->config.lease_us = 400000;
	for (uint8_t i = 0; i < 3; i++)
		boot(w, i);
	assert_true(run_until(w, 2000000, on_0));
	run_until(w, 500000, NULL);
	memset(w->seen, 0, sizeof w->seen);
	w->cut[0][1] = w->cut[0][2] = true;
	assert_true(run_until(w, 300000, acts));
	assert_int_equal(w->seen[EVENT_LEASE_REFUSED], 1);
	assert_int_equal(w->seen[EVENT_LEASE_EXPIRED], 0);
	assert_int_equal(w->seen[EVENT_QUORUM_LOSS], 1);
	run_until(w, 300000, NULL);
	assert_int_equal(w->seen[EVENT_QUORUM_LOSS], 1); /* nothing is left to lose */
	world_free(w);
}

/* Nobody else is healthy, long since: rule F2 is about recoveries. */
static void test_last_one(void **state)
{
	struct world *w = world_that_takes(FINAL_REBOOT);

	(void)state;
	w->config.lease_us = 400000;
	for (uint8_t i = 0; i < 3; i++)
		boot(w, i);
	assert_true(run_until(w, 2000000, on_0));
	run_until(w, 500000, NULL);
	w->dead[1] = w->dead[2] = true;
	assert_true(run_until(w, 1000000, acts));
	assert_int_equal(w->seen[EVENT_FINAL_SUPPRESSED], 0);
	world_free(w);
}

/* Stopping the groups is done in any case, and no action. */
static void test_default(void **state)
{
	static const enum final_action actions[] = {FINAL_NONE, FINAL_CONTINUE, FINAL_STOP_GROUP};

	(void)state;
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
		struct world *w = world_that_takes(actions[i]);

		isolate(w, 0, true);
		run_until(w, 500000, NULL);
		assert_int_equal(w->seen[EVENT_LEASE_EXPIRED], 1);
		assert_int_equal(w->seen[EVENT_QUORUM_LOSS], 0);
		assert_int_equal(w->seen[EVENT_FINAL_ACTION], 0);
		isolate(w, 0, false);
		run_until(w, 500000, NULL);
		assert_int_equal(mode_of(w, 0), NODE_MODE_ONLINE);
		assert_false(acts(w));
		world_free(w);
	}
}

/* Who leaves has nothing to lose, whatever happens to the lease before it is gone. */
static void test_leaving(void **state)
{
	struct world *w = world_that_takes(FINAL_PANIC);

	(void)state;
	step(w, 1, &(struct core_event){.type = CORE_EVENT_LEAVE});
	w->slow[0] = 2;
	step(w, 0, &(struct core_event){.type = CORE_EVENT_LEAVE});
	run_until(w, 50000, NULL);
	isolate(w, 0, true);
	run_until(w, 500000, NULL);
	assert_int_equal(mode_of(w, 0), NODE_MODE_STOPPING);
	assert_true(w->seen[EVENT_LEASE_EXPIRED] >= 1);
	answer(w, 0, 1, true);
	run_until(w, 500000, NULL);
	assert_true(w->dead[0]);
	for (uint8_t i = 0; i < 2; i++)
		assert_int_equal(w->power[i], FINAL_NONE);
	world_free(w);
}

/* O1: no action in a suspended cluster; the groups are stopped all the same. */
static void test_suspended(void **state)
{
	struct world *w = world_that_takes(FINAL_PANIC);

	(void)state;
	request(w, 0, REQUEST_CLUSTER_SUSPEND, NODE_NONE);
	run_until(w, 200000, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	isolate(w, 0, true);
	run_until(w, 500000, NULL);
	assert_int_equal(w->seen[EVENT_LEASE_EXPIRED], 1);
	assert_int_equal(w->seen[EVENT_QUORUM_LOSS], 0);
	assert_false(acts(w) || w->running[0][0] || w->running[0][1]);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reboot),
		cmocka_unit_test(test_power_without_waiting_for_a_stop_that_fails),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_stop_service),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_last_one),
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_leaving),
		cmocka_unit_test(test_suspended),
	};

	return cmocka_run_group_tests_name("core_quorum_loss", tests, NULL, NULL);
}
