/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What no value alone shows: whether names and addresses are distinct, whether a majority is
 * possible, and whether every takeover has something that enforces its proof (protocol.md Q1). */
#include "agent/config_internal.h"
#include "util/parse.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

/* ---- nodes ---- */

static bool same_link(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&a6->sin6_addr, &b6->sin6_addr);
}

static const char *link_text(const struct sockaddr_storage *link, char out[INET6_ADDRSTRLEN])
{
	const struct sockaddr_in *v4 = (const void *)link;
	const struct sockaddr_in6 *v6 = (const void *)link;

	out[0] = '\0';
	if (link->ss_family == AF_INET)
		(void)inet_ntop(AF_INET, &v4->sin_addr, out, INET6_ADDRSTRLEN);
	else
		(void)inet_ntop(AF_INET6, &v6->sin6_addr, out, INET6_ADDRSTRLEN);
	return out;
}

/* The node before `node`, or `node` itself with a lower link number, that has this address. */
static const struct node_config *find_link(const struct config *config,
					   const struct node_config *node, uint8_t link)
{
	for (const struct node_config *other = config->nodes; other <= node; other++) {
		uint8_t n = other == node ? link : other->n_links;

		for (uint8_t k = 0; k < n; k++)
			if (same_link(&other->link[k], &node->link[link]))
				return other;
	}
	return NULL;
}

static void check_links(const struct config *config, const struct node_config *node,
			struct config_report *report)
{
	const struct node_config *first = &config->nodes[0];
	char text[INET6_ADDRSTRLEN];

	if (node->n_links != first->n_links)
		config_report_error(
			report, node->line,
			"node \"%s\": links: has %u address(es), node \"%s\" has %u: every "
			"node needs one for each link",
			node->name, node->n_links, first->name, first->n_links);
	if (node->n_links == 0 && config->n_nodes > 1)
		config_report_error(report, node->line,
				    "node \"%s\": links: has no address: the others cannot hear it",
				    node->name);
	for (uint8_t k = 0; k < node->n_links; k++) {
		const struct node_config *twin = find_link(config, node, k);

		if (twin)
			config_report_error(report, node->line,
					    "node \"%s\": links: %s is also an address of node "
					    "\"%s\"",
					    node->name, link_text(&node->link[k], text),
					    twin->name);
		if (k < first->n_links && node->link[k].ss_family != first->link[k].ss_family)
			config_report_error(
				report, node->line,
				"node \"%s\": links: %s, address %u, is not of the same "
				"kind as that of node \"%s\": a link is IPv4 or IPv6, not "
				"both",
				node->name, link_text(&node->link[k], text), k + 1U, first->name);
	}
}

static void check_node(const struct config *config, uint8_t i, struct config_report *report)
{
	const struct node_config *node = &config->nodes[i];

	for (uint8_t k = 0; k < i; k++)
		if (strcmp(config->nodes[k].name, node->name) == 0)
			config_report_error(report, node->line,
					    "node \"%s\": name: the node of line %u has it already",
					    node->name, config->nodes[k].line);
	check_links(config, node, report);
	if (node->witness && node->votes == 0)
		config_report_error(
			report, node->line,
			"node \"%s\": votes = 0: a witness without a vote is no use: give "
			"it one or leave it out",
			node->name);
}

struct votes {
	uint32_t total, most;
	uint8_t voters, hosts;
	const struct node_config *biggest;
};

static struct votes count_votes(const struct config *config)
{
	struct votes votes = {.total = 0};

	for (uint8_t i = 0; i < config->n_nodes; i++) {
		const struct node_config *node = &config->nodes[i];

		votes.total += node->votes;
		votes.voters = (uint8_t)(votes.voters + (node->votes > 0));
		votes.hosts = (uint8_t)(votes.hosts + !node->witness);
		if (node->votes > votes.most) {
			votes.most = node->votes;
			votes.biggest = node;
		}
	}
	return votes;
}

static void check_votes(const struct config *config, struct config_report *report)
{
	struct votes votes = count_votes(config);
	unsigned int line = config->nodes[0].line;

	if (votes.hosts == 0)
		config_report_error(report, line,
				    "nodes: all are witnesses: at least one must hold groups");
	if (votes.total == 0)
		config_report_error(report, line,
				    "nodes: nobody has a vote: no majority is possible");
	if (votes.total == 0 || config->n_nodes == 1)
		return;
	if (votes.voters == 2 && !config_fence_tie(config))
		config_report_error(
			report, line,
			"nodes: two nodes vote, without a witness and without fencing: when "
			"they lose sight of each other, nothing shows which one may go on. "
			"Add a third node, with witness = true if it is to hold no groups; or give "
			"each node a fence level and set takeover = \"fence\"");
	else if (votes.voters > 2 && votes.most * 2 > votes.total)
		config_report_warning(report, votes.biggest->line,
				      "node \"%s\": votes = %" PRIu32 " of %" PRIu32
				      ": it is a majority alone: when it is lost, the others stop",
				      votes.biggest->name, votes.most, votes.total);
	else if (votes.total % 2 == 0 && !config_fence_tie(config))
		config_report_warning(
			report, line,
			"nodes: %" PRIu32
			" votes are an even number: a split into equal halves stops both "
			"sides; a witness with one vote would decide",
			votes.total);
}

