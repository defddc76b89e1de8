/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfast fence: what could switch servers off, and doing it by hand. */
#include "cli/call.h"
#include "cli/change.h"
#include "cli/field.h"
#include "cli/render.h"
#include "cli/text.h"
#include "cli/watch.h"
#include "util/clock.h"

#include <errno.h>
#include <string.h>

#define ORDER_TIMEOUT_US (300 * USEC_PER_SEC)
#define CONFIRM_OPTION	 "i-checked-that-it-is-off"

/* ---- status ---- */

static enum cli_exit fence_status(struct cli *cli, json_t **ret)
{
	enum cli_exit code = call_agent(cli, "FenceStatus", NULL, CALL_TIMEOUT_US, ret);

	return code == CLI_TIMEOUT ? CLI_NO_AGENT : code; /* it is there, but it hangs */
}

static enum cli_exit check_target(struct cli *cli, const json_t *fencing, const char *name)
{
	if (!name || field_find(fencing, "servers", name))
		return CLI_OK;
	return cli_fail(cli, CLI_FAILED, "NoSuchServer",
			"there is no server '%s'; 'holdfast server list' shows them", name);
}

/* CLI_FAILED: one could not be fenced, or is being. */
static enum cli_exit status_exit(const json_t *fencing, const char *name)
{
	const json_t *rows = field_array(fencing, "servers");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *state = field_string(row, "state");

		if (name && strcmp(field_string(row, "name"), name) != 0)
			continue;
		if (strcmp(field_string(row, "check"), "Error") == 0 ||
		    strcmp(state, "delayed") == 0 || strcmp(state, "running") == 0 ||
		    strcmp(state, "failed") == 0)
			return CLI_FAILED;
	}
	return CLI_OK;
}

/* Of a reply of ours alone: only the row about `name` is left. */
static void keep_only(json_t *fencing, const char *name)
{
	const json_t *row = field_find(fencing, "servers", name);

	(void)json_object_set_new(fencing, "servers", json_pack("[O]", row));
}

static enum cli_exit show_status(struct cli *cli, const struct cli_args *args, const void *what)
{
	_cleanup_json_ json_t *fencing = NULL;
	const struct render render = {.out = cli->out,
				      .color = cli->color,
				      .long_names = cli_has(args, "long"),
				      .only = args->arg[0]};
	enum cli_exit code, written;

	(void)what;
	code = fence_status(cli, &fencing);
	if (code == CLI_OK)
		code = check_target(cli, fencing, args->arg[0]);
	if (code != CLI_OK)
		return code;
	code = status_exit(fencing, args->arg[0]);
	if (cli->json) {
		if (args->arg[0])
			keep_only(fencing, args->arg[0]);
		written = cli_print_json(cli, json_incref(fencing));
		return written == CLI_OK ? code : written;
	}
	render_fence(&render, fencing);
	return code;
}

enum cli_exit cli_fence_status(struct cli *cli, const struct cli_args *args)
{
	return watch_show(cli, args, show_status, NULL);
}

/* ---- history ---- */

enum cli_exit cli_fence_history(struct cli *cli, const struct cli_args *args)
{
	_cleanup_json_ json_t *reply = NULL;
	const struct render render = {
		.out = cli->out, .color = cli->color, .detail = cli_has(args, "detail")};
	json_t *parameters;
	uint64_t lines = 0;
	enum cli_exit code = cli_number(cli, args, "lines", &lines);

	if (code != CLI_OK)
		return code;
	parameters = json_pack("{s:s*}", "server", args->arg[0]);
	if (parameters && cli_has(args, "lines"))
		(void)json_object_set_new(parameters, "limit", json_integer((json_int_t)lines));
	code = call_agent(cli, "FenceHistory", parameters, CALL_TIMEOUT_US, &reply);
	if (code != CLI_OK)
		return code;
	if (cli->json)
		return cli_print_json(cli, json_incref(reply));
	render_fence_history(&render, reply);
	return CLI_OK;
}

/* ---- orders ---- */

