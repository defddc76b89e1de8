/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who else feeds a watchdog: for the one sentence in which it is refused. */
#include "agent/watchdog_device.h"

#include "util/parse.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define OLD_NAME makedev(10, 130) /* of the device that is watchdog0 too */

struct sought {
	const char *path;
	bool device;	 /* else it is looked for by its path alone */
	dev_t number[2]; /* the first watchdog has two */
};

/* "MAJOR:MINOR", as sysfs tells it. */
static dev_t number_of_first(void)
{
	FILE *f = fopen("/sys/class/watchdog/watchdog0/dev", "re");
	char line[32] = "", *end = line;
	unsigned long a = 0, b = 0;

	if (f && fgets(line, sizeof line, f))
		a = strtoul(line, &end, 10);
	if (f)
		(void)fclose(f);
	if (end == line || *end != ':')
		return 0;
	b = strtoul(end + 1, NULL, 10);
	return makedev((unsigned int)a, (unsigned int)b);
}

static struct sought look_for(const char *path)
{
	struct sought w = {.path = path};
	dev_t first = number_of_first();
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISCHR(st.st_mode))
		return w;
	w.device = true;
	w.number[0] = w.number[1] = st.st_rdev;
	if (first && (st.st_rdev == first || st.st_rdev == OLD_NAME)) {
		w.number[0] = first;
		w.number[1] = OLD_NAME;
	}
	return w;
}

/* Only what lies where devices do is looked at closer: a file of a dead server would hang. */
static bool is_it(const struct sought *w, int directory, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(directory, name, target, sizeof target - 1);
	struct stat st;

	if (n < 0)
		return false;
	target[n] = '\0';
	if (strcmp(target, w->path) == 0)
		return true;
	return w->device && strncmp(target, "/dev/", 5) == 0 &&
	       fstatat(directory, name, &st, 0) == 0 && S_ISCHR(st.st_mode) &&
	       (st.st_rdev == w->number[0] || st.st_rdev == w->number[1]);
}

static bool holds(const struct sought *w, const char *pid)
{
	char path[64];
	const struct dirent *entry;
	bool found = false;
	DIR *fds;

	(void)snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
	fds = opendir(path);
	if (!fds)
		return false;
	while (!found && (entry = readdir(fds)))
		found = is_it(w, dirfd(fds), entry->d_name);
	(void)closedir(fds);
	return found;
}

static void name_process(const char *pid, char *ret, size_t size)
{
	char path[64], name[32] = "a process";
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
	f = fopen(path, "re");
	if (f && fgets(name, sizeof name, f))
		name[strcspn(name, "\n")] = '\0';
	if (f)
		(void)fclose(f);
	(void)snprintf(ret, size, "%s (pid %.20s)", name, pid);
}

bool watchdog_holder(const char *path, char *ret, size_t size)
{
	const struct sought w = look_for(path);
	const struct dirent *entry;
	bool found = false;
	uint64_t pid;
	DIR *proc = opendir("/proc");

	if (!proc)
		return false;
	while (!found && (entry = readdir(proc)))
		if (parse_u64(entry->d_name, 1, INT_MAX, &pid) >= 0 &&
		    (found = holds(&w, entry->d_name)))
			name_process(entry->d_name, ret, size);
	(void)closedir(proc);
	return found;
}
