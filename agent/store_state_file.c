/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The state file. Invariants, for the file as a power cut would leave it:
 *   - the slot that holds the confirmed state is not written before a newer one is confirmed;
 *   - so at any time at most one slot is torn, and the other one is no older than what was
 *     confirmed when the torn write began (its `base`).
 */

#define HOW_TO_RECOVER                                                                    \
	" It holds this node's promises: do not remove it or restore an old copy. To "    \
	"recover (RECOVERY in holdfastd(8)): leave this agent stopped for longer than "   \
	"the lease, then run 'holdfastd --reset-state --epoch N --incarnation N --lease " \
	"TIME' with the highest epoch, and incarnation of this node, that 'holdfast "     \
	"status --json' shows on the other nodes."

static int set_error(char error[STORE_ERROR_SIZE], int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int set_error(char error[STORE_ERROR_SIZE], int r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(error, STORE_ERROR_SIZE, format, ap);
	va_end(ap);
	return r;
}

static int open_state(const struct store_io *io, const char *name, int flags,
		      struct store_file *file)
{
	*file = (struct store_file){.io = io, .fd = io->open(io->userdata, name, flags)};
	return file->fd < 0 ? file->fd : 0;
}

static uint64_t slot_offset(unsigned int slot)
{
	return (uint64_t)slot * STATE_SLOT_BYTES;
}

void state_position_target(const struct state_position *position, struct state_target *ret)
{
	*ret = (struct state_target){
		.base = position->confirmed,
		.slot = position->slot ^ 1U,
		.sync_directory = !position->settled,
	};
}

void state_position_done(struct state_position *position, const struct state_target *target,
			 uint64_t generation, int result)
{
	position->settled = result >= 0;
	if (result < 0)
		return;
	position->confirmed = generation;
	position->slot = target->slot;
}

static int write_slots(const struct store_io *io, int fd, const uint8_t slot[STATE_SLOT_BYTES])
{
	for (unsigned int i = 0; i < STATE_SLOTS; i++) {
		int r = store_io_write(io, fd, slot, STATE_SLOT_BYTES, slot_offset(i));

		if (r < 0)
			return r;
	}
	return io->sync(io->userdata, fd);
}

int state_file_create(const struct store_io *io, const struct durable_state *state, uint64_t base)
{
	_cleanup_(store_file_close) struct store_file file = {.io = io, .fd = -1};
	uint8_t slot[STATE_SLOT_BYTES];
	int r;

	r = open_state(io, STATE_FILE_NEW, O_RDWR | O_CREAT | O_TRUNC, &file);
	if (r < 0)
		return r;
	state_encode(state, base, slot);
	r = write_slots(io, file.fd, slot);
	if (r < 0)
		return r;
	r = io->rename(io->userdata, STATE_FILE_NEW, STATE_FILE);
	if (r < 0)
		return r;
	return io->sync_directory(io->userdata);
}

int state_file_write(const struct store_io *io, const struct state_target *target,
		     const struct durable_state *state)
{
	_cleanup_(store_file_close) struct store_file file = {.io = io, .fd = -1};
	uint8_t slot[STATE_SLOT_BYTES];
	uint64_t size;
	int r;

	r = open_state(io, STATE_FILE, O_RDWR, &file);
	if (r == -ENOENT)
		return state_file_create(io, state, target->base);
	if (r < 0)
		return r;
	r = io->size(io->userdata, file.fd, &size);
	if (r < 0)
		return r;
	if (size != STATE_FILE_BYTES)
		return -EBADMSG; /* somebody else's doing: not a place for a promise */
	state_encode(state, target->base, slot);
	r = store_io_write(io, file.fd, slot, sizeof slot, slot_offset(target->slot));
	if (r < 0)
		return r;
	r = io->sync(io->userdata, file.fd);
	if (r < 0 || !target->sync_directory)
		return r;
	return io->sync_directory(io->userdata);
}

int state_file_settle(const struct store_io *io, struct state_position *position)
{
	_cleanup_(store_file_close) struct store_file file = {.io = io, .fd = -1};
	uint8_t slot[STATE_SLOT_BYTES];
	int r;

	r = open_state(io, STATE_FILE, O_RDWR, &file);
	if (r < 0)
		return r;
	r = store_io_read(io, file.fd, slot, sizeof slot, slot_offset(position->slot));
	if (r < 0)
		return r;
	r = store_io_write(io, file.fd, slot, sizeof slot, slot_offset(position->slot));
	if (r < 0)
		return r;
	r = io->sync(io->userdata, file.fd);
	if (r < 0)
		return r;
	r = io->sync_directory(io->userdata);
	position->settled = r >= 0;
	return r;
}

int state_file_upgrade(const struct store_io *io, const struct durable_state *state,
		       struct state_position *position)
{
	int r = state_file_create(io, state, 0);

	if (r < 0)
		return r;
	*position = (struct state_position){.confirmed = state->generation, .settled = true};
	return 0;
}

/* A whole file, of either format. */
struct image {
	unsigned int sectors; /* of a slot */
	uint8_t bytes[STATE_FILE_BYTES];
};

static size_t slot_bytes(const struct image *image)
{
	return (size_t)image->sectors * STATE_SECTOR_BYTES;
}

static const uint8_t *slot_at(const struct image *image, unsigned int slot)
{
	return image->bytes + slot * slot_bytes(image);
}

static int check_sound(const struct image *image, unsigned int slot, const struct slot_info *info,
		       char error[STORE_ERROR_SIZE])
{
	if (info->condition == SLOT_DAMAGED)
		return set_error(error, -EBADMSG,
				 "the state file '" STATE_FILE "' is damaged: slot %u, sector %u "
				 "(byte %zu), wrong checksum." HOW_TO_RECOVER,
				 slot, info->sector,
				 slot * slot_bytes(image) +
					 (size_t)info->sector * STATE_SECTOR_BYTES);
	if (info->condition == SLOT_FOREIGN)
		return set_error(error, -EBADMSG,
				 "the state file '" STATE_FILE "', slot %u, is of format version "
				 "%" PRIu32 " or holds values that this program does not know: "
				 "start the program that wrote it, or a newer one",
				 slot, info->version);
	return 0;
}

/* Which slot holds the newest state that may have been confirmed. */
static int choose_slot(const struct image *image, unsigned int *ret, char error[STORE_ERROR_SIZE])
{
	struct slot_info info[STATE_SLOTS];
	unsigned int whole;

	for (unsigned int i = 0; i < STATE_SLOTS; i++) {
		int r;

		state_slot_inspect(slot_at(image, i), image->sectors, &info[i]);
		r = check_sound(image, i, &info[i], error);
		if (r < 0)
			return r;
	}
	if (info[0].condition == SLOT_TORN && info[1].condition == SLOT_TORN)
		return set_error(error, -EBADMSG,
				 "the state file '" STATE_FILE "' is damaged: both slots hold "
				 "parts of several writes." HOW_TO_RECOVER);
	if (info[0].condition == SLOT_WHOLE && info[1].condition == SLOT_WHOLE) {
		if (info[0].generation == info[1].generation &&
		    memcmp(slot_at(image, 0), slot_at(image, 1), slot_bytes(image)) != 0)
			return set_error(error, -EBADMSG,
					 "the state file '" STATE_FILE "' is damaged: two states "
					 "of generation %" PRIu64 "." HOW_TO_RECOVER,
					 info[0].generation);
		*ret = info[1].generation > info[0].generation;
		return 0;
	}
	whole = info[1].condition == SLOT_WHOLE;
	if (info[whole ^ 1U].base > info[whole].generation)
		return set_error(error, -EBADMSG,
				 "the state file '" STATE_FILE "' is damaged: generation "
				 "%" PRIu64 " is lost, slot %u holds %" PRIu64 "." HOW_TO_RECOVER,
				 info[whole ^ 1U].base, whole, info[whole].generation);
	*ret = whole;
	return 0;
}

static int read_file(const struct store_io *io, struct image *ret, char error[STORE_ERROR_SIZE])
{
	_cleanup_(store_file_close) struct store_file file = {.io = io, .fd = -1};
	uint64_t size;
	int r;

	r = open_state(io, STATE_FILE, O_RDONLY, &file);
	if (r == -ENOENT)
		return 0;
	if (r == -EINVAL || r == -ELOOP)
		return set_error(error, r, "the state file '" STATE_FILE "' is not a plain file");
	if (r >= 0)
		r = io->size(io->userdata, file.fd, &size);
	if (r < 0)
		return set_error(error, r, "cannot open the state file '" STATE_FILE "': %s",
				 strerror(-r));
	if (size != STATE_FILE_BYTES && size != STATE_FILE_BYTES_1)
		return set_error(error, -EBADMSG,
				 "the state file '" STATE_FILE "' is damaged: it has %" PRIu64
				 " bytes, not %d." HOW_TO_RECOVER,
				 size, STATE_FILE_BYTES);
	ret->sectors = size == STATE_FILE_BYTES ? STATE_SECTORS : STATE_SECTORS_1;
	r = store_io_read(io, file.fd, ret->bytes, size, 0);
	if (r < 0)
		return set_error(error, r,
				 "cannot read the state file '" STATE_FILE "': %s." HOW_TO_RECOVER,
				 strerror(-r));
	return 1;
}

int state_file_load(const struct store_io *io, struct durable_state *ret,
		    struct state_position *ret_position, char error[STORE_ERROR_SIZE])
{
	_cleanup_free_ struct image *image = malloc(sizeof *image);
	unsigned int slot = 0;
	int r;

	if (!image)
		return set_error(error, -ENOMEM, "the state file '" STATE_FILE "': no memory");
	image->sectors = 0;
	r = read_file(io, image, error);
	if (r == 0) {
		memset(ret, 0, sizeof *ret);
		if (ret_position)
			memset(ret_position, 0, sizeof *ret_position);
	}
	if (r <= 0)
		return r;
	r = choose_slot(image, &slot, error);
	if (r < 0)
		return r;
	r = state_slot_decode(slot_at(image, slot), image->sectors, ret);
	if (r < 0) /* it was whole a moment ago */
		return set_error(error, r, "the state file '" STATE_FILE "' is damaged");
	if (ret_position)
		*ret_position =
			(struct state_position){.confirmed = ret->generation,
						.slot = slot,
						.former = image->sectors == STATE_SECTORS_1};
	return 1;
}
