/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/trace_format.h"

#include "agent/store_internal.h"

#include <string.h>

struct hb_limits trace_limits(const struct core_config *config)
{
	return (struct hb_limits){
		.n_nodes = config->n_nodes,
		.n_groups = config->n_groups,
		.n_resources = config->n_resources,
		.n_monitors = config->n_monitors,
		.objects_hash = config->objects_hash,
	};
}

/* As in the state file, but for the zeros at its end. */
void trace_put_durable(struct buf_writer *w, const struct durable_state *durable)
{
	uint8_t payload[STATE_PAYLOAD_BYTES(STATE_SECTORS)];
	size_t n = sizeof payload;

	state_payload_encode(durable, payload, n);
	while (n > 0 && payload[n - 1] == 0)
		n--;
	buf_put_u64(w, durable->generation);
	buf_put_bytes(w, payload, n);
}

bool trace_get_durable(struct buf_reader *r, struct durable_state *ret)
{
	uint8_t payload[STATE_PAYLOAD_BYTES(STATE_SECTORS)] = {0};

	memset(ret, 0, sizeof *ret);
	ret->generation = buf_get_u64(r);
	if (r->bad || buf_left(r) > sizeof payload)
		return false;
	buf_get_bytes(r, payload, buf_left(r));
	return state_payload_decode(payload, sizeof payload, ret) >= 0;
}
