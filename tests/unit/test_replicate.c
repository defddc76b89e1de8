/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several journals in memory converge through a network that loses, repeats and reorders. */
#include "agent/replicate.h"

#include "include/hb.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#define N	    4
#define RECORDS_MAX 4096
#define FLIGHT_MAX  4096
#define STEP_US	    10000

struct node {
	struct replicate *re;
	struct world *world;
	uint8_t id;
	bool down;
	size_t n, capacity, dropped; /* the ring of a real store, as a list with a start */
	struct event_record records[RECORDS_MAX];
};

struct packet {
	uint8_t from, to;
	size_t n;
	uint8_t data[HB_BLOB_MAX];
};

struct world {
	ha_time now;
	uint64_t random;
	unsigned int loss_percent;
	uint64_t sent_bytes, sent_blobs;
	size_t n_flight;
	struct packet *flight;
	struct node nodes[N];
};

static unsigned int roll(struct world *w, unsigned int below)
{
	w->random = w->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned int)(w->random >> 33) % below;
}

static uint64_t newest(void *userdata, uint8_t origin)
{
	const struct node *node = userdata;
	uint64_t best = 0;

	for (size_t i = 0; i < node->n; i++)
		if (node->records[i].event.origin == origin &&
		    node->records[i].origin_number > best)
			best = node->records[i].origin_number;
	return best;
}

static const struct event_record *next(void *userdata, uint8_t origin, uint64_t after)
{
	const struct node *node = userdata;
	const struct event_record *best = NULL;

	for (size_t i = node->dropped; i < node->n; i++) {
		const struct event_record *r = &node->records[i];

		if (r->event.origin == origin && r->origin_number > after &&
		    (!best || r->origin_number < best->origin_number))
			best = r;
	}
	return best;
}

static void append(void *userdata, const struct event_record *record)
{
	struct node *node = userdata;

	assert_true(node->n < RECORDS_MAX);
	assert_true(record->origin_number > newest(node, record->event.origin));
	node->records[node->n] = *record;
	node->records[node->n].number = node->n + 1;
	node->n++;
	if (node->n - node->dropped > node->capacity)
		node->dropped++;
}

static void transmit(void *userdata, uint8_t peer, const void *data, size_t n)
{
	struct node *node = userdata;
	struct world *w = node->world;
	struct packet *p;

	assert_true(n <= HB_BLOB_MAX);
	w->sent_bytes += n;
	w->sent_blobs++;
	if (node->down || roll(w, 100) < w->loss_percent)
		return;
	assert_true(w->n_flight < FLIGHT_MAX);
	p = &w->flight[w->n_flight++];
	*p = (struct packet){.from = node->id, .to = peer, .n = n};
	memcpy(p->data, data, n);
}

static void boot(struct world *w, uint8_t id, size_t capacity)
{
	struct node *node = &w->nodes[id];
	const struct replicate_config config = {
		.self = id,
		.n_nodes = N,
		.blob_max = HB_BLOB_MAX,
		.journal = {.newest = newest, .next = next, .append = append},
		.send = transmit,
		.userdata = node,
	};

	node->id = id;
	node->world = w;
	node->capacity = capacity;
	node->re = replicate_free(node->re);
	assert_int_equal(replicate_new(&config, w->now, &node->re), 0);
}

static struct world *world_new(unsigned int loss_percent, size_t capacity)
{
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	w->now = (ha_time){1000000};
	w->random = 42 + loss_percent;
	w->loss_percent = loss_percent;
	w->flight = calloc(FLIGHT_MAX, sizeof *w->flight);
	assert_non_null(w->flight);
	for (uint8_t i = 0; i < N; i++)
		boot(w, i, capacity);
	for (uint8_t i = 0; i < N; i++)
		for (uint8_t p = 0; p < N; p++)
			if (p != i)
				replicate_peer(w->nodes[i].re, p, true);
	return w;
}

static void world_free(struct world *w)
{
	for (uint8_t i = 0; i < N; i++)
		replicate_free(w->nodes[i].re);
	free(w->flight);
	free(w);
}

static void happen(struct world *w, uint8_t id, unsigned int what)
{
	struct node *node = &w->nodes[id];
	struct event_record r = {
		.event = {.at = w->now,
			  .id = EVENT_NODE_HEARD,
			  .group = UINT16_MAX,
			  .resource = UINT16_MAX,
			  .origin = id,
			  .node = NODE_NONE,
			  .arg = {what}},
		.number = node->n + 1,
		/* numbers of a real store have gaps */
		.origin_number = newest(node, id) + 1 + (what % 7 == 0 ? 1000 : 0),
		.origin_incarnation = 1,
		.wall_us = 1700000000000000 + w->now.us,
	};

	append(node, &r);
	replicate_appended(node->re, w->now);
}

