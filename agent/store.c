/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/store_internal.h"
#include "agent/store_parent.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Start-up of the store: lock, child, both files. Writing is in store_parent.c. */

int store_with_directory(const char *directory, int r, char error[STORE_ERROR_SIZE])
{
	char prefix[104];
	size_t n = (size_t)snprintf(prefix, sizeof prefix, "%.100s: ", directory);
	size_t length = strnlen(error, STORE_ERROR_SIZE - 1 - n);

	memmove(error + n, error, length);
	error[n + length] = '\0';
	memcpy(error, prefix, n);
	return r;
}

int store_open_directory(const char *directory, int *ret_fd, char error[STORE_ERROR_SIZE])
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -errno : 0;

	if (r < 0) {
		(void)snprintf(error, STORE_ERROR_SIZE, "cannot open the state directory: %s",
			       strerror(-r));
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int state_load(const char *directory, struct durable_state *ret, char error[STORE_ERROR_SIZE])
{
	_cleanup_close_ int fd = -1;
	struct store_io io;
	int r;

	r = store_open_directory(directory, &fd, error);
	if (r >= 0) {
		store_io_init(&io, &fd);
		r = state_file_load(&io, ret, NULL, error);
	}
	return r < 0 ? store_with_directory(directory, r, error) : r;
}

static int fail(char error[STORE_ERROR_SIZE], int r, const char *what)
{
	(void)snprintf(error, STORE_ERROR_SIZE, "%s: %s", what, strerror(-r));
	return r;
}

static int load_state(struct store *store, struct durable_state *ret, char error[STORE_ERROR_SIZE])
{
	int r, found;

	found = state_file_load(&store->io, ret, &store->position, error);
	if (found <= 0)
		return found;
	store->newest_generation = ret->generation;
	r = store->position.former ? state_file_upgrade(&store->io, ret, &store->position)
				   : state_file_settle(&store->io, &store->position);
	if (r < 0)
		return fail(error, r, "cannot write the state file '" STATE_FILE "'");
	return 1;
}

/* See STORE_NUMBER_GAP. The limit only keeps a senseless incarnation from an overflow. */
static uint64_t first_number(const struct ring_image *image, uint64_t last_incarnation)
{
	const uint64_t limit = UINT64_MAX / 2 / STORE_NUMBERS_PER_RUN;
	uint64_t incarnation = last_incarnation < limit ? last_incarnation + 1 : limit;
	uint64_t by_run = incarnation * STORE_NUMBERS_PER_RUN + 1;
	uint64_t last = image->n ? image->items[image->n - 1].number : 0;

	return last + STORE_NUMBER_GAP >= by_run ? last + STORE_NUMBER_GAP + 1 : by_run;
}

/* Records after image->confirmed may be in the page cache only: they are written again. */
static void take_image(struct store *store, const struct ring_image *image)
{
	for (uint32_t i = 0; i < image->n; i++)
		event_memory_append(store->memory, &image->items[i]);
	store->next_sequence = image->confirmed + 1;
	store->unconfirmed =
		event_memory_next(store->memory) - (image->last - store->next_sequence + 1);
	if (image->dropped)
		log_warning("%" PRIu32 " event record(s) of the last write before the stop are "
			    "torn or missing and dropped",
			    image->dropped);
}

/* Makes a ring of the configured size of what there is, so that nothing waits any more. */
static int renew_ring(struct store *store, struct ring_image *image, char error[STORE_ERROR_SIZE])
{
	uint32_t n = image->n < store->ring_records ? image->n : store->ring_records;
	int r = ring_file_create(&store->io, store->ring_records,
				 image->items ? image->items + (image->n - n) : NULL, n);

	if (r < 0)
		return fail(error, r, "cannot create the event file '" EVENTS_FILE "'");
	image->confirmed = image->last = n;
	return 0;
}

static int load_events(struct store *store, const struct durable_state *state,
		       char error[STORE_ERROR_SIZE])
{
	_cleanup_(ring_image_done) struct ring_image image = {0};
	int r, found;

	found = ring_file_load(&store->io, &image, error);
	if (found < 0)
		return found;
	if (found && image.n && state->generation == 0) {
		(void)snprintf(error, STORE_ERROR_SIZE,
			       "the state file '" STATE_FILE "' is missing, but the event file "
			       "has records: somebody removed this node's promises. To recover, "
			       "see RECOVERY in holdfastd(8) ('holdfastd --reset-state')");
		return -EBADMSG;
	}
	r = event_memory_new(store->ring_records, &store->memory);
	if (r < 0)
		return fail(error, r, "event ring");
	if (!found || image.records != store->ring_records) {
		r = renew_ring(store, &image, error);
		if (r < 0)
			return r;
	}
	take_image(store, &image);
	store->next_number = first_number(&image, state->incarnation);
	return 0;
}

static int check_config(const struct store_config *config, char error[STORE_ERROR_SIZE])
{
	if (config->ring_records == 0 ||
	    (config->ring_records >= STORE_RING_MIN && config->ring_records <= STORE_RING_MAX))
		return 0;
	(void)snprintf(error, STORE_ERROR_SIZE,
		       "an event ring of %" PRIu32 " records: must be %d to %u",
		       config->ring_records, STORE_RING_MIN, STORE_RING_MAX);
	return -EINVAL;
}

static int set_up(struct store *store, const struct store_config *config, const struct store_io *io,
		  char error[STORE_ERROR_SIZE])
{
	const char *lock_name = config->lock_name ? config->lock_name : STORE_LOCK_FILE;
	int r;

	r = check_config(config, error);
	if (r < 0)
		return r;
	store->ring_records = config->ring_records ? config->ring_records : EVENT_RING_DEFAULT;
	r = store_open_directory(config->directory, &store->directory_fd, error);
	if (r < 0)
		return r;
	if (io)
		store->io = *io;
	else
		store_io_init(&store->io, &store->directory_fd);
	r = store_lock(store->directory_fd, lock_name, &store->lock_fd, error);
	if (r < 0)
		return r;
	store_lock_note(store->lock_fd, getpid(), 0);
	r = store_open_descriptors(store);
	if (r < 0)
		return fail(error, r, "descriptors");
	r = store_start_child(store);
	return r < 0 ? fail(error, r, "cannot start the store process") : 0;
}

int store_new_with_io(const struct store_config *config, const struct store_io *io,
		      struct store **ret, struct store_found *ret_found,
		      char error[STORE_ERROR_SIZE])
{
	struct store *store = calloc(1, sizeof *store);
	int r;

	error[0] = '\0';
	if (!store)
		return fail(error, -ENOMEM, "store");
	store->directory_fd = store->lock_fd = store->epoll_fd = -1;
	store->report_fd = store->socket = -1;
	r = set_up(store, config, io, error);
	if (r >= 0)
		r = load_state(store, &ret_found->state, error);
	if (r >= 0) {
		ret_found->first_start = r == 0;
		store->hold_events = r == 0;
		r = load_events(store, &ret_found->state, error);
	}
	if (r < 0) {
		(void)store_with_directory(config->directory, r, error);
		store_free(store, 0);
		return r;
	}
	store_send_events(store);
	*ret = store;
	return 0;
}

int store_new(const struct store_config *config, struct store **ret,
	      struct durable_state *ret_state, bool *ret_first_start, char error[STORE_ERROR_SIZE])
{
	struct store_found found;
	int r = store_new_with_io(config, NULL, ret, &found, error);

	if (r < 0)
		return r;
	*ret_state = found.state;
	*ret_first_start = found.first_start;
	return 0;
}

int store_fd(const struct store *store)
{
	return store->epoll_fd;
}

uint64_t store_first_number(const struct store *store)
{
	const struct event_record *record =
		event_memory_at(store->memory, event_memory_first(store->memory));

	return record ? record->number : store->next_number;
}

uint64_t store_next_number(const struct store *store)
{
	return store->next_number;
}

const struct event_record *store_event(const struct store *store, uint64_t number)
{
	return event_memory_find(store->memory, number);
}

uint64_t store_origin_newest(const struct store *store, uint8_t origin)
{
	return event_memory_origin_newest(store->memory, origin);
}

const struct event_record *store_origin_event(const struct store *store, uint8_t origin,
					      uint64_t origin_number)
{
	return event_memory_origin_find(store->memory, origin, origin_number);
}
