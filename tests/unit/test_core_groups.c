/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Groups and single resources: rules G8 to G15, F1 and F2, in small stories. */
#include "tests/unit/core_world.h"

#include <errno.h>

#define SECOND 1000000ULL

/* World of `n` nodes with two groups: resources 0 and 1, the latter on top, and 2 and 3. */
static struct world *two_groups(uint8_t n, uint8_t witnesses)
{
	struct world *w = world_new(n, witnesses);
	struct core_config *c = &w->config;

	c->n_groups = 2;
	c->n_resources = 4;
	c->groups[1] = c->groups[0];
	(void)snprintf(c->groups[1].name, NAME_SIZE, "g1");
	c->resources[2] = c->resources[0];
	c->resources[3] = c->resources[1];
	c->resources[2].group = c->resources[3].group = 1;
	c->resources[3].deps[0] = 2;
	for (uint16_t i = 0; i < 4; i++)
		(void)snprintf(c->resources[i].name, NAME_SIZE, "r%u", i);
	return w;
}

static void start_all(struct world *w)
{
	for (uint8_t i = 0; i < w->n; i++)
		boot(w, i);
	run_until(w, SECOND, NULL);
}

static void kill_node(struct world *w, uint8_t node)
{
	w->dead[node] = true;
	memset(w->running[node], 0, sizeof w->running[node]);
}

/* As one that lives sees it. */
static struct core_group_info look(const struct world *w, uint16_t group)
{
	struct core_group_info info;
	struct core_self_info self;

	for (uint8_t i = 0; i < w->n; i++) {
		if (w->dead[i] || w->frozen[i])
			continue;
		core_self_info(w->core[i], w->now, &self);
		if (self.view.epoch && self.view.coordinator == i) {
			core_group_info(w->core[i], group, w->now, &info);
			return info;
		}
	}
	fail_msg("no coordinator");
	return info;
}

/* Where it is online; -1. */
static int place(const struct world *w, uint16_t group)
{
	struct core_group_info info = look(w, group);

	return info.state == GROUP_ONLINE ? info.current : -1;
}

static uint8_t command(struct world *w, uint8_t kind, uint8_t target, uint16_t object)
{
	struct core_event e = {.type = CORE_EVENT_REQUEST};
	uint8_t at = 0;

	while (w->dead[at] || w->frozen[at])
		at++;
	e.request.kind = kind;
	e.request.target = target;
	e.request.group = e.request.object = object;
	w->last_answer = ANSWER_NONE;
	step(w, at, &e);
	run_until(w, SECOND / 2, NULL);
	return w->last_answer;
}

static uint8_t start(struct world *w, uint16_t group)
{
	return command(w, REQUEST_GROUP_START, NODE_NONE, group);
}

static void lose(struct world *w, uint8_t node, uint16_t resource)
{
	struct core_event e = {.type = CORE_EVENT_RESOURCE_LOST};

	e.resource_lost.resource = resource;
	w->running[node][resource] = false;
	step(w, node, &e);
}

static uint8_t state_of(const struct world *w, uint16_t resource, uint8_t node)
{
	return (uint8_t)core_resource_state(w->core[node], resource, node);
}

/* ---- G8 ---- */

static void test_manual_failover(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	w->config.groups[0].failover_manual = true;
	start_all(w);
	assert_int_equal(place(w, 0), 0);
	assert_int_equal(place(w, 1), 0);
	kill_node(w, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 1), 1);
	assert_int_equal(place(w, 0), -1);
	assert_int_equal(look(w, 0).held, GROUP_HOLD_MANUAL);
	assert_int_equal(w->seen[EVENT_GROUP_HELD], 1);
	boot(w, 0);
	run_until(w, SECOND, NULL); /* nor when its old node is back */
	assert_int_equal(look(w, 0).held, GROUP_HOLD_MANUAL);
	assert_int_equal(start(w, 0), ANSWER_ACCEPTED);
	assert_int_equal(place(w, 0), 0);
	assert_int_equal(look(w, 0).held, GROUP_HOLD_NONE);
	/* leaving in good order is no failure */
	command(w, REQUEST_NODE_STOP, 0, 0);
	assert_int_equal(place(w, 0), 1);
	world_free(w);
}

static void test_manual_failover_after_a_failure(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	w->config.groups[0].failover_manual = true;
	start_all(w);
	lose(w, 0, 1);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), -1);
	assert_int_equal(look(w, 0).held, GROUP_HOLD_MANUAL);
	/* a restart of the whole cluster places it */
	for (uint8_t i = 0; i < 3; i++)
		kill_node(w, i);
	run_until(w, SECOND, NULL);
	start_all(w);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 0);
	world_free(w);
}

/* ---- G9 ---- */

static void test_failback(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	w->config.groups[0].failback = true;
	start_all(w);
	kill_node(w, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 1);
	boot(w, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 0);
	assert_int_equal(look(w, 0).intent.cause, CAUSE_FAILBACK);
	assert_int_equal(place(w, 1), 1); /* has not asked for it */
	/* where a command has put it, it stays */
	assert_int_equal(command(w, REQUEST_GROUP_MOVE, 2, 0), ANSWER_ACCEPTED);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 2);
	kill_node(w, 2);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 0);
	world_free(w);
}