struct order {
	const char *method; /* without its interface */
	const char *server;
	const char *done; /* "is off, confirmed" */
	ha_time deadline;
};

/* "n2: level 1: bmc2: off: ok, powered off (0.21 s)" */
static void step_line(struct cli *cli, const struct order *order, const json_t *reply)
{
	FILE *f = cli->json ? cli->err : cli->out;
	const json_t *step = field_object(reply, "step");

	text_put(f, order->server);
	fprintf(f, ": level %" JSON_INTEGER_FORMAT ": ", field_integer(step, "level"));
	text_put(f, field_string(step, "device"));
	fputs(": ", f);
	text_put(f, field_string(step, "step"));
	fputs(field_bool(step, "ok") ? ": ok" : ": FAILED", f);
	fputs(*field_string(step, "text") ? ", " : "", f);
	text_put(f, field_string(step, "text"));
	fprintf(f, " (%.2f s)\n", field_number(step, "took_us") / 1e6);
	fflush(f);
}

static enum cli_exit order_failed(struct cli *cli, const struct order *order,
				  const struct ctl_client *client, int r)
{
	if (r != -ETIMEDOUT)
		return call_failed(cli, client, r);
	return cli_fail(cli, CLI_TIMEOUT, "Timeout",
			"server '%s': not finished in time; it may still be carried out, see "
			"'holdfast fence history'",
			order->server);
}

/* Says how it ended; to programs in a list of their own, if there are several. */
static enum cli_exit order_ended(struct cli *cli, const struct order *order, const json_t *reply)
{
	const char *result = field_string(reply, "result"), *text = field_string(reply, "text");
	bool ok = strcmp(result, "confirmed") == 0 || strcmp(result, "done") == 0;

	if (!ok) {
		fputs("holdfast: ", cli->err);
		text_put(cli->err, order->server);
		fputs(strcmp(result, "failed") == 0 ? ": failed: " : ": no result: ", cli->err);
		text_put(cli->err, *text ? text : "the agent stopped reporting");
		fputc('\n', cli->err);
	} else if (!cli->json) {
		text_put(cli->out, order->server);
		fprintf(cli->out, ": %s (%.2f s)\n", order->done,
			field_number(reply, "took_us") / 1e6);
	}
	return ok ? CLI_OK : CLI_FAILED;
}

/* Steps as they come. *ret_last (NULL: it came to no result) is the caller's. */
static enum cli_exit order_run(struct cli *cli, const struct order *order, json_t **ret_last)
{
	_cleanup_client_ struct ctl_client *client = NULL;
	_cleanup_json_ json_t *last = NULL;
	char method[96];
	enum cli_exit code = call_connect(cli, &client);
	int r;

	if (code != CLI_OK)
		return code;
	snprintf(method, sizeof(method), AGENT_INTERFACE "%s", order->method);
	r = ctl_client_call_more(client, method, json_pack("{s:s}", "server", order->server));
	while (r >= 0) {
		json_t *reply = NULL;

		r = ctl_client_next(client, ha_time_since(order->deadline, clock_boot()), &reply);
		if (r <= 0)
			break;
		if (field_object(reply, "step"))
			step_line(cli, order, reply);
		json_decref(last);
		last = reply;
		if (*field_string(reply, "result"))
			break;
	}
	if (r < 0)
		return order_failed(cli, order, client, r);
	code = order_ended(cli, order, last);
	*ret_last = TAKE_PTR(last);
	return code;
}

static enum cli_exit read_deadline(struct cli *cli, const struct cli_args *args,
				   struct order *order)
{
	uint64_t timeout_us = ORDER_TIMEOUT_US;
	enum cli_exit code = cli_time(cli, args, "timeout", &timeout_us);

	if (code == CLI_OK)
		order->deadline = ha_time_add(clock_boot(), timeout_us);
	return code;
}

static json_t *result_json(const char *server, const json_t *last)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:s}", "server", server, "result",
			 field_string(last, "result"), "power", field_string(last, "power"),
			 "took_us", field_integer(last, "took_us"), "text",
			 field_string(last, "text"));
}

