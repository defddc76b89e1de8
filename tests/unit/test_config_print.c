/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Property: whatever is accepted, its print is accepted, means the same and prints the same; and
 * resources stand behind what they depend on. Random configurations from fixed seeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "agent/config_internal.h"

#include <string.h>

#define SEEDS 300

static uint64_t seed;

static unsigned int pick(unsigned int n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned int)(seed >> 20) % n;
}

static bool coin(void)
{
	return pick(2) != 0;
}

static void write_string(FILE *out, const char *key)
{
	static const char *const bits[] = {
		"a",  "\\\\", "\\\"", "\xc3\xa9", " ", "#",  "/*",
		"//", "{",    "}",    "=",	  ";", "%s", "\xf0\x9f\x98\x80"};

	fprintf(out, "%s = \"", key);
	for (unsigned int n = pick(20); n > 0; n--)
		fputs(bits[pick(sizeof bits / sizeof *bits)], out);
	fputs("\";\n", out);
}

static void write_command(FILE *out, const char *key)
{
	static const char *const words[] = {"",		 "-x",	 "two words",	"line\\nbreak\\t",
					    "\\\"q\\\"", "$(x)", "\xe2\x82\xac"};

	fprintf(out, "%s = [ \"/bin/p%u\"", key, pick(9));
	for (unsigned int n = pick(6); n > 0; n--)
		fprintf(out, ", \"%s\"", words[pick(sizeof words / sizeof *words)]);
	fputs(" ];\n", out);
}

static void write_cluster(FILE *out)
{
	unsigned int d = 30 + pick(5000);

	fprintf(out, "cluster = { name = \"c%u\"; detection_time = \"%ums\";\n", pick(99), d);
	if (coin())
		fprintf(out, "port = %u; flap_limit = 2; late_warning = \"%u%%\";\n",
			1 + pick(65535), 50 + pick(49));
	if (coin())
		fprintf(out, "lease = \"%u.%03us\"; drift = %u;\n", 2 * d / 1000, 2 * d % 1000,
			10 + pick(5000));
	fputs("};\n", out);
	if (coin())
		fprintf(out, "agent = { run_directory = \"/r%u\"; realtime = %s; };\n", pick(9),
			coin() ? "true" : "FALSE");
}

/* Returns how many nodes host groups; those come first. */
static unsigned int write_nodes(FILE *out)
{
	unsigned int hosts = 3 + pick(6), n = hosts + pick(3), links = 1 + pick(4);

	fputs("nodes = (\n", out);
	for (unsigned int i = 0; i < n; i++) {
		fprintf(out, "%s{ name = \"n%u\"; links = ( ", i ? "," : "", i);
		for (unsigned int k = 0; k < links; k++)
			fprintf(out, k % 2 ? "%s\"fd00:0:%u::%x\"" : "%s\"10.%u.0.%u\"",
				k ? ", " : "", k, i + 1);
		fprintf(out, " ); witness = %s; }\n", i < hosts ? "false" : "true");
	}
	fputs(");\n", out);
	return hosts;
}

/* Dependencies go from a random rank to lower ones, so that there is no circle in any order. */
static void write_depends(FILE *out, unsigned int group, const unsigned int *rank, unsigned int n,
			  unsigned int i)
{
	unsigned int written = 0;

	fputs("depends = [ ", out);
	for (unsigned int k = 0; k < n && written < DEPS_MAX; k++)
		if (rank[k] < rank[i] && pick(3) == 0)
			fprintf(out, "%s\"r%u-%u\"", written++ ? ", " : "", group, k);
	fputs(" ];\n", out);
}

/* A unit or an agent. */
static void write_outside(FILE *out, unsigned int group, unsigned int i)
{
	if (coin()) {
		fprintf(out, "type = \"systemd\"; unit = \"u%u@%u.service\"; }\n", group, i);
		return;
	}
	fputs("type = \"ocf\"; agent = \"heartbeat:Dummy\"; parameters = {\n", out);
	for (unsigned int n = pick(4); n > 0; n--) {
		char key[8];

		snprintf(key, sizeof key, "p%u", n);
		write_string(out, key);
	}
	fprintf(out, "}; start_timeout = \"%us\"; }\n", 1 + pick(600));
}

static void write_resource(FILE *out, unsigned int group, const unsigned int *rank, unsigned int n,
			   unsigned int i)
{
	fprintf(out, "%s{ name = \"r%u-%u\"; retries = %u;\n", i ? "," : "", group, i, pick(4));
	write_depends(out, group, rank, n, i);
	if (coin())
		write_string(out, "comment");
	if (coin())
		fprintf(out, "stop_retries = %u; failovers = %u; on_stop_failure = \"reboot\";\n",
			pick(101), pick(101));
	if (pick(4) == 0) {
		write_outside(out, group, i);
		return;
	}
	if (coin()) {
		fprintf(out, "type = \"fip\"; address = \"10.9.%u.%u%s\"; check = \"%ums\"; }\n",
			group, i + 1, coin() ? "/16" : "", pick(5000));
		return;
	}
	fputs("type = \"exec\";\n", out);
	write_command(out, "start");
	write_command(out, "stop");
	fprintf(out, "start_timeout = \"%us\"; %s }\n", 1 + pick(86400),
		coin() ? "user = \"www\";" : "");
}

