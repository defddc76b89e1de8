/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fencing in the agent, with the real way of running programs. The agent runs itself as
 * `--fence`, which is this program then: what it does is a shell script, given in the place of the
 * configuration. Its arguments are: this node, the target, the level, the order.
 */
#include "agent/apply.h"
#include "agent/fence_internal.h"

#include "util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_US (60 * USEC_PER_SEC) /* for what must happen: a loaded machine may be slow */

#define STEP(ok, step)                                                            \
	"echo '{\"device\":\"d1\",\"plug\":null,\"step\":\"" step "\",\"ok\":" ok \
	",\"took_us\":1500,\"text\":\"word\"}'\n"
#define END(result, state)                                    \
	"echo '{\"result\":\"" result "\",\"state\":\"" state \
	"\",\"took_us\":9,\"text\":\"why\"}'\n"
#define CONFIRMED STEP("true", "off") END("confirmed", "off") "exit 0\n"
#define FAILED	  STEP("false", "off") END("failed", "unknown") "exit 1\n"

struct fixture {
	struct agent agent;
	struct apply apply;
	struct config config;
	char directory[64];
	char script[4096];
	char agent_name[16];
	unsigned int n_steps, n_ends;
	struct fence_end end;
};

/* ---- what is written down ---- */

static struct event said[16];
static unsigned int n_said;

struct event record_event(const struct agent *agent, enum event_id id)
{
	return (struct event){.id = (uint16_t)id, .origin = agent->self, .node = NODE_NONE};
}

void record_add(struct agent *agent, const struct event *event)
{
	(void)agent;
	if (n_said < 16)
		said[n_said++] = *event;
}

void record_publish(struct agent *agent, ha_time now)
{
	(void)agent;
	(void)now;
}

struct replicate_journal record_journal(void)
{
	return (struct replicate_journal){0};
}

void record_send_blob(void *userdata, uint8_t peer, const void *data, size_t n)
{
	(void)userdata;
	(void)peer;
	(void)data;
	(void)n;
}

/* ---- a world of two nodes ---- */

static void make_config(struct fixture *f)
{
	struct config *c = &f->config;

	(void)strcpy(f->agent_name, "fence_x");
	c->n_nodes = 2;
	(void)strcpy(c->nodes[0].name, "n1");
	(void)strcpy(c->nodes[1].name, "n2");
	c->fencing.n_devices = 2;
	c->fencing.check_interval_us = 60 * USEC_PER_SEC;
	for (int i = 0; i < 2; i++) {
		struct fence_device_config *d = &c->fencing.devices[i];

		(void)snprintf(d->name, sizeof d->name, "d%d", i + 1);
		d->agent = f->agent_name;
		d->timeout_us = 20 * USEC_PER_SEC;
		for (int n = 0; n < 2; n++)
			c->nodes[n].fence[i] = (struct fence_level_config){
				.n_devices = 1, .devices = {{.device = (uint8_t)i}}};
	}
	c->nodes[1].n_fence_levels = 2;
}

