/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Metadata of fence agents, by libexpat, into fixed tables. */
#include "agent/fence_metadata.h"

#include <errno.h>
#include <expat.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct reader {
	XML_Parser parser;
	struct fence_metadata *meta;
	struct fence_meta_param *param; /* within an element of this one */
	unsigned int depth;
	bool root, bad;
	char *why;
};

#define DEPTH_MAX 32

static const char *const action_names[FENCE_META_ACTION_COUNT_] = {
	[FENCE_META_OFF] = "off",	  [FENCE_META_ON] = "on",
	[FENCE_META_REBOOT] = "reboot",	  [FENCE_META_STATUS] = "status",
	[FENCE_META_MONITOR] = "monitor", [FENCE_META_RESET] = "reset",
	[FENCE_META_CYCLE] = "cycle",	  [FENCE_META_DIAG] = "diag",
};

__attribute__((format(printf, 2, 3))) static void refuse(struct reader *reader, const char *format,
							 ...)
{
	va_list ap;

	if (reader->bad)
		return;
	va_start(ap, format);
	(void)vsnprintf(reader->why, FENCE_METADATA_WHY, format, ap);
	va_end(ap);
	reader->bad = true;
	(void)XML_StopParser(reader->parser, XML_FALSE);
}

static const char *attribute(const XML_Char **attributes, const char *name)
{
	for (size_t i = 0; attributes[i]; i += 2)
		if (strcmp(attributes[i], name) == 0)
			return attributes[i + 1];
	return NULL;
}

static bool is_set(const XML_Char **attributes, const char *name)
{
	const char *value = attribute(attributes, name);

	return value && (strcmp(value, "1") == 0 || strcmp(value, "true") == 0);
}

/* False: it was refused. */
static bool copy_name(struct reader *reader, char to[FENCE_METADATA_NAME], const char *from)
{
	if (strlen(from) >= FENCE_METADATA_NAME) {
		refuse(reader, "the name %.40s... is longer than %d bytes", from,
		       FENCE_METADATA_NAME - 1);
		return false;
	}
	(void)snprintf(to, FENCE_METADATA_NAME, "%s", from);
	return true;
}

static void on_parameter(struct reader *reader, const XML_Char **attributes)
{
	struct fence_metadata *meta = reader->meta;
	const char *name = attribute(attributes, "name");
	const char *obsoletes = attribute(attributes, "obsoletes");
	struct fence_meta_param *param;

	if (!name) {
		refuse(reader, "a parameter has no name");
		return;
	}
	if (meta->n_params == FENCE_META_PARAMS_MAX) {
		refuse(reader, "there are more than %d parameters", FENCE_META_PARAMS_MAX);
		return;
	}
	param = &meta->params[meta->n_params];
	*param = (struct fence_meta_param){
		.required = is_set(attributes, "required"),
		.deprecated = is_set(attributes, "deprecated"),
		.first_option = meta->n_options,
	};
	if (!copy_name(reader, param->name, name) ||
	    (obsoletes && !copy_name(reader, param->obsoletes, obsoletes)))
		return;
	meta->n_params++;
	reader->param = param;
}

static void on_content(struct reader *reader, const XML_Char **attributes)
{
	static const char *const kinds[] = {
		[FENCE_META_STRING] = "string",	  [FENCE_META_BOOLEAN] = "boolean",
		[FENCE_META_INTEGER] = "integer", [FENCE_META_SECOND] = "second",
		[FENCE_META_SELECT] = "select",
	};
	const char *type = attribute(attributes, "type");

	reader->param->has_default = attribute(attributes, "default") != NULL;
	for (unsigned int i = 0; type && i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(type, kinds[i]) == 0)
			reader->param->kind = (enum fence_meta_kind)i;
}

static void on_option(struct reader *reader, const XML_Char **attributes)
{
	struct fence_metadata *meta = reader->meta;
	const char *value = attribute(attributes, "value");

	if (!value)
		return;
	if (meta->n_options == FENCE_META_OPTIONS_MAX)
		refuse(reader, "there are more than %d choices", FENCE_META_OPTIONS_MAX);
	else if (copy_name(reader, meta->options[meta->n_options], value)) {
		meta->n_options++;
		reader->param->n_options++;
	}
}

