/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Monitors of the network, in namespaces: addresses that answer or do not, links that go, floating
 * IPs that are taken away, servers behind a silent network. */
#include "netns.h"

#include "monitor_world.h"

struct place {
	struct world *net;
	struct monitor_world *w;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	void *net = NULL, *w = NULL;

	assert_non_null(p);
	assert_int_equal(world_setup(&net), 0);
	assert_int_equal(monitor_world_setup(&w), 0);
	p->net = net;
	p->w = w;
	give_addresses(p->net);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	void *net, *w;

	if (!p)
		return 0;
	net = p->net;
	w = p->w;
	free(p);
	assert_int_equal(monitor_world_teardown(&w), 0);
	return world_teardown(&net);
}

static char *words(const char *text)
{
	return (char *)(uintptr_t)text;
}

/* ---- ipw ---- */

static void test_ping(void **state)
{
	struct place *p = *state;
	static char *v4[] = {NULL, NULL}, *v6[] = {NULL, NULL}, *one_of[] = {NULL, NULL, NULL},
		    *none[] = {NULL, NULL}, *nowhere[] = {NULL, NULL}, *bad[] = {NULL, NULL};
	char **lists[] = {v4, v6, one_of, none, nowhere, bad};

	v4[0] = words("10.0.0.2");
	v6[0] = words("fd00::2");
	one_of[0] = words("10.0.0.77");
	one_of[1] = words("fd00::2");
	none[0] = words("10.0.0.77");
	nowhere[0] = words("192.0.2.1");
	bad[0] = words("gateway");
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		struct monitor_config *m = add_monitor(p->w, MONITOR_IPW);

		m->addresses = lists[i];
		if (i == 3)
			m->timeout_us = 500 * USEC_PER_MSEC;
	}
	run_all(p->w);
	for (uint16_t i = 0; i < 3; i++) {
		p->w->read = 0;
		(void)await_status(p->w, i, MONITOR_NORMAL);
	}
	p->w->read = 0;
	expect_error(p->w, 3, "10.0.0.77: no answer within 500ms");
	p->w->read = 0;
	expect_error(p->w, 4, "192.0.2.1: network is unreachable");
	p->w->read = 0;
	expect_error(p->w, 5, "gateway: not a numeric address");
	assert_int_equal(stats_of(p->w, 3).timeouts, 0); /* silence is how an address fails */
	assert_true(stats_of(p->w, 3).failures >= 1);
}

static void test_ping_that_stops(void **state)
{
	struct place *p = *state;
	static char *list[] = {NULL, NULL};
	struct monitor_config *m = add_monitor(p->w, MONITOR_IPW);

	list[0] = words("10.0.0.2");
	m->addresses = list;
	m->timeout_us = 300 * USEC_PER_MSEC;
	run_all(p->w);
	(void)await_status(p->w, 0, MONITOR_NORMAL);
	shell_there(p->net, "ip addr del 10.0.0.2/24 dev right");
	expect_error(p->w, 0, "10.0.0.2: no answer within 300ms");
	shell_there(p->net, "ip addr add 10.0.0.2/24 dev right");
	(void)await_status(p->w, 0, MONITOR_NORMAL);
}

/* Two monitors of the same address do not take each other's answers for theirs, nor those of
 * ping(8) beside them. */
static void test_many_pings(void **state)
{
	struct place *p = *state;
	static char *good[] = {NULL, NULL}, *silent[] = {NULL, NULL};

	good[0] = words("10.0.0.2");
	silent[0] = words("10.0.0.88");
	for (uint16_t i = 0; i < 64; i++) {
		struct monitor_config *m = add_monitor(p->w, MONITOR_IPW);

		m->addresses = i % 2 ? silent : good;
		m->timeout_us = i % 2 ? 300 * USEC_PER_MSEC : 20 * USEC_PER_SEC;
	}
	run_all(p->w);
	shell("ping -q -c 5 -i 0.05 10.0.0.2 >/dev/null");
	for (uint16_t i = 0; i < 64; i++) {
		p->w->read = 0;
		assert_int_equal(await_verdict(p->w, i)->status,
				 i % 2 ? MONITOR_ERROR : MONITOR_NORMAL);
	}
	run_world(p->w, 500000);
	for (size_t i = 0; i < p->w->n; i++)
		assert_int_equal(p->w->said[i].status,
				 p->w->said[i].monitor % 2 ? MONITOR_ERROR : MONITOR_NORMAL);
}

/* ---- miiw ---- */

