/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ARP messages from the network: no crash, and what is taken is plausible. */
#include "net/packet.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet_claim claim;

	if (packet_parse_arp(data, size, &claim) < 0)
		return 0;
	assert(size >= PACKET_ARP_SIZE);
	assert(claim.ip.family == AF_INET && claim.has_mac && !(claim.mac[0] & 1));
	assert(net_ip_tail(&claim.ip) != 0);
	return 0;
}
