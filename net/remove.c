/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Removal of addresses, verified, and without harm to others. */
#include "net/internal.h"

#include <errno.h>

/* The same address can be on a link with several prefixes. */
#define ROUNDS_MAX 8

/*
 * Without promote_secondaries the kernel removes the other addresses of the subnet together with
 * the primary one. Ours becomes primary when somebody removes and re-adds the node's own address
 * (or when there is none), so its removal must not take that along: for that moment promotion is
 * switched on. `current`: the table has seen all messages of the kernel.
 */
static int remove_row(struct net *net, const struct net_address *row, bool current)
{
	bool promote = row->ip.family == AF_INET && row->prefix < 32 &&
		       (!current || table_has_dependents(&net->table, row));
	struct net_link link;
	int r;

	if (promote)
		promote = netlink_link_get(&net->netlink, row->link, &link) >= 0 && !link.promote &&
			  netlink_link_set_promote(&net->netlink, row->link, true) >= 0;
	r = netlink_address_delete(&net->netlink, row);
	if (promote) {
		int restored = netlink_link_set_promote(&net->netlink, row->link, false);

		(void)restored; /* left on it lets more addresses survive: harmless */
	}
	return r;
}

struct search {
	const struct net_ip *ip;
	int link;
	bool found;
	struct net_address row;
};

static int look_at(const struct nlmsghdr *message, void *arg)
{
	struct search *search = arg;
	struct net_address row;

	if (!message) {
		search->found = false;
		return 0;
	}
	if (netlink_parse_address(message, &row) >= 0 && row.link == search->link &&
	    net_ip_equal(&row.ip, search->ip)) {
		search->found = true;
		search->row = row;
	}
	return 0;
}

static void forget(struct net *net, int link, const struct net_ip *ip)
{
	const struct net_address *row;

	while ((row = table_address(&net->table, link, ip))) {
		struct net_address copy = *row;

		table_drop_address(&net->table, &copy);
		net->addresses_changed = true;
	}
}

int remove_address(struct net *net, int link, const struct net_ip *ip)
{
	struct search search = {.ip = ip, .link = link};
	bool current = monitor_drain(net);
	const struct net_address *known = table_address(&net->table, link, ip);
	int r;

	if (known) /* saves one dump; what counts is the one after it */
		(void)remove_row(net, known, current);
	for (int i = 0; i < ROUNDS_MAX; i++) {
		r = netlink_dump_addresses(&net->netlink, ip->family, link, look_at, &search);
		if (r < 0 && r != -ENODEV)
			return r;
		if (r == -ENODEV || !search.found) {
			forget(net, link, ip);
			return 0;
		}
		r = remove_row(net, &search.row, current);
		if (r < 0 && r != -EADDRNOTAVAIL && r != -ENODEV)
			return r;
	}
	return -EBUSY;
}

static bool is_in_list(const struct net_address *row, const struct net_fip_config *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct net_ip ip;

		if (list[i].family != row->ip.family)
			continue;
		ip = net_ip_from(list[i].family, &list[i].address);
		if (net_ip_equal(&ip, &row->ip))
			return true;
	}
	return false;
}

static bool is_in_use(const struct net *net, const struct net_address *row)
{
	for (size_t i = 0; i < net->fips_used; i++) {
		const struct fip *f = &net->fips[i];

		if (f->state == FIP_HELD && f->address.link == row->link &&
		    net_ip_equal(&f->address.ip, &row->ip))
			return true;
	}
	return false;
}

int net_clean(struct net *net, const struct net_fip_config *list, size_t n)
{
	_cleanup_(table_done) struct net_table now = {0};
	int removed = 0, failed = 0, r;

	r = monitor_addresses(net, &now);
	if (r < 0)
		return r;
	for (size_t i = 0; i < now.n_addresses; i++) {
		const struct net_address *row = &now.addresses[i];

		if (row->proto != NET_ADDRESS_PROTO && !is_in_list(row, list, n))
			continue;
		if (is_in_use(net, row))
			continue;
		r = remove_address(net, row->link, &row->ip);
		if (r < 0)
			failed = r; /* the others go nevertheless */
		else
			removed++;
	}
	return failed < 0 ? failed : removed;
}
