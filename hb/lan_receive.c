/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way of a datagram, from a socket to the caller:
 *
 *   source is a peer's address on this link -> HMAC and format -> sender has that address
 *     -> vector that echoes our incarnation -> not a replay on this link
 *          -> newer than all that came from that peer: kept, what was kept before is dropped
 *          -> came by another link before: the newest vector is handed out again for this link
 *     -> vector that does not (sent before the peer heard us, or recorded before we started): one
 *          a peer is kept, the newest, and handed out at a bounded rate; it moves no window
 *     -> blob to this incarnation of ours, each number once
 *     -> answer of a peer's kernel: hb/lan_probe.c
 *
 * What waited in the socket for longer than `timeout` says nothing about now: it moves the
 * windows, but is not handed out. That, and the bound on each drain, is what takes in the backlog
 * of a stall without a storm.
 */
#include "hb/lan.h"
#include "util/clock.h"

#include <sys/socket.h>
#include <time.h>

#define DRAIN_MAX 1024 /* datagrams that one drain looks at */
#define BLOBS_MAX 32   /* that wait to be handed out */
/* Vectors that do not echo our incarnation: so many a timeout and peer. */
#define UNVERIFIED_PER_TIMEOUT 32

static void queue_put(struct lan_queue *q, struct lan_slot *slot)
{
	slot->next = NULL;
	if (q->tail)
		q->tail->next = slot;
	else
		q->head = slot;
	q->tail = slot;
}

static struct lan_slot *queue_take(struct lan_queue *q)
{
	struct lan_slot *slot = q->head;

	if (slot)
		q->head = slot->next;
	if (!q->head)
		q->tail = NULL;
	return slot;
}

static void slot_free(struct hb_lan *lan, struct lan_slot *slot)
{
	if (!slot)
		return;
	slot->next = lan->free;
	lan->free = slot;
}

/* The caller has seen to it that there is a free one. */
static struct lan_slot *slot_fill(struct hb_lan *lan, const struct lan_arrival *a)
{
	struct lan_slot *slot = lan->free;

	lan->free = slot->next;
	slot->n = (uint16_t)a->n;
	slot->link = a->link;
	slot->key = lan->decoded.key;
	memcpy(slot->data, a->data, a->n);
	return slot;
}

static bool waited_too_long(const struct hb_lan *lan, const struct lan_arrival *a)
{
	return ha_time_since(a->now, a->at) > lan->timeout_us;
}

static void drop_fresh(struct hb_lan *lan, struct lan_peer *peer)
{
	struct lan_slot *slot;

	while ((slot = queue_take(&peer->fresh)))
		slot_free(lan, slot);
}

static bool id_after(const struct datagram_id *a, const struct datagram_id *b)
{
	if (a->incarnation != b->incarnation)
		return a->incarnation > b->incarnation;
	return a->sequence > b->sequence;
}

/* What does not echo us is of no use once something newer does. */
static void drop_unverified(struct hb_lan *lan, struct lan_peer *peer,
			    const struct datagram_id *newest)
{
	if (!peer->unverified || id_after(&peer->unverified_id, newest))
		return;
	slot_free(lan, peer->unverified);
	peer->unverified = NULL;
}

static void keep_fresh(struct hb_lan *lan, struct lan_peer *peer, const struct lan_arrival *a)
{
	queue_put(&peer->fresh, slot_fill(lan, a));
	if (!peer->last) {
		peer->last = slot_fill(lan, a);
		return;
	}
	peer->last->n = (uint16_t)a->n;
	peer->last->key = lan->decoded.key;
	memcpy(peer->last->data, a->data, a->n);
}

static void note_key(struct hb_lan *lan, struct lan_peer *peer, ha_time now)
{
	const struct hb_decoded *d = &lan->decoded;

	peer->knows_newest_key = d->newest_key == lan->keys.id[0] || d->key == 0;
	peer->key_told = now;
}

static void count_arrival(struct hb_lan *lan, struct lan_path *path, const struct lan_arrival *a)
{
	uint64_t gap = ha_time_since(a->at, path->arrived);

	if (path->arrived.us > 0 && lan->late_us > 0 && gap > lan->late_us)
		path->stats.late++;
	path->arrived = path->stats.last_heard = ha_time_max(a->at, path->arrived);
	rtt_take(&path->rtt, &lan->decoded.vector.head.peer[lan->self], a->at);
}

