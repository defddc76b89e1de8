/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far a command is that a client waits for: done, failed, or still going on. */
#include "agent/ctl_command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A failed start after which nothing goes on for so long is not being repeated. */
#define STUCK_US (3 * USEC_PER_SEC)

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

/* ---- groups ---- */

static bool busy(enum resource_state state)
{
	return state == RESOURCE_STARTING || state == RESOURCE_STOPPING ||
	       state == RESOURCE_UNKNOWN;
}

/* A resource of the group whose start failed on `node` while nothing else is going on there. */
static const char *failed_start(const struct agent *agent, uint16_t group, uint8_t node)
{
	const char *failed = NULL;

	for (uint16_t i = 0; i < agent->config->n_resources && node != NODE_NONE; i++) {
		enum resource_state state;

		if (agent->config->resources[i].group != group)
			continue;
		state = core_resource_state(agent->core, i, node);
		if (busy(state))
			return NULL;
		if (state == RESOURCE_START_FAILED && !failed)
			failed = agent->config->resources[i].name;
	}
	return failed;
}

/* The group stays as it is because a start failed and no retry or failover is left (rule G14). */
static bool is_stuck(struct agent *agent, struct command *c, uint8_t node, ha_time now, char *text)
{
	const char *resource = failed_start(agent, c->group, node);

	if (!resource) {
		c->stuck_since = HA_TIME_ZERO;
		return false;
	}
	if (c->stuck_since.us == 0)
		c->stuck_since = now;
	if (ha_time_since(now, c->stuck_since) < STUCK_US)
		return false;
	(void)snprintf(text, COMMAND_TEXT, "resource %s did not start on %s", resource,
		       node_name(agent, node));
	return true;
}

static void say_state(const struct agent *agent, const struct command *c,
		      const struct core_group_info *info, char *text)
{
	const char *other = info->waits_for < agent->config->n_groups
				    ? agent->config->groups[info->waits_for].name
				    : NULL;
	bool placed = info->current != NODE_NONE;
	int n = snprintf(text, COMMAND_TEXT, "%s is %s%s%s", agent->config->groups[c->group].name,
			 group_state_to_string((enum group_state)info->state), placed ? " on " : "",
			 placed ? node_name(agent, info->current) : "");
	char why[VERDICT_TEXT_SIZE];

	if (info->held != GROUP_HOLD_NONE)
		(void)snprintf(text + n, COMMAND_TEXT - (size_t)n, ": %.90s",
			       verdict_hold((enum group_hold)info->held, other, why));
	else if (other)
		(void)snprintf(text + n, COMMAND_TEXT - (size_t)n, ": it waits for group %s",
			       other);
}

/* Held so that only another command helps. */
static bool needs_command(const struct core_group_info *info)
{
	return info->held == GROUP_HOLD_MANUAL || info->held == GROUP_HOLD_LIMIT ||
	       info->held == GROUP_HOLD_WAIT_FAILED;
}

static enum outcome group_online(const struct agent *agent, const struct command *c,
				 const struct core_group_info *info, char *text)
{
	const char *group = agent->config->groups[c->group].name;

	if (c->target != NODE_NONE && info->current != c->target &&
	    node_mask_has(info->failed_on, c->target)) {
		(void)snprintf(text, COMMAND_TEXT, "%s failed on %s and is online on %s", group,
			       node_name(agent, c->target), node_name(agent, info->current));
		return OUTCOME_FAILED;
	}
	if ((c->target == NODE_NONE || info->current == c->target) &&
	    (c->kind != REQUEST_GROUP_MOVE || info->current != c->from ||
	     c->code == ANSWER_NOTHING_TO_DO)) {
		(void)snprintf(text, COMMAND_TEXT, "%s is online on %s", group,
			       node_name(agent, info->current));
		return OUTCOME_DONE;
	}
	if (c->kind == REQUEST_GROUP_MOVE && info->failed_on) {
		(void)snprintf(text, COMMAND_TEXT, "%s failed elsewhere and is online on %s again",
			       group, node_name(agent, info->current));
		return OUTCOME_FAILED;
	}
	say_state(agent, c, info, text);
	return OUTCOME_RUNNING;
}

