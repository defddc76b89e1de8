/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Admin commands: handed to the core, answered when the cluster has accepted them, and followed to
 * their end for a client that waits. */
#include "agent/ctl_command.h"

#include "util/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COMMANDS_MAX 32
#define REFUSAL_TEXT 256
#define CALM_US	     (100 * USEC_PER_MSEC) /* between looks at commands in progress */

struct commands {
	uint64_t last_token;
	ha_time looked_at;
	struct command command[COMMANDS_MAX];
};

int commands_new(struct commands **ret)
{
	struct commands *commands = calloc(1, sizeof *commands);

	if (!commands)
		return -ENOMEM;
	*ret = commands;
	return 0;
}

struct commands *commands_free(struct commands *commands)
{
	free(commands);
	return NULL;
}

void commands_gone(struct agent *agent, const struct ctl_call *call)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++) {
		struct command *c = &agent->commands->command[i];

		if (c->call != call)
			continue;
		c->call = NULL;
		if (c->accepted)
			c->token = 0; /* nobody waits for it any more */
	}
}

/* ---- what they are about ---- */

enum command_object command_object(const struct command *command)
{
	switch ((enum request_kind)command->kind) {
	case REQUEST_NODE_START:
	case REQUEST_NODE_STOP:
	case REQUEST_NODE_SHUTDOWN:
	case REQUEST_NODE_REBOOT:
	case REQUEST_FENCE_CONFIRM:
		return COMMAND_SERVER;
	case REQUEST_RESOURCE_START:
	case REQUEST_RESOURCE_STOP:
		return COMMAND_RESOURCE;
	case REQUEST_MONITOR_SUSPEND:
	case REQUEST_MONITOR_RESUME:
	case REQUEST_MONITOR_FAIL:
	case REQUEST_MONITOR_UNFAIL:
		return COMMAND_MONITOR;
	case REQUEST_CLUSTER_START:
	case REQUEST_CLUSTER_STOP:
	case REQUEST_CLUSTER_SUSPEND:
	case REQUEST_CLUSTER_RESUME:
	case REQUEST_CLUSTER_SHUTDOWN:
	case REQUEST_CLUSTER_REBOOT:
	case REQUEST_CONFIG:
		return COMMAND_CLUSTER;
	case REQUEST_RATIO_SET:
	case REQUEST_RATIO_RESET:
		return COMMAND_RATIO;
	case REQUEST_NONE:
	case REQUEST_GROUP_START:
	case REQUEST_GROUP_STOP:
	case REQUEST_GROUP_MOVE:
	case REQUEST_KIND_COUNT_:
	default:
		return COMMAND_GROUP;
	}
}

/* "group web", "the cluster" */
static void name_object(const struct config *config, struct command *c)
{
	const char *kind = "the cluster", *which = "";

	switch (command_object(c)) {
	case COMMAND_GROUP:
		kind = "group ";
		which = config->groups[c->group].name;
		break;
	case COMMAND_RESOURCE:
		kind = "resource ";
		which = config->resources[c->object].name;
		break;
	case COMMAND_MONITOR:
		kind = "monitor ";
		which = config->monitors[c->object].name;
		break;
	case COMMAND_SERVER:
		kind = "server ";
		which = config->nodes[c->target].name;
		break;
	case COMMAND_RATIO:
		kind = "the timeout ratio";
		break;
	case COMMAND_CLUSTER:
	default:
		break;
	}
	(void)snprintf(c->name, sizeof c->name, "%s%s", kind, which);
}

static bool same_object(const struct command *a, const struct command *b)
{
	enum command_object kind = command_object(a);

	if (kind != command_object(b))
		return false;
	switch (kind) {
	case COMMAND_GROUP:
		return a->group == b->group;
	case COMMAND_RESOURCE:
	case COMMAND_MONITOR:
		return a->object == b->object && a->target == b->target;
	case COMMAND_SERVER:
		return a->target == b->target;
	case COMMAND_CLUSTER:
	case COMMAND_RATIO:
	default:
		return true;
	}
}

/* ---- answers ---- */

