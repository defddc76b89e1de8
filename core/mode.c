/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This node's mode (rules S1, S3), and the power that follows when it was left for that (F1, O2).
 *
 *   STARTING --nothing left to clean--> ONLINE --told to leave--> STOPPING --all OFFLINE--> STOPPED
 *       ^                                                                                     |
 *       +------------------------ mode_restart(): a new incarnation --------------------------+
 */
#include "core/internal.h"

bool mode_holds_nothing(const struct core *c)
{
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		if (c->groups[g].state != GROUP_OFFLINE)
			return false;
	return true;
}

static bool cleaning(const struct core *c)
{
	for (uint16_t i = 0; i < c->cfg.n_resources; i++)
		if (c->resources[i].state == RESOURCE_UNKNOWN ||
		    c->resources[i].state == RESOURCE_STOPPING)
			return true;
	return false;
}

/* Everybody who hears us knows that we have stopped. */
static bool stop_is_known(const struct core *c)
{
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		const struct peer *p = &c->peers[n];
		const struct peer_entry *e = &p->head.peer[c->self];

		if (!is_self(c, n) && p->heard && !p->stalled &&
		    (e->incarnation != c->incarnation || !ha_time_before(c->stopped_at, e->stamp)))
			return false;
	}
	return true;
}

static void set_mode(struct core *c, enum node_mode mode)
{
	c->mode = (uint8_t)mode;
	c->groups_dirty = c->place_dirty = c->again = true;
}

static bool told_to_leave(const struct core *c)
{
	const struct node_intent *row = &c->node_intents[c->self];

	return c->leave || c->stop_service ||
	       (row->version.epoch && row->incarnation == c->incarnation &&
		row->wanted == WANTED_OFFLINE);
}

/* Rule F1: nothing is being stopped, and what still runs is held up by a stop that failed. */
static bool stops_are_over(const struct core *c)
{
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		if (c->groups[g].state != GROUP_OFFLINE && c->groups[g].state != GROUP_STOP_FAILED)
			return false;
	for (uint16_t i = 0; i < c->cfg.n_resources; i++)
		if (c->resources[i].operation)
			return false;
	return true;
}

/* The end of a stop has been told; or those who did not say so have had their time. */
static bool stop_was_told(const struct core *c)
{
	return c->mode == NODE_MODE_STOPPED &&
	       (stop_is_known(c) || !c->ready ||
		ha_time_since(c->now, c->stopped_at) >= 2 * c->cfg.timeout_us);
}

/* Rule O2: the row that told this node to leave tells what follows. */
static void take_power_row(struct core *c)
{
	const struct node_intent *row = &c->node_intents[c->self];

	if (c->power != FINAL_NONE || !row->version.epoch || row->incarnation != c->incarnation ||
	    row->wanted != WANTED_OFFLINE || row->power == POWER_NONE)
		return;
	c->power = row->power == POWER_REBOOT ? FINAL_REBOOT : FINAL_SHUTDOWN;
	c->power_origin = (struct final_origin){UINT16_MAX, UINT16_MAX, UINT16_MAX};
}

static void power_step(struct core *c)
{
	take_power_row(c);
	if (c->power == FINAL_NONE || c->power_given)
		return;
	if (!stop_was_told(c) && !(c->mode == NODE_MODE_STOPPING && stops_are_over(c)))
		return;
	c->power_given = true;
	if (c->power_origin.group == UINT16_MAX && c->power_origin.monitor == UINT16_MAX)
		core_say(c, EVENT_NODE_POWER, c->self)->arg[0] =
			c->power == FINAL_REBOOT ? POWER_REBOOT : POWER_SHUTDOWN;
	struct core_action *a = core_act(c, CORE_ACTION_POWER);
	a->power.action = c->power;
	a->power.resource = c->power_origin.resource;
	a->power.monitor = c->power_origin.monitor;
}

static void stopping(struct core *c)
{
	set_mode(c, NODE_MODE_STOPPING);
	c->stopping_since = c->now;
}

/* Whoever ordered it should hear that it was accepted before the view is gone that accepts it. */
static ha_time answer_until(const struct core *c)
{
	return ha_time_add(c->stopping_since, c->cfg.request_timeout_us);
}

static bool has_groups(const struct core *c, unsigned int node)
{
	for (uint16_t g = 0; g < c->cfg.n_groups; g++) {
		uint8_t state = place_actual(c, g, node)->state;

		if (state != GROUP_OFFLINE && state != GROUP_STOP_FAILED)
			return true;
	}
	return false;
}

/*
 * Rule O3: others that leave too have not yet stopped, and would lose their lease, and with it the
 * time to stop in good order, if all that are ready went first.
 */
static bool is_needed(const struct core *c)
{
	node_mask staying = 0, busy = 0;
	unsigned int n;

	node_mask_for_each (n, c->installed.members & ~node_bit(c->self)) {
		if (!place_leaves(c, n))
			staying |= node_bit(n);
		else if (c->peers[n].heard && has_groups(c, n))
			busy |= node_bit(n);
	}
	/* in a tie they can do without those who leave in good order (rule X9) */
	return busy && !core_quorate(c, staying) && !core_tie(c, staying);
}

static bool is_answered(const struct core *c)
{
	return c->leave || c->stop_service || !c->installed.epoch || request_stop_answered(c) ||
	       ha_time_reached(answer_until(c), c->now);
}

static bool may_stop(const struct core *c)
{
	return is_answered(c) && !(c->lease_valid && is_needed(c));
}

ha_time mode_deadline(const struct core *c)
{
	return c->mode == NODE_MODE_STOPPING && !is_answered(c) ? answer_until(c) : HA_TIME_NEVER;
}

void mode_step(struct core *c)
{
	if (c->mode == NODE_MODE_STARTING && c->ready && !cleaning(c))
		set_mode(c, NODE_MODE_ONLINE);
	if ((c->mode == NODE_MODE_ONLINE || c->mode == NODE_MODE_STARTING) && told_to_leave(c))
		stopping(c);
	if (c->mode == NODE_MODE_STOPPING && mode_holds_nothing(c) && may_stop(c)) {
		set_mode(c, NODE_MODE_STOPPED);
		c->stopped_at = c->now;
		lease_end(c);
		core_say(c, EVENT_AGENT_STOPPED, c->self)->arg[0] = c->incarnation;
	}
	power_step(c);
	if (c->leave && !c->left && stop_was_told(c)) {
		c->left = true;
		(void)core_act(c, CORE_ACTION_LEFT);
	}
}

void mode_leave(struct core *c, enum final_action power, const struct final_origin *origin)
{
	if (!c->stop_service)
		c->stop_request = c->node_intents[c->self].request;
	c->stop_service = true;
	if (power != FINAL_NONE && c->power == FINAL_NONE) {
		c->power = (uint8_t)power;
		c->power_origin = *origin;
	}
	c->again = true;
}

/* A new incarnation without a new process: after a `server stop`, `server start`. */
void mode_restart(struct core *c)
{
	c->incarnation++;
	c->sequence = 0;
	c->ready = false;
	c->stop_service = c->power_given = false;
	c->power = FINAL_NONE;
	c->mode = NODE_MODE_STARTING;
	c->persist_wanted = true;
	c->again = true;
	waive_forget(c);
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		c->peers[n].lease_until = HA_TIME_ZERO;
	core_say(c, EVENT_AGENT_STARTED, c->self)->arg[0] = c->incarnation;
}
