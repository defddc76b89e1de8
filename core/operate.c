/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cluster row, and commands about nodes and the whole cluster (rules O1 to O4, R, C1, C2). */
#include "core/internal.h"
#include "util/hash.h"

bool core_suspended(const struct core *c)
{
	return c->cluster.mode == CLUSTER_SUSPENDED;
}

/* ---- the row ---- */

uint64_t operate_hash(uint64_t h, const struct cluster_intent *row)
{
	if (!row->version.epoch)
		return h;
	h = hash64_u64(hash64_u64(h, row->version.epoch), row->version.counter);
	h = hash64_u64(h, (uint64_t)row->mode << 16 | row->ratio);
	return hash64_u64(hash64_u64(h, row->config_generation), row->config_hash);
}

static void say_change(struct core *c, const struct cluster_intent *former)
{
	const struct cluster_intent *row = &c->cluster;

	if (row->mode != former->mode)
		core_say(c,
			 row->mode == CLUSTER_SUSPENDED ? EVENT_CLUSTER_SUSPENDED
							: EVENT_CLUSTER_RESUMED,
			 row->request.node)
			->arg[0] = row->request.number;
	if (row->config_generation > former->config_generation) {
		struct event *e = core_say(c, EVENT_CONFIG_AGREED, NODE_NONE);
		e->arg[0] = row->config_generation;
		e->arg[1] = row->config_hash;
	}
}

void operate_merge(struct core *c, uint8_t node, const struct vector_head *h)
{
	const struct cluster_intent former = c->cluster, *row = &h->cluster;
	int order = version_compare(&row->version, &former.version);

	if (order == 0 && row->version.epoch)
		ratio_heard(c, h->ratio_left_us);
	if (order <= 0)
		return;
	lease_row_heard(c, node, row->version.epoch);
	if (row->version.epoch > c->epoch_seen)
		c->epoch_seen = row->version.epoch;
	c->cluster = *row;
	if (row->ratio == former.ratio && request_is(&row->request, &former.request))
		ratio_heard(c, h->ratio_left_us); /* re-affirmed in another view */
	else
		ratio_begin(c, h->ratio_left_us);
	say_change(c, &former);
	intent_changed(c);
}

void operate_reaffirm(struct core *c)
{
	if (c->cluster.version.epoch)
		c->cluster.version = intent_next_version(c);
}

static void begin_row(struct core *c, const struct request *r)
{
	c->cluster.version = intent_next_version(c);
	c->cluster.request = r->id;
}

static uint8_t set_mode(struct core *c, const struct request *r, enum cluster_mode mode)
{
	const struct cluster_intent former = c->cluster;

	if (c->cluster.mode == mode)
		return ANSWER_NOTHING_TO_DO;
	begin_row(c, r);
	c->cluster.mode = (uint8_t)mode;
	say_change(c, &former);
	intent_changed(c);
	return ANSWER_NONE;
}

static uint8_t reset_ratio(struct core *c, const struct request *r)
{
	if (c->cluster.ratio <= 1)
		return ANSWER_NOTHING_TO_DO;
	begin_row(c, r);
	c->cluster.ratio = 1;
	intent_changed(c);
	return ANSWER_NONE;
}

static uint8_t set_ratio(struct core *c, const struct request *r)
{
	if (r->ratio == 1 && r->value <= RATIO_TIME_MAX_US)
		return reset_ratio(c, r);
	if (r->ratio < 2 || r->ratio > RATIO_MAX || r->value == 0 || r->value > RATIO_TIME_MAX_US)
		return ANSWER_BAD_VALUE;
	begin_row(c, r);
	c->cluster.ratio = r->ratio;
	ratio_begin(c, r->value);
	intent_changed(c);
	return ANSWER_NONE;
}

/* ---- the configuration ---- */

/* Members that run with that configuration; or have it ready, too. */
static node_mask have_config(const struct core *c, uint64_t hash, bool ready)
{
	node_mask mask = 0;
	unsigned int n;

	node_mask_for_each (n, c->installed.members) {
		const struct vector_head *h = &c->peers[n].head;
		uint64_t pending = is_self(c, n) ? c->pending_hash : h->pending_hash;
		uint64_t running = is_self(c, n) ? c->cfg.config_hash : h->config_hash;

		if (running == hash || (ready && pending == hash))
			mask |= node_bit(n);
	}
	return mask;
}

