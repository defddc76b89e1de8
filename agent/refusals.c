/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/refusals.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Probes that our kernel does not answer are no attack: the agent tells once that the kernel path
 * is missing, and the status shows their number. */
bool refusals_tell(struct refusals *refusals, const uint64_t counts[HB_REFUSAL_COUNT_], ha_time now,
		   char text[REFUSALS_TEXT_SIZE])
{
	uint64_t total = 0;
	size_t n;

	for (unsigned int r = HB_OK + 1; r < HB_REFUSAL_COUNT_; r++)
		total += r == HB_REFUSED_PROBE ? 0 : counts[r] - refusals->told[r];
	if (total == 0 || !ha_time_reached(refusals->next, now))
		return false;
	n = (size_t)snprintf(text, REFUSALS_TEXT_SIZE, "refused %" PRIu64 " datagram%s:", total,
			     total == 1 ? "" : "s");
	for (unsigned int r = HB_OK + 1; r < HB_REFUSAL_COUNT_; r++) {
		uint64_t more = counts[r] - refusals->told[r];

		if (r != HB_REFUSED_PROBE && more > 0 && n < REFUSALS_TEXT_SIZE)
			n += (size_t)snprintf(text + n, REFUSALS_TEXT_SIZE - n, " %" PRIu64 " %s",
					      more, hb_refusal_to_string((enum hb_refusal)r));
	}
	memcpy(refusals->told, counts, sizeof refusals->told);
	refusals->next = ha_time_add(now, REFUSALS_EVERY_US);
	return true;
}
