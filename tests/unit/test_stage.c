/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the core and the monitors: programs before steps of a recovery, verdicts. The agent is
 * only as much of one as this needs; what would be stepped is looked at in its queue. */
#include "monitor_world.h"

#include "agent/agent.h"
#include "agent/stage.h"

struct fixture {
	struct agent agent;
	char directory[64];
};

static char *shell_argv(const struct fixture *f, const char *script)
{
	char *text = NULL;

	assert_true(asprintf(&text, "D=%s; %s", f->directory, script) > 0);
	return text;
}

static char **program(const struct fixture *f, const char *script)
{
	char **argv = calloc(4, sizeof *argv);

	assert_non_null(argv);
	argv[0] = strdup("/bin/sh");
	argv[1] = strdup("-c");
	argv[2] = shell_argv(f, script);
	return argv;
}

static void free_program(char **argv)
{
	for (size_t i = 0; argv && argv[i]; i++)
		free(argv[i]);
	free(argv);
}

static struct monitor_config *monitor(struct fixture *f)
{
	return &f->agent.config->monitors[0];
}

/* One node, which has restarted nothing so far. */
static void make_core(struct agent *agent)
{
	struct core_config *c = calloc(1, sizeof *c);

	assert_non_null(c);
	c->n_nodes = c->n_links = 1;
	(void)strcpy(c->nodes[0].name, "a");
	c->nodes[0].votes = 1;
	c->nodes[0].hosts = true;
	c->n_monitors = 1;
	(void)strcpy(c->monitors[0].name, "web");
	c->monitors[0].nodes = 1;
	c->monitors[0].active_group = c->monitors[0].active_resource = UINT16_MAX;
	c->interval_us = 100 * USEC_PER_MSEC;
	c->timeout_us = c->lease_us = USEC_PER_SEC;
	assert_int_equal(core_new(c, NULL, NULL, clock_boot(), &agent->core), 0);
	free(c);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct agent *agent;

	assert_non_null(f);
	agent = &f->agent;
	(void)strcpy(f->directory, "/tmp/hf-stage-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	agent->config = calloc(1, sizeof *agent->config);
	assert_non_null(agent->config);
	agent->config->n_monitors = 1;
	agent->config->run_directory = f->directory;
	(void)strcpy(monitor(f)->name, "web");
	monitor(f)->type = MONITOR_GENW;
	monitor(f)->interval_us = 100 * USEC_PER_MSEC;
	monitor(f)->timeout_us = monitor(f)->script_timeout_us = 20 * USEC_PER_SEC;
	monitor(f)->command = program(f, "echo broken; exit 1");
	assert_true(sd_event_new(&agent->event) >= 0);
	agent->in_turn = true; /* so nothing is stepped */
	assert_int_equal(step_init(agent), 0);
	assert_int_equal(exec_new(&(struct exec_config){.event = agent->event,
							.done = resource_exec_done,
							.userdata = agent},
				  &agent->exec),
			 0);
	assert_int_equal(stage_new(agent), 0);
	make_core(agent);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct agent *agent = &f->agent;
	char command[128];

	stage_free(agent);
	(void)exec_free(agent->exec);
	(void)core_free(agent->core);
	sd_event_unref(agent->event);
	free(agent->queue.items);
	free(agent->actions);
	free(agent->runs);
	free_program(monitor(f)->command);
	free_program(monitor(f)->before_restart);
	free_program(monitor(f)->before_failover);
	free_program(monitor(f)->before_final);
	free(agent->config);
	(void)snprintf(command, sizeof command, "rm -rf %s", f->directory);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* Runs the loop, as loop.c does it, until something is posted. */
static const struct pending_event *await_event(struct fixture *f)
{
	struct agent *agent = &f->agent;
	ha_time until = ha_time_add(clock_boot(), PATIENCE_US);

	while (agent->queue.n == 0) {
		assert_true(ha_time_before(clock_boot(), until));
		assert_true(sd_event_run(agent->event, 10000) >= 0);
		stage_dispatch(agent, clock_boot());
		exec_dispatch(agent->exec, clock_boot());
	}
	agent->queue.n--;
	return &agent->queue.items[agent->queue.head++];
}

static void run_stage(struct fixture *f, uint32_t operation, enum recovery_stage stage)
{
	stage_run(&f->agent, &(struct core_action){.type = CORE_ACTION_SCRIPT,
						   .script = {.operation = operation,
							      .monitor = 0,
							      .stage = (uint8_t)stage}});
}

static void expect_done(struct fixture *f, uint32_t operation, bool ok, const char *text)
{
	const struct pending_event *e = await_event(f);

	assert_int_equal(e->event.type, CORE_EVENT_SCRIPT_DONE);
	assert_int_equal(e->event.script_done.operation, operation);
	assert_int_equal(e->event.script_done.ok, ok);
	if (text)
		assert_string_equal(e->text, text);
}

static void test_programs(void **state)
{
	struct fixture *f = *state;

	monitor(f)->before_restart = program(f, "test $CLP_MONITORNAME-$CLP_ACTION = web-RESTART &&"
						"test $CLP_RESTARTCOUNT-$CLP_FAILOVERCOUNT = 0-0");
	monitor(f)->before_failover =
		program(f, "test $CLP_MONITORNAME-$CLP_ACTION = web-FAILOVER");
	monitor(f)->before_final = program(f, "test $CLP_ACTION = FINALACTION && exit 7");
	run_stage(f, 1, STAGE_RESTART);
	expect_done(f, 1, true, NULL);
	run_stage(f, 2, STAGE_FAILOVER);
	expect_done(f, 2, true, NULL);
	run_stage(f, 3, STAGE_FINAL);
	expect_done(f, 3, false, "exit status 7");
	assert_true(stage_deadline(&f->agent).us ==
		    monitor_deadline(f->agent.monitors).us); /* none runs */
}

static void test_program_that_takes_too_long(void **state)
{
	struct fixture *f = *state;

	monitor(f)->script_timeout_us = 200 * USEC_PER_MSEC;
	monitor(f)->before_restart = program(f, "exec sleep 1000");
	run_stage(f, OPERATION_MAX, STAGE_RESTART);
	expect_done(f, OPERATION_MAX, false, "ended, for it took more than 200ms");
}

static void test_two_at_once(void **state)
{
	struct fixture *f = *state;
	uint32_t first;

	monitor(f)->before_restart = program(f, "exit 0");
	run_stage(f, 5, STAGE_RESTART);
	run_stage(f, 6, STAGE_RESTART);
	first = await_event(f)->event.script_done.operation;
	assert_int_equal(await_event(f)->event.script_done.operation, first == 5 ? 6 : 5);
}

static void test_program_that_is_not_there(void **state)
{
	struct fixture *f = *state;

	run_stage(f, 9, STAGE_RESTART); /* none is configured */
	expect_done(f, 9, false, "cannot start a process: No such file or directory");
	monitor(f)->before_restart = program(f, "");
	(void)strcpy(monitor(f)->before_restart[0], "/bin/xx");
	run_stage(f, 10, STAGE_RESTART);
	expect_done(f, 10, false, "cannot execute the program: No such file or directory");
}

static void test_verdicts(void **state)
{
	struct fixture *f = *state;
	const struct pending_event *e;

	monitor_order(f->agent.monitors, 0, true, false);
	e = await_event(f);
	assert_int_equal(e->event.type, CORE_EVENT_MONITOR);
	assert_int_equal(e->event.monitor.monitor, 0);
	assert_int_equal(e->event.monitor.status, MONITOR_ERROR);
	assert_string_equal(e->text, "exit status 1: broken");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_programs),	TEST(test_program_that_takes_too_long),
		TEST(test_two_at_once), TEST(test_program_that_is_not_there),
		TEST(test_verdicts),
	};

	return cmocka_run_group_tests_name("stage", tests, NULL, NULL);
}
