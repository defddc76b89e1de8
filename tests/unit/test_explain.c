/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Timelines from made-up journals: three nodes whose clocks started at different times. */
#include "agent/explain.h"

#include "agent/explain_clock.h"
#include "include/core.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#define RECORDS_MAX 128
#define DAY_US	    (86400ULL * USEC_PER_SEC)

/* Boot-time clock and wall clock of a node, at true time 0. */
static const struct {
	uint64_t boot_us, wall_us;
} clocks[3] = {
	{1000000000, 1700000000000000},
	{5000000000, 1700000000000000 + 40000},	 /* 40 ms ahead */
	{7000000000, 1700000000000000 - DAY_US}, /* stepped back by a day */
};

struct journal {
	size_t n;
	struct event_record records[RECORDS_MAX];
	const struct event_record *list[RECORDS_MAX];
};

static const char *node_name(void *userdata, uint8_t node)
{
	static const char *const names[] = {"n1", "n2", "n3"};

	(void)userdata;
	return node < 3 ? names[node] : NULL;
}

static const char *group_name(void *userdata, uint16_t group)
{
	static const char *const names[] = {"web", "db"};

	(void)userdata;
	return group < 2 ? names[group] : NULL;
}

static const char *resource_name(void *userdata, uint16_t resource)
{
	(void)userdata;
	return resource == 0 ? "fip1" : NULL;
}

static const char *monitor_name(void *userdata, uint16_t monitor)
{
	static const char *const names[] = {"http", "disk"};

	(void)userdata;
	return monitor < 2 ? names[monitor] : NULL;
}

static const struct event_names names = {
	.node = node_name, .group = group_name, .resource = resource_name, .monitor = monitor_name};

/* An event of `origin` at true time `ms`. */
static struct event *add(struct journal *j, uint8_t origin, double ms, enum event_id id)
{
	struct event_record *r = &j->records[j->n];
	uint64_t us = (uint64_t)(ms * 1000);

	assert_true(j->n < RECORDS_MAX);
	*r = (struct event_record){
		.event = {.at = {clocks[origin].boot_us + us},
			  .id = (uint16_t)id,
			  .group = UINT16_MAX,
			  .resource = UINT16_MAX,
			  .origin = origin,
			  .node = NODE_NONE},
		.number = 10 * (j->n + 1), /* real numbers have gaps */
		.origin_number = j->n + 1,
		.origin_incarnation = 1,
		.wall_us = clocks[origin].wall_us + us,
	};
	j->list[j->n++] = r;
	return &r->event;
}

static struct event *add_view(struct journal *j, uint8_t origin, double ms, enum event_id id)
{
	struct event *e = add(j, origin, ms, id);

	e->epoch = 7;
	e->node = 1; /* the coordinator */
	e->arg[0] = 6;
	e->arg[1] = 7;
	return e;
}

static struct event *add_group(struct journal *j, uint8_t origin, double ms, enum event_id id)
{
	struct event *e = add(j, origin, ms, id);

	e->epoch = 7;
	e->node = origin;
	e->group = 0;
	e->arg[0] = CAUSE_FAILOVER;
	return e;
}

