/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parameters as options of the command line. Secrets are refused there: everybody sees them. */
#include "fence/api_internal.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#define OPTION_FIRST   1000 /* of long options: 1000 + index of the parameter */
#define OPTION_HELP    998
#define OPTION_VERSION 999
#define NAME_SIZE      32

struct table {
	struct option options[2 * FENCE_PARAMS_MAX + 3];
	char names[2 * FENCE_PARAMS_MAX][NAME_SIZE]; /* with '-' in the place of '_' */
	char letters[2 * FENCE_PARAMS_MAX + 6];
	size_t n;
	size_t n_letters;
};

static void add_option(struct table *t, const char *name, bool value, int code)
{
	char *copy = t->names[t->n];

	(void)snprintf(copy, NAME_SIZE, "%s", name);
	for (char *at = copy; *at; at++)
		*at = *at == '_' ? '-' : *at;
	t->options[t->n++] = (struct option){
		.name = copy,
		.has_arg = value ? required_argument : no_argument,
		.val = code,
	};
}

static void build(const struct fence_args *args, struct table *t)
{
	t->letters[t->n_letters++] = ':'; /* a missing value is told apart */
	for (size_t i = 0; i < args->n; i++) {
		const struct fence_param *p = args->params[i];
		bool value = p->kind != FENCE_KIND_BOOLEAN || strcmp(p->name, "verbose") != 0;

		add_option(t, p->name, value, OPTION_FIRST + (int)i);
		if (p->old_name)
			add_option(t, p->old_name, value, OPTION_FIRST + (int)i);
		if (p->letter) {
			t->letters[t->n_letters++] = p->letter;
			if (value)
				t->letters[t->n_letters++] = ':';
		}
	}
	t->letters[t->n_letters++] = 'h';
	t->letters[t->n_letters++] = 'V';
	t->options[t->n++] = (struct option){.name = "help", .val = OPTION_HELP};
	t->options[t->n++] = (struct option){.name = "version", .val = OPTION_VERSION};
}

/* Parameter of a code of getopt_long(), or args->n. */
static size_t by_code(const struct fence_args *args, int code)
{
	size_t i = 0;

	if (code >= OPTION_FIRST)
		return (size_t)(code - OPTION_FIRST);
	while (i < args->n && args->params[i]->letter != code)
		i++;
	return i;
}

static int set_option(struct fence_args *args, int code, char *value, struct fence_error *error)
{
	size_t i = by_code(args, code);
	const struct fence_param *p;

	if (i == args->n)
		return fence_fail(error, true, "option -%c is not known, see --help", code);
	p = args->params[i];
	if (p->secret) {
		explicit_bzero(value, strlen(value));
		return fence_fail(error, true,
				  "%s on the command line is visible to everybody: pass it on the "
				  "standard input or by %s_file",
				  p->name, p->name);
	}
	return fence_args_set(args, p->name, value ? value : "1");
}

int fence_options_parse(struct fence_args *args, int argc, char **argv, bool *ret_stop,
			struct fence_error *error)
{
	struct table t = {0};
	int code;

	build(args, &t);
	opterr = 0;
	optind = 1;
	*ret_stop = false;
	while ((code = getopt_long(argc, argv, t.letters, t.options, NULL)) != -1) {
		int r;

		if (code == 'h' || code == OPTION_HELP || code == 'V' || code == OPTION_VERSION) {
			*ret_stop = true;
			if (code == 'h' || code == OPTION_HELP)
				fence_help_print(args, stdout);
			else
				(void)printf("%s %s\n", args->driver->name, HOLDFAST_VERSION);
			return 0;
		}
		if (code == ':')
			return fence_fail(error, true, "option %.64s needs a value",
					  argv[optind - 1]);
		if (code == '?') /* not its text: it may be a password given wrongly */
			return fence_fail(error, true, "argument %d is no option, see --help",
					  optind - 1);
		r = set_option(args, code, optarg, error);
		if (r < 0)
			return r;
	}
	if (optind < argc)
		return fence_fail(error, true, "argument %d is no option, see --help", optind);
	return 0;
}
