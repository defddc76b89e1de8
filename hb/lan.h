/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_HB_LAN_H
#define HF_HB_LAN_H

/*
 * Inside of the LAN path. One socket a link, bound to our address of that link; peers are known
 * by their address on it. See hb/lan_receive.c for the way of a datagram.
 */

#include "hb/internal.h"
#include "hb/window.h"
#include "include/kernel.h"

#include <netinet/in.h>

#define BATCH 32 /* datagrams of one system call */

union lan_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_storage storage;
};

/* A datagram that waits to be handed out. */
struct lan_slot {
	struct lan_slot *next;
	uint16_t n;
	uint8_t link;
	uint8_t key; /* index of the key that signed it */
	uint8_t data[HB_DATAGRAM_MAX];
};

struct lan_queue {
	struct lan_slot *head, *tail;
};

/* One link to one peer. */
struct lan_path {
	union lan_address address;
	socklen_t address_bytes; /* 0: the peer has no such link */
	struct link_window window;
	ha_time arrived; /* the newest beat by this link */
	struct rtt rtt;
	struct hb_link_stats stats;
	/* The kernel path: stamps of the newest probe sent, and of the newest one answered. */
	ha_time probed, answered;
	struct probe_answer answer; /* newest; to be handed out if `answers` of the peer says so */
};

struct lan_peer {
	/* Moved by vectors that echo our incarnation only. */
	struct sending newest;
	ha_time newest_stamp; /* on the peer's clock */
	struct blob_window blobs;

	struct lan_queue fresh; /* parts of the newest vector, to be handed out */
	struct lan_slot *last;	/* the newest datagram that was fresh; NULL: none yet */
	uint8_t repeated;	/* links that delivered nothing newer: hand out `last` */
	uint8_t answers;	/* links with an answer of its kernel to be handed out */

	/* The newest vector that does not echo our incarnation, and when one may be handed out. */
	struct lan_slot *unverified;
	struct datagram_id unverified_id;
	ha_time unverified_arrived, unverified_from;

	bool knows_newest_key; /* it accepts our first key */
	ha_time key_told;      /* when it last told; zero: never */

	struct lan_path path[LINKS_MAX];
};

struct lan_link {
	union lan_address address;
	socklen_t address_bytes; /* 0: we have no such link */
	int fd;
	int error;	 /* why it is closed */
	ha_time emptied; /* when nothing waited in it: what came since waited no longer */
};

struct hb_lan {
	struct hb_limits limits;
	uint8_t self;
	uint8_t n_links;
	uint64_t timeout_us, late_us;
	struct hb_keys keys;
	struct hb_probe_keys probe_keys; /* of `keys` */
	int epoll_fd;
	uint64_t refused[HB_REFUSAL_COUNT_];
	struct lan_link link[LINKS_MAX];

	/* sending */
	uint64_t incarnation; /* of the newest vector that was sent; 0: none */
	uint64_t blob_sequence;
	struct hb_cursor cursor;
	uint8_t out[HB_DATAGRAM_MAX];

	/* receiving */
	bool handing_out;
	uint8_t first_link;	 /* where the next drain starts */
	struct lan_slot *free;	 /* slots in no queue */
	struct lan_slot *handed; /* the one that the caller is looking at */
	struct lan_queue blobs;
	struct vector_rows rows;
	struct hb_decoded decoded;
	uint8_t in[BATCH][HB_DATAGRAM_MAX];
	struct lan_slot *slots; /* the memory of all of them */

	struct lan_peer peer[]; /* limits.n_nodes; our own one stays empty */
};

/* ---- hb/lan_probe.c ---- */

/* When and by which link a datagram came. */
struct lan_arrival {
	const uint8_t *data;
	size_t n;
	uint8_t link;
	ha_time at;  /* when the kernel took it in */
	ha_time now; /* when we look at it */
};

/* From the address of `node` on that link. */
enum hb_refusal lan_take_answer(struct hb_lan *lan, uint8_t node, const struct lan_arrival *a);
/* The next answer that waits: true and *ret. */
bool lan_next_answer(struct hb_lan *lan, struct hb_lan_message *ret);

/* ---- hb/lan.c ---- */

/* Chooses the key that `lan` signs with. */
void lan_choose_key(struct hb_lan *lan, ha_time now);

/* ---- hb/lan_address.c ---- */

/* With the port; returns the length, 0 for AF_UNSPEC and unknown families. */
socklen_t lan_address_set(union lan_address *a, const struct sockaddr_storage *from, uint16_t port);
/* Ports are not compared; a scope only if both have one. */
bool lan_address_equal(const union lan_address *a, const union lan_address *b);
/* Refuses what would make a socket hear or speak to others than the configured nodes. */
_must_check_ int lan_check_config(const struct hb_lan_config *config, char error[HB_ERROR_SIZE]);
/* -errno with a sentence if the caller must give up; else 0, and link->fd or link->error is set. */
_must_check_ int lan_link_open(struct hb_lan *lan, uint8_t link, char error[HB_ERROR_SIZE]);

#endif
