/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TEST_HB_NET_H
#define HF_TEST_HB_NET_H

/*
 * A small cluster on loopback addresses for the tests of the LAN path: node 0 has a real hb_lan,
 * its peers are bare sockets that send what the test makes. Include it after cmocka.
 */

#include "tests/unit/hb_vector.h"
#include "util/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define NET_NODES    3
#define NET_LINKS    2
#define NET_PORT     17405
#define NET_INC	     7	    /* incarnation of node 0 */
#define NET_PEER_INC 1000   /* of its peers */
#define NET_TIMEOUT  200000 /* us */
#define NET_WAIT_US  (10 * USEC_PER_SEC)

static const struct hb_limits NET_LIMITS = {
	.cluster_id = 77, .n_nodes = NET_NODES, .n_groups = 4, .n_resources = 8};

static inline struct hb_keys net_keys(char first, char second)
{
	char text[130], error[HB_ERROR_SIZE];
	struct hb_keys keys;

	memset(text, first, 64);
	text[64] = '\n';
	memset(text + 65, second, 64);
	assert_int_equal(hb_keys_parse(text, second ? 129 : 65, &keys, error), 0);
	return keys;
}

/* 127.x.y.z, with x and y from our pid: several runs share a machine. */
static inline struct sockaddr_storage net_address(unsigned int node, unsigned int link)
{
	uint32_t pid = (uint32_t)getpid();
	struct sockaddr_storage storage = {};
	struct sockaddr_in *in = (struct sockaddr_in *)&storage;

	in->sin_family = AF_INET;
	in->sin_port = htons(NET_PORT);
	in->sin_addr.s_addr = htonl(127U << 24 | (1 + pid % 250) << 16 |
				    (1 + pid / 250 % 250) << 8 | (1 + link * 100 + node));
	return storage;
}

static inline struct hb_lan_config net_config(uint8_t self)
{
	struct hb_lan_config c = {.limits = NET_LIMITS,
				  .self = self,
				  .n_links = NET_LINKS,
				  .port = NET_PORT,
				  .timeout_us = NET_TIMEOUT,
				  .late_percent = 50,
				  .keys = net_keys('1', 0)};

	for (unsigned int n = 0; n < NET_NODES; n++)
		for (unsigned int k = 0; k < NET_LINKS; k++)
			c.address[n][k] = net_address(n, k);
	return c;
}

struct net {
	struct hb_lan *lan;
	int fd[NET_NODES][NET_LINKS]; /* of the peers */
	struct hb_keys keys;
	struct vector v; /* of the peers; a test changes what it likes */
	struct vector_rows rows;
};

static inline int net_socket(unsigned int node, unsigned int link)
{
	struct sockaddr_storage a = net_address(node, link);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(struct sockaddr_in)), 0);
	return fd;
}

/* A vector of `node` that echoes the incarnation of node 0. */
static inline void net_vector(struct net *net, uint8_t node, uint64_t sequence)
{
	net->v.head.node = node;
	net->v.head.incarnation = NET_PEER_INC;
	net->v.head.sequence = sequence;
	net->v.head.stamp = (ha_time){sequence * 1000};
	net->v.head.peer[0].incarnation = NET_INC;
}

static inline int net_setup_config(void **state, const struct hb_lan_config *config)
{
	static struct net net;
	struct rng rng = {9};
	struct vector own = {};
	char error[HB_ERROR_SIZE] = "";

	net = (struct net){.keys = config->keys};
	if (hb_lan_new(config, &net.lan, error) < 0) {
		print_message("%s\n", error);
		return -1;
	}
	for (unsigned int n = 1; n < NET_NODES; n++)
		for (unsigned int k = 0; k < NET_LINKS; k++)
			net.fd[n][k] = net_socket(n, k);
	/* its first sending makes our incarnation known */
	own.head = (struct vector_head){
		.node = 0, .incarnation = NET_INC, .n_peers = NET_NODES, .mode = NODE_MODE_ONLINE};
	hb_lan_send(net.lan, &own, true, clock_boot());
	rng_vector(&rng, &config->limits, false, &net.rows, &net.v);
	net.v.head.n_answers = 0;
	*state = &net;
	return 0;
}

static inline int net_setup(void **state)
{
	struct hb_lan_config config = net_config(0);

	return net_setup_config(state, &config);
}

static inline int net_teardown(void **state)
{
	struct net *net = *state;

	net->lan = hb_lan_free(net->lan);
	for (unsigned int n = 1; n < NET_NODES; n++)
		for (unsigned int k = 0; k < NET_LINKS; k++)
			if (close(net->fd[n][k]) < 0)
				return -1;
	return 0;
}

/* From node's address of a link to node 0. */
static inline void net_put(struct net *net, unsigned int node, unsigned int link, const void *data,
			   size_t n)
{
	struct sockaddr_storage to = net_address(0, link);

	assert_int_equal(sendto(net->fd[node][link], data, n, 0, (struct sockaddr *)&to,
				sizeof(struct sockaddr_in)),
			 (ssize_t)n);
}

