/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_FENCE_TOOL_H
#define HF_AGENT_FENCE_TOOL_H

/*
 * The process `holdfastd --fence --config FILE --node SELF TARGET LEVEL ORDER` (docs/fencing.md,
 * The process): runs the fence agents of one level side by side and may wait for them. fence_tool.c
 * decides what is done and what counts, fence_work.c runs agents, fence_unit.c makes a device
 * ready, fence_process.c is one run of one agent.
 */

#include "agent/fence_metadata.h"
#include "agent/fence_process.h"
#include "agent/fence_unit.h"
#include "agent/fence_verb.h"

#define FENCE_OUTPUT_KEPT 8192

struct fence_result {
	bool ok;
	int code; /* exit code; -1: it did not exit by itself */
	enum fence_power_word power;
	uint64_t took_us;
	char text[FENCE_TEXT];
};

struct fence_work {
	size_t n;
	struct fence_unit unit[FENCE_LEVEL_DEVICES_MAX];
	struct fence_process process[FENCE_LEVEL_DEVICES_MAX];
	struct fence_output output[FENCE_LEVEL_DEVICES_MAX];
	char kept[FENCE_LEVEL_DEVICES_MAX][FENCE_OUTPUT_KEPT];
	struct fence_result result[FENCE_LEVEL_DEVICES_MAX]; /* of the newest step */
	unsigned int waiting;				     /* of a step: bit i: unit i */
	struct secret_arena arena;
	struct fence_secrets secrets;
	ha_time until;
	int signals; /* signalfd */
	int out;     /* where lines go */
	bool ended;  /* by a signal, or whoever asked has gone */
};

/* One step: what the units of `mask` are told. */
struct fence_action {
	const char *name;  /* "off" */
	const char *extra; /* a further line of parameters, or "" */
	unsigned int mask;
	bool reads; /* exit code 2 means off */
};
/* Tells each of them, and the line of each as it ends. True: all are ok. */
bool fence_work_run(struct fence_work *work, const struct fence_action *action);
/* The result of a step that is no run of an agent. */
void fence_work_say(struct fence_work *work, size_t i, const char *step);
void fence_work_end(struct fence_work *work, const char *result, const struct fence_end *end);

struct fence_task {
	const struct config *config;
	uint8_t self, target, level; /* the last one from 0 */
	enum fence_verb verb;
	int out;
};
/* Does it and says it: the exit code. Blocks signals for itself. */
int fence_tool_do(const struct fence_task *task);

/* argv[0] is "--fence". The exit code. */
int fence_tool_main(int argc, char **argv);

#endif
