/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two halves (docs/fencing.md, rules X2, X4, X8 to X11, L9). In all of these stories no resource
 * ever runs on two nodes that are on (core_world.h, `strict`).
 */
#include "tests/unit/core_fencing.h"

static void cut_all(struct world *w, bool cut)
{
	split(w, 1, cut);
}

static void move_to_1(struct world *w)
{
	request(w, 0, REQUEST_GROUP_MOVE, 1);
	assert_true(run_until(w, USEC_PER_SEC, on_1));
	run_until(w, 300 * MS, NULL);
	memset(w->seen, 0, sizeof w->seen);
}

/* X2, X9: the half that is left fences, and is enough when that is confirmed. */
static void test_owner_dies(void **state)
{
	struct world *w = fence_world(2);

	(void)state;
	power_off(w, 0);
	assert_true(run_until(w, 500 * MS, at_work));
	nobody_has_it(w, 49 * MS);
	assert_false(fencing(w, 1, 0).waived);
	assert_true(run_until(w, 300 * MS, on_1));
	assert_true(fencing(w, 1, 0).waived);
	assert_int_equal(w->seen[EVENT_VOTES_WAIVED], 1);
	assert_int_equal(w->last[EVENT_VOTES_WAIVED].arg[0], PROOF_FENCED);
	assert_int_equal(self(w, 1).view.members, 2);
	assert_true(self(w, 1).quorate);
	assert_int_equal(orders(w), 1);
	world_free(w);
}

/* Whatever time passes: no view, no takeover. */
static void test_owner_dies_unproven(void **state)
{
	struct world *w = fence_world(2);

	(void)state;
	w->device[0][0] = w->device[0][1] = DEVICE_FAILS;
	power_off(w, 0);
	nobody_has_it(w, 60 * USEC_PER_SEC);
	assert_int_equal(w->seen[EVENT_VOTES_WAIVED], 0);
	assert_true(w->seen[EVENT_FENCE_EXHAUSTED] > 5);
	w->device[0][0] = DEVICE_WORKS;
	assert_true(run_until(w, 6 * USEC_PER_SEC, on_1));
	world_free(w);
}

/* L9: the owner goes on without interruption, before and after the other one is off. */
static void test_other_dies(void **state)
{
	struct world *w = fence_world(2);

	(void)state;
	w->device_us = 2 * USEC_PER_SEC;
	w->config.nodes[1].fence_timeout_us[0] = 3 * USEC_PER_SEC;
	for (uint8_t i = 0; i < 2; i++)
		boot(w, i);
	assert_true(run_until(w, 5 * USEC_PER_SEC, on_0));
	run_until(w, 500 * MS, NULL);
	memset(w->seen, 0, sizeof w->seen);
	power_off(w, 1);
	no_outage(w, 0, USEC_PER_SEC);
	assert_true(w->fencing[0][1].busy);
	assert_true(self(w, 0).lease_by_half);
	no_outage(w, 0, 3 * USEC_PER_SEC);
	assert_int_equal(self(w, 0).view.members, 1);
	assert_int_equal(w->seen[EVENT_LEASE_EXPIRED], 0);
	world_free(w);
}

/* L9: and for as long as nobody has confirmed anything. */
static void test_other_dies_unproven(void **state)
{
	struct world *w = fence_world(2);

	(void)state;
	w->device[1][0] = w->device[1][1] = DEVICE_FAILS;
	power_off(w, 1);
	no_outage(w, 0, 20 * USEC_PER_SEC);
	assert_int_equal(self(w, 0).view.members, 3); /* no other view has authority */
	world_free(w);
}

/* X10: the owner shoots at once, the other one later than a device needs. */
static void test_cut(void **state)
{
	for (unsigned int owner_id = 0; owner_id < 2; owner_id++) {
		struct world *w = fence_config(2);
		uint8_t other = owner_id == 0;

		(void)state;
		w->config.fence_priority_us = 200 * MS;
		fence_boot(w);
		if (owner_id == 1)
			move_to_1(w);
		cut_all(w, true);
		no_outage(w, (int)owner_id, 3 * USEC_PER_SEC);
		assert_true(w->dead[other]);
		assert_int_equal(w->offs[owner_id][other], 1);
		assert_int_equal(w->offs[other][owner_id], 0);
		assert_int_equal(w->seen[EVENT_FENCE_DELAYED], 1);
		assert_int_equal(w->last[EVENT_FENCE_DELAYED].node, owner_id);
		assert_int_equal(w->last[EVENT_FENCE_DELAYED].arg[2], 200 * MS);
		world_free(w);
	}
}

