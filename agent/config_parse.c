/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the library's tree to struct config, by the key table. Knows nothing of what values mean. */
#include "agent/config_tree.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum config_kind config_kind_of(const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_STRING:
		return KIND_STRING;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return KIND_NUMBER;
	case CONFIG_TYPE_BOOL:
		return KIND_BOOL;
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST:
		return KIND_LIST;
	default:
		return KIND_GROUP; /* and floating point numbers: neither is a value anywhere */
	}
}

#define SHOWN_MAX 60

/* The value as it stands in the file, shortened. */
static void describe(const config_setting_t *setting, char out[SHOWN_MAX])
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_STRING:
		(void)snprintf(out, SHOWN_MAX, "\"%.50s\"", config_setting_get_string(setting));
		break;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		(void)snprintf(out, SHOWN_MAX, "%lld", config_setting_get_int64(setting));
		break;
	case CONFIG_TYPE_FLOAT:
		(void)snprintf(out, SHOWN_MAX, "%g", config_setting_get_float(setting));
		break;
	case CONFIG_TYPE_BOOL:
		(void)snprintf(out, SHOWN_MAX, "%s",
			       config_setting_get_bool(setting) ? "true" : "false");
		break;
	case CONFIG_TYPE_GROUP:
		(void)snprintf(out, SHOWN_MAX, "{ ... }");
		break;
	default:
		(void)snprintf(out, SHOWN_MAX, "[ ... ]");
		break;
	}
}

unsigned int config_line_of(const config_setting_t *setting)
{
	return setting ? config_setting_source_line(setting) : 0;
}

const char *config_member_text(const config_setting_t *object, const char *key)
{
	const config_setting_t *member = config_setting_get_member(object, key);

	return member ? config_setting_get_string(member) : NULL;
}

static void read_text(struct parser *parser, const struct tree_object *object,
		      const struct config_key *key, const char *text,
		      const config_setting_t *setting)
{
	struct config_slot slot = {parser->config, key, object->into};
	struct config_why why = {""};
	char shown[SHOWN_MAX] = "";
	int r;

	if (config_text_valid(text, key->type->any_text) && strlen(text) <= CONFIG_TEXT_MAX)
		r = key->type->parse(&slot, text, &why);
	else
		r = config_why_set(&why,
				   "must be UTF-8 text without control characters, of at "
				   "most %d bytes",
				   CONFIG_TEXT_MAX);
	if (r == 0)
		return;
	assert(setting || r == -ENOMEM); /* the defaults of the table are good */
	if (setting && !key->type->hidden)
		describe(setting, shown);
	else if (setting)
		(void)snprintf(shown, sizeof shown, "(not shown)");
	config_report_error(parser->report, config_line_of(setting), "%s: %s = %s: %s",
			    object->label, key->name, shown,
			    r == -ENOMEM ? "out of memory" : why.text);
}

static void read_list(struct parser *parser, const struct tree_object *object,
		      const struct config_key *key, const config_setting_t *list)
{
	int n = config_setting_length(list);

	if ((uint64_t)n < key->min || (uint64_t)n > key->max) {
		config_report_error(parser->report, config_line_of(list),
				    "%s: %s: has %d elements, must have %d to %d", object->label,
				    key->name, n, (int)key->min, (int)key->max);
		return;
	}
	for (int i = 0; i < n; i++) {
		const config_setting_t *element = config_setting_get_elem(list, (unsigned int)i);
		char shown[SHOWN_MAX];

		if (config_kind_of(element) == KIND_STRING) {
			read_text(parser, object, key, config_setting_get_string(element), element);
			continue;
		}
		describe(element, shown);
		config_report_error(parser->report, config_line_of(element),
				    "%s: %s: %s: must be %s", object->label, key->name, shown,
				    key->type->expect);
	}
}

/* Texts by name: each is read as "name=text". */
static void read_named(struct parser *parser, const struct tree_object *object,
		       const struct config_key *key, const config_setting_t *group)
{
	int n = config_setting_length(group);

	if ((uint64_t)n > key->max)
		config_report_error(parser->report, config_line_of(group),
				    "%s: %s: has %d elements, must have %d to %d", object->label,
				    key->name, n, (int)key->min, (int)key->max);
	for (int i = 0; i < n && (uint64_t)i < key->max; i++) {
		const config_setting_t *element = config_setting_get_elem(group, (unsigned int)i);
		_cleanup_free_ char *text = NULL;

		if (config_kind_of(element) != KIND_STRING)
			config_report_error(parser->report, config_line_of(element),
					    "%s: %s: %s: must be a text in quotes", object->label,
					    key->name, config_setting_name(element));
		else if (asprintf(&text, "%s=%s", config_setting_name(element),
				  config_setting_get_string(element)) < 0)
			config_report_error(parser->report, 0, "out of memory");
		else
			read_text(parser, object, key, text, element);
	}
}

static void read_value(struct parser *parser, const struct tree_object *object,
		       const struct config_key *key, const config_setting_t *setting)
{
	enum config_kind kind = config_kind_of(setting);
	char shown[SHOWN_MAX];

	describe(setting, shown);
	if (key->type->hidden && kind == KIND_STRING)
		(void)snprintf(shown, sizeof shown, "(not shown)");
	if (!(kind & key->type->kinds) || (kind == KIND_GROUP && !config_setting_is_group(setting)))
		config_report_error(parser->report, config_line_of(setting),
				    "%s: %s = %s: must be %s", object->label, key->name, shown,
				    key->type->expect);
	else if (kind == KIND_LIST)
		read_list(parser, object, key, setting);
	else if (kind == KIND_GROUP)
		read_named(parser, object, key, setting);
	else
		read_text(parser, object, key,
			  kind == KIND_STRING ? config_setting_get_string(setting) : shown,
			  setting);
}

