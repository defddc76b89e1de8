/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel of each node, and what its agent does with it. The map is the real one and is only
 * touched by hb/bpf/lease.h and hb/bpf/writer.h, as in the programs and in hb/kernel. It lives as
 * long as the machine has power, runs while the agent is frozen or gone, and stands still with a
 * paused machine.
 */
#include "tests/sim/world.h"

#include "hb/bpf/writer.h"

#include <string.h>

static uint64_t now_of(const struct world *w, const struct node *n)
{
	return node_local(n, w->now);
}

/* ---- the machine ---- */

void kernel_power_on(struct world *w, struct node *n)
{
	struct sim_kernel *k = &n->kernel;
	struct rng rng = rng_make(w->s->seed, 3000U + n->id + 64 * n->run);

	memset(&k->map, 0, sizeof(k->map));
	k->n_late = 0;
	/* as after many leases: generations come round */
	if (k->works && rng_chance(&rng, 200))
		k->map.word = rng_range(&rng, 4090, 4095) << KERNEL_TIME_BITS;
}

void kernel_take_over(struct world *w, struct node *n)
{
	const struct core_config *c = &w->s->config;
	struct sim_kernel *k = &n->kernel;
	struct kernel_state *s = &k->map;

	memset(k->path, 0, sizeof(k->path));
	if (!k->works)
		return;
	if (kernel_until(n) > n->lease_end_local)
		n->lease_end_local = kernel_until(n);
	lease_take_over(s);
	if (kernel_leased(w, n))
		world_violate(w, "K10", "n%u: a lease is older than its agent", n->id);
	k->base = lease_generation(s->word);
	s->self = n->id;
	s->n_nodes = c->n_nodes;
	s->n_links = c->n_links;
	s->votes_self = s->votes_total = c->nodes[n->id].votes;
	for (unsigned int i = 0; i < c->n_nodes; i++) {
		if (i == n->id)
			continue;
		s->peer[i].votes = c->nodes[i].votes;
		s->peer[i].configured = 1;
		s->votes_total += c->nodes[i].votes;
	}
}

void kernel_agent_gone(struct node *n)
{
	memset(n->kernel.path, 0, sizeof(n->kernel.path));
}

bool kernel_leased(const struct world *w, const struct node *n)
{
	return lease_valid(&n->kernel.map, now_of(w, n));
}

/* The latest instant at which rule K3 holds if nothing more comes, refusals left aside. */
uint64_t kernel_until(const struct node *n)
{
	const struct kernel_state *s = &n->kernel.map;
	uint64_t until = lease_time(s->word), best = 0;

	if (until == 0)
		return 0;
	/* it is the end of some grant, and more grants run until an earlier one */
	for (uint32_t i = 0; i < n->config.n_nodes; i++) {
		uint64_t at = lease_granted_until(s, i);

		if (at > best && lease_granted(s, lease_generation(s->word), at - 1))
			best = at;
	}
	return until > best ? until : best;
}

/* ---- the agent's glue ---- */

void kernel_sent(struct world *w, struct node *n, uint64_t sequence)
{
	struct kernel_state *s = &n->kernel.map;
	struct core_self_info self;

	if (!n->kernel.works)
		return;
	s->progress = sequence;
	s->progress_at = now_of(w, n);
	/* only what is on disk is told to anybody (rule P1): not before the first vector */
	core_self_info(n->core, HA_TIME_ZERO, &self);
	s->incarnation = self.incarnation;
}

void kernel_lease(struct world *w, struct node *n, const struct core_action *a)
{
	uint64_t before = kernel_until(n), now = now_of(w, n);

	lease_set_word(&n->kernel.map, n->kernel.base + a->lease.number, a->lease.until.us,
		       a->lease.epoch, a->lease.installed);
	if (a->lease.until.us)
		n->lease_end_local = kernel_until(n);
	else if (before) /* it ends now, if it has not before */
		n->lease_end_local = before < now ? before : now;
	if (!kernel_leased(w, n))
		n->just_woke = false;
}

void kernel_delegate(struct world *w, struct node *n, struct core_event *ret)
{
	__u64 incarnation[NODES_MAX], excluded[NODES_MAX], granted_at[NODES_MAX];
	struct delegation d;

	(void)w;
	core_delegation(n->core, &d);
	for (unsigned int i = 0; i < NODES_MAX; i++) {
		incarnation[i] = d.incarnation[i];
		excluded[i] = d.excluded[i];
	}
	lease_delegate(&n->kernel.map, incarnation, excluded, d.lease_us, granted_at);
	*ret = (struct core_event){.type = CORE_EVENT_TAKEN_BACK};
	ret->taken_back.number = d.number;
	for (unsigned int i = 0; i < NODES_MAX; i++)
		ret->taken_back.granted_at[i] = (ha_time){granted_at[i]};
	trace(w, n->id, "kernel  delegation %llu", (unsigned long long)d.number);
}

bool kernel_due(const struct world *w, const struct node *n)
{
	const struct kernel_state *s = &n->kernel.map;

	return n->kernel.works && lease_time(s->word) &&
	       (lease_time(s->word) <= now_of(w, n) || lease_refused(s, lease_generation(s->word)));
}

void kernel_read(const struct world *w, const struct node *n, struct core_event *ret)
{
	const struct kernel_state *s = &n->kernel.map;
	uint64_t generation = lease_generation(s->word);

	(void)w;
	*ret = (struct core_event){.type = CORE_EVENT_KERNEL};
	ret->kernel.lease = (generation - n->kernel.base) & LEASE_GENERATION_MASK;
	for (uint32_t i = 0; i < n->config.n_nodes; i++)
		ret->kernel.until[i] = (ha_time){lease_granted_until(s, i)};
	if (lease_refused(s, generation)) {
		ret->kernel.refused_epoch = s->refused_epoch;
		ret->kernel.refused_by = (uint8_t)s->refused_by;
	}
}

