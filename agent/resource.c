/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The drivers of resources: floating IPs through net/, programs and OCF agents through exec.c,
 * units through systemd.c.
 */
#include "agent/agent.h"
#include "agent/channel.h"
#include "agent/fence.h"
#include "agent/files.h"
#include "agent/exec_env.h"
#include "agent/held.h"
#include "agent/kernel.h"
#include "agent/ocf.h"
#include "agent/power.h"
#include "agent/script.h"
#include "agent/stage.h"
#include "agent/systemd.h"

#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void answer(struct agent *agent, uint32_t operation, enum resource_result result,
		   const char *text)
{
	step_post(agent, &(struct core_event){.type = CORE_EVENT_RESOURCE_DONE,
					      .resource_done = {.operation = operation,
								.result = (uint8_t)result,
								.text = text}});
}

static void answer_error(struct agent *agent, uint32_t operation, const char *what, int error)
{
	char text[EVENT_TEXT_SIZE];

	(void)snprintf(text, sizeof text, "%s: %s", what, strerror(-error));
	answer(agent, operation, RESOURCE_RESULT_FAILED, text);
}

/* The predecessor's part of this resource is stopped. */
static void say_cleaned(struct agent *agent, uint16_t index)
{
	struct event event;

	if (!agent->leftovers[index])
		return;
	agent->leftovers[index] = false;
	event = record_event(agent, EVENT_CLEANED_LEFTOVER);
	event.node = agent->self;
	event.resource = index;
	event.group = agent->config->resources[index].group;
	record_add(agent, &event);
}

/* ---- floating IPs ---- */

static void fip_start(struct agent *agent, const struct core_action *action)
{
	uint16_t index = action->resource.resource;
	struct resource_run *run = &agent->runs[index];
	struct net_fip_config fip = agent->config->resources[index].fip;
	int r;

	/* What the kernel cuts off needs no end of its own. Else whole seconds, and never shorter
	 * than the lease that it is held by. */
	if (!kernel_enforces(agent))
		fip.lifetime_s = (uint32_t)(agent->config->timing.lease_us / USEC_PER_SEC) + 2;
	r = kernel_protect(agent, &fip);
	if (r < 0) {
		answer_error(agent, action->resource.operation,
			     "the kernel path cannot take the address", r);
		return;
	}
	run->start_operation = action->resource.operation;
	r = net_fip_start(agent->net, run->fip, &fip, action->resource.proven, clock_boot());
	if (r < 0) {
		run->start_operation = 0;
		answer_error(agent, action->resource.operation, "cannot start the address", r);
		return;
	}
	resource_net_events(agent); /* usually it is up already */
}

/* Rule K12: protected until it is surely gone. What a former agent left is unknown to net/. */
static int fip_remove(struct agent *agent, uint16_t index)
{
	const struct net_fip_config *fip = &agent->config->resources[index].fip;
	int r = net_fip_stop(agent->net, agent->runs[index].fip);

	if (r >= 0 && agent->leftovers[index])
		r = net_clean(agent->net, fip, 1);
	if (r >= 0)
		kernel_unprotect(agent, fip);
	return r;
}

static void fip_stop(struct agent *agent, const struct core_action *action)
{
	uint16_t index = action->resource.resource;
	int r;

	/* A start that this ends is not answered: the core has replaced its operation. */
	agent->runs[index].start_operation = 0;
	r = fip_remove(agent, index);
	if (r < 0) {
		answer_error(agent, action->resource.operation, "cannot remove the address", r);
		return;
	}
	say_cleaned(agent, index);
	answer(agent, action->resource.operation, RESOURCE_RESULT_OK, NULL);
}

