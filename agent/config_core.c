/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the core needs to know of a configuration, and the hashes by which nodes compare it. */
#include "agent/config_internal.h"
#include "util/hash.h"

#include <errno.h>
#include <string.h>

/* ---- hashes ---- */

static uint64_t hash_text(uint64_t hash, const char *text)
{
	return hash64(hash, text, strlen(text) + 1);
}

/* What votes, proofs and beats mean: nodes that differ in it must not form a view (rule C3). */
static uint64_t safety_hash(const struct config *config)
{
	uint64_t hash = hash_text(HASH64_INIT, config->cluster_name);

	hash = hash64_u64(hash, config->port);
	hash = hash64_u64(hash, config->takeover);
	hash = hash64_u64(hash, config_fence_tie(config));
	/* Rule W3: the wait of one must be longer than the watchdog of another. */
	hash = hash64_u64(hash,
			  config_relies_on_watchdogs(config) ? config->timing.lease_margin_us : 0);
	hash = hash64_u64(hash, config->n_links);
	hash = hash64_u64(hash, config->n_nodes);
	for (uint8_t i = 0; i < config->n_nodes; i++) {
		hash = hash_text(hash, config->nodes[i].name);
		hash = hash64_u64(hash, config->nodes[i].votes);
		hash = hash64_u64(hash, config->nodes[i].witness);
	}
	return hash;
}

/* What indexes on the wire mean (rule C3). */
static uint64_t objects_hash(const struct config *config)
{
	uint64_t hash = hash64_u64(HASH64_INIT, config->n_groups);

	for (uint16_t i = 0; i < config->n_groups; i++)
		hash = hash_text(hash, config->groups[i].name);
	hash = hash64_u64(hash, config->n_resources);
	for (uint16_t i = 0; i < config->n_resources; i++) {
		hash = hash_text(hash, config->resources[i].name);
		hash = hash64_u64(hash, config->resources[i].group);
	}
	hash = hash64_u64(hash, config->n_monitors);
	for (uint16_t i = 0; i < config->n_monitors; i++)
		hash = hash_text(hash, config->monitors[i].name);
	return hash;
}

/* Where a node keeps its files is its own business: two nodes may differ in that. */
static char *print_shared(struct config *config)
{
	char **own[] = {&config->key_file,	 &config->state_directory,  &config->run_directory,
			&config->socket_path,	 &config->script_directory, &config->power_command,
			&config->watchdog.device};
	char *saved[sizeof own / sizeof *own], nothing[] = "", *text;

	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		saved[i] = *own[i];
		*own[i] = nothing;
	}
	text = config_print(config);
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		*own[i] = saved[i];
	return text;
}

int config_fill_hashes(struct config *config)
{
	_cleanup_free_ char *text = print_shared(config);

	if (!text)
		return -ENOMEM;
	config->hash = hash_text(HASH64_INIT, text);
	config->safety_hash = safety_hash(config);
	config->objects_hash = objects_hash(config);
	return 0;
}

/* ---- for core_new() ---- */

static void timing_to_core(const struct timing_config *timing, struct core_config *ret)
{
	ret->interval_us = timing->interval_us;
	ret->timeout_us = timing->timeout_us;
	ret->stall_timeout_us = timing->stall_timeout_us;
	ret->lease_us = timing->lease_us;
	ret->lease_margin_us = timing->lease_margin_us;
	ret->drift_ppm = timing->drift_ppm;
	ret->late_percent = timing->late_percent;
	ret->startup_wait_us = timing->startup_wait_us;
	ret->request_timeout_us = timing->request_timeout_us;
	ret->flap_limit = timing->flap_limit;
	ret->flap_window_us = timing->flap_window_us;
	ret->failure_expiry_us = timing->failure_expiry_us;
	ret->quarantine_us = timing->quarantine_us;
	ret->quarantine_max_us = timing->quarantine_max_us;
}

static void fencing_to_core(const struct config *config, struct core_config *ret)
{
	const struct fencing_config *fencing = &config->fencing;

	ret->fence_tie = config_fence_tie(config);
	ret->fence_reboot = !fencing->off;
	ret->fence_retries = fencing->retries;
	ret->fence_retry_wait_us = fencing->retry_wait_us;
	ret->fence_priority_us = fencing->priority_us;
	ret->quorum_loss = config->quorum_loss;
	for (uint8_t i = 0; i < config->n_nodes; i++) {
		const struct node_config *node = &config->nodes[i];

		ret->nodes[i].fence_delay_us = node->fence_delay_us;
		ret->nodes[i].n_fence_levels = node->n_fence_levels;
		for (uint8_t l = 0; l < node->n_fence_levels; l++)
			ret->nodes[i].fence_timeout_us[l] = config_fence_level_us(config, i, l);
	}
}

