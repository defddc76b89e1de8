/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Admin commands in the agent, from entry over answer to end, against a core whose answers are a
 * table here: what is refused and how, what a client that waits is told, and when it is over.
 */
#include "agent/ctl_command.h"

#include "util/clock.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES 3

/* ---- the core ---- */

static struct world {
	struct core_self_info self;
	struct core_peer_info peer[NODES];
	struct core_group_info group[2];
	enum resource_state resource[2][NODES];
	struct core_cluster_info cluster;
	struct core_monitor_info monitor;
	struct core_event posted; /* the newest request */
	unsigned int n_posted;
} world;

void core_self_info(const struct core *core, ha_time now, struct core_self_info *ret)
{
	(void)core;
	(void)now;
	*ret = world.self;
}

void core_peer_info(const struct core *core, uint8_t node, ha_time now, struct core_peer_info *ret)
{
	(void)core;
	(void)now;
	*ret = world.peer[node];
}

void core_group_info(const struct core *core, uint16_t group, ha_time now,
		     struct core_group_info *ret)
{
	(void)core;
	(void)now;
	*ret = world.group[group];
}

void core_cluster_info(const struct core *core, ha_time now, struct core_cluster_info *ret)
{
	(void)core;
	(void)now;
	*ret = world.cluster;
}

void core_monitor_info(const struct core *core, uint16_t monitor, struct core_monitor_info *ret)
{
	(void)core;
	assert_int_equal(monitor, 0);
	*ret = world.monitor;
}

enum resource_state core_resource_state(const struct core *core, uint16_t resource, uint8_t node)
{
	(void)core;
	return world.resource[resource][node];
}

void step_post(struct agent *agent, const struct core_event *event)
{
	(void)agent;
	world.posted = *event;
	world.n_posted++;
}

void loop_turn(struct agent *agent)
{
	(void)agent;
}

/* ---- the client ---- */

struct ctl_call {
	bool more;
	unsigned int n_more;
	char error[64];
	json_t *last; /* of the newest reply or error */
	bool ended;
};

static void keep(struct ctl_call *call, json_t *json, bool ended)
{
	assert_false(call->ended);
	json_decref(call->last);
	call->last = json;
	call->ended = ended;
}

void ctl_reply_checked(struct ctl_call *call, json_t *parameters)
{
	keep(call, parameters, true);
}

void ctl_reply_error(struct ctl_call *call, const char *error, json_t *parameters)
{
	(void)snprintf(call->error, sizeof call->error, "%s", error);
	keep(call, parameters, true);
}

void ctl_reply_invalid(struct ctl_call *call, const char *parameter)
{
	ctl_reply_error(call, "invalid", json_pack("{s:s}", "message", parameter));
}

bool ctl_reply_more(struct ctl_call *call, json_t *parameters)
{
	call->n_more++;
	keep(call, parameters, false);
	return true;
}

bool ctl_call_wants_more(const struct ctl_call *call)
{
	return call->more;
}

json_t *ctl_text(const char *text)
{
	return json_string(text);
}

static const char *said(const struct ctl_call *call, const char *member)
{
	const char *s = json_string_value(json_object_get(call->last, member));

	return s ? s : "";
}

/* ---- fixture ---- */

static struct agent *new_agent(void)
{
	struct agent *agent = calloc(1, sizeof *agent);
	struct config *c;

