/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods that bring another configuration: its text comes in parts, is checked and kept, and
 * is then agreed on by the cluster, or written by an agent that has stopped (rule C1). */
#include "agent/apply.h"
#include "agent/config_change.h"
#include "agent/ctl_command.h"
#include "agent/files.h"

#include "util/clock.h"
#include "util/log.h"
#include "util/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define UPLOAD_ID_MAX	64
#define ANSWER_GRACE_US (500 * USEC_PER_MSEC)
#define GET_PART	(32 * 1024)

/* The text that is coming in. One at a time: who comes later takes the place. */
struct upload {
	char id[UPLOAD_ID_MAX + 1];
	char *text;
	size_t n;
};

/* A client that waits for the disk. */
struct ctl_config {
	struct upload upload;
	struct ctl_call *preparing, *installing;
	json_t *prepared; /* what it will be told */
};

int ctl_config_new(struct ctl_config **ret)
{
	struct ctl_config *c = calloc(1, sizeof *c);

	if (!c)
		return -ENOMEM;
	*ret = c;
	return 0;
}

static void drop_upload(struct upload *upload)
{
	free(upload->text);
	*upload = (struct upload){0};
}

struct ctl_config *ctl_config_free(struct ctl_config *c)
{
	if (!c)
		return NULL;
	drop_upload(&c->upload);
	json_decref(c->prepared);
	free(c);
	return NULL;
}

bool ctl_config_gone(struct agent *agent, const struct ctl_call *call)
{
	struct ctl_config *c = agent->ctl_config;

	if (c->preparing == call)
		c->preparing = NULL;
	else if (c->installing == call)
		c->installing = NULL;
	else
		return false;
	return true;
}

static void refuse(struct ctl_call *call, const char *answer, const char *message)
{
	ctl_reply_error(call, "io.holdfast.Agent.Refused",
			json_pack("{s:s, s:o}", "answer", answer, "message", ctl_text(message)));
}

static const char *string_of(json_t *parameters, const char *name)
{
	return json_string_value(json_object_get(parameters, name));
}

/* ---- ConfigPut ---- */

static int add_part(struct upload *upload, const char *text, size_t n)
{
	char *more;

	if (n > APPLY_TEXT_MAX - upload->n)
		return -EFBIG;
	more = realloc(upload->text, upload->n + n + 1);
	if (!more)
		return -ENOMEM;
	upload->text = more;
	memcpy(more + upload->n, text, n + 1);
	upload->n += n;
	return 0;
}

void ctl_config_put(struct ctl_call *call, json_t *parameters, void *userdata)
{
	struct agent *agent = userdata;
	struct upload *upload = &agent->ctl_config->upload;
	const char *id = string_of(parameters, "id"), *text = string_of(parameters, "text");
	const json_t *offset = json_object_get(parameters, "offset");
	int r;

	if (!id || !*id || strlen(id) > UPLOAD_ID_MAX) {
		ctl_reply_invalid(call, "id");
		return;
	}
	if (!text) {
		ctl_reply_invalid(call, "text");
		return;
	}
	if (json_is_integer(offset) && json_integer_value(offset) == 0) {
		drop_upload(upload);
		(void)snprintf(upload->id, sizeof upload->id, "%s", id);
	}
	if (strcmp(upload->id, id) != 0 || !json_is_integer(offset) ||
	    json_integer_value(offset) != (json_int_t)upload->n) {
		refuse(call, "busy", "another configuration is being sent to this server");
		return;
	}
	r = add_part(upload, text, strlen(text));
	if (r == -EFBIG) {
		drop_upload(upload);
		refuse(call, "too-long", "a configuration has at most 1 MiB");
		return;
	}
	ctl_reply_checked(call, r < 0 ? NULL : json_pack("{s:I}", "size", (json_int_t)upload->n));
}

/* ---- ConfigPrepare ---- */

