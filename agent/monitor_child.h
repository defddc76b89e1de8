/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_MONITOR_CHILD_H
#define HF_AGENT_MONITOR_CHILD_H

/*
 * Children of the monitor process, for work that may hang in the kernel. Each has a session and
 * process group of its own and a socket for messages. It has ended when nothing of its group is
 * left.
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
#define CHILD_MESSAGE_MAX   1024

struct children;
struct child;

/* All children of a process. SIGCHLD must be blocked. */
_must_check_ int children_new(sd_event *event, struct children **ret);
/* Kills those that are left and forgets about them: nothing is called any more. */
struct children *children_free(struct children *children);

struct child_config {
	/* In the child; all descriptors but `fd` (close-on-exec) and standard input, output and
	 * error are closed. Must not return. */
	void (*run)(int fd, void *userdata);
	void (*message)(const void *data, size_t n, void *userdata);
	/* It has ended, and is freed after this call. `code` and `status` as of waitid(2). */
	void (*ended)(int code, int status, void *userdata);
	/* It was killed and does not end. ended() follows should it ever do. */
	void (*given_up)(void *userdata);
	void *userdata;
};

_must_check_ int child_start(struct children *children, const struct child_config *config,
			     struct child **ret);
_must_check_ int child_tell(struct child *child, const void *data, size_t n);
/* Ends it, with its whole process group. */
void child_end(struct child *child);
/* It was given up. */
bool child_is_stuck(const struct child *child);
/* child_end() was called. */
bool child_is_ending(const struct child *child);
pid_t child_pid(const struct child *child);

/* kill(-pid, number). A file of its own, so that a test can have children that do not die. */
int child_signal(pid_t pid, int number);

#endif
