/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The socket filters, run by the real kernel on datagrams through a pair of local sockets. */
#include "net/filter.h"
#include "net/packet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <cmocka.h>

static const uint8_t mac[NET_MAC_SIZE] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55};

struct lane {
	int in, out;
};

static struct lane lane_open(int family, const uint32_t *tails, size_t n)
{
	struct filter filter;
	struct sock_fprog program;
	int pair[2];

	filter_build(&filter, family, tails, n);
	program = (struct sock_fprog){.len = filter.n, .filter = filter.code};
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(
		setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
	return (struct lane){pair[0], pair[1]};
}

static void lane_close(struct lane lane)
{
	close(lane.in);
	close(lane.out);
}

static bool passes(struct lane lane, const void *packet, size_t size)
{
	uint8_t got[256];
	ssize_t n;

	/* A local socket drops what the filter of the other end refuses: EPERM. */
	if (send(lane.in, packet, size, 0) < 0)
		assert_int_equal(errno, EPERM);
	n = recv(lane.out, got, sizeof(got), 0);
	if (n >= 0)
		assert_int_equal(n, size); /* the whole of it */
	return n >= 0;
}

static struct net_ip ip4(uint32_t host)
{
	uint8_t bytes[4] = {(uint8_t)(host >> 24), (uint8_t)(host >> 16), (uint8_t)(host >> 8),
			    (uint8_t)host};

	return net_ip_from(AF_INET, bytes);
}

static struct net_ip ip6(uint32_t tail)
{
	struct net_ip ip = {AF_INET6, {0xfd, 0x12}}, end = ip4(tail);

	memcpy(ip.bytes + 12, end.bytes, 4);
	return ip;
}

static bool passes_arp(struct lane lane, enum packet_arp_form form, uint32_t host)
{
	uint8_t packet[PACKET_ARP_SIZE];
	struct net_ip ip = ip4(host);

	packet_build_arp(packet, form, &ip, mac);
	return passes(lane, packet, sizeof(packet));
}

static bool passes_nd(struct lane lane, uint32_t tail, bool solicitation)
{
	uint8_t packet[PACKET_ND_SIZE];
	struct net_ip ip = ip6(tail);
	size_t size = sizeof(packet);

	if (solicitation)
		size = packet_build_solicitation(packet, &ip, NULL, mac);
	else
		packet_build_advertisement(packet, &ip, mac, false);
	return passes(lane, packet, size);
}

/* Numbers of addresses around the block size, and the most that there can be. */
static const size_t counts[] = {1, 2, 199, 200, 201, 255, 256, 400, 401, NET_FIPS_MAX};

static void fill(uint32_t *tails)
{
	for (uint32_t i = 0; i < NET_FIPS_MAX; i++)
		tails[i] = 0xc0a80000 + i * 7 + 1;
}

static void test_arp(void **state)
{
	uint32_t tails[NET_FIPS_MAX];

	(void)state;
	fill(tails);
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		struct lane lane = lane_open(AF_INET, tails, counts[c]);

		for (size_t i = 0; i < NET_FIPS_MAX; i++) {
			bool wanted = i < counts[c];

			assert_int_equal(passes_arp(lane, PACKET_ARP_PROBE, tails[i]), wanted);
			assert_int_equal(passes_arp(lane, PACKET_ARP_ANNOUNCE_REPLY, tails[i]),
					 wanted);
			assert_false(passes_arp(lane, PACKET_ARP_ANNOUNCE_REQUEST, tails[i] + 1));
		}
		lane_close(lane);
	}
}

/* A client that asks for our address: the kernel answers, nobody need wake up. */
static void test_arp_ordinary(void **state)
{
	const uint32_t tail = 0x0a000063;
	struct lane lane = lane_open(AF_INET, &tail, 1);
	struct net_ip client = ip4(0x0a000001);
	uint8_t packet[PACKET_ARP_SIZE];

	(void)state;
	packet_build_arp(packet, PACKET_ARP_ANNOUNCE_REQUEST, &client, mac);
	memcpy(packet + 24, ip4(tail).bytes, 4);
	assert_false(passes(lane, packet, sizeof(packet)));
	assert_false(passes(lane, packet, 20)); /* too short for what is looked at */
	lane_close(lane);
}

static void test_nd(void **state)
{
	uint32_t tails[NET_FIPS_MAX];

	(void)state;
	fill(tails);
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		struct lane lane = lane_open(AF_INET6, tails, counts[c]);

		for (size_t i = 0; i < NET_FIPS_MAX; i++) {
			assert_int_equal(passes_nd(lane, tails[i], false), i < counts[c]);
			assert_int_equal(passes_nd(lane, tails[i], true), i < counts[c]);
			assert_false(passes_nd(lane, tails[i] + 1, true));
		}
		lane_close(lane);
	}
}

static void test_nd_ordinary(void **state)
{
	const uint32_t tail = 0x00000099;
	struct lane lane = lane_open(AF_INET6, &tail, 1);
	struct net_ip ip = ip6(tail);
	uint8_t packet[PACKET_ND_SIZE];

	(void)state;
	packet_build_advertisement(packet, &ip, mac, false);
	packet[6] = 6; /* TCP */
	assert_false(passes(lane, packet, sizeof(packet)));
	packet[6] = 58;
	packet[40] = 128; /* echo */
	assert_false(passes(lane, packet, sizeof(packet)));
	packet[40] = 136;
	assert_true(passes(lane, packet, sizeof(packet)));
	/* A client looks for us: any byte of its address may be the only one that is set. */
	for (size_t i = 0; i < 16; i++) {
		struct net_ip client = {.family = AF_INET6};

		client.bytes[i] = 1;
		packet_build_solicitation(packet, &ip, &client, mac);
		assert_false(passes(lane, packet, sizeof(packet)));
	}
	lane_close(lane);
}

static void test_none(void **state)
{
	struct lane lane = lane_open(AF_INET, NULL, 0);

	(void)state;
	assert_false(passes_arp(lane, PACKET_ARP_PROBE, 0));
	assert_false(passes_arp(lane, PACKET_ARP_ANNOUNCE_REPLY, 1));
	lane_close(lane);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp),  cmocka_unit_test(test_arp_ordinary),
		cmocka_unit_test(test_nd),   cmocka_unit_test(test_nd_ordinary),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
