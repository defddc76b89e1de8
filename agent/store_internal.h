/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_STORE_INTERNAL_H
#define HF_AGENT_STORE_INTERNAL_H

/*
 * Parts of the store that only it and its tests know. From below: codecs (pure), files over a
 * table of system calls, the child process, the parent. docs/disk-formats.md says what is on
 * disk and why the order of writes is safe.
 */

#include "agent/store.h"

#include <sys/types.h>

/* ---- system calls on the state directory: the seam for tests of failing disks ---- */

/* All return -errno on failure. */
struct store_io {
	int (*open)(void *userdata, const char *name, int flags);
	ssize_t (*pread)(void *userdata, int fd, void *buf, size_t n, uint64_t offset);
	ssize_t (*pwrite)(void *userdata, int fd, const void *buf, size_t n, uint64_t offset);
	int (*sync)(void *userdata, int fd);
	int (*size)(void *userdata, int fd, uint64_t *ret_bytes);
	int (*rename)(void *userdata, const char *from, const char *to);
	int (*link)(void *userdata, const char *from, const char *to);
	int (*sync_directory)(void *userdata);
	void (*close)(void *userdata, int fd);
	void *userdata;
};

/* The real one; `directory_fd` must stay valid and in place. */
void store_io_init(struct store_io *io, const int *directory_fd);

/* A file that is open through such a table. With _cleanup_(): closed at the end of its scope. */
struct store_file {
	const struct store_io *io;
	int fd; /* -1: none */
};
void store_file_close(const struct store_file *file);

/* All `n` bytes. -EIO: the end of the file, or a write of nothing. */
_must_check_ int store_io_read(const struct store_io *io, int fd, void *buf, size_t n,
			       uint64_t offset);
_must_check_ int store_io_write(const struct store_io *io, int fd, const void *buf, size_t n,
				uint64_t offset);

/* ---- state file ---- */

#define STATE_SLOTS	   2
#define STATE_SECTOR_BYTES 512
#define STATE_SECTOR_LOAD  484 /* of the payload in each sector */
#define STATE_SECTORS	   (STATE_SLOT_BYTES / STATE_SECTOR_BYTES)
#define STATE_FILE_BYTES   (STATE_SLOTS * STATE_SLOT_BYTES)
#define STATE_FILE_NEW	   STATE_FILE ".new"
#define STATE_VERSION	   2U

/* The former format: smaller slots of the same sectors. It is read, and replaced at once. */
#define STATE_VERSION_1	   1U
#define STATE_SECTORS_1	   32
#define STATE_FILE_BYTES_1 (STATE_SLOTS * STATE_SECTORS_1 * STATE_SECTOR_BYTES)

#define STATE_PAYLOAD_BYTES(sectors) ((size_t)(sectors)*STATE_SECTOR_LOAD)

/* `n` is STATE_PAYLOAD_BYTES(); the checksum is left 0. Pure, as all of the codec. */
void state_payload_encode(const struct durable_state *state, uint8_t *payload, size_t n);
/* Needs state->generation, and zeros else. -EBADMSG: another version, or a value out of range. */
_must_check_ int state_payload_decode(const uint8_t *payload, size_t n,
				      struct durable_state *state);

enum slot_condition {
	SLOT_DAMAGED, /* a sector is not sound */
	SLOT_FOREIGN, /* sound, but of a version or with values that this program does not know */
	SLOT_TORN,    /* sound sectors of more than one write */
	SLOT_WHOLE,
};

struct slot_info {
	enum slot_condition condition;
	unsigned int sector; /* SLOT_DAMAGED: the first bad one */
	uint32_t version;    /* SLOT_FOREIGN */
	uint64_t generation; /* the newest of its sound sectors; 0: none */
	uint64_t base;	     /* of that sector */
};
/* `sectors` is STATE_SECTORS, or STATE_SECTORS_1 for the former format. */
void state_slot_inspect(const uint8_t *in, unsigned int sectors, struct slot_info *ret);
/* As state_decode(), which is for STATE_SECTORS. */
_must_check_ int state_slot_decode(const uint8_t *in, unsigned int sectors,
				   struct durable_state *ret);

/* What a single sector tells, of a file in any condition; zeros for what is in others. */
struct slot_remains {
	uint64_t generation, incarnation, epoch_reserve, lease_max_us;
};
/* False: it is not sound. */
bool state_sector_remains(const uint8_t in[STATE_SECTOR_BYTES], struct slot_remains *ret);

/* Would state_decode() take it back? */
bool state_valid(const struct durable_state *state);

/*
 * Where the confirmed state is, and so where the next one goes. Starts with zeros when there is
 * no file.
 */
struct state_position {
	uint64_t confirmed; /* generation; 0: none */
	unsigned int slot;  /* that holds it */
	bool settled;	    /* the file's entry in the directory is surely on disk */
	bool former;	    /* the file is of the former format: see state_file_upgrade() */
};

struct state_target {
	uint64_t base;
	uint32_t slot;
	bool sync_directory;
};
void state_position_target(const struct state_position *position, struct state_target *ret);
void state_position_done(struct state_position *position, const struct state_target *target,
			 uint64_t generation, int result);

/* As state_load(). `ret_position` may be NULL. */
_must_check_ int state_file_load(const struct store_io *io, struct durable_state *ret,
				 struct state_position *ret_position, char error[STORE_ERROR_SIZE]);
/*
 * Writes the loaded slot again and syncs: what was read may have been in the page cache only.
 * Must be done before the other slot is written.
 */
_must_check_ int state_file_settle(const struct store_io *io, struct state_position *position);
/*
 * In place of state_file_settle() for a file of the former format: a new file with `state`, which
 * was loaded from it, takes its place. Whenever power is cut there is one of both, whole.
 */
