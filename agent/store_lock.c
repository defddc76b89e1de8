/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

/*
 * The lock against two agents on one state directory. Agent and store process share it, so it
 * outlives a killed agent until its last write is over. The text in the file is for people and
 * messages only; what counts is the flock.
 */

#define WAIT_STEP_NS (20 * 1000 * 1000)
#define WAIT_STEPS   250 /* 5 s */

/* The note is "agent %10d store %10d\n": of a fixed length, so that nothing has to be cut off. */
#define NOTE_AGENT_AT 6
#define NOTE_STORE_AT 23

struct holder {
	int64_t agent, store; /* process ids; 0: not known */
};

static struct holder read_holder(int fd)
{
	struct holder holder = {0};
	char text[64];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);

	if (n > NOTE_STORE_AT) {
		text[n] = '\0';
		holder.agent = strtol(text + NOTE_AGENT_AT, NULL, 10); /* 0 if it is none */
		holder.store = strtol(text + NOTE_STORE_AT, NULL, 10);
	}
	return holder;
}

static bool process_lives(int64_t pid)
{
	return pid > 0 && pid <= INT32_MAX && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

static int say_busy(const struct holder *holder, const char *name, char error[STORE_ERROR_SIZE])
{
	if (process_lives(holder->agent) || holder->store == 0)
		(void)snprintf(error, STORE_ERROR_SIZE,
			       "another agent (process %" PRId64 ") runs here, it holds the lock "
			       "'%s': only one agent per node",
			       holder->agent, name);
	else
		(void)snprintf(error, STORE_ERROR_SIZE,
			       "the former agent (process %" PRId64 ") is gone, but its store "
			       "process %" PRId64 " still waits for the disk and holds the lock "
			       "'%s': the disk hangs",
			       holder->agent, holder->store, name);
	return -EBUSY;
}

int store_lock(int directory_fd, const char *name, int *ret_fd, char error[STORE_ERROR_SIZE])
{
	_cleanup_close_ int fd =
		openat(directory_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct holder holder;
	int r;

	if (fd < 0) {
		r = -errno;
		(void)snprintf(error, STORE_ERROR_SIZE, "cannot open the lock file '%s': %s", name,
			       strerror(-r));
		return r;
	}
	for (int step = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; step++) {
		const struct timespec pause = {.tv_nsec = WAIT_STEP_NS};

		r = -errno;
		if (r != -EWOULDBLOCK && r != -EINTR) {
			(void)snprintf(error, STORE_ERROR_SIZE, "cannot lock '%s': %s", name,
				       strerror(-r));
			return r;
		}
		/* A store process whose agent died ends by itself, after its last write. */
		holder = read_holder(fd);
		if (step == WAIT_STEPS || process_lives(holder.agent))
			return say_busy(&holder, name, error);
		(void)nanosleep(&pause, NULL);
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

void store_lock_note(int lock_fd, pid_t agent, pid_t child)
{
	char text[64];
	int n = snprintf(text, sizeof text, "agent %10d store %10d\n", (int)agent, (int)child);

	/* A full disk makes the message of the other agent poorer, nothing else. */
	if (n > 0 && pwrite(lock_fd, text, (size_t)n, 0) < 0)
		return;
}
