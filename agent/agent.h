/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_AGENT_H
#define HF_AGENT_AGENT_H

/*
 * The daemon's own state and the calls between its files: start.c builds it, loop.c waits for
 * descriptors and the one timer, step.c feeds the core and carries out its actions, resource.c
 * drives floating IPs and programs, record.c keeps events, ctl*.c answers clients.
 */

#include "agent/config.h"
#include "agent/exec.h"
#include "agent/monitor.h"
#include "agent/notify.h"
#include "agent/refusals.h"
#include "agent/replicate.h"
#include "agent/store.h"
#include "agent/trace.h"
#include "agent/verdict.h"
#include "include/core.h"
#include "include/ctl.h"
#include "include/hb.h"
#include "include/net.h"

#include <systemd/sd-event.h>

/* Order of service: what keeps the cluster alive first, answers to clients last. */
enum agent_priority {
	AGENT_PRIORITY_TIMER = -30,
	AGENT_PRIORITY_HEARTBEAT = -20,
	AGENT_PRIORITY_STORE = -10,
	AGENT_PRIORITY_NET = -10,
	AGENT_PRIORITY_EXEC = -5,
	AGENT_PRIORITY_SIGNAL = 0,
	AGENT_PRIORITY_STREAM = 10,
	/* the socket's sources have the default, 0, and come after the above by their number */
};

struct agent_options {
	const char *config_path;
	const char *node;	/* NULL: the host name */
	const char *trace_path; /* NULL: none */
};

/* Why the agent ends; the daemon's exit codes are stable (holdfastd(8)). */
enum agent_exit {
	AGENT_EXIT_OK = 0,
	AGENT_EXIT_FAILURE = 1,
	AGENT_EXIT_USAGE = 64,
	AGENT_EXIT_DAMAGED = 65, /* a file of the state directory */
	AGENT_EXIT_NO_INPUT = 66,
	AGENT_EXIT_BUSY = 75, /* another agent runs on this node */
	AGENT_EXIT_PERMISSION = 77,
	AGENT_EXIT_CONFIG = 78,
	AGENT_EXIT_AGAIN = 256, /* never seen outside: it executes itself again */
};

/* What the driver of one resource is doing. */
struct resource_run {
	uint32_t start_operation; /* of a floating IP, not answered yet; 0: none */
	uint32_t exec_operation;  /* of a program that runs; 0: none */
	bool exec_is_stop;
	uint16_t fip; /* its number in net/, which stays when its index changes */
};

/* A core event that waits for its step, with the text it points to. */
struct pending_event {
	struct core_event event;
	char text[EVENT_TEXT_SIZE];
};

struct agent_queue {
	struct pending_event *items;
	size_t size, head, n;
};

/* What the last verdict of a monitor on this node said, and when. */
struct monitor_word {
	uint64_t wall_us; /* 0: nothing yet */
	char text[EVENT_TEXT_SIZE];
};

/* Of the kernel path: what was said, and is shown. */
struct kernel_view {
	int refused;		 /* -errno: the agent does without; 0: in force, or not wanted */
	int attach_error;	 /* of an interface that could not be served */
	unsigned int interfaces; /* that carry the programs */
	char problem[HB_ERROR_SIZE]; /* about either of the two */
	ha_time look_at;	     /* at the interfaces again */
	unsigned int interfaces_said;
	int attach_said;
};

struct commands;
struct ctl_fence;
struct fencing;
struct guard;
struct stages;
struct streams;
struct scripts;
struct systemd;

#define AGENT_WARNINGS_MAX 64

struct agent {
	const struct agent_options *options;
	struct config *config;
	uint8_t self;
	sd_event *event;
	struct notify *notify;
	struct store *store;
	struct net *net;
	struct hb_lan *lan;
	struct hb_kernel *kernel; /* NULL: no kernel path */
	struct kernel_view kernel_view;
	uint64_t kernel_incarnation; /* that peers' probes are told; 0: none yet */
	struct core *core;
	struct exec *exec;
	struct monitors *monitors;
	struct stages *stages; /* programs before steps of recoveries */
	struct systemd *systemd;
	uint32_t power_operation;
	struct core_action power_own; /* a final action by this server's own devices */
	struct guard *guard;	      /* NULL: no watchdog is open */
	char watchdog_error[EVENT_TEXT_SIZE];
	struct replicate *replicate;
	struct channel_process *channel;
	struct files *files;
	struct fencing *fencing;
	struct apply *apply;
	struct ctl_config *ctl_config;
	struct ctl_fence *ctl_fence;
	struct ctl_server *ctl;
	struct trace *trace; /* NULL: none asked for */
	int held_fd;

