/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_HB_INTERNAL_H
#define HF_HB_INTERNAL_H

/*
 * What the files of the wire codec share: section numbers and sizes (docs/wire.md), and big-endian
 * access without a check per number. The caller checks once per section that all of it fits; the
 * simulator codes tens of millions of vectors, util/buf.h would be its main cost.
 */

#include "include/hb.h"

#include <endian.h>
#include <string.h>

#define WIRE_MAGIC	  0x48466862U /* "HFhb" */
#define WIRE_MAJOR	  2
#define WIRE_MINOR	  1
#define WIRE_HEADER_BYTES 25
#define WIRE_ORIGIN_BYTES 19 /* start of each body: from, incarnation, sequence, part */
#define WIRE_MAC_BYTES	  16
#define WIRE_BLOB_BYTES	  9 /* after the origin: to, to_incarnation */

_Static_assert(HB_BODY_MAX == HB_DATAGRAM_MAX - WIRE_HEADER_BYTES - WIRE_MAC_BYTES,
	       "include/hb.h knows the sizes of header and HMAC");

enum wire_section {
	SECTION_HEAD = 1,
	SECTION_PEERS,
	SECTION_REQUEST,
	SECTION_ANSWERS,
	SECTION_GROUPS,
	SECTION_RESOURCES,
	SECTION_NODES,
	SECTION_MONITORS,
	SECTION_FENCES, /* since minor version 1 */
};

#define SECTION_BYTES	   3 /* type, length */
#define CLUSTER_ROW_BYTES  (12 + REQUEST_ID_BYTES + 19)
#define HEAD_BYTES	   (140 + CLUSTER_ROW_BYTES)
#define PEERS_FIXED_BYTES  9 /* count, heard, grant */
#define PEER_BYTES	   25
#define REQUEST_ID_BYTES   13
#define REQUEST_BYTES	   (REQUEST_ID_BYTES + 16)
#define ANSWER_BYTES	   (REQUEST_ID_BYTES + 1)
#define ROWS_FIXED_BYTES   2					/* index of the first row */
#define GROUP_ROW_BYTES	   (12 + REQUEST_ID_BYTES + 6 + 1 + 11) /* and its stopped bits */
#define GROUP_ROW_MAX	   (GROUP_ROW_BYTES + RESOURCES_MAX / 8)
#define RESOURCE_ROW_BYTES 2
#define NODE_ROW_BYTES	   (12 + REQUEST_ID_BYTES + 10)
#define MONITOR_COUNTS	   2 /* restarts and failovers, unless both are 0 */
#define MONITOR_ROW_BYTES  (12 + REQUEST_ID_BYTES + 8) /* of one that was ever written */
#define MONITOR_ROW_MAX	   (1 + MONITOR_COUNTS + MONITOR_ROW_BYTES)
#define FENCE_ORDER_BYTES  9 /* by_epoch and by, unless nobody is ordered */
#define FENCE_OFF_BYTES	   8
#define FENCE_ROW_MAX	   (1 + FENCE_ORDER_BYTES + FENCE_OFF_BYTES)

struct wire_writer {
	uint8_t *at, *end;
};

struct wire_reader {
	const uint8_t *at, *end;
};

static inline size_t wire_room(const struct wire_writer *w)
{
	return (size_t)(w->end - w->at);
}

static inline size_t wire_left(const struct wire_reader *r)
{
	return (size_t)(r->end - r->at);
}

static inline void put_u8(struct wire_writer *w, uint8_t v)
{
	*w->at++ = v;
}

static inline void put_u16(struct wire_writer *w, uint16_t v)
{
	v = htobe16(v);
	memcpy(w->at, &v, sizeof v);
	w->at += sizeof v;
}

static inline void put_u32(struct wire_writer *w, uint32_t v)
{
	v = htobe32(v);
	memcpy(w->at, &v, sizeof v);
	w->at += sizeof v;
}

static inline void put_u64(struct wire_writer *w, uint64_t v)
{
	v = htobe64(v);
	memcpy(w->at, &v, sizeof v);
	w->at += sizeof v;
}

