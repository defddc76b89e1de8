/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sections of the file and the lists of objects in them, each into its structs. */
#include "agent/config_tree.h"

#include <errno.h>
#include <string.h>

/* ---- the sections ---- */

static void parse_sections(struct parser *parser, const config_setting_t *root)
{
	struct config *config = parser->config;
	struct tree_object object = {.into = config, .sections = SECTION_CLUSTER};

	if (tree_open(parser, config_setting_get_member(root, "cluster"), "cluster", -1, &object))
		tree_read(parser, &object);
	object.sections = SECTION_AGENT;
	if (tree_open(parser, config_setting_get_member(root, "agent"), "agent", -1, &object))
		tree_read(parser, &object);
}

static void parse_watchdog(struct parser *parser, const config_setting_t *root)
{
	const config_setting_t *agent = config_setting_get_member(root, "agent");
	const config_setting_t *watchdog = agent && config_setting_is_group(agent)
						   ? config_setting_get_member(agent, "watchdog")
						   : NULL;
	struct tree_object object = {.into = parser->config, .sections = SECTION_WATCHDOG};

	if (!watchdog || !tree_open(parser, watchdog, "watchdog", -1, &object))
		return;
	parser->config->watchdog.line = config_line_of(watchdog);
	tree_read(parser, &object);
}

static void parse_devices(struct parser *parser, const config_setting_t *fencing)
{
	struct fencing_config *into = &parser->config->fencing;
	int n;
	const config_setting_t *list =
		tree_open_list(parser, fencing, config_key_find(SECTION_FENCING, "devices"), &n);

	for (int i = 0; i < n; i++) {
		struct fence_device_config *device = &into->devices[into->n_devices];
		struct tree_object object = {.into = device, .sections = SECTION_DEVICE};

		if (!tree_open(parser, config_setting_get_elem(list, (unsigned int)i), "device", i,
			       &object))
			continue;
		device->line = config_line_of(object.setting);
		into->n_devices++;
		tree_read(parser, &object);
	}
}

static void parse_fencing(struct parser *parser, const config_setting_t *root)
{
	const config_setting_t *setting = config_setting_get_member(root, "fencing");
	struct tree_object object = {.into = parser->config, .sections = SECTION_FENCING};

	if (!tree_open(parser, setting, "fencing", -1, &object))
		return;
	parser->config->fencing.line = config_line_of(setting);
	tree_read(parser, &object);
	if (setting)
		parse_devices(parser, setting);
}

static void parse_levels(struct parser *parser, const config_setting_t *parent,
			 struct node_config *node)
{
	char what[NAME_SIZE + 24];
	int n;
	const config_setting_t *list =
		tree_open_list(parser, parent, config_key_find(SECTION_NODE, "fence"), &n);

	(void)snprintf(what, sizeof what, "node \"%s\": fence", node->name);
	for (int i = 0; i < n; i++) {
		struct fence_level_config *level = &node->fence[node->n_fence_levels];
		struct tree_object object = {.into = level, .sections = SECTION_LEVEL};

		if (!tree_open(parser, config_setting_get_elem(list, (unsigned int)i), what, i,
			       &object))
			continue;
		level->line = config_line_of(object.setting);
		node->n_fence_levels++;
		tree_read(parser, &object);
	}
}

/* The socket lies in run_directory unless it is set. */
static void place_socket(struct parser *parser)
{
	const struct config_key *key = config_key_find(SECTION_AGENT, "socket");
	struct config_slot slot = {parser->config, key, parser->config};
	struct config_why why = {""};
	char *path = NULL;
	int r;

	if (parser->config->socket_path || !parser->config->run_directory)
		return;
	r = asprintf(&path, "%s/agent.sock", parser->config->run_directory) < 0 ? -ENOMEM : 0;
	if (r == 0) {
		r = key->type->parse(&slot, path, &why);
		free(path);
	}
	if (r < 0)
		config_report_error(parser->report, 0,
				    "agent: run_directory: no socket fits in it (%s): set socket",
				    r == -ENOMEM ? "out of memory" : why.text);
}

static void parse_nodes(struct parser *parser, const config_setting_t *root)
{
	struct config *config = parser->config;
	int n;
	const config_setting_t *list =
		tree_open_list(parser, root, config_key_find(SECTION_FILE, "nodes"), &n);

	for (int i = 0; i < n; i++) {
		struct node_config *node = &config->nodes[config->n_nodes];
		struct tree_object object = {.into = node, .sections = SECTION_NODE};

		if (!tree_open(parser, config_setting_get_elem(list, (unsigned int)i), "node", i,
			       &object))
			continue;
		node->line = config_line_of(object.setting);
		config->n_nodes++;
		tree_read(parser, &object);
		parse_levels(parser, object.setting, node);
	}
	config->n_links = config->nodes[0].n_links;
}

/* Adds the section of the object's type; those of all types, the object being partial, if it
 * does not say a good one. */
static void add_type(struct parser *parser, struct tree_object *object, unsigned int sections,
		     const struct config_type *words)
{
	const config_setting_t *type = config_setting_get_member(object->setting, "type");
	const char *text = config_member_text(object->setting, "type");
	int i = text ? config_word_find(words->words, text) : -ENOENT;

	if (i >= 0) {
		object->sections |= (sections & -sections) << i; /* the lowest bit is type 0 */
		return;
	}
	object->sections |= sections;
	object->partial = true;
	if (!type)
		config_report_error(
			parser->report, config_line_of(object->setting),
			"%s: key \"type\" is missing: write type = \"%s\" or another of "
			"the types in holdfast.conf(5)",
			object->label, words->words[0]);
}

