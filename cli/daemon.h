/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CLI_DAEMON_H
#define HF_CLI_DAEMON_H

/* Tools that are part of holdfastd: run from beside this program, PATH or the usual folders. */

#include "cli/cli.h"

#define DAEMON "holdfastd"

/* Becomes the daemon with this argument vector (argv[0] is DAEMON). Returns only if that fails. */
enum cli_exit daemon_exec(struct cli *cli, char *const argv[]);

/*
 * Runs it with `input` as JSON on its standard input and reads one JSON object from its standard
 * output. Its standard error is ours. CLI_OK: *ret is the caller's.
 */
_must_check_ enum cli_exit daemon_ask(struct cli *cli, char *const argv[], const json_t *input,
				      json_t **ret);
/* The same without reading: becomes the daemon. Returns only if that fails. */
enum cli_exit daemon_feed(struct cli *cli, char *const argv[], const json_t *input);

#endif
