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

static int read_start(struct trace_reader *reader, struct trace_start *start)
{
	struct buf_reader body, ahead;
	uint8_t magic[TRACE_MAGIC_BYTES], kind;

	buf_get_bytes(&reader->r, magic, sizeof magic);
	if (reader->r.bad || memcmp(magic, TRACE_MAGIC, sizeof magic) != 0)
		return -EBADMSG;
	if (next_entry(&reader->r, &kind, &body) != 1 || kind != TRACE_KIND_CONFIG ||
	    !trace_get_config(&body, start))
		return -EBADMSG;
	reader->limits = trace_limits(&start->config);
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

static bool get_request(struct trace_reader *reader, struct buf_reader *body,
			struct core_event *event)
{
	event->request.kind = buf_get_u8(body);
	event->request.target = buf_get_u8(body);
	event->request.group = buf_get_u16(body);
	event->request.token = buf_get_u64(body);
	return event->request.kind < REQUEST_KIND_COUNT_ &&
	       (event->request.target < reader->limits.n_nodes ||
		event->request.target == NODE_NONE) &&
	       (event->request.group < reader->limits.n_groups ||
		event->request.kind == REQUEST_NODE_START ||
		event->request.kind == REQUEST_NODE_STOP);
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
