/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds the command and its options on the command line. */
#include "cli/cli.h"
#include "cli/text.h"
#include "util/parse.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define WORD_MAX 64

/* ---- messages ---- */

/* As it may be shown: what a user or the agent wrote need not even be UTF-8. */
static char *shown(const char *message)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	text_put(f, message);
	return fclose(f) == 0 ? text : NULL;
}

static void print_problem(struct cli *cli, const char *word, const char *message)
{
	_cleanup_free_ char *text = shown(message);

	fprintf(cli->err, "holdfast: %s\n", text ? text : "out of memory");
	if (cli->json && text)
		(void)cli_print_json(
			cli, json_pack("{s:{s:s, s:s}}", "error", "name", word, "message", text));
}

static void __attribute__((format(printf, 3, 0)))
fail_valist(struct cli *cli, const char *word, const char *format, va_list args)
{
	char *message = NULL;

	if (vasprintf(&message, format, args) < 0)
		message = NULL;
	print_problem(cli, word, message ? message : "out of memory");
	free(message);
}

enum cli_exit cli_fail(struct cli *cli, enum cli_exit code, const char *word, const char *format,
		       ...)
{
	va_list args;

	va_start(args, format);
	fail_valist(cli, word, format, args);
	va_end(args);
	return code;
}

enum cli_exit cli_usage(struct cli *cli, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail_valist(cli, "Usage", format, args);
	va_end(args);
	fprintf(cli->err, "Try 'holdfast%s%s --help'.\n", *cli->command ? " " : "", cli->command);
	return CLI_USAGE;
}

enum cli_exit cli_print_json(struct cli *cli, json_t *object)
{
	size_t flags = JSON_ENSURE_ASCII | (cli->json_lines ? JSON_COMPACT : JSON_INDENT(2));
	json_t *all = json_pack("{s:i}", "schema", 1);
	int r = -1;

	if (all && object && json_object_update(all, object) == 0)
		r = json_dumpf(all, cli->out, flags);
	fputc('\n', cli->out);
	json_decref(all);
	json_decref(object);
	return r < 0 ? CLI_FAILED : CLI_OK;
}

/* ---- help ---- */

static void print_option(FILE *f, const struct cli_option *option)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%c%s--%s%s%s%s", option->letter ? "-" : "  ",
		 option->letter ? option->letter : ' ', option->letter ? ", " : " ", option->name,
		 option->argument && *option->argument == '=' ? "["
		 : option->argument			      ? " "
							      : "",
		 option->argument ? option->argument : "",
		 option->argument && *option->argument == '=' ? "]" : "");
	fprintf(f, "  %-22s %s\n", text, option->help);
}

static void print_command_help(FILE *f, const struct cli_command *command)
{
	fprintf(f, "Usage: holdfast %s [OPTION...]%s%s\n\n%c%s.\n", command->name,
		*command->arguments ? " " : "", command->arguments, command->summary[0] & ~0x20,
		command->summary + 1);
	if (command->details)
		fprintf(f, "%s\n", command->details);
	fputs("\nOptions:\n", f);
	for (const struct cli_option *o = command->options; o && o->name; o++)
		print_option(f, o);
	for (const struct cli_option *o = cli_common_options; o->name; o++)
		print_option(f, o);
}

static void print_overview(FILE *f)
{
	fputs("Usage: holdfast COMMAND [OPTION...] [ARGUMENT...]\n\n"
	      "Shows and steers the cluster through this node's agent.\n\nCommands:\n",
	      f);
	for (const struct cli_command *c = cli_commands; c->name; c++) {
		char text[64];

		snprintf(text, sizeof(text), "%s %s", c->name, c->arguments);
		fprintf(f, "  %-26s %s\n", text, c->summary);
	}
	fputs("\nOptions of every command:\n", f);
	for (const struct cli_option *o = cli_common_options; o->name; o++)
		print_option(f, o);
	fputs("\n'holdfast COMMAND --help' shows more. Manual: holdfast(8).\n", f);
}

