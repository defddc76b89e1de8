/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TESTS_FUZZ_FILE_H
#define HF_TESTS_FUZZ_FILE_H

/* One file in memory, to be read by the store. */

#include "agent/store_internal.h"

#include <errno.h>
#include <string.h>

struct fuzz_file {
	const uint8_t *bytes;
	size_t n;
};

static int fuzz_file_open(void *userdata, const char *name, int flags)
{
	(void)userdata;
	(void)name;
	(void)flags;
	return 3;
}

static ssize_t fuzz_file_pread(void *userdata, int fd, void *buf, size_t n, uint64_t offset)
{
	const struct fuzz_file *file = userdata;

	(void)fd;
	if (offset >= file->n)
		return 0;
	if (n > file->n - offset)
		n = file->n - offset;
	memcpy(buf, file->bytes + offset, n);
	return (ssize_t)n;
}

static int fuzz_file_size(void *userdata, int fd, uint64_t *ret_bytes)
{
	const struct fuzz_file *file = userdata;

	(void)fd;
	*ret_bytes = file->n;
	return 0;
}

static void fuzz_file_close(void *userdata, int fd)
{
	(void)userdata;
	(void)fd;
}

/* Whatever is not here is not needed for reading. */
static inline void fuzz_file_io(struct store_io *io, struct fuzz_file *file)
{
	*io = (struct store_io){
		.open = fuzz_file_open,
		.pread = fuzz_file_pread,
		.size = fuzz_file_size,
		.close = fuzz_file_close,
		.userdata = file,
	};
}

#endif
