/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Having other nodes switched off (docs/fencing.md, rules X1 to X6): who is to be fenced, by whom,
 * and what is told of it. This node's own work is in execute.c.
 */
#include "core/internal.h"

static bool wanted_any(const struct core *c)
{
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		if (c->intents[g].wanted == WANTED_ONLINE)
			return true;
	return false;
}

/* ---- rules X1, X2: whom, by the coordinator or the lowest node of a tie ---- */

/* Rules X2, X4: this node speaks for a half whose other half has fallen silent. */
static bool in_tie(const struct core *c)
{
	node_mask others = core_voters(c) & ~c->wanted;
	unsigned int n;

	if (!c->wanted || node_mask_first(c->wanted) != c->self || !core_tie(c, c->wanted) ||
	    core_quorate(c, c->wanted) || !view_agreed(c) || (others & ~c->with))
		return false;
	node_mask_for_each (n, others) {
		if (c->peers[n].heard)
			return false;
	}
	return wanted_any(c) && c->mode == NODE_MODE_ONLINE && !place_leaves(c, c->self);
}

static bool decides(const struct core *c)
{
	return is_coordinator(c) && core_settled(c, c->self) && c->reaffirmed;
}

/* Rule X3: who is heard, or a member whose silence the view does not know of, is let alone. */
static bool may_be_fenced(const struct core *c, unsigned int n)
{
	return !is_self(c, n) && !c->peers[n].heard && c->cfg.nodes[n].n_fence_levels;
}

/* ---- rule X5: by whom ---- */

static uint8_t check_of(const struct core *c, unsigned int by, unsigned int target)
{
	return is_self(c, by) ? c->fence_rows[target].check : c->peers[by].fences[target].check;
}

static bool has_failed(const struct core *c, unsigned int by, unsigned int target)
{
	uint8_t state =
		is_self(c, by) ? c->fence_jobs[target].state : c->peers[by].fences[target].state;

	return state == FENCE_FAILED;
}

static bool can_work(const struct core *c, unsigned int n)
{
	return node_mask_has(c->installed.members, n) &&
	       (is_self(c, n) || (c->peers[n].heard && !c->peers[n].stalled));
}

static bool is_good(const struct core *c, unsigned int by, unsigned int target)
{
	uint8_t check = check_of(c, by, target);

	return (check == FENCE_CHECK_NORMAL || check == FENCE_CHECK_DEGRADED) &&
	       !has_failed(c, by, target);
}

/* The lowest member whose devices are well and who has not failed; NODE_NONE. */
static uint8_t good_member(const struct core *c, unsigned int target)
{
	unsigned int n;

	node_mask_for_each (n, c->installed.members) {
		if (can_work(c, n) && is_good(c, n, target))
			return (uint8_t)n;
	}
	return NODE_NONE;
}

static uint8_t choose_executor(const struct core *c, unsigned int target)
{
	const struct fence_row *row = &c->fence_rows[target];
	uint8_t other = good_member(c, target);

	if (row->by < c->cfg.n_nodes && row->by_epoch == c->installed.epoch &&
	    can_work(c, row->by) && (!has_failed(c, row->by, target) || other == NODE_NONE))
		return row->by;
	if (check_of(c, c->self, target) != FENCE_CHECK_ERROR && !has_failed(c, c->self, target))
		return c->self;
	return other != NODE_NONE ? other : c->self;
}

void fence_say_ordered(struct core *c, uint8_t target, uint8_t by, enum fence_why why)
{
	struct event *e = core_say(c, EVENT_FENCE_ORDERED, target);

	e->arg[0] = by;
	e->arg[1] = why;
	e->arg[2] = c->peers[target].silence_us;
	e->arg[3] = c->installed.members;
}

static void order(struct core *c, uint8_t target, uint8_t by, enum fence_why why)
{
	struct fence_row *row = &c->fence_rows[target];
	uint64_t epoch = by == NODE_NONE ? 0 : c->installed.epoch;

	if (row->by == by && row->by_epoch == epoch)
		return;
	row->by = by;
	row->by_epoch = epoch;
	c->again = true;
	if (by != NODE_NONE)
		fence_say_ordered(c, target, by, why);
}

/* The rows of who does not decide are tell_job()'s. */
static void decide(struct core *c)
{
	bool may = !core_suspended(c);
	unsigned int n;

	if (!decides(c))
		return;
	node_mask_for_each (n, core_all(c)) {
		bool needed = may && node_mask_has(c->fence_needed, n) &&
			      !node_mask_has(c->installed.members, n) && may_be_fenced(c, n);

		order(c, (uint8_t)n, needed ? choose_executor(c, n) : (uint8_t)NODE_NONE,
		      FENCE_WHY_GROUP);
	}
}

/* ---- this node as executor ---- */

/* Who is to do it by the coordinator's word; NODE_NONE. */
static uint8_t told_by(const struct core *c, unsigned int target)
{
	uint8_t k = c->installed.coordinator;
	const struct fence_row *row;

	if (!c->installed.epoch || node_mask_has(c->installed.members, target))
		return NODE_NONE;
	if (!is_self(c, k) && (!c->peers[k].heard || !core_settled(c, k)))
		return NODE_NONE;
	row = is_self(c, k) ? &c->fence_rows[target] : &c->peers[k].fences[target];
	return row->by < c->cfg.n_nodes && row->by_epoch == c->installed.epoch ? row->by
									       : (uint8_t)NODE_NONE;
}

