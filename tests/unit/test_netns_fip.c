/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Floating IPs against the real kernel: what should work. Root; see tests/unit/netns.h. */
#include "tests/unit/netns.h"

static void start(struct world *w, uint16_t fip, const struct net_fip_config *config, bool proven)
{
	assert_int_equal(net_fip_start(w->net, fip, config, proven, clock_boot()), 0);
}

/* A fresh one has nothing to say, and later every event comes once and in order. */
static void test_event_order(void **state)
{
	struct world *w = *state;
	struct net_fip_config config = config_of("10.0.0.99");
	struct net_event e = {.fip = 77};

	net_dispatch(w->net, clock_boot());
	while (net_next_event(w->net, &e) > 0) /* the link came up while it was made */
		assert_int_equal(e.type, NET_EVENT_ADDRESSES_CHANGED);
	assert_int_equal(net_deadline(w->net).us, HA_TIME_NEVER.us);
	give_addresses(w);
	start(w, 9, &config, true);
	assert_int_equal(net_next_event(w->net, &e), 1);
	assert_int_equal(e.type, NET_EVENT_STARTED);
	assert_int_equal(e.fip, 9);
	assert_int_equal(e.error, 0);
	assert_string_equal(e.text, "10.0.0.99/24 added to left");
	assert_int_equal(net_next_event(w->net, &e), 1);
	assert_int_equal(e.type, NET_EVENT_ANNOUNCED);
	assert_string_equal(e.text, "10.0.0.99 announced on left");
	assert_int_equal(net_next_event(w->net, &e), 1);
	assert_int_equal(e.type, NET_EVENT_ADDRESSES_CHANGED);
	assert_int_equal(net_next_event(w->net, &e), 0);
}

/* Told when one comes; not of its end, nor of what happens to it. */
static void test_link_comes(void **state)
{
	struct world *w = *state;
	unsigned int before;

	take_events(w);
	before = w->links;
	shell("ip link add extra type veth peer name other");
	for (int i = 0; i < 100 && w->links == before; i++)
		run_for(w, 10);
	assert_true(w->links > before);
	run_for(w, 50);
	before = w->links;
	shell("ip link set extra up && ip link set other up");
	run_for(w, 50);
	shell("ip link del extra");
	run_for(w, 50);
	assert_int_equal(w->links, before);
}

static void add_announce_remove(struct world *w, const char *ip, const char *cidr)
{
	struct net_fip_config config = config_of(ip);
	uint64_t gap;

	give_addresses(w);
	start(w, 3, &config, true);
	assert_true(is_there("left", cidr));
	await(w, 3, NET_EVENT_STARTED, 0);
	await(w, 3, NET_EVENT_ANNOUNCED, 0);
	assert_true(w->changes > 0);
	assert_true(answers(w, ip));
	assert_int_equal(net_fip_start(w->net, 3, &config, true, clock_boot()), -EALREADY);
	assert_int_equal(net_fip_start(w->net, 4, &config, true, clock_boot()), -EADDRINUSE);

	/* 0, 50 ms, 200 ms, 1 s, 3 s, and no more */
	await_announcement(w, ip, true, 4);
	gap = ha_time_since(await_announcement(w, ip, false, 4)->at,
			    await_announcement(w, ip, false, 0)->at);
	assert_in_range(gap, 2900000, 8000000);
	gap = ha_time_since(await_announcement(w, ip, false, 1)->at,
			    await_announcement(w, ip, false, 0)->at);
	assert_in_range(gap, 45000, 2000000);
	assert_int_equal(net_deadline(w->net).us, HA_TIME_NEVER.us);
	assert_int_equal(count_announcements(w, ip), 5);
	assert_int_equal(w->log_n, 2);

	assert_int_equal(net_fip_stop(w->net, 3), 0);
	assert_false(is_there("left", cidr));
	assert_int_equal(net_fip_stop(w->net, 3), 0); /* not there is fine */
	run_for(w, 100);
	assert_int_equal(w->log_n, 2); /* neither repaired nor missed */
	assert_true(is_there("left", "10.0.0.1/24") && is_there("left", "fd00::1/64"));
}

static void test_v4(void **state)
{
	add_announce_remove(*state, "10.0.0.99", "10.0.0.99/24");
}

static void test_v6(void **state)
{
	add_announce_remove(*state, "fd00::99", "fd00::99/64");
}

/* The mark that net_clean() needs, and what keeps an IPv6 address from becoming a source. */
static int find_row(const struct nlmsghdr *message, void *arg)
{
	struct net_address *wanted = arg, row;

	if (message && netlink_parse_address(message, &row) >= 0 &&
	    net_ip_equal(&row.ip, &wanted->ip))
		*wanted = row;
	return 0;
}

