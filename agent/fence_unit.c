/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/fence_unit.h"

#include "agent/fence_process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SECRET_MAX 512 /* bytes */

static const char *base_name(const char *agent)
{
	const char *slash = strrchr(agent, '/');

	return slash ? slash + 1 : agent;
}

enum fence_unit_kind fence_unit_kind(const char *agent)
{
	static const char own[] = "fence_holdfast_";
	const char *name = base_name(agent);

	if (strcmp(name, "fence_holdfast_script") == 0)
		return FENCE_UNIT_SCRIPT;
	return strncmp(name, own, sizeof own - 1) == 0 ? FENCE_UNIT_OWN : FENCE_UNIT_FOREIGN;
}

bool fence_unit_has_inband(const struct fence_unit *unit)
{
	return strcmp(base_name(unit->device->agent), "fence_holdfast_ipmi") == 0;
}

int fence_unit_find_agent(const char *agent, char ret_path[PATH_MAX], char *why, size_t size)
{
	static const char *const folders[] = {"/usr/libexec/holdfast", "/usr/sbin"};
	char path[PATH_MAX], text[SECRET_WHY];
	int r = -ENOENT;

	if (agent[0] == '/') {
		r = secret_path_check(agent, false, ret_path, text);
		(void)snprintf(why, size, "%s", text);
		return r;
	}
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", folders[i], agent);
		if (access(path, F_OK) < 0)
			continue;
		r = secret_path_check(path, false, ret_path, text);
		(void)snprintf(why, size, "%s", text);
		return r;
	}
	(void)snprintf(why, size, "there is no fence agent %.60s in %s or %s", agent, folders[0],
		       folders[1]);
	return r;
}

/* ---- parameters ---- */

/* Lines for the agent, in the arena. */
struct lines {
	struct secret_arena *arena;
	size_t begin;
	bool full;
};

static void add_bytes(struct lines *lines, const char *data, size_t n)
{
	struct secret_arena *arena = lines->arena;

	if (lines->full || arena->size - arena->used <= n) {
		lines->full = true;
		return;
	}
	memcpy(arena->data + arena->used, data, n);
	arena->used += n;
}

static void add_line(struct lines *lines, const char *pair)
{
	add_bytes(lines, pair, strlen(pair));
	add_bytes(lines, "\n", 1);
}

static bool is_named(const char *pair, const char *name)
{
	size_t n = strlen(name);

	return strncmp(pair, name, n) == 0 && pair[n] == '=';
}

/* Without what stands for where the BMC is. */
static bool left_out(const struct fence_unit *unit, const struct fence_unit_for *what,
		     const char *pair)
{
	if (unit->plug && (is_named(pair, "plug") || is_named(pair, "port")))
		return true;
	if (is_named(pair, "action") || is_named(pair, "option"))
		return true;
	return what->inband && (is_named(pair, "ip") || is_named(pair, "ipaddr") ||
				is_named(pair, "ipport") || is_named(pair, "inband"));
}

static void add_parameters(const struct fence_unit *unit, const struct fence_unit_for *what,
			   struct lines *lines)
{
	add_bytes(lines, "nodename=", 9);
	add_line(lines, what->nodename);
	if (unit->plug) {
		add_bytes(lines, "plug=", 5);
		add_line(lines, unit->plug);
	}
	if (what->inband)
		add_line(lines, "inband=1");
	for (char *const *p = unit->device->parameters; p && *p; p++)
		if (!left_out(unit, what, *p))
			add_line(lines, *p);
}

/* ---- secrets ---- */

__attribute__((format(printf, 2, 3))) static int refuse(char why[SECRET_WHY], const char *format,
							...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(why, SECRET_WHY, format, ap);
	va_end(ap);
	return -EINVAL;
}

/* The first line of the file, straight into the arena. */
static int read_secret(const char *path, struct secret_arena *arena, const char **ret,
		       char why[SECRET_WHY])
{
	char real[PATH_MAX], *value = arena->data + arena->used;
	_cleanup_close_ int fd = -1;
	size_t n = 0, line;
	int r = secret_path_check(path, true, real, why);

	if (r < 0)
		return r;
	if (arena->size - arena->used < SECRET_MAX + 2)
		return refuse(why, "there are too many secrets");
	fd = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return refuse(why, "%.200s: %s", path, strerror(errno));
	while (n < SECRET_MAX + 1) {
		ssize_t got = read(fd, value + n, SECRET_MAX + 1 - n);

		if (got < 0 && errno != EINTR)
			return refuse(why, "%.200s: %s", path, strerror(errno));
		if (got == 0)
			break;
		n += got > 0 ? (size_t)got : 0;
	}
	value[n] = '\0';
	line = strcspn(value, "\n");
	if (line > SECRET_MAX)
		return refuse(why, "the first line of %.200s is longer than %d bytes", path,
			      SECRET_MAX);
	if (line < n && value[line] != '\n')
		return refuse(why, "the first line of %.200s has a NUL byte", path);
	if (line == 0)
		return refuse(why, "the first line of %.200s is empty", path);
	explicit_bzero(value + line, n - line + 1);
	arena->used += line + 1;
	*ret = value;
	return 0;
}

/* "name=file": its value is kept, and its line added later, for the arena has both in a row. */
static int load_secrets(const struct fence_unit *unit, struct secret_arena *arena,
			struct fence_secrets *secrets, const char **values, char why[SECRET_WHY])
{
	char *const *pairs = unit->device->secrets;
	int r;

	for (size_t i = 0; pairs && pairs[i]; i++) {
		const char *file = strchr(pairs[i], '=');

		if (!file || i == FENCE_PARAMETERS_MAX || secrets->n == FENCE_SECRETS_MAX)
			return refuse(why, "there are too many secrets");
		r = read_secret(file + 1, arena, &values[i], why);
		if (r < 0)
			return r;
		secrets->value[secrets->n++] = values[i];
	}
	return 0;
}

int fence_unit_prepare(struct fence_unit *unit, const struct fence_unit_for *what,
		       struct secret_arena *arena, struct fence_secrets *secrets,
		       char why[SECRET_WHY])
{
	const char *values[FENCE_PARAMETERS_MAX] = {NULL};
	char *const *pairs = unit->device->secrets;
	struct lines lines = {.arena = arena};
	int r = fence_unit_find_agent(unit->device->agent, unit->path, why, SECRET_WHY);

	if (r < 0)
		return r;
	unit->kind = fence_unit_kind(unit->device->agent);
	r = load_secrets(unit, arena, secrets, values, why);
	if (r < 0)
		return r;
	lines.begin = arena->used;
	add_parameters(unit, what, &lines);
	for (size_t i = 0; pairs && pairs[i] && values[i]; i++) {
		add_bytes(&lines, pairs[i], strcspn(pairs[i], "=") + 1);
		add_line(&lines, values[i]);
	}
	add_bytes(&lines, "", 1);
	if (lines.full || arena->used - lines.begin > FENCE_INPUT_MAX - 64)
		return refuse(why, "its parameters are too long");
	unit->body = arena->data + lines.begin;
	return 0;
}