static enum fence_told told_here(const struct core *c, unsigned int target, bool tie)
{
	uint8_t by;

	if (!may_be_fenced(c, target) || core_suspended(c))
		return FENCE_NOT_TOLD;
	by = told_by(c, target);
	/* rule X5: one at a time, also if it has become a tie since */
	if (by != NODE_NONE && (is_self(c, by) || can_work(c, by)))
		return !is_self(c, by) ? FENCE_NOT_TOLD
		       : tie	       ? FENCE_TOLD_BOTH
				       : FENCE_TOLD_BY_VIEW;
	return tie && node_mask_has(core_voters(c) & ~c->wanted & ~c->waived, target)
		       ? FENCE_TOLD_BY_TIE
		       : FENCE_NOT_TOLD;
}

void fence_checked(struct core *c, const struct core_event *event)
{
	uint8_t target = event->fence_check.target, check = event->fence_check.check;
	struct fence_row *row;

	if (target >= c->cfg.n_nodes || is_self(c, target) || check >= FENCE_CHECK_COUNT_)
		return;
	row = &c->fence_rows[target];
	if (row->check == check)
		return;
	struct event *e = core_say(c, EVENT_FENCE_CHECK, target);
	e->arg[0] = check;
	e->arg[1] = row->check;
	core_say_text(e, event->fence_check.text);
	row->check = check;
	c->again = true;
}

void fence_is_off(struct core *c, uint8_t target, uint64_t incarnation, ha_time at)
{
	struct peer *p = &c->peers[target];

	/* two facts: lives up to that one are over; it was off at that time */
	if (incarnation <= p->fenced_incarnation && !ha_time_before(p->fenced_at, at))
		return;
	if (incarnation > p->fenced_incarnation)
		p->fenced_incarnation = incarnation;
	p->fenced_at = ha_time_max(p->fenced_at, at);
	c->place_dirty = c->again = true;
}

/* Rule X6: in which view's order it was confirmed. A coordinator's row tells its orders. */
static void tell_job(struct core *c, uint8_t target)
{
	struct fence_row *row = &c->fence_rows[target];
	const struct fence_job *job = &c->fence_jobs[target];

	if (decides(c))
		return;
	row->by = job->state == FENCE_CONFIRMED && job->epoch ? c->self : (uint8_t)NODE_NONE;
	row->by_epoch = row->by == NODE_NONE ? 0 : job->epoch;
}

void fence_step(struct core *c)
{
	bool tie = in_tie(c);

	decide(c);
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		struct fence_row *row = &c->fence_rows[n];

		if (!is_self(c, n))
			execute_order(c, n, told_here(c, n, tie));
		row->state = c->fence_jobs[n].state;
		tell_job(c, n);
		row->off = is_self(c, n) ? 0 : c->peers[n].fenced_incarnation;
	}
}

/* Rule X6: that it is off; and since when, if that is the answer to an order of our view. */
static void take_off(struct core *c, uint8_t node, uint8_t target)
{
	const struct fence_row *row = &c->peers[node].fences[target];
	bool ours = is_coordinator(c) && row->state == FENCE_CONFIRMED && row->by == node &&
		    row->by_epoch == c->installed.epoch;

	if (row->off || ours)
		fence_is_off(c, target, row->off, ours ? c->installed_at : HA_TIME_ZERO);
}

void fence_heard(struct core *c, uint8_t node, const struct vector *v)
{
	struct peer *p = &c->peers[node];

	for (uint16_t i = 0; i < v->n_fences && v->first_fence + i < c->cfg.n_nodes; i++) {
		uint8_t n = (uint8_t)(v->first_fence + i);

		p->fences[n] = v->fences[i];
		if (!is_self(c, n) && n != node)
			take_off(c, node, n);
	}
}

void core_fence_info(const struct core *c, uint8_t target, ha_time now, struct core_fence_info *ret)
{
	const struct fence_job *job = &c->fence_jobs[target];
	const struct peer *p = &c->peers[target];
	uint8_t k = c->installed.coordinator;

	*ret = (struct core_fence_info){
		.here = c->fence_rows[target],
		.executor = NODE_NONE,
		.level = job->level,
		.try_number = job->tries,
		.rounds = job->rounds,
		.off = p->fenced_incarnation,
		.confirmed_by_person = node_mask_has(c->by_person, target),
		.waived = node_mask_has(c->waived, target),
		.with = node_mask_has(c->with, target),
	};
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		ret->check_by[n] = check_of(c, n, target);
	if (c->installed.epoch && !node_mask_has(c->installed.members, target)) {
		const struct fence_row *row =
			is_self(c, k) ? &c->fence_rows[target] : &c->peers[k].fences[target];

		if (row->by_epoch == c->installed.epoch)
			ret->executor = row->by;
	}
	if (job->state != FENCE_IDLE)
		ret->executor = c->self;
	if (job->state == FENCE_DELAYED || job->state == FENCE_FAILED)
		ret->wait_us = ha_time_since(job->due, now);
	ret->state = ret->executor == NODE_NONE || is_self(c, ret->executor)
			     ? job->state
			     : c->peers[ret->executor].fences[target].state;
}
