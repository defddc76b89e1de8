/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether monitors can do what they are there for, and final actions too. */
#include "agent/config_internal.h"

#include <string.h>

static bool group_allows(const struct group_config *group, unsigned int node)
{
	for (uint8_t i = 0; i < group->n_nodes; i++)
		if (group->nodes[i] == node)
			return true;
	return false;
}

/* The group of what a monitor follows or recovers, or UINT16_MAX. */
static uint16_t group_followed(const struct config *config, const struct monitor_config *monitor)
{
	if (monitor->active_resource != UINT16_MAX)
		return config->resources[monitor->active_resource].group;
	return monitor->active_group;
}

static uint16_t group_recovered(const struct config *config, const struct monitor_config *monitor)
{
	if (monitor->recovery == RECOVER_RESOURCE)
		return config->resources[monitor->target].group;
	return monitor->recovery == RECOVER_GROUP ? monitor->target : UINT16_MAX;
}

/* ---- final actions ---- */

/* A node that could hold groups and has no device: nothing acts on its own BMC there. */
static const struct node_config *node_without_level(const struct config *config)
{
	for (uint8_t i = 0; i < config->n_nodes; i++)
		if (!config->nodes[i].witness && config->nodes[i].n_fence_levels == 0)
			return &config->nodes[i];
	return NULL;
}

static void say_impossible(const struct config_final *final, const char *why,
			   struct config_report *report)
{
	config_report_warning(report, final->line,
			      "%s \"%s\": %s = \"%s\": %s: it will be reported as impossible, and "
			      "nothing is done in its place",
			      final->what, final->name, final->key,
			      final_action_to_string(final->action), why);
}

void config_check_final(const struct config *config, const struct config_final *final,
			struct config_report *report)
{
	const struct node_config *bare = node_without_level(config);
	char why[NAME_SIZE + 64];

	switch (final->action) {
	case FINAL_WATCHDOG_RESET:
		if (!config->watchdog.device)
			say_impossible(final, "this server has no watchdog in agent", report);
		break;
	case FINAL_BMC_RESET:
	case FINAL_BMC_OFF:
	case FINAL_BMC_CYCLE:
	case FINAL_BMC_NMI:
		if (!bare)
			break;
		(void)snprintf(why, sizeof why,
			       "node \"%s\" has no fence level, whose device would do it",
			       bare->name);
		say_impossible(final, why, report);
		break;
	case FINAL_IO_FENCE:
		say_impossible(final, "this version has no such device", report);
		break;
	case FINAL_WATCHDOG_PANIC:
	case FINAL_NONE:
	case FINAL_CONTINUE:
	case FINAL_STOP_GROUP:
	case FINAL_STOP_SERVICE:
	case FINAL_SHUTDOWN:
	case FINAL_REBOOT:
	case FINAL_STOP_RESOURCE:
	case FINAL_PANIC:
	case FINAL_ACTION_COUNT_:
		break;
	}
}

/* ---- nodes ---- */

static void check_nodes(const struct config *config, const struct monitor_config *monitor,
			struct config_report *report)
{
	uint16_t followed = group_followed(config, monitor);
	uint16_t index = followed != UINT16_MAX ? followed : group_recovered(config, monitor);
	unsigned int node;

	if (index == UINT16_MAX)
		return;
	node_mask_for_each (node, monitor->nodes) {
		if (group_allows(&config->groups[index], node))
			continue;
		config_report_error(
			report, monitor->line,
			"monitor \"%s\": nodes: node \"%s\" can never hold group \"%s\", which the "
			"monitor is for: take it out here, or add it to nodes of the group",
			monitor->name, config->nodes[node].name, config->groups[index].name);
	}
}

