/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_SIM_WORLD_H
#define HF_SIM_WORLD_H

/*
 * One simulated cluster. True time is in microseconds from 0 and only the simulator knows it; a
 * node sees its own clock. Everything that happens is an event in one heap, but for the nodes'
 * ticks, which come from core_deadline().
 */

#include "include/core.h"
#include "include/hb.h"
#include "tests/sim/fence.h"
#include "tests/sim/kernel.h"
#include "tests/sim/schedule.h"

#include <stdarg.h>
#include <stdio.h>

#define NEVER	     UINT64_MAX
#define DEFERRED_MAX 640 /* what waits for a stalled agent, besides datagrams */
#define TOKENS_MAX   512
#define RECORDS_MAX  24 /* recordings of one sender, for the replayer */

struct world;

/* ---- datagrams ---- */

/* What one datagram carried, decoded. All receivers share it. */
struct body {
	uint32_t references;
	uint8_t from;
	struct vector vector;
};
struct body *body_unref(struct body *body);

/* ---- the heap ---- */

enum happening {
	HAPPENS_DELIVER,
	HAPPENS_PROBE,		/* or an answer to one */
	HAPPENS_OPERATION_DONE, /* a = operation, b = incarnation of the run */
	HAPPENS_DISK_DONE,
	HAPPENS_FAULT_BEGIN, /* a = fault */
	HAPPENS_FAULT_END,
	HAPPENS_FLAP,
	HAPPENS_BOOT,
	HAPPENS_REQUEST, /* a = token */
	HAPPENS_FENCED,	 /* a = victim, b = incarnation */
	HAPPENS_WATCHDOG,
	HAPPENS_MONITOR,    /* a = monitor, b = round */
	HAPPENS_SCRIPT,	    /* a = operation, b = run */
	HAPPENS_DEVICE,	    /* a = slot of the order, b = its number; link = device */
	HAPPENS_FENCE_DONE, /* likewise */
	HAPPENS_FENCE_CHECK,
	HAPPENS_LOOK, /* at the cluster as a whole: recovery, answers that are due */
};

struct happening_entry {
	uint64_t at, order;
	uint64_t b;
	union {
		struct body *body;	    /* HAPPENS_DELIVER */
		struct kernel_probe *probe; /* HAPPENS_PROBE */
	};
	uint32_t a;
	uint8_t type; /* enum happening */
	uint8_t node, from, link;
};

struct heap {
	struct happening_entry *entry;
	size_t n, room;
	uint64_t order;
};

/* ---- a node ---- */

struct sim_resource {
	bool running;  /* may answer: from the start order to the end of a good stop */
	bool online;   /* the last start ended well */
	bool pending;  /* an operation has not ended */
	bool starting; /* that operation is a start */
	bool hangs;    /* it ends only when killed */
	bool killed;
	bool stop_failed;
	bool excused;	/* may outlive the lease, see README */
	uint8_t result; /* how it will end */
	uint32_t operation;
	uint64_t began_us, ended_us; /* of the last operation, on its clock */
};

/* Datagrams in the sockets of an agent that does not read them. */
struct inbox {
	uint16_t count[LINKS_MAX];
	struct body *newest; /* what hb_lan_receive() would hand out */
	uint8_t link;
};

struct deferred {
	struct core_event event;
};

/* FAULT_SPLIT: the agent freezes before an action of a step. */
struct split {
	bool armed;
	bool half;	/* the first half of that action is carried out */
	bool delegate;	/* only from the next change of delegations on */
	bool choosy;	/* only at an action of the kernel path, or at sending */
	uint32_t after; /* so many more go on well */
};

struct rest;

