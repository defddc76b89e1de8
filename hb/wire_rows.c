/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The row sections of a vector: groups, resources, nodes, monitors, fences. Pure. */
#include "hb/internal.h"

#define GROUP_ACTUAL_BYTES 11 /* the last bytes of GROUP_ROW_BYTES */
#define GROUP_HALTED	   0x01
#define GROUP_BY_MONITOR   0x02

/* First byte of a monitor's row. */
#define MONITOR_STATUS	     0x07
#define MONITOR_FINAL	     0x08
#define MONITOR_HAS_COUNTS   0x10
#define MONITOR_HAS_INTENT   0x20
#define MONITOR_UNKNOWN_BITS 0xc0
_Static_assert(MONITOR_STATUS_COUNT_ <= MONITOR_STATUS + 1, "a status fits into its bits");

/* First byte of a fence row. */
#define FENCE_STATE	  0x07
#define FENCE_CHECK_SHIFT 3
#define FENCE_CHECK	  0x38
#define FENCE_HAS_ORDER	  0x40
#define FENCE_HAS_OFF	  0x80
_Static_assert(FENCE_STATE_COUNT_ <= FENCE_STATE + 1 &&
		       FENCE_CHECK_COUNT_ <= (FENCE_CHECK >> FENCE_CHECK_SHIFT) + 1,
	       "state and check fit into their bits");

/* Up to the last byte that is not 0. */
static size_t stopped_bytes(const struct group_intent *row)
{
	uint64_t word;
	size_t n = sizeof row->stopped;

	for (; n > 0; n -= sizeof word) {
		memcpy(&word, row->stopped + n - sizeof word, sizeof word);
		if (word)
			break;
	}
	while (n > 0 && !row->stopped[n - 1])
		n--;
	return n;
}

static size_t group_bytes(const struct vector *v, unsigned int row)
{
	return GROUP_ROW_BYTES + stopped_bytes(&v->group_intents[row]);
}

static void put_group(struct wire_writer *w, const struct vector *v, unsigned int row)
{
	const struct group_intent *intent = &v->group_intents[row];
	const struct group_actual *actual = &v->group_actuals[row];
	size_t stopped = stopped_bytes(intent);

	wire_put_version(w, &intent->version);
	wire_put_request_id(w, &intent->request);
	put_u8(w, intent->wanted);
	put_u8(w, intent->owner);
	put_u8(w, intent->target);
	put_u8(w, intent->cause);
	put_u8(w, intent->attempt);
	put_u8(w, intent->failovers);
	put_u8(w, (uint8_t)stopped);
	memcpy(w->at, intent->stopped, stopped);
	w->at += stopped;
	put_u64(w, actual->since.us);
	put_u8(w, actual->state);
	put_u8(w, actual->failed_attempt);
	put_u8(w, (uint8_t)((actual->halted ? GROUP_HALTED : 0) |
			    (actual->by_monitor ? GROUP_BY_MONITOR : 0)));
}

/* No byte too many, no bit behind the last resource. */
static bool get_stopped(struct wire_reader *r, const struct hb_limits *limits,
			struct group_intent *ret)
{
	size_t n = get_u8(r);
	unsigned int last;

	memset(ret->stopped, 0, sizeof ret->stopped);
	if (n == 0)
		return true;
	if (n > sizeof ret->stopped || n > wire_left(r))
		return false;
	memcpy(ret->stopped, r->at, n);
	r->at += n;
	last = ret->stopped[n - 1];
	return last != 0 &&
	       8 * (n - 1) + (31U - (unsigned int)__builtin_clz(last)) < limits->n_resources;
}

static bool get_group(struct wire_reader *r, const struct hb_limits *limits,
		      struct group_intent *ret_intent, struct group_actual *ret_actual)
{
	uint8_t flags;
	bool ok;