static void test_attributes(void **state)
{
	struct net_address v4 = {.ip = ip_of("10.0.0.99")}, v6 = {.ip = ip_of("fd00::99")};
	struct world *w = *state;
	struct net_fip_config config = config_of("10.0.0.99");
	struct netlink netlink;

	give_addresses(w);
	config.prefix = 32;
	start(w, 0, &config, true);
	config = config_of("fd00::99");
	snprintf(config.interface, sizeof(config.interface), "left");
	start(w, 1, &config, true);
	assert_int_equal(netlink_open(&netlink), 0);
	assert_int_equal(netlink_dump_addresses(&netlink, AF_INET, 0, find_row, &v4), 0);
	assert_int_equal(netlink_dump_addresses(&netlink, AF_INET6, 0, find_row, &v6), 0);
	netlink_close(&netlink);
	assert_int_equal(v4.proto, NET_ADDRESS_PROTO);
	assert_int_equal(v6.proto, NET_ADDRESS_PROTO);
	assert_int_equal(v4.prefix, 32);
	assert_int_equal(v6.prefix, 64);
	assert_true(is_there("left", "10.0.0.99/32"));
	shell("ip -6 addr show dev left | grep 'fd00::99/64' | grep deprecated |"
	      "grep -vq tentative");
	shell("ip -6 route get fd00::2 | grep -q 'src fd00::1 '");
	shell("ip -o -4 addr show dev left | grep -q '10.0.0.1/24'");
}

/* Interfaces are found by the longest subnet that holds the address. */
static void test_by_subnet(void **state)
{
	struct world *w = *state;
	struct net_fip_config config = config_of("10.0.5.9");

	shell("ip addr add 10.0.0.1/16 dev left");
	shell("ip link add narrow type veth peer name narrow2 && ip link set narrow up &&"
	      "ip link set narrow2 up && ip addr add 10.0.5.1/24 dev narrow");
	start(w, 0, &config, true);
	await(w, 0, NET_EVENT_STARTED, 0);
	assert_true(is_there("narrow", "10.0.5.9/24"));
	config = config_of("10.0.6.9");
	start(w, 1, &config, true);
	assert_true(is_there("left", "10.0.6.9/16"));
	assert_int_equal(net_fip_stop(w->net, 0), 0);
	assert_int_equal(net_fip_stop(w->net, 1), 0);
	assert_false(is_there("narrow", "10.0.5.9/24") || is_there("left", "10.0.6.9/16"));
}

/* Nobody answers three probes: it starts when the time is over, not earlier. */
static void check_passes(struct world *w, const char *ip)
{
	struct net_fip_config config = config_of(ip);
	const struct seen_packet *p;
	struct packet_claim claim;
	uint64_t took;
	unsigned int probes = 0;
	ha_time begin;

	give_addresses(w);
	config.check_ms = 400;
	begin = clock_boot();
	start(w, 7, &config, false);
	assert_null(find_event(w, 7, NET_EVENT_STARTED, 0));
	await(w, 7, NET_EVENT_STARTED, 0);
	took = ha_time_since(clock_boot(), begin);
	assert_in_range(took, 400000, PATIENCE_MS * 1000);
	p = await_announcement(w, ip, false, 0);
	assert_in_range(ha_time_since(p->at, begin), 399000, PATIENCE_MS * 1000);
	for (const struct seen_packet *q = w->trace; q < p; q++) {
		int r = config.family == AF_INET ? packet_parse_arp(q->data, q->size, &claim)
						 : packet_parse_nd(q->data, q->size, &claim);

		if (r >= 0 && claim.probe && q->source[5] == 1 &&
		    net_ip_equal(&claim.ip, &(struct net_ip){0}) == false)
			probes++;
	}
	assert_int_equal(probes, 3);
	assert_true(answers(w, ip));
}

static void test_check_v4(void **state)
{
	check_passes(*state, "10.0.0.99");
}

static void test_check_v6(void **state)
{
	check_passes(*state, "fd00::99");
}

static void test_stop_while_checking(void **state)
{
	struct world *w = *state;
	struct net_fip_config config = config_of("10.0.0.99");

	give_addresses(w);
	config.check_ms = 100;
	start(w, 0, &config, false);
	assert_int_equal(net_fip_stop(w->net, 0), 0);
	start(w, 1, &config, true); /* answered, not taken yet: taken back as well */
	assert_int_equal(net_fip_stop(w->net, 1), 0);
	run_for(w, 300);
	assert_int_equal(w->log_n, 0);
	assert_false(is_there("left", "10.0.0.99/24"));
	assert_int_equal(net_deadline(w->net).us, HA_TIME_NEVER.us);
}

