/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_UTIL_TIME_H
#define HF_UTIL_TIME_H

/*
 * An instant is a type of its own, so that the compiler refuses to mix it with durations, which
 * are plain `uint64_t ..._us`. Instants are on the boot-time clock (CLOCK_BOOTTIME) of one node:
 * they mean nothing on another one and are only ever compared with instants of the same clock.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct {
	uint64_t us;
} ha_time;

#define USEC_PER_MSEC 1000ULL
#define USEC_PER_SEC  1000000ULL
#define HA_TIME_NEVER ((ha_time){UINT64_MAX})
#define HA_TIME_ZERO  ((ha_time){0})

static inline bool ha_time_before(ha_time a, ha_time b)
{
	return a.us < b.us;
}

/* `t` is now or past. */
static inline bool ha_time_reached(ha_time t, ha_time now)
{
	return t.us <= now.us;
}

/* Saturates at HA_TIME_NEVER. */
static inline ha_time ha_time_add(ha_time t, uint64_t us)
{
	return us > UINT64_MAX - t.us ? HA_TIME_NEVER : (ha_time){t.us + us};
}

/* `later - earlier` in microseconds; 0 if `later` is the earlier one. */
static inline uint64_t ha_time_since(ha_time later, ha_time earlier)
{
	return later.us > earlier.us ? later.us - earlier.us : 0;
}

static inline ha_time ha_time_min(ha_time a, ha_time b)
{
	return a.us < b.us ? a : b;
}

static inline ha_time ha_time_max(ha_time a, ha_time b)
{
	return a.us > b.us ? a : b;
}

#endif
