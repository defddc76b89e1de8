/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is heard, late, silent, isolated, quarantined (rules D1 to D5). */
#include "core/internal.h"

/* A step that comes late adds at most this much silence (rule D3). */
static uint64_t advance_cap_us(const struct core *c)
{
	return 2 * c->cfg.interval_us;
}

static uint64_t late_us(const struct core *c, uint8_t node)
{
	return c->cfg.late_percent ? peer_timeout_us(c, node) / 100 * c->cfg.late_percent
				   : UINT64_MAX;
}

/*
 * Rule D3: what came while this agent did not run may have been lost, and may not have been read
 * yet. The next beat shall be in time to say so.
 */
static uint64_t silence_after(const struct core *c, uint8_t node, uint64_t add_us, bool late)
{
	uint64_t was = c->peers[node].silence_us, is = was + add_us;
	uint64_t most = peer_timeout_us(c, node) - c->cfg.interval_us * 3 / 2;

	if (!late || is <= most)
		return is;
	return was > most ? was : most;
}

void detect_advance(struct core *c, uint64_t elapsed_us)
{
	uint64_t add = elapsed_us < advance_cap_us(c) ? elapsed_us : advance_cap_us(c);

	if (elapsed_us > add) {
		c->gap_end = c->now;
		c->gap_us = elapsed_us - add;
	}
	if (elapsed_us > core_timeout_us(c) && c->ready)
		core_say(c, EVENT_AGENT_STALLED, c->self)->arg[0] = elapsed_us;
	c->unshrunk_us += c->unshrunk_us < UINT64_MAX / 2 ? add : 0;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		struct peer *p = &c->peers[n];

		p->silence_us = silence_after(c, n, add, elapsed_us > add);
		for (uint8_t k = 0; k < c->cfg.n_links; k++)
			p->link_silence_us[k] += add;
	}
	kernel_advance(c, add);
}

static void judge_links(struct core *c, uint8_t node)
{
	struct peer *p = &c->peers[node];

	for (uint8_t k = 0; k < c->cfg.n_links; k++) {
		bool was = p->paths & (1U << k);
		bool up = (p->links_known & (1U << k)) && p->verified &&
			  (was || !p->link_silence_us[k]) && link_silence_left(c, node, k);

		if (was == up)
			continue;
		p->paths = (uint8_t)(p->paths ^ (1U << k));
		struct event *e = core_say(c, up ? EVENT_LINK_UP : EVENT_LINK_DOWN, node);
		e->arg[0] = k;
		e->arg[1] = p->link_silence_us[k];
	}
}

static uint64_t groups_held(const struct core *c, uint8_t node)
{
	uint64_t n = 0;

	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		n += c->peers[node].groups[g].state != GROUP_OFFLINE;
	return n;
}

/* Rule K11. */
static void judge_stall(struct core *c, uint8_t node, bool beats, bool stalled)
{
	struct peer *p = &c->peers[node];
	uint64_t limit_us = kernel_stall_limit(c), age_us = kernel_stall_age(c, node);

	if (p->stalled == stalled)
		return;
	p->stalled = stalled;
	c->again = c->place_dirty = true;
	if (stalled) {
		struct event *e = core_say(c, EVENT_NODE_STALLED, node);
		e->arg[0] = age_us;
		e->arg[1] = limit_us;
		e->arg[2] = groups_held(c, node);
		p->stall_since = p->head_received;
	} else if (beats) {
		if (p->kernel.incarnation == p->head.incarnation) /* else: restarted */
			core_say(c, EVENT_NODE_RESUMED, node)->arg[0] =
				ha_time_since(c->now, p->stall_since);
	} else if (age_us >= limit_us) {
		struct event *e = core_say(c, EVENT_NODE_STALL_EXPIRED, node);
		e->arg[0] = age_us;
		e->arg[1] = limit_us;
	}
}