static int compare_u64(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

#define ROUNDS 51

/* The failover path: no waiting, whatever check_ms says. */
static void time_proven(struct world *w, const char *ip)
{
	struct net_fip_config config = config_of(ip);
	uint64_t wire[ROUNDS], start_us[ROUNDS], stop_us[ROUNDS];

	give_addresses(w);
	config.check_ms = 5000;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		ha_time begin, end;

		w->log_n = w->trace_n = 0;
		begin = clock_boot();
		start(w, 0, &config, true);
		start_us[i] = ha_time_since(clock_boot(), begin);
		take_events(w); /* no turn of the loop in between */
		assert_non_null(find_event(w, 0, NET_EVENT_STARTED, 0));
		assert_non_null(find_event(w, 0, NET_EVENT_ANNOUNCED, 0));
		wire[i] = ha_time_since(await_announcement(w, ip, false, 0)->at, begin);
		run_for(w, 1);
		end = clock_boot();
		assert_int_equal(net_fip_stop(w->net, 0), 0);
		stop_us[i] = ha_time_since(clock_boot(), end);
		run_for(w, 1);
	}
	qsort(wire, ROUNDS, sizeof(wire[0]), compare_u64);
	qsort(start_us, ROUNDS, sizeof(wire[0]), compare_u64);
	qsort(stop_us, ROUNDS, sizeof(wire[0]), compare_u64);
	printf("figure: %-10s start to announcement on the wire %llu us (max %llu), call %llu us, "
	       "stop %llu us (max %llu)\n",
	       ip, (unsigned long long)wire[ROUNDS / 2], (unsigned long long)wire[ROUNDS - 1],
	       (unsigned long long)start_us[ROUNDS / 2], (unsigned long long)stop_us[ROUNDS / 2],
	       (unsigned long long)stop_us[ROUNDS - 1]);
	assert_true(wire[ROUNDS / 2] < 20000); /* a hundredfold of what it takes */
}

static void test_proven_v4(void **state)
{
	time_proven(*state, "10.0.0.99");
}

static void test_proven_v6(void **state)
{
	time_proven(*state, "fd00::99");
}

/* Refreshed while held. */
static void test_refresh(void **state)
{
	struct world *w = *state;
	struct net_fip_config config = config_of("fd00::99");

	give_addresses(w);
	config.refresh_s = 1;
	start(w, 0, &config, true);
	await_announcement(w, "fd00::99", false, 6); /* five, and two refreshes */
}

