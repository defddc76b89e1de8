/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the numbers of a configuration add up to when a node is lost (protocol.md D3, V3, Q1). */
#include "agent/config_internal.h"
#include "util/parse.h"

#include <inttypes.h>
#include <string.h>

/* Vectors are sent at once when they change: a few one-way trips on a LAN. */
#define VIEW_TYPICAL_US (2 * USEC_PER_MSEC)

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* `after` counts from the last beat that was heard: sent up to one interval before the cut. */
static struct config_span span_after_beat(uint64_t after, uint64_t interval)
{
	return (struct config_span){
		.best_us = after > interval ? after - interval : 0,
		.typical_us = after > interval / 2 ? after - interval / 2 : 0,
		.worst_us = after,
	};
}

/* A BMC or a power strip needs some seconds; the status shows how long the last one took. */
#define FENCE_BEST_US	 (1 * USEC_PER_SEC)
#define FENCE_TYPICAL_US (5 * USEC_PER_SEC)

/* Rules X7 and X10, for the node that takes longest. */
static void fence_times(const struct config *config, struct config_times *times)
{
	bool tie = config_fence_tie(config) && config_tie_possible(config);
	uint64_t tries = config->fencing.retries + 1U, first = 0, last = 0, before = 0, delay = 0;
	struct config_span *fenced = &times->fenced;

	for (uint8_t i = 0; i < config->n_nodes; i++) {
		uint64_t all = 0, others = 0;

		for (uint8_t l = 0; l < config->nodes[i].n_fence_levels; l++) {
			others = all;
			all += tries * config_fence_level_us(config, i, l);
		}
		before = max_u64(before, others);
		first = max_u64(first, tries * config_fence_level_us(config, i, 0));
		last = max_u64(last, all);
		delay = max_u64(delay, config->nodes[i].fence_delay_us);
	}
	*fenced = times->view;
	fenced->best_us += first < FENCE_BEST_US ? first : FENCE_BEST_US;
	fenced->typical_us += first < FENCE_TYPICAL_US ? first : FENCE_TYPICAL_US;
	if (tie) {
		/* the lost node is usually the one that holds more */
		fenced->typical_us += config->fencing.priority_us;
		fenced->worst_us += config->fencing.priority_us + delay;
	}
	times->last = *fenced;
	times->last.typical_us += before; /* what does not answer takes all its time */
	times->last.worst_us += last;
	fenced->worst_us += first;
}

void config_times(const struct config *config, struct config_times *ret)
{
	const struct timing_config *t = &config->timing;
	uint64_t lease = t->lease_us + t->lease_us * t->drift_ppm / 1000000 + t->lease_margin_us;
	struct config_times times = {0};

	times.detection = span_after_beat(t->timeout_us, t->interval_us);
	times.detection.worst_us += t->interval_us; /* the last look was just before */
	times.view = times.detection;
	times.view.typical_us += VIEW_TYPICAL_US;
	times.view.worst_us += 2 * t->interval_us; /* proposal and acceptance each lost once */
	times.lease = span_after_beat(lease, t->interval_us);
	times.takeover.best_us = max_u64(times.view.best_us, times.lease.best_us);
	times.takeover.typical_us = max_u64(times.view.typical_us, times.lease.typical_us);
	/* The order to the new owner lost once. */
	times.takeover.worst_us =
		max_u64(times.view.worst_us, times.lease.worst_us) + t->interval_us;
	if (config->takeover == TAKEOVER_FENCE) {
		fence_times(config, &times);
		times.takeover = times.fenced;
		times.takeover.worst_us = times.last.worst_us + t->interval_us;
	}
	*ret = times;
}

uint64_t config_group_start_limit(const struct config *config, uint16_t group, bool *ret_programs)
{
	uint64_t end[RESOURCES_MAX] = {0}, last = 0; /* dependencies have lower indexes */

	*ret_programs = false;
	for (uint16_t i = 0; i < config->n_resources; i++) {
		const struct resource_config *resource = &config->resources[i];

		if (resource->group != group)
			continue;
		for (uint8_t k = 0; k < resource->n_deps; k++)
			end[i] = max_u64(end[i], end[resource->deps[k]]);
		end[i] += resource->start_timeout_us * (resource->start_retries + 1U);
		last = max_u64(last, end[i]);
		*ret_programs |= resource->type != RESOURCE_TYPE_FIP;
	}
	return last;
}

/* Tenths of milliseconds: "1261.2". */
static void print_ms(uint64_t us, FILE *out)
{
	uint64_t tenths = (us + 50) / 100;

	(void)fprintf(out, " %9" PRIu64 ".%" PRIu64, tenths / 10, tenths % 10);
}

static void print_row(const char *what, const struct config_span *span, FILE *out)
{
	(void)fprintf(out, "  %-46s", what);
	print_ms(span->best_us, out);
	print_ms(span->typical_us, out);
	print_ms(span->worst_us, out);
}

static void print_loss(const struct config *config, const struct config_times *times, FILE *out)
{
	char what[80], text[DURATION_STRLEN];

	(void)fprintf(out, "%-48s %11s %11s %11s\n", "Loss of a node: ms after it was cut off",
		      "best", "typical", "worst");
	(void)snprintf(what, sizeof what, "it is noticed, after %s of silence",
		       format_duration(text, config->timing.timeout_us));
	print_row(what, &times->detection, out);
	(void)fputc('\n', out);
	print_row("the others have agreed on a view without it", &times->view, out);
	(void)fputc('\n', out);
	if (config->takeover == TAKEOVER_FENCE) {
		print_row("its first level has confirmed it off", &times->fenced, out);
		(void)fputs("\n", out);
		print_row("its last level has, all others having failed", &times->last, out);
	} else {
		print_row("its lease has surely run out", &times->lease, out);
	}
	(void)fputc('\n', out);
	print_row("its groups are started elsewhere", &times->takeover, out);
	(void)fputc('\n', out);
	if (config->takeover == TAKEOVER_FENCE)
		(void)fprintf(
			out,
			"  best and typical are those of common devices; while no level works it "
			"is not taken over at all\n");
}

