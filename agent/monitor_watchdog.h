/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_MONITOR_WATCHDOG_H
#define HF_AGENT_MONITOR_WATCHDOG_H

/* A watchdog device that a monitor feeds. */

#include "include/event.h"
#include "util/cleanup.h"

#include <stdbool.h>
#include <stdint.h>

/* A table, so that a test can have a device where there is none. */
struct watchdog_io {
	int (*open)(const char *path, int flags);
	int (*ioctl)(int fd, unsigned long request, void *argument);
	ssize_t (*write)(int fd, const void *data, size_t n);
	int (*close)(int fd);
};
extern const struct watchdog_io watchdog_io_kernel;

struct watchdog {
	const struct watchdog_io *io;
	int fd;
	unsigned int wanted_s;	/* what it was asked for */
	unsigned int timeout_s; /* in force: a device may take less */
	bool closes;		/* it can be told good-bye */
};

/*
 * Opens it and sets its time, which is read back. It begins to count. -EBUSY: somebody else feeds
 * it; other -errno; the sentence is in `error`. If the device does not take at least `least_s`, it
 * is closed again: the time between two good checks would be a reset.
 */
struct watchdog_times {
	unsigned int timeout_s, least_s;
};
_must_check_ int watchdog_open(const struct watchdog_io *io, const char *path,
			       struct watchdog_times times, struct watchdog *ret,
			       char error[EVENT_TEXT_SIZE]);
/* Sets another time, if it has changed. */
_must_check_ int watchdog_set_timeout(struct watchdog *watchdog, unsigned int timeout_s);
_must_check_ int watchdog_feed(struct watchdog *watchdog);
/* In good order: it stops counting. */
void watchdog_close(struct watchdog *watchdog);

#endif