static void test_failback_keeps_away_from_a_failure(void **state)
{
	struct world *w = two_groups(3, 0);
	unsigned int starts;

	(void)state;
	w->config.groups[0].failback = true;
	w->config.groups[0].failover_limit = 2;
	w->config.groups[0].failover_window_us = 10 * SECOND;
	w->config.failure_expiry_us = 6 * SECOND;
	w->broken[0] = 1U << 1;
	start_all(w);
	assert_int_equal(place(w, 0), 1);
	starts = w->starts;
	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(place(w, 0), 1);
	assert_int_equal(w->starts, starts); /* it does not bounce */
	run_until(w, 5 * SECOND, NULL);	     /* the mark is gone, but not yet the failover */
	assert_int_equal(look(w, 0).failed_on, 0);
	assert_int_equal(w->starts, starts);
	run_until(w, 4 * SECOND, NULL); /* both are forgotten: it is tried once */
	assert_int_equal(place(w, 0), 1);
	assert_int_equal(w->starts, starts + 4);
	run_until(w, 30 * SECOND, NULL); /* and that does not wear out the limit */
	assert_int_equal(place(w, 0), 1);
	world_free(w);
}

/* What is online is not taken away while it could not be given: an absent node lacks its proof. */
static void test_failback_waits_for_proofs(void **state)
{
	struct world *w = two_groups(4, 0);
	struct core_event e = {.type = CORE_EVENT_FENCED};

	(void)state;
	w->config.takeover = TAKEOVER_FENCE;
	w->config.groups[0].failback = true;
	w->config.nodes[1].votes = 3;
	start_all(w);
	command(w, REQUEST_NODE_STOP, 0, 0);
	assert_int_equal(place(w, 0), 1);
	kill_node(w, 3);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 1);
	command(w, REQUEST_NODE_START, 0, 0);
	run_until(w, 3 * SECOND, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	assert_int_equal(place(w, 0), 1);
	e.fenced.node = 3;
	e.fenced.incarnation = 100;
	step(w, 0, &e);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 0);
	world_free(w);
}

/* ---- G10 ---- */

static void test_failover_limit(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	w->config.groups[0].failover_limit = 1;
	w->config.groups[0].failover_window_us = 3 * SECOND;
	start_all(w);
	lose(w, 0, 1);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 1);
	assert_int_equal(look(w, 0).intent.failovers, 1);
	lose(w, 1, 1);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), -1);
	assert_int_equal(look(w, 0).held, GROUP_HOLD_LIMIT);
	assert_int_equal(w->seen[EVENT_GROUP_FAILOVER_LIMIT], 1);
	run_until(w, 10 * SECOND, NULL); /* time does not help what is not online */
	assert_int_equal(look(w, 0).held, GROUP_HOLD_LIMIT);
	assert_int_equal(start(w, 0), ANSWER_ACCEPTED);
	assert_int_equal(place(w, 0), 0);
	assert_int_equal(look(w, 0).intent.failovers, 0);
	world_free(w);
}

static void test_failover_limit_window(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	w->config.groups[0].failover_limit = 1;
	w->config.groups[0].failover_window_us = 10 * SECOND;
	start_all(w);
	lose(w, 0, 1);
	run_until(w, 12 * SECOND, NULL);
	assert_int_equal(look(w, 0).intent.failovers, 0);
	assert_int_equal(place(w, 0), 1);
	kill_node(w, 1); /* is not the group's fault */
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 2);
	assert_int_equal(look(w, 0).intent.failovers, 0);
	world_free(w);
}

/* ---- G11 ---- */

static struct world *excluded(bool absolute, uint8_t n, uint8_t witnesses)
{
	struct world *w = two_groups(n, witnesses);

	w->config.n_exclusions = 1;
	w->config.exclusions[0].absolute = absolute;
	w->config.exclusions[0].groups[0] = 3;
	start_all(w);
	return w;
}

static void test_absolute_exclusion(void **state)
{
	struct world *w = excluded(true, 3, 1); /* two nodes and a witness */

	(void)state;
	assert_int_equal(place(w, 0), 0);
	assert_int_equal(place(w, 1), 1);
	assert_int_equal(command(w, REQUEST_GROUP_MOVE, 0, 1), ANSWER_EXCLUDED);
	assert_int_equal(command(w, REQUEST_GROUP_MOVE, NODE_NONE, 1), ANSWER_NO_TARGET);
	kill_node(w, 1);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 0);
	assert_int_equal(place(w, 1), -1);
	assert_int_equal(look(w, 1).held, GROUP_HOLD_EXCLUDED);
	assert_int_equal(w->seen[EVENT_GROUP_HELD], 1);
	command(w, REQUEST_GROUP_STOP, NODE_NONE, 0);
	assert_int_equal(place(w, 1), 0); /* the place is free */
	assert_int_equal(start(w, 0), ANSWER_ACCEPTED);
	assert_int_equal(place(w, 0), -1);
	assert_int_equal(look(w, 0).held, GROUP_HOLD_EXCLUDED);
	boot(w, 1);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 1);
	assert_int_equal(place(w, 1), 0);
	world_free(w);
}

static void test_absolute_exclusion_of_what_does_not_stop(void **state)
{
	struct world *w = excluded(true, 3, 0);

	(void)state;
	w->stuck[0] = 1U << 0;
	command(w, REQUEST_GROUP_STOP, NODE_NONE, 0); /* may be running on n0 still */
	assert_int_equal(look(w, 0).state, GROUP_STOP_FAILED);
	assert_int_equal(command(w, REQUEST_GROUP_MOVE, 0, 1), ANSWER_EXCLUDED);
	kill_node(w, 1);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 1), 2);
	world_free(w);
}

static void test_normal_exclusion(void **state)
{
	struct world *w = excluded(false, 3, 1);

	(void)state;
	assert_int_equal(place(w, 0), 0);
	assert_int_equal(place(w, 1), 1);
	kill_node(w, 1);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 0);
	assert_int_equal(place(w, 1), 0); /* rather together than not at all */
	world_free(w);
}

/* ---- G12 ---- */

