/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sections that every part of a vector carries: head, peers, request, answers. Pure. */
#include "hb/internal.h"

#define HEAD_WARM	  0x01
#define HEAD_STORE_FAILED 0x02

void wire_put_version(struct wire_writer *w, const struct version *version)
{
	put_u64(w, version->epoch);
	put_u32(w, version->counter);
}

bool wire_get_version(struct wire_reader *r, struct version *ret)
{
	ret->epoch = get_u64(r);
	ret->counter = get_u32(r);
	return wire_number_ok(ret->epoch);
}

void wire_put_request_id(struct wire_writer *w, const struct request_id *id)
{
	put_u64(w, id->incarnation);
	put_u32(w, id->number);
	put_u8(w, id->node);
}

bool wire_get_request_id(struct wire_reader *r, const struct hb_limits *limits,
			 struct request_id *ret)
{
	ret->incarnation = get_u64(r);
	ret->number = get_u32(r);
	ret->node = get_u8(r);
	if (!wire_number_ok(ret->incarnation))
		return false;
	return ret->node < limits->n_nodes || (ret->number == 0 && ret->node == NODE_NONE);
}

static void put_view(struct wire_writer *w, const struct view *view)
{
	put_u64(w, view->epoch);
	put_u32(w, view->members);
	put_u8(w, view->coordinator);
}

/* A view is coordinated by one of its members; one without members is none, or was voided (V6). */
static bool get_view(struct wire_reader *r, const struct hb_limits *limits, struct view *ret)
{
	ret->epoch = get_u64(r);
	ret->members = get_u32(r);
	ret->coordinator = get_u8(r);
	if (!wire_number_ok(ret->epoch) || !wire_members_ok(ret->members, limits))
		return false;
	if (ret->members == 0)
		return wire_node_or_none(ret->coordinator, limits);
	return ret->epoch != 0 && node_mask_has(ret->members, ret->coordinator);
}

static void put_cluster(struct wire_writer *w, const struct cluster_intent *row)
{
	wire_put_version(w, &row->version);
	wire_put_request_id(w, &row->request);
	put_u8(w, row->mode);
	put_u16(w, row->ratio);
	put_u64(w, row->config_generation);
	put_u64(w, row->config_hash);
}

static bool get_cluster(struct wire_reader *r, const struct hb_limits *limits,
			struct cluster_intent *ret)
{
	bool ok = wire_get_version(r, &ret->version);

	ok = wire_get_request_id(r, limits, &ret->request) && ok;
	ret->mode = get_u8(r);
	ret->ratio = get_u16(r);
	ret->config_generation = get_u64(r);
	ret->config_hash = get_u64(r);
	return ok && ret->mode < CLUSTER_MODE_COUNT_ && ret->ratio <= RATIO_MAX &&
	       wire_number_ok(ret->config_generation);
}

static void put_fixed(struct wire_writer *w, const struct vector_head *head)
{
	put_section(w, SECTION_HEAD, HEAD_BYTES);
	put_u64(w, head->stamp.us);
	put_u64(w, head->config_hash);
	put_u64(w, head->safety_hash);
	put_u64(w, head->objects_hash);
	put_u64(w, head->pending_hash);
	put_u64(w, head->promised);
	put_view(w, &head->accepted);
	put_view(w, &head->installed);
	put_u32(w, head->wanted);
	put_u32(w, head->quarantined);
	put_u64(w, head->lease_us);
	put_u64(w, head->lease_epoch);
	put_u64(w, head->timeout_us);
	put_u64(w, head->ratio_left_us);
	put_cluster(w, &head->cluster);
	put_u64(w, head->intent_digest);
	put_u64(w, head->durable_digest);
	put_u64(w, head->actual_digest);
	put_u8(w, head->mode);
	put_u8(w, (uint8_t)((head->warm ? HEAD_WARM : 0) |
			    (head->store_failed ? HEAD_STORE_FAILED : 0)));
}

bool wire_get_head(struct wire_reader *r, const struct hb_limits *limits, struct vector_head *ret)
{
	uint8_t flags;
	bool ok;

	if (wire_left(r) != HEAD_BYTES)
		return false;
	ret->stamp.us = get_u64(r);
	ret->config_hash = get_u64(r);
	ret->safety_hash = get_u64(r);
	ret->objects_hash = get_u64(r);
	ret->pending_hash = get_u64(r);
	ret->promised = get_u64(r);
	ok = get_view(r, limits, &ret->accepted);
	ok = get_view(r, limits, &ret->installed) && ok;
	ret->wanted = get_u32(r);
	ret->quarantined = get_u32(r);
	ret->lease_us = get_u64(r);
	ret->lease_epoch = get_u64(r);
	ret->timeout_us = get_u64(r);
	ret->ratio_left_us = get_u64(r);
	ok = get_cluster(r, limits, &ret->cluster) && ok;
	ret->intent_digest = get_u64(r);
	ret->durable_digest = get_u64(r);
	ret->actual_digest = get_u64(r);
	ret->mode = get_u8(r);
	flags = get_u8(r);
	ret->warm = flags & HEAD_WARM;
	ret->store_failed = flags & HEAD_STORE_FAILED;
	/* NODE_MODE_UNKNOWN means never heard: nobody says it of itself. */
	return ok && wire_number_ok(ret->stamp.us) && wire_number_ok(ret->promised) &&
	       wire_number_ok(ret->lease_us) && wire_number_ok(ret->lease_epoch) &&
	       wire_number_ok(ret->timeout_us) && ret->ratio_left_us <= RATIO_TIME_MAX_US &&
	       wire_members_ok(ret->wanted, limits) && wire_members_ok(ret->quarantined, limits) &&
	       ret->mode > NODE_MODE_UNKNOWN && ret->mode < NODE_MODE_COUNT_ &&
	       !(flags & ~(HEAD_WARM | HEAD_STORE_FAILED));
}

