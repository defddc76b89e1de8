/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of one floating IP; the diagram is in net/internal.h. */
#include "net/internal.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <stdio.h>

static void enter(struct net *net, struct fip *f, enum fip_state state)
{
	f->state = state;
	f->probes_left = 0;
	f->announce_at = HA_TIME_NEVER;
	net->filters_stale = true;
}

static const char *reason(int error)
{
	return strerrordesc_np(-error);
}

static bool address_is_usable(const struct net_address *row)
{
	return !(row->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED));
}

/* It is on the link already: left by a crash or set up by hand. Makes it ours. */
static int adopt(struct net *net, const struct fip *f)
{
	const struct net_address *row;
	int r;

	row = table_address(&net->table, f->address.link, &f->address.ip);
	if (f->address.ip.family == AF_INET || (row && address_is_usable(row)))
		return netlink_address_add(&net->netlink, &f->address, true);
	r = remove_address(net, f->address.link, &f->address.ip);
	return r < 0 ? r : netlink_address_add(&net->netlink, &f->address, false);
}

/* Known without waiting for the kernel's message, which only completes the flags. */
static void note_added(struct net *net, const struct fip *f)
{
	if (table_put_address(&net->table, &f->address) < 0)
		net->table_stale = true;
	net->addresses_changed = true;
}

/* Ends a start. */
static void fail(struct net *net, struct fip *f, int error, const char *text)
{
	enter(net, f, FIP_IDLE);
	f->address.link = 0; /* nothing is there, so that a stop has nothing to do */
	snprintf(net_push(net, f, NET_EVENT_FAILED, error), NET_TEXT_SIZE, "%s", text);
}

static void bring_up(struct net *net, struct fip *f, ha_time now)
{
	int r = netlink_address_add(&net->netlink, &f->address, false), link = f->address.link;
	char ip[NET_IP_STRLEN], text[NET_TEXT_SIZE];

	if (r == -EEXIST)
		r = adopt(net, f);
	net_ip_format(ip, &f->address.ip);
	if (r < 0) {
		snprintf(text, sizeof(text), "%s: adding to %s: %s", ip, f->name, reason(r));
		fail(net, f, r, text);
		/* After a time-out it may be there all the same. */
		if (remove_address(net, link, &f->address.ip) < 0)
			f->address.link = link;
		return;
	}
	note_added(net, f);
	f->confirmed = now;
	enter(net, f, FIP_HELD);
	snprintf(net_push(net, f, NET_EVENT_STARTED, 0), NET_TEXT_SIZE, "%s/%u added to %s", ip,
		 f->address.prefix, f->name);
	announce_restart(f, now);
	announce_step(net, f, now);
	probe_restart(f, now); /* a watch, for whoever shows up late */
}

/* The same address on another link of this node. */
static int clear_elsewhere(struct net *net, const struct fip *f, char ret_text[NET_TEXT_SIZE])
{
	const struct net_address *row;
	const struct net_link *link;
	char ip[NET_IP_STRLEN];
	int r = 0;

	if (net_ip_is_link_local(&f->address.ip) && f->address.ip.family == AF_INET6)
		return 0; /* one of each link */
	while (r >= 0 &&
	       (row = table_address_elsewhere(&net->table, f->address.link, &f->address.ip))) {
		struct net_address copy = *row;

		link = table_link(&net->table, copy.link);
		net_ip_format(ip, &copy.ip);
		if (copy.proto != NET_ADDRESS_PROTO) {
			snprintf(ret_text, NET_TEXT_SIZE, "%s is already on %s of this node", ip,
				 link ? link->name : "another interface");
			return -EADDRINUSE;
		}
		r = remove_address(net, copy.link, &copy.ip);
		snprintf(ret_text, NET_TEXT_SIZE, "%s cannot be removed from %s", ip,
			 link ? link->name : "another interface");
	}
	return r;
}

void fip_begin(struct net *net, struct fip *f, bool proven, ha_time now)
{
	char text[NET_TEXT_SIZE] = "";
	const struct net_link *link;
	int r;

	(void)monitor_drain(net);
	r = choose_link(net, f, text);
	if (r >= 0)
		r = clear_elsewhere(net, f, text);
	if (r < 0) {
		fail(net, f, r, text);
		return;
	}
	link = table_link(&net->table, f->address.link);
	if (proven || !f->config.check_ms || !f->running || !net_link_has_neighbours(link)) {
		bring_up(net, f, now);
		return;
	}
	enter(net, f, FIP_CHECKING);
	r = monitor_filters(net); /* before the answers come */
	if (r < 0) {
		snprintf(text, sizeof(text), "listening on %s: %s", f->name, reason(r));
		fail(net, f, r, text);
		return;
	}
	f->check_end = ha_time_add(now, f->config.check_ms * USEC_PER_MSEC);
	probe_restart(f, now);
	probe_step(net, f, now);
}

static void lose(struct net *net, struct fip *f, int error, const char *why)
{
	char ip[NET_IP_STRLEN], text[NET_TEXT_SIZE];

	snprintf(text, sizeof(text), "%s on %s: %s", net_ip_format(ip, &f->address.ip), f->name,
		 why);
	if (f->state == FIP_CHECKING) {
		fail(net, f, error, text);
		return;
	}
	enter(net, f, FIP_LOST);
	snprintf(net_push(net, f, NET_EVENT_LOST, error), NET_TEXT_SIZE, "%s", text);
}

/* The oldest of the last REPAIRS_MAX repairs is recent. */
static bool repaired_too_often(const struct fip *f, ha_time now)
{
	ha_time oldest = f->repaired_at[f->repairs % REPAIRS_MAX];

	return f->repairs >= REPAIRS_MAX && ha_time_since(now, oldest) < REPAIR_WINDOW_US;
}

