/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CLI_WATCH_H
#define HF_CLI_WATCH_H

/* The option --watch: a picture that is asked for again and drawn over the one before. */

#include "cli/cli.h"

/* Asks once and prints to cli->out. */
typedef enum cli_exit (*watch_picture)(struct cli *cli, const struct cli_args *args,
				       const void *what);

/* Shows it once; with --watch again and again, until a signal or the end of the output. */
_must_check_ enum cli_exit watch_show(struct cli *cli, const struct cli_args *args,
				      watch_picture picture, const void *what);

#endif
