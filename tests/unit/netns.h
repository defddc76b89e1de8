/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TESTS_NETNS_H
#define HF_TESTS_NETNS_H

/*
 * A pair of network namespaces for tests of net/: "here", in which the test runs, has the link
 * `left`; "there", the other host, has its peer `right`, 02:00:00:00:00:02. They belong to
 * nobody but this process and vanish with it. Each test gets fresh ones.
 */

#include "include/net.h"
#include "net/netlink.h"
#include "net/packet.h"
#include "util/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <cmocka.h>

#define LEFT_MAC    "02:00:00:00:00:01"
#define RIGHT_MAC   "02:00:00:00:00:02"
#define PATIENCE_MS 60000 /* for what must happen: a loaded machine may be slow */

#define LOG_SIZE   4096
#define TRACE_SIZE 4096

struct seen_packet {
	ha_time at; /* when the kernel of "there" received it */
	size_t size;
	uint16_t protocol;
	uint8_t source[6];
	uint8_t data[128];
};

struct world {
	int here, there; /* namespaces */
	int sniffer;	 /* on `right` */
	struct net *net;
	struct net_event log[LOG_SIZE]; /* all events so far that are about an address */
	size_t log_n;
	unsigned int changes; /* NET_EVENT_ADDRESSES_CHANGED */
	unsigned int links;   /* NET_EVENT_LINKS_CHANGED */
	struct seen_packet trace[TRACE_SIZE];
	size_t trace_n;
};

__attribute__((format(printf, 1, 2))) static inline void shell(const char *format, ...)
{
	char command[1024];
	va_list args;
	int r;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	r = system(command);
	if (r != 0)
		fail_msg("exit %d of: %s", r, command);
}

static inline void enter(int namespace)
{
	assert_int_equal(setns(namespace, CLONE_NEWNET), 0);
}

/* In the shell of the other host. */
#define shell_there(w, ...)         \
	do {                        \
		enter((w)->there);  \
		shell(__VA_ARGS__); \
		enter((w)->here);   \
	} while (0)

static inline int namespace_new(void)
{
	int fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = open("/proc/thread-self/ns/net", O_RDONLY); /* inherited by `ip` */
	assert_true(fd >= 0);
	shell("ip link set lo up");
	/* Link-local addresses of the test's links are usable at once. */
	shell("echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad");
	return fd;
}

static inline int sniffer_open(const char *interface)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = (int)if_nametoindex(interface)};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));
	int one = 1, size = 1 << 23;

	assert_true(fd >= 0 && to.sll_ifindex > 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)), 0);
	return fd;
}

/* Links without addresses of IPv4; IPv6 has its link-local ones. */
static inline int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->there = namespace_new();
	w->here = namespace_new();
	shell("ip link add left address " LEFT_MAC " type veth peer name right");
	shell("ip link set right address " RIGHT_MAC " netns /proc/self/fd/%d", w->there);
	shell("ip link set left up");
	enter(w->there);
	shell("ip link set right up");
	w->sniffer = sniffer_open("right");
	enter(w->here);
	for (int i = 0; system("ip -o link show dev left | grep -q LOWER_UP.*'state UP'"); i++)
		assert_true(i < 500 && usleep(10000) == 0);
	assert_int_equal(net_new(&w->net), 0);
	*state = w;
	return 0;
}

static inline int world_teardown(void **state)
{
	struct world *w = *state;

	if (!w) /* the setup failed */
		return 0;
	net_free(w->net);
	close(w->sniffer);
	close(w->here);
	close(w->there);
	free(w);
	return 0;
}

/* Two lines that every test starts with: an address of its own on each side. */
static inline void give_addresses(struct world *w)
{
	shell("ip addr add 10.0.0.1/24 dev left && ip addr add fd00::1/64 dev left nodad");
	shell_there(w, "ip addr add 10.0.0.2/24 dev right &&"
		       "ip addr add fd00::2/64 dev right nodad");
}

static inline struct net_fip_config config_of(const char *ip)
{
	struct net_fip_config c = {.family = strchr(ip, ':') ? AF_INET6 : AF_INET};

	assert_int_equal(inet_pton(c.family, ip, &c.address), 1);
	return c;
}

