/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several LAN paths that talk to each other: exchange, key rotation, addresses that come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/hb_net.h"

#include <sched.h>

/* A node that does what the core would: remembers whom it heard, and echoes it. */
struct node {
	struct hb_lan *lan;
	struct vector v;
	uint64_t heard[NET_NODES]; /* newest sequence of each peer */
};

static struct vector_rows rows;

static void start_node(struct node *node, const struct hb_lan_config *config)
{
	struct rng rng = {config->self};
	char error[HB_ERROR_SIZE] = "";
	struct vector_head *h = &node->v.head;

	*node = (struct node){};
	if (hb_lan_new(config, &node->lan, error) < 0)
		fail_msg("%s", error);
	rng_vector(&rng, &config->limits, false, &rows, &node->v);
	h->node = config->self;
	h->incarnation = 10U + config->self;
	h->sequence = 0;
	for (unsigned int n = 0; n < NET_NODES; n++)
		h->peer[n] = (struct peer_entry){};
}

static void receive(struct node *node)
{
	static struct hb_lan_message m;
	ha_time now = clock_boot();

	while (hb_lan_receive(node->lan, now, &m) == 1) {
		const struct vector_head *h = &m.decoded.vector.head;
		struct peer_entry *entry = &node->v.head.peer[h->node];

		if (h->incarnation >= entry->incarnation && h->sequence > node->heard[h->node]) {
			entry->incarnation = h->incarnation;
			entry->stamp = h->stamp;
			node->heard[h->node] = h->sequence;
		}
	}
}

static void beat(struct node *node)
{
	node->v.head.sequence++;
	node->v.head.stamp = clock_boot();
	hb_lan_send(node->lan, &node->v, true, node->v.head.stamp);
}

/* Each node sends, then all wait until they heard the newest beat of each other. */
static void round_of_beats(struct node *nodes, unsigned int n)
{
	ha_time start = clock_boot(), sent = start;
	unsigned int missing;

	for (unsigned int i = 0; i < n; i++)
		beat(&nodes[i]);
	do {
		missing = 0;
		for (unsigned int i = 0; i < n; i++) {
			receive(&nodes[i]);
			for (unsigned int k = 0; k < n; k++)
				missing += k != i && nodes[i].heard[k] < nodes[k].v.head.sequence;
		}
		if (ha_time_since(clock_boot(), start) > NET_WAIT_US)
			fail_msg("%u beats were not heard", missing);
		/* on a busy machine one may have waited so long that it was refused as stale */
		if (missing && ha_time_since(clock_boot(), sent) > NET_WAIT_US / 20)
			for (unsigned int i = 0; i < n; i++)
				beat(&nodes[i]);
		if (missing && ha_time_since(clock_boot(), sent) > NET_WAIT_US / 20)
			sent = clock_boot();
	} while (missing);
}

static void test_exchange(void **state)
{
	struct node nodes[NET_NODES];
	enum { ROUNDS = 200 };

	(void)state;
	for (uint8_t i = 0; i < NET_NODES; i++) {
		struct hb_lan_config config = net_config(i);

		start_node(&nodes[i], &config);
	}
	for (int i = 0; i < ROUNDS; i++)
		round_of_beats(nodes, NET_NODES);
	for (uint8_t i = 0; i < NET_NODES; i++) {
		for (uint8_t k = 0; k < NET_NODES; k++) {
			struct hb_link_stats a, b;

			if (i == k)
				continue;
			hb_lan_link_stats(nodes[i].lan, k, 0, &a);
			hb_lan_link_stats(nodes[i].lan, k, 1, &b);
			assert_int_equal(a.sent, ROUNDS);
			assert_int_equal(b.sent, ROUNDS);
			assert_int_equal(a.send_errors + b.send_errors, 0);
			assert_true(a.received + b.received > ROUNDS);
			assert_int_equal(a.lost + b.lost, 0);
			/* both have a sample of nearly each beat; all of it was on this machine */
			assert_true(a.rtt_us_p50 > 0 && a.rtt_us_p50 <= a.rtt_us_p99);
			assert_true(a.rtt_us_p99 <= a.rtt_us_max);
			assert_true(a.rtt_us_max < NET_WAIT_US);
		}
		for (enum hb_refusal r = HB_OK; r < HB_REFUSAL_COUNT_; r++)
			assert_int_equal(hb_lan_refused(nodes[i].lan, r), 0);
	}
	/* nonsense from the caller is answered, not believed */
	{
		struct hb_link_stats s;

		hb_lan_link_stats(nodes[0].lan, NET_NODES, 0, &s);
		assert_int_equal(s.sent, 0);
		hb_lan_link_stats(nodes[0].lan, 1, NET_LINKS, &s);
		assert_int_equal(s.sent, 0);
		assert_int_equal(hb_lan_refused(nodes[0].lan, HB_REFUSAL_COUNT_), 0);
	}
	for (unsigned int i = 0; i < NET_NODES; i++)
		nodes[i].lan = hb_lan_free(nodes[i].lan);
}

