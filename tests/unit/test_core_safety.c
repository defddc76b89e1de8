/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stories in which a wrong core would lose data: each of them once did. */
#include "tests/unit/core_world.h"

/* Two groups of one resource each: a program, then an address. */
static struct world *world_of_two_groups(void)
{
	struct world *w = world_new(3, 0);
	struct core_config *c = &w->config;

	c->groups[1] = c->groups[0];
	(void)snprintf(c->groups[1].name, NAME_SIZE, "g1");
	c->n_groups = 2;
	for (uint16_t r = 0; r < 2; r++)
		c->resources[r] = (struct core_resource_config){.group = r,
								.address = r == 1,
								.start_timeout_us = 1000000,
								.stop_timeout_us = 1000000};
	for (uint8_t i = 0; i < 3; i++)
		boot(w, i);
	return w;
}

static void swap_groups(struct core_config *c)
{
	struct core_group_config first = c->groups[0];

	c->groups[0] = c->groups[1];
	c->groups[1] = first;
	c->safety_hash++;
}

static uint8_t wanted(const struct world *w, uint8_t node, uint16_t group)
{
	struct core_group_info info;

	core_group_info(w->core[node], group, w->now, &info);
	return info.intent.wanted;
}

/* P5: what was accepted for a group is kept under its name. */
static void test_rows_follow_names(void **state)
{
	struct world *w = world_of_two_groups();

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	request(w, 1, REQUEST_GROUP_STOP, NODE_NONE);
	run_until(w, 200000, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	swap_groups(&w->config);
	for (uint8_t i = 0; i < 3; i++)
		boot(w, i);
	run_until(w, 3000000, NULL);
	assert_int_equal(wanted(w, 0, 0), WANTED_ONLINE);
	assert_int_equal(wanted(w, 0, 1), WANTED_OFFLINE);
	world_free(w);
}

/* The same for nodes: in their own rows, as owner, target and origin of a command. */
static void test_rows_follow_node_names(void **state)
{
	struct world *w = world_new(3, 0);
	struct durable_state *d = &w->disk[0];
	struct core_node_config first = w->config.nodes[0];
	struct core_group_info info;
	struct durable_state out;

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 200000, NULL);
	assert_int_equal(d->group_intents[0].owner, 0);
	d->group_intents[0].target = 1;
	d->group_intents[0].request = (struct request_id){7, 8, 0};
	d->node_intents[0] = (struct node_intent){.version = {1, 1}, .incarnation = 5};
	w->config.nodes[0] = w->config.nodes[2];
	w->config.nodes[2] = first;
	(void)snprintf(w->config.nodes[1].name, NAME_SIZE, "new");
	boot(w, 0);
	core_group_info(w->core[0], 0, w->now, &info);
	assert_int_equal(info.intent.owner, 2);
	assert_int_equal(info.intent.target, NODE_NONE); /* it is gone */
	assert_int_equal(info.intent.request.node, 2);
	core_durable(w->core[0], &out);
	assert_int_equal(out.node_intents[2].incarnation, 5);
	assert_string_equal(out.node_names[2], "n0");
	world_free(w);
}

/* D4: indexes of a node with other object lists mean something else. */
static void test_rows_of_a_mismatched_node(void **state)
{
	struct world *w = world_of_two_groups();

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	request(w, 1, REQUEST_GROUP_STOP, NODE_NONE);
	run_until(w, 200000, NULL);
	swap_groups(&w->config);
	boot(w, 2);
	run_until(w, 500000, NULL);
	assert_int_equal(wanted(w, 0, 0), WANTED_OFFLINE);
	assert_int_equal(wanted(w, 0, 1), WANTED_ONLINE);
	/* nor are its commands about what the others take them for */
	request(w, 2, REQUEST_GROUP_START, NODE_NONE);
	run_until(w, 500000, NULL);
	assert_int_equal(wanted(w, 0, 0), WANTED_OFFLINE);
	assert_int_not_equal(w->last_answer, ANSWER_ACCEPTED);
	world_free(w);
}

/* A view that a misconfigured node makes for itself ends nobody's lease. */
static void test_mismatched_node_refuses_nobody(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	w->dead[2] = true;
	assert_true(run_until(w, 2000000, on_0));
	run_until(w, 100000, NULL);
	w->config.nodes[2].votes = 100;
	w->config.nodes[2].hosts = false;
	w->config.safety_hash++;
	boot(w, 2);
	run_until(w, 1000000, NULL);
	assert_int_equal(w->seen[EVENT_LEASE_REFUSED], 0);
	assert_int_equal(owner(w), 0);
	world_free(w);
}

/* L3: every address of every group before the first program, which is slow to order. */
static void test_addresses_end_first(void **state)
{
	struct world *w = world_of_two_groups();

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	w->n_stopped = 0;
	isolate(w, 0, true);
	run_until(w, 500000, NULL);
	assert_int_equal(w->n_stopped, 2);
	assert_int_equal(w->stopped[0], 1);
	assert_int_equal(w->stopped[1], 0);
	world_free(w);
}

