/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes traces. docs/trace.md describes the format. */
#include "agent/trace.h"

#include "agent/trace_format.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct trace {
	FILE *file;
	bool failed;
	struct hb_limits limits;
	uint8_t entry[TRACE_ENTRY_MAX];
};

static void write_entry(struct trace *trace, enum trace_kind kind, const struct buf_writer *body)
{
	uint8_t head[TRACE_HEAD_BYTES] = {0};
	struct buf_writer w = {.data = head, .size = sizeof head};

	if (trace->failed)
		return;
	buf_put_u8(&w, (uint8_t)kind);
	buf_put_u32(&w, (uint32_t)body->at);
	if (!body->bad && fwrite(head, 1, sizeof head, trace->file) == sizeof head &&
	    fwrite(body->data, 1, body->at, trace->file) == body->at)
		return;
	trace->failed = true;
	log_err("cannot write the trace any more: %s",
		body->bad ? "entry too long" : strerror(errno));
}

static void write_config(struct trace *trace, ha_time now, const struct core_config *config,
			 const bool *leftovers)
{
	struct buf_writer w = {.data = trace->entry, .size = sizeof trace->entry};

	trace->limits = trace_limits(config);
	buf_put_u64(&w, now.us);
	trace_put_config(&w, config, leftovers);
	write_entry(trace, TRACE_KIND_CONFIG, &w);
}

static void write_start(struct trace *trace, const struct trace_start *start)
{
	struct buf_writer w;

	write_config(trace, start->now, &start->config, start->leftovers);
	if (!start->has_durable)
		return;
	w = (struct buf_writer){.data = trace->entry, .size = sizeof trace->entry};
	trace_put_durable(&w, &start->durable);
	write_entry(trace, TRACE_KIND_DURABLE, &w);
}

int trace_new(const char *path, const struct trace_start *start, struct trace **ret)
{
	static const uint8_t magic[] = TRACE_MAGIC;
	struct trace *trace = calloc(1, sizeof *trace);

	if (!trace)
		return -ENOMEM;
	trace->file = fopen(path, "we");
	if (!trace->file) {
		int r = -errno;

		free(trace);
		return r;
	}
	if (fwrite(magic, 1, TRACE_MAGIC_BYTES, trace->file) != TRACE_MAGIC_BYTES)
		trace->failed = true;
	write_start(trace, start);
	*ret = trace;
	return 0;
}

static void put_vector(struct trace *trace, struct buf_writer *w, const struct core_event *event)
{
	struct hb_cursor cursor = {0};
	size_t n;

	buf_put_u8(w, event->vector.link);
	n = hb_wire_body_encode(event->vector.vector, &trace->limits, &cursor, w->data + w->at,
				w->size - w->at);
	w->at += n;
	w->bad = w->bad || n == 0;
}

static void put_text(struct buf_writer *w, const char *text)
{
	size_t n = text ? strnlen(text, UINT8_MAX) : 0;

	buf_put_u8(w, (uint8_t)n);
	buf_put_bytes(w, text, n);
}

static void put_answer(struct buf_writer *w, const struct probe_answer *a)
{
	buf_put_u64(w, a->incarnation);
	buf_put_u64(w, a->stamp.us);
	buf_put_u64(w, a->from_incarnation);
	buf_put_u64(w, a->token);
	buf_put_u64(w, a->lease_us);
	buf_put_u64(w, a->lease_epoch);
	buf_put_u64(w, a->progress);
	buf_put_u64(w, a->age_us);
	buf_put_u8(w, a->from);
	buf_put_u8(w, (uint8_t)((a->grant ? TRACE_ANSWER_GRANT : 0) |
				(a->gone ? TRACE_ANSWER_GONE : 0) |
				(a->leased ? TRACE_ANSWER_LEASED : 0)));
}

/* One a node. */
static void put_times(const struct trace *trace, struct buf_writer *w, const ha_time *times)
{
	for (uint8_t n = 0; n < trace->limits.n_nodes; n++)
		buf_put_u64(w, times[n].us);
}