static void print_group(const struct config *config, uint16_t i, const struct config_times *times,
			FILE *out)
{
	const struct group_config *group = &config->groups[i];
	char text[DURATION_STRLEN];
	bool programs;
	uint64_t limit = config_group_start_limit(config, i, &programs);

	if (group->n_nodes < 2) {
		(void)fprintf(out, "  %-46s no other node may hold it\n", group->name);
		return;
	}
	print_row(group->name, &times->takeover, out);
	if (programs)
		(void)fprintf(out, "  + its programs; all started within %s, or failed",
			      format_duration(text, limit));
	(void)fputc('\n', out);
}

/* Waits for other groups come on top of all that: rule G13 knows no exception for failovers. */
static void print_group_waits(const struct config *config, FILE *out)
{
	char text[DURATION_STRLEN];

	for (uint16_t i = 0; i < config->n_groups; i++) {
		const struct group_config *group = &config->groups[i];

		if (group->n_start_after == 0)
			continue;
		(void)fprintf(out, "  %s starts when online%s:", group->name,
			      group->start_same_node ? " on the same server" : "");
		for (uint8_t k = 0; k < group->n_start_after; k++)
			(void)fprintf(out, "%s %s", k ? "," : "",
				      config->groups[group->start_after[k]].name);
		(void)fprintf(out, "; after %s it %s\n",
			      format_duration(text, group->start_wait_us),
			      group->start_wait_continue ? "starts all the same" : "gives up");
	}
}

static void print_stop_waits(const struct config *config, FILE *out)
{
	char text[DURATION_STRLEN];

	for (uint16_t i = 0; i < config->n_groups; i++) {
		const struct group_config *group = &config->groups[i];

		if (group->n_stop_after == 0)
			continue;
		(void)fprintf(out, "  %s stops when these have, if they are to:", group->name);
		for (uint8_t k = 0; k < group->n_stop_after; k++)
			(void)fprintf(out, "%s %s", k ? "," : "",
				      config->groups[group->stop_after[k]].name);
		(void)fprintf(out, "; after %s all the same\n",
			      format_duration(text, group->stop_wait_us));
	}
}

static void print_waits(const struct config *config, FILE *out)
{
	const struct timing_config *t = &config->timing;
	char a[DURATION_STRLEN], b[DURATION_STRLEN];
	uint32_t check_ms = 0;

	for (uint16_t i = 0; i < config->n_resources; i++)
		if (config->resources[i].type == RESOURCE_TYPE_FIP)
			check_ms = check_ms > config->resources[i].fip.check_ms
					   ? check_ms
					   : config->resources[i].fip.check_ms;
	(void)fprintf(out, "Other waits and limits\n");
	(void)fprintf(out, "  a beat goes out every %s, and is reported as late after %s\n",
		      format_duration(a, t->interval_us),
		      format_duration(b, t->timeout_us * t->late_percent / 100));
	(void)fprintf(out, "  a lease lasts %s; clocks may differ by %" PRIu32 " ppm; margin %s\n",
		      format_duration(a, t->lease_us), t->drift_ppm,
		      format_duration(b, t->lease_margin_us));
	(void)fprintf(out, "  cold start: absent nodes are waited for up to %s\n",
		      format_duration(a, t->startup_wait_us));
	if (check_ms)
		(void)fprintf(
			out,
			"  start of an address without proof (command, first start): + %" PRIu32
			" ms for its duplicate check\n",
			check_ms);
	print_group_waits(config, out);
	print_stop_waits(config, out);
	(void)fprintf(out, "  a command is answered, or given up, within %s\n",
		      format_duration(a, t->request_timeout_us));
	(void)fprintf(out, "  lost %" PRIu32 " times within %s: quarantined for %s", t->flap_limit,
		      format_duration(a, t->flap_window_us), format_duration(b, t->quarantine_us));
	(void)fprintf(out, ", then twice as long each time, up to %s\n",
		      format_duration(a, t->quarantine_max_us));
}

char *config_budget(const struct config *config)
{
	struct config_times times;
	char text[DURATION_STRLEN];
	char *ret = NULL;
	size_t size;
	FILE *out = open_memstream(&ret, &size);

	if (!out)
		return NULL;
	config_times(config, &times);
	(void)fprintf(out, "Time budget of cluster \"%s\" with detection_time = \"%s\"\n\n",
		      config->cluster_name, format_duration(text, config->timing.detection_us));
	if (config->n_nodes > 1)
		print_loss(config, &times, out);
	else
		(void)fprintf(out, "One node: there is nobody to take over.\n");
	if (config->n_groups)
		(void)fprintf(out, "\nGroups: ms without service when the owner is cut off\n");
	for (uint16_t i = 0; i < config->n_groups; i++)
		print_group(config, i, &times, out);
	(void)fputc('\n', out);
	print_waits(config, out);
	if (fclose(out) != 0) {
		free(ret);
		return NULL;
	}
	return ret;
}
