/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods that change something: their parameters, made into a command. */
#include "agent/ctl_command.h"

#include <errno.h>

/* ---- parameters ---- */

struct name_kind {
	const char *parameter, *error;
	int (*find)(const struct config *config, const char *name);
};

static const struct name_kind a_group = {"group", "NoSuchGroup", config_find_group};
static const struct name_kind a_resource = {"resource", "NoSuchResource", config_find_resource};
static const struct name_kind a_monitor = {"monitor", "NoSuchMonitor", config_find_monitor};
static const struct name_kind a_server = {"server", "NoSuchServer", config_find_node};

/* The index of what is named, or -1: the call has been answered. */
static int get_name(struct agent *agent, struct ctl_call *call, json_t *parameters,
		    const struct name_kind *kind)
{
	const char *name = json_string_value(json_object_get(parameters, kind->parameter));
	char error[64];
	int r;

	if (!name) {
		ctl_reply_invalid(call, kind->parameter);
		return -1;
	}
	r = kind->find(agent->config, name);
	if (r >= 0)
		return r;
	(void)snprintf(error, sizeof error, "io.holdfast.Agent.%s", kind->error);
	ctl_reply_error(call, error, json_pack("{s:s}", kind->parameter, name));
	return -1;
}

/* The optional server; false: the call has been answered. */
static bool get_place(struct agent *agent, struct ctl_call *call, json_t *parameters,
		      struct command *command)
{
	const json_t *value = json_object_get(parameters, a_server.parameter);
	int n;

	command->target = NODE_NONE;
	if (!value || json_is_null(value))
		return true;
	n = get_name(agent, call, parameters, &a_server);
	if (n >= 0)
		command->target = (uint8_t)n;
	return n >= 0;
}

/* An integer of 0..max, 0 if it is not there. */
static bool get_number(const json_t *parameters, const char *name, json_int_t max,
		       uint64_t *ret_value)
{
	const json_t *value = json_object_get(parameters, name);

	*ret_value = 0;
	if (!value || json_is_null(value))
		return true;
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > max)
		return false;
	*ret_value = (uint64_t)json_integer_value(value);
	return true;
}

/* ---- groups ---- */

static void group_command(struct agent *agent, struct ctl_call *call, json_t *parameters,
			  enum request_kind kind)
{
	struct command command = {.kind = (uint8_t)kind, .target = NODE_NONE};
	int g = get_name(agent, call, parameters, &a_group);

	if (g < 0)
		return;
	command.group = (uint16_t)g;
	if (kind == REQUEST_GROUP_STOP || get_place(agent, call, parameters, &command))
		command_enter(agent, call, parameters, command);
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

/* ---- resources ---- */

static void resource_command(struct agent *agent, struct ctl_call *call, json_t *parameters,
			     enum request_kind kind)
{
	struct command command = {.kind = (uint8_t)kind, .target = NODE_NONE};
	int i = get_name(agent, call, parameters, &a_resource);

	if (i < 0)
		return;
	command.object = (uint16_t)i;
	command.group = agent->config->resources[i].group;
	if (kind == REQUEST_RESOURCE_STOP || get_place(agent, call, parameters, &command))
		command_enter(agent, call, parameters, command);
}

void ctl_resource_start(struct ctl_call *call, json_t *parameters, void *userdata)
{
	resource_command(userdata, call, parameters, REQUEST_RESOURCE_START);
}

void ctl_resource_stop(struct ctl_call *call, json_t *parameters, void *userdata)
{
	resource_command(userdata, call, parameters, REQUEST_RESOURCE_STOP);
}

/* ---- monitors ---- */

static void monitor_command(struct agent *agent, struct ctl_call *call, json_t *parameters,
			    enum request_kind kind)
{
	struct command command = {.kind = (uint8_t)kind, .target = NODE_NONE};
	int m = get_name(agent, call, parameters, &a_monitor);