static void on_action(struct reader *reader, const XML_Char **attributes)
{
	const char *name = attribute(attributes, "name");

	for (unsigned int i = 0; name && i < FENCE_META_ACTION_COUNT_; i++)
		if (strcmp(name, action_names[i]) == 0)
			reader->meta->actions |= 1U << i;
}

static void on_start(void *user, const XML_Char *tag, const XML_Char **attributes)
{
	struct reader *reader = user;

	if (reader->bad)
		return;
	if (++reader->depth > DEPTH_MAX)
		refuse(reader, "elements are nested more than %d deep", DEPTH_MAX);
	else if (reader->depth == 1)
		reader->root = strcmp(tag, "resource-agent") == 0;
	else if (strcmp(tag, "parameter") == 0)
		on_parameter(reader, attributes);
	else if (strcmp(tag, "content") == 0 && reader->param)
		on_content(reader, attributes);
	else if (strcmp(tag, "option") == 0 && reader->param)
		on_option(reader, attributes);
	else if (strcmp(tag, "action") == 0)
		on_action(reader, attributes);
}

static void on_end(void *user, const XML_Char *tag)
{
	struct reader *reader = user;

	reader->depth -= reader->depth > 0;
	if (strcmp(tag, "parameter") == 0)
		reader->param = NULL;
}

static void on_doctype(void *user, const XML_Char *name, const XML_Char *system,
		       const XML_Char *public, int internal)
{
	(void)name;
	(void)system;
	(void)public;
	(void)internal;
	refuse(user, "a document type (<!DOCTYPE ...>) is refused");
}

static void parse(struct reader *reader, const char *xml, size_t n)
{
	XML_SetUserData(reader->parser, reader);
	XML_SetElementHandler(reader->parser, on_start, on_end);
	XML_SetStartDoctypeDeclHandler(reader->parser, on_doctype);
	if (XML_Parse(reader->parser, xml, (int)n, XML_TRUE) != XML_STATUS_OK)
		refuse(reader, "line %lu is not XML: %s",
		       (unsigned long)XML_GetCurrentLineNumber(reader->parser),
		       XML_ErrorString(XML_GetErrorCode(reader->parser)));
	else if (!reader->root)
		refuse(reader, "its outermost element is not <resource-agent>");
}

int fence_metadata_parse(const char *xml, size_t n, struct fence_metadata *ret,
			 char why[FENCE_METADATA_WHY])
{
	_cleanup_free_ struct fence_metadata *meta = calloc(1, sizeof *meta);
	struct reader reader = {.meta = meta, .why = why};

	if (!meta)
		return -ENOMEM;
	if (n > FENCE_METADATA_MAX) {
		(void)snprintf(why, FENCE_METADATA_WHY, "they are longer than %u bytes",
			       FENCE_METADATA_MAX);
		return -EBADMSG;
	}
	reader.parser = XML_ParserCreate(NULL);
	if (!reader.parser)
		return -ENOMEM;
	parse(&reader, xml, n);
	XML_ParserFree(reader.parser);
	if (reader.bad)
		return -EBADMSG;
	*ret = *meta;
	return 0;
}

bool fence_metadata_offers(const struct fence_metadata *meta, enum fence_meta_action action)
{
	return meta->actions & 1U << action;
}

const struct fence_meta_param *fence_metadata_find(const struct fence_metadata *meta,
						   const char *name)
{
	for (uint16_t i = 0; i < meta->n_params; i++)
		if (strcmp(meta->params[i].name, name) == 0)
			return &meta->params[i];
	return NULL;
}

bool fence_metadata_has_option(const struct fence_metadata *meta,
			       const struct fence_meta_param *param, const char *value)
{
	for (uint16_t i = 0; i < param->n_options; i++)
		if (strcmp(meta->options[param->first_option + i], value) == 0)
			return true;
	return false;
}
