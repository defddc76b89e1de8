/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TEST_HB_VECTOR_H
#define HF_TEST_HB_VECTOR_H

/* Seeded random vectors and their comparison, for the tests of hb/. Include it after cmocka. */

#include "include/hb.h"

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
	switch (rng_below(rng, 4)) {
	case 0:
		return rng_below(rng, 3);
	case 1:
		return EPOCH_MAX - 1 - rng_below(rng, 3);
	default:
		return rng_next(rng) % EPOCH_MAX >> rng_below(rng, 60);
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

static inline struct request_id rng_request_id(struct rng *rng, const struct hb_limits *limits)
{
	if (rng_below(rng, 4) == 0)
		return (struct request_id){.node = NODE_NONE};
	return (struct request_id){.incarnation = rng_number(rng),
				   .number = (uint32_t)rng_next(rng),
				   .node = rng_node(rng, limits, false)};
}

static inline struct version rng_version(struct rng *rng)
{
	return (struct version){.epoch = rng_number(rng), .counter = (uint32_t)rng_next(rng)};
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
	return (struct cluster_intent){.version = rng_version(rng),
				       .request = rng_request_id(rng, limits),
				       .mode = (uint8_t)rng_below(rng, CLUSTER_MODE_COUNT_),
				       .ratio = (uint16_t)rng_below(rng, RATIO_MAX + 1),
				       .config_generation = rng_number(rng),
				       .config_hash = rng_next(rng)};
}

static inline void rng_head(struct rng *rng, const struct hb_limits *limits, struct vector_head *h)
{
	*h = (struct vector_head){
		.incarnation = 1 + rng_number(rng) % (EPOCH_MAX - 1),
		.sequence = rng_number(rng),
		.stamp = {rng_number(rng)},
		.config_hash = rng_next(rng),
		.safety_hash = rng_next(rng),
		.objects_hash = limits->objects_hash,
		.pending_hash = rng_next(rng),
		.promised = rng_number(rng),
		.accepted = rng_view(rng, limits),
		.installed = rng_view(rng, limits),
		.wanted = rng_members(rng, limits),
		.quarantined = rng_members(rng, limits),
		.lease_us = rng_number(rng),
		.lease_epoch = rng_number(rng),
		.timeout_us = rng_number(rng),
		.ratio_left_us = rng_next(rng) % (RATIO_TIME_MAX_US + 1),
		.cluster = rng_cluster(rng, limits),
		.intent_digest = rng_next(rng),
		.durable_digest = rng_next(rng),
		.actual_digest = rng_next(rng),
		.node = rng_node(rng, limits, false),
		.mode = (uint8_t)(1 + rng_below(rng, NODE_MODE_COUNT_ - 1)),
		.warm = rng_below(rng, 2),
		.store_failed = rng_below(rng, 2),
		.n_peers = limits->n_nodes,
	};
	for (unsigned int i = 0; i < limits->n_nodes; i++)
		h->peer[i] = (struct peer_entry){.incarnation = rng_number(rng),
						 .stamp = {rng_number(rng)},
						 .age_us = (uint32_t)rng_next(rng),
						 .clear_us = (uint32_t)rng_next(rng),
						 .paths = (uint8_t)rng_next(rng),
						 .heard = rng_below(rng, 2),
						 .grant = rng_below(rng, 2)};
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
		h->request.kind = (uint8_t)(1 + rng_below(rng, REQUEST_KIND_COUNT_ - 1));
		h->request.target = rng_node(rng, limits, true);
		rng_operands(rng, limits, &h->request);
	}
	h->n_answers = most ? limits->n_nodes : (uint8_t)rng_below(rng, limits->n_nodes + 1U);
	for (unsigned int i = 0; i < h->n_answers; i++)
		h->answers[i] =
			(struct answer){.id = rng_request_id(rng, limits),
					.code = (uint8_t)rng_below(rng, ANSWER_CODE_COUNT_)};
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
		rows->monitor_intents[i] = (struct monitor_intent){};
		if (rng_below(rng, 4) == 0)
			rows->monitor_intents[i] = (struct monitor_intent){
				.version = {.epoch = 1 + rng_number(rng) % (EPOCH_MAX - 1),
					    .counter = (uint32_t)rng_next(rng)},
				.request = rng_request_id(rng, limits),
				.suspended = rng_members(rng, limits),
				.failing = rng_members(rng, limits)};
		rows->monitor_actuals[i] = (struct monitor_actual){
			.status = (uint8_t)rng_below(rng, MONITOR_STATUS_COUNT_),
			.restarts = rng_below(rng, 3) ? 0 : (uint8_t)rng_next(rng),
			.failovers = rng_below(rng, 3) ? 0 : (uint8_t)rng_next(rng),
			.final = rng_below(rng, 2)};
	}
}

static inline void rng_rows(struct rng *rng, const struct hb_limits *limits,
			    struct vector_rows *rows)
{
	for (unsigned int i = 0; i < limits->n_groups; i++) {
		rows->group_intents[i] =
			(struct group_intent){.version = rng_version(rng),
					      .request = rng_request_id(rng, limits),
					      .wanted = (uint8_t)rng_below(rng, WANTED_COUNT_),
					      .owner = rng_node(rng, limits, true),
					      .target = rng_node(rng, limits, true),
					      .cause = (uint8_t)rng_below(rng, CAUSE_COUNT_),
					      .attempt = (uint8_t)rng_next(rng),
					      .failovers = (uint8_t)rng_next(rng)};
		rng_stopped(rng, limits, rows->group_intents[i].stopped);
		rows->group_actuals[i] =
			(struct group_actual){.since = {rng_number(rng)},
					      .state = (uint8_t)rng_below(rng, GROUP_STATE_COUNT_),
					      .failed_attempt = (uint8_t)rng_next(rng),
					      .halted = rng_below(rng, 2),
					      .by_monitor = rng_below(rng, 2)};
	}
	for (unsigned int i = 0; i < limits->n_resources; i++)
		rows->resource_actuals[i] = (struct resource_actual){
			.state = (uint8_t)rng_below(rng, RESOURCE_STATE_COUNT_),
			.failures = (uint8_t)rng_next(rng)};
	for (unsigned int i = 0; i < limits->n_nodes; i++)
		rows->node_intents[i] =
			(struct node_intent){.version = rng_version(rng),
					     .request = rng_request_id(rng, limits),
					     .incarnation = rng_number(rng),
					     .wanted = (uint8_t)rng_below(rng, WANTED_COUNT_),
					     .power = (uint8_t)rng_below(rng, POWER_ACTION_COUNT_)};
	rng_monitors(rng, limits, rows);
}

/* A vector with all rows; `most`: with a request and as many answers as there can be. */
static inline void rng_vector(struct rng *rng, const struct hb_limits *limits, bool most,
			      struct vector_rows *rows, struct vector *v)
{
	*v = (struct vector){.n_groups = limits->n_groups,
			     .n_resources = limits->n_resources,
			     .n_nodes = limits->n_nodes,
			     .n_monitors = limits->n_monitors,
			     .group_intents = rows->group_intents,
			     .group_actuals = rows->group_actuals,
			     .resource_actuals = rows->resource_actuals,
			     .node_intents = rows->node_intents,
			     .monitor_intents = rows->monitor_intents,
			     .monitor_actuals = rows->monitor_actuals};
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
}

#endif
