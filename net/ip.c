/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/ip.h"

#include <arpa/inet.h>
#include <stdio.h>

uint32_t net_ip_tail(const struct net_ip *ip)
{
	uint32_t tail;

	memcpy(&tail, ip->bytes + net_ip_size(ip->family) - sizeof(tail), sizeof(tail));
	return ntohl(tail);
}

bool net_ip_same_subnet(const struct net_ip *a, const struct net_ip *b, uint8_t prefix)
{
	size_t whole = prefix / 8;
	unsigned int rest = prefix % 8;

	if (a->family != b->family || prefix > net_ip_bits(a->family))
		return false;
	if (memcmp(a->bytes, b->bytes, whole) != 0)
		return false;
	return rest == 0 || (a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest) == 0;
}

bool net_ip_is_link_local(const struct net_ip *ip)
{
	if (ip->family == AF_INET)
		return ip->bytes[0] == 169 && ip->bytes[1] == 254;
	return ip->bytes[0] == 0xfe && (ip->bytes[1] & 0xc0) == 0x80;
}

bool net_ip_is_host(const struct net_ip *ip)
{
	static const uint8_t zero[15];

	if (ip->family == AF_INET) /* 0/8, 127/8, and 224/3 with the broadcast address */
		return ip->bytes[0] != 0 && ip->bytes[0] != 127 && ip->bytes[0] < 224;
	if (ip->bytes[0] == 0xff)
		return false;
	return memcmp(ip->bytes, zero, sizeof(zero)) != 0 || ip->bytes[15] > 1;
}

char *net_ip_format(char buf[NET_IP_STRLEN], const struct net_ip *ip)
{
	if (!inet_ntop(ip->family, ip->bytes, buf, NET_IP_STRLEN))
		snprintf(buf, NET_IP_STRLEN, "?");
	return buf;
}

char *net_mac_format(char buf[NET_MAC_STRLEN], const uint8_t mac[NET_MAC_SIZE])
{
	snprintf(buf, NET_MAC_STRLEN, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	return buf;
}
