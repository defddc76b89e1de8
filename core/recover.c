/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What follows a monitor's error (rules M1, M2, M3, M5): the next step that is left, after its
 * program. A step is over when nothing of what it touched is being started or stopped any more.
 *
 *                        +-- well meanwhile, or not possible any more --+
 *                        v                                              |
 *   checks --ERROR--> program, if there is one for this step ---------->+
 *     ^                  |
 *     |                  v
 *     |               restart in place; failover; final action (the first of these that is left)
 *     |                  |
 *     +--- over: anew ---+   the counters are in struct monitor
 */
#include "core/internal.h"

/* The group that a monitor's target is part of; UINT16_MAX: the node, or nothing. */
static uint16_t group_of(const struct core *c, const struct core_monitor_config *cfg)
{
	if (cfg->recovery == RECOVER_RESOURCE)
		return c->cfg.resources[cfg->target].group;
	return cfg->recovery == RECOVER_GROUP ? cfg->target : UINT16_MAX;
}

static uint16_t resource_of(const struct core_monitor_config *cfg)
{
	return cfg->recovery == RECOVER_RESOURCE ? cfg->target : UINT16_MAX;
}

/* It runs here and is not on its way to anything else. */
static bool group_active(const struct core *c, uint16_t group)
{
	const struct group *g = &c->groups[group];

	return g->run && g->state == GROUP_ONLINE && !g->restarting;
}

static bool any_group_active(const struct core *c)
{
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		if (group_active(c, g))
			return true;
	return false;
}

static bool target_active(const struct core *c, const struct core_monitor_config *cfg)
{
	switch ((enum recovery_target)cfg->recovery) {
	case RECOVER_RESOURCE:
		return group_active(c, c->cfg.resources[cfg->target].group) &&
		       c->resources[cfg->target].state == RESOURCE_ONLINE;
	case RECOVER_GROUP:
		return group_active(c, cfg->target);
	case RECOVER_NODE:
	case RECOVER_NOTHING:
		break;
	}
	return true;
}

static bool any_restarting(const struct core *c)
{
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		if (c->groups[g].restarting)
			return true;
	return false;
}

bool recover_pauses(const struct core *c, uint16_t monitor)
{
	const struct core_monitor_config *cfg = &c->cfg.monitors[monitor];
	uint16_t group = group_of(c, cfg);

	if (c->monitors[monitor].acting)
		return true;
	if (group != UINT16_MAX)
		return c->groups[group].restarting;
	return cfg->recovery == RECOVER_NODE && any_restarting(c);
}

/* What the step of this monitor began is not over. */
static bool target_busy(const struct core *c, const struct core_monitor_config *cfg)
{
	uint16_t group = group_of(c, cfg);

	if (group != UINT16_MAX)
		return group_busy(c, group);
	for (uint16_t g = 0; cfg->recovery == RECOVER_NODE && g < c->cfg.n_groups; g++)
		if (group_busy(c, g))
			return true;
	return false;
}

/* ---- the next step (rule M2) ---- */

static unsigned int failover_limit(const struct core *c, const struct core_monitor_config *cfg)
{
	uint16_t group = group_of(c, cfg);

	if (cfg->failovers != FAILOVERS_NODES)
		return cfg->failovers;
	return group == UINT16_MAX ? c->cfg.n_nodes : c->cfg.groups[group].n_nodes;
}

/* Somebody else would be given it. */
static bool group_could_move(const struct core *c, uint16_t group)
{
	return group_active(c, group) && !place_worn_out(c, group) &&
	       place_possible(c, group, ~node_bit(c->self));
}

static bool could_move(const struct core *c, const struct core_monitor_config *cfg)
{
	uint16_t group = group_of(c, cfg);

	if (group != UINT16_MAX)
		return group_could_move(c, group);
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		if (group_could_move(c, g))
			return true;
	return false;
}

static enum recovery_stage next_stage(const struct core *c, uint16_t monitor)
{
	const struct core_monitor_config *cfg = &c->cfg.monitors[monitor];
	const struct monitor *m = &c->monitors[monitor];
	bool anything = cfg->recovery != RECOVER_NOTHING &&
			(cfg->recovery != RECOVER_NODE || any_group_active(c));

	if (anything && m->restarts < cfg->restarts)
		return STAGE_RESTART;
	if (anything && m->failovers < failover_limit(c, cfg) && could_move(c, cfg))
		return STAGE_FAILOVER;
	return m->final ? STAGE_COUNT_ : STAGE_FINAL;
}

