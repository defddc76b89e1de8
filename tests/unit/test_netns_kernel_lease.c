/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Floating IPs under lease, between namespaces: node 1 sees them answered or not. Whether a lease
 * is valid is decided by the programs alone: nothing here renews anything while it waits.
 */
#include "tests/unit/kernel_world.h"

#define FIP4	"10.0.0.99"
#define FIP6	"fd00::99"
#define LONG_US (600 * USEC_PER_SEC)

/* As the agent does: protected first, then added. */
static void add_fip(struct kernel_world *k, const char *ip)
{
	struct net_ip address = ip_of(ip);

	assert_int_equal(hb_kernel_protect(k->kernel, address.family, address.bytes), 0);
	shell("ip addr add %s/%d dev left %s", ip, address.family == AF_INET ? 24 : 64,
	      address.family == AF_INET ? "" : "nodad");
}

static void add_fips(struct kernel_world *k)
{
	add_fip(k, FIP4);
	add_fip(k, FIP6);
}

/* Whether the other host gets an answer; `known`: without asking for the hardware address. */
static bool pinged(struct kernel_world *k, const char *ip, bool known, const char *wait)
{
	char command[256];
	bool ok;

	snprintf(command, sizeof command,
		 "ip neigh flush dev right nud all; %s%s%s ping -c 1 -W %s %s >/dev/null 2>&1",
		 known ? "ip neigh replace " : "", known ? ip : "",
		 known ? " lladdr " LEFT_MAC " dev right nud permanent &&" : "", wait, ip);
	enter(k->w->there);
	ok = system(command) == 0;
	enter(k->w->here);
	return ok;
}

static void check_answered(struct kernel_world *k, const char *ip)
{
	assert_true(pinged(k, ip, false, "20"));
	assert_true(pinged(k, ip, true, "20"));
}

static void check_silent(struct kernel_world *k, const char *ip)
{
	uint64_t before = kw_count(k, KERNEL_COUNT_DROPPED_IN), between;

	assert_false(pinged(k, ip, false, "0.3")); /* the request for its hardware address */
	between = kw_count(k, KERNEL_COUNT_DROPPED_IN);
	assert_true(between > before);
	assert_false(pinged(k, ip, true, "0.3")); /* the packet itself */
	assert_true(kw_count(k, KERNEL_COUNT_DROPPED_IN) > between);
}

static void check_both(struct kernel_world *k, bool answered)
{
	(answered ? check_answered : check_silent)(k, FIP4);
	(answered ? check_answered : check_silent)(k, FIP6);
	assert_true(
		pinged(k, "10.0.0.1", false, "20")); /* what is not protected is never touched */
	assert_true(pinged(k, "fd00::1", false, "20"));
}

static void lease_for(struct kernel_world *k, uint64_t number, uint64_t us)
{
	hb_kernel_lease(k->kernel, number, us ? ha_time_add(clock_boot(), us) : HA_TIME_ZERO, 3, 3);
}

static bool is_valid(struct kernel_world *k)
{
	struct hb_kernel_lease lease;

	hb_kernel_read(k->kernel, clock_boot(), &lease);
	return lease.valid;
}

static void wait_until(ha_time at)
{
	while (!ha_time_reached(at, clock_boot()))
		usleep(1000);
}

/* The agent's word alone (K2). */
static void test_word(void **state)
{
	struct kernel_world *k = *state;
	ha_time end;

	add_fips(k);
	check_both(k, false);
	lease_for(k, 1, LONG_US);
	check_both(k, true);
	assert_true(kw_ask_plain(k, 1, 0).leased);
	lease_for(k, 2, 0);
	check_both(k, false);
	assert_false(kw_ask_plain(k, 1, 0).leased);
	end = ha_time_add(clock_boot(), 300 * USEC_PER_MSEC);
	hb_kernel_lease(k->kernel, 3, end, 3, 3);
	assert_true(is_valid(k));
	wait_until(end);
	check_both(k, false);
	lease_for(k, 3, LONG_US); /* the same, renewed */
	check_both(k, true);
	hb_kernel_unprotect(k->kernel, AF_INET, ip_of(FIP4).bytes);
	lease_for(k, 4, 0);
	check_answered(k, FIP4); /* a person's business now */
	check_silent(k, FIP6);
}

