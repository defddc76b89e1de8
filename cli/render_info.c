/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration list: "[Server0 : name]", then "   Label      : value" with the ':' in column
 * 59. Scripts take the names from the lines that hold "Server", so no label may hold that word.
 */
#include "cli/field.h"
#include "cli/render.h"
#include "cli/text.h"
#include "util/cleanup.h"

#include <string.h>
#include <time.h>

#define LABEL_WIDTH 55

void render_section(const struct render *render, const char *kind, size_t i, const char *name)
{
	fprintf(render->out, " [%s%zu : ", kind, i);
	text_put(render->out, name);
	fputs("]\n", render->out);
}

void render_label(const struct render *render, const char *text)
{
	fputs("   ", render->out);
	text_put_column(render->out, text, LABEL_WIDTH, LABEL_WIDTH);
	fputs(": ", render->out);
}

void render_text_row(const struct render *render, const char *name, const char *value)
{
	render_label(render, name);
	text_put(render->out, value);
	fputc('\n', render->out);
}

void render_number_row(const struct render *render, const char *name, double value)
{
	render_label(render, name);
	fprintf(render->out, "%.12g\n", value);
}

static void names_row(const struct render *render, const char *name, const json_t *array)
{
	render_label(render, name);
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *s = json_string_value(json_array_get(array, i));

		fputs(i > 0 ? " " : "", render->out);
		text_put(render->out, s ? s : "?");
	}
	fputc('\n', render->out);
}

/* What was set for the object, in the words of the file. A label may not hold "Server" (above);
 * the keys are in small letters. */
void render_settings(const struct render *render, const json_t *row)
{
	const char *text = field_string(row, "settings");

	while (*text) {
		size_t n = strcspn(text, "\n");
		_cleanup_free_ char *line = strndup(text, n);
		char *value = line ? strstr(line, " = ") : NULL;

		text += n + (text[n] == '\n');
		if (!value)
			continue;
		*value = '\0';
		n = strlen(value + 3);
		if (n > 0 && value[3 + n - 1] == ';')
			value[3 + n - 1] = '\0';
		render_text_row(render, line + strspn(line, " \t"), value + 3);
	}
}

