/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Exclusion: rules, and before X 4 an attribute of groups.
 *
 * How X 4 and later write rules into clp.conf could not be read in any public file: elements
 * <xclrule name="..."> with <type> and <group name="..."/> are taken for rules, and whatever is not
 * understood is listed.
 */
#include "agent/import_internal.h"

#include <string.h>

/* Writes what stands between the brackets of `groups`. Returns how many. */
static size_t put_members(struct import *import, struct import_node *rule, FILE *out)
{
	struct import_node *group = NULL;
	char name[NAME_SIZE];
	size_t n = 0;

	while ((group = import_next(rule, group, "group"))) {
		const char *text = group->name ? group->name : group->text;

		if (!text || !import_find_group(import, text)) {
			import_lost(import, group, "that group is not carried over");
			continue;
		}
		group->used = true;
		(void)fprintf(out, "%s\"%s\"", n++ ? ", " : "", import_name(text, name));
	}
	return n;
}

/* 1 or normal, 2 or absolute; *ret_absolute. */
static bool rule_kind(struct import_node *rule, bool *ret_absolute)
{
	const char *type = import_text(rule, "type");

	*ret_absolute = type && (strcmp(type, "2") == 0 || strcasecmp(type, "absolute") == 0);
	return *ret_absolute || !type || strcmp(type, "1") == 0 || strcasecmp(type, "normal") == 0;
}

static void put_rule(struct import *import, const char *name, bool absolute, const char *members,
		     size_t *n_rules)
{
	char ours[NAME_SIZE];

	(void)fputs((*n_rules)++ ? ",\n\t{\n" : "exclusions = (\n\t{\n", import->out);
	(void)fprintf(import->out,
		      "\t\tname = \"%s\";\n\t\tkind = \"%s\";\n\t\tgroups = [ %s ];\n\t}",
		      import_name(name, ours), absolute ? "absolute" : "normal", members);
}

static void put_rules(struct import *import, size_t *n_rules)
{
	struct import_node *rule = NULL;

	while ((rule = import_next(import->root, rule, "xclrule"))) {
		char *members = NULL;
		size_t size, n;
		bool absolute;
		FILE *out;

		if (!rule->name || !rule_kind(rule, &absolute)) {
			rule->why = "it is not clear what kind of rule this is";
			continue;
		}
		out = open_memstream(&members, &size);
		if (!out) {
			import->failed = true;
			return;
		}
		n = put_members(import, rule, out);
		import->failed |= fclose(out) != 0;
		rule->used = true;
		if (n >= 2 && *n_rules < EXCLUSIONS_MAX)
			put_rule(import, rule->name, absolute, members, n_rules);
		else
			import_lost(import, rule, "%s",
				    n < 2 ? "fewer than two of its groups are carried over"
					  : "there are too many rules");
		free(members);
	}
}

/* Groups whose attribute is at least `least`. *ret_last: the last of them. */
static size_t put_exclusive(struct import *import, uint64_t least, FILE *out,
			    struct import_node **ret_last)
{
	struct import_node *group = NULL;
	char name[NAME_SIZE];
	size_t n = 0;

	while ((group = import_next(import->root, group, "group"))) {
		uint64_t v = 0;

		if (!group->carried || !import_number(import, group, "exclusive", 2, &v) ||
		    v < least)
			continue;
		(void)fprintf(out, "%s\"%s\"", n++ ? ", " : "", import_name(group->name, name));
		*ret_last = import_find(group, "exclusive");
	}
	return n;
}

static void put_attribute(struct import *import, bool absolute, size_t *n_rules)
{
	char *members = NULL;
	size_t size, n;
	FILE *out = open_memstream(&members, &size);
	struct import_node *last = NULL;

	if (!out) {
		import->failed = true;
		return;
	}
	n = put_exclusive(import, absolute ? 2 : 1, out, &last);
	import->failed |= fclose(out) != 0;
	if (n >= 2 && *n_rules < EXCLUSIONS_MAX)
		put_rule(import, absolute ? "exclusive-absolute" : "exclusive-normal", absolute,
			 members, n_rules);
	else if (last)
		import_lost(import, last, "%s",
			    absolute ? "no other group excludes absolutely"
				     : "no other group excludes any");
	free(members);
}

void import_exclusions(struct import *import)
{
	size_t n = 0;

	put_rules(import, &n);
	put_attribute(import, true, &n);
	put_attribute(import, false, &n);
	if (n)
		(void)fputs("\n);\n\n", import->out);
}