static enum outcome group_up(struct agent *agent, struct command *c,
			     const struct core_group_info *info, ha_time now, char *text)
{
	const char *group = agent->config->groups[c->group].name;

	if (info->state == GROUP_ONLINE && info->intent.wanted == WANTED_ONLINE &&
	    info->current == info->intent.owner)
		return group_online(agent, c, info, text);
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
	if (is_stuck(agent, c, info->current, now, text))
		return OUTCOME_FAILED;
	say_state(agent, c, info, text);
	return needs_command(info) ? OUTCOME_FAILED : OUTCOME_RUNNING;
}

static enum outcome group_down(const struct agent *agent, const struct command *c,
			       const struct core_group_info *info, char *text)
{
	say_state(agent, c, info, text);
	if (info->state == GROUP_OFFLINE)
		return OUTCOME_DONE;
	return info->state == GROUP_STOP_FAILED ? OUTCOME_FAILED : OUTCOME_RUNNING;
}

/* ---- resources ---- */

static enum outcome resource_up(struct agent *agent, struct command *c,
				const struct core_group_info *info, ha_time now, char *text)
{
	const char *name = agent->config->resources[c->object].name;
	uint8_t at = info->current;
	enum resource_state state = at == NODE_NONE
					    ? RESOURCE_OFFLINE
					    : core_resource_state(agent->core, c->object, at);
	enum outcome outcome = OUTCOME_RUNNING;

	if (info->failed || needs_command(info)) {
		say_state(agent, c, info, text);
		return OUTCOME_FAILED;
	}
	if (is_stuck(agent, c, at, now, text))
		return OUTCOME_FAILED;
	if (state == RESOURCE_ONLINE && (c->target == NODE_NONE || at == c->target))
		outcome = OUTCOME_DONE;
	else if (state == RESOURCE_ONLINE && node_mask_has(info->failed_on, c->target))
		outcome = OUTCOME_FAILED;
	(void)snprintf(text, COMMAND_TEXT, "%s is %s%s%s", name, resource_state_to_string(state),
		       at == NODE_NONE ? "" : " on ", at == NODE_NONE ? "" : node_name(agent, at));
	return outcome;
}

static enum outcome resource_down(const struct agent *agent, const struct command *c, ha_time now,
				  char *text)
{
	const struct group_config *group = &agent->config->groups[c->group];
	const char *name = agent->config->resources[c->object].name;
	struct core_self_info self;

	core_self_info(agent->core, now, &self);
	for (uint8_t i = 0; i < group->n_nodes; i++) {
		uint8_t node = group->nodes[i];
		enum resource_state state = core_resource_state(agent->core, c->object, node);

		if (!node_mask_has(self.view.members, node) || state == RESOURCE_OFFLINE)
			continue;
		(void)snprintf(text, COMMAND_TEXT, "%s is %s on %s", name,
			       resource_state_to_string(state), node_name(agent, node));
		return state == RESOURCE_STOP_FAILED ? OUTCOME_FAILED : OUTCOME_RUNNING;
	}
	(void)snprintf(text, COMMAND_TEXT, "%s is offline", name);
	return OUTCOME_DONE;
}

/* Groups and their resources: both are rows of a group. */
static enum outcome look_at_group(struct agent *agent, struct command *c, ha_time now, char *text)
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
	switch (c->kind) {
	case REQUEST_GROUP_STOP:
		return group_down(agent, c, &info, text);
	case REQUEST_RESOURCE_START:
		return resource_up(agent, c, &info, now, text);
	case REQUEST_RESOURCE_STOP:
		return resource_down(agent, c, now, text);
	default:
		return group_up(agent, c, &info, now, text);
	}
}

/* ---- servers ---- */

