/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of what is wrong with a configuration. */
#include "agent/config_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* A message may quote the file: what is not plain ASCII must reach neither terminals nor JSON. */
static void make_plain(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static void report_add(struct config_report *report, bool warning, unsigned int line,
		       const char *text)
{
	struct config_problem *problem;

	if (!warning)
		report->errors++;
	if (report->n == CONFIG_PROBLEMS_MAX) {
		report->truncated = true;
		return;
	}
	problem = &report->problem[report->n++];
	problem->warning = warning;
	problem->line = line;
	(void)snprintf(problem->text, sizeof problem->text, "%s", text);
	make_plain(problem->text);
}

void config_report_error(struct config_report *report, unsigned int line, const char *format, ...)
{
	char text[sizeof report->problem[0].text];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	report_add(report, false, line, text);
}

void config_report_warning(struct config_report *report, unsigned int line, const char *format, ...)
{
	char text[sizeof report->problem[0].text];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	report_add(report, true, line, text);
}

void config_report_sort(struct config_report *report)
{
	for (size_t i = 1; i < report->n; i++) {
		struct config_problem moving = report->problem[i];
		size_t to = i;

		for (; to > 0 && report->problem[to - 1].line > moving.line; to--)
			report->problem[to] = report->problem[to - 1];
		report->problem[to] = moving;
	}
}

void config_report_write(const struct config_report *report, const char *name, FILE *out)
{
	for (size_t i = 0; i < report->n; i++) {
		const struct config_problem *problem = &report->problem[i];

		(void)fprintf(out, "%s:", name);
		if (problem->line)
			(void)fprintf(out, "%u:", problem->line);
		(void)fprintf(out, " %s: %s\n", problem->warning ? "warning" : "error",
			      problem->text);
	}
	if (report->truncated)
		(void)fprintf(out, "%s: there are more problems than the %d shown\n", name,
			      CONFIG_PROBLEMS_MAX);
}

int config_why_set(struct config_why *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why->text, sizeof why->text, format, args);
	va_end(args);
	return -EINVAL;
}