	if (wire_left(r) < GROUP_ROW_BYTES)
		return false;
	ok = wire_get_version(r, &ret_intent->version);
	ok = wire_get_request_id(r, limits, &ret_intent->request) && ok;
	ret_intent->wanted = get_u8(r);
	ret_intent->owner = get_u8(r);
	ret_intent->target = get_u8(r);
	ret_intent->cause = get_u8(r);
	ret_intent->attempt = get_u8(r);
	ret_intent->failovers = get_u8(r);
	if (!get_stopped(r, limits, ret_intent) || wire_left(r) < GROUP_ACTUAL_BYTES)
		return false;
	ret_actual->since.us = get_u64(r);
	ret_actual->state = get_u8(r);
	ret_actual->failed_attempt = get_u8(r);
	flags = get_u8(r);
	ret_actual->halted = flags & GROUP_HALTED;
	ret_actual->by_monitor = flags & GROUP_BY_MONITOR;
	return ok && ret_intent->wanted < WANTED_COUNT_ && ret_intent->cause < CAUSE_COUNT_ &&
	       wire_node_or_none(ret_intent->owner, limits) &&
	       wire_node_or_none(ret_intent->target, limits) &&
	       wire_number_ok(ret_actual->since.us) && ret_actual->state < GROUP_STATE_COUNT_ &&
	       !(flags & ~(GROUP_HALTED | GROUP_BY_MONITOR));
}

static size_t resource_bytes(const struct vector *v, unsigned int row)
{
	(void)v, (void)row;
	return RESOURCE_ROW_BYTES;
}

static void put_resource(struct wire_writer *w, const struct vector *v, unsigned int row)
{
	put_u8(w, v->resource_actuals[row].state);
	put_u8(w, v->resource_actuals[row].failures);
}

static size_t node_bytes(const struct vector *v, unsigned int row)
{
	(void)v, (void)row;
	return NODE_ROW_BYTES;
}

static void put_node(struct wire_writer *w, const struct vector *v, unsigned int row)
{
	const struct node_intent *intent = &v->node_intents[row];

	wire_put_version(w, &intent->version);
	wire_put_request_id(w, &intent->request);
	put_u64(w, intent->incarnation);
	put_u8(w, intent->wanted);
	put_u8(w, intent->power);
}

static bool get_node(struct wire_reader *r, const struct hb_limits *limits, struct node_intent *ret)
{
	bool ok;

	ok = wire_get_version(r, &ret->version);
	ok = wire_get_request_id(r, limits, &ret->request) && ok;
	ret->incarnation = get_u64(r);
	ret->wanted = get_u8(r);
	ret->power = get_u8(r);
	return ok && wire_number_ok(ret->incarnation) && ret->wanted < WANTED_COUNT_ &&
	       ret->power < POWER_ACTION_COUNT_;
}

static bool has_counts(const struct monitor_actual *actual)
{
	return actual->restarts || actual->failovers;
}

/* Most monitors are well and were never suspended: one byte each. */
static size_t monitor_bytes(const struct vector *v, unsigned int row)
{
	return 1U + (has_counts(&v->monitor_actuals[row]) ? MONITOR_COUNTS : 0) +
	       (v->monitor_intents[row].version.epoch ? MONITOR_ROW_BYTES : 0);
}

static void put_monitor(struct wire_writer *w, const struct vector *v, unsigned int row)
{
	const struct monitor_intent *intent = &v->monitor_intents[row];
	const struct monitor_actual *actual = &v->monitor_actuals[row];
	unsigned int flags = actual->status & MONITOR_STATUS;

	flags |= actual->final ? MONITOR_FINAL : 0;
	flags |= has_counts(actual) ? MONITOR_HAS_COUNTS : 0;
	flags |= intent->version.epoch ? MONITOR_HAS_INTENT : 0;
	put_u8(w, (uint8_t)flags);
	if (flags & MONITOR_HAS_COUNTS) {
		put_u8(w, actual->restarts);
		put_u8(w, actual->failovers);
	}
	if (flags & MONITOR_HAS_INTENT) {
		wire_put_version(w, &intent->version);
		wire_put_request_id(w, &intent->request);
		put_u32(w, intent->suspended);
		put_u32(w, intent->failing);
	}
}

static bool get_monitor_intent(struct wire_reader *r, const struct hb_limits *limits,
			       struct monitor_intent *ret)
{
	bool ok;

	if (wire_left(r) < MONITOR_ROW_BYTES)
		return false;
	ok = wire_get_version(r, &ret->version) && ret->version.epoch;
	ok = wire_get_request_id(r, limits, &ret->request) && ok;
	ret->suspended = get_u32(r);
	ret->failing = get_u32(r);
	return ok && wire_members_ok(ret->suspended | ret->failing, limits);
}

static bool get_monitor(struct wire_reader *r, const struct hb_limits *limits,
			struct monitor_intent *ret_intent, struct monitor_actual *ret_actual)
{
	uint8_t flags = get_u8(r);

