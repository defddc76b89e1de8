/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "include/net.h"
#include "net/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netlink/msg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define RUNNING (IFF_UP | IFF_RUNNING | 1U << 16)

static struct net_ip ip_of(const char *text)
{
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	uint8_t bytes[16];

	assert_int_equal(inet_pton(family, text, bytes), 1);
	return net_ip_from(family, bytes);
}

static void put_link(struct net_table *t, int index, unsigned int flags)
{
	struct net_link link = {.index = index,
				.flags = flags,
				.type = ARPHRD_ETHER,
				.has_mac = true,
				.mac = {2, 0, 0, 0, 0, (uint8_t)index}};

	snprintf(link.name, sizeof(link.name), "eth%d", index);
	assert_true(table_put_link(t, &link) >= 0);
}

static struct net_address row_of(int link, const char *ip, uint8_t prefix)
{
	return (struct net_address){
		.link = link, .ip = ip_of(ip), .subnet = ip_of(ip), .prefix = prefix};
}

static void put(struct net_table *t, int link, const char *ip, uint8_t prefix)
{
	struct net_address row = row_of(link, ip, prefix);

	assert_int_equal(table_put_address(t, &row), 1);
}

static void test_subnet(void **state)
{
	static const struct {
		const char *ip;
		int link, want;
	} cases[] = {
		{"10.0.0.99", 0, 1},  {"10.1.0.99", 0, 2},   /* longer prefix on 2 */
		{"10.1.9.99", 0, 1},  {"192.168.0.9", 0, 3}, /* on 4 too, which has no carrier */
		{"172.16.0.9", 0, 0}, {"172.16.0.9", 5, 5},  /* 5 is down */
		{"fd00::9", 0, 2},    {"fd01::9", 0, 0},     {"10.9.0.1", 0, 0}, /* only itself */
		{"10.8.0.5", 0, 0}, /* only a floating IP of ours */
		{"10.7.0.2", 0, 1}, /* peer of a point-to-point address */
		{"10.1.0.99", 1, 1},  {"10.1.0.99", 3, 0},
	};
	struct net_table t = {0};
	struct net_address row;

	(void)state;
	for (int i = 1; i <= 3; i++)
		put_link(&t, i, RUNNING);
	put_link(&t, 4, IFF_UP);
	put_link(&t, 5, 0);
	put(&t, 1, "10.0.0.1", 8);
	put(&t, 2, "10.1.0.1", 24);
	put(&t, 4, "192.168.0.2", 24);
	put(&t, 3, "192.168.0.1", 24);
	put(&t, 5, "172.16.0.1", 16);
	put(&t, 2, "fd00::1", 64);
	table_drop_address(&t,
			   &(struct net_address){.link = 1, .ip = ip_of("10.0.0.1"), .prefix = 8});
	put(&t, 1, "10.0.0.1", 15);
	put(&t, 3, "10.9.0.1", 32);
	row = row_of(3, "10.8.0.1", 24);
	row.proto = NET_ADDRESS_PROTO;
	assert_int_equal(table_put_address(&t, &row), 1);
	assert_int_equal(table_put_address(&t, &row), 0); /* replaced */
	row = row_of(1, "10.200.0.1", 32);
	row.subnet = ip_of("10.7.0.2");
	assert_int_equal(table_put_address(&t, &row), 1);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct net_ip ip = ip_of(cases[i].ip);
		const struct net_address *got = table_subnet(&t, cases[i].link, &ip);

		if ((got ? got->link : 0) != cases[i].want)
			fail_msg("%s: link %d", cases[i].ip, got ? got->link : 0);
	}
	table_done(&t);
}

