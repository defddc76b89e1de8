/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_TRACE_FORMAT_H
#define HF_AGENT_TRACE_FORMAT_H

/* What writer and reader of traces share; docs/trace.md is the description. */

#include "agent/trace.h"
#include "util/buf.h"

#define TRACE_MAGIC	  "HFtrace1"
#define TRACE_MAGIC_BYTES 8
#define TRACE_HEAD_BYTES  5	      /* kind, length of the body */
#define TRACE_ENTRY_MAX	  (96 * 1024) /* the largest configuration needs 72 KiB */

enum trace_kind { TRACE_KIND_CONFIG = 1, TRACE_KIND_DURABLE, TRACE_KIND_EVENT };

struct hb_limits trace_limits(const struct core_config *config);
/* The configuration, the leftovers and the time of core_new(). */
void trace_put_config(struct buf_writer *w, const struct trace_start *start);
bool trace_get_config(struct buf_reader *r, struct trace_start *ret);
void trace_put_durable(struct buf_writer *w, const struct durable_state *durable);
bool trace_get_durable(struct buf_reader *r, struct durable_state *ret);

#endif
