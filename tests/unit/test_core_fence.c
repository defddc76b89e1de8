/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stories of rules X1 to X7 (docs/fencing.md): three nodes, takeover = "fence". In all of them no
 * resource ever runs on two nodes that are on (core_world.h, `strict`).
 */
#include "tests/unit/core_fencing.h"

/* X1, X5, Q2: ordered, confirmed, then taken over; never before. */
static void test_owner_lost(void **state)
{
	struct world *w = fence_world(3);
	uint64_t life;

	(void)state;
	life = self(w, 0).incarnation;
	power_off(w, 0);
	assert_true(run_until(w, 500 * MS, at_work));
	assert_true(w->fencing[1][0].busy); /* the coordinator itself */
	assert_int_equal(fencing(w, 1, 0).state, FENCE_RUNNING);
	nobody_has_it(w, 49 * MS);
	assert_int_equal(w->seen[EVENT_FENCE_CONFIRMED], 0);
	assert_true(run_until(w, 100 * MS, on_1));
	assert_int_equal(orders(w), 1);
	assert_int_equal(w->seen[EVENT_FENCE_ORDERED], 1);
	assert_int_equal(w->seen[EVENT_FENCE_CONFIRMED], 1);
	assert_int_equal(w->last[EVENT_FENCE_CONFIRMED].arg[2], life);
	assert_int_equal(w->last[EVENT_PROOF].arg[0], PROOF_FENCED);
	run_until(w, 5 * USEC_PER_SEC, NULL);
	assert_int_equal(orders(w), 1); /* once is enough */
	/* X6: the other one knows it too */
	assert_int_equal(fencing(w, 2, 0).off, life);
	world_free(w);
}

/* An owner that hangs goes on as soon as it can: it must be off before. */
static void test_owner_hangs(void **state)
{
	struct world *w = fence_world(3);

	(void)state;
	w->frozen[0] = true;
	assert_true(run_until(w, 500 * MS, at_work));
	assert_true(run_until(w, 500 * MS, on_1));
	assert_true(w->dead[0]);
	world_free(w);
}

/* Q3: who has left in good order is not fenced. */
static void test_left(void **state)
{
	struct world *w = fence_world(3);

	(void)state;
	leave(w, 0);
	assert_true(run_until(w, 500 * MS, on_1));
	run_until(w, 3 * USEC_PER_SEC, NULL);
	assert_true(w->dead[0]);
	assert_int_equal(orders(w) + w->seen[EVENT_FENCE_ORDERED], 0);
	world_free(w);
}

/* X1: nothing of it must fail over. */
static void test_held_nothing(void **state)
{
	struct world *w = fence_world(3);

	(void)state;
	power_off(w, 2);
	no_outage(w, 0, 3 * USEC_PER_SEC);
	assert_int_equal(orders(w) + w->seen[EVENT_FENCE_ORDERED], 0);
	world_free(w);
}

/* G3: what runs is not stopped by a move that would have to wait for somebody to be fenced. */
static void test_move_waits_for_nobody(void **state)
{
	struct world *w = fence_world(3);

	(void)state;
	power_off(w, 2);
	no_outage(w, 0, USEC_PER_SEC);
	request(w, 0, REQUEST_GROUP_MOVE, 1);
	no_outage(w, 0, USEC_PER_SEC);
	assert_int_equal(w->last_answer, ANSWER_UNPROVEN);
	request(w, 0, REQUEST_FENCE_CONFIRM, 2);
	request(w, 0, REQUEST_GROUP_MOVE, 1);
	assert_true(run_until(w, USEC_PER_SEC, on_1));
	assert_int_equal(orders(w), 0);
	world_free(w);
}

