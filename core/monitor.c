/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Monitors on this node: when they check, what they say, what others are told of it (rules M1, M3,
 * M4, M6, M7). In events of a monitor arg[0] is its index. What follows an error is in recover.c.
 */
#include "core/internal.h"

#include <string.h>

struct event *monitor_say(struct core *c, enum event_id id, uint16_t monitor)
{
	struct event *e = core_say(c, id, c->self);

	e->arg[0] = monitor;
	return e;
}

/* ---- when it checks (rule M1) ---- */

/* It runs here and is not on its way to anything else. */
static bool target_active(const struct core *c, const struct core_monitor_config *cfg)
{
	if (cfg->active_resource != UINT16_MAX) {
		const struct resource *r = &c->resources[cfg->active_resource];
		uint16_t group = c->cfg.resources[cfg->active_resource].group;

		return r->state == RESOURCE_ONLINE && !r->stop && !r->restart &&
		       c->groups[group].run;
	}
	if (cfg->active_group != UINT16_MAX)
		return c->groups[cfg->active_group].state == GROUP_ONLINE;
	return true;
}

static bool is_suspended(const struct core *c, uint16_t monitor)
{
	return node_mask_has(c->monitor_intents[monitor].suspended, c->self);
}

static bool should_run(const struct core *c, uint16_t monitor)
{
	return c->mode == NODE_MODE_ONLINE && c->ready && !is_suspended(c, monitor) &&
	       target_active(c, &c->cfg.monitors[monitor]) && !recover_pauses(c, monitor);
}

static void clear_counters(struct monitor *m)
{
	m->restarts = m->failovers = 0;
	m->final = false;
	m->skips = 0;
}

static void update_suspended(struct core *c, uint16_t monitor)
{
	struct monitor *m = &c->monitors[monitor];
	bool suspended = is_suspended(c, monitor);

	if (suspended == m->suspended)
		return;
	monitor_say(c, suspended ? EVENT_MONITOR_SUSPENDED : EVENT_MONITOR_RESUMED, monitor);
	m->suspended = suspended;
	if (!suspended)
		clear_counters(m); /* rule M7 */
}

static void update_run(struct core *c, uint16_t monitor)
{
	struct monitor *m = &c->monitors[monitor];
	bool run = should_run(c, monitor);
	bool failing = node_mask_has(c->monitor_intents[monitor].failing, c->self);

	update_suspended(c, monitor);
	if (failing != m->failing)
		monitor_say(c, failing ? EVENT_MONITOR_FAILING : EVENT_MONITOR_FAILING_ENDED,
			    monitor);
	if (run != m->run) {
		monitor_say(c, run ? EVENT_MONITOR_STARTED : EVENT_MONITOR_STOPPED, monitor);
		m->due = m->said = false;
	}
	/* what it said still holds while its target is recovered: that is no reason to be well */
	if (!run && !recover_pauses(c, monitor))
		m->verdict = MONITOR_OFFLINE;
	if (run == m->run && failing == m->failing)
		return;
	m->run = run;
	m->failing = failing;
	struct core_action *a = core_act(c, CORE_ACTION_MONITOR);
	a->monitor.monitor = monitor;
	a->monitor.run = run;
	a->monitor.failing = failing;
}

/* ---- what it says ---- */

static bool is_here(const struct core *c, uint16_t monitor)
{
	return node_mask_has(c->cfg.monitors[monitor].nodes, c->self);
}

static uint8_t status(const struct core *c, uint16_t monitor)
{
	if (!is_here(c, monitor))
		return MONITOR_UNUSED;
	return is_suspended(c, monitor) ? (uint8_t)MONITOR_SUSPENDED : c->monitors[monitor].verdict;
}

