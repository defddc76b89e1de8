/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CORE_H
#define HF_CORE_H

/*
 * The core: all decisions of one node. Pure: no descriptor, no clock, no allocation after
 * core_new(), and the same events give the same actions. The agent and the simulator run the
 * same object code. docs/protocol.md is the specification; code cites its rule numbers.
 */

#include "include/cluster.h"
#include "include/event.h"
#include "util/cleanup.h"

struct core;

#define FENCE_LEVELS_MAX 8

struct core_node_config {
	char name[NAME_SIZE];
	uint32_t votes;
	bool hosts; /* false: a witness, which votes and grants but never holds a group */
	uint8_t n_fence_levels;
	uint64_t fence_timeout_us[FENCE_LEVELS_MAX]; /* of one try of a level */
	uint64_t fence_delay_us;		     /* in a tie (rule X10) */
};

#define GROUP_WAITS_MAX 8
#define EXCLUSIONS_MAX	32
#define FAILOVERS_NODES UINT8_MAX /* as a threshold: the number of nodes of the group */

/* On which occasions a group waits for others to stop before it stops. */
enum stop_wait { STOP_WAIT_CLUSTER = 1, STOP_WAIT_NODE = 2, STOP_WAIT_GROUP = 4 };

struct core_group_config {
	char name[NAME_SIZE];
	bool autostart;
	bool failover_manual;	/* lost or failed: stays down until a command (rule G8) */
	bool failback;		/* moves to a better node of its list by itself (rule G9) */
	uint8_t failover_limit; /* failovers by failures within failover_window_us; 0: no limit */
	uint64_t failover_window_us;
	uint8_t n_nodes;
	uint8_t nodes[NODES_MAX]; /* allowed owners, best first */
	/* rule G13: waits for these groups to be online, or offline */
	uint8_t n_start_after, n_stop_after;
	uint16_t start_after[GROUP_WAITS_MAX], stop_after[GROUP_WAITS_MAX];
	bool start_same_node;	  /* they must be online on the node where this one is to start */
	bool start_wait_continue; /* when start_wait_us is over start anyway; else give up */
	uint8_t stop_wait_when;	  /* enum stop_wait, as bits */
	uint64_t start_wait_us, stop_wait_us;
};

/* Groups that must not run on the same node (rule G11). */
struct core_exclusion_config {
	bool absolute; /* never; else only while another node is free */
	uint8_t groups[GROUPS_MAX / 8];
};

/* What is done when nothing else has helped (spec/clusterpro.md, section 7.2). */
enum final_action {
	FINAL_NONE,	/* code 1: the group stays as it is, nothing more is started */
	FINAL_CONTINUE, /* code 0: go on with the next resource */
	FINAL_STOP_GROUP,
	FINAL_STOP_SERVICE,
	FINAL_SHUTDOWN,
	FINAL_REBOOT,
	FINAL_STOP_RESOURCE, /* code 16, monitors only */
	FINAL_PANIC,
	FINAL_WATCHDOG_RESET,
	FINAL_WATCHDOG_PANIC,
	FINAL_BMC_RESET,
	FINAL_BMC_OFF,
	FINAL_BMC_CYCLE,
	FINAL_BMC_NMI,
	FINAL_IO_FENCE,
	FINAL_ACTION_COUNT_
};
const char *final_action_to_string(enum final_action action);

struct core_resource_config {
	char name[NAME_SIZE];
	uint16_t group;
	bool address; /* a floating IP: given up first, and at once, when the lease is lost */
	uint8_t start_retries;
	uint8_t stop_retries; /* at once, before it counts as failed (then every 30 s) */
	uint8_t failovers;    /* of its group by a failed start, then start_final */
	uint8_t start_final;  /* enum final_action */
	uint8_t stop_final;
	bool final_alone; /* final actions also when no other node is healthy */
	uint8_t n_deps;
	uint16_t deps[DEPS_MAX]; /* resources of the same group, with lower indexes */
	uint64_t start_timeout_us;
	uint64_t stop_timeout_us;
};

enum recovery_target { RECOVER_NOTHING, RECOVER_RESOURCE, RECOVER_GROUP, RECOVER_NODE };

