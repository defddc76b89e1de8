/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the coordinator makes of commands about groups and resources (rules N4, G8 to G13). */
#include "core/internal.h"

#include <string.h>

static bool active(uint8_t state)
{
	return state == GROUP_STARTING || state == GROUP_ONLINE;
}

/* The member where it is active; NODE_NONE if on none. */
static uint8_t active_on(const struct core *c, uint16_t group)
{
	unsigned int n;

	node_mask_for_each (n, c->installed.members) {
		if (active(place_actual(c, group, n)->state))
			return (uint8_t)n;
	}
	return NODE_NONE;
}

static bool all_offline(const struct core *c, uint16_t group)
{
	unsigned int n;

	node_mask_for_each (n, c->installed.members) {
		if (place_actual(c, group, n)->state != GROUP_OFFLINE)
			return false;
	}
	return true;
}

/* It runs by order, and only there: what is to change can change in place. */
static bool settled(const struct core *c, uint16_t group)
{
	const struct group_intent *row = &c->intents[group];

	return row->owner != NODE_NONE && active_on(c, group) == row->owner &&
	       !place_failed(c, group, row->owner);
}

/* An order: whatever is known of failures is forgotten (rules G6, G8, G10). */
static void write_group_row(struct core *c, const struct request *r, uint16_t group, uint8_t wanted)
{
	struct group_intent *row = &c->intents[group];

	row->version = intent_next_version(c);
	row->request = r->id;
	row->wanted = wanted;
	row->attempt = next_attempt(row->attempt);
	row->failovers = 0;
	intent_changed(c);
}

/* The same, and it is placed anew, best at `target`. */
static void place_anew(struct core *c, const struct request *r, uint16_t group, uint8_t target)
{
	struct group_intent *row = &c->intents[group];

	row->owner = NODE_NONE;
	row->target = target;
	row->cause = CAUSE_ADMIN;
	write_group_row(c, r, group, WANTED_ONLINE);
}

static bool in_list(const struct core_group_config *g, uint8_t node)
{
	for (uint8_t i = 0; i < g->n_nodes; i++)
		if (g->nodes[i] == node)
			return true;
	return false;
}

/* A named target must be in the group's list and be able to take it now. */
static uint8_t check_target(const struct core *c, uint16_t group, uint8_t target)
{
	if (target == NODE_NONE)
		return ANSWER_NONE;
	if (!in_list(&c->cfg.groups[group], target) || !c->cfg.nodes[target].hosts)
		return ANSWER_BAD_TARGET;
	uint8_t mode = is_self(c, target) ? c->mode : c->peers[target].head.mode;
	if (!node_mask_has(c->installed.members, target) || mode != NODE_MODE_ONLINE ||
	    place_leaves(c, target))
		return ANSWER_TARGET_DOWN;
	if (exclude_forbids(c, group, target))
		return ANSWER_EXCLUDED;
	return monitor_critical_error(c, target) ? ANSWER_UNFIT : ANSWER_NONE;
}

/* ---- single resources (rule G12) ---- */

static bool is_stopped(const struct group_intent *row, unsigned int i)
{
	return row->stopped[i / 8] & 1U << i % 8;
}

static void set_stopped(struct group_intent *row, unsigned int i, bool stopped)
{
	row->stopped[i / 8] =
		(uint8_t)((row->stopped[i / 8] & ~(1U << i % 8)) | (unsigned int)stopped << i % 8);
}

static bool any_stopped(const struct core *c, uint16_t group)
{
	for (uint16_t i = 0; i < c->groups[group].n; i++)
		if (is_stopped(&c->intents[group], i))
			return true;
	return false;
}

static bool depends(const struct core *c, uint16_t dependent, uint16_t on)
{
	const struct core_resource_config *r = &c->cfg.resources[dependent];

	for (uint8_t d = 0; d < r->n_deps; d++)
		if (r->deps[d] == on)
			return true;
	return false;
}

/* The bits of `index` and of all that depends on it are set, or those of what it depends on
 * cleared. True if one has changed. */
static bool mark(struct core *c, uint16_t index, bool stopped)
{
	uint16_t group = c->cfg.resources[index].group, first = c->groups[group].first;
	uint16_t end = (uint16_t)(first + c->groups[group].n);
	struct group_intent *row = &c->intents[group];
	bool concerned[RESOURCES_MAX] = {false}, changed = false;

	concerned[index] = true;
	for (uint16_t i = index; stopped && i < end; i++)
		for (uint16_t j = (uint16_t)(i + 1); concerned[i] && j < end; j++)
			concerned[j] |= depends(c, j, i);
	for (uint16_t i = index; !stopped && i-- > first;)
		for (uint16_t j = (uint16_t)(i + 1); j <= index; j++)
			concerned[i] |= concerned[j] && depends(c, j, i);
	for (uint16_t i = first; i < end; i++) {
		if (!concerned[i] || is_stopped(row, i - first) == stopped)
			continue;
		set_stopped(row, i - first, stopped);
		changed = true;
	}
	return changed;
}

/* Something of it gave up, so that an order to start it again has a meaning. */
static bool has_failed(const struct core *c, uint16_t first, uint16_t end, uint8_t node)
{
	for (uint16_t i = first; i < end; i++) {
		enum resource_state state = core_resource_state(c, i, node);

		if (state == RESOURCE_START_FAILED || state == RESOURCE_STOP_FAILED)
			return true;
	}
	return false;
}

static bool group_has_failed(const struct core *c, uint16_t group)
{
	const struct group *g = &c->groups[group];

	return has_failed(c, g->first, (uint16_t)(g->first + g->n), c->intents[group].owner);
}