struct node {
	uint8_t id;
	bool up;     /* has power */
	bool frozen; /* agent not scheduled */
	bool paused; /* virtual machine not scheduled */
	bool leave_asked;
	bool unpowered;	   /* by a power failure: not by a device, nor by itself */
	struct core *core; /* NULL: no agent runs */
	uint64_t run;	   /* counts agent starts */
	uint64_t booted_at;
	struct view view; /* installed, after its last step */
	struct core_config config;
	struct rng rng;
	/* clock */
	uint64_t base_true, base_local, paused_at_local;
	uint64_t rate; /* local microseconds in a million true ones */
	/* agent */
	uint64_t timer; /* true time of the next tick */
	uint64_t last_step_at;
	uint32_t steps_at_once;
	uint32_t sends_in_interval;
	uint64_t send_interval_at;
	struct split split;
	struct rest *rest; /* of a step that was interrupted */
	bool resumed;	   /* it is being carried out */
	/* lease filter of a node without the kernel path */
	ha_time lease_until;
	uint64_t lease_end_local; /* when it ends or ended */
	bool watchdog_armed;
	uint64_t woke_local;	/* last pause ended (local), for the exemption of L6 */
	bool just_woke;		/* I1 is not asserted: nothing was heard since the pause */
	uint64_t stalled_local; /* last freeze or pause ended */
	/* disk */
	bool disk_any, disk_pending;
	struct durable_state disk, disk_next;
	/* resources */
	struct sim_resource resource[RESOURCES_MAX];
	/* faults that hold now */
	uint8_t disk_slow, disk_fail, start_slow, stop_slow, start_fail, stop_fail, hang;
	uint32_t disk_slow_us, start_slow_us, stop_slow_us;
	uint64_t resource_fault_local; /* when the last one ended */
	/* stalled */
	struct inbox inbox[NODES_MAX];
	size_t n_deferred;
	/* newest verified datagram delivered, by sender: ground truth of L6 */
	uint64_t heard_incarnation[NODES_MAX], heard_sequence[NODES_MAX];
	uint64_t promised_us[NODES_MAX]; /* the timeout that its newest verified vector told */
	/* monitors, by index; configuration */
	uint32_t monitor_round[MONITORS_DRAWN];
	uint8_t monitor_broken[MONITORS_DRAWN];
	uint32_t monitor_failing; /* bits */
	bool suspended;		  /* by its newest row */
	uint64_t pending;	  /* hash of a configuration that it has ready */
	struct hb_cursor cursor;  /* next part of the vector to send */
	struct sim_kernel kernel;
	struct sim_fencer fencer;
	struct deferred deferred[DEFERRED_MAX]; /* last, since it is large and not cleared */
};

/* ---- the network ---- */

struct net {
	struct rng rng; /* of probes; vectors draw from that of their sender */
	uint8_t cut_probes[NODES_MAX][NODES_MAX][LINKS_MAX];  /* and answers */
	uint8_t cut_vectors[NODES_MAX][NODES_MAX][LINKS_MAX]; /* but not those */
	struct probe_record probe[NODES_MAX][RECORDS_MAX];
	uint32_t probes_recorded[NODES_MAX];
	uint8_t cut[NODES_MAX][NODES_MAX][LINKS_MAX]; /* from, to: how many faults cut it */
	uint32_t loss_permille, duplicate_permille;
	uint64_t delay_us;
	struct body *record[NODES_MAX][RECORDS_MAX];
	uint32_t recorded[NODES_MAX];
	uint64_t record_at[NODES_MAX];
};

/* ---- faults that hold now ---- */

struct active_fault {
	struct fault fault; /* with its roles resolved */
	bool holds;
	bool disturbs; /* invariant_disturb() was told */
	bool joined;   /* FAULT_FLAP: not cut at this moment */
};

/* ---- commands ---- */

struct token {
	uint8_t node, kind, target, retries;
	uint16_t group, object, ratio;
	uint64_t value;
	uint64_t issued_at, issued_local, run;
	bool open; /* waits for its answer */
};

#include "tests/sim/invariant.h"

/* ---- counts, for the last line and for judging whether the schedules reach anything ---- */

struct counts {
	uint64_t schedules, steps, datagrams, simulated_us;
	uint64_t views, starts, stops, failovers, urgent_stops, refusals, restarts, commands,
		accepted, resets, conflicts, quarantines, overlaps, probes, answers, splits, stalls,
		fence_orders, fenced, fence_cancels, confirms, halves, duels;
	double worst_recovery; /* as a share of the bound */
	uint64_t worst_seed;
};

struct trace {
	FILE *file;	/* NULL: none */
	bool datagrams; /* them too */
	char (*ring)[256];
	size_t ring_room, ring_n;
};

struct world {
	const struct schedule *s;
	uint64_t now;
	struct heap heap;
	unsigned int n_nodes; /* in use below */
	struct node node[NODES_MAX];
	struct net net;
	struct active_fault active[FAULTS_MAX];
	struct token token[TOKENS_MAX];
	size_t n_tokens;
	struct invariants inv;
	struct fencing fencing;
	struct counts counts;
	struct trace trace;
	struct core_actions actions, answered;
	const struct core_actions *decided; /* by the step that is being looked at */
	/* the end game */
	bool repairing; /* the faults are over */
	bool recovered;
	bool calm; /* all is as it should be and nothing is done to it: I3 holds */
	bool quarantine_seen;
	node_mask lost;	  /* running in some way, but never to be a member again */
	uint64_t variant; /* configurations made so far */
	unsigned int n_repairs;
	uint64_t next_repair;
	uint64_t repair_at, done_since, broken_at, ends_at;
	uint64_t changing_until;	      /* a node came or went: views may change */
	void (*watch)(const struct world *w); /* called now and then; NULL */
	bool violated;
	char violation[512];
};

