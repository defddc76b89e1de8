/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hb/internal.h"
#include "tests/unit/hb_vector.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <time.h>

static const struct hb_limits SMALL = {
	.cluster_id = 7, .n_nodes = 3, .n_groups = 2, .n_resources = 5, .n_monitors = 4};
static const struct hb_limits LARGEST = {.cluster_id = ~0ULL,
					 .n_nodes = NODES_MAX,
					 .n_groups = GROUPS_MAX,
					 .n_resources = RESOURCES_MAX,
					 .n_monitors = MONITORS_MAX,
					 .objects_hash = ~1ULL};

static struct hb_keys test_keys(void)
{
	struct hb_keys keys;
	char error[HB_ERROR_SIZE];
	char text[130];

	memset(text, '1', 64);
	text[64] = '\n';
	memset(text + 65, '2', 64);
	assert_int_equal(hb_keys_parse(text, 129, &keys, error), 0);
	return keys;
}

/* What a receiver has put together from the parts that came. */
struct assembly {
	struct vector_rows rows;
	/* how many rows came, repeated ones included */
	unsigned int groups, resources, nodes, monitors, fences;
};

/* Nothing has come; what never comes of fence rows says nothing. */
static void start_assembly(struct assembly *as)
{
	*as = (struct assembly){};
	for (unsigned int i = 0; i < NODES_MAX; i++)
		as->rows.fences[i].by = NODE_NONE;
}

static void assemble(struct assembly *as, const struct vector *part)
{
	memcpy(as->rows.group_intents + part->first_group, part->group_intents,
	       part->n_groups * sizeof *part->group_intents);
	memcpy(as->rows.group_actuals + part->first_group, part->group_actuals,
	       part->n_groups * sizeof *part->group_actuals);
	memcpy(as->rows.resource_actuals + part->first_resource, part->resource_actuals,
	       part->n_resources * sizeof *part->resource_actuals);
	memcpy(as->rows.node_intents + part->first_node, part->node_intents,
	       part->n_nodes * sizeof *part->node_intents);
	memcpy(as->rows.monitor_intents + part->first_monitor, part->monitor_intents,
	       part->n_monitors * sizeof *part->monitor_intents);
	memcpy(as->rows.monitor_actuals + part->first_monitor, part->monitor_actuals,
	       part->n_monitors * sizeof *part->monitor_actuals);
	memcpy(as->rows.fences + part->first_fence, part->fences,
	       part->n_fences * sizeof *part->fences);
	as->monitors += part->n_monitors;
	as->fences += part->n_fences;
	as->groups += part->n_groups;
	as->resources += part->n_resources;
	as->nodes += part->n_nodes;
}

static bool fences_said(const struct vector_rows *rows, const struct hb_limits *limits)
{
	for (unsigned int i = 0; i < limits->n_nodes; i++) {
		const struct fence_row *row = &rows->fences[i];

		if (row->by_epoch || row->off || row->state || row->check)
			return true;
	}
	return false;
}

static void roundtrip(uint64_t seed, const struct hb_limits *limits, bool most)
{
	static struct vector_rows rows, scratch;
	static struct assembly as;
	struct rng rng = {seed};
	struct vector v;
	struct hb_cursor cursor = {};
	struct hb_keys keys = test_keys();
	unsigned int part = 0;

	rng_vector(&rng, limits, most, &rows, &v);
	keys.sign = seed & 1;
	start_assembly(&as);
	do {
		uint8_t datagram[HB_DATAGRAM_MAX];
		size_t n = hb_wire_encode_vector(&v, limits, &keys, &cursor, datagram);
		struct hb_decoded d;

		assert_true(n <= HB_DATAGRAM_MAX);
		assert_true(part < HB_PARTS_MAX);
		memset(&d, 0xa5, sizeof d);
		memset(&scratch, 0xa5, sizeof scratch);
		assert_int_equal(hb_wire_decode(&(struct hb_datagram){datagram, n}, limits, &keys,
						&scratch, &d),
				 HB_OK);
		assert_int_equal(d.type, HB_MESSAGE_VECTOR);
		assert_int_equal(d.part, part++);
		assert_int_equal(d.from, v.head.node);
		assert_int_equal(d.newest_key, keys.id[0]);
		assert_true(d.incarnation == v.head.incarnation);
		assert_true(d.sequence == v.head.sequence);
		assert_same_head(&v.head, &d.vector.head);
		assemble(&as, &d.vector);
	} while (cursor.part > 0);
	assert_int_equal(
		cursor.group + cursor.resource + cursor.node + cursor.monitor + cursor.fence, 0);
	assert_same_rows(&rows, &as.rows, limits);
	assert_int_equal(as.groups, limits->n_groups);
	assert_int_equal(as.resources, limits->n_resources);
	assert_int_equal(as.nodes, limits->n_nodes);
	assert_int_equal(as.monitors, limits->n_monitors);
	assert_int_equal(as.fences, fences_said(&rows, limits) ? limits->n_nodes : 0);
}

