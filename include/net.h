/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_NET_H
#define HF_NET_H

/*
 * Floating IPs: added and removed by netlink (libnl), checked for duplicates by ARP probe
 * (RFC 5227) or neighbour solicitation (RFC 4862), announced by gratuitous ARP or unsolicited
 * neighbour advertisement (RFC 4861 section 7.2.6), and watched by netlink events. One `struct
 * net` serves one network namespace: that of the thread that called net_new().
 */

#include "util/cleanup.h"
#include "util/time.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct net;

#define NET_FIPS_MAX   512
#define NET_IFNAME_MAX 16
#define NET_TEXT_SIZE  96
/* Address protocol (IFA_PROTO, Linux 5.18) of our addresses: how leftovers of a
 * crashed agent are told from addresses of others. Older kernels ignore IFA_PROTO; there the
 * list that net_clean() is given decides alone. */
#define NET_ADDRESS_PROTO 0x48

struct net_fip_config {
	int family; /* AF_INET or AF_INET6 */
	union {
		struct in_addr v4;
		struct in6_addr v6;
	} address;
	uint8_t prefix;			/* length in bits; 0: that of the interface's subnet */
	char interface[NET_IFNAME_MAX]; /* "": the one whose subnet holds the address */
	uint32_t check_ms;		/* how long a duplicate check listens; 0: no check */
	uint32_t refresh_s;		/* announce again this often while held; 0: never */
	uint32_t lifetime_s;	/* the kernel removes it so long after the last net_confirm(), if
				the agent no longer can; 0: it never does */
	bool fail_on_link_down; /* carrier lost: the address counts as lost */
};

enum net_event_type {
	NET_EVENT_STARTED,   /* answer to net_fip_start(): the address is there and announced */
	NET_EVENT_FAILED,    /* answer to net_fip_start(): see `error` and `text` */
	NET_EVENT_ANNOUNCED, /* first announcement sent (also after a repair) */
	NET_EVENT_REPAIRED,  /* somebody removed it, we put it back */
	NET_EVENT_LOST,	     /* it is gone and cannot be put back, or its link is down; it is no
			      * longer looked after, and what is left goes with a stop */
	NET_EVENT_CONFLICT,  /* another host claims it while we hold it; `text` says its MAC */
	NET_EVENT_ADDRESSES_CHANGED, /* any local address came or went: retry closed links */
	NET_EVENT_LINKS_CHANGED,     /* an interface came */
};

struct net_event {
	enum net_event_type type;
	uint16_t fip;
	int error; /* FAILED: -EADDRINUSE duplicate, -ENODEV no interface, -ENETDOWN, -errno */
	char text[NET_TEXT_SIZE]; /* one sentence that names address and interface; "" if none */
};

/* -errno of netlink. */
_must_check_ int net_new(struct net **ret);
/* Frees; addresses that are held stay: stop them first if they should go. */
struct net *net_free(struct net *net);

/* An epoll descriptor, readable when net_dispatch() has work. Owned by `net`. */
int net_fd(const struct net *net);
/* When net_dispatch() wants to run although nothing is readable (announcements, checks). */
ha_time net_deadline(const struct net *net);
/* Reads bounded batches of netlink and ARP/ND messages, sends what is due. */
void net_dispatch(struct net *net, ha_time now);
/* Takes the oldest event out: 1, or 0 if there is none. */
_must_check_ int net_next_event(struct net *net, struct net_event *ret);

/*
 * Starts to bring up floating IP `fip` (0..NET_FIPS_MAX-1, the caller's number). Answered by
 * one STARTED or FAILED event. `proven`: nobody else can have it, so it is added at once and the
 * duplicate check runs afterwards as a watch only. IPv6 addresses are added without waiting for
 * DAD (IFA_F_NODAD), after our own check if any. -EALREADY if it is started or starting,
 * -EADDRINUSE if another number has the same address, -EAFNOSUPPORT or -EINVAL for a configuration
 * that cannot be, -EBUSY while very many events wait to be taken.
 */
_must_check_ int net_fip_start(struct net *net, uint16_t fip, const struct net_fip_config *config,
			       bool proven, ha_time now);
/* Removes it now and verifies that it is gone. Fine if it is not there. Ends a start that has
 * not been answered (no event follows). Returns 0: confirmed gone; -errno: it may be there. */
_must_check_ int net_fip_stop(struct net *net, uint16_t fip);

/*
 * All that is held may still be held: those with a lifetime get it anew, once a third of it has
 * passed. An agent that is frozen or killed does not come here, so its addresses go by
 * themselves, if only after seconds: a backstop, not a lease.
 */
void net_confirm(struct net *net, ha_time now);

/* Removes addresses that a former agent left: every one with NET_ADDRESS_PROTO, and those in
 * `list` wherever they are. Returns how many were removed, -errno if one may remain. */
_must_check_ int net_clean(struct net *net, const struct net_fip_config *list, size_t n);

#endif
