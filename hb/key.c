/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The key file. No error text ever shows a part of its contents. */
#include "include/hb.h"
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define KEY_FILE_MAX 4096
#define KEY_DIGITS   (2 * HB_KEY_BYTES)

static const char HEADER[] =
	"# Holdfast cluster key: the same file on every node, mode 0600. It proves that a\n"
	"# heartbeat comes from a member; whoever has it can forge them. With two keys both\n"
	"# are accepted, and the first one is used once every node has it.\n";

/* What a function needs to say where it failed. */
struct place {
	unsigned int line;
	char *error;
};

static int fail_line(const struct place *place, const char *what)
{
	(void)snprintf(place->error, HB_ERROR_SIZE, "line %u: %s", place->line, what);
	return -EINVAL;
}

static int fail_path(char error[HB_ERROR_SIZE], const char *path, const char *what, int r)
{
	(void)snprintf(error, HB_ERROR_SIZE, "%s: %s: %s", path, what, strerror(-r));
	return r;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int make_id(const uint8_t key[HB_KEY_BYTES], uint32_t *ret_id)
{
	uint8_t digest[32];

	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, key, HB_KEY_BYTES, digest) < 0)
		return -EIO;
	*ret_id = (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 |
		  digest[3];
	return 0;
}

static int add_key(struct hb_keys *keys, const uint8_t key[HB_KEY_BYTES], const struct place *place)
{
	static const uint8_t zeros[HB_KEY_BYTES];
	uint32_t id;

	if (keys->n >= HB_KEYS_MAX)
		return fail_line(place, "a third key; at most two are accepted");
	if (memcmp(key, zeros, sizeof zeros) == 0)
		return fail_line(place, "the key is all zeros; make one with 'holdfast keygen'");
	if (make_id(key, &id) < 0)
		return fail_line(place, "SHA-256 is not available");
	if (keys->n > 0 && keys->id[0] == id)
		return fail_line(place, "the same key twice");
	keys->id[keys->n] = id;
	memcpy(keys->key[keys->n], key, HB_KEY_BYTES);
	keys->n++;
	return 0;
}

static int parse_line(const char *s, size_t n, struct hb_keys *keys, const struct place *place)
{
	uint8_t key[HB_KEY_BYTES];
	int r;

	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r'))
		n--;
	if (n == 0 || s[0] == '#')
		return 0;
	if (n != KEY_DIGITS)
		return fail_line(place, "not 64 hexadecimal digits");
	for (size_t i = 0; i < HB_KEY_BYTES; i++) {
		int high = digit_value(s[2 * i]), low = digit_value(s[2 * i + 1]);

		if (high < 0 || low < 0)
			return fail_line(place, "not 64 hexadecimal digits");
		key[i] = (uint8_t)(high << 4 | low);
	}
	r = add_key(keys, key, place);
	explicit_bzero(key, sizeof key);
	return r;
}

static int parse_all(const char *text, size_t n, struct hb_keys *keys, char error[HB_ERROR_SIZE])
{
	struct place place = {.error = error};

	while (n > 0) {
		const char *end = memchr(text, '\n', n);
		size_t length = end ? (size_t)(end - text) : n;
		int r;

		place.line++;
		r = parse_line(text, length, keys, &place);
		if (r < 0)
			return r;
		length += end ? 1 : 0;
		text += length;
		n -= length;
	}
	if (keys->n == 0) {
		(void)snprintf(error, HB_ERROR_SIZE,
			       "no key; make one with 'holdfast keygen' and copy it to all nodes");
		return -EINVAL;
	}
	return 0;
}

int hb_keys_parse(const char *text, size_t n, struct hb_keys *ret, char error[HB_ERROR_SIZE])
{
	struct hb_keys keys = {};
	int r = parse_all(text, n, &keys, error);

	if (r >= 0)
		*ret = keys;
	hb_keys_wipe(&keys);
	return r;
}

void hb_keys_wipe(struct hb_keys *keys)
{
	explicit_bzero(keys, sizeof *keys);
}

