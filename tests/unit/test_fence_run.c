/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Programs that fence agents run, the deadline, root-only files. Needs root, as what it tests. */
#include "fence/api_internal.h"
#include "fence/run.h"

#include "util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

static char dir[64];
static char *const no_env[] = {NULL};

static const char *put(const char *name, mode_t mode, const char *text)
{
	static char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/holdfast-fence-XXXXXX"); /* /tmp is sticky, which is allowed */
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

static struct fence_run run_of(const char *path, char *out, size_t size, uint64_t us)
{
	return (struct fence_run){
		.path = path,
		.env = no_env,
		.until = ha_time_add(clock_boot(), us),
		.out = out,
		.out_size = size,
	};
}

static void output_and_codes(void **state)
{
	char out[16];
	size_t n = 99;
	struct fence_run run;

	(void)state;
	run = run_of(put("a", 0700, "#!/bin/sh\necho hello; exit 3\n"), out, sizeof out, 10000000);
	assert_int_equal(fence_run(&run, &n), 3);
	assert_true(n == 6 && memcmp(out, "hello\n", 6) == 0);
	run = run_of(put("b", 0700, "#!/bin/sh\necho 0123456789abcdefg\n"), out, sizeof out,
		     10000000);
	assert_int_equal(fence_run(&run, &n), -E2BIG);
	run = run_of(put("c", 0700, "#!/bin/sh\nkill -9 $$\n"), out, sizeof out, 10000000);
	assert_int_equal(fence_run(&run, &n), -EINTR);
	run = run_of(put("d", 0600, "no program\n"), out, sizeof out, 10000000);
	assert_int_equal(fence_run(&run, &n), 126);
	/* Whoever holds the output open in the background does not hold us. */
	run = run_of(put("e", 0700, "#!/bin/sh\nsleep 60 & echo x\n"), out, sizeof out, 10000000);
	assert_int_equal(fence_run(&run, &n), 0);
	assert_int_equal(n, 2);
}

/* The group is killed as one, the script and what it started. */
static void killed_as_a_group(void **state)
{
	char text[256], out[16], path[128];
	struct fence_run run;
	ha_time begin = clock_boot();
	FILE *f;
	int pid = 0;

	(void)state;
	snprintf(path, sizeof path, "%s/pid", dir);
	snprintf(text, sizeof text, "#!/bin/sh\ntrap '' TERM\nsleep 60 & echo $! >%s\nwait\n",
		 path);
	run = run_of(put("k", 0700, text), out, sizeof out, 700000);
	assert_int_equal(fence_run(&run, NULL), -ETIME);
	assert_true(ha_time_since(clock_boot(), begin) < 10000000);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &pid), 1);
	fclose(f);
	for (int i = 0; i < 500 && kill(pid, 0) == 0; i++) { /* until init has reaped it */
		char stat_path[64], line[128] = "";

		snprintf(stat_path, sizeof stat_path, "/proc/%d/stat", pid);
		f = fopen(stat_path, "r");
		if (f && fgets(line, sizeof line, f) && strstr(line, ") Z")) {
			fclose(f);
			return;
		}
		if (f)
			fclose(f);
		usleep(10000);
	}
	assert_int_equal(kill(pid, 0), -1);
}

/* The exit code of `body` in a process of its own, and what it wrote to standard error. */
static int in_child(void (*body)(void), char *said, size_t size)
{
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		body();
		_exit(99);
	}
	close(ends[1]);
	n = read(ends[0], said, size - 1);
	said[n > 0 ? n : 0] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void hang(void)
{
	fence_deadline_arm("fence_test", 300000);
	for (;;)
		pause();
}

static void hang_after_proof(void)
{
	fence_deadline_arm("fence_test", 300000);
	fence_deadline_proved();
	for (;;)
		pause();
}

static void hang_in_script(void)
{
	static char out[16];
	struct fence_run run =
		run_of(put("h", 0700, "#!/bin/sh\nsleep 60\n"), out, sizeof out, 60000000);

	fence_deadline_arm("fence_test", 500000);
	(void)!fence_run(&run, NULL);
}

static void deadline(void **state)
{
	char said[256];
	ha_time begin = clock_boot();

	(void)state;
	assert_int_equal(in_child(hang, said, sizeof said), FENCE_EXIT_FAILED);
	assert_string_equal(said, "fence_test: deadline of 0.3 s reached\n");
	assert_int_equal(in_child(hang_after_proof, said, sizeof said), FENCE_EXIT_OK);
	assert_int_equal(in_child(hang_in_script, said, sizeof said), FENCE_EXIT_FAILED);
	assert_true(ha_time_since(clock_boot(), begin) < 20000000);
}

