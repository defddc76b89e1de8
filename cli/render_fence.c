/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fencing: who could be switched off by what, what the checks say, and what is being done. The
 * lines of a server are those of the summary, ':' in column 22; texts of devices stand below.
 */
#include "cli/field.h"
#include "cli/render.h"
#include "cli/text.h"

#include <string.h>

#define TEXT_LEFT  24 /* of lines that go on */
#define TEXT_RIGHT 80
#define WORD_SIZE  32

static void seconds(FILE *out, double us)
{
	if (us > 1e12)
		us = 1e12;
	fprintf(out, us < 10e6 ? "%.2f s" : "%.0f s", us / 1e6);
}

/* ---- an order ---- */

static void by(const struct render *render, const json_t *row, const char *before,
	       const char *after)
{
	const char *executor = field_string(row, "executor");

	fputs(before, render->out);
	text_put(render->out, *executor ? executor : "nobody");
	fputs(after, render->out);
}

static void in_time(const struct render *render, const json_t *row)
{
	double us = field_number(row, "wait_us");

	if (us > 0) {
		fputs("in ", render->out);
		text_put_time(render->out, (uint64_t)us);
	} else {
		fputs("at once", render->out);
	}
}

static void running(const struct render *render, const json_t *row)
{
	by(render, row, "being fenced by ", "");
	if (field_integer(row, "level") > 0)
		fprintf(render->out, ", level %" JSON_INTEGER_FORMAT ", try %" JSON_INTEGER_FORMAT,
			field_integer(row, "level"), field_integer(row, "try"));
}

static void failed(const struct render *render, const json_t *row)
{
	by(render, row, "fencing by ", " FAILED");
	if (field_number(row, "wait_us") > 0) {
		fputs(", again ", render->out);
		in_time(render, row);
	}
}

bool render_fence_state(const struct render *render, const json_t *row)
{
	const char *state = field_string(row, "state");

	if (strcmp(state, "delayed") == 0) {
		by(render, row, "to be fenced by ", " ");
		in_time(render, row);
	} else if (strcmp(state, "running") == 0) {
		running(render, row);
	} else if (strcmp(state, "failed") == 0) {
		failed(render, row);
	} else if (strcmp(state, "confirmed") == 0) {
		by(render, row, "confirmed off by ", "");
	} else {
		return false;
	}
	return true;
}

/* ---- parts of other displays ---- */

const json_t *render_fencing_of(const json_t *status, const char *server)
{
	const json_t *rows = field_array(status, "fencing");

	for (size_t i = 0; i < json_array_size(rows); i++)
		if (strcmp(field_string(json_array_get(rows, i), "server"), server) == 0)
			return json_array_get(rows, i);
	return NULL;
}

static void watchdog_line(const struct render *render, const json_t *status)
{
	const json_t *watchdog = field_object(status, "watchdog");
	const char *state = field_string(watchdog, "state"), *text = field_string(watchdog, "text");
	FILE *out = render->out;

	if (!watchdog || strcmp(state, "off") == 0)
		return;
	fputs("\n  [watchdog : ", out);
	text_put(out, *state ? state : "unknown");
	fputs("]\n", out);
	if (*field_string(watchdog, "device")) {
		fputs("    ", out);
		text_put(out, field_string(watchdog, "device"));
		fputs(" (", out);
		text_put(out, field_string(watchdog, "identity"));
		fprintf(out, "), %g s\n", field_number(watchdog, "timeout_us") / 1e6);
	}
	if (*text) {
		fputs("    ", out);
		text_put_wrapped(out, text, 4, TEXT_RIGHT);
		fputc('\n', out);
	}
}

void render_fence_checks(const struct render *render, const json_t *status)
{
	const json_t *servers = field_array(status, "servers");
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(servers); i++) {
		const json_t *server = json_array_get(servers, i);
		const json_t *row = render_fencing_of(status, field_string(server, "name"));

		if (!row)
			continue;
		if (n++ == 0)
			fputs("\n  [fencing devices]\n", render->out);
		fprintf(render->out, "    server%zu : ", i);
		render_status(render, field_string(row, "check"), 0);
		if (*field_string(row, "check_text")) {
			fputs(", ", render->out);
			text_put_wrapped(render->out, field_string(row, "check_text"), 22,
					 TEXT_RIGHT);
		}
		fputc('\n', render->out);
	}
	watchdog_line(render, status);
}