/* n1 held the group and dies; n2 coordinates, n3 takes over. */
static void make_failover(struct journal *j)
{
	struct event *e;

	memset(j, 0, sizeof *j);
	e = add_group(j, 1, 1, EVENT_GROUP_PLACED); /* the first start, on n1 */
	e->node = 0;
	e->arg[0] = CAUSE_START;
	e->arg[1] = NODE_NONE;
	e = add_group(j, 0, 2, EVENT_GROUP_ONLINE);
	e->arg[0] = CAUSE_START;
	e = add(j, 1, 50000, EVENT_NODE_SILENT); /* another one, long before */
	e->node = 0;
	e->arg[0] = 300000;
	e = add(j, 1, 100300, EVENT_NODE_SILENT);
	e->node = 0;
	e->arg[0] = 300000;
	e->arg[1] = 300000;
	add_view(j, 1, 100301, EVENT_VIEW_PROPOSED);
	add_view(j, 1, 100301, EVENT_VIEW_ACCEPTED);
	add_view(j, 2, 100302, EVENT_VIEW_ACCEPTED);
	add_view(j, 1, 100303, EVENT_VIEW_INSTALLED);
	add_view(j, 2, 100304, EVENT_VIEW_INSTALLED);
	e = add(j, 1, 100380, EVENT_PROOF);
	e->node = 0;
	e->epoch = 7;
	e->arg[0] = PROOF_LEASE;
	e = add_group(j, 1, 100380, EVENT_GROUP_PLACED);
	e->node = 2;
	e->arg[1] = 0;
	e = add_group(j, 1, 100380.5, EVENT_GROUP_PLACED); /* another group at the same time */
	e->group = 1;
	e->node = 1;
	e->arg[1] = 0;
	add_group(j, 2, 100381, EVENT_GROUP_STARTING);
	add_group(j, 2, 100381, EVENT_RESOURCE_STARTING)->resource = 0;
	add_group(j, 2, 100382, EVENT_FIP_ANNOUNCED)->resource = 0;
	add_group(j, 2, 100382, EVENT_RESOURCE_ONLINE)->resource = 0;
	add_group(j, 2, 100382, EVENT_GROUP_ONLINE);
	add_group(j, 2, 900000, EVENT_GROUP_OFFLINE); /* much later */
}

static int tell(const struct journal *j, uint16_t group, uint64_t number, struct explain *x)
{
	const struct explain_source source = {.records = j->list, .n = j->n, .names = &names};

	return explain(&source, &(struct explain_query){.group = group, .number = number}, x);
}

static const struct explain_step *find(const struct explain *x, uint8_t origin, enum event_id id)
{
	for (size_t i = 1; i < x->n_steps; i++)
		if (x->steps[i].record->event.origin == origin &&
		    x->steps[i].record->event.id == id)
			return &x->steps[i];
	fail_msg("no step of event %d by node %u", (int)id, origin);
	return NULL;
}

static void check_order(const struct explain *x)
{
	for (size_t i = 1; i < x->n_steps; i++)
		assert_true(x->steps[i].at_us >= x->steps[i - 1].at_us);
	assert_int_equal(x->steps[0].at_us, 0);
}

static void check_failover(const struct explain *x)
{
	check_order(x);
	assert_string_equal(x->steps[0].what, "last beat heard from n1");
	assert_int_equal(find(x, 1, EVENT_NODE_SILENT)->at_us, 300000);
	assert_int_equal(find(x, 1, EVENT_VIEW_PROPOSED)->at_us, 301000);
	assert_int_equal(find(x, 1, EVENT_VIEW_INSTALLED)->at_us, 303000);
	assert_int_equal(find(x, 1, EVENT_PROOF)->at_us, 380000);
	assert_int_equal(find(x, 1, EVENT_GROUP_PLACED)->at_us, 380000);
	/* n3's clock is known to within the view change */
	assert_in_range(find(x, 2, EVENT_VIEW_ACCEPTED)->at_us, 301000, 303000);
	assert_in_range(find(x, 2, EVENT_VIEW_INSTALLED)->at_us, 303000, 306000);
	assert_in_range(find(x, 2, EVENT_GROUP_STARTING)->at_us, 380000, 384000);
	assert_in_range(find(x, 2, EVENT_GROUP_ONLINE)->at_us, 381000, 385000);
	assert_int_equal(find(x, 2, EVENT_FIP_ANNOUNCED)->at_us,
			 find(x, 2, EVENT_GROUP_ONLINE)->at_us);
	for (size_t i = 0; i < x->n_steps; i++) {
		assert_int_not_equal(x->steps[i].record->event.id, EVENT_GROUP_OFFLINE);
		assert_int_not_equal(x->steps[i].record->event.group, 1);
	}
	assert_non_null(strstr(x->title, "group web, cause failover, n1 to n3"));
	assert_true(x->n_evidence >= 4);
	assert_non_null(strstr(x->evidence[0], "n2: node n1 is silent for 300.000 ms"));
}

static void test_failover(void **state)
{
	static struct journal j;
	static struct explain x;

	(void)state;
	make_failover(&j);
	assert_int_equal(tell(&j, 0, 0, &x), 0);
	check_failover(&x);
	assert_int_equal(tell(&j, UINT16_MAX, 0, &x), 0); /* the newest of any group */
	assert_non_null(strstr(x.title, "group db"));
}

