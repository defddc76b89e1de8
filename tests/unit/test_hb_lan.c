/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the LAN path takes in and what it refuses; bare sockets play the peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/hb_net.h"
#include "tests/unit/hb_probe.h"

static void test_one_beat(void **state)
{
	struct net *net = *state;
	struct hb_link_stats s;
	struct heard h;

	assert_false(net_readable(net->lan));
	h = net_receive_at(net->lan, clock_boot());
	assert_int_equal(h.fresh[1], 0);
	net_beat(net, 1, 1, 1);
	net_wait(net->lan);
	h = net_receive_at(net->lan, clock_boot());
	assert_int_equal(h.fresh[1], 1);
	assert_int_equal(h.repeated[1], 0);
	assert_int_equal(h.sequence[1], 1);
	assert_int_equal(h.links[1], 1);
	assert_false(net_readable(net->lan));
	s = net_stats(net, 1, 0);
	assert_int_equal(s.received, 1);
	assert_true(s.last_heard.us > 0);
	assert_true(s.open);
	assert_int_equal(net_stats(net, 1, 1).received, 0);
}

/* Every path must show its life, but each vector is news only once. */
static void test_two_links(void **state)
{
	struct net *net = *state;
	struct heard h;

	for (uint64_t sequence = 1; sequence <= 50; sequence++) {
		net_beat(net, 1, sequence, 1);
		h = net_receive_all(net);
		assert_int_equal(h.fresh[1], 1);
		assert_int_equal(h.links[1], 1);
		net_beat(net, 1, sequence, 2);
		h = net_receive_all(net);
		assert_int_equal(h.fresh[1], 0);
		assert_int_equal(h.repeated[1], 1);
		assert_int_equal(h.links[1], 2);
		assert_int_equal(h.sequence[1], sequence);
	}
	assert_int_equal(net_stats(net, 1, 0).duplicate, 0);
	assert_int_equal(net_stats(net, 1, 1).duplicate, 50);
	assert_int_equal(net_stats(net, 1, 1).received, 50);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_REPLAY), 0);
}

/* A slower link lags some beats: it is alive, and what it brings late is never handed out. */
static void test_lagging_link(void **state)
{
	struct net *net = *state;
	struct heard h;

	net_beat(net, 1, 100, 1);
	net_beat(net, 1, 103, 1);
	(void)net_receive_all(net);
	net_beat(net, 1, 100, 2);
	h = net_receive_all(net);
	assert_int_equal(h.repeated[1], 1);
	assert_int_equal(h.links[1], 2);
	assert_int_equal(h.sequence[1], 103);
	net_beat(net, 1, 500, 1); /* the stamps are 1 ms apart, the timeout is 200 ms */
	(void)net_receive_all(net);
	net_beat(net, 1, 103, 2);
	h = net_receive_all(net);
	assert_int_equal(h.repeated[1], 0);
}

static void test_replay(void **state)
{
	struct net *net = *state;
	struct datagram old;
	struct heard h;

	net_vector(net, 1, 10);
	(void)net_encode(net, &NET_LIMITS, &old);
	net_beat(net, 1, 10, 3);
	net_beat(net, 1, 11, 3);
	h = net_receive_all(net);
	assert_int_equal(h.sequence[1], 11);
	for (unsigned int i = 0; i < 20; i++)
		net_put(net, 1, i % 2, old.data, old.n);
	h = net_receive_all(net);
	assert_int_equal(h.fresh[1] + h.repeated[1], 0);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_REPLAY), 20);
	/* the newest one again and again shows no life either */
	net_vector(net, 1, 11);
	(void)net_encode(net, &NET_LIMITS, &old);
	for (unsigned int i = 0; i < 20; i++)
		net_put(net, 1, i % 2, old.data, old.n);
	h = net_receive_all(net);
	assert_int_equal(h.fresh[1] + h.repeated[1], 0);
	assert_int_equal(net_stats(net, 1, 0).duplicate + net_stats(net, 1, 1).duplicate, 22);
	/* a restarted peer, and then its former life */
	net_vector(net, 1, 1);
	net->v.head.incarnation++;
	(void)net_encode(net, &NET_LIMITS, &old);
	net_put(net, 1, 0, old.data, old.n);
	h = net_receive_all(net);
	assert_int_equal(h.fresh[1], 1);
	net_beat(net, 1, 12, 3);
	h = net_receive_all(net);
	assert_int_equal(h.fresh[1] + h.repeated[1], 0);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_REPLAY), 22);
}