/* ---- fence status ---- */

static void text_lines(const struct render *render, const char *text)
{
	if (!*text)
		return;
	text_put_repeated(render->out, ' ', TEXT_LEFT - 1);
	text_put_wrapped(render->out, text, TEXT_LEFT - 1, TEXT_RIGHT);
	fputc('\n', render->out);
}

static void ago(const struct render *render, const json_t *fencing, json_int_t wall_us)
{
	json_int_t us = field_integer(fencing, "now_wall_us") - wall_us;

	text_put_time(render->out, us > 0 ? (uint64_t)us : 0);
	fputs(" ago", render->out);
}

/* What this server's own check of one device said, and when. */
static void device(const struct render *render, const json_t *fencing, const json_t *row,
		   const char *label)
{
	const char *status = field_string(row, "status");
	json_int_t wall_us = field_integer(row, "checked_wall_us");
	double off_us = field_number(row, "longest_off_us");

	render_item_status(render, label, status);
	text_put(render->out, field_string(row, "name"));
	if (wall_us > 0) {
		fputs(", ", render->out);
		ago(render, fencing, wall_us);
		fputs(", ", render->out);
		seconds(render->out, field_number(row, "took_us"));
	}
	if (off_us > 0) {
		fputs("; off ", render->out);
		seconds(render->out, off_us);
	}
	fputc('\n', render->out);
	if (strcmp(status, "Normal") != 0)
		text_lines(render, field_string(row, "text"));
}

static void levels(const struct render *render, const json_t *fencing, const json_t *target)
{
	const json_t *rows = field_array(target, "levels");
	char label[WORD_SIZE];

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *devices = field_array(json_array_get(rows, i), "devices");

		for (size_t k = 0; k < json_array_size(devices); k++) {
			snprintf(label, sizeof(label), k == 0 ? "level%zu" : "level%zu and", i + 1);
			device(render, fencing, json_array_get(devices, k), label);
		}
	}
}

static void checks(const struct render *render, const json_t *target)
{
	const json_t *rows = field_array(target, "checks");
	char label[128];

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);

		snprintf(label, sizeof(label), "from %.100s", field_string(row, "server"));
		render_item(render, label, field_string(row, "status"), "");
	}
}

static void order(const struct render *render, const json_t *fencing, const json_t *target)
{
	const char *state = field_string(target, "state");
	FILE *out = render->out;

	if (*state && strcmp(state, "idle") != 0) {
		render_item_name(render, "order");
		if (!render_fence_state(render, target))
			text_put(out, state);
		fputc('\n', out);
	}
	if (field_integer(target, "failure_wall_us") > 0) {
		render_item_name(render, "last failure");
		ago(render, fencing, field_integer(target, "failure_wall_us"));
		fputc('\n', out);
		text_lines(render, field_string(target, "failure_text"));
	}
}

/* Incarnations are lives of an agent: they only grow. */
static void proof(const struct render *render, const json_t *target)
{
	json_int_t off = field_integer(target, "off"), heard = field_integer(target, "incarnation");
	FILE *out = render->out;

	if (off > 0) {
		render_item_name(render, "proof");
		fprintf(out, "incarnation %" JSON_INTEGER_FORMAT " %s off%s%s\n", off,
			off >= heard ? "is" : "was",
			field_bool(target, "by_person") ? " (a person's word)" : "",
			off >= heard ? "" : ", it runs again");
	}
	if (field_bool(target, "waived"))
		render_item_name(render, "votes");
	if (field_bool(target, "waived"))
		fputs("half of them is enough without it\n", out);
}

/* What only a person can do about it. */
static void remedy(const struct render *render, const json_t *target)
{
	char text[512];

	if (strcmp(field_string(target, "state"), "failed") != 0)
		return;
	snprintf(
		text, sizeof(text),
		"All levels have failed %" JSON_INTEGER_FORMAT
		" time%s. Nothing of it is taken over before it is proven off. Repair a device, or "
		"see that it has no power and say: holdfast fence confirm %.64s",
		field_integer(target, "rounds"), field_integer(target, "rounds") == 1 ? "" : "s",
		field_string(target, "name"));
	text_lines(render, text);
}

