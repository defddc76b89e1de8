/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Admin commands: handed to the core, answered when the cluster has accepted them, and followed to
 * their end for a client that waits. */
#include "agent/ctl_internal.h"

#include "util/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COMMANDS_MAX 32
#define COMMAND_TEXT 160
#define CALM_US	     (100 * USEC_PER_MSEC) /* between looks at commands in progress */

struct command {
	struct ctl_call *call; /* NULL: a free place, or the client has gone */
	uint64_t token;	       /* 0: a free place */
	uint8_t kind;	       /* enum request_kind */
	uint8_t target;	       /* node or NODE_NONE */
	uint8_t from;	       /* where the group was */
	uint16_t group;
	bool wait;
	bool accepted; /* and is being followed */
	uint8_t code;  /* enum answer_code */
	struct request_id id;
	char progress[COMMAND_TEXT]; /* told last */
};

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

/* ---- answers ---- */

static const char *refusal_text(uint8_t code)
{
	switch ((enum answer_code)code) {
	case ANSWER_NO_QUORUM:
		return "this node is in no view with a quorum, so nothing can be decided";
	case ANSWER_BUSY:
		return "another operation on the same group or server has not ended";
	case ANSWER_BAD_TARGET:
		return "that server is not in the group's list, or hosts no groups";
	case ANSWER_TARGET_DOWN:
		return "that server is not in the cluster, or is leaving it";
	case ANSWER_NO_TARGET:
		return "no other server can take the group";
	case ANSWER_OFFLINE:
		return "the group is stopped: start it instead";
	case ANSWER_STORE_FAILED:
		return "a server cannot write its state file: the command may have taken effect, "
		       "but could be forgotten";
	case ANSWER_TIMEOUT:
		return "no agreement in time: the command may still take effect";
	case ANSWER_NONE:
	case ANSWER_ACCEPTED:
	case ANSWER_NOTHING_TO_DO:
	case ANSWER_CODE_COUNT_:
	default:
		return "the cluster refused the command";
	}
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
		*c = (struct command){.code = code};
		if (!call)
			return;
		if (code == ANSWER_ACCEPTED || code == ANSWER_NOTHING_TO_DO)
			ctl_reply_checked(call,
					  json_pack("{s:s}", "answer",
						    answer_code_to_string((enum answer_code)code)));
		else
			refuse(call, answer_code_to_string((enum answer_code)code),
			       refusal_text(code));
		return;
	}
}

/* ---- following ---- */

enum outcome { OUTCOME_RUNNING, OUTCOME_DONE, OUTCOME_FAILED };

static const char *node_name(const struct agent *agent, uint8_t node)
{
	const char *name = names_node(agent->config, node);

	return name ? name : "no server";
}

static bool superseded(const struct command *c, const struct request_id *newest)
{
	return c->code == ANSWER_ACCEPTED && newest->number != 0 &&
	       (newest->node != c->id.node || newest->incarnation != c->id.incarnation ||
		newest->number != c->id.number);
}

static enum outcome group_up(const struct agent *agent, const struct command *c,
			     const struct core_group_info *info, char *text)
{
	const char *group = agent->config->groups[c->group].name;
	bool online = info->state == GROUP_ONLINE && info->intent.wanted == WANTED_ONLINE &&
		      info->current == info->intent.owner;

	if (online && c->target != NODE_NONE && info->current != c->target &&
	    node_mask_has(info->failed_on, c->target)) {
		(void)snprintf(text, COMMAND_TEXT, "%s failed on %s and is online on %s", group,
			       node_name(agent, c->target), node_name(agent, info->current));
		return OUTCOME_FAILED;
	}
	if (online && (c->target == NODE_NONE || info->current == c->target) &&
	    (c->kind != REQUEST_GROUP_MOVE || info->current != c->from ||
	     c->code == ANSWER_NOTHING_TO_DO)) {
		(void)snprintf(text, COMMAND_TEXT, "%s is online on %s", group,
			       node_name(agent, info->current));
		return OUTCOME_DONE;
	}
	if (online && c->kind == REQUEST_GROUP_MOVE && info->failed_on) {
		(void)snprintf(text, COMMAND_TEXT, "%s failed elsewhere and is online on %s again",
			       group, node_name(agent, info->current));
		return OUTCOME_FAILED;
	}
	if (info->failed) {
		(void)snprintf(text, COMMAND_TEXT, "%s failed on every server that could take it",
			       group);
		return OUTCOME_FAILED;
	}
	if (info->state == GROUP_STOP_FAILED) {
		(void)snprintf(text, COMMAND_TEXT, "%s could not be stopped on %s", group,
			       node_name(agent, info->current));
		return OUTCOME_FAILED;
	}
	(void)snprintf(text, COMMAND_TEXT, "%s is %s%s%s", group,
		       group_state_to_string((enum group_state)info->state),
		       info->current != NODE_NONE ? " on " : "",
		       info->current != NODE_NONE ? node_name(agent, info->current) : "");
	return OUTCOME_RUNNING;
}

static enum outcome group_down(const struct agent *agent, const struct command *c,
			       const struct core_group_info *info, char *text)
{
	const char *group = agent->config->groups[c->group].name;

	(void)snprintf(text, COMMAND_TEXT, "%s is %s%s%s", group,
		       group_state_to_string((enum group_state)info->state),
		       info->current != NODE_NONE ? " on " : "",
		       info->current != NODE_NONE ? node_name(agent, info->current) : "");
	if (info->state == GROUP_OFFLINE)
		return OUTCOME_DONE;
	return info->state == GROUP_STOP_FAILED ? OUTCOME_FAILED : OUTCOME_RUNNING;
}

