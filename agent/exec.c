/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The agent's side of running programs: orders to the helper, graces, answers. */
#include "agent/exec.h"

#include "agent/exec_helper.h"
#include "include/core.h"
#include "util/log.h"
#include "util/parse.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Twice the number of objects: each has one operation, and may have one that hangs. */
#define OPERATIONS_MAX (2 * (RESOURCES_MAX + MONITORS_MAX))
#define REPORTS_MAX    16 /* taken in at once */

/*
 *   running --exec_kill--> terminating --grace--> killed --grace--> abandoned
 *      |                        |                    |                  |
 *      +--------- ended --------+--------------------+   (answered)     +-- ended: forgotten
 */
enum phase { PHASE_RUNNING, PHASE_TERMINATING, PHASE_KILLED, PHASE_ABANDONED };

struct operation {
	struct operation *next;
	uint32_t number;
	enum phase phase;
	ha_time due; /* of the next phase */
};

struct exec {
	struct exec_config config;
	pid_t helper; /* 0: none */
	int socket;
	sd_event_source *source;
	struct operation *operations;
	size_t n_operations;
	uint8_t order[EXEC_ORDER_MAX];
};

static int on_report(sd_event_source *source, int fd, uint32_t events, void *userdata);

static int start_helper(struct exec *exec)
{
	int r = exec_helper_start(&exec->helper, &exec->socket);

	if (r < 0)
		return r;
	r = sd_event_add_io(exec->config.event, &exec->source, exec->socket, EPOLLIN, on_report,
			    exec);
	if (r >= 0)
		r = sd_event_source_set_priority(exec->source, exec->config.priority);
	return r < 0 ? r : 0;
}

/* The helper ends by itself when its socket is closed. */
static void stop_helper(struct exec *exec)
{
	exec->source = sd_event_source_disable_unref(exec->source);
	if (exec->socket >= 0)
		(void)close(exec->socket);
	exec->socket = -1;
	if (exec->helper > 0)
		(void)waitpid(exec->helper, NULL, WNOHANG); /* else init reaps it after us */
	exec->helper = 0;
}

int exec_new(const struct exec_config *config, struct exec **ret)
{
	struct exec *exec = calloc(1, sizeof *exec);
	int r;

	if (!exec)
		return -ENOMEM;
	exec->config = *config;
	exec->socket = -1;
	r = start_helper(exec);
	if (r < 0) {
		(void)exec_free(exec);
		return r;
	}
	*ret = exec;
	return 0;
}

static void operation_free(struct exec *exec, struct operation *op)
{
	struct operation **at = &exec->operations;

	while (*at && *at != op)
		at = &(*at)->next;
	if (*at) {
		*at = op->next;
		exec->n_operations--;
	}
	free(op);
}