_must_check_ int state_file_upgrade(const struct store_io *io, const struct durable_state *state,
				    struct state_position *position);
/* Writes and syncs; creates the file if there is none. */
_must_check_ int state_file_write(const struct store_io *io, const struct state_target *target,
				  const struct durable_state *state);
/* Makes a file with `state` in both slots, in place of the old one if there is one. */
_must_check_ int state_file_create(const struct store_io *io, const struct durable_state *state,
				   uint64_t base);

/* ---- event ring ---- */

#define RING_HEADER_BYTES 4096
#define EVENTS_FILE_NEW	  EVENTS_FILE ".new"

/* A record in its place. */
struct ring_record {
	struct event_record record;
	uint64_t sequence;  /* place in the ring: without gaps, from 1 in each file */
	uint64_t confirmed; /* all up to here were on disk before this one was written */
};
void ring_record_encode(const struct ring_record *record, uint8_t out[EVENT_RECORD_BYTES]);
_must_check_ int ring_record_decode(const uint8_t in[EVENT_RECORD_BYTES], struct ring_record *ret);
void event_record_sanitize(struct event_record *record);

void ring_header_encode(uint32_t records, uint8_t out[RING_HEADER_BYTES]);
/* -EBADMSG: damaged, -EPROTONOSUPPORT: of another version */
_must_check_ int ring_header_decode(const uint8_t in[RING_HEADER_BYTES], uint32_t *ret_records);

/* A ring file as it was read: `n` records, oldest first. */
struct ring_image {
	uint32_t records; /* places in the file */
	uint32_t n;
	uint64_t confirmed; /* sequence: later ones may be in the page cache only */
	uint64_t last;	    /* sequence of the newest record; 0: none */
	uint32_t dropped;   /* torn records of the last batch */
	struct event_record *items;
};
void ring_image_done(struct ring_image *image);

/* 1, or 0: there is no file. -EBADMSG: damaged, see `error`. */
_must_check_ int ring_file_load(const struct store_io *io, struct ring_image *ret,
				char error[STORE_ERROR_SIZE]);
/* A new file in place of the old one; the items get sequences 1 to n (n <= records). */
_must_check_ int ring_file_create(const struct store_io *io, uint32_t records,
				  const struct event_record *items, uint32_t n);

struct ring_batch {
	uint32_t records; /* places in the file */
	uint32_t n;	  /* 1..STORE_BATCH */
	uint64_t first;	  /* sequence of the first; all before it are confirmed */
	struct event_record items[STORE_BATCH];
};
_must_check_ int ring_file_write(const struct store_io *io, const struct ring_batch *batch);

/* ---- records in memory ---- */

struct event_memory;
_must_check_ int event_memory_new(uint32_t capacity, struct event_memory **ret);
struct event_memory *event_memory_free(struct event_memory *memory);
/* Indexes of the records: from first to next - 1, without gaps, oldest first. */
uint64_t event_memory_first(const struct event_memory *memory);
uint64_t event_memory_next(const struct event_memory *memory);
const struct event_record *event_memory_at(const struct event_memory *memory, uint64_t index);
void event_memory_append(struct event_memory *memory, const struct event_record *record);
const struct event_record *event_memory_find(const struct event_memory *memory, uint64_t number);
uint64_t event_memory_origin_newest(const struct event_memory *memory, uint8_t origin);
const struct event_record *event_memory_origin_find(const struct event_memory *memory,
						    uint8_t origin, uint64_t origin_number);

/* ---- lock ---- */

/* Opens and locks; waits a little if only the store process of a dead agent holds it. */
_must_check_ int store_lock(int directory_fd, const char *name, int *ret_fd,
			    char error[STORE_ERROR_SIZE]);
/* Writes down who holds it, for the message that another agent shows. `child` 0: none. May wait
 * for the disk: after the start only the store process does it. */
void store_lock_note(int lock_fd, pid_t agent, pid_t child);

/* ---- child process ---- */

enum store_message_kind { STORE_MESSAGE_STATE = 1, STORE_MESSAGE_EVENTS };

/* Both processes are the same program: messages are plain structs. At most one of each kind is
 * on its way, so a socket buffer for two never blocks. */
struct store_message {
	uint32_t kind; /* enum store_message_kind */
	union {
		struct {
			struct state_target target;
			struct durable_state state;
		} state;
		struct ring_batch events;
	};
};

struct store_reply {
	uint32_t kind;
	int32_t result;
};

struct store_child {
	pid_t parent;
	int socket;
	int lock_fd, directory_fd;
	const struct store_io *io;
};
/* Starts a process that runs store_child_run(). */
_must_check_ int store_spawn(const struct store_child *child, pid_t *ret_pid);
/* Serves until the parent is gone or has shut the socket down. */
void store_child_run(const struct store_child *child) __attribute__((noreturn));
/* Does what waits in the socket. False: the parent closed its end. */
bool store_child_serve(const struct store_child *child);

/* Opens the state directory; the sentence is in `error`. */
_must_check_ int store_open_directory(const char *directory, int *ret_fd,
				      char error[STORE_ERROR_SIZE]);
/* Puts the directory before the sentence that a lower layer left in `error`; returns `r`. */
int store_with_directory(const char *directory, int r, char error[STORE_ERROR_SIZE]);

struct store_found {
	struct durable_state state;
	bool first_start;
};
/* store_new() over other system calls (NULL: the real ones). */
_must_check_ int store_new_with_io(const struct store_config *config, const struct store_io *io,
				   struct store **ret, struct store_found *ret_found,
				   char error[STORE_ERROR_SIZE]);

#endif
