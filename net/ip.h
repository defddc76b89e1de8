/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_NET_IP_H
#define HF_NET_IP_H

/* One IP address of either family, in network byte order. Pure. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Eight groups of four digits: INET6_ADDRSTRLEN has room for a form that nobody writes. */
#define NET_IP_STRLEN  40
#define NET_MAC_SIZE   6
#define NET_MAC_STRLEN 18

struct net_ip {
	uint8_t family; /* AF_INET: the first 4 bytes count; AF_INET6: all; 0: none */
	uint8_t bytes[16];
};

static inline size_t net_ip_size(int family)
{
	return family == AF_INET ? 4 : 16;
}

static inline uint8_t net_ip_bits(int family)
{
	return family == AF_INET ? 32 : 128;
}

static inline struct net_ip net_ip_from(int family, const void *bytes)
{
	struct net_ip ip = {.family = (uint8_t)family};

	memcpy(ip.bytes, bytes, net_ip_size(family));
	return ip;
}

static inline bool net_ip_equal(const struct net_ip *a, const struct net_ip *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, net_ip_size(a->family));
}

/* The last 32 bits as a number: what the socket filter tells addresses apart by. */
uint32_t net_ip_tail(const struct net_ip *ip);
/* The first `prefix` bits of both are the same. */
bool net_ip_same_subnet(const struct net_ip *a, const struct net_ip *b, uint8_t prefix);
bool net_ip_is_link_local(const struct net_ip *ip);
/* Loopback, multicast, broadcast and "any" cannot be a floating IP. */
bool net_ip_is_host(const struct net_ip *ip);
/* Both return `buf`. */
char *net_ip_format(char buf[NET_IP_STRLEN], const struct net_ip *ip);
char *net_mac_format(char buf[NET_MAC_STRLEN], const uint8_t mac[NET_MAC_SIZE]);

#endif
