/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Periodic checks of the devices of all other nodes: one level at a time, and none while an order
 * is carried out. Nothing is switched. */
#include "agent/fence_internal.h"

#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FIRST_US (2 * USEC_PER_SEC)    /* after the start, or another configuration */
#define APART_US (500 * USEC_PER_MSEC) /* first ones of two targets */
#define AGAIN_US (5 * USEC_PER_SEC)    /* after one that could not begin, or was ended */

/* Spread, so that nodes that were started together do not ask one device at once. */
static uint64_t spread(struct fencing *fencing, uint64_t us)
{
	fencing->jitter = fencing->jitter * 1664525U + 1013904223U;
	return us - us / 10 + us / 5 * (fencing->jitter >> 16) / 65536;
}

/* ---- the devices ---- */

static size_t count(const struct config *config)
{
	size_t n = 0;

	for (uint8_t t = 0; t < config->n_nodes; t++)
		for (uint8_t l = 0; l < config->nodes[t].n_fence_levels; l++)
			n += config->nodes[t].fence[l].n_devices;
	return n;
}

static void carry_over(const struct fencing *fencing, struct fence_device *to)
{
	for (size_t i = 0; i < fencing->n_devices; i++) {
		const struct fence_device *from = &fencing->devices[i];
		uint8_t target = to->target, level = to->level;

		if (strcmp(from->target_name, to->target_name) != 0 ||
		    strcmp(from->device, to->device) != 0 || strcmp(from->plug, to->plug) != 0)
			continue;
		*to = *from;
		to->target = target;
		to->level = level;
		return;
	}
}

static void fill(const struct config *config, const struct fencing *fencing,
		 struct fence_device *devices)
{
	size_t n = 0;

	for (uint8_t t = 0; t < config->n_nodes; t++)
		for (uint8_t l = 0; l < config->nodes[t].n_fence_levels; l++) {
			const struct fence_level_config *level = &config->nodes[t].fence[l];

			for (uint8_t i = 0; i < level->n_devices; i++) {
				struct fence_device *d = &devices[n++];
				const char *plug = level->devices[i].plug;

				d->target = t;
				d->level = l;
				(void)snprintf(d->target_name, sizeof d->target_name, "%s",
					       config->nodes[t].name);
				(void)snprintf(
					d->device, sizeof d->device, "%s",
					config->fencing.devices[level->devices[i].device].name);
				(void)snprintf(d->plug, sizeof d->plug, "%s", plug ? plug : "");
				carry_over(fencing, d);
			}
		}
}

int fence_check_rebuild(struct agent *agent, struct fencing *fencing)
{
	size_t n = count(agent->config);
	struct fence_device *devices = calloc(n + 1, sizeof *devices);
	ha_time at = ha_time_add(clock_boot(), spread(fencing, FIRST_US));

	if (!devices)
		return -ENOMEM;
	fill(agent->config, fencing, devices);
	free(fencing->devices);
	fencing->devices = devices;
	fencing->n_devices = n;
	for (uint8_t t = 0; t < NODES_MAX; t++) {
		bool checked = t < agent->config->n_nodes && t != agent->self &&
			       agent->config->nodes[t].n_fence_levels > 0 &&
			       agent->config->fencing.check_interval_us > 0;

		fencing->check_at[t] = checked ? at : HA_TIME_NEVER;
		if (checked)
			at = ha_time_add(at, APART_US);
	}
	return 0;
}

/* ---- running ---- */

static void start(struct agent *agent, uint8_t target, uint8_t level, ha_time now)
{
	const struct fence_job job = {.kind = FENCE_JOB_CHECK,
				      .verb = FENCE_VERB_CHECK,
				      .target = target,
				      .level = level};
	int r = fence_job_start(agent, &job);

	agent->fencing->check_at[target] = r < 0 ? ha_time_add(now, AGAIN_US) : HA_TIME_NEVER;
	if (r < 0)
		log_warning("cannot check fencing devices: %s", strerror(-r));
}

void fence_check_dispatch(struct agent *agent, ha_time now)
{
	struct fencing *fencing = agent->fencing;

	if (fencing->jobs)
		return; /* its end is followed by another look */
	for (uint8_t t = 0; t < agent->config->n_nodes; t++)
		if (ha_time_reached(fencing->check_at[t], now)) {
			start(agent, t, 0, now);
			return;
		}
}

