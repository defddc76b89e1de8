/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TESTS_STORE_SAMPLE_H
#define HF_TESTS_STORE_SAMPLE_H

/* States and events to store, made from a seed: the same seed gives the same one. */

#include "agent/store_internal.h"

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

/* A valid state of this generation; padding bytes are zero, so that memcmp() compares. */
static inline void sample_state(uint64_t generation, struct durable_state *state)
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
		row->version.epoch = sample_next(&random) % (EPOCH_MAX + 1);
		row->version.counter = (uint32_t)sample_next(&random);
		row->request.incarnation = sample_next(&random);
		row->request.number = (uint32_t)sample_next(&random);
		row->request.node = sample_node(&random);
		row->wanted = (uint8_t)(sample_next(&random) % WANTED_COUNT_);
		row->owner = sample_node(&random);
		row->target = sample_node(&random);
		row->cause = (uint8_t)(sample_next(&random) % CAUSE_COUNT_);
		row->attempt = (uint8_t)sample_next(&random);
	}
	for (unsigned int i = 0; i < state->n_nodes; i++) {
		struct node_intent *row = &state->node_intents[i];

		(void)snprintf(state->node_names[i], NAME_SIZE, "node-%u", i);
		row->version.epoch = sample_next(&random) % (EPOCH_MAX + 1);
		row->version.counter = (uint32_t)sample_next(&random);
		row->request.incarnation = sample_next(&random);
		row->request.number = (uint32_t)sample_next(&random);
		row->request.node = sample_node(&random);
		row->incarnation = sample_next(&random);
		row->wanted = (uint8_t)(sample_next(&random) % WANTED_COUNT_);
	}
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

	state_encode(a, 0, x);
	state_encode(b, 0, y);
	return memcmp(x, y, sizeof x) == 0;
}

#endif
