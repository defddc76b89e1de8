/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CLUSTER_H
#define HF_CLUSTER_H

/*
 * The vocabulary that all modules share: limits, the vector a node broadcasts, and the rows in
 * it. No code. docs/protocol.md explains each field; rule numbers in comments refer to it.
 */

#include "util/mask.h"
#include "util/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NODES_MAX	  32
#define LINKS_MAX	  8 /* links of one node; link k of a node talks to link k of its peers */
#define GROUPS_MAX	  128
#define RESOURCES_MAX	  512
#define DEPS_MAX	  8 /* resources that one resource directly depends on */
#define MONITORS_MAX	  512
#define RATIO_MAX	  10000 /* of timeouts */
#define RATIO_TIME_MAX_US (30ULL * 24 * 3600 * 1000000)
#define NAME_SIZE	  32 /* with the terminating NUL */

#define NODE_NONE 0xff
#define EPOCH_MAX (UINT64_MAX / 4) /* larger ones are rejected on the wire and on disk */

/* What a node's agent is doing, by its own word. */
enum node_mode {
	NODE_MODE_UNKNOWN,  /* never heard */
	NODE_MODE_STARTING, /* cleans leftovers; takes part in views but hosts nothing yet */
	NODE_MODE_ONLINE,
	NODE_MODE_STOPPING, /* giving up its groups; still a member */
	NODE_MODE_STOPPED,  /* holds nothing and will not until a new incarnation: proof 'left' */
	NODE_MODE_COUNT_
};

/* An agreed membership (protocol.md, Views). epoch 0: none. */
struct view {
	uint64_t epoch;
	node_mask members;
	uint8_t coordinator;
};

/* Versions are ordered by epoch, then counter. Only the coordinator of `epoch` makes them. */
struct version {
	uint64_t epoch;
	uint32_t counter;
};

/* Names one admin command: the node it entered at, that agent's incarnation, a running number. */
struct request_id {
	uint64_t incarnation;
	uint32_t number; /* 0: none */
	uint8_t node;
};

enum wanted { WANTED_OFFLINE, WANTED_ONLINE, WANTED_COUNT_ };

/* Why the coordinator last changed the owner of a group. Ends up in CLP_EVENT and in events. */
enum intent_cause {
	CAUSE_NONE,
	CAUSE_START,	/* cluster start, or the group's automatic start */
	CAUSE_ADMIN,	/* group start, stop or move by command */
	CAUSE_FAILOVER, /* the owner was lost; a takeover proof held */
	CAUSE_FAILURE,	/* the group failed on its owner */
	CAUSE_LEAVE,	/* the owner leaves in good order */
	CAUSE_CONFLICT, /* it was running on more than one node */
	CAUSE_MONITOR,	/* a monitor found it broken on its owner */
	CAUSE_FAILBACK, /* a better node of its list is fit again */
	CAUSE_RESTART,	/* stopped and started in place, by the recovery of a monitor */
	CAUSE_COUNT_
};

/*
 * What should be, one row a group. A node may start the group only on a row of the epoch that
 * it has installed, with itself as owner, and with a valid lease (rule G1).
 */
struct group_intent {
	struct version version;
	struct request_id request; /* the admin command that last changed it, if any */
	uint8_t wanted;		   /* enum wanted */
	uint8_t owner;		   /* may start and hold it; NODE_NONE: nobody may */
	uint8_t target;		   /* where the next owner should be; NODE_NONE: by policy */
	uint8_t cause;		   /* enum intent_cause */
	uint8_t attempt;	   /* grows by each start or move command; clears failure marks */
	uint8_t failovers;	   /* by failures, since the attempt or the last quiet time (G10) */
	/* bit i: resource i of the group is to be stopped although the group runs (rule G12) */
	uint8_t stopped[RESOURCES_MAX / 8];
};

enum cluster_mode {
	CLUSTER_RUN,
	CLUSTER_SUSPENDED, /* no automatic action; beats, leases and monitors go on (rule O1) */
	CLUSTER_MODE_COUNT_
};

/* What holds for the whole cluster: one row. */
struct cluster_intent {
	struct version version;
	struct request_id request;
	uint8_t mode;		    /* enum cluster_mode */
	uint16_t ratio;		    /* of timeouts; 0 and 1: as configured (rules R1 to R5) */
	uint64_t config_generation; /* of the newest applied configuration; 0: never (rule C1) */
	uint64_t config_hash;	    /* of it */
};

/* What should be, one row a monitor. */
struct monitor_intent {
	struct version version;
	struct request_id request;
	node_mask suspended; /* nodes on which it does not check */
	node_mask failing;   /* nodes on which every check counts as failed: a dummy failure */
};

