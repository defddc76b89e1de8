/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_EVENT_H
#define HF_EVENT_H

/*
 * Events: every automatic action and every change of state leaves one (invariant I6). Ids are
 * stable for ever: a new event gets a new number, a retired number is never used again. The
 * table behind event_info() is the catalogue; docs/man/holdfast-events.7 is made from it.
 */

#include "include/cluster.h"

enum event_id {
	EVENT_NONE = 0,
	/* 1xx: this agent */
	EVENT_AGENT_STARTED = 100,
	EVENT_AGENT_STOPPED = 101,
	EVENT_AGENT_STALLED = 102, /* was not scheduled for a while */
	EVENT_STORE_FAILED = 103,
	EVENT_STORE_RECOVERED = 104,
	EVENT_NO_REALTIME = 105,
	EVENT_NO_MEMLOCK = 106,
	EVENT_CLEANED_LEFTOVER = 107,
	EVENT_UNSAFE_CONFIG = 108,	/* a risk that the configuration accepts by name */
	EVENT_MONITORS_DIED = 109,	/* the process of the monitors; another one is started */
	EVENT_CHANNEL_ENDED = 110,	/* the process between agents; another one is started */
	EVENT_KERNEL_PATH = 111,	/* attached */
	EVENT_KERNEL_UNAVAILABLE = 112, /* refused: why */
	EVENT_KERNEL_INTERFACE = 113,	/* one could not be served */
	/* 2xx: nodes and heartbeats */
	EVENT_NODE_HEARD = 200,
	EVENT_NODE_SILENT = 201, /* declared failed: evidence is the last beat */
	EVENT_NODE_LATE = 202,
	EVENT_NODE_RESTARTED = 203, /* a new incarnation */
	EVENT_LINK_DOWN = 204,
	EVENT_LINK_UP = 205,
	EVENT_NODE_ISOLATED = 206, /* heard, but outside the clique */
	EVENT_NODE_QUARANTINED = 207,
	EVENT_NODE_RELEASED = 208,
	EVENT_CONFIG_MISMATCH = 209,
	EVENT_CONFIG_MATCH = 210,
	EVENT_NODE_LEAVING = 211,
	EVENT_NODE_LEFT = 212,
	EVENT_NODE_POWER = 213,	  /* power off or reboot after leaving in good order */
	EVENT_NODE_STALLED = 214, /* its kernel answers, its agent does not run */
	EVENT_NODE_RESUMED = 215,
	EVENT_NODE_STALL_EXPIRED = 216, /* for too long: it counts as failed */
	EVENT_KERNEL_UP = 217,		/* its kernel answers, on a link */
	EVENT_KERNEL_DOWN = 218,
	/* 3xx: views, leases, proofs */
	EVENT_VIEW_PROPOSED = 300,
	EVENT_VIEW_ACCEPTED = 301,
	EVENT_VIEW_INSTALLED = 302,
	EVENT_VIEW_LOST = 303, /* the lease ran out or was refused */
	EVENT_LEASE_VALID = 304,
	EVENT_LEASE_EXPIRED = 305,
	EVENT_LEASE_REFUSED = 306,
	EVENT_PROOF = 307, /* why an absent node no longer counts as a holder */
	EVENT_WAITING_FOR_PROOF = 308,
	EVENT_STARTUP_WAIT = 309,
	EVENT_STARTUP_DONE = 310,
	EVENT_LEASE_KEPT = 311, /* by what the kernel was granted while the agent did not run */
	/* 4xx: groups and resources */
	EVENT_GROUP_PLACED = 400, /* the coordinator chose an owner: why, where */
	EVENT_GROUP_STARTING = 401,
	EVENT_GROUP_ONLINE = 402,
	EVENT_GROUP_STOPPING = 403,
	EVENT_GROUP_OFFLINE = 404,
	EVENT_GROUP_FAILED = 405,
	EVENT_GROUP_NO_TARGET = 406,
	EVENT_GROUP_CONFLICT = 407,
	EVENT_GROUP_HELD = 408,	   /* wanted, and not placed: why (enum group_hold) */
	EVENT_GROUP_WAITING = 409, /* for another group to start or stop */
	EVENT_RESOURCE_STARTING = 410,
	EVENT_RESOURCE_ONLINE = 411,
	EVENT_RESOURCE_START_FAILED = 412,
	EVENT_RESOURCE_STOPPING = 413,
	EVENT_RESOURCE_OFFLINE = 414,
	EVENT_RESOURCE_STOP_FAILED = 415,
	EVENT_RESOURCE_LOST = 416,
	EVENT_RESOURCE_TIMEOUT = 417,
	EVENT_RESOURCE_RETRY = 418,
	EVENT_RESOURCE_RESTARTING = 419, /* in place */
	EVENT_FIP_ANNOUNCED = 420,
	EVENT_FIP_CONFLICT = 421,
	EVENT_FIP_REPAIRED = 422,
	EVENT_GROUP_RESTARTING = 423, /* in place */
	EVENT_GROUP_WAIT_TIMEOUT = 424,
	EVENT_GROUP_FAILOVER_LIMIT = 425,
	EVENT_FINAL_ACTION = 430,     /* taken: whose, which */
	EVENT_FINAL_SUPPRESSED = 431, /* no other node is healthy */
	EVENT_FINAL_IMPOSSIBLE = 432, /* what it needs is not configured */
	EVENT_POWER_ACTION = 433,     /* given to the system */
	/* 5xx: commands and configuration */
	EVENT_REQUEST_RECEIVED = 500,
	EVENT_REQUEST_ANSWERED = 501,
	EVENT_CLUSTER_SUSPENDED = 502,
	EVENT_CLUSTER_RESUMED = 503,
	EVENT_RATIO_SET = 504,
	EVENT_RATIO_ENDED = 505,
	EVENT_CONFIG_READY = 506,
	EVENT_CONFIG_AGREED = 507,
	EVENT_CONFIG_APPLIED = 508,
	EVENT_CONFIG_FAILED = 509,
	EVENT_SCRIPT_STARTED = 510, /* of `script run` */
	EVENT_SCRIPT_ENDED = 511,
	/* 6xx: monitors; arg[0] is the monitor's index */
	EVENT_MONITOR_NORMAL = 600,
	EVENT_MONITOR_CAUTION = 601,
	EVENT_MONITOR_ERROR = 602,
	EVENT_MONITOR_STARTED = 603,
	EVENT_MONITOR_STOPPED = 604,
	EVENT_MONITOR_SUSPENDED = 605,
	EVENT_MONITOR_RESUMED = 606,
	EVENT_MONITOR_FAILING = 607, /* dummy failure on */
	EVENT_MONITOR_FAILING_ENDED = 608,
	EVENT_MONITOR_RESTART = 610, /* recovery: restart of its target */
	EVENT_MONITOR_FAILOVER = 611,
	EVENT_MONITOR_SCRIPT = 612,  /* run before a step, and how it ended */
	EVENT_MONITOR_SKIPPED = 613, /* no recovery: why */
	EVENT_MONITOR_FORGOT = 614,  /* was well for long enough: counters are clear */
};

