/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was done, how long it took, and how it is shown. */
#include "agent/ctl_internal.h"
#include "agent/fence_internal.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
	[FENCE_JOB_CORE] = "cluster",
	[FENCE_JOB_HAND] = "operator",
	[FENCE_JOB_SELF] = "final action",
	[FENCE_JOB_CHECK] = "check",
};

static const char *const state_names[] = {
	[FENCE_DEVICE_UNKNOWN] = "unknown",
	[FENCE_DEVICE_NORMAL] = "normal",
	[FENCE_DEVICE_ERROR] = "error",
};

/* How long each device took to be off: its order and its readings. */
static void note_off(struct fencing *fencing, const struct fence_job *job)
{
	for (size_t i = 0; i < fencing->n_devices; i++) {
		struct fence_device *d = &fencing->devices[i];
		uint64_t us = 0;

		if (d->target != job->target || d->level != job->level)
			continue;
		for (unsigned int k = 0; k < job->n_steps; k++)
			if (strcmp(job->steps[k].device, d->device) == 0 &&
			    strcmp(job->steps[k].plug, d->plug) == 0)
				us += job->steps[k].took_us;
		d->last_off_us = us;
		if (us > d->longest_off_us)
			d->longest_off_us = us;
	}
}

void fence_history_add(struct agent *agent, const struct fence_job *job)
{
	struct fencing *fencing = agent->fencing;
	struct fence_record *r = &fencing->records[fencing->head];

	if (job->verb == FENCE_VERB_OFF && job->end.ok && !job->stale)
		note_off(fencing, job);
	free(r->steps);
	*r = (struct fence_record){
		.wall_us = job->wall_us,
		.took_us = job->end.took_us,
		.kind = job->kind,
		.verb = job->verb,
		.level = job->level,
		.uid = job->order.uid,
		.ok = job->end.ok,
		.power = job->end.power,
		.steps = calloc(job->n_steps + 1, sizeof *r->steps),
	};
	(void)snprintf(r->target, sizeof r->target, "%s", names_node(agent->config, job->target));
	memcpy(r->text, job->end.text, sizeof r->text);
	if (r->steps) {
		r->n_steps = job->n_steps;
		memcpy(r->steps, job->steps, job->n_steps * sizeof *r->steps);
	}
	fencing->head = (fencing->head + 1) % FENCE_HISTORY_MAX;
	if (fencing->n_records < FENCE_HISTORY_MAX)
		fencing->n_records++;
}

void fence_history_done(struct fencing *fencing)
{
	for (size_t i = 0; i < FENCE_HISTORY_MAX; i++)
		free(fencing->records[i].steps);
}

uint64_t fencing_longest_off_us(const struct agent *agent, uint8_t target)
{
	uint64_t longest = 0;

	for (size_t i = 0; i < agent->fencing->n_devices; i++) {
		const struct fence_device *d = &agent->fencing->devices[i];

		if (d->target == target && d->longest_off_us > longest)
			longest = d->longest_off_us;
	}
	return longest;
}

/* ---- JSON ---- */

static json_t *plug_json(const char *plug)
{
	return ctl_text_or_null(plug[0] ? plug : NULL);
}

static json_t *steps_json(const struct fence_record *r)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < r->n_steps; i++) {
		const struct fence_step *s = &r->steps[i];

		(void)json_array_append_new(
			list, json_pack("{s:o, s:o, s:o, s:b, s:I, s:o}", "device",
					ctl_text(s->device), "plug", plug_json(s->plug), "step",
					ctl_text(s->step), "ok", s->ok, "took_us",
					(json_int_t)s->took_us, "text", ctl_text(s->text)));
	}
	return list;
}

static json_t *record_json(const struct fence_record *r)
{
	return json_pack("{s:I, s:s, s:s, s:i, s:s, s:o, s:b, s:s, s:I, s:o, s:o}", "wall_us",
			 (json_int_t)r->wall_us, "target", r->target, "verb",
			 fence_verb_to_string(r->verb), "level", r->level + 1, "by",
			 kind_names[r->kind], "uid",
			 r->kind == FENCE_JOB_HAND ? json_integer((json_int_t)r->uid) : json_null(),
			 "ok", r->ok, "power",
			 fence_power_word_to_string((enum fence_power_word)r->power), "took_us",
			 (json_int_t)r->took_us, "text", ctl_text(r->text), "steps", steps_json(r));
}

json_t *fencing_history(const struct agent *agent, uint8_t target)
{
	const struct fencing *fencing = agent->fencing;
	const char *name = names_node(agent->config, target);
	json_t *list = json_array();

	for (size_t i = 1; i <= fencing->n_records; i++) {
		const struct fence_record *r =
			&fencing->records[(fencing->head + FENCE_HISTORY_MAX - i) %
					  FENCE_HISTORY_MAX];

		if (target == NODE_NONE || (name && strcmp(r->target, name) == 0))
			(void)json_array_append_new(list, record_json(r));
	}
	return list;
}

static json_t *device_json(const struct agent *agent, const struct fence_device *d,
			   const struct fence_use_config *use)
{
	return json_pack(
		"{s:s, s:o, s:s, s:s, s:I, s:I, s:o, s:I, s:I}", "device", d->device, "plug",
		plug_json(d->plug), "agent", agent->config->fencing.devices[use->device].agent,
		"state", state_names[d->state], "checked_wall_us", (json_int_t)d->checked_wall_us,
		"took_us", (json_int_t)d->took_us, "text", ctl_text(d->text), "last_off_us",
		(json_int_t)d->last_off_us, "longest_off_us", (json_int_t)d->longest_off_us);
}

/* The devices are in the order of the configuration: `at` goes on over them. */
static json_t *levels_json(const struct agent *agent, uint8_t target, size_t *at)
{
	const struct node_config *node = &agent->config->nodes[target];
	const struct fencing *fencing = agent->fencing;
	json_t *levels = json_array();

	for (uint8_t l = 0; l < node->n_fence_levels; l++) {
		json_t *devices = json_array();

		for (uint8_t i = 0; i < node->fence[l].n_devices && *at < fencing->n_devices; i++)
			(void)json_array_append_new(devices,
						    device_json(agent, &fencing->devices[(*at)++],
								&node->fence[l].devices[i]));
		(void)json_array_append_new(
			levels, json_pack("{s:i, s:o}", "level", l + 1, "devices", devices));
	}
	return levels;
}

static json_t *running_json(const struct agent *agent, ha_time now)
{
	json_t *list = json_array();

	for (const struct fence_job *job = agent->fencing->jobs; job; job = job->next)
		if (job->kind != FENCE_JOB_CHECK)
			(void)json_array_append_new(
				list,
				json_pack("{s:s?, s:s, s:i, s:s, s:I}", "target",
					  names_node(agent->config, job->target), "verb",
					  fence_verb_to_string(job->verb), "level", job->level + 1,
					  "by", kind_names[job->kind], "since_us",
					  (json_int_t)ha_time_since(now, job->started)));
	return list;
}

json_t *fencing_status(const struct agent *agent, ha_time now)
{
	json_t *targets = json_array();
	size_t at = 0;

	for (uint8_t t = 0; t < agent->config->n_nodes; t++)
		if (agent->config->nodes[t].n_fence_levels > 0)
			(void)json_array_append_new(targets, json_pack("{s:s, s:o}", "target",
								       agent->config->nodes[t].name,
								       "levels",
								       levels_json(agent, t, &at)));
	return json_pack("{s:o, s:o}", "running", running_json(agent, now), "targets", targets);
}
