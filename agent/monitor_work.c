/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checks whose work is done in a child: one at a time for each monitor, whatever it does. A few
 * processes wait for jobs, for to make one costs more than most checks: the pages of this process
 * are copied one by one when it goes on. One that hangs is killed.
 */
#include "agent/monitor_parse.h"
#include "agent/monitor_worker.h"
#include "util/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define IDLE_MAX 16
/* So many may be busy and not yet slow before another one is made: more would not be faster. Then
 * a check waits for one to become free, or to turn out to be slow. */
#define QUICK_MAX     8
#define SLOW_US	      (100 * USEC_PER_MSEC)
#define QUEUE_LOOK_US (20 * USEC_PER_MSEC)

/* A process for jobs. */
struct helper {
	struct jobs *jobs;
	struct helper *next;
	struct child *child;
	struct monitor *m; /* whose job it does; NULL: none */
	ha_time since;	   /* it does that */
	bool idle;	   /* waits for the next one */
};

struct jobs {
	struct worker *worker;
	struct helper *helpers;
	struct monitor *queue, **queue_end; /* wait for a helper */
	sd_event_source *timer;		    /* while some do */
};

/* What it is told. It is a copy of this process, so a pointer means the same there. */
struct order {
	const struct monitor *m;
	const struct job *job;
};

enum message_kind { MESSAGE_LINE, MESSAGE_RESULT };

/* What it says. */
struct message {
	enum message_kind kind;
	struct job_result result;
	char line[LINE_MAX_BYTES];
};
_Static_assert(sizeof(struct message) <= CHILD_MESSAGE_MAX, "messages are read whole");

/* ---- ends ---- */

static void start_job(struct monitor *m);
static void serve_queue(struct jobs *jobs);

/* The monitor's child has ended, or is free again. Returns whether that is the end of a check. */
static bool child_is_gone(struct monitor *m)
{
	bool mine = m->child_mine;

	m->child = NULL;
	m->child_mine = false;
	if (!m->child_waits)
		return mine && worker_checking(m);
	m->child_waits = false;
	start_job(m);
	return false;
}

static void say_ended(const struct monitor *m)
{
	if (child_is_stuck(m->child))
		log_notice("monitor %s: the process that could not be killed has ended",
			   m->config->name);
}

static void given_up(struct monitor *m)
{
	m->durations.stats.stuck++;
	m->unseen = true;
	log_err("monitor %s: process %d hangs in the kernel and cannot be killed; no other one is "
		"started on top of it",
		m->config->name, (int)child_pid(m->child));
}

/* ---- the other process ---- */

static int socket_fd; /* in a helper */

static bool say(const struct message *message)
{
	ssize_t n;

	do
		n = send(socket_fd, message, sizeof *message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof *message;
}

void job_say_line(const char *line)
{
	struct message message = {.kind = MESSAGE_LINE};

	(void)snprintf(message.line, sizeof message.line, "%s", line);
	(void)say(&message); /* a failure ends the process with its next message */
}

static _Noreturn void serve_jobs(int fd, void *userdata)
{
	(void)userdata;
	socket_fd = fd;
	for (;;) {
		struct message message = {.kind = MESSAGE_RESULT,
					  .result = {.outcome = MONITOR_GOOD}};
		struct order order;
		ssize_t n = read(fd, &order, sizeof order);

		if (n < 0 && errno == EINTR)
			continue;
		if (n != (ssize_t)sizeof order)
			_exit(0); /* the monitor process has no use for it any more */
		order.job->run(order.m, &message.result);
		if (!say(&message) || message.result.spent)
			_exit(0);
	}
}

/* ---- jobs ---- */

static unsigned int count_idle(const struct jobs *jobs)
{
	unsigned int n = 0;

	for (const struct helper *h = jobs->helpers; h; h = h->next)
		n += h->idle;
	return n;
}

/* It waits for the next job; if enough do so already it ends. */
static void make_idle(struct helper *helper)
{
	helper->m = NULL;
	if (count_idle(helper->jobs) >= IDLE_MAX)
		child_end(helper->child);
	else
		helper->idle = true;
}

static void take_result(struct helper *helper, struct job_result *result)
{
	struct monitor *m = helper->m;

	result->text[sizeof result->text - 1] = '\0';
	if (result->spent)
		helper->m = NULL; /* it ends by itself */
	else
		make_idle(helper);
	if (child_is_gone(m))
		m->job->done(m, result);
	serve_queue(helper->jobs);
}

static void on_message(const void *data, size_t n, void *userdata)
{
	struct helper *helper = userdata;
	struct message message;

	/* Of a check that was cut it means nothing: the process is being ended. */
	if (!helper->m || child_is_ending(helper->child) || n != sizeof message)
		return;
	memcpy(&message, data, sizeof message);
	message.line[sizeof message.line - 1] = '\0';
	if (message.kind == MESSAGE_LINE && helper->m->job->line)
		helper->m->job->line(helper->m, message.line);
	else if (message.kind == MESSAGE_RESULT)
		take_result(helper, &message.result);
}

static void remove_helper(struct helper *helper)
{
	struct helper **at = &helper->jobs->helpers;

	while (*at && *at != helper)
		at = &(*at)->next;
	if (*at)
		*at = helper->next;
	free(helper);
}

static void job_ended(int code, int status, void *userdata)
{
	struct helper *helper = userdata;
	struct monitor *m = helper->m;

	if (m)
		say_ended(m);
	remove_helper(helper);
	if (!m || !child_is_gone(m))
		return;
	if (code == CLD_EXITED)
		worker_failed(m, "the process that checks ended with exit status %d", status);
	else
		worker_failed(m, "the process that checks was killed by signal %d", status);
}

static void job_given_up(void *userdata)
{
	const struct helper *helper = userdata;

	if (helper->m)
		given_up(helper->m);
}

static int new_helper(struct jobs *jobs, struct helper **ret)
{
	struct helper *helper = calloc(1, sizeof *helper);
	const struct child_config config = {.run = serve_jobs,
					    .message = on_message,
					    .ended = job_ended,
					    .given_up = job_given_up,
					    .userdata = helper};
	int r;

	if (!helper)
		return -ENOMEM;
	helper->jobs = jobs;
	r = child_start(jobs->worker->children, &config, &helper->child);
	if (r < 0) {
		free(helper);
		return r;
	}
	helper->next = jobs->helpers;
	jobs->helpers = helper;
	*ret = helper;
	return 0;
}

/* -EAGAIN: enough are busy. */
static int take_helper(struct jobs *jobs, struct helper **ret)
{
	ha_time now = clock_boot();
	unsigned int quick = 0;

	for (struct helper *h = jobs->helpers; h; h = h->next) {
		if (h->idle) {
			h->idle = false;
			*ret = h;
			return 0;
		}
		quick += h->m && ha_time_since(now, h->since) < SLOW_US;
	}
	return quick < QUICK_MAX ? new_helper(jobs, ret) : -EAGAIN;
}

/* ---- the queue ---- */

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	serve_queue(userdata);
	return 0;
}

