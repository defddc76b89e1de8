/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads traces, for replay. docs/trace.md describes the format. */
#include "agent/trace.h"

#include "agent/trace_format.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct trace_reader {
	struct buf_reader r;
	void *map; /* NULL: somebody else's memory */
	size_t map_bytes;
	struct hb_limits limits;
	struct vector_rows rows;
	struct vector vector;
	char text[UINT8_MAX + 1];
	struct core_config config; /* of the newest entry that has one */
	bool leftovers[RESOURCES_MAX];
};

/* 1: an entry; 0: the end, or only a part of an entry is left; -EBADMSG. */
static int next_entry(struct buf_reader *r, uint8_t *ret_kind, struct buf_reader *ret_body)
{
	uint32_t n;

	if (buf_left(r) < TRACE_HEAD_BYTES)
		return 0;
	*ret_kind = buf_get_u8(r);
	n = buf_get_u32(r);
	if (n > TRACE_ENTRY_MAX)
		return -EBADMSG;
	if (n > buf_left(r))
		return 0;
	*ret_body = buf_get_part(r, n);
	return 1;
}

/* A configuration, into the reader. */
static bool read_config(struct trace_reader *reader, struct buf_reader *body, ha_time *ret_now)
{
	memset(&reader->config, 0, sizeof reader->config);
	memset(reader->leftovers, 0, sizeof reader->leftovers);
	*ret_now = (ha_time){buf_get_u64(body)};
	if (!trace_get_config(body, &reader->config, reader->leftovers))
		return false;
	reader->limits = trace_limits(&reader->config);
	return true;
}

static int read_start(struct trace_reader *reader, struct trace_start *start)
{
	struct buf_reader body, ahead;
	uint8_t magic[TRACE_MAGIC_BYTES], kind;

	buf_get_bytes(&reader->r, magic, sizeof magic);
	if (reader->r.bad || memcmp(magic, TRACE_MAGIC, sizeof magic) != 0)
		return -EBADMSG;
	if (next_entry(&reader->r, &kind, &body) != 1 || kind != TRACE_KIND_CONFIG ||
	    !read_config(reader, &body, &start->now))
		return -EBADMSG;
	start->config = reader->config;
	memcpy(start->leftovers, reader->leftovers, sizeof start->leftovers);
	ahead = reader->r;
	if (next_entry(&ahead, &kind, &body) != 1 || kind != TRACE_KIND_DURABLE)
		return 0;
	if (!trace_get_durable(&body, &start->durable))
		return -EBADMSG;
	start->has_durable = true;
	reader->r = ahead;
	return 0;
}

int trace_open_bytes(const uint8_t *data, size_t n, struct trace_start *ret_start,
		     struct trace_reader **ret)
{
	_cleanup_free_ struct trace_start *start = calloc(1, sizeof *start);
	_cleanup_free_ struct trace_reader *reader = calloc(1, sizeof *reader);
	int r;

	if (!start || !reader)
		return -ENOMEM;
	reader->r = (struct buf_reader){.data = data, .size = n};
	r = read_start(reader, start);
	if (r < 0)
		return r;
	*ret_start = *start;
	*ret = TAKE_PTR(reader);
	return 0;
}

int trace_open(const char *path, struct trace_start *ret_start, struct trace_reader **ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *map;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0)
		return -EBADMSG;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	r = trace_open_bytes(map, (size_t)st.st_size, ret_start, ret);
	if (r < 0) {
		(void)munmap(map, (size_t)st.st_size);
		return r;
	}
	(*ret)->map = map;
	(*ret)->map_bytes = (size_t)st.st_size;
	return 0;
}

struct trace_reader *trace_close(struct trace_reader *reader)
{
	if (reader && reader->map)
		(void)munmap(reader->map, reader->map_bytes);
	free(reader);
	return NULL;
}

static const char *get_text(struct trace_reader *reader, struct buf_reader *body)
{
	uint8_t n = buf_get_u8(body);

	buf_get_bytes(body, reader->text, n);
	reader->text[n] = '\0';
	return reader->text;
}

static bool get_vector(struct trace_reader *reader, struct buf_reader *body,
		       struct core_event *event)
{
	event->vector.link = buf_get_u8(body);
	event->vector.vector = &reader->vector;
	return !body->bad && event->vector.link < LINKS_MAX &&
	       hb_wire_body_decode(body->data + body->at, buf_left(body), &reader->limits,
				   &reader->rows, &reader->vector);
}

