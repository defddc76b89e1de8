/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers, groups and resources of the status, with the state words of CLUSTERPRO's displays. */
#include "agent/ctl_internal.h"
#include "agent/kernel.h"

#include "util/clock.h"

#include <arpa/inet.h>
#include <stdio.h>

static json_t *node_or_null(const struct agent *agent, uint8_t node)
{
	const char *name = names_node(agent->config, node);

	return name ? json_string(name) : json_null();
}

static json_t *node_names(const struct agent *agent, node_mask mask)
{
	json_t *names = json_array();
	unsigned int n;

	node_mask_for_each (n, mask)
		if (n < agent->config->n_nodes)
			(void)json_array_append_new(names, node_or_null(agent, (uint8_t)n));
	return names;
}

/* ---- servers ---- */

static json_t *address_json(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
	char text[INET6_ADDRSTRLEN] = "";

	if (address->ss_family == AF_INET)
		(void)inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
	else if (address->ss_family == AF_INET6)
		(void)inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
	return json_string(text);
}

static const char *link_status(bool used, bool up)
{
	return !used ? "Unused" : up ? "Normal" : "Error";
}

static json_t *link_json(struct agent *agent, uint8_t peer, uint8_t link,
			 const struct core_peer_info *info)
{
	const struct sockaddr_storage *ours = &agent->config->nodes[agent->self].link[link];
	const struct sockaddr_storage *theirs = &agent->config->nodes[peer].link[link];
	bool used = ours->ss_family != AF_UNSPEC && theirs->ss_family != AF_UNSPEC;
	uint8_t bit = (uint8_t)(1U << link);
	struct hb_link_stats s;
	json_t *json, *heard;

	hb_lan_link_stats(agent->lan, peer, link, &s);
	json = json_pack(
		"{s:i, s:o, s:o, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:s, s:I, s:I}",
		"link", (int)link, "address", address_json(ours), "peer_address",
		address_json(theirs), "status", link_status(used, (info->paths & bit) != 0), "open",
		s.open, "sent", (json_int_t)s.sent, "received", (json_int_t)s.received, "lost",
		(json_int_t)s.lost, "late", (json_int_t)s.late, "duplicate",
		(json_int_t)s.duplicate, "send_errors", (json_int_t)s.send_errors, "rtt_us_p50",
		(json_int_t)s.rtt_us_p50, "rtt_us_p99", (json_int_t)s.rtt_us_p99, "rtt_us_max",
		(json_int_t)s.rtt_us_max, "kernel_status",
		link_status(used && info->kernel_known, (info->kernel_paths & bit) != 0),
		"kernel_probes", (json_int_t)s.probes, "kernel_answers", (json_int_t)s.answers);
	heard = s.last_heard.us
			? json_integer((json_int_t)(ha_time_since(clock_boot(), s.last_heard) /
						    USEC_PER_MSEC))
			: json_null();
	if (json)
		(void)json_object_set_new(json, "last_heard_ms", heard);
	return json;
}

static json_t *links_json(struct agent *agent, uint8_t node, const struct core_peer_info *info)
{
	json_t *links = json_array();

	if (node == agent->self)
		return links;
	for (uint8_t k = 0; k < agent->config->n_links; k++)
		(void)json_array_append_new(links, link_json(agent, node, k, info));
	return links;
}

/* Whom `node` hears on which links, by its newest word. */
static json_t *paths_json(const struct agent *agent, uint8_t node)
{
	json_t *paths = json_object();

	for (uint8_t to = 0; to < agent->config->n_nodes; to++) {
		uint8_t mask = core_paths(agent->core, node, to);
		json_t *links = json_array();

		for (uint8_t k = 0; k < agent->config->n_links; k++)
			if (mask & 1U << k)
				(void)json_array_append_new(links, json_integer(k));
		if (to == node || !mask)
			json_decref(links);
		else
			(void)json_object_set_new(paths, agent->config->nodes[to].name, links);
	}
	return paths;
}

static const char *member_status(const struct core_peer_info *info, bool links_ok)
{
	switch ((enum node_mode)info->mode) {
	case NODE_MODE_STARTING:
		return "Online Pending";
	case NODE_MODE_STOPPING:
		return "Offline Pending";
	case NODE_MODE_STOPPED:
		return "Offline";
	case NODE_MODE_ONLINE:
		return links_ok ? "Online" : "Caution";
	case NODE_MODE_UNKNOWN:
	case NODE_MODE_COUNT_:
	default:
		return "Unknown";
	}
}

