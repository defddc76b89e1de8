/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_UTIL_SECRET_H
#define HF_UTIL_SECRET_H

/* For programs that hold passwords: no dumps, memory that is wiped, files that only root has. */

#include "util/cleanup.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* This process leaves no core dump, nobody but root looks into it, and memory that it frees is
 * overwritten. What it starts leaves no core dump either. */
void secret_guard_process(void);

/* Locked, left out of dumps, not shared with children, wiped in the end. */
struct secret_arena {
	char *data;
	size_t size;
	size_t used;
};
_must_check_ int secret_arena_open(struct secret_arena *arena, size_t size);
void secret_arena_close(struct secret_arena *arena);

/*
 * Nobody but root can change what `path` names: it and all folders above are root's and not
 * writable by others. `secret`: nor can anybody else read it. 0 and the resolved path; -EINVAL, or
 * -errno of looking at it, with a sentence.
 */
#define SECRET_WHY 320
_must_check_ int secret_path_check(const char *path, bool secret, char ret_path[PATH_MAX],
				   char why[SECRET_WHY]);

#endif
