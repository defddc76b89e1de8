/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "include/core.h"
#include "include/event.h"
#include "util/utf8.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *node_name(void *userdata, uint8_t node)
{
	static const char *const names[] = {"n1", "n2", "n3"};

	(void)userdata;
	return node < 3 ? names[node] : NULL;
}

static const char *group_name(void *userdata, uint16_t group)
{
	(void)userdata;
	return group == 0 ? "web" : NULL;
}

static const char *resource_name(void *userdata, uint16_t resource)
{
	return resource == 0 ? userdata : NULL;
}

static const char *monitor_name(void *userdata, uint16_t monitor)
{
	(void)userdata;
	return monitor == 0 ? "cpu" : NULL;
}

static const struct event_names names = {node_name, group_name, resource_name, monitor_name,
					 "web-ip"};

static struct event blank(uint16_t id)
{
	return (struct event){.id = id,
			      .group = UINT16_MAX,
			      .resource = UINT16_MAX,
			      .origin = NODE_NONE,
			      .node = NODE_NONE};
}

/* The ids of the header itself: "\tEVENT_NODE_HEARD = 200," gives name and number. */
static size_t read_header_ids(struct event_info ids[], size_t max)
{
	FILE *f = fopen("include/event.h", "re");
	static char text[128][48];
	char line[256];
	size_t n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		char name[48], *dash;
		unsigned int id;

		if (sscanf(line, "\tEVENT_%47[A-Z0-9_] = %u,", name, &id) != 2 || id == 0)
			continue;
		assert_true(n < max);
		for (dash = name; *dash; dash++)
			*dash = *dash == '_' ? '-' : (char)tolower(*dash);
		strcpy(text[n], name);
		ids[n].name = text[n];
		ids[n++].id = (uint16_t)id;
	}
	(void)fclose(f);
	return n;
}

static void test_every_id_has_its_row(void **state)
{
	struct event_info ids[128] = {0};
	size_t n = read_header_ids(ids, 128);

	(void)state;
	assert_true(n > 80);
	for (size_t i = 0; i < n; i++) {
		const struct event_info *row = event_info_at(i);

		assert_non_null(row);
		assert_int_equal(row->id, ids[i].id);
		assert_string_equal(row->name, ids[i].name);
		assert_ptr_equal(event_info(row->id), row);
		assert_true(i == 0 || event_info_at(i - 1)->id < row->id);
	}
	assert_null(event_info_at(n));
	assert_null(event_info(EVENT_NONE));
	assert_null(event_info(999));
	assert_null(event_info(UINT16_MAX));
}

/* Each {0...} is a documented argument, and each documented argument has no gap before it. */
static void check_row(const struct event_info *row)
{
	assert_true(row->severity < EVENT_SEVERITY_COUNT_);
	assert_true(strlen(row->meaning) > 10);
	assert_int_equal(row->meaning[strlen(row->meaning) - 1], '.');
	for (size_t i = 0; i < 3; i++)
		assert_false(row->arg[i + 1] && !row->arg[i]);
	for (const char *s = strchr(row->message, '{'); s; s = strchr(s + 1, '{')) {
		assert_non_null(strchr(s, '}'));
		if (isdigit((unsigned char)s[1])) {
			assert_in_range(s[1], '0', '3');
			assert_non_null(row->arg[s[1] - '0']);
		}
	}
	/* the detail always comes last, so that it may be left out */
	assert_string_equal(row->message + strlen(row->message) - 6, "{text}");
}

static void test_rows_are_well_formed(void **state)
{
	const struct event_info *row;
	char buf[512];

	(void)state;
	for (size_t i = 0; (row = event_info_at(i)); i++) {
		struct event event = blank(row->id);

		check_row(row);
		assert_null(strpbrk(event_format(&event, NULL, buf, sizeof buf), "{}"));
		memset(event.arg, 0xff, sizeof event.arg);
		event.epoch = UINT64_MAX;
		event.group = event.resource = event.node = 0;
		memset(event.text, 'x', sizeof event.text); /* not terminated */
		assert_null(strpbrk(event_format(&event, &names, buf, sizeof buf), "{}"));
		assert_true(strlen(buf) < sizeof buf - 1);
	}
}

struct format_case {
	struct event event;
	const char *named;
	const char *bare;
};

