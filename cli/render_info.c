/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration list: "[Server0 : name]", then "   Label      : value" with the ':' in column
 * 59. Scripts take the names from the lines that hold "Server", so no label may hold that word.
 */
#include "cli/field.h"
#include "cli/render.h"
#include "cli/text.h"

#include <string.h>

#define LABEL_WIDTH 55

static void section(const struct render *render, const char *kind, size_t i, const char *name)
{
	fprintf(render->out, " [%s%zu : ", kind, i);
	text_put(render->out, name);
	fputs("]\n", render->out);
}

static void label(const struct render *render, const char *text)
{
	fputs("   ", render->out);
	text_put_column(render->out, text, LABEL_WIDTH, LABEL_WIDTH);
	fputs(": ", render->out);
}

static void text_row(const struct render *render, const char *name, const char *value)
{
	label(render, name);
	text_put(render->out, value);
	fputc('\n', render->out);
}

static void number_row(const struct render *render, const char *name, double value)
{
	label(render, name);
	fprintf(render->out, "%.12g\n", value);
}

static void names_row(const struct render *render, const char *name, const json_t *array)
{
	label(render, name);
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *s = json_string_value(json_array_get(array, i));

		fputs(i > 0 ? " " : "", render->out);
		text_put(render->out, s ? s : "?");
	}
	fputc('\n', render->out);
}

static void cluster(const struct render *render, const json_t *status)
{
	fputs(" [Cluster : ", render->out);
	text_put(render->out, field_string(status, "cluster"));
	fputs("]\n", render->out);
	number_row(render, "Heartbeat Interval (ms)", field_number(status, "interval_us") / 1000);
	number_row(render, "Heartbeat Timeout (ms)", field_number(status, "timeout_us") / 1000);
	number_row(render, "Lease (ms)", field_number(status, "lease_us") / 1000);
	number_row(render, "Votes", field_number(status, "votes_total"));
	text_row(render, "Configuration Hash", field_string(status, "config_hash"));
	text_row(render, "Agent Version", field_string(status, "version"));
}

/* A row about this link of any pair; all of them name this node's own address. */
static const json_t *any_link(const json_t *status, json_int_t number)
{
	const json_t *rows = field_array(status, "servers");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *links = field_array(json_array_get(rows, i), "links");

		for (size_t k = 0; k < json_array_size(links); k++)
			if (field_integer(json_array_get(links, k), "link") == number)
				return json_array_get(links, k);
	}
	return NULL;
}

static void address_row(const struct render *render, unsigned int link, const char *address)
{
	char name[32];

	snprintf(name, sizeof(name), "Address of lanhb%u", link + 1);
	text_row(render, name, address);
}

static void addresses(const struct render *render, const json_t *status, const json_t *server)
{
	const json_t *links = field_array(server, "links");
	unsigned int n = heartbeat_count(status);

	for (unsigned int link = 0; link < n && field_bool(server, "self"); link++)
		address_row(render, link, field_string(any_link(status, link), "address"));
	for (size_t k = 0; k < json_array_size(links) && !field_bool(server, "self"); k++) {
		const json_t *row = json_array_get(links, k);
		json_int_t link = field_integer(row, "link");

		if (link >= 0 && link < HEARTBEATS_MAX)
			address_row(render, (unsigned int)link, field_string(row, "peer_address"));
	}
}

static void servers(const struct render *render, const json_t *status)
{
	const json_t *rows = field_array(status, "servers");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *server = json_array_get(rows, i);

		section(render, "Server", i, field_string(server, "name"));
		number_row(render, "Number", field_number(server, "id"));
		text_row(render, "Role", field_bool(server, "hosts") ? "host" : "witness");
		number_row(render, "Votes", field_number(server, "votes"));
		addresses(render, status, server);
	}
}

static void heartbeats(const struct render *render, const json_t *status)
{
	unsigned int n = heartbeat_count(status);
	char name[24];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "lanhb%u", i + 1);
		section(render, "HB", i, name);
		text_row(render, "Type", "lanhb");
		text_row(render, "Comment", "LAN Heartbeat");
	}
}

static void groups(const struct render *render, const json_t *status)
{
	const json_t *rows = field_array(status, "groups");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *group = json_array_get(rows, i);

		section(render, "Group", i, field_string(group, "name"));
		text_row(render, "Type", "failover");
		names_row(render, "Startup Order", field_array(group, "servers"));
		names_row(render, "Resources", field_array(group, "resources"));
	}
}

static void resources(const struct render *render, const json_t *status)
{
	const json_t *rows = field_array(status, "resources");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *resource = json_array_get(rows, i);

		section(render, "Resource", i, field_string(resource, "name"));
		text_row(render, "Type", field_string(resource, "type"));
		text_row(render, "Comment", field_string(resource, "comment"));
		text_row(render, "Group", field_string(resource, "group"));
	}
}

static void monitors(const struct render *render, const json_t *status)
{
	const json_t *rows = field_array(status, "monitors");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *monitor = json_array_get(rows, i);

		section(render, "Monitor", i, field_string(monitor, "name"));
		text_row(render, "Type", field_string(monitor, "type"));
		text_row(render, "Comment", field_string(monitor, "comment"));
	}
}

void render_info(const struct render *render, const json_t *status)
{
	render_title(render, 23, "  CLUSTER INFORMATION  ", 23);
	cluster(render, status);
	servers(render, status);
	heartbeats(render, status);
	groups(render, status);
	resources(render, status);
	monitors(render, status);
	render_end(render);
}
