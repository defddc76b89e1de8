/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The map of heartbeats: who hears whom on which link, and whose kernel answers this node. */
#include "cli/field.h"
#include "cli/render.h"
#include "cli/text.h"

#include <string.h>

#define NAME_WIDTH 7 /* "server0"; two more columns from server10 on */

static void heartbeat_rows(const struct render *render, const json_t *status, const json_t *from)
{
	const json_t *servers = field_array(status, "servers");
	unsigned int n_lan = heartbeat_count(status), n = n_lan + kernel_heartbeat_count(status);
	int width = json_array_size(servers) > 10 ? NAME_WIDTH + 1 : NAME_WIDTH;

	fprintf(render->out, "%*s", 2 + width + 2, "HB");
	for (unsigned int i = 0; i < n; i++)
		fprintf(render->out, "%5u", i);
	fputs("\n  ", render->out);
	text_put_repeated(render->out, '-', (size_t)width + 5 + 5 * (size_t)n);
	fputc('\n', render->out);
	for (size_t k = 0; k < json_array_size(servers); k++) {
		const json_t *to = json_array_get(servers, k);
		char name[32];

		snprintf(name, sizeof(name), "server%zu", k);
		fprintf(render->out, "    %-*s :", width, name);
		for (unsigned int i = 0; i < n; i++)
			fprintf(render->out, "%*s%c", i == 0 ? 2 : 4, "",
				i < n_lan ? heartbeat_mark(from, to, i, n_lan)
					  : kernel_heartbeat_mark(status, from, to, i - n_lan));
		fputc('\n', render->out);
	}
}

static void names(const struct render *render, const json_t *status)
{
	unsigned int n_lan = heartbeat_count(status);

	for (unsigned int i = 0; i < n_lan; i++)
		fprintf(render->out, "  HB%u : lanhb%u\n", i, i + 1);
	for (unsigned int i = 0; i < kernel_heartbeat_count(status); i++)
		fprintf(render->out, "  HB%u : lankhb%u\n", n_lan + i, i + 1);
}

static void kernel_problem(const struct render *render, const json_t *status)
{
	const json_t *kernel = field_object(status, "kernel");
	const char *reason = field_string(kernel, "reason");

	if (!*reason)
		return;
	fprintf(render->out, "  kernel path %s: ",
		strcmp(field_string(kernel, "state"), "on") == 0 ? "not on all interfaces"
								 : "refused");
	text_put(render->out, reason);
	fputc('\n', render->out);
}

/* ---- statistics ---- */

static void link_counters(const struct render *render, const json_t *server, size_t number,
			  const json_t *link)
{
	FILE *out = render->out;

	fprintf(out, "\n  [lanhb%" JSON_INTEGER_FORMAT " to server%zu : ",
		field_integer(link, "link") + 1, number);
	text_put(out, field_string(link, "peer_address"));
	fprintf(out,
		"]\n    lan    : sent %.0f, received %.0f, lost %.0f, late %.0f, duplicate %.0f, "
		"errors %.0f\n",
		field_number(link, "sent"), field_number(link, "received"),
		field_number(link, "lost"), field_number(link, "late"),
		field_number(link, "duplicate"), field_number(link, "send_errors"));
	fprintf(out, "             round trip p50 %.3f ms, p99 %.3f ms, max %.3f ms\n",
		field_number(link, "rtt_us_p50") / 1000, field_number(link, "rtt_us_p99") / 1000,
		field_number(link, "rtt_us_max") / 1000);
	if (!json_object_get(link, "kernel_status"))
		return;
	fprintf(out, "    kernel : probes %.0f, answers %.0f", field_number(link, "kernel_probes"),
		field_number(link, "kernel_answers"));
	if (field_integer(server, "kernel_rtt_us") > 0)
		fprintf(out, ", newest round trip %.3f ms",
			field_number(server, "kernel_rtt_us") / 1000);
	fputc('\n', out);
}

static void kernel_counters(const struct render *render, const json_t *status)
{
	const json_t *kernel = field_object(status, "kernel"), *value;
	const json_t *programs = field_array(kernel, "programs");
	FILE *out = render->out;
	const char *name;

	if (!kernel)
		return;
	fputs("\n  [kernel path : ", out);
	text_put(out, field_string(kernel, "state"));
	fprintf(out, ", %.0f interfaces]\n", field_number(kernel, "interfaces"));
	json_object_foreach((json_t *)(uintptr_t)field_object(kernel, "counters"), name, value)
	{
		fputs("    ", out);
		text_put_column(out, name, 12, 12);
		fprintf(out, ": %.0f\n", json_number_value(value));
	}
	for (size_t i = 0; i < json_array_size(programs); i++) {
		const json_t *p = json_array_get(programs, i);

		fputs("    ", out);
		text_put(out, field_string(p, "name"));
		fprintf(out,
			": program %.0f, %.0f instructions, %.0f bytes of machine code, "
			"verifier %.0f in %.3f ms\n",
			field_number(p, "id"), field_number(p, "instructions"),
			field_number(p, "jited_bytes"), field_number(p, "verified"),
			field_number(p, "load_us") / 1000);
	}
}

static void statistics(const struct render *render, const json_t *status)
{
	const json_t *servers = field_array(status, "servers");

	for (size_t i = 0; i < json_array_size(servers); i++) {
		const json_t *server = json_array_get(servers, i);
		const json_t *links = field_array(server, "links");

		for (size_t k = 0; k < json_array_size(links); k++)
			link_counters(render, server, i, json_array_get(links, k));
	}
	kernel_counters(render, status);
}

void render_heartbeats(const struct render *render, const json_t *status)
{
	const json_t *servers = field_array(status, "servers");

	render_title(render, 18, " HEARTBEAT RESOURCE STATUS ", 20);
	render_cluster_line(render, status);
	render_server_list(render, status);
	names(render, status);
	kernel_problem(render, status);
	for (size_t i = 0; i < json_array_size(servers); i++) {
		const json_t *server = json_array_get(servers, i);
		double stalled_us = field_number(server, "stalled_us");

		fprintf(render->out, "\n  [on server%zu : ", i);
		render_status(render, field_string(server, "status"), 0);
		fputs("]\n", render->out);
		if (stalled_us > 0)
			fprintf(render->out, "    stalled since %.1f s\n", stalled_us / 1000000);
		heartbeat_rows(render, status, server);
	}
	render_fence_checks(render, status);
	if (render->detail)
		statistics(render, status);
	render_end(render);
}
