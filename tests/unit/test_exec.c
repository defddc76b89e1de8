/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real processes: results, timeouts, groups, floods, what a program inherits. */
#include "agent/exec.h"
#include "agent/exec_env.h"
#include "include/core.h"
#include "util/clock.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PATIENCE_US (20 * USEC_PER_SEC)

struct fixture {
	sd_event *event;
	struct exec *exec;
	char dir[64];
	unsigned int answers;
	uint32_t operation;
	uint8_t result;
	char text[EVENT_TEXT_SIZE];
};

static void done(uint32_t operation, uint8_t result, const char *text, void *userdata)
{
	struct fixture *f = userdata;

	f->answers++;
	f->operation = operation;
	f->result = result;
	(void)snprintf(f->text, sizeof f->text, "%s", text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	(void)strcpy(f->dir, "/tmp/hf-exec-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(chmod(f->dir, 0777), 0);
	assert_true(sd_event_new(&f->event) >= 0);
	assert_int_equal(
		exec_new(&(struct exec_config){.event = f->event, .done = done, .userdata = f},
			 &f->exec),
		0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	exec_free(f->exec);
	sd_event_unref(f->event);
	(void)snprintf(command, sizeof command, "rm -rf %s", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* Runs the loop until `n` answers were given, as the agent's timer does. */
static void wait_answers(struct fixture *f, unsigned int n)
{
	ha_time end = ha_time_add(clock_boot(), PATIENCE_US);

	while (f->answers < n) {
		assert_true(ha_time_before(clock_boot(), end));
		assert_true(sd_event_run(f->event, 10000) >= 0);
		exec_dispatch(f->exec, clock_boot());
	}
}

static int run_as(struct fixture *f, uint32_t operation, const char *script, const char *user)
{
	char dir[80], *env[] = {dir, (char[]){"PATH=/usr/bin:/bin"}, NULL};
	char *argv[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, (char *)(uintptr_t)script, NULL};

	(void)snprintf(dir, sizeof dir, "D=%s", f->dir);
	return exec_run(f->exec, &(struct exec_program){.operation = operation,
							.name = "test",
							.argv = argv,
							.env = env,
							.user = user});
}

static int run(struct fixture *f, uint32_t operation, const char *script)
{
	return run_as(f, operation, script, NULL);
}

/* First line of a file that a script wrote, without its end. */
static const char *content(const struct fixture *f, const char *name)
{
	static char line[512];
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof path, "%s/%s", f->dir, name);
	file = fopen(path, "re");
	assert_non_null(file);
	line[0] = '\0';
	if (!fgets(line, sizeof line, file))
		line[0] = '\0';
	(void)fclose(file);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static bool exists(const struct fixture *f, const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/%s", f->dir, name);
	return access(path, F_OK) == 0;
}

static void wait_file(struct fixture *f, const char *name)
{
	ha_time end = ha_time_add(clock_boot(), PATIENCE_US);

	while (!exists(f, name)) {
		assert_true(ha_time_before(clock_boot(), end));
		assert_true(sd_event_run(f->event, 10000) >= 0);
	}
}

static bool alive(pid_t pid)
{
	char path[64], state = 'X';
	FILE *stat;

	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	stat = fopen(path, "re");
	if (!stat)
		return false;
	if (fscanf(stat, "%*d %*s %c", &state) != 1)
		state = 'X';
	(void)fclose(stat);
	return state != 'Z' && state != 'X';
}

static void wait_dead(pid_t pid)
{
	ha_time end = ha_time_add(clock_boot(), PATIENCE_US);

	while (alive(pid)) {
		assert_true(ha_time_before(clock_boot(), end));
		(void)usleep(1000);
	}
}

static void test_results(void **state)
{
	static const struct {
		const char *script;
		uint8_t result;
		const char *text;
	} cases[] = {
		{"exit 0", RESOURCE_RESULT_OK, ""},
		{"exit 3", RESOURCE_RESULT_FAILED, "exit status 3"},
		{"kill -9 $$", RESOURCE_RESULT_FAILED, "killed by signal 9"},
		{"exit 127", RESOURCE_RESULT_FAILED, "exit status 127"},
	};
	struct fixture *f = *state;

	for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(run(f, i + 1, cases[i].script), 0);
		wait_answers(f, i + 1);
		assert_int_equal(f->operation, i + 1);
		assert_int_equal(f->result, cases[i].result);
		assert_string_equal(f->text, cases[i].text);
	}
	assert_int_equal(exec_running(f->exec), 0);
}

static void test_cannot_execute(void **state)
{
	struct fixture *f = *state;
	char *env[] = {NULL}, path[128];
	char *argv[] = {path, NULL};
	struct exec_program program = {.operation = 1, .name = "x", .argv = argv, .env = env};
	FILE *file;

	(void)snprintf(path, sizeof path, "%s/none", f->dir);
	assert_int_equal(exec_run(f->exec, &program), 0);
	wait_answers(f, 1);
	assert_int_equal(f->result, RESOURCE_RESULT_FAILED);
	assert_string_equal(f->text, "cannot execute the program: No such file or directory");
	(void)snprintf(path, sizeof path, "%s/plain", f->dir);
	file = fopen(path, "we");
	assert_non_null(file);
	(void)fclose(file);
	assert_int_equal(exec_run(f->exec, &program), 0);
	wait_answers(f, 2);
	assert_string_equal(f->text, "cannot execute the program: Permission denied");
	program.user = "no-such-user-hf";
	assert_int_equal(exec_run(f->exec, &program), 0);
	wait_answers(f, 3);
	assert_int_equal(f->result, RESOURCE_RESULT_FAILED);
	assert_memory_equal(f->text, "cannot find its user: ", 22);
}

/* The child, its child in the background, and a third one that ignores SIGTERM. */
static void test_timeout_kills_group(void **state)
{
	struct fixture *f = *state;
	pid_t grandchild, stubborn;
	ha_time asked;

	assert_int_equal(run(f, 7,
			     "(trap '' TERM; sh -c 'echo $PPID >$D/s; mv $D/s $D/stubborn'; "
			     "while :; do sleep 1; done) & "
			     "sleep 1000 & echo $! >$D/g; mv $D/g $D/grandchild; wait"),
			 0);
	wait_file(f, "grandchild");
	wait_file(f, "stubborn");
	grandchild = atoi(content(f, "grandchild"));
	stubborn = atoi(content(f, "stubborn"));
	assert_true(alive(grandchild) && alive(stubborn));
	asked = clock_boot();
	exec_kill(f->exec, 7, asked);
	exec_kill(f->exec, 7, asked); /* once is enough */
	wait_answers(f, 1);
	assert_int_equal(f->operation, 7);
	assert_int_equal(f->result, RESOURCE_RESULT_TIMEOUT);
	wait_dead(grandchild);
	wait_dead(stubborn);
	assert_int_equal(exec_running(f->exec), 0);
	assert_int_equal(exec_deadline(f->exec).us, HA_TIME_NEVER.us);
}

/* SIGTERM comes first: a program may clean up within the grace. */
static void test_term_first(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, 1,
			     "trap 'echo x >$D/term; exit 0' TERM; echo >$D/ready; "
			     "while :; do sleep 0.01; done"),
			 0);
	wait_file(f, "ready");
	exec_kill(f->exec, 1, clock_boot());
	assert_true(ha_time_before(clock_boot(), exec_deadline(f->exec)));
	wait_answers(f, 1);
	assert_int_equal(f->result, RESOURCE_RESULT_TIMEOUT);
	assert_true(exists(f, "term"));
}

/* The leader ignores SIGTERM: SIGKILL follows after the grace. */
static void test_kill_after_grace(void **state)
{
	struct fixture *f = *state;
	ha_time asked;

	assert_int_equal(run(f, 1, "trap '' TERM; echo >$D/ready; while :; do sleep 0.01; done"),
			 0);
	wait_file(f, "ready");
	asked = clock_boot();
	exec_kill(f->exec, 1, asked);
	wait_answers(f, 1);
	assert_true(ha_time_since(clock_boot(), asked) >= EXEC_TERM_GRACE_US);
	assert_string_equal(f->text, "killed by signal 9");
}

/* A start program that leaves a daemon behind has succeeded, and the daemon lives. */
static void test_daemon_survives(void **state)
{
	struct fixture *f = *state;
	pid_t daemon;

	assert_int_equal(run(f, 1, "sleep 1000 & echo $! >$D/pid"), 0);
	wait_answers(f, 1);
	assert_int_equal(f->result, RESOURCE_RESULT_OK);
	daemon = atoi(content(f, "pid"));
	assert_true(alive(daemon));
	assert_int_equal(kill(daemon, SIGKILL), 0);
}

/* Output never passes through the agent, so a flood of it cannot fill or stop anything. */
static void test_output_flood(void **state)
{
	struct fixture *f = *state;
	int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);

	assert_true(saved >= 0 && null >= 0);
	assert_true(dup2(null, STDERR_FILENO) >= 0);
	assert_int_equal(run(f, 1, "head -c 50000000 /dev/zero | tr '\\0' x; exit 5"), 0);
	wait_answers(f, 1);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	(void)close(null);
	assert_string_equal(f->text, "exit status 5");
}

/* Own session, no descriptors but 0 to 2, default signals, root directory, umask, normal
 * scheduling, no pending signal mask. */
static void test_inherits_nothing(void **state)
{
	struct fixture *f = *state;
	int leak = open("/dev/null", O_RDONLY); /* without O_CLOEXEC on purpose */

	assert_true(leak >= 0);
	(void)umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(
		run(f, 1,
		    "ls /proc/self/fd | tr '\\n' ' ' >$D/fds; pwd >$D/cwd; umask >$D/umask;"
		    "sed -n 's/^SigBlk:\\t//p' /proc/self/status >$D/blocked;"
		    "sed -n 's/^SigIgn:\\t//p' /proc/self/status >$D/ignored;"
		    "ps -o sid= -p $$ | tr -d ' ' >$D/sid; echo $$ >$D/pid;"
		    "read x; echo $? >$D/stdin; exit 0"),
		0);
	wait_answers(f, 1);
	(void)close(leak);
	(void)umask(022);
	assert_string_equal(content(f, "cwd"), "/");
	assert_string_equal(content(f, "umask"), "0022");
	assert_string_equal(content(f, "fds"), "0 1 2 3 "); /* 3 is the directory that ls reads */
	assert_string_equal(content(f, "blocked"), "0000000000000000");
	/* but for 32 and 33, which glibc keeps to itself and which make hands on as ignored */
	assert_int_equal(strtoull(content(f, "ignored"), NULL, 16) & ~0x180000000ULL, 0);
	assert_string_equal(content(f, "stdin"), "1");
	if (content(f, "sid")[0]) { /* ps is not on every machine */
		char sid[32];

		(void)snprintf(sid, sizeof sid, "%s", content(f, "sid"));
		assert_string_equal(sid, content(f, "pid"));
	}
}

static void test_user(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0) {
		skip();
		return;
	}
	assert_int_equal(run_as(f, 1, "id -un >$D/user; id -G >$D/groups", "nobody"), 0);
	wait_answers(f, 1);
	assert_int_equal(f->result, RESOURCE_RESULT_OK);
	assert_string_equal(content(f, "user"), "nobody");
	assert_string_not_equal(content(f, "groups"), "0");
	assert_null(strstr(content(f, "groups"), " 0"));
}

