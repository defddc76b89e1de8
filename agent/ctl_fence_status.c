/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is shown of fencing: what the core decides joined with what the checks here say. */
#include "agent/ctl_fence.h"
#include "agent/ctl_internal.h"
#include "agent/watchdog.h"

#include "util/clock.h"

#include <stdio.h>
#include <string.h>

/* ---- words ---- */

static const char *check_word(enum fence_check check)
{
	switch (check) {
	case FENCE_CHECK_NORMAL:
		return "Normal";
	case FENCE_CHECK_DEGRADED:
		return "Caution";
	case FENCE_CHECK_ERROR:
		return "Error";
	case FENCE_CHECK_NONE:
		return "Unused";
	case FENCE_CHECK_UNKNOWN:
	case FENCE_CHECK_COUNT_:
	default:
		return "Unknown";
	}
}

enum fence_check fence_check_over_all(const struct core_fence_info *info, uint8_t target,
				      node_mask members)
{
	unsigned int count[FENCE_CHECK_COUNT_] = {0}, n;

	node_mask_for_each (n, members & ~node_bit(target)) {
		if (info->check_by[n] < FENCE_CHECK_COUNT_)
			count[info->check_by[n]]++;
	}
	if (count[FENCE_CHECK_NORMAL] + count[FENCE_CHECK_DEGRADED] == 0) {
		if (count[FENCE_CHECK_ERROR])
			return FENCE_CHECK_ERROR;
		return count[FENCE_CHECK_UNKNOWN] ? FENCE_CHECK_UNKNOWN : FENCE_CHECK_NONE;
	}
	return count[FENCE_CHECK_DEGRADED] || count[FENCE_CHECK_ERROR] ? FENCE_CHECK_DEGRADED
								       : FENCE_CHECK_NORMAL;
}

static bool is_off(const struct agent *agent, uint8_t n, const struct core_fence_info *info,
		   ha_time now)
{
	struct core_peer_info peer;

	core_peer_info(agent->core, n, now, &peer);
	return info->off != 0 && info->off >= peer.incarnation;
}

static bool is_heard(const struct agent *agent, uint8_t n, ha_time now)
{
	struct core_peer_info peer;

	core_peer_info(agent->core, n, now, &peer);
	return peer.state != PEER_UNKNOWN && peer.state != PEER_SILENT && peer.state != PEER_LEFT;
}

void fence_look(const struct agent *agent, uint8_t target, ha_time now, struct core_fence_info *ret)
{
	core_fence_info(agent->core, target, now, ret);
	if (ret->state != FENCE_FAILED && ret->state != FENCE_DELAYED)
		return;
	if (!is_heard(agent, target, now) && !is_off(agent, target, ret, now))
		return;
	ret->state = FENCE_IDLE;
	ret->executor = NODE_NONE;
	ret->wait_us = 0;
}

static json_t *name_or_null(const struct agent *agent, uint8_t node)
{
	return ctl_text_or_null(names_node(agent->config, node));
}

/* Who is asked about the devices: the members; without a view this node alone. */
static node_mask askers(const struct agent *agent, ha_time now)
{
	struct core_self_info self;

	core_self_info(agent->core, now, &self);
	return self.view.members | node_bit(agent->self);
}

enum fence_check fence_check_now(const struct agent *agent, uint8_t target,
				 const struct core_fence_info *info, ha_time now)
{
	enum fence_check check = fence_check_over_all(info, target, askers(agent, now));

	return check == FENCE_CHECK_NONE && agent->config->nodes[target].n_fence_levels > 0
		       ? FENCE_CHECK_UNKNOWN
		       : check;
}

/* ---- what the checks of this node say ---- */

static const json_t *find_target(const json_t *checks, const char *name)
{
	const json_t *targets = json_object_get(checks, "targets");

	for (size_t i = 0; i < json_array_size(targets); i++) {
		const json_t *row = json_array_get(targets, i);
		const char *target = json_string_value(json_object_get(row, "target"));

		if (target && strcmp(target, name) == 0)
			return row;
	}
	return NULL;
}

