/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cluster as a whole, its servers and the interconnect. */
#include "agent/import_internal.h"
#include "util/parse.h"

#include <inttypes.h>
#include <string.h>

/* ---- cluster ---- */

#define TIMEOUT_MAX_MS	600000 /* of detection_time */
#define TIMEOUT_MIN_MS	30
#define INTERVAL_MAX_MS 60000
#define INTERVAL_MIN_MS 10

/* Interval and timeout of all heartbeats, in milliseconds. */
static void put_heartbeat(struct import *import, struct import_node *cluster)
{
	uint64_t timeout, interval;

	if (!import_number(import, cluster, "heartbeat/timeout", UINT32_MAX, &timeout)) {
		(void)fputs("\t#detection_time = \"90s\"; # the default of CLUSTERPRO; here it is "
			    "\"1s\"\n",
			    import->out);
		return;
	}
	if (timeout < TIMEOUT_MIN_MS || timeout > TIMEOUT_MAX_MS) {
		import_lost(import, import_find(cluster, "heartbeat/timeout"),
			    "%" PRIu64 " ms is out of the range of detection_time", timeout);
		return;
	}
	(void)fprintf(import->out, "\tdetection_time = \"%" PRIu64 "ms\";\n", timeout);
	import_remark(import, import_find(cluster, "heartbeat/timeout"),
		      "is detection_time, from which lease and waits follow; its default is 1s");
	if (!import_number(import, cluster, "heartbeat/interval", UINT32_MAX, &interval))
		return;
	if (interval < INTERVAL_MIN_MS || interval > INTERVAL_MAX_MS || 3 * interval > timeout) {
		import_lost(import, import_find(cluster, "heartbeat/interval"),
			    "%" PRIu64 " ms is out of range, or more than a third of the timeout",
			    interval);
		return;
	}
	(void)fprintf(import->out, "\tinterval = \"%" PRIu64 "ms\";\n", interval);
}

/* Final actions are left out where no other server is healthy, if these say 1. */
static void take_survive(struct import *import, struct import_node *cluster)
{
	struct import_node *survive = import_find(cluster, "survive");
	bool start = true, stop = true, monitor = true;
	bool said_start = import_switch(import, survive, "rscact", &start);
	bool said_stop = import_switch(import, survive, "rscdeact", &stop);

	if ((said_start || said_stop) && start != stop)
		import_remark(
			import, import_find(survive, said_start ? "rscact" : "rscdeact"),
			"starts and stops cannot differ in it: final actions of resources are "
			"left out when no other server is healthy");
	import->resources_alone = !start && !stop;
	(void)import_switch(import, survive, "monitor", &monitor);
	import->monitors_alone = !monitor;
}

/* By code (spec, section 5); NULL: there is none. */
static void put_quorum_loss(struct import *import, struct import_node *cluster)
{
	static const char *const words[] = {
		"stop-groups", "stop-service", "shutdown", "reboot",	"panic",  "watchdog-reset",
		"panic",       "bmc-reset",    "bmc-off",  "bmc-cycle", "bmc-nmi"};
	struct import_node *node = import_find(cluster, "networkpartition/npaction");
	uint64_t code;

	if (!import_number(import, cluster, "networkpartition/npaction", 999, &code)) {
		(void)fputs(
			"\t#on_quorum_loss = \"shutdown\"; # the default of CLUSTERPRO; here it "
			"is \"stop-groups\"\n",
			import->out);
		return;
	}
	if (code >= sizeof words / sizeof *words) {
		import_lost(import, node, "%" PRIu64 " is no action that on_quorum_loss has", code);
		return;
	}
	(void)fprintf(import->out, "\ton_quorum_loss = \"%s\";\n", words[code]);
	if (code == 0)
		import_remark(import, node,
			      "says 0, nothing: groups are stopped here all the same");
	else if (code == 6)
		import_remark(import, node, "is a panic by the kernel, without the watchdog");
	else if (code == 5)
		import_remark(import, node,
			      "needs watchdog in agent (WATCHDOG in holdfast.conf(5))");
	else if (code >= 7)
		import_remark(import, node,
			      "needs a fence level for each node (FENCING in holdfast.conf(5))");
}

void import_cluster(struct import *import)
{
	struct import_node *cluster = import_find(import->root, "cluster");
	const char *name = import_text(cluster, "name");
	const char *comment = import_text(cluster, "comment");
	const char *os = import_text(import->root, "all/serveros");

	if (os && strcasecmp(os, "linux") != 0)
		import_remark(import, import_find(import->root, "all/serveros"),
			      "says \"%.20s\": this knows the settings of Linux servers only", os);
	(void)fputs("cluster = {\n", import->out);
	if (name)
		import_put_name(import, "\t", import_find(cluster, "name"), name);
	if (comment && config_text_valid(comment, false))
		(void)fprintf(import->out, "\t# %s\n", comment);
	else if (comment)
		import_lost(import, import_find(cluster, "comment"),
			    "it has line breaks or control characters");
	put_heartbeat(import, cluster);
	put_quorum_loss(import, cluster);
	take_survive(import, cluster);
	(void)fputs("};\n\n", import->out);
}

