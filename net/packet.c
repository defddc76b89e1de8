/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/packet.h"
#include "util/buf.h"

#include <errno.h>

#define ARP_HARDWARE_ETHERNET 1
#define ARP_PROTOCOL_IPV4     0x0800
#define ARP_REQUEST	      1
#define ARP_REPLY	      2

#define IPV6_HEADER_SIZE 40
#define IPV6_NEXT_ICMP	 58
#define ND_HOP_LIMIT	 255 /* a router cannot have forwarded it (RFC 4861 section 7.1) */
#define ND_SOLICITATION	 135
#define ND_ADVERTISEMENT 136
#define ND_BODY_SIZE	 24 /* ICMPv6 header, flags, target */
#define ND_OPTION_UNIT	 8
#define ND_OPTION_SOURCE 1
#define ND_OPTION_TARGET 2
#define ND_FLAG_ROUTER	 0x80000000U
#define ND_FLAG_SOLICIT	 0x40000000U
#define ND_FLAG_OVERRIDE 0x20000000U
#define ND_CHECKSUM_AT	 (IPV6_HEADER_SIZE + 2)

static const uint8_t mac_zero[NET_MAC_SIZE];
static const uint8_t mac_broadcast[NET_MAC_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t ip6_any[16];
static const uint8_t ip6_all_nodes[16] = {0xff, 0x02, [15] = 1};
static const uint8_t ip6_solicited[13] = {0xff, 0x02, [11] = 1, 0xff};

void packet_build_arp(uint8_t ret[PACKET_ARP_SIZE], enum packet_arp_form form,
		      const struct net_ip *ip, const uint8_t mac[NET_MAC_SIZE])
{
	struct buf_writer w = {.data = ret, .size = PACKET_ARP_SIZE};
	bool reply = form == PACKET_ARP_ANNOUNCE_REPLY;

	buf_put_u16(&w, ARP_HARDWARE_ETHERNET);
	buf_put_u16(&w, ARP_PROTOCOL_IPV4);
	buf_put_u8(&w, NET_MAC_SIZE);
	buf_put_u8(&w, 4);
	buf_put_u16(&w, reply ? ARP_REPLY : ARP_REQUEST);
	buf_put_bytes(&w, mac, NET_MAC_SIZE);
	buf_put_bytes(&w, form == PACKET_ARP_PROBE ? ip6_any : ip->bytes, 4);
	buf_put_bytes(&w, reply ? mac_broadcast : mac_zero, NET_MAC_SIZE);
	buf_put_bytes(&w, ip->bytes, 4);
}

/* Ones' complement sum of the ICMPv6 message and its pseudo header: 0 if the checksum in it is
 * right; with a zero in its place, the checksum. */
static uint16_t nd_checksum(const uint8_t *packet, size_t size)
{
	uint32_t sum = (uint32_t)(size - IPV6_HEADER_SIZE) + IPV6_NEXT_ICMP;

	for (size_t i = 8; i < size; i++) /* the two addresses, then the message */
		sum += i & 1 ? packet[i] : (uint32_t)packet[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put_ipv6_header(struct buf_writer *w, const uint8_t source[16], const uint8_t dest[16])
{
	buf_put_u32(w, 6U << 28);
	buf_put_u16(w, (uint16_t)(w->size - IPV6_HEADER_SIZE));
	buf_put_u8(w, IPV6_NEXT_ICMP);
	buf_put_u8(w, ND_HOP_LIMIT);
	buf_put_bytes(w, source, 16);
	buf_put_bytes(w, dest, 16);
}

static void put_checksum(struct buf_writer *w)
{
	uint16_t sum = nd_checksum(w->data, w->size);

	w->data[ND_CHECKSUM_AT] = (uint8_t)(sum >> 8);
	w->data[ND_CHECKSUM_AT + 1] = (uint8_t)sum;
}

static void put_nd(struct buf_writer *w, uint8_t type, uint32_t flags, const struct net_ip *target)
{
	buf_put_u8(w, type);
	buf_put_u8(w, 0);
	buf_put_u16(w, 0); /* checksum, filled in last */
	buf_put_u32(w, flags);
	buf_put_bytes(w, target->bytes, 16);
}

static void put_option(struct buf_writer *w, uint8_t type, const uint8_t mac[NET_MAC_SIZE])
{
	buf_put_u8(w, type);
	buf_put_u8(w, 1);
	buf_put_bytes(w, mac, NET_MAC_SIZE);
}

size_t packet_build_solicitation(uint8_t ret[PACKET_ND_SIZE], const struct net_ip *target,
				 const struct net_ip *source, const uint8_t mac[NET_MAC_SIZE])
{
	size_t size = source ? PACKET_ND_SIZE : IPV6_HEADER_SIZE + ND_BODY_SIZE;
	struct buf_writer w = {.data = ret, .size = size};
	uint8_t group[16];

	memcpy(group, ip6_solicited, sizeof(ip6_solicited));
	memcpy(group + 13, target->bytes + 13, 3);
	put_ipv6_header(&w, source ? source->bytes : ip6_any, group);
	put_nd(&w, ND_SOLICITATION, 0, target);
	if (source) /* must not be there when the source is :: (RFC 4861 section 4.3) */
		put_option(&w, ND_OPTION_SOURCE, mac);
	put_checksum(&w);
	return size;
}

void packet_build_advertisement(uint8_t ret[PACKET_ND_SIZE], const struct net_ip *target,
				const uint8_t mac[NET_MAC_SIZE], bool router)
{
	struct buf_writer w = {.data = ret, .size = PACKET_ND_SIZE};

	put_ipv6_header(&w, target->bytes, ip6_all_nodes);
	put_nd(&w, ND_ADVERTISEMENT, ND_FLAG_OVERRIDE | (router ? ND_FLAG_ROUTER : 0), target);
	put_option(&w, ND_OPTION_TARGET, mac);
	put_checksum(&w);
}

void packet_solicited_mac(uint8_t ret[NET_MAC_SIZE], const struct net_ip *target)
{
	static const uint8_t head[3] = {0x33, 0x33, 0xff};

	memcpy(ret, head, sizeof(head));
	memcpy(ret + sizeof(head), target->bytes + 13, 3);
}

static bool mac_is_host(const uint8_t mac[NET_MAC_SIZE])
{
	return !(mac[0] & 1) && memcmp(mac, mac_zero, NET_MAC_SIZE) != 0;
}

int packet_parse_arp(const uint8_t *data, size_t size, struct packet_claim *ret)
{
	struct buf_reader r = {.data = data, .size = size};
	struct packet_claim claim = {.has_mac = true};
	uint8_t sender[4], target[4], unused[NET_MAC_SIZE];
	uint16_t op;

	if (buf_get_u16(&r) != ARP_HARDWARE_ETHERNET || buf_get_u16(&r) != ARP_PROTOCOL_IPV4 ||
	    buf_get_u8(&r) != NET_MAC_SIZE || buf_get_u8(&r) != 4)
		return -EBADMSG;
	op = buf_get_u16(&r);
	buf_get_bytes(&r, claim.mac, NET_MAC_SIZE);
	buf_get_bytes(&r, sender, 4);
	buf_get_bytes(&r, unused, NET_MAC_SIZE);
	buf_get_bytes(&r, target, 4);
	if (r.bad || (op != ARP_REQUEST && op != ARP_REPLY) || !mac_is_host(claim.mac))
		return -EBADMSG;

	claim.probe = !memcmp(sender, ip6_any, 4);
	if (claim.probe && (op != ARP_REQUEST || !memcmp(target, ip6_any, 4)))
		return -ENOMSG;
	claim.ip = net_ip_from(AF_INET, claim.probe ? target : sender);
	*ret = claim;
	return 0;
}

/* Looks for a link address option of `type`. -EBADMSG if the options do not add up. */
static int parse_options(struct buf_reader *r, uint8_t type, struct packet_claim *claim)
{
	while (buf_left(r) > 0) {
		uint8_t option = buf_get_u8(r);
		size_t length = (size_t)buf_get_u8(r) * ND_OPTION_UNIT;
		struct buf_reader body;

		if (length == 0)
			return -EBADMSG;
		body = buf_get_part(r, length - 2);
		if (r->bad)
			return -EBADMSG;
		if (option != type || claim->has_mac || length != ND_OPTION_UNIT)
			continue;
		buf_get_bytes(&body, claim->mac, NET_MAC_SIZE);
		claim->has_mac = mac_is_host(claim->mac);
	}
	return r->bad ? -EBADMSG : 0;
}

static int parse_nd_body(struct buf_reader *r, const uint8_t source[16], const uint8_t dest[16],
			 struct packet_claim *claim)
{
	uint8_t type = buf_get_u8(r), code = buf_get_u8(r), target[16];
	uint32_t flags;
	int result;

	(void)buf_get_u16(r); /* checksum: verified over the whole */
	flags = buf_get_u32(r);
	buf_get_bytes(r, target, 16);
	if (r->bad || code != 0 || target[0] == 0xff)
		return -EBADMSG;
	claim->ip = net_ip_from(AF_INET6, target);

	if (type == ND_ADVERTISEMENT) {
		if (dest[0] == 0xff && flags & ND_FLAG_SOLICIT)
			return -EBADMSG;
		return parse_options(r, ND_OPTION_TARGET, claim);
	}
	if (type != ND_SOLICITATION)
		return -ENOMSG;
	result = parse_options(r, ND_OPTION_SOURCE, claim);
	if (result < 0)
		return result;
	if (memcmp(source, ip6_any, 16) != 0)
		return -ENOMSG; /* somebody resolves the address: the usual case */
	if (claim->has_mac || memcmp(dest, ip6_solicited, sizeof(ip6_solicited)) != 0)
		return -EBADMSG;
	claim->probe = true;
	return 0;
}

int packet_parse_nd(const uint8_t *data, size_t size, struct packet_claim *ret)
{
	struct buf_reader r = {.data = data, .size = size}, body;
	struct packet_claim claim = {.has_mac = false};
	uint8_t source[16], dest[16], next, hops;
	uint32_t version = buf_get_u32(&r) >> 28;
	size_t length = buf_get_u16(&r);
	int result;

	next = buf_get_u8(&r);
	hops = buf_get_u8(&r);
	buf_get_bytes(&r, source, 16);
	buf_get_bytes(&r, dest, 16);
	body = buf_get_part(&r, length); /* what follows is padding of the link */
	if (r.bad || version != 6)
		return -EBADMSG;
	if (next != IPV6_NEXT_ICMP) /* extension headers have no place in these messages */
		return -ENOMSG;
	if (hops != ND_HOP_LIMIT || nd_checksum(data, IPV6_HEADER_SIZE + length) != 0)
		return -EBADMSG;

	result = parse_nd_body(&body, source, dest, &claim);
	if (result < 0)
		return result;
	*ret = claim;
	return 0;
}
