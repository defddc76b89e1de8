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
#define SECTOR_HEAD   24
#define SECTOR_CRC_AT (STATE_SECTOR_BYTES - 4)
#define PAYLOAD_CRC   4 /* where its own checksum is, after the version */

_Static_assert(SECTOR_CRC_AT - SECTOR_HEAD == STATE_SECTOR_LOAD, "head and checksum of a sector");

struct sector {
	uint64_t generation, base;
	const uint8_t *load;
	unsigned int index;
};

static uint32_t payload_crc(const uint8_t *payload, size_t n)
{
	uint32_t crc = crc32c(0, payload, PAYLOAD_CRC);

	return crc32c(crc, payload + PAYLOAD_CRC + 4, n - PAYLOAD_CRC - 4);
}

static void put_sector(const struct durable_state *state, uint64_t base, unsigned int index,
		       const uint8_t load[STATE_SECTOR_LOAD], uint8_t out[STATE_SECTOR_BYTES])
{
	struct buf_writer w = {.data = out, .size = STATE_SECTOR_BYTES};

	buf_put_u32(&w, SECTOR_MAGIC);
	buf_put_u16(&w, (uint16_t)index);
	buf_put_u16(&w, 0);
	buf_put_u64(&w, state->generation);
	buf_put_u64(&w, base);
	buf_put_bytes(&w, load, STATE_SECTOR_LOAD);
	buf_put_u32(&w, crc32c(0, out, SECTOR_CRC_AT));
}

void state_encode(const struct durable_state *state, uint64_t base, uint8_t out[STATE_SLOT_BYTES])
{
	uint8_t payload[STATE_PAYLOAD_BYTES(STATE_SECTORS)];
	struct buf_writer crc = {.data = payload + PAYLOAD_CRC, .size = 4};

	state_payload_encode(state, payload, sizeof payload);
	buf_put_u32(&crc, payload_crc(payload, sizeof payload));
	for (unsigned int i = 0; i < STATE_SECTORS; i++)
		put_sector(state, base, i, payload + (size_t)i * STATE_SECTOR_LOAD,
			   out + (size_t)i * STATE_SECTOR_BYTES);
}

static bool sector_decode(const uint8_t in[STATE_SECTOR_BYTES], struct sector *ret)
{
	struct buf_reader r = {.data = in, .size = STATE_SECTOR_BYTES};
	struct buf_reader crc = {.data = in + SECTOR_CRC_AT, .size = 4};

	if (buf_get_u32(&r) != SECTOR_MAGIC)
		return false;
	ret->index = buf_get_u16(&r);
	if (buf_get_u16(&r) != 0 || buf_get_u32(&crc) != crc32c(0, in, SECTOR_CRC_AT))
		return false;
	ret->generation = buf_get_u64(&r);
	ret->base = buf_get_u64(&r);
	ret->load = in + SECTOR_HEAD;
	return ret->generation != 0;
}

/* Inspects, and gives the state if the slot is whole. */
static void slot_read(const uint8_t *in, unsigned int sectors, struct slot_info *info,
		      struct durable_state *state)
{
	uint8_t payload[STATE_PAYLOAD_BYTES(STATE_SECTORS)];
	struct buf_reader r = {.data = payload, .size = STATE_PAYLOAD_BYTES(sectors)};
	bool mixed = false, damaged = false;
	uint32_t crc;

	memset(info, 0, sizeof *info);
	memset(state, 0, sizeof *state);
	for (unsigned int i = 0; i < sectors; i++) {
		struct sector sector;

		if (!sector_decode(in + (size_t)i * STATE_SECTOR_BYTES, &sector) ||
		    sector.index != i) {
			info->sector = damaged ? info->sector : i;
			damaged = true;
			continue;
		}
		memcpy(payload + (size_t)i * STATE_SECTOR_LOAD, sector.load, STATE_SECTOR_LOAD);
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
	if (crc != payload_crc(payload, r.size))
		return; /* two writes of one generation */
	state->generation = info->generation;
	info->condition =
		state_payload_decode(payload, r.size, state) < 0 ? SLOT_FOREIGN : SLOT_WHOLE;
}

void state_slot_inspect(const uint8_t *in, unsigned int sectors, struct slot_info *ret)
{
	struct durable_state state;

	slot_read(in, sectors, ret, &state);
}

int state_slot_decode(const uint8_t *in, unsigned int sectors, struct durable_state *ret)
{
	struct durable_state state;
	struct slot_info info;

	slot_read(in, sectors, &info, &state);
	if (info.condition != SLOT_WHOLE)
		return -EBADMSG;
	*ret = state;
	return 0;
}

int state_decode(const uint8_t in[STATE_SLOT_BYTES], struct durable_state *ret)
{
	return state_slot_decode(in, STATE_SECTORS, ret);
}

bool state_sector_remains(const uint8_t in[STATE_SECTOR_BYTES], struct slot_remains *ret)
{
	struct buf_reader r;
	struct sector sector;
	uint32_t version;

	if (!sector_decode(in, &sector))
		return false;
	*ret = (struct slot_remains){.generation = sector.generation};
	if (sector.index != 0)
		return true;
	r = (struct buf_reader){.data = sector.load, .size = STATE_SECTOR_LOAD};
	version = buf_get_u32(&r);
	if (version != STATE_VERSION && version != STATE_VERSION_1)
		return true;
	(void)buf_get_u32(&r);
	ret->incarnation = buf_get_u64(&r);
	ret->epoch_reserve = buf_get_u64(&r);
	ret->lease_max_us = buf_get_u64(&r);
	return true;
}