static bool has_left(const struct core_peer_info *info)
{
	return info->state == PEER_LEFT || info->mode == NODE_MODE_STOPPED;
}

/* A group that could not be stopped keeps its server from leaving. */
static const char *stop_failed_on(struct agent *agent, uint8_t node, ha_time now)
{
	struct core_group_info info;

	for (uint16_t g = 0; g < agent->config->n_groups; g++) {
		core_group_info(agent->core, g, now, &info);
		if (info.state == GROUP_STOP_FAILED && info.current == node)
			return agent->config->groups[g].name;
	}
	return NULL;
}

static enum outcome look_at_server(struct agent *agent, const struct command *c, ha_time now,
				   char *text)
{
	struct core_peer_info info;
	const char *group;

	core_peer_info(agent->core, c->target, now, &info);
	(void)snprintf(text, COMMAND_TEXT, "%s is %s (%s)", node_name(agent, c->target),
		       node_mode_to_string((enum node_mode)info.mode),
		       peer_state_to_string((enum peer_state)info.state));
	if (c->kind == REQUEST_FENCE_CONFIRM) /* it holds from the answer on */
		return OUTCOME_DONE;
	if (c->kind == REQUEST_NODE_START)
		return info.state == PEER_MEMBER && info.mode == NODE_MODE_ONLINE ? OUTCOME_DONE
										  : OUTCOME_RUNNING;
	if (has_left(&info))
		return OUTCOME_DONE;
	if (info.state == PEER_SILENT) {
		(void)snprintf(text, COMMAND_TEXT, "%s became silent before it had left",
			       node_name(agent, c->target));
		return OUTCOME_FAILED;
	}
	group = stop_failed_on(agent, c->target, now);
	if (!group)
		return OUTCOME_RUNNING;
	(void)snprintf(text, COMMAND_TEXT, "group %s could not be stopped on %s", group,
		       node_name(agent, c->target));
	return OUTCOME_FAILED;
}

/* ---- the cluster ---- */

static void add_name(const struct agent *agent, uint8_t node, char *text)
{
	size_t n = strlen(text);

	(void)snprintf(text + n, COMMAND_TEXT - n, "%s%s", text[n - 1] == ' ' ? "" : ", ",
		       node_name(agent, node));
}

/* All servers that can be heard have to come, or to leave. */
static enum outcome look_at_servers(struct agent *agent, const struct command *c, ha_time now,
				    char *text)
{
	bool start = c->kind == REQUEST_CLUSTER_START;
	enum outcome outcome = OUTCOME_DONE;
	struct core_peer_info info;

	(void)snprintf(text, COMMAND_TEXT, "waiting for ");
	for (uint8_t n = 0; n < agent->config->n_nodes; n++) {
		bool heard, done;

		core_peer_info(agent->core, n, now, &info);
		heard = info.state != PEER_UNKNOWN && info.state != PEER_SILENT;
		done = start ? info.state == PEER_MEMBER && info.mode == NODE_MODE_ONLINE
			     : has_left(&info);
		if (done || (!heard && n != agent->self))
			continue;
		outcome = OUTCOME_RUNNING;
		add_name(agent, n, text);
	}
	if (outcome == OUTCOME_DONE)
		(void)snprintf(text, COMMAND_TEXT,
			       start ? "all servers that can be heard are online"
				     : "all servers that can be heard have left");
	return outcome;
}

static enum outcome look_at_mode(const struct command *c, const struct core_cluster_info *info,
				 char *text)
{
	bool wanted = c->kind == REQUEST_CLUSTER_SUSPEND;
	bool suspended = info->intent.mode == CLUSTER_SUSPENDED;

	(void)snprintf(text, COMMAND_TEXT, "the cluster is %s",
		       suspended ? "suspended" : "not suspended");
	return suspended == wanted ? OUTCOME_DONE : OUTCOME_RUNNING;
}