	assert_non_null(agent);
	c = agent->config = calloc(1, sizeof *agent->config);
	assert_non_null(c);
	assert_int_equal(commands_new(&agent->commands), 0);
	c->n_nodes = NODES;
	for (unsigned int n = 0; n < NODES; n++)
		(void)snprintf(c->nodes[n].name, NAME_SIZE, "n%u", n + 1);
	c->n_groups = 2;
	(void)strcpy(c->groups[0].name, "web");
	(void)strcpy(c->groups[1].name, "db");
	for (unsigned int g = 0; g < 2; g++) {
		c->groups[g].n_nodes = 2;
		c->groups[g].nodes[1] = 1;
	}
	c->n_resources = 2;
	(void)strcpy(c->resources[0].name, "fip1");
	(void)strcpy(c->resources[1].name, "exec1");
	c->n_monitors = 1;
	(void)strcpy(c->monitors[0].name, "http");
	c->monitors[0].nodes = 7;
	world = (struct world){.self = {.quorate = true, .view = {.members = 7}}};
	for (unsigned int n = 0; n < NODES; n++)
		world.peer[n] =
			(struct core_peer_info){.state = PEER_MEMBER, .mode = NODE_MODE_ONLINE};
	for (unsigned int g = 0; g < 2; g++)
		world.group[g] =
			(struct core_group_info){.intent = {.wanted = WANTED_ONLINE, .owner = 0},
						 .state = GROUP_ONLINE,
						 .current = 0,
						 .blocked_by = NODE_NONE,
						 .waits_for = UINT16_MAX};
	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int n = 0; n < NODES; n++)
			world.resource[i][n] = n == 0 ? RESOURCE_ONLINE : RESOURCE_OFFLINE;
	for (unsigned int n = 0; n < NODES; n++)
		world.monitor.on[n].status = MONITOR_NORMAL;
	return agent;
}

static void free_agent(struct agent *agent)
{
	agent->commands = commands_free(agent->commands);
	free(agent->config);
	free(agent);
}

static void done(struct ctl_call *call)
{
	json_decref(call->last);
	*call = (struct ctl_call){0};
}

static struct command command(enum request_kind kind, uint8_t target)
{
	return (struct command){.kind = (uint8_t)kind, .target = target};
}

static void enter(struct agent *agent, struct ctl_call *call, struct command c, bool wait)
{
	json_t *parameters = json_pack("{s:b}", "wait", wait);

	call->more = wait;
	command_enter(agent, call, parameters, c);
	json_decref(parameters);
}

static const struct request_id own = {.incarnation = 9, .number = 5, .node = 0};

static void answer(struct agent *agent, enum answer_code code)
{
	commands_answered(agent, world.posted.request.token, (uint8_t)code, &own);
}

/* ---- entry and answers ---- */

static void test_request(void **state)
{
	struct agent *agent = new_agent();
	struct ctl_call call = {0};
	struct command c = command(REQUEST_RESOURCE_START, 1);

	(void)state;
	c.group = 1;
	c.object = 1;
	c.ratio = 7;
	c.value = 1234567;
	enter(agent, &call, c, false);
	assert_int_equal(world.posted.type, CORE_EVENT_REQUEST);
	assert_int_equal(world.posted.request.kind, REQUEST_RESOURCE_START);
	assert_int_equal(world.posted.request.target, 1);
	assert_int_equal(world.posted.request.group, 1);
	assert_int_equal(world.posted.request.object, 1);
	assert_int_equal(world.posted.request.ratio, 7);
	assert_int_equal(world.posted.request.value, 1234567);
	assert_false(call.ended);
	answer(agent, ANSWER_ACCEPTED);
	assert_true(call.ended);
	assert_string_equal(said(&call, "answer"), "accepted");
	done(&call);
	free_agent(agent);
}

/* Each answer of the cluster has its word and a sentence that names the object, and the server if
 * that is the point. */
