/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verdict as a table: what happened to a healthy three-node cluster, and what is said. */
#include "agent/verdict.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void healthy(struct verdict_facts *f)
{
	*f = (struct verdict_facts){
		.quorate = true,
		.lease_valid = true,
		.store_ok = true,
		.self_mode = NODE_MODE_ONLINE,
		.n_nodes = 5,
		.n_groups = 2,
		.votes_total = 5,
		.votes_view = 5,
	};
	for (uint8_t n = 0; n < f->n_nodes; n++) {
		struct verdict_node *node = &f->nodes[n];

		*node = (struct verdict_node){.votes = 1,
					      .hosts = n < 3,
					      .usable = true,
					      .member = true,
					      .state = PEER_MEMBER};
		(void)snprintf(node->name, sizeof node->name, "n%u", n + 1);
	}
	for (uint16_t g = 0; g < f->n_groups; g++) {
		f->groups[g] = (struct verdict_group){.wanted = true,
						      .state = GROUP_ONLINE,
						      .current = (uint8_t)g,
						      .blocked_by = NODE_NONE,
						      .allowed = 7};
		(void)snprintf(f->groups[g].name, NAME_SIZE, "g%u", g + 1);
	}
}

static void lose(struct verdict_facts *f, unsigned int node, enum peer_state state)
{
	f->nodes[node].member = f->nodes[node].usable = false;
	f->nodes[node].state = (uint8_t)state;
	f->votes_view -= f->nodes[node].votes;
}

static void one_silent(struct verdict_facts *f)
{
	lose(f, 4, PEER_SILENT);
}

static void one_stalled(struct verdict_facts *f)
{
	f->nodes[1].state = PEER_STALLED;
	f->nodes[1].stalled_us = 12990000;
	f->nodes[1].usable = false;
}

static void spares_stalled(struct verdict_facts *f)
{
	one_stalled(f);
	lose(f, 2, PEER_SILENT);
	f->votes_view = 5; /* so that only the spare nodes matter */
}

/* Two nodes; a tie is broken by fencing. */
static void fencing(struct verdict_facts *f)
{
	f->n_nodes = 2;
	f->votes_total = f->votes_view = 2;
	f->takeover_fence = f->fence_tie = true;
	for (uint8_t n = 0; n < 2; n++) {
		f->nodes[n].fence_check = FENCE_CHECK_NORMAL;
		f->nodes[n].fence_executor = NODE_NONE;
		f->nodes[n].with = true;
	}
	for (uint16_t g = 0; g < 2; g++)
		f->groups[g].allowed = 3;
}

static void fence_error(struct verdict_facts *f)
{
	fencing(f);
	f->nodes[1].fence_check = FENCE_CHECK_ERROR;
}

static void fence_error_nothing_there(struct verdict_facts *f)
{
	fence_error(f);
	f->groups[1].current = 0;
}

static void fence_error_by_lease(struct verdict_facts *f)
{
	fence_error(f);
	f->takeover_fence = f->fence_tie = false;
	f->votes_total = f->votes_view = 3; /* so that only the check matters */
	f->nodes[0].votes = 2;
}

static void fence_degraded(struct verdict_facts *f)
{
	fencing(f);
	f->nodes[1].fence_check = FENCE_CHECK_DEGRADED;
}

static void blocked(struct verdict_facts *f, enum fence_state state)
{
	fencing(f);
	lose(f, 1, PEER_SILENT);
	f->nodes[1].fence_state = (uint8_t)state;
	f->nodes[1].fence_executor = 0;
	f->groups[1].state = GROUP_OFFLINE;
	f->groups[1].current = NODE_NONE;
	f->groups[1].blocked_by = 1;
}

static void being_fenced(struct verdict_facts *f)
{
	blocked(f, FENCE_RUNNING);
}

static void fence_delayed(struct verdict_facts *f)
{
	blocked(f, FENCE_DELAYED);
}

