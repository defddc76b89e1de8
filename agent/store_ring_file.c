/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/store_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * The event ring. The record with sequence s is in place (s - 1) % records. A batch is written
 * only when all before it are confirmed, so a power cut can only hurt the places of the last
 * batch: those after the highest `confirmed` C that any record tells, STORE_BATCH of them. All
 * others must be sound and be the expected ones.
 */

#define CREATE_RECORDS 64		/* written at a time */
#define SEQUENCE_MAX   (UINT64_MAX / 2) /* so that no sum overflows */

static uint32_t ring_place(uint64_t sequence, uint32_t records)
{
	assert(records > 0);
	return (uint32_t)((sequence - 1) % records);
}

static uint64_t place_offset(uint32_t place)
{
	return RING_HEADER_BYTES + (uint64_t)place * EVENT_RECORD_BYTES;
}

static uint64_t file_bytes(uint32_t records)
{
	return place_offset(records);
}

/* ---- writing ---- */

static int create_records(const struct store_io *io, int fd, uint32_t records,
			  const struct event_record *items, uint32_t n)
{
	uint8_t chunk[CREATE_RECORDS * EVENT_RECORD_BYTES];

	for (uint32_t place = 0; place < records; place += CREATE_RECORDS) {
		uint32_t count =
			records - place < CREATE_RECORDS ? records - place : CREATE_RECORDS;
		int r;

		memset(chunk, 0, sizeof chunk);
		for (uint32_t i = 0; i < count && place + i < n; i++) {
			struct ring_record record = {.record = items[place + i],
						     .sequence = (uint64_t)place + i + 1,
						     .confirmed = (uint64_t)place + i};

			ring_record_encode(&record, chunk + (size_t)i * EVENT_RECORD_BYTES);
		}
		r = store_io_write(io, fd, chunk, (size_t)count * EVENT_RECORD_BYTES,
				   place_offset(place));
		if (r < 0)
			return r;
	}
	return 0;
}

int ring_file_create(const struct store_io *io, uint32_t records, const struct event_record *items,
		     uint32_t n)
{
	_cleanup_(store_file_close) struct store_file file = {.io = io, .fd = -1};
	uint8_t header[RING_HEADER_BYTES];
	int r;

	file.fd = io->open(io->userdata, EVENTS_FILE_NEW, O_RDWR | O_CREAT | O_TRUNC);
	if (file.fd < 0)
		return file.fd;
	ring_header_encode(records, header);
	r = store_io_write(io, file.fd, header, sizeof header, 0);
	if (r < 0)
		return r;
	r = create_records(io, file.fd, records, items, n);
	if (r < 0)
		return r;
	r = io->sync(io->userdata, file.fd);
	if (r < 0)
		return r;
	r = io->rename(io->userdata, EVENTS_FILE_NEW, EVENTS_FILE);
	if (r < 0)
		return r;
	return io->sync_directory(io->userdata);
}

int ring_file_write(const struct store_io *io, const struct ring_batch *batch)
{
	_cleanup_(store_file_close) struct store_file file = {.io = io, .fd = -1};
	uint8_t data[STORE_BATCH * EVENT_RECORD_BYTES];
	uint32_t place = ring_place(batch->first, batch->records);
	uint32_t head = batch->records - place < batch->n ? batch->records - place : batch->n;
	uint64_t size;
	int r;

	for (uint32_t i = 0; i < batch->n; i++) {
		struct ring_record record = {.record = batch->items[i],
					     .sequence = batch->first + i,
					     .confirmed = batch->first - 1};

		ring_record_encode(&record, data + (size_t)i * EVENT_RECORD_BYTES);
	}
	file.fd = io->open(io->userdata, EVENTS_FILE, O_RDWR);
	if (file.fd < 0)
		return file.fd;
	r = io->size(io->userdata, file.fd, &size);
	if (r < 0)
		return r;
	if (size != file_bytes(batch->records))
		return -EBADMSG;
	r = store_io_write(io, file.fd, data, (size_t)head * EVENT_RECORD_BYTES,
			   place_offset(place));
	if (r < 0)
		return r;
	r = store_io_write(io, file.fd, data + (size_t)head * EVENT_RECORD_BYTES,
			   (size_t)(batch->n - head) * EVENT_RECORD_BYTES, place_offset(0));
	if (r < 0)
		return r;
	return io->sync(io->userdata, file.fd);
}

