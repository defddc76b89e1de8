/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_HB_WINDOW_H
#define HF_HB_WINDOW_H

/* What has been received: tells news from repetitions and replays, and counts gaps. Pure. */

#include "include/hb.h"

/* Names one datagram of a sender. Parts of one vector share incarnation and sequence. */
struct datagram_id {
	uint64_t incarnation, sequence;
	uint16_t part;
};

/* The newest vector and which of its parts came. Incarnation 0: none yet. */
struct sending {
	uint64_t incarnation, sequence;
	uint64_t parts[HB_PARTS_MAX / 64];
};

enum sending_order {
	SENDING_OLD,  /* of an older vector */
	SENDING_SEEN, /* this very part came before */
	SENDING_PART, /* another part of the newest vector */
	SENDING_NEW,  /* of a newer vector */
};

enum sending_order sending_order(const struct sending *s, const struct datagram_id *id);
/* Notes a datagram whose order is SENDING_PART or SENDING_NEW. */
void sending_take(struct sending *s, const struct datagram_id *id);

/* The same for one link, where numbers follow each other if nothing is lost. */
#define LINK_WINDOW 16 /* numbers after which a gap counts as lost */

struct link_window {
	struct sending newest;
	uint32_t seen; /* bit i: number newest.sequence - i came, or was before our time */
};

enum link_order {
	LINK_REPLAY,	/* older than what came, and came already, or too old to tell */
	LINK_TWICE,	/* again a part of the newest vector of this link */
	LINK_REORDERED, /* fills a gap */
	LINK_NEWS,
};

/* Notes the datagram and adds numbers that are now given up as lost to *lost. */
enum link_order link_window_take(struct link_window *w, const struct datagram_id *id,
				 uint64_t *lost);

/* Blobs: each once, in any order, within 64 numbers. */
struct blob_window {
	uint64_t incarnation, newest;
	uint64_t seen;
};

enum sending_order blob_window_take(struct blob_window *w, const struct datagram_id *id);

/* Round-trip times, the newest 128. */
#define RTT_SAMPLES 128

struct rtt {
	ha_time echoed; /* our newest stamp that gave a sample */
	uint16_t n, next;
	uint32_t us[RTT_SAMPLES];
};

/* The vector that arrived at `arrival` is the answer of `entry`'s owner to our beat of
 * entry->stamp. One sample a stamp. */
void rtt_take(struct rtt *rtt, const struct peer_entry *entry, ha_time arrival);
void rtt_percentiles(const struct rtt *rtt, struct hb_link_stats *ret);

#endif
