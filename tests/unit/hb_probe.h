/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TEST_HB_PROBE_H
#define HF_TEST_HB_PROBE_H

/* Answers to probes as a peer's kernel makes them, byte by byte as docs/kernel.md says. */

#include "hb/internal.h"
#include "include/kernel.h"

#include <linux/types.h>

#include "hb/bpf/siphash.h"

enum probe_at {
	PROBE_AT_VERSION = 4,
	PROBE_AT_TYPE = 5,
	PROBE_AT_FROM = 6,
	PROBE_AT_TO = 7,
	PROBE_AT_CLUSTER = 8,
	PROBE_AT_KEY = 16,
	PROBE_AT_LINK = 20,
	PROBE_AT_FLAGS = 21,
	PROBE_AT_PAD = 22,
	PROBE_AT_INCARNATION = 24,
	PROBE_AT_STAMP = 32,
	PROBE_AT_LEASE_EPOCH = 40,
	PROBE_AT_ACCEPTED = 48,
	PROBE_AT_TO_INCARNATION = 56,
	PROBE_AT_TOKEN = 64,
	PROBE_AT_LEASE = 72,
	PROBE_AT_TO_LEASE_EPOCH = 80,
	PROBE_AT_PROGRESS = 88,
	PROBE_AT_AGE = 96,
	PROBE_AT_MAC = 104,
};

static inline void probe_put(uint8_t *data, enum probe_at at, uint64_t v)
{
	v = htobe64(v);
	memcpy(data + at, &v, sizeof v);
}

static inline uint64_t probe_get(const uint8_t *data, enum probe_at at)
{
	uint64_t v;

	memcpy(&v, data + at, sizeof v);
	return be64toh(v);
}

/* Signs whatever is there, with the key whose id it names, or else the first one. */
static inline void probe_sign(uint8_t data[HB_PROBE_BYTES], const struct hb_probe_keys *keys)
{
	__u64 words[PROBE_AT_MAC / 8], mac[2];
	uint32_t id;
	uint8_t k;

	memcpy(&id, data + PROBE_AT_KEY, sizeof id);
	for (k = keys->n - 1; k > 0 && keys->id[k] != be32toh(id); k--)
		;
	memcpy(words, data, sizeof words);
	siphash_128(words, PROBE_AT_MAC / 8, (const __u64[]){keys->key[k][0], keys->key[k][1]},
		    mac);
	memcpy(data + PROBE_AT_MAC, mac, sizeof mac);
}

/* Makes of the probe in `data` the answer that `answer` says, with its keys. */
static inline void probe_make_answer(uint8_t data[HB_PROBE_BYTES],
				     const struct probe_answer *answer,
				     const struct hb_probe_keys *keys)
{
	uint8_t from = data[PROBE_AT_FROM];

	data[PROBE_AT_TYPE] = 2;
	data[PROBE_AT_FROM] = data[PROBE_AT_TO];
	data[PROBE_AT_TO] = from;
	data[PROBE_AT_FLAGS] = (uint8_t)((answer->grant ? 1 : 0) | (answer->gone ? 4 : 0) |
					 (answer->leased ? 8 : 0));
	probe_put(data, PROBE_AT_TO_INCARNATION, answer->from_incarnation);
	probe_put(data, PROBE_AT_TOKEN, answer->token);
	probe_put(data, PROBE_AT_LEASE, answer->lease_us);
	probe_put(data, PROBE_AT_TO_LEASE_EPOCH, answer->lease_epoch);
	probe_put(data, PROBE_AT_PROGRESS, answer->progress);
	probe_put(data, PROBE_AT_AGE, answer->age_us);
	probe_sign(data, keys);
}

#endif
