/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CLI_TEXT_H
#define HF_CLI_TEXT_H

/*
 * Printing of strings that others made. No control character, no invalid UTF-8 and none of the
 * characters that turn the direction of text reaches the terminal: they are shown as \x1b or
 * \u202e.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

void text_put(FILE *f, const char *s);
/* Keeps line ends and tabs. */
void text_put_lines(FILE *f, const char *s);
/* At most `max` characters of it. Returns how many columns were printed. */
size_t text_put_cut(FILE *f, const char *s, size_t max);
/* The same, filled up with blanks to `width`. */
void text_put_column(FILE *f, const char *s, size_t max, size_t width);
/* Columns that text_put() needs. */
size_t text_width(const char *s);
void text_put_repeated(FILE *f, char c, size_t n);
/* "2d 3h 0m 59s": whole seconds, begun ones count; from the first unit that is not 0. */
void text_put_time(FILE *f, uint64_t us);
/* "2026-11-24 16:30:01.123", or without the milliseconds; a '-' in its last column: not valid. */
void text_put_clock(FILE *f, int64_t wall_us, bool ms);
/* Words of `s` between columns `left` and `right`; the first line has been begun at `left`. */
void text_put_wrapped(FILE *f, const char *s, size_t left, size_t right);

#define TEXT_ALL ((size_t)-1)

enum text_color { TEXT_PLAIN, TEXT_GOOD, TEXT_WARNING, TEXT_BAD, TEXT_BOLD, TEXT_COLOR_COUNT_ };
/* Nothing is printed unless `use`. */
void text_color_start(FILE *f, bool use, enum text_color color);
void text_color_end(FILE *f, bool use, enum text_color color);

#endif
