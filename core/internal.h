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
 * mode.c (this node's mode), fence.c and execute.c (who is switched off, and doing it), waive.c
 * (two halves), send.c (the vector), info.c (queries). core.c calls them in a fixed order. The
 * calls are in calls.h.
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

enum fence_why { FENCE_WHY_GROUP, FENCE_WHY_TIE };

/* Whose order it is: of the view's coordinator, of a tie's lowest node, or of one that is both. */
enum fence_told { FENCE_NOT_TOLD, FENCE_TOLD_BY_VIEW, FENCE_TOLD_BY_TIE, FENCE_TOLD_BOTH };

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

	bool again;    /* something changed that earlier passes of this step did not see */
	bool restless; /* it still did after SETTLE_MAX passes: a defect (core_check()) */
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

#include "core/calls.h"

#endif