static void judge_silence(struct core *c, uint8_t node)
{
	struct peer *p = &c->peers[node];
	uint64_t timeout_us = peer_timeout_us(c, node);
	bool lively = p->heard && !p->stalled;
	/* only a beat brings it back: a limit that grows does not */
	bool beats = p->verified && (lively || !p->silence_us) && peer_silence_left(c, node);
	bool stalled = !beats && p->heard && kernel_stalled(c, node);
	bool heard = beats || stalled;

	judge_stall(c, node, beats, stalled);

	if (p->heard && heard && !p->late && p->silence_us >= late_us(c, node)) {
		struct event *e = core_say(c, EVENT_NODE_LATE, node);
		e->arg[0] = p->silence_us;
		e->arg[1] = timeout_us;
		p->late = true;
	}
	if (p->heard == heard)
		return;
	p->heard = heard;
	p->late = false;
	c->again = c->place_dirty = true;
	if (heard) {
		core_say(c, EVENT_NODE_HEARD, node)->arg[0] = p->head.incarnation;
		return;
	}
	if (p->left_incarnation == p->head.incarnation)
		return; /* it said that it goes */
	struct event *e = core_say(c, EVENT_NODE_SILENT, node);
	e->arg[0] = p->silence_us;
	e->arg[1] = timeout_us;
	e->arg[2] = p->paths;
}

/* Heard, but outside the clique for longer than a timeout: for the status and an event. */
static void judge_isolation(struct core *c, uint8_t node)
{
	struct peer *p = &c->peers[node];
	bool isolated = p->heard && c->installed.epoch && !p->left_incarnation && !p->mismatch &&
			!node_mask_has(c->wanted, node) &&
			!node_mask_has(detect_quarantined(c), node) &&
			ha_time_since(c->now, c->wanted_since) > c->cfg.timeout_us;
	node_mask hears = 0;

	if (isolated == p->isolated)
		return;
	p->isolated = isolated;
	if (!isolated)
		return;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		hears |= p->head.peer[n].heard ? node_bit(n) : 0;
	core_say(c, EVENT_NODE_ISOLATED, node)->arg[0] = hears;
}

static void take_echo(struct core *c, uint8_t node, const struct vector_head *h)
{
	struct peer *p = &c->peers[node];

	if (h->incarnation < p->echo_incarnation ||
	    (h->incarnation == p->echo_incarnation && h->sequence <= p->echo_sequence))
		return;
	p->echo_incarnation = h->incarnation;
	p->echo_sequence = h->sequence;
	p->echo_stamp = h->stamp;
	p->echo_received = c->now;
}

static void new_incarnation(struct core *c, uint8_t node, uint64_t incarnation)
{
	struct peer *p = &c->peers[node];

	if (p->verified) {
		struct event *e = core_say(c, EVENT_NODE_RESTARTED, node);
		e->arg[0] = incarnation;
		e->arg[1] = p->head.incarnation;
	}
	for (uint16_t g = 0; g < c->cfg.n_groups; g++)
		p->groups[g] = (struct group_actual){0}; /* GROUP_UNKNOWN blocks takeovers */
	for (uint16_t r = 0; r < c->cfg.n_resources; r++)
		p->resources[r] = (struct resource_actual){0};
	for (uint16_t i = 0; i < c->cfg.n_monitors; i++)
		p->monitors[i] = (struct monitor_actual){0};
	c->monitors_dirty = true;
	p->actual_stale = true;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		p->fences[n] = (struct fence_row){.by = NODE_NONE};
	p->life_since = c->now;
	p->left_incarnation = 0;
	p->fenced_incarnation = 0;
	p->fenced_at = HA_TIME_ZERO;
	c->by_person &= ~node_bit(node);
	p->lease_until = HA_TIME_ZERO;
}

static void take_hashes(struct core *c, uint8_t node, const struct vector_head *h)
{
	struct peer *p = &c->peers[node];
	bool differs = h->config_hash != c->cfg.config_hash;
	bool objects = h->objects_hash != c->cfg.objects_hash;

	p->mismatch = h->safety_hash != c->cfg.safety_hash;
	if (objects != p->objects_differ) {
		p->objects_differ_since = c->now;
		c->place_dirty = c->again = true;
	}
	p->objects_differ = objects;
	if (differs != p->config_differs)
		p->config_since = c->now;
	p->config_differs = differs;
}

/* Rule C2: one of the two is about to apply what the cluster has agreed on. */
static bool is_applying(const struct core *c, const struct peer *p)
{
	uint64_t agreed = c->cluster.config_hash;

	return agreed && (p->head.config_hash == agreed || c->cfg.config_hash == agreed) &&
	       ha_time_since(c->now, p->config_since) < c->cfg.request_timeout_us;
}

static void judge_config(struct core *c, uint8_t node)
{
	struct peer *p = &c->peers[node];
	bool differs = p->config_differs;

	if (differs == p->config_said || !p->verified || (differs && is_applying(c, p)))
		return;
	p->config_said = differs;
	struct event *e = core_say(c, differs ? EVENT_CONFIG_MISMATCH : EVENT_CONFIG_MATCH, node);
	e->arg[0] = p->head.config_hash;
	e->arg[1] = c->cfg.config_hash;
}

