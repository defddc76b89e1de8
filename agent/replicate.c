/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/replicate.h"

#include "util/buf.h"

#include <errno.h>
#include <string.h>

/*
 * Blob: u8 format (1), u8 kind, then
 *   kind 1, gossip: u8 n, n times u64: the newest number known of origin 0..n-1
 *   kind 2, records: u8 origin, u64 after, u8 n, n times EVENT_RECORD_BYTES; all of that origin,
 *     with ascending numbers above `after`, and the sender knows of none in between.
 */
#define BLOB_FORMAT	     1
#define BLOB_GOSSIP	     1
#define BLOB_RECORDS	     2
#define BLOB_MAX	     2048
#define RECORDS_HEAD_BYTES   12
#define NUMBER_MAX	     (UINT64_MAX / 2)
#define STUCK_PERIODS	     3
#define RECORDS_PER_BLOB_MAX ((BLOB_MAX - RECORDS_HEAD_BYTES) / EVENT_RECORD_BYTES)

struct peer {
	bool heard;
	bool known;		  /* it has gossiped */
	bool behind;		  /* something may be left to send */
	ha_time sent_at;	  /* last records */
	unsigned int unconfirmed; /* blobs since it last told of progress */
	uint64_t has[NODES_MAX];  /* by its newest gossip */
	uint64_t had[NODES_MAX];  /* `has` one gossip period ago */
	uint64_t sent[NODES_MAX]; /* at least `has`; falls back to it when blobs were lost */
	uint8_t stuck[NODES_MAX]; /* periods in which it lacked records and got none */
};

struct replicate {
	struct replicate_config config;
	ha_time gossip_at; /* next one to everybody */
	ha_time send_at;   /* next turn of records; HA_TIME_NEVER: nothing to send */
	ha_time reply_at;  /* gossip early, because something came */
	uint32_t gossips;
	uint64_t own_floor; /* the highest number of ours that a peer has */
	uint8_t first;	    /* origin that goes first in the next turn, so that none starves */
	struct peer peers[NODES_MAX];
};

int replicate_new(const struct replicate_config *config, ha_time now, struct replicate **ret)
{
	struct replicate *re;

	if (config->n_nodes == 0 || config->n_nodes > NODES_MAX || config->blob_max > BLOB_MAX ||
	    config->blob_max < RECORDS_HEAD_BYTES + EVENT_RECORD_BYTES)
		return -EINVAL;
	re = calloc(1, sizeof *re);
	if (!re)
		return -ENOMEM;
	re->config = *config;
	re->gossip_at = now;
	re->send_at = HA_TIME_NEVER;
	re->reply_at = HA_TIME_NEVER;
	*ret = re;
	return 0;
}

struct replicate *replicate_free(struct replicate *re)
{
	free(re);
	return NULL;
}

static void send_soon(struct replicate *re, ha_time at)
{
	re->send_at = ha_time_min(re->send_at, at);
}

void replicate_appended(struct replicate *re, ha_time now)
{
	for (uint8_t p = 0; p < re->config.n_nodes; p++)
		re->peers[p].behind = re->peers[p].known;
	send_soon(re, ha_time_add(now, REPLICATE_DELAY_US));
}

void replicate_peer(struct replicate *re, uint8_t peer, bool heard)
{
	if (heard && !re->peers[peer].heard)
		re->gossip_at = HA_TIME_ZERO; /* tell it what we have */
	re->peers[peer].heard = heard;
}

/* ---- receiving ---- */

/* What was sent just now may still be on its way; what was sent before was lost. */
static void forget_lost(struct peer *p, ha_time now)
{
	if (ha_time_since(now, p->sent_at) < REPLICATE_CONFIRM_US)
		return;
	memcpy(p->sent, p->has, sizeof p->sent);
	p->unconfirmed = 0;
}

static int receive_gossip(struct replicate *re, uint8_t peer, struct buf_reader *r, ha_time now)
{
	struct peer *p = &re->peers[peer];
	uint64_t has[NODES_MAX] = {0};
	uint8_t n = buf_get_u8(r);

	if (r->bad || n > NODES_MAX || buf_left(r) != n * sizeof(uint64_t))
		return -EBADMSG;
	for (uint8_t origin = 0; origin < n; origin++) {
		has[origin] = buf_get_u64(r);
		if (has[origin] > NUMBER_MAX)
			return -EBADMSG;
	}
	for (uint8_t origin = 0; origin < re->config.n_nodes; origin++) {
		if (has[origin] > p->has[origin])
			p->unconfirmed = 0;
		p->has[origin] = has[origin];
		if (p->sent[origin] < has[origin])
			p->sent[origin] = has[origin];
	}
	forget_lost(p, now);
	if (p->has[re->config.self] > re->own_floor)
		re->own_floor = p->has[re->config.self];
	p->known = true;
	p->behind = true;
	send_soon(re, now);
	return 0;
}

