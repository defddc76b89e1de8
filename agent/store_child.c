/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/store_internal.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The store process: does the writes that the agent must not wait for. It knows nothing but the
 * message at hand, so a new one can take over at any time. It ends when its agent is gone or has
 * shut the socket down, after what was handed to it is done; no signal but SIGKILL ends it
 * earlier: all signals are blocked, and DEATH_SIGNAL is let in only while it waits.
 */

#define DEATH_SIGNAL SIGUSR2

static void on_death_signal(int number)
{
	(void)number; /* its only purpose is to end ppoll() */
}

/* Leaves open what the child needs, and standard input, output and error. */
static void close_others(const struct store_child *child)
{
	int keep[] = {child->socket, child->lock_fd, child->directory_fd};
	const size_t n = sizeof keep / sizeof keep[0];
	unsigned int from = STDERR_FILENO + 1;

	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && keep[k] < keep[k - 1]; k--) {
			int swap = keep[k];

			keep[k] = keep[k - 1];
			keep[k - 1] = swap;
		}
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < (int)from)
			continue;
		if (keep[i] > (int)from)
			(void)close_range(from, (unsigned int)keep[i] - 1, 0);
		from = (unsigned int)keep[i] + 1;
	}
	(void)close_range(from, ~0U, 0);
}

/* Undoes what a real-time agent with signal handlers may have set up before the fork. */
static void become_plain(const struct store_child *child)
{
	const struct sched_param normal = {0};
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	for (int number = 1; number < NSIG; number++)
		(void)sigaction(number, &action, NULL); /* fails for SIGKILL and such */
	action.sa_handler = on_death_signal;
	(void)sigaction(DEATH_SIGNAL, &action, NULL);
	(void)prctl(PR_SET_PDEATHSIG, DEATH_SIGNAL);
	(void)prctl(PR_SET_NAME, "holdfast-store");
	(void)sched_setscheduler(0, SCHED_OTHER, &normal);
	(void)setpriority(PRIO_PROCESS, 0, 0);
	close_others(child);
}

/* True when there is something to read, false when the agent is gone. */
static bool wait_for_work(const struct store_child *child)
{
	struct pollfd pfd = {.fd = child->socket, .events = POLLIN};
	sigset_t mask;

	(void)sigfillset(&mask);
	(void)sigdelset(&mask, DEATH_SIGNAL);
	for (;;) {
		/* An agent that died before PR_SET_PDEATHSIG was set sends no signal. */
		bool orphan = getppid() != child->parent;
		const struct timespec now = {0};
		int r = ppoll(&pfd, 1, orphan ? &now : NULL, &mask);

		if (r > 0)
			return true;
		if (orphan || (r < 0 && errno != EINTR))
			return false;
	}
}

static bool answer(const struct store_child *child, uint32_t kind, int result)
{
	const struct store_reply reply = {.kind = kind, .result = result};

	return send(child->socket, &reply, sizeof reply, MSG_NOSIGNAL) == sizeof reply;
}

/* One message of each kind may wait: both are taken, the state is written first. */
struct work {
	bool has_state, has_events;
	struct store_message state, events;
};

/* False: the agent closed its end. */
static bool take_work(const struct store_child *child, struct work *work)
{
	work->has_state = work->has_events = false;
	while (!work->has_state || !work->has_events) {
		struct store_message message;
		ssize_t n = recv(child->socket, &message, sizeof message, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return true;
		if (n != sizeof message)
			return false;
		if (message.kind == STORE_MESSAGE_STATE) {
			work->has_state = true;
			work->state = message;
		} else {
			work->has_events = true;
			work->events = message;
		}
	}
	return true;
}

static void do_work(const struct store_child *child, const struct work *work)
{
	int r;

	if (work->has_state) {
		r = state_file_write(child->io, &work->state.state.target,
				     &work->state.state.state);
		(void)answer(child, STORE_MESSAGE_STATE, r);
	}
	if (work->has_events) {
		r = ring_file_write(child->io, &work->events.events);
		(void)answer(child, STORE_MESSAGE_EVENTS, r);
	}
}

bool store_child_serve(const struct store_child *child)
{
	static struct work work; /* too large for comfort on the stack */
	bool more = take_work(child, &work);

	do_work(child, &work);
	return more;
}

void store_child_run(const struct store_child *child)
{
	bool more = true;

	become_plain(child);
	store_lock_note(child->lock_fd, child->parent, getpid());
	while (more && wait_for_work(child))
		more = store_child_serve(child);
	_exit(0);
}