/* ---- guessing what was meant ---- */

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edit distance of two short words. */
static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], n = strlen(b);

	if (n > WORD_MAX)
		return WORD_MAX;
	for (size_t i = 0; i <= n; i++)
		row[i] = i;
	for (size_t k = 0; a[k]; k++) {
		size_t diagonal = row[0];

		row[0] = k + 1;
		for (size_t i = 1; i <= n; i++) {
			size_t above = row[i];

			row[i] = min3(above + 1, row[i - 1] + 1, diagonal + (a[k] != b[i - 1]));
			diagonal = above;
		}
	}
	return row[n];
}

struct guess {
	const char *name;
	size_t distance;
};

static void consider(struct guess *guess, const char *word, const char *name)
{
	size_t d = distance(word, name);

	if (d < guess->distance) {
		guess->distance = d;
		guess->name = name;
	}
}

static void consider_options(struct guess *guess, const char *word,
			     const struct cli_option *options)
{
	for (const struct cli_option *o = options; o && o->name; o++)
		consider(guess, word, o->name);
}

#define NO_GUESS ((struct guess){NULL, 3}) /* further away is no typing error */

static enum cli_exit unknown_option(struct cli *cli, const struct cli_command *command,
				    const char *word)
{
	struct guess guess = NO_GUESS;

	consider_options(&guess, word, command ? command->options : NULL);
	consider_options(&guess, word, cli_common_options);
	if (guess.name)
		return cli_usage(cli, "unknown option '--%s'; did you mean '--%s'?", word,
				 guess.name);
	return cli_usage(cli, "unknown option '--%s'", word);
}

/* Whether `command` is "first" or "first second", or with `second` NULL begins so. */
static bool is_command(const struct cli_command *command, const char *first, const char *second)
{
	size_t n = strlen(first);

	if (strncmp(command->name, first, n) != 0)
		return false;
	if (command->name[n] == '\0')
		return true;
	return command->name[n] == ' ' && (!second || strcmp(command->name + n + 1, second) == 0);
}

static enum cli_exit unknown_command(struct cli *cli, const char *first, const char *second)
{
	struct guess guess = NO_GUESS;
	const struct cli_command *c;
	char text[2 * WORD_MAX];

	for (c = cli_commands; c->name && !is_command(c, first, NULL); c++)
		;
	if (c->name && !second)
		return cli_usage(cli, "'%s' needs one more word, as in 'holdfast %s'", first,
				 c->name);
	snprintf(text, sizeof(text), "%.60s%s%.60s", first, second && c->name ? " " : "",
		 second && c->name ? second : "");
	for (const struct cli_command *k = cli_commands; k->name; k++)
		consider(&guess, text, k->name);
	if (guess.name)
		return cli_usage(cli, "unknown command '%s'; did you mean '%s'?", text, guess.name);
	return cli_usage(cli, "unknown command '%s'", text);
}

/* ---- options ---- */

const char *cli_value(const struct cli_args *args, const char *name)
{
	for (size_t i = 0; args->options && args->options[i].name; i++)
		if (strcmp(args->options[i].name, name) == 0)
			return args->value[i];
	assert(false); /* not an option of this command */
	return NULL;
}

enum cli_exit cli_number(struct cli *cli, const struct cli_args *args, const char *name,
			 uint64_t *ret_value)
{
	const char *text = cli_value(args, name);

	if (text && parse_u64(text, 0, INT64_MAX, ret_value) < 0)
		return cli_usage(cli, "--%s: '%s' is not a number", name, text);
	return CLI_OK;
}

enum cli_exit cli_time(struct cli *cli, const struct cli_args *args, const char *name,
		       uint64_t *ret_us)
{
	const char *text = cli_value(args, name);
	char with_unit[WORD_MAX];
	uint64_t us;

	if (!text)
		return CLI_OK;
	snprintf(with_unit, sizeof(with_unit), "%ss", text);
	if (parse_duration_us(text, &us) < 0 && parse_duration_us(with_unit, &us) < 0)
		return cli_usage(cli, "--%s: '%s' is not a time; give seconds, or 500ms, 2m, ...",
				 name, text);
	if (us == 0)
		return cli_usage(cli, "--%s: the time must be longer than 0", name);
	*ret_us = us;
	return CLI_OK;
}

/* The command line while it is read. */
struct line {
	int argc, at;
	char **argv;
	const char *words[2 + CLI_ARGS_MAX + 1]; /* what is no option: command and arguments */
	unsigned int n_words;
	bool help, version, only_words;
};

