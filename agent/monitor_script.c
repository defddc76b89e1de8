/* SPDX-License-Identifier: GPL-3.0-or-later */
/* genw: a program that says by its exit code whether all is well. What it prints goes to the log,
 * so many lines at most; the last one is the reason of a failure. */
#include "agent/exec_child.h"
#include "agent/monitor_parse.h"
#include "agent/monitor_worker.h"
#include "util/clock.h"
#include "util/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define EXIT_NOT_RUN  127 /* what a shell says for the same */
#define PATH_VARIABLE "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Lines of all programs together, in LOG_RATELIMIT_INTERVAL_US: the journal limits what a service
 * may say, and events of the agent must not fall victim to that. */
#define LINES_MAX 200

/* ---- in the child ---- */

/* Standard error is the pipe by now: this becomes the reason of the failure. */
static _Noreturn void fail(const char *what, int error)
{
	(void)dprintf(STDERR_FILENO, "%s: %s\n", what, error_words(error));
	_exit(EXIT_NOT_RUN);
}

static void become_user(const char *user)
{
	enum exec_stage stage = EXEC_STAGE_FIND_USER;
	int r = exec_child_become_user(user, &stage);

	if (r == -ENOENT)
		fail("cannot find its user", ENOENT);
	if (r < 0)
		fail("cannot become its user", -r);
	/* The change of user has cleared it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void run_program(int fd, void *monitor)
{
	const struct monitor_config *config = ((const struct monitor *)monitor)->config;
	const char *user = config->user ? config->user : "root";
	char path[] = PATH_VARIABLE, user_variable[80], logname[80], name[80];
	char *env[] = {path, user_variable, logname, name, NULL};
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (in < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
	    dup2(fd, STDERR_FILENO) < 0)
		_exit(EXIT_NOT_RUN);
	(void)snprintf(user_variable, sizeof user_variable, "USER=%s", user);
	(void)snprintf(logname, sizeof logname, "LOGNAME=%s", user);
	(void)snprintf(name, sizeof name, "HOLDFAST_MONITOR=%s", config->name);
	worker_restore_descriptor_limit();
	if (chdir("/") < 0)
		fail("cannot go to /", errno);
	if (config->user)
		become_user(config->user);
	(void)execve(config->command[0], config->command, env);
	fail("cannot execute the program", errno);
}

/* ---- output ---- */

static bool may_log(struct monitor *m, unsigned int *ret_suppressed)
{
	struct log_ratelimit *all = &m->worker->lines;
	ha_time now = clock_boot();

	if (now.us - all->window_start_us >= LOG_RATELIMIT_INTERVAL_US)
		*all = (struct log_ratelimit){.window_start_us = now.us};
	if (all->logged >= LINES_MAX) {
		m->lines.suppressed++;
		return false;
	}
	if (!log_ratelimit(&m->lines, now.us, ret_suppressed))
		return false;
	all->logged++;
	return true;
}

/* Broken or hostile bytes do not reach the log. */
static void make_printable(char *line)
{
	for (size_t left = strlen(line); left > 0;) {
		size_t n = utf8_printable(line, left);

		if (n == 0) {
			*line = '?';
			n = 1;
		}
		line += n;
		left -= n;
	}
}

static void log_line(struct monitor *m, const char *line)
{
	unsigned int suppressed = 0;
	char copy[LINE_MAX_BYTES];

	if (!may_log(m, &suppressed))
		return;
	(void)snprintf(copy, sizeof copy, "%s", line);
	make_printable(copy);
	if (suppressed)
		log_info("monitor %s: %u more lines were left out", m->config->name, suppressed);
	log_info("monitor %s: %s", m->config->name, copy);
}

static void take_output(const char *data, size_t n, void *monitor)
{
	struct monitor *m = monitor;
	struct lines *lines = m->check;

	while (lines && n > 0) {
		bool line;
		size_t used = lines_feed(lines, data, n, &line);

		if (line)
			log_line(m, lines->last);
		data += used;
		n -= used;
	}
}

/* ---- the check ---- */

static void program_ended(struct monitor *m, int code, int status)
{
	struct lines *lines = m->check;
	const char *colon;

	if (lines_end(lines))
		log_line(m, lines->last);
	colon = lines->last[0] ? ": " : "";
	if (code == CLD_EXITED && status == 0)
		worker_good(m);
	else if (code == CLD_EXITED)
		worker_failed(m, "exit status %d%s%.70s", status, colon, lines->last);
	else
		worker_failed(m, "killed by signal %d%s%.70s", status, colon, lines->last);
}

static const struct work program = {
	.run = run_program, .ended = program_ended, .output = take_output};

static void script_begin(struct monitor *m)
{
	m->check = calloc(1, sizeof(struct lines));
	if (!m->check)
		worker_failed(m, "no memory");
	else
		worker_start_child(m, &program);
}

static void script_end(struct monitor *m)
{
	free(m->check);
	m->check = NULL;
}

const struct monitor_driver monitor_driver_genw = {.begin = script_begin, .end = script_end};
