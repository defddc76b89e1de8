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
	json_int_t rounds = field_integer(row, "rounds");

	by(render, row, "NOT fenced by ", ": all levels failed");
	if (rounds > 0)
		fprintf(render->out, " %" JSON_INTEGER_FORMAT " time%s", rounds,
			rounds == 1 ? "" : "s");
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

static void levels(const struct render *render, const json_t *target)
{
	const json_t *rows = field_array(target, "levels");
	char word[WORD_SIZE];

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *devices = field_array(json_array_get(rows, i), "devices");

		snprintf(word, sizeof(word), "level%zu", i + 1);
		render_item_name(render, word);
		for (size_t k = 0; k < json_array_size(devices); k++) {
			const char *name = json_string_value(json_array_get(devices, k));

			fputs(k > 0 ? " + " : "", render->out);
			text_put(render->out, name ? name : "?");
		}
		fputc('\n', render->out);
	}
}

/* What one server says; of the one that answers also when and what. */
static void check(const struct render *render, const json_t *fencing, const json_t *target,
		  const json_t *row)
{
	const char *from = field_string(row, "server");
	bool here = strcmp(from, field_string(fencing, "self")) == 0;
	char name[128];

	snprintf(name, sizeof(name), "from %.100s", from);
	render_item_status(render, name, field_string(row, "status"));
	if (here && field_integer(target, "check_wall_us") > 0) {
		ago(render, fencing, field_integer(target, "check_wall_us"));
		fputs(", took ", render->out);
		seconds(render->out, field_number(target, "check_took_us"));
	}
	fputc('\n', render->out);
	if (here)
		text_lines(render, field_string(target, "check_text"));
}

static void checks(const struct render *render, const json_t *fencing, const json_t *target)
{
	const json_t *rows = field_array(target, "checks");

	for (size_t i = 0; i < json_array_size(rows); i++)
		check(render, fencing, target, json_array_get(rows, i));
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

	if (off <= 0 && !field_bool(target, "waived"))
		return;
	render_item_name(render, "proof");
	if (off > 0)
		fprintf(out, "incarnation %" JSON_INTEGER_FORMAT " %s%s", off,
			off >= heard ? "is off" : "was off; it runs again",
			field_bool(target, "by_person") ? ", by a person's word" : "");
	if (field_bool(target, "waived"))
		fprintf(out, "%shalf of the votes is enough", off > 0 ? "; " : "");
	fputc('\n', out);
}

/* What only a person can do about it. */
static void remedy(const struct render *render, const json_t *fencing, const json_t *target)
{
	char text[512];

	if (strcmp(field_string(target, "state"), "failed") != 0)
		return;
	snprintf(
		text, sizeof(text),
		"Nothing of it is taken over before it is proven off. Repair a device, or see that "
		"it has no power and say: holdfast fence confirm %.64s",
		field_string(target, "name"));
	(void)fencing;
	text_lines(render, text);
}

static void target_lines(const struct render *render, const json_t *fencing, const json_t *target)
{
	json_t *head = json_pack("{s:s, s:s}", "name", field_string(target, "name"), "status",
				 field_string(target, "check"));

	render_head(render, field_bool(target, "self") ? '*' : ' ', head);
	json_decref(head);
	levels(render, target);
	checks(render, fencing, target);
	order(render, fencing, target);
	proof(render, target);
	remedy(render, fencing, target);
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

void render_fence_history(const struct render *render, const json_t *reply)
{
	const json_t *rows = field_array(reply, "orders");
	FILE *out = render->out;

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *result = field_string(row, "result");

		text_put_clock(out, field_integer(row, "wall_us"));
		fputs("  ", out);
		text_put_column(out, field_string(row, "server"), TEXT_ALL, 10);
		fputs("  ", out);
		text_put_column(out, field_string(row, "order"), TEXT_ALL, 6);
		fprintf(out, "  level %" JSON_INTEGER_FORMAT "  ", field_integer(row, "level"));
		text_put_column(out, *result ? result : "running", TEXT_ALL, 9);
		fputs("  ", out);
		seconds(out, field_number(row, "took_us"));
		fputs("  ", out);
		text_put(out, field_string(row, "by"));
		fputc('\n', out);
		if (*field_string(row, "text")) {
			text_put_repeated(out, ' ', 25);
			text_put_wrapped(out, field_string(row, "text"), 25, TEXT_RIGHT);
			fputc('\n', out);
		}
	}
}
