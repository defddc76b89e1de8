/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of the agent, nodes, views and leases. */
#include "core/event_rows.h"

static const struct event_info rows[] = {
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
		.id = EVENT_MONITORS_DIED,
		.severity = EVENT_ERROR,
		.name = "monitors-died",
		.message = "no monitor checks: another process is started in {0s} s{text}",
		.arg = {"time until then"},
		.meaning = "The process that does the checks of all monitors died or hung. Another "
			   "one goes on, at once unless that happens again and again; until its "
			   "first checks the status of all monitors stays as it was.",
	},
	{
		.id = EVENT_CHANNEL_ENDED,
		.severity = EVENT_WARNING,
		.name = "channel-ended",
		.message = "the process that connects agents has ended, and is started again in "
			   "{0s} s{text}",
		.arg = {"pause before the next start"},
		.meaning = "No other node can be asked meanwhile, and connections through it are "
			   "lost. Heartbeats are not concerned.",
	},
	{
		.id = EVENT_KERNEL_PATH,
		.severity = EVENT_NOTICE,
		.name = "kernel-path",
		.message = "the kernel answers probes and enforces leases on {0} interfaces{text}",
		.arg = {"number of interfaces"},
		.meaning = "The programs of the kernel path are attached. It is told again when "
			   "the number of interfaces that carry them has changed.",
	},
	{
		.id = EVENT_KERNEL_UNAVAILABLE,
		.severity = EVENT_WARNING,
		.name = "kernel-unavailable",
		.message = "no kernel path on this node (errno {0}){text}",
		.arg = {"errno"},
		.meaning = "The system refused the BPF programs. This node goes on without them: "
			   "only its agent enforces the leases of its floating IPs, and its "
			   "kernel does not answer for an agent that is stalled.",
	},
	{
		.id = EVENT_KERNEL_INTERFACE,
		.severity = EVENT_ERROR,
		.name = "kernel-interface",
		.message = "not all interfaces carry the kernel path (errno {0}){text}",
		.arg = {"errno"},
		.meaning = "Floating IPs may be answered by way of that interface when the lease "
			   "is over and the agent does not run.",
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
		.id = EVENT_NODE_POWER,
		.severity = EVENT_NOTICE,
		.name = "node-power",
		.message = "node {node} has stopped in good order; its machine goes on "
			   "to: {0power}{text}",
		.arg = {"power action: 1 shutdown, 2 reboot"},
		.meaning = "The node was told to shut down or reboot; everything on it is "
			   "stopped, and now its machine follows. Peers need no fencing "
			   "for it.",
	},
	{
		.id = EVENT_NODE_STALLED,
		.severity = EVENT_WARNING,
		.name = "node-stalled",
		.message = "node {node} is stalled: its kernel answers, its agent did nothing for "
			   "{0ms} ms (it counts as failed after {1ms} ms); it holds {2} "
			   "groups{text}",
		.arg = {"time since its agent's last beat, us", "stall timeout, us",
			"groups that it holds"},
		.meaning = "No beat of the node came within the timeout, and its kernel says that "
			   "its agent does not run. It stays in the view and keeps its groups, "
			   "and no view can change, until it runs again or the stall timeout is "
			   "over.",
	},
	{
		.id = EVENT_NODE_RESUMED,
		.severity = EVENT_NOTICE,
		.name = "node-resumed",
		.message = "the agent of node {node} runs again, after {0ms} ms{text}",
		.arg = {"time without a beat, us"},
		.meaning = "The end of node-stalled: the node kept what it held.",
	},
	{
		.id = EVENT_NODE_STALL_EXPIRED,
		.severity = EVENT_ERROR,
		.name = "node-stall-expired",
		.message = "the agent of node {node} did nothing for {0ms} ms (stall timeout {1ms} "
			   "ms): it counts as failed{text}",
		.arg = {"time since its agent's last beat, us", "stall timeout, us"},
		.meaning = "The end of node-stalled by the stall timeout. The event node-silent "
			   "follows.",
	},
	{
		.id = EVENT_KERNEL_UP,
		.severity = EVENT_NOTICE,
		.name = "kernel-up",
		.message = "the kernel of node {node} answers on link {0}, round trip {1ms} "
			   "ms{text}",
		.arg = {"link", "round trip, us"},
		.meaning = "The node's kernel has answered a probe on this link, for the first "
			   "time or again.",
	},
	{
		.id = EVENT_KERNEL_DOWN,
		.severity = EVENT_WARNING,
		.name = "kernel-down",
		.message = "the kernel of node {node} does not answer on link {0}, silent for "
			   "{1ms} ms{text}",
		.arg = {"link", "silence, us"},
		.meaning = "No probe on this link was answered within the timeout. Nodes that "
			   "never answered by it are not told about.",
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
		.id = EVENT_LEASE_KEPT,
		.severity = EVENT_NOTICE,
		.name = "lease-kept",
		.message =
			"this agent did not run for {0ms} ms; its lease of epoch {epoch} went on "
			"in the kernel for {1ms} ms beyond its own, granted by {2nodes}{text}",
		.arg = {"time not run, us", "time since the agent's own lease was over, us",
			"granting nodes, mask"},
		.meaning = "Peers granted the lease to this node's kernel while its agent did not "
			   "run, so it kept what it held.",
	},
};

const struct event_rows event_rows_cluster = {rows, sizeof rows / sizeof rows[0]};
