/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store with its real process on real files, and with a disk that hangs or is full. */
#include "agent/store_parent.h"
#include "tests/unit/store_sim.h"
#include "util/clock.h"
#include "util/log.h"

#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_US	    (30 * USEC_PER_SEC) /* for anything that must happen soon */
#define RING	    256
#define RUN(run, i) ((uint64_t)(run)*STORE_NUMBERS_PER_RUN + (i)) /* the i-th number of a run */

struct fixture {
	char directory[64];
	struct sim *sim;
	struct store *store;
	struct durable_state state; /* what the last start found */
	bool first_start;
	char error[STORE_ERROR_SIZE];
};

/* ---- helpers ---- */

static int open_with(struct fixture *f, const struct store_io *io, uint32_t records)
{
	const struct store_config config = {.directory = f->directory, .ring_records = records};
	struct store_found found;
	int r;

	f->error[0] = '\0';
	r = store_new_with_io(&config, io, &f->store, &found, f->error);
	if (r >= 0) {
		f->state = found.state;
		f->first_start = found.first_start;
	}
	return r;
}

static void open_store(struct fixture *f)
{
	if (open_with(f, NULL, RING) < 0)
		fail_msg("%s", f->error);
}

static void close_store(struct fixture *f)
{
	f->store = store_free(f->store, WAIT_US);
}

/* The next answer, with the limit that no test may need. */
static int next_answer(struct fixture *f, struct store_answer *answer)
{
	ha_time until = ha_time_add(clock_boot(), WAIT_US);
	int r = 0;

	while (r == 0 && ha_time_before(clock_boot(), until)) {
		struct pollfd pfd = {.fd = store_fd(f->store), .events = POLLIN};

		if (poll(&pfd, 1, 1000) > 0)
			r = store_dispatch(f->store, answer);
	}
	return r;
}

/* Answers until the one about a state. */
static int state_answer(struct fixture *f, uint64_t generation)
{
	struct store_answer answer = {0};

	do {
		assert_int_equal(next_answer(f, &answer), 1);
	} while (answer.generation == 0);
	assert_int_equal(answer.generation, generation);
	return answer.result;
}

static void write_state(struct fixture *f, uint64_t generation)
{
	struct durable_state state;

	sample_state(generation, &state);
	state.incarnation = f->state.incarnation + 1;
	assert_int_equal(store_write_state(f->store, &state), 0);
	assert_int_equal(state_answer(f, generation), 0);
}

static void append(struct fixture *f, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct event event = sample_event(store_next_number(f->store));

		(void)store_append_event(f->store, &event, 0, 1, 2);
	}
}

static void wait_for_events(struct fixture *f)
{
	struct store_answer answer;

	while (f->store->in_flight)
		assert_int_equal(next_answer(f, &answer), 1);
	assert_int_equal(f->store->unconfirmed, event_memory_next(f->store->memory));
}

static const char *path_of(const struct fixture *f, const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof path, "%s/%s", f->directory, name);
	return path;
}

static void flip_byte(const struct fixture *f, const char *name, off_t at)
{
	int fd = open(path_of(f, name), O_RDWR | O_CLOEXEC);
	uint8_t byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x80;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	(void)close(fd);
}

static void assert_told(const struct fixture *f, const char *what)
{
	if (!strstr(f->error, what))
		fail_msg("'%s' does not say '%s'", f->error, what);
}

/* A process of this test that is gone (not even a zombie of somebody else counts). */
static bool gone(pid_t pid)
{
	char path[64], state = 'X';
	FILE *file;

	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return true;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 'X';
	(void)fclose(file);
	return state == 'Z' || state == 'X';
}

static void wait_until_gone(pid_t pid)
{
	const struct timespec step = {.tv_nsec = 5 * 1000 * 1000};
	ha_time until = ha_time_add(clock_boot(), WAIT_US);

	while (!gone(pid) && ha_time_before(clock_boot(), until))
		(void)nanosleep(&step, NULL);
	assert_true(gone(pid));
}

