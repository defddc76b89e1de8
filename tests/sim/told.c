/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/world.h"

#include "util/hash.h"

/* I4 and I5: what nodes tell, install and write, against all that was told before. */

static int compare(const struct version *a, const struct version *b)
{
	if (a->epoch != b->epoch)
		return a->epoch < b->epoch ? -1 : 1;
	return a->counter < b->counter ? -1 : a->counter > b->counter;
}

static bool same_id(const struct request_id *a, const struct request_id *b)
{
	return a->number == b->number && a->node == b->node && a->incarnation == b->incarnation;
}

#define EPOCH(e) ((unsigned long long)(e))

/* ---- one epoch is one view: two may propose the same, but one only can be installed ---- */

static void record_view(struct world *w, const struct node *n, const struct view *v)
{
	struct view_seen *seen = &w->inv.view[v->epoch % VIEW_SLOTS];

	if (seen->epoch == v->epoch &&
	    (seen->members != v->members || seen->coordinator != v->coordinator))
		world_violate(w, "I4", "n%u: view %llu is %#x of n%u, but was %#x of n%u", n->id,
			      EPOCH(v->epoch), v->members, v->coordinator, seen->members,
			      seen->coordinator);
	*seen = (struct view_seen){v->epoch, v->members, v->coordinator};
}

void told_view(struct world *w, const struct node *n, const struct view *v)
{
	struct told *told = &w->inv.told[n->id];

	record_view(w, n, v);
	if (v->epoch <= told->installed)
		world_violate(w, "I4", "n%u installs view %llu after %llu", n->id, EPOCH(v->epoch),
			      EPOCH(told->installed));
	told->installed = v->epoch;
}

static void check_accepted(struct world *w, const struct node *n, const struct vector_head *h)
{
	struct told *told = &w->inv.told[n->id];
	const struct view *v = &h->accepted;

	if (!v->members ||
	    (v->epoch == told->accepted.epoch && v->members == told->accepted.members))
		return;
	if (v->epoch <= told->accepted.epoch || v->epoch <= told->accepted_before)
		world_violate(w, "I4", "n%u accepts view %llu after %llu", n->id, EPOCH(v->epoch),
			      EPOCH(told->accepted.epoch > told->accepted_before
					    ? told->accepted.epoch
					    : told->accepted_before));
	if (v->coordinator != node_mask_first(v->members) || !node_mask_has(v->members, n->id))
		world_violate(w, "V4", "n%u accepts view %llu of %#x from n%u", n->id,
			      EPOCH(v->epoch), v->members, v->coordinator);
	told->accepted = *v;
}

static void new_incarnation(struct world *w, struct node *n)
{
	struct told *told = &w->inv.told[n->id];

	if (told->accepted.epoch > told->accepted_before)
		told->accepted_before = told->accepted.epoch;
	told->accepted = (struct view){0};
	told->digest = 0;
	for (unsigned int g = 0; g < w->s->config.n_groups; g++)
		told->group[g] = (struct version){0};
	for (unsigned int m = 0; m < w->n_nodes; m++)
		told->member[m] = (struct version){0};
	told->cluster = (struct version){0};
	n->booted_at = w->now; /* also when a stopped agent was told to start */
}

static void check_head(struct world *w, struct node *n, const struct vector_head *h)
{
	struct told *told = &w->inv.told[n->id];

	if (h->incarnation < told->incarnation)
		world_violate(w, "I4", "n%u is incarnation %llu after %llu", n->id,
			      EPOCH(h->incarnation), EPOCH(told->incarnation));
	if (h->incarnation > told->incarnation)
		new_incarnation(w, n);
	told->incarnation = h->incarnation;
	if (h->mode == NODE_MODE_STOPPED)
		fence_over(w, n->id, h->incarnation);
	if (h->promised < told->promised)
		world_violate(w, "I4", "n%u promises %llu after %llu", n->id, EPOCH(h->promised),
			      EPOCH(told->promised));
	told->promised = h->promised;
	if (h->promised < h->accepted.epoch)
		world_violate(w, "I4", "n%u accepts %llu, beyond its promise", n->id,
			      EPOCH(h->accepted.epoch));
	check_accepted(w, n, h);
}

/* ---- one version is one content ---- */

