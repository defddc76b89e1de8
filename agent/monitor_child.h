/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_MONITOR_CHILD_H
#define HF_AGENT_MONITOR_CHILD_H

/*
 * Children of the monitor process: programs, and work that may hang in the kernel. Each has a
 * session and process group of its own, and a pipe for what it says. Reading from it is bounded
 * in each turn of the loop and over time, so a flood slows down whoever makes it.
 */

#include "util/cleanup.h"
#include "util/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

/* From SIGTERM to SIGKILL, and from there until it is given up: it hangs in the kernel. */
#define CHILD_TERM_GRACE_US 500000ULL
#define CHILD_KILL_GRACE_US 2000000ULL

/* What is read from one child in a turn, and how long it then has to wait for the next. */
#define CHILD_READ_BYTES    16384
#define CHILD_READ_PAUSE_US (20 * USEC_PER_MSEC)

struct child;

struct child_config {
	sd_event *event;
	/* In the child, with `fd` to write to (close-on-exec); everything else but standard
	 * input, output and error is closed. Must not return. */
	void (*run)(int fd, void *userdata);
	/* What it wrote, in pieces. */
	void (*output)(const char *data, size_t n, void *userdata);
	/* It has ended, and is freed after this call. `code` and `status` as of waitid(2). */
	void (*ended)(int code, int status, void *userdata);
	/* It was killed and does not end. ended() follows should it ever do. */
	void (*given_up)(void *userdata);
	void *userdata;
};

_must_check_ int child_start(const struct child_config *config, struct child **ret);
/* Ends it, with its whole process group. */
void child_end(struct child *child);
/* It was given up. */
bool child_is_stuck(const struct child *child);
pid_t child_pid(const struct child *child);
/* Kills it and forgets about it: nothing is called any more. */
struct child *child_free(struct child *child);

/* kill(-pid, number). A file of its own, so that a test can have children that do not die. */
int child_signal(pid_t pid, int number);

#endif
