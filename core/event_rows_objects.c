/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of groups and resources. */
#include "core/event_rows.h"

static const struct event_info rows[] = {
	{
		.id = EVENT_GROUP_PLACED,
		.severity = EVENT_NOTICE,
		.name = "group-placed",
		.message = "group {group}: its owner is {node}, was {1node} (cause {0cause}, epoch "
			   "{epoch}, version {2}){text}",
		.arg = {"cause", "former owner, 255 for none", "version counter"},
		.meaning = "The coordinator decided where the group may run; without a node it may "
			   "run nowhere.",
	},
	{
		.id = EVENT_GROUP_STARTING,
		.severity = EVENT_INFO,
		.name = "group-starting",
		.message = "group {group} is starting on {node} (cause {0cause}){text}",
		.arg = {"cause"},
		.meaning = "The owner begins to start the resources of the group.",
	},
	{
		.id = EVENT_GROUP_ONLINE,
		.severity = EVENT_NOTICE,
		.name = "group-online",
		.message = "group {group} is online on {node} after {1ms} ms (cause "
			   "{0cause}){text}",
		.arg = {"cause", "time it took, us"},
		.meaning = "Every resource of the group is online.",
	},
	{
		.id = EVENT_GROUP_STOPPING,
		.severity = EVENT_INFO,
		.name = "group-stopping",
		.message = "group {group} is stopping on {node} (cause {0cause}){text}",
		.arg = {"cause"},
		.meaning = "The node begins to stop the resources of the group.",
	},
	{
		.id = EVENT_GROUP_OFFLINE,
		.severity = EVENT_NOTICE,
		.name = "group-offline",
		.message = "group {group} is offline on {node} after {1ms} ms (cause "
			   "{0cause}){text}",
		.arg = {"cause", "time it took, us"},
		.meaning = "Every resource of the group is proven to be stopped.",
	},
	{
		.id = EVENT_GROUP_FAILED,
		.severity = EVENT_ERROR,
		.name = "group-failed",
		.message = "group {group} failed on {node} by resource {resource} (index "
			   "{0}){text}",
		.arg = {"resource index"},
		.meaning = "A resource could not be started, or was lost and not repaired.",
	},
	{
		.id = EVENT_GROUP_NO_TARGET,
		.severity = EVENT_ERROR,
		.name = "group-no-target",
		.message = "no node can take group {group}; it failed on {0nodes}{text}",
		.arg = {"nodes that it failed on, mask"},
		.meaning = "The group should run but failed, or is not allowed, on every member. "
			   "'holdfast group start' clears the failures.",
	},
	{
		.id = EVENT_GROUP_CONFLICT,
		.severity = EVENT_ERROR,
		.name = "group-conflict",
		.message = "group {group} runs on {0nodes}: kept on {node}, to be stopped "
			   "elsewhere{text}",
		.arg = {"nodes that run it, mask"},
		.meaning = "More than one node says that it runs the group.",
	},
	{
		.id = EVENT_GROUP_HELD,
		.severity = EVENT_WARNING,
		.name = "group-held",
		.message = "group {group} is wanted but not placed: {0hold}{text}",
		.arg = {"why it is held",
			"nodes left out by an exclusion rule or a critical monitor, mask"},
		.meaning =
			"Why the coordinator gives the group to no node: 'suspended' "
			"(cluster resume places it), 'manual' (its failover is "
			"manual), 'limit' (too many failovers by failures), 'excluded' "
			"(an exclusion rule leaves no node), 'unfit' (a critical "
			"monitor fails wherever it could go), 'wait' (for another "
			"group), 'wait-failed' (that did not come in time), 'stalled' (for a node "
			"whose agent does not run).",
	},
	{
		.id = EVENT_GROUP_WAITING,
		.severity = EVENT_NOTICE,
		.name = "group-waiting",
		.message = "the {1?start|stop} of group {group} waits for group {0group}, "
			   "at most {2s} s{text}",
		.arg = {"group that it waits for", "what waits: 0 its start, 1 its stop",
			"longest wait, us"},
		.meaning = "The configuration lets the group start after another one is "
			   "online, or stop after another one is offline.",
	},
	{
		.id = EVENT_RESOURCE_STARTING,
		.severity = EVENT_INFO,
		.name = "resource-starting",
		.message = "resource {resource} of group {group} is starting on {node}{text}",
		.arg = {"operation", "time it took, us"},
		.meaning = "The driver of the resource was told to start it.",
	},
	{
		.id = EVENT_RESOURCE_ONLINE,
		.severity = EVENT_INFO,
		.name = "resource-online",
		.message = "resource {resource} of group {group} is online on {node} after {1ms} "
			   "ms{text}",
		.arg = {"operation", "time it took, us"},
		.meaning = "The resource was started.",
	},
	{
		.id = EVENT_RESOURCE_START_FAILED,
		.severity = EVENT_ERROR,
		.name = "resource-start-failed",
		.message = "resource {resource} of group {group} did not start on {node} ({1ms} "
			   "ms){text}",
		.arg = {"operation", "time it took, us"},
		.meaning = "The driver could not start the resource; the text says why.",
	},
	{
		.id = EVENT_RESOURCE_STOPPING,
		.severity = EVENT_INFO,
		.name = "resource-stopping",
		.message = "resource {resource} of group {group} is stopping on {node}{text}",
		.arg = {"operation", "time it took, us"},
		.meaning = "The driver of the resource was told to stop it.",
	},
	{
		.id = EVENT_RESOURCE_OFFLINE,
		.severity = EVENT_INFO,
		.name = "resource-offline",
		.message = "resource {resource} of group {group} is offline on {node} after {1ms} "
			   "ms{text}",
		.arg = {"operation", "time it took, us"},
		.meaning = "The resource is proven to be stopped.",
	},
	{
		.id = EVENT_RESOURCE_STOP_FAILED,
		.severity = EVENT_ERROR,
		.name = "resource-stop-failed",
		.message = "resource {resource} of group {group} did not stop on {node} ({1ms} "
			   "ms){text}",
		.arg = {"operation", "time it took, us"},
		.meaning = "The resource may still be running: nobody else may start its group.",
	},
	{
		.id = EVENT_RESOURCE_LOST,
		.severity = EVENT_ERROR,
		.name = "resource-lost",
		.message = "resource {resource} of group {group} is lost on {node}{text}",
		.arg = {"operation", "time it took, us"},
		.meaning = "A started resource is gone and could not be repaired in place.",
	},
	{
		.id = EVENT_RESOURCE_TIMEOUT,
		.severity = EVENT_ERROR,
		.name = "resource-timeout",
		.message = "resource {resource} of group {group} was too slow on {node}: {1ms} "
			   "ms{text}",
		.arg = {"operation", "time it took, us"},
		.meaning = "A start or stop did not end within its time limit and is broken off.",
	},
	{
		.id = EVENT_RESOURCE_RETRY,
		.severity = EVENT_WARNING,
		.name = "resource-retry",
		.message = "resource {resource} of group {group} is {2?started|stopped} again on "
			   "{node}, try {0} of {1}{text}",
		.arg = {"try", "retries", "0: of its start, 1: of its stop"},
		.meaning = "A failed start or stop is tried again on the same node.",
	},
	{
		.id = EVENT_RESOURCE_RESTARTING,
		.severity = EVENT_NOTICE,
		.name = "resource-restarting",
		.message = "resource {resource} of group {group} is restarted in place on "
			   "{node} (monitor {0monitor}){text}",
		.arg = {"monitor, 65535 for none"},
		.meaning = "The resource, and what depends on it, is stopped and started "
			   "again on the same node.",
	},
	{
		.id = EVENT_FIP_ANNOUNCED,
		.severity = EVENT_INFO,
		.name = "fip-announced",
		.message = "floating IP of resource {resource} is announced{text}",
		.meaning = "The neighbours were told where the address is now.",
	},
	{
		.id = EVENT_FIP_CONFLICT,
		.severity = EVENT_ERROR,
		.name = "fip-conflict",
		.message = "floating IP of resource {resource} is in use elsewhere{text}",
		.meaning = "Another machine answers on the address; the text says which one.",
	},
	{
		.id = EVENT_FIP_REPAIRED,
		.severity = EVENT_WARNING,
		.name = "fip-repaired",
		.message = "floating IP of resource {resource} was gone and is set again{text}",
		.meaning = "Something removed the address behind the agent's back.",
	},
	{
		.id = EVENT_GROUP_RESTARTING,
		.severity = EVENT_NOTICE,
		.name = "group-restarting",
		.message = "group {group} is restarted in place on {node} (monitor "
			   "{0monitor}){text}",
		.arg = {"monitor, 65535 for none"},
		.meaning = "The resources of the group are stopped and started again on "
			   "the same node.",
	},
	{
		.id = EVENT_GROUP_WAIT_TIMEOUT,
		.severity = EVENT_WARNING,
		.name = "group-wait-timeout",
		.message = "the {1?start|stop} of group {group} waited {2s} s for group "
			   "{0group} in vain and {3?is given up|goes on}{text}",
		.arg = {"group that it waited for", "what waited: 0 its start, 1 its stop",
			"time waited, us", "0: it is given up, 1: it goes on"},
		.meaning = "The end of group-waiting without what was waited for. A start "
			   "that is given up needs a command.",
	},
	{
		.id = EVENT_GROUP_FAILOVER_LIMIT,
		.severity = EVENT_ERROR,
		.name = "group-failover-limit",
		.message = "group {group} failed over {0} times by its own failures, the "
			   "limit is {1}: it is not placed again{text}",
		.arg = {"failovers", "limit", "time within which they count, us"},
		.meaning = "The group is held until a start or move command, so that a "
			   "bad group does not wander for ever.",
	},
	{
		.id = EVENT_FINAL_ACTION,
		.severity = EVENT_ERROR,
		.name = "final-action",
		.message = "final action '{0final}' is taken on {node} (resource "
			   "{resource}, monitor {1monitor}){text}",
		.arg = {"final action", "monitor, 65535 for none"},
		.meaning = "Restarts and failovers did not help, or a start or stop "
			   "failed for good: what the configuration says for that case is "
			   "done.",
	},
	{
		.id = EVENT_FINAL_SUPPRESSED,
		.severity = EVENT_ERROR,
		.name = "final-suppressed",
		.message = "final action '{0final}' is not taken on {node}, no other node "
			   "is healthy (resource {resource}, monitor {1monitor}){text}",
		.arg = {"final action", "monitor, 65535 for none", "other members looked at, mask"},
		.meaning = "The action would end the service of the last node that is "
			   "able to give it.",
	},
	{
		.id = EVENT_FINAL_IMPOSSIBLE,
		.severity = EVENT_ERROR,
		.name = "final-impossible",
		.message = "final action '{0final}' is impossible on {node} (resource "
			   "{resource}, monitor {1monitor}){text}",
		.arg = {"final action", "monitor, 65535 for none"},
		.meaning = "What the action needs is not configured; the text says what. "
			   "Nothing else is done in its place.",
	},
	{
		.id = EVENT_POWER_ACTION,
		.severity = EVENT_WARNING,
		.name = "power-action",
		.message = "'{0final}' is given to the system of {node} (resource "
			   "{resource}, monitor {1monitor}){text}",
		.arg = {"final action", "monitor, 65535 for none"},
		.meaning = "The driver of this machine's power is told to act now.",
	},
};

const struct event_rows event_rows_objects = {rows, sizeof rows / sizeof rows[0]};
