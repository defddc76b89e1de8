/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel path in the core (docs/kernel.md, rules K1 to K11), in small stories. */
#include "tests/unit/core_world.h"

#define MS 1000ULL

static void kernel_path(struct world *w, uint64_t stall_us)
{
	w->config.kernel = true;
	w->config.stall_timeout_us = stall_us;
	w->kernels = calloc(1, sizeof *w->kernels);
	assert_non_null(w->kernels);
	for (uint8_t i = 0; i < w->n; i++)
		boot(w, i);
}

/* `n` nodes of which the last `witnesses` hold nothing; node 0 has the group. */
static struct world *world_of(uint8_t n, uint8_t witnesses, uint64_t stall_us)
{
	struct world *w = world_new(n, witnesses);

	kernel_path(w, stall_us);
	assert_true(run_until(w, 5 * USEC_PER_SEC, on_0));
	run_until(w, USEC_PER_SEC, NULL);
	assert_int_equal(w->seen[EVENT_NODE_SILENT] + w->seen[EVENT_LEASE_EXPIRED], 0);
	memset(w->seen, 0, sizeof w->seen);
	return w;
}

static struct core_peer_info peer(const struct world *w, uint8_t at, uint8_t node)
{
	struct core_peer_info info;

	core_peer_info(w->core[at], node, w->now, &info);
	return info;
}

static struct core_self_info self_of(const struct world *w, uint8_t at)
{
	struct core_self_info info;

	core_self_info(w->core[at], w->now, &info);
	return info;
}

static struct core_group_info group_of(const struct world *w, uint8_t at, uint16_t g)
{
	struct core_group_info info;

	core_group_info(w->core[at], g, w->now, &info);
	return info;
}

static bool holds(const struct world *w, uint8_t i)
{
	return w->running[i][0] && leased(w, i);
}

/* For `us`, looking each half millisecond: node `i` holds the group without a gap. */
static void holds_for(struct world *w, uint8_t i, uint64_t us)
{
	ha_time until = ha_time_add(w->now, us);

	while (ha_time_before(w->now, until)) {
		assert_true(holds(w, i));
		run_until(w, 500, NULL);
	}
}

static bool said_silent(const struct world *w)
{
	return w->seen[EVENT_NODE_SILENT] != 0;
}

static bool said_stalled(const struct world *w)
{
	return w->seen[EVENT_NODE_STALLED] != 0;
}

static bool said_expired(const struct world *w)
{
	return w->seen[EVENT_NODE_STALL_EXPIRED] != 0;
}

/* ---- detection (K11) ---- */

static void test_paths(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	kernel_path(w, 5 * USEC_PER_SEC);
	w->kernels->off[2] = true;
	run_until(w, 3 * USEC_PER_SEC, NULL);
	assert_int_equal(w->seen[EVENT_KERNEL_UP], 4); /* of 0 and 1, at two nodes each */
	assert_int_equal(w->seen[EVENT_KERNEL_DOWN], 0);
	assert_int_equal(peer(w, 0, 1).kernel_paths, 1);
	assert_int_equal(peer(w, 0, 1).kernel_rtt_us, 2 * DELAY_US);
	assert_true(peer(w, 0, 1).kernel_known);
	assert_int_equal(peer(w, 0, 2).kernel_paths, 0);
	assert_false(peer(w, 0, 2).kernel_known);
	/* no answers, and beats as before: told once, nothing else changes */
	w->kernels->lose[0][1] = true;
	run_until(w, USEC_PER_SEC, NULL);
	assert_int_equal(w->seen[EVENT_KERNEL_DOWN], 2); /* probes of 0, answers of 0 */
	assert_int_equal(w->last[EVENT_KERNEL_DOWN].arg[0], 0);
	assert_in_range(w->last[EVENT_KERNEL_DOWN].arg[1], 30 * MS, 40 * MS);
	assert_int_equal(peer(w, 0, 1).state, PEER_MEMBER);
	assert_int_equal(w->seen[EVENT_NODE_SILENT] + w->seen[EVENT_LINK_DOWN], 0);
	w->kernels->lose[0][1] = false;
	run_until(w, USEC_PER_SEC, NULL);
	assert_int_equal(w->seen[EVENT_KERNEL_UP], 6);
	assert_int_equal(w->seen[EVENT_KERNEL_DOWN], 2);
	world_free(w);
}

static void test_stalled_owner_keeps_all(void **state)
{
	struct world *w = world_of(3, 0, 10 * USEC_PER_SEC);
	uint64_t epoch = self_of(w, 1).view.epoch;

	(void)state;
	w->frozen[0] = true;
	assert_true(run_until(w, 60 * MS, said_stalled));
	assert_int_equal(w->last[EVENT_NODE_STALLED].node, 0);
	assert_in_range(w->last[EVENT_NODE_STALLED].arg[0], 15 * MS, 45 * MS);
	assert_int_equal(w->last[EVENT_NODE_STALLED].arg[1], 10 * USEC_PER_SEC);
	assert_int_equal(w->last[EVENT_NODE_STALLED].arg[2], 1);
	holds_for(w, 0, 5 * USEC_PER_SEC);
	assert_int_equal(w->seen[EVENT_NODE_STALLED], 2);
	assert_int_equal(peer(w, 1, 0).state, PEER_STALLED);
	assert_in_range(peer(w, 1, 0).stalled_us, 5000 * MS, 5100 * MS);
	assert_int_equal(peer(w, 1, 2).stalled_us, 0);
	assert_int_equal(w->seen[EVENT_NODE_SILENT] + w->seen[EVENT_VIEW_ACCEPTED], 0);
	thaw(w, 0);
	run_until(w, 100 * MS, NULL);
	holds_for(w, 0, USEC_PER_SEC);
	assert_int_equal(w->seen[EVENT_LEASE_KEPT], 1);
	assert_in_range(w->last[EVENT_LEASE_KEPT].arg[0], 5000 * MS, 5100 * MS);
	assert_in_range(w->last[EVENT_LEASE_KEPT].arg[1], 4900 * MS, 5100 * MS);
	assert_int_equal(w->last[EVENT_LEASE_KEPT].arg[2], 7 & ~1);
	assert_int_equal(w->seen[EVENT_NODE_RESUMED], 2);
	assert_in_range(w->last[EVENT_NODE_RESUMED].arg[0], 5000 * MS, 5100 * MS);
	assert_int_equal(w->seen[EVENT_LEASE_EXPIRED] + w->seen[EVENT_LEASE_REFUSED], 0);
	assert_int_equal(self_of(w, 0).view.epoch, epoch);
	assert_int_equal(peer(w, 1, 0).state, PEER_MEMBER);
	world_free(w);
}

/* Not just by the next beat or answer. */
static void test_stall_expires_in_time(void **state)
{
	(void)state;
	for (uint64_t phase = 0; phase < 10 * MS; phase += 1300) {
		struct world *w = world_of(3, 0, 300 * MS);

		run_until(w, phase, NULL);
		w->frozen[0] = true;
		assert_true(run_until(w, USEC_PER_SEC, said_expired));
		assert_in_range(w->last[EVENT_NODE_STALL_EXPIRED].arg[0], 300 * MS, 300 * MS + 10);
		world_free(w);
	}
}

