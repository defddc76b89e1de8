/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the coordinator makes of commands about groups and resources (rules N4, G8 to G12). */
#include "core/internal.h"

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

static void write_group_row(struct core *c, const struct request *r, uint8_t wanted, uint8_t target)
{
	struct group_intent *row = &c->intents[r->group];

	row->version = intent_next_version(c);
	row->request = r->id;
	row->wanted = wanted;
	row->owner = NODE_NONE;
	row->target = target;
	row->cause = CAUSE_ADMIN;
	row->attempt = next_attempt(row->attempt);
	intent_changed(c);
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
	return node_mask_has(c->installed.members, target) && mode == NODE_MODE_ONLINE
		       ? ANSWER_NONE
		       : ANSWER_TARGET_DOWN;
}

static uint8_t group_start(struct core *c, const struct request *r)
{
	uint8_t code = check_target(c, r->group, r->target);

	if (code != ANSWER_NONE)
		return code;
	if (c->intents[r->group].wanted == WANTED_ONLINE && active_on(c, r->group) != NODE_NONE)
		return ANSWER_NOTHING_TO_DO;
	write_group_row(c, r, WANTED_ONLINE, r->target);
	return ANSWER_NONE;
}

static uint8_t group_stop(struct core *c, const struct request *r)
{
	if (c->intents[r->group].wanted == WANTED_OFFLINE && all_offline(c, r->group))
		return ANSWER_NOTHING_TO_DO;
	write_group_row(c, r, WANTED_OFFLINE, NODE_NONE);
	return ANSWER_NONE;
}

/* The next one of the group's list after `current` that can take it. */
static uint8_t next_target(const struct core *c, uint16_t group, uint8_t current)
{
	const struct core_group_config *g = &c->cfg.groups[group];
	uint8_t at = 0;

	for (uint8_t i = 0; i < g->n_nodes; i++)
		if (g->nodes[i] == current)
			at = i;
	for (uint8_t i = 1; i <= g->n_nodes; i++) {
		uint8_t n = g->nodes[(at + i) % g->n_nodes];

		if (n != current && check_target(c, group, n) == ANSWER_NONE)
			return n;
	}
	return NODE_NONE;
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
	write_group_row(c, r, WANTED_ONLINE, target);
	return ANSWER_NONE;
}

uint8_t command_carry_out(struct core *c, const struct request *r)
{
	switch ((enum request_kind)r->kind) {
	case REQUEST_GROUP_START:
		return group_start(c, r);
	case REQUEST_GROUP_STOP:
		return group_stop(c, r);
	case REQUEST_GROUP_MOVE:
		return group_move(c, r);
	default:
		return ANSWER_BAD_TARGET;
	}
}
