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
struct token;

/* What a node has said to anybody, over all its runs. */
struct told {
	uint64_t incarnation, promised, installed;
	struct view accepted;	  /* the newest that had members */
	uint64_t accepted_before; /* highest epoch accepted in former incarnations */
	/* in this incarnation */
	uint64_t digest;
	struct version group[GROUPS_MAX], member[NODES_MAX], cluster;
	struct request_id group_id[GROUPS_MAX], member_id[NODES_MAX], cluster_id;
	uint8_t owner[GROUPS_MAX];
};

#define OBJECT_CLUSTER (GROUPS_MAX + NODES_MAX)

/* What the two kinds of intent rows have in common. */
struct row {
	struct version version;
	struct request_id request;
	uint64_t incarnation; /* node intents */
	uint32_t object;      /* group, GROUPS_MAX + node, or OBJECT_CLUSTER */
	uint8_t wanted;
	bool id_changed; /* the teller had another command in this row before */
};

/* The newest EVENT_GROUP_PLACED of a group. */
struct placed {
	uint64_t epoch;
	uint8_t owner, by;
	bool told; /* a row with it was seen */
};

/* A command that was seen in a vector, as a request or in a row. */
struct command_seen {
	struct request_id id;
	struct version first; /* row that came from it; epoch 0: none yet */
	uint64_t incarnation; /* of that row */
	uint64_t first_at;    /* when that row was first told */
	uint64_t carried_at;  /* a vector last carried it to the coordinator */
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
	struct command_floor floor_node[NODES_MAX], floor_cluster;
	struct placed placed[GROUPS_MAX];
	struct group_intent newest[GROUPS_MAX];
	uint64_t undisturbed_at; /* when the last one ended */
	unsigned int disturbing; /* I3: faults that hold now and may hurt a healthy node */
};

/* After each step of a node, with its actions still in w->actions. */
void invariant_actions(struct world *w, struct node *n);
void invariant_step(struct world *w, struct node *n);
/* Whenever something may have begun to answer. */
void invariant_owners(struct world *w);
void invariant_told(struct world *w, struct node *n, const struct vector *v);
void invariant_durable(struct world *w, const struct node *n, const struct durable_state *next);
void invariant_accepted(struct world *w, const struct node *n, const struct request_id *id,
			const struct token *token);
void invariant_restarted(struct world *w, const struct node *n);
/* told.c, for invariant.c */
void told_view(struct world *w, const struct node *n, const struct view *v);
void told_event(struct world *w, const struct node *n, const struct event *e);
/* A fault that may hurt a healthy node begins or ends. */
void invariant_disturb(struct world *w, int change);
/* A node is about to go. */
void invariant_departs(struct world *w, const struct node *n);

#endif
