/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What follows a monitor's error (rules M2, M3, M5): the next step that is left, after its program.
 *
 *   ERROR --> restart in place --> failover --> final action --> nothing more
 *      ^            |                 |
 *      +-- ERROR again after a round of checks; the counters are in struct monitor
 */
#include "core/internal.h"

/* The group that a monitor's target is part of; UINT16_MAX: the node, or nothing. */
static uint16_t group_of(const struct core *c, const struct core_monitor_config *cfg)
{
	if (cfg->recovery == RECOVER_RESOURCE)
		return c->cfg.resources[cfg->target].group;
	return cfg->recovery == RECOVER_GROUP ? cfg->target : UINT16_MAX;
}

/* It runs here and is not on its way to anything else. */
static bool group_active(const struct core *c, uint16_t group)
{
	return c->groups[group].run && c->groups[group].state == GROUP_ONLINE;
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

/* ---- the next step (rule M2) ---- */

static unsigned int failover_limit(const struct core *c, const struct core_monitor_config *cfg)
{
	uint16_t group = group_of(c, cfg);

	if (cfg->failovers != FAILOVERS_NODES)
		return cfg->failovers;
	return group == UINT16_MAX ? c->cfg.n_nodes : c->cfg.groups[group].n_nodes;
}

/* Somebody else could take what it would move. */
static bool could_move(const struct core *c, const struct core_monitor_config *cfg)
{
	uint16_t group = group_of(c, cfg);

	if (group != UINT16_MAX)
		return place_possible(c, group, ~node_bit(c->self));
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		if (group_active(c, g) && place_possible(c, g, ~node_bit(c->self)))
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
	uint16_t group = group_of(c, &c->cfg.monitors[monitor]);

	for (uint16_t i = 0; i < c->cfg.n_monitors; i++) {
		uint16_t theirs = group_of(c, &c->cfg.monitors[i]);

		if (i != monitor && c->monitors[i].script &&
		    (theirs == group || theirs == UINT16_MAX || group == UINT16_MAX))
			return true;
	}
	return false;
}

/* ---- the steps ---- */

static void restart_resource(struct core *c, uint16_t index)
{
	struct resource *r = &c->resources[index];

	if (r->state != RESOURCE_ONLINE)
		return;
	/* found broken, but not by a start of its own: its retries are not used up by that */
	r->state = RESOURCE_START_FAILED;
	r->failures = 0;
	r->start_final = FINAL_OPEN;
	c->groups[c->cfg.resources[index].group].cause = CAUSE_RESTART;
	c->groups_dirty = c->place_dirty = true;
}

static void restart_group(struct core *c, uint16_t group, uint16_t monitor)
{
	const struct group *g = &c->groups[group];

	if (!group_active(c, group))
		return;
	group_say(c, EVENT_GROUP_RESTARTING, group, c->self)->arg[0] = monitor;
	for (uint16_t i = g->first; i < g->first + g->n; i++)
		restart_resource(c, i);
}

static void restart(struct core *c, uint16_t monitor)
{
	const struct core_monitor_config *cfg = &c->cfg.monitors[monitor];

	c->monitors[monitor].restarts++;
	struct event *e = monitor_say(c, EVENT_MONITOR_RESTART, monitor);
	e->arg[1] = c->monitors[monitor].restarts;
	e->arg[2] = cfg->restarts;
	e->group = group_of(c, cfg);
	if (cfg->recovery == RECOVER_RESOURCE) {
		resource_say(c, EVENT_RESOURCE_RESTARTING, cfg->target);
		restart_resource(c, cfg->target);
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
	if (group != UINT16_MAX) {
		group_fail(c, group, cfg->recovery == RECOVER_RESOURCE ? cfg->target : UINT16_MAX,
			   CAUSE_MONITOR);
		return;
	}
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		if (group_active(c, g) && place_possible(c, g, ~node_bit(c->self)))
			group_fail(c, g, UINT16_MAX, CAUSE_MONITOR);
}

static void take_final(struct core *c, uint16_t monitor)
{
	const struct core_monitor_config *cfg = &c->cfg.monitors[monitor];
	struct final_origin origin = {
		.group = group_of(c, cfg),
		.resource = cfg->recovery == RECOVER_RESOURCE ? cfg->target : UINT16_MAX,
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

static void skip(struct core *c, uint16_t monitor, const char *why)
{
	struct event *e = monitor_say(c, EVENT_MONITOR_SKIPPED, monitor);

	for (size_t i = 0; i < sizeof e->text - 1 && why[i]; i++)
		e->text[i] = why[i];
}

/* Nothing may be done now at all; these are said elsewhere, or are no news. */
static bool may_recover(const struct core *c)
{
	return !core_suspended(c) && c->mode == NODE_MODE_ONLINE && c->lease_valid;
}

static void act(struct core *c, uint16_t monitor, enum recovery_stage stage)
{
	if (stage == STAGE_RESTART)
		restart(c, monitor);
	else if (stage == STAGE_FAILOVER)
		fail_over(c, monitor);
	else
		take_final(c, monitor);
	monitor_begin_anew(c, monitor);
	c->groups_dirty = c->place_dirty = c->again = true;
}

/* ---- programs before a step (rule M5) ---- */

static void run_script(struct core *c, uint16_t monitor, enum recovery_stage stage)
{
	struct monitor *m = &c->monitors[monitor];
	struct core_action *a = core_act(c, CORE_ACTION_SCRIPT);

	m->script = operation_next(c);
	m->stage = (uint8_t)stage;
	m->script_deadline =
		ha_time_add(c->now, c->cfg.monitors[monitor].script_timeout_us + KILL_GRACE_US);
	a->script.operation = m->script;
	a->script.monitor = monitor;
	a->script.stage = (uint8_t)stage;
}

/* The step itself, unless the reason for it has gone meanwhile. */
static void after_script(struct core *c, uint16_t monitor, const char *how)
{
	struct monitor *m = &c->monitors[monitor];
	struct event *e = monitor_say(c, EVENT_MONITOR_SCRIPT, monitor);

	e->arg[1] = m->stage;
	for (size_t i = 0; how && i < sizeof e->text - 1 && how[i]; i++)
		e->text[i] = how[i];
	m->script = 0;
	if (m->run && m->verdict == MONITOR_ERROR && may_recover(c) &&
	    next_stage(c, monitor) == m->stage && target_active(c, &c->cfg.monitors[monitor]))
		act(c, monitor, (enum recovery_stage)m->stage);
	c->again = true;
}

void recover_script_done(struct core *c, const struct core_event *event)
{
	const char *text = event->script_done.text;

	if (!event->script_done.operation)
		return;
	for (uint16_t i = 0; i < c->cfg.n_monitors; i++)
		if (c->monitors[i].script == event->script_done.operation) {
			after_script(c, i,
				     text && *text	     ? text
				     : event->script_done.ok ? "ended well"
							     : "failed");
			return;
		}
}

/* ---- */

static void recover(struct core *c, uint16_t monitor)
{
	const struct core_monitor_config *cfg = &c->cfg.monitors[monitor];
	struct monitor *m = &c->monitors[monitor];
	enum recovery_stage stage;

	if (!m->due || m->script || others_busy(c, monitor))
		return;
	m->due = false;
	if (!may_recover(c))
		return;
	if (!target_active(c, cfg)) {
		if (!m->skip_said)
			skip(c, monitor, "its target does not run here");
		m->skip_said = true;
		return;
	}
	m->skip_said = false;
	stage = next_stage(c, monitor);
	if (stage == STAGE_COUNT_ ||
	    (stage == STAGE_FINAL && cfg->recovery == RECOVER_NOTHING && cfg->final == FINAL_NONE))
		return; /* there is nothing left, or nothing was configured */
	if (cfg->scripts & 1U << stage)
		run_script(c, monitor, stage);
	else
		act(c, monitor, stage);
}

void recover_step(struct core *c)
{
	for (uint16_t i = 0; i < c->cfg.n_monitors; i++) {
		struct monitor *m = &c->monitors[i];

		if (m->script && ha_time_reached(m->script_deadline, c->now))
			after_script(c, i, "did not end in time");
		recover(c, i);
		if (m->script)
			c->monitors_deadline =
				ha_time_min(c->monitors_deadline, m->script_deadline);
	}
}
