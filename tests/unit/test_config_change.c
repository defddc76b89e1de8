/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Differences of two configurations, groups that must stop, reasons for a restart, own paths. */
#include "agent/config_change.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CLUSTER		     "cluster = { name = \"c\"; detection_time = \"1s\"; };\n"
#define AGENT		     "agent = { key_file = \"/etc/holdfast/key\"; };\n"
#define NODE(name, ip, more) "{ name = \"" name "\"; links = [ \"" ip "\" ]; " more " }"
#define THREE(a, b, c)	     "nodes = ( " a ", " b ", " c " );\n"
#define NODES \
	THREE(NODE("n1", "10.0.0.1", ""), NODE("n2", "10.0.0.2", ""), NODE("n3", "10.0.0.3", ""))
#define FIP(name, more)                    \
	"{ type = \"fip\"; name = \"" name \
	"\"; address = \"10.0.0.100/24\"; interface = \"eth0\"; " more " }"
#define EXEC(name, more)                    \
	"{ type = \"exec\"; name = \"" name \
	"\"; start = [ \"/bin/a\" ]; stop = [ \"/bin/b\" ]; " more " }"
#define GROUP(name, more, resources)                                                \
	"{ name = \"" name                                                          \
	"\"; nodes = [ \"n1\", \"n2\" ]; accept_agent_enforced_lease = true; " more \
	" resources = ( " resources " ); }"
#define GROUPS(list) "groups = ( " list " );\n"
#define WEB	     GROUPS(GROUP("web", "", FIP("ip", "") ", " EXEC("app", "")))
#define BASE	     CLUSTER AGENT NODES WEB

static struct config *load(const char *text)
{
	struct config_report report;
	struct config *config = NULL;

	if (config_load_text("test", text, &config, &report) < 0)
		print_error("%s\n%u: %s\n", text, report.problem[0].line, report.problem[0].text);
	assert_non_null(config);
	return config;
}

