/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Floating IPs against the real kernel: what goes wrong. Root; see tests/unit/netns.h. */
#include "tests/unit/netns.h"
#include "net/internal.h"

static void start(struct world *w, uint16_t fip, const struct net_fip_config *config, bool proven)
{
	assert_int_equal(net_fip_start(w->net, fip, config, proven, clock_boot()), 0);
}

static struct net_fip_config config_on(const char *ip, const char *interface)
{
	struct net_fip_config config = config_of(ip);

	snprintf(config.interface, sizeof(config.interface), "%s", interface);
	return config;
}

/* ---- duplicates ---- */

static void duplicate_found(struct world *w, const char *ip, const char *cidr)
{
	struct net_fip_config config = config_of(ip);
	const struct net_event *e;
	ha_time begin = clock_boot();
	char want[NET_TEXT_SIZE];

	give_addresses(w);
	shell_there(w, "ip addr add %s dev right %s", cidr, strchr(ip, ':') ? "nodad" : "");
	config.check_ms = 30000;
	start(w, 0, &config, false);
	e = await(w, 0, NET_EVENT_FAILED, 0);
	assert_int_equal(e->error, -EADDRINUSE);
	snprintf(want, sizeof(want), "%s is in use on left by " RIGHT_MAC, ip);
	assert_string_equal(e->text, want);
	assert_true(ha_time_since(clock_boot(), begin) < 29000000); /* at the first answer */
	assert_false(is_there("left", cidr));
	run_for(w, 50);
	assert_int_equal(w->log_n, 1);
	assert_int_equal(count_announcements(w, ip), 0);

	/* When the other host is gone it starts. */
	shell_there(w, "ip addr del %s dev right", cidr);
	config.check_ms = 100;
	start(w, 0, &config, false);
	await(w, 0, NET_EVENT_STARTED, 0);
}

static void test_duplicate_v4(void **state)
{
	duplicate_found(*state, "10.0.0.99", "10.0.0.99/24");
}

static void test_duplicate_v6(void **state)
{
	duplicate_found(*state, "fd00::99", "fd00::99/64");
}

/* Two hosts that probe at once both stay away (RFC 5227 section 2.1.1). */
static void test_probed_by_another(void **state)
{
	struct world *w = *state;
	struct net_fip_config config = config_of("10.0.0.99");
	struct net_ip ip = ip_of("10.0.0.99");
	uint8_t packet[PACKET_ARP_SIZE];
	const struct net_event *e;
	struct sock s;

	give_addresses(w);
	config.check_ms = 30000;
	start(w, 0, &config, false);
	enter(w->there);
	assert_int_equal(sock_open(&s, AF_INET), 0);
	packet_build_arp(packet, PACKET_ARP_PROBE, &ip, (const uint8_t[]){2, 0, 0, 0, 0, 2});
	assert_int_equal(sock_send(&s, (int)if_nametoindex("right"),
				   (const uint8_t[]){255, 255, 255, 255, 255, 255}, packet,
				   sizeof(packet)),
			 0);
	enter(w->here);
	sock_close(&s);
	e = await(w, 0, NET_EVENT_FAILED, 0);
	assert_int_equal(e->error, -EADDRINUSE);
	assert_string_equal(e->text, "10.0.0.99 is also probed on left by " RIGHT_MAC);
}

/* The proof was wrong: started nevertheless, but told. */
static void proven_conflict(struct world *w, const char *ip, const char *cidr)
{
	struct net_fip_config config = config_of(ip);
	const struct net_event *e;

	give_addresses(w);
	shell_there(w, "ip addr add %s dev right %s", cidr, strchr(ip, ':') ? "nodad" : "");
	config.check_ms = 500;
	start(w, 0, &config, true);
	take_events(w);
	assert_non_null(find_event(w, 0, NET_EVENT_STARTED, 0));
	e = await(w, 0, NET_EVENT_CONFLICT, 0);
	assert_non_null(strstr(e->text, RIGHT_MAC));
	assert_non_null(strstr(e->text, ip));
	assert_true(is_there("left", cidr));
}

static void test_proven_conflict_v4(void **state)
{
	proven_conflict(*state, "10.0.0.99", "10.0.0.99/24");
}

static void test_proven_conflict_v6(void **state)
{
	proven_conflict(*state, "fd00::99", "fd00::99/64");
}

