/* SPDX-License-Identifier: GPL-3.0-or-later */
/* diskw: space of a file system, a block that can be read, a small file that can be written. All
 * of it in a child: a disk that hangs must not hang the others. */
#include "agent/monitor_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define BLOCK 4096 /* read or written; a multiple of every sector size in use */

/* Says what failed with `errno`. */
static _Noreturn void fail(int fd, const struct monitor *m, const char *what)
{
	struct child_result result = {.outcome = MONITOR_FAILED};

	(void)snprintf(result.text, sizeof result.text, "%.40s: %s: %s", m->config->path, what,
		       error_words(errno));
	worker_child_done(fd, &result);
}

static uint8_t *new_block(int fd, const struct monitor *m)
{
	void *block;

	errno = posix_memalign(&block, BLOCK, BLOCK);
	if (errno)
		fail(fd, m, "memory");
	memset(block, 0, BLOCK);
	return block;
}

/* As df(1) counts: what only root may use is neither used nor free. */
static void check_space(int fd, const struct monitor *m, struct child_result *result)
{
	struct statvfs fs;
	uint64_t used, all;
	unsigned int percent;

	if (statvfs(m->config->path, &fs) < 0)
		fail(fd, m, "cannot be asked for its space");
	used = fs.f_blocks - fs.f_bfree;
	all = used + fs.f_bavail;
	if (all == 0) { /* proc and such */
		errno = ENOTSUP;
		fail(fd, m, "it has no space");
	}
	percent = (unsigned int)((used * 100 + all - 1) / all);
	if (percent < m->config->limit_percent)
		return;
	result->outcome = MONITOR_FAILED;
	(void)snprintf(result->text, sizeof result->text, "%.50s: %u%% used, the limit is %u%%",
		       m->config->path, percent, m->config->limit_percent);
}

static void check_read(int fd, const struct monitor *m, struct child_result *result)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	uint8_t *block = new_block(fd, m);
	int file = open(m->config->path, flags | O_DIRECT);
	ssize_t n;

	if (file < 0 && errno == EINVAL) /* a file system in memory has nothing to bypass */
		file = open(m->config->path, flags);
	if (file < 0)
		fail(fd, m, "cannot be opened");
	n = read(file, block, BLOCK);
	if (n < 0)
		fail(fd, m, "cannot be read");
	if (n > 0)
		return;
	result->outcome = MONITOR_FAILED;
	(void)snprintf(result->text, sizeof result->text, "%.60s: it is empty", m->config->path);
}

static void check_write(int fd, const struct monitor *m)
{
	uint8_t *block = new_block(fd, m);
	int directory = open(m->config->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), file;
	char name[NAME_SIZE + 32];

	if (directory < 0)
		fail(fd, m, "cannot be opened as a directory");
	(void)snprintf(name, sizeof name, ".holdfast-%s.check", m->config->name);
	/* One of a check that was cut; and nobody's link is followed. */
	if (unlinkat(directory, name, 0) < 0 && errno != ENOENT)
		fail(fd, m, "cannot remove the file of the last check");
	file = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0)
		fail(fd, m, "cannot make a file");
	if (write(file, block, BLOCK) != BLOCK) {
		int error = errno ? errno : ENOSPC;

		(void)unlinkat(directory, name, 0); /* the failure is said already */
		errno = error;
		fail(fd, m, "cannot write a file");
	}
	if (fdatasync(file) < 0)
		fail(fd, m, "cannot bring a file to the disk");
	if (close(file) < 0)
		fail(fd, m, "cannot close a file");
	if (unlinkat(directory, name, 0) < 0)
		fail(fd, m, "cannot remove a file");
}

static _Noreturn void check_disk(int fd, void *monitor)
{
	const struct monitor *m = monitor;
	struct child_result result = {.outcome = MONITOR_GOOD};

	switch (m->config->method) {
	case DISK_READ:
		check_read(fd, m, &result);
		break;
	case DISK_WRITE:
		check_write(fd, m);
		break;
	case DISK_SPACE:
	default:
		check_space(fd, m, &result);
		break;
	}
	worker_child_done(fd, &result);
}

static void disk_checked(struct monitor *m, int code, int status)
{
	const struct child_result *result = worker_result(m, code, status);

	if (result->outcome == MONITOR_GOOD)
		worker_good(m);
	else
		worker_failed(m, "%s", result->text);
}

static const struct work disk_work = {
	.run = check_disk, .ended = disk_checked, .output = worker_take_result};

static void disk_begin(struct monitor *m)
{
	worker_start_child(m, &disk_work);
	if (worker_checking(m) && m->child_mine)
		worker_waits(m, "%.50s: the disk did not answer", m->config->path);
}

const struct monitor_driver monitor_driver_diskw = {.begin = disk_begin};
