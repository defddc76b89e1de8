/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The doors of include/net.h. */
#include "net/internal.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>

#define STEPS_MAX     64 /* floating IPs looked after in one dispatch */
#define RETRY_US      (100 * USEC_PER_MSEC)
#define REFRESH_MAX_S 86400
#define CHECK_MAX_MS  60000

static int watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_all(struct net *net)
{
	int r;

	r = netlink_open(&net->netlink);
	if (r < 0)
		return r;
	r = sock_open(&net->arp, AF_INET);
	if (r < 0)
		return r;
	r = sock_open(&net->nd, AF_INET6);
	if (r < 0)
		return r;
	net->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (net->epoll < 0)
		return -errno;
	r = watch(net->epoll, netlink_monitor_fd(&net->netlink));
	if (r >= 0)
		r = watch(net->epoll, net->arp.fd);
	if (r >= 0)
		r = watch(net->epoll, net->nd.fd);
	return r < 0 ? r : monitor_resync(net);
}

int net_new(struct net **ret)
{
	struct net *net = calloc(1, sizeof(*net));
	int r;

	if (!net)
		return -ENOMEM;
	net->epoll = net->arp.fd = net->nd.fd = -1;
	r = open_all(net);
	if (r < 0) {
		net_free(net);
		return r;
	}
	net->addresses_changed = net->links_changed = false;
	*ret = net;
	return 0;
}

struct net *net_free(struct net *net)
{
	if (!net)
		return NULL;
	if (net->epoll >= 0)
		(void)close(net->epoll);
	sock_close(&net->nd);
	sock_close(&net->arp);
	netlink_close(&net->netlink);
	table_done(&net->table);
	free(net);
	return NULL;
}

int net_fd(const struct net *net)
{
	return net->epoll;
}

ha_time net_deadline(const struct net *net)
{
	ha_time at = HA_TIME_NEVER;

	if (net->unfinished)
		return HA_TIME_ZERO;
	if (net->table_stale || net->filters_stale)
		at = net->retry_at;
	for (size_t i = 0; i < net->fips_used; i++)
		at = ha_time_min(at, fip_deadline(&net->fips[i]));
	return at;
}

static bool run_due(struct net *net, ha_time now)
{
	int steps = 0;

	for (size_t i = 0; i < net->fips_used; i++) {
		struct fip *f = &net->fips[i];

		if (!ha_time_reached(fip_deadline(f), now))
			continue;
		if (steps++ == STEPS_MAX || !net_has_room(net))
			return false;
		fip_step(net, f, now);
	}
	return true;
}

void net_dispatch(struct net *net, ha_time now)
{
	bool done = monitor_drain(net);

	if (ha_time_reached(net->retry_at, now)) {
		if (net->table_stale && monitor_resync(net) < 0)
			net->retry_at = ha_time_add(now, RETRY_US);
		if (net->filters_stale && monitor_filters(net) < 0)
			net->retry_at = ha_time_add(now, RETRY_US);
	}
	done = monitor_claims(net, &net->arp, now) && done;
	done = monitor_claims(net, &net->nd, now) && done;
	done = run_due(net, now) && done;
	net->unfinished = !done;
}

bool net_has_room(const struct net *net)
{
	return net->events_n + FIP_EVENTS_MAX <= EVENTS_SIZE;
}

char *net_push(struct net *net, const struct fip *f, enum net_event_type type, int error)
{
	size_t at = (net->events_at + net->events_n) % EVENTS_SIZE;
	struct net_event *e = &net->events[at];

	assert(net->events_n < EVENTS_SIZE);
	net->events_n++;
	net->dropped[at] = false;
	*e = (struct net_event){.type = type, .fip = (uint16_t)(f - net->fips), .error = error};
	return e->text;
}

int net_next_event(struct net *net, struct net_event *ret)
{
	while (net->events_n > 0) {
		size_t at = net->events_at;

		net->events_at = (at + 1) % EVENTS_SIZE;
		if (--net->events_n == 0)
			net->events_at = 0; /* so that few pages are ever touched */
		if (net->dropped[at])
			continue;
		*ret = net->events[at];
		return 1;
	}
	if (net->links_changed) {
		net->links_changed = false;
		*ret = (struct net_event){.type = NET_EVENT_LINKS_CHANGED};
		return 1;
	}
	if (!net->addresses_changed)
		return 0;
	net->addresses_changed = false;
	*ret = (struct net_event){.type = NET_EVENT_ADDRESSES_CHANGED};
	return 1;
}

static int check_config(const struct net_fip_config *config, struct net_ip *ret_ip)
{
	if (config->family != AF_INET && config->family != AF_INET6)
		return -EAFNOSUPPORT;
	*ret_ip = net_ip_from(config->family, &config->address);
	if (!net_ip_is_host(ret_ip) || config->prefix > net_ip_bits(config->family) ||
	    !memchr(config->interface, '\0', sizeof(config->interface)) ||
	    config->check_ms > CHECK_MAX_MS || config->refresh_s > REFRESH_MAX_S)
		return -EINVAL;
	return 0;
}

static bool is_taken(const struct net *net, const struct net_ip *ip, uint16_t but)
{
	for (size_t i = 0; i < net->fips_used; i++) {
		const struct fip *f = &net->fips[i];

		if (i != but && f->state != FIP_IDLE && net_ip_equal(&f->address.ip, ip))
			return true;
	}
	return false;
}

int net_fip_start(struct net *net, uint16_t fip, const struct net_fip_config *config, bool proven,
		  ha_time now)
{
	struct net_ip ip;
	struct fip *f;
	int r;

	if (fip >= NET_FIPS_MAX)
		return -EINVAL;
	f = &net->fips[fip];
	if (f->state == FIP_CHECKING || f->state == FIP_HELD)
		return -EALREADY;
	r = check_config(config, &ip);
	if (r < 0)
		return r;
	if (is_taken(net, &ip, fip))
		return -EADDRINUSE;
	if (!net_has_room(net))
		return -EBUSY;
	if (f->state == FIP_LOST) {
		r = net_fip_stop(net, fip);
		if (r < 0)
			return r;
	}
	if (fip >= net->fips_used)
		net->fips_used = fip + 1U;
	*f = (struct fip){.config = *config,
			  .address = {.ip = ip,
				      .subnet = ip,
				      .proto = NET_ADDRESS_PROTO,
				      .lifetime_s = config->lifetime_s}};
	fip_begin(net, f, proven, now);
	return 0;
}

void net_confirm(struct net *net, ha_time now)
{
	for (size_t i = 0; i < net->fips_used; i++)
		fip_confirm(net, &net->fips[i], now);
}

static void drop_events(struct net *net, uint16_t fip)
{
	for (size_t i = 0; i < net->events_n; i++) {
		size_t at = (net->events_at + i) % EVENTS_SIZE;

		if (net->events[at].fip == fip)
			net->dropped[at] = true;
	}
}

int net_fip_stop(struct net *net, uint16_t fip)
{
	struct fip *f;
	int r;

	if (fip >= NET_FIPS_MAX)
		return -EINVAL;
	f = &net->fips[fip];
	drop_events(net, fip);
	if (f->address.link == 0)
		return 0;    /* never got as far as a link */
	f->state = FIP_LOST; /* no repair from here on, whatever comes of it */
	f->dirty = false;
	net->filters_stale = true;
	r = remove_address(net, f->address.link, &f->address.ip);
	if (r < 0)
		return r;
	*f = (struct fip){.state = FIP_IDLE};
	return 0;
}
