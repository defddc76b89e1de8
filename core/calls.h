/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CORE_CALLS_H
#define HF_CORE_CALLS_H

/* The calls between the core's files; included by core/internal.h, which has the types. */
#include "core/internal.h"

/* -1, 0, 1 */
int version_compare(const struct version *a, const struct version *b);

/* core.c */
_must_check_ int core_config_validate(const struct core_config *cfg);
struct core_action *core_act(struct core *c, enum core_action_type type);
/* An event about `node`, no group or resource; the caller may fill in more. */
struct event *core_say(struct core *c, enum event_id id, uint8_t node);
/* As much as there is room for; NULL: none. */
void core_say_text(struct event *e, const char *text);
uint32_t core_votes(const struct core *c, node_mask mask);
node_mask core_all(const struct core *c);

/* waive.c */
node_mask core_voters(const struct core *c);
bool core_majority(const struct core *c, node_mask mask);
/* Exactly half of the votes, where that can be enough (rule X8). */
bool core_tie(const struct core *c, node_mask mask);
/* A majority, or half of the votes and all others are waived (rule X9). */
bool core_quorate(const struct core *c, node_mask mask);
/* Half of the votes, which is enough for a lease here (rule L9). */
bool waive_half_holds(const struct core *c, node_mask mask);
void waive_step(struct core *c);
void waive_end(struct core *c, node_mask members);
void waive_forget(struct core *c);
uint64_t waive_newest_known(const struct core *c, unsigned int n);
/* A person's word; an enum answer_code. */
uint8_t waive_confirm(struct core *c, const struct request *r);

/* fence.c */
void fence_step(struct core *c);
void fence_checked(struct core *c, const struct core_event *event);
/* `incarnation` of `target`, and all before it, are over; it was off at some time since `at`. */
void fence_is_off(struct core *c, uint8_t target, uint64_t incarnation, ha_time at);
void fence_heard(struct core *c, uint8_t node, const struct vector *v);
void fence_say_ordered(struct core *c, uint8_t target, uint8_t by, enum fence_why why);

/* execute.c */
void execute_order(struct core *c, uint8_t target, enum fence_told told);
void execute_done(struct core *c, const struct core_event *event);
ha_time execute_deadline(const struct core *c);

/* core.c */
/* Its newest vector has accepted exactly the view that is installed here. */
bool core_settled(const struct core *c, unsigned int node);
/* Rule C3: rows of this peer mean what ours mean. */
bool core_same_objects(const struct core *c, unsigned int node);

/* detect.c */
void detect_advance(struct core *c, uint64_t elapsed_us);
void detect_judge(struct core *c);
void detect_vector(struct core *c, const struct vector *v, uint8_t link);
void detect_departed(struct core *c, node_mask departed);
void detect_release(struct core *c, uint8_t node);
node_mask detect_quarantined_here(const struct core *c);
node_mask detect_quarantined(const struct core *c);
ha_time detect_deadline(const struct core *c);

/* clique.c: the best clique of `candidates` that contains `self` (rule V1). */
node_mask clique_best(const struct clique_input *in, unsigned int self,
		      const uint32_t votes[NODES_MAX]);

/* view.c */
void view_step(struct core *c);
void view_void(struct core *c);
/* All of the wanted view want exactly it. */
bool view_agreed(const struct core *c);
ha_time view_deadline(const struct core *c);

/* kernel.c */
void kernel_advance(struct core *c, uint64_t add_us);
void kernel_answer(struct core *c, const struct core_event *event);
void kernel_judge_links(struct core *c, uint8_t node);
/* Rule K11: its agent does not run, and it is not to count as failed yet. */
bool kernel_stalled(const struct core *c, unsigned int node);
/* How much longer that may last, if nothing is heard. */
uint64_t kernel_stall_left(const struct core *c, unsigned int node);
/* Of the age of its last vector, by the ratio in force. */
uint64_t kernel_stall_limit(const struct core *c);
uint64_t kernel_stall_age(const struct core *c, unsigned int node);

/* delegate.c */
void delegate_step(struct core *c);
void delegate_taken_back(struct core *c, const struct core_event *event);

/* lease.c */
void lease_check(struct core *c);
void lease_kernel_heard(struct core *c, const struct core_event *event, uint64_t elapsed_us);
/* A grant of `node` for a stamp of ours. */
void lease_granted(struct core *c, uint8_t node, ha_time stamp, uint64_t lease_us);
void lease_step(struct core *c);
void lease_grant_heard(struct core *c, uint8_t node, const struct vector_head *head);
void lease_refusal_heard(struct core *c, uint8_t node, const struct vector_head *head);
void lease_row_heard(struct core *c, uint8_t node, uint64_t epoch);
void lease_end(struct core *c);
/* Rule L1, but for which stamp, and for rule L8. */
bool lease_may_grant(const struct core *c, unsigned int node);
bool lease_grants(const struct core *c, unsigned int node);
uint64_t lease_clear_us(const struct core *c, uint64_t lease_us);

