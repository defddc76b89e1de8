/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Failover groups, what they wait for, and which keep apart. */
#include "agent/import_internal.h"

#include <string.h>

/* ---- which are carried over ---- */

static bool is_group(struct import_node *group)
{
	const char *type = import_text(group, "type");

	if (!type || strcmp(type, "failover") == 0)
		return true;
	if (strcmp(type, "cluster") == 0)
		group->why = "a management group: the CLI talks to any node, no address is needed";
	else if (strcmp(type, "virtualmachine") == 0)
		group->why = "virtual machines are not among the types of resources";
	else
		group->why = "only groups of type failover can be carried over";
	import_find(group, "type")->used = false; /* so that it is listed with the rest */
	return false;
}

static const char *type_why(const char *type)
{
	static const struct {
		const char *type, *why;
	} rows[] = {
		{"disk", "there is no resource of this type yet: type \"ocf\" with agent "
			 "heartbeat:Filesystem mounts a device"},
		{"volmgr", "there is no resource of this type yet: type \"ocf\" with agent "
			   "heartbeat:LVM-activate activates a volume group"},
		{"md", "mirrored disks come with the disk agent, which this version does not have"},
		{"hd", "mirrored disks come with the disk agent, which this version does not have"},
		{"nas", "there is no resource of this type: type \"ocf\" with agent "
			"heartbeat:Filesystem mounts a network file system"},
		{"vm", "there is no resource of this type: type \"ocf\" with agent "
		       "heartbeat:VirtualDomain runs a virtual machine"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].type, type) == 0)
			return rows[i].why;
	return "there is no resource of this type";
}

/* The resource that "type@name" in a group means. */
static struct import_node *resolve(struct import *import, const char *reference)
{
	struct import_node *resources = import_find(import->root, "resource");
	const char *at = strchr(reference, '@');
	char tag[IMPORT_TAG_MAX + 1];

	if (!at || at - reference > IMPORT_TAG_MAX)
		return NULL;
	(void)snprintf(tag, sizeof tag, "%.*s", (int)(at - reference), reference);
	return import_named(resources, tag, at + 1);
}

static void choose_resource(struct import *import, struct import_node *group,
			    struct import_node *entry)
{
	struct import_node *resource = entry->name ? resolve(import, entry->name) : NULL;

	if (!resource) {
		import_lost(import, entry, "there is no such resource in the file");
		return;
	}
	if (resource->group) {
		import_lost(import, entry, "another group has this resource already");
		return;
	}
	resource->group = group;
	if (!group->carried)
		resource->why = group->why;
	else if (strcmp(resource->tag, "fip") != 0 && strcmp(resource->tag, "exec") != 0)
		resource->why = type_why(resource->tag);
	else
		resource->carried = true;
	entry->used = resource->carried;
	entry->why = resource->why;
}

void import_choose(struct import *import)
{
	struct import_node *resources = import_find(import->root, "resource");
	struct import_node *group = NULL, *entry;

	import_use_types(resources);
	while ((group = import_next(import->root, group, "group"))) {
		group->carried = group->name && is_group(group);
		if (!group->name)
			group->why = "it has no name";
		group->used = group->carried;
		entry = NULL;
		while ((entry = import_next(group, entry, "resource")))
			choose_resource(import, group, entry);
	}
	for (struct import_node *node = resources ? resources->child : NULL; node;
	     node = node->next)
		if (!node->group && strcmp(node->tag, "types") != 0)
			node->why = "no group holds this resource";
}

struct import_node *import_find_group(struct import *import, const char *name)
{
	struct import_node *group = import_named(import->root, "group", name);

	return group && group->carried ? group : NULL;
}

struct import_node *import_find_resource(struct import *import, const char *name)
{
	struct import_node *resources = import_find(import->root, "resource");

	for (struct import_node *node = resources ? resources->child : NULL; node;
	     node = node->next)
		if (node->carried && node->name && strcmp(node->name, name) == 0)
			return node;
	return NULL;
}

/* ---- one group ---- */

struct place {
	struct import_node *policy;
	uint64_t order;
};

static int by_order(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return x->policy->line < y->policy->line ? -1 : x->policy->line > y->policy->line;
}