static void test_refusals(void **state)
{
	static const struct {
		enum answer_code code;
		const char *word, *message;
	} cases[] = {
		{ANSWER_NO_QUORUM, "no-quorum", "monitor http: this node is in no view"},
		{ANSWER_BUSY, "busy", "monitor http: another operation on it has not ended"},
		{ANSWER_BAD_TARGET, "bad-target", "monitor http: server n2 is not in its list"},
		{ANSWER_TARGET_DOWN, "target-down", "server n2 is not in the cluster"},
		{ANSWER_NO_TARGET, "no-target", "no other server can take it"},
		{ANSWER_OFFLINE, "offline", "monitor http is stopped"},
		{ANSWER_STORE_FAILED, "store-failed", "cannot write its state file"},
		{ANSWER_TIMEOUT, "timeout", "may still take effect"},
		{ANSWER_SUSPENDED, "suspended", "monitor http: the cluster is suspended"},
		{ANSWER_EXCLUDED, "excluded", "rule forbids it on server n2"},
		{ANSWER_UNFIT, "unfit", "critical monitor is in error on server n2"},
		{ANSWER_BAD_VALUE, "bad-value", "the ratio is 1 to 10000"},
		{ANSWER_NOT_READY, "not-ready", "does not have that configuration"},
		{ANSWER_CODE_COUNT_, "?", "monitor http: the cluster refused"},
	};
	struct agent *agent = new_agent();
	struct ctl_call call = {0};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		enter(agent, &call, command(REQUEST_MONITOR_FAIL, 1), true);
		answer(agent, cases[i].code);
		assert_string_equal(call.error, "io.holdfast.Agent.Refused");
		assert_string_equal(said(&call, "answer"), cases[i].word);
		if (!strstr(said(&call, "message"), cases[i].message))
			fail_msg("%s: %s", cases[i].word, said(&call, "message"));
		done(&call);
	}
	free_agent(agent);
}

/* What each kind of command is about, in words. */
static void test_names(void **state)
{
	static const struct {
		enum request_kind kind;
		const char *name;
	} cases[] = {
		{REQUEST_GROUP_STOP, "group web:"},
		{REQUEST_NODE_REBOOT, "server n2:"},
		{REQUEST_RESOURCE_STOP, "resource fip1:"},
		{REQUEST_MONITOR_RESUME, "monitor http:"},
		{REQUEST_CLUSTER_STOP, "the cluster:"},
		{REQUEST_RATIO_SET, "the timeout ratio:"},
		{REQUEST_CONFIG, "the cluster:"},
	};
	struct agent *agent = new_agent();
	struct ctl_call call = {0};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		enter(agent, &call, command(cases[i].kind, 1), false);
		answer(agent, ANSWER_SUSPENDED);
		assert_ptr_equal(strstr(said(&call, "message"), cases[i].name),
				 said(&call, "message"));
		done(&call);
	}
	free_agent(agent);
}

/* Two at once on one object: the second is told so at once, and does not reach the core. */
static void test_two_at_once(void **state)
{
	struct agent *agent = new_agent();
	struct ctl_call first = {0}, second = {0};
	struct command other = command(REQUEST_GROUP_STOP, NODE_NONE);
	uint64_t token;

	(void)state;
	other.group = 1;
	enter(agent, &first, command(REQUEST_GROUP_START, NODE_NONE), false);
	token = world.posted.request.token;
	enter(agent, &second, command(REQUEST_GROUP_STOP, NODE_NONE), false);
	assert_int_equal(world.n_posted, 1);
	assert_string_equal(said(&second, "answer"), "busy");
	assert_string_equal(said(&second, "message"),
			    "group web: another operation on it has not ended");
	done(&second);
	enter(agent, &second, other, false); /* of another group: fine */
	assert_int_equal(world.n_posted, 2);
	answer(agent, ANSWER_ACCEPTED);
	done(&second);
	enter(agent, &second, command(REQUEST_CLUSTER_SUSPEND, NODE_NONE), false);
	assert_int_equal(world.n_posted, 3);
	answer(agent, ANSWER_ACCEPTED);
	done(&second);
	commands_answered(agent, token, ANSWER_ACCEPTED, &own);
	assert_string_equal(said(&first, "answer"), "accepted");
	done(&first);
	enter(agent, &first, command(REQUEST_GROUP_STOP, NODE_NONE), false);
	assert_int_equal(world.n_posted, 4); /* answered: the way is free */
	answer(agent, ANSWER_ACCEPTED);
	done(&first);
	free_agent(agent);
}

