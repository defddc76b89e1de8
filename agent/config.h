/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_CONFIG_H
#define HF_AGENT_CONFIG_H

/*
 * The configuration file (libconfig syntax, holdfast.conf(5)): parsed whole into a fresh object,
 * every error collected with file and line, then derived and cross-checked by pure functions.
 */

#include "include/core.h"
#include "include/net.h"
#include "util/cleanup.h"

#include <sys/socket.h>

enum resource_type {
	RESOURCE_TYPE_FIP,
	RESOURCE_TYPE_EXEC,
	RESOURCE_TYPE_SYSTEMD,
	RESOURCE_TYPE_OCF
};

/* Paths and argument vectors are allocated; argv is NULL-terminated. */
struct resource_config {
	char name[NAME_SIZE];
	enum resource_type type;
	uint16_t group;
	char comment[128];
	uint8_t n_deps;
	uint16_t deps[DEPS_MAX]; /* indexes in config.resources */
	uint64_t start_timeout_us, stop_timeout_us;
	uint8_t start_retries;
	struct net_fip_config fip; /* type fip */
	char **start, **stop;	   /* type exec */
	char *user;		   /* type exec; NULL: root */
	char *unit;		   /* type systemd: "nginx.service" */
	char *agent;		   /* type ocf: "heartbeat:IPaddr2" */
	char **parameters;	   /* type ocf: "name=value" */
	uint8_t stop_retries, failovers;
	enum final_action start_final, stop_final;
	bool final_alone;
	unsigned int line; /* where it stands in the file */
};

struct group_config {
	char name[NAME_SIZE];
	char comment[128];
	bool autostart;
	uint8_t n_nodes;
	uint8_t nodes[NODES_MAX];
	bool accept_agent_enforced_lease; /* the risk is accepted by name */
	bool failover_manual, failback;
	uint8_t failover_limit;
	uint64_t failover_window_us;
	uint8_t n_start_after, n_stop_after;
	uint16_t start_after[GROUP_WAITS_MAX], stop_after[GROUP_WAITS_MAX];
	bool start_same_node, start_wait_continue;
	uint8_t stop_wait_when; /* enum stop_wait, as bits */
	uint64_t start_wait_us, stop_wait_us;
	unsigned int line;
};

enum kernel_path { KERNEL_PATH_AUTO, KERNEL_PATH_OFF };

struct exclusion_config {
	char name[NAME_SIZE];
	bool absolute;
	uint8_t groups[GROUPS_MAX / 8]; /* bit i: group i */
	unsigned int line;
};

enum monitor_type {
	MONITOR_FIPW,	  /* the address of a fip resource is there, and its link is up */
	MONITOR_IPW,	  /* ICMP echo: one of the addresses answers */
	MONITOR_MIIW,	  /* an interface has carrier */
	MONITOR_GENW,	  /* a program ends with exit code 0 */
	MONITOR_PIDW,	  /* the process of a pid file lives */
	MONITOR_PSW,	  /* so many processes of a name live */
	MONITOR_USERW,	  /* user space makes progress; may feed a watchdog */
	MONITOR_SYSTEMDW, /* a unit is active */
	MONITOR_TCPW,	  /* a TCP connection is accepted */
	MONITOR_HTTPW,	  /* a web server answers */
	MONITOR_DISKW,	  /* a file system has space, a device or file can be read or written */
	MONITOR_TYPE_COUNT_
};

enum disk_method { DISK_SPACE, DISK_READ, DISK_WRITE };

/* Strings are allocated, argument vectors NULL-terminated. */
struct monitor_config {
	char name[NAME_SIZE];
	char comment[128];
	enum monitor_type type;
	node_mask nodes;
	uint64_t interval_us, timeout_us, first_wait_us;
	uint8_t retries;	 /* failed checks in a row before it is an error: retries + 1 */
	bool retry_on_timeout;	 /* else a check that timed out is an error at once */
	bool recover_on_timeout; /* else it is only said */
	uint16_t active_group, active_resource; /* as core_monitor_config */
	enum recovery_target recovery;
	uint16_t target;
	uint8_t restarts, failovers;
	enum final_action final;
	bool final_alone, critical;
	char **before_restart, **before_failover, **before_final; /* programs; NULL: none */
	uint64_t script_timeout_us;
	uint16_t resource;    /* fipw: which; UINT16_MAX else */
	bool check_link;      /* fipw */
	char **addresses;     /* ipw; any of them */
	char *interface;      /* miiw */
	char **command;	      /* genw */
	char *user;	      /* genw */
	char *pid_file;	      /* pidw */
	char *process;	      /* psw: name of the program, or its whole path */
	uint32_t minimum;     /* psw */
	char *watchdog;	      /* userw: device to feed; NULL: none */
	char *unit;	      /* systemdw */
	char *address;	      /* tcpw: numeric */
	uint16_t port;	      /* tcpw */
	char *url;	      /* httpw: http://numeric-address[:port]/path */
	uint16_t http_status; /* httpw: expected; 0: any below 400 */
	char *path;	      /* diskw: mount point, file or block device */
	enum disk_method method;
	uint8_t limit_percent; /* diskw: used space that is an error */
	unsigned int line;
};