static void make_core(struct agent *agent)
{
	struct core_config *c = calloc(1, sizeof *c);

	assert_non_null(c);
	c->n_nodes = 2;
	c->n_links = 1;
	for (int i = 0; i < 2; i++) {
		(void)snprintf(c->nodes[i].name, NAME_SIZE, "n%d", i + 1);
		c->nodes[i].votes = 1;
		c->nodes[i].hosts = true;
	}
	c->interval_us = 100 * USEC_PER_MSEC;
	c->timeout_us = c->lease_us = USEC_PER_SEC;
	assert_int_equal(core_new(c, NULL, NULL, clock_boot(), &agent->core), 0);
	free(c);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct agent *agent = &f->agent;

	assert_non_null(f);
	(void)strcpy(f->directory, "/tmp/hf-fagent-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	make_config(f);
	agent->config = &f->config;
	agent->apply = &f->apply;
	f->apply.text = f->script;
	n_said = 0;
	assert_true(sd_event_new(&agent->event) >= 0);
	agent->in_turn = true; /* so nothing is stepped */
	assert_int_equal(step_init(agent), 0);
	assert_int_equal(exec_new(&(struct exec_config){.event = agent->event,
							.done = resource_exec_done,
							.userdata = agent},
				  &agent->exec),
			 0);
	/* the chain of those that a program may belong to */
	agent->fencing = NULL;
	make_core(agent);
	assert_int_equal(fencing_new(agent, &agent->fencing), 0);
	for (int i = 0; i < 2; i++)
		agent->fencing->check_at[i] = HA_TIME_NEVER;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct agent *agent = &f->agent;
	char command[128];

	agent->fencing = fencing_free(agent->fencing);
	(void)exec_free(agent->exec);
	(void)core_free(agent->core);
	sd_event_unref(agent->event);
	free(agent->queue.items);
	free(agent->actions);
	free(agent->more_actions);
	free(agent->runs);
	(void)snprintf(command, sizeof command, "rm -rf %s", f->directory);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* "D" is the folder of the test. */
static void script(struct fixture *f, const char *text)
{
	(void)snprintf(f->script, sizeof f->script, "D=%s\necho \"$*\" >>$D/log\n%s", f->directory,
		       text);
}

static bool has_file(const struct fixture *f, const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/%s", f->directory, name);
	return access(path, F_OK) == 0;
}

static void assert_log(const struct fixture *f, const char *expected)
{
	char path[128], text[1024];
	FILE *file;
	size_t n = 0;

	(void)snprintf(path, sizeof path, "%s/log", f->directory);
	file = fopen(path, "r");
	if (file) {
		n = fread(text, 1, sizeof text - 1, file);
		(void)fclose(file);
	}
	text[n] = '\0';
	assert_string_equal(text, expected);
}

static void turn(struct fixture *f)
{
	assert_true(sd_event_run(f->agent.event, 10000) >= 0);
	fencing_dispatch(&f->agent, clock_boot());
	exec_dispatch(f->agent.exec, clock_boot());
}

/* Runs the loop, as loop.c does it, until something is posted. */
static const struct pending_event *await(struct fixture *f, enum core_event_type type)
{
	struct agent *agent = &f->agent;
	ha_time until = ha_time_add(clock_boot(), PATIENCE_US);

	while (agent->queue.n == 0) {
		assert_true(ha_time_before(clock_boot(), until));
		turn(f);
	}
	agent->queue.n--;
	assert_int_equal(agent->queue.items[agent->queue.head].event.type, type);
	return &agent->queue.items[agent->queue.head++];
}

static void await_file(struct fixture *f, const char *name)
{
	ha_time until = ha_time_add(clock_boot(), PATIENCE_US);

	while (!has_file(f, name)) {
		assert_true(ha_time_before(clock_boot(), until));
		turn(f);
	}
}

static void await_end(struct fixture *f)
{
	ha_time until = ha_time_add(clock_boot(), PATIENCE_US);

	while (f->n_ends == 0) {
		assert_true(ha_time_before(clock_boot(), until));
		turn(f);
	}
	f->n_ends = 0;
}

/* ---- the core's orders ---- */

static void order(struct fixture *f, uint32_t operation, uint8_t level, enum fence_order what)
{
	fencing_action(&f->agent, &(struct core_action){.type = CORE_ACTION_FENCE,
							.fence = {.operation = operation,
								  .target = 1,
								  .level = level,
								  .order = (uint8_t)what}});
}

static void assert_done(struct fixture *f, uint32_t operation, uint8_t result, const char *text)
{
	const struct pending_event *e = await(f, CORE_EVENT_FENCE_DONE);

	assert_int_equal(e->event.fence_done.operation, operation);
	assert_int_equal(e->event.fence_done.result, result);
	if (!strstr(e->text, text))
		fail_msg("no \"%s\" in \"%s\"", text, e->text);
	assert_null(f->agent.fencing->jobs);
}

static void test_order(void **state)
{
	struct fixture *f = *state;
	json_t *list;

	script(f, CONFIRMED);
	order(f, 5, 1, FENCE_ORDER_OFF);
	assert_done(f, 5, RESOURCE_RESULT_OK, "why");
	script(f, END("done", "on"));
	order(f, 6, 0, FENCE_ORDER_ON);
	assert_done(f, 6, RESOURCE_RESULT_OK, "why");
	assert_log(f, "n1 n2 2 off\nn1 n2 1 on\n");
	/* the device of level 2 has another name: of d2 no step is known */
	assert_int_equal(fencing_longest_off_us(&f->agent, 1), 0);
	script(f, CONFIRMED);
	order(f, 7, 0, FENCE_ORDER_OFF);
	assert_done(f, 7, RESOURCE_RESULT_OK, "why");
	assert_int_equal(fencing_longest_off_us(&f->agent, 1), 1500);
	list = fencing_history(&f->agent, 1);
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "verb")),
			    "off");
	assert_int_equal(json_array_size(json_object_get(json_array_get(list, 0), "steps")), 1);
	json_decref(list);
	list = fencing_history(&f->agent, 0);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
}