/* A claim as another host sends it when it takes the address. */
static void claim_from_there(struct world *w, const char *text)
{
	static const uint8_t right_mac[] = {2, 0, 0, 0, 0, 2};
	struct net_ip ip = ip_of(text);
	uint8_t packet[PACKET_ND_SIZE];
	size_t size = PACKET_ARP_SIZE;
	struct sock s;

	if (ip.family == AF_INET) {
		packet_build_arp(packet, PACKET_ARP_ANNOUNCE_REQUEST, &ip, right_mac);
	} else {
		packet_build_advertisement(packet, &ip, right_mac, false);
		size = PACKET_ND_SIZE;
	}
	enter(w->there);
	assert_int_equal(sock_open(&s, ip.family), 0);
	assert_int_equal(sock_send(&s, (int)if_nametoindex("right"),
				   (const uint8_t[]){255, 255, 255, 255, 255, 255}, packet, size),
			 0);
	enter(w->here);
	sock_close(&s);
}

static void conflict_while_held(struct world *w, const char *ip)
{
	struct net_fip_config config = config_of(ip);
	const struct net_event *e;
	unsigned int before;

	give_addresses(w);
	start(w, 5, &config, true);
	await_announcement(w, ip, false, 4); /* the last of the regular ones */
	before = count_announcements(w, ip);
	claim_from_there(w, ip);
	e = await(w, 5, NET_EVENT_CONFLICT, 0);
	assert_int_equal(e->error, -EADDRINUSE);
	assert_non_null(strstr(e->text, "is also claimed on left by " RIGHT_MAC));
	await_announcement(w, ip, false, before); /* one defence */
	for (int i = 0; i < 500; i++)
		claim_from_there(w, ip);
	run_for(w, 200);
	assert_null(find_event(w, 5, NET_EVENT_CONFLICT, 1));
	assert_int_equal(count_announcements(w, ip), before + 1);
	assert_true(answers(w, ip));
}

static void test_conflict_v4(void **state)
{
	conflict_while_held(*state, "10.0.0.99");
}

static void test_conflict_v6(void **state)
{
	conflict_while_held(*state, "fd00::99");
}

/* Two links on one wire: the kernel answers our own probes through the other one. */
static void test_same_wire(void **state)
{
	struct world *w = *state;
	struct net_fip_config config = config_on("10.0.0.99", "left");

	shell("ip link add left2 type veth peer name right2 netns /proc/self/fd/%d", w->there);
	shell("ip addr add 10.0.0.1/24 dev left && ip link set left2 up");
	shell_there(w, "ip link add name wire type bridge && ip link set wire up &&"
		       "ip link set right master wire && ip link set right2 master wire up");
	shell_there(w, "ip addr add 10.0.0.2/24 dev wire");
	config.check_ms = 300;
	start(w, 0, &config, true);
	run_for(w, 600);
	assert_null(find_event(w, 0, NET_EVENT_CONFLICT, 0));
	claim_from_there(w, "10.0.0.99"); /* goes from `right` to `left` as before */
	await(w, 0, NET_EVENT_CONFLICT, 0);
}

/* Traffic of others: the descriptor stays quiet. */
static void test_not_woken(void **state)
{
	struct world *w = *state;
	struct net_fip_config v4 = config_of("10.0.0.99"), v6 = config_of("fd00::99");
	struct pollfd pfd = {.events = POLLIN};

	give_addresses(w);
	start(w, 0, &v4, true);
	start(w, 1, &v6, true);
	run_for(w, 100);
	for (int i = 0; i < 50; i++) {
		claim_from_there(w, "10.0.0.2");
		claim_from_there(w, "fd00::2");
	}
	assert_true(answers(w, "10.0.0.99") && answers(w, "fd00::99")); /* resolved by ARP, ND */
	pfd.fd = net_fd(w->net);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	claim_from_there(w, "10.0.0.99");
	assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
}

/* ---- the address is taken away ---- */