static void say_verdict(struct core *c, uint16_t monitor, uint8_t verdict, const char *text)
{
	static const enum event_id ids[MONITOR_STATUS_COUNT_] = {
		[MONITOR_NORMAL] = EVENT_MONITOR_NORMAL,
		[MONITOR_CAUTION] = EVENT_MONITOR_CAUTION,
		[MONITOR_ERROR] = EVENT_MONITOR_ERROR,
	};
	struct event *e = monitor_say(c, ids[verdict], monitor);

	e->arg[1] = c->monitors[monitor].verdict;
	core_say_text(e, text);
}

void monitor_verdict(struct core *c, const struct core_event *event)
{
	uint16_t i = event->monitor.monitor;
	uint8_t verdict = event->monitor.status;
	struct monitor *m;

	if (i >= c->cfg.n_monitors || !c->monitors[i].run ||
	    (verdict != MONITOR_NORMAL && verdict != MONITOR_CAUTION && verdict != MONITOR_ERROR))
		return; /* said before it was told to stop */
	m = &c->monitors[i];
	if (verdict != m->verdict || !m->said)
		say_verdict(c, i, verdict, event->monitor.text);
	m->said = true;
	if (verdict == MONITOR_NORMAL && m->verdict != MONITOR_NORMAL) {
		m->normal_since = c->now;
		m->skips = 0;
	}
	m->verdict = verdict;
	m->due = verdict == MONITOR_ERROR;
}

/* Rule M4. */
static void forget(struct core *c, uint16_t monitor)
{
	struct monitor *m = &c->monitors[monitor];
	ha_time at;

	if (!m->run || m->verdict != MONITOR_NORMAL || !c->cfg.failure_expiry_us ||
	    (!m->restarts && !m->failovers && !m->final))
		return;
	at = ha_time_add(m->normal_since, c->cfg.failure_expiry_us);
	if (!ha_time_reached(at, c->now)) {
		c->monitors_deadline = ha_time_min(c->monitors_deadline, at);
		return;
	}
	struct event *e = monitor_say(c, EVENT_MONITOR_FORGOT, monitor);
	e->arg[1] = m->restarts;
	e->arg[2] = m->failovers;
	clear_counters(m);
}

/* ---- what others are told, and what is known of others ---- */

const struct monitor_actual *monitor_actual(const struct core *c, uint16_t monitor,
					    unsigned int node)
{
	return is_self(c, node) ? &c->actual_monitors[monitor] : &c->peers[node].monitors[monitor];
}

static void publish(struct core *c)
{
	for (uint16_t i = 0; i < c->cfg.n_monitors; i++) {
		const struct monitor *m = &c->monitors[i];
		struct monitor_actual a = {.status = status(c, i),
					   .restarts = m->restarts,
					   .failovers = m->failovers,
					   .final = m->final};

		if (memcmp(&a, &c->actual_monitors[i], sizeof a) == 0)
			continue;
		c->actual_monitors[i] = a;
		c->monitors_dirty = true;
	}
}

/* By node: whether some monitor is in error there, and a critical one. */
static void find_errors(struct core *c)
{
	c->error_on = c->critical_on = 0;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		for (uint16_t i = 0; i < c->cfg.n_monitors; i++) {
			if (monitor_actual(c, i, n)->status != MONITOR_ERROR)
				continue;
			c->error_on |= node_bit(n);
			if (c->cfg.monitors[i].critical)
				c->critical_on |= node_bit(n);
		}
}

void monitor_step(struct core *c)
{
	c->monitors_deadline = HA_TIME_NEVER;
	for (uint16_t i = 0; i < c->cfg.n_monitors; i++)
		if (is_here(c, i))
			update_run(c, i);
	recover_step(c);
	for (uint16_t i = 0; i < c->cfg.n_monitors; i++)
		forget(c, i);
	publish(c);
	if (!c->monitors_dirty)
		return;
	node_mask error = c->error_on, critical = c->critical_on;
	c->monitors_dirty = false;
	find_errors(c);
	c->actual_digest =
		actual_digest(c, c->actual_groups, c->actual_resources, c->actual_monitors);
	if (error != c->error_on || critical != c->critical_on)
		c->place_dirty = c->again = true;
}

bool monitor_critical_error(const struct core *c, unsigned int node)
{
	return node_mask_has(c->critical_on, node);
}

