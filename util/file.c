/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int file_read_all(int fd, size_t max, char **ret_text, size_t *ret_n)
{
	_cleanup_free_ char *text = malloc(max + 1);
	size_t n = 0;

	if (!text)
		return -ENOMEM;
	while (n < max) {
		ssize_t r = read(fd, text + n, max - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		n += (size_t)r;
	}
	text[n] = '\0';
	*ret_text = TAKE_PTR(text);
	*ret_n = n;
	return 0;
}

int file_write_all(int fd, const void *data, size_t n)
{
	const char *at = data;

	while (n > 0) {
		ssize_t r = write(fd, at, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		at += r;
		n -= (size_t)r;
	}
	return 0;
}

int file_in_memory(const char *name, const void *data, size_t n)
{
	_cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = file_write_all(fd, data, n);
	if (r < 0)
		return r;
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : TAKE_FD(fd);
}

int file_sync_folder(const char *path)
{
	char folder[PATH_MAX];
	_cleanup_close_ int fd = -1;
	char *slash;

	if (snprintf(folder, sizeof folder, "%s", path) >= (int)sizeof folder)
		return -ENAMETOOLONG;
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder ? 1 : 0] = '\0';
	fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}