/* The key that a node signs with, by what arrives at node 0's peer 1. */
static uint32_t signs_with(struct node *from, struct node *to, const struct hb_keys *keys)
{
	static struct hb_lan_message m;
	ha_time start = clock_boot();

	receive(to);
	beat(from);
	for (;;) {
		net_wait(to->lan);
		while (hb_lan_receive(to->lan, clock_boot(), &m) == 1) {
			if (m.decoded.from == from->v.head.node &&
			    m.decoded.sequence == from->v.head.sequence) {
				to->heard[m.decoded.from] = m.decoded.sequence;
				return keys->id[m.decoded.key];
			}
		}
		assert_true(ha_time_since(clock_boot(), start) < NET_WAIT_US);
	}
}

/* The new file reaches one node after the other; not one beat may be refused on the way. */
static void test_rotation(void **state)
{
	struct node nodes[NET_NODES];
	struct hb_keys old = net_keys('1', 0), both = net_keys('2', '1'), new = net_keys('2', 0);

	(void)state;
	for (uint8_t i = 0; i < NET_NODES; i++) {
		struct hb_lan_config config = net_config(i);

		config.timeout_us = 10 * NET_WAIT_US; /* a slow machine must not end a hearing */
		start_node(&nodes[i], &config);
	}
	for (int i = 0; i < 5; i++)
		round_of_beats(nodes, NET_NODES);
	for (unsigned int done = 0; done < NET_NODES; done++) {
		hb_lan_set_keys(nodes[done].lan, &both);
		for (int i = 0; i < 5; i++)
			round_of_beats(nodes, NET_NODES);
		assert_true(signs_with(&nodes[0], &nodes[1], done < 1 ? &old : &both) ==
			    (done < NET_NODES - 1 ? old.id[0] : new.id[0]));
	}
	for (unsigned int done = 0; done < NET_NODES; done++) {
		hb_lan_set_keys(nodes[done].lan, &new);
		for (int i = 0; i < 5; i++)
			round_of_beats(nodes, NET_NODES);
	}
	for (unsigned int i = 0; i < NET_NODES; i++)
		assert_int_equal(hb_lan_refused(nodes[i].lan, HB_REFUSED_KEY), 0);
	hb_lan_set_keys(nodes[2].lan, &old); /* and a node that was forgotten is told apart */
	beat(&nodes[2]);
	net_wait(nodes[0].lan);
	receive(&nodes[0]);
	assert_true(hb_lan_refused(nodes[0].lan, HB_REFUSED_KEY) > 0);
	for (unsigned int i = 0; i < NET_NODES; i++)
		nodes[i].lan = hb_lan_free(nodes[i].lan);
}

/* Blobs between real nodes: one peer, both links, once. */
static void test_blob(void **state)
{
	struct node nodes[2];
	static struct hb_lan_message m;
	unsigned int blobs = 0;

	(void)state;
	for (uint8_t i = 0; i < 2; i++) {
		struct hb_lan_config config = net_config(i);

		start_node(&nodes[i], &config);
	}
	hb_lan_send_blob(nodes[0].lan, 1, "early", 5, clock_boot()); /* nobody is known yet */
	for (int i = 0; i < 3; i++)
		round_of_beats(nodes, 2);
	receive(&nodes[1]);
	hb_lan_send_blob(nodes[0].lan, 1, "hello", 5, clock_boot());
	hb_lan_send_blob(nodes[0].lan, 0, "self", 4, clock_boot());
	hb_lan_send_blob(nodes[0].lan, 9, "nobody", 6, clock_boot());
	hb_lan_send_blob(nodes[0].lan, 1, &m, HB_BLOB_MAX + 1, clock_boot());
	beat(&nodes[0]);
	while (nodes[1].heard[0] < nodes[0].v.head.sequence) {
		net_wait(nodes[1].lan);
		while (hb_lan_receive(nodes[1].lan, clock_boot(), &m) == 1) {
			if (m.decoded.type == HB_MESSAGE_VECTOR) {
				nodes[1].heard[0] = m.decoded.sequence;
				continue;
			}
			blobs++;
			assert_int_equal(m.decoded.blob.n, 5);
			assert_memory_equal(m.decoded.blob.data, "hello", 5);
		}
	}
	assert_int_equal(blobs, 1);
	nodes[0].lan = hb_lan_free(nodes[0].lan);
	nodes[1].lan = hb_lan_free(nodes[1].lan);
}

