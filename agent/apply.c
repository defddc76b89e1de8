/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/apply.h"

#include "agent/config_change.h"
#include "agent/config_internal.h"
#include "agent/files.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#define DISK_LIMIT_US	 (30 * USEC_PER_SEC)
#define APPLY_AGAIN_US	 (USEC_PER_SEC)
#define INSTALL_AGAIN_US (30 * USEC_PER_SEC)

/* ---- what went wrong ---- */

static void say(struct agent *agent, enum event_id id, uint64_t generation, uint64_t hash,
		const char *text)
{
	struct event event = record_event(agent, id);

	event.node = agent->self;
	event.arg[0] = generation;
	event.arg[1] = hash;
	(void)snprintf(event.text, sizeof event.text, "%s", text);
	record_add(agent, &event);
}

/* Shown in the status for as long as it holds; an event once for each generation and reason. */
void apply_problem(struct agent *agent, uint64_t generation, uint64_t hash, const char *why)
{
	struct apply *a = agent->apply;
	bool same = a->problem_said == generation && strcmp(a->problem, why) == 0;

	(void)snprintf(a->problem, sizeof a->problem, "%s", why);
	if (same)
		return;
	a->problem_said = generation;
	say(agent, EVENT_CONFIG_FAILED, generation, hash, why);
}

static void clear_problem(struct agent *agent)
{
	agent->apply->problem[0] = '\0';
	agent->apply->problem_said = 0;
}

/* ---- what is pending ---- */

static void drop_pending(struct apply *a)
{
	a->pending = config_free(a->pending);
	free(a->pending_text);
	a->pending_text = NULL;
	free(a->pending_report);
	a->pending_report = NULL;
	a->pending_until = HA_TIME_NEVER;
	a->state = APPLY_NONE;
	a->kept = NULL;
	a->due = false;
}

static void tell_ready(struct agent *agent, uint64_t hash)
{
	step_post(agent, &(struct core_event){.type = CORE_EVENT_CONFIG_READY,
					      .config_ready = {.hash = hash}});
}

static void ignore(struct agent *agent, bool ok, const char *answer, size_t n)
{
	(void)agent;
	(void)n;
	if (!ok)
		log_warning("%s", answer);
}

static void remove_kept(struct agent *agent)
{
	const struct files_job job = {
		.lane = FILES_DISK,
		.limit_us = DISK_LIMIT_US,
		.args = {"forget", agent->config->state_directory},
		.done = ignore,
	};
	int r = files_run(agent, &job);

	if (r < 0)
		log_warning("cannot remove " CONFIG_PENDING ": %s", strerror(-r));
}

bool apply_agreed(const struct agent *agent)
{
	const struct apply *a = agent->apply;
	struct core_cluster_info info;

	if (!a->pending || !agent->core)
		return false;
	core_cluster_info(agent->core, clock_boot(), &info);
	return info.intent.config_hash == a->pending->hash &&
	       info.intent.config_hash != agent->config->hash;
}

void apply_forget(struct agent *agent)
{
	struct apply *a = agent->apply;
	apply_kept_fn kept = a->kept;

	if (a->state == APPLY_NONE)
		return;
	drop_pending(a);
	tell_ready(agent, 0);
	remove_kept(agent);
	if (kept)
		kept(agent, false, "it was forgotten meanwhile");
}

/* ---- preparing ---- */

static void check_interface(const struct agent *agent, const struct config *config, uint16_t index,
			    struct config_report *report)
{
	const struct resource_config *r = &config->resources[index];
	const struct group_config *g = &config->groups[r->group];

	for (uint8_t i = 0; i < g->n_nodes; i++)
		if (g->nodes[i] == agent->self && r->type == RESOURCE_TYPE_FIP &&
		    r->fip.interface[0] && if_nametoindex(r->fip.interface) == 0)
			config_report_error(report, r->line,
					    "resource \"%s\": there is no interface \"%s\" on this "
					    "server",
					    r->name, r->fip.interface);
}

void apply_check_here(const struct agent *agent, const struct config *config,
		      struct config_report *report)
{
	const char *self = agent->config->nodes[agent->self].name;
	int n = config_find_node(config, self);

