/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CLI_CALL_H
#define HF_CLI_CALL_H

/* Asking the agent. What goes wrong is said once, here, in a sentence that names the thing. */

#include "cli/cli.h"

#define CALL_TIMEOUT_US 5000000ULL /* of what the agent answers from memory */

_must_check_ enum cli_exit call_connect(struct cli *cli, struct ctl_client **ret);
/* What a negative result of the client means to people. */
enum cli_exit call_failed(struct cli *cli, const struct ctl_client *client, int r);
/* One call on a connection of its own. `method` without its interface. Takes over `parameters`.
 * *ret is the caller's. */
_must_check_ enum cli_exit call_agent(struct cli *cli, const char *method, json_t *parameters,
				      uint64_t timeout_us, json_t **ret);
/* The Status object. */
_must_check_ enum cli_exit call_status(struct cli *cli, json_t **ret);

void call_cleanup_json(json_t **json);
void call_cleanup_client(struct ctl_client **client);
#define _cleanup_json_	 _cleanup_(call_cleanup_json)
#define _cleanup_client_ _cleanup_(call_cleanup_client)

#define AGENT_INTERFACE "io.holdfast.Agent."

#endif
