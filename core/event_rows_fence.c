/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of fencing and of the watchdog (docs/fencing.md). */
#include "core/event_rows.h"

static const struct event_info rows[] = {
	{
		.id = EVENT_FENCE_ORDERED,
		.severity = EVENT_WARNING,
		.name = "fence-ordered",
		.message = "node {node} is to be fenced by {0node}: {1?a group waits for the "
			   "proof that "
			   "it holds nothing|the votes of both halves are equal}; silent for "
			   "{2ms} ms{text}",
		.arg = {"executor", "why: 0 a group waits, 1 a tie", "silence, us",
			"members of the view, mask"},
		.meaning =
			"An absent node is to be switched off before anything of it is taken over.",
	},
	{
		.id = EVENT_FENCE_DELAYED,
		.severity = EVENT_NOTICE,
		.name = "fence-delayed",
		.message = "fencing of node {node} waits {0ms} ms: {1ms} ms of its own, {2ms} ms "
			   "since "
			   "its half has priority{text}",
		.arg = {"whole delay, us", "delay of the node, us", "priority delay, us"},
		.meaning =
			"Two halves may fence each other: the one that should survive goes first.",
	},
	{
		.id = EVENT_FENCE_STARTED,
		.severity = EVENT_WARNING,
		.name = "fence-started",
		.message = "fencing node {node}: level {0}, try {1}; its newest incarnation is "
			   "{2}{text}",
		.arg = {"level, from 1", "try, from 1", "incarnation", "silence, us"},
		.meaning = "The devices of one level are ordered to switch the node off.",
	},
	{
		.id = EVENT_FENCE_CONFIRMED,
		.severity = EVENT_WARNING,
		.name = "fence-confirmed",
		.message = "node {node} is off, confirmed by level {0} in {1ms} ms (incarnation "
			   "{2}){text}",
		.arg = {"level, from 1", "time of the try, us", "incarnation",
			"time since the order, us"},
		.meaning = "Every device of the level was read off after the order: the proof "
			   "that the "
			   "node holds nothing.",
	},
	{
		.id = EVENT_FENCE_FAILED,
		.severity = EVENT_ERROR,
		.name = "fence-failed",
		.message = "fencing of node {node} has failed at level {0}, try {1}, after {2ms} "
			   "ms{text}",
		.arg = {"level, from 1", "try, from 1", "time of the try, us"},
		.meaning = "Not confirmed: the next try or the next level follows. Nothing is "
			   "taken over.",
	},
	{
		.id = EVENT_FENCE_EXHAUSTED,
		.severity = EVENT_ERROR,
		.name = "fence-exhausted",
		.message = "node {node} cannot be fenced: all {0} levels have failed, {1} times "
			   "by now; "
			   "again in {2s} s. What it may hold is not taken over. If it is off: "
			   "holdfast fence confirm {node}{text}",
		.arg = {"levels", "rounds", "time until the next, us"},
		.meaning = "No device confirms that the node is off. It needs a person, or a "
			   "device that works.",
	},
	{
		.id = EVENT_FENCE_CANCELLED,
		.severity = EVENT_NOTICE,
		.name = "fence-cancelled",
		.message = "fencing of node {node} is ended: {0?it is heard again|the order is "
			   "gone|it is "
			   "proven to hold nothing|the cluster is suspended}{text}",
		.arg = {"why"},
		.meaning =
			"The reason for the order is gone. A device may have been at work already.",
	},
	{
		.id = EVENT_FENCE_ON,
		.severity = EVENT_NOTICE,
		.name = "fence-on",
		.message = "node {node} {0?is being switched on again|was switched on again|could "
			   "not be "
			   "switched on again}{text}",
		.arg = {"what", "level, from 1"},
		.meaning = "After a confirmed off, with action = \"reboot\". The proof does not "
			   "depend on it.",
	},
	{
		.id = EVENT_FENCE_BY_PERSON,
		.severity = EVENT_WARNING,
		.name = "fence-by-person",
		.message = "a person has said that node {node} is off (incarnation {0}){text}",
		.arg = {"incarnation", "request number"},
		.meaning = "Taken for a proof without a device. Commands that the node has "
			   "accepted on its own "
			   "since it was last a member may be lost.",
	},
	{
		.id = EVENT_FENCE_CHECK,
		.severity = EVENT_WARNING,
		.name = "fence-check",
		.message = "check of the fencing devices of node {node} from {origin}: {0?no "
			   "device|not yet "
			   "known|normal|only a lower level answers|error, it could not be "
			   "fenced}{text}",
		.arg = {"enum fence_check", "before"},
		.meaning = "The result of the periodic check has changed.",
	},
	{
		.id = EVENT_VOTES_WAIVED,
		.severity = EVENT_NOTICE,
		.name = "votes-waived",
		.message = "half of the votes is enough without node {node}: {0proof} "
			   "(incarnation {1}){text}",
		.arg = {"proof", "incarnation"},
		.meaning = "The tie is broken: the node is off or has left, and cannot come back "
			   "alone.",
	},
	{
		.id = EVENT_LEASE_BY_HALF,
		.severity = EVENT_NOTICE,
		.name = "lease-by-half",
		.message =
			"{0?the lease is held by a quorum again|the lease goes on with half of "
			"the votes: "
			"nothing is taken over from here unless this node is confirmed off}{text}",
		.arg = {"1: by half"},
		.meaning = "With takeover = \"fence\" the groups go on while the other half is "
			   "silent.",
	},
	{
		.id = EVENT_FENCE_COMMAND,
		.severity = EVENT_WARNING,
		.name = "fence-command",
		.message = "an operator's fence {0?off|on|reset|cycle|test} of node {node} {1?has "
			   "begun|was done|was confirmed|has failed}{text}",
		.arg = {"which", "how it ended", "time, us"},
		.meaning = "A command of 'holdfast fence'.",
	},
	{
		.id = EVENT_QUORUM_LOSS,
		.severity = EVENT_ERROR,
		.name = "quorum-loss",
		.message =
			"the lease is lost, and with it the right to hold groups: {0final}{text}",
		.arg = {"final action"},
		.meaning = "on_quorum_loss of the configuration is carried out.",
	},
	{
		.id = EVENT_WATCHDOG_ARMED,
		.severity = EVENT_NOTICE,
		.name = "watchdog-armed",
		.message = "the watchdog resets this server {0s} s after its last sign of "
			   "progress{text}",
		.arg = {"timeout, us"},
		.meaning = "The device and its identity are in the text.",
	},
	{
		.id = EVENT_WATCHDOG_REFUSED,
		.severity = EVENT_ERROR,
		.name = "watchdog-refused",
		.message = "no watchdog guards this server{text}",
		.meaning = "The device is missing, in use by somebody else or of no use: the text "
			   "says what.",
	},
	{
		.id = EVENT_WATCHDOG_SILENT,
		.severity = EVENT_ERROR,
		.name = "watchdog-silent",
		.message = "the watchdog is not served any more: this server is reset in {0s} s "
			   "unless its "
			   "groups stop{text}",
		.arg = {"timeout, us"},
		.meaning = "The lease is over and something here has not stopped.",
	},
	{
		.id = EVENT_WATCHDOG_CLOSED,
		.severity = EVENT_NOTICE,
		.name = "watchdog-closed",
		.message = "the watchdog is disarmed: every group here is stopped{text}",
		.meaning = "Orderly end of the agent.",
	},
};

const struct event_rows event_rows_fence = {rows, sizeof rows / sizeof *rows};