	if (n < 0) {
		config_report_error(report, 0, "nodes: \"%s\", where this is checked, is not in it",
				    self);
		return;
	}
	config_check_own_watchdog(config, agent->config, report);
	for (uint16_t i = 0; n == agent->self && i < config->n_resources; i++)
		check_interface(agent, config, i, report);
}

#define OWN_PATHS                                                                  \
	"# Written by 'holdfast config apply': the paths or the watchdog of this " \
	"server are others\n"                                                      \
	"# than those of the file that was applied, and stayed as they were.\n"

/* The text as this node keeps it: with other paths than the distributed one it has to be written
 * anew. */
static char *own_text(struct config *config, const struct config *own, const char *text)
{
	_cleanup_free_ char *printed = NULL;
	char *ret = NULL;
	int changed = config_keep_own(config, own);

	if (changed < 0)
		return NULL;
	if (changed == 0)
		return strdup(text);
	printed = config_print(config);
	if (!printed || asprintf(&ret, "%s%s", OWN_PATHS, printed) < 0)
		return NULL;
	return ret;
}

static void on_kept(struct agent *agent, bool ok, const char *answer, size_t n)
{
	struct apply *a = agent->apply;
	apply_kept_fn kept = a->kept;

	(void)n;
	a->keeps--;
	if (a->state != APPLY_KEEPING || a->keeps > 0)
		return; /* of one that was forgotten meanwhile */
	a->kept = NULL;
	if (ok) {
		a->state = APPLY_READY;
		if (!a->pending_restart && a->pending->hash != agent->config->hash)
			tell_ready(agent, a->pending->hash);
	} else {
		drop_pending(a);
	}
	kept(agent, ok, answer);
}

static int keep(struct agent *agent)
{
	struct apply *a = agent->apply;
	const struct files_job job = {
		.lane = FILES_DISK,
		.limit_us = DISK_LIMIT_US,
		.args = {"keep", agent->config->state_directory},
		.text = a->pending_text,
		.n = strlen(a->pending_text),
		.done = on_kept,
	};
	int r = files_run(agent, &job);

	if (r >= 0)
		a->keeps++;
	return r;
}

/* Into apply->pending, or nothing is. */
static int take_text(struct agent *agent, const char *text, struct config_report *report)
{
	struct apply *a = agent->apply;
	_cleanup_free_ char *reasons = NULL;
	struct config *config = NULL;
	int r = config_load_text("the new file", text, &config, report);

	if (r < 0)
		return r;
	apply_check_here(agent, config, report);
	config_report_sort(report);
	if (report->errors) {
		(void)config_free(config);
		return -EINVAL;
	}
	drop_pending(a);
	a->pending = config;
	a->pending_text = own_text(config, agent->config, text);
	a->pending_report = malloc(sizeof *report);
	reasons = config_restart_reasons(agent->config, config);
	if (!a->pending_text || !a->pending_report || !reasons) {
		drop_pending(a);
		return -ENOMEM;
	}
	*a->pending_report = *report;
	a->pending_restart = reasons[0] != '\0';
	return 0;
}

int apply_prepare(struct agent *agent, const char *text, struct config_report *report,
		  apply_kept_fn kept)
{
	struct apply *a = agent->apply;
	bool told = a->state == APPLY_READY;
	int r;

	memset(report, 0, sizeof *report);
	if (a->state == APPLY_KEEPING || a->due || apply_agreed(agent))
		return -EBUSY;
	r = take_text(agent, text, report);
	if (r < 0)
		return r;
	if (told)
		tell_ready(agent, 0); /* until the new one is on disk */
	a->state = APPLY_KEEPING;
	a->kept = kept;
	a->pending_until = ha_time_add(clock_boot(), APPLY_PENDING_US);
	r = keep(agent);
	if (r < 0)
		drop_pending(a);
	return r;
}

/* ---- applying ---- */

