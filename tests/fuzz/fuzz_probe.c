/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Answers of kernels, in user space. The first byte chooses the route, the rest is a datagram:
 * as it is, and with key and MAC put right. What is accepted is in range and for us.
 */
#include "tests/unit/hb_probe.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct hb_probe_keys KEYS = {
	.n = 2, .id = {0x01020304, 0x05060708}, .key = {{1, 2}, {3, 4}}};

static void decode(const uint8_t *data, size_t n, const struct hb_probe_route *route)
{
	uint8_t back[HB_PROBE_BYTES];
	struct probe_answer answer;
	enum hb_refusal r = hb_probe_decode(&(struct hb_datagram){data, n}, route, &KEYS, &answer);

	assert(r < HB_REFUSAL_COUNT_ && r != HB_REFUSED_REPLAY && r != HB_REFUSED_STALE);
	assert(hb_probe_is(data, n) || r == HB_REFUSED_MAGIC);
	if (r != HB_OK)
		return;
	assert(n == HB_PROBE_BYTES && data[PROBE_AT_LINK] == route->link);
	assert(answer.from == route->to && data[PROBE_AT_TO] == route->from);
	assert(answer.incarnation > 0 && answer.incarnation < EPOCH_MAX);
	assert(answer.from_incarnation > 0 && answer.from_incarnation < EPOCH_MAX);
	assert(answer.stamp.us < EPOCH_MAX && answer.lease_epoch < EPOCH_MAX);
	assert(answer.lease_us < EPOCH_MAX && answer.progress < EPOCH_MAX);
	assert(answer.age_us < EPOCH_MAX && (answer.grant || answer.lease_us == 0));
	/* An answer made of what was understood is the same answer. */
	memcpy(back, data, sizeof back);
	back[PROBE_AT_FROM] = route->from;
	back[PROBE_AT_TO] = route->to;
	probe_make_answer(back, &answer, &KEYS);
	assert(memcmp(back, data, sizeof back) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hb_probe_route route = {.cluster_id = 7};
	uint8_t *copy;

	if (n < 1)
		return 0;
	route.from = data[0] & 3;
	route.to = data[0] >> 2 & 7;
	route.link = data[0] >> 5;
	decode(++data, --n, &route);
	if (n < HB_PROBE_BYTES)
		return 0;
	copy = malloc(
		HB_PROBE_BYTES); /* exactly as large, so that a sanitizer sees one byte more */
	assert(copy);
	memcpy(copy, data, HB_PROBE_BYTES);
	if (copy[PROBE_AT_KEY] != 5)
		memcpy(copy + PROBE_AT_KEY, "\1\2\3\4", 4);
	probe_put(copy, PROBE_AT_CLUSTER, route.cluster_id);
	probe_sign(copy, &KEYS);
	decode(copy, HB_PROBE_BYTES, &route);
	free(copy);
	return 0;
}
