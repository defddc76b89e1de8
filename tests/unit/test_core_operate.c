/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands about nodes and the cluster, and an agreed configuration (rules O1 to O4, C1, C2). */
#include "tests/unit/core_world.h"

#define SECOND	 1000000ULL
#define HASH_NEW 0xbeefULL

static uint8_t command(struct world *w, uint8_t at, uint8_t kind, uint8_t target)
{
	request(w, at, kind, target);
	run_until(w, 3 * SECOND, NULL);
	return w->last_answer;
}

static uint8_t configure(struct world *w, uint8_t at, uint64_t hash)
{
	struct core_event e = {.type = CORE_EVENT_REQUEST};

	e.request.kind = REQUEST_CONFIG;
	e.request.target = NODE_NONE;
	e.request.value = hash;
	w->last_answer = ANSWER_NONE;
	step(w, at, &e);
	run_until(w, SECOND / 2, NULL);
	return w->last_answer;
}

static void ready(struct world *w, uint8_t node, uint64_t hash)
{
	struct core_event e = {.type = CORE_EVENT_CONFIG_READY};

	e.config_ready.hash = hash;
	step(w, node, &e);
	run_until(w, SECOND / 10, NULL);
}

static struct core_self_info self(const struct world *w, uint8_t node)
{
	struct core_self_info info;

	core_self_info(w->core[node], w->now, &info);
	return info;
}

static struct core_cluster_info cluster(const struct world *w, uint8_t node)
{
	struct core_cluster_info info;

	core_cluster_info(w->core[node], w->now, &info);
	return info;
}

static struct core_group_info look(const struct world *w, uint8_t by)
{
	struct core_group_info info;

	core_group_info(w->core[by], 0, w->now, &info);
	return info;
}

static void kill_node(struct world *w, uint8_t node)
{
	w->dead[node] = true;
	memset(w->running[node], 0, sizeof w->running[node]);
}

static bool all_in(const struct world *w, uint8_t mode)
{
	for (uint8_t i = 0; i < w->n; i++)
		if (!w->dead[i] && self(w, i).mode != mode)
			return false;
	return true;
}

static struct world *started(uint8_t n)
{
	struct world *w = world_new(n, 0);

	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(owner(w), 0);
	return w;
}

/* ---- suspended (O1, O4) ---- */

static void test_suspended_is_told(void **state)
{
	struct world *w = started(3);

	(void)state;
	assert_int_equal(command(w, 2, REQUEST_CLUSTER_RESUME, NODE_NONE), ANSWER_NOTHING_TO_DO);
	assert_int_equal(command(w, 2, REQUEST_CLUSTER_SUSPEND, NODE_NONE), ANSWER_ACCEPTED);
	assert_int_equal(w->seen[EVENT_CLUSTER_SUSPENDED], 3); /* each node says it */
	assert_int_equal(w->last[EVENT_CLUSTER_SUSPENDED].node, 2);
	assert_int_equal(w->last[EVENT_CLUSTER_SUSPENDED].arg[0], 2);
	for (uint8_t i = 0; i < 3; i++)
		assert_int_equal(cluster(w, i).intent.mode, CLUSTER_SUSPENDED);
	assert_int_equal(command(w, 0, REQUEST_CLUSTER_SUSPEND, NODE_NONE), ANSWER_NOTHING_TO_DO);
	assert_int_equal(command(w, 1, REQUEST_CLUSTER_RESUME, NODE_NONE), ANSWER_ACCEPTED);
	assert_int_equal(w->seen[EVENT_CLUSTER_RESUMED], 3);
	assert_int_equal(w->last[EVENT_CLUSTER_RESUMED].node, 1);
	world_free(w);
}

