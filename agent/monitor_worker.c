/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop of the monitor process: orders in, checks when they are due. Ends with the agent. */
#include "agent/monitor_worker.h"

#include "agent/exec_child.h"
#include "agent/monitor_report.h"
#include "util/clock.h"
#include "util/parse.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define SOCKET_FD	  3
#define TIMER_ACCURACY_US USEC_PER_MSEC
#define ORDER_PRIORITY	  (-10)
/* A monitor has a child with two descriptors, or a socket. */
#define DESCRIPTORS_NEEDED (3 * MONITORS_MAX)

static const struct monitor_driver *const drivers[MONITOR_TYPE_COUNT_] = {
	[MONITOR_FIPW] = &monitor_driver_fipw,	 [MONITOR_IPW] = &monitor_driver_ipw,
	[MONITOR_MIIW] = &monitor_driver_miiw,	 [MONITOR_GENW] = &monitor_driver_genw,
	[MONITOR_PIDW] = &monitor_driver_pidw,	 [MONITOR_PSW] = &monitor_driver_psw,
	[MONITOR_USERW] = &monitor_driver_userw, [MONITOR_SYSTEMDW] = &monitor_driver_systemdw,
	[MONITOR_TCPW] = &monitor_driver_tcpw,	 [MONITOR_HTTPW] = &monitor_driver_httpw,
	[MONITOR_DISKW] = &monitor_driver_diskw,
};

/* ---- checks ---- */

static void set_timer(struct monitor *m)
{
	ha_time at = monitor_plan_deadline(&m->plan);

	if (sd_event_source_set_time(m->timer, at.us) < 0 ||
	    sd_event_source_set_enabled(m->timer,
					at.us == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT) < 0)
		log_err("cannot set the timer of monitor %s", m->config->name);
}

bool worker_checking(const struct monitor *m)
{
	return m->plan.phase == MONITOR_CHECKING;
}

/* Takes down what a check has set up; its child is ended, and waited for by the next check. */
static void clear_check(struct monitor *m)
{
	m->child_waits = m->child_mine = false;
	if (m->queued)
		worker_leave_queue(m);
	if (m->child)
		child_end(m->child);
	if (m->driver->end)
		m->driver->end(m);
}

static void end_check(struct monitor *m, enum monitor_outcome outcome, const char *text)
{
	ha_time now = clock_boot();

	if (!worker_checking(m))
		return;
	if (m->failing) {
		outcome = MONITOR_FAILED;
		text = "dummy failure";
	}
	monitor_stats_add(&m->durations, outcome, ha_time_since(now, m->plan.started));
	m->unseen = true;
	if (monitor_plan_end(&m->plan, outcome, now))
		report_verdict(m, text);
	clear_check(m);
	set_timer(m);
}

void worker_good(struct monitor *m)
{
	end_check(m, MONITOR_GOOD, "");
}

void worker_failed(struct monitor *m, const char *format, ...)
{
	char text[EVENT_TEXT_SIZE];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	end_check(m, MONITOR_FAILED, text);
}

void worker_timed_out(struct monitor *m, const char *format, ...)
{
	char text[EVENT_TEXT_SIZE];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	end_check(m, MONITOR_TIMED_OUT, text);
}

void worker_waits(struct monitor *m, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(m->waits_for, sizeof m->waits_for, format, ap);
	va_end(ap);
}

void worker_hurry(struct monitor *m)
{
	monitor_plan_hurry(&m->plan, clock_boot());
	set_timer(m);
}

static void begin_check(struct monitor *m, ha_time now)
{
	uint64_t late_us = monitor_plan_begin(&m->plan, now);

	monitor_stats_late(&m->durations, late_us, m->plan.config.interval_us);
	worker_waits(m, "not finished");
	set_timer(m);
	if (m->failing && !m->driver->works_failing)
		worker_good(m);
	else
		m->driver->begin(m);
}

/* The time limit has passed. */
static void cut_check(struct monitor *m)
{
	char limit[DURATION_STRLEN];

	(void)format_duration(limit, monitor_plan_limit_us(&m->plan));
	if (m->driver->silence_is_failure)
		worker_failed(m, "%.70s within %s", m->waits_for, limit);
	else
		worker_timed_out(m, "%.70s within %s", m->waits_for, limit);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct monitor *m = userdata;
	ha_time now = clock_boot();

	(void)source;
	(void)usec;
	if (!ha_time_reached(monitor_plan_deadline(&m->plan), now))
		set_timer(m);
	else if (worker_checking(m))
		cut_check(m);
	else if (m->plan.phase == MONITOR_WAITING)
		begin_check(m, now);
	return 0;
}

/* ---- orders ---- */

static void stop_monitor(struct monitor *m)
{
	monitor_plan_stop(&m->plan);
	clear_check(m);
	if (m->driver->stop)
		m->driver->stop(m);
	set_timer(m);
}

static void order_run(struct worker *w, const struct monitor_order *order)
{
	struct monitor *m;

	if (order->monitor >= w->config->n_monitors)
		return;
	m = &w->monitors[order->monitor];
	m->failing = order->failing;
	/* Another turn: it was stopped, and perhaps run again, in between. */
	if (m->plan.phase != MONITOR_STOPPED && (!order->run || order->turn != m->turn)) {
		report_forget(m);
		stop_monitor(m);
	}
	m->turn = order->turn;
	if (m->plan.phase == MONITOR_STOPPED && order->run) {
		monitor_plan_run(&m->plan, !order->resumed, clock_boot());
		set_timer(m);
	}
}