static enum outcome look_at_group(struct agent *agent, const struct command *c, ha_time now,
				  char *text)
{
	struct core_self_info self;
	struct core_group_info info;

	core_self_info(agent->core, now, &self);
	if (!self.quorate) {
		(void)snprintf(text, COMMAND_TEXT, "waiting: no quorum");
		return OUTCOME_RUNNING;
	}
	core_group_info(agent->core, c->group, now, &info);
	if (superseded(c, &info.intent.request)) {
		(void)snprintf(text, COMMAND_TEXT, "another command for %s came after this one",
			       agent->config->groups[c->group].name);
		return OUTCOME_FAILED;
	}
	return c->kind == REQUEST_GROUP_STOP ? group_down(agent, c, &info, text)
					     : group_up(agent, c, &info, text);
}

static enum outcome look_at_server(struct agent *agent, const struct command *c, ha_time now,
				   char *text)
{
	struct core_peer_info info;
	bool done;

	core_peer_info(agent->core, c->target, now, &info);
	(void)snprintf(text, COMMAND_TEXT, "%s is %s (%s)", node_name(agent, c->target),
		       node_mode_to_string((enum node_mode)info.mode),
		       peer_state_to_string((enum peer_state)info.state));
	if (c->kind == REQUEST_NODE_STOP)
		done = info.state == PEER_LEFT || info.mode == NODE_MODE_STOPPED;
	else
		done = info.state == PEER_MEMBER && info.mode == NODE_MODE_ONLINE;
	return done ? OUTCOME_DONE : OUTCOME_RUNNING;
}

static void follow(struct agent *agent, struct command *c, ha_time now)
{
	char text[COMMAND_TEXT] = "";
	struct ctl_call *call = c->call;
	enum outcome outcome;
	json_t *json;

	outcome = c->kind == REQUEST_NODE_START || c->kind == REQUEST_NODE_STOP
			  ? look_at_server(agent, c, now, text)
			  : look_at_group(agent, c, now, text);
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

static bool get_group(struct agent *agent, struct ctl_call *call, json_t *parameters, uint16_t *ret)
{
	const char *name = json_string_value(json_object_get(parameters, "group"));
	int g = name ? config_find_group(agent->config, name) : -EINVAL;

	if (!name)
		ctl_reply_invalid(call, "group");
	else if (g < 0)
		ctl_reply_error(call, "io.holdfast.Agent.NoSuchGroup",
				json_pack("{s:s}", "group", name));
	else
		*ret = (uint16_t)g;
	return g >= 0;
}

static bool get_server(struct agent *agent, struct ctl_call *call, json_t *parameters,
		       bool required, uint8_t *ret)
{
	const json_t *value = json_object_get(parameters, "server");
	const char *name = json_string_value(value);
	int n;

	if ((!value || json_is_null(value)) && !required) {
		*ret = NODE_NONE;
		return true;
	}
	if (!name) {
		ctl_reply_invalid(call, "server");
		return false;
	}
	n = config_find_node(agent->config, name);
	if (n < 0) {
		ctl_reply_error(call, "io.holdfast.Agent.NoSuchServer",
				json_pack("{s:s}", "server", name));
		return false;
	}
	*ret = (uint8_t)n;
	return true;
}

static void enter(struct agent *agent, struct ctl_call *call, json_t *parameters,
		  struct command command)
{
	struct command *c = free_command(agent->commands);
	struct core_group_info info;

	if (!get_wait(parameters, &command.wait)) {
		ctl_reply_invalid(call, "wait");
		return;
	}
	if (!c) {
		refuse(call, "busy", "too many commands are in progress at this agent");
		return;
	}
	command.call = call;
	command.token = ++agent->commands->last_token;
	command.from = NODE_NONE;
	if (command.kind != REQUEST_NODE_START && command.kind != REQUEST_NODE_STOP) {
		core_group_info(agent->core, command.group, clock_boot(), &info);
		command.from = info.current;
	}
	*c = command;
	step_post(agent, &(struct core_event){.type = CORE_EVENT_REQUEST,
					      .request = {.kind = command.kind,
							  .target = command.target,
							  .group = command.group,
							  .token = command.token}});
	loop_turn(agent);
}

static void group_command(struct agent *agent, struct ctl_call *call, json_t *parameters,
			  enum request_kind kind)
{
	struct command command = {.kind = (uint8_t)kind, .target = NODE_NONE};

	if (!get_group(agent, call, parameters, &command.group))
		return;
	if (kind != REQUEST_GROUP_STOP &&
	    !get_server(agent, call, parameters, false, &command.target))
		return;
	enter(agent, call, parameters, command);
}

static void server_command(struct agent *agent, struct ctl_call *call, json_t *parameters,
			   enum request_kind kind)
{
	struct command command = {.kind = (uint8_t)kind};

	if (get_server(agent, call, parameters, true, &command.target))
		enter(agent, call, parameters, command);
}

void ctl_group_start(struct ctl_call *call, json_t *parameters, void *userdata)
{
	group_command(userdata, call, parameters, REQUEST_GROUP_START);
}

void ctl_group_stop(struct ctl_call *call, json_t *parameters, void *userdata)
{
	group_command(userdata, call, parameters, REQUEST_GROUP_STOP);
}

void ctl_group_move(struct ctl_call *call, json_t *parameters, void *userdata)
{
	group_command(userdata, call, parameters, REQUEST_GROUP_MOVE);
}

void ctl_server_start(struct ctl_call *call, json_t *parameters, void *userdata)
{
	server_command(userdata, call, parameters, REQUEST_NODE_START);
}

void ctl_server_stop(struct ctl_call *call, json_t *parameters, void *userdata)
{
	server_command(userdata, call, parameters, REQUEST_NODE_STOP);
}