/* Only the whole of it counts: the last line says confirmed and off, and the exit code is 0. */
static void test_not_confirmed(void **state)
{
	static const struct {
		const char *script, *says;
	} table[] = {
		{END("done", "off"), "why"},
		{END("confirmed", "on"), "no result"},
		{END("confirmed", "off") "exit 1\n", "why"},
		{END("confirmed", "off") "kill -KILL $$\n", "why"},
		{"exit 0\n", "no result"},
		{"echo confirmed\n", "no result"},
		{"yes | head -c 100000; exit 0\n", "no result"},
		{"head -c 100000 /dev/zero\n", "no result"},
		{"exec 1>&-; exit 0\n", "no result"},
		{FAILED, "why"},
	};
	struct fixture *f = *state;

	for (uint32_t i = 0; i < sizeof table / sizeof *table; i++) {
		script(f, table[i].script);
		order(f, i + 1, 0, FENCE_ORDER_OFF);
		assert_done(f, i + 1, RESOURCE_RESULT_FAILED, table[i].says);
	}
	assert_int_equal(fencing_longest_off_us(&f->agent, 1), 0);
}

static void test_cancel(void **state)
{
	struct fixture *f = *state;

	script(f, "touch $D/up; exec sleep 1000\n");
	order(f, 5, 0, FENCE_ORDER_OFF);
	await_file(f, "up");
	fencing_action(&f->agent, &(struct core_action){.type = CORE_ACTION_FENCE_CANCEL,
							.fence = {.operation = 5, .target = 1}});
	assert_done(f, 5, RESOURCE_RESULT_TIMEOUT, "was ended");
	assert_int_equal(exec_running(f->agent.exec), 0);
}

/* The process is given a little more than the level's time. */
static void test_deadline(void **state)
{
	struct fixture *f = *state;
	ha_time begin = clock_boot();

	f->config.fencing.devices[0].timeout_us = 10 * USEC_PER_MSEC;
	script(f, "exec sleep 1000\n");
	order(f, 5, 0, FENCE_ORDER_OFF);
	assert_done(f, 5, RESOURCE_RESULT_TIMEOUT, "did not end in time");
	assert_true(ha_time_since(clock_boot(), begin) >= 2 * USEC_PER_SEC);
}

/* Two targets at once, and the answers to whom they belong. */
static void test_two_orders(void **state)
{
	struct fixture *f = *state;

	f->config.nodes[0].n_fence_levels = 1;
	f->agent.self = 1; /* of two nodes there is one other: so the same one twice */
	script(f, "touch $D/up; while [ ! -e $D/go ]; do sleep 0.01; done\n" CONFIRMED);
	fencing_action(&f->agent,
		       &(struct core_action){.type = CORE_ACTION_FENCE, .fence = {.operation = 8}});
	await_file(f, "up");
	script(f, FAILED);
	fencing_action(&f->agent,
		       &(struct core_action){.type = CORE_ACTION_FENCE, .fence = {.operation = 9}});
	assert_int_equal(await(f, CORE_EVENT_FENCE_DONE)->event.fence_done.operation, 9);
	script(f, "touch $D/go\n");
	fencing_action(&f->agent, &(struct core_action){.type = CORE_ACTION_FENCE,
							.fence = {.operation = 10}});
	for (int i = 0; i < 2; i++) {
		const struct core_event *e = &await(f, CORE_EVENT_FENCE_DONE)->event;

		assert_int_equal(e->fence_done.result, e->fence_done.operation == 8
							       ? RESOURCE_RESULT_OK
							       : RESOURCE_RESULT_FAILED);
	}
}