	*ret_intent = (struct monitor_intent){};
	*ret_actual = (struct monitor_actual){.status = flags & MONITOR_STATUS,
					      .final = flags & MONITOR_FINAL};
	if (flags & MONITOR_HAS_COUNTS) {
		if (wire_left(r) < MONITOR_COUNTS)
			return false;
		ret_actual->restarts = get_u8(r);
		ret_actual->failovers = get_u8(r);
		if (!has_counts(ret_actual))
			return false;
	}
	if (flags & MONITOR_HAS_INTENT && !get_monitor_intent(r, limits, ret_intent))
		return false;
	return ret_actual->status < MONITOR_STATUS_COUNT_ && !(flags & MONITOR_UNKNOWN_BITS);
}

/* NODE_NONE and epoch 0 go together; a row that has but one of them goes out, to be refused. */
static bool has_order(const struct fence_row *row)
{
	return row->by != NODE_NONE || row->by_epoch;
}

uint16_t wire_n_fences(const struct vector *v)
{
	for (unsigned int i = 0; i < v->n_fences; i++) {
		const struct fence_row *row = &v->fences[i];

		if (row->state || row->check || row->off || has_order(row))
			return v->n_fences;
	}
	return 0;
}

static size_t fence_bytes(const struct vector *v, unsigned int row)
{
	return 1U + (has_order(&v->fences[row]) ? FENCE_ORDER_BYTES : 0) +
	       (v->fences[row].off ? FENCE_OFF_BYTES : 0);
}

static void put_fence(struct wire_writer *w, const struct vector *v, unsigned int row)
{
	const struct fence_row *fence = &v->fences[row];
	unsigned int flags = (fence->state & FENCE_STATE) |
			     (((unsigned int)fence->check << FENCE_CHECK_SHIFT) & FENCE_CHECK);

	flags |= has_order(fence) ? FENCE_HAS_ORDER : 0;
	flags |= fence->off ? FENCE_HAS_OFF : 0;
	put_u8(w, (uint8_t)flags);
	if (flags & FENCE_HAS_ORDER) {
		put_u64(w, fence->by_epoch);
		put_u8(w, fence->by);
	}
	if (flags & FENCE_HAS_OFF)
		put_u64(w, fence->off);
}

/* An order names a node and the epoch of a view; what says nothing is not there. */
static bool get_fence(struct wire_reader *r, const struct hb_limits *limits, struct fence_row *ret)
{
	uint8_t flags = get_u8(r);

	*ret = (struct fence_row){.by = NODE_NONE,
				  .state = flags & FENCE_STATE,
				  .check = (flags & FENCE_CHECK) >> FENCE_CHECK_SHIFT};
	if (flags & FENCE_HAS_ORDER) {
		if (wire_left(r) < FENCE_ORDER_BYTES)
			return false;
		ret->by_epoch = get_u64(r);
		ret->by = get_u8(r);
		if (!ret->by_epoch || !wire_number_ok(ret->by_epoch) || ret->by >= limits->n_nodes)
			return false;
	}
	if (flags & FENCE_HAS_OFF) {
		if (wire_left(r) < FENCE_OFF_BYTES)
			return false;
		ret->off = get_u64(r);
		if (!ret->off || !wire_number_ok(ret->off))
			return false;
	}
	return ret->state < FENCE_STATE_COUNT_ && ret->check < FENCE_CHECK_COUNT_;
}

/* One section of rows, as far as it fits. `first` is the index of the vector's first row. */
struct row_section {
	enum wire_section type;
	uint16_t first, n;
	size_t (*bytes)(const struct vector *v, unsigned int row);
	void (*put)(struct wire_writer *w, const struct vector *v, unsigned int row);
};

/* True when all rows are written. */
static bool put_section_rows(struct wire_writer *w, const struct vector *v,
			     const struct row_section *section, uint16_t *cursor)
{
	struct wire_writer start = *w;
	uint16_t from = *cursor;

	if (from >= section->n)
		return true;
	if (wire_room(w) < SECTION_BYTES + ROWS_FIXED_BYTES)
		return false;
	w->at += SECTION_BYTES + ROWS_FIXED_BYTES;
	while (*cursor < section->n && section->bytes(v, *cursor) <= wire_room(w))
		section->put(w, v, (*cursor)++);
	if (*cursor == from) {
		*w = start;
		return false;
	}
	put_section(&start, section->type, (size_t)(w->at - start.at) - SECTION_BYTES);
	put_u16(&start, (uint16_t)(section->first + from));
	return *cursor >= section->n;
}