static inline struct net_ip ip_of(const char *ip)
{
	struct net_fip_config c = config_of(ip);

	return net_ip_from(c.family, &c.address);
}

/* CLOCK_REALTIME stamps of packets, moved to the clock that the test uses. */
static inline ha_time stamp_to_boot(const struct timespec *t)
{
	int64_t stamp = t->tv_sec * 1000000LL + t->tv_nsec / 1000;

	return (ha_time){(uint64_t)(stamp - (int64_t)clock_wall_us() + (int64_t)clock_boot().us)};
}

static inline void sniff(struct world *w)
{
	for (;;) {
		struct seen_packet *p = &w->trace[w->trace_n];
		struct sockaddr_ll from;
		char control[128];
		struct iovec iov = {p->data, sizeof(p->data)};
		struct msghdr m = {.msg_name = &from,
				   .msg_namelen = sizeof(from),
				   .msg_iov = &iov,
				   .msg_iovlen = 1,
				   .msg_control = control,
				   .msg_controllen = sizeof(control)};
		ssize_t got = recvmsg(w->sniffer, &m, 0);
		struct cmsghdr *c;

		if (got < 0 && errno == ENETDOWN)
			continue;
		if (got < 0)
			return;
		if (from.sll_pkttype == PACKET_OUTGOING || w->trace_n == TRACE_SIZE - 1)
			continue;
		p->size = (size_t)got;
		p->protocol = ntohs(from.sll_protocol);
		memcpy(p->source, from.sll_addr, sizeof(p->source));
		c = CMSG_FIRSTHDR(&m);
		if (c && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec t;

			memcpy(&t, CMSG_DATA(c), sizeof(t));
			p->at = stamp_to_boot(&t);
		}
		w->trace_n++;
	}
}

static inline void take_events(struct world *w)
{
	struct net_event e;

	while (net_next_event(w->net, &e) > 0) {
		if (e.type == NET_EVENT_ADDRESSES_CHANGED) {
			w->changes++;
			continue;
		}
		if (e.type == NET_EVENT_LINKS_CHANGED) {
			w->links++;
			continue;
		}
		assert_true(w->log_n < LOG_SIZE);
		w->log[w->log_n++] = e;
	}
}

/* One turn of the event loop, as the agent does it, waiting at most until `until`. */
static inline void turn(struct world *w, ha_time until)
{
	struct pollfd fds[2] = {{.fd = net_fd(w->net), .events = POLLIN},
				{.fd = w->sniffer, .events = POLLIN}};
	ha_time now = clock_boot(), at = ha_time_min(net_deadline(w->net), until);
	uint64_t us = ha_time_since(at, now);
	struct timespec wait = {.tv_sec = (time_t)(us / USEC_PER_SEC),
				.tv_nsec = (long)(us % USEC_PER_SEC) * 1000};

	assert_true(ppoll(fds, 2, &wait, NULL) >= 0 || errno == EINTR);
	net_dispatch(w->net, clock_boot());
	take_events(w);
	sniff(w);
}

static inline void run_for(struct world *w, unsigned int ms)
{
	ha_time until = ha_time_add(clock_boot(), ms * USEC_PER_MSEC);

	take_events(w);
	while (ha_time_before(clock_boot(), until))
		turn(w, until);
}

/* The `nth` (from 0) event of `type` for `fip`, or NULL. */
static inline const struct net_event *find_event(const struct world *w, uint16_t fip,
						 enum net_event_type type, unsigned int nth)
{
	for (size_t i = 0; i < w->log_n; i++)
		if (w->log[i].fip == fip && w->log[i].type == type && nth-- == 0)
			return &w->log[i];
	return NULL;
}

static inline void print_log(const struct world *w)
{
	static const char *const names[] = {"STARTED",	"FAILED", "ANNOUNCED",
					    "REPAIRED", "LOST",	  "CONFLICT"};

	for (size_t i = 0; i < w->log_n; i++)
		print_message("  fip %u: %s %d %s\n", w->log[i].fip, names[w->log[i].type],
			      w->log[i].error, w->log[i].text);
}

