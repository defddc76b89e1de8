/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/utf8.h"

#include <stdint.h>

/* By the first byte: the length, and the smallest code point that may be written that long. */
static size_t sequence_length(uint8_t first, uint32_t *ret_least)
{
	if (first < 0x80) {
		*ret_least = 0x20;
		return 1;
	}
	if ((first & 0xe0) == 0xc0) {
		*ret_least = 0xa0; /* 0x80 to 0x9f are control characters too */
		return 2;
	}
	if ((first & 0xf0) == 0xe0) {
		*ret_least = 0x800;
		return 3;
	}
	if ((first & 0xf8) == 0xf0) {
		*ret_least = 0x10000;
		return 4;
	}
	return 0;
}

size_t utf8_printable(const char *s, size_t n)
{
	uint32_t code, least;
	size_t length;

	if (n == 0)
		return 0;
	length = sequence_length((uint8_t)s[0], &least);
	if (length == 0 || length > n)
		return 0;
	code = length == 1 ? (uint8_t)s[0] : (uint8_t)s[0] & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		if (((uint8_t)s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | ((uint8_t)s[i] & 0x3f);
	}
	if (code < least || code == 0x7f || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return length;
}
