/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A look at the text before libconfig reads it, for what the library would do silently or slowly:
 * include other files (which no hash would cover), cut numbers to 32 bits, drop the rest of a
 * string behind a NUL, take an unclosed comment for the end, compare every name of a huge group
 * with all others, recurse without bound. This is not a parser: syntax stays the library's affair.
 */
#include "agent/config_internal.h"

#include <errno.h>
#include <string.h>

#define DEPTH_MAX  16
#define KEYS_MAX   64 /* of one group: twice what any section knows */
#define DIGITS_MAX 9  /* fits in 31 bits whatever they are */

struct scan {
	const char *at;
	unsigned int line;
	unsigned int depth;
	unsigned int keys[DEPTH_MAX + 1]; /* at each open depth */
	struct config_report *report;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*';
}

static bool is_word(char c)
{
	return is_name_start(c) || is_digit(c) || c == '_';
}

/* The library knows @include at the beginning of a line only, whatever surrounds it. */
static int refuse_includes(const char *text, struct config_report *report)
{
	static const char directive[] = "@include";
	unsigned int line = 1;

	for (const char *p = text; p; line++) {
		const char *word = p + strspn(p, " \t");

		if (strncmp(word, directive, sizeof directive - 1) == 0) {
			config_report_error(report, line,
					    "@include is not supported: the whole configuration "
					    "must stand in one file, so that nodes can compare it");
			return -EINVAL;
		}
		p = strchr(p, '\n');
		if (p)
			p++;
	}
	return 0;
}

static int skip_line(struct scan *scan)
{
	scan->at += strcspn(scan->at, "\n");
	return 0;
}

static int skip_comment(struct scan *scan)
{
	unsigned int start = scan->line;

	for (scan->at += 2; *scan->at; scan->at++) {
		if (scan->at[0] == '*' && scan->at[1] == '/') {
			scan->at += 2;
			return 0;
		}
		if (*scan->at == '\n')
			scan->line++;
	}
	config_report_error(scan->report, start, "comment is not closed: \"*/\" is missing");
	return -EINVAL;
}

static int skip_string(struct scan *scan)
{
	unsigned int start = scan->line;

	for (scan->at++; *scan->at && *scan->at != '"'; scan->at++) {
		if (*scan->at == '\n')
			scan->line++;
		if (*scan->at != '\\' || !scan->at[1])
			continue;
		scan->at++;
		if (strncmp(scan->at, "x00", 3) == 0) {
			config_report_error(scan->report, scan->line,
					    "\\x00 must not stand in a string");
			return -EINVAL;
		}
		if (*scan->at == '\n')
			scan->line++;
	}
	if (!*scan->at) {
		config_report_error(scan->report, start, "string is not closed: '\"' is missing");
		return -EINVAL;
	}
	scan->at++;
	return 0;
}

static int skip_word(struct scan *scan)
{
	while (is_word(*scan->at) || *scan->at == '-')
		scan->at++;
	return 0;
}

static int skip_number(struct scan *scan)
{
	const char *start = scan->at;
	size_t n;

	while (is_word(*scan->at) || *scan->at == '.')
		scan->at++;
	n = (size_t)(scan->at - start);
	if (n > DIGITS_MAX) {
		config_report_error(
			scan->report, scan->line,
			"number %.*s%s is too long: no number here has more than %d digits",
			n > 20 ? 20 : (int)n, start, n > 20 ? "..." : "", DIGITS_MAX);
		return -EINVAL;
	}
	if (n > 1 && start[0] == '0' && is_digit(start[1])) {
		config_report_error(scan->report, scan->line,
				    "number %.*s must not begin with 0: it could be read as octal",
				    (int)n, start);
		return -EINVAL;
	}
	return 0;
}

static int skip_mark(struct scan *scan)
{
	char c = *scan->at++;

	if (c == '\n')
		scan->line++;
	if (c == '{' || c == '(' || c == '[') {
		if (scan->depth == DEPTH_MAX) {
			config_report_error(scan->report, scan->line,
					    "brackets are nested more than %d deep", DEPTH_MAX);
			return -EINVAL;
		}
		scan->keys[++scan->depth] = 0;
	}
	if ((c == '}' || c == ')' || c == ']') && scan->depth)
		scan->depth--;
	if ((c == '=' || c == ':') && ++scan->keys[scan->depth] > KEYS_MAX) {
		config_report_error(scan->report, scan->line,
				    "more than %d keys in one group: is a '}' missing above?",
				    KEYS_MAX);
		return -EINVAL;
	}
	return 0;
}

static int skip_token(struct scan *scan)
{
	const char *p = scan->at;

	if (p[0] == '#' || (p[0] == '/' && p[1] == '/'))
		return skip_line(scan);
	if (p[0] == '/' && p[1] == '*')
		return skip_comment(scan);
	if (p[0] == '"')
		return skip_string(scan);
	if (is_name_start(p[0]))
		return skip_word(scan);
	if (is_digit(p[0]))
		return skip_number(scan);
	return skip_mark(scan);
}

int config_scan(const char *name, const char *text, struct config_report *report)
{
	struct scan scan = {.at = text, .line = 1, .report = report};

	if (strnlen(text, CONFIG_FILE_MAX + 1) > CONFIG_FILE_MAX) {
		config_report_error(report, 0, "%.100s is larger than %d bytes", name,
				    CONFIG_FILE_MAX);
		return -EINVAL;
	}
	if (strncmp(text, "\xef\xbb\xbf", 3) == 0) {
		config_report_error(report, 1,
				    "the file begins with a byte order mark: save it as "
				    "plain UTF-8 without one");
		return -EINVAL;
	}
	if (refuse_includes(text, report) < 0)
		return -EINVAL;
	while (*scan.at)
		if (skip_token(&scan) < 0)
			return -EINVAL;
	return 0;
}