static void put_peers(struct wire_writer *w, const struct vector_head *head)
{
	node_mask heard = 0, grant = 0;

	for (unsigned int i = 0; i < head->n_peers; i++) {
		heard |= head->peer[i].heard ? node_bit(i) : 0;
		grant |= head->peer[i].grant ? node_bit(i) : 0;
	}
	put_section(w, SECTION_PEERS, PEERS_FIXED_BYTES + head->n_peers * (size_t)PEER_BYTES);
	put_u8(w, head->n_peers);
	put_u32(w, heard);
	put_u32(w, grant);
	for (unsigned int i = 0; i < head->n_peers; i++) {
		const struct peer_entry *p = &head->peer[i];

		put_u64(w, p->incarnation);
		put_u64(w, p->stamp.us);
		put_u32(w, p->age_us);
		put_u32(w, p->clear_us);
		put_u8(w, p->paths);
	}
}

bool wire_get_peers(struct wire_reader *r, const struct hb_limits *limits, struct vector_head *ret)
{
	node_mask heard, grant;

	if (wire_left(r) != PEERS_FIXED_BYTES + limits->n_nodes * (size_t)PEER_BYTES)
		return false;
	ret->n_peers = get_u8(r);
	heard = get_u32(r);
	grant = get_u32(r);
	if (ret->n_peers != limits->n_nodes || !wire_members_ok(heard | grant, limits))
		return false;
	for (unsigned int i = 0; i < NODES_MAX && i < ret->n_peers; i++) {
		struct peer_entry *p = &ret->peer[i];

		p->incarnation = get_u64(r);
		p->stamp.us = get_u64(r);
		p->age_us = get_u32(r);
		p->clear_us = get_u32(r);
		p->paths = get_u8(r);
		p->heard = node_mask_has(heard, i);
		p->grant = node_mask_has(grant, i);
		if (!wire_number_ok(p->incarnation) || !wire_number_ok(p->stamp.us))
			return false;
	}
	return true;
}

/* What a request of each kind names; the other fields are sent as 0. */
enum operand {
	OPERAND_GROUP = 1,
	OPERAND_RESOURCE = 2,
	OPERAND_MONITOR = 4,
	OPERAND_RATIO = 8,
	OPERAND_VALUE = 16,
};

static unsigned int operands(uint8_t kind)
{
	static const uint8_t table[REQUEST_KIND_COUNT_] = {
		[REQUEST_GROUP_START] = OPERAND_GROUP,
		[REQUEST_GROUP_STOP] = OPERAND_GROUP,
		[REQUEST_GROUP_MOVE] = OPERAND_GROUP,
		[REQUEST_RESOURCE_START] = OPERAND_RESOURCE,
		[REQUEST_RESOURCE_STOP] = OPERAND_RESOURCE,
		[REQUEST_MONITOR_SUSPEND] = OPERAND_MONITOR,
		[REQUEST_MONITOR_RESUME] = OPERAND_MONITOR,
		[REQUEST_MONITOR_FAIL] = OPERAND_MONITOR,
		[REQUEST_MONITOR_UNFAIL] = OPERAND_MONITOR,
		[REQUEST_RATIO_SET] = OPERAND_RATIO | OPERAND_VALUE,
		[REQUEST_CONFIG] = OPERAND_VALUE,
	};

	return kind < REQUEST_KIND_COUNT_ ? table[kind] : 0;
}

static void put_request(struct wire_writer *w, const struct request *request)
{
	unsigned int has = operands(request->kind);

	put_section(w, SECTION_REQUEST, REQUEST_BYTES);
	wire_put_request_id(w, &request->id);
	put_u8(w, request->kind);
	put_u8(w, request->target);
	put_u16(w, has & OPERAND_GROUP ? request->group : 0);
	put_u16(w, has & (OPERAND_RESOURCE | OPERAND_MONITOR) ? request->object : 0);
	put_u16(w, has & OPERAND_RATIO ? request->ratio : 0);
	put_u64(w, has & OPERAND_VALUE ? request->value : 0);
}

