/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The catalogue of events as a whole: its parts follow each other in order of ids. */
#include "core/event_rows.h"

static const struct event_rows *const parts[] = {
	&event_rows_cluster,
	&event_rows_fence,
	&event_rows_objects,
	&event_rows_control,
};

#define PARTS (sizeof parts / sizeof parts[0])

const struct event_info *event_info_at(size_t i)
{
	for (size_t part = 0; part < PARTS; part++) {
		if (i < parts[part]->n)
			return &parts[part]->rows[i];
		i -= parts[part]->n;
	}
	return NULL;
}

static const struct event_info *find(const struct event_rows *part, uint16_t id)
{
	size_t low = 0, high = part->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (part->rows[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < part->n && part->rows[low].id == id ? &part->rows[low] : NULL;
}

const struct event_info *event_info(uint16_t id)
{
	for (size_t part = 0; part < PARTS; part++) {
		const struct event_info *row = find(parts[part], id);

		if (row)
			return row;
	}
	return NULL;
}