/* Programs that are run before a step of a recovery, as bits of `scripts` (rule M5). */
enum recovery_stage { STAGE_RESTART, STAGE_FAILOVER, STAGE_FINAL, STAGE_COUNT_ };

struct core_monitor_config {
	char name[NAME_SIZE];
	node_mask nodes;	  /* where it checks */
	uint16_t active_group;	  /* checks only while this group is online here; UINT16_MAX: */
	uint16_t active_resource; /* only while this resource is; both UINT16_MAX: always */
	uint8_t recovery;	  /* enum recovery_target */
	uint16_t target;	  /* index of the resource or group */
	uint8_t restarts;	  /* of the target in place */
	uint8_t failovers;	  /* then of its group; FAILOVERS_NODES */
	uint8_t final;		  /* enum final_action, then */
	bool final_alone;
	bool critical;	 /* a node on which it fails is given no group (rule G5) */
	uint8_t scripts; /* bit of an enum recovery_stage: run one before */
	uint64_t script_timeout_us;
};

enum takeover { TAKEOVER_FENCE, TAKEOVER_LEASE };

struct core_config {
	uint8_t n_nodes;
	uint8_t self; /* index in nodes */
	uint8_t n_links;
	uint16_t n_groups;
	uint16_t n_resources;
	uint16_t n_monitors;
	uint8_t n_exclusions;
	uint8_t takeover; /* enum takeover: which proof a lost owner needs */
	uint64_t config_hash;
	uint64_t safety_hash;
	uint64_t objects_hash;
	uint64_t config_generation;  /* of this configuration; 0: none was ever applied */
	uint64_t interval_us;	     /* between beats */
	uint64_t timeout_us;	     /* silence that counts as failed; at least 3 intervals */
	uint64_t stall_timeout_us;   /* a stalled agent counts as failed; at least timeout_us */
	bool kernel;		     /* this node has the kernel path (rules K1 to K12) */
	bool probes;		     /* the caller asks core_probe() with each SEND: for replays */
	uint64_t lease_us;	     /* L, at least timeout_us */
	uint64_t lease_margin_us;    /* added to every wait for a lease to run out */
	uint32_t drift_ppm;	     /* bound on the relative rate error of two clocks */
	uint32_t late_percent;	     /* of timeout_us: warn when a beat is later */
	uint64_t startup_wait_us;    /* for absent nodes, when the whole cluster starts */
	uint64_t request_timeout_us; /* until a command is answered ANSWER_TIMEOUT */
	uint32_t flap_limit;	     /* departures within flap_window_us before quarantine */
	uint64_t flap_window_us;
	uint64_t quarantine_us; /* the first one; doubles each time */
	uint64_t quarantine_max_us;
	uint64_t failure_expiry_us; /* online for so long, a group forgets failures; 0: never */
	/* docs/fencing.md */
	bool fence_tie;		      /* exactly half of the votes may fence the others (X8) */
	bool fence_reboot;	      /* switch on again what was confirmed off (X7b) */
	uint8_t fence_retries;	      /* of one level, at once */
	uint8_t quorum_loss;	      /* enum final_action, when the lease is lost (W5) */
	uint64_t fence_retry_wait_us; /* after all levels have failed; grows tenfold (X7) */
	uint64_t fence_priority_us;   /* rule X10 */
	struct core_node_config nodes[NODES_MAX];
	struct core_group_config groups[GROUPS_MAX];
	struct core_resource_config resources[RESOURCES_MAX];
	struct core_monitor_config monitors[MONITORS_MAX];
	struct core_exclusion_config exclusions[EXCLUSIONS_MAX];
};

