/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `holdfastd --script`: what is run, and what is not. Needs root, for scripts are files of root. */
#include "agent/script.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
	char directory[64];
	char path[128];
};

static const char *in(struct place *p, const char *name)
{
	(void)snprintf(p->path, sizeof p->path, "%s/%s", p->directory, name);
	return p->path;
}

static void write_file(struct place *p, const char *name, const char *text, mode_t mode)
{
	int fd = open(in(p, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	assert_non_null(p);
	(void)snprintf(p->directory, sizeof p->directory, "/tmp/hf-script-XXXXXX");
	assert_non_null(mkdtemp(p->directory));
	write_file(p, "good", "#!/bin/sh\necho it ran\nexit 7\n", 0700);
	write_file(p, "loose", "#!/bin/sh\nexit 0\n", 0775);
	write_file(p, "plain", "#!/bin/sh\nexit 0\n", 0600);
	write_file(p, "given", "#!/bin/sh\nexit 0\n", 0700);
	assert_int_equal(symlink("good", in(p, "link")), 0);
	assert_int_equal(mkdir(in(p, "folder"), 0700), 0);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"good", "loose", "plain", "given",
					    "link", "log",   "pipe"};
	struct place *p = *state;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		(void)unlink(in(p, names[i]));
	(void)rmdir(in(p, "folder"));
	(void)rmdir(p->directory);
	free(p);
	return 0;
}

static int run(struct place *p, const char *name, const char *log)
{
	char *argv[] = {(char *)"--script", p->directory, (char *)name, (char *)log, NULL};
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(script_main(log ? 4 : 3, argv));
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_what_is_run(void **state)
{
	static const struct {
		const char *name;
		int code;
	} table[] = {
		{"good", 7},
		{"none", SCRIPT_REFUSAL_MISSING},
		{"loose", SCRIPT_REFUSAL_UNSAFE},
		{"link", SCRIPT_REFUSAL_UNSAFE},
		{"folder", SCRIPT_REFUSAL_UNSAFE},
		{"plain", SCRIPT_REFUSAL_EXEC},
		{"../good", EX_USAGE},
		{".good", EX_USAGE},
		{"", EX_USAGE},
	};

	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		assert_int_equal(run(*state, table[i].name, NULL), table[i].code);
}

static void test_of_somebody_else(void **state)
{
	struct place *p = *state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(in(p, "given"), 1, 1), 0);
	assert_int_equal(run(p, "given", NULL), SCRIPT_REFUSAL_UNSAFE);
}

static void test_log(void **state)
{
	struct place *p = *state;
	char log[128], text[64] = "";
	struct stat st;
	FILE *f;

	if (geteuid() != 0)
		skip();
	(void)snprintf(log, sizeof log, "%s", in(p, "log"));
	assert_int_equal(run(p, "good", log), 7);
	assert_int_equal(run(p, "good", log), 7);
	f = fopen(log, "r");
	assert_non_null(f);
	assert_int_equal(fread(text, 1, sizeof text - 1, f), strlen("it ran\nit ran\n"));
	assert_string_equal(text, "it ran\nit ran\n");
	assert_int_equal(fclose(f), 0);
	assert_int_equal(stat(log, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* Neither through a link nor into something that is no file. */
static void test_bad_log(void **state)
{
	struct place *p = *state;
	char log[128];

	if (geteuid() != 0)
		skip();
	(void)snprintf(log, sizeof log, "%s", in(p, "link"));
	assert_int_equal(run(p, "good", log), SCRIPT_REFUSAL_LOG);
	assert_int_equal(mkfifo(in(p, "pipe"), 0600), 0);
	(void)snprintf(log, sizeof log, "%s", in(p, "pipe"));
	assert_int_equal(run(p, "good", log), SCRIPT_REFUSAL_LOG);
	assert_int_equal(run(p, "good", "/nonexistent/log"), SCRIPT_REFUSAL_LOG);
}

static void test_names(void **state)
{
	char name[SCRIPT_NAME_MAX + 2];

	(void)state;
	assert_true(script_name_valid("backup-db.sh"));
	assert_false(script_name_valid("a/b"));
	assert_false(script_name_valid("a b"));
	assert_false(script_name_valid(".."));
	memset(name, 'a', sizeof name);
	name[SCRIPT_NAME_MAX + 1] = '\0';
	assert_false(script_name_valid(name));
	name[SCRIPT_NAME_MAX] = '\0';
	assert_true(script_name_valid(name));
	assert_null(script_refusal_to_string(0));
	assert_null(script_refusal_to_string(199));
	assert_null(script_refusal_to_string(204));
	for (int i = SCRIPT_REFUSAL_MISSING; i <= SCRIPT_REFUSAL_EXEC; i++)
		assert_non_null(script_refusal_to_string(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_of_somebody_else, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_log, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_log, set_up, tear_down),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
