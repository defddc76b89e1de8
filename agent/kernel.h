/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_KERNEL_H
#define HF_AGENT_KERNEL_H

/*
 * The kernel path of this node (docs/kernel.md): brought up at the start, given what the core
 * decides, asked before the core would miss a lease, and shown. Where it is refused the agent goes
 * on without it; then all of this does nothing.
 */

#include "agent/agent.h"

/*
 * Before core_new() takes its `now` (rule K10), and after it is clear that no other agent runs
 * here. 0 also if the agent has to do without; -errno, said: a former agent's programs may still
 * be at work and can neither be taken over nor removed.
 */
_must_check_ int kernel_start(struct agent *agent);
/* Events and warnings about that, once events can be kept. */
void kernel_say(struct agent *agent);
void kernel_stop(struct agent *agent);
/* `holdfastd --cleanup`: a dead agent's floating IPs are gone. */
void kernel_forget(void);
/* `holdfastd --kernel-detach`: takes the programs off all interfaces. */
int kernel_detach_main(int argc, char **argv);

void kernel_set_keys(struct agent *agent, const struct hb_keys *keys);
/* When interfaces came; and now and then, since others may take programs away. */
void kernel_look(struct agent *agent);
void kernel_housekeeping(struct agent *agent, ha_time now);

/* True if the core is to be told *ret before anything else happens at `now` (rules K5, K7). */
_must_check_ bool kernel_news(struct agent *agent, ha_time now, struct core_event *ret);
/* Actions of the core. */
void kernel_lease(struct agent *agent, const struct core_action *action);
void kernel_delegate(struct agent *agent, struct core_event *ret);
/* `v` was sent. Asks the peers' kernels. */
void kernel_sent(struct agent *agent, const struct vector *v, ha_time now);

/* Rule K12. Before a floating IP is added, -errno; after it was removed. */
_must_check_ int kernel_protect(struct agent *agent, const struct net_fip_config *fip);
void kernel_unprotect(struct agent *agent, const struct net_fip_config *fip);
/* Of former agents nothing is left on the interfaces. */
void kernel_cleaned(struct agent *agent);
/* The kernel alone ends every floating IP in time. */
bool kernel_enforces(const struct agent *agent);

/* ctl_kernel.c */
json_t *kernel_status(const struct agent *agent);

#endif
