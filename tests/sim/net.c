/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/world.h"

#include "include/hb.h"

#include <string.h>

/*
 * The network: every vector passes through the wire codec once when it is sent, then all
 * receivers share what was decoded. Links are independent; each way of a pair can be cut.
 */

struct body *body_unref(struct body *body)
{
	if (body && --body->references == 0)
		free(body);
	return NULL;
}

static void *copy_rows(uint8_t **at, const void *rows, size_t bytes)
{
	void *to = *at;

	if (bytes)
		memcpy(to, rows, bytes);
	*at += (bytes + 15) & ~(size_t)15;
	return to;
}

/* Keeps a decoded vector beyond the life of the scratch space. */
static struct body *body_new(const struct vector *v)
{
	size_t intents = v->n_groups * sizeof(*v->group_intents);
	size_t actuals = v->n_groups * sizeof(*v->group_actuals);
	size_t resources = v->n_resources * sizeof(*v->resource_actuals);
	size_t nodes = v->n_nodes * sizeof(*v->node_intents);
	size_t monitors = v->n_monitors * sizeof(*v->monitor_intents);
	size_t monitor_actuals = v->n_monitors * sizeof(*v->monitor_actuals);
	size_t fences = v->n_fences * sizeof(*v->fences);
	size_t rows = intents + actuals + resources + nodes + monitors + monitor_actuals + fences;
	size_t room = (sizeof(struct body) + 15) & ~(size_t)15;
	struct body *body = malloc(room + rows + (size_t)7 * 16);
	uint8_t *at;

	if (!body)
		abort();
	at = (uint8_t *)body + room;
	body->references = 1;
	body->from = v->head.node;
	body->vector = *v;
	body->vector.group_intents = copy_rows(&at, v->group_intents, intents);
	body->vector.group_actuals = copy_rows(&at, v->group_actuals, actuals);
	body->vector.resource_actuals = copy_rows(&at, v->resource_actuals, resources);
	body->vector.node_intents = copy_rows(&at, v->node_intents, nodes);
	body->vector.monitor_intents = copy_rows(&at, v->monitor_intents, monitors);
	body->vector.monitor_actuals = copy_rows(&at, v->monitor_actuals, monitor_actuals);
	body->vector.fences = copy_rows(&at, v->fences, fences);
	return body;
}

/* ---- recordings ---- */

static void record(struct world *w, struct body *body)
{
	struct net *net = &w->net;
	uint8_t from = body->from;
	struct body **slot;

	if (w->s->theme != THEME_REPLAY && w->s->theme != THEME_LEAVE && w->s->theme != THEME_STORM)
		return;
	/* farewells are short, and worth recording */
	if (w->now < net->record_at[from] && body->vector.head.mode != NODE_MODE_STOPPED)
		return;
	net->record_at[from] = w->now + w->s->config.timeout_us / 2;
	slot = &net->record[from][net->recorded[from]++ % RECORDS_MAX];
	body_unref(*slot);
	body->references++;
	*slot = body;
}

void net_replay(struct world *w, uint8_t from, uint8_t to, struct rng *rng)
{
	struct net *net = &w->net;
	uint64_t at = w->now;

	for (unsigned int i = 0; i < RECORDS_MAX; i++) {
		struct body *body = net->record[from][i];

		if (!body || rng_chance(rng, 300))
			continue;
		at += rng_below(rng, w->s->config.interval_us / 2);
		body->references++;
		world_push(w, at,
			   (struct happening_entry){
				   .type = HAPPENS_DELIVER,
				   .node = to,
				   .from = from,
				   .link = (uint8_t)rng_below(rng, w->s->config.n_links),
				   .body = body});
	}
}

/* ---- sending ---- */

