/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands that change what the cluster wants: group start, stop, move; server start, stop. */
#include "cli/call.h"
#include "cli/field.h"
#include "cli/text.h"
#include "util/clock.h"

#include <errno.h>
#include <string.h>

#define ACCEPT_TIMEOUT_US (60 * USEC_PER_SEC)
#define WAIT_TIMEOUT_US	  (300 * USEC_PER_SEC)

struct change {
	const char *method; /* with its interface */
	const char *kind;   /* "group": also the name of its parameter */
	const char *name;
	const char *server; /* NULL: the cluster chooses */
	bool wait;
	ha_time deadline;
};

static json_t *parameters_of(const struct change *change)
{
	json_t *p = json_pack("{s:s}", change->kind, change->name);

	if (p && change->server &&
	    json_object_set_new(p, "server", json_string(change->server)) < 0)
		goto fail;
	if (p && change->wait && json_object_set_new(p, "wait", json_true()) < 0)
		goto fail;
	return p;
fail:
	json_decref(p);
	return NULL;
}

static uint64_t left_us(const struct change *change)
{
	return ha_time_since(change->deadline, clock_boot());
}

static enum cli_exit failed(struct cli *cli, const struct change *change,
			    const struct ctl_client *client, int r)
{
	if (r != -ETIMEDOUT)
		return call_failed(cli, client, r);
	return cli_fail(cli, CLI_TIMEOUT, "Timeout",
			"%s '%s': not %s in time; the command may still be carried out, see "
			"'holdfast status'",
			change->kind, change->name, change->wait ? "finished" : "answered");
}

/* ---- the answer ---- */

static const char *answer_text(const char *answer)
{
	if (strcmp(answer, "accepted") == 0)
		return "accepted by the cluster";
	return strcmp(answer, "nothing-to-do") == 0 ? "nothing to do, it is so already" : answer;
}

static void progress_line(struct cli *cli, const struct change *change, const char *text)
{
	FILE *f = cli->json ? cli->err : cli->out;

	text_put(f, change->kind);
	fputc(' ', f);
	text_put(f, change->name);
	fputs(": ", f);
	text_put(f, text);
	fputc('\n', f);
	fflush(f);
}

static enum cli_exit finish(struct cli *cli, const struct change *change, const json_t *reply)
{
	const char *answer = field_string(reply, "answer");
	bool bad = field_bool(reply, "failed");
	bool done =
		!change->wait || field_bool(reply, "done") || strcmp(answer, "nothing-to-do") == 0;
	enum cli_exit code = !bad && done ? CLI_OK : CLI_FAILED;

	if (cli->json) {
		enum cli_exit written = cli_print_json(
			cli, json_pack("{s:s, s:s, s:s, s:b, s:b}", "command", cli->command,
				       change->kind, change->name, "answer", answer, "done",
				       change->wait && done, "failed", bad));

		return written == CLI_OK ? code : written;
	}
	if (!change->wait)
		progress_line(cli, change, answer_text(answer));
	else if (done && !bad && strcmp(answer, "nothing-to-do") != 0)
		progress_line(cli, change, "done");
	if (bad)
		fprintf(cli->err, "holdfast: %s failed; 'holdfast events' says why\n",
			cli->command);
	else if (!done)
		fprintf(cli->err, "holdfast: %s: the agent stopped reporting before it was done\n",
			cli->command);
	return code;
}

static enum cli_exit change_once(struct cli *cli, const struct change *change,
				 struct ctl_client *client)
{
	_cleanup_json_ json_t *reply = NULL;
	int r = ctl_client_call(client, change->method, parameters_of(change), left_us(change),
				&reply);

	return r < 0 ? failed(cli, change, client, r) : finish(cli, change, reply);
}

/* Progress as it comes; the last reply says how it ended. */
static enum cli_exit change_wait(struct cli *cli, const struct change *change,
				 struct ctl_client *client)
{
	_cleanup_json_ json_t *last = NULL;
	const char *said = NULL; /* in `last` */
	int r;

	r = ctl_client_call_more(client, change->method, parameters_of(change));
	while (r >= 0) {
		json_t *reply = NULL;
		const char *progress;

		r = ctl_client_next(client, left_us(change), &reply);
		if (r <= 0)
			break;
		progress = field_string(reply, "progress");
		if (!*progress && !said)
			progress = answer_text(field_string(reply, "answer"));
		if (*progress && (!said || strcmp(said, progress) != 0))
			progress_line(cli, change, progress);
		json_decref(last);
		last = reply;
		said = progress;
		if (field_bool(reply, "done") || field_bool(reply, "failed"))
			break;
	}
	if (r < 0)
		return failed(cli, change, client, r);
	return finish(cli, change, last);
}

