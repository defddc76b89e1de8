/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/fence_process.h"

#include "util/clock.h"
#include "util/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define FLOOD_BYTES	 (4U * 1024 * 1024) /* more than any fence agent has to say */
#define READS_A_TURN	 16
#define KILL_GRACE_US	 USEC_PER_SEC /* from SIGKILL until it is given up */
#define STRAY_ROUNDS	 8
#define STRAY_MS	 100
#define EXIT_NOT_RUN	 126
#define EXIT_NO_PREPARED 125

/* In the child, after fork. */
static _Noreturn void become(const struct fence_command *command, int in, int out, pid_t parent)
{
	static char flag[] = "-o", path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char home[] = "HOME=/root", locale[] = "LC_ALL=C.UTF-8";
	char *const env[] = {path, home, locale, NULL};
	char *const argv[] = {(char *)(uintptr_t)command->path, command->argument ? flag : NULL,
			      (char *)(uintptr_t)command->argument, NULL};
	struct sigaction standard = {.sa_handler = SIG_DFL};
	sigset_t none;

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_NO_PREPARED);
	for (int s = 1; s < SIGRTMIN; s++)
		(void)sigaction(s, &standard, NULL); /* fails for those that cannot be caught */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(out, STDERR_FILENO) < 0 || chdir("/") < 0 ||
	    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		_exit(EXIT_NO_PREPARED);
	(void)execve(command->path, argv, env);
	_exit(EXIT_NOT_RUN);
}

/* *ret_fd: the end from which the program reads it. */
static int fill_input(const struct fence_command *command, int *ret_fd)
{
	_cleanup_close_ int in = -1, out = -1;
	struct iovec parts[2] = {
		{(void *)(uintptr_t)command->head, strlen(command->head)},
		{(void *)(uintptr_t)command->body, strlen(command->body)},
	};
	size_t size = parts[0].iov_len + parts[1].iov_len;
	int fds[2];

	if (size > FENCE_INPUT_MAX)
		return -E2BIG;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	in = fds[0];
	out = fds[1];
	if (writev(out, parts, 2) != (ssize_t)size)
		return -EIO;
	*ret_fd = TAKE_FD(in);
	return 0;
}