struct datagram {
	size_t n;
	uint8_t data[HB_DATAGRAM_MAX];
};

/* Encodes net->v whole. Returns the number of parts. */
static inline unsigned int net_encode(struct net *net, const struct hb_limits *limits,
				      struct datagram *parts)
{
	struct hb_cursor cursor = {};
	unsigned int n = 0;

	do {
		parts[n].n =
			hb_wire_encode_vector(&net->v, limits, &net->keys, &cursor, parts[n].data);
		n++;
	} while (cursor.part > 0);
	return n;
}

/* Sends vector `sequence` of `node` by the links of `links`. */
static inline void net_beat(struct net *net, uint8_t node, uint64_t sequence, unsigned int links)
{
	struct datagram part;

	net_vector(net, node, sequence);
	assert_int_equal(net_encode(net, &NET_LIMITS, &part), 1);
	for (unsigned int k = 0; k < NET_LINKS; k++)
		if (links & 1U << k)
			net_put(net, node, k, part.data, part.n);
}

/* What one round of hb_lan_receive() handed out. */
struct heard {
	unsigned int fresh[NET_NODES], repeated[NET_NODES], blobs;
	unsigned int answers[NET_NODES][NET_LINKS];
	struct probe_answer answer;   /* the last one */
	uint64_t sequence[NET_NODES]; /* of the last one */
	uint8_t links[NET_NODES];
};

static inline struct heard net_receive_at(struct hb_lan *lan, ha_time now)
{
	static struct hb_lan_message m;
	struct heard h = {};
	int r;

	while ((r = hb_lan_receive(lan, now, &m)) == 1) {
		uint8_t from = m.decoded.from;

		assert_true(from < NET_NODES);
		if (m.decoded.type == HB_MESSAGE_BLOB) {
			h.blobs++;
			continue;
		}
		if (m.decoded.type == HB_MESSAGE_ANSWER) {
			assert_int_equal(m.decoded.answer.from, from);
			assert_false(m.repeated);
			h.answers[from][m.link]++;
			h.answer = m.decoded.answer;
			continue;
		}
		assert_int_equal(m.decoded.vector.head.node, from);
		assert_true(m.decoded.sequence >= h.sequence[from]);
		h.sequence[from] = m.decoded.sequence;
		h.links[from] |= (uint8_t)(1U << m.link);
		*(m.repeated ? &h.repeated[from] : &h.fresh[from]) += 1;
	}
	assert_int_equal(r, 0);
	return h;
}

/* Waits until datagrams are there. Loopback delivers at once, or nearly so. */
static inline void net_wait(struct hb_lan *lan)
{
	struct pollfd p = {.fd = hb_lan_fd(lan), .events = POLLIN};

	assert_int_equal(poll(&p, 1, NET_WAIT_US / 1000), 1);
}

static inline bool net_readable(struct hb_lan *lan)
{
	struct pollfd p = {.fd = hb_lan_fd(lan), .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static inline void net_add(struct heard *sum, const struct heard *h)
{
	for (unsigned int n = 0; n < NET_NODES; n++) {
		sum->fresh[n] += h->fresh[n];
		sum->repeated[n] += h->repeated[n];
		sum->links[n] |= h->links[n];
		if (h->sequence[n] > sum->sequence[n])
			sum->sequence[n] = h->sequence[n];
		for (unsigned int k = 0; k < NET_LINKS; k++) {
			sum->answers[n][k] += h->answers[n][k];
			if (h->answers[n][k] > 0)
				sum->answer = h->answer;
		}
	}
	sum->blobs += h->blobs;
}

static inline struct hb_link_stats net_stats(struct net *net, uint8_t peer, uint8_t link)
{
	struct hb_link_stats s;

	hb_lan_link_stats(net->lan, peer, link, &s);
	return s;
}

/*
 * Receives until all that was sent before has been looked at: node 2 sends a mark by each link,
 * behind all the rest in its socket. Node 2's part of the result is thus of no interest.
 */
static inline struct heard net_receive_all(struct net *net)
{
	static uint64_t mark = 1ULL << 40;
	uint64_t before[NET_LINKS];
	struct vector v = net->v;
	struct heard sum = {};
	ha_time start = clock_boot();
	unsigned int marks = 0;

	for (uint8_t k = 0; k < NET_LINKS; k++) {
		before[k] = net_stats(net, 2, k).received;
		net_beat(net, 2, ++mark, 1U << k);
	}
	net->v = v;
	while (marks < NET_LINKS) {
		struct heard h;

		net_wait(net->lan);
		h = net_receive_at(net->lan, clock_boot());
		net_add(&sum, &h);
		marks = 0;
		for (uint8_t k = 0; k < NET_LINKS; k++)
			marks += net_stats(net, 2, k).received > before[k];
		assert_true(ha_time_since(clock_boot(), start) < NET_WAIT_US);
	}
	return sum;
}

#endif
