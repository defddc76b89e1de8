/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys and values of the result. */
#include "agent/import_internal.h"
#include "util/parse.h"

#include <inttypes.h>
#include <string.h>

const char *import_name(const char *name, char out[NAME_SIZE])
{
	(void)snprintf(out, NAME_SIZE, "%s", name);
	if (!*out)
		(void)snprintf(out, NAME_SIZE, "unnamed");
	for (char *p = out; *p; p++) {
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
		bool digit = *p >= '0' && *p <= '9';

		if (!letter && !digit && !strchr("_-.", *p))
			*p = '_';
	}
	if (*out == '-' || *out == '.')
		*out = '_';
	return out;
}

void import_put_string(struct import *import, const char *tabs, const char *key, const char *text)
{
	(void)fprintf(import->out, "%s%s = ", tabs, key);
	config_print_string(text, import->out);
	(void)fputs(";\n", import->out);
}

void import_put_name(struct import *import, const char *tabs, struct import_node *node,
		     const char *name)
{
	char ours[NAME_SIZE];

	import_name(name, ours);
	if (strcmp(ours, name) != 0)
		import_remark(import, node,
			      "is called %s in the result: names have at most %d of the characters "
			      "A-Z a-z 0-9 _ - .",
			      ours, NAME_SIZE - 1);
	import_put_string(import, tabs, "name", ours);
}

void import_put_comment(struct import *import, const char *tabs, struct import_node *node)
{
	enum { SIZE = sizeof((struct group_config *)NULL)->comment };
	const char *text = import_text(node, "comment");
	char cut[SIZE];
	size_t n;

	if (!text)
		return;
	if (!config_text_valid(text, false)) {
		import_lost(import, import_find(node, "comment"),
			    "it has line breaks or control characters");
		return;
	}
	(void)snprintf(cut, sizeof cut, "%s", text);
	n = strlen(cut);
	if (text[n]) {
		while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--; /* not within a character */
		cut[n] = '\0';
		import_remark(import, import_find(node, "comment"), "cut to %d bytes", SIZE - 1);
	}
	import_put_string(import, tabs, "comment", cut);
}

/* ---- programs ---- */

static void put_words(struct import *import, const char *text)
{
	char word[IMPORT_TEXT_MAX + 1];

	for (size_t i = 0; *text; i++) {
		size_t n = strcspn(text, " \t");

		(void)snprintf(word, sizeof word, "%.*s", (int)n, text);
		(void)fputs(i ? ", " : "[ ", import->out);
		config_print_string(word, import->out);
		text += n + strspn(text + n, " \t");
	}
	(void)fputs(" ];\n", import->out);
}

void import_put_command(struct import *import, const char *tabs, const char *key,
			struct import_node *node, const char *text)
{
	if (!config_text_valid(text, false)) {
		import_lost(import, node, "it has line breaks or control characters");
		return;
	}
	(void)fprintf(import->out, "%s%s = ", tabs, key);
	if (!strpbrk(text, "\"'\\$`;|&<>*?(){}")) {
		put_words(import, text);
		return;
	}
	(void)fputs("[ \"/bin/sh\", \"-c\", ", import->out);
	config_print_string(text, import->out);
	(void)fputs(" ];\n", import->out);
	import_remark(import, node, "is run by a shell, for the quotes and other signs in it");
}

void import_put_script(struct import *import, const char *tabs, const char *key,
		       struct import_node *node, const char *const where[3])
{
	char ours[3][NAME_SIZE], path[sizeof IMPORT_SCRIPTS + 3 * (NAME_SIZE + 1)];

	for (size_t i = 0; i < 3; i++)
		import_name(where[i], ours[i]);
	(void)snprintf(path, sizeof path, "%s/%s/%s/%s", IMPORT_SCRIPTS, ours[0], ours[1], ours[2]);
	(void)fprintf(import->out, "%s%s = [ \"%s\" ];\n", tabs, key, path);
	if (node)
		import_remark(import, node,
			      "copy scripts/%s/%s/%s, which lies beside clp.conf, to %s on every "
			      "server, executable",
			      where[0], where[1], where[2], path);
}

/* ---- values ---- */

static void put_row(struct import *import, const char *tabs, const struct import_row *row,
		    uint64_t v)
{
	switch (row->kind) {
	case IMPORT_NUMBER:
		(void)fprintf(import->out, "%s%s = %" PRIu64 ";\n", tabs, row->key, v);
		break;
	case IMPORT_SECONDS:
		(void)fprintf(import->out, "%s%s = \"%" PRIu64 "s\";\n", tabs, row->key, v);
		break;
	case IMPORT_BOOL:
	case IMPORT_NOT:
		(void)fprintf(import->out, "%s%s = %s;\n", tabs, row->key,
			      (v == 1) == (row->kind == IMPORT_BOOL) ? "true" : "false");
		break;
	case IMPORT_WORD:
		import_put_string(import, tabs, row->key, row->words[v]);
		break;
	}
}

void import_put_rows(struct import *import, const char *tabs, struct import_node *node,
		     const struct import_row *rows)
{
	for (const struct import_row *row = rows; row->path; row++) {
		uint64_t v, max = row->kind == IMPORT_SECONDS ? 10000000 : row->max;

		if (!import_number(import, node, row->path, max, &v))
			continue;
		if (v < row->min || v > row->max) {
			uint64_t nearest = v < row->min ? row->min : row->max;

			import_remark(import, import_find(node, row->path),
				      "%" PRIu64 " is out of the range of %s: %" PRIu64
				      " is taken for it",
				      v, row->key, nearest);
			v = nearest;
		}
		put_row(import, tabs, row, v);
	}
}

/* By code; NULL: there is none. */
static const char *const final_words[] = {
	"continue", "none",	 "stop-group", "stop-service",	 "shutdown",	   "reboot",
	NULL,	    NULL,	 "panic",      "watchdog-reset", "watchdog-panic", "bmc-reset",
	"bmc-off",  "bmc-cycle", "bmc-nmi",    "io-fence",	 "stop-resource"};
#define FINALS (sizeof final_words / sizeof *final_words)

static bool final_fits(enum import_final when, uint64_t code)
{
	if (when == IMPORT_FINAL_MONITOR)
		return code != 0;
	return code != 16 && !(when == IMPORT_FINAL_STOP && code == 2);
}

void import_put_final(struct import *import, const char *tabs, struct import_node *node,
		      enum import_final when)
{
	static const struct {
		const char *path, *key;
	} places[] = {
		[IMPORT_FINAL_START] = {"act/action", "on_start_failure"},
		[IMPORT_FINAL_STOP] = {"deact/action", "on_stop_failure"},
		[IMPORT_FINAL_MONITOR] = {"emergency/action", "final_action"},
	};
	struct import_node *found = import_find(node, places[when].path);
	uint64_t code;

	if (!import_number(import, node, places[when].path, 999, &code)) {
		/* What CLUSTERPRO does when the file does not say it. */
		if (when == IMPORT_FINAL_STOP)
			(void)fprintf(import->out,
				      "%son_stop_failure = \"shutdown\"; # the default of "
				      "CLUSTERPRO; here it is \"none\"\n",
				      tabs);
		return;
	}
	if (code >= FINALS || !final_words[code] || !final_fits(when, code)) {
		import_lost(import, found, "there is no final action %" PRIu64 " for this", code);
		return;
	}
	import_put_string(import, tabs, places[when].key, final_words[code]);
}