/* ---- checks ---- */

static void check_now(struct fixture *f)
{
	f->agent.fencing->check_at[1] = HA_TIME_ZERO;
	fencing_dispatch(&f->agent, clock_boot());
}

#define CHECK(d1, d2)                                                     \
	"[ $3 = 1 ] && ok=" d1 " || ok=" d2 "\n"                          \
	"echo '{\"device\":\"d'$3'\",\"step\":\"status\",\"took_us\":3,'" \
	"'\"text\":\"word\",\"ok\":'$ok'}'\n" END("done", "on")

static void test_check(void **state)
{
	static const struct {
		const char *script;
		uint8_t check;
		const char *text;
	} table[] = {
		{CHECK("true", "true"), FENCE_CHECK_NORMAL, ""},
		{CHECK("false", "true"), FENCE_CHECK_DEGRADED, "d1: word"},
		{CHECK("true", "false"), FENCE_CHECK_NORMAL, "d2: word"},
		{CHECK("false", "false"), FENCE_CHECK_ERROR, "d1: word"},
		{"exit 1\n", FENCE_CHECK_ERROR, "the fencing process failed"},
	};
	struct fixture *f = *state;
	ha_time next;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const struct pending_event *e;

		script(f, table[i].script);
		check_now(f);
		e = await(f, CORE_EVENT_FENCE_CHECK);
		assert_int_equal(e->event.fence_check.target, 1);
		assert_int_equal(e->event.fence_check.check, table[i].check);
		if (!strstr(e->text, table[i].text) || (!*table[i].text && e->text[0]))
			fail_msg("%s: %s", table[i].text, e->text);
	}
	/* the next one in an interval, more or less */
	next = fencing_deadline(&f->agent);
	assert_in_range(ha_time_since(next, clock_boot()), 50 * USEC_PER_SEC, 66 * USEC_PER_SEC);
	assert_int_equal(json_array_size(fencing_history(&f->agent, NODE_NONE)), 0);
}

/* None while an order is carried out; one that is under way is ended, without a result. */
static void test_check_and_order(void **state)
{
	struct fixture *f = *state;

	script(f, "touch $D/up; exec sleep 1000\n");
	check_now(f);
	await_file(f, "up");
	script(f, CONFIRMED);
	order(f, 5, 0, FENCE_ORDER_OFF);
	assert_int_equal(await(f, CORE_EVENT_FENCE_DONE)->event.fence_done.result,
			 RESOURCE_RESULT_OK);
	while (f->agent.fencing->jobs)
		turn(f);
	assert_int_equal(f->agent.queue.n, 0);
	assert_int_equal(f->agent.fencing->devices[0].state, FENCE_DEVICE_UNKNOWN);
	assert_true(fencing_deadline(&f->agent).us != HA_TIME_NEVER.us); /* it is made again */
	script(f, "touch $D/up2; while [ ! -e $D/go ]; do sleep 0.01; done\n" CONFIRMED);
	order(f, 6, 0, FENCE_ORDER_OFF);
	check_now(f);
	await_file(f, "up2");
	assert_null(f->agent.fencing->jobs->next);
}

