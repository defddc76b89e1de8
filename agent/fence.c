/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Orders to fence: of the core (one level each, it decides what follows), by hand (level by level)
 * and of final actions of this server. An order of the core goes before one by hand.
 */
#include "agent/fence.h"

#include "agent/fence_internal.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum command_word { COMMAND_BEGUN, COMMAND_DONE, COMMAND_CONFIRMED, COMMAND_FAILED };

int fencing_new(struct agent *agent, struct fencing **ret)
{
	struct fencing *fencing = calloc(1, sizeof *fencing);
	int r;

	if (!fencing)
		return -ENOMEM;
	fencing->jitter = (uint32_t)getpid() * 2654435761U + agent->self;
	r = fence_check_rebuild(agent, fencing);
	if (r < 0) {
		(void)fencing_free(fencing);
		return r;
	}
	*ret = fencing;
	return 0;
}

struct fencing *fencing_free(struct fencing *fencing)
{
	if (!fencing)
		return NULL;
	while (fencing->jobs)
		fence_job_free(fencing, fencing->jobs);
	fence_history_done(fencing);
	free(fencing->devices);
	free(fencing);
	return NULL;
}

void fencing_reload(struct agent *agent)
{
	ha_time now = clock_boot();
	int r;

	for (struct fence_job *job = agent->fencing->jobs; job; job = job->next) {
		job->stale = true;
		if (job->kind == FENCE_JOB_CHECK)
			fence_job_kill(agent, job, now);
	}
	r = fence_check_rebuild(agent, agent->fencing);
	if (r < 0)
		log_warning("the fencing devices are not checked: %s", strerror(-r));
}

static uint64_t incarnation_of(const struct agent *agent, uint8_t target)
{
	struct core_peer_info info;

	if (target == agent->self)
		return 0;
	core_peer_info(agent->core, target, clock_boot(), &info);
	return info.incarnation;
}

/* ---- orders of the core ---- */

static void answer_core(struct agent *agent, uint32_t operation, uint8_t result, const char *text)
{
	step_post(agent,
		  &(struct core_event){
			  .type = CORE_EVENT_FENCE_DONE,
			  .fence_done = {.operation = operation, .result = result, .text = text}});
}

static void core_ended(struct agent *agent, const struct fence_job *job, uint8_t result)
{
	if (job->end.ok)
		result = RESOURCE_RESULT_OK;
	else if (result != RESOURCE_RESULT_TIMEOUT)
		result = RESOURCE_RESULT_FAILED;
	answer_core(agent, job->core_operation, result, job->end.text);
	fence_history_add(agent, job);
}

static void core_order(struct agent *agent, const struct core_action *action)
{
	const struct fence_job job = {
		.kind = FENCE_JOB_CORE,
		.core_operation = action->fence.operation,
		.verb = action->fence.order == FENCE_ORDER_ON ? FENCE_VERB_ON : FENCE_VERB_OFF,
		.target = action->fence.target,
		.level = action->fence.level,
	};
	ha_time now = clock_boot();
	char text[FENCE_TEXT];
	int r;

	fence_check_stop(agent, now);
	for (struct fence_job *other = agent->fencing->jobs; other; other = other->next)
		if (other->kind == FENCE_JOB_HAND && other->target == job.target) {
			other->stale = true;
			fence_job_kill(agent, other, now);
		}
	r = fence_job_start(agent, &job);
	if (r >= 0)
		return;
	(void)snprintf(text, sizeof text, "cannot start a process: %s", strerror(-r));
	answer_core(agent, action->fence.operation, RESOURCE_RESULT_FAILED, text);
}

void fencing_action(struct agent *agent, const struct core_action *action)
{
	if (action->type == CORE_ACTION_FENCE) {
		core_order(agent, action);
		return;
	}
	for (struct fence_job *job = agent->fencing->jobs; job; job = job->next)
		if (job->kind == FENCE_JOB_CORE && job->core_operation == action->fence.operation)
			fence_job_kill(agent, job, clock_boot());
}

/* ---- by hand ---- */

static void say_command(struct agent *agent, const struct fence_job *job, enum command_word word,
			const struct fence_end *end)
{
	struct event event = record_event(agent, EVENT_FENCE_COMMAND);

	if (job->verb > FENCE_VERB_TEST || (job->verb == FENCE_VERB_TEST && word == COMMAND_BEGUN))
		return;
	event.node = job->target;
	event.arg[0] = job->verb;
	event.arg[1] = word;
	event.arg[2] = end ? end->took_us : 0;
	if (end)
		(void)snprintf(event.text, sizeof event.text, "%.95s", end->text);
	else
		(void)snprintf(event.text, sizeof event.text, "by uid %u",
			       (unsigned int)job->order.uid);
	record_add(agent, &event);
}

static bool looks_at_all(enum fence_verb verb)
{
	return verb == FENCE_VERB_TEST || verb == FENCE_VERB_STATUS;
}

/* All levels: off only if none is on, and one is off. */
static uint8_t join_power(uint8_t a, uint8_t b)
{
	if (a == FENCE_READ_ON || b == FENCE_READ_ON)
		return FENCE_READ_ON;
	return a == FENCE_READ_OFF || b == FENCE_READ_OFF ? FENCE_READ_OFF : FENCE_READ_UNKNOWN;
}

/* False: that was the last one. */
static bool next_level(struct agent *agent, struct fence_job *job)
{
	struct fence_job next = {
		.kind = job->kind,
		.verb = job->verb,
		.target = job->target,
		.level = (uint8_t)(job->level + 1),
		.order = job->order,
		.self_done = job->self_done,
		.began = job->began,
		.incarnation = job->incarnation,
		.all_ok = job->all_ok,
		.power = job->power,
	};

	if (job->stale || (job->end.ok && !looks_at_all(job->verb)) ||
	    next.level >= agent->config->nodes[job->target].n_fence_levels)
		return false;
	return fence_job_start(agent, &next) >= 0;
}