static int decode_records(struct buf_reader *r, uint8_t origin, struct event_record *records,
			  uint8_t n)
{
	for (uint8_t i = 0; i < n; i++) {
		uint8_t bytes[EVENT_RECORD_BYTES];
		int k;

		buf_get_bytes(r, bytes, sizeof bytes);
		k = event_record_decode(bytes, &records[i]);
		if (k < 0 || records[i].event.origin != origin || records[i].origin_number == 0)
			return -EBADMSG;
		if (records[i].origin_number > NUMBER_MAX)
			return -EBADMSG;
		if (i && records[i].origin_number <= records[i - 1].origin_number)
			return -EBADMSG;
	}
	return r->bad ? -EBADMSG : 0;
}

static int receive_records(struct replicate *re, struct buf_reader *r, ha_time now)
{
	const struct replicate_journal *journal = &re->config.journal;
	struct event_record records[RECORDS_PER_BLOB_MAX];
	uint8_t origin = buf_get_u8(r);
	uint64_t after = buf_get_u64(r);
	uint8_t n = buf_get_u8(r);
	uint64_t newest;

	if (r->bad || origin >= re->config.n_nodes || n > RECORDS_PER_BLOB_MAX ||
	    buf_left(r) != (size_t)n * EVENT_RECORD_BYTES)
		return -EBADMSG;
	if (decode_records(r, origin, records, n) < 0 || (n && records[0].origin_number <= after))
		return -EBADMSG;
	re->reply_at = ha_time_min(re->reply_at, ha_time_add(now, REPLICATE_PACE_US));
	newest = journal->newest(re->config.userdata, origin);
	/* Our own story is told by us. What we forgot (a lost event file) is not taken back, or
	 * numbers would be used twice. A gap means that an earlier blob was lost: the sender
	 * learns from our gossip. */
	if (origin == re->config.self || after > newest)
		return 0;
	for (uint8_t i = 0; i < n; i++)
		if (records[i].origin_number > newest)
			journal->append(re->config.userdata, &records[i]);
	return 0;
}

int replicate_receive(struct replicate *re, uint8_t peer, const void *data, size_t n, ha_time now)
{
	struct buf_reader r = {.data = data, .size = n};
	uint8_t format = buf_get_u8(&r);
	uint8_t kind = buf_get_u8(&r);

	if (peer >= re->config.n_nodes || peer == re->config.self || format != BLOB_FORMAT)
		return -EBADMSG;
	if (kind == BLOB_GOSSIP)
		return receive_gossip(re, peer, &r, now);
	if (kind == BLOB_RECORDS)
		return receive_records(re, &r, now);
	return -EBADMSG;
}

/* ---- sending ---- */

static void send_gossip(struct replicate *re, uint8_t peer)
{
	uint8_t out[3 + NODES_MAX * sizeof(uint64_t)];
	struct buf_writer w = {.data = out, .size = sizeof out};

	buf_put_u8(&w, BLOB_FORMAT);
	buf_put_u8(&w, BLOB_GOSSIP);
	buf_put_u8(&w, re->config.n_nodes);
	for (uint8_t origin = 0; origin < re->config.n_nodes; origin++)
		buf_put_u64(&w, re->config.journal.newest(re->config.userdata, origin));
	re->config.send(re->config.userdata, peer, out, w.at);
}