static void test_reload(void **state)
{
	struct fixture *f = *state;
	struct fencing *fencing = f->agent.fencing;
	json_t *status;

	script(f, CHECK("true", "true"));
	check_now(f);
	(void)await(f, CORE_EVENT_FENCE_CHECK);
	/* the levels change places, and there is a third device */
	f->config.nodes[1].fence[0].devices[0].device = 1;
	f->config.nodes[1].fence[1].devices[0].device = 0;
	f->config.nodes[1].fence[1].n_devices = 2;
	f->config.nodes[1].fence[1].devices[1] = (struct fence_use_config){0, f->agent_name};
	fencing_reload(&f->agent);
	assert_int_equal(fencing->n_devices, 3);
	assert_int_equal(fencing->devices[0].state, FENCE_DEVICE_NORMAL);
	assert_string_equal(fencing->devices[0].device, "d2");
	assert_int_equal(fencing->devices[0].level, 0);
	assert_int_equal(fencing->devices[1].state, FENCE_DEVICE_NORMAL);
	assert_int_equal(fencing->devices[2].state, FENCE_DEVICE_UNKNOWN);
	assert_true(fencing->check_at[1].us != HA_TIME_NEVER.us);
	assert_true(fencing->check_at[0].us == HA_TIME_NEVER.us);
	status = fencing_status(&f->agent, clock_boot());
	assert_non_null(status);
	assert_int_equal(json_array_size(json_object_get(status, "targets")), 1);
	json_decref(status);
}

/* ---- by hand ---- */

static void on_step(struct agent *agent, const struct fence_step *step, void *userdata)
{
	struct fixture *f = userdata;

	(void)agent;
	assert_string_equal(step->device, "d1");
	f->n_steps++;
}

static void on_end(struct agent *agent, const struct fence_end *end, void *userdata)
{
	struct fixture *f = userdata;

	(void)agent;
	f->n_ends++;
	f->end = *end;
}

static int by_hand(struct fixture *f, enum fence_verb verb, uint8_t target)
{
	char why[FENCE_WHY] = "";
	int r = fencing_order(&f->agent,
			      &(struct fence_order_by_hand){.verb = verb,
							    .target = target,
							    .uid = 4,
							    .step = on_step,
							    .end = on_end,
							    .userdata = f},
			      why);

	assert_int_equal(why[0] != '\0', r < 0);
	return r;
}

static void test_by_hand(void **state)
{
	struct fixture *f = *state;
	const struct core_event *e;

	script(f, "[ $3 = 2 ] || {\n" FAILED "}\n" CONFIRMED);
	assert_int_equal(by_hand(f, FENCE_VERB_OFF, 1), 0);
	f->agent.fencing->jobs->incarnation = 7;
	assert_int_equal(by_hand(f, FENCE_VERB_STATUS, 1), -EBUSY);
	await_end(f);
	assert_true(f->end.ok);
	assert_int_equal(f->end.level, 1);
	assert_int_equal(f->n_steps, 2);
	e = &await(f, CORE_EVENT_FENCED)->event;
	assert_int_equal(e->fenced.node, 1);
	assert_int_equal(e->fenced.incarnation, 7);
	assert_int_equal(n_said, 2);
	assert_int_equal(said[0].id, EVENT_FENCE_COMMAND);
	assert_int_equal(said[0].arg[1], 0);
	assert_int_equal(said[1].arg[0], FENCE_VERB_OFF);
	assert_int_equal(said[1].arg[1], 2); /* confirmed */
	assert_log(f, "n1 n2 1 off\nn1 n2 2 off\n");
	assert_true(e->fenced.since.us > 0 && e->fenced.since.us <= clock_boot().us);
	/* no life of it is known: it was off then, and that is all */
	script(f, CONFIRMED);
	assert_int_equal(by_hand(f, FENCE_VERB_OFF, 1), 0);
	await_end(f);
	assert_int_equal(await(f, CORE_EVENT_FENCED)->event.fenced.incarnation, 0);
}

static void test_by_hand_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(by_hand(f, FENCE_VERB_OFF, 2), -EINVAL);
	assert_int_equal(by_hand(f, FENCE_VERB_OFF, 0), -EINVAL);
	assert_int_equal(by_hand(f, FENCE_VERB_CHECK, 1), -EINVAL);
	assert_int_equal(by_hand(f, FENCE_VERB_TEST, 0), -ENODEV);
	f->config.nodes[1].n_fence_levels = 0;
	assert_int_equal(by_hand(f, FENCE_VERB_OFF, 1), -ENODEV);
	assert_int_equal(n_said, 0);
}

