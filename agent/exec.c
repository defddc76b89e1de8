/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/exec.h"

#include "agent/exec_child.h"
#include "include/core.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* Twice the number of resources: each has one operation, and may have one that hangs. */
#define OPERATIONS_MAX (2 * RESOURCES_MAX)

/*
 *   running --exec_kill--> terminating --grace--> killed --grace--> abandoned
 *      |                        |                    |                  |
 *      +--------- ended --------+--------------------+   (answered)     +-- ended: reaped
 */
enum phase { PHASE_RUNNING, PHASE_TERMINATING, PHASE_KILLED, PHASE_ABANDONED };

struct operation {
	struct exec *exec;
	struct operation *next;
	sd_event_source *source;
	pid_t pid; /* also the process group */
	int failure_fd;
	uint32_t number;
	enum phase phase;
	ha_time due; /* of the next phase */
};

struct exec {
	struct exec_config config;
	struct operation *operations;
	size_t n_operations;
};

int exec_new(const struct exec_config *config, struct exec **ret)
{
	struct exec *exec = calloc(1, sizeof *exec);

	if (!exec)
		return -ENOMEM;
	exec->config = *config;
	*ret = exec;
	return 0;
}

static void operation_free(struct operation *op)
{
	struct operation **at = &op->exec->operations;

	while (*at && *at != op)
		at = &(*at)->next;
	if (*at) {
		*at = op->next;
		op->exec->n_operations--;
	}
	sd_event_source_disable_unref(op->source);
	if (op->failure_fd >= 0)
		(void)close(op->failure_fd); /* only ever read */
	free(op);
}

struct exec *exec_free(struct exec *exec)
{
	while (exec && exec->operations) {
		(void)kill(-exec->operations->pid, SIGKILL); /* it may just have ended */
		operation_free(exec->operations);
	}
	free(exec);
	return NULL;
}

static void describe_end(const struct operation *op, const siginfo_t *si, char *text, size_t size)
{
	struct exec_failure failure;

	if (exec_failure_read(op->failure_fd, &failure))
		exec_failure_describe(&failure, text, size);
	else if (si->si_code == CLD_EXITED)
		(void)snprintf(text, size, "exit status %d", si->si_status);
	else
		(void)snprintf(text, size, "killed by signal %d", si->si_status);
}

static int on_end(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct operation *op = userdata;
	struct exec *exec = op->exec;
	uint32_t number = op->number;
	enum phase phase = op->phase;
	bool ok = si->si_code == CLD_EXITED && si->si_status == 0;
	char text[EVENT_TEXT_SIZE];

	(void)source;
	describe_end(op, si, text, sizeof text);
	/* The process is a zombie until this function returns, so its number still means its
	 * group and nobody else's. */
	if (phase != PHASE_RUNNING)
		(void)kill(-op->pid, SIGKILL); /* -ESRCH: nobody else was in it */
	operation_free(op);
	if (phase == PHASE_ABANDONED)
		return 0;
	if (phase != PHASE_RUNNING)
		exec->config.done(number, RESOURCE_RESULT_TIMEOUT, text, exec->config.userdata);
	else if (ok)
		exec->config.done(number, RESOURCE_RESULT_OK, "", exec->config.userdata);
	else
		exec->config.done(number, RESOURCE_RESULT_FAILED, text, exec->config.userdata);
	return 0;
}

static int watch(struct operation *op)
{
	struct exec *exec = op->exec;
	int r;

	r = sd_event_add_child(exec->config.event, &op->source, op->pid, WEXITED, on_end, op);
	if (r < 0)
		return r;
	return sd_event_source_set_priority(op->source, exec->config.priority);
}

int exec_run(struct exec *exec, const struct exec_program *program)
{
	_cleanup_close_ int read_fd = -1, write_fd = -1;
	struct operation *op;
	int fds[2], r;

	if (exec->n_operations >= OPERATIONS_MAX)
		return -EAGAIN;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	read_fd = fds[0];
	write_fd = fds[1];
	op = calloc(1, sizeof *op);
	if (!op)
		return -ENOMEM;
	*op = (struct operation){.exec = exec, .number = program->operation, .due = HA_TIME_NEVER};
	/* A real fork, not vfork or posix_spawn: those hold the parent until the program is
	 * loaded, which a hanging file system delays for ever. */
	op->pid = fork();
	if (op->pid < 0) {
		r = -errno;
		free(op);
		return r;
	}
	if (op->pid == 0)
		exec_child(program, write_fd);
	op->failure_fd = TAKE_FD(read_fd);
	op->next = exec->operations;
	exec->operations = op;
	exec->n_operations++;
	r = watch(op);
	if (r < 0) {
		(void)kill(op->pid, SIGKILL); /* not yet a group leader for certain */
		(void)waitpid(op->pid, NULL, 0);
		operation_free(op);
		return r;
	}
	return 0;
}

static void signal_group(const struct operation *op, int signal)
{
	/* Right after the fork it may not have made its own group yet. */
	if (kill(-op->pid, signal) < 0)
		(void)kill(op->pid, signal);
}

void exec_kill(struct exec *exec, uint32_t operation, ha_time now)
{
	for (struct operation *op = exec->operations; op; op = op->next) {
		if (op->number != operation || op->phase != PHASE_RUNNING)
			continue;
		signal_group(op, SIGTERM);
		op->phase = PHASE_TERMINATING;
		op->due = ha_time_add(now, EXEC_TERM_GRACE_US);
	}
}

ha_time exec_deadline(const struct exec *exec)
{
	ha_time due = HA_TIME_NEVER;

	for (const struct operation *op = exec->operations; op; op = op->next)
		due = ha_time_min(due, op->due);
	return due;
}

static void abandon(struct operation *op)
{
	char text[EVENT_TEXT_SIZE];

	(void)snprintf(text, sizeof text, "process %d cannot be killed", (int)op->pid);
	op->phase = PHASE_ABANDONED;
	op->due = HA_TIME_NEVER;
	op->exec->config.done(op->number, RESOURCE_RESULT_TIMEOUT, text, op->exec->config.userdata);
}

void exec_dispatch(struct exec *exec, ha_time now)
{
	for (struct operation *op = exec->operations; op; op = op->next) {
		if (!ha_time_reached(op->due, now))
			continue;
		if (op->phase == PHASE_TERMINATING) {
			signal_group(op, SIGKILL);
			op->phase = PHASE_KILLED;
			op->due = ha_time_add(now, EXEC_KILL_GRACE_US);
		} else {
			abandon(op);
		}
	}
}

size_t exec_running(const struct exec *exec)
{
	return exec->n_operations;
}