/* All bytes that every row may have: still each part has at least one row. */
static void test_roundtrip_fullest(void **state)
{
	static struct vector_rows rows, scratch;
	static struct assembly as;
	struct rng rng = {4};
	struct hb_cursor cursor = {};
	uint8_t body[HB_BODY_MAX];
	struct vector v, back;
	unsigned int parts = 0;

	(void)state;
	rng_vector(&rng, &LARGEST, true, &rows, &v);
	v.head.request = (struct request){.kind = REQUEST_NODE_STOP};
	for (unsigned int i = 0; i < GROUPS_MAX; i++)
		memset(rows.group_intents[i].stopped, 0xff, sizeof rows.group_intents[i].stopped);
	for (unsigned int i = 0; i < MONITORS_MAX; i++) {
		rows.monitor_intents[i].version.epoch = 1;
		rows.monitor_actuals[i].restarts = 1;
	}
	for (unsigned int i = 0; i < NODES_MAX; i++)
		rows.fences[i] = (struct fence_row){.by_epoch = EPOCH_MAX - 1, .off = 1, .by = 31};
	start_assembly(&as);
	do {
		size_t n = hb_wire_body_encode(&v, &LARGEST, &cursor, body, sizeof body);

		assert_true(hb_wire_body_decode(body, n, &LARGEST, &scratch, &back));
		assert_true(back.head.n_answers > 0);
		assert_true(back.n_groups + back.n_resources + back.n_nodes + back.n_monitors +
				    back.n_fences >
			    0);
		assemble(&as, &back);
		assert_true(++parts < HB_PARTS_MAX);
	} while (cursor.part > 0);
	assert_same_rows(&rows, &as.rows, &LARGEST);
	print_message("fullest vector: %u parts\n", parts);
}

static void make_realistic(const struct hb_limits *limits, struct vector_rows *rows,
			   struct vector *v)
{
	struct rng rng = {5};

	rng_vector(&rng, limits, false, rows, v);
	v->head.request = (struct request){};
	v->head.n_answers = 0;
	for (unsigned int i = 0; i < limits->n_groups; i++)
		memset(rows->group_intents[i].stopped, 0, sizeof rows->group_intents[i].stopped);
	for (unsigned int i = 0; i < limits->n_monitors; i++) {
		rows->monitor_intents[i] = (struct monitor_intent){};
		rows->monitor_actuals[i] = (struct monitor_actual){.status = MONITOR_NORMAL};
	}
	for (unsigned int i = 0; i < limits->n_nodes; i++)
		rows->fences[i] = (struct fence_row){.by = NODE_NONE, .check = FENCE_CHECK_NORMAL};
}

/* What docs/wire.md promises for clusters as they are. */
static void test_usual_sizes(void **state)
{
	static const struct {
		struct hb_limits limits;
		unsigned int parts;
	} cases[] = {
		{{.n_nodes = 3, .n_groups = 10, .n_resources = 30, .n_monitors = 50}, 1},
		{{.n_nodes = 3, .n_groups = 4, .n_resources = 40, .n_monitors = 512}, 1},
		{{.n_nodes = 32, .n_groups = 128, .n_resources = 512, .n_monitors = 512}, 60},
	};
	static struct vector_rows rows;
	uint8_t body[HB_BODY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hb_cursor cursor = {};
		unsigned int parts = 0;
		struct vector v;

		make_realistic(&cases[i].limits, &rows, &v);
		do {
			assert_true(hb_wire_body_encode(&v, &cases[i].limits, &cursor, body,
							sizeof body) > 0);
			parts++;
		} while (cursor.part > 0);
		assert_int_equal(parts, cases[i].parts);
	}
}

/* Rule C3: what indexes of a peer with other objects mean is not known, but it is heard. */
static void test_other_objects(void **state)
{
	static struct vector_rows rows, scratch;
	static uint8_t body[65536];
	struct hb_limits smaller = LARGEST;
	struct rng rng = {6};
	struct hb_cursor cursor = {};
	struct vector v, back;
	size_t n;

	(void)state;
	rng_vector(&rng, &LARGEST, true, &rows, &v);
	v.head.request = (struct request){.kind = REQUEST_GROUP_STOP, .group = GROUPS_MAX - 1};
	n = hb_wire_body_encode(&v, &LARGEST, &cursor, body, sizeof body);
	smaller.n_groups = smaller.n_resources = smaller.n_monitors = 1;
	assert_false(hb_wire_body_decode(body, n, &smaller, &scratch, &back));
	smaller.objects_hash++;
	assert_true(hb_wire_body_decode(body, n, &smaller, &scratch, &back));
	assert_int_equal(back.head.request.kind, REQUEST_NONE);
	assert_int_equal(back.n_groups + back.n_resources + back.n_monitors, 0);
	assert_int_equal(back.n_nodes, NODES_MAX);
	v.head.request = back.head.request;
	v.head.n_answers = back.head.n_answers;
	assert_same_head(&v.head, &back.head);
}

/* Each part has the next answers, whatever the rows do. */
static void test_answers(void **state)
{
	static struct vector_rows rows, scratch;
	struct rng rng = {3};
	struct hb_cursor cursor = {};
	struct vector v, back;
	uint8_t body[HB_BODY_MAX];
	unsigned int next = 0;

	(void)state;
	rng_vector(&rng, &LARGEST, true, &rows, &v);
	for (unsigned int turn = 0; turn < 500; turn++) {
		size_t n;

		if (turn % 100 == 0) /* their number changes as nodes ask */
			v.head.n_answers = (uint8_t[]){32, 0, 8, 9, 31}[turn / 100];
		n = hb_wire_body_encode(&v, &LARGEST, &cursor, body, sizeof body);
		assert_true(hb_wire_body_decode(body, n, &LARGEST, &scratch, &back));
		if (next >= v.head.n_answers)
			next = 0;
		assert_true(back.head.n_answers > 0 || v.head.n_answers == 0);
		for (unsigned int i = 0; i < back.head.n_answers; i++, next++) {
			assert_true(next < v.head.n_answers);
			assert_same_id(&back.head.answers[i].id, &v.head.answers[next].id);
			assert_int_equal(back.head.answers[i].code, v.head.answers[next].code);
		}
		if (next >= v.head.n_answers)
			next = 0;
	}
}

static void test_roundtrip_small(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 3000; seed++)
		roundtrip(seed, &SMALL, false);
}

