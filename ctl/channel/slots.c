/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/channel/internal.h"

/* A node that has less than its kept share always gets one more; beyond it only what the kept
 * shares of all others leave. */
bool slots_inbound(const uint8_t open[NODES_MAX], uint8_t n_nodes, uint8_t self, uint8_t node)
{
	unsigned int taken = 0;

	if (open[node] >= CHANNEL_INBOUND_NODE_MAX)
		return false;
	if (open[node] < CHANNEL_INBOUND_NODE_KEPT)
		return true;
	for (uint8_t n = 0; n < n_nodes; n++) {
		bool other = n != node && n != self;

		taken += other && open[n] < CHANNEL_INBOUND_NODE_KEPT ? CHANNEL_INBOUND_NODE_KEPT
								      : open[n];
	}
	return taken < CHANNEL_INBOUND_MAX;
}

bool slots_client(const struct client_counts *counts, uid_t uid)
{
	if (uid == 0)
		return counts->all < CHANNEL_CLIENTS_MAX;
	return counts->same < CHANNEL_CLIENTS_UID_MAX &&
	       counts->others < CHANNEL_CLIENTS_MAX - CHANNEL_CLIENTS_ROOT;
}
