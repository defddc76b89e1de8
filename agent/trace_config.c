/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration of a core in a trace. One description of its layout (docs/trace.md) serves
 * both ways: each field is written, or read if there is a reader. What is read is checked as far
 * as core_new() does not do it.
 */
#include "agent/trace_format.h"

#include <string.h>

struct pass {
	struct buf_writer *w; /* NULL: reading */
	struct buf_reader *r;
	bool bad; /* a value out of range was read */
};

static void pass_u8(struct pass *p, uint8_t *v)
{
	if (p->w)
		buf_put_u8(p->w, *v);
	else
		*v = buf_get_u8(p->r);
}

static void pass_u16(struct pass *p, uint16_t *v)
{
	if (p->w)
		buf_put_u16(p->w, *v);
	else
		*v = buf_get_u16(p->r);
}

static void pass_u32(struct pass *p, uint32_t *v)
{
	if (p->w)
		buf_put_u32(p->w, *v);
	else
		*v = buf_get_u32(p->r);
}

static void pass_u64(struct pass *p, uint64_t *v)
{
	if (p->w)
		buf_put_u64(p->w, *v);
	else
		*v = buf_get_u64(p->r);
}

static void pass_bool(struct pass *p, bool *v)
{
	if (p->w)
		buf_put_u8(p->w, *v);
	else
		*v = buf_get_u8(p->r) != 0;
}

static void pass_bytes(struct pass *p, uint8_t *bytes, size_t n)
{
	if (p->w)
		buf_put_bytes(p->w, bytes, n);
	else
		buf_get_bytes(p->r, bytes, n);
}

static void pass_name(struct pass *p, char name[NAME_SIZE])
{
	uint8_t n = (uint8_t)strnlen(name, NAME_SIZE - 1);

	pass_u8(p, &n);
	if (n >= NAME_SIZE) {
		p->bad = true;
		n = 0;
	}
	if (p->r)
		memset(name, 0, NAME_SIZE);
	pass_bytes(p, (uint8_t *)name, n);
}

/* After a count that is over its limit nothing behind it means anything. */
static uint16_t count(struct pass *p, uint16_t n, uint16_t limit)
{
	p->bad = p->bad || n > limit;
	return p->bad ? 0 : n;
}

static void pass_list(struct pass *p, uint16_t *list, uint8_t *n, uint8_t limit)
{
	pass_u8(p, n);
	for (uint16_t i = 0; i < count(p, *n, limit); i++)
		pass_u16(p, &list[i]);
}

static void pass_head(struct pass *p, struct core_config *c)
{
	pass_u8(p, &c->n_nodes);
	pass_u8(p, &c->self);
	pass_u8(p, &c->n_links);
	pass_u16(p, &c->n_groups);
	pass_u16(p, &c->n_resources);
	pass_u16(p, &c->n_monitors);
	pass_u8(p, &c->n_exclusions);
	pass_u8(p, &c->takeover);
	(void)count(p, c->n_nodes, NODES_MAX);
	(void)count(p, c->n_groups, GROUPS_MAX);
	(void)count(p, c->n_resources, RESOURCES_MAX);
	(void)count(p, c->n_monitors, MONITORS_MAX);
	(void)count(p, c->n_exclusions, EXCLUSIONS_MAX);
}

static void pass_numbers(struct pass *p, struct core_config *c)
{
	uint64_t *us[] = {
		&c->config_hash,	&c->safety_hash,       &c->objects_hash,
		&c->config_generation,	&c->interval_us,       &c->timeout_us,
		&c->lease_us,		&c->lease_margin_us,   &c->startup_wait_us,
		&c->request_timeout_us, &c->flap_window_us,    &c->quarantine_us,
		&c->quarantine_max_us,	&c->failure_expiry_us, &c->stall_timeout_us,
	};

	for (size_t i = 0; i < sizeof us / sizeof us[0]; i++)
		pass_u64(p, us[i]);
	pass_u32(p, &c->drift_ppm);
	pass_u32(p, &c->late_percent);
	pass_u32(p, &c->flap_limit);
	pass_bool(p, &c->kernel);
	pass_bool(p, &c->probes);
	pass_bool(p, &c->fence_tie);
	pass_bool(p, &c->fence_reboot);
	pass_u8(p, &c->fence_retries);
	pass_u8(p, &c->quorum_loss);
	pass_u64(p, &c->fence_retry_wait_us);
	pass_u64(p, &c->fence_priority_us);
}

static void pass_node(struct pass *p, struct core_node_config *n)
{
	pass_name(p, n->name);
	pass_u32(p, &n->votes);
	pass_bool(p, &n->hosts);
	pass_u64(p, &n->fence_delay_us);
	pass_u8(p, &n->n_fence_levels);
	for (size_t i = 0; i < count(p, n->n_fence_levels, FENCE_LEVELS_MAX); i++)
		pass_u64(p, &n->fence_timeout_us[i]);
}