	/* stepping */
	struct agent_queue queue;
	struct core_actions *actions, *more_actions; /* the second: of what is answered at once */
	struct durable_state durable;
	bool persist_busy, persist_waits;
	bool stepped; /* since the watchdogs were last looked at */
	bool in_turn; /* within one wake-up of the loop */
	bool peers_changed;
	ha_time lease_until;
	uint64_t lease_number;
	struct resource_run *runs; /* n_resources */
	bool *leftovers;	   /* n_resources: to be stopped first, and said */
	bool addresses_cleaned;	   /* of a former agent: none of its floating IPs is left */

	/* the loop */
	sd_event_source *timer;
	ha_time armed;	  /* what the timer is set to */
	ha_time house_at; /* next housekeeping */
	ha_time watchdog_at;
	uint64_t watchdog_us; /* 0: the service manager does not want pings */
	uint64_t late_us_max;
	struct refusals refusals;
	bool leaving;
	bool left; /* in good order */
	ha_time leave_deadline;
	int exit_code;

	/* events */
	uint64_t own_number; /* origin_number of the newest own event */
	uint64_t incarnation;
	uint64_t published; /* number up to which records were published */
	unsigned long long journal_dropped;

	/* clients and status */
	struct commands *commands;
	struct scripts *scripts;
	struct streams *streams;
	struct verdict_facts *facts;
	struct monitor_word monitor_words[MONITORS_MAX];
	/* The configuration that was last applied by command, and when; 0: none in the journal. */
	uint64_t config_applied_hash, config_applied_wall_us;
	bool realtime, memory_locked;
	size_t n_warnings, n_config_warnings; /* those of the configuration come first */
	char *warnings[AGENT_WARNINGS_MAX];
};

/* start.c: everything is logged there; *ret_exit is an enum agent_exit. */
int agent_new(const struct agent_options *options, struct agent **ret);
struct agent *agent_free(struct agent *agent);
/* The exit code for an error of agent_new() or agent_cleanup(). */
int agent_exit_code(int error);
/* Removes what a dead agent left on the interfaces (holdfastd --cleanup). */
int agent_cleanup(const char *config_path);
/* Loads the configuration and says on standard error what is wrong with it. */
int agent_load_config(const char *path, struct config **ret, struct config_report *report);
void agent_warn(struct agent *agent, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Replaces the standing warnings of the configuration. */
void agent_config_warnings(struct agent *agent, const struct config_report *report);
int agent_load_keys(struct agent *agent, struct hb_keys *ret);

/* loop.c */
int loop_init(struct agent *agent);
/* Until the agent ends: the exit code. */
int loop_run(struct agent *agent);
/* Handlers that the loop does not own itself (programs, clients) call this after they have
 * posted: it steps what is queued, unless the turn that they are part of does it anyway. */
void loop_turn(struct agent *agent);
/* The bound on leaving in good order, from the stop timeouts. */
uint64_t loop_leave_us(const struct config *config);

/* step.c */
int step_init(struct agent *agent);
size_t step_queue_size(const struct config *config);
/* Adds to the queue; the text is copied. */
void step_post(struct agent *agent, const struct core_event *event);
/* Steps everything queued, and what comes of it, until nothing is left. */
void step_settle(struct agent *agent);
/* The same with one event first, which may point to data of the caller. */
void step_now(struct agent *agent, const struct core_event *event);
void step_store_answered(struct agent *agent, const struct store_answer *answer);

/* resource.c */
void resource_action(struct agent *agent, const struct core_action *action);
void resource_net_events(struct agent *agent);
void resource_exec_done(uint32_t operation, uint8_t result, const char *text, void *userdata);
/* Takes down every address, at the end: the agent cannot guard them any more. */
void resource_stop_addresses(struct agent *agent);

/* record.c */
/* An event of this node about nothing in particular, to be filled in. */
struct event record_event(const struct agent *agent, enum event_id id);
void record_add(struct agent *agent, const struct event *event);
/* Tells the journal, followers and peers of records that are new since the last call. */
void record_publish(struct agent *agent, ha_time now);
struct replicate_journal record_journal(void);
void record_send_blob(void *userdata, uint8_t peer, const void *data, size_t n);

/* names.c: the names that the configuration gives */
struct event_names names_of(const struct config *config);
const char *names_node(const struct config *config, uint8_t node); /* NULL: no such node */

#endif
