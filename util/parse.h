/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_UTIL_PARSE_H
#define HF_UTIL_PARSE_H

/* Parsing of numbers and durations from users. Pure. */

#include "util/cleanup.h"

#include <stddef.h>
#include <stdint.h>

/* Decimal number, nothing before or after it. -EINVAL: not a number; -ERANGE: not in min..max. */
_must_check_ int parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret_value);

/*
 * Duration with a mandatory unit: us, ms, s, m, h or d ("500ms", "2 s", "1.5s"); a bare 0 is
 * accepted. At most 3 decimals. -EINVAL (no number or unknown unit), -ERANGE (over 365 days).
 */
_must_check_ int parse_duration_us(const char *s, uint64_t *ret_us);

#define DURATION_STRLEN 32
/* Shortest exact text that parse_duration_us() reads back as the same value. Returns `buf`. */
char *format_duration(char buf[DURATION_STRLEN], uint64_t us);

/*
 * A name for a node, group, resource or monitor: 1..31 of A-Z a-z 0-9 _ - . and not starting
 * with '-' or '.'. Returns 0 or -EINVAL.
 */
_must_check_ int parse_name(const char *s);

#endif