static void test_full(void **state)
{
	struct agent *agent = new_agent();
	struct ctl_call calls[40] = {0}, again = {0};
	unsigned int n = 0;

	(void)state;
	do {
		enter(agent, &calls[n], command(REQUEST_GROUP_START, NODE_NONE), true);
		if (!calls[n].ended)
			answer(agent, ANSWER_ACCEPTED); /* followed from now on */
	} while (!calls[n++].ended && n < 40);
	assert_true(n > 16 && n < 40);
	assert_string_equal(said(&calls[n - 1], "answer"), "busy");
	for (unsigned int i = 0; i < n; i++) {
		commands_gone(agent, &calls[i]);
		done(&calls[i]);
	}
	enter(agent, &again, command(REQUEST_GROUP_START, NODE_NONE), false);
	assert_false(again.ended); /* they made room */
	free_agent(agent);
}

static void test_bad_wait(void **state)
{
	struct agent *agent = new_agent();
	struct ctl_call call = {0};
	json_t *parameters = json_pack("{s:s}", "wait", "yes");

	(void)state;
	command_enter(agent, &call, parameters, command(REQUEST_CLUSTER_STOP, NODE_NONE));
	assert_string_equal(call.error, "invalid");
	assert_int_equal(world.n_posted, 0);
	json_decref(parameters);
	done(&call);
	free_agent(agent);
}

/* ---- following ---- */

static void put_group(uint8_t g, enum group_state state, uint8_t current)
{
	world.group[g].state = (uint8_t)state;
	world.group[g].current = current;
}

static void group_starting(void)
{
	put_group(0, GROUP_STARTING, 1);
}

static void group_held_limit(void)
{
	put_group(0, GROUP_OFFLINE, NODE_NONE);
	world.group[0].held = GROUP_HOLD_LIMIT;
}

static void group_held_wait(void)
{
	put_group(0, GROUP_OFFLINE, NODE_NONE);
	world.group[0].held = GROUP_HOLD_WAIT;
	world.group[0].waits_for = 1;
}

static void group_stopped(void)
{
	put_group(0, GROUP_OFFLINE, NODE_NONE);
}

static void group_stop_failed(void)
{
	put_group(0, GROUP_STOP_FAILED, 1);
}

static void group_failed(void)
{
	put_group(0, GROUP_OFFLINE, NODE_NONE);
	world.group[0].failed = true;
}

static void group_elsewhere(void)
{
	put_group(0, GROUP_ONLINE, 0);
	world.group[0].failed_on = 2;
}

static void group_superseded(void)
{
	world.group[0].intent.request = (struct request_id){.incarnation = 9, .number = 6};
}

static void no_quorum(void)
{
	world.self.quorate = false;
}

static void resource_failing(void)
{
	world.resource[0][0] = RESOURCE_STOP_FAILED;
}

static void resource_stopping(void)
{
	world.resource[0][0] = RESOURCE_STOPPING;
}

static void resource_off(void)
{
	world.resource[0][0] = RESOURCE_OFFLINE;
}

static void resource_on_absent(void)
{
	resource_off();
	world.resource[0][1] = RESOURCE_ONLINE; /* its last word */
	world.self.view.members = 5;
}

static void second_left(void)
{
	world.peer[1].state = PEER_LEFT;
	world.peer[1].mode = NODE_MODE_STOPPED;
}

static void second_stopping(void)
{
	world.peer[1].mode = NODE_MODE_STOPPING;
}

static void second_stuck(void)
{
	second_stopping();
	put_group(1, GROUP_STOP_FAILED, 1);
}

static void second_silent(void)
{
	world.peer[1].state = PEER_SILENT;
	world.peer[1].mode = NODE_MODE_STOPPING;
}

static void all_left(void)
{
	second_left();
	world.peer[0] = world.peer[1];
	world.peer[0].state = PEER_MEMBER; /* this node sees itself like that */
	world.peer[2].state = PEER_SILENT;
}

static void suspended(void)
{
	world.cluster.intent.mode = CLUSTER_SUSPENDED;
}

static void ratio(void)
{
	world.cluster.intent.ratio = 3;
	world.cluster.ratio_left_us = 125 * USEC_PER_SEC;
}

static void cluster_superseded(void)
{
	world.cluster.intent.request = (struct request_id){.incarnation = 9, .number = 6};
}

