/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/log.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static enum log_level max_level = LOG_LEVEL_INFO;
static const char *program_name = "holdfast";

void log_set_level(enum log_level level)
{
	max_level = level;
}

enum log_level log_get_level(void)
{
	return max_level;
}

void log_set_name(const char *name)
{
	program_name = name;
}

/* A reader of our standard error that hangs must not hang us: what has no room is dropped. */
static _Bool error_has_room(void)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&p, 1, 0) <= 0 ? 0 : (p.revents & POLLOUT) != 0;
}

void log_at(enum log_level level, const char *format, ...)
{
	char line[1024];
	va_list ap;
	int n;

	if (level > max_level)
		return;
	va_start(ap, format);
	n = vsnprintf(line, sizeof line, format, ap);
	va_end(ap);
	if (n < 0 || !error_has_room())
		return;
	if (isatty(STDERR_FILENO))
		(void)fprintf(stderr, "%s: %s\n", program_name, line);
	else
		(void)fprintf(stderr, "<%d>%s\n", (int)level, line);
}

_Bool log_ratelimit(struct log_ratelimit *limit, unsigned long long now_us,
		    unsigned int *ret_suppressed)
{
	if (now_us - limit->window_start_us >= LOG_RATELIMIT_INTERVAL_US) {
		limit->window_start_us = now_us;
		limit->logged = 0;
	}
	if (limit->logged >= LOG_RATELIMIT_BURST) {
		limit->suppressed++;
		return 0;
	}
	limit->logged++;
	*ret_suppressed = limit->suppressed;
	limit->suppressed = 0;
	return 1;
}