	if (m < 0)
		return;
	command.object = (uint16_t)m;
	if (get_place(agent, call, parameters, &command))
		command_enter(agent, call, parameters, command);
}

void ctl_monitor_suspend(struct ctl_call *call, json_t *parameters, void *userdata)
{
	monitor_command(userdata, call, parameters, REQUEST_MONITOR_SUSPEND);
}

void ctl_monitor_resume(struct ctl_call *call, json_t *parameters, void *userdata)
{
	monitor_command(userdata, call, parameters, REQUEST_MONITOR_RESUME);
}

void ctl_monitor_fail(struct ctl_call *call, json_t *parameters, void *userdata)
{
	monitor_command(userdata, call, parameters, REQUEST_MONITOR_FAIL);
}

void ctl_monitor_unfail(struct ctl_call *call, json_t *parameters, void *userdata)
{
	monitor_command(userdata, call, parameters, REQUEST_MONITOR_UNFAIL);
}

/* ---- servers and the cluster ---- */

static void server_command(struct agent *agent, struct ctl_call *call, json_t *parameters,
			   enum request_kind kind)
{
	struct command command = {.kind = (uint8_t)kind};
	int n = get_name(agent, call, parameters, &a_server);

	if (n < 0)
		return;
	command.target = (uint8_t)n;
	command_enter(agent, call, parameters, command);
}

void ctl_server_start(struct ctl_call *call, json_t *parameters, void *userdata)
{
	server_command(userdata, call, parameters, REQUEST_NODE_START);
}

void ctl_server_stop(struct ctl_call *call, json_t *parameters, void *userdata)
{
	server_command(userdata, call, parameters, REQUEST_NODE_STOP);
}

void ctl_server_shutdown(struct ctl_call *call, json_t *parameters, void *userdata)
{
	server_command(userdata, call, parameters, REQUEST_NODE_SHUTDOWN);
}

void ctl_server_reboot(struct ctl_call *call, json_t *parameters, void *userdata)
{
	server_command(userdata, call, parameters, REQUEST_NODE_REBOOT);
}

static void cluster_command(struct agent *agent, struct ctl_call *call, json_t *parameters,
			    enum request_kind kind)
{
	struct command command = {.kind = (uint8_t)kind, .target = NODE_NONE};

	command_enter(agent, call, parameters, command);
}

void ctl_cluster_start(struct ctl_call *call, json_t *parameters, void *userdata)
{
	cluster_command(userdata, call, parameters, REQUEST_CLUSTER_START);
}

void ctl_cluster_stop(struct ctl_call *call, json_t *parameters, void *userdata)
{
	cluster_command(userdata, call, parameters, REQUEST_CLUSTER_STOP);
}

void ctl_cluster_shutdown(struct ctl_call *call, json_t *parameters, void *userdata)
{
	cluster_command(userdata, call, parameters, REQUEST_CLUSTER_SHUTDOWN);
}

void ctl_cluster_reboot(struct ctl_call *call, json_t *parameters, void *userdata)
{
	cluster_command(userdata, call, parameters, REQUEST_CLUSTER_REBOOT);
}

void ctl_cluster_suspend(struct ctl_call *call, json_t *parameters, void *userdata)
{
	cluster_command(userdata, call, parameters, REQUEST_CLUSTER_SUSPEND);
}

void ctl_cluster_resume(struct ctl_call *call, json_t *parameters, void *userdata)
{
	cluster_command(userdata, call, parameters, REQUEST_CLUSTER_RESUME);
}

/* ---- the ratio ---- */

/* Ratio 1 restores, whatever was set. */
void ctl_ratio_set(struct ctl_call *call, json_t *parameters, void *userdata)
{
	struct command command = {.kind = REQUEST_RATIO_SET, .target = NODE_NONE};
	uint64_t ratio, time_us;

	if (!get_number(parameters, "ratio", RATIO_MAX, &ratio) || ratio == 0) {
		ctl_reply_invalid(call, "ratio");
		return;
	}
	if (!get_number(parameters, "time_us", (json_int_t)RATIO_TIME_MAX_US, &time_us) ||
	    (time_us == 0) != (ratio == 1)) {
		ctl_reply_invalid(call, "time_us");
		return;
	}
	command.ratio = (uint16_t)ratio;
	command.value = time_us;
	if (ratio == 1)
		command.kind = REQUEST_RATIO_RESET;
	command_enter(userdata, call, parameters, command);
}

void ctl_ratio_reset(struct ctl_call *call, json_t *parameters, void *userdata)
{
	cluster_command(userdata, call, parameters, REQUEST_RATIO_RESET);
}
