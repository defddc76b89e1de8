/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What groups ask of each other: waits (rule G13) and exclusions (rule G11). */
#include "agent/config_internal.h"

#include <string.h>

static node_mask nodes_of(const struct group_config *group)
{
	node_mask mask = 0;

	for (uint8_t i = 0; i < group->n_nodes; i++)
		mask |= node_bit(group->nodes[i]);
	return mask;
}

static bool rule_has(const struct exclusion_config *exclusion, uint16_t group)
{
	return exclusion->groups[group / 8] & 1 << group % 8;
}

/* ---- circles ---- */

struct waits {
	const char *key;
	const uint16_t *list;
	uint8_t n;
};

static struct waits waits_of(const struct group_config *group, bool stop)
{
	if (stop)
		return (struct waits){"stop_after", group->stop_after, group->n_stop_after};
	return (struct waits){"start_after", group->start_after, group->n_start_after};
}

/* Takes away group after group that waits for none of those that are left: what stays is in a
 * circle or leads to one. Returns how many. */
static uint16_t peel(const struct config *config, bool stop, bool left[GROUPS_MAX])
{
	uint16_t n = config->n_groups;
	bool again = true;

	for (uint16_t i = 0; i < config->n_groups; i++)
		left[i] = true;
	while (again) {
		again = false;
		for (uint16_t i = 0; i < config->n_groups; i++) {
			struct waits waits = waits_of(&config->groups[i], stop);
			bool free = left[i];

			for (uint8_t k = 0; k < waits.n && free; k++)
				free = !left[waits.list[k]];
			if (!free)
				continue;
			left[i] = false;
			n--;
			again = true;
		}
	}
	return n;
}

/* A group of the circle that `i` waits for. */
static uint16_t next_in_circle(const struct config *config, bool stop, const bool left[GROUPS_MAX],
			       uint16_t i)
{
	struct waits waits = waits_of(&config->groups[i], stop);
	uint8_t k = 0;

	while (!left[waits.list[k]])
		k++;
	return waits.list[k];
}

static void check_circles(const struct config *config, bool stop, struct config_report *report)
{
	bool left[GROUPS_MAX];
	uint16_t start = 0, at;
	char path[200];
	int n;

	if (peel(config, stop, left) == 0)
		return;
	while (!left[start])
		start++;
	for (uint16_t i = 0; i < config->n_groups; i++)
		start = next_in_circle(config, stop, left, start); /* now it is surely inside */
	at = start;
	n = snprintf(path, sizeof path, "%s", config->groups[at].name);
	do {
		at = next_in_circle(config, stop, left, at);
		n += snprintf(path + n, sizeof path - (size_t)n, " -> %s", config->groups[at].name);
	} while (at != start && n < (int)(sizeof path - NAME_SIZE - 8));
	config_report_error(report, config->groups[start].line,
			    "group \"%s\": %s: the groups wait for each other in a circle: %s%s: "
			    "leave one of them out",
			    config->groups[start].name, waits_of(&config->groups[start], stop).key,
			    path, at == start ? "" : " -> ...");
}

/* ---- waits on the same node ---- */

/* Adds the groups that must be online on a node before `group` can be, and those that these need
 * there in turn. */
static void add_companions(const struct config *config, uint16_t group, bool with[GROUPS_MAX])
{
	uint16_t stack[GROUPS_MAX] = {group}, n = 1;

	with[group] = true;
	while (n > 0) {
		const struct group_config *at = &config->groups[stack[--n]];

		for (uint8_t k = 0; at->start_same_node && k < at->n_start_after; k++) {
			if (with[at->start_after[k]])
				continue;
			with[at->start_after[k]] = true;
			stack[n++] = at->start_after[k];
		}
	}
}

