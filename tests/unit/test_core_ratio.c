/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The timeout ratio (rules R1 to R6), in small stories. The world has a timeout of 30 ms and a
 * lease of 40 ms; it checks itself at each sending that a lease is on disk before it is told
 * (P4), and at each step that nothing has two owners.
 */
#include "tests/unit/core_world.h"

#define SECOND 1000000ULL
#define MINUTE (60 * SECOND)

static uint8_t set_ratio(struct world *w, uint8_t at, uint16_t ratio, uint64_t us)
{
	struct core_event e = {.type = CORE_EVENT_REQUEST};

	e.request.kind = REQUEST_RATIO_SET;
	e.request.target = NODE_NONE;
	e.request.ratio = ratio;
	e.request.value = us;
	w->last_answer = ANSWER_NONE;
	step(w, at, &e);
	run_until(w, SECOND / 2, NULL);
	return w->last_answer;
}

static uint8_t reset_ratio(struct world *w, uint8_t at)
{
	request(w, at, REQUEST_RATIO_RESET, NODE_NONE);
	run_until(w, SECOND / 2, NULL);
	return w->last_answer;
}

static struct core_cluster_info cluster(const struct world *w, uint8_t node)
{
	struct core_cluster_info info;

	core_cluster_info(w->core[node], w->now, &info);
	return info;
}

static struct core_self_info self(const struct world *w, uint8_t node)
{
	struct core_self_info info;

	core_self_info(w->core[node], w->now, &info);
	return info;
}

static bool heard(const struct world *w, uint8_t by, uint8_t node)
{
	struct core_peer_info info;

	core_peer_info(w->core[by], node, w->now, &info);
	return info.state == PEER_MEMBER;
}

static void assert_in_force(const struct world *w, uint16_t ratio)
{
	for (uint8_t i = 0; i < w->n; i++) {
		if (w->dead[i])
			continue;
		assert_int_equal(cluster(w, i).timeout_us, w->config.timeout_us * ratio);
		assert_int_equal(cluster(w, i).lease_us, w->config.lease_us * ratio);
		assert_int_equal(w->ratio[i] ? w->ratio[i] : 1, ratio);
	}
}

static struct world *started(uint8_t n)
{
	struct world *w = world_new(n, 0);

	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(owner(w), 0);
	return w;
}

static void freeze(struct world *w, uint8_t node, uint64_t us)
{
	w->frozen[node] = true;
	run_until(w, us, NULL);
	w->frozen[node] = false;
}

static void test_multiplies_and_ends(void **state)
{
	struct world *w = started(3);
	struct view before = self(w, 0).view;

	(void)state;
	assert_in_force(w, 1);
	assert_int_equal(set_ratio(w, 1, 10, MINUTE), ANSWER_ACCEPTED);
	assert_in_force(w, 10);
	assert_int_equal(w->seen[EVENT_RATIO_SET], 3);
	assert_int_equal(w->last[EVENT_RATIO_SET].arg[0], 10);
	for (unsigned int i = 0; i < 10; i++) { /* no silence of 200 ms is a failure now */
		freeze(w, (uint8_t)(i % 3), 200000);
		run_until(w, 100000, NULL);
	}
	assert_int_equal(w->seen[EVENT_NODE_SILENT], 0);
	assert_int_equal(w->seen[EVENT_LEASE_EXPIRED], 0);
	assert_int_equal(self(w, 2).view.epoch, before.epoch);
	assert_int_equal(owner(w), 0);
	run_until(w, MINUTE, NULL);
	assert_in_force(w, 1);
	assert_int_equal(w->seen[EVENT_RATIO_ENDED], 3);
	assert_int_equal(w->last[EVENT_RATIO_ENDED].arg[0], 10);
	assert_int_equal(w->last[EVENT_RATIO_ENDED].arg[1], 0);
	assert_int_equal(cluster(w, 2).intent.ratio, 1); /* rule R3 */
	freeze(w, 1, 50000);
	run_until(w, SECOND, NULL);
	assert_true(w->seen[EVENT_NODE_SILENT] > 0);
	world_free(w);
}