/* At the limit, by the word of its kernel; and while its lease goes on nobody else has one. */
static void test_stall_expires(void **state)
{
	struct world *w = world_of(3, 0, 300 * MS);
	ha_time since = w->now;
	uint64_t us;

	(void)state;
	w->frozen[0] = true;
	assert_true(run_until(w, USEC_PER_SEC, said_expired));
	us = ha_time_since(w->now, since);
	assert_in_range(us, 285 * MS, 305 * MS);
	assert_in_range(w->last[EVENT_NODE_STALL_EXPIRED].arg[0], 300 * MS, 301 * MS);
	assert_int_equal(w->last[EVENT_NODE_STALL_EXPIRED].arg[1], 300 * MS);
	assert_int_equal(w->seen[EVENT_NODE_SILENT], 1); /* what others look for */
	assert_true(holds(w, 0));
	assert_true(run_until(w, 100 * MS, on_1));
	assert_false(holds(w, 0));
	assert_true(w->running[0][0]); /* its agent knows nothing of it */
	/* it wakes up: the kernel was refused the lease (K5) */
	thaw(w, 0);
	run_until(w, 5 * MS, NULL);
	assert_int_equal(w->seen[EVENT_LEASE_REFUSED], 1);
	assert_int_equal(w->seen[EVENT_LEASE_KEPT], 0);
	assert_false(w->running[0][0]);
	run_until(w, USEC_PER_SEC, NULL);
	assert_int_equal(peer(w, 1, 0).state, PEER_MEMBER);
	assert_true(holds(w, 1));
	world_free(w);
}

/* Cut off as well: nobody refuses, and the lease just ends. */
static void test_wakes_with_a_lease_that_lapsed(void **state)
{
	struct world *w = world_of(3, 0, 10 * USEC_PER_SEC);

	(void)state;
	w->frozen[0] = true;
	run_until(w, 500 * MS, NULL);
	assert_true(holds(w, 0));
	isolate(w, 0, true);
	assert_true(run_until(w, 200 * MS, on_1));
	assert_false(holds(w, 0));
	thaw(w, 0);
	run_until(w, 5 * MS, NULL);
	assert_int_equal(w->seen[EVENT_LEASE_EXPIRED], 1);
	assert_int_equal(w->seen[EVENT_LEASE_REFUSED] + w->seen[EVENT_LEASE_KEPT], 0);
	assert_false(w->running[0][0]);
	world_free(w);
}

static uint64_t time_to_silence(bool kernel, uint64_t phase_us)
{
	struct world *w = world_new(3, 0);
	ha_time since;
	uint64_t us;

	if (kernel)
		kernel_path(w, 10 * USEC_PER_SEC);
	assert_true(run_until(w, 5 * USEC_PER_SEC, on_0));
	run_until(w, USEC_PER_SEC + phase_us, NULL);
	w->seen[EVENT_NODE_SILENT] = w->seen[EVENT_NODE_STALLED] = 0;
	isolate(w, 0, true);
	since = w->now;
	assert_true(run_until(w, 200 * MS, said_silent));
	us = ha_time_since(w->now, since);
	assert_int_equal(w->seen[EVENT_NODE_STALLED], 0);
	world_free(w);
	return us;
}

/* A node that is gone with its kernel is found as fast as without a kernel path. */
static void test_cut_is_found_as_before(void **state)
{
	(void)state;
	for (uint64_t phase = 0; phase < 10 * MS; phase += 700)
		assert_int_equal(time_to_silence(true, phase), time_to_silence(false, phase));
}

/* Its beats alone are lost, or its agent is gone, or another one is there: not stalled. */
static void test_what_is_not_a_stall(void **state)
{
	(void)state;
	for (int what = 0; what < 4; what++) {
		struct world *w = world_of(3, 0, 10 * USEC_PER_SEC);

		if (what == 0)
			w->lose[0][1] = w->lose[0][2] = true;
		if (what > 0)
			w->dead[0] = true;
		w->kernels->gone[0] = what == 1;
		if (what == 2)
			w->kernels->node[0].incarnation++;
		w->kernels->off[0] = what == 3;
		assert_true(run_until(w, 45 * MS, said_silent));
		assert_int_equal(w->last[EVENT_NODE_SILENT].node, 0);
		assert_int_equal(w->seen[EVENT_NODE_STALLED], 0);
		/* a kernel that goes on is not a beat */
		run_until(w, 200 * MS, NULL);
		assert_int_equal(peer(w, 1, 0).state, PEER_SILENT);
		world_free(w);
	}
}

/* The kernel of a stalled node falls silent too, or its agent is killed. */
static void test_stall_that_ends_badly(void **state)
{
	(void)state;
	for (int killed = 0; killed < 2; killed++) {
		struct world *w = world_of(3, 0, 10 * USEC_PER_SEC);

		w->frozen[0] = true;
		run_until(w, 500 * MS, NULL);
		assert_int_equal(peer(w, 1, 0).state, PEER_STALLED);
		w->kernels->gone[0] = killed;
		w->kernels->off[0] = !killed;
		assert_true(run_until(w, 45 * MS, said_silent));
		assert_int_equal(w->seen[EVENT_NODE_STALL_EXPIRED], 0);
		assert_true(run_until(w, 200 * MS, on_1));
		world_free(w);
	}
}

/* It has left, and said so: that its agent does nothing then is no news. */
static void test_who_left_is_not_stalled(void **state)
{
	struct world *w = world_of(2, 0, 10 * USEC_PER_SEC);

	(void)state;
	request(w, 0, REQUEST_NODE_STOP, 1);
	while (self_of(w, 1).mode != NODE_MODE_STOPPED)
		run_until(w, 100, NULL);
	while (peer(w, 0, 1).mode != NODE_MODE_STOPPED)
		run_until(w, 10, NULL);
	w->frozen[1] = true;
	run_until(w, 300 * MS, NULL);
	assert_int_equal(w->seen[EVENT_NODE_STALLED] + w->seen[EVENT_NODE_SILENT], 0);
	assert_int_equal(peer(w, 0, 1).state, PEER_LEFT);
	world_free(w);
}

/* Another agent of the node is a restart, not the end of a stall. */
static void test_stalled_and_restarted(void **state)
{
	struct world *w = world_of(3, 0, 10 * USEC_PER_SEC);

	(void)state;
	w->frozen[1] = true;
	run_until(w, 300 * MS, NULL);
	assert_int_equal(peer(w, 0, 1).state, PEER_STALLED);
	boot(w, 1);
	run_until(w, 25 * MS, NULL);
	assert_int_equal(w->seen[EVENT_NODE_RESTARTED], 2);
	assert_int_equal(w->seen[EVENT_NODE_RESUMED], 0);
	holds_for(w, 0, USEC_PER_SEC);
	assert_int_equal(peer(w, 0, 1).state, PEER_MEMBER);
	world_free(w);
}