/* The servers that the policy names, best first. Without one all may hold it. Returns how many. */
static size_t put_policy(struct import *import, struct import_node *group)
{
	struct place list[NODES_MAX] = {{0}};
	struct import_node *policy = NULL;
	char name[NAME_SIZE];
	size_t n = 0;

	while ((policy = import_next(group, policy, "policy"))) {
		if (!policy->name || n == NODES_MAX ||
		    !import_named(import->root, "server", policy->name)) {
			policy->why = "there is no such server in the file";
			continue;
		}
		policy->used = true;
		list[n] = (struct place){policy, UINT64_MAX};
		(void)import_number(import, policy, "order", UINT32_MAX, &list[n].order);
		n++;
	}
	qsort(list, n, sizeof *list, by_order);
	for (size_t i = 0; i < n; i++)
		(void)fprintf(import->out, "%s\"%s\"", i ? ", " : "\t\tnodes = [ ",
			      import_name(list[i].policy->name, name));
	if (n)
		(void)fputs(" ];\n", import->out);
	return n;
}

/* The groups below `parent` that are waited for. Returns how many. */
static size_t put_waits(struct import *import, struct import_node *parent)
{
	struct import_node *wait = NULL;
	char name[NAME_SIZE];
	size_t n = 0;

	while ((wait = import_next(parent, wait, "depend"))) {
		bool same = false;

		if (!wait->name || !import_find_group(import, wait->name)) {
			import_lost(import, wait, "that group is not carried over");
			continue;
		}
		if (n == GROUP_WAITS_MAX) {
			import_lost(import, wait, "a group waits for at most %d others",
				    GROUP_WAITS_MAX);
			continue;
		}
		wait->used = true;
		if (import_switch(import, wait, "sameserver", &same) && same)
			import_remark(
				import, import_find(wait, "sameserver"),
				"CLUSTERPRO waits only if both start on one server; here it is "
				"waited for wherever that group is. start_after_same_server = "
				"true would also bind the group to that server");
		(void)fprintf(import->out, "%s\"%s\"", n++ ? ", " : "",
			      import_name(wait->name, name));
	}
	return n;
}

/* Writes key = [ ... ]; with the groups that are waited for. Returns how many. */
static size_t put_wait_list(struct import *import, struct import_node *parent, const char *key)
{
	FILE *out = import->out;
	char *text = NULL;
	size_t size, n;

	import->out = open_memstream(&text, &size);
	if (!import->out) {
		import->out = out;
		import->failed = true;
		return 0;
	}
	n = put_waits(import, parent);
	import->failed |= fclose(import->out) != 0;
	import->out = out;
	if (n)
		(void)fprintf(out, "\t\t%s = [ %s ];\n", key, text);
	free(text);
	return n;
}

/* Occasions on which a stop waits, with what CLUSTERPRO does without being told. */
static const struct {
	const char *path, *word;
	bool fallback;
} occasions[] = {{"cluster/use", "cluster", true},
		 {"server/use", "server", false},
		 {"other/use", "group", false}};
#define OCCASIONS (sizeof occasions / sizeof *occasions)

static void put_stop_waits(struct import *import, struct import_node *deact)
{
	static const struct import_row rows[] = {
		{"timeout", "stop_wait", IMPORT_SECONDS, 1, 86400, NULL}, {0}};
	bool at[OCCASIONS], any = false;
	size_t written = 0;

	for (size_t i = 0; i < OCCASIONS; i++) {
		at[i] = occasions[i].fallback;
		(void)import_switch(import, deact, occasions[i].path, &at[i]);
		any |= at[i];
	}
	if (!any) {
		deact->why = "it is to wait on no occasion";
		return;
	}
	if (put_wait_list(import, deact, "stop_after") == 0)
		return;
	import_put_rows(import, "\t\t", deact, rows);
	for (size_t i = 0; i < OCCASIONS; i++)
		if (at[i])
			(void)fprintf(import->out, "%s\"%s\"",
				      written++ ? ", " : "\t\tstop_wait_at = [ ",
				      occasions[i].word);
	(void)fputs(" ];\n", import->out);
}

