/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/files.h"

#include "agent/agent.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define JOBS_MAX   8 /* of one lane */
#define ANSWER_MAX (1024 * 1024 + 4096)

struct waiting {
	char *args[FILES_ARGS_MAX + 1];
	uint64_t limit_us;
	int memory;
	void (*done)(struct agent *agent, bool ok, const char *answer, size_t n);
};

/* The first one runs. */
struct lane {
	struct waiting job[JOBS_MAX];
	unsigned int n;
	uint32_t operation; /* 0: none runs */
	ha_time until;
};

struct files {
	uint32_t last_operation;
	struct lane lane[FILES_LANES_];
};

int files_new(struct files **ret)
{
	struct files *files = calloc(1, sizeof *files);

	if (!files)
		return -ENOMEM;
	for (int i = 0; i < FILES_LANES_; i++)
		files->lane[i].until = HA_TIME_NEVER;
	*ret = files;
	return 0;
}

static void waiting_free(struct waiting *job)
{
	for (char **arg = job->args; *arg; arg++)
		free(*arg);
	if (job->memory > 0)
		(void)close(job->memory);
	*job = (struct waiting){0};
}

struct files *files_free(struct files *files)
{
	if (!files)
		return NULL;
	for (int i = 0; i < FILES_LANES_; i++)
		for (unsigned int k = 0; k < files->lane[i].n; k++)
			waiting_free(&files->lane[i].job[k]);
	free(files);
	return NULL;
}

/* ---- starting ---- */

static int run(struct agent *agent, struct lane *lane)
{
	struct files *files = agent->files;
	char self[PATH_MAX] = "", flag[] = "--files", name[] = "files";
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *env[] = {path, NULL};
	char *argv[FILES_ARGS_MAX + 3] = {self, flag};
	struct exec_program program = {
		.name = name, .argv = argv, .env = env, .input = lane->job[0].memory};
	int r;

	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		return -errno;
	for (size_t i = 0; lane->job[0].args[i]; i++)
		argv[2 + i] = lane->job[0].args[i];
	files->last_operation = (files->last_operation + 1) & ~EXEC_KIND_MASK;
	program.operation = files->last_operation | EXEC_KIND_FILE;
	r = exec_run(agent->exec, &program);
	if (r < 0)
		return r;
	lane->operation = program.operation;
	lane->until = ha_time_add(clock_boot(), lane->job[0].limit_us);
	return 0;
}

/* Takes the first one out and tells what came of it. */
static void finish(struct agent *agent, struct lane *lane, bool ok, const char *answer, size_t n)
{
	struct waiting job = lane->job[0];

	lane->n--;
	memmove(lane->job, lane->job + 1, lane->n * sizeof *lane->job);
	lane->job[lane->n] = (struct waiting){0};
	lane->operation = 0;
	lane->until = HA_TIME_NEVER;
	job.done(agent, ok, answer, n);
	waiting_free(&job);
}

static void start_next(struct agent *agent, struct lane *lane)
{
	while (lane->n > 0 && !lane->operation) {
		int r = run(agent, lane);

		if (r < 0)
			finish(agent, lane, false, strerror(-r), strlen(strerror(-r)));
	}
}

static int copy_job(const struct files_job *from, struct waiting *to)
{
	int r;

	for (size_t i = 0; from->args[i]; i++) {
		to->args[i] = strdup(from->args[i]);
		if (!to->args[i])
			return -ENOMEM;
	}
	r = file_in_memory("holdfast-config", from->text, from->n);
	if (r < 0)
		return r;
	to->memory = r;
	to->limit_us = from->limit_us;
	to->done = from->done;
	return 0;
}

int files_run(struct agent *agent, const struct files_job *job)
{
	struct lane *lane = &agent->files->lane[job->lane];
	struct waiting waiting = {0};
	int r;

	if (lane->n == JOBS_MAX)
		return -EBUSY;
	r = copy_job(job, &waiting);
	if (r >= 0) {
		lane->job[lane->n++] = waiting;
		if (lane->operation)
			return 0;
		r = run(agent, lane);
		if (r >= 0)
			return 0;
		lane->n--;
		waiting = lane->job[lane->n];
		lane->job[lane->n] = (struct waiting){0};
	}
	waiting_free(&waiting);
	return r;
}

/* ---- ends ---- */

/* What it left in the memory; allocated, terminated. */
static char *read_answer(int fd, size_t *ret_n)
{
	char *text = malloc(ANSWER_MAX + 1);
	size_t n = 0;
	ssize_t r = 1;

	while (text && n < ANSWER_MAX && r > 0) {
		r = pread(fd, text + n, ANSWER_MAX - n, (off_t)n);
		if (r < 0 && errno == EINTR)
			r = 1;
		else if (r > 0)
			n += (size_t)r;
	}
	if (text)
		text[n] = '\0';
	*ret_n = n;
	return text;
}

static void job_ended(struct agent *agent, struct lane *lane, uint8_t result, const char *text)
{
	_cleanup_free_ char *answer = NULL;
	bool ok = result == RESOURCE_RESULT_OK;
	size_t n = 0;

	answer = read_answer(lane->job[0].memory, &n);
	if (!answer) {
		finish(agent, lane, false, "no memory", 9);
	} else if (ok || (n > 0 && result == RESOURCE_RESULT_FAILED)) {
		finish(agent, lane, ok, answer, n); /* a failed one wrote down why */
	} else {
		if (result == RESOURCE_RESULT_TIMEOUT)
			text = "it took too long";
		finish(agent, lane, false, text ? text : "", text ? strlen(text) : 0);
	}
}

bool files_done(struct agent *agent, uint32_t operation, uint8_t result, const char *text)
{
	if ((operation & EXEC_KIND_MASK) != EXEC_KIND_FILE)
		return false;
	for (int i = 0; i < FILES_LANES_; i++) {
		struct lane *lane = &agent->files->lane[i];

		if (lane->operation != operation)
			continue;
		job_ended(agent, lane, result, text);
		start_next(agent, lane);
		loop_turn(agent);
		break;
	}
	return true;
}

ha_time files_deadline(const struct agent *agent)
{
	ha_time at = HA_TIME_NEVER;

	for (int i = 0; i < FILES_LANES_; i++)
		at = ha_time_min(at, agent->files->lane[i].until);
	return at;
}

void files_dispatch(struct agent *agent, ha_time now)
{
	for (int i = 0; i < FILES_LANES_; i++) {
		struct lane *lane = &agent->files->lane[i];

		if (!ha_time_reached(lane->until, now))
			continue;
		lane->until = HA_TIME_NEVER;
		exec_kill(agent->exec, lane->operation, now);
	}
}
