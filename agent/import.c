/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `holdfastd --import`: from the file to the result and the list. */
#include "agent/import.h"
#include "agent/import_internal.h"
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* ---- translation ---- */

static void write_all(struct import *import)
{
	import_choose(import);
	(void)fprintf(import->out, "# Made by `holdfast import clp.conf` from a configuration of "
				   "CLUSTERPRO X. Work\n# through the list of what was not carried "
				   "over before it is used.\n\n");
	import_cluster(import);
	import_nodes(import);
	import_groups(import);
	import_exclusions(import);
	import_monitors(import);
}

static int write_config(struct import *import, char **ret)
{
	char *text = NULL;
	size_t size;

	import->out = open_memstream(&text, &size);
	if (!import->out)
		return -ENOMEM;
	write_all(import);
	if (fclose(import->out) != 0 || import->failed) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}

static int write_list(struct import *import, struct import_result *result)
{
	size_t size;
	FILE *out;

	import_list_rest(import);
	out = open_memstream(&result->list, &size);
	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < import->n_notes; i++) {
		const struct import_note *note = &import->notes[i];

		(void)fprintf(out, "%s:%u: %s\n", import->file, note->line, note->text);
		if (note->lost)
			result->n_lost++;
		else
			result->n_notes++;
	}
	return fclose(out) == 0 && !import->failed ? 0 : -ENOMEM;
}

/* The result is judged as any configuration: what is wrong with it is left to people. */
static void judge(struct import_result *result)
{
	struct config *config = NULL;

	if (config_load_text("the result", result->config, &config, &result->report) == 0)
		(void)config_free(config);
}

int import_data(const char *name, const char *data, size_t size, struct import_result *ret,
		struct import_error *error)
{
	struct import import = {.file = name};
	int r;

	memset(ret, 0, sizeof *ret);
	r = import_parse(data, size, &import.root, error);
	if (r < 0)
		return r;
	r = write_config(&import, &ret->config);
	if (r == 0)
		r = write_list(&import, ret);
	for (size_t i = 0; i < import.n_notes; i++)
		free(import.notes[i].text);
	free(import.notes);
	(void)import_node_free(import.root);
	if (r < 0) {
		import_result_clear(ret);
		return r;
	}
	judge(ret);
	return 0;
}

void import_result_clear(struct import_result *result)
{
	free(result->config);
	free(result->list);
	result->config = result->list = NULL;
}

/* ---- the program ---- */

static int read_input(const char *path, char **ret, size_t *ret_size)
{
	/* O_NONBLOCK: a FIFO must not hold it up. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return file_read_all(fd, IMPORT_FILE_MAX + 1, ret, ret_size);
}

/* To a new file: one that exists may be somebody's work. */
static int write_output(const char *path, const char *text)
{
	int fd, r;

	if (!path)
		return file_write_all(STDOUT_FILENO, text, strlen(text));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	r = file_write_all(fd, text, strlen(text));
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		(void)unlink(path);
	return r;
}

static void tell(const char *output, const struct import_result *result)
{
	(void)fputs(result->list, stderr);
	(void)fprintf(stderr, "%zu not carried over, %zu to look at\n", result->n_lost,
		      result->n_notes);
	if (result->report.errors == 0)
		return;
	(void)fprintf(stderr, "before the result can be used, by hand:\n");
	config_report_write(&result->report, output ? output : "the result", stderr);
}

static int import_file(const char *path, const char *output)
{
	_cleanup_free_ struct import_result *result = calloc(1, sizeof *result);
	_cleanup_free_ char *data = NULL;
	struct import_error error = {.line = 0};
	size_t size = 0;
	int r = result ? read_input(path, &data, &size) : -ENOMEM, code = 0;

	if (r < 0) {
		(void)fprintf(stderr, "%s: error: cannot be read: %s\n", path, strerror(-r));
		return IMPORT_EXIT_NOINPUT;
	}
	r = import_data(path, data, size, result, &error);
	if (r < 0) {
		(void)fprintf(stderr, "%s:%u: error: %s\n", path, error.line,
			      r == -ENOMEM ? "out of memory" : error.text);
		return IMPORT_EXIT_ERRORS;
	}
	r = write_output(output, result->config);
	if (r < 0) {
		(void)fprintf(stderr, "%s: error: cannot be written: %s\n",
			      output ? output : "standard output", strerror(-r));
		code = IMPORT_EXIT_CANTCREATE;
	} else {
		tell(output, result);
		code = result->report.errors ? IMPORT_EXIT_HAND : 0;
	}
	import_result_clear(result);
	return code;
}

int import_main(int argc, char **argv)
{
	if (argc == 2)
		return import_file(argv[1], NULL);
	if (argc == 4 && strcmp(argv[2], "--output") == 0)
		return import_file(argv[1], argv[3]);
	(void)fprintf(stderr, "Usage: holdfastd --import FILE [--output FILE]\n");
	return IMPORT_EXIT_USAGE;
}
