/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/monitor_watchdog.h"

#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

static int kernel_open(const char *path, int flags)
{
	return open(path, flags);
}

static int kernel_ioctl(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument);
}

const struct watchdog_io watchdog_io_kernel = {
	.open = kernel_open, .ioctl = kernel_ioctl, .write = write, .close = close};

static int set_timeout(struct watchdog *w, unsigned int timeout_s)
{
	int want = (int)timeout_s, have = 0;

	if (w->io->ioctl(w->fd, WDIOC_SETTIMEOUT, &want) < 0)
		return -errno;
	if (w->io->ioctl(w->fd, WDIOC_GETTIMEOUT, &have) < 0)
		return -errno;
	if (have <= 0)
		return -ERANGE;
	w->wanted_s = timeout_s;
	w->timeout_s = (unsigned int)have;
	return 0;
}

static int prepare(struct watchdog *w, const char *path, struct watchdog_times times,
		   char error[EVENT_TEXT_SIZE])
{
	struct watchdog_info info = {0};
	int r;

	/* Anything that is none does not know this. */
	if (w->io->ioctl(w->fd, WDIOC_GETSUPPORT, &info) < 0) {
		(void)snprintf(error, EVENT_TEXT_SIZE, "%.60s is not a watchdog", path);
		return -ENOTTY;
	}
	w->closes = info.options & WDIOF_MAGICCLOSE;
	r = set_timeout(w, times.timeout_s);
	if (r < 0) {
		(void)snprintf(error, EVENT_TEXT_SIZE, "%.40s does not take a time of %u s: %s",
			       path, times.timeout_s, strerror(-r));
		return r;
	}
	if (w->timeout_s >= times.least_s)
		return 0;
	(void)snprintf(error, EVENT_TEXT_SIZE, "%.30s takes %u s at most, %u s are needed", path,
		       w->timeout_s, times.least_s);
	return -ERANGE;
}

int watchdog_open(const struct watchdog_io *io, const char *path, struct watchdog_times times,
		  struct watchdog *ret, char error[EVENT_TEXT_SIZE])
{
	struct watchdog w = {.io = io};
	int r;

	w.fd = io->open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (w.fd < 0) {
		r = -errno;
		(void)snprintf(error, EVENT_TEXT_SIZE,
			       r == -EBUSY ? "%.60s is busy: another program feeds it"
					   : "cannot open %.60s: %s",
			       path, strerror(-r));
		return r;
	}
	r = prepare(&w, path, times, error);
	if (r == -ENOTTY) {
		(void)io->close(w.fd); /* whatever it is, nothing is written to it */
		return r;
	}
	if (r < 0) {
		watchdog_close(&w);
		return r;
	}
	if (!w.closes)
		log_warning(
			"%s cannot be stopped: when its monitor is stopped it resets the machine",
			path);
	*ret = w;
	return 0;
}

int watchdog_set_timeout(struct watchdog *watchdog, unsigned int timeout_s)
{
	return timeout_s == watchdog->wanted_s ? 0 : set_timeout(watchdog, timeout_s);
}

int watchdog_feed(struct watchdog *watchdog)
{
	int unused = 0;

	return watchdog->io->ioctl(watchdog->fd, WDIOC_KEEPALIVE, &unused) < 0 ? -errno : 0;
}

void watchdog_close(struct watchdog *watchdog)
{
	if (watchdog->io->write(watchdog->fd, "V", 1) != 1)
		log_err("cannot tell the watchdog to stop: %s", strerror(errno));
	(void)watchdog->io->close(watchdog->fd);
	watchdog->fd = -1;
}