static void test_bad_values(void **state)
{
	struct world *w = started(3);

	(void)state;
	assert_int_equal(set_ratio(w, 1, 0, MINUTE), ANSWER_BAD_VALUE);
	assert_int_equal(set_ratio(w, 1, RATIO_MAX + 1, MINUTE), ANSWER_BAD_VALUE);
	assert_int_equal(set_ratio(w, 1, 2, 0), ANSWER_BAD_VALUE);
	assert_int_equal(set_ratio(w, 0, 2, RATIO_TIME_MAX_US + 1), ANSWER_BAD_VALUE);
	assert_int_equal(set_ratio(w, 1, 1, MINUTE), ANSWER_NOTHING_TO_DO);
	assert_int_equal(reset_ratio(w, 2), ANSWER_NOTHING_TO_DO);
	assert_int_equal(cluster(w, 0).intent.version.epoch, 0);
	assert_int_equal(set_ratio(w, 1, RATIO_MAX, RATIO_TIME_MAX_US), ANSWER_ACCEPTED);
	assert_in_force(w, RATIO_MAX);
	assert_int_equal(set_ratio(w, 2, 1, MINUTE), ANSWER_ACCEPTED);
	assert_in_force(w, 1);
	world_free(w);
}

/* All end it within one hop, though the beginning was heard at different times. */
static void test_ends_at_one_moment(void **state)
{
	struct world *w = started(3);
	ha_time first = HA_TIME_NEVER, last = HA_TIME_ZERO;
	bool over[3] = {false};

	(void)state;
	assert_int_equal(set_ratio(w, 0, 5, 10 * SECOND), ANSWER_ACCEPTED);
	for (unsigned int left = 3; left;) {
		run_until(w, 100, NULL);
		for (uint8_t i = 0; i < 3; i++) {
			if (over[i] || cluster(w, i).timeout_us != w->config.timeout_us)
				continue;
			over[i] = true;
			left--;
			first = ha_time_min(first, w->now);
			last = ha_time_max(last, w->now);
		}
	}
	assert_true(ha_time_since(last, first) <= 3 * DELAY_US);
	world_free(w);
}

