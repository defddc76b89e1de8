/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loading, deriving, ordering, hashing. What is said about bad files: test_config_golden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "agent/config_internal.h"

#include <errno.h>
#include <string.h>

static struct config_report report;

/* clang-format off */
#define CLUSTER "cluster = { name = \"demo\"; };\n"
#define NODES \
	"nodes = ( { name = \"n1\"; links = \"10.0.0.1\"; votes = 2; },\n" \
	"          { name = \"n2\"; links = \"10.0.0.2\"; votes = 3; },\n" \
	"          { name = \"n3\"; links = \"10.0.0.3\"; votes = 3; },\n" \
	"          { name = \"w\"; links = \"10.0.0.4\"; witness = true; } );\n"
#define EXEC(name, more) \
	"{ type = \"exec\"; name = \"" name "\"; start = [ \"/bin/true\" ];\n" \
	"  stop = [ \"/bin/true\" ]; " more " }"
#define LATE \
	"depends = \"early\"; retries = 2; start_timeout = \"3s\"; stop_timeout = \"4s\";"
#define GROUPS \
	"groups = ( { name = \"g1\"; nodes = \"n3\"; resources = (\n" \
	EXEC("late", LATE) ",\n" EXEC("early", "") ",\n" EXEC("free", "") " ); },\n" \
	"{ name = \"g2\"; autostart = false; accept_agent_enforced_lease = true; resources = (\n" \
	"  { type = \"fip\"; name = \"ip\"; address = \"10.0.0.9/24\"; } ); } );\n"
#define LAYOUT \
	"/* layout */ cluster : { name = \"de\" \"mo\"; port = 7410; interval = \"0.1s\" }\n"
/* clang-format on */

static struct config *load(const char *text)
{
	struct config *config = NULL;
	int r = config_load_text("test", text, &config, &report);

	if (r < 0)
		config_report_write(&report, "test", stderr);
	assert_int_equal(r, 0);
	assert_int_equal(report.errors, 0);
	return config;
}

static bool reported(const char *words)
{
	for (size_t i = 0; i < report.n; i++)
		if (strstr(report.problem[i].text, words))
			return true;
	return false;
}

/* ---- timing ---- */

static void test_derive_values(void **state)
{
	struct timing_config t = {.detection_us = 30000};

	(void)state;
	config_derive_timing(&t);
	assert_int_equal(t.interval_us, 10000);
	assert_int_equal(t.timeout_us, 30000);
	assert_int_equal(t.lease_us, 40000);
	assert_int_equal(t.lease_margin_us, 2000);
	assert_int_equal(t.startup_wait_us, 10000000);

	t = (struct timing_config){.detection_us = 0};
	config_derive_timing(&t);
	assert_int_equal(t.detection_us, 1000000);
	assert_int_equal(t.interval_us, 100000);
	assert_int_equal(t.timeout_us, 1000000);
	assert_int_equal(t.lease_us, 1200000);
	assert_int_equal(t.lease_margin_us, 60000);
	assert_int_equal(t.drift_ppm, 1000);
	assert_int_equal(t.startup_wait_us, 10000000);
	assert_int_equal(t.request_timeout_us, 10000000);
	assert_int_equal(t.late_percent, 80);
	assert_int_equal(t.flap_limit, 3);
	assert_int_equal(t.flap_window_us, 60000000);
	assert_int_equal(t.quarantine_us, 30000000);
	assert_int_equal(t.quarantine_max_us, 1800000000);

	t = (struct timing_config){.detection_us = 600000000};
	config_derive_timing(&t);
	assert_int_equal(t.interval_us, 60000000);
	assert_int_equal(t.lease_us, 720000000);
	assert_int_equal(t.quarantine_us, 18000000000);
	assert_int_equal(t.quarantine_max_us, 18000000000);
}

static void test_derive_keeps_what_is_set(void **state)
{
	const struct timing_config set = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
	struct timing_config t = set;

	(void)state;
	config_derive_timing(&t);
	assert_memory_equal(&t, &set, sizeof t);
}

