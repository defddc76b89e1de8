/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pure half of net/netlink.h: what a message of the kernel says. */
#include "net/netlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/ip.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

/* IPV6 "forwarding" is the first value of IFLA_INET6_CONF (DEVCONF_FORWARDING; its header cannot
 * be included beside that of libc). */
#define INET6_CONF_FORWARDING 0

/* libnl's readers take pointers to what they do not change. */
static struct nlmsghdr *unconst(const struct nlmsghdr *message)
{
	return (struct nlmsghdr *)message;
}

static bool read_u32(const struct nlattr *attribute, uint32_t *ret)
{
	if (!attribute || nla_len(attribute) < (int)sizeof(*ret))
		return false;
	memcpy(ret, nla_data(attribute), sizeof(*ret));
	return true;
}

static bool read_ip(const struct nlattr *attribute, int family, struct net_ip *ret)
{
	if (!attribute || nla_len(attribute) != (int)net_ip_size(family))
		return false;
	*ret = net_ip_from(family, nla_data(attribute));
	return true;
}

int netlink_parse_address(const struct nlmsghdr *message, struct net_address *ret)
{
	struct nlattr *tb[IFA_PROTO + 1];
	struct net_address a = {0};
	struct ifaddrmsg body;

	if (!nlmsg_valid_hdr(message, sizeof(body)) ||
	    nlmsg_parse(unconst(message), sizeof(body), tb, IFA_PROTO, NULL) < 0)
		return -EBADMSG;
	memcpy(&body, nlmsg_data(message), sizeof(body));
	if (body.ifa_family != AF_INET && body.ifa_family != AF_INET6)
		return -ENOMSG;
	if (body.ifa_prefixlen > net_ip_bits(body.ifa_family) || (int)body.ifa_index <= 0)
		return -EBADMSG;
	if (!read_ip(tb[IFA_LOCAL], body.ifa_family, &a.ip) &&
	    !read_ip(tb[IFA_ADDRESS], body.ifa_family, &a.ip))
		return -EBADMSG;
	if (!read_ip(tb[IFA_ADDRESS], body.ifa_family, &a.subnet))
		a.subnet = a.ip;

	a.link = (int)body.ifa_index;
	a.prefix = body.ifa_prefixlen;
	if (!read_u32(tb[IFA_FLAGS], &a.flags))
		a.flags = body.ifa_flags;
	if (tb[IFA_PROTO] && nla_len(tb[IFA_PROTO]) >= 1)
		a.proto = nla_get_u8(tb[IFA_PROTO]);
	*ret = a;
	return 0;
}

/* Value number `index` of the array of 32-bit values at IFLA_AF_SPEC / `family` / `conf`. */
static uint32_t read_conf(struct nlattr *spec, int family, int conf, size_t index)
{
	struct nlattr *of_family, *array;
	uint32_t value;

	of_family = spec ? nla_find(nla_data(spec), nla_len(spec), family) : NULL;
	array = of_family ? nla_find(nla_data(of_family), nla_len(of_family), conf) : NULL;
	if (!array || (size_t)nla_len(array) < (index + 1) * sizeof(value))
		return 0;
	memcpy(&value, (const uint8_t *)nla_data(array) + index * sizeof(value), sizeof(value));
	return value;
}

int netlink_parse_link(const struct nlmsghdr *message, struct net_link *ret)
{
	struct nlattr *tb[IFLA_AF_SPEC + 1], *name;
	struct net_link link = {0};
	struct ifinfomsg body;

	if (!nlmsg_valid_hdr(message, sizeof(body)) ||
	    nlmsg_parse(unconst(message), sizeof(body), tb, IFLA_AF_SPEC, NULL) < 0)
		return -EBADMSG;
	memcpy(&body, nlmsg_data(message), sizeof(body));
	if (body.ifi_family != AF_UNSPEC)
		return -ENOMSG; /* a bridge port came or went, not the link */
	name = tb[IFLA_IFNAME];
	if (!name || body.ifi_index <= 0 || nla_len(name) < 2 || nla_len(name) > TABLE_NAME_SIZE)
		return -EBADMSG;

	memcpy(link.name, nla_data(name), (size_t)nla_len(name));
	link.name[TABLE_NAME_SIZE - 1] = '\0';
	if (!link.name[0])
		return -EBADMSG;
	link.index = body.ifi_index;
	link.flags = body.ifi_flags;
	link.type = body.ifi_type;
	if (tb[IFLA_ADDRESS] && nla_len(tb[IFLA_ADDRESS]) == NET_MAC_SIZE) {
		memcpy(link.mac, nla_data(tb[IFLA_ADDRESS]), NET_MAC_SIZE);
		link.has_mac = true;
	}
	link.router =
		read_conf(tb[IFLA_AF_SPEC], AF_INET6, IFLA_INET6_CONF, INET6_CONF_FORWARDING) != 0;
	link.promote = read_conf(tb[IFLA_AF_SPEC], AF_INET, IFLA_INET_CONF,
				 IPV4_DEVCONF_PROMOTE_SECONDARIES - 1) != 0;
	*ret = link;
	return 0;
}

int netlink_parse_forwarding(const struct nlmsghdr *message, int *ret_link, bool *ret_router)
{
	struct nlattr *tb[NETCONFA_FORWARDING + 1];
	uint32_t link, forwarding;
	struct netconfmsg body;

	if (!nlmsg_valid_hdr(message, sizeof(body)) ||
	    nlmsg_parse(unconst(message), sizeof(body), tb, NETCONFA_FORWARDING, NULL) < 0)
		return -EBADMSG;
	memcpy(&body, nlmsg_data(message), sizeof(body));
	if (body.ncm_family != AF_INET6 || !read_u32(tb[NETCONFA_IFINDEX], &link) ||
	    !read_u32(tb[NETCONFA_FORWARDING], &forwarding) || (int)link <= 0)
		return -ENOMSG;
	*ret_link = (int)link;
	*ret_router = forwarding != 0;
	return 0;
}
