/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks whose work is done in a child: one at a time for each monitor, whatever it does. */
#include "agent/monitor_worker.h"

#include "util/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static void start(struct monitor *m);

static void on_output(const char *data, size_t n, void *userdata)
{
	struct monitor *m = userdata;

	if (m->child_mine)
		m->work->output(data, n, m);
}

static void on_ended(int code, int status, void *userdata)
{
	struct monitor *m = userdata;
	bool mine = m->child_mine;

	if (child_is_stuck(m->child))
		log_notice("monitor %s: the process that could not be killed has ended",
			   m->config->name);
	m->child = NULL; /* freed by who calls */
	m->child_mine = false;
	if (m->child_waits) {
		m->child_waits = false;
		start(m);
	} else if (mine && worker_checking(m)) {
		m->work->ended(m, code, status);
	}
}

static void on_given_up(void *userdata)
{
	struct monitor *m = userdata;

	m->durations.stats.stuck++;
	m->unseen = true;
	log_err("monitor %s: process %d hangs in the kernel and cannot be killed; no other one is "
		"started on top of it",
		m->config->name, (int)child_pid(m->child));
}

static void start(struct monitor *m)
{
	const struct child_config config = {.event = m->worker->event,
					    .run = m->work->run,
					    .output = on_output,
					    .ended = on_ended,
					    .given_up = on_given_up,
					    .userdata = m};
	int r;

	m->result_n = 0;
	worker_waits(m, "not finished");
	r = child_start(&config, &m->child);
	if (r < 0)
		worker_failed(m, "cannot start a process: %s", error_words(-r));
	else
		m->child_mine = true;
}

void worker_start_child(struct monitor *m, const struct work *work)
{
	m->work = work;
	if (!m->child) {
		start(m);
	} else if (child_is_stuck(m->child)) {
		worker_timed_out(m, "process %d of an earlier check hangs and cannot be killed",
				 (int)child_pid(m->child));
	} else {
		m->child_waits = true;
		worker_waits(m, "an earlier check did not end");
	}
}

/* ---- children that are no programs ---- */

void worker_take_result(const char *data, size_t n, void *monitor)
{
	struct monitor *m = monitor;

	if (n > sizeof m->result - m->result_n)
		n = sizeof m->result - m->result_n;
	memcpy((char *)&m->result + m->result_n, data, n);
	m->result_n += n;
}

const struct child_result *worker_result(struct monitor *m, int code, int status)
{
	static struct child_result failure;

	if (code == CLD_EXITED && status == 0 && m->result_n == sizeof m->result) {
		m->result.text[sizeof m->result.text - 1] = '\0';
		return &m->result;
	}
	failure = (struct child_result){.outcome = MONITOR_FAILED};
	if (code == CLD_EXITED)
		(void)snprintf(failure.text, sizeof failure.text,
			       "the process that checks ended with exit status %d", status);
	else
		(void)snprintf(failure.text, sizeof failure.text,
			       "the process that checks was killed by signal %d", status);
	return &failure;
}

void worker_child_done(int fd, const struct child_result *result)
{
	/* Smaller than PIPE_BUF into an empty pipe: whole or not at all. */
	_exit(write(fd, result, sizeof *result) == (ssize_t)sizeof *result ? 0 : 1);
}
