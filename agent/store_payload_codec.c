/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/store_internal.h"
#include "util/buf.h"

#include <errno.h>
#include <string.h>

/*
 * What the sectors of a slot hold in a row: the state (docs/disk-formats.md). Version 1 is read
 * only; it had no cluster row, monitors, names of resources, and less in the other rows. Pure.
 */

#define HEAD_BYTES     92
#define GROUP_BYTES    (NAME_SIZE + 12 + 13 + 7)
#define NODE_BYTES     (NAME_SIZE + 12 + 13 + 10)
#define RESOURCE_BYTES (NAME_SIZE + 2)
#define MONITOR_BYTES  (NAME_SIZE + 12 + 13 + 8)

_Static_assert(HEAD_BYTES + GROUPS_MAX * (GROUP_BYTES + RESOURCES_MAX / 8) +
			       NODES_MAX * NODE_BYTES + RESOURCES_MAX * RESOURCE_BYTES +
			       MONITORS_MAX * MONITOR_BYTES <=
		       STATE_PAYLOAD_BYTES(STATE_SECTORS),
	       "a full state does not fit into a slot");

static void put_row_head(struct buf_writer *w, const struct version *version,
			 const struct request_id *request)
{
	buf_put_u64(w, version->epoch);
	buf_put_u32(w, version->counter);
	buf_put_u64(w, request->incarnation);
	buf_put_u32(w, request->number);
	buf_put_u8(w, request->node);
}

static void put_cluster(struct buf_writer *w, const struct durable_state *state)
{
	const struct cluster_intent *row = &state->cluster;

	buf_put_u64(w, state->ratio_left_us);
	put_row_head(w, &row->version, &row->request);
	buf_put_u8(w, row->mode);
	buf_put_u16(w, row->ratio);
	buf_put_u64(w, row->config_generation);
	buf_put_u64(w, row->config_hash);
}

static void put_group(struct buf_writer *w, const char *name, const struct group_intent *row)
{
	size_t stopped = sizeof row->stopped;

	while (stopped > 0 && row->stopped[stopped - 1] == 0)
		stopped--;
	buf_put_bytes(w, name, NAME_SIZE);
	put_row_head(w, &row->version, &row->request);
	buf_put_u8(w, row->wanted);
	buf_put_u8(w, row->owner);
	buf_put_u8(w, row->target);
	buf_put_u8(w, row->cause);
	buf_put_u8(w, row->attempt);
	buf_put_u8(w, row->failovers);
	buf_put_u8(w, (uint8_t)stopped);
	buf_put_bytes(w, row->stopped, stopped);
}

static void put_node(struct buf_writer *w, const char *name, const struct node_intent *row)
{
	buf_put_bytes(w, name, NAME_SIZE);
	put_row_head(w, &row->version, &row->request);
	buf_put_u64(w, row->incarnation);
	buf_put_u8(w, row->wanted);
	buf_put_u8(w, row->power);
}

static void put_monitor(struct buf_writer *w, const char *name, const struct monitor_intent *row)
{
	buf_put_bytes(w, name, NAME_SIZE);
	put_row_head(w, &row->version, &row->request);
	buf_put_u32(w, row->suspended);
	buf_put_u32(w, row->failing);
}

void state_payload_encode(const struct durable_state *state, uint8_t *payload, size_t n)
{
	struct buf_writer w = {.data = payload, .size = n};

	memset(payload, 0, n);
	buf_put_u32(&w, STATE_VERSION);
	buf_put_u32(&w, 0);
	buf_put_u64(&w, state->incarnation);
	buf_put_u64(&w, state->epoch_reserve);
	buf_put_u64(&w, state->lease_max_us);
	buf_put_u16(&w, state->n_groups);
	buf_put_u16(&w, state->n_nodes);
	buf_put_u16(&w, state->n_monitors);
	buf_put_u16(&w, state->n_resources);
	put_cluster(&w, state);
	for (unsigned int i = 0; i < state->n_groups && i < GROUPS_MAX; i++)
		put_group(&w, state->group_names[i], &state->group_intents[i]);
	for (unsigned int i = 0; i < state->n_nodes && i < NODES_MAX; i++)
		put_node(&w, state->node_names[i], &state->node_intents[i]);
	for (unsigned int i = 0; i < state->n_resources && i < RESOURCES_MAX; i++) {
		buf_put_bytes(&w, state->resource_names[i], NAME_SIZE);
		buf_put_u16(&w, state->resource_groups[i]);
	}
	for (unsigned int i = 0; i < state->n_monitors && i < MONITORS_MAX; i++)
		put_monitor(&w, state->monitor_names[i], &state->monitor_intents[i]);
}

