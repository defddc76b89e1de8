/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CORE_INTERNAL_H
#define HF_CORE_INTERNAL_H

/*
 * The core's state and the calls between its files. One file a subject: detect.c (who is
 * heard), clique.c, view.c, lease.c, intent.c (rows, digests, persistence), restore.c (rows of a
 * former run), request.c (admin commands), command.c (those about groups), proof.c and place.c
 * (the coordinator's decisions), kernel.c (the kernel path), delegate.c (what the kernel may grant
 * in our name), group.c, drive.c and resource.c (this node's own groups),
 * monitor.c and recover.c (its monitors, and what follows an error), final.c (final actions),
 * mode.c (this node's mode), send.c (the vector), info.c (queries). core.c calls them in a fixed
 * order.
 */

#include "include/core.h"

#include <string.h>

#define EPOCH_BLOCK	    1000 /* epochs reserved on disk ahead of use (rule P2) */
#define REQUESTS_MAX	    16	 /* admin commands waiting at one node */
#define FLAPS_MAX	    8
#define SETTLE_MAX	    16 /* passes of one step; more would be a loop without progress */
#define RESEND_BEATS	    3  /* whole vectors after a change, in case the first is lost */
#define STOP_RETRY_US	    (30 * USEC_PER_SEC)
#define FAILOVERS_HALTED    UINT8_MAX /* row.failovers: stopped for good by a final action (G14) */
#define CONFIRM_SECONDS_MAX (1ULL << 36) /* of the calendar: beyond, the clock is wrong */
#define CONFIRM_BLOCK_BITS  20		 /* of epochs that a person's word begins (rule X11) */
#define KILL_GRACE_US	    (10 * USEC_PER_SEC)
#define STORE_RETRY_US	    USEC_PER_SEC
/* a lease of this with the largest ratio is still a number that the wire carries */
#define LEASE_CONFIG_MAX_US (EPOCH_MAX / RATIO_MAX / 2)

/* What its kernel answered (docs/kernel.md, K11). Silences are counted by rule D3. */
struct peer_kernel {
	uint64_t incarnation; /* of its agent, in the newest answer; 0: none came */
	ha_time stamp;	      /* of the probe that was answered */
	uint64_t silence_us;  /* since that probe was sent */
	ha_time link_stamp[LINKS_MAX];
	uint64_t link_silence_us[LINKS_MAX];
	uint8_t paths;	   /* bit k: answers come by link k */
	bool gone;	   /* there is no agent */
	bool idle;	   /* its agent was late with a vector when the answer was made */
	uint64_t age_us;   /* of its agent's last vector, counted on since the answer */
	uint64_t awake_us; /* since the first answer that said so, if it is not idle */
	uint64_t rtt_us;
	/* rule K6 */
	uint64_t token, lease_epoch;
	ha_time received;
};

struct peer {
	struct vector_head head; /* the newest verified one (rules D1, D2) */
	ha_time head_received;
	bool verified; /* `head` is valid */
	bool heard;
	bool stalled; /* heard by the word of its kernel only (rule K11) */
	ha_time stall_since;
	bool late;     /* the warning of this silence has been given */
	bool isolated; /* the event of this isolation has been given */
	bool mismatch;
	bool config_differs, config_said;
	ha_time config_since;
	uint64_t silence_us; /* counted by rule D3 */
	uint64_t link_silence_us[LINKS_MAX];
	uint64_t limit_us, link_limit_us[LINKS_MAX]; /* of these silences (rule R4) */
	uint8_t links_known;			     /* bit k: link k was heard at least once */
	uint8_t paths;

	/* the newest authentic vector, verified or not: what we echo */
	uint64_t echo_incarnation, echo_sequence;
	ha_time echo_stamp, echo_received;

	ha_time lease_until;	     /* ours from this peer, on our clock (rule L2) */
	ha_time granted_clear;	     /* our grants to it have surely run out then (rule L4) */
	uint64_t member_incarnation; /* when the accepted view was accepted */
	uint64_t excluded;	     /* newest epoch accepted here without it (rule L8) */
	uint64_t taking_back;	     /* number of the delegation that first left it out (K9) */
	struct peer_kernel kernel;