/* Only a beat makes a silent one heard: not that it stalls as well. */
static void test_silent_and_then_stalled(void **state)
{
	struct world *w = world_of(2, 0, 10 * USEC_PER_SEC);

	(void)state;
	w->lose[0][1] = true;
	assert_true(run_until(w, 45 * MS, said_silent));
	w->frozen[0] = true;
	run_until(w, 200 * MS, NULL);
	/* its kernel grants on, so that it is still in the view */
	assert_int_equal(self_of(w, 1).view.members, 3);
	assert_int_equal(w->seen[EVENT_NODE_STALLED], 0);
	assert_int_equal(peer(w, 1, 0).state, PEER_SILENT);
	world_free(w);
}

/* Nor does a timeout that grows wake a stalled one. */
static void test_longer_timeout_of_a_stalled_one(void **state)
{
	struct world *w = world_of(3, 0, 10 * USEC_PER_SEC);
	struct core *core;

	(void)state;
	w->frozen[0] = true;
	assert_true(run_until(w, 60 * MS, said_stalled));
	run_until(w, 0, NULL);
	w->config.self = 1;
	w->config.timeout_us = 300 * MS;
	w->config.lease_us = 400 * MS;
	assert_int_equal(core_reconfigure(w->core[1], &w->config, &core), 0);
	core_free(w->core[1]);
	w->core[1] = core;
	step(w, 1, &(struct core_event){.type = CORE_EVENT_TICK});
	step(w, 1, &(struct core_event){.type = CORE_EVENT_TICK});
	assert_int_equal(peer(w, 1, 0).state, PEER_STALLED);
	assert_int_equal(w->seen[EVENT_NODE_RESUMED], 0);
	world_free(w);
}

/*
 * It goes on now and then, and its beats are lost: for the stall timeout it is taken for one that
 * has yet to be heard, and not for ever.
 */
static void test_stalled_again_and_again(void **state)
{
	struct world *w = world_of(3, 0, 300 * MS);

	(void)state;
	w->frozen[1] = true;
	run_until(w, 40 * MS, NULL);
	assert_int_equal(peer(w, 0, 1).state, PEER_STALLED);
	for (int k = 0; k < 9; k++) {
		assert_int_equal(peer(w, 0, 1).state, PEER_STALLED);
		w->kernels->node[1].progress++;
		w->kernels->node[1].progress_at = w->now.us - 8 * MS;
		run_until(w, 27 * MS, NULL);
	}
	assert_int_equal(peer(w, 0, 1).state, PEER_STALLED);
	run_until(w, 27 * MS, NULL);
	assert_int_equal(peer(w, 0, 1).state, PEER_SILENT);
	assert_true(said_expired(w));
	world_free(w);
}

/* It goes on for good, and nothing comes of it. */
static void test_stalled_and_then_not_heard(void **state)
{
	struct world *w = world_of(3, 0, 10 * USEC_PER_SEC);

	(void)state;
	w->frozen[1] = true;
	run_until(w, 500 * MS, NULL);
	w->lose[1][0] = w->lose[1][2] = true;
	thaw(w, 1);
	run_until(w, 20 * MS, NULL);
	assert_int_equal(peer(w, 0, 1).state, PEER_STALLED);
	assert_true(run_until(w, 15 * MS, said_silent));
	assert_int_equal(w->seen[EVENT_NODE_RESUMED], 0);
	world_free(w);
}

/* One that is in no view is not waited for. */
static void test_only_members_are_stalled(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	kernel_path(w, 60 * USEC_PER_SEC);
	w->lose[2][1] = w->lose[1][2] = true; /* keeps 2 out of the view */
	assert_true(run_until(w, 5 * USEC_PER_SEC, on_0));
	run_until(w, USEC_PER_SEC, NULL);
	assert_int_equal(self_of(w, 0).view.members, 3);
	w->frozen[2] = true;
	run_until(w, 500 * MS, NULL);
	assert_int_equal(w->seen[EVENT_NODE_STALLED], 0);
	assert_int_equal(peer(w, 0, 2).state, PEER_SILENT);
	world_free(w);
}

/* This agent did not run: neither the age nor the silence of others grows by that (D3). */
static void test_own_stall_judges_nobody(void **state)
{
	struct world *w = world_of(3, 0, 2 * USEC_PER_SEC);

	(void)state;
	w->frozen[0] = true;
	run_until(w, 500 * MS, NULL);
	w->frozen[1] = true;
	run_until(w, 1000 * MS, NULL);
	thaw(w, 1); /* before it hears anything */
	run_until(w, 0, NULL);
	assert_int_equal(peer(w, 1, 0).state, PEER_STALLED);
	run_until(w, 100 * MS, NULL);
	assert_int_equal(w->seen[EVENT_NODE_STALL_EXPIRED] + w->seen[EVENT_NODE_SILENT], 0);
	assert_int_equal(peer(w, 1, 0).state, PEER_STALLED);
	assert_true(holds(w, 0));
	world_free(w);
}

/* An answer that waited in the socket while this agent did not run is as good as a fresh one. */
static void test_answer_that_waited(void **state)
{
	struct world *w = world_of(2, 0, 2 * USEC_PER_SEC);
	struct core_event e = {.type = CORE_EVENT_PROBE_ANSWER};
	struct probe p;

	(void)state;
	run_until(w, 3 * MS, NULL);
	core_probe(w->core[0], 1, w->now, &p);
	e.probe.answer.incarnation = p.incarnation;
	e.probe.answer.stamp = p.stamp;
	e.probe.answer.from = 1;
	w->frozen[0] = true;
	run_until(w, 1000 * MS, NULL);
	w->frozen[0] = false;
	w->seen[EVENT_KERNEL_DOWN] = 0;
	step(w, 0, &e);
	assert_int_equal(peer(w, 0, 1).kernel_paths, 1);
	assert_int_equal(w->seen[EVENT_KERNEL_DOWN], 0);
	assert_in_range(peer(w, 0, 1).kernel_rtt_us, 1000 * MS, 1010 * MS);
	world_free(w);
}

/* ---- answers that do not count (D1) ---- */

static struct core_event answer_of(const struct world *w, uint8_t at, uint8_t from)
{
	struct core_event e = {.type = CORE_EVENT_PROBE_ANSWER};

	e.probe.answer.incarnation = self_of(w, at).incarnation;
	e.probe.answer.stamp = w->now;
	e.probe.answer.from = from;
	e.probe.answer.from_incarnation = peer(w, at, from).incarnation;
	e.probe.answer.grant = true;
	e.probe.answer.lease_us = 40 * MS;
	return e;
}