static void get_row_head(struct buf_reader *r, struct version *version, struct request_id *request)
{
	version->epoch = buf_get_u64(r);
	version->counter = buf_get_u32(r);
	request->incarnation = buf_get_u64(r);
	request->number = buf_get_u32(r);
	request->node = buf_get_u8(r);
}

static void get_cluster(struct buf_reader *r, struct durable_state *state)
{
	struct cluster_intent *row = &state->cluster;

	state->ratio_left_us = buf_get_u64(r);
	get_row_head(r, &row->version, &row->request);
	row->mode = buf_get_u8(r);
	row->ratio = buf_get_u16(r);
	row->config_generation = buf_get_u64(r);
	row->config_hash = buf_get_u64(r);
}

/* The length goes without saying, so one state has one form. */
static void get_stopped(struct buf_reader *r, struct group_intent *row)
{
	size_t n = buf_get_u8(r);

	if (n > sizeof row->stopped) {
		r->bad = true;
		return;
	}
	buf_get_bytes(r, row->stopped, n);
	if (n > 0 && row->stopped[n - 1] == 0)
		r->bad = true;
}

static void get_group(struct buf_reader *r, uint32_t version, char *name, struct group_intent *row)
{
	buf_get_bytes(r, name, NAME_SIZE);
	get_row_head(r, &row->version, &row->request);
	row->wanted = buf_get_u8(r);
	row->owner = buf_get_u8(r);
	row->target = buf_get_u8(r);
	row->cause = buf_get_u8(r);
	row->attempt = buf_get_u8(r);
	if (version == STATE_VERSION_1)
		return;
	row->failovers = buf_get_u8(r);
	get_stopped(r, row);
}

static void get_node(struct buf_reader *r, uint32_t version, char *name, struct node_intent *row)
{
	buf_get_bytes(r, name, NAME_SIZE);
	get_row_head(r, &row->version, &row->request);
	row->incarnation = buf_get_u64(r);
	row->wanted = buf_get_u8(r);
	if (version != STATE_VERSION_1)
		row->power = buf_get_u8(r);
}

static void get_monitor(struct buf_reader *r, char *name, struct monitor_intent *row)
{
	buf_get_bytes(r, name, NAME_SIZE);
	get_row_head(r, &row->version, &row->request);
	row->suspended = buf_get_u32(r);
	row->failing = buf_get_u32(r);
}

static bool node_valid(uint8_t node)
{
	return node < NODES_MAX || node == NODE_NONE;
}

static bool row_valid(const struct version *version, const struct request_id *request)
{
	return version->epoch <= EPOCH_MAX && node_valid(request->node);
}

/* Ended and filled up with zeros; which characters a name may have is the configuration's rule. */
static bool name_valid(const char name[NAME_SIZE])
{
	size_t n = strnlen(name, NAME_SIZE);

	for (size_t i = n; i < NAME_SIZE; i++)
		if (name[i] != '\0')
			return false;
	return n > 0 && n < NAME_SIZE;
}

static bool head_valid(const struct durable_state *state)
{
	const struct cluster_intent *row = &state->cluster;

	return state->generation > 0 && state->incarnation <= EPOCH_MAX &&
	       state->epoch_reserve <= EPOCH_MAX && state->n_groups <= GROUPS_MAX &&
	       state->n_nodes <= NODES_MAX && state->n_monitors <= MONITORS_MAX &&
	       state->n_resources <= RESOURCES_MAX && state->ratio_left_us <= RATIO_TIME_MAX_US &&
	       row_valid(&row->version, &row->request) && row->mode < CLUSTER_MODE_COUNT_ &&
	       row->ratio <= RATIO_MAX && row->config_generation <= EPOCH_MAX;
}