static void fence_failed(struct verdict_facts *f)
{
	blocked(f, FENCE_FAILED);
}

static void no_device(struct verdict_facts *f)
{
	blocked(f, FENCE_IDLE);
	f->fence_tie = false;
	f->nodes[1].fence_check = FENCE_CHECK_NONE;
}

static void tie(struct verdict_facts *f)
{
	fencing(f);
	f->nodes[1].state = PEER_SILENT;
	f->tie = f->lease_by_half = true;
}

static void tie_nothing_lost(struct verdict_facts *f)
{
	tie(f);
	f->groups[1].current = 0;
}

static void alone_after_boot(struct verdict_facts *f)
{
	fencing(f);
	lose(f, 1, PEER_UNKNOWN);
	f->quorate = f->lease_valid = false;
	f->nodes[1].with = false;
}

static void two_silent(struct verdict_facts *f)
{
	lose(f, 3, PEER_SILENT);
	lose(f, 4, PEER_LEFT);
}

static void both_spares_lost(struct verdict_facts *f)
{
	lose(f, 1, PEER_SILENT);
	lose(f, 2, PEER_SILENT);
	f->groups[1].current = 0;
	f->votes_view = 5; /* so that only the spare nodes matter */
}

static void spares_failed(struct verdict_facts *f)
{
	f->groups[0].failed_on = 6;
}

static void spares_are_witnesses(struct verdict_facts *f)
{
	f->nodes[1].hosts = f->nodes[2].hosts = false;
	f->groups[1].current = 0;
}

static void one_node_group(struct verdict_facts *f)
{
	f->groups[0].allowed = 1;
}

static void no_quorum(struct verdict_facts *f)
{
	f->quorate = f->lease_valid = false;
	f->votes_view = 0;
	for (unsigned int n = 0; n < f->n_nodes; n++)
		lose(f, n, PEER_SILENT);
	f->votes_view = 0;
	f->groups[0].state = f->groups[1].state = GROUP_OFFLINE;
}

static void no_lease(struct verdict_facts *f)
{
	f->lease_valid = false;
}

static void stopped(struct verdict_facts *f)
{
	no_quorum(f);
	f->self_mode = NODE_MODE_STOPPED;
}

static void group_failed(struct verdict_facts *f)
{
	f->groups[1] = (struct verdict_group){.name = "g2",
					      .wanted = true,
					      .failed = true,
					      .state = GROUP_OFFLINE,
					      .current = NODE_NONE,
					      .blocked_by = NODE_NONE,
					      .allowed = 7,
					      .failed_on = 7};
}

static void group_failed_and_unprotected(struct verdict_facts *f)
{
	two_silent(f);
	group_failed(f);
}

static void group_starting(struct verdict_facts *f)
{
	f->groups[0].state = GROUP_STARTING;
	f->groups[0].current = 1;
}

static void group_blocked(struct verdict_facts *f)
{
	lose(f, 0, PEER_SILENT);
	f->groups[0].state = GROUP_OFFLINE;
	f->groups[0].current = NODE_NONE;
	f->groups[0].blocked_by = 0;
}

static void group_stop_failed(struct verdict_facts *f)
{
	f->groups[0].state = GROUP_STOP_FAILED;
}

static void group_unwanted(struct verdict_facts *f)
{
	f->groups[0].wanted = false;
	f->groups[0].state = GROUP_OFFLINE;
	f->groups[0].current = NODE_NONE;
}

static void link_down(struct verdict_facts *f)
{
	f->nodes[1].links_down = 1;
}

static void config_differs(struct verdict_facts *f)
{
	f->nodes[1].config_differs = true;
}

static void store_fails(struct verdict_facts *f)
{
	f->store_ok = false;
}

static void leaving(struct verdict_facts *f)
{
	f->nodes[1].leaving = true;
}

static void one_monitor(struct verdict_facts *f)
{
	f->n_monitors = 2;
	f->monitors[0] = (struct verdict_monitor){.name = "quiet"};
	f->monitors[1] = (struct verdict_monitor){.name = "m1"};
}

