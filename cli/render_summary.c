/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The summary. Every ':' stands in column 22:
 *    *name .......: Online           	three blanks and '*' (this node) or a blank; name, a
 *					blank and dots fill 17 columns
 *       name      : Normal           comment	six blanks, name in 15 columns
 *     name        : Normal            		monitors: four blanks, name in 17 columns
 */
#include "cli/field.h"
#include "cli/render.h"
#include "cli/text.h"

#include <string.h>

#define HEAD_WIDTH    17
#define MONITOR_WIDTH 18 /* of a monitor's status */

/* Whether the server could be switched off, and whether that is being done. */
static void fencing_item(const struct render *render, const json_t *status, const json_t *server)
{
	const json_t *row = render_fencing_of(status, field_string(server, "name"));

	if (!row)
		return;
	render_item_status(render, "fence", field_string(row, "check"));
	if (!render_fence_state(render, row))
		fputs("Fencing devices", render->out);
	fputc('\n', render->out);
}

static void servers(const struct render *render, const json_t *status)
{
	const json_t *rows = field_array(status, "servers");
	unsigned int n_links = heartbeat_count(status);
	unsigned int n_kernel = kernel_heartbeat_count(status);
	char name[24];

	fputs("  <server>\n", render->out);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *server = json_array_get(rows, i);

		render_head(render, field_bool(server, "self") ? '*' : ' ', server);
		for (unsigned int link = 0; link < n_links; link++) {
			snprintf(name, sizeof(name), "lanhb%u", link + 1);
			render_item(render, name, heartbeat_status(status, server, link),
				    "LAN Heartbeat");
		}
		for (unsigned int link = 0; link < n_kernel; link++) {
			snprintf(name, sizeof(name), "lankhb%u", link + 1);
			render_item(render, name, kernel_heartbeat_status(status, server, link),
				    "Kernel Mode LAN Heartbeat");
		}
		fencing_item(render, status, server);
	}
}

static void groups(const struct render *render, const json_t *status)
{
	const json_t *rows = field_array(status, "groups");

	fputs("  <group>\n", render->out);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *group = json_array_get(rows, i);
		const json_t *resources = field_array(group, "resources");
		const char *current = field_string(group, "current");

		render_head(render, ' ', group);
		render_item_name(render, "current");
		text_put(render->out, *current ? current : "None");
		fputc('\n', render->out);
		for (size_t k = 0; k < json_array_size(resources); k++) {
			const char *name = json_string_value(json_array_get(resources, k));
			const json_t *resource = field_find(status, "resources", name ? name : "");

			render_item(render, name ? name : "?", field_string(resource, "status"),
				    field_string(resource, "comment"));
		}
	}
}

static void monitors(const struct render *render, const json_t *status)
{
	const json_t *rows = field_array(status, "monitors");

	fputs("  <monitor>\n", render->out);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *monitor = json_array_get(rows, i);

		fputs("    ", render->out);
		text_put_column(render->out, field_string(monitor, "name"),
				render_cut(render, HEAD_WIDTH), HEAD_WIDTH);
		fputs(": ", render->out);
		render_status(render, field_string(monitor, "status"), MONITOR_WIDTH);
		fputc('\n', render->out);
	}
}

void render_summary(const struct render *render, const json_t *status)
{
	render_title(render, 24, "  CLUSTER STATUS  ", 27);
	render_cluster_line(render, status);
	servers(render, status);
	groups(render, status);
	monitors(render, status);
	render_end(render);
}
