/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Having other nodes switched off (docs/fencing.md, rules X1 to X7, X10): the coordinator's choice
 * of who does it, and this node's own work as executor, one target at a time each.
 *
 *   IDLE --ordered--> DELAYED --> RUNNING --confirmed--> CONFIRMED --heard--> IDLE
 *                        ^           | every level has failed
 *                        +--later-- FAILED
 */
#include "core/internal.h"

enum why { WHY_GROUP, WHY_TIE };
enum cancel { CANCEL_HEARD, CANCEL_GONE, CANCEL_PROVEN, CANCEL_SUSPENDED };
enum switched { SWITCHING_ON, SWITCHED_ON, NOT_SWITCHED_ON };

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

static void say_ordered(struct core *c, uint8_t target, uint8_t by, enum why why)
{
	struct event *e = core_say(c, EVENT_FENCE_ORDERED, target);

	e->arg[0] = by;
	e->arg[1] = why;
	e->arg[2] = c->peers[target].silence_us;
	e->arg[3] = c->installed.members;
}

static void order(struct core *c, uint8_t target, uint8_t by, enum why why)
{
	struct fence_row *row = &c->fence_rows[target];

	if (row->by == by && row->by_epoch == c->installed.epoch)
		return;
	row->by = by;
	row->by_epoch = by == NODE_NONE ? 0 : c->installed.epoch;
	c->again = true;
	if (by != NODE_NONE)
		say_ordered(c, target, by, why);
}

