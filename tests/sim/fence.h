/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_SIM_FENCE_H
#define HF_SIM_FENCE_H

/* The devices that switch simulated machines off, and what is known of their work for certain. */

#include "include/core.h"
#include "tests/sim/schedule.h"

#define FENCE_SLOTS 64

struct world;
struct node;

/* An order that a node carries out, or whose devices have not done with it. */
struct fence_order_slot {
	bool used;
	bool ended;	/* answered, or its agent is gone: devices may still act */
	bool cancelled; /* ends, and answers */
	uint8_t by, target, level, order;
	uint8_t effects; /* of devices that are still to come */
	uint8_t result;	 /* how it will end, if the devices are then read as ordered */
	uint32_t operation;
	uint64_t number, run, epoch, given_at, incarnation;
};

/* Of a node's agent, by its life. */
struct sim_fencer {
	uint64_t incarnation;
	node_mask with;		   /* in views with it, or confirmed to it by a person (X4, X11) */
	uint8_t cut[FENCED_NODES]; /* by target: how many faults cut off its devices */
	uint8_t check[FENCED_NODES];  /* last told */
	uint64_t heard_at[NODES_MAX]; /* local; newest verified vector taken in */
};

struct fencing {
	struct fence_order_slot slot[FENCE_SLOTS];
	uint64_t number;
	uint8_t off[FENCED_NODES][LEVELS_DRAWN]; /* bit: that device of it is off */
	/* ground truth: newest incarnations that ... */
	uint64_t over[NODES_MAX]; /* were switched off or left, and somebody was told */
	uint64_t held[NODES_MAX]; /* installed a view: may hold groups */
	unsigned int kills;	  /* since the faults ended */
	/* two healthy halves, cut off from each other (X10) */
	bool duel;
	bool duel_clean;
	node_mask duel_half, duel_killed;
	uint64_t duel_at;
};

/* fence.c: the world */
void fence_begin(struct world *w, struct node *n, const struct core_action *action);
void fence_cancel(struct world *w, struct node *n, uint32_t operation);
void fence_device(struct world *w, uint32_t slot, uint64_t number, unsigned int device);
void fence_answered(struct world *w, uint32_t slot, uint64_t number);
void fence_check(struct world *w, struct node *n);
void fence_agent_gone(struct world *w, const struct node *n);
void fence_booted(struct node *n);
void fence_power_on(struct world *w, const struct node *n);
void fence_cut(struct world *w, struct node *target, struct node *from, int change);
/* A person looks, and says so where it is of use. */
void fence_confirm(struct world *w, struct node *at, const struct node *dead);
/* Some level of it works, from any node that could use it: nobody needs to do it by hand. */
bool fence_works(const struct world *w, unsigned int target);
uint64_t fence_bound(const struct schedule *s);

/* fence_rules.c: the invariants */
void fence_ordered(struct world *w, struct node *n, const struct core_action *action);
void fence_stepped(struct world *w, struct node *n);
void fence_hear(struct world *w, struct node *n, const struct vector_head *head);
void fence_installed(struct world *w, struct node *n, const struct view *v);
void fence_placed(struct world *w, const struct node *n, const struct event *e);
void fence_killed(struct world *w, const struct node *victim);
void fence_person_says(struct world *w, struct node *n, uint8_t target);
void fence_confirmed(struct world *w, struct node *n, uint8_t target);
void fence_over(struct world *w, unsigned int node, uint64_t incarnation);
void fence_duel_begin(struct world *w, const struct fault *f);
void fence_duel_end(struct world *w);

#endif
