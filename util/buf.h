/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_UTIL_BUF_H
#define HF_UTIL_BUF_H

/*
 * Bounded big-endian writer and reader for wire and disk formats. Both remember the first
 * overrun: after any number of calls one look at `bad` tells whether all of them fitted, and
 * nothing beyond the end was touched. A reader that went bad returns zeros.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf_writer {
	uint8_t *data;
	size_t size; /* bytes at `data` */
	size_t at;   /* bytes written */
	bool bad;
};

struct buf_reader {
	const uint8_t *data;
	size_t size;
	size_t at;
	bool bad;
};

void buf_put_u8(struct buf_writer *w, uint8_t v);
void buf_put_u16(struct buf_writer *w, uint16_t v);
void buf_put_u32(struct buf_writer *w, uint32_t v);
void buf_put_u64(struct buf_writer *w, uint64_t v);
void buf_put_bytes(struct buf_writer *w, const void *src, size_t n);

uint8_t buf_get_u8(struct buf_reader *r);
uint16_t buf_get_u16(struct buf_reader *r);
uint32_t buf_get_u32(struct buf_reader *r);
uint64_t buf_get_u64(struct buf_reader *r);
/* Copies `n` bytes to `dst`, or zeros if there are not that many. */
void buf_get_bytes(struct buf_reader *r, void *dst, size_t n);
/* A reader over the next `n` bytes, which `r` skips. Bad if there are not that many. */
struct buf_reader buf_get_part(struct buf_reader *r, size_t n);

static inline size_t buf_left(const struct buf_reader *r)
{
	return r->bad ? 0 : r->size - r->at;
}

#endif