static void test_suspended_refuses(void **state)
{
	static const struct {
		uint8_t kind, code;
	} table[] = {
		{REQUEST_GROUP_START, ANSWER_SUSPENDED},
		{REQUEST_GROUP_STOP, ANSWER_SUSPENDED},
		{REQUEST_GROUP_MOVE, ANSWER_SUSPENDED},
		{REQUEST_RESOURCE_START, ANSWER_SUSPENDED},
		{REQUEST_RESOURCE_STOP, ANSWER_SUSPENDED},
		{REQUEST_NODE_STOP, ANSWER_SUSPENDED},
		{REQUEST_NODE_SHUTDOWN, ANSWER_SUSPENDED},
		{REQUEST_NODE_REBOOT, ANSWER_SUSPENDED},
		{REQUEST_CLUSTER_STOP, ANSWER_SUSPENDED},
		{REQUEST_CLUSTER_SHUTDOWN, ANSWER_SUSPENDED},
		{REQUEST_CLUSTER_REBOOT, ANSWER_SUSPENDED},
		{REQUEST_NODE_START, ANSWER_NOTHING_TO_DO},
		{REQUEST_CLUSTER_START, ANSWER_NOTHING_TO_DO},
		{REQUEST_RATIO_RESET, ANSWER_NOTHING_TO_DO},
		{REQUEST_CONFIG, ANSWER_BAD_VALUE},
	};
	struct world *w = started(3);

	(void)state;
	command(w, 1, REQUEST_CLUSTER_SUSPEND, NODE_NONE);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		assert_int_equal(command(w, 1, table[i].kind, 1), table[i].code);
	assert_int_equal(owner(w), 0);
	assert_true(all_in(w, NODE_MODE_ONLINE));
	world_free(w);
}

/* It stays suspended when a node, the coordinator, and all start again; what was lost waits. */
static void test_suspended_outlives_restarts(void **state)
{
	struct world *w = started(3);

	(void)state;
	command(w, 1, REQUEST_CLUSTER_SUSPEND, NODE_NONE);
	kill_node(w, 0);
	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(owner(w), -1);
	assert_int_equal(look(w, 1).held, GROUP_HOLD_SUSPENDED);
	boot(w, 0);
	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(owner(w), -1); /* its node is back, and nothing starts by itself */
	for (uint8_t i = 0; i < 3; i++) {
		kill_node(w, i);
		boot(w, i);
	}
	run_until(w, 5 * SECOND, NULL);
	assert_int_equal(self(w, 1).view.members, 7);
	assert_int_equal(cluster(w, 2).intent.mode, CLUSTER_SUSPENDED);
	assert_int_equal(owner(w), -1);
	assert_int_equal(command(w, 2, REQUEST_CLUSTER_RESUME, NODE_NONE), ANSWER_ACCEPTED);
	assert_int_equal(owner(w), 0);
	world_free(w);
}

/* Safety goes on: who loses its lease stops its groups. */
static void test_suspended_lease_ends(void **state)
{
	struct world *w = started(3);

	(void)state;
	command(w, 1, REQUEST_CLUSTER_SUSPEND, NODE_NONE);
	isolate(w, 0, true);
	run_until(w, SECOND, NULL);
	assert_false(w->running[0][0] || w->running[0][1]);
	assert_int_equal(owner(w), -1);
	isolate(w, 0, false);
	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(owner(w), -1);
	assert_int_equal(command(w, 0, REQUEST_CLUSTER_RESUME, NODE_NONE), ANSWER_ACCEPTED);
	assert_int_equal(owner(w), 0);
	world_free(w);
}

/* An agent that is told to end by its system must not hang; nothing else takes over. */
static void test_suspended_agent_can_leave(void **state)
{
	struct world *w = started(3);

	(void)state;
	command(w, 1, REQUEST_CLUSTER_SUSPEND, NODE_NONE);
	step(w, 0, &(struct core_event){.type = CORE_EVENT_LEAVE});
	run_until(w, 2 * SECOND, NULL);
	assert_true(w->dead[0]);
	assert_int_equal(owner(w), -1);
	assert_int_equal(command(w, 1, REQUEST_CLUSTER_RESUME, NODE_NONE), ANSWER_ACCEPTED);
	assert_int_equal(owner(w), 1);
	world_free(w);
}