static void parse_resource(struct parser *parser, const config_setting_t *setting, int i,
			   uint16_t group)
{
	struct config *config = parser->config;
	struct resource_config *resource = &config->resources[config->n_resources];
	struct tree_object object = {.into = resource, .sections = SECTION_RESOURCE};

	if (!tree_open(parser, setting, "resource", i, &object))
		return;
	add_type(parser, &object, SECTIONS_OF_RESOURCES, &config_type_resource);
	resource->line = config_line_of(setting);
	resource->group = group;
	parser->resources[config->n_resources++] = setting;
	tree_read(parser, &object);
}

static void parse_resources(struct parser *parser, const config_setting_t *parent, uint16_t group)
{
	int n;
	const config_setting_t *list =
		tree_open_list(parser, parent, config_key_find(SECTION_GROUP, "resources"), &n);

	for (int i = 0; i < n; i++) {
		const config_setting_t *setting = config_setting_get_elem(list, (unsigned int)i);

		if (parser->config->n_resources == RESOURCES_MAX) {
			config_report_error(parser->report, config_line_of(setting),
					    "group \"%s\": resources: the cluster has more than %d",
					    parser->config->groups[group].name, RESOURCES_MAX);
			return;
		}
		parse_resource(parser, setting, i, group);
	}
}

static void all_members(const struct config *config, struct group_config *group)
{
	for (uint8_t i = 0; i < config->n_nodes; i++)
		if (!config->nodes[i].witness)
			group->nodes[group->n_nodes++] = i;
}

static void parse_groups(struct parser *parser, const config_setting_t *root)
{
	struct config *config = parser->config;
	int n;
	const config_setting_t *list =
		tree_open_list(parser, root, config_key_find(SECTION_FILE, "groups"), &n);

	for (int i = 0; i < n; i++) {
		struct group_config *group = &config->groups[config->n_groups];
		struct tree_object object = {.into = group, .sections = SECTION_GROUP};

		if (!tree_open(parser, config_setting_get_elem(list, (unsigned int)i), "group", i,
			       &object))
			continue;
		group->line = config_line_of(object.setting);
		tree_read(parser, &object);
		if (!config_setting_get_member(object.setting, "nodes"))
			all_members(config, group);
		parser->groups[config->n_groups] = object.setting;
		parse_resources(parser, object.setting, config->n_groups++);
	}
}

static void parse_exclusions(struct parser *parser, const config_setting_t *root)
{
	struct config *config = parser->config;
	int n;
	const config_setting_t *list =
		tree_open_list(parser, root, config_key_find(SECTION_FILE, "exclusions"), &n);

	for (int i = 0; i < n; i++) {
		struct exclusion_config *exclusion = &config->exclusions[config->n_exclusions];
		struct tree_object object = {.into = exclusion, .sections = SECTION_EXCLUSION};

		if (!tree_open(parser, config_setting_get_elem(list, (unsigned int)i), "exclusion",
			       i, &object))
			continue;
		exclusion->line = config_line_of(object.setting);
		parser->exclusions[config->n_exclusions++] = object.setting;
		tree_read(parser, &object);
	}
}

static void parse_monitor(struct parser *parser, const config_setting_t *setting, int i)
{
	struct config *config = parser->config;
	struct monitor_config *monitor = &config->monitors[config->n_monitors];
	struct tree_object object = {.into = monitor, .sections = SECTION_MONITOR};

	if (!tree_open(parser, setting, "monitor", i, &object))
		return;
	add_type(parser, &object, SECTIONS_OF_MONITORS, &config_type_monitor);
	monitor->line = config_line_of(setting);
	monitor->active_group = monitor->active_resource = monitor->resource = UINT16_MAX;
	tree_read(parser, &object);
	/* What is wrong already would only be said again, in other words. */
	parser->monitors[config->n_monitors++] =
		parser->report->errors == object.errors ? setting : NULL;
}

static void parse_monitors(struct parser *parser, const config_setting_t *root)
{
	int n;
	const config_setting_t *list =
		tree_open_list(parser, root, config_key_find(SECTION_FILE, "monitors"), &n);

	for (int i = 0; i < n; i++)
		parse_monitor(parser, config_setting_get_elem(list, (unsigned int)i), i);
}

/* ---- all of it ---- */

unsigned int tree_parse(struct parser *parser, const config_setting_t *root)
{
	struct tree_object whole = {
		.setting = root, .sections = SECTION_FILE, .label = "the configuration"};
	struct config_report *report = parser->report;
	unsigned int parts = 0;
	size_t before = report->errors;

	tree_read(parser, &whole);
	parse_sections(parser, root);
	parse_watchdog(parser, root);
	place_socket(parser);
	if (report->errors == before)
		parts |= CHECK_CLUSTER;
	before = report->errors;
	parse_fencing(parser, root);
	parse_nodes(parser, root);
	if (report->errors == before)
		parts |= CHECK_NODES;
	before = report->errors;
	parse_groups(parser, root);
	parse_exclusions(parser, root);
	config_resolve_resources(parser);
	config_resolve_groups(parser);
	if (report->errors == before)
		config_sort_resources(parser->config, report);
	if (report->errors == before)
		parts |= CHECK_GROUPS;
	parse_monitors(parser, root);
	config_resolve_monitors(parser);
	if (report->errors == before)
		parts |= CHECK_MONITORS;
	return parts;
}