/* X10: nobody owns anything; the lower first node goes first. */
static void test_cut_as_many(void **state)
{
	struct world *w = fence_config(2);

	(void)state;
	w->config.fence_priority_us = 200 * MS;
	w->config.n_groups = 2;
	w->config.groups[1] = w->config.groups[0];
	(void)snprintf(w->config.groups[1].name, NAME_SIZE, "g1");
	w->config.groups[1].nodes[0] = 1;
	w->config.groups[1].nodes[1] = 0;
	fence_boot(w);
	cut_all(w, true);
	no_outage(w, 0, 2 * USEC_PER_SEC);
	assert_true(w->dead[1]);
	assert_int_equal(w->offs[1][0], 0);
	world_free(w);
}

/* X10: a delay of its own protects a node, here more than the other one's priority. */
static void test_static_delay(void **state)
{
	struct world *w = fence_config(2);

	(void)state;
	w->config.fence_priority_us = 200 * MS;
	w->config.nodes[1].fence_delay_us = 500 * MS;
	fence_boot(w);
	cut_all(w, true);
	assert_true(run_until(w, USEC_PER_SEC, off_0));
	assert_true(run_until(w, 300 * MS, on_1));
	assert_int_equal(w->offs[0][1], 0);
	world_free(w);
}

/* X10: whose kernel says that its agent is gone shoots at nobody. */
static void test_no_delay_if_gone(void **state)
{
	for (unsigned int gone = 0; gone < 2; gone++) {
		struct world *w = fence_config(2);
		uint64_t limit_us = 300 * MS;

		(void)state;
		w->config.fence_priority_us = 5 * USEC_PER_SEC;
		w->config.kernel = true;
		w->kernels = calloc(1, sizeof *w->kernels);
		assert_non_null(w->kernels);
		fence_boot(w);
		w->frozen[0] = gone == 1;
		if (gone)
			w->kernels->gone[0] = true;
		else
			cut_all(w, true), w->device[1][0] = w->device[1][1] = DEVICE_FAILS;
		assert_int_equal(run_until(w, limit_us, at_work), true);
		run_until(w, limit_us, NULL);
		assert_int_equal(w->offs[1][0], gone);
		assert_int_equal(w->dead[0], gone);
		world_free(w);
	}
}

/* X4: it has not been with the other one in this life. It joins, or waits. */
static void test_boots_alone(void **state)
{
	struct world *w = fence_world(2);

	(void)state;
	power_off(w, 0);
	power_off(w, 1);
	boot(w, 0);
	nobody_has_it(w, 20 * USEC_PER_SEC);
	assert_int_equal(orders(w), 0);
	assert_false(self(w, 0).quorate);
	assert_int_equal(self(w, 0).view.epoch, 0);
	assert_false(self(w, 0).lease_valid);
	boot(w, 1);
	assert_true(run_until(w, 5 * USEC_PER_SEC, on_0));
	assert_int_equal(orders(w), 0);
	world_free(w);
}

/* X4: nor in a first life. */
static void test_first_boot_alone(void **state)
{
	struct world *w = fence_config(2);

	(void)state;
	boot(w, 1);
	w->dead[0] = true;
	nobody_has_it(w, 10 * USEC_PER_SEC);
	assert_int_equal(orders(w), 0);
	assert_false(self(w, 1).quorate);
	world_free(w);
}

/* X11: a person stands in for the device; epochs go on where the other half cannot be. */
static void test_person(void **state)
{
	struct world *w = fence_world(2);
	uint64_t before;

	(void)state;
	request(w, 0, REQUEST_FENCE_CONFIRM, 1);
	assert_int_equal(w->last_answer, ANSWER_TARGET_UP);
	assert_int_equal(w->seen[EVENT_FENCE_BY_PERSON], 0);
	before = self(w, 0).view.epoch;
	power_off(w, 0);
	power_off(w, 1);
	boot(w, 1);
	nobody_has_it(w, 3 * USEC_PER_SEC);
	request(w, 1, REQUEST_FENCE_CONFIRM, 1);
	assert_int_equal(w->last_answer, ANSWER_BAD_TARGET);
	request(w, 1, REQUEST_FENCE_CONFIRM, 0);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	assert_true(run_until(w, 5 * USEC_PER_SEC, on_1));
	assert_int_equal(w->seen[EVENT_FENCE_BY_PERSON], 1);
	assert_true(fencing(w, 1, 0).confirmed_by_person);
	assert_int_equal((self(w, 1).view.epoch >> 20) % NODES_MAX, 1);
	assert_true(self(w, 1).view.epoch - before >= 1 << 19);
	assert_int_equal(orders(w), 0);
	/* the other one comes after all, and learns what has become of the group */
	boot(w, 0);
	no_outage(w, 1, 3 * USEC_PER_SEC);
	assert_int_equal(self(w, 0).view.members, 3);
	world_free(w);
}