static const char *server_status(const struct core_peer_info *info, bool links_ok)
{
	switch ((enum peer_state)info->state) {
	case PEER_MEMBER:
		return member_status(info, links_ok);
	case PEER_STALLED:
		return "Caution";
	case PEER_HEARD:
		return info->mode == NODE_MODE_STOPPED ? "Offline" : "Online Pending";
	case PEER_SILENT:
	case PEER_LEFT:
		return "Offline";
	case PEER_ISOLATED:
	case PEER_QUARANTINED:
	case PEER_MISMATCH:
		return "Caution";
	case PEER_UNKNOWN:
	case PEER_STATE_COUNT_:
	default:
		return "Unknown";
	}
}

/* The monitors that are in error on `node`; of those only the critical ones. */
static json_t *monitors_in_error(const struct agent *agent, uint8_t node, bool critical)
{
	json_t *names = json_array();

	for (uint16_t m = 0; m < agent->facts->n_monitors; m++) {
		const struct verdict_monitor *monitor = &agent->facts->monitors[m];

		if (node_mask_has(monitor->in_error, node) && (monitor->critical || !critical))
			(void)json_array_append_new(names, json_string(monitor->name));
	}
	return names;
}

static json_t *us_or_null(uint64_t us)
{
	return us ? json_integer((json_int_t)us) : json_null();
}

static json_t *server_json(struct agent *agent, uint8_t n, ha_time now)
{
	const struct node_config *config = &agent->config->nodes[n];
	const struct verdict_node *fact = &agent->facts->nodes[n];
	struct core_peer_info info;
	bool stalled;
	json_t *silence;

	core_peer_info(agent->core, n, now, &info);
	silence = n == agent->self || info.state == PEER_UNKNOWN
			  ? json_null()
			  : json_integer((json_int_t)info.silence_us);
	stalled = info.state == PEER_STALLED;
	return json_pack(
		"{s:s, s:i, s:b, s:I, s:b, s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:I, s:b, s:b, s:s, "
		"s:o, s:o, s:o, s:o, s:o}",
		"name", config->name, "id", (int)n, "self", n == agent->self, "votes",
		(json_int_t)config->votes, "hosts", !config->witness, "status",
		server_status(&info, fact->links_down == 0), "state",
		peer_state_to_string((enum peer_state)info.state), "mode",
		node_mode_to_string((enum node_mode)info.mode), "incarnation",
		(json_int_t)info.incarnation, "silence_us", silence, "stalled_us",
		us_or_null(stalled ? info.stalled_us : 0), "kernel_rtt_us",
		us_or_null(info.kernel_known ? info.kernel_rtt_us : 0), "quarantine_us",
		(json_int_t)info.quarantine_us, "config_differs", info.config_differs, "grants_us",
		info.grants_us, "proof", proof_to_string((enum proof)info.proof), "hears",
		node_names(agent, info.hears), "paths", paths_json(agent, n), "monitors_in_error",
		monitors_in_error(agent, n, false), "critical_in_error",
		monitors_in_error(agent, n, true), "links", links_json(agent, n, &info));
}

json_t *status_servers(struct agent *agent, ha_time now)
{
	json_t *servers = json_array();

	for (uint8_t n = 0; n < agent->config->n_nodes; n++)
		(void)json_array_append_new(servers, server_json(agent, n, now));
	return servers;
}

/* ---- groups ---- */

/* Wanted, and down until a person does something about a failure. */
static bool given_up(const struct core_group_info *info)
{
	return info->failed ||
	       (info->state == GROUP_OFFLINE &&
		(info->held == GROUP_HOLD_LIMIT || info->held == GROUP_HOLD_WAIT_FAILED));
}

/* What an absent node said last is history: nothing is known of it now. In a tie the
 * view still has those who are silent. */
static bool state_known(const struct agent *agent, uint8_t node)
{
	const struct verdict_node *fact = &agent->facts->nodes[node];

	return node == agent->self ||
	       (fact->member && !(agent->facts->tie && fact->state == PEER_SILENT));
}

