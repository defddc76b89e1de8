/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/store_internal.h"
#include "util/buf.h"
#include "util/hash.h"

#include <errno.h>
#include <string.h>

/*
 * A slot of the state file. Each 512-byte sector is sound or not by itself, and says which write
 * it belongs to; the payloads of all sectors in a row are the state. Pure.
 */

#define SECTOR_MAGIC  0x48467374U /* "HFst" */
#define STATE_VERSION 1U
#define SECTOR_HEAD   24
#define SECTOR_CRC_AT (STATE_SECTOR_BYTES - 4)
#define SECTOR_LOAD   (SECTOR_CRC_AT - SECTOR_HEAD)
#define PAYLOAD_BYTES (STATE_SECTORS * SECTOR_LOAD)
#define PAYLOAD_CRC   4 /* where its own checksum is, after the version */
#define PAYLOAD_HEAD  40
#define GROUP_BYTES   62
#define NODE_BYTES    66

_Static_assert(PAYLOAD_HEAD + GROUPS_MAX * GROUP_BYTES + NODES_MAX * NODE_BYTES <= PAYLOAD_BYTES,
	       "a full state does not fit into a slot");

struct sector {
	uint64_t generation, base;
	const uint8_t *load;
};

static void put_version(struct buf_writer *w, const struct version *version)
{
	buf_put_u64(w, version->epoch);
	buf_put_u32(w, version->counter);
}

static void put_request(struct buf_writer *w, const struct request_id *request)
{
	buf_put_u64(w, request->incarnation);
	buf_put_u32(w, request->number);
	buf_put_u8(w, request->node);
}

static void put_group(struct buf_writer *w, const char *name, const struct group_intent *row)
{
	buf_put_bytes(w, name, NAME_SIZE);
	put_version(w, &row->version);
	put_request(w, &row->request);
	buf_put_u8(w, row->wanted);
	buf_put_u8(w, row->owner);
	buf_put_u8(w, row->target);
	buf_put_u8(w, row->cause);
	buf_put_u8(w, row->attempt);
}

static void put_node(struct buf_writer *w, const char *name, const struct node_intent *row)
{
	buf_put_bytes(w, name, NAME_SIZE);
	put_version(w, &row->version);
	put_request(w, &row->request);
	buf_put_u64(w, row->incarnation);
	buf_put_u8(w, row->wanted);
}

static uint32_t payload_crc(const uint8_t payload[PAYLOAD_BYTES])
{
	uint32_t crc = crc32c(0, payload, PAYLOAD_CRC);

	return crc32c(crc, payload + PAYLOAD_CRC + 4, PAYLOAD_BYTES - PAYLOAD_CRC - 4);
}

static void put_sector(const struct durable_state *state, uint64_t base, unsigned int index,
		       const uint8_t load[SECTOR_LOAD], uint8_t out[STATE_SECTOR_BYTES])
{
	struct buf_writer w = {.data = out, .size = STATE_SECTOR_BYTES};

	buf_put_u32(&w, SECTOR_MAGIC);
	buf_put_u16(&w, (uint16_t)index);
	buf_put_u16(&w, 0);
	buf_put_u64(&w, state->generation);
	buf_put_u64(&w, base);
	buf_put_bytes(&w, load, SECTOR_LOAD);
	buf_put_u32(&w, crc32c(0, out, SECTOR_CRC_AT));
}