static const struct format_case text_cases[] = {
	{{.id = EVENT_NODE_SILENT, .node = 1, .arg = {41237, 40000, 3}},
	 "node n2 is silent for 41.237 ms (timeout 40.000 ms) and counts as failed; last "
	 "heard on link 0, 1",
	 "node #1 is silent for 41.237 ms (timeout 40.000 ms) and counts as failed; last "
	 "heard on link 0, 1"},
	{{.id = EVENT_PROOF, .node = 2, .epoch = 17, .arg = {PROOF_LEASE, 12003, 3, UINT64_MAX}},
	 "node n3 surely holds nothing any more: proof 'lease' in epoch 17 after 12.003 "
	 "ms, by the word of n1, n2; last heard unknown ms ago",
	 "node #2 surely holds nothing any more: proof 'lease' in epoch 17 after 12.003 "
	 "ms, by the word of #0, #1; last heard unknown ms ago"},
	{{.id = EVENT_GROUP_PLACED, .node = NODE_NONE, .arg = {CAUSE_ADMIN, 255, 9}},
	 "group web: its owner is none, was none (cause admin, epoch 0, version 9)",
	 "group #0: its owner is none, was none (cause admin, epoch 0, version 9)"},
	{{.id = EVENT_CONFIG_MISMATCH, .node = 0, .arg = {0xabc, UINT64_MAX}},
	 "the configuration of node n1 differs: its hash is 0000000000000abc, ours "
	 "ffffffffffffffff",
	 "the configuration of node #0 differs: its hash is 0000000000000abc, ours "
	 "ffffffffffffffff"},
	{{.id = EVENT_REQUEST_ANSWERED, .node = 1, .arg = {REQUEST_GROUP_MOVE, 4, ANSWER_ACCEPTED}},
	 "command 4 (group-move, group web, node n2) is answered: accepted",
	 "command 4 (group-move, group #0, node #1) is answered: accepted"},
	{{.id = EVENT_RESOURCE_START_FAILED, .node = 0, .arg = {1, 7}, .text = "exit 3"},
	 "resource web-ip of group web did not start on n1 (0.007 ms): exit 3",
	 "resource #0 of group #0 did not start on #0 (0.007 ms): exit 3"},
	{{.id = EVENT_PROOF, .node = 40, .arg = {99, 0, 0x100000000}},
	 "node none surely holds nothing any more: proof 'unknown' in epoch 0 after 0.000 "
	 "ms, by the word of none; last heard 0.000 ms ago",
	 NULL},
	{{.id = EVENT_MONITOR_RESTART, .resource = UINT16_MAX, .arg = {0, 1, 3}},
	 "monitor cpu has group web restarted on n1, restart 1 of 3",
	 "monitor #0 has group #0 restarted on #0, restart 1 of 3"},
	{{.id = EVENT_MONITOR_FAILOVER, .arg = {7, 2, 2}},
	 "monitor #7 has resource web-ip of group web moved away from n1, failover 2 of 2",
	 "monitor #7 has resource #0 of group #0 moved away from #0, failover 2 of 2"},
	{{.id = EVENT_MONITOR_RESTART, .group = UINT16_MAX, .resource = UINT16_MAX},
	 "monitor cpu has every group restarted on n1, restart 0 of 0",
	 NULL},
	{{.id = EVENT_MONITOR_SCRIPT, .node = 1, .arg = {0, 2, 1}},
	 "the program of monitor cpu before the final action ended well on n2",
	 NULL},
	{{.id = EVENT_MONITOR_SCRIPT, .node = 1, .arg = {0, 0, UINT64_MAX}, .text = "exit 1"},
	 "the program of monitor cpu before the restart failed on n2: exit 1",
	 NULL},
	{{.id = EVENT_MONITOR_ERROR, .arg = {0, MONITOR_CAUTION}, .text = "no answer"},
	 "monitor cpu is in error on n1, was: caution: no answer",
	 NULL},
	{{.id = EVENT_MONITOR_SKIPPED, .arg = {0, SKIP_BUSY}},
	 "monitor cpu causes no recovery on n1: busy",
	 NULL},
	{{.id = EVENT_FINAL_ACTION, .arg = {FINAL_STOP_GROUP, UINT16_MAX}},
	 "final action 'stop-group' is taken on n1 (resource web-ip, monitor none)",
	 NULL},
	{{.id = EVENT_NODE_POWER, .node = 2, .arg = {POWER_REBOOT}},
	 "node n3 has stopped in good order; its machine goes on to: reboot",
	 NULL},
	{{.id = EVENT_GROUP_HELD, .arg = {GROUP_HOLD_WAIT_FAILED}},
	 "group web is wanted but not placed: wait-failed",
	 NULL},
	{{.id = EVENT_GROUP_WAITING, .group = 4, .arg = {0, 1, 1800000000}},
	 "the stop of group #4 waits for group web, at most 1800.000 s",
	 NULL},
	{{.id = EVENT_GROUP_WAIT_TIMEOUT, .arg = {9, 0, 500000, 0}},
	 "the start of group web waited 0.500 s for group #9 in vain and is given up",
	 NULL},
	{{.id = EVENT_REQUEST_RECEIVED,
	  .group = UINT16_MAX,
	  .node = 1,
	  .arg = {REQUEST_MONITOR_FAIL, 4, 0}},
	 "command 4 received: monitor-fail cpu, node n2",
	 "command 4 received: monitor-fail #0, node #1"},
	{{.id = EVENT_REQUEST_ANSWERED,
	  .node = NODE_NONE,
	  .arg = {REQUEST_RESOURCE_STOP, 4, ANSWER_SUSPENDED, 0}},
	 "command 4 (resource-stop web-ip, group web) is answered: suspended",
	 NULL},
	{{.id = EVENT_REQUEST_RECEIVED,
	  .group = UINT16_MAX,
	  .node = NODE_NONE,
	  .arg = {REQUEST_RATIO_SET, 5, 20}},
	 "command 5 received: ratio-set 20, no object",
	 NULL},
	{{.id = EVENT_REQUEST_RECEIVED,
	  .group = UINT16_MAX,
	  .node = NODE_NONE,
	  .arg = {REQUEST_CONFIG, 6, 0xabc}},
	 "command 6 received: config 0000000000000abc, no object",
	 NULL},
	{{.id = EVENT_FENCE_ORDERED, .node = 1, .arg = {0, 1, 41237, 1}},
	 "node n2 is to be fenced by n1: the votes of both halves are equal; silent for 41.237 ms",
	 "node #1 is to be fenced by #0: the votes of both halves are equal; silent for 41.237 ms"},
	{{.id = EVENT_FENCE_DELAYED, .node = 1, .arg = {4500000, 1500000, 3000000}},
	 "fencing of node n2 waits 4500.000 ms: 1500.000 ms of its own, 3000.000 ms since its half "
	 "has priority",
	 NULL},
	{{.id = EVENT_FENCE_CONFIRMED, .node = 1, .arg = {2, 1500, 7, 9}, .text = "pdu:3"},
	 "node n2 is off, confirmed by level 2 in 1.500 ms (incarnation 7): pdu:3",
	 NULL},
	{{.id = EVENT_FENCE_FAILED, .node = 2, .arg = {1, 2, 500}, .text = "still on"},
	 "fencing of node n3 has failed at level 1, try 2, after 0.500 ms: still on",
	 NULL},
	{{.id = EVENT_FENCE_EXHAUSTED, .node = 1, .arg = {2, 3, 40000000}},
	 "node n2 cannot be fenced: all 2 levels have failed, 3 times by now; again in 40.000 s. "
	 "What it may hold is not taken over. If it is off: holdfast fence confirm n2",
	 NULL},
	{{.id = EVENT_FENCE_CANCELLED, .node = 1, .arg = {3}},
	 "fencing of node n2 is ended: the cluster is suspended",
	 NULL},
	{{.id = EVENT_FENCE_ON, .node = 1, .arg = {2, 1}, .text = "timeout"},
	 "node n2 could not be switched on again: timeout",
	 NULL},
	{{.id = EVENT_FENCE_CHECK, .node = 1, .origin = 2, .arg = {FENCE_CHECK_DEGRADED}},
	 "check of the fencing devices of node n2 from n3: only a lower level answers",
	 NULL},
	{{.id = EVENT_VOTES_WAIVED, .node = 1, .arg = {PROOF_FENCED, 7}},
	 "half of the votes is enough without node n2: fenced (incarnation 7)",
	 NULL},
	{{.id = EVENT_LEASE_BY_HALF, .arg = {1}},
	 "the lease goes on with half of the votes: nothing is taken over from here unless this "
	 "node is confirmed off",
	 NULL},
	{{.id = EVENT_FENCE_COMMAND, .node = 1, .arg = {3, 2}},
	 "an operator's fence cycle of node n2 was confirmed",
	 NULL},
	{{.id = EVENT_QUORUM_LOSS, .arg = {FINAL_REBOOT}},
	 "the lease is lost, and with it the right to hold groups: reboot",
	 NULL},
	{{.id = EVENT_WATCHDOG_SILENT, .arg = {5000000}},
	 "the watchdog is not served any more: this server is reset in 5.000 s unless its groups "
	 "stop",
	 NULL},
	{{.id = 999, .text = "later"}, "event 999: later", "event 999: later"},
	{{.id = 999}, "event 999", NULL},
};

