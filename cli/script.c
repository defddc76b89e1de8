/* SPDX-License-Identifier: GPL-3.0-or-later */
/* script run: on the server whose agent is asked. */
#include "cli/call.h"
#include "cli/field.h"
#include "cli/text.h"
#include "util/time.h"

#define SCRIPT_TIMEOUT_US (180 * USEC_PER_SEC)
#define SCRIPT_GRACE_US	  (30 * USEC_PER_SEC) /* for the agent to end it, and to answer */

static enum cli_exit show(struct cli *cli, const char *script, const json_t *reply)
{
	bool timed_out = field_bool(reply, "timed_out");
	json_int_t code = field_integer(reply, "exit_code");
	enum cli_exit written = CLI_OK;

	if (cli->json)
		written =
			cli_print_json(cli, json_pack("{s:s, s:I, s:b, s:I}", "script", script,
						      "exit_code", code, "timed_out", timed_out,
						      "took_us", field_integer(reply, "took_us")));
	else if (timed_out)
		fprintf(cli->err, "holdfast: script %s did not end in its time: it was killed\n",
			script);
	if (written != CLI_OK)
		return written;
	return timed_out ? CLI_TIMEOUT : (enum cli_exit)(code & 0xff);
}

enum cli_exit cli_script_run(struct cli *cli, const struct cli_args *args)
{
	_cleanup_json_ json_t *reply = NULL;
	uint64_t timeout_us = SCRIPT_TIMEOUT_US;
	enum cli_exit code = cli_time(cli, args, "timeout", &timeout_us);
	json_t *parameters;

	if (code != CLI_OK)
		return code;
	if (timeout_us < USEC_PER_SEC || timeout_us % USEC_PER_SEC)
		return cli_usage(cli, "--timeout needs whole seconds, at least one");
	parameters = json_pack("{s:s, s:I}", "script", args->arg[0], "timeout_s",
			       (json_int_t)(timeout_us / USEC_PER_SEC));
	if (cli_has(args, "log"))
		(void)json_object_set_new(parameters, "log", json_string(cli_value(args, "log")));
	code = call_agent(cli, "ScriptRun", parameters, timeout_us + SCRIPT_GRACE_US, &reply);
	return code == CLI_OK ? show(cli, args->arg[0], reply) : code;
}
