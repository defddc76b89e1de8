/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TESTS_MONITOR_WORLD_H
#define HF_TESTS_MONITOR_WORLD_H

/* A loop with the real monitor process, and what it said. The configuration is filled by hand. */

#include "agent/monitor.h"
#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define PATIENCE_US  (60 * USEC_PER_SEC) /* for what must happen: a loaded machine may be slow */
#define VERDICTS_LOG 4096

struct said {
	uint16_t monitor;
	uint8_t status;
	char text[EVENT_TEXT_SIZE];
	ha_time at;
};

struct monitor_world {
	struct config *config;
	sd_event *event;
	struct monitors *monitors;
	struct said said[VERDICTS_LOG];
	size_t n;
	size_t read; /* up to there they were awaited */
	unsigned int deaths;
	uint64_t again_us;
	char death[EVENT_TEXT_SIZE];
	char directory[64];
};

static inline void world_verdict(uint16_t monitor, uint8_t status, const char *text, void *userdata)
{
	struct monitor_world *w = userdata;
	struct said *s;

	assert_true(w->n < VERDICTS_LOG);
	s = &w->said[w->n++];
	s->monitor = monitor;
	s->status = status;
	s->at = clock_boot();
	(void)snprintf(s->text, sizeof s->text, "%s", text);
}

static inline void world_settled(void *userdata)
{
	(void)userdata;
}

static inline void world_died(const char *text, uint64_t again_us, void *userdata)
{
	struct monitor_world *w = userdata;

	w->deaths++;
	w->again_us = again_us;
	(void)snprintf(w->death, sizeof w->death, "%s", text);
}

static inline int monitor_world_setup(void **state)
{
	struct monitor_world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	w->config = calloc(1, sizeof *w->config);
	assert_non_null(w->config);
	(void)strcpy(w->directory, "/tmp/hf-monitor-XXXXXX");
	assert_non_null(mkdtemp(w->directory));
	w->config->run_directory = w->directory;
	assert_true(sd_event_new(&w->event) >= 0);
	*state = w;
	return 0;
}

static inline int monitor_world_teardown(void **state)
{
	struct monitor_world *w = *state;
	char command[128];

	if (!w)
		return 0;
	(void)monitor_free(w->monitors);
	sd_event_unref(w->event);
	(void)snprintf(command, sizeof command, "rm -rf %s", w->directory);
	assert_int_equal(system(command), 0);
	free(w->config);
	free(w);
	return 0;
}

/* A monitor that checks often, to be filled in; the defaults of the file where it matters. */
static inline struct monitor_config *add_monitor(struct monitor_world *w, enum monitor_type type)
{
	struct monitor_config *m = &w->config->monitors[w->config->n_monitors];

	(void)snprintf(m->name, sizeof m->name, "m%u", w->config->n_monitors++);
	m->type = type;
	m->interval_us = 100 * USEC_PER_MSEC;
	m->timeout_us = 20 * USEC_PER_SEC;
	m->retry_on_timeout = m->recover_on_timeout = true;
	m->resource = UINT16_MAX;
	return m;
}

static inline void start_monitors(struct monitor_world *w)
{
	const struct monitors_config config = {.event = w->event,
					       .config = w->config,
					       .verdict = world_verdict,
					       .settled = world_settled,
					       .died = world_died,
					       .userdata = w};

	assert_int_equal(monitor_new(&config, &w->monitors), 0);
}

static inline void run_all(struct monitor_world *w)
{
	start_monitors(w);
	for (uint16_t i = 0; i < w->config->n_monitors; i++)
		monitor_order(w->monitors, i, true, false);
}

/* One turn of the loop, as the agent does it, of at most `us`. */
static inline void world_turn(struct monitor_world *w, uint64_t us)
{
	uint64_t left_us = ha_time_since(monitor_deadline(w->monitors), clock_boot());

	assert_true(sd_event_run(w->event, left_us < us ? left_us : us) >= 0);
	if (ha_time_reached(monitor_deadline(w->monitors), clock_boot()))
		monitor_dispatch(w->monitors, clock_boot());
}

static inline void run_world(struct monitor_world *w, uint64_t us)
{
	ha_time until = ha_time_add(clock_boot(), us);

	while (ha_time_before(clock_boot(), until))
		world_turn(w, 10000);
}

/* The next verdict of this monitor that was not awaited yet. */
static inline const struct said *await_verdict(struct monitor_world *w, uint16_t monitor)
{
	ha_time until = ha_time_add(clock_boot(), PATIENCE_US);

	for (;;) {
		for (; w->read < w->n; w->read++)
			if (w->said[w->read].monitor == monitor)
				return &w->said[w->read++];
		if (!ha_time_before(clock_boot(), until))
			fail_msg("monitor %u says nothing", monitor);
		world_turn(w, 20000);
	}
}

/* Waits until it says this; others between are passed over. */
static inline const struct said *await_status(struct monitor_world *w, uint16_t monitor,
					      enum monitor_status status)
{
	ha_time until = ha_time_add(clock_boot(), PATIENCE_US);

	while (ha_time_before(clock_boot(), until)) {
		const struct said *s = await_verdict(w, monitor);

		if (s->status == status)
			return s;
		print_message("  monitor %u: %u %s\n", monitor, s->status, s->text);
	}
	fail_msg("monitor %u does not become %u", monitor, status);
	return NULL;
}

static inline void expect_good(struct monitor_world *w, uint16_t monitor)
{
	const struct said *s = await_verdict(w, monitor);

	if (s->status != MONITOR_NORMAL)
		fail_msg("monitor %u: %u \"%s\"", monitor, s->status, s->text);
}

/* The next verdict is an error with exactly this text. */
static inline void expect_error(struct monitor_world *w, uint16_t monitor, const char *text)
{
	const struct said *s = await_verdict(w, monitor);

	if (s->status != MONITOR_ERROR || strcmp(s->text, text) != 0)
		fail_msg("monitor %u: %u \"%s\", not error \"%s\"", monitor, s->status, s->text,
			 text);
}

static inline void write_file(const struct monitor_world *w, const char *name, const char *text)
{
	char path[256], temporary[300];
	FILE *file;

	(void)snprintf(path, sizeof path, "%s/%s", w->directory, name);
	(void)snprintf(temporary, sizeof temporary, "%s.new", path);
	file = fopen(temporary, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(temporary, path), 0);
}

static inline char *path_of(const struct monitor_world *w, const char *name)
{
	static char path[4][256];
	static unsigned int next;
	char *p = path[next++ % 4];

	(void)snprintf(p, sizeof path[0], "%s/%s", w->directory, name);
	return p;
}

static inline bool file_exists(const struct monitor_world *w, const char *name)
{
	return access(path_of(w, name), F_OK) == 0;
}

static inline struct monitor_stats stats_of(struct monitor_world *w, uint16_t monitor)
{
	struct monitor_stats stats;

	monitor_stats_refresh(w->monitors);
	run_world(w, 200000);
	monitor_stats(w->monitors, monitor, &stats);
	return stats;
}

#endif
