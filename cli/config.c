/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config check: is done by holdfastd itself, so that there is one judge. config show. */
#include "cli/call.h"
#include "cli/field.h"
#include "cli/text.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define DAEMON "holdfastd"

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

static void exec_in_path(char *const argv[], int *result)
{
	(void)execvp(DAEMON, argv);
	if (errno != ENOENT && errno != ENOTDIR)
		*result = -errno;
}

enum cli_exit cli_config_check(struct cli *cli, const struct cli_args *args)
{
	static const char *const folders[] = {"/usr/sbin/" DAEMON, "/usr/local/sbin/" DAEMON,
					      "/usr/libexec/holdfast/" DAEMON,
					      "/usr/lib/holdfast/" DAEMON};
	char file[PATH_MAX + 3];
	char *argv[] = {(char *)DAEMON, (char *)"--check", file,
			cli->json ? (char *)"--json" : NULL, NULL};
	int result = -ENOENT;

	if (strlen(args->arg[0]) >= PATH_MAX)
		return cli_fail(cli, CLI_USAGE, "TooLong", "the file name is too long");
	/* A name that begins with '-' must not become an option of the daemon. */
	snprintf(file, sizeof(file), "%s%s", args->arg[0][0] == '-' ? "./" : "", args->arg[0]);
	fflush(cli->out);
	fflush(cli->err);
	exec_beside(argv, &result);
	exec_in_path(argv, &result);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		try_exec(folders[i], argv, &result);
	return cli_fail(cli, CLI_FAILED, "NoDaemon",
			"cannot run " DAEMON
			" (searched beside this program, in PATH, /usr/sbin and "
			"/usr/libexec/holdfast): %s",
			strerror(-result));
}

enum cli_exit cli_config_show(struct cli *cli, const struct cli_args *args)
{
	_cleanup_json_ json_t *reply = NULL;
	enum cli_exit code;

	(void)args;
	code = call_agent(cli, "GetConfig", NULL, CALL_TIMEOUT_US, &reply);
	if (code != CLI_OK)
		return code;
	if (cli->json)
		return cli_print_json(cli, json_incref(reply));
	text_put_lines(cli->out, field_string(reply, "text"));
	return CLI_OK;
}
