/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_MONITOR_H
#define HF_AGENT_MONITOR_H

/*
 * The drivers of monitors, as the agent sees them: orders go to a process of its own
 * ("holdfast-monitor"), verdicts and figures come back. Nothing here waits for it. If it dies it
 * is started again with the same orders, and verdicts stay as they were meanwhile.
 */

#include "agent/config.h"
#include "agent/monitor_plan.h"
#include "include/event.h"

#include <systemd/sd-event.h>

struct monitors;

struct monitors_config {
	sd_event *event;
	int64_t priority; /* of the event sources */
	/* The monitors, and what fipw and userw need. Must stay as long as they do. */
	const struct config *config;
	/* `status` is NORMAL, CAUTION or ERROR of enum monitor_status; ERROR again after each
	 * further round of retries. At most MONITOR_VERDICTS_MAX before settled() is called. */
	void (*verdict)(uint16_t monitor, uint8_t status, const char *text, void *userdata);
	void (*settled)(void *userdata);
	/* The process has died or hung, which is to be said; `again_us`: until another one is
	 * started. No monitor checks meanwhile. */
	void (*died)(const char *text, uint64_t again_us, void *userdata);
	void *userdata;
};

#define MONITOR_VERDICTS_MAX 64

/* Starts the process: call it early, while little is open. */
_must_check_ int monitor_new(const struct monitors_config *config, struct monitors **ret);
/* Ends the process in good order (it may take a moment more); no verdict follows. */
struct monitors *monitor_free(struct monitors *monitors);
/* Ends the process likewise and starts one for another configuration, with the same orders for
 * monitors of the same name. Both configurations must be there. -ENOMEM: nothing has changed. */
_must_check_ int monitor_reconfigure(struct monitors *monitors, const struct config *config);

/* What CORE_ACTION_MONITOR and CORE_ACTION_RATIO say. */
void monitor_order(struct monitors *monitors, uint16_t monitor, bool run, bool failing);
void monitor_ratio(struct monitors *monitors, uint16_t ratio);

/* Figures of the checks of one monitor, a few seconds old at most. */
void monitor_stats(const struct monitors *monitors, uint16_t monitor, struct monitor_stats *ret);
/* Asks for fresh ones, which come in a moment. */
void monitor_stats_refresh(struct monitors *monitors);

ha_time monitor_deadline(const struct monitors *monitors);
void monitor_dispatch(struct monitors *monitors, ha_time now);

/* The process, for tests; 0: there is none now. */
pid_t monitor_pid(const struct monitors *monitors);

#endif
