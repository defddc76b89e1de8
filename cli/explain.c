/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A failover as a timeline: when, how long since the step before, who, what; then the evidence. */
#include "cli/call.h"
#include "cli/field.h"
#include "cli/text.h"
#include "util/time.h"

#define TIMEOUT_US (30 * USEC_PER_SEC)

static size_t origin_width(const json_t *steps)
{
	size_t width = 4;

	for (size_t i = 0; i < json_array_size(steps); i++) {
		size_t n = text_width(field_string(json_array_get(steps, i), "origin"));

		width = n > width ? n : width;
	}
	return width;
}

static void print_steps(struct cli *cli, const json_t *steps)
{
	size_t width = origin_width(steps);
	FILE *out = cli->out;

	fputs("\n       at ms    step ms  ", out);
	text_put_column(out, "node", TEXT_ALL, width);
	fputs("  what\n", out);
	for (size_t i = 0; i < json_array_size(steps); i++) {
		const json_t *step = json_array_get(steps, i);

		fprintf(out, "%12.3f %+10.3f  ", field_number(step, "at_ms"),
			field_number(step, "step_ms"));
		text_put_column(out, field_string(step, "origin"), TEXT_ALL, width);
		fputs("  ", out);
		text_put(out, field_string(step, "what"));
		fputc('\n', out);
	}
}

static void print_list(struct cli *cli, const char *title, const json_t *list)
{
	if (json_array_size(list) == 0)
		return;
	fprintf(cli->out, "\n%s:\n", title);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		fputs("  - ", cli->out);
		text_put(cli->out, text ? text : "?");
		fputc('\n', cli->out);
	}
}

static void print_title(struct cli *cli, const json_t *reply)
{
	const char *title = field_string(reply, "title");

	text_color_start(cli->out, cli->color, TEXT_BOLD);
	text_put(cli->out, *title ? title : "(no title)");
	text_color_end(cli->out, cli->color, TEXT_BOLD);
	fputc('\n', cli->out);
}

enum cli_exit cli_explain(struct cli *cli, const struct cli_args *args)
{
	_cleanup_json_ json_t *reply = NULL;
	json_t *parameters = json_object();
	uint64_t number = 0;
	enum cli_exit code;

	code = cli_number(cli, args, "event", &number);
	if (code == CLI_OK && cli_has(args, "event") && args->arg[0])
		code = cli_usage(cli, "give either a group or --event, not both");
	if (code != CLI_OK) {
		json_decref(parameters);
		return code;
	}
	if (args->arg[0])
		(void)json_object_set_new(parameters, "group", json_string(args->arg[0]));
	if (cli_has(args, "event"))
		(void)json_object_set_new(parameters, "number", json_integer((json_int_t)number));
	code = call_agent(cli, "Explain", parameters, TIMEOUT_US, &reply);
	if (code != CLI_OK)
		return code;
	if (cli->json)
		return cli_print_json(cli, json_incref(reply));
	print_title(cli, reply);
	if (json_array_size(field_array(reply, "steps")) > 0)
		print_steps(cli, field_array(reply, "steps"));
	print_list(cli, "Evidence", field_array(reply, "evidence"));
	print_list(cli, "Now", field_array(reply, "waits"));
	return CLI_OK;
}
