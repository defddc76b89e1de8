/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The resolved configuration in the file's own syntax. It is also what the hash is made of. */
#include "agent/config_internal.h"

void config_print_keys(const struct config *config, unsigned int sections, const void *object,
		       FILE *out)
{
	/* A slot serves for reading and writing of fields; print() only reads. */
	struct config_slot slot = {.config = config, .object = (void *)(uintptr_t)object};

	for (size_t i = 0; (slot.key = config_key_at(i)); i++)
		if ((slot.key->section & sections) && slot.key->type)
			slot.key->type->print(&slot, out);
}

static void print_resources(const struct config *config, uint16_t group, FILE *out)
{
	size_t n = 0;

	for (uint16_t i = 0; i < config->n_resources; i++) {
		const struct resource_config *resource = &config->resources[i];
		unsigned int own = (unsigned int)SECTION_FIP << resource->type;

		if (resource->group != group)
			continue;
		(void)fputs(n++ ? ",\n\t\t\t{\n" : "\t\tresources = (\n\t\t\t{\n", out);
		config_print_keys(config, SECTION_RESOURCE | own, resource, out);
		(void)fputs("\t\t\t}", out);
	}
	if (n)
		(void)fputs("\n\t\t);\n", out);
}

/* Element `i` of a list of objects. */
static void print_element(const struct config *config, size_t i, unsigned int sections,
			  const void *object, FILE *out)
{
	(void)fputs(i ? ",\n\t{\n" : "\t{\n", out);
	config_print_keys(config, sections, object, out);
	(void)fputs("\t}", out);
}

static void print_levels(const struct config *config, const struct node_config *node, FILE *out)
{
	if (node->n_fence_levels == 0)
		return;
	(void)fputs("\t\tfence = (\n", out);
	for (uint8_t i = 0; i < node->n_fence_levels; i++) {
		(void)fputs(i ? ",\n\t\t\t{\n" : "\t\t\t{\n", out);
		config_print_keys(config, SECTION_LEVEL, &node->fence[i], out);
		(void)fputs("\t\t\t}", out);
	}
	(void)fputs("\n\t\t);\n", out);
}

static void print_nodes(const struct config *config, FILE *out)
{
	(void)fputs("nodes = (\n", out);
	for (uint8_t i = 0; i < config->n_nodes; i++) {
		(void)fputs(i ? ",\n\t{\n" : "\t{\n", out);
		config_print_keys(config, SECTION_NODE, &config->nodes[i], out);
		print_levels(config, &config->nodes[i], out);
		(void)fputs("\t}", out);
	}
	(void)fputs("\n);\n", out);
}

static void print_fencing(const struct config *config, FILE *out)
{
	const struct fencing_config *fencing = &config->fencing;

	(void)fputs("fencing = {\n", out);
	config_print_keys(config, SECTION_FENCING, config, out);
	if (fencing->n_devices)
		(void)fputs("\tdevices = (\n", out);
	for (uint8_t i = 0; i < fencing->n_devices; i++) {
		(void)fputs(i ? ",\n\t\t{\n" : "\t\t{\n", out);
		config_print_keys(config, SECTION_DEVICE, &fencing->devices[i], out);
		(void)fputs("\t\t}", out);
	}
	if (fencing->n_devices)
		(void)fputs("\n\t);\n", out);
	(void)fputs("};\n", out);
}

static void print_watchdog(const struct config *config, FILE *out)
{
	if (!config->watchdog.device || !*config->watchdog.device)
		return;
	(void)fputs("\twatchdog = {\n", out);
	config_print_keys(config, SECTION_WATCHDOG, config, out);
	(void)fputs("\t};\n", out);
}

static void print_groups(const struct config *config, FILE *out)
{
	if (config->n_groups == 0)
		return;
	(void)fputs("groups = (\n", out);
	for (uint16_t i = 0; i < config->n_groups; i++) {
		(void)fputs(i ? ",\n\t{\n" : "\t{\n", out);
		config_print_keys(config, SECTION_GROUP, &config->groups[i], out);
		print_resources(config, i, out);
		(void)fputs("\t}", out);
	}
	(void)fputs("\n);\n", out);
}

static void print_exclusions(const struct config *config, FILE *out)
{
	if (config->n_exclusions == 0)
		return;
	(void)fputs("exclusions = (\n", out);
	for (uint8_t i = 0; i < config->n_exclusions; i++)
		print_element(config, i, SECTION_EXCLUSION, &config->exclusions[i], out);
	(void)fputs("\n);\n", out);
}

static void print_monitors(const struct config *config, FILE *out)
{
	if (config->n_monitors == 0)
		return;
	(void)fputs("monitors = (\n", out);
	for (uint16_t i = 0; i < config->n_monitors; i++) {
		const struct monitor_config *monitor = &config->monitors[i];

		print_element(config, i,
			      SECTION_MONITOR | (unsigned int)SECTION_FIPW << monitor->type,
			      monitor, out);
	}
	(void)fputs("\n);\n", out);
}

static void print_all(const struct config *config, FILE *out)
{
	(void)fputs("cluster = {\n", out);
	config_print_keys(config, SECTION_CLUSTER, config, out);
	(void)fputs("};\nagent = {\n", out);
	config_print_keys(config, SECTION_AGENT, config, out);
	print_watchdog(config, out);
	(void)fputs("};\n", out);
	print_nodes(config, out);
	print_fencing(config, out);
	print_groups(config, out);
	print_exclusions(config, out);
	print_monitors(config, out);
}

char *config_print(const struct config *config)
{
	char *ret = NULL;
	size_t size;
	FILE *out = open_memstream(&ret, &size);

	if (!out)
		return NULL;
	print_all(config, out);
	if (fclose(out) != 0) {
		free(ret);
		return NULL;
	}
	return ret;
}
