/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hb/window.h"

#include <string.h>

static bool part_seen(const struct sending *s, uint16_t part)
{
	return s->parts[part / 64] >> part % 64 & 1;
}

enum sending_order sending_order(const struct sending *s, const struct datagram_id *id)
{
	if (id->incarnation != s->incarnation)
		return id->incarnation > s->incarnation ? SENDING_NEW : SENDING_OLD;
	if (id->sequence != s->sequence)
		return id->sequence > s->sequence ? SENDING_NEW : SENDING_OLD;
	return part_seen(s, id->part) ? SENDING_SEEN : SENDING_PART;
}

void sending_take(struct sending *s, const struct datagram_id *id)
{
	if (id->incarnation != s->incarnation || id->sequence != s->sequence)
		*s = (struct sending){.incarnation = id->incarnation, .sequence = id->sequence};
	s->parts[id->part / 64] |= (uint64_t)1 << id->part % 64;
}

/* Moves the window by `step` numbers. Returns how many of those that leave it never came. */
static uint64_t shift(struct link_window *w, uint64_t step)
{
	uint32_t all = (1U << LINK_WINDOW) - 1;
	uint64_t missing;

	if (step >= LINK_WINDOW) {
		missing = LINK_WINDOW - (unsigned int)__builtin_popcount(w->seen) +
			  (step - LINK_WINDOW);
		w->seen = 0;
	} else {
		uint32_t leaving = ~w->seen & all & ~(all >> step);

		missing = (unsigned int)__builtin_popcount(leaving);
		w->seen = w->seen << step & all;
	}
	w->seen |= 1;
	return missing;
}

enum link_order link_window_take(struct link_window *w, const struct datagram_id *id,
				 uint64_t *lost)
{
	enum sending_order order = sending_order(&w->newest, id);
	uint64_t age;

	switch (order) {
	case SENDING_NEW:
		if (id->incarnation != w->newest.incarnation)
			w->seen = (1U << LINK_WINDOW) - 1;
		else
			*lost += shift(w, id->sequence - w->newest.sequence);
		sending_take(&w->newest, id);
		return LINK_NEWS;
	case SENDING_PART:
		sending_take(&w->newest, id);
		return LINK_NEWS;
	case SENDING_SEEN:
		return LINK_TWICE;
	case SENDING_OLD:
	default:
		break;
	}
	age = w->newest.sequence - id->sequence;
	if (id->incarnation != w->newest.incarnation || age >= LINK_WINDOW || w->seen >> age & 1)
		return LINK_REPLAY;
	w->seen |= 1U << age;
	return LINK_REORDERED;
}

enum sending_order blob_window_take(struct blob_window *w, const struct datagram_id *id)
{
	uint64_t age;

	if (id->incarnation < w->incarnation)
		return SENDING_OLD;
	if (id->incarnation > w->incarnation) {
		*w = (struct blob_window){id->incarnation, id->sequence, 1};
		return SENDING_NEW;
	}
	if (id->sequence > w->newest) {
		age = id->sequence - w->newest;
		w->seen = age < 64 ? w->seen << age | 1 : 1;
		w->newest = id->sequence;
		return SENDING_NEW;
	}
	age = w->newest - id->sequence;
	if (age >= 64)
		return SENDING_OLD;
	if (w->seen >> age & 1)
		return SENDING_SEEN;
	w->seen |= (uint64_t)1 << age;
	return SENDING_NEW;
}

void rtt_take(struct rtt *rtt, const struct peer_entry *entry, ha_time arrival)
{
	uint64_t us = ha_time_since(arrival, entry->stamp);

	if (entry->age_us == UINT32_MAX || !ha_time_before(rtt->echoed, entry->stamp))
		return;
	rtt->echoed = entry->stamp;
	us = us > entry->age_us ? us - entry->age_us : 0;
	if (us == 0)
		us = 1; /* 0 stands for no sample */
	rtt->us[rtt->next] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
	rtt->next = (uint16_t)((rtt->next + 1) % RTT_SAMPLES);
	if (rtt->n < RTT_SAMPLES)
		rtt->n++;
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void rtt_percentiles(const struct rtt *rtt, struct hb_link_stats *ret)
{
	uint32_t sorted[RTT_SAMPLES];

	ret->rtt_us_p50 = ret->rtt_us_p99 = ret->rtt_us_max = 0;
	if (rtt->n == 0)
		return;
	memcpy(sorted, rtt->us, rtt->n * sizeof *sorted);
	qsort(sorted, rtt->n, sizeof *sorted, compare_u32);
	ret->rtt_us_p50 = sorted[(rtt->n - 1) * 50 / 100];
	ret->rtt_us_p99 = sorted[(rtt->n - 1) * 99 / 100];
	ret->rtt_us_max = sorted[rtt->n - 1];
}
