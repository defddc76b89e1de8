/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A failing disk. The real store on a simulated disk, the part of the store process played here:
 * the k-th call fails for every k, in every way, and then power is cut. What the next start reads
 * is the state that was last confirmed or a later one that was handed out, never an older or a
 * mixed one, and all confirmed events. No such start is ever refused as damaged.
 */
#include "agent/store_parent.h"
#include "tests/unit/store_sim.h"
#include "util/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define VARIANTS   16 /* of run() */
#define CUTS	   1  /* the one that loses all that was not synced */
#define RESTARTS   14 /* the one with a restart after the fault, and a random cut later */
#define LIVES	   4
#define ROUNDS	   3
#define RING	   STORE_RING_MIN
#define HANDED_MAX 64
#define EVENTS_MAX 1024
#define WAIT_US	   (30 * USEC_PER_SEC)

static char directory[] = "/tmp/holdfast-anomaly-XXXXXX";

/* In place of agent/store_spawn.c: the store process is this one. */
static struct store_child served = {.socket = -1};

int store_spawn(const struct store_child *child, pid_t *ret_pid)
{
	if (served.socket >= 0)
		(void)close(served.socket);
	served = *child;
	served.socket = dup(child->socket);
	*ret_pid = 0;
	return served.socket < 0 ? -errno : 0;
}

/* What the outside world was told. */
struct witness {
	struct sim *sim;
	struct store *store;
	struct durable_state state; /* scratch */
	/* every state that was handed out, in order */
	struct {
		uint64_t generation, seed, incarnation;
	} handed[HANDED_MAX];
	unsigned int n_handed;
	unsigned int confirmed; /* handed[confirmed - 1] was confirmed; 0: none yet */
	/* every event, in order */
	struct {
		uint64_t number, seed;
	} events[EVENTS_MAX];
	unsigned int n_events;
	uint64_t newest_told;	       /* number of an event that peers may have seen */
	bool talks;		       /* this life's state is on disk: it sends (rule P1) */
	unsigned int events_confirmed; /* the first so many are surely on disk */
	uint64_t seed;
	uint64_t incarnation; /* of this life */
	unsigned int refused; /* starts with another error than damage */
	const char *story;
};

#define check(witness, condition)                                                               \
	do {                                                                                    \
		if (!(condition))                                                               \
			fail_msg("%s: fault %d at call %u, seed %llu: not " #condition,         \
				 (witness)->story, (int)(witness)->sim->fault,                  \
				 (witness)->sim->fail_at, (unsigned long long)(witness)->seed); \
	} while (0)

static void make_state(const struct witness *w, unsigned int which, struct durable_state *state)
{
	sample_state(w->handed[which].seed, state);
	state->generation = w->handed[which].generation;
	state->incarnation = w->handed[which].incarnation;
}

static void check_state(struct witness *w, const struct store_found *found)
{
	if (found->first_start) {
		check(w, w->confirmed == 0);
		return;
	}
	for (unsigned int i = w->n_handed; i-- > 0;) {
		make_state(w, i, &w->state);
		if (!sample_same_state(&w->state, &found->state))
			continue;
		check(w, i + 1 >= w->confirmed);
		w->confirmed = i + 1; /* the agent goes on from it and tells it to others */
		return;
	}
	check(w, !"the state was ever handed out");
}

static bool same_event(uint64_t seed, uint64_t number, const struct event_record *record)
{
	struct event_record want = {.event = sample_event(seed),
				    .number = number,
				    .origin_number = number,
				    .origin_incarnation = seed,
				    .wall_us = ~seed};

	event_record_sanitize(&want);
	return sample_same_record(&want, record);
}

