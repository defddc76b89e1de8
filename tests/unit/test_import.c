/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Configurations of CLUSTERPRO X: golden results; that nothing is dropped without a word; that the
 * result is accepted once what it asks for was done by hand; and files that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "agent/import_internal.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FOLDER "tests/golden/import/"
#define XML    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

static struct import_result result;
static struct import_error error;

static char *read_whole(const char *path, size_t *ret_size)
{
	FILE *in = fopen(path, "r");
	char *data = calloc(1, IMPORT_FILE_MAX + 1);

	assert_non_null(data);
	if (!in) {
		free(data);
		return NULL;
	}
	*ret_size = fread(data, 1, IMPORT_FILE_MAX, in);
	fclose(in);
	return data;
}

static void import(const char *data, size_t size)
{
	int r = import_data("clp.conf", data, size, &result, &error);

	if (r < 0)
		print_error("line %u: %s\n", error.line, error.text);
	assert_int_equal(r, 0);
}

/* ---- golden files ---- */

static char *golden_text(const char *path)
{
	size_t size, n;
	char *data = read_whole(path, &size), *text = NULL;
	FILE *out = open_memstream(&text, &n);

	assert_non_null(data);
	assert_non_null(out);
	import(data, size);
	fprintf(out, "---- result\n%s---- list\n%s---- by hand\n", result.config, result.list);
	config_report_write(&result.report, "result", out);
	fclose(out);
	import_result_clear(&result);
	free(data);
	return text;
}

static void check_golden(const char *path)
{
	char out_path[256], *got = golden_text(path), *expected;
	size_t size;
	FILE *out;

	snprintf(out_path, sizeof out_path, "%.*s.out", (int)(strlen(path) - strlen(".conf")),
		 path);
	if (getenv("GOLDEN_UPDATE")) {
		out = fopen(out_path, "w");
		assert_non_null(out);
		fputs(got, out);
		assert_int_equal(fclose(out), 0);
	}
	expected = read_whole(out_path, &size);
	if (!expected || strcmp(expected, got) != 0)
		print_error("%s: got:\n%s\n", path, got);
	assert_non_null(expected);
	assert_string_equal(expected, got);
	free(expected);
	free(got);
}

static void test_golden(void **state)
{
	glob_t found;

	(void)state;
	assert_int_equal(glob(FOLDER "*.conf", 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 4);
	for (size_t i = 0; i < found.gl_pathc; i++)
		check_golden(found.gl_pathv[i]);
	globfree(&found);
}

/* ---- the result is a configuration ---- */

/* Does what the result asks people to do: accepts the risk, adds the witness. */
static char *by_hand(const char *config)
{
	static const char accept[] = "#accept_agent", witness[] = "#, { name = \"witness\"";
	char *text = strdup(config), *at;
	unsigned int host = 200;

	assert_non_null(text);
	for (at = text; (at = strstr(at, accept)); at++)
		*at = ' ';
	at = strstr(text, witness);
	if (at)
		*at = ' ';
	/* "ADDRESS" has as many letters as this. */
	while ((at = strstr(text, "ADDRESS")))
		memcpy(at, (char[]){'1', '.', '2', '.', (char)('0' + host++ % 10), '.', '4'}, 7);
	return text;
}

static void test_accepted_when_done(void **state)
{
	static const char *const files[] = {"two-servers", "four-servers-euc", "one-server"};
	static struct config_report report;

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		struct config *config = NULL;
		char path[128], *data, *done;
		size_t size;

		snprintf(path, sizeof path, FOLDER "%s.conf", files[i]);
		data = read_whole(path, &size);
		assert_non_null(data);
		import(data, size);
		done = by_hand(result.config);
		if (config_load_text(files[i], done, &config, &report) < 0)
			config_report_write(&report, files[i], stderr);
		assert_int_equal(report.errors, 0);
		assert_non_null(config);
		/* One server needs nothing done. */
		assert_int_equal(result.report.errors == 0, config->n_nodes == 1);
		config_free(config);
		import_result_clear(&result);
		free(done);
		free(data);
	}
}

/* ---- nothing is dropped ---- */