static void fip_kill(struct agent *agent, const struct core_action *action)
{
	uint16_t index = action->resource.resource;
	struct resource_run *run = &agent->runs[index];

	if (run->start_operation != action->resource.operation)
		return; /* its answer is in the queue */
	run->start_operation = 0;
	if (fip_remove(agent, index) < 0)
		log_debug("an address stays until the stop that follows a failed start");
	answer(agent, action->resource.operation, RESOURCE_RESULT_TIMEOUT,
	       "the address did not come up in time");
}

static void fip_answered(struct agent *agent, uint16_t index, const struct net_event *event,
			 bool ok)
{
	struct resource_run *run = &agent->runs[index];
	uint32_t operation = run->start_operation;

	run->start_operation = 0;
	if (operation)
		answer(agent, operation, ok ? RESOURCE_RESULT_OK : RESOURCE_RESULT_FAILED,
		       event->text);
}

static void fip_say(struct agent *agent, uint16_t index, const struct net_event *net_event,
		    enum event_id id)
{
	struct event event = record_event(agent, id);

	event.node = agent->self;
	event.resource = index;
	event.group = agent->config->resources[index].group;
	(void)snprintf(event.text, sizeof event.text, "%s", net_event->text);
	record_add(agent, &event);
}

/* The resource whose address has this number in net/; UINT16_MAX: none any more. */
static uint16_t find_fip(const struct agent *agent, uint16_t fip)
{
	for (uint16_t i = 0; i < agent->config->n_resources; i++)
		if (agent->config->resources[i].type == RESOURCE_TYPE_FIP &&
		    agent->runs[i].fip == fip)
			return i;
	return UINT16_MAX;
}

static void net_event(struct agent *agent, const struct net_event *event)
{
	uint16_t index;

	if (event->type == NET_EVENT_ADDRESSES_CHANGED) {
		(void)hb_lan_retry(agent->lan);
		return;
	}
	if (event->type == NET_EVENT_LINKS_CHANGED) {
		kernel_look(agent);
		return;
	}
	index = find_fip(agent, event->fip);
	if (index == UINT16_MAX)
		return;
	switch (event->type) {
	case NET_EVENT_STARTED:
		fip_answered(agent, index, event, true);
		break;
	case NET_EVENT_FAILED:
		fip_answered(agent, index, event, false);
		break;
	case NET_EVENT_ANNOUNCED:
		fip_say(agent, index, event, EVENT_FIP_ANNOUNCED);
		break;
	case NET_EVENT_REPAIRED:
		fip_say(agent, index, event, EVENT_FIP_REPAIRED);
		break;
	case NET_EVENT_CONFLICT:
		fip_say(agent, index, event, EVENT_FIP_CONFLICT);
		break;
	case NET_EVENT_LOST:
		step_post(agent, &(struct core_event){.type = CORE_EVENT_RESOURCE_LOST,
						      .resource_lost = {.resource = index,
									.text = event->text}});
		break;
	case NET_EVENT_ADDRESSES_CHANGED:
	case NET_EVENT_LINKS_CHANGED:
	default:
		break;
	}
}

void resource_net_events(struct agent *agent)
{
	struct net_event event;

	while (net_next_event(agent->net, &event) > 0)
		net_event(agent, &event);
}

void resource_stop_addresses(struct agent *agent)
{
	for (uint16_t i = 0; i < agent->config->n_resources; i++) {
		const struct resource_config *r = &agent->config->resources[i];

		if (r->type != RESOURCE_TYPE_FIP)
			continue;
		if (fip_remove(agent, i) < 0)
			log_err("the address of %s could not be removed", r->name);
	}
}

/* ---- programs ---- */

static uint8_t place_in_list(const struct group_config *group, uint8_t node)
{
	for (uint8_t i = 0; i < group->n_nodes; i++)
		if (group->nodes[i] == node)
			return (uint8_t)(i + 1);
	return 0;
}