static int check_file(int fd, const char *path, char error[HB_ERROR_SIZE])
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_path(error, path, "cannot look at the key file", -errno);
	if (!S_ISREG(st.st_mode)) {
		(void)snprintf(error, HB_ERROR_SIZE, "%s: not a regular file", path);
		return -EINVAL;
	}
	if (st.st_uid != geteuid()) {
		(void)snprintf(error, HB_ERROR_SIZE,
			       "%s: the key file belongs to user %u, not to user %u who reads it",
			       path, st.st_uid, geteuid());
		return -EPERM;
	}
	if (st.st_mode & 077) {
		(void)snprintf(error, HB_ERROR_SIZE,
			       "%s: mode %04o lets others at the key; make a new one if they may "
			       "have read it, and chmod 600",
			       path, st.st_mode & 07777);
		return -EPERM;
	}
	return 0;
}

/* Returns the number of bytes, -EINVAL if there are more than `size`. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t n = 0;

	for (;;) {
		char more;
		ssize_t r = n < size ? read(fd, buf + n, size - n) : read(fd, &more, 1);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			return (ssize_t)n;
		if (n == size)
			return -EINVAL;
		n += (size_t)r;
	}
}

int hb_keys_load(const char *path, struct hb_keys *ret, char error[HB_ERROR_SIZE])
{
	char text[KEY_FILE_MAX];
	char detail[HB_ERROR_SIZE];
	_cleanup_close_ int fd = -1;
	ssize_t n;
	int r;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block us */
	if (fd < 0)
		return fail_path(error, path, "cannot open the key file", -errno);
	r = check_file(fd, path, error);
	if (r < 0)
		return r;
	n = read_all(fd, text, sizeof text);
	if (n < 0) {
		explicit_bzero(text, sizeof text);
		return fail_path(error, path, n == -EINVAL ? "over 4096 bytes" : "cannot read it",
				 (int)n);
	}
	r = hb_keys_parse(text, (size_t)n, ret, detail);
	explicit_bzero(text, sizeof text);
	if (r < 0)
		(void)snprintf(error, HB_ERROR_SIZE, "%.100s: %.140s", path, detail);
	return r;
}

static void format_key(char *out, const uint8_t key[HB_KEY_BYTES])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < HB_KEY_BYTES; i++) {
		*out++ = digits[key[i] >> 4];
		*out++ = digits[key[i] & 15];
	}
	*out = '\n';
}

static int write_keys(int fd, const struct hb_keys *keys)
{
	char lines[HB_KEYS_MAX * (KEY_DIGITS + 1)];
	int r;

	for (size_t i = 0; i < keys->n; i++)
		format_key(lines + i * (KEY_DIGITS + 1), keys->key[i]);
	r = file_write_all(fd, HEADER, strlen(HEADER));
	if (r >= 0)
		r = file_write_all(fd, lines, keys->n * (size_t)(KEY_DIGITS + 1));
	explicit_bzero(lines, sizeof lines);
	if (r >= 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

/* Writes a file beside `path` and gives it that name in one step: nobody sees half a file. */
static int put_in_place(const char *path, const struct hb_keys *keys, bool replace)
{
	_cleanup_free_ char *temporary = NULL;
	_cleanup_close_ int fd = -1;
	int r;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
		temporary = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
	if (fd < 0)
		return -errno;
	r = write_keys(fd, keys);
	if (r >= 0 && replace)
		r = rename(temporary, path) < 0 ? -errno : 0;
	else if (r >= 0)
		r = link(temporary, path) < 0 ? -errno : 0;
	if (r < 0 || !replace)
		(void)unlink(temporary); /* left over at worst; mode 0600 like the key itself */
	return r < 0 ? r : file_sync_folder(path);
}

static int random_key(uint8_t ret[HB_KEY_BYTES])
{
	ssize_t n;

	do
		n = getrandom(ret, HB_KEY_BYTES, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == HB_KEY_BYTES ? 0 : -EIO;
}

int hb_keys_generate(const char *path, bool rotate, char error[HB_ERROR_SIZE])
{
	struct hb_keys old = {}, keys = {.n = 1};
	int r;

	if (rotate) {
		r = hb_keys_load(path, &old, error);
		if (r < 0)
			return r;
		keys.n = 2;
		memcpy(keys.key[1], old.key[0], HB_KEY_BYTES);
		hb_keys_wipe(&old);
	}
	r = random_key(keys.key[0]);
	if (r >= 0)
		r = put_in_place(path, &keys, rotate);
	hb_keys_wipe(&keys);
	if (r == -EEXIST)
		(void)snprintf(error, HB_ERROR_SIZE,
			       "%s: exists already; rotate it rather than replace it", path);
	else if (r < 0)
		fail_path(error, path, "cannot write the key file", r);
	return r;
}