/* What is in memory after a start: the tail of a prefix of all events, with all confirmed ones. */
static void check_events(struct witness *w)
{
	uint64_t first = event_memory_first(w->store->memory);
	uint64_t next = event_memory_next(w->store->memory);
	unsigned int at = w->n_events, kept = (unsigned int)(next - first);

	if (kept) {
		const struct event_record *last = event_memory_at(w->store->memory, next - 1);

		while (at > 0 && w->events[at - 1].number != last->number)
			at--;
		check(w, at > 0);
	} else {
		at = 0;
	}
	check(w, at >= w->events_confirmed);
	/* a torn batch may cost as many of the oldest as it was to overwrite */
	check(w, kept + STORE_BATCH >= RING || kept == at);
	for (unsigned int i = 0; i < kept; i++) {
		unsigned int k = at - kept + i;

		check(w, same_event(w->events[k].seed, w->events[k].number,
				    event_memory_at(w->store->memory, first + i)));
	}
	w->n_events = at;
	check(w, store_next_number(w->store) > w->newest_told);
}

static bool events_waiting(const struct witness *w)
{
	return w->store->unconfirmed < event_memory_next(w->store->memory);
}

/* Waits for the answers to what is on its way. */
static void take_answers(struct witness *w)
{
	for (int i = 0; (w->store->sent_generation || w->store->in_flight) && i < 1000; i++) {
		struct store_answer answer;
		uint64_t sent = w->store->sent_generation;

		check(w, store_child_serve(&served));
		if (store_dispatch(w->store, &answer) <= 0 || w->sim->crashed)
			continue;
		if (answer.generation && answer.result >= 0) {
			check(w, answer.generation == sent);
			w->confirmed = w->n_handed;
			w->talks = true;
		}
		if (!answer.generation && answer.result >= 0 && !events_waiting(w))
			w->events_confirmed = w->n_events;
	}
	check(w, !w->store->sent_generation && !w->store->in_flight);
	if (w->talks && w->n_events)
		w->newest_told = w->events[w->n_events - 1].number;
}

static void write_state(struct witness *w)
{
	assert_true(w->n_handed < HANDED_MAX);
	w->handed[w->n_handed].generation = w->store->newest_generation + 1;
	w->handed[w->n_handed].incarnation = w->incarnation;
	w->handed[w->n_handed].seed = ++w->seed;
	make_state(w, w->n_handed++, &w->state);
	check(w, store_write_state(w->store, &w->state) == 0);
}

static void append_events(struct witness *w, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		uint64_t seed = ++w->seed;
		struct event event = sample_event(seed);

		assert_true(w->n_events < EVENTS_MAX);
		w->events[w->n_events].seed = seed;
		w->events[w->n_events++].number =
			store_append_event(w->store, &event, 0, seed, ~seed);
	}
}

/* One run of the agent, from start to power cut or end. */
static void live(struct witness *w, unsigned int rounds, bool states, unsigned int burst)
{
	const struct store_config config = {.directory = directory, .ring_records = RING};
	struct store_found found;
	char error[STORE_ERROR_SIZE];
	int r;

	r = store_new_with_io(&config, &w->sim->io, &w->store, &found, error);
	if (r < 0) {
		if (r == -EBADMSG)
			print_error("%s\n", error);
		check(w, r != -EBADMSG);
		check(w, strlen(error) > 10);
		w->refused++;
		w->store = NULL;
		return;
	}
	check_state(w, &found);
	check_events(w);
	w->talks = false;
	w->incarnation = found.state.incarnation + 1;
	for (unsigned int i = 0; i < rounds && !w->sim->crashed; i++) {
		if (states || i == 0)
			write_state(w);
		append_events(w, burst);
		take_answers(w);
	}
	check(w, store_events_lost(w->store) == 0);
	w->store = store_free(w->store, 0);
}

/*
 * Lives with one fault at call `fail_at` (0: none). The first one ends by a power cut or (`cuts`
 * false) only its process does; the second one is cut off, in half of the variants as soon as it
 * has started: what it has read, it may have told to others. Returns the number of calls.
 */