/* The largest vector: all of its parts come through, once, by whichever link is first. */
static void test_parts(void **state)
{
	struct hb_lan_config config = net_config(0);
	static struct datagram parts[HB_PARTS_MAX];
	struct net *net;
	struct rng rng = {4};
	unsigned int n;
	struct heard h;

	config.limits.n_groups = GROUPS_MAX;
	config.limits.n_resources = RESOURCES_MAX;
	assert_int_equal(net_setup_config(state, &config), 0);
	net = *state;
	rng_vector(&rng, &config.limits, true, &net->rows, &net->v);
	net_vector(net, 1, 5);
	n = net_encode(net, &config.limits, parts);
	assert_true(n > 3);
	for (unsigned int i = 0; i < n; i++) {
		net_put(net, 1, i % 2, parts[i].data, parts[i].n);
		net_put(net, 1, (i + 1) % 2, parts[n - 1 - i].data, parts[n - 1 - i].n);
	}
	net_wait(net->lan);
	h = net_receive_at(net->lan, clock_boot());
	for (int i = 0; i < 100 && h.fresh[1] < n; i++) {
		struct heard more;

		net_wait(net->lan);
		more = net_receive_at(net->lan, clock_boot());
		net_add(&h, &more);
	}
	assert_int_equal(h.fresh[1], n);
	/* then one part a beat, in turn */
	for (unsigned int i = 0; i < n; i++) {
		struct hb_cursor cursor = {};
		struct datagram d;

		net_vector(net, 1, 6 + i);
		for (unsigned int k = 0; k <= i; k++)
			d.n = hb_wire_encode_vector(&net->v, &config.limits, &net->keys, &cursor,
						    d.data);
		net_put(net, 1, 0, d.data, d.n);
		net_wait(net->lan);
		h = net_receive_at(net->lan, clock_boot());
		assert_int_equal(h.fresh[1], 1);
		assert_int_equal(h.sequence[1], 6 + i);
	}
	assert_int_equal(net_teardown(state), 0);
}

/* After a stall the backlog of both links is one vector, and the sign of life of both. */
static void test_backlog(void **state)
{
	struct net *net = *state;
	struct heard h;

	for (uint64_t sequence = 1; sequence <= 400; sequence++)
		net_beat(net, 1, sequence, 3);
	net_wait(net->lan);
	h = net_receive_at(net->lan, clock_boot());
	assert_int_equal(h.fresh[1], 1);
	assert_int_equal(h.repeated[1], 1);
	assert_int_equal(h.links[1], 3);
	assert_int_equal(h.sequence[1], 400);
	assert_int_equal(net_stats(net, 1, 0).lost, 0);
	assert_int_equal(net_stats(net, 1, 1).lost, 0);
	assert_int_equal(net_stats(net, 1, 0).received, 400);
	assert_int_equal(net_stats(net, 1, 0).late, 0);
}