static void monitor_suspended(void)
{
	for (unsigned int n = 0; n < NODES; n++)
		world.monitor.on[n].status = n == 2 ? MONITOR_UNUSED : MONITOR_SUSPENDED;
}

static void monitor_half(void)
{
	world.monitor.on[1].status = MONITOR_SUSPENDED;
}

static void monitor_failing(void)
{
	world.monitor.intent.failing = 2;
}

static void monitor_superseded(void)
{
	world.monitor.intent.request = (struct request_id){.incarnation = 9, .number = 6};
}

static void nothing(void)
{
}

/* What a client that waits is told in this state of the cluster. */
static const struct {
	enum request_kind kind;
	uint8_t target;
	void (*change)(void);
	enum outcome outcome;
	const char *text;
} looks[] = {
	{REQUEST_GROUP_START, NODE_NONE, nothing, OUTCOME_DONE, "web is online on n1"},
	{REQUEST_GROUP_START, NODE_NONE, group_starting, OUTCOME_RUNNING, "web is starting on n2"},
	{REQUEST_GROUP_START, NODE_NONE, no_quorum, OUTCOME_RUNNING, "waiting: no quorum"},
	{REQUEST_GROUP_START, NODE_NONE, group_failed, OUTCOME_FAILED, "failed on every server"},
	{REQUEST_GROUP_START, NODE_NONE, group_stop_failed, OUTCOME_FAILED, "stopped on n2"},
	{REQUEST_GROUP_START, NODE_NONE, group_held_limit, OUTCOME_FAILED, "failed over too often"},
	{REQUEST_GROUP_START, NODE_NONE, group_held_wait, OUTCOME_RUNNING, "it waits for group db"},
	{REQUEST_GROUP_START, 1, group_elsewhere, OUTCOME_FAILED,
	 "web failed on n2 and is online on n1"},
	{REQUEST_GROUP_START, 1, nothing, OUTCOME_RUNNING, "web is online on n1"},
	{REQUEST_GROUP_START, NODE_NONE, group_superseded, OUTCOME_FAILED, "another command"},
	{REQUEST_GROUP_STOP, NODE_NONE, group_stopped, OUTCOME_DONE, "web is offline"},
	{REQUEST_GROUP_STOP, NODE_NONE, nothing, OUTCOME_RUNNING, "web is online on n1"},
	{REQUEST_GROUP_STOP, NODE_NONE, group_stop_failed, OUTCOME_FAILED, "stop-failed on n2"},
	{REQUEST_RESOURCE_START, NODE_NONE, nothing, OUTCOME_DONE, "fip1 is online on n1"},
	{REQUEST_RESOURCE_START, NODE_NONE, resource_off, OUTCOME_RUNNING, "fip1 is offline on n1"},
	{REQUEST_RESOURCE_START, NODE_NONE, group_stopped, OUTCOME_RUNNING, "fip1 is offline"},
	{REQUEST_RESOURCE_START, 1, group_elsewhere, OUTCOME_FAILED, "fip1 is online on n1"},
	{REQUEST_RESOURCE_START, NODE_NONE, group_failed, OUTCOME_FAILED, "web is offline"},
	{REQUEST_RESOURCE_START, NODE_NONE, group_superseded, OUTCOME_FAILED, "another command"},
	{REQUEST_RESOURCE_STOP, NODE_NONE, resource_off, OUTCOME_DONE, "fip1 is offline"},
	{REQUEST_RESOURCE_STOP, NODE_NONE, resource_on_absent, OUTCOME_DONE, "fip1 is offline"},
	{REQUEST_RESOURCE_STOP, NODE_NONE, resource_stopping, OUTCOME_RUNNING, "fip1 is stopping"},
	{REQUEST_RESOURCE_STOP, NODE_NONE, resource_failing, OUTCOME_FAILED, "stop-failed on n1"},
	{REQUEST_NODE_START, 1, nothing, OUTCOME_DONE, "n2 is online (member)"},
	{REQUEST_NODE_START, 1, second_left, OUTCOME_RUNNING, "n2 is stopped (left)"},
	{REQUEST_NODE_STOP, 1, second_left, OUTCOME_DONE, "n2 is stopped (left)"},
	{REQUEST_NODE_SHUTDOWN, 1, second_stopping, OUTCOME_RUNNING, "n2 is stopping (member)"},
	{REQUEST_NODE_REBOOT, 1, second_silent, OUTCOME_FAILED, "silent before it had left"},
	{REQUEST_NODE_STOP, 1, second_stuck, OUTCOME_FAILED, "group db could not be stopped on n2"},
	{REQUEST_FENCE_CONFIRM, 1, second_silent, OUTCOME_DONE, "n2 is"},
	{REQUEST_CLUSTER_START, NODE_NONE, nothing, OUTCOME_DONE, "are online"},
	{REQUEST_CLUSTER_START, NODE_NONE, second_left, OUTCOME_RUNNING, "waiting for n2"},
	{REQUEST_CLUSTER_STOP, NODE_NONE, all_left, OUTCOME_DONE, "have left"},
	{REQUEST_CLUSTER_REBOOT, NODE_NONE, second_left, OUTCOME_RUNNING, "waiting for n1, n3"},
	{REQUEST_CLUSTER_SUSPEND, NODE_NONE, suspended, OUTCOME_DONE, "is suspended"},
	{REQUEST_CLUSTER_SUSPEND, NODE_NONE, nothing, OUTCOME_RUNNING, "not suspended"},
	{REQUEST_CLUSTER_SUSPEND, NODE_NONE, cluster_superseded, OUTCOME_FAILED, "another command"},
	{REQUEST_CLUSTER_RESUME, NODE_NONE, nothing, OUTCOME_DONE, "not suspended"},
	{REQUEST_RATIO_SET, NODE_NONE, ratio, OUTCOME_DONE, "multiplied by 3 for 125 s"},
	{REQUEST_RATIO_SET, NODE_NONE, nothing, OUTCOME_RUNNING, "as configured"},
	{REQUEST_RATIO_RESET, NODE_NONE, nothing, OUTCOME_DONE, "as configured"},
	{REQUEST_RATIO_RESET, NODE_NONE, ratio, OUTCOME_RUNNING, "multiplied by 3"},
	{REQUEST_MONITOR_SUSPEND, NODE_NONE, monitor_suspended, OUTCOME_DONE,
	 "it is so on every server"},
	{REQUEST_MONITOR_SUSPEND, NODE_NONE, monitor_half, OUTCOME_RUNNING, "waiting for n1, n3"},
	{REQUEST_MONITOR_SUSPEND, 1, monitor_half, OUTCOME_DONE, "it is so on n2"},
	{REQUEST_MONITOR_SUSPEND, 0, monitor_superseded, OUTCOME_FAILED, "another command"},
	{REQUEST_MONITOR_RESUME, NODE_NONE, monitor_half, OUTCOME_RUNNING, "waiting for n2"},
	{REQUEST_MONITOR_FAIL, 1, monitor_failing, OUTCOME_DONE, "it is so"},
	{REQUEST_MONITOR_FAIL, NODE_NONE, monitor_failing, OUTCOME_RUNNING, "waiting for n1, n3"},
	{REQUEST_MONITOR_UNFAIL, NODE_NONE, monitor_failing, OUTCOME_RUNNING, "waiting for n2"},
	{REQUEST_MONITOR_UNFAIL, NODE_NONE, nothing, OUTCOME_DONE, "it is so"},
};

