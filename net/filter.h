/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_NET_FILTER_H
#define HF_NET_FILTER_H

/*
 * Socket filters (classic BPF) that let through only messages which claim or probe one of our
 * addresses, so that the ordinary ARP and ND traffic of a large network, and that of clients who
 * look for our addresses, does not wake the agent.
 * They compare the last 32 bits of an address; the reader compares all of it. Pure.
 */

#include "include/net.h"

#include <linux/filter.h>
#include <stddef.h>

/* One comparison per address, and two instructions per block and around them. */
#define FILTER_SIZE (NET_FIPS_MAX + 2 * (NET_FIPS_MAX / 200 + 1) + 32)

struct filter {
	struct sock_filter code[FILTER_SIZE];
	unsigned short n;
};

/* `family` AF_INET: ARP; AF_INET6: neighbour solicitations and advertisements. `tails` are the
 * last 32 bits (net_ip_tail) of at most NET_FIPS_MAX addresses; none: nothing gets through. */
void filter_build(struct filter *ret, int family, const uint32_t *tails, size_t n);

#endif
