/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"
#include "cli/text.h"
#include "include/hb.h"

#include <errno.h>
#include <string.h>

enum cli_exit cli_keygen(struct cli *cli, const struct cli_args *args)
{
	bool rotate = cli_has(args, "rotate");
	const char *file = args->arg[0];
	char error[HB_ERROR_SIZE] = "";
	int r;

	r = hb_keys_generate(file, rotate, error);
	if (r == -EEXIST)
		return cli_fail(cli, CLI_FAILED, "Exists",
				"'%s' exists; to put a new key in front of its present one, say "
				"--rotate",
				file);
	if (r < 0)
		return cli_fail(cli, r == -EACCES || r == -EPERM ? CLI_DENIED : CLI_FAILED, "Error",
				"%s", *error ? error : strerror(-r));
	if (cli->json)
		return cli_print_json(cli,
				      json_pack("{s:s, s:b}", "file", file, "rotated", rotate));
	text_put(cli->out, file);
	fputs(rotate ? ": new key added, the former one is still accepted; copy the file to every "
		       "node\n"
		     : ": key written, readable by its owner only; copy the file to every node\n",
	      cli->out);
	return CLI_OK;
}
