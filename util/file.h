/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_UTIL_FILE_H
#define HF_UTIL_FILE_H

/* Whole files, by programs that may wait for a disk. */

#include "util/cleanup.h"

#include <stddef.h>

/*
 * Reads on to the end, but `max` bytes at most: ask for one more than is allowed to see that it is
 * too much. *ret_text is allocated, with a NUL behind its *ret_n bytes. -errno, -ENOMEM.
 */
_must_check_ int file_read_all(int fd, size_t max, char **ret_text, size_t *ret_n);
/* -errno: an unknown part of it was written. */
_must_check_ int file_write_all(int fd, const void *data, size_t n);
/*
 * A new file in memory with this content, to be read from its start by a process that gets the
 * descriptor; `name` is shown in /proc. -errno.
 */
_must_check_ int file_in_memory(const char *name, const void *data, size_t n);
/* Makes the entry of `path` in its folder survive a power loss. -errno. */
_must_check_ int file_sync_folder(const char *path);

#endif
