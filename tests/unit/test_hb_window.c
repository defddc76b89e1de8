/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hb/window.h"

struct step {
	uint64_t incarnation, sequence;
	uint8_t part;
	int result;
	uint64_t lost; /* in all so far */
};

static const struct step SENDINGS[] = {
	{1, 10, 0, SENDING_NEW, 0},   {1, 10, 0, SENDING_SEEN, 0},  {1, 10, 127, SENDING_PART, 0},
	{1, 10, 64, SENDING_PART, 0}, {1, 10, 64, SENDING_SEEN, 0}, {1, 9, 1, SENDING_OLD, 0},
	{1, 11, 3, SENDING_NEW, 0},   {1, 10, 1, SENDING_OLD, 0},   {1, 11, 0, SENDING_PART, 0},
	{2, 0, 3, SENDING_NEW, 0},    {1, 99, 0, SENDING_OLD, 0},   {2, 0, 3, SENDING_SEEN, 0},
	{2, 0, 0, SENDING_PART, 0},   {3, 0, 0, SENDING_NEW, 0},
};

static void test_sending(void **state)
{
	struct sending s = {};

	(void)state;
	for (size_t i = 0; i < sizeof SENDINGS / sizeof *SENDINGS; i++) {
		const struct step *t = &SENDINGS[i];
		struct datagram_id id = {t->incarnation, t->sequence, t->part};
		enum sending_order order = sending_order(&s, &id);

		if ((int)order != t->result)
			fail_msg("step %zu: %d, not %d", i, (int)order, t->result);
		if (order == SENDING_NEW || order == SENDING_PART)
			sending_take(&s, &id);
	}
}

static const struct step LINK[] = {
	{5, 100, 0, LINK_NEWS, 0}, /* what was before our time is not lost */
	{5, 99, 0, LINK_REPLAY, 0},
	{5, 101, 0, LINK_NEWS, 0},
	{5, 101, 1, LINK_NEWS, 0},
	{5, 101, 1, LINK_TWICE, 0},
	{5, 104, 0, LINK_NEWS, 0}, /* 102 and 103 are missing */
	{5, 103, 0, LINK_REORDERED, 0},
	{5, 103, 0, LINK_REPLAY, 0},
	{5, 100, 0, LINK_REPLAY, 0},
	{5, 117, 0, LINK_NEWS, 0}, /* 105 to 116 are missing; 102 may still come */
	{5, 118, 0, LINK_NEWS, 1}, /* now it is too late for it */
	{5, 102, 0, LINK_REPLAY, 1},
	{5, 105, 0, LINK_REORDERED, 1},
	{5, 133, 0, LINK_NEWS, 12}, /* 106 to 116 are given up */
	{4, 9999, 0, LINK_REPLAY, 12},
	{6, 0, 0, LINK_NEWS, 12}, /* a restart loses nothing */
	{5, 2000, 0, LINK_REPLAY, 12},
	{6, 1, 0, LINK_NEWS, 12},
};

static void test_link(void **state)
{
	struct link_window w = {};
	uint64_t lost = 0;

	(void)state;
	for (size_t i = 0; i < sizeof LINK / sizeof *LINK; i++) {
		const struct step *t = &LINK[i];
		struct datagram_id id = {t->incarnation, t->sequence, t->part};
		enum link_order order = link_window_take(&w, &id, &lost);

		if ((int)order != t->result || lost != t->lost)
			fail_msg("step %zu: %d, lost %llu", i, (int)order,
				 (unsigned long long)lost);
	}
}

/* Against a record of every number: each that left the window without having come is lost. */
static void test_link_lost(void **state)
{
	enum { NUMBERS = 20000 };
	static bool came[NUMBERS + LINK_WINDOW];
	struct link_window w = {};
	uint64_t lost = 0, seed = 1, newest = LINK_WINDOW;

	(void)state;
	for (uint64_t n = 0; n <= newest; n++)
		came[n] = true;
	assert_int_equal(link_window_take(&w, &(struct datagram_id){1, newest, 0}, &lost),
			 LINK_NEWS);
	while (newest < NUMBERS - 100) {
		uint64_t missing = 0, n;
		enum link_order order;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		n = seed >> 62 ? newest + 1 + (seed >> 40) % (seed >> 61 == 7 ? 60 : 3)
			       : newest - (seed >> 40) % LINK_WINDOW;
		order = link_window_take(&w, &(struct datagram_id){1, n, 0}, &lost);
		if (n > newest)
			assert_int_equal(order, LINK_NEWS);
		else if (n == newest)
			assert_int_equal(order, LINK_TWICE);
		else
			assert_int_equal(order, came[n] ? LINK_REPLAY : LINK_REORDERED);
		came[n] = true;
		newest = n > newest ? n : newest;
		for (uint64_t i = 0; i + LINK_WINDOW <= newest; i++)
			missing += !came[i];
		assert_int_equal(lost, missing);
	}
	assert_true(lost > 1000);
}

static void test_blobs(void **state)
{
	static const struct step steps[] = {
		{2, 7, 0, SENDING_NEW, 0},  {2, 7, 0, SENDING_SEEN, 0},
		{2, 5, 0, SENDING_NEW, 0},  {2, 5, 0, SENDING_SEEN, 0},
		{2, 70, 0, SENDING_NEW, 0}, {2, 7, 0, SENDING_SEEN, 0},
		{2, 6, 0, SENDING_OLD, 0},  {2, 8, 0, SENDING_NEW, 0},
		{1, 80, 0, SENDING_OLD, 0}, {2, 1000, 0, SENDING_NEW, 0},
		{2, 70, 0, SENDING_OLD, 0}, {2, 999, 0, SENDING_NEW, 0},
		{3, 1, 0, SENDING_NEW, 0},  {2, 1001, 0, SENDING_OLD, 0},
	};
	struct blob_window w = {};

	(void)state;
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct datagram_id id = {steps[i].incarnation, steps[i].sequence, 0};
		enum sending_order order = blob_window_take(&w, &id);

		if ((int)order != steps[i].result)
			fail_msg("step %zu: %d", i, (int)order);
	}
}

static void test_rtt(void **state)
{
	struct rtt rtt = {};
	struct hb_link_stats stats = {.rtt_us_max = 99};
	struct peer_entry entry = {};

	(void)state;
	rtt_percentiles(&rtt, &stats);
	assert_int_equal(stats.rtt_us_max, 0);
	for (uint64_t i = 1; i <= 1000; i++) { /* round trips of 1001 to 2000 us */
		entry = (struct peer_entry){.stamp = {i * 10000}, .age_us = 3000};
		rtt_take(&rtt, &entry, (ha_time){i * 10000 + 3000 + 1000 + i});
		rtt_take(&rtt, &entry, (ha_time){i * 10000 + 900000}); /* the same stamp again */
	}
	entry = (struct peer_entry){.stamp = {1 << 30}, .age_us = UINT32_MAX}; /* never heard */
	rtt_take(&rtt, &entry, (ha_time){(1 << 30) + 5});
	rtt_percentiles(&rtt, &stats); /* of the newest 128: 1873 to 2000 */
	assert_int_equal(stats.rtt_us_max, 2000);
	assert_int_equal(stats.rtt_us_p50, 1873 + 63);
	assert_int_equal(stats.rtt_us_p99, 1873 + 125);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sending),	  cmocka_unit_test(test_link),
		cmocka_unit_test(test_link_lost), cmocka_unit_test(test_blobs),
		cmocka_unit_test(test_rtt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
