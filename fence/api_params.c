/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parameters: the tables, the values given, and their checks. Pure. */
#include "fence/api_internal.h"

#include "util/parse.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

/* Those of every driver. Names, letters and defaults are those of fence agents. */
static const struct fence_param common[] = {
	{.name = "action", .old_name = "option", .letter = 'o', .text = "What to do"},
	{.name = "delay",
	 .kind = FENCE_KIND_SECOND,
	 .fallback = "0",
	 .text = "Wait X seconds before an action that switches power"},
	{.name = "power_timeout",
	 .kind = FENCE_KIND_SECOND,
	 .fallback = "20",
	 .text = "Test X seconds for the state after an order"},
	{.name = "power_wait",
	 .kind = FENCE_KIND_SECOND,
	 .fallback = "0",
	 .text = "Wait X seconds after an order before the state is read"},
	{.name = "login_timeout",
	 .kind = FENCE_KIND_SECOND,
	 .fallback = "5",
	 .text = "Wait X seconds for a session with the device"},
	{.name = "shell_timeout",
	 .kind = FENCE_KIND_SECOND,
	 .fallback = "3",
	 .text = "Wait X seconds for the answer to a command"},
	{.name = "stonith_status_sleep",
	 .kind = FENCE_KIND_SECOND,
	 .fallback = "0.25",
	 .text = "Sleep X seconds between readings of the state"},
	{.name = "confirm_wait",
	 .kind = FENCE_KIND_SECOND,
	 .fallback = "0.5",
	 .text = "Sleep X seconds between the two readings that confirm off"},
	{.name = "retry_on",
	 .kind = FENCE_KIND_INTEGER,
	 .fallback = "1",
	 .max = 100,
	 .text = "Further attempts to power on"},
	{.name = "deadline",
	 .kind = FENCE_KIND_SECOND,
	 .text = "End of the whole program after X seconds (default: what the other "
		 "timeouts add up to)"},
	{.name = "verbose", .letter = 'v', .kind = FENCE_KIND_BOOLEAN, .text = "Print each step"},
};

static const char *const action_names[FENCE_ACTION_COUNT] = {
	[FENCE_ACTION_NONE] = "",
	[FENCE_ACTION_METADATA] = "metadata",
	[FENCE_ACTION_VALIDATE] = "validate-all",
	[FENCE_ACTION_STATUS] = "status",
	[FENCE_ACTION_MONITOR] = "monitor",
	[FENCE_ACTION_LIST] = "list",
	[FENCE_ACTION_OFF] = "off",
	[FENCE_ACTION_ON] = "on",
	[FENCE_ACTION_REBOOT] = "reboot",
	[FENCE_ACTION_RESET] = "reset",
	[FENCE_ACTION_CYCLE] = "cycle",
	[FENCE_ACTION_DIAG] = "diag",
	[FENCE_ACTION_SOFT] = "soft",
};

const char *fence_action_name(enum fence_action action)
{
	return action_names[action];
}

unsigned int fence_actions(const struct fence_driver *driver)
{
	return driver->actions | FENCE_ACTIONS_ALWAYS;
}

int fence_fail(struct fence_error *error, bool final, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(error->text, sizeof error->text, format, ap);
	va_end(ap);
	error->final = final;
	return -EIO;
}

int fence_args_init(struct fence_args *args, const struct fence_driver *driver,
		    struct fence_error *error)
{
	*args = (struct fence_args){.driver = driver};
	if (FENCE_LENGTH(common) + driver->n_params > FENCE_PARAMS_MAX)
		return fence_fail(error, true, "too many parameters in the driver's table");
	for (size_t i = 0; i < FENCE_LENGTH(common); i++)
		args->params[args->n++] = &common[i];
	for (size_t i = 0; i < driver->n_params; i++)
		args->params[args->n++] = &driver->params[i];
	return 0;
}

/* Index of a parameter by its name or old name, or args->n. */
static size_t find(const struct fence_args *args, const char *name)
{
	size_t i = 0;

	for (; i < args->n; i++) {
		const struct fence_param *p = args->params[i];

		if (strcmp(p->name, name) == 0 || (p->old_name && strcmp(p->old_name, name) == 0))
			break;
	}
	return i;
}

const struct fence_param *fence_args_find(const struct fence_args *args, const char *name)
{
	size_t i = find(args, name);

	return i < args->n ? args->params[i] : NULL;
}

int fence_args_set(struct fence_args *args, const char *name, const char *value)
{
	size_t i = find(args, name);

	if (i == args->n)
		return -ENOENT;
	/* An empty value is none given, but a password may be empty. */
	args->values[i] = value[0] || args->params[i]->secret ? value : NULL;
	return 0;
}

const char *fence_string(const struct fence_args *args, const char *name)
{
	size_t i = find(args, name);

	assert(i < args->n);
	return args->values[i] ? args->values[i] : args->params[i]->fallback;
}

