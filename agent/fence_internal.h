/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_FENCE_INTERNAL_H
#define HF_AGENT_FENCE_INTERNAL_H

#include "agent/fence.h"

#define FENCE_HISTORY_MAX   100
#define FENCE_JOB_STEPS_MAX 24 /* kept of one run; the first ones and the newest */

enum fence_job_kind {
	FENCE_JOB_CORE, /* CORE_ACTION_FENCE */
	FENCE_JOB_HAND, /* an operator's */
	FENCE_JOB_SELF, /* a final action */
	FENCE_JOB_CHECK,
};

/* One run of the process, for one level. */
struct fence_job {
	struct fence_job *next;
	uint32_t operation;	 /* of exec */
	uint32_t core_operation; /* FENCE_JOB_CORE */
	enum fence_job_kind kind;
	enum fence_verb verb;
	uint8_t target, level;
	ha_time started, until;
	uint64_t wall_us;
	uint64_t incarnation; /* newest known of the target when it began (X7) */
	bool killed, stale;   /* stale: levels mean others by now */

	/* what it writes */
	int fd;
	sd_event_source *source;
	char line[FENCE_LINE_MAX];
	size_t n_line;
	bool overlong, bad_line;
	unsigned int n_steps;
	struct fence_step steps[FENCE_JOB_STEPS_MAX];
	bool has_end, confirmed;
	struct fence_end end;

	/* by hand, and of a final action: over all levels */
	struct fence_order_by_hand order;
	void (*self_done)(struct agent *agent, const struct fence_end *end);
	ha_time began;
	bool all_ok;
	uint8_t power; /* STATUS: of the levels before */
};

struct fence_record {
	uint64_t wall_us, took_us;
	enum fence_job_kind kind;
	enum fence_verb verb;
	uint8_t level;
	uid_t uid;
	char target[NAME_SIZE];
	bool ok;
	uint8_t power;
	char text[FENCE_TEXT];
	unsigned int n_steps;
	struct fence_step *steps;
};

enum fence_device_state { FENCE_DEVICE_UNKNOWN, FENCE_DEVICE_NORMAL, FENCE_DEVICE_ERROR };

/* A device, perhaps with a plug, of a level of a target. */
struct fence_device {
	uint8_t target, level;
	char target_name[NAME_SIZE], device[NAME_SIZE], plug[NAME_SIZE];
	enum fence_device_state state;
	uint64_t checked_wall_us, took_us;
	char text[FENCE_TEXT];
	uint64_t last_off_us, longest_off_us;
};

struct fencing {
	uint32_t last_operation;
	struct fence_job *jobs;

	size_t n_devices;
	struct fence_device *devices;
	ha_time check_at[NODES_MAX]; /* by target */
	uint32_t jitter;

	size_t n_records, head; /* `head`: where the next one goes */
	struct fence_record records[FENCE_HISTORY_MAX];
};

/* fence_job.c. The job's kind, verb, target and level are given; it is copied, and freed when it
 * has been answered by fence_job_ended(). */
_must_check_ int fence_job_start(struct agent *agent, const struct fence_job *job);
void fence_job_kill(struct agent *agent, struct fence_job *job, ha_time now);
void fence_job_free(struct fencing *fencing, struct fence_job *job);
struct fence_job *fence_job_find(const struct fencing *fencing, uint8_t target);
/* An order, of whatever kind, is being carried out. */
bool fence_job_find_order(const struct fencing *fencing);

/* fence.c: the process of a job has ended; its `end` is filled in whatever happened. */
void fence_job_ended(struct agent *agent, struct fence_job *job, uint8_t result);
void fence_job_stepped(struct agent *agent, struct fence_job *job, const struct fence_step *step);

/* fence_check.c */
_must_check_ int fence_check_rebuild(struct agent *agent, struct fencing *fencing);
void fence_check_dispatch(struct agent *agent, ha_time now);
ha_time fence_check_deadline(const struct agent *agent);
void fence_check_ended(struct agent *agent, struct fence_job *job);
/* An order begins: nothing is checked meanwhile. */
void fence_check_stop(struct agent *agent, ha_time now);

/* fence_history.c */
void fence_history_add(struct agent *agent, const struct fence_job *job);
void fence_history_done(struct fencing *fencing);

#endif
