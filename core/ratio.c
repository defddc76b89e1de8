/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The timeout ratio: what is in force here, and when it ends (rules R1 to R6). */
#include "core/internal.h"

/* A dead peer is found within this after a ratio that shrank, however large that was (rule R4). */
#define OLD_TIMEOUT_MAX_US (60 * USEC_PER_SEC)

/* While it runs, what is left of it is written this often (rule R6). */
#define LEFT_WRITE_US (60 * USEC_PER_SEC)

/* By the cluster row and our own count; whether the disk allows it yet is another matter (R5). */
static uint16_t wanted_ratio(const struct core *c)
{
	if (c->cluster.ratio <= 1 || ha_time_reached(c->ratio_until, c->now))
		return 1;
	return c->cluster.ratio;
}

static uint64_t wanted_lease_us(const struct core *c)
{
	return c->cfg.lease_us * wanted_ratio(c);
}

/* In force: changed by ratio_step() only, so that one step tells and grants one value. */
uint64_t core_lease_us(const struct core *c)
{
	return c->lease_us;
}

uint64_t core_timeout_us(const struct core *c)
{
	return c->timeout_us;
}

/*
 * Rules R4, R5: the larger one of ours, but no longer than the lease that the peer tells, and
 * of the timeout that it tells.
 */
static uint64_t limit_now(const struct core *c, const struct peer *p)
{
	const struct vector_head *h = &p->head;
	uint64_t ours = c->timeout_us;

	if (!p->verified || p->mismatch || !h->lease_us)
		return ours;
	if (ours > h->lease_us)
		ours = h->lease_us;
	return h->timeout_us > ours && h->timeout_us <= h->lease_us ? h->timeout_us : ours;
}

static void raise_limit(uint64_t *limit, uint64_t us)
{
	*limit = *limit > us ? *limit : us;
}

/* Rule R4: the limit of one silence only grows; a beat that ends the silence may lower it. */
void ratio_beat_heard(struct core *c, uint8_t node, uint8_t link)
{
	struct peer *p = &c->peers[node];

	p->limit_us = limit_now(c, p);
	if (link < LINKS_MAX)
		p->link_limit_us[link] = p->limit_us;
}

static void raise_limits(struct core *c)
{
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		struct peer *p = &c->peers[n];
		uint64_t us = limit_now(c, p);

		if (p->heard)
			raise_limit(&p->limit_us, us);
		for (uint8_t k = 0; k < c->cfg.n_links; k++)
			if (p->paths & 1U << k)
				raise_limit(&p->link_limit_us[k], us);
	}
}

/*
 * How long a silence of `silence_us` may still last. Since our timeout shrank only so much of
 * it counts against the old one, else who died under a ratio of 10000 would be found days
 * later.
 */
static uint64_t silence_left(const struct core *c, uint64_t silence_us, uint64_t limit_us)
{
	uint64_t ours = c->cfg.timeout_us * wanted_ratio(c);
	uint64_t most = ours > OLD_TIMEOUT_MAX_US ? ours : OLD_TIMEOUT_MAX_US;
	uint64_t since = silence_us < c->unshrunk_us ? silence_us : c->unshrunk_us;
	uint64_t left = limit_us > silence_us ? limit_us - silence_us : 0;

	most = most > since ? most - since : 0;
	return left < most ? left : most;
}

uint64_t peer_timeout_us(const struct core *c, unsigned int node)
{
	return c->peers[node].limit_us;
}

uint64_t peer_silence_left(const struct core *c, unsigned int node)
{
	return silence_left(c, c->peers[node].silence_us, c->peers[node].limit_us);
}

uint64_t link_silence_left(const struct core *c, unsigned int node, uint8_t link)
{
	const struct peer *p = &c->peers[node];

	return silence_left(c, p->link_silence_us[link], p->link_limit_us[link]);
}

uint64_t kernel_silence_left(const struct core *c, unsigned int node, uint64_t silence_us)
{
	return silence_left(c, silence_us, c->peers[node].limit_us);
}

uint64_t ratio_left_us(const struct core *c, ha_time now)
{
	return c->cluster.ratio > 1 ? ha_time_since(c->ratio_until, now) : 0;
}

void ratio_begin(struct core *c, uint64_t left_us)
{
	uint64_t us = left_us < RATIO_TIME_MAX_US ? left_us : RATIO_TIME_MAX_US;
	ha_time until = ha_time_add(c->now, us);

	if (c->cluster.ratio == c->ratio_told &&
	    ha_time_before(ha_time_add(c->ratio_until, USEC_PER_SEC), until))
		c->ratio_again = true;
	c->ratio_until = until;
}

