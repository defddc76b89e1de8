/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_MONITOR_WORKER_H
#define HF_AGENT_MONITOR_WORKER_H

/*
 * Inside the process that checks: its messages with the agent, its loop, and what a driver of a
 * monitor type is. One loop serves all monitors, so nothing in it may wait: what can hang in the
 * kernel is done in a child (monitor_child.h).
 */

#include "agent/config.h"
#include "agent/monitor_child.h"
#include "agent/monitor_plan.h"
#include "include/event.h"
#include "util/log.h"

#include <systemd/sd-event.h>

/* ---- messages: both sides are the same program, so they are plain structs ---- */

enum monitor_order_kind {
	MONITOR_ORDER_RUN = 1,
	MONITOR_ORDER_RATIO,
	MONITOR_ORDER_STATS,
	MONITOR_ORDER_END
};

struct monitor_order {
	uint8_t kind; /* enum monitor_order_kind */
	bool run, failing;
	bool resumed; /* it ran before, in a process that died: no first wait */
	uint16_t monitor;
	uint16_t ratio;
	uint32_t turn; /* comes back in verdicts (RUN) and in DONE (STATS) */
};

#define MONITOR_ORDERS_MAX 64
struct monitor_orders {
	uint32_t n;
	struct monitor_order items[MONITOR_ORDERS_MAX];
};

enum monitor_report_kind { MONITOR_REPORT_VERDICTS = 1, MONITOR_REPORT_STATS, MONITOR_REPORT_DONE };

struct monitor_verdict {
	uint32_t turn;
	uint16_t monitor;
	uint8_t status;
	char text[EVENT_TEXT_SIZE];
};

struct monitor_figures {
	uint16_t monitor;
	struct monitor_stats stats;
};

#define MONITOR_REPORT_MAX 16
struct monitor_report {
	uint32_t kind; /* enum monitor_report_kind */
	uint32_t n;
	union {
		struct monitor_verdict verdicts[MONITOR_REPORT_MAX];
		struct monitor_figures figures[MONITOR_REPORT_MAX];
		uint32_t turn;
	};
};

/* Starts the process; *ret_fd is the agent's end of the socket, non-blocking. */
_must_check_ int monitor_worker_start(const struct config *config, pid_t *ret_pid, int *ret_fd);

/* ---- the process ---- */

struct bus;
struct icmp;
struct netlink;
struct jobs;
struct processes;

struct worker {
	sd_event *event;
	const struct config *config;
	int socket;
	sd_event_source *socket_source;
	struct monitor *monitors; /* config->n_monitors */
	uint32_t stats_turn;	  /* asked for; 0: nothing to answer */
	unsigned int n_pending;	  /* verdicts to be sent */
	bool congested;		  /* the socket is full */
	struct children *children;
	struct jobs *jobs;
	/* what drivers share; made when the first one needs it */
	struct bus *bus;
	struct icmp *icmp;
	struct netlink *netlink;
	struct processes *processes;
	/* lines of programs in the log */
	struct log_ratelimit lines;
};

/* What comes of a job. */
struct job_result {
	int32_t outcome; /* enum monitor_outcome; GOOD until said otherwise */
	bool spent;	 /* its process is not to be used again, and ends */
	uint64_t value[3];
	char text[EVENT_TEXT_SIZE];
};

/* One monitor. A driver uses `check` and `keep` only, and the functions below. */
struct monitor {
	struct worker *worker;
	const struct monitor_config *config;
	const struct monitor_driver *driver;
	uint16_t index;
	struct monitor_plan plan;
	struct monitor_durations durations;
	bool failing;
	uint32_t turn;
	sd_event_source *timer;
	bool pending; /* `status` and `text` wait to be sent */
	bool unseen;  /* its figures have changed */
	uint8_t status;
	char text[EVENT_TEXT_SIZE];
	char waits_for[EVENT_TEXT_SIZE]; /* said when the time limit ends the check */
	struct child *child; /* of this check, or of an earlier one that has not ended */
	bool child_mine;     /* of this one */
	bool child_waits;    /* this one's is started when that of the earlier one has ended */
	bool queued;	     /* waits for a process to become free */
	struct monitor *next_queued;
	const struct job *job;
	struct log_ratelimit lines;
	void *check; /* of the check in progress, owned by the driver */
	void *keep;  /* from one check to the next */
};

/* Work that may hang, done in another process. */
struct job {
	/* There. Only what the configuration says of the monitor can be used, and nothing may be
	 * left open. */
	void (*run)(const struct monitor *m, struct job_result *ret);
	void (*done)(struct monitor *m, const struct job_result *result);
	void (*line)(struct monitor *m, const char *line); /* of job_say_line(); may be NULL */
	const char *waits_for;				   /* as worker_waits() */
};

struct monitor_driver {
	/* Begins a check. It ends with worker_end(), perhaps at once. */
	void (*begin)(struct monitor *m);
	/* The check is over, whatever its end: lets go of `check`. NULL: nothing to do. */
	void (*end)(struct monitor *m);
	/* The monitor is stopped in good order: lets go of `keep`. NULL: nothing to do. */
	void (*stop)(struct monitor *m);
	bool silence_is_failure; /* no answer within the time limit is not a time-out */
	bool works_failing;	 /* a dummy failure does not replace its check */
};

extern const struct monitor_driver monitor_driver_fipw, monitor_driver_ipw, monitor_driver_miiw,
	monitor_driver_genw, monitor_driver_pidw, monitor_driver_psw, monitor_driver_userw,
	monitor_driver_systemdw, monitor_driver_tcpw, monitor_driver_httpw, monitor_driver_diskw;

/* The check in progress has ended; `format` says why it was not good. */
void worker_good(struct monitor *m);
void worker_failed(struct monitor *m, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* It cannot be known: counts like a check that took too long. */
void worker_timed_out(struct monitor *m, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* What the check waits for: "10.0.0.9:80: no answer" becomes "... within 5s". */
void worker_waits(struct monitor *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Something has changed: check soon. */
void worker_hurry(struct monitor *m);
/* A check in progress, not yet ended. */
bool worker_checking(const struct monitor *m);

/* For a check whose work is done in a child, once that of an earlier check has ended. */
void worker_start_job(struct monitor *m, const struct job *job);
void worker_leave_queue(struct monitor *m);
_must_check_ int jobs_new(struct worker *w);
/* In a job: a line for the log of the monitor. */
void job_say_line(const char *line);
/* In a job: "what: error". */
void job_failed(struct job_result *result, const char *what, int error);
/* The limit of descriptors that this process was started with. */
void worker_restore_descriptor_limit(void);

/* A numeric address. -EINVAL. */
struct sockaddr_storage;
_must_check_ int worker_address(const char *host, const char *port, struct sockaddr_storage *ret,
				socklen_t *ret_size);

/* "connection refused": as strerror(), for the middle of a sentence. Static. */
const char *error_words(int error);

/* Lets go of what drivers share. */
struct bus *bus_free(struct bus *bus);
struct icmp *icmp_free(struct icmp *icmp);
struct netlink *netlink_free(struct netlink *netlink);
struct processes *processes_free(struct processes *processes);

#endif
