/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Another configuration of the same nodes, without an end (rule C4): everything is carried over
 * by name, and what has no name in the new one is dropped. Indexes change, so rows of peers
 * count again when they have the new objects too (rule C3).
 */
#include "core/internal.h"

#include <errno.h>
#include <string.h>

/* By the index in the new configuration: the one in the old; UINT16_MAX: it is new. */
struct map {
	uint16_t group[GROUPS_MAX], resource[RESOURCES_MAX], monitor[MONITORS_MAX];
};

static bool same_nodes(const struct core_config *a, const struct core_config *b)
{
	if (a->n_nodes != b->n_nodes || a->self != b->self || a->n_links != b->n_links ||
	    a->takeover != b->takeover)
		return false;
	for (uint8_t n = 0; n < a->n_nodes; n++)
		if (!name_is(a->nodes[n].name, b->nodes[n].name) ||
		    a->nodes[n].votes != b->nodes[n].votes ||
		    a->nodes[n].hosts != b->nodes[n].hosts)
			return false;
	return true;
}

static uint16_t find_group(const struct core_config *cfg, const char *name)
{
	for (uint16_t g = 0; g < cfg->n_groups; g++)
		if (name_is(cfg->groups[g].name, name))
			return g;
	return UINT16_MAX;
}

/* The same name, in a group of the same name. */
static uint16_t find_resource(const struct core_config *cfg, const char *name, const char *group)
{
	for (uint16_t i = 0; i < cfg->n_resources; i++)
		if (name_is(cfg->resources[i].name, name) &&
		    name_is(cfg->groups[cfg->resources[i].group].name, group))
			return i;
	return UINT16_MAX;
}

static uint16_t find_monitor(const struct core_config *cfg, const char *name)
{
	for (uint16_t m = 0; m < cfg->n_monitors; m++)
		if (name_is(cfg->monitors[m].name, name))
			return m;
	return UINT16_MAX;
}

static void make_map(const struct core_config *old, const struct core_config *cfg, struct map *map)
{
	for (uint16_t g = 0; g < cfg->n_groups; g++)
		map->group[g] = find_group(old, cfg->groups[g].name);
	for (uint16_t i = 0; i < cfg->n_resources; i++)
		map->resource[i] = find_resource(old, cfg->resources[i].name,
						 cfg->groups[cfg->resources[i].group].name);
	for (uint16_t m = 0; m < cfg->n_monitors; m++)
		map->monitor[m] = find_monitor(old, cfg->monitors[m].name);
}

/*
 * A resource that would be lost, or is something else then, must not run: nobody could stop it
 * any more.
 */
static bool loses_something(const struct core *old, const struct core_config *cfg)
{
	for (uint16_t i = 0; i < old->cfg.n_resources; i++) {
		const struct core_resource_config *r = &old->cfg.resources[i];
		uint16_t now = find_resource(cfg, r->name, old->cfg.groups[r->group].name);

		if (now != UINT16_MAX && cfg->resources[now].address == r->address)
			continue;
		if (old->groups[r->group].state != GROUP_OFFLINE || old->groups[r->group].run)
			return true;
	}
	return false;
}

/* Rule G12: bits count from the first resource of the group. */
static void carry_stopped(const struct core *old, struct core *c, const struct map *map, uint16_t g)
{
	const struct group *now = &c->groups[g];
	uint16_t then = map->group[g];

	memset(c->intents[g].stopped, 0, sizeof c->intents[g].stopped);
	for (uint16_t k = 0; k < now->n; k++) {
		uint16_t from = map->resource[now->first + k], bit;

		if (from == UINT16_MAX)
			continue;
		bit = (uint16_t)(from - old->groups[then].first);
		if (old->intents[then].stopped[bit / 8] & 1U << bit % 8)
			c->intents[g].stopped[k / 8] |= (uint8_t)(1U << k % 8);
	}
}

static void carry_groups(const struct core *old, struct core *c, const struct map *map)
{
	for (uint16_t g = 0; g < c->cfg.n_groups; g++) {
		uint16_t from = map->group[g], first = c->groups[g].first, n = c->groups[g].n;

		if (from == UINT16_MAX)
			continue;
		c->intents[g] = old->intents[from];
		c->groups[g] = old->groups[from];
		c->groups[g].first = first;
		c->groups[g].n = n;
		c->actual_groups[g] = old->actual_groups[from];
		carry_stopped(old, c, map, g);
	}
	for (uint16_t i = 0; i < c->cfg.n_resources; i++) {
		if (map->resource[i] == UINT16_MAX)
			continue;
		c->resources[i] = old->resources[map->resource[i]];
		c->actual_resources[i] = old->actual_resources[map->resource[i]];
	}
	for (uint16_t m = 0; m < c->cfg.n_monitors; m++) {
		if (map->monitor[m] == UINT16_MAX)
			continue;
		c->monitor_intents[m] = old->monitor_intents[map->monitor[m]];
		c->monitors[m] = old->monitors[map->monitor[m]];
		/* it begins anew; until it says otherwise, what it found is so */
		c->monitors[m].run = c->monitors[m].failing = false;
		c->monitors[m].said = c->monitors[m].due = false;
		c->actual_monitors[m] = old->actual_monitors[map->monitor[m]];
	}
}

