/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When monitors check and what their checks mean, on a virtual clock. */
#include "agent/monitor_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MS USEC_PER_MSEC
#define S  USEC_PER_SEC

static const ha_time start = {1000 * S};

static struct monitor_plan plan_of(struct monitor_plan_config config)
{
	struct monitor_plan plan;

	if (config.interval_us == 0)
		config.interval_us = 10 * S;
	if (config.timeout_us == 0)
		config.timeout_us = 5 * S;
	monitor_plan_init(&plan, &config);
	return plan;
}

static ha_time after(uint64_t us)
{
	return ha_time_add(start, us);
}

/* ---- verdicts ---- */

/* Checks: g good, f failed, t timed out. Verdicts told: n, c, e, or - for none. */
struct story {
	const char *checks, *told;
	uint8_t retries;
	bool no_retry_on_timeout, no_recover_on_timeout;
};

static const struct story stories[] = {
	{"gggg", "n---", 0, false, false},
	{"fff", "eee", 0, false, false},
	{"gffg", "neen", 0, false, false},
	/* retries: CAUTION once, then ERROR, and ERROR again after each further round */
	{"gfffgf", "nc-enc", 2, false, false},
	{"ffffffff", "c-e--e--", 2, false, false},
	{"fgfgfg", "cncncn", 1, false, false},
	{"ffgff", "cence", 1, false, false},
	/* a good check begins the count anew, though the error was told */
	{"fffgffgfff", "c-enc-nc-e", 2, false, false},
	/* time-outs count like failures */
	{"ttt", "c-e", 2, false, false},
	{"ftf", "c-e", 2, false, false},
	/* no retry after a time-out: an error at once */
	{"tgft", "ence", 2, true, false},
	{"fft", "c-e", 2, true, false},
	{"ttt", "eee", 3, true, false},
	/* time-outs are only said: CAUTION at the end of each round */
	{"ttgt", "ccnc", 0, false, true},
	{"tttttt", "c-c--c", 2, false, true},
	{"fft", "c-c", 2, false, true},
	{"ttf", "c-e", 2, false, true},
	/* they do not make an error less, nor tell it again */
	{"ftgf", "e-ne", 0, false, true},
	{"fttf", "e--e", 0, false, true},
	/* neither retried nor recovered from: said, and the next failure begins a round */
	{"tfff", "c--e", 2, true, true},
};

static enum monitor_outcome outcome_of(char c)
{
	return c == 'g' ? MONITOR_GOOD : c == 'f' ? MONITOR_FAILED : MONITOR_TIMED_OUT;
}

static char told_as(const struct monitor_plan *plan, bool told)
{
	if (!told)
		return '-';
	return plan->status == MONITOR_NORMAL	 ? 'n'
	       : plan->status == MONITOR_CAUTION ? 'c'
	       : plan->status == MONITOR_ERROR	 ? 'e'
						 : '?';
}

static void test_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
		const struct story *s = &stories[i];
		struct monitor_plan plan = plan_of((struct monitor_plan_config){
			.retries = s->retries,
			.retry_on_timeout = !s->no_retry_on_timeout,
			.recover_on_timeout = !s->no_recover_on_timeout});
		char told[16] = "";

		monitor_plan_run(&plan, true, start);
		for (size_t k = 0; s->checks[k]; k++) {
			bool tell;

			(void)monitor_plan_begin(&plan, plan.due);
			tell = monitor_plan_end(&plan, outcome_of(s->checks[k]), plan.started);
			told[k] = told_as(&plan, tell);
		}
		if (strcmp(told, s->told) != 0)
			fail_msg("story %zu, %s: told %s, not %s", i, s->checks, told, s->told);
	}
}

static void test_run_begins_anew(void **state)
{
	struct monitor_plan plan =
		plan_of((struct monitor_plan_config){.retries = 1, .retry_on_timeout = true});

	(void)state;
	monitor_plan_run(&plan, true, start);
	(void)monitor_plan_begin(&plan, plan.due);
	assert_true(monitor_plan_end(&plan, MONITOR_FAILED, start));
	(void)monitor_plan_begin(&plan, plan.due);
	assert_true(monitor_plan_end(&plan, MONITOR_FAILED, start));
	assert_int_equal(plan.status, MONITOR_ERROR);
	monitor_plan_stop(&plan);
	assert_int_equal(plan.status, MONITOR_OFFLINE);
	assert_true(monitor_plan_deadline(&plan).us == UINT64_MAX);
	monitor_plan_run(&plan, true, after(S));
	(void)monitor_plan_begin(&plan, plan.due);
	assert_true(monitor_plan_end(&plan, MONITOR_FAILED, after(2 * S)));
	assert_int_equal(plan.status, MONITOR_CAUTION);
	(void)monitor_plan_begin(&plan, plan.due);
	assert_true(monitor_plan_end(&plan, MONITOR_GOOD, after(3 * S)));
	assert_int_equal(plan.status, MONITOR_NORMAL);
}

/* ---- schedule ---- */

