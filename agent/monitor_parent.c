/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The agent's side of the monitor process: orders, verdicts, and a new one when it dies. */
#include "agent/monitor.h"

#include "agent/monitor_worker.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* So many starts within the window are made at once; further ones wait. */
#define STARTS_MAX	 3
#define STARTS_WINDOW_US (60 * USEC_PER_SEC)
#define START_PAUSE_US	 (30 * USEC_PER_SEC)
/* It is asked for figures so often, and must answer within the limit. */
#define ASK_US	    (5 * USEC_PER_SEC)
#define ANSWER_US   (60 * USEC_PER_SEC)
#define REPORTS_MAX (MONITOR_VERDICTS_MAX / MONITOR_REPORT_MAX) /* taken in one turn */
#define ZOMBIES_MAX 4

/* What one monitor was ordered. */
struct ordered {
	bool run, failing;
	bool unsent;
	bool resumed;  /* it ran in a process that died */
	uint32_t turn; /* verdicts of earlier ones are stale */
	struct monitor_stats stats;
};

struct monitors {
	struct monitors_config config;
	uint16_t n;
	struct ordered *ordered;
	uint16_t ratio;
	uint32_t turn;
	bool ratio_unsent, ask_unsent;
	bool full; /* the socket has no room */
	/* the process */
	pid_t pid; /* 0: none */
	int socket;
	sd_event_source *source;
	pid_t zombies[ZOMBIES_MAX]; /* former ones that have not ended yet */
	unsigned int starts;
	ha_time starts_since;
	ha_time start_at; /* another one; NEVER: it runs */
	/* figures */
	ha_time ask_at, answer_by;
	uint32_t asked; /* turn; 0: answered */
};

static int start(struct monitors *m, ha_time now);

/* ---- the process ---- */

static void reap(struct monitors *m)
{
	for (int i = 0; i < ZOMBIES_MAX; i++)
		if (m->zombies[i] > 0 && waitpid(m->zombies[i], NULL, WNOHANG) != 0)
			m->zombies[i] = 0;
}

/* Closes what leads to it; it ends by itself when its socket is closed. */
static void let_go(struct monitors *m)
{
	m->source = sd_event_source_disable_unref(m->source);
	cleanup_closep(&m->socket);
	m->socket = -1;
	reap(m);
	for (int i = 0; m->pid > 0 && i < ZOMBIES_MAX; i++)
		if (m->zombies[i] == 0) {
			m->zombies[i] = m->pid;
			m->pid = 0;
		}
	m->pid = 0; /* no room: init reaps it after us */
	reap(m);
}

/* All that is in force has to be said again. */
static void begin_anew(struct monitors *m)
{
	for (uint16_t i = 0; i < m->n; i++) {
		struct ordered *o = &m->ordered[i];

		o->resumed = o->run && !o->unsent;
		o->unsent = o->run;
	}
	m->ratio_unsent = m->ratio > 1;
	m->full = m->ask_unsent = false;
	m->asked = 0;
}

/* How long to wait until another one is started: it may die again and again. */
static uint64_t pause_us(struct monitors *m, ha_time now)
{
	if (ha_time_since(now, m->starts_since) >= STARTS_WINDOW_US) {
		m->starts_since = now;
		m->starts = 0;
	}
	return ++m->starts <= STARTS_MAX ? 0 : START_PAUSE_US;
}

static void died(struct monitors *m, const char *text, ha_time now)
{
	uint64_t wait_us = pause_us(m, now);

	begin_anew(m);
	m->start_at = ha_time_add(now, wait_us);
	m->config.died(text, wait_us, m->config.userdata);
}

/* How it ended, if that is known. */
static void socket_ended(struct monitors *m, ha_time now)
{
	pid_t pid = m->pid;
	char text[EVENT_TEXT_SIZE] = "the monitor process has ended";
	int status = 0;

	if (pid > 0 && waitpid(pid, &status, WNOHANG) == pid) {
		m->pid = 0;
		if (WIFSIGNALED(status))
			(void)snprintf(text, sizeof text,
				       "the monitor process was killed by signal %d",
				       WTERMSIG(status));
		else
			(void)snprintf(text, sizeof text,
				       "the monitor process ended with exit status %d",
				       WEXITSTATUS(status));
	}
	let_go(m);
	died(m, text, now);
}

/* It is there, but answers nothing. */
static void kill_hanging(struct monitors *m, ha_time now)
{
	if (m->pid > 0)
		(void)kill(m->pid, SIGKILL);
	let_go(m);
	died(m, "the monitor process hung and was killed", now);
}

/* ---- orders ---- */

