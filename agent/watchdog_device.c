/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/watchdog_device.h"

#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* The first device has two names: this one, by which it was known when there was but one. */
#define OLD_MAJOR 10
#define OLD_MINOR 130
#define FIRST	  "/sys/class/watchdog/watchdog0"

static int kernel_open(const char *path, int flags)
{
	return open(path, flags);
}

static int kernel_ioctl(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument);
}

static int kernel_attribute(int fd, const char *name, int flags)
{
	char path[128];
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode))
		return -1;
	if (st.st_rdev == makedev(OLD_MAJOR, OLD_MINOR))
		(void)snprintf(path, sizeof path, FIRST "/%s", name);
	else
		(void)snprintf(path, sizeof path, "/sys/dev/char/%u:%u/%s", major(st.st_rdev),
			       minor(st.st_rdev), name);
	return open(path, flags | O_CLOEXEC);
}

const struct watchdog_io watchdog_io_kernel = {.open = kernel_open,
					       .ioctl = kernel_ioctl,
					       .write = write,
					       .close = close,
					       .attribute = kernel_attribute};

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

static bool flag_of(const struct watchdog *w, const char *name)
{
	_cleanup_close_ int fd = w->io->attribute(w->fd, name, O_RDONLY);
	char c = '0';

	return fd >= 0 && read(fd, &c, 1) == 1 && c == '1';
}

/* Anything that is none does not know this. */
static int identify(struct watchdog *w)
{
	struct watchdog_info info = {0};

	if (w->io->ioctl(w->fd, WDIOC_GETSUPPORT, &info) < 0)
		return -ENOTTY;
	w->options = info.options;
	w->closes = info.options & WDIOF_MAGICCLOSE;
	w->nowayout = flag_of(w, "nowayout");
	(void)snprintf(w->identity, sizeof w->identity, "%.*s", (int)sizeof info.identity,
		       (const char *)info.identity);
	return 0;
}

static unsigned int present_timeout(const struct watchdog *w)
{
	int have = 0;

	return w->io->ioctl(w->fd, WDIOC_GETTIMEOUT, &have) < 0 || have < 0 ? 0
									    : (unsigned int)have;
}

static int prepare(struct watchdog *w, const char *path, struct watchdog_times times,
		   char error[EVENT_TEXT_SIZE])
{
	int r = identify(w);

	if (r < 0) {
		(void)snprintf(error, EVENT_TEXT_SIZE, "%.60s is not a watchdog", path);
		return r;
	}
	w->wanted_s = w->timeout_s = present_timeout(w);
	if (w->timeout_s != times.timeout_s)
		r = set_timeout(w, times.timeout_s);
	if (r < 0) {
		(void)snprintf(error, EVENT_TEXT_SIZE, "%.40s does not take a time of %u s: %s",
			       path, times.timeout_s, strerror(-r));
		return r;
	}
	if (w->timeout_s < times.least_s)
		(void)snprintf(error, EVENT_TEXT_SIZE, "%.30s takes %u s at most, %u s are needed",
			       path, w->timeout_s, times.least_s);
	else if (times.most_s && w->timeout_s > times.most_s)
		(void)snprintf(error, EVENT_TEXT_SIZE,
			       "%.30s takes %u s at least, no more than %u s are safe", path,
			       w->timeout_s, times.most_s);
	else
		return 0;
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
	if (!w.closes || w.nowayout)
		log_warning("%s cannot be stopped: when nobody feeds it any more it resets the "
			    "machine",
			    path);
	*ret = w;
	return 0;
}

int watchdog_adopt(const struct watchdog_io *io, int fd, struct watchdog *ret)
{
	struct watchdog w = {.io = io, .fd = fd};
	int r = identify(&w);

	if (r < 0)
		return r;
	w.wanted_s = w.timeout_s = present_timeout(&w);
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

/* Somebody else may keep it open: it is told to stop besides what its closing does. */
void watchdog_close(struct watchdog *watchdog)
{
	int disable = WDIOS_DISABLECARD;

	if (watchdog->io->write(watchdog->fd, "V", 1) != 1)
		log_err("cannot tell the watchdog to stop: %s", strerror(errno));
	(void)watchdog->io->ioctl(watchdog->fd, WDIOC_SETOPTIONS, &disable);
	(void)watchdog->io->close(watchdog->fd);
	watchdog->fd = -1;
}