static void test_differences(void **state)
{
	static const struct {
		const char *from, *to, *expected;
	} rows[] = {
		{BASE, BASE, ""},
		/* paths are each node's own business */
		{BASE,
		 CLUSTER "agent = { key_file = \"/k\"; socket = \"/run/s\"; "
			 "script_directory = \"/s\"; };\n" NODES WEB,
		 ""},
		{BASE,
		 CLUSTER AGENT NODES GROUPS(GROUP("web", "failback = \"auto\"; comment = \"x\";",
						  FIP("ip", "") ", " EXEC("app", ""))),
		 "group web: failback: \"manual\" -> \"auto\"\n"
		 "group web: comment: \"x\" added\n"},
		{CLUSTER AGENT NODES GROUPS(GROUP("web", "comment = \"x\";", FIP("ip", ""))),
		 CLUSTER AGENT NODES GROUPS(GROUP("web", "", FIP("ip", ""))),
		 "group web: comment: \"x\" removed\n"},
		{BASE, CLUSTER AGENT NODES GROUPS(GROUP("web", "", FIP("ip", ""))),
		 "resource app of group web removed\n"},
		{CLUSTER AGENT NODES GROUPS(
			 GROUP("a", "", EXEC("x", "")) ", " GROUP("b", "", EXEC("y", ""))),
		 CLUSTER AGENT NODES GROUPS(
			 GROUP("b", "", EXEC("y", "")) ", " GROUP("a", "", EXEC("x", ""))),
		 "groups are in another order\nresources are in another order\n"},
		{BASE,
		 "cluster = { name = \"c\"; detection_time = \"2s\"; interval = \"200ms\"; "
		 "startup_wait = \"10s\"; };\n" AGENT NODES GROUPS(
			 GROUP("web", "", FIP("ip", "") ", " EXEC("app", ""))),
		 "cluster: detection_time: \"1s\" -> \"2s\"\n"
		 "cluster: interval: \"100ms\" -> \"200ms\"\n"
		 "cluster: timeout: \"1s\" -> \"2s\"\n"
		 "cluster: lease: \"1200ms\" -> \"2400ms\"\n"
		 "cluster: lease_margin: \"60ms\" -> \"120ms\"\n"
		 "cluster: flap_window: \"1m\" -> \"2m\"\n"
		 "cluster: failure_expiry: \"1m\" -> \"2m\"\n"
		 "cluster: quarantine: \"30s\" -> \"1m\"\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct config *from = load(rows[i].from), *to = load(rows[i].to);
		char *text = config_differences(from, to);

		assert_string_equal(text, rows[i].expected);
		free(text);
		config_free(from);
		config_free(to);
	}
}

static void test_added(void **state)
{
	struct config *from = load(CLUSTER AGENT NODES GROUPS(GROUP("web", "", FIP("ip", ""))));
	struct config *to = load(BASE);
	char *text = config_differences(from, to);

	(void)state;
	assert_non_null(strstr(text, "resource app of group web added: type = \"exec\"; "));
	assert_non_null(strstr(text, "start = [ \"/bin/a\" ]"));
	assert_null(strstr(text, "name = "));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	free(text);
	config_free(from);
	config_free(to);
}

/* However different they are, the text stays bounded, and says how much is left out. */
static void test_many(void **state)
{
	struct config *from = load(CLUSTER AGENT NODES), *to;
	char *text = NULL, *differences;
	size_t size, lines = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	(void)fputs(CLUSTER AGENT NODES "groups = ( ", out);
	for (int g = 0; g < 16; g++) {
		(void)fprintf(out,
			      "%s{ name = \"g%d\"; nodes = [ \"n1\" ]; "
			      "accept_agent_enforced_lease = true; resources = ( ",
			      g ? ", " : "", g);
		for (int i = 0; i < 32; i++)
			(void)fprintf(out,
				      "%s{ type = \"exec\"; name = \"r%d-%d\"; start = [ \"/a\" ]; "
				      "stop = [ \"/b\" ]; }",
				      i ? ", " : "", g, i);
		(void)fputs(" ); }", out);
	}
	(void)fputs(" );\nmonitors = ( ", out);
	for (int m = 0; m < MONITORS_MAX; m++)
		(void)fprintf(out, "%s{ name = \"m%d\"; type = \"genw\"; command = [ \"/a\" ]; }",
			      m ? ", " : "", m);
	(void)fputs(" );\n", out);
	assert_int_equal(fclose(out), 0);
	to = load(text);
	differences = config_differences(from, to);
	for (const char *s = differences; *s; s++)
		lines += *s == '\n';
	assert_int_equal(lines, CONFIG_DIFFERENCES_MAX + 1);
	assert_non_null(strstr(differences, "and 40 differences more\n"));
	free(differences);
	free(text);
	config_free(from);
	config_free(to);
}

static void test_affected(void **state)
{
#define TWO(web, other) \
	CLUSTER AGENT NODES GROUPS(GROUP("web", "", web) ", " GROUP("db", "", other))
	static const struct {
		const char *from, *to;
		bool web, db;
	} rows[] = {
		{TWO(FIP("ip", ""), EXEC("app", "")), TWO(FIP("ip", ""), EXEC("app", "")), 0, 0},
		/* what it is */
		{TWO(FIP("ip", ""), EXEC("app", "")),
		 TWO(FIP("ip", "check = \"5s\";"), EXEC("app", "")), 1, 0},
		{TWO(FIP("ip", ""), EXEC("app", "")),
		 TWO(FIP("ip", ""), EXEC("app", "user = \"u\";")), 0, 1},
		/* how it is looked after */
		{TWO(FIP("ip", ""), EXEC("app", "")),
		 TWO(FIP("ip", "comment = \"x\"; retries = 3;"),
		     EXEC("app", "start_timeout = \"5s\"; failovers = 2; "
				 "on_start_failure = \"stop-group\"; final_action_alone = true;")),
		 0, 0},
		/* another type, another name, another group */
		{TWO(FIP("ip", ""), EXEC("app", "")), TWO(EXEC("ip", ""), EXEC("app", "")), 1, 0},
		{TWO(FIP("ip", ""), EXEC("app", "")), TWO(FIP("ip2", ""), EXEC("app", "")), 1, 0},
		{TWO(FIP("ip", ""), EXEC("app", "") ", " EXEC("b", "")),
		 TWO(FIP("ip", "") ", " EXEC("b", ""), EXEC("app", "")), 0, 1},
		/* one more is started by the way */
		{TWO(FIP("ip", ""), EXEC("app", "")),
		 TWO(FIP("ip", ""), EXEC("app", "") ", " EXEC("b", "")), 0, 0},
		/* its order */
		{TWO(FIP("ip", ""), EXEC("a", "") ", " EXEC("b", "")),
		 TWO(FIP("ip", ""), EXEC("a", "depends = [ \"b\" ];") ", " EXEC("b", "")), 0, 1},
		/* the whole group */
		{TWO(FIP("ip", ""), EXEC("app", "")),
		 CLUSTER AGENT NODES GROUPS(GROUP("db", "", EXEC("app", ""))), 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct config *from = load(rows[i].from), *to = load(rows[i].to);
		uint8_t affected[GROUPS_MAX / 8];

		config_affected(from, to, affected);
		if ((affected[0] & 1) != rows[i].web || ((affected[0] >> 1) & 1) != rows[i].db)
			print_error("row %zu: %x\n", i, affected[0]);
		assert_int_equal(affected[0], rows[i].web | rows[i].db << 1);
		config_free(from);
		config_free(to);
	}
}

static void test_restart(void **state)
{
	static const struct {
		const char *to, *expected;
	} rows[] = {
		{BASE, ""},
		{"cluster = { name = \"c\"; detection_time = \"3s\"; channel_port = 99; };\n" AGENT
			 NODES WEB,
		 ""},
		{"cluster = { name = \"d\"; port = 9; detection_time = \"1s\"; };\n" AGENT NODES
			 WEB,
		 "name of the cluster\nport\n"},
		{CLUSTER AGENT THREE(NODE("n1", "10.0.0.1", "votes = 3;"),
				     NODE("n2", "10.0.0.9", ""),
				     NODE("n3", "10.0.0.3", "witness = true;")) WEB,
		 "votes or role of node n1\nlinks of node n2\nvotes or role of node n3\n"},
		{CLUSTER AGENT THREE(NODE("n2", "10.0.0.2", ""), NODE("n1", "10.0.0.1", ""),
				     NODE("n3", "10.0.0.3", "")) WEB,
		 "nodes, or their order\n"},
		{CLUSTER "agent = { key_file = \"/x\"; realtime = false; change_group = \"g\"; "
			 "event_records = 500; };\n" NODES WEB,
		 "realtime of the agent\nnumber of event records\n"
		 "system groups of the agent's socket\n"},
	};
	struct config *from = load(BASE);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct config *to = load(rows[i].to);
		char *text = config_restart_reasons(from, to);

		assert_string_equal(text, rows[i].expected);
		free(text);
		config_free(to);
	}
	config_free(from);
}

static void test_keep_own(void **state)
{
	struct config *own =
		load(CLUSTER "agent = { key_file = \"/a/key\"; state_directory = \"/a/state\"; "
			     "run_directory = \"/a/run\"; socket = \"/a/s\"; "
			     "script_directory = \"/a/sc\"; };\n" NODES);
	struct config *to = load(CLUSTER AGENT NODES), *again;
	uint64_t hash = to->hash;
	char *text;

	(void)state;
	assert_int_equal(config_keep_own(to, own), 1);
	assert_int_equal(config_keep_own(to, own), 0);
	assert_string_equal(to->socket_path, "/a/s");
	text = config_print(to);
	again = load(text);
	assert_string_equal(again->key_file, "/a/key");
	assert_string_equal(again->script_directory, "/a/sc");
	assert_int_equal(again->hash, hash);
	free(text);
	config_free(again);
	config_free(to);
	config_free(own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_differences), cmocka_unit_test(test_added),
		cmocka_unit_test(test_many),	    cmocka_unit_test(test_affected),
		cmocka_unit_test(test_restart),	    cmocka_unit_test(test_keep_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
