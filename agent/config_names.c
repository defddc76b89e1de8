/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values that name another object. What is read here is only their form: config_resolve.c looks
 * them up when everything is read. */
#include "agent/config_internal.h"
#include "util/parse.h"

#include <errno.h>
#include <string.h>

static int parse_reference(const struct config_slot *slot, const char *text, struct config_why *why)
{
	(void)slot;
	if (parse_name(text) < 0)
		return config_why_set(why, "\"%.40s\" cannot be the name of anything", text);
	return 0;
}

static int parse_depend(const struct config_slot *slot, const char *text, struct config_why *why)
{
	(void)slot;
	if (parse_name(text) < 0)
		return config_why_set(why, "\"%.40s\" cannot be the name of a resource", text);
	return 0;
}

static int parse_group(const struct config_slot *slot, const char *text, struct config_why *why)
{
	(void)slot;
	if (parse_name(text) < 0)
		return config_why_set(why, "\"%.40s\" cannot be the name of a group", text);
	return 0;
}

static void print_depends(const struct config_slot *slot, FILE *out)
{
	const struct resource_config *resource = slot->object;

	for (uint8_t i = 0; i < resource->n_deps; i++) {
		config_print_next(slot, i, out);
		config_print_string(slot->config->resources[resource->deps[i]].name, out);
	}
	config_print_end(resource->n_deps, out);
}

/* ---- groups ---- */

static void print_groups(const struct config_slot *slot, const uint16_t *groups, uint8_t n,
			 FILE *out)
{
	for (uint8_t i = 0; i < n; i++) {
		config_print_next(slot, i, out);
		config_print_string(slot->config->groups[groups[i]].name, out);
	}
	config_print_end(n, out);
}

static void print_start_after(const struct config_slot *slot, FILE *out)
{
	const struct group_config *group = slot->object;

	print_groups(slot, group->start_after, group->n_start_after, out);
}

static void print_stop_after(const struct config_slot *slot, FILE *out)
{
	const struct group_config *group = slot->object;

	print_groups(slot, group->stop_after, group->n_stop_after, out);
}

static void print_excluded(const struct config_slot *slot, FILE *out)
{
	const struct exclusion_config *exclusion = slot->object;
	size_t n = 0;

	for (uint16_t i = 0; i < slot->config->n_groups; i++) {
		if (!(exclusion->groups[i / 8] & 1 << i % 8))
			continue;
		config_print_next(slot, n++, out);
		config_print_string(slot->config->groups[i].name, out);
	}
	config_print_end(n, out);
}

/* ---- monitors ---- */

static int parse_node(const struct config_slot *slot, const char *text, struct config_why *why)
{
	struct monitor_config *monitor = slot->object;
	int node = config_find_node(slot->config, text);

	if (node < 0)
		return config_why_set(why, "there is no node \"%.40s\" in nodes", text);
	if (slot->config->nodes[node].witness)
		return config_why_set(why,
				      "node \"%s\" is a witness: it holds no groups, and "
				      "nothing is monitored there",
				      text);
	if (node_mask_has(monitor->nodes, (unsigned int)node))
		return config_why_set(why, "node \"%s\" stands there twice", text);
	monitor->nodes |= node_bit((unsigned int)node);
	return 0;
}

static void print_nodes(const struct config_slot *slot, FILE *out)
{
	const struct monitor_config *monitor = slot->object;
	unsigned int node;
	size_t n = 0;

	node_mask_for_each (node, monitor->nodes) {
		config_print_next(slot, n++, out);
		config_print_string(slot->config->nodes[node].name, out);
	}
	config_print_end(n, out);
}

/* What it follows; a target of which only the recovery makes use is printed as `recovery`. */
static void print_target(const struct config_slot *slot, FILE *out)
{
	const struct monitor_config *monitor = slot->object;

	if (monitor->active_resource != UINT16_MAX)
		config_print_text(slot, slot->config->resources[monitor->active_resource].name,
				  out);
	else if (monitor->active_group != UINT16_MAX)
		config_print_text(slot, slot->config->groups[monitor->active_group].name, out);
}

static void print_recovery(const struct config_slot *slot, FILE *out)
{
	const struct monitor_config *monitor = slot->object;
	const char *text = "none";

	if (monitor->recovery == RECOVER_NODE)
		text = "server";
	else if (monitor->recovery == RECOVER_RESOURCE)
		text = slot->config->resources[monitor->target].name;
	else if (monitor->recovery == RECOVER_GROUP)
		text = slot->config->groups[monitor->target].name;
	config_print_text(slot, text, out);
}

static void print_watched(const struct config_slot *slot, FILE *out)
{
	const struct monitor_config *monitor = slot->object;

	if (monitor->resource != UINT16_MAX)
		config_print_text(slot, slot->config->resources[monitor->resource].name, out);
}

/* ---- types ---- */

#define ONE  .expect = "a name in quotes", .kinds = KIND_STRING, .parse = parse_reference
#define LIST .kinds = KIND_LIST | KIND_STRING

const struct config_type config_type_depends = {
	.expect = "a list of names of resources, such as [ \"fip1\" ]",
	LIST,
	.parse = parse_depend,
	.print = print_depends};
const struct config_type config_type_start_after = {
	.expect = "a list of names of groups, such as [ \"database\" ]",
	LIST,
	.parse = parse_group,
	.print = print_start_after};
const struct config_type config_type_stop_after = {
	.expect = "a list of names of groups, such as [ \"web\" ]",
	LIST,
	.parse = parse_group,
	.print = print_stop_after};
const struct config_type config_type_excluded = {
	.expect = "a list of names of groups, such as [ \"g1\", \"g2\" ]",
	LIST,
	.parse = parse_group,
	.print = print_excluded};
const struct config_type config_type_monitor_nodes = {
	.expect = "a list of names of nodes, such as [ \"n1\", \"n2\" ]",
	LIST,
	.parse = parse_node,
	.print = print_nodes};
const struct config_type config_type_target = {ONE, .print = print_target};
const struct config_type config_type_recovery = {ONE, .print = print_recovery};
const struct config_type config_type_watched = {ONE, .print = print_watched};
