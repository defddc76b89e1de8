/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From what a status tells to a state that cores can go on from. */
#include "agent/simulate.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SEED_EPOCH   1000
#define SEED_ATTEMPT 1

struct reader {
	const struct config *config;
	struct core_seed *seed;
	char *why;
	size_t why_size;
	bool failed;
};

__attribute__((format(printf, 2, 3))) static void refuse(struct reader *r, const char *format, ...)
{
	va_list ap;

	if (r->failed)
		return;
	r->failed = true;
	va_start(ap, format);
	(void)vsnprintf(r->why, r->why_size, format, ap);
	va_end(ap);
}

static const char *text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

/* NODE_NONE for null or a name that this configuration does not have. */
static uint8_t node_of(const struct reader *r, const char *name)
{
	int n = config_find_node(r->config, name);

	return n < 0 ? NODE_NONE : (uint8_t)n;
}

static node_mask nodes_of(const struct reader *r, const json_t *names)
{
	node_mask mask = 0;
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		uint8_t n = node_of(r, json_string_value(name) ? json_string_value(name) : "");

		mask |= n == NODE_NONE ? 0 : node_bit(n);
	}
	return mask;
}

/* ---- servers and view ---- */

/* The agent of one that is stalled is there: in what is tried, it goes on. */
static bool is_up(const char *state)
{
	static const char *const states[] = {"member", "stalled", "heard", "isolated",
					     "quarantined"};

	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		if (strcmp(state, states[i]) == 0)
			return true;
	return false;
}

static void read_servers(struct reader *r, const json_t *status)
{
	const json_t *server;
	size_t i;

	json_array_foreach(json_object_get(status, "servers"), i, server)
	{
		uint8_t n = node_of(r, text(server, "name"));
		const char *state = text(server, "state"), *mode = text(server, "mode");

		if (n == NODE_NONE)
			continue; /* not in the configuration that is tried */
		if (json_is_true(json_object_get(server, "self")) || is_up(state))
			r->seed->up |= node_bit(n);
		if (strcmp(mode, "stopped") == 0 || strcmp(mode, "stopping") == 0)
			r->seed->offline |= node_bit(n);
	}
	if (!r->seed->up)
		refuse(r, "status.servers: no server of the configuration is up");
}

static void read_view(struct reader *r, const json_t *status)
{
	const json_t *view = json_object_get(status, "view");
	struct view *v = &r->seed->view;

	v->epoch = SEED_EPOCH;
	v->members = nodes_of(r, json_object_get(view, "members")) & r->seed->up;
	v->coordinator = node_of(r, text(view, "coordinator"));
	if (!json_is_object(view) || !v->members)
		refuse(r, "status.view: no view is installed: without a quorum nothing would "
			  "happen");
	else if (v->coordinator == NODE_NONE || !node_mask_has(v->members, v->coordinator))
		v->coordinator = (uint8_t)node_mask_first(v->members);
}

static void read_cluster(struct reader *r, const json_t *status)
{
	struct cluster_intent *c = &r->seed->cluster;
	json_int_t ratio = json_integer_value(json_object_get(status, "ratio"));
	json_int_t left = json_integer_value(json_object_get(status, "ratio_left_us"));

	c->mode = strcmp(text(status, "mode"), "suspended") == 0 ? CLUSTER_SUSPENDED : CLUSTER_RUN;
	c->ratio = ratio > 1 && ratio <= RATIO_MAX && left > 0 ? (uint16_t)ratio : 1;
	r->seed->ratio_left_us = c->ratio > 1 ? (uint64_t)left : 0;
}

/* ---- groups ---- */

/*
 * Operations in progress are not told: a half started resource is started again, a half stopped
 * one stopped again.
 */
static uint8_t resource_state(const char *status)
{
	static const struct {
		const char *status;
		uint8_t state;
	} table[] = {
		{"Online", RESOURCE_ONLINE},
		{"Offline", RESOURCE_OFFLINE},
		{"Online Pending", RESOURCE_OFFLINE},
		{"Offline Pending", RESOURCE_ONLINE},
		{"Online Failure", RESOURCE_START_FAILED},
		{"Offline Failure", RESOURCE_STOP_FAILED},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strcmp(status, table[i].status) == 0)
			return table[i].state;
	return RESOURCE_UNKNOWN;
}

static void read_resources(struct reader *r, const json_t *status)
{
	struct core_seed *seed = r->seed;
	const json_t *resource, *server;
	size_t i, k;

	for (uint8_t n = 0; n < NODES_MAX; n++)
		for (uint16_t x = 0; x < RESOURCES_MAX; x++)
			seed->resource_states[n][x] = RESOURCE_OFFLINE;
	json_array_foreach(json_object_get(status, "resources"), i, resource)
	{
		int index = config_find_resource(r->config, text(resource, "name"));

		if (index < 0)
			continue;
		if (json_is_true(json_object_get(resource, "stopped"))) {
			uint16_t g = r->config->resources[index].group, at = (uint16_t)index;

			while (at > 0 && r->config->resources[at - 1].group == g)
				at--;
			at = (uint16_t)(index - at);
			seed->group_intents[g].stopped[at / 8] |= (uint8_t)(1U << at % 8);
		}
		json_array_foreach(json_object_get(resource, "servers"), k, server)
		{
			uint8_t n = node_of(r, text(server, "server"));

			if (n != NODE_NONE)
				seed->resource_states[n][index] =
					resource_state(text(server, "status"));
		}
	}
}

