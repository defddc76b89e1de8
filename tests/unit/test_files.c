/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process that works on the files of the configuration: each verb as the agent runs it. */
#include "agent/files.h"
#include "include/cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#define TEXT                                                             \
	"cluster = { name = \"c\"; detection_time = \"1s\"; };\n"        \
	"agent = { key_file = \"/etc/holdfast/key\"; };\n"               \
	"nodes = ( { name = \"n1\"; links = [ \"10.0.0.1\" ]; } );\n"    \
	"groups = ( { name = \"g\"; nodes = [ \"n1\" ];\n"               \
	"  accept_agent_enforced_lease = true; resources = ( {\n"        \
	"    type = \"exec\"; name = \"p\"; stop = [ \"/bin/true\" ];\n" \
	"    start = [ \"/no/such/program\" ]; } ); } );\n"

struct fixture {
	char dir[64], answer[4096];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	(void)strcpy(f->dir, "/tmp/hf-files-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	(void)snprintf(command, sizeof command, "rm -rf %s", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* Runs it in a child as files.c does; its exit code, and what it answered. */
static int run(struct fixture *f, const char *text, const char *const *args)
{
	int memory = memfd_create("test", MFD_CLOEXEC), argc = 1, status;
	char *argv[8] = {(char *)"--files"};
	ssize_t n = (ssize_t)strlen(text);
	pid_t pid;

	assert_int_equal(write(memory, text, (size_t)n), n);
	for (; args[argc - 1]; argc++)
		argv[argc] = (char *)args[argc - 1];
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(memory, STDIN_FILENO) < 0)
			_exit(99);
		_exit(files_main(argc, argv));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	n = pread(memory, f->answer, sizeof f->answer - 1, 0);
	f->answer[n > 0 ? n : 0] = '\0';
	(void)close(memory);
	return WEXITSTATUS(status);
}
#define RUN(f, text, ...) run(f, text, (const char *const[]){__VA_ARGS__, NULL})

static char *path_of(const struct fixture *f, const char *name, char out[128])
{
	(void)snprintf(out, 128, "%s/%s", f->dir, name);
	return out;
}

static void expect_file(const struct fixture *f, const char *name, const char *text, mode_t mode)
{
	char path[128], buf[4096] = "";
	struct stat st;
	FILE *in = fopen(path_of(f, name, path), "r");

	assert_non_null(in);
	buf[fread(buf, 1, sizeof buf - 1, in)] = '\0';
	assert_string_equal(buf, text);
	assert_int_equal(fstat(fileno(in), &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	(void)fclose(in);
}

static void put_file(const struct fixture *f, const char *name, const char *text, mode_t mode)
{
	char path[128];
	FILE *out = fopen(path_of(f, name, path), "w");

	assert_non_null(out);
	(void)fputs(text, out);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static bool is_there(const struct fixture *f, const char *name)
{
	char path[128];

	return access(path_of(f, name, path), F_OK) == 0;
}

static void test_keep_and_forget(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(RUN(f, TEXT, "keep", f->dir), 0);
	expect_file(f, CONFIG_PENDING, TEXT, 0600);
	/* what is missing on this machine is told, with its line */
	assert_non_null(strstr(f->answer, "w 5 "));
	assert_non_null(strstr(f->answer, "/no/such/program"));
	assert_int_equal(RUN(f, "other", "keep", f->dir), 0);
	expect_file(f, CONFIG_PENDING, "other", 0600);
	assert_string_equal(f->answer, "");
	assert_int_equal(RUN(f, "", "forget", f->dir), 0);
	assert_false(is_there(f, CONFIG_PENDING));
	assert_int_equal(RUN(f, "", "forget", f->dir), 0);
}

static void test_install(void **state)
{
	struct fixture *f = *state;
	struct config_applied applied;
	char conf[128];

	(void)path_of(f, "conf", conf);
	put_file(f, "conf", "old\n", 0640);
	put_file(f, "conf.previous", "older\n", 0600);
	put_file(f, "conf.new", "of a run that was cut short\n", 0600);
	assert_int_equal(RUN(f, TEXT, "keep", f->dir), 0);
	assert_int_equal(RUN(f, TEXT, "install", f->dir, conf, "7", "00000000deadbeef", "123"), 0);
	expect_file(f, "conf", TEXT, 0640);
	expect_file(f, "conf.previous", "old\n", 0640);
	assert_false(is_there(f, "conf.new"));
	assert_false(is_there(f, CONFIG_PENDING));
	assert_int_equal(files_read_applied(f->dir, &applied), 0);
	assert_int_equal(applied.generation, 7);
	assert_int_equal(applied.hash, 0xdeadbeef);
	assert_int_equal(applied.wall_us, 123);
	/* the first file of a node: nothing was there before */
	(void)path_of(f, "fresh", conf);
	assert_int_equal(RUN(f, TEXT, "install", f->dir, conf, "8", "00000000deadbeef", "123"), 0);
	expect_file(f, "fresh", TEXT, 0600);
	assert_false(is_there(f, "fresh.previous"));
}

/* Behind a symbolic link the file is replaced, not the link. */
static void test_link(void **state)
{
	struct fixture *f = *state;
	char conf[128], target[128];
	struct stat st;

	put_file(f, "real", "old\n", 0600);
	assert_int_equal(symlink(path_of(f, "real", target), path_of(f, "conf", conf)), 0);
	assert_int_equal(RUN(f, TEXT, "install", f->dir, conf, "1", "0000000000000001", "1"), 0);
	assert_int_equal(lstat(conf, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	expect_file(f, "real", TEXT, 0600);
	expect_file(f, "real.previous", "old\n", 0600);
}

static void test_failures(void **state)
{
	struct fixture *f = *state;
	char conf[128];

	assert_int_equal(RUN(f, TEXT, "keep", "/no/such/directory"), 1);
	assert_non_null(strstr(f->answer, "cannot write config.pending in /no/such/directory: "));
	assert_int_equal(RUN(f, "", "install", f->dir, path_of(f, "conf", conf), "1", "1", "1"), 1);
	assert_string_equal(f->answer, "there is no text");
	/* nothing is half done: the file is as it was, and no other one is left */
	put_file(f, "conf", "old\n", 0600);
	assert_int_equal(RUN(f, TEXT, "install", f->dir, "/no/such/directory/conf", "1", "1", "1"),
			 1);
	assert_non_null(strstr(f->answer, "cannot write /no/such/directory/conf: No such file"));
	expect_file(f, "conf", "old\n", 0600);
	assert_int_equal(RUN(f, TEXT, "fetch", path_of(f, "agent.sock", conf), "n2", "1"), 1);
	assert_string_equal(f->answer, "No such file or directory");
	/* the command line is not for people */
	assert_int_equal(RUN(f, TEXT, "keep"), 64);
	assert_int_equal(RUN(f, TEXT, "frobnicate", f->dir), 64);
}

static void test_applied(void **state)
{
	static const struct {
		const char *text;
		int result;
	} rows[] = {
		{"generation 1\nhash 00000000000000ff\nwall_us 5\n", 0},
		{"generation 1\nhash 00000000000000ff\nwall_us 5", -EBADMSG},
		{"generation 1\nhash\nwall_us 5\n", -EBADMSG},
		{"generation 1\nhash 00000000000000FF\nwall_us 5\n", -EBADMSG},
		{"generation 1\nhash 00000000000000ff\nwall_us 5\nmore 1\n", -EBADMSG},
		{"generation 18446744073709551615\nhash 1\nwall_us 5\n", -EBADMSG},
		{"", -EBADMSG},
	};
	struct fixture *f = *state;
	struct config_applied applied;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(files_parse_applied(rows[i].text, &applied), rows[i].result);
	assert_int_equal(files_read_applied(f->dir, &applied), -ENOENT);
	put_file(f, CONFIG_APPLIED, "rubbish", 0600);
	assert_int_equal(files_read_applied(f->dir, &applied), -EBADMSG);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_keep_and_forget), TEST(test_install), TEST(test_link),
		TEST(test_failures),	    TEST(test_applied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