static void test_resource_stop_and_start(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	start_all(w);
	w->n_stopped = 0;
	assert_int_equal(command(w, REQUEST_RESOURCE_STOP, NODE_NONE, 0), ANSWER_ACCEPTED);
	assert_int_equal(w->n_stopped, 2); /* what depends on it goes first */
	assert_int_equal(w->stopped[0], 1);
	assert_int_equal(w->stopped[1], 0);
	assert_int_equal(look(w, 0).intent.stopped[0], 3);
	assert_int_equal(place(w, 0), 0); /* the group goes on with what is left: nothing */
	assert_int_equal(command(w, REQUEST_RESOURCE_STOP, NODE_NONE, 0), ANSWER_NOTHING_TO_DO);
	/* it stays so elsewhere */
	assert_int_equal(command(w, REQUEST_GROUP_MOVE, 1, 0), ANSWER_ACCEPTED);
	assert_int_equal(place(w, 0), 1);
	assert_false(w->running[1][0] || w->running[1][1]);
	/* what it depends on is started with it */
	assert_int_equal(command(w, REQUEST_RESOURCE_START, NODE_NONE, 1), ANSWER_ACCEPTED);
	assert_int_equal(place(w, 0), 1);
	assert_true(w->running[1][0] && w->running[1][1]);
	assert_int_equal(command(w, REQUEST_RESOURCE_START, NODE_NONE, 1), ANSWER_NOTHING_TO_DO);
	/* the one on top alone */
	assert_int_equal(command(w, REQUEST_RESOURCE_STOP, NODE_NONE, 1), ANSWER_ACCEPTED);
	assert_true(w->running[1][0] && !w->running[1][1]);
	assert_int_equal(start(w, 0), ANSWER_ACCEPTED); /* clears all, in place */
	assert_true(w->running[1][0] && w->running[1][1]);
	assert_int_equal(w->seen[EVENT_GROUP_FAILED], 0);
	assert_int_equal(command(w, REQUEST_RESOURCE_STOP, NODE_NONE, 4), ANSWER_BAD_TARGET);
	world_free(w);
}

static void test_resource_start_of_a_stopped_group(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	w->config.groups[0].autostart = false;
	start_all(w);
	assert_int_equal(look(w, 0).intent.wanted, WANTED_OFFLINE);
	assert_int_equal(command(w, REQUEST_RESOURCE_STOP, NODE_NONE, 0), ANSWER_NOTHING_TO_DO);
	assert_int_equal(command(w, REQUEST_RESOURCE_START, NODE_NONE, 0), ANSWER_ACCEPTED);
	assert_int_equal(place(w, 0), 0);
	assert_true(w->running[0][0] && !w->running[0][1]);
	assert_int_equal(start(w, 0), ANSWER_ACCEPTED);
	assert_true(w->running[0][0] && w->running[0][1]);
	world_free(w);
}

/* Bits on disk belong to names (rule P5). */
static void test_stopped_resources_by_name(void **state)
{
	struct world *w = two_groups(3, 0);
	struct core_config *c = &w->config;

	(void)state;
	start_all(w);
	assert_int_equal(command(w, REQUEST_RESOURCE_STOP, NODE_NONE, 3), ANSWER_ACCEPTED);
	for (uint8_t i = 0; i < 3; i++)
		kill_node(w, i);
	run_until(w, SECOND, NULL);
	/* the first group is gone, and the second one has one more below */
	c->n_groups = 1;
	c->groups[0] = c->groups[1];
	c->n_resources = 3;
	c->resources[0] = (struct core_resource_config){
		.name = "new", .start_timeout_us = SECOND, .stop_timeout_us = SECOND};
	c->resources[1] = c->resources[2];
	c->resources[2] = c->resources[3];
	c->resources[1].group = c->resources[2].group = 0;
	c->resources[2].deps[0] = 1;
	start_all(w);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 0);
	assert_int_equal(look(w, 0).intent.stopped[0], 1U << 2);
	assert_true(w->running[0][0] && w->running[0][1] && !w->running[0][2]);
	world_free(w);
}

/* A stop that failed is never followed by a start elsewhere without a proof. */
static void test_resource_that_does_not_stop_blocks(void **state)
{
	struct world *w = two_groups(3, 0);
	struct core_event e = {.type = CORE_EVENT_FENCED};

	(void)state;
	start_all(w);
	w->stuck[0] = 1U << 1;
	assert_int_equal(command(w, REQUEST_RESOURCE_STOP, NODE_NONE, 1), ANSWER_ACCEPTED);
	assert_int_equal(state_of(w, 1, 0), RESOURCE_STOP_FAILED);
	assert_int_equal(place(w, 0), 0); /* the rest of it runs */
	assert_true(w->running[0][0]);
	isolate(w, 0, true);
	run_until(w, 2 * SECOND, NULL);
	core_group_info(w->core[1], 0, w->now, &(struct core_group_info){0});
	assert_int_equal(owner(w), -1);
	struct core_group_info info;
	core_group_info(w->core[1], 0, w->now, &info);
	assert_int_equal(info.blocked_by, 0);
	core_group_info(w->core[1], 1, w->now, &info);
	assert_int_equal(info.current, 1); /* the other group has its proof by lease */
	kill_node(w, 0);
	e.fenced.node = 0;
	e.fenced.incarnation = 100;
	step(w, 1, &e);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 1);
	world_free(w);
}

/* ---- G13 ---- */

static struct world *waiting(bool go_on)
{
	struct world *w = two_groups(3, 0);

	w->config.groups[0].autostart = false;
	w->config.groups[1].n_start_after = 1; /* group 0 */
	w->config.groups[1].start_wait_us = 10 * SECOND;
	w->config.groups[1].start_wait_continue = go_on;
	return w;
}