static void removed_by_others(struct world *w, const char *ip, const char *cidr)
{
	struct net_fip_config config = config_of(ip);
	const struct net_event *e;

	give_addresses(w);
	start(w, 2, &config, true);
	await(w, 2, NET_EVENT_ANNOUNCED, 0);
	for (unsigned int i = 0; i < 5; i++) {
		shell("ip addr del %s dev left", cidr);
		e = await(w, 2, NET_EVENT_REPAIRED, i);
		assert_non_null(strstr(e->text, ip));
		await(w, 2, NET_EVENT_ANNOUNCED, i + 1);
		assert_true(is_there("left", cidr));
	}
	assert_true(answers(w, ip));
	shell("ip addr del %s dev left", cidr);
	e = await(w, 2, NET_EVENT_LOST, 0);
	assert_non_null(strstr(e->text, "removed again and again"));
	assert_false(is_there("left", cidr));
	run_for(w, 200); /* and it is left alone from now on */
	assert_false(is_there("left", cidr));
	assert_int_equal(net_fip_stop(w->net, 2), 0);
	start(w, 2, &config, true);
	await(w, 2, NET_EVENT_STARTED, 1);
}

static void test_removed_v4(void **state)
{
	removed_by_others(*state, "10.0.0.99", "10.0.0.99/24");
}

static void test_removed_v6(void **state)
{
	removed_by_others(*state, "fd00::99", "fd00::99/64");
}

/* A cleaner that flushes everything, ours along with the primary that it hangs on. */
static void test_flushed(void **state)
{
	struct world *w = *state;
	struct net_fip_config v4 = config_of("10.0.0.99"), v6 = config_of("fd00::99");

	give_addresses(w);
	start(w, 0, &v4, true);
	start(w, 1, &v6, true);
	run_for(w, 20);
	shell("ip addr flush dev left");
	await(w, 0, NET_EVENT_REPAIRED, 0);
	await(w, 1, NET_EVENT_REPAIRED, 0);
	assert_true(is_there("left", "10.0.0.99/24") && is_there("left", "fd00::99/64"));
}

/* More messages than the socket takes: the loss is noticed and the table read anew. */
static void test_overrun(void **state)
{
	struct world *w = *state;
	struct net_fip_config config = config_of("10.0.0.99");
	int size = 4096;

	give_addresses(w);
	start(w, 0, &config, true);
	run_for(w, 20);
	assert_int_equal(setsockopt(netlink_monitor_fd(&w->net->netlink), SOL_SOCKET, SO_RCVBUF,
				    &size, sizeof(size)),
			 0);
	shell("for i in $(seq 100); do echo addr add 10.7.0.$i/32 dev left; done | ip -batch -");
	shell("ip addr del 10.0.0.99/24 dev left");
	assert_false(is_there("left", "10.0.0.99/24"));
	await(w, 0, NET_EVENT_REPAIRED, 0);
	assert_true(is_there("left", "10.0.0.99/24"));
	/* Its message was lost, too, but a start by this subnet knows it. */
	config = config_of("10.8.0.99");
	shell("for i in $(seq 100); do echo addr del 10.7.0.$i/32 dev left; done | ip -batch -");
	shell("ip addr add 10.8.0.1/24 dev left");
	run_for(w, 20);
	start(w, 1, &config, true);
	await(w, 1, NET_EVENT_STARTED, 0);
}

/* ---- links ---- */

static void test_link_down(void **state)
{
	struct world *w = *state;
	struct net_fip_config v4 = config_of("10.0.0.99"), v6 = config_of("fd00::99");
	const struct net_event *e;

	give_addresses(w);
	v4.fail_on_link_down = v6.fail_on_link_down = true;
	start(w, 0, &v4, true);
	start(w, 1, &v6, true);
	run_for(w, 20);
	shell_there(w, "ip link set right down"); /* the cable */
	e = await(w, 0, NET_EVENT_LOST, 0);
	assert_int_equal(e->error, -ENETDOWN);
	assert_string_equal(e->text, "10.0.0.99 on left: its link went down");
	e = await(w, 1, NET_EVENT_LOST, 0);
	assert_int_equal(e->error, -ENETDOWN);
	assert_int_equal(net_fip_stop(w->net, 0), 0);
	assert_int_equal(net_fip_stop(w->net, 1), 0);
	assert_false(is_there("left", "10.0.0.99/24") || is_there("left", "fd00::99/64"));

	start(w, 0, &v4, true);
	e = await(w, 0, NET_EVENT_FAILED, 0);
	assert_int_equal(e->error, -ENETDOWN);
	assert_string_equal(e->text, "10.0.0.99: interface left has no link");
	shell_there(w, "ip link set right up");
	run_for(w, 300);
	assert_null(find_event(w, 0, NET_EVENT_STARTED, 1));
}

