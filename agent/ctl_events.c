/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GetEvents and Explain. Long answers are made in small pieces, one a turn of the loop, so that
 * the heartbeats between them are not late. */
#include "agent/ctl_internal.h"
#include "agent/explain.h"

#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <string.h>

#define PIECE_EVENTS  64
#define LIMIT_DEFAULT 1000
#define LIMIT_MAX     4000 /* of one answer; a client asks again with `since` */
#define MESSAGE_SIZE  512

struct stream {
	struct stream *next;
	struct ctl_call *call;
	uint64_t at;	/* the lowest number still to send */
	uint64_t end;	/* exclusive; UINT64_MAX: follows */
	uint64_t left;	/* how many may still be sent; UINT64_MAX: no limit */
	bool ended;	/* for now, if it follows */
	json_t *events; /* gathered for a client that wants one answer; NULL: many */
};

struct streams {
	struct stream *first;
	sd_event_source *source; /* runs while something is left to send */
};

/* ---- one event ---- */

static json_t *args_json(const struct event *event)
{
	const struct event_info *info = event_info(event->id);
	json_t *args = json_array();

	for (size_t i = 0; i < 4 && info && info->arg[i]; i++)
		(void)json_array_append_new(args, json_integer((json_int_t)event->arg[i]));
	return args;
}

static const char *severity_name(const struct event_info *info)
{
	static const char *const names[EVENT_SEVERITY_COUNT_] = {"info", "notice", "warning",
								 "error"};

	return info && info->severity < EVENT_SEVERITY_COUNT_ ? names[info->severity] : "info";
}

/* Events 6xx are about a monitor: their first argument. */
static json_t *monitor_or_null(const struct event_names *names, const struct event *event)
{
	if (event->id < 600 || event->id >= 700 || event->arg[0] >= UINT16_MAX || !names->monitor)
		return json_null();
	return ctl_text_or_null(names->monitor(names->userdata, (uint16_t)event->arg[0]));
}

json_t *event_to_json(const struct agent *agent, const struct event_record *record)
{
	const struct event *event = &record->event;
	const struct event_info *info = event_info(event->id);
	const struct event_names names = names_of(agent->config);
	char message[MESSAGE_SIZE];

	(void)event_format(event, &names, message, sizeof message);
	return json_pack(
		"{s:I, s:o, s:i, s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"number", (json_int_t)record->number, "origin",
		ctl_text(names_node(agent->config, event->origin)), "id", (int)event->id, "name",
		info ? info->name : "unknown", "severity", severity_name(info), "wall_us",
		(json_int_t)record->wall_us, "boot_us", (json_int_t)event->at.us, "epoch",
		(json_int_t)event->epoch, "node",
		ctl_text_or_null(names_node(agent->config, event->node)), "group",
		ctl_text_or_null(names.group(names.userdata, event->group)), "resource",
		ctl_text_or_null(names.resource(names.userdata, event->resource)), "monitor",
		monitor_or_null(&names, event), "args", args_json(event), "text",
		ctl_text(event->text), "message", ctl_text(message));
}

/* ---- streams ---- */

static int on_pieces(sd_event_source *source, void *userdata);

int streams_new(struct agent *agent, struct streams **ret)
{
	struct streams *streams = calloc(1, sizeof *streams);
	int r;

	if (!streams)
		return -ENOMEM;
	r = sd_event_add_defer(agent->event, &streams->source, on_pieces, agent);
	if (r >= 0)
		r = sd_event_source_set_priority(streams->source, AGENT_PRIORITY_STREAM);
	if (r >= 0)
		r = sd_event_source_set_enabled(streams->source, SD_EVENT_OFF);
	if (r < 0) {
		(void)streams_free(streams);
		return r;
	}
	*ret = streams;
	return 0;
}

static void stream_free(struct streams *streams, struct stream *stream)
{
	struct stream **at = &streams->first;

	while (*at && *at != stream)
		at = &(*at)->next;
	if (*at)
		*at = stream->next;
	json_decref(stream->events);
	free(stream);
}

struct streams *streams_free(struct streams *streams)
{
	if (!streams)
		return NULL;
	while (streams->first)
		stream_free(streams, streams->first);
	sd_event_source_disable_unref(streams->source);
	free(streams);
	return NULL;
}