static uint8_t resource_start_command(struct core *c, const struct request *r)
{
	uint16_t group = c->cfg.resources[r->object].group;
	struct group_intent *row = &c->intents[group];
	uint8_t code = check_target(c, group, r->target);

	if (code != ANSWER_NONE)
		return code;
	bool wanted = row->wanted == WANTED_ONLINE, here = settled(c, group);
	bool failed = here && has_failed(c, r->object, (uint16_t)(r->object + 1), row->owner);
	for (uint16_t i = 0; !wanted && i < c->groups[group].n; i++)
		set_stopped(row, i, true);
	if (!mark(c, r->object, false) && wanted && here && !failed)
		return ANSWER_NOTHING_TO_DO;
	if (here)
		write_group_row(c, r, group, WANTED_ONLINE);
	else
		place_anew(c, r, group, r->target);
	return ANSWER_NONE;
}

static uint8_t resource_stop_command(struct core *c, const struct request *r)
{
	uint16_t group = c->cfg.resources[r->object].group;
	struct group_intent *row = &c->intents[group];
	bool stuck = row->owner != NODE_NONE &&
		     core_resource_state(c, r->object, row->owner) == RESOURCE_STOP_FAILED;

	if (row->wanted == WANTED_OFFLINE || (!mark(c, r->object, true) && !stuck))
		return ANSWER_NOTHING_TO_DO;
	row->version = intent_next_version(c);
	row->request = r->id;
	if (stuck) /* a new attempt tries it again at once (rule G15) */
		row->attempt = next_attempt(row->attempt);
	intent_changed(c);
	return ANSWER_NONE;
}

/* ---- groups ---- */

static uint8_t group_start(struct core *c, const struct request *r)
{
	struct group_intent *row = &c->intents[r->group];
	uint8_t code = check_target(c, r->group, r->target);
	bool whole = !any_stopped(c, r->group);

	if (code != ANSWER_NONE)
		return code;
	if (row->wanted == WANTED_ONLINE && active_on(c, r->group) != NODE_NONE && whole &&
	    !(settled(c, r->group) && group_has_failed(c, r->group)))
		return ANSWER_NOTHING_TO_DO;
	memset(row->stopped, 0, sizeof row->stopped);
	if (settled(c, r->group) && (r->target == NODE_NONE || r->target == row->owner))
		write_group_row(c, r, r->group, WANTED_ONLINE);
	else
		place_anew(c, r, r->group, r->target);
	return ANSWER_NONE;
}

static uint8_t group_stop(struct core *c, const struct request *r)
{
	struct group_intent *row = &c->intents[r->group];

	if (row->wanted == WANTED_OFFLINE && all_offline(c, r->group))
		return ANSWER_NOTHING_TO_DO;
	row->wanted = WANTED_OFFLINE;
	/* rule G13: who waits keeps its owner; the order is in the row all the same */
	if (row->owner != NODE_NONE && wait_stop_for(c, r->group) == UINT16_MAX)
		row->owner = NODE_NONE;
	row->target = NODE_NONE;
	row->cause = CAUSE_ADMIN;
	write_group_row(c, r, r->group, WANTED_OFFLINE);
	return ANSWER_NONE;
}

/* The next one of the group's list after `current` that can take it, best in good company. */
static uint8_t next_target(const struct core *c, uint16_t group, uint8_t current)
{
	const struct core_group_config *g = &c->cfg.groups[group];
	uint8_t at = 0, second = NODE_NONE;

	for (uint8_t i = 0; i < g->n_nodes; i++)
		if (g->nodes[i] == current)
			at = i;
	for (uint8_t i = 1; i <= g->n_nodes; i++) {
		uint8_t n = g->nodes[(at + i) % g->n_nodes];

		if (n == current || check_target(c, group, n) != ANSWER_NONE)
			continue;
		if (!exclude_avoids(c, group, n) && !monitor_any_error(c, n))
			return n;
		if (second == NODE_NONE)
			second = n;
	}
	return second;
}

static uint8_t group_move(struct core *c, const struct request *r)
{
	uint8_t code = check_target(c, r->group, r->target), target = r->target;
	uint8_t current = active_on(c, r->group);

	if (code != ANSWER_NONE)
		return code;
	if (c->intents[r->group].wanted != WANTED_ONLINE)
		return ANSWER_OFFLINE;
	if (target == NODE_NONE)
		target = next_target(c, r->group, current);
	if (target == NODE_NONE)
		return ANSWER_NO_TARGET;
	if (target == current)
		return ANSWER_NOTHING_TO_DO;
	if (current != NODE_NONE && place_unproven(c))
		return ANSWER_UNPROVEN; /* it would be stopped, and could not be started again */
	place_anew(c, r, r->group, target);
	return ANSWER_NONE;
}

uint16_t command_group(const struct core *c, const struct request *r)
{
	switch (r->kind) {
	case REQUEST_GROUP_START:
	case REQUEST_GROUP_STOP:
	case REQUEST_GROUP_MOVE:
		return r->group < c->cfg.n_groups ? r->group : UINT16_MAX;
	case REQUEST_RESOURCE_START:
	case REQUEST_RESOURCE_STOP:
		return r->object < c->cfg.n_resources ? c->cfg.resources[r->object].group
						      : UINT16_MAX;
	default:
		return UINT16_MAX;
	}
}

uint8_t command_carry_out(struct core *c, const struct request *r)
{
	switch (r->kind) {
	case REQUEST_GROUP_START:
		return group_start(c, r);
	case REQUEST_GROUP_STOP:
		return group_stop(c, r);
	case REQUEST_GROUP_MOVE:
		return group_move(c, r);
	case REQUEST_RESOURCE_START:
		return resource_start_command(c, r);
	case REQUEST_RESOURCE_STOP:
		return resource_stop_command(c, r);
	default:
		return ANSWER_BAD_TARGET;
	}
}