static void monitor_error(struct verdict_facts *f)
{
	one_monitor(f);
	f->monitors[1].in_error = 6;
}

static void critical_error(struct verdict_facts *f)
{
	one_monitor(f);
	f->monitors[1].critical = true;
	f->monitors[1].in_error = 4;
	f->nodes[2].unfit = true;
}

/* The spare nodes are there, but none may be given a group. */
static void critical_everywhere(struct verdict_facts *f)
{
	critical_error(f);
	f->nodes[1].unfit = true;
}

static void monitor_suspended(struct verdict_facts *f)
{
	one_monitor(f);
	f->monitors[1].suspended = 1;
}

static void dummy_failure(struct verdict_facts *f)
{
	one_monitor(f);
	f->monitors[1].failing = 31;
}

static void suspended(struct verdict_facts *f)
{
	f->suspended = true;
}

static void suspended_and_group_lost(struct verdict_facts *f)
{
	suspended(f);
	group_blocked(f);
	f->groups[0].held = GROUP_HOLD_SUSPENDED;
}

static void ratio(struct verdict_facts *f)
{
	f->ratio = 3;
	f->ratio_left_us = 3725 * USEC_PER_SEC;
}

static void no_ratio(struct verdict_facts *f)
{
	f->ratio = 1;
}

static void hold(struct verdict_facts *f, enum group_hold why)
{
	f->groups[0].state = GROUP_OFFLINE;
	f->groups[0].current = NODE_NONE;
	f->groups[0].held = (uint8_t)why;
	f->groups[0].waits_for = UINT16_MAX;
}

static void held_manual(struct verdict_facts *f)
{
	hold(f, GROUP_HOLD_MANUAL);
}

static void held_limit(struct verdict_facts *f)
{
	hold(f, GROUP_HOLD_LIMIT);
}

static void held_excluded(struct verdict_facts *f)
{
	hold(f, GROUP_HOLD_EXCLUDED);
}

static void held_unfit(struct verdict_facts *f)
{
	hold(f, GROUP_HOLD_UNFIT);
}

static void held_wait(struct verdict_facts *f)
{
	hold(f, GROUP_HOLD_WAIT);
	f->groups[0].waits_for = 1;
}

static void held_wait_failed(struct verdict_facts *f)
{
	hold(f, GROUP_HOLD_WAIT_FAILED);
	f->groups[0].waits_for = 1;
}

static void manual_group(struct verdict_facts *f)
{
	f->groups[0].failover_manual = true;
	f->groups[0].failed_on = 6; /* no spare either: once is enough */
}

static void nothing(struct verdict_facts *f)
{
	(void)f;
}

/* Two nodes of one vote: no configuration of them survives a loss, which is no news. */
static void two_nodes(struct verdict_facts *f)
{
	f->n_nodes = 2;
	f->votes_total = f->votes_view = 2;
	f->groups[0].allowed = f->groups[1].allowed = 3;
}