/* Whether the indexes that a request of this kind names exist; the others may be anything. */
static bool request_ok(const struct hb_limits *limits, const struct core_event *event)
{
	switch ((enum request_kind)event->request.kind) {
	case REQUEST_GROUP_START:
	case REQUEST_GROUP_STOP:
	case REQUEST_GROUP_MOVE:
		return event->request.group < limits->n_groups;
	case REQUEST_RESOURCE_START:
	case REQUEST_RESOURCE_STOP:
		return event->request.object < limits->n_resources;
	case REQUEST_MONITOR_SUSPEND:
	case REQUEST_MONITOR_RESUME:
	case REQUEST_MONITOR_FAIL:
	case REQUEST_MONITOR_UNFAIL:
		return event->request.object < limits->n_monitors;
	case REQUEST_NODE_START:
	case REQUEST_NODE_STOP:
	case REQUEST_NODE_SHUTDOWN:
	case REQUEST_NODE_REBOOT:
	case REQUEST_FENCE_CONFIRM:
		return event->request.target < limits->n_nodes;
	case REQUEST_NONE:
	case REQUEST_CLUSTER_START:
	case REQUEST_CLUSTER_STOP:
	case REQUEST_CLUSTER_SUSPEND:
	case REQUEST_CLUSTER_RESUME:
	case REQUEST_CLUSTER_SHUTDOWN:
	case REQUEST_CLUSTER_REBOOT:
	case REQUEST_RATIO_SET:
	case REQUEST_RATIO_RESET:
	case REQUEST_CONFIG:
		return true;
	case REQUEST_KIND_COUNT_:
	default:
		return false;
	}
}

static bool get_request(struct trace_reader *reader, struct buf_reader *body,
			struct core_event *event)
{
	event->request.kind = buf_get_u8(body);
	event->request.target = buf_get_u8(body);
	event->request.group = buf_get_u16(body);
	event->request.object = buf_get_u16(body);
	event->request.ratio = buf_get_u16(body);
	event->request.value = buf_get_u64(body);
	event->request.token = buf_get_u64(body);
	return (event->request.target < reader->limits.n_nodes ||
		event->request.target == NODE_NONE) &&
	       request_ok(&reader->limits, event);
}

static bool get_verdict(struct trace_reader *reader, struct buf_reader *body,
			struct core_event *event)
{
	event->monitor.monitor = buf_get_u16(body);
	event->monitor.status = buf_get_u8(body);
	event->monitor.text = get_text(reader, body);
	return event->monitor.monitor < reader->limits.n_monitors &&
	       (event->monitor.status == MONITOR_NORMAL ||
		event->monitor.status == MONITOR_CAUTION || event->monitor.status == MONITOR_ERROR);
}

static bool get_answer(struct trace_reader *reader, struct buf_reader *body,
		       struct core_event *event)
{
	struct probe_answer *a = &event->probe.answer;
	uint8_t flags;

	a->incarnation = buf_get_u64(body);
	a->stamp = (ha_time){buf_get_u64(body)};
	a->from_incarnation = buf_get_u64(body);
	a->token = buf_get_u64(body);
	a->lease_us = buf_get_u64(body);
	a->lease_epoch = buf_get_u64(body);
	a->progress = buf_get_u64(body);
	a->age_us = buf_get_u64(body);
	a->from = buf_get_u8(body);
	flags = buf_get_u8(body);
	a->grant = (flags & TRACE_ANSWER_GRANT) != 0;
	a->gone = (flags & TRACE_ANSWER_GONE) != 0;
	a->leased = (flags & TRACE_ANSWER_LEASED) != 0;
	event->probe.link = buf_get_u8(body);
	return a->from < reader->limits.n_nodes && event->probe.link < LINKS_MAX;
}

static void get_times(struct trace_reader *reader, struct buf_reader *body, ha_time *times)
{
	for (uint8_t n = 0; n < reader->limits.n_nodes; n++)
		times[n] = (ha_time){buf_get_u64(body)};
}

