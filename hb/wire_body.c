/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The body of a vector's datagram: its origin and its sections (docs/wire.md). Pure. */
#include "hb/internal.h"

/* Each part has room for at least one row of any kind, so that a cursor always advances. */
_Static_assert(HB_BODY_MAX - WIRE_ORIGIN_BYTES - (SECTION_BYTES + HEAD_BYTES) -
			       (SECTION_BYTES + PEERS_FIXED_BYTES + NODES_MAX * PEER_BYTES) -
			       (SECTION_BYTES + REQUEST_BYTES) - (SECTION_BYTES + ANSWER_BYTES) >=
		       SECTION_BYTES + ROWS_FIXED_BYTES + GROUP_ROW_MAX,
	       "the largest head, one answer and one row fit");
_Static_assert(MONITOR_ROW_MAX <= GROUP_ROW_MAX && NODE_ROW_BYTES <= GROUP_ROW_MAX &&
		       FENCE_ROW_MAX <= GROUP_ROW_MAX,
	       "no row is larger than that of a group");

static bool cursor_done(const struct hb_cursor *cursor, const struct vector *v)
{
	return cursor->group >= v->n_groups && cursor->resource >= v->n_resources &&
	       cursor->node >= v->n_nodes && cursor->monitor >= v->n_monitors &&
	       cursor->fence >= wire_n_fences(v);
}

size_t hb_wire_body_encode(const struct vector *v, const struct hb_limits *limits,
			   struct hb_cursor *cursor, uint8_t *out, size_t size)
{
	struct wire_writer w = {.at = out, .end = out + size};

	(void)limits; /* what a vector holds is its maker's business; a decoder checks */
	if (size < WIRE_ORIGIN_BYTES)
		return 0;
	put_u8(&w, v->head.node);
	put_u64(&w, v->head.incarnation);
	put_u64(&w, v->head.sequence);
	put_u16(&w, cursor->part);
	if (!wire_put_head(&w, &v->head, cursor))
		return 0;
	wire_put_rows(&w, v, cursor);
	if (cursor_done(cursor, v))
		*cursor = (struct hb_cursor){.answer = cursor->answer};
	else
		cursor->part++;
	return (size_t)(w.at - out);
}

static bool get_section(struct wire_reader *r, unsigned int type, const struct hb_limits *limits,
			struct vector_rows *rows, struct vector *ret)
{
	/* the head comes first, or the vector is refused in the end */
	bool same = ret->head.objects_hash == limits->objects_hash;

	switch (type) {
	case SECTION_HEAD:
		return wire_get_head(r, limits, &ret->head);
	case SECTION_PEERS:
		return wire_get_peers(r, limits, &ret->head);
	case SECTION_REQUEST:
		return !same || wire_get_request(r, limits, &ret->head);
	case SECTION_ANSWERS:
		return wire_get_answers(r, limits, &ret->head);
	case SECTION_GROUPS:
		return !same || wire_get_groups(r, limits, rows, ret);
	case SECTION_RESOURCES:
		return !same || wire_get_resources(r, limits, rows, ret);
	case SECTION_NODES:
		return wire_get_nodes(r, limits, rows, ret);
	case SECTION_MONITORS:
		return !same || wire_get_monitors(r, limits, rows, ret);
	case SECTION_FENCES:
		return wire_get_fences(r, limits, rows, ret);
	default:
		return true; /* of a newer minor version */
	}
}

static void start_vector(struct vector *v, const struct vector_rows *rows)
{
	v->head.request = (struct request){};
	v->head.n_peers = v->head.n_answers = 0;
	v->head.objects_hash = 0;
	v->first_group = v->n_groups = 0;
	v->first_resource = v->n_resources = 0;
	v->first_node = v->n_nodes = 0;
	v->first_monitor = v->n_monitors = 0;
	v->first_fence = v->n_fences = 0;
	v->group_intents = rows->group_intents;
	v->group_actuals = rows->group_actuals;
	v->resource_actuals = rows->resource_actuals;
	v->node_intents = rows->node_intents;
	v->monitor_intents = rows->monitor_intents;
	v->monitor_actuals = rows->monitor_actuals;
	v->fences = rows->fences;
}

/* Section types ascend: that finds repeated ones, and lets a newer minor version append its own. */
static bool get_sections(struct wire_reader *r, const struct hb_limits *limits,
			 struct vector_rows *rows, struct vector *ret)
{
	unsigned int last = 0;
	unsigned int seen = 0;

	while (wire_left(r) > 0) {
		struct wire_reader part;
		unsigned int type;
		size_t n;

		if (wire_left(r) < SECTION_BYTES)
			return false;
		type = get_u8(r);
		n = get_u16(r);
		if (type <= last || n > wire_left(r))
			return false;
		part = (struct wire_reader){.at = r->at, .end = r->at + n};
		if (!get_section(&part, type, limits, rows, ret))
			return false;
		r->at += n;
		last = type;
		seen |= type <= SECTION_PEERS ? 1U << type : 0;
	}
	return seen & 1U << SECTION_HEAD && seen & 1U << SECTION_PEERS;
}

bool hb_wire_body_decode(const uint8_t *data, size_t n, const struct hb_limits *limits,
			 struct vector_rows *rows, struct vector *ret)
{
	struct wire_reader r = {.at = data, .end = data + n};

	if (n < WIRE_ORIGIN_BYTES)
		return false;
	start_vector(ret, rows);
	ret->head.node = get_u8(&r);
	ret->head.incarnation = get_u64(&r);
	ret->head.sequence = get_u64(&r);
	if (get_u16(&r) >= HB_PARTS_MAX)
		return false;
	/* Incarnation 0 means never heard. */
	if (ret->head.node >= limits->n_nodes || ret->head.incarnation == 0 ||
	    !wire_number_ok(ret->head.incarnation) || !wire_number_ok(ret->head.sequence))
		return false;
	return get_sections(&r, limits, rows, ret);
}
