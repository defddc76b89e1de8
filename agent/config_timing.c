/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One number, the detection time, gives all others; and whether those that are set fit together. */
#include "agent/config_internal.h"
#include "util/parse.h"

#include <inttypes.h>

#define MS	     USEC_PER_MSEC
#define SEC	     USEC_PER_SEC
#define INTERVAL_MIN (10 * MS)
#define INTERVAL_MAX (60 * SEC)

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t clamp_u64(uint64_t v, uint64_t min, uint64_t max)
{
	return v < min ? min : v > max ? max : v;
}

static void set_default(uint64_t *field, uint64_t v)
{
	if (*field == 0)
		*field = v;
}

static void set_default32(uint32_t *field, uint32_t v)
{
	if (*field == 0)
		*field = v;
}

void config_derive_timing(struct timing_config *t)
{
	uint64_t d;

	set_default(&t->detection_us, SEC);
	d = t->detection_us;
	set_default(&t->interval_us, clamp_u64(d / 10, INTERVAL_MIN, INTERVAL_MAX));
	set_default(&t->timeout_us, d);
	set_default(&t->stall_timeout_us, max_u64(5 * SEC, t->timeout_us));
	/* Longer than the silence that counts as failure, so that detection and not the lease is
	 * what a node with late beats runs into; by little, since a takeover waits for it. */
	set_default(&t->lease_us, d + max_u64(t->interval_us, d / 5));
	set_default(&t->lease_margin_us, max_u64(2 * MS, t->lease_us / 20));
	set_default32(&t->drift_ppm, CONFIG_DRIFT_PPM);
	set_default(&t->startup_wait_us, max_u64(10 * SEC, 10 * d));
	set_default(&t->request_timeout_us, max_u64(10 * SEC, 5 * d));
	set_default32(&t->late_percent, CONFIG_LATE_PERCENT);
	set_default32(&t->flap_limit, CONFIG_FLAP_LIMIT);
	set_default(&t->flap_window_us, max_u64(60 * SEC, 60 * d));
	set_default(&t->failure_expiry_us, max_u64(60 * SEC, 60 * d));
	set_default(&t->quarantine_us, max_u64(30 * SEC, 30 * d));
	set_default(&t->quarantine_max_us, max_u64(30 * 60 * SEC, t->quarantine_us));
}

struct bound {
	const char *key, *other; /* `other` gives the limit */
	uint64_t value, limit, other_value;
	bool most; /* the limit is an upper one */
	const char *why;
};

static void check_bound(const struct config *config, const struct bound *bound,
			struct config_report *report)
{
	char value[DURATION_STRLEN], limit[DURATION_STRLEN], other[DURATION_STRLEN];
	unsigned int line = config_key_line(config, bound->key);

	if (bound->most ? bound->value <= bound->limit : bound->value >= bound->limit)
		return;
	/* One of the two was set: that is the line to show. */
	if (line == 0)
		line = config_key_line(config, bound->other);
	config_report_error(report, line,
			    "cluster: %s = \"%s\" must be at %s \"%s\" with %s = \"%s\": %s",
			    bound->key, format_duration(value, bound->value),
			    bound->most ? "most" : "least", format_duration(limit, bound->limit),
			    bound->other, format_duration(other, bound->other_value), bound->why);
}

/* No error: it may be what the watchdogs of other nodes need. */
static void check_margin(const struct config *config, struct config_report *report)
{
	const struct timing_config *t = &config->timing;
	char text[DURATION_STRLEN];

	if (t->lease_margin_us > t->lease_us && config_watchdog_margin_us(config) == 0)
		config_report_warning(report, config_key_line(config, "lease_margin"),
				      "cluster: lease_margin = \"%s\" is longer than lease: every "
				      "takeover waits for it, and only watchdogs need so much",
				      format_duration(text, t->lease_margin_us));
}

static void check_late_warning(const struct config *config, struct config_report *report)
{
	const struct timing_config *t = &config->timing;
	uint64_t least = t->interval_us * 100 / t->timeout_us + 1;

	if (t->late_percent >= least)
		return;
	config_report_error(report, config_key_line(config, "late_warning"),
			    "cluster: late_warning = \"%" PRIu32 "%%\" must be at least \"%" PRIu64
			    "%%\": beats that are in time come one interval apart",
			    t->late_percent, least);
}

void config_check_timing(const struct config *config, struct config_report *report)
{
	const struct timing_config *t = &config->timing;
	const struct bound bounds[] = {
		{"interval", "detection_time", t->interval_us, INTERVAL_MIN, t->detection_us, false,
		 "beats more often than that are not supported"},
		{"interval", "detection_time", t->interval_us, INTERVAL_MAX, t->detection_us, true,
		 "beats less often than that are not supported"},
		{"timeout", "interval", t->timeout_us, 3 * t->interval_us, t->interval_us, false,
		 "one or two lost datagrams must not count as a failure"},
		{"stall_timeout", "timeout", t->stall_timeout_us, t->timeout_us, t->timeout_us,
		 false, "a stalled agent is silent for that long before anybody looks"},
		{"lease", "timeout", t->lease_us, t->timeout_us, t->timeout_us, false,
		 "a node must not lose its groups before it counts as failed"},
		{"lease", "timeout", t->lease_us, 10 * t->timeout_us, t->timeout_us, true,
		 "every takeover waits for the lease to run out"},
		{"startup_wait", "timeout", t->startup_wait_us, 3 * t->timeout_us, t->timeout_us,
		 false, "nodes that start together need that long to find each other"},
		{"request_timeout", "lease", t->request_timeout_us, 2 * t->lease_us, t->lease_us,
		 false, "a command must outlast the loss of a coordinator"},
		{"flap_window", "timeout", t->flap_window_us, t->flap_limit * 2 * t->timeout_us,
		 t->timeout_us, false, "a node cannot be lost flap_limit times any faster"},
		{"quarantine", "timeout", t->quarantine_us, t->timeout_us, t->timeout_us, false,
		 "a shorter one has no effect"},
		{"quarantine_max", "quarantine", t->quarantine_max_us, t->quarantine_us,
		 t->quarantine_us, false, "the longest cannot be shorter than the first"},
	};

	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
		check_bound(config, &bounds[i], report);
	check_margin(config, report);
	check_late_warning(config, report);
}
