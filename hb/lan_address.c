/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses of the LAN path: checks of the configuration, and the sockets bound to them. */
#include "hb/lan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* What waits in a socket is stale after one timeout, so a large buffer is of no use after a
 * stall; this one takes the largest vector (about 100 datagrams) of several peers at once. */
#define BUFFER_BYTES (1024 * 1024)
#define DSCP_CS6     0xc0 /* network control */
#define PRIORITY     6	  /* TC_PRIO_INTERACTIVE: the highest that needs no privilege */

socklen_t lan_address_set(union lan_address *a, const struct sockaddr_storage *from, uint16_t port)
{
	const union lan_address *f = (const union lan_address *)from;

	memset(a, 0, sizeof *a);
	if (from->ss_family == AF_INET) {
		a->v4 = (struct sockaddr_in){
			.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = f->v4.sin_addr};
		return sizeof a->v4;
	}
	if (from->ss_family == AF_INET6) {
		a->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
					      .sin6_port = htons(port),
					      .sin6_addr = f->v6.sin6_addr,
					      .sin6_scope_id = f->v6.sin6_scope_id};
		return sizeof a->v6;
	}
	return 0;
}

bool lan_address_equal(const union lan_address *a, const union lan_address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	if (memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) != 0)
		return false;
	return !a->v6.sin6_scope_id || !b->v6.sin6_scope_id ||
	       a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