static void test_interval_is_from_start_to_start(void **state)
{
	struct monitor_plan plan = plan_of((struct monitor_plan_config){.first_wait_us = 3 * S});

	(void)state;
	monitor_plan_run(&plan, true, start);
	assert_true(monitor_plan_deadline(&plan).us == after(3 * S).us);
	assert_true(monitor_plan_begin(&plan, after(3 * S)) == 0);
	/* the time limit while it checks */
	assert_true(monitor_plan_deadline(&plan).us == after(8 * S).us);
	(void)monitor_plan_end(&plan, MONITOR_GOOD, after(6 * S));
	assert_true(monitor_plan_deadline(&plan).us == after(13 * S).us);
	/* lateness does not add up */
	assert_true(monitor_plan_begin(&plan, after(13 * S + 40 * MS)) == 40 * MS);
	(void)monitor_plan_end(&plan, MONITOR_GOOD, after(14 * S));
	assert_true(monitor_plan_deadline(&plan).us == after(23 * S).us);
}

static void test_long_check_is_followed_at_once_and_not_made_up(void **state)
{
	struct monitor_plan plan =
		plan_of((struct monitor_plan_config){.interval_us = S, .timeout_us = 60 * S});

	(void)state;
	monitor_plan_run(&plan, true, start);
	(void)monitor_plan_begin(&plan, start);
	(void)monitor_plan_end(&plan, MONITOR_GOOD, after(7 * S + 300 * MS));
	assert_true(monitor_plan_deadline(&plan).us == after(7 * S + 300 * MS).us);
	(void)monitor_plan_begin(&plan, after(7 * S + 300 * MS));
	(void)monitor_plan_end(&plan, MONITOR_GOOD, after(7 * S + 400 * MS));
	/* one interval later, not seven checks in a row */
	assert_true(monitor_plan_deadline(&plan).us == after(8 * S + 300 * MS).us);
}

static void test_first_wait_can_be_left_out(void **state)
{
	struct monitor_plan plan = plan_of((struct monitor_plan_config){.first_wait_us = 60 * S});

	(void)state;
	monitor_plan_run(&plan, false, start);
	assert_true(monitor_plan_deadline(&plan).us == start.us);
}

static void test_ratio_stretches_the_time_limit_only(void **state)
{
	struct monitor_plan plan = plan_of((struct monitor_plan_config){.interval_us = 10 * S});

	(void)state;
	monitor_plan_ratio(&plan, 7);
	assert_true(monitor_plan_limit_us(&plan) == 35 * S);
	monitor_plan_run(&plan, true, start);
	(void)monitor_plan_begin(&plan, start);
	assert_true(monitor_plan_deadline(&plan).us == after(35 * S).us);
	/* of the check in progress, too */
	monitor_plan_ratio(&plan, 10000);
	assert_true(monitor_plan_deadline(&plan).us == after(50000 * S).us);
	(void)monitor_plan_end(&plan, MONITOR_GOOD, after(S));
	assert_true(monitor_plan_deadline(&plan).us == after(10 * S).us);
	monitor_plan_ratio(&plan, 0);
	assert_true(monitor_plan_limit_us(&plan) == 5 * S);
	plan.config.timeout_us = UINT64_MAX - 1;
	monitor_plan_ratio(&plan, 3);
	assert_true(monitor_plan_limit_us(&plan) == UINT64_MAX);
}

static void test_hurry(void **state)
{
	struct monitor_plan plan = plan_of((struct monitor_plan_config){.first_wait_us = 3 * S});

	(void)state;
	monitor_plan_hurry(&plan, start); /* stopped */
	assert_true(monitor_plan_deadline(&plan).us == UINT64_MAX);
	monitor_plan_run(&plan, true, start);
	monitor_plan_hurry(&plan, after(S)); /* the first wait is kept */
	assert_true(monitor_plan_deadline(&plan).us == after(3 * S).us);
	(void)monitor_plan_begin(&plan, after(3 * S));
	monitor_plan_hurry(&plan, after(3 * S)); /* it checks already */
	assert_true(monitor_plan_deadline(&plan).us == after(8 * S).us);
	(void)monitor_plan_end(&plan, MONITOR_GOOD, after(3 * S + 10 * MS));
	/* not more often than every 100 ms */
	monitor_plan_hurry(&plan, after(3 * S + 20 * MS));
	assert_true(monitor_plan_deadline(&plan).us == after(3 * S + 100 * MS).us);
	(void)monitor_plan_begin(&plan, after(3 * S + 100 * MS));
	(void)monitor_plan_end(&plan, MONITOR_GOOD, after(3 * S + 101 * MS));
	monitor_plan_hurry(&plan, after(5 * S));
	assert_true(monitor_plan_deadline(&plan).us == after(5 * S).us);
}