/* ---- what leaves ---- */

static void send_announcement(const char *ip)
{
	bool v6 = strchr(ip, ':');
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(v6 ? ETH_P_IPV6 : ETH_P_ARP),
				 .sll_ifindex = (int)if_nametoindex("left"),
				 .sll_halen = 6,
				 .sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint8_t data[PACKET_ND_SIZE];
	size_t n = announcement(data, ip, false);

	/* what is dropped on its way out may be told here, as ENOBUFS */
	assert_true(sendto(fd, data, n, 0, (struct sockaddr *)&to, sizeof to) == (ssize_t)n ||
		    errno == ENOBUFS);
	close(fd);
}

static void send_from(const char *ip, const char *to_ip)
{
	bool v6 = strchr(ip, ':');
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(4444)};
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(4444)};
	struct sockaddr *a = v6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4;
	socklen_t size = v6 ? sizeof a6 : sizeof a4;
	void *at = v6 ? (void *)&a6.sin6_addr : (void *)&a4.sin_addr;
	int fd = socket(a->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(a->sa_family, ip, at), 1);
	assert_int_equal(bind(fd, a, size), 0);
	assert_int_equal(inet_pton(a->sa_family, to_ip, at), 1);
	(void)sendto(fd, "x", 1, 0, a, size); /* a dropped one may tell it */
	close(fd);
}

/* Packets from `left` whose source is a floating IP or which announce one, seen there so far. */
static unsigned int seen_out(struct kernel_world *k)
{
	unsigned int n;

	/* all before this have come when it has */
	send_announcement("10.0.0.1");
	(void)await_announcement(k->w, "10.0.0.1", false, count_announcements(k->w, "10.0.0.1"));
	n = count_announcements(k->w, FIP4) + count_announcements(k->w, FIP6);
	for (size_t i = 0; i < k->w->trace_n; i++) {
		const struct seen_packet *p = &k->w->trace[i];

		n += p->protocol == ETH_P_IP && p->source[5] == 1 &&
		     memcmp(p->data + 12, ip_of(FIP4).bytes, 4) == 0;
		n += p->protocol == ETH_P_IPV6 && p->source[5] == 1 &&
		     memcmp(p->data + 8, ip_of(FIP6).bytes, 16) == 0 && p->data[6] == 17;
	}
	return n;
}

static void test_egress(void **state)
{
	struct kernel_world *k = *state;

	add_fips(k);
	(void)kw_ask_plain(k, 1, 0); /* the hosts know each other */
	(void)kw_ask_plain(k, 1, 1);
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t dropped = kw_count(k, KERNEL_COUNT_DROPPED_OUT);
		unsigned int seen = seen_out(k);

		send_announcement(FIP4);
		send_announcement(FIP6);
		send_from(FIP4, "10.0.0.2");
		send_from(FIP6, "fd00::2");
		if (i == 0) {
			assert_int_equal(seen_out(k), 0);
			assert_int_equal(kw_count(k, KERNEL_COUNT_DROPPED_OUT), dropped + 4);
		} else {
			assert_int_equal(seen_out(k), seen + 4);
			assert_int_equal(kw_count(k, KERNEL_COUNT_DROPPED_OUT), dropped);
		}
		lease_for(k, 1, LONG_US);
	}
}

/* ---- grants (K3, K4) ---- */

/* Node 1 grants the newest token for `lease_us`. Returns the answer. */
static struct probe_answer grant(struct kernel_world *k, uint64_t lease_us)
{
	struct probe probe = kw_probe(k);

	probe.token = kw_ask_plain(k, 1, 0).token;
	probe.lease_us = lease_us;
	probe.grant = true;
	probe.stamp = kw_probe(k).stamp;
	return kw_ask(k, 1, 0, &probe);
}

