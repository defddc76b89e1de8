/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another configuration without an end (rules C3, C4), in small stories. */
#include "tests/unit/core_world.h"

#include <errno.h>

#define SECOND	 1000000ULL
#define HASH_OLD 0x100ULL
#define HASH_NEW 0x200ULL

/* Group g0 with resources r0 and r1, on top of it; `n` nodes. */
static struct world *started(uint8_t n)
{
	struct world *w = world_new(n, 0);

	w->config.config_hash = w->config.objects_hash = HASH_OLD;
	for (uint8_t r = 0; r < 2; r++)
		(void)snprintf(w->config.resources[r].name, NAME_SIZE, "r%u", r);
	for (uint8_t i = 0; i < n; i++)
		boot(w, i);
	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(owner(w), 0);
	return w;
}

static struct core_self_info self(const struct world *w, uint8_t node)
{
	struct core_self_info info;

	core_self_info(w->core[node], w->now, &info);
	return info;
}

static struct core_group_info look(const struct world *w, uint8_t by, uint16_t group)
{
	struct core_group_info info;

	core_group_info(w->core[by], group, w->now, &info);
	return info;
}

static int try(struct world *w, uint8_t node, const struct core_config *config)
{
	struct core_config mine = *config;
	struct core *c;

	mine.self = node;
	int r = core_reconfigure(w->core[node], &mine, &c);
	if (r < 0)
		return r;
	core_free(w->core[node]);
	w->core[node] = c;
	/* monitors begin anew, whatever their drivers did */
	memset(w->checks[node], 0, sizeof w->checks[node]);
	memset(w->failing[node], 0, sizeof w->failing[node]);
	core_check(c);
	return 0;
}

/* The world's index of what was old resource `from` is `to` from now on. */
static void reconfigure_all(struct world *w, const struct core_config *config,
			    const uint16_t *to_by_from)
{
	bool running[8];

	for (uint8_t i = 0; i < w->n; i++) {
		assert_int_equal(try(w, i, config), 0);
		memcpy(running, w->running[i], sizeof running);
		memset(w->running[i], 0, sizeof w->running[i]);
		for (uint16_t r = 0; r < w->config.n_resources; r++)
			w->running[i][to_by_from[r]] = running[r];
	}
	w->config = *config;
	/* what is on its way was sent by other objects: the wire leaves rows of it out */
}

/* A group with one resource, before or behind those of `config`. */
static struct core_config with_group(const struct core_config *config, bool before)
{
	struct core_config c = *config;
	uint16_t g = before ? 0 : c.n_groups, r = before ? 0 : c.n_resources;

	if (before) {
		memmove(&c.groups[1], &c.groups[0], c.n_groups * sizeof c.groups[0]);
		memmove(&c.resources[1], &c.resources[0], c.n_resources * sizeof c.resources[0]);
		for (uint16_t i = 1; i <= c.n_resources; i++) {
			c.resources[i].group++;
			for (uint8_t d = 0; d < c.resources[i].n_deps; d++)
				c.resources[i].deps[d]++;
		}
	}
	c.groups[g] = config->groups[0];
	(void)snprintf(c.groups[g].name, NAME_SIZE, "new");
	c.resources[r] = config->resources[0];
	(void)snprintf(c.resources[r].name, NAME_SIZE, "new_r");
	c.resources[r].group = g;
	c.n_groups++;
	c.n_resources++;
	c.config_hash = c.objects_hash = HASH_NEW;
	return c;
}

/* Without resource 1, the one on top. */
static struct core_config without_top(const struct core_config *config)
{
	struct core_config c = *config;

	c.n_resources = 1;
	c.config_hash = c.objects_hash = HASH_NEW;
	return c;
}

