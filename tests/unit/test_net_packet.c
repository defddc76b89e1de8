/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const uint8_t mac[NET_MAC_SIZE] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55};

static struct net_ip ip_of(const char *text)
{
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	uint8_t bytes[16];

	assert_int_equal(inet_pton(family, text, bytes), 1);
	return net_ip_from(family, bytes);
}

static void test_arp_bytes(void **state)
{
	static const struct {
		enum packet_arp_form form;
		uint8_t bytes[PACKET_ARP_SIZE];
	} cases[] = {
		{PACKET_ARP_PROBE, {0, 1, 8, 0, 6, 4, 0, 1, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55,
				    0, 0, 0, 0, 0, 0, 0, 0, 0,	  0,	10,   1,    2,	  3}},
		{PACKET_ARP_ANNOUNCE_REQUEST,
		 {0,  1, 8, 0, 6, 4, 0, 1, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55,
		  10, 1, 2, 3, 0, 0, 0, 0, 0,	 0,    10,   1,	   2,	 3}},
		{PACKET_ARP_ANNOUNCE_REPLY,
		 {0,  1, 8, 0, 6,    4,	   0,	 2,    0x02, 0x11, 0x22, 0x33, 0x44, 0x55,
		  10, 1, 2, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 10,	 1,    2,    3}},
	};
	struct net_ip ip = ip_of("10.1.2.3");
	uint8_t got[PACKET_ARP_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		packet_build_arp(got, cases[i].form, &ip, mac);
		assert_memory_equal(got, cases[i].bytes, sizeof(got));
	}
}

static void test_arp_parse(void **state)
{
	struct net_ip ip = ip_of("10.1.2.3");
	uint8_t packet[PACKET_ARP_SIZE + 18];
	struct packet_claim claim;

	(void)state;
	memset(packet, 0, sizeof(packet));
	for (int form = PACKET_ARP_PROBE; form <= PACKET_ARP_ANNOUNCE_REPLY; form++) {
		packet_build_arp(packet, (enum packet_arp_form)form, &ip, mac);
		for (size_t size = 0; size < PACKET_ARP_SIZE; size++)
			assert_int_equal(packet_parse_arp(packet, size, &claim), -EBADMSG);
		/* with the padding of the smallest Ethernet frame */
		assert_int_equal(packet_parse_arp(packet, sizeof(packet), &claim), 0);
		assert_true(net_ip_equal(&claim.ip, &ip));
		assert_int_equal(claim.probe, form == PACKET_ARP_PROBE);
		assert_true(claim.has_mac);
		assert_memory_equal(claim.mac, mac, NET_MAC_SIZE);
	}
}

static void test_arp_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		int result;
	} cases[] = {
		{1, 6, -EBADMSG},    /* not Ethernet */
		{2, 0x86, -EBADMSG}, /* not IPv4 */
		{4, 8, -EBADMSG},    /* length of link addresses */
		{5, 16, -EBADMSG},   /* length of addresses */
		{7, 3, -EBADMSG},    /* reverse ARP */
		{6, 1, -EBADMSG},    /* operation 257 */
		{8, 0x03, -EBADMSG}, /* a group cannot send */
		{14, 10, 0},
	};
	struct net_ip ip = ip_of("10.1.2.3");
	uint8_t packet[PACKET_ARP_SIZE];
	struct packet_claim claim;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		packet_build_arp(packet, PACKET_ARP_ANNOUNCE_REQUEST, &ip, mac);
		packet[cases[i].at] = cases[i].value;
		assert_int_equal(packet_parse_arp(packet, sizeof(packet), &claim), cases[i].result);
	}
	packet_build_arp(packet, PACKET_ARP_PROBE, &ip, mac);
	packet[7] = 2; /* an answer from nobody */
	assert_int_equal(packet_parse_arp(packet, sizeof(packet), &claim), -ENOMSG);
	packet_build_arp(packet, PACKET_ARP_ANNOUNCE_REQUEST, &ip, mac);
	memset(packet + 8, 0, NET_MAC_SIZE);
	assert_int_equal(packet_parse_arp(packet, sizeof(packet), &claim), -EBADMSG);
}

