/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether the fencing that is configured can prove what takeovers wait for (docs/fencing.md). */
#include "agent/config_internal.h"
#include "util/parse.h"

#include <inttypes.h>
#include <string.h>

/* ---- what follows from a configuration ---- */

bool config_fence_tie(const struct config *config)
{
	if (config->takeover != TAKEOVER_FENCE)
		return false;
	for (uint8_t i = 0; i < config->n_nodes; i++)
		if (!config->nodes[i].votes || config->nodes[i].n_fence_levels == 0)
			return false; /* rule X8 */
	return true;
}

bool config_tie_possible(const struct config *config)
{
	bool sum[NODES_MAX * 100 + 1] = {true};
	uint32_t total = 0;

	for (uint8_t i = 0; i < config->n_nodes; i++) {
		uint32_t votes = config->nodes[i].votes;

		for (uint32_t s = total + 1; votes && s-- > 0;)
			if (sum[s])
				sum[s + votes] = true;
		total += votes;
	}
	return total && total % 2 == 0 && sum[total / 2];
}

/* Whether another node may be asked to take over what this one holds. */
static bool has_heirs(const struct config *config, uint8_t node)
{
	for (uint16_t g = 0; g < config->n_groups; g++)
		for (uint8_t k = 0; k < config->groups[g].n_nodes; k++)
			if (config->groups[g].nodes[k] == node && config->groups[g].n_nodes > 1)
				return true;
	return false;
}

/* ---- devices ---- */

static bool names_parameter(char *const *words, const char *word)
{
	size_t n = strcspn(word, "=");

	for (size_t i = 0; words && words[i]; i++)
		if (strncmp(words[i], word, n + 1) == 0)
			return true;
	return false;
}

static bool is_used(const struct config *config, uint8_t device)
{
	for (uint8_t n = 0; n < config->n_nodes; n++)
		for (uint8_t l = 0; l < config->nodes[n].n_fence_levels; l++)
			for (uint8_t k = 0; k < config->nodes[n].fence[l].n_devices; k++)
				if (config->nodes[n].fence[l].devices[k].device == device)
					return true;
	return false;
}

static void check_device(const struct config *config, uint8_t i, struct config_report *report)
{
	const struct fence_device_config *device = &config->fencing.devices[i];

	for (uint8_t k = 0; k < i; k++)
		if (strcmp(config->fencing.devices[k].name, device->name) == 0)
			config_report_error(report, device->line,
					    "device \"%s\": name: the device of line %u has it "
					    "already",
					    device->name, config->fencing.devices[k].line);
	for (size_t k = 0; device->secrets && device->secrets[k]; k++)
		if (names_parameter(device->parameters, device->secrets[k]))
			config_report_error(report, device->line,
					    "device \"%s\": \"%.*s\" stands in parameters and in "
					    "secrets: leave it out of one of them",
					    device->name, (int)strcspn(device->secrets[k], "="),
					    device->secrets[k]);
	if (!is_used(config, i))
		config_report_warning(report, device->line,
				      "device \"%s\": no level of a node uses it: it does nothing",
				      device->name);
}

/* ---- levels ---- */

/* What one device of a level acts on. */
struct target {
	const struct fence_device_config *device;
	const char *plug, *address, *port; /* NULL: not said */
};

static const char *first_of(const struct fence_device_config *device, const char *const *names)
{
	const char *value = NULL;

	for (size_t i = 0; !value && names[i]; i++)
		value = config_fence_parameter(device, names[i]);
	return value;
}

static struct target target_of(const struct config *config, const struct fence_use_config *use)
{
	/* `port` is the old name of `plug`, and `ipport` what others call a port. */
	static const char *const plugs[] = {"plug", "port", NULL},
				 *const addresses[] = {"ip", "ipaddr", NULL},
				 *const ports[] = {"ipport", NULL};
	const struct fence_device_config *device = &config->fencing.devices[use->device];

	return (struct target){
		.device = device,
		.plug = use->plug ? use->plug : first_of(device, plugs),
		.address = first_of(device, addresses),
		.port = first_of(device, ports),
	};
}

