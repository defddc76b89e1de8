/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When the agent's own watchdog is fed (rules W1 to W5), over a device that exists only here: it
 * counts, and says when it would have reset the machine. */
#include "agent/watchdog_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define FD     42
#define SECOND 1000000ULL
#define MINUTE (60 * SECOND)

struct device {
	/* how it is */
	bool nowayout, pretimeout, govern;
	int least_s, most_s, step_s; /* times that it takes; 0: any */
	int open_error, set_error, feed_error;
	uint64_t feed_takes_us; /* this process is not run between the clock and the feeding */
	/* what it does */
	bool counts;
	int timeout_s, pretimeout_s;
	uint64_t fed_us;
	unsigned int fed, set, closed;
	char written[16];
	size_t n;
	int governor[2];
};

static struct device device;
static ha_time now;

static ha_time fake_clock(void)
{
	return now;
}

static int fails(int error)
{
	errno = error;
	return error ? -1 : 0;
}

static int fake_open(const char *path, int flags)
{
	(void)path;
	(void)flags;
	if (device.open_error)
		return fails(device.open_error);
	if (!device.counts) /* one that ticks goes on as it is: so does the kernel's */
		device.fed_us = now.us;
	device.counts = true;
	if (!device.timeout_s)
		device.timeout_s = 60;
	return FD;
}

static int set_time(int want_s)
{
	if (device.set_error)
		return fails(device.set_error);
	if (want_s < device.least_s)
		return fails(EINVAL);
	if (device.most_s && want_s > device.most_s)
		want_s = device.most_s;
	while (device.step_s && want_s % device.step_s)
		want_s++;
	device.timeout_s = want_s;
	device.set++;
	device.fed_us = now.us; /* as the kernel does */
	return 0;
}

static int fake_ioctl(int fd, unsigned long request, void *argument)
{
	struct watchdog_info info = {.options = WDIOF_MAGICCLOSE, .identity = "a test's"};
	int value;

	assert_int_equal(fd, FD);
	memcpy(&value, argument, sizeof value);
	info.options |= device.pretimeout ? WDIOF_PRETIMEOUT : 0;
	if (request == WDIOC_GETSUPPORT) {
		memcpy(argument, &info, sizeof info);
	} else if (request == WDIOC_GETTIMEOUT) {
		memcpy(argument, &device.timeout_s, sizeof device.timeout_s);
	} else if (request == WDIOC_SETTIMEOUT) {
		return set_time(value);
	} else if (request == WDIOC_SETPRETIMEOUT) {
		device.pretimeout_s = value;
	} else if (request == WDIOC_KEEPALIVE) {
		now = ha_time_add(now, device.feed_takes_us);
		if (device.feed_error)
			return fails(device.feed_error);
		device.fed++;
		device.fed_us = now.us;
	} else if (request == WDIOC_SETOPTIONS) {
		assert_int_equal(value, WDIOS_DISABLECARD);
		device.counts = device.nowayout;
	} else {
		fail_msg("unexpected request %lx", request);
	}
	return 0;
}

static ssize_t fake_write(int fd, const void *data, size_t n)
{
	assert_int_equal(fd, FD);
	memcpy(device.written + device.n, data, n);
	device.n += n;
	return (ssize_t)n;
}

static int fake_close(int fd)
{
	assert_int_equal(fd, FD);
	device.closed++;
	if (device.n && !device.nowayout)
		device.counts = false;
	return 0;
}

static int fake_attribute(int fd, const char *name, int flags)
{
	assert_int_equal(fd, FD);
	if (strcmp(name, "nowayout") == 0) {
		int file[2];

		assert_int_equal(flags, O_RDONLY);
		assert_int_equal(pipe2(file, O_CLOEXEC), 0);
		assert_int_equal(write(file[1], device.nowayout ? "1\n" : "0\n", 2), 2);
		close(file[1]);
		return file[0];
	}
	assert_string_equal(name, "pretimeout_governor");
	if (!device.govern)
		return -1;
	assert_int_equal(pipe2(device.governor, O_CLOEXEC), 0);
	return device.governor[1];
}