static void test_grants(void **state)
{
	struct kernel_world *k = *state;
	struct hb_kernel_lease lease;
	ha_time end;

	add_fips(k);
	end = ha_time_add(clock_boot(), 300 * USEC_PER_MSEC);
	hb_kernel_lease(k->kernel, 1, end, 3, 3);
	assert_true(grant(k, LONG_US).leased);
	assert_int_equal(kw_count(k, KERNEL_COUNT_GRANT), 1);
	wait_until(end);
	check_both(k, true); /* two votes of three */
	hb_kernel_read(k->kernel, clock_boot(), &lease);
	assert_true(lease.valid);
	assert_int_equal(lease.number, 1);
	assert_in_range(lease.until[1].us, end.us, ha_time_add(clock_boot(), LONG_US).us);
	assert_int_equal(lease.until[2].us, 0);
	assert_int_equal(lease.refused_epoch, 0);
	lease_for(k, 2, 0); /* whatever was granted, the agent's word ends it */
	check_both(k, false);
	assert_false(grant(k, LONG_US).leased);
	assert_int_equal(kw_count(k, KERNEL_COUNT_LAPSED), 1);
	check_both(k, false);
}

/* Grants that run out; what comes later begins nothing. */
static void test_grants_run_out(void **state)
{
	struct kernel_world *k = *state;
	struct hb_kernel_lease lease;
	ha_time end;

	add_fips(k);
	hb_kernel_lease(k->kernel, 1, ha_time_add(clock_boot(), 300 * USEC_PER_MSEC), 3, 3);
	(void)grant(k, 600 * USEC_PER_MSEC);
	hb_kernel_read(k->kernel, clock_boot(), &lease);
	end = ha_time_max(lease.until[1], ha_time_add(clock_boot(), 300 * USEC_PER_MSEC));
	wait_until(end);
	check_both(k, false);
	assert_false(grant(k, LONG_US).leased);
	check_both(k, false);
	lease_for(k, 2, LONG_US);
	check_both(k, true); /* at once */
}

/* A token of a former lease is no grant of this one (K1, L7). */
static void test_grant_of_former_lease(void **state)
{
	struct kernel_world *k = *state;
	struct probe probe;
	uint64_t token;
	ha_time end;

	add_fips(k);
	lease_for(k, 1, LONG_US);
	token = kw_ask_plain(k, 1, 0).token;
	(void)grant(k, LONG_US);
	end = ha_time_add(clock_boot(), 300 * USEC_PER_MSEC);
	hb_kernel_lease(k->kernel, 2, end, 3, 3);
	probe = kw_probe(k);
	probe.token = token;
	probe.lease_us = LONG_US;
	probe.grant = true;
	(void)kw_ask(k, 1, 0, &probe);
	assert_int_equal(kw_count(k, KERNEL_COUNT_LAPSED), 1);
	wait_until(end);
	check_both(k, false);
}

static void test_refusal(void **state)
{
	struct kernel_world *k = *state;
	struct probe probe = kw_probe(k);
	struct hb_kernel_lease lease;

	add_fips(k);
	lease_for(k, 1, LONG_US);
	(void)grant(k, LONG_US);
	check_both(k, true);
	probe = kw_probe(k); /* of an epoch that we have installed */
	probe.outside = true;
	assert_true(kw_ask(k, 1, 0, &probe).leased);
	probe = kw_probe(k); /* to a former life of ours */
	probe.outside = true;
	probe.installed = 9;
	probe.to_incarnation = KW_INC - 1;
	assert_true(kw_ask(k, 1, 0, &probe).leased);
	probe = kw_probe(k);
	probe.outside = true;
	probe.installed = 9;
	assert_false(kw_ask(k, 1, 0, &probe).leased);
	check_both(k, false);
	hb_kernel_read(k->kernel, clock_boot(), &lease);
	assert_false(lease.valid);
	assert_int_equal(lease.refused_epoch, 9);
	assert_int_equal(lease.refused_by, 1);
	lease_for(k, 1, 2 * LONG_US); /* an agent that has not heard of it */
	check_both(k, false);
	hb_kernel_lease(k->kernel, 2, ha_time_add(clock_boot(), LONG_US), 10, 10);
	check_both(k, true);
	hb_kernel_read(k->kernel, clock_boot(), &lease);
	assert_int_equal(lease.refused_epoch, 0);
}

