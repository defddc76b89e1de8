/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * config apply: every server checks the file, the differences are shown, groups whose resources
 * change are stopped, and then all servers take it or none does (docs/operations.md, C1 to C4).
 */
#include "cli/call.h"
#include "cli/daemon.h"
#include "cli/field.h"
#include "cli/target.h"
#include "cli/text.h"
#include "util/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

#define GROUP_TIMEOUT_US   (300 * USEC_PER_SEC)
#define COMMIT_TIMEOUT_US  (60 * USEC_PER_SEC)
#define INSTALL_TIMEOUT_US (40 * USEC_PER_SEC)
#define APPLY_WAIT_US	   (60 * USEC_PER_SEC) /* for all to work by it */
#define LOOK_MS		   200

/* What is gathered on the way. */
struct work {
	struct cli *cli;
	const char *file;
	struct targets targets;
	char hash[32];
	bool started_again; /* by ConfigInstall */
	json_t *differences, *affected, *restart, *stopped, *problems;
};

static void work_done(struct work *work)
{
	targets_done(&work->targets);
	json_decref(work->differences);
	json_decref(work->affected);
	json_decref(work->restart);
	json_decref(work->stopped);
	json_decref(work->problems);
}

/* ---- checking everywhere ---- */

static void forget_all(struct work *work)
{
	for (size_t i = 0; i < work->targets.n; i++) {
		struct target *target = &work->targets.of[i];

		/* Where that fails it is forgotten by itself, after a while. */
		if (target->prepared &&
		    target_call(target, "ConfigForget", NULL, CALL_TIMEOUT_US, NULL) < 0)
			target->client = ctl_client_free(target->client);
	}
}

static bool has_string(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
			return true;
	return false;
}

/* Adds what is not in it yet. */
static void merge(json_t *into, const json_t *from)
{
	for (size_t i = 0; i < json_array_size(from); i++) {
		const char *text = json_string_value(json_array_get(from, i));

		if (text && !has_string(into, text))
			(void)json_array_append_new(into, json_string(text));
	}
}

/* "n2: file:12: error: ..."; what every server says is said once, without a name. */
static void say_problem(struct work *work, const struct target *target, const json_t *problem)
{
	bool warning = field_bool(problem, "warning");
	json_int_t line = field_integer(problem, "line");
	const char *text = field_string(problem, "text");

	for (size_t i = 0; i < json_array_size(work->problems); i++) {
		const json_t *said = json_array_get(work->problems, i);

		if (field_integer(said, "line") == line &&
		    strcmp(field_string(said, "text"), text) == 0)
			return;
	}
	(void)json_array_append_new(work->problems,
				    json_pack("{s:s, s:I, s:b, s:s}", "server", target->name,
					      "line", line, "warning", warning, "text", text));
	text_put(work->cli->err, target->name);
	fputs(": ", work->cli->err);
	text_put(work->cli->err, work->file);
	if (line)
		fprintf(work->cli->err, ":%" JSON_INTEGER_FORMAT, line);
	fputs(warning ? ": warning: " : ": error: ", work->cli->err);
	text_put(work->cli->err, text);
	fputc('\n', work->cli->err);
}

static void say_problems(struct work *work, const struct target *target)
{
	const json_t *problems = field_array(target->prepared, "problems");

	for (size_t i = 0; i < json_array_size(problems); i++)
		say_problem(work, target, json_array_get(problems, i));
}

/* True: it does not keep us from going on. */
static bool prepare_one(struct work *work, struct target *target, const char *text, size_t n)
{
	const char *hash;

	if (!target->client && !target->in_cluster)
		return true; /* away: it catches up */
	if (!target->client || target_prepare(target, text, n) < 0) {
		(void)cli_fail(work->cli, CLI_FAILED, "NotPrepared", "%s: %s", target->name,
			       target->error);
		return false;
	}
	say_problems(work, target);
	hash = field_string(target->prepared, "hash");
	if (!*hash)
		return false;
	snprintf(work->hash, sizeof(work->hash), "%s", hash);
	merge(work->affected, field_array(target->prepared, "affected"));
	merge(work->restart, field_array(target->prepared, "restart"));
	if (target->self)
		merge(work->differences, field_array(target->prepared, "differences"));
	return true;
}

static enum cli_exit prepare_all(struct work *work, const char *text, size_t n)
{
	bool ok = true;

