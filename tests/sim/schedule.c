/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/pattern.h"

#include <stdio.h>
#include <string.h>

/* How often a theme draws a fault. The rows are enum theme, the columns enum fault_type. */
static const uint8_t weights[THEME_COUNT_][FAULT_TYPE_COUNT_] = {
	[THEME_STORM] = {6, 4, 5, 4, 6, 6, 3, 3, 3, 2, 4, 4, 2,
			 3, 2, 2, 2, 2, 1, 1, 2, 3, 8, 2, 2, 2},
	[THEME_NETWORK] = {1, 0, 1, 0, 12, 12, 6, 6, 6, 4, 8, 8, 4,
			   0, 0, 0, 0, 0,  0,  0, 0, 0, 2, 0, 0, 0},
	[THEME_CRASH] = {12, 12, 2, 0, 3, 9, 2, 4, 0, 0, 1, 1, 0,
			 2,  1,	 1, 1, 0, 0, 0, 0, 0, 3, 0, 0, 4},
	[THEME_STALL] = {1, 0, 14, 12, 2, 3, 1, 1, 0, 0, 1, 2, 0,
			 0, 0, 0,  1,  0, 0, 0, 0, 0, 2, 0, 0, 0},
	[THEME_DISK] = {5,  5, 1, 0, 2, 6, 0, 0, 0, 0,	1, 1, 0,
			14, 7, 0, 0, 0, 0, 0, 0, 1, 12, 0, 0, 6},
	[THEME_COMMAND] = {4, 2, 2, 1, 2, 6, 1, 1, 0, 0,  2, 2, 0,
			   3, 1, 2, 1, 0, 0, 0, 0, 1, 24, 0, 0, 2},
	[THEME_RESOURCE] = {3, 3, 1, 0, 1, 3, 0, 0, 0, 0, 0, 0, 0,
			    0, 0, 5, 5, 6, 4, 4, 6, 1, 6, 1, 0, 0},
	[THEME_LEAVE] = {3, 2, 1, 0, 2, 4, 1, 1, 0,  0, 2, 2, 0,
			 1, 0, 1, 2, 0, 0, 0, 0, 14, 8, 0, 1, 0},
	[THEME_FENCE] = {3, 1, 2, 3, 3, 8, 1, 1, 0, 0, 1,  1, 0,
			 1, 0, 0, 1, 0, 4, 0, 0, 1, 2, 12, 0, 1},
	[THEME_REPLAY] = {8, 8, 1, 0, 3, 6, 1, 1, 0, 0, 1, 1,  1,
			  0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 0, 16, 1},
	[THEME_CALM] = {2, 1, 1, 0, 1, 2, 1, 1, 0, 2, 1, 0, 1,
			1, 0, 1, 1, 0, 0, 0, 1, 1, 4, 0, 0, 0},
};

static const char *const fault_names[FAULT_TYPE_COUNT_] = {
	"crash-node", "crash-agent", "freeze",	  "pause",	"cut",	     "partition",
	"deaf",	      "mute",	     "flap",	  "link",	"loss",	     "delay",
	"duplicate",  "disk-slow",   "disk-fail", "start-slow", "stop-slow", "start-fail",
	"stop-fail",  "hang",	     "lost",	  "leave",	"request",   "fence",
	"replay",     "blackout",    "monitor",	  "config",	"split",     "overload",
	"cut-probes", "cut-vectors", "device",	  "confirm",
};

static const char *const theme_names[THEME_COUNT_] = {
	"storm",    "network", "crash", "stall",  "disk", "command",
	"resource", "leave",   "fence", "replay", "calm",
};

const char *fault_to_string(enum fault_type type)
{
	return type < FAULT_TYPE_COUNT_ ? fault_names[type] : "?";
}

const char *theme_to_string(enum theme theme)
{
	return theme < THEME_COUNT_ ? theme_names[theme] : "?";
}

