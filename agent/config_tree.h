/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_CONFIG_TREE_H
#define HF_AGENT_CONFIG_TREE_H

/* Shared by what reads the library's tree: config_parse.c and config_resolve.c. */

#include "agent/config_internal.h"

#include <libconfig.h>

struct parser {
	struct config *config;
	struct config_report *report;
	/* What names in them mean is known when everything is read. NULL: nothing to look up. */
	const config_setting_t *resources[RESOURCES_MAX];
	const config_setting_t *groups[GROUPS_MAX];
	const config_setting_t *exclusions[EXCLUSIONS_MAX];
	const config_setting_t *monitors[MONITORS_MAX];
};

enum config_kind config_kind_of(const config_setting_t *setting);
/* 0 for NULL. */
unsigned int config_line_of(const config_setting_t *setting);
/* The text of a key that is a string, else NULL. */
const char *config_member_text(const config_setting_t *object, const char *key);

/* `depends`: before the resources are put in order. */
void config_resolve_resources(struct parser *parser);
/* What groups and exclusions name. */
void config_resolve_groups(struct parser *parser);
/* Last, when every index is final. */
void config_resolve_monitors(struct parser *parser);

#endif