/* One blob of the records of `origin` that `peer` lacks. False: it lacks none. */
static bool send_records(struct replicate *re, uint8_t peer, uint8_t origin, ha_time now)
{
	const struct replicate_journal *journal = &re->config.journal;
	uint64_t after = re->peers[peer].sent[origin];
	uint8_t out[BLOB_MAX], record_bytes[EVENT_RECORD_BYTES], n = 0;
	struct buf_writer w = {.data = out, .size = re->config.blob_max};
	const struct event_record *record;

	if (after >= journal->newest(re->config.userdata, origin))
		return false;
	buf_put_u8(&w, BLOB_FORMAT);
	buf_put_u8(&w, BLOB_RECORDS);
	buf_put_u8(&w, origin);
	buf_put_u64(&w, after);
	buf_put_u8(&w, 0); /* the count, filled in below */
	while (w.size - w.at >= EVENT_RECORD_BYTES) {
		record = journal->next(re->config.userdata, origin, re->peers[peer].sent[origin]);
		if (!record)
			break;
		event_record_encode(record, record_bytes);
		buf_put_bytes(&w, record_bytes, sizeof record_bytes);
		re->peers[peer].sent[origin] = record->origin_number;
		n++;
	}
	if (n == 0)
		return false;
	out[RECORDS_HEAD_BYTES - 1] = n;
	re->peers[peer].sent_at = now;
	re->config.send(re->config.userdata, peer, out, w.at);
	return true;
}

/* Each node sends its own story. That of an origin which is silent, or which the peer gets
 * nothing from, is told by everybody who has it; the receiver takes each record once. */
static bool tells(const struct replicate *re, const struct peer *peer, uint8_t origin)
{
	return origin == re->config.self || !re->peers[origin].heard ||
	       peer->stuck[origin] >= STUCK_PERIODS;
}

static bool send_turn(struct replicate *re, uint8_t peer, ha_time now)
{
	struct peer *p = &re->peers[peer];
	unsigned int blobs = 0;

	for (uint8_t i = 0; i < re->config.n_nodes; i++) {
		uint8_t origin = (uint8_t)((re->first + i) % re->config.n_nodes);

		if (origin == peer || !tells(re, p, origin))
			continue;
		while (blobs < REPLICATE_BURST && p->unconfirmed < REPLICATE_WINDOW &&
		       send_records(re, peer, origin, now)) {
			p->unconfirmed++;
			blobs++;
		}
		if (p->unconfirmed >= REPLICATE_WINDOW)
			return false; /* goes on when it says what it has */
		if (blobs == REPLICATE_BURST)
			return true;
	}
	return false;
}

static void dispatch_records(struct replicate *re, ha_time now)
{
	bool more = false;

	for (uint8_t p = 0; p < re->config.n_nodes; p++) {
		struct peer *peer = &re->peers[p];

		if (p == re->config.self || !peer->heard || !peer->known || !peer->behind)
			continue;
		peer->behind = send_turn(re, p, now);
		more = more || peer->behind;
	}
	if (++re->first >= re->config.n_nodes)
		re->first = 0;
	re->send_at = more ? ha_time_add(now, REPLICATE_PACE_US) : HA_TIME_NEVER;
}

static void dispatch_gossip(struct replicate *re, bool regular)
{
	for (uint8_t p = 0; p < re->config.n_nodes; p++) {
		struct peer *peer = &re->peers[p];

		if (p == re->config.self)
			continue;
		if (!peer->heard && (!regular || re->gossips % REPLICATE_ABSENT_GOSSIPS != 0))
			continue;
		send_gossip(re, p);
	}
}

static void end_period(struct replicate *re, struct peer *peer, ha_time now)
{
	for (uint8_t origin = 0; origin < re->config.n_nodes; origin++) {
		uint64_t newest = re->config.journal.newest(re->config.userdata, origin);

		if (peer->has[origin] >= newest || peer->has[origin] != peer->had[origin])
			peer->stuck[origin] = 0;
		else if (peer->stuck[origin] < STUCK_PERIODS)
			peer->stuck[origin]++;
		peer->had[origin] = peer->has[origin];
	}
	forget_lost(peer, now);
}

uint64_t replicate_own_floor(const struct replicate *re)
{
	return re->own_floor;
}

ha_time replicate_deadline(const struct replicate *re)
{
	return ha_time_min(re->gossip_at, ha_time_min(re->send_at, re->reply_at));
}

void replicate_dispatch(struct replicate *re, ha_time now)
{
	if (ha_time_reached(re->gossip_at, now)) {
		for (uint8_t p = 0; p < re->config.n_nodes; p++)
			end_period(re, &re->peers[p], now);
		dispatch_gossip(re, true);
		re->gossips++;
		re->gossip_at = ha_time_add(now, REPLICATE_GOSSIP_US);
		re->reply_at = HA_TIME_NEVER;
	}
	if (ha_time_reached(re->reply_at, now)) {
		dispatch_gossip(re, false);
		re->reply_at = HA_TIME_NEVER;
	}
	if (ha_time_reached(re->send_at, now))
		dispatch_records(re, now);
}
