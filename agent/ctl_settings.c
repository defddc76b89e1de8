/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GetSettings: what the file says of single objects, with its defaults. */
#include "agent/config_internal.h"
#include "agent/ctl_internal.h"

#include <string.h>

/* One kind of objects, as an array in struct config. */
struct kind {
	const char *name, *error;
	size_t (*count)(const struct config *config);
	const void *(*at)(const struct config *config, size_t i);
	const char *(*name_of)(const void *object);
	unsigned int (*sections)(const void *object);
};

#define KIND(kind, type, n, array, keys)                               \
	static size_t kind##_count(const struct config *config)        \
	{                                                              \
		return config->n;                                      \
	}                                                              \
	static const void *kind##_at(const struct config *c, size_t i) \
	{                                                              \
		return &c->array[i];                                   \
	}                                                              \
	static const char *kind##_name(const void *object)             \
	{                                                              \
		return ((const struct type *)object)->name;            \
	}                                                              \
	static unsigned int kind##_sections(const void *object)        \
	{                                                              \
		const struct type *o = object;                         \
                                                                       \
		(void)o;                                               \
		return (unsigned int)(keys);                           \
	}

KIND(server, node_config, n_nodes, nodes, SECTION_NODE)
KIND(group, group_config, n_groups, groups, SECTION_GROUP)
KIND(resource, resource_config, n_resources, resources, SECTION_RESOURCE | SECTION_FIP << o->type)
KIND(monitor, monitor_config, n_monitors, monitors, SECTION_MONITOR | SECTION_FIPW << o->type)
KIND(exclusion, exclusion_config, n_exclusions, exclusions, SECTION_EXCLUSION)

#define ROW(kind, error)                                                            \
	{                                                                           \
#kind, error, kind##_count, kind##_at, kind##_name, kind##_sections \
	}
static const struct kind kinds[] = {
	ROW(server, "NoSuchServer"),	   ROW(group, "NoSuchGroup"),
	ROW(resource, "NoSuchResource"),   ROW(monitor, "NoSuchMonitor"),
	ROW(exclusion, "NoSuchExclusion"),
};

/* Without the blanks that show how deep it stands in the file. */
static void unindent(char *text)
{
	char *to = text;
	bool start = true;

	for (const char *s = text; *s; s++) {
		if (start && (*s == '\t' || *s == ' '))
			continue;
		start = *s == '\n';
		*to++ = *s;
	}
	*to = '\0';
}

static json_t *object_json(const struct config *config, const char *name, unsigned int sections,
			   const void *object)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	config_print_keys(config, sections, object, out);
	if (fclose(out) != 0)
		return NULL;
	unindent(text);
	return json_pack("{s:s, s:o}", "name", name, "text", ctl_text(text));
}

static json_t *cluster_json(const struct config *config)
{
	json_t *list = json_array();

	(void)json_array_append_new(
		list, object_json(config, config->cluster_name, SECTION_CLUSTER, config));
	return list;
}

/* All of them, or the one with that name. */
static json_t *objects_json(const struct config *config, const struct kind *kind, const char *name)
{
	json_t *list = json_array();

	for (size_t i = 0; i < kind->count(config); i++) {
		const void *object = kind->at(config, i);

		if (name && strcmp(kind->name_of(object), name) != 0)
			continue;
		(void)json_array_append_new(list, object_json(config, kind->name_of(object),
							      kind->sections(object), object));
	}
	return list;
}

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; name && i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

static void reply_no_such(struct ctl_call *call, const struct kind *kind, const char *name)
{
	char error[64];

	(void)snprintf(error, sizeof error, "io.holdfast.Agent.%s", kind->error);
	ctl_reply_error(call, error, json_pack("{s:s}", kind->name, name));
}

void ctl_get_settings(struct ctl_call *call, json_t *parameters, void *userdata)
{
	const struct agent *agent = userdata;
	const char *kind_name = json_string_value(json_object_get(parameters, "kind"));
	const json_t *value = json_object_get(parameters, "name");
	const char *name = json_string_value(value);
	const struct kind *kind = find_kind(kind_name);
	json_t *list;

	if (value && !json_is_null(value) && !name) {
		ctl_reply_invalid(call, "name");
		return;
	}
	if (kind_name && strcmp(kind_name, "cluster") == 0) {
		list = cluster_json(agent->config);
	} else if (kind) {
		list = objects_json(agent->config, kind, name);
	} else {
		ctl_reply_invalid(call, "kind");
		return;
	}
	if (kind && name && json_array_size(list) == 0) {
		json_decref(list);
		reply_no_such(call, kind, name);
		return;
	}
	ctl_reply_checked(call, json_pack("{s:o}", "objects", list));
}
