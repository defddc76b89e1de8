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

/* One { } of the file. */
struct tree_object {
	const config_setting_t *setting; /* NULL: not in the file, all is at its default */
	void *into;
	unsigned int sections;
	bool partial; /* which keys it needs is not known */
	char label[NAME_SIZE + 32];
	size_t errors; /* there were when it was opened */
};

/* Reads all its keys that have a type, and says which it lacks and which nobody knows. */
void tree_read(struct parser *parser, const struct tree_object *object);
/* Puts `setting`, element `i` of a list or a section of its own (i < 0), into an object. */
_must_check_ bool tree_open(struct parser *parser, const config_setting_t *setting,
			    const char *what, int i, struct tree_object *ret);
/* The list of objects of `key` in `parent`; NULL if there is none. *ret_n elements of it count. */
const config_setting_t *tree_open_list(struct parser *parser, const config_setting_t *parent,
				       const struct config_key *key, int *ret_n);

enum config_kind config_kind_of(const config_setting_t *setting);
/* 0 for NULL. */
unsigned int config_line_of(const config_setting_t *setting);
/* The text of a key that is a string, else NULL. */
const char *config_member_text(const config_setting_t *object, const char *key);

/* All sections of the file. The parts of config_check_parts() that can be checked. */
unsigned int tree_parse(struct parser *parser, const config_setting_t *root);

/* `depends`: before the resources are put in order. */
void config_resolve_resources(struct parser *parser);
/* What groups and exclusions name. */
void config_resolve_groups(struct parser *parser);
/* Last, when every index is final. */
void config_resolve_monitors(struct parser *parser);

#endif
