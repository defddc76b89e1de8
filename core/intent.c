/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Intent rows: merging, versions, digests, and what goes to disk (rules N1, N2, P1 to P4). */
#include "core/internal.h"
#include "util/hash.h"

#include <string.h>

static uint64_t hash_version(uint64_t h, const struct version *v)
{
	return hash64_u64(hash64_u64(h, v->epoch), v->counter);
}

/* Rows that nobody has written yet come from the configuration and do not count. */
uint64_t intent_digest(const struct core *c)
{
	uint64_t h = HASH64_INIT;

	for (uint16_t i = 0; i < c->cfg.n_groups; i++) {
		const struct group_intent *g = &c->intents[i];

		if (!g->version.epoch)
			continue;
		h = hash_version(hash64_u64(h, i), &g->version);
		h = hash64_u64(h, (uint64_t)g->wanted << 32 | (uint64_t)g->owner << 24 |
					  (uint64_t)g->target << 16 | (uint64_t)g->cause << 8 |
					  g->attempt);
		h = hash64_u64(h, g->failovers);
		h = hash64(h, g->stopped, (c->groups[i].n + 7U) / 8);
	}
	for (uint8_t i = 0; i < c->cfg.n_nodes; i++) {
		const struct node_intent *n = &c->node_intents[i];

		if (!n->version.epoch)
			continue;
		h = hash_version(hash64_u64(h, 1000U + i), &n->version);
		h = hash64_u64(hash64_u64(h, n->incarnation), (uint64_t)n->power << 8 | n->wanted);
	}
	for (uint16_t i = 0; i < c->cfg.n_monitors; i++) {
		const struct monitor_intent *m = &c->monitor_intents[i];

		if (!m->version.epoch)
			continue;
		h = hash_version(hash64_u64(h, 2000U + i), &m->version);
		h = hash64_u64(h, (uint64_t)m->suspended << 32 | m->failing);
	}
	return operate_hash(h, &c->cluster);
}

uint64_t actual_digest(const struct core *c, const struct group_actual *groups,
		       const struct resource_actual *resources,
		       const struct monitor_actual *monitors)
{
	uint64_t h = HASH64_INIT;

	for (uint16_t i = 0; i < c->cfg.n_groups; i++) {
		h = hash64_u64(h, groups[i].since.us);
		h = hash64_u64(
			h, (uint64_t)groups[i].by_monitor << 24 | (uint64_t)groups[i].halted << 16 |
				   (uint64_t)groups[i].state << 8 | groups[i].failed_attempt);
	}
	for (uint16_t i = 0; i < c->cfg.n_resources; i++)
		h = hash64_u64(h, (uint64_t)resources[i].state << 8 | resources[i].failures);
	for (uint16_t i = 0; i < c->cfg.n_monitors; i++)
		h = hash64_u64(
			h, (uint64_t)monitors[i].final << 24 | (uint64_t)monitors[i].status << 16 |
				   (uint64_t)monitors[i].restarts << 8 | monitors[i].failovers);
	return h;
}

/* Our copy of its actual rows is what it said last. */
bool peer_actual_complete(struct core *c, unsigned int node)
{
	struct peer *p = &c->peers[node];

	if (p->actual_stale) {
		p->actual_digest = actual_digest(c, p->groups, p->resources, p->monitors);
		p->actual_stale = false;
	}
	return p->verified && p->actual_digest == p->head.actual_digest;
}

void intent_changed(struct core *c)
{
	c->intent_digest = intent_digest(c);
	c->persist_wanted = true;
	c->place_dirty = c->groups_dirty = c->again = true;
}

struct version intent_next_version(struct core *c)
{
	return (struct version){.epoch = c->installed.epoch, .counter = ++c->counter};
}

static void node_row_changed(struct core *c, uint8_t node, const struct node_intent *row)
{
	const struct request_id *former = &c->node_intents[node].request;
	bool new_command = former->node != row->request.node ||
			   former->incarnation != row->request.incarnation ||
			   former->number != row->request.number;

	c->node_intents[node] = *row;
	if (new_command && row->wanted == WANTED_ONLINE)
		detect_release(c, node);
}

