/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Metadata as fence agents print it (XML, their RelaxNG schema), and --help. */
#include "fence/api_internal.h"

#include <string.h>

static void print_escaped(FILE *out, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '&':
			(void)fputs("&amp;", out);
			break;
		case '<':
			(void)fputs("&lt;", out);
			break;
		case '>':
			(void)fputs("&gt;", out);
			break;
		case '"':
			(void)fputs("&quot;", out);
			break;
		default:
			(void)fputc(*s, out);
			break;
		}
	}
}

static const char *kind_name(enum fence_kind kind)
{
	switch (kind) {
	case FENCE_KIND_STRING:
		return "string";
	case FENCE_KIND_BOOLEAN:
		return "boolean";
	case FENCE_KIND_INTEGER:
		return "integer";
	case FENCE_KIND_SECOND:
		return "second";
	case FENCE_KIND_SELECT:
		return "select";
	}
	return "string";
}

static void print_option(FILE *out, const struct fence_param *p)
{
	bool value = p->kind != FENCE_KIND_BOOLEAN || strcmp(p->name, "verbose") != 0;

	if (p->letter)
		(void)fprintf(out, "-%c, ", p->letter);
	(void)fputs("--", out);
	for (const char *at = p->name; *at; at++)
		(void)fputc(*at == '_' ? '-' : *at, out);
	if (value)
		(void)fprintf(out, "=[%s]", p->name);
}

static void print_content(FILE *out, const struct fence_param *p)
{
	(void)fprintf(out, "\t\t<content type=\"%s\"", kind_name(p->kind));
	if (p->fallback) {
		(void)fputs(" default=\"", out);
		print_escaped(out, p->fallback);
		(void)fputc('"', out);
	}
	if (p->kind != FENCE_KIND_SELECT) {
		(void)fputs(" />\n", out);
		return;
	}
	(void)fputs(">\n", out);
	for (const char *at = p->options; *at;) {
		size_t n = strcspn(at, "|");

		(void)fprintf(out, "\t\t\t<option value=\"%.*s\" />\n", (int)n, at);
		at += n + (at[n] == '|');
	}
	(void)fputs("\t\t</content>\n", out);
}

static void print_param(FILE *out, const struct fence_param *p, bool old)
{
	bool required = strcmp(p->name, "action") == 0;

	(void)fprintf(out, "\t<parameter name=\"%s\" unique=\"0\" required=\"%d\"",
		      old ? p->old_name : p->name, required && !old);
	if (old)
		(void)fputs(" deprecated=\"1\"", out);
	else if (p->old_name)
		(void)fprintf(out, " obsoletes=\"%s\"", p->old_name);
	(void)fputs(">\n\t\t<getopt mixed=\"", out);
	print_option(out, p);
	(void)fputs("\" />\n", out);
	print_content(out, p);
	(void)fputs("\t\t<shortdesc lang=\"en\">", out);
	print_escaped(out, p->text);
	(void)fputs("</shortdesc>\n\t</parameter>\n", out);
}

void fence_metadata_print(const struct fence_args *args, FILE *out)
{
	const struct fence_driver *driver = args->driver;
	unsigned int actions = fence_actions(driver);

	(void)fprintf(out,
		      "<?xml version=\"1.0\" ?>\n<resource-agent name=\"%s\" shortdesc=\"%s\">\n",
		      driver->name, driver->short_text);
	(void)fputs("<longdesc>", out);
	print_escaped(out, driver->long_text);
	(void)fputs("</longdesc>\n<vendor-url></vendor-url>\n<parameters>\n", out);
	for (size_t i = 0; i < args->n; i++) {
		print_param(out, args->params[i], false);
		if (args->params[i]->old_name)
			print_param(out, args->params[i], true);
	}
	(void)fputs("</parameters>\n<actions>\n", out);
	for (unsigned int a = FENCE_ACTION_NONE + 1; a < FENCE_ACTION_COUNT; a++) {
		if (actions & FENCE_ACTION_BIT(a))
			(void)fprintf(out, "\t<action name=\"%s\"%s />\n",
				      fence_action_name((enum fence_action)a),
				      a == FENCE_ACTION_ON ? " automatic=\"0\"" : "");
	}
	(void)fputs("</actions>\n</resource-agent>\n", out);
}

void fence_help_print(const struct fence_args *args, FILE *out)
{
	unsigned int actions = fence_actions(args->driver);

	(void)fprintf(out, "usage: %s OPTIONS, or NAME=VALUE lines on the standard input\n%s\n",
		      args->driver->name, args->driver->short_text);
	(void)fputs("actions:", out);
	for (unsigned int a = FENCE_ACTION_NONE + 1; a < FENCE_ACTION_COUNT; a++) {
		if (actions & FENCE_ACTION_BIT(a))
			(void)fprintf(out, " %s", fence_action_name((enum fence_action)a));
	}
	(void)fputc('\n', out);
	for (size_t i = 0; i < args->n; i++) {
		const struct fence_param *p = args->params[i];

		(void)fputs("  ", out);
		print_option(out, p);
		(void)fprintf(out, "\n        %s%s%s%s%s\n", p->text, p->options ? ": " : "",
			      p->options ? p->options : "", p->fallback ? "; default " : "",
			      p->fallback ? p->fallback : "");
		if (p->secret)
			(void)fputs("        (on the standard input only)\n", out);
	}
}
