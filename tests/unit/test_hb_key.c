/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "include/hb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define K1 "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define K2 "1111111111111111111111111111111111111111111111111111111111111111"
#define K3 "2222222222222222222222222222222222222222222222222222222222222222"
#define K0 "0000000000000000000000000000000000000000000000000000000000000000"

struct parse_case {
	const char *text;
	int n_keys;	     /* or the error */
	const char *message; /* part of it */
};

static const struct parse_case PARSE[] = {
	{K1 "\n", 1, NULL},
	{K1, 1, NULL},
	{K1 "  \r\n\n", 1, NULL},
	{"# a comment\n\n" K1 "\n# another\n" K2 "\n", 2, NULL},
	{"", -EINVAL, "no key"},
	{"# nothing\n\n", -EINVAL, "no key"},
	{K1 "\n" K2 "\n" K3 "\n", -EINVAL, "line 3: a third key"},
	{K1 "\n\n" K1 "\n", -EINVAL, "line 3: the same key twice"},
	{K1 "0\n", -EINVAL, "line 1: not 64"},
	{"#\n0" K1, -EINVAL, "line 2: not 64"},
	{"\n\nabc\n", -EINVAL, "line 3: not 64"},
	{"g" K2, -EINVAL, "line 1: not 64"},
	{" " K1, -EINVAL, "line 1: not 64"},
	{"x111111111111111111111111111111111111111111111111111111111111111", -EINVAL,
	 "line 1: not"},
	{"1111111111111111111111111111111111111111111111111111111111111 11", -EINVAL,
	 "line 1: not"},
	{K0, -EINVAL, "line 1: the key is all zeros"},
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof PARSE / sizeof *PARSE; i++) {
		const struct parse_case *c = &PARSE[i];
		struct hb_keys keys = {.n = 9};
		char error[HB_ERROR_SIZE] = "";
		size_t n = strlen(c->text);
		char *exact = malloc(n + 1); /* not terminated: a sanitizer sees a read beyond */
		int r;

		assert_non_null(exact);
		memcpy(exact, c->text, n);
		r = hb_keys_parse(exact, n, &keys, error);
		free(exact);
		if (c->n_keys < 0) {
			assert_int_equal(r, c->n_keys);
			assert_int_equal(keys.n, 9);
			if (!strstr(error, c->message))
				fail_msg("'%s' lacks '%s'", error, c->message);
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(keys.n, c->n_keys);
		assert_int_equal(keys.sign, 0);
		assert_int_equal(keys.key[0][1], 0x11);
		assert_int_equal(keys.key[0][31], 0xff);
	}
}

/* Known answer: the id is the start of SHA-256 of 32 bytes of 0x11 (from sha256sum). */
static void test_id(void **state)
{
	struct hb_keys keys;
	char error[HB_ERROR_SIZE];

	(void)state;
	assert_int_equal(hb_keys_parse(K2, 64, &keys, error), 0);
	assert_int_equal(keys.id[0], 0x02d449a3);
	assert_int_equal(hb_keys_parse("a\0b", 3, &keys, error), -EINVAL);
	hb_keys_wipe(&keys);
	for (size_t i = 0; i < sizeof keys; i++)
		assert_int_equal(((uint8_t *)&keys)[i], 0);
}

struct folder {
	char path[64];
	char key[80];
};

static int make_folder(void **state)
{
	static struct folder f;

	(void)snprintf(f.path, sizeof f.path, "/tmp/test_hb_key.%d.XXXXXX", (int)getpid());
	if (!mkdtemp(f.path))
		return -1;
	(void)snprintf(f.key, sizeof f.key, "%s/key", f.path);
	*state = &f;
	return 0;
}

