/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_EXEC_ENV_H
#define HF_AGENT_EXEC_ENV_H

/* The environment of exec programs: the CLP_ names that existing start and stop scripts test. */

#include "include/cluster.h"

struct exec_context {
	const char *group, *resource;
	const char *user;   /* NULL: root */
	uint8_t cause;	    /* enum intent_cause of the operation */
	uint8_t priority;   /* place of this node in the group's list, from 1 */
	bool stop;	    /* else start */
	bool urgent;	    /* stop because the lease was lost */
	bool leaving;	    /* this agent or its node is stopping */
	bool wanted_online; /* the group is to run somewhere: a stop is part of a move */
	bool restart;	    /* the resource failed and is stopped to be started again here */
};

/* Allocated NULL-terminated vector, NULL on -ENOMEM. */
char **exec_env_new(const struct exec_context *context);
char **exec_env_free(char **env);

/* For the tables in tests. */
const char *exec_env_event(uint8_t cause);
const char *exec_env_factor(const struct exec_context *context);

#endif