static void test_looks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
		struct agent *agent = new_agent();
		struct command c = command(looks[i].kind, looks[i].target);
		char text[COMMAND_TEXT] = "";
		enum outcome outcome;

		c.code = ANSWER_ACCEPTED;
		c.id = own;
		c.ratio = 3;
		looks[i].change();
		outcome = command_look(agent, &c, clock_boot(), text);
		if (outcome != looks[i].outcome || !strstr(text, looks[i].text))
			fail_msg("case %zu (%s): outcome %d, %s", i, looks[i].text, (int)outcome,
				 text);
		free_agent(agent);
	}
}

/* A failed start that nothing follows is the end; one that is repeated is not. */
static void test_stuck(void **state)
{
	struct agent *agent = new_agent();
	struct command c = command(REQUEST_GROUP_START, NODE_NONE);
	char text[COMMAND_TEXT];
	ha_time now = {USEC_PER_SEC};

	(void)state;
	put_group(0, GROUP_STARTING, 0);
	world.resource[0][0] = RESOURCE_START_FAILED;
	world.resource[1][0] = RESOURCE_STARTING;
	for (int i = 0; i < 10; i++, now = ha_time_add(now, USEC_PER_SEC))
		assert_int_equal(command_look(agent, &c, now, text), OUTCOME_RUNNING);
	world.resource[1][0] = RESOURCE_OFFLINE;
	assert_int_equal(command_look(agent, &c, now, text), OUTCOME_RUNNING);
	world.resource[0][0] = RESOURCE_STARTING; /* tried again */
	now = ha_time_add(now, 2 * USEC_PER_SEC);
	assert_int_equal(command_look(agent, &c, now, text), OUTCOME_RUNNING);
	world.resource[0][0] = RESOURCE_START_FAILED;
	now = ha_time_add(now, 2 * USEC_PER_SEC);
	assert_int_equal(command_look(agent, &c, now, text), OUTCOME_RUNNING);
	now = ha_time_add(now, 4 * USEC_PER_SEC);
	assert_int_equal(command_look(agent, &c, now, text), OUTCOME_FAILED);
	assert_string_equal(text, "resource fip1 did not start on n1");
	free_agent(agent);
}