static void test_advertisement_bytes(void **state)
{
	/* clang-format off */
	static const uint8_t want[PACKET_ND_SIZE] = {
		0x60, 0, 0, 0, 0, 32, 58, 255,
		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x99,
		0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		136, 0, 0xf2, 0xd2, 0x20, 0, 0, 0,
		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x99,
		2, 1, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55,
	};
	/* clang-format on */
	struct net_ip ip = ip_of("fd00::99");
	struct packet_claim claim;
	uint8_t got[PACKET_ND_SIZE];

	(void)state;
	packet_build_advertisement(got, &ip, mac, false);
	assert_memory_equal(got, want, sizeof(got));
	packet_build_advertisement(got, &ip, mac, true);
	assert_int_equal(got[44], 0xa0);
	assert_int_equal(packet_parse_nd(got, sizeof(got), &claim), 0);
	assert_true(net_ip_equal(&claim.ip, &ip));
	assert_false(claim.probe);
	assert_true(claim.has_mac);
	assert_memory_equal(claim.mac, mac, NET_MAC_SIZE);
}

static void test_solicitation(void **state)
{
	struct net_ip ip = ip_of("fd00::12:3456"), source = ip_of("fe80::1");
	struct net_ip group = ip_of("ff02::1:ff12:3456");
	const uint8_t group_mac[NET_MAC_SIZE] = {0x33, 0x33, 0xff, 0x12, 0x34, 0x56};
	uint8_t got[PACKET_ND_SIZE], got_mac[NET_MAC_SIZE];
	struct packet_claim claim;
	size_t size;

	(void)state;
	size = packet_build_solicitation(got, &ip, NULL, mac);
	assert_int_equal(size, 64);
	assert_memory_equal(got + 24, group.bytes, 16);
	assert_int_equal(packet_parse_nd(got, size, &claim), 0);
	assert_true(claim.probe);
	assert_false(claim.has_mac);
	assert_true(net_ip_equal(&claim.ip, &ip));

	/* From an address it is ordinary resolution, which means nothing to us. */
	size = packet_build_solicitation(got, &ip, &source, mac);
	assert_int_equal(size, PACKET_ND_SIZE);
	assert_int_equal(packet_parse_nd(got, size, &claim), -ENOMSG);
	packet_solicited_mac(got_mac, &ip);
	assert_memory_equal(got_mac, group_mac, NET_MAC_SIZE);
}

static void test_nd_broken(void **state)
{
	struct net_ip ip = ip_of("fd00::99");
	struct packet_claim claim;
	uint8_t packet[PACKET_ND_SIZE];

	(void)state;
	packet_build_advertisement(packet, &ip, mac, false);
	for (size_t size = 0; size < sizeof(packet); size++)
		assert_int_equal(packet_parse_nd(packet, size, &claim), -EBADMSG);
	for (size_t bit = 0; bit < sizeof(packet) * 8; bit++) {
		size_t byte = bit / 8;

		if (byte > 0 && byte < 4)
			continue; /* traffic class and flow label are free */
		if (byte == 0 && bit % 8 < 4)
			continue;
		packet[byte] ^= (uint8_t)(1U << bit % 8);
		assert_true(packet_parse_nd(packet, sizeof(packet), &claim) < 0);
		packet[byte] ^= (uint8_t)(1U << bit % 8);
	}
	assert_int_equal(packet_parse_nd(packet, sizeof(packet), &claim), 0);
}

/* Every case makes one byte larger and one smaller by the same, both at even or both at odd
 * places, so that the checksum stays right and only the rule is left to refuse it. */
