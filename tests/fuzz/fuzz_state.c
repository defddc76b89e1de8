/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state file. The first byte says what the rest is: bytes of a slot as they are; the payload
 * of a slot, whose checksums are put right; or a whole file, made of two such slots of which
 * single sectors are exchanged. What is accepted must be valid and encode to the same bytes.
 */
#include "tests/fuzz/fuzz_file.h"
#include "util/hash.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define HEAD 24
#define LOAD (STATE_SECTOR_BYTES - HEAD - 4)

static void put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A slot of this generation with all checksums right; the payload is `data` and zeros. */
static void make_slot(const uint8_t *data, size_t n, uint8_t generation,
		      uint8_t slot[STATE_SLOT_BYTES])
{
	uint8_t payload[STATE_SECTORS * LOAD] = {0};

	if (n)
		memcpy(payload, data, n < sizeof payload ? n : sizeof payload);
	put_u32(payload + 4, crc32c(crc32c(0, payload, 4), payload + 8, sizeof payload - 8));
	for (unsigned int i = 0; i < STATE_SECTORS; i++) {
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

static void check_slot(const uint8_t slot[STATE_SLOT_BYTES])
{
	uint8_t again[STATE_SLOT_BYTES];
	struct slot_remains remains;
	struct durable_state state;
	struct slot_info info;
	int r = state_decode(slot, &state);

	state_slot_inspect(slot, &info);
	state_slot_remains(slot, &remains);
	assert((r == 0) == (info.condition == SLOT_WHOLE));
	if (r < 0)
		return;
	assert(state_valid(&state));
	assert(remains.generation == state.generation);
	assert(remains.epoch_reserve == state.epoch_reserve);
	state_encode(&state, info.base, again);
	assert(memcmp(slot, again, sizeof again) == 0);
}

/* Byte pairs before the payload: which sector of slot 1 is replaced by one of slot 0. */
static void check_file(const uint8_t *data, size_t n)
{
	static uint8_t bytes[STATE_FILE_BYTES];
	struct state_position position;
	struct fuzz_file file = {bytes, sizeof bytes};
	struct durable_state state;
	struct store_io io;
	char error[STORE_ERROR_SIZE] = "";
	size_t swaps = n > 2 ? data[2] % 40U : 0;
	int r;

	if (n < 3 + swaps)
		return;
	make_slot(data + 3 + swaps, n - 3 - swaps, data[0], bytes);
	make_slot(data + 3 + swaps, n - 3 - swaps, data[1], bytes + STATE_SLOT_BYTES);
	for (size_t i = 0; i < swaps; i++) {
		size_t at = (size_t)(data[3 + i] % STATE_SECTORS) * STATE_SECTOR_BYTES;

		memcpy(bytes + STATE_SLOT_BYTES + at, bytes + at, STATE_SECTOR_BYTES);
	}
	if (swaps == 39)
		file.n = data[1] * 200U;
	fuzz_file_io(&io, &file);
	r = state_file_load(&io, &state, &position, error);
	assert(r == 1 || (r < 0 && error[0]));
	if (r == 1)
		assert(state_valid(&state) && position.slot < STATE_SLOTS &&
		       position.confirmed == state.generation);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t slot[STATE_SLOT_BYTES] = {0};

	if (n < 2)
		return 0;
	switch (data[0] % 3) {
	case 0:
		memcpy(slot, data + 1, n - 1 < sizeof slot ? n - 1 : sizeof slot);
		check_slot(slot);
		break;
	case 1:
		make_slot(data + 2, n - 2, data[1], slot);
		check_slot(slot);
		break;
	default:
		check_file(data + 1, n - 1);
		break;
	}
	return 0;
}