/* ---- reading ---- */

enum place_condition { PLACE_EMPTY, PLACE_BAD, PLACE_SOUND };

struct scan {
	uint32_t records;
	uint64_t confirmed;  /* the highest that any sound record tells, or that has been passed */
	const uint8_t *data; /* of place 0 */
};

static enum place_condition read_place(const struct scan *scan, uint32_t place,
				       struct ring_record *record)
{
	const uint8_t *p = scan->data + (size_t)place * EVENT_RECORD_BYTES;

	if (ring_record_decode(p, record) >= 0 && record->sequence > record->confirmed &&
	    record->sequence <= SEQUENCE_MAX &&
	    ring_place(record->sequence, scan->records) == place)
		return PLACE_SOUND;
	for (size_t i = 0; i < EVENT_RECORD_BYTES; i++)
		if (p[i])
			return PLACE_BAD;
	return PLACE_EMPTY;
}

static int damaged(char error[STORE_ERROR_SIZE], uint32_t place, const char *what)
{
	(void)snprintf(error, STORE_ERROR_SIZE,
		       "the event file '" EVENTS_FILE "' is damaged: record %" PRIu32
		       " (byte %" PRIu64 "): %s. It holds the history of events only; to go on, "
		       "move it away (keep it for study) and start again: a new one is made. "
		       "See RECOVERY in holdfastd(8)",
		       place, place_offset(place), what);
	return -EBADMSG;
}

static bool holds(const struct scan *scan, uint64_t sequence)
{
	struct ring_record record;

	return read_place(scan, ring_place(sequence, scan->records), &record) == PLACE_SOUND &&
	       record.sequence == sequence;
}

/* The oldest record: the last batch may have overwritten some, as far as it came. */
static uint64_t oldest_sequence(const struct scan *scan)
{
	uint64_t hurt = scan->confirmed + STORE_BATCH; /* it may have touched up to here */
	uint64_t sequence = hurt > scan->records ? hurt - scan->records + 1 : 1;

	while (sequence > 1 && holds(scan, sequence - 1))
		sequence--;
	return sequence;
}

/* The records up to `confirmed` that the ring still must have, oldest first. */
static int take_confirmed(const struct scan *scan, struct ring_image *image,
			  char error[STORE_ERROR_SIZE])
{
	uint64_t sequence = oldest_sequence(scan);
	struct ring_record record;

	for (; sequence <= scan->confirmed; sequence++) {
		uint32_t place = ring_place(sequence, scan->records);

		if (read_place(scan, place, &record) != PLACE_SOUND)
			return damaged(error, place, "wrong checksum");
		if (record.sequence != sequence)
			return damaged(error, place, "it is not the one that belongs there");
		if (image->n && record.record.number <= image->items[image->n - 1].number)
			return damaged(error, place, "its number does not follow");
		image->items[image->n++] = record.record;
	}
	image->last = scan->confirmed;
	return 0;
}

/* What the last batch left after them: taken as far as it is whole. */
static void take_last_batch(const struct scan *scan, struct ring_image *image)
{
	uint32_t present = 0, taken = 0;
	bool whole = true;

	for (uint64_t i = 1; i <= STORE_BATCH; i++) {
		uint64_t sequence = scan->confirmed + i;
		uint32_t place = ring_place(sequence, scan->records);
		struct ring_record record;
		enum place_condition condition = read_place(scan, place, &record);

		present += condition == PLACE_BAD;
		if (condition != PLACE_SOUND || record.sequence != sequence) {
			whole = false;
			continue;
		}
		present++;
		whole &= !image->n || record.record.number > image->items[image->n - 1].number;
		if (!whole)
			continue;
		image->items[image->n++] = record.record;
		image->last = sequence;
		taken++;
	}
	image->dropped = present - taken;
}