	for (size_t i = 0; i < work->targets.n; i++)
		ok = prepare_one(work, &work->targets.of[i], text, n) && ok;
	if (ok)
		return CLI_OK;
	forget_all(work);
	return cli_fail(work->cli, CLI_FAILED, "NotPrepared",
			"nothing was changed: not every server accepts %s", work->file);
}

/* ---- what is going to happen ---- */

static bool all_have_it(const struct work *work)
{
	for (size_t i = 0; i < work->targets.n; i++) {
		const struct target *target = &work->targets.of[i];

		if (target->client &&
		    strcmp(field_string(target->status, "config_hash"), work->hash) != 0)
			return false;
	}
	return true;
}

static bool all_stopped(const struct work *work)
{
	for (size_t i = 0; i < work->targets.n; i++)
		if (work->targets.of[i].client &&
		    strcmp(target_mode(&work->targets.of[i]), "stopped") != 0)
			return false;
	return true;
}

static void put_list(FILE *f, const json_t *list, const char *separator)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		fputs(i ? separator : "", f);
		text_put(f, json_string_value(json_array_get(list, i)));
	}
}

static void show_plan(const struct work *work)
{
	FILE *out = work->cli->out;

	if (work->cli->json)
		return;
	fputs(json_array_size(work->differences) ? "  " : "", out);
	put_list(out, work->differences, "\n  ");
	fputs(json_array_size(work->differences) ? "\n" : "", out);
	if (json_array_size(work->affected)) {
		fputs("groups that must be stopped meanwhile: ", out);
		put_list(out, work->affected, ", ");
		fputc('\n', out);
	}
	for (size_t i = 0; i < work->targets.n; i++) {
		const struct target *target = &work->targets.of[i];

		if (target->client)
			continue;
		text_put(out, target->name);
		fputs(" is away: it will catch up when it comes back\n", out);
	}
	fflush(out);
}

/* Those of the affected groups that are not stopped now. */
static json_t *running_groups(const struct work *work)
{
	json_t *running = json_array();

	for (size_t i = 0; i < json_array_size(work->affected); i++) {
		const char *name = json_string_value(json_array_get(work->affected, i));
		const json_t *group = field_find(work->targets.status, "groups", name);

		if (strcmp(field_string(group, "status"), "Offline") != 0 ||
		    strcmp(field_string(group, "wanted"), "online") == 0)
			(void)json_array_append_new(running, json_string(name));
	}
	return running;
}

static enum cli_exit ask(struct cli *cli, const char *question, const char *option)
{
	char line[16];

	if (!cli->interactive)
		return cli_fail(cli, CLI_USAGE, "NotConfirmed",
				"this was not confirmed: to do it without a terminal, say %s",
				option);
	fprintf(cli->err, "%s [y/N] ", question);
	fflush(cli->err);
	if (fgets(line, sizeof(line), cli->in) && (line[0] == 'y' || line[0] == 'Y'))
		return CLI_OK;
	return cli_fail(cli, CLI_FAILED, "NotConfirmed", "nothing was changed");
}

static enum cli_exit confirm(struct work *work, const struct cli_args *args)
{
	_cleanup_json_ json_t *running = running_groups(work);

	if (json_array_size(running) > 0 && !cli_has(args, "stop-groups"))
		return ask(work->cli, "Stop these groups, apply it and start them again?",
			   "--stop-groups");
	if (cli_has(args, "yes") || (json_array_size(running) > 0 && !work->cli->interactive))
		return CLI_OK;
	return ask(work->cli, "Apply it?", "--yes");
}

/* ---- groups ---- */

static enum cli_exit call_group(struct work *work, const char *method, const char *group, bool wait)
{
	_cleanup_json_ json_t *reply = NULL;
	enum cli_exit code =
		call_agent(work->cli, method, json_pack("{s:s, s:b}", "group", group, "wait", wait),
			   GROUP_TIMEOUT_US, &reply);

	if (code == CLI_OK && field_bool(reply, "failed"))
		return cli_fail(work->cli, CLI_FAILED, "Failed", "%s",
				field_string(reply, "progress"));
	return code;
}

static enum cli_exit stop_groups(struct work *work)
{
	_cleanup_json_ json_t *running = running_groups(work);
	enum cli_exit code = CLI_OK;

