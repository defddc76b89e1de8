/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/monitor_child.h"

#include "util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define OUTPUT_FD	  3
#define TIMER_ACCURACY_US USEC_PER_MSEC
/* Rest of its output that is read when it has ended: what a pipe can hold. */
#define REST_MAX 65536

/*
 *   running --child_end--> terminating --grace--> killed --grace--> given up
 *      |                       |                     |                 |
 *      +----------------------- ended() -----------------------------  +
 */
enum child_phase { CHILD_RUNNING, CHILD_TERMINATING, CHILD_KILLED, CHILD_GIVEN_UP };

struct child {
	struct child_config config;
	enum child_phase phase;
	pid_t pid; /* also its group */
	int pidfd, output;
	sd_event_source *end_source, *output_source;
	sd_event_source *grace; /* of the phase */
	sd_event_source *pause; /* until more of its output is read */
};

/* ---- the new process ---- */

static _Noreturn void become_child(const struct child_config *config, pid_t parent, int fd)
{
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setsid() < 0 || getppid() != parent)
		_exit(1);
	/* What the monitor process has set: all else it inherited itself. */
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGHUP, SIG_DFL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (fd != OUTPUT_FD && dup3(fd, OUTPUT_FD, O_CLOEXEC) < 0)
		_exit(1);
	if (close_range(OUTPUT_FD + 1, ~0U, 0) < 0)
		_exit(1);
	config->run(OUTPUT_FD, config->userdata);
	_exit(1);
}

/* ---- output ---- */

/* Returns the number of bytes read, 0 at the end, -EAGAIN. */
static ssize_t read_some(struct child *child, size_t max)
{
	char data[4096];
	ssize_t n = read(child->output, data, max < sizeof data ? max : sizeof data);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n > 0)
		child->config.output(data, (size_t)n, child->config.userdata);
	return n;
}

static void set_enabled(sd_event_source *source, int enabled)
{
	if (source)
		(void)sd_event_source_set_enabled(source, enabled); /* fails in no way here */
}

static int on_pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct child *child = userdata;

	(void)source;
	(void)usec;
	set_enabled(child->output_source, SD_EVENT_ON);
	return 0;
}

/* Too much at once: the pipe fills, and its writers wait. */
static void pause_output(struct child *child)
{
	if (sd_event_source_set_time_relative(child->pause, CHILD_READ_PAUSE_US) < 0)
		return;
	set_enabled(child->output_source, SD_EVENT_OFF);
	set_enabled(child->pause, SD_EVENT_ONESHOT);
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct child *child = userdata;
	size_t sum = 0;

	(void)source;
	(void)fd;
	(void)events;
	while (sum < CHILD_READ_BYTES) {
		ssize_t n = read_some(child, CHILD_READ_BYTES - sum);

		if (n == -EAGAIN)
			return 0;
		if (n <= 0) {
			set_enabled(child->output_source, SD_EVENT_OFF);
			return 0;
		}
		sum += (size_t)n;
	}
	pause_output(child);
	return 0;
}

/* ---- end ---- */

static struct child *release(struct child *child)
{
	sd_event_source_disable_unref(child->end_source);
	sd_event_source_disable_unref(child->output_source);
	sd_event_source_disable_unref(child->grace);
	sd_event_source_disable_unref(child->pause);
	cleanup_closep(&child->pidfd);
	cleanup_closep(&child->output);
	free(child);
	return NULL;
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct child *child = userdata;
	siginfo_t si = {0};

	(void)source;
	(void)events;
	if (waitid(P_PIDFD, (id_t)fd, &si, WEXITED | WNOHANG | WNOWAIT) < 0 || si.si_pid == 0)
		return 0;
	/* Still a zombie, so its number means its group: nothing of a check outlives it. */
	(void)child_signal(child->pid, SIGKILL);
	for (size_t sum = 0; sum < REST_MAX;) {
		ssize_t n = read_some(child, REST_MAX - sum);

		if (n <= 0)
			break;
		sum += (size_t)n;
	}
	(void)waitid(P_PIDFD, (id_t)fd, &si, WEXITED | WNOHANG);
	child->config.ended(si.si_code, si.si_status, child->config.userdata);
	(void)release(child);
	return 0;
}

static int on_grace_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct child *child = userdata;

	(void)source;
	(void)usec;
	if (child->phase == CHILD_TERMINATING) {
		(void)child_signal(child->pid, SIGKILL);
		child->phase = CHILD_KILLED;
		if (sd_event_source_set_time_relative(child->grace, CHILD_KILL_GRACE_US) >= 0)
			set_enabled(child->grace, SD_EVENT_ONESHOT);
	} else {
		child->phase = CHILD_GIVEN_UP;
		child->config.given_up(child->config.userdata);
	}
	return 0;
}

void child_end(struct child *child)
{
	if (child->phase != CHILD_RUNNING)
		return;
	child->phase = CHILD_TERMINATING;
	(void)child_signal(child->pid, SIGTERM);
	if (sd_event_source_set_time_relative(child->grace, CHILD_TERM_GRACE_US) >= 0)
		set_enabled(child->grace, SD_EVENT_ONESHOT);
}

bool child_is_stuck(const struct child *child)
{
	return child->phase == CHILD_GIVEN_UP;
}

pid_t child_pid(const struct child *child)
{
	return child->pid;
}

struct child *child_free(struct child *child)
{
	if (!child)
		return NULL;
	(void)child_signal(child->pid, SIGKILL);
	return release(child); /* whoever forked it ends soon: init reaps it */
}

/* ---- start ---- */

static int add_sources(struct child *child)
{
	sd_event *event = child->config.event;
	int r;

	r = sd_event_add_io(event, &child->end_source, child->pidfd, EPOLLIN, on_end, child);
	if (r >= 0)
		r = sd_event_add_io(event, &child->output_source, child->output, EPOLLIN, on_output,
				    child);
	/* What others wait for comes before what a child has to say. */
	if (r >= 0)
		r = sd_event_source_set_priority(child->output_source, SD_EVENT_PRIORITY_IDLE);
	if (r >= 0)
		r = sd_event_add_time(event, &child->grace, CLOCK_BOOTTIME, UINT64_MAX,
				      TIMER_ACCURACY_US, on_grace_over, child);
	if (r >= 0)
		r = sd_event_add_time(event, &child->pause, CLOCK_BOOTTIME, UINT64_MAX,
				      TIMER_ACCURACY_US, on_pause_over, child);
	return r < 0 ? r : 0;
}

static int make(struct child *child)
{
	_cleanup_close_ int write_fd = -1;
	pid_t self = getpid();
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	child->output = fds[0];
	write_fd = fds[1];
	if (fcntl(child->output, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	child->pid = fork();
	if (child->pid < 0)
		return -errno;
	if (child->pid == 0)
		become_child(&child->config, self, write_fd);
	child->pidfd = pidfd_open(child->pid, 0);
	return child->pidfd < 0 ? -errno : 0;
}

int child_start(const struct child_config *config, struct child **ret)
{
	struct child *child = calloc(1, sizeof *child);
	int r;

	if (!child)
		return -ENOMEM;
	child->config = *config;
	child->pidfd = child->output = -1;
	r = make(child);
	if (r >= 0)
		r = add_sources(child);
	if (r < 0) {
		if (child->pid > 0) {
			(void)child_signal(child->pid, SIGKILL);
			(void)waitpid(child->pid, NULL, WNOHANG); /* else init, one day */
		}
		(void)release(child);
		return r;
	}
	*ret = child;
	return 0;
}