/* A person's word with the calendar's seconds. */
static void confirm(struct world *w, uint8_t at, uint8_t target)
{
	struct core_event e = {.type = CORE_EVENT_REQUEST};

	e.request.kind = REQUEST_FENCE_CONFIRM;
	e.request.target = target;
	e.request.value = 1800000000 + w->now.us / USEC_PER_SEC;
	w->last_answer = ANSWER_NONE;
	step(w, at, &e);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
}

/*
 * X11, I4: each half was alone for a while by a person's word; what they wrote is never taken for
 * the same, and whose person spoke last wins: nothing is interrupted.
 */
static void test_two_persons(void **state)
{
	struct world *w = fence_world(2);
	uint64_t epoch[2];

	(void)state;
	power_off(w, 0);
	power_off(w, 1);
	for (uint8_t i = 0; i < 2; i++) {
		boot(w, i);
		nobody_has_it(w, 2 * USEC_PER_SEC);
		confirm(w, i, i == 0);
		assert_true(run_until(w, 5 * USEC_PER_SEC, i == 0 ? on_0 : on_1));
		run_until(w, 300 * MS, NULL);
		epoch[i] = self(w, i).view.epoch;
		assert_int_equal((epoch[i] >> 20) % NODES_MAX, i);
		if (i == 0)
			power_off(w, i);
	}
	boot(w, 0);
	no_outage(w, 1, 3 * USEC_PER_SEC);
	for (uint8_t i = 0; i < 2; i++) {
		assert_int_equal(self(w, i).view.members, 3);
		assert_true(self(w, i).view.epoch > epoch[0] && self(w, i).view.epoch > epoch[1]);
	}
	world_free(w);
}

/* X11, X9: it was with us: the word breaks the tie, no epoch need be far. */
static void test_person_while_devices_fail(void **state)
{
	struct world *w = fence_world(2);

	(void)state;
	w->device[0][0] = w->device[0][1] = DEVICE_FAILS;
	power_off(w, 0);
	nobody_has_it(w, 3 * USEC_PER_SEC);
	request(w, 1, REQUEST_FENCE_CONFIRM, 0);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	assert_true(run_until(w, 500 * MS, on_1));
	assert_true(self(w, 1).view.epoch < 1 << 20);
	run_until(w, USEC_PER_SEC, NULL);
	world_free(w);
}

/* X9, Q3: who leaves in good order need not be off. */
static void test_other_leaves(void **state)
{
	struct world *w = fence_world(2);

	(void)state;
	leave(w, 1);
	no_outage(w, 0, 3 * USEC_PER_SEC);
	assert_true(w->dead[1]);
	assert_int_equal(orders(w), 0);
	assert_int_equal(self(w, 0).view.members, 1);
	assert_int_equal(w->last[EVENT_VOTES_WAIVED].arg[0], PROOF_LEFT);
	world_free(w);
}

static void test_owner_leaves(void **state)
{
	struct world *w = fence_world(2);

	(void)state;
	leave(w, 0);
	assert_true(run_until(w, USEC_PER_SEC, on_1));
	no_outage(w, 1, 3 * USEC_PER_SEC);
	assert_true(w->dead[0]);
	assert_int_equal(orders(w), 0);
	world_free(w);
}

/* X7b, L9: what was fenced comes back, and the survivor does not notice. */
static void test_return(void **state)
{
	struct world *w = fence_config(2);

	(void)state;
	w->config.fence_reboot = true;
	fence_boot(w);
	for (unsigned int turn = 0; turn < 2; turn++) { /* more is flapping */
		w->frozen[1] = true;
		no_outage(w, 0, 3 * USEC_PER_SEC);
		assert_int_equal(w->ons[1], turn + 1);
		assert_int_equal(self(w, 0).view.members, 3);
		assert_int_equal(self(w, 1).view.members, 3);
		assert_false(fencing(w, 0, 1).waived); /* X9: a view with it was accepted */
		assert_true(fencing(w, 0, 1).with);
		assert_true(fencing(w, 1, 0).with);
	}
	assert_int_equal(orders(w), 2);
	world_free(w);
}

