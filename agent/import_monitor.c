/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Monitors: what all have in common. What each type looks at: import_monitor_type.c. */
#include "agent/import_monitor.h"

#include <inttypes.h>
#include <string.h>

/* ---- what it follows and recovers ---- */

/* Writes `key` with the name of a group or resource that is carried over. */
static bool put_reference(struct import *import, const char *key, const char *name, bool group)
{
	char ours[NAME_SIZE];

	if (!(group ? import_find_group(import, name) : import_find_resource(import, name)))
		return false;
	import_put_string(import, IMPORT_MONITOR_TABS, key, import_name(name, ours));
	return true;
}

/* `target`, and `timing` with it. */
static void put_target(struct import *import, struct import_node *node, bool active_by_default)
{
	const char *target = import_text(node, "target");
	bool active = active_by_default;

	(void)import_switch(import, node, "polling/timing", &active);
	if (!active) {
		(void)fputs(IMPORT_MONITOR_TABS "timing = \"always\";\n", import->out);
		return;
	}
	if (target && (put_reference(import, "target", target, false) ||
		       put_reference(import, "target", target, true)))
		return;
	(void)fputs(IMPORT_MONITOR_TABS "timing = \"always\";\n", import->out);
	if (target)
		import_lost(import, import_find(node, "target"),
			    "that resource is not carried over: the monitor always checks");
}

/* Returns what is recovered: "rsc", "grp", "cls", or NULL for nothing. */
static const char *put_recovery(struct import *import, struct import_node *node)
{
	const char *type = import_text(node, "relation/type");
	const char *name = import_text(node, "relation/name");

	if (type && strcmp(type, "cls") == 0) {
		import_put_string(import, IMPORT_MONITOR_TABS, "recovery", "server");
		return type;
	}
	if (type && name && (strcmp(type, "rsc") == 0 || strcmp(type, "grp") == 0) &&
	    put_reference(import, "recovery", name, strcmp(type, "grp") == 0))
		return type;
	import_put_string(import, IMPORT_MONITOR_TABS, "recovery", "none");
	if (type || name)
		import_lost(import, import_find(node, name ? "relation/name" : "relation/type"),
			    "what it is to recover is not carried over: an error is only reported");
	return NULL;
}

/* ---- steps ---- */

static void put_preaction(struct import *import, struct import_node *node)
{
	static const struct {
		const char *path, *key;
	} steps[] = {{"userestart", "before_restart"},
		     {"usefailover", "before_failover"},
		     {"use", "before_final"}};
	static const struct import_row rows[] = {
		{"timeout", "script_timeout", IMPORT_SECONDS, 1, 86400, NULL}, {0}};
	struct import_node *preaction = import_find(node, "emergency/preaction");
	struct import_node *found = import_find(preaction, "path");
	const char *path = import_text(preaction, "path");
	bool said = false;

	(void)import_text(preaction, "default"); /* the path says it too */
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		bool use = false;

		if (!import_switch(import, preaction, steps[i].path, &use) || !use)
			continue;
		if (path && path[0] == '/')
			import_put_command(import, IMPORT_MONITOR_TABS, steps[i].key, found, path);
		else
			import_put_script(import, IMPORT_MONITOR_TABS, steps[i].key,
					  said	  ? NULL
					  : found ? found
						  : preaction,
					  (const char *const[]){"monitor.s", node->name,
								path ? path : "preaction.sh"});
		said = true;
	}
	if (said)
		import_put_rows(import, IMPORT_MONITOR_TABS, preaction, rows);
}

/* Thresholds that CLUSTERPRO has without being told. */
static void put_threshold(struct import *import, struct import_node *node, const char *path,
			  const char *key, uint64_t fallback)
{
	uint64_t v = fallback;

	(void)import_number(import, node, path, 100, &v);
	(void)fprintf(import->out, IMPORT_MONITOR_TABS "%s = %" PRIu64 ";\n", key, v);
}