/* L3: what cannot be stopped keeps nothing else running when the lease has ended. */
static void test_stuck_dependent_does_not_hold_the_rest(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	w->stuck[0] = 2; /* resource 1 depends on resource 0 */
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	w->config.resources[0].address = false;
	for (uint8_t i = 0; i < 3; i++)
		boot(w, i);
	w->stuck[0] = 0;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	w->stuck[0] = 2;
	request(w, 0, REQUEST_GROUP_STOP, NODE_NONE);
	run_until(w, 100000, NULL);
	assert_true(w->running[0][0] && w->running[0][1]);
	w->stuck[0] = 0;
	isolate(w, 0, true);
	run_until(w, 100000, NULL);
	assert_false(w->running[0][0]);
	assert_false(w->running[0][1]); /* and it was tried again at once */
	world_free(w);
}

/* Q2: the node was turned on again; not the coordinator, but a member of its view has heard it. */
static void test_fencing_of_a_former_incarnation(void **state)
{
	struct world *w = world_new(3, 0);
	struct core_event fenced = {.type = CORE_EVENT_FENCED};

	(void)state;
	w->config.lease_us = 200000;
	for (uint8_t i = 0; i < 3; i++)
		boot(w, i);
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	w->dead[0] = true;
	w->running[0][0] = w->running[0][1] = false;
	w->lease[0] = HA_TIME_ZERO;
	run_until(w, 50000, NULL);
	fenced.fenced.incarnation = 1;
	step(w, 1, &fenced);
	assert_true(run_until(w, 100000, on_1)); /* before the lease has run out */
	w->cut[0][1] = w->cut[1][0] = true;
	boot(w, 0);
	w->cut[1][2] = w->cut[2][1] = true;
	assert_true(run_until(w, 2000000, on_0));
	run_until(w, 500000, NULL);
	w->cut[1][2] = w->cut[2][1] = false;
	w->cut[0][2] = w->cut[2][0] = true;
	assert_true(run_until(w, 2000000, on_1)); /* check_owners() looks at each step */
	world_free(w);
}

/* Q3: the same for a node that left in good order and came back where the coordinator is deaf. */
static void test_leaving_of_a_former_incarnation(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	w->config.lease_us = 200000;
	for (uint8_t i = 0; i < 3; i++)
		boot(w, i);
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	step(w, 0, &(struct core_event){.type = CORE_EVENT_LEAVE});
	assert_true(run_until(w, 500000, on_1));
	run_until(w, 500000, NULL);
	assert_true(w->dead[0]);
	w->cut[0][1] = w->cut[1][0] = true;
	boot(w, 0);
	w->cut[1][2] = w->cut[2][1] = true;
	assert_true(run_until(w, 2000000, on_0));
	run_until(w, 500000, NULL);
	w->cut[1][2] = w->cut[2][1] = false;
	w->cut[0][2] = w->cut[2][0] = true;
	assert_true(run_until(w, 2000000, on_1));
	world_free(w);
}

/* Q4: a lease that ran out does not end what could not be stopped. */
static void test_stop_failure_of_an_absent_node(void **state)
{
	struct world *w = world_new(3, 0);
	struct core_event fenced = {.type = CORE_EVENT_FENCED};
	struct core_group_info info;

	(void)state;
	assert_true(run_until(w, 500000, on_0));
	run_until(w, 100000, NULL);
	w->fail_stop[0] = true;
	request(w, 0, REQUEST_GROUP_MOVE, 1);
	run_until(w, 100000, NULL);
	w->dead[0] = true;
	run_until(w, 1000000, NULL);
	assert_false(w->running[1][0] || w->running[2][0]);
	core_group_info(w->core[1], 0, w->now, &info);
	assert_int_equal(info.blocked_by, 0);
	w->running[0][0] = w->running[0][1] = false;
	fenced.fenced.incarnation = 1;
	step(w, 1, &fenced);
	assert_true(run_until(w, 100000, on_1));
	world_free(w);
}

/* Each silence warns, not just the first one. */
static void test_every_late_beat_warns(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	w->config.timeout_us = 35000; /* late: 28 ms */
	for (uint8_t i = 0; i < 3; i++)
		boot(w, i);
	assert_true(run_until(w, 500000, on_0));
	for (unsigned int i = 1; i <= 3; i++) {
		run_until(w, 100000, NULL);
		w->cut[0][1] = true;
		run_until(w, 20000, NULL);
		w->cut[0][1] = false;
		run_until(w, 50000, NULL);
		assert_int_equal(w->seen[EVENT_NODE_SILENT], 0);
		assert_in_range(w->seen[EVENT_NODE_LATE], i, i);
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_follow_names),
		cmocka_unit_test(test_rows_follow_node_names),
		cmocka_unit_test(test_rows_of_a_mismatched_node),
		cmocka_unit_test(test_mismatched_node_refuses_nobody),
		cmocka_unit_test(test_addresses_end_first),
		cmocka_unit_test(test_stuck_dependent_does_not_hold_the_rest),
		cmocka_unit_test(test_fencing_of_a_former_incarnation),
		cmocka_unit_test(test_leaving_of_a_former_incarnation),
		cmocka_unit_test(test_stop_failure_of_an_absent_node),
		cmocka_unit_test(test_every_late_beat_warns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
