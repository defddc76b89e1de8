/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies from the core what the verdict is made from. */
#include "agent/ctl_fence.h"
#include "agent/ctl_internal.h"

#include <stdio.h>
#include <string.h>

static uint8_t links_down(const struct config *config, uint8_t self, uint8_t peer, uint8_t paths)
{
	uint8_t down = 0;

	for (uint8_t k = 0; k < config->n_links; k++) {
		bool used = config->nodes[self].link[k].ss_family != AF_UNSPEC &&
			    config->nodes[peer].link[k].ss_family != AF_UNSPEC;

		if (used && !(paths & 1U << k))
			down++;
	}
	return down;
}

static void collect_node(struct agent *agent, uint8_t n, const struct core_self_info *self,
			 ha_time now)
{
	const struct node_config *config = &agent->config->nodes[n];
	struct verdict_node *fact = &agent->facts->nodes[n];
	struct core_peer_info info;

	core_peer_info(agent->core, n, now, &info);
	*fact = (struct verdict_node){
		.votes = config->votes,
		.hosts = !config->witness,
		.member = node_mask_has(self->view.members, n),
		.state = info.state,
		.config_differs = info.config_differs,
		.leaving = info.mode == NODE_MODE_STOPPING || info.mode == NODE_MODE_STOPPED,
	};
	(void)snprintf(fact->name, sizeof fact->name, "%s", config->name);
	fact->stalled_us = info.state == PEER_STALLED ? info.stalled_us : 0;
	fact->usable = fact->member && info.mode == NODE_MODE_ONLINE && !fact->stalled_us;
	if (n != agent->self && fact->member && !fact->stalled_us) /* else they tell nothing */
		fact->links_down = links_down(agent->config, agent->self, n, info.paths);
}

static void collect_fencing(struct agent *agent, uint8_t n, ha_time now)
{
	struct verdict_node *fact = &agent->facts->nodes[n];
	struct core_fence_info info;

	fence_look(agent, n, now, &info);
	fact->fence_check = (uint8_t)fence_check_now(agent, n, &info, now);
	fact->fence_state = info.state;
	fact->fence_executor = info.executor;
	fact->with = info.with;
}

static void collect_group(struct agent *agent, uint16_t g, ha_time now)
{
	const struct group_config *config = &agent->config->groups[g];
	struct verdict_group *fact = &agent->facts->groups[g];
	struct core_group_info info;

	core_group_info(agent->core, g, now, &info);
	*fact = (struct verdict_group){
		.wanted = info.intent.wanted == WANTED_ONLINE,
		.state = info.state,
		.current = info.current,
		.blocked_by = info.blocked_by,
		.failed = info.failed,
		.failover_manual = config->failover_manual,
		.held = info.held,
		.waits_for = info.waits_for,
		.failed_on = info.failed_on,
	};
	(void)snprintf(fact->name, sizeof fact->name, "%s", config->name);
	for (uint8_t i = 0; i < config->n_nodes; i++)
		fact->allowed |= node_bit(config->nodes[i]);
}

static void collect_monitor(struct agent *agent, uint16_t m)
{
	const struct monitor_config *config = &agent->config->monitors[m];
	struct verdict_monitor *fact = &agent->facts->monitors[m];
	struct core_monitor_info info;

	core_monitor_info(agent->core, m, &info);
	*fact = (struct verdict_monitor){
		.critical = config->critical,
		.suspended = info.intent.suspended & config->nodes,
		.failing = info.intent.failing & config->nodes,
	};
	(void)snprintf(fact->name, sizeof fact->name, "%s", config->name);
	for (uint8_t n = 0; n < agent->config->n_nodes; n++) {
		if (info.on[n].status != MONITOR_ERROR)
			continue;
		fact->in_error |= node_bit(n);
		agent->facts->nodes[n].unfit |= config->critical;
	}
}

static void collect_cluster(struct agent *agent, ha_time now)
{
	struct core_cluster_info info;

	core_cluster_info(agent->core, now, &info);
	agent->facts->suspended = info.intent.mode == CLUSTER_SUSPENDED;
	agent->facts->ratio = info.intent.ratio;
	agent->facts->ratio_left_us = info.ratio_left_us;
}

void facts_collect(struct agent *agent, ha_time now)
{
	struct verdict_facts *facts = agent->facts;
	struct core_self_info self;

	core_self_info(agent->core, now, &self);
	facts->quorate = self.quorate;
	facts->lease_valid = self.lease_valid;
	facts->starting = !self.warm;
	facts->store_ok = !self.store_failed;
	facts->self_mode = self.mode;
	facts->votes_total = self.votes_total;
	facts->votes_view = self.votes_view;
	facts->n_nodes = agent->config->n_nodes;
	facts->n_groups = agent->config->n_groups;
	facts->n_monitors = agent->config->n_monitors;
	collect_cluster(agent, now);
	facts->takeover_fence = agent->config->takeover == TAKEOVER_FENCE;
	facts->fence_tie = config_fence_tie(agent->config);
	facts->tie = self.tie;
	facts->lease_by_half = self.lease_by_half;
	for (uint8_t n = 0; n < facts->n_nodes; n++) {
		collect_node(agent, n, &self, now);
		collect_fencing(agent, n, now);
	}
	for (uint16_t g = 0; g < facts->n_groups; g++)
		collect_group(agent, g, now);
	for (uint16_t m = 0; m < facts->n_monitors; m++) /* after the nodes, which it marks */
		collect_monitor(agent, m);
}

void facts_tell_manager(struct agent *agent)
{
	struct verdict verdict;

	verdict_judge(agent->facts, &verdict);
	notify_manager(agent->notify, "STATUS=%s", verdict.text);
}
