/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The intent rows that a start begins with. The configuration may have changed since they were
 * written: rows on disk belong to names, and so do the node numbers in them (rule P5).
 */
#include "core/internal.h"

#include <string.h>

/* By the node number of the state on disk: the number now; NODE_NONE if it is gone. */
struct node_map {
	uint8_t now[NODES_MAX];
};

static uint8_t map_node(const struct node_map *map, uint8_t node)
{
	return node < NODES_MAX ? map->now[node] : NODE_NONE;
}

static uint8_t find_node(const struct core *c, const char name[NAME_SIZE])
{
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		if (name_is(c->cfg.nodes[n].name, name))
			return n;
	return NODE_NONE;
}

static uint16_t find_group(const struct core *c, const char name[NAME_SIZE])
{
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		if (name_is(c->cfg.groups[g].name, name))
			return g;
	return UINT16_MAX;
}

static struct request_id map_request(const struct node_map *map, struct request_id id)
{
	const struct request_id none = {.node = NODE_NONE};

	id.node = map_node(map, id.node);
	return id.node == NODE_NONE ? none : id;
}

/* Where the resources of a group began, in the state on disk. */
static uint16_t first_resource(const struct durable_state *d, uint16_t group)
{
	uint16_t i = 0;

	while (i < d->n_resources && i < RESOURCES_MAX && d->resource_groups[i] != group)
		i++;
	return i;
}

/* Rule G12: bit i of a row meant the resource of that name, wherever it is now. */
static void map_stopped(struct core *c, const struct durable_state *d, uint16_t then, uint16_t now)
{
	const uint8_t *bits = d->group_intents[then].stopped;
	struct group_intent *row = &c->intents[now];
	uint16_t first = first_resource(d, then), k = 0;

	memset(row->stopped, 0, sizeof row->stopped);
	for (uint16_t i = 0; i < c->cfg.n_resources; i++) {
		const struct core_resource_config *r = &c->cfg.resources[i];

		if (r->group != now)
			continue;
		for (uint16_t j = first;
		     j < d->n_resources && j < RESOURCES_MAX && d->resource_groups[j] == then; j++)
			if ((bits[(j - first) / 8] & 1U << (j - first) % 8) &&
			    name_is(r->name, d->resource_names[j]))
				row->stopped[k / 8] |= (uint8_t)(1U << k % 8);
		k++;
	}
}

static void restore_groups(struct core *c, const struct durable_state *durable,
			   const struct node_map *map)
{
	for (uint16_t i = 0; i < durable->n_groups && i < GROUPS_MAX; i++) {
		uint16_t g = find_group(c, durable->group_names[i]);

		if (g == UINT16_MAX)
			continue;
		c->intents[g] = durable->group_intents[i];
		c->intents[g].request = map_request(map, c->intents[g].request);
		c->intents[g].owner = map_node(map, c->intents[g].owner);
		c->intents[g].target = map_node(map, c->intents[g].target);
		map_stopped(c, durable, i, g);
	}
}

static node_mask map_nodes(const struct node_map *map, node_mask nodes)
{
	node_mask mask = 0;
	unsigned int n;

	node_mask_for_each (n, nodes)
		mask |= map->now[n] == NODE_NONE ? 0 : node_bit(map->now[n]);
	return mask;
}

static void restore_monitors(struct core *c, const struct durable_state *durable,
			     const struct node_map *map)
{
	for (uint16_t i = 0; i < durable->n_monitors && i < MONITORS_MAX; i++)
		for (uint16_t m = 0; m < c->cfg.n_monitors; m++) {
			struct monitor_intent *row = &c->monitor_intents[m];

			if (!name_is(c->cfg.monitors[m].name, durable->monitor_names[i]))
				continue;
			*row = durable->monitor_intents[i];
			row->request = map_request(map, row->request);
			row->suspended = map_nodes(map, row->suspended);
			row->failing = map_nodes(map, row->failing);
			break;
		}
}

void restore_defaults(struct core *c)
{
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		c->intents[g] = (struct group_intent){
			.wanted = c->cfg.groups[g].autostart ? WANTED_ONLINE : WANTED_OFFLINE,
			.owner = NODE_NONE,
			.target = NODE_NONE,
			.attempt = 1,
			.request.node = NODE_NONE,
		};
	for (uint16_t m = 0; m < MONITORS_MAX; m++)
		c->monitor_intents[m].request.node = NODE_NONE;
}

void restore_intents(struct core *c, const struct durable_state *durable)
{
	struct node_map map;

	restore_defaults(c);
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		c->node_intents[n] = (struct node_intent){
			.wanted = WANTED_ONLINE,
			.request.node = NODE_NONE,
		};
	c->cluster.request.node = NODE_NONE;
	if (!durable)
		return;
	memset(&map, NODE_NONE, sizeof map);
	for (uint8_t i = 0; i < durable->n_nodes && i < NODES_MAX; i++)
		map.now[i] = find_node(c, durable->node_names[i]);
	restore_groups(c, durable, &map);
	restore_monitors(c, durable, &map);
	c->cluster = durable->cluster;
	c->cluster.request = map_request(&map, c->cluster.request);
	ratio_begin(c, durable->ratio_left_us); /* rule R6 */
	for (uint8_t i = 0; i < durable->n_nodes && i < NODES_MAX; i++) {
		if (map.now[i] == NODE_NONE)
			continue;
		c->node_intents[map.now[i]] = durable->node_intents[i];
		c->node_intents[map.now[i]].request =
			map_request(&map, durable->node_intents[i].request);
	}
}
