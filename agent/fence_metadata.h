/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_FENCE_METADATA_H
#define HF_AGENT_FENCE_METADATA_H

/* What a fence agent says of itself: XML as FenceAgentAPI.md has it. The first part is pure. */

#include "agent/config.h"

#define FENCE_METADATA_MAX  (512U * 1024)
#define FENCE_METADATA_NAME 64
#define FENCE_METADATA_WHY  240

enum fence_meta_action {
	FENCE_META_OFF,
	FENCE_META_ON,
	FENCE_META_REBOOT,
	FENCE_META_STATUS,
	FENCE_META_MONITOR,
	FENCE_META_RESET,
	FENCE_META_CYCLE,
	FENCE_META_DIAG,
	FENCE_META_ACTION_COUNT_
};

enum fence_meta_kind {
	FENCE_META_STRING,
	FENCE_META_BOOLEAN,
	FENCE_META_INTEGER,
	FENCE_META_SECOND,
	FENCE_META_SELECT
};

struct fence_meta_param {
	char name[FENCE_METADATA_NAME], obsoletes[FENCE_METADATA_NAME];
	bool required, deprecated, has_default;
	enum fence_meta_kind kind;
	uint16_t first_option, n_options; /* in `options` */
};

#define FENCE_META_PARAMS_MAX  256
#define FENCE_META_OPTIONS_MAX 512

struct fence_metadata {
	uint16_t n_params, n_options;
	unsigned int actions; /* bit of an enum fence_meta_action */
	struct fence_meta_param params[FENCE_META_PARAMS_MAX];
	char options[FENCE_META_OPTIONS_MAX][FENCE_METADATA_NAME];
};

/* -EBADMSG with a sentence; *ret is written on success only. */
_must_check_ int fence_metadata_parse(const char *xml, size_t n, struct fence_metadata *ret,
				      char why[FENCE_METADATA_WHY]);
bool fence_metadata_offers(const struct fence_metadata *meta, enum fence_meta_action action);
/* The parameter of this name; NULL. */
const struct fence_meta_param *fence_metadata_find(const struct fence_metadata *meta,
						   const char *name);
/* Its choices have this one. */
bool fence_metadata_has_option(const struct fence_metadata *meta,
			       const struct fence_meta_param *param, const char *value);

typedef void (*fence_metadata_say_fn)(const char *problem, void *userdata);
/*
 * Names everything that is wrong with the parameters of a device: those that the agent does not
 * know, values that cannot be, and those that it needs. `plugs`: 0 none of its uses has one, 1
 * some have, 2 all have. Returns how many problems there are.
 */
unsigned int fence_metadata_check(const struct fence_metadata *meta,
				  const struct fence_device_config *device, unsigned int plugs,
				  fence_metadata_say_fn say, void *userdata);

/* ---- what follows runs the agents, and waits for them ---- */

/* -errno, -EBADMSG, with a sentence. */
_must_check_ int fence_metadata_read(const char *path, struct fence_metadata *ret,
				     char why[FENCE_METADATA_WHY]);

/* All devices of a configuration; each agent is asked once. `line`: of the device. */
typedef void (*fence_metadata_report_fn)(unsigned int line, const char *problem, void *userdata);
void fence_metadata_check_config(const struct config *config, fence_metadata_report_fn report,
				 void *userdata);

#endif
