/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What monitors read from others. */
#include "agent/monitor_parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* ---- URLs ---- */

static void test_urls(void **state)
{
	static const struct {
		const char *text, *host, *port, *path; /* host NULL: refused */
	} urls[] = {
		{"http://10.0.0.9", "10.0.0.9", "80", "/"},
		{"http://10.0.0.9/", "10.0.0.9", "80", "/"},
		{"http://10.0.0.9:8080/a/b?c=d&e", "10.0.0.9", "8080", "/a/b?c=d&e"},
		{"http://[fd00::9]/x", "fd00::9", "80", "/x"},
		{"http://[fe80::1%eth0]:81/x", "fe80::1%eth0", "81", "/x"},
		{"https://10.0.0.9/", NULL, NULL, NULL},
		{"10.0.0.9", NULL, NULL, NULL},
		{"", NULL, NULL, NULL},
		{"http://", NULL, NULL, NULL},
		{"http:///x", NULL, NULL, NULL},
		{"http://[fd00::9/x", NULL, NULL, NULL},
		{"http://[]/x", NULL, NULL, NULL},
		{"http://[fd00::9]x", NULL, NULL, NULL},
		{"http://10.0.0.9:/", NULL, NULL, NULL},
		{"http://10.0.0.9:0/", NULL, NULL, NULL},
		{"http://10.0.0.9:65536/", NULL, NULL, NULL},
		{"http://10.0.0.9:80x/", NULL, NULL, NULL},
		{"http://10.0.0.9:000000080/", NULL, NULL, NULL},
		{"http://10.0.0.9?x", NULL, NULL, NULL},
		{"http://10.0.0.9/a b", NULL, NULL, NULL},
		{"http://10.0.0.9/a\r\nHost: x", NULL, NULL, NULL},
		{"http://10.0.0.9/a#b", NULL, NULL, NULL},
		{"http://10.0.\n9/", NULL, NULL, NULL},
	};
	char longest[HTTP_PATH_MAX + 32];
	struct http_url url;

	(void)state;
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		int r = http_url_parse(urls[i].text, &url);

		if (r != (urls[i].host ? 0 : -EINVAL))
			fail_msg("%s: %d", urls[i].text, r);
		if (r < 0)
			continue;
		assert_string_equal(url.host, urls[i].host);
		assert_string_equal(url.port, urls[i].port);
		assert_string_equal(url.path, urls[i].path);
	}
	(void)snprintf(longest, sizeof longest, "http://10.0.0.9/%0*d", HTTP_PATH_MAX - 2, 0);
	assert_int_equal(http_url_parse(longest, &url), 0);
	(void)strcat(longest, "0");
	assert_int_equal(http_url_parse(longest, &url), -EINVAL);
}

/* ---- replies ---- */

/* Fed whole, and byte by byte: the same. */
static void check_reply(const char *text, int want, unsigned int status)
{
	struct http_reply whole = {0}, bytes = {0};
	int r = 0;

	assert_int_equal(http_reply_feed(&whole, text, strlen(text)), want);
	for (size_t i = 0; r == 0 && text[i]; i++)
		r = http_reply_feed(&bytes, text + i, 1);
	assert_int_equal(r, want);
	if (want == 1) {
		assert_int_equal(whole.status, status);
		assert_int_equal(bytes.status, status);
	}
}

static void test_replies(void **state)
{
	struct http_reply reply = {0};

	(void)state;
	check_reply("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", 1, 200);
	check_reply("HTTP/1.0 404\n\n", 1, 404);
	check_reply("HTTP/1.1 599 \r\n\r\n", 1, 599);
	check_reply("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n"
		    "HTTP/1.1 500 Broken\r\n\r\n",
		    1, 500);
	check_reply("HTTP/1.1 101 Switching\r\n\r\n", 1, 101);
	check_reply("HTTP/1.1 200 OK\r\nA: b\r\n", 0, 0);
	check_reply("HTTP/1.1 200 OK", 0, 0);
	check_reply("HTTP/2 200\r\n", -EBADMSG, 0);
	check_reply("HTTP/1.1 20 OK\r\n", -EBADMSG, 0);
	check_reply("HTTP/1.1 2000 OK\r\n", -EBADMSG, 0);
	check_reply("HTTP/1.1 600 OK\r\n", -EBADMSG, 0);
	check_reply("HTTP/1.1  200 OK\r\n", -EBADMSG, 0);
	check_reply("HTTP/1.1 -20 OK\r\n", -EBADMSG, 0);
	check_reply("\r\nHTTP/1.1 200 OK\r\n\r\n", -EBADMSG, 0);
	check_reply("220 mail.example ESMTP\r\n", -EBADMSG, 0);
	/* once bad, for ever bad */
	assert_int_equal(http_reply_feed(&reply, "x\n", 2), -EBADMSG);
	assert_int_equal(http_reply_feed(&reply, "HTTP/1.1 200 OK\r\n\r\n", 19), -EBADMSG);
}

