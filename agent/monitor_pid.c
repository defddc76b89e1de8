/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pidw: the process that a pid file names lives. A pidfd is held, so its end is noticed at once. A
 * number that the kernel has given to another process meanwhile is told by its start time: with
 * the file unchanged, it must be the one that was there before.
 */
#include "agent/monitor_process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#define PID_FILE_SIZE 64
#define RUN_DIRECTORY "/run/"

/* What a pid file said, and which file it was. */
struct pid_file {
	int32_t pid;
	uint64_t inode, changed_ns;
};

/* The process that was taken for the one that the file means. */
struct watched {
	struct pid_file file;
	uint64_t start_ticks;
	int pidfd; /* -1: it has ended, or the monitor was stopped */
	sd_event_source *source;
};

/* ---- the file ---- */

/* -errno; -EINVAL: it holds no number. */
static int read_open_file(int fd, struct pid_file *ret)
{
	char text[PID_FILE_SIZE];
	struct stat st;
	ssize_t n;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	n = read(fd, text, sizeof text);
	if (n < 0)
		return -errno;
	r = pid_file_parse(text, (size_t)n, &ret->pid);
	ret->inode = st.st_ino;
	ret->changed_ns =
		(uint64_t)st.st_mtim.tv_sec * 1000000000ULL + (uint64_t)st.st_mtim.tv_nsec;
	return r;
}

/* Below /run, if that is in memory and nothing leads out of it, reading cannot hang: 1 with the
 * result in *ret_result. 0: it must be done in a child. */
static int read_in_run(const char *path, struct pid_file *ret, int *ret_result)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
			       .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS};
	_cleanup_close_ int directory = -1, fd = -1;
	struct statfs fs;

	if (strncmp(path, RUN_DIRECTORY, sizeof RUN_DIRECTORY - 1) != 0)
		return 0;
	directory = open(RUN_DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0 || fstatfs(directory, &fs) < 0 || fs.f_type != TMPFS_MAGIC)
		return 0;
	fd = (int)syscall(SYS_openat2, directory, path + sizeof RUN_DIRECTORY - 1, &how,
			  sizeof how);
	if (fd < 0 && errno != ENOENT && errno != EACCES)
		return 0;
	*ret_result = fd < 0 ? -errno : read_open_file(fd, ret);
	return 1;
}

/* ---- the process ---- */

static void let_go(struct watched *watched)
{
	watched->source = sd_event_source_disable_unref(watched->source);
	cleanup_closep(&watched->pidfd);
	watched->pidfd = -1;
}

static bool has_ended(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, 0) != 0;
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct monitor *m = userdata;

	(void)source;
	(void)fd;
	(void)events;
	let_go(m->keep);
	worker_hurry(m);
	return 0;
}

static bool same_file(const struct pid_file *a, const struct pid_file *b)
{
	return a->pid == b->pid && a->inode == b->inode && a->changed_ns == b->changed_ns;
}

/* Takes the process that the file names. A text says why not. */
static const char *take_process(struct monitor *m, const struct pid_file *file)
{
	struct watched *watched = m->keep;
	_cleanup_close_ int pidfd = pidfd_open(file->pid, 0);
	struct proc_stat stat;
	int r;

	if (pidfd < 0)
		return errno == ESRCH || errno == EINVAL ? "does not live" : error_words(errno);
	r = process_read_stat(file->pid, &stat);
	/* The descriptor says that the number meant the same process until after the reading. */
	if (r < 0 || has_ended(pidfd))
		return "does not live";
	if (watched->start_ticks && same_file(&watched->file, file) &&
	    watched->start_ticks != stat.start_ticks)
		return "has ended, another one has its number now";
	let_go(watched);
	watched->file = *file;
	watched->start_ticks = stat.start_ticks;
	watched->pidfd = TAKE_FD(pidfd);
	r = sd_event_add_io(m->worker->event, &watched->source, watched->pidfd, EPOLLIN, on_end, m);
	return r < 0 ? error_words(-r) : NULL;
}

static void judge_process(struct monitor *m, const struct pid_file *file)
{
	struct watched *watched = m->keep;
	const char *fault = NULL;

	if (watched->pidfd >= 0 && watched->file.pid == file->pid && !has_ended(watched->pidfd))
		watched->file = *file; /* perhaps written anew */
	else
		fault = take_process(m, file);
	if (fault)
		worker_failed(m, "process %d of %.40s %s", file->pid, m->config->pid_file, fault);
	else
		worker_good(m);
}

static void judge_file(struct monitor *m, int result, const struct pid_file *file)
{
	if (result == -EINVAL)
		worker_failed(m, "%.60s holds no process number", m->config->pid_file);
	else if (result < 0)
		worker_failed(m, "%.50s: %s", m->config->pid_file, error_words(-result));
	else
		judge_process(m, file);
}

/* ---- the check ---- */

static void read_in_child(const struct monitor *m, struct job_result *ret)
{
	_cleanup_close_ int fd = -1;
	struct pid_file file = {0};
	int r;

	fd = open(m->config->pid_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	r = fd < 0 ? -errno : read_open_file(fd, &file);
	ret->value[0] = r < 0 ? (uint64_t)-r << 32 : (uint32_t)file.pid;
	ret->value[1] = file.inode;
	ret->value[2] = file.changed_ns;
}

static void child_has_read(struct monitor *m, const struct job_result *result)
{
	const struct pid_file file = {.pid = (int32_t)(uint32_t)result->value[0],
				      .inode = result->value[1],
				      .changed_ns = result->value[2]};

	judge_file(m, -(int)(result->value[0] >> 32), &file);
}

static const struct job read_job = {.run = read_in_child,
				    .done = child_has_read,
				    .waits_for = "the pid file could not be read"};

static void pid_begin(struct monitor *m)
{
	struct watched *watched = m->keep;
	struct pid_file file = {0};
	int r = 0;

	if (!watched) {
		watched = calloc(1, sizeof *watched);
		if (!watched) {
			worker_failed(m, "no memory");
			return;
		}
		watched->pidfd = -1;
		m->keep = watched;
	}
	if (read_in_run(m->config->pid_file, &file, &r))
		judge_file(m, r, &file);
	else
		worker_start_job(m, &read_job);
}

/* What it knows of the process stays: when it begins anew, a number that was used again still
 * means nothing. */
static void pid_stop(struct monitor *m)
{
	if (m->keep)
		let_go(m->keep);
}

const struct monitor_driver monitor_driver_pidw = {.begin = pid_begin, .stop = pid_stop};
