/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Probes and their answers on the network: the same links, delays, losses and cuts as for vectors.
 * What comes is for the kernel of the receiver, or, answers, for the socket of its agent.
 */
#include "tests/sim/world.h"

#include <string.h>

/* ---- recordings ---- */

static void record(struct world *w, uint8_t from, const struct kernel_probe *p)
{
	struct net *net = &w->net;

	if (w->s->theme != THEME_REPLAY && w->s->theme != THEME_LEAVE && w->s->theme != THEME_STORM)
		return;
	if (!rng_chance(&net->rng, 100))
		return;
	net->probe[from][net->probes_recorded[from]++ % RECORDS_MAX] =
		(struct probe_record){.probe = *p, .valid = true};
}

static void arrive(struct world *w, uint64_t at, const struct kernel_probe *p)
{
	struct kernel_probe *copy = malloc(sizeof(*copy));

	if (!copy)
		abort();
	*copy = *p;
	world_push(w, at,
		   (struct happening_entry){.type = HAPPENS_PROBE,
					    .node = p->to,
					    .from = p->from,
					    .link = p->link,
					    .probe = copy});
}

void probe_replay(struct world *w, uint8_t from, uint8_t to, struct rng *rng)
{
	uint64_t at = w->now;

	for (unsigned int i = 0; i < RECORDS_MAX; i++) {
		const struct probe_record *r = &w->net.probe[from][i];

		if (!r->valid || r->probe.to != to || rng_chance(rng, 300))
			continue;
		at += rng_below(rng, w->s->config.interval_us / 2);
		arrive(w, at, &r->probe);
	}
}

/* ---- sending ---- */

void probe_transmit(struct world *w, uint8_t from, uint8_t to, const struct kernel_probe *p)
{
	const struct schedule *s = w->s;
	struct net *net = &w->net;
	uint32_t loss = w->repairing ? 0 : s->loss_permille + net->loss_permille;
	uint32_t twice = s->duplicate_permille + net->duplicate_permille;
	unsigned int copies = twice && rng_chance(&net->rng, twice) ? 2 : 1;

	record(w, from, p);
	if (net->cut[from][to][p->link] || net->cut_probes[from][to][p->link] ||
	    (loss && rng_chance(&net->rng, loss)))
		return;
	for (unsigned int i = 0; i < copies; i++) {
		uint64_t delay = s->delay_us + rng_below(&net->rng, s->delay_jitter_us + 1);

		if (net->delay_us && rng_chance(&net->rng, 500))
			delay += rng_below(&net->rng, net->delay_us);
		arrive(w, w->now + delay, p);
	}
}

static void ask(struct world *w, struct node *n, uint8_t to)
{
	struct kernel_probe p = {.type = KERNEL_PROBE, .from = n->id, .to = to};
	struct probe probe = {0};

	core_probe(n->core, to, (ha_time){node_local(n, w->now)}, &probe);
	if (!probe.incarnation)
		return;
	p.flags = (uint8_t)((probe.grant ? KERNEL_FLAG_GRANT : 0) |
			    (probe.outside ? KERNEL_FLAG_OUTSIDE : 0));
	p.incarnation = probe.incarnation;
	p.stamp = probe.stamp.us;
	p.lease_epoch = probe.lease_epoch;
	p.installed = probe.installed;
	p.to_incarnation = probe.to_incarnation;
	p.token = probe.grant ? probe.token : 0;
	p.lease_us = probe.grant ? probe.lease_us : 0;
	for (uint8_t link = 0; link < n->config.n_links; link++) {
		struct probe_path *path = &n->kernel.path[to][link];

		if (path->probed >= p.stamp)
			continue;
		path->probed = p.stamp;
		p.link = link;
		probe_transmit(w, n->id, to, &p);
	}
}

void probe_send(struct world *w, struct node *n)
{
	for (uint8_t to = 0; n->kernel.probes && to < n->config.n_nodes; to++)
		if (to != n->id)
			ask(w, n, to);
}
