/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/script.h"

#include "agent/ctl_internal.h"

#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct script {
	uint32_t operation; /* 0: free */
	char name[SCRIPT_NAME_MAX + 1];
	struct ctl_call *call; /* NULL: its client has gone */
	ha_time started, deadline;
	bool killed;
};

struct scripts {
	uint32_t last;
	struct script script[SCRIPTS_MAX];
};

int scripts_new(struct scripts **ret)
{
	*ret = calloc(1, sizeof **ret);
	return *ret ? 0 : -ENOMEM;
}

struct scripts *scripts_free(struct scripts *scripts)
{
	free(scripts);
	return NULL;
}

bool script_name_valid(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-.";
	size_t n = strlen(name);

	return n > 0 && n <= SCRIPT_NAME_MAX && name[0] != '.' && strspn(name, allowed) == n;
}

const char *script_refusal_to_string(int code)
{
	switch ((enum script_refusal)code) {
	case SCRIPT_REFUSAL_MISSING:
		return "there is no such script in the script directory of that server";
	case SCRIPT_REFUSAL_UNSAFE:
		return "it is not a regular file of root that only root may write";
	case SCRIPT_REFUSAL_LOG:
		return "the log file cannot be opened";
	case SCRIPT_REFUSAL_EXEC:
		return "it cannot be executed";
	default:
		return NULL;
	}
}

static void say(struct agent *agent, enum event_id id, const struct script *s, uint64_t arg0,
		uint64_t arg1)
{
	struct event event = record_event(agent, id);

	event.node = agent->self;
	event.arg[0] = arg0;
	event.arg[1] = arg1;
	(void)snprintf(event.text, sizeof event.text, "%s", s->name);
	record_add(agent, &event);
}

/* ---- the end ---- */

static void reply_refused(struct ctl_call *call, const char *answer, const char *name,
			  const char *why)
{
	char message[192];

	(void)snprintf(message, sizeof message, "script %s: %s", name, why);
	ctl_reply_error(call, "io.holdfast.Agent.Refused",
			json_pack("{s:s, s:o}", "answer", answer, "message", ctl_text(message)));
}

static int exit_code(uint8_t result, const char *text)
{
	int code = 0;

	if (exec_text_status(text, &code))
		return code;
	if (exec_text_signal(text, &code))
		return 128 + code;
	return result == RESOURCE_RESULT_OK ? 0 : 255;
}

bool scripts_done(struct agent *agent, uint32_t operation, uint8_t result, const char *text)
{
	struct script *s = NULL;
	uint64_t took_us;
	int code;

	if ((operation & EXEC_KIND_MASK) != EXEC_KIND_SCRIPT)
		return false;
	for (size_t i = 0; i < SCRIPTS_MAX; i++)
		if (agent->scripts->script[i].operation == operation)
			s = &agent->scripts->script[i];
	if (!s)
		return true;
	code = exit_code(result, text);
	took_us = ha_time_since(clock_boot(), s->started);
	say(agent, EVENT_SCRIPT_ENDED, s, (uint64_t)code, took_us);
	if (s->call && script_refusal_to_string(code))
		reply_refused(s->call, "not-run", s->name, script_refusal_to_string(code));
	else if (s->call)
		ctl_reply_checked(s->call,
				  json_pack("{s:i, s:b, s:I, s:o}", "exit_code", code, "timed_out",
					    s->killed, "took_us", (json_int_t)took_us, "text",
					    ctl_text(text ? text : "")));
	*s = (struct script){0};
	return true;
}

bool scripts_gone(struct agent *agent, const struct ctl_call *call)
{
	for (size_t i = 0; i < SCRIPTS_MAX; i++)
		if (agent->scripts->script[i].operation && agent->scripts->script[i].call == call) {
			agent->scripts->script[i].call = NULL;
			return true;
		}
	return false;
}

ha_time scripts_deadline(const struct agent *agent)
{
	ha_time t = HA_TIME_NEVER;

	for (size_t i = 0; i < SCRIPTS_MAX; i++) {
		const struct script *s = &agent->scripts->script[i];

		if (s->operation && !s->killed)
			t = ha_time_min(t, s->deadline);
	}
	return t;
}