/* In our name (K8, K9). */
static void test_delegation(void **state)
{
	struct kernel_world *k = *state;
	struct delegation to_1 = {.lease_us = 5000, .incarnation = {[1] = KW_PEER}};
	struct delegation none = {};
	ha_time granted_at[NODES_MAX], before, after;
	struct probe_answer answer;
	struct probe probe;

	assert_false(kw_ask_plain(k, 1, 0).grant);
	hb_kernel_delegate(k->kernel, &to_1, granted_at);
	assert_int_equal(granted_at[1].us, 0);
	before = clock_boot();
	answer = kw_ask_plain(k, 1, 0);
	after = clock_boot();
	assert_true(answer.grant);
	assert_int_equal(answer.lease_us, 5000);
	assert_false(kw_ask_plain(k, 2, 0).grant);
	probe = kw_probe(k); /* it holds nothing */
	probe.lease_epoch = 0;
	assert_false(kw_ask(k, 1, 0, &probe).grant);
	to_1.excluded[1] = 4; /* kw_probe() has 3 */
	hb_kernel_delegate(k->kernel, &to_1, granted_at);
	assert_false(kw_ask_plain(k, 1, 0).grant);
	hb_kernel_delegate(k->kernel, &none, granted_at);
	assert_in_range(granted_at[1].us, before.us, after.us);
	to_1.excluded[1] = 3;
	hb_kernel_delegate(k->kernel, &to_1, granted_at);
	assert_true(kw_ask_plain(k, 1, 0).grant);
	probe = kw_probe(k);
	probe.incarnation++;
	assert_false(kw_ask(k, 1, 0, &probe).grant);
}

/* What a dead agent leaves goes dark by itself, and stays so until the next one has a lease. */
static void test_agent_gone(void **state)
{
	struct kernel_world *k = *state;
	ha_time end;

	add_fips(k);
	end = ha_time_add(clock_boot(), 300 * USEC_PER_MSEC);
	hb_kernel_lease(k->kernel, 1, end, 3, 3);
	k->kernel = hb_kernel_free(k->kernel);
	kw_close_ours(k);
	wait_until(end);
	assert_false(pinged(k, FIP4, true, "0.3") || pinged(k, FIP6, true, "0.3"));
	assert_false(pinged(k, FIP4, false, "0.3") || pinged(k, FIP6, false, "0.3"));
	assert_true(kw_ask_plain(k, 1, 0).gone);
	kw_start(k, KW_INC + 1);
	check_both(k, false);
	lease_for(k, 1, LONG_US);
	check_both(k, true);
	kw_start(k, KW_INC + 2); /* and one that is replaced loses its lease at once */
	check_both(k, false);
}

static void test_protect_limits(void **state)
{
	struct kernel_world *k = *state;
	uint8_t ip[4] = {10, 1, 0, 0};

	assert_int_equal(hb_kernel_protect(k->kernel, AF_UNIX, ip), -EAFNOSUPPORT);
	for (unsigned int i = 0; i < KERNEL_ADDRESSES_MAX; i++) {
		ip[2] = (uint8_t)(i >> 8);
		ip[3] = (uint8_t)i;
		assert_int_equal(hb_kernel_protect(k->kernel, AF_INET, ip), 0);
	}
	assert_int_equal(hb_kernel_protect(k->kernel, AF_INET, ip), 0);
	ip[1]++;
	assert_int_equal(hb_kernel_protect(k->kernel, AF_INET, ip), -ENOSPC);
	hb_kernel_unprotect(k->kernel, AF_INET, ip); /* is not there: fine */
	ip[1]--;
	hb_kernel_unprotect(k->kernel, AF_INET, ip);
	hb_kernel_unprotect(k->kernel, AF_UNIX, ip);
	add_fip(k, FIP4); /* room for one */
	check_silent(k, FIP4);
	for (unsigned int i = 0; i < KERNEL_ADDRESSES_MAX; i++) {
		ip[2] = (uint8_t)(i >> 8);
		ip[3] = (uint8_t)i;
		hb_kernel_unprotect(k->kernel, AF_INET, ip);
	}
	check_silent(k, FIP4);
	hb_kernel_unprotect(k->kernel, AF_INET, ip_of(FIP4).bytes);
	check_answered(k, FIP4);
	for (unsigned int i = 0; i < KERNEL_HINT_WORDS; i++)
		assert_int_equal(k->kernel->state->hint[i], 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kw_setup, kw_teardown)
	const struct CMUnitTest tests[] = {
		T(test_word),
		T(test_egress),
		T(test_grants),
		T(test_grants_run_out),
		T(test_grant_of_former_lease),
		T(test_refusal),
		T(test_delegation),
		T(test_agent_gone),
		T(test_protect_limits),
	};

	if (!kw_allowed())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
