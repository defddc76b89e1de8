/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Resources of the types that we have: fip and exec. */
#include "agent/import_internal.h"

#include <string.h>

#define TABS "\t\t\t\t"

/* ---- dependencies ---- */

static void put_dependency(struct import *import, const char *name, size_t *n)
{
	char ours[NAME_SIZE];

	(void)fprintf(import->out, "%s\"%s\"", (*n)++ ? ", " : TABS "depends = [ ",
		      import_name(name, ours));
}

/* What the file says. False if it says nothing, and the default of the type holds. */
static bool put_said(struct import *import, struct import_node *node, size_t *n)
{
	struct import_node *depend = NULL;
	bool said = false;

	while ((depend = import_next(node, depend, "depend"))) {
		struct import_node *other =
			depend->name ? import_find_resource(import, depend->name) : NULL;

		said = true;
		depend->used = true;
		if (!depend->name && !depend->text)
			continue; /* depends on nothing, explicitly */
		if (!other || other->group != node->group)
			import_lost(import, depend,
				    "that resource is not carried over: see to the order by hand");
		else if (*n == DEPS_MAX)
			import_lost(import, depend, "a resource depends on at most %d others",
				    DEPS_MAX);
		else
			put_dependency(import, depend->name, n);
	}
	return said;
}

/* Without a word in the file, programs start when the addresses of the group are there. */
static void put_default(struct import *import, struct import_node *node, size_t *n)
{
	struct import_node *resources = import_find(import->root, "resource"), *other = NULL;

	while ((other = import_next(resources, other, "fip")))
		if (other->carried && other->group == node->group && *n < DEPS_MAX)
			put_dependency(import, other->name, n);
}

static void put_depends(struct import *import, struct import_node *node)
{
	size_t n = 0;

	if (!put_said(import, node, &n) && strcmp(node->tag, "exec") == 0)
		put_default(import, node, &n);
	if (n)
		(void)fputs(" ];\n", import->out);
}

/* ---- types ---- */

static void put_fip(struct import *import, struct import_node *node)
{
	static const struct import_row rows[] = {
		{"act/timeout", "start_timeout", IMPORT_SECONDS, 2, 3600, NULL},
		{"deact/timeout", "stop_timeout", IMPORT_SECONDS, 1, 3600, NULL},
		{0},
	};
	struct import_node *ip = import_find(node, "parameters/ip");
	const char *text = import_text(node, "parameters/ip");
	char address[80], interface[NET_IFNAME_MAX];
	size_t n, zone;

	import_put_rows(import, TABS, node, rows);
	if (!text || !config_text_valid(text, false)) {
		import_remark(import, ip ? ip : node, "has no address: set address by hand");
		return;
	}
	/* "fe80::1%eth0/64": the interface stands by itself here. */
	n = strcspn(text, "%");
	zone = strcspn(text + n, "/");
	(void)snprintf(address, sizeof address, "%.*s%s", (int)n, text, text + n + zone);
	import_put_string(import, TABS, "address", address);
	if (zone > 1) {
		(void)snprintf(interface, sizeof interface, "%.*s", (int)zone - 1, text + n + 1);
		import_put_string(import, TABS, "interface", interface);
	}
}

static void put_script(struct import *import, struct import_node *node, const char *key,
		       const char *path, const char *fallback)
{
	struct import_node *found = import_find(node, path);
	const char *text = import_text(node, path);

	if (text && text[0] == '/') {
		import_put_command(import, TABS, key, found, text);
		return;
	}
	import_put_script(
		import, TABS, key, found ? found : node,
		(const char *const[]){node->group->name, node->name, text ? text : fallback});
}

static void check_sync(struct import *import, struct import_node *node, const char *path)
{
	bool sync = true;

	if (import_switch(import, node, path, &sync) && !sync)
		import_remark(import, import_find(node, path),
			      "programs are always waited for: let the script end once all is "
			      "started, or make a unit of it (type \"systemd\")");
}

static void put_exec(struct import *import, struct import_node *node)
{
	static const struct import_row rows[] = {
		{"parameters/timeout/start", "start_timeout", IMPORT_SECONDS, 1, 86400, NULL},
		{"parameters/timeout/stop", "stop_timeout", IMPORT_SECONDS, 1, 86400, NULL},
		{0},
	};

	put_script(import, node, "start", "parameters/act/path", "start.sh");
	put_script(import, node, "stop", "parameters/deact/path", "stop.sh");
	import_put_rows(import, TABS, node, rows);
	check_sync(import, node, "parameters/act/sync");
	check_sync(import, node, "parameters/deact/sync");
	/* CLUSTERPRO keeps the limit of the script and 180 s beside each other. */
	if (import_find(node, "parameters/timeout/start"))
		(void)import_text(node, "act/timeout");
	if (import_find(node, "parameters/timeout/stop"))
		(void)import_text(node, "deact/timeout");
}

void import_resource(struct import *import, struct import_node *node)
{
	static const struct import_row rows[] = {
		{"act/retry", "retries", IMPORT_NUMBER, 0, 100, NULL},
		{"act/fo", "failovers", IMPORT_NUMBER, 0, 100, NULL},
		{"deact/retry", "stop_retries", IMPORT_NUMBER, 0, 100, NULL},
		{0},
	};

	node->used = true;
	(void)fprintf(import->out, TABS "type = \"%s\";\n", node->tag);
	import_put_name(import, TABS, node, node->name);
	import_put_comment(import, TABS, node);
	put_depends(import, node);
	import_put_rows(import, TABS, node, rows);
	import_put_final(import, TABS, node, IMPORT_FINAL_START);
	import_put_final(import, TABS, node, IMPORT_FINAL_STOP);
	if (import->resources_alone)
		(void)fputs(TABS "final_action_alone = true;\n", import->out);
	if (strcmp(node->tag, "fip") == 0)
		put_fip(import, node);
	else
		put_exec(import, node);
}
