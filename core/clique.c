/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The best clique of mutual hearing (rule V1): most votes, then most members, then most members
 * of the newest installed view, then the lower ids. Exact search (Bron and Kerbosch 1973, with a
 * bound on the votes still to win); at most 32 nodes, and mostly all of them hear each other.
 */
#include "core/internal.h"

struct search {
	const struct clique_input *in;
	const uint32_t *votes;
	node_mask best;
};

static uint32_t votes_of(const struct search *s, node_mask mask)
{
	uint32_t sum = 0;
	unsigned int n;

	node_mask_for_each (n, mask)
		sum += s->votes[n];
	return sum;
}

/* The one with the lowest id that is not in both; a total order, so that all nodes agree. */
static bool lower_ids(node_mask a, node_mask b)
{
	node_mask differ = a ^ b;

	return differ && node_mask_has(a, node_mask_first(differ));
}

static bool better(const struct search *s, node_mask a, node_mask b)
{
	uint32_t va = votes_of(s, a), vb = votes_of(s, b);
	unsigned int ca = node_mask_count(a), cb = node_mask_count(b);
	unsigned int pa = node_mask_count(a & s->in->preferred);
	unsigned int pb = node_mask_count(b & s->in->preferred);

	if (va != vb)
		return va > vb;
	if (ca != cb)
		return ca > cb;
	if (pa != pb)
		return pa > pb;
	return lower_ids(a, b);
}

/* `clique` is one; every node of `open` is a neighbour of all of it. Depth is at most 32. */
static void extend(struct search *s, node_mask clique, node_mask open)
{
	if (better(s, clique, s->best))
		s->best = clique;
	while (open) {
		unsigned int n = node_mask_first(open);

		if (votes_of(s, clique | open) < votes_of(s, s->best))
			return;
		extend(s, clique | node_bit(n), open & s->in->edges[n]);
		open &= ~node_bit(n);
	}
}

node_mask clique_best(const struct clique_input *in, unsigned int self,
		      const uint32_t votes[NODES_MAX])
{
	struct search s = {.in = in, .votes = votes, .best = node_bit(self)};
	node_mask all = (in->candidates & in->edges[self]) | node_bit(self);
	bool complete = true; /* the usual case: everybody hears everybody */
	unsigned int n;

	node_mask_for_each (n, all)
		complete = complete && !(all & ~in->edges[n] & ~node_bit(n));
	if (complete)
		return all;
	extend(&s, node_bit(self), all & ~node_bit(self));
	return s.best;
}
