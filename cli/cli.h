/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CLI_CLI_H
#define HF_CLI_CLI_H

/* What all commands share: where to print, the exit codes, commands and their options. */

#include "include/ctl.h"

#include <stdio.h>

/* Stable: scripts depend on them (holdfast(8), EXIT STATUS). */
enum cli_exit {
	CLI_OK = 0,	  /* healthy; done */
	CLI_FAILED = 1,	  /* degraded; the command failed */
	CLI_DOWN = 2,	  /* a service is down */
	CLI_UNSAFE = 3,	  /* unprotected, or no quorum */
	CLI_NO_AGENT = 4, /* the agent cannot be reached */
	CLI_USAGE = 64,
	CLI_DENIED = 77,
	CLI_TIMEOUT = 124,
};

struct cli {
	FILE *in, *out, *err;
	bool interactive; /* a person answers questions on `in` */
	bool terminal;	  /* `out` is one that obeys control sequences */
	bool color, json;
	bool json_lines; /* each JSON text on one line, for streams */
	const char *socket;
	const char *host;    /* ask the agent of this server; NULL: of this node */
	const char *command; /* "group start", for messages */
};

struct cli_option {
	const char *name;     /* without "--" */
	char letter;	      /* 0: none */
	const char *argument; /* NULL: takes none; "=S": may be given with '=' */
	const char *help;
};

#define CLI_OPTIONS_MAX 24
#define CLI_ARGS_MAX	2

struct cli_args {
	const struct cli_option *options;
	const char *value[CLI_OPTIONS_MAX]; /* NULL: not given; "": without an argument */
	const char *arg[CLI_ARGS_MAX];	    /* NULL: not given */
};

struct cli_command {
	const char *name;      /* "status", "group start" */
	const char *arguments; /* as shown, "NAME [SERVER]" */
	unsigned int args_min, args_max;
	const char *summary;		  /* one line */
	const char *details;		  /* for --help, or NULL */
	const struct cli_option *options; /* ended by a NULL name; NULL: none */
	enum cli_exit (*run)(struct cli *cli, const struct cli_args *args);
};

/* The whole program but for main(). */
enum cli_exit cli_run(int argc, char **argv, FILE *in, FILE *out, FILE *err);

/* All commands, ended by a NULL name, and the options each of them has. */
extern const struct cli_command cli_commands[];
extern const struct cli_option cli_common_options[];

/* The value of an option of the command: NULL if it was not given. */
const char *cli_value(const struct cli_args *args, const char *name);
static inline bool cli_has(const struct cli_args *args, const char *name)
{
	return cli_value(args, name);
}
/* Numbers and times of options; CLI_USAGE with a message naming the option. Written only if the
 * option was given. A time without unit is in seconds. */
_must_check_ enum cli_exit cli_number(struct cli *cli, const struct cli_args *args,
				      const char *name, uint64_t *ret_value);
_must_check_ enum cli_exit cli_time(struct cli *cli, const struct cli_args *args, const char *name,
				    uint64_t *ret_us);

/* Says what went wrong, to people and with --json to programs, and returns `code`. `word` is a
 * stable name of the error. */
enum cli_exit cli_fail(struct cli *cli, enum cli_exit code, const char *word, const char *format,
		       ...) __attribute__((format(printf, 4, 5)));
/* A wrong command line: with a hint on --help. */
enum cli_exit cli_usage(struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Prints {"schema": 1, ...members of `object`}; takes over `object`. */
enum cli_exit cli_print_json(struct cli *cli, json_t *object);

/* ---- the commands, each in the file of its name ---- */

enum cli_exit cli_script_run(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_simulate(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_drill(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_status(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_group_start(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_group_stop(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_group_move(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_group_list(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_server_start(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_server_stop(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_server_list(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_server_shutdown(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_server_reboot(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_cluster_start(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_cluster_stop(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_cluster_shutdown(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_cluster_reboot(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_cluster_suspend(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_cluster_resume(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_resource_start(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_resource_stop(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_resource_list(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_monitor_suspend(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_monitor_resume(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_monitor_fail(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_monitor_unfail(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_monitor_list(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_toratio_set(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_toratio_reset(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_toratio_show(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_events(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_explain(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_config_check(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_import(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_config_apply(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_config_export(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_config_diff(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_config_show(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_fence_status(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_fence_test(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_fence_off(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_fence_on(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_fence_reset(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_fence_cycle(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_fence_history(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_fence_confirm(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_keygen(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_version(struct cli *cli, const struct cli_args *args);
enum cli_exit cli_help(struct cli *cli, const struct cli_args *args);

#endif
