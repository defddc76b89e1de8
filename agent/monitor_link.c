/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * miiw: an interface has carrier. fipw: the address of a floating IP is there, and its link is up.
 * The kernel is asked by netlink, which answers within the call; what it tells by itself makes a
 * check come at once.
 */
#include "agent/monitor_worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* IFF_LOWER_UP of linux/if.h, which does not go with net/if.h. */
#define LOWER_UP    (1U << 16)
#define ANSWER_SIZE 32768
#define EVENTS_MAX  32	 /* messages of the kernel taken in one turn */
#define ROUNDS_MAX  4096 /* parts of one answer: the kernel ends it long before */

struct netlink {
	struct worker *worker;
	int requests, events;
	uint32_t sequence;
	sd_event_source *source;
	uint8_t answer[ANSWER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
};

struct question {
	struct nlmsghdr head;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
	};
	uint8_t attributes[64];
};

/* Calls `take` for each part of the answer. -errno: what the kernel says, too. */
typedef void take_fn(const struct nlmsghdr *part, void *userdata);

/* ---- requests ---- */

/* 1: the answer is complete; 0: there may be more. */
static int take_parts(struct netlink *nl, size_t n, take_fn *take, void *userdata)
{
	for (const struct nlmsghdr *h = (const void *)nl->answer; NLMSG_OK(h, n);
	     h = NLMSG_NEXT(h, n)) {
		if (h->nlmsg_seq != nl->sequence)
			continue; /* of an earlier request */
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *e = NLMSG_DATA(h);

			if (h->nlmsg_len < NLMSG_LENGTH(sizeof *e))
				return -EBADMSG;
			return e->error < 0 ? e->error : 1;
		}
		take(h, userdata);
		if (!(h->nlmsg_flags & NLM_F_MULTI))
			return 1;
	}
	return 0;
}

static int ask(struct netlink *nl, struct question *request, take_fn *take, void *userdata)
{
	int r = 0;

	request->head.nlmsg_seq = ++nl->sequence;
	if (send(nl->requests, request, request->head.nlmsg_len, MSG_DONTWAIT) < 0)
		return -errno;
	for (int i = 0; r == 0 && i < ROUNDS_MAX; i++) {
		ssize_t n = recv(nl->requests, nl->answer, sizeof nl->answer, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		r = take_parts(nl, (size_t)n, take, userdata);
	}
	return r < 0 ? r : 0;
}

/* ---- links ---- */

static const struct rtattr *find_attribute(const struct rtattr *a, size_t n, uint16_t type)
{
	for (; RTA_OK(a, n); a = RTA_NEXT(a, n))
		if (a->rta_type == type)
			return a;
	return NULL;
}

static void take_link(const struct nlmsghdr *part, void *userdata)
{
	const struct ifinfomsg *link = NLMSG_DATA(part);

	if (part->nlmsg_type == RTM_NEWLINK && part->nlmsg_len >= NLMSG_LENGTH(sizeof *link))
		*(unsigned int *)userdata = link->ifi_flags;
}

/* What is wrong with it, or NULL. `index` 0: by name. */
static const char *link_fault(struct netlink *nl, unsigned int index, const char *name)
{
	struct question request = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
					    .nlmsg_type = RTM_GETLINK,
					    .nlmsg_flags = NLM_F_REQUEST},
				   .link = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index}};
	unsigned int flags = 0;
	size_t n = strlen(name) + 1;
	int r;

	if (index == 0) {
		struct rtattr *a = (void *)((uint8_t *)&request + request.head.nlmsg_len);

		if (n > IFNAMSIZ)
			return "no such interface";
		a->rta_type = IFLA_IFNAME;
		a->rta_len = (unsigned short)RTA_LENGTH(n);
		memcpy(RTA_DATA(a), name, n);
		request.head.nlmsg_len += (uint32_t)RTA_SPACE(n);
	}
	r = ask(nl, &request, take_link, &flags);
	if (r == -ENODEV)
		return "no such interface";
	if (r < 0)
		return error_words(-r);
	if (!(flags & IFF_UP))
		return "the interface is down";
	return flags & LOWER_UP ? NULL : "no carrier";
}

/* ---- addresses ---- */

struct wanted_address {
	int family;
	const void *address;
	size_t size;
	unsigned int interface; /* 0: any */
	unsigned int found_on;	/* 0: nowhere */
	uint32_t flags;
};

static void take_address(const struct nlmsghdr *part, void *userdata)
{
	const struct ifaddrmsg *address = NLMSG_DATA(part);
	const struct rtattr *local, *flags;
	struct wanted_address *want = userdata;
	size_t n;

	if (part->nlmsg_type != RTM_NEWADDR || part->nlmsg_len < NLMSG_LENGTH(sizeof *address))
		return;
	if (address->ifa_family != want->family ||
	    (want->interface && address->ifa_index != want->interface))
		return;
	n = part->nlmsg_len - NLMSG_LENGTH(sizeof *address);
	local = find_attribute(IFA_RTA(address), n, IFA_LOCAL);
	if (!local)
		local = find_attribute(IFA_RTA(address), n, IFA_ADDRESS);
	if (!local || RTA_PAYLOAD(local) != want->size ||
	    memcmp(RTA_DATA(local), want->address, want->size) != 0)
		return;
	flags = find_attribute(IFA_RTA(address), n, IFA_FLAGS);
	want->flags = address->ifa_flags;
	if (flags && RTA_PAYLOAD(flags) >= sizeof want->flags)
		memcpy(&want->flags, RTA_DATA(flags), sizeof want->flags);
	want->found_on = address->ifa_index;
}