static void order_ratio(struct worker *w, uint16_t ratio)
{
	for (uint16_t i = 0; i < w->config->n_monitors; i++) {
		monitor_plan_ratio(&w->monitors[i].plan, ratio);
		set_timer(&w->monitors[i]);
	}
}

/* Nothing of a check goes on without this process; devices are let go in good order. */
static _Noreturn void end_in_good_order(struct worker *w)
{
	for (uint16_t i = 0; i < w->config->n_monitors; i++) {
		struct monitor *m = &w->monitors[i];

		if (m->plan.phase != MONITOR_STOPPED)
			stop_monitor(m);
	}
	w->children = children_free(w->children);
	w->bus = bus_free(w->bus);
	w->icmp = icmp_free(w->icmp);
	w->netlink = netlink_free(w->netlink);
	w->processes = processes_free(w->processes);
	_exit(0);
}

/* The agent has died: whoever feeds a watchdog does not say good-bye to it. */
static _Noreturn void end_orphaned(struct worker *w)
{
	w->children = children_free(w->children);
	_exit(0);
}

static void take_order(struct worker *w, const struct monitor_order *order)
{
	switch ((enum monitor_order_kind)order->kind) {
	case MONITOR_ORDER_RUN:
		order_run(w, order);
		break;
	case MONITOR_ORDER_RATIO:
		order_ratio(w, order->ratio);
		break;
	case MONITOR_ORDER_STATS:
		w->stats_turn = order->turn;
		break;
	case MONITOR_ORDER_END:
		end_in_good_order(w);
	default:
		break;
	}
}

static int on_orders(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct worker *w = userdata;
	static struct monitor_orders orders;
	ssize_t n;

	(void)source;
	if (events & EPOLLOUT)
		report_room(w);
	n = recv(fd, &orders, sizeof orders, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		end_orphaned(w);
	if (n != (ssize_t)sizeof orders || orders.n > MONITOR_ORDERS_MAX)
		return 0;
	for (uint32_t i = 0; i < orders.n; i++)
		take_order(w, &orders.items[i]);
	return 0;
}

/* ---- start ---- */

static int init_monitor(struct worker *w, uint16_t index)
{
	const struct monitor_config *config = &w->config->monitors[index];
	struct monitor *m = &w->monitors[index];
	const struct monitor_plan_config plan = {
		.interval_us = config->interval_us,
		.timeout_us = config->timeout_us,
		.first_wait_us = config->first_wait_us,
		.retries = config->retries,
		.retry_on_timeout = config->retry_on_timeout,
		.recover_on_timeout = config->recover_on_timeout,
		.place = index,
	};
	int r;

	if (config->type < 0 || config->type >= MONITOR_TYPE_COUNT_)
		return -EINVAL;
	m->worker = w;
	m->config = config;
	m->driver = drivers[config->type];
	m->index = index;
	monitor_plan_init(&m->plan, &plan);
	r = sd_event_add_time(w->event, &m->timer, CLOCK_BOOTTIME, UINT64_MAX, TIMER_ACCURACY_US,
			      on_timer, m);
	return r < 0 ? r : 0;
}

static int init(struct worker *w)
{
	sd_event_source *post = NULL;
	int r = sd_event_new(&w->event);

	if (r < 0)
		return r;
	w->monitors = calloc(w->config->n_monitors + 1U, sizeof *w->monitors);
	if (!w->monitors)
		return -ENOMEM;
	r = children_new(w->event, &w->children);
	if (r >= 0)
		r = jobs_new(w);
	for (uint16_t i = 0; r >= 0 && i < w->config->n_monitors; i++)
		r = init_monitor(w, i);
	if (r >= 0)
		r = sd_event_add_io(w->event, &w->socket_source, w->socket, EPOLLIN, on_orders, w);
	if (r >= 0)
		r = sd_event_source_set_priority(w->socket_source, ORDER_PRIORITY);
	if (r >= 0)
		r = sd_event_add_post(w->event, &post, report_flush, w);
	return r < 0 ? r : 0;
}

static struct rlimit first_limit;

void worker_restore_descriptor_limit(void)
{
	if (first_limit.rlim_cur)
		(void)setrlimit(RLIMIT_NOFILE, &first_limit); /* lower than now: always allowed */
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= DESCRIPTORS_NEEDED)
		return;
	first_limit = limit;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS_NEEDED ? limit.rlim_max : DESCRIPTORS_NEEDED;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_debug("the limit of descriptors stays as it is: %s", strerror(errno));
}

/* In the new process: keeps nothing of the agent's but standard error and the socket. */
static _Noreturn void become_worker(const struct config *config, int socket)
{
	static struct worker worker;
	sigset_t set;
	int r;

	(void)prctl(PR_SET_NAME, "holdfast-monitor");
	log_set_name("holdfast-monitor");
	exec_child_reset();
	if (socket != SOCKET_FD && dup3(socket, SOCKET_FD, O_CLOEXEC) < 0)
		_exit(1);
	if (close_range(SOCKET_FD + 1, ~0U, 0) < 0)
		_exit(1);
	/* A terminal's Ctrl-C is for the agent, which leaves in good order. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	raise_descriptor_limit();
	worker.config = config;
	worker.socket = SOCKET_FD;
	r = init(&worker);
	if (r >= 0)
		r = sd_event_loop(worker.event);
	log_err("the monitor process cannot go on: %s", strerror(-r));
	_exit(1);
}

int monitor_worker_start(const struct config *config, pid_t *ret_pid, int *ret_fd)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -errno;
	ours = fds[0];
	theirs = fds[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		become_worker(config, theirs);
	*ret_pid = pid;
	*ret_fd = TAKE_FD(ours);
	return 0;
}
