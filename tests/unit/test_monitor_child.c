/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Children that cannot be killed, as one that hangs in the kernel: child_signal() is replaced here
 * by one that does nothing while the file "unkillable" exists. */
#include "monitor_world.h"

#include "agent/monitor_child.h"

#include <errno.h>
#include <signal.h>

static char flag[128];

int child_signal(pid_t pid, int number)
{
	if (access(flag, F_OK) == 0)
		return 0;
	if (kill(-pid, number) < 0 && kill(pid, number) < 0)
		return -errno;
	return 0;
}

static unsigned int count_children(const struct monitor_world *w)
{
	char command[256];
	unsigned int n = 0;
	FILE *pipe;

	(void)snprintf(command, sizeof command, "cat /proc/%d/task/*/children | wc -w",
		       (int)monitor_pid(w->monitors));
	pipe = popen(command, "re");
	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%u", &n), 1);
	(void)pclose(pipe);
	return n;
}

/* It is given up and counted, no second one is started on top of it, others go on; and when it
 * ends after all, so do the checks. */
static void test_unkillable(void **state)
{
	struct monitor_world *w = *state;
	static char *hang[] = {(char *)(uintptr_t) "/bin/sleep", (char *)(uintptr_t) "1000", NULL};
	static char *good[] = {(char *)(uintptr_t) "/bin/true", NULL};
	struct monitor_config *m = add_monitor(w, MONITOR_GENW);
	struct monitor_stats stats;
	const struct said *s;
	int pid = 0;

	m->command = hang;
	m->timeout_us = 100 * USEC_PER_MSEC;
	m = add_monitor(w, MONITOR_GENW);
	m->command = good;
	(void)snprintf(flag, sizeof flag, "%s/unkillable", w->directory);
	write_file(w, "unkillable", "");
	run_all(w);
	s = await_status(w, 0, MONITOR_ERROR);
	assert_string_equal(s->text, "not finished within 100ms");
	/* while its end is awaited */
	s = await_status(w, 0, MONITOR_ERROR);
	assert_string_equal(s->text, "an earlier check did not end within 100ms");
	do
		s = await_status(w, 0, MONITOR_ERROR);
	while (sscanf(s->text, "process %d of an earlier check hangs and cannot be killed", &pid) !=
	       1);
	assert_true(pid > 0 && kill(pid, 0) == 0);
	stats = stats_of(w, 0);
	assert_true(stats.stuck == 1 && stats.timeouts >= 3 && stats.timeouts == stats.failures);
	assert_true(count_children(w) <= 2); /* that one, and perhaps one of the other monitor */
	assert_true(stats_of(w, 1).checks >= 5);
	/* the disk answers again */
	assert_int_equal(unlink(flag), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	do
		s = await_status(w, 0, MONITOR_ERROR);
	while (strcmp(s->text, "not finished within 100ms") != 0);
	assert_true(stats_of(w, 0).stuck == 1);
}

static void test_stopped_while_stuck(void **state)
{
	struct monitor_world *w = *state;
	static char *hang[] = {(char *)(uintptr_t) "/bin/sleep", (char *)(uintptr_t) "1000", NULL};
	struct monitor_config *m = add_monitor(w, MONITOR_GENW);
	const struct said *s;
	int pid = 0;

	m->command = hang;
	m->timeout_us = 100 * USEC_PER_MSEC;
	(void)snprintf(flag, sizeof flag, "%s/unkillable", w->directory);
	write_file(w, "unkillable", "");
	run_all(w);
	do
		s = await_status(w, 0, MONITOR_ERROR);
	while (sscanf(s->text, "process %d of", &pid) != 1);
	monitor_order(w->monitors, 0, false, false);
	run_world(w, 300000);
	monitor_order(w->monitors, 0, true, false);
	s = await_status(w, 0, MONITOR_ERROR);
	assert_int_equal(sscanf(s->text, "process %d of", &pid), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(unlink(flag), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, monitor_world_setup, monitor_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unkillable),
		TEST(test_stopped_while_stuck),
	};

	return cmocka_run_group_tests_name("monitor_child", tests, NULL, NULL);
}
