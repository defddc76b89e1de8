/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_STORE_H
#define HF_AGENT_STORE_H

/*
 * What survives a restart: the state file (promises, intents) and the event ring. The agent
 * never writes to disk itself: a child process ("holdfast-store", started before the agent
 * becomes real-time) does it, so that a disk that hangs delays a promise but no heartbeat.
 * docs/disk-formats.md describes both files.
 */

#include "include/cluster.h"
#include "include/event.h"
#include "util/cleanup.h"

#define STORE_ERROR_SIZE 512
#define STATE_FILE	 "state" /* in the state directory, /var/lib/holdfast */
#define EVENTS_FILE	 "events"

/* ---- state file: two slots written in turn, each with generation and CRC-32C (pure codec) ---- */

#define STATE_SLOT_BYTES 16384

/* Writes exactly STATE_SLOT_BYTES. */
void state_encode(const struct durable_state *state, uint8_t out[STATE_SLOT_BYTES]);
/* -EBADMSG: not a valid slot. */
_must_check_ int state_decode(const uint8_t in[STATE_SLOT_BYTES], struct durable_state *ret);

/*
 * Reads the newer valid slot: 1. 0: there is no file (first start), *ret is zeroed. A file whose
 * newest slot cannot be told (both damaged; or one damaged and the other not its predecessor's
 * place, so that a promise could be forgotten) is -EBADMSG with a sentence in `error` on how to
 * recover safely. One torn slot is normal after a power cut: the write was not confirmed.
 */
_must_check_ int state_load(const char *directory, struct durable_state *ret,
			    char error[STORE_ERROR_SIZE]);

/* ---- event records ---- */

/* An event with its place in the story of one node. */
struct event_record {
	struct event event;
	uint64_t number;	/* runs per journal, from 1, never reused */
	uint64_t origin_number; /* number in the journal of event.origin: the same on all nodes */
	uint64_t origin_incarnation;
	uint64_t wall_us; /* clock of the origin, for people */
};

#define EVENT_RECORD_BYTES 256
#define EVENT_RING_DEFAULT 8192 /* records */

void event_record_encode(const struct event_record *record, uint8_t out[EVENT_RECORD_BYTES]);
_must_check_ int event_record_decode(const uint8_t in[EVENT_RECORD_BYTES],
				     struct event_record *ret);

/* ---- the store: start-up, writing, child process ---- */

struct store;

struct store_config {
	const char *directory;
	uint32_t ring_records; /* 0: EVENT_RING_DEFAULT */
	const char *lock_name; /* file that is flock()ed: two agents on one node */
};

/*
 * Locks the directory (-EBUSY: another agent has it, its pid is in `error`), reads both files,
 * starts the child. -EBADMSG: a damaged file, see `error`. The last record of the ring may be
 * torn by a power cut and is dropped; damage anywhere else is an error.
 */
_must_check_ int store_new(const struct store_config *config, struct store **ret,
			   struct durable_state *ret_state, bool *ret_first_start,
			   char error[STORE_ERROR_SIZE]);
/* Lets the child finish what was handed to it (at most `wait_us`), then ends it. */
struct store *store_free(struct store *store, uint64_t wait_us);

/* A SOCK_SEQPACKET descriptor, readable when the child answered. */
int store_fd(const struct store *store);
/* Hands `state` to the child. One at a time: -EBUSY before the former one was answered. */
_must_check_ int store_write_state(struct store *store, const struct durable_state *state);
/* Adds to the ring in memory at once (the number is given here) and hands it to the child.
 * If the child lags, records wait in memory in bounded number; the oldest waiting ones are then
 * lost to the disk only, and counted. Returns the record's number. */
uint64_t store_append_event(struct store *store, const struct event *event, uint64_t origin_number,
			    uint64_t origin_incarnation, uint64_t wall_us);

struct store_answer {
	uint64_t generation; /* of the state that was written; 0: it is about events */
	int result;	     /* 0 or -errno */
};
/* Reads one answer: 1, or 0 if there is none; -EPIPE: the child has died (it is restarted by
 * the next write). Also hands waiting records on. */
_must_check_ int store_dispatch(struct store *store, struct store_answer *ret);

/* Records in memory, oldest first: the newest `ring_records` ones. */
uint64_t store_first_number(const struct store *store);
uint64_t store_next_number(const struct store *store);
/* NULL if it is not in memory. Valid until the next append. */
const struct event_record *store_event(const struct store *store, uint64_t number);
/* Highest origin_number known from `origin` (0: none) and the record that has number `n` of it. */
uint64_t store_origin_newest(const struct store *store, uint8_t origin);
const struct event_record *store_origin_event(const struct store *store, uint8_t origin,
					      uint64_t origin_number);
uint64_t store_events_lost(const struct store *store);

#endif
