/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_REPLICATE_H
#define HF_AGENT_REPLICATE_H

/*
 * Copies of every node's events on every node, so that the survivors can tell the story of a dead
 * one. Each node gossips, per origin, the newest record that it has; whoever has later ones sends
 * them. What is lost is sent again after the next gossip. An absent node later gets what the
 * others still have in memory, no more. Blob format: docs/wire.md has the envelope, replicate.c
 * the content.
 */

#include "agent/store.h"

#include <stdbool.h>

#define REPLICATE_GOSSIP_US	 USEC_PER_SEC
#define REPLICATE_BURST		 4	  /* blobs to one peer in one turn */
#define REPLICATE_WINDOW	 8	  /* blobs that may be unconfirmed */
#define REPLICATE_PACE_US	 20000ULL /* between turns while something is left to send */
#define REPLICATE_DELAY_US	 3000ULL  /* from a new event to its sending: several go together */
#define REPLICATE_CONFIRM_US	 (100 * USEC_PER_MSEC) /* unconfirmed so long after: lost */
#define REPLICATE_ABSENT_GOSSIPS 8 /* to a silent peer only every 8th gossip is sent */

/* Where the records are: the agent's store, or a list in a test. */
struct replicate_journal {
	uint64_t (*newest)(void *userdata, uint8_t origin); /* its highest number here; 0: none */
	/* The record of `origin` with the lowest number above `after`; NULL: none. */
	const struct event_record *(*next)(void *userdata, uint8_t origin, uint64_t after);
	/* Adds a record of another node; its origin_number is above newest(). */
	void (*append)(void *userdata, const struct event_record *record);
};

struct replicate_config {
	uint8_t self, n_nodes;
	size_t blob_max; /* bytes of one blob, HB_BLOB_MAX */
	struct replicate_journal journal;
	void (*send)(void *userdata, uint8_t peer, const void *data, size_t n);
	void *userdata; /* of all callbacks */
};

struct replicate;

_must_check_ int replicate_new(const struct replicate_config *config, ha_time now,
			       struct replicate **ret);
struct replicate *replicate_free(struct replicate *replicate);

/* This node has a new event of its own. */
void replicate_appended(struct replicate *replicate, ha_time now);
/* A peer is heard, or not any more: nothing is sent to it then but rare gossip. */
void replicate_peer(struct replicate *replicate, uint8_t peer, bool heard);
/* A blob of `peer`. -EBADMSG: malformed, nothing was taken from it. */
_must_check_ int replicate_receive(struct replicate *replicate, uint8_t peer, const void *data,
				   size_t n, ha_time now);

/* The highest number of this node's events that a peer has: after a lost event file new ones must
 * be numbered above it. */
uint64_t replicate_own_floor(const struct replicate *replicate);

ha_time replicate_deadline(const struct replicate *replicate);
void replicate_dispatch(struct replicate *replicate, ha_time now);

#endif
