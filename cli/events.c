/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/call.h"
#include "cli/field.h"
#include "cli/text.h"
#include "util/parse.h"
#include "util/time.h"

#include <errno.h>
#include <string.h>

#define LIMIT_MAX   8192 /* asked for when the filter is applied here */
#define FOLLOW_BACK 10
#define TIMEOUT_US  (30 * USEC_PER_SEC)

static const struct severity {
	const char *name;
	enum text_color color;
} severities[] = {{"info", TEXT_PLAIN},
		  {"notice", TEXT_BOLD},
		  {"warning", TEXT_WARNING},
		  {"error", TEXT_BAD}};

#define SEVERITIES (sizeof(severities) / sizeof(*severities))

struct filter {
	size_t severity; /* index: this and worse */
	uint64_t since, lines;
	bool has_since, has_lines;
};

/* An unknown one, of a newer agent, counts as the worst: rather shown than hidden. */
static size_t severity_of(const char *name)
{
	size_t i = 0;

	while (i < SEVERITIES && strcmp(severities[i].name, name) != 0)
		i++;
	return i;
}

static void print_event(struct cli *cli, const json_t *event)
{
	const char *severity = field_string(event, "severity");
	size_t level = severity_of(severity);
	enum text_color color = level < SEVERITIES ? severities[level].color : TEXT_BAD;

	fprintf(cli->out, "%6" JSON_INTEGER_FORMAT "  ", field_integer(event, "number"));
	text_put_clock(cli->out, field_integer(event, "wall_us"), true);
	fputs("  ", cli->out);
	text_color_start(cli->out, cli->color, color);
	text_put_column(cli->out, severity, TEXT_ALL, 7);
	text_color_end(cli->out, cli->color, color);
	fputs("  ", cli->out);
	text_put_column(cli->out, field_string(event, "origin"), TEXT_ALL, 10);
	fputs("  ", cli->out);
	text_put(cli->out, field_string(event, "message"));
	fputc('\n', cli->out);
}

/* Those that pass the filter, at most filter->lines of the newest. */
static json_t *select_events(const json_t *reply, const struct filter *filter)
{
	const json_t *all = field_array(reply, "events");
	json_t *chosen = json_array();

	for (size_t i = 0; i < json_array_size(all); i++) {
		json_t *event = json_array_get(all, i);

		if (severity_of(field_string(event, "severity")) >= filter->severity)
			(void)json_array_append(chosen, event);
	}
	while (filter->has_lines && json_array_size(chosen) > filter->lines)
		(void)json_array_remove(chosen, 0);
	return chosen;
}

static enum cli_exit print_events(struct cli *cli, const json_t *events, bool stream)
{
	enum cli_exit code = CLI_OK;

	if (cli->json && !stream)
		return cli_print_json(cli, json_pack("{s:O}", "events", events));
	for (size_t i = 0; i < json_array_size(events) && code == CLI_OK; i++) {
		json_t *event = json_array_get(events, i);

		if (cli->json)
			code = cli_print_json(cli, json_incref(event));
		else
			print_event(cli, event);
	}
	if (stream && fflush(cli->out) != 0)
		return CLI_FAILED; /* nobody reads any more */
	return code;
}

/* The number of the newest event in a reply, or `otherwise`. */
static uint64_t newest_number(const json_t *reply, uint64_t otherwise)
{
	const json_t *events = field_array(reply, "events");
	size_t n = json_array_size(events);
	json_int_t number = n > 0 ? field_integer(json_array_get(events, n - 1), "number") : 0;

	return number > 0 ? (uint64_t)number : otherwise;
}

/* Prints what there is. *ret_newest: what has been seen. */
static enum cli_exit show_past(struct cli *cli, const struct filter *filter, bool stream,
			       uint64_t *ret_newest)
{
	_cleanup_json_ json_t *reply = NULL, *events = NULL;
	json_t *parameters = json_object();
	uint64_t limit = filter->severity > 0 ? LIMIT_MAX : filter->lines;
	enum cli_exit code;

	if (filter->has_since)
		(void)json_object_set_new(parameters, "since",
					  json_integer((json_int_t)filter->since));
	if (filter->has_lines || filter->severity > 0)
		(void)json_object_set_new(parameters, "limit",
					  json_integer((json_int_t)(limit > 0 ? limit : 1)));
	code = call_agent(cli, "GetEvents", parameters, TIMEOUT_US, &reply);
	if (code != CLI_OK)
		return code;
	*ret_newest = newest_number(reply, filter->since);
	events = select_events(reply, filter);
	return print_events(cli, events, stream);
}

static enum cli_exit follow(struct cli *cli, const struct filter *filter, uint64_t since)
{
	_cleanup_client_ struct ctl_client *client = NULL;
	const struct filter all_new = {.severity = filter->severity};
	enum cli_exit code;
	int r;

	code = call_connect(cli, &client);
	if (code != CLI_OK)
		return code;
	r = ctl_client_call_more(client, AGENT_INTERFACE "GetEvents",
				 json_pack("{s:I, s:b}", "since", (json_int_t)since, "follow", 1));
	while (r >= 0 && code == CLI_OK) {
		_cleanup_json_ json_t *reply = NULL, *events = NULL;

		r = ctl_client_next(client, UINT64_MAX, &reply);
		if (r <= 0)
			break;
		events = select_events(reply, &all_new);
		code = print_events(cli, events, true);
	}
	if (r < 0)
		return call_failed(cli, client, r);
	return code;
}

static enum cli_exit read_filter(struct cli *cli, const struct cli_args *args, struct filter *ret)
{
	struct filter filter = {.has_since = cli_has(args, "since"),
				.has_lines = cli_has(args, "lines")};
	const char *severity = cli_value(args, "severity");
	enum cli_exit code;

	code = cli_number(cli, args, "since", &filter.since);
	if (code != CLI_OK)
		return code;
	code = cli_number(cli, args, "lines", &filter.lines);
	if (code != CLI_OK)
		return code;
	if (severity) {
		filter.severity = severity_of(severity);
		if (filter.severity == SEVERITIES)
			return cli_usage(cli,
					 "--severity: '%s' is none of info, notice, warning, error",
					 severity);
	}
	*ret = filter;
	return CLI_OK;
}

enum cli_exit cli_events(struct cli *cli, const struct cli_args *args)
{
	bool stream = cli_has(args, "follow");
	struct filter filter = {0};
	uint64_t newest = 0;
	enum cli_exit code;

	code = read_filter(cli, args, &filter);
	if (code != CLI_OK)
		return code;
	cli->json_lines = stream;
	if (stream && !filter.has_since && !filter.has_lines) {
		filter.has_lines = true;
		filter.lines = FOLLOW_BACK;
	}
	code = show_past(cli, &filter, stream, &newest);
	if (code != CLI_OK || !stream)
		return code;
	return follow(cli, &filter, newest);
}