/* Progress comes only when it is news; the end frees the place. */
static void test_progress(void **state)
{
	struct agent *agent = new_agent();
	struct ctl_call call = {0};
	ha_time now = {USEC_PER_SEC};

	(void)state;
	put_group(0, GROUP_STOPPING, 0);
	enter(agent, &call, command(REQUEST_GROUP_STOP, NODE_NONE), true);
	answer(agent, ANSWER_ACCEPTED);
	assert_int_equal(call.n_more, 0);
	for (int i = 0; i < 5; i++, now = ha_time_add(now, USEC_PER_SEC))
		commands_progress(agent, now);
	assert_int_equal(call.n_more, 1);
	assert_string_equal(said(&call, "progress"), "web is stopping on n1");
	put_group(0, GROUP_OFFLINE, NODE_NONE);
	commands_progress(agent, now);
	assert_true(call.ended);
	assert_true(json_is_true(json_object_get(call.last, "done")));
	assert_true(json_is_false(json_object_get(call.last, "failed")));
	done(&call);
	free_agent(agent);
}

/* After a change of the configuration nothing can be followed; answers still come. */
static void test_config_changed(void **state)
{
	struct agent *agent = new_agent();
	struct ctl_call followed = {0}, open = {0};

	(void)state;
	put_group(0, GROUP_STOPPING, 0);
	enter(agent, &followed, command(REQUEST_GROUP_STOP, NODE_NONE), true);
	answer(agent, ANSWER_ACCEPTED);
	enter(agent, &open, command(REQUEST_CLUSTER_SUSPEND, NODE_NONE), false);
	agent->monitor_words[0].wall_us = 1;
	ctl_config_changed(agent);
	assert_int_equal(agent->monitor_words[0].wall_us, 0);
	assert_true(followed.ended);
	assert_true(json_is_true(json_object_get(followed.last, "failed")));
	assert_false(open.ended);
	answer(agent, ANSWER_BUSY);
	assert_string_equal(said(&open, "message"),
			    "the cluster: another operation on it has not ended");
	done(&followed);
	done(&open);
	free_agent(agent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),	 cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_names),	 cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_full),	 cmocka_unit_test(test_bad_wait),
		cmocka_unit_test(test_looks),	 cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_progress), cmocka_unit_test(test_config_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