static json_t *problems_json(const struct config_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < report->n; i++) {
		const struct config_problem *p = &report->problem[i];

		if (json_array_append_new(list,
					  json_pack("{s:I, s:b, s:s}", "line", (json_int_t)p->line,
						    "warning", p->warning, "text", p->text)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* An array of the lines of a text. */
static json_t *lines_json(const char *text)
{
	json_t *list = text ? json_array() : NULL;

	while (list && *text) {
		size_t n = strcspn(text, "\n");
		char *line = strndup(text, n);

		if (json_array_append_new(list, ctl_text(line)) < 0) {
			json_decref(list);
			list = NULL;
		}
		free(line);
		text += n + (text[n] == '\n');
	}
	return list;
}

static json_t *affected_json(const struct config *from, const struct config *to)
{
	uint8_t affected[GROUPS_MAX / 8];
	json_t *list = json_array();

	config_affected(from, to, affected);
	for (uint16_t g = 0; list && g < from->n_groups; g++)
		if (affected[g / 8] & 1U << g % 8)
			(void)json_array_append_new(list, json_string(from->groups[g].name));
	return list;
}

static json_t *prepared_json(const struct agent *agent, const struct config_report *report)
{
	const struct config *to = agent->apply->pending;
	_cleanup_free_ char *differences = config_differences(agent->config, to);
	_cleanup_free_ char *restart = config_restart_reasons(agent->config, to);
	char hash[24];

	(void)snprintf(hash, sizeof hash, "%016" PRIx64, to->hash);
	return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o}", "hash", hash, "generation",
			 (json_int_t)agent->apply->generation_max, "problems",
			 problems_json(report), "affected", affected_json(agent->config, to),
			 "restart", lines_json(restart), "differences", lines_json(differences));
}

/* "w LINE TEXT", as files.h says. */
static void add_one(json_t *problems, const char *found)
{
	const char *text = strlen(found) > 2 ? strchr(found + 2, ' ') : NULL;
	char number[16];
	uint64_t line;

	if (!text || (size_t)(text - found) - 2 >= sizeof number)
		return;
	memcpy(number, found + 2, (size_t)(text - found) - 2);
	number[text - found - 2] = '\0';
	if (parse_u64(number, 0, UINT32_MAX, &line) >= 0)
		(void)json_array_append_new(
			problems, json_pack("{s:I, s:b, s:o}", "line", (json_int_t)line, "warning",
					    found[0] != 'e', "text", ctl_text(text + 1)));
}

static void add_found(json_t *prepared, const char *found)
{
	json_t *problems = json_object_get(prepared, "problems");

	while (*found) {
		size_t n = strcspn(found, "\n");
		_cleanup_free_ char *one = strndup(found, n);

		if (one)
			add_one(problems, one);
		found += n + (found[n] == '\n');
	}
}

static void on_kept(struct agent *agent, bool ok, const char *found)
{
	struct ctl_config *c = agent->ctl_config;
	struct ctl_call *call = c->preparing;
	json_t *prepared = c->prepared;

	c->preparing = NULL;
	c->prepared = NULL;
	if (ok && prepared)
		add_found(prepared, found);
	if (!call) { /* it has gone: nobody will ask for the rest */
		json_decref(prepared);
		apply_forget(agent);
	} else if (ok) {
		ctl_reply_checked(call, prepared);
	} else {
		json_decref(prepared);
		refuse(call, "store-failed", found);
	}
}

static void reply_problems(struct ctl_call *call, const struct config_report *report)
{
	ctl_reply_checked(call, json_pack("{s:s, s:i, s:o, s:[], s:[], s:[]}", "hash", "",
					  "generation", 0, "problems", problems_json(report),
					  "affected", "restart", "differences"));
}

void ctl_config_prepare(struct ctl_call *call, json_t *parameters, void *userdata)
{
	_cleanup_free_ struct config_report *report = calloc(1, sizeof *report);
	struct agent *agent = userdata;
	struct ctl_config *c = agent->ctl_config;
	const char *id = string_of(parameters, "id");
	int r;

	if (!id || !c->upload.text || strcmp(id, c->upload.id) != 0) {
		ctl_reply_invalid(call, "id");
		return;
	}
	r = report ? apply_prepare(agent, c->upload.text, report, on_kept) : -ENOMEM;
	drop_upload(&c->upload);
	if (r == -EINVAL) {
		reply_problems(call, report);
	} else if (r == -EBUSY) {
		refuse(call, "busy", "another configuration is being applied on this server");
	} else if (r < 0) {
		refuse(call, "failed", strerror(-r));
	} else {
		c->preparing = call;
		json_decref(c->prepared);
		c->prepared = prepared_json(agent, report);
	}
	loop_turn(agent);
}

void ctl_config_forget(struct ctl_call *call, json_t *parameters, void *userdata)
{
	struct agent *agent = userdata;

	(void)parameters;
	if (apply_agreed(agent)) {
		refuse(call, "busy", "the cluster has agreed on it already");
		return;
	}
	apply_forget(agent);
	ctl_reply(call, NULL);
	loop_turn(agent);
}

/* ---- ConfigCommit, ConfigInstall ---- */

/* Replies if it is none. */
static bool read_hash(struct ctl_call *call, json_t *parameters, uint64_t *ret)
{
	const char *text = string_of(parameters, "hash");

	if (text && files_parse_hash(text, ret) >= 0)
		return true;
	ctl_reply_invalid(call, "hash");
	return false;
}

/* A group that must be offline and is not; NULL: none. */
static const char *running_group(const struct agent *agent)
{
	uint8_t affected[GROUPS_MAX / 8];
	struct core_group_info info;

	config_affected(agent->config, agent->apply->pending, affected);
	for (uint16_t g = 0; g < agent->config->n_groups; g++) {
		if (!(affected[g / 8] & 1U << g % 8))
			continue;
		core_group_info(agent->core, g, clock_boot(), &info);
		if (info.state != GROUP_OFFLINE)
			return agent->config->groups[g].name;
	}
	return NULL;
}

void ctl_config_commit(struct ctl_call *call, json_t *parameters, void *userdata)
{
	struct agent *agent = userdata;
	const struct apply *a = agent->apply;
	const char *group;
	uint64_t hash;
	char text[NAME_SIZE + 64];

	if (!read_hash(call, parameters, &hash))
		return;
	if (a->state != APPLY_READY || a->pending->hash != hash || a->pending_restart) {
		refuse(call, "not-ready", "this server does not have that configuration ready");
		return;
	}
	group = running_group(agent);
	if (group) {
		(void)snprintf(text, sizeof text, "group %s must be stopped first", group);
		refuse(call, "group-running", text);
		return;
	}
	command_enter(agent, call, parameters,
		      (struct command){.kind = REQUEST_CONFIG,
				       .target = NODE_NONE,
				       .group = UINT16_MAX,
				       .object = UINT16_MAX,
				       .value = hash});
}

static void on_installed(struct agent *agent, bool ok, const char *why)
{
	struct ctl_config *c = agent->ctl_config;
	struct ctl_call *call = c->installing;

	c->installing = NULL;
	if (!ok) {
		log_err("the new configuration is not installed: %s", why);
		if (call)
			refuse(call, "store-failed", why);
		return;
	}
	if (call)
		ctl_reply(call, NULL);
	log_notice("starting again with the new configuration");
	/* The answer may have a way to go through the channel, which ends with this agent. */
	agent->apply->again_at = ha_time_add(clock_boot(), ANSWER_GRACE_US);
	loop_turn(agent);
}

void ctl_config_install(struct ctl_call *call, json_t *parameters, void *userdata)
{
	struct agent *agent = userdata;
	const struct apply *a = agent->apply;
	const json_t *generation = json_object_get(parameters, "generation");
	struct core_self_info self;
	uint64_t hash;
	int r;

	if (!read_hash(call, parameters, &hash))
		return;
	if (!json_is_integer(generation) || json_integer_value(generation) <= 0 ||
	    (uint64_t)json_integer_value(generation) > EPOCH_MAX) {
		ctl_reply_invalid(call, "generation");
		return;
	}
	core_self_info(agent->core, clock_boot(), &self);
	if (self.mode != NODE_MODE_STOPPED) {
		refuse(call, "running",
		       "this server has not stopped: 'holdfast cluster stop' first");
		return;
	}
	if (a->state != APPLY_READY || a->pending->hash != hash) {
		refuse(call, "not-ready", "this server does not have that configuration ready");
		return;
	}
	r = apply_install(agent, (uint64_t)json_integer_value(generation), on_installed);
	if (r < 0)
		refuse(call, "failed", strerror(-r));
	else
		agent->ctl_config->installing = call;
}

/* ---- ConfigGet ---- */

/* Not within a character: the rest of it comes with the next part. */
static size_t part_length(const char *text, size_t n)
{
	size_t k = n < GET_PART ? n : GET_PART;

	while (k < n && k > 0 && ((unsigned char)text[k] & 0xc0) == 0x80)
		k--;
	return k ? k : n;
}

void ctl_config_get(struct ctl_call *call, json_t *parameters, void *userdata)
{
	struct agent *agent = userdata;
	const struct apply *a = agent->apply;
	const json_t *offset = json_object_get(parameters, "offset");
	bool any = json_is_null(json_object_get(parameters, "hash")) ||
		   !json_object_get(parameters, "hash");
	uint64_t hash = agent->config->hash;
	const char *text = a->text;
	size_t n, at = 0;
	json_t *reply;
	char hex[24];

	if (!any && !read_hash(call, parameters, &hash))
		return;
	if (hash != agent->config->hash)
		text = a->state == APPLY_READY && a->pending->hash == hash ? a->pending_text : NULL;
	if (!text) {
		refuse(call, "no-such-configuration", "this server does not have it");
		return;
	}
	n = strlen(text);
	if (json_is_integer(offset) && json_integer_value(offset) >= 0)
		at = (size_t)json_integer_value(offset);
	if (at > n || (offset && !json_is_null(offset) && !json_is_integer(offset))) {
		ctl_reply_invalid(call, "offset");
		return;
	}
	(void)snprintf(hex, sizeof hex, "%016" PRIx64, hash);
	reply = json_pack("{s:s%, s:I, s:s}", "text", text + at, part_length(text + at, n - at),
			  "total", (json_int_t)n, "hash", hex);
	if (reply)
		ctl_reply(call, reply);
	else
		refuse(call, "not-utf-8", "the file is not UTF-8, or there is no memory");
}
