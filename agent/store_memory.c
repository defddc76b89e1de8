/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/store_internal.h"
#include "util/hash.h"

#include <errno.h>

/*
 * The newest records in memory: a ring in the order of arrival, and a hash table from (origin,
 * number there) to the place in the ring, with chains through `chain`. Everything is allocated
 * once. The hash need not resist an attacker: peers are authenticated.
 */

#define NO_PLACE UINT32_MAX

struct event_memory {
	uint32_t capacity;
	uint32_t n_buckets; /* a power of two */
	uint64_t first, next;
	uint64_t origin_newest[UINT8_MAX + 1];
	struct event_record *items;
	uint32_t *buckets; /* newest place of each chain, or NO_PLACE */
	uint32_t *chain;   /* for each place: the next older one of its chain */
};

int event_memory_new(uint32_t capacity, struct event_memory **ret)
{
	struct event_memory *memory = calloc(1, sizeof *memory);

	if (!memory)
		return -ENOMEM;
	memory->capacity = capacity;
	memory->n_buckets = 1;
	while (memory->n_buckets < capacity)
		memory->n_buckets *= 2;
	memory->items = calloc(capacity, sizeof *memory->items);
	memory->buckets = calloc(memory->n_buckets, sizeof *memory->buckets);
	memory->chain = calloc(capacity, sizeof *memory->chain);
	if (!memory->items || !memory->buckets || !memory->chain) {
		event_memory_free(memory);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < memory->n_buckets; i++)
		memory->buckets[i] = NO_PLACE;
	*ret = memory;
	return 0;
}

struct event_memory *event_memory_free(struct event_memory *memory)
{
	if (!memory)
		return NULL;
	free(memory->items);
	free(memory->buckets);
	free(memory->chain);
	free(memory);
	return NULL;
}

uint64_t event_memory_first(const struct event_memory *memory)
{
	return memory->first;
}

uint64_t event_memory_next(const struct event_memory *memory)
{
	return memory->next;
}

const struct event_record *event_memory_at(const struct event_memory *memory, uint64_t index)
{
	if (index < memory->first || index >= memory->next)
		return NULL;
	return &memory->items[index % memory->capacity];
}

static uint32_t bucket_of(const struct event_memory *memory, uint8_t origin, uint64_t number)
{
	uint64_t hash = hash64_u64(hash64_u64(HASH64_INIT, origin), number);

	return (uint32_t)(hash ^ hash >> 32) & (memory->n_buckets - 1);
}

static uint32_t *bucket_of_record(struct event_memory *memory, const struct event_record *record)
{
	return &memory->buckets[bucket_of(memory, record->event.origin, record->origin_number)];
}

static void drop_oldest(struct event_memory *memory)
{
	uint32_t place = (uint32_t)(memory->first % memory->capacity);
	uint32_t *link = bucket_of_record(memory, &memory->items[place]);

	while (*link != place)
		link = &memory->chain[*link];
	*link = memory->chain[place];
	memory->first++;
}

void event_memory_append(struct event_memory *memory, const struct event_record *record)
{
	uint32_t place = (uint32_t)(memory->next % memory->capacity);
	uint64_t *newest = &memory->origin_newest[record->event.origin];
	uint32_t *bucket = bucket_of_record(memory, record);

	if (memory->next - memory->first == memory->capacity)
		drop_oldest(memory);
	memory->items[place] = *record;
	memory->chain[place] = *bucket;
	*bucket = place;
	memory->next++;
	if (record->origin_number > *newest)
		*newest = record->origin_number;
}

/* Numbers grow with the index, so halving finds one. */
const struct event_record *event_memory_find(const struct event_memory *memory, uint64_t number)
{
	uint64_t low = memory->first, high = memory->next;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (memory->items[middle % memory->capacity].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == memory->next || memory->items[low % memory->capacity].number != number)
		return NULL;
	return &memory->items[low % memory->capacity];
}

uint64_t event_memory_origin_newest(const struct event_memory *memory, uint8_t origin)
{
	return memory->origin_newest[origin];
}

const struct event_record *event_memory_origin_find(const struct event_memory *memory,
						    uint8_t origin, uint64_t origin_number)
{
	uint32_t place = memory->buckets[bucket_of(memory, origin, origin_number)];

	for (; place != NO_PLACE; place = memory->chain[place]) {
		const struct event_record *record = &memory->items[place];

		if (record->event.origin == origin && record->origin_number == origin_number)
			return record;
	}
	return NULL;
}
