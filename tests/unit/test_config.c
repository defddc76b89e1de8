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
#define MONITORS \
	"monitors = ( { type = \"fipw\"; name = \"m1\"; resource = \"ip\"; critical = true;\n" \
	"    restarts = 3; failovers = 2; before_final = [ \"/bin/true\" ]; },\n" \
	"  { type = \"psw\"; name = \"m2\"; process = \"app\"; target = \"g1\"; nodes = \"n3\";\n" \
	"    timing = \"always\"; final_action = \"reboot\"; },\n" \
	"  { type = \"userw\"; name = \"m3\"; recovery = \"server\"; } );\n"
#define WAITING \
	"groups = ( { name = \"a\"; failover = \"manual\"; failback = \"auto\";\n" \
	"    failover_limit = 0; start_after = [ \"c\", \"b\" ];\n" \
	"    start_after_same_server = true; start_wait = \"7s\";\n" \
	"    start_wait_timeout = \"continue\"; stop_after = \"c\"; stop_wait = \"8s\";\n" \
	"    stop_wait_at = [ \"group\", \"cluster\" ]; failover_window = \"9s\"; },\n" \
	"  { name = \"b\"; nodes = \"n1\"; resources = ( { type = \"systemd\"; name = \"u\";\n" \
	"      unit = \"x.service\"; stop_retries = 4; failovers = 5;\n" \
	"      final_action_alone = true;\n" \
	"      on_start_failure = \"stop-group\";\n" \
	"      on_stop_failure = \"panic\"; } ); },\n" \
	"  { name = \"c\"; nodes = \"n1\"; }, { name = \"d\"; } );\n" \
	"exclusions = ( { name = \"x\"; kind = \"absolute\"; groups = [ \"b\", \"d\" ]; } );\n"
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
	assert_int_equal(t.stall_timeout_us, 5000000);
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
	assert_int_equal(t.stall_timeout_us, 600000000);
	assert_int_equal(t.quarantine_us, 18000000000);
	assert_int_equal(t.quarantine_max_us, 18000000000);
}

