/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_NET_INTERNAL_H
#define HF_NET_INTERNAL_H

#include "include/net.h"
#include "net/netlink.h"
#include "net/sock.h"

/* Somebody removed an address more often than REPAIRS_MAX times in REPAIR_WINDOW: give it up. */
#define REPAIRS_MAX	 5
#define REPAIR_WINDOW_US (10 * USEC_PER_SEC)
/* DEFEND_INTERVAL of RFC 5227: at most one conflict event and one defence in this time. */
#define DEFEND_INTERVAL_US (10 * USEC_PER_SEC)
#define PROBES		   3

/*
 *               add fails                  removed too often, link gone or down
 *        +-------------------+        +------------------------------------+
 *        v                   |        |                                    v
 *      IDLE --start--> CHECKING --> HELD                                 LOST
 *        |                            ^                                    |
 *        +---start, proven------------+     any of them --stop--> IDLE <---+
 */
enum fip_state {
	FIP_IDLE,
	FIP_CHECKING, /* probes are out, the address is not there yet */
	FIP_HELD,
	FIP_LOST, /* told so; what is left of it goes with net_fip_stop() */
};

struct fip {
	enum fip_state state;
	bool dirty; /* the table changed: look at it whatever the time */
	struct net_fip_config config;
	struct net_address address; /* .link is 0 while none was chosen */
	char name[TABLE_NAME_SIZE]; /* of the link, for texts after its end */
	uint8_t mac[NET_MAC_SIZE];  /* as announced */

	bool running;	/* the link, when last looked */
	bool announced; /* at least once since the last doubt */
	bool gone_with_link;
	unsigned int announce_step;
	unsigned int probes_left;
	ha_time announce_at;
	ha_time probe_at;
	ha_time check_end;
	ha_time confirmed;		  /* its lifetime began then */
	ha_time quiet_until;		  /* no conflict event before */
	ha_time repaired_at[REPAIRS_MAX]; /* a ring; `repairs` counts all of them */
	unsigned int repairs;
};

/* A fip_step() or a claim gives at most this many events. */
#define FIP_EVENTS_MAX 4
#define EVENTS_SIZE    ((size_t)FIP_EVENTS_MAX * NET_FIPS_MAX)

struct net {
	struct netlink netlink;
	struct sock arp;
	struct sock nd;
	int epoll;
	struct net_table table;
	bool table_stale;   /* events were lost: take a dump */
	bool filters_stale; /* the set of addresses changed */
	ha_time retry_at;   /* when to try again what failed for one of the two */
	bool unfinished;    /* the last dispatch left work */
	bool addresses_changed, links_changed; /* events to be given */

	struct fip fips[NET_FIPS_MAX];
	size_t fips_used; /* all beyond are idle */
	struct net_event events[EVENTS_SIZE];
	bool dropped[EVENTS_SIZE]; /* taken back by a stop */
	size_t events_at, events_n;
};

/* net.c */
bool net_has_room(const struct net *net);
/* Queues an event and returns where its text goes, NET_TEXT_SIZE bytes. */
char *net_push(struct net *net, const struct fip *f, enum net_event_type type, int error);

/* monitor.c: keeps the table. Returns false if more is waiting. */
bool monitor_drain(struct net *net);
_must_check_ int monitor_resync(struct net *net);
/* Adds all addresses that there are to an empty table. */
_must_check_ int monitor_addresses(struct net *net, struct net_table *table);
/* Reads claims of other hosts. Returns false if more is waiting. */
bool monitor_claims(struct net *net, struct sock *s, ha_time now);
_must_check_ int monitor_filters(struct net *net);

/* choose.c: fills address.link, address.prefix, name and mac. On failure -errno and *ret_text. */
_must_check_ int choose_link(const struct net *net, struct fip *f, char ret_text[NET_TEXT_SIZE]);

/* announce.c */
void announce_restart(struct fip *f, ha_time now);
/* Sends one announcement now. */
_must_check_ int announce_send(struct net *net, const struct fip *f, const struct net_link *link);
void announce_step(struct net *net, struct fip *f, ha_time now);
void probe_restart(struct fip *f, ha_time now);
void probe_step(struct net *net, struct fip *f, ha_time now);

/* remove.c: takes one address off one link, whatever its prefix, and verifies it. 0, -errno. */
_must_check_ int remove_address(struct net *net, int link, const struct net_ip *ip);

/* fip.c */
void fip_begin(struct net *net, struct fip *f, bool proven, ha_time now);
void fip_step(struct net *net, struct fip *f, ha_time now);
void fip_claimed(struct net *net, struct fip *f, const struct packet_claim *claim, ha_time now);
ha_time fip_deadline(const struct fip *f);
void fip_confirm(struct net *net, struct fip *f, ha_time now);

#endif