static inline uint8_t get_u8(struct wire_reader *r)
{
	return *r->at++;
}

static inline uint16_t get_u16(struct wire_reader *r)
{
	uint16_t v;

	memcpy(&v, r->at, sizeof v);
	r->at += sizeof v;
	return be16toh(v);
}

static inline uint32_t get_u32(struct wire_reader *r)
{
	uint32_t v;

	memcpy(&v, r->at, sizeof v);
	r->at += sizeof v;
	return be32toh(v);
}

static inline uint64_t get_u64(struct wire_reader *r)
{
	uint64_t v;

	memcpy(&v, r->at, sizeof v);
	r->at += sizeof v;
	return be64toh(v);
}

static inline void put_section(struct wire_writer *w, enum wire_section type, size_t bytes)
{
	put_u8(w, (uint8_t)type);
	put_u16(w, (uint16_t)bytes);
}

/* Incarnations, sequences, epochs, instants and durations on the wire are all below EPOCH_MAX,
 * so that the sum of two never overflows. */
static inline bool wire_number_ok(uint64_t v)
{
	return v < EPOCH_MAX;
}

static inline bool wire_node_or_none(uint8_t node, const struct hb_limits *limits)
{
	return node < limits->n_nodes || node == NODE_NONE;
}

static inline bool wire_members_ok(node_mask mask, const struct hb_limits *limits)
{
	return limits->n_nodes >= NODES_MAX || mask >> limits->n_nodes == 0;
}

/* ---- hb/wire.c ---- */

/* Decodes a datagram whose header and HMAC have been checked; sets all of *ret but `key`. */
enum hb_refusal wire_parse(const uint8_t *data, size_t n, const struct hb_limits *limits,
			   struct vector_rows *rows, struct hb_decoded *ret);

/* ---- hb/wire_head.c ---- */

void wire_put_version(struct wire_writer *w, const struct version *version);
bool wire_get_version(struct wire_reader *r, struct version *ret);

void wire_put_request_id(struct wire_writer *w, const struct request_id *id);
/* The node may be NODE_NONE where the number says that there is no request. */
bool wire_get_request_id(struct wire_reader *r, const struct hb_limits *limits,
			 struct request_id *ret);
/* Head, peers, request and answers from cursor->answer on. False: they do not fit. */
bool wire_put_head(struct wire_writer *w, const struct vector_head *head, struct hb_cursor *cursor);
/* One section each; `r` covers exactly its contents. */
bool wire_get_head(struct wire_reader *r, const struct hb_limits *limits, struct vector_head *ret);
bool wire_get_peers(struct wire_reader *r, const struct hb_limits *limits, struct vector_head *ret);
bool wire_get_request(struct wire_reader *r, const struct hb_limits *limits,
		      struct vector_head *ret);
bool wire_get_answers(struct wire_reader *r, const struct hb_limits *limits,
		      struct vector_head *ret);

/* ---- hb/wire_rows.c ---- */

/* As many rows as fit; advances the cursor. */
void wire_put_rows(struct wire_writer *w, const struct vector *v, struct hb_cursor *cursor);
bool wire_get_groups(struct wire_reader *r, const struct hb_limits *limits,
		     struct vector_rows *rows, struct vector *ret);
bool wire_get_resources(struct wire_reader *r, const struct hb_limits *limits,
			struct vector_rows *rows, struct vector *ret);
bool wire_get_nodes(struct wire_reader *r, const struct hb_limits *limits, struct vector_rows *rows,
		    struct vector *ret);
bool wire_get_monitors(struct wire_reader *r, const struct hb_limits *limits,
		       struct vector_rows *rows, struct vector *ret);
bool wire_get_fences(struct wire_reader *r, const struct hb_limits *limits,
		     struct vector_rows *rows, struct vector *ret);
/* How many fence rows are sent: none while no row says anything. */
uint16_t wire_n_fences(const struct vector *v);

#endif
