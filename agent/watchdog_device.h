/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_WATCHDOG_DEVICE_H
#define HF_AGENT_WATCHDOG_DEVICE_H

/* A watchdog device: of a monitor that feeds one (userw), and of the agent itself. */

#include "include/event.h"
#include "util/cleanup.h"

#include <stdbool.h>
#include <stdint.h>

#define WATCHDOG_IDENTITY_SIZE 33 /* what a driver calls itself */

/* A table, so that a test can have a device where there is none. */
struct watchdog_io {
	int (*open)(const char *path, int flags);
	int (*ioctl)(int fd, unsigned long request, void *argument);
	ssize_t (*write)(int fd, const void *data, size_t n);
	int (*close)(int fd);
	/* Opens what the system tells of this device by a name (sysfs); -1: nothing. */
	int (*attribute)(int fd, const char *name, int flags);
};
extern const struct watchdog_io watchdog_io_kernel;

struct watchdog {
	const struct watchdog_io *io;
	int fd;
	unsigned int wanted_s;	/* what it was asked for */
	unsigned int timeout_s; /* in force: a device may take less */
	uint32_t options;	/* WDIOF_... */
	bool closes;		/* it can be told good-bye */
	bool nowayout;		/* but takes no notice */
	char identity[WATCHDOG_IDENTITY_SIZE];
};

/*
 * Opens it and sets its time, which is read back; one that has that time already is not touched:
 * to set it is to feed it. It begins to count, or goes on. -EBUSY: somebody else feeds it; other
 * -errno; the sentence is in `error`. If the device does not take at least `least_s` (the time
 * between two good checks would be a reset) and at most `most_s` (0: any), it is closed again.
 */
struct watchdog_times {
	unsigned int timeout_s, least_s, most_s;
};
_must_check_ int watchdog_open(const struct watchdog_io *io, const char *path,
			       struct watchdog_times times, struct watchdog *ret,
			       char error[EVENT_TEXT_SIZE]);
/* Takes over one that is open and counts, as it is. -ENOTTY: it is none; the descriptor stays. */
_must_check_ int watchdog_adopt(const struct watchdog_io *io, int fd, struct watchdog *ret);
/* Sets another time, if it has changed. */
_must_check_ int watchdog_set_timeout(struct watchdog *watchdog, unsigned int timeout_s);
_must_check_ int watchdog_feed(struct watchdog *watchdog);
/* In good order: it stops counting. */
void watchdog_close(struct watchdog *watchdog);

/* Who has it open: "NAME (pid N)"; false: nobody that can be seen. Looks at every process. */
bool watchdog_holder(const char *path, char *ret, size_t size);

#endif
