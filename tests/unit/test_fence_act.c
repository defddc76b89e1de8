/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Orders and readings against devices that lie, hang, flip and fail, on a virtual clock. */
#include "fence/act.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define SEC	USEC_PER_SEC
#define FOREVER (3600 * SEC)

/* A machine and its controller. */
struct machine {
	ha_time now;
	bool on;
	bool obeys;		 /* does what it is ordered */
	bool refuses;		 /* answers an order with an error that is not final */
	bool no_password;	 /* answers everything with a final error */
	uint64_t off_after;	 /* an order of off takes this long */
	uint64_t on_again_after; /* and it is on again after this; 0: never */
	ha_time off_at, on_at;
	uint64_t session_us;   /* each session takes this */
	uint64_t silent_until; /* no answers before */
	unsigned int unknown;  /* readings that say neither */
	unsigned int orders, readings, fail_readings;
	unsigned int fail_at; /* this reading is lost */
	bool no_privilege;    /* may read, may not order */
	enum fence_order last;
	bool reads_off_once; /* the first reading is wrong */
};

static void settle(struct machine *m)
{
	if (ha_time_reached(m->off_at, m->now)) {
		m->on = false;
		m->on_at = m->on_again_after ? ha_time_add(m->off_at, m->on_again_after)
					     : HA_TIME_NEVER;
		m->off_at = HA_TIME_NEVER;
	}
	if (ha_time_reached(m->on_at, m->now)) {
		m->on = true;
		m->on_at = HA_TIME_NEVER;
	}
}

static int session(struct machine *m, ha_time until, struct fence_error *error)
{
	if (m->now.us < m->silent_until) {
		m->now = ha_time_min(ha_time_add(m->now, 5 * SEC), ha_time_max(until, m->now));
		return fence_fail(error, false, "timed out");
	}
	m->now = ha_time_add(m->now, m->session_us);
	settle(m);
	return m->no_password ? fence_fail(error, true, "wrong password") : 0;
}

static int do_order(void *device, enum fence_order order, ha_time until, struct fence_error *error)
{
	struct machine *m = device;
	int r = session(m, until, error);

	if (r < 0)
		return r;
	m->orders++;
	if (m->no_privilege)
		return fence_fail(error, true, "no privilege");
	m->last = order;
	if (m->refuses)
		return fence_fail(error, false, "refused");
	if (!m->obeys)
		return 0;
	if (order == FENCE_ORDER_ON)
		m->on_at = m->now;
	else if (order != FENCE_ORDER_RESET && order != FENCE_ORDER_DIAG)
		m->off_at = ha_time_add(m->now, m->off_after);
	settle(m);
	return 0;
}

static int do_read(void *device, ha_time until, enum fence_power *ret, struct fence_error *error)
{
	struct machine *m = device;
	int r = session(m, until, error);

	if (r < 0)
		return r;
	m->readings++;
	if (m->readings == m->fail_at)
		return fence_fail(error, false, "lost");
	if (m->fail_readings > 0 && m->fail_readings-- > 0)
		return fence_fail(error, false, "lost");
	if (m->unknown > 0 && m->unknown-- > 0)
		return 0;
	*ret = m->on && !(m->reads_off_once && m->readings == 1) ? FENCE_POWER_ON : FENCE_POWER_OFF;
	return 0;
}

static const struct fence_driver driver = {.name = "machine", .read = do_read, .order = do_order};

static ha_time machine_now(void *userdata)
{
	return ((struct machine *)userdata)->now;
}

static void machine_sleep(void *userdata, uint64_t us)
{
	struct machine *m = userdata;

	assert_true(us > 0);
	m->now = ha_time_add(m->now, us);
	settle(m);
}

static struct machine sound(void)
{
	return (struct machine){
		.now = {1000 * SEC},
		.on = true,
		.obeys = true,
		.off_at = HA_TIME_NEVER,
		.on_at = HA_TIME_NEVER,
		.session_us = SEC / 100,
	};
}

