/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DURATION_MAX_US (365ULL * 24 * 3600 * 1000000)
#define NAME_LEN_MAX	31

static const struct unit {
	const char *name;
	uint64_t us;
} units[] = {
	{"d", 24ULL * 3600 * 1000000},
	{"h", 3600ULL * 1000000},
	{"m", 60ULL * 1000000},
	{"s", 1000000},
	{"ms", 1000},
	{"us", 1},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads digits at *s, advancing it. */
static int read_digits(const char **s, uint64_t *ret_value)
{
	uint64_t v = 0;

	if (!is_digit(**s))
		return -EINVAL;
	for (; is_digit(**s); (*s)++) {
		uint64_t d = (uint64_t)(**s - '0');

		if (v > (UINT64_MAX - d) / 10)
			return -ERANGE;
		v = v * 10 + d;
	}
	*ret_value = v;
	return 0;
}

int parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	uint64_t v = 0;
	int r = read_digits(&s, &v);

	if (r < 0)
		return r;
	if (*s)
		return -EINVAL;
	if (v < min || v > max)
		return -ERANGE;
	*ret_value = v;
	return 0;
}

/* Reads ".ddd" at *s as thousandths. No point is no error. */
static int read_thousandths(const char **s, uint64_t *ret_value)
{
	uint64_t v = 0, scale = 100;

	if (**s == '.') {
		(*s)++;
		if (!is_digit(**s))
			return -EINVAL;
		for (; is_digit(**s); (*s)++, scale /= 10) {
			if (scale == 0)
				return -EINVAL;
			v += scale * (uint64_t)(**s - '0');
		}
	}
	*ret_value = v;
	return 0;
}

static const struct unit *find_unit(const char *name)
{
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

int parse_duration_us(const char *s, uint64_t *ret_us)
{
	const struct unit *unit;
	uint64_t whole = 0, thousandths = 0, part;
	int r = read_digits(&s, &whole);

	if (r < 0)
		return r;
	r = read_thousandths(&s, &thousandths);
	if (r < 0)
		return r;
	while (*s == ' ')
		s++;
	if (*s == '\0' && whole == 0 && thousandths == 0) {
		*ret_us = 0;
		return 0;
	}
	unit = find_unit(s);
	if (!unit)
		return -EINVAL;
	if (whole > DURATION_MAX_US / unit->us)
		return -ERANGE;
	part = thousandths * unit->us;
	if (part % 1000)
		return -EINVAL;
	if (whole * unit->us + part / 1000 > DURATION_MAX_US)
		return -ERANGE;
	*ret_us = whole * unit->us + part / 1000;
	return 0;
}

char *format_duration(char buf[DURATION_STRLEN], uint64_t us)
{
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (us && us % units[i].us == 0) {
			(void)snprintf(buf, DURATION_STRLEN, "%" PRIu64 "%s", us / units[i].us,
				       units[i].name);
			return buf;
		}
	(void)snprintf(buf, DURATION_STRLEN, "0");
	return buf;
}

int parse_name(const char *s)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_-.";
	size_t n = strlen(s);

	if (n == 0 || n > NAME_LEN_MAX || s[0] == '-' || s[0] == '.')
		return -EINVAL;
	return strspn(s, allowed) == n ? 0 : -EINVAL;
}