/* What follows the name of the object, and, if a server was named, what follows that. */
static const struct {
	const char *text, *after_server;
} refusals[ANSWER_CODE_COUNT_] = {
	[ANSWER_NO_QUORUM] = {": this node is in no view with a quorum, so nothing can be decided",
			      NULL},
	[ANSWER_BUSY] = {": another operation on it has not ended", NULL},
	[ANSWER_BAD_TARGET] = {": server ", " is not in its list, or hosts no groups"},
	[ANSWER_TARGET_DOWN] = {": server ", " is not in the cluster, or is leaving it"},
	[ANSWER_NO_TARGET] = {": no other server can take it", NULL},
	[ANSWER_OFFLINE] = {" is stopped: start it instead", NULL},
	[ANSWER_STORE_FAILED] = {": a server cannot write its state file, so the command may have "
				 "taken effect but could be forgotten",
				 NULL},
	[ANSWER_TIMEOUT] = {": no agreement in time; the command may still take effect", NULL},
	[ANSWER_SUSPENDED] = {": the cluster is suspended; 'holdfast cluster resume' first", NULL},
	[ANSWER_EXCLUDED] = {": an exclusion rule forbids it on server ", ""},
	[ANSWER_UNFIT] = {": a critical monitor is in error on server ", ""},
	[ANSWER_BAD_VALUE] = {": the ratio is 1 to 10000, the time up to 30 days", NULL},
	[ANSWER_NOT_READY] = {": a server does not have that configuration ready", NULL},
	[ANSWER_UNPROVEN] =
		{": it would be stopped, and could not be started before a server that is "
		 "away is proven to be off: 'holdfast fence status'; 'holdfast fence off' "
		 "or 'fence confirm' it first",
		 NULL},
	[ANSWER_TARGET_UP] = {" is heard, or in the cluster: it is not off", NULL},
};

static char *refusal_text(const struct agent *agent, const struct command *c, uint8_t code,
			  char text[REFUSAL_TEXT])
{
	bool known = code < ANSWER_CODE_COUNT_ && refusals[code].text;
	bool named = known && refusals[code].after_server;
	const char *server = names_node(agent->config, c->target);

	(void)snprintf(text, REFUSAL_TEXT, "%s%s%s%s", c->name,
		       known ? refusals[code].text : ": the cluster refused the command",
		       !named	? ""
		       : server ? server
				: "(none named)",
		       named ? refusals[code].after_server : "");
	return text;
}

static void refuse(struct ctl_call *call, const char *answer, const char *message)
{
	ctl_reply_error(call, "io.holdfast.Agent.Refused",
			json_pack("{s:s, s:s}", "answer", answer, "message", message));
}

static json_t *progress_json(const struct command *c, bool done, bool failed)
{
	return json_pack("{s:s, s:o, s:b, s:b}", "answer",
			 answer_code_to_string((enum answer_code)c->code), "progress",
			 ctl_text(c->progress), "done", done, "failed", failed);
}

void commands_answered(struct agent *agent, uint64_t token, uint8_t code,
		       const struct request_id *id)
{
	char text[REFUSAL_TEXT];

	for (size_t i = 0; i < COMMANDS_MAX; i++) {
		struct command *c = &agent->commands->command[i];
		struct ctl_call *call = c->call;

		if (c->token != token || token == 0 || c->accepted)
			continue;
		c->code = code;
		c->id = *id;
		if (call && c->wait && (code == ANSWER_ACCEPTED || code == ANSWER_NOTHING_TO_DO)) {
			c->accepted = true;
			agent->commands->looked_at = HA_TIME_ZERO;
			return;
		}
		(void)refusal_text(agent, c, code, text);
		*c = (struct command){.code = code};
		if (!call)
			return;
		if (code == ANSWER_ACCEPTED || code == ANSWER_NOTHING_TO_DO)
			ctl_reply_checked(call,
					  json_pack("{s:s}", "answer",
						    answer_code_to_string((enum answer_code)code)));
		else
			refuse(call, answer_code_to_string((enum answer_code)code), text);
		return;
	}
}

