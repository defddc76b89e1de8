/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Parameters of the Modbus driver. Pure. An outlet is WRITE[/READ], two addresses from 0; `plug`
 * is a list of outlets and of names, which `outlets` explains: NAME:OUTLET[+OUTLET...],...
 */
#include "fence/modbus.h"

#include "util/parse.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

const struct fence_param fence_modbus_params[FENCE_MODBUS_PARAMS] = {
	{.name = "ip",
	 .old_name = "ipaddr",
	 .letter = 'a',
	 .text = "IP address (4 or 6) or hostname of the device (Modbus TCP)"},
	{.name = "ipport",
	 .letter = 'u',
	 .kind = FENCE_KIND_INTEGER,
	 .fallback = "502",
	 .min = 1,
	 .max = 65535,
	 .text = "TCP port of the device"},
	{.name = "device", .text = "Serial line, in place of ip (Modbus RTU)"},
	{.name = "baud",
	 .kind = FENCE_KIND_SELECT,
	 .fallback = "19200",
	 .options = "1200|2400|4800|9600|19200|38400|57600|115200",
	 .text = "Speed of the line"},
	{.name = "parity",
	 .kind = FENCE_KIND_SELECT,
	 .fallback = "even",
	 .options = "even|odd|none",
	 .text = "Parity of the line"},
	{.name = "data_bits",
	 .kind = FENCE_KIND_INTEGER,
	 .fallback = "8",
	 .min = 7,
	 .max = 8,
	 .text = "Data bits of the line"},
	{.name = "stop_bits",
	 .kind = FENCE_KIND_INTEGER,
	 .fallback = "1",
	 .min = 1,
	 .max = 2,
	 .text = "Stop bits of the line"},
	{.name = "unit",
	 .kind = FENCE_KIND_INTEGER,
	 .fallback = "1",
	 .max = 255,
	 .text = "Unit id; a serial line has 1 to 247"},
	{.name = "plug",
	 .old_name = "port",
	 .letter = 'n',
	 .text = "Outlets of the server: addresses from 0, WRITE[/READ], or names, with commas"},
	{.name = "outlets", .text = "Names for plug: NAME:OUTLET[+OUTLET...],..."},
	{.name = "table",
	 .kind = FENCE_KIND_SELECT,
	 .fallback = "coil",
	 .options = "coil|holding",
	 .text = "What is written: coils or holding registers"},
	{.name = "on_value",
	 .kind = FENCE_KIND_INTEGER,
	 .fallback = "1",
	 .max = 65535,
	 .text = "Value that switches an outlet on"},
	{.name = "off_value",
	 .kind = FENCE_KIND_INTEGER,
	 .fallback = "0",
	 .max = 65535,
	 .text = "Value that switches an outlet off"},
	{.name = "read_table",
	 .kind = FENCE_KIND_SELECT,
	 .options = "coil|discrete|holding|input",
	 .text = "What is read back (default: table)"},
	{.name = "read_offset",
	 .kind = FENCE_KIND_INTEGER,
	 .fallback = "0",
	 .max = 65535,
	 .text = "Added to the address of an outlet without /READ to read it back"},
	{.name = "read_on_value",
	 .kind = FENCE_KIND_INTEGER,
	 .max = 65535,
	 .text = "Value that reads as on (default: on_value)"},
	{.name = "read_off_value",
	 .kind = FENCE_KIND_INTEGER,
	 .max = 65535,
	 .text = "Value that reads as off (default: off_value)"},
	{.name = "read_mask",
	 .kind = FENCE_KIND_INTEGER,
	 .fallback = "65535",
	 .min = 1,
	 .max = 65535,
	 .text = "Bits of the value read back that count"},
	{.name = "method",
	 .letter = 'm',
	 .kind = FENCE_KIND_SELECT,
	 .fallback = "onoff",
	 .options = "onoff",
	 .text = "How to reboot: off, proof of all outlets, on"},
};

/* A decimal number that ends at one of `ends` or the end of the text. */
static int parse_address(const char **at, const char *ends, uint32_t *ret)
{
	uint32_t v = 0;
	const char *s = *at;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	while (isdigit((unsigned char)*s)) {
		v = v * 10 + (uint32_t)(*s++ - '0');
		if (v > UINT16_MAX)
			return -ERANGE;
	}
	if (*s && !strchr(ends, *s))
		return -EINVAL;
	*at = s;
	*ret = v;
	return 0;
}