/* Removes the key; a temporary file that was left over makes the rmdir, and so the test, fail. */
static int remove_folder(void **state)
{
	struct folder *f = *state;

	(void)unlink(f->key);
	return rmdir(f->path);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static void test_permissions(void **state)
{
	const struct folder *f = *state;
	struct hb_keys keys;

	for (mode_t mode = 0; mode <= 0777; mode++) {
		char error[HB_ERROR_SIZE] = "";
		int r;

		if (!(mode & 0400)) /* root could read it nevertheless */
			continue;
		write_file(f->key, K1, mode);
		r = hb_keys_load(f->key, &keys, error);
		assert_int_equal(r, mode & 077 ? -EPERM : 0);
		if (r < 0) {
			assert_non_null(strstr(error, f->key));
			assert_non_null(strstr(error, "mode 0"));
		}
		assert_int_equal(unlink(f->key), 0);
	}
}

static void test_owner(void **state)
{
	const struct folder *f = *state;
	char error[HB_ERROR_SIZE];
	struct hb_keys keys;

	if (geteuid() != 0) {
		print_message("skipped: giving a file away needs root\n");
		skip();
	}
	write_file(f->key, K1, 0600);
	assert_int_equal(chown(f->key, 12345, (gid_t)-1), 0);
	assert_int_equal(hb_keys_load(f->key, &keys, error), -EPERM);
	assert_non_null(strstr(error, "user 12345"));
}

static void test_not_loadable(void **state)
{
	const struct folder *f = *state;
	char error[HB_ERROR_SIZE];
	static char large[5000];
	struct hb_keys keys = {.n = 7};

	assert_int_equal(hb_keys_load(f->key, &keys, error), -ENOENT);
	assert_non_null(strstr(error, f->key));
	assert_int_equal(hb_keys_load(f->path, &keys, error), -EINVAL);
	assert_non_null(strstr(error, "not a regular file"));
	assert_int_equal(mkfifo(f->key, 0600), 0);
	assert_int_equal(hb_keys_load(f->key, &keys, error), -EINVAL); /* and does not block */
	assert_int_equal(unlink(f->key), 0);
	memset(large, '\n', sizeof large - 1);
	write_file(f->key, large, 0600);
	assert_int_equal(hb_keys_load(f->key, &keys, error), -EINVAL);
	assert_non_null(strstr(error, "4096"));
	write_file(f->key, "#\nsecret", 0600);
	assert_int_equal(hb_keys_load(f->key, &keys, error), -EINVAL);
	assert_non_null(strstr(error, f->key));
	assert_non_null(strstr(error, "line 2"));
	assert_null(strstr(error, "secret"));
	assert_int_equal(keys.n, 7);
}

static void test_generate(void **state)
{
	const struct folder *f = *state;
	char error[HB_ERROR_SIZE] = "";
	struct hb_keys first, second, third;
	struct stat st;

	assert_int_equal(hb_keys_generate(f->key, true, error), -ENOENT);
	assert_int_equal(hb_keys_generate(f->key, false, error), 0);
	assert_int_equal(stat(f->key, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(hb_keys_load(f->key, &first, error), 0);
	assert_int_equal(first.n, 1);

	assert_int_equal(hb_keys_generate(f->key, false, error), -EEXIST);
	assert_non_null(strstr(error, "exists"));
	assert_int_equal(hb_keys_load(f->key, &second, error), 0);
	assert_memory_equal(&first, &second, sizeof first);

	assert_int_equal(hb_keys_generate(f->key, true, error), 0);
	assert_int_equal(stat(f->key, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(hb_keys_load(f->key, &second, error), 0);
	assert_int_equal(second.n, 2);
	assert_memory_equal(second.key[1], first.key[0], HB_KEY_BYTES);
	assert_memory_not_equal(second.key[0], first.key[0], HB_KEY_BYTES);

	assert_int_equal(hb_keys_generate(f->key, true, error), 0);
	assert_int_equal(hb_keys_load(f->key, &third, error), 0);
	assert_int_equal(third.n, 2);
	assert_memory_equal(third.key[1], second.key[0], HB_KEY_BYTES);
	assert_true(third.id[1] == second.id[0]);
}

static void test_generate_fails(void **state)
{
	const struct folder *f = *state;
	char error[HB_ERROR_SIZE] = "";

	assert_int_equal(hb_keys_generate("/nonexistent/folder/key", false, error), -ENOENT);
	assert_non_null(strstr(error, "/nonexistent/folder/key"));
	write_file(f->key, K1, 0644); /* do not carry a key on that others may have read */
	assert_int_equal(hb_keys_generate(f->key, true, error), -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_id),
		cmocka_unit_test_setup_teardown(test_permissions, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_owner, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_not_loadable, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_generate, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_generate_fails, make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