int theme_from_string(const char *name)
{
	for (int i = 0; i < THEME_COUNT_; i++)
		if (strcmp(name, theme_names[i]) == 0)
			return i;
	return -1;
}

const char *request_to_string(uint8_t kind)
{
	return kind < REQUEST_KIND_COUNT_ ? request_kind_to_string((enum request_kind)kind) : "?";
}

static const char *role_format(uint8_t node, char buf[24])
{
	if (node == ROLE_COORDINATOR)
		return "coordinator";
	if (node == NODE_NONE)
		return "any";
	(void)snprintf(buf, 24, node & ROLE_OWNER ? "owner-of-g%u" : "n%u",
		       node & (unsigned int)~ROLE_OWNER);
	return buf;
}

char *fault_format(const struct fault *fault, char *buf, size_t size)
{
	char node[24], peer[24], target[24];

	(void)snprintf(buf, size, "%-11s %s peer=%s link=%d mask=%#x value=%u for=%.6f",
		       fault_to_string(fault->type), role_format(fault->node, node),
		       role_format(fault->peer, peer),
		       fault->link == LINKS_MAX ? -1 : (int)fault->link, fault->mask, fault->value,
		       (double)fault->for_us / 1e6);
	if (fault->type == FAULT_REQUEST)
		(void)snprintf(buf, size, "%-11s at %s: %s g%u peer=%s target=%s retries=%u",
			       "request", role_format(fault->node, node),
			       request_to_string(fault->kind), fault->group,
			       role_format(fault->peer, peer), role_format(fault->target, target),
			       fault->retries);
	return buf;
}

/* ---- the cluster ---- */

static uint8_t draw_n_nodes(struct rng *rng, bool fence)
{
	static const uint8_t fenced[] = {2, 2, 2, 2, 3, 3, 4, 4};
	static const uint8_t sizes[] = {2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 5, 5, 5, 6, 7};

	if (fence)
		return fenced[rng_below(rng, sizeof(fenced))];
	if (rng_below(rng, 4000) == 0)
		return NODES_MAX;
	return sizes[rng_below(rng, sizeof(sizes))];
}

static void draw_nodes(struct schedule *s, struct rng *rng, bool fence)
{
	struct core_config *c = &s->config;
	bool weighted = rng_chance(rng, 150);
	unsigned int witnesses = 0;

	c->n_nodes = draw_n_nodes(rng, fence);
	if (c->n_nodes > 2 && rng_chance(rng, 300))
		witnesses = 1 + (unsigned int)rng_below(rng, (c->n_nodes - 1U) / 2);
	for (unsigned int i = 0; i < c->n_nodes; i++) {
		(void)snprintf(c->nodes[i].name, NAME_SIZE, "n%u", i);
		c->nodes[i].votes = weighted ? (uint32_t)rng_range(rng, 0, 3) : 1;
		c->nodes[i].hosts = i + witnesses < c->n_nodes;
	}
	if (weighted || c->n_nodes == 2)
		c->nodes[rng_below(rng, c->n_nodes)].votes += 1;
	/* Witnesses stand anywhere in the order: also as the coordinator. */
	if (witnesses && rng_chance(rng, 400)) {
		c->nodes[0].hosts = false;
		c->nodes[c->n_nodes - 1].hosts = true;
	}
}