/* Not fatal: announced again when the link is back. */
static void test_link_returns(void **state)
{
	struct world *w = *state;
	struct net_fip_config v4 = config_of("10.0.0.99"), v6 = config_of("fd00::99");
	unsigned int before4, before6;

	give_addresses(w);
	start(w, 0, &v4, true);
	start(w, 1, &v6, true);
	await_announcement(w, "10.0.0.99", false, 4);
	await_announcement(w, "fd00::99", false, 4);
	shell_there(w, "ip link set right down");
	run_for(w, 300);
	before4 = count_announcements(w, "10.0.0.99");
	before6 = count_announcements(w, "fd00::99");
	shell_there(w, "ip link set right up");
	await(w, 0, NET_EVENT_ANNOUNCED, 1);
	await(w, 1, NET_EVENT_ANNOUNCED, 1);
	await_announcement(w, "10.0.0.99", false, before4 + 1);
	await_announcement(w, "fd00::99", false, before6 + 1);
	assert_null(find_event(w, 0, NET_EVENT_LOST, 0));
	assert_null(find_event(w, 1, NET_EVENT_LOST, 0));
}

/* Set down by the administrator the link loses its IPv6 addresses. */
static void test_set_down(void **state)
{
	struct world *w = *state;
	struct net_fip_config v4 = config_of("10.0.0.99"), v6 = config_of("fd00::99");

	give_addresses(w);
	start(w, 0, &v4, true);
	start(w, 1, &v6, true);
	run_for(w, 20);
	for (unsigned int i = 0; i < 7; i++) { /* more often than repairs are allowed */
		shell("ip link set left down");
		run_for(w, 30);
		shell("ip link set left up");
		await(w, 0, NET_EVENT_ANNOUNCED, i + 1);
		await(w, 1, NET_EVENT_REPAIRED, i);
		await(w, 1, NET_EVENT_ANNOUNCED, i + 1);
		assert_true(is_there("left", "10.0.0.99/24") && is_there("left", "fd00::99/64"));
	}
	assert_null(find_event(w, 0, NET_EVENT_LOST, 0));
	assert_null(find_event(w, 1, NET_EVENT_LOST, 0));
}

static void test_link_removed(void **state)
{
	struct world *w = *state;
	struct net_fip_config v4 = config_of("10.0.0.99"), v6 = config_of("fd00::99");
	struct net_fip_config checked = config_of("10.0.0.98");
	const struct net_event *e;

	give_addresses(w);
	start(w, 0, &v4, true);
	start(w, 1, &v6, true);
	checked.check_ms = 30000;
	start(w, 2, &checked, false);
	run_for(w, 20);
	shell("ip link del left");
	e = await(w, 0, NET_EVENT_LOST, 0);
	assert_int_equal(e->error, -ENODEV);
	assert_string_equal(e->text, "10.0.0.99 on left: the interface was removed");
	await(w, 1, NET_EVENT_LOST, 0);
	e = await(w, 2, NET_EVENT_FAILED, 0);
	assert_int_equal(e->error, -ENODEV);
	for (uint16_t i = 0; i < 3; i++)
		assert_int_equal(net_fip_stop(w->net, i), 0);
}

/* Neighbours have to learn the new address. */
static void test_mac_changes(void **state)
{
	struct world *w = *state;
	struct net_fip_config config = config_of("10.0.0.99");

	give_addresses(w);
	start(w, 0, &config, true);
	await(w, 0, NET_EVENT_ANNOUNCED, 0);
	shell("ip link set left address 02:00:00:00:00:09");
	await(w, 0, NET_EVENT_ANNOUNCED, 1);
}

/* A port that leaves a bridge sends a message much like that of a link that is removed. */
static void test_bridge_port(void **state)
{
	struct world *w = *state;
	struct net_fip_config config = config_on("10.0.0.99", "left");

	shell("ip link add name hfbr type bridge && ip link set hfbr up &&"
	      "ip addr add 10.1.0.1/24 dev hfbr && ip link set left master hfbr");
	config.prefix = 24;
	start(w, 0, &config, true);
	await(w, 0, NET_EVENT_STARTED, 0);
	shell("ip link set left nomaster");
	run_for(w, 100);
	assert_null(find_event(w, 0, NET_EVENT_LOST, 0));
	assert_true(is_there("left", "10.0.0.99/24"));
}