static const struct {
	const char *name;
	void (*change)(struct verdict_facts *f);
	enum verdict_level level;
	const char *reason; /* part of one of them; NULL: there must be none */
} cases[] = {
	{"healthy", nothing, VERDICT_HEALTHY, NULL},
	{"unwanted group", group_unwanted, VERDICT_HEALTHY, NULL},
	{"one node silent", one_silent, VERDICT_DEGRADED, "n5 is silent"},
	{"fencing", fencing, VERDICT_HEALTHY, NULL},
	{"fencing would fail", fence_error, VERDICT_UNPROTECTED,
	 "n2 could not be fenced, no level of its devices answers: group g2 would not"},
	{"fencing would fail, nothing is there", fence_error_nothing_there, VERDICT_DEGRADED,
	 "n2 could not be fenced: no level"},
	{"fencing would fail, takeover by lease", fence_error_by_lease, VERDICT_DEGRADED,
	 "n2 could not be fenced: no level"},
	{"fencing degraded", fence_degraded, VERDICT_DEGRADED, "fencing of n2: only another level"},
	{"being fenced", being_fenced, VERDICT_DOWN, "n2 does not run it; n1 is fencing it"},
	{"being fenced: the node", being_fenced, VERDICT_DOWN, "n2 is being fenced by n1"},
	{"to be fenced", fence_delayed, VERDICT_DOWN, "n1 is fencing it"},
	{"not fenced", fence_failed, VERDICT_DOWN, "n2 does not run it; n1 could not fence it"},
	{"not fenced: the node", fence_failed, VERDICT_DOWN, "n2 could NOT be fenced by n1"},
	{"no device", no_device, VERDICT_DOWN, "n2 does not run it; no device can fence it"},
	{"tie", tie_nothing_lost, VERDICT_UNPROTECTED,
	 "other half is fenced; what runs here goes on"},
	{"tie: what the silent half runs", tie, VERDICT_DOWN,
	 "group g2 waits for proof that n2 does not run it"},
	{"alone after boot", alone_after_boot, VERDICT_UNPROTECTED,
	 "n2 was not seen since this agent started, so it is not fenced"},
	{"one agent stalled", one_stalled, VERDICT_DEGRADED,
	 "n2 is stalled since 12.9 s: its agent does not run"},
	{"no spare but a stalled one", spares_stalled, VERDICT_UNPROTECTED, "g1 has no spare node"},
	{"link down", link_down, VERDICT_DEGRADED, "1 link to n2 is down"},
	{"other configuration", config_differs, VERDICT_DEGRADED, "n2 runs another configuration"},
	{"store fails", store_fails, VERDICT_DEGRADED, "cannot be written"},
	{"leaving", leaving, VERDICT_DEGRADED, "n2 is leaving"},
	{"quorum at its edge", two_silent, VERDICT_UNPROTECTED, "would end the quorum: 3 of 5"},
	{"monitor in error", monitor_error, VERDICT_DEGRADED, "monitor m1 is in error on n2, n3"},
	{"critical monitor", critical_error, VERDICT_DEGRADED,
	 "critical monitor m1 is in error on n3: no group is placed there"},
	{"critical monitors on all spares", critical_everywhere, VERDICT_UNPROTECTED,
	 "g1 has no spare node"},
	{"monitor suspended", monitor_suspended, VERDICT_HEALTHY, "monitor m1 is suspended on n1"},
	{"dummy failure", dummy_failure, VERDICT_HEALTHY,
	 "monitor m1 has a dummy failure on n1, n2, n3, n4, n5"},
	{"suspended", suspended, VERDICT_UNPROTECTED, "the cluster is suspended"},
	{"group lost while suspended", suspended_and_group_lost, VERDICT_UNPROTECTED,
	 "group g1 is held: the cluster is suspended"},
	{"ratio", ratio, VERDICT_HEALTHY, "timeouts are multiplied by 3 for 1 h 2 min more"},
	{"no ratio", no_ratio, VERDICT_HEALTHY, NULL},
	{"manual failover", manual_group, VERDICT_HEALTHY, "group g1 is not failed over by itself"},
	{"held: manual", held_manual, VERDICT_DOWN, "group g1 is held: its failover is manual"},
	{"held: limit", held_limit, VERDICT_DOWN, "g1 is held: it has failed over too often"},
	{"held: excluded", held_excluded, VERDICT_DOWN, "g1 is held: an exclusion rule"},
	{"held: unfit", held_unfit, VERDICT_DOWN, "g1 is held: a critical monitor is in error"},
	{"held: wait", held_wait, VERDICT_DOWN, "g1 is held: it waits for group g2"},
	{"held: wait failed", held_wait_failed, VERDICT_DOWN, "start it by command: group g2"},
	{"no spare node", both_spares_lost, VERDICT_UNPROTECTED, "g1 has no spare node"},
	{"spares failed", spares_failed, VERDICT_UNPROTECTED, "losing n1 would stop it"},
	{"spares are witnesses", spares_are_witnesses, VERDICT_UNPROTECTED, "no spare node"},
	{"group of one node", one_node_group, VERDICT_HEALTHY, "g1 can run on one node only"},
	{"two nodes", two_nodes, VERDICT_HEALTHY, "losing n1 always ends the quorum"},
	{"no quorum", no_quorum, VERDICT_UNPROTECTED, "no quorum: this node is in no view, 3 of 5"},
	{"no lease", no_lease, VERDICT_UNPROTECTED, "no valid lease"},
	{"stopped", stopped, VERDICT_UNPROTECTED, "service on this node is stopped"},
	{"failed everywhere", group_failed, VERDICT_DOWN, "g2 failed on every node"},
	{"down beats unprotected", group_failed_and_unprotected, VERDICT_DOWN, "g2 failed"},
	{"starting", group_starting, VERDICT_DOWN, "g1 is starting on n2"},
	{"waits for proof", group_blocked, VERDICT_DOWN, "waits for proof that n1"},
	{"stop failed", group_stop_failed, VERDICT_DOWN, "g1 could not be stopped on n1"},
};