static void record_row(struct world *w, const struct node *n, uint32_t object,
		       const struct version *version, uint64_t content)
{
	uint64_t slot =
		hash64_u64(hash64_u64(HASH64_INIT, version->epoch * 64 + object), version->counter);
	struct row_seen *seen = &w->inv.row[slot % ROW_SLOTS];

	if (seen->object == object && compare(&seen->version, version) == 0 && version->epoch &&
	    seen->content != content)
		world_violate(w, "I4",
			      "n%u: row %u version %llu.%u has another content than before", n->id,
			      object, EPOCH(version->epoch), version->counter);
	*seen = (struct row_seen){*version, content, object};
}

static uint64_t hash_id(uint64_t h, const struct request_id *id)
{
	return hash64_u64(hash64_u64(h, id->incarnation), (uint64_t)id->number << 8 | id->node);
}

static uint64_t hash_group(const struct group_intent *row)
{
	uint64_t h = hash_id(HASH64_INIT, &row->request);

	h = hash64(hash64_u64(h, row->failovers), row->stopped, sizeof(row->stopped));
	return hash64_u64(h, (uint64_t)row->wanted << 32 | (uint64_t)row->owner << 24 |
				     (uint64_t)row->target << 16 | (uint64_t)row->cause << 8 |
				     row->attempt);
}

/* ---- commands ---- */

static struct command_seen *find_command(struct world *w, const struct request_id *id)
{
	for (size_t i = w->inv.n_commands; i-- > 0;)
		if (same_id(&w->inv.command[i].id, id))
			return &w->inv.command[i];
	return NULL;
}

static struct command_seen *know_command(struct world *w, const struct request_id *id)
{
	struct command_seen *c = find_command(w, id);

	if (c || w->inv.n_commands == COMMANDS_MAX)
		return c;
	c = &w->inv.command[w->inv.n_commands++];
	*c = (struct command_seen){.id = *id};
	return c;
}

/* A coordinator that does not know the row carries out a command again: it is newer then. */
static bool may_be_carried_out_again(const struct world *w, const struct command_seen *c)
{
	return c->carried_at && w->now < c->carried_at + 8 * w->s->config.timeout_us;
}

static void set_first(struct world *w, struct command_seen *c, const struct version *version)
{
	c->first = *version;
	c->first_at = w->now;
}

static void row_of_command(struct world *w, const struct node *n, const struct row *row)
{
	struct command_seen *c;

	if (!row->request.number)
		return;
	c = know_command(w, &row->request);
	if (!c)
		return;
	if (c->first.epoch && c->wanted != row->wanted)
		world_violate(w, "I5", "n%u: object %u has a command's id, not its effect", n->id,
			      row->object);
	if (!c->first.epoch || (row->id_changed && compare(&row->version, &c->first) > 0 &&
				may_be_carried_out_again(w, c)))
		set_first(w, c, &row->version);
	c->wanted = row->wanted;
	c->incarnation = row->incarnation;
}

static void check_floor(struct world *w, const struct node *n, const struct row *row,
			const struct command_floor *floor)
{
	const struct command_seen *c;

	if (!floor->valid || compare(&row->version, &floor->first) <= 0 ||
	    row->incarnation != floor->incarnation)
		return;
	c = row->request.number ? find_command(w, &row->request) : NULL;
	if (!c || compare(&c->first, &floor->first) < 0)
		world_violate(w, "I5",
			      "n%u: object %u version %llu.%u has forgotten command %u of n%u",
			      n->id, row->object, EPOCH(row->version.epoch), row->version.counter,
			      floor->id.number, floor->id.node);
}

/* ---- I6: placements ---- */

void told_event(struct world *w, const struct node *n, const struct event *e)
{
	if (e->id == EVENT_GROUP_PLACED && e->group < w->s->config.n_groups)
		w->inv.placed[e->group] = (struct placed){e->epoch, e->node, n->id, false};
}

