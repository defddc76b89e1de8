/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_CONFIG_CHANGE_H
#define HF_AGENT_CONFIG_CHANGE_H

/* What is between two configurations: for people, and for the one who is to put the second in the
 * place of the first. Pure. */

#include "agent/config.h"

#define CONFIG_DIFFERENCES_MAX 1000 /* lines; the rest is counted */

/*
 * A line each: "group web: failback: manual -> auto", "resource db added: ...". Paths that are
 * each node's own business are left out. Allocated, "" if there are none; NULL on -ENOMEM.
 */
char *config_differences(const struct config *from, const struct config *to);

/* Bit g: group g of `from` has a resource that `to` does not have, or has otherwise: it must be
 * offline when `to` is taken (docs/operations.md, C4). */
void config_affected(const struct config *from, const struct config *to,
		     uint8_t ret[GROUPS_MAX / 8]);

/* Why `to` cannot take the place of `from` in a process that runs, a line each. "" if it can. */
char *config_restart_reasons(const struct config *from, const struct config *to);

/* Paths that are each node's own business (those that the hash leaves out) become those of `own`.
 * 1: some were others, 0: none, -ENOMEM. */
_must_check_ int config_keep_own(struct config *config, const struct config *own);

/* Tools of the command (config_diff_tool.c): `holdfastd --diff`, `--install FILE [CONFIG]`. */
int config_diff_main(int argc, char **argv);
int config_install_main(int argc, char **argv);

#endif
