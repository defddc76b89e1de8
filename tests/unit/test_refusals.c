/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/refusals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_told_at_once_then_once_a_minute(void **state)
{
	uint64_t counts[HB_REFUSAL_COUNT_] = {0};
	struct refusals refusals = {0};
	char text[REFUSALS_TEXT_SIZE];
	ha_time now = {.us = 5 * USEC_PER_SEC};

	(void)state;
	assert_false(refusals_tell(&refusals, counts, now, text));
	counts[HB_REFUSED_KEY] = 1;
	assert_true(refusals_tell(&refusals, counts, now, text));
	assert_string_equal(text, "refused 1 datagram: 1 key");
	counts[HB_REFUSED_KEY] += 7;
	counts[HB_REFUSED_SIZE] = 2;
	now = ha_time_add(now, REFUSALS_EVERY_US - 1);
	assert_false(refusals_tell(&refusals, counts, now, text));
	now = ha_time_add(now, 1);
	assert_true(refusals_tell(&refusals, counts, now, text));
	assert_string_equal(text, "refused 9 datagrams: 2 size 7 key");
	now = ha_time_add(now, REFUSALS_EVERY_US);
	assert_false(refusals_tell(&refusals, counts, now, text));
	counts[HB_REFUSED_PROBE] = 100; /* a peer whose kernel path is ahead of ours */
	assert_false(refusals_tell(&refusals, counts, now, text));
}

static void test_largest_numbers_fit(void **state)
{
	uint64_t counts[HB_REFUSAL_COUNT_];
	struct refusals refusals = {0};
	char text[REFUSALS_TEXT_SIZE];

	(void)state;
	for (size_t r = 0; r < HB_REFUSAL_COUNT_; r++)
		counts[r] = UINT64_MAX / HB_REFUSAL_COUNT_;
	assert_true(refusals_tell(&refusals, counts, HA_TIME_ZERO, text));
	assert_true(strlen(text) < sizeof text);
	assert_non_null(strstr(text, hb_refusal_to_string(HB_REFUSED_STALE)));
	assert_null(strstr(text, hb_refusal_to_string(HB_REFUSED_PROBE)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told_at_once_then_once_a_minute),
		cmocka_unit_test(test_largest_numbers_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