	struct fence_row fences[NODES_MAX]; /* what it says about fencing, by target */

	uint64_t left_incarnation; /* said STOPPED (rule Q3); 0: no */
	/* confirmed off (rule Q2); 0 with `fenced_at`: when no life of it was known; 0: no */
	uint64_t fenced_incarnation;
	ha_time fenced_at;  /* it was off at some time since then; ZERO: unknown when */
	ha_time life_since; /* when `head.incarnation` was first verified */

	uint64_t actual_digest; /* of our copy of its rows below */
	bool actual_stale;	/* the digest must be computed again */
	struct group_actual groups[GROUPS_MAX];
	struct resource_actual resources[RESOURCES_MAX];
	struct monitor_actual monitors[MONITORS_MAX];

	ha_time flaps[FLAPS_MAX];
	uint32_t n_flaps, strikes;
	ha_time quarantine_until;

	bool objects_differ; /* rule C3 */
	ha_time objects_differ_since;
};

/* Of the final action of a start that failed; NOT_TAKEN: it was NONE, or suppressed. */
enum final_progress { FINAL_OPEN, FINAL_NOT_TAKEN, FINAL_TAKEN };

struct resource {
	uint8_t state; /* enum resource_state */
	uint8_t failures;
	uint8_t stop_tries;	    /* at once, of the present stop (rule G15) */
	uint8_t start_final;	    /* enum final_progress */
	uint8_t stop_final_attempt; /* in which the final action of a failed stop was taken */
	bool killed;
	bool halted;	    /* by a final action, until the next order or start */
	bool stop;	    /* to be stopped though the group runs (rule G12) */
	bool restart;	    /* to be stopped, and then started again in place (rule M2) */
	bool passed;	    /* it failed, and its final action is to go on as if it had not */
	uint32_t operation; /* in progress; 0: none */
	ha_time started;    /* that operation */
	ha_time deadline;   /* of that operation, or of the next stop retry */
};

struct group {
	uint8_t state;	 /* enum group_state */
	bool run;	 /* the goal: running here */
	bool urgent;	 /* stop: the lease is lost */
	bool proven;	 /* start: by a takeover proof */
	bool restarting; /* in place, by the recovery of a monitor */
	uint8_t failed_attempt;
	uint8_t failed_cause;  /* CAUSE_FAILURE or CAUSE_MONITOR */
	bool halted;	       /* by a final action, in that attempt: nobody is to have it (G14) */
	uint8_t tried_attempt; /* a failed stop was tried again for this one */
	struct request_id order; /* the last command seen in its row */
	uint8_t cause;		 /* enum intent_cause of the goal */
	uint16_t first, n;	 /* its resources are neighbours in the configuration */
	ha_time since, goal_since;
	/* as coordinator */
	uint8_t last_owner; /* before the row was revoked; NODE_NONE */
	uint8_t blocked_by;
	uint8_t no_target_attempt;
	bool conflict;
	uint8_t hold_said, hold_attempt; /* the hold of the last event, in which attempt */
	uint8_t wait_attempt;		 /* in which it began to wait for its start */
	bool waiting, wait_over, stop_waiting, stop_wait_over;
	ha_time wait_since, stop_wait_since;
};

struct monitor {
	uint8_t verdict;   /* enum monitor_status: OFFLINE before the first one */
	bool run, failing; /* as its driver was told */
	bool suspended;	   /* has been said */
	bool said;	   /* its verdict, since it began to check */
	bool due;	   /* an error that nothing was done about yet */
	bool acting;	   /* its recovery goes on: it does not check (rule M3) */
	uint8_t skips;	   /* bit of an enum monitor_skip: said since its last step or good check */
	bool final;	   /* taken or suppressed */
	uint8_t restarts, failovers;
	uint8_t stage;	 /* enum recovery_stage that `script` comes before */
	uint32_t script; /* operation; 0: none */
	ha_time script_deadline, normal_since;
};

