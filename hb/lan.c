/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The LAN path: its life, sending, and statistics. */
#include "hb/lan.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* A peer that was silent for so many timeouts has no say in which key we sign with. */
#define KEY_TOLD_TIMEOUTS 4

/* Datagrams that can wait to be handed out, beside one `last` and one `unverified` a peer. */
static size_t slot_count(const struct hb_limits *limits)
{
	return 64 + (size_t)limits->n_nodes * (4 + 2);
}

static void set_paths(struct hb_lan *lan, const struct hb_lan_config *config)
{
	for (uint8_t k = 0; k < lan->n_links; k++) {
		struct lan_link *l = &lan->link[k];

		l->address_bytes =
			lan_address_set(&l->address, &config->address[lan->self][k], config->port);
		for (uint8_t n = 0; n < lan->limits.n_nodes; n++) {
			struct lan_path *path = &lan->peer[n].path[k];

			if (n != lan->self)
				path->address_bytes = lan_address_set(
					&path->address, &config->address[n][k], config->port);
		}
	}
}

static int make_slots(struct hb_lan *lan)
{
	size_t n = slot_count(&lan->limits);

	lan->slots = calloc(n, sizeof *lan->slots);
	if (!lan->slots)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		lan->slots[i].next = lan->free;
		lan->free = &lan->slots[i];
	}
	return 0;
}

static int open_links(struct hb_lan *lan, char error[HB_ERROR_SIZE])
{
	for (uint8_t k = 0; k < lan->n_links; k++) {
		int r = 0;

		if (lan->link[k].address_bytes > 0)
			r = lan_link_open(lan, k, error);
		if (r < 0)
			return r;
	}
	return 0;
}

static void cleanup_lan(struct hb_lan **lan)
{
	hb_lan_free(*lan);
}

int hb_lan_new(const struct hb_lan_config *config, struct hb_lan **ret, char error[HB_ERROR_SIZE])
{
	_cleanup_(cleanup_lan) struct hb_lan *lan = NULL;
	int r = lan_check_config(config, error);

	if (r < 0)
		return r;
	(void)snprintf(error, HB_ERROR_SIZE, "out of memory");
	lan = calloc(1, sizeof *lan + config->limits.n_nodes * sizeof *lan->peer);
	if (!lan)
		return -ENOMEM;
	lan->limits = config->limits;
	lan->self = config->self;
	lan->n_links = config->n_links;
	lan->timeout_us = config->timeout_us;
	lan->late_us = config->timeout_us / 100 * config->late_percent;
	lan->keys = config->keys;
	hb_probe_keys_derive(&lan->keys, &lan->probe_keys);
	for (uint8_t k = 0; k < LINKS_MAX; k++)
		lan->link[k].fd = -1;
	lan->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (lan->epoll_fd < 0) {
		r = -errno;
		(void)snprintf(error, HB_ERROR_SIZE, "cannot make an epoll descriptor: %s",
			       strerror(-r));
		return r;
	}
	set_paths(lan, config);
	r = make_slots(lan);
	if (r >= 0)
		r = open_links(lan, error);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(lan);
	return 0;
}

struct hb_lan *hb_lan_free(struct hb_lan *lan)
{
	if (!lan)
		return NULL;
	for (uint8_t k = 0; k < LINKS_MAX; k++)
		cleanup_closep(&lan->link[k].fd);
	cleanup_closep(&lan->epoll_fd);
	hb_keys_wipe(&lan->keys);
	explicit_bzero(&lan->probe_keys, sizeof lan->probe_keys);
	free(lan->slots);
	free(lan);
	return NULL;
}

int hb_lan_fd(const struct hb_lan *lan)
{
	return lan->epoll_fd;
}

int hb_lan_retry(struct hb_lan *lan)
{
	char error[HB_ERROR_SIZE];
	int opened = 0;

	for (uint8_t k = 0; k < lan->n_links; k++) {
		if (lan->link[k].fd >= 0 || lan->link[k].address_bytes == 0)
			continue;
		/* if it stays closed, the statistics say why */
		if (lan_link_open(lan, k, error) >= 0 && lan->link[k].fd >= 0)
			opened++;
	}
	return opened;
}

void hb_lan_set_objects(struct hb_lan *lan, const struct hb_limits *limits)
{
	lan->limits.n_groups = limits->n_groups;
	lan->limits.n_resources = limits->n_resources;
	lan->limits.n_monitors = limits->n_monitors;
	lan->limits.objects_hash = limits->objects_hash;
}

void hb_lan_set_timing(struct hb_lan *lan, uint64_t timeout_us, uint32_t late_percent)
{
	lan->timeout_us = timeout_us;
	lan->late_us = timeout_us / 100 * late_percent;
}

