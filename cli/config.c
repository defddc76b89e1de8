/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config check: is done by holdfastd itself, so that there is one judge. config show. */
#include "cli/call.h"
#include "cli/daemon.h"
#include "cli/field.h"
#include "cli/text.h"

#include <limits.h>
#include <string.h>

enum cli_exit cli_config_check(struct cli *cli, const struct cli_args *args)
{
	char file[PATH_MAX + 3];
	char *argv[] = {(char *)DAEMON, (char *)"--check", file,
			cli->json ? (char *)"--json" : NULL, NULL};

	if (strlen(args->arg[0]) >= PATH_MAX)
		return cli_fail(cli, CLI_USAGE, "TooLong", "the file name is too long");
	/* A name that begins with '-' must not become an option of the daemon. */
	snprintf(file, sizeof(file), "%s%s", args->arg[0][0] == '-' ? "./" : "", args->arg[0]);
	return daemon_exec(cli, argv);
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
