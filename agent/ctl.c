/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/ctl_fence.h"
#include "agent/ctl_internal.h"
#include "agent/script.h"

#include "util/log.h"

#include <errno.h>
#include <string.h>

#define METHOD(name) "io.holdfast.Agent." name

static const struct ctl_method methods[] = {
	{METHOD("Lower"), CTL_ACCESS_NONE, ctl_lower},
	{METHOD("GetStatus"), CTL_ACCESS_VIEW, ctl_get_status},
	{METHOD("GetConfig"), CTL_ACCESS_VIEW, ctl_get_config},
	{METHOD("GetEvents"), CTL_ACCESS_VIEW, ctl_get_events},
	{METHOD("Explain"), CTL_ACCESS_VIEW, ctl_explain},
	{METHOD("GetSettings"), CTL_ACCESS_VIEW, ctl_get_settings},
	{METHOD("RatioGet"), CTL_ACCESS_VIEW, ctl_ratio_get},
	{METHOD("GroupStart"), CTL_ACCESS_CHANGE, ctl_group_start},
	{METHOD("GroupStop"), CTL_ACCESS_CHANGE, ctl_group_stop},
	{METHOD("GroupMove"), CTL_ACCESS_CHANGE, ctl_group_move},
	{METHOD("ResourceStart"), CTL_ACCESS_CHANGE, ctl_resource_start},
	{METHOD("ResourceStop"), CTL_ACCESS_CHANGE, ctl_resource_stop},
	{METHOD("MonitorSuspend"), CTL_ACCESS_CHANGE, ctl_monitor_suspend},
	{METHOD("MonitorResume"), CTL_ACCESS_CHANGE, ctl_monitor_resume},
	{METHOD("MonitorFail"), CTL_ACCESS_CHANGE, ctl_monitor_fail},
	{METHOD("MonitorUnfail"), CTL_ACCESS_CHANGE, ctl_monitor_unfail},
	{METHOD("ServerStart"), CTL_ACCESS_CHANGE, ctl_server_start},
	{METHOD("ServerStop"), CTL_ACCESS_CHANGE, ctl_server_stop},
	{METHOD("ServerShutdown"), CTL_ACCESS_CHANGE, ctl_server_shutdown},
	{METHOD("ServerReboot"), CTL_ACCESS_CHANGE, ctl_server_reboot},
	{METHOD("ClusterStart"), CTL_ACCESS_CHANGE, ctl_cluster_start},
	{METHOD("ClusterStop"), CTL_ACCESS_CHANGE, ctl_cluster_stop},
	{METHOD("ClusterShutdown"), CTL_ACCESS_CHANGE, ctl_cluster_shutdown},
	{METHOD("ClusterReboot"), CTL_ACCESS_CHANGE, ctl_cluster_reboot},
	{METHOD("ClusterSuspend"), CTL_ACCESS_CHANGE, ctl_cluster_suspend},
	{METHOD("ClusterResume"), CTL_ACCESS_CHANGE, ctl_cluster_resume},
	{METHOD("RatioSet"), CTL_ACCESS_CHANGE, ctl_ratio_set},
	{METHOD("RatioReset"), CTL_ACCESS_CHANGE, ctl_ratio_reset},
	{METHOD("FenceStatus"), CTL_ACCESS_VIEW, ctl_fence_status},
	{METHOD("FenceHistory"), CTL_ACCESS_VIEW, ctl_fence_history},
	{METHOD("FenceTest"), CTL_ACCESS_CHANGE, ctl_fence_test},
	{METHOD("FenceOff"), CTL_ACCESS_CHANGE, ctl_fence_off},
	{METHOD("FenceOn"), CTL_ACCESS_CHANGE, ctl_fence_on},
	{METHOD("FenceReset"), CTL_ACCESS_CHANGE, ctl_fence_reset},
	{METHOD("FenceCycle"), CTL_ACCESS_CHANGE, ctl_fence_cycle},
	{METHOD("FenceConfirm"), CTL_ACCESS_CHANGE, ctl_fence_confirm},
	{METHOD("ScriptRun"), CTL_ACCESS_CHANGE, ctl_script_run},
	{METHOD("ConfigPut"), CTL_ACCESS_CHANGE, ctl_config_put},
	{METHOD("ConfigPrepare"), CTL_ACCESS_CHANGE, ctl_config_prepare},
	{METHOD("ConfigForget"), CTL_ACCESS_CHANGE, ctl_config_forget},
	{METHOD("ConfigCommit"), CTL_ACCESS_CHANGE, ctl_config_commit},
	{METHOD("ConfigInstall"), CTL_ACCESS_CHANGE, ctl_config_install},
	{METHOD("ConfigGet"), CTL_ACCESS_CHANGE, ctl_config_get},
	{NULL, CTL_ACCESS_NONE, NULL},
};

