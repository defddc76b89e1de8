/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/store_parent.h"
#include "util/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * The agent's side of the store process. Nothing here waits for it: one state and one batch of
 * events may be on their way, everything else stays in memory until the answer.
 */

#define SOCKET_MESSAGES	 4 /* twice what can be on its way */
#define STARTS_MAX	 5 /* of the child in STARTS_WINDOW_US: it may die again and again */
#define STARTS_WINDOW_US (10 * USEC_PER_SEC)
#define REAP_WAIT_US	 (200 * USEC_PER_MSEC) /* for a child that was killed */
#define REAP_STEP_NS	 (1000 * 1000)

/* ---- the child ---- */

static void reap(pid_t *pid)
{
	if (*pid > 0 && waitpid(*pid, NULL, WNOHANG) != 0)
		*pid = 0; /* ended, or (ECHILD) somebody else reaped it */
}

/* What an unprivileged process may have by the kernel's default (net.core.wmem_max, doubled). */
_Static_assert(SOCKET_MESSAGES * sizeof(struct store_message) <= 2 * 212992,
	       "a message is too large for the socket buffers of an untuned system");

/* A kernel limit below our need would make a state wait behind events. */
static int size_socket(int fd)
{
	const int want = SOCKET_MESSAGES * (int)sizeof(struct store_message);
	int have = 0;
	socklen_t size = sizeof have;

	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &have, &size) == 0 && have >= want)
		return 0;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &want, sizeof want);
	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &have, &size) < 0)
		return -errno;
	return have >= want ? 0 : -ENOBUFS;
}

int store_open_descriptors(struct store *store)
{
	struct epoll_event interest = {.events = EPOLLIN};

	store->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (store->epoll_fd < 0)
		return -errno;
	store->report_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (store->report_fd < 0)
		return -errno;
	return epoll_ctl(store->epoll_fd, EPOLL_CTL_ADD, store->report_fd, &interest) < 0 ? -errno
											  : 0;
}

static bool may_start(struct store *store)
{
	ha_time now = clock_boot();

	if (ha_time_since(now, store->starts_since) >= STARTS_WINDOW_US) {
		store->starts_since = now;
		store->starts = 0;
	}
	return store->starts < STARTS_MAX;
}

int store_start_child(struct store *store)
{
	struct epoll_event interest = {.events = EPOLLIN};
	_cleanup_close_ int ours = -1, theirs = -1;
	struct store_child child = {.parent = getpid(),
				    .lock_fd = store->lock_fd,
				    .directory_fd = store->directory_fd,
				    .io = &store->io};
	int fds[2], r;
	pid_t pid;

	reap(&store->zombie);
	if (!may_start(store))
		return -EAGAIN;
	store->starts++;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	ours = fds[0];
	theirs = fds[1];
	r = size_socket(ours);
	if (r < 0)
		return r;
	child.socket = theirs;
	r = store_spawn(&child, &pid);
	if (r < 0)
		return r;
	if (epoll_ctl(store->epoll_fd, EPOLL_CTL_ADD, ours, &interest) < 0) {
		r = -errno; /* the child ends when `ours` is closed */
		store->zombie = pid;
		return r;
	}
	store->child = pid;
	store->socket = TAKE_FD(ours);
	return 0;
}

/* ---- events ---- */

/* Counts what fell out of memory before it was written. Not while records are on their way. */
static void settle_lost(struct store *store)
{
	uint64_t first = event_memory_first(store->memory);

	if (store->in_flight == 0 && store->unconfirmed < first) {
		store->lost += first - store->unconfirmed;
		store->unconfirmed = first;
	}
}

static void events_done(struct store *store, int result)
{
	if (result >= 0) {
		store->unconfirmed = store->flight_first + store->in_flight;
		store->next_sequence += store->in_flight;
	}
	store->in_flight = 0;
	settle_lost(store);
}

/* The child is gone: nothing on its way will be answered. */
static void bury_child(struct store *store)
{
	(void)epoll_ctl(store->epoll_fd, EPOLL_CTL_DEL, store->socket, NULL);
	(void)close(store->socket);
	store->socket = -1;
	reap(&store->zombie);
	store->zombie = store->child;
	store->child = 0;
	reap(&store->zombie);
	store->say_dead = true;
	store->lost_state = store->sent_generation != 0;
	(void)eventfd_write(store->report_fd, 1);
	events_done(store, -EPIPE);
}

/* Starts a child if there is none. A message that found a dead one is sent to a new one. */
static int send_message(struct store *store, const struct store_message *message)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		int r = store->socket < 0 ? store_start_child(store) : 0;

		if (r < 0)
			return r;
		if (send(store->socket, message, sizeof *message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return 0;
		r = -errno;
		if (r != -EPIPE && r != -ECONNRESET)
			return r;
		bury_child(store);
	}
	return -EPIPE;
}

static void send_batch(struct store *store)
{
	struct store_message message = {.kind = STORE_MESSAGE_EVENTS};
	uint64_t waiting;
	uint32_t n;

	settle_lost(store);
	waiting = event_memory_next(store->memory) - store->unconfirmed;
	n = waiting < STORE_BATCH ? (uint32_t)waiting : STORE_BATCH;
	if (n == 0 || store->in_flight || store->hold_events)
		return;
	message.events.records = store->ring_records;
	message.events.n = n;
	message.events.first = store->next_sequence;
	for (uint32_t i = 0; i < n; i++)
		message.events.items[i] = *event_memory_at(store->memory, store->unconfirmed + i);
	if (send_message(store, &message) < 0)
		return; /* they wait for the next append */
	store->flight_first = store->unconfirmed;
	store->in_flight = n;
}