static void test_endless_replies(void **state)
{
	struct http_reply reply = {0};
	char data[1000];
	int r;

	(void)state;
	(void)memset(data, 'a', sizeof data);
	r = http_reply_feed(&reply, "HTTP/1.1 200 OK\r\n", 17);
	for (int i = 0; r == 0; i++) {
		assert_true(i < 20);
		r = http_reply_feed(&reply, data, sizeof data);
	}
	assert_int_equal(r, -EMSGSIZE);
	/* nor a status line, nor interim replies without end */
	reply = (struct http_reply){0};
	for (r = 0; r == 0;)
		r = http_reply_feed(&reply, data, sizeof data);
	assert_int_equal(r, -EMSGSIZE);
	reply = (struct http_reply){0};
	for (r = 0; r == 0;)
		r = http_reply_feed(&reply, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	assert_int_equal(r, -EMSGSIZE);
}

/* ---- processes ---- */

static void test_pid_files(void **state)
{
	static const struct {
		const char *text;
		int32_t pid; /* 0: refused */
	} files[] = {
		{"1234\n", 1234},
		{"1234", 1234},
		{"  77 \r\n", 77},
		{"4194304\n", 4194304},
		{"31\n/var/lib/pgsql\n1700000000\n5432\n", 31},
		{"4194305\n", 0},
		{"", 0},
		{"\n12\n", 0},
		{"0\n", 0},
		{"-5\n", 0},
		{"12x\n", 0},
		{"12 13\n", 0},
		{"0x10\n", 0},
		{"99999999999999999999999999\n", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		int32_t pid = -1;
		int r = pid_file_parse(files[i].text, strlen(files[i].text), &pid);

		if (r != (files[i].pid ? 0 : -EINVAL) || pid != (files[i].pid ? files[i].pid : -1))
			fail_msg("\"%s\": %d, %d", files[i].text, r, pid);
	}
}

#define REST \
	"1 42 42 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 778899 12345 678 18446744073709551615\n"

static void test_stat(void **state)
{
	static const char *const bad[] = {
		"",
		"42",
		"42 (sh",
		"42 (sh)",
		"42 (sh) S",
		"42 (sh) S ",
		"x (sh) S " REST,
		"42 sh S " REST,
		"42 (sh) S 1 2 3",
		"0 (sh) S " REST,
		"42 (sh)S " REST,
	};
	char long_name[400];
	struct proc_stat stat;
	const char *text = "42 (sh) S " REST;

	(void)state;
	assert_int_equal(proc_stat_parse(text, strlen(text), &stat), 0);
	assert_true(stat.pid == 42 && stat.state == 'S' && stat.start_ticks == 778899);
	assert_string_equal(stat.name, "sh");
	text = "7 (a) R (b) ) Z " REST;
	assert_int_equal(proc_stat_parse(text, strlen(text), &stat), 0);
	assert_string_equal(stat.name, "a) R (b) ");
	assert_int_equal(stat.state, 'Z');
	text = "7 () S " REST;
	assert_int_equal(proc_stat_parse(text, strlen(text), &stat), 0);
	assert_string_equal(stat.name, "");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (proc_stat_parse(bad[i], strlen(bad[i]), &stat) != -EBADMSG)
			fail_msg("taken: \"%s\"", bad[i]);
	(void)snprintf(long_name, sizeof long_name, "9 (%0200d) S %s", 0, REST);
	assert_int_equal(proc_stat_parse(long_name, strlen(long_name), &stat), 0);
	assert_int_equal(strlen(stat.name), sizeof stat.name - 1);
}

static void test_stat_of_this_process(void **state)
{
	struct proc_stat stat;
	char text[512];
	FILE *file = fopen("/proc/self/stat", "re");
	size_t n;

	(void)state;
	assert_non_null(file);
	n = fread(text, 1, sizeof text, file);
	(void)fclose(file);
	assert_int_equal(proc_stat_parse(text, n, &stat), 0);
	assert_int_equal(stat.pid, getpid());
	assert_true(stat.state == 'R' && stat.start_ticks > 0);
}

/* ---- ICMP ---- */

/* What the other end makes of a request. */
static void turn_around(uint8_t packet[ECHO_SIZE], bool v6)
{
	uint32_t sum;

	packet[0] = v6 ? 129 : 0;
	if (v6)
		return;
	/* the type went from 8 to 0: the sum grows by that */
	sum = ((uint32_t)packet[2] << 8 | packet[3]) + 0x0800;
	sum = (sum & 0xffff) + (sum >> 16);
	packet[2] = (uint8_t)(sum >> 8);
	packet[3] = (uint8_t)sum;
}

static void test_echo(void **state)
{
	const struct echo echo = {
		.id = 0x1234, .sequence = 0xfedc, .cookie = 0x0123456789abcdefULL};
	uint8_t packet[20 + 40 + ECHO_SIZE];
	struct echo got;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		echo_build(&echo, v6, packet);
		assert_int_equal(echo_parse(packet, ECHO_SIZE, v6, false, &got), -EBADMSG);
		turn_around(packet, v6);
		assert_int_equal(echo_parse(packet, ECHO_SIZE, v6, false, &got), 0);
		assert_true(got.id == echo.id && got.sequence == echo.sequence &&
			    got.cookie == echo.cookie);
		for (size_t n = 0; n < ECHO_SIZE; n++)
			assert_int_equal(echo_parse(packet, n, v6, false, &got), -EBADMSG);
		packet[1] = 3; /* code */
		assert_int_equal(echo_parse(packet, ECHO_SIZE, v6, false, &got), -EBADMSG);
	}
	/* a damaged byte */
	echo_build(&echo, false, packet);
	turn_around(packet, false);
	packet[ECHO_SIZE - 1] ^= 1;
	assert_int_equal(echo_parse(packet, ECHO_SIZE, false, false, &got), -EBADMSG);
}

static void test_echo_behind_ip_headers(void **state)
{
	const struct echo echo = {.id = 1, .sequence = 2, .cookie = 3};
	uint8_t packet[60 + ECHO_SIZE] = {0};
	struct echo got;

	(void)state;
	for (size_t words = 0; words < 16; words++) {
		size_t header = words * 4;

		packet[0] = (uint8_t)(0x40 | words);
		packet[9] = 1;
		if (words >= 5) {
			echo_build(&echo, false, packet + header);
			turn_around(packet + header, false);
		}
		assert_int_equal(echo_parse(packet, header + ECHO_SIZE, false, true, &got),
				 words >= 5 ? 0 : -EBADMSG);
		assert_int_equal(echo_parse(packet, header + ECHO_SIZE - 1, false, true, &got),
				 -EBADMSG);
	}
	packet[9] = 17; /* UDP */
	assert_int_equal(echo_parse(packet, sizeof packet, false, true, &got), -EBADMSG);
}

/* ---- lines ---- */

static void test_lines(void **state)
{
	static const char text[] = "first\n\n  \nsecond \r\nlast";
	struct lines lines = {0};
	unsigned int n = 0;
	bool line;

	(void)state;
	/* in pieces of every size */
	for (size_t piece = 1; piece < sizeof text; piece++) {
		lines = (struct lines){0};
		n = 0;
		for (size_t at = 0; at < sizeof text - 1;) {
			size_t left = sizeof text - 1 - at;

			at += lines_feed(&lines, text + at, left < piece ? left : piece, &line);
			n += line;
		}
		assert_int_equal(n, 2);
		assert_string_equal(lines.last, "second");
		assert_true(lines_end(&lines));
		assert_string_equal(lines.last, "last");
		assert_false(lines_end(&lines));
	}
}

static void test_long_lines(void **state)
{
	struct lines lines = {0};
	char data[1000];
	bool line = false;

	(void)state;
	(void)memset(data, 'x', sizeof data);
	data[0] = '\0';
	for (int i = 0; i < 100; i++)
		assert_int_equal(lines_feed(&lines, data, sizeof data, &line), sizeof data);
	assert_false(line);
	assert_int_equal(lines_feed(&lines, "\nnext", 5, &line), 1);
	assert_true(line);
	assert_int_equal(strlen(lines.last), LINE_MAX_BYTES - 1);
	assert_int_equal(lines.last[0], '?');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_endless_replies),
		cmocka_unit_test(test_pid_files),
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_stat_of_this_process),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_echo_behind_ip_headers),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_lines),
	};

	return cmocka_run_group_tests_name("monitor_parse", tests, NULL, NULL);
}