/* The same, asked by any event that belongs to it. */
static void test_by_number(void **state)
{
	static const unsigned int belonging[] = {3, 10, 12, 13, 14, 15, 16};
	static struct journal j;
	static struct explain x;

	(void)state;
	make_failover(&j);
	for (size_t i = 0; i < sizeof belonging / sizeof belonging[0]; i++) {
		assert_int_equal(tell(&j, UINT16_MAX, j.records[belonging[i]].number, &x), 0);
		check_failover(&x);
	}
	assert_int_equal(tell(&j, UINT16_MAX, 5, &x), -ENOENT); /* a number that was left out */
	assert_int_equal(tell(&j, UINT16_MAX, 100000, &x), -ENOENT);
}

/* Wall clocks that lie by a day are corrected by the view change, in both directions. */
static void test_clock_bounds(void **state)
{
	static struct journal j;
	struct explain_source source = {.records = j.list, .names = &names};
	struct explain_clock clock;
	int64_t at;

	(void)state;
	make_failover(&j);
	source.n = j.n;
	for (int direction = -1; direction <= 1; direction += 2) {
		for (size_t i = 0; i < j.n; i++)
			if (j.records[i].event.origin == 2)
				j.records[i].wall_us = clocks[0].wall_us +
						       (uint64_t)(direction * (int64_t)DAY_US) +
						       j.records[i].event.at.us;
		explain_clock_init(&source, &j.records[10], &clock);
		assert_int_equal(clock.reference, 1);
		assert_true(explain_clock_at(&clock, &j.records[6], &at));
		assert_in_range(at, clocks[1].boot_us + 100301000, clocks[1].boot_us + 100303000);
	}
}

static void test_nothing(void **state)
{
	static struct journal j;
	static struct explain x;

	(void)state;
	assert_int_equal(tell(&j, UINT16_MAX, 0, &x), -ENOENT);
	make_failover(&j);
	assert_int_equal(tell(&j, 5, 0, &x), -ENOENT);
}

/* An event without a failover is told with what that node did around it. */
static void test_around(void **state)
{
	static struct journal j;
	static struct explain x;

	(void)state;
	memset(&j, 0, sizeof j);
	add(&j, 0, 1000, EVENT_STORE_FAILED);
	add(&j, 0, 2000, EVENT_STORE_RECOVERED);
	add(&j, 0, 9000, EVENT_NO_REALTIME);
	assert_int_equal(tell(&j, UINT16_MAX, j.records[0].number, &x), 0);
	assert_int_equal(x.n_steps, 2);
	assert_non_null(strstr(x.title, "around event 10"));
	check_order(&x);
}

/* A move by command begins with what came since the group was last online. */
static void test_move(void **state)
{
	static struct journal j;
	static struct explain x;
	struct event *e;

	(void)state;
	memset(&j, 0, sizeof j);
	add_group(&j, 0, 1000, EVENT_GROUP_ONLINE);
	add_group(&j, 1, 5000, EVENT_REQUEST_RECEIVED);
	add_group(&j, 0, 5010, EVENT_GROUP_STOPPING);
	add_group(&j, 0, 5020, EVENT_GROUP_OFFLINE);
	e = add_group(&j, 1, 5030, EVENT_GROUP_PLACED);
	e->node = 1;
	e->arg[0] = CAUSE_ADMIN;
	e->arg[1] = 0;
	add_group(&j, 1, 5031, EVENT_GROUP_STARTING);
	add_group(&j, 1, 5050, EVENT_GROUP_ONLINE);
	assert_int_equal(tell(&j, 0, 0, &x), 0);
	assert_non_null(strstr(x.title, "cause admin, n1 to n2"));
	assert_int_equal(find(&x, 1, EVENT_GROUP_ONLINE)->record->number, 70);
	assert_int_equal(find(&x, 0, EVENT_GROUP_OFFLINE)->record->number, 40);
	check_order(&x);
}

static struct event *add_monitor(struct journal *j, double ms, enum event_id id, uint64_t monitor)
{
	struct event *e = add(j, 0, ms, id);