static bool get_kernel(struct trace_reader *reader, struct buf_reader *body,
		       struct core_event *event)
{
	event->kernel.lease = buf_get_u64(body);
	get_times(reader, body, event->kernel.until);
	event->kernel.refused_epoch = buf_get_u64(body);
	event->kernel.refused_by = buf_get_u8(body);
	return event->kernel.refused_epoch == 0 ||
	       event->kernel.refused_by < reader->limits.n_nodes;
}

static bool get_fencing(struct trace_reader *reader, struct buf_reader *body,
			struct core_event *event)
{
	if (event->type == CORE_EVENT_FENCE_DONE) {
		event->fence_done.operation = buf_get_u32(body);
		event->fence_done.result = buf_get_u8(body);
		event->fence_done.text = get_text(reader, body);
		return true;
	}
	event->fence_check.target = buf_get_u8(body);
	event->fence_check.check = buf_get_u8(body);
	event->fence_check.text = get_text(reader, body);
	return event->fence_check.target < reader->limits.n_nodes &&
	       event->fence_check.check < FENCE_CHECK_COUNT_;
}

static bool get_event(struct trace_reader *reader, struct buf_reader *body,
		      struct core_event *event)
{
	switch (event->type) {
	case CORE_EVENT_VECTOR:
		return get_vector(reader, body, event);
	case CORE_EVENT_PERSISTED:
		event->persisted.generation = buf_get_u64(body);
		event->persisted.result = (int)buf_get_u32(body);
		break;
	case CORE_EVENT_RESOURCE_DONE:
		event->resource_done.operation = buf_get_u32(body);
		event->resource_done.result = buf_get_u8(body);
		event->resource_done.text = get_text(reader, body);
		break;
	case CORE_EVENT_RESOURCE_LOST:
		event->resource_lost.resource = buf_get_u16(body);
		event->resource_lost.text = get_text(reader, body);
		if (event->resource_lost.resource >= reader->limits.n_resources)
			return false;
		break;
	case CORE_EVENT_REQUEST:
		if (!get_request(reader, body, event))
			return false;
		break;
	case CORE_EVENT_FENCED:
		event->fenced.node = buf_get_u8(body);
		event->fenced.incarnation = buf_get_u64(body);
		event->fenced.since.us = buf_get_u64(body);
		break;
	case CORE_EVENT_MONITOR:
		if (!get_verdict(reader, body, event))
			return false;
		break;
	case CORE_EVENT_SCRIPT_DONE:
		event->script_done.operation = buf_get_u32(body);
		event->script_done.ok = buf_get_u8(body) != 0;
		event->script_done.text = get_text(reader, body);
		break;
	case CORE_EVENT_CONFIG_READY:
		event->config_ready.hash = buf_get_u64(body);
		break;
	case CORE_EVENT_PROBE_ANSWER:
		if (!get_answer(reader, body, event))
			return false;
		break;
	case CORE_EVENT_KERNEL:
		if (!get_kernel(reader, body, event))
			return false;
		break;
	case CORE_EVENT_TAKEN_BACK:
		event->taken_back.number = buf_get_u64(body);
		get_times(reader, body, event->taken_back.granted_at);
		break;
	case CORE_EVENT_FENCE_DONE:
	case CORE_EVENT_FENCE_CHECK:
		if (!get_fencing(reader, body, event))
			return false;
		break;
	case CORE_EVENT_TICK:
	case CORE_EVENT_LEAVE:
		break;
	case CORE_EVENT_TYPE_COUNT_:
	default:
		return false;
	}
	return !body->bad && buf_left(body) == 0;
}

int trace_next(struct trace_reader *reader, struct trace_entry *ret)
{
	struct trace_entry entry = {0};
	struct buf_reader body;
	uint8_t kind, type;
	int r = next_entry(&reader->r, &kind, &body);

	if (r <= 0)
		return r;
	if (kind == TRACE_KIND_CONFIG) {
		if (!read_config(reader, &body, &entry.now))
			return -EBADMSG;
		entry.config = &reader->config;
		*ret = entry;
		return 1;
	}
	if (kind != TRACE_KIND_EVENT)
		return -EBADMSG;
	entry.now = (ha_time){buf_get_u64(&body)};
	type = buf_get_u8(&body);
	if (type >= CORE_EVENT_TYPE_COUNT_)
		return -EBADMSG;
	entry.event.type = (enum core_event_type)type;
	if (!get_event(reader, &body, &entry.event))
		return -EBADMSG;
	*ret = entry;
	return 1;
}