/* Rule R2: news of the same row, by somebody else's count. */
void ratio_heard(struct core *c, uint64_t left_us)
{
	if (c->cluster.ratio > 1)
		c->ratio_until = ha_time_min(c->ratio_until, ha_time_add(c->now, left_us));
}

static void say_ratio(struct core *c, uint16_t ratio)
{
	struct event *e = core_say(c, ratio > 1 ? EVENT_RATIO_SET : EVENT_RATIO_ENDED, NODE_NONE);

	e->arg[0] = ratio > 1 ? ratio : c->ratio_told;
	e->arg[1] = ratio_left_us(c, c->now);
	c->ratio_again = false;
}

/* The row, and with it the drivers: they need not wait for our disk. */
static void tell_ratio(struct core *c)
{
	uint16_t ratio = wanted_ratio(c), told = c->ratio_told ? c->ratio_told : 1;

	if (ratio == told && !(c->ratio_again && ratio > 1))
		return;
	say_ratio(c, ratio);
	if (ratio < told)
		c->unshrunk_us = 0;
	if (ratio != told)
		core_act(c, CORE_ACTION_RATIO)->ratio.ratio = ratio;
	c->ratio_told = ratio;
	c->persist_wanted = c->again = true;
}

/*
 * Rules P4, R5: a longer lease comes into force when it is on disk, and the longer timeout with
 * it; shorter ones at once. Until then all stays as it was.
 */
void ratio_adopt(struct core *c)
{
	uint64_t lease_us = wanted_lease_us(c), timeout_us = c->cfg.timeout_us * wanted_ratio(c);

	if (lease_us > c->lease_max_us) {
		c->lease_max_us = lease_us;
		c->persist_wanted = true;
	}
	if (lease_us > c->lease_us && lease_us > c->lease_max_durable)
		return;
	c->ratio = wanted_ratio(c);
	if (lease_us == c->lease_us && timeout_us == c->timeout_us)
		return;
	if (lease_us < c->lease_us)
		c->lease_lowered = c->now;
	if (timeout_us < c->timeout_us)
		c->unshrunk_us = 0;
	c->lease_us = lease_us;
	c->timeout_us = timeout_us;
	c->send_wanted = c->again = true;
}

/* Rules R3, N2: the coordinator ends it for all, but not when it has promised to follow another. */
static void end_row(struct core *c)
{
	if (c->cluster.ratio <= 1 || !ha_time_reached(c->ratio_until, c->now) ||
	    !is_coordinator(c) || !core_settled(c, c->self) || !c->reaffirmed)
		return;
	c->cluster.version = intent_next_version(c);
	c->cluster.ratio = 1;
	intent_changed(c);
}

/* Rule R6: often enough that restarts cannot make it last for ever. */
static ha_time write_at(const struct core *c)
{
	return wanted_ratio(c) > 1 ? ha_time_add(c->ratio_written, LEFT_WRITE_US) : HA_TIME_NEVER;
}

void ratio_step(struct core *c)
{
	end_row(c);
	tell_ratio(c);
	ratio_adopt(c);
	raise_limits(c);
	if (ha_time_reached(write_at(c), c->now))
		c->persist_wanted = true;
}

/* Grants that were longer than ours are over: from here on ours are the longest (rule P4). */
void ratio_lower_lease_max(struct core *c)
{
	uint64_t lease_us = wanted_lease_us(c);

	if (lease_us < c->lease_us)
		lease_us = c->lease_us;
	/* rule K9: the kernel may still grant longer ones in our name */
	if (c->delegated_lease_us > lease_us)
		return;
	if (c->lease_max_us <= lease_us ||
	    ha_time_since(c->now, c->lease_lowered) <= lease_clear_us(c, c->lease_max_us))
		return;
	c->lease_max_us = lease_us;
	c->persist_wanted = true;
}

/* What is being written counts from now on, unless it is longer: that counts when it is written. */
void ratio_persist_begun(struct core *c)
{
	c->ratio_written = c->now;
	c->lease_max_in_flight = c->lease_max_us;
	if (c->lease_max_durable > c->lease_max_in_flight)
		c->lease_max_durable = c->lease_max_in_flight;
}

ha_time ratio_deadline(const struct core *c)
{
	if (wanted_ratio(c) == 1)
		return HA_TIME_NEVER; /* if it is over here, the row waits for a coordinator */
	return ha_time_reached(write_at(c), c->now) ? c->ratio_until
						    : ha_time_min(c->ratio_until, write_at(c));
}
