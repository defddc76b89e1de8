/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The maps: groups by server, monitors by server. */
#include "cli/field.h"
#include "cli/render.h"
#include "cli/text.h"

#include <string.h>

#define MAP_RULE_WIDTH 68

static void map_rule(const struct render *render)
{
	fputs("  ", render->out);
	text_put_repeated(render->out, '-', MAP_RULE_WIDTH);
	fputc('\n', render->out);
}

/* ---- groups ---- */

static char group_mark(const char *status)
{
	if (strcmp(status, "Online") == 0)
		return 'o';
	if (strcmp(status, "Online Pending") == 0 || strcmp(status, "Offline Pending") == 0)
		return 'p';
	return strcmp(status, "Error") == 0 ? 'e' : '-';
}

/* Where it is, or where it is about to be. */
static const char *group_place(const json_t *group)
{
	const char *current = field_string(group, "current");

	return *current ? current : field_string(group, "owner");
}

void render_groups(const struct render *render, const json_t *status)
{
	const json_t *servers = field_array(status, "servers");
	const json_t *groups = field_array(status, "groups");

	render_title(render, 22, "  GROUPMAP INFORMATION  ", 23);
	render_cluster_line(render, status);
	render_server_list(render, status);
	map_rule(render);
	for (size_t i = 0; i < json_array_size(servers); i++) {
		const json_t *server = json_array_get(servers, i);
		const char *name = field_string(server, "name");

		fprintf(render->out, "    server%zu [%c] : ", i, render_server_mark(server));
		for (size_t k = 0; k < json_array_size(groups); k++) {
			const json_t *group = json_array_get(groups, k);
			const char *word = render_status_word(field_string(group, "status"));

			if (strcmp(word, "Offline") == 0 || strcmp(group_place(group), name) != 0)
				continue;
			text_put(render->out, field_string(group, "name"));
			fprintf(render->out, "[%c] ", group_mark(word));
		}
		fputc('\n', render->out);
	}
	render_end(render);
}

/* ---- monitors ---- */

/* What `monitor` says on that server; "-" if it is not configured there. The original's map calls a
 * monitor that is well Online. */
static void monitor_on(const struct render *render, const json_t *monitor, const json_t *server)
{
	const json_t *row;
	const char *word = render_monitor_on(monitor, server, &row);

	if (!*word) {
		fputc('-', render->out);
		return;
	}
	render_status(render, strcmp(word, "Normal") == 0 ? "Online" : word, 0);
	render_monitor_counters(render, row);
}

void render_monitors(const struct render *render, const json_t *status)
{
	const json_t *servers = field_array(status, "servers");
	const json_t *monitors = field_array(status, "monitors");

	render_title(render, 20, "  MONITOR RESOURCE STATUS  ", 22);
	render_cluster_line(render, status);
	render_server_list(render, status);
	for (size_t i = 0; i < json_array_size(monitors); i++) {
		const json_t *monitor = json_array_get(monitors, i);

		fprintf(render->out, "%s  Monitor%zu [", i > 0 ? "\n" : "", i);
		text_put(render->out, field_string(monitor, "name"));
		fputs(" : ", render->out);
		render_status(render, field_string(monitor, "status"), 0);
		fputs("]\n", render->out);
		map_rule(render);
		for (size_t k = 0; k < json_array_size(servers); k++) {
			const json_t *server = json_array_get(servers, k);

			fprintf(render->out, "    server%zu [%c] : ", k,
				render_server_mark(server));
			monitor_on(render, monitor, server);
			fputc('\n', render->out);
		}
	}
	render_end(render);
}