static void test_many_at_once(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 1; i <= 60; i++)
		assert_int_equal(run(f, i, i % 2 ? "exit 0" : "sleep 1000"), 0);
	wait_answers(f, 30);
	assert_int_equal(exec_running(f->exec), 30);
	for (uint32_t i = 2; i <= 60; i += 2)
		exec_kill(f->exec, i, clock_boot());
	wait_answers(f, 60);
	assert_int_equal(exec_running(f->exec), 0);
}

/* The child of this process that forks; 0: it has not got its name yet. */
static pid_t look_for_helper(void)
{
	char path[64], name[32];
	FILE *children, *comm;
	int pid, found = 0;

	(void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	children = fopen(path, "re");
	assert_non_null(children);
	while (!found && fscanf(children, "%d", &pid) == 1) {
		(void)snprintf(path, sizeof path, "/proc/%d/comm", pid);
		comm = fopen(path, "re");
		if (comm && fgets(name, sizeof name, comm) &&
		    strcmp(name, "holdfast-exec\n") == 0 && alive(pid))
			found = pid;
		if (comm)
			(void)fclose(comm);
	}
	(void)fclose(children);
	return found;
}

static pid_t find_helper(void)
{
	ha_time end = ha_time_add(clock_boot(), PATIENCE_US);
	pid_t helper;

	while (!(helper = look_for_helper())) {
		assert_true(ha_time_before(clock_boot(), end));
		(void)usleep(1000);
	}
	return helper;
}

/* Its programs count as failed, for they may be running; the next one gets a new helper. */
static void test_helper_dies(void **state)
{
	struct fixture *f = *state;
	pid_t helper = find_helper(), program;

	assert_int_equal(run(f, 1, "echo $$ >$D/p; mv $D/p $D/pid; exec sleep 1000"), 0);
	assert_int_equal(run(f, 2, "exec sleep 5"), 0); /* nobody can end this one */
	wait_file(f, "pid");
	program = atoi(content(f, "pid"));
	assert_int_equal(kill(helper, SIGKILL), 0);
	wait_answers(f, 2);
	assert_int_equal(f->result, RESOURCE_RESULT_FAILED);
	assert_string_equal(f->text, "the process that starts programs died: Broken pipe");
	assert_true(alive(program));
	assert_int_equal(kill(program, SIGKILL), 0);
	assert_int_equal(run(f, 3, "exit 0"), 0);
	wait_answers(f, 3);
	assert_int_equal(f->result, RESOURCE_RESULT_OK);
	assert_int_not_equal(find_helper(), helper);
}

/* With the agent its helper ends, and what it was still running. */
static void test_agent_ends(void **state)
{
	struct fixture *f = *state;
	pid_t helper = find_helper(), program;

	assert_int_equal(run(f, 1, "echo $$ >$D/p; mv $D/p $D/pid; exec sleep 1000"), 0);
	wait_file(f, "pid");
	program = atoi(content(f, "pid"));
	f->exec = exec_free(f->exec);
	wait_dead(program);
	wait_dead(helper);
	assert_int_equal(f->answers, 0);
}

static void test_too_long(void **state)
{
	struct fixture *f = *state;
	char *big = malloc(200000);

	assert_non_null(big);
	memset(big, 'x', 199999);
	big[199999] = '\0';
	assert_int_equal(run(f, 1, big), -E2BIG);
	free(big);
	assert_int_equal(run(f, 2, "exit 0"), 0);
	wait_answers(f, 1);
	assert_int_equal(f->operation, 2);
}

/* ---- environment ---- */

static const char *get(char **env, const char *name)
{
	size_t n = strlen(name);

	for (; *env; env++)
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
			return *env + n + 1;
	return NULL;
}

static void test_environment(void **state)
{
	struct exec_context context = {
		.group = "web", .resource = "nginx", .cause = CAUSE_FAILOVER, .priority = 2};
	char **env = exec_env_new(&context);

	(void)state;
	assert_non_null(env);
	assert_string_equal(get(env, "CLP_EVENT"), "FAILOVER");
	assert_string_equal(get(env, "CLP_SERVER"), "OTHER");
	assert_string_equal(get(env, "CLP_GROUPNAME"), "web");
	assert_string_equal(get(env, "CLP_RESNAME"), "nginx");
	assert_string_equal(get(env, "CLP_DISK"), "SUCCESS");
	assert_string_equal(get(env, "CLP_PRIORITY"), "2");
	assert_string_equal(get(env, "CLP_OSNAME"), "Linux");
	assert_string_equal(get(env, "CLP_VERSION_FULL"), HOLDFAST_VERSION);
	assert_string_equal(get(env, "CLP_VERSION_MAJOR"), "0");
	assert_non_null(get(env, "PATH"));
	assert_null(get(env, "CLP_FACTOR")); /* of stops only */
	exec_env_free(env);
	context.stop = true;
	context.priority = 1;
	context.user = "www";
	env = exec_env_new(&context);
	assert_non_null(env);
	assert_string_equal(get(env, "CLP_SERVER"), "HOME");
	assert_string_equal(get(env, "CLP_FACTOR"), "GROUPFAILOVER");
	assert_string_equal(get(env, "USER"), "www");
	exec_env_free(env);
}

static void test_factors(void **state)
{
	static const struct {
		struct exec_context context;
		const char *factor;
	} cases[] = {
		{{.cause = CAUSE_ADMIN}, "GROUPSTOP"},
		{{.cause = CAUSE_ADMIN, .wanted_online = true}, "GROUPMOVE"},
		{{.cause = CAUSE_FAILURE, .wanted_online = true}, "GROUPFAILOVER"},
		{{.cause = CAUSE_LEAVE, .wanted_online = true}, "SERVERSHUTDOWN"},
		{{.cause = CAUSE_START, .leaving = true}, "SERVERSHUTDOWN"},
		{{.cause = CAUSE_START, .restart = true, .wanted_online = true}, "RESOURCERESTART"},
		{{.cause = CAUSE_START, .urgent = true}, "GROUPFAILOVER"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(exec_env_factor(&cases[i].context), cases[i].factor);
	assert_string_equal(exec_env_event(CAUSE_START), "START");
	assert_string_equal(exec_env_event(CAUSE_ADMIN), "START");
	assert_string_equal(exec_env_event(CAUSE_FAILURE), "FAILOVER");
	assert_string_equal(exec_env_event(CAUSE_LEAVE), "FAILOVER");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* A descriptor that is handed over is the program's standard input, and stays ours too. */
static void test_input(void **state)
{
	struct fixture *f = *state;
	char script[] = "read a && test \"$a\" = hello && ! read b";
	char sh[] = "/bin/sh", c[] = "-c";
	char *argv[] = {sh, c, script, NULL}, *env[] = {NULL};
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], "hello\n", 6), 6);
	assert_int_equal(close(fds[1]), 0);
	assert_int_equal(exec_run(f->exec, &(struct exec_program){.operation = 7,
								  .name = "input",
								  .argv = argv,
								  .env = env,
								  .input = fds[0]}),
			 0);
	assert_true(fcntl(fds[0], F_GETFD) >= 0);
	wait_answers(f, 1);
	assert_string_equal(f->text, "");
	assert_int_equal(f->result, RESOURCE_RESULT_OK);
	assert_int_equal(close(fds[0]), 0);
	/* the next one has none */
	argv[2] = (char[]){"! read a"};
	assert_int_equal(exec_run(f->exec, &(struct exec_program){.operation = 8,
								  .name = "input",
								  .argv = argv,
								  .env = env}),
			 0);
	wait_answers(f, 2);
	assert_int_equal(f->result, RESOURCE_RESULT_OK);
}

/* Its standard output, alone or beside an input; its other messages do not go there. */
static void test_output(void **state)
{
	struct fixture *f = *state;
	char script[] = "cat; echo done; echo no >&2";
	char sh[] = "/bin/sh", c[] = "-c";
	char *argv[] = {sh, c, script, NULL}, *env[] = {NULL};
	static const char *const expected[] = {"done\n", "hello\ndone\n"};

	for (int i = 0; i < 2; i++) {
		char got[64] = "";
		int in[2], out[2];

		assert_int_equal(pipe2(in, O_CLOEXEC), 0);
		assert_int_equal(pipe2(out, O_CLOEXEC), 0);
		assert_int_equal(write(in[1], "hello\n", 6), 6);
		assert_int_equal(close(in[1]), 0);
		assert_int_equal(exec_run(f->exec, &(struct exec_program){.operation = 7,
									  .name = "output",
									  .argv = argv,
									  .env = env,
									  .input = i ? in[0] : 0,
									  .output = out[1]}),
				 0);
		assert_int_equal(close(out[1]), 0);
		wait_answers(f, (unsigned int)i + 1);
		assert_int_equal(f->result, RESOURCE_RESULT_OK);
		assert_int_equal(read(out[0], got, sizeof got - 1), strlen(expected[i]));
		assert_string_equal(got, expected[i]);
		assert_int_equal(read(out[0], got, sizeof got - 1), 0); /* nobody has it any more */
		assert_int_equal(close(out[0]), 0);
		assert_int_equal(close(in[0]), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_results),
		TEST(test_cannot_execute),
		TEST(test_timeout_kills_group),
		TEST(test_term_first),
		TEST(test_kill_after_grace),
		TEST(test_daemon_survives),
		TEST(test_output_flood),
		TEST(test_inherits_nothing),
		TEST(test_user),
		TEST(test_many_at_once),
		TEST(test_helper_dies),
		TEST(test_agent_ends),
		TEST(test_too_long),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_factors),
		TEST(test_input),
		TEST(test_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