static void test_links(void **state)
{
	struct net_table t = {0};
	struct net_ip ip = ip_of("10.0.0.1");

	(void)state;
	for (int i = 1; i <= 100; i++) /* past several growths */
		put_link(&t, i, RUNNING);
	put(&t, 1, "10.0.0.1", 24);
	put(&t, 2, "10.0.0.1", 24);
	put(&t, 2, "10.0.0.1", 32);
	assert_string_equal(table_link(&t, 77)->name, "eth77");
	assert_int_equal(table_link_by_name(&t, "eth100")->index, 100);
	assert_null(table_link_by_name(&t, "eth101"));
	assert_int_equal(table_address_elsewhere(&t, 1, &ip)->link, 2);
	assert_true(table_is_local_mac(&t, table_link(&t, 5)->mac));
	table_drop_link(&t, 2);
	assert_null(table_link(&t, 2));
	assert_null(table_address(&t, 2, &ip));
	assert_null(table_address_elsewhere(&t, 1, &ip));
	assert_non_null(table_address(&t, 1, &ip));
	assert_int_equal(t.n_links, 99);
	put_link(&t, 1, 0);
	assert_false(net_link_is_running(table_link(&t, 1)));
	assert_int_equal(t.n_links, 99);
	table_clear(&t);
	assert_null(table_link(&t, 1));
	table_done(&t);
}

static void test_dependents(void **state)
{
	struct net_address primary = row_of(1, "10.0.0.1", 24), other = row_of(1, "10.0.0.2", 24);
	struct net_table t = {0};

	(void)state;
	put_link(&t, 1, RUNNING);
	assert_int_equal(table_put_address(&t, &primary), 1);
	assert_false(table_has_dependents(&t, &primary));
	assert_int_equal(table_put_address(&t, &other), 1);
	assert_false(table_has_dependents(&t, &primary));
	other.flags = IFA_F_SECONDARY;
	assert_int_equal(table_put_address(&t, &other), 0);
	assert_true(table_has_dependents(&t, &primary));
	assert_false(table_has_dependents(&t, &other));
	primary.prefix = 25;
	assert_false(table_has_dependents(&t, &primary));
	table_done(&t);
}

static struct nl_msg *message(int type, const void *body, size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, 0);

	assert_non_null(msg);
	assert_int_equal(nlmsg_append(msg, (void *)(uintptr_t)body, size, NLMSG_ALIGNTO), 0);
	return msg;
}

static void test_parse_address(void **state)
{
	struct ifaddrmsg body = {.ifa_family = AF_INET,
				 .ifa_prefixlen = 24,
				 .ifa_index = 7,
				 .ifa_flags = IFA_F_SECONDARY};
	struct nl_msg *msg = message(RTM_NEWADDR, &body, sizeof(body));
	struct net_ip ip = ip_of("10.0.0.9"), peer = ip_of("10.0.0.1");
	struct net_address row;
	uint8_t proto = 0x48;

	(void)state;
	assert_int_equal(netlink_parse_address(nlmsg_hdr(msg), &row), -EBADMSG); /* no address */
	assert_int_equal(nla_put(msg, IFA_ADDRESS, 4, peer.bytes), 0);
	assert_int_equal(netlink_parse_address(nlmsg_hdr(msg), &row), 0);
	assert_true(net_ip_equal(&row.ip, &peer));
	assert_int_equal(nla_put(msg, IFA_LOCAL, 4, ip.bytes), 0);
	assert_int_equal(nla_put(msg, 11, 1, &proto), 0);
	assert_int_equal(netlink_parse_address(nlmsg_hdr(msg), &row), 0);
	assert_true(net_ip_equal(&row.ip, &ip));
	assert_true(net_ip_equal(&row.subnet, &peer));
	assert_int_equal(row.link, 7);
	assert_int_equal(row.prefix, 24);
	assert_int_equal(row.flags, IFA_F_SECONDARY);
	assert_int_equal(row.proto, 0x48);
	assert_int_equal(nla_put_u32(msg, IFA_FLAGS, IFA_F_NODAD), 0);
	assert_int_equal(netlink_parse_address(nlmsg_hdr(msg), &row), 0);
	assert_int_equal(row.flags, IFA_F_NODAD);

	((struct ifaddrmsg *)nlmsg_data(nlmsg_hdr(msg)))->ifa_prefixlen = 33;
	assert_int_equal(netlink_parse_address(nlmsg_hdr(msg), &row), -EBADMSG);
	((struct ifaddrmsg *)nlmsg_data(nlmsg_hdr(msg)))->ifa_family = AF_INET6;
	assert_int_equal(netlink_parse_address(nlmsg_hdr(msg), &row), -EBADMSG);
	((struct ifaddrmsg *)nlmsg_data(nlmsg_hdr(msg)))->ifa_family = AF_PACKET;
	assert_int_equal(netlink_parse_address(nlmsg_hdr(msg), &row), -ENOMSG);
	nlmsg_free(msg);
}