static void test_wait_for_another_group(void **state)
{
	struct world *w = waiting(false);

	(void)state;
	start_all(w);
	assert_int_equal(look(w, 1).held, GROUP_HOLD_WAIT);
	assert_int_equal(look(w, 1).waits_for, 0);
	assert_int_equal(w->seen[EVENT_GROUP_WAITING], 1);
	assert_int_equal(start(w, 0), ANSWER_ACCEPTED);
	assert_int_equal(place(w, 0), 0);
	assert_int_equal(place(w, 1), 0);
	assert_int_equal(look(w, 1).waits_for, UINT16_MAX);
	/* a failover waits too: the first one cannot start any more */
	w->broken[1] = w->broken[2] = 1;
	kill_node(w, 0);
	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(look(w, 1).held, GROUP_HOLD_WAIT);
	world_free(w);
}

static void test_wait_cancelled(void **state)
{
	struct world *w = waiting(false);

	(void)state;
	start_all(w);
	run_until(w, 11 * SECOND, NULL);
	assert_int_equal(look(w, 1).held, GROUP_HOLD_WAIT_FAILED);
	assert_int_equal(look(w, 1).waits_for, 0);
	assert_int_equal(w->seen[EVENT_GROUP_WAIT_TIMEOUT], 1);
	start(w, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 1), -1); /* only a command brings it back */
	assert_int_equal(look(w, 1).held, GROUP_HOLD_WAIT_FAILED);
	assert_int_equal(start(w, 1), ANSWER_ACCEPTED);
	assert_int_equal(place(w, 1), 0);
	world_free(w);
}

static void test_wait_and_continue(void **state)
{
	struct world *w = waiting(true);

	(void)state;
	start_all(w);
	run_until(w, 8 * SECOND, NULL);
	assert_int_equal(place(w, 1), -1);
	run_until(w, 3 * SECOND, NULL);
	assert_int_equal(place(w, 1), 0);
	assert_int_equal(w->seen[EVENT_GROUP_WAIT_TIMEOUT], 1);
	world_free(w);
}

static void test_wait_on_the_same_node(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	w->config.groups[0].n_nodes = 2; /* n1, n2 */
	w->config.groups[0].nodes[0] = 1;
	w->config.groups[0].nodes[1] = 2;
	w->config.groups[1].n_start_after = 1;
	w->config.groups[1].start_same_node = true;
	w->config.groups[1].start_wait_us = 100 * SECOND;
	start_all(w);
	assert_int_equal(place(w, 0), 1);
	assert_int_equal(place(w, 1), 1);
	kill_node(w, 1);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 2);
	assert_int_equal(place(w, 1), 2);
	world_free(w);
}

static struct world *stopping_after(uint8_t when, uint64_t seconds)
{
	struct world *w = two_groups(3, 0);

	w->config.groups[0].n_stop_after = 1; /* group 1 */
	w->config.groups[0].stop_after[0] = 1;
	w->config.groups[0].stop_wait_when = when;
	w->config.groups[0].stop_wait_us = seconds * SECOND;
	start_all(w);
	w->stuck[0] = 1U << 3; /* group 1 takes its time */
	return w;
}

static void test_stop_waits(void **state)
{
	struct world *w = stopping_after(STOP_WAIT_GROUP, 60);

	(void)state;
	command(w, REQUEST_GROUP_STOP, NODE_NONE, 1);
	assert_int_equal(command(w, REQUEST_GROUP_STOP, NODE_NONE, 0), ANSWER_ACCEPTED);
	assert_int_equal(look(w, 0).intent.wanted, WANTED_OFFLINE);
	assert_int_equal(look(w, 0).waits_for, 1);
	assert_int_equal(place(w, 0), 0); /* it waits */
	w->stuck[0] = 0;
	run_until(w, 31 * SECOND, NULL); /* until the stop is tried again */
	assert_false(w->running[0][2] || w->running[0][3]);
	assert_false(w->running[0][0] || w->running[0][1]);
	world_free(w);
}

static void test_stop_waits_not_for_ever(void **state)
{
	struct world *w = stopping_after(STOP_WAIT_GROUP, 10);

	(void)state;
	command(w, REQUEST_GROUP_STOP, NODE_NONE, 1);
	command(w, REQUEST_GROUP_STOP, NODE_NONE, 0);
	assert_int_equal(start(w, 0), ANSWER_ACCEPTED); /* a change of mind, in place */
	assert_int_equal(place(w, 0), 0);
	w->n_stopped = 0;
	command(w, REQUEST_GROUP_STOP, NODE_NONE, 0);
	run_until(w, 8 * SECOND, NULL);
	assert_int_equal(place(w, 0), 0);
	run_until(w, 3 * SECOND, NULL);
	assert_false(w->running[0][0] || w->running[0][1]);
	assert_int_equal(w->seen[EVENT_GROUP_WAIT_TIMEOUT], 1);
	world_free(w);
}

static void test_stop_does_not_wait(void **state)
{
	struct world *w = stopping_after(STOP_WAIT_CLUSTER, 60);

	(void)state;
	command(w, REQUEST_GROUP_STOP, NODE_NONE, 1);
	command(w, REQUEST_GROUP_STOP, NODE_NONE, 0); /* is not the occasion */
	assert_false(w->running[0][0] || w->running[0][1]);
	world_free(w);
	w = stopping_after(STOP_WAIT_GROUP, 60);
	command(w, REQUEST_GROUP_STOP, NODE_NONE, 1);
	command(w, REQUEST_GROUP_STOP, NODE_NONE, 0);
	assert_true(w->running[0][0]);
	isolate(w, 0, true);
	run_until(w, SECOND / 5, NULL); /* the end of a lease waits for nothing */
	assert_false(w->running[0][0] || w->running[0][1]);
	world_free(w);
}

