/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The vector: what it says, and when it is sent (each interval, and soon after a change). */
#include "core/internal.h"
#include "util/hash.h"

#include <string.h>

/* Changes are not sent closer together than this: a storm of them must not become one of ours. */
static uint64_t min_gap_us(const struct core *c)
{
	uint64_t gap = c->cfg.interval_us / 10;

	return gap > USEC_PER_MSEC ? USEC_PER_MSEC : gap;
}

static uint64_t hash_view(uint64_t h, const struct view *v)
{
	return hash64_mix(hash64_mix(hash64_mix(h, v->epoch), v->members), v->coordinator);
}

/* Over what peers act on, so that any change of it is sent soon. */
static uint64_t state_hash(const struct core *c)
{
	uint64_t h = hash_view(hash_view(HASH64_INIT, &c->accepted), &c->installed);

	h = hash64_mix(hash64_mix(h, c->promised), c->wanted);
	h = hash64_mix(hash64_mix(h, c->mode), c->incarnation);
	h = hash64_mix(hash64_mix(h, c->intent_digest), c->durable_digest);
	h = hash64_mix(hash64_mix(h, c->actual_digest), detect_quarantined_here(c));
	h = hash64_mix(hash64_mix(h, c->warm), c->store_failed);
	h = hash64_mix(h, c->lease_epoch);
	h = hash64_mix(h, c->n_queue ? c->queue[0].request.id.number : 0);
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		const struct fence_row *f = &c->fence_rows[n];

		h = hash64_mix(hash64_mix(h, f->off), f->by_epoch);
		h = hash64_mix(h, (uint64_t)f->by << 16 | (uint64_t)f->state << 8 | f->check);
		h = hash64_mix(h, c->peers[n].echo_incarnation << 1 | c->peers[n].heard);
		h = hash64_mix(h, c->answers[n].id.number);
		h = hash64_mix(h, c->answers[n].code);
	}
	return h;
}

void send_step(struct core *c)
{
	uint64_t hash;

	if (!c->ready)
		return;
	hash = state_hash(c);
	if (hash != c->sent_hash) {
		c->sent_hash = hash;
		c->send_wanted = true;
		c->resend_beats = RESEND_BEATS;
	}
	bool beat = ha_time_reached(c->next_beat, c->now);
	bool soon = c->send_wanted && ha_time_since(c->now, c->last_sent) >= min_gap_us(c);
	if (!beat && !soon)
		return;
	core_act(c, CORE_ACTION_SEND)->send.whole = c->send_wanted || c->resend_beats;
	if (beat && !c->send_wanted && c->resend_beats)
		c->resend_beats--;
	c->send_wanted = false;
	c->last_sent = c->now;
	if (!beat)
		return;
	/* the phase is kept; beats that a stall swallowed are not made up for */
	c->next_beat = ha_time_add(c->next_beat, c->cfg.interval_us);
	if (ha_time_reached(c->next_beat, c->now))
		c->next_beat = ha_time_add(c->now, c->cfg.interval_us);
}

ha_time send_deadline(const struct core *c)
{
	if (!c->ready)
		return HA_TIME_NEVER;
	if (c->send_wanted)
		return ha_time_min(c->next_beat, ha_time_add(c->last_sent, min_gap_us(c)));
	return c->next_beat;
}

static uint32_t saturate(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/* Says "granted" and notes it in the same breath (rules L1, L4). */
static struct peer_entry make_entry(struct core *c, uint8_t n, ha_time now)
{
	struct peer *p = &c->peers[n];
	struct peer_entry e = {
		.incarnation = p->echo_incarnation,
		.stamp = p->echo_stamp,
		.heard = p->heard,
		.paths = p->paths,
		.age_us = p->echo_incarnation ? saturate(ha_time_since(now, p->echo_received))
					      : UINT32_MAX,
	};

	if (is_self(c, n))
		return (struct peer_entry){.incarnation = c->incarnation, .stamp = now};
	if (lease_grants(c, n)) {
		e.grant = true;
		p->granted_clear = ha_time_max(
			p->granted_clear,
			ha_time_add(p->echo_received, lease_clear_us(c, core_lease_us(c))));
	}
	e.clear_us = saturate(ha_time_since(p->granted_clear, now));
	if (node_mask_has(c->delegated, n)) { /* rule K9: our kernel may be granting right now */
		e.clear_us = UINT32_MAX;
		c->told_delegated |= c->delegation.incarnation[n] ? 0 : node_bit(n);
	}
	return e;
}

static void fill_rows(struct core *c, struct vector *v)
{
	v->first_group = v->first_resource = v->first_node = v->first_monitor = 0;
	v->n_groups = c->cfg.n_groups;
	v->n_resources = c->cfg.n_resources;
	v->n_nodes = c->cfg.n_nodes;
	v->group_intents = c->intents;
	v->group_actuals = c->actual_groups;
	v->resource_actuals = c->actual_resources;
	v->node_intents = c->node_intents;
	v->n_monitors = c->cfg.n_monitors;
	v->monitor_intents = c->monitor_intents;
	v->monitor_actuals = c->actual_monitors;
	v->first_fence = 0;
	v->n_fences = c->cfg.n_nodes;
	v->fences = c->fence_rows;
}

static void fill_answers(const struct core *c, struct vector_head *h)
{
	h->n_answers = 0;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		if (is_coordinator(c) && c->answers[n].id.number)
			h->answers[h->n_answers++] = c->answers[n];
}

const struct vector *core_vector(struct core *c, ha_time now)
{
	struct vector_head *h = &c->out.head;

	now = ha_time_max(now, c->now);
	h->node = c->self;
	h->incarnation = c->incarnation;
	h->sequence = ++c->sequence;
	h->stamp = now;
	h->config_hash = c->cfg.config_hash;
	h->safety_hash = c->cfg.safety_hash;
	h->objects_hash = c->cfg.objects_hash;
	h->timeout_us = core_timeout_us(c);
	h->pending_hash = c->pending_hash;
	h->cluster = c->cluster;
	h->ratio_left_us = ratio_left_us(c, now);
	h->mode = c->mode;
	h->promised = c->promised;
	h->accepted = c->accepted;
	h->installed = c->installed;
	h->wanted = c->wanted;
	h->quarantined = detect_quarantined_here(c);
	h->lease_us = core_lease_us(c);
	h->lease_epoch = c->lease_epoch;
	h->intent_digest = c->intent_digest;
	h->durable_digest = c->durable_digest;
	h->actual_digest = c->actual_digest;
	h->warm = c->warm;
	h->store_failed = c->store_failed;
	h->n_peers = c->cfg.n_nodes;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		h->peer[n] = make_entry(c, n, now);
	if (c->n_queue)
		h->request = c->queue[0].request;
	else
		memset(&h->request, 0, sizeof h->request);
	fill_answers(c, h);
	fill_rows(c, &c->out);
	return &c->out;
}