enum monitor_status {
	MONITOR_OFFLINE, /* does not check now: its target is not active, or not yet started */
	MONITOR_NORMAL,
	MONITOR_CAUTION, /* a check failed; retries go on */
	MONITOR_ERROR,	 /* failed after all retries */
	MONITOR_SUSPENDED,
	MONITOR_UNUSED, /* not configured for this node */
	MONITOR_STATUS_COUNT_
};

/* What is, one row a monitor; written only by the node itself. */
struct monitor_actual {
	uint8_t status;	   /* enum monitor_status */
	uint8_t restarts;  /* recoveries since it was last well for long enough (rule M4) */
	uint8_t failovers; /* likewise */
	bool final;	   /* its final action was taken or suppressed */
};

/* What happens to the machine after its agent has stopped in good order. */
enum power_action { POWER_NONE, POWER_SHUTDOWN, POWER_REBOOT, POWER_ACTION_COUNT_ };

/* What should be, one row a node. Applies to `incarnation` only: a restarted agent starts anew. */
struct node_intent {
	struct version version;
	struct request_id request;
	uint64_t incarnation;
	uint8_t wanted; /* WANTED_OFFLINE: leave in good order */
	uint8_t power;	/* enum power_action, after it has left */
};

enum resource_state {
	RESOURCE_UNKNOWN, /* may be running: a leftover not yet cleaned */
	RESOURCE_OFFLINE,
	RESOURCE_STARTING,
	RESOURCE_ONLINE,
	RESOURCE_STOPPING,
	RESOURCE_START_FAILED, /* not usable, must be stopped before it counts as offline */
	RESOURCE_STOP_FAILED,  /* may be running: blocks every takeover but a fenced one */
	RESOURCE_STATE_COUNT_
};

enum group_state {
	GROUP_UNKNOWN,
	GROUP_OFFLINE, /* every resource is proven stopped: the only state that allows a takeover */
	GROUP_STARTING,
	GROUP_ONLINE,
	GROUP_STOPPING,
	GROUP_STOP_FAILED,
	GROUP_STATE_COUNT_
};

/* What is, one row a group; written only by the node itself. */
struct group_actual {
	ha_time since;		/* on the sender's clock: when `state` was reached */
	uint8_t state;		/* enum group_state */
	uint8_t failed_attempt; /* intent.attempt of the last failure here; 0: none */
	bool by_monitor;	/* that failure was found by a monitor (cause MONITOR) */
	bool halted;		/* a final action stopped it here: nobody is to have it (G14) */
};

struct resource_actual {
	uint8_t state;	  /* enum resource_state */
	uint8_t failures; /* since the group's attempt number changed; saturates */
};

/* What a node says about fencing one other node, the target (docs/fencing.md). */
enum fence_state {
	FENCE_IDLE,
	FENCE_DELAYED, /* ordered here, and waits (rule X10) */
	FENCE_RUNNING,
	FENCE_FAILED, /* every level has failed; it is tried again later (rule X7) */
	FENCE_CONFIRMED,
	FENCE_STATE_COUNT_
};

/* The last check of the target's devices by this node. */
enum fence_check {
	FENCE_CHECK_NONE, /* no device */
	FENCE_CHECK_UNKNOWN,
	FENCE_CHECK_NORMAL,
	FENCE_CHECK_DEGRADED, /* a level other than the first would work */
	FENCE_CHECK_ERROR,
	FENCE_CHECK_COUNT_
};

/* One row a target; written only by the node itself. All zeros but by NODE_NONE: nothing. */
struct fence_row {
	uint64_t by_epoch; /* of the view in which `by` holds; 0: no order */
	uint64_t off;	   /* newest incarnation of the target that is known to be off; 0: none */
	uint8_t by;	   /* the coordinator's word: who is to fence it (rule X5); NODE_NONE */
	uint8_t state;	   /* enum fence_state, here */
	uint8_t check;	   /* enum fence_check, here */
};

/* What a node says about one peer. */
struct peer_entry {
	uint64_t incarnation; /* newest heard; 0: never */
	ha_time stamp;	      /* newest send time heard, on the peer's own clock: the echo */
	uint32_t age_us;      /* since the beat with that stamp was received; saturates */
	uint32_t clear_us;    /* until every grant to it has surely run out (rule L4) */
	uint8_t paths;	      /* bit k: link k delivered within `timeout` */
	bool heard;
	bool grant; /* grants a lease for `stamp`, of vector.lease_us (rule L1) */
};