/* It came by another link before. A link that lags by more than a timeout does not count. */
static void note_repeated(struct hb_lan *lan, struct lan_peer *peer, const struct lan_arrival *a)
{
	const struct hb_decoded *d = &lan->decoded;

	peer->path[a->link].stats.duplicate++;
	if (!peer->last || waited_too_long(lan, a) || d->incarnation != peer->newest.incarnation ||
	    ha_time_since(peer->newest_stamp, d->vector.head.stamp) > lan->timeout_us)
		return;
	peer->repeated |= (uint8_t)(1U << a->link);
}

static void take_news(struct hb_lan *lan, struct lan_peer *peer, const struct lan_arrival *a,
		      const struct datagram_id *id)
{
	enum sending_order order = sending_order(&peer->newest, id);

	count_arrival(lan, &peer->path[a->link], a);
	note_key(lan, peer, a->now);
	if (order != SENDING_NEW && order != SENDING_PART) {
		note_repeated(lan, peer, a);
		return;
	}
	sending_take(&peer->newest, id);
	if (order == SENDING_NEW) {
		drop_fresh(lan, peer);
		drop_unverified(lan, peer, id);
		peer->newest_stamp = lan->decoded.vector.head.stamp;
	}
	if (waited_too_long(lan, a))
		lan->refused[HB_REFUSED_STALE]++;
	else
		keep_fresh(lan, peer, a);
}

static void take_verified(struct hb_lan *lan, struct lan_peer *peer, const struct lan_arrival *a,
			  const struct datagram_id *id)
{
	struct lan_path *path = &peer->path[a->link];

	if (id->incarnation < peer->newest.incarnation) {
		lan->refused[HB_REFUSED_REPLAY]++;
		return;
	}
	switch (link_window_take(&path->window, id, &path->stats.lost)) {
	case LINK_REPLAY:
		lan->refused[HB_REFUSED_REPLAY]++;
		return;
	case LINK_TWICE:
		path->stats.received++;
		path->stats.duplicate++;
		return;
	case LINK_REORDERED:
		path->stats.received++;
		return;
	case LINK_NEWS:
	default:
		path->stats.received++;
		take_news(lan, peer, a, id);
	}
}

/* Recorded datagrams are never newer than the peer's own: the newest one is the one to keep. */
static void take_unverified(struct hb_lan *lan, struct lan_peer *peer, const struct lan_arrival *a,
			    const struct datagram_id *id)
{
	enum sending_order order = sending_order(&peer->newest, id);

	if (order == SENDING_OLD || order == SENDING_SEEN) {
		lan->refused[HB_REFUSED_REPLAY]++;
		return;
	}
	peer->path[a->link].stats.received++;
	if (waited_too_long(lan, a)) {
		lan->refused[HB_REFUSED_STALE]++;
		return;
	}
	note_key(lan, peer, a->now);
	if (peer->unverified && !id_after(id, &peer->unverified_id))
		return;
	slot_free(lan, peer->unverified);
	peer->unverified = slot_fill(lan, a);
	peer->unverified_id = *id;
	peer->unverified_arrived = a->at;
}

static void take_vector(struct hb_lan *lan, struct lan_peer *peer, const struct lan_arrival *a)
{
	const struct hb_decoded *d = &lan->decoded;
	const struct datagram_id id = {d->incarnation, d->sequence, d->part};
	uint64_t echo = d->vector.head.peer[lan->self].incarnation;

	if (lan->incarnation > 0 && echo == lan->incarnation)
		take_verified(lan, peer, a, &id);
	else
		take_unverified(lan, peer, a, &id);
}