static void test_node_stop_waits(void **state)
{
	struct world *w = stopping_after(STOP_WAIT_NODE, 60);

	(void)state;
	command(w, REQUEST_NODE_STOP, 0, 0);
	assert_int_equal(place(w, 0), 0); /* is still there */
	w->stuck[0] = 0;
	run_until(w, 31 * SECOND, NULL);
	assert_int_equal(place(w, 0), 1);
	assert_int_equal(place(w, 1), 1);
	world_free(w);
}

/* ---- G14 ---- */

static void test_final_none(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	w->config.resources[1].failovers = 0;
	w->config.resources[1].start_retries = 2;
	w->broken[0] = 1U << 1;
	start_all(w);
	assert_true(w->running[0][0]); /* as far as it came */
	assert_int_equal(place(w, 0), -1);
	assert_true(look(w, 0).failed);
	assert_int_equal(look(w, 0).failed_on, 1);
	assert_int_equal(look(w, 0).current, 0);
	assert_int_equal(w->seen[EVENT_RESOURCE_START_FAILED], 3);
	assert_int_equal(w->seen[EVENT_FINAL_ACTION], 1);
	run_until(w, 5 * SECOND, NULL);
	assert_int_equal(w->seen[EVENT_RESOURCE_START_FAILED], 3);
	/* repaired: an order tries it again where it is */
	w->broken[0] = 0;
	w->n_stopped = 0;
	assert_int_equal(start(w, 0), ANSWER_ACCEPTED);
	assert_int_equal(place(w, 0), 0);
	assert_false(look(w, 0).failed);
	assert_int_equal(w->n_stopped, 1); /* only what had failed */
	world_free(w);
}

static void test_final_none_until_a_node_comes(void **state)
{
	struct world *w = two_groups(3, 1);

	(void)state;
	w->broken[0] = 1U << 1;
	start_all(w);
	assert_int_equal(place(w, 0), 1);
	w->broken[1] = 1U << 1;
	kill_node(w, 0);
	run_until(w, SECOND, NULL);
	lose(w, 1, 1);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), -1);
	assert_true(w->running[1][0]); /* nobody else: it stays as it is */
	w->broken[0] = 0;
	boot(w, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 0);
	world_free(w);
}

static void test_final_after_failovers(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	w->config.resources[1].failovers = 1;
	w->broken[0] = w->broken[1] = 1U << 1;
	start_all(w);
	assert_int_equal(place(w, 0), -1); /* n0, n1, and no further */
	assert_true(look(w, 0).failed);
	assert_int_equal(look(w, 0).current, 1);
	assert_int_equal(look(w, 0).failed_on, 3);
	world_free(w);
}

static void test_final_continue(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	w->config.resources[0].failovers = 0;
	w->config.resources[0].start_final = FINAL_CONTINUE;
	w->broken[0] = 1U << 0;
	start_all(w);
	assert_true(!w->running[0][0] && w->running[0][1]);
	assert_int_equal(place(w, 0), 0); /* as if it ran */
	assert_int_equal(state_of(w, 0, 0), RESOURCE_START_FAILED);
	assert_int_equal(command(w, REQUEST_GROUP_MOVE, 1, 0), ANSWER_ACCEPTED);
	assert_int_equal(place(w, 0), 1);
	assert_true(w->running[1][0] && w->running[1][1]);
	world_free(w);
}

static void test_final_stop_group(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	w->config.resources[1].failovers = 0;
	w->config.resources[1].start_final = FINAL_STOP_GROUP;
	w->broken[1] = 1U << 1;
	start_all(w);
	assert_int_equal(place(w, 0), 0);
	kill_node(w, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(owner(w), -1);
	assert_false(w->running[1][0]);
	assert_int_equal(look(w, 0).held, GROUP_HOLD_LIMIT);
	assert_int_equal(look(w, 0).intent.owner, 1);
	kill_node(w, 1); /* what nobody is to have does not come up elsewhere */
	boot(w, 0);
	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(place(w, 0), -1);
	assert_int_equal(look(w, 0).held, GROUP_HOLD_LIMIT);
	assert_int_equal(start(w, 0), ANSWER_ACCEPTED);
	assert_int_equal(place(w, 0), 0);
	world_free(w);
}

/* ---- G15, F1, F2 ---- */

static void test_stop_retries(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	w->config.resources[1].stop_retries = 2;
	start_all(w);
	w->misses[0] = 2;
	assert_int_equal(command(w, REQUEST_GROUP_MOVE, 1, 0), ANSWER_ACCEPTED);
	assert_int_equal(place(w, 0), 1);
	assert_int_equal(w->seen[EVENT_RESOURCE_STOP_FAILED], 2);
	assert_int_equal(w->seen[EVENT_RESOURCE_RETRY], 2);
	w->misses[1] = 3;
	command(w, REQUEST_GROUP_MOVE, 0, 0);
	assert_int_equal(place(w, 0), -1);
	assert_int_equal(state_of(w, 1, 1), RESOURCE_STOP_FAILED);
	run_until(w, 31 * SECOND, NULL); /* and again after a while */
	assert_int_equal(place(w, 0), 0);
	world_free(w);
}

static void test_stop_failure_shuts_down(void **state)
{
	struct world *w = two_groups(3, 0);
	struct core_peer_info info;

	(void)state;
	w->config.resources[1].stop_final = FINAL_SHUTDOWN;
	start_all(w);
	w->stuck[0] = 1U << 1;
	command(w, REQUEST_GROUP_MOVE, 1, 0);
	assert_int_equal(w->seen[EVENT_FINAL_ACTION], 1);
	assert_int_equal(w->power[0], FINAL_SHUTDOWN);
	assert_int_equal(place(w, 1), 1); /* in good order: the other group was moved before */
	assert_int_equal(place(w, 0), -1);
	core_peer_info(w->core[1], 0, w->now, &info);
	assert_int_equal(info.mode, NODE_MODE_STOPPING); /* "stopped" would be a lie */
	isolate(w, 0, true);
	w->dead[0] = true;
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), -1); /* no proof yet, by Q4 */
	assert_int_equal(look(w, 0).blocked_by, 0);
	world_free(w);
}