/* Whose final action it is; UINT16_MAX for what is not known. */
struct final_origin {
	uint16_t group, resource, monitor;
};

/* Of this node as executor, for one target (docs/fencing.md). */
struct fence_job {
	uint8_t state; /* enum fence_state */
	uint8_t level, tries;
	bool cancelled; /* it still answers */
	uint8_t on_level;
	uint32_t operation;    /* while RUNNING */
	uint32_t on_operation; /* switches it on again; 0: none */
	uint32_t rounds;       /* through all levels that failed, since it was heard or confirmed */
	uint64_t incarnation;  /* that a confirmation of this try is for */
	uint64_t epoch;	       /* of the installed view when it was ordered; 0: none */
	ha_time since, started, deadline, on_deadline;
	ha_time due; /* of the first try while DELAYED, of the next round after FAILED */
};

struct pending_request {
	struct request request;
	uint64_t token;
	ha_time deadline;
	bool restarted; /* it made this node come back at once */
};

/* Compared as bytes: no padding. */
struct clique_input {
	node_mask edges[NODES_MAX]; /* by node: its mutual neighbours among the candidates */
	node_mask candidates;
	node_mask preferred; /* tie-break: members of the newest installed view */
};

struct core {
	struct core_config cfg;
	uint8_t self;
	uint32_t votes_total;
	uint64_t incarnation, sequence;
	ha_time now, started;
	bool ready; /* the incarnation is on disk (rule P1) */
	bool leave; /* CORE_EVENT_LEAVE */
	bool left;  /* CORE_ACTION_LEFT was given */
	bool warm;
	bool startup_said;
	uint8_t mode;
	ha_time stopping_since, stopped_at;
	struct request_id come_request; /* that made this node come back */
	bool stop_service;		/* a final action ended the service here (rule F1) */
	bool power_given;
	uint8_t power; /* FINAL_SHUTDOWN or FINAL_REBOOT, when all has stopped; FINAL_NONE */
	struct final_origin power_origin;
	struct request_id stop_request; /* of our row at that time: only a newer one ends it */

	/* views */
	uint64_t promised, epoch_seen;
	struct view accepted, installed;
	node_mask wanted;
	struct clique_input clique_in; /* of the last search */
	node_mask clique;
	uint32_t votes[NODES_MAX];
	ha_time wanted_since, installed_at;

	/* lease */
	bool lease_valid;
	ha_time lease_until;
	ha_time grants_after;  /* grants for stamps until then do not count (rule L7) */
	uint64_t lease_epoch;  /* rule L8; 0 without a valid lease */
	uint64_t lease_number; /* even while it is valid (rule K1) */
	struct {
		ha_time until;
		uint64_t number, epoch, installed;
	} lease_said; /* in the last CORE_ACTION_LEASE */

	/* what the kernel may grant in our name (rules K8, K9) */
	struct delegation delegation;
	node_mask delegated;	     /* it may be granting to them: until they are taken back */
	node_mask told_delegated;    /* of them: a vector was made while it was taken back */
	uint64_t delegated_lease_us; /* the longest lease that it may be granting */

	/* the newest time that this agent did not run, beyond what counts as silence (rule D3) */
	ha_time gap_end;
	uint64_t gap_us;

	/* intents */
	struct group_intent intents[GROUPS_MAX];
	struct node_intent node_intents[NODES_MAX];
	struct monitor_intent monitor_intents[MONITORS_MAX];
	struct cluster_intent cluster;
	ha_time ratio_until;	       /* of cluster.ratio, by our count (rule R2) */
	ha_time ratio_written;	       /* what is left of it, to disk */
	uint16_t ratio_told;	       /* to the drivers; 0: nothing yet */
	bool ratio_again;	       /* the same one was set anew */
	uint64_t timeout_us, lease_us; /* in force (rule R5) */
	uint16_t ratio;		       /* of them */
	uint64_t unshrunk_us;	       /* since our timeout shrank, counted as silence is (R4) */
	uint64_t pending_hash, config_told; /* rules C1, C2 */
	uint64_t intent_digest;
	uint32_t counter; /* of versions in the installed epoch */
	bool reaffirmed;  /* rule N3, in the installed view */

