/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Announcements and probes of one floating IP: what is due is sent. */
#include "net/internal.h"

#include <stdio.h>

/* Waits after the first, second, ... announcement; then config.refresh_s. A lost or throttled
 * first one is the usual reason why clients keep talking to the old node. */
static const uint64_t announce_gap_us[] = {
	50 * USEC_PER_MSEC,
	150 * USEC_PER_MSEC,
	800 * USEC_PER_MSEC,
	2000 * USEC_PER_MSEC,
};
#define ANNOUNCE_GAPS	  (sizeof(announce_gap_us) / sizeof(announce_gap_us[0]))
#define ANNOUNCE_RETRY_US USEC_PER_SEC /* after the last gap, while none could be sent */

static const uint8_t mac_broadcast[NET_MAC_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t mac_all_nodes[NET_MAC_SIZE] = {0x33, 0x33, 0x00, 0x00, 0x00, 0x01};

static int send_arp(struct net *net, const struct fip *f, const struct net_link *link,
		    enum packet_arp_form form)
{
	uint8_t packet[PACKET_ARP_SIZE];

	packet_build_arp(packet, form, &f->address.ip, link->mac);
	return sock_send(&net->arp, link->index, mac_broadcast, packet, sizeof(packet));
}

int announce_send(struct net *net, const struct fip *f, const struct net_link *link)
{
	uint8_t packet[PACKET_ND_SIZE];
	int r;

	if (f->address.ip.family == AF_INET6) {
		packet_build_advertisement(packet, &f->address.ip, link->mac, link->router);
		return sock_send(&net->nd, link->index, mac_all_nodes, packet, sizeof(packet));
	}
	r = send_arp(net, f, link, PACKET_ARP_ANNOUNCE_REQUEST);
	if (r < 0)
		return r;
	return send_arp(net, f, link, PACKET_ARP_ANNOUNCE_REPLY);
}

void announce_restart(struct fip *f, ha_time now)
{
	f->announced = false;
	f->announce_step = 0;
	f->announce_at = now;
}

void announce_step(struct net *net, struct fip *f, ha_time now)
{
	const struct net_link *link;
	char ip[NET_IP_STRLEN];

	if (!ha_time_reached(f->announce_at, now))
		return;
	link = table_link(&net->table, f->address.link);
	if (!link || !net_link_is_running(link) || !net_link_has_neighbours(link)) {
		f->announce_at = HA_TIME_NEVER; /* until the link comes back */
		return;
	}
	if (announce_send(net, f, link) >= 0 && !f->announced) {
		f->announced = true;
		snprintf(net_push(net, f, NET_EVENT_ANNOUNCED, 0), NET_TEXT_SIZE,
			 "%s announced on %s", net_ip_format(ip, &f->address.ip), f->name);
	}
	if (f->announce_step < ANNOUNCE_GAPS)
		f->announce_at = ha_time_add(now, announce_gap_us[f->announce_step++]);
	else if (!f->announced)
		f->announce_at = ha_time_add(now, ANNOUNCE_RETRY_US);
	else if (f->config.refresh_s)
		f->announce_at = ha_time_add(now, f->config.refresh_s * USEC_PER_SEC);
	else
		f->announce_at = HA_TIME_NEVER;
}

void probe_restart(struct fip *f, ha_time now)
{
	f->probes_left = f->config.check_ms ? PROBES : 0;
	f->probe_at = now;
}

static int send_probe(struct net *net, const struct fip *f, const struct net_link *link)
{
	const struct net_ip *target = &f->address.ip, *source = NULL;
	uint8_t packet[PACKET_ND_SIZE], group[NET_MAC_SIZE];
	const struct net_address *local;
	size_t size;

	if (target->family == AF_INET)
		return send_arp(net, f, link, PACKET_ARP_PROBE);
	if (f->state == FIP_HELD) {
		/* From :: a holder would answer to all nodes, and turn our clients to it. */
		local = table_link_local(&net->table, link->index);
		if (!local)
			return 0;
		source = &local->ip;
	}
	size = packet_build_solicitation(packet, target, source, link->mac);
	packet_solicited_mac(group, target);
	return sock_send(&net->nd, link->index, group, packet, size);
}

void probe_step(struct net *net, struct fip *f, ha_time now)
{
	const struct net_link *link;

	if (f->probes_left == 0 || !ha_time_reached(f->probe_at, now))
		return;
	link = table_link(&net->table, f->address.link);
	if (!link || !net_link_is_running(link) || !net_link_has_neighbours(link)) {
		f->probes_left = 0;
		return;
	}
	(void)send_probe(net, f, link); /* one of several */
	f->probes_left--;
	f->probe_at = ha_time_add(now, f->config.check_ms * USEC_PER_MSEC / PROBES);
}
