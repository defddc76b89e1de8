/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_SIM_SCHEDULE_H
#define HF_SIM_SCHEDULE_H

/*
 * A schedule is data: one cluster and a list of faults with their times, all drawn from a seed.
 * What is dropped from the list while shrinking leaves the rest as it was.
 */

#include "include/core.h"
#include "tests/sim/rng.h"

#define FAULTS_MAX 64

enum fault_type {
	FAULT_CRASH_NODE,  /* power cut: nothing is left running; boots after for_us */
	FAULT_CRASH_AGENT, /* the agent only: its resources run on */
	FAULT_FREEZE,	   /* the agent is not scheduled, its clock goes on */
	FAULT_PAUSE,	   /* a paused virtual machine: its clock stands still too */
	FAULT_CUT,	   /* node to peer, one way, `link` or all links */
	FAULT_PARTITION,   /* between the nodes of `mask` and the others */
	FAULT_DEAF,	   /* nothing reaches the node */
	FAULT_MUTE,	   /* nothing leaves the node */
	FAULT_FLAP,	   /* the node is cut off and joined every `value` us */
	FAULT_LINK,	   /* one link of all nodes is dead */
	FAULT_LOSS,	   /* `value` permille everywhere */
	FAULT_DELAY,	   /* up to `value` us more, everywhere: also reorders */
	FAULT_DUPLICATE,   /* `value` permille everywhere */
	FAULT_DISK_SLOW,   /* state writes are answered `value` us late */
	FAULT_DISK_FAIL,   /* state writes end with an error */
	FAULT_START_SLOW,  /* of resources on the node: up to `value` us */
	FAULT_STOP_SLOW,
	FAULT_START_FAIL,
	FAULT_STOP_FAIL,
	FAULT_HANG,	     /* starts and stops end only when killed */
	FAULT_RESOURCE_LOST, /* resource `value` stops by itself on the node */
	FAULT_LEAVE,	     /* SIGTERM; the agent is started again after for_us */
	FAULT_REQUEST,	     /* an admin command at the node */
	FAULT_FENCE,	     /* the device turns the node off; `peer` is told `value` us later */
	FAULT_REPLAY,	     /* recorded datagrams from peer to node are sent again */
	FAULT_BLACKOUT,	     /* all nodes of `mask` crash at once; for_us later they boot */
	FAULT_MONITOR,	     /* what monitor `value` looks at is broken on the node */
	FAULT_CONFIG,	     /* another configuration is applied, from the node */
	FAULT_SPLIT,	/* the agent freezes before action `value` of a step; `kind`: see step.c */
	FAULT_OVERLOAD, /* the agent is frozen and let go every `value` us */
	FAULT_CUT_PROBES,  /* the kernel path only; `kind` is enum cut_shape */
	FAULT_CUT_VECTORS, /* all but the kernel path */
	FAULT_DEVICE,	   /* the devices of `node` cannot be reached from `peer` */
	FAULT_CONFIRM,	   /* a person at `peer` says that `node` is off, if it is (rule X11) */
	FAULT_TYPE_COUNT_
};

/* Of the two last. */
enum cut_shape { CUT_ONE_WAY, CUT_INTO, CUT_OUT_OF, CUT_AROUND, CUT_PARTITION, CUT_SHAPE_COUNT_ };

/* Bits of FAULT_SPLIT's kind. */
enum split_kind { SPLIT_HALF = 1, SPLIT_CHOOSY = 2, SPLIT_DELEGATE = 4 };

#define MONITORS_DRAWN 4
#define RATIO_MOST     4

/* Nodes that are only known when the fault happens. */
#define ROLE_OWNER	 0x40 /* | group: where that group runs */
#define ROLE_COORDINATOR 0x80

struct fault {
	uint64_t at_us;
	uint64_t for_us;
	uint8_t type; /* enum fault_type */
	uint8_t node; /* id or role */
	uint8_t peer;
	uint8_t link;	/* LINKS_MAX: all */
	uint8_t target; /* FAULT_REQUEST */
	uint8_t kind;	/* FAULT_REQUEST: enum request_kind */
	uint8_t retries;
	uint16_t group, object;
	node_mask mask;
	uint32_t value;
	bool dropped; /* by shrinking */
};

enum theme {
	THEME_STORM,
	THEME_NETWORK,
	THEME_CRASH,
	THEME_STALL,
	THEME_DISK,
	THEME_COMMAND,
	THEME_RESOURCE,
	THEME_LEAVE,
	THEME_FENCE,
	THEME_REPLAY,
	THEME_CALM, /* few faults, long runs */
	THEME_COUNT_
};

