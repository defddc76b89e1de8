/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_NET_NETLINK_H
#define HF_NET_NETLINK_H

/*
 * Route netlink, on libnl's sockets and messages. Attributes are read and written here and not
 * by libnl-route, whose release of Debian 12 does not know IFA_PROTO. Two sockets: one for
 * requests, which the kernel answers at once, and one that listens.
 */

#include "net/table.h"

#include <linux/netlink.h>

struct nl_sock;

struct netlink {
	struct nl_sock *request;
	struct nl_sock *monitor;
	uint32_t sequence;
	uint8_t *buffer; /* one datagram from the kernel */
};

/*
 * Called with each message of an answer. Before the first one of a dump it is called with NULL:
 * forget what there was. That happens again if the dump has to start over. A negative result is
 * what the request returns, after the rest of the answer was skipped.
 */
typedef int (*netlink_fn)(const struct nlmsghdr *message, void *arg);

_must_check_ int netlink_open(struct netlink *ret);
/* An all-zero `n` is closed. */
void netlink_close(struct netlink *n);
int netlink_monitor_fd(const struct netlink *n);

/* Marked with NET_ADDRESS_PROTO. -EEXIST if it is there, unless `replace`. IPv6: without DAD,
 * and deprecated, so that it never becomes the source of connections to elsewhere. */
_must_check_ int netlink_address_add(struct netlink *n, const struct net_address *address,
				     bool replace);
/* -EADDRNOTAVAIL or -ENODEV: it was not there. */
_must_check_ int netlink_address_delete(struct netlink *n, const struct net_address *address);
/* All addresses of `family` (AF_UNSPEC: both) on `link` (0: all); may report more than that. */
_must_check_ int netlink_dump_addresses(struct netlink *n, int family, int link, netlink_fn fn,
					void *arg);
_must_check_ int netlink_dump_links(struct netlink *n, netlink_fn fn, void *arg);
/* -ENODEV */
_must_check_ int netlink_link_get(struct netlink *n, int index, struct net_link *ret);
/* Sets promote_secondaries of IPv4 on one link. */
_must_check_ int netlink_link_set_promote(struct netlink *n, int index, bool on);

/*
 * Reads one datagram of the listening socket. Returns 1, 0 if there was none, -ENOBUFS if some
 * were lost, else what `fn` returned.
 */
_must_check_ int netlink_monitor_read(struct netlink *n, netlink_fn fn, void *arg);

/* Pure. -EBADMSG: broken; -ENOMSG: not about what we look after. */
_must_check_ int netlink_parse_address(const struct nlmsghdr *message, struct net_address *ret);
_must_check_ int netlink_parse_link(const struct nlmsghdr *message, struct net_link *ret);
/* IPv6 forwarding of one link changed. */
_must_check_ int netlink_parse_forwarding(const struct nlmsghdr *message, int *ret_link,
					  bool *ret_router);

#endif
