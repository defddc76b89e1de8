/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/store_internal.h"

#include <errno.h>
#include <unistd.h>

/* A file of its own, so that a test can put the store process into its own one at link time. */
int store_spawn(const struct store_child *child, pid_t *ret_pid)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		store_child_run(child);
	*ret_pid = pid;
	return 0;
}