	/* persistence */
	uint64_t generation, generation_in_flight;
	uint64_t reserve, reserve_in_flight;
	uint64_t lease_max_us, lease_max_in_flight, lease_max_durable;
	ha_time lease_lowered; /* grants got shorter then, or a former run ended: lease_us */
	uint64_t durable_digest, digest_in_flight, incarnation_in_flight;
	bool persist_wanted, persist_busy, store_failed;
	ha_time persist_after;

	/* this node's groups */
	struct group groups[GROUPS_MAX];
	struct resource resources[RESOURCES_MAX];
	struct group_actual actual_groups[GROUPS_MAX]; /* as told */
	struct resource_actual actual_resources[RESOURCES_MAX];
	uint64_t actual_digest;
	uint32_t last_operation;
	bool groups_dirty;
	bool stalled; /* a start has failed here for good: another node may become able */
	ha_time groups_deadline;

	/* this node's monitors */
	struct monitor monitors[MONITORS_MAX];
	struct monitor_actual actual_monitors[MONITORS_MAX]; /* as told */
	bool monitors_dirty;				     /* somebody's status has changed */
	node_mask error_on, critical_on; /* by node: some monitor, a critical one is in error */
	ha_time monitors_deadline;

	/* coordinator */
	bool place_dirty;
	bool cold; /* the whole cluster was started: until the first re-affirmation (rule G8) */
	ha_time place_deadline;
	node_mask proof_said, wait_said;
	struct answer answers[NODES_MAX];
	struct pending_request queue[REQUESTS_MAX];
	uint32_t n_queue, last_number;

	/* fencing (docs/fencing.md) */
	node_mask with;		/* were in a view that was installed here, in this incarnation */
	node_mask waived;	/* certainly out: their votes need not be there (rule X9) */
	node_mask by_person;	/* rule X11 */
	ha_time quorum_until;	/* the lease, as far as a quorum granted it */
	bool by_half;		/* the lease goes on by rule L9 only: said */
	node_mask fence_needed; /* as coordinator: a group waits for their proofs (rule X1) */
	struct fence_row fence_rows[NODES_MAX];
	struct fence_job fence_jobs[NODES_MAX];

	/* sending */
	ha_time next_beat, last_sent;
	bool send_wanted;
	uint8_t resend_beats;
	uint64_t sent_hash;
	struct vector out;

	bool again; /* something changed that earlier passes of this step did not see */
	struct core_actions *actions;
	struct peer peers[NODES_MAX]; /* the entry of self is unused but for clear and flaps */
};

static inline bool is_self(const struct core *c, unsigned int node)
{
	return node == c->self;
}

static inline bool is_coordinator(const struct core *c)
{
	return c->installed.epoch && c->installed.coordinator == c->self;
}

static inline bool view_equal(const struct view *a, const struct view *b)
{
	return a->epoch == b->epoch && a->members == b->members && a->coordinator == b->coordinator;
}

static inline bool request_is(const struct request_id *a, const struct request_id *b)
{
	return a->node == b->node && a->incarnation == b->incarnation && a->number == b->number;
}

static inline bool name_is(const char a[NAME_SIZE], const char b[NAME_SIZE])
{
	return strncmp(a, b, NAME_SIZE) == 0;
}

/* 0 is left out: it means that nothing failed. */
static inline uint8_t next_attempt(uint8_t attempt)
{
	return attempt == UINT8_MAX ? 1 : (uint8_t)(attempt + 1);
}

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
void fence_done(struct core *c, const struct core_event *event);
void fence_checked(struct core *c, const struct core_event *event);
/* `incarnation` of `target`, and all before it, are over; it was off at some time since `at`. */
void fence_is_off(struct core *c, uint8_t target, uint64_t incarnation, ha_time at);
void fence_heard(struct core *c, uint8_t node, const struct vector *v);
ha_time fence_deadline(const struct core *c);

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
