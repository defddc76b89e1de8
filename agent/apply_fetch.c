/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A configuration that the cluster agreed on while this node was away is fetched from a peer that
 * has it (docs/operations.md, C2), from one after the other, with growing pauses. */
#include "agent/apply.h"

#include "agent/files.h"
#include "util/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define FETCH_LIMIT_US	   (60 * USEC_PER_SEC)
#define FETCH_PAUSE_US	   (2 * USEC_PER_SEC)
#define FETCH_PAUSE_MAX_US (60 * USEC_PER_SEC)

static void pause_fetching(struct apply *a)
{
	uint64_t pause = a->fetch_pause_us ? 2 * a->fetch_pause_us : FETCH_PAUSE_US;

	a->fetch_pause_us = pause < FETCH_PAUSE_MAX_US ? pause : FETCH_PAUSE_MAX_US;
	a->fetch_at = ha_time_add(clock_boot(), a->fetch_pause_us);
}

static void on_fetched_kept(struct agent *agent, bool ok, const char *found)
{
	struct apply *a = agent->apply;

	if (ok) {
		a->fetch_pause_us = 0;
		return; /* the core orders what is next */
	}
	apply_problem(agent, a->fetch_generation, a->fetch_hash, found);
	pause_fetching(a);
}

static void say_why_not(struct agent *agent, const struct config_report *report)
{
	struct apply *a = agent->apply;
	char why[APPLY_PROBLEM] = "it cannot be used here";

	for (size_t i = 0; i < report->n; i++) {
		const struct config_problem *p = &report->problem[i];

		if (p->warning)
			continue;
		(void)snprintf(why, sizeof why, "line %u: %.150s", p->line, p->text);
		break;
	}
	apply_problem(agent, a->fetch_generation, a->fetch_hash, why);
}

static void on_fetched(struct agent *agent, bool ok, const char *answer, size_t n)
{
	_cleanup_free_ struct config_report *report = calloc(1, sizeof *report);
	struct apply *a = agent->apply;
	int r;

	(void)n;
	a->fetching = false;
	if (!ok || !report) {
		apply_problem(agent, a->fetch_generation, a->fetch_hash, ok ? "no memory" : answer);
		pause_fetching(a);
		return;
	}
	r = apply_prepare(agent, answer, report, on_fetched_kept);
	if (r == -EINVAL)
		say_why_not(agent, report);
	else if (r >= 0 && a->pending->hash != a->fetch_hash)
		apply_forget(agent); /* it was replaced there meanwhile */
	else if (r >= 0 && a->pending_restart)
		apply_problem(agent, a->fetch_generation, a->fetch_hash,
			      "it changes what a running agent cannot take: "
			      "`holdfast config apply --offline`, and restart");
	if (r < 0 || a->state == APPLY_NONE || a->pending_restart)
		pause_fetching(a);
}

/* The next node after the one that was asked last that runs with what we want; NODE_NONE. */
static uint8_t choose_source(const struct agent *agent, ha_time now)
{
	struct core_peer_info info;

	for (uint8_t k = 1; k <= agent->config->n_nodes; k++) {
		uint8_t n = (uint8_t)((agent->apply->fetch_from + k) % agent->config->n_nodes);

		if (n == agent->self)
			continue;
		core_peer_info(agent->core, n, now, &info);
		if (info.paths && info.config_differs)
			return n;
	}
	return NODE_NONE;
}

static void fetch(struct agent *agent, ha_time now)
{
	struct apply *a = agent->apply;
	uint8_t from = choose_source(agent, now);
	char hash[24];
	struct files_job job = {
		.lane = FILES_NETWORK,
		.limit_us = FETCH_LIMIT_US,
		.args = {"fetch", agent->config->socket_path, NULL, hash},
		.done = on_fetched,
	};

	a->fetch_at = ha_time_add(now, APPLY_LOOK_US);
	if (from == NODE_NONE)
		return;
	a->fetch_from = from;
	job.args[2] = agent->config->nodes[from].name;
	(void)snprintf(hash, sizeof hash, "%016" PRIx64, a->fetch_hash);
	if (files_run(agent, &job) < 0)
		pause_fetching(a);
	else
		a->fetching = true;
}

/* Whether the cluster has agreed on something newer that is not here. A file that somebody has
 * changed after the newest one was applied is left alone: it shows as different. */
void apply_look_for_newer(struct agent *agent, ha_time now)
{
	struct apply *a = agent->apply;
	struct core_cluster_info info;

	if (a->fetching || !ha_time_reached(a->fetch_at, now))
		return;
	a->fetch_at = ha_time_add(now, APPLY_LOOK_US);
	core_cluster_info(agent->core, now, &info);
	if (!info.intent.config_hash || info.intent.config_hash == agent->config->hash ||
	    info.intent.config_generation <= a->generation_max || a->state != APPLY_NONE)
		return;
	a->fetch_hash = info.intent.config_hash;
	a->fetch_generation = info.intent.config_generation;
	fetch(agent, now);
}