static enum cli_exit run_change(struct cli *cli, const struct cli_args *args, struct change *change)
{
	_cleanup_client_ struct ctl_client *client = NULL;
	uint64_t timeout_us;
	enum cli_exit code;

	change->wait = cli_has(args, "wait");
	timeout_us = change->wait ? WAIT_TIMEOUT_US : ACCEPT_TIMEOUT_US;
	code = cli_time(cli, args, "timeout", &timeout_us);
	if (code != CLI_OK)
		return code;
	change->deadline = ha_time_add(clock_boot(), timeout_us);
	code = call_connect(cli, &client);
	if (code != CLI_OK)
		return code;
	return change->wait ? change_wait(cli, change, client) : change_once(cli, change, client);
}

static enum cli_exit change_group(struct cli *cli, const struct cli_args *args, const char *method)
{
	struct change change = {
		.method = method, .kind = "group", .name = args->arg[0], .server = args->arg[1]};

	return run_change(cli, args, &change);
}

enum cli_exit cli_group_start(struct cli *cli, const struct cli_args *args)
{
	return change_group(cli, args, AGENT_INTERFACE "GroupStart");
}

enum cli_exit cli_group_stop(struct cli *cli, const struct cli_args *args)
{
	return change_group(cli, args, AGENT_INTERFACE "GroupStop");
}

enum cli_exit cli_group_move(struct cli *cli, const struct cli_args *args)
{
	return change_group(cli, args, AGENT_INTERFACE "GroupMove");
}

enum cli_exit cli_server_start(struct cli *cli, const struct cli_args *args)
{
	struct change change = {
		.method = AGENT_INTERFACE "ServerStart", .kind = "server", .name = args->arg[0]};

	return run_change(cli, args, &change);
}

/* ---- server stop asks first ---- */

/* Whether a server other than `but` that may host the group is up. */
static bool has_other_place(const json_t *status, const json_t *group, const char *but)
{
	const json_t *names = field_array(group, "servers");

	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		const json_t *server = name ? field_find(status, "servers", name) : NULL;

		if (server && strcmp(name, but) != 0 &&
		    strcmp(field_string(server, "status"), "Online") == 0)
			return true;
	}
	return false;
}

/* Prints what happens to the groups there. Returns how many there are. */
static size_t print_affected(struct cli *cli, const json_t *status, const char *name)
{
	const json_t *groups = field_array(status, "groups");
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(groups); i++) {
		const json_t *group = json_array_get(groups, i);

		if (strcmp(field_string(group, "current"), name) != 0)
			continue;
		n++;
		fputs("  group ", cli->err);
		text_put(cli->err, field_string(group, "name"));
		fputs(has_other_place(status, group, name)
			      ? " will move to another server\n"
			      : " will STOP: no other server can take it\n",
		      cli->err);
	}
	return n;
}

static enum cli_exit confirm(struct cli *cli, const char *name)
{
	_cleanup_json_ json_t *status = NULL;
	char line[16];
	enum cli_exit code;

	code = call_status(cli, &status);
	if (code != CLI_OK)
		return code;
	if (print_affected(cli, status, name) == 0)
		return CLI_OK;
	if (!cli->interactive)
		return cli_fail(cli, CLI_USAGE, "NotConfirmed",
				"server '%s' runs groups: to stop it without a terminal, say --yes",
				name);
	fputs("Stop server ", cli->err);
	text_put(cli->err, name);
	fputs("? [y/N] ", cli->err);
	fflush(cli->err);
	if (fgets(line, sizeof(line), cli->in) && (line[0] == 'y' || line[0] == 'Y'))
		return CLI_OK;
	return cli_fail(cli, CLI_FAILED, "NotConfirmed", "nothing was changed");
}

enum cli_exit cli_server_stop(struct cli *cli, const struct cli_args *args)
{
	struct change change = {
		.method = AGENT_INTERFACE "ServerStop", .kind = "server", .name = args->arg[0]};

	if (!cli_has(args, "yes")) {
		enum cli_exit code = confirm(cli, args->arg[0]);

		if (code != CLI_OK)
			return code;
	}
	return run_change(cli, args, &change);
}
