/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Final actions: what is done when nothing else has helped (rules F1, F2, G14, G15), for
 * resources whose start or stop failed and for monitors; and when the lease is lost (rule W5).
 *
 * EVENT_FINAL_ACTION and EVENT_FINAL_SUPPRESSED: group and resource as far as known; arg[0] the
 * enum final_action, arg[1] the monitor's index (UINT16_MAX: a resource's), arg[2] for SUPPRESSED
 * the members that were looked at.
 */
#include "core/internal.h"

/* Rule F2: another member could take over what this one gives up, and will not lose its lease. */
static bool another_is_healthy(const struct core *c)
{
	node_mask others = c->installed.members & ~node_bit(c->self);
	unsigned int n;

	if (!core_quorate(c, others) && !core_tie(c, others))
		return false;
	node_mask_for_each (n, others) {
		const struct peer *p = &c->peers[n];

		if (c->cfg.nodes[n].hosts && p->heard && !p->stalled &&
		    p->head.mode == NODE_MODE_ONLINE && p->head.lease_epoch &&
		    !monitor_critical_error(c, n))
			return true;
	}
	return false;
}

static struct event *say(struct core *c, enum event_id id, enum final_action action,
			 const struct final_origin *origin)
{
	struct event *e = group_say(c, id, origin->group, c->self);

	e->resource = origin->resource;
	e->arg[0] = action;
	e->arg[1] = origin->monitor;
	return e;
}

/* Rule F1: at once. The driver says what became of it. */
static void give_power(struct core *c, enum final_action action, const struct final_origin *origin)
{
	struct core_action *a = core_act(c, CORE_ACTION_POWER);

	a->power.action = (uint8_t)action;
	a->power.resource = origin->resource;
	a->power.monitor = origin->monitor;
}

/* Ends the service of this node: all that is stronger than the group. */
static void end_service(struct core *c, enum final_action action, const struct final_origin *origin)
{
	switch (action) {
	case FINAL_STOP_SERVICE:
		mode_leave(c, FINAL_NONE, origin);
		break;
	case FINAL_SHUTDOWN:
	case FINAL_REBOOT:
		mode_leave(c, action, origin);
		break;
	case FINAL_PANIC:
	case FINAL_WATCHDOG_RESET:
	case FINAL_WATCHDOG_PANIC:
	case FINAL_BMC_RESET:
	case FINAL_BMC_OFF:
	case FINAL_BMC_CYCLE:
	case FINAL_BMC_NMI:
	case FINAL_IO_FENCE:
		give_power(c, action, origin);
		break;
	case FINAL_NONE:
	case FINAL_CONTINUE:
	case FINAL_STOP_GROUP:
	case FINAL_STOP_RESOURCE:
	case FINAL_ACTION_COUNT_:
		break;
	}
}

bool final_take(struct core *c, enum final_action action, bool alone,
		const struct final_origin *origin)
{
	bool here = action == FINAL_NONE || action == FINAL_CONTINUE ||
		    action == FINAL_STOP_GROUP || action == FINAL_STOP_RESOURCE;

	if (!here && !alone && !another_is_healthy(c)) {
		say(c, EVENT_FINAL_SUPPRESSED, action, origin)->arg[2] =
			c->installed.members & ~node_bit(c->self);
		return false;
	}
	say(c, EVENT_FINAL_ACTION, action, origin);
	if (action == FINAL_STOP_GROUP && origin->group < c->cfg.n_groups)
		group_halt(c, origin->group);
	else if (action == FINAL_STOP_RESOURCE && origin->resource < c->cfg.n_resources)
		resource_halt(c, origin->resource);
	else
		end_service(c, action, origin);
	return true;
}

/* The groups are stopped in any case: this is what comes on top of it. Nothing, in a cluster that
 * is suspended (rule O1). */
void final_quorum_lost(struct core *c)
{
	static const struct final_origin nobody = {UINT16_MAX, UINT16_MAX, UINT16_MAX};
	enum final_action action = c->cfg.quorum_loss;

	if (!c->lease_valid || c->mode != NODE_MODE_ONLINE || core_suspended(c))
		return;
	if (action == FINAL_NONE || action == FINAL_CONTINUE || action == FINAL_STOP_GROUP ||
	    action == FINAL_STOP_RESOURCE)
		return;
	core_say(c, EVENT_QUORUM_LOSS, c->self)->arg[0] = action;
	(void)final_take(c, action, true, &nobody);
}
