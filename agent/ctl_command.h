/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_CTL_COMMAND_H
#define HF_AGENT_CTL_COMMAND_H

/* Admin commands inside: ctl_command.c keeps them from entry to answer, ctl_follow.c sees how far
 * those are that a client waits for, ctl_operate.c has the methods. */

#include "agent/ctl_internal.h"

#define COMMAND_TEXT 160

struct command {
	struct ctl_call *call; /* NULL: a free place, or the client has gone */
	uint64_t token;	       /* 0: a free place */
	uint8_t kind;	       /* enum request_kind */
	uint8_t target;	       /* node or NODE_NONE */
	uint8_t from;	       /* where the group was */
	uint16_t group;	       /* of group and resource commands */
	uint16_t object;       /* resource or monitor */
	uint16_t ratio;
	uint64_t value;
	bool wait;
	bool accepted; /* and is being followed */
	uint8_t code;  /* enum answer_code */
	struct request_id id;
	char name[NAME_SIZE + 24];   /* what it is about: "group web", "the cluster" */
	ha_time stuck_since;	     /* a start has failed and nothing is going on; zero: not so */
	char progress[COMMAND_TEXT]; /* told last */
};

/* What a command is about. */
enum command_object {
	COMMAND_GROUP,
	COMMAND_RESOURCE,
	COMMAND_MONITOR,
	COMMAND_SERVER,
	COMMAND_CLUSTER,
	COMMAND_RATIO
};
enum command_object command_object(const struct command *command);

/* Hands a command to the core; replies now, or keeps the call. */
void command_enter(struct agent *agent, struct ctl_call *call, json_t *parameters,
		   struct command command);

enum outcome { OUTCOME_RUNNING, OUTCOME_DONE, OUTCOME_FAILED };
/* How far it is, in a sentence. */
enum outcome command_look(struct agent *agent, struct command *command, ha_time now,
			  char text[COMMAND_TEXT]);

#endif