static void applied_row(const struct render *render, const json_t *status)
{
	time_t seconds = (time_t)(field_integer(status, "config_applied_wall_us") / 1000000);
	char text[40] = "-";
	struct tm tm;

	if (seconds > 0 && localtime_r(&seconds, &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z", &tm);
	render_text_row(render, "Configuration Applied", text);
}

static void cluster_state(const struct render *render, const json_t *status)
{
	render_text_row(render, "Status", render_status_word(field_string(status, "status")));
	render_text_row(render, "Mode", field_string(status, "mode"));
	render_number_row(render, "Timeout Ratio", field_number(status, "ratio"));
	if (field_integer(status, "ratio_left_us") > 0) {
		render_label(render, "Timeout Ratio Left");
		text_put_time(render->out, (uint64_t)field_integer(status, "ratio_left_us"));
		fputc('\n', render->out);
	}
	render_number_row(render, "Heartbeat Timeout in Force (ms)",
			  field_number(status, "timeout_in_force_us") / 1000);
	render_number_row(render, "Lease in Force (ms)",
			  field_number(status, "lease_in_force_us") / 1000);
	render_number_row(render, "Configuration Generation",
			  field_number(status, "config_generation"));
	applied_row(render, status);
}

static void cluster(const struct render *render, const json_t *status)
{
	fputs(" [Cluster : ", render->out);
	text_put(render->out, field_string(status, "cluster"));
	fputs("]\n", render->out);
	render_number_row(render, "Heartbeat Interval (ms)",
			  field_number(status, "interval_us") / 1000);
	render_number_row(render, "Heartbeat Timeout (ms)",
			  field_number(status, "timeout_us") / 1000);
	render_number_row(render, "Lease (ms)", field_number(status, "lease_us") / 1000);
	if (json_object_get(status, "stall_timeout_us"))
		render_number_row(render, "Stall Timeout (ms)",
				  field_number(status, "stall_timeout_us") / 1000);
	render_number_row(render, "Votes", field_number(status, "votes_total"));
	render_text_row(render, "Configuration Hash", field_string(status, "config_hash"));
	render_text_row(render, "Agent Version", field_string(status, "version"));
	if (render->detail || render->parts == RENDER_CLUSTER)
		cluster_state(render, status);
	render_settings(render, status);
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
	render_text_row(render, name, address);
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

static void some_names_row(const struct render *render, const char *name, const json_t *array)
{
	if (json_array_size(array) > 0)
		names_row(render, name, array);
}

static bool is_wanted(const struct render *render, const json_t *row)
{
	return !render->only || strcmp(field_string(row, "name"), render->only) == 0;
}

static void servers(const struct render *render, const json_t *status)
{
	const json_t *rows = field_array(status, "servers");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *server = json_array_get(rows, i);

		if (!is_wanted(render, server))
			continue;
		render_section(render, "Server", i, field_string(server, "name"));
		render_number_row(render, "Number", field_number(server, "id"));
		render_text_row(render, "Role", field_bool(server, "hosts") ? "host" : "witness");
		render_number_row(render, "Votes", field_number(server, "votes"));
		addresses(render, status, server);
		if (render->detail)
			names_row(render, "Monitors in Error",
				  field_array(server, "monitors_in_error"));
		render_settings(render, server);
	}
}

static void heartbeats(const struct render *render, const json_t *status)
{
	unsigned int n = heartbeat_count(status), n_kernel = kernel_heartbeat_count(status);
	char name[24];

	for (unsigned int i = 0; i < n + n_kernel; i++) {
		bool kernel = i >= n;

		snprintf(name, sizeof(name), kernel ? "lankhb%u" : "lanhb%u",
			 (kernel ? i - n : i) + 1);
		render_section(render, "HB", i, name);
		render_text_row(render, "Type", kernel ? "lankhb" : "lanhb");
		render_text_row(render, "Comment",
				kernel ? "Kernel Mode LAN Heartbeat" : "LAN Heartbeat");
	}
}

static void group_state(const struct render *render, const json_t *group)
{
	const json_t *hold = field_object(group, "held");

	render_number_row(render, "Failovers Counted", field_number(group, "failovers"));
	render_number_row(render, "Failover Limit", field_number(group, "failover_limit"));
	if (hold)
		render_text_row(render, "Held", field_string(hold, "text"));
	if (*field_string(group, "waits_for"))
		render_text_row(render, "Waits for", field_string(group, "waits_for"));
}

static void group(const struct render *render, const json_t *row, const json_t *status)
{
	(void)status;
	render_text_row(render, "Type", "failover");
	render_text_row(render, "Comment", field_string(row, "comment"));
	render_text_row(render, "Startup Attribute", field_string(row, "start"));
	render_text_row(render, "Failover Attribute", field_string(row, "failover"));
	render_text_row(render, "Failback Attribute", field_string(row, "failback"));
	names_row(render, "Startup Order", field_array(row, "servers"));
	names_row(render, "Resources", field_array(row, "resources"));
	some_names_row(render, "Starts After", field_array(row, "start_after"));
	some_names_row(render, "Stops After", field_array(row, "stop_after"));
	some_names_row(render, "Exclusion Rules", field_array(row, "exclusions"));
	if (*field_string(row, "enforcement"))
		render_text_row(render, "Lease Enforced By", field_string(row, "enforcement"));
	if (render->detail)
		group_state(render, row);
}

static void resource(const struct render *render, const json_t *row, const json_t *status)
{
	(void)status;
	render_text_row(render, "Type", field_string(row, "type"));
	render_text_row(render, "Comment", field_string(row, "comment"));
	render_text_row(render, "Group", field_string(row, "group"));
}

static void exclusion(const struct render *render, const json_t *row, const json_t *status)
{
	(void)status;
	render_text_row(render, "Type", field_string(row, "kind"));
	names_row(render, "Groups", field_array(row, "groups"));
}

static const struct part {
	enum render_part part;
	const char *member; /* of the Status object */
	const char *kind;
	void (*render)(const struct render *render, const json_t *row, const json_t *status);
} parts[] = {
	{RENDER_GROUPS, "groups", "Group", group},
	{RENDER_RESOURCES, "resources", "Resource", resource},
	{RENDER_MONITORS, "monitors", "Monitor", render_monitor_info},
	{RENDER_EXCLUSIONS, "exclusions", "Exclusion", exclusion},
};

static void objects(const struct render *render, const json_t *status, const struct part *part)
{
	const json_t *rows = field_array(status, part->member);

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);

		if (!is_wanted(render, row))
			continue;
		render_section(render, part->kind, i, field_string(row, "name"));
		part->render(render, row, status);
		render_settings(render, row);
	}
}

void render_info(const struct render *render, const json_t *status)
{
	unsigned int wanted = render->parts ? render->parts : RENDER_ALL;

	render_title(render, 23, "  CLUSTER INFORMATION  ", 23);
	if (wanted & RENDER_CLUSTER)
		cluster(render, status);
	if (wanted & RENDER_SERVERS)
		servers(render, status);
	if (wanted & RENDER_HEARTBEATS)
		heartbeats(render, status);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (wanted & parts[i].part)
			objects(render, status, &parts[i]);
	render_end(render);
}
