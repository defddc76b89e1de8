/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Configuration files on disk: what config_load() sees of them, and the --check command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "agent/config_internal.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#define GOOD "cluster = { name = \"demo\"; };\nnodes = ( { name = \"n1\"; } );\n"
#define PROGRAMS                                                                           \
	GOOD "groups = ( { name = \"g\"; resources = ( { type = \"exec\"; name = \"x\";\n" \
	     " start = [ \"/nowhere/start\" ]; stop = [ \"/bin/true\" ]; } ); } );\n"

static char folder[] = "/tmp/test-config-XXXXXX";
static char path[64], out_path[64], err_path[64];
static struct config_report report;

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/conf", folder);
	snprintf(out_path, sizeof out_path, "%s/out", folder);
	snprintf(err_path, sizeof err_path, "%s/err", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	(void)unlink(path);
	(void)unlink(out_path);
	(void)unlink(err_path);
	return rmdir(folder);
}

static void put(const void *data, size_t n, mode_t mode)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(data, 1, n, out), n);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void put_text(const char *text)
{
	put(text, strlen(text), 0600);
}

static bool reported(const char *words)
{
	for (size_t i = 0; i < report.n; i++)
		if (strstr(report.problem[i].text, words))
			return true;
	return false;
}

static void test_load_files(void **state)
{
	struct config *config = NULL;

	(void)state;
	put_text(GOOD);
	assert_int_equal(config_load(path, &config, &report), 0);
	assert_int_equal(report.n, 0);
	assert_string_equal(config->cluster_name, "demo");
	config = config_free(config);

	put(GOOD, strlen(GOOD), 0620);
	assert_int_equal(config_load(path, &config, &report), 0);
	assert_int_equal(report.n, 1);
	assert_true(reported("others than the owner may write this file"));
	config = config_free(config);

	put_text(PROGRAMS);
	assert_int_equal(config_load(path, &config, &report), 0);
	assert_int_equal(report.n, 1);
	assert_true(reported("start = \"/nowhere/start\": no such program on this machine"));
	config = config_free(config);

	put(GOOD "\0", sizeof GOOD, 0600);
	assert_int_equal(config_load(path, &config, &report), -EINVAL);
	assert_true(reported("NUL byte"));
	assert_int_equal(config_load("/nowhere/conf", &config, &report), -ENOENT);
	assert_true(reported("cannot be read: No such file"));
	assert_int_equal(config_load(folder, &config, &report), -EISDIR);
	assert_null(config);
}

#define OUTSIDE                                                                              \
	"agent = { power_command = \"/bin/echo\"; };\n" GOOD                                 \
	"groups = ( { name = \"g\"; resources = (\n"                                         \
	"  { type = \"ocf\"; name = \"x\"; agent = \"heartbeat:No-Such-Agent\"; } ); } );\n" \
	"monitors = ( { type = \"genw\"; name = \"m\"; command = [ \"/nowhere/check\" ];\n"  \
	"  before_restart = [ \"/nowhere/a\" ]; before_failover = [ \"/nowhere/b\" ];\n"     \
	"  before_final = [ \"/bin/true\" ]; } );\n"

/* What may be right on another node is a warning. */
static void test_surroundings(void **state)
{
	struct config *config = NULL;

	(void)state;
	put_text(OUTSIDE);
	assert_int_equal(config_load(path, &config, &report), 0);
	assert_int_equal(report.n, 5);
	assert_int_equal(report.errors, 0);
	assert_true(reported("power_command = \"/bin/echo\" is run instead"));
	assert_true(reported("resource \"x\": agent = \"heartbeat:No-Such-Agent\": no such agent"));
	assert_true(reported("/usr/lib/ocf/resource.d/heartbeat/No-Such-Agent: No such file"));
	assert_true(reported("monitor \"m\": command = \"/nowhere/check\": no such program"));
	assert_true(reported("monitor \"m\": before_restart = \"/nowhere/a\""));
	assert_true(reported("monitor \"m\": before_failover = \"/nowhere/b\""));
	config = config_free(config);
}

static void test_load_fifo_does_not_hang(void **state)
{
	struct config *config = NULL;

	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(config_load(path, &config, &report), -EINVAL);
	assert_true(reported("\"cluster\" is missing"));
	assert_int_equal(unlink(path), 0);
}