/* 512 monitors that begin at once: in each hundredth of the second about five of them start. */
static void test_starts_are_spread(void **state)
{
	static const unsigned int counts[] = {2, 16, 100, 512};

	(void)state;
	for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
		unsigned int slots = counts[c] < 100 ? counts[c] : 100;
		unsigned int in[100] = {0}, most = 0;

		for (unsigned int i = 0; i < counts[c]; i++) {
			struct monitor_plan plan = plan_of((struct monitor_plan_config){
				.interval_us = S, .place = (uint16_t)i});
			uint64_t us;

			monitor_plan_run(&plan, true, start);
			us = ha_time_since(monitor_plan_deadline(&plan), start);
			assert_true(us < S);
			in[us * slots / S]++;
		}
		for (unsigned int k = 0; k < slots; k++)
			most = in[k] > most ? in[k] : most;
		/* at most twice the fair share, rounded up */
		assert_true(most <= 2 * ((counts[c] + slots - 1) / slots));
	}
}

static void test_spread_is_a_second_at_most(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < MONITORS_MAX; i++) {
		struct monitor_plan plan = plan_of((struct monitor_plan_config){
			.interval_us = 3600 * S, .place = (uint16_t)i});

		monitor_plan_run(&plan, true, start);
		assert_true(ha_time_since(plan.due, start) < MONITOR_SPREAD_US);
	}
}

/* ---- figures ---- */

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The histogram's p99 against the exact one, over durations from microseconds to an hour. */
static void test_p99(void **state)
{
	static uint64_t all[5000];
	static struct monitor_durations d;
	struct monitor_stats stats;
	uint64_t seed = 1, exact, sum = 0;

	(void)state;
	memset(&d, 0, sizeof d);
	for (size_t i = 0; i < 5000; i++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		all[i] = (seed >> 33) % (1ULL << (1 + (seed >> 20) % 32));
		sum += all[i];
		monitor_stats_add(&d, i % 10 ? MONITOR_GOOD : MONITOR_TIMED_OUT, all[i]);
	}
	monitor_stats_get(&d, &stats);
	assert_true(stats.last_us == all[4999]);
	qsort(all, 5000, sizeof *all, by_size);
	exact = all[5000 - 5000 / 100 - 1];
	assert_true(stats.p99_us >= exact && stats.p99_us <= exact + exact / 8 + 1);
	assert_true(stats.min_us == all[0] && stats.max_us == all[4999]);
	assert_true(stats.mean_us == sum / 5000);
	assert_true(stats.checks == 5000 && stats.failures == 500 && stats.timeouts == 500);
}

static void test_figures_of_few(void **state)
{
	static struct monitor_durations d;
	struct monitor_stats stats;

	(void)state;
	memset(&d, 0, sizeof d);
	monitor_stats_get(&d, &stats);
	assert_true(stats.checks == 0 && stats.p99_us == 0 && stats.mean_us == 0);
	monitor_stats_add(&d, MONITOR_FAILED, 1000000);
	monitor_stats_get(&d, &stats);
	assert_true(stats.p99_us == 1000000 && stats.min_us == 1000000);
	assert_true(stats.failures == 1 && stats.timeouts == 0);
	monitor_stats_add(&d, MONITOR_GOOD, UINT64_MAX / 4);
	monitor_stats_get(&d, &stats);
	assert_true(stats.max_us == UINT64_MAX / 4);
}

/* It forgets: what was slow once does not count for ever. */
static void test_p99_is_of_late(void **state)
{
	static struct monitor_durations d;
	struct monitor_stats stats;

	(void)state;
	memset(&d, 0, sizeof d);
	for (int i = 0; i < 5000; i++)
		monitor_stats_add(&d, MONITOR_GOOD, 1000000);
	for (int i = 0; i < 200000; i++)
		monitor_stats_add(&d, MONITOR_GOOD, 100);
	monitor_stats_get(&d, &stats);
	assert_true(stats.p99_us < 120);
	assert_true(stats.max_us == 1000000);
}

static void test_lateness(void **state)
{
	static struct monitor_durations d;
	struct monitor_stats stats;

	(void)state;
	memset(&d, 0, sizeof d);
	monitor_stats_late(&d, 40 * MS, 100 * MS);
	monitor_stats_late(&d, 90 * MS, S);
	assert_true(d.stats.late == 0);
	monitor_stats_late(&d, 60 * MS, 100 * MS);
	monitor_stats_late(&d, 110 * MS, S);
	monitor_stats_get(&d, &stats);
	assert_true(stats.late == 2 && stats.late_max_us == 110 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_run_begins_anew),
		cmocka_unit_test(test_interval_is_from_start_to_start),
		cmocka_unit_test(test_long_check_is_followed_at_once_and_not_made_up),
		cmocka_unit_test(test_first_wait_can_be_left_out),
		cmocka_unit_test(test_ratio_stretches_the_time_limit_only),
		cmocka_unit_test(test_hurry),
		cmocka_unit_test(test_starts_are_spread),
		cmocka_unit_test(test_spread_is_a_second_at_most),
		cmocka_unit_test(test_p99),
		cmocka_unit_test(test_figures_of_few),
		cmocka_unit_test(test_p99_is_of_late),
		cmocka_unit_test(test_lateness),
	};

	return cmocka_run_group_tests_name("monitor_plan", tests, NULL, NULL);
}
