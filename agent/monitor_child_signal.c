/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/monitor_child.h"

#include <errno.h>
#include <signal.h>

int child_signal(pid_t pid, int number)
{
	/* Right after the fork it may not have made its own group yet. */
	if (kill(-pid, number) < 0 && kill(pid, number) < 0)
		return -errno;
	return 0;
}
