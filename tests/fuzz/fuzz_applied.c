/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file config.applied: what is accepted lies within its limits. */
#include "agent/files.h"
#include "include/cluster.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_applied applied;
	char text[256];

	if (size >= sizeof text)
		size = sizeof text - 1;
	memcpy(text, data, size);
	text[size] = '\0';
	if (files_parse_applied(text, &applied) == 0)
		assert(applied.generation <= EPOCH_MAX);
	return 0;
}