static void draw_timing(struct schedule *s, struct rng *rng)
{
	struct core_config *c = &s->config;
	bool address_only = true;
	static const uint32_t drifts[] = {0, 100, 1000, 1000, 1000, 2000};
	uint64_t t = rng_range_log(rng, 30 * USEC_PER_MSEC, 10 * USEC_PER_SEC);

	/* Long ones cost no more and simulate longer. */
	if (s->theme == THEME_CALM || rng_chance(rng, 600))
		t = rng_range(rng, 3 * USEC_PER_SEC, 10 * USEC_PER_SEC);
	for (unsigned int i = 0; i < c->n_resources; i++)
		address_only = address_only && c->resources[i].address;
	c->timeout_us = t;
	c->interval_us = t / (rng_chance(rng, 700) ? 3 : rng_range(rng, 4, 6));
	c->lease_us = t * rng_range(rng, 1000, rng_chance(rng, 250) ? 6000 : 1700) / 1000;
	s->lease_most_us = c->lease_us;
	if (rng_chance(rng, 200))
		s->lease_most_us += t * rng_range(rng, 200, 4000) / 1000;
	c->lease_margin_us = t * rng_range(rng, 50, 300) / 1000;
	if (address_only && rng_chance(rng, 500))
		c->lease_margin_us = 0;
	c->drift_ppm = drifts[rng_below(rng, sizeof(drifts) / sizeof(*drifts))];
	c->late_percent = 60;
	c->startup_wait_us = t * rng_range(rng, 1, 6);
	c->request_timeout_us = t * rng_range(rng, 3, 10);
	c->flap_limit = (uint32_t)rng_range(rng, 2, 8);
	c->flap_window_us = t * 60;
	c->quarantine_us = t * rng_range(rng, 2, 5);
	c->quarantine_max_us = c->quarantine_us * rng_range(rng, 1, 4);
	c->failure_expiry_us = rng_chance(rng, 300) ? 0 : t * rng_range(rng, 5, 40);
	c->takeover = rng_chance(rng, s->theme == THEME_FENCE ? 800 : 80) ? TAKEOVER_FENCE
									  : TAKEOVER_LEASE;
	c->n_links = (uint8_t)(rng_chance(rng, 750) ? 1 : rng_range(rng, 2, 3));
}

static void draw_resources(struct schedule *s, unsigned int group, unsigned int kind,
			   struct rng *rng)
{
	struct core_config *c = &s->config;
	unsigned int n = (unsigned int)rng_range(rng, 1, 3), first = c->n_resources;

	for (unsigned int i = 0; i < n; i++) {
		struct core_resource_config *r = &c->resources[first + i];

		(void)snprintf(r->name, NAME_SIZE, "g%u.r%u", group, i);
		r->group = (uint16_t)group;
		r->address = kind == 0 || (kind == 2 && rng_chance(rng, 500));
		r->start_retries = (uint8_t)rng_below(rng, 3);
		r->failovers = FAILOVERS_NODES;
		if (i && rng_chance(rng, 700)) {
			r->n_deps = 1;
			r->deps[0] = (uint16_t)(first + rng_below(rng, i));
		}
	}
	c->n_resources = (uint16_t)(first + n);
}

static void draw_groups(struct schedule *s, struct rng *rng)
{
	struct core_config *c = &s->config;
	uint64_t kinds = rng_below(rng, 4); /* addresses, processes, both, each its own */

	c->n_groups =
		(uint16_t)(rng_chance(rng, 50) ? rng_range(rng, 5, 12) : rng_range(rng, 1, 3));
	for (unsigned int g = 0; g < c->n_groups; g++) {
		struct core_group_config *group = &c->groups[g];
		unsigned int start = (unsigned int)rng_below(rng, c->n_nodes);
		bool all = rng_chance(rng, 800);

		(void)snprintf(group->name, NAME_SIZE, "g%u", g);
		group->autostart = rng_chance(rng, 800);
		for (unsigned int i = 0; i < c->n_nodes; i++) {
			unsigned int node = (start + i) % c->n_nodes;

			if (c->nodes[node].hosts &&
			    (all || group->n_nodes == 0 || rng_chance(rng, 600)))
				group->nodes[group->n_nodes++] = (uint8_t)node;
		}
		draw_resources(s, g, (unsigned int)(kinds == 3 ? rng_below(rng, 3) : kinds), rng);
	}
}

