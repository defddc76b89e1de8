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
#define ITEM_WIDTH    15
#define STATUS_WIDTH  17
#define MONITOR_WIDTH 18 /* of a monitor's status */

static size_t cut(const struct render *render, size_t width)
{
	return render->long_names ? TEXT_ALL : width - 1; /* a blank always follows the name */
}

static void head_line(const struct render *render, char mark, const json_t *object)
{
	FILE *out = render->out;
	size_t n;

	fprintf(out, "   %c", mark);
	n = text_put_cut(out, field_string(object, "name"), cut(render, HEAD_WIDTH)) + 1;
	fputc(' ', out);
	if (n < HEAD_WIDTH)
		text_put_repeated(out, '.', HEAD_WIDTH - n);
	fputs(": ", out);
	render_status(render, field_string(object, "status"), STATUS_WIDTH);
	fputc('\n', out);
}

static void item_name(const struct render *render, const char *name)
{
	fputs("      ", render->out);
	text_put_column(render->out, name, cut(render, ITEM_WIDTH), ITEM_WIDTH);
	fputs(": ", render->out);
}

static void item_line(const struct render *render, const char *name, const char *status,
		      const char *comment)
{
	item_name(render, name);
	render_status(render, status, STATUS_WIDTH);
	text_put(render->out, comment);
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

		head_line(render, field_bool(server, "self") ? '*' : ' ', server);
		for (unsigned int link = 0; link < n_links; link++) {
			snprintf(name, sizeof(name), "lanhb%u", link + 1);
			item_line(render, name, heartbeat_status(status, server, link),
				  "LAN Heartbeat");
		}
		for (unsigned int link = 0; link < n_kernel; link++) {
			snprintf(name, sizeof(name), "lankhb%u", link + 1);
			item_line(render, name, kernel_heartbeat_status(status, server, link),
				  "Kernel Mode LAN Heartbeat");
		}
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

		head_line(render, ' ', group);
		item_name(render, "current");
		text_put(render->out, *current ? current : "None");
		fputc('\n', render->out);
		for (size_t k = 0; k < json_array_size(resources); k++) {
			const char *name = json_string_value(json_array_get(resources, k));
			const json_t *resource = field_find(status, "resources", name ? name : "");

			item_line(render, name ? name : "?", field_string(resource, "status"),
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
		text_put_column(render->out, field_string(monitor, "name"), cut(render, HEAD_WIDTH),
				HEAD_WIDTH);
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