void apply_action(struct agent *agent, const struct core_action *action)
{
	struct apply *a = agent->apply;

	if (a->state != APPLY_READY || a->pending->hash != action->config.hash) {
		apply_problem(agent, action->config.generation, action->config.hash,
			      "this node does not have it any more");
		return; /* it is fetched, like by a node that was away */
	}
	a->due = true;
	a->due_generation = action->config.generation;
	a->due_hash = action->config.hash;
	a->due_at = HA_TIME_ZERO;
}

static void write_file(struct agent *agent, ha_time now);

static void applied(struct agent *agent, ha_time now)
{
	struct apply *a = agent->apply;
	uint64_t generation = a->due_generation;

	/* apply_swap() has made agent->config of it. */
	free(a->text);
	a->text = TAKE_PTR(a->pending_text);
	a->generation = a->generation_max = generation;
	drop_pending(a);
	clear_problem(agent);
	say(agent, EVENT_CONFIG_APPLIED, generation, agent->config->hash, "");
	a->install_wall_us = clock_wall_us();
	a->install_due = true;
	write_file(agent, now);
}

bool apply_settle(struct agent *agent, ha_time now)
{
	struct apply *a = agent->apply;
	char why[APPLY_PROBLEM] = "";
	int r;

	if (!a->due || !ha_time_reached(a->due_at, now))
		return false;
	r = apply_swap(agent, a->due_generation, why);
	if (r >= 0) {
		applied(agent, now);
		return true;
	}
	apply_problem(agent, a->due_generation, a->due_hash, why);
	a->due_at = ha_time_add(now, APPLY_AGAIN_US);
	return false;
}

/* ---- the file ---- */

static void on_installed(struct agent *agent, bool ok, const char *answer, size_t n)
{
	struct apply *a = agent->apply;

	(void)n;
	a->installing = false;
	if (a->installed) {
		void (*installed)(struct agent *, bool, const char *) = a->installed;

		a->installed = NULL;
		installed(agent, ok, answer);
		return;
	}
	if (ok) {
		log_notice("the new configuration is in %s, the former one in %s.previous", a->path,
			   a->path);
		if (!a->install_due)
			clear_problem(agent);
		return;
	}
	/* It is in force all the same, and after a restart it is applied again. */
	apply_problem(agent, a->generation, agent->config->hash, answer);
	a->install_due = true;
	a->install_at = ha_time_add(clock_boot(), INSTALL_AGAIN_US);
}

static int install(struct agent *agent, const char *text, uint64_t generation, uint64_t hash)
{
	struct apply *a = agent->apply;
	char numbers[3][24];
	const struct files_job job = {
		.lane = FILES_DISK,
		.limit_us = DISK_LIMIT_US,
		.args = {"install", agent->config->state_directory, a->path, numbers[0], numbers[1],
			 numbers[2]},
		.text = text,
		.n = strlen(text),
		.done = on_installed,
	};

	(void)snprintf(numbers[0], sizeof numbers[0], "%" PRIu64, generation);
	(void)snprintf(numbers[1], sizeof numbers[1], "%016" PRIx64, hash);
	(void)snprintf(numbers[2], sizeof numbers[2], "%" PRIu64, a->install_wall_us);
	return files_run(agent, &job);
}

static void write_file(struct agent *agent, ha_time now)
{
	struct apply *a = agent->apply;
	int r;

	if (!a->install_due || a->installing)
		return;
	r = install(agent, a->text, a->generation, agent->config->hash);
	if (r < 0) {
		a->install_at = ha_time_add(now, INSTALL_AGAIN_US);
		return;
	}
	a->install_due = false;
	a->installing = true;
}

int apply_install(struct agent *agent, uint64_t generation,
		  void (*installed)(struct agent *agent, bool ok, const char *why))
{
	struct apply *a = agent->apply;
	int r;

	if (a->state != APPLY_READY)
		return -ENOENT;
	if (a->installing)
		return -EBUSY;
	a->install_wall_us = clock_wall_us();
	r = install(agent, a->pending_text, generation, a->pending->hash);
	if (r < 0)
		return r;
	a->installing = true;
	a->installed = installed;
	return 0;
}

/* ---- time ---- */