/* All indexes change, and what runs goes on running; the new group is started. */
static void test_indexes_change(void **state)
{
	static const uint16_t moved[] = {1, 2};
	struct world *w = started(3);
	struct core_config c = with_group(&w->config, true);
	struct view before = self(w, 0).view;
	unsigned int starts = w->starts, stops = w->n_stopped;

	(void)state;
	reconfigure_all(w, &c, moved);
	run_until(w, SECOND, NULL);
	assert_int_equal(w->starts, starts + 1);
	assert_int_equal(w->n_stopped, stops);
	assert_true(w->running[0][0] && w->running[0][1] && w->running[0][2]);
	assert_int_equal(self(w, 1).view.epoch, before.epoch);
	assert_true(self(w, 0).lease_valid);
	assert_int_equal(self(w, 0).incarnation, 1);
	for (uint8_t i = 0; i < 3; i++) {
		assert_int_equal(look(w, i, 1).state, GROUP_ONLINE);
		assert_int_equal(look(w, i, 1).current, 0);
		assert_int_equal(look(w, i, 0).state, GROUP_ONLINE);
	}
	assert_int_equal(w->seen[EVENT_LEASE_EXPIRED] + w->seen[EVENT_VIEW_LOST], 0);
	/* and what was carried over can fail over */
	w->dead[0] = true;
	memset(w->running[0], 0, sizeof w->running[0]);
	run_until(w, SECOND, NULL);
	assert_true(w->running[1][0] && w->running[1][1] && w->running[1][2]);
	/* rows on disk have the new names: a restart of all begins with them */
	assert_string_equal(w->disk[1].group_names[1], "g0");
	world_free(w);
}

/*
 * One after the other, some time apart: rows of those who differ are left alone, nothing is
 * lost.
 */
static void test_one_after_the_other(void **state)
{
	struct world *w = started(3);
	struct core_config c = with_group(&w->config, false);
	struct view before = self(w, 0).view;

	(void)state;
	for (uint8_t i = 0; i < 3; i++) {
		assert_int_equal(try(w, 2 - i, &c), 0);
		run_until(w, 200000, NULL);
		assert_int_equal(owner(w), 0);
		assert_int_equal(look(w, 0, 0).state, GROUP_ONLINE);
		if (i < 2) /* not before all are the same */
			assert_false(w->running[0][2] || w->running[1][2] || w->running[2][2]);
	}
	w->config = c;
	run_until(w, SECOND, NULL);
	assert_true(w->running[0][2]);
	assert_int_equal(self(w, 1).view.epoch, before.epoch);
	world_free(w);
}

/*
 * Where only names differ, rows and digests look alike: still nothing is placed on the word of a
 * member whose objects are others (rules C3, G3).
 */
static void test_word_of_others(void **state)
{
	struct world *w = started(3);
	struct core_config c = w->config;
	unsigned int starts;

	(void)state;
	request(w, 0, REQUEST_GROUP_STOP, NODE_NONE);
	run_until(w, SECOND, NULL);
	starts = w->starts;
	(void)snprintf(c.resources[1].name, NAME_SIZE, "other");
	c.config_hash = c.objects_hash = HASH_NEW;
	assert_int_equal(try(w, 0, &c), 0);
	assert_int_equal(try(w, 1, &c), 0);
	run_until(w, 100000, NULL);
	request(w, 0, REQUEST_GROUP_START, NODE_NONE);
	run_until(w, 300000, NULL);
	assert_int_equal(self(w, 0).view.members, 7);
	assert_int_equal(w->starts, starts);
	assert_int_equal(try(w, 2, &c), 0);
	w->config = c;
	run_until(w, SECOND, NULL);
	assert_true(w->running[0][0] && w->running[0][1]);
	world_free(w);
}

/* A command of one that has other objects means something else: it is not carried out. */
static void test_commands_of_others(void **state)
{
	struct world *w = started(3);
	struct core_config c = with_group(&w->config, true);

	(void)state;
	c.request_timeout_us = w->config.request_timeout_us;
	assert_int_equal(try(w, 2, &c), 0);
	request(w, 2, REQUEST_GROUP_STOP, NODE_NONE); /* of group 0, the new one */
	run_until(w, 900000, NULL);
	assert_int_equal(owner(w), 0);
	assert_int_equal(w->last_answer, ANSWER_NONE);
	run_until(w, SECOND, NULL);
	assert_true(w->last_answer != ANSWER_ACCEPTED);
	assert_int_equal(owner(w), 0);
	world_free(w);
}

/* A member that stays different leaves the view after a request_timeout, and is not taken in. */
static void test_who_stays_behind(void **state)
{
	struct world *w = started(3);
	struct core_config c = with_group(&w->config, false);
	struct core_peer_info info;

	(void)state;
	w->config.request_timeout_us = c.request_timeout_us;
	assert_int_equal(try(w, 1, &c), 0);
	assert_int_equal(try(w, 2, &c), 0);
	run_until(w, 900000, NULL);
	assert_int_equal(self(w, 2).view.members, 7);
	run_until(w, SECOND, NULL);
	assert_int_equal(self(w, 2).view.members, 6);
	core_peer_info(w->core[1], 0, w->now, &info);
	assert_true(info.config_differs);
	assert_true(w->running[1][0] && w->running[1][1] && w->running[1][2]);
	assert_false(w->running[0][0]);
	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(self(w, 2).view.members, 6);
	/* it catches up */
	assert_int_equal(try(w, 0, &c), 0);
	w->config = c;
	run_until(w, SECOND, NULL);
	assert_int_equal(self(w, 2).view.members, 7);
	core_peer_info(w->core[1], 0, w->now, &info);
	assert_false(info.config_differs);
	world_free(w);
}