static void test_link(void **state)
{
	struct place *p = *state;
	struct monitor_config *m = add_monitor(p->w, MONITOR_MIIW);

	m->interface = words("left");
	m->interval_us = 3600 * USEC_PER_SEC; /* all that follows is news of the kernel */
	m = add_monitor(p->w, MONITOR_MIIW);
	m->interface = words("absent0");
	m = add_monitor(p->w, MONITOR_MIIW);
	m->interface = words("a-name-that-is-too-long-for-it");
	run_all(p->w);
	expect_good(p->w, 0);
	p->w->read = 0;
	expect_error(p->w, 1, "absent0: no such interface");
	p->w->read = 0;
	expect_error(p->w, 2, "a-name-that-is-too-long-for-it: no such interface");
	monitor_order(p->w->monitors, 1, false, false);
	monitor_order(p->w->monitors, 2, false, false);
	shell_there(p->net, "ip link set right down");
	assert_string_equal(await_status(p->w, 0, MONITOR_ERROR)->text, "left: no carrier");
	shell_there(p->net, "ip link set right up");
	(void)await_status(p->w, 0, MONITOR_NORMAL);
	shell("ip link set left down");
	do
		(void)await_status(p->w, 0, MONITOR_ERROR);
	while (strcmp(p->w->said[p->w->read - 1].text, "left: the interface is down") != 0);
	shell("ip link set left up");
	(void)await_status(p->w, 0, MONITOR_NORMAL);
	shell("ip link del left");
	do
		(void)await_status(p->w, 0, MONITOR_ERROR);
	while (strcmp(p->w->said[p->w->read - 1].text, "left: no such interface") != 0);
}

/* ---- fipw ---- */

static void add_fip(struct place *p, const char *ip, const char *interface, bool check_link)
{
	struct config *config = p->w->config;
	struct resource_config *r = &config->resources[config->n_resources];
	struct monitor_config *m = add_monitor(p->w, MONITOR_FIPW);

	r->fip = config_of(ip);
	(void)snprintf(r->fip.interface, sizeof r->fip.interface, "%s", interface);
	m->resource = config->n_resources++;
	m->check_link = check_link;
}

static void test_floating_ip(void **state)
{
	struct place *p = *state;

	add_fip(p, "10.0.0.50", "left", true);
	add_fip(p, "fd00::50", "", false);
	add_fip(p, "10.0.0.51", "", true);
	add_fip(p, "10.0.0.1", "lo", true); /* is there, but on another one */
	add_fip(p, "10.0.0.1", "absent0", true);
	p->w->config->monitors[0].interval_us = 3600 * USEC_PER_SEC;
	shell("ip addr add 10.0.0.50/24 dev left && ip addr add fd00::50/64 dev left nodad");
	run_all(p->w);
	expect_good(p->w, 0);
	p->w->read = 0;
	expect_good(p->w, 1);
	p->w->read = 0;
	expect_error(p->w, 2, "10.0.0.51 is not on any interface");
	p->w->read = 0;
	expect_error(p->w, 3, "10.0.0.1 is not on lo");
	p->w->read = 0;
	expect_error(p->w, 4, "10.0.0.1: no interface absent0");
	for (uint16_t i = 2; i < 5; i++)
		monitor_order(p->w->monitors, i, false, false);
	/* taken away: noticed at once */
	shell("ip addr del 10.0.0.50/24 dev left");
	p->w->read = p->w->n;
	expect_error(p->w, 0, "10.0.0.50 is not on left");
	shell("ip addr add 10.0.0.50/24 dev left");
	(void)await_status(p->w, 0, MONITOR_NORMAL);
	/* its link goes: only the one that asks for that fails */
	shell_there(p->net, "ip link set right down");
	assert_string_equal(await_status(p->w, 0, MONITOR_ERROR)->text,
			    "10.0.0.50 on left: no carrier");
	run_world(p->w, 300000);
	for (size_t i = 0; i < p->w->n; i++)
		if (p->w->said[i].monitor == 1)
			assert_int_equal(p->w->said[i].status, MONITOR_NORMAL);
}

/* ---- servers behind a silent network ---- */

static void test_silent_network(void **state)
{
	struct place *p = *state;
	struct monitor_config *m = add_monitor(p->w, MONITOR_TCPW);
	struct monitor_stats stats;

	/* a station that is not there: what is sent to it is lost */
	shell("ip neigh add 10.0.0.99 lladdr 02:00:00:00:00:99 dev left nud permanent");
	m->address = words("10.0.0.99");
	m->port = 80;
	m->timeout_us = 400 * USEC_PER_MSEC;
	m = add_monitor(p->w, MONITOR_HTTPW);
	m->url = words("http://10.0.0.99:81/x");
	m->timeout_us = 400 * USEC_PER_MSEC;
	m = add_monitor(p->w, MONITOR_TCPW);
	m->address = words("fd00::2");
	m->port = 80;
	run_all(p->w);
	expect_error(p->w, 0, "10.0.0.99:80: no answer within 400ms");
	p->w->read = 0;
	expect_error(p->w, 1, "10.0.0.99:81: no answer within 400ms");
	p->w->read = 0;
	expect_error(p->w, 2, "[fd00::2]:80: connection refused");
	stats = stats_of(p->w, 0);
	assert_true(stats.timeouts >= 1 && stats.timeouts == stats.failures);
	assert_true(stats.min_us >= 400 * USEC_PER_MSEC);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ping), TEST(test_ping_that_stops), TEST(test_many_pings),
		TEST(test_link), TEST(test_floating_ip),     TEST(test_silent_network),
	};

	if (!netns_allowed())
		return 0;
	return cmocka_run_group_tests_name("netns_monitor", tests, NULL, NULL);
}