ha_time apply_deadline(const struct agent *agent)
{
	const struct apply *a = agent->apply;
	ha_time at = a->fetching ? HA_TIME_NEVER : a->fetch_at;

	at = ha_time_min(at, a->again_at);
	if (a->state == APPLY_READY)
		at = ha_time_min(at, a->pending_until);
	if (a->due)
		at = ha_time_min(at, a->due_at);
	if (a->install_due && !a->installing)
		at = ha_time_min(at, a->install_at);
	return at;
}

void apply_dispatch(struct agent *agent, ha_time now)
{
	struct apply *a = agent->apply;

	if (a->state == APPLY_READY && ha_time_reached(a->pending_until, now)) {
		if (apply_agreed(agent)) {
			a->pending_until = ha_time_add(now, APPLY_PENDING_US);
		} else {
			log_notice("a configuration that nobody applied is forgotten");
			apply_forget(agent);
		}
	}
	if (ha_time_reached(a->again_at, now)) {
		a->again_at = HA_TIME_NEVER;
		(void)sd_event_exit(agent->event,
				    AGENT_EXIT_AGAIN); /* fails only if it has ended */
	}
	if (ha_time_reached(a->install_at, now))
		write_file(agent, now);
	apply_look_for_newer(agent, now);
}

/* ---- life cycle ---- */

/* What was ready when the last agent ended: the cluster may have agreed on it since. */
static int load_pending(struct agent *agent)
{
	struct apply *a = agent->apply;
	_cleanup_free_ struct config_report *report = calloc(1, sizeof *report);
	_cleanup_free_ char *text = NULL;
	struct config *config = NULL;
	char path[PATH_MAX];
	int r;

	if (!report)
		return -ENOMEM;
	if (snprintf(path, sizeof path, "%s/" CONFIG_PENDING, agent->config->state_directory) >=
	    (int)sizeof path)
		return 0;
	if (access(path, F_OK) < 0)
		return 0;
	r = config_load_keep(path, &config, report, &text);
	(void)config_free(config);
	if (r >= 0)
		r = take_text(agent, text, report);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || a->pending->hash == agent->config->hash || a->pending_restart) {
		drop_pending(a);
		(void)unlink(path); /* of no use, and replaced by the next one anyway */
		return 0;
	}
	a->state = APPLY_READY;
	a->pending_until = ha_time_add(clock_boot(), APPLY_PENDING_US);
	return 0;
}

static int find_path(struct agent *agent)
{
	char *path = agent->apply->path, folder[PATH_MAX / 2];
	const char *given = agent->options->config_path;

	if (given[0] == '/')
		return snprintf(path, PATH_MAX, "%s", given) >= PATH_MAX ? -ENAMETOOLONG : 0;
	if (!getcwd(folder, sizeof folder))
		return -errno;
	return snprintf(path, PATH_MAX, "%s/%s", folder, given) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int apply_new(struct agent *agent, char *text)
{
	struct apply *a = calloc(1, sizeof *a);
	struct config_applied applied_last;
	int r;

	if (!a) {
		free(text);
		return -ENOMEM;
	}
	agent->apply = a;
	a->text = text;
	a->pending_until = a->due_at = a->install_at = a->again_at = HA_TIME_NEVER;
	a->fetch_at = ha_time_add(clock_boot(), APPLY_LOOK_US);
	r = find_path(agent);
	if (r < 0)
		return r;
	r = files_read_applied(agent->config->state_directory, &applied_last);
	if (r == -EBADMSG)
		log_warning(CONFIG_APPLIED " in %s is damaged, ignoring",
			    agent->config->state_directory);
	if (r >= 0) {
		a->generation_max = applied_last.generation;
		if (applied_last.hash == agent->config->hash)
			a->generation = applied_last.generation;
		else
			log_notice("%s was changed since configuration %" PRIu64 " was applied",
				   a->path, applied_last.generation);
	}
	return load_pending(agent);
}

void apply_started(struct agent *agent)
{
	if (agent->apply->state == APPLY_READY)
		tell_ready(agent, agent->apply->pending->hash);
}

void apply_free(struct agent *agent)
{
	struct apply *a = agent->apply;

	if (!a)
		return;
	drop_pending(a);
	free(a->text);
	free(a);
	agent->apply = NULL;
}