void detect_judge(struct core *c)
{
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		struct peer *p = &c->peers[n];

		if (is_self(c, n))
			continue;
		judge_silence(c, n);
		judge_links(c, n);
		kernel_judge_links(c, n);
		judge_isolation(c, n);
		judge_config(c, n);
		if (p->quarantine_until.us && ha_time_reached(p->quarantine_until, c->now)) {
			p->quarantine_until = HA_TIME_ZERO;
			core_say(c, EVENT_NODE_RELEASED, n);
			c->again = true;
		}
	}
}

static void take_mode(struct core *c, uint8_t node, const struct vector_head *h)
{
	struct peer *p = &c->peers[node];

	if (h->mode != p->head.mode && h->mode == NODE_MODE_STOPPING)
		core_say(c, EVENT_NODE_LEAVING, node)->arg[0] = h->incarnation;
	if (h->mode != NODE_MODE_STOPPED) {
		p->left_incarnation = 0; /* rule Q3: any newer word ends the proof */
	} else if (p->left_incarnation != h->incarnation) {
		p->left_incarnation = h->incarnation;
		core_say(c, EVENT_NODE_LEFT, node)->arg[0] = h->incarnation;
	}
}

static void raise_epoch_seen(struct core *c, uint64_t epoch)
{
	if (epoch > c->epoch_seen)
		c->epoch_seen = epoch;
}

static void take_rows(struct core *c, uint8_t node, const struct vector *v)
{
	struct peer *p = &c->peers[node];

	for (uint16_t i = 0; i < v->n_groups && v->first_group + i < c->cfg.n_groups; i++)
		p->groups[v->first_group + i] = v->group_actuals[i];
	for (uint16_t i = 0; i < v->n_resources && v->first_resource + i < c->cfg.n_resources; i++)
		p->resources[v->first_resource + i] = v->resource_actuals[i];
	for (uint16_t i = 0; i < v->n_monitors && v->first_monitor + i < c->cfg.n_monitors; i++)
		p->monitors[v->first_monitor + i] = v->monitor_actuals[i];
	c->monitors_dirty |= v->n_monitors != 0;
	if (v->n_groups || v->n_resources || v->n_monitors) {
		p->actual_stale = true;
		/* the head came with an earlier part: place_step() may wait for these rows */
		if (p->actual_digest != p->head.actual_digest)
			c->place_dirty = true;
	}
	if (!p->mismatch)
		fence_heard(c, node, v);
	intent_merge(c, v);
}

/* An end of its grants to some node has come in sight (rules L4, K9). */
static bool end_is_told(const struct vector_head *a, const struct vector_head *b)
{
	for (uint8_t n = 0; n < a->n_peers; n++)
		if (a->peer[n].clear_us != UINT32_MAX && b->peer[n].clear_us == UINT32_MAX)
			return true;
	return false;
}

/* Part of place_step()'s input changed, rather than just times. */
static bool head_matters(const struct vector_head *a, const struct vector_head *b)
{
	return a->incarnation != b->incarnation || a->mode != b->mode || a->warm != b->warm ||
	       !view_equal(&a->accepted, &b->accepted) ||
	       !view_equal(&a->installed, &b->installed) || a->intent_digest != b->intent_digest ||
	       a->actual_digest != b->actual_digest || a->durable_digest != b->durable_digest;
}

static void take_head(struct core *c, uint8_t node, const struct vector_head *h)
{
	struct peer *p = &c->peers[node];

	if (!p->verified || h->incarnation != p->head.incarnation)
		new_incarnation(c, node, h->incarnation);
	take_hashes(c, node, h);
	take_mode(c, node, h);
	if (!p->verified || head_matters(h, &p->head) || end_is_told(h, &p->head))
		c->place_dirty = true;
	p->head = *h;
	p->head_received = c->now;
	p->verified = true;
	raise_epoch_seen(c, h->promised);
	raise_epoch_seen(c, h->accepted.epoch);
	raise_epoch_seen(c, h->installed.epoch);
	if (p->mismatch)
		return;	    /* rule D4 */
	c->warm |= h->warm; /* rule S2 */
	operate_merge(c, node, h);
	lease_grant_heard(c, node, h);
	lease_refusal_heard(c, node, h);
}