static void test_derive_keeps_what_is_set(void **state)
{
	const struct timing_config set = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
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
	assert_int_equal(config->kernel_path, KERNEL_PATH_AUTO);
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
	assert_int_equal(core.stall_timeout_us, 5000000);
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

static void test_monitors_to_core(void **state)
{
	struct config *config = load(CLUSTER NODES GROUPS MONITORS);
	static struct core_config core;

	(void)state;
	config_to_core(config, 0, &core);
	assert_true(core.objects_hash == config->objects_hash && core.objects_hash != 0);
	assert_int_equal(core.n_monitors, 3);
	assert_string_equal(core.monitors[0].name, "m1");
	assert_int_equal(core.monitors[0].nodes, 7); /* not the witness */
	assert_int_equal(core.monitors[0].active_resource, 3);
	assert_int_equal(core.monitors[0].active_group, UINT16_MAX);
	assert_int_equal(core.monitors[0].recovery, RECOVER_RESOURCE);
	assert_int_equal(core.monitors[0].target, 3);
	assert_int_equal(core.monitors[0].restarts, 3);
	assert_int_equal(core.monitors[0].failovers, 2);
	assert_int_equal(core.monitors[0].scripts, 1 << STAGE_FINAL);
	assert_int_equal(core.monitors[0].script_timeout_us, 180000000);
	assert_true(core.monitors[0].critical);
	assert_int_equal(config->monitors[0].resource, 3);
	assert_int_equal(core.monitors[1].nodes, 4);
	assert_int_equal(core.monitors[1].active_resource, UINT16_MAX);
	assert_int_equal(core.monitors[1].active_group, UINT16_MAX);
	assert_int_equal(core.monitors[1].recovery, RECOVER_GROUP);
	assert_int_equal(core.monitors[1].target, 0);
	assert_int_equal(core.monitors[1].failovers, FAILOVERS_NODES);
	assert_int_equal(core.monitors[1].final, FINAL_REBOOT);
	assert_int_equal(core.monitors[2].recovery, RECOVER_NODE);
	assert_int_equal(config_find_monitor(config, "m3"), 2);
	assert_int_equal(config_find_resource(config, "ip"), 3);
	assert_string_equal(config_monitor_type_to_string(config->monitors[1].type), "psw");
	config_free(config);
}

static void test_groups_to_core(void **state)
{
	struct config *config = load(CLUSTER NODES WAITING);
	static struct core_config core;
	const struct core_group_config *a = &core.groups[0];
	const struct core_resource_config *u = &core.resources[0];

	(void)state;
	config_to_core(config, 0, &core);
	assert_true(a->failover_manual && a->failback && a->start_same_node);
	assert_true(a->start_wait_continue);
	assert_int_equal(a->failover_limit, 0);
	assert_int_equal(a->failover_window_us, 9000000);
	assert_int_equal(a->n_start_after, 2);
	assert_int_equal(a->start_after[0], 2);
	assert_int_equal(a->start_after[1], 1);
	assert_int_equal(a->n_stop_after, 1);
	assert_int_equal(a->stop_after[0], 2);
	assert_int_equal(a->start_wait_us, 7000000);
	assert_int_equal(a->stop_wait_us, 8000000);
	assert_int_equal(a->stop_wait_when, STOP_WAIT_CLUSTER | STOP_WAIT_GROUP);
	assert_false(core.groups[1].failover_manual || core.groups[1].failback);
	assert_int_equal(core.groups[1].failover_limit, 5);
	assert_int_equal(core.groups[1].stop_wait_when, STOP_WAIT_CLUSTER);
	assert_int_equal(u->stop_retries, 4);
	assert_int_equal(u->failovers, 5);
	assert_int_equal(u->start_final, FINAL_STOP_GROUP);
	assert_int_equal(u->stop_final, FINAL_PANIC);
	assert_true(u->final_alone);
	assert_int_equal(u->start_timeout_us, 90000000);
	assert_int_equal(core.n_exclusions, 1);
	assert_true(core.exclusions[0].absolute);
	assert_int_equal(core.exclusions[0].groups[0], 10);
	assert_string_equal(config_resource_type_to_string(config->resources[0].type), "systemd");
	config_free(config);
}

/* As many as there may be: names distinct, and each its own. */
static void test_many_monitors(void **state)
{
	static struct core_config core;
	struct config *config;
	char *text = NULL, *print;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	fprintf(out, "%s%s%smonitors = (\n", CLUSTER, NODES, GROUPS);
	for (unsigned int i = 0; i < MONITORS_MAX; i++)
		fprintf(out,
			"%s{ name = \"m%u\"; type = \"tcpw\"; address = \"10.0.0.1\"; port = %u; "
			"interval = \"1s\"; target = \"g1\"; }\n",
			i ? "," : "", i, i + 1);
	fputs(");\n", out);
	assert_int_equal(fclose(out), 0);
	config = load(text);
	config_to_core(config, 0, &core);
	assert_int_equal(core.n_monitors, MONITORS_MAX);
	assert_string_equal(core.monitors[MONITORS_MAX - 1].name, "m511");
	assert_int_equal(config->monitors[MONITORS_MAX - 1].port, MONITORS_MAX);
	assert_int_equal(core.monitors[0].nodes, 4); /* where its group may be */
	print = config_print(config);
	assert_non_null(print);
	assert_true(strlen(print) < CONFIG_FILE_MAX);
	free(print);
	free(text);
	config_free(config);
}

/* The kernel enforces what addresses need, unless it is told not to; programs it cannot. */
static void test_unenforced(void **state)
{
	struct config *config = load(CLUSTER NODES GROUPS);

	(void)state;
	assert_false(config_group_unenforced(config, 0)); /* one node: nobody takes it over */
	assert_false(config_group_needs_kernel(config, 0));
	assert_false(config_group_unenforced(config, 1));
	assert_true(config_group_needs_kernel(config, 1));
	assert_int_equal(report.n, 0);
	config->takeover = TAKEOVER_FENCE;
	assert_false(config_group_needs_kernel(config, 1));
	config_free(config);

	config = load("cluster = { name = \"demo\"; kernel_path = \"off\"; };\n" NODES GROUPS);
	assert_false(config_group_unenforced(config, 0));
	assert_true(config_group_unenforced(config, 1));
	assert_false(config_group_needs_kernel(config, 1));
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
	assert_true(reported("it needs a level of devices"));
	assert_true(reported("group \"g1\": name"));
	config_free(config);
}

/* ---- hashes ---- */

struct hashes {
	uint64_t all, safety, objects;
};

static struct hashes hashes_of(const char *text)
{
	struct config *config = load(text);
	struct hashes ret = {config->hash, config->safety_hash, config->objects_hash};

	config_free(config);
	return ret;
}

/* What differs besides the hash of everything. */
enum { SAME, CONFIG_DIFFERS, SAFETY_DIFFERS, OBJECTS_DIFFER };

static void expect_hashes(const char *text, const struct hashes *base, int expect)
{
	struct hashes got = hashes_of(text);

	assert_int_equal(got.all != base->all, expect != SAME);
	assert_int_equal(got.safety != base->safety, expect == SAFETY_DIFFERS);
	assert_int_equal(got.objects != base->objects, expect == OBJECTS_DIFFER);
}

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
		{"agent = { script_directory = \"/s\"; power_command = \"/p\"; };" CLUSTER NODES
			 GROUPS,
		 SAME},
		{"cluster = { name = \"demo2\"; };\n" NODES GROUPS, SAFETY_DIFFERS},
		{"cluster = { name = \"demo\"; port = 7412; };\n" NODES GROUPS, SAFETY_DIFFERS},
		{"cluster = { name = \"demo\"; channel_port = 7412; };\n" NODES GROUPS,
		 CONFIG_DIFFERS},
		{CLUSTER NODES, OBJECTS_DIFFER},
		{CLUSTER NODES GROUPS MONITORS, OBJECTS_DIFFER},
	};
	static const struct {
		const char *from, *to;
		int expect;
	} edits[] = {
		{"10.0.0.9/24", "10.0.0.8/24", CONFIG_DIFFERS},
		{"10.0.0.3", "10.0.0.7", CONFIG_DIFFERS},
		{"autostart = false", "autostart = true ", CONFIG_DIFFERS},
		{"/bin/true", "/bin/tru ", CONFIG_DIFFERS},
		{"votes = 3", "votes = 4", SAFETY_DIFFERS},
		{"n2", "x2", SAFETY_DIFFERS},
		{"witness = true;", "votes = 1;     ", SAFETY_DIFFERS},
		{"\"g2\"", "\"g3\"", OBJECTS_DIFFER},
		{"\"ip\"", "\"pi\"", OBJECTS_DIFFER},
	};
	struct hashes base = hashes_of(CLUSTER NODES GROUPS);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		expect_hashes(rows[i].text, &base, rows[i].expect);
	for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
		char *text = strdup(CLUSTER NODES GROUPS);
		char *at = strstr(text, edits[i].from);

		assert_non_null(at);
		assert_int_equal(strlen(edits[i].from), strlen(edits[i].to));
		memcpy(at, edits[i].to, strlen(edits[i].to));
		expect_hashes(text, &base, edits[i].expect);
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
		cmocka_unit_test(test_monitors_to_core),
		cmocka_unit_test(test_groups_to_core),
		cmocka_unit_test(test_many_monitors),
		cmocka_unit_test(test_unenforced),
		cmocka_unit_test(test_check_pure),
		cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_report_bounds),
		cmocka_unit_test(test_size_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
