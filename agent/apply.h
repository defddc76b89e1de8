/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_APPLY_H
#define HF_AGENT_APPLY_H

/*
 * Another configuration for an agent that runs (docs/operations.md, C1 to C4). A text comes from a
 * client (ctl_config.c), or by its hash from a peer (apply_fetch.c); it is checked, kept on disk as
 * `config.pending` and told to the core as ready. When the cluster has agreed on it, apply_swap.c
 * puts it in the place of the one in force, and then it is written to the configuration file.
 *
 *   none --prepare, fetch--> keeping --on disk--> ready --agreed--> due --swap--> none, installing
 *                               |                   |               | ^
 *                               +---- failed -------+-- forgotten   +-+ something still runs
 */

#include "agent/agent.h"

#include <limits.h>

#define APPLY_TEXT_MAX	 (1024 * 1024)
#define APPLY_PROBLEM	 200
#define APPLY_PENDING_US (10 * 60 * USEC_PER_SEC) /* kept for so long without an agreement */

enum apply_state { APPLY_NONE, APPLY_KEEPING, APPLY_READY };

/* What came of keeping a text. `found`: see "keep" in files.h. */
typedef void (*apply_kept_fn)(struct agent *agent, bool ok, const char *found);

struct apply {
	/* in force */
	char path[PATH_MAX];	 /* of the configuration file */
	char *text;		 /* of agent->config */
	uint64_t generation;	 /* 0: it was not applied by command */
	uint64_t generation_max; /* ever applied here */

	/* to be applied */
	enum apply_state state;
	struct config *pending;
	char *pending_text;
	struct config_report *pending_report; /* its warnings */
	bool pending_restart;		      /* a running agent cannot take it */
	unsigned int keeps;		      /* jobs on their way to the disk */
	ha_time pending_until;
	apply_kept_fn kept;

	/* agreed */
	bool due;
	uint64_t due_generation, due_hash;
	ha_time due_at; /* tried next */

	/* being written to the file */
	bool install_due, installing;
	ha_time install_at;
	uint64_t install_wall_us;
	void (*installed)(struct agent *agent, bool ok, const char *why);

	ha_time again_at; /* then the agent starts again with what was installed */

	/* being fetched */
	bool fetching;
	uint8_t fetch_from;
	uint64_t fetch_hash, fetch_generation, fetch_pause_us;
	ha_time fetch_at;

	char problem[APPLY_PROBLEM]; /* why this node does not have what the cluster agreed on */
	uint64_t problem_said;	     /* generation of it that an event was written for */
};

/* At the start, when files may be waited for. Takes over `text`. */
_must_check_ int apply_new(struct agent *agent, char *text);
void apply_free(struct agent *agent);
/* The core is there: what was kept from the last run is told. */
void apply_started(struct agent *agent);

/*
 * A text that is to be applied: 0 and agent->apply->pending, being kept; `kept` follows. -EINVAL:
 * `report` says why; -EBUSY: another one is being kept, or is agreed on; -errno. A former one that
 * was only ready is replaced.
 */
_must_check_ int apply_prepare(struct agent *agent, const char *text, struct config_report *report,
			       apply_kept_fn kept);
void apply_forget(struct agent *agent);
/* True if the cluster has agreed on what is pending: it cannot be forgotten any more. */
bool apply_agreed(const struct agent *agent);

/* CORE_ACTION_CONFIG. */
void apply_action(struct agent *agent, const struct core_action *action);
/* Between two steps, with no event in the queue: applies what is due. True: the core is a new
 * one. */
_must_check_ bool apply_settle(struct agent *agent, ha_time now);
/* Writes what is pending to the file of an agent that has stopped; `installed` follows. */
_must_check_ int apply_install(struct agent *agent, uint64_t generation,
			       void (*installed)(struct agent *agent, bool ok, const char *why));

ha_time apply_deadline(const struct agent *agent);
void apply_dispatch(struct agent *agent, ha_time now);

/* apply_swap.c: puts apply->pending in the place of agent->config. -EBUSY, -EINVAL, -ENOMEM:
 * nothing has changed, and `why` says it. */
_must_check_ int apply_swap(struct agent *agent, uint64_t generation, char why[APPLY_PROBLEM]);

/* Counts as an error of the new text: what this node does not have. */
void apply_check_here(const struct agent *agent, const struct config *config,
		      struct config_report *report);

/* Why it is not applied: in the status, and an event once for each generation and reason. */
void apply_problem(struct agent *agent, uint64_t generation, uint64_t hash, const char *why);
/* apply_fetch.c: fetches what the cluster has agreed on, if it is newer than what is here. */
#define APPLY_LOOK_US USEC_PER_SEC
void apply_look_for_newer(struct agent *agent, ha_time now);

#endif