static const char *text_of(const json_t *row, const char *member)
{
	const char *s = json_string_value(json_object_get(row, member));

	return s ? s : "";
}

/* "pdu:3" */
static char *device_name(const json_t *device, char name[2 * NAME_SIZE + 1])
{
	const char *plug = text_of(device, "plug");

	(void)snprintf(name, 2 * NAME_SIZE + 1, "%s%s%s", text_of(device, "device"),
		       *plug ? ":" : "", plug);
	return name;
}

/* The first device in error of a target, and what it said. */
static json_t *problem(const json_t *target)
{
	const json_t *levels = json_object_get(target, "levels");
	char name[2 * NAME_SIZE + 1], text[FENCE_TEXT + sizeof name];

	for (size_t i = 0; i < json_array_size(levels); i++) {
		const json_t *devices = json_object_get(json_array_get(levels, i), "devices");

		for (size_t k = 0; k < json_array_size(devices); k++) {
			const json_t *device = json_array_get(devices, k);

			if (strcmp(text_of(device, "state"), "error") != 0)
				continue;
			(void)snprintf(text, sizeof text, "%s: %s", device_name(device, name),
				       text_of(device, "text"));
			return ctl_text(text);
		}
	}
	return json_null();
}

/* ---- GetStatus ---- */

static bool is_shown(const struct agent *agent, uint8_t n, const struct core_fence_info *info)
{
	return agent->config->nodes[n].n_fence_levels > 0 || info->executor != NODE_NONE ||
	       info->state != FENCE_IDLE || info->confirmed_by_person || info->waived;
}

static json_t *fencing_row(const struct agent *agent, uint8_t n, const struct core_fence_info *info,
			   const json_t *checks)
{
	const char *name = agent->config->nodes[n].name;
	ha_time now = clock_boot();
	enum fence_check check = fence_check_now(agent, n, info, now);

	return json_pack("{s:s, s:s, s:o, s:s, s:o, s:I, s:I, s:b, s:b, s:b}", "server", name,
			 "check", check_word(check), "check_text",
			 problem(find_target(checks, name)), "state",
			 fence_state_to_string((enum fence_state)info->state), "executor",
			 name_or_null(agent, info->executor), "wait_us", (json_int_t)info->wait_us,
			 "rounds", (json_int_t)info->rounds, "off", is_off(agent, n, info, now),
			 "by_person", info->confirmed_by_person, "waived", info->waived);
}

json_t *status_fencing(const struct agent *agent, ha_time now)
{
	json_t *rows = json_array(), *checks = fencing_status(agent, now);
	struct core_fence_info info;

	for (uint8_t n = 0; n < agent->config->n_nodes; n++) {
		fence_look(agent, n, now, &info);
		if (is_shown(agent, n, &info))
			(void)json_array_append_new(rows, fencing_row(agent, n, &info, checks));
	}
	json_decref(checks);
	return rows;
}

json_t *status_watchdog(const struct agent *agent, ha_time now)
{
	struct watchdog_status w;
	const char *state;

	watchdog_status(agent, now, &w);
	state = !w.device ? "off" : w.silent ? "silent" : w.armed ? "armed" : "refused";
	return json_pack("{s:s, s:o, s:o, s:I, s:o}", "state", state, "device",
			 ctl_text_or_null(w.device), "identity",
			 ctl_text_or_null(w.identity && *w.identity ? w.identity : NULL),
			 "timeout_us", (json_int_t)w.timeout_us, "text",
			 ctl_text_or_null(w.error && *w.error ? w.error
					  : w.nowayout	      ? "it cannot be disarmed (nowayout)"
							      : NULL));
}

/* ---- FenceStatus ---- */

static json_t *us_or_null(json_int_t us)
{
	return us > 0 ? json_integer(us) : json_null();
}