/* What waited for longer than the timeout is no news, but it is not new later on either. */
static void test_stale(void **state)
{
	struct net *net = *state;
	struct datagram d;
	ha_time start = clock_boot();
	struct heard h;

	net_vector(net, 1, 1);
	(void)net_encode(net, &NET_LIMITS, &d);
	net_beat(net, 1, 1, 3);
	net_beat(net, 1, 2, 3);
	while (ha_time_since(clock_boot(), start) <= NET_TIMEOUT + 1000)
		(void)poll(NULL, 0, 10);
	h = net_receive_at(net->lan, clock_boot());
	assert_int_equal(h.fresh[1] + h.repeated[1], 0);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_STALE), 2);
	net_put(net, 1, 0, d.data, d.n);
	h = net_receive_all(net);
	assert_int_equal(h.fresh[1] + h.repeated[1], 0);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_REPLAY), 1);
	net_beat(net, 1, 3, 1);
	h = net_receive_all(net);
	assert_int_equal(h.fresh[1], 1);
	assert_int_equal(net_stats(net, 1, 0).lost, 0);
}

static void put_unverified(struct net *net, uint64_t incarnation, uint64_t sequence)
{
	struct datagram d;

	net_vector(net, 1, sequence);
	net->v.head.incarnation = incarnation;
	net->v.head.peer[0].incarnation = NET_INC - 1; /* it knows our former life only */
	(void)net_encode(net, &NET_LIMITS, &d);
	net_put(net, 1, 0, d.data, d.n);
}

/* Recorded before our start: does not stand in the way of what the peer says now. */
static void test_unverified(void **state)
{
	struct net *net = *state;
	struct heard h;

	put_unverified(net, NET_PEER_INC - 2, 100);
	h = net_receive_all(net);
	assert_int_equal(h.fresh[1], 1);
	put_unverified(net, NET_PEER_INC + 5, 100); /* a peer whose state was lost meanwhile */
	net_beat(net, 1, 1, 1);
	h = net_receive_all(net);
	assert_true(h.fresh[1] >= 1);
	assert_int_equal(net_stats(net, 1, 0).received, 3);
	assert_int_equal(net_stats(net, 1, 0).lost, 0);
	net_beat(net, 1, 2, 1);
	h = net_receive_all(net);
	assert_true(h.fresh[1] >= 1);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_REPLAY), 0);
	/* but what is older than what the peer verifiably said is refused */
	put_unverified(net, NET_PEER_INC, 2);
	put_unverified(net, NET_PEER_INC - 1, 9999);
	(void)net_receive_all(net);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_REPLAY), 2);
}

/* However many of them come, the core sees few; and the newest, which is the peer's own. */
static void test_unverified_bound(void **state)
{
	struct net *net = *state;
	ha_time start = clock_boot();
	uint64_t taken_us;
	unsigned int handed = 0;
	uint64_t sequence = 0;

	for (int i = 0; i < 50; i++) {
		struct heard h;

		put_unverified(net, NET_PEER_INC, 1000 + (unsigned int)i);
		for (unsigned int k = 0; k < 20; k++)
			put_unverified(net, NET_PEER_INC - 1, k);
		h = net_receive_all(net);
		handed += h.fresh[1];
		if (h.fresh[1])
			assert_true(h.sequence[1] >= 1000 && h.sequence[1] > sequence);
		sequence = h.fresh[1] ? h.sequence[1] : sequence;
	}
	taken_us = ha_time_since(clock_boot(), start);
	assert_true(handed >= 1);
	assert_true(handed <= 1 + taken_us / (NET_TIMEOUT / 32));
}

/* Our own datagrams, or another node's, sent to us from a peer's address; strangers. */
static void test_reflection(void **state)
{
	struct net *net = *state;
	struct datagram d;
	struct heard h;
	int stranger;

	for (unsigned int k = 0; k < NET_LINKS; k++) {
		uint8_t own[HB_DATAGRAM_MAX];
		ssize_t n = recv(net->fd[1][k], own, sizeof own, 0); /* of net_setup() */

		assert_true(n > 0);
		net_put(net, 1, k, own, (size_t)n);
	}
	h = net_receive_all(net);
	assert_int_equal(h.fresh[1], 0);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_SENDER), 2);
	net_vector(net, 1, 1);
	(void)net_encode(net, &NET_LIMITS, &d);
	net_put(net, 2, 0, d.data, d.n); /* node 1's from node 2's address */
	h = net_receive_all(net);
	assert_int_equal(h.fresh[1], 0);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_SENDER), 3);
	stranger = net_socket(50, 0);
	{
		struct sockaddr_storage to = net_address(0, 0);

		assert_int_equal(sendto(stranger, d.data, d.n, 0, (struct sockaddr *)&to,
					sizeof(struct sockaddr_in)),
				 (ssize_t)d.n);
	}
	assert_int_equal(close(stranger), 0);
	h = net_receive_all(net);
	assert_int_equal(h.fresh[1], 0);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_SENDER), 4);
	/* it was good all the same */
	net_put(net, 1, 0, d.data, d.n);
	h = net_receive_all(net);
	assert_int_equal(h.fresh[1], 1);
}

