/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Monitors and exclusion rules of the status. */
#include "agent/ctl_internal.h"
#include "agent/monitor.h"

#include <string.h>

void monitors_heard(struct agent *agent, const struct event *event, uint64_t wall_us)
{
	struct monitor_word *word;

	if ((event->id != EVENT_MONITOR_NORMAL && event->id != EVENT_MONITOR_CAUTION &&
	     event->id != EVENT_MONITOR_ERROR) ||
	    event->arg[0] >= agent->config->n_monitors)
		return;
	word = &agent->monitor_words[event->arg[0]];
	word->wall_us = wall_us;
	memcpy(word->text, event->text, sizeof word->text);
}

static const char *monitor_status(uint8_t status)
{
	static const char *const words[MONITOR_STATUS_COUNT_] = {
		[MONITOR_OFFLINE] = "Offline",	 [MONITOR_NORMAL] = "Normal",
		[MONITOR_CAUTION] = "Caution",	 [MONITOR_ERROR] = "Error",
		[MONITOR_SUSPENDED] = "Suspend", [MONITOR_UNUSED] = "Unused",
	};

	return status < MONITOR_STATUS_COUNT_ ? words[status] : "Unknown";
}

/* Of a node outside of the view nothing is known now. */
static const char *status_on(const struct core_monitor_info *info, unsigned int node)
{
	uint8_t status = info->on[node].status;

	return status == MONITOR_UNUSED ? "Unknown" : monitor_status(status);
}

/* Nothing to be said of it but its status. */
static bool is_plain(const struct core_monitor_info *info, unsigned int node)
{
	const struct monitor_actual *on = &info->on[node];

	return !on->restarts && !on->failovers && !on->final &&
	       !node_mask_has(info->intent.failing | info->intent.suspended, node);
}

static json_t *server_json(const struct agent *agent, const struct core_monitor_info *info,
			   unsigned int node)
{
	const struct monitor_actual *on = &info->on[node];
	json_t *json = json_pack("{s:s, s:s}", "server", agent->config->nodes[node].name, "status",
				 status_on(info, node));

	if (json && on->restarts)
		(void)json_object_set_new(json, "restarts", json_integer(on->restarts));
	if (json && on->failovers)
		(void)json_object_set_new(json, "failovers", json_integer(on->failovers));
	if (json && on->final)
		(void)json_object_set_new(json, "final", json_true());
	if (json && node_mask_has(info->intent.failing, node))
		(void)json_object_set_new(json, "failing", json_true());
	if (json && node_mask_has(info->intent.suspended, node))
		(void)json_object_set_new(json, "suspended", json_true());
	return json;
}

/* What it says on most servers, which are left out: else a status would be megabytes. */
static const char *most_frequent(const struct core_monitor_info *info, node_mask nodes)
{
	unsigned int count[MONITOR_STATUS_COUNT_] = {0}, best = MONITOR_UNUSED, n;

	node_mask_for_each (n, nodes)
		if (info->on[n].status < MONITOR_STATUS_COUNT_ && is_plain(info, n))
			count[info->on[n].status]++;
	for (unsigned int i = 0; i < MONITOR_STATUS_COUNT_; i++)
		best = count[i] > count[best] ? i : best;
	return best == MONITOR_UNUSED ? "Unknown" : monitor_status((uint8_t)best);
}

static json_t *servers_json(const struct agent *agent, const struct core_monitor_info *info,
			    node_mask nodes, const char *elsewhere)
{
	json_t *servers = json_array();
	unsigned int n;

	node_mask_for_each (n, nodes)
		if (!is_plain(info, n) || strcmp(status_on(info, n), elsewhere) != 0)
			(void)json_array_append_new(servers, server_json(agent, info, n));
	return servers;
}

static json_t *nodes_json(const struct config *config, node_mask nodes)
{
	node_mask hosting = 0;
	json_t *names;
	unsigned int n;

	for (n = 0; n < config->n_nodes; n++)
		if (!config->nodes[n].witness)
			hosting |= node_bit(n);
	if (nodes == hosting)
		return json_null();
	names = json_array();
	node_mask_for_each (n, nodes)
		(void)json_array_append_new(names, json_string(config->nodes[n].name));
	return names;
}

static json_t *statistics_json(const struct agent *agent, uint16_t m)
{
	const struct monitor_word *word = &agent->monitor_words[m];
	struct monitor_stats s;

	if (!node_mask_has(agent->config->monitors[m].nodes, agent->self) || !agent->monitors)
		return json_null();
	monitor_stats(agent->monitors, m, &s);
	if (s.checks == 0 && word->wall_us == 0)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "checks",
			 (json_int_t)s.checks, "failures", (json_int_t)s.failures, "timeouts",
			 (json_int_t)s.timeouts, "last_us", (json_int_t)s.last_us, "mean_us",
			 (json_int_t)s.mean_us, "p99_us", (json_int_t)s.p99_us, "max_us",
			 (json_int_t)s.max_us, "text", ctl_text(word->text), "last_wall_us",
			 word->wall_us ? json_integer((json_int_t)word->wall_us) : json_null());
}

static const char *recovery_name(const struct config *config, const struct monitor_config *monitor)
{
	switch (monitor->recovery) {
	case RECOVER_RESOURCE:
		return config->resources[monitor->target].name;
	case RECOVER_GROUP:
		return config->groups[monitor->target].name;
	case RECOVER_NODE:
		return "server";
	case RECOVER_NOTHING:
	default:
		return NULL;
	}
}

static json_t *monitor_json(const struct agent *agent, uint16_t m)
{
	const struct monitor_config *config = &agent->config->monitors[m];
	struct core_monitor_info info;
	const char *elsewhere;

	core_monitor_info(agent->core, m, &info);
	elsewhere = most_frequent(&info, config->nodes);
	return json_pack("{s:s, s:s, s:o, s:s, s:b, s:o, s:o, s:o, s:s, s:o}", "name", config->name,
			 "type", config_monitor_type_to_string(config->type), "comment",
			 ctl_text(config->comment), "status",
			 agent->facts->quorate ? monitor_status(info.status) : "Unknown",
			 "critical", config->critical, "recovery",
			 ctl_text_or_null(recovery_name(agent->config, config)), "nodes",
			 nodes_json(agent->config, config->nodes), "servers",
			 servers_json(agent, &info, config->nodes, elsewhere), "elsewhere",
			 elsewhere, "statistics", statistics_json(agent, m));
}

json_t *status_monitors(struct agent *agent)
{
	json_t *monitors = json_array();

	if (agent->monitors)
		monitor_stats_refresh(agent->monitors); /* for who looks again */
	for (uint16_t m = 0; m < agent->config->n_monitors; m++)
		(void)json_array_append_new(monitors, monitor_json(agent, m));
	return monitors;
}

/* ---- exclusion rules ---- */

static json_t *exclusion_json(const struct config *config, const struct exclusion_config *rule)
{
	json_t *groups = json_array();

	for (uint16_t g = 0; g < config->n_groups; g++)
		if (rule->groups[g / 8] & 1U << g % 8)
			(void)json_array_append_new(groups, json_string(config->groups[g].name));
	return json_pack("{s:s, s:s, s:o}", "name", rule->name, "kind",
			 rule->absolute ? "absolute" : "normal", "groups", groups);
}

json_t *status_exclusions(const struct agent *agent)
{
	json_t *rules = json_array();

	for (uint8_t i = 0; i < agent->config->n_exclusions; i++)
		(void)json_array_append_new(
			rules, exclusion_json(agent->config, &agent->config->exclusions[i]));
	return rules;
}
