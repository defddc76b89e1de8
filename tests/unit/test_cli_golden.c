/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tests/golden/cli/NAME.json is a Status object; NAME.VIEW is what `holdfast status` prints for
 * it. After a change of layout that is meant: UPDATE_GOLDEN=1 build/test/test_cli_golden, then
 * read the difference line by line.
 */
#include "cli/render.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER "tests/golden/cli"

static const struct view {
	const char *suffix;
	bool verdict;
	void (*render)(const struct render *render, const json_t *status);
	unsigned int parts;
	bool detail;
	const char *only;
} views[] = {
	{"summary", true, render_summary, 0, false, NULL},
	{"groups", false, render_groups, 0, false, NULL},
	{"heartbeats", false, render_heartbeats, 0, false, NULL},
	{"monitors", false, render_monitors, 0, false, NULL},
	{"info", false, render_info, 0, false, NULL},
};

/* Of some states only. */
static const struct view more_views[] = {
	{"monitors-detail", false, render_monitors, 0, true, NULL},
	{"info-detail", false, render_info, 0, true, NULL},
	{"heartbeats-detail", false, render_heartbeats, 0, true, NULL},
	{"cl", false, render_info, RENDER_CLUSTER, false, NULL},
	{"sv", false, render_info, RENDER_SERVERS, false, "beta"},
	{"hb", false, render_info, RENDER_HEARTBEATS, false, NULL},
	{"grp", false, render_info, RENDER_GROUPS, false, "failover2"},
	{"rsc", false, render_info, RENDER_RESOURCES, false, "exec1"},
	{"mon", false, render_info, RENDER_MONITORS, false, NULL},
	{"xcl", false, render_info, RENDER_EXCLUSIONS, false, NULL},
};
static const char *const states_of_more[] = {"monitors", "suspended", "kernel"};

/* Of replies about fencing. */
static const struct view fence_views[] = {
	{"fence", false, render_fence, 0, false, NULL},
	{"fence-beta", false, render_fence, 0, false, "beta"},
};
static const struct view history_views[] = {
	{"lines", false, render_fence_history, 0, false, NULL},
	{"detail", false, render_fence_history, 0, true, NULL},
};

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 20);
	size_t n;

	assert_non_null(text);
	if (!f)
		return text;
	n = fread(text, 1, (1 << 20) - 1, f);
	fclose(f);
	assert_true(n < (1 << 20) - 1);
	return text;
}

static char *print(const struct view *view, const json_t *status)
{
	char *text = NULL;
	size_t n = 0;
	const struct render render = {.out = open_memstream(&text, &n),
				      .detail = view->detail,
				      .parts = view->parts,
				      .only = view->only};

	assert_non_null(render.out);
	if (view->verdict)
		render_verdict(&render, status);
	view->render(&render, status);
	assert_int_equal(fclose(render.out), 0);
	assert_int_equal(strlen(text), n);
	return text;
}

static size_t line_of_difference(const char *a, const char *b)
{
	size_t line = 1;

	for (; *a && *a == *b; a++, b++)
		line += *a == '\n';
	return line;
}