void hb_lan_set_keys(struct hb_lan *lan, const struct hb_keys *keys)
{
	lan->keys = *keys;
	hb_probe_keys_derive(keys, &lan->probe_keys);
	for (uint8_t n = 0; n < lan->limits.n_nodes; n++)
		lan->peer[n].knows_newest_key = false; /* until it says so */
}

/*
 * Rotation without a gap: a file with two keys reaches the nodes one after the other. Until every
 * peer that is heard has shown that it accepts the first key, we sign with the second.
 */
void lan_choose_key(struct hb_lan *lan, ha_time now)
{
	lan->keys.sign = 0;
	if (lan->keys.n < 2)
		return;
	for (uint8_t n = 0; n < lan->limits.n_nodes; n++) {
		const struct lan_peer *peer = &lan->peer[n];

		if (peer->key_told.us > 0 && !peer->knows_newest_key &&
		    ha_time_since(now, peer->key_told) < KEY_TOLD_TIMEOUTS * lan->timeout_us)
			lan->keys.sign = 1;
	}
}

/* Sends lan->out to the nodes of `to` by one link. */
static void send_link(struct hb_lan *lan, uint8_t link, size_t n, node_mask to)
{
	struct iovec iov = {.iov_base = lan->out, .iov_len = n};
	struct mmsghdr messages[NODES_MAX];
	struct hb_link_stats *stats[NODES_MAX];
	unsigned int count = 0, at = 0, node;
	bool full = false;

	node_mask_for_each (node, to) {
		struct lan_path *path = &lan->peer[node].path[link];

		if (path->address_bytes == 0)
			continue;
		messages[count].msg_hdr = (struct msghdr){.msg_name = &path->address,
							  .msg_namelen = path->address_bytes,
							  .msg_iov = &iov,
							  .msg_iovlen = 1};
		stats[count++] = &path->stats;
	}
	while (at < count) {
		int r = -1;

		if (!full)
			r = sendmmsg(lan->link[link].fd, messages + at, count - at, MSG_DONTWAIT);
		for (int i = 0; i < r && at < count; i++)
			stats[at++]->sent++;
		if (r > 0)
			continue;
		/* the first of the rest failed; a full buffer is full for all of them */
		full = full || errno == EAGAIN;
		stats[at++]->send_errors++;
	}
}

static void send_all(struct hb_lan *lan, size_t n, node_mask to)
{
	for (uint8_t k = 0; k < lan->n_links; k++) {
		if (lan->link[k].fd >= 0)
			send_link(lan, k, n, to);
	}
}

void hb_lan_send(struct hb_lan *lan, const struct vector *v, bool whole, ha_time now)
{
	node_mask all = (node_mask)(((uint64_t)1 << lan->limits.n_nodes) - 1);
	struct hb_cursor *cursor = &lan->cursor;

	lan->incarnation = v->head.incarnation;
	lan_choose_key(lan, now);
	if (whole)
		*cursor = (struct hb_cursor){.answer = cursor->answer};
	do {
		size_t n = hb_wire_encode_vector(v, &lan->limits, &lan->keys, cursor, lan->out);

		send_all(lan, n, all & ~node_bit(lan->self));
	} while (whole && cursor->part > 0);
}

void hb_lan_send_blob(struct hb_lan *lan, uint8_t peer, const void *data, size_t n, ha_time now)
{
	struct hb_blob blob = {.from = lan->self,
			       .to = peer,
			       .incarnation = lan->incarnation,
			       .sequence = lan->blob_sequence + 1,
			       .data = data,
			       .n = n};
	int r;

	if (peer >= lan->limits.n_nodes || peer == lan->self || lan->incarnation == 0)
		return;
	/* A peer that has not echoed our incarnation yet would refuse it anyway. */
	blob.to_incarnation = lan->peer[peer].newest.incarnation;
	if (blob.to_incarnation == 0)
		return;
	lan_choose_key(lan, now);
	r = hb_wire_encode_blob(&blob, &lan->limits, &lan->keys, lan->out);
	if (r < 0)
		return;
	lan->blob_sequence++;
	send_all(lan, (size_t)r, node_bit(peer));
}

void hb_lan_link_stats(const struct hb_lan *lan, uint8_t peer, uint8_t link,
		       struct hb_link_stats *ret)
{
	*ret = (struct hb_link_stats){};
	if (peer >= lan->limits.n_nodes || link >= lan->n_links)
		return;
	*ret = lan->peer[peer].path[link].stats;
	rtt_percentiles(&lan->peer[peer].path[link].rtt, ret);
	ret->open = lan->link[link].fd >= 0;
	ret->error = lan->link[link].error;
}

uint64_t hb_lan_refused(const struct hb_lan *lan, enum hb_refusal refusal)
{
	return refusal < HB_REFUSAL_COUNT_ ? lan->refused[refusal] : 0;
}