static void check_nodes(const struct config *config, struct config_report *report)
{
	for (uint8_t i = 0; i < config->n_nodes; i++)
		check_node(config, i, report);
	if (config->n_nodes > 0)
		check_votes(config, report);
}

/* ---- groups and resources ---- */

/* Which kinds of resources a group has, of those that only the agent ends. */
struct unenforced {
	bool addresses, programs;
};

/* As if no server had a watchdog. */
static struct unenforced without_watchdog(const struct config *config, uint16_t group)
{
	struct unenforced found = {false, false};

	if (config->takeover != TAKEOVER_LEASE || config->groups[group].n_nodes < 2)
		return found; /* nobody takes it over by a lease */
	for (uint16_t i = 0; i < config->n_resources; i++) {
		const struct resource_config *resource = &config->resources[i];

		if (resource->group != group)
			continue;
		if (resource->type != RESOURCE_TYPE_FIP)
			found.programs = true;
		else if (config->kernel_path == KERNEL_PATH_OFF)
			found.addresses = true; /* else the kernel drops what is theirs (K3) */
	}
	return found;
}

static struct unenforced find_unenforced(const struct config *config, uint16_t group)
{
	struct unenforced found = without_watchdog(config, group);

	/* The server is reset before anybody takes over (W3): it ends addresses too. */
	if (config_watchdog_enforces(config))
		found = (struct unenforced){false, false};
	return found;
}

bool config_group_unenforced(const struct config *config, uint16_t group)
{
	struct unenforced found = find_unenforced(config, group);

	return found.addresses || found.programs;
}

bool config_group_needs_watchdog(const struct config *config, uint16_t group)
{
	struct unenforced found = without_watchdog(config, group);

	return config->watchdog.device && !config->groups[group].accept_agent_enforced_lease &&
	       (found.addresses || found.programs);
}

bool config_relies_on_watchdogs(const struct config *config)
{
	for (uint16_t i = 0; i < config->n_groups; i++) {
		struct unenforced found = without_watchdog(config, i);

		if ((found.addresses || found.programs) &&
		    !config->groups[i].accept_agent_enforced_lease)
			return true;
	}
	return false;
}

bool config_group_needs_kernel(const struct config *config, uint16_t group)
{
	if (config->takeover != TAKEOVER_LEASE || config->groups[group].n_nodes < 2 ||
	    config->kernel_path == KERNEL_PATH_OFF)
		return false;
	for (uint16_t i = 0; i < config->n_resources; i++)
		if (config->resources[i].group == group &&
		    config->resources[i].type == RESOURCE_TYPE_FIP)
			return true;
	return false;
}

static void check_enforcement(const struct config *config, uint16_t i, struct config_report *report)
{
	const struct group_config *group = &config->groups[i];
	struct unenforced found = find_unenforced(config, i);
	const char *what = found.addresses && found.programs ? "its addresses and programs"
			   : found.addresses		     ? "its addresses"
							     : "its programs";

	if (!found.addresses && !found.programs)
		return;
	if (group->accept_agent_enforced_lease)
		config_report_warning(
			report, group->line,
			"group \"%s\": accept_agent_enforced_lease = true: only a running "
			"agent gives up %s in time; one that is frozen or killed while its "
			"server lives on leaves them active beside the new owner's",
			group->name, what);
	else
		config_report_error(
			report, group->line,
			"group \"%s\": nothing but the agent ends %s when the lease runs "
			"out: one that is frozen or killed while its server lives on cannot do "
			"it, and two nodes would be active. A watchdog does it: set watchdog in "
			"agent; %s"
			"accept this risk, set accept_agent_enforced_lease = true in the group",
			group->name, what,
			found.addresses ? "leave out kernel_path = \"off\", and the kernel "
					  "cuts addresses off in time; or, to "
					: "or, to ");
}

static void check_group(const struct config *config, uint16_t i, struct config_report *report)
{
	const struct group_config *group = &config->groups[i];
	bool empty = true;

	for (uint16_t k = 0; k < i; k++)
		if (strcmp(config->groups[k].name, group->name) == 0)
			config_report_error(
				report, group->line,
				"group \"%s\": name: the group of line %u has it already",
				group->name, config->groups[k].line);
	for (uint16_t k = 0; k < config->n_resources; k++)
		empty &= config->resources[k].group != i;
	if (empty)
		config_report_warning(report, group->line,
				      "group \"%s\": resources: it has none and does nothing",
				      group->name);
	check_enforcement(config, i, report);
}