static void test_start_failure_stops_the_service(void **state)
{
	struct world *w = two_groups(3, 0);
	struct core_peer_info info;

	(void)state;
	w->config.resources[1].failovers = 0;
	w->config.resources[1].start_final = FINAL_STOP_SERVICE;
	start_all(w);
	w->broken[0] = 1U << 1;
	lose(w, 0, 1);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 1);
	assert_int_equal(place(w, 1), 1);
	assert_int_equal(w->power[0], FINAL_NONE);
	core_peer_info(w->core[1], 0, w->now, &info);
	assert_int_equal(info.state, PEER_LEFT);
	w->broken[0] = 0;
	command(w, REQUEST_NODE_START, 0, 0);
	run_until(w, SECOND, NULL);
	core_peer_info(w->core[1], 0, w->now, &info);
	assert_int_equal(info.state, PEER_MEMBER);
	assert_int_equal(info.mode, NODE_MODE_ONLINE);
	world_free(w);
}

static void test_reboot_after_a_good_stop(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	w->config.resources[1].failovers = 0;
	w->config.resources[1].start_final = FINAL_REBOOT;
	start_all(w);
	w->broken[0] = 1U << 1;
	lose(w, 0, 1);
	run_until(w, SECOND, NULL);
	assert_int_equal(w->power[0], FINAL_REBOOT);
	assert_false(w->running[0][0] || w->running[0][2]);
	assert_int_equal(place(w, 0), 1);
	assert_int_equal(w->seen[EVENT_NODE_SILENT], 0);
	world_free(w);
}

static void test_strong_action_at_once(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	w->config.resources[1].stop_final = FINAL_PANIC;
	start_all(w);
	w->stuck[0] = 1U << 1;
	command(w, REQUEST_GROUP_STOP, NODE_NONE, 0);
	assert_int_equal(w->power[0], FINAL_PANIC);
	assert_int_equal(place(w, 1), 0); /* nothing else was done in its place */
	w->power[0] = FINAL_NONE;
	run_until(w, 31 * SECOND, NULL);	   /* tried again, and failed again */
	assert_int_equal(w->power[0], FINAL_NONE); /* once for each attempt */
	start(w, 0);
	assert_int_equal(w->power[0], FINAL_PANIC);
	world_free(w);
}

static void test_final_action_suppressed(void **state)
{
	static const bool alone[] = {false, true};

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct world *w = two_groups(3, 2); /* only one hosts */

		w->config.resources[1].stop_final = FINAL_SHUTDOWN;
		w->config.resources[1].final_alone = alone[i];
		start_all(w);
		w->stuck[0] = 1U << 1;
		command(w, REQUEST_GROUP_STOP, NODE_NONE, 0);
		run_until(w, SECOND, NULL);
		assert_int_equal(w->power[0], alone[i] ? FINAL_SHUTDOWN : FINAL_NONE);
		assert_int_equal(w->seen[EVENT_FINAL_SUPPRESSED], alone[i] ? 0 : 1);
		assert_int_equal(w->running[0][2], !alone[i]); /* the other group goes on */
		world_free(w);
	}
}

/* The other node is well, but would be no quorum. */
static void test_final_action_of_half_a_cluster(void **state)
{
	struct world *w = two_groups(2, 0);

	(void)state;
	w->config.resources[1].stop_final = FINAL_REBOOT;
	start_all(w);
	w->stuck[0] = 1U << 1;
	command(w, REQUEST_GROUP_STOP, NODE_NONE, 0);
	assert_int_equal(w->power[0], FINAL_NONE);
	assert_int_equal(w->seen[EVENT_FINAL_SUPPRESSED], 1);
	assert_int_equal(place(w, 1), 0);
	world_free(w);
}

static void test_stop_failure_continues(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	w->config.resources[1].stop_final = FINAL_CONTINUE;
	start_all(w);
	w->stuck[0] = 1U << 1;
	command(w, REQUEST_GROUP_MOVE, 1, 0);
	assert_false(w->running[0][0]); /* what is below is stopped all the same */
	assert_int_equal(state_of(w, 1, 0), RESOURCE_STOP_FAILED);
	assert_int_equal(place(w, 0), -1); /* but nobody else has it */
	world_free(w);
}

/* ---- G5: monitors ---- */

static void add_monitor(struct world *w, bool critical, node_mask nodes)
{
	struct core_monitor_config *m = &w->config.monitors[w->config.n_monitors++];

	*m = (struct core_monitor_config){
		.nodes = nodes,
		.active_group = UINT16_MAX,
		.active_resource = UINT16_MAX,
		.recovery = RECOVER_NOTHING,
		.critical = critical,
	};
	(void)snprintf(m->name, NAME_SIZE, "m%u", w->config.n_monitors - 1);
}

static void verdict(struct world *w, uint8_t node, uint16_t monitor, enum monitor_status status)
{
	struct core_event e = {.type = CORE_EVENT_MONITOR};

	e.monitor.monitor = monitor;
	e.monitor.status = (uint8_t)status;
	step(w, node, &e);
	run_until(w, SECOND / 2, NULL);
}

static void test_unfit_node(void **state)
{
	struct world *w = two_groups(3, 1);

	(void)state;
	add_monitor(w, true, 3);
	start_all(w);
	assert_int_equal(place(w, 0), 0);
	verdict(w, 1, 0, MONITOR_ERROR);
	assert_int_equal(command(w, REQUEST_GROUP_MOVE, 1, 0), ANSWER_UNFIT);
	assert_int_equal(command(w, REQUEST_GROUP_MOVE, NODE_NONE, 0), ANSWER_NO_TARGET);
	kill_node(w, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), -1);
	assert_int_equal(look(w, 0).held, GROUP_HOLD_UNFIT);
	verdict(w, 1, 0, MONITOR_NORMAL);
	assert_int_equal(place(w, 0), 1);
	world_free(w);
}