void detect_vector(struct core *c, const struct vector *v, uint8_t link)
{
	const struct vector_head *h = &v->head;
	struct peer *p;

	if (h->node >= c->cfg.n_nodes || is_self(c, h->node) || h->n_peers != c->cfg.n_nodes)
		return;
	p = &c->peers[h->node];
	take_echo(c, h->node, h);
	if (h->peer[c->self].incarnation != c->incarnation || !c->ready)
		return; /* rule D1 */
	if (p->verified) {
		bool older = h->incarnation != p->head.incarnation
				     ? h->incarnation < p->head.incarnation
				     : h->sequence < p->head.sequence;
		if (older)
			return; /* rule D2 */
	}
	if (!p->verified || h->incarnation != p->head.incarnation ||
	    h->sequence != p->head.sequence)
		take_head(c, h->node, h);
	if (core_same_objects(c, h->node)) /* rules D4, C3 */
		take_rows(c, h->node, v);
	p->silence_us = 0;
	p->late = false;
	ratio_beat_heard(c, h->node, link);
	if (link < LINKS_MAX) {
		p->links_known |= (uint8_t)(1U << link);
		p->link_silence_us[link] = 0;
	}
}

void detect_departed(struct core *c, node_mask departed)
{
	unsigned int n;

	node_mask_for_each (n, departed) {
		struct peer *p = &c->peers[n];
		uint32_t recent = 0;

		if (is_self(c, n) || p->left_incarnation || c->cfg.flap_limit == 0)
			continue;
		p->flaps[p->n_flaps++ % FLAPS_MAX] = c->now;
		for (uint32_t i = 0; i < FLAPS_MAX && i < p->n_flaps; i++)
			recent += ha_time_since(c->now, p->flaps[i]) < c->cfg.flap_window_us;
		if (recent < c->cfg.flap_limit)
			continue;
		uint64_t us = c->cfg.quarantine_us;
		for (uint32_t i = 0; i < p->strikes && us < c->cfg.quarantine_max_us; i++)
			us *= 2;
		if (us > c->cfg.quarantine_max_us)
			us = c->cfg.quarantine_max_us;
		p->strikes++;
		p->n_flaps = 0;
		p->quarantine_until = ha_time_add(c->now, us);
		struct event *e = core_say(c, EVENT_NODE_QUARANTINED, (uint8_t)n);
		e->arg[0] = us;
		e->arg[1] = recent;
	}
}

void detect_release(struct core *c, uint8_t node)
{
	struct peer *p = &c->peers[node];

	if (p->quarantine_until.us)
		core_say(c, EVENT_NODE_RELEASED, node);
	p->quarantine_until = HA_TIME_ZERO;
	p->n_flaps = p->strikes = 0;
	c->again = true;
}

node_mask detect_quarantined_here(const struct core *c)
{
	node_mask mask = 0;

	for (uint8_t n = 0; n < c->cfg.n_nodes; n++)
		mask |= c->peers[n].quarantine_until.us ? node_bit(n) : 0;
	return mask;
}

/* Rule D5: ours, and what those say whom we hear. */
node_mask detect_quarantined(const struct core *c)
{
	node_mask mask = detect_quarantined_here(c), others = node_bit(c->self);

	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		const struct peer *p = &c->peers[n];

		if (is_self(c, n) || !p->heard || p->mismatch)
			continue;
		mask |= p->head.quarantined;
		if (p->head.mode != NODE_MODE_STOPPED)
			others |= node_bit(n);
	}
	mask &= ~node_bit(c->self);
	/* a node that flaps is better than none */
	return core_quorate(c, others & ~mask) ? mask : 0;
}

ha_time detect_deadline(const struct core *c)
{
	uint64_t soonest = UINT64_MAX;
	ha_time t = HA_TIME_NEVER;

	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		const struct peer *p = &c->peers[n];
		uint64_t left = p->stalled ? kernel_stall_left(c, n) : peer_silence_left(c, n);
		uint64_t late = late_us(c, n);

		if (p->quarantine_until.us)
			t = ha_time_min(t, p->quarantine_until);
		if (is_self(c, n) || !p->heard)
			continue;
		if (!p->late && p->silence_us < late && late - p->silence_us < left)
			left = late - p->silence_us;
		soonest = left < soonest ? left : soonest;
	}
	return soonest == UINT64_MAX ? t : ha_time_min(t, ha_time_add(c->now, soonest));
}
