/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_UTIL_UTF8_H
#define HF_UTIL_UTF8_H

/* Text from programs and files that is to be shown or put into JSON. Pure. */

#include <stddef.h>

/*
 * Length of the character at `s`, of which `n` bytes may be read: 1 to 4. 0 if there is none that
 * may be shown: a control character, broken or cut UTF-8, or n is 0.
 */
size_t utf8_printable(const char *s, size_t n);

#endif