static void test_refused(void **state)
{
	static const uint8_t large[2000] = {0x48, 0x46, 0x68, 0x62};
	struct net *net = *state;
	struct hb_limits other = NET_LIMITS;
	struct datagram d;
	struct heard h;

	net_vector(net, 1, 1);
	(void)net_encode(net, &NET_LIMITS, &d);
	net_put(net, 1, 0, large, sizeof large);
	net_put(net, 1, 0, large, 0);
	net_put(net, 1, 0, d.data, d.n - 1);
	net_put(net, 1, 0, "x", 1);
	d.data[d.n - 1] ^= 1;
	net_put(net, 1, 1, d.data, d.n);
	d.data[d.n - 1] ^= 1;
	d.data[0] ^= 1;
	net_put(net, 1, 1, d.data, d.n);
	d.data[0] ^= 1;
	d.data[4]++;
	net_put(net, 1, 1, d.data, d.n);
	net->keys = net_keys('3', 0);
	(void)net_encode(net, &NET_LIMITS, &d);
	net_put(net, 1, 1, d.data, d.n);
	net->keys = net_keys('1', 0);
	other.cluster_id++;
	(void)net_encode(net, &other, &d);
	net_put(net, 1, 1, d.data, d.n);
	net->v.head.mode = 77;
	(void)net_encode(net, &NET_LIMITS, &d);
	net_put(net, 1, 1, d.data, d.n);
	net->v.head.mode = NODE_MODE_ONLINE;
	h = net_receive_all(net);
	assert_int_equal(h.fresh[1] + h.repeated[1], 0);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_SIZE), 4);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_HMAC), 1);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_MAGIC), 2);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_VERSION), 1);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_KEY), 1);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_FORMAT), 1);
	assert_int_equal(net_stats(net, 1, 0).received, 0);
	assert_int_equal(net_stats(net, 1, 1).received, 0);
	net_beat(net, 1, 1, 3);
	h = net_receive_all(net);
	assert_int_equal(h.fresh[1], 1);
}

/* One call looks at a bounded number, and the peer on the other link gets its share. */
static void test_flood(void **state)
{
	struct net *net = *state;
	unsigned int sent = 1500;
	struct heard h;

	for (unsigned int i = 0; i < sent; i++)
		net_put(net, 1, 0, "flood", 5);
	net_beat(net, 1, 1, 2);
	net_wait(net->lan);
	h = net_receive_at(net->lan, clock_boot());
	assert_int_equal(h.fresh[1], 1);
	assert_true(hb_lan_refused(net->lan, HB_REFUSED_SIZE) <= 1024);
	assert_true(net_readable(net->lan));
	(void)net_receive_all(net);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_SIZE), sent);
}

static void test_lost_and_late(void **state)
{
	struct net *net = *state;
	ha_time now = {USEC_PER_SEC * 1000};
	static const uint64_t gaps_us[] = {0, 50000, 90000, 150000, 40000, 500000};

	for (unsigned int i = 0; i < sizeof gaps_us / sizeof *gaps_us; i++) {
		now = ha_time_add(now, gaps_us[i]); /* late: over 100 ms, half of the timeout */
		net_beat(net, 1, 1 + i * 3, 1);
		net_wait(net->lan);
		assert_int_equal(net_receive_at(net->lan, now).fresh[1], 1);
	}
	assert_int_equal(net_stats(net, 1, 0).late, 2);
	for (unsigned int i = 17; i < 37; i++) {
		net_beat(net, 1, i, 1);
		net_wait(net->lan);
		assert_int_equal(net_receive_at(net->lan, now).fresh[1], 1);
	}
	assert_int_equal(net_stats(net, 1, 0).lost, 10);
	assert_int_equal(net_stats(net, 1, 0).received, 26);
}

