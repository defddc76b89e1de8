/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What would happen: from a status as the socket tells it to decisions of the real core. */
#include "agent/simulate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char conf[] =
	"cluster = { name = \"t\"; detection_time = \"300ms\"; };\n"
	"nodes = ( { name = \"n1\"; links = [ \"10.0.0.1\" ]; },\n"
	"  { name = \"n2\"; links = [ \"10.0.0.2\" ]; }, { name = \"n3\"; links = "
	"[ \"10.0.0.3\" ]; } );\n"
	"groups = ( { name = \"web\"; accept_agent_enforced_lease = true; resources = (\n"
	"    { type = \"fip\"; name = \"ip\"; address = \"10.0.0.100/24\"; "
	"interface = \"eth0\"; },\n"
	"    { type = \"exec\"; name = \"svc\"; depends = [ \"ip\" ]; start = [ \"/bin/true\" ];\n"
	"      stop = [ \"/bin/true\" ]; } ); },\n"
	"  { name = \"db\"; nodes = [ \"n1\", \"n2\" ]; failover = \"manual\";\n"
	"    accept_agent_enforced_lease = true; resources = ( { type = \"exec\"; name = \"dbs\";\n"
	"      start = [ \"/bin/true\" ]; stop = [ \"/bin/true\" ]; } ); } );\n"
	"monitors = ( { name = \"watch\"; type = \"genw\"; command = [ "
	"\"/bin/true\" ]; target = \"svc\";\n"
	"  restarts = 1; interval = \"1s\"; } );\n";

/* clang-format off */
#define SERVER(n, self)						\
	"{\"name\":\"" n "\",\"self\":" self ","		\
	"\"state\":\"member\",\"mode\":\"online\",\"status\":\"Online\"}"
#define GROUP(n, at)						\
	"{\"name\":\"" n "\",\"status\":\"Online\","		\
	"\"wanted\":\"online\",\"current\":\"" at "\","		\
	"\"owner\":\"" at "\",\"failed_on\":[],\"failovers\":0,\"cause\":\"start\"}"
#define ON(r, at)						\
	"{\"name\":\"" r "\",\"servers\":[{\"server\":\"" at "\",\"status\":\"Online\"}]}"

static const char status_text[] =
	"{\"servers\":["
	SERVER("n1", "false") "," SERVER("n2", "true") "," SERVER("n3", "false")
	"],\"view\":{\"epoch\":7,\"coordinator\":\"n1\",\"members\":[\"n1\",\"n2\",\"n3\"]},"
	"\"mode\":\"running\",\"ratio\":1,\"ratio_left_us\":0,\"groups\":["
	GROUP("web", "n1") "," GROUP("db", "n1")
	"],\"resources\":["
	ON("ip", "n1") "," ON("svc", "n1") "," ON("dbs", "n1")
	"],\"monitors\":[{\"name\":\"watch\",\"servers\":"
	"[{\"server\":\"n1\",\"status\":\"Normal\"}]}]}";
/* clang-format on */

struct world {
	struct config *config;
	struct core_seed *seed;
	struct simulate_question question;
	struct simulate_answer answer;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct config_report *report = calloc(1, sizeof *report);
	json_t *status = json_loads(status_text, 0, NULL);
	char why[128] = "";

	assert_non_null(w);
	assert_non_null(report);
	assert_non_null(status);
	w->seed = calloc(1, sizeof *w->seed);
	assert_int_equal(config_load_text("t.conf", conf, &w->config, report), 0);
	assert_int_equal(simulate_seed(w->config, status, w->seed, why, sizeof why), 0);
	w->question.times.network_us = 200;
	w->question.times.disk_us = 2000;
	w->question.times.address_us = 1000;
	w->question.horizon_us = 3600 * USEC_PER_SEC;
	json_decref(status);
	free(report);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	simulate_answer_clear(&w->answer);
	free(w->seed);
	w->config = config_free(w->config);
	free(w);
	return 0;
}

static void run(struct world *w)
{
	simulate_answer_clear(&w->answer);
	assert_int_equal(simulate_run(w->config, w->seed, &w->question, &w->answer), 0);
}

static unsigned int count(const struct world *w, enum event_id id)
{
	unsigned int n = 0;

	for (size_t i = 0; i < w->answer.n; i++)
		n += w->answer.lines[i].event.id == id;
	return n;
}

/* A cluster that nothing is done to stays as it is: the seed is a state of rest. */
static void test_nothing(void **state)
{
	struct world *w = *state;

	run(w);
	assert_int_equal(w->answer.n, 0);
	assert_true(w->answer.quiet);
	for (int g = 0; g < 2; g++) {
		assert_int_equal(w->answer.before[g], 0);
		assert_int_equal(w->answer.after[g], 0);
		assert_int_equal(w->answer.outage_us[g], 0);
	}
}