/* All levels are looked at, and all count. */
static void test_look(void **state)
{
	struct fixture *f = *state;

	script(f, "[ $3 = 1 ] || {\n" END("done", "off") "exit 0; }\n" END("done", "on"));
	assert_int_equal(by_hand(f, FENCE_VERB_STATUS, 1), 0);
	await_end(f);
	assert_true(f->end.ok);
	assert_int_equal(f->end.power, FENCE_READ_ON);
	assert_int_equal(n_said, 0);
	script(f, "[ $3 = 2 ] || {\n" FAILED "}\n" END("done", "on"));
	assert_int_equal(by_hand(f, FENCE_VERB_TEST, 1), 0);
	await_end(f);
	assert_false(f->end.ok);
	assert_int_equal(n_said, 1); /* only how it ended */
	assert_log(f, "n1 n2 1 status\nn1 n2 2 status\nn1 n2 1 test\nn1 n2 2 test\n");
}

static void test_forgotten(void **state)
{
	struct fixture *f = *state;

	script(f, STEP("true", "on") END("done", "on"));
	assert_int_equal(by_hand(f, FENCE_VERB_ON, 1), 0);
	assert_true(fencing_forget(&f->agent, f));
	assert_false(fencing_forget(&f->agent, f));
	while (f->agent.fencing->jobs)
		turn(f);
	assert_int_equal(f->n_ends + f->n_steps, 0);
	assert_int_equal(said[1].arg[1], 1); /* done */
}

/* The cluster's own order goes first. */
static void test_core_before_hand(void **state)
{
	struct fixture *f = *state;

	script(f, "touch $D/up; exec sleep 1000\n");
	assert_int_equal(by_hand(f, FENCE_VERB_CYCLE, 1), 0);
	await_file(f, "up");
	script(f, CONFIRMED);
	order(f, 5, 0, FENCE_ORDER_OFF);
	assert_int_equal(await(f, CORE_EVENT_FENCE_DONE)->event.fence_done.result,
			 RESOURCE_RESULT_OK);
	await_end(f);
	assert_false(f->end.ok);
	assert_int_equal(said[1].arg[1], 3);	       /* failed */
	assert_log(f, "n1 n2 1 cycle\nn1 n2 1 off\n"); /* no second level */
	order(f, 6, 0, FENCE_ORDER_OFF);
	assert_int_equal(by_hand(f, FENCE_VERB_ON, 1), -EBUSY);
}

/* ---- this server itself ---- */

static struct fence_end self_end;
static unsigned int n_self_ends;

static void on_self_end(struct agent *agent, const struct fence_end *end)
{
	(void)agent;
	self_end = *end;
	n_self_ends++;
}

static void test_self(void **state)
{
	struct fixture *f = *state;

	n_self_ends = 0;
	assert_int_equal(fencing_self(&f->agent, FENCE_VERB_RESET, on_self_end), -ENODEV);
	f->config.nodes[0].n_fence_levels = 2;
	script(f, "[ $3 = 2 ] || {\n" FAILED "}\n" END("done", "unknown"));
	assert_int_equal(fencing_self(&f->agent, FENCE_VERB_RESET, on_self_end), 0);
	while (f->agent.fencing->jobs)
		turn(f);
	assert_int_equal(n_self_ends, 1);
	assert_true(self_end.ok);
	assert_log(f, "n1 n1 1 reset\nn1 n1 2 reset\n");
	assert_int_equal(f->agent.queue.n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_order),
		TEST(test_not_confirmed),
		TEST(test_cancel),
		TEST(test_deadline),
		TEST(test_two_orders),
		TEST(test_check),
		TEST(test_check_and_order),
		TEST(test_reload),
		TEST(test_by_hand),
		TEST(test_by_hand_refused),
		TEST(test_look),
		TEST(test_forgotten),
		TEST(test_core_before_hand),
		TEST(test_self),
	};

	/* --fence --config /dev/stdin --node SELF TARGET LEVEL ORDER */
	if (argc == 9 && strcmp(argv[1], "--fence") == 0 && strcmp(argv[2], "--config") == 0) {
		(void)execl("/bin/sh", "sh", argv[3], argv[5], argv[6], argv[7], argv[8], NULL);
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
