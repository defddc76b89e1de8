/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_OCF_H
#define HF_AGENT_OCF_H

/*
 * Resources of type ocf: programs that speak the Open Cluster Framework's resource agent interface
 * (OCF Resource Agent API 1.1): one action as argument, parameters as OCF_RESKEY_name in the
 * environment, the outcome as exit code. They are run by exec.c as any other program.
 */

#include "agent/config.h"

#define OCF_ROOT      "/usr/lib/ocf"
#define OCF_FOLDER    OCF_ROOT "/resource.d"
#define OCF_PATH_SIZE 256

enum ocf_exit {
	OCF_SUCCESS = 0,
	OCF_ERR_GENERIC = 1,
	OCF_ERR_ARGS = 2,
	OCF_ERR_UNIMPLEMENTED = 3,
	OCF_ERR_PERM = 4,
	OCF_ERR_INSTALLED = 5,
	OCF_ERR_CONFIGURED = 6,
	OCF_NOT_RUNNING = 7
};

/*
 * The file of "provider:name" ("ocf:" may stand before it). -EINVAL: not such a name, or too long.
 */
_must_check_ int ocf_path(const char *agent, char ret[static OCF_PATH_SIZE]);

/* Allocated NULL-terminated environment of one action of `resource`, after the variables of `base`
 * (exec_env_new(); not taken over). NULL on -ENOMEM. Freed by exec_env_free(). */
char **ocf_env_new(const struct resource_config *resource, uint64_t timeout_us, char *const *base);

/* What an exit code of an action means, for people; NULL for none that the standard names. */
const char *ocf_exit_to_string(int code);

#endif
