/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/netlink.h"
#include "include/net.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/ip.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>

/* The kernel makes datagrams of at most 32 KiB; a longer one counts as lost. */
#define BUFFER_SIZE	    65536
#define MONITOR_BUFFER_SIZE (1 << 20)
/* The kernel answers while it takes the request. This bounds what must not happen. */
#define ANSWER_TIMEOUT_S 2
/* A dump during which the table changed is taken again. */
#define DUMP_TRIES 8

static void msg_freep(struct nl_msg **msg)
{
	nlmsg_free(*msg);
}
#define _cleanup_msg_ _cleanup_(msg_freep)

static int socket_open(struct nl_sock **ret)
{
	struct nl_sock *s = nl_socket_alloc();

	if (!s)
		return -ENOMEM;
	errno = 0;
	if (nl_connect(s, NETLINK_ROUTE) < 0) {
		int r = errno > 0 ? -errno : -EIO;

		nl_socket_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

static int request_open(struct nl_sock **ret)
{
	struct timeval limit = {.tv_sec = ANSWER_TIMEOUT_S};
	int one = 1, r, fd;

	r = socket_open(ret);
	if (r < 0)
		return r;
	fd = nl_socket_get_fd(*ret);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return -errno;
	/* Filters in dumps and short error messages; kernels without them are fine, too. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	return 0;
}

static int monitor_open(struct nl_sock **ret)
{
	int size = MONITOR_BUFFER_SIZE, r;

	r = socket_open(ret);
	if (r < 0)
		return r;
	/* Best effort: with a small buffer we only fall back to dumps earlier. */
	(void)setsockopt(nl_socket_get_fd(*ret), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (nl_socket_set_nonblocking(*ret) < 0)
		return -EIO;
	errno = 0;
	if (nl_socket_add_memberships(*ret, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
				      RTNLGRP_IPV6_NETCONF, RTNLGRP_NONE) < 0)
		return errno > 0 ? -errno : -EIO;
	return 0;
}

int netlink_open(struct netlink *ret)
{
	struct netlink n = {0};
	int r;

	n.buffer = malloc(BUFFER_SIZE);
	r = n.buffer ? request_open(&n.request) : -ENOMEM;
	if (r >= 0)
		r = monitor_open(&n.monitor);
	if (r < 0) {
		netlink_close(&n);
		return r;
	}
	*ret = n;
	return 0;
}

void netlink_close(struct netlink *n)
{
	nl_socket_free(n->request);
	nl_socket_free(n->monitor);
	free(n->buffer);
	*n = (struct netlink){0};
}

int netlink_monitor_fd(const struct netlink *n)
{
	return nl_socket_get_fd(n->monitor);
}

struct answer {
	netlink_fn fn; /* may be NULL */
	void *arg;
	int result; /* first failure; reading goes on to the end, as a dump in progress blocks
		     * the next one */
	bool done;
};

static void take_message(struct answer *answer, const struct nlmsghdr *h)
{
	int r = 0;

	if (h->nlmsg_flags & NLM_F_DUMP_INTR && answer->result == 0)
		answer->result = -EINTR;
	if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
		answer->done = true;
		if (nlmsg_datalen(h) >= (int)sizeof(r))
			memcpy(&r, nlmsg_data(h), sizeof(r));
		r = r > 0 ? -EBADMSG : r;
	} else if (answer->fn && answer->result == 0) {
		r = answer->fn(h, answer->arg);
	}
	if (r < 0 && answer->result == 0)
		answer->result = r;
}

/* Sends and takes the whole answer. */
static int request(struct netlink *n, struct nl_msg *msg, netlink_fn fn, void *arg)
{
	struct answer answer = {.fn = fn, .arg = arg};
	int fd = nl_socket_get_fd(n->request);
	struct nlmsghdr *h = nlmsg_hdr(msg);

	h->nlmsg_seq = ++n->sequence;
	h->nlmsg_flags |= NLM_F_REQUEST;
	if (send(fd, h, h->nlmsg_len, 0) < 0)
		return -errno;
	while (!answer.done) {
		ssize_t got = recv(fd, n->buffer, BUFFER_SIZE, MSG_TRUNC);
		int size;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (got > BUFFER_SIZE)
			return -EMSGSIZE;
		size = (int)got;
		h = (struct nlmsghdr *)n->buffer;
		for (; nlmsg_ok(h, size); h = nlmsg_next(h, &size))
			if (h->nlmsg_seq == n->sequence) /* else to a request given up */
				take_message(&answer, h);
	}
	return answer.result;
}

static int dump(struct netlink *n, struct nl_msg *msg, netlink_fn fn, void *arg)
{
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < DUMP_TRIES; i++) {
		r = fn(NULL, arg);
		if (r >= 0)
			r = request(n, msg, fn, arg);
	}
	return r;
}

static int put_bytes(struct nl_msg *msg, int type, const void *bytes, size_t size)
{
	return nla_put(msg, type, (int)size, bytes) < 0 ? -EMSGSIZE : 0;
}

static int put_broadcast(struct nl_msg *msg, const struct net_address *a)
{
	uint32_t ip, host;

	if (a->ip.family != AF_INET || a->prefix >= 31)
		return 0;
	host = a->prefix ? UINT32_MAX >> a->prefix : UINT32_MAX;
	memcpy(&ip, a->ip.bytes, sizeof(ip));
	ip |= htonl(host);
	return put_bytes(msg, IFA_BROADCAST, &ip, sizeof(ip));
}

static struct nl_msg *address_message(int type, int flags, const struct net_address *a)
{
	_cleanup_msg_ struct nl_msg *msg = nlmsg_alloc_simple(type, flags | NLM_F_ACK);
	struct ifaddrmsg body = {.ifa_family = a->ip.family,
				 .ifa_prefixlen = a->prefix,
				 .ifa_flags = a->lifetime_s ? 0 : IFA_F_PERMANENT,
				 .ifa_index = (unsigned int)a->link};

	if (!msg || nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO) < 0 ||
	    put_bytes(msg, IFA_LOCAL, a->ip.bytes, net_ip_size(a->ip.family)) < 0)
		return NULL;
	return TAKE_PTR(msg);
}

