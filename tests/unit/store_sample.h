/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TESTS_STORE_SAMPLE_H
#define HF_TESTS_STORE_SAMPLE_H

/* States and events to store, made from a seed: the same seed gives the same one. */

#include "agent/store_internal.h"
#include "util/buf.h"
#include "util/hash.h"

#include <stdio.h>
#include <string.h>

struct sample_random {
	uint64_t state;
};

/* xorshift64*; good enough for tests, the same everywhere. */
static inline uint64_t sample_next(struct sample_random *random)
{
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return random->state * 0x2545f4914f6cdd1dULL;
}

static inline struct sample_random sample_seed(uint64_t seed)
{
	return (struct sample_random){seed * 0x9e3779b97f4a7c15ULL | 1};
}

static inline uint8_t sample_node(struct sample_random *random)
{
	return sample_next(random) % 4 ? (uint8_t)(sample_next(random) % NODES_MAX) : NODE_NONE;
}

static inline void sample_row_head(struct sample_random *random, struct version *version,
				   struct request_id *request)
{
	version->epoch = sample_next(random) % (EPOCH_MAX + 1);
	version->counter = (uint32_t)sample_next(random);
	request->incarnation = sample_next(random);
	request->number = (uint32_t)sample_next(random);
	request->node = sample_node(random);
}

/* What format version 1 did not have. */
static inline void sample_state_new(struct sample_random *random, struct durable_state *state)
{
	sample_row_head(random, &state->cluster.version, &state->cluster.request);
	state->cluster.mode = (uint8_t)(sample_next(random) % CLUSTER_MODE_COUNT_);
	state->cluster.ratio = (uint16_t)(sample_next(random) % (RATIO_MAX + 1));
	state->cluster.config_generation = sample_next(random) % (EPOCH_MAX + 1);
	state->cluster.config_hash = sample_next(random);
	state->ratio_left_us = sample_next(random) % (RATIO_TIME_MAX_US + 1);
	for (unsigned int i = 0; i < state->n_groups; i++) {
		struct group_intent *row = &state->group_intents[i];
		unsigned int bytes =
			(unsigned int)(sample_next(random) % 65) >> sample_next(random) % 7;

		row->failovers = (uint8_t)sample_next(random);
		for (unsigned int k = 0; k < bytes; k++)
			row->stopped[k] = (uint8_t)sample_next(random);
	}
	for (unsigned int i = 0; i < state->n_nodes; i++)
		state->node_intents[i].power = (uint8_t)(sample_next(random) % POWER_ACTION_COUNT_);
	state->n_resources = (uint16_t)(sample_next(random) % (RESOURCES_MAX + 1));
	if (state->n_groups == 0)
		state->n_resources = 0;
	for (unsigned int i = 0; i < state->n_resources; i++) {
		(void)snprintf(state->resource_names[i], NAME_SIZE, "resource-%u", i);
		state->resource_groups[i] = (uint16_t)(sample_next(random) % state->n_groups);
	}
	state->n_monitors = (uint16_t)(sample_next(random) % (MONITORS_MAX + 1));
	for (unsigned int i = 0; i < state->n_monitors; i++) {
		struct monitor_intent *row = &state->monitor_intents[i];

		(void)snprintf(state->monitor_names[i], NAME_SIZE, "monitor-%u", i);
		if (i % 5)
			continue; /* nobody wrote that row */
		sample_row_head(random, &row->version, &row->request);
		row->suspended = (node_mask)sample_next(random);
		row->failing = (node_mask)sample_next(random);
	}
}

/* A valid state of this generation, as format version 1 could hold it; padding bytes are zero, so
 * that memcmp() compares. */
static inline struct sample_random sample_state_1(uint64_t generation, struct durable_state *state)
{
	struct sample_random random = sample_seed(generation);

	memset(state, 0, sizeof *state);
	state->generation = generation;
	state->incarnation = sample_next(&random) >> 16;
	state->epoch_reserve = sample_next(&random) % (EPOCH_MAX + 1);
	state->lease_max_us = sample_next(&random);
	state->n_groups = (uint16_t)(sample_next(&random) % (GROUPS_MAX + 1));
	state->n_nodes = (uint16_t)(sample_next(&random) % (NODES_MAX + 1));
	for (unsigned int i = 0; i < state->n_groups; i++) {
		struct group_intent *row = &state->group_intents[i];

		(void)snprintf(state->group_names[i], NAME_SIZE, "group-%u", i);
		sample_row_head(&random, &row->version, &row->request);
		row->wanted = (uint8_t)(sample_next(&random) % WANTED_COUNT_);
		row->owner = sample_node(&random);
		row->target = sample_node(&random);
		row->cause = (uint8_t)(sample_next(&random) % CAUSE_COUNT_);
		row->attempt = (uint8_t)sample_next(&random);
	}
	for (unsigned int i = 0; i < state->n_nodes; i++) {
		struct node_intent *row = &state->node_intents[i];

		(void)snprintf(state->node_names[i], NAME_SIZE, "node-%u", i);
		sample_row_head(&random, &row->version, &row->request);
		row->incarnation = sample_next(&random);
		row->wanted = (uint8_t)(sample_next(&random) % WANTED_COUNT_);
	}
	return random;
}