static void check_common_node(const struct config *config, uint16_t group,
			      const bool with[GROUPS_MAX], struct config_report *report)
{
	const struct group_config *at = &config->groups[group];
	node_mask common = nodes_of(at);

	for (uint16_t i = 0; i < config->n_groups && common; i++) {
		if (!with[i])
			continue;
		common &= nodes_of(&config->groups[i]);
		if (!common)
			config_report_error(
				report, at->line,
				"group \"%s\": start_after_same_server: no node may hold it and "
				"all that it waits for, down to \"%s\": change nodes of one of "
				"them",
				at->name, config->groups[i].name);
	}
}

static void check_apart(const struct config *config, uint16_t group, const bool with[GROUPS_MAX],
			struct config_report *report)
{
	const char *name = config->groups[group].name;

	for (uint8_t x = 0; x < config->n_exclusions; x++) {
		const struct exclusion_config *exclusion = &config->exclusions[x];
		const char *first = NULL, *second = NULL;

		for (uint16_t i = 0; exclusion->absolute && i < config->n_groups && !second; i++) {
			if (!with[i] || !rule_has(exclusion, i))
				continue;
			if (first)
				second = config->groups[i].name;
			else
				first = config->groups[i].name;
		}
		if (second)
			config_report_error(
				report, exclusion->line,
				"exclusion \"%s\": keeps \"%s\" and \"%s\" on different "
				"nodes, but group \"%s\" starts only where both are "
				"(start_after_same_server): it never would. Take one out of the "
				"rule or the wait",
				exclusion->name, first, second, name);
	}
}

static void check_same_node(const struct config *config, uint16_t i, struct config_report *report)
{
	const struct group_config *group = &config->groups[i];
	bool with[GROUPS_MAX] = {false};

	if (!group->start_same_node)
		return;
	if (group->n_start_after == 0) {
		config_report_warning(report, group->line,
				      "group \"%s\": start_after_same_server = true has no effect "
				      "without start_after",
				      group->name);
		return;
	}
	add_companions(config, i, with);
	check_common_node(config, i, with, report);
	check_apart(config, i, with, report);
}

static void check_idle_wait(const struct config *config, uint16_t i, struct config_report *report)
{
	const struct group_config *group = &config->groups[i];

	for (uint8_t k = 0; group->autostart && k < group->n_start_after; k++) {
		const struct group_config *other = &config->groups[group->start_after[k]];

		if (!other->autostart)
			config_report_warning(
				report, group->line,
				"group \"%s\": start_after = \"%s\": that group has autostart = "
				"false: at a start of the cluster this one waits until somebody "
				"starts it",
				group->name, other->name);
	}
}

/* ---- exclusions ---- */

static void check_exclusion(const struct config *config, uint8_t index,
			    struct config_report *report)
{
	const struct exclusion_config *exclusion = &config->exclusions[index];
	node_mask nodes = 0;
	unsigned int n = 0;

	for (uint8_t k = 0; k < index; k++)
		if (strcmp(config->exclusions[k].name, exclusion->name) == 0)
			config_report_error(
				report, exclusion->line,
				"exclusion \"%s\": name: the exclusion of line %u has it already",
				exclusion->name, config->exclusions[k].line);
	for (uint16_t i = 0; i < config->n_groups; i++) {
		if (!rule_has(exclusion, i))
			continue;
		nodes |= nodes_of(&config->groups[i]);
		n++;
	}
	if (node_mask_count(nodes) < n)
		config_report_warning(
			report, exclusion->line,
			"exclusion \"%s\": its %u groups may be held by %u node(s) in all: %s",
			exclusion->name, n, node_mask_count(nodes),
			exclusion->absolute ? "they are never all online. Add nodes, or use kind = "
					      "\"normal\""
					    : "some of them always share a node");
}

void config_check_waits(const struct config *config, struct config_report *report)
{
	check_circles(config, false, report);
	check_circles(config, true, report);
	for (uint16_t i = 0; i < config->n_groups; i++) {
		check_same_node(config, i, report);
		check_idle_wait(config, i, report);
	}
	for (uint8_t i = 0; i < config->n_exclusions; i++)
		check_exclusion(config, i, report);
}
