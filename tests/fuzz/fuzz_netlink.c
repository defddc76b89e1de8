/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Route netlink messages. They come from the kernel, but cost little to doubt. */
#include "net/netlink.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net_address address;
	struct nlmsghdr *message;
	struct net_link link;
	bool router;
	int index;

	if (size < sizeof(*message) || size > 65536)
		return 0;
	message = malloc(size);
	assert(message);
	memcpy(message, data, size);
	message->nlmsg_len = (uint32_t)size; /* the reader has checked it against the datagram */
	if (netlink_parse_address(message, &address) >= 0)
		assert(address.link > 0 && address.prefix <= net_ip_bits(address.ip.family));
	if (netlink_parse_link(message, &link) >= 0)
		assert(link.index > 0 && link.name[0] && strlen(link.name) < TABLE_NAME_SIZE);
	if (netlink_parse_forwarding(message, &index, &router) >= 0)
		assert(index > 0);
	free(message);
	return 0;
}