/* ---- answers, as hb_lan hands them to the agent ---- */

static void hand_over(struct world *w, struct node *n, const struct kernel_probe *p)
{
	struct core_event event = {.type = CORE_EVENT_PROBE_ANSWER, .probe.link = p->link};
	struct probe_answer *a = &event.probe.answer;

	*a = (struct probe_answer){
		.incarnation = p->incarnation,
		.stamp = {p->stamp},
		.from_incarnation = p->to_incarnation,
		.token = p->token,
		.lease_us = p->lease_us,
		.lease_epoch = p->to_lease_epoch,
		.progress = p->progress,
		.age_us = p->age_us,
		.from = p->from,
		.grant = p->flags & KERNEL_FLAG_GRANT,
		.gone = p->flags & KERNEL_FLAG_GONE,
		.leased = p->flags & KERNEL_FLAG_LEASED,
	};
	w->counts.answers++;
	node_event(w, n, &event);
}

/* What lan_take_answer() refuses. */
static bool is_new(const struct world *w, const struct node *n, struct probe_path *path,
		   const struct kernel_probe *p, uint64_t arrived)
{
	struct core_self_info self;
	uint64_t timeout = n->config.timeout_us, now = now_of(w, n);

	core_self_info(n->core, HA_TIME_ZERO, &self);
	if (p->incarnation != self.incarnation || p->stamp > path->probed ||
	    p->stamp <= path->answered)
		return false;
	path->answered = p->stamp;
	return arrived - p->stamp <= timeout && now - arrived <= timeout;
}

static void take_answer(struct world *w, struct node *n, const struct kernel_probe *p)
{
	struct probe_path *path = &n->kernel.path[p->from][p->link];

	if (!n->core)
		return;
	if (!node_stalled(n)) {
		if (is_new(w, n, path, p, now_of(w, n)))
			hand_over(w, n, p);
		return;
	}
	if (path->count >= w->s->inbox)
		return; /* the socket's buffer is full */
	path->count++;
	if (path->waits && path->newest.incarnation == p->incarnation &&
	    path->newest.stamp >= p->stamp)
		return;
	path->newest = *p;
	path->arrived = now_of(w, n);
	path->waits = true;
}

void kernel_read_answers(struct world *w, struct node *n)
{
	for (unsigned int i = 0; i < n->config.n_nodes; i++) {
		for (unsigned int k = 0; k < n->config.n_links; k++) {
			struct probe_path *path = &n->kernel.path[i][k];
			struct kernel_probe answer = path->newest;
			bool waits = path->waits;

			path->waits = false;
			path->count = 0;
			if (waits && n->core && !w->violated && !node_stalled(n) &&
			    is_new(w, n, path, &answer, path->arrived))
				hand_over(w, n, &answer);
		}
	}
}

/* ---- what reaches the machine ---- */

/* L6, K5, from outside: does this tell the kernel that its node was removed? */
static bool is_refusal(const struct node *n, const struct kernel_probe *p)
{
	return p->flags & KERNEL_FLAG_OUTSIDE && p->to_incarnation == n->kernel.map.incarnation &&
	       n->kernel.map.installed && p->installed > n->kernel.map.installed;
}

static void take_probe(struct world *w, struct node *n, const struct kernel_probe *p)
{
	struct kernel_state *s = &n->kernel.map;
	struct kernel_probe answer = *p;
	bool leased = kernel_leased(w, n);
	uint8_t prober = p->from;

	w->counts.probes++;
	if (!lease_answer(s, &answer, !n->core, now_of(w, n)))
		return;
	if (is_refusal(n, p))
		n->just_woke = false;
	if (!leased && kernel_leased(w, n)) /* only the agent begins one (K2, V6) */
		world_violate(w, "K4", "n%u: a lease that has lapsed is valid again", n->id);
	if (leased && !kernel_leased(w, n))
		trace(w, n->id, "kernel  is refused its lease by n%u, epoch %llu", prober,
		      (unsigned long long)s->refused_epoch);
	if (w->trace.datagrams)
		trace(w, n->id, "kernel  answers n%u: age %llu%s%s%s", prober,
		      (unsigned long long)answer.age_us,
		      answer.flags & KERNEL_FLAG_GRANT ? ", grants" : "",
		      answer.flags & KERNEL_FLAG_GONE ? ", gone" : "",
		      answer.flags & KERNEL_FLAG_LEASED ? ", leased" : "");
	probe_transmit(w, n->id, prober, &answer);
}

void kernel_receive(struct world *w, struct node *n, const struct kernel_probe *p)
{
	struct sim_kernel *k = &n->kernel;

	if (!n->up)
		return;
	if (p->type == KERNEL_ANSWER) {
		take_answer(w, n, p);
	} else if (!k->works) {
		return; /* it reaches the agent, which counts and drops it */
	} else if (!n->paused) {
		take_probe(w, n, p);
	} else if (k->n_late < w->s->inbox) {
		k->late = realloc(k->late, (k->n_late + 1) * sizeof(*k->late));
		if (!k->late)
			abort();
		k->late[k->n_late++] = *p;
	}
}

void kernel_wake(struct world *w, struct node *n)
{
	size_t n_late = n->kernel.n_late;

	n->kernel.n_late = 0;
	for (size_t i = 0; i < n_late; i++)
		take_probe(w, n, &n->kernel.late[i]);
}
