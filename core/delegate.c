/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What this node's kernel may grant in its agent's name (rules K8, K9). The table is handed over
 * before anything is sent; who is left out counts as granted to until the kernel has let go.
 */
#include "core/internal.h"

#include <string.h>

static void fill(const struct core *c, struct delegation *d)
{
	memset(d, 0, sizeof *d);
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		if (!c->cfg.kernel || !lease_may_grant(c, n))
			continue;
		d->incarnation[n] = c->peers[n].member_incarnation;
		d->excluded[n] = c->peers[n].excluded;
		d->lease_us = core_lease_us(c);
	}
	d->number = c->delegation.number;
}

void delegate_step(struct core *c)
{
	struct delegation now;

	fill(c, &now);
	if (memcmp(&now, &c->delegation, sizeof now) == 0)
		return;
	now.number++;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		if (now.incarnation[n])
			c->delegated |= node_bit(n);
		else if (c->delegation.incarnation[n])
			c->peers[n].taking_back = now.number;
	}
	if (now.lease_us > c->delegated_lease_us)
		c->delegated_lease_us = now.lease_us;
	c->delegation = now;
	(void)core_act(c, CORE_ACTION_DELEGATE);
}

/* Rule R5: longer leases than these are not granted from here on. */
static void note_lease(struct core *c)
{
	if (c->delegated_lease_us <= c->delegation.lease_us)
		return;
	c->delegated_lease_us = c->delegation.lease_us;
	c->lease_lowered = c->now;
}

void delegate_taken_back(struct core *c, const struct core_event *event)
{
	uint64_t number = event->taken_back.number;
	unsigned int n;

	if (number > c->delegation.number)
		return;
	if (number == c->delegation.number)
		note_lease(c);
	node_mask_for_each (n, c->delegated) {
		struct peer *p = &c->peers[n];
		ha_time at = event->taken_back.granted_at[n];

		if (c->delegation.incarnation[n] || number < p->taking_back)
			continue;
		c->delegated &= ~node_bit(n);
		if (at.us) /* rule P4: with the longest lease */
			p->granted_clear =
				ha_time_max(p->granted_clear,
					    ha_time_add(at, lease_clear_us(c, c->lease_max_us)));
		/* what was told meanwhile is no end that anybody can wait for */
		c->send_wanted |= node_mask_has(c->told_delegated, n);
		c->told_delegated &= ~node_bit(n);
		c->place_dirty = c->again = true;
	}
}

void core_delegation(const struct core *c, struct delegation *ret)
{
	*ret = c->delegation;
}
