/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TEST_HB_VECTOR_H
#define HF_TEST_HB_VECTOR_H

/* Seeded random vectors and their comparison, for the tests of hb/. Include it after cmocka. */

#include "include/hb.h"

#include <string.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng) /* splitmix64 */
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static inline unsigned int rng_below(struct rng *rng, unsigned int n)
{
	return (unsigned int)(rng_next(rng) % n);
}

/* Small, middle and largest allowed numbers alike. */
static inline uint64_t rng_number(struct rng *rng)
{
	uint64_t number;

	switch (rng_below(rng, 4)) {
	case 0:
		return rng_below(rng, 3);
	case 1:
		return EPOCH_MAX - 1 - rng_below(rng, 3);
	default:
		number = rng_next(rng) % EPOCH_MAX;
		return number >> rng_below(rng, 60);
	}
}

static inline uint8_t rng_node(struct rng *rng, const struct hb_limits *limits, bool none)
{
	return none && rng_below(rng, 4) == 0 ? NODE_NONE
					      : (uint8_t)rng_below(rng, limits->n_nodes);
}

static inline node_mask rng_members(struct rng *rng, const struct hb_limits *limits)
{
	return (node_mask)(rng_next(rng) >> (64 - limits->n_nodes));
}

/* One statement a number here and below: the order within an initializer is the compiler's, and
 * the seeds of the fuzzer must not depend on it. */
static inline struct request_id rng_request_id(struct rng *rng, const struct hb_limits *limits)
{
	struct request_id id = {.node = NODE_NONE};

	if (rng_below(rng, 4) == 0)
		return id;
	id.incarnation = rng_number(rng);
	id.number = (uint32_t)rng_next(rng);
	id.node = rng_node(rng, limits, false);
	return id;
}

static inline struct version rng_version(struct rng *rng)
{
	struct version version = {.epoch = rng_number(rng)};

	version.counter = (uint32_t)rng_next(rng);
	return version;
}

static inline struct view rng_view(struct rng *rng, const struct hb_limits *limits)
{
	struct view view = {.coordinator = NODE_NONE};

	if (rng_below(rng, 5) == 0)
		return view;
	view.epoch = 1 + rng_number(rng) % (EPOCH_MAX - 1);
	if (rng_below(rng, 5) == 0)
		return view; /* voided */
	view.coordinator = rng_node(rng, limits, false);
	view.members = rng_members(rng, limits) | node_bit(view.coordinator);
	return view;
}

static inline struct cluster_intent rng_cluster(struct rng *rng, const struct hb_limits *limits)
{
	struct cluster_intent row = {.version = rng_version(rng)};

	row.request = rng_request_id(rng, limits);
	row.mode = (uint8_t)rng_below(rng, CLUSTER_MODE_COUNT_);
	row.ratio = (uint16_t)rng_below(rng, RATIO_MAX + 1);
	row.config_generation = rng_number(rng);
	row.config_hash = rng_next(rng);
	return row;
}

static inline void rng_peers(struct rng *rng, const struct hb_limits *limits, struct vector_head *h)
{
	h->n_peers = limits->n_nodes;
	for (unsigned int i = 0; i < limits->n_nodes; i++) {
		struct peer_entry *p = &h->peer[i];

		p->incarnation = rng_number(rng);
		p->stamp.us = rng_number(rng);
		p->age_us = (uint32_t)rng_next(rng);
		p->clear_us = (uint32_t)rng_next(rng);
		p->paths = (uint8_t)rng_next(rng);
		p->heard = rng_below(rng, 2);
		p->grant = rng_below(rng, 2);
	}
}

static inline void rng_head(struct rng *rng, const struct hb_limits *limits, struct vector_head *h)
{
	memset(h, 0, sizeof *h);
	h->incarnation = 1 + rng_number(rng) % (EPOCH_MAX - 1);
	h->sequence = rng_number(rng);
	h->stamp.us = rng_number(rng);
	h->config_hash = rng_next(rng);
	h->safety_hash = rng_next(rng);
	h->objects_hash = limits->objects_hash;
	h->pending_hash = rng_next(rng);
	h->promised = rng_number(rng);
	h->accepted = rng_view(rng, limits);
	h->installed = rng_view(rng, limits);
	h->wanted = rng_members(rng, limits);
	h->quarantined = rng_members(rng, limits);
	h->lease_us = rng_number(rng);
	h->lease_epoch = rng_number(rng);
	h->timeout_us = rng_number(rng);
	h->ratio_left_us = rng_next(rng) % (RATIO_TIME_MAX_US + 1);
	h->cluster = rng_cluster(rng, limits);
	h->intent_digest = rng_next(rng);
	h->durable_digest = rng_next(rng);
	h->actual_digest = rng_next(rng);
	h->node = rng_node(rng, limits, false);
	h->mode = (uint8_t)(1 + rng_below(rng, NODE_MODE_COUNT_ - 1));
	h->warm = rng_below(rng, 2);
	h->store_failed = rng_below(rng, 2);
	rng_peers(rng, limits, h);
}

