/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/channel/internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int queue_new(struct queue *q)
{
	char *data = malloc(CHANNEL_QUEUE_BYTES);

	if (!data)
		return -ENOMEM;
	*q = (struct queue){.data = data};
	return 0;
}

void queue_free(struct queue *q)
{
	free(q->data);
	*q = (struct queue){0};
}

char *queue_room(struct queue *q, size_t *ret_room)
{
	if (q->end == CHANNEL_QUEUE_BYTES && q->at > 0) {
		memmove(q->data, q->data + q->at, queue_count(q));
		q->end -= q->at;
		q->at = 0;
	}
	*ret_room = CHANNEL_QUEUE_BYTES - q->end;
	return q->data + q->end;
}

void queue_added(struct queue *q, size_t n)
{
	assert(n <= CHANNEL_QUEUE_BYTES - q->end);
	q->end += n;
}

void queue_put(struct queue *q, const char *text, size_t n)
{
	size_t room;
	char *to = queue_room(q, &room);

	assert(n <= room);
	memcpy(to, text, n);
	queue_added(q, n);
}

void queue_drop(struct queue *q, size_t n)
{
	assert(n <= queue_count(q));
	q->at += n;
	if (q->at == q->end)
		q->at = q->end = 0;
}
