/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/buf.h"

#include <string.h>

static uint8_t *writer_take(struct buf_writer *w, size_t n)
{
	uint8_t *p;

	if (w->bad || n > w->size - w->at) {
		w->bad = true;
		return NULL;
	}
	p = w->data + w->at;
	w->at += n;
	return p;
}

static const uint8_t *reader_take(struct buf_reader *r, size_t n)
{
	const uint8_t *p;

	if (r->bad || n > r->size - r->at) {
		r->bad = true;
		return NULL;
	}
	p = r->data + r->at;
	r->at += n;
	return p;
}

static void put_number(struct buf_writer *w, uint64_t v, size_t n)
{
	uint8_t *p = writer_take(w, n);

	for (size_t i = 0; p && i < n; i++)
		p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

static uint64_t get_number(struct buf_reader *r, size_t n)
{
	const uint8_t *p = reader_take(r, n);
	uint64_t v = 0;

	for (size_t i = 0; p && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

void buf_put_u8(struct buf_writer *w, uint8_t v)
{
	put_number(w, v, 1);
}

void buf_put_u16(struct buf_writer *w, uint16_t v)
{
	put_number(w, v, 2);
}

void buf_put_u32(struct buf_writer *w, uint32_t v)
{
	put_number(w, v, 4);
}

void buf_put_u64(struct buf_writer *w, uint64_t v)
{
	put_number(w, v, 8);
}

void buf_put_bytes(struct buf_writer *w, const void *src, size_t n)
{
	uint8_t *p = writer_take(w, n);

	if (p && n)
		memcpy(p, src, n);
}

uint8_t buf_get_u8(struct buf_reader *r)
{
	return (uint8_t)get_number(r, 1);
}

uint16_t buf_get_u16(struct buf_reader *r)
{
	return (uint16_t)get_number(r, 2);
}

uint32_t buf_get_u32(struct buf_reader *r)
{
	return (uint32_t)get_number(r, 4);
}

uint64_t buf_get_u64(struct buf_reader *r)
{
	return get_number(r, 8);
}

void buf_get_bytes(struct buf_reader *r, void *dst, size_t n)
{
	const uint8_t *p = reader_take(r, n);

	if (n == 0)
		return;
	if (p)
		memcpy(dst, p, n);
	else
		memset(dst, 0, n);
}

struct buf_reader buf_get_part(struct buf_reader *r, size_t n)
{
	const uint8_t *p = reader_take(r, n);

	return (struct buf_reader){.data = p, .size = p ? n : 0, .bad = !p};
}