static const char *device_word(const json_t *device, bool own)
{
	const char *state = text_of(device, "state");

	if (own)
		return "Unused";
	return strcmp(state, "normal") == 0  ? "Normal"
	       : strcmp(state, "error") == 0 ? "Error"
					     : "Unknown";
}

static json_t *device_json(const json_t *device, bool own)
{
	char name[2 * NAME_SIZE + 1];

	return json_pack("{s:o, s:s, s:s, s:o, s:I, s:s, s:I}", "name",
			 ctl_text(device_name(device, name)), "agent", text_of(device, "agent"),
			 "status", device_word(device, own), "checked_wall_us",
			 us_or_null(json_integer_value(json_object_get(device, "checked_wall_us"))),
			 "took_us", json_integer_value(json_object_get(device, "took_us")), "text",
			 text_of(device, "text"), "longest_off_us",
			 json_integer_value(json_object_get(device, "longest_off_us")));
}

static uint64_t level_timeout_us(const struct config *config, uint8_t n, size_t level)
{
	uint64_t longest = 0;

	if (level >= config->nodes[n].n_fence_levels)
		return 0;
	for (uint8_t i = 0; i < config->nodes[n].fence[level].n_devices; i++) {
		uint8_t d = config->nodes[n].fence[level].devices[i].device;

		if (config->fencing.devices[d].timeout_us > longest)
			longest = config->fencing.devices[d].timeout_us;
	}
	return longest;
}

static json_t *levels_json(const struct agent *agent, uint8_t n, const json_t *target)
{
	const json_t *rows = json_object_get(target, "levels");
	json_t *levels = json_array();

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *from = json_object_get(json_array_get(rows, i), "devices");
		json_t *devices = json_array();

		for (size_t k = 0; k < json_array_size(from); k++)
			(void)json_array_append_new(
				devices, device_json(json_array_get(from, k), n == agent->self));
		(void)json_array_append_new(
			levels, json_pack("{s:o, s:I}", "devices", devices, "timeout_us",
					  (json_int_t)level_timeout_us(agent->config, n, i)));
	}
	return levels;
}

static json_t *checks_json(const struct agent *agent, uint8_t n, const struct core_fence_info *info,
			   node_mask members)
{
	json_t *rows = json_array();
	unsigned int by;

	node_mask_for_each (by, members & ~node_bit(n)) {
		if (by < agent->config->n_nodes && info->check_by[by] != FENCE_CHECK_NONE)
			(void)json_array_append_new(
				rows, json_pack("{s:s, s:s}", "server",
						agent->config->nodes[by].name, "status",
						check_word((enum fence_check)info->check_by[by])));
	}
	return rows;
}

/* The newest order to switch it off that has failed, unless one succeeded later. */
static void add_failure(const struct agent *agent, uint8_t n, json_t *row)
{
	json_t *orders = fencing_history(agent, n); /* newest first */
	const json_t *failed = NULL;

	for (size_t i = 0; i < json_array_size(orders) && !failed; i++) {
		const json_t *order = json_array_get(orders, i);

		if (strcmp(text_of(order, "verb"), "off") != 0)
			continue;
		if (json_is_true(json_object_get(order, "ok")))
			break;
		failed = order;
	}
	(void)json_object_set_new(row, "failure_wall_us",
				  failed ? json_incref(json_object_get(failed, "wall_us"))
					 : json_null());
	(void)json_object_set_new(row, "failure_text",
				  failed ? json_incref(json_object_get(failed, "text"))
					 : json_null());
	json_decref(orders);
}

static json_t *order_json(const struct agent *agent, const struct core_fence_info *info)
{
	bool here = info->state == FENCE_RUNNING && info->executor == agent->self;

	return json_pack("{s:s, s:o, s:o, s:o, s:I, s:I}", "state",
			 fence_state_to_string((enum fence_state)info->state), "executor",
			 name_or_null(agent, info->executor), "level",
			 here ? json_integer(info->level + 1) : json_null(), "try",
			 here ? json_integer(info->try_number + 1) : json_null(), "rounds",
			 (json_int_t)info->rounds, "wait_us", (json_int_t)info->wait_us);
}