static enum cli_exit set_common(struct cli *cli, struct line *line, const struct cli_option *option,
				const char *value)
{
	if (strcmp(option->name, "json") == 0)
		cli->json = true;
	else if (strcmp(option->name, "no-color") == 0)
		cli->color = false;
	else if (strcmp(option->name, "help") == 0)
		line->help = true;
	else if (strcmp(option->name, "host") == 0 && *value)
		cli->host = value;
	else if (strcmp(option->name, "host") == 0)
		return cli_usage(cli, "--host needs the name or address of a server");
	else if (*value)
		cli->socket = value;
	else
		return cli_usage(cli, "--socket needs a path");
	return CLI_OK;
}

/* The argument of an option: behind its '=', in the rest of a short one, or the next word. */
static enum cli_exit take_value(struct cli *cli, struct line *line, const struct cli_option *option,
				const char *attached, const char **ret)
{
	if (!option->argument) {
		if (attached)
			return cli_usage(cli, "option '--%s' takes no argument", option->name);
		*ret = "";
		return CLI_OK;
	}
	if (attached || *option->argument == '=') {
		*ret = attached ? attached : "";
		return CLI_OK;
	}
	if (line->at + 1 >= line->argc)
		return cli_usage(cli, "option '--%s' needs an argument: %s", option->name,
				 option->argument);
	*ret = line->argv[++line->at];
	return CLI_OK;
}

static const struct cli_option *find_option(const struct cli_option *options, const char *word,
					    size_t n)
{
	for (const struct cli_option *o = options; o && o->name; o++)
		if (strlen(o->name) == n && memcmp(o->name, word, n) == 0)
			return o;
	return NULL;
}

static const struct cli_option *find_letter(const struct cli_option *options, char letter)
{
	for (const struct cli_option *o = options; o && o->name; o++)
		if (o->letter && o->letter == letter)
			return o;
	return NULL;
}

static enum cli_exit read_long(struct cli *cli, struct line *line,
			       const struct cli_command *command, struct cli_args *args)
{
	const char *word = line->argv[line->at] + 2;
	size_t n = strcspn(word, "=");
	const char *attached = word[n] == '=' ? word + n + 1 : NULL, *value = "";
	const struct cli_option *common = find_option(cli_common_options, word, n);
	const struct cli_option *own = command ? find_option(command->options, word, n) : NULL;
	enum cli_exit code;

	if (!command && strcmp(word, "version") == 0) {
		line->version = true;
		return CLI_OK;
	}
	if (!common && !own)
		return unknown_option(cli, command, word);
	code = take_value(cli, line, common ? common : own, attached, &value);
	if (code != CLI_OK)
		return code;
	if (common)
		return set_common(cli, line, common, value);
	args->value[own - command->options] = value;
	return CLI_OK;
}

static enum cli_exit read_short(struct cli *cli, struct line *line,
				const struct cli_command *command, struct cli_args *args)
{
	const char *word = line->argv[line->at];
	const struct cli_option *own = find_letter(command ? command->options : NULL, word[1]);
	const struct cli_option *common = own ? NULL : find_letter(cli_common_options, word[1]);
	const char *value = "";
	enum cli_exit code;

	if (!own && !common)
		return cli_usage(cli, "unknown option '%s'", word);
	code = take_value(cli, line, own ? own : common, word[2] ? word + 2 : NULL, &value);
	if (code != CLI_OK)
		return code;
	if (common || !command) /* without a command only common ones are found */
		return set_common(cli, line, common, value);
	args->value[own - command->options] = value;
	return CLI_OK;
}

static const struct cli_command *find_command(const struct line *line, unsigned int *ret_words)
{
	for (const struct cli_command *c = cli_commands; c->name; c++) {
		bool two = strchr(c->name, ' ');

		if (line->n_words < (two ? 2U : 1U) ||
		    !is_command(c, line->words[0], two ? line->words[1] : NULL))
			continue;
		*ret_words = two ? 2 : 1;
		return c;
	}
	return NULL;
}

