/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Orders and readings.
 *
 *            order              read off        read off again
 *   begin ---------> reading ------------> seen ---------------> CONFIRMED_OFF
 *                    |     ^                |
 *      order again   |     +----------------+ on, or no answer: count from the beginning
 *      after again_us+
 *   the end of power_timeout, or an error that trying again cannot cure: NOT_CONFIRMED
 *
 * An answer to an order is never a proof, and no answer to a reading is no reading.
 */
#include "fence/act.h"

#include <string.h>

#define READINGS_OFF	 2	      /* by sessions of their own */
#define SESSION_LEAST_US USEC_PER_SEC /* of one that begins shortly before the end */

struct off {
	struct fence_act *act;
	enum fence_order how;
	ha_time until;
	ha_time order_due;
	unsigned int seen;    /* readings of off in a row */
	unsigned int flipped; /* times that it was on again after off */
	bool accepted;	      /* an order was, at least once */
	bool was_on;	      /* a reading said on */
};

static ha_time now(const struct fence_act *act)
{
	return act->now(act->userdata);
}

static void trace(const struct fence_act *act, const char *what, const char *more)
{
	char line[FENCE_ERROR_SIZE + 64];

	if (!act->trace)
		return;
	(void)snprintf(line, sizeof line, "%s%s%s", what, more[0] ? ": " : "", more);
	act->trace(act->userdata, line);
}

static ha_time session_end(const struct fence_act *act, ha_time until)
{
	return ha_time_max(until, ha_time_add(now(act), SESSION_LEAST_US));
}

/* Sleeps, but not beyond `until`. */
static void pause_until(const struct fence_act *act, uint64_t us, ha_time until)
{
	uint64_t left = ha_time_since(until, now(act));

	if (us > left)
		us = left;
	if (us > 0)
		act->sleep(act->userdata, us);
}

static int give_order(const struct fence_act *act, enum fence_order order, ha_time until,
		      struct fence_error *error)
{
	static const char *const names[] = {
		[FENCE_ORDER_OFF] = "order off",     [FENCE_ORDER_ON] = "order on",
		[FENCE_ORDER_RESET] = "order reset", [FENCE_ORDER_CYCLE] = "order cycle",
		[FENCE_ORDER_DIAG] = "order diag",   [FENCE_ORDER_SOFT] = "order soft",
	};
	int r;

	error->final = false;
	r = act->driver->order(act->device, order, session_end(act, until), error);
	trace(act, names[order], r < 0 ? error->text : "accepted");
	return r;
}

static int take_reading(const struct fence_act *act, ha_time until, enum fence_power *ret_power,
			struct fence_error *error)
{
	enum fence_power power = FENCE_POWER_UNKNOWN;
	int r;

	error->final = false;
	r = act->driver->read(act->device, session_end(act, until), &power, error);
	if (r >= 0 && power != FENCE_POWER_ON && power != FENCE_POWER_OFF)
		r = fence_fail(error, false, "the device said neither on nor off");
	trace(act, "state", r < 0 ? error->text : power == FENCE_POWER_OFF ? "off" : "on");
	if (r < 0)
		return r;
	*ret_power = power;
	return 0;
}

int fence_act_read(struct fence_act *act, enum fence_power *ret_power, struct fence_error *error)
{
	return take_reading(act, ha_time_add(now(act), act->timing.power_timeout_us), ret_power,
			    error);
}

/* Orders, if it is time for it. An order that is refused may still have been needless. */
static int order_off(struct off *off, struct fence_error *error)
{
	struct fence_act *act = off->act;
	int r;

	if (!ha_time_reached(off->order_due, now(act)))
		return 0;
	r = give_order(act, off->how, off->until, error);
	if (r < 0 && error->final)
		return r;
	if (r < 0) {
		off->order_due = now(act);
		return 0;
	}
	/* A second press of the soft button, or another cycle, would undo the first. */
	off->order_due = off->how == FENCE_ORDER_OFF ? ha_time_add(now(act), act->timing.again_us)
						     : HA_TIME_NEVER;
	if (!off->accepted)
		pause_until(act, act->timing.power_wait_us, off->until);
	off->accepted = true;
	return 0;
}