void wire_put_rows(struct wire_writer *w, const struct vector *v, struct hb_cursor *cursor)
{
	const struct row_section groups = {SECTION_GROUPS, v->first_group, v->n_groups, group_bytes,
					   put_group};
	const struct row_section resources = {SECTION_RESOURCES, v->first_resource, v->n_resources,
					      resource_bytes, put_resource};
	const struct row_section nodes = {SECTION_NODES, v->first_node, v->n_nodes, node_bytes,
					  put_node};
	const struct row_section monitors = {SECTION_MONITORS, v->first_monitor, v->n_monitors,
					     monitor_bytes, put_monitor};
	const struct row_section fences = {SECTION_FENCES, v->first_fence, wire_n_fences(v),
					   fence_bytes, put_fence};

	if (put_section_rows(w, v, &groups, &cursor->group) &&
	    put_section_rows(w, v, &resources, &cursor->resource) &&
	    put_section_rows(w, v, &nodes, &cursor->node) &&
	    put_section_rows(w, v, &monitors, &cursor->monitor))
		(void)put_section_rows(w, v, &fences, &cursor->fence);
}

/* Reads the index of the first row. Returns how many may follow, 0 if the section is malformed. */
static size_t get_first(struct wire_reader *r, size_t limit, uint16_t *ret_first)
{
	if (wire_left(r) <= ROWS_FIXED_BYTES)
		return 0;
	*ret_first = get_u16(r);
	return *ret_first < limit ? limit - *ret_first : 0;
}

bool wire_get_groups(struct wire_reader *r, const struct hb_limits *limits,
		     struct vector_rows *rows, struct vector *ret)
{
	size_t most = get_first(r, limits->n_groups, &ret->first_group), n = 0;

	for (; n < most && wire_left(r) > 0; n++) {
		if (!get_group(r, limits, &rows->group_intents[n], &rows->group_actuals[n]))
			return false;
	}
	ret->n_groups = (uint16_t)n;
	return n > 0 && wire_left(r) == 0;
}

bool wire_get_resources(struct wire_reader *r, const struct hb_limits *limits,
			struct vector_rows *rows, struct vector *ret)
{
	size_t most = get_first(r, limits->n_resources, &ret->first_resource), n = 0;

	for (; n < most && wire_left(r) >= RESOURCE_ROW_BYTES; n++) {
		rows->resource_actuals[n].state = get_u8(r);
		rows->resource_actuals[n].failures = get_u8(r);
		if (rows->resource_actuals[n].state >= RESOURCE_STATE_COUNT_)
			return false;
	}
	ret->n_resources = (uint16_t)n;
	return n > 0 && wire_left(r) == 0;
}

bool wire_get_nodes(struct wire_reader *r, const struct hb_limits *limits, struct vector_rows *rows,
		    struct vector *ret)
{
	size_t most = get_first(r, limits->n_nodes, &ret->first_node), n = 0;

	for (; n < most && wire_left(r) >= NODE_ROW_BYTES; n++) {
		if (!get_node(r, limits, &rows->node_intents[n]))
			return false;
	}
	ret->n_nodes = (uint16_t)n;
	return n > 0 && wire_left(r) == 0;
}

bool wire_get_monitors(struct wire_reader *r, const struct hb_limits *limits,
		       struct vector_rows *rows, struct vector *ret)
{
	size_t most = get_first(r, limits->n_monitors, &ret->first_monitor), n = 0;

	for (; n < most && wire_left(r) > 0; n++) {
		if (!get_monitor(r, limits, &rows->monitor_intents[n], &rows->monitor_actuals[n]))
			return false;
	}
	ret->n_monitors = (uint16_t)n;
	return n > 0 && wire_left(r) == 0;
}

bool wire_get_fences(struct wire_reader *r, const struct hb_limits *limits,
		     struct vector_rows *rows, struct vector *ret)
{
	size_t most = get_first(r, limits->n_nodes, &ret->first_fence), n = 0;

	for (; n < most && wire_left(r) > 0; n++) {
		if (!get_fence(r, limits, &rows->fences[n]))
			return false;
	}
	ret->n_fences = (uint16_t)n;
	return n > 0 && wire_left(r) == 0;
}