/* ---- starts that cannot be ---- */

static void test_nowhere(void **state)
{
	static const struct {
		const char *ip, *interface;
		int error;
		const char *text;
	} cases[] = {
		{"10.0.0.99", "eth9", -ENODEV, "10.0.0.99: there is no interface eth9"},
		{"172.16.0.1", "", -ENODEV,
		 "172.16.0.1: no interface that is up has a subnet with it"},
		{"fd77::1", "", -ENODEV, "fd77::1: no interface that is up has a subnet with it"},
		{"fe80::77", "", -EINVAL, "fe80::77: link-local, so name its interface"},
		{"10.5.0.9", "down0", -ENETDOWN, "10.5.0.9: interface down0 is down"},
		{"10.5.0.9", "", -ENODEV, "10.5.0.9: no interface that is up has a subnet with it"},
		{"10.6.0.1", "left", -EADDRINUSE, "10.6.0.1 is already on up0 of this node"},
	};
	struct world *w = *state;

	give_addresses(w);
	shell("ip link add down0 type veth peer name down1 && ip addr add 10.5.0.1/24 dev down0");
	shell("ip link add up0 type veth peer name up1 && ip addr add 10.6.0.1/24 dev up0 &&"
	      "ip link set up0 up");
	for (uint16_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct net_fip_config config = config_on(cases[i].ip, cases[i].interface);
		const struct net_event *e;

		start(w, i, &config, true);
		e = await(w, i, NET_EVENT_FAILED, 0);
		assert_string_equal(e->text, cases[i].text);
		assert_int_equal(e->error, cases[i].error);
		assert_int_equal(net_fip_stop(w->net, i), 0);
	}
	assert_true(is_there("up0", "10.6.0.1/24"));
}

static void test_refused(void **state)
{
	struct world *w = *state;
	struct net_fip_config good = config_of("10.0.0.99"), bad;

	give_addresses(w);
	assert_int_equal(net_fip_start(w->net, NET_FIPS_MAX, &good, true, clock_boot()), -EINVAL);
	assert_int_equal(net_fip_stop(w->net, NET_FIPS_MAX), -EINVAL);
	bad = good;
	bad.family = AF_UNIX;
	assert_int_equal(net_fip_start(w->net, 0, &bad, true, clock_boot()), -EAFNOSUPPORT);
	bad = good;
	bad.prefix = 33;
	assert_int_equal(net_fip_start(w->net, 0, &bad, true, clock_boot()), -EINVAL);
	bad = good;
	memset(bad.interface, 'x', sizeof(bad.interface));
	assert_int_equal(net_fip_start(w->net, 0, &bad, true, clock_boot()), -EINVAL);
	bad = config_of("224.0.0.1");
	assert_int_equal(net_fip_start(w->net, 0, &bad, true, clock_boot()), -EINVAL);
	bad = config_of("::1");
	assert_int_equal(net_fip_start(w->net, 0, &bad, true, clock_boot()), -EINVAL);
	run_for(w, 20);
	assert_int_equal(w->log_n, 0);
}

/* IPv6 switched off on the link: the kernel's reason is passed on. */
static void test_kernel_refuses(void **state)
{
	struct world *w = *state;
	struct net_fip_config config = config_on("fd00::99", "left");
	const struct net_event *e;

	shell("echo 1 >/proc/sys/net/ipv6/conf/left/disable_ipv6");
	start(w, 0, &config, true);
	e = await(w, 0, NET_EVENT_FAILED, 0);
	assert_true(e->error == -EACCES || e->error == -EPERM);
	assert_non_null(strstr(e->text, "fd00::99: adding to left: "));
	shell("echo 0 >/proc/sys/net/ipv6/conf/left/disable_ipv6");
	start(w, 0, &config, true);
	await(w, 0, NET_EVENT_STARTED, 0);
	shell("echo 1 >/proc/sys/net/ipv6/conf/left/disable_ipv6");
	await(w, 0, NET_EVENT_LOST, 0);
}

