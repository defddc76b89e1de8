/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What follows from fencing and watchdog of a configuration: for the core, between nodes, and when
 * another one is applied. What is refused: tests/golden/config. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "agent/config_change.h"
#include "agent/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FENCE "cluster = { name = \"c\"; takeover = \"fence\"; };\n"
#define LEASE "cluster = { name = \"c\"; };\n"
#define DEVICES                                                            \
	"fencing = { action = \"off\"; retries = 3; retry_wait = \"7s\"; " \
	"priority_delay = \"9s\"; devices = ( "                            \
	"{ name = \"a\"; agent = \"fence_x\"; timeout = \"11s\"; "         \
	"parameters = { ip = \"1\"; }; }, "                                \
	"{ name = \"b\"; agent = \"fence_x\"; parameters = { ip = \"2\"; }; } ); };\n"
#define NODES(fence1, fence2)                                                                \
	"nodes = ( { name = \"n1\"; links = [ \"10.0.0.1\" ]; fence_delay = \"2s\"; " fence1 \
	" }, { name = \"n2\"; links = [ \"10.0.0.2\" ]; " fence2 " } );\n"
#define N1	 "nodes = ( { name = \"n1\"; links = [ \"10.0.0.1\" ]; "
#define N2	 " }, { name = \"n2\"; links = [ \"10.0.0.2\" ]; "
#define N3	 " }, { name = \"n3\"; links = [ \"10.0.0.3\" ]; witness = true; } );\n"
#define LEVEL(d) "fence = ( { devices = \"" d "\"; } );"
#define THREE                                                      \
	"nodes = ( { name = \"n1\"; links = [ \"10.0.0.1\" ]; }, " \
	"{ name = \"n2\"; links = [ \"10.0.0.2\" ]; }, "           \
	"{ name = \"n3\"; links = [ \"10.0.0.3\" ]; } );\n"
#define PROGRAM(more)                                                           \
	"groups = ( { name = \"g\"; " more " resources = ( { type = \"exec\"; " \
	"name = \"r\"; start = [ \"/a\" ]; stop = [ \"/b\" ]; } ); } );\n"
#define ACCEPTED "accept_agent_enforced_lease = true;"
#define WATCHDOG(t) \
	"agent = { watchdog = { device = \"/dev/watchdog\"; timeout = \"" t "\"; }; };\n"
/* n3 holds nothing that others could take over */
#define ALONE(fence3)                                                                  \
	"nodes = ( { name = \"n1\"; links = [ \"10.0.0.1\" ]; " LEVEL(                 \
		"a") " }, "                                                            \
		     "{ name = \"n2\"; links = [ \"10.0.0.2\" ]; " LEVEL(              \
			     "b") " }, "                                               \
				  "{ name = \"n3\"; links = [ \"10.0.0.3\" ]; " fence3 \
				  " } );\n" PROGRAM("nodes = [ \"n1\", \"n2\" ];")
#define TIE FENCE DEVICES NODES(LEVEL("a"), LEVEL("b")) PROGRAM("")

static struct config_report report;

static struct config *load(const char *text)
{
	struct config *config = NULL;
	int r = config_load_text("test", text, &config, &report);

	if (r < 0)
		config_report_write(&report, "test", stderr);
	assert_int_equal(r, 0);
	return config;
}

static bool reported(const char *text)
{
	for (size_t i = 0; i < report.n; i++)
		if (strstr(report.problem[i].text, text))
			return true;
	return false;
}

static void test_core(void **state)
{
	struct core_config *core = calloc(1, sizeof *core);
	struct config *config = load(TIE);

	(void)state;
	assert_non_null(core);
	config_to_core(config, 0, core);
	assert_true(core->fence_tie);
	assert_false(core->fence_reboot);
	assert_int_equal(core->takeover, TAKEOVER_FENCE);
	assert_int_equal(core->fence_retries, 3);
	assert_int_equal(core->fence_retry_wait_us, 7000000);
	assert_int_equal(core->fence_priority_us, 9000000);
	assert_int_equal(core->quorum_loss, FINAL_STOP_GROUP);
	assert_int_equal(core->nodes[0].n_fence_levels, 1);
	assert_int_equal(core->nodes[0].fence_timeout_us[0], 11000000);
	assert_int_equal(core->nodes[0].fence_delay_us, 2000000);
	assert_int_equal(core->nodes[1].fence_timeout_us[0], 20000000);
	config_free(config);
	/* a lease decides: no tie is broken, whatever there is */
	config = load("cluster = { name = \"c\"; on_quorum_loss = \"panic\"; };\n" DEVICES N1 LEVEL(
		"a") N2 LEVEL("b") N3);
	config_to_core(config, 0, core);
	assert_false(core->fence_tie);
	assert_int_equal(core->quorum_loss, FINAL_PANIC);
	config_free(config);
	free(core);
}

