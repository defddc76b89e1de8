/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Event records and the event ring. The first byte says what the rest is: a record as it is; one
 * whose checksum is put right; or a ring file, made of places with the sequence, `confirmed` and
 * number that are given. What is accepted must be in range and encode to the same bytes.
 */
#include "tests/fuzz/fuzz_file.h"
#include "util/hash.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define RING STORE_RING_MIN

static void check_record(const uint8_t bytes[EVENT_RECORD_BYTES])
{
	uint8_t again[EVENT_RECORD_BYTES];
	struct ring_record placed;
	struct event_record record;
	char text[64];

	if (event_record_decode(bytes, &record) < 0)
		return;
	assert(record.number > 0 && record.event.epoch <= EPOCH_MAX);
	assert(record.event.node < NODES_MAX || record.event.node == NODE_NONE);
	assert(record.event.origin < NODES_MAX || record.event.origin == NODE_NONE);
	assert(record.event.group < GROUPS_MAX || record.event.group == UINT16_MAX);
	assert(record.event.resource < RESOURCES_MAX || record.event.resource == UINT16_MAX);
	assert(memchr(record.event.text, 0, sizeof record.event.text));
	assert(ring_record_decode(bytes, &placed) == 0);
	ring_record_encode(&placed, again);
	assert(memcmp(bytes, again, sizeof again) == 0);
	(void)event_format(&record.event, NULL, text, sizeof text);
	assert(strlen(text) < sizeof text);
	event_record_sanitize(&record); /* has nothing to change */
	event_record_encode(&record, again);
	assert(event_record_decode(again, &record) == 0);
}

static void check_image(const struct ring_image *image)
{
	assert(image->records == RING && image->n <= RING);
	assert(image->last >= image->confirmed && image->last - image->confirmed <= STORE_BATCH);
	for (uint32_t i = 1; i < image->n; i++)
		assert(image->items[i].number > image->items[i - 1].number);
}

/* Four bytes a place: sequence and number relative to a whole ring, `confirmed`, damage. */
static void check_ring(const uint8_t *data, size_t n)
{
	static uint8_t bytes[RING_HEADER_BYTES + RING * EVENT_RECORD_BYTES];
	struct fuzz_file file = {bytes, sizeof bytes};
	char error[STORE_ERROR_SIZE] = "";
	struct ring_image image;
	struct store_io io;
	int r;

	if (n == 0)
		return;
	memset(bytes, 0, sizeof bytes);
	ring_header_encode(RING, bytes);
	for (size_t i = 0; 4 * i + 5 <= n && i < RING; i++) {
		const uint8_t *p = data + 1 + 4 * i;
		struct ring_record record = {
			.record.event = {.group = UINT16_MAX, .resource = UINT16_MAX},
			.record.number = 1 + i + p[1],
			.sequence = 1 + i + (uint64_t)p[0] * RING,
			.confirmed = i + (uint64_t)p[0] * RING - p[2],
		};

		if (data[0] & 1) /* far out */
			record.sequence += UINT64_MAX / 2 / RING * RING;
		ring_record_encode(&record, bytes + RING_HEADER_BYTES + i * EVENT_RECORD_BYTES);
		bytes[RING_HEADER_BYTES + i * EVENT_RECORD_BYTES + p[3]] ^= p[3] > 200;
	}
	fuzz_file_io(&io, &file);
	r = ring_file_load(&io, &image, error);
	assert(r == 1 || (r < 0 && error[0]));
	if (r < 0)
		return;
	check_image(&image);
	ring_image_done(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t bytes[EVENT_RECORD_BYTES] = {0};
	uint32_t crc;

	if (n < 2)
		return 0;
	if (data[0] % 3 == 2) {
		check_ring(data + 1, n - 1);
		return 0;
	}
	memcpy(bytes, data + 1, n - 1 < sizeof bytes ? n - 1 : sizeof bytes);
	if (data[0] % 3 == 1) {
		crc = crc32c(0, bytes, EVENT_RECORD_BYTES - 4);
		for (int i = 0; i < 4; i++)
			bytes[EVENT_RECORD_BYTES - 4 + i] = (uint8_t)(crc >> (24 - 8 * i));
	}
	check_record(bytes);
	return 0;
}
