/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a stop of servers does to what runs: said before it is done. */
#include "cli/call.h"
#include "cli/change.h"
#include "cli/field.h"
#include "cli/text.h"

#include <string.h>

static bool has_name(const json_t *names, const char *wanted)
{
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));

		if (name && strcmp(name, wanted) == 0)
			return true;
	}
	return false;
}

static bool is_on(const json_t *group, const char *server)
{
	return strcmp(field_string(group, "current"), server) == 0;
}

/* Whether a group that a rule of this kind keeps apart from `group` is on `server`. */
static bool excluded(const json_t *status, const json_t *group, const char *server,
		     const char *kind)
{
	const json_t *rules = field_array(group, "exclusions");

	for (size_t i = 0; i < json_array_size(rules); i++) {
		const char *name = json_string_value(json_array_get(rules, i));
		const json_t *rule = field_find(status, "exclusions", name ? name : "");
		const json_t *groups = field_array(rule, "groups");

		if (strcmp(field_string(rule, "kind"), kind) != 0)
			continue;
		for (size_t k = 0; k < json_array_size(groups); k++) {
			const char *other = json_string_value(json_array_get(groups, k));
			const json_t *row = field_find(status, "groups", other ? other : "");

			if (row && row != group && is_on(row, server))
				return true;
		}
	}
	return false;
}

static bool can_take(const json_t *status, const json_t *group, const json_t *server)
{
	const char *name = field_string(server, "name");

	return strcmp(field_string(server, "state"), "member") == 0 &&
	       strcmp(field_string(server, "mode"), "online") == 0 &&
	       !has_name(field_array(group, "failed_on"), name) &&
	       json_array_size(field_array(server, "critical_in_error")) == 0 &&
	       !excluded(status, group, name, "absolute");
}

/* Lower is better: the order in which the cluster itself would look (rules G5 and G11). */
static unsigned int disadvantage(const json_t *status, const json_t *group, const json_t *server)
{
	unsigned int points = 0;

	if (excluded(status, group, field_string(server, "name"), "normal"))
		points += 2;
	if (json_array_size(field_array(server, "monitors_in_error")) > 0)
		points++;
	return points;
}

const char *confirm_next_place(const json_t *status, const json_t *group, const char *but)
{
	const json_t *names = field_array(group, "servers");
	unsigned int least = UINT32_MAX;
	const char *best = NULL;

	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		const json_t *server = name ? field_find(status, "servers", name) : NULL;

		if (!server || strcmp(name, but) == 0 || !can_take(status, group, server) ||
		    disadvantage(status, group, server) >= least)
			continue;
		least = disadvantage(status, group, server);
		best = name;
	}
	return best;
}

static void print_group(struct cli *cli, const json_t *status, const json_t *group,
			const struct confirm *confirm)
{
	const char *to =
		confirm->server ? confirm_next_place(status, group, confirm->server) : NULL;

	fputs("  group ", cli->err);
	text_put(cli->err, field_string(group, "name"));
	if (to) {
		fputs(" will move to ", cli->err);
		text_put(cli->err, to);
		fputc('\n', cli->err);
	} else {
		fputs(confirm->server ? " will STOP: no other server can take it\n"
				      : " will STOP\n",
		      cli->err);
	}
}

/* Returns how many there are. */
static size_t print_groups(struct cli *cli, const json_t *status, const struct confirm *confirm)
{
	const json_t *groups = field_array(status, "groups");
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(groups); i++) {
		const json_t *group = json_array_get(groups, i);

		if (confirm->server ? !is_on(group, confirm->server) : is_on(group, ""))
			continue;
		n++;
		print_group(cli, status, group, confirm);
	}
	return n;
}

static void print_machines(struct cli *cli, const json_t *status, const struct confirm *confirm)
{
	const json_t *servers = field_array(status, "servers");

	for (size_t i = 0; i < json_array_size(servers) && confirm->power; i++) {
		const json_t *server = json_array_get(servers, i);
		const char *name = field_string(server, "name");

		if (confirm->server && strcmp(name, confirm->server) != 0)
			continue;
		if (strcmp(field_string(server, "status"), "Offline") == 0)
			continue;
		fputs("  server ", cli->err);
		text_put(cli->err, name);
		fprintf(cli->err, " will be %s\n", confirm->power);
	}
}

enum cli_exit confirm_ask(struct cli *cli, const struct confirm *confirm)
{
	char line[16];

	if (!cli->interactive)
		return cli_fail(cli, CLI_USAGE, "NotConfirmed",
				"'%s' was not confirmed: to do this without a terminal, say --yes",
				cli->command);
	fprintf(cli->err, "%s %s", confirm->verb, confirm->server ? "server " : "the cluster");
	text_put(cli->err, confirm->server ? confirm->server : "");
	fputs("? [y/N] ", cli->err);
	fflush(cli->err);
	if (fgets(line, sizeof(line), cli->in) && (line[0] == 'y' || line[0] == 'Y'))
		return CLI_OK;
	return cli_fail(cli, CLI_FAILED, "NotConfirmed", "nothing was changed");
}

enum cli_exit confirm_change(struct cli *cli, const struct cli_args *args,
			     const struct confirm *confirm)
{
	_cleanup_json_ json_t *status = NULL;
	enum cli_exit code;

	if (cli_has(args, "yes"))
		return CLI_OK;
	code = call_status(cli, &status);
	if (code != CLI_OK)
		return code;
	if (confirm->server && !field_find(status, "servers", confirm->server))
		return CLI_OK; /* the agent says so */
	if (print_groups(cli, status, confirm) == 0 && confirm->server && !confirm->power)
		return CLI_OK;
	print_machines(cli, status, confirm);
	return confirm_ask(cli, confirm);
}
