/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/text.h"

#include "util/cleanup.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define CHAR_TEXT_SIZE 16

/* Decodes one character of `s` (not at its end). Returns its length, or 0 if it is not valid. */
static size_t decode(const char *s, uint32_t *ret)
{
	static const struct {
		uint8_t mask, lead, n;
		uint32_t min;
	} forms[] = {{0x80, 0x00, 1, 0},
		     {0xe0, 0xc0, 2, 0x80},
		     {0xf0, 0xe0, 3, 0x800},
		     {0xf8, 0xf0, 4, 0x10000}};
	uint8_t first = (uint8_t)*s;

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		uint32_t c = first & (uint8_t)~forms[i].mask;

		if ((first & forms[i].mask) != forms[i].lead)
			continue;
		for (size_t k = 1; k < forms[i].n; k++) {
			if (((uint8_t)s[k] & 0xc0) != 0x80) /* the NUL at the end, too */
				return 0;
			c = c << 6 | ((uint8_t)s[k] & 0x3f);
		}
		if (c < forms[i].min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return 0;
		*ret = c;
		return forms[i].n;
	}
	return 0;
}

/* Whether a terminal may be told it: no controls, line separators or marks of direction. */
static bool is_harmless(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} harmful[] = {{0x00, 0x1f},	 {0x7f, 0x9f},	   {0x61c, 0x61c},
		       {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
		       {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f}};

	for (size_t i = 0; i < sizeof(harmful) / sizeof(*harmful); i++)
		if (c >= harmful[i].first && c <= harmful[i].last)
			return false;
	return true;
}

/* Writes how the next character of `s` is shown. Returns its bytes in `s`; *ret_width columns. */
static size_t next_char(const char *s, char out[CHAR_TEXT_SIZE], size_t *ret_width)
{
	uint32_t c;
	size_t n = decode(s, &c);

	if (n == 0) {
		*ret_width = (size_t)snprintf(out, CHAR_TEXT_SIZE, "\\x%02x", (uint8_t)*s);
		return 1;
	}
	if (!is_harmless(c)) {
		*ret_width = (size_t)snprintf(out, CHAR_TEXT_SIZE, c < 0x80 ? "\\x%02x" : "\\u%04x",
					      (unsigned int)c);
		return n;
	}
	memcpy(out, s, n);
	out[n] = '\0';
	*ret_width = 1;
	return n;
}

static size_t put(FILE *f, const char *s, size_t max, const char *keep)
{
	char shown[CHAR_TEXT_SIZE];
	size_t columns = 0, width;

	while (*s) {
		if (strchr(keep, *s)) {
			fputc(*s++, f);
			continue;
		}
		s += next_char(s, shown, &width);
		if (width > max - columns)
			break;
		if (f)
			fputs(shown, f);
		columns += width;
	}
	return columns;
}

void text_put(FILE *f, const char *s)
{
	(void)put(f, s, TEXT_ALL, "");
}

void text_put_lines(FILE *f, const char *s)
{
	(void)put(f, s, TEXT_ALL, "\n\t");
}

size_t text_put_cut(FILE *f, const char *s, size_t max)
{
	return put(f, s, max, "");
}

void text_put_column(FILE *f, const char *s, size_t max, size_t width)
{
	size_t n = put(f, s, max, "");

	if (n < width)
		text_put_repeated(f, ' ', width - n);
}

size_t text_width(const char *s)
{
	return put(NULL, s, TEXT_ALL, "");
}

void text_put_repeated(FILE *f, char c, size_t n)
{
	while (n-- > 0)
		fputc(c, f);
}

void text_put_time(FILE *f, uint64_t us)
{
	static const struct {
		uint64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	uint64_t left = us / 1000000 + (us % 1000000 > 0);
	bool begun = false;

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		uint64_t n = left / units[i].seconds;

		left %= units[i].seconds;
		if (n == 0 && !begun && units[i].seconds > 1)
			continue;
		fprintf(f, "%s%" PRIu64 "%c", begun ? " " : "", n, units[i].unit);
		begun = true;
	}
}

void text_put_clock(FILE *f, int64_t wall_us, bool ms)
{
	time_t seconds = (time_t)(wall_us / 1000000);
	char text[40];
	struct tm tm;

	if (wall_us < 0 || !localtime_r(&seconds, &tm) ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0) {
		fprintf(f, "%*s", ms ? 23 : 19, "-");
		return;
	}
	fputs(text, f);
	if (ms)
		fprintf(f, ".%03d", (int)(wall_us % 1000000 / 1000));
}

void text_put_wrapped(FILE *f, const char *s, size_t left, size_t right)
{
	size_t at = left;

	while (*s) {
		size_t n = strcspn(s, " "), width;
		_cleanup_free_ char *word = strndup(s, n);

		if (!word)
			return;
		width = text_width(word);
		if (at > left && at + 1 + width > right) {
			fputc('\n', f);
			text_put_repeated(f, ' ', left);
			at = left;
		} else if (at > left) {
			fputc(' ', f);
			at++;
		}
		text_put(f, word);
		at += width;
		s += n + strspn(s + n, " ");
	}
}

void text_color_start(FILE *f, bool use, enum text_color color)
{
	static const char *const codes[TEXT_COLOR_COUNT_] = {
		[TEXT_GOOD] = "32", [TEXT_WARNING] = "33", [TEXT_BAD] = "31", [TEXT_BOLD] = "1"};

	if (use && codes[color])
		fprintf(f, "\x1b[%sm", codes[color]);
}

void text_color_end(FILE *f, bool use, enum text_color color)
{
	if (use && color != TEXT_PLAIN)
		fputs("\x1b[0m", f);
}