static void look_later(struct jobs *jobs)
{
	jobs->timer = sd_event_source_disable_unref(jobs->timer);
	if (sd_event_add_time_relative(jobs->worker->event, &jobs->timer, CLOCK_BOOTTIME,
				       QUEUE_LOOK_US, USEC_PER_MSEC, on_look, jobs) < 0)
		log_debug("no memory: checks wait for a process to become free");
}

static void enqueue(struct jobs *jobs, struct monitor *m)
{
	if (!jobs->queue)
		look_later(jobs);
	m->next_queued = NULL;
	m->queued = true;
	*jobs->queue_end = m;
	jobs->queue_end = &m->next_queued;
}

void worker_leave_queue(struct monitor *m)
{
	struct jobs *jobs = m->worker->jobs;
	struct monitor **at = &jobs->queue;

	while (*at != m)
		at = &(*at)->next_queued;
	*at = m->next_queued;
	if (jobs->queue_end == &m->next_queued)
		jobs->queue_end = at;
	m->queued = false;
}

/* -EAGAIN: it has to wait. Else its check goes on, or has failed. */
static int try_job(struct monitor *m)
{
	const struct order order = {.m = m, .job = m->job};
	struct helper *helper = NULL;
	int r = take_helper(m->worker->jobs, &helper);

	if (r == -EAGAIN)
		return r;
	if (r >= 0) {
		helper->m = m;
		helper->since = clock_boot();
		m->child = helper->child;
		m->child_mine = true;
		r = child_tell(helper->child, &order, sizeof order);
	}
	worker_waits(m, "%s", m->job->waits_for);
	if (r < 0) /* one that has just died is taken down by the end of the check */
		worker_failed(m, "cannot start a process: %s", error_words(-r));
	return 0;
}

static void serve_queue(struct jobs *jobs)
{
	while (jobs->queue) {
		struct monitor *m = jobs->queue;

		worker_leave_queue(m);
		if (try_job(m) == -EAGAIN) {
			/* at the front again */
			m->next_queued = jobs->queue;
			m->queued = true;
			if (!jobs->queue)
				jobs->queue_end = &m->next_queued;
			jobs->queue = m;
			look_later(jobs);
			return;
		}
	}
}

static void start_job(struct monitor *m)
{
	struct jobs *jobs = m->worker->jobs;

	worker_waits(m, "no process was free");
	if (jobs->queue || try_job(m) == -EAGAIN)
		enqueue(jobs, m);
}

int jobs_new(struct worker *w)
{
	w->jobs = calloc(1, sizeof *w->jobs);
	if (!w->jobs)
		return -ENOMEM;
	w->jobs->worker = w;
	w->jobs->queue_end = &w->jobs->queue;
	return 0;
}

void worker_start_job(struct monitor *m, const struct job *job)
{
	m->job = job;
	if (!m->child) {
		start_job(m);
	} else if (child_is_stuck(m->child)) {
		worker_timed_out(m, "process %d of an earlier check hangs and cannot be killed",
				 (int)child_pid(m->child));
	} else {
		m->child_waits = true;
		worker_waits(m, "an earlier check did not end");
	}
}

void job_failed(struct job_result *result, const char *what, int error)
{
	result->outcome = MONITOR_FAILED;
	(void)snprintf(result->text, sizeof result->text, "%s: %s", what, error_words(error));
}
