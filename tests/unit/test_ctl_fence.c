/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The methods of fencing against a core and an executor that are tables here: what is shown, what
 * is ordered for whom, what a client is told and what becomes of an order whose client goes.
 */
#include "agent/ctl_command.h"
#include "agent/ctl_fence.h"
#include "agent/watchdog.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES 3

/* ---- what is around ---- */

static struct world {
	struct core_self_info self;
	struct core_peer_info peer[NODES];
	struct core_fence_info fence[NODES];
	struct watchdog_status watchdog;
	const char *checks, *history; /* JSON */
	int refuse;		      /* -errno of fencing_order() */
	struct fence_order_by_hand order;
	unsigned int n_orders, n_forgotten;
	struct command entered;
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

void core_fence_info(const struct core *core, uint8_t target, ha_time now,
		     struct core_fence_info *ret)
{
	(void)core;
	(void)now;
	*ret = world.fence[target];
}

void watchdog_status(const struct agent *agent, ha_time now, struct watchdog_status *ret)
{
	(void)agent;
	(void)now;
	*ret = world.watchdog;
}

int fencing_order(struct agent *agent, const struct fence_order_by_hand *order, char why[FENCE_WHY])
{
	(void)agent;
	if (world.refuse < 0) {
		(void)snprintf(why, FENCE_WHY, "it is being fenced already");
		return world.refuse;
	}
	world.order = *order;
	world.n_orders++;
	return 0;
}

bool fencing_forget(struct agent *agent, const void *userdata)
{
	(void)agent;
	assert_ptr_equal(userdata, world.order.userdata);
	world.n_forgotten++;
	return true;
}

json_t *fencing_status(const struct agent *agent, ha_time now)
{
	(void)agent;
	(void)now;
	return json_loads(world.checks, 0, NULL);
}

json_t *fencing_history(const struct agent *agent, uint8_t target)
{
	(void)agent;
	assert_true(target == NODE_NONE || target < NODES);
	return json_loads(world.history, 0, NULL);
}

void command_enter(struct agent *agent, struct ctl_call *call, json_t *parameters,
		   struct command command)
{
	(void)agent;
	(void)parameters;
	world.entered = command;
	ctl_reply_checked(call, json_pack("{s:s}", "answer", "accepted"));
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
	assert_non_null(json);
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

uid_t ctl_call_uid(const struct ctl_call *call)
{
	(void)call;
	return 1017;
}

json_t *ctl_text(const char *text)
{
	return json_string(text);
}

json_t *ctl_text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

/* "servers.1.levels.0.timeout_us" */
static const json_t *at(const json_t *json, const char *path)
{
	char words[128], *save = NULL;

	assert_true(strlen(path) < sizeof words);
	strcpy(words, path);
	for (char *w = strtok_r(words, ".", &save); w; w = strtok_r(NULL, ".", &save))
		json = json_is_array(json) ? json_array_get(json, (size_t)atoi(w))
					   : json_object_get(json, w);
	if (!json)
		fail_msg("there is no %s", path);
	return json;
}

static void is_text(const json_t *json, const char *path, const char *expected)
{
	const json_t *value = at(json, path);

	if (!expected) {
		assert_true(json_is_null(value));
		return;
	}
	assert_true(json_is_string(value));
	assert_string_equal(json_string_value(value), expected);
}

static void is_number(const json_t *json, const char *path, json_int_t expected)
{
	assert_true(json_is_integer(at(json, path)));
	assert_int_equal(json_integer_value(at(json, path)), expected);
}

static void is_flag(const json_t *json, const char *path, bool expected)
{
	assert_true(json_is_boolean(at(json, path)));
	assert_int_equal(json_is_true(at(json, path)), expected);
}

/* ---- fixture ---- */

static const char check_rows[] =
	"{\"running\":[],\"targets\":[{\"target\":\"n1\",\"levels\":[{\"level\":1,\"devices\":[{"
	"\"device\":\"bmc1\",\"plug\":null,\"agent\":\"fence_x\",\"state\":\"unknown\","
	"\"checked_wall_us\":0,\"took_us\":0,\"text\":\"\",\"last_off_us\":0,\"longest_off_us\":0}]"
	"}]},{\"target\":\"n2\",\"levels\":[{\"level\":1,\"devices\":[{\"device\":\"bmc2\","
	"\"plug\":null,\"agent\":\"fence_x\",\"state\":\"error\",\"checked_wall_us\":77,"
	"\"took_us\":20000000,\"text\":\"no answer\",\"last_off_us\":0,\"longest_off_us\":0}]},{"
	"\"level\":2,\"devices\":[{\"device\":\"pdu\",\"plug\":\"3\",\"agent\":\"fence_y\","
	"\"state\":\"normal\",\"checked_wall_us\":78,\"took_us\":41000,\"text\":\"on\","
	"\"last_off_us\":5,\"longest_off_us\":3210000}]}]}]}";

static const char history_rows[] =
	"[{\"wall_us\":300,\"target\":\"n2\",\"verb\":\"test\",\"level\":1,\"by\":\"operator\","
	"\"uid\":0,\"ok\":false,\"power\":\"unknown\",\"took_us\":3,\"text\":\"a test\",\"steps\":"
	"[]},{\"wall_us\":200,\"target\":\"n2\",\"verb\":\"off\",\"level\":2,\"by\":\"cluster\","
	"\"uid\":null,\"ok\":false,\"power\":\"on\",\"took_us\":2,\"text\":\"reads on\",\"steps\":"
	"[{\"device\":\"pdu\",\"plug\":\"3\",\"step\":\"off\",\"ok\":false,\"took_us\":2,\"text\":"
	"\"reads on\"}]},{\"wall_us\":100,\"target\":\"n2\",\"verb\":\"off\",\"level\":1,\"by\":"
	"\"cluster\",\"uid\":null,\"ok\":false,\"power\":\"unknown\",\"took_us\":1,\"text\":"
	"\"older\",\"steps\":[]}]";

static struct agent *new_agent(void)
{
	struct agent *agent = calloc(1, sizeof *agent);
	struct config *c;