/* The same with everything that this version can hold. */
static inline void sample_state(uint64_t generation, struct durable_state *state)
{
	struct sample_random random = sample_state_1(generation, state);

	sample_state_new(&random, state);
}

static inline void sample_put_row_head(struct buf_writer *w, const struct version *version,
				       const struct request_id *request)
{
	buf_put_u64(w, version->epoch);
	buf_put_u32(w, version->counter);
	buf_put_u64(w, request->incarnation);
	buf_put_u32(w, request->number);
	buf_put_u8(w, request->node);
}

/* Checksums and sectors around a payload of `sectors` times 484 bytes. */
static inline void sample_seal(uint8_t *payload, unsigned int sectors, uint64_t generation,
			       uint64_t base, uint8_t *out)
{
	size_t n = STATE_PAYLOAD_BYTES(sectors);
	struct buf_writer crc = {.data = payload + 4, .size = 4};

	buf_put_u32(&crc, crc32c(crc32c(0, payload, 4), payload + 8, n - 8));
	for (unsigned int i = 0; i < sectors; i++) {
		struct buf_writer w = {.data = out + (size_t)i * 512, .size = 512};

		buf_put_bytes(&w, "HFst", 4);
		buf_put_u16(&w, (uint16_t)i);
		buf_put_u16(&w, 0);
		buf_put_u64(&w, generation);
		buf_put_u64(&w, base);
		buf_put_bytes(&w, payload + (size_t)i * 484, 484);
		buf_put_u32(&w, crc32c(0, w.data, 508));
	}
}

#define SAMPLE_SLOT_1 16384

/* A slot as release 1 wrote it (its docs/disk-formats.md). */
static inline void sample_encode_1(const struct durable_state *state, uint64_t base,
				   uint8_t out[SAMPLE_SLOT_1])
{
	uint8_t payload[32 * 484] = {0};
	struct buf_writer w = {.data = payload, .size = sizeof payload};

	buf_put_u32(&w, 1);
	buf_put_u32(&w, 0);
	buf_put_u64(&w, state->incarnation);
	buf_put_u64(&w, state->epoch_reserve);
	buf_put_u64(&w, state->lease_max_us);
	buf_put_u16(&w, state->n_groups);
	buf_put_u16(&w, state->n_nodes);
	buf_put_u32(&w, 0);
	for (unsigned int i = 0; i < state->n_groups; i++) {
		const struct group_intent *row = &state->group_intents[i];

		buf_put_bytes(&w, state->group_names[i], NAME_SIZE);
		sample_put_row_head(&w, &row->version, &row->request);
		buf_put_u8(&w, row->wanted);
		buf_put_u8(&w, row->owner);
		buf_put_u8(&w, row->target);
		buf_put_u8(&w, row->cause);
		buf_put_u8(&w, row->attempt);
	}
	for (unsigned int i = 0; i < state->n_nodes; i++) {
		const struct node_intent *row = &state->node_intents[i];

		buf_put_bytes(&w, state->node_names[i], NAME_SIZE);
		sample_put_row_head(&w, &row->version, &row->request);
		buf_put_u64(&w, row->incarnation);
		buf_put_u8(&w, row->wanted);
	}
	sample_seal(payload, 32, state->generation, base, out);
}

/* An event; whatever its seed, store_append_event() must make it valid. */
static inline struct event sample_event(uint64_t seed)
{
	struct sample_random random = sample_seed(seed);
	struct event event;

	memset(&event, 0, sizeof event);
	event.id = (uint16_t)sample_next(&random);
	event.at.us = sample_next(&random);
	event.epoch = sample_next(&random);
	for (size_t i = 0; i < 4; i++)
		event.arg[i] = sample_next(&random);
	event.group = (uint16_t)sample_next(&random);
	event.resource = (uint16_t)sample_next(&random);
	event.origin = (uint8_t)(sample_next(&random) % 4);
	event.node = (uint8_t)sample_next(&random);
	(void)snprintf(event.text, sizeof event.text, "event of seed %llu",
		       (unsigned long long)seed);
	if (seed % 7 == 0)
		memset(event.text, 'x', sizeof event.text); /* without an end */
	return event;
}

/* A valid record, as the store keeps it. */
static inline void sample_record(uint64_t number, struct event_record *record)
{
	memset(record, 0, sizeof *record);
	record->event = sample_event(number);
	record->number = number;
	record->origin_number = number * 2;
	record->origin_incarnation = number / 10;
	record->wall_us = number * 1000003;
	event_record_sanitize(record);
}

/* Field by field, as the padding of a struct may differ. */
static inline bool sample_same_record(const struct event_record *a, const struct event_record *b)
{
	uint8_t x[EVENT_RECORD_BYTES], y[EVENT_RECORD_BYTES];

	event_record_encode(a, x);
	event_record_encode(b, y);
	return memcmp(x, y, sizeof x) == 0;
}

static inline bool sample_same_state(const struct durable_state *a, const struct durable_state *b)
{
	uint8_t x[STATE_SLOT_BYTES], y[STATE_SLOT_BYTES];

	if (a->generation != b->generation || memcmp(a, b, sizeof *a) == 0)
		return a->generation == b->generation;
	state_encode(a, 0, x);
	state_encode(b, 0, y);
	return memcmp(x, y, sizeof x) == 0;
}

#endif