static bool send_orders(struct monitors *m, const struct monitor_orders *orders)
{
	if (m->socket < 0 || m->full)
		return false;
	if (send(m->socket, orders, sizeof *orders, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	/* Any other failure: it has died, and the end of the socket says so. */
	if ((errno == EAGAIN || errno == ENOBUFS) &&
	    sd_event_source_set_io_events(m->source, EPOLLIN | EPOLLOUT) >= 0)
		m->full = true;
	return false;
}

static struct monitor_order order_of(const struct monitors *m, uint16_t index)
{
	const struct ordered *o = &m->ordered[index];

	return (struct monitor_order){.kind = MONITOR_ORDER_RUN,
				      .run = o->run,
				      .failing = o->failing,
				      .resumed = o->resumed,
				      .monitor = index,
				      .turn = o->turn};
}

static void flush_orders(struct monitors *m)
{
	static struct monitor_orders orders;
	uint16_t next = 0;

	while (next < m->n) {
		orders.n = 0;
		for (; next < m->n && orders.n < MONITOR_ORDERS_MAX; next++)
			if (m->ordered[next].unsent)
				orders.items[orders.n++] = order_of(m, next);
		if (orders.n && !send_orders(m, &orders))
			return;
		for (uint32_t i = 0; i < orders.n; i++)
			m->ordered[orders.items[i].monitor].unsent = false;
	}
}

/* False: there is no room for it now. */
static bool send_one(struct monitors *m, const struct monitor_order *order)
{
	const struct monitor_orders orders = {.n = 1, .items = {*order}};

	return send_orders(m, &orders);
}

static void flush(struct monitors *m)
{
	/* The ratio first: no check is to begin with the wrong time limit. */
	if (m->ratio_unsent)
		m->ratio_unsent = !send_one(
			m, &(struct monitor_order){.kind = MONITOR_ORDER_RATIO, .ratio = m->ratio});
	if (m->ratio_unsent)
		return;
	flush_orders(m);
	if (m->ask_unsent)
		m->ask_unsent = !send_one(
			m, &(struct monitor_order){.kind = MONITOR_ORDER_STATS, .turn = m->asked});
}

void monitor_order(struct monitors *monitors, uint16_t monitor, bool run, bool failing)
{
	struct ordered *o;

	if (monitor >= monitors->n)
		return;
	o = &monitors->ordered[monitor];
	if (o->run == run && o->failing == failing)
		return;
	if (o->run != run) {
		o->turn = ++monitors->turn;
		o->resumed = false;
	}
	o->run = run;
	o->failing = failing;
	o->unsent = true;
	flush(monitors);
}

void monitor_ratio(struct monitors *monitors, uint16_t ratio)
{
	if (ratio == 0)
		ratio = 1;
	if (monitors->ratio == ratio)
		return;
	monitors->ratio = ratio;
	monitors->ratio_unsent = true;
	flush(monitors);
}

/* ---- reports ---- */

static void take_verdict(struct monitors *m, struct monitor_verdict *v)
{
	const struct ordered *o;

	if (v->monitor >= m->n)
		return;
	o = &m->ordered[v->monitor];
	if (!o->run || o->turn != v->turn)
		return; /* on its way when it was stopped */
	if (v->status != MONITOR_NORMAL && v->status != MONITOR_CAUTION &&
	    v->status != MONITOR_ERROR)
		return;
	v->text[sizeof v->text - 1] = '\0';
	m->config.verdict(v->monitor, v->status, v->text, m->config.userdata);
}

static void take_report(struct monitors *m, struct monitor_report *report)
{
	if (report->n > MONITOR_REPORT_MAX)
		return;
	switch ((enum monitor_report_kind)report->kind) {
	case MONITOR_REPORT_VERDICTS:
		for (uint32_t i = 0; i < report->n; i++)
			take_verdict(m, &report->verdicts[i]);
		break;
	case MONITOR_REPORT_STATS:
		for (uint32_t i = 0; i < report->n; i++)
			if (report->figures[i].monitor < m->n)
				m->ordered[report->figures[i].monitor].stats =
					report->figures[i].stats;
		break;
	case MONITOR_REPORT_DONE:
		if (m->asked == report->turn)
			m->asked = 0;
		break;
	default:
		break;
	}
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	static struct monitor_report report;
	struct monitors *m = userdata;

	if (events & EPOLLOUT) {
		m->full = false;
		if (sd_event_source_set_io_events(source, EPOLLIN) < 0)
			log_err("cannot change what is waited for of the monitor process");
		flush(m);
	}
	for (unsigned int i = 0; i < REPORTS_MAX; i++) {
		ssize_t n = recv(fd, &report, sizeof report, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			socket_ended(m, clock_boot());
			break;
		}
		if (n == (ssize_t)sizeof report)
			take_report(m, &report);
	}
	m->config.settled(m->config.userdata);
	return 0;
}

/* ---- figures ---- */

void monitor_stats(const struct monitors *monitors, uint16_t monitor, struct monitor_stats *ret)
{
	if (monitor < monitors->n)
		*ret = monitors->ordered[monitor].stats;
	else
		*ret = (struct monitor_stats){0};
}

static void ask(struct monitors *m, ha_time now)
{
	uint32_t turn = ++m->turn ? m->turn : ++m->turn;

	m->ask_at = ha_time_add(now, ASK_US);
	if (m->asked)
		return;
	m->asked = turn;
	m->answer_by = ha_time_add(now, ANSWER_US);
	m->ask_unsent = true;
	flush(m);
}

void monitor_stats_refresh(struct monitors *monitors)
{
	if (monitors->pid > 0)
		ask(monitors, clock_boot());
}

/* ---- time ---- */

ha_time monitor_deadline(const struct monitors *monitors)
{
	ha_time at = monitors->start_at;

	if (monitors->pid > 0) {
		at = ha_time_min(at, monitors->ask_at);
		if (monitors->asked)
			at = ha_time_min(at, monitors->answer_by);
	}
	return at;
}

void monitor_dispatch(struct monitors *monitors, ha_time now)
{
	reap(monitors);
	if (ha_time_reached(monitors->start_at, now)) {
		int r = start(monitors, now);

		if (r < 0)
			died(monitors, "the monitor process cannot be started", now);
		return;
	}
	if (monitors->pid <= 0)
		return;
	if (monitors->asked && ha_time_reached(monitors->answer_by, now))
		kill_hanging(monitors, now);
	else if (ha_time_reached(monitors->ask_at, now))
		ask(monitors, now);
}

/* ---- life ---- */

static int start(struct monitors *m, ha_time now)
{
	int r = monitor_worker_start(m->config.config, &m->pid, &m->socket);

	if (r < 0)
		return r;
	r = sd_event_add_io(m->config.event, &m->source, m->socket, EPOLLIN, on_socket, m);
	if (r >= 0)
		r = sd_event_source_set_priority(m->source, m->config.priority);
	if (r < 0) {
		let_go(m);
		return r;
	}
	m->start_at = HA_TIME_NEVER;
	m->ask_at = ha_time_add(now, ASK_US);
	flush(m);
	return 0;
}

int monitor_new(const struct monitors_config *config, struct monitors **ret)
{
	struct monitors *m = calloc(1, sizeof *m);
	int r;

	if (!m)
		return -ENOMEM;
	m->config = *config;
	m->socket = -1;
	m->n = config->config->n_monitors;
	m->ratio = 1;
	m->start_at = HA_TIME_NEVER;
	m->ordered = calloc(m->n + 1U, sizeof *m->ordered);
	r = m->ordered ? 0 : -ENOMEM;
	if (r >= 0 && m->n > 0) /* nothing to check: no process */
		r = start(m, clock_boot());
	if (r < 0) {
		(void)monitor_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

static void end_process(struct monitors *m)
{
	m->full = false;
	/* If there is no room for it the process ends with its socket, but less politely. */
	(void)send_one(m, &(struct monitor_order){.kind = MONITOR_ORDER_END});
	let_go(m);
}

struct monitors *monitor_free(struct monitors *monitors)
{
	if (!monitors)
		return NULL;
	end_process(monitors);
	free(monitors->ordered);
	free(monitors);
	return NULL;
}

static const struct ordered *find_ordered(const struct monitors *m, const char *name)
{
	for (uint16_t i = 0; i < m->n; i++)
		if (strcmp(m->config.config->monitors[i].name, name) == 0)
			return &m->ordered[i];
	return NULL;
}

int monitor_reconfigure(struct monitors *monitors, const struct config *config)
{
	struct ordered *ordered = calloc(config->n_monitors + 1U, sizeof *ordered);
	ha_time now = clock_boot();

	if (!ordered)
		return -ENOMEM;
	for (uint16_t i = 0; i < config->n_monitors; i++) {
		const struct ordered *old = find_ordered(monitors, config->monitors[i].name);

		if (!old)
			continue;
		ordered[i] = *old;
		ordered[i].turn = ++monitors->turn;
	}
	end_process(monitors);
	free(monitors->ordered);
	monitors->ordered = ordered;
	monitors->n = config->n_monitors;
	monitors->config.config = config;
	begin_anew(monitors);
	monitors->start_at = HA_TIME_NEVER;
	if (monitors->n > 0 && start(monitors, now) < 0)
		died(monitors, "the monitor process cannot be started", now);
	return 0;
}

pid_t monitor_pid(const struct monitors *monitors)
{
	return monitors->pid;
}