/* `n_fds` descriptors go with it, at most EXEC_FDS_MAX. */
static int send_order(struct exec *exec, size_t n, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(EXEC_FDS_MAX * sizeof(int))];
	} control = {0};
	struct iovec part = {exec->order, n};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (exec->socket < 0)
		return -EPIPE;
	if (n_fds > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof *fds);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(n_fds * sizeof *fds);
		memcpy(CMSG_DATA(&control.head), fds, n_fds * sizeof *fds);
	}
	return sendmsg(exec->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void send_signal(struct exec *exec, const struct operation *op, int number)
{
	struct exec_order order = {
		.kind = EXEC_ORDER_SIGNAL, .operation = op->number, .signal = number};
	int r;

	memcpy(exec->order, &order, sizeof order);
	r = send_order(exec, sizeof order, NULL, 0);
	if (r < 0) /* the next phase, or the end of the helper, goes on from here */
		log_warning("cannot signal a program: %s", strerror(-r));
}

struct exec *exec_free(struct exec *exec)
{
	if (!exec)
		return NULL;
	while (exec->operations) {
		send_signal(exec, exec->operations, SIGKILL);
		operation_free(exec, exec->operations);
	}
	stop_helper(exec);
	free(exec);
	return NULL;
}

/* ---- ends ---- */

static void answer(struct exec *exec, struct operation *op, const struct exec_report *report)
{
	bool ok = report->code == CLD_EXITED && report->status == 0;
	uint32_t number = op->number;
	enum phase phase = op->phase;
	char text[EVENT_TEXT_SIZE] = "";

	operation_free(exec, op);
	if (phase == PHASE_ABANDONED)
		return; /* answered when it was given up */
	if (report->failure.stage != EXEC_STAGE_NONE)
		exec_failure_describe(&report->failure, text, sizeof text);
	else if (report->code != CLD_EXITED)
		(void)snprintf(text, sizeof text, "killed by signal %d", (int)report->status);
	else if (!ok || phase != PHASE_RUNNING)
		(void)snprintf(text, sizeof text, "exit status %d", (int)report->status);
	exec->config.done(number,
			  phase != PHASE_RUNNING ? RESOURCE_RESULT_TIMEOUT
			  : ok			 ? RESOURCE_RESULT_OK
						 : RESOURCE_RESULT_FAILED,
			  text, exec->config.userdata);
}

static void take_report(struct exec *exec, const struct exec_report *report)
{
	for (struct operation *op = exec->operations; op; op = op->next)
		if (op->number == report->operation) {
			answer(exec, op, report);
			return;
		}
}

/* What it ran may be running still: that is not success, and a stop follows. */
static void helper_died(struct exec *exec)
{
	const struct exec_report lost = {
		.code = CLD_EXITED, .status = 1, .failure = {EXEC_STAGE_HELPER, EPIPE}};
	struct operation *next, *op = exec->operations;
	int r;

	log_err("the process that starts programs has died, starting another one");
	stop_helper(exec);
	r = start_helper(exec);
	if (r < 0)
		log_err("cannot start another one: %s", strerror(-r));
	/* Answers may bring new operations, which are not lost. */
	exec->operations = NULL;
	exec->n_operations = 0;
	for (; op; op = next) {
		next = op->next;
		answer(exec, op, &lost);
	}
}

static int on_report(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct exec *exec = userdata;

	(void)source;
	(void)events;
	for (int i = 0; i < REPORTS_MAX; i++) {
		struct exec_report report;
		ssize_t n = recv(fd, &report, sizeof report, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0) {
			helper_died(exec);
			return 0;
		}
		if (n == (ssize_t)sizeof report)
			take_report(exec, &report);
	}
	return 0;
}

/* ---- orders ---- */

static bool put_string(struct exec *exec, size_t *at, const char *s)
{
	size_t n = strlen(s) + 1;

	if (n > sizeof exec->order - *at)
		return false;
	memcpy(exec->order + *at, s, n);
	*at += n;
	return true;
}

static bool put_strings(struct exec *exec, size_t *at, char *const *strings, uint16_t *ret_n)
{
	uint16_t n = 0;

	for (; strings[n]; n++)
		if (n == EXEC_STRINGS_MAX || !put_string(exec, at, strings[n]))
			return false;
	*ret_n = n;
	return true;
}

static int order_run(struct exec *exec, const struct exec_program *program)
{
	struct exec_order order = {.kind = EXEC_ORDER_RUN,
				   .operation = program->operation,
				   .has_input = program->input > 0,
				   .has_output = program->output > 0};
	int fds[EXEC_FDS_MAX];
	size_t n = sizeof order, n_fds = 0;

	if (!put_string(exec, &n, program->name) ||
	    !put_string(exec, &n, program->user ? program->user : "") ||
	    !put_strings(exec, &n, program->argv, &order.n_argv) ||
	    !put_strings(exec, &n, program->env, &order.n_env))
		return -E2BIG;
	memcpy(exec->order, &order, sizeof order);
	if (order.has_input)
		fds[n_fds++] = program->input;
	if (order.has_output)
		fds[n_fds++] = program->output;
	return send_order(exec, n, fds, n_fds);
}

int exec_run(struct exec *exec, const struct exec_program *program)
{
	struct operation *op;
	int r;

	if (exec->n_operations >= OPERATIONS_MAX)
		return -EAGAIN;
	if (exec->socket < 0) {
		r = start_helper(exec); /* it could not be started again when it died */
		if (r < 0)
			return r;
	}
	op = calloc(1, sizeof *op);
	if (!op)
		return -ENOMEM;
	r = order_run(exec, program);
	if (r < 0) {
		free(op);
		return r;
	}
	*op = (struct operation){
		.next = exec->operations, .number = program->operation, .due = HA_TIME_NEVER};
	exec->operations = op;
	exec->n_operations++;
	return 0;
}

void exec_kill(struct exec *exec, uint32_t operation, ha_time now)
{
	for (struct operation *op = exec->operations; op; op = op->next) {
		if (op->number != operation || op->phase != PHASE_RUNNING)
			continue;
		send_signal(exec, op, SIGTERM);
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

static void next_phase(struct exec *exec, struct operation *op, ha_time now)
{
	if (op->phase == PHASE_TERMINATING) {
		send_signal(exec, op, SIGKILL);
		op->phase = PHASE_KILLED;
		op->due = ha_time_add(now, EXEC_KILL_GRACE_US);
		return;
	}
	op->phase = PHASE_ABANDONED;
	op->due = HA_TIME_NEVER;
	exec->config.done(op->number, RESOURCE_RESULT_TIMEOUT, "the program cannot be killed",
			  exec->config.userdata);
}

void exec_dispatch(struct exec *exec, ha_time now)
{
	/* done() does not end operations, so the list stays as it is. */
	for (struct operation *op = exec->operations; op; op = op->next)
		if (ha_time_reached(op->due, now))
			next_phase(exec, op, now);
}

static bool number_after(const char *text, const char *prefix, int *ret)
{
	size_t n = strlen(prefix);
	uint64_t value;

	if (!text || strncmp(text, prefix, n) != 0 || parse_u64(text + n, 0, 255, &value) < 0)
		return false;
	*ret = (int)value;
	return true;
}

bool exec_text_status(const char *text, int *ret_status)
{
	return number_after(text, "exit status ", ret_status);
}

bool exec_text_signal(const char *text, int *ret_signal)
{
	return number_after(text, "killed by signal ", ret_signal);
}

size_t exec_running(const struct exec *exec)
{
	return exec->n_operations;
}