/* Whatever the one number is, what follows from it fits together and is within the keys' ranges. */
static void test_derive_always_fits(void **state)
{
	struct config *config = load(CLUSTER "nodes = ( { name = \"n1\"; } );\n");

	(void)state;
	for (uint64_t d = 30000; d <= 600000000; d += d / 50 + 7) {
		const struct config_key *key;

		config->timing = (struct timing_config){.detection_us = d};
		config_derive_timing(&config->timing);
		memset(&report, 0, sizeof report);
		config_check_timing(config, &report);
		assert_int_equal(report.n, 0);
		for (size_t i = 0; (key = config_key_at(i)); i++) {
			const uint64_t *v = (const void *)((char *)config + key->offset);

			if (key->section != SECTION_CLUSTER || key->type != &config_type_duration)
				continue;
			if (*v < key->min || *v > key->max)
				fail_msg("%s = %llu us with detection_time %llu us", key->name,
					 (unsigned long long)*v, (unsigned long long)d);
		}
	}
	config_free(config);
}

static void test_defaults_agree(void **state)
{
	struct config *config = load(CLUSTER "nodes = ( { name = \"n1\"; } );\n");
	struct timing_config derived = {.detection_us = 0};

	(void)state;
	config_derive_timing(&derived);
	assert_memory_equal(&config->timing, &derived, sizeof derived);
	assert_int_equal(config->port, 7410);
	assert_int_equal(config->takeover, TAKEOVER_LEASE);
	assert_string_equal(config->key_file, "/etc/holdfast/key");
	assert_string_equal(config->state_directory, "/var/lib/holdfast");
	assert_string_equal(config->run_directory, "/run/holdfast");
	assert_string_equal(config->socket_path, "/run/holdfast/agent.sock");
	assert_string_equal(config->change_group, "holdfast");
	assert_string_equal(config->view_group, "holdfast-view");
	assert_true(config->realtime);
	assert_int_equal(config->event_records, 8192);
	config_free(config);
}

/* The budget, by hand: what is counted twice or forgotten would show here. */
static void test_times(void **state)
{
	struct config *config = load(CLUSTER NODES GROUPS);
	struct config_times times;
	bool programs;

	(void)state;
	config_times(config, &times);
	assert_int_equal(times.detection.best_us, 900000);
	assert_int_equal(times.detection.typical_us, 950000);
	assert_int_equal(times.detection.worst_us, 1100000);
	assert_int_equal(times.view.worst_us, 1300000);
	assert_int_equal(times.lease.worst_us, 1200000 + 1200 + 60000);
	assert_int_equal(times.lease.best_us, 1161200);
	assert_int_equal(times.takeover.best_us, 1161200);
	assert_int_equal(times.takeover.worst_us, 1400000);
	/* early (30 min), then late (3 s, up to three times); free runs beside them. */
	assert_int_equal(config_group_start_limit(config, 0, &programs), 1809000000);
	assert_true(programs);
	assert_int_equal(config_group_start_limit(config, 1, &programs), 15000000);
	assert_false(programs);
	config_free(config);
}

/* ---- content ---- */

static void test_resources_sorted(void **state)
{
	struct config *config = load(CLUSTER NODES GROUPS);

	(void)state;
	assert_int_equal(config->n_resources, 4);
	assert_string_equal(config->resources[0].name, "early");
	assert_string_equal(config->resources[1].name, "late");
	assert_string_equal(config->resources[2].name, "free");
	assert_string_equal(config->resources[3].name, "ip");
	assert_int_equal(config->resources[1].n_deps, 1);
	assert_int_equal(config->resources[1].deps[0], 0);
	config_free(config);
}

static void test_find(void **state)
{
	struct config *config = load(CLUSTER NODES GROUPS);

	(void)state;
	assert_int_equal(config_find_node(config, "n2"), 1);
	assert_int_equal(config_find_node(config, "n"), -ENOENT);
	assert_int_equal(config_find_group(config, "g2"), 1);
	assert_int_equal(config_find_group(config, "n1"), -ENOENT);
	config_free(config);
}