static uint8_t set_config(struct core *c, const struct request *r)
{
	const struct cluster_intent former = c->cluster;

	if (r->value == 0)
		return ANSWER_BAD_VALUE;
	if (r->value == former.config_hash &&
	    have_config(c, r->value, false) == c->installed.members)
		return ANSWER_NOTHING_TO_DO;
	if (have_config(c, r->value, true) != c->installed.members) /* rule C1 */
		return ANSWER_NOT_READY;
	begin_row(c, r);
	if (c->cluster.config_generation < c->cfg.config_generation)
		c->cluster.config_generation = c->cfg.config_generation;
	c->cluster.config_generation++;
	c->cluster.config_hash = r->value;
	say_change(c, &former);
	intent_changed(c);
	return ANSWER_NONE;
}

/*
 * Rule C1: all or none. It is on our disk, and the command that wrote it is not waiting for
 * another one's. A coordinator that is lost meanwhile leaves the row to the next one.
 */
static bool is_agreed(const struct core *c)
{
	return c->durable_digest == c->intent_digest && !request_is_open(c, &c->cluster.request);
}

void operate_config_step(struct core *c)
{
	const struct cluster_intent *row = &c->cluster;

	if (!row->config_hash || row->config_hash == c->cfg.config_hash ||
	    row->config_hash != c->pending_hash || row->config_generation == c->config_told ||
	    !is_agreed(c))
		return;
	c->config_told = row->config_generation;
	struct core_action *a = core_act(c, CORE_ACTION_CONFIG);
	a->config.generation = row->config_generation;
	a->config.hash = row->config_hash;
}

void operate_config_ready(struct core *c, uint64_t hash)
{
	if (hash && hash != c->pending_hash) {
		struct event *e = core_say(c, EVENT_CONFIG_READY, c->self);
		e->arg[0] = c->cfg.config_generation;
		e->arg[1] = hash;
	}
	c->pending_hash = hash;
	c->config_told = 0;
	c->send_wanted = true;
}

/* ---- nodes ---- */

static uint8_t mode_of(const struct core *c, uint8_t node)
{
	return is_self(c, node) ? c->mode : c->peers[node].head.mode;
}

static bool heard(const struct core *c, uint8_t node)
{
	return is_self(c, node) || (c->peers[node].heard && !c->peers[node].mismatch);
}

static void write_node(struct core *c, const struct request *r, uint8_t node, uint8_t wanted,
		       uint8_t power)
{
	const struct peer *p = &c->peers[node];

	c->node_intents[node] = (struct node_intent){
		.version = intent_next_version(c),
		.request = r->id,
		.incarnation = is_self(c, node) ? c->incarnation : p->head.incarnation,
		.wanted = wanted,
		.power = power,
	};
	if (wanted == WANTED_ONLINE)
		detect_release(c, node);
	intent_changed(c);
}

static bool is_stopped(uint8_t mode)
{
	return mode == NODE_MODE_STOPPED || mode == NODE_MODE_STOPPING;
}

static uint8_t node_leave(struct core *c, const struct request *r, uint8_t power)
{
	if (!heard(c, r->target) && !node_mask_has(detect_quarantined(c), r->target))
		return ANSWER_TARGET_DOWN;
	if (power == POWER_NONE && is_stopped(mode_of(c, r->target)))
		return ANSWER_NOTHING_TO_DO;
	write_node(c, r, r->target, WANTED_OFFLINE, power);
	return ANSWER_NONE;
}

static uint8_t node_come(struct core *c, const struct request *r)
{
	bool quarantined = node_mask_has(detect_quarantined(c), r->target);

	if (!heard(c, r->target) && !quarantined)
		return ANSWER_TARGET_DOWN;
	if (mode_of(c, r->target) != NODE_MODE_STOPPED && !quarantined)
		return ANSWER_NOTHING_TO_DO;
	write_node(c, r, r->target, WANTED_ONLINE, POWER_NONE);
	return ANSWER_NONE;
}

