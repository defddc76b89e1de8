/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_WATCHDOG_H
#define HF_AGENT_WATCHDOG_H

/*
 * The agent's own watchdog, agent.watchdog of the configuration (docs/fencing.md, W1 to W5):
 * watchdog_device.c is the device, watchdog_guard.c when it is fed, this is what joins them to the
 * agent.
 */

#include "agent/watchdog_device.h"

#include "util/time.h"

struct agent;

struct watchdog_status {
	const char *device;   /* NULL: none is configured */
	const char *identity; /* what its driver calls itself; "": it is not open */
	uint64_t timeout_us;  /* that it really took */
	uint64_t fed_us;      /* since it was last fed */
	bool armed;	      /* open, and counting */
	bool silent;	      /* not fed: this server will be reset */
	bool nowayout;	      /* it cannot be disarmed */
	const char *error;    /* why it is not armed, or cannot be fed; "" */
};
/* Strings are the agent's, until it changes something. */
void watchdog_status(const struct agent *agent, ha_time now, struct watchdog_status *ret);

/*
 * W1: opens it, or takes over one that the former agent left ticking. Everything is said there.
 * -errno only if something here must not run without one.
 */
_must_check_ int watchdog_start(struct agent *agent);
/* W2, at the end of a turn. `progress`: the core was stepped, and nothing is overdue. */
void watchdog_turn(struct agent *agent, bool progress);
ha_time watchdog_deadline(const struct agent *agent);
/* The agent ends. W4: only if it has left in good order, and holds nothing, is it disarmed. */
void watchdog_end(struct agent *agent);
/* This process is about to execute itself again: the device stays open. */
void watchdog_hand_over(struct agent *agent);

/* Final actions (W5). False: there is none. */
_must_check_ bool watchdog_reset(struct agent *agent);
/* It will not be fed again either; the caller panics too. */
void watchdog_panic(struct agent *agent);

#endif