static unsigned int run(struct witness *w, unsigned int fail_at, enum sim_fault fault,
			uint64_t variant, bool states)
{
	struct sim *sim = w->sim;
	bool cuts = variant % 2;

	memset(w, 0, sizeof *w);
	w->sim = sim;
	w->story = states ? "states" : "events";
	w->seed = variant * 1000;
	sim_reset(sim, variant * 1000 + fail_at);
	sim->fail_at = fail_at;
	sim->fault = fault;
	if (fail_at && sample_next(&sim->random) % 2) /* and soon after it power goes, too */
		sim->cut_syncs = 1 + (unsigned int)(sample_next(&sim->random) % 3);
	for (unsigned int life = 0; life < LIVES; life++) {
		unsigned int burst = states ? 3 : (unsigned int)(5 + variant % 40);

		live(w, life == 1 && variant < VARIANTS / 2 ? 0 : ROUNDS, states, burst);
		if (sim->crashed || cuts || life > 0)
			sim_power_cut(
				sim, (enum sim_cut)(variant / 2 % SIM_CUTS),
				(unsigned int)(sample_next(&sim->random) % (2 * STATE_SECTORS)));
	}
	check(w, fail_at || w->refused == 0);
	return sim->calls;
}

/* Any: neither calls nor faults with a period may always meet the same ones. */
static unsigned int variant_of(unsigned int call, unsigned int fault)
{
	struct sample_random random = sample_seed(call * SIM_FAULTS + fault + 1);

	return (unsigned int)(sample_next(&random) >> 32) % VARIANTS;
}

/*
 * Each call with each fault, in one of the ways to end (I/O errors: in three); HOLDFAST_LONG: in
 * all of them.
 */
static void every_call_fails(struct witness *w, bool states)
{
	bool all = getenv("HOLDFAST_LONG") != NULL;
	unsigned int runs = 0;

	for (unsigned int variant = 0; variant < VARIANTS; variant++) {
		unsigned int n = run(w, 0, SIM_EIO, variant, states);

		assert_true(n > 30);
		for (unsigned int at = 1; at <= n; at++)
			for (unsigned int fault = 0; fault < SIM_FAULTS; fault++)
				if (all || variant_of(at, fault) == variant ||
				    ((variant == CUTS || variant == RESTARTS) &&
				     fault == SIM_EIO)) {
					(void)run(w, at, (enum sim_fault)fault, variant, states);
					runs++;
				}
	}
	print_message("%u runs of %d lives\n", runs, LIVES);
}

static void test_states_when_every_call_fails(void **state)
{
	every_call_fails(*state, true);
}

static void test_events_when_every_call_fails(void **state)
{
	every_call_fails(*state, false);
}

/* The sync of a state write is cut after each of its sectors. */
static void test_state_torn_at_each_sector(void **state)
{
	struct witness *w = *state;
	struct durable_state got, old, new;
	struct state_position position = {0};
	struct state_target target;
	char error[STORE_ERROR_SIZE];
	struct sim *sim = w->sim;

	for (unsigned int prefix = 0; prefix <= STATE_SECTORS; prefix++) {
		sim_reset(sim, prefix);
		position = (struct state_position){0};
		for (uint64_t generation = 1; generation <= 4; generation++) {
			sample_state(generation, &old);
			state_position_target(&position, &target);
			assert_int_equal(state_file_write(&sim->io, &target, &old), 0);
			state_position_done(&position, &target, generation, 0);
		}
		sample_state(5, &new);
		state_position_target(&position, &target);
		sim->fail_at = sim->calls + 4; /* open, size, write, sync */
		sim->fault = SIM_CRASH_BEFORE;
		assert_int_equal(state_file_write(&sim->io, &target, &new), -EIO);
		assert_true(sim->crashed);
		sim_power_cut(sim, SIM_CUT_PREFIX, prefix);
		sim->fail_at = 0;
		assert_int_equal(state_file_load(&sim->io, &got, &position, error), 1);
		assert_true(sample_same_state(&got, prefix == STATE_SECTORS ? &new : &old));
	}
}