/* Outside of a view we know our own part only: that nothing runs here says nothing. */
static const char *group_status(const struct agent *agent, const struct core_group_info *info)
{
	bool quorate = agent->facts->quorate;

	if (given_up(info))
		return "Error";
	if (info->current != NODE_NONE && !state_known(agent, info->current))
		return "Unknown";
	switch ((enum group_state)info->state) {
	case GROUP_OFFLINE:
		return quorate ? "Offline" : "Unknown";
	case GROUP_STARTING:
		return "Online Pending";
	case GROUP_ONLINE:
		return "Online";
	case GROUP_STOPPING:
		return "Offline Pending";
	case GROUP_STOP_FAILED:
		return "Error";
	case GROUP_UNKNOWN:
	case GROUP_STATE_COUNT_:
	default:
		return "Unknown";
	}
}

static json_t *resource_names(const struct agent *agent, uint16_t group)
{
	json_t *names = json_array();

	for (uint16_t i = 0; i < agent->config->n_resources; i++)
		if (agent->config->resources[i].group == group)
			(void)json_array_append_new(names,
						    json_string(agent->config->resources[i].name));
	return names;
}

static json_t *group_names(const struct agent *agent, const uint16_t *groups, uint8_t n)
{
	json_t *names = json_array();

	for (uint8_t i = 0; i < n; i++)
		(void)json_array_append_new(names,
					    json_string(agent->config->groups[groups[i]].name));
	return names;
}

static json_t *exclusion_names(const struct agent *agent, uint16_t group)
{
	json_t *names = json_array();

	for (uint8_t i = 0; i < agent->config->n_exclusions; i++) {
		const struct exclusion_config *rule = &agent->config->exclusions[i];

		if (rule->groups[group / 8] & 1U << group % 8)
			(void)json_array_append_new(names, json_string(rule->name));
	}
	return names;
}

static const char *waits_for(const struct agent *agent, const struct core_group_info *info)
{
	return info->waits_for < agent->config->n_groups
		       ? agent->config->groups[info->waits_for].name
		       : NULL;
}

static json_t *hold_json(const struct agent *agent, const struct core_group_info *info)
{
	enum group_hold hold = (enum group_hold)info->held;
	char text[VERDICT_TEXT_SIZE];

	if (hold == GROUP_HOLD_NONE)
		return json_null();
	return json_pack("{s:s, s:s}", "word", group_hold_to_string(hold), "text",
			 verdict_hold(hold, waits_for(agent, info), text));
}

/* What ends it on this node when the lease does; NULL: nobody takes it over by a lease. */
static const char *enforcement(const struct agent *agent, uint16_t g)
{
	if (config_group_unenforced(agent->config, g))
		return "agent";
	if (!config_group_needs_kernel(agent->config, g))
		return NULL;
	return kernel_enforces(agent) ? "kernel" : "agent";
}

/* How it is placed, and what keeps it. */
static json_t *placing_json(const struct agent *agent, uint16_t g,
			    const struct core_group_info *info)
{
	const struct group_config *config = &agent->config->groups[g];

	return json_pack(
		"{s:s, s:s, s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "start",
		config->autostart ? "auto" : "manual", "failover",
		config->failover_manual ? "manual" : "auto", "failback",
		config->failback ? "auto" : "manual", "failovers", (int)info->intent.failovers,
		"failover_limit", (int)config->failover_limit, "held", hold_json(agent, info),
		"waits_for", ctl_text_or_null(waits_for(agent, info)), "start_after",
		group_names(agent, config->start_after, config->n_start_after), "stop_after",
		group_names(agent, config->stop_after, config->n_stop_after), "exclusions",
		exclusion_names(agent, g), "enforcement", ctl_text_or_null(enforcement(agent, g)));
}

static json_t *group_json(struct agent *agent, uint16_t g, ha_time now)
{
	const struct group_config *config = &agent->config->groups[g];
	struct core_group_info info;
	json_t *servers = json_array(), *json, *placing;

	core_group_info(agent->core, g, now, &info);
	for (uint8_t i = 0; i < config->n_nodes; i++)
		(void)json_array_append_new(servers, node_or_null(agent, config->nodes[i]));
	json = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:I, s:o, s:o}", "name",
			 config->name, "status", group_status(agent, &info), "wanted",
			 info.intent.wanted == WANTED_ONLINE ? "online" : "offline", "current",
			 node_or_null(agent, info.current), "owner",
			 node_or_null(agent, info.intent.owner), "servers", servers, "failed_on",
			 node_names(agent, info.failed_on), "blocked_by",
			 node_or_null(agent, info.blocked_by), "cause",
			 intent_cause_to_string((enum intent_cause)info.intent.cause), "uptime_us",
			 (json_int_t)info.online_us, "resources", resource_names(agent, g),
			 "comment", ctl_text(config->comment));
	placing = placing_json(agent, g, &info);
	if (json && json_object_update(json, placing) < 0) {
		json_decref(json);
		json = NULL;
	}
	json_decref(placing);
	return json;
}

