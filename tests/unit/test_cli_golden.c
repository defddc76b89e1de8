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
} views[] = {
	{"summary", true, render_summary},
	{"groups", false, render_groups},
	{"heartbeats", false, render_heartbeats},
	{"monitors", false, render_monitors},
	{"info", false, render_info},
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
	const struct render render = {.out = open_memstream(&text, &n)};

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

static void test_golden(void **state)
{
	const char *name = *state;
	char path[256];
	json_error_t error;
	json_t *status;

	snprintf(path, sizeof(path), FOLDER "/%s.json", name);
	status = json_load_file(path, 0, &error);
	if (!status)
		fail_msg("%s: %s", path, error.text);
	for (size_t i = 0; i < sizeof(views) / sizeof(*views); i++)
		check(name, status, &views[i]);
	json_decref(status);
}

#define GOLDEN(name)                                          \
	{                                                     \
		name, test_golden, NULL, NULL, (void *)(name) \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GOLDEN("healthy"), GOLDEN("failover"),	 GOLDEN("node-down"), GOLDEN("no-quorum"),
		GOLDEN("stopped"), GOLDEN("long-names"), GOLDEN("nodes-32"),  GOLDEN("hostile"),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
