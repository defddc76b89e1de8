/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state file. The first byte says what the rest is: bytes of a slot as they are; the payload
 * of a slot, whose checksums are put right, of this format (4: of the former one); or a whole file,
 * made of two such slots of which single sectors are exchanged, likewise (5). What is accepted must
 * be valid, and in this format encode to the same bytes.
 */
#include "tests/fuzz/fuzz_file.h"
#include "util/hash.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define HEAD 24
#define LOAD STATE_SECTOR_LOAD

static void put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A slot of this generation with all checksums right; the payload is `data` and zeros. */
static void make_slot(const uint8_t *data, size_t n, uint8_t generation, unsigned int sectors,
		      uint8_t *slot)
{
	static uint8_t payload[STATE_SECTORS * LOAD];
	size_t all = STATE_PAYLOAD_BYTES(sectors);

	memset(payload, 0, all);
	if (n)
		memcpy(payload, data, n < all ? n : all);
	put_u32(payload + 4, crc32c(crc32c(0, payload, 4), payload + 8, all - 8));
	for (unsigned int i = 0; i < sectors; i++) {
		uint8_t *p = slot + (size_t)i * STATE_SECTOR_BYTES;

		memset(p, 0, HEAD);
		put_u32(p, 0x48467374);
		p[5] = (uint8_t)i;
		p[15] = generation;
		p[23] = (uint8_t)(generation ? generation - 1 : 0);
		memcpy(p + HEAD, payload + (size_t)i * LOAD, LOAD);
		put_u32(p + STATE_SECTOR_BYTES - 4, crc32c(0, p, STATE_SECTOR_BYTES - 4));
	}
}

static void check_slot(const uint8_t *slot, unsigned int sectors)
{
	static uint8_t again[STATE_SLOT_BYTES];
	struct slot_remains remains;
	static struct durable_state state;
	struct slot_info info;
	int r = state_slot_decode(slot, sectors, &state);
	bool sound = state_sector_remains(slot, &remains);

	state_slot_inspect(slot, sectors, &info);
	assert((r == 0) == (info.condition == SLOT_WHOLE));
	if (r < 0)
		return;
	assert(state_valid(&state) && sound);
	assert(remains.generation == state.generation);
	assert(remains.epoch_reserve == state.epoch_reserve);
	if (sectors != STATE_SECTORS)
		return;
	state_encode(&state, info.base, again);
	assert(memcmp(slot, again, sizeof again) == 0);
}

/* Byte pairs before the payload: which sector of slot 1 is replaced by one of slot 0. */
static void check_file(const uint8_t *data, size_t n, unsigned int sectors)
{
	static uint8_t bytes[STATE_FILE_BYTES];
	struct state_position position;
	size_t slot = (size_t)sectors * STATE_SECTOR_BYTES;
	struct fuzz_file file = {bytes, STATE_SLOTS * slot};
	static struct durable_state state;
	struct store_io io;
	char error[STORE_ERROR_SIZE] = "";
	size_t swaps = n > 2 ? data[2] % 40U : 0;
	int r;

	if (n < 3 + swaps)
		return;
	make_slot(data + 3 + swaps, n - 3 - swaps, data[0], sectors, bytes);
	make_slot(data + 3 + swaps, n - 3 - swaps, data[1], sectors, bytes + slot);
	for (size_t i = 0; i < swaps; i++) {
		size_t at = (size_t)(data[3 + i] % sectors) * STATE_SECTOR_BYTES;

		memcpy(bytes + slot + at, bytes + at, STATE_SECTOR_BYTES);
	}
	if (swaps == 39)
		file.n = data[1] * 200U;
	fuzz_file_io(&io, &file);
	r = state_file_load(&io, &state, &position, error);
	assert(r == 1 || (r < 0 && error[0]));
	if (r == 1)
		assert(state_valid(&state) && position.slot < STATE_SLOTS &&
		       position.confirmed == state.generation &&
		       position.former == (sectors == STATE_SECTORS_1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static uint8_t slot[STATE_SLOT_BYTES];

	if (n < 2)
		return 0;
	switch (data[0] % 6) {
	case 0:
	case 3:
		memset(slot, 0, sizeof slot);
		memcpy(slot, data + 1, n - 1 < sizeof slot ? n - 1 : sizeof slot);
		check_slot(slot, data[0] % 6 ? STATE_SECTORS_1 : STATE_SECTORS);
		break;
	case 1:
	case 4:
		make_slot(data + 2, n - 2, data[1],
			  data[0] % 6 == 1 ? STATE_SECTORS : STATE_SECTORS_1, slot);
		check_slot(slot, data[0] % 6 == 1 ? STATE_SECTORS : STATE_SECTORS_1);
		break;
	default:
		check_file(data + 1, n - 1, data[0] % 6 == 2 ? STATE_SECTORS : STATE_SECTORS_1);
		break;
	}
	return 0;
}
