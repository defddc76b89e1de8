/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/config.h"

uint64_t config_fence_level_us(const struct config *config, uint8_t node, uint8_t level)
{
	const struct fence_level_config *l;
	uint64_t longest = 0;

	if (node >= config->n_nodes || level >= config->nodes[node].n_fence_levels)
		return 0;
	l = &config->nodes[node].fence[level];
	for (uint8_t i = 0; i < l->n_devices; i++) {
		uint64_t us = 0;

		for (uint8_t k = 0; k < l->n_devices; k++)
			if (l->devices[k].device == l->devices[i].device)
				us += config->fencing.devices[l->devices[k].device].timeout_us;
		if (us > longest)
			longest = us;
	}
	return longest;
}