	assert_non_null(agent);
	c = agent->config = calloc(1, sizeof *agent->config);
	assert_non_null(c);
	assert_int_equal(ctl_fence_new(&agent->ctl_fence), 0);
	(void)strcpy(c->cluster_name, "cluster1");
	c->takeover = TAKEOVER_FENCE;
	c->n_nodes = NODES;
	for (unsigned int n = 0; n < NODES; n++) {
		(void)snprintf(c->nodes[n].name, NAME_SIZE, "n%u", n + 1);
		c->nodes[n].votes = 1;
	}
	c->fencing.n_devices = 2;
	c->fencing.devices[0].timeout_us = 20000000;
	c->fencing.devices[1].timeout_us = 5000000;
	c->nodes[0].n_fence_levels = 1;
	c->nodes[1].n_fence_levels = 2;
	for (unsigned int l = 0; l < 2; l++) {
		c->nodes[1].fence[l].n_devices = 1;
		c->nodes[1].fence[l].devices[0].device = (uint8_t)l;
	}
	world = (struct world){
		.checks = check_rows, .history = history_rows, .self.view.members = 7};
	for (unsigned int n = 0; n < NODES; n++) {
		world.peer[n] = (struct core_peer_info){.state = PEER_MEMBER, .incarnation = 7};
		world.fence[n].executor = NODE_NONE;
	}
	world.fence[1].check_by[0] = FENCE_CHECK_DEGRADED;
	world.fence[1].check_by[2] = FENCE_CHECK_NORMAL;
	return agent;
}

static void free_agent(struct agent *agent)
{
	agent->ctl_fence = ctl_fence_free(agent->ctl_fence);
	free(agent->config);
	free(agent);
}

static void done(struct ctl_call *call)
{
	json_decref(call->last);
	*call = (struct ctl_call){0};
}

static void ask(struct agent *agent, struct ctl_call *call, const char *parameters,
		void (*method)(struct ctl_call *call, json_t *parameters, void *userdata))
{
	json_t *json = json_loads(parameters, 0, NULL);

	assert_non_null(json);
	method(call, json, agent);
	json_decref(json);
}

/* ---- over all ---- */

static void test_check_over_all(void **state)
{
	enum { U = FENCE_CHECK_UNKNOWN, N, D, E, X = FENCE_CHECK_NONE };
	static const struct {
		uint8_t by[3];
		node_mask members;
		enum fence_check want;
	} cases[] = {
		{{X, X, X}, 7, FENCE_CHECK_NONE},
		{{N, X, N}, 7, FENCE_CHECK_NORMAL},
		{{N, E, N}, 7, FENCE_CHECK_NORMAL}, /* nobody counts for itself */
		{{N, X, E}, 7, FENCE_CHECK_DEGRADED},
		{{N, X, E}, 3, FENCE_CHECK_NORMAL}, /* nor who is not there */
		{{D, X, N}, 7, FENCE_CHECK_DEGRADED},
		{{E, X, D}, 7, FENCE_CHECK_DEGRADED},
		{{E, X, E}, 7, FENCE_CHECK_ERROR},
		{{E, X, U}, 7, FENCE_CHECK_ERROR},
		{{N, X, U}, 7, FENCE_CHECK_NORMAL},
		{{U, X, U}, 7, FENCE_CHECK_UNKNOWN},
		{{200, X, N}, 7, FENCE_CHECK_NORMAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct core_fence_info info = {0};

		memcpy(info.check_by, cases[i].by, 3);
		assert_int_equal(fence_check_over_all(&info, 1, cases[i].members), cases[i].want);
	}
}

/* ---- what is shown ---- */

static void test_status(void **state)
{
	struct agent *agent = new_agent();
	struct ctl_call call = {0};

	(void)state;
	world.fence[1].state = FENCE_RUNNING;
	world.fence[1].executor = 0;
	world.fence[1].level = 1;
	world.fence[1].off = 6;
	world.peer[1].state = PEER_SILENT;
	world.self.tie = true;
	ask(agent, &call, "{}", ctl_fence_status);
	is_text(call.last, "takeover", "fence");
	is_text(call.last, "self", "n1");
	is_text(call.last, "action", "reboot");
	is_flag(call.last, "tie", true);
	is_flag(call.last, "tie_breaking", false);
	is_text(call.last, "servers.0.levels.0.devices.0.status", "Unused"); /* its own */
	is_flag(call.last, "servers.0.self", true);
	is_text(call.last, "servers.1.check", "Caution");
	is_text(call.last, "servers.1.checks.0.server", "n1");
	is_text(call.last, "servers.1.checks.0.status", "Caution");
	is_text(call.last, "servers.1.checks.1.status", "Normal");
	is_text(call.last, "servers.1.levels.0.devices.0.status", "Error");
	is_text(call.last, "servers.1.levels.0.devices.0.text", "no answer");
	is_number(call.last, "servers.1.levels.0.timeout_us", 20000000);
	is_text(call.last, "servers.1.levels.1.devices.0.name", "pdu:3");
	is_number(call.last, "servers.1.levels.1.devices.0.longest_off_us", 3210000);
	is_number(call.last, "servers.1.levels.1.timeout_us", 5000000);
	is_text(call.last, "servers.1.state", "running");
	is_text(call.last, "servers.1.executor", "n1");
	is_number(call.last, "servers.1.level", 2);
	is_number(call.last, "servers.1.try", 1);
	is_number(call.last, "servers.1.off", 6);
	is_number(call.last, "servers.1.failure_wall_us", 200); /* not that of a test */
	is_text(call.last, "servers.1.failure_text", "reads on");
	is_flag(call.last, "servers.1.member", false);
	is_text(call.last, "servers.2.check", "Unused");
	is_text(call.last, "servers.2.executor", NULL);
	is_text(call.last, "servers.2.level", NULL);
	done(&call);
	free_agent(agent);
}

/* Level and try are known of our own work only; a success forgets the failures before it. */
static void test_status_elsewhere(void **state)
{
	struct agent *agent = new_agent();
	struct ctl_call call = {0};

	(void)state;
	world.fence[1].state = FENCE_RUNNING;
	world.fence[1].executor = 2;
	world.history = "[{\"verb\":\"off\",\"ok\":true},{\"verb\":\"off\",\"ok\":false,"
			"\"wall_us\":5,\"text\":\"x\"}]";
	ask(agent, &call, "{}", ctl_fence_status);
	is_text(call.last, "servers.1.level", NULL);
	is_text(call.last, "servers.1.failure_text", NULL);
	done(&call);
	free_agent(agent);
}

/* An order that has failed is no news any more when its target is heard, or off. */
static void test_over(void **state)
{
	static const struct {
		uint8_t state, peer;
		uint64_t off;
		uint8_t shown;
	} cases[] = {
		{FENCE_FAILED, PEER_SILENT, 6, FENCE_FAILED},
		{FENCE_FAILED, PEER_SILENT, 7, FENCE_IDLE},
		{FENCE_FAILED, PEER_HEARD, 0, FENCE_IDLE},
		{FENCE_DELAYED, PEER_MEMBER, 0, FENCE_IDLE},
		{FENCE_DELAYED, PEER_UNKNOWN, 0, FENCE_DELAYED},
		{FENCE_RUNNING, PEER_HEARD, 7, FENCE_RUNNING},
		{FENCE_CONFIRMED, PEER_SILENT, 7, FENCE_CONFIRMED},
	};
	struct agent *agent = new_agent();
	struct core_fence_info info;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		world.fence[1].state = cases[i].state;
		world.fence[1].executor = 0;
		world.fence[1].off = cases[i].off;
		world.peer[1].state = cases[i].peer;
		fence_look(agent, 1, HA_TIME_ZERO, &info);
		assert_int_equal(info.state, cases[i].shown);
		assert_int_equal(info.executor, info.state == FENCE_IDLE ? NODE_NONE : 0);
	}
	world.fence[1].check_by[0] = world.fence[1].check_by[2] = FENCE_CHECK_NONE;
	core_fence_info(NULL, 1, HA_TIME_ZERO, &info);
	assert_int_equal(fence_check_now(agent, 1, &info, HA_TIME_ZERO), FENCE_CHECK_UNKNOWN);
	assert_int_equal(fence_check_now(agent, 2, &info, HA_TIME_ZERO), FENCE_CHECK_NONE);
	free_agent(agent);
}

static void test_short_status(void **state)
{
	struct agent *agent = new_agent();
	json_t *rows;

	(void)state;
	world.fence[1].off = 7;
	world.fence[1].confirmed_by_person = true;
	rows = status_fencing(agent, HA_TIME_ZERO);
	assert_int_equal(json_array_size(rows), 2); /* nothing is to be said of n3 */
	is_text(rows, "0.server", "n1");
	is_text(rows, "0.check_text", NULL);
	is_text(rows, "1.check", "Caution");
	is_text(rows, "1.check_text", "bmc2: no answer");
	is_flag(rows, "1.off", true);
	is_flag(rows, "1.by_person", true);
	json_decref(rows);
	world.peer[1].incarnation = 8; /* a later life */
	world.fence[2].waived = true;
	rows = status_fencing(agent, HA_TIME_ZERO);
	assert_int_equal(json_array_size(rows), 3);
	is_flag(rows, "1.off", false);
	json_decref(rows);
	free_agent(agent);
}

static void watchdog_is(struct agent *agent, const char *expected, const char *text)
{
	json_t *json = status_watchdog(agent, HA_TIME_ZERO);

	is_text(json, "state", expected);
	is_text(json, "text", text);
	json_decref(json);
}

static void test_watchdog(void **state)
{
	struct agent *agent = new_agent();

	(void)state;
	watchdog_is(agent, "off", NULL);
	world.watchdog = (struct watchdog_status){.device = "/dev/watchdog", .error = "in use"};
	watchdog_is(agent, "refused", "in use");
	world.watchdog.error = "";
	world.watchdog.armed = world.watchdog.nowayout = true;
	watchdog_is(agent, "armed", "it cannot be disarmed (nowayout)");
	world.watchdog.silent = true;
	watchdog_is(agent, "silent", "it cannot be disarmed (nowayout)");
	free_agent(agent);
}

static void test_history(void **state)
{
	struct agent *agent = new_agent();
	struct ctl_call call = {0};

	(void)state;
	ask(agent, &call, "{}", ctl_fence_history);
	assert_int_equal(json_array_size(json_object_get(call.last, "orders")), 3);
	is_text(call.last, "orders.0.server", "n2");
	is_text(call.last, "orders.0.order", "test");
	is_text(call.last, "orders.1.steps.0.device", "pdu:3");
	is_number(call.last, "orders.1.steps.0.level", 2);
	assert_null(json_object_get(at(call.last, "orders.0"), "verb"));
	done(&call);
	ask(agent, &call, "{\"server\":\"n2\",\"limit\":1}", ctl_fence_history);
	assert_int_equal(json_array_size(json_object_get(call.last, "orders")), 1);
	done(&call);
	ask(agent, &call, "{\"server\":\"n9\"}", ctl_fence_history);
	assert_string_equal(call.error, "io.holdfast.Agent.NoSuchServer");
	done(&call);
	ask(agent, &call, "{\"limit\":-1}", ctl_fence_history);
	assert_string_equal(call.error, "invalid");
	done(&call);
	ask(agent, &call, "{\"limit\":\"x\"}", ctl_fence_history);
	assert_string_equal(call.error, "invalid");
	done(&call);
	free_agent(agent);
}

/* ---- orders ---- */

static const struct {
	void (*method)(struct ctl_call *call, json_t *parameters, void *userdata);
	enum fence_verb verb;
	const char *result;
} orders[] = {
	{ctl_fence_off, FENCE_VERB_OFF, "confirmed"}, {ctl_fence_on, FENCE_VERB_ON, "done"},
	{ctl_fence_reset, FENCE_VERB_RESET, "done"},  {ctl_fence_cycle, FENCE_VERB_CYCLE, "done"},
	{ctl_fence_test, FENCE_VERB_TEST, "done"},
};

static void test_orders(void **state)
{
	static const struct fence_step step = {
		.level = 1, .device = "pdu", .plug = "3", .step = "off", .ok = true, .text = "off"};
	struct fence_end end = {.level = 1, .power = FENCE_READ_OFF, .took_us = 9, .text = "t"};
	struct agent *agent = new_agent();

	(void)state;
	for (size_t i = 0; i < 2 * sizeof orders / sizeof *orders; i++) {
		struct ctl_call call = {.more = i % 2 == 0};

		ask(agent, &call, "{\"server\":\"n2\"}", orders[i / 2].method);
		assert_int_equal(world.order.verb, orders[i / 2].verb);
		assert_int_equal(world.order.target, 1);
		assert_int_equal(world.order.uid, 1017);
		assert_false(call.ended);
		world.order.step(agent, &step, world.order.userdata);
		assert_int_equal(call.n_more, call.more);
		if (call.more) {
			is_text(call.last, "step.device", "pdu:3");
			is_number(call.last, "step.level", 2);
			is_flag(call.last, "step.ok", true);
		}
		end.ok = i != 1;
		world.order.end(agent, &end, world.order.userdata);
		assert_true(call.ended);
		is_text(call.last, "result", i == 1 ? "failed" : orders[i / 2].result);
		is_text(call.last, "power", "off");
		is_number(call.last, "level", 2);
		done(&call);
	}
	assert_int_equal(world.n_orders, 10); /* places are free again */
	free_agent(agent);
}

static void refused(struct agent *agent, const char *parameters, const char *error,
		    const char *answer)
{
	struct ctl_call call = {0};

	ask(agent, &call, parameters, ctl_fence_off);
	assert_string_equal(call.error, error);
	if (answer)
		is_text(call.last, "answer", answer);
	done(&call);
}

static void test_refused(void **state)
{
	struct agent *agent = new_agent();
	struct ctl_call calls[40] = {0};
	size_t n;

	(void)state;
	refused(agent, "{}", "invalid", NULL);
	refused(agent, "{\"server\":1}", "invalid", NULL);
	refused(agent, "{\"server\":\"n9\"}", "io.holdfast.Agent.NoSuchServer", NULL);
	world.refuse = -EBUSY;
	refused(agent, "{\"server\":\"n2\"}", "io.holdfast.Agent.Refused", "busy");
	world.refuse = -ENODEV;
	refused(agent, "{\"server\":\"n2\"}", "io.holdfast.Agent.Refused", "no-device");
	world.refuse = -EIO;
	refused(agent, "{\"server\":\"n2\"}", "io.holdfast.Agent.Refused", "not-begun");
	assert_int_equal(world.n_orders, 0);
	world.refuse = 0;
	for (n = 0; n < 40 && !calls[n ? n - 1 : 0].ended; n++)
		ask(agent, &calls[n], "{\"server\":\"n2\"}", ctl_fence_test);
	assert_true(n < 40); /* bounded */
	assert_int_equal(world.n_orders, n - 1);
	is_text(calls[n - 1].last, "answer", "busy");
	done(&calls[n - 1]);
	free_agent(agent);
}

static void test_gone(void **state)
{
	struct agent *agent = new_agent();
	struct ctl_call call = {.more = true}, other = {0};

	(void)state;
	ask(agent, &call, "{\"server\":\"n2\"}", ctl_fence_off);
	assert_false(ctl_fence_gone(agent, &other));
	assert_true(ctl_fence_gone(agent, &call));
	assert_int_equal(world.n_forgotten, 1);
	assert_false(ctl_fence_gone(agent, &call));
	free_agent(agent);
}

static void test_confirm(void **state)
{
	struct agent *agent = new_agent();
	struct ctl_call call = {0};

	(void)state;
	ask(agent, &call, "{\"server\":\"n2\"}", ctl_fence_confirm);
	assert_int_equal(world.entered.kind, REQUEST_FENCE_CONFIRM);
	assert_int_equal(world.entered.target, 1);
	done(&call);
	world.entered = (struct command){0};
	ask(agent, &call, "{\"server\":\"n9\"}", ctl_fence_confirm);
	assert_string_equal(call.error, "io.holdfast.Agent.NoSuchServer");
	assert_int_equal(world.entered.kind, REQUEST_NONE);
	done(&call);
	free_agent(agent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_over_all),	 cmocka_unit_test(test_status),
		cmocka_unit_test(test_status_elsewhere), cmocka_unit_test(test_over),
		cmocka_unit_test(test_short_status),	 cmocka_unit_test(test_watchdog),
		cmocka_unit_test(test_history),		 cmocka_unit_test(test_orders),
		cmocka_unit_test(test_refused),		 cmocka_unit_test(test_gone),
		cmocka_unit_test(test_confirm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
