/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Life cycle of a core and the order of work within one step. */
#include "core/internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static bool group_valid(const struct core_config *cfg, const struct core_group_config *g)
{
	if (g->n_nodes > NODES_MAX || g->n_start_after > GROUP_WAITS_MAX ||
	    g->n_stop_after > GROUP_WAITS_MAX)
		return false;
	for (uint8_t i = 0; i < g->n_nodes; i++)
		if (g->nodes[i] >= cfg->n_nodes)
			return false;
	for (uint8_t i = 0; i < g->n_start_after; i++)
		if (g->start_after[i] >= cfg->n_groups)
			return false;
	for (uint8_t i = 0; i < g->n_stop_after; i++)
		if (g->stop_after[i] >= cfg->n_groups)
			return false;
	return true;
}

static bool resource_valid(const struct core_config *cfg, uint16_t i)
{
	const struct core_resource_config *r = &cfg->resources[i];

	if (r->group >= cfg->n_groups || r->n_deps > DEPS_MAX ||
	    r->start_final >= FINAL_ACTION_COUNT_ || r->stop_final >= FINAL_ACTION_COUNT_)
		return false;
	if (i && r->group < cfg->resources[i - 1].group)
		return false;
	for (uint8_t d = 0; d < r->n_deps; d++)
		if (r->deps[d] >= i || cfg->resources[r->deps[d]].group != r->group)
			return false;
	return true;
}

int core_config_validate(const struct core_config *cfg)
{
	uint64_t votes = 0;

	if (cfg->n_nodes == 0 || cfg->n_nodes > NODES_MAX || cfg->self >= cfg->n_nodes)
		return -EINVAL;
	if (cfg->n_groups > GROUPS_MAX || cfg->n_resources > RESOURCES_MAX ||
	    cfg->n_exclusions > EXCLUSIONS_MAX || cfg->n_monitors > MONITORS_MAX ||
	    cfg->n_links > LINKS_MAX || cfg->flap_limit > FLAPS_MAX)
		return -EINVAL;
	if (cfg->interval_us == 0 || cfg->timeout_us < 3 * cfg->interval_us ||
	    cfg->lease_us < cfg->timeout_us || cfg->lease_us > LEASE_CONFIG_MAX_US)
		return -EINVAL;
	/* 0: none, so that a stalled agent counts as failed at once */
	if ((cfg->stall_timeout_us && cfg->stall_timeout_us < cfg->timeout_us) ||
	    cfg->stall_timeout_us > LEASE_CONFIG_MAX_US)
		return -EINVAL;
	for (uint8_t i = 0; i < cfg->n_nodes; i++) {
		votes += cfg->nodes[i].votes;
		if (cfg->nodes[i].n_fence_levels > FENCE_LEVELS_MAX ||
		    (cfg->fence_tie && !cfg->nodes[i].votes)) /* rule X8 */
			return -EINVAL;
	}
	if (cfg->quorum_loss >= FINAL_ACTION_COUNT_ ||
	    (cfg->fence_tie && cfg->takeover != TAKEOVER_FENCE))
		return -EINVAL;
	if (votes == 0 || votes > UINT32_MAX / 2)
		return -EINVAL;
	for (uint16_t g = 0; g < cfg->n_groups; g++)
		if (!group_valid(cfg, &cfg->groups[g]))
			return -EINVAL;
	for (uint16_t i = 0; i < cfg->n_resources; i++)
		if (!resource_valid(cfg, i))
			return -EINVAL;
	return 0;
}

static void init_epochs(struct core *c, const struct durable_state *durable)
{
	uint64_t lease_before = durable ? durable->lease_max_us : 0;

	c->incarnation = (durable ? durable->incarnation : 0) + 1;
	c->generation = durable ? durable->generation : 0;
	c->promised = durable ? durable->epoch_reserve : 0; /* rule P2 */
	c->epoch_seen = c->promised;
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		if (c->intents[g].version.epoch > c->epoch_seen)
			c->epoch_seen = c->intents[g].version.epoch;
	if (c->cluster.version.epoch > c->epoch_seen)
		c->epoch_seen = c->cluster.version.epoch;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		c->peers[n].excluded = c->promised; /* rule L8: it may have */
	c->lease_max_us = lease_before > c->cfg.lease_us ? lease_before : c->cfg.lease_us;
	c->lease_lowered = c->now;
	/* rule L5: whoever ran before us may have granted up to the moment of its death */
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		c->peers[n].granted_clear = ha_time_add(c->now, lease_clear_us(c, c->lease_max_us));
}