/* Waits for it. Fails the test if it does not come. */
static inline const struct net_event *await(struct world *w, uint16_t fip, enum net_event_type type,
					    unsigned int nth)
{
	ha_time until = ha_time_add(clock_boot(), PATIENCE_MS * USEC_PER_MSEC);
	const struct net_event *e;

	take_events(w);
	sniff(w);
	while (!(e = find_event(w, fip, type, nth)) && ha_time_before(clock_boot(), until))
		turn(w, until);
	if (!e) {
		print_log(w);
		fail_msg("no event %d (number %u) of floating IP %u", type, nth, fip);
	}
	return e;
}

/* The `nth` packet from `left` with exactly these bytes, or NULL. */
static inline const struct seen_packet *find_packet(const struct world *w, const uint8_t *data,
						    size_t size, unsigned int nth)
{
	for (size_t i = 0; i < w->trace_n; i++) {
		const struct seen_packet *p = &w->trace[i];

		if (p->size >= size && !memcmp(p->data, data, size) && p->source[5] == 1 &&
		    nth-- == 0)
			return p;
	}
	return NULL;
}

/* The announcement that is expected of `ip`; `reply`: of IPv4 the other form. */
static inline size_t announcement(uint8_t ret[PACKET_ND_SIZE], const char *ip, bool reply)
{
	static const uint8_t left_mac[6] = {2, 0, 0, 0, 0, 1};
	struct net_ip address = ip_of(ip);

	if (address.family == AF_INET6) {
		packet_build_advertisement(ret, &address, left_mac, false);
		return PACKET_ND_SIZE;
	}
	packet_build_arp(ret, reply ? PACKET_ARP_ANNOUNCE_REPLY : PACKET_ARP_ANNOUNCE_REQUEST,
			 &address, left_mac);
	return PACKET_ARP_SIZE;
}

static inline unsigned int count_announcements(const struct world *w, const char *ip)
{
	uint8_t want[PACKET_ND_SIZE];
	size_t size = announcement(want, ip, false);
	unsigned int n = 0;

	while (find_packet(w, want, size, n))
		n++;
	return n;
}

static inline const struct seen_packet *await_announcement(struct world *w, const char *ip,
							   bool reply, unsigned int nth)
{
	ha_time until = ha_time_add(clock_boot(), PATIENCE_MS * USEC_PER_MSEC);
	const struct seen_packet *p;
	uint8_t want[PACKET_ND_SIZE];
	size_t size = announcement(want, ip, reply);

	sniff(w);
	while (!(p = find_packet(w, want, size, nth)) && ha_time_before(clock_boot(), until))
		turn(w, until);
	if (!p)
		fail_msg("announcement number %u of %s was not seen", nth, ip);
	return p;
}

/* ---- what the kernel has, asked with iproute2 and not with the code under test ---- */

static inline bool is_there(const char *interface, const char *cidr)
{
	char command[256];

	snprintf(command, sizeof(command), "ip -o addr show dev %s | grep -qF ' %s '", interface,
		 cidr);
	return system(command) == 0;
}

/* A TCP connection from the other host to `ip`, where a listener waits. */
static inline bool answers(struct world *w, const char *ip)
{
	struct net_fip_config c = config_of(ip);
	struct sockaddr_in v4 = {
		.sin_family = AF_INET, .sin_port = htons(7777), .sin_addr = c.address.v4};
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(7777), .sin6_addr = c.address.v6};
	const struct sockaddr *to =
		c.family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t size = c.family == AF_INET ? sizeof(v4) : sizeof(v6);
	struct timeval limit = {.tv_sec = 2};
	int listener, client, r;

	listener = socket(c.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(listener >= 0);
	if (bind(listener, to, size) < 0 || listen(listener, 1) < 0) {
		close(listener);
		return false;
	}
	enter(w->there);
	client = socket(c.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
	r = connect(client, to, size);
	enter(w->here);
	close(client);
	close(listener);
	return r == 0;
}

/* Runs the group, or says why not. */
static inline bool netns_allowed(void)
{
	if (geteuid() == 0 && unshare(CLONE_NEWNET) == 0 && system("ip -V >/dev/null 2>&1") == 0)
		return true;
	fprintf(stderr, "SKIPPED: needs root, network namespaces and iproute2\n");
	return false;
}

#endif