static uint8_t cause_of(const char *word)
{
	for (unsigned int c = 0; c < CAUSE_COUNT_; c++)
		if (strcmp(word, intent_cause_to_string((enum intent_cause)c)) == 0)
			return (uint8_t)c;
	return CAUSE_NONE;
}

static void read_group(struct reader *r, const json_t *group, uint16_t g)
{
	struct group_intent *row = &r->seed->group_intents[g];
	node_mask failed = nodes_of(r, json_object_get(group, "failed_on"));
	uint8_t current = node_of(r, text(group, "current"));
	json_int_t failovers = json_integer_value(json_object_get(group, "failovers"));
	bool pending = strstr(text(group, "status"), "Pending") != NULL;

	row->wanted =
		strcmp(text(group, "wanted"), "offline") == 0 ? WANTED_OFFLINE : WANTED_ONLINE;
	row->owner = node_of(r, text(group, "owner"));
	row->target = NODE_NONE;
	row->cause = cause_of(text(group, "cause"));
	row->attempt = SEED_ATTEMPT;
	row->failovers = failovers > 0 && failovers < UINT8_MAX ? (uint8_t)failovers : 0;
	for (uint8_t n = 0; n < r->config->n_nodes; n++) {
		struct group_actual *a = &r->seed->group_actuals[n][g];

		a->state = GROUP_OFFLINE;
		if (n == current)
			a->state = pending ? GROUP_STARTING : GROUP_ONLINE;
		a->failed_attempt = node_mask_has(failed, n) ? SEED_ATTEMPT : 0;
	}
}

static void read_groups(struct reader *r, const json_t *status)
{
	const json_t *group;
	size_t i;

	for (uint16_t g = 0; g < r->config->n_groups;
	     g++) { /* one that the cluster does not know */
		struct group_intent *row = &r->seed->group_intents[g];

		row->wanted = r->config->groups[g].autostart ? WANTED_ONLINE : WANTED_OFFLINE;
		row->owner = row->target = NODE_NONE;
		row->attempt = SEED_ATTEMPT;
		for (uint8_t n = 0; n < NODES_MAX; n++)
			r->seed->group_actuals[n][g].state = GROUP_OFFLINE;
	}
	json_array_foreach(json_object_get(status, "groups"), i, group)
	{
		int g = config_find_group(r->config, text(group, "name"));

		if (g >= 0)
			read_group(r, group, (uint16_t)g);
	}
}

/* ---- monitors ---- */

static uint8_t monitor_status(const char *status)
{
	static const struct {
		const char *status;
		uint8_t value;
	} table[] = {
		{"Normal", MONITOR_NORMAL},   {"Caution", MONITOR_CAUTION},
		{"Error", MONITOR_ERROR},     {"Suspend", MONITOR_SUSPENDED},
		{"Offline", MONITOR_OFFLINE},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strcmp(status, table[i].status) == 0)
			return table[i].value;
	return MONITOR_UNUSED;
}

static uint8_t small(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n < 0 ? 0 : n > UINT8_MAX ? UINT8_MAX : (uint8_t)n;
}

static void read_monitor(struct reader *r, const json_t *monitor, uint16_t m)
{
	const json_t *server;
	size_t i;

	json_array_foreach(json_object_get(monitor, "servers"), i, server)
	{
		uint8_t n = node_of(r, text(server, "server"));

		if (n == NODE_NONE)
			continue;
		r->seed->monitor_actuals[n][m] = (struct monitor_actual){
			.status = monitor_status(text(server, "status")),
			.restarts = small(server, "restarts"),
			.failovers = small(server, "failovers"),
			.final = json_is_true(json_object_get(server, "final")),
		};
		if (json_is_true(json_object_get(server, "suspended")))
			r->seed->monitor_intents[m].suspended |= node_bit(n);
		if (json_is_true(json_object_get(server, "failing")))
			r->seed->monitor_intents[m].failing |= node_bit(n);
	}
}

static void read_monitors(struct reader *r, const json_t *status)
{
	const json_t *monitor;
	size_t i;

	json_array_foreach(json_object_get(status, "monitors"), i, monitor)
	{
		int m = config_find_monitor(r->config, text(monitor, "name"));

		if (m >= 0)
			read_monitor(r, monitor, (uint16_t)m);
	}
}

int simulate_seed(const struct config *config, const json_t *status, struct core_seed *ret,
		  char *ret_why, size_t size)
{
	struct reader r = {.config = config, .seed = ret, .why = ret_why, .why_size = size};

	memset(ret, 0, sizeof *ret);
	if (!json_is_object(status)) {
		refuse(&r, "status: not an object");
		return -EINVAL;
	}
	read_servers(&r, status);
	read_view(&r, status);
	read_cluster(&r, status);
	read_groups(&r, status);
	read_resources(&r, status);
	read_monitors(&r, status);
	return r.failed ? -EINVAL : 0;
}