void streams_kick(struct agent *agent)
{
	int r;

	if (!agent->streams || !agent->streams->first)
		return;
	r = sd_event_source_set_enabled(agent->streams->source, SD_EVENT_ON);
	if (r < 0)
		log_warning("cannot go on with event streams: %s, ignoring", strerror(-r));
}

bool streams_gone(struct agent *agent, const struct ctl_call *call)
{
	for (struct stream *s = agent->streams->first; s; s = s->next)
		if (s->call == call) {
			stream_free(agent->streams, s);
			return true;
		}
	return false;
}

/* The next records of a stream, at most one piece. */
static json_t *gather(struct agent *agent, struct stream *stream, json_t *events)
{
	const struct event_record *record;

	/* Some numbers are left out, and the ring may have overtaken the stream. */
	for (int n = 0; n < PIECE_EVENTS; n++) {
		record = store_event_after(agent->store, stream->at - 1);
		if (!record || record->number >= stream->end || stream->left == 0) {
			stream->ended = true;
			break;
		}
		(void)json_array_append_new(events, event_to_json(agent, record));
		stream->at = record->number + 1;
		if (stream->left != UINT64_MAX)
			stream->left--;
	}
	return events;
}

static bool stream_waits(const struct agent *agent, const struct stream *stream)
{
	return stream->end == UINT64_MAX && stream->at >= store_next_number(agent->store);
}

/* Sends one piece. The stream may be gone afterwards. */
static void send_piece(struct agent *agent, struct stream *stream)
{
	struct ctl_call *call = stream->call;
	json_t *events;

	if (stream->events) {
		(void)gather(agent, stream, stream->events);
		if (!stream->ended)
			return;
		events = TAKE_PTR(stream->events);
		stream_free(agent->streams, stream);
		ctl_reply_checked(call, json_pack("{s:o}", "events", events));
		return;
	}
	stream->ended = false;
	events = gather(agent, stream, json_array());
	if (stream->ended && stream->end != UINT64_MAX) {
		stream_free(agent->streams, stream);
		ctl_reply_checked(call, json_pack("{s:o}", "events", events));
		return;
	}
	if (json_array_size(events) == 0) {
		json_decref(events);
		return;
	}
	/* False: too slow or gone; call_gone() follows and ends the stream. */
	(void)ctl_reply_more(call, json_pack("{s:o}", "events", events));
}

static int on_pieces(sd_event_source *source, void *userdata)
{
	struct agent *agent = userdata;
	struct stream *stream, **last = &agent->streams->first;

	/* One piece of one stream, which then goes to the end of the line. */
	for (stream = *last; stream && stream_waits(agent, stream); stream = stream->next)
		;
	if (!stream)
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	while (*last && *last != stream)
		last = &(*last)->next;
	*last = stream->next;
	while (*last)
		last = &(*last)->next;
	*last = stream;
	stream->next = NULL;
	send_piece(agent, stream);
	return 0;
}

/* ---- GetEvents ---- */

static bool get_number(json_t *parameters, const char *name, uint64_t fallback, uint64_t *ret)
{
	const json_t *value = json_object_get(parameters, name);

	if (!value || json_is_null(value)) {
		*ret = fallback;
		return true;
	}
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(value);
	return true;
}

/* `since` pages upwards; without it the newest `limit` are wanted. */
static void set_range(const struct agent *agent, struct stream *stream, uint64_t limit,
		      bool has_since)
{
	bool follows = stream->end == UINT64_MAX;
	uint64_t before = UINT64_MAX;
	const struct event_record *record;

	stream->left = follows ? UINT64_MAX : limit;
	if (has_since)
		return;
	for (uint64_t n = 0; n < limit; n++) {
		record = store_event_before(agent->store, before);
		if (!record)
			return;
		before = record->number;
	}
	stream->at = before;
}

void ctl_get_events(struct ctl_call *call, json_t *parameters, void *userdata)
{
	struct agent *agent = userdata;
	const json_t *follow = json_object_get(parameters, "follow");
	bool more = ctl_call_wants_more(call);
	struct stream *stream;
	uint64_t since, limit;

	if (!get_number(parameters, "since", 0, &since) || since >= UINT64_MAX / 2) {
		ctl_reply_invalid(call, "since");
		return;
	}
	if (!get_number(parameters, "limit", LIMIT_DEFAULT, &limit)) {
		ctl_reply_invalid(call, "limit");
		return;
	}
	if (follow && !json_is_null(follow) &&
	    (!json_is_boolean(follow) || (json_is_true(follow) && !more))) {
		ctl_reply_invalid(call, "follow");
		return;
	}
	stream = calloc(1, sizeof *stream);
	if (!stream) {
		ctl_reply_checked(call, NULL);
		return;
	}
	stream->call = call;
	stream->at = since + 1;
	stream->end = json_is_true(follow) ? UINT64_MAX : store_next_number(agent->store);
	stream->events = more ? NULL : json_array();
	set_range(agent, stream, limit < LIMIT_MAX ? limit : LIMIT_MAX, since != 0);
	stream->next = agent->streams->first;
	agent->streams->first = stream;
	streams_kick(agent);
}