	for (size_t i = 0; i < json_array_size(running) && code == CLI_OK; i++) {
		const char *name = json_string_value(json_array_get(running, i));
		const json_t *group = field_find(work->targets.status, "groups", name);

		if (strcmp(field_string(group, "wanted"), "online") == 0)
			(void)json_array_append_new(work->stopped, json_string(name));
		code = call_group(work, "GroupStop", name, true);
	}
	return code;
}

/* Also when it was not applied. A group that is not there any more is not started. */
static enum cli_exit start_groups(struct work *work)
{
	_cleanup_json_ json_t *status = NULL;
	enum cli_exit worst = CLI_OK;

	if (json_array_size(work->stopped) == 0)
		return CLI_OK;
	worst = call_status(work->cli, &status);
	for (size_t i = 0; status && i < json_array_size(work->stopped); i++) {
		const char *name = json_string_value(json_array_get(work->stopped, i));
		enum cli_exit code = CLI_OK;

		if (field_find(status, "groups", name))
			code = call_group(work, "GroupStart", name, false);
		worst = worst == CLI_OK ? code : worst;
	}
	return worst;
}

/* ---- applying ---- */

static bool has_it(struct work *work, struct target *target)
{
	int r = work->started_again ? target_reconnect(work->cli, target) : target_refresh(target);

	return r >= 0 && strcmp(field_string(target->status, "config_hash"), work->hash) == 0;
}

/* Until all that have to work by it. */
static enum cli_exit wait_for_all(struct work *work)
{
	ha_time end = ha_time_add(clock_boot(), APPLY_WAIT_US);
	struct target *missing = NULL;

	do {
		missing = NULL;
		for (size_t i = 0; i < work->targets.n; i++) {
			struct target *target = &work->targets.of[i];
			bool must = work->started_again ? target->prepared != NULL
							: target->client && target->in_cluster;

			if (must && !has_it(work, target))
				missing = target;
		}
		if (!missing)
			return CLI_OK;
		(void)poll(NULL, 0, LOOK_MS);
	} while (ha_time_before(clock_boot(), end));
	return cli_fail(work->cli, CLI_TIMEOUT, "NotApplied",
			"%s does not work by it yet, though it was told to: %s%s", missing->name,
			missing->error, field_string(missing->status, "config_problem"));
}

static enum cli_exit commit(struct work *work)
{
	_cleanup_json_ json_t *reply = NULL;
	enum cli_exit code;

	code = call_agent(work->cli, "ConfigCommit", json_pack("{s:s}", "hash", work->hash),
			  COMMIT_TIMEOUT_US, &reply);
	return code == CLI_OK ? wait_for_all(work) : code;
}

static enum cli_exit apply_running(struct work *work)
{
	enum cli_exit code = stop_groups(work), started;

	if (code == CLI_OK)
		code = commit(work);
	if (code != CLI_OK && code != CLI_TIMEOUT)
		forget_all(work);
	started = start_groups(work);
	return code == CLI_OK ? started : code;
}

/* The next number after all that any of them knows. */
static json_int_t next_generation(const struct work *work)
{
	json_int_t generation = 0;

	for (size_t i = 0; i < work->targets.n; i++) {
		const struct target *target = &work->targets.of[i];
		json_int_t applied = field_integer(target->prepared, "generation");
		json_int_t agreed = field_integer(target->status, "config_generation");

		generation = applied > generation ? applied : generation;
		generation = agreed > generation ? agreed : generation;
	}
	return generation + 1;
}

static int install_one(const struct work *work, struct target *target, json_int_t generation)
{
	return target_call(target, "ConfigInstall",
			   json_pack("{s:s, s:I}", "hash", work->hash, "generation", generation),
			   INSTALL_TIMEOUT_US, NULL);
}

/* The one that is asked comes last: through it goes the way to the others. */
static enum cli_exit install(struct work *work)
{
	json_int_t generation = next_generation(work);
	enum cli_exit code = CLI_OK;
	int r;

	for (int last = 0; last < 2; last++) {
		for (size_t i = 0; i < work->targets.n; i++) {
			struct target *target = &work->targets.of[i];

			if (!target->prepared || target->self != (last == 1))
				continue;
			r = install_one(work, target, generation);
			if (r < 0 && r != -ECONNRESET) /* else it is seen below */
				code = cli_fail(work->cli, CLI_FAILED, "NotInstalled", "%s: %s",
						target->name, target->error);
		}
	}
	work->started_again = true;
	return code == CLI_OK ? wait_for_all(work) : code;
}