static void test_texts(void **state)
{
	char buf[512];

	(void)state;
	for (size_t i = 0; i < sizeof text_cases / sizeof text_cases[0]; i++) {
		assert_string_equal(event_format(&text_cases[i].event, &names, buf, sizeof buf),
				    text_cases[i].named);
		if (text_cases[i].bare)
			assert_string_equal(
				event_format(&text_cases[i].event, NULL, buf, sizeof buf),
				text_cases[i].bare);
	}
}

static void test_monitor_of_an_event(void **state)
{
	static const struct {
		struct event event;
		uint16_t monitor;
	} cases[] = {
		{{.id = EVENT_MONITOR_FORGOT, .arg = {3, 1, 1}}, 3},
		{{.id = EVENT_MONITOR_NORMAL, .arg = {MONITORS_MAX}}, UINT16_MAX},
		{{.id = EVENT_FINAL_ACTION, .arg = {FINAL_REBOOT, 9}}, 9},
		{{.id = EVENT_FINAL_ACTION, .arg = {FINAL_REBOOT, UINT16_MAX}}, UINT16_MAX},
		{{.id = EVENT_GROUP_RESTARTING, .arg = {5}}, 5},
		{{.id = EVENT_NODE_HEARD, .arg = {5}}, UINT16_MAX},
		{{.id = 999, .arg = {5}}, UINT16_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(event_monitor(&cases[i].event), cases[i].monitor);
}

static void test_foreign_text_is_tamed(void **state)
{
	struct event event = blank(EVENT_AGENT_STOPPED);
	char buf[256];

	(void)state;
	strcpy(event.text, "a\x1b[31m\n\xc3\xa9\xff\xc3{0}");
	assert_string_equal(event_format(&event, NULL, buf, sizeof buf),
			    "agent stopped, incarnation 0: a?[31m?\xc3\xa9??{0}");
}

/* Whatever the size: terminated, nothing written behind it, a prefix of the whole. */
static void test_every_buffer_size(void **state)
{
	struct event event = blank(EVENT_AGENT_STOPPED);
	char whole[256], buf[256];

	(void)state;
	strcpy(event.text, "\xe2\x82\xac\xe2\x82\xac end");
	event_format(&event, NULL, whole, sizeof whole);
	for (size_t size = 0; size <= strlen(whole) + 1; size++) {
		memset(buf, 'X', sizeof buf);
		assert_ptr_equal(event_format(&event, NULL, buf, size), buf);
		assert_int_equal(buf[size], 'X');
		if (size == 0)
			continue;
		assert_true(strlen(buf) < size);
		assert_memory_equal(buf, whole, strlen(buf));
		for (size_t at = 0; at < strlen(buf);) {
			size_t n = utf8_printable(buf + at, strlen(buf) - at);

			assert_true(n > 0);
			at += n;
		}
	}
	assert_string_equal(buf, whole);
}

static void test_utf8(void **state)
{
	static const struct {
		const char *s;
		size_t n;
		size_t length;
	} cases[] = {
		{"", 0, 0},
		{"a", 1, 1},
		{"\0", 1, 0},
		{"\x7f", 1, 0},
		{"~", 1, 1},
		{"\x1f", 1, 0},
		{"\xc2\x9b", 2, 0},
		{"\xc2\xa0", 2, 2},
		{"\xc3", 1, 0},
		{"\xc1\xbf", 2, 0},
		{"\xe0\x9f\xbf", 3, 0},
		{"\xe0\xa0\x80", 3, 3},
		{"\xed\xa0\x80", 3, 0},
		{"\xef\xbf\xbd", 3, 3},
		{"\xf0\x8f\xbf\xbf", 4, 0},
		{"\xf0\x9f\x98\x80", 4, 4},
		{"\xf4\x8f\xbf\xbf", 4, 4},
		{"\xf4\x90\x80\x80", 4, 0},
		{"\xf0\x9f\x98\x80", 3, 0},
		{"\xf8\x88\x80\x80", 4, 0},
		{"\x80", 1, 0},
		{"\xe2\x28\xa1", 3, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(utf8_printable(cases[i].s, cases[i].n), cases[i].length);
}

static void test_names_of_enums(void **state)
{
	(void)state;
	assert_string_equal(proof_to_string(PROOF_NOT_CONFIRMED), "not-confirmed");
	assert_string_equal(proof_to_string(PROOF_NEVER_HELD), "never-held");
	assert_string_equal(proof_to_string(PROOF_COUNT_), "unknown");
	assert_string_equal(intent_cause_to_string(CAUSE_NONE), "none");
	assert_string_equal(intent_cause_to_string(CAUSE_CONFLICT), "conflict");
	assert_string_equal(intent_cause_to_string(CAUSE_COUNT_), "unknown");
	assert_string_equal(event_severity_to_string(EVENT_ERROR), "error");
	assert_string_equal(event_severity_to_string(EVENT_SEVERITY_COUNT_), "unknown");
	assert_string_equal(intent_cause_to_string(CAUSE_RESTART), "restart");
	assert_string_equal(power_action_to_string(POWER_SHUTDOWN), "shutdown");
	assert_string_equal(final_action_to_string(FINAL_IO_FENCE), "io-fence");
	assert_string_equal(monitor_status_to_string(MONITOR_UNUSED), "unused");
	assert_string_equal(request_kind_to_string(REQUEST_CONFIG), "config");
	assert_string_equal(answer_code_to_string(ANSWER_NOT_READY), "not-ready");
	assert_string_equal(answer_code_to_string(ANSWER_TARGET_UP), "target-up");
	assert_string_equal(answer_code_to_string(ANSWER_UNPROVEN), "unproven");
	assert_string_equal(request_kind_to_string(REQUEST_FENCE_CONFIRM), "fence-confirm");
	assert_string_equal(fence_state_to_string(FENCE_CONFIRMED), "confirmed");
	assert_string_equal(fence_check_to_string(FENCE_CHECK_DEGRADED), "degraded");
}

#define CHECK_NAMES(to_string, type, count)                                             \
	do {                                                                            \
		for (int i = 0; i < (count); i++) {                                     \
			const char *name = to_string((enum type)i);                     \
                                                                                        \
			assert_non_null(name);                                          \
			for (int j = 0; j < i; j++)                                     \
				assert_string_not_equal(name, to_string((enum type)j)); \
		}                                                                       \
		assert_non_null(strpbrk(to_string(count), "?u"));                       \
	} while (0)

/* No value is without a name, no name is used twice. */
static void test_names_are_complete(void **state)
{
	(void)state;
	CHECK_NAMES(proof_to_string, proof, PROOF_COUNT_);
	CHECK_NAMES(intent_cause_to_string, intent_cause, CAUSE_COUNT_);
	CHECK_NAMES(event_severity_to_string, event_severity, EVENT_SEVERITY_COUNT_);
	CHECK_NAMES(peer_state_to_string, peer_state, PEER_STATE_COUNT_);
	CHECK_NAMES(node_mode_to_string, node_mode, NODE_MODE_COUNT_);
	CHECK_NAMES(group_state_to_string, group_state, GROUP_STATE_COUNT_);
	CHECK_NAMES(group_hold_to_string, group_hold, GROUP_HOLD_COUNT_);
	CHECK_NAMES(resource_state_to_string, resource_state, RESOURCE_STATE_COUNT_);
	CHECK_NAMES(monitor_status_to_string, monitor_status, MONITOR_STATUS_COUNT_);
	CHECK_NAMES(monitor_skip_to_string, monitor_skip, MONITOR_SKIP_COUNT_);
	CHECK_NAMES(final_action_to_string, final_action, FINAL_ACTION_COUNT_);
	CHECK_NAMES(power_action_to_string, power_action, POWER_ACTION_COUNT_);
	CHECK_NAMES(request_kind_to_string, request_kind, REQUEST_KIND_COUNT_);
	CHECK_NAMES(answer_code_to_string, answer_code, ANSWER_CODE_COUNT_);
	CHECK_NAMES(fence_state_to_string, fence_state, FENCE_STATE_COUNT_);
	CHECK_NAMES(fence_check_to_string, fence_check, FENCE_CHECK_COUNT_);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_id_has_its_row),
		cmocka_unit_test(test_rows_are_well_formed),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_monitor_of_an_event),
		cmocka_unit_test(test_foreign_text_is_tamed),
		cmocka_unit_test(test_every_buffer_size),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_names_of_enums),
		cmocka_unit_test(test_names_are_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