void scripts_dispatch(struct agent *agent, ha_time now)
{
	for (size_t i = 0; i < SCRIPTS_MAX; i++) {
		struct script *s = &agent->scripts->script[i];

		if (!s->operation || s->killed || !ha_time_reached(s->deadline, now))
			continue;
		s->killed = true;
		log_warning("script %s does not end in its time: it is killed", s->name);
		exec_kill(agent->exec, s->operation, now);
	}
}

/* ---- the beginning ---- */

struct order {
	const char *name, *log;
	json_int_t timeout_s; /* 0: none given */
};

/* False: it was replied. */
static bool read_order(struct ctl_call *call, json_t *parameters, struct order *ret)
{
	const json_t *log = json_object_get(parameters, "log");
	const json_t *timeout = json_object_get(parameters, "timeout_s");

	ret->name = json_string_value(json_object_get(parameters, "script"));
	ret->log = json_string_value(log);
	ret->timeout_s = json_integer_value(timeout);
	if (!ret->name || !script_name_valid(ret->name)) {
		ctl_reply_invalid(call, "script");
	} else if (log && !json_is_null(log) &&
		   (!ret->log || ret->log[0] != '/' || strlen(ret->log) >= PATH_MAX)) {
		ctl_reply_invalid(call, "log");
	} else if (timeout && !json_is_null(timeout) &&
		   (!json_is_integer(timeout) || ret->timeout_s < 1 ||
		    ret->timeout_s > SCRIPT_TIMEOUT_MAX_S)) {
		ctl_reply_invalid(call, "timeout_s");
	} else if (ret->log &&
		   ctl_call_uid(call) != 0) { /* it is written with the rights of root */
		ctl_reply_error(call, "io.holdfast.Agent.PermissionDenied",
				json_pack("{s:s, s:n}", "needs", "root", "group"));
	} else {
		return true;
	}
	return false;
}

static int start(struct agent *agent, struct script *s, const char *log)
{
	char self[PATH_MAX] = "", flag[] = "--script";
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *argv[] = {self, flag, agent->config->script_directory, s->name, (char *)log, NULL};
	char *env[] = {path, NULL};
	const struct exec_program program = {
		.operation = s->operation, .name = s->name, .argv = argv, .env = env};

	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		return -errno;
	return exec_run(agent->exec, &program);
}

static struct script *find_place(struct agent *agent, const char *name, bool *ret_same)
{
	struct script *place = NULL;

	*ret_same = false;
	for (size_t i = 0; i < SCRIPTS_MAX; i++) {
		struct script *s = &agent->scripts->script[i];

		if (!s->operation)
			place = s;
		else if (strcmp(s->name, name) == 0)
			*ret_same = true;
	}
	return place;
}

void ctl_script_run(struct ctl_call *call, json_t *parameters, void *userdata)
{
	struct agent *agent = userdata;
	struct order order;
	struct script *s;
	bool same;
	int r;

	if (!read_order(call, parameters, &order))
		return;
	s = find_place(agent, order.name, &same);
	if (same || !s) {
		reply_refused(call, "busy", order.name,
			      same ? "it runs already on this server"
				   : "as many scripts as may run at once do so already");
		return;
	}
	agent->scripts->last = (agent->scripts->last + 1) & ~EXEC_KIND_MASK;
	*s = (struct script){.operation = agent->scripts->last | EXEC_KIND_SCRIPT,
			     .call = call,
			     .started = clock_boot()};
	(void)snprintf(s->name, sizeof s->name, "%s", order.name);
	s->deadline =
		ha_time_add(s->started, order.timeout_s ? (uint64_t)order.timeout_s * USEC_PER_SEC
							: SCRIPT_TIMEOUT_US);
	r = start(agent, s, order.log);
	if (r < 0) {
		*s = (struct script){0};
		reply_refused(call, "not-run", order.name, strerror(-r));
		return;
	}
	say(agent, EVENT_SCRIPT_STARTED, s, ctl_call_uid(call),
	    ha_time_since(s->deadline, s->started));
}
