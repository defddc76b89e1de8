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
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define EXIT_NOT_RUN  127 /* what a shell says for the same */
#define PATH_VARIABLE "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Lines of one run that are handed on; of the others only the last one counts. */
#define LINES_OF_RUN 10
/* So much is read at once, and then the program has to wait. */
#define READ_BYTES    16384
#define READ_PAUSE_NS (20 * 1000 * 1000)

/* Lines of all programs together, in LOG_RATELIMIT_INTERVAL_US: the journal limits what a service
 * may say, and events of the agent must not fall victim to that. */
#define LINES_MAX 200

/* ---- the program, from vfork to exec: it borrows the memory of its parent ---- */

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
}

static _Noreturn void become_program(const struct monitor_config *config, char **env, int out)
{
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (in < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(out, STDERR_FILENO) < 0)
		_exit(EXIT_NOT_RUN);
	worker_restore_descriptor_limit();
	if (chdir("/") < 0)
		fail("cannot go to /", errno);
	if (config->user)
		become_user(config->user);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of user clears it */
	(void)execve(config->command[0], config->command, env);
	fail("cannot execute the program", errno);
}

static pid_t start_program(const struct monitor_config *config, int out)
{
	const char *user = config->user ? config->user : "root";
	char path[] = PATH_VARIABLE, user_variable[80], logname[80], name[80];
	char *env[] = {path, user_variable, logname, name, NULL};
	pid_t pid;

	(void)snprintf(user_variable, sizeof user_variable, "USER=%s", user);
	(void)snprintf(logname, sizeof logname, "LOGNAME=%s", user);
	(void)snprintf(name, sizeof name, "HOLDFAST_MONITOR=%s", config->name);
	/*
	 * To look up a user takes more of the C library than borrowed memory allows. Else nothing
	 * is copied: that is most of what a check costs.
	 */
	if (config->user)
		pid = fork();
	else
		pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
	if (pid == 0)
		become_program(config, env, out); /* NOLINT(clang-analyzer-unix.Vfork) */
	return pid < 0 ? -errno : pid;
}

/* ---- its parent, a process for jobs ---- */

struct run {
	int out;   /* what it prints */
	int pidfd; /* readable when it has ended */
	struct lines lines;
	unsigned int said; /* lines handed on */
	uint64_t left_out;
};

static volatile sig_atomic_t terminated;

/* The whole group got the signal: the program may clean up, its parent waits for that. */
static void on_terminate(int number)
{
	(void)number;
	terminated = 1;
}

static void hand_on_line(struct run *run)
{
	if (run->said >= LINES_OF_RUN) {
		run->left_out++;
		return;
	}
	run->said++;
	job_say_line(run->lines.last);
}

/* Returns the number of bytes; 0: no more for now, or ever. */
static size_t read_output(struct run *run)
{
	char data[4096];
	ssize_t n = read(run->out, data, sizeof data);

	for (ssize_t at = 0; at < n;) {
		bool line;

		at += (ssize_t)lines_feed(&run->lines, data + at, (size_t)(n - at), &line);
		if (line)
			hand_on_line(run);
	}
	return n > 0 ? (size_t)n : 0;
}

/* Until it has ended. A flood slows down whoever makes it. */
static void watch_program(struct run *run)
{
	struct pollfd fds[] = {{.fd = run->pidfd, .events = POLLIN},
			       {.fd = run->out, .events = POLLIN}};
	const struct timespec pause = {.tv_nsec = READ_PAUSE_NS};
	size_t sum = 0;

	while (!fds[0].revents) {
		if (poll(fds, 2, -1) < 0)
			continue; /* interrupted */
		if (fds[1].revents & POLLIN)
			sum += read_output(run);
		else if (fds[1].revents)
			fds[1].fd = -1; /* it has closed its output */
		if (sum >= READ_BYTES) {
			sum = 0;
			(void)nanosleep(&pause, NULL);
		}
	}
	for (sum = 0; sum < READ_BYTES * 4;) { /* what a pipe can hold */
		size_t n = read_output(run);

		if (n == 0)
			break;
		sum += n;
	}
	if (lines_end(&run->lines))
		hand_on_line(run);
}

/* Orphans of the program came to us. True: some go on, so this process has to go with them. */
static bool orphans_are_left(void)
{
	siginfo_t si;

	for (;;) {
		si.si_pid = 0;
		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG) < 0)
			return errno != ECHILD;
		if (si.si_pid == 0)
			return true;
	}
}

static int watch(struct run *run, pid_t pid, struct job_result *ret)
{
	siginfo_t si = {0};

	run->pidfd = pidfd_open(pid, 0);
	if (run->pidfd < 0)
		return -errno;
	watch_program(run);
	if (waitid(P_PID, (id_t)pid, &si, WEXITED) < 0)
		return -errno;
	if (terminated)
		_exit(0);
	ret->value[0] = (uint64_t)si.si_code;
	ret->value[1] = (uint64_t)si.si_status;
	ret->value[2] = run->left_out;
	ret->spent = orphans_are_left();
	(void)snprintf(ret->text, sizeof ret->text, "%.95s", run->lines.last);
	return 0;
}

static int run_in(struct run *run, const struct monitor *m, struct job_result *ret)
{
	_cleanup_close_ int theirs = -1;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	run->out = fds[0];
	theirs = fds[1];
	if (fcntl(run->out, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = start_program(m->config, theirs);
	if (pid < 0)
		return pid;
	cleanup_closep(&theirs);
	theirs = -1;
	return watch(run, pid, ret);
}

static void run_program(const struct monitor *m, struct job_result *ret)
{
	static struct run run;
	const struct sigaction wait = {.sa_handler = on_terminate};
	int r;

	run = (struct run){.out = -1, .pidfd = -1};
	(void)sigaction(SIGTERM, &wait, NULL);
	r = run_in(&run, m, ret);
	(void)signal(SIGTERM, SIG_DFL);
	cleanup_closep(&run.out);
	cleanup_closep(&run.pidfd);
	if (r >= 0)
		return;
	/* Whatever is left of it goes with this process. */
	ret->spent = true;
	job_failed(ret, "cannot start a process", -r);
}

/* ---- lines in the log ---- */

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

/* ---- the check ---- */

static void program_ended(struct monitor *m, const struct job_result *result)
{
	int code = (int)result->value[0], status = (int)result->value[1];
	const char *colon = result->text[0] ? ": " : "";

	m->lines.suppressed += (unsigned int)result->value[2];
	if (result->outcome != MONITOR_GOOD)
		worker_failed(m, "%s", result->text);
	else if (code == CLD_EXITED && status == 0)
		worker_good(m);
	else if (code == CLD_EXITED)
		worker_failed(m, "exit status %d%s%.70s", status, colon, result->text);
	else
		worker_failed(m, "killed by signal %d%s%.70s", status, colon, result->text);
}

static const struct job script_job = {
	.run = run_program, .done = program_ended, .line = log_line, .waits_for = "not finished"};

static void script_begin(struct monitor *m)
{
	worker_start_job(m, &script_job);
}

const struct monitor_driver monitor_driver_genw = {.begin = script_begin};