/* The same ratio for longer, then shorter: an event each time, and the last word counts. */
static void test_set_anew(void **state)
{
	struct world *w = started(3);

	(void)state;
	set_ratio(w, 0, 10, 10 * SECOND);
	assert_int_equal(set_ratio(w, 1, 10, MINUTE), ANSWER_ACCEPTED);
	assert_int_equal(w->seen[EVENT_RATIO_SET], 6);
	for (uint8_t i = 0; i < 3; i++)
		assert_true(cluster(w, i).ratio_left_us > 50 * SECOND);
	assert_int_equal(set_ratio(w, 2, 10, 10 * SECOND), ANSWER_ACCEPTED);
	for (uint8_t i = 0; i < 3; i++)
		assert_true(cluster(w, i).ratio_left_us <= 10 * SECOND);
	/* a command about something else does not begin it again */
	request(w, 1, REQUEST_CLUSTER_SUSPEND, NODE_NONE);
	run_until(w, SECOND, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	assert_true(cluster(w, 1).ratio_left_us < 9 * SECOND);
	assert_int_equal(w->seen[EVENT_RATIO_SET], 6);
	run_until(w, 9 * SECOND, NULL);
	assert_in_force(w, 1);
	world_free(w);
}

/* ---- a ratio that shrinks (R4) ---- */

/* The silence began under the old ratio: it may last as long as that allowed. */
static void test_shrink_during_a_silence(void **state)
{
	struct world *w = started(3);

	(void)state;
	set_ratio(w, 0, 10, MINUTE);
	w->frozen[2] = true;
	run_until(w, 100000, NULL);
	request(w, 0, REQUEST_RATIO_RESET, NODE_NONE);
	run_until(w, 100000, NULL);
	assert_int_equal(cluster(w, 1).timeout_us, 30000);
	assert_true(heard(w, 0, 2) && heard(w, 1, 2));
	w->frozen[2] = false;
	run_until(w, SECOND, NULL);
	assert_int_equal(w->seen[EVENT_NODE_SILENT], 0);
	assert_in_force(w, 1);
	/* from here on the new one counts */
	freeze(w, 2, 60000);
	run_until(w, SECOND, NULL);
	assert_true(w->seen[EVENT_NODE_SILENT] > 0);
	world_free(w);
}

/*
 * The peer never told the longer timeout, but we judged by it: the silence may go on all the
 * same.
 */
static void test_shrink_unknown_to_the_peer(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	w->config.lease_us = 400000;
	for (uint8_t i = 0; i < 3; i++)
		boot(w, i);
	run_until(w, 2 * SECOND, NULL);
	w->disk_slow[2] = true;
	assert_int_equal(set_ratio(w, 0, 10, MINUTE), ANSWER_NONE); /* its disk has it not yet */
	assert_int_equal(cluster(w, 2).timeout_us, 30000);
	assert_int_equal(cluster(w, 0).timeout_us, 300000);
	w->frozen[2] = true;
	run_until(w, 100000, NULL);
	request(w, 1, REQUEST_RATIO_RESET, NODE_NONE);
	run_until(w, 100000, NULL);
	assert_int_equal(cluster(w, 0).timeout_us, 30000);
	w->frozen[2] = false;
	w->disk_slow[2] = false;
	disk_done(w, 2);
	run_until(w, SECOND, NULL);
	assert_int_equal(w->seen[EVENT_NODE_SILENT], 0);
	world_free(w);
}

/* Who died under a large ratio is found soon after its end, and its lease is still waited for. */
static void test_death_is_found_after_the_end(void **state)
{
	struct world *w = started(3);
	ha_time end;

	(void)state;
	set_ratio(w, 1, 5000, 10 * SECOND); /* 150 s, and a lease of 200 s */
	w->dead[0] = true;
	run_until(w, 11 * SECOND, NULL);
	end = w->now;
	assert_int_equal(cluster(w, 1).timeout_us, 30000);
	assert_int_equal(w->seen[EVENT_NODE_SILENT], 0);
	run_until(w, 61 * SECOND, NULL);
	assert_int_equal(w->seen[EVENT_NODE_SILENT], 2);
	assert_true(run_until(w, 200 * SECOND, on_1)); /* check_owners() watches */
	assert_true(ha_time_since(w->now, end) > 180 * SECOND);
	world_free(w);
}

/* A limit that grows does not bring back who is silent: only a beat does. */
static void test_growth_wakes_nobody(void **state)
{
	struct world *w = started(3);

	(void)state;
	w->frozen[2] = true;
	run_until(w, SECOND, NULL);
	assert_false(heard(w, 0, 2));
	unsigned int before = w->seen[EVENT_NODE_HEARD];
	assert_int_equal(set_ratio(w, 0, 10000, MINUTE), ANSWER_ACCEPTED);
	assert_int_equal(w->seen[EVENT_NODE_HEARD], before);
	assert_int_equal(w->seen[EVENT_LINK_UP], 6);
	assert_false(heard(w, 0, 2));
	world_free(w);
}

/*
 * Cut off with a long lease when the ratio shrinks: nobody starts its group before that has run
 * out.
 */
static void test_shrink_and_takeover(void **state)
{
	struct world *w = started(3);
	ha_time cut;

	(void)state;
	set_ratio(w, 1, 10, MINUTE);
	isolate(w, 0, true);
	cut = w->now;
	run_until(w, 20000, NULL);
	request(w, 1, REQUEST_RATIO_RESET, NODE_NONE);
	assert_true(run_until(w, 2 * SECOND, on_1));
	assert_true(ha_time_since(w->now, cut) >= 390000); /* since its last beat was sent */
	assert_true(ha_time_since(w->now, cut) < 450000);
	/* and it comes back with the old row and learns the new one */
	isolate(w, 0, false);
	run_until(w, SECOND, NULL);
	assert_in_force(w, 1);
	assert_true(heard(w, 1, 0));
	world_free(w);
}

/* ---- the disk (P4, R5) ---- */

static void test_longer_lease_waits_for_the_disk(void **state)
{
	struct world *w = started(3);

	(void)state;
	w->disk_slow[2] = true;
	assert_int_equal(set_ratio(w, 0, 10, MINUTE), ANSWER_NONE);
	assert_int_equal(cluster(w, 0).lease_us, 400000);
	assert_int_equal(cluster(w, 2).lease_us, 40000);
	assert_int_equal(cluster(w, 2).timeout_us, 30000);
	/* drivers need not wait for that */
	assert_int_equal(w->ratio[2], 10);
	w->disk_slow[2] = false;
	disk_done(w, 2);
	run_until(w, 100000, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	assert_in_force(w, 10);
	world_free(w);
}

/* One that grows further keeps what it has until then: a slow disk must not make it fall to 1. */
static void test_growth_is_no_gap(void **state)
{
	struct world *w = started(3);

	(void)state;
	set_ratio(w, 0, 10, MINUTE);
	for (uint8_t i = 0; i < 3; i++)
		w->disk_slow[i] = true;
	assert_int_equal(set_ratio(w, 0, 20, MINUTE), ANSWER_NONE);
	for (uint8_t i = 0; i < 3; i++)
		assert_int_equal(cluster(w, i).timeout_us, 300000);
	freeze(w, 1, 200000);
	run_until(w, 100000, NULL);
	assert_int_equal(w->seen[EVENT_NODE_SILENT], 0);
	for (uint8_t i = 0; i < 3; i++) {
		w->disk_slow[i] = false;
		disk_done(w, i);
	}
	run_until(w, SECOND, NULL);
	assert_in_force(w, 20);
	world_free(w);
}

/*
 * The longest lease leaves the disk when those grants are over, not before; and a new ratio
 * that comes while that is being written waits for its own write.
 */
static void test_lease_max_goes_down(void **state)
{
	struct world *w = started(3);

	(void)state;
	set_ratio(w, 0, 10, MINUTE);
	assert_int_equal(w->disk[1].lease_max_us, 400000);
	request(w, 0, REQUEST_RATIO_RESET, NODE_NONE);
	run_until(w, 390000, NULL);
	assert_int_equal(cluster(w, 1).lease_us, 40000);
	assert_int_equal(w->disk[1].lease_max_us, 400000);
	w->disk_slow[1] = true;
	run_until(w, 200000, NULL);
	assert_int_equal(w->next[1].lease_max_us, 40000);
	assert_int_equal(set_ratio(w, 0, 10, MINUTE), ANSWER_NONE); /* post() watches */
	assert_int_equal(cluster(w, 1).lease_us, 40000);
	disk_done(w, 1);
	run_until(w, 100000, NULL);
	assert_int_equal(w->disk[1].lease_max_us, 40000);
	assert_int_equal(cluster(w, 1).lease_us, 40000);
	w->disk_slow[1] = false;
	disk_done(w, 1);
	run_until(w, 100000, NULL);
	assert_in_force(w, 10);
	world_free(w);
}

/* Rule L5: a restart waits for the longest lease that its predecessor granted. */
static void test_restart_waits_for_long_grants(void **state)
{
	struct world *w = started(3);
	ha_time cut;

	(void)state;
	set_ratio(w, 1, 50, MINUTE); /* a lease of 2 s */
	isolate(w, 0, true);
	cut = w->now;
	reset_ratio(w, 1);
	w->dead[1] = w->dead[2] = true;
	run_until(w, 1000, NULL);
	boot(w, 1);
	boot(w, 2);
	assert_true(run_until(w, 5 * SECOND, on_1));
	assert_true(ha_time_since(w->now, cut) >= 2 * SECOND);
	world_free(w);
}

/* Wait for a lease that is longer than what an entry of a vector can say (71 minutes). */
static void test_very_long_lease(void **state)
{
	struct world *w = world_new(3, 0);
	ha_time cut;

	(void)state;
	w->config.interval_us = SECOND;
	w->config.timeout_us = 3 * SECOND;
	w->config.lease_us = 6 * SECOND;
	w->config.request_timeout_us = 10 * SECOND;
	for (uint8_t i = 0; i < 3; i++)
		boot(w, i);
	run_until(w, MINUTE, NULL);
	assert_int_equal(owner(w), 0);
	request(w, 1, REQUEST_NONE, NODE_NONE);
	set_ratio(w, 1, 1000, 10 * MINUTE); /* 6000 s */
	run_until(w, MINUTE, NULL);
	assert_in_force(w, 1000);
	isolate(w, 0, true);
	cut = w->now;
	reset_ratio(w, 1);
	assert_true(run_until(w, 7000 * SECOND, on_1)); /* check_owners() watches */
	assert_true(ha_time_since(w->now, cut) >= 6000 * SECOND);
	world_free(w);
}

/* ---- restarts and views (R2, R6) ---- */

static void test_restarted_node_takes_the_count_of_its_peers(void **state)
{
	struct world *w = started(3);

	(void)state;
	set_ratio(w, 0, 10, 2 * MINUTE);
	run_until(w, 30 * SECOND, NULL);
	w->dead[2] = true;
	run_until(w, 30 * SECOND, NULL);
	boot(w, 2);
	run_until(w, 2 * SECOND, NULL);
	assert_in_force(w, 10);
	uint64_t left = cluster(w, 0).ratio_left_us;
	assert_true(cluster(w, 2).ratio_left_us <= left + 1000);
	assert_true(cluster(w, 2).ratio_left_us + 1000 >= left);
	run_until(w, left + 1000, NULL);
	assert_in_force(w, 1);
	world_free(w);
}

/* The coordinator goes: another one ends it, at the same time. */
static void test_coordinator_changes(void **state)
{
	struct world *w = started(3);

	(void)state;
	set_ratio(w, 2, 10, MINUTE);
	w->dead[0] = true;
	memset(w->running[0], 0, sizeof w->running[0]);
	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(self(w, 1).view.coordinator, 1);
	assert_in_force(w, 10);
	run_until(w, 57 * SECOND, NULL);
	assert_in_force(w, 10);
	run_until(w, SECOND, NULL);
	assert_in_force(w, 1);
	assert_int_equal(cluster(w, 2).intent.ratio, 1);
	world_free(w);
}

/* All start again, again and again: it goes on, and it ends. */
static void test_restarts_of_all(void **state)
{
	struct world *w = started(3);
	uint64_t before = 5 * MINUTE;

	(void)state;
	set_ratio(w, 0, 10, before);
	for (unsigned int round = 0; round < 3; round++) {
		run_until(w, 90 * SECOND, NULL);
		for (uint8_t i = 0; i < 3; i++) {
			memset(w->running[i], 0, sizeof w->running[i]);
			boot(w, i);
		}
		run_until(w, 2 * SECOND, NULL);
		assert_in_force(w, 10);
		/* less than a minute of each life is forgotten */
		assert_true(cluster(w, 1).ratio_left_us < before - 30 * SECOND);
		before = cluster(w, 1).ratio_left_us;
	}
	run_until(w, before + 1000, NULL);
	assert_in_force(w, 1);
	world_free(w);
}

/* Alone after a restart: no quorum, no coordinator, and still it ends. */
static void test_alone(void **state)
{
	struct world *w = started(3);

	(void)state;
	set_ratio(w, 0, 10, MINUTE);
	run_until(w, 10 * SECOND, NULL);
	w->dead[0] = w->dead[1] = true;
	memset(w->running[2], 0, sizeof w->running[2]);
	boot(w, 2);
	run_until(w, SECOND, NULL);
	assert_in_force(w, 10);
	assert_int_equal(self(w, 2).view.epoch, 0);
	run_until(w, MINUTE, NULL);
	assert_in_force(w, 1);
	assert_int_equal(cluster(w, 2).intent.ratio, 10); /* the row waits for a coordinator */
	/* the others were away at the end, and begin with what was left then */
	boot(w, 0);
	boot(w, 1);
	run_until(w, 5 * SECOND, NULL);
	assert_in_force(w, 1);
	assert_int_equal(cluster(w, 1).intent.ratio, 1);
	world_free(w);
}

/* A node that missed the change, both ways. */
static void test_node_that_was_away(void **state)
{
	struct world *w = started(3);

	(void)state;
	isolate(w, 2, true);
	run_until(w, SECOND, NULL);
	set_ratio(w, 0, 10, MINUTE);
	isolate(w, 2, false);
	run_until(w, SECOND, NULL);
	assert_in_force(w, 10);
	assert_true(heard(w, 0, 2));
	isolate(w, 2, true);
	run_until(w, 2 * SECOND, NULL);
	assert_false(heard(w, 0, 2));
	assert_int_equal(reset_ratio(w, 1), ANSWER_ACCEPTED);
	assert_int_equal(cluster(w, 2).timeout_us, 300000);
	isolate(w, 2, false);
	run_until(w, SECOND, NULL);
	assert_in_force(w, 1);
	assert_true(heard(w, 0, 2));
	assert_int_equal(owner(w), 0);
	world_free(w);
}

/* Waits are not multiplied: a node joins, and leaves, as fast as ever. */
static void test_waits_are_as_ever(void **state)
{
	struct world *w = started(3);

	(void)state;
	w->dead[2] = true;
	run_until(w, SECOND, NULL);
	set_ratio(w, 0, 10000, MINUTE);
	boot(w, 2);
	run_until(w, SECOND, NULL);
	assert_true(heard(w, 0, 2));
	request(w, 2, REQUEST_NODE_STOP, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(owner(w), 1);
	step(w, 2, &(struct core_event){.type = CORE_EVENT_LEAVE});
	run_until(w, SECOND, NULL);
	assert_true(w->dead[2]);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_multiplies_and_ends),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_ends_at_one_moment),
		cmocka_unit_test(test_set_anew),
		cmocka_unit_test(test_shrink_during_a_silence),
		cmocka_unit_test(test_shrink_unknown_to_the_peer),
		cmocka_unit_test(test_death_is_found_after_the_end),
		cmocka_unit_test(test_growth_wakes_nobody),
		cmocka_unit_test(test_shrink_and_takeover),
		cmocka_unit_test(test_longer_lease_waits_for_the_disk),
		cmocka_unit_test(test_growth_is_no_gap),
		cmocka_unit_test(test_lease_max_goes_down),
		cmocka_unit_test(test_restart_waits_for_long_grants),
		cmocka_unit_test(test_very_long_lease),
		cmocka_unit_test(test_restarted_node_takes_the_count_of_its_peers),
		cmocka_unit_test(test_coordinator_changes),
		cmocka_unit_test(test_restarts_of_all),
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_node_that_was_away),
		cmocka_unit_test(test_waits_are_as_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