static void target_lines(const struct render *render, const json_t *fencing, const json_t *target)
{
	json_t *head = json_pack("{s:s, s:s}", "name", field_string(target, "name"), "status",
				 field_string(target, "check"));

	render_head(render, field_bool(target, "self") ? '*' : ' ', head);
	json_decref(head);
	levels(render, fencing, target);
	checks(render, target);
	order(render, fencing, target);
	proof(render, target);
	remedy(render, target);
}

static void policy(const struct render *render, const json_t *fencing)
{
	bool fence = strcmp(field_string(fencing, "takeover"), "fence") == 0;
	FILE *out = render->out;

	fprintf(out, "  Takeover: %s\n",
		fence ? "only from a server that is off or has left in good order"
		      : "by lease; fencing ends the wait");
	if (field_bool(fencing, "tie_breaking"))
		fputs("  Tie     : half of the votes fences the other half\n", out);
	if (field_bool(fencing, "tie"))
		fprintf(out, "  NOW     : only half of the votes is heard%s\n",
			field_bool(fencing, "lease_by_half") ? "; what runs here goes on meanwhile"
							     : "");
}

void render_fence(const struct render *render, const json_t *fencing)
{
	const json_t *rows = field_array(fencing, "servers");

	render_title(render, 23, "  FENCING INFORMATION  ", 23);
	render_cluster_line(render, fencing);
	policy(render, fencing);
	fputs("  <server>\n", render->out);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *target = json_array_get(rows, i);

		if (!render->only || strcmp(field_string(target, "name"), render->only) == 0)
			target_lines(render, fencing, target);
	}
	render_end(render);
}

/* ---- fence history ---- */

static void history_step(const struct render *render, const json_t *step)
{
	FILE *out = render->out;

	text_put_repeated(out, ' ', 21);
	text_put(out, field_string(step, "device"));
	fputs(" ", out);
	text_put(out, field_string(step, "step"));
	fputs(field_bool(step, "ok") ? ": ok, " : ": FAILED, ", out);
	seconds(out, field_number(step, "took_us"));
	fputc('\n', out);
	if (*field_string(step, "text") && (render->detail || !field_bool(step, "ok"))) {
		text_put_repeated(out, ' ', 23);
		text_put_wrapped(out, field_string(step, "text"), 23, TEXT_RIGHT);
		fputc('\n', out);
	}
}

static void history_order(const struct render *render, const json_t *row)
{
	bool off = strcmp(field_string(row, "order"), "off") == 0;
	const json_t *steps = field_array(row, "steps");
	const char *text = field_string(row, "text");
	FILE *out = render->out;

	text_put_clock(out, field_integer(row, "wall_us"), false);
	fputs("  ", out);
	text_put_column(out, field_string(row, "server"), TEXT_ALL, 8);
	fputs("  ", out);
	text_put_column(out, field_string(row, "order"), TEXT_ALL, 6);
	fputs(!field_bool(row, "ok") ? "  FAILED     "
	      : off		     ? "  confirmed  "
				     : "  done       ",
	      out);
	seconds(out, field_number(row, "took_us"));
	fprintf(out, ", level %" JSON_INTEGER_FORMAT ", ", field_integer(row, "level"));
	text_put(out, field_string(row, "by"));
	fputc('\n', out);
	if (*text && (render->detail || !field_bool(row, "ok"))) {
		text_put_repeated(out, ' ', 21);
		text_put_wrapped(out, text, 21, TEXT_RIGHT);
		fputc('\n', out);
	}
	for (size_t i = 0; i < json_array_size(steps) && render->detail; i++)
		history_step(render, json_array_get(steps, i));
}

/* Oldest first, as events are. */
void render_fence_history(const struct render *render, const json_t *reply)
{
	const json_t *rows = field_array(reply, "orders");

	for (size_t i = json_array_size(rows); i-- > 0;)
		history_order(render, json_array_get(rows, i));
}
