/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * 512 monitors on one node, each every second, and what that does to the loop beside which they
 * run: a timer of 10 ms stands for the beats. Prints the lateness of that timer without and with
 * the monitors. HF_LOAD_SECONDS (3) says how long it measures, HF_LOAD_REALTIME=1 gives the loop
 * the agent's real-time priority.
 */
#include "monitor_world.h"

#include "agent/realtime.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define BEAT_US	   (10 * USEC_PER_MSEC)
#define BEATS_MAX  100000
#define ROUNDS_MAX 30 /* of measuring until each monitor has checked */

struct beats {
	sd_event_source *timer;
	ha_time due;
	size_t n;
	uint64_t late_us[BEATS_MAX];
};

static struct beats beats;

static int on_beat(sd_event_source *source, uint64_t usec, void *userdata)
{
	ha_time now = clock_boot();

	(void)usec;
	(void)userdata;
	if (beats.n < BEATS_MAX)
		beats.late_us[beats.n++] = ha_time_since(now, beats.due);
	beats.due = ha_time_max(ha_time_add(beats.due, BEAT_US), now);
	assert_true(sd_event_source_set_time(source, beats.due.us) >= 0);
	assert_true(sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) >= 0);
	return 0;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void print_beats(const char *what)
{
	size_t n = beats.n;

	assert_true(n > 0);
	qsort(beats.late_us, n, sizeof *beats.late_us, by_size);
	print_message(
		"%s: %zu beats, lateness in us: median %llu, p99 %llu, p99.9 %llu, max %llu\n",
		what, n, (unsigned long long)beats.late_us[n / 2],
		(unsigned long long)beats.late_us[n - 1 - n / 100],
		(unsigned long long)beats.late_us[n - 1 - n / 1000],
		(unsigned long long)beats.late_us[n - 1]);
	beats.n = 0;
}

static uint64_t measure_us(void)
{
	const char *seconds = getenv("HF_LOAD_SECONDS");

	return (seconds ? strtoull(seconds, NULL, 10) : 3) * USEC_PER_SEC;
}

static int open_listener(uint16_t *ret_port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
	assert_int_equal(listen(fd, 4096), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	*ret_port = ntohs(a.sin_port);
	return fd;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	int peer = accept(fd, NULL, NULL);

	(void)source;
	(void)events;
	(void)userdata;
	if (peer >= 0)
		(void)close(peer);
	return 0;
}

static void add_all(struct monitor_world *w, uint16_t port)
{
	static char *program[] = {(char *)(uintptr_t) "/bin/true", NULL};

	for (unsigned int i = 0; i < MONITORS_MAX; i++) {
		static const enum monitor_type types[] = {MONITOR_TCPW, MONITOR_GENW, MONITOR_PSW,
							  MONITOR_DISKW};
		struct monitor_config *m = add_monitor(w, types[i % 4]);

		m->interval_us = USEC_PER_SEC;
		m->timeout_us = 60 * USEC_PER_SEC;
		m->address = (char *)(uintptr_t) "127.0.0.1";
		m->port = port;
		m->command = program;
		m->process = (char *)(uintptr_t) "hf-load";
		m->path = w->directory;
		m->limit_percent = 101;
	}
}

static bool all_have_checked(struct monitor_world *w)
{
	for (uint16_t i = 0; i < w->config->n_monitors; i++) {
		struct monitor_stats stats;

		monitor_stats(w->monitors, i, &stats);
		if (stats.checks < 2)
			return false;
	}
	return true;
}

static void print_monitors(struct monitor_world *w)
{
	struct monitor_stats sum = {0}, s;

	for (uint16_t i = 0; i < w->config->n_monitors; i++) {
		monitor_stats(w->monitors, i, &s);
		sum.checks += s.checks;
		sum.failures += s.failures;
		sum.late += s.late;
		sum.late_max_us = s.late_max_us > sum.late_max_us ? s.late_max_us : sum.late_max_us;
		sum.p99_us = s.p99_us > sum.p99_us ? s.p99_us : sum.p99_us;
	}
	print_message("%u monitors: %llu checks, %llu failed, %llu began late (at most %llu us), "
		      "largest p99 of a duration %llu us\n",
		      w->config->n_monitors, (unsigned long long)sum.checks,
		      (unsigned long long)sum.failures, (unsigned long long)sum.late,
		      (unsigned long long)sum.late_max_us, (unsigned long long)sum.p99_us);
	assert_true(sum.failures == 0);
}

static void test_load(void **state)
{
	struct monitor_world *w = *state;
	sd_event_source *accepts = NULL;
	uint16_t port;
	int fd = open_listener(&port);

	(void)prctl(PR_SET_NAME, "hf-load"); /* what psw looks for */
	assert_true(sd_event_add_io(w->event, &accepts, fd, 1 /* EPOLLIN */, on_connection, w) >=
		    0);
	add_all(w, port);
	start_monitors(w); /* forked before the priority is changed, as the agent does it */
	if (getenv("HF_LOAD_REALTIME") && realtime_schedule() < 0)
		print_message("no real-time priority here\n");
	beats.due = ha_time_add(clock_boot(), BEAT_US);
	assert_true(sd_event_add_time(w->event, &beats.timer, CLOCK_BOOTTIME, beats.due.us, 1,
				      on_beat, NULL) >= 0);
	assert_true(sd_event_source_set_priority(beats.timer, -30) >= 0);
	run_world(w, measure_us());
	print_beats("without monitors");
	for (uint16_t i = 0; i < w->config->n_monitors; i++)
		monitor_order(w->monitors, i, true, false);
	for (int i = 0; i < ROUNDS_MAX && (i == 0 || !all_have_checked(w)); i++) {
		run_world(w, measure_us());
		monitor_stats_refresh(w->monitors);
		run_world(w, 200000);
	}
	print_beats("with 512 monitors");
	print_monitors(w);
	assert_true(all_have_checked(w));
	assert_int_equal(w->deaths, 0);
	for (size_t i = 0; i < w->n; i++)
		assert_int_equal(w->said[i].status, MONITOR_NORMAL);
	assert_int_equal(w->n, MONITORS_MAX);
	sd_event_source_disable_unref(beats.timer);
	sd_event_source_disable_unref(accepts);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_load, monitor_world_setup,
						monitor_world_teardown),
	};

	return cmocka_run_group_tests_name("monitor_load", tests, NULL, NULL);
}