static void check_critical(const struct config *config, const struct monitor_config *monitor,
			   struct config_report *report)
{
	for (uint16_t i = 0; monitor->critical && i < config->n_groups; i++) {
		const struct group_config *group = &config->groups[i];

		if (group->n_nodes != 1 || !node_mask_has(monitor->nodes, group->nodes[0]))
			continue;
		config_report_warning(
			report, monitor->line,
			"monitor \"%s\": critical = true: group \"%s\" has one node only, "
			"\"%s\": when the monitor fails there, nobody can have the group",
			monitor->name, group->name, config->nodes[group->nodes[0]].name);
		return;
	}
}

/* ---- steps ---- */

static void check_steps(const struct monitor_config *monitor, struct config_report *report)
{
	bool object = monitor->recovery == RECOVER_RESOURCE || monitor->recovery == RECOVER_GROUP;

	if (monitor->final == FINAL_STOP_RESOURCE && monitor->recovery != RECOVER_RESOURCE)
		config_report_error(report, monitor->line,
				    "monitor \"%s\": final_action = \"stop-resource\": recovery "
				    "names no resource that could be stopped",
				    monitor->name);
	if (monitor->final == FINAL_STOP_GROUP && !object)
		config_report_error(report, monitor->line,
				    "monitor \"%s\": final_action = \"stop-group\": recovery names "
				    "no group that could be stopped",
				    monitor->name);
	if (monitor->recovery == RECOVER_NOTHING && monitor->restarts)
		config_report_warning(
			report, monitor->line,
			"monitor \"%s\": restarts has no effect: nothing is to be "
			"recovered: set recovery to a group, a resource or \"server\"",
			monitor->name);
}

/* ---- what it looks at ---- */

static bool same_text(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static void check_watchdog(const struct config *config, uint16_t index,
			   struct config_report *report)
{
	const struct monitor_config *monitor = &config->monitors[index];

	/* It is fed once an interval, after a good check. */
	if (monitor->watchdog && monitor->timeout_us < monitor->interval_us + USEC_PER_SEC)
		config_report_error(
			report, monitor->line,
			"monitor \"%s\": watchdog = \"%.100s\": timeout must be at least a "
			"second more than interval, or the device would reset a server "
			"that is well",
			monitor->name, monitor->watchdog);
	if (monitor->watchdog && same_text(config->watchdog.device, monitor->watchdog))
		config_report_error(report, monitor->line,
				    "monitor \"%s\": watchdog = \"%.100s\": the agent uses it "
				    "itself: see watchdog in agent",
				    monitor->name, monitor->watchdog);
	for (uint16_t i = 0; i < index; i++) {
		const struct monitor_config *other = &config->monitors[i];

		if ((other->nodes & monitor->nodes) &&
		    same_text(other->watchdog, monitor->watchdog))
			config_report_error(report, monitor->line,
					    "monitor \"%s\": watchdog = \"%.100s\": monitor \"%s\" "
					    "feeds it already on the same node",
					    monitor->name, monitor->watchdog, other->name);
	}
}

static void check_monitor(const struct config *config, uint16_t i, struct config_report *report)
{
	const struct monitor_config *monitor = &config->monitors[i];

	for (uint16_t k = 0; k < i; k++)
		if (strcmp(config->monitors[k].name, monitor->name) == 0)
			config_report_error(
				report, monitor->line,
				"monitor \"%s\": name: the monitor of line %u has it already",
				monitor->name, config->monitors[k].line);
	check_nodes(config, monitor, report);
	check_critical(config, monitor, report);
	check_steps(monitor, report);
	check_watchdog(config, i, report);
	config_check_final(config,
			   &(struct config_final){"monitor", monitor->name, "final_action",
						  monitor->final, monitor->line},
			   report);
	if (monitor->http_status > 0 && monitor->http_status < 100)
		config_report_error(report, monitor->line,
				    "monitor \"%s\": status = %u: an HTTP status has three digits: "
				    "100 to 599, or 0 for any below 400",
				    monitor->name, monitor->http_status);
}

void config_check_monitors(const struct config *config, struct config_report *report)
{
	for (uint16_t i = 0; i < config->n_monitors; i++)
		check_monitor(config, i, report);
}