/* A router says so in its advertisements, or its neighbours would forget it as one. */
static void test_router_flag(void **state)
{
	struct world *w = *state;
	struct net_fip_config config = config_of("fd00::99");
	ha_time until = ha_time_add(clock_boot(), PATIENCE_MS * USEC_PER_MSEC);
	uint8_t want[PACKET_ND_SIZE];
	struct net_ip ip = ip_of("fd00::99");

	give_addresses(w);
	shell("echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
	start(w, 0, &config, true);
	packet_build_advertisement(want, &ip, (const uint8_t[]){2, 0, 0, 0, 0, 1}, true);
	while (!find_packet(w, want, sizeof(want), 0) && ha_time_before(clock_boot(), until))
		turn(w, until);
	assert_non_null(find_packet(w, want, sizeof(want), 0));
}

/* Without an address of the node's own, the first of two is primary and the other hangs on it. */
static void test_two_in_one_subnet(void **state)
{
	struct world *w = *state;
	struct net_fip_config config = config_of("10.0.0.98");

	shell_there(w, "ip addr add 10.0.0.2/24 dev right");
	snprintf(config.interface, sizeof(config.interface), "left");
	config.prefix = 24;
	start(w, 0, &config, true);
	config.address.v4 = config_of("10.0.0.99").address.v4;
	start(w, 1, &config, true);
	shell("ip -o addr show dev left | grep 10.0.0.99/24 | grep -q secondary");
	run_for(w, 20);
	assert_int_equal(net_fip_stop(w->net, 0), 0);
	assert_true(is_there("left", "10.0.0.99/24"));
	assert_false(is_there("left", "10.0.0.98/24"));
	run_for(w, 100);
	assert_null(find_event(w, 1, NET_EVENT_REPAIRED, 0)); /* not gone for a moment */
	assert_true(answers(w, "10.0.0.99"));
	shell("grep -q 0 /proc/sys/net/ipv4/conf/left/promote_secondaries"); /* as before */
}

/* The node's own address comes and goes while ours stays: ours becomes primary, and goes
 * without taking the node's address along. */
static void test_own_address_changes(void **state)
{
	struct world *w = *state;
	struct net_fip_config config = config_of("10.0.0.99");

	give_addresses(w);
	start(w, 0, &config, true);
	run_for(w, 20);
	shell("ip addr del 10.0.0.1/24 dev left"); /* takes ours along */
	await(w, 0, NET_EVENT_REPAIRED, 0);
	await(w, 0, NET_EVENT_ANNOUNCED, 1);
	assert_true(is_there("left", "10.0.0.99/24"));
	shell("ip addr add 10.0.0.1/24 dev left");
	shell("ip -o addr show dev left | grep 10.0.0.1/24 | grep -q secondary");
	assert_int_equal(net_fip_stop(w->net, 0), 0);
	assert_true(is_there("left", "10.0.0.1/24"));
	assert_false(is_there("left", "10.0.0.99/24"));
}

/* Confirmed, it stays; left alone by an agent that no longer runs, the kernel removes it. */
static void lifetime(struct world *w, const char *ip, const char *cidr)
{
	struct net_fip_config config = config_of(ip);
	ha_time end;

	give_addresses(w);
	config.lifetime_s = 2;
	start(w, 0, &config, true);
	for (end = ha_time_add(clock_boot(), 5 * USEC_PER_SEC);
	     ha_time_before(clock_boot(), end);) {
		net_confirm(w->net, clock_boot());
		run_for(w, 100);
		assert_true(is_there("left", cidr));
	}
	assert_null(find_event(w, 0, NET_EVENT_REPAIRED, 0)); /* it was never away */
	end = ha_time_add(clock_boot(), PATIENCE_MS * USEC_PER_MSEC);
	while (is_there("left", cidr)) /* nobody looks at `net` any more */
		assert_true(ha_time_before(clock_boot(), end));
	assert_int_equal(net_fip_stop(w->net, 0), 0);
}

static void test_lifetime_v4(void **state)
{
	lifetime(*state, "10.0.0.99", "10.0.0.99/24");
}

static void test_lifetime_v6(void **state)
{
	lifetime(*state, "fd00::99", "fd00::99/64");
}

#define MANY NET_FIPS_MAX

/* The most that there can be, all at once. */
static void test_many(void **state)
{
	struct world *w = *state;
	struct net_fip_config config = config_of("10.0.0.99");
	uint64_t start_us, stop_us;
	ha_time begin;

	shell("ip addr add 10.0.0.1/16 dev left");
	shell_there(w, "ip addr add 10.0.0.2/16 dev right");
	begin = clock_boot();
	for (uint16_t i = 0; i < MANY; i++) {
		config.address.v4.s_addr = htonl(0x0a000100U + i);
		config.check_ms = 100;
		start(w, i, &config, true);
	}
	start_us = ha_time_since(clock_boot(), begin);
	for (uint16_t i = 0; i < MANY; i++) {
		await(w, i, NET_EVENT_STARTED, 0);
		await(w, i, NET_EVENT_ANNOUNCED, 0);
	}
	run_for(w, 300);
	assert_int_equal(w->log_n, 2 * MANY);
	assert_true(answers(w, "10.0.1.0") && answers(w, "10.0.2.255"));
	shell("test $(ip -o addr show dev left | grep -c 'inet 10.0.[12].') = %d", MANY);
	begin = clock_boot();
	for (uint16_t i = 0; i < MANY; i++)
		assert_int_equal(net_fip_stop(w->net, i), 0);
	stop_us = ha_time_since(clock_boot(), begin);
	shell("test $(ip -o addr show dev left | grep -c 'inet 10.0.[12].') = 0");
	printf("figure: %d floating IPs started in %llu ms, stopped in %llu ms\n", MANY,
	       (unsigned long long)start_us / 1000, (unsigned long long)stop_us / 1000);
}

/* Loopback has no neighbours: nothing to check, nothing to announce. */
static void test_loopback(void **state)
{
	struct world *w = *state;
	struct net_fip_config config = config_of("10.0.0.99");

	snprintf(config.interface, sizeof(config.interface), "lo");
	config.check_ms = 5000;
	start(w, 0, &config, false);
	take_events(w);
	assert_non_null(find_event(w, 0, NET_EVENT_STARTED, 0));
	run_for(w, 50);
	assert_int_equal(w->log_n, 1);
	assert_true(is_there("lo", "10.0.0.99/32"));
	assert_int_equal(net_fip_stop(w->net, 0), 0);
}

#define netns_test(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		netns_test(test_event_order),
		netns_test(test_link_comes),
		netns_test(test_v4),
		netns_test(test_v6),
		netns_test(test_attributes),
		netns_test(test_by_subnet),
		netns_test(test_check_v4),
		netns_test(test_check_v6),
		netns_test(test_stop_while_checking),
		netns_test(test_proven_v4),
		netns_test(test_proven_v6),
		netns_test(test_refresh),
		netns_test(test_lifetime_v4),
		netns_test(test_lifetime_v6),
		netns_test(test_router_flag),
		netns_test(test_two_in_one_subnet),
		netns_test(test_own_address_changes),
		netns_test(test_many),
		netns_test(test_loopback),
	};

	if (!netns_allowed())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
