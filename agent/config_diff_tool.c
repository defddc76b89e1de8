/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `holdfastd --diff` and `--install`: tools of the command, so that there is one judge. */
#include "agent/agent.h"
#include "agent/config_change.h"
#include "agent/config_internal.h"
#include "agent/files.h"

#include "util/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_CONFIG "/etc/holdfast/holdfast.conf"

/* ---- --diff: two texts as JSON on standard input, lines as JSON on standard output ---- */

static int load(const json_t *input, const char *which, struct config **ret)
{
	_cleanup_free_ struct config_report *report = calloc(1, sizeof *report);
	const char *text = json_string_value(json_object_get(input, which));
	int r = text && report ? config_load_text(which, text, ret, report) : -EINVAL;

	if (r < 0 && report)
		config_report_write(report, which, stderr);
	return r;
}

static json_t *to_array(char *text)
{
	json_t *list = json_array();
	char *save = NULL;

	for (char *s = strtok_r(text, "\n", &save); s; s = strtok_r(NULL, "\n", &save))
		(void)json_array_append_new(list, json_string(s));
	return list;
}

static int print_differences(const struct config *from, const struct config *to)
{
	_cleanup_free_ char *text = config_differences(from, to);
	json_t *answer;
	int r;

	if (!text)
		return AGENT_EXIT_FAILURE;
	answer = json_pack("{s:o}", "differences", to_array(text));
	r = json_dumpf(answer, stdout, JSON_ENSURE_ASCII);
	json_decref(answer);
	return r < 0 || fflush(stdout) != 0 ? AGENT_EXIT_FAILURE : AGENT_EXIT_OK;
}

int config_diff_main(int argc, char **argv)
{
	struct config *from = NULL, *to = NULL;
	json_t *input = argc == 1 ? json_loadf(stdin, 0, NULL) : NULL;
	int code = AGENT_EXIT_CONFIG;

	(void)argv;
	if (!input)
		return AGENT_EXIT_USAGE;
	if (load(input, "from", &from) >= 0 && load(input, "to", &to) >= 0)
		code = print_differences(from, to);
	(void)config_free(from);
	(void)config_free(to);
	json_decref(input);
	return code;
}

/* ---- --install FILE [CONFIG] ---- */

static bool agent_answers(const struct config *config)
{
	struct ctl_client *client = NULL;
	int r = ctl_client_connect(config->socket_path, &client);

	(void)ctl_client_free(client);
	return r >= 0;
}

int config_install_main(int argc, char **argv)
{
	_cleanup_free_ struct config_report *report = calloc(1, sizeof *report);
	const char *to = argc > 2 ? argv[2] : DEFAULT_CONFIG;
	_cleanup_free_ char *text = NULL;
	struct config *config = NULL;
	char why[FILES_WHY] = "";
	int r;

	if (argc < 2 || argc > 3 || !report)
		return AGENT_EXIT_USAGE;
	r = config_load_keep(argv[1], &config, report, &text);
	config_report_write(report, argv[1], stderr);
	if (r < 0)
		return r == -EINVAL ? CONFIG_EXIT_ERRORS : CONFIG_EXIT_NOINPUT;
	if (agent_answers(config)) {
		log_err("an agent runs on this node: apply it without --offline");
		r = -EBUSY;
	} else {
		r = files_replace(to, text, strlen(text), why);
		if (r < 0)
			log_err("%s", why);
		else
			log_notice("%s is replaced, the former one is %s.previous", to, to);
	}
	(void)config_free(config);
	return agent_exit_code(r);
}