/* ---- what a crashed agent left ---- */

static void test_clean(void **state)
{
	struct world *w = *state;
	struct net_fip_config list[] = {config_of("10.0.0.97"), config_of("fd00::97")};
	struct net_fip_config v4 = config_of("10.0.0.99"), v6 = config_of("fd00::99");

	give_addresses(w);
	start(w, 0, &v4, true);
	start(w, 1, &v6, true);
	net_free(w->net); /* no stop: a crash */
	assert_true(is_there("left", "10.0.0.99/24") && is_there("left", "fd00::99/64"));
	shell("ip addr add 10.0.0.97/24 dev left && ip addr add fd00::97/64 dev left nodad");
	shell("ip addr add 10.0.0.97/32 dev left");
	shell("ip addr add 10.0.0.50/24 dev left");
	assert_int_equal(net_new(&w->net), 0);
	v4 = config_of("10.0.0.96");
	start(w, 0, &v4, true);
	assert_int_equal(net_clean(w->net, list, 2), 5);
	assert_false(is_there("left", "10.0.0.99/24") || is_there("left", "fd00::99/64"));
	assert_false(is_there("left", "10.0.0.97/24") || is_there("left", "10.0.0.97/32"));
	assert_false(is_there("left", "fd00::97/64"));
	assert_true(is_there("left", "10.0.0.1/24") && is_there("left", "10.0.0.50/24"));
	assert_true(is_there("left", "fd00::1/64"));
	assert_true(is_there("left", "10.0.0.96/24")); /* in use */
	assert_int_equal(net_clean(w->net, list, 2), 0);
}

/* A start over what is left: on the same link it is taken over, elsewhere it is removed. */
static void test_leftovers(void **state)
{
	struct world *w = *state;
	struct net_fip_config v4 = config_on("10.0.0.99", "up0"), v6 = config_of("fd00::99");

	give_addresses(w);
	shell("ip link add up0 type veth peer name up1 && ip link set up0 up &&"
	      "ip link set up1 up");
	start(w, 0, &v4, true);
	start(w, 1, &v6, true);
	net_free(w->net);
	/* As the kernel's own duplicate check leaves it: useless until it is done. */
	shell("ip addr del fd00::99/64 dev left");
	shell("echo 1 >/proc/sys/net/ipv6/conf/left/accept_dad");
	shell("ip addr add fd00::99/64 dev left && ip addr add fd00::98/64 dev left nodad");
	assert_int_equal(net_new(&w->net), 0);
	v4 = config_of("10.0.0.99");
	start(w, 0, &v4, true);
	start(w, 1, &v6, true);
	v6 = config_of("fd00::98");
	start(w, 2, &v6, true);
	for (uint16_t i = 0; i < 3; i++)
		await(w, i, NET_EVENT_STARTED, 0);
	assert_false(is_there("up0", "10.0.0.99/32"));
	assert_true(is_there("left", "10.0.0.99/24"));
	assert_true(answers(w, "10.0.0.99") && answers(w, "fd00::99") && answers(w, "fd00::98"));
	for (uint16_t i = 0; i < 3; i++)
		assert_int_equal(net_fip_stop(w->net, i), 0);
	shell("test $(ip -o addr show dev left | grep -c -e 10.0.0.99 -e fd00::9) = 0");
}

#define netns_test(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		netns_test(test_duplicate_v4),
		netns_test(test_duplicate_v6),
		netns_test(test_probed_by_another),
		netns_test(test_proven_conflict_v4),
		netns_test(test_proven_conflict_v6),
		netns_test(test_conflict_v4),
		netns_test(test_conflict_v6),
		netns_test(test_same_wire),
		netns_test(test_not_woken),
		netns_test(test_removed_v4),
		netns_test(test_removed_v6),
		netns_test(test_flushed),
		netns_test(test_overrun),
		netns_test(test_link_down),
		netns_test(test_link_returns),
		netns_test(test_set_down),
		netns_test(test_link_removed),
		netns_test(test_mac_changes),
		netns_test(test_bridge_port),
		netns_test(test_nowhere),
		netns_test(test_refused),
		netns_test(test_kernel_refuses),
		netns_test(test_clean),
		netns_test(test_leftovers),
	};

	if (!netns_allowed())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
