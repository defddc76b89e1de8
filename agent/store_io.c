/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The real system calls of the store. */

static int io_open(void *userdata, const char *name, int flags)
{
	int fd = openat(*(const int *)userdata, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return -EINVAL;
	}
	return fd;
}

static ssize_t io_pread(void *userdata, int fd, void *buf, size_t n, uint64_t offset)
{
	ssize_t r = pread(fd, buf, n, (off_t)offset);

	(void)userdata;
	return r < 0 ? -errno : r;
}

static ssize_t io_pwrite(void *userdata, int fd, const void *buf, size_t n, uint64_t offset)
{
	ssize_t r = pwrite(fd, buf, n, (off_t)offset);

	(void)userdata;
	return r < 0 ? -errno : r;
}

static int io_sync(void *userdata, int fd)
{
	(void)userdata;
	return fdatasync(fd) < 0 ? -errno : 0;
}

static int io_size(void *userdata, int fd, uint64_t *ret_bytes)
{
	struct stat st;

	(void)userdata;
	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

static int io_rename(void *userdata, const char *from, const char *to)
{
	int directory = *(const int *)userdata;

	return renameat(directory, from, directory, to) < 0 ? -errno : 0;
}

static int io_link(void *userdata, const char *from, const char *to)
{
	int directory = *(const int *)userdata;

	return linkat(directory, from, directory, to, 0) < 0 ? -errno : 0;
}

static int io_sync_directory(void *userdata)
{
	return fsync(*(const int *)userdata) < 0 ? -errno : 0;
}

static void io_close(void *userdata, int fd)
{
	(void)userdata;
	(void)close(fd); /* what matters was synced before */
}

void store_io_init(struct store_io *io, const int *directory_fd)
{
	*io = (struct store_io){
		.open = io_open,
		.pread = io_pread,
		.pwrite = io_pwrite,
		.sync = io_sync,
		.size = io_size,
		.rename = io_rename,
		.link = io_link,
		.sync_directory = io_sync_directory,
		.close = io_close,
		.userdata = (void *)directory_fd,
	};
}

void store_file_close(const struct store_file *file)
{
	if (file->fd >= 0)
		file->io->close(file->io->userdata, file->fd);
}

int store_io_read(const struct store_io *io, int fd, void *buf, size_t n, uint64_t offset)
{
	uint8_t *p = buf;

	while (n > 0) {
		ssize_t r = io->pread(io->userdata, fd, p, n, offset);

		if (r == -EINTR)
			continue;
		if (r < 0)
			return (int)r;
		if (r == 0)
			return -EIO;
		p += r;
		n -= (size_t)r;
		offset += (uint64_t)r;
	}
	return 0;
}

int store_io_write(const struct store_io *io, int fd, const void *buf, size_t n, uint64_t offset)
{
	const uint8_t *p = buf;

	while (n > 0) {
		ssize_t r = io->pwrite(io->userdata, fd, p, n, offset);

		if (r == -EINTR)
			continue;
		if (r < 0)
			return (int)r;
		if (r == 0)
			return -EIO;
		p += r;
		n -= (size_t)r;
		offset += (uint64_t)r;
	}
	return 0;
}