#define FENCE_DEVICES_MAX	32
#define FENCE_PARAMETERS_MAX	32 /* of a device, and as many secrets */
#define FENCE_LEVEL_DEVICES_MAX 8

/* A fence agent with its parameters (docs/fencing.md). Strings are allocated. */
struct fence_device_config {
	char name[NAME_SIZE];
	char comment[128];
	char *agent;	     /* a name in /usr/sbin or /usr/libexec/holdfast, or a path */
	uint64_t timeout_us; /* of one try of what is ordered, with the reading of its state */
	char **parameters;   /* "name=value", NULL-terminated; NULL: none */
	char **secrets;	     /* "name=file": what stands in the file's first line */
	unsigned int line;
};

/* One device of a level, as "device:plug". */
struct fence_use_config {
	uint8_t device; /* index in fencing.devices */
	char *plug;	/* parameter `plug`, before that of the device; NULL: none */
};

struct fence_level_config {
	uint8_t n_devices;
	struct fence_use_config devices[FENCE_LEVEL_DEVICES_MAX];
	unsigned int line;
};

struct fencing_config {
	uint8_t off; /* action: 0 reboot, switch on again what is confirmed off; 1 off */
	uint8_t retries;
	uint64_t retry_wait_us, priority_us, check_interval_us;
	uint8_t n_devices;
	struct fence_device_config devices[FENCE_DEVICES_MAX];
	unsigned int line; /* 0: the file has no such section */
};

/* agent.watchdog; no device: none. */
struct watchdog_config {
	char *device;
	uint64_t timeout_us;
	unsigned int line;
};

struct node_config {
	char name[NAME_SIZE];
	uint32_t votes;
	bool witness;
	uint8_t n_links;
	struct sockaddr_storage link[LINKS_MAX];
	uint64_t fence_delay_us;
	uint8_t n_fence_levels;
	struct fence_level_config fence[FENCE_LEVELS_MAX];
	unsigned int line;
};

/* Zero where the file does not set it, until config_derive(). */
struct timing_config {
	uint64_t detection_us; /* the one number */
	uint64_t interval_us, timeout_us, lease_us, lease_margin_us, startup_wait_us;
	uint64_t stall_timeout_us;
	uint64_t request_timeout_us;
	uint32_t late_percent, drift_ppm;
	uint32_t flap_limit;
	uint64_t flap_window_us, quarantine_us, quarantine_max_us;
	uint64_t failure_expiry_us;
};

#define CONFIG_CLUSTER_KEYS_MAX 24

struct config {
	char cluster_name[NAME_SIZE];
	uint16_t port;
	enum takeover takeover;
	uint8_t kernel_path; /* enum kernel_path */
	uint8_t quorum_loss; /* enum final_action; FINAL_STOP_GROUP: no more than that (W5) */
	struct timing_config timing;
	uint8_t n_nodes, n_links;
	uint16_t n_groups, n_resources;
	struct node_config nodes[NODES_MAX];
	struct group_config groups[GROUPS_MAX];
	struct resource_config resources[RESOURCES_MAX]; /* by group, dependencies first */
	uint16_t n_monitors;
	struct monitor_config monitors[MONITORS_MAX];
	uint8_t n_exclusions;
	struct exclusion_config exclusions[EXCLUSIONS_MAX];
	struct fencing_config fencing;
	struct watchdog_config watchdog;
	uint16_t channel_port;	/* TCP, between agents */
	char *script_directory; /* of `holdfast script run` */
	char *power_command;	/* stand-in for power off and reboot (tests); NULL: logind */
	char *key_file, *state_directory, *socket_path, *run_directory;
	char *change_group, *view_group;
	bool realtime; /* ask for it */
	uint32_t event_records;
	/* Filled by config_load(): of everything; of nodes and votes; of the lists of objects. */
	uint64_t hash, safety_hash, objects_hash;
	/* Line of each key of `cluster`, in the order of the key table; 0: not set. */
	unsigned int key_line[CONFIG_CLUSTER_KEYS_MAX];
};