/* Indexes, ratio and value as its kind names them; kinds that name something that is not there
 * become another one. */
static inline void rng_operands(struct rng *rng, const struct hb_limits *limits, struct request *r)
{
	bool group = r->kind >= REQUEST_GROUP_START && r->kind <= REQUEST_GROUP_MOVE;
	bool resource = r->kind == REQUEST_RESOURCE_START || r->kind == REQUEST_RESOURCE_STOP;
	bool monitor = r->kind >= REQUEST_MONITOR_SUSPEND && r->kind <= REQUEST_MONITOR_UNFAIL;
	uint16_t n = monitor ? limits->n_monitors : limits->n_resources;

	if ((group && limits->n_groups == 0) || ((resource || monitor) && n == 0))
		r->kind = REQUEST_NODE_STOP;
	else if (group)
		r->group = (uint16_t)rng_below(rng, limits->n_groups);
	else if (resource || monitor)
		r->object = (uint16_t)rng_below(rng, n);
	if (r->kind == REQUEST_RATIO_SET)
		r->ratio = (uint16_t)rng_next(rng);
	if (r->kind == REQUEST_RATIO_SET || r->kind == REQUEST_CONFIG)
		r->value = rng_next(rng);
}

static inline void rng_requests(struct rng *rng, const struct hb_limits *limits, bool most,
				struct vector_head *h)
{
	if (most || rng_below(rng, 2)) {
		h->request.id = rng_request_id(rng, limits);
		_Static_assert(REQUEST_FENCE_CONFIRM == REQUEST_KIND_COUNT_ - 1, "never travels");
		h->request.kind = (uint8_t)(1 + rng_below(rng, REQUEST_FENCE_CONFIRM - 1));
		h->request.target = rng_node(rng, limits, true);
		rng_operands(rng, limits, &h->request);
	}
	h->n_answers = most ? limits->n_nodes : (uint8_t)rng_below(rng, limits->n_nodes + 1U);
	for (unsigned int i = 0; i < h->n_answers; i++) {
		h->answers[i].id = rng_request_id(rng, limits);
		h->answers[i].code = (uint8_t)rng_below(rng, ANSWER_CODE_COUNT_);
	}
}

/* None, a few, or as many bits as there may be. */
static inline void rng_stopped(struct rng *rng, const struct hb_limits *limits, uint8_t *stopped)
{
	unsigned int n = rng_below(rng, 4) ? rng_below(rng, 3) : limits->n_resources;

	for (unsigned int i = 0; i < n && i < limits->n_resources; i++)
		if (rng_below(rng, 2))
			stopped[i / 8] |= (uint8_t)(1U << i % 8);
}

/* Most rows that nobody wrote, and monitors that are well. */
static inline void rng_monitors(struct rng *rng, const struct hb_limits *limits,
				struct vector_rows *rows)
{
	for (unsigned int i = 0; i < limits->n_monitors; i++) {
		struct monitor_intent *intent = &rows->monitor_intents[i];
		struct monitor_actual *actual = &rows->monitor_actuals[i];

		*intent = (struct monitor_intent){};
		if (rng_below(rng, 4) == 0) {
			intent->version.epoch = 1 + rng_number(rng) % (EPOCH_MAX - 1);
			intent->version.counter = (uint32_t)rng_next(rng);
			intent->request = rng_request_id(rng, limits);
			intent->suspended = rng_members(rng, limits);
			intent->failing = rng_members(rng, limits);
		}
		*actual = (struct monitor_actual){};
		actual->status = (uint8_t)rng_below(rng, MONITOR_STATUS_COUNT_);
		actual->restarts = rng_below(rng, 3) ? 0 : (uint8_t)rng_next(rng);
		actual->failovers = rng_below(rng, 3) ? 0 : (uint8_t)rng_next(rng);
		actual->final = rng_below(rng, 2);
	}
}