enum core_event_type {
	CORE_EVENT_TICK,	  /* core_deadline() was reached */
	CORE_EVENT_VECTOR,	  /* an authentic vector of a peer */
	CORE_EVENT_PERSISTED,	  /* answer to CORE_ACTION_PERSIST */
	CORE_EVENT_RESOURCE_DONE, /* answer to RESOURCE_START or RESOURCE_STOP */
	CORE_EVENT_RESOURCE_LOST, /* a started resource is gone and was not repaired */
	CORE_EVENT_REQUEST,	  /* an admin command entered at this node */
	CORE_EVENT_FENCED,	  /* a node was confirmed off */
	CORE_EVENT_LEAVE,	  /* this agent is to stop in good order (SIGTERM) */
	CORE_EVENT_MONITOR,	  /* a monitor's verdict; ERROR again after each round of retries */
	CORE_EVENT_SCRIPT_DONE,	  /* answer to CORE_ACTION_SCRIPT */
	CORE_EVENT_CONFIG_READY,  /* this node has a configuration ready to apply */
	CORE_EVENT_PROBE_ANSWER,  /* an authentic answer of a peer's kernel */
	CORE_EVENT_KERNEL,	/* what this node's kernel was granted: before it is missed (K7) */
	CORE_EVENT_TAKEN_BACK,	/* answer to CORE_ACTION_DELEGATE */
	CORE_EVENT_FENCE_DONE,	/* answer to CORE_ACTION_FENCE, also after a FENCE_CANCEL */
	CORE_EVENT_FENCE_CHECK, /* a target's devices were checked */
	CORE_EVENT_TYPE_COUNT_
};

enum resource_result {
	RESOURCE_RESULT_UNCONFIRMED, /* zero: nothing is known, treated as a failure */
	RESOURCE_RESULT_OK,
	RESOURCE_RESULT_FAILED,	 /* start: not running or half running; stop: may be running */
	RESOURCE_RESULT_TIMEOUT, /* the same, after its time limit */
};

struct core_event {
	enum core_event_type type;
	union {
		struct {
			const struct vector *vector; /* read during the call only */
			uint8_t link;
		} vector;
		struct {
			uint64_t generation; /* of the durable_state that was written */
			int result;	     /* 0 or -errno */
		} persisted;
		struct {
			uint32_t operation;
			uint8_t result;	  /* enum resource_result */
			const char *text; /* detail for the event, or NULL */
		} resource_done;
		struct {
			uint16_t resource;
			const char *text;
		} resource_lost;
		struct {
			uint8_t kind;	/* enum request_kind */
			uint8_t target; /* node or NODE_NONE */
			uint16_t group, object;
			uint16_t ratio;
			uint64_t value; /* FENCE_CONFIRM: seconds of the calendar */
			uint64_t token; /* given back in CORE_ACTION_ANSWER */
		} request;
		struct {
			uint16_t monitor;
			uint8_t status; /* NORMAL, CAUTION or ERROR of enum monitor_status */
			const char *text;
		} monitor;
		struct {
			uint32_t operation;
			bool ok;
			const char *text;
		} script_done;
		struct {
			uint64_t hash; /* 0: it has none any more */
		} config_ready;
		struct {
			uint8_t node;
			uint64_t incarnation; /* newest one known to be dead; 0: none is known */
			ha_time since; /* it was off at some time since then; ZERO: unknown */
		} fenced;
		struct {
			uint32_t operation;
			uint8_t result;	  /* enum resource_result; OK of an OFF: confirmed (X7a) */
			const char *text; /* detail for the event, or NULL */
		} fence_done;
		struct {
			uint8_t target;
			uint8_t check; /* enum fence_check */
			const char *text;
		} fence_check;
		struct {
			struct probe_answer answer;
			uint8_t link;
		} probe;
		struct {
			uint64_t lease;		  /* CORE_ACTION_LEASE's number that it is about */
			ha_time until[NODES_MAX]; /* by peer; HA_TIME_ZERO: no grant */
			uint64_t refused_epoch;	  /* rule K5; 0: it was not */
			uint8_t refused_by;
		} kernel;
		struct {
			uint64_t number; /* of the delegation that is in force now */
			/* by node: the newest grant in our name, of those that it leaves out */
			ha_time granted_at[NODES_MAX];
		} taken_back;
	};
};

/* Numbers of operations are from 1 to this, and then from 1 again; 0 is none. */
#define OPERATION_MAX 0x0fffffffu

enum fence_order { FENCE_ORDER_OFF, FENCE_ORDER_ON };