static void test_node_with_an_error_comes_last(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	add_monitor(w, false, 7);
	w->config.groups[0].failback = true;
	start_all(w);
	verdict(w, 1, 0, MONITOR_ERROR);
	kill_node(w, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 2);
	assert_int_equal(place(w, 1), 2);
	verdict(w, 2, 0, MONITOR_ERROR); /* what runs is left alone */
	assert_int_equal(place(w, 1), 2);
	verdict(w, 1, 0, MONITOR_NORMAL);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 1); /* that of the failback attribute moves */
	assert_int_equal(place(w, 1), 2);
	kill_node(w, 1);
	boot(w, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 0), 0);
	world_free(w);
}

static void test_monitor_stops_a_resource(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	add_monitor(w, false, 7);
	w->config.monitors[0].recovery = RECOVER_RESOURCE;
	w->config.monitors[0].target = 1;
	w->config.monitors[0].final = FINAL_STOP_RESOURCE;
	start_all(w);
	verdict(w, 0, 0, MONITOR_ERROR);
	assert_true(w->running[0][0] && !w->running[0][1]);
	assert_int_equal(place(w, 0), 0);
	run_until(w, 5 * SECOND, NULL);
	assert_false(w->running[0][1]);
	/* until the next order, or start elsewhere */
	assert_int_equal(command(w, REQUEST_GROUP_MOVE, 1, 0), ANSWER_ACCEPTED);
	assert_true(w->running[1][0] && w->running[1][1]);
	world_free(w);
}

/* A failover by a monitor counts against the limit, and its cause is known everywhere (G10). */
static void test_monitor_fails_over(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	add_monitor(w, false, 7);
	w->config.monitors[0].recovery = RECOVER_GROUP;
	w->config.monitors[0].failovers = FAILOVERS_NODES;
	w->config.groups[0].failover_limit = 1;
	w->config.groups[0].failover_window_us = 100 * SECOND;
	start_all(w);
	verdict(w, 0, 0, MONITOR_ERROR);
	assert_int_equal(place(w, 0), 1);
	assert_int_equal(look(w, 0).intent.cause, CAUSE_MONITOR);
	assert_int_equal(look(w, 0).intent.failovers, 1);
	assert_int_equal(place(w, 1), 0);
	verdict(w, 1, 0, MONITOR_ERROR); /* what runs is not stopped to be held then */
	assert_int_equal(place(w, 0), 1);
	assert_int_equal(look(w, 0).intent.failovers, 1);
	world_free(w);
}

/* ---- O1, O3 ---- */

static void test_suspended(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	w->config.resources[1].stop_final = FINAL_PANIC;
	w->config.groups[1].failback = true;
	start_all(w);
	assert_int_equal(command(w, REQUEST_CLUSTER_SUSPEND, NODE_NONE, 0), ANSWER_ACCEPTED);
	lose(w, 0, 1);
	run_until(w, 5 * SECOND, NULL);
	assert_int_equal(look(w, 0).current, 0); /* neither moved nor restarted */
	assert_true(w->running[0][0] && !w->running[0][1]);
	assert_int_equal(w->seen[EVENT_GROUP_FAILED], 0);
	assert_int_equal(start(w, 0), ANSWER_SUSPENDED);
	assert_int_equal(command(w, REQUEST_RESOURCE_START, NODE_NONE, 1), ANSWER_SUSPENDED);
	assert_int_equal(command(w, REQUEST_CLUSTER_RESUME, NODE_NONE, 0), ANSWER_ACCEPTED);
	assert_int_equal(place(w, 0), 1); /* now it fails over */
	command(w, REQUEST_CLUSTER_SUSPEND, NODE_NONE, 0);
	kill_node(w, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 1), -1);
	assert_int_equal(look(w, 1).held, GROUP_HOLD_SUSPENDED);
	command(w, REQUEST_CLUSTER_RESUME, NODE_NONE, 0);
	run_until(w, SECOND, NULL);
	assert_int_equal(place(w, 1), 1);
	command(w, REQUEST_CLUSTER_SUSPEND, NODE_NONE, 0);
	boot(w, 0);
	run_until(w, 2 * SECOND, NULL);
	assert_int_equal(place(w, 1), 1); /* no failback either */
	/* safety is not suspended */
	w->stuck[1] = 1U << 1;
	isolate(w, 1, true);
	run_until(w, SECOND, NULL);
	assert_false(w->running[1][2] || w->running[1][3]);
	assert_int_equal(w->power[1], FINAL_NONE); /* but no final action */
	world_free(w);
}

static void answer_stop(struct world *w, uint8_t node, uint16_t resource)
{
	struct core_event e = {.type = CORE_EVENT_RESOURCE_DONE};

	w->slow[node] = (uint8_t)(w->slow[node] & ~(1U << resource));
	w->running[node][resource] = false;
	e.resource_done.operation = w->unanswered[node][resource];
	e.resource_done.result = RESOURCE_RESULT_OK;
	step(w, node, &e);
}

