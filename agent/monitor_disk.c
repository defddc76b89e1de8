/* SPDX-License-Identifier: GPL-3.0-or-later */
/* diskw: space of a file system, a block that can be read, a small file that can be written. All
 * of it in another process: a disk that hangs must not hang the other monitors. */
#include "agent/monitor_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define BLOCK 4096 /* read or written; a multiple of every sector size in use */

static void fail(const struct monitor *m, struct job_result *ret, const char *what, int error)
{
	ret->outcome = MONITOR_FAILED;
	(void)snprintf(ret->text, sizeof ret->text, "%.40s: %s: %s", m->config->path, what,
		       error_words(error));
}

/* Of this process for good: each works at one check at a time. */
static uint8_t *get_block(void)
{
	static uint8_t block[BLOCK] __attribute__((aligned(BLOCK)));

	return block;
}

/* As df(1) counts: what only root may use is neither used nor free. */
static void check_space(const struct monitor *m, struct job_result *ret)
{
	struct statvfs fs;
	uint64_t used, all;
	unsigned int percent;

	if (statvfs(m->config->path, &fs) < 0) {
		fail(m, ret, "cannot be asked for its space", errno);
		return;
	}
	used = fs.f_blocks - fs.f_bfree;
	all = used + fs.f_bavail;
	if (all == 0) { /* proc and such */
		fail(m, ret, "it has no space", ENOTSUP);
		return;
	}
	percent = (unsigned int)((used * 100 + all - 1) / all);
	if (percent < m->config->limit_percent)
		return;
	ret->outcome = MONITOR_FAILED;
	(void)snprintf(ret->text, sizeof ret->text, "%.50s: %u%% used, the limit is %u%%",
		       m->config->path, percent, m->config->limit_percent);
}

static void check_read(const struct monitor *m, struct job_result *ret)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	_cleanup_close_ int fd = -1;
	ssize_t n;

	fd = open(m->config->path, flags | O_DIRECT);
	if (fd < 0 && errno == EINVAL) /* a file system in memory has nothing to bypass */
		fd = open(m->config->path, flags);
	if (fd < 0) {
		fail(m, ret, "cannot be opened", errno);
		return;
	}
	n = read(fd, get_block(), BLOCK);
	if (n < 0) {
		fail(m, ret, "cannot be read", errno);
	} else if (n == 0) {
		ret->outcome = MONITOR_FAILED;
		(void)snprintf(ret->text, sizeof ret->text, "%.60s: it is empty", m->config->path);
	}
}

/* Returns what could not be done, with the reason in `errno`, or NULL. */
static const char *write_file(int directory, const char *name)
{
	_cleanup_close_ int fd = -1;
	ssize_t n;

	/* One of a check that was cut; and nobody's link is followed. */
	if (unlinkat(directory, name, 0) < 0 && errno != ENOENT)
		return "cannot remove the file of the last check";
	fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return "cannot make a file";
	n = write(fd, get_block(), BLOCK);
	if (n < 0)
		return "cannot write a file";
	errno = ENOSPC;
	if (n < BLOCK)
		return "cannot write a file";
	if (fdatasync(fd) < 0)
		return "cannot bring a file to the disk";
	return NULL;
}

static void check_write(const struct monitor *m, struct job_result *ret)
{
	_cleanup_close_ int directory = -1;
	char name[NAME_SIZE + 32];
	const char *fault;

	directory = open(m->config->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0) {
		fail(m, ret, "cannot be opened as a directory", errno);
		return;
	}
	(void)snprintf(name, sizeof name, ".holdfast-%s.check", m->config->name);
	fault = write_file(directory, name);
	if (fault)
		fail(m, ret, fault, errno);
	if (unlinkat(directory, name, 0) < 0 && !fault)
		fail(m, ret, "cannot remove a file", errno);
}

static void check_disk(const struct monitor *m, struct job_result *ret)
{
	switch (m->config->method) {
	case DISK_READ:
		check_read(m, ret);
		break;
	case DISK_WRITE:
		check_write(m, ret);
		break;
	case DISK_SPACE:
	default:
		check_space(m, ret);
		break;
	}
}

static void disk_checked(struct monitor *m, const struct job_result *result)
{
	if (result->outcome == MONITOR_GOOD)
		worker_good(m);
	else
		worker_failed(m, "%s", result->text);
}

static const struct job disk_job = {
	.run = check_disk, .done = disk_checked, .waits_for = "the disk did not answer"};

static void disk_begin(struct monitor *m)
{
	worker_start_job(m, &disk_job);
}

const struct monitor_driver monitor_driver_diskw = {.begin = disk_begin};