static void decide(struct core *c)
{
	bool may = decides(c) && !core_suspended(c);
	unsigned int n;

	node_mask_for_each (n, core_all(c)) {
		bool needed = may && node_mask_has(c->fence_needed, n) &&
			      !node_mask_has(c->installed.members, n) && may_be_fenced(c, n);

		order(c, (uint8_t)n, needed ? choose_executor(c, n) : (uint8_t)NODE_NONE,
		      WHY_GROUP);
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

static bool told_to(const struct core *c, unsigned int target)
{
	return told_by(c, target) == c->self;
}

static bool ordered(const struct core *c, unsigned int target, bool tie)
{
	if (!may_be_fenced(c, target) || core_suspended(c))
		return false;
	uint8_t by = told_by(c, target);

	/* rule X5: one at a time, also if it has become a tie since */
	if (by != NODE_NONE && (is_self(c, by) || can_work(c, by)))
		return is_self(c, by);
	return tie && node_mask_has(core_voters(c) & ~c->wanted & ~c->waived, target);
}

static uint32_t groups_of(const struct core *c, node_mask half)
{
	uint32_t n = 0;

	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		n += c->intents[g].wanted == WANTED_ONLINE && c->intents[g].owner != NODE_NONE &&
		     node_mask_has(half, c->intents[g].owner);
	return n;
}

/* Rule X10: they should survive rather than we. */
static bool others_first(const struct core *c)
{
	node_mask theirs = core_voters(c) & ~c->wanted;
	uint32_t have = groups_of(c, theirs), ours = groups_of(c, c->wanted);

	return have > ours ||
	       (have == ours && theirs && node_mask_first(theirs) < node_mask_first(c->wanted));
}

static void delay(struct core *c, uint8_t target, bool tie)
{
	const struct peer_kernel *kernel = &c->peers[target].kernel;
	struct fence_job *job = &c->fence_jobs[target];
	uint64_t own_us = c->cfg.nodes[target].fence_delay_us;
	uint64_t priority_us = others_first(c) ? c->cfg.fence_priority_us : 0;

	job->due = c->now;
	if (!tie || (kernel->gone && kernel->paths) || !(own_us + priority_us))
		return;
	job->due = ha_time_add(c->now, own_us + priority_us);
	struct event *e = core_say(c, EVENT_FENCE_DELAYED, target);
	e->arg[0] = own_us + priority_us;
	e->arg[1] = own_us;
	e->arg[2] = priority_us;
}

static struct core_action *act(struct core *c, uint8_t target, uint8_t level, enum fence_order what)
{
	struct core_action *a = core_act(c, CORE_ACTION_FENCE);

	a->fence.operation = operation_next(c);
	a->fence.target = target;
	a->fence.level = level;
	a->fence.order = (uint8_t)what;
	return a;
}

static ha_time limit(const struct core *c, uint8_t target, uint8_t level)
{
	return ha_time_add(c->now, c->cfg.nodes[target].fence_timeout_us[level] + KILL_GRACE_US);
}

static void try_level(struct core *c, uint8_t target)
{
	struct fence_job *job = &c->fence_jobs[target];

	job->state = FENCE_RUNNING;
	job->started = c->now;
	job->deadline = limit(c, target, job->level);
	job->incarnation = waive_newest_known(c, target);
	job->cancelled = false;
	struct event *e = core_say(c, EVENT_FENCE_STARTED, target);
	e->arg[0] = job->level + 1U;
	e->arg[1] = job->tries + 1U;
	e->arg[2] = job->incarnation;
	e->arg[3] = c->peers[target].silence_us;
	job->operation = act(c, target, job->level, FENCE_ORDER_OFF)->fence.operation;
}

static void cancel(struct core *c, uint32_t operation, uint8_t target)
{
	struct core_action *a = core_act(c, CORE_ACTION_FENCE_CANCEL);

	a->fence.operation = operation;
	a->fence.target = target;
}

static void begin(struct core *c, uint8_t target, bool tie)
{
	struct fence_job *job = &c->fence_jobs[target];
	bool waits = job->rounds && !ha_time_reached(job->due, c->now);

	job->since = c->now;
	job->epoch = c->installed.epoch;
	job->level = job->tries = 0;
	if (tie && !told_to(c, target))
		say_ordered(c, target, c->self, WHY_TIE);
	if (waits) { /* it has failed just now, for somebody else's order */
		job->state = FENCE_FAILED;
		return;
	}
	job->state = FENCE_DELAYED;
	delay(c, target, tie);
}

static uint64_t retry_wait(const struct core *c, uint32_t rounds)
{
	unsigned int shift = rounds > 4 ? 4 : rounds ? rounds - 1 : 0;
	uint64_t most = c->cfg.fence_retry_wait_us * 10, wait = c->cfg.fence_retry_wait_us << shift;

	return wait > most ? most : wait;
}

/* Rule X7. */
static void exhausted(struct core *c, uint8_t target)
{
	struct fence_job *job = &c->fence_jobs[target];
	uint64_t wait_us;

	job->rounds++;
	wait_us = retry_wait(c, job->rounds);
	job->state = FENCE_FAILED;
	job->due = ha_time_add(c->now, wait_us);
	struct event *e = core_say(c, EVENT_FENCE_EXHAUSTED, target);
	e->arg[0] = c->cfg.nodes[target].n_fence_levels;
	e->arg[1] = job->rounds;
	e->arg[2] = wait_us;
}

static void next_try(struct core *c, uint8_t target)
{
	struct fence_job *job = &c->fence_jobs[target];

	if (job->tries < c->cfg.fence_retries) {
		job->tries++;
	} else {
		job->tries = 0;
		job->level++;
	}
	if (job->level < c->cfg.nodes[target].n_fence_levels)
		try_level(c, target);
	else
		exhausted(c, target);
}

static void failed(struct core *c, uint8_t target, const char *text)
{
	struct fence_job *job = &c->fence_jobs[target];

	job->operation = 0;
	struct event *e = core_say(c, EVENT_FENCE_FAILED, target);
	e->arg[0] = job->level + 1U;
	e->arg[1] = job->tries + 1U;
	e->arg[2] = ha_time_since(c->now, job->started);
	core_say_text(e, text);
	if (job->cancelled)
		job->state = FENCE_IDLE;
	else
		next_try(c, target);
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

/* Rule X7b. The proof has been made; nothing waits for this. */
static void switch_on(struct core *c, uint8_t target, uint8_t level)
{
	struct fence_job *job = &c->fence_jobs[target];

	if (!c->cfg.fence_reboot || c->peers[target].heard || c->peers[target].left_incarnation)
		return; /* who has left in good order may be off for a reason */
	job->on_deadline = limit(c, target, level);
	job->on_level = level;
	job->on_operation = act(c, target, level, FENCE_ORDER_ON)->fence.operation;
	struct event *e = core_say(c, EVENT_FENCE_ON, target);
	e->arg[0] = SWITCHING_ON;
	e->arg[1] = level + 1U;
}

static void confirmed(struct core *c, uint8_t target, const char *text)
{
	struct fence_job *job = &c->fence_jobs[target];

	job->operation = 0;
	job->rounds = 0;
	job->state = FENCE_CONFIRMED;
	struct event *e = core_say(c, EVENT_FENCE_CONFIRMED, target);
	e->arg[0] = job->level + 1U;
	e->arg[1] = ha_time_since(c->now, job->started);
	e->arg[2] = job->incarnation;
	e->arg[3] = ha_time_since(c->now, job->since);
	core_say_text(e, text);
	c->by_person &= ~node_bit(target);
	fence_is_off(c, target, job->incarnation, job->started);
	switch_on(c, target, job->level);
}

static void switched_on(struct core *c, uint8_t target, bool ok, const char *text)
{
	struct fence_job *job = &c->fence_jobs[target];

	job->on_operation = 0;
	struct event *e = core_say(c, EVENT_FENCE_ON, target);
	e->arg[0] = ok ? SWITCHED_ON : NOT_SWITCHED_ON;
	e->arg[1] = job->on_level + 1U;
	core_say_text(e, text);
}

void fence_done(struct core *c, const struct core_event *event)
{
	uint32_t operation = event->fence_done.operation;
	bool ok = event->fence_done.result == RESOURCE_RESULT_OK;
	const char *text = event->fence_done.text;

	for (uint8_t n = 0; operation && n < c->cfg.n_nodes; n++) {
		struct fence_job *job = &c->fence_jobs[n];

		if (job->on_operation == operation)
			switched_on(c, n, ok, text);
		else if (job->operation == operation && ok)
			confirmed(c, n, text); /* rule X3: also when it was cancelled */
		else if (job->operation == operation)
			failed(c, n, text);
	}
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

/* Rule X3. */
static void give_up(struct core *c, uint8_t target)
{
	struct fence_job *job = &c->fence_jobs[target];
	enum cancel why = c->peers[target].heard	     ? CANCEL_HEARD
			  : core_suspended(c)		     ? CANCEL_SUSPENDED
			  : node_mask_has(c->waived, target) ? CANCEL_PROVEN
							     : CANCEL_GONE;

	if (job->state == FENCE_RUNNING) {
		if (job->cancelled)
			return;
		job->cancelled = true;
		cancel(c, job->operation, target);
	} else {
		job->state = FENCE_IDLE;
	}
	core_say(c, EVENT_FENCE_CANCELLED, target)->arg[0] = why;
}

/* It has been confirmed in this view, and no newer life was heard of: once is enough. */
static bool is_done(const struct core *c, uint8_t target)
{
	return c->fence_jobs[target].state == FENCE_CONFIRMED &&
	       c->fence_jobs[target].epoch == c->installed.epoch &&
	       c->peers[target].fenced_incarnation >= waive_newest_known(c, target);
}

/* Rule X3: who was not scheduled has not read yet what would end the order. */
static bool is_blind(const struct core *c)
{
	return c->gap_end.us && ha_time_since(c->now, c->gap_end) < 2 * c->cfg.interval_us;
}

static void wait_for_news(struct core *c, struct fence_job *job)
{
	ha_time until = ha_time_add(c->gap_end, 2 * c->cfg.interval_us);

	if ((job->state == FENCE_DELAYED || job->state == FENCE_FAILED) && is_blind(c) &&
	    ha_time_before(job->due, until))
		job->due = until;
}

static void work(struct core *c, uint8_t target)
{
	struct fence_job *job = &c->fence_jobs[target];

	wait_for_news(c, job);
	if (job->state == FENCE_RUNNING && ha_time_reached(job->deadline, c->now)) {
		if (!job->cancelled)
			cancel(c, job->operation, target);
		failed(c, target, "no answer");
	} else if (job->state == FENCE_FAILED && ha_time_reached(job->due, c->now)) {
		job->level = job->tries = 0;
		try_level(c, target);
	} else if (job->state == FENCE_DELAYED && ha_time_reached(job->due, c->now)) {
		if (job->on_operation) /* off and on must not meet */
			cancel(c, job->on_operation, target);
		try_level(c, target);
	}
}

/*
 * Rule X5: who has failed says so until it would try again, also when it is not told to any more.
 * Else two who both fail would hand the order to and fro without end.
 */
static bool is_sore(const struct core *c, uint8_t target)
{
	const struct fence_job *job = &c->fence_jobs[target];

	return job->state == FENCE_FAILED && !c->peers[target].heard &&
	       !ha_time_reached(job->due, c->now);
}

static void execute(struct core *c, uint8_t target, bool tie)
{
	struct fence_job *job = &c->fence_jobs[target];
	bool told = ordered(c, target, tie);

	if (job->on_operation && ha_time_reached(job->on_deadline, c->now)) {
		cancel(c, job->on_operation, target);
		switched_on(c, target, false, "no answer");
	}
	if (!told && is_sore(c, target))
		return;
	if (!told && job->state != FENCE_IDLE && job->state != FENCE_CONFIRMED)
		give_up(c, target);
	else if (told && (job->state == FENCE_IDLE || job->state == FENCE_CONFIRMED) &&
		 !is_done(c, target))
		begin(c, target, tie);
	if (job->state == FENCE_CONFIRMED && c->peers[target].heard)
		job->state = FENCE_IDLE;
	if (c->peers[target].heard)
		job->rounds = 0;
	work(c, target);
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
			execute(c, n, tie);
		row->state = c->fence_jobs[n].state;
		tell_job(c, n);
		row->off = is_self(c, n) ? 0 : c->peers[n].fenced_incarnation;
	}
}

ha_time fence_deadline(const struct core *c)
{
	ha_time t = HA_TIME_NEVER;

	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		const struct fence_job *job = &c->fence_jobs[n];

		if (job->state == FENCE_DELAYED || job->state == FENCE_FAILED)
			t = ha_time_min(t, job->due);
		if (job->state == FENCE_RUNNING)
			t = ha_time_min(t, job->deadline);
		if (job->on_operation)
			t = ha_time_min(t, job->on_deadline);
	}
	return t;
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