/* Rule X8 asks every node that hosts; one that nobody inherits from may go without a level. */
static void test_tie_needs_all(void **state)
{
	struct config *config;

	(void)state;
	assert_int_equal(config_load_text("test", FENCE DEVICES NODES(LEVEL("a"), "") PROGRAM(""),
					  &config, &report),
			 -EINVAL);
	assert_true(reported("node \"n2\": fence: with takeover"));
	assert_true(reported("two nodes vote"));
	config = load(FENCE DEVICES "nodes = ( { name = \"n1\"; links = [ \"10.0.0.1\" ]; " LEVEL(
		"a") " }, "
		     "{ name = \"n2\"; links = [ \"10.0.0.2\" ]; " LEVEL(
			     "b") " }, "
				  "{ name = \"n3\"; links = [ \"10.0.0.3\" ]; } );\n" PROGRAM(
					  "nodes = [ \"n1\", \"n2\" ];"));
	assert_false(config_fence_tie(config));
	config_free(config);
}

static void test_ties(void **state)
{
	struct config *config = load(TIE);

	(void)state;
	assert_true(config_tie_possible(config));
	config->nodes[1].votes = 2;
	assert_false(config_tie_possible(config)); /* 1 + 2 */
	config->nodes[1].votes = 3;
	assert_false(config_tie_possible(config)); /* 1 + 3: even, and no halves */
	config->n_nodes = 3;
	config->nodes[2].votes = 2;
	assert_true(config_tie_possible(config)); /* 1 + 2 against 3 */
	config->n_nodes = 2;
	config_free(config);
}

/* Rule C3: what nodes must agree on, and what they may differ in. */
static void test_hashes(void **state)
{
	struct config *base = load(TIE), *other;

	(void)state;
	other = load(FENCE "fencing = { devices = ( { name = \"a\"; agent = \"fence_y\"; }, "
			   "{ name = \"b\"; agent = \"fence_y\"; } ); };\n" NODES(
				   LEVEL("a:1"), LEVEL("b:2")) PROGRAM(""));
	assert_true(base->safety_hash == other->safety_hash);
	assert_true(base->hash != other->hash);
	config_free(other);
	config_free(base);
	/* the device of a watchdog is a node's own */
	base = load(LEASE WATCHDOG("2s") THREE PROGRAM(""));
	other = load("cluster = { name = \"c\"; lease_margin = \"4004ms\"; };\n"
		     "agent = { watchdog = { device = \"/dev/watchdog1\"; "
		     "timeout = \"1s\"; }; };\n" THREE PROGRAM(""));
	assert_true(base->hash == other->hash);
	assert_true(base->safety_hash == other->safety_hash);
	config_free(other);
	/* rule W3: the wait for those of others is not */
	other = load(LEASE WATCHDOG("3s") THREE PROGRAM(""));
	assert_true(base->safety_hash != other->safety_hash);
	config_free(other);
	config_free(base);
	base = load(LEASE WATCHDOG("2s") THREE PROGRAM(ACCEPTED));
	other = load(LEASE WATCHDOG("3s") THREE PROGRAM(ACCEPTED));
	assert_true(base->safety_hash == other->safety_hash);
	config_free(other);
	config_free(base);
}

static void test_margin(void **state)
{
	struct config *config = load(LEASE WATCHDOG("4s") THREE PROGRAM(""));

	(void)state;
	assert_int_equal(config->timing.lease_margin_us, 8008000);
	assert_true(config_watchdog_enforces(config));
	assert_false(config_group_unenforced(config, 0));
	assert_true(config_group_needs_watchdog(config, 0));
	config->timing.lease_margin_us = 8007999;
	assert_false(config_watchdog_enforces(config));
	assert_true(config_group_unenforced(config, 0));
	config_free(config);
	config = load(FENCE WATCHDOG("4s") DEVICES NODES(LEVEL("a"), LEVEL("b")) PROGRAM(""));
	assert_int_equal(config->timing.lease_margin_us, 60000); /* nothing waits for it */
	config_free(config);
}