/* ---- servers ---- */

struct ranked {
	struct import_node *node;
	uint64_t priority;
	size_t order; /* in the file */
};

static int by_priority(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

struct ranking {
	struct ranked at[NODES_MAX];
	size_t n, max;
};

/* Adds the children with this tag; without a priority they come last. */
static void add_ranked(struct import *import, struct import_node *parent, const char *tag,
		       struct ranking *list)
{
	struct import_node *node = NULL;

	while ((node = import_next(parent, node, tag))) {
		uint64_t priority = UINT64_MAX;

		if (list->n == list->max) {
			node->why = "there are more of them than are supported";
			continue;
		}
		(void)import_number(import, node, "priority", UINT32_MAX, &priority);
		list->at[list->n] = (struct ranked){node, priority, list->n};
		list->n++;
	}
}

static void sort_ranked(struct ranking *list)
{
	qsort(list->at, list->n, sizeof *list->at, by_priority);
}

static bool has_link(const char *const *ids, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(ids[i], id) == 0)
			return true;
	return false;
}

/* Heartbeats over LAN, best first: each is a link. */
static size_t find_links(struct import *import, const char *ids[LINKS_MAX])
{
	struct import_node *heartbeat = import_find(import->root, "heartbeat");
	struct ranking list = {.max = LINKS_MAX};
	size_t links = 0;

	add_ranked(import, heartbeat, "lanhb", &list);
	add_ranked(import, heartbeat, "lankhb", &list);
	sort_ranked(&list);
	import_use_types(heartbeat);
	for (size_t i = 0; i < list.n; i++) {
		const char *id = import_text(list.at[i].node, "device");

		list.at[i].node->used = true;
		if (!id || has_link(ids, links, id))
			import_lost(import, list.at[i].node, "%s",
				    id ? "another heartbeat uses this device" : "it has no device");
		else
			ids[links++] = id;
	}
	return links;
}

/* The address of a server on a link, or NULL. */
static const char *link_address(struct import *import, struct import_node *server, const char *id)
{
	struct import_node *device = import_named(server, "device", id);
	const char *type = import_text(device, "type"), *info, *useless = NULL;
	union config_address address;

	if (!device || (type && strcmp(type, "lan") != 0))
		return NULL;
	(void)import_text(device, "extend");
	info = import_text(device, "info");
	if (!info)
		return NULL;
	if (config_address_parse(info, &address, &useless) < 0 || useless) {
		import_lost(import, import_find(device, "info"), "it is no usable address");
		return NULL;
	}
	return info;
}

static void put_links(struct import *import, struct import_node *server, const char *const *ids,
		      size_t n)
{
	size_t written = 0;

	for (size_t i = 0; i < n; i++) {
		const char *address = link_address(import, server, ids[i]);

		if (!address)
			continue;
		(void)fprintf(import->out, "%s\"%s\"", written++ ? ", " : "\t\tlinks = [ ",
			      address);
	}
	if (written)
		(void)fputs(" ];\n", import->out);
	if (written < n)
		import_remark(import, server, "has no address for %zu of the %zu heartbeats",
			      n - written, n);
}

static void put_witness_hint(struct import *import, size_t links)
{
	(void)fputs(
		"\t# Two nodes have no majority when they lose sight of each other. A third one "
		"decides,\n\t# which need not hold any group: VOTES AND WITNESSES in "
		"holdfast.conf(5).\n"
		"\t#, { name = \"witness\"; witness = true; links = [ ",
		import->out);
	for (size_t i = 0; i < links; i++)
		(void)fprintf(import->out, "%s\"ADDRESS\"", i ? ", " : "");
	(void)fputs(" ]; }\n", import->out);
}

void import_nodes(struct import *import)
{
	struct ranking list = {.max = NODES_MAX};
	const char *ids[LINKS_MAX] = {NULL};
	size_t links = find_links(import, ids);

	add_ranked(import, import->root, "server", &list);
	sort_ranked(&list);
	(void)fputs("nodes = (\n", import->out);
	for (size_t i = 0; i < list.n; i++) {
		struct import_node *server = list.at[i].node;

		server->used = true;
		(void)fputs(i ? ",\n\t{\n" : "\t{\n", import->out);
		if (server->name)
			import_put_name(import, "\t\t", server, server->name);
		put_links(import, server, ids, links);
		(void)fputs("\t}", import->out);
	}
	(void)fputs("\n", import->out);
	if (list.n == 2)
		put_witness_hint(import, links);
	(void)fputs(");\n\n", import->out);
}
