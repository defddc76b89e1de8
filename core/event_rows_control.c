/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of commands, configuration and monitors. */
#include "core/event_rows.h"

static const struct event_info rows[] = {
	{
		.id = EVENT_REQUEST_RECEIVED,
		.severity = EVENT_NOTICE,
		.name = "request-received",
		.message = "command {1} received: {0request}{2operand}, {object}{text}",
		.arg = {"request kind", "request number",
			"index of the resource or monitor, ratio, or configuration hash"},
		.meaning = "An operator gave a command at the node of origin.",
	},
	{
		.id = EVENT_REQUEST_ANSWERED,
		.severity = EVENT_NOTICE,
		.name = "request-answered",
		.message = "command {1} ({0request}{3operand}, {object}) is answered: "
			   "{2answer}{text}",
		.arg = {"request kind", "request number", "answer code",
			"index of the resource or monitor, ratio, or configuration hash"},
		.meaning = "The answer to a command. 'accepted' is never forgotten.",
	},
	{
		.id = EVENT_CLUSTER_SUSPENDED,
		.severity = EVENT_WARNING,
		.name = "cluster-suspended",
		.message = "the cluster is suspended by command {0} at {node}: nothing "
			   "acts by itself{text}",
		.arg = {"request number"},
		.meaning = "Heartbeats, leases and monitors go on, but groups are not "
			   "placed, moved or recovered before 'holdfast cluster resume'.",
	},
	{
		.id = EVENT_CLUSTER_RESUMED,
		.severity = EVENT_NOTICE,
		.name = "cluster-resumed",
		.message = "the cluster is resumed by command {0} at {node}{text}",
		.arg = {"request number"},
		.meaning = "The end of cluster-suspended: what is pending is done now.",
	},
	{
		.id = EVENT_RATIO_SET,
		.severity = EVENT_NOTICE,
		.name = "ratio-set",
		.message = "timeouts are multiplied by {0} for {1s} s{text}",
		.arg = {"ratio", "time left, us"},
		.meaning = "The timeout ratio of the cluster is in force at the node of "
			   "origin.",
	},
	{
		.id = EVENT_RATIO_ENDED,
		.severity = EVENT_NOTICE,
		.name = "ratio-ended",
		.message = "timeouts are as configured again, the ratio was {0}{text}",
		.arg = {"former ratio", "time that was left, us; 0 if it ran out"},
		.meaning = "The timeout ratio ran out or was reset.",
	},
	{
		.id = EVENT_CONFIG_READY,
		.severity = EVENT_INFO,
		.name = "config-ready",
		.message = "a configuration with hash {1hex} is ready to be applied (in "
			   "force: generation {0}){text}",
		.arg = {"generation in force", "hash of what is ready"},
		.meaning = "This node has checked and kept a new configuration. Nothing "
			   "is changed yet.",
	},
	{
		.id = EVENT_CONFIG_AGREED,
		.severity = EVENT_NOTICE,
		.name = "config-agreed",
		.message = "the cluster agreed on configuration {0} with hash {1hex}{text}",
		.arg = {"generation", "hash"},
		.meaning = "Every member has it ready and will apply it.",
	},
	{
		.id = EVENT_CONFIG_APPLIED,
		.severity = EVENT_NOTICE,
		.name = "config-applied",
		.message = "configuration {0} with hash {1hex} is applied{text}",
		.arg = {"generation", "hash"},
		.meaning = "The node of origin works by the new configuration.",
	},
	{
		.id = EVENT_CONFIG_FAILED,
		.severity = EVENT_ERROR,
		.name = "config-failed",
		.message = "configuration {0} with hash {1hex} is not applied{text}",
		.arg = {"generation", "hash"},
		.meaning = "The node of origin cannot apply what the cluster agreed on, "
			   "or cannot get it; it goes on with its old configuration and "
			   "shows as different.",
	},
	{
		.id = EVENT_SCRIPT_STARTED,
		.severity = EVENT_NOTICE,
		.name = "script-started",
		.message = "a script runs by order of user {0}, for at most {1s} s{text}",
		.arg = {"user id", "time limit, us"},
		.meaning = "'holdfast script run' started the script that the text names.",
	},
	{
		.id = EVENT_SCRIPT_ENDED,
		.severity = EVENT_NOTICE,
		.name = "script-ended",
		.message = "a script ended with exit code {0} after {1ms} ms{text}",
		.arg = {"exit code; 128 and the signal if one ended it", "time it took, us"},
		.meaning = "The end of script-started.",
	},
	{
		.id = EVENT_MONITOR_NORMAL,
		.severity = EVENT_NOTICE,
		.name = "monitor-normal",
		.message = "monitor {0monitor} is normal on {node}, was: {1status}{text}",
		.arg = {"monitor", "status before"},
		.meaning = "A check succeeded.",
	},
	{
		.id = EVENT_MONITOR_CAUTION,
		.severity = EVENT_WARNING,
		.name = "monitor-caution",
		.message = "monitor {0monitor} sees a failure on {node} and tries again, "
			   "was: {1status}{text}",
		.arg = {"monitor", "status before"},
		.meaning = "A check failed; it counts as an error only after all retries.",
	},
	{
		.id = EVENT_MONITOR_ERROR,
		.severity = EVENT_ERROR,
		.name = "monitor-error",
		.message = "monitor {0monitor} is in error on {node}, was: {1status}{text}",
		.arg = {"monitor", "status before"},
		.meaning = "The check failed after all retries; the text says why. Again "
			   "if it still fails after it has begun anew.",
	},
	{
		.id = EVENT_MONITOR_STARTED,
		.severity = EVENT_INFO,
		.name = "monitor-started",
		.message = "monitor {0monitor} checks on {node}{text}",
		.arg = {"monitor"},
		.meaning = "The monitor begins to check, with its first wait.",
	},
	{
		.id = EVENT_MONITOR_STOPPED,
		.severity = EVENT_INFO,
		.name = "monitor-stopped",
		.message = "monitor {0monitor} does not check on {node} now{text}",
		.arg = {"monitor"},
		.meaning = "Its target is not active, is being restarted, or the node "
			   "leaves.",
	},
	{
		.id = EVENT_MONITOR_SUSPENDED,
		.severity = EVENT_NOTICE,
		.name = "monitor-suspended",
		.message = "monitor {0monitor} is suspended on {node}{text}",
		.arg = {"monitor"},
		.meaning = "By command: it does not check and causes nothing until it is "
			   "resumed.",
	},
	{
		.id = EVENT_MONITOR_RESUMED,
		.severity = EVENT_NOTICE,
		.name = "monitor-resumed",
		.message = "monitor {0monitor} is resumed on {node}{text}",
		.arg = {"monitor"},
		.meaning = "The end of monitor-suspended; its counters are clear.",
	},
	{
		.id = EVENT_MONITOR_FAILING,
		.severity = EVENT_WARNING,
		.name = "monitor-failing",
		.message = "every check of monitor {0monitor} counts as failed on "
			   "{node}{text}",
		.arg = {"monitor"},
		.meaning = "By command, to test what follows: a dummy failure.",
	},
	{
		.id = EVENT_MONITOR_FAILING_ENDED,
		.severity = EVENT_NOTICE,
		.name = "monitor-failing-ended",
		.message = "checks of monitor {0monitor} count as they are on {node}{text}",
		.arg = {"monitor"},
		.meaning = "The end of monitor-failing.",
	},
	{
		.id = EVENT_MONITOR_RESTART,
		.severity = EVENT_WARNING,
		.name = "monitor-restart",
		.message = "monitor {0monitor} has {target} restarted on {node}, restart "
			   "{1} of {2}{text}",
		.arg = {"monitor", "restart", "restarts before the next step"},
		.meaning = "First step of a recovery: what the monitor watches is stopped "
			   "and started again in place.",
	},
	{
		.id = EVENT_MONITOR_FAILOVER,
		.severity = EVENT_WARNING,
		.name = "monitor-failover",
		.message = "monitor {0monitor} has {target} moved away from {node}, "
			   "failover {1} of {2}{text}",
		.arg = {"monitor", "failover", "failovers before the final action"},
		.meaning = "Second step of a recovery: the group counts as failed on this "
			   "node and goes to another one.",
	},
	{
		.id = EVENT_MONITOR_SCRIPT,
		.severity = EVENT_NOTICE,
		.name = "monitor-script",
		.message = "the program of monitor {0monitor} before the "
			   "{1?restart|failover|final action} {2?runs|ended well|failed} "
			   "on {node}{text}",
		.arg = {"monitor", "step: 0 restart, 1 failover, 2 final action",
			"0: started, 1: ended well, 2: failed or too slow"},
		.meaning = "A configured program runs before a step of a recovery. How it "
			   "ends does not change the step.",
	},
	{
		.id = EVENT_MONITOR_SKIPPED,
		.severity = EVENT_NOTICE,
		.name = "monitor-skipped",
		.message = "monitor {0monitor} causes no recovery on {node}: {1skip}{text}",
		.arg = {"monitor", "why"},
		.meaning = "Its error has no consequence now: 'inactive' (its target is "
			   "not active here), 'suspended' (the cluster is), 'busy' "
			   "(another recovery of the group goes on), 'leaving' (the node "
			   "is not online), 'done' (its final action was taken already).",
	},
	{
		.id = EVENT_MONITOR_FORGOT,
		.severity = EVENT_INFO,
		.name = "monitor-forgot",
		.message = "monitor {0monitor} was normal for long enough on {node}: {1} "
			   "restarts and {2} failovers are forgotten{text}",
		.arg = {"monitor", "restarts", "failovers"},
		.meaning = "Its next error begins with the first step of the recovery "
			   "again.",
	},
};

const struct event_rows event_rows_control = {rows, sizeof rows / sizeof rows[0]};
