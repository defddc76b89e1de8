/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_EXEC_CHILD_H
#define HF_AGENT_EXEC_CHILD_H

/* The new process of an exec program, from fork to exec. */

#include "agent/exec.h"

enum exec_stage {
	EXEC_STAGE_NONE,
	EXEC_STAGE_HELPER,
	EXEC_STAGE_FORK,
	EXEC_STAGE_SESSION,
	EXEC_STAGE_OUTPUT,
	EXEC_STAGE_DESCRIPTORS,
	EXEC_STAGE_FIND_USER,
	EXEC_STAGE_SET_USER,
	EXEC_STAGE_PROGRAM,
	EXEC_STAGE_COUNT_
};

/* Why the program was never run, from child to agent. */
struct exec_failure {
	int32_t stage; /* enum exec_stage */
	int32_t error; /* errno, positive */
};

/* Becomes the program; a failure is written to `failure_fd` and ends the process. */
_Noreturn void exec_child(const struct exec_program *program, int failure_fd);

/* Two parts of it, for other processes. Undoes what the agent did to itself for its heartbeats. */
void exec_child_reset(void);
/* Becomes this user with its groups. */
_must_check_ int exec_child_become_user(const char *name, enum exec_stage *ret_stage);

/* Reads what the child wrote, if it wrote anything. `fd` does not block. */
bool exec_failure_read(int fd, struct exec_failure *ret);
void exec_failure_describe(const struct exec_failure *failure, char *text, size_t size);

#endif