static bool has_reason(const struct verdict *v, const char *part)
{
	for (size_t i = 0; i < v->n_reasons; i++)
		if (strstr(v->reasons[i], part))
			return true;
	return false;
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct verdict_facts facts;
		struct verdict verdict;

		healthy(&facts);
		cases[i].change(&facts);
		verdict_judge(&facts, &verdict);
		if (verdict.level != cases[i].level)
			fail_msg("%s: level %s", cases[i].name,
				 verdict_level_to_string(verdict.level));
		if (cases[i].reason ? !has_reason(&verdict, cases[i].reason)
				    : verdict.n_reasons != 0)
			fail_msg("%s: first of %zu reasons: %s", cases[i].name, verdict.n_reasons,
				 verdict.reasons[0]);
	}
}

static void test_text(void **state)
{
	struct verdict_facts facts;
	struct verdict v;

	(void)state;
	healthy(&facts);
	verdict_judge(&facts, &v);
	assert_string_equal(v.text, "service up, protected: 2 of 2 groups online, 5 of 5 nodes in "
				    "view");
	group_failed(&facts);
	verdict_judge(&facts, &v);
	assert_string_equal(v.text, "SERVICE DOWN: 1 of 2 groups online, 5 of 5 nodes in view");
	healthy(&facts);
	two_silent(&facts);
	verdict_judge(&facts, &v);
	assert_string_equal(v.text, "service up, NOT PROTECTED: 2 of 2 groups online, 3 of 5 nodes "
				    "in view");
	no_quorum(&facts);
	verdict_judge(&facts, &v);
	assert_non_null(strstr(v.text, "NO QUORUM"));
}

/* The most important reasons come first, and a last line says that there are more. */
static void test_many_reasons(void **state)
{
	struct verdict_facts f;
	struct verdict v;

	(void)state;
	healthy(&f);
	f.n_groups = 40;
	for (uint16_t g = 0; g < f.n_groups; g++) {
		f.groups[g] = (struct verdict_group){.wanted = true,
						     .state = GROUP_OFFLINE,
						     .current = NODE_NONE,
						     .blocked_by = NODE_NONE,
						     .allowed = 7};
		(void)snprintf(f.groups[g].name, NAME_SIZE, "g%u", g);
	}
	no_lease(&f);
	verdict_judge(&f, &v);
	assert_int_equal(v.n_reasons, VERDICT_REASONS_MAX);
	assert_non_null(strstr(v.reasons[0], "no valid lease"));
	assert_non_null(strstr(v.reasons[1], "g0 is not online"));
	assert_string_equal(v.reasons[VERDICT_REASONS_MAX - 1], "and 26 more reasons");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_many_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