/* Another configuration: what is late by it. */
static void test_reconfigured(void **state)
{
	struct net *net = *state;
	struct hb_limits limits = NET_LIMITS;
	ha_time now = {USEC_PER_SEC * 1000};

	hb_lan_set_timing(net->lan, 2 * NET_TIMEOUT, 50);
	for (unsigned int i = 1; i < 4; i++) {
		now = ha_time_add(now, i == 3 ? 250000 : 150000); /* late: over 200 ms now */
		net_beat(net, 1, i, 1);
		net_wait(net->lan);
		assert_int_equal(net_receive_at(net->lan, now).fresh[1], 1);
	}
	assert_int_equal(net_stats(net, 1, 0).late, 1);
	/* a peer with other objects is heard all the same */
	limits.objects_hash = net->v.head.objects_hash + 1;
	limits.n_groups++;
	hb_lan_set_objects(net->lan, &limits);
	net_beat(net, 1, 4, 1);
	net_wait(net->lan);
	assert_int_equal(net_receive_at(net->lan, now).fresh[1], 1);
}

static void put_blob(struct net *net, uint64_t sequence, uint64_t to_incarnation, uint8_t to)
{
	struct hb_blob blob = {.from = 1,
			       .to = to,
			       .incarnation = NET_PEER_INC,
			       .to_incarnation = to_incarnation,
			       .sequence = sequence,
			       .data = (const uint8_t *)"event",
			       .n = 5};
	uint8_t datagram[HB_DATAGRAM_MAX];
	int n = hb_wire_encode_blob(&blob, &NET_LIMITS, &net->keys, datagram);

	assert_true(n > 0);
	net_put(net, 1, 0, datagram, (size_t)n);
	net_put(net, 1, 1, datagram, (size_t)n);
}

static void test_blobs(void **state)
{
	struct net *net = *state;

	put_blob(net, 1, NET_INC, 0); /* before we know who speaks */
	assert_int_equal(net_receive_all(net).blobs, 0);
	net_beat(net, 1, 1, 3);
	(void)net_receive_all(net);
	for (unsigned int i = 0; i < 200; i++) /* far more than are kept at a time */
		put_blob(net, 2 + i, NET_INC, 0);
	assert_int_equal(net_receive_all(net).blobs, 200);
	assert_int_equal(net_stats(net, 1, 0).duplicate + net_stats(net, 1, 1).duplicate, 201);
	put_blob(net, 150, NET_INC, 0);	    /* recorded */
	put_blob(net, 3, NET_INC, 0);	    /* long ago */
	put_blob(net, 300, NET_INC - 1, 0); /* meant for our former life */
	put_blob(net, 301, NET_INC, 2);	    /* or for another node */
	assert_int_equal(net_receive_all(net).blobs, 0);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_REPLAY), 8);
}

/* ---- the kernel path: node 0 probes, a bare socket plays the kernel of a peer ---- */

static struct probe probe_of(ha_time now)
{
	return (struct probe){.incarnation = NET_INC,
			      .stamp = now,
			      .to_incarnation = NET_PEER_INC,
			      .lease_epoch = 3,
			      .installed = 3};
}

static struct hb_probe_keys probe_keys(const struct net *net)
{
	struct hb_probe_keys keys;

	hb_probe_keys_derive(&net->keys, &keys);
	return keys;
}

