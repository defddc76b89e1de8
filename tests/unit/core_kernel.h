/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TEST_CORE_KERNEL_H
#define HF_TEST_CORE_KERNEL_H

/*
 * The kernels of core_world.h: the state map of each node, probes that take DELAY_US each way, and
 * what the agent does to the map. hb/bpf/lease.h and writer.h decide, as in the real one.
 */
#include <linux/types.h>

#include "hb/bpf/writer.h"
#include "include/core.h"

#define NOTES 512

/* A probe or an answer on its way. */
struct note {
	ha_time at;
	uint8_t from, to;
	struct kernel_probe probe;
};

struct kernels {
	struct kernel_state node[NODES_MAX];
	bool gone[NODES_MAX]; /* no agent process is there */
	bool off[NODES_MAX];  /* answers nothing */
	uint64_t number[NODES_MAX],
		base[NODES_MAX]; /* of leases: of the last one, before this agent */
	struct note notes[NOTES];
	unsigned int n_notes;
	bool lose[NODES_MAX][NODES_MAX]; /* probes and answers */
	bool lose_probes[NODES_MAX][NODES_MAX];
	unsigned int answers, grants;
};

/* Rule K10. */
static inline void kernel_boot(struct kernels *k, const struct core_config *config, uint8_t i)
{
	struct kernel_state *s = &k->node[i];

	lease_take_over(s);
	k->base[i] = lease_generation(s->word);
	s->self = i;
	s->votes_self = config->nodes[i].votes;
	s->votes_total = 0;
	for (uint8_t n = 0; n < config->n_nodes; n++) {
		s->votes_total += config->nodes[n].votes;
		s->peer[n].votes = n == i ? 0 : config->nodes[n].votes;
		s->peer[n].configured = n != i;
	}
	s->progress_at = 0;
}

static inline void kernel_lease(struct kernels *k, uint8_t i, const struct core_action *a)
{
	k->number[i] = a->lease.number;
	lease_set_word(&k->node[i], k->base[i] + a->lease.number, a->lease.until.us, a->lease.epoch,
		       a->lease.installed);
}

static inline void kernel_send(struct kernels *k, const struct note *n)
{
	if (k->lose[n->from][n->to])
		return;
	assert_true(k->n_notes < NOTES);
	k->notes[k->n_notes++] = *n;
}

static inline void kernel_ask(struct kernels *k, uint8_t from, uint8_t to, const struct probe *p,
			      ha_time at)
{
	struct note n = {
		.at = at,
		.from = from,
		.to = to,
		.probe = {.type = KERNEL_PROBE,
			  .from = from,
			  .to = to,
			  .flags = (__u8)((p->grant ? KERNEL_FLAG_GRANT : 0) |
					  (p->outside ? KERNEL_FLAG_OUTSIDE : 0)),
			  .incarnation = p->incarnation,
			  .stamp = p->stamp.us,
			  .lease_epoch = p->lease_epoch,
			  .installed = p->installed,
			  .to_incarnation = p->to_incarnation,
			  .token = p->token,
			  .lease_us = p->lease_us},
	};

	k->grants += p->grant;
	if (!k->lose_probes[from][to])
		kernel_send(k, &n);
}

static inline struct core_event kernel_event(const struct kernel_probe *p)
{
	return (struct core_event){
		.type = CORE_EVENT_PROBE_ANSWER,
		.probe.answer = {.incarnation = p->incarnation,
				 .stamp = {p->stamp},
				 .from_incarnation = p->to_incarnation,
				 .token = p->token,
				 .lease_us = p->lease_us,
				 .lease_epoch = p->to_lease_epoch,
				 .progress = p->progress,
				 .age_us = p->age_us,
				 .from = p->from,
				 .grant = (p->flags & KERNEL_FLAG_GRANT) != 0,
				 .gone = (p->flags & KERNEL_FLAG_GONE) != 0,
				 .leased = (p->flags & KERNEL_FLAG_LEASED) != 0},
	};
}

/* A probe came in: the answer goes back. */
static inline void kernel_probed(struct kernels *k, struct note *n, uint64_t delay_us)
{
	struct note back = {.at = ha_time_add(n->at, delay_us), .from = n->to, .to = n->from};

	if (k->off[n->to] || !lease_answer(&k->node[n->to], &n->probe, k->gone[n->to], n->at.us))
		return;
	back.probe = n->probe;
	k->answers++;
	kernel_send(k, &back);
}

/* Rule K7. */
static inline struct core_event kernel_read(const struct kernels *k, uint8_t i)
{
	const struct kernel_state *s = &k->node[i];
	struct core_event e = {.type = CORE_EVENT_KERNEL, .kernel.lease = k->number[i]};

	for (uint8_t n = 0; n < NODES_MAX; n++)
		e.kernel.until[n].us = lease_granted_until(s, n);
	if (lease_refused(s, lease_generation(s->word))) {
		e.kernel.refused_epoch = s->refused_epoch;
		e.kernel.refused_by = (uint8_t)s->refused_by;
	}
	return e;
}

/* Rule K9: the answer is to be stepped before anything else is carried out. */
static inline struct core_event kernel_delegate(struct kernels *k, uint8_t i,
						const struct delegation *d)
{
	struct core_event e = {.type = CORE_EVENT_TAKEN_BACK, .taken_back.number = d->number};
	__u64 granted_at[NODES_MAX], incarnation[NODES_MAX], excluded[NODES_MAX];

	for (uint8_t n = 0; n < NODES_MAX; n++) {
		incarnation[n] = d->incarnation[n];
		excluded[n] = d->excluded[n];
	}
	lease_delegate(&k->node[i], incarnation, excluded, d->lease_us, granted_at);
	for (uint8_t n = 0; n < NODES_MAX; n++)
		e.taken_back.granted_at[n].us = granted_at[n];
	return e;
}

#endif