static void test_second_agent(void **state)
{
	struct hb_lan_config config = net_config(0);
	struct hb_lan *first, *second = NULL;
	char error[HB_ERROR_SIZE] = "";

	(void)state;
	assert_int_equal(hb_lan_new(&config, &first, error), 0);
	assert_int_equal(hb_lan_new(&config, &second, error), -EADDRINUSE);
	assert_null(second);
	assert_non_null(strstr(error, "another holdfastd"));
	assert_non_null(strstr(error, "17405"));
	assert_int_equal(hb_lan_retry(first), 0);
	assert_true(hb_lan_fd(first) >= 0);
	first = hb_lan_free(first);
	assert_int_equal(hb_lan_new(&config, &first, error), 0);
	first = hb_lan_free(first);
	assert_null(hb_lan_free(NULL));
}

struct bad_address {
	unsigned int node, link;
	const char *address;
	const char *message;
};

static struct sockaddr_storage text_address(const char *text)
{
	struct sockaddr_storage a = {};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		a.ss_family = AF_INET;
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
		a.ss_family = AF_INET6;
	}
	return a;
}

static void test_bad_addresses(void **state)
{
	static const struct bad_address cases[] = {
		{0, 0, "0.0.0.0", "link 0 of node 0: 0.0.0.0 is not the address of one host"},
		{0, 1, "::", "link 1 of node 0: :: is not"},
		{1, 0, "224.0.0.1", "224.0.0.1 is not"},
		{1, 1, "ff02::1", "ff02::1 is not"},
		{2, 0, "255.255.255.255", "255.255.255.255 is not"},
		{2, 0, "::ffff:127.0.0.1", "::ffff:127.0.0.1 is not"},
		/* what a name in /etc/hosts may resolve to on that node only */
		{1, 0, "10.1.1.1", "cannot reach each other"},
		{0, 0, "10.1.1.1", "cannot reach each other"},
		{1, 0, "::1", "cannot reach each other"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hb_lan_config config = net_config(0);
		char error[HB_ERROR_SIZE] = "";
		struct hb_lan *lan = NULL;

		config.address[cases[i].node][cases[i].link] = text_address(cases[i].address);
		assert_int_equal(hb_lan_new(&config, &lan, error), -EINVAL);
		assert_null(lan);
		if (!strstr(error, cases[i].message))
			fail_msg("'%s' lacks '%s'", error, cases[i].message);
	}
}

static void test_bad_config(void **state)
{
	char error[HB_ERROR_SIZE] = "";
	struct hb_lan *lan = NULL;

	(void)state;
	for (int i = 0; i < 7; i++) {
		struct hb_lan_config c = net_config(0);

		c.self = i == 0 ? NET_NODES : c.self;
		c.n_links = i == 1 ? 0 : i == 2 ? LINKS_MAX + 1 : c.n_links;
		c.timeout_us = i == 3 ? 0 : c.timeout_us;
		c.port = i == 4 ? 0 : c.port;
		c.keys.n = i == 5 ? 0 : c.keys.n;
		c.limits.n_nodes = i == 6 ? NODES_MAX + 1 : c.limits.n_nodes;
		assert_int_equal(hb_lan_new(&c, &lan, error), -EINVAL);
		assert_non_null(strstr(error, "out of range"));
	}
	for (int i = 0; i < 2; i++) {
		struct hb_lan_config c = net_config(0);

		if (i == 0)
			c.address[2][1] = c.address[1][1];
		else
			c.address[0][1] = c.address[0][0];
		assert_int_equal(hb_lan_new(&c, &lan, error), -EINVAL);
		assert_non_null(strstr(error, "is the address of node"));
	}
	assert_null(lan);
}

/* ---- in a network namespace of our own ---- */

static void shell(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

/* False, and says so, where the system does not let us. */
static bool own_namespace(void)
{
	static bool inside;

	if (inside)
		return true;
	if (unshare(CLONE_NEWNET) < 0) {
		print_message("skipped: no network namespace: %s\n", strerror(errno));
		return false;
	}
	inside = true;
	shell("ip link set lo up");
	return true;
}

static struct hb_lan_config two_nodes(uint8_t self, const char *first, const char *second)
{
	struct hb_lan_config config = net_config(self);

	config.limits.n_nodes = 2;
	config.n_links = 1;
	config.address[0][0] = text_address(first);
	config.address[1][0] = text_address(second);
	return config;
}

static void start_two(struct node *nodes, const char *first, const char *second)
{
	for (uint8_t i = 0; i < 2; i++) {
		struct hb_lan_config config = two_nodes(i, first, second);

		start_node(&nodes[i], &config);
	}
}

static void stop_two(struct node *nodes)
{
	nodes[0].lan = hb_lan_free(nodes[0].lan);
	nodes[1].lan = hb_lan_free(nodes[1].lan);
}

static void test_ipv6(void **state)
{
	struct node nodes[2];

	(void)state;
	if (!own_namespace())
		skip();
	shell("ip addr add fd00:7::1/128 dev lo nodad");
	shell("ip addr add fd00:7::2/128 dev lo nodad");
	start_two(nodes, "fd00:7::1", "fd00:7::2");
	for (int i = 0; i < 20; i++)
		round_of_beats(nodes, 2);
	assert_int_equal(hb_lan_refused(nodes[0].lan, HB_REFUSED_SENDER), 0);
	stop_two(nodes);
}

/* ::1 itself: a node alone, whose own datagram is not taken for a peer's. */
static void test_ipv6_loopback(void **state)
{
	struct hb_lan_config config = two_nodes(0, "::1", "::1");
	struct hb_lan *lan = NULL;
	char error[HB_ERROR_SIZE] = "";
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(NET_PORT)};
	int fd;

	(void)state;
	if (!own_namespace())
		skip();
	assert_int_equal(hb_lan_new(&config, &lan, error), -EINVAL); /* twice the same */
	config.address[1][0] = (struct sockaddr_storage){};
	assert_int_equal(hb_lan_new(&config, &lan, error), 0);
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	to.sin6_addr.s6_addr[15] = 1;
	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to), 1);
	net_wait(lan);
	assert_int_equal(net_receive_at(lan, clock_boot()).fresh[1], 0);
	assert_int_equal(hb_lan_refused(lan, HB_REFUSED_SENDER), 1);
	assert_int_equal(close(fd), 0);
	lan = hb_lan_free(lan);
}

