/* SPDX-License-Identifier: GPL-3.0-or-later */
/* toratio: the factor on timeouts that holds for a limited time. */
#include "cli/call.h"
#include "cli/change.h"
#include "cli/field.h"
#include "cli/text.h"
#include "include/cluster.h"
#include "util/parse.h"

static enum cli_exit read_ratio(struct cli *cli, const struct cli_args *args, uint64_t *ret_ratio,
				uint64_t *ret_us)
{
	const char *ratio = args->arg[0], *text = args->arg[1];
	uint64_t us = 0;

	if (parse_u64(ratio, 1, RATIO_MAX, ret_ratio) < 0)
		return cli_usage(cli, "'%s' is not a ratio from 1 to %d", ratio, RATIO_MAX);
	if (*ret_ratio == 1 && text)
		return cli_usage(cli, "ratio 1 restores the timeouts at once and takes no time");
	if (*ret_ratio > 1 && !text)
		return cli_usage(cli, "a ratio above 1 needs a time, as in 'toratio set %s 2m'",
				 ratio);
	if (text && (parse_duration_us(text, &us) < 0 || us == 0 || us > RATIO_TIME_MAX_US))
		return cli_usage(cli, "'%s' is not a time of up to 30 days: give 2m, 3h or 4d",
				 text);
	*ret_us = us;
	return CLI_OK;
}

enum cli_exit cli_toratio_set(struct cli *cli, const struct cli_args *args)
{
	struct change change = {.method = "RatioSet", .kind = "timeout ratio"};
	uint64_t ratio = 1, us = 0;
	enum cli_exit code;

	code = read_ratio(cli, args, &ratio, &us);
	if (code != CLI_OK)
		return code;
	change.more = json_pack("{s:I}", "ratio", (json_int_t)ratio);
	if (us > 0)
		(void)json_object_set_new(change.more, "time_us", json_integer((json_int_t)us));
	return change_run(cli, args, &change);
}

enum cli_exit cli_toratio_reset(struct cli *cli, const struct cli_args *args)
{
	struct change change = {.method = "RatioReset", .kind = "timeout ratio"};

	return change_run(cli, args, &change);
}

enum cli_exit cli_toratio_show(struct cli *cli, const struct cli_args *args)
{
	_cleanup_json_ json_t *reply = NULL;
	json_int_t left_us;
	enum cli_exit code;

	(void)args;
	code = call_agent(cli, "RatioGet", NULL, CALL_TIMEOUT_US, &reply);
	if (code != CLI_OK)
		return code;
	if (cli->json)
		return cli_print_json(cli, json_incref(reply));
	left_us = field_integer(reply, "left_us");
	fprintf(cli->out, "present toratio : %" JSON_INTEGER_FORMAT "\n",
		field_integer(reply, "ratio"));
	if (left_us > 0) {
		fputs("time left       : ", cli->out);
		text_put_time(cli->out, (uint64_t)left_us);
		fputc('\n', cli->out);
	}
	fprintf(cli->out, "timeout         : %g ms\nlease           : %g ms\n",
		field_number(reply, "timeout_us") / 1000, field_number(reply, "lease_us") / 1000);
	return CLI_OK;
}