/* restore.c */
void restore_intents(struct core *c, const struct durable_state *durable);
void restore_defaults(struct core *c);

/* intent.c */
void intent_merge(struct core *c, const struct vector *v);
void intent_changed(struct core *c);
struct version intent_next_version(struct core *c);
uint64_t intent_digest(const struct core *c);
uint64_t actual_digest(const struct core *c, const struct group_actual *groups,
		       const struct resource_actual *resources,
		       const struct monitor_actual *monitors);
bool peer_actual_complete(struct core *c, unsigned int node);
void persist_step(struct core *c);
void persist_done(struct core *c, uint64_t generation, int result);

/* request.c */
/* Whoever ordered this node to stop has been answered, or does not wait for it. */
bool request_stop_answered(const struct core *c);
/* Our coordinator has carried out this command, and has not yet answered it. */
bool request_is_open(const struct core *c, const struct request_id *id);
void request_enter(struct core *c, const struct core_event *event);
void request_step(struct core *c);
ha_time request_deadline(const struct core *c);

/* command.c: writes the row. ANSWER_NONE: done, the answer waits for the disks. */
uint8_t command_carry_out(struct core *c, const struct request *r);
/* The group that a command is about, of a resource that of the resource; UINT16_MAX: none. */
uint16_t command_group(const struct core *c, const struct request *r);

/* operate.c: the cluster row, and commands about nodes and the whole cluster */
bool core_suspended(const struct core *c);
uint64_t operate_hash(uint64_t h, const struct cluster_intent *row);
void operate_merge(struct core *c, uint8_t node, const struct vector_head *h);
void operate_reaffirm(struct core *c);
bool operate_forbidden(const struct core *c, uint8_t kind);
uint8_t operate_carry_out(struct core *c, const struct request *r);
bool operate_written(const struct core *c, const struct request *r);
void operate_config_ready(struct core *c, uint64_t hash);
void operate_config_step(struct core *c);

/* ratio.c: what is in force here now */
uint64_t core_timeout_us(const struct core *c);
uint64_t core_lease_us(const struct core *c);
/* Silence of `node` that counts as failed (rule R4). */
uint64_t peer_timeout_us(const struct core *c, unsigned int node);
/* How much longer it may be silent, on any link and on this one. */
uint64_t peer_silence_left(const struct core *c, unsigned int node);
uint64_t link_silence_left(const struct core *c, unsigned int node, uint8_t link);
/* The same of its kernel, after `silence_us`. */
uint64_t kernel_silence_left(const struct core *c, unsigned int node, uint64_t silence_us);
void ratio_beat_heard(struct core *c, uint8_t node, uint8_t link);
void ratio_persist_begun(struct core *c);
uint64_t ratio_left_us(const struct core *c, ha_time now);
void ratio_begin(struct core *c, uint64_t left_us);
void ratio_heard(struct core *c, uint64_t left_us);
void ratio_step(struct core *c);
void ratio_adopt(struct core *c);
void ratio_lower_lease_max(struct core *c);
ha_time ratio_deadline(const struct core *c);

/* proof.c */
enum proof place_proof(const struct core *c, unsigned int a, ha_time *ret_at);
/* With takeover = fence: absent nodes without a proof, for which somebody has to be fenced (G3). */
node_mask place_unproven(const struct core *c);

/* place.c */
void place_step(struct core *c);

/* choose.c: questions, for any node */
const struct group_actual *place_actual(const struct core *c, uint16_t group, unsigned int node);
bool place_failed(const struct core *c, uint16_t group, unsigned int node);
/* It says, or its row does, that it leaves in good order (rules S3, O2). */
bool place_leaves(const struct core *c, unsigned int node);
bool place_candidate(const struct core *c, uint16_t group, unsigned int node);
bool place_possible(const struct core *c, uint16_t group, node_mask nodes);
/* One more failover of its own would be one too many (rule G10). */
bool place_worn_out(const struct core *c, uint16_t group);
uint8_t place_choose(const struct core *c, uint16_t group);
/* A node before the owner in the list that could take it as it is; NODE_NONE (rule G9). */
uint8_t place_better(const struct core *c, uint16_t group);
/* Why a group that is wanted and has no owner cannot be placed; *ret_for: a group it waits for. */
enum group_hold place_hold(const struct core *c, uint16_t group, uint16_t *ret_for);
/* Nodes that only `hold` (EXCLUDED, UNFIT) keeps from being candidates. */
node_mask place_left_out(const struct core *c, uint16_t group, enum group_hold hold);