static void on_gone(struct ctl_call *call, void *userdata)
{
	struct agent *agent = userdata;

	if (!streams_gone(agent, call) && !scripts_gone(agent, call) &&
	    !ctl_config_gone(agent, call) && !ctl_fence_gone(agent, call))
		commands_gone(agent, call);
}

/* When this configuration came into force, if that is still in the journal. */
static void look_back(struct agent *agent)
{
	uint64_t number = 0;
	const struct event_record *record;

	while ((record = store_event_after(agent->store, number))) {
		number = record->number;
		if (record->event.id == EVENT_CONFIG_APPLIED)
			status_heard(agent, &record->event, record->wall_us);
	}
}

/* Who asked for a change: the events that follow say what came of it. */
static void on_changing(const struct ctl_call *call, const char *method, void *userdata)
{
	const char *name = strrchr(method, '.'), *origin = ctl_call_origin(call);

	(void)userdata;
	name = name ? name + 1 : method;
	if (origin)
		log_info("%s asked for by user %u of node %s", name,
			 (unsigned int)ctl_call_uid(call), origin);
	else
		log_info("%s asked for by user %u (process %d)", name,
			 (unsigned int)ctl_call_uid(call), (int)ctl_call_pid(call));
}

int ctl_start(struct agent *agent)
{
	struct ctl_server_config config = {
		.path = agent->config->socket_path,
		.change_group = agent->config->change_group,
		.view_group = agent->config->view_group,
		.methods = methods,
		.userdata = agent,
		.changing = on_changing,
		.call_gone = on_gone,
	};
	int r;

	look_back(agent);
	r = streams_new(agent, &agent->streams);
	if (r >= 0)
		r = commands_new(&agent->commands);
	if (r >= 0)
		r = scripts_new(&agent->scripts);
	if (r >= 0)
		r = ctl_config_new(&agent->ctl_config);
	if (r >= 0)
		r = ctl_fence_new(&agent->ctl_fence);
	if (r >= 0)
		r = ctl_server_new(agent->event, &config, &agent->ctl);
	if (r == -EADDRINUSE)
		log_err("another agent answers on %s", agent->config->socket_path);
	else if (r < 0)
		log_err("cannot listen on %s: %s", agent->config->socket_path, strerror(-r));
	return r;
}

void ctl_stop(struct agent *agent)
{
	/* The server first: it reports every kept call as gone. */
	agent->ctl = ctl_server_free(agent->ctl);
	agent->streams = streams_free(agent->streams);
	agent->commands = commands_free(agent->commands);
	agent->scripts = scripts_free(agent->scripts);
	agent->ctl_config = ctl_config_free(agent->ctl_config);
	agent->ctl_fence = ctl_fence_free(agent->ctl_fence);
}

/* Length of a valid UTF-8 sequence that starts at `s`; 0: it is none. */
static size_t sequence_length(const unsigned char *s)
{
	static const unsigned int smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0x80		   ? 1
		   : (s[0] & 0xe0) == 0xc0 ? 2
		   : (s[0] & 0xf0) == 0xe0 ? 3
		   : (s[0] & 0xf8) == 0xf0 ? 4
					   : 0;
	unsigned int c;

	if (n < 2)
		return n;
	c = s[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) /* a NUL ends it too */
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return n;
}

json_t *ctl_text(const char *text)
{
	_cleanup_free_ char *copy = strdup(text ? text : "");
	size_t n;

	if (!copy)
		return NULL;
	for (unsigned char *s = (unsigned char *)copy; *s; s += n) {
		n = sequence_length(s);
		if (n == 0) {
			*s = '?';
			n = 1;
		}
	}
	return json_string(copy);
}

json_t *ctl_text_or_null(const char *text)
{
	return text ? ctl_text(text) : json_null();
}

void ctl_reply_checked(struct ctl_call *call, json_t *parameters)
{
	if (parameters)
		ctl_reply(call, parameters);
	else
		ctl_reply_error(call, "io.holdfast.Agent.Refused",
				json_pack("{s:s, s:s}", "answer", "no-memory", "message",
					  "the agent has no memory for this reply"));
}