/* Another monitor is at work on the same group, or on the node. */
static bool others_busy(const struct core *c, uint16_t monitor)
{
	const struct core_monitor_config *cfg = &c->cfg.monitors[monitor];
	uint16_t group = group_of(c, cfg);

	if (cfg->recovery == RECOVER_NOTHING)
		return false;
	for (uint16_t i = 0; i < c->cfg.n_monitors; i++) {
		const struct core_monitor_config *other = &c->cfg.monitors[i];
		uint16_t theirs = group_of(c, other);

		if (i != monitor && other->recovery != RECOVER_NOTHING &&
		    (c->monitors[i].script || c->monitors[i].acting) &&
		    (theirs == group || theirs == UINT16_MAX || group == UINT16_MAX))
			return true;
	}
	return false;
}

/* ---- the steps ---- */

static void restart_group(struct core *c, uint16_t group, uint16_t monitor)
{
	if (!group_active(c, group))
		return;
	group_say(c, EVENT_GROUP_RESTARTING, group, c->self)->arg[0] = monitor;
	group_restart(c, group, UINT16_MAX);
}

static void restart_resource(struct core *c, uint16_t index, uint16_t monitor)
{
	resource_say(c, EVENT_RESOURCE_RESTARTING, index)->arg[0] = monitor;
	group_restart(c, c->cfg.resources[index].group, index);
}

static void restart(struct core *c, uint16_t monitor)
{
	const struct core_monitor_config *cfg = &c->cfg.monitors[monitor];

	c->monitors[monitor].restarts++;
	struct event *e = monitor_say(c, EVENT_MONITOR_RESTART, monitor);
	e->arg[1] = c->monitors[monitor].restarts;
	e->arg[2] = cfg->restarts;
	e->group = group_of(c, cfg);
	e->resource = resource_of(cfg);
	if (cfg->recovery == RECOVER_RESOURCE) {
		restart_resource(c, cfg->target, monitor);
	} else if (cfg->recovery == RECOVER_GROUP) {
		restart_group(c, cfg->target, monitor);
	} else {
		for (uint16_t g = 0; g < c->cfg.n_groups; g++)
			restart_group(c, g, monitor);
	}
}

static void fail_over(struct core *c, uint16_t monitor)
{
	const struct core_monitor_config *cfg = &c->cfg.monitors[monitor];
	uint16_t group = group_of(c, cfg);

	c->monitors[monitor].failovers++;
	struct event *e = monitor_say(c, EVENT_MONITOR_FAILOVER, monitor);
	e->arg[1] = c->monitors[monitor].failovers;
	e->arg[2] = failover_limit(c, cfg);
	e->group = group;
	e->resource = resource_of(cfg);
	if (group != UINT16_MAX) {
		group_fail(c, group, resource_of(cfg), CAUSE_MONITOR);
		return;
	}
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		if (group_could_move(c, g))
			group_fail(c, g, UINT16_MAX, CAUSE_MONITOR);
}

static void take_final(struct core *c, uint16_t monitor)
{
	const struct core_monitor_config *cfg = &c->cfg.monitors[monitor];
	struct final_origin origin = {
		.group = group_of(c, cfg),
		.resource = resource_of(cfg),
		.monitor = monitor,
	};

	c->monitors[monitor].final = true;
	if (cfg->final == FINAL_STOP_GROUP && origin.group == UINT16_MAX) {
		for (origin.group = 0; origin.group < c->cfg.n_groups; origin.group++)
			if (group_active(c, origin.group))
				(void)final_take(c, cfg->final, cfg->final_alone, &origin);
		return;
	}
	(void)final_take(c, cfg->final, cfg->final_alone, &origin);
}

static void act(struct core *c, uint16_t monitor, enum recovery_stage stage)
{
	c->monitors[monitor].acting = true;
	if (stage == STAGE_RESTART)
		restart(c, monitor);
	else if (stage == STAGE_FAILOVER)
		fail_over(c, monitor);
	else
		take_final(c, monitor);
	c->groups_dirty = c->place_dirty = c->again = true;
}

/* ---- programs before a step (rule M5) ---- */

enum script_progress { SCRIPT_RUNS, SCRIPT_ENDED_WELL, SCRIPT_FAILED };

static void say_script(struct core *c, uint16_t monitor, enum script_progress how, const char *text)
{
	struct event *e = monitor_say(c, EVENT_MONITOR_SCRIPT, monitor);

	e->group = group_of(c, &c->cfg.monitors[monitor]);
	e->arg[1] = c->monitors[monitor].stage;
	e->arg[2] = how;
	core_say_text(e, text);
}