/* Generation 4 fails at `call` of its write, then 5 is cut off in its sync. */
static void fail_then_cut(struct sim *sim, enum sim_fault fault, unsigned int call,
			  unsigned int prefix)
{
	struct durable_state s, got;
	struct state_position position = {0};
	struct state_target target;
	char error[STORE_ERROR_SIZE];

	sim_reset(sim, prefix);
	for (uint64_t generation = 1; generation <= 5; generation++) {
		int r;

		sample_state(generation, &s);
		state_position_target(&position, &target);
		if (generation == 4) {
			sim->fail_at = sim->calls + call;
			sim->fault = fault;
			sim->cut_syncs = 1;
		}
		r = state_file_write(&sim->io, &target, &s);
		assert_true(generation < 4 ? r == 0 : r < 0);
		state_position_done(&position, &target, generation, r);
	}
	assert_true(sim->crashed);
	sim_power_cut(sim, prefix < 2 * STATE_SECTORS ? SIM_CUT_PREFIX : SIM_CUT_RANDOM, prefix);
	sim->fail_at = 0;
	if (state_file_load(&sim->io, &got, &position, error) != 1)
		fail_msg("fault %d at call %u, prefix %u: %s", (int)fault, call, prefix, error);
	assert_in_range(got.generation, 3, 5);
	sample_state(got.generation, &s);
	assert_true(sample_same_state(&s, &got));
}

static void test_write_after_a_failed_one_is_cut(void **state)
{
	struct witness *w = *state;

	for (unsigned int prefix = 0; prefix < 2 * STATE_SECTORS + 24; prefix += 3)
		for (unsigned int call = 1; call <= 4; call++) {
			fail_then_cut(w->sim, SIM_EIO, call, prefix);
			fail_then_cut(w->sim, SIM_ENOSPC, call, prefix);
		}
}

/* A promise that only the page cache has must not be built upon (state_file_settle). */
static void test_unsynced_state_is_settled(void **state)
{
	struct witness *w = *state;
	struct durable_state s, got;
	struct state_position position = {0};
	struct state_target target;
	char error[STORE_ERROR_SIZE];
	struct sim *sim = w->sim;
	struct sim_inode *inode;

	sim_reset(sim, 1);
	sample_state(1, &s);
	state_position_target(&position, &target);
	assert_int_equal(state_file_write(&sim->io, &target, &s), 0);
	state_position_done(&position, &target, 1, 0);
	/* generation 2 reaches the cache; its sync fails and leaves clean pages */
	sample_state(2, &s);
	state_position_target(&position, &target);
	sim->fail_at = sim->calls + 4;
	sim->fault = SIM_ENOSPC;
	assert_int_equal(state_file_write(&sim->io, &target, &s), -ENOSPC);
	inode = &sim->inode[sim_find(sim->cache, STATE_FILE)->inode];
	memcpy(inode->platter + (size_t)target.slot * STATE_SLOT_BYTES,
	       inode->platter + (size_t)(target.slot ^ 1U) * STATE_SLOT_BYTES, STATE_SLOT_BYTES);
	/* the next agent reads it, settles, and is cut off in its first write */
	assert_int_equal(state_file_load(&sim->io, &got, &position, error), 1);
	assert_int_equal(got.generation, 2);
	assert_int_equal(state_file_settle(&sim->io, &position), 0);
	sample_state(3, &s);
	state_position_target(&position, &target);
	sim->fail_at = sim->calls + 4;
	sim->fault = SIM_CRASH_BEFORE;
	assert_int_equal(state_file_write(&sim->io, &target, &s), -EIO);
	sim_power_cut(sim, SIM_CUT_PREFIX, 7);
	sim->fail_at = 0;
	assert_int_equal(state_file_load(&sim->io, &got, &position, error), 1);
	assert_int_equal(got.generation, 2);
}