enum absence {
	ABSENCE_OFF,	/* no power */
	ABSENCE_FROZEN, /* its agent is not scheduled any more; its kernel answers */
	ABSENCE_MUTE,	/* it runs, and only probes and answers pass */
	ABSENCE_COUNT_
};

/* How a device behaves until the faults end; then those that `heals` work. */
enum device_kind {
	DEVICE_OK,
	DEVICE_SLOW,  /* later than the level's time limit, or never; it may act all the same */
	DEVICE_FAILS, /* nothing happens, and it says so */
	DEVICE_ACTS_FAILS,   /* it switches, and says that it has failed */
	DEVICE_STAYS_ON,     /* says ok, and is then read on: what the driver makes of that */
	DEVICE_FLIPS_ON,     /* is read off, and the machine is on again by itself */
	DEVICE_DIES_WITH_IT, /* has no power when its host has none */
	DEVICE_KIND_COUNT_
};
const char *device_to_string(enum device_kind kind);

#define LEVELS_DRAWN  3
#define LEVEL_DEVICES 2
#define FENCED_NODES  8 /* larger clusters have no devices */

struct sim_device {
	uint8_t kind; /* enum device_kind */
	bool heals;
	uint32_t acts_us;  /* from the order to its effect */
	uint32_t reads_us; /* from there to the answer */
};

/* Devices that together take a node off. */
struct sim_level {
	uint8_t n_devices;
	struct sim_device device[LEVEL_DEVICES];
};

struct schedule {
	uint64_t seed;
	uint8_t theme;
	struct core_config config; /* self is set per node */
	bool rules;		   /* groups have rules of rules.c */
	bool operate;		   /* monitors and commands of operate.c */
	node_mask kernels;	   /* nodes with the kernel path */
	bool probes;		   /* agents send probes; else none has it */
	bool watchdog;		   /* resets a node that keeps processes without a lease */
	bool fencing;		   /* nodes have the devices of fence.c */
	struct sim_level level[FENCED_NODES][LEVELS_DRAWN];
	uint64_t check_us;	/* between checks of all devices */
	uint64_t lease_most_us; /* over the cluster's lease: each boot draws its own (P4) */
	/* the background, always there */
	uint64_t delay_us, delay_jitter_us, step_jitter_us, disk_us;
	uint32_t loss_permille, duplicate_permille;
	uint64_t start_us, stop_us; /* upper bounds of a healthy resource */
	uint16_t part_bytes;	    /* room for rows in one datagram; 0: all there is */
	uint16_t inbox;		    /* datagrams that wait per peer and link */
	int32_t rate_ppm[NODES_MAX];
	uint64_t boot_us[NODES_MAX]; /* first start */
	node_mask absent;	     /* never back again once the faults have ended */
	uint8_t absence;	     /* enum absence */
	/* what happens */
	uint64_t faults_end_us;
	uint64_t quiet_us; /* after recovery: nothing may happen */
	size_t n_faults;
	struct fault faults[FAULTS_MAX]; /* by time */
};

struct schedule_options {
	uint64_t seed;
	int theme;	   /* -1: drawn */
	bool calm;	   /* no loss, duplicates and jitter in the background */
	uint64_t until_us; /* faults end here, if earlier; 0: as drawn */
	uint64_t keep;	   /* bit i: fault i is kept */
	bool kernel;	   /* only what the kernel path is about */
	bool no_kernel;	   /* without the kernel path and its faults */
	bool fence;	   /* only clusters with devices, and what these are about */
};

void rules_draw(struct schedule *s);
void operate_draw(struct schedule *s);
/* stall.c: the kernel path, and what is done to it. */
void stall_draw(struct schedule *s, bool only);
/* fence_draw.c: devices, and what they are needed for. */
void fence_draw(struct schedule *s, bool only);
void schedule_make(const struct schedule_options *options, struct schedule *ret);

/* Three nodes; one of them leaves and joins the view `flaps` times. For judging memory. */
void schedule_make_flaps(uint64_t flaps, struct schedule *ret);

const char *fault_to_string(enum fault_type type);
const char *theme_to_string(enum theme theme);
/* -1 if there is no such theme. */
int theme_from_string(const char *name);
const char *request_to_string(uint8_t kind);
/* One line that a person understands. Returns buf. */
char *fault_format(const struct fault *fault, char *buf, size_t size);

#endif
