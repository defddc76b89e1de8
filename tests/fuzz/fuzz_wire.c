/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Datagrams. The first byte chooses the limits, the rest is a datagram. It is decoded as it is,
 * then with length, key and HMAC put right, so that the fuzzer gets behind them. What is accepted
 * must be in range, and encoding it must give the same bytes again.
 */
#include "hb/internal.h"

#include <assert.h>
#include <gnutls/crypto.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct hb_limits LIMITS[] = {
	{.cluster_id = 7, .n_nodes = 3, .n_groups = 2, .n_resources = 5, .n_monitors = 4},
	{.cluster_id = 7, .n_nodes = 32, .n_groups = 128, .n_resources = 512, .n_monitors = 512},
	{.cluster_id = 7, .n_nodes = 1},
	{.cluster_id = 7, .n_nodes = 8, .n_groups = 16, .n_resources = 40, .n_monitors = 60},
};

static bool node_ok(uint8_t node, const struct hb_limits *limits)
{
	return node < limits->n_nodes || node == NODE_NONE;
}

static void check_head(const struct vector_head *h, const struct hb_limits *limits)
{
	uint64_t all = ((uint64_t)1 << limits->n_nodes) - 1;

	assert(h->node < limits->n_nodes && h->n_peers == limits->n_nodes);
	assert(h->incarnation > 0 && h->incarnation < EPOCH_MAX && h->sequence < EPOCH_MAX);
	assert(h->stamp.us < EPOCH_MAX && h->lease_us < EPOCH_MAX && h->promised < EPOCH_MAX);
	assert(h->lease_epoch < EPOCH_MAX && h->timeout_us < EPOCH_MAX);
	assert(h->ratio_left_us <= RATIO_TIME_MAX_US && h->cluster.version.epoch < EPOCH_MAX);
	assert(h->cluster.mode < CLUSTER_MODE_COUNT_ && h->cluster.ratio <= RATIO_MAX);
	assert(h->cluster.config_generation < EPOCH_MAX);
	assert(h->accepted.epoch < EPOCH_MAX && h->installed.epoch < EPOCH_MAX);
	assert(!((h->accepted.members | h->installed.members | h->wanted | h->quarantined) & ~all));
	assert(node_ok(h->accepted.coordinator, limits) &&
	       node_ok(h->installed.coordinator, limits));
	assert(h->mode > NODE_MODE_UNKNOWN && h->mode < NODE_MODE_COUNT_);
	for (unsigned int i = 0; i < h->n_peers; i++)
		assert(h->peer[i].stamp.us < EPOCH_MAX && h->peer[i].incarnation < EPOCH_MAX);
	assert(h->request.kind < REQUEST_KIND_COUNT_ && node_ok(h->request.target, limits));
	assert(h->request.kind != REQUEST_FENCE_CONFIRM);
	assert(h->request.group == 0 || h->request.group < limits->n_groups);
	assert(h->request.object == 0 || h->request.object < limits->n_monitors ||
	       h->request.object < limits->n_resources);
	assert(h->n_answers <= HB_ANSWERS_PER_PART && h->n_answers <= limits->n_nodes);
	for (unsigned int i = 0; i < h->n_answers; i++)
		assert(h->answers[i].code < ANSWER_CODE_COUNT_);
}

static void check_rows(const struct vector *v, const struct hb_limits *limits)
{
	uint64_t all = ((uint64_t)1 << limits->n_nodes) - 1;

	assert(v->first_group + v->n_groups <= limits->n_groups);
	assert(v->first_resource + v->n_resources <= limits->n_resources);
	assert(v->first_node + v->n_nodes <= limits->n_nodes);
	for (unsigned int i = 0; i < v->n_groups; i++) {
		const struct group_intent *row = &v->group_intents[i];

		assert(row->version.epoch < EPOCH_MAX && row->wanted < WANTED_COUNT_);
		assert(node_ok(row->owner, limits) && node_ok(row->target, limits));
		assert(row->cause < CAUSE_COUNT_ && v->group_actuals[i].state < GROUP_STATE_COUNT_);
		assert(v->group_actuals[i].since.us < EPOCH_MAX);
		for (unsigned int k = limits->n_resources; k < RESOURCES_MAX; k++)
			assert(!(row->stopped[k / 8] & 1U << k % 8));
	}
	for (unsigned int i = 0; i < v->n_resources; i++)
		assert(v->resource_actuals[i].state < RESOURCE_STATE_COUNT_);
	for (unsigned int i = 0; i < v->n_nodes; i++)
		assert(v->node_intents[i].version.epoch < EPOCH_MAX &&
		       v->node_intents[i].incarnation < EPOCH_MAX &&
		       v->node_intents[i].wanted < WANTED_COUNT_ &&
		       v->node_intents[i].power < POWER_ACTION_COUNT_);
	assert(v->first_monitor + v->n_monitors <= limits->n_monitors);
	for (unsigned int i = 0; i < v->n_monitors; i++) {
		const struct monitor_intent *row = &v->monitor_intents[i];

		assert(row->version.epoch < EPOCH_MAX);
		assert(!((row->suspended | row->failing) & ~all));
		assert(v->monitor_actuals[i].status < MONITOR_STATUS_COUNT_);
	}
	assert(v->first_fence + v->n_fences <= limits->n_nodes);
	for (unsigned int i = 0; i < v->n_fences; i++) {
		const struct fence_row *row = &v->fences[i];

		assert(row->by_epoch < EPOCH_MAX && row->off < EPOCH_MAX);
		assert(node_ok(row->by, limits) && (row->by == NODE_NONE) == !row->by_epoch);
		assert(row->state < FENCE_STATE_COUNT_ && row->check < FENCE_CHECK_COUNT_);
	}
}

