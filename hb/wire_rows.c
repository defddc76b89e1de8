/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The row sections of a vector: groups, resources, nodes. Pure. */
#include "hb/internal.h"

static void put_version(struct wire_writer *w, const struct version *version)
{
	put_u64(w, version->epoch);
	put_u32(w, version->counter);
}

static bool get_version(struct wire_reader *r, struct version *ret)
{
	ret->epoch = get_u64(r);
	ret->counter = get_u32(r);
	return wire_number_ok(ret->epoch);
}

static void put_group(struct wire_writer *w, const struct vector *v, unsigned int row)
{
	const struct group_intent *intent = &v->group_intents[row];
	const struct group_actual *actual = &v->group_actuals[row];

	put_version(w, &intent->version);
	wire_put_request_id(w, &intent->request);
	put_u8(w, intent->wanted);
	put_u8(w, intent->owner);
	put_u8(w, intent->target);
	put_u8(w, intent->cause);
	put_u8(w, intent->attempt);
	put_u64(w, actual->since.us);
	put_u8(w, actual->state);
	put_u8(w, actual->failed_attempt);
}

static bool get_group(struct wire_reader *r, const struct hb_limits *limits,
		      struct group_intent *ret_intent, struct group_actual *ret_actual)
{
	bool ok;

	ok = get_version(r, &ret_intent->version);
	ok = wire_get_request_id(r, limits, &ret_intent->request) && ok;
	ret_intent->wanted = get_u8(r);
	ret_intent->owner = get_u8(r);
	ret_intent->target = get_u8(r);
	ret_intent->cause = get_u8(r);
	ret_intent->attempt = get_u8(r);
	ret_actual->since.us = get_u64(r);
	ret_actual->state = get_u8(r);
	ret_actual->failed_attempt = get_u8(r);
	return ok && ret_intent->wanted < WANTED_COUNT_ && ret_intent->cause < CAUSE_COUNT_ &&
	       wire_node_or_none(ret_intent->owner, limits) &&
	       wire_node_or_none(ret_intent->target, limits) &&
	       wire_number_ok(ret_actual->since.us) && ret_actual->state < GROUP_STATE_COUNT_;
}

static void put_resource(struct wire_writer *w, const struct vector *v, unsigned int row)
{
	put_u8(w, v->resource_actuals[row].state);
	put_u8(w, v->resource_actuals[row].failures);
}

static void put_node(struct wire_writer *w, const struct vector *v, unsigned int row)
{
	const struct node_intent *intent = &v->node_intents[row];

	put_version(w, &intent->version);
	wire_put_request_id(w, &intent->request);
	put_u64(w, intent->incarnation);
	put_u8(w, intent->wanted);
}

static bool get_node(struct wire_reader *r, const struct hb_limits *limits, struct node_intent *ret)
{
	bool ok;

	ok = get_version(r, &ret->version);
	ok = wire_get_request_id(r, limits, &ret->request) && ok;
	ret->incarnation = get_u64(r);
	ret->wanted = get_u8(r);
	return ok && wire_number_ok(ret->incarnation) && ret->wanted < WANTED_COUNT_;
}

/* One section of rows, as far as it fits. `first` is the index of the vector's first row. */
struct row_section {
	enum wire_section type;
	size_t row_bytes;
	uint16_t first, n;
	void (*put)(struct wire_writer *w, const struct vector *v, unsigned int row);
};

static void put_section_rows(struct wire_writer *w, const struct vector *v,
			     const struct row_section *section, uint16_t *cursor)
{
	size_t rows = *cursor < section->n ? section->n - (size_t)*cursor : 0;
	size_t fixed = SECTION_BYTES + ROWS_FIXED_BYTES;
	size_t fit = wire_room(w) > fixed ? (wire_room(w) - fixed) / section->row_bytes : 0;

	if (rows > fit)
		rows = fit;
	if (rows == 0)
		return;
	put_section(w, section->type, ROWS_FIXED_BYTES + rows * section->row_bytes);
	put_u16(w, (uint16_t)(section->first + *cursor));
	for (size_t i = 0; i < rows; i++)
		section->put(w, v, (unsigned int)(*cursor + i));
	*cursor = (uint16_t)(*cursor + rows);
}

void wire_put_rows(struct wire_writer *w, const struct vector *v, struct hb_cursor *cursor)
{
	const struct row_section groups = {SECTION_GROUPS, GROUP_ROW_BYTES, v->first_group,
					   v->n_groups, put_group};
	const struct row_section resources = {SECTION_RESOURCES, RESOURCE_ROW_BYTES,
					      v->first_resource, v->n_resources, put_resource};
	const struct row_section nodes = {SECTION_NODES, NODE_ROW_BYTES, v->first_node, v->n_nodes,
					  put_node};

	put_section_rows(w, v, &groups, &cursor->group);
	if (cursor->group >= v->n_groups)
		put_section_rows(w, v, &resources, &cursor->resource);
	if (cursor->group >= v->n_groups && cursor->resource >= v->n_resources)
		put_section_rows(w, v, &nodes, &cursor->node);
}

/* Reads the index of the first row. Returns the number of rows, 0 if the section is malformed. */
static size_t get_range(struct wire_reader *r, size_t row_bytes, size_t limit, uint16_t *ret_first)
{
	size_t n;

	if (wire_left(r) < ROWS_FIXED_BYTES + row_bytes)
		return 0;
	*ret_first = get_u16(r);
	n = wire_left(r) / row_bytes;
	if (wire_left(r) % row_bytes || n > limit || *ret_first > limit - n)
		return 0;
	return n;
}

bool wire_get_groups(struct wire_reader *r, const struct hb_limits *limits,
		     struct vector_rows *rows, struct vector *ret)
{
	size_t n = get_range(r, GROUP_ROW_BYTES, limits->n_groups, &ret->first_group);

	ret->n_groups = (uint16_t)n;
	for (size_t i = 0; i < n; i++) {
		if (!get_group(r, limits, &rows->group_intents[i], &rows->group_actuals[i]))
			return false;
	}
	return n > 0;
}

bool wire_get_resources(struct wire_reader *r, const struct hb_limits *limits,
			struct vector_rows *rows, struct vector *ret)
{
	size_t n = get_range(r, RESOURCE_ROW_BYTES, limits->n_resources, &ret->first_resource);

	ret->n_resources = (uint16_t)n;
	for (size_t i = 0; i < n; i++) {
		rows->resource_actuals[i].state = get_u8(r);
		rows->resource_actuals[i].failures = get_u8(r);
		if (rows->resource_actuals[i].state >= RESOURCE_STATE_COUNT_)
			return false;
	}
	return n > 0;
}

bool wire_get_nodes(struct wire_reader *r, const struct hb_limits *limits, struct vector_rows *rows,
		    struct vector *ret)
{
	size_t n = get_range(r, NODE_ROW_BYTES, limits->n_nodes, &ret->first_node);

	ret->n_nodes = (uint16_t)n;
	for (size_t i = 0; i < n; i++) {
		if (!get_node(r, limits, &rows->node_intents[i]))
			return false;
	}
	return n > 0;
}
