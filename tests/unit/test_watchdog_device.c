/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A watchdog device that exists only here, as userw feeds it. */
#include "agent/watchdog_device.h"

#include <errno.h>
#include <linux/watchdog.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

struct device {
	int open_error;
	bool none;     /* not a watchdog */
	bool no_magic; /* cannot be stopped */
	int most_s;    /* longest time it takes; 0: any */
	int set_error, feed_error;
	/* what was done to it */
	int timeout_s;
	unsigned int opened, closed, fed;
	char written[16];
	size_t n;
};

static struct device device;

static int fake_open(const char *path, int flags)
{
	(void)flags;
	assert_string_equal(path, "/dev/watchdog9");
	if (device.open_error) {
		errno = device.open_error;
		return -1;
	}
	device.opened++;
	return 42;
}

static int fake_ioctl(int fd, unsigned long request, void *argument)
{
	struct watchdog_info info = {.options = WDIOF_SETTIMEOUT | WDIOF_KEEPALIVEPING};

	assert_int_equal(fd, 42);
	errno = ENOTTY;
	if (device.none)
		return -1;
	if (!device.no_magic)
		info.options |= WDIOF_MAGICCLOSE;
	if (request == WDIOC_GETSUPPORT) {
		memcpy(argument, &info, sizeof info);
	} else if (request == WDIOC_SETTIMEOUT) {
		errno = device.set_error;
		if (device.set_error)
			return -1;
		memcpy(&device.timeout_s, argument, sizeof device.timeout_s);
		if (device.most_s && device.timeout_s > device.most_s)
			device.timeout_s = device.most_s;
	} else if (request == WDIOC_GETTIMEOUT) {
		memcpy(argument, &device.timeout_s, sizeof device.timeout_s);
	} else if (request == WDIOC_KEEPALIVE) {
		errno = device.feed_error;
		if (device.feed_error)
			return -1;
		device.fed++;
	} else if (request == WDIOC_SETOPTIONS) {
		assert_int_equal(*(int *)argument, WDIOS_DISABLECARD);
	} else {
		fail_msg("unexpected request %lx", request);
	}
	return 0;
}

static ssize_t fake_write(int fd, const void *data, size_t n)
{
	assert_int_equal(fd, 42);
	assert_true(device.n + n < sizeof device.written);
	memcpy(device.written + device.n, data, n);
	device.n += n;
	return (ssize_t)n;
}

static int fake_close(int fd)
{
	assert_int_equal(fd, 42);
	device.closed++;
	return 0;
}

static int no_attribute(int fd, const char *name, int flags)
{
	(void)fd;
	(void)name;
	(void)flags;
	return -1;
}

static const struct watchdog_io io = {.open = fake_open,
				      .ioctl = fake_ioctl,
				      .write = fake_write,
				      .close = fake_close,
				      .attribute = no_attribute};

static int open_it(unsigned int timeout_s, unsigned int least_s, struct watchdog *ret, char *error)
{
	const struct watchdog_times times = {.timeout_s = timeout_s, .least_s = least_s};

	return watchdog_open(&io, "/dev/watchdog9", times, ret, error);
}

static int setup(void **state)
{
	(void)state;
	device = (struct device){0};
	return 0;
}

static void test_life(void **state)
{
	struct watchdog w;
	char error[EVENT_TEXT_SIZE] = "";

	(void)state;
	assert_int_equal(open_it(60, 4, &w, error), 0);
	assert_int_equal(device.timeout_s, 60);
	assert_int_equal(watchdog_feed(&w), 0);
	assert_int_equal(device.fed, 1);
	assert_int_equal(device.n, 0); /* it is never written to before its end */
	/* the ratio changes the time, back and forth */
	assert_int_equal(watchdog_set_timeout(&w, 120), 0);
	assert_int_equal(device.timeout_s, 120);
	device.set_error = EIO; /* not asked for when nothing has changed */
	assert_int_equal(watchdog_set_timeout(&w, 120), 0);
	assert_int_equal(watchdog_set_timeout(&w, 60), -EIO);
	device.feed_error = EIO;
	assert_int_equal(watchdog_feed(&w), -EIO);
	watchdog_close(&w);
	assert_string_equal(device.written, "V");
	assert_true(device.opened == 1 && device.closed == 1);
}

static void test_refusals(void **state)
{
	struct watchdog w = {.fd = 7};
	char error[EVENT_TEXT_SIZE] = "";

	(void)state;
	device.open_error = EBUSY;
	assert_int_equal(open_it(60, 4, &w, error), -EBUSY);
	assert_string_equal(error, "/dev/watchdog9 is busy: another program feeds it");
	device.open_error = ENOENT;
	assert_int_equal(open_it(60, 4, &w, error), -ENOENT);
	assert_string_equal(error, "cannot open /dev/watchdog9: No such file or directory");
	device = (struct device){.none = true};
	assert_int_equal(open_it(60, 4, &w, error), -ENOTTY);
	assert_string_equal(error, "/dev/watchdog9 is not a watchdog");
	/* whatever it is, nothing was written to it */
	assert_true(device.closed == 1 && device.n == 0);
	assert_int_equal(w.fd, 7);
}

/* A device that cannot wait from one good check to the next would reset a machine that is well:
 * it is told to stop again. */
static void test_time_that_it_does_not_take(void **state)
{
	struct watchdog w;
	char error[EVENT_TEXT_SIZE] = "";

	(void)state;
	device.most_s = 16;
	assert_int_equal(open_it(300, 61, &w, error), -ERANGE);
	assert_string_equal(error, "/dev/watchdog9 takes 16 s at most, 61 s are needed");
	assert_string_equal(device.written, "V");
	assert_int_equal(device.closed, 1);
	/* shorter than asked for, but long enough */
	device = (struct device){.most_s = 16};
	assert_int_equal(open_it(300, 4, &w, error), 0);
	assert_int_equal(w.timeout_s, 16);
	device.set_error = EIO; /* not asked for again and again */
	assert_int_equal(watchdog_set_timeout(&w, 300), 0);
	device = (struct device){.set_error = EOPNOTSUPP};
	assert_int_equal(open_it(300, 4, &w, error), -EOPNOTSUPP);
	assert_string_equal(
		error, "/dev/watchdog9 does not take a time of 300 s: Operation not supported");
	assert_string_equal(device.written, "V");
}

static void test_one_that_cannot_be_stopped_is_used(void **state)
{
	struct watchdog w;
	char error[EVENT_TEXT_SIZE] = "";

	(void)state;
	device.no_magic = true;
	assert_int_equal(open_it(60, 4, &w, error), 0);
	assert_false(w.closes);
	watchdog_close(&w);
	assert_int_equal(device.closed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_life, setup),
		cmocka_unit_test_setup(test_refusals, setup),
		cmocka_unit_test_setup(test_time_that_it_does_not_take, setup),
		cmocka_unit_test_setup(test_one_that_cannot_be_stopped_is_used, setup),
	};

	return cmocka_run_group_tests_name("watchdog_device", tests, NULL, NULL);
}
