/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/realtime.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define STACK_TOUCH_BYTES (128 * 1024)

int realtime_schedule(void)
{
	/* RLIMIT_RTTIME is left alone: its signal would kill an agent that is merely busy. */
	struct sched_param param = {.sched_priority = REALTIME_PRIORITY};

	if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param) < 0)
		return -errno;
	return 0;
}

void realtime_end(void)
{
	const struct sched_param normal = {0};

	(void)sched_setscheduler(0, SCHED_OTHER, &normal); /* always allowed */
	(void)munlockall();
}

static __attribute__((noinline)) void touch_stack(void)
{
	volatile uint8_t page[STACK_TOUCH_BYTES];

	for (size_t i = 0; i < sizeof page; i += 4096)
		page[i] = 0;
}

/* Is this line of /proc/self/maps code that a failover runs through? */
static int is_hot(const char *line, uintptr_t *ret_start, uintptr_t *ret_end)
{
	static const char *const names[] = {"/holdfastd", "/libnl-", "/libc.so", "/libnettle"};
	char *next;
	uintptr_t start = strtoul(line, &next, 16), end;

	if (*next != '-')
		return 0;
	end = strtoul(next + 1, &next, 16);
	if (strncmp(next, " r-x", 4) != 0)
		return 0;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (!strstr(line, names[i]))
			continue;
		*ret_start = start;
		*ret_end = end;
		return 1;
	}
	return 0;
}

/* Code of a rare path is not in memory until it first runs; then a slow disk would delay it. */
static void populate_code(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t start, end;
	char line[512];

	if (!maps)
		return;
	while (fgets(line, sizeof line, maps))
		if (is_hot(line, &start, &end))
			(void)madvise((void *)start, end - start, MADV_POPULATE_READ);
	(void)fclose(maps);
}

int realtime_lock_memory(void)
{
	/* On fault: what is never used, most of the libraries, need not be kept in RAM. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		return -errno;
	touch_stack();
	populate_code();
	return 0;
}