struct config_problem {
	bool warning;	   /* accepted, but said */
	unsigned int line; /* 0: the file as a whole */
	char text[400];	   /* what is wrong, naming key and value, and what to do about it */
};

#define CONFIG_PROBLEMS_MAX 64
struct config_report {
	size_t n;
	size_t errors;
	bool truncated; /* there were more */
	struct config_problem problem[CONFIG_PROBLEMS_MAX];
};

/*
 * Reads, derives and checks. Always fills `report`; 0 with *ret, or -EINVAL if it holds errors,
 * -errno if the file cannot be read.
 */
_must_check_ int config_load(const char *path, struct config **ret, struct config_report *report);
/* The same, and *ret_text is the file's text, allocated (on success only). */
_must_check_ int config_load_keep(const char *path, struct config **ret,
				  struct config_report *report, char **ret_text);
/* Things that may be right on another node, or may be put right before they are needed. `mode`: of
 * the file. Looks at files, so it may wait. */
void config_check_surroundings(const struct config *config, mode_t mode,
			       struct config_report *report);
/* The same from memory (tests, fuzzing). `name` stands in messages. */
_must_check_ int config_load_text(const char *name, const char *text, struct config **ret,
				  struct config_report *report);
struct config *config_free(struct config *config);

/* Pure: fills what the file left unset from timing.detection_us. */
void config_derive_timing(struct timing_config *timing);
/* Pure: everything that one value alone does not show (protocol.md: enforcement, quorum, sums). */
void config_check(const struct config *config, struct config_report *report);

/* True if the takeover of this group relies on leases that only the agent enforces: the risk that
 * accept_agent_enforced_lease accepts, to be shown for as long as it stands. */
bool config_group_unenforced(const struct config *config, uint16_t group);
/* It is enforced by the watchdog of this node (rule W3), which must not be missing then. */
bool config_group_needs_watchdog(const struct config *config, uint16_t group);

/* Rule X8: exactly half of the votes goes on when the other half is fenced. */
bool config_fence_tie(const struct config *config);
/* Rule W3: this server's watchdog ends programs before anybody may take over by a lease. */
bool config_watchdog_enforces(const struct config *config);
/* Rule W3 with the watchdog of `own`, which a server keeps when it is given `config`. */
void config_check_own_watchdog(const struct config *config, const struct config *own,
			       struct config_report *report);
/* Whether a takeover of some group relies on the watchdog of the node that held it: then all must
 * agree on lease_margin. */
bool config_relies_on_watchdogs(const struct config *config);

/* True if it has addresses whose lease the kernel path enforces: where that is not to be had, only
 * the agent does. */
bool config_group_needs_kernel(const struct config *config, uint16_t group);

/* Index of the node with this name, or -ENOENT. */
_must_check_ int config_find_node(const struct config *config, const char *name);
_must_check_ int config_find_group(const struct config *config, const char *name);
_must_check_ int config_find_resource(const struct config *config, const char *name);
_must_check_ int config_find_device(const struct config *config, const char *name);
_must_check_ int config_find_monitor(const struct config *config, const char *name);
const char *config_resource_type_to_string(enum resource_type type);
const char *config_monitor_type_to_string(enum monitor_type type);

/* The time of one try of a level: its devices are ordered side by side, several plugs of one device
 * one after the other. 0: there is no such level. */
uint64_t config_fence_level_us(const struct config *config, uint8_t node, uint8_t level);

/* For core_new(). */
void config_to_core(const struct config *config, uint8_t self, struct core_config *ret);

/* The resolved configuration in the file's own syntax (parses back to the same), and the time
 * budget: worst-case detection, proof, takeover. Allocated text, NULL on -ENOMEM. */
char *config_print(const struct config *config);
char *config_budget(const struct config *config);

/*
 * What `holdfastd --check` does: loads `path`, writes every problem to standard error as
 * "file:line: error: text" and the time budget (`print`: the resolved configuration instead) to
 * standard output; with `json` one JSON object with all of it. Returns the exit code: 0 fine, 2
 * there are errors, 66 the file cannot be read.
 */
#define CONFIG_EXIT_ERRORS  2
#define CONFIG_EXIT_NOINPUT 66
int config_check_main(const char *path, bool print, bool json);

#endif
