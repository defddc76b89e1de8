/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Layouts against captured output of the original, the aggregation of heartbeats, safe text. */
#include "cli/field.h"
#include "cli/render.h"
#include "cli/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef void (*render_function)(const struct render *render, const json_t *status);

static char *print(render_function f, const json_t *status, bool color, bool long_names)
{
	char *text = NULL;
	size_t n = 0;
	const struct render render = {
		.out = open_memstream(&text, &n), .color = color, .long_names = long_names};

	assert_non_null(render.out);
	f(&render, status);
	assert_int_equal(fclose(render.out), 0);
	return text;
}

static json_t *parse(const char *text)
{
	json_error_t error;
	json_t *json = json_loads(text, 0, &error);

	if (!json)
		fail_msg("column %d: %s", error.column, error.text);
	return json;
}

/* ---- captured layouts ---- */

#define CAPTURED_STATUS                                                                          \
	"{\"cluster\":\"cluster-x600\",\"servers\":["                                            \
	"{\"name\":\"116rhel94\",\"self\":true,\"status\":\"Online\",\"hears\":[\"117rhel94\"]," \
	"\"links\":[{\"link\":0,\"status\":\"Normal\"}]},"                                       \
	"{\"name\":\"117rhel94\",\"status\":\"Online\",\"hears\":[\"116rhel94\"],"               \
	"\"links\":[{\"link\":0,\"status\":\"Normal\"}]}],"                                      \
	"\"groups\":[{\"name\":\"failover1\",\"status\":\"Online\",\"current\":\"116rhel94\","   \
	"\"resources\":[\"exec1\"]}%s],"                                                         \
	"\"resources\":[{\"name\":\"exec1\",\"type\":\"exec\",\"status\":\"Online\"}],"          \
	"\"monitors\":[{\"name\":\"userw\",\"type\":\"userw\",\"status\":\"Normal\"}]}"

static json_t *captured_status(const char *more_groups)
{
	char text[2048];

	snprintf(text, sizeof(text), CAPTURED_STATUS, more_groups);
	return parse(text);
}

/* As captured, with this product's heartbeat in the place of the kernel mode one. */
static void test_summary_layout(void **state)
{
	json_t *status = captured_status("");
	char *text = print(render_summary, status, false, false);

	(void)state;
	assert_string_equal(
		text, " ========================  CLUSTER STATUS  ===========================\n"
		      "  Cluster : cluster-x600\n"
		      "  <server>\n"
		      "   *116rhel94 .......: Online           \n"
		      "      lanhb1         : Normal           LAN Heartbeat\n"
		      "    117rhel94 .......: Online           \n"
		      "      lanhb1         : Normal           LAN Heartbeat\n"
		      "  <group>\n"
		      "    failover1 .......: Online           \n"
		      "      current        : 116rhel94\n"
		      "      exec1          : Online           \n"
		      "  <monitor>\n"
		      "    userw            : Normal            \n"
		      " =====================================================================\n");
	free(text);
	json_decref(status);
}

static void test_group_map_layout(void **state)
{
	json_t *status = captured_status(",{\"name\":\"failover2\",\"status\":\"Online\","
					 "\"current\":\"117rhel94\",\"resources\":[]},"
					 "{\"name\":\"failover3\",\"status\":\"Offline\","
					 "\"current\":null,\"owner\":\"117rhel94\"}");
	char *text = print(render_groups, status, false, false);

	(void)state;
	assert_string_equal(
		text, " ======================  GROUPMAP INFORMATION  =======================\n"
		      "  Cluster : cluster-x600\n"
		      "   *server0 : 116rhel94\n"
		      "    server1 : 117rhel94\n"
		      "\n"
		      "  --------------------------------------------------------------------\n"
		      "    server0 [o] : failover1[o] \n"
		      "    server1 [o] : failover2[o] \n"
		      " =====================================================================\n");
	free(text);
	json_decref(status);
}

