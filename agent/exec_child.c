/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/exec_child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#define EXIT_NOT_RUN 127 /* what a shell says for the same */
#define FAILURE_FD   3

static const char *const stage_names[EXEC_STAGE_COUNT_] = {
	[EXEC_STAGE_NONE] = "cannot start it",
	[EXEC_STAGE_HELPER] = "the process that starts programs died",
	[EXEC_STAGE_FORK] = "cannot make a process",
	[EXEC_STAGE_SESSION] = "cannot make a session",
	[EXEC_STAGE_OUTPUT] = "cannot open its input and output",
	[EXEC_STAGE_DESCRIPTORS] = "cannot close descriptors",
	[EXEC_STAGE_FIND_USER] = "cannot find its user",
	[EXEC_STAGE_SET_USER] = "cannot become its user",
	[EXEC_STAGE_PROGRAM] = "cannot execute the program",
};

static _Noreturn void fail(int fd, enum exec_stage stage, int error)
{
	struct exec_failure failure = {.stage = (int32_t)stage, .error = error};

	/* Smaller than PIPE_BUF into an empty pipe: whole or, if the agent has gone, not at all. */
	if (write(fd, &failure, sizeof failure) < 0)
		_exit(EXIT_NOT_RUN);
	_exit(EXIT_NOT_RUN);
}

void exec_child_reset(void)
{
	struct sched_param param = {0};
	sigset_t none;
	int fd;

	for (int s = 1; s < NSIG; s++)
		(void)signal(s, SIG_DFL); /* fails for those that cannot be caught: fine */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* Unless the agent itself was started with other values, they are so already. */
	(void)sched_setscheduler(0, SCHED_OTHER, &param);
	(void)setpriority(PRIO_PROCESS, 0, 0);
	(void)umask(022);
	/* The agent may be exempt from the OOM killer; what it starts must not be. */
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "0", 1) < 0)
			(void)lseek(fd, 0, SEEK_SET); /* not allowed: stays as it is */
		(void)close(fd);
	}
}

/* Input from nowhere unless it has one, output to the journal, or where the agent's own messages
 * go. */
static int set_output(const struct exec_program *program)
{
	char identifier[64];
	int in = program->input, out;

	if (in <= 0)
		in = open("/dev/null", O_RDONLY);
	if (in < 0 || dup2(in, STDIN_FILENO) < 0)
		return -errno;
	(void)snprintf(identifier, sizeof identifier, "holdfast-%s", program->name);
	/* Connects to the journal, which may be slow: that is why it is done here. */
	out = sd_journal_stream_fd(identifier, LOG_INFO, 1);
	if (out < 0)
		out = STDERR_FILENO;
	if (dup2(out, STDERR_FILENO) < 0 ||
	    dup2(program->output > 0 ? program->output : out, STDOUT_FILENO) < 0)
		return -errno;
	return 0;
}

static int close_others(int failure_fd)
{
	if (failure_fd != FAILURE_FD && dup3(failure_fd, FAILURE_FD, O_CLOEXEC) < 0)
		return -errno;
	if (close_range(FAILURE_FD + 1, ~0U, 0) < 0)
		return -errno;
	return FAILURE_FD;
}

int exec_child_become_user(const char *name, enum exec_stage *ret_stage)
{
	const struct passwd *user;

	*ret_stage = EXEC_STAGE_FIND_USER;
	errno = 0;
	user = getpwnam(name);
	if (!user)
		return errno > 0 ? -errno : -ENOENT;
	*ret_stage = EXEC_STAGE_SET_USER;
	if (initgroups(user->pw_name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 ||
	    setuid(user->pw_uid) < 0)
		return -errno;
	return 0;
}

void exec_child(const struct exec_program *program, int failure_fd)
{
	enum exec_stage stage = EXEC_STAGE_FIND_USER;
	int r;

	if (setsid() < 0)
		fail(failure_fd, EXEC_STAGE_SESSION, errno);
	exec_child_reset();
	r = set_output(program);
	if (r < 0)
		fail(failure_fd, EXEC_STAGE_OUTPUT, -r);
	r = close_others(failure_fd);
	if (r < 0)
		fail(failure_fd, EXEC_STAGE_DESCRIPTORS, -r);
	failure_fd = r;
	if (chdir("/") < 0)
		fail(failure_fd, EXEC_STAGE_SESSION, errno);
	r = program->user ? exec_child_become_user(program->user, &stage) : 0;
	if (r < 0)
		fail(failure_fd, stage, -r);
	(void)execve(program->argv[0], program->argv, program->env);
	fail(failure_fd, EXEC_STAGE_PROGRAM, errno);
}

bool exec_failure_read(int fd, struct exec_failure *ret)
{
	struct exec_failure failure;

	if (read(fd, &failure, sizeof failure) != (ssize_t)sizeof failure)
		return false;
	if (failure.stage <= EXEC_STAGE_NONE || failure.stage >= EXEC_STAGE_COUNT_)
		return false;
	*ret = failure;
	return true;
}

void exec_failure_describe(const struct exec_failure *failure, char *text, size_t size)
{
	(void)snprintf(text, size, "%s: %s", stage_names[failure->stage], strerror(failure->error));
}
