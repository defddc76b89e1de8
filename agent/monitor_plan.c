/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/monitor_plan.h"

/* Below this lateness a check counts as on time; a tenth of its interval if that is more. */
#define LATE_MIN_US (50 * USEC_PER_MSEC)
/* Bits of a duration that its place in the histogram keeps: eight steps an octave. */
#define STEP_BITS 3
#define STEPS	  (1U << STEP_BITS)
/* The histogram forgets: when it holds so many, all its counts are halved. */
#define KEEP_MAX 8192

/* ---- schedule ---- */

/* The bits of `place` in reverse order: however many monitors there are, their places in the
 * interval are spread evenly. In 1/65536. */
static uint32_t spread(uint16_t place)
{
	uint32_t r = 0;

	for (unsigned int i = 0; i < 16; i++)
		if (place & (1U << i))
			r |= 1U << (15 - i);
	return r;
}

void monitor_plan_init(struct monitor_plan *plan, const struct monitor_plan_config *config)
{
	*plan = (struct monitor_plan){.config = *config,
				      .phase = MONITOR_STOPPED,
				      .ratio = 1,
				      .status = MONITOR_OFFLINE,
				      .due = HA_TIME_NEVER};
}

void monitor_plan_run(struct monitor_plan *plan, bool wait, ha_time now)
{
	uint64_t over_us = plan->config.interval_us;

	if (over_us > MONITOR_SPREAD_US)
		over_us = MONITOR_SPREAD_US;
	plan->phase = MONITOR_WAITING;
	plan->first = true;
	plan->failures = 0;
	plan->status = MONITOR_OFFLINE;
	plan->due = ha_time_add(now, wait ? plan->config.first_wait_us : 0);
	plan->due = ha_time_add(plan->due, over_us * spread(plan->config.place) / 65536);
}

void monitor_plan_stop(struct monitor_plan *plan)
{
	plan->phase = MONITOR_STOPPED;
	plan->status = MONITOR_OFFLINE;
	plan->due = HA_TIME_NEVER;
}

void monitor_plan_ratio(struct monitor_plan *plan, uint16_t ratio)
{
	plan->ratio = ratio ? ratio : 1;
}

void monitor_plan_hurry(struct monitor_plan *plan, ha_time now)
{
	uint64_t apart_us = MONITOR_HURRY_US;
	ha_time at;

	if (plan->phase != MONITOR_WAITING || plan->first)
		return;
	if (apart_us > plan->config.interval_us)
		apart_us = plan->config.interval_us;
	at = ha_time_max(now, ha_time_add(plan->started, apart_us));
	plan->due = ha_time_min(plan->due, at);
}

uint64_t monitor_plan_limit_us(const struct monitor_plan *plan)
{
	uint64_t us = plan->config.timeout_us;

	return us > UINT64_MAX / plan->ratio ? UINT64_MAX : us * plan->ratio;
}

ha_time monitor_plan_deadline(const struct monitor_plan *plan)
{
	switch (plan->phase) {
	case MONITOR_WAITING:
		return plan->due;
	case MONITOR_CHECKING:
		return ha_time_add(plan->started, monitor_plan_limit_us(plan));
	case MONITOR_STOPPED:
	default:
		return HA_TIME_NEVER;
	}
}

uint64_t monitor_plan_begin(struct monitor_plan *plan, ha_time now)
{
	uint64_t late_us = ha_time_since(now, plan->due);

	plan->phase = MONITOR_CHECKING;
	plan->started = now;
	plan->first = false;
	return late_us;
}

/* From start to start, by the schedule, so that lateness does not add up; a start that was missed
 * is not made up for. */
static void schedule_next(struct monitor_plan *plan, ha_time now)
{
	plan->phase = MONITOR_WAITING;
	plan->due = ha_time_max(ha_time_add(plan->due, plan->config.interval_us), now);
}

/* ---- verdict ---- */

static bool tell(struct monitor_plan *plan, enum monitor_status status, bool again)
{
	bool news = plan->status != status || again;

	plan->status = status;
	return news;
}

/* A failed check: another one of this round, or its end. */
static bool failed(struct monitor_plan *plan, bool timed_out)
{
	bool at_once = timed_out && !plan->config.retry_on_timeout;

	plan->failures++;
	if (!at_once && plan->failures <= plan->config.retries)
		/* An error stays one until a check is good. */
		return plan->status != MONITOR_ERROR && tell(plan, MONITOR_CAUTION, false);
	plan->failures = 0;
	if (timed_out && !plan->config.recover_on_timeout)
		return plan->status != MONITOR_ERROR && tell(plan, MONITOR_CAUTION, true);
	return tell(plan, MONITOR_ERROR, true);
}

bool monitor_plan_end(struct monitor_plan *plan, enum monitor_outcome outcome, ha_time now)
{
	schedule_next(plan, now);
	if (outcome != MONITOR_GOOD)
		return failed(plan, outcome == MONITOR_TIMED_OUT);
	plan->failures = 0;
	return tell(plan, MONITOR_NORMAL, false);
}

/* ---- figures ---- */

/* 0 to 7 as they are, then eight steps for each power of two. */
static unsigned int place_of(uint64_t us)
{
	unsigned int bits, place;

	if (us < STEPS)
		return (unsigned int)us;
	bits = 63 - (unsigned int)__builtin_clzll(us);
	place = (bits - STEP_BITS + 1) * STEPS +
		((unsigned int)(us >> (bits - STEP_BITS)) & (STEPS - 1));
	return place < MONITOR_DURATIONS ? place : MONITOR_DURATIONS - 1;
}

/* The largest duration of a place. */
static uint64_t end_of(unsigned int place)
{
	unsigned int octave = place / STEPS;

	if (octave == 0)
		return place;
	return (((uint64_t)STEPS + place % STEPS + 1) << (octave - 1)) - 1;
}

static void halve(struct monitor_durations *d)
{
	d->n = 0;
	for (unsigned int i = 0; i < MONITOR_DURATIONS; i++) {
		d->count[i] /= 2;
		d->n += d->count[i];
	}
}

void monitor_stats_add(struct monitor_durations *d, enum monitor_outcome outcome, uint64_t us)
{
	struct monitor_stats *s = &d->stats;

	if (s->checks == 0 || us < s->min_us)
		s->min_us = us;
	if (us > s->max_us)
		s->max_us = us;
	s->last_us = us;
	s->checks++;
	s->failures += outcome != MONITOR_GOOD;
	s->timeouts += outcome == MONITOR_TIMED_OUT;
	d->sum_us += us;
	if (d->n >= KEEP_MAX)
		halve(d);
	d->count[place_of(us)]++;
	d->n++;
}

void monitor_stats_late(struct monitor_durations *d, uint64_t late_us, uint64_t interval_us)
{
	if (late_us > d->stats.late_max_us)
		d->stats.late_max_us = late_us;
	if (late_us > LATE_MIN_US && late_us > interval_us / 10)
		d->stats.late++;
}

static uint64_t p99(const struct monitor_durations *d)
{
	uint32_t above = d->n / 100; /* so many are longer */
	uint32_t seen = 0;

	for (unsigned int i = MONITOR_DURATIONS; i-- > 0;) {
		seen += d->count[i];
		if (seen > above)
			return end_of(i);
	}
	return 0;
}

void monitor_stats_get(const struct monitor_durations *d, struct monitor_stats *ret)
{
	*ret = d->stats;
	if (ret->checks == 0)
		return;
	ret->mean_us = d->sum_us / ret->checks;
	ret->p99_us = p99(d);
	if (ret->p99_us > ret->max_us)
		ret->p99_us = ret->max_us;
}
