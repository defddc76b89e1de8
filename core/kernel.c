/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel path: what peers' kernels are asked, and what their answers mean (K6, K8, K11). */
#include "core/internal.h"

void kernel_advance(struct core *c, uint64_t add_us)
{
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		struct peer_kernel *k = &c->peers[n].kernel;

		k->silence_us += add_us;
		k->age_us += add_us;
		k->awake_us += add_us;
		for (uint8_t i = 0; i < c->cfg.n_links; i++)
			k->link_silence_us[i] += add_us;
	}
}

/* Since a probe was sent, without the time that this agent did not run (rule D3). */
static uint64_t silence_since(const struct core *c, ha_time stamp)
{
	uint64_t within = ha_time_since(c->gap_end, stamp);

	return ha_time_since(c->now, stamp) - (within < c->gap_us ? within : c->gap_us);
}

/* Its agent has sent nothing for longer than any beat takes: what is missing was not lost. */
static bool is_idle(const struct core *c, uint64_t age_us)
{
	return age_us >= c->cfg.interval_us + c->cfg.interval_us / 2;
}

/* For so long its first vector may be on its way, behind the answer that told of it. */
static uint64_t awake_left(const struct core *c, const struct peer_kernel *k)
{
	uint64_t most = 2 * c->cfg.interval_us;

	return k->awake_us < most ? most - k->awake_us : 0;
}

static void path_up(struct core *c, uint8_t node, uint8_t link, uint64_t silence_us)
{
	struct peer_kernel *k = &c->peers[node].kernel;

	k->link_silence_us[link] = silence_us;
	if (k->paths & 1U << link)
		return;
	k->paths = (uint8_t)(k->paths | 1U << link);
	struct event *e = core_say(c, EVENT_KERNEL_UP, node);
	e->arg[0] = link;
	e->arg[1] = k->rtt_us;
}

void kernel_answer(struct core *c, const struct core_event *event)
{
	const struct probe_answer *a = &event->probe.answer;
	uint8_t link = event->probe.link;
	struct peer_kernel *k;
	struct peer *p;
	uint64_t silence_us;

	if (a->from >= c->cfg.n_nodes || is_self(c, a->from) || link >= c->cfg.n_links)
		return;
	p = &c->peers[a->from];
	k = &p->kernel;
	if (a->incarnation != c->incarnation || !c->ready || !p->verified || /* rule D1 */
	    !ha_time_reached(a->stamp, c->now) || !ha_time_before(k->link_stamp[link], a->stamp))
		return;
	k->link_stamp[link] = a->stamp;
	silence_us = silence_since(c, a->stamp);
	if (!kernel_silence_left(c, a->from, silence_us))
		return;
	k->rtt_us = ha_time_since(c->now, a->stamp);
	path_up(c, a->from, link, silence_us);
	if (a->grant && !p->mismatch) /* rule K8 */
		lease_granted(c, a->from, a->stamp, a->lease_us);
	if (ha_time_before(a->stamp, k->stamp))
		return; /* a slower link */
	k->stamp = a->stamp;
	k->silence_us = silence_us;
	k->incarnation = a->from_incarnation;
	k->gone = a->gone;
	if (k->idle || is_idle(c, a->age_us))
		k->awake_us = 0;
	k->idle = is_idle(c, a->age_us);
	k->age_us = a->age_us;
	k->token = a->token;
	k->lease_epoch = a->lease_epoch;
	k->received = c->now;
}

/* Only an answer brings a path back. One that never answered is not told about. */
void kernel_judge_links(struct core *c, uint8_t node)
{
	struct peer_kernel *k = &c->peers[node].kernel;

	for (uint8_t i = 0; i < c->cfg.n_links; i++) {
		if (!(k->paths & 1U << i) || kernel_silence_left(c, node, k->link_silence_us[i]))
			continue;
		k->paths = (uint8_t)(k->paths & ~(1U << i));
		struct event *e = core_say(c, EVENT_KERNEL_DOWN, node);
		e->arg[0] = i;
		e->arg[1] = k->link_silence_us[i];
	}
}

uint64_t kernel_stall_limit(const struct core *c)
{
	return c->cfg.stall_timeout_us * c->ratio;
}

/*
 * By the word of its kernel, and by what came of it: one that goes on now and then, and of which
 * nothing ever comes, is not waited for any longer than one that does nothing.
 */
uint64_t kernel_stall_age(const struct core *c, unsigned int node)
{
	const struct peer *p = &c->peers[node];

	return p->kernel.age_us > p->silence_us ? p->kernel.age_us : p->silence_us;
}

uint64_t kernel_stall_left(const struct core *c, unsigned int node)
{
	const struct peer_kernel *k = &c->peers[node].kernel;
	uint64_t limit = kernel_stall_limit(c);
	uint64_t age = kernel_stall_age(c, node), left = limit > age ? limit - age : 0;
	uint64_t answers = kernel_silence_left(c, node, k->silence_us);

	left = left < answers ? left : answers;
	if (!k->idle && awake_left(c, k) < left)
		left = awake_left(c, k);
	return left;
}

bool kernel_stalled(const struct core *c, unsigned int node)
{
	const struct peer *p = &c->peers[node];
	const struct peer_kernel *k = &p->kernel;
	node_mask members = c->installed.members | c->accepted.members;

	return p->verified && !p->mismatch && !p->left_incarnation &&
	       node_mask_has(members, node) && k->incarnation == p->head.incarnation && !k->gone &&
	       (k->idle || p->stalled) && kernel_stall_left(c, node);
}

/* Rule K6. */
static bool grants(const struct core *c, uint8_t node)
{
	const struct peer *p = &c->peers[node];
	const struct peer_kernel *k = &p->kernel;

	return lease_may_grant(c, node) && k->incarnation == p->member_incarnation &&
	       k->lease_epoch && k->lease_epoch >= p->excluded;
}

void core_probe(struct core *c, uint8_t node, ha_time now, struct probe *ret)
{
	struct peer *p = &c->peers[node];

	*ret = (struct probe){
		.incarnation = c->incarnation,
		.stamp = ha_time_max(now, c->now),
		.lease_epoch = c->lease_epoch,
		.to_incarnation = p->echo_incarnation,
	};
	if (c->installed.epoch && !p->mismatch) { /* rules K5, D4 */
		ret->installed = c->installed.epoch;
		ret->outside = !node_mask_has(c->installed.members, node);
	}
	if (!grants(c, node))
		return;
	ret->grant = true;
	ret->token = p->kernel.token;
	ret->lease_us = core_lease_us(c);
	p->granted_clear =
		ha_time_max(p->granted_clear,
			    ha_time_add(p->kernel.received, lease_clear_us(c, ret->lease_us)));
}
