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

/*
 * ---- state file: two slots; the one that does not hold the confirmed state is written ----
 *
 * A slot is 160 sectors of 512 bytes, each with generation and CRC-32C of its own: what a power
 * cut leaves (new and old sectors, each of them sound) can be told from damage.
 */

#define STATE_SLOT_BYTES 81920

/*
 * Writes exactly STATE_SLOT_BYTES. `base` is the generation in the other slot that was confirmed
 * when this write began, 0 for none. Pure.
 */
void state_encode(const struct durable_state *state, uint64_t base, uint8_t out[STATE_SLOT_BYTES]);
/* -EBADMSG: not a whole and valid slot. Pure. */
_must_check_ int state_decode(const uint8_t in[STATE_SLOT_BYTES], struct durable_state *ret);

/*
 * Reads the newer valid slot: 1. 0: there is no file (first start), *ret is zeroed. -EBADMSG with
 * a sentence in `error` on how to recover safely: any damaged sector, since a promise could be
 * forgotten. One torn slot is normal after a power cut, that write was not confirmed; it is
 * accepted if the other slot holds what was confirmed before it.
 */
_must_check_ int state_load(const char *directory, struct durable_state *ret,
			    char error[STORE_ERROR_SIZE]);

/*
 * Recovery of a damaged or lost state file by an operator who knows what the rest of the cluster
 * has seen (docs/disk-formats.md, Recovery). Nothing in the new file is lower than what is given
 * here or can still be read from the damaged file, which is kept as "state.damaged-N".
 */
struct state_reset_options {
	uint64_t epoch;	       /* highest one that the status of any other node shows; not 0 */
	uint64_t incarnation;  /* highest one of this node that the others show; not 0 */
	uint64_t lease_max_us; /* longest lease that was configured; not 0 */
};
#define STATE_RESET_EPOCHS	 (1ULL << 20) /* added to the highest epoch known */
#define STATE_RESET_INCARNATIONS 1000	      /* added to the highest incarnation known */
/*
 * -EINVAL: an option is 0 or too large, -EEXIST: the file is sound, -EBUSY: an agent runs. The
 * sentence is in `error`. *ret is what was written.
 */
_must_check_ int state_reset(const char *directory, const char *lock_name,
			     const struct state_reset_options *options, struct durable_state *ret,
			     char error[STORE_ERROR_SIZE]);

/* ---- event records ---- */

/* An event with its place in the story of one node. */
struct event_record {
	struct event event;
	uint64_t number;	/* grows in each journal, from 1, with gaps; never reused */
	uint64_t origin_number; /* number in the journal of event.origin: the same on all nodes */
	uint64_t origin_incarnation;
	uint64_t wall_us; /* clock of the origin, for people */
};

#define EVENT_RECORD_BYTES 256
#define EVENT_RING_DEFAULT 8192 /* records */

/* Pure. The record must be valid: what store_event() gives and event_record_decode() takes is. */
void event_record_encode(const struct event_record *record, uint8_t out[EVENT_RECORD_BYTES]);
/* -EBADMSG: wrong checksum, or an index, epoch or number outside its limits. Pure. */
_must_check_ int event_record_decode(const uint8_t in[EVENT_RECORD_BYTES],
				     struct event_record *ret);

/* ---- the store: start-up, writing, child process ---- */

struct store;

struct store_config {
	const char *directory;
	uint32_t ring_records; /* 0: EVENT_RING_DEFAULT */
	/* File that is flock()ed against two agents on one node: in the directory, or an
	 * absolute path. NULL: STORE_LOCK_FILE. The child holds the lock too, so that no new
	 * agent reads the files while an old write may still land. */
	const char *lock_name;
};

#define STORE_LOCK_FILE "lock"
#define STORE_RING_MIN	128
#define STORE_RING_MAX	(1U << 20)
#define STORE_BATCH	32 /* records that are written together */

/*
 * The first number after a start: at least the gap beyond the last one on disk, as records that
 * peers have seen may be lost; and at least this times the new incarnation, as the ring may be.
 */
#define STORE_NUMBER_GAP      1000
#define STORE_NUMBERS_PER_RUN 10000

/*
 * Locks the directory (-EBUSY: another agent has it, its pid is in `error`), starts the child,
 * reads both files. -EBADMSG: a damaged file, see `error`. Records of the last batch may be torn
 * by a power cut and are dropped, with a warning in the log; damage anywhere else is an error,
 * and so is a ring with records but no state file: somebody removed the promises.
 * On the first start events wait in memory until the first state is on disk.
 */
_must_check_ int store_new(const struct store_config *config, struct store **ret,
			   struct durable_state *ret_state, bool *ret_first_start,
			   char error[STORE_ERROR_SIZE]);
/* Lets the child finish what was handed to it (at most `wait_us`), then ends it. */
struct store *store_free(struct store *store, uint64_t wait_us);

/* Readable when the child answered or died. It stays the same when the child is restarted. */
int store_fd(const struct store *store);
/*
 * Hands `state` to the child, never blocks. One at a time: -EBUSY before the former one was
 * answered. -EINVAL: its generation is not above the former one, or a value is out of range, so
 * that it could not be read back. Otherwise -errno: no child could be started; -EAGAIN if it
 * died too often lately.
 */
_must_check_ int store_write_state(struct store *store, const struct durable_state *state);
/*
 * Adds to the ring in memory at once (the number is given here) and hands it to the child.
 * `origin_number` 0: an event of this node, its origin number is its number. Indexes out of range
 * become "none". If the child lags, records wait in the ring in memory; when that is full the
 * oldest waiting ones are lost to the disk, and counted. Returns the record's number.
 */
uint64_t store_append_event(struct store *store, const struct event *event, uint64_t origin_number,
			    uint64_t origin_incarnation, uint64_t wall_us);

struct store_answer {
	uint64_t generation; /* of the state that was written; 0: it is about events */
	int result;	     /* 0 or -errno; -EPIPE: not known, the child has died */
};
/*
 * Reads one answer: 1, or 0 if there is none; -EPIPE: the child has died (it is restarted by
 * the next write); a state that was not answered is answered with -EPIPE before that is said.
 * Also hands waiting records on; after a failed write they wait for the next append.
 */
_must_check_ int store_dispatch(struct store *store, struct store_answer *ret);

/* Records in memory, oldest first: the newest `ring_records` ones. Some numbers are left out. */
uint64_t store_first_number(const struct store *store);
uint64_t store_next_number(const struct store *store);
/* NULL if it is not in memory. Valid until the next append. */
const struct event_record *store_event(const struct store *store, uint64_t number);
/* The record with the next higher (lower) number than `number`, which need not exist; NULL: none.
 */
const struct event_record *store_event_after(const struct store *store, uint64_t number);
const struct event_record *store_event_before(const struct store *store, uint64_t number);
/*
 * Highest origin_number known from `origin` (0: none), and the record that has number
 * `origin_number` of it; NULL if it is not in memory. Quick: by an index.
 */
uint64_t store_origin_newest(const struct store *store, uint8_t origin);
const struct event_record *store_origin_event(const struct store *store, uint8_t origin,
					      uint64_t origin_number);
uint64_t store_events_lost(const struct store *store);

#endif