static void test_load_too_large(void **state)
{
	size_t n = CONFIG_FILE_MAX + 10;
	struct config *config = NULL;
	char *text = malloc(n);

	(void)state;
	assert_non_null(text);
	memset(text, ' ', n);
	put(text, n, 0600);
	free(text);
	assert_int_equal(config_load(path, &config, &report), -EINVAL);
	assert_true(reported("is larger than 1048576 bytes"));
}

/* Runs the command with both outputs in files. */
static int check_main(const char *file, bool print, bool json)
{
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), r;

	fflush(NULL);
	assert_non_null(freopen(out_path, "w", stdout));
	assert_non_null(freopen(err_path, "w", stderr));
	r = config_check_main(file, print, json);
	fflush(NULL);
	assert_true(dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0);
	close(out);
	close(err);
	return r;
}

static char *content(const char *file)
{
	static char text[65536];
	FILE *in = fopen(file, "r");

	assert_non_null(in);
	text[fread(text, 1, sizeof text - 1, in)] = '\0';
	fclose(in);
	return text;
}

static void test_check_text(void **state)
{
	char expect[200];

	(void)state;
	put_text(GOOD);
	assert_int_equal(check_main(path, false, false), 0);
	assert_string_equal(content(err_path), "");
	assert_non_null(strstr(content(out_path), "Time budget of cluster \"demo\""));
	assert_int_equal(check_main(path, true, false), 0);
	assert_non_null(strstr(content(out_path), "detection_time = \"1s\";"));

	put_text(PROGRAMS);
	assert_int_equal(check_main(path, false, false), 0); /* a warning is no failure */
	snprintf(expect, sizeof expect, "%s:3: warning: resource \"x\"", path);
	assert_ptr_equal(strstr(content(err_path), expect), content(err_path));

	put_text(GOOD "colour = 1;\n");
	assert_int_equal(check_main(path, false, false), CONFIG_EXIT_ERRORS);
	snprintf(expect, sizeof expect, "%s:3: error: the configuration: unknown key \"colour\"",
		 path);
	assert_non_null(strstr(content(err_path), expect));
	assert_string_equal(content(out_path), "");
	assert_int_equal(check_main("/nowhere/conf", false, false), CONFIG_EXIT_NOINPUT);
	assert_non_null(strstr(content(err_path), "/nowhere/conf: error: cannot be read"));
}

static void test_check_json(void **state)
{
	const char *file, *severity, *text;
	int valid, errors, line;
	json_int_t worst;
	json_t *root;

	(void)state;
	put_text(PROGRAMS);
	assert_int_equal(check_main(path, false, true), 0);
	root = json_loads(content(out_path), 0, NULL);
	assert_non_null(root);
	assert_int_equal(json_unpack(root, "{s:s, s:b, s:i, s:[{s:s, s:i, s:s}], s:{s:{s:I}}}",
				     "file", &file, "valid", &valid, "errors", &errors, "problems",
				     "severity", &severity, "line", &line, "text", &text, "budget",
				     "takeover", "worst_us", &worst),
			 0);
	assert_string_equal(file, path);
	assert_int_equal(valid, 1);
	assert_int_equal(errors, 0);
	assert_string_equal(severity, "warning");
	assert_int_equal(line, 3);
	assert_int_equal(worst, 1400000);
	json_decref(root);

	put_text("cluster = 1;\n");
	assert_int_equal(check_main(path, false, true), CONFIG_EXIT_ERRORS);
	assert_string_equal(content(err_path), "");
	root = json_loads(content(out_path), 0, NULL);
	assert_non_null(root);
	assert_int_equal(json_unpack(root, "{s:b, s:i}", "valid", &valid, "errors", &errors), 0);
	assert_int_equal(valid, 0);
	assert_int_equal(errors, 2);
	assert_null(json_object_get(root, "budget"));
	json_decref(root);
	assert_int_equal(check_main("/nowhere/conf", false, true), CONFIG_EXIT_NOINPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load_files),
		cmocka_unit_test(test_surroundings),
		cmocka_unit_test(test_load_fifo_does_not_hang),
		cmocka_unit_test(test_load_too_large),
		cmocka_unit_test(test_check_text),
		cmocka_unit_test(test_check_json),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