static void draw_resource_times(struct schedule *s, struct rng *rng)
{
	struct core_config *c = &s->config;
	uint64_t t = c->timeout_us;

	s->start_us = t * rng_range(rng, 10, 300) / 1000;
	s->stop_us = t * rng_range(rng, 10, 200) / 1000;
	for (unsigned int i = 0; i < c->n_resources; i++) {
		c->resources[i].start_timeout_us = s->start_us + t * rng_range(rng, 1, 3);
		c->resources[i].stop_timeout_us = s->stop_us + t * rng_range(rng, 1, 3);
	}
}

/* Rates that differ by at most drift_ppm, the extremes often. */
static void draw_clocks(struct schedule *s, struct rng *rng)
{
	uint64_t ppm = s->config.drift_ppm;
	int64_t most = (int64_t)(ppm * 1000000 / (2000000 + ppm));

	for (unsigned int i = 0; i < s->config.n_nodes; i++) {
		int64_t rate = (int64_t)rng_range(rng, 0, (uint64_t)(2 * most)) - most;

		if (rng_chance(rng, 600))
			rate = rng_chance(rng, 500) ? most : -most;
		s->rate_ppm[i] = (int32_t)rate;
		s->boot_us[i] = rng_below(rng, s->config.timeout_us / 4);
		if (rng_chance(rng, 200))
			s->boot_us[i] = rng_below(rng, s->config.timeout_us * 8);
	}
}

static void draw_background(struct schedule *s, struct rng *rng, bool calm)
{
	const struct core_config *c = &s->config;
	uint64_t interval = c->interval_us;

	/* a quick local network, or one whose delays matter beside the interval */
	s->delay_us = rng_chance(rng, 500) ? rng_range_log(rng, 20, 500)
					   : interval * rng_range_log(rng, 1, 100) / 1000 + 20;
	s->delay_jitter_us = rng_chance(rng, 500) ? 10 : interval * rng_range(rng, 10, 300) / 1000;
	s->loss_permille = rng_chance(rng, 500) ? 0 : (uint32_t)rng_range(rng, 1, 20);
	s->duplicate_permille = rng_chance(rng, 700) ? 0 : (uint32_t)rng_range(rng, 1, 30);
	s->step_jitter_us = rng_chance(rng, 500) ? 0 : rng_below(rng, c->lease_margin_us / 16 + 1);
	s->disk_us = rng_range_log(rng, 100, interval > 200 ? interval : 200);
	s->part_bytes = (uint16_t)(rng_chance(rng, 700) ? 0 : rng_range(rng, 60, 200));
	s->inbox = (uint16_t)rng_range_log(rng, 1, 200);
	if (calm) {
		s->delay_jitter_us = s->step_jitter_us = 0;
		s->loss_permille = s->duplicate_permille = 0;
	}
}

/* ---- the faults ---- */

static uint8_t draw_node(const struct schedule *s, struct rng *rng)
{
	if (rng_chance(rng, 250))
		return (uint8_t)(ROLE_OWNER | rng_below(rng, s->config.n_groups));
	if (rng_chance(rng, 200))
		return ROLE_COORDINATOR;
	return (uint8_t)rng_below(rng, s->config.n_nodes);
}

static uint8_t draw_type(const struct schedule *s, struct rng *rng)
{
	const uint8_t *w = weights[s->theme];
	uint64_t sum = 0, pick;

	for (int i = 0; i < FAULT_TYPE_COUNT_; i++)
		sum += w[i];
	pick = rng_below(rng, sum);
	for (uint8_t i = 0;; i++) {
		if (pick < w[i])
			return i;
		pick -= w[i];
	}
}