static char **environment(struct agent *agent, const struct core_action *action)
{
	const struct resource_config *r = &agent->config->resources[action->resource.resource];
	const struct group_config *group = &agent->config->groups[r->group];
	bool stop = action->type == CORE_ACTION_RESOURCE_STOP;
	struct core_group_info info;
	struct core_self_info self;
	ha_time now = clock_boot();

	core_group_info(agent->core, r->group, now, &info);
	core_self_info(agent->core, now, &self);
	return exec_env_new(&(struct exec_context){
		.group = group->name,
		.resource = r->name,
		.user = r->user,
		.cause = action->resource.cause,
		.priority = place_in_list(group, agent->self),
		.stop = stop,
		.urgent = action->resource.urgent,
		.leaving = agent->leaving || self.mode == NODE_MODE_STOPPING,
		.wanted_online = info.intent.wanted == WANTED_ONLINE,
		.restart = info.intent.wanted == WANTED_ONLINE &&
			   info.intent.owner == agent->self && self.lease_valid,
	});
}

static int exec_program(struct agent *agent, const struct core_action *action)
{
	const struct resource_config *r = &agent->config->resources[action->resource.resource];
	bool stop = action->type == CORE_ACTION_RESOURCE_STOP;
	char **env = environment(agent, action);
	struct exec_program program = {
		.operation = action->resource.operation,
		.name = r->name,
		.argv = stop ? r->stop : r->start,
		.env = env,
		.user = r->user,
	};
	int k = env ? exec_run(agent->exec, &program) : -ENOMEM;

	(void)exec_env_free(env);
	return k;
}

static int ocf_program(struct agent *agent, const struct core_action *action)
{
	const struct resource_config *r = &agent->config->resources[action->resource.resource];
	bool stop = action->type == CORE_ACTION_RESOURCE_STOP;
	char path[OCF_PATH_SIZE], verb[] = "start", stop_verb[] = "stop";
	char *argv[] = {path, stop ? stop_verb : verb, NULL};
	char **base = environment(agent, action), **env = NULL;
	struct exec_program program = {
		.operation = action->resource.operation, .name = r->name, .argv = argv};
	int k = ocf_path(r->agent, path);

	if (k >= 0 && base)
		env = ocf_env_new(r, stop ? r->stop_timeout_us : r->start_timeout_us, base);
	program.env = env;
	if (k >= 0)
		k = env ? exec_run(agent->exec, &program) : -ENOMEM;
	(void)exec_env_free(base);
	(void)exec_env_free(env);
	return k;
}

static int unit_run(struct agent *agent, const struct core_action *action)
{
	const struct resource_config *r = &agent->config->resources[action->resource.resource];

	return systemd_run(agent->systemd, action->resource.operation, r->unit,
			   action->type == CORE_ACTION_RESOURCE_STOP);
}

static int program_run(struct agent *agent, const struct core_action *action)
{
	uint16_t index = action->resource.resource;
	int k;

	switch (agent->config->resources[index].type) {
	case RESOURCE_TYPE_OCF:
		k = ocf_program(agent, action);
		break;
	case RESOURCE_TYPE_SYSTEMD:
		k = unit_run(agent, action);
		break;
	case RESOURCE_TYPE_EXEC:
		k = exec_program(agent, action);
		break;
	case RESOURCE_TYPE_FIP:
	default:
		k = -EINVAL;
		break;
	}
	if (k < 0)
		return k;
	agent->runs[index].exec_operation = action->resource.operation;
	agent->runs[index].exec_is_stop = action->type == CORE_ACTION_RESOURCE_STOP;
	return 0;
}

static void clear_mark(struct agent *agent, const char *name)
{
	int r = held_clear(agent->held_fd, name);

	if (r < 0) /* costs one needless stop after a crash */
		log_warning("cannot clear the mark of %s in the run directory: %s, ignoring", name,
			    strerror(-r));
}

