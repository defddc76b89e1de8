/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_MONITOR_REPORT_H
#define HF_AGENT_MONITOR_REPORT_H

/* What the monitor process tells the agent: the newest verdict of each monitor, figures when
 * they are asked for, in batches. If the agent does not read, newer verdicts replace older. */

#include "agent/monitor_worker.h"

void report_verdict(struct monitor *m, const char *text);
/* What waits is not told any more. */
void report_forget(struct monitor *m);
/* The socket has room again. */
void report_room(struct worker *w);
/* Sends what waits; after each turn of the loop. */
int report_flush(sd_event_source *source, void *userdata);

#endif