enum request_kind {
	REQUEST_NONE,
	REQUEST_GROUP_START,
	REQUEST_GROUP_STOP,
	REQUEST_GROUP_MOVE,
	REQUEST_NODE_START, /* also ends a quarantine */
	REQUEST_NODE_STOP,
	REQUEST_NODE_SHUTDOWN, /* stop in good order, then power off */
	REQUEST_NODE_REBOOT,
	REQUEST_RESOURCE_START, /* and what it depends on */
	REQUEST_RESOURCE_STOP,	/* and what depends on it */
	REQUEST_MONITOR_SUSPEND,
	REQUEST_MONITOR_RESUME,
	REQUEST_MONITOR_FAIL, /* dummy failure on */
	REQUEST_MONITOR_UNFAIL,
	REQUEST_CLUSTER_START,
	REQUEST_CLUSTER_STOP,
	REQUEST_CLUSTER_SUSPEND,
	REQUEST_CLUSTER_RESUME,
	REQUEST_CLUSTER_SHUTDOWN,
	REQUEST_CLUSTER_REBOOT,
	REQUEST_RATIO_SET, /* `ratio` for `value` microseconds */
	REQUEST_RATIO_RESET,
	REQUEST_CONFIG, /* `value`: hash of the configuration that every member has ready */
	/* never travels: done where it was entered (rule X11) */
	REQUEST_FENCE_CONFIRM,
	REQUEST_KIND_COUNT_
};

struct request {
	struct request_id id;
	uint8_t kind;	 /* enum request_kind */
	uint8_t target;	 /* node; NODE_NONE: by policy, or for monitors: all nodes */
	uint16_t group;	 /* index, of group requests */
	uint16_t object; /* index of the resource or monitor, of their requests */
	uint16_t ratio;
	uint64_t value;
};

enum answer_code {
	ANSWER_NONE,
	ANSWER_ACCEPTED,      /* every member of the view has it on disk: never forgotten (I5) */
	ANSWER_NOTHING_TO_DO, /* already so */
	ANSWER_NO_QUORUM,     /* no view is installed here */
	ANSWER_BUSY,	      /* another operation on the same object has not ended */
	ANSWER_BAD_TARGET,    /* that node is not in the group's list or does not host */
	ANSWER_TARGET_DOWN,   /* that node is not a member, or leaving */
	ANSWER_NO_TARGET,     /* no other node can take it */
	ANSWER_OFFLINE,	      /* the group is stopped: start it rather than move it */
	ANSWER_STORE_FAILED,  /* a member cannot write its state file */
	ANSWER_TIMEOUT,	      /* no agreement within the limit: the command may still take effect */
	ANSWER_SUSPENDED,     /* the cluster is suspended: resume it first */
	ANSWER_EXCLUDED,      /* an exclusion rule forbids the group there */
	ANSWER_UNFIT,	      /* a critical monitor fails on that node */
	ANSWER_BAD_VALUE,     /* ratio or time out of range */
	ANSWER_NOT_READY,     /* a member does not have that configuration ready */
	ANSWER_TARGET_UP,     /* that node is heard, or a member: it is not off */
	ANSWER_UNPROVEN,      /* the group would have to wait for an absent node to be fenced */
	ANSWER_CODE_COUNT_
};

/* The coordinator's answer to a node's newest request. */
struct answer {
	struct request_id id;
	uint8_t code; /* enum answer_code */
};

struct vector_head {
	uint64_t incarnation;
	uint64_t sequence;
	ha_time stamp;	       /* send time on the sender's clock */
	uint64_t config_hash;  /* of the whole configuration: a difference is shown */
	uint64_t safety_hash;  /* of nodes and votes: a difference keeps it out of views */
	uint64_t objects_hash; /* of groups, resources and monitors: what indexes mean (rule C3) */
	uint64_t pending_hash; /* of the configuration that it has ready to apply; 0: none */
	uint64_t promised;     /* no lower epoch will be accepted */
	struct view accepted;
	struct view installed;
	node_mask wanted;	/* the clique it would like as a view (rule V1) */
	node_mask quarantined;	/* peers it keeps out of views */
	uint64_t lease_us;	/* of the grants in `peer` */
	uint64_t lease_epoch;	/* its own valid lease dates from this view; 0: holds nothing */
	uint64_t timeout_us;	/* by which it judges its peers (rule R4) */
	uint64_t ratio_left_us; /* how long the ratio in `cluster` still runs (rule R2) */
	struct cluster_intent cluster;
	uint64_t intent_digest;	 /* of all intent rows it knows */
	uint64_t durable_digest; /* of those it has on disk */
	uint64_t actual_digest;	 /* of all its actual rows */
	uint8_t node;
	uint8_t mode; /* enum node_mode */
	bool warm;    /* the cluster has completed its start-up (rule S2) */
	bool store_failed;
	uint8_t n_peers; /* entries in `peer`: the configured nodes, self included */
	struct peer_entry peer[NODES_MAX];
	struct request request; /* the admin command it forwards */
	uint8_t n_answers;
	struct answer answers[NODES_MAX];
};