/* WRITE[/READ], up to one of `ends`. */
static int parse_outlet(const char **at, const char *ends, uint32_t offset,
			struct fence_modbus_outlet *ret)
{
	char or_slash[8];
	uint32_t write, read;
	int r;

	(void)snprintf(or_slash, sizeof or_slash, "/%s", ends);
	r = parse_address(at, or_slash, &write);
	if (r < 0)
		return r;
	read = write + offset;
	if (**at == '/') {
		(*at)++;
		r = parse_address(at, ends, &read);
		if (r < 0)
			return r;
	}
	if (read > UINT16_MAX)
		return -ERANGE;
	*ret = (struct fence_modbus_outlet){.write = (uint16_t)write, .read = (uint16_t)read};
	return 0;
}

/* OUTLET[+OUTLET...] up to ',' or the end. */
static int add_outlets(struct fence_modbus_settings *s, const char **at, uint32_t offset,
		       struct fence_error *error)
{
	for (;;) {
		struct fence_modbus_outlet outlet;
		int r = parse_outlet(at, "+,", offset, &outlet);

		if (r < 0)
			return fence_fail(error, true,
					  "%.40s is no outlet: an address from 0 to 65535, or "
					  "WRITE/READ",
					  *at);
		for (size_t i = 0; i < s->n; i++) {
			if (s->outlets[i].write == outlet.write)
				return fence_fail(error, true, "outlet %u is there twice",
						  outlet.write);
		}
		if (s->n == FENCE_MODBUS_OUTLETS)
			return fence_fail(error, true, "a server has at most %d outlets",
					  FENCE_MODBUS_OUTLETS);
		s->outlets[s->n++] = outlet;
		if (**at != '+')
			return 0;
		(*at)++;
	}
}

/* Where the outlets of a name begin in `names`, or NULL. */
static const char *find_name(const char *names, const char *name, size_t n)
{
	while (names && *names) {
		size_t length = strcspn(names, ":,");

		if (names[length] == ':' && length == n && strncmp(names, name, n) == 0)
			return names + length + 1;
		names += strcspn(names, ",");
		names += *names == ',';
	}
	return NULL;
}

static int parse_plug(struct fence_modbus_settings *s, const char *plug, uint32_t offset,
		      struct fence_error *error)
{
	while (*plug) {
		size_t n = strcspn(plug, ",");
		const char *known = find_name(s->names, plug, n), *at = known ? known : plug;
		int r;

		if (!known && n > 0 && !isdigit((unsigned char)plug[0]))
			return fence_fail(error, true, "plug: no outlet is named %.*s",
					  (int)(n > 40 ? 40 : n), plug);
		r = add_outlets(s, &at, offset, error);
		if (r < 0)
			return r;
		plug += n;
		if (*plug == ',' && plug[1] == '\0')
			return fence_fail(error, true, "plug ends with a comma");
		plug += *plug == ',';
	}
	return 0;
}

/* All of `outlets`, whether they are asked for or not. */
static int check_names(const char *names, uint32_t offset, struct fence_error *error)
{
	while (names && *names) {
		struct fence_modbus_settings scratch = {0};
		size_t n = strcspn(names, ":,");
		int r;

		if (names[n] != ':' || n == 0 || n > 63)
			return fence_fail(error, true, "outlets: %.40s is not NAME:OUTLET[+OUTLET]",
					  names);
		names += n + 1;
		r = add_outlets(&scratch, &names, offset, error);
		if (r < 0)
			return r;
		names += *names == ',';
	}
	return 0;
}

bool fence_modbus_next_name(const char **names, char *line, size_t size)
{
	size_t n, name;

	if (!*names || !**names)
		return false;
	n = strcspn(*names, ",");
	name = strcspn(*names, ":,");
	(void)snprintf(line, size, "%.*s,%.*s", (int)name, *names,
		       (int)(n > name ? n - name - 1 : 0), *names + (n > name ? name + 1 : n));
	*names += n + ((*names)[n] == ',');
	return true;
}

enum fence_power fence_modbus_power(const struct fence_modbus_settings *s, uint16_t value)
{
	uint16_t seen = value & s->read_mask;

	if (seen == (s->read_off & s->read_mask))
		return FENCE_POWER_OFF;
	return seen == (s->read_on & s->read_mask) ? FENCE_POWER_ON : FENCE_POWER_UNKNOWN;
}

