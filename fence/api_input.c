/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parameters on standard input: NAME=VALUE lines. Pure; messages never show a line's text. */
#include "fence/api_internal.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* What cluster software sends along and no agent uses. */
static bool is_callers_own(const char *name)
{
	static const char *const known[] = {"agent", "name", "nodename", "nodeid",
					    "disable_timeout"};

	for (size_t i = 0; i < FENCE_LENGTH(known); i++) {
		if (strcmp(name, known[i]) == 0)
			return true;
	}
	return strncmp(name, "pcmk_", 5) == 0 || strncmp(name, "CRM_meta_", 9) == 0 ||
	       strcmp(name, "crm_feature_set") == 0;
}

static bool is_name(const char *s)
{
	for (size_t i = 0; s[i]; i++) {
		if (!isalnum((unsigned char)s[i]) && !strchr("_-.", s[i]))
			return false;
	}
	return s[0] != '\0';
}

static int parse_line(struct fence_args *args, char *line, unsigned int number,
		      struct fence_error *error)
{
	char *value;

	line += strspn(line, " \t");
	if (line[0] == '\0' || line[0] == '#')
		return 0;
	value = strchr(line, '=');
	if (!value)
		return fence_fail(error, true, "line %u of the standard input has no '='", number);
	*value++ = '\0';
	if (!is_name(line))
		return fence_fail(error, true,
				  "line %u of the standard input has no name before the '='",
				  number);
	for (const char *at = value; *at; at++) {
		if (iscntrl((unsigned char)*at) && *at != '\t')
			return fence_fail(error, true, "%.64s has a control character in its value",
					  line);
	}
	/* The interface says: names that are not recognised are ignored. */
	if (fence_args_set(args, line, value) == -ENOENT && !is_callers_own(line))
		args->unknown = line;
	return 0;
}

int fence_input_parse(struct fence_args *args, char *text, size_t n, struct fence_error *error)
{
	char *at = text;
	unsigned int number = 0;

	if (memchr(text, '\0', n))
		return fence_fail(error, true, "the standard input has a NUL byte");
	text[n] = '\0';
	while (at) {
		char *end = strchr(at, '\n');
		int r;

		if (end)
			*end++ = '\0';
		r = parse_line(args, at, ++number, error);
		if (r < 0)
			return r;
		at = end;
	}
	return 0;
}
