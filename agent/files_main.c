/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The other side of files.c: a process of its own, which may wait for disks and other nodes. */
#include "agent/files.h"

#include "agent/config_change.h"
#include "include/ctl.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TEXT_MAX	 (1024 * 1024)
#define REPLY_TIMEOUT_US (10 * USEC_PER_SEC)

/* ---- the shared memory ---- */

static int read_text(char **ret, size_t *ret_n)
{
	if (lseek(STDIN_FILENO, 0, SEEK_SET) < 0)
		return -errno;
	return file_read_all(STDIN_FILENO, TEXT_MAX, ret, ret_n);
}

/* Puts the answer in the place of the text. */
static int answer(const char *text, size_t n)
{
	if (ftruncate(STDIN_FILENO, 0) < 0 || lseek(STDIN_FILENO, 0, SEEK_SET) < 0)
		return -errno;
	return file_write_all(STDIN_FILENO, text, n);
}

static int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int fail(const char *format, ...)
{
	char text[PATH_MAX + 256];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	(void)answer(text, strlen(text)); /* then the exit code has to do */
	return 1;
}

/* ---- files ---- */

/* What the new file gets from the old one, if there is one. */
struct looks {
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

static int write_new(const char *path, const char *text, size_t n, const struct looks *looks)
{
	_cleanup_close_ int fd = -1;
	int r;

	(void)unlink(path); /* of a run that was cut short */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = file_write_all(fd, text, n);
	if (r >= 0 && fchown(fd, looks->uid, looks->gid) < 0)
		r = -errno;
	if (r >= 0 && fchmod(fd, looks->mode) < 0)
		r = -errno;
	if (r >= 0 && fsync(fd) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(path);
	return r;
}

/* Nobody ever sees half a file, nor none. `previous`: the name that the former one keeps. */
static int put_in_place(const char *path, const char *text, size_t n, const char *previous)
{
	struct looks looks = {.mode = 0600, .uid = geteuid(), .gid = getegid()};
	char fresh[PATH_MAX];
	struct stat st;
	int r;

	if (snprintf(fresh, sizeof fresh, "%s.new", path) >= (int)sizeof fresh)
		return -ENAMETOOLONG;
	if (stat(path, &st) >= 0)
		looks = (struct looks){st.st_mode & 07777, st.st_uid, st.st_gid};
	r = write_new(fresh, text, n, &looks);
	if (r < 0)
		return r;
	if (previous) {
		(void)unlink(previous);
		if (link(path, previous) < 0 && errno != ENOENT)
			r = -errno;
	}
	if (r >= 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(fresh);
		return r;
	}
	return file_sync_folder(path);
}

static int join(char out[PATH_MAX], const char *directory, const char *name)
{
	return snprintf(out, PATH_MAX, "%s/%s", directory, name) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* ---- keep, forget ---- */

/* "w LINE TEXT" or "e LINE TEXT" for each thing that this machine has or has not. */
static char *look_around(const char *text)
{
	_cleanup_free_ struct config_report *report = calloc(1, sizeof *report);
	struct config *config = NULL;
	char *found = NULL;
	size_t size;
	FILE *out = open_memstream(&found, &size);

	if (!out)
		return NULL;
	if (report && config_load_text("the new file", text, &config, report) >= 0) {
		memset(report, 0, sizeof *report); /* the agent has said those itself */
		config_check_surroundings(config, 0, report);
		for (size_t i = 0; i < report->n; i++)
			(void)fprintf(out, "%c %u %s\n", report->problem[i].warning ? 'w' : 'e',
				      report->problem[i].line, report->problem[i].text);
	}
	(void)config_free(config);
	return fclose(out) == 0 ? found : NULL;
}

static int keep(char *const *args)
{
	_cleanup_free_ char *text = NULL, *found = NULL;
	char path[PATH_MAX];
	size_t n = 0;
	int r = read_text(&text, &n);

	if (r >= 0)
		r = join(path, args[0], CONFIG_PENDING);
	if (r >= 0)
		r = put_in_place(path, text, n, NULL);
	if (r < 0)
		return fail("cannot write %s in %s: %s", CONFIG_PENDING, args[0], strerror(-r));
	found = look_around(text);
	return found && answer(found, strlen(found)) >= 0 ? 0 : fail("no memory");
}

static int forget(char *const *args)
{
	char path[PATH_MAX];

	if (join(path, args[0], CONFIG_PENDING) < 0)
		return fail("%s: the path is too long", args[0]);
	if (unlink(path) < 0 && errno != ENOENT)
		return fail("cannot remove %s: %s", path, strerror(errno));
	return answer("", 0) < 0;
}

/* ---- install ---- */

static int write_applied(char *const *args)
{
	char path[PATH_MAX], text[256];
	int r = join(path, args[0], CONFIG_APPLIED);

	(void)snprintf(text, sizeof text, "generation %s\nhash %s\nwall_us %s\n", args[2], args[3],
		       args[4]);
	return r < 0 ? r : put_in_place(path, text, strlen(text), NULL);
}

/* Behind a symbolic link the file itself is replaced. */
static int find_file(const char *given, char path[PATH_MAX], char previous[PATH_MAX])
{
	if (!realpath(given, path)) {
		if (errno != ENOENT)
			return -errno;
		if (snprintf(path, PATH_MAX, "%s", given) >= PATH_MAX)
			return -ENAMETOOLONG;
	}
	return snprintf(previous, PATH_MAX, "%s.previous", path) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int files_replace(const char *path, const char *text, size_t n, char why[FILES_WHY])
{
	char real[PATH_MAX], previous[PATH_MAX];
	int r = find_file(path, real, previous);

	if (r >= 0)
		r = put_in_place(real, text, n, previous);
	if (r < 0)
		(void)snprintf(why, FILES_WHY, "cannot write %s: %s", path, strerror(-r));
	return r;
}

/* What was applied is written first: with a new file and without it the text would look as if
 * somebody had changed it by hand. */
static int install(char *const *args)
{
	_cleanup_free_ char *text = NULL;
	char why[FILES_WHY];
	size_t n = 0;
	int r = read_text(&text, &n);

	if (r < 0 || n == 0)
		return fail("there is no text");
	r = write_applied(args);
	if (r < 0)
		return fail("cannot write %s in %s: %s", CONFIG_APPLIED, args[0], strerror(-r));
	r = files_replace(args[1], text, n, why);
	return r < 0 ? fail("%s", why) : forget(args);
}

/* ---- fetch ---- */

static void cleanup_client(struct ctl_client **client)
{
	*client = ctl_client_free(*client);
}

/* One part of the text, from `at` on. 1: there is more, 0: that was all. */
static int fetch_part(struct ctl_client *client, const char *hash, size_t at, FILE *out)
{
	json_t *reply = NULL;
	const char *text;
	json_int_t total;
	size_t n;
	int r = ctl_client_call(client, "io.holdfast.Agent.ConfigGet",
				json_pack("{s:s, s:I}", "hash", hash, "offset", (json_int_t)at),
				REPLY_TIMEOUT_US, &reply);

	if (r < 0)
		return r;
	text = json_string_value(json_object_get(reply, "text"));
	total = json_integer_value(json_object_get(reply, "total"));
	n = text ? strlen(text) : 0;
	if (!text || total <= 0 || total > TEXT_MAX || (n == 0 && at < (size_t)total))
		r = -EBADMSG;
	else if (fwrite(text, 1, n, out) != n)
		r = -ENOMEM;
	else
		r = at + n < (size_t)total;
	json_decref(reply);
	return r;
}

static int fetch_all(struct ctl_client *client, const char *hash, FILE *out)
{
	int r = 1;

	while (r > 0) {
		long at = ftell(out);

		if (at < 0 || at > TEXT_MAX)
			return -EFBIG;
		r = fetch_part(client, hash, (size_t)at, out);
	}
	return r;
}

static int fetch(char *const *args)
{
	_cleanup_(cleanup_client) struct ctl_client *client = NULL;
	char error[CTL_HOST_ERROR_SIZE] = "";
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *out;
	int r = ctl_client_connect_host(args[0], args[1], error, &client);

	if (r < 0)
		return fail("%s", *error ? error : strerror(-r));
	out = open_memstream(&text, &size);
	if (!out)
		return fail("no memory");
	r = fetch_all(client, args[2], out);
	if (fclose(out) != 0 && r >= 0)
		r = -ENOMEM;
	if (r == -EREMOTEIO)
		return fail("%s does not have it (%s)", args[1], ctl_client_error(client));
	if (r < 0)
		return fail("%s: %s", args[1], strerror(-r));
	return answer(text, size) < 0 ? fail("no memory") : 0;
}

/* ---- the command line ---- */

int files_main(int argc, char **argv)
{
	static const struct {
		const char *verb;
		size_t n;
		int (*run)(char *const *args);
	} verbs[] = {{"keep", 1, keep},
		     {"forget", 1, forget},
		     {"install", 5, install},
		     {"fetch", 3, fetch}};

	for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(argv[1], verbs[i].verb) == 0 && (size_t)argc - 2 == verbs[i].n)
			return verbs[i].run(argv + 2);
	(void)fprintf(stderr, "holdfastd: --files is for the agent itself\n");
	return 64;
}

/* ---- config.applied ---- */

int files_parse_hash(const char *text, uint64_t *ret)
{
	uint64_t hash = 0;

	if (strlen(text) != 16 || text[strspn(text, "0123456789abcdef")] != '\0')
		return -EINVAL;
	for (; *text; text++)
		hash = hash << 4 | (uint64_t)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
	*ret = hash;
	return 0;
}

/* The word behind `key` on the next line. */
static int take_line(const char **text, const char *key, char *ret, size_t size)
{
	size_t n = strcspn(*text, "\n"), k = strlen(key);

	if ((*text)[n] != '\n' || n <= k || strncmp(*text, key, k) != 0 || (*text)[k] != ' ' ||
	    n - k - 1 >= size)
		return -EBADMSG;
	memcpy(ret, *text + k + 1, n - k - 1);
	ret[n - k - 1] = '\0';
	*text += n + 1;
	return 0;
}

int files_parse_applied(const char *text, struct config_applied *ret)
{
	char generation[24], hash[24], wall[24];
	struct config_applied applied;

	if (take_line(&text, "generation", generation, sizeof generation) < 0 ||
	    take_line(&text, "hash", hash, sizeof hash) < 0 ||
	    take_line(&text, "wall_us", wall, sizeof wall) < 0 || *text ||
	    parse_u64(generation, 0, EPOCH_MAX, &applied.generation) < 0 ||
	    files_parse_hash(hash, &applied.hash) < 0 ||
	    parse_u64(wall, 0, UINT64_MAX, &applied.wall_us) < 0)
		return -EBADMSG;
	*ret = applied;
	return 0;
}

int files_read_applied(const char *directory, struct config_applied *ret)
{
	char path[PATH_MAX], text[256];
	_cleanup_close_ int fd = -1;
	ssize_t n;

	if (join(path, directory, CONFIG_APPLIED) < 0)
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof text - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return files_parse_applied(text, ret);
}
