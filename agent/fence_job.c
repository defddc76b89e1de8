/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process `holdfastd --fence`, seen from the agent: it is given the configuration in force in
 * memory, as its standard input, and its lines are read as they come. */
#include "agent/apply.h"
#include "agent/fence_internal.h"

#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#define SPARE_US     (2 * USEC_PER_SEC) /* for the process to say that its time is over */
#define READS_A_TURN 20			/* more than a pipe holds */

/* ---- lines ---- */

static void keep_step(struct fence_job *job, const struct fence_step *step)
{
	if (job->n_steps == FENCE_JOB_STEPS_MAX) /* many readings: the newest in the place of one */
		job->n_steps--;
	job->steps[job->n_steps++] = *step;
}

static void take_line(struct agent *agent, struct fence_job *job)
{
	struct fence_line line;

	if (job->overlong || fence_line_parse(job->line, job->n_line, &line) < 0) {
		if (!job->bad_line)
			log_warning("the fencing process has written a line that is none of its "
				    "own");
		job->bad_line = true;
	} else if (line.is_end) {
		job->has_end = true;
		job->confirmed = line.confirmed;
		job->end = line.end;
		job->end.level = job->level;
	} else {
		line.step.level = job->level;
		keep_step(job, &line.step);
		fence_job_stepped(agent, job, &line.step);
	}
	job->n_line = 0;
	job->overlong = false;
}

static void take_bytes(struct agent *agent, struct fence_job *job, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\n')
			take_line(agent, job);
		else if (job->n_line < sizeof job->line)
			job->line[job->n_line++] = data[i];
		else
			job->overlong = true;
	}
}

/* False: there is nothing more to come. */
static bool read_some(struct agent *agent, struct fence_job *job)
{
	char data[4096];

	for (int i = 0; i < READS_A_TURN; i++) {
		ssize_t n = read(job->fd, data, sizeof data);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		take_bytes(agent, job, data, (size_t)n);
	}
	return true;
}

static struct fence_job *find_fd(const struct fencing *fencing, int fd)
{
	for (struct fence_job *job = fencing->jobs; job; job = job->next)
		if (job->fd == fd)
			return job;
	return NULL;
}

static int on_lines(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct agent *agent = userdata;
	struct fence_job *job = find_fd(agent->fencing, fd);

	(void)events;
	if (!job || !read_some(agent, job))
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

/* ---- life ---- */

static int watch_output(struct agent *agent, struct fence_job *job, int *ret_output)
{
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	job->fd = fds[0];
	*ret_output = fds[1];
	if (fcntl(job->fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	r = sd_event_add_io(agent->event, &job->source, job->fd, EPOLLIN, on_lines, agent);
	if (r >= 0)
		r = sd_event_source_set_priority(job->source, AGENT_PRIORITY_STREAM);
	return r < 0 ? r : 0;
}

static int run(struct agent *agent, struct fence_job *job)
{
	_cleanup_close_ int memory = -1, output = -1;
	const struct node_config *nodes = agent->config->nodes;
	char self[PATH_MAX] = "", level[8];
	char tool[] = "--fence", config[] = "--config", input[] = "/dev/stdin", node[] = "--node";
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *env[] = {path, NULL};
	char *argv[] = {self,
			tool,
			config,
			input,
			node,
			(char *)(uintptr_t)nodes[agent->self].name,
			(char *)(uintptr_t)nodes[job->target].name,
			level,
			(char *)(uintptr_t)fence_verb_to_string(job->verb),
			NULL};
	struct exec_program program = {
		.operation = job->operation, .name = "fence", .argv = argv, .env = env};
	int r;

	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		return -errno;
	(void)snprintf(level, sizeof level, "%u", job->level + 1U);
	memory = file_in_memory("holdfast-config", agent->apply->text, strlen(agent->apply->text));
	if (memory < 0)
		return memory;
	r = watch_output(agent, job, &output);
	if (r < 0)
		return r;
	program.input = memory;
	program.output = output;
	return exec_run(agent->exec, &program);
}

void fence_job_free(struct fencing *fencing, struct fence_job *job)
{
	struct fence_job **at = &fencing->jobs;

	while (*at && *at != job)
		at = &(*at)->next;
	if (*at)
		*at = job->next;
	sd_event_source_disable_unref(job->source);
	if (job->fd >= 0)
		(void)close(job->fd);
	free(job);
}

int fence_job_start(struct agent *agent, const struct fence_job *from)
{
	struct fencing *fencing = agent->fencing;
	struct fence_job *job = malloc(sizeof *job);
	int r;

	if (!job)
		return -ENOMEM;
	*job = *from;
	fencing->last_operation = (fencing->last_operation + 1) & ~EXEC_KIND_MASK;
	job->operation = fencing->last_operation | EXEC_KIND_FENCE;
	job->fd = -1;
	job->started = clock_boot();
	job->wall_us = clock_wall_us();
	job->until =
		ha_time_add(job->started, SPARE_US + fence_verb_limit_us(agent->config, job->target,
									 job->level, job->verb));
	job->end = (struct fence_end){.level = job->level};
	job->next = fencing->jobs;
	fencing->jobs = job;
	r = run(agent, job);
	if (r < 0)
		fence_job_free(fencing, job);
	return r;
}

void fence_job_kill(struct agent *agent, struct fence_job *job, ha_time now)
{
	if (job->killed)
		return;
	job->killed = true;
	exec_kill(agent->exec, job->operation, now);
}

struct fence_job *fence_job_find(const struct fencing *fencing, uint8_t target)
{
	for (struct fence_job *job = fencing->jobs; job; job = job->next)
		if (job->target == target && job->kind != FENCE_JOB_CHECK)
			return job;
	return NULL;
}

bool fence_job_find_order(const struct fencing *fencing)
{
	for (const struct fence_job *job = fencing->jobs; job; job = job->next)
		if (job->kind != FENCE_JOB_CHECK)
			return true;
	return false;
}

/* What it did not say itself. */
static void complete(struct fence_job *job, uint8_t result, const char *text)
{
	struct fence_end *end = &job->end;

	end->took_us = ha_time_since(clock_boot(), job->started);
	if (result == RESOURCE_RESULT_OK && job->has_end && end->ok &&
	    job->confirmed == (job->verb == FENCE_VERB_OFF))
		return;
	end->ok = false;
	job->confirmed = false;
	if (job->verb == FENCE_VERB_OFF)
		end->power = FENCE_READ_UNKNOWN;
	if (job->killed && result != RESOURCE_RESULT_OK)
		(void)snprintf(end->text, sizeof end->text, "it did not end in time, or was ended");
	else if (!job->has_end || !end->text[0])
		(void)snprintf(end->text, sizeof end->text, "the fencing process failed: %s",
			       text && *text ? text : "no result");
}

bool fencing_done(struct agent *agent, uint32_t operation, uint8_t result, const char *text)
{
	struct fencing *fencing = agent->fencing;

	if ((operation & EXEC_KIND_MASK) != EXEC_KIND_FENCE)
		return false;
	for (struct fence_job *job = fencing->jobs; job; job = job->next) {
		if (job->operation != operation)
			continue;
		(void)read_some(agent, job); /* all that it wrote is there; more than this is no
					      * answer */
		complete(job, result, text);
		fence_job_ended(agent, job, result);
		fence_job_free(fencing, job);
		loop_turn(agent);
		break;
	}
	return true;
}
