/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/store_internal.h"
#include "util/buf.h"
#include "util/hash.h"

#include <errno.h>
#include <string.h>

/* Records and header of the event ring. Pure. */

#define RECORD_MAGIC   0x48466576U	     /* "HFev" */
#define HEADER_MAGIC   0x4846657672696e67ULL /* "HFevring" */
#define RING_VERSION   1U
#define RECORD_CRC_AT  (EVENT_RECORD_BYTES - 4)
#define HEADER_CRC_AT  (RING_HEADER_BYTES - 4)
#define RECORD_IN_USE  208
#define RECORD_PADDING (RECORD_CRC_AT - RECORD_IN_USE)

void ring_record_encode(const struct ring_record *record, uint8_t out[EVENT_RECORD_BYTES])
{
	static const uint8_t padding[RECORD_PADDING];
	const struct event_record *er = &record->record;
	const struct event *event = &er->event;
	struct buf_writer w = {.data = out, .size = EVENT_RECORD_BYTES};

	buf_put_u32(&w, RECORD_MAGIC);
	buf_put_u16(&w, event->id);
	buf_put_u16(&w, event->group);
	buf_put_u16(&w, event->resource);
	buf_put_u8(&w, event->origin);
	buf_put_u8(&w, event->node);
	buf_put_u32(&w, 0);
	buf_put_u64(&w, record->sequence);
	buf_put_u64(&w, record->confirmed);
	buf_put_u64(&w, er->number);
	buf_put_u64(&w, er->origin_number);
	buf_put_u64(&w, er->origin_incarnation);
	buf_put_u64(&w, er->wall_us);
	buf_put_u64(&w, event->at.us);
	buf_put_u64(&w, event->epoch);
	for (size_t i = 0; i < 4; i++)
		buf_put_u64(&w, event->arg[i]);
	buf_put_bytes(&w, event->text, sizeof event->text);
	buf_put_bytes(&w, padding, sizeof padding);
	buf_put_u32(&w, crc32c(0, out, RECORD_CRC_AT));
}

static bool text_valid(const char text[EVENT_TEXT_SIZE])
{
	for (size_t i = strnlen(text, EVENT_TEXT_SIZE); i < EVENT_TEXT_SIZE; i++)
		if (text[i])
			return false;
	return text[EVENT_TEXT_SIZE - 1] == '\0';
}

static bool node_valid(uint8_t node)
{
	return node < NODES_MAX || node == NODE_NONE;
}

static bool group_valid(uint16_t group)
{
	return group < GROUPS_MAX || group == UINT16_MAX;
}

static bool resource_valid(uint16_t resource)
{
	return resource < RESOURCES_MAX || resource == UINT16_MAX;
}

static bool record_valid(const struct event_record *record)
{
	const struct event *event = &record->event;

	return record->number > 0 && event->epoch <= EPOCH_MAX && node_valid(event->origin) &&
	       node_valid(event->node) && group_valid(event->group) &&
	       resource_valid(event->resource) && text_valid(event->text);
}

void event_record_sanitize(struct event_record *record)
{
	struct event *event = &record->event;
	size_t n = strnlen(event->text, EVENT_TEXT_SIZE - 1);

	if (event->epoch > EPOCH_MAX)
		event->epoch = EPOCH_MAX;
	if (!node_valid(event->origin))
		event->origin = NODE_NONE;
	if (!node_valid(event->node))
		event->node = NODE_NONE;
	if (!group_valid(event->group))
		event->group = UINT16_MAX;
	if (!resource_valid(event->resource))
		event->resource = UINT16_MAX;
	memset(event->text + n, 0, EVENT_TEXT_SIZE - n);
}

int ring_record_decode(const uint8_t in[EVENT_RECORD_BYTES], struct ring_record *ret)
{
	struct buf_reader r = {.data = in, .size = RECORD_CRC_AT};
	struct buf_reader crc = {.data = in + RECORD_CRC_AT, .size = 4};
	struct ring_record record = {0};
	struct event_record *er = &record.record;
	struct event *event = &er->event;

	if (buf_get_u32(&r) != RECORD_MAGIC || buf_get_u32(&crc) != crc32c(0, in, RECORD_CRC_AT))
		return -EBADMSG;
	event->id = buf_get_u16(&r);
	event->group = buf_get_u16(&r);
	event->resource = buf_get_u16(&r);
	event->origin = buf_get_u8(&r);
	event->node = buf_get_u8(&r);
	if (buf_get_u32(&r) != 0)
		return -EBADMSG;
	record.sequence = buf_get_u64(&r);
	record.confirmed = buf_get_u64(&r);
	er->number = buf_get_u64(&r);
	er->origin_number = buf_get_u64(&r);
	er->origin_incarnation = buf_get_u64(&r);
	er->wall_us = buf_get_u64(&r);
	event->at.us = buf_get_u64(&r);
	event->epoch = buf_get_u64(&r);
	for (size_t i = 0; i < 4; i++)
		event->arg[i] = buf_get_u64(&r);
	buf_get_bytes(&r, event->text, sizeof event->text);
	while (buf_left(&r))
		if (buf_get_u8(&r) != 0)
			return -EBADMSG;
	if (!record_valid(er))
		return -EBADMSG;
	*ret = record;
	return 0;
}

void event_record_encode(const struct event_record *record, uint8_t out[EVENT_RECORD_BYTES])
{
	struct ring_record placed = {.record = *record};

	ring_record_encode(&placed, out);
}

int event_record_decode(const uint8_t in[EVENT_RECORD_BYTES], struct event_record *ret)
{
	struct ring_record placed;
	int r = ring_record_decode(in, &placed);

	if (r < 0)
		return r;
	*ret = placed.record;
	return 0;
}

void ring_header_encode(uint32_t records, uint8_t out[RING_HEADER_BYTES])
{
	struct buf_writer w = {.data = out, .size = RING_HEADER_BYTES};
	struct buf_writer crc = {.data = out + HEADER_CRC_AT, .size = 4};

	memset(out, 0, RING_HEADER_BYTES);
	buf_put_u64(&w, HEADER_MAGIC);
	buf_put_u32(&w, RING_VERSION);
	buf_put_u32(&w, RING_HEADER_BYTES);
	buf_put_u32(&w, EVENT_RECORD_BYTES);
	buf_put_u32(&w, records);
	buf_put_u32(&crc, crc32c(0, out, HEADER_CRC_AT));
}

int ring_header_decode(const uint8_t in[RING_HEADER_BYTES], uint32_t *ret_records)
{
	struct buf_reader r = {.data = in, .size = HEADER_CRC_AT};
	struct buf_reader crc = {.data = in + HEADER_CRC_AT, .size = 4};
	uint32_t records;

	if (buf_get_u64(&r) != HEADER_MAGIC || buf_get_u32(&crc) != crc32c(0, in, HEADER_CRC_AT))
		return -EBADMSG;
	if (buf_get_u32(&r) != RING_VERSION)
		return -EPROTONOSUPPORT;
	if (buf_get_u32(&r) != RING_HEADER_BYTES || buf_get_u32(&r) != EVENT_RECORD_BYTES)
		return -EBADMSG;
	records = buf_get_u32(&r);
	if (records < STORE_RING_MIN || records > STORE_RING_MAX)
		return -EBADMSG;
	while (buf_left(&r))
		if (buf_get_u8(&r) != 0)
			return -EBADMSG;
	*ret_records = records;
	return 0;
}