static void test_info_layout(void **state)
{
	json_t *status = captured_status("");
	char *text = print(render_info, status, false, false);

	(void)state;
	assert_non_null(strstr(
		text,
		" [HB0 : lanhb1]\n"
		"   Type                                                   : lanhb\n"
		"   Comment                                                : LAN Heartbeat\n"));
	assert_ptr_equal(text, strstr(text, " =======================  CLUSTER INFORMATION  "
					    "=======================\n"));
	free(text);
	json_decref(status);
}

static void test_heartbeat_map_layout(void **state)
{
	json_t *status = parse(
		"{\"cluster\":\"cluster\",\"servers\":["
		"{\"name\":\"server1\",\"self\":true,\"status\":\"Online\","
		"\"hears\":[\"server2\"]},"
		"{\"name\":\"server2\",\"status\":\"Online\",\"hears\":[\"server1\"],\"links\":["
		"{\"link\":0,\"status\":\"Normal\"},{\"link\":1,\"status\":\"Error\"}]}]}");
	char *text = print(render_heartbeats, status, false, false);

	(void)state;
	assert_string_equal(
		text, " ================== HEARTBEAT RESOURCE STATUS ====================\n"
		      "  Cluster : cluster\n"
		      "   *server0 : server1\n"
		      "    server1 : server2\n"
		      "\n"
		      "  HB0 : lanhb1\n"
		      "  HB1 : lanhb2\n"
		      "\n"
		      "  [on server0 : Online]\n"
		      "         HB    0    1\n"
		      "  ----------------------\n"
		      "    server0 :  o    o\n"
		      "    server1 :  o    x\n"
		      "\n"
		      "  [on server1 : Online]\n"
		      "         HB    0    1\n"
		      "  ----------------------\n"
		      "    server0 :  o    -\n"
		      "    server1 :  o    o\n"
		      " =====================================================================\n");
	free(text);
	json_decref(status);
}

static void test_names_are_cut(void **state)
{
	json_t *status =
		parse("{\"servers\":[{\"name\":\"0123456789abcdefg\",\"status\":\"Online\"}],"
		      "\"groups\":[{\"name\":\"container-recovery\",\"status\":\"Online\","
		      "\"resources\":[\"0123456789abcde\"]}]}");
	char *text = print(render_summary, status, false, false);

	(void)state;
	assert_non_null(strstr(text, "\n    container-recove : Online           \n"));
	assert_non_null(strstr(text, "\n    0123456789abcdef : Online           \n"));
	assert_non_null(strstr(text, "\n      0123456789abcd : Unknown          \n"));
	free(text);
	text = print(render_summary, status, false, true);
	assert_non_null(strstr(text, "\n    container-recovery : Online           \n"));
	assert_non_null(strstr(text, "\n      0123456789abcde: Unknown          \n"));
	free(text);
	json_decref(status);
}

/* Takes the colours away again. */
static void strip_colors(char *text)
{
	char *to = text;

	for (const char *s = text; *s;) {
		if (*s == '\x1b')
			s += strcspn(s, "m") + 1;
		else
			*to++ = *s++;
	}
	*to = '\0';
}

/* Colours change nothing else: not one column moves. */
static void test_colors(void **state)
{
	static const render_function all[] = {render_verdict,	 render_summary,  render_groups,
					      render_heartbeats, render_monitors, render_info};
	json_t *status = captured_status("");

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		char *plain = print(all[i], status, false, false);
		char *color = print(all[i], status, true, false);

		assert_null(strchr(plain, '\x1b'));
		if (all[i] == render_summary)
			assert_non_null(strstr(color, "\x1b[32mOnline\x1b[0m           \n"));
		strip_colors(color);
		assert_string_equal(plain, color);
		free(plain);
		free(color);
	}
	json_decref(status);
}

