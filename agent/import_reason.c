/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why an element is not carried over, by its place. */
#include "agent/import_internal.h"

#include <string.h>

#define FORCED_STOP                                                                 \
	"write it by hand: in fencing, a BMC is agent fence_holdfast_ipmi with ip " \
	"and username, a script fence_holdfast_script, others are in the package "  \
	"fence-agents; a password goes into a file that secrets names, never into " \
	"the configuration (FENCING in holdfast.conf(5))"

/* The first that fits counts. A path fits all that is below it; "*" is any one tag. */
static const struct {
	const char *path, *why;
} reasons[] = {
	{"all", "says how CLUSTERPRO keeps this file"},
	{"trekking", "says how CLUSTERPRO keeps this file"},
	{"webmgr", "there is no web manager: holdfast(8) and its socket take its place"},
	{"webalert", "events are kept in the journal of each node: holdfast-events(7)"},
	{"cluster/messages", "events are kept in the journal of each node: holdfast-events(7)"},
	{"cluster/mail", "nothing is sent by mail: follow holdfast events"},
	{"cluster/snmp", "there is no SNMP: follow holdfast events"},
	{"cluster/cialert", "nothing is signalled to a chassis: follow holdfast events"},
	{"cluster/account", "accounts are those of the system: see change_group and view_group"},
	{"cluster/heartbeat", "follows from detection_time"},
	{"cluster/networkpartition",
	 "a server without a majority gives up its groups: see takeover, and on_quorum_loss"},
	{"cluster/rsctimeout",
	 "a start or stop that hangs is ended by its timeout and has failed: see on_start_failure "
	 "and on_stop_failure"},
	{"cluster/survive", "final_action_alone says it for starts and stops together"},
	{"cluster/toratio", "the ratio is no setting: holdfast toratio set"},
	{"cluster/haltp", "shutdowns are not watched: holdfast fence off ends one that hangs"},
	{"haltp", "shutdowns are not watched: holdfast fence off ends one that hangs"},
	{"cluster/forcestop", FORCED_STOP},
	{"forcestop", FORCED_STOP},
	{"cluster", "the cluster as a whole has no such setting"},
	{"pm", "an agent that dies loses its lease, and systemd starts it again"},
	{"networkpartition",
	 "a majority of votes decides here: add a third node or a witness (VOTES AND WITNESSES in "
	 "holdfast.conf(5))"},
	{"heartbeat/diskhb", "heartbeats go over LAN in this version"},
	{"heartbeat/bmchb", "heartbeats go over LAN only"},
	{"heartbeat/comhb", "heartbeats go over LAN only"},
	{"heartbeat/witnesshb",
	 "a witness is a node of its own: add it to nodes, with witness = true"},
	{"heartbeat", "heartbeats have no such setting"},
	{"server/device", "only addresses of the interconnect are needed"},
	{"server/survive", "final_action_alone holds for all servers"},
	{"server", "nodes have no such setting"},
	{"servergroup", "the order of servers is that of each group: nodes"},
	{"group/gid", "the order in the file counts"},
	{"group", "groups have no such setting"},
	{"resource/*/server", "a resource has the same settings on every server"},
	{"resource/*/act", "resources of this type have no such limit or setting for a start"},
	{"resource/*/deact", "resources of this type have no such limit or setting for a stop"},
	{"resource/*/parameters/userlog", "what programs write goes to the log of the agent"},
	{"resource/*/parameters/logrotate", "what programs write goes to the log of the agent"},
	{"resource/exec/parameters/act/postrunothers", "scripts are run where the group is"},
	{"resource/exec/parameters/deact/prerunothers", "scripts are run where the group is"},
	{"resource/exec/parameters/timeout", "scripts are run where the group is"},
	{"resource/fip/parameters",
	 "a second owner of the address is looked for by ARP or neighbour discovery: see check and "
	 "refresh"},
	{"resource", "resources of this type have no such setting"},
	{"monitor/*/server", "a monitor has the same settings on every server: make one a server"},
	{"monitor/*/parameters/userlog", "what programs write goes to the log of the agent"},
	{"monitor/*/parameters/logrotate", "what programs write goes to the log of the agent"},
	{"monitor/*/emergency/dumpcollect", "no dumps are made"},
	{"monitor/*/emergency", "recovery has no such step or setting"},
	{"monitor/userw/parameters", "what userw looks at cannot be chosen"},
	{"monitor", "monitors of this type have no such setting"},
};

/* Tags from the root to `node`, outermost first. Returns how many. */
static size_t tags_of(const struct import_node *node, const char *tags[IMPORT_DEPTH_MAX + 2])
{
	size_t n = 0;

	for (const struct import_node *at = node; at->parent; at = at->parent)
		n++;
	for (size_t i = n; i > 0; i--, node = node->parent)
		tags[i - 1] = node->tag;
	return n;
}

static bool fits(const char *path, const char *const *tags, size_t n)
{
	for (size_t i = 0; *path; i++) {
		size_t k = strcspn(path, "/");
		bool any = k == 1 && *path == '*';

		if (i == n || (!any && (strncmp(path, tags[i], k) != 0 || tags[i][k])))
			return false;
		path += k + (path[k] == '/');
	}
	return true;
}

static bool is_secret(const char *tag)
{
	static const char *const words[] = {"password", "passwd", "encrypwd", "secret",
					    "community"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasestr(tag, words[i]))
			return true;
	return false;
}

const char *import_reason(const struct import_node *node)
{
	const char *tags[IMPORT_DEPTH_MAX + 2]; /* an attribute may be deepest */
	size_t n = tags_of(node, tags);

	for (const struct import_node *at = node; at->parent; at = at->parent)
		if (at->why)
			return at->why;
	if (is_secret(node->tag))
		return "a password or the like is not shown: give it by hand where it is needed";
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (fits(reasons[i].path, tags, n))
			return reasons[i].why;
	return "there is no such setting";
}
