/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CLI_CHANGE_H
#define HF_CLI_CHANGE_H

/* A command that changes something: asks the agent, follows it with --wait, says how it ended. */

#include "cli/cli.h"
#include "util/time.h"

struct change {
	const char *method;    /* without its interface */
	const char *kind;      /* "group", for messages */
	const char *parameter; /* which the name is given as; NULL: there is no name */
	const char *name;
	const char *server; /* NULL: the cluster chooses; or all of them */
	json_t *more;	    /* other parameters, or NULL; change_run() takes it over */
	bool wait;
	ha_time deadline;
};

/* Reads --wait and --timeout and does it. */
_must_check_ enum cli_exit change_run(struct cli *cli, const struct cli_args *args,
				      struct change *change);

/* ---- confirm.c ---- */

struct confirm {
	const char *server; /* NULL: all of them */
	const char *verb;   /* "Stop", "Shut down", "Reboot" */
	const char *power;  /* "powered off", "rebooted"; NULL: the machines go on */
};

/*
 * Says what will stop and where groups go, and asks on a terminal; without one it says that --yes
 * is missing. CLI_OK: go on. Does not ask where nothing that runs is touched.
 */
_must_check_ enum cli_exit confirm_change(struct cli *cli, const struct cli_args *args,
					  const struct confirm *confirm);
/* The question itself. */
_must_check_ enum cli_exit confirm_ask(struct cli *cli, const struct confirm *confirm);
/* Where the group is going to be when it leaves server `but`; NULL: nowhere. */
const char *confirm_next_place(const json_t *status, const json_t *group, const char *but);

#endif
