/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/exec_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define SOCKET_FD 3

struct process {
	struct process *next;
	uint32_t operation;
	pid_t pid; /* also the process group */
	int failure_fd;
	bool ended_by_us; /* then nothing of its group may stay */
};

struct helper {
	int socket, signals;
	struct process *processes;
	uint8_t order[EXEC_ORDER_MAX];
};

static void report(const struct helper *h, const struct exec_report *report)
{
	ssize_t n;

	do
		n = send(h->socket, report, sizeof *report, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	/* Any other failure: the agent has gone, and the end of the socket says so too. */
}

static void report_unstarted(const struct helper *h, uint32_t operation, int error)
{
	report(h, &(struct exec_report){.operation = operation,
					.code = CLD_EXITED,
					.status = 1,
					.failure = {EXEC_STAGE_FORK, error}});
}

/* ---- orders ---- */

/* Descriptors that came along with an order. */
struct passed {
	unsigned int n;
	int fd[EXEC_FDS_MAX];
};

/* The next string of an order; NULL: it has no end. */
static char *take_string(char **at, const char *end)
{
	char *s = *at, *nul = memchr(s, '\0', (size_t)(end - s));

	if (!nul)
		return NULL;
	*at = nul + 1;
	return s;
}

struct strings {
	char *items[EXEC_STRINGS_MAX + 1];
};

static bool take_strings(char **at, const char *end, size_t n, struct strings *ret)
{
	if (n > EXEC_STRINGS_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		ret->items[i] = take_string(at, end);
		if (!ret->items[i])
			return false;
	}
	ret->items[n] = NULL;
	return true;
}

static int start(struct helper *h, const struct exec_program *program)
{
	_cleanup_close_ int read_fd = -1, write_fd = -1;
	struct process *p;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	read_fd = fds[0];
	write_fd = fds[1];
	p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	p->operation = program->operation;
	p->pid = fork();
	if (p->pid < 0) {
		int r = -errno;

		free(p);
		return r;
	}
	if (p->pid == 0)
		exec_child(program, write_fd);
	p->failure_fd = TAKE_FD(read_fd);
	p->next = h->processes;
	h->processes = p;
	return 0;
}

static void order_run(struct helper *h, const struct exec_order *order, char *at, const char *end,
		      const struct passed *passed)
{
	static struct strings argv, env;
	struct exec_program program = {.operation = order->operation,
				       .name = take_string(&at, end),
				       .argv = argv.items,
				       .env = env.items};
	const char *user = program.name ? take_string(&at, end) : NULL;
	unsigned int n = 0;
	int r = -EBADMSG;

	if (order->has_input && n < passed->n)
		program.input = passed->fd[n++];
	if (order->has_output && n < passed->n)
		program.output = passed->fd[n++];
	if (user && order->n_argv > 0 && take_strings(&at, end, order->n_argv, &argv) &&
	    take_strings(&at, end, order->n_env, &env)) {
		program.user = *user ? user : NULL;
		r = start(h, &program);
	}
	if (r < 0)
		report_unstarted(h, order->operation, -r);
}

static void order_signal(struct helper *h, const struct exec_order *order)
{
	for (struct process *p = h->processes; p; p = p->next) {
		if (p->operation != order->operation)
			continue;
		p->ended_by_us = true;
		/* Right after the fork it may not have made its own group yet. */
		if (kill(-p->pid, order->signal) < 0)
			(void)kill(p->pid, order->signal);
	}
}

static ssize_t receive_order(struct helper *h, struct passed *ret_passed)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(EXEC_FDS_MAX * sizeof(int))];
	} control;
	struct iovec part = {h->order, sizeof h->order};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof control.bytes};
	ssize_t n = recvmsg(h->socket, &message, MSG_TRUNC | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	ret_passed->n = 0;
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
		size_t bytes = head->cmsg_len - CMSG_LEN(0);

		ret_passed->n = (unsigned int)(bytes / sizeof(int)); /* no more fit */
		memcpy(ret_passed->fd, CMSG_DATA(head), bytes);
	}
	return n;
}

/* False: the agent has gone. */
static bool take_order(struct helper *h)
{
	struct passed passed;
	ssize_t n = receive_order(h, &passed);
	struct exec_order order;

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n == 0)
		return false;
	if ((size_t)n < sizeof order)
		return true;
	memcpy(&order, h->order, sizeof order);
	if ((size_t)n > sizeof h->order)
		report_unstarted(h, order.operation, EMSGSIZE);
	else if (order.kind == EXEC_ORDER_RUN)
		order_run(h, &order, (char *)h->order + sizeof order, (char *)h->order + n,
			  &passed);
	else if (order.kind == EXEC_ORDER_SIGNAL)
		order_signal(h, &order);
	for (unsigned int i = 0; i < passed.n; i++)
		(void)close(passed.fd[i]); /* the program has its own */
	return true;
}

/* ---- ends ---- */

static void process_ended(struct helper *h, struct process *p, const siginfo_t *si)
{
	struct exec_report r = {
		.operation = p->operation, .code = si->si_code, .status = si->si_status};
	siginfo_t reaped;

	/* Still a zombie, so its number means its group and nobody else's. */
	if (p->ended_by_us)
		(void)kill(-p->pid, SIGKILL); /* -ESRCH: nobody else was in it */
	(void)waitid(P_PID, (id_t)p->pid, &reaped, WEXITED | WNOHANG);
	if (!exec_failure_read(p->failure_fd, &r.failure))
		r.failure = (struct exec_failure){0};
	report(h, &r);
}

static void reap(struct helper *h)
{
	struct signalfd_siginfo ignored;
	struct process **at = &h->processes;

	while (read(h->signals, &ignored, sizeof ignored) > 0)
		; /* one signal may stand for many ends: each process is looked at */
	while (*at) {
		struct process *p = *at;
		siginfo_t si = {0};

		if (waitid(P_PID, (id_t)p->pid, &si, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		    si.si_pid != p->pid) {
			at = &p->next;
			continue;
		}
		process_ended(h, p, &si);
		*at = p->next;
		(void)close(p->failure_fd); /* only ever read */
		free(p);
	}
}

/* ---- life ---- */

static _Noreturn void run(struct helper *h)
{
	struct pollfd fds[] = {{.fd = h->socket, .events = POLLIN},
			       {.fd = h->signals, .events = POLLIN}};

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			_exit(1);
		if (fds[1].revents)
			reap(h);
		if (fds[0].revents && !take_order(h))
			_exit(0); /* what runs goes on; the next agent stops it */
	}
}

/* In the new process: keeps nothing of the agent's but standard error and the socket. */
static _Noreturn void become_helper(int socket)
{
	static struct helper helper;
	sigset_t set;

	(void)prctl(PR_SET_NAME, "holdfast-exec");
	if (socket != SOCKET_FD && dup3(socket, SOCKET_FD, O_CLOEXEC) < 0)
		_exit(1);
	if (close_range(SOCKET_FD + 1, ~0U, 0) < 0)
		_exit(1);
	/* A terminal's Ctrl-C is for the agent, which leaves in good order. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	helper.socket = SOCKET_FD;
	helper.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (helper.signals < 0)
		_exit(1);
	run(&helper);
}

int exec_helper_start(pid_t *ret_pid, int *ret_fd)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	ours = fds[0];
	theirs = fds[1];
	if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		become_helper(theirs);
	*ret_pid = pid;
	*ret_fd = TAKE_FD(ours);
	return 0;
}
