/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Golden pairs: for every tests/golden/config/X.conf, what is said about it and what it resolves
 * to must be X.out. GOLDEN_UPDATE=1 rewrites the .out files: look at `git diff` before you commit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "agent/config.h"
#include "agent/config_internal.h"

#include <errno.h>
#include <glob.h>
#include <string.h>

#define FOLDER "tests/golden/config/"

/* NULL if there is no such file. */
static char *read_whole(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text;
	size_t n;

	if (!in)
		return NULL;
	text = calloc(1, CONFIG_FILE_MAX + 1);
	assert_non_null(text);
	n = fread(text, 1, CONFIG_FILE_MAX, in);
	assert_int_equal(strlen(text), n);
	fclose(in);
	return text;
}

static void add_resolved(const struct config *config, FILE *out)
{
	char *print = config_print(config), *budget = config_budget(config);

	assert_non_null(print);
	assert_non_null(budget);
	fprintf(out, "---- configuration\n%s---- budget\n%s", print, budget);
	free(print);
	free(budget);
}

/* Text as it would be shown for the file, with its bare name. */
static char *result_of(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	static struct config_report report;
	struct config *config = NULL;
	char *text = read_whole(path), *ret = NULL;
	size_t size;
	FILE *out = open_memstream(&ret, &size);
	int r;

	assert_non_null(text);
	assert_non_null(out);
	r = config_load_text(name, text, &config, &report);
	assert_true(r == 0 || r == -EINVAL);
	assert_int_equal(r == 0, report.errors == 0);
	assert_int_equal(r == 0, strncmp(name, "bad-", 4) != 0);
	config_report_write(&report, name, out);
	if (config)
		add_resolved(config, out);
	fclose(out);
	config_free(config);
	free(text);
	return ret;
}

static void check_file(const char *path)
{
	char out_path[256], *expected, *got = result_of(path);
	FILE *out;

	assert_true(strlen(path) < sizeof out_path);
	snprintf(out_path, sizeof out_path, "%.*s.out", (int)(strlen(path) - strlen(".conf")),
		 path);
	if (getenv("GOLDEN_UPDATE")) {
		out = fopen(out_path, "w");
		assert_non_null(out);
		fputs(got, out);
		assert_int_equal(fclose(out), 0);
	}
	expected = read_whole(out_path);
	if (!expected || strcmp(expected, got) != 0)
		print_error("%s: expected:\n%s\ngot:\n%s\n", path,
			    expected ? expected : "(no such file)", got);
	assert_non_null(expected);
	assert_string_equal(expected, got);
	free(expected);
	free(got);
}

static void test_golden(void **state)
{
	size_t bad = 0;
	glob_t found;

	(void)state;
	assert_int_equal(glob(FOLDER "*.conf", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		check_file(found.gl_pathv[i]);
		bad += strstr(found.gl_pathv[i], "/bad-") != NULL;
	}
	assert_true(bad >= 30);
	globfree(&found);
}

/* The example that is installed must be accepted, with the one warning it explains. */
static void test_example(void **state)
{
	static struct config_report report;
	struct config *config = NULL;
	char *text = read_whole("packaging/holdfast.conf.example");

	(void)state;
	assert_non_null(text);
	assert_int_equal(config_load_text("example", text, &config, &report), 0);
	assert_int_equal(report.n, 1);
	assert_non_null(strstr(report.problem[0].text, "accept_agent_enforced_lease"));
	config_free(config);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
