/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fence/run.h"

#include "util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * The only globals of the drivers: what the signal handler must know. `child` is the process
 * group to be taken along.
 */
static volatile pid_t child;
static volatile sig_atomic_t proved;
static char last_words[128];

/* Async-signal-safe: a library may be in the middle of anything. */
static void on_end(int signal)
{
	if (child > 0)
		(void)kill(-child, SIGKILL);
	if (signal == SIGALRM && write(STDERR_FILENO, last_words, strlen(last_words)) < 0)
		_exit(1);
	_exit(signal == SIGALRM && proved ? 0 : 1);
}

void fence_deadline_arm(const char *program, uint64_t us)
{
	struct sigaction sa = {.sa_handler = on_end};
	struct itimerspec t = {
		.it_value = {.tv_sec = (time_t)(us / USEC_PER_SEC),
			     .tv_nsec = (long)(us % USEC_PER_SEC * 1000)},
	};
	timer_t timer;

	(void)snprintf(last_words, sizeof last_words, "%s: deadline of %g s reached\n", program,
		       (double)us / USEC_PER_SEC);
	(void)sigfillset(&sa.sa_mask);
	(void)sigaction(SIGALRM, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGHUP, &sa, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	if (timer_create(CLOCK_BOOTTIME, NULL, &timer) < 0 ||
	    timer_settime(timer, 0, &t, NULL) < 0) {
		(void)fputs("no timer: the deadline cannot be kept\n", stderr);
		exit(1);
	}
}

void fence_deadline_proved(void)
{
	proved = 1;
}

/* In the child, after fork: only async-signal-safe calls. Does not return. */
static void run_child(const struct fence_run *run, int out, pid_t parent)
{
	char *const argv[] = {(char *)(uintptr_t)run->path, NULL};
	struct sigaction standard = {.sa_handler = SIG_DFL};
	sigset_t none;
	int null = open("/dev/null", O_RDONLY);

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(125);
	(void)sigemptyset(&none);
	for (int s = 1; s < SIGRTMIN; s++)
		(void)sigaction(s, &standard, NULL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(out >= 0 ? out : STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(125);
	(void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	(void)execve(run->path, argv, run->env);
	_exit(126);
}

static int poll_ms(ha_time until)
{
	uint64_t ms = (ha_time_since(until, clock_boot()) + 999) / USEC_PER_MSEC;

	return ms > 3600000 ? 3600000 : (int)ms;
}

/* Takes what is there. 1: end of output. -E2BIG: more than fits. */
static int take_output(int fd, const struct fence_run *run, size_t *n)
{
	char spill;
	bool full = *n == run->out_size;
	ssize_t r = read(fd, full ? &spill : run->out + *n, full ? 1 : run->out_size - *n);

	if (r < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	if (r > 0 && full)
		return -E2BIG;
	*n += (size_t)r;
	return r == 0;
}

/* Until the program ended, with all of its output, or the deadline. */
static int wait_end(const struct fence_run *run, int pidfd, int out, size_t *n)
{
	struct pollfd p[] = {{.fd = pidfd, .events = POLLIN}, {.fd = out, .events = POLLIN}};

	for (;;) {
		int r = poll(p, 2, poll_ms(run->until));

		if (r < 0 && errno != EINTR)
			return -errno;
		if (ha_time_reached(run->until, clock_boot()))
			return -ETIME;
		if (r <= 0)
			continue;
		if (p[1].revents) {
			r = take_output(out, run, n);
			if (r < 0)
				return r;
			p[1].fd = r > 0 ? -1 : out;
		} else if (p[0].revents) {
			return 0; /* what its children may still print does not matter */
		}
	}
}

int fence_run(const struct fence_run *run, size_t *ret_n)
{
	_cleanup_close_ int pidfd = -1, in = -1, out = -1;
	pid_t parent = getpid(), pid;
	size_t n = 0;
	int ends[2] = {-1, -1}, status, r;

	if (run->out && pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	in = ends[0];
	out = ends[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_child(run, out, parent);
	(void)setpgid(pid, pid); /* both sides, whoever comes first */
	child = pid;
	if (out >= 0)
		(void)close(TAKE_FD(out));
	pidfd = pidfd_open(pid, 0);
	r = pidfd < 0 ? -errno : wait_end(run, pidfd, in, &n);
	if (r < 0)
		(void)kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	child = 0;
	if (r < 0)
		return r;
	if (!WIFEXITED(status))
		return -EINTR;
	if (ret_n)
		*ret_n = n;
	return WEXITSTATUS(status);
}
