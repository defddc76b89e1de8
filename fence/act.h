/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_FENCE_ACT_H
#define HF_FENCE_ACT_H

/* The order of orders and readings. Pure: device, clock and sleep are given. */

#include "fence/api.h"

struct fence_timing {
	uint64_t power_timeout_us; /* for a state to be reached */
	uint64_t power_wait_us;	   /* after an order, before the first reading */
	uint64_t poll_us;	   /* between readings that do not show the state */
	uint64_t fail_us;	   /* after an order or a reading that failed */
	uint64_t confirm_us;	   /* between the two readings that confirm it */
	uint64_t again_us;	   /* an order without effect is repeated after this */
	unsigned int retry_on;	   /* further attempts to power on */
};

struct fence_act {
	const struct fence_driver *driver;
	void *device;
	struct fence_timing timing;
	ha_time (*now)(void *userdata);
	void (*sleep)(void *userdata, uint64_t us);
	/* May be NULL: a line of --verbose. */
	void (*trace)(void *userdata, const char *line);
	void *userdata;
};

/*
 * Orders `how` (OFF, SOFT or CYCLE) and reads the state until two readings in a row, by sessions
 * of their own, say off. For CYCLE, off and then on will do: power was lost. Everything else,
 * whatever it is, is FENCE_NOT_CONFIRMED, with the reason.
 */
_must_check_ enum fence_proof fence_act_off(struct fence_act *act, enum fence_order how,
					    struct fence_error *error);
/* Orders on and reads until it is on. */
_must_check_ int fence_act_on(struct fence_act *act, struct fence_error *error);
/* RESET, DIAG: the order was accepted and the device still answers. No proof of anything. */
_must_check_ int fence_act_order(struct fence_act *act, enum fence_order order,
				 struct fence_error *error);
_must_check_ int fence_act_read(struct fence_act *act, enum fence_power *ret_power,
				struct fence_error *error);

#endif
