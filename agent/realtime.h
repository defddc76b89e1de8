/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_REALTIME_H
#define HF_AGENT_REALTIME_H

/* Protection of the loop from a busy machine: scheduling class and memory that stays in RAM. */

#include "util/cleanup.h"

/* Above all normal processes, below the kernel's own real-time threads. */
#define REALTIME_PRIORITY 10

/* SCHED_RR for this process; what it starts later begins as normal processes. -errno. */
_must_check_ int realtime_schedule(void);
/* Undoes it, for what is executed in the place of this process. */
void realtime_end(void);
/* Locks every page that is or will be in use, and brings in those that a failover needs. -errno. */
_must_check_ int realtime_lock_memory(void);

#endif