static enum outcome look_at_ratio(const struct command *c, const struct core_cluster_info *info,
				  char *text)
{
	unsigned int wanted = c->kind == REQUEST_RATIO_SET && c->ratio > 1 ? c->ratio : 1;
	unsigned int ratio = info->intent.ratio > 1 ? info->intent.ratio : 1;

	if (ratio == 1)
		(void)snprintf(text, COMMAND_TEXT, "timeouts are as configured");
	else
		(void)snprintf(text, COMMAND_TEXT,
			       "timeouts are multiplied by %u for %" PRIu64 " s", ratio,
			       (uint64_t)(info->ratio_left_us / USEC_PER_SEC));
	return ratio == wanted ? OUTCOME_DONE : OUTCOME_RUNNING;
}

static enum outcome look_at_cluster(struct agent *agent, const struct command *c, ha_time now,
				    char *text)
{
	struct core_cluster_info info;
	enum outcome outcome;

	core_cluster_info(agent->core, now, &info);
	if (command_object(c) == COMMAND_RATIO)
		outcome = look_at_ratio(c, &info, text);
	else if (c->kind == REQUEST_CLUSTER_SUSPEND || c->kind == REQUEST_CLUSTER_RESUME)
		outcome = look_at_mode(c, &info, text);
	else
		return look_at_servers(agent, c, now, text);
	if (outcome != OUTCOME_RUNNING || !superseded(c, &info.intent.request))
		return outcome;
	(void)snprintf(text, COMMAND_TEXT, "another command for the cluster came after this one");
	return OUTCOME_FAILED;
}

/* ---- monitors ---- */

static node_mask monitor_pending(const struct command *c, const struct core_monitor_info *info,
				 node_mask nodes)
{
	node_mask left = 0;
	unsigned int n;

	if (c->kind == REQUEST_MONITOR_FAIL)
		return nodes & ~info->intent.failing;
	if (c->kind == REQUEST_MONITOR_UNFAIL)
		return nodes & info->intent.failing;
	node_mask_for_each (n, nodes) {
		bool suspended = info->on[n].status == MONITOR_SUSPENDED;

		if (info->on[n].status != MONITOR_UNUSED &&
		    suspended != (c->kind == REQUEST_MONITOR_SUSPEND))
			left |= node_bit(n);
	}
	return left;
}

static enum outcome look_at_monitor(struct agent *agent, const struct command *c, char *text)
{
	const struct monitor_config *config = &agent->config->monitors[c->object];
	node_mask nodes = c->target == NODE_NONE ? config->nodes : node_bit(c->target);
	struct core_monitor_info info;
	node_mask pending;
	unsigned int n;

	core_monitor_info(agent->core, c->object, &info);
	pending = monitor_pending(c, &info, nodes);
	if (!pending) {
		(void)snprintf(text, COMMAND_TEXT, "it is so on %s",
			       c->target == NODE_NONE ? "every server"
						      : node_name(agent, c->target));
		return OUTCOME_DONE;
	}
	if (superseded(c, &info.intent.request)) {
		(void)snprintf(text, COMMAND_TEXT, "another command for %s came after this one",
			       config->name);
		return OUTCOME_FAILED;
	}
	(void)snprintf(text, COMMAND_TEXT, "waiting for ");
	node_mask_for_each (n, pending)
		add_name(agent, (uint8_t)n, text);
	return OUTCOME_RUNNING;
}

enum outcome command_look(struct agent *agent, struct command *command, ha_time now,
			  char text[COMMAND_TEXT])
{
	switch (command_object(command)) {
	case COMMAND_MONITOR:
		return look_at_monitor(agent, command, text);
	case COMMAND_SERVER:
		return look_at_server(agent, command, now, text);
	case COMMAND_CLUSTER:
	case COMMAND_RATIO:
		return look_at_cluster(agent, command, now, text);
	case COMMAND_GROUP:
	case COMMAND_RESOURCE:
	default:
		return look_at_group(agent, command, now, text);
	}
}
