/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * simulate: what would happen. The state comes from the agent or from a file, the playing is done
 * by holdfastd --simulate, with the code that decides in the agent.
 */
#include "cli/simulate.h"

#include "cli/call.h"
#include "cli/daemon.h"
#include "cli/field.h"

#include <errno.h>
#include <string.h>

#define SIMULATE_ARGS_MAX (2 * CLI_OPTIONS_MAX + 4)
#define LIST_MAX	  32

struct simulate_argv {
	char *argv[SIMULATE_ARGS_MAX + 2 * LIST_MAX];
	size_t n;
};

enum cli_exit simulate_state(struct cli *cli, json_t **ret)
{
	_cleanup_json_ json_t *status = NULL, *config = NULL;
	enum cli_exit code = call_status(cli, &status);

	if (code == CLI_OK)
		code = call_agent(cli, "GetConfig", NULL, CALL_TIMEOUT_US, &config);
	if (code != CLI_OK)
		return code;
	*ret = json_pack("{s:s, s:O}", "config", field_string(config, "text"), "status", status);
	return *ret ? CLI_OK : cli_fail(cli, CLI_FAILED, "NoMemory", "out of memory");
}

static enum cli_exit load_state(struct cli *cli, const char *path, json_t **ret)
{
	json_error_t error;

	*ret = json_load_file(path, 0, &error);
	if (*ret)
		return CLI_OK;
	return cli_fail(cli, CLI_USAGE, "BadState", "%s:%d: %s", path, error.line, error.text);
}

static void add(struct simulate_argv *a, const char *argument)
{
	a->argv[a->n++] = (char *)argument;
}

/* "A,B,C" as one option each. The copy lives until this process becomes another one. */
static enum cli_exit add_list(struct cli *cli, struct simulate_argv *a, const char *option,
			      const char *list)
{
	char *copy = strdup(list), *next = copy;
	size_t n = 0;

	for (char *name; copy && (name = strsep(&next, ","));) {
		if (++n > LIST_MAX)
			return cli_usage(cli, "%s names more than %d", option, LIST_MAX);
		add(a, option);
		add(a, name);
	}
	return copy ? CLI_OK : cli_fail(cli, CLI_FAILED, "NoMemory", "out of memory");
}

static enum cli_exit build(struct cli *cli, const struct cli_args *args, struct simulate_argv *a)
{
	static const char *const lists[][2] = {
		{"down", "--down"}, {"leave", "--leave"}, {"fail", "--fail"}};
	static const char *const plain[][2] = {{"cut", "--cut"},
					       {"config", "--config"},
					       {"program-time", "--program-time"},
					       {"for", "--for"}};
	enum cli_exit code = CLI_OK;

	add(a, DAEMON);
	add(a, "--simulate");
	if (cli->json)
		add(a, "--json");
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		if (cli_has(args, plain[i][0])) {
			add(a, plain[i][1]);
			add(a, cli_value(args, plain[i][0]));
		}
	for (size_t i = 0; code == CLI_OK && i < sizeof(lists) / sizeof(*lists); i++)
		if (cli_has(args, lists[i][0]))
			code = add_list(cli, a, lists[i][1], cli_value(args, lists[i][0]));
	add(a, NULL);
	return code;
}

static enum cli_exit save(struct cli *cli, const char *path, const json_t *state)
{
	if (json_dump_file(state, path, JSON_INDENT(1)) < 0)
		return cli_fail(cli, CLI_FAILED, "CannotWrite", "cannot write %s: %s", path,
				strerror(errno));
	return CLI_OK;
}

enum cli_exit cli_simulate(struct cli *cli, const struct cli_args *args)
{
	struct simulate_argv a = {.n = 0};
	_cleanup_json_ json_t *state = NULL;
	enum cli_exit code;

	code = cli_has(args, "state") ? load_state(cli, cli_value(args, "state"), &state)
				      : simulate_state(cli, &state);
	if (code == CLI_OK && cli_has(args, "save"))
		return save(cli, cli_value(args, "save"), state);
	if (code == CLI_OK)
		code = build(cli, args, &a);
	return code == CLI_OK ? daemon_feed(cli, a.argv, state) : code;
}
