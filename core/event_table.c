/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "include/event.h"

/*
 * The catalogue of events, in order of ids. docs/man/holdfast-events.7 is printed from it by
 * tests/unit/test_event_man.c. Arguments are durations in microseconds where the name says so;
 * `node`, `group` and `resource` of the event are told by `meaning` where it is not plain.
 */
static const struct event_info table[] = {
	{
		.id = EVENT_AGENT_STARTED,
		.severity = EVENT_NOTICE,
		.name = "agent-started",
		.message = "agent started, incarnation {0}, pid {1}{text}",
		.arg = {"incarnation", "pid; 0 if the process went on"},
		.meaning = "The agent of this node has started, or takes part again after 'server "
			   "stop' and 'server start'.",
	},
	{
		.id = EVENT_AGENT_STOPPED,
		.severity = EVENT_NOTICE,
		.name = "agent-stopped",
		.message = "agent stopped, incarnation {0}{text}",
		.arg = {"incarnation"},
		.meaning = "This node left the cluster in good order and holds nothing any more.",
	},
	{
		.id = EVENT_AGENT_STALLED,
		.severity = EVENT_WARNING,
		.name = "agent-stalled",
		.message = "this agent was not scheduled for {0ms} ms{text}",
		.arg = {"time not scheduled, us"},
		.meaning =
			"The machine did not let the agent run. It looks at its own lease and at "
			"what its sockets hold before it judges any peer.",
	},
	{
		.id = EVENT_STORE_FAILED,
		.severity = EVENT_ERROR,
		.name = "store-failed",
		.message = "cannot write to the state directory (errno {0}){text}",
		.arg = {"errno"},
		.meaning =
			"A write to the state file or to the event ring failed. What runs goes on; "
			"this node accepts no new promise until a write succeeds.",
	},
	{
		.id = EVENT_STORE_RECOVERED,
		.severity = EVENT_NOTICE,
		.name = "store-recovered",
		.message = "the state directory can be written again{text}",
		.meaning = "The first write succeeded after store-failed.",
	},
	{
		.id = EVENT_NO_REALTIME,
		.severity = EVENT_WARNING,
		.name = "no-realtime",
		.message = "no real-time priority (errno {0}){text}",
		.arg = {"errno"},
		.meaning = "The system refused real-time scheduling: beats may be late under load.",
	},
	{
		.id = EVENT_NO_MEMLOCK,
		.severity = EVENT_WARNING,
		.name = "no-memlock",
		.message = "memory is not locked (errno {0}){text}",
		.arg = {"errno"},
		.meaning = "The system refused to lock the agent's memory: swapping may stall it.",
	},
	{
		.id = EVENT_CLEANED_LEFTOVER,
		.severity = EVENT_NOTICE,
		.name = "cleaned-leftover",
		.message = "resource {resource} of group {group}, left by a former run, is "
			   "stopped{text}",
		.meaning = "The agent found a resource that an earlier agent had started, and "
			   "stopped it before it took part in anything.",
	},
	{
		.id = EVENT_UNSAFE_CONFIG,
		.severity = EVENT_WARNING,
		.name = "unsafe-config",
		.message = "the configuration accepts a risk{text}",
		.meaning = "A key of the configuration names a risk and accepts it. The text says "
			   "which one.",
	},
	{
		.id = EVENT_NODE_HEARD,
		.severity = EVENT_NOTICE,
		.name = "node-heard",
		.message = "node {node} is heard, incarnation {0}{text}",
		.arg = {"incarnation"},
		.meaning = "The first beat of a node, or the first one after silence.",
	},
	{
		.id = EVENT_NODE_SILENT,
		.severity = EVENT_ERROR,
		.name = "node-silent",
		.message = "node {node} is silent for {0ms} ms (timeout {1ms} ms) and counts as "
			   "failed; last heard on link {2links}{text}",
		.arg = {"silence, us", "timeout, us", "links that it was last heard on, mask"},
		.meaning = "No beat of the node on any link within the timeout.",
	},
	{
		.id = EVENT_NODE_LATE,
		.severity = EVENT_WARNING,
		.name = "node-late",
		.message = "no beat of node {node} for {0ms} ms (timeout {1ms} ms){text}",
		.arg = {"silence, us", "timeout, us"},
		.meaning = "A beat is later than the configured share of the timeout.",
	},
	{
		.id = EVENT_NODE_RESTARTED,
		.severity = EVENT_NOTICE,
		.name = "node-restarted",
		.message = "the agent of node {node} was restarted: incarnation {0}, was {1}{text}",
		.arg = {"new incarnation", "old incarnation"},
		.meaning = "A node is heard with a higher incarnation: its former agent is gone.",
	},
	{
		.id = EVENT_LINK_DOWN,
		.severity = EVENT_WARNING,
		.name = "link-down",
		.message = "link {0} to node {node} is down, silent for {1ms} ms{text}",
		.arg = {"link", "silence, us"},
		.meaning = "Nothing was heard of the node on this link within the timeout.",
	},
	{
		.id = EVENT_LINK_UP,
		.severity = EVENT_NOTICE,
		.name = "link-up",
		.message = "link {0} to node {node} is up{text}",
		.arg = {"link", "silence before, us"},
		.meaning = "The node is heard on this link again.",
	},
	{
		.id = EVENT_NODE_ISOLATED,
		.severity = EVENT_WARNING,
		.name = "node-isolated",
		.message = "node {node} is heard but is outside the clique; it hears "
			   "{0nodes}{text}",
		.arg = {"nodes that it hears, mask"},
		.meaning = "The node and the members do not all hear each other, so it stays "
			   "outside the view.",
	},
	{
		.id = EVENT_NODE_QUARANTINED,
		.severity = EVENT_WARNING,
		.name = "node-quarantined",
		.message = "node {node} is quarantined for {0s} s after {1} departures{text}",
		.arg = {"quarantine, us", "departures"},
		.meaning = "The node entered and left views too often and is kept out for a while. "
			   "'holdfast server start' ends it.",
	},
	{
		.id = EVENT_NODE_RELEASED,
		.severity = EVENT_NOTICE,
		.name = "node-released",
		.message = "the quarantine of node {node} is over{text}",
		.meaning = "The node may enter views again.",
	},
	{
		.id = EVENT_CONFIG_MISMATCH,
		.severity = EVENT_ERROR,
		.name = "config-mismatch",
		.message = "the configuration of node {node} differs: its hash is {0hex}, ours "
			   "{1hex}{text}",
		.arg = {"its hash", "our hash"},
		.meaning = "The configuration files of two nodes are not the same.",
	},
	{
		.id = EVENT_CONFIG_MATCH,
		.severity = EVENT_INFO,
		.name = "config-match",
		.message = "the configuration of node {node} is the same as ours again{text}",
		.arg = {"its hash", "our hash"},
		.meaning = "The end of config-mismatch.",
	},
	{
		.id = EVENT_NODE_LEAVING,
		.severity = EVENT_NOTICE,
		.name = "node-leaving",
		.message = "node {node} gives up its groups to leave, incarnation {0}{text}",
		.arg = {"incarnation"},
		.meaning = "The node was told to stop and hands over what it runs.",
	},
	{
		.id = EVENT_NODE_LEFT,
		.severity = EVENT_NOTICE,
		.name = "node-left",
		.message = "node {node} left in good order, incarnation {0}{text}",
		.arg = {"incarnation"},
		.meaning = "The node said that it holds nothing and will not until it starts anew.",
	},
	{
		.id = EVENT_VIEW_PROPOSED,
		.severity = EVENT_INFO,
		.name = "view-proposed",
		.message = "node {node} proposes the view {0nodes} of epoch {epoch}, before: "
			   "{1nodes}{text}",
		.arg = {"members, mask", "former members, mask"},
		.meaning = "The coordinator (the node of the event) asks for a new membership.",
	},
	{
		.id = EVENT_VIEW_ACCEPTED,
		.severity = EVENT_INFO,
		.name = "view-accepted",
		.message = "the view {0nodes} of epoch {epoch} by node {node} is accepted here, "
			   "before: {1nodes}{text}",
		.arg = {"members, mask", "former members, mask"},
		.meaning = "This node promised the epoch and accepts no lower one any more.",
	},
	{
		.id = EVENT_VIEW_INSTALLED,
		.severity = EVENT_NOTICE,
		.name = "view-installed",
		.message = "the view {0nodes} of epoch {epoch} is installed, coordinator {node}, "
			   "before: {1nodes}{text}",
		.arg = {"members, mask", "former members, mask"},
		.meaning = "Every member accepted the view and it has a quorum.",
	},
	{
		.id = EVENT_VIEW_LOST,
		.severity = EVENT_ERROR,
		.name = "view-lost",
		.message = "the view {0nodes} of epoch {epoch} is lost here{text}",
		.arg = {"members, mask"},
		.meaning = "The lease of this node ran out or was refused: it gives up its groups.",
	},
	{
		.id = EVENT_LEASE_VALID,
		.severity = EVENT_INFO,
		.name = "lease-valid",
		.message = "the lease is valid for {0ms} ms in epoch {epoch}, granted by "
			   "{1nodes}{text}",
		.arg = {"lease left, us", "granting nodes, mask"},
		.meaning = "This node may hold groups.",
	},
	{
		.id = EVENT_LEASE_EXPIRED,
		.severity = EVENT_ERROR,
		.name = "lease-expired",
		.message = "the lease of epoch {epoch} ran out {0ms} ms ago, still granting: "
			   "{1nodes}{text}",
		.arg = {"time since it ran out, us", "nodes whose grant is still valid, mask"},
		.meaning = "Too few nodes grant a lease to this node: it may not hold groups.",
	},
	{
		.id = EVENT_LEASE_REFUSED,
		.severity = EVENT_ERROR,
		.name = "lease-refused",
		.message = "node {node} refuses the lease of epoch {epoch}: its own epoch is "
			   "{0}{text}",
		.arg = {"epoch of the node that refuses"},
		.meaning = "A node with a higher epoch says that this node is no member: the lease "
			   "ends at once.",
	},
	{
		.id = EVENT_PROOF,
		.severity = EVENT_NOTICE,
		.name = "proof",
		.message = "node {node} surely holds nothing any more: proof '{0proof}' in epoch "
			   "{epoch} after {1ms} ms, by the word of {2nodes}; last heard {3ms} ms "
			   "ago{text}",
		.arg = {"proof", "time waited since the view was installed, us",
			"members whose word it rests on, mask",
			"time since the node was last heard, us"},
		.meaning = "The groups of the absent node may be taken over.",
	},
	{
		.id = EVENT_WAITING_FOR_PROOF,
		.severity = EVENT_WARNING,
		.name = "waiting-for-proof",
		.message = "no proof yet that node {node} holds nothing; still to wait: {0ms} ms "
			   "(0.000: no end is known){text}",
		.arg = {"time still to wait, us; 0 if unknown"},
		.meaning = "The groups of the absent node cannot be taken over yet.",
	},
	{
		.id = EVENT_STARTUP_WAIT,
		.severity = EVENT_NOTICE,
		.name = "startup-wait",
		.message = "the cluster starts: waiting up to {0s} s for {1nodes}{text}",
		.arg = {"longest wait, us", "missing nodes, mask"},
		.meaning =
			"Groups are not started before all nodes are heard or this time is over.",
	},
	{
		.id = EVENT_STARTUP_DONE,
		.severity = EVENT_NOTICE,
		.name = "startup-done",
		.message = "the cluster has started with {0nodes} after {1s} s{text}",
		.arg = {"members, mask", "time waited, us"},
		.meaning = "Groups may be started.",
	},
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
		.message = "resource {resource} of group {group} is started again on {node}, try "
			   "{0} of {1}{text}",
		.arg = {"try", "retries"},
		.meaning = "A failed start is tried again on the same node.",
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
		.id = EVENT_REQUEST_RECEIVED,
		.severity = EVENT_NOTICE,
		.name = "request-received",
		.message = "command {1} received: {0request}, {object}{text}",
		.arg = {"request kind", "request number"},
		.meaning = "An operator gave a command at the node of origin.",
	},
	{
		.id = EVENT_REQUEST_ANSWERED,
		.severity = EVENT_NOTICE,
		.name = "request-answered",
		.message = "command {1} ({0request}, {object}) is answered: {2answer}{text}",
		.arg = {"request kind", "request number", "answer code"},
		.meaning = "The answer to a command. 'accepted' is never forgotten.",
	},
};

#define ROWS (sizeof table / sizeof table[0])

const struct event_info *event_info_at(size_t i)
{
	return i < ROWS ? &table[i] : NULL;
}

const struct event_info *event_info(uint16_t id)
{
	size_t low = 0, high = ROWS;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ROWS && table[low].id == id ? &table[low] : NULL;
}