	e->node = 0;
	e->arg[0] = monitor;
	return e;
}

/* A restart in place did not help, so the group was moved away. */
static void test_monitor(void **state)
{
	static struct journal j;
	static struct explain x;
	struct event *e;

	(void)state;
	memset(&j, 0, sizeof j);
	e = add_group(&j, 1, 1000, EVENT_GROUP_PLACED);
	e->node = 0;
	e->arg[0] = CAUSE_START;
	e->arg[1] = NODE_NONE;
	add_group(&j, 0, 1010, EVENT_GROUP_ONLINE);
	add_monitor(&j, 30000, EVENT_MONITOR_CAUTION, 1); /* has nothing to do with it */
	add_monitor(&j, 60000, EVENT_MONITOR_CAUTION, 0);
	add_monitor(&j, 61000, EVENT_MONITOR_ERROR, 0);
	add_monitor(&j, 61000, EVENT_MONITOR_RESTART, 0)->group = 0;
	add_group(&j, 0, 61001, EVENT_GROUP_RESTARTING)->arg[0] = 0;
	add_group(&j, 0, 61100, EVENT_GROUP_ONLINE);
	add_monitor(&j, 62000, EVENT_MONITOR_ERROR, 0);
	add_monitor(&j, 62000, EVENT_MONITOR_FAILOVER, 0)->group = 0;
	e = add_group(&j, 1, 62010, EVENT_GROUP_PLACED);
	e->node = 2;
	e->arg[0] = CAUSE_MONITOR;
	e->arg[1] = 0;
	add_view(&j, 1, 500, EVENT_VIEW_PROPOSED); /* relates the clocks */
	add_view(&j, 0, 501, EVENT_VIEW_ACCEPTED);
	add_view(&j, 2, 501, EVENT_VIEW_ACCEPTED);
	add_group(&j, 2, 62100, EVENT_GROUP_ONLINE);
	assert_int_equal(tell(&j, 0, 0, &x), 0);
	check_order(&x);
	assert_non_null(strstr(x.title, "group web, cause monitor, n1 to n3"));
	assert_int_equal(x.steps[0].record->event.id, EVENT_MONITOR_CAUTION);
	assert_string_equal(x.steps[0].what, "check failed: http");
	assert_string_equal(find(&x, 0, EVENT_MONITOR_RESTART)->what, "restart ordered: http");
	assert_string_equal(find(&x, 0, EVENT_GROUP_RESTARTING)->what, "group restarting in place");
	(void)find(&x, 0, EVENT_MONITOR_FAILOVER);
	(void)find(&x, 2, EVENT_GROUP_ONLINE);
	for (size_t i = 0; i < x.n_steps; i++)
		assert_int_not_equal(x.steps[i].record->number, j.records[2].number);
	assert_non_null(strstr(x.evidence[0], "n1: monitor http is in error"));
}

/* A restart in place that helped is a story of its own, unless there is a failover to tell. */
static void test_restart(void **state)
{
	static struct journal j;
	static struct explain x;
	struct event *e;

	(void)state;
	memset(&j, 0, sizeof j);
	e = add_group(&j, 0, 1000, EVENT_GROUP_PLACED);
	e->arg[0] = CAUSE_START;
	e->arg[1] = NODE_NONE;
	add_group(&j, 0, 1010, EVENT_GROUP_ONLINE);
	add_monitor(&j, 61000, EVENT_MONITOR_ERROR, 0);
	add_monitor(&j, 61000, EVENT_MONITOR_RESTART, 0)->group = 0;
	add_group(&j, 0, 61050, EVENT_RESOURCE_STOPPING)->resource = 0;
	add_group(&j, 0, 61125, EVENT_GROUP_ONLINE);
	add_monitor(&j, 62000, EVENT_MONITOR_NORMAL, 0);
	add_monitor(&j, 99000, EVENT_MONITOR_NORMAL, 1);
	for (int ask = 0; ask < 3; ask++) { /* by group, by its error, by the restart itself */
		uint64_t number = ask ? j.records[1 + ask].number : 0;

		assert_int_equal(tell(&j, ask ? UINT16_MAX : 0, number, &x), 0);
		check_order(&x);
		assert_string_equal(x.title,
				    "group web restarted on n1 by monitor http: 125.000 ms "
				    "from first step to online");
		assert_string_equal(x.steps[0].what, "monitor in error: http");
		assert_string_equal(x.steps[x.n_steps - 1].what, "group online");
	}
	assert_int_equal(tell(&j, UINT16_MAX, j.records[7].number, &x), 0); /* did nothing */
	assert_non_null(strstr(x.title, "around event 80"));
}

