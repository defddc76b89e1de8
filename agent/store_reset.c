/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * The operator's way out of a damaged or lost state file. It cannot know what this node promised;
 * it makes a state that promises more than anybody can have seen (docs/disk-formats.md, Recovery).
 */

#define KEPT_FILES_MAX 100

static int fail(char error[STORE_ERROR_SIZE], int r, const char *what)
{
	(void)snprintf(error, STORE_ERROR_SIZE, "%s: %s", what, strerror(-r));
	return r;
}

static int check_options(const struct state_reset_options *options, char error[STORE_ERROR_SIZE])
{
	const char *bad = NULL;

	if (options->epoch == 0 || options->epoch > EPOCH_MAX - 2 * STATE_RESET_EPOCHS)
		bad = "the highest epoch that the other nodes show";
	else if (options->incarnation == 0 ||
		 options->incarnation > EPOCH_MAX - 2 * STATE_RESET_INCARNATIONS)
		bad = "the highest incarnation of this node that the other nodes show";
	else if (options->lease_max_us == 0)
		bad = "the longest lease";
	if (!bad)
		return 0;
	(void)snprintf(error, STORE_ERROR_SIZE,
		       "%s is missing or out of range: the state cannot be reset safely "
		       "without it (RECOVERY in holdfastd(8))",
		       bad);
	return -EINVAL;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Everything of the old file that is still sound, of either format and as far as the file goes. */
static int read_remains(const struct store_io *io, struct slot_remains *ret)
{
	_cleanup_(store_file_close) struct store_file file = {.io = io, .fd = -1};
	uint8_t sector[STATE_SECTOR_BYTES];
	struct slot_remains remains;

	memset(ret, 0, sizeof *ret);
	file.fd = io->open(io->userdata, STATE_FILE, O_RDONLY);
	if (file.fd == -ENOENT)
		return 0;
	if (file.fd < 0)
		return file.fd;
	for (uint64_t at = 0; at < STATE_FILE_BYTES; at += sizeof sector) {
		if (store_io_read(io, file.fd, sector, sizeof sector, at) < 0 ||
		    !state_sector_remains(sector, &remains))
			continue; /* what cannot be read is no worse than what is not sound */
		ret->generation = larger(ret->generation, remains.generation);
		ret->incarnation = larger(ret->incarnation, remains.incarnation);
		ret->epoch_reserve = larger(ret->epoch_reserve, remains.epoch_reserve);
		ret->lease_max_us = larger(ret->lease_max_us, remains.lease_max_us);
	}
	return 1;
}

static void make_state(const struct state_reset_options *options,
		       const struct slot_remains *remains, struct durable_state *state)
{
	memset(state, 0, sizeof *state);
	state->generation = remains->generation + 1;
	state->incarnation =
		larger(options->incarnation, remains->incarnation) + STATE_RESET_INCARNATIONS;
	state->epoch_reserve = larger(options->epoch, remains->epoch_reserve) + STATE_RESET_EPOCHS;
	state->lease_max_us = larger(options->lease_max_us, remains->lease_max_us);
}

/* A second name for the old file, which the new one is then renamed over. */
static int keep_old(const struct store_io *io)
{
	for (int i = 1; i <= KEPT_FILES_MAX; i++) {
		char name[32];
		int r;

		(void)snprintf(name, sizeof name, STATE_FILE ".damaged-%d", i);
		r = io->link(io->userdata, STATE_FILE, name);
		if (r != -EEXIST)
			return r;
	}
	return -EEXIST;
}

static int reset(const struct store_io *io, const struct state_reset_options *options,
		 struct durable_state *ret, char error[STORE_ERROR_SIZE])
{
	char damage[STORE_ERROR_SIZE];
	struct durable_state state;
	struct slot_remains remains;
	int r, found;

	r = state_file_load(io, &state, NULL, damage);
	if (r > 0) {
		(void)snprintf(error, STORE_ERROR_SIZE,
			       "the state file '" STATE_FILE "' is sound (generation %" PRIu64
			       "): there is nothing to reset",
			       state.generation);
		return -EEXIST;
	}
	found = read_remains(io, &remains);
	if (found < 0)
		return fail(error, found, "cannot open the state file '" STATE_FILE "'");
	make_state(options, &remains, &state);
	if (!state_valid(&state))
		return fail(error, -ERANGE, "the epoch in the damaged file is too large");
	r = found ? keep_old(io) : 0;
	if (r < 0)
		return fail(error, r, "cannot keep the damaged file as '" STATE_FILE ".damaged-N'");
	r = state_file_create(io, &state, 0);
	if (r < 0)
		return fail(error, r, "cannot write the state file '" STATE_FILE "'");
	*ret = state;
	return 0;
}

int state_reset(const char *directory, const char *lock_name,
		const struct state_reset_options *options, struct durable_state *ret,
		char error[STORE_ERROR_SIZE])
{
	_cleanup_close_ int fd = -1, lock_fd = -1;
	struct store_io io;
	int r;

	r = check_options(options, error);
	if (r < 0)
		return r;
	r = store_open_directory(directory, &fd, error);
	if (r >= 0)
		r = store_lock(fd, lock_name ? lock_name : STORE_LOCK_FILE, &lock_fd, error);
	if (r >= 0) {
		store_lock_note(lock_fd, getpid(), 0);
		store_io_init(&io, &fd);
		r = reset(&io, options, ret, error);
	}
	return r < 0 ? store_with_directory(directory, r, error) : 0;
}