/* A file of release 1, in which generations 6 and 7 are on disk. */
static void make_version_1(struct sim *sim, uint64_t seed)
{
	uint8_t slots[2][SAMPLE_SLOT_1];
	struct durable_state s;
	int fd;

	sim_reset(sim, seed);
	for (unsigned int i = 0; i < 2; i++) {
		(void)sample_state_1(6 + i, &s);
		sample_encode_1(&s, 5 + i, slots[i]);
	}
	fd = sim->io.open(sim, STATE_FILE, O_RDWR | O_CREAT | O_TRUNC);
	assert_true(fd >= 0);
	assert_int_equal(store_io_write(&sim->io, fd, slots, sizeof slots, 0), 0);
	assert_int_equal(sim->io.sync(sim, fd), 0);
	sim->io.close(sim, fd);
	assert_int_equal(sim->io.sync_directory(sim), 0);
	sim->calls = 0;
}

/* A start with such a file, and one more state. Returns the newest confirmed generation. */
static uint64_t upgrade(struct sim *sim)
{
	struct state_position position;
	struct state_target target;
	struct durable_state s;
	char error[STORE_ERROR_SIZE];

	if (state_file_load(&sim->io, &s, &position, error) != 1)
		return 7;
	assert_true(position.former);
	assert_int_equal(s.generation, 7);
	if (state_file_upgrade(&sim->io, &s, &position) < 0)
		return 7;
	assert_false(position.former);
	sample_state(8, &s);
	state_position_target(&position, &target);
	return state_file_write(&sim->io, &target, &s) < 0 ? 7 : 8;
}

static void upgrade_and_cut(struct sim *sim, unsigned int call, enum sim_fault fault,
			    enum sim_cut cut)
{
	struct durable_state want, got;
	char error[STORE_ERROR_SIZE] = "";
	uint64_t confirmed;

	make_version_1(sim, call * 100 + cut);
	sim->fail_at = call;
	sim->fault = fault;
	confirmed = upgrade(sim);
	sim_power_cut(sim, cut, (call * 37 + fault) % (2 * STATE_SECTORS));
	sim->fail_at = 0;
	if (state_file_load(&sim->io, &got, NULL, error) != 1)
		fail_msg("call %u, fault %d, cut %d: %s", call, (int)fault, (int)cut, error);
	assert_in_range(got.generation, confirmed, 8);
	if (got.generation == 7)
		(void)sample_state_1(7, &want);
	else
		sample_state(8, &want);
	assert_true(sample_same_state(&want, &got));
}

/* Whatever fails while a file of release 1 is replaced, it or the new one is there, whole. */
static void test_upgrade_when_every_call_fails(void **state)
{
	struct witness *w = *state;
	struct sim *sim = w->sim;
	unsigned int calls;

	make_version_1(sim, 1);
	assert_int_equal(upgrade(sim), 8);
	calls = sim->calls;
	assert_in_range(calls, 10, 30);
	for (unsigned int call = 1; call <= calls; call++)
		for (unsigned int fault = 0; fault < SIM_FAULTS; fault++)
			for (unsigned int cut = 0; cut < SIM_CUTS; cut++)
				upgrade_and_cut(sim, call, (enum sim_fault)fault,
						(enum sim_cut)cut);
}