static void finish(struct agent *agent, struct fence_job *job)
{
	struct fence_end *end = &job->end;

	if (looks_at_all(job->verb)) {
		end->ok = job->all_ok;
		end->power = job->power;
	}
	end->took_us = ha_time_since(clock_boot(), job->began);
	if (job->kind == FENCE_JOB_SELF) {
		job->self_done(agent, end);
		return;
	}
	say_command(agent, job,
		    !end->ok			  ? COMMAND_FAILED
		    : job->verb == FENCE_VERB_OFF ? COMMAND_CONFIRMED
						  : COMMAND_DONE,
		    end);
	if (job->order.end)
		job->order.end(agent, end, job->order.userdata);
}

/* Rule X12. */
static void prove(struct agent *agent, const struct fence_job *job)
{
	const struct core_event event = {.type = CORE_EVENT_FENCED,
					 .fenced = {.node = job->target,
						    .incarnation = job->incarnation,
						    .since = job->began}};

	if (job->kind == FENCE_JOB_HAND && job->verb == FENCE_VERB_OFF && job->end.ok)
		step_post(agent, &event);
}

static void hand_ended(struct agent *agent, struct fence_job *job)
{
	job->all_ok = job->all_ok && job->end.ok;
	job->power = join_power(job->power, job->end.power);
	if (!looks_at_all(job->verb))
		fence_history_add(agent, job);
	prove(agent, job);
	if (!next_level(agent, job))
		finish(agent, job);
}

__attribute__((format(printf, 3, 4))) static int refuse(char why[FENCE_WHY], int error,
							const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(why, FENCE_WHY, format, ap);
	va_end(ap);
	return -error;
}

static int begin(struct agent *agent, struct fence_job *job, char why[FENCE_WHY])
{
	ha_time now = clock_boot();
	int r;

	job->began = now;
	job->all_ok = true;
	job->incarnation = incarnation_of(agent, job->target);
	fence_check_stop(agent, now);
	r = fence_job_start(agent, job);
	return r < 0 ? refuse(why, -r, "cannot start a process: %s", strerror(-r)) : 0;
}

int fencing_order(struct agent *agent, const struct fence_order_by_hand *order, char why[FENCE_WHY])
{
	const char *name = names_node(agent->config, order->target);
	struct fence_job job = {.kind = FENCE_JOB_HAND,
				.verb = order->verb,
				.target = order->target,
				.order = *order};
	int r;

	if (!name || order->verb >= FENCE_VERB_DIAG)
		return refuse(why, EINVAL, "there is no such server or order");
	if (order->target == agent->self && order->verb != FENCE_VERB_TEST &&
	    order->verb != FENCE_VERB_STATUS)
		return refuse(why, EINVAL,
			      "%s is this server: give the order on another one, or use holdfast "
			      "server shutdown or reboot",
			      name);
	if (agent->config->nodes[order->target].n_fence_levels == 0)
		return refuse(why, ENODEV, "no fencing device is configured for %s", name);
	if (fence_job_find(agent->fencing, order->target))
		return refuse(why, EBUSY, "%s is being fenced, or looked at, already", name);
	r = begin(agent, &job, why);
	if (r >= 0)
		say_command(agent, &job, COMMAND_BEGUN, NULL);
	return r;
}

bool fencing_forget(struct agent *agent, const void *userdata)
{
	bool found = false;

	for (struct fence_job *job = agent->fencing->jobs; job; job = job->next) {
		if (job->kind != FENCE_JOB_HAND || job->order.userdata != userdata)
			continue;
		job->order.step = NULL;
		job->order.end = NULL;
		job->order.userdata = NULL;
		found = true;
	}
	return found;
}

int fencing_self(struct agent *agent, enum fence_verb verb,
		 void (*done)(struct agent *agent, const struct fence_end *end))
{
	struct fence_job job = {
		.kind = FENCE_JOB_SELF, .verb = verb, .target = agent->self, .self_done = done};
	char why[FENCE_WHY];

	if (agent->config->nodes[agent->self].n_fence_levels == 0)
		return -ENODEV;
	return begin(agent, &job, why);
}

/* ---- ends ---- */

void fence_job_stepped(struct agent *agent, struct fence_job *job, const struct fence_step *step)
{
	if (job->kind == FENCE_JOB_HAND && job->order.step)
		job->order.step(agent, step, job->order.userdata);
}

void fence_job_ended(struct agent *agent, struct fence_job *job, uint8_t result)
{
	switch (job->kind) {
	case FENCE_JOB_CORE:
		core_ended(agent, job, result);
		break;
	case FENCE_JOB_CHECK:
		fence_check_ended(agent, job);
		break;
	case FENCE_JOB_HAND:
	case FENCE_JOB_SELF:
	default:
		hand_ended(agent, job);
		break;
	}
}

ha_time fencing_deadline(const struct agent *agent)
{
	ha_time at = fence_check_deadline(agent);

	for (const struct fence_job *job = agent->fencing->jobs; job; job = job->next)
		if (!job->killed)
			at = ha_time_min(at, job->until);
	return at;
}

void fencing_dispatch(struct agent *agent, ha_time now)
{
	for (struct fence_job *job = agent->fencing->jobs; job; job = job->next)
		if (!job->killed && ha_time_reached(job->until, now))
			fence_job_kill(agent, job, now);
	fence_check_dispatch(agent, now);
}