static void test_down(void **state)
{
	struct world *w = *state;

	w->question.down = node_bit(0);
	run(w);
	assert_int_equal(w->answer.before[0], 0);
	assert_int_equal(w->answer.after[0], 1);
	assert_true(w->answer.outage_us[0] >= w->config->timing.timeout_us);
	assert_true(w->answer.outage_us[0] < 2 * w->config->timing.timeout_us);
	assert_int_equal(w->answer.after[1], NODE_NONE); /* its failover is manual */
	assert_int_equal(w->answer.outage_us[1], UINT64_MAX);
	assert_int_equal(w->answer.up, 6);
	assert_int_equal(count(w, EVENT_PROOF), 1);
	assert_true(w->answer.quiet);
	for (size_t i = 1; i < w->answer.n; i++) /* in order */
		assert_true(w->answer.lines[i].at_us >= w->answer.lines[i - 1].at_us);
}

/* The same question twice has the same answer. */
static void test_same_again(void **state)
{
	struct world *w = *state;
	uint64_t outage, end;
	size_t n;

	w->question.down = node_bit(0);
	run(w);
	n = w->answer.n;
	outage = w->answer.outage_us[0];
	end = w->answer.end_us;
	run(w);
	assert_int_equal(w->answer.n, n);
	assert_int_equal(w->answer.outage_us[0], outage);
	assert_int_equal(w->answer.end_us, end);
}

static void test_cut(void **state)
{
	struct world *w = *state;

	w->question.cut[0] = 6;
	w->question.cut[1] = w->question.cut[2] = 1;
	run(w);
	assert_int_equal(w->answer.after[0], 1);
	assert_int_equal(count(w, EVENT_LEASE_EXPIRED), 1);
	assert_int_equal(w->answer.up, 7);
}

static void test_no_quorum_is_left(void **state)
{
	struct world *w = *state;

	w->question.down = 6;
	run(w);
	assert_int_equal(w->answer.after[0], NODE_NONE);
	assert_int_equal(w->answer.outage_us[0], UINT64_MAX);
}

static void test_leave(void **state)
{
	struct world *w = *state;

	w->question.leave = node_bit(0);
	run(w);
	assert_int_equal(w->answer.after[0], 1);
	assert_int_equal(count(w, EVENT_NODE_SILENT), 0);
	assert_true(w->answer.outage_us[0] < w->config->timing.timeout_us);
}

/* Restarted in place once, then moved. */
static void test_fail(void **state)
{
	struct world *w = *state;

	w->question.n_fails = 1;
	w->question.fail[0].monitor = 0;
	w->question.fail[0].node = 0;
	run(w);
	assert_int_equal(count(w, EVENT_MONITOR_RESTART), 1);
	assert_int_equal(count(w, EVENT_MONITOR_FAILOVER), 1);
	assert_int_equal(w->answer.after[0], 1);
	assert_int_equal(w->answer.after[1], 0);
}

/* Programs take the time that they are said to take. */
static void test_program_time(void **state)
{
	struct world *w = *state;

	w->question.down = node_bit(0);
	run(w);
	uint64_t without = w->answer.outage_us[0];
	w->question.times.program_us = 5 * USEC_PER_SEC;
	run(w);
	assert_int_equal(w->answer.outage_us[0], without + 5 * USEC_PER_SEC);
}

static void test_suspended(void **state)
{
	struct world *w = *state;

	w->seed->cluster.mode = CLUSTER_SUSPENDED;
	w->question.down = node_bit(0);
	run(w);
	assert_int_equal(w->answer.after[0], NODE_NONE);
	assert_int_equal(count(w, EVENT_GROUP_PLACED), 0);
}

static void test_bad_states(void **state)
{
	static const struct {
		const char *text, *why;
	} table[] = {
		{"[]", "not an object"},
		{"{}", "no server"},
		{"{\"servers\":[{\"name\":\"n9\",\"state\":\"member\"}]}", "no server"},
		{"{\"servers\":[{\"name\":\"n1\",\"state\":\"member\"}]}", "no view"},
		{"{\"servers\":[{\"name\":\"n1\",\"state\":\"member\"}],\"view\":7}", "no view"},
		{"{\"servers\":7}", "no server"},
	};
	struct world *w = *state;
	struct core_seed *seed = calloc(1, sizeof *seed);

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		json_t *json = json_loads(table[i].text, 0, NULL);
		char why[128] = "";

		assert_non_null(json);
		assert_int_equal(simulate_seed(w->config, json, seed, why, sizeof why), -EINVAL);
		if (!strstr(why, table[i].why))
			fail_msg("%s: \"%s\"", table[i].text, why);
		json_decref(json);
	}
	free(seed);
}

/* A seed for the core itself: what core_new() refuses, it refuses too. */
static void test_bad_config(void **state)
{
	struct world *w = *state;
	struct core_config *config = calloc(1, sizeof *config);
	struct core *core = NULL;

	config_to_core(w->config, 0, config);
	config->self = 9;
	assert_int_equal(core_new_seeded(config, w->seed, (ha_time){1}, &core), -EINVAL);
	assert_null(core);
	free(config);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),
		TEST(test_down),
		TEST(test_same_again),
		TEST(test_cut),
		TEST(test_no_quorum_is_left),
		TEST(test_leave),
		TEST(test_fail),
		TEST(test_program_time),
		TEST(test_suspended),
		TEST(test_bad_states),
		TEST(test_bad_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
