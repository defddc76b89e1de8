/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_FILES_H
#define HF_AGENT_FILES_H

/*
 * Work on the files of the configuration, which the agent's loop must not wait for: each job is a
 * run of `holdfastd --files VERB ...` through exec.c, with a time limit. What a job reads and
 * what it answers is in memory that both share (a memfd, its standard input).
 *
 *   keep DIRECTORY              text -> DIRECTORY/config.pending; answers what it found
 *   forget DIRECTORY            removes it
 *   install DIRECTORY CONFIG GENERATION HASH WALL
 *                               text -> CONFIG (the former one stays as CONFIG.previous),
 *                               DIRECTORY/config.applied, and forgets what was pending
 *   fetch SOCKET NODE HASH      asks NODE for a text; answers it
 */

#include "agent/config.h"

#define CONFIG_PENDING "config.pending"
#define CONFIG_APPLIED "config.applied"

enum files_lane { FILES_DISK, FILES_NETWORK, FILES_LANES_ }; /* of each one job at a time */

#define FILES_ARGS_MAX 6

struct agent;

struct files_job {
	enum files_lane lane;
	uint64_t limit_us;
	const char *args[FILES_ARGS_MAX + 1]; /* verb and so on; copied */
	const char *text;		      /* NULL: none */
	size_t n;
	/* `answer` is terminated; what went wrong if not `ok`. */
	void (*done)(struct agent *agent, bool ok, const char *answer, size_t n);
};

struct files;
_must_check_ int files_new(struct files **ret);
struct files *files_free(struct files *files);
/* Jobs of one lane are done in the order of their calls. -EBUSY: too many wait; -errno: no answer
 * follows. */
_must_check_ int files_run(struct agent *agent, const struct files_job *job);
/* A program has ended. False: it is none of these. */
bool files_done(struct agent *agent, uint32_t operation, uint8_t result, const char *text);
ha_time files_deadline(const struct agent *agent);
void files_dispatch(struct agent *agent, ha_time now);

/* `holdfastd --files VERB ...`, in the other process: from "--files" on. The exit code. */
int files_main(int argc, char **argv);

/* Puts a text in the place of a file, of which nobody ever sees a half; the former one stays beside
 * it as PATH.previous, with its mode and owner for the new one. -errno, and `why` says it. */
#define FILES_WHY 512
_must_check_ int files_replace(const char *path, const char *text, size_t n, char why[FILES_WHY]);

/* What config.applied says. -ENOENT, -EBADMSG. */
struct config_applied {
	uint64_t generation, hash, wall_us;
};
_must_check_ int files_read_applied(const char *directory, struct config_applied *ret);
/* 16 hexadecimal digits. -EINVAL. */
_must_check_ int files_parse_hash(const char *text, uint64_t *ret);
_must_check_ int files_parse_applied(const char *text, struct config_applied *ret);

#endif
