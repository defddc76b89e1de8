/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two halves (docs/fencing.md, rules X8, X9, X11, L9): when exactly half of the votes is enough.
 * For a lease it is when all the others were with us in this incarnation; for a view only when
 * each of them is certainly out.
 */
#include "core/internal.h"

/* Nodes without votes break no tie. */
node_mask core_voters(const struct core *c)
{
	node_mask mask = 0;

	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		mask |= c->cfg.nodes[n].votes ? node_bit(n) : 0;
	return mask;
}

bool core_majority(const struct core *c, node_mask mask)
{
	return core_votes(c, mask) * 2 > c->votes_total;
}

bool core_tie(const struct core *c, node_mask mask)
{
	return c->cfg.fence_tie && core_votes(c, mask) * 2 == c->votes_total;
}

/* Rule X9. */
bool core_quorate(const struct core *c, node_mask mask)
{
	return core_majority(c, mask) ||
	       (core_tie(c, mask) && !(core_voters(c) & ~mask & ~c->waived));
}

/*
 * Rule L9: also for who has joined a half whose view is installed: some member was with the others,
 * and waived them.
 */
bool waive_half_holds(const struct core *c, node_mask mask)
{
	if (!core_tie(c, mask))
		return false;
	return !(core_voters(c) & ~mask & ~c->with) ||
	       (c->installed.epoch && !(c->installed.members & ~mask));
}

/* Rule X9: the newest incarnation of `n` that we or those who want the same view have heard. */
static uint64_t newest_heard(const struct core *c, unsigned int n)
{
	uint64_t newest = c->peers[n].echo_incarnation;
	unsigned int b;

	node_mask_for_each (b, c->wanted & ~node_bit(c->self)) {
		const struct peer *p = &c->peers[b];

		if (p->verified && p->head.peer[n].incarnation > newest)
			newest = p->head.peer[n].incarnation;
	}
	return newest;
}

static bool is_out(const struct core *c, unsigned int n)
{
	const struct peer *p = &c->peers[n];
	uint64_t over = p->left_incarnation > p->fenced_incarnation ? p->left_incarnation
								    : p->fenced_incarnation;

	/* no life known, and off: only a person's word brings that here */
	return (over || p->fenced_at.us) && newest_heard(c, n) <= over &&
	       (!p->heard || p->left_incarnation == p->head.incarnation);
}

/*
 * Rule X4: whoever is in the same view and tells the same rows knows all that was ever accepted
 * before, and we know it too. A head alone may come before the rows.
 */
static void note_with(struct core *c)
{
	unsigned int n;

	node_mask_for_each (n, c->installed.members & ~node_bit(c->self) & ~c->with) {
		if (core_settled(c, n) && core_settled(c, c->self) && core_same_objects(c, n) &&
		    c->peers[n].head.intent_digest == c->intent_digest)
			c->with |= node_bit(n);
	}
}

void waive_step(struct core *c)
{
	node_mask others;
	unsigned int n;

	note_with(c);
	others = core_voters(c) & c->with & ~c->wanted & ~c->waived;
	if (!c->cfg.fence_tie || !c->wanted)
		return;
	node_mask_for_each (n, others) {
		const struct peer *p = &c->peers[n];

		if (!is_out(c, n))
			continue;
		c->waived |= node_bit(n);
		c->again = true;
		struct event *e = core_say(c, EVENT_VOTES_WAIVED, (uint8_t)n);
		e->arg[0] =
			p->left_incarnation >= p->fenced_incarnation ? PROOF_LEFT : PROOF_FENCED;
		e->arg[1] = p->left_incarnation >= p->fenced_incarnation ? p->left_incarnation
									 : p->fenced_incarnation;
	}
}

/* A view with them has been accepted: from now on they may know more than we. */
void waive_end(struct core *c, node_mask members)
{
	c->waived &= ~members;
}

void waive_forget(struct core *c)
{
	c->waived = c->with = c->by_person = 0;
}

/* Rules X7, X11: the newest incarnation that anybody knows of; 0: none. */
uint64_t waive_newest_known(const struct core *c, unsigned int n)
{
	uint64_t newest = c->peers[n].echo_incarnation;

	for (uint8_t b = 0; b < c->cfg.n_nodes; b++) {
		const struct peer *p = &c->peers[b];

		if (b != n && !is_self(c, b) && p->verified && p->head.peer[n].incarnation > newest)
			newest = p->head.peer[n].incarnation;
	}
	if (c->node_intents[n].version.epoch && c->node_intents[n].incarnation > newest)
		newest = c->node_intents[n].incarnation;
	return newest;
}

/*
 * Rule X11: to a block of epochs that is this node's alone, so that what the other half writes by a
 * person's word of its own is never taken for what we write; and by the time of the word, so that
 * the half that went on last wins. `seconds` of the calendar: if it is wrong, another half wins.
 */
static uint64_t own_block(const struct core *c, uint64_t seconds)
{
	uint64_t block = (c->epoch_seen >> CONFIRM_BLOCK_BITS) + 1;

	if (seconds < CONFIRM_SECONDS_MAX && block < seconds * NODES_MAX)
		block = seconds * NODES_MAX;

	while (block % NODES_MAX != c->self)
		block++;
	return block << CONFIRM_BLOCK_BITS;
}

uint8_t waive_confirm(struct core *c, const struct request *r)
{
	struct peer *p = &c->peers[r->target];
	uint64_t incarnation = waive_newest_known(c, r->target);

	if (is_self(c, r->target))
		return ANSWER_BAD_TARGET;
	if (p->heard)
		return ANSWER_TARGET_UP;
	fence_is_off(c, r->target, incarnation, c->now);
	if (c->cfg.fence_tie && !node_mask_has(c->with, r->target))
		c->epoch_seen = own_block(c, r->value);
	c->with |= node_bit(r->target);
	c->by_person |= node_bit(r->target);
	c->place_dirty = c->persist_wanted = c->again = true;
	struct event *e = core_say(c, EVENT_FENCE_BY_PERSON, r->target);
	e->arg[0] = incarnation;
	e->arg[1] = r->id.number;
	return ANSWER_ACCEPTED;
}