static void transmit(struct world *w, struct node *n, struct body *body, uint8_t to, uint8_t link)
{
	const struct schedule *s = w->s;
	uint32_t loss = w->repairing ? 0 : s->loss_permille + w->net.loss_permille;
	uint32_t twice = s->duplicate_permille + w->net.duplicate_permille;
	unsigned int copies = twice && rng_chance(&n->rng, twice) ? 2 : 1;

	if (w->net.cut[n->id][to][link] || w->net.cut_vectors[n->id][to][link] ||
	    (loss && rng_chance(&n->rng, loss)))
		return;
	for (unsigned int i = 0; i < copies; i++) {
		uint64_t delay = s->delay_us + rng_below(&n->rng, s->delay_jitter_us + 1);

		if (w->net.delay_us && rng_chance(&n->rng, 500))
			delay += rng_below(&n->rng, w->net.delay_us);
		body->references++;
		world_push(w, w->now + delay,
			   (struct happening_entry){.type = HAPPENS_DELIVER,
						    .node = to,
						    .from = n->id,
						    .link = link,
						    .body = body});
	}
}

static bool at_beginning(const struct hb_cursor *c)
{
	return !c->group && !c->resource && !c->node && !c->monitor && !c->fence && !c->answer &&
	       !c->part;
}

/* The size of a datagram that has room for part_bytes of rows beside the head. */
static size_t part_size(const struct world *w, const struct vector *v, struct hb_cursor cursor)
{
	uint8_t wire[HB_BODY_MAX];
	struct hb_limits limits = {0};
	static struct vector bare;
	size_t n;

	if (!w->s->part_bytes)
		return HB_BODY_MAX;
	bare.head = v->head;
	n = hb_wire_body_encode(&bare, &limits, &cursor, wire, sizeof(wire));
	return n + w->s->part_bytes < HB_BODY_MAX ? n + w->s->part_bytes : HB_BODY_MAX;
}

static struct body *encode_part(struct world *w, const struct vector *v, struct hb_cursor *cursor)
{
	static struct vector_rows rows;
	static struct vector decoded;
	uint8_t wire[HB_BODY_MAX];
	const struct core_config *c = &w->s->config;
	struct hb_limits limits = {.n_nodes = c->n_nodes,
				   .n_groups = c->n_groups,
				   .n_resources = c->n_resources,
				   .n_monitors = c->n_monitors,
				   .objects_hash = v->head.objects_hash};
	size_t size = part_size(w, v, *cursor);
	size_t n = hb_wire_body_encode(v, &limits, cursor, wire, size);

	if (n == 0 || !hb_wire_body_decode(wire, n, &limits, &rows, &decoded)) {
		world_violate(w, "wire", "n%u: its own vector cannot be %s", v->head.node,
			      n ? "decoded" : "encoded");
		return NULL;
	}
	return body_new(&decoded);
}

void net_send(struct world *w, struct node *n, bool whole)
{
	const struct vector *v = core_vector(n->core, (ha_time){node_local(n, w->now)});
	unsigned int parts = 0;

	kernel_sent(w, n, v->head.sequence);
	invariant_told(w, n, v);
	do {
		struct body *body = encode_part(w, v, &n->cursor);

		if (!body)
			return;
		for (uint8_t to = 0; to < n->config.n_nodes; to++)
			for (uint8_t link = 0; to != n->id && link < n->config.n_links; link++)
				transmit(w, n, body, to, link);
		record(w, body);
		body_unref(body);
	} while (whole && !at_beginning(&n->cursor) && ++parts < HB_PARTS_MAX);
}

void net_cut(uint8_t cut[NODES_MAX][LINKS_MAX], uint8_t to, uint8_t link, int change)
{
	for (uint8_t k = 0; k < LINKS_MAX; k++)
		if (link == LINKS_MAX || link == k)
			cut[to][k] = (uint8_t)(cut[to][k] + change);
}

void net_reset(struct net *net)
{
	for (unsigned int i = 0; i < NODES_MAX; i++)
		for (unsigned int k = 0; k < RECORDS_MAX; k++)
			body_unref(net->record[i][k]);
	memset(net, 0, sizeof(*net));
}
