/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_SCRIPT_H
#define HF_AGENT_SCRIPT_H

/*
 * `holdfast script run`: programs of the script directory, run by order of a client and never by
 * path. What must be looked at on a disk (is it a regular file of root that nobody else may write)
 * is looked at by the new process, `holdfastd --script`, which then becomes the script.
 */

#include "agent/agent.h"

#define SCRIPTS_MAX	     4 /* at once */
#define SCRIPT_NAME_MAX	     64
#define SCRIPT_TIMEOUT_US    (180 * USEC_PER_SEC) /* if the client names none */
#define SCRIPT_TIMEOUT_MAX_S 86400

/* Exit codes of `holdfastd --script` itself: the script was not run. */
enum script_refusal {
	SCRIPT_REFUSAL_MISSING = 200, /* no such file in the directory */
	SCRIPT_REFUSAL_UNSAFE,	      /* not a regular file of root that only root may write */
	SCRIPT_REFUSAL_LOG,	      /* the log file cannot be opened */
	SCRIPT_REFUSAL_EXEC,	      /* it cannot be executed */
};

struct scripts;

_must_check_ int scripts_new(struct scripts **ret);
struct scripts *scripts_free(struct scripts *scripts);
/* The method ScriptRun. */
void ctl_script_run(struct ctl_call *call, json_t *parameters, void *userdata);
/* The client has gone: the script goes on. True if `call` was one of these. */
bool scripts_gone(struct agent *agent, const struct ctl_call *call);
/* The end of a program. True if `operation` was a script. */
bool scripts_done(struct agent *agent, uint32_t operation, uint8_t result, const char *text);
ha_time scripts_deadline(const struct agent *agent);
void scripts_dispatch(struct agent *agent, ha_time now);

/* A plain file name: letters, digits, '.', '_' and '-', and no '.' in front. */
bool script_name_valid(const char *name);
const char *script_refusal_to_string(int code); /* NULL: it is none */

/* `holdfastd --script DIRECTORY NAME [LOG]`; argv[0] is "--script". Returns only if it fails. */
int script_main(int argc, char **argv);

#endif
