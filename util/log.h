/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_UTIL_LOG_H
#define HF_UTIL_LOG_H

/*
 * Log lines to standard error with a syslog level prefix ("<3>"), which the journal understands.
 * On a terminal the prefix is left out. A failure is logged once, by the layer that decides what
 * to do about it; pure code never logs.
 */

#include <stdarg.h>

enum log_level {
	LOG_LEVEL_ERR = 3,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

/* Lines above `level` are dropped, and lines that standard error has no room for: logging never
 * blocks. The default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* Name of the program, printed before each line on a terminal. `name` must stay valid. */
void log_set_name(const char *name);

void log_at(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_err(...)	 log_at(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_at(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * Token bucket for lines that a stranger can cause. Returns true when the caller may log;
 * *ret_suppressed is then the number of lines swallowed since the last one. At most `burst`
 * lines per `interval_us`.
 */
struct log_ratelimit {
	unsigned long long window_start_us;
	unsigned int logged;
	unsigned int suppressed;
};
#define LOG_RATELIMIT_BURST	  10
#define LOG_RATELIMIT_INTERVAL_US 10000000ULL
_Bool log_ratelimit(struct log_ratelimit *limit, unsigned long long now_us,
		    unsigned int *ret_suppressed);

#endif
