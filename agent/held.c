/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/held.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

int held_open(const char *run_directory)
{
	_cleanup_close_ int run = -1;
	int fd;

	run = open(run_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (run < 0)
		return -errno;
	if (mkdirat(run, HELD_DIRECTORY, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(run, HELD_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int held_mark(int fd, const char *resource)
{
	int mark = openat(fd, resource, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (mark < 0)
		return -errno;
	(void)close(mark); /* nothing was written to it */
	return 0;
}

int held_clear(int fd, const char *resource)
{
	if (unlinkat(fd, resource, 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

bool held_is_marked(int fd, const char *resource)
{
	/* What cannot be looked up may be there: the safe answer is yes. */
	return faccessat(fd, resource, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}
