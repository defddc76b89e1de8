/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_SIM_INVARIANT_H
#define HF_SIM_INVARIANT_H

/* What invariant.c remembers of a run. Its head says what each invariant is. */

#include "include/core.h"

#define COMMANDS_MAX 512
#define VIEW_SLOTS   4096 /* direct-mapped: an old epoch gives way to a new one */
#define ROW_SLOTS    8192

struct world;
struct node;

/* What a node has said to anybody, over all its runs. */
struct told {
	uint64_t incarnation, promised, accepted, installed, accepted_before;
	bool accepted_in_run;
	struct version group[GROUPS_MAX];  /* in this run */
	struct version member[NODES_MAX]; /* likewise */
};

/* A command that was seen in a row. */
struct command_seen {
	struct request_id id;
	struct version first;
	uint8_t wanted;
};

/* The newest command for one object that was answered "accepted". */
struct command_floor {
	struct request_id id;
	struct version first;
	uint64_t incarnation; /* node intents */
	bool valid;
};

struct view_seen {
	uint64_t epoch;
	node_mask members;
	uint8_t coordinator;
};

struct row_seen {
	struct version version;
	uint64_t content;
	uint32_t object;
};

struct invariants {
	struct told told[NODES_MAX];
	node_mask running[RESOURCES_MAX]; /* by resource: the nodes where it may answer */
	struct view_seen view[VIEW_SLOTS];
	struct row_seen row[ROW_SLOTS];
	struct command_seen command[COMMANDS_MAX];
	size_t n_commands;
	struct command_floor floor_group[GROUPS_MAX];
	struct command_floor floor_node[NODES_MAX];
	/* I3 */
	unsigned int disturbing;   /* faults that hold now */
	uint64_t disturbed_until; /* true time; nothing is asserted before it */
	uint64_t changing_until;  /* a node went or came in a way that changes the view */
	/* dense use of the direct-mapped tables, to clear them quickly */
	uint32_t used_view[VIEW_SLOTS], used_row[ROW_SLOTS];
	size_t n_used_view, n_used_row;
};

void invariant_reset(struct world *w);
/* After each step of a node, with its actions still in w->actions. */
void invariant_actions(struct world *w, const struct node *n);
void invariant_step(struct world *w, struct node *n);
/* Whenever something may have begun to answer. */
void invariant_owners(struct world *w);
void invariant_told(struct world *w, struct node *n, const struct vector *v);
void invariant_durable(struct world *w, const struct node *n, const struct durable_state *next);
void invariant_accepted(struct world *w, const struct node *n, const struct core_action *action);
void invariant_restarted(struct world *w, const struct node *n);
/* A fault that a healthy node may notice begins or ends. */
void invariant_disturb(struct world *w, int change);
bool invariant_calm(const struct world *w);

#endif
