/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel and other hosts tell: netlink messages keep the table, claims go to fip.c. */
#include "net/internal.h"

#include <errno.h>
#include <linux/rtnetlink.h>

/* So much is read at once; the rest waits for the next dispatch. */
#define DRAIN_MAX  64
#define CLAIMS_MAX 64

static void mark_link(struct net *net, int link)
{
	for (size_t i = 0; i < net->fips_used; i++)
		if (net->fips[i].address.link == link)
			net->fips[i].dirty = true;
}

static void mark_ip(struct net *net, const struct net_ip *ip)
{
	for (size_t i = 0; i < net->fips_used; i++)
		if (net_ip_equal(&net->fips[i].address.ip, ip))
			net->fips[i].dirty = true;
}

static int apply_link(struct net *net, const struct nlmsghdr *message)
{
	struct net_link link;
	int r = netlink_parse_link(message, &link);

	if (r < 0)
		return r;
	if (message->nlmsg_type == RTM_DELLINK) {
		table_drop_link(&net->table, link.index);
	} else {
		net->links_changed |= !table_link(&net->table, link.index);
		r = table_put_link(&net->table, &link);
	}
	mark_link(net, link.index);
	return r;
}

static int apply_address(struct net *net, const struct nlmsghdr *message)
{
	struct net_address address;
	int r = netlink_parse_address(message, &address);

	if (r < 0)
		return r;
	if (message->nlmsg_type == RTM_DELADDR) {
		table_drop_address(&net->table, &address);
		net->addresses_changed = true;
	} else {
		r = table_put_address(&net->table, &address);
		if (r > 0) /* not merely a lifetime renewed */
			net->addresses_changed = true;
	}
	mark_ip(net, &address.ip);
	return r;
}

static int apply_forwarding(struct net *net, const struct nlmsghdr *message)
{
	struct net_link *link;
	bool router;
	int index, r;

	r = netlink_parse_forwarding(message, &index, &router);
	if (r < 0)
		return r;
	link = table_link(&net->table, index);
	if (link)
		link->router = router;
	return 0;
}

static int apply(const struct nlmsghdr *message, void *arg)
{
	struct net *net = arg;
	int r = 0;

	if (message->nlmsg_type == RTM_NEWLINK || message->nlmsg_type == RTM_DELLINK)
		r = apply_link(net, message);
	else if (message->nlmsg_type == RTM_NEWADDR || message->nlmsg_type == RTM_DELADDR)
		r = apply_address(net, message);
	else if (message->nlmsg_type == RTM_NEWNETCONF)
		r = apply_forwarding(net, message);
	if (r < 0 && r != -ENOMSG)
		net->table_stale = true; /* not understood or no memory: a dump tells anew */
	return 0;
}

bool monitor_drain(struct net *net)
{
	for (int i = 0; i < DRAIN_MAX; i++) {
		int r = netlink_monitor_read(&net->netlink, apply, net);

		if (r == 0)
			return true;
		if (r < 0)
			net->table_stale = true;
	}
	return false;
}

static int collect_link(const struct nlmsghdr *message, void *arg)
{
	struct net_table *table = arg;
	struct net_link link;
	int r;

	if (!message) {
		table->n_links = 0;
		return 0;
	}
	r = netlink_parse_link(message, &link);
	return r < 0 ? 0 : table_append_link(table, &link);
}

static int collect_address(const struct nlmsghdr *message, void *arg)
{
	struct net_table *table = arg;
	struct net_address address;
	int r;

	if (!message) {
		table->n_addresses = 0;
		return 0;
	}
	r = netlink_parse_address(message, &address);
	return r < 0 ? 0 : table_append_address(table, &address);
}

int monitor_addresses(struct net *net, struct net_table *table)
{
	return netlink_dump_addresses(&net->netlink, AF_UNSPEC, 0, collect_address, table);
}

int monitor_resync(struct net *net)
{
	_cleanup_(table_done) struct net_table fresh = {0};
	struct net_table old;
	int r;

	/* What waits is older than the dump. What comes meanwhile is read later, and does no harm:
	 * a repair finds the address there, and the last word is right. */
	(void)monitor_drain(net);
	r = netlink_dump_links(&net->netlink, collect_link, &fresh);
	if (r >= 0)
		r = monitor_addresses(net, &fresh);
	if (r < 0)
		return r;
	old = net->table;
	net->table = fresh;
	fresh = old;
	net->table_stale = false;
	net->addresses_changed = net->links_changed = true;
	for (size_t i = 0; i < net->fips_used; i++)
		net->fips[i].dirty = true;
	return 0;
}

static void give_claim(struct net *net, const struct packet_claim *claim, int link, ha_time now)
{
	if (table_is_local_mac(&net->table, claim->mac))
		return; /* another link of ours on the same wire */
	for (size_t i = 0; i < net->fips_used; i++) {
		struct fip *f = &net->fips[i];

		if (f->address.link == link && net_ip_equal(&f->address.ip, &claim->ip))
			fip_claimed(net, f, claim, now);
	}
}

bool monitor_claims(struct net *net, struct sock *s, ha_time now)
{
	for (int i = 0; i < CLAIMS_MAX && net_has_room(net); i++) {
		struct packet_claim claim;
		int link;

		if (sock_receive(s, &claim, &link) == 0)
			return true;
		if (link > 0)
			give_claim(net, &claim, link, now);
	}
	return false;
}

static int filter_of(const struct net *net, struct sock *s)
{
	uint32_t tails[NET_FIPS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < net->fips_used; i++) {
		const struct fip *f = &net->fips[i];

		if (f->address.ip.family == s->family &&
		    (f->state == FIP_CHECKING || f->state == FIP_HELD))
			tails[n++] = net_ip_tail(&f->address.ip);
	}
	return sock_listen(s, tails, n);
}

int monitor_filters(struct net *net)
{
	int r = filter_of(net, &net->arp);

	if (r >= 0)
		r = filter_of(net, &net->nd);
	if (r >= 0)
		net->filters_stale = false;
	return r;
}