static void test_answers_that_do_not_count(void **state)
{
	(void)state;
	for (int what = 0; what < 9; what++) {
		struct world *w = world_of(2, 0, 2 * USEC_PER_SEC);
		struct core_event e;

		isolate(w, 1, true); /* its grants run out */
		w->kernels->n_notes = 0;
		run_until(w, 20 * MS, NULL);
		e = answer_of(w, 0, 1);
		e.probe.answer.incarnation += what == 1;
		e.probe.answer.incarnation -= what == 2;
		e.probe.answer.stamp.us += what == 3 ? USEC_PER_SEC : 0;
		if (what == 4)
			e.probe.answer.stamp.us -= 60 * MS;
		if (what == 5)
			e.probe.answer.from = 0;
		if (what == 6)
			e.probe.answer.from = 7;
		if (what == 7)
			e.probe.link = 1;
		if (what == 8) {
			e.probe.answer.grant = false;
			step(w, 0, &e);
			e.probe.answer.grant = true; /* the same stamp again */
		}
		step(w, 0, &e);
		if (what == 3) { /* and keeps no other one from being heard */
			e.probe.answer.stamp = w->now;
			step(w, 0, &e);
		}
		run_until(w, 30 * MS, NULL);
		/* only these are grants that keep the lease */
		assert_int_equal(self_of(w, 0).lease_valid, what == 0 || what == 3);
		world_free(w);
	}
}

/* Older than the timeout: it brings no path back. */
static void test_old_answers(void **state)
{
	struct world *w = world_of(2, 0, 2 * USEC_PER_SEC);
	struct core_event e;

	(void)state;
	w->kernels->lose[0][1] = w->kernels->lose[1][0] = true;
	run_until(w, 500 * MS, NULL);
	assert_int_equal(peer(w, 0, 1).kernel_paths, 0);
	for (int old = 1; old >= 0; old--) {
		e = answer_of(w, 0, 1);
		e.probe.answer.stamp.us -= old ? 30 * MS : 29 * MS;
		step(w, 0, &e);
		assert_int_equal(peer(w, 0, 1).kernel_paths, !old);
	}
	world_free(w);
}

/* The newest probe tells, by whatever link its answer came. */
static void test_slower_link(void **state)
{
	struct world *w = world_new(2, 0);
	struct core_event e;
	struct probe p;

	(void)state;
	w->config.n_links = 2;
	kernel_path(w, 2 * USEC_PER_SEC);
	assert_true(run_until(w, 5 * USEC_PER_SEC, on_0));
	run_until(w, 5 * MS, NULL);
	e = answer_of(w, 1, 0);
	e.probe.answer.lease_epoch = self_of(w, 1).view.epoch;
	e.probe.answer.token = 5;
	step(w, 1, &e);
	e.probe.link = 1;
	e.probe.answer.token = 4;
	e.probe.answer.stamp.us -= MS;
	step(w, 1, &e);
	assert_int_equal(peer(w, 1, 0).kernel_paths, 3);
	core_probe(w->core[1], 0, w->now, &p);
	assert_true(p.grant);
	assert_int_equal(p.token, 5);
	world_free(w);
}

/* Rule L7: what was granted for a stamp of before the lease does not prolong it. */
static void test_grant_of_before_the_lease(void **state)
{
	(void)state;
	for (int before = 0; before < 2; before++) {
		struct world *w = world_of(2, 0, 2 * USEC_PER_SEC);
		struct core_event e;
		ha_time began;

		w->kernels->lose[0][1] = w->kernels->lose[1][0] = true;
		isolate(w, 1, true);
		run_until(w, 200 * MS, NULL);
		isolate(w, 1, false);
		while (!self_of(w, 0).lease_valid)
			run_until(w, 100, NULL);
		began = w->now;
		run_until(w, 10 * MS, NULL);
		isolate(w, 1, true);
		e = answer_of(w, 0, 1);
		e.probe.answer.lease_us = 200 * MS;
		e.probe.answer.stamp.us = began.us + 5 * MS - (before ? 6 * MS : 0);
		step(w, 0, &e);
		run_until(w, 100 * MS, NULL);
		assert_int_equal(self_of(w, 0).lease_valid, !before);
		world_free(w);
	}
}

/* ---- grants by probe (K6) ---- */

static void test_grants_by_probe(void **state)
{
	struct world *w = world_of(3, 0, 2 * USEC_PER_SEC);
	struct core_event e = answer_of(w, 1, 0);
	struct probe p;

	(void)state;
	core_probe(w->core[1], 0, w->now, &p);
	assert_true(p.grant);
	assert_false(p.outside);
	assert_int_equal(p.lease_us, 40 * MS);
	assert_int_equal(p.installed, self_of(w, 1).view.epoch);
	assert_int_equal(p.to_incarnation, self_of(w, 0).incarnation);
	/* who holds nothing needs nothing; and a lease of before a view without it gets nothing */
	run_until(w, 1 * MS, NULL);
	e.probe.answer.stamp = w->now;
	e.probe.answer.lease_epoch = 0;
	step(w, 1, &e);
	core_probe(w->core[1], 0, w->now, &p);
	assert_false(p.grant);
	e.probe.answer.stamp.us += 1;
	w->now.us += 1;
	e.probe.answer.lease_epoch = self_of(w, 1).view.epoch;
	e.probe.answer.token = 77;
	step(w, 1, &e);
	core_probe(w->core[1], 0, w->now, &p);
	assert_true(p.grant);
	assert_int_equal(p.token, 77);
	e.probe.answer.stamp.us += 1;
	w->now.us += 1;
	e.probe.answer.from_incarnation++;
	step(w, 1, &e);
	core_probe(w->core[1], 0, w->now, &p);
	assert_false(p.grant);
	world_free(w);
}

/* Rule L8: a lease that dates from before a view without its holder. */
static void test_probe_does_not_grant_to_the_excluded(void **state)
{
	struct world *w = world_of(3, 0, 2 * USEC_PER_SEC);
	struct core_event e;
	struct probe p;
	uint64_t before = self_of(w, 1).view.epoch;

	(void)state;
	isolate(w, 0, true);
	assert_true(run_until(w, 200 * MS, on_1));
	isolate(w, 0, false);
	run_until(w, USEC_PER_SEC, NULL);
	assert_int_equal(self_of(w, 1).view.members, 7);
	e = answer_of(w, 1, 0);
	for (int old = 0; old < 2; old++) {
		w->now.us++;
		e.probe.answer.stamp = w->now;
		e.probe.answer.lease_epoch = old ? before : self_of(w, 1).view.epoch;
		step(w, 1, &e);
		core_probe(w->core[1], 0, w->now, &p);
		assert_int_equal(p.grant, !old);
	}
	world_free(w);
}

/*
 * Rule L4: what was granted by probe is waited for. Node 0 hears neither beats nor answers, but its
 * kernel is asked on: its beats tell stamps that are long over, and its lease goes on by probes.
 */
