/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Neighbour discovery messages: as they come, and with the checksum put right. */
#include "net/packet.h"

#include <assert.h>

#define MESSAGE_MAX 1500
#define HEADER_SIZE 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const uint8_t *data, size_t size)
{
	struct packet_claim claim;

	if (packet_parse_nd(data, size, &claim) < 0)
		return;
	assert(size >= PACKET_ND_SIZE - 8);
	assert(claim.ip.family == AF_INET6 && claim.ip.bytes[0] != 0xff);
	assert(!claim.has_mac || !(claim.mac[0] & 1));
	assert(!claim.probe || !claim.has_mac);
}

/* The parser would turn away nearly every input of the fuzzer for its checksum alone. */
static void fix_checksum(uint8_t *packet, size_t size)
{
	size_t length = (size_t)packet[4] << 8 | packet[5];
	uint32_t sum = (uint32_t)length + 58;

	if (HEADER_SIZE + length > size || length < 4)
		return;
	packet[HEADER_SIZE + 2] = packet[HEADER_SIZE + 3] = 0;
	for (size_t i = 8; i < HEADER_SIZE + length; i++)
		sum += i % 2 ? packet[i] : (uint32_t)packet[i] << 8;
	while (sum > 0xffff)
		sum = (sum >> 16) + (sum & 0xffff);
	packet[HEADER_SIZE + 2] = (uint8_t)(~sum >> 8);
	packet[HEADER_SIZE + 3] = (uint8_t)~sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *packet;

	parse(data, size);
	if (size < HEADER_SIZE || size > MESSAGE_MAX)
		return 0;
	packet = malloc(size); /* exactly as large, so that a sanitizer sees one byte too many */
	assert(packet);
	memcpy(packet, data, size);
	fix_checksum(packet, size);
	parse(packet, size);
	free(packet);
	return 0;
}