/* ---- stopping nodes (O2) ---- */

static void test_server_stop(void **state)
{
	(void)state;
	for (uint8_t at = 0; at < 3; at++)
		for (uint8_t target = 0; target < 3; target++) {
			struct world *w = started(3);

			assert_int_equal(command(w, at, REQUEST_NODE_STOP, target),
					 ANSWER_ACCEPTED);
			assert_int_equal(self(w, target).mode, NODE_MODE_STOPPED);
			assert_int_equal(owner(w), target == 0 ? 1 : 0);
			assert_int_equal(w->power[target], FINAL_NONE);
			assert_int_equal(w->seen[EVENT_NODE_SILENT], 0);
			assert_int_equal(command(w, at, REQUEST_NODE_START, target),
					 ANSWER_ACCEPTED);
			assert_true(all_in(w, NODE_MODE_ONLINE));
			world_free(w);
		}
}

static void test_server_power(void **state)
{
	struct world *w = started(3);

	(void)state;
	w->slow[0] = 2; /* resource 1 takes its time */
	request(w, 1, REQUEST_NODE_SHUTDOWN, 0);
	run_until(w, SECOND / 2, NULL);
	assert_int_equal(self(w, 0).mode, NODE_MODE_STOPPING);
	assert_int_equal(w->power[0], FINAL_NONE);
	assert_int_equal(w->seen[EVENT_NODE_POWER], 0);
	w->slow[0] = 0;
	answer(w, 0, 1, true);
	assert_true(run_until(w, SECOND, on_1));
	run_until(w, SECOND, NULL);
	assert_int_equal(w->power[0], FINAL_SHUTDOWN);
	assert_int_equal(w->seen[EVENT_NODE_POWER], 1);
	assert_int_equal(w->last[EVENT_NODE_POWER].arg[0], POWER_SHUTDOWN);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	/*
	 * the machine goes; nobody is fenced, nothing is lost; its next life is not told to
	 * leave
	 */
	w->dead[0] = true;
	run_until(w, SECOND, NULL);
	assert_int_equal(owner(w), 1);
	w->power[0] = FINAL_NONE;
	boot(w, 0);
	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(self(w, 0).mode, NODE_MODE_ONLINE);
	assert_int_equal(w->power[0], FINAL_NONE);
	/* one that has stopped already can still be sent to reboot */
	assert_int_equal(command(w, 1, REQUEST_NODE_STOP, 2), ANSWER_ACCEPTED);
	assert_int_equal(command(w, 1, REQUEST_NODE_STOP, 2), ANSWER_NOTHING_TO_DO);
	assert_int_equal(command(w, 1, REQUEST_NODE_REBOOT, 2), ANSWER_ACCEPTED);
	assert_int_equal(w->power[2], FINAL_REBOOT);
	assert_int_equal(command(w, 1, REQUEST_NODE_REBOOT, 9), ANSWER_BAD_TARGET);
	world_free(w);
}

/* From the row on it is no candidate, though it has not said so itself yet. */
static void test_leaving_is_no_candidate(void **state)
{
	struct world *w = started(3);

	(void)state;
	w->frozen[1] = true;
	run_until(w, 5000, NULL);
	request(w, 0, REQUEST_NODE_STOP, 1);
	run_until(w, 5000, NULL);
	request(w, 0, REQUEST_GROUP_MOVE, NODE_NONE);
	w->frozen[1] = false;
	run_until(w, 3 * SECOND, NULL);
	assert_int_equal(owner(w), 2);
	assert_int_equal(w->starts, 4); /* two resources, here and there */
	world_free(w);
}

/* ---- the whole cluster (O3) ---- */

