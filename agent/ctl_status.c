/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GetStatus and GetConfig. */
#include "agent/apply.h"
#include "agent/ctl_fence.h"
#include "agent/ctl_internal.h"
#include "agent/kernel.h"

#include "util/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Normal: all is well; Caution: works, but not as it should; Error: a service is down; Suspend: it
 * may be down, but nothing is done about it. */
static const char *cluster_status(enum verdict_level level, const struct verdict_facts *facts)
{
	if (!facts->quorate || !facts->lease_valid)
		return "Error";
	if (facts->suspended)
		return "Suspend";
	if (level == VERDICT_DOWN)
		return "Error";
	return level == VERDICT_HEALTHY ? "Normal" : "Caution";
}

static json_t *verdict_json(const struct verdict *verdict)
{
	json_t *reasons = json_array();

	for (size_t i = 0; i < verdict->n_reasons; i++)
		(void)json_array_append_new(reasons, ctl_text(verdict->reasons[i]));
	return json_pack("{s:s, s:o, s:o}", "level", verdict_level_to_string(verdict->level),
			 "text", ctl_text(verdict->text), "reasons", reasons);
}

static json_t *view_json(const struct agent *agent, const struct view *view)
{
	json_t *members;
	unsigned int n;

	if (view->epoch == 0)
		return json_null();
	members = json_array();
	node_mask_for_each (n, view->members)
		(void)json_array_append_new(members,
					    json_string(names_node(agent->config, (uint8_t)n)));
	return json_pack("{s:I, s:s?, s:o}", "epoch", (json_int_t)view->epoch, "coordinator",
			 names_node(agent->config, view->coordinator), "members", members);
}

static json_t *counters_json(const struct agent *agent)
{
	json_t *refused = json_object();

	for (int r = HB_OK + 1; r < HB_REFUSAL_COUNT_; r++)
		(void)json_object_set_new(
			refused, hb_refusal_to_string((enum hb_refusal)r),
			json_integer((json_int_t)hb_lan_refused(agent->lan, (enum hb_refusal)r)));
	return json_pack("{s:o, s:I, s:I}", "refused", refused, "events_lost",
			 (json_int_t)store_events_lost(agent->store), "loop_late_us_max",
			 (json_int_t)agent->late_us_max);
}

static json_t *warnings_json(const struct agent *agent)
{
	json_t *warnings = json_array();

	for (size_t i = 0; i < agent->n_warnings; i++)
		(void)json_array_append_new(warnings, ctl_text(agent->warnings[i]));
	return warnings;
}

static json_t *self_json(struct agent *agent, const struct core_self_info *self, ha_time now)
{
	uint64_t lease_left_us = self->lease_valid ? ha_time_since(self->lease_until, now) : 0;
	char hash[17];

	(void)snprintf(hash, sizeof hash, "%016" PRIx64, agent->config->hash);
	if (self->lease_until.us == UINT64_MAX) /* alone a quorum: it needs nobody's grant */
		lease_left_us = agent->config->timing.lease_us;
	return json_pack("{s:s, s:s, s:s, s:I, s:s, s:o, s:b, s:I, s:I, s:b, s:I, s:b, s:b, s:b, "
			 "s:b}",
			 "cluster", agent->config->cluster_name, "self",
			 agent->config->nodes[agent->self].name, "version", HOLDFAST_VERSION,
			 "now_wall_us", (json_int_t)clock_wall_us(), "config_hash", hash, "view",
			 view_json(agent, &self->view), "quorate", self->quorate, "votes_total",
			 (json_int_t)self->votes_total, "votes_view", (json_int_t)self->votes_view,
			 "lease_valid", self->lease_valid, "lease_left_us",
			 (json_int_t)lease_left_us, "warm", self->warm, "realtime", agent->realtime,
			 "memory_locked", agent->memory_locked, "store_ok", !self->store_failed);
}

void status_heard(struct agent *agent, const struct event *event, uint64_t wall_us)
{
	if (event->origin != agent->self)
		return;
	if (event->id == EVENT_CONFIG_APPLIED) {
		agent->config_applied_hash = event->arg[1];
		agent->config_applied_wall_us = wall_us;
	}
	monitors_heard(agent, event, wall_us);
}

static int add_pending(const struct agent *agent, json_t *status)
{
	const struct apply *apply = agent->apply;
	char hash[24] = "";
	int r;

	if (apply->state == APPLY_READY)
		(void)snprintf(hash, sizeof hash, "%016" PRIx64, apply->pending->hash);
	r = json_object_set_new(status, "config_pending", ctl_text_or_null(*hash ? hash : NULL));
	r |= json_object_set_new(status, "config_problem",
				 ctl_text_or_null(*apply->problem ? apply->problem : NULL));
	return r;
}

