/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/stage.h"

#include "util/clock.h"
#include "util/log.h"
#include "util/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PATH_VARIABLE "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define VARIABLE_SIZE 80

/* A program that runs. The core has one at a time for each monitor. */
struct stage {
	uint32_t operation; /* of the core; 0: none */
	ha_time until;	    /* then it is ended; NEVER: it was */
	uint64_t limit_us;
	bool cut;
};

struct stages {
	unsigned int n;		       /* that run */
	struct stage of[MONITORS_MAX]; /* in no order */
};

/* ---- verdicts ---- */

static void on_verdict(uint16_t monitor, uint8_t status, const char *text, void *userdata)
{
	step_post(userdata,
		  &(struct core_event){
			  .type = CORE_EVENT_MONITOR,
			  .monitor = {.monitor = monitor, .status = status, .text = text}});
}

static void on_settled(void *userdata)
{
	loop_turn(userdata);
}

static void on_died(const char *text, uint64_t again_us, void *userdata)
{
	struct agent *agent = userdata;
	struct event event = record_event(agent, EVENT_MONITORS_DIED);

	event.node = agent->self;
	event.arg[0] = again_us;
	(void)snprintf(event.text, sizeof event.text, "%s", text);
	record_add(agent, &event);
}

int stage_new(struct agent *agent)
{
	const struct monitors_config config = {
		.event = agent->event,
		.priority = AGENT_PRIORITY_EXEC,
		.config = agent->config,
		.verdict = on_verdict,
		.settled = on_settled,
		.died = on_died,
		.userdata = agent,
	};
	int r;

	agent->stages = calloc(1, sizeof *agent->stages);
	if (!agent->stages)
		return -ENOMEM;
	r = monitor_new(&config, &agent->monitors);
	if (r < 0)
		log_err("cannot start the process of the monitors: %s", strerror(-r));
	return r;
}

int stage_reload(struct agent *agent)
{
	return monitor_reconfigure(agent->monitors, agent->config);
}

void stage_free(struct agent *agent)
{
	agent->monitors = monitor_free(agent->monitors);
	free(agent->stages);
	agent->stages = NULL;
}

/* ---- programs ---- */

static void answer(struct agent *agent, uint32_t operation, bool ok, const char *text)
{
	step_post(agent, &(struct core_event){
				 .type = CORE_EVENT_SCRIPT_DONE,
				 .script_done = {.operation = operation, .ok = ok, .text = text}});
}

static char **argv_of(const struct monitor_config *m, uint8_t stage, const char **ret_action)
{
	switch ((enum recovery_stage)stage) {
	case STAGE_RESTART:
		*ret_action = "RESTART";
		return m->before_restart;
	case STAGE_FAILOVER:
		*ret_action = "FAILOVER";
		return m->before_failover;
	case STAGE_FINAL:
		*ret_action = "FINALACTION";
		return m->before_final;
	case STAGE_COUNT_:
	default:
		*ret_action = "";
		return NULL;
	}
}

static int run_program(struct agent *agent, const struct core_action *action)
{
	const struct monitor_config *m = &agent->config->monitors[action->script.monitor];
	char path[] = PATH_VARIABLE, user[] = "USER=root", logname[] = "LOGNAME=root";
	char name[VARIABLE_SIZE], step[VARIABLE_SIZE], restarts[VARIABLE_SIZE],
		failovers[VARIABLE_SIZE];
	char *env[] = {path, user, logname, name, step, restarts, failovers, NULL};
	struct core_monitor_info info;
	const char *word;
	const struct exec_program program = {
		.operation = action->script.operation | EXEC_KIND_STAGE,
		.name = m->name,
		.argv = argv_of(m, action->script.stage, &word),
		.env = env,
	};

	if (!program.argv)
		return -ENOENT;
	(void)snprintf(name, sizeof name, "CLP_MONITORNAME=%s", m->name);
	(void)snprintf(step, sizeof step, "CLP_ACTION=%s", word);
	core_monitor_info(agent->core, action->script.monitor, &info);
	(void)snprintf(restarts, sizeof restarts, "CLP_RESTARTCOUNT=%u",
		       info.on[agent->self].restarts);
	(void)snprintf(failovers, sizeof failovers, "CLP_FAILOVERCOUNT=%u",
		       info.on[agent->self].failovers);
	return exec_run(agent->exec, &program);
}

static struct stage *free_place(struct stages *stages)
{
	for (unsigned int i = 0; i < MONITORS_MAX; i++)
		if (!stages->of[i].operation)
			return &stages->of[i];
	return NULL;
}

void stage_run(struct agent *agent, const struct core_action *action)
{
	const struct monitor_config *m = &agent->config->monitors[action->script.monitor];
	struct stage *stage = free_place(agent->stages);
	char text[EVENT_TEXT_SIZE];
	int r = stage ? run_program(agent, action) : -EAGAIN;

	if (r < 0) {
		(void)snprintf(text, sizeof text, "cannot start a process: %s", strerror(-r));
		answer(agent, action->script.operation, false, text);
		return;
	}
	agent->stages->n++;
	*stage = (struct stage){.operation = action->script.operation,
				.until = ha_time_add(clock_boot(), m->script_timeout_us),
				.limit_us = m->script_timeout_us};
}

bool stage_done(struct agent *agent, uint32_t operation, uint8_t result, const char *text)
{
	uint32_t number = operation & ~EXEC_KIND_MASK;
	char cut[EVENT_TEXT_SIZE], limit[DURATION_STRLEN];

	if ((operation & EXEC_KIND_MASK) != EXEC_KIND_STAGE)
		return false;
	for (uint16_t i = 0; i < MONITORS_MAX; i++) {
		struct stage *stage = &agent->stages->of[i];

		if (stage->operation != number)
			continue;
		if (stage->cut) {
			(void)snprintf(cut, sizeof cut, "ended, for it took more than %s",
				       format_duration(limit, stage->limit_us));
			text = cut;
		}
		stage->operation = 0;
		agent->stages->n--;
		answer(agent, number, result == RESOURCE_RESULT_OK, text);
		loop_turn(agent);
		break;
	}
	return true;
}

/* ---- time ---- */

ha_time stage_deadline(const struct agent *agent)
{
	ha_time at = monitor_deadline(agent->monitors);

	for (uint16_t i = 0; agent->stages->n && i < MONITORS_MAX; i++)
		if (agent->stages->of[i].operation)
			at = ha_time_min(at, agent->stages->of[i].until);
	return at;
}

void stage_dispatch(struct agent *agent, ha_time now)
{
	if (ha_time_reached(monitor_deadline(agent->monitors), now))
		monitor_dispatch(agent->monitors, now);
	for (uint16_t i = 0; agent->stages->n && i < MONITORS_MAX; i++) {
		struct stage *stage = &agent->stages->of[i];

		if (!stage->operation || !ha_time_reached(stage->until, now))
			continue;
		stage->until = HA_TIME_NEVER;
		stage->cut = true;
		exec_kill(agent->exec, stage->operation | EXEC_KIND_STAGE, now);
	}
}
