/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Monitors by type: what each looks at. */
#include "agent/import_monitor.h"
#include "util/parse.h"

#include <inttypes.h>
#include <string.h>

#define TABS IMPORT_MONITOR_TABS

/* The text of a leaf without using it: whether it can be carried over is still open. */
static const char *peek(struct import_node *node, const char *path)
{
	struct import_node *found = import_find(node, path);

	return found ? found->text : NULL;
}

static bool is_address(const char *text)
{
	union config_address address;
	const char *useless = NULL;

	return text && config_address_parse(text, &address, &useless) >= 0 && !useless;
}

/* ---- fipw ---- */

/* The resource that it looks at: its target, or what it recovers. */
static struct import_node *fip_of(struct import *import, struct import_node *node)
{
	static const char *const places[] = {"target", "relation/name"};

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		const char *name = peek(node, places[i]);
		struct import_node *found = name ? import_find_resource(import, name) : NULL;

		if (found && strcmp(found->tag, "fip") == 0)
			return found;
	}
	return NULL;
}

static const char *fipw_why(struct import *import, struct import_node *node)
{
	return fip_of(import, node) ? NULL : "its address (target) is not carried over";
}

static void fipw_put(struct import *import, struct import_node *node)
{
	char name[NAME_SIZE];
	bool link = false;

	import_put_string(import, TABS, "resource", import_name(fip_of(import, node)->name, name));
	(void)import_switch(import, node, "parameters/monmii", &link);
	(void)fprintf(import->out, TABS "check_link = %s;\n", link ? "true" : "false");
}

/* ---- ipw ---- */

static const char *ipw_why(struct import *import, struct import_node *node)
{
	struct import_node *parameters = import_find(node, "parameters"), *list = NULL;

	(void)import;
	while ((list = import_next(parameters, list, "list")))
		if (is_address(peek(list, "ip")))
			return NULL;
	return "it names no address";
}

static void ipw_put(struct import *import, struct import_node *node)
{
	struct import_node *parameters = import_find(node, "parameters"), *list = NULL;
	size_t n = 0;

	while ((list = import_next(parameters, list, "list"))) {
		const char *ip = import_text(list, "ip");

		list->used = true;
		if (n == CONFIG_ADDRESSES_MAX)
			import_lost(import, list, "a monitor has at most %d addresses",
				    CONFIG_ADDRESSES_MAX);
		else if (!is_address(ip))
			import_lost(import, list, "it is no address: names are not looked up");
		else
			(void)fprintf(import->out, "%s\"%s\"", n++ ? ", " : TABS "addresses = [ ",
				      ip);
	}
	(void)fputs(" ];\n", import->out);
}

/* ---- miiw ---- */

static const char *miiw_why(struct import *import, struct import_node *node)
{
	const char *object = peek(node, "parameters/object");

	(void)import;
	return object && config_interface_valid(object) && config_text_valid(object, false)
		       ? NULL
		       : "it names no interface";
}

static void miiw_put(struct import *import, struct import_node *node)
{
	import_put_string(import, TABS, "interface", import_text(node, "parameters/object"));
}

/* ---- genw ---- */

static void genw_put(struct import *import, struct import_node *node)
{
	struct import_node *found = import_find(node, "parameters/path");
	const char *path = import_text(node, "parameters/path");
	const char *normal = import_text(node, "parameters/normalval");
	bool sync = true;

	(void)import_text(node, "parameters/default"); /* the path says it too */
	if (path && path[0] == '/')
		import_put_command(import, TABS, "command", found, path);
	else
		import_put_script(
			import, TABS, "command", found ? found : node,
			(const char *const[]){"monitor.s", node->name, path ? path : "genw.sh"});
	if (import_switch(import, node, "parameters/sync", &sync) && !sync)
		import_remark(
			import, import_find(node, "parameters/sync"),
			"the program must end with each check: one that stays is a check that "
			"hangs. Watch its process with psw");
	if (normal && strcmp(normal, "0") != 0)
		import_lost(import, import_find(node, "parameters/normalval"),
			    "only exit code 0 says that all is well");
}

/* ---- psw ---- */

static const char *psw_why(struct import *import, struct import_node *node)
{
	const char *name = peek(node, "parameters/processname");

	(void)import;
	if (!name || !config_text_valid(name, false))
		return "it names no process";
	if (strpbrk(name, " *?"))
		return "arguments and patterns are not looked at: name the program";
	if (name[0] != '/' && (strlen(name) > 15 || strchr(name, '/')))
		return "a name of more than 15 bytes must be the whole path of the program";
	return NULL;
}

static void psw_put(struct import *import, struct import_node *node)
{
	static const struct import_row rows[] = {
		{"parameters/processnum", "minimum", IMPORT_NUMBER, 1, 100000, NULL}, {0}};

	import_put_string(import, TABS, "process", import_text(node, "parameters/processname"));
	import_put_rows(import, TABS, node, rows);
}

/* ---- userw ---- */