int core_new(const struct core_config *config, const struct durable_state *durable,
	     const bool *leftovers, ha_time now, struct core **ret)
{
	_cleanup_free_ struct core *c = NULL;
	int r = core_config_validate(config);

	if (r < 0)
		return r;
	c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	c->cfg = *config;
	c->self = config->self;
	c->votes_total = core_votes(c, core_all(c));
	c->now = c->started = c->next_beat = c->grants_after = now;
	c->mode = NODE_MODE_STARTING;
	c->monitors_deadline = HA_TIME_NEVER;
	c->timeout_us = config->timeout_us;
	c->lease_us = config->lease_us;
	c->ratio = 1;
	c->lease_number = 1;
	c->unshrunk_us = UINT64_MAX / 2; /* it never did */
	restore_intents(c, durable);
	init_epochs(c, durable);
	group_init(c, leftovers);
	c->intent_digest = intent_digest(c);
	c->persist_wanted = true;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		c->fence_rows[n].by = NODE_NONE;
		for (uint8_t t = 0; t < c->cfg.n_nodes; t++)
			c->peers[n].fences[t].by = NODE_NONE;
		c->fence_rows[n].check = n != c->self && c->cfg.nodes[n].n_fence_levels
						 ? FENCE_CHECK_UNKNOWN
						 : FENCE_CHECK_NONE;
		c->peers[n].actual_stale = true;
		c->votes[n] = c->cfg.nodes[n].votes;
	}
	*ret = TAKE_PTR(c);
	return 0;
}

struct core *core_free(struct core *core)
{
	free(core);
	return NULL;
}

int version_compare(const struct version *a, const struct version *b)
{
	if (a->epoch != b->epoch)
		return a->epoch < b->epoch ? -1 : 1;
	if (a->counter != b->counter)
		return a->counter < b->counter ? -1 : 1;
	return 0;
}

struct core_action *core_act(struct core *c, enum core_action_type type)
{
	struct core_actions *list = c->actions;

	assert(list->n < CORE_ACTIONS_MAX);
	struct core_action *action = &list->action[list->n++];
	memset(action, 0, sizeof *action);
	action->type = type;
	return action;
}

struct event *core_say(struct core *c, enum event_id id, uint8_t node)
{
	struct event *e = &core_act(c, CORE_ACTION_EVENT)->event;

	e->id = (uint16_t)id;
	e->at = c->now;
	e->origin = c->self;
	e->node = node;
	e->group = UINT16_MAX;
	e->resource = UINT16_MAX;
	e->epoch = c->installed.epoch;
	return e;
}

void core_say_text(struct event *e, const char *text)
{
	size_t n = text ? strlen(text) : 0;

	if (n >= sizeof e->text)
		n = sizeof e->text - 1;
	if (n)
		memcpy(e->text, text, n);
}

node_mask core_all(const struct core *c)
{
	return c->cfg.n_nodes == 32 ? UINT32_MAX : node_bit(c->cfg.n_nodes) - 1;
}

uint32_t core_votes(const struct core *c, node_mask mask)
{
	uint32_t votes = 0;
	unsigned int n;

	node_mask_for_each (n, mask)
		votes += c->cfg.nodes[n].votes;
	return votes;
}

bool core_same_objects(const struct core *c, unsigned int node)
{
	return is_self(c, node) || (!c->peers[node].mismatch && !c->peers[node].objects_differ);
}

bool core_settled(const struct core *c, unsigned int node)
{
	return c->installed.epoch &&
	       (is_self(c, node)
			? view_equal(&c->accepted, &c->installed)
			: c->peers[node].verified &&
				  view_equal(&c->peers[node].head.accepted, &c->installed));
}

static void take_event(struct core *c, const struct core_event *event)
{
	switch (event->type) {
	case CORE_EVENT_VECTOR:
		detect_vector(c, event->vector.vector, event->vector.link);
		break;
	case CORE_EVENT_PERSISTED:
		persist_done(c, event->persisted.generation, event->persisted.result);
		break;
	case CORE_EVENT_RESOURCE_DONE:
		resource_done(c, event);
		break;
	case CORE_EVENT_RESOURCE_LOST:
		resource_lost(c, event);
		break;
	case CORE_EVENT_REQUEST:
		request_enter(c, event);
		break;
	case CORE_EVENT_FENCED:
		if (event->fenced.node < c->cfg.n_nodes && !is_self(c, event->fenced.node))
			fence_is_off(c, event->fenced.node, event->fenced.incarnation,
				     event->fenced.since);
		break;
	case CORE_EVENT_LEAVE:
		c->leave = true;
		break;
	case CORE_EVENT_MONITOR:
		monitor_verdict(c, event);
		break;
	case CORE_EVENT_SCRIPT_DONE:
		recover_script_done(c, event);
		break;
	case CORE_EVENT_CONFIG_READY:
		operate_config_ready(c, event->config_ready.hash);
		break;
	case CORE_EVENT_PROBE_ANSWER:
		kernel_answer(c, event);
		break;
	case CORE_EVENT_TAKEN_BACK:
		delegate_taken_back(c, event);
		break;
	case CORE_EVENT_FENCE_DONE:
		execute_done(c, event);
		break;
	case CORE_EVENT_FENCE_CHECK:
		fence_checked(c, event);
		break;
	case CORE_EVENT_KERNEL: /* has been looked at */
	case CORE_EVENT_TICK:
	case CORE_EVENT_TYPE_COUNT_:
		break;
	}
}