static enum cli_exit check_restart(const struct work *work)
{
	char reasons[512] = "";

	if (json_array_size(work->restart) == 0 || all_stopped(work))
		return CLI_OK;
	for (size_t i = 0; i < json_array_size(work->restart); i++) {
		size_t n = strlen(reasons);

		snprintf(reasons + n, sizeof(reasons) - n, "%s%s", i ? ", " : "",
			 json_string_value(json_array_get(work->restart, i)));
	}
	return cli_fail(
		work->cli, CLI_FAILED, "MustStop",
		"what is changed cannot change while the cluster runs (%s): 'holdfast cluster "
		"stop', then apply it; the agents start again by themselves",
		reasons);
}

/* ---- the end ---- */

static const char *outcome(const struct work *work, const struct target *target, bool done)
{
	if (!target->client)
		return "away";
	if (!done)
		return "unchanged";
	if (work->started_again)
		return "restarted";
	return strcmp(field_string(target->status, "config_hash"), work->hash) == 0 ? "applied"
										    : "behind";
}

static enum cli_exit report(const struct work *work, enum cli_exit code, bool done)
{
	json_t *servers;

	if (!work->cli->json) {
		if (code == CLI_OK && done)
			fputs("applied on all servers of the cluster\n", work->cli->out);
		return code;
	}
	if (code != CLI_OK)
		return code; /* an error object was printed */
	servers = json_array();
	for (size_t i = 0; i < work->targets.n; i++)
		(void)json_array_append_new(
			servers, json_pack("{s:s, s:s}", "name", work->targets.of[i].name, "result",
					   outcome(work, &work->targets.of[i], done)));
	return cli_print_json(work->cli,
			      json_pack("{s:s, s:b, s:o, s:O, s:O, s:O, s:O}", "hash", work->hash,
					"applied", done, "servers", servers, "differences",
					work->differences, "affected", work->affected, "restart",
					work->restart, "problems", work->problems));
}

/* All is prepared. */
static enum cli_exit go_on(struct work *work, const struct cli_args *args)
{
	bool stopped = json_array_size(work->restart) > 0;
	enum cli_exit code;

	if (all_have_it(work)) {
		forget_all(work);
		if (!work->cli->json)
			fputs("nothing to change: all servers work by it already\n",
			      work->cli->out);
		return report(work, CLI_OK, false);
	}
	show_plan(work);
	if (cli_has(args, "dry-run")) {
		forget_all(work);
		return report(work, CLI_OK, false);
	}
	code = check_restart(work);
	if (code == CLI_OK)
		code = confirm(work, args);
	if (code != CLI_OK) {
		forget_all(work);
		return code;
	}
	code = stopped ? install(work) : apply_running(work);
	return report(work, code, true);
}

static enum cli_exit apply_offline(struct cli *cli, const struct cli_args *args)
{
	const char *file = args->arg[0];
	char path[PATH_MAX + 3];
	char *argv[] = {(char *)DAEMON, (char *)"--install", path,
			(char *)cli_value(args, "config"), NULL};

	if (strlen(file) >= PATH_MAX)
		return cli_fail(cli, CLI_USAGE, "TooLong", "the file name is too long");
	snprintf(path, sizeof(path), "%s%s", file[0] == '-' ? "./" : "", file);
	return daemon_exec(cli, argv);
}

enum cli_exit cli_config_apply(struct cli *cli, const struct cli_args *args)
{
	_cleanup_(work_done) struct work work = {.cli = cli, .file = args->arg[0]};
	_cleanup_free_ char *text = NULL;
	enum cli_exit code;
	size_t n = 0;

	if (cli_has(args, "offline"))
		return apply_offline(cli, args);
	if (cli_has(args, "config"))
		return cli_usage(cli, "--config goes with --offline");
	code = config_read_file(cli, args->arg[0], &text, &n);
	if (code == CLI_OK)
		code = targets_find(cli, &work.targets);
	if (code != CLI_OK)
		return code;
	work.differences = json_array();
	work.affected = json_array();
	work.restart = json_array();
	work.stopped = json_array();
	work.problems = json_array();
	code = prepare_all(&work, text, n);
	return code == CLI_OK ? go_on(&work, args) : code;
}