static enum fence_modbus_table table(const char *name)
{
	if (strcmp(name, "discrete") == 0)
		return FENCE_MODBUS_DISCRETE;
	if (strcmp(name, "holding") == 0)
		return FENCE_MODBUS_HOLDING;
	return strcmp(name, "input") == 0 ? FENCE_MODBUS_INPUT : FENCE_MODBUS_COIL;
}

static uint16_t value_or(const struct fence_args *args, const char *name, uint16_t otherwise)
{
	return fence_string(args, name) ? (uint16_t)fence_integer(args, name) : otherwise;
}

static int parse_values(const struct fence_args *args, struct fence_modbus_settings *s,
			struct fence_error *error)
{
	const char *read = fence_string(args, "read_table");
	bool bits;

	s->write_table = table(fence_string(args, "table"));
	s->read_table = read ? table(read) : s->write_table;
	s->write_on = (uint16_t)fence_integer(args, "on_value");
	s->write_off = (uint16_t)fence_integer(args, "off_value");
	s->read_on = value_or(args, "read_on_value", s->write_on);
	s->read_off = value_or(args, "read_off_value", s->write_off);
	s->read_mask = (uint16_t)fence_integer(args, "read_mask");
	if (s->write_on == s->write_off)
		return fence_fail(error, true, "on_value and off_value are the same");
	if (fence_modbus_power(s, s->read_on) != FENCE_POWER_ON)
		return fence_fail(error, true,
				  "read_on_value and read_off_value are the same under read_mask");
	if (s->write_table == FENCE_MODBUS_COIL && (s->write_on > 1 || s->write_off > 1))
		return fence_fail(error, true, "a coil has the values 0 and 1");
	bits = s->read_table == FENCE_MODBUS_COIL || s->read_table == FENCE_MODBUS_DISCRETE;
	if (bits && (s->read_on > 1 || s->read_off > 1 || !(s->read_mask & 1)))
		return fence_fail(error, true, "a coil or discrete input reads as 0 or 1");
	return 0;
}

static int parse_way(const struct fence_args *args, struct fence_modbus_settings *s,
		     struct fence_error *error)
{
	s->ip = fence_string(args, "ip");
	s->serial = fence_string(args, "device");
	if (!s->ip == !s->serial)
		return fence_fail(error, true,
				  s->ip ? "ip and device exclude each other"
					: "ip (or device, a serial line) is missing");
	if (s->serial && s->serial[0] != '/')
		return fence_fail(error, true, "device=%.64s is no absolute path", s->serial);
	(void)snprintf(s->port, sizeof s->port, "%s", fence_string(args, "ipport"));
	s->baud = (int)fence_integer(args, "baud");
	s->parity = (char)toupper((unsigned char)fence_string(args, "parity")[0]);
	s->data_bits = (int)fence_integer(args, "data_bits");
	s->stop_bits = (int)fence_integer(args, "stop_bits");
	s->unit = (int)fence_integer(args, "unit");
	if (s->serial && (s->unit < 1 || s->unit > 247)) /* 0 is a broadcast: nobody answers */
		return fence_fail(error, true, "unit=%d: a serial line has 1 to 247", s->unit);
	return 0;
}

int fence_modbus_settings(const struct fence_args *args, struct fence_modbus_settings *ret,
			  struct fence_error *error)
{
	struct fence_modbus_settings s = {.names = fence_string(args, "outlets")};
	uint32_t offset = (uint32_t)fence_integer(args, "read_offset");
	enum fence_action action = fence_args_action(args);
	const char *plug = fence_string(args, "plug");
	int r = parse_way(args, &s, error);

	if (r >= 0)
		r = parse_values(args, &s, error);
	if (r >= 0)
		r = check_names(s.names, offset, error);
	if (r >= 0 && plug)
		r = parse_plug(&s, plug, offset, error);
	if (r < 0)
		return r;
	if (s.n == 0 && action != FENCE_ACTION_MONITOR && action != FENCE_ACTION_LIST &&
	    action != FENCE_ACTION_VALIDATE)
		return fence_fail(error, true, "plug is missing: the outlets of the server");
	s.login_us = fence_seconds_us(args, "login_timeout");
	s.shell_us = fence_seconds_us(args, "shell_timeout");
	*ret = s;
	return 0;
}