static void group_to_core(const struct group_config *group, struct core_group_config *ret)
{
	memcpy(ret->name, group->name, sizeof ret->name);
	ret->autostart = group->autostart;
	ret->failover_manual = group->failover_manual;
	ret->failback = group->failback;
	ret->failover_limit = group->failover_limit;
	ret->failover_window_us = group->failover_window_us;
	ret->n_nodes = group->n_nodes;
	memcpy(ret->nodes, group->nodes, sizeof ret->nodes);
	ret->n_start_after = group->n_start_after;
	ret->n_stop_after = group->n_stop_after;
	memcpy(ret->start_after, group->start_after, sizeof ret->start_after);
	memcpy(ret->stop_after, group->stop_after, sizeof ret->stop_after);
	ret->start_same_node = group->start_same_node;
	ret->start_wait_continue = group->start_wait_continue;
	ret->stop_wait_when = group->stop_wait_when;
	ret->start_wait_us = group->start_wait_us;
	ret->stop_wait_us = group->stop_wait_us;
}

static void resource_to_core(const struct resource_config *resource,
			     struct core_resource_config *ret)
{
	memcpy(ret->name, resource->name, sizeof ret->name);
	ret->group = resource->group;
	ret->address = resource->type == RESOURCE_TYPE_FIP;
	ret->start_retries = resource->start_retries;
	ret->stop_retries = resource->stop_retries;
	ret->failovers = resource->failovers;
	ret->start_final = (uint8_t)resource->start_final;
	ret->stop_final = (uint8_t)resource->stop_final;
	ret->final_alone = resource->final_alone;
	ret->n_deps = resource->n_deps;
	memcpy(ret->deps, resource->deps, sizeof ret->deps);
	ret->start_timeout_us = resource->start_timeout_us;
	ret->stop_timeout_us = resource->stop_timeout_us;
}

static void monitor_to_core(const struct monitor_config *monitor, struct core_monitor_config *ret)
{
	memcpy(ret->name, monitor->name, sizeof ret->name);
	ret->nodes = monitor->nodes;
	ret->active_group = monitor->active_group;
	ret->active_resource = monitor->active_resource;
	ret->recovery = (uint8_t)monitor->recovery;
	ret->target = monitor->target;
	ret->restarts = monitor->restarts;
	ret->failovers = monitor->failovers;
	ret->final = (uint8_t)monitor->final;
	ret->final_alone = monitor->final_alone;
	ret->critical = monitor->critical;
	ret->scripts = (uint8_t)((monitor->before_restart ? 1 << STAGE_RESTART : 0) |
				 (monitor->before_failover ? 1 << STAGE_FAILOVER : 0) |
				 (monitor->before_final ? 1 << STAGE_FINAL : 0));
	ret->script_timeout_us = monitor->script_timeout_us;
}

static void objects_to_core(const struct config *config, struct core_config *ret)
{
	ret->n_groups = config->n_groups;
	ret->n_resources = config->n_resources;
	ret->n_monitors = config->n_monitors;
	ret->n_exclusions = config->n_exclusions;
	for (uint16_t i = 0; i < config->n_groups; i++)
		group_to_core(&config->groups[i], &ret->groups[i]);
	for (uint16_t i = 0; i < config->n_resources; i++)
		resource_to_core(&config->resources[i], &ret->resources[i]);
	for (uint16_t i = 0; i < config->n_monitors; i++)
		monitor_to_core(&config->monitors[i], &ret->monitors[i]);
	for (uint8_t i = 0; i < config->n_exclusions; i++) {
		ret->exclusions[i].absolute = config->exclusions[i].absolute;
		memcpy(ret->exclusions[i].groups, config->exclusions[i].groups,
		       sizeof ret->exclusions[i].groups);
	}
}

void config_to_core(const struct config *config, uint8_t self, struct core_config *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->n_nodes = config->n_nodes;
	ret->self = self;
	ret->n_links = config->n_links;
	ret->takeover = (uint8_t)config->takeover;
	ret->probes = config->kernel_path != KERNEL_PATH_OFF;
	ret->config_hash = config->hash;
	ret->safety_hash = config->safety_hash;
	ret->objects_hash = config->objects_hash;
	timing_to_core(&config->timing, ret);
	for (uint8_t i = 0; i < config->n_nodes; i++) {
		memcpy(ret->nodes[i].name, config->nodes[i].name, sizeof ret->nodes[i].name);
		ret->nodes[i].votes = config->nodes[i].votes;
		ret->nodes[i].hosts = !config->nodes[i].witness;
	}
	fencing_to_core(config, ret);
	objects_to_core(config, ret);
}