static void test_roundtrip_largest(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++)
		roundtrip(seed, &LARGEST, seed % 2);
}

static void test_roundtrip_any_size(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 1000; seed++) {
		struct rng rng = {~seed};
		struct hb_limits limits = {
			.cluster_id = rng_next(&rng),
			.n_nodes = (uint8_t)(1 + rng_below(&rng, NODES_MAX)),
			.n_groups = (uint16_t)rng_below(&rng, GROUPS_MAX + 1),
			.n_resources = (uint16_t)rng_below(&rng, RESOURCES_MAX + 1),
			.n_monitors = (uint16_t)rng_below(&rng, MONITORS_MAX + 1),
			.objects_hash = rng_next(&rng),
		};

		roundtrip(seed, &limits, rng_below(&rng, 2));
	}
}

/* The simulator sends the body alone; a large buffer takes all rows at once. */
static void test_body_whole(void **state)
{
	static struct vector_rows rows, scratch;
	static uint8_t body[65536];
	struct rng rng = {1};
	struct hb_cursor cursor = {};
	struct vector v, back;
	size_t n;

	(void)state;
	rng_vector(&rng, &LARGEST, false, &rows, &v);
	v.head.n_answers = 0;
	rows.fences[0].off = 1;
	n = hb_wire_body_encode(&v, &LARGEST, &cursor, body, sizeof body);
	assert_int_equal(cursor.part, 0);
	assert_true(hb_wire_body_decode(body, n, &LARGEST, &scratch, &back));
	assert_same_head(&v.head, &back.head);
	assert_int_equal(back.n_groups, GROUPS_MAX);
	assert_same_rows(&rows, &scratch, &LARGEST);
	for (size_t size = 0; size < 1000; size++)
		assert_int_equal(hb_wire_body_encode(&v, &LARGEST, &cursor, body, size), 0);
}

struct sample {
	struct hb_keys keys;
	struct vector v;
	struct vector_rows rows;
	uint8_t datagram[HB_DATAGRAM_MAX];
	size_t n;
};

static struct sample *make_sample(void)
{
	static struct sample s;
	struct rng rng = {42};
	struct hb_cursor cursor = {};

	s.keys = test_keys();
	rng_vector(&rng, &SMALL, true, &s.rows, &s.v);
	s.rows.fences[0].check = FENCE_CHECK_NORMAL; /* the last section is there */
	s.n = hb_wire_encode_vector(&s.v, &SMALL, &s.keys, &cursor, s.datagram);
	return &s;
}

static enum hb_refusal decode(const struct sample *s, const uint8_t *data, size_t n,
			      const struct hb_limits *limits)
{
	static struct vector_rows scratch;
	static struct hb_decoded decoded;

	return hb_wire_decode(&(struct hb_datagram){data, n}, limits, &s->keys, &scratch, &decoded);
}

static void test_truncated(void **state)
{
	struct sample *s = make_sample();

	(void)state;
	for (size_t n = 0; n < s->n; n++) {
		uint8_t *exact = malloc(n); /* so that a sanitizer sees a read beyond */

		assert_true(exact || n == 0);
		if (n > 0)
			memcpy(exact, s->datagram, n);
		assert_int_equal(decode(s, exact, n, &SMALL), HB_REFUSED_SIZE);
		free(exact);
	}
	assert_int_equal(decode(s, s->datagram, s->n, &SMALL), HB_OK);
}

static void test_oversized(void **state)
{
	struct sample *s = make_sample();
	static uint8_t large[HB_DATAGRAM_MAX + 100];

	(void)state;
	memcpy(large, s->datagram, s->n);
	for (size_t n = s->n + 1; n <= sizeof large; n++)
		assert_int_equal(decode(s, large, n, &SMALL), HB_REFUSED_SIZE);
}