static void deliver(struct world *w)
{
	static struct packet now[FLIGHT_MAX];
	size_t n = w->n_flight;

	memcpy(now, w->flight, n * sizeof *now);
	w->n_flight = 0;
	for (size_t i = 0; i < n; i++) { /* reordered: a packet may change places */
		if (roll(w, 20) != 0)
			continue;
		size_t k = roll(w, (unsigned int)n);
		struct packet p = now[i];

		now[i] = now[k];
		now[k] = p;
	}
	for (size_t i = 0; i < n; i++) {
		struct node *to = &w->nodes[now[i].to];
		unsigned int times = w->loss_percent && roll(w, 10) == 0 ? 2 : 1;

		for (unsigned int t = 0; t < times && !to->down; t++)
			assert_int_equal(replicate_receive(to->re, now[i].from, now[i].data,
							   now[i].n, w->now),
					 0);
	}
}

static void run(struct world *w, uint64_t us)
{
	ha_time end = ha_time_add(w->now, us);

	while (ha_time_before(w->now, end)) {
		w->now = ha_time_add(w->now, STEP_US);
		deliver(w);
		for (uint8_t i = 0; i < N; i++)
			if (!w->nodes[i].down &&
			    ha_time_reached(replicate_deadline(w->nodes[i].re), w->now))
				replicate_dispatch(w->nodes[i].re, w->now);
	}
}

static bool same(const struct world *w, uint8_t a, uint8_t b)
{
	for (uint8_t origin = 0; origin < N; origin++)
		if (newest((void *)(uintptr_t)&w->nodes[a], origin) !=
		    newest((void *)(uintptr_t)&w->nodes[b], origin))
			return false;
	return true;
}

/* Each record of every origin is there once, in the order of its origin. */
static void check_journal(const struct node *node)
{
	uint64_t last[N] = {0};

	for (size_t i = 0; i < node->n; i++) {
		const struct event_record *r = &node->records[i];

		assert_true(r->origin_number > last[r->event.origin]);
		last[r->event.origin] = r->origin_number;
	}
}

static void test_converge(void **state)
{
	static const unsigned int losses[] = {0, 10, 30, 60};

	(void)state;
	for (size_t l = 0; l < sizeof losses / sizeof losses[0]; l++) {
		struct world *w = world_new(losses[l], RECORDS_MAX);
		unsigned int seconds = 0;

		for (unsigned int i = 0; i < 200; i++) {
			happen(w, (uint8_t)roll(w, N), i);
			run(w, 20000);
		}
		for (; seconds < 300; seconds++) {
			run(w, USEC_PER_SEC);
			if (same(w, 0, 1) && same(w, 0, 2) && same(w, 0, 3))
				break;
		}
		assert_true(seconds < 300);
		for (uint8_t i = 0; i < N; i++) {
			check_journal(&w->nodes[i]);
			assert_int_equal(w->nodes[i].n, 200);
		}
		world_free(w);
	}
}

/* Without loss the peers have an event within milliseconds, not at the next gossip. */
static void test_prompt(void **state)
{
	struct world *w = world_new(0, RECORDS_MAX);

	(void)state;
	run(w, 3 * USEC_PER_SEC);
	happen(w, 2, 1);
	run(w, 50000);
	for (uint8_t i = 0; i < N; i++)
		assert_int_equal(w->nodes[i].n, 1);
	world_free(w);
}

static void set_down(struct world *w, uint8_t id, bool down)
{
	w->nodes[id].down = down;
	for (uint8_t i = 0; i < N; i++)
		if (i != id) {
			replicate_peer(w->nodes[i].re, id, !down);
			replicate_peer(w->nodes[id].re, i, !down);
		}
}

/* Node 0 told node 1 only, then died: node 1 tells the others. */
static void test_dead_origin(void **state)
{
	struct world *w = world_new(0, RECORDS_MAX);

	(void)state;
	set_down(w, 2, true);
	set_down(w, 3, true);
	run(w, 2 * USEC_PER_SEC);
	for (unsigned int i = 1; i <= 30; i++)
		happen(w, 0, i);
	run(w, 2 * USEC_PER_SEC);
	assert_int_equal(w->nodes[1].n, 30);
	set_down(w, 0, true);
	w->nodes[2].down = w->nodes[3].down = false;
	for (uint8_t i = 1; i < N; i++)
		for (uint8_t p = 1; p < N; p++)
			if (p != i)
				replicate_peer(w->nodes[i].re, p, true);
	run(w, 3 * USEC_PER_SEC);
	assert_int_equal(w->nodes[2].n, 30);
	assert_int_equal(w->nodes[3].n, 30);
	world_free(w);
}

/* A link between two nodes is dead while everybody hears everybody else: a third one helps. */
static void test_detour(void **state)
{
	struct world *w = world_new(0, RECORDS_MAX);

	(void)state;
	replicate_peer(w->nodes[0].re, 1, false);
	replicate_peer(w->nodes[1].re, 0, false);
	run(w, 2 * USEC_PER_SEC);
	happen(w, 0, 1);
	run(w, 8 * USEC_PER_SEC);
	assert_int_equal(w->nodes[1].n, 1);
	world_free(w);
}