enum core_action_type {
	CORE_ACTION_SEND,	    /* send core_vector() to every peer */
	CORE_ACTION_PERSIST,	    /* write core_durable(); one at a time */
	CORE_ACTION_RESOURCE_START, /* answer with RESOURCE_DONE */
	CORE_ACTION_RESOURCE_STOP,
	CORE_ACTION_RESOURCE_KILL, /* end operation `operation` now; it still answers */
	CORE_ACTION_LEASE,	   /* this node's lease is valid until `lease.until` */
	CORE_ACTION_DELEGATE,	   /* hand core_delegation() to the kernel; answer with TAKEN_BACK
				    * before anything that comes after it is carried out */
	CORE_ACTION_EVENT,
	CORE_ACTION_ANSWER,
	CORE_ACTION_LEFT,	  /* a LEAVE is complete: the agent may exit */
	CORE_ACTION_MONITOR,	  /* how a monitor is to work from now on */
	CORE_ACTION_SCRIPT,	  /* run a program of a recovery; answer with SCRIPT_DONE */
	CORE_ACTION_POWER,	  /* to this machine, now */
	CORE_ACTION_RATIO,	  /* timeouts of monitors are to be multiplied by this */
	CORE_ACTION_CONFIG,	  /* the cluster has agreed on this configuration: apply it */
	CORE_ACTION_FENCE,	  /* run one level of a node's devices; answer with FENCE_DONE */
	CORE_ACTION_FENCE_CANCEL, /* end operation `fence.operation` now; it still answers */
	CORE_ACTION_TYPE_COUNT_
};

struct core_action {
	enum core_action_type type;
	union {
		struct {
			bool whole; /* all rows at once, not just the next part */
		} send;
		struct {
			uint32_t operation;
			uint16_t resource;
			uint8_t cause; /* enum intent_cause */
			bool proven;   /* start: a takeover proof shows that nobody else has it, so
					  a duplicate check need not delay it */
			bool urgent;   /* stop: the lease is lost, others may start it soon */
		} resource;
		struct {
			ha_time until;	    /* HA_TIME_ZERO: not valid */
			uint64_t number;    /* grows whenever a lease begins or ends (rule K1) */
			uint64_t epoch;	    /* lease epoch */
			uint64_t installed; /* epoch of the installed view */
		} lease;
		struct event event;
		struct {
			uint16_t monitor;
			bool run;     /* it checks; false to true begins with its first wait */
			bool failing; /* dummy failure: every check counts as failed */
		} monitor;
		struct {
			uint32_t operation;
			uint16_t monitor;
			uint8_t stage; /* enum recovery_stage */
		} script;
		struct {
			uint8_t action; /* enum final_action: SHUTDOWN, REBOOT, PANIC and later */
			uint16_t resource, monitor; /* whose final action; UINT16_MAX */
		} power;
		struct {
			uint16_t ratio; /* at least 1 */
		} ratio;
		struct {
			uint64_t generation, hash;
		} config;
		struct {
			uint32_t operation;
			uint8_t target, level;
			uint8_t order; /* enum fence_order */
		} fence;
		struct {
			uint64_t token;
			uint8_t code; /* enum answer_code */
			struct request_id id;
		} answer;
	};
};

/* One step can give each resource an end, a kill or an order, each with its event. */
#define CORE_ACTIONS_MAX (8 * RESOURCES_MAX + 8 * MONITORS_MAX)
struct core_actions {
	size_t n;
	struct core_action action[CORE_ACTIONS_MAX];
};

/*
 * Copies `config`. `durable` is what the last run left (NULL: first start); the new incarnation
 * is one higher. `leftovers` has `n_resources` entries, true where a resource may still be
 * running (NULL: none): those are stopped first. Nothing is sent before the first PERSIST was
 * answered. `now` counts as the newest grant to every peer (rule L5).
 * -ENOMEM, -EINVAL (a count over its limit, self out of range, timeout below 3 intervals, lease
 * below timeout, no votes).
 */
_must_check_ int core_new(const struct core_config *config, const struct durable_state *durable,
			  const bool *leftovers, ha_time now, struct core **ret);
struct core *core_free(struct core *core);

/* The one door. Empties `actions` first; they are to be carried out in order. */
void core_step(struct core *core, const struct core_event *event, ha_time now,
	       struct core_actions *actions);

/* When to step with CORE_EVENT_TICK, if nothing else happens before. */
ha_time core_deadline(const struct core *core);

/* What to send now; owned by the core, valid until its next step. Each call is one sending. */
const struct vector *core_vector(struct core *core, ha_time now);