/* A coordinator that re-affirms may know less than the newest row: that is no placement either. */
static void check_placed(struct world *w, const struct node *n, unsigned int group,
			 const struct group_intent *row)
{
	struct group_intent *newest = &w->inv.newest[group];
	struct placed *p = &w->inv.placed[group];
	uint8_t *owner = &w->inv.told[n->id].owner[group];
	bool given = row->owner != NODE_NONE && row->owner != newest->owner && row->owner != *owner;

	*owner = row->owner;
	if (compare(&row->version, &newest->version) <= 0)
		return;
	if (given && row->cause != CAUSE_CONFLICT &&
	    !(p->owner == row->owner &&
	      (p->epoch == row->version.epoch || (p->by == n->id && !p->told))))
		world_violate(w, "I6", "n%u gives g%u to n%u without an event", n->id, group,
			      row->owner);
	*newest = *row;
}

/* ---- all rows of a vector ---- */

static void check_group(struct world *w, const struct node *n, unsigned int group,
			const struct group_intent *row)
{
	struct told *told = &w->inv.told[n->id];
	struct row r = {
		.version = row->version,
		.request = row->request,
		.object = group,
		.wanted = row->wanted,
		.id_changed = !same_id(&told->group_id[group], &row->request),
	};
	int order = compare(&row->version, &told->group[group]);

	if (order < 0)
		world_violate(w, "I4", "n%u: row of g%u goes back to %llu.%u", n->id, group,
			      EPOCH(row->version.epoch), row->version.counter);
	if (order == 0 && row->version.epoch == 0)
		return;
	record_row(w, n, group, &row->version, hash_group(row));
	if (order <= 0)
		return;
	told->group[group] = row->version;
	told->group_id[group] = row->request;
	row_of_command(w, n, &r);
	check_floor(w, n, &r, &w->inv.floor_group[group]);
	check_placed(w, n, group, row);
}

static void check_member(struct world *w, const struct node *n, unsigned int member,
			 const struct node_intent *row)
{
	struct told *told = &w->inv.told[n->id];
	struct row r = {
		.version = row->version,
		.request = row->request,
		.object = GROUPS_MAX + member,
		.wanted = row->wanted,
		.incarnation = row->incarnation,
		.id_changed = !same_id(&told->member_id[member], &row->request),
	};
	int order = compare(&row->version, &told->member[member]);

	if (order < 0)
		world_violate(w, "I4", "n%u: row of n%u goes back to %llu.%u", n->id, member,
			      EPOCH(row->version.epoch), row->version.counter);
	if (order == 0 && row->version.epoch == 0)
		return;
	record_row(w, n, r.object, &row->version,
		   hash64_u64(hash64_u64(hash_id(HASH64_INIT, &row->request), row->incarnation),
			      (uint64_t)row->power << 8 | row->wanted));
	if (order <= 0)
		return;
	told->member[member] = row->version;
	told->member_id[member] = row->request;
	row_of_command(w, n, &r);
	check_floor(w, n, &r, &w->inv.floor_node[member]);
}

/*
 * Commands of several kinds write this row, and its ratio may end by itself (R3): what one of them
 * left is not the effect of the last one alone.
 */
static void check_cluster(struct world *w, const struct node *n, const struct cluster_intent *row)
{
	struct told *told = &w->inv.told[n->id];
	struct row r = {
		.version = row->version,
		.request = row->request,
		.object = OBJECT_CLUSTER,
		.id_changed = !same_id(&told->cluster_id, &row->request),
	};
	int order = compare(&row->version, &told->cluster);
	uint64_t content = hash_id(HASH64_INIT, &row->request);

	if (order < 0)
		world_violate(w, "I4", "n%u: the row of the cluster goes back to %llu.%u", n->id,
			      EPOCH(row->version.epoch), row->version.counter);
	if (order == 0 && row->version.epoch == 0)
		return;
	content = hash64_u64(content, (uint64_t)row->mode << 16 | row->ratio);
	content = hash64_u64(hash64_u64(content, row->config_generation), row->config_hash);
	record_row(w, n, r.object, &row->version, content);
	if (order <= 0)
		return;
	told->cluster = row->version;
	told->cluster_id = row->request;
	row_of_command(w, n, &r);
	check_floor(w, n, &r, &w->inv.floor_cluster);
}

/* Commands that write the row of the cluster. */
static bool is_about_the_cluster(const struct token *token)
{
	return token->kind == REQUEST_CLUSTER_SUSPEND || token->kind == REQUEST_CLUSTER_RESUME ||
	       token->kind == REQUEST_RATIO_SET || token->kind == REQUEST_RATIO_RESET ||
	       token->kind == REQUEST_CONFIG;
}