static void test_parse_link(void **state)
{
	struct ifinfomsg body = {.ifi_family = AF_UNSPEC,
				 .ifi_index = 3,
				 .ifi_type = ARPHRD_ETHER,
				 .ifi_flags = IFF_UP};
	struct nl_msg *msg = message(RTM_NEWLINK, &body, sizeof(body));
	const uint8_t mac[NET_MAC_SIZE] = {2, 1, 2, 3, 4, 5};
	uint32_t v4[25] = {[19] = 1}, v6[10] = {1};
	struct nlattr *spec, *family;
	struct net_link link;

	(void)state;
	assert_int_equal(netlink_parse_link(nlmsg_hdr(msg), &link), -EBADMSG); /* no name */
	assert_int_equal(nla_put_string(msg, IFLA_IFNAME, "eth0"), 0);
	assert_int_equal(netlink_parse_link(nlmsg_hdr(msg), &link), 0);
	assert_false(link.has_mac || link.router || link.promote);
	assert_int_equal(nla_put(msg, IFLA_ADDRESS, sizeof(mac), mac), 0);
	spec = nla_nest_start(msg, IFLA_AF_SPEC);
	family = nla_nest_start(msg, AF_INET);
	assert_int_equal(nla_put(msg, IFLA_INET_CONF, sizeof(v4), v4), 0);
	nla_nest_end(msg, family);
	family = nla_nest_start(msg, AF_INET6);
	assert_int_equal(nla_put(msg, IFLA_INET6_CONF, sizeof(v6), v6), 0);
	nla_nest_end(msg, family);
	nla_nest_end(msg, spec);
	assert_int_equal(netlink_parse_link(nlmsg_hdr(msg), &link), 0);
	assert_true(link.has_mac && link.router && link.promote);
	assert_memory_equal(link.mac, mac, sizeof(mac));
	assert_string_equal(link.name, "eth0");
	assert_int_equal(link.index, 3);

	/* A port that leaves a bridge looks like a link that goes away, but for the family. */
	((struct ifinfomsg *)nlmsg_data(nlmsg_hdr(msg)))->ifi_family = AF_BRIDGE;
	assert_int_equal(netlink_parse_link(nlmsg_hdr(msg), &link), -ENOMSG);
	nlmsg_free(msg);

	msg = message(RTM_NEWLINK, &body, sizeof(body));
	assert_int_equal(nla_put_string(msg, IFLA_IFNAME, "a-name-of-17-char"), 0);
	assert_int_equal(netlink_parse_link(nlmsg_hdr(msg), &link), -EBADMSG);
	nlmsg_free(msg);
}

static void test_parse_forwarding(void **state)
{
	struct netconfmsg body = {.ncm_family = AF_INET6};
	struct nl_msg *msg = message(RTM_NEWNETCONF, &body, sizeof(body));
	bool router = false;
	int link = 0;

	(void)state;
	assert_int_equal(nla_put_u32(msg, NETCONFA_IFINDEX, 4), 0);
	assert_int_equal(netlink_parse_forwarding(nlmsg_hdr(msg), &link, &router), -ENOMSG);
	assert_int_equal(nla_put_u32(msg, NETCONFA_FORWARDING, 1), 0);
	assert_int_equal(netlink_parse_forwarding(nlmsg_hdr(msg), &link, &router), 0);
	assert_int_equal(link, 4);
	assert_true(router);
	((struct netconfmsg *)nlmsg_data(nlmsg_hdr(msg)))->ncm_family = AF_INET;
	assert_int_equal(netlink_parse_forwarding(nlmsg_hdr(msg), &link, &router), -ENOMSG);
	nlmsg_free(msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subnet),	   cmocka_unit_test(test_links),
		cmocka_unit_test(test_dependents), cmocka_unit_test(test_parse_address),
		cmocka_unit_test(test_parse_link), cmocka_unit_test(test_parse_forwarding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
