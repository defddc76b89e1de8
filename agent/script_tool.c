/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfastd --script: makes sure that a script is what it should be, and becomes it. */
#include "agent/script.h"

#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sysexits.h>

/* No part of the way to it may lead out of the directory or through a link. */
static int open_script(const char *directory, const char *name)
{
	const struct open_how how = {.flags = O_RDONLY,
				     .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	_cleanup_close_ int folder = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	long fd;

	if (folder < 0)
		return -errno;
	fd = syscall(SYS_openat2, folder, name, &how, sizeof how);
	return fd < 0 ? -errno : (int)fd;
}

static bool is_safe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
	       (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int open_log(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		      0600);
	struct stat st;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		r = -EINVAL;
	else if (dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		r = -errno;
	(void)close(fd);
	return r;
}

int script_main(int argc, char **argv)
{
	char path[32];
	int fd, r;

	if (argc < 3 || argc > 4 || !script_name_valid(argv[2]))
		return EX_USAGE;
	fd = open_script(argv[1], argv[2]);
	if (fd < 0) {
		log_err("%s/%s: %s", argv[1], argv[2], strerror(-fd));
		return fd == -ENOENT ? SCRIPT_REFUSAL_MISSING : SCRIPT_REFUSAL_UNSAFE;
	}
	if (!is_safe(fd)) {
		log_err("%s/%s is not a regular file of root that only root may write", argv[1],
			argv[2]);
		return SCRIPT_REFUSAL_UNSAFE;
	}
	r = argc == 4 ? open_log(argv[3]) : 0;
	if (r < 0) {
		log_err("%s: %s", argv[3], strerror(-r));
		return SCRIPT_REFUSAL_LOG;
	}
	/* by its descriptor: what was looked at is what is run; a script's reader needs it open */
	(void)snprintf(path, sizeof path, "/dev/fd/%d", fd);
	(void)execv(path, (char *[]){argv[2], NULL});
	log_err("%s/%s cannot be executed: %s", argv[1], argv[2], strerror(errno));
	return SCRIPT_REFUSAL_EXEC;
}