static inline void rng_groups(struct rng *rng, const struct hb_limits *limits,
			      struct vector_rows *rows)
{
	for (unsigned int i = 0; i < limits->n_groups; i++) {
		struct group_intent *intent = &rows->group_intents[i];
		struct group_actual *actual = &rows->group_actuals[i];

		*intent = (struct group_intent){.version = rng_version(rng)};
		intent->request = rng_request_id(rng, limits);
		intent->wanted = (uint8_t)rng_below(rng, WANTED_COUNT_);
		intent->owner = rng_node(rng, limits, true);
		intent->target = rng_node(rng, limits, true);
		intent->cause = (uint8_t)rng_below(rng, CAUSE_COUNT_);
		intent->attempt = (uint8_t)rng_next(rng);
		intent->failovers = (uint8_t)rng_next(rng);
		rng_stopped(rng, limits, intent->stopped);
		*actual = (struct group_actual){.since = {rng_number(rng)}};
		actual->state = (uint8_t)rng_below(rng, GROUP_STATE_COUNT_);
		actual->failed_attempt = (uint8_t)rng_next(rng);
		actual->by_monitor = rng_below(rng, 2);
		actual->halted = rng_below(rng, 2);
	}
}

/* Half of the vectors say nothing, as without fence devices. */
static inline void rng_fences(struct rng *rng, const struct hb_limits *limits,
			      struct vector_rows *rows)
{
	bool none = rng_below(rng, 2);

	for (unsigned int i = 0; i < limits->n_nodes; i++) {
		struct fence_row *row = &rows->fences[i];

		*row = (struct fence_row){.by = NODE_NONE};
		if (none || rng_below(rng, 4) == 0)
			continue;
		row->state = (uint8_t)rng_below(rng, FENCE_STATE_COUNT_);
		row->check = (uint8_t)rng_below(rng, FENCE_CHECK_COUNT_);
		row->off = rng_number(rng);
		if (rng_below(rng, 2)) {
			row->by = rng_node(rng, limits, false);
			row->by_epoch = 1 + rng_number(rng) % (EPOCH_MAX - 1);
		}
	}
}

static inline void rng_rows(struct rng *rng, const struct hb_limits *limits,
			    struct vector_rows *rows)
{
	rng_groups(rng, limits, rows);
	for (unsigned int i = 0; i < limits->n_resources; i++) {
		rows->resource_actuals[i].state = (uint8_t)rng_below(rng, RESOURCE_STATE_COUNT_);
		rows->resource_actuals[i].failures = (uint8_t)rng_next(rng);
	}
	for (unsigned int i = 0; i < limits->n_nodes; i++) {
		struct node_intent *row = &rows->node_intents[i];

		*row = (struct node_intent){.version = rng_version(rng)};
		row->request = rng_request_id(rng, limits);
		row->incarnation = rng_number(rng);
		row->wanted = (uint8_t)rng_below(rng, WANTED_COUNT_);
		row->power = (uint8_t)rng_below(rng, POWER_ACTION_COUNT_);
	}
	rng_monitors(rng, limits, rows);
	rng_fences(rng, limits, rows);
}

/* A vector with all rows; `most`: with a request and as many answers as there can be. */
static inline void rng_vector(struct rng *rng, const struct hb_limits *limits, bool most,
			      struct vector_rows *rows, struct vector *v)
{
	*v = (struct vector){.n_groups = limits->n_groups,
			     .n_resources = limits->n_resources,
			     .n_nodes = limits->n_nodes,
			     .n_monitors = limits->n_monitors,
			     .n_fences = limits->n_nodes,
			     .group_intents = rows->group_intents,
			     .group_actuals = rows->group_actuals,
			     .resource_actuals = rows->resource_actuals,
			     .node_intents = rows->node_intents,
			     .monitor_intents = rows->monitor_intents,
			     .monitor_actuals = rows->monitor_actuals,
			     .fences = rows->fences};
	rng_head(rng, limits, &v->head);
	rng_requests(rng, limits, most, &v->head);
	rng_rows(rng, limits, rows);
}

/* Compares what is on the wire: padding and bytes beyond the counts are not. */
#define SAME(a, b, field) assert_true((a)->field == (b)->field)

static inline void assert_same_id(const struct request_id *a, const struct request_id *b)
{
	SAME(a, b, incarnation);
	SAME(a, b, number);
	SAME(a, b, node);
}

static inline void assert_same_view(const struct view *a, const struct view *b)
{
	SAME(a, b, epoch);
	SAME(a, b, members);
	SAME(a, b, coordinator);
}

