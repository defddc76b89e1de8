/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_CTL_INTERNAL_H
#define HF_AGENT_CTL_INTERNAL_H

/*
 * The methods of io.holdfast.Agent. ctl.c has the table, ctl_status.c, ctl_objects.c,
 * ctl_kernel.c and ctl_monitors.c assemble the status, ctl_settings.c prints what was configured,
 * ctl_events.c streams events, ctl_operate.c and ctl_command.c carry admin commands to the core,
 * ctl_follow.c watches how far they are, ctl_fence*.c (ctl_fence.h) are about fencing, facts.c
 * copies what the verdict is made from.
 */

#include "agent/agent.h"

/* ctl.c */
int ctl_start(struct agent *agent);
void ctl_stop(struct agent *agent);
/* A JSON string; bytes that are no UTF-8 become '?'. */
json_t *ctl_text(const char *text);
/* The same, null for NULL. */
json_t *ctl_text_or_null(const char *text);
/* A reply for which there was no memory: the client is told so, the agent goes on. */
void ctl_reply_checked(struct ctl_call *call, json_t *parameters);

/* facts.c */
void facts_collect(struct agent *agent, ha_time now);
/* One line for `systemctl status`. */
void facts_tell_manager(struct agent *agent);

/* ctl_status.c, ctl_objects.c, ctl_monitors.c, ctl_settings.c */
void ctl_get_status(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_get_config(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_get_settings(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_ratio_get(struct ctl_call *call, json_t *parameters, void *userdata);
json_t *status_monitors(struct agent *agent);
/* Keeps what a verdict of this node's monitors said. */
void monitors_heard(struct agent *agent, const struct event *event, uint64_t wall_us);
/* Keeps what the status tells of an event of this node; of an old one when the agent starts. */
void status_heard(struct agent *agent, const struct event *event, uint64_t wall_us);
json_t *status_exclusions(const struct agent *agent);
json_t *status_servers(struct agent *agent, ha_time now);
json_t *status_groups(struct agent *agent, ha_time now);
json_t *status_resources(struct agent *agent, ha_time now);

/* ctl_events.c */
void ctl_get_events(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_explain(struct ctl_call *call, json_t *parameters, void *userdata);
/* ctl_waits.c: sentences about what holds up changes now. */
struct explain_source;
json_t *ctl_waits(const struct agent *agent, const struct explain_source *source);
json_t *event_to_json(const struct agent *agent, const struct event_record *record);
int streams_new(struct agent *agent, struct streams **ret);
struct streams *streams_free(struct streams *streams);
/* There are new records. */
void streams_kick(struct agent *agent);
bool streams_gone(struct agent *agent, const struct ctl_call *call);

/* ctl_operate.c */
void ctl_group_start(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_group_stop(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_group_move(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_resource_start(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_resource_stop(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_monitor_suspend(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_monitor_resume(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_monitor_fail(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_monitor_unfail(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_server_start(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_server_stop(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_server_shutdown(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_server_reboot(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_cluster_start(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_cluster_stop(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_cluster_shutdown(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_cluster_reboot(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_cluster_suspend(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_cluster_resume(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_ratio_set(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_ratio_reset(struct ctl_call *call, json_t *parameters, void *userdata);

/* ctl_command.c */
int commands_new(struct commands **ret);
struct commands *commands_free(struct commands *commands);
void commands_answered(struct agent *agent, uint64_t token, uint8_t code,
		       const struct request_id *id);
/* Tells those who wait how far it is. */
void commands_progress(struct agent *agent, ha_time now);
/* Numbers of objects mean other ones from now on: call it before the new configuration is used. */
void ctl_config_changed(struct agent *agent);
void commands_gone(struct agent *agent, const struct ctl_call *call);

/* ctl_config.c */
struct ctl_config;
int ctl_config_new(struct ctl_config **ret);
struct ctl_config *ctl_config_free(struct ctl_config *config);
bool ctl_config_gone(struct agent *agent, const struct ctl_call *call);
void ctl_config_put(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_config_prepare(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_config_forget(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_config_commit(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_config_install(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_config_get(struct ctl_call *call, json_t *parameters, void *userdata);

#endif