static bool same_fip(const struct net_fip_config *a, const struct net_fip_config *b)
{
	if (a->family != b->family)
		return false;
	if (a->family == AF_INET)
		return a->address.v4.s_addr == b->address.v4.s_addr;
	return IN6_ARE_ADDR_EQUAL(&a->address.v6, &b->address.v6);
}

static bool fip_is_link(const struct net_fip_config *fip, const struct sockaddr_storage *link)
{
	struct net_fip_config other = {.family = link->ss_family};

	if (link->ss_family == AF_INET)
		other.address.v4 = ((const struct sockaddr_in *)link)->sin_addr;
	else
		other.address.v6 = ((const struct sockaddr_in6 *)link)->sin6_addr;
	return same_fip(fip, &other);
}

static void check_fip(const struct config *config, uint16_t i, struct config_report *report)
{
	const struct resource_config *resource = &config->resources[i];
	const struct net_fip_config *fip = &resource->fip;
	uint64_t least = fip->check_ms * USEC_PER_MSEC + USEC_PER_SEC;
	char is[DURATION_STRLEN], must[DURATION_STRLEN];

	for (uint16_t k = 0; k < i; k++)
		if (config->resources[k].type == RESOURCE_TYPE_FIP &&
		    same_fip(fip, &config->resources[k].fip))
			config_report_error(
				report, resource->line,
				"resource \"%s\": address: resource \"%s\" has it already",
				resource->name, config->resources[k].name);
	for (uint8_t n = 0; n < config->n_nodes; n++)
		for (uint8_t k = 0; k < config->nodes[n].n_links; k++)
			if (fip_is_link(fip, &config->nodes[n].link[k]))
				config_report_error(
					report, resource->line,
					"resource \"%s\": address: it is the own address "
					"of node \"%s\": a floating one must be free",
					resource->name, config->nodes[n].name);
	if (fip->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&fip->address.v6) &&
	    !fip->interface[0])
		config_report_error(
			report, resource->line,
			"resource \"%s\": interface is missing: a link-local address is "
			"in the subnet of every interface",
			resource->name);
	if (resource->start_timeout_us < least)
		config_report_error(
			report, resource->line,
			"resource \"%s\": start_timeout = \"%s\" must be at least \"%s\": "
			"the duplicate check of %" PRIu32 " ms and one second",
			resource->name, format_duration(is, resource->start_timeout_us),
			format_duration(must, least), fip->check_ms);
}

static void check_unit(const struct config *config, uint16_t i, struct config_report *report)
{
	const struct resource_config *resource = &config->resources[i];

	for (uint16_t k = 0; k < i && resource->unit; k++) {
		const struct resource_config *other = &config->resources[k];

		if (other->unit && strcmp(other->unit, resource->unit) == 0)
			config_report_error(report, resource->line,
					    "resource \"%s\": unit = \"%.100s\": resource \"%s\" "
					    "starts and stops it already",
					    resource->name, resource->unit, other->name);
	}
}

static void check_resource(const struct config *config, uint16_t i, struct config_report *report)
{
	const struct resource_config *resource = &config->resources[i];

	for (uint16_t k = 0; k < i; k++)
		if (strcmp(config->resources[k].name, resource->name) == 0)
			config_report_error(report, resource->line,
					    "resource \"%s\": name: the resource of line %u has it "
					    "already",
					    resource->name, config->resources[k].line);
	if (resource->type == RESOURCE_TYPE_FIP)
		check_fip(config, i, report);
	check_unit(config, i, report);
	config_check_final(config,
			   &(struct config_final){"resource", resource->name, "on_start_failure",
						  resource->start_final, resource->line},
			   report);
	config_check_final(config,
			   &(struct config_final){"resource", resource->name, "on_stop_failure",
						  resource->stop_final, resource->line},
			   report);
}

void config_check_parts(const struct config *config, unsigned int parts,
			struct config_report *report)
{
	if (parts & CHECK_CLUSTER) {
		config_check_timing(config, report);
		config_check_watchdog(config, report);
	}
	if (parts & CHECK_NODES)
		check_nodes(config, report);
	if (parts & CHECK_MONITORS)
		config_check_monitors(config, report);
	if ((parts & CHECK_NODES) && (parts & CHECK_GROUPS))
		config_check_fencing(config, report);
	if (!(parts & CHECK_GROUPS))
		return;
	for (uint16_t i = 0; i < config->n_groups; i++)
		check_group(config, i, report);
	for (uint16_t i = 0; i < config->n_resources; i++)
		check_resource(config, i, report);
	config_check_waits(config, report);
}

void config_check(const struct config *config, struct config_report *report)
{
	config_check_parts(config, CHECK_ALL, report);
}
