/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One configuration in the place of another, within a running agent. Everything that can fail is
 * done first; from then on all drivers change over in one go, and what runs keeps its numbers of
 * operations and addresses while its index becomes another one.
 */
#include "agent/apply.h"

#include "agent/channel.h"
#include "agent/config_change.h"
#include "agent/ctl_internal.h"
#include "agent/fence.h"
#include "agent/stage.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What is made before the change. */
struct fresh {
	struct core_config *core_config;
	struct core *core;
	struct pending_event *queue;
	size_t queue_size;
	struct resource_run *runs;
	bool *leftovers;
};

static void fresh_done(struct fresh *fresh)
{
	free(fresh->core_config);
	fresh->core = core_free(fresh->core);
	free(fresh->queue);
	free(fresh->runs);
	free(fresh->leftovers);
}

/* ---- indexes ---- */

/* The resource of `config` with name, type and group's name of another one; UINT16_MAX: none. */
static uint16_t find_like(const struct config *config, const struct config *other, uint16_t index)
{
	const struct resource_config *like = &other->resources[index];
	const char *group = other->groups[like->group].name;

	for (uint16_t i = 0; i < config->n_resources; i++) {
		const struct resource_config *r = &config->resources[i];

		if (r->type == like->type && strcmp(r->name, like->name) == 0 &&
		    strcmp(config->groups[r->group].name, group) == 0)
			return i;
	}
	return UINT16_MAX;
}

static uint16_t free_fip(const bool used[NET_FIPS_MAX])
{
	uint16_t n = 0;

	while (used[n]) /* there are as many numbers as resources */
		n++;
	return n;
}

/* What a resource had stays with it; a new one gets a number in net/ that nobody has. */
static void carry_runs(const struct agent *agent, const struct config *config,
		       const struct fresh *fresh)
{
	bool used[NET_FIPS_MAX + 1] = {false};
	uint16_t from[RESOURCES_MAX];

	for (uint16_t i = 0; i < config->n_resources; i++) {
		from[i] = find_like(agent->config, config, i);
		if (from[i] == UINT16_MAX)
			continue;
		fresh->runs[i] = agent->runs[from[i]];
		fresh->leftovers[i] = agent->leftovers[from[i]];
		used[fresh->runs[i].fip] = true;
	}
	for (uint16_t i = 0; i < config->n_resources; i++) {
		if (from[i] != UINT16_MAX)
			continue;
		fresh->runs[i].fip = free_fip(used);
		used[fresh->runs[i].fip] = true;
	}
}

/* ---- what forbids it ---- */

static bool is_offline(const struct agent *agent, uint16_t group)
{
	for (uint16_t i = 0; i < agent->config->n_resources; i++)
		if (agent->config->resources[i].group == group &&
		    core_resource_state(agent->core, i, agent->self) != RESOURCE_OFFLINE)
			return false;
	return true;
}

/* Rule C4. */
static int check_stopped(const struct agent *agent, const struct config *config,
			 char why[APPLY_PROBLEM])
{
	uint8_t affected[GROUPS_MAX / 8];

	config_affected(agent->config, config, affected);
	for (uint16_t g = 0; g < agent->config->n_groups; g++) {
		if (!(affected[g / 8] & 1U << g % 8) || is_offline(agent, g))
			continue;
		(void)snprintf(
			why, APPLY_PROBLEM,
			"group %s must be stopped first: a resource of it is changed or removed",
			agent->config->groups[g].name);
		return -EBUSY;
	}
	return 0;
}

static int make(struct agent *agent, const struct config *config, uint64_t generation,
		struct fresh *fresh)
{
	fresh->queue_size = step_queue_size(config);
	fresh->queue = calloc(fresh->queue_size, sizeof *fresh->queue);
	fresh->core_config = calloc(1, sizeof *fresh->core_config);
	fresh->runs = calloc(config->n_resources + 1U, sizeof *fresh->runs);
	fresh->leftovers = calloc(config->n_resources + 1U, sizeof *fresh->leftovers);
	if (!fresh->queue || !fresh->core_config || !fresh->runs || !fresh->leftovers)
		return -ENOMEM;
	config_to_core(config, agent->self, fresh->core_config);
	fresh->core_config->config_generation = generation;
	fresh->core_config->kernel = agent->kernel != NULL;
	return core_reconfigure(agent->core, fresh->core_config, &fresh->core);
}

/* ---- the change ---- */

static void change_heartbeat(struct agent *agent)
{
	const struct config *config = agent->config;
	const struct hb_limits limits = {
		.n_nodes = config->n_nodes,
		.n_groups = config->n_groups,
		.n_resources = config->n_resources,
		.n_monitors = config->n_monitors,
		.objects_hash = config->objects_hash,
	};

	hb_lan_set_objects(agent->lan, &limits);
	hb_lan_set_timing(agent->lan, config->timing.timeout_us, config->timing.late_percent);
}

static void change_core(struct agent *agent, struct fresh *fresh)
{
	struct core *old = agent->core;

	if (agent->trace)
		trace_reconfigure(agent->trace, clock_boot(), fresh->core_config);
	agent->core = TAKE_PTR(fresh->core);
	(void)core_free(old);
	free(agent->queue.items);
	agent->queue.items = TAKE_PTR(fresh->queue);
	agent->queue.size = fresh->queue_size;
	agent->queue.head = agent->queue.n = 0;
	free(agent->runs);
	agent->runs = TAKE_PTR(fresh->runs);
	free(agent->leftovers);
	agent->leftovers = TAKE_PTR(fresh->leftovers);
	agent->peers_changed = true;
}

int apply_swap(struct agent *agent, uint64_t generation, char why[APPLY_PROBLEM])
{
	_cleanup_(fresh_done) struct fresh fresh = {0};
	struct config *config = agent->apply->pending, *old = agent->config;
	int r = check_stopped(agent, config, why);

	if (r < 0)
		return r;
	r = make(agent, config, generation, &fresh);
	if (r < 0) {
		(void)snprintf(why, APPLY_PROBLEM, "%s",
			       r == -EBUSY ? "a group that loses a resource must be stopped first"
					   : strerror(-r));
		return r;
	}
	carry_runs(agent, config, &fresh);
	record_publish(agent, clock_boot()); /* while numbers mean what they did */
	agent->config = config;
	r = stage_reload(agent);
	if (r < 0) {
		agent->config = old;
		(void)snprintf(why, APPLY_PROBLEM, "%s", strerror(-r));
		return r;
	}
	agent->apply->pending = NULL;
	agent->config = old;
	ctl_config_changed(agent);
	agent->config = config;
	change_core(agent, &fresh);
	change_heartbeat(agent);
	channel_reload(agent);
	fencing_reload(agent);
	agent_config_warnings(agent, agent->apply->pending_report);
	facts_collect(agent, clock_boot());
	(void)config_free(old);
	return 0;
}
