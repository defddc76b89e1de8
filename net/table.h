/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_NET_TABLE_H
#define HF_NET_TABLE_H

/*
 * What the kernel told about links and addresses of this network namespace. As large as the
 * kernel's own table, which only the administrator can fill. No I/O.
 */

#include "net/ip.h"
#include "util/cleanup.h"

#include <stddef.h>

#define TABLE_NAME_SIZE 16

struct net_link {
	int index;
	unsigned int flags; /* IFF_... */
	uint16_t type;	    /* ARPHRD_... */
	char name[TABLE_NAME_SIZE];
	uint8_t mac[NET_MAC_SIZE];
	bool has_mac;
	bool router;  /* forwards IPv6 */
	bool promote; /* promote_secondaries, as of when it was read: there are no events */
};

struct net_address {
	int link;
	struct net_ip ip;
	struct net_ip subnet; /* any address of the subnet; the peer of a point-to-point link */
	uint8_t prefix;
	uint8_t proto;	     /* IFA_PROTO; 0 where the kernel does not know it */
	uint32_t flags;	     /* IFA_F_... */
	uint32_t lifetime_s; /* of ours, when added; 0: for ever */
};

struct net_table {
	struct net_link *links;
	size_t n_links, links_size;
	struct net_address *addresses;
	size_t n_addresses, addresses_size;
};

void table_clear(struct net_table *t);
/* Frees what it holds; an all-zero table is an empty one. */
void table_done(struct net_table *t);

/* Add (result 1) or replace (0). -ENOMEM. */
_must_check_ int table_put_link(struct net_table *t, const struct net_link *link);
_must_check_ int table_put_address(struct net_table *t, const struct net_address *address);
/* Add what is known not to be there. 0 or -ENOMEM. */
_must_check_ int table_append_link(struct net_table *t, const struct net_link *link);
_must_check_ int table_append_address(struct net_table *t, const struct net_address *address);
/* A link takes its addresses with it. */
void table_drop_link(struct net_table *t, int index);
void table_drop_address(struct net_table *t, const struct net_address *address);

/* The results are valid until the table changes. */
struct net_link *table_link(const struct net_table *t, int index);
struct net_link *table_link_by_name(const struct net_table *t, const char *name);
const struct net_address *table_address(const struct net_table *t, int link,
					const struct net_ip *ip);
/* The same address on any link but `link`, or NULL. */
const struct net_address *table_address_elsewhere(const struct net_table *t, int link,
						  const struct net_ip *ip);
/* The address of somebody else (neither `ip` itself nor marked as ours) whose subnet contains
 * `ip`, on `link` (0: on any link that is up): longest prefix, then a running link, then the
 * lowest index. NULL if there is none. */
const struct net_address *table_subnet(const struct net_table *t, int link,
				       const struct net_ip *ip);
const struct net_address *table_link_local(const struct net_table *t, int link);
bool table_is_local_mac(const struct net_table *t, const uint8_t mac[NET_MAC_SIZE]);
/* Other IPv4 addresses hang on this one: without promotion the kernel removes them with it. */
bool table_has_dependents(const struct net_table *t, const struct net_address *address);

bool net_link_is_running(const struct net_link *link);
/* Has neighbours that ARP or ND can reach: Ethernet and what looks like it. */
bool net_link_has_neighbours(const struct net_link *link);

#endif
