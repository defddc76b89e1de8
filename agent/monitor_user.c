/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * userw: user space makes progress. A child forks, uses memory, writes a file and reads it back,
 * and only then a watchdog is fed: if that takes longer than the time limit since the last time,
 * the device resets the machine, whatever the monitor process can still do.
 */
#include "agent/watchdog_device.h"
#include "agent/monitor_worker.h"
#include "util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define MEMORY_BYTES (1024 * 1024)
#define MARK_SIZE    64
/* A device that somebody else feeds is tried again for a moment: it may be the monitor process of
 * the former configuration, which is just ending. */
#define BUSY_WAIT_US  (2 * USEC_PER_SEC)
#define BUSY_PAUSE_US (100 * USEC_PER_MSEC)

struct user {
	struct watchdog watchdog;
	bool open;
	unsigned int told_s;	/* its time as the device has it, once told to the log */
	sd_event_source *retry; /* of opening it */
	ha_time busy_since;
};

/* ---- in another process; each returns what could not be done, with the reason in `errno` ---- */

static const char *use_memory(void)
{
	volatile uint8_t *memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return "cannot allocate memory";
	for (size_t i = 0; i < MEMORY_BYTES; i += 4096)
		memory[i] = 1;
	(void)munmap((void *)(uintptr_t)memory, MEMORY_BYTES);
	return NULL;
}

static const char *use_fork(void)
{
	pid_t pid = fork();

	if (pid < 0)
		return "cannot make a process";
	if (pid == 0)
		_exit(0);
	return waitpid(pid, NULL, 0) < 0 ? "cannot wait for a process" : NULL;
}

/* Writes and reads back. */
static const char *use_open_file(int fd)
{
	char mark[MARK_SIZE] = "", back[MARK_SIZE] = "";

	(void)snprintf(mark, sizeof mark, "%d", (int)getpid());
	if (write(fd, mark, sizeof mark) != sizeof mark)
		return "cannot write a file in the run directory";
	if (pread(fd, back, sizeof back, 0) != sizeof back)
		return "cannot read a file in the run directory";
	errno = EIO;
	return memcmp(mark, back, sizeof mark) == 0
		       ? NULL
		       : "a file in the run directory reads differently";
}

static const char *use_file(const struct monitor *m)
{
	_cleanup_close_ int directory = -1, fd = -1;
	char name[NAME_SIZE + 32];
	const char *fault;

	directory = open(m->worker->config->run_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return "cannot open the run directory";
	(void)snprintf(name, sizeof name, "%s.check", m->config->name);
	(void)unlinkat(directory, name, 0); /* of a check that was cut; else the next line fails */
	fd = openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return "cannot make a file in the run directory";
	fault = use_open_file(fd);
	if (!fault && unlinkat(directory, name, 0) < 0)
		fault = "cannot remove a file in the run directory";
	return fault;
}

static void use_everything(const struct monitor *m, struct job_result *ret)
{
	const char *fault = use_fork();

	if (!fault)
		fault = use_memory();
	if (!fault)
		fault = use_file(m);
	if (fault)
		job_failed(ret, fault, errno);
}

/* ---- the watchdog ---- */

static unsigned int seconds(uint64_t us)
{
	uint64_t s = us / USEC_PER_SEC + (us % USEC_PER_SEC != 0);

	return s > 65535 ? 65535 : (unsigned int)s; /* what drivers count in */
}

static struct watchdog_times times_of(const struct monitor *m)
{
	/* Two good checks are an interval apart, and a second or so. */
	return (struct watchdog_times){
		.timeout_s = seconds(monitor_plan_limit_us(&m->plan)),
		.least_s = seconds(m->config->interval_us) + 1,
	};
}

static int open_watchdog(struct monitor *m, char error[EVENT_TEXT_SIZE])
{
	const struct watchdog_times times = times_of(m);
	struct user *user = m->keep;
	int r;

	if (times.timeout_s < times.least_s) {
		(void)snprintf(error, EVENT_TEXT_SIZE,
			       "a timeout of %u s is too short for the watchdog: at least %u s",
			       times.timeout_s, times.least_s);
		return -EINVAL;
	}
	r = watchdog_open(&watchdog_io_kernel, m->config->watchdog, times, &user->watchdog, error);
	if (r < 0)
		return r;
	user->open = true;
	log_notice("monitor %s: feeds %s, which resets the machine after %u s", m->config->name,
		   m->config->watchdog, user->watchdog.timeout_s);
	return 0;
}

static int feed_watchdog(struct monitor *m)
{
	struct user *user = m->keep;
	int r;

	r = watchdog_set_timeout(&user->watchdog, times_of(m).timeout_s);
	if (r < 0)
		log_warning("monitor %s: the time of the watchdog stays as it is: %s",
			    m->config->name, strerror(-r));
	return watchdog_feed(&user->watchdog);
}

/* ---- the check ---- */

static void user_checked(struct monitor *m, const struct job_result *result)
{
	const struct user *user = m->keep;
	int r;

	if (result->outcome != MONITOR_GOOD) {
		worker_failed(m, "%s", result->text);
		return;
	}
	r = user->open ? feed_watchdog(m) : 0;
	if (r < 0)
		worker_failed(m, "cannot feed %.50s: %s", m->config->watchdog, error_words(-r));
	else
		worker_good(m);
}

static const struct job user_job = {
	.run = use_everything, .done = user_checked, .waits_for = "user space made no progress"};

static void try_check(struct monitor *m);

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct monitor *m = userdata;

	(void)source;
	(void)usec;
	if (worker_checking(m))
		try_check(m);
	return 0;
}

/* True: it is tried again in a moment. */
static bool retry(struct monitor *m)
{
	struct user *user = m->keep;

	if (!ha_time_before(clock_boot(), ha_time_add(user->busy_since, BUSY_WAIT_US)))
		return false;
	user->retry = sd_event_source_disable_unref(user->retry);
	return sd_event_add_time_relative(m->worker->event, &user->retry, CLOCK_BOOTTIME,
					  BUSY_PAUSE_US, USEC_PER_MSEC, on_retry, m) >= 0;
}

static void try_check(struct monitor *m)
{
	const struct user *user = m->keep;
	char error[EVENT_TEXT_SIZE] = "";
	int r = 0;

	if (m->config->watchdog && !user->open)
		r = open_watchdog(m, error);
	if (r == -EBUSY && retry(m))
		worker_waits(m, "%.60s is busy", m->config->watchdog);
	else if (r < 0)
		worker_failed(m, "%s", error);
	else
		worker_start_job(m, &user_job);
}

static void user_begin(struct monitor *m)
{
	struct user *user = m->keep;

	if (!user)
		user = m->keep = calloc(1, sizeof *user);
	if (!user) {
		worker_failed(m, "no memory");
		return;
	}
	user->busy_since = clock_boot();
	try_check(m);
}

static void user_end(struct monitor *m)
{
	struct user *user = m->keep;

	if (user)
		user->retry = sd_event_source_disable_unref(user->retry);
}

static void user_stop(struct monitor *m)
{
	struct user *user = m->keep;

	if (user && user->open) {
		watchdog_close(&user->watchdog);
		log_notice("monitor %s: has told %s to stop", m->config->name, m->config->watchdog);
	}
	free(user);
	m->keep = NULL;
}

/* A dummy failure is for the recovery, not for the watchdog, which goes on being fed. */
const struct monitor_driver monitor_driver_userw = {
	.begin = user_begin, .end = user_end, .stop = user_stop, .works_failing = true};