static void test_status_words(void **state)
{
	static const char *const words[] = {"Unknown",	       "Normal",	 "Caution",
					    "Error",	       "Unused",	 "Suspend",
					    "Online",	       "Offline",	 "Online Pending",
					    "Offline Pending", "Online Failure", "Offline Failure"};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		assert_string_equal(render_status_word(words[i]), words[i]);
	assert_string_equal(render_status_word("online"), "Unknown");
	assert_string_equal(render_status_word(""), "Unknown");
}

/* ---- verdict ---- */

static void first_line(const char *status_text, const char *expected)
{
	json_t *status = parse(status_text);
	char *text = print(render_verdict, status, false, false);

	text[strcspn(text, "\n")] = '\0';
	assert_string_equal(text, expected);
	free(text);
	json_decref(status);
}

static void test_verdict(void **state)
{
	(void)state;
	first_line("{\"verdict\":{\"level\":\"healthy\",\"text\":\"all is well\"}}",
		   "healthy: all is well");
	first_line("{\"verdict\":{\"level\":\"degraded\",\"text\":\"Degraded: one is down\"}}",
		   "Degraded: one is down");
	first_line("{\"verdict\":{\"level\":\"down\"}}", "down");
	first_line("{}", "unknown");
}

/* ---- heartbeats ---- */

/* Statuses of links 0 and 1 of the self server and two peers, all Online unless said. */
struct heartbeat_case {
	const char *what;
	const char *status[3];
	const char *pair[3][2]; /* of peers 1 and 2; "open": no status, but a socket */
	const char *want[3][2];
};

static const struct heartbeat_case heartbeat_cases[] = {
	{"all well",
	 {"Online", "Online", "Online"},
	 {{"Normal", "Normal"}, {"Normal", "Normal"}, {"Normal", "Normal"}},
	 {{"Normal", "Normal"}, {"Normal", "Normal"}, {"Normal", "Normal"}}},
	{"link 1 of one peer is broken",
	 {"Online", "Online", "Online"},
	 {{"Normal", "Normal"}, {"Normal", "Error"}, {"Normal", "Normal"}},
	 {{"Normal", "Caution"}, {"Normal", "Error"}, {"Normal", "Normal"}}},
	{"our own link 1 is broken: of the peers only that is known",
	 {"Online", "Online", "Online"},
	 {{"Normal", "Error"}, {"Normal", "Error"}, {"Normal", "Error"}},
	 {{"Normal", "Error"}, {"Normal", "Caution"}, {"Normal", "Caution"}}},
	{"a peer that is down is no news about links",
	 {"Online", "Offline", "Online"},
	 {{"Normal", "Normal"}, {"Error", "Error"}, {"Normal", "Normal"}},
	 {{"Normal", "Normal"}, {"Offline", "Offline"}, {"Normal", "Normal"}}},
	{"with one peer left, its broken link is Error",
	 {"Online", "Offline", "Online"},
	 {{"Normal", "Normal"}, {"Error", "Error"}, {"Normal", "Error"}},
	 {{"Normal", "Error"}, {"Offline", "Offline"}, {"Normal", "Error"}}},
	{"alone: whether the own sockets are open",
	 {"Online", "Offline", "Unknown"},
	 {{"open", "Error"}, {"Error", "Error"}, {"Error", "Error"}},
	 {{"Normal", "Error"}, {"Offline", "Offline"}, {"Unknown", "Unknown"}}},
	{"alone: a link that is configured nowhere",
	 {"Online", "Offline", "Offline"},
	 {{"Unused", "Unused"}, {"Error", "Unused"}, {"Unused", "Unused"}},
	 {{"Error", "Unused"}, {"Offline", "Offline"}, {"Offline", "Offline"}}},
	{"a link that only some nodes have",
	 {"Online", "Online", "Online"},
	 {{"Normal", "Normal"}, {"Normal", "Unused"}, {"Normal", "Normal"}},
	 {{"Normal", "Normal"}, {"Normal", "Unused"}, {"Normal", "Normal"}}},
};

