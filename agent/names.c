/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/agent.h"

const char *names_node(const struct config *config, uint8_t node)
{
	return node < config->n_nodes ? config->nodes[node].name : NULL;
}

static const char *node_name(void *userdata, uint8_t node)
{
	return names_node(userdata, node);
}

static const char *group_name(void *userdata, uint16_t group)
{
	const struct config *config = userdata;

	return group < config->n_groups ? config->groups[group].name : NULL;
}

static const char *resource_name(void *userdata, uint16_t resource)
{
	const struct config *config = userdata;

	return resource < config->n_resources ? config->resources[resource].name : NULL;
}

static const char *monitor_name(void *userdata, uint16_t monitor)
{
	const struct config *config = userdata;

	return monitor < config->n_monitors ? config->monitors[monitor].name : NULL;
}

struct event_names names_of(const struct config *config)
{
	return (struct event_names){
		.node = node_name,
		.group = group_name,
		.resource = resource_name,
		.monitor = monitor_name,
		.userdata = (void *)(uintptr_t)config, /* only read */
	};
}