static int start(struct fence_process *p, const struct fence_command *command)
{
	_cleanup_close_ int in = -1, read_fd = -1, write_fd = -1;
	pid_t parent = getpid();
	int fds[2], r = fill_input(command, &in);

	if (r < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	read_fd = fds[0];
	write_fd = fds[1];
	if (fcntl(read_fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	p->pid = fork();
	if (p->pid < 0) {
		p->pid = 0;
		return -errno;
	}
	if (p->pid == 0)
		become(command, in, write_fd, parent);
	(void)setpgid(p->pid, p->pid); /* both sides, whoever comes first */
	p->output_fd = TAKE_FD(read_fd);
	p->pidfd = pidfd_open(p->pid, 0);
	return p->pidfd < 0 ? -errno : 0;
}

static void finish(struct fence_process *p, enum fence_end_kind end, int code)
{
	if (p->pidfd >= 0)
		(void)close(TAKE_FD(p->pidfd));
	if (p->output_fd >= 0)
		(void)close(TAKE_FD(p->output_fd));
	p->pid = 0;
	p->end = end;
	p->code = code;
	p->took_us = ha_time_since(clock_boot(), p->started);
}

void fence_process_start(struct fence_process *p, const struct fence_command *command,
			 struct fence_output *output)
{
	int r;

	*p = (struct fence_process){.pidfd = -1,
				    .output_fd = -1,
				    .started = clock_boot(),
				    .until = command->until,
				    .output = output};
	output->n = 0;
	output->total = 0;
	r = start(p, command);
	if (r < 0) {
		fence_process_kill(p); /* forked, but out of sight */
		finish(p, FENCE_ENDED_ERROR, -r);
	}
}

void fence_process_kill(struct fence_process *p)
{
	if (p->pid <= 0)
		return;
	if (kill(-p->pid, SIGKILL) < 0)
		(void)kill(p->pid, SIGKILL);
	p->killed = true;
	p->give_up = ha_time_add(clock_boot(), KILL_GRACE_US);
}

static void take_output(struct fence_process *p)
{
	char data[8192];

	for (int i = 0; i < READS_A_TURN; i++) {
		ssize_t n = read(p->output_fd, data, sizeof data);

		if (n > 0)
			fence_output_add(p->output, data, (size_t)n);
		if (n == (ssize_t)sizeof data || (n < 0 && errno == EINTR))
			continue;
		if (n == 0) { /* it is not asked for any more: it has closed its output */
			(void)close(TAKE_FD(p->output_fd));
			break;
		}
		if (n < 0)
			break;
	}
	explicit_bzero(data, sizeof data); /* it may have printed a secret */
}

/* True: it has ended. */
static bool reap(struct fence_process *p)
{
	siginfo_t si = {0}, reaped;

	if (waitid(P_PID, (id_t)p->pid, &si, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	    si.si_pid != p->pid)
		return false;
	if (p->output_fd >= 0)
		take_output(p);
	/* Still a zombie, so its number means its group and nobody else's. */
	(void)kill(-p->pid, SIGKILL);
	(void)waitid(P_PID, (id_t)p->pid, &reaped, WEXITED | WNOHANG);
	if (p->killed)
		finish(p, p->flood ? FENCE_ENDED_FLOOD : FENCE_ENDED_LATE, 0);
	else if (si.si_code != CLD_EXITED)
		finish(p, FENCE_ENDED_SIGNAL, si.si_status);
	else if (si.si_status == EXIT_NOT_RUN && p->output->total == 0)
		finish(p, FENCE_ENDED_ERROR, ENOEXEC);
	else
		finish(p, FENCE_ENDED_EXIT, si.si_status);
	return true;
}

void fence_process_serve(struct fence_process *p, ha_time now)
{
	if (p->pid <= 0)
		return;
	if (p->output_fd >= 0)
		take_output(p);
	if (reap(p))
		return;
	if (p->killed) {
		if (ha_time_reached(p->give_up, now)) /* it hangs in the kernel */
			finish(p, FENCE_ENDED_LATE, 0);
	} else if (p->output->total > FLOOD_BYTES) {
		fence_process_kill(p);
		p->flood = true;
	} else if (ha_time_reached(p->until, now)) {
		fence_process_kill(p);
	}
}

ha_time fence_process_deadline(const struct fence_process *p)
{
	if (p->pid <= 0)
		return HA_TIME_NEVER;
	return p->killed ? p->give_up : p->until;
}

void fence_process_describe(const struct fence_process *p, char *text, size_t size)
{
	switch (p->end) {
	case FENCE_ENDED_EXIT:
		(void)snprintf(text, size, "exit code %d", p->code);
		break;
	case FENCE_ENDED_SIGNAL:
		(void)snprintf(text, size, "ended by signal %d", p->code);
		break;
	case FENCE_ENDED_LATE:
		(void)snprintf(text, size, "no end within %.1f s: killed",
			       (double)ha_time_since(p->until, p->started) / USEC_PER_SEC);
		break;
	case FENCE_ENDED_FLOOD:
		(void)snprintf(text, size, "killed, since it prints without end");
		break;
	case FENCE_ENDED_ERROR:
		(void)snprintf(text, size, "it cannot be run: %s", strerror(p->code));
		break;
	case FENCE_ENDED_NOT:
	default:
		(void)snprintf(text, size, "it has not ended");
		break;
	}
}

static void kill_stray(pid_t pid)
{
	_cleanup_close_ int pidfd = pidfd_open(pid, 0);
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};

	(void)kill(pid, SIGKILL);
	(void)poll(&ended, 1, STRAY_MS);
	(void)waitpid(pid, NULL, WNOHANG);
}

/* A fence agent may have made sessions of its own: as a subreaper this process is the parent of
 * those whose parent has ended. They may have children in turn: it goes on while it finds some. */
void fence_process_kill_strays(void)
{
	char path[64], text[4096];

	(void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	for (int round = 0; round < STRAY_ROUNDS; round++) {
		_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
		char *rest = text;

		if (n <= 0)
			return;
		text[n] = '\0';
		for (char *word; (word = strsep(&rest, " \n"));) {
			uint64_t pid;

			if (parse_u64(word, 2, INT32_MAX, &pid) >= 0)
				kill_stray((pid_t)pid);
		}
	}
}