ha_time fence_check_deadline(const struct agent *agent)
{
	ha_time at = HA_TIME_NEVER;

	for (uint8_t t = 0; !agent->fencing->jobs && t < agent->config->n_nodes; t++)
		at = ha_time_min(at, agent->fencing->check_at[t]);
	return at;
}

void fence_check_stop(struct agent *agent, ha_time now)
{
	for (struct fence_job *job = agent->fencing->jobs; job; job = job->next)
		if (job->kind == FENCE_JOB_CHECK) {
			job->stale = true;
			fence_job_kill(agent, job, now);
		}
}

/* ---- results ---- */

/* The device's steps in this run: error if one is not ok, or if there is none. */
static void judge_device(const struct fence_job *job, struct fence_device *d)
{
	bool seen = false, ok = true;

	d->took_us = 0;
	d->text[0] = '\0';
	for (unsigned int i = 0; i < job->n_steps; i++) {
		const struct fence_step *s = &job->steps[i];

		if (strcmp(s->device, d->device) != 0 || strcmp(s->plug, d->plug) != 0)
			continue;
		seen = true;
		d->took_us += s->took_us;
		if (ok)
			(void)snprintf(d->text, sizeof d->text, "%s", s->text);
		ok = ok && s->ok;
	}
	if (!seen)
		(void)snprintf(d->text, sizeof d->text, "%s", job->end.text);
	d->state = seen && ok && (job->end.ok || !job->killed) ? FENCE_DEVICE_NORMAL
							       : FENCE_DEVICE_ERROR;
	d->checked_wall_us = job->wall_us;
}

static bool level_is_normal(const struct fencing *fencing, uint8_t target, uint8_t level)
{
	bool any = false;

	for (size_t i = 0; i < fencing->n_devices; i++) {
		const struct fence_device *d = &fencing->devices[i];

		if (d->target != target || d->level != level)
			continue;
		any = true;
		if (d->state != FENCE_DEVICE_NORMAL)
			return false;
	}
	return any;
}

static const char *first_problem(const struct fencing *fencing, uint8_t target,
				 char text[EVENT_TEXT_SIZE])
{
	text[0] = '\0';
	for (size_t i = 0; i < fencing->n_devices; i++) {
		const struct fence_device *d = &fencing->devices[i];

		if (d->target != target || d->state != FENCE_DEVICE_ERROR)
			continue;
		(void)snprintf(text, EVENT_TEXT_SIZE, "%.24s%s%.12s: %.50s", d->device,
			       d->plug[0] ? ":" : "", d->plug, d->text);
		break;
	}
	return text;
}

static void tell(struct agent *agent, uint8_t target)
{
	const struct fencing *fencing = agent->fencing;
	uint8_t check = FENCE_CHECK_ERROR;
	char text[EVENT_TEXT_SIZE];

	for (uint8_t l = 0; l < agent->config->nodes[target].n_fence_levels; l++)
		if (level_is_normal(fencing, target, l)) {
			check = l == 0 ? FENCE_CHECK_NORMAL : FENCE_CHECK_DEGRADED;
			break;
		}
	step_post(agent, &(struct core_event){
				 .type = CORE_EVENT_FENCE_CHECK,
				 .fence_check = {.target = target,
						 .check = check,
						 .text = first_problem(fencing, target, text)}});
}

void fence_check_ended(struct agent *agent, struct fence_job *job)
{
	struct fencing *fencing = agent->fencing;
	ha_time now = clock_boot();

	if (job->stale) { /* it was ended for something else: no result */
		if (job->target < agent->config->n_nodes &&
		    fencing->check_at[job->target].us == HA_TIME_NEVER.us &&
		    agent->config->nodes[job->target].n_fence_levels > 0)
			fencing->check_at[job->target] = ha_time_add(now, AGAIN_US);
		return;
	}
	for (size_t i = 0; i < fencing->n_devices; i++)
		if (fencing->devices[i].target == job->target &&
		    fencing->devices[i].level == job->level)
			judge_device(job, &fencing->devices[i]);
	if (job->level + 1 < agent->config->nodes[job->target].n_fence_levels &&
	    !fence_job_find_order(fencing)) {
		start(agent, job->target, (uint8_t)(job->level + 1), now);
		return;
	}
	fencing->check_at[job->target] =
		ha_time_add(now, spread(fencing, agent->config->fencing.check_interval_us));
	tell(agent, job->target);
}