static inline void assert_same_head(const struct vector_head *a, const struct vector_head *b)
{
	SAME(a, b, incarnation);
	SAME(a, b, sequence);
	SAME(a, b, stamp.us);
	SAME(a, b, config_hash);
	SAME(a, b, safety_hash);
	SAME(a, b, objects_hash);
	SAME(a, b, pending_hash);
	SAME(a, b, promised);
	assert_same_view(&a->accepted, &b->accepted);
	assert_same_view(&a->installed, &b->installed);
	SAME(a, b, wanted);
	SAME(a, b, quarantined);
	SAME(a, b, lease_us);
	SAME(a, b, lease_epoch);
	SAME(a, b, timeout_us);
	SAME(a, b, ratio_left_us);
	SAME(a, b, cluster.version.epoch);
	SAME(a, b, cluster.version.counter);
	assert_same_id(&a->cluster.request, &b->cluster.request);
	SAME(a, b, cluster.mode);
	SAME(a, b, cluster.ratio);
	SAME(a, b, cluster.config_generation);
	SAME(a, b, cluster.config_hash);
	SAME(a, b, intent_digest);
	SAME(a, b, durable_digest);
	SAME(a, b, actual_digest);
	SAME(a, b, node);
	SAME(a, b, mode);
	SAME(a, b, warm);
	SAME(a, b, store_failed);
	SAME(a, b, n_peers);
	for (unsigned int i = 0; i < a->n_peers; i++) {
		SAME(a, b, peer[i].incarnation);
		SAME(a, b, peer[i].stamp.us);
		SAME(a, b, peer[i].age_us);
		SAME(a, b, peer[i].clear_us);
		SAME(a, b, peer[i].paths);
		SAME(a, b, peer[i].heard);
		SAME(a, b, peer[i].grant);
	}
	assert_same_id(&a->request.id, &b->request.id);
	SAME(a, b, request.kind);
	SAME(a, b, request.target);
	SAME(a, b, request.group);
	SAME(a, b, request.object);
	SAME(a, b, request.ratio);
	SAME(a, b, request.value);
}

static inline void assert_same_group(const struct vector_rows *a, const struct vector_rows *b,
				     unsigned int i)
{
	SAME(a, b, group_intents[i].version.epoch);
	SAME(a, b, group_intents[i].version.counter);
	assert_same_id(&a->group_intents[i].request, &b->group_intents[i].request);
	SAME(a, b, group_intents[i].wanted);
	SAME(a, b, group_intents[i].owner);
	SAME(a, b, group_intents[i].target);
	SAME(a, b, group_intents[i].cause);
	SAME(a, b, group_intents[i].attempt);
	SAME(a, b, group_intents[i].failovers);
	assert_memory_equal(a->group_intents[i].stopped, b->group_intents[i].stopped,
			    sizeof a->group_intents[i].stopped);
	SAME(a, b, group_actuals[i].since.us);
	SAME(a, b, group_actuals[i].state);
	SAME(a, b, group_actuals[i].failed_attempt);
	SAME(a, b, group_actuals[i].halted);
	SAME(a, b, group_actuals[i].by_monitor);
}

static inline void assert_same_monitor(const struct vector_rows *a, const struct vector_rows *b,
				       unsigned int i)
{
	SAME(a, b, monitor_intents[i].version.epoch);
	SAME(a, b, monitor_intents[i].version.counter);
	assert_same_id(&a->monitor_intents[i].request, &b->monitor_intents[i].request);
	SAME(a, b, monitor_intents[i].suspended);
	SAME(a, b, monitor_intents[i].failing);
	SAME(a, b, monitor_actuals[i].status);
	SAME(a, b, monitor_actuals[i].restarts);
	SAME(a, b, monitor_actuals[i].failovers);
	SAME(a, b, monitor_actuals[i].final);
}

static inline void assert_same_rows(const struct vector_rows *a, const struct vector_rows *b,
				    const struct hb_limits *limits)
{
	for (unsigned int i = 0; i < limits->n_groups; i++)
		assert_same_group(a, b, i);
	for (unsigned int i = 0; i < limits->n_resources; i++) {
		SAME(a, b, resource_actuals[i].state);
		SAME(a, b, resource_actuals[i].failures);
	}
	for (unsigned int i = 0; i < limits->n_nodes; i++) {
		SAME(a, b, node_intents[i].version.epoch);
		SAME(a, b, node_intents[i].version.counter);
		assert_same_id(&a->node_intents[i].request, &b->node_intents[i].request);
		SAME(a, b, node_intents[i].incarnation);
		SAME(a, b, node_intents[i].wanted);
		SAME(a, b, node_intents[i].power);
	}
	for (unsigned int i = 0; i < limits->n_monitors; i++)
		assert_same_monitor(a, b, i);
	for (unsigned int i = 0; i < limits->n_nodes; i++) {
		SAME(a, b, fences[i].by_epoch);
		SAME(a, b, fences[i].off);
		SAME(a, b, fences[i].by);
		SAME(a, b, fences[i].state);
		SAME(a, b, fences[i].check);
	}
}

#endif