bool monitor_any_error(const struct core *c, unsigned int node)
{
	return node_mask_has(c->error_on, node);
}

/* ---- rows (rule M7) ---- */

uint8_t monitor_request(struct core *c, const struct request *r)
{
	struct monitor_intent *row = &c->monitor_intents[r->object];
	node_mask all = c->cfg.monitors[r->object].nodes;
	node_mask nodes = r->target == NODE_NONE ? all : node_bit(r->target);
	bool dummy = r->kind == REQUEST_MONITOR_FAIL || r->kind == REQUEST_MONITOR_UNFAIL;
	bool set = r->kind == REQUEST_MONITOR_FAIL || r->kind == REQUEST_MONITOR_SUSPEND;
	node_mask *mask = dummy ? &row->failing : &row->suspended;
	node_mask now = set ? *mask | nodes : *mask & ~nodes;

	if (nodes & ~all)
		return ANSWER_BAD_TARGET;
	if (now == *mask)
		return ANSWER_NOTHING_TO_DO;
	*mask = now;
	row->version = intent_next_version(c);
	row->request = r->id;
	intent_changed(c);
	return ANSWER_NONE;
}

bool monitor_written(const struct core *c, const struct request *r)
{
	for (uint16_t i = 0; i < c->cfg.n_monitors; i++)
		if (request_is(&c->monitor_intents[i].request, &r->id))
			return true;
	return false;
}

/* True if a row has changed. */
bool monitor_merge(struct core *c, const struct vector *v)
{
	bool changed = false;

	for (uint16_t i = 0; i < v->n_monitors; i++) {
		const struct monitor_intent *row = &v->monitor_intents[i];
		unsigned int m = v->first_monitor + i;

		if (m >= c->cfg.n_monitors ||
		    version_compare(&row->version, &c->monitor_intents[m].version) <= 0)
			continue;
		lease_row_heard(c, v->head.node, row->version.epoch);
		if (row->version.epoch > c->epoch_seen)
			c->epoch_seen = row->version.epoch;
		c->monitor_intents[m] = *row;
		changed = true;
	}
	return changed;
}

void monitor_reaffirm(struct core *c)
{
	for (uint16_t i = 0; i < c->cfg.n_monitors; i++)
		if (c->monitor_intents[i].version.epoch)
			c->monitor_intents[i].version = intent_next_version(c);
}

/* ---- queries ---- */

/* Rule M6. */
static uint8_t over_all(const struct core_monitor_info *info, uint8_t n_nodes)
{
	unsigned int count[MONITOR_STATUS_COUNT_] = {0}, checking;

	for (uint8_t n = 0; n < n_nodes; n++)
		count[info->on[n].status]++;
	checking = count[MONITOR_NORMAL] + count[MONITOR_CAUTION] + count[MONITOR_ERROR];
	if (!checking && count[MONITOR_OFFLINE])
		return MONITOR_OFFLINE;
	if (!checking)
		return count[MONITOR_SUSPENDED] ? MONITOR_SUSPENDED : MONITOR_UNUSED;
	if (count[MONITOR_ERROR] == checking)
		return MONITOR_ERROR;
	return count[MONITOR_ERROR] || count[MONITOR_CAUTION] ? MONITOR_CAUTION : MONITOR_NORMAL;
}

void core_monitor_info(const struct core *c, uint16_t monitor, struct core_monitor_info *ret)
{
	*ret = (struct core_monitor_info){.intent = c->monitor_intents[monitor]};
	for (uint8_t n = 0; n < NODES_MAX; n++) {
		bool known = is_self(c, n) || node_mask_has(c->installed.members, n);

		ret->on[n].status = MONITOR_UNUSED;
		if (n < c->cfg.n_nodes && known && node_mask_has(c->cfg.monitors[monitor].nodes, n))
			ret->on[n] = *monitor_actual(c, monitor, n);
	}
	ret->status = over_all(ret, c->cfg.n_nodes);
}
