/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/internal.h"

#include <errno.h>
#include <string.h>

#define BYTES_SIZE_MIN	4096
#define BYTES_SIZE_KEEP 65536 /* an empty queue that grew beyond this gives its memory back */

/* Makes room for `n` more bytes behind data[end]. */
static int make_room(struct ctl_bytes *b, size_t n)
{
	size_t count = ctl_bytes_count(b);
	size_t size = b->size ? b->size : BYTES_SIZE_MIN;
	char *data;

	if (b->size - b->end >= n)
		return 0;
	while (size < count + n)
		size *= 2; /* callers bound count + n far below an overflow */
	if (b->at > 0 && count > 0)
		memmove(b->data, b->data + b->at, count);
	b->at = 0;
	b->end = count;
	if (size == b->size)
		return 0;
	data = realloc(b->data, size);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->size = size;
	return 0;
}

int ctl_bytes_add(struct ctl_bytes *b, const void *data, size_t n, size_t max)
{
	size_t count = ctl_bytes_count(b);
	int r;

	if (count > max || n > max - count)
		return -ENOBUFS;
	if (n == 0)
		return 0;
	r = make_room(b, n);
	if (r < 0)
		return r;
	memcpy(b->data + b->end, data, n);
	b->end += n;
	return 0;
}

void ctl_bytes_drop(struct ctl_bytes *b, size_t n)
{
	b->at += n;
	if (b->at < b->end)
		return;
	b->at = 0;
	b->end = 0;
	if (b->size > BYTES_SIZE_KEEP)
		ctl_bytes_done(b);
}

void ctl_bytes_done(struct ctl_bytes *b)
{
	free(b->data);
	*b = (struct ctl_bytes){0};
}

size_t ctl_bytes_message(const struct ctl_bytes *b, size_t *scanned)
{
	size_t count = ctl_bytes_count(b);
	const char *start, *nul;

	if (*scanned >= count)
		return 0;
	start = b->data + b->at;
	nul = memchr(start + *scanned, '\0', count - *scanned);
	if (!nul) {
		*scanned = count;
		return 0;
	}
	*scanned = (size_t)(nul - start);
	return *scanned + 1;
}
