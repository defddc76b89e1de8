/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/field.h"
#include "cli/render.h"
#include "cli/text.h"

#include <string.h>

#define RULE_WIDTH   69
#define HEAD_WIDTH   17
#define ITEM_WIDTH   15
#define STATUS_WIDTH 17

static const struct word {
	const char *text;
	enum text_color color;
} words[] = {
	{"Unknown", TEXT_WARNING},
	{"Normal", TEXT_GOOD},
	{"Caution", TEXT_WARNING},
	{"Error", TEXT_BAD},
	{"Unused", TEXT_PLAIN},
	{"Suspend", TEXT_WARNING},
	{"Online", TEXT_GOOD},
	{"Offline", TEXT_BAD},
	{"Online Pending", TEXT_WARNING},
	{"Offline Pending", TEXT_WARNING},
	{"Online Failure", TEXT_BAD},
	{"Offline Failure", TEXT_BAD},
};

static const struct word *find_word(const char *status)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(words[i].text, status) == 0)
			return &words[i];
	return &words[0];
}

const char *render_status_word(const char *status)
{
	return find_word(status)->text;
}

void render_status(const struct render *render, const char *status, size_t width)
{
	const struct word *word = find_word(status);
	size_t n = strlen(word->text);

	text_color_start(render->out, render->color, word->color);
	fputs(word->text, render->out);
	text_color_end(render->out, render->color, word->color);
	if (n < width)
		text_put_repeated(render->out, ' ', width - n);
}

void render_title(const struct render *render, size_t left, const char *title, size_t right)
{
	fputc(' ', render->out);
	text_put_repeated(render->out, '=', left);
	fputs(title, render->out);
	text_put_repeated(render->out, '=', right);
	fputc('\n', render->out);
}

void render_end(const struct render *render)
{
	render_title(render, RULE_WIDTH, "", 0);
}

void render_cluster_line(const struct render *render, const json_t *status)
{
	fputs("  Cluster : ", render->out);
	text_put(render->out, field_string(status, "cluster"));
	fputc('\n', render->out);
}

void render_server_list(const struct render *render, const json_t *status)
{
	const json_t *servers = field_array(status, "servers");

	for (size_t i = 0; i < json_array_size(servers); i++) {
		const json_t *server = json_array_get(servers, i);

		fprintf(render->out, "   %cserver%zu : ", field_bool(server, "self") ? '*' : ' ',
			i);
		text_put(render->out, field_string(server, "name"));
		fputc('\n', render->out);
	}
	fputc('\n', render->out);
}

char render_server_mark(const json_t *server)
{
	const char *status = render_status_word(field_string(server, "status"));

	if (strcmp(status, "Offline") == 0)
		return 'x';
	return strcmp(status, "Unknown") == 0 ? '-' : 'o';
}

size_t render_cut(const struct render *render, size_t width)
{
	return render->long_names ? TEXT_ALL : width - 1; /* a blank always follows the name */
}

void render_head(const struct render *render, char mark, const json_t *object)
{
	FILE *out = render->out;
	size_t n;

	fprintf(out, "   %c", mark);
	n = text_put_cut(out, field_string(object, "name"), render_cut(render, HEAD_WIDTH)) + 1;
	fputc(' ', out);
	if (n < HEAD_WIDTH)
		text_put_repeated(out, '.', HEAD_WIDTH - n);
	fputs(": ", out);
	render_status(render, field_string(object, "status"), STATUS_WIDTH);
	fputc('\n', out);
}

void render_item_name(const struct render *render, const char *name)
{
	fputs("      ", render->out);
	text_put_column(render->out, name, render_cut(render, ITEM_WIDTH), ITEM_WIDTH);
	fputs(": ", render->out);
}

void render_item_status(const struct render *render, const char *name, const char *status)
{
	render_item_name(render, name);
	render_status(render, status, STATUS_WIDTH);
}

void render_item(const struct render *render, const char *name, const char *status,
		 const char *comment)
{
	render_item_status(render, name, status);
	text_put(render->out, comment);
	fputc('\n', render->out);
}