static void test_probes_are_waited_for(void **state)
{
	struct world *w = world_of(3, 0, 10 * USEC_PER_SEC);
	struct core_event e;
	struct probe p;
	ha_time granted;

	(void)state;
	w->frozen[0] = true;
	run_until(w, USEC_PER_SEC, NULL);
	/* the newest token came just now, and is granted just now */
	e = answer_of(w, 2, 0);
	e.probe.answer.grant = false;
	e.probe.answer.lease_epoch = self_of(w, 2).view.epoch;
	e.probe.answer.age_us = USEC_PER_SEC;
	step(w, 2, &e);
	core_probe(w->core[2], 0, w->now, &p);
	assert_true(p.grant);
	granted = w->now;
	w->kernels->gone[0] = true;
	isolate(w, 0, true);
	e.probe.answer.gone = true;
	for (uint8_t i = 1; i < 3; i++) {
		e.probe.answer.stamp = w->now;
		e.probe.answer.stamp.us += i == 2;
		w->now = ha_time_max(w->now, e.probe.answer.stamp);
		e.probe.answer.incarnation = self_of(w, i).incarnation;
		step(w, i, &e);
	}
	assert_true(run_until(w, 200 * MS, on_1));
	assert_in_range(ha_time_since(w->now, granted), 42 * MS, 60 * MS);
	world_free(w);
}

/* ---- delegation (K8, K9) ---- */

/* One of three is down and one is stalled: its kernel's grants keep the third one's lease. */
static void test_kernel_grants_for_a_stalled_peer(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		struct world *w = world_of(3, 0, 2 * USEC_PER_SEC);

		if (order)
			w->frozen[1] = true;
		run_until(w, 300 * MS, NULL);
		isolate(w, 2, true);
		run_until(w, order ? 0 : 300 * MS, NULL);
		w->frozen[1] = true;
		holds_for(w, 0, 1500 * MS);
		/* it counts as failed, and grants still: nobody else could have a lease */
		holds_for(w, 0, 1500 * MS);
		assert_int_equal(peer(w, 0, 1).state, PEER_SILENT);
		thaw(w, 1);
		run_until(w, 500 * MS, NULL);
		holds_for(w, 0, 500 * MS);
		assert_int_equal(peer(w, 0, 1).state, PEER_MEMBER);
		world_free(w);
	}
}

/* Without a kernel path at the stalled one the lease is over as ever. */
static void test_nobody_grants_without_a_kernel(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	w->kernels = calloc(1, sizeof *w->kernels);
	assert_non_null(w->kernels);
	for (uint8_t i = 0; i < 3; i++) {
		w->config.kernel = i != 1;
		w->config.stall_timeout_us = 2 * USEC_PER_SEC;
		w->kernels->off[1] = true;
		boot(w, i);
	}
	assert_true(run_until(w, 5 * USEC_PER_SEC, on_0));
	run_until(w, 300 * MS, NULL);
	isolate(w, 2, true);
	run_until(w, 300 * MS, NULL);
	assert_true(holds(w, 0));
	w->frozen[1] = true;
	run_until(w, 60 * MS, NULL);
	assert_false(holds(w, 0));
	world_free(w);
}

static void test_table(void **state)
{
	struct world *w = world_of(3, 0, 2 * USEC_PER_SEC);
	struct delegation d, then;

	(void)state;
	core_delegation(w->core[1], &d);
	assert_int_equal(d.incarnation[0], self_of(w, 0).incarnation);
	assert_int_equal(d.incarnation[1], 0);
	assert_int_equal(d.incarnation[2], self_of(w, 2).incarnation);
	assert_int_equal(d.lease_us, 40 * MS);
	/* 0 is excluded: it is left out, and later only leases from then on are granted to */
	isolate(w, 0, true);
	run_until(w, 200 * MS, NULL);
	core_delegation(w->core[1], &then);
	assert_true(then.number > d.number);
	assert_int_equal(then.incarnation[0], 0);
	assert_int_equal(w->kernels->node[1].peer[0].grant_incarnation, 0);
	assert_int_equal(then.incarnation[2], d.incarnation[2]);
	isolate(w, 0, false);
	run_until(w, USEC_PER_SEC, NULL);
	core_delegation(w->core[1], &d);
	assert_int_equal(d.incarnation[0], self_of(w, 0).incarnation);
	assert_true(d.excluded[0] > 0 && d.excluded[0] < self_of(w, 1).view.epoch);
	assert_int_equal(w->kernels->node[1].peer[0].grant_excluded, d.excluded[0]);
	world_free(w);
}

/*
 * Beats between node 2, which has the group, and the others are lost, probes are not: its kernel
 * path shows a healthy agent, and the others make a view without it. `how` 1: node 1 hears it all
 * the while, and yet its view is without it; 2: their probes are lost, so that it is not refused.
 * One of them is frozen after `budget` actions, wherever that is, for 300 ms. step() and every
 * probe check that nobody else holds the group while node 2's lease goes on by what the frozen
 * one's kernel grants.
 */
static bool exclude_and_freeze(uint8_t node, int budget, unsigned int how)
{
	struct world *w = world_new(3, 0);
	bool frozen;

	w->config.groups[0].nodes[0] = 2;
	w->config.groups[0].nodes[2] = 0;
	kernel_path(w, 10 * USEC_PER_SEC);
	run_until(w, 3 * USEC_PER_SEC, NULL);
	assert_int_equal(owner(w), 2);
	for (uint8_t i = 0; i < (how & 1 ? 1 : 2); i++)
		w->lose[i][2] = w->lose[2][i] = true;
	for (uint8_t i = 0; i < 2; i++)
		w->kernels->lose_probes[i][2] = how & 2;
	run_until(w, 25 * MS, NULL);
	w->budget[node] = budget;
	run_until(w, 300 * MS, NULL);
	frozen = w->frozen[node];
	thaw(w, node);
	run_until(w, USEC_PER_SEC, NULL);
	assert_true(owner(w) == 0 || owner(w) == 1);
	world_free(w);
	return frozen;
}

static void test_frozen_between_any_two_actions(void **state)
{
	(void)state;
	for (uint8_t node = 0; node < 2; node++)
		for (int budget = 0; budget < 60; budget++)
			for (unsigned int how = 0; how < 4; how++)
				assert_true(exclude_and_freeze(node, budget, how));
}

/* The owner itself is frozen between two actions while it takes over, loses, or joins. */
static void test_frozen_owner_between_any_two_actions(void **state)
{
	(void)state;
	for (int budget = 0; budget < 60; budget++) {
		struct world *w = world_of(3, 0, 100 * MS);

		isolate(w, 0, true);
		w->budget[1] = budget;
		run_until(w, 300 * MS, NULL);
		isolate(w, 0, false);
		run_until(w, 300 * MS, NULL);
		thaw(w, 1);
		run_until(w, 2 * USEC_PER_SEC, NULL);
		assert_int_not_equal(owner(w), -1);
		world_free(w);
	}
}