static void write_group(FILE *out, unsigned int group, unsigned int hosts)
{
	unsigned int rank[12], n = pick(13);

	for (unsigned int i = 0; i < n; i++)
		rank[i] = i;
	for (unsigned int i = n; i > 1; i--) {
		unsigned int k = pick(i), other = rank[k];

		rank[k] = rank[i - 1];
		rank[i - 1] = other;
	}
	fprintf(out, "%s{ name = \"g%u\"; accept_agent_enforced_lease = true;\n", group ? "," : "",
		group);
	write_string(out, "comment");
	if (coin())
		fprintf(out, "nodes = [ \"n%u\", \"n%u\" ];\n", hosts - 1, pick(hosts - 1));
	/* Backwards only, so that there is no circle. */
	if (group > 0 && coin())
		fprintf(out,
			"start_after = \"g%u\"; stop_after = ( \"g%u\" ); start_wait = \"%us\";\n",
			pick(group), pick(group), 1 + pick(999));
	if (coin())
		fprintf(out, "failover = \"%s\"; failback = \"%s\"; failover_limit = %u;\n",
			coin() ? "auto" : "manual", coin() ? "auto" : "manual", pick(101));
	if (coin())
		fputs("stop_wait_at = [ \"server\", \"cluster\" ];\n", out);
	fputs("resources = (\n", out);
	for (unsigned int i = 0; i < n; i++)
		write_resource(out, group, rank, n, i);
	fputs("); }\n", out);
}

static void write_monitor(FILE *out, unsigned int i, unsigned int groups)
{
	static const char *const kinds[] = {
		"type = \"userw\";",
		"type = \"ipw\"; addresses = ( \"10.0.0.1\", \"FD00::00a\" );",
		"type = \"miiw\"; interface = \"eth0.5\";",
		"type = \"pidw\"; pid_file = \"/run/a b\";",
		"type = \"psw\"; process = \"x\"; minimum = 7;",
		"type = \"systemdw\"; unit = \"a.timer\";",
		"type = \"tcpw\"; address = \"10.1.1.1\"; port = 9;",
		"type = \"httpw\"; url = \"http://[fd00:0::1]:81/x?%20\"; status = 404;",
		"type = \"diskw\"; path = \"/\"; method = \"write\"; limit = 5;",
	};
	static const char *const finals[] = {"none", "reboot", "panic", "shutdown", "bmc-nmi"};

	fprintf(out, "%s{ name = \"m%u\"; %s\n", i ? "," : "", i,
		kinds[pick(sizeof kinds / sizeof *kinds)]);
	write_string(out, "comment");
	if (coin())
		write_command(out, "before_final");
	if (groups && coin())
		fprintf(out, "target = \"g%u\"; timing = \"%s\";\n", pick(groups),
			coin() ? "active" : "always");
	if (coin())
		fprintf(out, "recovery = \"%s\"; final_action = \"%s\";\n",
			coin() ? "server" : "none", finals[pick(sizeof finals / sizeof *finals)]);
	fprintf(out, "interval = \"%ums\"; critical = %s; restarts = %u; }\n", 100 + pick(9999),
		coin() ? "true" : "false", pick(101));
}

static char *random_text(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	unsigned int hosts, n = pick(6);

	assert_non_null(out);
	write_cluster(out);
	hosts = write_nodes(out);
	fputs("groups = (\n", out);
	for (unsigned int i = 0; i < n; i++)
		write_group(out, i, hosts);
	fputs(");\n", out);
	if (n > 1)
		fputs("exclusions = ( { name = \"x\"; groups = ( \"g1\", \"g0\" ); } );\n", out);
	fputs("monitors = (\n", out);
	for (unsigned int i = 0, monitors = pick(9); i < monitors; i++)
		write_monitor(out, i, n);
	fputs(");\n", out);
	fclose(out);
	return text;
}

static void check_order(const struct config *config)
{
	for (uint16_t i = 0; i < config->n_resources; i++) {
		const struct resource_config *resource = &config->resources[i];

		if (i > 0)
			assert_true(config->resources[i - 1].group <= resource->group);
		for (uint8_t k = 0; k < resource->n_deps; k++) {
			assert_true(resource->deps[k] < i);
			assert_true(config->resources[resource->deps[k]].group == resource->group);
		}
	}
}

static struct config *load(const char *text)
{
	static struct config_report report;
	struct config *config = NULL;
	int r = config_load_text("random", text, &config, &report);

	if (r < 0) {
		fputs(text, stderr);
		config_report_write(&report, "random", stderr);
	}
	assert_int_equal(r, 0);
	return config;
}

static void test_print_parses_back(void **state)
{
	(void)state;
	for (unsigned int i = 1; i <= SEEDS; i++) {
		struct config *first, *second;
		char *text, *print, *again;

		seed = i * 0x9e3779b97f4a7c15ULL;
		text = random_text();
		first = load(text);
		check_order(first);
		print = config_print(first);
		assert_non_null(print);
		second = load(print);
		check_order(second);
		again = config_print(second);
		assert_non_null(again);
		assert_string_equal(print, again);
		assert_true(first->hash == second->hash);
		assert_true(first->safety_hash == second->safety_hash);
		free(text);
		free(print);
		free(again);
		config_free(first);
		config_free(second);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print_parses_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