static void pass_group(struct pass *p, struct core_group_config *g)
{
	pass_name(p, g->name);
	pass_bool(p, &g->autostart);
	pass_bool(p, &g->failover_manual);
	pass_bool(p, &g->failback);
	pass_u8(p, &g->failover_limit);
	pass_u64(p, &g->failover_window_us);
	pass_u8(p, &g->n_nodes);
	pass_bytes(p, g->nodes, count(p, g->n_nodes, NODES_MAX));
	pass_list(p, g->start_after, &g->n_start_after, GROUP_WAITS_MAX);
	pass_list(p, g->stop_after, &g->n_stop_after, GROUP_WAITS_MAX);
	pass_bool(p, &g->start_same_node);
	pass_bool(p, &g->start_wait_continue);
	pass_u8(p, &g->stop_wait_when);
	pass_u64(p, &g->start_wait_us);
	pass_u64(p, &g->stop_wait_us);
}

static void pass_resource(struct pass *p, struct core_resource_config *r, bool *leftover)
{
	pass_name(p, r->name);
	pass_u16(p, &r->group);
	pass_bool(p, &r->address);
	pass_u8(p, &r->start_retries);
	pass_u8(p, &r->stop_retries);
	pass_u8(p, &r->failovers);
	pass_u8(p, &r->start_final);
	pass_u8(p, &r->stop_final);
	pass_bool(p, &r->final_alone);
	pass_list(p, r->deps, &r->n_deps, DEPS_MAX);
	pass_u64(p, &r->start_timeout_us);
	pass_u64(p, &r->stop_timeout_us);
	pass_bool(p, leftover);
}

static bool target_valid(const struct core_config *c, const struct core_monitor_config *m)
{
	switch ((enum recovery_target)m->recovery) {
	case RECOVER_NOTHING:
	case RECOVER_NODE:
		return true;
	case RECOVER_RESOURCE:
		return m->target < c->n_resources;
	case RECOVER_GROUP:
		return m->target < c->n_groups;
	default:
		return false;
	}
}

static void pass_monitor(struct pass *p, const struct core_config *c, struct core_monitor_config *m)
{
	pass_name(p, m->name);
	pass_u32(p, &m->nodes);
	pass_u16(p, &m->active_group);
	pass_u16(p, &m->active_resource);
	pass_u8(p, &m->recovery);
	pass_u16(p, &m->target);
	pass_u8(p, &m->restarts);
	pass_u8(p, &m->failovers);
	pass_u8(p, &m->final);
	pass_bool(p, &m->final_alone);
	pass_bool(p, &m->critical);
	pass_u8(p, &m->scripts);
	pass_u64(p, &m->script_timeout_us);
	p->bad = p->bad || !target_valid(c, m) || m->final >= FINAL_ACTION_COUNT_ ||
		 (m->active_group >= c->n_groups && m->active_group != UINT16_MAX) ||
		 (m->active_resource >= c->n_resources && m->active_resource != UINT16_MAX);
}

static void pass_exclusion(struct pass *p, struct core_exclusion_config *e)
{
	pass_bool(p, &e->absolute);
	pass_bytes(p, e->groups, sizeof e->groups);
}

static void pass_config(struct pass *p, struct core_config *c, bool *leftovers)
{
	pass_head(p, c);
	if (p->bad)
		return;
	pass_numbers(p, c);
	for (uint8_t i = 0; i < c->n_nodes; i++)
		pass_node(p, &c->nodes[i]);
	for (uint16_t i = 0; i < c->n_groups; i++)
		pass_group(p, &c->groups[i]);
	for (uint16_t i = 0; i < c->n_resources; i++)
		pass_resource(p, &c->resources[i], &leftovers[i]);
	for (uint16_t i = 0; i < c->n_monitors; i++)
		pass_monitor(p, c, &c->monitors[i]);
	for (uint8_t i = 0; i < c->n_exclusions; i++)
		pass_exclusion(p, &c->exclusions[i]);
}

void trace_put_config(struct buf_writer *w, const struct core_config *config, const bool *leftovers)
{
	struct pass p = {.w = w};

	/* a writer only reads them */
	pass_config(&p, (struct core_config *)(uintptr_t)config, (bool *)(uintptr_t)leftovers);
	w->bad = w->bad || p.bad;
}

bool trace_get_config(struct buf_reader *r, struct core_config *ret, bool *ret_leftovers)
{
	struct pass p = {.r = r};

	pass_config(&p, ret, ret_leftovers);
	return !p.bad && !r->bad && buf_left(r) == 0;
}