/* ---- Explain ---- */

/* All records in memory; NULL: no memory. */
static const struct event_record **all_records(const struct agent *agent, size_t *ret_n)
{
	const struct event_record **records, *r;
	size_t n = 0;

	for (r = store_event_after(agent->store, 0); r;
	     r = store_event_after(agent->store, r->number))
		n++;
	records = calloc(n + 1, sizeof(void *));
	if (!records)
		return NULL;
	n = 0;
	for (r = store_event_after(agent->store, 0); r;
	     r = store_event_after(agent->store, r->number))
		records[n++] = r;
	*ret_n = n;
	return records;
}

static json_t *story_json(const struct agent *agent, const struct explain *story, json_t *waits)
{
	json_t *steps = json_array(), *evidence = json_array();

	for (size_t i = 0; i < story->n_steps; i++) {
		const struct explain_step *step = &story->steps[i];
		int64_t before_us = i ? story->steps[i - 1].at_us : 0;

		(void)json_array_append_new(
			steps,
			json_pack("{s:f, s:f, s:o, s:o, s:o}", "at_ms", (double)step->at_us / 1000,
				  "step_ms", (double)(step->at_us - before_us) / 1000, "origin",
				  ctl_text(names_node(agent->config, step->record->event.origin)),
				  "what", ctl_text(step->what), "event",
				  event_to_json(agent, step->record)));
	}
	for (size_t i = 0; i < story->n_evidence; i++)
		(void)json_array_append_new(evidence, ctl_text(story->evidence[i]));
	return json_pack("{s:o, s:o, s:o, s:o}", "title", ctl_text(story->title), "steps", steps,
			 "evidence", evidence, "waits", waits);
}

/* Nothing was taken over, but something waits: that is the story. */
static bool is_only_waiting(const struct explain_query *query, const json_t *waits,
			    struct explain *story)
{
	if (query->number != 0 || json_array_size(waits) == 0)
		return false;
	memset(story, 0, sizeof *story);
	(void)snprintf(story->title, sizeof story->title, "no failover is known here yet");
	return true;
}

static void reply_story(struct agent *agent, struct ctl_call *call,
			const struct explain_query *query)
{
	_cleanup_free_ struct explain *story = malloc(sizeof *story);
	_cleanup_free_ const struct event_record **records = NULL;
	const struct event_names names = names_of(agent->config);
	struct explain_source source = {.names = &names};
	json_t *waits;

	records = all_records(agent, &source.n);
	source.records = records;
	if (!story || !records) {
		ctl_reply_checked(call, NULL);
		return;
	}
	waits = ctl_waits(agent, &source);
	if (explain(&source, query, story) >= 0 || is_only_waiting(query, waits, story)) {
		ctl_reply_checked(call, story_json(agent, story, waits));
		return;
	}
	json_decref(waits);
	ctl_reply_error(call, "io.holdfast.Agent.NoSuchEvent",
			json_pack("{s:I}", "number", (json_int_t)query->number));
}

void ctl_explain(struct ctl_call *call, json_t *parameters, void *userdata)
{
	struct agent *agent = userdata;
	const json_t *group = json_object_get(parameters, "group");
	struct explain_query query = {.group = UINT16_MAX};
	int g;

	if (!get_number(parameters, "number", 0, &query.number)) {
		ctl_reply_invalid(call, "number");
		return;
	}
	if (group && !json_is_null(group)) {
		if (!json_is_string(group)) {
			ctl_reply_invalid(call, "group");
			return;
		}
		g = config_find_group(agent->config, json_string_value(group));
		if (g < 0) {
			ctl_reply_error(call, "io.holdfast.Agent.NoSuchGroup",
					json_pack("{s:O}", "group", group));
			return;
		}
		query.group = (uint16_t)g;
	}
	reply_story(agent, call, &query);
}