/* X9: the waiver of one life is none of the next one's. */
static void test_waiver_ends(void **state)
{
	struct world *w = fence_config(2);

	(void)state;
	w->config.fence_reboot = true;
	fence_boot(w);
	power_off(w, 0);
	assert_true(run_until(w, USEC_PER_SEC, on_1));
	no_outage(w, 1, 3 * USEC_PER_SEC);
	assert_int_equal(self(w, 1).view.members, 3);
	request(w, 1, REQUEST_GROUP_MOVE, 0);
	assert_true(run_until(w, USEC_PER_SEC, on_0));
	run_until(w, 300 * MS, NULL);
	w->device[0][0] = w->device[0][1] = DEVICE_FAILS;
	w->frozen[0] = true;
	nobody_has_it(w, 5 * USEC_PER_SEC);
	assert_false(fencing(w, 1, 0).waived);
	world_free(w);
}

/* X9: a late word about a former life, when a later one has been heard, waives nothing. */
static void test_old_life(void **state)
{
	struct world *w = fence_config(2);
	struct core_event e = {.type = CORE_EVENT_FENCED};

	(void)state;
	w->config.fence_reboot = true;
	fence_boot(w);
	e.fenced.node = 1;
	e.fenced.incarnation = self(w, 1).incarnation;
	power_off(w, 1);
	no_outage(w, 0, 3 * USEC_PER_SEC);
	assert_int_equal(self(w, 0).view.members, 3);
	w->device[1][0] = w->device[1][1] = DEVICE_FAILS;
	w->frozen[1] = true;
	no_outage(w, 0, 2 * USEC_PER_SEC);
	step(w, 0, &e);
	no_outage(w, 0, 2 * USEC_PER_SEC);
	assert_false(fencing(w, 0, 1).waived);
	assert_int_equal(self(w, 0).view.members, 3);
	e.fenced.incarnation++;
	step(w, 0, &e); /* of this one, it does */
	no_outage(w, 0, 2 * USEC_PER_SEC);
	assert_true(fencing(w, 0, 1).waived);
	world_free(w);
}

/* X9: a device that has lied, or has been mixed up: who is heard is not off. */
static void test_said_off_but_heard(void **state)
{
	struct world *w = fence_world(2);
	struct core_event e = {.type = CORE_EVENT_FENCED};

	(void)state;
	e.fenced.node = 1;
	e.fenced.incarnation = self(w, 1).incarnation;
	w->cut[0][1] = true;
	w->device[0][0] = w->device[0][1] = DEVICE_FAILS;
	run_until(w, 200 * MS, NULL);
	step(w, 0, &e);
	no_outage(w, 0, 2 * USEC_PER_SEC);
	assert_false(fencing(w, 0, 1).waived);
	assert_int_equal(w->offs[0][1], 0);
	w->cut[1][0] = true;
	no_outage(w, 0, USEC_PER_SEC);
	assert_true(fencing(w, 0, 1).waived);
	world_free(w);
}

/* The survivor stalls until its lease is over, and forms its view again without another shot. */
static void test_lapse(void **state)
{
	struct world *w = fence_world(2);
	uint64_t epoch;

	(void)state;
	power_off(w, 0);
	assert_true(run_until(w, USEC_PER_SEC, on_1));
	run_until(w, 300 * MS, NULL);
	epoch = self(w, 1).view.epoch;
	w->frozen[1] = true;
	run_until(w, USEC_PER_SEC, NULL);
	thaw(w, 1);
	assert_true(run_until(w, USEC_PER_SEC, on_1));
	no_outage(w, 1, USEC_PER_SEC);
	assert_int_equal(orders(w), 1);
	assert_true(self(w, 1).view.epoch >= epoch);
	world_free(w);
}

/* X4: the survivor is started anew: it knows of no proof any more and waits. */
static void test_survivor_restarts(void **state)
{
	struct world *w = fence_world(2);

	(void)state;
	power_off(w, 0);
	assert_true(run_until(w, USEC_PER_SEC, on_1));
	power_off(w, 1);
	boot(w, 1);
	nobody_has_it(w, 5 * USEC_PER_SEC);
	assert_false(self(w, 1).quorate);
	assert_int_equal(orders(w), 1);
	boot(w, 0);
	run_until(w, 3 * USEC_PER_SEC, NULL);
	assert_int_not_equal(owner(w), -1);
	world_free(w);
}