int netlink_address_add(struct netlink *n, const struct net_address *a, bool replace)
{
	const int flags = NLM_F_CREATE | (replace ? NLM_F_REPLACE : NLM_F_EXCL);
	_cleanup_msg_ struct nl_msg *msg = address_message(RTM_NEWADDR, flags, a);
	const uint32_t valid = a->lifetime_s ? a->lifetime_s : UINT32_MAX;
	/* IPv6: never chosen as the source of this node's own connections */
	const uint32_t preferred = a->ip.family == AF_INET6 ? 0 : valid;
	struct ifa_cacheinfo life = {.ifa_valid = valid, .ifa_prefered = preferred};
	uint32_t ifa_flags = (a->lifetime_s ? 0 : IFA_F_PERMANENT) | IFA_F_NODAD;
	uint8_t proto = NET_ADDRESS_PROTO;

	if (!msg)
		return -ENOMEM;
	if (put_bytes(msg, IFA_ADDRESS, a->ip.bytes, net_ip_size(a->ip.family)) < 0 ||
	    put_broadcast(msg, a) < 0 || put_bytes(msg, IFA_PROTO, &proto, sizeof(proto)) < 0)
		return -EMSGSIZE;
	if (put_bytes(msg, IFA_CACHEINFO, &life, sizeof(life)) < 0)
		return -EMSGSIZE;
	if (a->ip.family == AF_INET6 &&
	    put_bytes(msg, IFA_FLAGS, &ifa_flags, sizeof(ifa_flags)) < 0)
		return -EMSGSIZE;
	return request(n, msg, NULL, NULL);
}