static void root_only(void **state)
{
	char real[FENCE_PATH_SIZE], link_path[128], inner[128], path[160];
	struct fence_error error;

	(void)state;
	assert_int_equal(fence_path_check(put("s", 0600, "x"), true, real, &error), 0);
	assert_int_equal(fence_path_check(put("s", 0640, "x"), false, real, &error), 0);
	assert_true(fence_path_check(put("s", 0640, "x"), true, real, &error) < 0);
	assert_non_null(strstr(error.text, "can be read by others"));
	assert_true(fence_path_check(put("s", 0620, "x"), false, real, &error) < 0);
	assert_non_null(strstr(error.text, "can be written by others"));
	assert_int_equal(chown(put("s", 0600, "x"), 65534, 65534), 0);
	assert_true(fence_path_check(put("s", 0600, "x"), true, real, &error) < 0);
	assert_non_null(strstr(error.text, "does not belong to root"));
	assert_true(fence_path_check("relative", true, real, &error) < 0);
	assert_true(fence_path_check(dir, true, real, &error) < 0);
	assert_true(fence_path_check("/nowhere/at/all", true, real, &error) < 0);
	/* What a link leads to is checked; a folder of others is not trusted. */
	snprintf(link_path, sizeof link_path, "%s/link", dir);
	assert_int_equal(symlink(put("t", 0600, "x"), link_path), 0);
	assert_int_equal(fence_path_check(link_path, true, real, &error), 0);
	assert_non_null(strstr(real, "/t"));
	snprintf(inner, sizeof inner, "%s/inner", dir);
	assert_int_equal(mkdir(inner, 0777), 0);
	assert_int_equal(chmod(inner, 0777), 0);
	put("inner/u", 0600, "x");
	snprintf(path, sizeof path, "%s/u", inner);
	assert_true(fence_path_check(path, true, real, &error) < 0);
	assert_non_null(strstr(error.text, "inner can be written by others"));
}

static const struct fence_param params[] = {
	{.name = "password", .secret = true, .text = "x"},
	{.name = "password_file", .text = "x"},
	{.name = "password_script", .text = "x"},
};
static const struct fence_driver driver = {
	.name = "fence_test", .params = params, .n_params = FENCE_LENGTH(params)};

static const char *secret_from(const char *param, const char *path, const char *timeout)
{
	static struct secret_arena arena;
	static struct fence_args args;
	static struct fence_error error;

	secret_arena_close(&arena);
	assert_int_equal(secret_arena_open(&arena, 8192), 0);
	assert_int_equal(fence_args_init(&args, &driver, &error), 0);
	assert_int_equal(fence_args_set(&args, param, path), 0);
	assert_int_equal(fence_args_set(&args, "login_timeout", timeout), 0);
	return fence_secrets_load(&args, &arena, &error) < 0 ? error.text
							     : fence_string(&args, "password");
}

static void secrets(void **state)
{
	char big[700];

	(void)state;
	assert_string_equal(secret_from("password_file", put("p", 0600, "two words\n"), "5"),
			    "two words");
	assert_string_equal(secret_from("password_file", put("p", 0600, "bare"), "5"), "bare");
	assert_string_equal(secret_from("password_file", put("p", 0600, ""), "5"), "");
	assert_non_null(strstr(secret_from("password_file", put("p", 0600, "a\nb\n"), "5"),
			       "more than one line"));
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	assert_non_null(
		strstr(secret_from("password_file", put("p", 0600, big), "5"), "longer than"));
	assert_non_null(
		strstr(secret_from("password_file", put("p", 0644, "x"), "5"), "read by others"));
	assert_string_equal(
		secret_from("password_script", put("q", 0700, "#!/bin/sh\necho s3cret\n"), "5"),
		"s3cret");
	assert_non_null(
		strstr(secret_from("password_script", put("q", 0700, "#!/bin/sh\nexit 4\n"), "5"),
		       "ended with 4"));
	assert_non_null(strstr(
		secret_from("password_script", put("q", 0700, "#!/bin/sh\nsleep 60\n"), "0.3"),
		"did not end"));
	assert_non_null(
		strstr(secret_from("password_script", put("q", 0777, "#!/bin/sh\necho x\n"), "5"),
		       "written by others"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_codes), cmocka_unit_test(killed_as_a_group),
		cmocka_unit_test(deadline),	    cmocka_unit_test(root_only),
		cmocka_unit_test(secrets),
	};

	if (getuid() != 0)
		return 77;
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