static int find_address(struct netlink *nl, struct wanted_address *want)
{
	struct question request = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)),
					    .nlmsg_type = RTM_GETADDR,
					    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
				   .address = {.ifa_family = (uint8_t)want->family}};

	return ask(nl, &request, take_address, want);
}

/* ---- what the kernel tells ---- */

static void hurry(struct worker *w, const struct monitor_driver *driver, const char *interface)
{
	for (uint16_t i = 0; i < w->config->n_monitors; i++) {
		struct monitor *m = &w->monitors[i];

		if (m->driver == driver &&
		    (!interface || strcmp(m->config->interface, interface) == 0))
			worker_hurry(m);
	}
}

static void take_event(struct netlink *nl, const struct nlmsghdr *h)
{
	const struct ifinfomsg *link = NLMSG_DATA(h);
	const struct rtattr *name;

	hurry(nl->worker, &monitor_driver_fipw, NULL);
	if (h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK)
		return;
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof *link))
		return;
	name = find_attribute(IFLA_RTA(link), h->nlmsg_len - NLMSG_LENGTH(sizeof *link),
			      IFLA_IFNAME);
	if (name && RTA_PAYLOAD(name) > 0 && memchr(RTA_DATA(name), '\0', RTA_PAYLOAD(name)))
		hurry(nl->worker, &monitor_driver_miiw, RTA_DATA(name));
}

static int on_events(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct netlink *nl = userdata;

	(void)source;
	(void)events;
	for (int i = 0; i < EVENTS_MAX; i++) {
		ssize_t got = recv(fd, nl->answer, sizeof nl->answer, MSG_DONTWAIT);
		size_t n = (size_t)got;

		if (got < 0 && errno == ENOBUFS) { /* more than it could keep for us */
			hurry(nl->worker, &monitor_driver_fipw, NULL);
			hurry(nl->worker, &monitor_driver_miiw, NULL);
			continue;
		}
		if (got < 0)
			return 0;
		for (const struct nlmsghdr *h = (const void *)nl->answer; NLMSG_OK(h, n);
		     h = NLMSG_NEXT(h, n))
			take_event(nl, h);
	}
	return 0;
}

/* ---- life ---- */

static int open_socket(uint32_t groups, int *ret)
{
	const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
	_cleanup_close_ int fd = -1;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
		return -errno;
	*ret = TAKE_FD(fd);
	return 0;
}

struct netlink *netlink_free(struct netlink *netlink)
{
	if (!netlink)
		return NULL;
	sd_event_source_disable_unref(netlink->source);
	cleanup_closep(&netlink->requests);
	cleanup_closep(&netlink->events);
	free(netlink);
	return NULL;
}

static int netlink_new(struct worker *w, struct netlink **ret)
{
	struct netlink *nl = calloc(1, sizeof *nl);
	int r;

	if (!nl)
		return -ENOMEM;
	nl->worker = w;
	nl->requests = nl->events = -1;
	r = open_socket(0, &nl->requests);
	if (r >= 0)
		r = open_socket(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR, &nl->events);
	if (r >= 0)
		r = sd_event_add_io(w->event, &nl->source, nl->events, EPOLLIN, on_events, nl);
	if (r < 0) {
		(void)netlink_free(nl);
		return r;
	}
	*ret = nl;
	return 0;
}

static bool have_netlink(struct monitor *m)
{
	int r = m->worker->netlink ? 0 : netlink_new(m->worker, &m->worker->netlink);

	if (r < 0)
		worker_failed(m, "cannot ask the kernel: %s", error_words(-r));
	return r >= 0;
}

/* ---- the checks ---- */

static void miiw_begin(struct monitor *m)
{
	const char *fault;

	if (!have_netlink(m))
		return;
	fault = link_fault(m->worker->netlink, 0, m->config->interface);
	if (fault)
		worker_failed(m, "%s: %s", m->config->interface, fault);
	else
		worker_good(m);
}

static void judge_address(struct monitor *m, const char *text, const struct wanted_address *want)
{
	char name[IF_NAMESIZE] = "?";
	const char *fault = NULL;

	(void)if_indextoname(want->found_on, name);
	if (want->flags & IFA_F_DADFAILED)
		fault = "another host has the address";
	else if (m->config->check_link)
		fault = link_fault(m->worker->netlink, want->found_on, name);
	if (fault)
		worker_failed(m, "%s on %s: %s", text, name, fault);
	else
		worker_good(m);
}

static void fipw_begin(struct monitor *m)
{
	const struct config *config = m->worker->config;
	const struct net_fip_config *fip = &config->resources[m->config->resource].fip;
	struct wanted_address want = {.family = fip->family, .address = &fip->address};
	char text[INET6_ADDRSTRLEN] = "?";
	int r;

	if (!have_netlink(m))
		return;
	(void)inet_ntop(fip->family, &fip->address, text, sizeof text);
	want.size = fip->family == AF_INET ? sizeof fip->address.v4 : sizeof fip->address.v6;
	want.interface = fip->interface[0] ? if_nametoindex(fip->interface) : 0;
	if (fip->interface[0] && want.interface == 0) {
		worker_failed(m, "%s: no interface %s", text, fip->interface);
		return;
	}
	r = find_address(m->worker->netlink, &want);
	if (r < 0)
		worker_failed(m, "%s: cannot ask the kernel: %s", text, error_words(-r));
	else if (want.found_on == 0)
		worker_failed(m, "%s is not on %s", text,
			      fip->interface[0] ? fip->interface : "any interface");
	else
		judge_address(m, text, &want);
}

const struct monitor_driver monitor_driver_miiw = {.begin = miiw_begin};
const struct monitor_driver monitor_driver_fipw = {.begin = fipw_begin};