/* As fence agents write them. -EINVAL: neither. */
static int parse_flag(const char *s, bool *ret_flag)
{
	static const char *const yes[] = {"1", "yes", "on", "true"};
	static const char *const no[] = {"0", "no", "off", "false"};

	for (size_t i = 0; i < FENCE_LENGTH(yes); i++) {
		if (strcasecmp(s, yes[i]) == 0 || strcasecmp(s, no[i]) == 0) {
			*ret_flag = strcasecmp(s, yes[i]) == 0;
			return 0;
		}
	}
	return -EINVAL;
}

int fence_parse_seconds(const char *s, uint64_t *ret_us)
{
	char text[24]; /* the digits and a unit, for the common parser */
	size_t n = strlen(s);

	if (n > 0 && s[n - 1] == 's') /* Pacemaker's users write "20s" */
		n--;
	if (n == 0 || n > 16 || strspn(s, "0123456789.") < n)
		return -EINVAL;
	(void)snprintf(text, sizeof text, "%.*ss", (int)n, s);
	return parse_duration_us(text, ret_us);
}

bool fence_flag(const struct fence_args *args, const char *name)
{
	const char *s = fence_string(args, name);
	bool flag = false;

	return s && parse_flag(s, &flag) == 0 && flag;
}

uint64_t fence_integer(const struct fence_args *args, const char *name)
{
	const char *s = fence_string(args, name);
	uint64_t v = 0;

	return s && parse_u64(s, 0, UINT64_MAX, &v) == 0 ? v : 0;
}

uint64_t fence_seconds_us(const struct fence_args *args, const char *name)
{
	const char *s = fence_string(args, name);
	uint64_t us = 0;

	return s && fence_parse_seconds(s, &us) == 0 ? us : 0;
}

enum fence_action fence_args_action(const struct fence_args *args)
{
	return args->action;
}

static bool is_option(const char *options, const char *value)
{
	size_t n = strlen(value);

	for (const char *at = strchr(value, '|') ? NULL : options; at; at = strchr(at, '|')) {
		at += *at == '|';
		if (strncmp(at, value, n) == 0 && (at[n] == '|' || at[n] == '\0'))
			return true;
	}
	return false;
}

/* Names the parameter; a secret's value is never in a message. */
static int check_value(const struct fence_param *p, const char *value, struct fence_error *error)
{
	uint64_t v;
	bool flag;

	switch (p->kind) {
	case FENCE_KIND_STRING:
		if (p->secret && strlen(value) > FENCE_SECRET_MAX)
			return fence_fail(error, true, "%s is longer than %d bytes", p->name,
					  FENCE_SECRET_MAX);
		return 0;
	case FENCE_KIND_BOOLEAN:
		if (parse_flag(value, &flag) < 0)
			return fence_fail(error, true, "%s=%.64s is neither yes nor no", p->name,
					  value);
		return 0;
	case FENCE_KIND_INTEGER:
		if (parse_u64(value, p->min, p->max, &v) < 0)
			return fence_fail(error, true, "%s=%.64s is not a number from %llu to %llu",
					  p->name, value, (unsigned long long)p->min,
					  (unsigned long long)p->max);
		return 0;
	case FENCE_KIND_SECOND:
		if (fence_parse_seconds(value, &v) < 0 || v > 86400 * USEC_PER_SEC)
			return fence_fail(error, true,
					  "%s=%.64s is not a number of seconds up to a day",
					  p->name, value);
		return 0;
	case FENCE_KIND_SELECT:
		if (!is_option(p->options, value))
			return fence_fail(error, true, "%s=%.64s is none of %s", p->name, value,
					  p->options);
		return 0;
	}
	return fence_fail(error, true, "%s has no kind", p->name);
}

/* Every value; whatever it is about, the first complaint is returned. */
static int check_values(const struct fence_args *args, struct fence_error *error)
{
	for (size_t i = 0; i < args->n; i++) {
		int r = args->values[i] ? check_value(args->params[i], args->values[i], error) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

int fence_args_check(struct fence_args *args, struct fence_error *error)
{
	const char *text = fence_string(args, "action");
	unsigned int a = FENCE_ACTION_NONE + 1;

	if (!text) /* fence agents reboot then; a forgotten word must not switch anything off */
		return fence_fail(error, true, "action is missing (off, on, reboot, status, ...)");
	while (a < FENCE_ACTION_COUNT && strcasecmp(text, action_names[a]) != 0)
		a++;
	if (a == FENCE_ACTION_COUNT || !(fence_actions(args->driver) & FENCE_ACTION_BIT(a)))
		return fence_fail(error, true, "action=%.64s is not known to %s", text,
				  args->driver->name);
	args->action = (enum fence_action)a;
	return args->action == FENCE_ACTION_METADATA ? 0 : check_values(args, error);
}