enum event_severity { EVENT_INFO, EVENT_NOTICE, EVENT_WARNING, EVENT_ERROR, EVENT_SEVERITY_COUNT_ };

/* Why an absent node may be taken over (docs/protocol.md, Takeover proofs). */
enum proof {
	PROOF_NOT_CONFIRMED, /* the zero value never means safe */
	PROOF_LEASE,
	PROOF_FENCED,
	PROOF_LEFT,
	PROOF_NEVER_HELD, /* cannot host groups */
	PROOF_COUNT_
};

/* Why the error of a monitor has no consequence (EVENT_MONITOR_SKIPPED). */
enum monitor_skip {
	SKIP_INACTIVE,	/* its target is not active here */
	SKIP_SUSPENDED, /* the cluster is */
	SKIP_BUSY,	/* another recovery of the same group goes on */
	SKIP_LEAVING,	/* this node is not online */
	SKIP_DONE,	/* its final action was taken already */
	MONITOR_SKIP_COUNT_
};

#define EVENT_TEXT_SIZE 96

/*
 * One event as it is decided. Unused fields are NODE_NONE, UINT16_MAX or 0. `arg` holds what
 * the id's catalogue row says, durations in microseconds.
 */
struct event {
	ha_time at; /* when it was decided, on the clock of `origin` */
	uint64_t epoch;
	uint64_t arg[4];
	uint16_t id;		    /* enum event_id */
	uint16_t group;		    /* index, UINT16_MAX: none */
	uint16_t resource;	    /* index, UINT16_MAX: none */
	uint8_t origin;		    /* the node whose agent decided it */
	uint8_t node;		    /* the node it is about; NODE_NONE: none */
	char text[EVENT_TEXT_SIZE]; /* detail from a driver or the system; "" for none */
};

struct event_info {
	uint16_t id;
	uint8_t severity;    /* enum event_severity */
	const char *name;    /* "node-silent": stable, for machines */
	const char *message; /* template, see event_format() */
	const char *arg[4];  /* what each argument is, NULL for unused */
	const char *meaning; /* one sentence for the manual */
};

/* The catalogue row of an id; NULL if there is none. The rows are static. */
const struct event_info *event_info(uint16_t id);
/* Row `i` of the catalogue in order of ids; NULL past its end. */
const struct event_info *event_info_at(size_t i);

/* The index of the monitor that it is about; UINT16_MAX: none. */
uint16_t event_monitor(const struct event *event);

/* Names for the indexes in events; the strings belong to the caller and may be NULL. */
struct event_names {
	const char *(*node)(void *userdata, uint8_t node);
	const char *(*group)(void *userdata, uint16_t group);
	const char *(*resource)(void *userdata, uint16_t resource);
	const char *(*monitor)(void *userdata, uint16_t monitor); /* may be NULL */
	void *userdata;
};

/*
 * Fills the template: {node} {origin} {group} {resource} {epoch}; {object} "group G", "node N" or
 * both; {text} ": " and the text, or nothing if it is empty; {0}..{3} an argument as a number,
 * {0hex} in hexadecimal, {0ms} {0s} a duration with three decimals ("unknown" for UINT64_MAX),
 * {0nodes} a list of node names, {0node} one, {0links} a list of link numbers, {0group} {0monitor}
 * the name of one, {0proof} {0cause} {0request} {0answer} {0hold} {0final} {0power} {0status}
 * {0skip} a name of that enum, {0operand} a blank and what a request (of the kind in the first
 * argument) names besides, or nothing, {0?a|b|c} one of these words, the last one for all larger
 * values; {target} what a recovery acts on: "resource R of group G", "group G" or "every group".
 * An index without a name becomes "#3". Control characters and broken UTF-8 in names and text do
 * not come through. Always terminates `buf`, never within a character. An id without a row becomes
 * "event 999" and its text. Returns `buf`.
 */
char *event_format(const struct event *event, const struct event_names *names, char *buf,
		   size_t size);

const char *event_severity_to_string(enum event_severity severity);
const char *proof_to_string(enum proof proof);
const char *intent_cause_to_string(enum intent_cause cause);
const char *power_action_to_string(enum power_action action);
const char *monitor_skip_to_string(enum monitor_skip why);

#endif