static json_t *target_json(const struct agent *agent, uint8_t n, const json_t *checks, ha_time now)
{
	const char *name = agent->config->nodes[n].name;
	node_mask members = askers(agent, now);
	struct core_fence_info info;
	struct core_peer_info peer;
	json_t *row, *order;

	fence_look(agent, n, now, &info);
	core_peer_info(agent->core, n, now, &peer);
	row = json_pack("{s:s, s:o, s:s, s:o, s:I, s:I, s:b, s:b, s:b, s:b, s:b}", "name", name,
			"levels", levels_json(agent, n, find_target(checks, name)), "check",
			check_word(fence_check_now(agent, n, &info, now)), "checks",
			checks_json(agent, n, &info, members), "off", (json_int_t)info.off,
			"incarnation", (json_int_t)peer.incarnation, "by_person",
			info.confirmed_by_person, "waived", info.waived, "with", info.with,
			"member", peer.state == PEER_MEMBER || peer.state == PEER_STALLED, "self",
			n == agent->self);
	order = order_json(agent, &info);
	if (row)
		(void)json_object_update(row, order);
	json_decref(order);
	if (row)
		add_failure(agent, n, row);
	return row;
}

void ctl_fence_status(struct ctl_call *call, json_t *parameters, void *userdata)
{
	const struct agent *agent = userdata;
	const struct config *config = agent->config;
	ha_time now = clock_boot();
	json_t *servers = json_array(), *checks = fencing_status(agent, now);
	struct core_self_info self;

	(void)parameters;
	core_self_info(agent->core, now, &self);
	for (uint8_t n = 0; n < config->n_nodes; n++)
		(void)json_array_append_new(servers, target_json(agent, n, checks, now));
	json_decref(checks);
	ctl_reply_checked(call,
			  json_pack("{s:I, s:s, s:s, s:s, s:b, s:s, s:b, s:b, s:o}", "now_wall_us",
				    (json_int_t)clock_wall_us(), "cluster", config->cluster_name,
				    "self", config->nodes[agent->self].name, "takeover",
				    config->takeover == TAKEOVER_FENCE ? "fence" : "lease",
				    "tie_breaking", config_fence_tie(config), "action",
				    config->fencing.off ? "off" : "reboot", "tie", self.tie,
				    "lease_by_half", self.lease_by_half, "servers", servers));
}

/* ---- FenceHistory ---- */

static json_t *steps_json(const json_t *order)
{
	const json_t *from = json_object_get(order, "steps");
	json_t *steps = json_array();
	char name[2 * NAME_SIZE + 1];

	for (size_t i = 0; i < json_array_size(from); i++) {
		const json_t *s = json_array_get(from, i);

		(void)json_array_append_new(
			steps, json_pack("{s:O, s:o, s:O, s:O, s:O, s:O}", "level",
					 json_object_get(order, "level"), "device",
					 ctl_text(device_name(s, name)), "step",
					 json_object_get(s, "step"), "ok", json_object_get(s, "ok"),
					 "took_us", json_object_get(s, "took_us"), "text",
					 json_object_get(s, "text")));
	}
	return steps;
}

json_t *ctl_fence_orders(const struct agent *agent, uint8_t target, size_t max)
{
	json_t *from = fencing_history(agent, target), *orders = json_array();

	for (size_t i = 0; i < json_array_size(from) && i < max; i++) {
		json_t *row = json_array_get(from, i);

		(void)json_object_set_new(row, "steps", steps_json(row));
		(void)json_object_set(row, "server", json_object_get(row, "target"));
		(void)json_object_set(row, "order", json_object_get(row, "verb"));
		(void)json_object_del(row, "target");
		(void)json_object_del(row, "verb");
		(void)json_array_append(orders, row);
	}
	json_decref(from);
	return orders;
}