static bool is_ipmi(const struct fence_device_config *device)
{
	const char *slash = device->agent ? strrchr(device->agent, '/') : NULL;
	const char *name = slash ? slash + 1 : device->agent;

	return name && strcmp(name, "fence_holdfast_ipmi") == 0;
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Whether an order to one certainly acts on what the other stands for. */
static bool same_target(const struct target *a, const struct target *b)
{
	if (a->plug || b->plug)
		return a->plug && b->plug && strcmp(a->plug, b->plug) == 0 &&
		       a->device == b->device;
	return a->address && b->address && strcmp(a->address, b->address) == 0 &&
	       same_text(a->port, b->port) && same_text(a->device->agent, b->device->agent);
}

struct use_at {
	const struct node_config *node;
	const struct fence_level_config *level;
	struct target target;
};

static void compare_uses(const struct use_at *a, const struct use_at *b,
			 struct config_report *report)
{
	const struct fence_device_config *da = a->target.device, *db = b->target.device;

	if (da == db && is_ipmi(da))
		config_report_error(
			report, b->level->line,
			"node \"%s\": fence: device \"%s\" is also a device of node \"%s\": a BMC "
			"switches one server only: give each its own device",
			b->node->name, db->name, a->node->name);
	else if (same_target(&a->target, &b->target) && a->target.plug)
		config_report_error(
			report, b->level->line,
			"node \"%s\": fence: plug \"%.60s\" of device \"%s\" is also that of node "
			"\"%s\": one would be switched off with the other",
			b->node->name, b->target.plug, db->name, a->node->name);
	else if (same_target(&a->target, &b->target))
		config_report_error(
			report, b->level->line,
			"node \"%s\": fence: device \"%s\" has the address %.60s of device \"%s\" "
			"of node \"%s\", and neither has a plug: both would switch the same server",
			b->node->name, db->name, b->target.address, da->name, a->node->name);
}

static void compare_levels(const struct config *config, const struct use_at *a,
			   const struct use_at *b, struct config_report *report)
{
	for (uint8_t i = 0; i < a->level->n_devices; i++)
		for (uint8_t k = 0; k < b->level->n_devices; k++) {
			struct use_at x = *a, y = *b;

			x.target = target_of(config, &a->level->devices[i]);
			y.target = target_of(config, &b->level->devices[k]);
			compare_uses(&x, &y, report);
		}
}

static void compare_fencing(const struct config *config, const struct node_config *a,
			    const struct node_config *b, struct config_report *report)
{
	for (uint8_t i = 0; i < a->n_fence_levels; i++)
		for (uint8_t k = 0; k < b->n_fence_levels; k++)
			compare_levels(config, &(struct use_at){a, &a->fence[i], {NULL}},
				       &(struct use_at){b, &b->fence[k], {NULL}}, report);
}

/* ---- ties ---- */

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* By how much the orders of two nodes against each other are apart, whichever holds more. */
static uint64_t delay_between(const struct config *config, uint8_t a, uint8_t b)
{
	uint64_t da = config->nodes[a].fence_delay_us, db = config->nodes[b].fence_delay_us;
	uint64_t x = distance(da + config->fencing.priority_us, db);
	uint64_t y = distance(db + config->fencing.priority_us, da);

	return x < y ? x : y;
}

static void check_delays(const struct config *config, struct config_report *report)
{
	uint64_t least = UINT64_MAX;
	uint8_t at[2] = {0, 0};
	char text[DURATION_STRLEN];

	for (uint8_t a = 0; a < config->n_nodes; a++)
		for (uint8_t b = (uint8_t)(a + 1); b < config->n_nodes; b++) {
			uint64_t us = delay_between(config, a, b);

			if (config->nodes[a].witness || config->nodes[b].witness || us >= least)
				continue;
			least = us;
			at[0] = a;
			at[1] = b;
		}
	if (least >= USEC_PER_SEC)
		return;
	config_report_warning(
		report, config->fencing.line,
		"fencing: priority_delay and fence_delay: when nodes \"%s\" and \"%s\" lose sight "
		"of each other, their orders to fence can come within %s of each other: both are "
		"on their way before either works, and both nodes go off. Set priority_delay to "
		"more than a device takes to cut the power, such as \"5s\"",
		config->nodes[at[0]].name, config->nodes[at[1]].name, format_duration(text, least));
}

/* ---- all of it ---- */

/* Without one of these, takeover = "fence" would wait for a person for ever. */
static void check_levels_there(const struct config *config, struct config_report *report)
{
	for (uint8_t i = 0; i < config->n_nodes; i++) {
		const struct node_config *node = &config->nodes[i];

		if (node->n_fence_levels > 0 || !has_heirs(config, i))
			continue;
		config_report_error(
			report, node->line,
			"node \"%s\": fence: with takeover = \"fence\" it needs a level of "
			"devices: without one nothing of it could ever be taken over",
			node->name);
	}
}

void config_check_fencing(const struct config *config, struct config_report *report)
{
	for (uint8_t i = 0; i < config->fencing.n_devices; i++)
		check_device(config, i, report);
	for (uint8_t a = 0; a < config->n_nodes; a++)
		for (uint8_t b = (uint8_t)(a + 1); b < config->n_nodes; b++)
			compare_fencing(config, &config->nodes[a], &config->nodes[b], report);
	config_check_final(config,
			   &(struct config_final){"cluster", config->cluster_name, "on_quorum_loss",
						  config->quorum_loss,
						  config_key_line(config, "on_quorum_loss")},
			   report);
	if (config->takeover == TAKEOVER_FENCE)
		check_levels_there(config, report);
	if (config_fence_tie(config) && config_tie_possible(config))
		check_delays(config, report);
}

/* For these leases, with that watchdog. */
static uint64_t margin_for(const struct config *config, const struct watchdog_config *watchdog)
{
	/* twice: the kernel gives a device one timeout more when its last descriptor is closed
	 * without a good-bye, as by a killed agent where systemd does not keep it */
	uint64_t us = 2 * watchdog->timeout_us;

	if (!watchdog->device || config->takeover != TAKEOVER_LEASE)
		return 0;
	return us + us / 1000000 * config->timing.drift_ppm;
}

/* Rule W3: whoever has a lease at the last sign to its watchdog is reset before the wait of its
 * grants is over. The clock of a watchdog is a clock too. */
uint64_t config_watchdog_margin_us(const struct config *config)
{
	return margin_for(config, &config->watchdog);
}

void config_check_own_watchdog(const struct config *config, const struct config *own,
			       struct config_report *report)
{
	uint64_t least = margin_for(config, &own->watchdog);
	char is[DURATION_STRLEN], must[DURATION_STRLEN];

	if (config->timing.lease_margin_us < least)
		config_report_error(
			report, config_key_line(config, "lease_margin"),
			"cluster: lease_margin = \"%s\" must be at least \"%s\" with the "
			"watchdog of this server, which keeps its own",
			format_duration(is, config->timing.lease_margin_us),
			format_duration(must, least));
	else if (!own->watchdog.device && config_relies_on_watchdogs(config))
		config_report_error(
			report, 0,
			"groups rely on a watchdog, and this server has none: set "
			"watchdog in agent of its own file, and restart its agent first");
}

void config_check_watchdog(const struct config *config, struct config_report *report)
{
	uint64_t least = config_watchdog_margin_us(config);
	char is[DURATION_STRLEN], must[DURATION_STRLEN], timeout[DURATION_STRLEN];
	unsigned int line = config_key_line(config, "lease_margin");

	if (!config->watchdog.device)
		return;
	if (config->watchdog.timeout_us % USEC_PER_SEC)
		config_report_error(report, config->watchdog.line,
				    "watchdog: timeout = \"%s\": must be a whole number of seconds",
				    format_duration(timeout, config->watchdog.timeout_us));
	if (config->timing.lease_margin_us < least)
		config_report_error(
			report, line ? line : config->watchdog.line,
			"cluster: lease_margin = \"%s\" must be at least \"%s\" with "
			"timeout = \"%s\" of the watchdog: others take over when it has passed, "
			"and only then a server that hangs has surely been reset. Make it longer "
			"on all nodes, or "
			"the watchdog's timeout shorter",
			format_duration(is, config->timing.lease_margin_us),
			format_duration(must, least),
			format_duration(timeout, config->watchdog.timeout_us));
}

bool config_watchdog_enforces(const struct config *config)
{
	uint64_t least = config_watchdog_margin_us(config);

	return least && config->timing.lease_margin_us >= least;
}
