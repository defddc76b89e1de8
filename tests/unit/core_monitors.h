/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TEST_CORE_MONITORS_H
#define HF_TEST_CORE_MONITORS_H

/* A world with two groups of two resources each, and monitors whose verdicts the story gives. */
#include "tests/unit/core_world.h"

#define SECOND	  1000000ULL
#define MOMENT	  50000ULL /* for a few beats */
#define ALL_NODES 7

/* Group 0: resources 0 and, on top of it, 1. Group 1: 2 and, independent of it, 3. */
static inline struct world *world_of_groups(void)
{
	struct world *w = world_new(3, 0);
	struct core_config *c = &w->config;

	c->n_groups = 2;
	c->n_resources = 4;
	c->groups[1] = c->groups[0];
	(void)snprintf(c->groups[1].name, NAME_SIZE, "g1");
	c->resources[2] = c->resources[3] = c->resources[0];
	c->resources[2].group = c->resources[3].group = 1;
	for (uint16_t i = 0; i < 4; i++) {
		(void)snprintf(c->resources[i].name, NAME_SIZE, "r%u", i);
		c->resources[i].address = false;
	}
	return w;
}

/* Checks everywhere and always, and nothing follows. */
static inline struct core_monitor_config *add_monitor(struct world *w)
{
	struct core_monitor_config *m = &w->config.monitors[w->config.n_monitors];

	*m = (struct core_monitor_config){
		.nodes = ALL_NODES,
		.active_group = UINT16_MAX,
		.active_resource = UINT16_MAX,
		.script_timeout_us = 5 * SECOND,
	};
	(void)snprintf(m->name, NAME_SIZE, "m%u", w->config.n_monitors++);
	return m;
}

/* One of resource `target` of group 0, which checks while it is online and restarts it. */
static inline struct core_monitor_config *add_watch(struct world *w, uint16_t target)
{
	struct core_monitor_config *m = add_monitor(w);

	m->active_resource = target;
	m->recovery = RECOVER_RESOURCE;
	m->target = target;
	m->restarts = 1;
	m->failovers = FAILOVERS_NODES;
	return m;
}

static inline void start_all(struct world *w)
{
	for (uint8_t i = 0; i < w->n; i++)
		boot(w, i);
	assert_true(run_until(w, SECOND, on_0));
	run_until(w, SECOND / 4, NULL);
	assert_true(w->running[0][2] && w->running[0][3]);
}

static inline void verdict(struct world *w, uint8_t node, uint16_t monitor, uint8_t status)
{
	struct core_event e = {.type = CORE_EVENT_MONITOR};

	e.monitor.monitor = monitor;
	e.monitor.status = status;
	e.monitor.text = "no answer";
	step(w, node, &e);
}

/* The driver's word, at a time at which it checks; and what comes of it. */
static inline void error_at(struct world *w, uint8_t node, uint16_t monitor)
{
	assert_true(w->checks[node][monitor]);
	verdict(w, node, monitor, MONITOR_ERROR);
	run_until(w, MOMENT, NULL);
}

static inline uint8_t command(struct world *w, uint8_t at, uint8_t kind, uint8_t target,
			      uint16_t object)
{
	struct core_event e = {.type = CORE_EVENT_REQUEST};

	e.request.kind = kind;
	e.request.target = target;
	e.request.group = e.request.object = object;
	w->last_answer = ANSWER_NONE;
	step(w, at, &e);
	run_until(w, SECOND / 4, NULL);
	return w->last_answer;
}

/* Of a monitor, as `at` sees it. */
static inline struct core_monitor_info look(const struct world *w, uint8_t at, uint16_t monitor)
{
	struct core_monitor_info info;

	core_monitor_info(w->core[at], monitor, &info);
	return info;
}

static inline struct core_group_info look_group(const struct world *w, uint8_t at, uint16_t group)
{
	struct core_group_info info;

	core_group_info(w->core[at], group, w->now, &info);
	return info;
}

#endif