static bool group_valid(const struct durable_state *state, unsigned int i)
{
	const struct group_intent *row = &state->group_intents[i];

	return name_valid(state->group_names[i]) && row_valid(&row->version, &row->request) &&
	       row->wanted < WANTED_COUNT_ && row->cause < CAUSE_COUNT_ && node_valid(row->owner) &&
	       node_valid(row->target);
}

static bool node_row_valid(const struct durable_state *state, unsigned int i)
{
	const struct node_intent *row = &state->node_intents[i];

	return name_valid(state->node_names[i]) && row_valid(&row->version, &row->request) &&
	       row->wanted < WANTED_COUNT_ && row->power < POWER_ACTION_COUNT_;
}

bool state_valid(const struct durable_state *state)
{
	if (!head_valid(state))
		return false;
	for (unsigned int i = 0; i < state->n_groups; i++)
		if (!group_valid(state, i))
			return false;
	for (unsigned int i = 0; i < state->n_nodes; i++)
		if (!node_row_valid(state, i))
			return false;
	for (unsigned int i = 0; i < state->n_resources; i++)
		if (!name_valid(state->resource_names[i]) ||
		    state->resource_groups[i] >= state->n_groups)
			return false;
	for (unsigned int i = 0; i < state->n_monitors; i++) {
		const struct monitor_intent *row = &state->monitor_intents[i];

		if (!name_valid(state->monitor_names[i]) ||
		    !row_valid(&row->version, &row->request))
			return false;
	}
	return true;
}

static bool all_zero(struct buf_reader *r)
{
	while (buf_left(r))
		if (buf_get_u8(r) != 0)
			return false;
	return true;
}

/* False: more rows than there can be. */
static bool get_head(struct buf_reader *r, uint32_t version, struct durable_state *state)
{
	state->incarnation = buf_get_u64(r);
	state->epoch_reserve = buf_get_u64(r);
	state->lease_max_us = buf_get_u64(r);
	state->n_groups = buf_get_u16(r);
	state->n_nodes = buf_get_u16(r);
	state->n_monitors = buf_get_u16(r);
	state->n_resources = buf_get_u16(r);
	if (version == STATE_VERSION_1) /* which has zeros there */
		return !state->n_monitors && !state->n_resources && state->n_groups <= GROUPS_MAX &&
		       state->n_nodes <= NODES_MAX;
	get_cluster(r, state);
	return head_valid(state);
}

int state_payload_decode(const uint8_t *payload, size_t n, struct durable_state *state)
{
	struct buf_reader r = {.data = payload, .size = n};
	uint32_t version = buf_get_u32(&r);

	if (version != (n == STATE_PAYLOAD_BYTES(STATE_SECTORS) ? STATE_VERSION : STATE_VERSION_1))
		return -EBADMSG;
	(void)buf_get_u32(&r); /* the checksum was looked at before */
	if (!get_head(&r, version, state))
		return -EBADMSG;
	for (unsigned int i = 0; i < state->n_groups; i++)
		get_group(&r, version, state->group_names[i], &state->group_intents[i]);
	for (unsigned int i = 0; i < state->n_nodes; i++)
		get_node(&r, version, state->node_names[i], &state->node_intents[i]);
	for (unsigned int i = 0; i < state->n_resources; i++) {
		buf_get_bytes(&r, state->resource_names[i], NAME_SIZE);
		state->resource_groups[i] = buf_get_u16(&r);
	}
	for (unsigned int i = 0; i < state->n_monitors; i++)
		get_monitor(&r, state->monitor_names[i], &state->monitor_intents[i]);
	return !r.bad && all_zero(&r) && state_valid(state) ? 0 : -EBADMSG;
}