void core_step(struct core *c, const struct core_event *event, ha_time now,
	       struct core_actions *actions)
{
	uint64_t elapsed_us = ha_time_since(now, c->now);

	c->actions = actions;
	actions->n = 0;
	c->now = ha_time_max(now, c->now);
	if (event->type == CORE_EVENT_KERNEL)
		lease_kernel_heard(c, event, elapsed_us);
	lease_check(c); /* rule T3: before anything is taken in */
	detect_advance(c, elapsed_us);
	resource_expire(c);
	take_event(c, event);
	c->again = true;
	for (int pass = 0; c->again && pass < SETTLE_MAX; pass++) {
		c->again = false;
		ratio_step(c);
		detect_judge(c);
		mode_step(c);
		view_step(c); /* and what is waived */
		lease_step(c);
		request_step(c);
		place_step(c);
		fence_step(c);
		group_step(c);
		monitor_step(c);
		persist_step(c);
		operate_config_step(c);
	}
	c->restless |= c->again;
	delegate_step(c); /* rule K9: before anything is sent */
	send_step(c);
	c->actions = NULL;
}

ha_time core_deadline(const struct core *c)
{
	ha_time t = ha_time_min(send_deadline(c), detect_deadline(c));

	t = ha_time_min(t, view_deadline(c));
	if (c->lease_valid)
		t = ha_time_min(t, c->lease_until);
	t = ha_time_min(t, request_deadline(c));
	t = ha_time_min(t, ratio_deadline(c));
	t = ha_time_min(t, mode_deadline(c));
	t = ha_time_min(t, c->place_deadline);
	t = ha_time_min(t, execute_deadline(c));
	t = ha_time_min(t, c->groups_deadline);
	t = ha_time_min(t, c->monitors_deadline);
	if (c->persist_wanted && !c->persist_busy)
		t = ha_time_min(t, c->persist_after);
	return t;
}

static void check_kernel(const struct core *c)
{
	unsigned int n;

	/* rule K1 */
	assert(c->lease_valid == (c->lease_number % 2 == 0));
	assert(c->lease_said.number == c->lease_number);
	assert(c->lease_said.until.us == c->lease_until.us);
	node_mask_for_each (n, core_all(c)) {
		const struct peer *p = &c->peers[n];
		uint64_t incarnation = c->delegation.incarnation[n];

		/* rule K8 */
		assert(!incarnation || (c->cfg.kernel && node_mask_has(c->delegated, n)));
		assert(!incarnation ||
		       (lease_may_grant(c, n) && incarnation == p->member_incarnation &&
			c->delegation.excluded[n] == p->excluded));
		/* rule K9: or it is being taken back */
		assert(!node_mask_has(c->delegated, n) || incarnation ||
		       (p->taking_back && p->taking_back <= c->delegation.number));
		assert(!p->stalled || (p->heard && p->verified));
	}
}

void core_check(const struct core *c)
{
	assert(c->accepted.epoch <= c->promised);
	assert(c->installed.epoch <= c->accepted.epoch);
	assert(!c->installed.epoch || node_mask_has(c->installed.members, c->self));
	assert(!c->installed.epoch || core_majority(c, c->installed.members) ||
	       core_tie(c, c->installed.members));
	assert(!(c->waived & ~c->with) && !node_mask_has(c->with, c->self));
	assert(!c->lease_valid || c->installed.epoch);
	assert(c->lease_valid == (c->lease_epoch != 0));
	assert(c->lease_epoch <= c->installed.epoch);
	assert(!c->ready || c->promised <= c->reserve);
	assert(c->now.us % 8 || c->intent_digest == intent_digest(c)); /* it takes long */
	assert(c->cluster.version.epoch <= c->epoch_seen);
	/* rules P4, R5 */
	assert(c->lease_us <= c->lease_max_us);
	assert(!c->ready || c->lease_us <= c->lease_max_durable);
	assert(c->timeout_us <= c->lease_us);
	check_kernel(c);
	assert(!c->restless);
	for (uint16_t g = 0; g < c->cfg.n_groups; g++) {
		/* rules L3, G1: nothing runs without a lease, but for what is being stopped */
		assert(!c->groups[g].run || c->lease_valid);
		assert(c->intents[g].version.epoch <= c->epoch_seen);
	}
}