static const struct watchdog_io io = {.open = fake_open,
				      .ioctl = fake_ioctl,
				      .write = fake_write,
				      .close = fake_close,
				      .attribute = fake_attribute};

/* The machine would have been reset by now. */
static bool reset(void)
{
	return device.counts &&
	       now.us >= device.fed_us + (uint64_t)device.timeout_s * (uint64_t)SECOND;
}

static int setup(void **state)
{
	(void)state;
	device = (struct device){0};
	now.us = MINUTE;
	return 0;
}

static void open_guard(struct guard *g, unsigned int timeout_s)
{
	const struct watchdog_times times = {.timeout_s = timeout_s, .most_s = timeout_s};
	char error[EVENT_TEXT_SIZE] = "";
	struct watchdog w;

	assert_int_equal(watchdog_open(&io, "/dev/watchdog9", times, &w, error), 0);
	guard_init(g, &w, &times, fake_clock);
}

static enum guard_news serve(struct guard *g, bool progress, bool quiet, uint64_t lease_until_us)
{
	const struct guard_look look = {
		.progress = progress, .quiet = quiet, .lease_until = {lease_until_us}};

	return guard_serve(g, &look);
}

static void pass(uint64_t us)
{
	now = ha_time_add(now, us);
}

/* W2: by progress and a lease, a quarter of its time apart. */
static void test_fed(void **state)
{
	struct guard g;

	(void)state;
	open_guard(&g, 4);
	assert_int_equal(device.timeout_s, 4);
	assert_int_equal(serve(&g, true, false, now.us + 1), GUARD_SAME);
	assert_int_equal(device.fed, 0);
	assert_int_equal(guard_deadline(&g).us, MINUTE + SECOND);
	pass(SECOND - 1);
	(void)serve(&g, true, false, now.us + 1);
	assert_int_equal(device.fed, 0);
	pass(1);
	assert_int_equal(serve(&g, true, false, now.us + 1), GUARD_SAME);
	assert_int_equal(device.fed, 1);
	assert_int_equal(guard_deadline(&g).us, now.us + SECOND);
	pass(SECOND / 2);
	assert_int_equal(guard_fed_us(&g, now), SECOND / 2);
	assert_int_equal(guard_left_us(&g, now), 4 * SECOND - SECOND / 2);
	for (int i = 0; i < 100; i++) {
		pass(SECOND / 10);
		(void)serve(&g, true, i % 2, now.us + 1);
		assert_false(reset());
	}
	assert_int_equal(device.fed, 11);
	assert_int_equal(device.set, 1);
	assert_int_equal(device.n, 0); /* it is never written to before its end */
}

static void test_not_fed_without_progress(void **state)
{
	struct guard g;

	(void)state;
	open_guard(&g, 4);
	for (int i = 0; i < 39; i++) {
		pass(SECOND / 10);
		assert_int_equal(serve(&g, false, i % 2, now.us + SECOND), GUARD_SAME);
		assert_false(reset());
	}
	pass(SECOND / 10);
	assert_true(reset());
	assert_int_equal(device.fed, 0);
}