static enum cli_exit order_one(struct cli *cli, const struct cli_args *args, struct order *order)
{
	_cleanup_json_ json_t *last = NULL;
	enum cli_exit code = read_deadline(cli, args, order), written;

	if (code == CLI_OK)
		code = order_run(cli, order, &last);
	if (!cli->json || !last)
		return code;
	written = cli_print_json(cli, result_json(order->server, last));
	return written == CLI_OK ? code : written;
}

/* ---- test ---- */

static bool has_devices(const json_t *target)
{
	return json_array_size(field_array(target, "levels")) > 0;
}

/* All others that have devices: whoever is asked would not fence itself. */
static enum cli_exit test_all(struct cli *cli, const struct cli_args *args, const json_t *fencing)
{
	const json_t *rows = field_array(fencing, "servers");
	json_t *results = json_array();
	enum cli_exit code = CLI_OK, one;
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		_cleanup_json_ json_t *last = NULL;
		struct order order = {.method = "FenceTest",
				      .server = field_string(row, "name"),
				      .done = "Normal, all devices answer"};

		if (!has_devices(row) || field_bool(row, "self"))
			continue;
		n++;
		one = read_deadline(cli, args, &order);
		if (one == CLI_OK)
			one = order_run(cli, &order, &last);
		code = code == CLI_OK ? one : code;
		if (last)
			(void)json_array_append_new(results, result_json(order.server, last));
	}
	if (n == 0)
		code = cli_fail(cli, CLI_FAILED, "NoDevice",
				"no other server has a fencing device in the configuration");
	else if (cli->json && cli_print_json(cli, json_pack("{s:O}", "tests", results)) != CLI_OK)
		code = CLI_FAILED;
	json_decref(results);
	return code;
}

enum cli_exit cli_fence_test(struct cli *cli, const struct cli_args *args)
{
	_cleanup_json_ json_t *fencing = NULL;
	struct order order = {.method = "FenceTest",
			      .server = args->arg[0],
			      .done = "Normal, all devices answer"};
	enum cli_exit code;

	if (args->arg[0])
		return order_one(cli, args, &order);
	code = fence_status(cli, &fencing);
	return code == CLI_OK ? test_all(cli, args, fencing) : code;
}

/* ---- off, on, reset, cycle ---- */

static void print_groups(struct cli *cli, const json_t *status, const char *server)
{
	const json_t *groups = field_array(status, "groups");

	for (size_t i = 0; i < json_array_size(groups); i++) {
		const json_t *group = json_array_get(groups, i);
		const char *to = confirm_next_place(status, group, server);

		if (strcmp(field_string(group, "current"), server) != 0)
			continue;
		fputs("  group ", cli->err);
		text_put(cli->err, field_string(group, "name"));
		fputs(" runs on it and is cut off; ", cli->err);
		if (to) {
			fputs("then it is taken over by ", cli->err);
			text_put(cli->err, to);
		} else {
			fputs("NO other server can take it", cli->err);
		}
		fputc('\n', cli->err);
	}
}

static void print_devices(struct cli *cli, const json_t *target)
{
	const json_t *levels = field_array(target, "levels");

	for (size_t i = 0; i < json_array_size(levels); i++) {
		const json_t *devices = field_array(json_array_get(levels, i), "devices");

		fprintf(cli->err, "%s", i > 0 ? ", else " : "  by ");
		for (size_t k = 0; k < json_array_size(devices); k++) {
			fputs(k > 0 ? " + " : "", cli->err);
			text_put(cli->err, field_string(json_array_get(devices, k), "name"));
		}
	}
	if (json_array_size(levels) > 0)
		fputc('\n', cli->err);
}