static struct fence_act act_on(struct machine *m)
{
	return (struct fence_act){
		.driver = &driver,
		.device = m,
		.timing = {.power_timeout_us = 20 * SEC,
			   .poll_us = SEC / 4,
			   .fail_us = SEC,
			   .confirm_us = SEC / 2,
			   .again_us = 5 * SEC,
			   .retry_on = 1},
		.now = machine_now,
		.sleep = machine_sleep,
		.userdata = m,
	};
}

static void sound_device(void **state)
{
	struct machine m = sound();
	struct fence_act act = act_on(&m);
	struct fence_error error;

	(void)state;
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_OFF, &error), FENCE_CONFIRMED_OFF);
	assert_int_equal(m.orders, 1);
	assert_int_equal(m.readings, 2);
	assert_true(m.now.us < 1001 * SEC);
	assert_true(fence_act_on(&act, &error) == 0 && m.on);
	assert_int_equal(m.orders, 2);
}

static void late_device(void **state)
{
	struct machine m = sound();
	struct fence_act act = act_on(&m);
	struct fence_error error;

	(void)state;
	m.off_after = 4 * SEC;
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_OFF, &error), FENCE_CONFIRMED_OFF);
	assert_true(m.now.us >= 1004 * SEC && m.now.us < 1006 * SEC && m.orders == 1);
}

/* Says ok and stays on: ordered again and again, never confirmed, over in time. */
static void lying_device(void **state)
{
	struct machine m = sound();
	struct fence_act act = act_on(&m);
	struct fence_error error;

	(void)state;
	m.obeys = false;
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_OFF, &error), FENCE_NOT_CONFIRMED);
	assert_non_null(strstr(error.text, "accepted, but power is on"));
	assert_int_equal(m.orders, 4);
	assert_true(m.now.us >= 1020 * SEC && m.now.us < 1021 * SEC);
}

/* Off for less than the time between two readings: each time it comes back. */
static void flipping_device(void **state)
{
	struct machine m = sound();
	struct fence_act act = act_on(&m);
	struct fence_error error;

	(void)state;
	m.on_again_after = SEC / 4;
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_OFF, &error), FENCE_NOT_CONFIRMED);
	assert_non_null(strstr(error.text, "then on again"));
	assert_true(m.orders > 10);
}

/* One reading is not enough, whoever made it wrong. */
static void one_wrong_reading(void **state)
{
	struct machine m = sound();
	struct fence_act act = act_on(&m);
	struct fence_error error;

	(void)state;
	m.obeys = false;
	m.reads_off_once = true;
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_OFF, &error), FENCE_NOT_CONFIRMED);
}

/* Off, no answer, off: the two readings are not in a row. */
static void lost_reading_between(void **state)
{
	struct machine m = sound();
	struct fence_act act = act_on(&m);
	struct fence_error error;
	enum fence_power power = FENCE_POWER_UNKNOWN;

	(void)state;
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_OFF, &error), FENCE_CONFIRMED_OFF);
	m.readings = 0;
	m.fail_at = 2;
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_OFF, &error), FENCE_CONFIRMED_OFF);
	assert_int_equal(m.readings, 4);
	m.fail_readings = 1;
	assert_true(fence_act_read(&act, &power, &error) < 0 && power == FENCE_POWER_UNKNOWN);
}

static void silent_device(void **state)
{
	struct machine m = sound();
	struct fence_act act = act_on(&m);
	struct fence_error error;

	(void)state;
	m.silent_until = FOREVER;
	m.on = false; /* it is off, but nobody can know */
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_OFF, &error), FENCE_NOT_CONFIRMED);
	assert_non_null(strstr(error.text, "timed out"));
	assert_true(m.now.us >= 1020 * SEC && m.now.us <= 1022 * SEC);
	m = sound();
	m.silent_until = 1008 * SEC; /* it was only starting */
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_OFF, &error), FENCE_CONFIRMED_OFF);
}