/* One round. 1: confirmed; 0: not yet; negative: never. */
static int round_off(struct off *off, struct fence_error *error)
{
	struct fence_act *act = off->act;
	enum fence_power power;
	int r = order_off(off, error);

	if (r < 0)
		return r;
	r = take_reading(act, off->until, &power, error);
	if (r < 0) {
		off->seen = 0;
		return error->final ? r : 0;
	}
	if (power == FENCE_POWER_OFF)
		return ++off->seen >= READINGS_OFF;
	off->was_on = true;
	if (off->seen > 0 && off->how == FENCE_ORDER_CYCLE)
		return 1;
	if (off->seen > 0) {
		off->flipped++;
		off->order_due = off->how == FENCE_ORDER_OFF ? now(act) : off->order_due;
	}
	off->seen = 0;
	return 0;
}

/* Why it is not confirmed, if the last round left no error of its own. */
static void explain(const struct off *off, struct fence_error *error)
{
	double seconds = (double)off->act->timing.power_timeout_us / USEC_PER_SEC;
	char last[FENCE_ERROR_SIZE];

	memcpy(last, error->text, sizeof last);
	if (off->flipped > 0)
		(void)fence_fail(
			error, false,
			"not confirmed off: power read off, then on again, %u time%s in %g s",
			off->flipped, off->flipped == 1 ? "" : "s", seconds);
	else if (off->accepted && last[0] == '\0' && off->how == FENCE_ORDER_CYCLE)
		(void)fence_fail(
			error, false,
			"not confirmed: the cycle was accepted, but power was never read as "
			"off in %g s",
			seconds);
	else if (off->accepted && last[0] == '\0')
		(void)fence_fail(
			error, false,
			"not confirmed off: the order was accepted, but power %s after %g s",
			off->seen > 0 ? "read off only once" : "is on", seconds);
	else
		(void)fence_fail(error, false, "not confirmed off after %g s: %.250s", seconds,
				 last[0] ? last : "no order was accepted");
}

static uint64_t pause_of(const struct off *off, const struct fence_error *error)
{
	const struct fence_timing *t = &off->act->timing;

	if (off->seen > 0)
		return t->confirm_us;
	return error->text[0] && t->fail_us > t->poll_us ? t->fail_us : t->poll_us;
}

enum fence_proof fence_act_off(struct fence_act *act, enum fence_order how,
			       struct fence_error *error)
{
	struct off off = {
		.act = act,
		.how = how,
		.until = ha_time_add(now(act), act->timing.power_timeout_us),
		.order_due = now(act),
	};

	for (;;) {
		int r;

		error->text[0] = '\0';
		r = round_off(&off, error);
		if (r > 0)
			return FENCE_CONFIRMED_OFF;
		if (r < 0)
			return FENCE_NOT_CONFIRMED;
		if (ha_time_reached(off.until, now(act)))
			break;
		pause_until(act, pause_of(&off, error), off.until);
	}
	explain(&off, error);
	return FENCE_NOT_CONFIRMED;
}

/* One attempt. */
static int attempt_on(struct fence_act *act, struct fence_error *error)
{
	ha_time until = ha_time_add(now(act), act->timing.power_timeout_us);
	bool accepted = false;

	for (;;) {
		enum fence_power power;
		int r = 0;

		if (!accepted) {
			r = give_order(act, FENCE_ORDER_ON, until, error);
			accepted = r >= 0;
			if (accepted)
				pause_until(act, act->timing.power_wait_us, until);
			else if (error->final)
				return r;
		}
		r = take_reading(act, until, &power, error);
		if (r >= 0 && power == FENCE_POWER_ON)
			return 0;
		if (r < 0 && error->final)
			return r;
		if (ha_time_reached(until, now(act)))
			return r < 0 ? r
				     : fence_fail(error, false, "power is off after %g s",
						  (double)act->timing.power_timeout_us /
							  USEC_PER_SEC);
		pause_until(act,
			    (r < 0 || !accepted) && act->timing.fail_us > act->timing.poll_us
				    ? act->timing.fail_us
				    : act->timing.poll_us,
			    until);
	}
}

int fence_act_on(struct fence_act *act, struct fence_error *error)
{
	int r = -1;

	for (unsigned int i = 0; r < 0 && i <= act->timing.retry_on; i++) {
		r = attempt_on(act, error);
		if (r < 0 && error->final)
			break;
	}
	return r;
}

int fence_act_order(struct fence_act *act, enum fence_order order, struct fence_error *error)
{
	ha_time until = ha_time_add(now(act), act->timing.power_timeout_us);
	enum fence_power power;
	int r = give_order(act, order, until, error);

	if (r < 0)
		return r;
	pause_until(act, act->timing.power_wait_us, until);
	return take_reading(act, until, &power, error);
}
