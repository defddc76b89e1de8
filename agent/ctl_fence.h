/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_CTL_FENCE_H
#define HF_AGENT_CTL_FENCE_H

/* Fencing and the watchdog for clients: ctl_fence.c has the methods, ctl_fence_status.c what is
 * shown. */

#include "agent/agent.h"
#include "agent/fence.h"

/* ---- ctl_fence.c ---- */

int ctl_fence_new(struct ctl_fence **ret);
struct ctl_fence *ctl_fence_free(struct ctl_fence *fence);
/* The client has gone: the order goes on. True if `call` was one of these. */
bool ctl_fence_gone(struct agent *agent, const struct ctl_call *call);
void ctl_fence_status(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_fence_test(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_fence_off(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_fence_on(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_fence_reset(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_fence_cycle(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_fence_history(struct ctl_call *call, json_t *parameters, void *userdata);
void ctl_fence_confirm(struct ctl_call *call, json_t *parameters, void *userdata);
json_t *ctl_fence_step_json(const struct fence_step *step);

/* ---- ctl_fence_status.c ---- */

/* What the core tells, without an order that has nothing to do any more: one that has failed is
 * remembered for a while after its target was heard again or proven off. */
void fence_look(const struct agent *agent, uint8_t target, ha_time now,
		struct core_fence_info *ret);
/* Over all members that check the target: ERROR if none of them could fence it. */
enum fence_check fence_check_over_all(const struct core_fence_info *info, uint8_t target,
				      node_mask members);
/* The same for the members now; UNKNOWN if there are devices that nobody checks. */
enum fence_check fence_check_now(const struct agent *agent, uint8_t target,
				 const struct core_fence_info *info, ha_time now);
/* The rows of the status; of the watchdog. */
json_t *status_fencing(const struct agent *agent, ha_time now);
json_t *status_watchdog(const struct agent *agent, ha_time now);
/* FenceOrder rows, at most `max`. */
json_t *ctl_fence_orders(const struct agent *agent, uint8_t target, size_t max);

#endif
