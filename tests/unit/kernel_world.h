/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TESTS_KERNEL_WORLD_H
#define HF_TESTS_KERNEL_WORLD_H

/*
 * The kernel path of node 0 in the namespace "here" of tests/unit/netns.h; "there" are node 1 and
 * 2, as bare sockets that send what the test makes. Link 0 is IPv4, link 1 IPv6.
 */

#include "tests/unit/netns.h"

#include "hb/kernel.h"
#include "tests/unit/hb_probe.h"

#include <linux/if_arp.h>
#include <signal.h>
#include <sys/wait.h>

#define KW_PORT	   17410
#define KW_NODES   3
#define KW_LINKS   2
#define KW_INC	   1000 /* incarnation of node 0 */
#define KW_PEER	   7	/* of its peers */
#define KW_CLUSTER 77

struct kernel_world {
	struct world *w;
	struct hb_kernel *kernel;
	struct hb_keys hb_keys;
	struct hb_probe_keys keys;
	int ours[KW_LINKS];	      /* the sockets of an agent here */
	int peer[KW_NODES][KW_LINKS]; /* there; of node 1 and 2 */
	uint64_t stamp;
};

static inline struct sockaddr_storage kw_address(unsigned int node, unsigned int link)
{
	struct sockaddr_storage storage = {};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
	char text[32];

	if (link == 0) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(KW_PORT);
		snprintf(text, sizeof text, "10.0.0.%u", node + 1);
		assert_int_equal(inet_pton(AF_INET, text, &v4->sin_addr), 1);
	} else {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(KW_PORT);
		snprintf(text, sizeof text, "fd00::%u", node + 1);
		assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
	}
	return storage;
}

static inline int kw_socket(unsigned int node, unsigned int link)
{
	struct sockaddr_storage a = kw_address(node, link);
	int fd = socket(a.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 1 << 22;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a,
			      link == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)),
			 0);
	return fd;
}

static inline struct hb_kernel_config kw_config(const struct kernel_world *k)
{
	struct hb_kernel_config c = {.cluster_id = KW_CLUSTER,
				     .self = 0,
				     .n_nodes = KW_NODES,
				     .n_links = KW_LINKS,
				     .port = KW_PORT,
				     .votes = {1, 1, 1},
				     .keys = &k->hb_keys};

	for (unsigned int n = 0; n < KW_NODES; n++)
		for (unsigned int l = 0; l < KW_LINKS; l++)
			c.address[n][l] = kw_address(n, l);
	return c;
}

/* A new agent: loads, attaches, begins. */
static inline void kw_start(struct kernel_world *k, uint64_t incarnation)
{
	struct hb_kernel_config config = kw_config(k);
	char error[HB_ERROR_SIZE] = "";

	if (hb_kernel_new(&config, &k->kernel, error) < 0 || hb_kernel_attach(k->kernel, error) < 0)
		fail_msg("%s", error);
	hb_kernel_begin(k->kernel, incarnation);
}

/* Addresses of all nodes on `here` and `there`. */
static inline void kw_addresses(struct kernel_world *k, const char *here, const char *there)
{
	shell("ip addr add 10.0.0.1/24 dev %s && ip addr add fd00::1/64 dev %s nodad", here, here);
	shell_there(k->w,
		    "ip addr add 10.0.0.2/24 dev %s && ip addr add fd00::2/64 dev %s nodad &&"
		    "ip addr add 10.0.0.3/24 dev %s && ip addr add fd00::3/64 dev %s nodad",
		    there, there, there, there);
}

static inline void kw_open_ours(struct kernel_world *k)
{
	for (unsigned int l = 0; l < KW_LINKS; l++)
		k->ours[l] = kw_socket(0, l);
}

static inline void kw_close_ours(struct kernel_world *k)
{
	for (unsigned int l = 0; l < KW_LINKS; l++) {
		close(k->ours[l]);
		k->ours[l] = -1;
	}
}

static inline void kw_open_peers(struct kernel_world *k)
{
	enter(k->w->there);
	for (unsigned int n = 1; n < KW_NODES; n++)
		for (unsigned int l = 0; l < KW_LINKS; l++)
			k->peer[n][l] = kw_socket(n, l);
	enter(k->w->here);
}

/* Namespaces and keys; no addresses yet. */
static inline int kw_setup_bare(void **state)
{
	static struct kernel_world world;
	struct kernel_world *k = &world;
	char text[64], error[HB_ERROR_SIZE];

	*k = (struct kernel_world){.ours = {-1, -1}, .peer = {{-1, -1}, {-1, -1}, {-1, -1}}};
	if (world_setup((void **)&k->w) < 0)
		return -1;
	memset(text, '1', sizeof text);
	assert_int_equal(hb_keys_parse(text, sizeof text, &k->hb_keys, error), 0);
	hb_probe_keys_derive(&k->hb_keys, &k->keys);
	*state = k;
	return 0;
}

