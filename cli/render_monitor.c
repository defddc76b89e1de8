/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A monitor in the configuration list: what it is, what it says where, how its checks went. */
#include "cli/field.h"
#include "cli/render.h"
#include "cli/text.h"

#include <string.h>
#include <time.h>

static const json_t *find_place(const json_t *monitor, const char *server)
{
	const json_t *rows = field_array(monitor, "servers");

	for (size_t i = 0; i < json_array_size(rows); i++)
		if (strcmp(field_string(json_array_get(rows, i), "server"), server) == 0)
			return json_array_get(rows, i);
	return NULL;
}

static bool is_configured(const json_t *monitor, const json_t *server)
{
	const json_t *nodes = field_array(monitor, "nodes");

	if (!nodes)
		return field_bool(server, "hosts");
	for (size_t i = 0; i < json_array_size(nodes); i++) {
		const char *name = json_string_value(json_array_get(nodes, i));

		if (name && strcmp(name, field_string(server, "name")) == 0)
			return true;
	}
	return false;
}

const char *render_monitor_on(const json_t *monitor, const json_t *server, const json_t **ret_row)
{
	const json_t *row = find_place(monitor, field_string(server, "name"));

	if (ret_row)
		*ret_row = row;
	if (row)
		return field_string(row, "status");
	return is_configured(monitor, server) ? field_string(monitor, "elsewhere") : "";
}

static void counters(const struct render *render, const json_t *place)
{
	json_int_t restarts = field_integer(place, "restarts");
	json_int_t failovers = field_integer(place, "failovers");

	if (restarts > 0)
		fprintf(render->out, ", %" JSON_INTEGER_FORMAT " restart%s", restarts,
			restarts > 1 ? "s" : "");
	if (failovers > 0)
		fprintf(render->out, ", %" JSON_INTEGER_FORMAT " failover%s", failovers,
			failovers > 1 ? "s" : "");
	fputs(field_bool(place, "final") ? ", final action taken" : "", render->out);
	fputs(field_bool(place, "failing") ? ", dummy failure" : "", render->out);
	fputs(field_bool(place, "suspended") ? ", suspended by command" : "", render->out);
}

void render_monitor_counters(const struct render *render, const json_t *place)
{
	if (render->detail)
		counters(render, place);
}

static void places(const struct render *render, const json_t *monitor, const json_t *status)
{
	const json_t *servers = field_array(status, "servers");

	for (size_t i = 0; i < json_array_size(servers); i++) {
		const json_t *server = json_array_get(servers, i), *row;
		const char *word = render_monitor_on(monitor, server, &row);
		char label[96];

		if (!*word)
			continue;
		snprintf(label, sizeof(label), "On %s", field_string(server, "name"));
		render_label(render, label);
		render_status(render, word, 0);
		counters(render, row);
		fputc('\n', render->out);
	}
}

static void milliseconds_row(const struct render *render, const json_t *statistics,
			     const char *label, const char *member)
{
	render_number_row(render, label, field_number(statistics, member) / 1000);
}

static void last_check(const struct render *render, const json_t *statistics)
{
	json_int_t wall_us = field_integer(statistics, "last_wall_us");
	time_t seconds = (time_t)(wall_us / 1000000);
	char text[40] = "-";
	struct tm tm;

	if (wall_us > 0 && localtime_r(&seconds, &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z", &tm);
	render_text_row(render, "Last Verdict", text);
	render_text_row(render, "Verdict", field_string(statistics, "text"));
}

static void statistics(const struct render *render, const json_t *monitor)
{
	const json_t *s = field_object(monitor, "statistics");

	if (!s)
		return;
	render_number_row(render, "Checks", field_number(s, "checks"));
	render_number_row(render, "Failed Checks", field_number(s, "failures"));
	render_number_row(render, "Timed Out Checks", field_number(s, "timeouts"));
	milliseconds_row(render, s, "Last Duration (ms)", "last_us");
	milliseconds_row(render, s, "Mean Duration (ms)", "mean_us");
	milliseconds_row(render, s, "99th Percentile of Durations (ms)", "p99_us");
	milliseconds_row(render, s, "Longest Duration (ms)", "max_us");
	last_check(render, s);
}

void render_monitor_info(const struct render *render, const json_t *monitor, const json_t *status)
{
	const char *recovery = field_string(monitor, "recovery");

	render_text_row(render, "Type", field_string(monitor, "type"));
	render_text_row(render, "Comment", field_string(monitor, "comment"));
	render_text_row(render, "Recovery Target", *recovery ? recovery : "-");
	if (field_bool(monitor, "critical"))
		render_text_row(render, "Critical", "yes");
	if (!render->detail && render->parts != RENDER_MONITORS)
		return;
	render_text_row(render, "Status", render_status_word(field_string(monitor, "status")));
	places(render, monitor, status);
	statistics(render, monitor);
}
