/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/trace_format.h"

#include <string.h>

struct hb_limits trace_limits(const struct core_config *config)
{
	return (struct hb_limits){
		.n_nodes = config->n_nodes,
		.n_groups = config->n_groups,
		.n_resources = config->n_resources,
	};
}

/* ---- writing ---- */

static void put_name(struct buf_writer *w, const char name[NAME_SIZE])
{
	size_t n = strnlen(name, NAME_SIZE - 1);

	buf_put_u8(w, (uint8_t)n);
	buf_put_bytes(w, name, n);
}

static void put_timing(struct buf_writer *w, const struct core_config *c)
{
	const uint64_t us[] = {c->interval_us,	     c->timeout_us,	 c->lease_us,
			       c->lease_margin_us,   c->startup_wait_us, c->request_timeout_us,
			       c->flap_window_us,    c->quarantine_us,	 c->quarantine_max_us,
			       c->failure_expiry_us, c->config_hash,	 c->safety_hash};

	for (size_t i = 0; i < sizeof us / sizeof us[0]; i++)
		buf_put_u64(w, us[i]);
	buf_put_u32(w, c->drift_ppm);
	buf_put_u32(w, c->late_percent);
	buf_put_u32(w, c->flap_limit);
}

static void put_resource(struct buf_writer *w, const struct core_resource_config *r)
{
	put_name(w, r->name);
	buf_put_u16(w, r->group);
	buf_put_u8(w, r->address);
	buf_put_u8(w, r->start_retries);
	buf_put_u8(w, r->n_deps);
	for (uint8_t d = 0; d < r->n_deps; d++)
		buf_put_u16(w, r->deps[d]);
	buf_put_u64(w, r->start_timeout_us);
	buf_put_u64(w, r->stop_timeout_us);
}

void trace_put_config(struct buf_writer *w, const struct trace_start *start)
{
	const struct core_config *c = &start->config;

	buf_put_u64(w, start->now.us);
	buf_put_u8(w, c->n_nodes);
	buf_put_u8(w, c->self);
	buf_put_u8(w, c->n_links);
	buf_put_u16(w, c->n_groups);
	buf_put_u16(w, c->n_resources);
	buf_put_u8(w, c->takeover);
	put_timing(w, c);
	for (uint8_t n = 0; n < c->n_nodes; n++) {
		put_name(w, c->nodes[n].name);
		buf_put_u32(w, c->nodes[n].votes);
		buf_put_u8(w, c->nodes[n].hosts);
	}
	for (uint16_t g = 0; g < c->n_groups; g++) {
		put_name(w, c->groups[g].name);
		buf_put_u8(w, c->groups[g].autostart);
		buf_put_u8(w, c->groups[g].n_nodes);
		buf_put_bytes(w, c->groups[g].nodes, c->groups[g].n_nodes);
	}
	for (uint16_t i = 0; i < c->n_resources; i++) {
		put_resource(w, &c->resources[i]);
		buf_put_u8(w, start->leftovers[i]);
	}
}

static void put_row_head(struct buf_writer *w, const struct version *version,
			 const struct request_id *request)
{
	buf_put_u64(w, version->epoch);
	buf_put_u32(w, version->counter);
	buf_put_u64(w, request->incarnation);
	buf_put_u32(w, request->number);
	buf_put_u8(w, request->node);
}

void trace_put_durable(struct buf_writer *w, const struct durable_state *durable)
{
	buf_put_u64(w, durable->generation);
	buf_put_u64(w, durable->incarnation);
	buf_put_u64(w, durable->epoch_reserve);
	buf_put_u64(w, durable->lease_max_us);
	buf_put_u16(w, durable->n_groups);
	buf_put_u16(w, durable->n_nodes);
	for (uint16_t g = 0; g < durable->n_groups; g++) {
		const struct group_intent *row = &durable->group_intents[g];

		put_name(w, durable->group_names[g]);
		put_row_head(w, &row->version, &row->request);
		buf_put_u8(w, row->wanted);
		buf_put_u8(w, row->owner);
		buf_put_u8(w, row->target);
		buf_put_u8(w, row->cause);
		buf_put_u8(w, row->attempt);
	}
	for (uint16_t n = 0; n < durable->n_nodes; n++) {
		put_name(w, durable->node_names[n]);
		put_row_head(w, &durable->node_intents[n].version,
			     &durable->node_intents[n].request);
		buf_put_u64(w, durable->node_intents[n].incarnation);
		buf_put_u8(w, durable->node_intents[n].wanted);
	}
}

/* ---- reading ---- */

static void get_name(struct buf_reader *r, char name[NAME_SIZE])
{
	uint8_t n = buf_get_u8(r);

	if (n >= NAME_SIZE) {
		r->bad = true;
		n = 0;
	}
	memset(name, 0, NAME_SIZE);
	buf_get_bytes(r, name, n);
}

static void get_timing(struct buf_reader *r, struct core_config *c)
{
	uint64_t *us[] = {&c->interval_us,	 &c->timeout_us,      &c->lease_us,
			  &c->lease_margin_us,	 &c->startup_wait_us, &c->request_timeout_us,
			  &c->flap_window_us,	 &c->quarantine_us,   &c->quarantine_max_us,
			  &c->failure_expiry_us, &c->config_hash,     &c->safety_hash};

	for (size_t i = 0; i < sizeof us / sizeof us[0]; i++)
		*us[i] = buf_get_u64(r);
	c->drift_ppm = buf_get_u32(r);
	c->late_percent = buf_get_u32(r);
	c->flap_limit = buf_get_u32(r);
}

