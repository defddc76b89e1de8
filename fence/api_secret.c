/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Secrets: where they come from, and that they go nowhere else. */
#include "fence/api_internal.h"
#include "fence/run.h"

#include "util/clock.h"
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

int fence_path_check(const char *path, bool secret, char ret_path[FENCE_PATH_SIZE],
		     struct fence_error *error)
{
	char why[SECRET_WHY];
	int r = secret_path_check(path, secret, ret_path, why);

	return r < 0 ? fence_fail(error, true, "%s", why) : 0;
}

/* Up to FENCE_SECRET_MAX bytes and a line end into the arena, as a string. */
static char *room(struct secret_arena *arena)
{
	if (arena->size - arena->used < FENCE_SECRET_MAX + 3)
		return NULL;
	return arena->data + arena->used;
}

static int keep(struct fence_args *args, struct secret_arena *arena, size_t i, size_t n,
		struct fence_error *error)
{
	char *text = arena->data + arena->used;
	const char *name = args->params[i]->name;

	if (n > FENCE_SECRET_MAX + 1)
		return fence_fail(error, true, "%s is longer than %d bytes", name,
				  FENCE_SECRET_MAX);
	if (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	if (strlen(text) != n || strchr(text, '\n'))
		return fence_fail(error, true, "%s is more than one line", name);
	args->values[i] = text;
	arena->used += n + 1;
	return 0;
}

static int from_file(struct fence_args *args, struct secret_arena *arena, size_t i,
		     const char *path, struct fence_error *error)
{
	char real[FENCE_PATH_SIZE];
	_cleanup_close_ int fd = -1;
	char *text = room(arena);
	size_t n = 0;
	int r = fence_path_check(path, true, real, error);

	if (r < 0)
		return r;
	if (!text)
		return fence_fail(error, true, "too many parameters");
	fd = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return fence_fail(error, true, "%.200s: %s", path, strerror(errno));
	while (n < FENCE_SECRET_MAX + 2) {
		ssize_t got = read(fd, text + n, FENCE_SECRET_MAX + 2 - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fence_fail(error, true, "%.200s: %s", path, strerror(errno));
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return keep(args, arena, i, n, error);
}

static int from_script(struct fence_args *args, struct secret_arena *arena, size_t i,
		       const char *path, struct fence_error *error)
{
	static char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	char real[FENCE_PATH_SIZE];
	struct fence_run run = {
		.path = real,
		.env = env,
		.until = ha_time_add(clock_boot(), fence_seconds_us(args, "login_timeout")),
		.out = room(arena),
		.out_size = FENCE_SECRET_MAX + 2,
	};
	size_t n = 0;
	int r = fence_path_check(path, false, real, error);

	if (r < 0)
		return r;
	if (!run.out)
		return fence_fail(error, true, "too many parameters");
	r = fence_run(&run, &n);
	if (r == -ETIME)
		return fence_fail(error, true, "%.200s did not end within login_timeout", path);
	if (r < 0)
		return fence_fail(error, true, "%.200s: %s", path, strerror(-r));
	if (r > 0)
		return fence_fail(error, true, "%.200s ended with %d", path, r);
	return keep(args, arena, i, n, error);
}

int fence_secrets_load(struct fence_args *args, struct secret_arena *arena,
		       struct fence_error *error)
{
	char file[64], script[64];

	for (size_t i = 0; i < args->n; i++) {
		const char *name = args->params[i]->name, *path;
		int r = 0;

		if (!args->params[i]->secret || args->values[i])
			continue;
		(void)snprintf(file, sizeof file, "%s_file", name);
		(void)snprintf(script, sizeof script, "%s_script", name);
		path = fence_args_find(args, file) ? fence_string(args, file) : NULL;
		if (path) {
			r = from_file(args, arena, i, path, error);
		} else {
			path = fence_args_find(args, script) ? fence_string(args, script) : NULL;
			r = path ? from_script(args, arena, i, path, error) : 0;
		}
		if (r < 0)
			return r;
	}
	return 0;
}