void intent_merge(struct core *c, const struct vector *v)
{
	bool changed = monitor_merge(c, v);

	for (uint16_t i = 0; i < v->n_groups; i++) {
		const struct group_intent *row = &v->group_intents[i];
		unsigned int g = v->first_group + i;

		if (g >= c->cfg.n_groups ||
		    version_compare(&row->version, &c->intents[g].version) <= 0)
			continue;
		lease_row_heard(c, v->head.node, row->version.epoch);
		c->intents[g] = *row;
		if (row->version.epoch > c->epoch_seen)
			c->epoch_seen = row->version.epoch;
		changed = true;
	}
	for (uint16_t i = 0; i < v->n_nodes; i++) {
		const struct node_intent *row = &v->node_intents[i];
		unsigned int n = v->first_node + i;

		if (n >= c->cfg.n_nodes ||
		    version_compare(&row->version, &c->node_intents[n].version) <= 0)
			continue;
		lease_row_heard(c, v->head.node, row->version.epoch);
		if (row->version.epoch > c->epoch_seen)
			c->epoch_seen = row->version.epoch;
		node_row_changed(c, (uint8_t)n, row);
		changed = true;
	}
	if (changed)
		intent_changed(c);
}

/* How far ahead the reserve should be (rule P2). */
static uint64_t reserve_goal(const struct core *c)
{
	return c->epoch_seen + EPOCH_BLOCK;
}

void persist_step(struct core *c)
{
	if (c->epoch_seen + EPOCH_BLOCK / 2 > c->reserve &&
	    c->epoch_seen + EPOCH_BLOCK / 2 > c->reserve_in_flight)
		c->persist_wanted = true;
	ratio_lower_lease_max(c);
	if (!c->persist_wanted || c->persist_busy || !ha_time_reached(c->persist_after, c->now))
		return;
	c->persist_wanted = false;
	c->persist_busy = true;
	c->generation_in_flight = ++c->generation;
	c->reserve_in_flight = reserve_goal(c);
	ratio_persist_begun(c);
	c->digest_in_flight = c->intent_digest;
	c->incarnation_in_flight = c->incarnation;
	core_act(c, CORE_ACTION_PERSIST);
}

static void store_failed(struct core *c, int error)
{
	c->persist_wanted = true;
	c->persist_after = ha_time_add(c->now, STORE_RETRY_US);
	c->reserve_in_flight = 0;
	if (!c->store_failed)
		core_say(c, EVENT_STORE_FAILED, c->self)->arg[0] = (uint64_t)-error;
	c->store_failed = true;
}

void persist_done(struct core *c, uint64_t generation, int result)
{
	if (!c->persist_busy || generation != c->generation_in_flight)
		return;
	c->persist_busy = false;
	if (result < 0) {
		store_failed(c, result);
		return;
	}
	if (c->store_failed)
		core_say(c, EVENT_STORE_RECOVERED, c->self);
	c->store_failed = false;
	c->reserve = c->reserve_in_flight;
	c->durable_digest = c->digest_in_flight;
	c->lease_max_durable = c->lease_max_in_flight;
	if (c->incarnation_in_flight == c->incarnation && !c->ready) {
		c->ready = true;
		c->next_beat = c->now;
	}
	c->place_dirty = true;
}

void core_durable(const struct core *c, struct durable_state *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->generation = c->generation_in_flight;
	ret->incarnation = c->incarnation_in_flight;
	ret->epoch_reserve = c->reserve_in_flight;
	ret->lease_max_us = c->lease_max_in_flight;
	ret->cluster = c->cluster;
	ret->ratio_left_us = ratio_left_us(c, c->now);
	ret->n_groups = c->cfg.n_groups;
	ret->n_nodes = c->cfg.n_nodes;
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		memcpy(ret->group_names[g], c->cfg.groups[g].name, NAME_SIZE);
	ret->n_resources = c->cfg.n_resources;
	for (uint16_t i = 0; i < c->cfg.n_resources; i++) {
		memcpy(ret->resource_names[i], c->cfg.resources[i].name, NAME_SIZE);
		ret->resource_groups[i] = c->cfg.resources[i].group;
	}
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		memcpy(ret->node_names[n], c->cfg.nodes[n].name, NAME_SIZE);
	memcpy(ret->group_intents, c->intents, sizeof c->intents);
	memcpy(ret->node_intents, c->node_intents, sizeof c->node_intents);
	ret->n_monitors = c->cfg.n_monitors;
	for (uint16_t i = 0; i < c->cfg.n_monitors; i++)
		memcpy(ret->monitor_names[i], c->cfg.monitors[i].name, NAME_SIZE);
	memcpy(ret->monitor_intents, c->monitor_intents, sizeof c->monitor_intents);
}