/* Nobody may have it: the story ends with why. A later placement makes it history. */
static void test_held(void **state)
{
	static struct journal j;
	static struct explain x;
	struct event *e;

	(void)state;
	memset(&j, 0, sizeof j);
	e = add_group(&j, 1, 1000, EVENT_GROUP_PLACED);
	e->node = 0;
	e->arg[0] = CAUSE_START;
	e->arg[1] = NODE_NONE;
	add_group(&j, 0, 1010, EVENT_GROUP_ONLINE);
	e = add(&j, 1, 50300, EVENT_NODE_SILENT);
	e->node = 0;
	e->arg[0] = 300000;
	e = add_group(&j, 1, 50310, EVENT_GROUP_PLACED);
	e->node = NODE_NONE;
	e->arg[1] = 0;
	e = add_group(&j, 1, 50311, EVENT_GROUP_HELD);
	e->arg[0] = GROUP_HOLD_MANUAL;
	for (int by_number = 0; by_number < 2; by_number++) {
		assert_int_equal(tell(&j, 0, by_number ? j.records[4].number : 0, &x), 0);
		check_order(&x);
		assert_string_equal(x.title, "group web is held (manual), was on n1");
		assert_string_equal(x.steps[0].what, "last beat heard from n1");
		assert_string_equal(x.steps[x.n_steps - 1].what, "group held");
		assert_non_null(strstr(x.evidence[x.n_evidence - 1], "manual"));
	}
	e = add_group(&j, 1, 90000, EVENT_GROUP_PLACED);
	e->node = 2;
	e->arg[0] = CAUSE_ADMIN;
	e->arg[1] = NODE_NONE;
	assert_int_equal(tell(&j, 0, 0, &x), 0);
	assert_non_null(strstr(x.title, "cause admin"));
}

/* A server was stopped in good order: that is the cause, not a silence. */
static void test_orderly_stop(void **state)
{
	static struct journal j;
	static struct explain x;
	struct event *e;

	(void)state;
	memset(&j, 0, sizeof j);
	add_group(&j, 0, 1010, EVENT_GROUP_ONLINE);
	e = add(&j, 1, 5000, EVENT_REQUEST_RECEIVED);
	e->node = 0;
	e->arg[0] = REQUEST_NODE_STOP;
	e = add(&j, 1, 5001, EVENT_NODE_LEAVING);
	e->node = 0;
	e = add_group(&j, 1, 5010, EVENT_GROUP_PLACED);
	e->node = 1;
	e->arg[0] = CAUSE_LEAVE;
	e->arg[1] = 0;
	add_group(&j, 1, 5050, EVENT_GROUP_ONLINE);
	assert_int_equal(tell(&j, 0, 0, &x), 0);
	check_order(&x);
	assert_non_null(strstr(x.title, "cause leave, n1 to n2"));
	assert_string_equal(x.steps[0].what, "orderly stop begins");
	(void)find(&x, 1, EVENT_GROUP_ONLINE);
}

static struct event *add_fence(struct journal *j, uint8_t origin, double ms, enum event_id id)
{
	struct event *e = add(j, origin, ms, id);

	e->node = 0;
	return e;
}

