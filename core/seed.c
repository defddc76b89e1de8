/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A core in the middle of a state that others tell: for `holdfast simulate`, which asks the same
 * code what it would do. No rule is bent for it: what is set here is what the nodes say of
 * themselves.
 */
#include "core/internal.h"

#define SEED_INCARNATION 1

static void seed_rows(struct core *c, const struct core_seed *seed)
{
	struct version version = {.epoch = seed->view.epoch, .counter = 1};

	for (uint16_t g = 0; g < c->cfg.n_groups; g++) {
		c->intents[g] = seed->group_intents[g];
		c->intents[g].version = version;
	}
	for (uint16_t m = 0; m < c->cfg.n_monitors; m++) {
		c->monitor_intents[m] = seed->monitor_intents[m];
		if (seed->monitor_intents[m].suspended || seed->monitor_intents[m].failing)
			c->monitor_intents[m].version = version;
	}
	c->cluster = seed->cluster;
	c->cluster.version = version;
	c->counter = 1;
	c->reaffirmed = true; /* looked at only by the coordinator */
}

static void seed_own(struct core *c, const struct core_seed *seed)
{
	for (uint16_t i = 0; i < c->cfg.n_resources; i++)
		c->resources[i].state = seed->resource_states[c->self][i];
	for (uint16_t g = 0; g < c->cfg.n_groups; g++) {
		const struct group_actual *a = &seed->group_actuals[c->self][g];

		c->groups[g].state = a->state;
		c->groups[g].run = a->state == GROUP_ONLINE || a->state == GROUP_STARTING;
		c->groups[g].failed_attempt = a->failed_attempt;
		c->groups[g].cause = seed->group_intents[g].cause;
	}
}

static void seed_view(struct core *c, const struct core_seed *seed)
{
	if (!node_mask_has(seed->view.members, c->self))
		return;
	c->installed = c->accepted = seed->view;
	c->wanted = seed->view.members;
	c->with = seed->view.members & ~node_bit(c->self);
	c->installed_at = c->wanted_since = c->now;
	c->lease_valid = true;
	c->lease_number++;
	c->lease_epoch = seed->view.epoch;
	c->lease_until = ha_time_add(c->now, core_lease_us(c));
	c->grants_after = HA_TIME_ZERO;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		c->peers[n].member_incarnation =
			node_mask_has(seed->view.members, n) ? SEED_INCARNATION : 0;
}

int core_new_seeded(const struct core_config *config, const struct core_seed *seed, ha_time now,
		    struct core **ret)
{
	struct core *c = NULL;
	int r = core_new(config, NULL, NULL, now, &c);

	if (r < 0)
		return r;
	c->promised = c->epoch_seen = seed->view.epoch;
	c->reserve = seed->view.epoch + EPOCH_BLOCK;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		c->peers[n].excluded = 0;
		c->peers[n].granted_clear = now; /* what a former run granted is over */
	}
	c->incarnation = SEED_INCARNATION;
	c->ready = c->warm = true;
	c->persist_wanted = false;
	c->mode = node_mask_has(seed->offline, c->self) ? NODE_MODE_STOPPED : NODE_MODE_ONLINE;
	seed_rows(c, seed);
	ratio_begin(c, seed->ratio_left_us);
	c->lease_max_us = c->lease_max_durable =
		c->cfg.lease_us * (seed->cluster.ratio > 1 ? seed->cluster.ratio : 1);
	ratio_adopt(c);
	seed_own(c, seed);
	seed_view(c, seed);
	c->intent_digest = c->durable_digest = intent_digest(c);
	c->groups_dirty = c->place_dirty = true;
	*ret = c;
	return 0;
}