/* Damage is not a power cut: any flipped bit of either slot stops the start. */
static void test_damage_of_state_is_noticed(void **state)
{
	struct witness *w = *state;
	struct sim *sim = w->sim;
	struct durable_state s;
	struct state_position position = {0};
	struct state_target target;
	char error[STORE_ERROR_SIZE];
	struct sim_inode *inode;

	sim_reset(sim, 1);
	for (uint64_t generation = 1; generation <= 3; generation++) {
		sample_state(generation, &s);
		state_position_target(&position, &target);
		assert_int_equal(state_file_write(&sim->io, &target, &s), 0);
		state_position_done(&position, &target, generation, 0);
	}
	inode = &sim->inode[sim_find(sim->cache, STATE_FILE)->inode];
	for (unsigned int slot = 0; slot < STATE_SLOTS; slot++) {
		struct slot_info info;

		state_slot_inspect(inode->cache + (size_t)slot * STATE_SLOT_BYTES, STATE_SECTORS,
				   &info);
		assert_int_equal(info.generation, slot == position.slot ? 3 : 2);
		assert_int_equal(info.base, info.generation - 1);
	}
	for (unsigned int at = 0; at < STATE_FILE_BYTES; at += 131) {
		char where[64];

		inode->cache[at] ^= 0x01;
		error[0] = '\0';
		assert_int_equal(state_file_load(&sim->io, &s, NULL, error), -EBADMSG);
		(void)snprintf(where, sizeof where, "slot %u, sector %u ", at / STATE_SLOT_BYTES,
			       at % STATE_SLOT_BYTES / STATE_SECTOR_BYTES);
		assert_non_null(strstr(error, where));
		assert_non_null(strstr(error, "--reset-state"));
		assert_non_null(strstr(error, "do not remove it"));
		/* not cut off, and with room for the directory before it */
		assert_non_null(strstr(error, "on the other nodes."));
		assert_true(strlen("/var/lib/holdfast: ") + strlen(error) < STORE_ERROR_SIZE);
		inode->cache[at] ^= 0x01;
	}
	/* a disk that lost a confirmed write: an old slot beside a torn newer one */
	sample_state(9, &s);
	state_encode(&s, 8, inode->cache);
	memcpy(inode->cache + STATE_SECTOR_BYTES,
	       inode->cache + STATE_SLOT_BYTES + STATE_SECTOR_BYTES, STATE_SECTOR_BYTES);
	sample_state(3, &s);
	state_encode(&s, 2, inode->cache + STATE_SLOT_BYTES);
	assert_int_equal(state_file_load(&sim->io, &s, NULL, error), -EBADMSG);
	assert_non_null(strstr(error, "generation 8 is lost"));
	/* two states of one generation */
	sample_state(4, &s);
	state_encode(&s, 3, inode->cache);
	s.incarnation++;
	state_encode(&s, 3, inode->cache + STATE_SLOT_BYTES);
	assert_int_equal(state_file_load(&sim->io, &s, NULL, error), -EBADMSG);
}

/* A ring of `total` records in batches of `size`; all confirmed. */
static void fill_ring(struct sim *sim, uint64_t total, uint32_t size)
{
	struct ring_batch batch = {.records = RING};

	assert_int_equal(ring_file_create(&sim->io, RING, NULL, 0), 0);
	for (batch.first = 1; batch.first <= total; batch.first += size) {
		batch.n = size;
		for (uint32_t i = 0; i < size; i++)
			sample_record(batch.first + i, &batch.items[i]);
		assert_int_equal(ring_file_write(&sim->io, &batch), 0);
	}
}

/* Damage anywhere but in the places of the last batch is told, with the place. */
static void test_damage_of_events_is_noticed(void **state)
{
	static const uint64_t totals[] = {50, 130, 300};
	struct sim *sim = ((struct witness *)*state)->sim;
	char error[STORE_ERROR_SIZE], where[64];

	for (size_t i = 0; i < 3; i++) {
		struct sim_inode *inode;
		uint64_t confirmed = totals[i] - 5; /* as the last batch tells */
		unsigned int refused = 0;

		sim_reset(sim, 1);
		fill_ring(sim, totals[i], 5);
		inode = &sim->inode[sim_find(sim->cache, EVENTS_FILE)->inode];
		for (uint32_t place = 0; place < RING; place++) {
			uint8_t *byte = inode->cache + RING_HEADER_BYTES +
					(size_t)place * EVENT_RECORD_BYTES + place;
			uint64_t behind = (place + RING - confirmed % RING) % RING;
			struct ring_image image;
			int r;

			*byte ^= 0x40;
			r = ring_file_load(&sim->io, &image, error);
			*byte ^= 0x40;
			if (behind < STORE_BATCH) { /* the last batch, or the oldest records */
				assert_int_equal(r, 1);
				assert_true(image.last >= confirmed);
				ring_image_done(&image);
				continue;
			}
			assert_int_equal(r, -EBADMSG);
			(void)snprintf(where, sizeof where, "record %u ", place);
			assert_non_null(strstr(error, where));
			assert_non_null(strstr(error, "move it away"));
			refused++;
		}
		assert_int_equal(refused, RING - STORE_BATCH);
	}
}