static void draw_request(const struct schedule *s, struct fault *f, struct rng *rng)
{
	static const uint8_t kinds[] = {
		REQUEST_GROUP_START, REQUEST_GROUP_START, REQUEST_GROUP_STOP,
		REQUEST_GROUP_STOP,  REQUEST_GROUP_MOVE,  REQUEST_GROUP_MOVE,
		REQUEST_GROUP_MOVE,  REQUEST_NODE_START,  REQUEST_NODE_STOP,
	};

	f->kind = kinds[rng_below(rng, sizeof(kinds))];
	f->group = (uint16_t)rng_below(rng, s->config.n_groups);
	f->target = NODE_NONE;
	if (f->kind >= REQUEST_NODE_START || rng_chance(rng, 500))
		f->target = (uint8_t)rng_below(rng, s->config.n_nodes);
	f->retries = (uint8_t)(rng_chance(rng, 500) ? 0 : rng_range(rng, 1, 6));
}

static uint32_t draw_value(const struct schedule *s, uint8_t type, struct rng *rng)
{
	const struct core_config *c = &s->config;
	uint64_t t = c->timeout_us;

	switch (type) {
	case FAULT_FLAP:
		return (uint32_t)(t * rng_range(rng, 300, 2500) / 1000);
	case FAULT_LOSS:
	case FAULT_DUPLICATE:
		return (uint32_t)rng_range(rng, 50, 700);
	case FAULT_DELAY:
		return (uint32_t)rng_range_log(rng, c->interval_us, 4 * t);
	case FAULT_DISK_SLOW:
	case FAULT_START_SLOW:
	case FAULT_STOP_SLOW:
		return (uint32_t)rng_range_log(rng, c->interval_us, 6 * t);
	case FAULT_RESOURCE_LOST:
		return (uint32_t)rng_below(rng, c->n_resources);
	case FAULT_FENCE:
		return (uint32_t)rng_range_log(rng, c->interval_us / 4, 8 * t);
	default:
		return 0;
	}
}

static void draw_fault(const struct schedule *s, uint64_t at_us, struct rng *rng, struct fault *f)
{
	const struct core_config *c = &s->config;
	uint64_t t = c->timeout_us;

	*f = (struct fault){.at_us = at_us, .type = draw_type(s, rng), .link = LINKS_MAX};
	f->node = draw_node(s, rng);
	f->peer = draw_node(s, rng);
	f->for_us = rng_range_log(rng, t / 10, 8 * t);
	f->mask = (node_mask)rng_next(rng) & (node_mask)((1ULL << c->n_nodes) - 1);
	if (rng_chance(rng, 300) || f->type == FAULT_LINK)
		f->link = (uint8_t)rng_below(rng, c->n_links);
	if (f->type == FAULT_BLACKOUT && rng_chance(rng, 600))
		f->mask = (node_mask)((1ULL << c->n_nodes) - 1);
	f->value = draw_value(s, f->type, rng);
	draw_request(s, f, rng);
}

/*
 * Faults come in bursts: what is dangerous is one before the other is over. Between bursts the
 * cluster may come to rest, so that I3 has something to say; the last one is still going on, or
 * has just ended, when all faults end.
 */
static void draw_faults(struct schedule *s, struct rng *rng)
{
	uint64_t t = s->config.timeout_us, at = 0;
	bool calm = s->theme == THEME_CALM, large = s->config.n_nodes > 7;
	unsigned int bursts = large ? 1 : (unsigned int)rng_range(rng, 1, 3);

	for (unsigned int b = 0; b < bursts; b++) {
		unsigned int n = (unsigned int)rng_range(rng, 1, calm ? 1 : 6);

		at += rng_range_log(rng, 2 * t, calm ? 60 * t : 16 * t);
		if (rng_chance(rng, 300))
			at = pattern_draw(s, at, rng);
		for (unsigned int i = 0; i < n && s->n_faults < FAULTS_MAX; i++) {
			draw_fault(s, at, rng, &s->faults[s->n_faults++]);
			at += rng_range_log(rng, t / 50, 3 * t);
		}
	}
	s->faults_end_us = at + rng_range_log(rng, t / 50, 6 * t);
}

