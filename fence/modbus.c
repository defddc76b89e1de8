/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fence_holdfast_modbus: power strips and relays, by libmodbus. */
#include "fence/modbus.h"

#include "util/clock.h"

#include <modbus/modbus.h>

#include <errno.h>
#include <string.h>
#include <time.h>

struct modbus {
	struct fence_modbus_settings set;
	bool late; /* an answer that was waited for in vain may still come */
};

#define WAIT_MIN_US (50 * USEC_PER_MSEC)

static int modbus_check(const struct fence_args *args, void *device, struct fence_error *error)
{
	return fence_modbus_settings(args, &((struct modbus *)device)->set, error);
}

static const char *where(const struct modbus *m)
{
	return m->set.ip ? m->set.ip : m->set.serial;
}

static void drop(modbus_t **ctx)
{
	if (!*ctx)
		return;
	modbus_close(*ctx);
	modbus_free(*ctx);
	*ctx = NULL;
}

/* At most `us`, and not beyond `until`. */
static void limit_wait(modbus_t *ctx, ha_time until, uint64_t us)
{
	uint64_t left = ha_time_since(until, clock_boot());

	if (left > us)
		left = us;
	if (left < WAIT_MIN_US)
		left = WAIT_MIN_US;
	(void)modbus_set_response_timeout(ctx, (uint32_t)(left / USEC_PER_SEC),
					  (uint32_t)(left % USEC_PER_SEC));
}

/*
 * On a serial line answers have no number: one that comes late would be taken for the answer to
 * the next question, about another outlet. So after silence the line is left alone, and emptied.
 */
static void let_line_settle(const struct modbus *m)
{
	struct timespec t = {
		.tv_sec = (time_t)(m->set.shell_us / USEC_PER_SEC),
		.tv_nsec = (long)(m->set.shell_us % USEC_PER_SEC * 1000),
	};

	while (clock_nanosleep(CLOCK_BOOTTIME, 0, &t, &t) == EINTR)
		;
}

/* A fresh session. */
static int session_open(struct modbus *m, ha_time until, modbus_t **ret, struct fence_error *error)
{
	const struct fence_modbus_settings *s = &m->set;
	_cleanup_(drop) modbus_t *ctx = NULL;

	if (s->ip)
		ctx = modbus_new_tcp_pi(s->ip, s->port);
	else
		ctx = modbus_new_rtu(s->serial, s->baud, s->parity, s->data_bits, s->stop_bits);
	if (!ctx)
		return fence_fail(error, true, "%.100s: %s", where(m), modbus_strerror(errno));
	if (modbus_set_slave(ctx, s->unit) < 0)
		return fence_fail(error, true, "unit=%d: %s", s->unit, modbus_strerror(errno));
	limit_wait(ctx, until, s->login_us);
	if (modbus_connect(ctx) < 0)
		return fence_fail(error, false, "no connection with %.100s%s%s: %s", where(m),
				  s->ip ? " port " : "", s->ip ? s->port : "",
				  modbus_strerror(errno));
	if (!s->ip && m->late)
		let_line_settle(m);
	(void)modbus_flush(ctx);
	m->late = false;
	*ret = TAKE_PTR(ctx);
	return 0;
}

/* What the device says of itself does not change by asking again. */
static int fail_outlet(struct modbus *m, const char *what, unsigned int address,
		       struct fence_error *error)
{
	int e = errno;

	m->late = true;
	return fence_fail(error, e == EMBXILFUN || e == EMBXILADD || e == EMBXILVAL,
			  "%.100s, unit %d: cannot %s address %u: %s", where(m), m->set.unit, what,
			  address, modbus_strerror(e));
}

static int read_outlet(struct modbus *m, modbus_t *ctx, unsigned int address, uint16_t *ret_value,
		       struct fence_error *error)
{
	uint8_t bit = 0;
	uint16_t word = 0;
	int n = -1;

	switch (m->set.read_table) {
	case FENCE_MODBUS_COIL:
		n = modbus_read_bits(ctx, (int)address, 1, &bit);
		break;
	case FENCE_MODBUS_DISCRETE:
		n = modbus_read_input_bits(ctx, (int)address, 1, &bit);
		break;
	case FENCE_MODBUS_HOLDING:
		n = modbus_read_registers(ctx, (int)address, 1, &word);
		break;
	case FENCE_MODBUS_INPUT:
		n = modbus_read_input_registers(ctx, (int)address, 1, &word);
		break;
	}
	if (n != 1)
		return fail_outlet(m, "read", address, error);
	*ret_value = bit ? bit : word;
	return 0;
}

