/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pure parts of the channel: lines, slots, key derivation, queues. */
#include "ctl/channel/internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define X60 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void test_target_line(void **state)
{
	static const struct {
		const char *text;
		const char *name; /* NULL: refused */
	} rows[] = {
		{"node2", "node2"}, {"node2\r", "node2"},     {"a", "a"},
		{"", NULL},	    {" node2", NULL},	      {"node2 ", NULL},
		{"node 2", NULL},   {"10.0.0.1", "10.0.0.1"}, {"fe80::1%eth0", "fe80::1%eth0"},
		{"a/b", NULL},	    {"a\"b", NULL},	      {"no\tde", NULL},
		{"n\x80", NULL},    {X60 "123", X60 "123"},   {X60 "1234", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char name[CHANNEL_TARGET_SIZE] = "untouched";
		int r = line_parse_target(rows[i].text, strlen(rows[i].text), name);

		assert_int_equal(r, rows[i].name ? 0 : -EINVAL);
		assert_string_equal(name, rows[i].name ? rows[i].name : "untouched");
	}
}

static void test_open_line(void **state)
{
	static const struct {
		const char *text;
		int result;
		struct channel_open open;
	} rows[] = {
		{"open 1 change 0", 0, {true, 0}},
		{"open 1 view 1000", 0, {false, 1000}},
		{"open 1 view 4294967294", 0, {false, 4294967294U}},
		{"open 1 view 4294967295", -EINVAL, {0}},
		{"open 1 root 0", -EINVAL, {0}},
		{"open 1 change", -EINVAL, {0}},
		{"open 1 change 0 x", -EINVAL, {0}},
		{"open 1 change -1", -EINVAL, {0}},
		{"open  1 change 0", -EINVAL, {0}},
		{"open 2 what ever", -EPROTONOSUPPORT, {0}},
		{"open x change 0", -EINVAL, {0}},
		{"shut 1 change 0", -EINVAL, {0}},
		{"", -EINVAL, {0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct channel_open open = {0};
		char line[CHANNEL_LINE_MAX];
		size_t n;

		assert_int_equal(line_parse_open(rows[i].text, strlen(rows[i].text), &open),
				 rows[i].result);
		if (rows[i].result < 0)
			continue;
		assert_int_equal(open.change, rows[i].open.change);
		assert_int_equal(open.uid, rows[i].open.uid);
		n = line_write_open(&open, line);
		assert_int_equal(line[n - 1], '\n');
		line[n - 1] = '\0';
		assert_string_equal(line, rows[i].text);
	}
}

static void test_answer_line(void **state)
{
	char line[CHANNEL_LINE_MAX], long_text[2 * CHANNEL_LINE_MAX];
	size_t n;

	(void)state;
	assert_int_equal(line_parse_answer("ok", 2), 0);
	assert_int_equal(line_parse_answer("ok ", 3), -EINVAL);
	assert_int_equal(line_parse_answer("error ", 6), -EINVAL);
	assert_int_equal(line_parse_answer("error a b", 9), -EREMOTEIO);
	assert_int_equal(line_parse_answer("error a\033b", 9), -EINVAL);
	n = line_write_error("word", "one\033[2Jtwo\nthree", line);
	assert_string_equal(line, "error word one[2Jtwothree\n");
	assert_int_equal(line_parse_answer(line, n - 1), -EREMOTEIO);
	memset(long_text, 'x', sizeof long_text);
	long_text[sizeof long_text - 1] = '\0';
	n = line_write_error("word", long_text, line);
	assert_true(n < CHANNEL_LINE_MAX && strlen(line) == n && line[n - 1] == '\n');
}

/* Computed with Python's hmac from RFC 5869, not with this code. */
static void test_keys(void **state)
{
	static const uint8_t expected_secret[] = {
		0x94, 0x5b, 0x54, 0x6a, 0xb3, 0xeb, 0x2a, 0x06, 0x62, 0xcc, 0x3d,
		0x50, 0x6b, 0x57, 0x99, 0x49, 0x0f, 0xee, 0xad, 0x4f, 0xdb, 0x2b,
		0x81, 0x6b, 0x6f, 0xd4, 0xad, 0x7a, 0xb6, 0x6e, 0xdf, 0x94,
	};
	static const uint8_t expected_pair[] = {
		0xbf, 0xf3, 0x7e, 0x36, 0xd8, 0x1e, 0x7b, 0xcb, 0xc8, 0x81, 0xe0,
		0x6f, 0xd6, 0x1c, 0x55, 0x79, 0x42, 0x76, 0x25, 0x23, 0x56, 0xd7,
		0x86, 0xfd, 0x17, 0x54, 0xef, 0xd3, 0x32, 0x75, 0x37, 0x61,
	};
	uint8_t key[CHANNEL_SECRET_BYTES], pair[CHANNEL_SECRET_BYTES], other[CHANNEL_SECRET_BYTES];
	char identity[CHANNEL_IDENTITY_SIZE];
	struct channel_secret secret;

	(void)state;
	for (uint8_t i = 0; i < sizeof key; i++)
		key[i] = i;
	assert_int_equal(channel_secret_derive(key, 0x1234abcd, "demo", &secret), 0);
	assert_memory_equal(secret.bytes, expected_secret, sizeof secret.bytes);
	assert_int_equal(channel_key_derive(&secret, "node1", "node2", pair), 0);
	assert_memory_equal(pair, expected_pair, sizeof pair);
	assert_int_equal(channel_key_derive(&secret, "node2", "node1", other), 0);
	assert_memory_not_equal(pair, other, sizeof pair);
	channel_identity(&secret, "node1", "node2", identity);
	assert_string_equal(identity, "hf1:1234abcd:node1:node2");
}

static void test_inbound_slots(void **state)
{
	uint8_t open[NODES_MAX] = {0};
	unsigned int all = 0;

	(void)state;
	/* One that takes all it can leaves two for each of the others. */
	for (unsigned int node = 1; node < NODES_MAX; node++)
		while (slots_inbound(open, NODES_MAX, 0, (uint8_t)node) && all < 1000) {
			open[node]++;
			all++;
		}
	assert_int_equal(all, CHANNEL_INBOUND_MAX);
	for (unsigned int node = 1; node < NODES_MAX; node++)
		assert_true(open[node] >= CHANNEL_INBOUND_NODE_KEPT);
	/* In a small cluster the limit of one node is what counts. */
	memset(open, 0, sizeof open);
	while (slots_inbound(open, 3, 0, 1))
		open[1]++;
	assert_int_equal(open[1], CHANNEL_INBOUND_NODE_MAX);
	assert_true(slots_inbound(open, 3, 0, 2));
}

static void test_client_slots(void **state)
{
	static const struct {
		struct client_counts counts;
		uid_t uid;
		bool ok;
	} rows[] = {
		{{0, 0, 0}, 1000, true},    {{15, 15, 15}, 1000, true}, {{16, 16, 16}, 1000, false},
		{{56, 56, 1}, 1000, false}, {{56, 56, 0}, 0, true},	{{63, 55, 8}, 0, true},
		{{64, 55, 9}, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(slots_client(&rows[i].counts, rows[i].uid), rows[i].ok);
}

/* Bytes come out as they went in, whatever the pieces, and never more than its size. */
static void test_queue(void **state)
{
	struct queue q;
	uint8_t in = 0, out = 0;
	size_t room, total = 0;

	(void)state;
	assert_int_equal(queue_new(&q), 0);
	for (unsigned int i = 0; total < 4 * CHANNEL_QUEUE_BYTES; i++) {
		char *to = queue_room(&q, &room);
		size_t n = room < 777 * (i % 7 + 1) ? room : 777 * (i % 7 + 1);

		for (size_t k = 0; k < n; k++)
			to[k] = (char)in++;
		queue_added(&q, n);
		assert_true(queue_count(&q) <= CHANNEL_QUEUE_BYTES);
		n = queue_count(&q) < 501 * (i % 11 + 1) ? queue_count(&q) : 501 * (i % 11 + 1);
		for (size_t k = 0; k < n; k++)
			assert_int_equal((uint8_t)q.data[q.at + k], out++);
		queue_drop(&q, n);
		total += n;
	}
	queue_free(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_target_line),   cmocka_unit_test(test_open_line),
		cmocka_unit_test(test_answer_line),   cmocka_unit_test(test_keys),
		cmocka_unit_test(test_inbound_slots), cmocka_unit_test(test_client_slots),
		cmocka_unit_test(test_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