void state_encode(const struct durable_state *state, uint64_t base, uint8_t out[STATE_SLOT_BYTES])
{
	uint8_t payload[PAYLOAD_BYTES] = {0};
	struct buf_writer w = {.data = payload, .size = sizeof payload};
	struct buf_writer crc = {.data = payload + PAYLOAD_CRC, .size = 4};

	buf_put_u32(&w, STATE_VERSION);
	buf_put_u32(&w, 0);
	buf_put_u64(&w, state->incarnation);
	buf_put_u64(&w, state->epoch_reserve);
	buf_put_u64(&w, state->lease_max_us);
	buf_put_u16(&w, state->n_groups);
	buf_put_u16(&w, state->n_nodes);
	buf_put_u32(&w, 0);
	for (unsigned int i = 0; i < state->n_groups && i < GROUPS_MAX; i++)
		put_group(&w, state->group_names[i], &state->group_intents[i]);
	for (unsigned int i = 0; i < state->n_nodes && i < NODES_MAX; i++)
		put_node(&w, state->node_names[i], &state->node_intents[i]);
	buf_put_u32(&crc, payload_crc(payload));
	for (unsigned int i = 0; i < STATE_SECTORS; i++)
		put_sector(state, base, i, payload + (size_t)i * SECTOR_LOAD,
			   out + (size_t)i * STATE_SECTOR_BYTES);
}

static bool sector_decode(const uint8_t in[STATE_SECTOR_BYTES], unsigned int index,
			  struct sector *ret)
{
	struct buf_reader r = {.data = in, .size = STATE_SECTOR_BYTES};
	struct buf_reader crc = {.data = in + SECTOR_CRC_AT, .size = 4};

	if (buf_get_u32(&r) != SECTOR_MAGIC || buf_get_u16(&r) != index || buf_get_u16(&r) != 0 ||
	    buf_get_u32(&crc) != crc32c(0, in, SECTOR_CRC_AT))
		return false;
	ret->generation = buf_get_u64(&r);
	ret->base = buf_get_u64(&r);
	ret->load = in + SECTOR_HEAD;
	return ret->generation != 0;
}

static struct version get_version(struct buf_reader *r)
{
	struct version version = {.epoch = buf_get_u64(r)};

	version.counter = buf_get_u32(r);
	return version;
}

static struct request_id get_request(struct buf_reader *r)
{
	struct request_id request = {.incarnation = buf_get_u64(r)};

	request.number = buf_get_u32(r);
	request.node = buf_get_u8(r);
	return request;
}

static void get_group(struct buf_reader *r, char *name, struct group_intent *row)
{
	buf_get_bytes(r, name, NAME_SIZE);
	row->version = get_version(r);
	row->request = get_request(r);
	row->wanted = buf_get_u8(r);
	row->owner = buf_get_u8(r);
	row->target = buf_get_u8(r);
	row->cause = buf_get_u8(r);
	row->attempt = buf_get_u8(r);
}

static void get_node(struct buf_reader *r, char *name, struct node_intent *row)
{
	buf_get_bytes(r, name, NAME_SIZE);
	row->version = get_version(r);
	row->request = get_request(r);
	row->incarnation = buf_get_u64(r);
	row->wanted = buf_get_u8(r);
}

