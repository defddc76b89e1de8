/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_WATCHDOG_GUARD_H
#define HF_AGENT_WATCHDOG_GUARD_H

/*
 * When the agent's own watchdog is fed (rules W2 to W4), over a device that may be a test's.
 *
 *   armed --lease over, something not OFFLINE--> silent --new lease, or all OFFLINE--> armed
 *     |                                            |
 *     +------------ guard_reset() ----------------+--> over: never again
 */

#include "agent/watchdog_device.h"

#include "util/time.h"

struct guard_look {
	bool progress; /* the core was stepped since the last look, and nothing is overdue */
	bool quiet;    /* every group here is OFFLINE */
	ha_time lease_until;
};

/* What has changed and is to be said. */
enum guard_news {
	GUARD_SAME,
	GUARD_SILENT,	/* not fed any more */
	GUARD_SERVED,	/* fed again */
	GUARD_FAILING,	/* the device does not take it: `error` */
	GUARD_WORKS,	/* it does again */
	GUARD_DISARMED, /* it was taken over and nobody wants it: closed in good order */
};

struct guard {
	struct watchdog device;
	ha_time (*clock)(void);
	bool armed;
	bool silent;
	bool over;
	bool unwanted;
	unsigned int timeout_s, most_s; /* wanted */
	ha_time fed, next;
	int failure; /* of the last feeding: -errno */
	char error[EVENT_TEXT_SIZE];
};

/* An open device, which counts from now on. */
void guard_init(struct guard *guard, const struct watchdog *device,
		const struct watchdog_times *times, ha_time (*clock)(void));
enum guard_news guard_serve(struct guard *guard, const struct guard_look *look);
/* When guard_serve() is to be called at the latest. */
ha_time guard_deadline(const struct guard *guard);
/* Since it was last fed, and until it resets the machine if it is not. */
uint64_t guard_fed_us(const struct guard *guard, ha_time now);
uint64_t guard_left_us(const struct guard *guard, ha_time now);

/* W5: never fed again, with the shortest time that the device takes. */
void guard_reset(struct guard *guard);
/* The same; and if the device can, the kernel panics a second before. False: it cannot. */
bool guard_panic(struct guard *guard);

/* W4: it is told to stop. The caller knows that this is the end, in good order. */
void guard_close(struct guard *guard);

#endif