static void test_bit_flips(void **state)
{
	struct sample *s = make_sample();
	unsigned int refused[HB_REFUSAL_COUNT_] = {};

	(void)state;
	for (size_t bit = 0; bit < s->n * 8; bit++) {
		enum hb_refusal r;

		s->datagram[bit / 8] ^= (uint8_t)(1U << bit % 8);
		r = decode(s, s->datagram, s->n, &SMALL);
		assert_int_not_equal(r, HB_OK);
		refused[r]++;
		s->datagram[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	assert_int_equal(refused[HB_REFUSED_MAGIC], 32 + 64);
	assert_int_equal(refused[HB_REFUSED_VERSION], 8);
	assert_int_equal(refused[HB_REFUSED_SIZE], 16);
	assert_int_equal(refused[HB_REFUSED_KEY], 32);
	assert_int_equal(refused[HB_REFUSED_HMAC], (s->n - 20) * 8 + 8);
}

/* Puts a right length and HMAC on a datagram that a test has changed. */
static void sign_again(struct sample *s, size_t n)
{
	uint8_t digest[32];

	s->n = n;
	s->datagram[6] = (uint8_t)(n >> 8);
	s->datagram[7] = (uint8_t)n;
	assert_int_equal(gnutls_hmac_fast(GNUTLS_MAC_SHA256, s->keys.key[0], HB_KEY_BYTES,
					  s->datagram, n - WIRE_MAC_BYTES, digest),
			 0);
	memcpy(s->datagram + n - WIRE_MAC_BYTES, digest, WIRE_MAC_BYTES);
}

static enum hb_refusal decode_changed(size_t at, uint8_t value)
{
	struct sample *s = make_sample();

	s->datagram[at] = value;
	sign_again(s, s->n);
	return decode(s, s->datagram, s->n, &SMALL);
}

static void test_header(void **state)
{
	struct hb_limits other = SMALL;
	struct sample *s = make_sample();

	(void)state;
	other.cluster_id++;
	assert_int_equal(decode(s, s->datagram, s->n, &other), HB_REFUSED_MAGIC);
	s->keys.n = 1;
	assert_int_equal(decode(s, s->datagram, s->n, &SMALL), HB_OK);
	s->keys.id[0]++; /* another key */
	assert_int_equal(decode(s, s->datagram, s->n, &SMALL), HB_REFUSED_KEY);
	s = make_sample();
	s->keys.key[0][31] ^= 1; /* another key with the same id */
	assert_int_equal(decode(s, s->datagram, s->n, &SMALL), HB_REFUSED_HMAC);
	assert_int_equal(decode_changed(4, WIRE_MAJOR + 1), HB_REFUSED_VERSION);
	assert_int_equal(decode_changed(4, 0), HB_REFUSED_VERSION);
	assert_int_equal(decode_changed(5, WIRE_MINOR + 1), HB_OK);
	assert_int_equal(decode_changed(24, 0), HB_REFUSED_FORMAT);
	assert_int_equal(decode_changed(24, 3), HB_REFUSED_FORMAT);
	assert_int_equal(decode_changed(25, SMALL.n_nodes), HB_REFUSED_SENDER);
	assert_int_equal(decode_changed(25, 0xff), HB_REFUSED_SENDER);
	assert_int_equal(decode_changed(25, 0), HB_OK);
}

/* A sender of a newer minor version: one more section, also right after the known ones. */
static void test_unknown_section(void **state)
{
	struct sample *s = make_sample();
	size_t end = s->n - WIRE_MAC_BYTES;
	static const uint8_t extra[] = {200, 0, 5, 'h', 'e', 'l', 'l', 'o'};
	static const uint8_t again[] = {SECTION_FENCES, 0, 3, 0, 0, 0x10};

	(void)state;
	memcpy(s->datagram + end, extra, sizeof extra);
	s->datagram[5] = WIRE_MINOR + 1;
	sign_again(s, s->n + sizeof extra);
	assert_int_equal(decode(s, s->datagram, s->n, &SMALL), HB_OK);
	s->datagram[end + 2] = 6; /* longer than the datagram */
	sign_again(s, s->n);
	assert_int_equal(decode(s, s->datagram, s->n, &SMALL), HB_REFUSED_FORMAT);
	s->datagram[end + 2] = 4; /* one byte is left over: not even a section */
	sign_again(s, s->n);
	assert_int_equal(decode(s, s->datagram, s->n, &SMALL), HB_REFUSED_FORMAT);
	memcpy(s->datagram + end, again, sizeof again);
	sign_again(s, end + sizeof again + WIRE_MAC_BYTES);
	assert_int_equal(decode(s, s->datagram, s->n, &SMALL), HB_REFUSED_FORMAT);
	memcpy(s->datagram + end, extra, sizeof extra);
	memcpy(s->datagram + end + sizeof extra, extra, sizeof extra); /* an unknown one twice */
	sign_again(s, end + 2 * sizeof extra + WIRE_MAC_BYTES);
	assert_int_equal(decode(s, s->datagram, s->n, &SMALL), HB_REFUSED_FORMAT);
}

/* The fence rows as a release reads them that does not know the section: the rest counts. */
static void test_fences_skipped(void **state)
{
	struct sample *s = make_sample();
	struct hb_limits other = SMALL;
	static struct vector_rows scratch;
	static struct hb_decoded d;
	size_t at = WIRE_HEADER_BYTES + WIRE_ORIGIN_BYTES;

	(void)state;
	other.objects_hash++; /* rule C3: nodes are the same, so these rows mean the same */
	assert_int_equal(hb_wire_decode(&(struct hb_datagram){s->datagram, s->n}, &other, &s->keys,
					&scratch, &d),
			 HB_OK);
	assert_int_equal(d.vector.n_fences, SMALL.n_nodes);
	assert_int_equal(d.vector.n_monitors, 0);
	while (s->datagram[at] != SECTION_FENCES) {
		at += SECTION_BYTES + ((size_t)s->datagram[at + 1] << 8 | s->datagram[at + 2]);
		assert_true(at < s->n - WIRE_MAC_BYTES);
	}
	s->datagram[at]++;
	sign_again(s, s->n);
	assert_int_equal(hb_wire_decode(&(struct hb_datagram){s->datagram, s->n}, &SMALL, &s->keys,
					&scratch, &d),
			 HB_OK);
	assert_int_equal(d.vector.n_fences, 0);
	assert_int_equal(d.vector.n_monitors, SMALL.n_monitors);
	assert_same_head(&s->v.head, &d.vector.head);
}

/* An order ends: the row that says nothing any more is told as long as another row says something,
 * also when its part has only such rows. */
static void test_fence_parts(void **state)
{
	static struct vector_rows rows, scratch;
	struct rng rng = {9};
	struct hb_cursor cursor = {};
	struct vector v, back;
	uint8_t body[HB_BODY_MAX];
	unsigned int parts = 0, told = 0;
	size_t bare;

	(void)state;
	rng_vector(&rng, &LARGEST, false, &rows, &v);
	v.head.request = (struct request){};
	v.head.n_answers = 0;
	v.n_groups = v.n_resources = v.n_nodes = v.n_monitors = 0;
	for (unsigned int i = 0; i < NODES_MAX; i++)
		rows.fences[i] = (struct fence_row){.by = NODE_NONE};
	bare = hb_wire_body_encode(&v, &LARGEST, &cursor, body, sizeof body);
	assert_int_equal(cursor.part, 0);
	rows.fences[3].check = FENCE_CHECK_NORMAL;
	do {
		size_t n = hb_wire_body_encode(&v, &LARGEST, &cursor, body,
					       bare + SECTION_BYTES + ROWS_FIXED_BYTES + 8);

		assert_true(hb_wire_body_decode(body, n, &LARGEST, &scratch, &back));
		assert_int_equal(back.first_fence, told);
		for (unsigned int i = 0; i < back.n_fences; i++, told++) {
			assert_int_equal(back.fences[i].by, NODE_NONE);
			assert_int_equal(back.fences[i].check, told == 3 ? FENCE_CHECK_NORMAL : 0);
		}
		parts++;
	} while (cursor.part > 0);
	assert_int_equal(told, NODES_MAX);
	assert_int_equal(parts, 4);
	rows.fences[3].check = FENCE_CHECK_NONE;
	assert_int_equal(hb_wire_body_encode(&v, &LARGEST, &cursor, body, sizeof body), bare);
}

/* Each vector here breaks one rule; the encoder writes what it is given. */
struct broken {
	const char *what;
	void (*spoil)(struct vector *v, struct vector_rows *rows);
};

#define BROKEN(name, statement)                                              \
	static void spoil_##name(struct vector *v, struct vector_rows *rows) \
	{                                                                    \
		(void)v, (void)rows;                                         \
		statement;                                                   \
	}
BROKEN(incarnation_zero, v->head.incarnation = 0)
BROKEN(incarnation_huge, v->head.incarnation = EPOCH_MAX)
BROKEN(sequence, v->head.sequence = EPOCH_MAX)
BROKEN(stamp, v->head.stamp = HA_TIME_NEVER)
BROKEN(promised, v->head.promised = EPOCH_MAX)
BROKEN(accepted_epoch, v->head.accepted.epoch = UINT64_MAX)
BROKEN(accepted_members, v->head.accepted.members |= node_bit(3))
BROKEN(installed_members, v->head.installed.members |= node_bit(31))
BROKEN(coordinator, v->head.installed = ((struct view){.epoch = 1, .members = 3, .coordinator = 2}))
BROKEN(coordinator_none,
       v->head.installed = ((struct view){.epoch = 0, .members = 0, .coordinator = 3}))
BROKEN(wanted, v->head.wanted = 8)
BROKEN(quarantined, v->head.quarantined = 8)
BROKEN(lease, v->head.lease_us = UINT64_MAX)
BROKEN(lease_epoch, v->head.lease_epoch = EPOCH_MAX)
BROKEN(no_epoch, v->head.accepted = ((struct view){.epoch = 0, .members = 1, .coordinator = 0}))
BROKEN(mode_unknown, v->head.mode = NODE_MODE_UNKNOWN)
BROKEN(mode, v->head.mode = NODE_MODE_COUNT_)
BROKEN(peers_few, v->head.n_peers = 2)
BROKEN(peers_many, v->head.n_peers = 4)
BROKEN(peer_incarnation, v->head.peer[2].incarnation = EPOCH_MAX)
BROKEN(peer_stamp, v->head.peer[0].stamp = HA_TIME_NEVER)
BROKEN(request_kind, v->head.request.kind = REQUEST_KIND_COUNT_)
BROKEN(request_target, v->head.request.target = 3)
BROKEN(request_node, v->head.request.id = ((struct request_id){.number = 1, .node = NODE_NONE}))
BROKEN(request_group,
       (v->head.request.kind = REQUEST_GROUP_MOVE, v->head.request.group = SMALL.n_groups))
BROKEN(answer_code, v->head.answers[2].code = ANSWER_CODE_COUNT_)
BROKEN(answer_node, v->head.answers[0].id = ((struct request_id){.number = 0, .node = 3}))
BROKEN(answer_count, v->head.n_answers = 4)
BROKEN(group_epoch, rows->group_intents[1].version.epoch = EPOCH_MAX)
BROKEN(group_request, rows->group_intents[0].request.incarnation = EPOCH_MAX)
BROKEN(group_wanted, rows->group_intents[0].wanted = WANTED_COUNT_)
BROKEN(group_owner, rows->group_intents[0].owner = 3)
BROKEN(group_target, rows->group_intents[1].target = 0xfe)
BROKEN(group_cause, rows->group_intents[1].cause = CAUSE_COUNT_)
BROKEN(group_since, rows->group_actuals[1].since = HA_TIME_NEVER)
BROKEN(group_state, rows->group_actuals[1].state = GROUP_STATE_COUNT_)
BROKEN(group_range, v->first_group = 1)
BROKEN(resource_state, rows->resource_actuals[4].state = RESOURCE_STATE_COUNT_)
BROKEN(resource_range, v->first_resource = 0xffff)
BROKEN(node_epoch, rows->node_intents[0].version.epoch = EPOCH_MAX)
BROKEN(node_incarnation, rows->node_intents[2].incarnation = EPOCH_MAX)
BROKEN(node_wanted, rows->node_intents[2].wanted = WANTED_COUNT_)
BROKEN(node_range, v->first_node = 1)
BROKEN(node_power, rows->node_intents[0].power = POWER_ACTION_COUNT_)
BROKEN(timeout, v->head.timeout_us = UINT64_MAX)
BROKEN(ratio_left, v->head.ratio_left_us = RATIO_TIME_MAX_US + 1)
BROKEN(cluster_epoch, v->head.cluster.version.epoch = EPOCH_MAX)
BROKEN(cluster_request, v->head.cluster.request = ((struct request_id){.number = 1, .node = 3}))
BROKEN(cluster_mode, v->head.cluster.mode = CLUSTER_MODE_COUNT_)
BROKEN(cluster_ratio, v->head.cluster.ratio = RATIO_MAX + 1)
BROKEN(cluster_generation, v->head.cluster.config_generation = EPOCH_MAX)
BROKEN(request_resource, v->head.request = ((struct request){.kind = REQUEST_RESOURCE_STOP,
							     .object = SMALL.n_resources}))
BROKEN(request_monitor, v->head.request = ((struct request){.kind = REQUEST_MONITOR_FAIL,
							    .object = SMALL.n_monitors}))
BROKEN(group_stopped, rows->group_intents[1].stopped[0] = 1U << SMALL.n_resources)
BROKEN(group_stopped_far, rows->group_intents[1].stopped[63] = 1)
BROKEN(monitor_status, rows->monitor_actuals[3].status = MONITOR_STATUS_COUNT_)
BROKEN(monitor_epoch, rows->monitor_intents[0].version.epoch = EPOCH_MAX)
BROKEN(monitor_suspended,
       (rows->monitor_intents[0].version.epoch = 1, rows->monitor_intents[0].suspended = 8))
BROKEN(monitor_failing,
       (rows->monitor_intents[1].version.epoch = 1, rows->monitor_intents[1].failing = 1U << 31))
BROKEN(monitor_request, (rows->monitor_intents[2].version.epoch = 1,
			 rows->monitor_intents[2].request.incarnation = EPOCH_MAX))
BROKEN(monitor_range, v->first_monitor = 1)
/* rule X11: done where it was entered */
BROKEN(request_fence_confirm, v->head.request = ((struct request){.kind = REQUEST_FENCE_CONFIRM}))
BROKEN(fence_by, (rows->fences[1].by = 3, rows->fences[1].by_epoch = 1))
BROKEN(fence_by_of_no_view, (rows->fences[1].by = 2, rows->fences[1].by_epoch = 0))
BROKEN(fence_view_alone, (rows->fences[1].by = NODE_NONE, rows->fences[1].by_epoch = 1))
BROKEN(fence_epoch, (rows->fences[2].by = 0, rows->fences[2].by_epoch = EPOCH_MAX))
BROKEN(fence_off, rows->fences[0].off = EPOCH_MAX)
BROKEN(fence_state, rows->fences[0].state = FENCE_STATE_COUNT_)
BROKEN(fence_check, rows->fences[2].check = FENCE_CHECK_COUNT_)
BROKEN(fence_range, v->first_fence = 1)

static const struct broken BROKEN_VECTORS[] = {
#define B(name)                     \
	{                           \
#name, spoil_##name \
	}
	B(incarnation_zero),
	B(incarnation_huge),
	B(sequence),
	B(stamp),
	B(promised),
	B(accepted_epoch),
	B(accepted_members),
	B(installed_members),
	B(coordinator),
	B(coordinator_none),
	B(wanted),
	B(quarantined),
	B(lease),
	B(mode_unknown),
	B(mode),
	B(peers_few),
	B(peers_many),
	B(peer_incarnation),
	B(peer_stamp),
	B(request_kind),
	B(request_target),
	B(request_node),
	B(request_group),
	B(answer_code),
	B(answer_node),
	B(answer_count),
	B(group_epoch),
	B(group_request),
	B(group_wanted),
	B(group_owner),
	B(group_target),
	B(group_cause),
	B(group_since),
	B(group_state),
	B(group_range),
	B(resource_state),
	B(resource_range),
	B(node_epoch),
	B(node_incarnation),
	B(node_wanted),
	B(node_range),
	B(node_power),
	B(timeout),
	B(ratio_left),
	B(cluster_epoch),
	B(cluster_request),
	B(cluster_mode),
	B(cluster_ratio),
	B(cluster_generation),
	B(request_resource),
	B(request_monitor),
	B(group_stopped),
	B(group_stopped_far),
	B(monitor_status),
	B(monitor_epoch),
	B(monitor_suspended),
	B(monitor_failing),
	B(monitor_request),
	B(monitor_range),
	B(request_fence_confirm),
	B(fence_by),
	B(fence_by_of_no_view),
	B(fence_view_alone),
	B(fence_epoch),
	B(fence_off),
	B(fence_state),
	B(fence_check),
	B(fence_range),
	B(lease_epoch),
	B(no_epoch),
#undef B
};

static void test_out_of_range(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof BROKEN_VECTORS / sizeof *BROKEN_VECTORS; i++) {
		struct sample *s = make_sample();
		struct hb_cursor cursor = {};

		assert_int_equal(decode(s, s->datagram, s->n, &SMALL), HB_OK);
		BROKEN_VECTORS[i].spoil(&s->v, &s->rows);
		s->n = hb_wire_encode_vector(&s->v, &SMALL, &s->keys, &cursor, s->datagram);
		assert_int_equal(cursor.part, 0);
		if (decode(s, s->datagram, s->n, &SMALL) != HB_REFUSED_FORMAT)
			fail_msg("accepted: %s", BROKEN_VECTORS[i].what);
	}
}

/* One section behind a good vector without rows, which alone decides. */
static void test_row_bytes(void **state)
{
#define ROW(flags, ...)                                                                          \
	{                                                                                        \
		SECTION_MONITORS, 0, 2 + sizeof((uint8_t[]){flags, ##__VA_ARGS__}), 0, 3, flags, \
			##__VA_ARGS__                                                            \
	}
#define FENCE(flags, ...)                                                                      \
	{                                                                                      \
		SECTION_FENCES, 0, 2 + sizeof((uint8_t[]){flags, ##__VA_ARGS__}), 0, 2, flags, \
			##__VA_ARGS__                                                          \
	}
	static const struct {
		uint8_t section[64];
		bool good;
	} cases[] = {
		{ROW(MONITOR_NORMAL), true},
		{ROW(MONITOR_UNUSED | 0x08), true},
		{ROW(0x06), false}, /* no such status */
		{ROW(0x40), false}, /* unknown flags */
		{ROW(0x80), false},
		{ROW(0x11, 1, 0), true},  /* counters */
		{ROW(0x11, 0, 0), false}, /* that need not be there */
		{ROW(0x11, 1), false},	  /* or are cut off */
		{ROW(0x01, 1), false},	  /* a row behind the last monitor */
		{ROW(0x21), false},	  /* a cut off intent */
		{ROW(0x21, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1,
		     2, 0, 0, 0, 5, 0, 0, 0, 2),
		 true},
		{ROW(0x21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1,
		     2, 0, 0, 0, 5, 0, 0, 0, 2),
		 false},				 /* that nobody wrote */
		{{SECTION_MONITORS, 0, 2, 0, 0}, false}, /* no row */
		{{SECTION_MONITORS, 0, 1, 0}, false},
		{FENCE(0x28), false},			    /* no such check */
		{{SECTION_MONITORS, 0, 3, 0, 4, 1}, false}, /* none of the monitors */
		{FENCE(0x00), true},			    /* nothing to say */
		{FENCE(0x24), true},			    /* confirmed, check says error */
		{FENCE(0x05), false},			    /* no such state */
		{FENCE(0x40, 0, 0, 0, 0, 0, 0, 0, 9, 1), true},
		{FENCE(0x40, 0, 0, 0, 0, 0, 0, 0, 9, 3), false},    /* no such node */
		{FENCE(0x40, 0, 0, 0, 0, 0, 0, 0, 9, 0xff), false}, /* an order to nobody */
		{FENCE(0x40, 0, 0, 0, 0, 0, 0, 0, 0, 1), false},    /* of no view */
		{FENCE(0x40, 0, 0, 0, 0, 0, 0, 0, 9), false},	    /* cut off */
		{FENCE(0x80, 0, 0, 0, 0, 0, 0, 0, 9), true},
		{FENCE(0x80, 0, 0, 0, 0, 0, 0, 0, 0), false}, /* that need not be there */
		{FENCE(0x80, 0, 0, 0, 0, 0, 0, 0), false},
		{FENCE(0xc0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 9), true},
		{FENCE(0x00, 0), false}, /* a row behind the last node */
		{{SECTION_FENCES, 0, 2, 0, 0}, false},
	};
#undef ROW
#undef FENCE
	static struct vector_rows rows, scratch;
	struct hb_cursor cursor = {};
	struct rng rng = {8};
	struct vector v, back;
	uint8_t body[HB_BODY_MAX];
	size_t n;

	(void)state;
	rng_vector(&rng, &SMALL, false, &rows, &v);
	v.n_groups = v.n_resources = v.n_nodes = v.n_monitors = v.n_fences = 0;
	n = hb_wire_body_encode(&v, &SMALL, &cursor, body, sizeof body);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t bytes = SECTION_BYTES + cases[i].section[2];

		memcpy(body + n, cases[i].section, bytes);
		if (hb_wire_body_decode(body, n + bytes, &SMALL, &scratch, &back) != cases[i].good)
			fail_msg("case %zu", i);
		assert_true(!cases[i].good || back.n_monitors + back.n_fences == 1);
	}
}

static void test_blob(void **state)
{
	static uint8_t data[HB_BLOB_MAX + 1];
	uint8_t datagram[HB_DATAGRAM_MAX];
	struct hb_keys keys = test_keys();
	static struct vector_rows scratch;
	struct hb_decoded d;

	(void)state;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 7);
	for (size_t n = 0; n <= HB_BLOB_MAX; n += 100) {
		struct hb_blob blob = {.from = 2,
				       .to = 1,
				       .incarnation = 5,
				       .to_incarnation = 6,
				       .sequence = n,
				       .data = data,
				       .n = n};
		int r = hb_wire_encode_blob(&blob, &SMALL, &keys, datagram);

		assert_true(r > 0);
		assert_int_equal(hb_wire_decode(&(struct hb_datagram){datagram, (size_t)r}, &SMALL,
						&keys, &scratch, &d),
				 HB_OK);
		assert_int_equal(d.type, HB_MESSAGE_BLOB);
		assert_int_equal(d.from, 2);
		assert_int_equal(d.blob.to, 1);
		assert_int_equal(d.incarnation, 5);
		assert_int_equal(d.blob.to_incarnation, 6);
		assert_int_equal(d.sequence, n);
		assert_int_equal(d.blob.n, n);
		assert_memory_equal(d.blob.data, data, n);
		blob.to = 3;
		r = hb_wire_encode_blob(&blob, &SMALL, &keys, datagram);
		assert_int_equal(hb_wire_decode(&(struct hb_datagram){datagram, (size_t)r}, &SMALL,
						&keys, &scratch, &d),
				 HB_REFUSED_FORMAT);
	}
	assert_int_equal(hb_wire_encode_blob(&(struct hb_blob){.data = data, .n = sizeof data},
					     &SMALL, &keys, datagram),
			 -EMSGSIZE);
}

/*
 * The seeds of the fuzz target must be good datagrams, or it fuzzes nothing but the header. If the
 * format changes: HB_WRITE_SEEDS=1 build/test/test_hb_wire
 */
#define SEEDS "tests/fuzz/corpus/wire"

static const struct hb_keys SEED_KEYS = {.n = 1, .id = {0x01020304}, .key = {{1, 2, 3}}};
static const struct hb_limits SEED_LIMITS[] = {/* as in fuzz_wire.c, which has more */
					       {7, 3, 2, 5, 4, 0},
					       {7, 32, 128, 512, 512, 0},
					       {7, 1, 0, 0, 0, 0},
					       {7, 8, 16, 40, 60, 0}};

/* Bytes that a release before section 9 wrote: nothing is known of fencing then. */
static void test_minor_version_0(void **state)
{
	static struct vector_rows scratch;
	static struct hb_decoded d;
	uint8_t found[HB_DATAGRAM_MAX + 2];
	FILE *f = fopen(SEEDS "/minor-0-vector-3-nodes", "re");
	size_t n;

	(void)state;
	assert_non_null(f);
	n = fread(found, 1, sizeof found, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(found[1 + 5], 0);
	assert_int_equal(hb_wire_decode(&(struct hb_datagram){found + 1, n - 1}, &SEED_LIMITS[0],
					&SEED_KEYS, &scratch, &d),
			 HB_OK);
	assert_int_equal(d.vector.n_groups, SEED_LIMITS[0].n_groups);
	assert_int_equal(d.vector.n_nodes, 3);
	assert_int_equal(d.vector.n_fences, 0);
}

static void check_seed(const char *name, size_t limits, const uint8_t *datagram, size_t n)
{
	uint8_t expected[HB_DATAGRAM_MAX + 1], found[HB_DATAGRAM_MAX + 2];
	static struct vector_rows scratch;
	struct hb_decoded d;
	char path[256];
	FILE *f;
	size_t r;

	expected[0] = (uint8_t)limits;
	memcpy(expected + 1, datagram, n);
	(void)snprintf(path, sizeof path, "%s/%s", SEEDS, name);
	f = fopen(path, getenv("HB_WRITE_SEEDS") ? "we" : "re");
	if (!f)
		fail_msg("%s: %s (run from the top folder)", path, strerror(errno));
	if (getenv("HB_WRITE_SEEDS")) {
		assert_int_equal(fwrite(expected, 1, n + 1, f), n + 1);
		assert_int_equal(fclose(f), 0);
		return;
	}
	r = fread(found, 1, sizeof found, f);
	assert_int_equal(fclose(f), 0);
	if (r != n + 1 || memcmp(found, expected, r) != 0)
		fail_msg("%s is of another format: write it anew", path);
	assert_int_equal(hb_wire_decode(&(struct hb_datagram){found + 1, r - 1},
					&SEED_LIMITS[limits], &SEED_KEYS, &scratch, &d),
			 HB_OK);
}

static void test_seeds(void **state)
{
	static struct vector_rows rows;
	uint8_t datagram[HB_DATAGRAM_MAX];
	struct hb_blob blob = {.from = 1,
			       .to = 2,
			       .incarnation = 5,
			       .to_incarnation = 6,
			       .sequence = 9,
			       .data = (const uint8_t *)"hello",
			       .n = 5};

	(void)state;
	for (size_t i = 0; i < sizeof SEED_LIMITS / sizeof *SEED_LIMITS; i++) {
		struct rng rng = {i + 1};
		struct hb_cursor cursor = {};
		struct vector v;
		unsigned int part = 0;
		char name[64];

		rng_vector(&rng, &SEED_LIMITS[i], i != 3, &rows, &v);
		do {
			size_t n = hb_wire_encode_vector(&v, &SEED_LIMITS[i], &SEED_KEYS, &cursor,
							 datagram);

			(void)snprintf(name, sizeof name, "vector-%u-nodes-part-%u",
				       SEED_LIMITS[i].n_nodes, part);
			if (i != 1 || part % 64 == 0 || cursor.part == 0)
				check_seed(name, i, datagram, n);
			part++;
		} while (cursor.part > 0);
	}
	check_seed("blob", 0, datagram,
		   (size_t)hb_wire_encode_blob(&blob, &SEED_LIMITS[0], &SEED_KEYS, datagram));
}

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < HB_REFUSAL_COUNT_; i++)
		assert_non_null(hb_refusal_to_string((enum hb_refusal)i));
	assert_string_equal(hb_refusal_to_string(HB_REFUSAL_COUNT_), "unknown");
}

static double seconds(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Prints what the simulator pays for each vector; asserts nothing about a shared machine. */
static void test_speed(void **state)
{
	static struct vector_rows scratch;
	struct sample *s = make_sample();
	struct vector back;
	uint8_t body[HB_BODY_MAX];
	enum { N = 100000 };
	double start = seconds();
	size_t n = 0;

	(void)state;
	for (int i = 0; i < N; i++) {
		struct hb_cursor cursor = {};

		n = hb_wire_body_encode(&s->v, &SMALL, &cursor, body, sizeof body);
	}
	print_message("body of %zu bytes: encode %.0f ns", n, (seconds() - start) * 1e9 / N);
	start = seconds();
	for (int i = 0; i < N; i++)
		assert_true(hb_wire_body_decode(body, n, &SMALL, &scratch, &back));
	print_message(", decode %.0f ns", (seconds() - start) * 1e9 / N);
	start = seconds();
	for (int i = 0; i < N; i++)
		assert_int_equal(decode(s, s->datagram, s->n, &SMALL), HB_OK);
	print_message(", with header and HMAC %.0f ns\n", (seconds() - start) * 1e9 / N);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roundtrip_small),
		cmocka_unit_test(test_roundtrip_largest),
		cmocka_unit_test(test_roundtrip_any_size),
		cmocka_unit_test(test_roundtrip_fullest),
		cmocka_unit_test(test_usual_sizes),
		cmocka_unit_test(test_other_objects),
		cmocka_unit_test(test_row_bytes),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_body_whole),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_oversized),
		cmocka_unit_test(test_bit_flips),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_unknown_section),
		cmocka_unit_test(test_out_of_range),
		cmocka_unit_test(test_blob),
		cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_minor_version_0),
		cmocka_unit_test(test_fences_skipped),
		cmocka_unit_test(test_fence_parts),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