static json_t *link_row(int link, const char *word)
{
	return json_pack("{s:i, s:s, s:b}", "link", link, "status", word, "open",
			 strcmp(word, "open") == 0);
}

static json_t *heartbeat_status_of(const struct heartbeat_case *c)
{
	json_t *servers = json_array();

	for (int i = 0; i < 3; i++)
		json_array_append_new(servers,
				      json_pack("{s:s, s:b, s:[o, o]}", "status", c->status[i],
						"self", i == 0, "links", link_row(0, c->pair[i][0]),
						link_row(1, c->pair[i][1])));
	return json_pack("{s:o}", "servers", servers);
}

static void test_heartbeats(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(heartbeat_cases) / sizeof(*heartbeat_cases); k++) {
		const struct heartbeat_case *c = &heartbeat_cases[k];
		json_t *status = heartbeat_status_of(c);
		const json_t *servers = field_array(status, "servers");

		assert_int_equal(heartbeat_count(status), 2);
		for (size_t i = 0; i < 3; i++)
			for (unsigned int link = 0; link < 2; link++) {
				const char *got =
					heartbeat_status(status, json_array_get(servers, i), link);

				if (strcmp(got, c->want[i][link]) != 0)
					fail_msg("%s: server %zu link %u is %s", c->what, i, link,
						 got);
			}
		json_decref(status);
	}
}

/* ---- text ---- */

static const struct {
	const char *text, *shown;
	size_t width;
} texts[] = {
	{"", "", 0},
	{"plain ~ text", "plain ~ text", 12},
	{"a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd", 16},
	{"\x1b[2J", "\\x1b[2J", 7},
	{"\x7f", "\\x7f", 4},
	{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 3},
	{"\xc2\x9b", "\\u009b", 6},	/* a control sequence in one character */
	{"\xe2\x80\xae", "\\u202e", 6}, /* text from right to left */
	{"\xe2\x80\xa8", "\\u2028", 6}, /* line separator */
	{"\xff\xfe", "\\xff\\xfe", 8},	/* not UTF-8 */
	{"\xc3", "\\xc3", 4},		/* cut off */
	{"\xc0\x9b", "\\xc0\\x9b", 8},	/* overlong form of ESC */
	{"\xe0\x80\x9b", "\\xe0\\x80\\x9b", 12},
	{"\xed\xa0\x80", "\\xed\\xa0\\x80", 12}, /* half of a surrogate pair */
	{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", 16},
};

static char *shown(const char *s, void (*put)(FILE *f, const char *s))
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	put(f, s);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void test_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char *got = shown(texts[i].text, text_put);

		assert_string_equal(got, texts[i].shown);
		assert_int_equal(text_width(texts[i].text), texts[i].width);
		free(got);
	}
}

static void put_lines(FILE *f, const char *s)
{
	text_put_lines(f, s);
}

static void put_column(FILE *f, const char *s)
{
	text_put_column(f, s, 6, 8);
}

static void test_text_forms(void **state)
{
	char *got = shown("a\n\tb\r\x1b", put_lines);

	(void)state;
	assert_string_equal(got, "a\n\tb\\x0d\\x1b");
	free(got);
	/* An escape is shown whole or not at all. */
	got = shown("abc\x1bz", put_column);
	assert_string_equal(got, "abc     ");
	free(got);
	got = shown("ab\x1bz", put_column);
	assert_string_equal(got, "ab\\x1b  ");
	free(got);
	got = shown("abcdefghijk", put_column);
	assert_string_equal(got, "abcdef  ");
	free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_summary_layout), cmocka_unit_test(test_group_map_layout),
		cmocka_unit_test(test_info_layout),    cmocka_unit_test(test_heartbeat_map_layout),
		cmocka_unit_test(test_names_are_cut),  cmocka_unit_test(test_colors),
		cmocka_unit_test(test_status_words),   cmocka_unit_test(test_verdict),
		cmocka_unit_test(test_heartbeats),     cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
