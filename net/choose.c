/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which link a floating IP goes to, and why it cannot go anywhere. */
#include "net/internal.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>

static int find_link(const struct net *net, const struct fip *f, struct net_link **ret_link,
		     char ret_text[NET_TEXT_SIZE])
{
	const char *wanted = f->config.interface;
	const struct net_address *subnet;
	char ip[NET_IP_STRLEN];

	net_ip_format(ip, &f->address.ip);
	if (wanted[0]) {
		*ret_link = table_link_by_name(&net->table, wanted);
		if (*ret_link)
			return 0;
		snprintf(ret_text, NET_TEXT_SIZE, "%s: there is no interface %s", ip, wanted);
		return -ENODEV;
	}
	if (f->address.ip.family == AF_INET6 && net_ip_is_link_local(&f->address.ip)) {
		snprintf(ret_text, NET_TEXT_SIZE, "%s: link-local, so name its interface", ip);
		return -EINVAL;
	}
	subnet = table_subnet(&net->table, 0, &f->address.ip);
	*ret_link = subnet ? table_link(&net->table, subnet->link) : NULL;
	if (*ret_link)
		return 0;
	snprintf(ret_text, NET_TEXT_SIZE, "%s: no interface that is up has a subnet with it", ip);
	return -ENODEV;
}

int choose_link(const struct net *net, struct fip *f, char ret_text[NET_TEXT_SIZE])
{
	const struct net_address *subnet;
	struct net_link *link;
	char ip[NET_IP_STRLEN];
	int r = find_link(net, f, &link, ret_text);

	if (r < 0)
		return r;
	net_ip_format(ip, &f->address.ip);
	if (!(link->flags & IFF_UP)) {
		snprintf(ret_text, NET_TEXT_SIZE, "%s: interface %s is down", ip, link->name);
		return -ENETDOWN;
	}
	if (f->config.fail_on_link_down && !net_link_is_running(link)) {
		snprintf(ret_text, NET_TEXT_SIZE, "%s: interface %s has no link", ip, link->name);
		return -ENETDOWN;
	}

	subnet = table_subnet(&net->table, link->index, &f->address.ip);
	f->address.prefix = f->config.prefix;
	if (!f->address.prefix)
		f->address.prefix = subnet ? subnet->prefix : net_ip_bits(f->address.ip.family);
	f->address.link = link->index;
	f->running = net_link_is_running(link);
	memcpy(f->name, link->name, sizeof(f->name));
	memcpy(f->mac, link->mac, sizeof(f->mac));
	return 0;
}
