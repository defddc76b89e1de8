/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "util/buf.h"
#include "util/clock.h"
#include "util/hash.h"
#include "util/log.h"
#include "util/mask.h"
#include "util/parse.h"

#include <errno.h>
#include <string.h>

static void test_parse_u64(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} rows[] = {
		{"0", 0, 0},
		{"42", 0, 42},
		{"100", 0, 100},
		{"101", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"1x", -EINVAL, 0},
		{"0x1", -EINVAL, 0},
		{"18446744073709551616", -ERANGE, 0},
		{"99999999999999999999999", -ERANGE, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint64_t v = 7;

		assert_int_equal(parse_u64(rows[i].text, 0, 100, &v), rows[i].r);
		assert_int_equal(v, rows[i].r < 0 ? 7 : rows[i].value);
	}
}

static void test_parse_duration(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t us;
	} rows[] = {
		{"0", 0, 0},
		{"1us", 0, 1},
		{"30ms", 0, 30000},
		{"1.5s", 0, 1500000},
		{"0.001s", 0, 1000},
		{"2 m", 0, 120000000},
		{"1h", 0, 3600000000},
		{"30d", 0, 2592000000000},
		{"365d", 0, 31536000000000},
		{"366d", -ERANGE, 0},
		{"1", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{"1.s", -EINVAL, 0},
		{".5s", -EINVAL, 0},
		{"1.2345s", -EINVAL, 0},
		{"1.5us", -EINVAL, 0},
		{"1 fortnight", -EINVAL, 0},
		{"-1s", -EINVAL, 0},
		{"1s ", -EINVAL, 0},
		{"99999999999999999999d", -ERANGE, 0},
		{"", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint64_t v = 7;

		assert_int_equal(parse_duration_us(rows[i].text, &v), rows[i].r);
		assert_int_equal(v, rows[i].r < 0 ? 7 : rows[i].us);
	}
}

/* What is printed reads back as the same. */
static void test_format_duration(void **state)
{
	static const uint64_t values[] = {0,	    1,	      999,	  1000,
					  1500,	    30000,    1000000,	  1200000,
					  60000000, 90000000, 3600000000, 86400000000};
	char text[DURATION_STRLEN];

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		uint64_t v = 7;

		assert_int_equal(parse_duration_us(format_duration(text, values[i]), &v), 0);
		assert_int_equal(v, values[i]);
	}
	assert_string_equal(format_duration(text, 1500000), "1500ms");
	assert_string_equal(format_duration(text, 7200000000), "2h");
}

static void test_parse_name(void **state)
{
	(void)state;
	assert_int_equal(parse_name("web-1.example_A"), 0);
	assert_int_equal(parse_name("1234567890123456789012345678901"), 0);
	assert_int_equal(parse_name("12345678901234567890123456789012"), -EINVAL);
	assert_int_equal(parse_name(""), -EINVAL);
	assert_int_equal(parse_name("-x"), -EINVAL);
	assert_int_equal(parse_name(".x"), -EINVAL);
	assert_int_equal(parse_name("a b"), -EINVAL);
	assert_int_equal(parse_name("a/b"), -EINVAL);
}

static void test_buf(void **state)
{
	uint8_t data[16] = {0}, three[3] = {1, 2, 3}, back[3];
	struct buf_writer w = {.data = data, .size = 15};
	struct buf_reader r, part;

	(void)state;
	buf_put_u8(&w, 0x12);
	buf_put_u16(&w, 0x3456);
	buf_put_u64(&w, 0x0102030405060708);
	buf_put_bytes(&w, three, 3);
	assert_false(w.bad);
	assert_int_equal(data[1], 0x34); /* big-endian */
	buf_put_u16(&w, 0xffff);	 /* one byte left: nothing is written */
	assert_true(w.bad);
	assert_int_equal(data[14], 0);
	buf_put_u8(&w, 1); /* and it stays bad */
	assert_int_equal(w.at, 14);

	r = (struct buf_reader){.data = data, .size = 14};
	assert_int_equal(buf_get_u8(&r), 0x12);
	assert_int_equal(buf_get_u16(&r), 0x3456);
	part = buf_get_part(&r, 8);
	assert_int_equal(buf_get_u64(&part), 0x0102030405060708);
	assert_int_equal(buf_get_u8(&part), 0);
	assert_true(part.bad);
	assert_int_equal(buf_left(&r), 3);
	buf_get_bytes(&r, back, 3);
	assert_memory_equal(back, three, 3);
	assert_int_equal(buf_get_u32(&r), 0);
	assert_true(r.bad);
	assert_int_equal(buf_left(&r), 0);
}

static void test_hashes(void **state)
{
	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283); /* RFC 3720's check value */
	assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
	assert_int_equal(hash64(HASH64_INIT, "a", 1), 0xaf63dc4c8601ec8c); /* FNV-1a's own */
	assert_int_not_equal(hash64_u64(HASH64_INIT, 1), hash64_u64(HASH64_INIT, 256));
}

static void test_masks(void **state)
{
	unsigned int n, seen = 0;

	(void)state;
	node_mask_for_each (n, node_bit(0) | node_bit(5) | node_bit(31))
		seen = seen * 100 + n;
	assert_int_equal(seen, 531);
	assert_false(node_mask_has(UINT32_MAX, 32)); /* also not NODE_NONE */
	assert_int_equal(node_mask_count(0xf0), 4);
}

static void test_time(void **state)
{
	ha_time a = {100}, b = {300};

	(void)state;
	assert_int_equal(ha_time_since(b, a), 200);
	assert_int_equal(ha_time_since(a, b), 0);
	assert_int_equal(ha_time_add(a, UINT64_MAX).us, UINT64_MAX); /* never, not wrapped */
	assert_true(ha_time_reached(a, a));
	assert_false(ha_time_before(a, a));
	assert_true(clock_boot().us <= clock_boot().us);
	assert_true(clock_wall_us() > 1600000000000000);
}

static void test_ratelimit(void **state)
{
	struct log_ratelimit limit = {0};
	unsigned int suppressed = 99, let_through = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		let_through += log_ratelimit(&limit, LOG_RATELIMIT_INTERVAL_US + 1, &suppressed);
	assert_int_equal(let_through, LOG_RATELIMIT_BURST);
	assert_true(log_ratelimit(&limit, 3 * LOG_RATELIMIT_INTERVAL_US, &suppressed));
	assert_int_equal(suppressed, 100 - LOG_RATELIMIT_BURST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_u64),
		cmocka_unit_test(test_parse_duration),
		cmocka_unit_test(test_format_duration),
		cmocka_unit_test(test_parse_name),
		cmocka_unit_test(test_buf),
		cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_ratelimit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
