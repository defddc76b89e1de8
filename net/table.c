/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/table.h"
#include "include/net.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <net/if_arp.h>

/* <net/if.h> lacks it, and <linux/if.h> cannot be included beside it. */
#define LOWER_UP (1U << 16)

_Static_assert(TABLE_NAME_SIZE == NET_IFNAME_MAX, "names fit both ways");
_Static_assert(TABLE_NAME_SIZE == IF_NAMESIZE, "and are as long as the kernel's");

void table_clear(struct net_table *t)
{
	t->n_links = 0;
	t->n_addresses = 0;
}

void table_done(struct net_table *t)
{
	free(t->links);
	free(t->addresses);
	*t = (struct net_table){0};
}

/* Makes room for one more item. Returns the array, moved or not, or NULL: it is as it was. */
static void *grow(void *array, size_t n, size_t *size, size_t item)
{
	size_t wanted = *size ? *size * 2 : 32;
	void *p;

	if (n < *size)
		return array;
	p = reallocarray(array, wanted, item);
	if (p)
		*size = wanted;
	return p;
}

struct net_link *table_link(const struct net_table *t, int index)
{
	for (size_t i = 0; i < t->n_links; i++)
		if (t->links[i].index == index)
			return &t->links[i];
	return NULL;
}

struct net_link *table_link_by_name(const struct net_table *t, const char *name)
{
	for (size_t i = 0; i < t->n_links; i++)
		if (!strcmp(t->links[i].name, name))
			return &t->links[i];
	return NULL;
}

int table_append_link(struct net_table *t, const struct net_link *link)
{
	struct net_link *p = grow(t->links, t->n_links, &t->links_size, sizeof(*p));

	if (!p)
		return -ENOMEM;
	t->links = p;
	t->links[t->n_links++] = *link;
	return 0;
}

int table_put_link(struct net_table *t, const struct net_link *link)
{
	struct net_link *old = table_link(t, link->index);
	int r;

	if (old) {
		*old = *link;
		return 0;
	}
	r = table_append_link(t, link);
	return r < 0 ? r : 1;
}

/* The same address may be on one link twice, with different prefixes. */
static struct net_address *find_row(const struct net_table *t, const struct net_address *row)
{
	for (size_t i = 0; i < t->n_addresses; i++) {
		struct net_address *a = &t->addresses[i];

		if (a->link == row->link && a->prefix == row->prefix &&
		    net_ip_equal(&a->ip, &row->ip))
			return a;
	}
	return NULL;
}

int table_append_address(struct net_table *t, const struct net_address *address)
{
	struct net_address *p;

	p = grow(t->addresses, t->n_addresses, &t->addresses_size, sizeof(*p));
	if (!p)
		return -ENOMEM;
	t->addresses = p;
	t->addresses[t->n_addresses++] = *address;
	return 0;
}

int table_put_address(struct net_table *t, const struct net_address *address)
{
	struct net_address *old = find_row(t, address);
	int r;

	if (old) {
		*old = *address;
		return 0;
	}
	r = table_append_address(t, address);
	return r < 0 ? r : 1;
}

void table_drop_address(struct net_table *t, const struct net_address *address)
{
	struct net_address *old = find_row(t, address);

	if (old)
		*old = t->addresses[--t->n_addresses];
}

void table_drop_link(struct net_table *t, int index)
{
	struct net_link *old = table_link(t, index);
	size_t kept = 0;

	if (old)
		*old = t->links[--t->n_links];
	for (size_t i = 0; i < t->n_addresses; i++)
		if (t->addresses[i].link != index)
			t->addresses[kept++] = t->addresses[i];
	t->n_addresses = kept;
}

const struct net_address *table_address(const struct net_table *t, int link,
					const struct net_ip *ip)
{
	for (size_t i = 0; i < t->n_addresses; i++)
		if (t->addresses[i].link == link && net_ip_equal(&t->addresses[i].ip, ip))
			return &t->addresses[i];
	return NULL;
}

const struct net_address *table_address_elsewhere(const struct net_table *t, int link,
						  const struct net_ip *ip)
{
	for (size_t i = 0; i < t->n_addresses; i++)
		if (t->addresses[i].link != link && net_ip_equal(&t->addresses[i].ip, ip))
			return &t->addresses[i];
	return NULL;
}

/* `a` is a better home than `b`; both contain the address. */
static bool subnet_is_better(const struct net_table *t, const struct net_address *a,
			     const struct net_address *b)
{
	const struct net_link *link_a = table_link(t, a->link), *link_b = table_link(t, b->link);
	bool runs_a = link_a && net_link_is_running(link_a);
	bool runs_b = link_b && net_link_is_running(link_b);

	if (a->prefix != b->prefix)
		return a->prefix > b->prefix;
	if (runs_a != runs_b)
		return runs_a;
	return a->link < b->link;
}

const struct net_address *table_subnet(const struct net_table *t, int link, const struct net_ip *ip)
{
	const struct net_address *best = NULL;

	for (size_t i = 0; i < t->n_addresses; i++) {
		const struct net_address *a = &t->addresses[i];
		const struct net_link *on;

		if (a->proto == NET_ADDRESS_PROTO || net_ip_equal(&a->ip, ip) ||
		    !net_ip_same_subnet(&a->subnet, ip, a->prefix))
			continue;
		if (link && a->link != link)
			continue;
		on = table_link(t, a->link);
		if (!link && (!on || !(on->flags & IFF_UP)))
			continue;
		if (!best || subnet_is_better(t, a, best))
			best = a;
	}
	return best;
}

const struct net_address *table_link_local(const struct net_table *t, int link)
{
	for (size_t i = 0; i < t->n_addresses; i++) {
		const struct net_address *a = &t->addresses[i];

		if (a->link == link && a->ip.family == AF_INET6 && net_ip_is_link_local(&a->ip) &&
		    !(a->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)))
			return a;
	}
	return NULL;
}

bool table_is_local_mac(const struct net_table *t, const uint8_t mac[NET_MAC_SIZE])
{
	for (size_t i = 0; i < t->n_links; i++)
		if (t->links[i].has_mac && !memcmp(t->links[i].mac, mac, NET_MAC_SIZE))
			return true;
	return false;
}

bool table_has_dependents(const struct net_table *t, const struct net_address *address)
{
	if (address->ip.family != AF_INET || address->flags & IFA_F_SECONDARY)
		return false;
	for (size_t i = 0; i < t->n_addresses; i++) {
		const struct net_address *a = &t->addresses[i];

		if (a->link == address->link && a->prefix == address->prefix &&
		    a->flags & IFA_F_SECONDARY &&
		    net_ip_same_subnet(&a->subnet, &address->subnet, a->prefix))
			return true;
	}
	return false;
}

bool net_link_is_running(const struct net_link *link)
{
	const unsigned int all = IFF_UP | IFF_RUNNING | LOWER_UP;

	return (link->flags & all) == all;
}

bool net_link_has_neighbours(const struct net_link *link)
{
	return link->type == ARPHRD_ETHER && link->has_mac &&
	       !(link->flags & (IFF_NOARP | IFF_LOOPBACK));
}
