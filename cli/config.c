/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config check, import: done by holdfastd itself, so that there is one judge. config show. */
#include "cli/call.h"
#include "cli/daemon.h"
#include "cli/field.h"
#include "cli/text.h"

#include <limits.h>
#include <string.h>

#define FILE_SIZE (PATH_MAX + 3)

/* A name that begins with '-' must not become an option of the daemon. */
static enum cli_exit file_name(struct cli *cli, const char *name, char out[FILE_SIZE])
{
	if (strlen(name) >= PATH_MAX)
		return cli_fail(cli, CLI_USAGE, "TooLong", "the file name is too long");
	snprintf(out, FILE_SIZE, "%s%s", name[0] == '-' ? "./" : "", name);
	return CLI_OK;
}

enum cli_exit cli_config_check(struct cli *cli, const struct cli_args *args)
{
	char file[FILE_SIZE];
	char *argv[] = {(char *)DAEMON, (char *)"--check", file,
			cli->json ? (char *)"--json" : NULL, NULL};
	enum cli_exit code = file_name(cli, args->arg[0], file);

	return code == CLI_OK ? daemon_exec(cli, argv) : code;
}

enum cli_exit cli_import(struct cli *cli, const struct cli_args *args)
{
	const char *output = cli_value(args, "output");
	char file[FILE_SIZE], out[FILE_SIZE];
	char *argv[] = {(char *)DAEMON,
			(char *)"--import",
			file,
			output ? (char *)"--output" : NULL,
			out,
			NULL};
	enum cli_exit code = file_name(cli, args->arg[0], file);

	if (code == CLI_OK && output)
		code = file_name(cli, output, out);
	if (code == CLI_OK && cli->json)
		code = cli_fail(cli, CLI_USAGE, "NoJson",
				"its result is a configuration: there is no --json");
	return code == CLI_OK ? daemon_exec(cli, argv) : code;
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