/* Said once, until everything is OFFLINE, or was between two looks: a lease begins then (L8). */
static void test_silent(void **state)
{
	struct guard g;
	uint64_t last_us;

	(void)state;
	open_guard(&g, 4);
	pass(SECOND);
	(void)serve(&g, true, false, now.us + 1);
	last_us = now.us;
	pass(SECOND / 2);
	assert_int_equal(serve(&g, true, false, now.us), GUARD_SILENT);
	assert_int_equal(guard_deadline(&g).us, HA_TIME_NEVER.us);
	for (int i = 0; i < 20; i++) {
		pass(SECOND / 10);
		assert_int_equal(serve(&g, true, false, now.us), GUARD_SAME);
	}
	assert_int_equal(device.fed, 1);
	assert_int_equal(device.fed_us, last_us);
	assert_int_equal(serve(&g, false, true, 0), GUARD_SAME);
	assert_int_equal(device.fed, 1);
	assert_int_equal(serve(&g, true, true, 0), GUARD_SERVED);
	assert_int_equal(device.fed, 2);
	assert_int_equal(guard_deadline(&g).us, now.us + SECOND);
	pass(SECOND);
	assert_int_equal(serve(&g, true, true, 0), GUARD_SAME);
	assert_int_equal(device.fed, 3);
	pass(SECOND);
	assert_int_equal(serve(&g, true, false, 0), GUARD_SILENT);
	pass(SECOND);
	assert_int_equal(serve(&g, false, false, now.us + 1), GUARD_SAME);
	assert_int_equal(serve(&g, true, false, now.us + 1), GUARD_SERVED);
	assert_int_equal(device.fed, 4);
	pass(SECOND);
	assert_int_equal(serve(&g, true, false, 0), GUARD_SILENT);
	pass(3 * SECOND);
	assert_true(reset());
}

/* The clock was looked at, then this process was not run: what it fed then was not its to feed.
 * The device gets what was left, to the second. */
static void test_fed_too_late(void **state)
{
	struct guard g;

	(void)state;
	open_guard(&g, 10);
	pass(3 * SECOND);
	device.feed_takes_us = 2 * SECOND;
	assert_int_equal(serve(&g, true, false, now.us + SECOND), GUARD_SILENT);
	assert_int_equal(device.fed, 1);
	assert_int_equal(device.timeout_s, 5);
	pass(5 * SECOND); /* 10 s after it was opened */
	assert_true(reset());
	assert_int_equal(serve(&g, true, false, now.us), GUARD_SAME);

	(void)setup(NULL);
	open_guard(&g, 10);
	pass(3 * SECOND);
	device.feed_takes_us = 6 * SECOND + SECOND / 2;
	assert_int_equal(serve(&g, true, false, now.us + SECOND), GUARD_SILENT);
	assert_int_equal(device.timeout_s, 1); /* it does not count less */

	/* with everything OFFLINE nothing was too late; and then it has its time again */
	device.feed_takes_us = 0;
	assert_int_equal(serve(&g, true, true, 0), GUARD_SERVED);
	assert_int_equal(device.timeout_s, 10);
}

/* W1, W3: what it really takes counts. */
static void test_times(void **state)
{
	const struct watchdog_times times = {.timeout_s = 5, .most_s = 6};
	char error[EVENT_TEXT_SIZE] = "";
	struct watchdog w;
	struct guard g;

	(void)state;
	device.step_s = 2;
	assert_int_equal(watchdog_open(&io, "/dev/watchdog9", times, &w, error), 0);
	assert_int_equal(w.timeout_s, 6);
	assert_string_equal(w.identity, "a test's");
	/* and is fed like any other */
	guard_init(&g, &w, &times, fake_clock);
	for (int i = 0; i < 20; i++) {
		pass(SECOND);
		assert_int_equal(serve(&g, true, true, 0), GUARD_SAME);
		assert_false(reset());
	}
	assert_int_equal(device.set, 1);
	(void)setup(NULL);
	device.step_s = 4;
	assert_int_equal(watchdog_open(&io, "/dev/watchdog9", times, &w, error), -ERANGE);
	assert_string_equal(error, "/dev/watchdog9 takes 8 s at least, no more than 6 s are safe");
	assert_false(device.counts);
	assert_int_equal(device.closed, 1);
	(void)setup(NULL);
	device.set_error = EINVAL;
	assert_int_equal(watchdog_open(&io, "/dev/watchdog9", times, &w, error), -EINVAL);
	assert_string_equal(error, "/dev/watchdog9 does not take a time of 5 s: Invalid argument");
	assert_false(device.counts);
	(void)setup(NULL);
	device.open_error = EBUSY;
	assert_int_equal(watchdog_open(&io, "/dev/watchdog9", times, &w, error), -EBUSY);
}