/* The next probe that `node` got by `link`; skips the vector that the set-up sent. */
static void probe_take(struct net *net, unsigned int node, unsigned int link,
		       uint8_t data[HB_PROBE_BYTES])
{
	uint8_t in[HB_DATAGRAM_MAX];
	ssize_t n;

	do {
		struct pollfd p = {.fd = net->fd[node][link], .events = POLLIN};

		assert_int_equal(poll(&p, 1, NET_WAIT_US / 1000), 1);
		n = recv(net->fd[node][link], in, sizeof in, 0);
	} while (n > 0 && !hb_probe_is(in, (size_t)n));
	assert_int_equal(n, HB_PROBE_BYTES);
	memcpy(data, in, HB_PROBE_BYTES);
	assert_int_equal(data[PROBE_AT_LINK], link);
	assert_int_equal(data[PROBE_AT_FROM], 0);
	assert_int_equal(data[PROBE_AT_TO], node);
}

static const struct probe_answer LIVING = {.from_incarnation = NET_PEER_INC,
					   .token = 5ULL << 52 | 77,
					   .lease_epoch = 4,
					   .progress = 9,
					   .age_us = 123};

/* Probes node 1 now; data[k] is what it answers by link k. */
static void probe_and_answer(struct net *net, uint8_t data[NET_LINKS][HB_PROBE_BYTES])
{
	struct hb_probe_keys keys = probe_keys(net);
	struct probe probe = probe_of(clock_boot());

	hb_lan_send_probe(net->lan, 1, &probe, probe.stamp);
	for (unsigned int k = 0; k < NET_LINKS; k++) {
		probe_take(net, 1, k, data[k]);
		assert_int_equal(probe_get(data[k], PROBE_AT_STAMP), probe.stamp.us);
		probe_make_answer(data[k], &LIVING, &keys);
	}
}

static void test_answers(void **state)
{
	uint8_t data[NET_LINKS][HB_PROBE_BYTES];
	struct net *net = *state;
	struct heard h;

	for (unsigned int i = 1; i <= 20; i++) {
		probe_and_answer(net, data);
		for (unsigned int k = 0; k < NET_LINKS; k++)
			net_put(net, 1, k, data[k], HB_PROBE_BYTES);
		h = net_receive_all(net);
		assert_int_equal(h.answers[1][0], 1);
		assert_int_equal(h.answers[1][1], 1);
		assert_int_equal(h.answers[2][0], 0);
		assert_int_equal(h.answer.progress, 9);
		assert_int_equal(h.answer.age_us, 123);
		assert_int_equal(h.answer.token, LIVING.token);
		assert_int_equal(h.answer.from_incarnation, NET_PEER_INC);
		assert_int_equal(net_stats(net, 1, 0).probes, i);
		assert_int_equal(net_stats(net, 1, 1).answers, i);
	}
	assert_int_equal(net_stats(net, 1, 0).sent, 1); /* beats only */
	assert_int_equal(net_stats(net, 1, 0).received, 0);
	for (unsigned int r = HB_OK + 1; r < HB_REFUSAL_COUNT_; r++)
		assert_int_equal(hb_lan_refused(net->lan, (enum hb_refusal)r), 0);
}

/* Of many that wait, the newest of each link. */
static void test_answers_bounded(void **state)
{
	uint8_t data[NET_LINKS][HB_PROBE_BYTES];
	struct net *net = *state;
	uint64_t newest;
	struct heard h;

	for (unsigned int i = 0; i < 200; i++) {
		probe_and_answer(net, data);
		net_put(net, 1, 0, data[0], HB_PROBE_BYTES);
	}
	newest = probe_get(data[0], PROBE_AT_STAMP);
	net_put(net, 1, 1, data[1], HB_PROBE_BYTES);
	net_wait(net->lan);
	h = net_receive_at(net->lan, clock_boot());
	assert_int_equal(h.answers[1][0], 1);
	assert_int_equal(h.answers[1][1], 1);
	assert_int_equal(h.answer.stamp.us, newest);
}