static void put_steps(struct import *import, struct import_node *node, const char *recovers)
{
	bool object = recovers && strcmp(recovers, "cls") != 0;
	const char *action = import_text(node, "emergency/action");
	bool stop = action && (strcmp(action, "2") == 0 || strcmp(action, "16") == 0);
	uint64_t scripts;

	put_threshold(import, node, "emergency/threshold/restart", "restarts", object ? 3 : 0);
	put_threshold(import, node, "emergency/threshold/fo", "failovers", object ? 1 : 0);
	if (import_number(import, node, "emergency/threshold/script", 100, &scripts) && scripts)
		import_lost(import, import_find(node, "emergency/threshold/script"),
			    "a script alone is no step here: before_restart runs one");
	if (action && !recovers)
		import_lost(import, import_find(node, "emergency/action"),
			    "without the steps before it, it would follow the first error");
	else if (stop && (!object || (action[0] == '1' && strcmp(recovers, "rsc") != 0)))
		import_lost(import, import_find(node, "emergency/action"),
			    "there is nothing here that it could stop");
	else
		import_put_final(import, IMPORT_MONITOR_TABS, node, IMPORT_FINAL_MONITOR);
	if (import->monitors_alone)
		(void)fputs(IMPORT_MONITOR_TABS "final_action_alone = true;\n", import->out);
	put_preaction(import, node);
}

/* ---- checks ---- */

static void put_nodes(struct import *import, struct import_node *node)
{
	struct import_node *polling = import_find(node, "polling"), *servers = NULL;
	char name[NAME_SIZE];
	size_t n = 0;

	while ((servers = import_next(polling, servers, "servers"))) {
		const char *text = import_text(servers, "name");

		servers->used = true;
		if (text && import_named(import->root, "server", text))
			(void)fprintf(import->out, "%s\"%s\"",
				      n++ ? ", " : IMPORT_MONITOR_TABS "nodes = [ ",
				      import_name(text, name));
		else
			import_lost(import, servers, "there is no such server in the file");
	}
	if (n)
		(void)fputs(" ];\n", import->out);
}

static void put_checks(struct import *import, struct import_node *node)
{
	static const struct import_row rows[] = {
		{"polling/interval", "interval", IMPORT_SECONDS, 1, 86400, NULL},
		{"polling/timeout", "timeout", IMPORT_SECONDS, 1, 86400, NULL},
		{"polling/reconfirmation", "retries", IMPORT_NUMBER, 0, 100, NULL},
		{"firstmonwait", "first_wait", IMPORT_SECONDS, 0, 86400, NULL},
		{"emergency/timeout/notreconfirmation/use", "retry_on_timeout", IMPORT_NOT, 0, 1,
		 NULL},
		{"emergency/timeout/notrecovery/use", "recover_on_timeout", IMPORT_NOT, 0, 1, NULL},
		{0},
	};

	import_put_rows(import, IMPORT_MONITOR_TABS, node, rows);
	put_nodes(import, node);
}

static void put_monitor(struct import *import, struct import_node *node,
			const struct import_monitor_type *type)
{
	node->used = node->carried = true;
	import_put_name(import, IMPORT_MONITOR_TABS, node, node->name);
	import_put_string(import, IMPORT_MONITOR_TABS, "type", type->name);
	import_put_comment(import, IMPORT_MONITOR_TABS, node);
	put_target(import, node, type->active);
	put_checks(import, node);
	type->put(import, node);
	put_steps(import, node, put_recovery(import, node));
}

void import_monitors(struct import *import)
{
	struct import_node *monitors = import_find(import->root, "monitor");
	size_t n = 0;

	import_use_types(monitors);
	for (struct import_node *node = monitors ? monitors->child : NULL; node;
	     node = node->next) {
		const struct import_monitor_type *type = import_monitor_type_find(node->tag);

		if (strcmp(node->tag, "types") == 0)
			continue;
		node->why = !node->name		? "it has no name"
			    : n == MONITORS_MAX ? "there are more monitors than are supported"
						: import_monitor_why(import, node, type);
		if (node->why)
			continue;
		(void)fputs(n++ ? ",\n\t{\n" : "monitors = (\n\t{\n", import->out);
		put_monitor(import, node, type);
		(void)fputs("\t}", import->out);
	}
	if (n)
		(void)fputs("\n);\n", import->out);
}