/*
 * A vector, or the part of one that a datagram carries: `head` is always whole, each row range
 * may cover some rows only. The row pointers belong to whoever made the vector: core_vector()
 * points into the core, a decoder points into the scratch space that its caller gave it.
 */
struct vector {
	struct vector_head head;
	uint16_t first_group, n_groups;
	uint16_t first_resource, n_resources;
	uint16_t first_node, n_nodes;
	uint16_t first_monitor, n_monitors;
	uint16_t first_fence, n_fences;		  /* by target node */
	const struct group_intent *group_intents; /* n_groups rows from first_group */
	const struct group_actual *group_actuals; /* likewise */
	const struct resource_actual *resource_actuals;
	const struct node_intent *node_intents;
	const struct monitor_intent *monitor_intents; /* n_monitors rows from first_monitor */
	const struct monitor_actual *monitor_actuals;
	const struct fence_row *fences; /* n_fences rows from first_fence */
};

/* Room for the rows of one vector. */
struct vector_rows {
	struct group_intent group_intents[GROUPS_MAX];
	struct group_actual group_actuals[GROUPS_MAX];
	struct resource_actual resource_actuals[RESOURCES_MAX];
	struct node_intent node_intents[NODES_MAX];
	struct monitor_intent monitor_intents[MONITORS_MAX];
	struct monitor_actual monitor_actuals[MONITORS_MAX];
	struct fence_row fences[NODES_MAX];
};

/* What an agent asks a peer's kernel, on each link (docs/kernel.md). */
struct probe {
	uint64_t incarnation;	 /* of the prober */
	ha_time stamp;		 /* the prober's clock; it comes back in the answer */
	uint64_t lease_epoch;	 /* of the prober, as in vector_head */
	uint64_t installed;	 /* epoch of its installed view; 0: none */
	uint64_t to_incarnation; /* of the peer's agent, as far as it is known; 0: not */
	uint64_t token;		 /* of the peer's kernel, that is granted for lease_us */
	uint64_t lease_us;
	bool grant;
	bool outside; /* the installed view is without the peer: a refusal (rule K5) */
};

/* What a peer's kernel answers. */
struct probe_answer {
	uint64_t incarnation;	   /* of the prober, as in the probe */
	ha_time stamp;		   /* as in the probe */
	uint64_t from_incarnation; /* of the peer's agent */
	uint64_t token;		   /* opaque (rule K1) */
	uint64_t lease_us;	   /* of the grant of `stamp` */
	uint64_t lease_epoch;	   /* of the peer's agent, as it last wrote */
	uint64_t progress;	   /* sequence of its agent's last vector */
	uint64_t age_us;	   /* of that vector, when the answer was made */
	uint8_t from;
	bool grant;  /* it grants `stamp` in its agent's name (rule K8) */
	bool gone;   /* there is no agent */
	bool leased; /* its lease is valid in its kernel: for the status */
};

/* What this node's kernel may grant in its agent's name (rule K8). */
struct delegation {
	uint64_t number;		 /* grows with each one */
	uint64_t lease_us;		 /* of such grants */
	uint64_t incarnation[NODES_MAX]; /* 0: not to this node */
	uint64_t excluded[NODES_MAX];	 /* only lease epochs from this one on */
};

/*
 * What a node must not forget when it is restarted (rules P1 to P3). Written whole, before the
 * fact it promises is told to anybody.
 */
struct durable_state {
	uint64_t generation;  /* grows with each write */
	uint64_t incarnation; /* of the agent that wrote it */
	uint64_t
		epoch_reserve; /* promises up to here need no write; a restart counts as promised */
	uint64_t lease_max_us; /* longest lease ever granted since it was last known to be over */
	uint16_t n_groups;
	uint16_t n_nodes;
	uint16_t n_monitors;
	/* whose rows they are, and what node numbers in them mean (rule P5); filled with zeros */
	char group_names[GROUPS_MAX][NAME_SIZE];
	char node_names[NODES_MAX][NAME_SIZE];
	char monitor_names[MONITORS_MAX][NAME_SIZE];
	/* bits of group_intent.stopped mean these; "" behind the last */
	char resource_names[RESOURCES_MAX][NAME_SIZE];
	uint16_t resource_groups[RESOURCES_MAX];
	uint16_t n_resources;
	uint64_t ratio_left_us; /* of cluster.ratio, when this was written */
	struct cluster_intent cluster;
	struct group_intent group_intents[GROUPS_MAX];
	struct node_intent node_intents[NODES_MAX];
	struct monitor_intent monitor_intents[MONITORS_MAX];
};

#endif