static size_t count(const char *text, const char *words)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, words)); at++)
		n++;
	return n;
}

/* Puts an element that nobody knows behind each start of an element. Returns how many. */
static size_t add_unknown(const char *data, char **ret)
{
	size_t size, n = 0;
	FILE *out = open_memstream(ret, &size);

	assert_non_null(out);
	for (const char *at = data; *at; at++) {
		const char *end = strchr(at, '>');

		fputc(*at, out);
		if (*at != '>' || at == data || at[-1] == '/' || at[-1] == '?')
			continue;
		for (end = at; *end != '<'; end--)
			;
		if (end[1] == '/')
			continue;
		fputs("<zzz/>", out);
		n++;
	}
	fclose(out);
	/* Behind </root> there may be none. */
	return n;
}

static void test_nothing_dropped(void **state)
{
	size_t size, n;
	char *data = read_whole(FOLDER "two-servers.conf", &size), *more = NULL;

	(void)state;
	assert_non_null(data);
	n = add_unknown(data, &more);
	assert_true(n > 200);
	import(more, strlen(more));
	assert_int_equal(count(result.list, "zzz: not carried over: "), n);
	import_result_clear(&result);
	free(more);
	free(data);
}

/* Every leaf of a file of which nothing is known is listed, and attributes too. */
static void test_unknown_file(void **state)
{
	static const char text[] =
		XML "<root>\n<a b=\"1\"><c/><c>2</c></a>\n<d name=\"x\" id=\"y\">\n"
		    "<e>3</e>text</d>\n</root>\n";

	(void)state;
	import(text, strlen(text));
	assert_int_equal(result.n_lost, 6);
	assert_non_null(strstr(result.list, "clp.conf:3: a/@b: not carried over: "));
	assert_int_equal(count(result.list, "clp.conf:3: a/c: not carried over: "), 2);
	assert_non_null(strstr(result.list, "clp.conf:4: d@x: not carried over: "));
	assert_non_null(strstr(result.list, "clp.conf:4: d@x/@id: not carried over: "));
	assert_non_null(strstr(result.list, "clp.conf:5: d@x/e: not carried over: "));
	assert_true(result.report.errors > 0);
	import_result_clear(&result);
}

static void test_no_secrets(void **state)
{
	static const char *const secrets[] = {"8f3a99aa77", "c0ffee77"};
	char *text = golden_text(FOLDER "two-servers.conf");

	(void)state;
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
		assert_null(strstr(text, secrets[i]));
	free(text);
}

/* ---- files that are none ---- */