static void userw_put(struct import *import, struct import_node *node)
{
	const char *method = import_text(node, "parameters/method");

	(void)fputs(TABS "#watchdog = \"/dev/watchdog\"; # resets the server when it is not fed\n",
		    import->out);
	if (method)
		import_remark(
			import, import_find(node, "parameters/method"),
			"no driver is fed unless watchdog says so: see the line in the result");
}

/* ---- diskw ---- */

static const char *diskw_why(struct import *import, struct import_node *node)
{
	const char *object = peek(node, "parameters/object");

	(void)import;
	return object && object[0] == '/' && config_text_valid(object, false)
		       ? NULL
		       : "it names no device or file by its path";
}

static void diskw_put(struct import *import, struct import_node *node)
{
	const char *method = import_text(node, "parameters/method");
	bool writes = method && strncasecmp(method, "write", 5) == 0;
	bool reads = !method || strncasecmp(method, "read", 4) == 0;

	import_put_string(import, TABS, "path", import_text(node, "parameters/object"));
	import_put_string(import, TABS, "method", writes ? "write" : "read");
	if (!writes && !reads)
		import_remark(import, import_find(node, "parameters/method"), "it reads instead");
}

/* ---- httpw ---- */

static const char *http_host(struct import_node *node)
{
	const char *name = peek(node, "parameters/servername");

	if (!name || strcasecmp(name, "localhost") == 0)
		return "127.0.0.1";
	return is_address(name) ? name : NULL;
}

static const char *httpw_why(struct import *import, struct import_node *node)
{
	const char *https = peek(node, "parameters/https");
	const char *uri = peek(node, "parameters/requesturi");

	(void)import;
	if (https && strcmp(https, "0") != 0)
		return "https is not supported: use type \"genw\" with a program";
	if (!http_host(node))
		return "the name of the server is not looked up: give its address";
	for (const char *p = uri; p && *p; p++)
		if (*p <= ' ' || *p > '~' || strchr("#\"\\", *p))
			return "its path has characters that must be written as %XX";
	return NULL;
}

static void httpw_put(struct import *import, struct import_node *node)
{
	const char *host = http_host(node), *uri = import_text(node, "parameters/requesturi");
	bool six = strchr(host, ':');
	uint64_t port = 80, get = 1;

	(void)import_text(node, "parameters/servername");
	(void)import_text(node, "parameters/https");
	(void)import_number(import, node, "parameters/port", 65535, &port);
	(void)fprintf(import->out, TABS "url = \"http://%s%s%s:%" PRIu64 "%s%s\";\n",
		      six ? "[" : "", host, six ? "]" : "", port ? port : 80,
		      uri && uri[0] == '/' ? "" : "/", uri ? uri : "");
	if (import_number(import, node, "parameters/requesttype", 1, &get) && get == 0)
		import_remark(import, import_find(node, "parameters/requesttype"),
			      "it asks with GET, not HEAD");
}

/* ---- all ---- */

static const struct import_monitor_type types[] = {
	{"fipw", true, fipw_why, fipw_put},	{"ipw", false, ipw_why, ipw_put},
	{"miiw", false, miiw_why, miiw_put},	{"genw", false, NULL, genw_put},
	{"psw", false, psw_why, psw_put},	{"userw", false, NULL, userw_put},
	{"diskw", false, diskw_why, diskw_put}, {"httpw", true, httpw_why, httpw_put},
};

const struct import_monitor_type *import_monitor_type_find(const char *name)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

/* What helps instead of types that we do not have. */
static const struct {
	const char *name, *why;
} others[] = {
	{"pidw", "it follows the process that a start script leaves: use type \"pidw\" with the "
		 "pid_file of the program, or \"psw\" with its name"},
	{"volmgrw", "there is no monitor of this type: use type \"genw\" with a program"},
	{"mdw", "mirrored disks come with the disk agent, which this version does not have"},
	{"mdnw", "mirrored disks come with the disk agent, which this version does not have"},
	{"hdw", "mirrored disks come with the disk agent, which this version does not have"},
	{"hdnw", "mirrored disks come with the disk agent, which this version does not have"},
	{"arpw", "addresses are announced again by their resource: refresh"},
	{"ftpw", "there is no monitor of this type: \"tcpw\" sees whether the port answers"},
	{"smtpw", "there is no monitor of this type: \"tcpw\" sees whether the port answers"},
	{"pop3w", "there is no monitor of this type: \"tcpw\" sees whether the port answers"},
	{"imap4w", "there is no monitor of this type: \"tcpw\" sees whether the port answers"},
};

const char *import_monitor_why(struct import *import, struct import_node *node,
			       const struct import_monitor_type *type)
{
	if (type)
		return type->why ? type->why(import, node) : NULL;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (strcmp(others[i].name, node->tag) == 0)
			return others[i].why;
	return "there is no monitor of this type: type \"genw\" runs a program, \"tcpw\" sees "
	       "whether a port answers";
}