static void test_restart(void **state)
{
	static const struct {
		const char *from, *to, *expected;
	} rows[] = {
		{TIE, TIE, ""},
		{TIE,
		 FENCE "fencing = { action = \"reboot\"; priority_delay = \"5s\"; devices = ( "
		       "{ name = \"c\"; agent = \"fence_y\"; } ); };\n" NODES(
			       LEVEL("c:1"), LEVEL("c:2")) PROGRAM(""),
		 ""},
		{FENCE DEVICES ALONE(""), FENCE DEVICES ALONE(LEVEL("b:9")),
		 "that fencing breaks ties: a node has a level now, or has none\n"},
		{LEASE WATCHDOG("2s") THREE PROGRAM(""), LEASE WATCHDOG("3s") THREE PROGRAM(""),
		 "lease_margin, which waits for watchdogs\n"},
		{LEASE WATCHDOG("2s") THREE PROGRAM(ACCEPTED),
		 LEASE WATCHDOG("3s") THREE PROGRAM(ACCEPTED), ""},
		{LEASE WATCHDOG("2s") THREE PROGRAM(ACCEPTED),
		 LEASE WATCHDOG("2s") THREE PROGRAM(""),
		 "lease_margin, which waits for watchdogs\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct config *from, *to;
		char *text;

		from = load(rows[i].from);
		to = load(rows[i].to);
		text = config_restart_reasons(from, to);
		assert_string_equal(text, rows[i].expected);
		free(text);
		config_free(from);
		config_free(to);
	}
}

static void test_differences(void **state)
{
	struct config *from = load(TIE);
	struct config *to = load(
		FENCE
		"fencing = { action = \"off\"; retries = 3; retry_wait = \"7s\"; devices = ( "
		"{ name = \"a\"; agent = \"fence_x\"; timeout = \"12s\"; "
		"parameters = { ip = \"1\"; }; }, "
		"{ name = \"c\"; agent = \"fence_x\"; } ); };\n" NODES(LEVEL("a"), LEVEL("c:4"))
			PROGRAM(""));
	char *text = config_differences(from, to);

	(void)state;
	assert_string_equal(text, "fencing: priority_delay: \"9s\" -> \"5s\"\n"
				  "device a: timeout: \"11s\" -> \"12s\"\n"
				  "device b removed\n"
				  "device c added: agent = \"fence_x\"; timeout = \"20s\"\n"
				  "fence level 1 of node n2: devices: [ \"b\" ] -> [ \"c:4\" ]\n");
	free(text);
	config_free(from);
	config_free(to);
}

/* A server that is given a configuration keeps its watchdog, and says if the two do not fit. */
static void test_own_watchdog(void **state)
{
	struct config *own = load(LEASE WATCHDOG("4s") THREE PROGRAM(""));
	struct config *to = load(LEASE WATCHDOG("2s") THREE PROGRAM(""));
	struct config *bare = load(LEASE THREE PROGRAM(ACCEPTED));

	(void)state;
	memset(&report, 0, sizeof report);
	config_check_own_watchdog(to, own, &report);
	assert_int_equal(report.errors, 1);
	assert_true(reported("lease_margin = \"4004ms\" must be at least \"8008ms\""));
	memset(&report, 0, sizeof report);
	config_check_own_watchdog(own, to, &report);
	assert_int_equal(report.errors, 0);
	config_check_own_watchdog(bare, bare, &report);
	assert_int_equal(report.errors, 0);
	config_check_own_watchdog(to, bare, &report);
	assert_int_equal(report.errors, 1);
	assert_true(reported("this server has none"));
	assert_int_equal(config_keep_own(to, own), 1);
	assert_int_equal(config_keep_own(to, own), 0);
	assert_int_equal(to->watchdog.timeout_us, 4000000);
	assert_int_equal(config_keep_own(to, bare), 1);
	assert_null(to->watchdog.device);
	config_free(own);
	config_free(to);
	config_free(bare);
}

static void test_secret_names(void **state)
{
	static const char *const secret[] = {
		"password", "passwd",	  "snmp_priv_passwd", "passphrase", "Community", "api_key",
		"apikey",   "secret_key", "hexadecimal_kg",   "k_g",	    "apitoken"};
	static const char *const plain[] = {
		"ip",	      "key",	       "key_value", "password_file", "plug",
		"token_file", "passwd_script", "username",  "identity_file"};

	(void)state;
	for (size_t i = 0; i < sizeof secret / sizeof *secret; i++)
		assert_true(config_fence_secret(secret[i], strlen(secret[i])));
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		assert_false(config_fence_secret(plain[i], strlen(plain[i])));
}

/* What is missing or open on this machine is said, and does not stop it. */
static void test_here(void **state)
{
	char file[] = "/tmp/test_config_fence.XXXXXX", text[512];
	int fd = mkstemp(file);
	struct config *config;

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	(void)snprintf(text, sizeof text,
		       LEASE THREE
		       "fencing = { devices = ( { name = \"a\"; agent = \"/bin/true\"; "
		       "secrets = { password = \"%s\"; x = \"/none/such\"; y = \"/\"; }; }, "
		       "{ name = \"b\"; agent = \"fence_none_such\"; } ); };\n",
		       file);
	config = load(text);
	assert_int_equal(chmod(file, 0640), 0);
	memset(&report, 0, sizeof report);
	config_check_fencing_here(config, &report);
	assert_int_equal(report.errors, 0);
	assert_int_equal(report.n, 4);
	assert_true(reported("others than root may read"));
	assert_true(reported("/none/such: No such file"));
	assert_true(reported("not a plain file"));
	assert_true(reported("agent = \"fence_none_such\": no such program on this machine"));
	assert_int_equal(chmod(file, 0600), 0);
	memset(&report, 0, sizeof report);
	config_check_fencing_here(config, &report);
	assert_int_equal(reported("others than root may read"), geteuid() != 0);
	config_free(config);
	(void)unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_core),	     cmocka_unit_test(test_tie_needs_all),
		cmocka_unit_test(test_ties),	     cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_margin),	     cmocka_unit_test(test_restart),
		cmocka_unit_test(test_differences),  cmocka_unit_test(test_own_watchdog),
		cmocka_unit_test(test_secret_names), cmocka_unit_test(test_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
