/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_TRACE_FORMAT_H
#define HF_AGENT_TRACE_FORMAT_H

/* What writer and reader of traces share; docs/trace.md is the description. */

#include "agent/trace.h"
#include "util/buf.h"

#define TRACE_MAGIC	  "HFtrace4"
#define TRACE_MAGIC_BYTES 8
#define TRACE_HEAD_BYTES  5	       /* kind, length of the body */
#define TRACE_ENTRY_MAX	  (160 * 1024) /* the largest configuration needs 110 KiB */

/* of a probe's answer */
enum trace_answer { TRACE_ANSWER_GRANT = 1, TRACE_ANSWER_GONE = 2, TRACE_ANSWER_LEASED = 4 };

enum trace_kind { TRACE_KIND_CONFIG = 1, TRACE_KIND_DURABLE, TRACE_KIND_EVENT };

struct hb_limits trace_limits(const struct core_config *config);
/* The configuration and, one a resource, the leftovers. */
void trace_put_config(struct buf_writer *w, const struct core_config *config,
		      const bool *leftovers);
bool trace_get_config(struct buf_reader *r, struct core_config *ret, bool *ret_leftovers);
void trace_put_durable(struct buf_writer *w, const struct durable_state *durable);
bool trace_get_durable(struct buf_reader *r, struct durable_state *ret);

#endif
