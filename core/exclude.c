/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Groups that must not, or had better not, be on one node (rule G11). */
#include "core/internal.h"

static bool is_of(const struct core_exclusion_config *rule, uint16_t group)
{
	return rule->groups[group / 8] & 1U << group % 8;
}

/* It may use that node, or may still be there. */
static bool stands_on(const struct core *c, uint16_t group, unsigned int node)
{
	return c->intents[group].owner == node ||
	       place_actual(c, group, node)->state != GROUP_OFFLINE;
}

static bool collides(const struct core *c, uint16_t group, unsigned int node, bool absolute)
{
	for (uint8_t i = 0; i < c->cfg.n_exclusions; i++) {
		const struct core_exclusion_config *rule = &c->cfg.exclusions[i];

		if (rule->absolute != absolute || !is_of(rule, group))
			continue;
		for (uint16_t g = 0; g < c->cfg.n_groups; g++)
			if (g != group && is_of(rule, g) && stands_on(c, g, node))
				return true;
	}
	return false;
}

bool exclude_forbids(const struct core *c, uint16_t group, unsigned int node)
{
	return collides(c, group, node, true);
}

bool exclude_avoids(const struct core *c, uint16_t group, unsigned int node)
{
	return collides(c, group, node, false);
}