/* The lost owner is fenced: its steps are part of the story, a failed try is evidence. */
static void test_fenced(void **state)
{
	static struct journal j;
	static struct explain x;
	struct event *e;

	(void)state;
	make_failover(&j);
	add_fence(&j, 1, 100310, EVENT_FENCE_ORDERED)->arg[0] = 1;
	add_fence(&j, 1, 100311, EVENT_FENCE_STARTED)->arg[0] = 1;
	e = add_fence(&j, 1, 100330, EVENT_FENCE_FAILED);
	e->arg[0] = e->arg[1] = 1;
	strcpy(e->text, "bmc1: no answer");
	add_fence(&j, 1, 100370, EVENT_FENCE_CONFIRMED)->arg[0] = 2;
	add_fence(&j, 1, 100371, EVENT_FENCE_CONFIRMED)->node = 2; /* another node's */
	assert_int_equal(tell(&j, 0, 0, &x), 0);
	check_order(&x);
	assert_string_equal(find(&x, 1, EVENT_FENCE_ORDERED)->what, "fencing ordered");
	assert_string_equal(find(&x, 1, EVENT_FENCE_FAILED)->what, "fencing try failed");
	assert_string_equal(find(&x, 1, EVENT_FENCE_CONFIRMED)->what, "confirmed off");
	for (size_t i = 0, n = 0; i < x.n_steps; i++) {
		n += x.steps[i].record->event.id == EVENT_FENCE_CONFIRMED;
		assert_true(n < 2);
	}
	for (size_t i = 0; i < x.n_evidence; i++)
		if (strstr(x.evidence[i], "bmc1: no answer"))
			return;
	fail_msg("the failed try is no evidence");
}

/* What is known of an order that has not ended. */
static void test_fence_story(void **state)
{
	static struct journal j;
	struct explain_source source = {.records = j.list, .names = &names};
	struct explain_fence f;
	struct event *e;

	(void)state;
	memset(&j, 0, sizeof j);
	add_fence(&j, 1, 1000, EVENT_FENCE_STARTED);
	add_fence(&j, 1, 1100, EVENT_FENCE_FAILED);
	add_fence(&j, 1, 1200, EVENT_FENCE_CONFIRMED);
	source.n = j.n;
	explain_fence(&source, 0, &f); /* it has ended */
	assert_int_equal(f.since_wall_us, 0);
	assert_string_equal(f.failed, "");
	add_fence(&j, 1, 5000, EVENT_FENCE_ORDERED);
	add_fence(&j, 1, 5001, EVENT_FENCE_STARTED);
	add_fence(&j, 2, 5002, EVENT_FENCE_FAILED)->node = 1;
	for (uint64_t try = 1; try <= 2; try++) {
		e = add_fence(&j, 1, 6000 + (double)try, EVENT_FENCE_FAILED);
		e->arg[0] = 1;
		e->arg[1] = try;
		e->arg[2] = 20000000;
		strcpy(e->text, "bmc1: no answer");
	}
	source.n = j.n;
	explain_fence(&source, 0, &f);
	assert_int_equal(f.since_wall_us, clocks[1].wall_us + 5000000);
	assert_int_equal(f.failed_wall_us, clocks[1].wall_us + 6002000);
	assert_int_equal(f.failures, 2);
	assert_string_equal(f.failed, "level 1, try 2, after 20.0 s: bmc1: no answer");
	explain_fence(&source, 2, &f);
	assert_int_equal(f.since_wall_us, 0);
	add_fence(&j, 1, 7000, EVENT_FENCE_BY_PERSON);
	source.n = j.n;
	explain_fence(&source, 0, &f);
	assert_int_equal(f.failures, 0);
}

/* Many events in the window: bounded, no overrun. */
static void test_bounded(void **state)
{
	static struct journal j;
	static struct explain x;

	(void)state;
	memset(&j, 0, sizeof j);
	for (int i = 0; i < 110; i++)
		add_group(&j, 0, 100200 + i, EVENT_RESOURCE_RETRY);
	add_group(&j, 1, 100310, EVENT_GROUP_PLACED)->node = 0;
	add_group(&j, 0, 100420, EVENT_GROUP_ONLINE);
	assert_int_equal(tell(&j, 0, 0, &x), 0);
	assert_int_equal(x.n_steps, EXPLAIN_STEPS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failover),     cmocka_unit_test(test_by_number),
		cmocka_unit_test(test_clock_bounds), cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_around),	     cmocka_unit_test(test_move),
		cmocka_unit_test(test_bounded),	     cmocka_unit_test(test_monitor),
		cmocka_unit_test(test_restart),	     cmocka_unit_test(test_held),
		cmocka_unit_test(test_orderly_stop), cmocka_unit_test(test_fenced),
		cmocka_unit_test(test_fence_story),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