static void program_begin(struct agent *agent, const struct core_action *action)
{
	const struct resource_config *r = &agent->config->resources[action->resource.resource];
	bool stop = action->type == CORE_ACTION_RESOURCE_STOP;
	int k;

	/* Without the mark a successor would not know that it must be stopped. */
	k = stop ? 0 : held_mark(agent->held_fd, r->name);
	if (k < 0) {
		answer_error(agent, action->resource.operation,
			     "cannot mark it as held in the run directory", k);
		return;
	}
	if (stop && r->type == RESOURCE_TYPE_EXEC &&
	    !r->stop) { /* nothing to run: what the start program did ends by itself */
		clear_mark(agent, r->name);
		answer(agent, action->resource.operation, RESOURCE_RESULT_OK, NULL);
		return;
	}
	k = program_run(agent, action);
	if (k < 0)
		answer_error(agent, action->resource.operation,
			     r->type == RESOURCE_TYPE_SYSTEMD ? "cannot reach systemd"
							      : "cannot start a process",
			     k);
}

/* An exit code that the standard names is told with its name. */
static const char *ocf_text(const struct resource_config *r, const char *text,
			    char buf[static EVENT_TEXT_SIZE])
{
	const char *meaning = NULL;
	int code;

	if (r->type == RESOURCE_TYPE_OCF && exec_text_status(text, &code))
		meaning = ocf_exit_to_string(code);
	if (!meaning)
		return text;
	(void)snprintf(buf, EVENT_TEXT_SIZE, "exit status %d: %s", code, meaning);
	return buf;
}

void resource_exec_done(uint32_t operation, uint8_t result, const char *text, void *userdata)
{
	struct agent *agent = userdata;
	char buf[EVENT_TEXT_SIZE];

	if (channel_done(agent, operation, text) || files_done(agent, operation, result, text) ||
	    power_done(agent, operation, result, text) ||
	    scripts_done(agent, operation, result, text) ||
	    fencing_done(agent, operation, result, text) ||
	    stage_done(agent, operation, result, text))
		return;
	for (uint16_t i = 0; i < agent->config->n_resources; i++) {
		struct resource_run *run = &agent->runs[i];
		const char *name = agent->config->resources[i].name;

		if (run->exec_operation != operation)
			continue;
		run->exec_operation = 0;
		text = ocf_text(&agent->config->resources[i], text, buf);
		if (!run->exec_is_stop || result != RESOURCE_RESULT_OK)
			continue;
		say_cleaned(agent, i);
		clear_mark(agent, name);
	}
	answer(agent, operation, (enum resource_result)result, text);
	loop_turn(agent);
}

static void fip_action(struct agent *agent, const struct core_action *action)
{
	if (action->type == CORE_ACTION_RESOURCE_START)
		fip_start(agent, action);
	else if (action->type == CORE_ACTION_RESOURCE_STOP)
		fip_stop(agent, action);
	else
		fip_kill(agent, action);
}

/* One step may order many programs, and to start each takes time: the lease may end meanwhile,
 * which the core can only see at its next step. */
static bool too_late(const struct agent *agent, const struct core_action *action)
{
	return action->type == CORE_ACTION_RESOURCE_START &&
	       !ha_time_before(clock_boot(), agent->lease_until);
}

static void program_kill(struct agent *agent, const struct resource_config *r, uint32_t operation)
{
	if (r->type == RESOURCE_TYPE_SYSTEMD)
		systemd_kill(agent->systemd, operation);
	else
		exec_kill(agent->exec, operation, clock_boot());
}

void resource_action(struct agent *agent, const struct core_action *action)
{
	const struct resource_config *r = &agent->config->resources[action->resource.resource];

	if (too_late(agent, action))
		answer(agent, action->resource.operation, RESOURCE_RESULT_FAILED,
		       "the lease ran out before it was started");
	else if (r->type == RESOURCE_TYPE_FIP)
		fip_action(agent, action);
	else if (action->type == CORE_ACTION_RESOURCE_KILL)
		program_kill(agent, r, action->resource.operation);
	else
		program_begin(agent, action);
}