/* One that ticks is not fed by being taken over. */
static void test_taken_over(void **state)
{
	struct guard g;

	(void)state;
	device.counts = true;
	device.timeout_s = 5;
	device.fed_us = now.us - 4 * SECOND;
	open_guard(&g, 5);
	assert_int_equal(device.set + device.fed, 0);
	assert_int_equal(device.fed_us, now.us - 4 * SECOND);
	assert_int_equal(serve(&g, true, false, 0), GUARD_SILENT); /* leftovers */
	pass(SECOND);
	assert_true(reset());
}

/* By its descriptor: not even its time is touched before it may be fed. */
static void test_adopted(void **state)
{
	struct watchdog_times times = {.timeout_s = 5, .most_s = 5};
	struct watchdog w;
	struct guard g;

	(void)state;
	device.counts = true;
	device.timeout_s = 9;
	device.fed_us = now.us;
	assert_int_equal(watchdog_adopt(&io, FD, &w), 0);
	assert_int_equal(w.timeout_s, 9);
	guard_init(&g, &w, &times, fake_clock);
	assert_int_equal(serve(&g, true, false, now.us), GUARD_SILENT);
	assert_int_equal(device.set, 0);
	assert_int_equal(serve(&g, true, true, 0), GUARD_SERVED);
	assert_int_equal(device.set, 1);
	assert_int_equal(device.fed, 0);
	assert_int_equal(device.timeout_s, 5);
	assert_int_equal(guard_deadline(&g).us, now.us + 5 * SECOND / 4);
	/* nobody wants it any more: it goes when nothing can be lost */
	g.unwanted = true;
	pass(2 * SECOND);
	assert_int_equal(serve(&g, true, false, now.us + 1), GUARD_SAME);
	assert_true(device.counts);
	assert_int_equal(serve(&g, true, true, 0), GUARD_DISARMED);
	assert_false(device.counts);
	assert_string_equal(device.written, "V");
	assert_int_equal(serve(&g, true, true, 0), GUARD_SAME);
	assert_int_equal(guard_deadline(&g).us, HA_TIME_NEVER.us);
}

/* A device that fails is said once, and tried again sooner than it barks. */
static void test_device_fails(void **state)
{
	struct guard g;

	(void)state;
	open_guard(&g, 4);
	pass(SECOND);
	device.feed_error = EIO;
	assert_int_equal(serve(&g, true, true, 0), GUARD_FAILING);
	assert_string_equal(g.error, "the device cannot be fed within 4 s: Input/output error");
	assert_int_equal(guard_deadline(&g).us, now.us + SECOND / 2);
	assert_int_equal(guard_fed_us(&g, now), SECOND);
	pass(SECOND / 2);
	assert_int_equal(serve(&g, true, true, 0), GUARD_SAME);
	device.feed_error = 0;
	pass(SECOND / 2);
	assert_int_equal(serve(&g, true, true, 0), GUARD_WORKS);
	assert_string_equal(g.error, "");
	assert_false(reset());
}

/* W4 */
static void test_closed(void **state)
{
	struct guard g;

	(void)state;
	open_guard(&g, 4);
	guard_close(&g);
	assert_string_equal(device.written, "V");
	assert_false(device.counts);
	guard_close(&g);
	assert_int_equal(device.closed, 1);
	(void)setup(NULL);
	device.nowayout = true;
	open_guard(&g, 4);
	assert_true(g.device.nowayout);
	guard_close(&g);
	assert_true(device.counts);
}

