/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_STORE_PARENT_H
#define HF_AGENT_STORE_PARENT_H

/* What store.c (start-up) and store_parent.c (writing through the child) share. */

#include "agent/store_internal.h"

struct store {
	int directory_fd, lock_fd;
	struct store_io io;
	int epoll_fd;  /* stays the same; holds `report_fd`, and `socket` while there is a child */
	int report_fd; /* eventfd: there is something to tell without a child */
	int socket;    /* -1: no child */
	pid_t child;   /* 0: none */
	pid_t zombie;  /* a former child that was not reaped yet; 0: none */
	bool say_dead; /* store_dispatch() has to return -EPIPE */
	ha_time starts_since;
	unsigned int starts; /* of children since then */

	/* state */
	struct state_position position;
	struct state_target target; /* of the write on its way */
	uint64_t sent_generation;   /* on its way; 0: none */
	uint64_t newest_generation; /* ever handed out or read */
	bool lost_state;	    /* sent_generation will never be answered */

	/* events; indexes are those of `memory` */
	uint32_t ring_records;
	struct event_memory *memory;
	uint64_t next_number;
	uint64_t unconfirmed;	/* index of the oldest record that is not on disk */
	uint64_t next_sequence; /* of that record */
	uint32_t in_flight;	/* records on their way, from flight_first on */
	uint64_t flight_first;
	bool hold_events; /* until the first state is on disk */
	uint64_t lost;
};

_must_check_ int store_open_descriptors(struct store *store);
_must_check_ int store_start_child(struct store *store);
/* Hands waiting records to the child, if there are any and none are on their way. */
void store_send_events(struct store *store);

#endif