/* What will happen, and the question. */
static enum cli_exit order_confirm(struct cli *cli, const struct cli_args *args,
				   const struct confirm *confirm)
{
	_cleanup_json_ json_t *status = NULL, *fencing = NULL;
	const json_t *target;
	enum cli_exit code;

	if (cli_has(args, "yes"))
		return CLI_OK;
	code = fence_status(cli, &fencing);
	if (code == CLI_OK)
		code = call_status(cli, &status);
	if (code != CLI_OK)
		return code;
	target = field_find(fencing, "servers", confirm->server);
	if (!target)
		return check_target(cli, fencing, confirm->server);
	fputs("  server ", cli->err);
	text_put(cli->err, confirm->server);
	fprintf(cli->err, " will be %s at once, without a stop in good order\n", confirm->power);
	print_devices(cli, target);
	if (field_bool(target, "member")) {
		fputs("  it is a member of the cluster: 'holdfast server shutdown ", cli->err);
		text_put(cli->err, confirm->server);
		fputs("' stops it in good order\n", cli->err);
	}
	print_groups(cli, status, confirm->server);
	return confirm_ask(cli, confirm);
}

static enum cli_exit destroy(struct cli *cli, const struct cli_args *args, struct order *order,
			     struct confirm *confirm)
{
	enum cli_exit code;

	order->server = confirm->server = args->arg[0];
	code = order_confirm(cli, args, confirm);
	return code == CLI_OK ? order_one(cli, args, order) : code;
}

enum cli_exit cli_fence_off(struct cli *cli, const struct cli_args *args)
{
	return destroy(cli, args,
		       &(struct order){.method = "FenceOff", .done = "is off, confirmed"},
		       &(struct confirm){.verb = "Switch off", .power = "switched off"});
}

enum cli_exit cli_fence_reset(struct cli *cli, const struct cli_args *args)
{
	return destroy(cli, args, &(struct order){.method = "FenceReset", .done = "was reset"},
		       &(struct confirm){.verb = "Reset", .power = "reset"});
}

enum cli_exit cli_fence_cycle(struct cli *cli, const struct cli_args *args)
{
	return destroy(
		cli, args,
		&(struct order){.method = "FenceCycle", .done = "was switched off and on again"},
		&(struct confirm){.verb = "Cycle the power of",
				  .power = "switched off and on again"});
}

enum cli_exit cli_fence_on(struct cli *cli, const struct cli_args *args)
{
	return order_one(cli, args,
			 &(struct order){.method = "FenceOn",
					 .server = args->arg[0],
					 .done = "was switched on"});
}

/* ---- confirm ---- */

static enum cli_exit not_checked(struct cli *cli, const char *server)
{
	FILE *f = cli->err;

	fputs("You are about to say that ", f);
	text_put(f, server);
	fputs(" is off. Nothing will check that. If it runs, groups will run twice,\n"
	      "and what both write at the same time is destroyed. Check at the machine itself:\n"
	      "  - it has no power: look at the machine, its power strip or its hypervisor;\n"
	      "    that it does not answer says nothing, a server that hangs can go on\n"
	      "  - or it was reset after the cluster lost it, and its agent has not started since\n"
	      "  - whoever could switch it on knows of it\n"
	      "If it has been at work meanwhile without this server, commands that it accepted\n"
	      "since are lost.\n",
	      f);
	return cli_fail(cli, CLI_USAGE, "NotConfirmed",
			"'fence confirm' needs --" CONFIRM_OPTION
			": holdfast fence confirm %s --" CONFIRM_OPTION,
			server);
}

enum cli_exit cli_fence_confirm(struct cli *cli, const struct cli_args *args)
{
	_cleanup_json_ json_t *reply = NULL;
	const char *server = args->arg[0];
	enum cli_exit code;

	if (!cli_has(args, CONFIRM_OPTION))
		return not_checked(cli, server);
	code = call_agent(cli, "FenceConfirm", json_pack("{s:s}", "server", server),
			  60 * USEC_PER_SEC, &reply);
	if (code != CLI_OK)
		return code;
	fputs("holdfast: commands that ", cli->err);
	text_put(cli->err, server);
	fputs(" accepted without this server since it was last a member are lost\n", cli->err);
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:s, s:s}", "server", server, "answer",
						     field_string(reply, "answer")));
	text_put(cli->out, server);
	fputs(": counts as off, by your word\n", cli->out);
	return CLI_OK;
}