json_t *status_groups(struct agent *agent, ha_time now)
{
	json_t *groups = json_array();

	for (uint16_t g = 0; g < agent->config->n_groups; g++)
		(void)json_array_append_new(groups, group_json(agent, g, now));
	return groups;
}

/* ---- resources ---- */

static const char *resource_status(enum resource_state state)
{
	switch (state) {
	case RESOURCE_OFFLINE:
		return "Offline";
	case RESOURCE_STARTING:
		return "Online Pending";
	case RESOURCE_ONLINE:
		return "Online";
	case RESOURCE_STOPPING:
		return "Offline Pending";
	case RESOURCE_START_FAILED:
		return "Online Failure";
	case RESOURCE_STOP_FAILED:
		return "Offline Failure";
	case RESOURCE_UNKNOWN:
	case RESOURCE_STATE_COUNT_:
	default:
		return "Unknown";
	}
}

/* Which of the nodes' states is the resource's: the one where most of it is. */
static unsigned int resource_rank(enum resource_state state)
{
	static const unsigned int rank[RESOURCE_STATE_COUNT_] = {
		[RESOURCE_ONLINE] = 7,	     [RESOURCE_STARTING] = 6, [RESOURCE_STOP_FAILED] = 5,
		[RESOURCE_START_FAILED] = 4, [RESOURCE_STOPPING] = 3, [RESOURCE_UNKNOWN] = 2,
		[RESOURCE_OFFLINE] = 1,
	};

	return state < RESOURCE_STATE_COUNT_ ? rank[state] : 0;
}

static json_t *resource_json(struct agent *agent, uint16_t i, bool stopped)
{
	const struct resource_config *config = &agent->config->resources[i];
	const struct group_config *group = &agent->config->groups[config->group];
	json_t *servers = json_array();
	enum resource_state best = RESOURCE_OFFLINE;
	uint8_t current = NODE_NONE;
	bool unknown = !agent->facts->quorate;

	for (uint8_t k = 0; k < group->n_nodes; k++) {
		uint8_t node = group->nodes[k];
		enum resource_state state = RESOURCE_OFFLINE;

		unknown |= agent->facts->nodes[node].member && !state_known(agent, node);
		if (state_known(agent, node))
			state = core_resource_state(agent->core, i, node);
		/* Most are offline on most nodes: left out, or a status would be megabytes. */
		if (state == RESOURCE_OFFLINE)
			continue;
		(void)json_array_append_new(servers, json_pack("{s:o, s:s}", "server",
							       node_or_null(agent, node), "status",
							       resource_status(state)));
		if (resource_rank(state) <= resource_rank(best))
			continue;
		best = state;
		current = node;
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:b, s:o}", "name", config->name, "type",
			 config_resource_type_to_string(config->type), "group", group->name,
			 "status",
			 best == RESOURCE_OFFLINE && unknown ? "Unknown" : resource_status(best),
			 "current", node_or_null(agent, current), "comment",
			 ctl_text(config->comment), "stopped", stopped, "servers", servers);
}

json_t *status_resources(struct agent *agent, ha_time now)
{
	json_t *resources = json_array();
	struct core_group_info info;
	uint16_t first = 0; /* of its group: they stand in the order of groups */

	for (uint16_t i = 0; i < agent->config->n_resources; i++) {
		uint16_t group = agent->config->resources[i].group;
		uint16_t bit;

		if (i == 0 || agent->config->resources[i - 1].group != group) {
			core_group_info(agent->core, group, now, &info);
			first = i;
		}
		bit = (uint16_t)(i - first);
		(void)json_array_append_new(resources, resource_json(agent, i,
								     (info.intent.stopped[bit / 8] &
								      1U << bit % 8) != 0));
	}
	return resources;
}