static bool node_valid(uint8_t node)
{
	return node < NODES_MAX || node == NODE_NONE;
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

bool state_valid(const struct durable_state *state)
{
	if (state->generation == 0 || state->incarnation > EPOCH_MAX ||
	    state->epoch_reserve > EPOCH_MAX || state->n_groups > GROUPS_MAX ||
	    state->n_nodes > NODES_MAX)
		return false;
	for (unsigned int i = 0; i < state->n_groups; i++) {
		const struct group_intent *row = &state->group_intents[i];

		if (!name_valid(state->group_names[i]) || row->version.epoch > EPOCH_MAX ||
		    row->wanted >= WANTED_COUNT_ || row->cause >= CAUSE_COUNT_ ||
		    !node_valid(row->request.node) || !node_valid(row->owner) ||
		    !node_valid(row->target))
			return false;
	}
	for (unsigned int i = 0; i < state->n_nodes; i++) {
		const struct node_intent *row = &state->node_intents[i];

		if (!name_valid(state->node_names[i]) || row->version.epoch > EPOCH_MAX ||
		    row->wanted >= WANTED_COUNT_ || !node_valid(row->request.node))
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

static int payload_decode(const uint8_t payload[PAYLOAD_BYTES], struct durable_state *state)
{
	struct buf_reader r = {.data = payload, .size = PAYLOAD_BYTES};

	if (buf_get_u32(&r) != STATE_VERSION)
		return -EBADMSG;
	(void)buf_get_u32(&r); /* the checksum was looked at before */
	state->incarnation = buf_get_u64(&r);
	state->epoch_reserve = buf_get_u64(&r);
	state->lease_max_us = buf_get_u64(&r);
	state->n_groups = buf_get_u16(&r);
	state->n_nodes = buf_get_u16(&r);
	if (buf_get_u32(&r) != 0 || state->n_groups > GROUPS_MAX || state->n_nodes > NODES_MAX)
		return -EBADMSG;
	for (unsigned int i = 0; i < state->n_groups; i++)
		get_group(&r, state->group_names[i], &state->group_intents[i]);
	for (unsigned int i = 0; i < state->n_nodes; i++)
		get_node(&r, state->node_names[i], &state->node_intents[i]);
	return !r.bad && all_zero(&r) && state_valid(state) ? 0 : -EBADMSG;
}

/* Inspects, and gives the state if the slot is whole. */
static void slot_read(const uint8_t in[STATE_SLOT_BYTES], struct slot_info *info,
		      struct durable_state *state)
{
	uint8_t payload[PAYLOAD_BYTES];
	struct buf_reader r = {.data = payload, .size = sizeof payload};
	bool mixed = false, damaged = false;
	uint32_t crc;

	memset(info, 0, sizeof *info);
	memset(state, 0, sizeof *state);
	for (unsigned int i = 0; i < STATE_SECTORS; i++) {
		struct sector sector;

		if (!sector_decode(in + (size_t)i * STATE_SECTOR_BYTES, i, &sector)) {
			info->sector = damaged ? info->sector : i;
			damaged = true;
			continue;
		}
		memcpy(payload + (size_t)i * SECTOR_LOAD, sector.load, SECTOR_LOAD);
		mixed |= info->generation &&
			 (sector.generation != info->generation || sector.base != info->base);
		if (sector.generation > info->generation) {
			info->generation = sector.generation;
			info->base = sector.base;
		}
	}
	info->condition = damaged ? SLOT_DAMAGED : SLOT_TORN;
	if (damaged || mixed)
		return;
	info->version = buf_get_u32(&r);
	crc = buf_get_u32(&r);
	if (crc != payload_crc(payload))
		return; /* two writes of one generation */
	state->generation = info->generation;
	info->condition = payload_decode(payload, state) < 0 ? SLOT_FOREIGN : SLOT_WHOLE;
}

void state_slot_inspect(const uint8_t in[STATE_SLOT_BYTES], struct slot_info *ret)
{
	struct durable_state state;

	slot_read(in, ret, &state);
}

int state_decode(const uint8_t in[STATE_SLOT_BYTES], struct durable_state *ret)
{
	struct durable_state state;
	struct slot_info info;

	slot_read(in, &info, &state);
	if (info.condition != SLOT_WHOLE)
		return -EBADMSG;
	*ret = state;
	return 0;
}

void state_slot_remains(const uint8_t in[STATE_SLOT_BYTES], struct slot_remains *ret)
{
	struct sector sector;

	memset(ret, 0, sizeof *ret);
	for (unsigned int i = 0; i < STATE_SECTORS; i++)
		if (sector_decode(in + (size_t)i * STATE_SECTOR_BYTES, i, &sector) &&
		    sector.generation > ret->generation)
			ret->generation = sector.generation;
	if (sector_decode(in, 0, &sector)) {
		struct buf_reader r = {.data = sector.load, .size = SECTOR_LOAD};

		if (buf_get_u32(&r) != STATE_VERSION)
			return;
		(void)buf_get_u32(&r);
		ret->incarnation = buf_get_u64(&r);
		ret->epoch_reserve = buf_get_u64(&r);
		ret->lease_max_us = buf_get_u64(&r);
	}
}
