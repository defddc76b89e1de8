/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `holdfastd --check`: everything there is to say about a configuration file. */
#include "agent/config_internal.h"
#include "agent/fence_metadata.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

static json_t *span_to_json(const struct config_span *span)
{
	return json_pack("{s:I, s:I, s:I}", "best_us", (json_int_t)span->best_us, "typical_us",
			 (json_int_t)span->typical_us, "worst_us", (json_int_t)span->worst_us);
}

static json_t *groups_to_json(const struct config *config, const struct config_times *times)
{
	json_t *groups = json_array();

	for (uint16_t i = 0; i < config->n_groups; i++) {
		const struct group_config *group = &config->groups[i];
		bool programs;
		uint64_t limit = config_group_start_limit(config, i, &programs);
		json_int_t wait = group->n_start_after ? (json_int_t)group->start_wait_us : 0;
		json_t *outage = group->n_nodes < 2 ? json_null() : span_to_json(&times->takeover);

		(void)json_array_append_new(
			groups, json_pack("{s:s, s:b, s:o, s:I, s:I, s:b}", "name", group->name,
					  "programs", programs, "outage", outage, "start_limit_us",
					  (json_int_t)limit, "start_wait_us", wait, "unenforced",
					  config_group_unenforced(config, i)));
	}
	return groups;
}

static json_t *budget_to_json(const struct config *config)
{
	struct config_times times;

	config_times(config, &times);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "detection",
			 span_to_json(&times.detection), "view", span_to_json(&times.view), "lease",
			 span_to_json(&times.lease), "fenced", span_to_json(&times.fenced),
			 "takeover", span_to_json(&times.takeover), "groups",
			 groups_to_json(config, &times));
}

static json_t *problems_to_json(const struct config_report *report)
{
	json_t *problems = json_array();

	for (size_t i = 0; i < report->n; i++) {
		const struct config_problem *problem = &report->problem[i];

		(void)json_array_append_new(
			problems, json_pack("{s:s, s:i, s:s}", "severity",
					    problem->warning ? "warning" : "error", "line",
					    (int)problem->line, "text", problem->text));
	}
	return problems;
}

/* `config` is NULL if the file has errors. */
static int print_json(const char *path, const struct config *config,
		      const struct config_report *report)
{
	_cleanup_free_ char *resolved = config ? config_print(config) : NULL;
	char hash[20] = "";
	json_t *root = json_pack("{s:s, s:b, s:I, s:b, s:o}", "file", path, "valid", config != NULL,
				 "errors", (json_int_t)report->errors, "truncated",
				 report->truncated, "problems", problems_to_json(report));

	if (root && config) {
		(void)snprintf(hash, sizeof hash, "%016" PRIx64, config->hash);
		(void)json_object_set_new(root, "hash", json_string(hash));
		(void)json_object_set_new(root, "config", json_string(resolved));
		(void)json_object_set_new(root, "budget", budget_to_json(config));
	}
	if (!root || json_dumpf(root, stdout, JSON_INDENT(2)) < 0) {
		json_decref(root);
		return -ENOMEM;
	}
	(void)fputc('\n', stdout);
	json_decref(root);
	return 0;
}

static int print_text(const struct config *config, bool print)
{
	_cleanup_free_ char *text = print ? config_print(config) : config_budget(config);

	if (!text)
		return -ENOMEM;
	(void)fputs(text, stdout);
	return 0;
}

/* One that is not there was named already. */
static bool is_missing(const struct config_report *report, unsigned int line)
{
	for (size_t i = 0; i < report->n; i++)
		if (report->problem[i].line == line &&
		    strstr(report->problem[i].text, ": no such program on this machine"))
			return true;
	return false;
}

static void say_of_agent(unsigned int line, const char *problem, void *userdata)
{
	if (!is_missing(userdata, line))
		config_report_warning(userdata, line, "%s", problem);
}

/* What the fence agents of this machine say of their parameters; runs them. */
static void check_agents(const struct config *config, struct config_report *report)
{
	fence_metadata_check_config(config, say_of_agent, report);
	config_report_sort(report);
}

int config_check_main(const char *path, bool print, bool json)
{
	struct config_report report;
	struct config *config = NULL;
	int loaded = config_load(path, &config, &report), r = 0;

	if (config)
		check_agents(config, &report);
	if (json)
		r = print_json(path, config, &report);
	else {
		config_report_write(&report, path, stderr);
		if (config)
			r = print_text(config, print);
	}
	(void)config_free(config);
	if (r < 0) {
		(void)fprintf(stderr, "%s: out of memory\n", path);
		return CONFIG_EXIT_ERRORS;
	}
	if (loaded < 0 && loaded != -EINVAL && loaded != -ENOMEM)
		return CONFIG_EXIT_NOINPUT;
	return loaded < 0 ? CONFIG_EXIT_ERRORS : 0;
}
