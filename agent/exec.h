/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_EXEC_H
#define HF_AGENT_EXEC_H

/*
 * Runs the programs of exec resources: each in a session and process group of its own, without
 * the agent's privileges of scheduling, descriptors, signals or locked memory. Their output goes
 * to the journal directly, never through the agent. How long one may take is decided elsewhere:
 * exec_kill() ends it.
 */

#include "include/event.h"
#include "util/cleanup.h"
#include "util/time.h"

#include <systemd/sd-event.h>

/* Time from SIGTERM to SIGKILL when a program is ended, and from SIGKILL until it is given up
 * as unkillable (it hangs in the kernel). */
#define EXEC_TERM_GRACE_US 500000ULL
#define EXEC_KILL_GRACE_US 2000000ULL

/* Who ordered an operation stands in its upper bits; the core's own numbers leave them 0. */
#define EXEC_KIND_MASK	  0xf0000000u
#define EXEC_KIND_CORE	  0x00000000u /* resources */
#define EXEC_KIND_STAGE	  0x10000000u /* programs before a step of a recovery */
#define EXEC_KIND_POWER	  0x20000000u
#define EXEC_KIND_SCRIPT  0x30000000u /* `holdfast script run` */
#define EXEC_KIND_FILE	  0x40000000u /* work on files that the agent must not wait for */
#define EXEC_KIND_CHANNEL 0x50000000u /* holdfast-channel */
#define EXEC_KIND_FENCE	  0x60000000u /* fencing: orders and checks */

struct exec;

struct exec_config {
	sd_event *event;
	int64_t priority; /* of the event sources */
	/* Answer to exec_run(), exactly one. `result` is an enum resource_result. */
	void (*done)(uint32_t operation, uint8_t result, const char *text, void *userdata);
	void *userdata;
};

/* Starts the process that forks (exec_helper.h): call it early. */
_must_check_ int exec_new(const struct exec_config *config, struct exec **ret);
/* Kills what still runs; nothing is answered any more. */
struct exec *exec_free(struct exec *exec);

/* What a text of done() tells: "exit status N" or "killed by signal N". False: neither. */
bool exec_text_status(const char *text, int *ret_status);
bool exec_text_signal(const char *text, int *ret_signal);

struct exec_program {
	uint32_t operation;
	const char *name;  /* of the resource: names its lines in the journal */
	char *const *argv; /* argv[0] is an absolute path */
	char *const *env;
	const char *user; /* NULL: stays root */
	/* Descriptors to be its standard input and output, which stay ours; 0: nothing to read, and
	 * the journal. */
	int input, output;
};

/* -errno: it was not started and no answer follows. That it cannot be executed comes as answer,
 * for only the new process looks at the file: a disk that hangs must not stop the agent. The
 * strings are copied. */
_must_check_ int exec_run(struct exec *exec, const struct exec_program *program);
/* Ends an operation: its whole process group. It still answers, within the two graces above. */
void exec_kill(struct exec *exec, uint32_t operation, ha_time now);

ha_time exec_deadline(const struct exec *exec);
void exec_dispatch(struct exec *exec, ha_time now);
/* Programs that have not ended, the unkillable ones included. */
size_t exec_running(const struct exec *exec);

#endif