static bool index_ok(uint16_t index, bool named, uint16_t limit)
{
	return named ? index < limit : index == 0;
}

/* A ratio or time out of range is for the coordinator to answer (ANSWER_BAD_VALUE). */
static bool operands_ok(const struct request *request, const struct hb_limits *limits)
{
	unsigned int has = operands(request->kind);
	uint16_t objects = has & OPERAND_MONITOR ? limits->n_monitors : limits->n_resources;

	return index_ok(request->group, has & OPERAND_GROUP, limits->n_groups) &&
	       index_ok(request->object, has & (OPERAND_RESOURCE | OPERAND_MONITOR), objects) &&
	       (has & OPERAND_RATIO || request->ratio == 0) &&
	       (has & OPERAND_VALUE || request->value == 0);
}

bool wire_get_request(struct wire_reader *r, const struct hb_limits *limits,
		      struct vector_head *ret)
{
	struct request *request = &ret->request;

	if (wire_left(r) != REQUEST_BYTES || !wire_get_request_id(r, limits, &request->id))
		return false;
	request->kind = get_u8(r);
	request->target = get_u8(r);
	request->group = get_u16(r);
	request->object = get_u16(r);
	request->ratio = get_u16(r);
	request->value = get_u64(r);
	/* a person's word about a node is taken where it was said (rule X11): nobody forwards it */
	return request->kind != REQUEST_NONE && request->kind < REQUEST_KIND_COUNT_ &&
	       request->kind != REQUEST_FENCE_CONFIRM && operands_ok(request, limits) &&
	       wire_node_or_none(request->target, limits);
}

/* With very many nodes the answers make room for the largest row. */
static unsigned int answers_max(const struct vector_head *head)
{
	size_t used = WIRE_ORIGIN_BYTES + SECTION_BYTES + HEAD_BYTES + SECTION_BYTES +
		      PEERS_FIXED_BYTES + head->n_peers * (size_t)PEER_BYTES + SECTION_BYTES +
		      SECTION_BYTES + ROWS_FIXED_BYTES + GROUP_ROW_MAX;
	size_t n;

	if (head->request.kind != REQUEST_NONE)
		used += SECTION_BYTES + REQUEST_BYTES;
	n = used < HB_BODY_MAX ? (HB_BODY_MAX - used) / ANSWER_BYTES : 0;
	return n < HB_ANSWERS_PER_PART ? (unsigned int)n : HB_ANSWERS_PER_PART;
}

/* Answers that do not fit take turns from one part to the next. */
static unsigned int answers_here(const struct vector_head *head, struct hb_cursor *cursor)
{
	unsigned int most = answers_max(head), left;

	if (cursor->answer >= head->n_answers)
		cursor->answer = 0;
	left = (unsigned int)head->n_answers - cursor->answer;
	return left < most ? left : most;
}

static void put_answers(struct wire_writer *w, const struct vector_head *head, unsigned int n,
			struct hb_cursor *cursor)
{
	unsigned int end = cursor->answer + n;

	put_section(w, SECTION_ANSWERS, n * (size_t)ANSWER_BYTES);
	for (unsigned int i = cursor->answer; i < end; i++) {
		wire_put_request_id(w, &head->answers[i].id);
		put_u8(w, head->answers[i].code);
	}
	cursor->answer = end < head->n_answers ? (uint8_t)end : 0;
}

bool wire_get_answers(struct wire_reader *r, const struct hb_limits *limits,
		      struct vector_head *ret)
{
	size_t n = wire_left(r) / ANSWER_BYTES;

	if (wire_left(r) % ANSWER_BYTES || n < 1 || n > answers_max(ret))
		return false;
	if (n > limits->n_nodes)
		return false;
	ret->n_answers = (uint8_t)n;
	for (size_t i = 0; i < n; i++) {
		struct answer *answer = &ret->answers[i];

		if (!wire_get_request_id(r, limits, &answer->id))
			return false;
		answer->code = get_u8(r);
		if (answer->code >= ANSWER_CODE_COUNT_)
			return false;
	}
	return true;
}

bool wire_put_head(struct wire_writer *w, const struct vector_head *head, struct hb_cursor *cursor)
{
	bool request = head->request.kind != REQUEST_NONE;
	unsigned int answers = answers_here(head, cursor);
	size_t need = SECTION_BYTES + HEAD_BYTES + SECTION_BYTES + PEERS_FIXED_BYTES +
		      head->n_peers * (size_t)PEER_BYTES;

	if (request)
		need += SECTION_BYTES + REQUEST_BYTES;
	if (answers)
		need += SECTION_BYTES + answers * (size_t)ANSWER_BYTES;
	if (need > wire_room(w))
		return false;
	put_fixed(w, head);
	put_peers(w, head);
	if (request)
		put_request(w, &head->request);
	if (answers)
		put_answers(w, head, answers, cursor);
	return true;
}