static void update(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void check(const char *name, const json_t *status, const struct view *view)
{
	char path[256];
	char *want, *got = print(view, status);

	snprintf(path, sizeof(path), FOLDER "/%s.%s", name, view->suffix);
	want = read_file(path);
	if (strcmp(want, got) != 0) {
		size_t line = line_of_difference(want, got);

		if (getenv("UPDATE_GOLDEN"))
			update(path, got);
		fail_msg("%s: line %zu differs; printed was:\n%s", path, line, got);
	}
	free(want);
	free(got);
}

static json_t *load(const char *name)
{
	char path[256];
	json_error_t error;
	json_t *status;

	snprintf(path, sizeof(path), FOLDER "/%s.json", name);
	status = json_load_file(path, 0, &error);
	if (!status)
		fail_msg("%s: %s", path, error.text);
	return status;
}

static void test_golden(void **state)
{
	const char *name = *state;
	json_t *status = load(name);

	for (size_t i = 0; i < sizeof(views) / sizeof(*views); i++)
		check(name, status, &views[i]);
	for (size_t i = 0; i < sizeof(states_of_more) / sizeof(*states_of_more); i++)
		for (size_t k = 0; k < sizeof(more_views) / sizeof(*more_views); k++)
			if (strcmp(name, states_of_more[i]) == 0)
				check(name, status, &more_views[k]);
	json_decref(status);
}

static void check_columns(const char *name, const char *suffix)
{
	char path[256], *text, *line;

	snprintf(path, sizeof(path), FOLDER "/%s.%s", name, suffix);
	text = read_file(path);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (strlen(line) > 80 && !strchr(line, '\\'))
			fail_msg("%s: more than 80 columns: %s", path, line);
	free(text);
}

static void test_fence(void **state)
{
	const char *name = *state;
	json_t *reply = load(name);
	bool history = strcmp(name, "fence-history") == 0;
	const struct view *all = history ? history_views : fence_views;

	for (size_t i = 0; i < 2; i++) {
		check(name, reply, &all[i]);
		check_columns(name, all[i].suffix);
	}
	json_decref(reply);
}

/* ---- what scripts in the wild do with this text ---- */

#define PATTERN(group) "awk '/<" group ">/{on=1;next} /^  <|^ =/{on=0} on"

static const struct {
	const char *file, *script, *expected;
} parsers[] = {
	/* Rows of a section: groups after four blanks, what is in them after six. */
	{"healthy.summary", PATTERN("group") " && /^    [^ ]/{print $1, $NF}'",
	 "failover1 Online\nfailover2 Online\n"},
	{"healthy.summary", PATTERN("group") " && /^      [^ ]/{print $1 \"=\" $3}'",
	 "current=alpha\nfip1=Online\nexec1=Online\ncurrent=beta\nfip2=Online\n"},
	{"long-names.summary", PATTERN("group") " && /^    [^ ]/{print $1}'",
	 "container-recove\nexactly-sixteen1\nfifteen-letters\n"},
	{"stopped.summary",
	 PATTERN("group") " && /^    [^ ]/' | sed 's/^    \\([^ ]*\\).*: *//; s/ *$//'",
	 "Offline\nError\n"},
	{"healthy.summary",
	 "grep -A1 '^    failover1 ' | grep '^      current        :' | "
	 "awk '{print $3}'",
	 "alpha\n"},
	{"no-quorum.summary", "grep -A1 '^    failover1 ' | sed -n 's/^      current        : //p'",
	 "None\n"},
	/* The server that answers, servers that are up, broken heartbeats. */
	{"failover.summary", "sed -n 's/^   \\*\\([^ ]*\\) \\.*: \\(.*[^ ]\\) *$/\\1 \\2/p'",
	 "beta Online\n"},
	{"failover.summary", PATTERN("server") " && /^   [ *][^ ].*: Online *$/' | wc -l", "2\n"},
	{"stopped.summary", "grep -c '^      lanhb[0-9]* *: Error  *LAN Heartbeat$'", "1\n"},
	{"node-down.summary", "sed -n '/<monitor>/,/^ =*$/p' | awk '/^    [^ ]/{print $1, $3}'",
	 "userw Caution\n"},
	/* The block ends with a rule, and the colon is where it is cut out. */
	{"healthy.summary", "grep -nE '^ =+$' | cut -d: -f2 | wc -c", "71\n"},
	{"healthy.summary", "tail -n 1 | grep -cE '^ =+$'", "1\n"},
	{"nodes-32.summary", "sed -n '/CLUSTER STATUS/,$p' | grep '^   ' | cut -c22 | sort -u",
	 ":\n"},
	{"healthy.summary", "grep '^    failover2 ' | cut -c24-40", "Online           \n"},
	/* Names out of the configuration list. */
	{"healthy.info", "grep Server | awk '{print $3}' | tr -d ']'", "alpha\nbeta\ngamma\n"},
	{"healthy.info", "sed -n '/\\[HB0 :/,/\\[/p' | awk -F' : ' '/Type/{print $2}'", "lanhb\n"},
	/* The maps. */
	{"failover.heartbeats", "grep '\\[on server' | grep -c Online", "2\n"},
	{"failover.heartbeats", "grep '\\*server[0-9]* : ' | awk '{print $3}'", "beta\n"},
	{"failover.heartbeats",
	 "sed -n '/on server1 :/,/^$/p' | grep '^    server0 ' | grep -o '[ox-]$'", "x\n"},
	{"kernel.summary",
	 "sed -n '/^    beta /,/^    gamma /s/^      \\(l[a-z0-9]*\\) *: \\([A-Z][a-z]*\\) .*/\\1 "
	 "\\2/p'",
	 "lanhb1 Error\nlanhb2 Error\nlankhb1 Normal\nlankhb2 Normal\n"},
	{"kernel.heartbeats", "grep -A1 'on server1 :' | tail -n 1", "    stalled since 1.2 s\n"},
	{"kernel.heartbeats",
	 "sed -n '/on server0 :/,/^$/p' | awk '/^    server/{print $1, $5, $6}'",
	 "server0 o o\nserver1 o o\nserver2 - x\n"},
	{"fencing.summary", "sed -n 's/^      fence *: \\([A-Z][a-z]*\\) .*/\\1/p'",
	 "Error\nNormal\nCaution\n"},
	{"fence-orders.fence",
	 "sed -n '/^  <server>/,$p' | grep -E '^   [ *][a-z]' | awk '{print $1, $NF}' | head -3",
	 "*alpha Normal\nbeta Error\ngamma Caution\n"},
	{"failover.groups", "grep -oE '[a-z0-9]+\\[[oep]\\] '", "failover1[p] \nfailover2[o] \n"},
	{"stopped.monitors", "grep -A3 'Monitor0 \\[userw' | grep -c 'server0 \\[o\\] : Suspend'",
	 "1\n"},
};

static void test_parsers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parsers) / sizeof(*parsers); i++) {
		char command[512], got[4096];
		size_t n;
		FILE *f;

		snprintf(command, sizeof(command), "LC_ALL=C; cat " FOLDER "/%s | %s",
			 parsers[i].file, parsers[i].script);
		f = popen(command, "r");
		assert_non_null(f);
		n = fread(got, 1, sizeof(got) - 1, f);
		got[n] = '\0';
		(void)pclose(f);
		if (strcmp(got, parsers[i].expected) != 0)
			fail_msg("%s\nprinted: %s\nexpected: %s", command, got,
				 parsers[i].expected);
	}
}

#define GOLDEN(name)                                          \
	{                                                     \
		name, test_golden, NULL, NULL, (void *)(name) \
	}

#define FENCE(name)                                          \
	{                                                    \
		name, test_fence, NULL, NULL, (void *)(name) \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GOLDEN("healthy"),	GOLDEN("failover"),	GOLDEN("node-down"),
		GOLDEN("no-quorum"),	GOLDEN("stopped"),	GOLDEN("long-names"),
		GOLDEN("nodes-32"),	GOLDEN("hostile"),	GOLDEN("monitors"),
		GOLDEN("suspended"),	GOLDEN("kernel"),	GOLDEN("kernel-refused"),
		GOLDEN("fencing"),	FENCE("fence-normal"),	FENCE("fence-orders"),
		FENCE("fence-hostile"), FENCE("fence-history"), cmocka_unit_test(test_parsers),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