static bool get_group(struct buf_reader *r, const struct core_config *c,
		      struct core_group_config *ret)
{
	get_name(r, ret->name);
	ret->autostart = buf_get_u8(r) != 0;
	ret->n_nodes = buf_get_u8(r);
	if (ret->n_nodes > c->n_nodes)
		return false;
	buf_get_bytes(r, ret->nodes, ret->n_nodes);
	for (uint8_t i = 0; i < ret->n_nodes; i++)
		if (ret->nodes[i] >= c->n_nodes)
			return false;
	return !r->bad;
}

static bool get_resource(struct buf_reader *r, struct core_resource_config *ret)
{
	get_name(r, ret->name);
	ret->group = buf_get_u16(r);
	ret->address = buf_get_u8(r) != 0;
	ret->start_retries = buf_get_u8(r);
	ret->n_deps = buf_get_u8(r);
	if (ret->n_deps > DEPS_MAX)
		return false;
	for (uint8_t d = 0; d < ret->n_deps; d++)
		ret->deps[d] = buf_get_u16(r);
	ret->start_timeout_us = buf_get_u64(r);
	ret->stop_timeout_us = buf_get_u64(r);
	return !r->bad; /* core_new() checks groups and dependencies */
}

bool trace_get_config(struct buf_reader *r, struct trace_start *ret)
{
	struct core_config *c = &ret->config;

	ret->now = (ha_time){buf_get_u64(r)};
	c->n_nodes = buf_get_u8(r);
	c->self = buf_get_u8(r);
	c->n_links = buf_get_u8(r);
	c->n_groups = buf_get_u16(r);
	c->n_resources = buf_get_u16(r);
	c->takeover = buf_get_u8(r);
	if (r->bad || c->n_nodes > NODES_MAX || c->n_groups > GROUPS_MAX ||
	    c->n_resources > RESOURCES_MAX)
		return false;
	get_timing(r, c);
	for (uint8_t n = 0; n < c->n_nodes; n++) {
		get_name(r, c->nodes[n].name);
		c->nodes[n].votes = buf_get_u32(r);
		c->nodes[n].hosts = buf_get_u8(r) != 0;
	}
	for (uint16_t g = 0; g < c->n_groups; g++)
		if (!get_group(r, c, &c->groups[g]))
			return false;
	for (uint16_t i = 0; i < c->n_resources; i++) {
		if (!get_resource(r, &c->resources[i]))
			return false;
		ret->leftovers[i] = buf_get_u8(r) != 0;
	}
	return !r->bad && buf_left(r) == 0;
}

static void get_row_head(struct buf_reader *r, struct version *version, struct request_id *request)
{
	version->epoch = buf_get_u64(r);
	version->counter = buf_get_u32(r);
	request->incarnation = buf_get_u64(r);
	request->number = buf_get_u32(r);
	request->node = buf_get_u8(r);
}

/* A number of the configuration that the state was written with. */
static bool node_or_none(uint8_t node)
{
	return node < NODES_MAX || node == NODE_NONE;
}

static bool get_group_row(struct buf_reader *r, struct group_intent *row)
{
	get_row_head(r, &row->version, &row->request);
	row->wanted = buf_get_u8(r);
	row->owner = buf_get_u8(r);
	row->target = buf_get_u8(r);
	row->cause = buf_get_u8(r);
	row->attempt = buf_get_u8(r);
	return row->version.epoch < EPOCH_MAX && row->wanted < WANTED_COUNT_ &&
	       row->cause < CAUSE_COUNT_ && node_or_none(row->owner) && node_or_none(row->target);
}

bool trace_get_durable(struct buf_reader *r, struct durable_state *ret)
{
	ret->generation = buf_get_u64(r);
	ret->incarnation = buf_get_u64(r);
	ret->epoch_reserve = buf_get_u64(r);
	ret->lease_max_us = buf_get_u64(r);
	ret->n_groups = buf_get_u16(r);
	ret->n_nodes = buf_get_u16(r);
	if (ret->n_groups > GROUPS_MAX || ret->n_nodes > NODES_MAX ||
	    ret->generation >= EPOCH_MAX || ret->incarnation >= EPOCH_MAX ||
	    ret->epoch_reserve >= EPOCH_MAX || ret->lease_max_us >= EPOCH_MAX)
		return false;
	for (uint16_t g = 0; g < ret->n_groups; g++) {
		get_name(r, ret->group_names[g]);
		if (!get_group_row(r, &ret->group_intents[g]))
			return false;
	}
	for (uint16_t n = 0; n < ret->n_nodes; n++) {
		struct node_intent *row = &ret->node_intents[n];

		get_name(r, ret->node_names[n]);
		get_row_head(r, &row->version, &row->request);
		row->incarnation = buf_get_u64(r);
		row->wanted = buf_get_u8(r);
		if (row->version.epoch >= EPOCH_MAX || row->wanted >= WANTED_COUNT_)
			return false;
	}
	return !r->bad && buf_left(r) == 0;
}
