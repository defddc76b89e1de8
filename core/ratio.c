/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The timeout ratio: what is in force here, and when it ends (rules R1 to R6). */
#include "core/internal.h"

/* By the cluster row and our own count; whether it is in force yet is another matter (R5). */
static uint16_t wanted_ratio(const struct core *c)
{
	if (c->cluster.ratio <= 1 || ha_time_reached(c->ratio_until, c->now))
		return 1;
	return c->cluster.ratio;
}

/* Rule R5: both grow together, when the disk knows the longer lease. */
static uint16_t ratio_in_force(const struct core *c)
{
	uint16_t ratio = wanted_ratio(c);

	return c->cfg.lease_us * ratio <= c->lease_max_durable ? ratio : 1;
}

/* Also where another configuration has a longer one (rules P4, C4). */
uint64_t core_lease_us(const struct core *c)
{
	uint64_t lease_us = c->cfg.lease_us * ratio_in_force(c);

	return c->ready && lease_us > c->lease_max_durable ? c->lease_max_durable : lease_us;
}

uint64_t core_timeout_us(const struct core *c)
{
	uint64_t timeout_us = c->cfg.timeout_us * ratio_in_force(c), lease_us = core_lease_us(c);

	return timeout_us > lease_us ? lease_us : timeout_us;
}

/*
 * Rule R4: the longer one of ours and what it told with the beat that its silence is counted from. So a
 * ratio that shrinks here judges a peer only by beats that it sent when it knew so itself.
 */
uint64_t peer_timeout_us(const struct core *c, unsigned int node)
{
	const struct peer *p = &c->peers[node];
	uint64_t ours = core_timeout_us(c), limit = c->cfg.timeout_us * RATIO_MAX;
	uint64_t told = p->verified && !p->mismatch ? p->head.timeout_us : 0;

	if (told > limit)
		told = limit;
	return told > ours ? told : ours;
}

uint64_t ratio_left_us(const struct core *c, ha_time now)
{
	return c->cluster.ratio > 1 ? ha_time_since(c->ratio_until, now) : 0;
}

void ratio_begin(struct core *c, uint64_t left_us)
{
	c->ratio_until =
		ha_time_add(c->now, left_us < RATIO_TIME_MAX_US ? left_us : RATIO_TIME_MAX_US);
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
}

/* Rule R3: the coordinator ends it for all. */
static void end_row(struct core *c)
{
	if (c->cluster.ratio <= 1 || !ha_time_reached(c->ratio_until, c->now) ||
	    !is_coordinator(c) || !c->reaffirmed)
		return;
	c->cluster.version = intent_next_version(c);
	c->cluster.ratio = 1;
	intent_changed(c);
}

void ratio_step(struct core *c)
{
	uint64_t lease_us = c->cfg.lease_us * wanted_ratio(c);
	uint16_t ratio;

	if (lease_us > c->lease_max_us) { /* rule P4 */
		c->lease_max_us = lease_us;
		c->persist_wanted = true;
	}
	end_row(c);
	ratio = ratio_in_force(c);
	if (ratio == (c->ratio_told ? c->ratio_told : 1))
		return;
	say_ratio(c, ratio);
	c->ratio_told = ratio;
	core_act(c, CORE_ACTION_RATIO)->ratio.ratio = ratio;
	c->again = true;
}

/* Grants as long as the longest on disk were made until now, or are being made. */
void ratio_hold_lease_max(struct core *c)
{
	if (core_lease_us(c) < c->lease_max_us)
		return;
	c->lease_max_hold = ha_time_max(c->lease_max_hold,
					ha_time_add(c->now, lease_clear_us(c, c->lease_max_us)));
}

/* Those that were longer than ours are over: from here on ours are the longest. */
void ratio_lower_lease_max(struct core *c)
{
	uint64_t lease_us = c->cfg.lease_us * wanted_ratio(c);

	ratio_hold_lease_max(c);
	if (c->lease_max_us <= lease_us || !ha_time_before(c->lease_max_hold, c->now))
		return;
	c->lease_max_us = lease_us;
	c->persist_wanted = true;
}

ha_time ratio_deadline(const struct core *c)
{
	if (c->cluster.ratio <= 1)
		return HA_TIME_NEVER;
	if (!ha_time_reached(c->ratio_until, c->now))
		return c->ratio_until;
	return HA_TIME_NEVER; /* it is over here; the row waits for a coordinator */
}