/* The address is not there when the agent starts, comes, goes, and comes back. */
static void flap(const char *first, const char *second, const char *add, const char *del)
{
	struct node nodes[2];
	struct hb_link_stats s;
	uint64_t errors;

	start_two(nodes, first, second);
	hb_lan_link_stats(nodes[0].lan, 1, 0, &s);
	assert_false(s.open);
	assert_int_equal(s.error, -EADDRNOTAVAIL);
	beat(&nodes[0]); /* to nobody, and nothing breaks */
	assert_int_equal(hb_lan_retry(nodes[0].lan), 0);
	shell(add);
	assert_int_equal(hb_lan_retry(nodes[0].lan), 1);
	assert_int_equal(hb_lan_retry(nodes[1].lan), 1);
	assert_int_equal(hb_lan_retry(nodes[1].lan), 0);
	for (int i = 0; i < 5; i++)
		round_of_beats(nodes, 2);
	hb_lan_link_stats(nodes[0].lan, 1, 0, &s);
	errors = s.send_errors; /* the kernel may add the route of an IPv6 address a little later */
	assert_true(s.sent >= 5);
	shell(del);
	for (int i = 0; i < 5; i++)
		beat(&nodes[0]);
	hb_lan_link_stats(nodes[0].lan, 1, 0, &s);
	assert_int_equal(s.send_errors, errors + 5);
	shell(add);
	for (int i = 0; i < 5; i++)
		round_of_beats(nodes, 2);
	stop_two(nodes);
	shell(del);
}

static void test_flap(void **state)
{
	(void)state;
	if (!own_namespace())
		skip();
	flap("10.77.0.1", "10.77.0.2",
	     "ip addr add 10.77.0.1/32 dev lo; ip addr add 10.77.0.2/32 dev lo",
	     "ip addr del 10.77.0.1/32 dev lo; ip addr del 10.77.0.2/32 dev lo");
	flap("fd00:8::1", "fd00:8::2",
	     "ip addr add fd00:8::1/128 dev lo nodad; ip addr add fd00:8::2/128 dev lo nodad",
	     "ip addr del fd00:8::1/128 dev lo; ip addr del fd00:8::2/128 dev lo");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange),      cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_blob),	      cmocka_unit_test(test_second_agent),
		cmocka_unit_test(test_bad_addresses), cmocka_unit_test(test_bad_config),
		cmocka_unit_test(test_ipv6),	      cmocka_unit_test(test_ipv6_loopback),
		cmocka_unit_test(test_flap), /* the last three change the namespace */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