/* Nothing is proven before the kernel has let go, by the node itself (Q1) or to others (L4). */
static void test_nothing_before_it_is_taken_back(void **state)
{
	(void)state;
	for (uint8_t node = 1; node < 3; node++) {
		struct world *w = world_of(3, 0, 10 * USEC_PER_SEC);

		w->hold_taken_back[node] = true;
		isolate(w, 0, true);
		run_until(w, 500 * MS, NULL);
		assert_int_equal(self_of(w, 1).view.members, 6);
		assert_int_equal(w->seen[EVENT_PROOF], 0);
		assert_int_equal(owner(w), -1);
		assert_int_equal(peer(w, node, 0).proof, PROOF_NOT_CONFIRMED);
		/* the newest grant in its name was made right now, says the kernel */
		w->taken_back[node].taken_back.granted_at[0] = w->now;
		step(w, node, &w->taken_back[node]);
		run_until(w, 42 * MS, NULL);
		assert_int_equal(w->seen[EVENT_PROOF], 0);
		assert_true(run_until(w, 20 * MS, on_1));
		world_free(w);
	}
}

/* Only the answer to the delegation that left it out, or to a later one, counts. */
static void test_answers_to_old_delegations(void **state)
{
	struct world *w = world_of(3, 0, 10 * USEC_PER_SEC);
	struct core_event old = {.type = CORE_EVENT_TAKEN_BACK}, bogus = old;
	struct delegation d;

	(void)state;
	core_delegation(w->core[1], &d);
	old.taken_back.number = d.number;
	w->hold_taken_back[1] = true;
	isolate(w, 0, true);
	run_until(w, 300 * MS, NULL);
	core_delegation(w->core[1], &d);
	bogus.taken_back.number = d.number + 1;
	step(w, 1, &old);
	step(w, 1, &bogus);
	run_until(w, 300 * MS, NULL);
	assert_int_equal(owner(w), -1);
	step(w, 1, &w->taken_back[1]);
	assert_true(run_until(w, 10 * MS, on_1));
	world_free(w);
}

/* What others prove, that it was fenced or has left, waits for it too; then at once. */
static void test_fenced_before_it_is_taken_back(void **state)
{
	struct world *w = world_of(3, 0, 10 * USEC_PER_SEC);
	struct core_event e = {.type = CORE_EVENT_FENCED};

	(void)state;
	w->hold_taken_back[1] = w->hold_taken_back[2] = true;
	e.fenced.incarnation = self_of(w, 0).incarnation;
	isolate(w, 0, true);
	run_until(w, 300 * MS, NULL);
	step(w, 1, &e);
	run_until(w, 300 * MS, NULL);
	assert_int_equal(owner(w), -1);
	step(w, 1, &w->taken_back[1]);
	run_until(w, 0, NULL);
	assert_int_equal(owner(w), 1);
	world_free(w);
}

/* It tells others soon, not just by its next beat. */
static void test_taken_back_is_told_soon(void **state)
{
	struct world *w = world_of(3, 0, 10 * USEC_PER_SEC);

	(void)state;
	w->hold_taken_back[2] = true;
	isolate(w, 0, true);
	run_until(w, 500 * MS, NULL);
	for (unsigned int sent = w->sent[2]; w->sent[2] == sent;)
		run_until(w, 100, NULL);
	run_until(w, 2 * MS, NULL);
	assert_int_equal(owner(w), -1);
	step(w, 2, &w->taken_back[2]);
	assert_true(run_until(w, 2 * MS, on_1));
	world_free(w);
}

/* A new agent has the maps of the former one, and takes all back before anything (K10, L5). */
static void test_restart_of_an_agent(void **state)
{
	struct world *w = world_of(3, 0, 10 * USEC_PER_SEC);
	struct delegation d;

	(void)state;
	w->dead[1] = true;
	w->kernels->gone[1] = true;
	assert_int_not_equal(w->kernels->node[1].peer[0].grant_incarnation, 0);
	run_until(w, 10 * MS, NULL);
	boot(w, 1);
	core_delegation(w->core[1], &d);
	assert_int_equal(d.incarnation[0], 0);
	assert_int_equal(w->kernels->node[1].peer[0].grant_incarnation, 0);
	assert_false(lease_valid(&w->kernels->node[1], w->now.us));
	/* the others take back what they let be granted to the former one */
	run_until(w, 15 * MS, NULL);
	core_delegation(w->core[0], &d);
	assert_int_equal(d.incarnation[1], 0);
	assert_int_equal(d.incarnation[2], self_of(w, 2).incarnation);
	run_until(w, USEC_PER_SEC, NULL);
	core_delegation(w->core[1], &d);
	assert_int_equal(d.incarnation[0], self_of(w, 0).incarnation);
	core_delegation(w->core[0], &d);
	assert_int_equal(d.incarnation[1], self_of(w, 1).incarnation);
	assert_true(holds(w, 0));
	assert_int_equal(peer(w, 0, 1).kernel_known, true);
	world_free(w);
}

/* ---- the lease (K1, K2, K5, K7) ---- */

static void note_lease(struct core *core, const struct core_event *event, ha_time now,
		       struct core_action ret[], unsigned int *n)
{
	struct core_actions *list = calloc(1, sizeof *list);

	assert_non_null(list);
	core_step(core, event, now, list);
	core_check(core);
	for (size_t k = 0; k < list->n; k++)
		if (list->action[k].type == CORE_ACTION_LEASE)
			ret[(*n)++] = list->action[k];
	free(list);
}

static void test_first_word_is_none(void **state)
{
	struct world *w = world_new(3, 0);
	struct core_action said[4];
	struct core *core;
	unsigned int n = 0;

	(void)state;
	assert_int_equal(core_new(&w->config, NULL, NULL, w->now, &core), 0);
	note_lease(core, &(struct core_event){.type = CORE_EVENT_TICK}, w->now, said, &n);
	assert_int_equal(n, 1);
	assert_int_equal(said[0].lease.until.us, 0);
	assert_int_equal(said[0].lease.number, 1);
	assert_int_equal(said[0].lease.epoch, 0);
	note_lease(core, &(struct core_event){.type = CORE_EVENT_TICK}, w->now, said, &n);
	assert_int_equal(n, 1);
	core_free(core);
	world_free(w);
}

static void test_lease_numbers(void **state)
{
	struct world *w = world_of(3, 0, 10 * USEC_PER_SEC);
	uint64_t first = w->kernels->number[0], installed = w->kernels->node[0].installed;

	(void)state;
	assert_int_equal(first, 2);
	assert_int_equal(installed, self_of(w, 0).view.epoch);
	/* another view, the same lease */
	isolate(w, 2, true);
	run_until(w, 300 * MS, NULL);
	assert_int_equal(w->kernels->number[0], first);
	assert_true(w->kernels->node[0].installed > installed);
	assert_int_equal(w->kernels->node[0].lease_epoch, self_of(w, 0).view.epoch);
	isolate(w, 1, true);
	run_until(w, 300 * MS, NULL);
	assert_int_equal(w->kernels->number[0], first + 1);
	assert_int_equal(w->kernels->node[0].lease_epoch, 0);
	assert_int_equal(w->kernels->node[0].installed, 0);
	isolate(w, 1, false);
	run_until(w, 500 * MS, NULL);
	assert_int_equal(w->kernels->number[0], first + 2);
	world_free(w);
}

