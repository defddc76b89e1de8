/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void try_exec(const char *path, char *const argv[], int *result)
{
	(void)execv(path, argv);
	if (errno != ENOENT && errno != ENOTDIR)
		*result = -errno; /* it is there, but cannot be run: worth saying */
}

/* Beside this program: a build tree, or an installation with both in one folder. */
static void exec_beside(char *const argv[], int *result)
{
	char path[PATH_MAX + sizeof(DAEMON)];
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	if (n <= 0)
		return;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return;
	memcpy(slash + 1, DAEMON, sizeof(DAEMON)); /* there is room behind PATH_MAX */
	try_exec(path, argv, result);
}

static int exec_found(char *const argv[])
{
	static const char *const folders[] = {"/usr/sbin/" DAEMON, "/usr/local/sbin/" DAEMON,
					      "/usr/libexec/holdfast/" DAEMON,
					      "/usr/lib/holdfast/" DAEMON};
	int result = -ENOENT;

	exec_beside(argv, &result);
	(void)execvp(DAEMON, argv);
	if (errno != ENOENT && errno != ENOTDIR)
		result = -errno;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		try_exec(folders[i], argv, &result);
	return result;
}

static enum cli_exit not_found(struct cli *cli, int result)
{
	return cli_fail(cli, CLI_FAILED, "NoDaemon",
			"cannot run " DAEMON
			" (searched beside this program, in PATH, /usr/sbin and "
			"/usr/libexec/holdfast): %s",
			strerror(-result));
}

enum cli_exit daemon_exec(struct cli *cli, char *const argv[])
{
	fflush(cli->out);
	fflush(cli->err);
	return not_found(cli, exec_found(argv));
}

/* A file in memory, read from its beginning. */
static int input_file(const json_t *input)
{
	_cleanup_close_ int fd = memfd_create("holdfast-input", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (json_dumpfd(input, fd, JSON_COMPACT) < 0)
		return -EIO;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static enum cli_exit no_process(struct cli *cli, int r)
{
	return cli_fail(cli, CLI_FAILED, "NoProcess", "cannot run " DAEMON ": %s", strerror(-r));
}

enum cli_exit daemon_feed(struct cli *cli, char *const argv[], const json_t *input)
{
	_cleanup_close_ int fd = input_file(input);

	if (fd < 0)
		return no_process(cli, fd);
	if (dup2(fd, STDIN_FILENO) < 0)
		return no_process(cli, -errno);
	return daemon_exec(cli, argv);
}

_Noreturn static void child(char *const argv[], int in, int out)
{
	int result = -EIO;

	if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
		result = exec_found(argv);
	(void)dprintf(STDERR_FILENO, "holdfast: cannot run " DAEMON ": %s\n", strerror(-result));
	_exit(CLI_FAILED);
}

static enum cli_exit read_answer(struct cli *cli, FILE *f, pid_t pid, json_t **ret)
{
	json_error_t error;
	json_t *answer = json_loadf(f, 0, &error);
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		json_decref(answer);
		return cli_fail(cli, CLI_FAILED, "DaemonFailed", "%s did not succeed", DAEMON);
	}
	if (!json_is_object(answer)) {
		json_decref(answer);
		return cli_fail(cli, CLI_FAILED, "DaemonFailed",
				"%s printed something that is not a JSON object", DAEMON);
	}
	*ret = answer;
	return CLI_OK;
}

enum cli_exit daemon_ask(struct cli *cli, char *const argv[], const json_t *input, json_t **ret)
{
	_cleanup_close_ int in = input_file(input);
	enum cli_exit code;
	int ends[2];
	pid_t pid;
	FILE *f;

	if (in < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return no_process(cli, in < 0 ? in : -errno);
	fflush(cli->out);
	fflush(cli->err);
	pid = fork();
	if (pid == 0)
		child(argv, in, ends[1]);
	(void)close(ends[1]);
	f = pid < 0 ? NULL : fdopen(ends[0], "r");
	if (!f) {
		code = no_process(cli, -errno);
		(void)close(ends[0]);
		return code;
	}
	code = read_answer(cli, f, pid, ret);
	(void)fclose(f); /* only read */
	return code;
}