/*
 * What to ask the kernel of `node` now, on every link; with each CORE_ACTION_SEND. Each call is one
 * sending: what it grants counts as granted.
 */
void core_probe(struct core *core, uint8_t node, ha_time now, struct probe *ret);

/* What CORE_ACTION_DELEGATE is about. */
void core_delegation(const struct core *core, struct delegation *ret);

/*
 * A state of the whole cluster, as a status tells it: for asking what would happen, never for an
 * agent.
 */
struct core_seed {
	struct view view;  /* installed by `up` */
	node_mask up;	   /* nodes whose agents run */
	node_mask offline; /* of them: said STOPPED */
	struct cluster_intent cluster;
	uint64_t ratio_left_us;
	struct group_intent group_intents[GROUPS_MAX];
	struct group_actual group_actuals[NODES_MAX][GROUPS_MAX];
	uint8_t resource_states[NODES_MAX][RESOURCES_MAX]; /* enum resource_state */
	struct monitor_intent monitor_intents[MONITORS_MAX];
	struct monitor_actual monitor_actuals[NODES_MAX][MONITORS_MAX];
};
/* A core in the middle of that state, with a fresh lease. Errors as core_new(). */
_must_check_ int core_new_seeded(const struct core_config *config, const struct core_seed *seed,
				 ha_time now, struct core **ret);

/*
 * A new core that goes on where `old` is, with another configuration of the same nodes (rule
 * C4): views, leases, rows and running resources are carried over by name. Between two steps,
 * and with every group that has lost or changed a resource OFFLINE. `old` is not changed; the
 * caller frees it when this has succeeded. Operations in progress keep their numbers; monitors
 * keep their counters and begin anew: all count as stopped until CORE_ACTION_MONITOR says
 * otherwise. -EBUSY: such a group is not OFFLINE here; -EINVAL: as core_new(), or nodes, votes or
 * self differ; -ENOMEM.
 */
_must_check_ int core_reconfigure(const struct core *old, const struct core_config *config,
				  struct core **ret);

/* What to write for CORE_ACTION_PERSIST. */
void core_durable(const struct core *core, struct durable_state *ret);

/* Queries, for status displays and tests. */
struct core_self_info {
	uint64_t incarnation;
	uint8_t mode;
	struct view view; /* installed; epoch 0: none */
	ha_time lease_until;
	bool lease_valid;
	bool quorate;
	bool warm;
	bool store_failed;
	node_mask wanted;
	uint32_t votes_total, votes_view; /* all configured; of the installed members */
	bool holds_nothing;		  /* every group here is OFFLINE */
	bool lease_by_half;		  /* the lease goes on by rule L9 only */
	bool tie; /* members of the view that are heard are half of the votes: others are fenced */
};
void core_self_info(const struct core *core, ha_time now, struct core_self_info *ret);

enum peer_state {
	PEER_UNKNOWN, /* never heard since this agent started */
	PEER_HEARD,   /* heard, not (yet) in the view */
	PEER_MEMBER,
	PEER_STALLED,	  /* a member whose kernel answers and whose agent does not run (K11) */
	PEER_SILENT,	  /* was heard, is not any more */
	PEER_LEFT,	  /* left in good order */
	PEER_ISOLATED,	  /* heard, but does not hear enough of us to be in the clique */
	PEER_QUARANTINED, /* flapped; kept out for a while */
	PEER_MISMATCH,	  /* its nodes or votes differ from ours */
	PEER_STATE_COUNT_
};
const char *peer_state_to_string(enum peer_state state);
const char *node_mode_to_string(enum node_mode mode);
const char *group_state_to_string(enum group_state state);
const char *resource_state_to_string(enum resource_state state);
const char *answer_code_to_string(enum answer_code code);

