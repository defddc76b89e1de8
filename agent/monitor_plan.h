/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_MONITOR_PLAN_H
#define HF_AGENT_MONITOR_PLAN_H

/*
 * When a monitor checks and what its checks mean: first wait, interval, time limit, retries
 * (docs/operations.md, M1 and M3). And the figures of its checks. Pure: the worker does the checks.
 */

#include "include/cluster.h"
#include "util/time.h"

/* The first checks of many monitors that begin at once are spread over so much at most. */
#define MONITOR_SPREAD_US USEC_PER_SEC
/* News of the kernel make a check come at once, but not more often than this. */
#define MONITOR_HURRY_US (100 * USEC_PER_MSEC)

struct monitor_plan_config {
	uint64_t interval_us, timeout_us, first_wait_us;
	uint8_t retries;
	bool retry_on_timeout, recover_on_timeout;
	uint16_t place; /* among all monitors: where in the interval it checks */
};

enum monitor_outcome { MONITOR_FAILED, MONITOR_GOOD, MONITOR_TIMED_OUT };

/*
 *   stopped --run--> waiting --due--> checking --end--> waiting ...
 *   any --stop--> stopped; time limit of a check: the worker ends it as MONITOR_TIMED_OUT
 */
enum monitor_phase { MONITOR_STOPPED, MONITOR_WAITING, MONITOR_CHECKING };

struct monitor_plan {
	struct monitor_plan_config config;
	enum monitor_phase phase;
	uint16_t ratio;		    /* of the time limit */
	ha_time due;		    /* of the next check; of the one in progress, by the schedule */
	ha_time started;	    /* the check in progress, or the last one */
	bool first;		    /* waits for its first check */
	uint16_t failures;	    /* of this round of retries */
	enum monitor_status status; /* OFFLINE: nothing is known yet */
};

void monitor_plan_init(struct monitor_plan *plan, const struct monitor_plan_config *config);
/* Begins anew, with the first wait or without it. */
void monitor_plan_run(struct monitor_plan *plan, bool wait, ha_time now);
void monitor_plan_stop(struct monitor_plan *plan);
void monitor_plan_ratio(struct monitor_plan *plan, uint16_t ratio);
/* Something has changed: check soon. Not before the first check. */
void monitor_plan_hurry(struct monitor_plan *plan, ha_time now);

/* When there is something to do: begin a check, or end one that takes too long. */
ha_time monitor_plan_deadline(const struct monitor_plan *plan);
/* The time limit of one check. */
uint64_t monitor_plan_limit_us(const struct monitor_plan *plan);
/* A check starts. Returns how late it is. */
uint64_t monitor_plan_begin(struct monitor_plan *plan, ha_time now);
/* It ended. True: `plan->status` is to be told, with the reason of this check. */
bool monitor_plan_end(struct monitor_plan *plan, enum monitor_outcome outcome, ha_time now);

/* Figures of the checks since the worker began. */
struct monitor_stats {
	uint64_t checks, failures, timeouts;
	uint64_t late;	/* checks that began late: the worker was busy */
	uint64_t stuck; /* processes given up, for they cannot be killed */
	uint64_t late_max_us;
	uint64_t last_us, min_us, mean_us, max_us;
	uint64_t p99_us; /* of the last few thousand; at most an eighth too large */
};

#define MONITOR_DURATIONS 256
struct monitor_durations {
	struct monitor_stats stats; /* without mean and p99 */
	uint64_t sum_us;
	uint32_t n; /* in `count` */
	uint16_t count[MONITOR_DURATIONS];
};

void monitor_stats_add(struct monitor_durations *d, enum monitor_outcome outcome, uint64_t us);
/* `late_us` of a check with this interval. */
void monitor_stats_late(struct monitor_durations *d, uint64_t late_us, uint64_t interval_us);
void monitor_stats_get(const struct monitor_durations *d, struct monitor_stats *ret);

#endif