static void check_answer_refused(struct net *net, const uint8_t data[HB_PROBE_BYTES],
				 unsigned int node, unsigned int link, enum hb_refusal refusal)
{
	uint64_t before = hb_lan_refused(net->lan, refusal);
	struct heard h;

	net_put(net, node, link, data, HB_PROBE_BYTES);
	h = net_receive_all(net);
	for (unsigned int n = 0; n < NET_NODES; n++)
		assert_int_equal(h.answers[n][0] + h.answers[n][1], 0);
	assert_int_equal(hb_lan_refused(net->lan, refusal), before + 1);
}

static void test_answers_refused(void **state)
{
	uint8_t data[NET_LINKS][HB_PROBE_BYTES], old[HB_PROBE_BYTES], bad[HB_PROBE_BYTES];
	struct net *net = *state;
	struct hb_probe_keys keys = probe_keys(net);

	probe_and_answer(net, data);
	memcpy(old, data[0], sizeof old);
	probe_and_answer(net, data);
	check_answer_refused(net, data[0], 2, 0, HB_REFUSED_SENDER); /* another node's address */
	check_answer_refused(net, data[0], 1, 1, HB_REFUSED_SENDER); /* or link */
	memcpy(bad, data[0], sizeof bad);
	bad[PROBE_AT_MAC] ^= 1;
	check_answer_refused(net, bad, 1, 0, HB_REFUSED_HMAC);
	memcpy(bad, data[0], sizeof bad);
	probe_put(bad, PROBE_AT_INCARNATION, NET_INC - 1); /* our former life asked */
	probe_sign(bad, &keys);
	check_answer_refused(net, bad, 1, 0, HB_REFUSED_REPLAY);
	memcpy(bad, data[0], sizeof bad);
	probe_put(bad, PROBE_AT_STAMP, probe_get(bad, PROBE_AT_STAMP) + 1); /* never sent */
	probe_sign(bad, &keys);
	check_answer_refused(net, bad, 1, 0, HB_REFUSED_REPLAY);
	net_put(net, 1, 0, data[0], HB_PROBE_BYTES);
	assert_int_equal(net_receive_all(net).answers[1][0], 1);
	check_answer_refused(net, data[0], 1, 0, HB_REFUSED_REPLAY);
	check_answer_refused(net, old, 1, 0, HB_REFUSED_REPLAY);
	net_put(net, 1, 1, data[1], HB_PROBE_BYTES); /* the other link knows nothing of that */
	assert_int_equal(net_receive_all(net).answers[1][1], 1);
}

/* On its way or in our socket for longer than the timeout. */
static void test_answers_late(void **state)
{
	uint8_t data[NET_LINKS][HB_PROBE_BYTES];
	struct net *net = *state;
	ha_time sent;

	probe_and_answer(net, data);
	sent = (ha_time){probe_get(data[0], PROBE_AT_STAMP)};
	while (ha_time_since(clock_boot(), sent) <= NET_TIMEOUT + 1000)
		usleep(10000);
	check_answer_refused(net, data[0], 1, 0, HB_REFUSED_STALE);
	probe_and_answer(net, data);
	net_put(net, 1, 0, data[0], HB_PROBE_BYTES);
	net_wait(net->lan);
	sent = ha_time_add(clock_boot(), NET_TIMEOUT + 1);
	assert_int_equal(net_receive_at(net->lan, sent).answers[1][0], 0);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_STALE), 2);
}