/* X8: without it half is nothing. */
static void test_no_tie_breaking(void **state)
{
	struct world *w = fence_config(2);

	(void)state;
	w->config.fence_tie = false;
	fence_boot(w);
	power_off(w, 1);
	run_until(w, USEC_PER_SEC, NULL);
	nobody_has_it(w, 3 * USEC_PER_SEC);
	assert_int_equal(orders(w), 0);
	world_free(w);
}

/* X2, O1: no shot while the cluster is suspended; the owner goes on. */
static void test_suspended(void **state)
{
	struct world *w = fence_world(2);

	(void)state;
	request(w, 0, REQUEST_CLUSTER_SUSPEND, NODE_NONE);
	run_until(w, 500 * MS, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	power_off(w, 1);
	no_outage(w, 0, 3 * USEC_PER_SEC);
	assert_int_equal(orders(w), 0);
	world_free(w);
}

/* X2, X5: the lowest node of a half shoots at all of the other one. */
static void test_four_nodes(void **state)
{
	struct world *w = fence_config(4);

	(void)state;
	w->config.fence_priority_us = 300 * MS;
	fence_boot(w);
	split(w, 3, true);
	no_outage(w, 0, 3 * USEC_PER_SEC);
	assert_true(w->dead[2] && w->dead[3] && !w->dead[1]);
	assert_int_equal(w->offs[0][2], 1);
	assert_int_equal(w->offs[0][3], 1);
	assert_int_equal(orders(w), 2);
	assert_int_equal(self(w, 0).view.members, 3);
	assert_int_equal(self(w, 1).view.members, 3);
	world_free(w);
}

/* L9: who joins such a half is no worse than who was there. */
static void test_member_of_a_half_restarts(void **state)
{
	struct world *w = fence_config(4);

	(void)state;
	w->config.fence_priority_us = 300 * MS;
	fence_boot(w);
	split(w, 3, true);
	no_outage(w, 0, 3 * USEC_PER_SEC);
	boot(w, 1);
	run_until(w, 5 * USEC_PER_SEC, NULL);
	assert_int_equal(self(w, 0).view.members, 3);
	assert_int_equal(self(w, 1).view.members, 3);
	assert_true(self(w, 1).lease_valid);
	request(w, 0, REQUEST_GROUP_MOVE, 1);
	assert_true(run_until(w, USEC_PER_SEC, on_1));
	no_outage(w, 1, 2 * USEC_PER_SEC);
	/* X6a: before the move they were fenced again, since node 1 has never heard them */
	assert_int_equal(w->offs[0][2], 2);
	assert_int_equal(w->offs[0][3], 2);
	world_free(w);
}

/* X9: one that is not confirmed is enough to keep the tie. */
static void test_four_nodes_one_unproven(void **state)
{
	struct world *w = fence_world(4);

	(void)state;
	w->device[2][0] = w->device[2][1] = DEVICE_FAILS;
	power_off(w, 2);
	power_off(w, 3);
	no_outage(w, 0, 5 * USEC_PER_SEC);
	assert_int_equal(self(w, 0).view.members, 15);
	assert_true(fencing(w, 0, 3).waived);
	assert_false(fencing(w, 0, 2).waived);
	w->device[2][1] = DEVICE_WORKS;
	no_outage(w, 0, 6 * USEC_PER_SEC);
	assert_int_equal(self(w, 0).view.members, 3);
	world_free(w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owner_dies),
		cmocka_unit_test(test_owner_dies_unproven),
		cmocka_unit_test(test_other_dies),
		cmocka_unit_test(test_other_dies_unproven),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_as_many),
		cmocka_unit_test(test_static_delay),
		cmocka_unit_test(test_no_delay_if_gone),
		cmocka_unit_test(test_boots_alone),
		cmocka_unit_test(test_first_boot_alone),
		cmocka_unit_test(test_person),
		cmocka_unit_test(test_person_while_devices_fail),
		cmocka_unit_test(test_other_leaves),
		cmocka_unit_test(test_owner_leaves),
		cmocka_unit_test(test_return),
		cmocka_unit_test(test_waiver_ends),
		cmocka_unit_test(test_old_life),
		cmocka_unit_test(test_said_off_but_heard),
		cmocka_unit_test(test_two_persons),
		cmocka_unit_test(test_member_of_a_half_restarts),
		cmocka_unit_test(test_lapse),
		cmocka_unit_test(test_survivor_restarts),
		cmocka_unit_test(test_no_tie_breaking),
		cmocka_unit_test(test_suspended),
		cmocka_unit_test(test_four_nodes),
		cmocka_unit_test(test_four_nodes_one_unproven),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