/* The nodes that have nothing to stop do not take the lease away from the one that has. */
static void test_cluster_stop_in_good_order(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	for (uint16_t i = 0; i < 4; i++)
		w->config.resources[i].stop_timeout_us = 60 * SECOND;
	w->config.groups[0].n_stop_after = 1; /* group 1 */
	w->config.groups[0].stop_after[0] = 1;
	w->config.groups[0].stop_wait_when = STOP_WAIT_CLUSTER;
	w->config.groups[0].stop_wait_us = 60 * SECOND;
	start_all(w);
	w->slow[0] = 1U << 3;
	assert_int_equal(command(w, REQUEST_CLUSTER_STOP, NODE_NONE, 0), ANSWER_ACCEPTED);
	run_until(w, 3 * SECOND, NULL);
	assert_true(w->running[0][0] && w->running[0][1]); /* waits for the other group */
	assert_int_equal(w->seen[EVENT_AGENT_STOPPED], 0);
	assert_true(ha_time_before(w->now, w->lease[0]));
	answer_stop(w, 0, 3);
	run_until(w, SECOND, NULL);
	assert_false(w->running[0][0] || w->running[0][1] || w->running[0][2]);
	assert_int_equal(w->seen[EVENT_AGENT_STOPPED], 3);
	assert_int_equal(w->seen[EVENT_GROUP_PLACED], 2); /* nothing wandered */
	assert_int_equal(w->seen[EVENT_LEASE_EXPIRED], 0);
	world_free(w);
}

static void test_server_stop_does_not_wait_for_others(void **state)
{
	struct world *w = two_groups(3, 0);

	(void)state;
	for (uint16_t i = 0; i < 4; i++)
		w->config.resources[i].stop_timeout_us = 60 * SECOND;
	start_all(w);
	w->slow[0] = 1U << 3;
	command(w, REQUEST_NODE_STOP, 0, 0);
	command(w, REQUEST_NODE_STOP, 2, 0); /* n1 alone is no quorum: it must wait */
	assert_int_equal(w->seen[EVENT_AGENT_STOPPED], 0);
	answer_stop(w, 0, 3);
	run_until(w, SECOND, NULL);
	assert_int_equal(w->seen[EVENT_AGENT_STOPPED], 2);
	world_free(w);
	w = two_groups(3, 0);
	start_all(w);
	command(w, REQUEST_NODE_STOP, 2, 0);
	assert_int_equal(w->seen[EVENT_AGENT_STOPPED], 1);
	assert_int_equal(place(w, 0), 0);
	world_free(w);
}

static void test_bad_configurations(void **state)
{
	struct world *w = two_groups(3, 0);
	struct core_config good = w->config, bad;
	struct core *core;

	(void)state;
	bad = good;
	bad.groups[1].n_start_after = 1;
	bad.groups[1].start_after[0] = 2;
	assert_int_equal(core_new(&bad, NULL, NULL, w->now, &core), -EINVAL);
	bad = good;
	bad.groups[0].n_stop_after = GROUP_WAITS_MAX + 1;
	assert_int_equal(core_new(&bad, NULL, NULL, w->now, &core), -EINVAL);
	bad = good;
	bad.groups[0].nodes[1] = 3;
	assert_int_equal(core_new(&bad, NULL, NULL, w->now, &core), -EINVAL);
	bad = good;
	bad.n_exclusions = EXCLUSIONS_MAX + 1;
	assert_int_equal(core_new(&bad, NULL, NULL, w->now, &core), -EINVAL);
	bad = good;
	bad.resources[3].stop_final = FINAL_ACTION_COUNT_;
	assert_int_equal(core_new(&bad, NULL, NULL, w->now, &core), -EINVAL);
	assert_int_equal(core_new(&good, NULL, NULL, w->now, &core), 0);
	core_free(core);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manual_failover),
		cmocka_unit_test(test_manual_failover_after_a_failure),
		cmocka_unit_test(test_failback),
		cmocka_unit_test(test_failback_keeps_away_from_a_failure),
		cmocka_unit_test(test_failback_waits_for_proofs),
		cmocka_unit_test(test_failover_limit),
		cmocka_unit_test(test_failover_limit_window),
		cmocka_unit_test(test_absolute_exclusion),
		cmocka_unit_test(test_absolute_exclusion_of_what_does_not_stop),
		cmocka_unit_test(test_normal_exclusion),
		cmocka_unit_test(test_resource_stop_and_start),
		cmocka_unit_test(test_resource_start_of_a_stopped_group),
		cmocka_unit_test(test_stopped_resources_by_name),
		cmocka_unit_test(test_resource_that_does_not_stop_blocks),
		cmocka_unit_test(test_wait_for_another_group),
		cmocka_unit_test(test_wait_cancelled),
		cmocka_unit_test(test_wait_and_continue),
		cmocka_unit_test(test_wait_on_the_same_node),
		cmocka_unit_test(test_stop_waits),
		cmocka_unit_test(test_stop_waits_not_for_ever),
		cmocka_unit_test(test_stop_does_not_wait),
		cmocka_unit_test(test_node_stop_waits),
		cmocka_unit_test(test_final_none),
		cmocka_unit_test(test_final_none_until_a_node_comes),
		cmocka_unit_test(test_final_after_failovers),
		cmocka_unit_test(test_final_continue),
		cmocka_unit_test(test_final_stop_group),
		cmocka_unit_test(test_stop_retries),
		cmocka_unit_test(test_stop_failure_shuts_down),
		cmocka_unit_test(test_start_failure_stops_the_service),
		cmocka_unit_test(test_reboot_after_a_good_stop),
		cmocka_unit_test(test_strong_action_at_once),
		cmocka_unit_test(test_final_action_suppressed),
		cmocka_unit_test(test_final_action_of_half_a_cluster),
		cmocka_unit_test(test_stop_failure_continues),
		cmocka_unit_test(test_unfit_node),
		cmocka_unit_test(test_node_with_an_error_comes_last),
		cmocka_unit_test(test_monitor_stops_a_resource),
		cmocka_unit_test(test_monitor_fails_over),
		cmocka_unit_test(test_suspended),
		cmocka_unit_test(test_cluster_stop_in_good_order),
		cmocka_unit_test(test_server_stop_does_not_wait_for_others),
		cmocka_unit_test(test_bad_configurations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