/* Off only if each outlet reads off; a value that is neither makes the whole unknown. */
static int modbus_read(void *device, ha_time until, enum fence_power *ret_power,
		       struct fence_error *error)
{
	struct modbus *m = device;
	_cleanup_(drop) modbus_t *ctx = NULL;
	enum fence_power all = FENCE_POWER_UNKNOWN;
	int r = session_open(m, until, &ctx, error);

	if (r < 0)
		return r;
	for (size_t i = 0; i < m->set.n; i++) {
		unsigned int address = m->set.outlets[i].read;
		enum fence_power power;
		uint16_t value = m->set.read_on; /* never off without an answer */

		limit_wait(ctx, until, m->set.shell_us);
		r = read_outlet(m, ctx, address, &value, error);
		if (r < 0)
			return r;
		power = fence_modbus_power(&m->set, value);
		if (power == FENCE_POWER_UNKNOWN)
			return fence_fail(error, false,
					  "%.100s: address %u reads %u, neither on (%u) nor off "
					  "(%u)",
					  where(m), address, value, m->set.read_on,
					  m->set.read_off);
		if (all != FENCE_POWER_ON)
			all = power;
	}
	*ret_power = all;
	return 0;
}

/* Every outlet is written, also after a failure with one; the first failure is told. */
static int modbus_order(void *device, enum fence_order order, ha_time until,
			struct fence_error *error)
{
	struct modbus *m = device;
	_cleanup_(drop) modbus_t *ctx = NULL;
	uint16_t value = order == FENCE_ORDER_ON ? m->set.write_on : m->set.write_off;
	int first = session_open(m, until, &ctx, error);

	if (first < 0)
		return first;
	if (order != FENCE_ORDER_ON && order != FENCE_ORDER_OFF)
		return fence_fail(error, true, "an outlet knows on and off only");
	for (size_t i = 0; i < m->set.n; i++) {
		int address = m->set.outlets[i].write, n;
		struct fence_error failure = {0};
		int r;

		limit_wait(ctx, until, m->set.shell_us);
		n = m->set.write_table == FENCE_MODBUS_COIL
			    ? modbus_write_bit(ctx, address, value)
			    : modbus_write_register(ctx, address, value);
		if (n == 1)
			continue;
		r = fail_outlet(m, "write", (unsigned int)address, &failure);
		if (first >= 0) {
			first = r;
			*error = failure;
		}
		drop(&ctx); /* its state is not known: another session for the rest */
		r = session_open(m, until, &ctx, &failure);
		if (r < 0)
			break;
	}
	return first;
}

static int modbus_list(void *device, FILE *out)
{
	const struct modbus *m = device;
	const char *names = m->set.names;
	char line[256];

	while (fence_modbus_next_name(&names, line, sizeof line))
		(void)fprintf(out, "%s\n", line);
	for (size_t i = 0; i < m->set.n && !m->set.names; i++)
		(void)fprintf(out, "%u,%u\n", m->set.outlets[i].write, m->set.outlets[i].write);
	return 0;
}

/* Of the outlets asked for; without any, that a Modbus device answers at all. */
static int modbus_monitor(void *device, ha_time until, struct fence_error *error)
{
	struct modbus *m = device;
	_cleanup_(drop) modbus_t *ctx = NULL;
	enum fence_power power;
	uint16_t value;
	int r;

	if (m->set.n > 0)
		return modbus_read(device, until, &power, error);
	r = session_open(m, until, &ctx, error);
	if (r < 0)
		return r;
	limit_wait(ctx, until, m->set.shell_us);
	r = read_outlet(m, ctx, 0, &value, error);
	return r < 0 && error->final ? 0 : r; /* it said that it has no such address */
}

const struct fence_driver fence_modbus_driver = {
	.name = "fence_holdfast_modbus",
	.short_text = "Fence agent for Modbus power strips and relays",
	.long_text =
		"Switches outlets of a power strip or relay board through Modbus TCP or RTU. "
		"Success of off means that all outlets of the server read off in two sessions of "
		"their own after the order; only then reboot switches the first one on again.",
	.params = fence_modbus_params,
	.n_params = FENCE_MODBUS_PARAMS,
	.actions = FENCE_ACTION_BIT(FENCE_ACTION_STATUS) | FENCE_ACTION_BIT(FENCE_ACTION_LIST) |
		   FENCE_ACTION_BIT(FENCE_ACTION_OFF) | FENCE_ACTION_BIT(FENCE_ACTION_ON) |
		   FENCE_ACTION_BIT(FENCE_ACTION_REBOOT),
	.device_size = sizeof(struct modbus),
	.check = modbus_check,
	.read = modbus_read,
	.order = modbus_order,
	.list = modbus_list,
	.monitor = modbus_monitor,
};
