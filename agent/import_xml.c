/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XML to a tree, by libexpat. Document types, and with them all entities of one's own, are refused:
 * clp.conf has none. */
#include "agent/import_internal.h"

#include <errno.h>
#include <expat.h>
#include <stdarg.h>
#include <string.h>

struct reader {
	XML_Parser parser;
	struct import_node *root, *at;
	unsigned int depth, nodes;
	struct import_error *error;
	int result; /* 0, -EINVAL with `error`, -ENOMEM */
};

struct import_node *import_node_free(struct import_node *node)
{
	struct import_node *next;

	for (struct import_node *child = node ? node->child : NULL; child; child = next) {
		next = child->next;
		(void)import_node_free(child); /* at most IMPORT_DEPTH_MAX deep */
	}
	if (node) {
		free(node->tag);
		free(node->name);
		free(node->text);
		free(node);
	}
	return NULL;
}

static void stop(struct reader *reader, int result)
{
	reader->result = result;
	(void)XML_StopParser(reader->parser, XML_FALSE);
}

static unsigned int line_of(const struct reader *reader)
{
	return (unsigned int)XML_GetCurrentLineNumber(reader->parser);
}

__attribute__((format(printf, 2, 3))) static void refuse(struct reader *reader, const char *format,
							 ...)
{
	char text[sizeof reader->error->text];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	stop(reader, import_error_set(reader->error, line_of(reader), "%s", text));
}

/* A child of the present element, or the root. NULL if the reader was stopped. */
static struct import_node *add_node(struct reader *reader, const char *tag, const char *at)
{
	struct import_node *node, *parent = reader->at;

	if (reader->nodes == IMPORT_NODES_MAX) {
		refuse(reader, "there are more than %d elements", IMPORT_NODES_MAX);
		return NULL;
	}
	if (strlen(tag) > IMPORT_TAG_MAX) {
		refuse(reader, "the name %.40s... of an element is longer than %d bytes", tag,
		       IMPORT_TAG_MAX);
		return NULL;
	}
	node = calloc(1, sizeof *node);
	if (!node || asprintf(&node->tag, "%s%s", at, tag) < 0) {
		free(node);
		stop(reader, -ENOMEM);
		return NULL;
	}
	reader->nodes++;
	node->line = line_of(reader);
	node->parent = parent;
	if (!parent)
		reader->root = node;
	else if (parent->last)
		parent->last->next = node;
	else
		parent->child = node;
	if (parent)
		parent->last = node;
	return node;
}

static void add_attribute(struct reader *reader, const char *name, const char *value)
{
	bool label = strcmp(name, "name") == 0 || strcmp(name, "id") == 0;
	struct import_node *node;
	char **field;

	if (strlen(value) > IMPORT_NAME_MAX) {
		refuse(reader, "attribute %.40s is longer than %d bytes", name, IMPORT_NAME_MAX);
		return;
	}
	if (label && !reader->at->name) {
		field = &reader->at->name;
	} else {
		node = add_node(reader, name, "@");
		if (!node)
			return;
		field = &node->text;
	}
	*field = strdup(value);
	if (!*field)
		stop(reader, -ENOMEM);
}

static void on_start(void *user, const XML_Char *tag, const XML_Char **attributes)
{
	struct reader *reader = user;
	struct import_node *node;

	if (reader->result < 0)
		return;
	if (reader->depth == IMPORT_DEPTH_MAX) {
		refuse(reader, "elements are nested more than %d deep", IMPORT_DEPTH_MAX);
		return;
	}
	node = add_node(reader, tag, "");
	if (!node)
		return;
	reader->depth++;
	reader->at = node;
	for (size_t i = 0; attributes[i] && reader->result == 0; i += 2)
		add_attribute(reader, attributes[i], attributes[i + 1]);
}

static void trim(char *text)
{
	size_t n = strlen(text), lead = strspn(text, " \t\r\n");

	while (n > lead && strchr(" \t\r\n", text[n - 1]))
		n--;
	memmove(text, text + lead, n - lead);
	text[n - lead] = '\0';
}

static void on_end(void *user, const XML_Char *tag)
{
	struct reader *reader = user;
	struct import_node *node = reader->at;

	(void)tag;
	if (reader->result < 0)
		return;
	if (node->text) {
		trim(node->text);
		if (!*node->text) {
			free(node->text);
			node->text = NULL;
		}
	}
	reader->at = node->parent;
	reader->depth--;
}

static void on_text(void *user, const XML_Char *text, int n)
{
	struct reader *reader = user;
	char *more;
	size_t had;

	if (reader->result < 0 || !reader->at)
		return;
	had = reader->at->text ? strlen(reader->at->text) : 0;
	if (had + (size_t)n > IMPORT_TEXT_MAX) {
		refuse(reader, "the text of element <%s> is longer than %d bytes", reader->at->tag,
		       IMPORT_TEXT_MAX);
		return;
	}
	more = realloc(reader->at->text, had + (size_t)n + 1);
	if (!more) {
		stop(reader, -ENOMEM);
		return;
	}
	memcpy(more + had, text, (size_t)n);
	more[had + (size_t)n] = '\0';
	reader->at->text = more;
}

static void on_doctype(void *user, const XML_Char *name, const XML_Char *system,
		       const XML_Char *public, int internal)
{
	(void)name;
	(void)system;
	(void)public;
	(void)internal;
	refuse(user, "a document type (<!DOCTYPE ...>) is no part of clp.conf and is refused");
}

static int parse(struct reader *reader, const char *data, size_t size)
{
	enum XML_Status status;

	XML_SetUserData(reader->parser, reader);
	XML_SetElementHandler(reader->parser, on_start, on_end);
	XML_SetCharacterDataHandler(reader->parser, on_text);
	XML_SetStartDoctypeDeclHandler(reader->parser, on_doctype);
	status = XML_Parse(reader->parser, data, (int)size, XML_TRUE);
	if (reader->result < 0)
		return reader->result;
	if (status != XML_STATUS_OK && XML_GetErrorCode(reader->parser) == XML_ERROR_NO_MEMORY)
		return -ENOMEM;
	if (status != XML_STATUS_OK)
		return import_error_set(reader->error, line_of(reader), "this is not XML: %s",
					XML_ErrorString(XML_GetErrorCode(reader->parser)));
	if (strcmp(reader->root->tag, "root") != 0)
		return import_error_set(
			reader->error, reader->root->line,
			"this is no clp.conf: its outermost element is <%.40s>, not "
			"<root>",
			reader->root->tag);
	return 0;
}

int import_parse(const char *data, size_t size, struct import_node **ret,
		 struct import_error *error)
{
	struct reader reader = {.error = error};
	_cleanup_free_ char *text = NULL;
	size_t text_size = 0;
	int r;

	if (size > IMPORT_FILE_MAX)
		return import_error_set(error, 0, "the file is larger than %d bytes",
					IMPORT_FILE_MAX);
	r = import_to_utf8(data, size, &text, &text_size, error);
	if (r < 0)
		return r;
	/* The text is UTF-8 now, whatever its first line says. */
	reader.parser = XML_ParserCreate("UTF-8");
	if (!reader.parser)
		return -ENOMEM;
	r = parse(&reader, text, text_size);
	XML_ParserFree(reader.parser);
	if (r < 0) {
		(void)import_node_free(reader.root);
		return r;
	}
	*ret = reader.root;
	return 0;
}
