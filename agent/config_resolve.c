/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From names to indexes, when every object is known. */
#include "agent/config_tree.h"
#include "util/parse.h"

#include <errno.h>
#include <string.h>

/* Element `i` of a value that is a list of words or one word; NULL behind the last. */
static const config_setting_t *word_at(const config_setting_t *value, int i)
{
	if (value && config_kind_of(value) == KIND_STRING)
		return i == 0 ? value : NULL;
	if (!value || config_kind_of(value) != KIND_LIST || i >= config_setting_length(value))
		return NULL;
	return config_setting_get_elem(value, (unsigned int)i);
}

/* The text of a word that has the form of a name; others were reported when they were read. */
static const char *name_of(const config_setting_t *word)
{
	const char *name = config_setting_get_string(word);

	return name && parse_name(name) == 0 ? name : NULL;
}

/* ---- resources ---- */

static void resolve_dependency(struct parser *parser, uint16_t index, const config_setting_t *word)
{
	struct config *config = parser->config;
	struct resource_config *resource = &config->resources[index];
	const char *name = name_of(word), *wrong = NULL;
	int found = name ? config_find_resource(config, name) : -ENOENT;

	if (!name)
		return;
	if (found < 0)
		wrong = "there is no such resource";
	else if (found == index)
		wrong = "it cannot depend on itself";
	else if (config->resources[found].group != resource->group)
		wrong = "it is in another group; only resources of the same group can be named";
	for (uint8_t i = 0; i < resource->n_deps && !wrong; i++)
		if (resource->deps[i] == found)
			wrong = "it stands there twice";
	if (wrong)
		config_report_error(parser->report, config_line_of(word),
				    "resource \"%s\": depends = \"%.40s\": %s", resource->name,
				    name, wrong);
	else if (resource->n_deps < DEPS_MAX)
		resource->deps[resource->n_deps++] = (uint16_t)found;
}

void config_resolve_resources(struct parser *parser)
{
	for (uint16_t i = 0; i < parser->config->n_resources; i++) {
		const config_setting_t *depends =
			config_setting_get_member(parser->resources[i], "depends");
		const config_setting_t *word;

		for (int k = 0; k < DEPS_MAX && (word = word_at(depends, k)); k++)
			resolve_dependency(parser, i, word);
	}
}

/* ---- groups ---- */

static void resolve_wait(struct parser *parser, uint16_t index, const char *key, uint16_t *waits,
			 uint8_t *n_waits)
{
	const config_setting_t *value = config_setting_get_member(parser->groups[index], key);
	const config_setting_t *word;

	for (int k = 0; k < GROUP_WAITS_MAX && (word = word_at(value, k)); k++) {
		const char *name = name_of(word), *wrong = NULL;
		int found = name ? config_find_group(parser->config, name) : -ENOENT;

		if (!name)
			continue;
		if (found < 0)
			wrong = "there is no such group";
		else if (found == index)
			wrong = "a group cannot wait for itself: leave it out";
		for (uint8_t i = 0; i < *n_waits && !wrong; i++)
			if (waits[i] == found)
				wrong = "it stands there twice";
		if (wrong)
			config_report_error(parser->report, config_line_of(word),
					    "group \"%s\": %s = \"%.40s\": %s",
					    parser->config->groups[index].name, key, name, wrong);
		else
			waits[(*n_waits)++] = (uint16_t)found;
	}
}

static void resolve_exclusion(struct parser *parser, uint8_t index)
{
	struct exclusion_config *exclusion = &parser->config->exclusions[index];
	const config_setting_t *value =
		config_setting_get_member(parser->exclusions[index], "groups");
	const config_setting_t *word;

	for (int k = 0; k < GROUPS_MAX && (word = word_at(value, k)); k++) {
		const char *name = name_of(word), *wrong = NULL;
		int found = name ? config_find_group(parser->config, name) : -ENOENT;

		if (!name)
			continue;
		if (found < 0)
			wrong = "there is no such group";
		else if (exclusion->groups[found / 8] & 1 << found % 8)
			wrong = "it stands there twice";
		if (wrong)
			config_report_error(parser->report, config_line_of(word),
					    "exclusion \"%s\": groups = \"%.40s\": %s",
					    exclusion->name, name, wrong);
		else
			exclusion->groups[found / 8] =
				(uint8_t)(exclusion->groups[found / 8] | 1 << found % 8);
	}
	if (value && config_kind_of(value) == KIND_STRING)
		config_report_error(parser->report, config_line_of(value),
				    "exclusion \"%s\": groups: names one group: a rule needs two "
				    "or more",
				    exclusion->name);
}

void config_resolve_groups(struct parser *parser)
{
	struct config *config = parser->config;

	for (uint16_t i = 0; i < config->n_groups; i++) {
		struct group_config *group = &config->groups[i];

		resolve_wait(parser, i, "start_after", group->start_after, &group->n_start_after);
		resolve_wait(parser, i, "stop_after", group->stop_after, &group->n_stop_after);
	}
	for (uint8_t i = 0; i < config->n_exclusions; i++)
		resolve_exclusion(parser, i);
}

/* ---- monitors ---- */

/* What a monitor names: a resource or a group. */
struct reference {
	enum recovery_target kind;
	uint16_t index;
};

