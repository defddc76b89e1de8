/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_VERDICT_H
#define HF_AGENT_VERDICT_H

/*
 * The one line that a status begins with: is the service up, and what would one more lost node
 * do to it? Pure: it sees what is copied into the facts, so tests are tables.
 */

#include "include/core.h"

enum verdict_level { /* the exit codes of `holdfast status` */
		     VERDICT_HEALTHY,
		     VERDICT_DEGRADED,	  /* something is lost, the service is up and protected */
		     VERDICT_DOWN,	  /* a group that should run does not */
		     VERDICT_UNPROTECTED, /* no quorum; or one more lost node would stop it */
		     VERDICT_LEVEL_COUNT_
};

struct verdict_node {
	char name[NAME_SIZE];
	uint32_t votes;
	bool hosts;
	bool usable; /* member of the view and ONLINE: it can take groups */
	bool member;
	bool leaving;
	uint8_t state;	    /* enum peer_state; of self: PEER_MEMBER */
	uint8_t links_down; /* links that are configured and not heard, while it is a member */
	bool config_differs;
	uint64_t stalled_us; /* a member: for how long its agent has not run; 0: it does */
	bool unfit;	     /* a critical monitor is in error on it: it is given no group */
	/* docs/fencing.md */
	uint8_t fence_check;	/* enum fence_check, over all members */
	uint8_t fence_state;	/* enum fence_state, of an order to fence it */
	uint8_t fence_executor; /* node or NODE_NONE */
	bool with;		/* was in a view with this node since its agent started (X4) */
};

struct verdict_group {
	char name[NAME_SIZE];
	bool wanted;
	uint8_t state;	 /* enum group_state */
	uint8_t current; /* node or NODE_NONE */
	uint8_t blocked_by;
	bool failed;
	bool failover_manual;
	uint8_t held;	    /* enum group_hold */
	uint16_t waits_for; /* index of a group; UINT16_MAX */
	node_mask allowed, failed_on;
};

struct verdict_monitor {
	char name[NAME_SIZE];
	bool critical;
	node_mask in_error, suspended, failing;
};

struct verdict_facts {
	bool quorate;
	bool lease_valid;
	bool starting; /* the start-up wait is not over */
	bool store_ok;
	uint8_t self_mode; /* enum node_mode */
	uint32_t votes_total, votes_view;
	bool suspended;			/* the whole cluster */
	bool takeover_fence, fence_tie; /* configured; the latter: rule X8 */
	bool tie, lease_by_half;
	uint16_t ratio; /* of timeouts; 0 and 1: as configured */
	uint64_t ratio_left_us;
	uint8_t n_nodes;
	uint16_t n_groups;
	uint16_t n_monitors;
	struct verdict_node nodes[NODES_MAX];
	struct verdict_group groups[GROUPS_MAX];
	struct verdict_monitor monitors[MONITORS_MAX];
};

#define VERDICT_TEXT_SIZE   160
#define VERDICT_REASONS_MAX 16 /* a last one says how many more there are */

struct verdict {
	enum verdict_level level;
	char text[VERDICT_TEXT_SIZE];
	size_t n_reasons;
	char reasons[VERDICT_REASONS_MAX][VERDICT_TEXT_SIZE];
};

void verdict_judge(const struct verdict_facts *facts, struct verdict *ret);
const char *verdict_level_to_string(enum verdict_level level);
/* Why a group is wanted but not placed, as the end of a sentence; `other`: the group it waits for,
 * or NULL. "" if it is not held. */
char *verdict_hold(enum group_hold hold, const char *other, char text[VERDICT_TEXT_SIZE]);

/* ---- inside: verdict_monitor.c, verdict_fence.c ---- */

void verdict_add(struct verdict *verdict, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A worse level than there is. */
void verdict_set_level(struct verdict *verdict, enum verdict_level level);
void verdict_check_mode(const struct verdict_facts *facts, struct verdict *verdict);
void verdict_check_monitors(const struct verdict_facts *facts, struct verdict *verdict);
void verdict_check_fencing(const struct verdict_facts *facts, struct verdict *verdict);
/* Without a quorum: what a tie waits for. */
void verdict_check_tie(const struct verdict_facts *facts, struct verdict *verdict);
/* How far the proof is that a group waits for, as the end of a sentence; "" if nothing is known. */
char *verdict_proof(const struct verdict_facts *facts, uint8_t node, char text[VERDICT_TEXT_SIZE]);

#endif
