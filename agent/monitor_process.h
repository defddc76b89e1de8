/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_MONITOR_PROCESS_H
#define HF_AGENT_MONITOR_PROCESS_H

#include "agent/monitor_parse.h"
#include "agent/monitor_worker.h"

/* /proc/PID/stat. -ENOENT, -ESRCH: there is no such process; -EBADMSG. */
_must_check_ int process_read_stat(int32_t pid, struct proc_stat *ret);

#endif