static void final_errors(void **state)
{
	struct machine m = sound();
	struct fence_act act = act_on(&m);
	struct fence_error error;

	(void)state;
	m.no_password = true;
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_OFF, &error), FENCE_NOT_CONFIRMED);
	assert_string_equal(error.text, "wrong password");
	assert_true(m.now.us < 1001 * SEC);
	assert_true(fence_act_on(&act, &error) < 0);
	assert_true(m.now.us < 1001 * SEC);
	m = sound();
	m.no_privilege = true;
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_OFF, &error), FENCE_NOT_CONFIRMED);
	assert_string_equal(error.text, "no privilege");
	assert_true(m.now.us < 1001 * SEC);
}

/* A BMC refuses off when it is off: the readings decide. */
static void needless_order(void **state)
{
	struct machine m = sound();
	struct fence_act act = act_on(&m);
	struct fence_error error;

	(void)state;
	m.refuses = true;
	m.on = false;
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_OFF, &error), FENCE_CONFIRMED_OFF);
	m.on = true;
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_OFF, &error), FENCE_NOT_CONFIRMED);
	assert_non_null(strstr(error.text, "not confirmed off after 20 s: refused"));
}

/* A reading that succeeds without a state is none. */
static void unknown_state(void **state)
{
	struct machine m = sound();
	struct fence_act act = act_on(&m);
	struct fence_error error;

	(void)state;
	m.unknown = 1000;
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_OFF, &error), FENCE_NOT_CONFIRMED);
	assert_non_null(strstr(error.text, "neither on nor off"));
}

static void soft_and_cycle(void **state)
{
	struct machine m = sound();
	struct fence_act act = act_on(&m);
	struct fence_error error;

	(void)state;
	m.off_after = 12 * SEC;
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_SOFT, &error), FENCE_CONFIRMED_OFF);
	assert_true(m.orders == 1 && m.last == FENCE_ORDER_SOFT); /* pressed once */
	m = sound();
	m.on_again_after = SEC;
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_CYCLE, &error), FENCE_CONFIRMED_OFF);
	assert_int_equal(m.orders, 1);
	m = sound();
	m.on_again_after = SEC / 3; /* off and on: two readings that show it lost power */
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_CYCLE, &error), FENCE_CONFIRMED_OFF);
	m = sound();
	m.obeys = false;
	assert_int_equal(fence_act_off(&act, FENCE_ORDER_CYCLE, &error), FENCE_NOT_CONFIRMED);
	assert_non_null(strstr(error.text, "never read as off"));
}

static void reset_and_on(void **state)
{
	struct machine m = sound();
	struct fence_act act = act_on(&m);
	struct fence_error error;

	(void)state;
	assert_int_equal(fence_act_order(&act, FENCE_ORDER_RESET, &error), 0);
	assert_true(m.orders == 1 && m.last == FENCE_ORDER_RESET && m.readings == 1);
	m.refuses = true;
	assert_true(fence_act_order(&act, FENCE_ORDER_DIAG, &error) < 0);
	m = sound();
	m.on = m.obeys = false; /* accepted, stays off: two attempts of power_timeout each */
	assert_true(fence_act_on(&act, &error) < 0);
	assert_true(m.now.us >= 1040 * SEC && m.now.us < 1042 * SEC && m.orders == 2);
	assert_non_null(strstr(error.text, "power is off"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_device),	     cmocka_unit_test(late_device),
		cmocka_unit_test(lying_device),	     cmocka_unit_test(flipping_device),
		cmocka_unit_test(one_wrong_reading), cmocka_unit_test(lost_reading_between),
		cmocka_unit_test(silent_device),     cmocka_unit_test(final_errors),
		cmocka_unit_test(needless_order),    cmocka_unit_test(unknown_state),
		cmocka_unit_test(soft_and_cycle),    cmocka_unit_test(reset_and_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