static void test_bad_files(void **state)
{
	static const struct {
		const char *text, *expect;
		unsigned int line;
	} rows[] = {
		{"", "this is not XML: no element found", 1},
		{"cluster = { };", "this is not XML", 1},
		{XML "<root>\n<a>\n</root>\n", "this is not XML: mismatched tag", 4},
		{XML "<root>\n<a>", "this is not XML: no element found", 3},
		{XML "<html>\n</html>", "outermost element is <html>, not <root>", 2},
		{XML "<root>\n<a>&b;</a></root>", "this is not XML: undefined entity", 3},
		{XML "<!DOCTYPE root [\n<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>\n"
		     "<root>&b;</root>",
		 "a document type", 2},
		{XML "<!DOCTYPE root SYSTEM \"/etc/passwd\">\n<root/>", "a document type", 2},
		{"<?xml version=\"1.0\" encoding=\"EBCDIC\"?>\n<root/>",
		 "encoding \"EBCDIC\" is not supported", 1},
		{"<?xml version=\"1.0\" encoding='ASCII'?>\n<root>\n\xc3\xa9</root>",
		 "this is not ASCII", 3},
		{"<?xml version=\"1.0\" encoding=\"EUC-JP\"?>\n<root>\xff\xff</root>",
		 "this is not EUC-JP", 2},
		{"<?xml version=\"1.0\" encoding=\"sjis\"?>\n<root>\n\x81", "this is not sjis", 3},
		{XML "<root>\n\n\xff</root>", "this is not XML: not well-formed", 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int r = import_data("f", rows[i].text, strlen(rows[i].text), &result, &error);

		assert_int_equal(r, -EINVAL);
		if (!strstr(error.text, rows[i].expect) || error.line != rows[i].line)
			fail_msg("row %zu: line %u: %s", i, error.line, error.text);
		assert_null(result.config);
	}
}

/* n times `unit`, between a head and a tail. */
static char *repeat(const char *head, const char *unit, size_t n, const char *tail)
{
	char *text = malloc(strlen(head) + n * strlen(unit) + strlen(tail) + 1), *at;

	assert_non_null(text);
	at = stpcpy(text, head);
	while (n--)
		at = stpcpy(at, unit);
	strcpy(at, tail);
	return text;
}

static void test_limits(void **state)
{
	static const struct {
		const char *head, *unit;
		size_t n;
		const char *tail, *expect;
	} rows[] = {
		{"", "<a>", 40, "", "nested more than 32 deep"},
		{"<root>", "<a/>", IMPORT_NODES_MAX, "</root>", "more than 100000 elements"},
		{"<root><a>", "0123456789", 500, "</a></root>", "longer than 4095 bytes"},
		{"<root><", "aaaaaaaaaa", 10, "/></root>", "longer than 64 bytes"},
		{"<root><a name=\"", "aaaaaaaaaa", 30, "\"/></root>", "longer than 255 bytes"},
		{"<root>", "          ", IMPORT_FILE_MAX / 10, "</root>",
		 "larger than 4194304 bytes"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *text = repeat(rows[i].head, rows[i].unit, rows[i].n, rows[i].tail);

		assert_int_equal(import_data("f", text, strlen(text), &result, &error), -EINVAL);
		if (!strstr(error.text, rows[i].expect))
			fail_msg("row %zu: line %u: %s", i, error.line, error.text);
		free(text);
	}
}

static void test_utf16(void **state)
{
	static const char text[] = "<root><cluster><name>sixteen</name></cluster></root>";
	char wide[2 + 2 * sizeof text] = "\xff\xfe";

	(void)state;
	for (size_t i = 0; i + 1 < sizeof text; i++) {
		wide[2 + 2 * i] = text[i];
		wide[3 + 2 * i] = '\0';
	}
	import(wide, 2 * sizeof text);
	assert_non_null(strstr(result.config, "name = \"sixteen\";"));
	import_result_clear(&result);
}

/* ---- the program ---- */

static int run(const char *file, const char *output)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		char *argv[] = {(char *)"--import", (char *)(uintptr_t)file, (char *)"--output",
				(char *)(uintptr_t)output, NULL};

		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(99);
		_exit(import_main(output ? 4 : 2, argv));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_program(void **state)
{
	char folder[] = "/tmp/test-import-XXXXXX", path[64];
	struct stat st;
	size_t size;
	char *written;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/new", folder);
	assert_int_equal(run(FOLDER "one-server.conf", path), 0);
	written = read_whole(path, &size);
	assert_non_null(written);
	assert_non_null(strstr(written, "groups = ("));
	assert_int_equal(stat(path, &st), 0);
	/* What is there is left alone. */
	assert_int_equal(run(FOLDER "two-servers.conf", path), IMPORT_EXIT_CANTCREATE);
	free(written);
	written = read_whole(path, &size);
	assert_null(strstr(written, "shop"));
	assert_int_equal(st.st_size, size);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(run(FOLDER "two-servers.conf", path), IMPORT_EXIT_HAND);
	assert_int_equal(run(FOLDER "README", NULL), IMPORT_EXIT_NOINPUT);
	assert_int_equal(run(path, NULL), IMPORT_EXIT_ERRORS); /* not XML */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(run(folder, path), IMPORT_EXIT_NOINPUT);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(run(FOLDER "one-server.conf", "/nowhere/x"), IMPORT_EXIT_CANTCREATE);
	free(written);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),		cmocka_unit_test(test_accepted_when_done),
		cmocka_unit_test(test_nothing_dropped), cmocka_unit_test(test_unknown_file),
		cmocka_unit_test(test_no_secrets),	cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_limits),		cmocka_unit_test(test_utf16),
		cmocka_unit_test(test_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