/* W5 */
static void test_reset_now(void **state)
{
	struct guard g;

	(void)state;
	open_guard(&g, 10);
	guard_reset(&g);
	assert_int_equal(device.timeout_s, 1);
	for (int i = 0; i < 10; i++) {
		pass(SECOND / 10);
		assert_int_equal(serve(&g, true, true, 0), GUARD_SAME);
	}
	assert_true(reset());
	assert_int_equal(device.fed, 0);

	/* never later than without */
	(void)setup(NULL);
	device.least_s = 3;
	open_guard(&g, 10);
	pass(SECOND);
	guard_reset(&g);
	assert_int_equal(device.timeout_s, 3);
	(void)setup(NULL);
	device.least_s = 3;
	open_guard(&g, 10);
	pass(8 * SECOND);
	guard_reset(&g);
	assert_int_equal(device.timeout_s, 10);
	assert_int_equal(guard_deadline(&g).us, HA_TIME_NEVER.us);
	pass(2 * SECOND);
	assert_true(reset());
}

static void test_panic(void **state)
{
	char governor[8] = "";
	struct guard g;

	(void)state;
	open_guard(&g, 10);
	assert_false(guard_panic(&g));
	assert_int_equal(device.timeout_s, 2);
	(void)setup(NULL);
	device.pretimeout = true;
	open_guard(&g, 10);
	assert_false(guard_panic(&g));
	assert_int_equal(device.pretimeout_s, 0);
	(void)setup(NULL);
	device.pretimeout = device.govern = true;
	open_guard(&g, 10);
	assert_true(guard_panic(&g));
	assert_int_equal(device.timeout_s, 2);
	assert_int_equal(device.pretimeout_s, 1);
	assert_int_equal(read(device.governor[0], governor, sizeof governor - 1), 5);
	assert_string_equal(governor, "panic");
	close(device.governor[0]);
	pass(SECOND / 2);
	assert_int_equal(serve(&g, true, true, 0), GUARD_SAME);
	assert_int_equal(device.fed, 0);
}

/* Another process has it: found by what it has open, not by a name that it may have had. */
static void test_holder(void **state)
{
	char path[] = "/tmp/holdfast-watchdog-XXXXXX", who[48] = "", expected[48];
	int fd = mkstemp(path), go[2];
	pid_t child;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_false(watchdog_holder(path, who, sizeof who));
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char c;

		close(go[1]);
		if (open(path, O_RDONLY) < 0)
			_exit(1);
		_exit(read(go[0], &c, 1) < 0);
	}
	close(go[0]);
	for (int i = 0; i < 1000 && !watchdog_holder(path, who, sizeof who); i++)
		usleep(10000);
	(void)snprintf(expected, sizeof expected, "test_watchdog (pid %d)", child);
	assert_string_equal(who, expected);
	close(go[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_false(watchdog_holder(path, who, sizeof who));
	unlink(path);
	/* a device, by its number */
	fd = open("/dev/full", O_RDONLY | O_CLOEXEC);
	assert_int_equal(mknod(path, S_IFCHR | 0600, makedev(1, 7)), 0);
	assert_true(watchdog_holder(path, who, sizeof who));
	(void)snprintf(expected, sizeof expected, "test_watchdog (pid %d)", getpid());
	assert_string_equal(who, expected);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_fed, setup),
		cmocka_unit_test_setup(test_not_fed_without_progress, setup),
		cmocka_unit_test_setup(test_silent, setup),
		cmocka_unit_test_setup(test_fed_too_late, setup),
		cmocka_unit_test_setup(test_times, setup),
		cmocka_unit_test_setup(test_taken_over, setup),
		cmocka_unit_test_setup(test_adopted, setup),
		cmocka_unit_test_setup(test_device_fails, setup),
		cmocka_unit_test_setup(test_closed, setup),
		cmocka_unit_test_setup(test_reset_now, setup),
		cmocka_unit_test_setup(test_panic, setup),
		cmocka_unit_test_setup(test_holder, setup),
	};

	return cmocka_run_group_tests_name("watchdog", tests, NULL, NULL);
}