/* Places that no batch has reached must be empty, and no record may be from the future. */
static int check_rest(const struct scan *scan, char error[STORE_ERROR_SIZE])
{
	uint64_t hurt = scan->confirmed + STORE_BATCH;
	struct ring_record record;

	for (uint32_t place = 0; place < scan->records; place++) {
		enum place_condition condition = read_place(scan, place, &record);

		if (condition == PLACE_SOUND && record.sequence > hurt)
			return damaged(error, place, "it is newer than the ring");
		if (place >= hurt && condition != PLACE_EMPTY)
			return damaged(error, place, "the ring has not come that far");
	}
	return 0;
}

static int scan_records(struct scan *scan, struct ring_image *image, char error[STORE_ERROR_SIZE])
{
	struct ring_record record;
	int r;

	image->items = calloc(scan->records, sizeof *image->items);
	if (!image->items)
		return -ENOMEM;
	for (uint32_t place = 0; place < scan->records; place++)
		if (read_place(scan, place, &record) == PLACE_SOUND &&
		    record.confirmed > scan->confirmed)
			scan->confirmed = record.confirmed;
	r = check_rest(scan, error);
	if (r < 0)
		return r;
	r = take_confirmed(scan, image, error);
	if (r < 0)
		return r;
	take_last_batch(scan, image);
	image->records = scan->records;
	image->confirmed = scan->confirmed;
	return 0;
}

static int read_header(const struct store_io *io, int fd, uint32_t *ret_records,
		       char error[STORE_ERROR_SIZE])
{
	uint8_t header[RING_HEADER_BYTES];
	uint64_t size;
	int r;

	r = io->size(io->userdata, fd, &size);
	if (r < 0)
		return r;
	if (size < RING_HEADER_BYTES)
		r = -EBADMSG;
	else
		r = store_io_read(io, fd, header, sizeof header, 0);
	if (r >= 0)
		r = ring_header_decode(header, ret_records);
	if (r >= 0 && size == file_bytes(*ret_records))
		return 0;
	if (r >= 0)
		r = -EBADMSG;
	(void)snprintf(error, STORE_ERROR_SIZE,
		       "the event file '" EVENTS_FILE "' (%" PRIu64 " bytes) %s. It holds the "
		       "history of events only; to go on, move it away (keep it for study) and "
		       "start again: a new one is made. See RECOVERY in holdfastd(8)",
		       size,
		       r == -EBADMSG	       ? "has a damaged header or the wrong size"
		       : r == -EPROTONOSUPPORT ? "is of another format version"
					       : "cannot be read");
	return r;
}

void ring_image_done(struct ring_image *image)
{
	free(image->items);
	image->items = NULL;
}

int ring_file_load(const struct store_io *io, struct ring_image *ret, char error[STORE_ERROR_SIZE])
{
	_cleanup_(store_file_close) struct store_file file = {.io = io, .fd = -1};
	_cleanup_(ring_image_done) struct ring_image image = {0};
	_cleanup_free_ uint8_t *data = NULL;
	struct scan scan = {0};
	int r;

	error[0] = '\0';
	file.fd = io->open(io->userdata, EVENTS_FILE, O_RDONLY);
	if (file.fd == -ENOENT)
		return 0;
	r = file.fd < 0 ? file.fd : read_header(io, file.fd, &scan.records, error);
	if (r >= 0) {
		data = malloc((size_t)scan.records * EVENT_RECORD_BYTES);
		r = data ? store_io_read(io, file.fd, data,
					 (size_t)scan.records * EVENT_RECORD_BYTES,
					 RING_HEADER_BYTES)
			 : -ENOMEM;
	}
	if (r >= 0) {
		scan.data = data;
		r = scan_records(&scan, &image, error);
	}
	if (r < 0 && !error[0])
		(void)snprintf(error, STORE_ERROR_SIZE,
			       "cannot read the event file '" EVENTS_FILE "': %s", strerror(-r));
	if (r < 0)
		return r;
	*ret = image;
	image.items = NULL;
	return 1;
}
