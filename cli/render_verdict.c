/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verdict and, between it and the block that scripts parse, what a person should know. */
#include "cli/field.h"
#include "cli/render.h"
#include "cli/text.h"

#include <string.h>
#include <strings.h>

static enum text_color level_color(const char *level)
{
	if (strcmp(level, "healthy") == 0)
		return TEXT_GOOD;
	return strcmp(level, "degraded") == 0 ? TEXT_WARNING : TEXT_BAD;
}

static void verdict_line(const struct render *render, const char *level, const char *text)
{
	FILE *out = render->out;
	size_t n = strlen(level);
	bool said = n > 0 && strncasecmp(text, level, n) == 0; /* the sentence begins with it */

	text_color_start(out, render->color, level_color(level));
	if (!said) {
		text_put(out, *level ? level : "unknown");
		fputs(*text ? ": " : "", out);
	}
	text_put(out, text);
	text_color_end(out, render->color, level_color(level));
	fputc('\n', out);
}

static void lines(const struct render *render, const json_t *array, const char *mark,
		  const char *but)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *text = json_string_value(json_array_get(array, i));

		if (!text || strcmp(text, but) == 0)
			continue;
		fprintf(render->out, "  %s ", mark);
		text_put(render->out, text);
		fputc('\n', render->out);
	}
}

static void view_line(const struct render *render, const json_t *status)
{
	const json_t *view = field_object(status, "view");
	const json_t *members = field_array(view, "members");
	FILE *out = render->out;

	if (!view) {
		fputs("  view: none, this node is in no agreed membership\n", out);
		return;
	}
	fprintf(out, "  view: epoch %" JSON_INTEGER_FORMAT " of ", field_integer(view, "epoch"));
	text_put(out, field_string(view, "coordinator"));
	fputs(", members", out);
	for (size_t i = 0; i < json_array_size(members); i++) {
		const char *name = json_string_value(json_array_get(members, i));

		fputc(' ', out);
		text_put(out, name ? name : "?");
	}
	fprintf(out, "; %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " votes, %s\n",
		field_integer(status, "votes_view"), field_integer(status, "votes_total"),
		field_bool(status, "quorate") ? "quorum" : "no quorum");
}

static void lease_line(const struct render *render, const json_t *status)
{
	if (field_bool(status, "lease_valid"))
		fprintf(render->out, "  lease: valid for %.0f ms more",
			field_number(status, "lease_left_us") / 1000);
	else
		fputs("  lease: not valid, this node may hold no group", render->out);
	fprintf(render->out, " (lease %g ms, beat %g ms, timeout %g ms)\n",
		field_number(status, "lease_us") / 1000, field_number(status, "interval_us") / 1000,
		field_number(status, "timeout_us") / 1000);
}

static void kernel_line(const struct render *render, const json_t *status)
{
	const json_t *kernel = field_object(status, "kernel");
	const char *state = field_string(kernel, "state"), *reason = field_string(kernel, "reason");
	json_int_t n = field_integer(kernel, "interfaces");
	FILE *out = render->out;

	if (!kernel)
		return; /* an older agent */
	if (strcmp(state, "on") == 0)
		fprintf(out, "  kernel: on %" JSON_INTEGER_FORMAT " interface%s, lease %s%s", n,
			n == 1 ? "" : "s",
			field_bool(kernel, "lease_valid") ? "valid" : "not valid",
			*reason ? ", NOT on all: " : "");
	else if (strcmp(state, "off") == 0)
		fputs("  kernel: off, by the configuration", out);
	else
		fputs("  kernel: REFUSED, the agent alone enforces leases: ", out);
	text_put(out, reason);
	fputc('\n', out);
}

static void agent_line(const struct render *render, const json_t *status)
{
	fprintf(render->out, "  agent: %s, %s, state store %s\n",
		field_bool(status, "realtime") ? "real-time priority" : "NO real-time priority",
		field_bool(status, "memory_locked") ? "memory locked" : "memory NOT locked",
		field_bool(status, "store_ok") ? "ok" : "FAILED");
}

/* Where a group cannot go, and what it waits for. */
static void group_lines(const struct render *render, const json_t *status)
{
	const json_t *groups = field_array(status, "groups");
	FILE *out = render->out;

	for (size_t i = 0; i < json_array_size(groups); i++) {
		const json_t *group = json_array_get(groups, i);
		const json_t *failed = field_array(group, "failed_on");
		const char *blocked = field_string(group, "blocked_by");

		if (json_array_size(failed) == 0 && !*blocked)
			continue;
		fputs("  - group ", out);
		text_put(out, field_string(group, "name"));
		for (size_t k = 0; k < json_array_size(failed); k++) {
			const char *name = json_string_value(json_array_get(failed, k));

			fputs(k == 0 ? ": failed on " : ", ", out);
			text_put(out, name ? name : "?");
		}
		if (*blocked) {
			fputs(json_array_size(failed) > 0 ? "; waits for " : ": waits for ", out);
			text_put(out, blocked);
		}
		fputc('\n', out);
	}
}

void render_verdict(const struct render *render, const json_t *status)
{
	const json_t *verdict = field_object(status, "verdict");
	const char *text = field_string(verdict, "text");

	verdict_line(render, field_string(verdict, "level"), text);
	lines(render, field_array(verdict, "reasons"), "-", text);
	lines(render, field_array(status, "warnings"), "!", text);
	group_lines(render, status);
	view_line(render, status);
	lease_line(render, status);
	kernel_line(render, status);
	agent_line(render, status);
}