static void test_to_core(void **state)
{
	struct config *config = load(CLUSTER NODES GROUPS);
	static struct core_config core;

	(void)state;
	memset(&core, 0xff, sizeof core);
	config_to_core(config, 2, &core);
	assert_int_equal(core.n_nodes, 4);
	assert_int_equal(core.self, 2);
	assert_int_equal(core.n_links, 1);
	assert_int_equal(core.n_groups, 2);
	assert_int_equal(core.n_resources, 4);
	assert_int_equal(core.takeover, TAKEOVER_LEASE);
	assert_true(core.config_hash == config->hash && core.safety_hash == config->safety_hash);
	assert_int_equal(core.lease_us, 1200000);
	assert_int_equal(core.quarantine_max_us, 1800000000);
	assert_string_equal(core.nodes[1].name, "n2");
	assert_int_equal(core.nodes[1].votes, 3);
	assert_true(core.nodes[1].hosts);
	assert_false(core.nodes[3].hosts);
	assert_int_equal(core.groups[0].n_nodes, 1);
	assert_int_equal(core.groups[0].nodes[0], 2);
	assert_true(core.groups[0].autostart);
	assert_false(core.groups[1].autostart);
	assert_int_equal(core.groups[1].n_nodes, 3); /* all but the witness */
	assert_string_equal(core.resources[1].name, "late");
	assert_false(core.resources[1].address);
	assert_int_equal(core.resources[1].start_retries, 2);
	assert_int_equal(core.resources[1].deps[0], 0);
	assert_int_equal(core.resources[1].start_timeout_us, 3000000);
	assert_int_equal(core.resources[1].stop_timeout_us, 4000000);
	assert_true(core.resources[3].address);
	assert_int_equal(core.resources[3].group, 1);
	config_free(config);
}

static void test_unenforced(void **state)
{
	struct config *config = load(CLUSTER NODES GROUPS);

	(void)state;
	assert_false(config_group_unenforced(config, 0)); /* one node: nobody takes it over */
	assert_true(config_group_unenforced(config, 1));
	assert_int_equal(report.n, 1);
	assert_true(report.problem[0].warning);
	config_free(config);
}

/* The public check sees all parts, in a struct that no parser made. */
static void test_check_pure(void **state)
{
	struct config *config = load(CLUSTER NODES GROUPS);

	(void)state;
	config->timing.lease_us = 1;
	config->takeover = TAKEOVER_FENCE;
	memcpy(config->groups[1].name, "g1", 3);
	memset(&report, 0, sizeof report);
	config_check(config, &report);
	assert_true(reported("lease = \"1us\" must be at least \"1s\""));
	assert_true(reported("no fencing device"));
	assert_true(reported("group \"g1\": name"));
	config_free(config);
}

/* ---- hashes ---- */

static void hashes(const char *text, uint64_t *ret_hash, uint64_t *ret_safety)
{
	struct config *config = load(text);

	*ret_hash = config->hash;
	*ret_safety = config->safety_hash;
	config_free(config);
}

enum { SAME, CONFIG_DIFFERS, BOTH_DIFFER };

