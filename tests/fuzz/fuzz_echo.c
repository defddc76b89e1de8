/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ICMP packets from the network: no crash, and only echo replies of ours are taken. */
#include "agent/monitor_parse.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct echo echo;

	for (int v6 = 0; v6 < 2; v6++)
		for (int header = 0; header < 2; header++) {
			if (echo_parse(data, size, v6, header, &echo) < 0)
				continue;
			assert(size >= ECHO_SIZE + (header ? 20U : 0U));
		}
	return 0;
}