static void stop_and_start(uint8_t stop_at, uint8_t start_at, bool groups)
{
	struct world *w = world_new(3, 0);

	if (!groups)
		w->config.n_groups = w->config.n_resources = 0;
	for (uint8_t i = 0; i < 3; i++)
		boot(w, i);
	run_until(w, 2 * SECOND, NULL);
	unsigned int starts = w->starts;
	assert_int_equal(command(w, stop_at, REQUEST_CLUSTER_STOP, NODE_NONE), ANSWER_ACCEPTED);
	assert_true(all_in(w, NODE_MODE_STOPPED));
	assert_int_equal(w->starts, starts); /* nothing has wandered */
	assert_int_equal(owner(w), -1);
	assert_int_equal(w->seen[EVENT_NODE_SILENT] + w->seen[EVENT_LEASE_EXPIRED], 0);
	run_until(w, 5 * SECOND, NULL);
	assert_true(all_in(w, NODE_MODE_STOPPED));
	assert_int_equal(command(w, start_at, REQUEST_CLUSTER_START, NODE_NONE), ANSWER_ACCEPTED);
	assert_true(all_in(w, NODE_MODE_ONLINE));
	assert_int_equal(owner(w), groups ? 0 : -1);
	assert_int_equal(command(w, start_at, REQUEST_CLUSTER_START, NODE_NONE),
			 ANSWER_NOTHING_TO_DO);
	/* that start does not bring back who is stopped later */
	assert_int_equal(command(w, start_at, REQUEST_NODE_STOP, 2), ANSWER_ACCEPTED);
	run_until(w, 5 * SECOND, NULL);
	assert_int_equal(self(w, 2).mode, NODE_MODE_STOPPED);
	world_free(w);
}

static void test_cluster_stop_and_start(void **state)
{
	(void)state;
	for (uint8_t at = 0; at < 3; at++) {
		stop_and_start(at, (uint8_t)(2 - at), true);
		stop_and_start(at, at, false);
	}
}

static void test_cluster_reboot(void **state)
{
	struct world *w = started(3);

	(void)state;
	assert_int_equal(command(w, 1, REQUEST_CLUSTER_REBOOT, NODE_NONE), ANSWER_ACCEPTED);
	for (uint8_t i = 0; i < 3; i++)
		assert_int_equal(w->power[i], FINAL_REBOOT);
	assert_int_equal(w->seen[EVENT_NODE_POWER], 3);
	assert_int_equal(w->starts, 2);
	for (uint8_t i = 0; i < 3; i++)
		boot(w, i);
	run_until(w, 3 * SECOND, NULL);
	assert_int_equal(owner(w), 0);
	world_free(w);
}

/* ---- an agreed configuration (C1, C2) ---- */

static void test_config_needs_all(void **state)
{
	struct world *w = started(3);

	(void)state;
	assert_int_equal(configure(w, 1, 0), ANSWER_BAD_VALUE);
	assert_int_equal(configure(w, 1, HASH_NEW), ANSWER_NOT_READY);
	ready(w, 0, HASH_NEW);
	ready(w, 1, HASH_NEW);
	assert_int_equal(w->seen[EVENT_CONFIG_READY], 2);
	assert_int_equal(configure(w, 1, HASH_NEW), ANSWER_NOT_READY);
	ready(w, 2, HASH_NEW + 1);
	assert_int_equal(configure(w, 1, HASH_NEW), ANSWER_NOT_READY);
	assert_int_equal(w->applied[0] + w->applied[1] + w->applied[2], 0);
	ready(w, 2, HASH_NEW);
	ready(w, 0, 0); /* one has lost it again */
	assert_int_equal(configure(w, 1, HASH_NEW), ANSWER_NOT_READY);
	ready(w, 0, HASH_NEW);
	assert_int_equal(configure(w, 1, HASH_NEW), ANSWER_ACCEPTED);
	for (uint8_t i = 0; i < 3; i++) {
		assert_int_equal(w->applied[i], 1);
		assert_int_equal(w->apply_generation[i], 1);
		assert_int_equal(w->apply_hash[i], HASH_NEW);
		assert_int_equal(cluster(w, i).intent.config_generation, 1);
	}
	assert_int_equal(w->seen[EVENT_CONFIG_AGREED], 3);
	world_free(w);
}

