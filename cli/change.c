/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/change.h"

#include "cli/call.h"
#include "cli/field.h"
#include "cli/text.h"
#include "util/clock.h"

#include <errno.h>
#include <string.h>

#define ACCEPT_TIMEOUT_US (60 * USEC_PER_SEC)
#define WAIT_TIMEOUT_US	  (300 * USEC_PER_SEC)
#define METHOD_SIZE	  96

static json_t *parameters_of(const struct change *change)
{
	json_t *p = change->more ? json_incref(change->more) : json_object();

	if (p && change->parameter &&
	    json_object_set_new(p, change->parameter, json_string(change->name)) < 0)
		goto fail;
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

static void method_name(const struct change *change, char name[METHOD_SIZE])
{
	snprintf(name, METHOD_SIZE, AGENT_INTERFACE "%s", change->method);
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
			"%s%s%s%s: not %s in time; the command may still be carried out, see "
			"'holdfast status'",
			change->kind, change->name ? " '" : "", change->name ? change->name : "",
			change->name ? "'" : "", change->wait ? "finished" : "answered");
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
	fputs(change->name ? " " : "", f);
	text_put(f, change->name ? change->name : "");
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
		json_t *json = json_pack("{s:s, s:s, s:b, s:b}", "command", cli->command, "answer",
					 answer, "done", change->wait && done, "failed", bad);
		enum cli_exit written;

		if (json && change->parameter)
			(void)json_object_set_new(json, change->parameter,
						  json_string(change->name));
		written = cli_print_json(cli, json);
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
	char method[METHOD_SIZE];
	int r;

	method_name(change, method);
	r = ctl_client_call(client, method, parameters_of(change), left_us(change), &reply);

	return r < 0 ? failed(cli, change, client, r) : finish(cli, change, reply);
}

/* Progress as it comes; the last reply says how it ended. */
static enum cli_exit change_wait(struct cli *cli, const struct change *change,
				 struct ctl_client *client)
{
	_cleanup_json_ json_t *last = NULL;
	const char *said = NULL; /* in `last` */
	char method[METHOD_SIZE];
	int r;

	method_name(change, method);
	r = ctl_client_call_more(client, method, parameters_of(change));
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

static enum cli_exit run(struct cli *cli, const struct cli_args *args, struct change *change)
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

enum cli_exit change_run(struct cli *cli, const struct cli_args *args, struct change *change)
{
	enum cli_exit code = run(cli, args, change);

	json_decref(change->more);
	change->more = NULL;
	return code;
}