static void report_reference(struct parser *parser, uint16_t index, const char *key,
			     const char *what)
{
	const config_setting_t *object = parser->monitors[index];
	const config_setting_t *member = config_setting_get_member(object, key);

	config_report_error(
		parser->report, config_line_of(member), "monitor \"%s\": %s = \"%.40s\": %s",
		parser->config->monitors[index].name, key, config_member_text(object, key), what);
}

/* Looks up the text of `key`; false, and reported, if it is not clear what it means. */
static bool find_reference(struct parser *parser, uint16_t index, const char *key,
			   struct reference *ret)
{
	const char *name = config_member_text(parser->monitors[index], key);
	int resource = config_find_resource(parser->config, name);
	int group = config_find_group(parser->config, name);
	const char *wrong = "there is no such resource or group";

	if (resource >= 0 && group >= 0) {
		report_reference(parser, index, key,
				 "a resource and a group have this name: rename one of them");
		return false;
	}
	if (resource < 0 && group < 0) {
		if (config_find_node(parser->config, name) >= 0)
			wrong = "this is a node: name a resource or group, or write recovery = "
				"\"server\" for the node on which it fails";
		else if (config_find_monitor(parser->config, name) >= 0)
			wrong = "this is a monitor: name a resource or group";
		report_reference(parser, index, key, wrong);
		return false;
	}
	ret->kind = resource >= 0 ? RECOVER_RESOURCE : RECOVER_GROUP;
	ret->index = (uint16_t)(resource >= 0 ? resource : group);
	return true;
}

/* The words "server" and "none", or a name. False if it was reported. */
static bool find_recovery(struct parser *parser, uint16_t index, struct reference *ret)
{
	const char *text = config_member_text(parser->monitors[index], "recovery");
	bool server, none;

	if (!text)
		return true;
	server = strcmp(text, "server") == 0;
	none = strcmp(text, "none") == 0;
	if (!server && !none)
		return find_reference(parser, index, "recovery", ret);
	if (config_find_resource(parser->config, text) >= 0 ||
	    config_find_group(parser->config, text) >= 0) {
		report_reference(parser, index, "recovery",
				 "a resource or group has this name, which is a word of its own "
				 "here: rename it");
		return false;
	}
	ret->kind = server ? RECOVER_NODE : RECOVER_NOTHING;
	ret->index = 0;
	return true;
}

/* The address that a monitor of type fipw looks at. False if it was reported. */
static bool find_watched(struct parser *parser, uint16_t index, struct reference *ret)
{
	struct monitor_config *monitor = &parser->config->monitors[index];
	const char *name = config_member_text(parser->monitors[index], "resource");
	int found = config_find_resource(parser->config, name);

	if (found < 0) {
		report_reference(parser, index, "resource", "there is no such resource");
		return false;
	}
	if (parser->config->resources[found].type != RESOURCE_TYPE_FIP) {
		report_reference(parser, index, "resource",
				 "it is not of type \"fip\": name the resource that holds the "
				 "address");
		return false;
	}
	monitor->resource = (uint16_t)found;
	ret->kind = RECOVER_RESOURCE;
	ret->index = (uint16_t)found;
	return true;
}

/* Where it checks unless the file says it: where what it is for can be. */
static node_mask default_nodes(const struct config *config, const struct reference *reference)
{
	node_mask mask = 0;

	if (reference->kind == RECOVER_RESOURCE || reference->kind == RECOVER_GROUP) {
		uint16_t index = reference->kind == RECOVER_GROUP
					 ? reference->index
					 : config->resources[reference->index].group;

		for (uint8_t i = 0; i < config->groups[index].n_nodes; i++)
			mask |= node_bit(config->groups[index].nodes[i]);
		return mask;
	}
	for (uint8_t i = 0; i < config->n_nodes; i++)
		if (!config->nodes[i].witness)
			mask |= node_bit(i);
	return mask;
}

static void resolve_monitor(struct parser *parser, uint16_t index)
{
	struct monitor_config *monitor = &parser->config->monitors[index];
	const config_setting_t *object = parser->monitors[index];
	const char *timing = config_member_text(object, "timing");
	struct reference target = {.kind = RECOVER_NOTHING}, recovery;
	bool active;

	if (monitor->type == MONITOR_FIPW && !find_watched(parser, index, &target))
		return;
	if (config_member_text(object, "target") &&
	    !find_reference(parser, index, "target", &target))
		return;
	recovery = target;
	if (!find_recovery(parser, index, &recovery))
		return;
	active = timing ? strcmp(timing, "active") == 0 : target.kind != RECOVER_NOTHING;
	if (active && target.kind == RECOVER_NOTHING) {
		report_reference(parser, index, "timing",
				 "needs target: the resource or group that must be online");
		return;
	}
	if (active && target.kind == RECOVER_RESOURCE)
		monitor->active_resource = target.index;
	else if (active)
		monitor->active_group = target.index;
	if (monitor->nodes == 0)
		monitor->nodes = default_nodes(parser->config, active ? &target : &recovery);
	monitor->recovery = recovery.kind;
	monitor->target = recovery.index;
}

void config_resolve_monitors(struct parser *parser)
{
	for (uint16_t i = 0; i < parser->config->n_monitors; i++)
		if (parser->monitors[i])
			resolve_monitor(parser, i);
}