/* exclude.c: whether another group of a rule stands in its way there (rule G11) */
bool exclude_forbids(const struct core *c, uint16_t group, unsigned int node);
bool exclude_avoids(const struct core *c, uint16_t group, unsigned int node);

/* wait.c (rule G13): for others to start */
enum group_hold wait_hold(const struct core *c, uint16_t group, uint16_t *ret_for);
node_mask wait_nodes(const struct core *c, uint16_t group); /* where its wait lets it go */
void wait_start(struct core *c, uint16_t group, uint16_t other);
void wait_clear(struct core *c, uint16_t group);
/* and to stop: whether the owner keeps it for now */
bool wait_stop(struct core *c, uint16_t group);
uint16_t wait_stop_for(const struct core *c, uint16_t group); /* whom; UINT16_MAX */
void wait_stop_clear(struct core *c, uint16_t group);

/* group.c */
void group_init(struct core *c, const bool *leftovers);
void group_step(struct core *c);
/* It failed here: everything of it is stopped, and the coordinator places it elsewhere (G6).
 * `resource`: which one; UINT16_MAX. `cause`: FAILURE or MONITOR. */
void group_fail(struct core *c, uint16_t group, uint16_t resource, enum intent_cause cause);
/* A final action: everything of it is stopped here, and nobody else is given it (rule G14). */
void group_halt(struct core *c, uint16_t group);
/* Stopped and started again in place, as far as it is not to be stopped anyway (rule M2).
 * `resource`: it and what depends on it; UINT16_MAX: all of the group. */
void group_restart(struct core *c, uint16_t group, uint16_t resource);
/* Something of it is being started or stopped. */
bool group_busy(const struct core *c, uint16_t group);

/* drive.c */
void drive_up(struct core *c, uint16_t group);
void drive_down(struct core *c, uint16_t group);
void drive_addresses(struct core *c);
/* It runs, or counts as if it did: what depends on it may run. */
bool resource_serves(const struct core *c, uint16_t index);

/* mode.c */
void mode_step(struct core *c);
/* Leaves in good order, until mode_restart(); then `power` (FINAL_NONE: nothing more). */
void mode_leave(struct core *c, enum final_action power, const struct final_origin *origin);
void mode_restart(struct core *c);
bool mode_holds_nothing(const struct core *c); /* every group here is OFFLINE */
ha_time mode_deadline(const struct core *c);

/*
 * final.c: takes a final action now, with its event. `alone`: also when no other node is healthy.
 * False: it was suppressed for that (rule F2), with an event too. For NONE and CONTINUE there is
 * only the event: what they mean is the caller's business.
 */
bool final_take(struct core *c, enum final_action action, bool alone,
		const struct final_origin *origin);
/* Rule W5, before a lease ends: on_quorum_loss, if it was valid and this node does not leave. */
void final_quorum_lost(struct core *c);

/* monitor.c: for any node */
bool monitor_critical_error(const struct core *c, unsigned int node);
bool monitor_any_error(const struct core *c, unsigned int node);
const struct monitor_actual *monitor_actual(const struct core *c, uint16_t monitor,
					    unsigned int node);
/* this node's */
void monitor_step(struct core *c);
void monitor_verdict(struct core *c, const struct core_event *event);
struct event *monitor_say(struct core *c, enum event_id id, uint16_t monitor);
/* rows */
uint8_t monitor_request(struct core *c, const struct request *r);
bool monitor_written(const struct core *c, const struct request *r);
bool monitor_merge(struct core *c, const struct vector *v);
void monitor_reaffirm(struct core *c);

/* recover.c */
void recover_step(struct core *c);
/* It does not check for a while, since its target is being recovered (rules M1, M3). */
bool recover_pauses(const struct core *c, uint16_t monitor);
void recover_script_done(struct core *c, const struct core_event *event);

/* resource.c */
uint32_t operation_next(struct core *c);
void resource_start(struct core *c, uint16_t index);
void resource_stop(struct core *c, uint16_t index);
void resource_kill(struct core *c, uint16_t index);
/* A final action: it and what depends on it stay stopped here until the next order. */
void resource_halt(struct core *c, uint16_t index);
void resource_done(struct core *c, const struct core_event *event);
void resource_lost(struct core *c, const struct core_event *event);
void resource_expire(struct core *c);
struct event *resource_say(struct core *c, enum event_id id, uint16_t index);
struct event *group_say(struct core *c, enum event_id id, uint16_t group, uint8_t node);

/* send.c */
void send_step(struct core *c);
ha_time send_deadline(const struct core *c);

#endif
