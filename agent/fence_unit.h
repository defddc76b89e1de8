/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_FENCE_UNIT_H
#define HF_AGENT_FENCE_UNIT_H

/* One device of a level, made ready for its fence agent: program, parameters, secrets. It reads
 * files, so it is for processes that may wait. */

#include "agent/config.h"
#include "agent/fence_output.h"
#include "util/secret.h"

enum fence_unit_kind {
	FENCE_UNIT_FOREIGN,
	FENCE_UNIT_OWN,	   /* fence_holdfast_*: its `off` is confirmed by two readings */
	FENCE_UNIT_SCRIPT, /* fence_holdfast_script: its word is all there is */
};

struct fence_unit {
	const struct fence_device_config *device;
	const char *plug; /* NULL: none */
	enum fence_unit_kind kind;
	char path[PATH_MAX];
	const char *body; /* what the agent reads behind the action, in the arena */
};

enum fence_unit_kind fence_unit_kind(const char *agent);
/* The program of an agent: a name, or an absolute path. -errno with a sentence. */
_must_check_ int fence_unit_find_agent(const char *agent, char ret_path[PATH_MAX], char *why,
				       size_t size);
/*
 * Fills `path`, `kind` and `body` of a unit whose device and plug are given, and adds its secrets.
 * `nodename`: of the server it is about. `inband`: it is this one, by its own BMC (the unit's
 * address is left out). -errno with a sentence.
 */
struct fence_unit_for {
	const char *nodename;
	bool inband;
};
_must_check_ int fence_unit_prepare(struct fence_unit *unit, const struct fence_unit_for *what,
				    struct secret_arena *arena, struct fence_secrets *secrets,
				    char why[SECRET_WHY]);
/* The unit is our IPMI agent, which can reach this server's own BMC without a network. */
bool fence_unit_has_inband(const struct fence_unit *unit);

#endif