/* What another lease was granted, or refused, is no news. */
static void test_kernel_of_another_lease(void **state)
{
	(void)state;
	for (int what = 0; what < 4; what++) {
		struct world *w = world_of(2, 0, 10 * USEC_PER_SEC);
		struct core_event e = {.type = CORE_EVENT_KERNEL};
		bool kept;

		e.kernel.lease = w->kernels->number[0] - (what & 1);
		isolate(w, 1, true);
		run_until(w, 20 * MS, NULL);
		e.kernel.until[1] = ha_time_add(w->now, 60 * MS);
		e.kernel.refused_epoch = what & 2 ? 99 : 0;
		e.kernel.refused_by = 1;
		step(w, 0, &e);
		assert_int_equal(w->seen[EVENT_LEASE_REFUSED], what == 2);
		run_until(w, 50 * MS, NULL);
		kept = self_of(w, 0).lease_valid;
		assert_int_equal(kept, what == 0);
		/* nor is what is told when there is none */
		if (!kept) {
			w->seen[EVENT_LEASE_REFUSED] = 0;
			e.kernel.lease = w->kernels->number[0];
			e.kernel.refused_epoch = 99;
			step(w, 0, &e);
			assert_int_equal(w->seen[EVENT_LEASE_REFUSED], 0);
		}
		world_free(w);
	}
}

/* ---- placement, commands, ratio, configuration ---- */

/* Who leaves does not wait for the word of one that cannot say it. */
static void test_leaving_while_one_is_stalled(void **state)
{
	struct world *w = world_of(3, 0, 60 * USEC_PER_SEC);

	(void)state;
	w->frozen[2] = true;
	run_until(w, 200 * MS, NULL);
	step(w, 1, &(struct core_event){.type = CORE_EVENT_LEAVE});
	run_until(w, 30 * MS, NULL);
	assert_true(w->dead[1]);
	world_free(w);
}

/* Rule F2: a stalled one is nobody to leave a group to. */
static void test_final_action_while_one_is_stalled(void **state)
{
	(void)state;
	for (int stalled = 0; stalled < 2; stalled++) {
		struct world *w = world_new(3, 1);
		struct core_event e = {.type = CORE_EVENT_MONITOR};

		w->config.n_monitors = 1;
		w->config.monitors[0] = (struct core_monitor_config){.nodes = 7,
								     .active_group = UINT16_MAX,
								     .active_resource = UINT16_MAX,
								     .recovery = RECOVER_NODE,
								     .final = FINAL_SHUTDOWN};
		kernel_path(w, 60 * USEC_PER_SEC);
		assert_true(run_until(w, 5 * USEC_PER_SEC, on_0));
		run_until(w, USEC_PER_SEC, NULL);
		w->frozen[1] = stalled;
		run_until(w, 200 * MS, NULL);
		e.monitor.status = MONITOR_ERROR;
		step(w, 0, &e);
		assert_int_equal(w->seen[EVENT_FINAL_SUPPRESSED] != 0, stalled);
		assert_int_equal(w->seen[EVENT_FINAL_ACTION] != 0, !stalled);
		world_free(w);
	}
}

static void test_no_group_goes_to_a_stalled_node(void **state)
{
	struct world *w = world_of(3, 0, 2 * USEC_PER_SEC);

	(void)state;
	w->frozen[1] = true;
	run_until(w, 200 * MS, NULL);
	/* a command that needs everybody's word waits for it */
	request(w, 0, REQUEST_GROUP_MOVE, NODE_NONE);
	run_until(w, 200 * MS, NULL);
	assert_int_equal(w->last_answer, ANSWER_NONE);
	assert_int_equal(group_of(w, 0, 0).held, GROUP_HOLD_STALLED);
	assert_int_equal(group_of(w, 0, 0).waits_node, 1);
	assert_string_equal(group_hold_to_string(GROUP_HOLD_STALLED), "stalled");
	thaw(w, 1);
	run_until(w, 500 * MS, NULL);
	assert_int_equal(w->last_answer, ANSWER_ACCEPTED);
	assert_int_equal(group_of(w, 0, 0).waits_node, NODE_NONE);
	assert_int_equal(owner(w), 1);
	/* to a target that is stalled: not possible */
	w->frozen[0] = true;
	run_until(w, 200 * MS, NULL);
	assert_int_equal(peer(w, 2, 0).state, PEER_STALLED);
	world_free(w);
}

/* The only place left is stalled: that is why. */
static void test_hold_of_the_only_place(void **state)
{
	struct world *w = world_of(3, 1, 60 * USEC_PER_SEC);

	(void)state;
	request(w, 0, REQUEST_GROUP_STOP, NODE_NONE);
	run_until(w, 300 * MS, NULL);
	assert_int_equal(owner(w), -1);
	w->fail_start[0] = true;
	w->frozen[1] = true;
	run_until(w, 200 * MS, NULL);
	request(w, 0, REQUEST_GROUP_START, NODE_NONE);
	run_until(w, 200 * MS, NULL);
	assert_int_equal(group_of(w, 0, 0).held, GROUP_HOLD_STALLED);
	assert_int_equal(group_of(w, 0, 0).waits_node, 1);
	world_free(w);
}

/* A better node is fit again, and another one is stalled: nothing is taken away for that. */
static void test_no_failback_while_one_is_stalled(void **state)
{
	struct world *w = world_new(3, 0);

	(void)state;
	w->config.groups[0].failback = true;
	kernel_path(w, 60 * USEC_PER_SEC);
	assert_true(run_until(w, 5 * USEC_PER_SEC, on_0));
	run_until(w, USEC_PER_SEC, NULL);
	w->slow_start[1] = 1;
	isolate(w, 0, true);
	run_until(w, 200 * MS, NULL);
	isolate(w, 0, false);
	run_until(w, 300 * MS, NULL);
	assert_int_equal(self_of(w, 1).view.members, 7);
	w->frozen[2] = true;
	run_until(w, 100 * MS, NULL);
	assert_int_equal(peer(w, 1, 2).state, PEER_STALLED);
	answer(w, 1, 0, true);
	assert_true(on_1(w));
	holds_for(w, 1, 2 * USEC_PER_SEC);
	thaw(w, 2);
	assert_true(run_until(w, 500 * MS, on_0));
	world_free(w);
}

static void set_ratio(struct world *w, uint16_t ratio, uint64_t us)
{
	struct core_event e = {.type = CORE_EVENT_REQUEST};

	e.request.kind = ratio > 1 ? REQUEST_RATIO_SET : REQUEST_RATIO_RESET;
	e.request.target = NODE_NONE;
	e.request.ratio = ratio;
	e.request.value = us;
	step(w, 0, &e);
	run_until(w, 500 * MS, NULL);
}