/* Rule O3: all rows in one step, so that no candidate is left and nothing wanders. */
static uint8_t cluster_leave(struct core *c, const struct request *r, uint8_t power)
{
	bool any = false;

	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		if (!heard(c, n) || (power == POWER_NONE && is_stopped(mode_of(c, n))))
			continue;
		write_node(c, r, n, WANTED_OFFLINE, power);
		any = true;
	}
	return any ? ANSWER_NONE : ANSWER_NOTHING_TO_DO;
}

static uint8_t cluster_come(struct core *c, const struct request *r)
{
	bool any = false;

	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		if (!heard(c, n) || mode_of(c, n) != NODE_MODE_STOPPED)
			continue;
		write_node(c, r, n, WANTED_ONLINE, POWER_NONE);
		any = true;
	}
	return any ? ANSWER_NONE : ANSWER_NOTHING_TO_DO;
}

/* Rule O1: what starts, stops or moves something. */
bool operate_forbidden(const struct core *c, uint8_t kind)
{
	switch ((enum request_kind)kind) {
	case REQUEST_GROUP_START:
	case REQUEST_GROUP_STOP:
	case REQUEST_GROUP_MOVE:
	case REQUEST_RESOURCE_START:
	case REQUEST_RESOURCE_STOP:
	case REQUEST_NODE_STOP:
	case REQUEST_NODE_SHUTDOWN:
	case REQUEST_NODE_REBOOT:
	case REQUEST_CLUSTER_STOP:
	case REQUEST_CLUSTER_SHUTDOWN:
	case REQUEST_CLUSTER_REBOOT:
		return core_suspended(c);
	case REQUEST_NODE_START:
	case REQUEST_CLUSTER_START:
	case REQUEST_CLUSTER_SUSPEND:
	case REQUEST_CLUSTER_RESUME:
	case REQUEST_MONITOR_SUSPEND:
	case REQUEST_MONITOR_RESUME:
	case REQUEST_MONITOR_FAIL:
	case REQUEST_MONITOR_UNFAIL:
	case REQUEST_RATIO_SET:
	case REQUEST_RATIO_RESET:
	case REQUEST_CONFIG:
	case REQUEST_FENCE_CONFIRM:
	case REQUEST_NONE:
	case REQUEST_KIND_COUNT_:
		break;
	}
	return false;
}

uint8_t operate_carry_out(struct core *c, const struct request *r)
{
	switch (r->kind) {
	case REQUEST_NODE_START:
		return node_come(c, r);
	case REQUEST_NODE_STOP:
		return node_leave(c, r, POWER_NONE);
	case REQUEST_NODE_SHUTDOWN:
		return node_leave(c, r, POWER_SHUTDOWN);
	case REQUEST_NODE_REBOOT:
		return node_leave(c, r, POWER_REBOOT);
	case REQUEST_CLUSTER_START:
		return cluster_come(c, r);
	case REQUEST_CLUSTER_STOP:
		return cluster_leave(c, r, POWER_NONE);
	case REQUEST_CLUSTER_SHUTDOWN:
		return cluster_leave(c, r, POWER_SHUTDOWN);
	case REQUEST_CLUSTER_REBOOT:
		return cluster_leave(c, r, POWER_REBOOT);
	case REQUEST_CLUSTER_SUSPEND:
		return set_mode(c, r, CLUSTER_SUSPENDED);
	case REQUEST_CLUSTER_RESUME:
		return set_mode(c, r, CLUSTER_RUN);
	case REQUEST_RATIO_SET:
		return set_ratio(c, r);
	case REQUEST_RATIO_RESET:
		return reset_ratio(c, r);
	case REQUEST_CONFIG:
		return set_config(c, r);
	default:
		return ANSWER_BAD_TARGET;
	}
}

/* A former coordinator wrote a row for this very command. */
bool operate_written(const struct core *c, const struct request *r)
{
	if (request_is(&c->cluster.request, &r->id))
		return true;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		if (request_is(&c->node_intents[n].request, &r->id))
			return true;
	return false;
}