static void report_unknown(struct parser *parser, const struct tree_object *object,
			   const config_setting_t *setting)
{
	const char *name = config_setting_name(setting);
	const struct config_key *near = config_key_nearest(object->sections, name);
	char advice[100];

	if (!near)
		(void)snprintf(advice, sizeof advice, "all keys are in holdfast.conf(5)");
	else if (near->section & object->sections)
		(void)snprintf(advice, sizeof advice, "did you mean \"%s\"?", near->name);
	else
		(void)snprintf(advice, sizeof advice, "it belongs in %s",
			       config_section_to_string(near->section));
	config_report_error(parser->report, config_line_of(setting),
			    "%s: unknown key \"%.40s\": %s", object->label, name, advice);
}

/* What the object does not say: defaults, and keys that it must have. */
static void complete_object(struct parser *parser, const struct tree_object *object)
{
	const struct config_key *key;

	for (size_t i = 0; (key = config_key_at(i)); i++) {
		if (!(key->section & object->sections))
			continue;
		if (object->setting && config_setting_get_member(object->setting, key->name))
			continue;
		if (key->fallback)
			read_text(parser, object, key, key->fallback, NULL);
		else if (key->required && object->setting && !object->partial)
			config_report_error(parser->report, config_line_of(object->setting),
					    "%s: key \"%s\" is missing: %s", object->label,
					    key->name, key->help);
	}
}

void tree_read(struct parser *parser, const struct tree_object *object)
{
	int n = object->setting ? config_setting_length(object->setting) : 0;

	for (int i = 0; i < n; i++) {
		const config_setting_t *setting =
			config_setting_get_elem(object->setting, (unsigned int)i);
		const struct config_key *key =
			config_key_find(object->sections, config_setting_name(setting));

		if (!key)
			report_unknown(parser, object, setting);
		else if (key->type)
			read_value(parser, object, key, setting);
		if (key && key->section == SECTION_CLUSTER)
			parser->config->key_line[key - config_key_at(0)] = config_line_of(setting);
	}
	complete_object(parser, object);
}

bool tree_open(struct parser *parser, const config_setting_t *setting, const char *what, int i,
	       struct tree_object *ret)
{
	const config_setting_t *name = NULL;

	if (setting && config_setting_is_group(setting))
		name = config_setting_get_member(setting, "name");
	if (i < 0)
		(void)snprintf(ret->label, sizeof ret->label, "%s", what);
	else if (name && config_kind_of(name) == KIND_STRING)
		(void)snprintf(ret->label, sizeof ret->label, "%s \"%.*s\"", what, NAME_SIZE - 1,
			       config_setting_get_string(name));
	else
		(void)snprintf(ret->label, sizeof ret->label, "%s number %d", what, i + 1);
	if (setting && !config_setting_is_group(setting)) {
		config_report_error(parser->report, config_line_of(setting),
				    "%s: must be a group of keys: { key = value; ... }",
				    ret->label);
		return false;
	}
	ret->setting = setting;
	ret->errors = parser->report->errors;
	return true;
}

const config_setting_t *tree_open_list(struct parser *parser, const config_setting_t *parent,
				       const struct config_key *key, int *ret_n)
{
	const config_setting_t *list = config_setting_get_member(parent, key->name);
	int n;

	*ret_n = 0;
	if (!list)
		return NULL;
	if (config_kind_of(list) != KIND_LIST) {
		config_report_error(
			parser->report, config_line_of(list),
			"%s: must be a list in round brackets: %s = ( { ... }, { ... } );",
			key->name, key->name);
		return NULL;
	}
	n = config_setting_length(list);
	if ((uint64_t)n > key->max || (uint64_t)n < key->min)
		config_report_error(parser->report, config_line_of(list),
				    "%s: has %d elements, must have %d to %d", key->name, n,
				    (int)key->min, (int)key->max);
	*ret_n = (uint64_t)n > key->max ? (int)key->max : n;
	return list;
}

/* ---- all of it ---- */

/* The line that the library stumbled over, without what surrounds it. */
static void report_syntax(const char *text, const config_t *tree, struct config_report *report)
{
	int line = config_error_line(tree);
	size_t n;

	for (int i = 1; i < line && text; i++) {
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	text = text ? text + strspn(text, " \t\r\n") : "";
	n = strcspn(text, "\r\n");
	if (config_fence_secret(text, n)) {
		text = "(a line with a secret, which is not shown)";
		n = strlen(text);
	}
	if (n > SHOWN_MAX)
		n = SHOWN_MAX;
	config_report_error(report, line > 0 ? (unsigned int)line : 0, "%s at or before: %.*s%s",
			    config_error_text(tree), (int)n, text,
			    n ? "" : "the end of the file (is a bracket or ';' missing?)");
}

int config_parse(const char *text, struct config *config, struct config_report *report,
		 unsigned int *ret_parts)
{
	_cleanup_free_ struct parser *parser = calloc(1, sizeof *parser);
	bool ended = text[0] && text[strlen(text) - 1] == '\n';
	_cleanup_free_ char *lines = NULL;
	config_t tree;
	int r = 0;

	/* The library takes a comment without a line end for a syntax error. */
	if (!parser || asprintf(&lines, "%s%s", text, ended ? "" : "\n") < 0) {
		lines = NULL;
		config_report_error(report, 0, "out of memory");
		return -EINVAL;
	}
	parser->config = config;
	parser->report = report;
	config_init(&tree);
	if (config_read_string(&tree, lines) == CONFIG_TRUE) {
		*ret_parts = tree_parse(parser, config_root_setting(&tree));
	} else {
		report_syntax(text, &tree, report);
		r = -EINVAL;
	}
	config_destroy(&tree);
	return r;
}
