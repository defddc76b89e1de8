/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_IMPORT_MONITOR_H
#define HF_AGENT_IMPORT_MONITOR_H

/* Shared by import_monitor.c and import_monitor_type.c only. */

#include "agent/import_internal.h"

#define IMPORT_MONITOR_TABS "\t\t"

struct import_monitor_type {
	const char *name;
	bool active; /* CLUSTERPRO checks only while the target is active, unless told otherwise */
	/* Why this one cannot be carried over, or NULL. NULL: any can. */
	const char *(*why)(struct import *import, struct import_node *node);
	/* Writes the keys of its type. */
	void (*put)(struct import *import, struct import_node *node);
};

/* NULL: there is none. */
const struct import_monitor_type *import_monitor_type_find(const char *name);
/* Why a monitor is not carried over, NULL if it is. `type` may be NULL. */
const char *import_monitor_why(struct import *import, struct import_node *node,
			       const struct import_monitor_type *type);

#endif
