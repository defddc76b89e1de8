/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_EXEC_HELPER_H
#define HF_AGENT_EXEC_HELPER_H

/*
 * The process that forks: "holdfast-exec". A fork copies the page tables of its parent and makes
 * each of the parent's pages fault once afterwards: milliseconds that the agent's loop does not
 * have. So the agent sends orders to a small process that was forked once, early; that one
 * starts, signals and reaps programs. It ends when the agent's end of the socket is closed.
 */

#include "agent/exec.h"
#include "agent/exec_child.h"

#define EXEC_ORDER_MAX	 (96 * 1024) /* bytes of one order, program and environment included */
#define EXEC_FDS_MAX	 2
#define EXEC_STRINGS_MAX 512 /* arguments and variables */

enum exec_order_kind { EXEC_ORDER_RUN = 1, EXEC_ORDER_SIGNAL };

/*
 * One SOCK_SEQPACKET message; with RUN the strings follow, each with its NUL: name, user ("" for
 * none), n_argv arguments, n_env variables. Descriptors may come along: its standard input and
 * output, in this order, as far as the flags name them.
 */
struct exec_order {
	uint32_t kind; /* enum exec_order_kind */
	uint32_t operation;
	int32_t signal;
	uint16_t n_argv, n_env;
	bool has_input, has_output;
};

/* The answer to RUN, when the process has ended or could not be made. */
struct exec_report {
	uint32_t operation;
	int32_t code, status;	     /* si_code and si_status */
	struct exec_failure failure; /* stage 0: the program did run */
};

/* Starts it: *ret_fd is the agent's end of the socket, non-blocking. */
_must_check_ int exec_helper_start(pid_t *ret_pid, int *ret_fd);

#endif
