/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_FENCE_PROCESS_H
#define HF_AGENT_FENCE_PROCESS_H

/* One run of one fence agent, within the process `holdfastd --fence`. */

#include "agent/fence_output.h"
#include "util/cleanup.h"
#include "util/time.h"

#include <sys/types.h>

#define FENCE_INPUT_MAX (32U * 1024) /* fits into a pipe, so that writing it never waits */

enum fence_end_kind {
	FENCE_ENDED_NOT, /* it runs */
	FENCE_ENDED_EXIT,
	FENCE_ENDED_SIGNAL,
	FENCE_ENDED_LATE,  /* killed at its deadline */
	FENCE_ENDED_FLOOD, /* killed since it printed without end */
	FENCE_ENDED_ERROR, /* it could not be run */
};

struct fence_command {
	const char *path;     /* absolute */
	const char *argument; /* NULL: parameters come on standard input */
	/* Two parts of its standard input. */
	const char *head, *body;
	ha_time until;
};

struct fence_process {
	pid_t pid; /* also its process group; 0: none */
	int pidfd, output_fd;
	ha_time started, until, give_up;
	bool killed, flood;
	enum fence_end_kind end;
	int code; /* exit code, signal, or errno */
	uint64_t took_us;
	struct fence_output *output;
};

/* Its output, and errors with it, are added to `output`. A failure is an end like others. */
void fence_process_start(struct fence_process *p, const struct fence_command *command,
			 struct fence_output *output);
/* Takes what there is; ends it if it is time. */
void fence_process_serve(struct fence_process *p, ha_time now);
/* When it is to be served at the latest. */
ha_time fence_process_deadline(const struct fence_process *p);
/* How it ended, in a few words, unless what it printed says it. */
void fence_process_describe(const struct fence_process *p, char *text, size_t size);
/* Kills it, and whatever is in its process group. */
void fence_process_kill(struct fence_process *p);
/* Kills what fence agents left, of those that were adopted by this process. */
void fence_process_kill_strays(void);

#endif
