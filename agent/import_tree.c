/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking things up in the tree, and the list of what is not carried over. */
#include "agent/import_internal.h"
#include "util/parse.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

struct import_node *import_next(const struct import_node *parent, const struct import_node *after,
				const char *tag)
{
	struct import_node *node = after ? after->next : parent ? parent->child : NULL;

	while (node && strcmp(node->tag, tag) != 0)
		node = node->next;
	return node;
}

struct import_node *import_named(const struct import_node *parent, const char *tag,
				 const char *name)
{
	struct import_node *node = NULL;

	while ((node = import_next(parent, node, tag)))
		if (node->name && strcmp(node->name, name) == 0)
			return node;
	return NULL;
}

struct import_node *import_find(struct import_node *node, const char *path)
{
	while (node && *path) {
		char tag[IMPORT_TAG_MAX + 1];
		size_t n = strcspn(path, "/");

		assert(n < sizeof tag);
		(void)snprintf(tag, sizeof tag, "%.*s", (int)n, path);
		node = import_next(node, NULL, tag);
		path += n + (path[n] == '/');
	}
	return node;
}

const char *import_text(struct import_node *node, const char *path)
{
	struct import_node *found = import_find(node, path);

	if (!found)
		return NULL;
	found->used = true;
	return found->text;
}

bool import_number(struct import *import, struct import_node *node, const char *path, uint64_t max,
		   uint64_t *ret)
{
	struct import_node *found = import_find(node, path);
	bool again = found && found->used;
	const char *text = import_text(node, path);

	if (!text)
		return false;
	if (parse_u64(text, 0, max, ret) == 0)
		return true;
	if (!again)
		import_lost(import, found, "\"%.40s\" is not a number from 0 to %" PRIu64, text,
			    max);
	return false;
}

bool import_switch(struct import *import, struct import_node *node, const char *path, bool *ret)
{
	uint64_t v;

	if (!import_number(import, node, path, 1, &v))
		return false;
	*ret = v == 1;
	return true;
}

void import_use_types(struct import_node *parent)
{
	struct import_node *node = NULL;

	while ((node = import_next(parent, node, "types")))
		node->used = true;
}

/* ---- the list ---- */

/* Path of a node below the root, "monitor/genw@genw1/polling/interval". */
static void write_path(const struct import_node *node, FILE *out)
{
	if (node->parent && node->parent->parent) {
		write_path(node->parent, out);
		(void)fputc('/', out);
	}
	(void)fputs(node->tag, out);
	if (node->name)
		(void)fprintf(out, "@%s", node->name);
}

/* The file must not write to the terminal. */
static void make_plain(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		if (*p < ' ' || *p == 0x7f)
			*p = '?';
		if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?'; /* a control character in UTF-8 */
	}
}

static void add_note(struct import *import, struct import_node *node, bool lost, const char *text)
{
	struct import_note *more = NULL, *note;
	char *line = NULL;
	size_t size;
	FILE *out;

	/* Doubles at powers of two. */
	if ((import->n_notes & (import->n_notes - 1)) == 0) {
		size_t room = import->n_notes ? 2 * import->n_notes : 1;

		more = reallocarray(import->notes, room, sizeof *more);
		if (!more) {
			import->failed = true;
			return;
		}
		import->notes = more;
	}
	out = open_memstream(&line, &size);
	if (!out) {
		import->failed = true;
		return;
	}
	write_path(node, out);
	(void)fprintf(out, ": %s%s", lost ? "not carried over: " : "", text);
	if (fclose(out) != 0) {
		free(line);
		import->failed = true;
		return;
	}
	make_plain(line);
	note = &import->notes[import->n_notes++];
	*note = (struct import_note){node->line, lost, line};
}

void import_lost(struct import *import, struct import_node *node, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	node->used = true;
	add_note(import, node, true, text);
}

void import_remark(struct import *import, struct import_node *node, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	node->used = true;
	add_note(import, node, false, text);
}

static bool is_second(const struct import_node *node)
{
	const struct import_node *first = import_next(node->parent, NULL, node->tag);

	return first != node && first->used && !node->name;
}

/* Every leaf that nobody used, and texts beside elements, where clp.conf has none. */
static void list_rest(struct import *import, struct import_node *node)
{
	for (struct import_node *child = node->child; child; child = child->next)
		list_rest(import, child);
	if (node->used || (node->child && !node->text))
		return;
	import_lost(import, node, "%s",
		    is_second(node) ? "the same stands before it" : import_reason(node));
}

static int by_line(const void *a, const void *b)
{
	const struct import_note *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return strcmp(x->text, y->text);
}

void import_list_rest(struct import *import)
{
	for (struct import_node *child = import->root->child; child; child = child->next)
		list_rest(import, child);
	if (import->root->text)
		import_lost(import, import->root, "text between elements means nothing");
	if (import->n_notes)
		qsort(import->notes, import->n_notes, sizeof *import->notes, by_line);
}
