/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_STAGE_H
#define HF_AGENT_STAGE_H

/* Monitors in the agent: verdicts for the core, its orders to the monitor process, and the
 * programs that run before a step of a recovery (docs/operations.md, M5). */

#include "agent/agent.h"

/* Starts the monitor process. */
_must_check_ int stage_new(struct agent *agent);
void stage_free(struct agent *agent);
/* agent->config is another one now; the former must still be there. */
_must_check_ int stage_reload(struct agent *agent);

/* CORE_ACTION_SCRIPT: runs it, for its time at most; SCRIPT_DONE follows. */
void stage_run(struct agent *agent, const struct core_action *action);
/* A program has ended. False: it is none of these. */
bool stage_done(struct agent *agent, uint32_t operation, uint8_t result, const char *text);

ha_time stage_deadline(const struct agent *agent);
void stage_dispatch(struct agent *agent, ha_time now);

#endif
