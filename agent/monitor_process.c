/* SPDX-License-Identifier: GPL-3.0-or-later */
/* psw: so many processes of a name live. One look at /proc serves all monitors that check within
 * a moment. A whole path is compared in a child: to read the arguments of a process may hang. */
#include "agent/monitor_parse.h"
#include "agent/monitor_process.h"
#include "util/clock.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define COMM_SIZE     16 /* the kernel keeps that much of a name, with its NUL */
#define PROCESSES_MAX (1U << 20)
#define STAT_SIZE     512
#define LOOK_MAX_US   USEC_PER_SEC /* oldest look that a check may use; a part of its interval */
#define LOOK_PARTS    4

struct processes {
	bool looked;
	ha_time at;
	size_t n, size;
	char (*names)[COMM_SIZE];
};

struct processes *processes_free(struct processes *processes)
{
	if (processes)
		free(processes->names);
	free(processes);
	return NULL;
}

/* ---- /proc ---- */

/* Reads a small file below a directory. Returns its length, -errno. */
static ssize_t read_small(int directory, const char *path, char *ret, size_t size)
{
	_cleanup_close_ int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, ret, size);
	return n < 0 ? -errno : n;
}

static int read_stat_at(int proc, const char *pid, struct proc_stat *ret)
{
	char path[32], text[STAT_SIZE];
	ssize_t n;

	(void)snprintf(path, sizeof path, "%.20s/stat", pid);
	n = read_small(proc, path, text, sizeof text);
	if (n < 0)
		return (int)n;
	return proc_stat_parse(text, (size_t)n, ret);
}

int process_read_stat(int32_t pid, struct proc_stat *ret)
{
	char path[32], text[STAT_SIZE];
	ssize_t n;

	(void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
	n = read_small(AT_FDCWD, path, text, sizeof text);
	if (n < 0)
		return (int)n;
	return proc_stat_parse(text, (size_t)n, ret);
}

/* A zombie does nothing any more. */
static bool is_alive(const struct proc_stat *stat)
{
	return stat->state != 'Z' && stat->state != 'X' && stat->state != 'x';
}

/* ---- by name ---- */

static bool add_name(struct processes *p, const char *name)
{
	if (p->n == p->size) {
		size_t size = p->size ? 2 * p->size : 512;
		char(*names)[COMM_SIZE] = NULL;

		if (size <= PROCESSES_MAX)
			names = reallocarray(p->names, size, sizeof *names);
		if (!names)
			return false;
		p->names = names;
		p->size = size;
	}
	(void)snprintf(p->names[p->n++], COMM_SIZE, "%.15s", name);
	return true;
}

static int look(struct processes *p)
{
	DIR *directory = opendir("/proc");
	const struct dirent *entry;
	struct proc_stat stat;
	int r = 0;

	if (!directory)
		return -errno;
	p->n = 0;
	while (r == 0 && (entry = readdir(directory))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (read_stat_at(dirfd(directory), entry->d_name, &stat) < 0)
			continue; /* it has ended meanwhile */
		if (is_alive(&stat) && !add_name(p, stat.name))
			r = -ENOMEM;
	}
	(void)closedir(directory); /* was only read */
	p->looked = r == 0;
	p->at = clock_boot();
	return r;
}

static int look_again(struct monitor *m)
{
	struct worker *w = m->worker;
	uint64_t age_us = m->config->interval_us / LOOK_PARTS;

	if (!w->processes)
		w->processes = calloc(1, sizeof *w->processes);
	if (!w->processes)
		return -ENOMEM;
	if (age_us > LOOK_MAX_US)
		age_us = LOOK_MAX_US;
	if (w->processes->looked &&
	    ha_time_before(clock_boot(), ha_time_add(w->processes->at, age_us)))
		return 0;
	return look(w->processes);
}

static uint32_t minimum(const struct monitor_config *config)
{
	return config->minimum ? config->minimum : 1;
}

static void judge_count(struct monitor *m, uint64_t count)
{
	if (count >= minimum(m->config))
		worker_good(m);
	else if (count == 0)
		worker_failed(m, "no process %.60s lives", m->config->process);
	else
		worker_failed(m, "%llu processes %.40s live, at least %u should",
			      (unsigned long long)count, m->config->process, minimum(m->config));
}

static void check_name(struct monitor *m)
{
	char name[COMM_SIZE];
	uint64_t count = 0;
	int r = look_again(m);

	if (r < 0) {
		worker_failed(m, "cannot read /proc: %s", error_words(-r));
		return;
	}
	(void)snprintf(name, sizeof name, "%.15s", m->config->process);
	for (size_t i = 0; i < m->worker->processes->n; i++)
		count += strcmp(m->worker->processes->names[i], name) == 0;
	judge_count(m, count);
}

/* ---- by path, in a child ---- */

static bool is_program(int proc, const char *pid, const char *program)
{
	char path[32], text[4096];
	ssize_t n;

	(void)snprintf(path, sizeof path, "%.20s/exe", pid);
	n = readlinkat(proc, path, text, sizeof text - 1);
	if (n > 0) {
		text[n] = '\0';
		if (strcmp(text, program) == 0)
			return true;
		/* Replaced on disk by an update, it still is that program. */
		if (strncmp(text, program, strlen(program)) == 0 &&
		    strcmp(text + strlen(program), " (deleted)") == 0)
			return true;
	}
	(void)snprintf(path, sizeof path, "%.20s/cmdline", pid);
	n = read_small(proc, path, text, sizeof text - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return strcmp(text, program) == 0;
}

static void count_program(const struct monitor *m, struct job_result *ret)
{
	DIR *directory = opendir("/proc");
	const struct dirent *entry;
	struct proc_stat stat;

	if (!directory) {
		job_failed(ret, "cannot read /proc", errno);
		return;
	}
	while ((entry = readdir(directory))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (is_program(dirfd(directory), entry->d_name, m->config->process) &&
		    read_stat_at(dirfd(directory), entry->d_name, &stat) >= 0)
			ret->value[0] += is_alive(&stat);
	}
	(void)closedir(directory); /* was only read */
}

static void program_counted(struct monitor *m, const struct job_result *result)
{
	if (result->outcome == MONITOR_GOOD)
		judge_count(m, result->value[0]);
	else
		worker_failed(m, "%s", result->text);
}

static const struct job count_job = {
	.run = count_program, .done = program_counted, .waits_for = "not finished"};

static void psw_begin(struct monitor *m)
{
	if (strchr(m->config->process, '/'))
		worker_start_job(m, &count_job);
	else
		check_name(m);
}

const struct monitor_driver monitor_driver_psw = {.begin = psw_begin};
