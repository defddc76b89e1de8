/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_FENCE_H
#define HF_AGENT_FENCE_H

/*
 * Fencing, the agent's side (docs/fencing.md): orders of the core and of operators, and the
 * periodic checks, each a run of the process of agent/fence_tool.h; nothing here waits for a
 * device. Files: fence.c (orders), fence_job.c (the process and its answer), fence_check.c
 * (checks), fence_history.c (what was done).
 */

#include "agent/agent.h"
#include "agent/fence_verb.h"

struct fencing;

_must_check_ int fencing_new(struct agent *agent, struct fencing **ret);
struct fencing *fencing_free(struct fencing *fencing);

/* CORE_ACTION_FENCE and CORE_ACTION_FENCE_CANCEL. */
void fencing_action(struct agent *agent, const struct core_action *action);
/* A program has ended. False: it is none of these. */
bool fencing_done(struct agent *agent, uint32_t operation, uint8_t result, const char *text);
ha_time fencing_deadline(const struct agent *agent);
void fencing_dispatch(struct agent *agent, ha_time now);
/* agent->config is another one now: devices and levels mean others. */
void fencing_reload(struct agent *agent);

/* ---- by hand (rule X12) ---- */

struct fence_order_by_hand {
	enum fence_verb verb;
	uint8_t target;
	uid_t uid; /* who */
	/* Both may be NULL. `end` is called once, unless the caller is forgotten. */
	void (*step)(struct agent *agent, const struct fence_step *step, void *userdata);
	void (*end)(struct agent *agent, const struct fence_end *end, void *userdata);
	void *userdata;
};

/*
 * Begins it: OFF, ON, RESET and CYCLE go level by level until one has done it; TEST and STATUS
 * look at all levels, and `ok` says that each device did answer. 0: `end` follows, never from
 * within this call. -EBUSY: something is being done to the target already; -ENODEV: it has no
 * device; -EINVAL: no such node, or ON of this one; -errno. `why` has a sentence.
 */
#define FENCE_WHY 192
_must_check_ int fencing_order(struct agent *agent, const struct fence_order_by_hand *order,
			       char why[FENCE_WHY]);
/* Who waits with `userdata` has gone: it goes on without. True if there was one. */
bool fencing_forget(struct agent *agent, const void *userdata);

/*
 * {"running": [{"target","verb","level","by","since_us"}],
 *  "targets": [{"target", "levels": [{"level", "devices": [{"device","plug","agent",
 *     "state": "unknown|normal|error", "checked_wall_us", "took_us", "text",
 *     "last_off_us", "longest_off_us"}]}]}]}
 */
json_t *fencing_status(const struct agent *agent, ha_time now);
/* Newest first: [{"wall_us","target","verb","level","by","uid","ok","power","took_us","text",
 * "steps": [{"device","plug","step","ok","took_us","text"}]}]. NODE_NONE: of all targets. */
json_t *fencing_history(const struct agent *agent, uint8_t target);
/* The longest that a device of the target took from the order to its last reading of off; 0: no
 * off was confirmed here yet. For the check of priority_delay (X10). */
uint64_t fencing_longest_off_us(const struct agent *agent, uint8_t target);

/* ---- this server's own devices: final actions (W5) ---- */

/* RESET, OFF, CYCLE or DIAG of this server. `done` is called once, if the server is still there.
 * -ENODEV: it has no level. */
_must_check_ int fencing_self(struct agent *agent, enum fence_verb verb,
			      void (*done)(struct agent *agent, const struct fence_end *end));

#endif
