/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/watchdog_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHORTEST_MAX_S 8 /* a device that takes no less keeps the time that it has */

static uint64_t timeout_us(const struct guard *g)
{
	return g->device.timeout_s * USEC_PER_SEC;
}

static void fed(struct guard *g, ha_time now)
{
	g->fed = now;
	g->next = ha_time_add(now, timeout_us(g) / 4);
}

void guard_init(struct guard *guard, const struct watchdog *device,
		const struct watchdog_times *times, ha_time (*clock)(void))
{
	*guard = (struct guard){
		.device = *device,
		.clock = clock,
		.armed = true,
		.timeout_s = times->timeout_s,
		.most_s = times->most_s,
	};
	fed(guard, clock());
	if (device->wanted_s != times->timeout_s)
		guard->next = guard->fed; /* it is given its time as soon as it may be */
}

uint64_t guard_fed_us(const struct guard *guard, ha_time now)
{
	return ha_time_since(now, guard->fed);
}

uint64_t guard_left_us(const struct guard *guard, ha_time now)
{
	uint64_t gone = guard_fed_us(guard, now);

	return gone < timeout_us(guard) ? timeout_us(guard) - gone : 0;
}

/* One that was taken over may have another time: to set it feeds it too, so only now. */
static int feed(struct guard *g)
{
	int r = g->device.wanted_s == g->timeout_s ? watchdog_feed(&g->device)
						   : watchdog_set_timeout(&g->device, g->timeout_s);

	if (r >= 0 && g->most_s && g->device.timeout_s > g->most_s)
		return -ERANGE;
	return r;
}

/* To the shortest time of at least `least_s` that the device takes and that is sooner than now. */
static void shorten(struct guard *g, unsigned int least_s, unsigned int most_s, uint64_t left_us)
{
	unsigned int before = g->device.timeout_s;

	for (unsigned int s = least_s; s <= most_s && s < before; s++) {
		if (s > 1 && s * USEC_PER_SEC > left_us)
			return;
		if (watchdog_set_timeout(&g->device, s) >= 0) {
			fed(g, g->clock());
			return;
		}
	}
}

/*
 * This agent was not run between the look at the clock and the feeding, and has prolonged what it
 * had no right to: the device is given what was left, as near as it counts.
 */
static void fed_too_late(struct guard *g, uint64_t left_us)
{
	unsigned int left_s = (unsigned int)(left_us / USEC_PER_SEC);

	if (left_s < 1)
		left_s = 1;
	fed(g, g->clock());
	if (left_s < g->device.timeout_s && watchdog_set_timeout(&g->device, left_s) >= 0)
		fed(g, g->clock());
}

static enum guard_news say_failure(struct guard *g, int r)
{
	bool said = g->failure < 0;

	g->failure = r;
	(void)snprintf(g->error, sizeof g->error,
		       r == -ERANGE ? "the device takes %u s and more: too long"
				    : "the device cannot be fed within %u s: %s",
		       g->device.timeout_s, strerror(-r));
	return said ? GUARD_SAME : GUARD_FAILING;
}

static enum guard_news feed_now(struct guard *g, const struct guard_look *look)
{
	bool failed = g->failure < 0;
	uint64_t left_us;
	ha_time after;
	int r;

	r = feed(g);
	after = g->clock();
	left_us = guard_left_us(g, after);
	if (!look->quiet && !ha_time_before(after, look->lease_until)) {
		if (r >= 0)
			fed_too_late(g, left_us);
		g->silent = true;
		return GUARD_SILENT;
	}
	if (r >= 0 || r == -ERANGE)
		fed(g, after);
	else
		g->next = ha_time_add(after, timeout_us(g) / 8);
	if (r < 0)
		return say_failure(g, r);
	g->failure = 0;
	g->error[0] = '\0';
	return failed ? GUARD_WORKS : GUARD_SAME;
}

enum guard_news guard_serve(struct guard *guard, const struct guard_look *look)
{
	ha_time now = guard->clock();

	if (!guard->armed || guard->over)
		return GUARD_SAME;
	if (!look->quiet && !ha_time_before(now, look->lease_until)) {
		if (guard->silent)
			return GUARD_SAME;
		guard->silent = true;
		return GUARD_SILENT;
	}
	/* A lease ends the silence too: one begins only when everything is OFFLINE (L8), which may
	 * be over before anybody looks here. */
	if (!look->progress)
		return GUARD_SAME;
	if (guard->unwanted && look->quiet) {
		guard_close(guard);
		return GUARD_DISARMED;
	}
	if (guard->silent) {
		guard->silent = false;
		return feed_now(guard, look) == GUARD_FAILING ? GUARD_FAILING : GUARD_SERVED;
	}
	return ha_time_reached(guard->next, now) ? feed_now(guard, look) : GUARD_SAME;
}

ha_time guard_deadline(const struct guard *guard)
{
	return !guard->armed || guard->over || guard->silent ? HA_TIME_NEVER : guard->next;
}

void guard_reset(struct guard *guard)
{
	if (!guard->armed)
		return;
	guard->over = true;
	shorten(guard, 1, SHORTEST_MAX_S, guard_left_us(guard, guard->clock()));
}

static bool govern(struct guard *g)
{
	static const char governor[] = "panic";
	_cleanup_close_ int fd =
		g->device.io->attribute(g->device.fd, "pretimeout_governor", O_WRONLY);

	return fd >= 0 && write(fd, governor, sizeof governor - 1) == sizeof governor - 1;
}

bool guard_panic(struct guard *guard)
{
	int before_s = 1;

	if (!guard->armed)
		return false;
	guard->over = true;
	/* two seconds at least: one of them is for the panic */
	shorten(guard, 2, SHORTEST_MAX_S, guard_left_us(guard, guard->clock()));
	return (guard->device.options & WDIOF_PRETIMEOUT) && guard->device.timeout_s >= 2 &&
	       govern(guard) &&
	       guard->device.io->ioctl(guard->device.fd, WDIOC_SETPRETIMEOUT, &before_s) >= 0;
}

void guard_close(struct guard *guard)
{
	if (!guard->armed)
		return;
	watchdog_close(&guard->device);
	guard->armed = guard->silent = false;
}