static inline int kw_setup(void **state)
{
	struct kernel_world *k;

	if (kw_setup_bare(state) < 0)
		return -1;
	k = *state;
	kw_addresses(k, "left", "right");
	kw_open_ours(k);
	kw_open_peers(k);
	kw_start(k, KW_INC);
	return 0;
}

static inline int kw_teardown(void **state)
{
	struct kernel_world *k = *state;

	if (!k)
		return 0;
	k->kernel = hb_kernel_free(k->kernel);
	kw_close_ours(k);
	for (unsigned int n = 1; n < KW_NODES; n++)
		for (unsigned int l = 0; l < KW_LINKS; l++)
			close(k->peer[n][l]);
	return world_teardown((void **)&k->w);
}

static inline uint64_t kw_count(const struct kernel_world *k, enum kernel_count what)
{
	return hb_kernel_count(k->kernel, what);
}

/* What node 1 or 2 asks if it is told nothing else. */
static inline struct probe kw_probe(struct kernel_world *k)
{
	uint64_t now = clock_boot().us;

	k->stamp = now > k->stamp ? now : k->stamp + 1;
	return (struct probe){.incarnation = KW_PEER,
			      .stamp = {k->stamp},
			      .lease_epoch = 3,
			      .installed = 3,
			      .to_incarnation = KW_INC};
}

static inline struct hb_probe_route kw_route(unsigned int node, unsigned int link)
{
	return (struct hb_probe_route){
		.cluster_id = KW_CLUSTER, .from = (uint8_t)node, .to = 0, .link = (uint8_t)link};
}

static inline void kw_put(struct kernel_world *k, unsigned int node, unsigned int link,
			  const void *data, size_t n)
{
	struct sockaddr_storage to = kw_address(0, link);
	ssize_t sent = sendto(k->peer[node][link], data, n, 0, (struct sockaddr *)&to,
			      link == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));

	assert_int_equal(sent, (ssize_t)n);
}

static inline void kw_send(struct kernel_world *k, unsigned int node, unsigned int link,
			   const struct probe *probe)
{
	struct hb_probe_route route = kw_route(node, link);
	uint8_t data[HB_PROBE_BYTES];

	hb_probe_encode(&route, probe, &k->keys, data);
	kw_put(k, node, link, data, sizeof data);
}

/* The next answer that `node` gets by `link` within `ms`. */
static inline bool kw_receive(struct kernel_world *k, unsigned int node, unsigned int link, int ms,
			      struct probe_answer *ret)
{
	struct hb_probe_route route = kw_route(node, link);
	struct pollfd p = {.fd = k->peer[node][link], .events = POLLIN};
	uint8_t data[HB_PROBE_BYTES + 1];
	struct sockaddr_storage from = {}, want = kw_address(0, link);
	socklen_t size = sizeof from;
	ssize_t n;

	if (poll(&p, 1, ms) != 1)
		return false;
	n = recvfrom(p.fd, data, sizeof data, 0, (struct sockaddr *)&from, &size);
	assert_int_equal(n, HB_PROBE_BYTES);
	assert_memory_equal(&from, &want, 8); /* family, port, and of IPv4 the address */
	assert_int_equal(
		hb_probe_decode(&(struct hb_datagram){data, (size_t)n}, &route, &k->keys, ret),
		HB_OK);
	return true;
}

/* Sends `probe`, and waits for its answer. */
static inline struct probe_answer kw_ask(struct kernel_world *k, unsigned int node,
					 unsigned int link, const struct probe *probe)
{
	struct probe_answer answer;

	kw_send(k, node, link, probe);
	if (!kw_receive(k, node, link, PATIENCE_MS, &answer)) {
		for (unsigned int i = 0; k->kernel && hb_kernel_count_name(i); i++)
			if (kw_count(k, i) > 0)
				print_message("  %s %llu\n", hb_kernel_count_name(i),
					      (unsigned long long)kw_count(k, i));
		fail_msg("no answer to node %u by link %u", node, link);
	}
	assert_int_equal(answer.stamp.us, probe->stamp.us);
	assert_int_equal(answer.incarnation, probe->incarnation);
	return answer;
}

static inline struct probe_answer kw_ask_plain(struct kernel_world *k, unsigned int node,
					       unsigned int link)
{
	struct probe probe = kw_probe(k);

	return kw_ask(k, node, link, &probe);
}

/*
 * That nothing came of what node 1 sent by `link` before: what comes next is the answer to a plain
 * probe. A veth keeps the order.
 */
static inline void kw_no_answer(struct kernel_world *k, unsigned int link)
{
	struct probe_answer answer;

	(void)kw_ask_plain(k, 1, link);
	assert_false(kw_receive(k, 1, link, 0, &answer));
}

static inline bool kw_allowed(void)
{
	char error[HB_ERROR_SIZE];

	if (!netns_allowed())
		return false;
	if (hb_kernel_detach(error) >= 0)
		return true;
	fprintf(stderr, "SKIPPED: %s\n", error);
	return false;
}

#endif