/* What one row decides for all nodes. */
static int add_cluster(struct agent *agent, json_t *status, ha_time now)
{
	bool applied = agent->config_applied_hash == agent->config->hash;
	uint64_t applied_us = applied ? agent->config_applied_wall_us : 0;
	struct core_cluster_info info;
	int r;

	core_cluster_info(agent->core, now, &info);
	r = json_object_set_new(
		status, "mode",
		json_string(info.intent.mode == CLUSTER_SUSPENDED ? "suspended" : "running"));
	r |= json_object_set_new(status, "ratio",
				 json_integer(info.intent.ratio > 1 ? info.intent.ratio : 1));
	r |= json_object_set_new(status, "ratio_left_us",
				 json_integer((json_int_t)info.ratio_left_us));
	r |= json_object_set_new(status, "timeout_in_force_us",
				 json_integer((json_int_t)info.timeout_us));
	r |= json_object_set_new(status, "lease_in_force_us",
				 json_integer((json_int_t)info.lease_us));
	r |= json_object_set_new(status, "config_generation",
				 json_integer((json_int_t)info.intent.config_generation));
	r |= json_object_set_new(status, "config_applied_wall_us",
				 applied_us ? json_integer((json_int_t)applied_us) : json_null());
	return r ? r : add_pending(agent, status);
}

static json_t *status_json(struct agent *agent)
{
	const struct timing_config *timing = &agent->config->timing;
	ha_time now = clock_boot();
	struct core_self_info self;
	struct verdict verdict;
	json_t *status;
	int r;

	core_self_info(agent->core, now, &self);
	facts_collect(agent, now);
	verdict_judge(agent->facts, &verdict);
	status = self_json(agent, &self, now);
	if (!status)
		return NULL;
	r = add_cluster(agent, status, now);
	r |= json_object_set_new(status, "status",
				 json_string(cluster_status(verdict.level, agent->facts)));
	r |= json_object_set_new(status, "verdict", verdict_json(&verdict));
	r |= json_object_set_new(status, "warnings", warnings_json(agent));
	r |= json_object_set_new(status, "interval_us",
				 json_integer((json_int_t)timing->interval_us));
	r |= json_object_set_new(status, "timeout_us",
				 json_integer((json_int_t)timing->timeout_us));
	r |= json_object_set_new(status, "lease_us", json_integer((json_int_t)timing->lease_us));
	r |= json_object_set_new(status, "stall_timeout_us",
				 json_integer((json_int_t)timing->stall_timeout_us));
	r |= json_object_set_new(status, "servers", status_servers(agent, now));
	r |= json_object_set_new(status, "groups", status_groups(agent, now));
	r |= json_object_set_new(status, "resources", status_resources(agent, now));
	r |= json_object_set_new(status, "monitors", status_monitors(agent));
	r |= json_object_set_new(status, "exclusions", status_exclusions(agent));
	r |= json_object_set_new(status, "fencing", status_fencing(agent, now));
	r |= json_object_set_new(status, "tie", json_boolean(self.tie));
	r |= json_object_set_new(status, "lease_by_half", json_boolean(self.lease_by_half));
	r |= json_object_set_new(status, "watchdog", status_watchdog(agent, now));
	r |= json_object_set_new(status, "kernel", kernel_status(agent));
	r |= json_object_set_new(status, "counters", counters_json(agent));
	if (r == 0)
		return status;
	json_decref(status);
	return NULL;
}

void ctl_get_status(struct ctl_call *call, json_t *parameters, void *userdata)
{
	(void)parameters;
	ctl_reply_checked(call, json_pack("{s:o}", "status", status_json(userdata)));
}

void ctl_ratio_get(struct ctl_call *call, json_t *parameters, void *userdata)
{
	const struct agent *agent = userdata;
	struct core_cluster_info info;

	(void)parameters;
	core_cluster_info(agent->core, clock_boot(), &info);
	ctl_reply_checked(call, json_pack("{s:i, s:I, s:I, s:I}", "ratio",
					  info.intent.ratio > 1 ? (int)info.intent.ratio : 1,
					  "left_us", (json_int_t)info.ratio_left_us, "timeout_us",
					  (json_int_t)info.timeout_us, "lease_us",
					  (json_int_t)info.lease_us));
}

void ctl_get_config(struct ctl_call *call, json_t *parameters, void *userdata)
{
	const struct agent *agent = userdata;
	_cleanup_free_ char *text = config_print(agent->config);

	(void)parameters;
	ctl_reply_checked(call, text ? json_pack("{s:o}", "text", ctl_text(text)) : NULL);
}