/* After a long absence only what is still in the ring comes. */
static void test_ring_overtaken(void **state)
{
	struct world *w = world_new(0, 100);

	(void)state;
	happen(w, 0, 1);
	run(w, 2 * USEC_PER_SEC);
	set_down(w, 3, true);
	for (unsigned int i = 2; i < 502; i++)
		happen(w, 0, i);
	run(w, 2 * USEC_PER_SEC);
	set_down(w, 3, false);
	run(w, 5 * USEC_PER_SEC);
	assert_true(same(w, 0, 3));
	check_journal(&w->nodes[3]);
	assert_int_equal(w->nodes[3].n, 101);
	world_free(w);
}

/* A long history comes in bounded portions and does not flood. */
static void test_pace(void **state)
{
	struct world *w = world_new(0, RECORDS_MAX);
	size_t before;

	(void)state;
	set_down(w, 3, true);
	run(w, USEC_PER_SEC);
	for (unsigned int i = 1; i <= 1000; i++)
		happen(w, 0, i);
	run(w, 20 * USEC_PER_SEC);
	set_down(w, 3, false);
	run(w, 100000); /* the first gossip */
	before = w->nodes[3].n;
	w->sent_blobs = 0;
	run(w, 100000);
	assert_true(w->nodes[3].n - before <= 6 * REPLICATE_BURST * 4);
	assert_true(w->nodes[3].n > before);
	run(w, 20 * USEC_PER_SEC);
	assert_int_equal(w->nodes[3].n, 1000);
	/* Nothing is sent over and over: 250 blobs of records, each once, and the gossip. */
	assert_true(w->sent_blobs < 250 + 100 + 21 * N * N * 4);
	world_free(w);
}

/* Nothing is known of a peer before its first gossip: nothing is sent blindly. */
static void test_idle_is_quiet(void **state)
{
	struct world *w = world_new(0, RECORDS_MAX);

	(void)state;
	happen(w, 0, 1);
	run(w, 5 * USEC_PER_SEC);
	w->sent_blobs = 0;
	run(w, 10 * USEC_PER_SEC);
	assert_in_range(w->sent_blobs, 9 * N * (N - 1), 11 * N * (N - 1));
	set_down(w, 3, true);
	w->sent_blobs = 0;
	run(w, 16 * USEC_PER_SEC);
	/* three nodes among themselves, and now and then to the silent one */
	assert_in_range(w->sent_blobs, 15 * 6, 17 * 6 + 3 * 3 + 3);
	world_free(w);
}

static void test_lost_own_events(void **state)
{
	struct world *w = world_new(0, RECORDS_MAX);

	(void)state;
	for (unsigned int i = 1; i <= 10; i++)
		happen(w, 0, i);
	run(w, 2 * USEC_PER_SEC);
	w->nodes[0].n = 0; /* its event file is lost, and its agent starts again */
	boot(w, 0, RECORDS_MAX);
	for (uint8_t p = 1; p < N; p++)
		replicate_peer(w->nodes[0].re, p, true);
	run(w, 2 * USEC_PER_SEC);
	assert_int_equal(w->nodes[0].n, 0); /* it does not take its own story back */
	assert_true(replicate_own_floor(w->nodes[0].re) == newest(&w->nodes[1], 0));
	world_free(w);
}

static void test_malformed(void **state)
{
	struct world *w = world_new(0, RECORDS_MAX);
	struct replicate *re = w->nodes[1].re;
	uint8_t blob[HB_BLOB_MAX];
	struct packet good = {0};

	(void)state;
	run(w, 2 * USEC_PER_SEC);
	happen(w, 0, 1);
	happen(w, 0, 2);
	w->now = ha_time_add(w->now, STEP_US);
	replicate_dispatch(w->nodes[0].re, w->now);
	for (size_t i = 0; i < w->n_flight; i++)
		if (w->flight[i].to == 1 && w->flight[i].data[1] == 2)
			good = w->flight[i];
	assert_int_equal(good.data[11], 2); /* both records */
	for (size_t n = 0; n < good.n; n++) /* every truncation */
		assert_int_equal(replicate_receive(re, 0, good.data, n, w->now), -EBADMSG);
	for (size_t i = 0; i < good.n; i++) { /* every flipped byte: refused, or harmless */
		memcpy(blob, good.data, good.n);
		blob[i] ^= 0xff;
		if (replicate_receive(re, 0, blob, good.n, w->now) < 0)
			continue;
		assert_true(w->nodes[1].n <= 2);
		w->nodes[1].n = 0;
	}
	assert_int_equal(replicate_receive(re, 1, good.data, good.n, w->now), -EBADMSG);
	assert_int_equal(replicate_receive(re, N, good.data, good.n, w->now), -EBADMSG);
	assert_int_equal(replicate_receive(re, 0, good.data, good.n, w->now), 0);
	assert_int_equal(w->nodes[1].n, 2);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_converge),       cmocka_unit_test(test_prompt),
		cmocka_unit_test(test_dead_origin),    cmocka_unit_test(test_detour),
		cmocka_unit_test(test_ring_overtaken), cmocka_unit_test(test_pace),
		cmocka_unit_test(test_idle_is_quiet),  cmocka_unit_test(test_lost_own_events),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