struct core_peer_info {
	uint8_t state;		/* enum peer_state */
	uint8_t mode;		/* enum node_mode, by its newest vector */
	uint8_t paths;		/* bit k: link k heard within the timeout */
	uint8_t kernel_paths;	/* likewise, answers of its kernel */
	bool kernel_known;	/* its kernel has answered in this incarnation of its agent */
	uint64_t stalled_us;	/* for how long its agent has not run; 0: it does */
	uint64_t kernel_rtt_us; /* of the newest answer */
	uint8_t heard_by_peer;	/* bit 0: the peer says it hears us */
	uint64_t incarnation;
	uint64_t silence_us;	/* since the newest beat on any link */
	uint64_t quarantine_us; /* left of its quarantine */
	bool config_differs;
	bool grants_us, we_grant;
	uint8_t proof; /* enum proof, for a node outside the view */
	struct view installed;
	node_mask hears; /* whom it hears, by its newest vector */
};
/* Links on which `from` hears `to`, by the newest word of `from` (or our own): bit k is link k. */
uint8_t core_paths(const struct core *core, uint8_t from, uint8_t to);
void core_peer_info(const struct core *core, uint8_t node, ha_time now, struct core_peer_info *ret);

enum group_hold {
	GROUP_HOLD_NONE,
	GROUP_HOLD_SUSPENDED,
	GROUP_HOLD_MANUAL,	/* failover is manual (rule G8) */
	GROUP_HOLD_LIMIT,	/* too many failovers (rule G10) */
	GROUP_HOLD_EXCLUDED,	/* no node that an exclusion rule leaves (rule G11) */
	GROUP_HOLD_UNFIT,	/* a critical monitor fails wherever it could go */
	GROUP_HOLD_WAIT,	/* for another group */
	GROUP_HOLD_WAIT_FAILED, /* that did not come in time */
	GROUP_HOLD_STALLED,	/* for a member whose agent does not run (K11) */
	GROUP_HOLD_COUNT_
};
const char *group_hold_to_string(enum group_hold hold);

struct core_group_info {
	struct group_intent intent;
	uint8_t state;	    /* enum group_state, over all members */
	uint8_t current;    /* the node where it runs or is being started; NODE_NONE */
	uint8_t blocked_by; /* an absent node whose proof is missing; NODE_NONE */
	bool failed;	    /* wanted, but failed on every node that could take it */
	uint16_t waits_for; /* a group that it waits for (rule G13); UINT16_MAX */
	uint8_t waits_node; /* GROUP_HOLD_STALLED: the member that it waits for; NODE_NONE */
	uint8_t held;	    /* enum group_hold: why it is wanted and not placed */
	uint64_t online_us; /* for how long it is online */
	node_mask failed_on;
};
void core_group_info(const struct core *core, uint16_t group, ha_time now,
		     struct core_group_info *ret);
struct core_cluster_info {
	struct cluster_intent intent;
	uint64_t ratio_left_us;
	uint64_t timeout_us, lease_us; /* in force at this node */
};
void core_cluster_info(const struct core *core, ha_time now, struct core_cluster_info *ret);

struct core_fence_info {
	struct fence_row here;	   /* as this node tells it */
	uint8_t executor;	   /* who fences it, as far as is known here; NODE_NONE */
	uint8_t state;		   /* enum fence_state, of the executor */
	uint8_t level, try_number; /* here, while RUNNING; both from 0 */
	uint32_t rounds;	   /* through all levels, that failed here */
	uint64_t wait_us;	   /* until it begins, or is tried again */
	uint64_t off;		   /* newest incarnation known to be off */
	bool confirmed_by_person;  /* the newest one, here (rule X11) */
	bool waived;		   /* rule X9 */
	bool with;
	uint8_t check_by[NODES_MAX]; /* enum fence_check, by each node's word */
};
void core_fence_info(const struct core *core, uint8_t target, ha_time now,
		     struct core_fence_info *ret);
const char *fence_state_to_string(enum fence_state state);
const char *fence_check_to_string(enum fence_check check);

struct core_monitor_info {
	struct monitor_intent intent;
	uint8_t status;			     /* over all nodes: enum monitor_status */
	struct monitor_actual on[NODES_MAX]; /* UNUSED for nodes outside its list or the view */
};
void core_monitor_info(const struct core *core, uint16_t monitor, struct core_monitor_info *ret);
const char *monitor_status_to_string(enum monitor_status status);
const char *request_kind_to_string(enum request_kind kind);

/* State of a resource on `node` by its newest vector (or our own): enum resource_state. */
enum resource_state core_resource_state(const struct core *core, uint16_t resource, uint8_t node);

/* Asserts the internal invariants. The simulator and debug builds call it after each step. */
void core_check(const struct core *core);

#endif
