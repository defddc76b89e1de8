/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_FENCE_OUTPUT_H
#define HF_AGENT_FENCE_OUTPUT_H

/* What a fence agent prints, and what of it may be shown. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FENCE_SECRETS_MAX 64

/* Values that are never shown. */
struct fence_secrets {
	size_t n;
	const char *value[FENCE_SECRETS_MAX];
};

/* The newest `size` bytes of it. */
struct fence_output {
	char *data;
	size_t size, n;
	uint64_t total;
};

void fence_output_add(struct fence_output *output, const char *data, size_t n);
/*
 * The last line that is not empty, as printable text with each secret blanked out; "" if there is
 * none. Whatever was cut off in front, perhaps within a secret, is not shown.
 */
void fence_output_text(const struct fence_output *output, const struct fence_secrets *secrets,
		       char *text, size_t size);
/* The same for any text: of several lines the last one. */
void fence_text_clean(const char *data, size_t n, const struct fence_secrets *secrets, char *text,
		      size_t size);
/* The word "off" is in it, or it is empty. A `status` that ends with 2 for another reason (a shell
 * or an interpreter that found a mistake does so) always prints something. */
bool fence_output_allows_off(const struct fence_output *output);

#endif