static void test_ratio(void **state)
{
	struct world *w = world_of(3, 0, 300 * MS);
	struct delegation d, then;

	(void)state;
	core_delegation(w->core[1], &d);
	set_ratio(w, 4, 600 * USEC_PER_SEC);
	core_delegation(w->core[1], &then);
	assert_true(then.number > d.number);
	assert_int_equal(then.lease_us, 160 * MS);
	assert_int_equal(w->kernels->node[1].grant_lease_us, 160 * MS);
	w->frozen[0] = true;
	holds_for(w, 0, 1000 * MS);
	assert_int_equal(w->last[EVENT_NODE_STALLED].arg[1], 1200 * MS);
	assert_true(run_until(w, 300 * MS, said_expired));
	world_free(w);
}

/* Rules P4, R5: as long as the kernel may grant the longer lease, the disk says so. */
static void test_longer_leases_are_remembered(void **state)
{
	struct world *w = world_of(3, 0, 300 * MS);

	(void)state;
	set_ratio(w, 4, 600 * USEC_PER_SEC);
	assert_int_equal(w->disk[1].lease_max_us, 160 * MS);
	w->hold_taken_back[1] = true;
	set_ratio(w, 1, 0);
	run_until(w, 5 * USEC_PER_SEC, NULL);
	assert_int_equal(w->disk[0].lease_max_us, 40 * MS);
	assert_int_equal(w->disk[1].lease_max_us, 160 * MS);
	step(w, 1, &w->taken_back[1]);
	run_until(w, 150 * MS, NULL);
	assert_int_equal(w->disk[1].lease_max_us, 160 * MS);
	run_until(w, 500 * MS, NULL);
	assert_int_equal(w->disk[1].lease_max_us, 40 * MS);
	world_free(w);
}

static void test_reconfigure(void **state)
{
	struct world *w = world_of(3, 0, 10 * USEC_PER_SEC);
	struct core *core;
	struct delegation d, then;

	(void)state;
	core_delegation(w->core[1], &d);
	w->config.self = 1;
	w->config.groups[0].failback = true;
	assert_int_equal(core_reconfigure(w->core[1], &w->config, &core), 0);
	core_free(w->core[1]);
	w->core[1] = core;
	run_until(w, 300 * MS, NULL);
	core_delegation(w->core[1], &then);
	assert_memory_equal(&d, &then, sizeof d);
	assert_int_equal(peer(w, 1, 0).kernel_paths, 1);
	/* it lasts through a stall */
	w->frozen[0] = true;
	run_until(w, 300 * MS, NULL);
	assert_int_equal(peer(w, 1, 0).state, PEER_STALLED);
	assert_int_equal(core_reconfigure(w->core[1], &w->config, &core), 0);
	core_free(w->core[1]);
	w->core[1] = core;
	run_until(w, 300 * MS, NULL);
	assert_int_equal(peer(w, 1, 0).state, PEER_STALLED);
	holds_for(w, 0, 100 * MS);
	/* without a kernel path: what it may grant is taken back */
	w->config.kernel = false;
	assert_int_equal(core_reconfigure(w->core[1], &w->config, &core), 0);
	core_free(w->core[1]);
	w->core[1] = core;
	run_until(w, 20 * MS, NULL);
	core_delegation(w->core[1], &then);
	assert_true(then.number > d.number);
	assert_int_equal(w->kernels->node[1].peer[0].grant_incarnation, 0);
	world_free(w);
}

static void test_limits_of_the_stall_timeout(void **state)
{
	struct world *w = world_new(2, 0);
	struct core *core;

	(void)state;
	w->config.stall_timeout_us = w->config.timeout_us - 1;
	assert_int_equal(core_new(&w->config, NULL, NULL, w->now, &core), -22);
	w->config.stall_timeout_us = UINT64_MAX / 4;
	assert_int_equal(core_new(&w->config, NULL, NULL, w->now, &core), -22);
	w->config.stall_timeout_us = w->config.timeout_us;
	assert_int_equal(core_new(&w->config, NULL, NULL, w->now, &core), 0);
	core_free(core);
	world_free(w);
}

/* With none it counts as failed at once, as before the kernel path. */
static void test_no_stall_timeout(void **state)
{
	struct world *w = world_of(3, 0, 0);

	(void)state;
	w->frozen[0] = true;
	assert_true(run_until(w, 45 * MS, said_silent));
	assert_int_equal(w->seen[EVENT_NODE_STALLED], 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_stalled_owner_keeps_all),
		cmocka_unit_test(test_stall_expires_in_time),
		cmocka_unit_test(test_stall_expires),
		cmocka_unit_test(test_wakes_with_a_lease_that_lapsed),
		cmocka_unit_test(test_cut_is_found_as_before),
		cmocka_unit_test(test_what_is_not_a_stall),
		cmocka_unit_test(test_stall_that_ends_badly),
		cmocka_unit_test(test_who_left_is_not_stalled),
		cmocka_unit_test(test_stalled_and_restarted),
		cmocka_unit_test(test_silent_and_then_stalled),
		cmocka_unit_test(test_longer_timeout_of_a_stalled_one),
		cmocka_unit_test(test_stalled_again_and_again),
		cmocka_unit_test(test_stalled_and_then_not_heard),
		cmocka_unit_test(test_only_members_are_stalled),
		cmocka_unit_test(test_own_stall_judges_nobody),
		cmocka_unit_test(test_answer_that_waited),
		cmocka_unit_test(test_answers_that_do_not_count),
		cmocka_unit_test(test_old_answers),
		cmocka_unit_test(test_slower_link),
		cmocka_unit_test(test_grant_of_before_the_lease),
		cmocka_unit_test(test_grants_by_probe),
		cmocka_unit_test(test_probe_does_not_grant_to_the_excluded),
		cmocka_unit_test(test_probes_are_waited_for),
		cmocka_unit_test(test_kernel_grants_for_a_stalled_peer),
		cmocka_unit_test(test_nobody_grants_without_a_kernel),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_frozen_between_any_two_actions),
		cmocka_unit_test(test_frozen_owner_between_any_two_actions),
		cmocka_unit_test(test_nothing_before_it_is_taken_back),
		cmocka_unit_test(test_answers_to_old_delegations),
		cmocka_unit_test(test_fenced_before_it_is_taken_back),
		cmocka_unit_test(test_taken_back_is_told_soon),
		cmocka_unit_test(test_restart_of_an_agent),
		cmocka_unit_test(test_first_word_is_none),
		cmocka_unit_test(test_lease_numbers),
		cmocka_unit_test(test_kernel_of_another_lease),
		cmocka_unit_test(test_leaving_while_one_is_stalled),
		cmocka_unit_test(test_final_action_while_one_is_stalled),
		cmocka_unit_test(test_no_group_goes_to_a_stalled_node),
		cmocka_unit_test(test_hold_of_the_only_place),
		cmocka_unit_test(test_no_failback_while_one_is_stalled),
		cmocka_unit_test(test_ratio),
		cmocka_unit_test(test_longer_leases_are_remembered),
		cmocka_unit_test(test_reconfigure),
		cmocka_unit_test(test_limits_of_the_stall_timeout),
		cmocka_unit_test(test_no_stall_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