/* The address is not there. Puts it back unless its link is down or gone. */
static void repair(struct net *net, struct fip *f, ha_time now)
{
	struct net_link link;
	char ip[NET_IP_STRLEN];
	int r;

	/* The kernel tells about lost IPv6 addresses before it tells that the link went down. */
	r = netlink_link_get(&net->netlink, f->address.link, &link);
	if (r == -ENODEV) {
		lose(net, f, r, "the interface was removed");
		return;
	}
	if (r >= 0 && !(link.flags & IFF_UP)) {
		f->gone_with_link = true;
		return;
	}
	if (!f->gone_with_link && repaired_too_often(f, now)) {
		lose(net, f, -EADDRNOTAVAIL, "removed again and again by others");
		return;
	}
	r = netlink_address_add(&net->netlink, &f->address, false);
	if (r == -EEXIST) {
		net->table_stale = true; /* the table was wrong, nobody removed it */
		return;
	}
	if (r < 0) {
		lose(net, f, r, reason(r));
		return;
	}
	note_added(net, f);
	f->confirmed = now;
	if (!f->gone_with_link)
		f->repaired_at[f->repairs++ % REPAIRS_MAX] = now;
	snprintf(net_push(net, f, NET_EVENT_REPAIRED, 0), NET_TEXT_SIZE,
		 f->gone_with_link ? "%s went with the link of %s, put back"
				   : "%s was removed from %s, put back",
		 net_ip_format(ip, &f->address.ip), f->name);
	f->gone_with_link = false;
	announce_restart(f, now);
}

/* Checks the link of a floating IP that is checked or held. NULL: it was given up. */
static const struct net_link *check_link(struct net *net, struct fip *f)
{
	const struct net_link *link = table_link(&net->table, f->address.link);

	if (!link)
		lose(net, f, -ENODEV, "the interface was removed");
	else if (f->config.fail_on_link_down && !net_link_is_running(link))
		lose(net, f, -ENETDOWN, "its link went down");
	else
		return link;
	return NULL;
}

static void step_held(struct net *net, struct fip *f, ha_time now)
{
	const struct net_link *link = check_link(net, f);
	bool running;

	if (!link)
		return;
	running = net_link_is_running(link);
	if (running && (!f->running || memcmp(f->mac, link->mac, sizeof(f->mac)) != 0)) {
		/* Behind a link that was away, anything may have happened. */
		memcpy(f->mac, link->mac, sizeof(f->mac));
		announce_restart(f, now);
		probe_restart(f, now);
	}
	f->running = running;
	if (table_address(&net->table, f->address.link, &f->address.ip))
		f->gone_with_link = false;
	else
		repair(net, f, now);
	if (f->state != FIP_HELD || f->gone_with_link)
		return;
	announce_step(net, f, now);
	probe_step(net, f, now);
}

void fip_step(struct net *net, struct fip *f, ha_time now)
{
	f->dirty = false;
	switch (f->state) {
	case FIP_CHECKING:
		if (!check_link(net, f))
			return;
		if (ha_time_reached(f->check_end, now))
			bring_up(net, f, now);
		else
			probe_step(net, f, now);
		return;
	case FIP_HELD:
		step_held(net, f, now);
		return;
	case FIP_IDLE:
	case FIP_LOST:
		return;
	}
}

void fip_claimed(struct net *net, struct fip *f, const struct packet_claim *claim, ha_time now)
{
	const struct net_link *link = table_link(&net->table, f->address.link);
	char ip[NET_IP_STRLEN], mac[NET_MAC_STRLEN], text[NET_TEXT_SIZE];

	net_ip_format(ip, &f->address.ip);
	net_mac_format(mac, claim->mac);
	if (f->state == FIP_CHECKING) {
		snprintf(text, sizeof(text),
			 claim->probe ? "%s is also probed on %s by %s"
				      : "%s is in use on %s by %s",
			 ip, f->name, mac);
		fail(net, f, -EADDRINUSE, text);
		return;
	}
	if (f->state != FIP_HELD || claim->probe || !ha_time_reached(f->quiet_until, now))
		return;
	f->quiet_until = ha_time_add(now, DEFEND_INTERVAL_US);
	if (link && announce_send(net, f, link) < 0)
		announce_restart(f, now); /* the defence counts: again, as soon as it can */
	snprintf(net_push(net, f, NET_EVENT_CONFLICT, -EADDRINUSE), NET_TEXT_SIZE,
		 "%s is also claimed on %s by %s", ip, f->name, mac);
}

/* A failure is seen as the loss of the address, when its time is over. */
void fip_confirm(struct net *net, struct fip *f, ha_time now)
{
	uint64_t third_us = f->address.lifetime_s * USEC_PER_SEC / 3;

	if (f->state != FIP_HELD || !f->address.lifetime_s ||
	    ha_time_since(now, f->confirmed) < third_us ||
	    !table_address(&net->table, f->address.link, &f->address.ip))
		return; /* one that is not there is repaired, and told */
	if (netlink_address_add(&net->netlink, &f->address, true) >= 0)
		f->confirmed = now;
}

ha_time fip_deadline(const struct fip *f)
{
	ha_time at = HA_TIME_NEVER;

	if (f->state != FIP_CHECKING && f->state != FIP_HELD)
		return HA_TIME_NEVER;
	if (f->dirty)
		return HA_TIME_ZERO;
	if (f->probes_left > 0)
		at = f->probe_at;
	if (f->state == FIP_CHECKING)
		return ha_time_min(at, f->check_end);
	/* Not while the link is away: its return makes it dirty. */
	return f->gone_with_link ? HA_TIME_NEVER : ha_time_min(at, f->announce_at);
}
