/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_HELD_H
#define HF_AGENT_HELD_H

/*
 * Which exec resources may be running on this machine, for the next agent if this one dies: one
 * empty file a resource in a directory below /run, which a reboot empties as it ends what ran.
 * Each mark is one atomic system call, so there is no half-written state.
 */

#include "util/cleanup.h"

#include <stdbool.h>

#define HELD_DIRECTORY "held" /* in the run directory */

/* Opens (makes) the directory: a descriptor, -errno. */
_must_check_ int held_open(const char *run_directory);
/* Before a start. -errno: it must not be started. */
_must_check_ int held_mark(int fd, const char *resource);
/* After a confirmed stop. */
_must_check_ int held_clear(int fd, const char *resource);
bool held_is_marked(int fd, const char *resource);

#endif