static bool is_about_a_node(const struct token *token)
{
	return token->kind == REQUEST_NODE_STOP || token->kind == REQUEST_NODE_SHUTDOWN ||
	       token->kind == REQUEST_NODE_REBOOT;
}

static bool is_about_a_group(const struct token *token)
{
	return token->kind <= REQUEST_GROUP_MOVE || token->kind == REQUEST_RESOURCE_START ||
	       token->kind == REQUEST_RESOURCE_STOP;
}

/* Another command, of the same time, changed the object in the step that carried this one out. */
static bool is_superseded(struct world *w, const struct durable_state *rows,
			  const struct token *token)
{
	bool group = is_about_a_group(token);
	const struct command_seen *c = find_command(
		w, group			 ? &rows->group_intents[token->group].request
		   : is_about_the_cluster(token) ? &rows->cluster.request
						 : &rows->node_intents[token->target].request);

	return c && c->first.epoch &&
	       (c->first_at >= token->issued_at || c->carried_at >= token->issued_at);
}

void invariant_accepted(struct world *w, const struct node *n, const struct request_id *id,
			const struct token *token)
{
	bool group = is_about_a_group(token);
	bool cluster = is_about_the_cluster(token);
	struct command_floor *floor = group	? &w->inv.floor_group[token->group]
				      : cluster ? &w->inv.floor_cluster
						: &w->inv.floor_node[token->target % NODES_MAX];
	static struct durable_state rows;
	const struct command_seen *c;

	/* a start that a stopped agent carries out itself needs no row; others have many rows */
	if (!group && !cluster && !is_about_a_node(token))
		return;
	core_durable(n->core, &rows); /* a view of one need not have told it to anybody */
	if (group)
		check_group(w, n, token->group, &rows.group_intents[token->group]);
	else if (cluster)
		check_cluster(w, n, &rows.cluster);
	else
		check_member(w, n, token->target, &rows.node_intents[token->target]);
	c = find_command(w, id);
	if ((!c || !c->first.epoch) && is_superseded(w, &rows, token))
		return;
	if (!c || !c->first.epoch) {
		world_violate(w, "I5", "n%u: accepted command %u of n%u is in no row", n->id,
			      id->number, id->node);
		return;
	}
	if (floor->valid && compare(&c->first, &floor->first) <= 0)
		return;
	*floor = (struct command_floor){*id, c->first, c->incarnation, true};
}

void invariant_told(struct world *w, struct node *n, const struct vector *v)
{
	struct told *told = &w->inv.told[n->id];
	struct command_seen *c;

	check_head(w, n, &v->head);
	operate_told(w, n, &v->head);
	check_cluster(w, n, &v->head.cluster);
	if (v->head.request.kind != REQUEST_NONE) {
		c = know_command(w, &v->head.request.id);
		if (c)
			c->carried_at = w->now;
	}
	if (told->digest == v->head.intent_digest)
		return;
	told->digest = v->head.intent_digest;
	for (unsigned int g = 0; g < v->n_groups; g++)
		check_group(w, n, v->first_group + g, &v->group_intents[g]);
	for (unsigned int m = 0; m < v->n_nodes; m++)
		check_member(w, n, v->first_node + m, &v->node_intents[m]);
}

/* ---- the disk ---- */

void invariant_durable(struct world *w, const struct node *n, const struct durable_state *next)
{
	const struct durable_state *disk = &n->disk;

	if (!n->disk_any)
		return;
	if (next->incarnation < disk->incarnation || next->epoch_reserve < disk->epoch_reserve ||
	    next->generation <= disk->generation)
		world_violate(w, "I4", "n%u writes an older state", n->id);
	for (unsigned int g = 0; g < w->s->config.n_groups; g++)
		if (compare(&next->group_intents[g].version, &disk->group_intents[g].version) < 0)
			world_violate(w, "I4", "n%u writes an older row of g%u", n->id, g);
	for (unsigned int m = 0; m < w->n_nodes; m++)
		if (compare(&next->node_intents[m].version, &disk->node_intents[m].version) < 0)
			world_violate(w, "I4", "n%u writes an older row of n%u", n->id, m);
}
