/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CLI_SIMULATE_H
#define HF_CLI_SIMULATE_H

#include "cli/cli.h"

/* What holdfastd --simulate wants on its standard input: configuration and status of the agent. */
_must_check_ enum cli_exit simulate_state(struct cli *cli, json_t **ret);

#endif