/* All or none: nobody applies it before all have it on disk. */
static void test_config_waits_for_disks(void **state)
{
	struct world *w = started(3);

	(void)state;
	for (uint8_t i = 0; i < 3; i++)
		ready(w, i, HASH_NEW);
	w->disk_slow[2] = true;
	assert_int_equal(configure(w, 1, HASH_NEW), ANSWER_NONE);
	assert_int_equal(w->applied[0] + w->applied[1] + w->applied[2], 0);
	w->disk_slow[2] = false;
	disk_done(w, 2);
	run_until(w, SECOND / 10, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	assert_int_equal(w->applied[0] + w->applied[1] + w->applied[2], 3);
	world_free(w);
}

/* The coordinator dies with the row told and nothing answered: the others go on without it. */
static void test_config_outlives_its_coordinator(void **state)
{
	struct world *w = started(3);

	(void)state;
	for (uint8_t i = 0; i < 3; i++)
		ready(w, i, HASH_NEW);
	w->disk_slow[2] = true;
	configure(w, 1, HASH_NEW);
	kill_node(w, 0);
	w->disk_slow[2] = false;
	disk_done(w, 2);
	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	assert_int_equal(w->applied[1], 1);
	assert_int_equal(w->applied[2], 1);
	world_free(w);
}

/* Who was away gets the row when it is back, and applies it as soon as it has the text. */
static void test_config_and_who_was_away(void **state)
{
	struct world *w = started(3);

	(void)state;
	kill_node(w, 2);
	run_until(w, SECOND, NULL);
	ready(w, 0, HASH_NEW);
	ready(w, 1, HASH_NEW);
	assert_int_equal(configure(w, 1, HASH_NEW), ANSWER_ACCEPTED);
	boot(w, 2);
	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(cluster(w, 2).intent.config_hash, HASH_NEW);
	assert_int_equal(w->applied[2], 0);
	ready(w, 2, HASH_NEW);
	assert_int_equal(w->applied[2], 1);
	run_until(w, SECOND, NULL);
	assert_int_equal(w->applied[2], 1); /* once */
	ready(w, 2, HASH_NEW);		    /* it did not succeed, and says so by another try */
	assert_int_equal(w->applied[2], 2);
	world_free(w);
}

/* Generations go on from what is configured, though the rows on disk were lost. */
static void test_config_generation(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	w->config.config_generation = 7;
	w->config.config_hash = HASH_NEW - 1;
	for (uint8_t i = 0; i < 3; i++)
		boot(w, i);
	run_until(w, 2 * SECOND, NULL);
	for (uint8_t i = 0; i < 3; i++)
		ready(w, i, HASH_NEW);
	assert_int_equal(configure(w, 1, HASH_NEW), ANSWER_ACCEPTED);
	assert_int_equal(w->apply_generation[2], 8);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suspended_is_told),
		cmocka_unit_test(test_suspended_refuses),
		cmocka_unit_test(test_suspended_outlives_restarts),
		cmocka_unit_test(test_suspended_lease_ends),
		cmocka_unit_test(test_suspended_agent_can_leave),
		cmocka_unit_test(test_server_stop),
		cmocka_unit_test(test_server_power),
		cmocka_unit_test(test_leaving_is_no_candidate),
		cmocka_unit_test(test_cluster_stop_and_start),
		cmocka_unit_test(test_cluster_reboot),
		cmocka_unit_test(test_config_needs_all),
		cmocka_unit_test(test_config_waits_for_disks),
		cmocka_unit_test(test_config_outlives_its_coordinator),
		cmocka_unit_test(test_config_and_who_was_away),
		cmocka_unit_test(test_config_generation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