/* A peer's probe that no kernel took; ours, sent back; two of one microsecond; to nobody. */
static void test_probes(void **state)
{
	struct net *net = *state;
	struct hb_probe_keys keys = probe_keys(net);
	struct hb_probe_route route = {.cluster_id = NET_LIMITS.cluster_id, .from = 1, .to = 0};
	struct probe probe = probe_of(clock_boot());
	uint8_t data[HB_PROBE_BYTES];

	hb_probe_encode(&route, &probe, &keys, data);
	check_answer_refused(net, data, 1, 0, HB_REFUSED_PROBE);
	hb_lan_send_probe(net->lan, 1, &probe, probe.stamp);
	probe_take(net, 1, 0, data);
	check_answer_refused(net, data, 1, 0, HB_REFUSED_SENDER);
	hb_lan_send_probe(net->lan, 1, &probe, probe.stamp);
	probe.stamp.us--;
	hb_lan_send_probe(net->lan, 1, &probe, probe.stamp);
	assert_int_equal(net_stats(net, 1, 0).probes, 1);
	probe.stamp.us += 2;
	hb_lan_send_probe(net->lan, 1, &probe, probe.stamp);
	assert_int_equal(net_stats(net, 1, 0).probes, 2);
	hb_lan_send_probe(net->lan, 0, &probe, probe.stamp);
	hb_lan_send_probe(net->lan, NET_NODES, &probe, probe.stamp);
	assert_int_equal(net_stats(net, 2, 0).probes, 0);
}

/* While a peer is behind with the keys, probes too are signed with the former one. */
static void test_probes_rotation(void **state)
{
	uint8_t data[NET_LINKS][HB_PROBE_BYTES];
	struct net *net = *state;
	struct hb_keys both = net_keys('2', '1');
	uint32_t id;

	hb_lan_set_keys(net->lan, &both);
	net_beat(net, 1, 1, 1); /* it has the former one alone */
	(void)net_receive_all(net);
	probe_and_answer(net, data);
	memcpy(&id, data[0] + PROBE_AT_KEY, sizeof id);
	assert_int_equal(be32toh(id), both.id[1]);
	net_put(net, 1, 0, data[0], HB_PROBE_BYTES);
	assert_int_equal(net_receive_all(net).answers[1][0], 1);
	net->keys = both;
	net_beat(net, 1, 2, 1);
	net_beat(net, 2, 1ULL << 39, 1);
	(void)net_receive_all(net);
	probe_and_answer(net, data);
	memcpy(&id, data[0] + PROBE_AT_KEY, sizeof id);
	assert_int_equal(be32toh(id), both.id[0]);
	net_put(net, 1, 0, data[0], HB_PROBE_BYTES);
	assert_int_equal(net_receive_all(net).answers[1][0], 1);
}

/* Before our incarnation is known nothing can be an answer to it. */
static void test_answers_unasked(void **state)
{
	struct hb_lan_config config = net_config(0);
	struct hb_probe_keys keys;
	char error[HB_ERROR_SIZE];
	uint8_t data[HB_PROBE_BYTES];
	struct net *net = *state;
	struct probe probe = probe_of(clock_boot());
	struct hb_probe_route route = {.cluster_id = NET_LIMITS.cluster_id, .from = 0, .to = 1};

	keys = probe_keys(net);
	net->lan = hb_lan_free(net->lan);
	assert_int_equal(hb_lan_new(&config, &net->lan, error), 0);
	hb_probe_encode(&route, &probe, &keys, data);
	probe_make_answer(data, &(struct probe_answer){.from_incarnation = 9}, &keys);
	net_put(net, 1, 0, data, sizeof data);
	net_wait(net->lan);
	assert_int_equal(net_receive_at(net->lan, clock_boot()).answers[1][0], 0);
	assert_int_equal(hb_lan_refused(net->lan, HB_REFUSED_REPLAY), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, net_setup, net_teardown)
	const struct CMUnitTest tests[] = {
		T(test_one_beat),
		T(test_two_links),
		T(test_lagging_link),
		T(test_replay),
		cmocka_unit_test(test_parts),
		T(test_backlog),
		T(test_stale),
		T(test_unverified),
		T(test_unverified_bound),
		T(test_reflection),
		T(test_refused),
		T(test_flood),
		T(test_lost_and_late),
		T(test_reconfigured),
		T(test_blobs),
		T(test_answers),
		T(test_answers_bounded),
		T(test_answers_refused),
		T(test_answers_late),
		T(test_probes),
		T(test_probes_rotation),
		T(test_answers_unasked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
