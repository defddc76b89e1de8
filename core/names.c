/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of enums for displays, events and machines: stable, lower case, words joined by '-'. */
#include "include/core.h"
#include "include/event.h"

#define NAME_OR(table, value, other) \
	((size_t)(value) < sizeof(table) / sizeof *(table) ? (table)[value] : (other))
#define NAME_OF(table, value) NAME_OR(table, value, "?")

const char *event_severity_to_string(enum event_severity severity)
{
	static const char *const names[EVENT_SEVERITY_COUNT_] = {
		"info",
		"notice",
		"warning",
		"error",
	};
	return NAME_OR(names, severity, "unknown");
}

const char *proof_to_string(enum proof proof)
{
	static const char *const names[PROOF_COUNT_] = {
		"not-confirmed", "lease", "fenced", "left", "never-held",
	};
	return NAME_OR(names, proof, "unknown");
}

const char *intent_cause_to_string(enum intent_cause cause)
{
	static const char *const names[CAUSE_COUNT_] = {
		"none",	 "start",    "admin",	"failover", "failure",
		"leave", "conflict", "monitor", "failback", "restart",
	};
	return NAME_OR(names, cause, "unknown");
}

const char *peer_state_to_string(enum peer_state state)
{
	static const char *const names[PEER_STATE_COUNT_] = {
		"unknown", "heard",    "member",      "stalled",  "silent",
		"left",	   "isolated", "quarantined", "mismatch",
	};
	return NAME_OF(names, state);
}

const char *node_mode_to_string(enum node_mode mode)
{
	static const char *const names[NODE_MODE_COUNT_] = {
		"unknown", "starting", "online", "stopping", "stopped",
	};
	return NAME_OF(names, mode);
}

const char *group_state_to_string(enum group_state state)
{
	static const char *const names[GROUP_STATE_COUNT_] = {
		"unknown", "offline", "starting", "online", "stopping", "stop-failed",
	};
	return NAME_OF(names, state);
}

const char *group_hold_to_string(enum group_hold hold)
{
	static const char *const names[GROUP_HOLD_COUNT_] = {
		"none",	 "suspended", "manual",	     "limit",	"excluded",
		"unfit", "wait",      "wait-failed", "stalled",
	};
	return NAME_OF(names, hold);
}

const char *resource_state_to_string(enum resource_state state)
{
	static const char *const names[RESOURCE_STATE_COUNT_] = {
		"unknown",  "offline",	    "starting",	   "online",
		"stopping", "start-failed", "stop-failed",
	};
	return NAME_OF(names, state);
}

const char *monitor_status_to_string(enum monitor_status status)
{
	static const char *const names[MONITOR_STATUS_COUNT_] = {
		"offline", "normal", "caution", "error", "suspended", "unused",
	};
	return NAME_OF(names, status);
}

const char *monitor_skip_to_string(enum monitor_skip why)
{
	static const char *const names[MONITOR_SKIP_COUNT_] = {
		"inactive", "suspended", "busy", "leaving", "done",
	};
	return NAME_OF(names, why);
}

/* The words of the configuration. */
const char *final_action_to_string(enum final_action action)
{
	static const char *const names[FINAL_ACTION_COUNT_] = {
		[FINAL_NONE] = "none",
		[FINAL_CONTINUE] = "continue",
		[FINAL_STOP_GROUP] = "stop-group",
		[FINAL_STOP_SERVICE] = "stop-service",
		[FINAL_SHUTDOWN] = "shutdown",
		[FINAL_REBOOT] = "reboot",
		[FINAL_STOP_RESOURCE] = "stop-resource",
		[FINAL_PANIC] = "panic",
		[FINAL_WATCHDOG_RESET] = "watchdog-reset",
		[FINAL_WATCHDOG_PANIC] = "watchdog-panic",
		[FINAL_BMC_RESET] = "bmc-reset",
		[FINAL_BMC_OFF] = "bmc-off",
		[FINAL_BMC_CYCLE] = "bmc-cycle",
		[FINAL_BMC_NMI] = "bmc-nmi",
		[FINAL_IO_FENCE] = "io-fence",
	};
	return NAME_OF(names, action);
}

const char *power_action_to_string(enum power_action action)
{
	static const char *const names[POWER_ACTION_COUNT_] = {"none", "shutdown", "reboot"};
	return NAME_OF(names, action);
}

const char *request_kind_to_string(enum request_kind kind)
{
	static const char *const names[REQUEST_KIND_COUNT_] = {
		[REQUEST_NONE] = "none",
		[REQUEST_GROUP_START] = "group-start",
		[REQUEST_GROUP_STOP] = "group-stop",
		[REQUEST_GROUP_MOVE] = "group-move",
		[REQUEST_NODE_START] = "node-start",
		[REQUEST_NODE_STOP] = "node-stop",
		[REQUEST_NODE_SHUTDOWN] = "node-shutdown",
		[REQUEST_NODE_REBOOT] = "node-reboot",
		[REQUEST_RESOURCE_START] = "resource-start",
		[REQUEST_RESOURCE_STOP] = "resource-stop",
		[REQUEST_MONITOR_SUSPEND] = "monitor-suspend",
		[REQUEST_MONITOR_RESUME] = "monitor-resume",
		[REQUEST_MONITOR_FAIL] = "monitor-fail",
		[REQUEST_MONITOR_UNFAIL] = "monitor-unfail",
		[REQUEST_CLUSTER_START] = "cluster-start",
		[REQUEST_CLUSTER_STOP] = "cluster-stop",
		[REQUEST_CLUSTER_SUSPEND] = "cluster-suspend",
		[REQUEST_CLUSTER_RESUME] = "cluster-resume",
		[REQUEST_CLUSTER_SHUTDOWN] = "cluster-shutdown",
		[REQUEST_CLUSTER_REBOOT] = "cluster-reboot",
		[REQUEST_RATIO_SET] = "ratio-set",
		[REQUEST_RATIO_RESET] = "ratio-reset",
		[REQUEST_CONFIG] = "config",
		[REQUEST_FENCE_CONFIRM] = "fence-confirm",
	};
	return NAME_OF(names, kind);
}

const char *answer_code_to_string(enum answer_code code)
{
	static const char *const names[ANSWER_CODE_COUNT_] = {
		"none",	      "accepted",    "nothing-to-do", "no-quorum", "busy",
		"bad-target", "target-down", "no-target",     "offline",   "store-failed",
		"timeout",    "suspended",   "excluded",      "unfit",	   "bad-value",
		"not-ready",  "target-up",   "unproven",
	};
	return NAME_OF(names, code);
}

const char *fence_state_to_string(enum fence_state state)
{
	static const char *const names[FENCE_STATE_COUNT_] = {
		"idle", "delayed", "running", "failed", "confirmed",
	};
	return NAME_OF(names, state);
}

const char *fence_check_to_string(enum fence_check check)
{
	static const char *const names[FENCE_CHECK_COUNT_] = {
		"none", "unknown", "normal", "degraded", "error",
	};
	return NAME_OF(names, check);
}