static enum cli_exit read_word(struct cli *cli, struct line *line,
			       const struct cli_command *command)
{
	unsigned int max = command ? command->args_max + (strchr(command->name, ' ') ? 2 : 1) : 2;

	if (command && line->n_words >= max)
		return cli_usage(cli, "'%s' is one argument too many", line->argv[line->at]);
	line->words[line->n_words++] = line->argv[line->at];
	return CLI_OK;
}

/* Reads the whole line. *ret_command is NULL if there is none on it (then it is not needed). */
static enum cli_exit read_line(struct cli *cli, struct line *line, struct cli_args *args,
			       const struct cli_command **ret_command)
{
	const struct cli_command *command = NULL;
	enum cli_exit code = CLI_OK;
	unsigned int n = 0;

	for (; line->at < line->argc && code == CLI_OK; line->at++) {
		const char *word = line->argv[line->at];

		if (line->only_words || word[0] != '-' || word[1] == '\0')
			code = read_word(cli, line, command);
		else if (word[1] != '-')
			code = read_short(cli, line, command, args);
		else if (word[2] == '\0')
			line->only_words = true;
		else
			code = read_long(cli, line, command, args);
		if (!command && line->n_words > 0 && code == CLI_OK) {
			command = find_command(line, &n);
			if (command)
				cli->command = command->name;
			else if (line->n_words == 2)
				return unknown_command(cli, line->words[0], line->words[1]);
		}
	}
	if (code != CLI_OK)
		return code;
	if (!command && line->n_words > 0 && !line->help)
		return unknown_command(cli, line->words[0], NULL);
	for (unsigned int i = n; i < line->n_words; i++)
		args->arg[i - n] = line->words[i];
	if (command)
		args->options = command->options;
	if (command && !line->help && line->n_words - n < command->args_min)
		return cli_usage(cli, "'%s' needs an argument: %s", command->name,
				 command->arguments);
	*ret_command = command;
	return CLI_OK;
}

/* ---- the commands about the program itself ---- */

enum cli_exit cli_version(struct cli *cli, const struct cli_args *args)
{
	(void)args;
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:s}", "version", HOLDFAST_VERSION));
	fprintf(cli->out, "holdfast %s\n", HOLDFAST_VERSION);
	return CLI_OK;
}

enum cli_exit cli_help(struct cli *cli, const struct cli_args *args)
{
	if (!args->arg[0]) {
		print_overview(cli->out);
		return CLI_OK;
	}
	for (const struct cli_command *c = cli_commands; c->name; c++) {
		if (is_command(c, args->arg[0], args->arg[1])) {
			print_command_help(cli->out, c);
			return CLI_OK;
		}
	}
	return unknown_command(cli, args->arg[0], args->arg[1]);
}

static bool is_terminal(FILE *f)
{
	int fd = fileno(f);

	return fd >= 0 && isatty(fd);
}

static bool obeys_sequences(FILE *out)
{
	const char *term = getenv("TERM");

	return is_terminal(out) && term && *term && strcmp(term, "dumb") != 0;
}

enum cli_exit cli_run(int argc, char **argv, FILE *in, FILE *out, FILE *err)
{
	const char *socket = getenv("HOLDFAST_SOCKET");
	const char *no_color = getenv("NO_COLOR");
	struct cli cli = {.in = in,
			  .out = out,
			  .err = err,
			  .interactive = is_terminal(in),
			  .terminal = obeys_sequences(out),
			  .color = obeys_sequences(out) && !(no_color && *no_color),
			  .socket = socket && *socket ? socket : CTL_SOCKET_PATH,
			  .command = ""};
	struct line line = {.argc = argc, .argv = argv, .at = 1};
	const struct cli_command *command = NULL;
	struct cli_args args = {0};
	enum cli_exit code;

	code = read_line(&cli, &line, &args, &command);
	if (code != CLI_OK)
		return code;
	if (line.version)
		return cli_version(&cli, &args);
	if (line.help || !command) {
		if (command)
			print_command_help(cli.out, command);
		else
			print_overview(line.help ? cli.out : cli.err);
		return line.help ? CLI_OK : CLI_USAGE;
	}
	code = command->run(&cli, &args);
	if (fflush(out) != 0 || ferror(out)) {
		fprintf(err, "holdfast: cannot write: %s\n", strerror(errno));
		return code == CLI_OK ? CLI_FAILED : code;
	}
	return code;
}