/* ---- following ---- */

static void follow(struct agent *agent, struct command *c, ha_time now)
{
	char text[COMMAND_TEXT] = "";
	struct ctl_call *call = c->call;
	enum outcome outcome;
	json_t *json;

	outcome = command_look(agent, c, now, text);
	if (outcome == OUTCOME_RUNNING && strcmp(text, c->progress) == 0)
		return;
	memcpy(c->progress, text, sizeof text);
	json = progress_json(c, outcome == OUTCOME_DONE, outcome == OUTCOME_FAILED);
	if (outcome != OUTCOME_RUNNING) {
		*c = (struct command){0};
		ctl_reply_checked(call, json);
	} else if (json && ctl_call_wants_more(call)) {
		(void)ctl_reply_more(call, json); /* false: gone, and call_gone() follows */
	} else {
		json_decref(json);
	}
}

void commands_progress(struct agent *agent, ha_time now)
{
	if (ha_time_since(now, agent->commands->looked_at) < CALM_US)
		return;
	agent->commands->looked_at = now;
	for (size_t i = 0; i < COMMANDS_MAX; i++) {
		struct command *c = &agent->commands->command[i];

		if (c->token && c->accepted && c->call)
			follow(agent, c, now);
	}
}

void ctl_config_changed(struct agent *agent)
{
	memset(agent->monitor_words, 0, sizeof agent->monitor_words);
	for (size_t i = 0; i < COMMANDS_MAX; i++) {
		struct command *c = &agent->commands->command[i], last;
		struct ctl_call *call = c->call;

		if (c->token == 0 || !c->accepted || !call)
			continue;
		last = *c;
		*c = (struct command){0};
		(void)snprintf(last.progress, sizeof last.progress,
			       "the configuration was changed meanwhile, see the status");
		ctl_reply_checked(call, progress_json(&last, false, true));
	}
}

/* ---- entry ---- */

static struct command *free_command(struct commands *commands)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++)
		if (commands->command[i].token == 0)
			return &commands->command[i];
	return NULL;
}

/* The optional flag `wait`. False: it is not a flag. */
static bool get_wait(json_t *parameters, bool *ret)
{
	const json_t *value = json_object_get(parameters, "wait");

	if (value && !json_is_null(value) && !json_is_boolean(value))
		return false;
	*ret = json_is_true(value);
	return true;
}

/* One that the core has not answered yet, about the same thing. */
static bool is_pending(const struct commands *commands, const struct command *command)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++) {
		const struct command *c = &commands->command[i];

		if (c->token != 0 && !c->accepted && same_object(c, command))
			return true;
	}
	return false;
}

static bool concerns_group(const struct command *command)
{
	enum command_object object = command_object(command);

	return object == COMMAND_GROUP || object == COMMAND_RESOURCE;
}

void command_enter(struct agent *agent, struct ctl_call *call, json_t *parameters,
		   struct command command)
{
	struct command *c = free_command(agent->commands);
	char text[REFUSAL_TEXT];
	struct core_group_info info;

	if (!get_wait(parameters, &command.wait)) {
		ctl_reply_invalid(call, "wait");
		return;
	}
	if (!c) {
		refuse(call, "busy", "too many commands are in progress at this agent");
		return;
	}
	name_object(agent->config, &command);
	if (is_pending(agent->commands, &command)) {
		refuse(call, "busy", refusal_text(agent, &command, ANSWER_BUSY, text));
		return;
	}
	command.call = call;
	command.token = ++agent->commands->last_token;
	command.from = NODE_NONE;
	if (concerns_group(&command)) {
		core_group_info(agent->core, command.group, clock_boot(), &info);
		command.from = info.current;
	}
	*c = command;
	step_post(agent, &(struct core_event){.type = CORE_EVENT_REQUEST,
					      .request = {.kind = command.kind,
							  .target = command.target,
							  .group = command.group,
							  .object = command.object,
							  .ratio = command.ratio,
							  .value = command.value,
							  .token = command.token}});
	loop_turn(agent);
}