/* X1: nor while nothing is wanted. */
static void test_nothing_wanted(void **state)
{
	struct world *w = fence_world(3);

	(void)state;
	request(w, 1, REQUEST_GROUP_STOP, NODE_NONE);
	run_until(w, 500 * MS, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	power_off(w, 0);
	nobody_has_it(w, 2 * USEC_PER_SEC);
	assert_int_equal(orders(w), 0);
	request(w, 1, REQUEST_GROUP_START, NODE_NONE);
	assert_true(run_until(w, USEC_PER_SEC, on_1));
	world_free(w);
}

/* X5: the coordinator's own check is an error, another member's is not; that one dies at work. */
static void test_executor_dies(void **state)
{
	struct world *w = fence_config(3);

	(void)state;
	w->config.nodes[1].votes = 3; /* enough alone */
	fence_boot(w);
	w->device_us = 200 * MS;
	check_says(w, 1, 0, FENCE_CHECK_ERROR);
	run_until(w, 100 * MS, NULL);
	power_off(w, 0);
	assert_true(run_until(w, 500 * MS, at_work));
	assert_true(w->fencing[2][0].busy);
	w->device[0][0] = DEVICE_FAILS; /* so that not even its order comes to anything */
	power_off(w, 2);
	w->fencing[2][0].busy = false;
	assert_true(run_until(w, 500 * MS, at_work));
	assert_true(w->fencing[1][0].busy);
	w->device[0][0] = DEVICE_WORKS;
	nobody_has_it(w, 100 * MS);
	assert_true(run_until(w, 300 * MS, on_1));
	assert_int_equal(w->offs[1][0], 1);
	assert_int_equal(w->offs[1][2],
			 1); /* it is absent, so what it may hold is in question too */
	world_free(w);
}

/* X5: who has failed at every level is replaced by somebody who can. */
static void test_executor_is_replaced(void **state)
{
	struct world *w = fence_world(3);

	(void)state;
	w->unable[1] = true;
	power_off(w, 0);
	assert_true(run_until(w, 2 * USEC_PER_SEC, on_1));
	assert_int_equal(w->offs[1][0], 2);
	assert_int_equal(w->offs[2][0], 1);
	assert_int_equal(w->seen[EVENT_FENCE_EXHAUSTED], 1);
	world_free(w);
}

/* X7: the second level, after each try of the first one. */
static void test_second_level(void **state)
{
	static const uint8_t expected[] = {0, 0, 1};
	struct world *w = fence_config(3);

	(void)state;
	w->config.fence_retries = 1;
	fence_boot(w);
	w->device[0][0] = DEVICE_FAILS;
	power_off(w, 0);
	assert_true(run_until(w, USEC_PER_SEC, on_1));
	assert_int_equal(w->n_tried, 3);
	assert_memory_equal(w->tried, expected, 3);
	assert_int_equal(w->seen[EVENT_FENCE_FAILED], 2);
	assert_int_equal(w->seen[EVENT_FENCE_EXHAUSTED], 0);
	assert_int_equal(w->last[EVENT_FENCE_CONFIRMED].arg[0], 2);
	world_free(w);
}

/* X7a: off, but nobody has read it. */
static void test_not_read(void **state)
{
	struct world *w = fence_world(3);

	(void)state;
	w->device[0][0] = w->device[0][1] = DEVICE_UNREAD;
	w->frozen[0] = true;
	nobody_has_it(w, 10 * USEC_PER_SEC);
	assert_true(w->dead[0]);
	assert_int_equal(w->seen[EVENT_FENCE_CONFIRMED], 0);
	world_free(w);
}

/* X7: an error, and again, for ever; nothing is taken over, whatever time passes. */
static void test_every_level_fails(void **state)
{
	struct world *w = fence_world(3);
	unsigned int before;

	(void)state;
	w->device[0][0] = w->device[0][1] = DEVICE_FAILS;
	power_off(w, 0);
	nobody_has_it(w, 2 * USEC_PER_SEC);
	assert_true(w->seen[EVENT_FENCE_EXHAUSTED] >= 2);
	nobody_has_it(w, 60 * USEC_PER_SEC);
	assert_int_equal(w->last[EVENT_FENCE_EXHAUSTED].arg[2], 5 * USEC_PER_SEC);
	before = orders(w);
	nobody_has_it(w, 60 * USEC_PER_SEC);
	assert_in_range(orders(w) - before, 2 * 60 / 6, 2 * 2 * 60 / 5); /* by one or both */
	w->device[0][1] = DEVICE_WORKS;
	assert_true(run_until(w, 6 * USEC_PER_SEC, on_1));
	world_free(w);
}

/* X7: one that never answers is given up, and counts as failed. */
static void test_no_answer(void **state)
{
	struct world *w = fence_world(3);

	(void)state;
	w->device[0][0] = DEVICE_SILENT;
	power_off(w, 0);
	nobody_has_it(w, 5 * USEC_PER_SEC);
	assert_true(run_until(w, 15 * USEC_PER_SEC, on_1));
	assert_int_equal(w->cancels[1], 1);
	world_free(w);
}

/* X3: heard again before the device has acted. */
static void test_heard_again(void **state)
{
	struct world *w = fence_world(3);

	(void)state;
	w->device_us = 300 * MS;
	isolate(w, 0, true);
	assert_true(run_until(w, 500 * MS, at_work));
	run_until(w, 100 * MS, NULL);
	isolate(w, 0, false);
	run_until(w, 5 * USEC_PER_SEC, NULL);
	assert_false(w->dead[0]);
	assert_int_equal(w->cancels[1], 1);
	assert_int_equal(w->seen[EVENT_FENCE_CANCELLED], 1);
	assert_int_equal(w->last[EVENT_FENCE_CANCELLED].arg[0], 0);
	assert_int_equal(w->seen[EVENT_FENCE_CONFIRMED], 0);
	assert_int_equal(fencing(w, 1, 0).state, FENCE_IDLE);
	assert_int_equal(self(w, 1).view.members, 7);
	assert_int_not_equal(owner(w), -1);
	world_free(w);
}

/* X3: it is heard, though it does not hear, so that it is in no view: then it is not off. */
static void test_heard_one_way(void **state)
{
	struct world *w = fence_world(3);

	(void)state;
	w->device_us = 300 * MS;
	isolate(w, 0, true);
	assert_true(run_until(w, 500 * MS, at_work));
	w->cut[0][1] = w->cut[0][2] = false;
	run_until(w, 5 * USEC_PER_SEC, NULL);
	assert_false(w->dead[0]);
	assert_int_equal(w->cancels[1], 1);
	assert_int_equal(orders(w), 1);
	isolate(w, 0, true);
	assert_true(run_until(w, USEC_PER_SEC, off_0));
	assert_true(run_until(w, USEC_PER_SEC, on_1));
	world_free(w);
}

/* X3: too late for the device; what it says counts, and it is not asked again. */
static void test_late_result(void **state)
{
	struct world *w = fence_world(3);

	(void)state;
	w->device_us = 300 * MS;
	w->deaf = true;
	isolate(w, 0, true);
	assert_true(run_until(w, 500 * MS, at_work));
	run_until(w, 100 * MS, NULL);
	isolate(w, 0, false);
	assert_true(run_until(w, 300 * MS, off_0));
	assert_true(run_until(w, 200 * MS, on_1));
	assert_int_equal(w->seen[EVENT_FENCE_CANCELLED], 1);
	assert_int_equal(w->seen[EVENT_FENCE_CONFIRMED], 1);
	assert_int_equal(orders(w), 1);
	world_free(w);
}

/* O1: no automatic action. */
static void test_suspended(void **state)
{
	struct world *w = fence_world(3);

	(void)state;
	request(w, 1, REQUEST_CLUSTER_SUSPEND, NODE_NONE);
	run_until(w, 500 * MS, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	power_off(w, 0);
	nobody_has_it(w, 3 * USEC_PER_SEC);
	assert_int_equal(orders(w), 0);
	request(w, 1, REQUEST_CLUSTER_RESUME, NODE_NONE);
	assert_true(run_until(w, USEC_PER_SEC, on_1));
	assert_int_equal(orders(w), 1);
	world_free(w);
}

/* X7b: on again, for which nothing waits; the old owner joins and takes nothing back. */
static void test_reboot(void **state)
{
	struct world *w = fence_config(3);

	(void)state;
	w->config.fence_reboot = true;
	fence_boot(w);
	w->device_us = 200 * MS;
	power_off(w, 0);
	assert_true(run_until(w, USEC_PER_SEC, on_1));
	assert_true(w->fencing[1][0].busy); /* at switching it on */
	assert_int_equal(w->ons[0], 0);
	no_outage(w, 1, 3 * USEC_PER_SEC);
	assert_int_equal(w->ons[0], 1);
	assert_int_equal(self(w, 1).view.members, 7);
	assert_int_equal(orders(w), 1);
	world_free(w);
}

static void test_off_stays_off(void **state)
{
	struct world *w = fence_world(3);

	(void)state;
	power_off(w, 0);
	assert_true(run_until(w, USEC_PER_SEC, on_1));
	no_outage(w, 1, 3 * USEC_PER_SEC);
	assert_int_equal(w->ons[0], 0);
	world_free(w);
}

/* A later life is another one: its loss needs a proof of its own. */
static void test_each_life_its_own(void **state)
{
	struct world *w = fence_world(3);

	(void)state;
	power_off(w, 0);
	assert_true(run_until(w, USEC_PER_SEC, on_1));
	boot(w, 0);
	run_until(w, 2 * USEC_PER_SEC, NULL);
	assert_int_equal(self(w, 1).view.members, 7);
	request(w, 1, REQUEST_GROUP_MOVE, 0);
	assert_true(run_until(w, USEC_PER_SEC, on_0));
	run_until(w, 200 * MS, NULL);
	w->device[0][0] = w->device[0][1] = DEVICE_FAILS;
	w->frozen[0] = true;
	nobody_has_it(w, 3 * USEC_PER_SEC);
	assert_true(orders(w) >= 2);
	world_free(w);
}

static bool on_2(const struct world *w)
{
	return owner(w) == 2;
}

/*
 * X6a: node 0, a witness, knows that the former life of node 2 is off and has not heard of the
 * present one; node 1 has been with that, and has forgotten it. No wait for a lease stands in for a
 * proof.
 */
static void test_forgotten_life(void **state)
{
	struct world *w = fence_config(3);
	unsigned int before;

	(void)state;
	w->config.fence_tie = w->config.nodes[0].hosts = false;
	w->config.groups[0].n_nodes = 2;
	w->config.groups[0].nodes[0] = 2;
	for (uint8_t i = 0; i < 3; i++)
		boot(w, i);
	assert_true(run_until(w, 5 * USEC_PER_SEC, on_2));
	run_until(w, 200 * MS, NULL);
	power_off(w, 2);
	assert_true(run_until(w, USEC_PER_SEC, on_1));
	run_until(w, 200 * MS, NULL);
	isolate(w, 0, true);
	boot(w, 2);
	run_until(w, 2 * USEC_PER_SEC, NULL);
	assert_int_equal(self(w, 2).view.members, 6);
	request(w, 1, REQUEST_GROUP_MOVE, 2);
	assert_true(run_until(w, USEC_PER_SEC, on_2));
	run_until(w, 200 * MS, NULL);
	before = orders(w);
	w->device[2][0] = w->device[2][1] = DEVICE_FAILS;
	w->frozen[2] = true; /* what it runs goes on */
	isolate(w, 0, false);
	isolate(w, 2, true);
	boot(w, 1);
	run_until(w, 100 * MS, NULL);
	nobody_has_it(w, 5 * USEC_PER_SEC);
	assert_int_equal(self(w, 0).view.members, 3);
	assert_true(orders(w) > before);
	w->device[2][0] = DEVICE_WORKS;
	assert_true(run_until(w, 6 * USEC_PER_SEC, on_1));
	assert_true(w->dead[2]);
	world_free(w);
}

/* X12, Q2: what somebody else has confirmed counts without an order. */
static void test_result_of_another(void **state)
{
	struct world *w = fence_world(3);
	struct core_event e = {.type = CORE_EVENT_FENCED};

	(void)state;
	e.fenced.node = 0;
	e.fenced.incarnation = self(w, 0).incarnation;
	w->device[0][0] = w->device[0][1] = DEVICE_FAILS;
	power_off(w, 0);
	nobody_has_it(w, USEC_PER_SEC);
	step(w, 2, &e); /* X6: told by its rows */
	assert_true(run_until(w, 200 * MS, on_1));
	world_free(w);
}

/* X1: no device of it: only a person helps, who is not believed while it is heard (X11). */
static void test_person(void **state)
{
	struct world *w = fence_config(3);

	(void)state;
	w->config.fence_tie = false;
	w->config.nodes[0].n_fence_levels = 0;
	fence_boot(w);
	request(w, 1, REQUEST_FENCE_CONFIRM, 0);
	assert_int_equal(w->last_answer, ANSWER_TARGET_UP);
	request(w, 1, REQUEST_FENCE_CONFIRM, 1);
	assert_int_equal(w->last_answer, ANSWER_BAD_TARGET);
	power_off(w, 0);
	nobody_has_it(w, 5 * USEC_PER_SEC);
	assert_int_equal(orders(w), 0);
	request(w, 2, REQUEST_FENCE_CONFIRM, 0); /* by whom does not matter */
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	assert_true(run_until(w, 200 * MS, on_1));
	assert_int_equal(w->seen[EVENT_FENCE_BY_PERSON], 1);
	assert_true(fencing(w, 2, 0).confirmed_by_person);
	world_free(w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owner_lost),
		cmocka_unit_test(test_owner_hangs),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_held_nothing),
		cmocka_unit_test(test_move_waits_for_nobody),
		cmocka_unit_test(test_nothing_wanted),
		cmocka_unit_test(test_executor_dies),
		cmocka_unit_test(test_executor_is_replaced),
		cmocka_unit_test(test_second_level),
		cmocka_unit_test(test_not_read),
		cmocka_unit_test(test_every_level_fails),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_heard_again),
		cmocka_unit_test(test_heard_one_way),
		cmocka_unit_test(test_late_result),
		cmocka_unit_test(test_suspended),
		cmocka_unit_test(test_reboot),
		cmocka_unit_test(test_off_stays_off),
		cmocka_unit_test(test_each_life_its_own),
		cmocka_unit_test(test_forgotten_life),
		cmocka_unit_test(test_result_of_another),
		cmocka_unit_test(test_person),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