static void test_nd_refused_by_rule(void **state)
{
	static const struct {
		const char *why;
		size_t up, down;
		uint8_t by;
		int result;
	} cases[] = {
		{"link address differs: fine", 66, 68, 2, 0},
		{"code", 41, 71, 1, -EBADMSG},
		{"solicited to a group", 44, 66, 0x40, -EBADMSG},
		{"option of no length", 71, 65, 1, -EBADMSG},
		{"option beyond the end", 65, 71, 1, -EBADMSG},
		{"other type", 66, 40, 2, -ENOMSG},
		{"group as target", 48, 66, 2, -EBADMSG},
	};
	struct net_ip ip = ip_of("fd00::99");
	const uint8_t other[NET_MAC_SIZE] = {0x82, 0x11, 0x22, 0x33, 0x44, 0x55};
	struct packet_claim claim;
	uint8_t packet[PACKET_ND_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r;

		packet_build_advertisement(packet, &ip, other, false);
		assert_int_equal((cases[i].up ^ cases[i].down) & 1, 0);
		packet[cases[i].up] = (uint8_t)(packet[cases[i].up] + cases[i].by);
		packet[cases[i].down] = (uint8_t)(packet[cases[i].down] - cases[i].by);
		r = packet_parse_nd(packet, sizeof(packet), &claim);
		if (r != cases[i].result)
			fail_msg("%s: %d", cases[i].why, r);
	}
	packet_build_advertisement(packet, &ip, other, false);
	packet[7] = 254; /* forwarded; not part of the checksum */
	assert_int_equal(packet_parse_nd(packet, sizeof(packet), &claim), -EBADMSG);
}

static void test_ip(void **state)
{
	static const struct {
		const char *a, *b;
		uint8_t prefix;
		bool same;
	} subnets[] = {
		{"10.0.0.1", "10.0.0.255", 24, true},  {"10.0.0.1", "10.0.1.0", 24, false},
		{"10.0.0.1", "11.0.0.1", 0, true},     {"10.0.0.1", "10.0.0.2", 31, false},
		{"10.0.0.2", "10.0.0.3", 31, true},    {"10.0.0.1", "10.0.0.1", 32, true},
		{"10.0.0.1", "10.0.0.1", 33, false},   {"fd00::1", "fd00::2", 64, true},
		{"fd00:1::1", "fd00:3::1", 31, false}, {"fd00::1", "10.0.0.1", 0, false},
		{"fd00:2::1", "fd00:3::1", 31, true},  {"fd00::1", "fd00::1", 128, true},
	};
	static const struct {
		const char *ip;
		bool host;
	} hosts[] = {
		{"10.0.0.1", true},
		{"0.0.0.0", false},
		{"127.0.0.1", false},
		{"224.0.0.1", false},
		{"fd00::1", true},
		{"::", false},
		{"::1", false},
		{"ff02::1", false},
		{"fe80::1", true},
		{"::2", true},
		{"fd00:1111:2222:3333:4444:5555:6666:7777", true},
		{"::ffff:255.255.255.255", true},
		{"255.255.255.255", false},
	};
	char text[NET_IP_STRLEN], mac_text[NET_MAC_STRLEN];

	(void)state;
	for (size_t i = 0; i < sizeof(subnets) / sizeof(subnets[0]); i++) {
		struct net_ip a = ip_of(subnets[i].a), b = ip_of(subnets[i].b);

		assert_int_equal(net_ip_same_subnet(&a, &b, subnets[i].prefix), subnets[i].same);
	}
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct net_ip ip = ip_of(hosts[i].ip);

		assert_int_equal(net_ip_is_host(&ip), hosts[i].host);
		assert_string_equal(net_ip_format(text, &ip), hosts[i].ip);
	}
	assert_int_equal(net_ip_tail(&(struct net_ip){AF_INET, {10, 1, 2, 3}}), 0x0a010203);
	assert_string_equal(net_mac_format(mac_text, mac), "02:11:22:33:44:55");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp_bytes),
		cmocka_unit_test(test_arp_parse),
		cmocka_unit_test(test_arp_refused),
		cmocka_unit_test(test_advertisement_bytes),
		cmocka_unit_test(test_solicitation),
		cmocka_unit_test(test_nd_broken),
		cmocka_unit_test(test_nd_refused_by_rule),
		cmocka_unit_test(test_ip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