static void carry_peer(const struct core *old, struct core *c, const struct map *map, uint8_t n)
{
	const struct peer *from = &old->peers[n];
	struct peer *p = &c->peers[n];

	memset(p->groups, 0, sizeof p->groups); /* GROUP_UNKNOWN blocks takeovers */
	memset(p->resources, 0, sizeof p->resources);
	memset(p->monitors, 0, sizeof p->monitors);
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		if (map->group[g] != UINT16_MAX)
			p->groups[g] = from->groups[map->group[g]];
	for (uint16_t i = 0; i < c->cfg.n_resources; i++)
		if (map->resource[i] != UINT16_MAX)
			p->resources[i] = from->resources[map->resource[i]];
	for (uint16_t m = 0; m < c->cfg.n_monitors; m++)
		if (map->monitor[m] != UINT16_MAX)
			p->monitors[m] = from->monitors[map->monitor[m]];
	p->actual_stale = true;
	p->config_differs = p->verified && p->head.config_hash != c->cfg.config_hash;
	p->objects_differ = p->verified && p->head.objects_hash != c->cfg.objects_hash;
	p->config_since = p->objects_differ_since = c->now;
}

/* Commands in hand name objects by index. */
static void carry_requests(const struct core *old, struct core *c, const struct map *map)
{
	for (uint32_t q = 0; q < c->n_queue; q++) {
		struct request *r = &c->queue[q].request;
		const struct request *from = &old->queue[q].request;
		bool monitor =
			r->kind >= REQUEST_MONITOR_SUSPEND && r->kind <= REQUEST_MONITOR_UNFAIL;

		r->group = r->object = UINT16_MAX;
		for (uint16_t g = 0; g < c->cfg.n_groups; g++)
			if (map->group[g] != UINT16_MAX && map->group[g] == from->group)
				r->group = g;
		for (uint16_t i = 0; !monitor && i < c->cfg.n_resources; i++)
			if (map->resource[i] != UINT16_MAX && map->resource[i] == from->object)
				r->object = i;
		for (uint16_t m = 0; monitor && m < c->cfg.n_monitors; m++)
			if (map->monitor[m] != UINT16_MAX && map->monitor[m] == from->object)
				r->object = m;
	}
}

/* What is counted by index starts as in a new core. */
static void reset_objects(struct core *c)
{
	memset(c->intents, 0, sizeof c->intents);
	memset(c->groups, 0, sizeof c->groups);
	memset(c->resources, 0, sizeof c->resources);
	memset(c->actual_groups, 0, sizeof c->actual_groups);
	memset(c->actual_resources, 0, sizeof c->actual_resources);
	memset(c->monitor_intents, 0, sizeof c->monitor_intents);
	memset(c->monitors, 0, sizeof c->monitors);
	memset(c->actual_monitors, 0, sizeof c->actual_monitors);
	restore_defaults(c);
	group_init(c, NULL);
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		c->actual_groups[g].state = GROUP_OFFLINE;
	for (uint16_t i = 0; i < c->cfg.n_resources; i++)
		c->actual_resources[i].state = RESOURCE_OFFLINE;
}

static void carry_over(const struct core *old, struct core *c, const struct map *map)
{
	reset_objects(c);
	carry_groups(old, c, map);
	carry_requests(old, c, map);
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		carry_peer(old, c, map, n);
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		bool had = old->cfg.nodes[n].n_fence_levels, has = c->cfg.nodes[n].n_fence_levels;

		if (had != has && n != c->self) /* what was checked were other devices */
			c->fence_rows[n].check = has ? FENCE_CHECK_UNKNOWN : FENCE_CHECK_NONE;
	}
	if (c->pending_hash == c->cfg.config_hash)
		c->pending_hash = 0;
	c->intent_digest = intent_digest(c);
	c->durable_digest = 0; /* of these indexes nothing was ever written */
	c->actual_digest =
		actual_digest(c, c->actual_groups, c->actual_resources, c->actual_monitors);
	c->persist_wanted = c->groups_dirty = c->place_dirty = c->monitors_dirty = true;
	c->send_wanted = true;
	memset(&c->out, 0, sizeof c->out);
}

int core_reconfigure(const struct core *old, const struct core_config *config, struct core **ret)
{
	_cleanup_free_ struct core *c = NULL;
	_cleanup_free_ struct map *map = NULL;
	int r = core_config_validate(config);

	if (r < 0)
		return r;
	if (!same_nodes(&old->cfg, config))
		return -EINVAL;
	if (loses_something(old, config))
		return -EBUSY;
	c = malloc(sizeof *c);
	map = calloc(1, sizeof *map);
	if (!c || !map)
		return -ENOMEM;
	make_map(&old->cfg, config, map);
	*c = *old;
	c->cfg = *config;
	carry_over(old, c, map);
	*ret = TAKE_PTR(c);
	return 0;
}