/* A service must not start without the disk or the like that it needs. */
static bool lacks_resources(struct import *import, struct import_node *group)
{
	struct import_node *entry = NULL;

	while ((entry = import_next(group, entry, "resource"))) {
		struct import_node *resource = entry->name ? resolve(import, entry->name) : NULL;

		if (!resource || !resource->carried || resource->group != group)
			return true;
	}
	return false;
}

/* What is missing, in its place. */
static void put_missing(struct import *import, struct import_node *group)
{
	struct import_node *entry = NULL;
	char name[NAME_SIZE];

	while ((entry = import_next(group, entry, "resource")))
		if (entry->why)
			(void)fprintf(import->out, "\t\t# %s is missing: %s\n",
				      import_name(strchr(entry->name, '@') + 1, name), entry->why);
}

static void put_group(struct import *import, struct import_node *group)
{
	static const char *const words[] = {"manual", "auto"};
	static const struct import_row start_rows[] = {
		{"start", "autostart", IMPORT_BOOL, 0, 1, NULL}, {0}};
	static const struct import_row rows[] = {
		{"failover", "failover", IMPORT_WORD, 0, 1, words},
		{"failback", "failback", IMPORT_WORD, 0, 1, words},
		{0},
	};
	static const struct import_row wait_rows[] = {
		{"timeout", "start_wait", IMPORT_SECONDS, 1, 86400, NULL}, {0}};
	struct import_node *act = import_find(group, "depend/act");
	struct import_node *deact = import_find(group, "depend/deact");

	import_put_name(import, "\t\t", group, group->name);
	import_put_comment(import, "\t\t", group);
	(void)import_text(group, "gid");
	(void)put_policy(import, group);
	if (lacks_resources(import, group)) {
		(void)import_text(group, "start");
		(void)fputs("\t\tautostart = false; # resources are missing below\n", import->out);
		import_remark(import, group,
			      "does not start by itself in the result, since resources of it are "
			      "not carried over");
	} else
		import_put_rows(import, "\t\t", group, start_rows);
	import_put_rows(import, "\t\t", group, rows);
	if (act && put_wait_list(import, act, "start_after"))
		import_put_rows(import, "\t\t", act, wait_rows);
	if (deact)
		put_stop_waits(import, deact);
}

/* The resource that an entry of the group names, if it is one that the result gets. */
static struct import_node *carried_resource(struct import *import, struct import_node *group,
					    const struct import_node *entry)
{
	struct import_node *resource = entry->name ? resolve(import, entry->name) : NULL;

	if (!resource || resource->group != group || !resource->carried || resource->used)
		return NULL;
	return resource;
}

static bool has_programs(struct import *import, struct import_node *group)
{
	struct import_node *entry = NULL;

	while ((entry = import_next(group, entry, "resource"))) {
		struct import_node *resource = carried_resource(import, group, entry);

		if (resource && strcmp(resource->tag, "fip") != 0)
			return true;
	}
	return false;
}

static void put_resources(struct import *import, struct import_node *group)
{
	struct import_node *entry = NULL;
	size_t n = 0;

	put_missing(import, group);
	if (has_programs(import, group))
		(void)fputs(
			"\t\t# Nothing but the agent ends its programs in time: read ENFORCEMENT "
			"OF LEASES in\n\t\t# holdfast.conf(5), then accept it.\n"
			"\t\t#accept_agent_enforced_lease = true;\n",
			import->out);
	while ((entry = import_next(group, entry, "resource"))) {
		struct import_node *resource = carried_resource(import, group, entry);

		if (!resource)
			continue;
		(void)fputs(n++ ? ",\n\t\t\t{\n" : "\t\tresources = (\n\t\t\t{\n", import->out);
		import_resource(import, resource);
		(void)fputs("\t\t\t}", import->out);
	}
	if (n)
		(void)fputs("\n\t\t);\n", import->out);
}

void import_groups(struct import *import)
{
	struct import_node *group = NULL;
	size_t n = 0;

	while ((group = import_next(import->root, group, "group"))) {
		if (!group->carried)
			continue;
		(void)fputs(n++ ? ",\n\t{\n" : "groups = (\n\t{\n", import->out);
		put_group(import, group);
		put_resources(import, group);
		(void)fputs("\t}", import->out);
	}
	if (n)
		(void)fputs("\n);\n\n", import->out);
}
