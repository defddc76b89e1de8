/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CLI_TARGET_H
#define HF_CLI_TARGET_H

/* The agents of all servers, for commands that have to ask each of them. */

#include "cli/cli.h"

#define TARGETS_MAX	32
#define TARGET_ERROR	(CTL_HOST_ERROR_SIZE + 64)
#define CONFIG_TEXT_MAX (1024 * 1024)

struct target {
	char name[64];
	bool self;		   /* the agent that is asked first */
	bool in_cluster;	   /* by its word: it takes part, so it must be reached */
	struct ctl_client *client; /* NULL: it cannot be reached, and error says why */
	json_t *status;		   /* its own, NULL likewise */
	json_t *prepared;	   /* the reply of ConfigPrepare */
	char error[TARGET_ERROR];
};

struct targets {
	size_t n;
	struct target of[TARGETS_MAX];
	json_t *status; /* of the agent that is asked first */
};

/* Asks for the status of each. */
_must_check_ enum cli_exit targets_find(struct cli *cli, struct targets *ret);
void targets_done(struct targets *targets);
#define _cleanup_targets_ _cleanup_(targets_done)

/* 0 with *ret (may be NULL), or -errno and a sentence in target->error. Takes over `parameters`. */
_must_check_ int target_call(struct target *target, const char *method, json_t *parameters,
			     uint64_t timeout_us, json_t **ret);
/* The connection anew, and a new status: of an agent that was started again. */
_must_check_ int target_reconnect(struct cli *cli, struct target *target);
/* A new status. */
_must_check_ int target_refresh(struct target *target);
/* What it says of itself: "online", "stopped", ... */
const char *target_mode(const struct target *target);
/* Hands over a text (UTF-8, of `n` bytes) in parts, and has it checked and kept. */
_must_check_ int target_prepare(struct target *target, const char *text, size_t n);

/* The text of a file; CLI_FAILED with a message if it cannot be sent. */
_must_check_ enum cli_exit config_read_file(struct cli *cli, const char *path, char **ret,
					    size_t *ret_n);

#endif
