/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_POWER_H
#define HF_AGENT_POWER_H

/*
 * Power off, reboot and panic of this machine, in a process of its own: `holdfastd --power ACTION`.
 * It asks logind over the system bus (org.freedesktop.login1(5)) and, if that does not answer
 * within its time, the kernel (reboot(2)); a panic goes through /proc/sysrq-trigger. With
 * agent.power_command that program is run instead.
 */

#include "include/core.h"

struct agent;

/* CORE_ACTION_POWER: records what is done, or that it cannot be done, and why. */
void power_action(struct agent *agent, const struct core_action *action);
/* The end of the program that power_action() started. True if `operation` was one. */
bool power_done(struct agent *agent, uint32_t operation, uint8_t result, const char *text);

/* The word for `holdfastd --power`; NULL if it takes more than this machine's system to do it. */
const char *power_word(enum final_action action);

/* `holdfastd --power ACTION`; argv[0] is "--power". The exit code. */
int power_main(int argc, char **argv);

#endif