static void draw_absent(struct schedule *s, struct rng *rng)
{
	const struct core_config *c = &s->config;
	uint32_t total = 0, left = 0;
	unsigned int node = (unsigned int)rng_below(rng, c->n_nodes);

	if (!rng_chance(rng, 150))
		return;
	for (unsigned int i = 0; i < c->n_nodes; i++) {
		total += c->nodes[i].votes;
		left += i == node ? 0 : c->nodes[i].votes;
	}
	if (left * 2 > total)
		s->absent = node_bit(node);
}

void schedule_make(const struct schedule_options *options, struct schedule *ret)
{
	struct rng rng = rng_make(options->seed, 1);

	memset(ret, 0, sizeof(*ret));
	ret->seed = options->seed;
	ret->theme = (uint8_t)rng_below(&rng, THEME_COUNT_);
	if (options->theme >= 0)
		ret->theme = (uint8_t)options->theme;
	draw_nodes(ret, &rng, options->fence);
	draw_groups(ret, &rng);
	draw_timing(ret, &rng);
	draw_resource_times(ret, &rng);
	draw_clocks(ret, &rng);
	draw_background(ret, &rng, options->calm);
	ret->watchdog = rng_chance(&rng, 700);
	draw_absent(ret, &rng);
	ret->quiet_us = ret->config.timeout_us * rng_range(&rng, 5, 10);
	rng = rng_make(options->seed, 2);
	draw_faults(ret, &rng);
	rules_draw(ret);
	operate_draw(ret);
	ret->config.stall_timeout_us = ret->config.timeout_us;
	if (!options->no_kernel)
		stall_draw(ret, options->kernel);
	if (!options->kernel)
		fence_draw(ret, options->fence);
	for (size_t i = 0; i < ret->n_faults; i++) {
		struct fault *f = &ret->faults[i];

		f->dropped = !(options->keep >> i & 1) ||
			     (options->until_us && f->at_us > options->until_us);
	}
	if (options->until_us && options->until_us < ret->faults_end_us)
		ret->faults_end_us = options->until_us;
}

void schedule_make_flaps(uint64_t flaps, struct schedule *ret)
{
	static const struct schedule_options options = {.theme = THEME_CALM, .calm = true};
	struct core_config *c = &ret->config;
	uint64_t t = 300 * USEC_PER_MSEC, half = 4 * t;
	struct rng rng = rng_make(1, 3);

	schedule_make(&options, ret);
	memset(c, 0, sizeof(*c));
	ret->rules = ret->operate = ret->fencing = false;
	c->n_nodes = 3;
	for (unsigned int i = 0; i < c->n_nodes; i++) {
		c->nodes[i] = (struct core_node_config){.votes = 1, .hosts = true};
		(void)snprintf(c->nodes[i].name, NAME_SIZE, "n%u", i);
	}
	draw_groups(ret, &rng);
	draw_timing(ret, &rng);
	c->timeout_us = t;
	c->interval_us = t / 3;
	c->lease_us = ret->lease_most_us = t;
	c->stall_timeout_us = 2 * t;
	c->lease_margin_us = t / 10;
	c->startup_wait_us = t;
	c->drift_ppm = 1000;
	c->n_links = 1;
	c->flap_limit = 0;
	c->takeover = TAKEOVER_LEASE;
	draw_resource_times(ret, &rng);
	ret->delay_us = 200;
	ret->disk_us = 500;
	ret->absent = 0;
	memset(ret->boot_us, 0, sizeof(ret->boot_us));
	memset(ret->rate_ppm, 0, sizeof(ret->rate_ppm));
	ret->n_faults = 1;
	ret->faults_end_us = flaps * 2 * half + 2 * t;
	ret->faults[0] = (struct fault){.at_us = 2 * t,
					.for_us = flaps * 2 * half,
					.type = FAULT_FLAP,
					.node = ROLE_OWNER,
					.link = LINKS_MAX,
					.value = (uint32_t)half};
}