void store_send_events(struct store *store)
{
	/* A dead child is first told to the caller, who may have a state to write. */
	if (!store->say_dead)
		send_batch(store);
}

uint64_t store_append_event(struct store *store, const struct event *event, uint64_t origin_number,
			    uint64_t origin_incarnation, uint64_t wall_us)
{
	struct event_record record = {.event = *event,
				      .number = store->next_number++,
				      .origin_number = origin_number,
				      .origin_incarnation = origin_incarnation,
				      .wall_us = wall_us};

	if (origin_number == 0)
		record.origin_number = record.number;
	event_record_sanitize(&record);
	event_memory_append(store->memory, &record);
	store_send_events(store);
	return record.number;
}

uint64_t store_events_lost(const struct store *store)
{
	uint64_t kept = event_memory_first(store->memory);
	uint64_t from =
		store->in_flight ? store->flight_first + store->in_flight : store->unconfirmed;

	return store->lost + (kept > from ? kept - from : 0);
}

/* ---- state ---- */

int store_write_state(struct store *store, const struct durable_state *state)
{
	struct store_message message = {.kind = STORE_MESSAGE_STATE};
	int r;

	if (store->sent_generation)
		return -EBUSY;
	if (state->generation <= store->newest_generation || !state_valid(state))
		return -EINVAL;
	state_position_target(&store->position, &message.state.target);
	message.state.state = *state;
	r = send_message(store, &message);
	if (r < 0)
		return r;
	store->target = message.state.target;
	store->sent_generation = state->generation;
	store->newest_generation = state->generation;
	return 0;
}

static void state_done(struct store *store, int result, struct store_answer *ret)
{
	*ret = (struct store_answer){.generation = store->sent_generation, .result = result};
	state_position_done(&store->position, &store->target, store->sent_generation, result);
	store->sent_generation = 0;
	store->lost_state = false;
	if (result >= 0)
		store->hold_events = false;
}

/* ---- answers ---- */

static int take_reply(struct store *store, const struct store_reply *reply,
		      struct store_answer *ret)
{
	if (reply->kind == STORE_MESSAGE_STATE && store->sent_generation) {
		state_done(store, reply->result, ret);
		store_send_events(store);
		return 1;
	}
	if (reply->kind == STORE_MESSAGE_EVENTS && store->in_flight) {
		events_done(store, reply->result);
		*ret = (struct store_answer){.result = reply->result};
		if (reply->result >= 0)
			store_send_events(store);
		return 1;
	}
	return 0; /* not an answer to anything */
}

/* What has to be told about a child that died: -EPIPE, or 1 with the answer that it owes. */
static int take_report(struct store *store, struct store_answer *ret)
{
	eventfd_t count;

	if (store->lost_state) {
		state_done(store, -EPIPE, ret);
		return 1;
	}
	store->say_dead = false;
	(void)eventfd_read(store->report_fd, &count);
	return -EPIPE;
}

int store_dispatch(struct store *store, struct store_answer *ret)
{
	struct store_reply reply;
	ssize_t n;

	reap(&store->zombie);
	if (store->say_dead)
		return take_report(store, ret);
	if (store->socket < 0)
		return 0;
	n = recv(store->socket, &reply, sizeof reply, MSG_DONTWAIT);
	if (n == sizeof reply)
		return take_reply(store, &reply, ret);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return 0;
	bury_child(store);
	return take_report(store, ret);
}

/* ---- the end ---- */

static bool busy(const struct store *store)
{
	return store->socket >= 0 && !store->say_dead &&
	       (store->sent_generation || store->in_flight);
}

/* Until all answers are in, a write fails, the child is dead, or `until`. */
static void finish_writes(struct store *store, ha_time until)
{
	store_send_events(store);
	while (busy(store) && ha_time_before(clock_boot(), until)) {
		struct pollfd pfd = {.fd = store->socket, .events = POLLIN};
		uint64_t left_ms = ha_time_since(until, clock_boot()) / USEC_PER_MSEC;
		struct store_answer answer;

		(void)poll(&pfd, 1, left_ms > 1000 ? 1000 : (int)left_ms + 1);
		if (store_dispatch(store, &answer) < 0)
			break;
	}
}

static void wait_for_end(pid_t *pid, ha_time until)
{
	const struct timespec step = {.tv_nsec = REAP_STEP_NS};

	for (reap(pid); *pid > 0 && ha_time_before(clock_boot(), until); reap(pid))
		(void)nanosleep(&step, NULL);
}

struct store *store_free(struct store *store, uint64_t wait_us)
{
	ha_time until = ha_time_add(clock_boot(), wait_us);

	if (!store)
		return NULL;
	if (store->memory)
		finish_writes(store, until);
	if (store->socket >= 0) {
		(void)close(store->socket);
		wait_for_end(&store->child, until);
		if (store->child > 0) {
			/* A disk that hangs may keep even this from ending it. */
			(void)kill(store->child, SIGKILL);
			wait_for_end(&store->child, ha_time_add(clock_boot(), REAP_WAIT_US));
		}
	}
	reap(&store->zombie);
	event_memory_free(store->memory);
	cleanup_closep(&store->report_fd);
	cleanup_closep(&store->epoll_fd);
	cleanup_closep(&store->lock_fd);
	cleanup_closep(&store->directory_fd);
	free(store);
	return NULL;
}