/* Each byte of the last batch torn at each sector: the confirmed ones are all there. */
static void test_batch_torn_at_each_sector(void **state)
{
	struct sim *sim = ((struct witness *)*state)->sim;
	char error[STORE_ERROR_SIZE];

	for (uint64_t total = 96; total <= 256; total += 32) {
		for (unsigned int prefix = 0; prefix <= STORE_BATCH / 2 + 1; prefix++) {
			struct ring_batch batch = {.records = RING, .first = total + 1};
			struct ring_image image;

			sim_reset(sim, prefix);
			fill_ring(sim, total, 32);
			for (batch.n = 0; batch.n < STORE_BATCH; batch.n++)
				sample_record(batch.first + batch.n, &batch.items[batch.n]);
			sim->fail_at = sim->calls + 5; /* open, size, two writes, sync */
			sim->fault = SIM_CRASH_BEFORE;
			if (total % RING + STORE_BATCH <= RING)
				sim->fail_at--; /* it does not wrap round: one write */
			assert_int_equal(ring_file_write(&sim->io, &batch), -EIO);
			sim_power_cut(sim, SIM_CUT_PREFIX, prefix);
			sim->fail_at = 0;
			assert_int_equal(ring_file_load(&sim->io, &image, error), 1);
			assert_in_range(image.last, total, total + STORE_BATCH);
			assert_int_equal(image.last, total + 2ULL * (prefix > 16 ? 16 : prefix));
			assert_int_equal(image.items[image.n - 1].number, image.last);
			assert_true(image.n >= (total < RING ? total : RING - STORE_BATCH));
			ring_image_done(&image);
		}
	}
}

static void test_damaged_ring_header(void **state)
{
	struct sim *sim = ((struct witness *)*state)->sim;
	char error[STORE_ERROR_SIZE];
	struct ring_image image;
	struct sim_inode *inode;

	sim_reset(sim, 1);
	fill_ring(sim, 10, 5);
	inode = &sim->inode[sim_find(sim->cache, EVENTS_FILE)->inode];
	inode->cache[20] ^= 1;
	assert_int_equal(ring_file_load(&sim->io, &image, error), -EBADMSG);
	assert_non_null(strstr(error, "header"));
	inode->cache[20] ^= 1;
	inode->cache_size -= 1;
	assert_int_equal(ring_file_load(&sim->io, &image, error), -EBADMSG);
	inode->cache_size = 100;
	assert_int_equal(ring_file_load(&sim->io, &image, error), -EBADMSG);
	inode->cache_size = 0;
	assert_int_equal(ring_file_load(&sim->io, &image, error), -EBADMSG);
}

static int set_up(void **state)
{
	struct witness *w = calloc(1, sizeof *w);

	log_set_level(LOG_LEVEL_ERR); /* dropped torn records are told as warnings */
	if (!w || !mkdtemp(directory))
		return -1;
	w->sim = sim_new();
	*state = w;
	return w->sim ? 0 : -1;
}

static int tear_down(void **state)
{
	struct witness *w = *state;
	char path[64];

	(void)snprintf(path, sizeof path, "%s/%s", directory, STORE_LOCK_FILE);
	(void)unlink(path);
	(void)munmap(w->sim, sizeof *w->sim);
	free(w);
	return rmdir(directory);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state_torn_at_each_sector),
		cmocka_unit_test(test_write_after_a_failed_one_is_cut),
		cmocka_unit_test(test_unsynced_state_is_settled),
		cmocka_unit_test(test_upgrade_when_every_call_fails),
		cmocka_unit_test(test_damage_of_state_is_noticed),
		cmocka_unit_test(test_damage_of_events_is_noticed),
		cmocka_unit_test(test_batch_torn_at_each_sector),
		cmocka_unit_test(test_damaged_ring_header),
		cmocka_unit_test(test_states_when_every_call_fails),
		cmocka_unit_test(test_events_when_every_call_fails),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