int netlink_address_delete(struct netlink *n, const struct net_address *a)
{
	_cleanup_msg_ struct nl_msg *msg = address_message(RTM_DELADDR, 0, a);

	return msg ? request(n, msg, NULL, NULL) : -ENOMEM;
}

int netlink_dump_addresses(struct netlink *n, int family, int link, netlink_fn fn, void *arg)
{
	struct ifaddrmsg body = {.ifa_family = (uint8_t)family, .ifa_index = (unsigned int)link};
	_cleanup_msg_ struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETADDR, NLM_F_DUMP);

	if (!msg || nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO) < 0)
		return -ENOMEM;
	return dump(n, msg, fn, arg);
}

static struct nl_msg *link_message(int type, int flags, int index)
{
	_cleanup_msg_ struct nl_msg *msg = nlmsg_alloc_simple(type, flags);
	struct ifinfomsg body = {.ifi_family = AF_UNSPEC, .ifi_index = index};

	if (!msg || nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO) < 0)
		return NULL;
	return TAKE_PTR(msg);
}

int netlink_dump_links(struct netlink *n, netlink_fn fn, void *arg)
{
	_cleanup_msg_ struct nl_msg *msg = link_message(RTM_GETLINK, NLM_F_DUMP, 0);
	uint32_t mask = RTEXT_FILTER_SKIP_STATS;

	if (!msg || put_bytes(msg, IFLA_EXT_MASK, &mask, sizeof(mask)) < 0)
		return -ENOMEM;
	return dump(n, msg, fn, arg);
}

static int take_link(const struct nlmsghdr *message, void *arg)
{
	return message->nlmsg_type == RTM_NEWLINK ? netlink_parse_link(message, arg) : 0;
}

int netlink_link_get(struct netlink *n, int index, struct net_link *ret)
{
	_cleanup_msg_ struct nl_msg *msg = link_message(RTM_GETLINK, NLM_F_ACK, index);
	uint32_t mask = RTEXT_FILTER_SKIP_STATS;
	struct net_link link = {0};
	int r;

	if (!msg || put_bytes(msg, IFLA_EXT_MASK, &mask, sizeof(mask)) < 0)
		return -ENOMEM;
	r = request(n, msg, take_link, &link);
	if (r < 0)
		return r;
	if (link.index != index)
		return -ENODEV;
	*ret = link;
	return 0;
}

int netlink_link_set_promote(struct netlink *n, int index, bool on)
{
	_cleanup_msg_ struct nl_msg *msg = link_message(RTM_SETLINK, NLM_F_ACK, index);
	struct nlattr *spec = NULL, *family = NULL, *conf = NULL;
	uint32_t value = on;

	if (msg)
		spec = nla_nest_start(msg, IFLA_AF_SPEC);
	if (spec)
		family = nla_nest_start(msg, AF_INET);
	if (family)
		conf = nla_nest_start(msg, IFLA_INET_CONF);
	if (!conf || put_bytes(msg, IPV4_DEVCONF_PROMOTE_SECONDARIES, &value, sizeof(value)) < 0)
		return -ENOMEM;
	nla_nest_end(msg, conf);
	nla_nest_end(msg, family);
	nla_nest_end(msg, spec);
	return request(n, msg, NULL, NULL);
}

int netlink_monitor_read(struct netlink *n, netlink_fn fn, void *arg)
{
	struct sockaddr_nl from = {0};
	socklen_t from_size = sizeof(from);
	ssize_t got = recvfrom(nl_socket_get_fd(n->monitor), n->buffer, BUFFER_SIZE, MSG_TRUNC,
			       (struct sockaddr *)&from, &from_size);
	struct nlmsghdr *h = (struct nlmsghdr *)n->buffer;
	int size;

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (got > BUFFER_SIZE)
		return -ENOBUFS;
	if (from.nl_pid != 0)
		return 1; /* not from the kernel */
	size = (int)got;
	for (; nlmsg_ok(h, size); h = nlmsg_next(h, &size)) {
		int r = fn(h, arg);

		if (r < 0)
			return r;
	}
	return 1;
}