static bool is_loopback(const union lan_address *a)
{
	if (a->any.sa_family == AF_INET)
		return ntohl(a->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

/* Not one host's address: to bind to it would mean to listen everywhere. */
static bool is_unusable(const union lan_address *a)
{
	const struct in6_addr *v6 = &a->v6.sin6_addr;
	uint32_t v4 = ntohl(a->v4.sin_addr.s_addr);

	if (a->any.sa_family == AF_INET)
		return v4 >> 24 == 0 || IN_MULTICAST(v4) || v4 == INADDR_BROADCAST;
	return IN6_IS_ADDR_UNSPECIFIED(v6) || IN6_IS_ADDR_MULTICAST(v6) || IN6_IS_ADDR_V4MAPPED(v6);
}

static const char *address_text(const union lan_address *a, char buf[INET6_ADDRSTRLEN])
{
	const void *bytes = a->any.sa_family == AF_INET ? (const void *)&a->v4.sin_addr
							: (const void *)&a->v6.sin6_addr;

	return inet_ntop(a->any.sa_family, bytes, buf, INET6_ADDRSTRLEN) ?: "?";
}

static int check_address(const struct hb_lan_config *config, uint8_t node, uint8_t link,
			 char error[HB_ERROR_SIZE])
{
	char text[INET6_ADDRSTRLEN], own_text[INET6_ADDRSTRLEN];
	union lan_address a, own;

	if (config->address[node][link].ss_family == AF_UNSPEC)
		return 0;
	if (lan_address_set(&a, &config->address[node][link], 0) == 0) {
		(void)snprintf(error, HB_ERROR_SIZE, "link %u of node %u: neither IPv4 nor IPv6",
			       link, node);
		return -EINVAL;
	}
	if (is_unusable(&a)) {
		(void)snprintf(error, HB_ERROR_SIZE,
			       "link %u of node %u: %s is not the address of one host", link, node,
			       address_text(&a, text));
		return -EINVAL;
	}
	if (lan_address_set(&own, &config->address[config->self][link], 0) == 0)
		return 0;
	if (a.any.sa_family != own.any.sa_family || is_loopback(&a) != is_loopback(&own)) {
		(void)snprintf(error, HB_ERROR_SIZE,
			       "link %u: our address %s and that of node %u, %s, cannot reach "
			       "each other",
			       link, address_text(&own, own_text), node, address_text(&a, text));
		return -EINVAL;
	}
	return 0;
}

/* Two nodes with one address could not be told apart; one node with it twice cannot bind it. */
static int check_unique(const struct hb_lan_config *config, uint8_t node, uint8_t link,
			char error[HB_ERROR_SIZE])
{
	union lan_address a, b;

	if (lan_address_set(&a, &config->address[node][link], 0) == 0)
		return 0;
	for (uint8_t n = 0; n <= node; n++) {
		uint8_t links = n == node ? link : config->n_links;

		for (uint8_t k = 0; k < links; k++) {
			char text[INET6_ADDRSTRLEN];

			if (lan_address_set(&b, &config->address[n][k], 0) == 0 ||
			    !lan_address_equal(&a, &b))
				continue;
			(void)snprintf(error, HB_ERROR_SIZE,
				       "%s is the address of node %u, link %u, and of node %u, "
				       "link %u",
				       address_text(&a, text), n, k, node, link);
			return -EINVAL;
		}
	}
	return 0;
}

int lan_check_config(const struct hb_lan_config *config, char error[HB_ERROR_SIZE])
{
	if (config->limits.n_nodes < 1 || config->limits.n_nodes > NODES_MAX ||
	    config->limits.n_groups > GROUPS_MAX || config->limits.n_resources > RESOURCES_MAX ||
	    config->self >= config->limits.n_nodes || config->n_links < 1 ||
	    config->n_links > LINKS_MAX || config->timeout_us == 0 || config->port == 0 ||
	    config->keys.n < 1 || config->keys.n > HB_KEYS_MAX) {
		(void)snprintf(error, HB_ERROR_SIZE,
			       "heartbeat: a number of nodes, links, groups, resources or keys, "
			       "the port or the timeout is out of range");
		return -EINVAL;
	}
	for (uint8_t node = 0; node < config->limits.n_nodes; node++) {
		for (uint8_t link = 0; link < config->n_links; link++) {
			int r = check_address(config, node, link, error);

			if (r >= 0)
				r = check_unique(config, node, link, error);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

struct option {
	int family; /* AF_UNSPEC: any */
	int level, name, value;
};

/* All of these only help; a system that does not let us is no reason to do without heartbeats.
 * The order counts: a DSCP sets a priority of its own. */
static const struct option OPTIONS[] = {
	{AF_INET, IPPROTO_IP, IP_TOS, DSCP_CS6},
	{AF_INET6, IPPROTO_IPV6, IPV6_TCLASS, DSCP_CS6},
	{AF_UNSPEC, SOL_SOCKET, SO_PRIORITY, PRIORITY},
	/* forged "fragmentation needed" messages must not touch us */
	{AF_INET, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT},
	{AF_INET6, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT},
	{AF_UNSPEC, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES},
	{AF_UNSPEC, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES},
	/* beyond the system's limit, where CAP_NET_ADMIN lets us */
	{AF_UNSPEC, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES},
	{AF_UNSPEC, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES},
	/* tells how long a datagram waited while we were not scheduled */
	{AF_UNSPEC, SOL_SOCKET, SO_TIMESTAMPNS, 1},
};

static void set_options(int fd, int family)
{
	for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; i++) {
		const struct option *o = &OPTIONS[i];

		if (o->family == AF_UNSPEC || o->family == family)
			(void)setsockopt(fd, o->level, o->name, &o->value, sizeof o->value);
	}
}

/* Returns a bound descriptor in lan's epoll set. */
static int open_socket(struct hb_lan *lan, const struct lan_link *link)
{
	_cleanup_close_ int fd = -1;
	int family = link->address.any.sa_family;
	struct epoll_event event = {.events = EPOLLIN};
	const int on = 1;

	fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	set_options(fd, family);
	if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
		return -errno;
	/* no SO_REUSEADDR: a second agent on this node is to fail here */
	if (bind(fd, &link->address.any, link->address_bytes) < 0)
		return -errno;
	event.data.fd = fd;
	if (epoll_ctl(lan->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int lan_link_open(struct hb_lan *lan, uint8_t link, char error[HB_ERROR_SIZE])
{
	struct lan_link *l = &lan->link[link];
	char text[INET6_ADDRSTRLEN];
	int r = open_socket(lan, l);

	l->error = r < 0 ? r : 0;
	l->fd = r < 0 ? -1 : r;
	if (r >= 0)
		return 0;
	(void)address_text(&l->address, text);
	switch (-r) {
	case EADDRINUSE:
		(void)snprintf(error, HB_ERROR_SIZE,
			       "UDP port %u of %s (link %u) is in use: another holdfastd runs on "
			       "this node",
			       ntohs(l->address.v4.sin_port), text, link);
		return r;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
	case ENOSPC: /* of epoll_ctl */
		(void)snprintf(error, HB_ERROR_SIZE, "cannot open a socket on %s (link %u): %s",
			       text, link, strerror(-r));
		return r == -ENFILE ? -EMFILE : r == -EMFILE ? r : -ENOMEM;
	default:
		return 0; /* not there yet, or never: hb_lan_retry() looks again */
	}
}