static void test_hashes(void **state)
{
	static const struct {
		const char *text;
		int expect;
	} rows[] = {
		{CLUSTER NODES GROUPS, SAME},
		{LAYOUT NODES GROUPS "# end", SAME},
		{"agent = { run_directory = \"/other\"; key_file = \"/k\"; };" CLUSTER NODES GROUPS,
		 SAME},
		{"agent = { run_directory = \"/run/holdfast\"; };" CLUSTER NODES GROUPS, SAME},
		{"cluster = { name = \"demo\"; lease = \"1201ms\"; };\n" NODES GROUPS,
		 CONFIG_DIFFERS},
		{"agent = { realtime = false; };" CLUSTER NODES GROUPS, CONFIG_DIFFERS},
		{"cluster = { name = \"demo2\"; };\n" NODES GROUPS, BOTH_DIFFER},
		{CLUSTER NODES, BOTH_DIFFER},
	};
	static const struct {
		const char *from, *to;
		int expect;
	} edits[] = {
		{"10.0.0.9/24", "10.0.0.8/24", CONFIG_DIFFERS},
		{"10.0.0.3", "10.0.0.7", CONFIG_DIFFERS},
		{"autostart = false", "autostart = true ", CONFIG_DIFFERS},
		{"/bin/true", "/bin/tru ", CONFIG_DIFFERS},
		{"votes = 3", "votes = 4", BOTH_DIFFER},
		{"n2", "x2", BOTH_DIFFER},
		{"witness = true;", "votes = 1;     ", BOTH_DIFFER},
		{"\"g2\"", "\"g3\"", BOTH_DIFFER},
		{"\"ip\"", "\"pi\"", BOTH_DIFFER},
	};
	uint64_t hash, safety, other_hash, other_safety;

	(void)state;
	hashes(CLUSTER NODES GROUPS, &hash, &safety);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		hashes(rows[i].text, &other_hash, &other_safety);
		assert_int_equal(other_hash != hash, rows[i].expect >= CONFIG_DIFFERS);
		assert_int_equal(other_safety != safety, rows[i].expect == BOTH_DIFFER);
	}
	for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
		char *text = strdup(CLUSTER NODES GROUPS);
		char *at = strstr(text, edits[i].from);

		assert_non_null(at);
		assert_int_equal(strlen(edits[i].from), strlen(edits[i].to));
		memcpy(at, edits[i].to, strlen(edits[i].to));
		hashes(text, &other_hash, &other_safety);
		assert_true(other_hash != hash);
		assert_int_equal(other_safety != safety, edits[i].expect == BOTH_DIFFER);
		free(text);
	}
}

/* ---- reports ---- */

static void test_report_bounds(void **state)
{
	(void)state;
	memset(&report, 0, sizeof report);
	for (unsigned int i = 0; i < CONFIG_PROBLEMS_MAX + 5; i++)
		config_report_error(&report, 100 - i, "%0999d\x1b", 1);
	assert_int_equal(report.n, CONFIG_PROBLEMS_MAX);
	assert_int_equal(report.errors, CONFIG_PROBLEMS_MAX + 5);
	assert_true(report.truncated);
	config_report_sort(&report);
	for (size_t i = 1; i < report.n; i++)
		assert_true(report.problem[i - 1].line < report.problem[i].line);
	config_report_warning(&report, 0, "more");
	assert_int_equal(report.errors, CONFIG_PROBLEMS_MAX + 5);

	memset(&report, 0, sizeof report);
	config_report_warning(&report, 7, "quoted \x1b[31m \xff");
	assert_string_equal(report.problem[0].text, "quoted ?[31m ?");
	assert_int_equal(report.errors, 0);
}

static void test_size_limit(void **state)
{
	char *text = malloc(CONFIG_FILE_MAX + 2);
	struct config *config = NULL;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', CONFIG_FILE_MAX + 1);
	text[CONFIG_FILE_MAX + 1] = '\0';
	assert_int_equal(config_load_text("big.conf", text, &config, &report), -EINVAL);
	assert_true(reported("big.conf is larger than 1048576 bytes"));
	memcpy(text, CLUSTER, strlen(CLUSTER));
	text[CONFIG_FILE_MAX] = '\0';
	assert_int_equal(config_load_text("big.conf", text, &config, &report), -EINVAL);
	assert_true(reported("key \"nodes\" is missing")); /* it was read */
	assert_null(config);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_derive_values),
		cmocka_unit_test(test_derive_keeps_what_is_set),
		cmocka_unit_test(test_derive_always_fits),
		cmocka_unit_test(test_defaults_agree),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_resources_sorted),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_to_core),
		cmocka_unit_test(test_unenforced),
		cmocka_unit_test(test_check_pure),
		cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_report_bounds),
		cmocka_unit_test(test_size_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