static void take_blob(struct hb_lan *lan, struct lan_peer *peer, const struct lan_arrival *a)
{
	const struct hb_decoded *d = &lan->decoded;
	const struct datagram_id id = {.incarnation = d->incarnation, .sequence = d->sequence};
	struct lan_path *path = &peer->path[a->link];

	if (d->blob.to != lan->self || d->blob.to_incarnation != lan->incarnation ||
	    d->incarnation != peer->newest.incarnation) {
		lan->refused[HB_REFUSED_REPLAY]++;
		return;
	}
	switch (blob_window_take(&peer->blobs, &id)) {
	case SENDING_OLD:
		lan->refused[HB_REFUSED_REPLAY]++;
		return;
	case SENDING_SEEN:
		path->stats.received++;
		path->stats.duplicate++;
		return;
	case SENDING_PART:
	case SENDING_NEW:
	default:
		path->stats.received++;
		queue_put(&lan->blobs, slot_fill(lan, a));
	}
}

/* The node whose address on this link is the source; NODE_NONE. */
static uint8_t find_source(const struct hb_lan *lan, uint8_t link, const union lan_address *source)
{
	for (uint8_t n = 0; n < lan->limits.n_nodes; n++) {
		const struct lan_path *path = &lan->peer[n].path[link];

		if (path->address_bytes > 0 && lan_address_equal(&path->address, source))
			return n;
	}
	return NODE_NONE;
}

static enum hb_refusal take_datagram(struct hb_lan *lan, const struct lan_arrival *a,
				     const union lan_address *source)
{
	struct hb_decoded *d = &lan->decoded;
	uint8_t node = find_source(lan, a->link, source);
	struct lan_peer *peer;
	enum hb_refusal refusal;

	if (node == NODE_NONE) /* a stranger costs us no HMAC */
		return HB_REFUSED_SENDER;
	if (hb_probe_is(a->data, a->n))
		return lan_take_answer(lan, node, a);
	refusal = hb_wire_decode(&(struct hb_datagram){a->data, a->n}, &lan->limits, &lan->keys,
				 &lan->rows, d);
	if (refusal != HB_OK)
		return refusal;
	if (d->from != node) /* another node's, or our own, sent back to us */
		return HB_REFUSED_SENDER;
	peer = &lan->peer[node];
	if (d->type == HB_MESSAGE_BLOB)
		take_blob(lan, peer, a);
	else
		take_vector(lan, peer, a);
	return HB_OK;
}

/*
 * When the kernel took the datagram in, on the clock of `now`, but not before `earliest`. The
 * kernel stamps by the wall clock, which may have been stepped since: without that bound, one
 * step would make everything that waits look as old as the step is wide.
 */
static ha_time arrival_time(struct msghdr *message, uint64_t wall_us, ha_time earliest, ha_time now)
{
	struct cmsghdr *c;
	struct timespec t;
	uint64_t at, waited;

	for (c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&t, CMSG_DATA(c), sizeof t);
		at = (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
		waited = wall_us > at ? wall_us - at : 0;
		return ha_time_max((ha_time){now.us > waited ? now.us - waited : 0}, earliest);
	}
	return now;
}

/* Reads up to `max` datagrams of one link. Returns their number. */
static unsigned int drain_link(struct hb_lan *lan, uint8_t link, unsigned int max, ha_time now)
{
	struct mmsghdr messages[BATCH];
	struct iovec iov[BATCH];
	union lan_address source[BATCH];
	_Alignas(struct cmsghdr) uint8_t control[BATCH][CMSG_SPACE(sizeof(struct timespec))];
	uint64_t wall_us;
	int count;

	for (unsigned int i = 0; i < max; i++) {
		iov[i] = (struct iovec){.iov_base = lan->in[i], .iov_len = sizeof lan->in[i]};
		messages[i].msg_hdr = (struct msghdr){.msg_name = &source[i],
						      .msg_namelen = sizeof source[i],
						      .msg_iov = &iov[i],
						      .msg_iovlen = 1,
						      .msg_control = control[i],
						      .msg_controllen = sizeof control[i]};
	}
	count = recvmmsg(lan->link[link].fd, messages, max, MSG_DONTWAIT, NULL);
	if (count <= 0)
		return 0;
	wall_us = clock_wall_us();
	for (int i = 0; i < count; i++) {
		struct msghdr *m = &messages[i].msg_hdr;
		struct lan_arrival a = {
			.data = lan->in[i],
			.n = messages[i].msg_len,
			.link = link,
			.at = arrival_time(m, wall_us, lan->link[link].emptied, now),
			.now = now};
		enum hb_refusal refusal = HB_REFUSED_SIZE;

		if (!(m->msg_flags & MSG_TRUNC))
			refusal = take_datagram(lan, &a, &source[i]);
		if (refusal != HB_OK)
			lan->refused[refusal]++;
	}
	return (unsigned int)count;
}