/* ---- states ---- */

static void test_states_survive(void **state)
{
	struct fixture *f = *state;
	struct durable_state want;

	open_store(f);
	assert_true(f->first_start);
	assert_int_equal(f->state.generation, 0);
	for (uint64_t generation = 1; generation <= 5; generation++) {
		write_state(f, generation * 3);
		close_store(f);
		open_store(f);
		assert_false(f->first_start);
		sample_state(generation * 3, &want);
		want.incarnation = generation;
		assert_true(sample_same_state(&want, &f->state));
	}
	close_store(f);
	memset(&f->state, 0, sizeof f->state);
	assert_int_equal(state_load(f->directory, &f->state, f->error), 1);
	assert_int_equal(f->state.generation, 15);
}

static void test_public_start(void **state)
{
	struct fixture *f = *state;
	const struct store_config config = {.directory = f->directory, .lock_name = "own-lock"};
	struct durable_state s;
	bool first = false;
	struct stat st;

	assert_int_equal(store_new(&config, &f->store, &s, &first, f->error), 0);
	assert_true(first);
	assert_int_equal(s.generation, 0);
	assert_int_equal(stat(path_of(f, "own-lock"), &st), 0);
	assert_int_equal(stat(path_of(f, EVENTS_FILE), &st), 0);
	assert_int_equal(st.st_size, RING_HEADER_BYTES + EVENT_RING_DEFAULT * EVENT_RECORD_BYTES);
	assert_int_equal(st.st_mode & 0777, 0600);
	write_state(f, 1);
	assert_int_equal(stat(path_of(f, STATE_FILE), &st), 0);
	assert_int_equal(st.st_size, STATE_FILE_BYTES);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_bad_states_are_not_written(void **state)
{
	struct fixture *f = *state;
	struct durable_state s;

	open_store(f);
	write_state(f, 7);
	sample_state(7, &s);
	assert_int_equal(store_write_state(f->store, &s), -EINVAL); /* not newer */
	sample_state(8, &s);
	s.epoch_reserve = UINT64_MAX;
	assert_int_equal(store_write_state(f->store, &s), -EINVAL);
	sample_state(8, &s);
	assert_int_equal(store_write_state(f->store, &s), 0);
	sample_state(9, &s);
	assert_int_equal(store_write_state(f->store, &s), -EBUSY); /* one at a time */
	assert_int_equal(state_answer(f, 8), 0);
	assert_int_equal(store_write_state(f->store, &s), 0);
	assert_int_equal(state_answer(f, 9), 0);
}

static void test_bad_directories(void **state)
{
	struct fixture *f = *state;
	struct durable_state s;
	char error[STORE_ERROR_SIZE];

	assert_int_equal(state_load("/nonexistent/holdfast", &s, error), -ENOENT);
	assert_non_null(strstr(error, "/nonexistent/holdfast: cannot open the state directory"));
	assert_int_equal(state_load(f->directory, &s, error), 0);
	assert_int_equal(open_with(f, NULL, STORE_RING_MIN - 1), -EINVAL);
	assert_told(f, "must be 128 to");
	assert_int_equal(mkdir(path_of(f, STATE_FILE), 0700), 0);
	assert_true(open_with(f, NULL, RING) < 0);
	assert_told(f, "state");
	assert_int_equal(rmdir(path_of(f, STATE_FILE)), 0);
	assert_int_equal(symlink("/dev/null", path_of(f, STATE_FILE)), 0);
	assert_int_equal(open_with(f, NULL, RING), -ELOOP);
	assert_told(f, "not a plain file");
}

static void test_damaged_state_stops_the_start(void **state)
{
	struct fixture *f = *state;

	open_store(f);
	write_state(f, 1);
	write_state(f, 2);
	close_store(f);
	flip_byte(f, STATE_FILE, 3 * 512 + 17);
	for (int i = 0; i < 2; i++) { /* refusing changes nothing */
		assert_int_equal(open_with(f, NULL, RING), -EBADMSG);
		assert_told(f, f->directory);
		assert_told(f, "slot 0, sector 3 (byte 1536)");
		assert_told(f, "--reset-state");
	}
	flip_byte(f, STATE_FILE, 3 * 512 + 17);
	assert_int_equal(truncate(path_of(f, STATE_FILE), STATE_FILE_BYTES - 512), 0);
	assert_int_equal(open_with(f, NULL, RING), -EBADMSG);
	assert_told(f, "163328 bytes, not 163840");
	assert_int_equal(truncate(path_of(f, STATE_FILE), 0), 0);
	assert_int_equal(open_with(f, NULL, RING), -EBADMSG);
	assert_told(f, "has 0 bytes");
}

static void write_version_1(const struct fixture *f, uint64_t generation)
{
	uint8_t slots[2][SAMPLE_SLOT_1];
	int fd = open(path_of(f, STATE_FILE), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct durable_state s;

	assert_true(fd >= 0);
	for (unsigned int i = 0; i < 2; i++) {
		(void)sample_state_1(generation + i, &s);
		sample_encode_1(&s, generation + i - 1, slots[i]);
	}
	assert_int_equal(write(fd, slots, sizeof slots), sizeof slots);
	(void)close(fd);
}

/* Release 1 left it; the first start replaces it. */
static void test_state_of_version_1(void **state)
{
	struct fixture *f = *state;
	struct durable_state want;
	struct stat st;

	write_version_1(f, 40);
	assert_int_equal(state_load(f->directory, &f->state, f->error), 1); /* changes nothing */
	assert_int_equal(stat(path_of(f, STATE_FILE), &st), 0);
	assert_int_equal(st.st_size, STATE_FILE_BYTES_1);
	(void)sample_state_1(41, &want);
	for (int i = 0; i < 2; i++) {
		open_store(f);
		assert_false(f->first_start);
		assert_true(sample_same_state(&want, &f->state));
		assert_int_equal(stat(path_of(f, STATE_FILE), &st), 0);
		assert_int_equal(st.st_size, STATE_FILE_BYTES);
		assert_int_equal(st.st_mode & 0777, 0600);
		close_store(f);
	}
	open_store(f);
	write_state(f, 42);
	close_store(f);
	open_store(f);
	assert_int_equal(f->state.generation, 42);
	close_store(f);
	/* damage is damage */
	write_version_1(f, 50);
	flip_byte(f, STATE_FILE, SAMPLE_SLOT_1 + 2 * 512 + 30);
	assert_int_equal(open_with(f, NULL, RING), -EBADMSG);
	assert_told(f, "slot 1, sector 2 (byte 17408)");
	assert_int_equal(stat(path_of(f, STATE_FILE), &st), 0);
	assert_int_equal(st.st_size, STATE_FILE_BYTES_1);
}

static void test_missing_state_beside_events(void **state)
{
	struct fixture *f = *state;

	open_store(f);
	append(f, 3); /* waits for the first state */
	assert_int_equal(f->store->in_flight, 0);
	close_store(f);
	open_store(f); /* so nothing was left: still the first start */
	assert_true(f->first_start);
	assert_int_equal(store_next_number(f->store), RUN(1, 1));
	append(f, 3);
	write_state(f, 1);
	wait_for_events(f);
	close_store(f);
	assert_int_equal(unlink(path_of(f, STATE_FILE)), 0);
	assert_int_equal(open_with(f, NULL, RING), -EBADMSG);
	assert_told(f, "missing, but the event file has records");
}

/* ---- reset ---- */

static void test_reset(void **state)
{
	const struct state_reset_options options = {
		.epoch = 1000, .incarnation = 3, .lease_max_us = 1000000};
	struct fixture *f = *state;
	struct durable_state s, out;
	struct stat st;

	open_store(f);
	sample_state(4, &s);
	s.epoch_reserve = 5000; /* more than the operator will know */
	s.incarnation = 2;
	s.lease_max_us = 9000000;
	assert_int_equal(store_write_state(f->store, &s), 0);
	assert_int_equal(state_answer(f, 4), 0);
	assert_int_equal(state_reset(f->directory, NULL, &options, &out, f->error), -EBUSY);
	close_store(f);
	assert_int_equal(state_reset(f->directory, NULL, &options, &out, f->error), -EEXIST);
	assert_told(f, "sound");

	flip_byte(f, STATE_FILE, 5 * 512);
	flip_byte(f, STATE_FILE, STATE_SLOT_BYTES + 100); /* the second slot's first sector */
	assert_int_equal(state_reset(f->directory, NULL, &options, &out, f->error), 0);
	assert_int_equal(out.epoch_reserve, 5000 + STATE_RESET_EPOCHS);
	assert_int_equal(out.incarnation, 3 + STATE_RESET_INCARNATIONS);
	assert_int_equal(out.lease_max_us, 9000000);
	assert_int_equal(out.generation, 5);
	assert_int_equal(stat(path_of(f, STATE_FILE ".damaged-1"), &st), 0);
	assert_int_equal(st.st_size, STATE_FILE_BYTES);
	open_store(f);
	assert_false(f->first_start);
	assert_true(sample_same_state(&out, &f->state));
	write_state(f, 6);
	close_store(f);

	/* once more, now with a file of which nothing is left */
	assert_int_equal(truncate(path_of(f, STATE_FILE), 0), 0);
	assert_int_equal(state_reset(f->directory, NULL, &options, &out, f->error), 0);
	assert_int_equal(out.epoch_reserve, 1000 + STATE_RESET_EPOCHS);
	assert_int_equal(stat(path_of(f, STATE_FILE ".damaged-2"), &st), 0);

	/* and with none at all, as after a new disk */
	assert_int_equal(unlink(path_of(f, STATE_FILE)), 0);
	assert_int_equal(state_reset(f->directory, NULL, &options, &out, f->error), 0);
	open_store(f);
	assert_false(f->first_start);
}

static void test_reset_needs_all_figures(void **state)
{
	static const struct state_reset_options bad[] = {
		{.epoch = 0, .incarnation = 1, .lease_max_us = 1},
		{.epoch = 1, .incarnation = 0, .lease_max_us = 1},
		{.epoch = 1, .incarnation = 1, .lease_max_us = 0},
		{.epoch = EPOCH_MAX, .incarnation = 1, .lease_max_us = 1},
		{.epoch = 1, .incarnation = UINT64_MAX, .lease_max_us = 1},
	};
	struct fixture *f = *state;
	struct durable_state out;
	struct stat st;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(state_reset(f->directory, NULL, &bad[i], &out, f->error), -EINVAL);
		assert_told(f, "missing or out of range");
	}
	assert_int_equal(stat(path_of(f, STATE_FILE), &st), -1);
}

/* ---- events ---- */

static void check_numbers(const struct fixture *f, uint64_t first, uint64_t next)
{
	assert_int_equal(store_first_number(f->store), first);
	assert_int_equal(store_next_number(f->store), next);
	assert_null(store_event(f->store, first - 1));
	assert_null(store_event(f->store, next));
}

static void test_events_survive(void **state)
{
	struct fixture *f = *state;

	open_store(f);
	write_state(f, 1);
	check_numbers(f, RUN(1, 1), RUN(1, 1));
	append(f, 100);
	check_numbers(f, RUN(1, 1), RUN(1, 101));
	wait_for_events(f);
	close_store(f);
	open_store(f);
	check_numbers(f, RUN(1, 1), RUN(2, 1));
	append(f, RING - 20); /* round once */
	wait_for_events(f);
	close_store(f);
	open_store(f);
	/* no state of the second run was written: the gap it is */
	check_numbers(f, RUN(1, 81), RUN(2, RING - 20 + STORE_NUMBER_GAP + 1));
	for (uint64_t number = RUN(1, 81); number <= RUN(2, RING - 20); number++) {
		const struct event_record *record = store_event(f->store, number);
		struct event_record want = {.event = sample_event(number),
					    .number = number,
					    .origin_number = number,
					    .origin_incarnation = 1,
					    .wall_us = 2};

		if (number > RUN(1, 100) && number < RUN(2, 1)) {
			assert_null(record);
			continue;
		}
		assert_non_null(record);
		event_record_sanitize(&want);
		assert_true(sample_same_record(&want, record));
	}
	assert_int_equal(store_events_lost(f->store), 0);
}

static void test_events_by_origin(void **state)
{
	struct fixture *f = *state;

	open_store(f);
	write_state(f, 1);
	for (uint64_t i = 1; i <= 2 * RING; i++) {
		struct event event = {.id = EVENT_NODE_HEARD, .origin = (uint8_t)(i % 3)};

		(void)store_append_event(f->store, &event, 10 * i, 1, 2);
	}
	wait_for_events(f);
	for (int again = 0; again < 2; again++) {
		for (uint64_t i = 1; i <= 2 * RING; i++) {
			const struct event_record *record =
				store_origin_event(f->store, (uint8_t)(i % 3), 10 * i);

			if (i <= RING) {
				assert_null(record);
				continue;
			}
			assert_non_null(record);
			assert_int_equal(record->number, RUN(1, i));
			assert_int_equal(record->event.origin, i % 3);
			assert_null(store_origin_event(f->store, (uint8_t)((i + 1) % 3), 10 * i));
		}
		assert_int_equal(store_origin_newest(f->store, 2), 10 * (2 * RING));
		assert_int_equal(store_origin_newest(f->store, 1), 10 * (2 * RING - 1));
		assert_int_equal(store_origin_newest(f->store, 0), 10 * (2 * RING - 2));
		assert_int_equal(store_origin_newest(f->store, 3), 0);
		close_store(f);
		open_store(f);
	}
}

static void test_ring_of_another_size(void **state)
{
	struct fixture *f = *state;

	open_store(f);
	write_state(f, 1);
	append(f, 200);
	wait_for_events(f);
	close_store(f);
	assert_int_equal(open_with(f, NULL, 128), 0);
	assert_int_equal(store_first_number(f->store), RUN(1, 73));
	assert_non_null(store_event(f->store, RUN(1, 200)));
	append(f, 50);
	wait_for_events(f);
	close_store(f);
	assert_int_equal(open_with(f, NULL, 1024), 0);
	assert_int_equal(store_first_number(f->store), RUN(1, 123));
	assert_non_null(store_event(f->store, RUN(2, 1)));
	close_store(f);
	assert_int_equal(open_with(f, NULL, 1024), 0);
	assert_int_equal(store_first_number(f->store), RUN(1, 123));
}

static void test_damaged_events_stop_the_start(void **state)
{
	struct fixture *f = *state;
	struct store_answer answer;

	open_store(f);
	write_state(f, 1);
	append(f, 100);
	wait_for_events(f);
	append(f, 1);
	assert_int_equal(next_answer(f, &answer), 1);
	close_store(f);
	flip_byte(f, EVENTS_FILE, RING_HEADER_BYTES + 40 * EVENT_RECORD_BYTES + 20);
	assert_int_equal(open_with(f, NULL, RING), -EBADMSG);
	assert_told(f, f->directory);
	assert_told(f, "record 40 (byte 14336)");
	assert_told(f, "move it away");
	assert_int_equal(unlink(path_of(f, EVENTS_FILE)), 0); /* as the message says */
	open_store(f);
	assert_int_equal(f->state.generation, 1);
	assert_int_equal(event_memory_next(f->store->memory), 0);
	assert_int_equal(store_next_number(f->store), RUN(2, 1)); /* none is used again */
}

/* ---- lock ---- */

static void test_second_agent(void **state)
{
	struct fixture *f = *state;
	struct fixture other = *f;
	char pid[32];

	open_store(f);
	assert_int_equal(open_with(&other, NULL, RING), -EBUSY);
	(void)snprintf(pid, sizeof pid, "(process %d)", (int)getpid());
	assert_told(&other, "another agent");
	assert_told(&other, pid);
	assert_told(&other, other.directory);
	close_store(f);
	open_store(f);
}

/* ---- a disk that hangs, fails, is full ---- */

static void test_hanging_disk_holds_up_nobody(void **state)
{
	struct fixture *f = *state;
	struct durable_state s;
	ha_time start;

	sim_reset(f->sim, 1);
	assert_int_equal(open_with(f, &f->sim->io, RING / 2), 0);
	write_state(f, 1);
	f->sim->hang = true;
	start = clock_boot();
	sample_state(2, &s);
	assert_int_equal(store_write_state(f->store, &s), 0);
	append(f, 10000); /* bounded: the ring is all there is */
	sample_state(3, &s);
	assert_int_equal(store_write_state(f->store, &s), -EBUSY);
	assert_true(ha_time_since(clock_boot(), start) < 10 * USEC_PER_SEC);
	assert_int_equal(store_next_number(f->store), RUN(1, 10001));
	assert_int_equal(store_first_number(f->store), RUN(1, 10001 - RING / 2));
	assert_int_equal(store_events_lost(f->store), 10000 - RING / 2 - f->store->in_flight);
	f->sim->hang = false;
	assert_int_equal(state_answer(f, 2), 0);
	wait_for_events(f);
	assert_int_equal(store_events_lost(f->store), 10000 - RING / 2 - 1);
	close_store(f);
	assert_int_equal(open_with(f, &f->sim->io, RING / 2), 0);
	assert_int_equal(f->state.generation, 2);
	assert_non_null(store_event(f->store, RUN(1, 10000)));
	/* the end does not wait longer than it is told to */
	f->sim->hang = true;
	append(f, 1);
	start = clock_boot();
	f->store = store_free(f->store, 50 * USEC_PER_MSEC);
	assert_true(ha_time_since(clock_boot(), start) < 10 * USEC_PER_SEC);
	f->sim->hang = false;
}

static void test_full_disk_and_after(void **state)
{
	struct fixture *f = *state;
	struct store_answer answer;
	struct durable_state s;

	sim_reset(f->sim, 1);
	assert_int_equal(open_with(f, &f->sim->io, RING / 2), 0);
	write_state(f, 1);
	f->sim->fail_at = f->sim->calls + 3; /* open, size, write */
	f->sim->fault = SIM_ENOSPC;
	sample_state(2, &s);
	assert_int_equal(store_write_state(f->store, &s), 0);
	assert_int_equal(state_answer(f, 2), -ENOSPC);
	write_state(f, 3);
	f->sim->fail_at = f->sim->calls + 4; /* the sync */
	f->sim->fault = SIM_EIO;
	append(f, 1);
	assert_int_equal(next_answer(f, &answer), 1);
	assert_int_equal(answer.generation, 0);
	assert_int_equal(answer.result, -EIO);
	assert_int_equal(f->store->in_flight, 0); /* no retry in a circle */
	append(f, 1);
	wait_for_events(f);
	assert_int_equal(store_events_lost(f->store), 0);
	close_store(f);
	assert_int_equal(open_with(f, &f->sim->io, RING / 2), 0);
	assert_int_equal(f->state.generation, 3);
	assert_non_null(store_event(f->store, RUN(1, 1)));
	assert_non_null(store_event(f->store, RUN(1, 2)));
}

/* ---- the process ---- */

static void test_death_of_the_process(void **state)
{
	struct fixture *f = *state;
	struct store_answer answer;
	struct durable_state s;
	int fd;

	sim_reset(f->sim, 1);
	assert_int_equal(open_with(f, &f->sim->io, RING / 2), 0);
	write_state(f, 1);
	fd = store_fd(f->store);
	f->sim->hang = true;
	sample_state(2, &s);
	assert_int_equal(store_write_state(f->store, &s), 0);
	append(f, 5);
	assert_int_equal(kill(f->store->child, SIGKILL), 0);
	assert_int_equal(next_answer(f, &answer), 1);
	assert_int_equal(answer.generation, 2);
	assert_int_equal(answer.result, -EPIPE);
	assert_int_equal(next_answer(f, &answer), -EPIPE);
	assert_int_equal(store_dispatch(f->store, &answer), 0);
	f->sim->hang = false;
	f->sim->open = -1;
	write_state(f, 3); /* starts a new one */
	append(f, 1);
	wait_for_events(f);
	assert_int_equal(store_fd(f->store), fd);
	assert_int_equal(store_events_lost(f->store), 0);
	close_store(f);
	assert_int_equal(open_with(f, &f->sim->io, RING / 2), 0);
	assert_int_equal(f->state.generation, 3);
	assert_non_null(store_event(f->store, RUN(1, 6)));
}

/* Noticed by a write too, before anybody looks for answers; and it is not started for ever. */
static void test_process_that_dies_again_and_again(void **state)
{
	struct fixture *f = *state;
	uint64_t generation = 1;
	struct store_answer answer;
	struct durable_state s;
	int r = 0;

	open_store(f);
	write_state(f, generation);
	for (int i = 0; i < 20 && r != -EAGAIN; i++) {
		pid_t child = f->store->child;

		assert_int_equal(kill(child, SIGKILL), 0);
		wait_until_gone(child);
		sample_state(++generation, &s);
		r = store_write_state(f->store, &s);
		while (r == 0 && next_answer(f, &answer) != 1)
			;
	}
	assert_int_equal(r, -EAGAIN);
	assert_true(f->store->starts <= 5);
	f->store->starts_since = HA_TIME_ZERO; /* as if time had passed */
	append(f, 1);
	assert_int_equal(next_answer(f, &answer), -EPIPE);
	write_state(f, generation + 1);
	append(f, 1);
	wait_for_events(f);
}

static void read_status(pid_t pid, const char *name, char *ret, size_t size)
{
	char path[64], line[256];
	FILE *file;

	(void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	ret[0] = '\0';
	while (fgets(line, sizeof line, file))
		if (strncmp(line, name, strlen(name)) == 0)
			(void)snprintf(ret, size, "%s", line + strlen(name));
	(void)fclose(file);
}

static void test_process_is_plain(void **state)
{
	const struct sched_param realtime = {.sched_priority = 1};
	struct fixture *f = *state;
	unsigned int n_open = 0;
	char text[256], path[64];
	struct dirent *entry;
	DIR *fds;
	int pipe_fds[2];
	bool was_realtime;

	assert_int_equal(pipe(pipe_fds), 0); /* something of the agent's */
	was_realtime = sched_setscheduler(0, SCHED_FIFO, &realtime) == 0;
	open_store(f);
	write_state(f, 1); /* it has become what it is */
	if (was_realtime)
		assert_int_equal(sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0}), 0);
	else
		print_message("not allowed to be real-time: that part is not tested\n");
	assert_int_equal(sched_getscheduler(f->store->child), SCHED_OTHER);
	read_status(f->store->child, "Name:", text, sizeof text);
	assert_string_equal(text, "\tholdfast-store\n");
	(void)snprintf(path, sizeof path, "/proc/%d/fd", (int)f->store->child);
	fds = opendir(path);
	assert_non_null(fds);
	while ((entry = readdir(fds)))
		if (entry->d_name[0] != '.' && atoi(entry->d_name) > STDERR_FILENO)
			n_open++;
	(void)closedir(fds);
	assert_int_equal(n_open, 3); /* socket, directory, lock */
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
	/* what systemd or a terminal sends to all processes is for the agent to act on */
	assert_int_equal(kill(f->store->child, SIGTERM), 0);
	assert_int_equal(kill(f->store->child, SIGINT), 0);
	assert_int_equal(kill(f->store->child, SIGHUP), 0);
	assert_int_equal(kill(f->store->child, SIGUSR2), 0);
	write_state(f, 2);
}