static void put_fence(struct buf_writer *w, const struct core_event *event)
{
	if (event->type == CORE_EVENT_FENCE_DONE) {
		buf_put_u32(w, event->fence_done.operation);
		buf_put_u8(w, event->fence_done.result);
		put_text(w, event->fence_done.text);
	} else {
		buf_put_u8(w, event->fence_check.target);
		buf_put_u8(w, event->fence_check.check);
		put_text(w, event->fence_check.text);
	}
}

static void put_event(struct trace *trace, struct buf_writer *w, const struct core_event *event)
{
	switch (event->type) {
	case CORE_EVENT_VECTOR:
		put_vector(trace, w, event);
		break;
	case CORE_EVENT_PERSISTED:
		buf_put_u64(w, event->persisted.generation);
		buf_put_u32(w, (uint32_t)event->persisted.result);
		break;
	case CORE_EVENT_RESOURCE_DONE:
		buf_put_u32(w, event->resource_done.operation);
		buf_put_u8(w, event->resource_done.result);
		put_text(w, event->resource_done.text);
		break;
	case CORE_EVENT_RESOURCE_LOST:
		buf_put_u16(w, event->resource_lost.resource);
		put_text(w, event->resource_lost.text);
		break;
	case CORE_EVENT_REQUEST:
		buf_put_u8(w, event->request.kind);
		buf_put_u8(w, event->request.target);
		buf_put_u16(w, event->request.group);
		buf_put_u16(w, event->request.object);
		buf_put_u16(w, event->request.ratio);
		buf_put_u64(w, event->request.value);
		buf_put_u64(w, event->request.token);
		break;
	case CORE_EVENT_FENCED:
		buf_put_u8(w, event->fenced.node);
		buf_put_u64(w, event->fenced.incarnation);
		buf_put_u64(w, event->fenced.since.us);
		break;
	case CORE_EVENT_MONITOR:
		buf_put_u16(w, event->monitor.monitor);
		buf_put_u8(w, event->monitor.status);
		put_text(w, event->monitor.text);
		break;
	case CORE_EVENT_SCRIPT_DONE:
		buf_put_u32(w, event->script_done.operation);
		buf_put_u8(w, event->script_done.ok);
		put_text(w, event->script_done.text);
		break;
	case CORE_EVENT_CONFIG_READY:
		buf_put_u64(w, event->config_ready.hash);
		break;
	case CORE_EVENT_PROBE_ANSWER:
		put_answer(w, &event->probe.answer);
		buf_put_u8(w, event->probe.link);
		break;
	case CORE_EVENT_KERNEL:
		buf_put_u64(w, event->kernel.lease);
		put_times(trace, w, event->kernel.until);
		buf_put_u64(w, event->kernel.refused_epoch);
		buf_put_u8(w, event->kernel.refused_by);
		break;
	case CORE_EVENT_TAKEN_BACK:
		buf_put_u64(w, event->taken_back.number);
		put_times(trace, w, event->taken_back.granted_at);
		break;
	case CORE_EVENT_FENCE_DONE:
	case CORE_EVENT_FENCE_CHECK:
		put_fence(w, event);
		break;
	case CORE_EVENT_TICK:
	case CORE_EVENT_LEAVE:
	case CORE_EVENT_TYPE_COUNT_:
		break;
	}
}

void trace_event(struct trace *trace, ha_time now, const struct core_event *event)
{
	struct buf_writer w = {.data = trace->entry, .size = sizeof trace->entry};

	buf_put_u64(&w, now.us);
	buf_put_u8(&w, (uint8_t)event->type);
	put_event(trace, &w, event);
	write_entry(trace, TRACE_KIND_EVENT, &w);
}

void trace_reconfigure(struct trace *trace, ha_time now, const struct core_config *config)
{
	static const bool none[RESOURCES_MAX];

	write_config(trace, now, config, none);
}

struct trace *trace_free(struct trace *trace)
{
	if (!trace)
		return NULL;
	if (fclose(trace->file) != 0 && !trace->failed)
		log_err("cannot write the end of the trace: %s", strerror(errno));
	free(trace);
	return NULL;
}