/* world.c */
struct world *world_new(void);
struct world *world_free(struct world *w);
/* Runs one schedule from its beginning; the counts add up over runs. False: violated. */
bool world_run(struct world *w, const struct schedule *s);
void world_push(struct world *w, uint64_t at, struct happening_entry entry);
bool heap_pop(struct heap *heap, struct happening_entry *ret);
/* Only the first one is kept. */
void world_violate(struct world *w, const char *invariant, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The node with the newest installed view's coordinator; NODE_NONE. */
uint8_t world_coordinator(const struct world *w);
uint8_t world_owner(const struct world *w, unsigned int group);

/* node.c */
uint64_t node_local(const struct node *n, uint64_t true_us);
uint64_t node_true(const struct node *n, uint64_t local_us);
void node_boot(struct world *w, struct node *n);
void node_crash(struct world *w, struct node *n, bool agent_only);
void node_freeze(struct world *w, struct node *n, bool pause);
void node_wake(struct world *w, struct node *n);
/* step.c */
void node_tick(struct world *w, struct node *n);
void node_set_timer(struct world *w, struct node *n);
void node_step(struct world *w, struct node *n, const struct core_event *event);
void step_resume(struct world *w, struct node *n);
void step_forget(struct node *n);
/* One step; if the agent is stalled the event waits. */
void node_event(struct world *w, struct node *n, const struct core_event *event);
void node_deliver(struct world *w, struct node *n, struct body *body, uint8_t link);
/* Releases what it holds, without any effect. */
void node_release(struct node *n);
void node_disk_done(struct world *w, struct node *n);
bool node_stalled(const struct node *n);

/* service.c */
void service_begin(struct world *w, struct node *n, const struct core_action *action);
void service_kill(struct world *w, struct node *n, uint32_t operation);
void service_done(struct world *w, struct node *n, uint32_t operation, uint64_t run);
void service_lost(struct world *w, struct node *n, uint32_t resource);
void service_arm_watchdog(struct world *w, struct node *n);
void service_watchdog(struct world *w, struct node *n);
bool service_answers(const struct world *w, const struct node *n, unsigned int resource);

/* net.c */
void net_reset(struct net *net);
void net_send(struct world *w, struct node *n, bool whole);
/* `cut` is a row of one of the tables of struct net. */
void net_cut(uint8_t cut[NODES_MAX][LINKS_MAX], uint8_t to, uint8_t link, int change);
void net_replay(struct world *w, uint8_t from, uint8_t to, struct rng *rng);

/* fault.c */
void fault_begin(struct world *w, uint32_t index);
void fault_end(struct world *w, uint32_t index);
void fault_flap(struct world *w, uint32_t index);
/* Ends all of them and lets all nodes run that are not to stay absent. */
void fault_end_all(struct world *w);
void fault_request(struct world *w, uint32_t token);
void request_issue(struct world *w, const struct token *token);
void request_answered(struct world *w, struct node *n, const struct core_action *action);

/* operate.c */
void operate_monitor(struct world *w, struct node *n, const struct core_action *action);
void operate_check(struct world *w, struct node *n, unsigned int monitor, uint64_t round);
void operate_script(struct world *w, struct node *n, const struct core_action *action);
void operate_script_done(struct world *w, struct node *n, uint32_t operation, uint64_t run);
void operate_power(struct world *w, struct node *n);
void operate_new_config(struct world *w, struct node *n);
void operate_apply(struct world *w, struct node *n, uint64_t hash);
void operate_look(struct world *w);
bool operate_repair(struct world *w);
bool operate_left(const struct world *w, struct token *ret);
void operate_event(struct world *w, const struct node *n, const struct event *e);
void operate_stepped(struct node *n);
void operate_told(struct world *w, const struct node *n, const struct vector_head *h);

/* recovery.c */
void recovery_look(struct world *w);
/* All nodes that run are in one view, and all groups are where they should be. */
bool recovery_done(struct world *w, char *why, size_t size);
uint64_t recovery_bound(const struct world *w);
uint64_t recovery_change(const struct world *w);

/* trace.c */
#define trace(w, node, ...)                                        \
	do {                                                       \
		if ((w)->trace.file || (w)->trace.ring)            \
			trace_line((w), (int)(node), __VA_ARGS__); \
	} while (0)
void trace_line(struct world *w, int node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void trace_actions(struct world *w, const struct node *n, const struct core_actions *actions);
void trace_tail(const struct world *w, FILE *to, size_t lines);

#endif