/* The agent of a process of its own: hands out a state and some events, and waits. */
static void __attribute__((noreturn)) be_agent(struct fixture *f, int ready)
{
	const struct store_config config = {.directory = f->directory, .ring_records = RING / 2};
	struct store_found found;
	struct durable_state s;
	pid_t child;

	if (store_new_with_io(&config, &f->sim->io, &f->store, &found, f->error) < 0)
		_exit(1);
	sample_state(found.state.generation + 1, &s);
	f->sim->hang = true;
	if (store_write_state(f->store, &s) < 0)
		_exit(1);
	append(f, 3);
	child = f->store->child;
	if (write(ready, &child, sizeof child) != sizeof child)
		_exit(1);
	for (;;)
		(void)pause();
}

/* Killed without warning: the write on its way is finished, and only then may the next start. */
static void test_death_of_the_agent(void **state)
{
	struct fixture *f = *state;
	pid_t agent, child = 0, releaser;
	int ready[2];

	sim_reset(f->sim, 1);
	assert_int_equal(open_with(f, &f->sim->io, RING / 2), 0);
	write_state(f, 1);
	close_store(f);
	assert_int_equal(pipe(ready), 0);
	agent = fork();
	if (agent == 0)
		be_agent(f, ready[1]);
	assert_int_equal(read(ready[0], &child, sizeof child), sizeof child);
	assert_int_equal(kill(agent, SIGKILL), 0);
	assert_int_equal(waitpid(agent, NULL, 0), agent);
	assert_false(gone(child)); /* it hangs in its write */
	releaser = fork();
	if (releaser == 0) {
		const struct timespec pause = {.tv_nsec = 200 * 1000 * 1000};

		(void)nanosleep(&pause, NULL);
		f->sim->hang = false;
		_exit(0);
	}
	assert_int_equal(open_with(f, &f->sim->io, RING / 2), 0); /* waits for the lock */
	assert_false(f->sim->hang);
	assert_int_equal(f->state.generation, 2);
	wait_until_gone(child);
	assert_int_equal(event_memory_next(f->store->memory), 1); /* the one on its way */
	assert_int_equal(waitpid(releaser, NULL, 0), releaser);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

/* ---- */

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	if (!f)
		return -1;
	strcpy(f->directory, "/tmp/holdfast-store-XXXXXX");
	f->sim = sim_new();
	*state = f;
	return f->sim && mkdtemp(f->directory) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	struct dirent *entry;
	DIR *directory;

	f->sim->hang = false;
	store_free(f->store, WAIT_US);
	directory = opendir(f->directory);
	while (directory && (entry = readdir(directory)))
		(void)unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory)
		(void)closedir(directory);
	(void)rmdir(f->directory);
	(void)munmap(f->sim, sizeof *f->sim);
	free(f);
	return 0;
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_TEST(test_states_survive),
		STORE_TEST(test_public_start),
		STORE_TEST(test_bad_states_are_not_written),
		STORE_TEST(test_bad_directories),
		STORE_TEST(test_damaged_state_stops_the_start),
		STORE_TEST(test_state_of_version_1),
		STORE_TEST(test_missing_state_beside_events),
		STORE_TEST(test_reset),
		STORE_TEST(test_reset_needs_all_figures),
		STORE_TEST(test_events_survive),
		STORE_TEST(test_events_by_origin),
		STORE_TEST(test_ring_of_another_size),
		STORE_TEST(test_damaged_events_stop_the_start),
		STORE_TEST(test_second_agent),
		STORE_TEST(test_hanging_disk_holds_up_nobody),
		STORE_TEST(test_full_disk_and_after),
		STORE_TEST(test_death_of_the_process),
		STORE_TEST(test_process_that_dies_again_and_again),
		STORE_TEST(test_process_is_plain),
		STORE_TEST(test_death_of_the_agent),
	};

	log_set_level(LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
