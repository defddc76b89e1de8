/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config export, config diff. */
#include "cli/call.h"
#include "cli/daemon.h"
#include "cli/field.h"
#include "cli/target.h"
#include "cli/text.h"
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* ---- export ---- */

static enum cli_exit get_text(struct cli *cli, FILE *to)
{
	size_t at = 0, total = 1;

	while (at < total) {
		_cleanup_json_ json_t *reply = NULL;
		const char *text;
		enum cli_exit code =
			call_agent(cli, "ConfigGet", json_pack("{s:I}", "offset", (json_int_t)at),
				   CALL_TIMEOUT_US, &reply);

		if (code != CLI_OK)
			return code;
		text = field_string(reply, "text");
		total = (size_t)field_integer(reply, "total");
		if (!*text || total > CONFIG_TEXT_MAX)
			return cli_fail(cli, CLI_FAILED, "BadMessage",
					"the agent's answer is not whole");
		at += strlen(text);
		fputs(text, to);
	}
	return CLI_OK;
}

static int write_text(const char *path, bool replace, const char *text, size_t n)
{
	_cleanup_close_ int fd = -1;
	int r;

	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (replace ? O_TRUNC : O_EXCL),
		  0600);
	if (fd < 0)
		return -errno;
	r = file_write_all(fd, text, n);
	if (r < 0)
		return r;
	return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

enum cli_exit cli_config_export(struct cli *cli, const struct cli_args *args)
{
	_cleanup_free_ char *text = NULL;
	const char *path = args->arg[0];
	enum cli_exit code;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	int r;

	if (!to)
		return cli_fail(cli, CLI_FAILED, "Error", "%s", strerror(errno));
	code = get_text(cli, to);
	if (fclose(to) != 0 && code == CLI_OK)
		code = cli_fail(cli, CLI_FAILED, "Error", "%s", strerror(errno));
	if (code != CLI_OK)
		return code;
	r = write_text(path, cli_has(args, "yes"), text, n);
	if (r == -EEXIST)
		return cli_fail(cli, CLI_FAILED, "Exists", "'%s' exists; to replace it, say --yes",
				path);
	if (r < 0)
		return cli_fail(cli, CLI_FAILED, "Error", "%s: %s", path, strerror(-r));
	if (cli->json)
		return cli_print_json(
			cli, json_pack("{s:s, s:I}", "file", path, "bytes", (json_int_t)n));
	return CLI_OK;
}

/* ---- diff ---- */

static enum cli_exit get_resolved(struct cli *cli, const char *host, json_t **ret)
{
	struct cli other = *cli;

	other.host = host;
	return call_agent(&other, "GetConfig", NULL, CALL_TIMEOUT_US, ret);
}

static enum cli_exit compare_with(struct cli *cli, const char *name, const char *own,
				  json_t *result)
{
	char *argv[] = {(char *)DAEMON, (char *)"--diff", NULL};
	_cleanup_json_ json_t *theirs = NULL, *answer = NULL, *input = NULL;
	enum cli_exit code = get_resolved(cli, name, &theirs);
	const json_t *lines;

	if (code != CLI_OK)
		return code;
	input = json_pack("{s:s, s:s}", "from", own, "to", field_string(theirs, "text"));
	code = daemon_ask(cli, argv, input, &answer);
	if (code != CLI_OK)
		return code;
	lines = field_array(answer, "differences");
	(void)json_object_set_new(result, name, json_deep_copy(lines));
	for (size_t i = 0; !cli->json && i < json_array_size(lines); i++) {
		text_put(cli->out, name);
		fputs(": ", cli->out);
		text_put(cli->out, json_string_value(json_array_get(lines, i)));
		fputc('\n', cli->out);
	}
	return CLI_OK;
}

/* Exit code 0: no difference, 1: there are some. */
static enum cli_exit diff_all(struct cli *cli, const char *only, const char *own,
			      const json_t *status, json_t *result)
{
	const json_t *servers = field_array(status, "servers"), *lines;
	enum cli_exit worst = CLI_OK;
	const char *name;

	for (size_t i = 0; i < json_array_size(servers); i++) {
		const json_t *server = json_array_get(servers, i);
		const char *server_name = field_string(server, "name");
		enum cli_exit code;

		if (only ? strcmp(only, server_name) != 0 : field_bool(server, "self"))
			continue;
		code = compare_with(cli, server_name, own, result);
		worst = worst == CLI_OK ? code : worst;
	}
	json_object_foreach(result, name, lines) if (worst == CLI_OK && json_array_size(lines) > 0)
		worst = CLI_FAILED;
	return worst;
}

enum cli_exit cli_config_diff(struct cli *cli, const struct cli_args *args)
{
	_cleanup_json_ json_t *own = NULL, *status = NULL, *result = json_object();
	const char *only = args->arg[0];
	enum cli_exit code = call_status(cli, &status), written;

	if (code != CLI_OK)
		return code;
	if (only && !field_find(status, "servers", only))
		return cli_fail(cli, CLI_FAILED, "NoSuchServer", "there is no server '%s'", only);
	code = get_resolved(cli, cli->host, &own);
	if (code != CLI_OK)
		return code;
	code = diff_all(cli, only, field_string(own, "text"), status, result);
	if (!cli->json)
		return code;
	written = cli_print_json(cli, json_pack("{s:O}", "differences", result));
	return written == CLI_OK ? code : written;
}
