/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/clock.h"

#include <time.h>

static uint64_t read_us(clockid_t id)
{
	struct timespec ts = {0};

	(void)clock_gettime(id, &ts); /* cannot fail for these two clocks */
	return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

ha_time clock_boot(void)
{
	return (ha_time){read_us(CLOCK_BOOTTIME)};
}

uint64_t clock_wall_us(void)
{
	return read_us(CLOCK_REALTIME);
}