/* Two and two: neither half could go on alone, so what runs goes on, and nothing is placed. */
static void test_half_and_half(void **state)
{
	struct world *w = started(4);
	struct core_config c = with_group(&w->config, false);

	(void)state;
	assert_int_equal(try(w, 2, &c), 0);
	assert_int_equal(try(w, 3, &c), 0);
	run_until(w, 5 * SECOND, NULL);
	assert_int_equal(owner(w), 0);
	assert_int_equal(self(w, 2).view.members, 15);
	assert_false(w->running[2][2] || w->running[3][2]);
	for (uint8_t i = 0; i < 2; i++)
		assert_int_equal(try(w, i, &c), 0);
	w->config = c;
	run_until(w, SECOND, NULL);
	assert_true(w->running[0][2]);
	world_free(w);
}

/* While what was agreed is being applied, a difference is no alarm; if it stays, it is. */
static void test_alarm_of_difference(void **state)
{
	struct world *w = started(3);
	struct core_config c = w->config;
	struct core_event e = {.type = CORE_EVENT_CONFIG_READY};

	(void)state;
	c.config_hash = HASH_NEW;
	c.config_generation = 1;
	e.config_ready.hash = HASH_NEW;
	for (uint8_t i = 0; i < 3; i++)
		step(w, i, &e);
	run_until(w, 100000, NULL);
	e = (struct core_event){.type = CORE_EVENT_REQUEST};
	e.request.kind = REQUEST_CONFIG;
	e.request.value = HASH_NEW;
	e.request.target = NODE_NONE;
	step(w, 1, &e);
	run_until(w, 100000, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	for (uint8_t i = 0; i < 3; i++) {
		assert_int_equal(w->applied[i], 1);
		assert_int_equal(try(w, i, &c), 0);
		run_until(w, 100000, NULL);
	}
	assert_int_equal(w->seen[EVENT_CONFIG_MISMATCH] + w->seen[EVENT_CONFIG_MATCH], 0);
	assert_int_equal(w->applied[0], 1);
	/* a file that somebody changed by hand */
	c.config_hash = HASH_NEW + 1;
	assert_int_equal(try(w, 2, &c), 0);
	run_until(w, 500000, NULL);
	assert_int_equal(w->seen[EVENT_CONFIG_MISMATCH], 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(w->seen[EVENT_CONFIG_MISMATCH], 4); /* it of both, both of it */
	c.config_hash = HASH_NEW;
	assert_int_equal(try(w, 2, &c), 0);
	run_until(w, 100000, NULL);
	assert_int_equal(w->seen[EVENT_CONFIG_MATCH], 4);
	world_free(w);
}

static void test_what_would_be_lost(void **state)
{
	struct world *w = started(3);
	struct core_config c = without_top(&w->config), d = w->config;

	(void)state;
	assert_int_equal(try(w, 0, &c), -EBUSY); /* it runs there */
	assert_int_equal(owner(w), 0);
	d.resources[0].address = !d.resources[0].address; /* another thing by the same name */
	assert_int_equal(try(w, 0, &d), -EBUSY);
	d = w->config;
	(void)snprintf(d.groups[0].name, NAME_SIZE, "other");
	assert_int_equal(try(w, 0, &d), -EBUSY);
	/* a new order and other limits are no loss */
	d = w->config;
	d.resources[1].start_timeout_us *= 2;
	d.groups[0].failover_limit = 3;
	assert_int_equal(try(w, 0, &d), 0);
	request(w, 0, REQUEST_GROUP_STOP, NODE_NONE);
	run_until(w, SECOND, NULL);
	for (uint8_t i = 0; i < 3; i++)
		assert_int_equal(try(w, i, &c), 0);
	w->config = c;
	request(w, 1, REQUEST_GROUP_START, NODE_NONE);
	run_until(w, SECOND, NULL);
	assert_true(w->running[0][0]);
	assert_false(w->running[0][1]);
	world_free(w);
}

static void test_bad_configurations(void **state)
{
	struct world *w = started(3);
	struct core_config c = w->config;
	struct core *none = NULL;

	(void)state;
	c.nodes[1].votes = 2;
	assert_int_equal(try(w, 0, &c), -EINVAL);
	c = w->config;
	(void)snprintf(c.nodes[2].name, NAME_SIZE, "other");
	assert_int_equal(try(w, 0, &c), -EINVAL);
	c = w->config;
	c.n_nodes = 2;
	assert_int_equal(try(w, 0, &c), -EINVAL);
	c = w->config;
	c.takeover = TAKEOVER_FENCE;
	assert_int_equal(try(w, 0, &c), -EINVAL);
	c = w->config;
	c.nodes[2].hosts = false;
	assert_int_equal(try(w, 0, &c), -EINVAL);
	c = w->config;
	c.timeout_us = c.interval_us;
	assert_int_equal(try(w, 0, &c), -EINVAL);
	c = w->config;
	c.self = 1;
	assert_int_equal(core_reconfigure(w->core[0], &c, &none), -EINVAL);
	assert_null(none);
	run_until(w, SECOND, NULL);
	assert_int_equal(owner(w), 0);
	world_free(w);
}

/* An order that is on its way is answered by its number, whatever its resource is called now. */
static void test_operation_in_progress(void **state)
{
	static const uint16_t moved[] = {1, 2};
	struct world *w = started(3);
	struct core_config c = with_group(&w->config, true);

	(void)state;
	w->slow[0] = 2;
	request(w, 0, REQUEST_GROUP_MOVE, 1);
	run_until(w, 100000, NULL);
	uint32_t operation = w->unanswered[0][1];
	assert_true(operation);
	w->slow[0] = 0;
	reconfigure_all(w, &c, moved);
	run_until(w, 100000, NULL);
	assert_true(w->running[0][2]); /* no second order */
	struct core_event e = {.type = CORE_EVENT_RESOURCE_DONE};
	e.resource_done.operation = operation;
	e.resource_done.result = RESOURCE_RESULT_OK;
	w->running[0][2] = false;
	step(w, 0, &e);
	run_until(w, SECOND, NULL);
	assert_true(w->running[1][1] && w->running[1][2]);
	assert_false(w->running[0][1]);
	world_free(w);
}

/* A command in hand follows its object; if that has gone, it is refused. */
static void test_command_in_hand(void **state)
{
	static const uint16_t moved[] = {1, 2};
	struct world *w = started(3);
	struct core_config c = with_group(&w->config, true);

	(void)state;
	isolate(w, 0, true); /* the coordinator does not hear it */
	request(w, 2, REQUEST_GROUP_MOVE, 2);
	reconfigure_all(w, &c, moved);
	isolate(w, 0, false);
	run_until(w, SECOND, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	assert_true(w->running[2][1] && w->running[2][2]);
	assert_true(w->running[0][0]); /* the new one is where it was */

	struct core_event e = {.type = CORE_EVENT_REQUEST};
	e.request.kind = REQUEST_GROUP_STOP;
	e.request.group = 0;
	e.request.target = NODE_NONE;
	step(w, 0, &e);
	run_until(w, SECOND, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	isolate(w, 0, true);
	e.request.kind = REQUEST_GROUP_START;
	w->last_answer = ANSWER_NONE;
	step(w, 2, &e);
	struct core_config d = c;
	d.n_groups--;
	d.n_resources--;
	memmove(&d.groups[0], &c.groups[1], d.n_groups * sizeof d.groups[0]);
	memmove(&d.resources[0], &c.resources[1], d.n_resources * sizeof d.resources[0]);
	for (uint16_t i = 0; i < d.n_resources; i++) {
		d.resources[i].group--;
		for (uint8_t k = 0; k < d.resources[i].n_deps; k++)
			d.resources[i].deps[k]--;
	}
	assert_int_equal(try(w, 2, &d), 0);
	memmove(&w->running[2][0], &w->running[2][1], 7);
	step(w, 2, &(struct core_event){.type = CORE_EVENT_TICK});
	assert_int_equal(w->last_answer, ANSWER_BAD_TARGET);
	world_free(w);
}

/* What an operator has said stays said: stopped resources, suspended monitors, counters. */
static void test_orders_are_carried_over(void **state)
{
	static const uint16_t moved[] = {1, 2};
	struct world *w = started(3);
	struct core_config c;
	struct core_event e = {.type = CORE_EVENT_REQUEST};
	struct core_monitor_info info;

	(void)state;
	w->config.n_monitors = 1;
	w->config.monitors[0] = (struct core_monitor_config){
		.name = "m", .nodes = 7, .active_group = UINT16_MAX, .active_resource = UINT16_MAX};
	for (uint8_t i = 0; i < 3; i++) {
		memset(w->running[i], 0, sizeof w->running[i]);
		boot(w, i);
	}
	run_until(w, 2 * SECOND, NULL);
	e.request.kind = REQUEST_RESOURCE_STOP;
	e.request.object = 1;
	e.request.target = NODE_NONE;
	step(w, 1, &e);
	run_until(w, SECOND, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	e.request.kind = REQUEST_MONITOR_SUSPEND;
	e.request.object = 0;
	e.request.target = 2;
	step(w, 1, &e);
	run_until(w, SECOND, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	assert_true(w->running[0][0] && !w->running[0][1]);
	struct core_event said = {.type = CORE_EVENT_MONITOR};
	said.monitor.status = MONITOR_ERROR;
	step(w, 1, &said);
	c = with_group(&w->config, true);
	c.monitors[1] = c.monitors[0];
	c.monitors[0].name[0] = 'n';
	c.n_monitors = 2;
	reconfigure_all(w, &c, moved);
	run_until(w, 2 * SECOND, NULL);
	assert_true(w->running[0][0] && w->running[0][1] && !w->running[0][2]);
	core_monitor_info(w->core[0], 1, &info);
	assert_int_equal(info.on[2].status, MONITOR_SUSPENDED);
	assert_int_equal(info.on[1].status, MONITOR_ERROR); /* until it says otherwise */
	assert_int_equal(w->seen[EVENT_MONITOR_SUSPENDED], 1);
	core_monitor_info(w->core[0], 0, &info);
	assert_int_equal(info.on[2].status, MONITOR_OFFLINE); /* runs, and has not said anything */
	assert_true(w->checks[2][0] && !w->checks[2][1] && w->checks[1][1]);
	world_free(w);
}

/*
 * Other times: a longer lease waits for its disk (P4; post() watches), a shorter one is over in
 * time.
 */
static void test_other_times(void **state)
{
	struct world *w = started(3);
	struct core_config c = w->config;
	struct core_cluster_info info;

	(void)state;
	c.config_hash = HASH_NEW;
	c.timeout_us = 60000;
	c.lease_us = 80000;
	for (uint8_t i = 0; i < 3; i++) {
		w->disk_slow[i] = i == 1;
		assert_int_equal(try(w, i, &c), 0);
	}
	run_until(w, SECOND / 2, NULL);
	core_cluster_info(w->core[0], w->now, &info);
	assert_int_equal(info.lease_us, 80000);
	assert_int_equal(info.timeout_us, 60000);
	core_cluster_info(w->core[1], w->now, &info);
	assert_int_equal(info.lease_us, 40000);
	assert_int_equal(info.timeout_us, 30000);
	w->disk_slow[1] = false;
	disk_done(w, 1);
	run_until(w, SECOND / 2, NULL);
	core_cluster_info(w->core[1], w->now, &info);
	assert_int_equal(info.lease_us, 80000);
	assert_int_equal(w->seen[EVENT_NODE_SILENT] + w->seen[EVENT_LEASE_EXPIRED], 0);
	for (uint8_t i = 0; i < 3; i++)
		assert_int_equal(try(w, i, &w->config), 0);
	run_until(w, SECOND, NULL);
	core_cluster_info(w->core[1], w->now, &info);
	assert_int_equal(info.lease_us, 40000);
	assert_int_equal(w->disk[1].lease_max_us, 40000);
	assert_int_equal(w->seen[EVENT_NODE_SILENT] + w->seen[EVENT_LEASE_EXPIRED], 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_indexes_change),
		cmocka_unit_test(test_one_after_the_other),
		cmocka_unit_test(test_word_of_others),
		cmocka_unit_test(test_commands_of_others),
		cmocka_unit_test(test_who_stays_behind),
		cmocka_unit_test(test_half_and_half),
		cmocka_unit_test(test_alarm_of_difference),
		cmocka_unit_test(test_what_would_be_lost),
		cmocka_unit_test(test_bad_configurations),
		cmocka_unit_test(test_operation_in_progress),
		cmocka_unit_test(test_command_in_hand),
		cmocka_unit_test(test_orders_are_carried_over),
		cmocka_unit_test(test_other_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