/*
 * Sections of unknown type and of fence rows that say nothing are lost on the way, so the result
 * may be shorter; no other change.
 */
static void check_again(const struct vector *v, const struct hb_limits *limits, const uint8_t *body,
			size_t n)
{
	static struct vector_rows rows;
	static struct vector back;
	static uint8_t once[HB_BODY_MAX], twice[HB_BODY_MAX];
	struct wire_reader part = {.at = body + WIRE_ORIGIN_BYTES - 2};
	struct hb_cursor cursor = {.part = get_u16(&part)};
	size_t n_once, n_twice;

	n_once = hb_wire_body_encode(v, limits, &cursor, once, sizeof once);
	assert(n_once > 0 && n_once <= n);
	assert(cursor.part == 0);
	assert(cursor.group + cursor.resource + cursor.node + cursor.monitor + cursor.fence == 0);
	assert(n_once < n || memcmp(once, body, n) == 0);
	assert(hb_wire_body_decode(once, n_once, limits, &rows, &back));
	part.at = once + WIRE_ORIGIN_BYTES - 2;
	cursor.part = get_u16(&part);
	n_twice = hb_wire_body_encode(&back, limits, &cursor, twice, sizeof twice);
	assert(n_twice == n_once && memcmp(once, twice, n_once) == 0);
}

static void decode(const uint8_t *data, size_t n, const struct hb_limits *limits,
		   const struct hb_keys *keys)
{
	static struct vector_rows rows;
	static struct hb_decoded d;
	enum hb_refusal r = hb_wire_decode(&(struct hb_datagram){data, n}, limits, keys, &rows, &d);

	assert(r < HB_REFUSAL_COUNT_ && r != HB_REFUSED_REPLAY && r != HB_REFUSED_STALE);
	if (r != HB_OK)
		return;
	assert(d.from < limits->n_nodes && d.part < HB_PARTS_MAX);
	if (d.type == HB_MESSAGE_BLOB) {
		assert(d.blob.n <= HB_BLOB_MAX && d.blob.data >= data &&
		       d.blob.data + d.blob.n == data + n - WIRE_MAC_BYTES);
		return;
	}
	assert(d.type == HB_MESSAGE_VECTOR);
	check_head(&d.vector.head, limits);
	check_rows(&d.vector, limits);
	check_again(&d.vector, limits, data + WIRE_HEADER_BYTES,
		    n - WIRE_HEADER_BYTES - WIRE_MAC_BYTES);
}

static void put_right(uint8_t *data, size_t n, const struct hb_keys *keys)
{
	struct wire_writer w = {.at = data + 6};
	uint8_t digest[32];

	put_u16(&w, (uint16_t)n);
	w.at = data + 16;
	put_u32(&w, keys->id[0]);
	assert(gnutls_hmac_fast(GNUTLS_MAC_SHA256, keys->key[0], HB_KEY_BYTES, data,
				n - WIRE_MAC_BYTES, digest) == 0);
	memcpy(data + n - WIRE_MAC_BYTES, digest, WIRE_MAC_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct hb_keys keys = {.n = 1, .id = {0x01020304}, .key = {{1, 2, 3}}};
	const struct hb_limits *limits;
	uint8_t *copy;

	if (n < 1)
		return 0;
	limits = &LIMITS[data[0] % (sizeof LIMITS / sizeof *LIMITS)];
	decode(++data, --n, limits, &keys);
	if (n < WIRE_HEADER_BYTES + WIRE_MAC_BYTES || n > UINT16_MAX)
		return 0;
	copy = malloc(n);
	assert(copy);
	memcpy(copy, data, n);
	put_right(copy, n, &keys);
	decode(copy, n, limits, &keys);
	free(copy);
	return 0;
}
