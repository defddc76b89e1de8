/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/monitor_child.h"

#include "util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define CHILD_FD	  3
#define TIMER_ACCURACY_US USEC_PER_MSEC
/* How often it is looked whether a group is gone whose leader has ended; and later. */
#define REMAINS_US	(20 * USEC_PER_MSEC)
#define REMAINS_LONG_US (500 * USEC_PER_MSEC)

/*
 *   running --child_end--> terminating --grace--> killed --grace--> given up
 *      |                       |                     |                 |
 *      +-- leader ended -------+---------------------+-----------------+--> others of its group
 *                                                        gone: ended()  <--  left? --> given up
 */
enum child_phase { CHILD_RUNNING, CHILD_TERMINATING, CHILD_KILLED, CHILD_GIVEN_UP };

struct child {
	struct children *children;
	struct child *next;
	struct child_config config;
	enum child_phase phase;
	bool remains;	  /* the leader was reaped, its group is not empty */
	ha_time killed;	  /* then */
	int code, status; /* how the leader ended */
	pid_t pid;	  /* also its group */
	int fd;
	sd_event_source *source; /* of `fd` */
	sd_event_source *timer;	 /* of the phase */
};

struct children {
	sd_event *event;
	sd_event_source *signal;
	struct child *list;
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
	if (fd != CHILD_FD && dup3(fd, CHILD_FD, O_CLOEXEC) < 0)
		_exit(1);
	if (close_range(CHILD_FD + 1, ~0U, 0) < 0)
		_exit(1);
	config->run(CHILD_FD, config->userdata);
	_exit(1);
}

/* ---- messages ---- */

static int on_message(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct child *child = userdata;
	char data[CHILD_MESSAGE_MAX];
	ssize_t n = recv(fd, data, sizeof data, MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n > 0)
		child->config.message(data, (size_t)n, child->config.userdata);
	else /* its end is told by a signal */
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

int child_tell(struct child *child, const void *data, size_t n)
{
	if (send(child->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

/* ---- end ---- */

static void release(struct child *child)
{
	struct child **at = &child->children->list;

	while (*at && *at != child)
		at = &(*at)->next;
	if (*at)
		*at = child->next;
	sd_event_source_disable_unref(child->source);
	sd_event_source_disable_unref(child->timer);
	cleanup_closep(&child->fd);
	free(child);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

/* Without memory for a timer there is no grace. */
static bool set_timer(struct child *child, uint64_t us)
{
	child->timer = sd_event_source_disable_unref(child->timer);
	return sd_event_add_time_relative(child->children->event, &child->timer, CLOCK_BOOTTIME, us,
					  TIMER_ACCURACY_US, on_timer, child) >= 0;
}

static bool group_is_left(pid_t group)
{
	return kill(-group, 0) == 0;
}

static void give_up(struct child *child)
{
	if (child->phase == CHILD_GIVEN_UP)
		return;
	child->phase = CHILD_GIVEN_UP;
	child->config.given_up(child->config.userdata);
}

/* The leader is gone. What was killed with it may take a moment, or hang. */
static void look_at_remains(struct child *child)
{
	ha_time now = clock_boot();

	if (!group_is_left(child->pid)) {
		child->config.ended(child->code, child->status, child->config.userdata);
		release(child);
		return;
	}
	if (!child->remains)
		child->killed = now;
	child->remains = true;
	if (ha_time_since(now, child->killed) >= CHILD_KILL_GRACE_US)
		give_up(child);
	else if (child->phase == CHILD_RUNNING)
		child->phase = CHILD_KILLED;
	if (!set_timer(child, child->phase == CHILD_GIVEN_UP ? REMAINS_LONG_US : REMAINS_US))
		give_up(child);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct child *child = userdata;

	(void)source;
	(void)usec;
	if (child->remains) {
		look_at_remains(child);
	} else if (child->phase == CHILD_TERMINATING) {
		(void)child_signal(child->pid, SIGKILL);
		child->phase = CHILD_KILLED;
		if (!set_timer(child, CHILD_KILL_GRACE_US))
			give_up(child);
	} else {
		give_up(child);
	}
	return 0;
}

void child_end(struct child *child)
{
	if (child->phase != CHILD_RUNNING)
		return;
	child->phase = CHILD_TERMINATING;
	(void)child_signal(child->pid, SIGTERM);
	if (!set_timer(child, CHILD_TERM_GRACE_US))
		(void)child_signal(child->pid, SIGKILL);
}

static void take_end(struct children *children, const siginfo_t *si)
{
	struct child *child = children->list;
	siginfo_t reaped;

	while (child && (child->remains || child->pid != si->si_pid))
		child = child->next;
	/* Still a zombie, so its number means its group: nothing of a check outlives it. */
	if (child)
		(void)child_signal(child->pid, SIGKILL);
	(void)waitid(P_PID, (id_t)si->si_pid, &reaped, WEXITED | WNOHANG);
	if (!child)
		return; /* an orphan of one, or of a start that failed half way */
	child->code = si->si_code;
	child->status = si->si_status;
	look_at_remains(child);
}

/* One signal may stand for many ends. */
static int on_signal(sd_event_source *source, const struct signalfd_siginfo *ignored,
		     void *userdata)
{
	(void)source;
	(void)ignored;
	for (;;) {
		siginfo_t si = {0};

		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0 || si.si_pid == 0)
			return 0;
		take_end(userdata, &si);
	}
}

bool child_is_stuck(const struct child *child)
{
	return child->phase == CHILD_GIVEN_UP;
}

bool child_is_ending(const struct child *child)
{
	return child->phase != CHILD_RUNNING;
}

pid_t child_pid(const struct child *child)
{
	return child->pid;
}

/* ---- start ---- */

static int make(struct child *child)
{
	_cleanup_close_ int theirs = -1;
	pid_t self = getpid();
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	child->fd = fds[0];
	theirs = fds[1];
	child->pid = fork();
	if (child->pid < 0)
		return -errno;
	if (child->pid == 0)
		become_child(&child->config, self, theirs);
	return 0;
}

int child_start(struct children *children, const struct child_config *config, struct child **ret)
{
	struct child *child = calloc(1, sizeof *child);
	int r;

	if (!child)
		return -ENOMEM;
	child->children = children;
	child->config = *config;
	child->fd = -1;
	r = make(child);
	if (r >= 0)
		r = sd_event_add_io(children->event, &child->source, child->fd, EPOLLIN, on_message,
				    child);
	if (r < 0) {
		if (child->pid > 0)
			(void)child_signal(child->pid, SIGKILL);
		release(child);
		return r;
	}
	child->next = children->list;
	children->list = child;
	*ret = child;
	return 0;
}

int children_new(sd_event *event, struct children **ret)
{
	struct children *children = calloc(1, sizeof *children);
	int r;

	if (!children)
		return -ENOMEM;
	children->event = event;
	/* Orphans of a group come to us: reaped, they no longer count as left. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	r = sd_event_add_signal(event, &children->signal, SIGCHLD, on_signal, children);
	if (r < 0) {
		free(children);
		return r;
	}
	*ret = children;
	return 0;
}

struct children *children_free(struct children *children)
{
	if (!children)
		return NULL;
	while (children->list) {
		(void)child_signal(children->list->pid, SIGKILL);
		release(children->list); /* we end soon: init reaps it */
	}
	sd_event_source_disable_unref(children->signal);
	free(children);
	return NULL;
}
