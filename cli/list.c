/* SPDX-License-Identifier: GPL-3.0-or-later */
/* group list, resource list, monitor list, server list: one line each, the name first, for people,
 * awk and completions. */
#include "cli/call.h"
#include "cli/field.h"
#include "cli/render.h"
#include "cli/text.h"

#include <string.h>

struct column {
	const char *title;
	void (*print)(const struct render *render, const json_t *row);
	size_t width;
};

struct list {
	const char *member; /* of the Status object */
	const char *kind;
	const char *error;
	struct column columns[6]; /* ended by a NULL title */
};

static void print_name(const struct render *render, const json_t *row)
{
	text_put(render->out, field_string(row, "name"));
}

static void print_status(const struct render *render, const json_t *row)
{
	render_status(render, field_string(row, "status"), 0);
}

static void print_current(const struct render *render, const json_t *row)
{
	const char *current = field_string(row, "current");

	text_put(render->out, *current ? current : "None");
}

static void print_member(const struct render *render, const json_t *row, const char *name)
{
	const char *text = field_string(row, name);

	text_put(render->out, *text ? text : "-");
}

static void print_wanted(const struct render *render, const json_t *row)
{
	print_member(render, row, "wanted");
}

static void print_state(const struct render *render, const json_t *row)
{
	print_member(render, row, "state");
}

static void print_mode(const struct render *render, const json_t *row)
{
	print_member(render, row, "mode");
}

static void print_servers(const struct render *render, const json_t *row)
{
	const json_t *names = field_array(row, "servers");

	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));

		fputs(i > 0 ? "," : "", render->out);
		text_put(render->out, name ? name : "?");
	}
}

static void print_role(const struct render *render, const json_t *row)
{
	fputs(field_bool(row, "hosts") ? "host" : "witness", render->out);
	fputs(field_bool(row, "self") ? ",self" : "", render->out);
}

static void print_group(const struct render *render, const json_t *row)
{
	print_member(render, row, "group");
}

static void print_type(const struct render *render, const json_t *row)
{
	print_member(render, row, "type");
}

static void print_recovery(const struct render *render, const json_t *row)
{
	print_member(render, row, "recovery");
}

/* What it says on each server, without blanks. */
static void print_places(const struct render *render, const json_t *row)
{
	const json_t *servers = field_array(render->status, "servers");
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(servers); i++) {
		const json_t *server = json_array_get(servers, i);
		const char *word = render_monitor_on(row, server, NULL);

		if (!*word)
			continue;
		fputs(n++ > 0 ? "," : "", render->out);
		text_put(render->out, field_string(server, "name"));
		fputc('=', render->out);
		render_status(render, word, 0);
	}
}

/* Columns that a cell takes without its colour. */
static size_t cell_width(const struct render *render, const struct column *column,
			 const json_t *row)
{
	_cleanup_free_ char *text = NULL;
	struct render plain = {.status = render->status};
	size_t n = 0;

	plain.out = open_memstream(&text, &n);
	if (!plain.out)
		return 0;
	column->print(&plain, row);
	return fclose(plain.out) == 0 ? text_width(text) : 0;
}

static void measure(const struct render *render, struct list *list, const json_t *rows)
{
	for (struct column *c = list->columns; c->title; c++) {
		c->width = strlen(c->title);
		for (size_t i = 0; i < json_array_size(rows); i++) {
			size_t n = cell_width(render, c, json_array_get(rows, i));

			c->width = n > c->width ? n : c->width;
		}
	}
}

static void print_row(const struct render *render, const struct list *list, const json_t *row)
{
	for (const struct column *c = list->columns; c->title; c++) {
		size_t n = row ? cell_width(render, c, row) : strlen(c->title);

		if (row)
			c->print(render, row);
		else
			fputs(c->title, render->out);
		if (c[1].title)
			text_put_repeated(render->out, ' ', c->width - n + 2);
	}
	fputc('\n', render->out);
}

/* All rows, or the one that is named. */
static json_t *select_rows(const json_t *status, const struct list *list, const char *name)
{
	const json_t *all = field_array(status, list->member);
	json_t *rows = json_array();

	for (size_t i = 0; i < json_array_size(all); i++) {
		json_t *row = json_array_get(all, i);

		if (!name || strcmp(field_string(row, "name"), name) == 0)
			(void)json_array_append(rows, row);
	}
	return rows;
}

static enum cli_exit run_list(struct cli *cli, const struct cli_args *args, struct list *list)
{
	_cleanup_json_ json_t *status = NULL, *rows = NULL;
	struct render render = {.out = cli->out, .color = cli->color};
	const char *name = args->arg[0];
	enum cli_exit code;

	code = call_status(cli, &status);
	if (code != CLI_OK)
		return code;
	render.status = status;
	rows = select_rows(status, list, name);
	if (name && json_array_size(rows) == 0)
		return cli_fail(cli, CLI_FAILED, list->error, "there is no %s '%s'", list->kind,
				name);
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:O}", list->member, rows));
	measure(&render, list, rows);
	print_row(&render, list, NULL);
	for (size_t i = 0; i < json_array_size(rows); i++)
		print_row(&render, list, json_array_get(rows, i));
	return CLI_OK;
}

enum cli_exit cli_group_list(struct cli *cli, const struct cli_args *args)
{
	struct list list = {.member = "groups",
			    .kind = "group",
			    .error = "NoSuchGroup",
			    .columns = {{"NAME", print_name, 0},
					{"STATUS", print_status, 0},
					{"CURRENT", print_current, 0},
					{"WANTED", print_wanted, 0},
					{"SERVERS", print_servers, 0}}};

	return run_list(cli, args, &list);
}

enum cli_exit cli_resource_list(struct cli *cli, const struct cli_args *args)
{
	struct list list = {.member = "resources",
			    .kind = "resource",
			    .error = "NoSuchResource",
			    .columns = {{"NAME", print_name, 0},
					{"STATUS", print_status, 0},
					{"CURRENT", print_current, 0},
					{"TYPE", print_type, 0},
					{"GROUP", print_group, 0}}};

	return run_list(cli, args, &list);
}

enum cli_exit cli_monitor_list(struct cli *cli, const struct cli_args *args)
{
	struct list list = {.member = "monitors",
			    .kind = "monitor",
			    .error = "NoSuchMonitor",
			    .columns = {{"NAME", print_name, 0},
					{"STATUS", print_status, 0},
					{"TYPE", print_type, 0},
					{"RECOVERS", print_recovery, 0},
					{"SERVERS", print_places, 0}}};

	return run_list(cli, args, &list);
}

enum cli_exit cli_server_list(struct cli *cli, const struct cli_args *args)
{
	struct list list = {.member = "servers",
			    .kind = "server",
			    .error = "NoSuchServer",
			    .columns = {{"NAME", print_name, 0},
					{"STATUS", print_status, 0},
					{"STATE", print_state, 0},
					{"MODE", print_mode, 0},
					{"ROLE", print_role, 0}}};

	return run_list(cli, args, &list);
}
