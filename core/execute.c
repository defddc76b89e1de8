/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This node as executor of orders to fence (docs/fencing.md, rules X3, X7, X10), one target at a
 * time each. Who orders is fence.c's.
 *
 *   IDLE --ordered--> DELAYED --> RUNNING --confirmed--> CONFIRMED --heard--> IDLE
 *                        ^           | every level has failed
 *                        +--later-- FAILED
 */
#include "core/internal.h"

enum cancel { CANCEL_HEARD, CANCEL_GONE, CANCEL_PROVEN, CANCEL_SUSPENDED };
enum switched { SWITCHING_ON, SWITCHED_ON, NOT_SWITCHED_ON };

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

static void begin(struct core *c, uint8_t target, enum fence_told told)
{
	struct fence_job *job = &c->fence_jobs[target];
	bool waits = job->rounds && !ha_time_reached(job->due, c->now);

	job->since = c->now;
	job->epoch = c->installed.epoch;
	job->level = job->tries = 0;
	if (told == FENCE_TOLD_BY_TIE)
		fence_say_ordered(c, target, c->self, FENCE_WHY_TIE);
	if (waits) { /* it has failed just now, for somebody else's order */
		job->state = FENCE_FAILED;
		return;
	}
	job->state = FENCE_DELAYED;
	delay(c, target, told != FENCE_TOLD_BY_VIEW);
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

void execute_done(struct core *c, const struct core_event *event)
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

void execute_order(struct core *c, uint8_t target, enum fence_told told)
{
	struct fence_job *job = &c->fence_jobs[target];

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
		begin(c, target, told);
	if (job->state == FENCE_CONFIRMED && c->peers[target].heard)
		job->state = FENCE_IDLE;
	if (c->peers[target].heard)
		job->rounds = 0;
	work(c, target);
}

ha_time execute_deadline(const struct core *c)
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
