/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Walking through the records in memory, whose numbers have gaps. */
#include "agent/store_parent.h"

/* Index of the first record with a number above `number`; event_memory_next() if there is none. */
static uint64_t first_above(const struct event_memory *memory, uint64_t number)
{
	uint64_t low = event_memory_first(memory), high = event_memory_next(memory);

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (event_memory_at(memory, middle)->number <= number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct event_record *store_event_after(const struct store *store, uint64_t number)
{
	return event_memory_at(store->memory, first_above(store->memory, number));
}

const struct event_record *store_event_before(const struct store *store, uint64_t number)
{
	uint64_t index = number ? first_above(store->memory, number - 1) : 0;

	return index ? event_memory_at(store->memory, index - 1) : NULL;
}