static void run_script(struct core *c, uint16_t monitor, enum recovery_stage stage)
{
	struct monitor *m = &c->monitors[monitor];
	struct core_action *a = core_act(c, CORE_ACTION_SCRIPT);

	m->script = operation_next(c);
	m->stage = (uint8_t)stage;
	/* the driver ends it in time, and says so: this is for a driver that does not */
	m->script_deadline =
		ha_time_add(c->now, c->cfg.monitors[monitor].script_timeout_us + KILL_GRACE_US);
	a->script.operation = m->script;
	a->script.monitor = monitor;
	a->script.stage = (uint8_t)stage;
	say_script(c, monitor, SCRIPT_RUNS, NULL);
}

/* ---- from an error to a step (rule M2) ---- */

static void skip(struct core *c, uint16_t monitor, enum monitor_skip why)
{
	struct monitor *m = &c->monitors[monitor];

	if (m->skips & 1U << why)
		return;
	m->skips |= (uint8_t)(1U << why);
	struct event *e = monitor_say(c, EVENT_MONITOR_SKIPPED, monitor);
	e->group = group_of(c, &c->cfg.monitors[monitor]);
	e->arg[1] = why;
}

/* Whether an error may have a consequence now; else it is said why not. */
static bool may_act(struct core *c, uint16_t monitor)
{
	if (c->mode != NODE_MODE_ONLINE)
		skip(c, monitor, SKIP_LEAVING);
	else if (core_suspended(c))
		skip(c, monitor, SKIP_SUSPENDED);
	else if (others_busy(c, monitor))
		skip(c, monitor, SKIP_BUSY);
	else if (!c->lease_valid || !target_active(c, &c->cfg.monitors[monitor]))
		skip(c, monitor, SKIP_INACTIVE);
	else
		return true;
	return false;
}

static void recover(struct core *c, uint16_t monitor)
{
	const struct core_monitor_config *cfg = &c->cfg.monitors[monitor];
	struct monitor *m = &c->monitors[monitor];
	enum recovery_stage stage;

	m->due = false;
	if (cfg->recovery == RECOVER_NOTHING && cfg->final == FINAL_NONE)
		return; /* nothing was configured */
	if (!may_act(c, monitor))
		return;
	stage = next_stage(c, monitor);
	if (stage == STAGE_COUNT_) {
		skip(c, monitor, SKIP_DONE);
		return;
	}
	m->skips = 0;
	if (cfg->scripts & 1U << stage)
		run_script(c, monitor, stage);
	else
		act(c, monitor, stage);
}

/* The step itself, unless the reason for it has gone meanwhile. */
static void after_script(struct core *c, uint16_t monitor, bool ok, const char *text)
{
	struct monitor *m = &c->monitors[monitor];

	say_script(c, monitor, ok ? SCRIPT_ENDED_WELL : SCRIPT_FAILED, text);
	m->script = 0;
	m->due = false;
	if (!m->run || m->verdict != MONITOR_ERROR || !may_act(c, monitor))
		return;
	if (next_stage(c, monitor) == m->stage)
		act(c, monitor, (enum recovery_stage)m->stage);
	else
		m->due = true; /* that step is not possible any more: another one is */
}

void recover_script_done(struct core *c, const struct core_event *event)
{
	if (!event->script_done.operation)
		return;
	for (uint16_t i = 0; i < c->cfg.n_monitors; i++)
		if (c->monitors[i].script == event->script_done.operation) {
			after_script(c, i, event->script_done.ok, event->script_done.text);
			return;
		}
}

void recover_step(struct core *c)
{
	for (uint16_t i = 0; i < c->cfg.n_monitors; i++) {
		struct monitor *m = &c->monitors[i];

		if (!m->acting || target_busy(c, &c->cfg.monitors[i]))
			continue;
		m->acting = false; /* rule M3: it begins anew */
		c->again = true;
	}
	for (uint16_t i = 0; i < c->cfg.n_monitors; i++) {
		struct monitor *m = &c->monitors[i];

		if (m->script && ha_time_reached(m->script_deadline, c->now))
			after_script(c, i, false, "did not end in time");
		if (m->due && !m->script)
			recover(c, i);
		if (m->script)
			c->monitors_deadline =
				ha_time_min(c->monitors_deadline, m->script_deadline);
	}
}
