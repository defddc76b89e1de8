/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Key files. What is accepted must be one or two different keys, which read back the same. */
#include "include/hb.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hb_keys keys = {.n = 77}, again;
	char error[HB_ERROR_SIZE] = "";
	char text[2 * (2 * HB_KEY_BYTES + 1) + 1];
	size_t at = 0;
	int r = hb_keys_parse((const char *)data, n, &keys, error);

	if (r < 0) {
		assert(r == -EINVAL && keys.n == 77 && error[0] &&
		       memchr(error, '\0', sizeof error));
		return 0;
	}
	assert(keys.n >= 1 && keys.n <= HB_KEYS_MAX && keys.sign == 0);
	for (unsigned int k = 0; k < keys.n; k++) {
		for (unsigned int i = 0; i < HB_KEY_BYTES; i++)
			at += (size_t)snprintf(text + at, sizeof text - at, "%02x", keys.key[k][i]);
		at += (size_t)snprintf(text + at, sizeof text - at, "\n");
	}
	r = hb_keys_parse(text, at, &again, error);
	assert(r == 0 && memcmp(&keys, &again, sizeof keys) == 0);
	return 0;
}
