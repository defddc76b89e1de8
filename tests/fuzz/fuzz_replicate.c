/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any blob of a peer: the first byte chooses the peer, the rest is the blob. */
#include "agent/replicate.h"

#include "include/hb.h"

#include <stdlib.h>

#define NODES 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t newest_number[NODES_MAX];

static uint64_t newest(void *userdata, uint8_t origin)
{
	(void)userdata;
	if (origin >= NODES)
		abort();
	return newest_number[origin];
}

static const struct event_record *next(void *userdata, uint8_t origin, uint64_t after)
{
	(void)userdata;
	(void)origin;
	(void)after;
	return NULL;
}

/* What is let through must be what a journal may hold. */
static void append(void *userdata, const struct event_record *record)
{
	uint8_t bytes[EVENT_RECORD_BYTES];
	struct event_record again;

	(void)userdata;
	if (record->event.origin >= NODES || record->origin_number == 0 ||
	    record->origin_number <= newest_number[record->event.origin])
		abort();
	newest_number[record->event.origin] = record->origin_number;
	event_record_encode(record, bytes);
	if (event_record_decode(bytes, &again) < 0)
		abort();
}

static void transmit(void *userdata, uint8_t peer, const void *data, size_t n)
{
	(void)userdata;
	(void)data;
	if (peer >= NODES || n > HB_BLOB_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct replicate_config config = {
		.self = 0,
		.n_nodes = NODES,
		.blob_max = HB_BLOB_MAX,
		.journal = {.newest = newest, .next = next, .append = append},
		.send = transmit,
	};
	ha_time now = {USEC_PER_SEC};
	struct replicate *re;

	if (size < 1 || replicate_new(&config, now, &re) < 0)
		return 0;
	for (unsigned int i = 0; i < NODES; i++)
		newest_number[i] = 0;
	replicate_peer(re, 1, true);
	if (replicate_receive(re, data[0] % 4, data + 1, size - 1, now) >= 0)
		replicate_dispatch(re, ha_time_add(now, 2 * USEC_PER_SEC));
	replicate_free(re);
	return 0;
}