/* How many datagrams can be taken in before slots run out: one may need two slots. */
static unsigned int room(const struct hb_lan *lan)
{
	const struct lan_slot *s = lan->free;
	unsigned int n = 0;

	for (; s && n < 2 * BATCH; s = s->next)
		n++;
	return n / 2;
}

static unsigned int blobs_waiting(const struct hb_lan *lan)
{
	unsigned int n = 0;

	for (const struct lan_slot *s = lan->blobs.head; s; s = s->next)
		n++;
	return n;
}

/* The links take turns, so that a flood on one of them leaves the others their share. */
static void drain(struct hb_lan *lan, ha_time now)
{
	unsigned int left = DRAIN_MAX;
	uint8_t more = 0;

	for (uint8_t k = 0; k < lan->n_links; k++)
		more |= (uint8_t)(lan->link[k].fd >= 0 ? 1U << k : 0);
	while (more && left > 0) {
		uint8_t k = lan->first_link;
		unsigned int max = room(lan), n;

		max = max < BATCH ? max : BATCH;
		max = max < left ? max : left;
		if (max == 0 || blobs_waiting(lan) >= BLOBS_MAX)
			return; /* the rest waits in the socket until these are handed out */
		lan->first_link = (uint8_t)((k + 1) % lan->n_links);
		if (!(more & 1U << k))
			continue;
		n = drain_link(lan, k, max, now);
		left -= n;
		if (n < max) {
			more &= (uint8_t) ~(1U << k);
			lan->link[k].emptied = now;
		}
	}
}

/* Lets an unverified vector out, if it is time. */
static struct lan_slot *take_out_unverified(struct hb_lan *lan, struct lan_peer *peer, ha_time now)
{
	struct lan_slot *slot = peer->unverified;

	if (!slot || !ha_time_reached(peer->unverified_from, now))
		return NULL;
	peer->unverified = NULL;
	if (ha_time_since(now, peer->unverified_arrived) > lan->timeout_us) {
		slot_free(lan, slot);
		return NULL;
	}
	peer->unverified_from = ha_time_add(now, lan->timeout_us / UNVERIFIED_PER_TIMEOUT);
	return slot;
}

/* The next message in *ret but for its decoded contents; the bytes to decode, or NULL. */
static const struct lan_slot *next_slot(struct hb_lan *lan, ha_time now, struct hb_lan_message *ret)
{
	ret->repeated = false;
	for (uint8_t n = 0; n < lan->limits.n_nodes; n++) {
		struct lan_peer *peer = &lan->peer[n];

		lan->handed = take_out_unverified(lan, peer, now) ?: queue_take(&peer->fresh);
		if (lan->handed)
			break;
		if (peer->repeated) {
			ret->link = (uint8_t)__builtin_ctz(peer->repeated);
			ret->repeated = true;
			peer->repeated &= (uint8_t)(peer->repeated - 1);
			return peer->last;
		}
	}
	if (!lan->handed)
		lan->handed = queue_take(&lan->blobs);
	if (lan->handed)
		ret->link = lan->handed->link;
	return lan->handed;
}

int hb_lan_receive(struct hb_lan *lan, ha_time now, struct hb_lan_message *ret)
{
	const struct lan_slot *slot;

	slot_free(lan, lan->handed);
	lan->handed = NULL;
	if (!lan->handing_out) {
		drain(lan, now);
		lan->handing_out = true;
	}
	while ((slot = next_slot(lan, now, ret))) {
		/* It was decoded when it came in, but perhaps by an older list of objects. */
		if (wire_parse(slot->data, slot->n, &lan->limits, &lan->rows, &ret->decoded) ==
		    HB_OK) {
			ret->decoded.key = slot->key;
			return 1;
		}
		slot_free(lan, lan->handed);
		lan->handed = NULL;
	}
	/* Behind the vectors: an answer says whether the agent of the newest one goes on (K11). */
	if (lan_next_answer(lan, ret))
		return 1;
	lan->handing_out = false;
	return 0;
}
