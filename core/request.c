/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Admin commands: entering here, travelling to the coordinator, answered there (rule N4). */
#include "core/internal.h"

/* The node that a command is about, for its events. */
static uint8_t about_node(const struct request *r)
{
	switch (r->kind) {
	case REQUEST_NODE_START:
	case REQUEST_NODE_STOP:
	case REQUEST_NODE_SHUTDOWN:
	case REQUEST_NODE_REBOOT:
	case REQUEST_FENCE_CONFIRM:
	case REQUEST_MONITOR_SUSPEND:
	case REQUEST_MONITOR_RESUME:
	case REQUEST_MONITOR_FAIL:
	case REQUEST_MONITOR_UNFAIL:
		return r->target;
	default:
		return NODE_NONE;
	}
}

/* What {operand} of the catalogue shows: the index, ratio or hash that its kind names. */
static uint64_t operand(const struct request *r)
{
	return r->kind == REQUEST_RATIO_SET ? r->ratio
	       : r->kind == REQUEST_CONFIG  ? r->value
					    : r->object;
}

static void answer_token(struct core *c, uint64_t token, const struct request *r, uint8_t code)
{
	struct core_action *a = core_act(c, CORE_ACTION_ANSWER);

	a->answer.token = token;
	a->answer.code = code;
	a->answer.id = r->id;
	struct event *e = core_say(c, EVENT_REQUEST_ANSWERED, about_node(r));

	e->group = command_group(c, r);
	e->arg[0] = r->kind;
	e->arg[1] = r->id.number;
	e->arg[2] = code;
	e->arg[3] = operand(r);
}

static bool request_valid(const struct core *c, const struct request *r)
{
	bool some_node = r->target < c->cfg.n_nodes;

	switch ((enum request_kind)r->kind) {
	case REQUEST_GROUP_START:
	case REQUEST_GROUP_STOP:
	case REQUEST_GROUP_MOVE:
	case REQUEST_RESOURCE_START:
	case REQUEST_RESOURCE_STOP:
		return command_group(c, r) != UINT16_MAX && (r->target == NODE_NONE || some_node);
	case REQUEST_MONITOR_SUSPEND:
	case REQUEST_MONITOR_RESUME:
	case REQUEST_MONITOR_FAIL:
	case REQUEST_MONITOR_UNFAIL:
		return r->object < c->cfg.n_monitors && (r->target == NODE_NONE || some_node);
	case REQUEST_NODE_START:
	case REQUEST_NODE_STOP:
	case REQUEST_NODE_SHUTDOWN:
	case REQUEST_NODE_REBOOT:
	case REQUEST_FENCE_CONFIRM:
		return some_node;
	case REQUEST_CLUSTER_START:
	case REQUEST_CLUSTER_STOP:
	case REQUEST_CLUSTER_SUSPEND:
	case REQUEST_CLUSTER_RESUME:
	case REQUEST_CLUSTER_SHUTDOWN:
	case REQUEST_CLUSTER_REBOOT:
	case REQUEST_RATIO_SET:
	case REQUEST_RATIO_RESET:
	case REQUEST_CONFIG:
		return true;
	case REQUEST_NONE:
	case REQUEST_KIND_COUNT_:
		break;
	}
	return false;
}

static bool wants_start(const struct core *c, const struct request *r)
{
	return r->kind == REQUEST_CLUSTER_START ||
	       (r->kind == REQUEST_NODE_START && is_self(c, r->target));
}

static void enqueue(struct core *c, const struct request *r, uint64_t token, bool restarted)
{
	c->queue[c->n_queue++] =
		(struct pending_request){.request = *r,
					 .token = token,
					 .deadline = ha_time_add(c->now, c->cfg.request_timeout_us),
					 .restarted = restarted};
}

void request_enter(struct core *c, const struct core_event *event)
{
	bool stopped = c->mode == NODE_MODE_STOPPED && !c->leave;
	struct request r = {
		.kind = event->request.kind,
		.target = event->request.target,
		.group = event->request.group,
		.object = event->request.object,
		.ratio = event->request.ratio,
		.value = event->request.value,
		.id = {c->incarnation, ++c->last_number, c->self},
	};
	struct event *e = core_say(c, EVENT_REQUEST_RECEIVED, about_node(&r));

	e->group = command_group(c, &r);
	e->arg[0] = r.kind;
	e->arg[1] = r.id.number;
	e->arg[2] = operand(&r);
	if (!request_valid(c, &r)) {
		answer_token(c, event->request.token, &r, ANSWER_BAD_TARGET);
	} else if (r.kind == REQUEST_FENCE_CONFIRM) { /* a word of here, for nobody to carry out */
		answer_token(c, event->request.token, &r, waive_confirm(c, &r));
	} else if (c->n_queue == REQUESTS_MAX) {
		answer_token(c, event->request.token, &r, ANSWER_BUSY);
	} else if (r.kind == REQUEST_NODE_START && is_self(c, r.target) && stopped) {
		answer_token(c, event->request.token, &r, ANSWER_ACCEPTED);
		mode_restart(c);
	} else if (r.kind == REQUEST_CLUSTER_START && stopped) {
		enqueue(c, &r, event->request.token, true);
		mode_restart(c);
	} else {
		enqueue(c, &r, event->request.token, false);
	}
}

static void queue_pop(struct core *c, uint8_t code)
{
	if (c->queue[0].restarted && code == ANSWER_NOTHING_TO_DO)
		code = ANSWER_ACCEPTED; /* what was to be done began when it entered */
	answer_token(c, c->queue[0].token, &c->queue[0].request, code);
	c->n_queue--;
	for (uint32_t i = 0; i < c->n_queue; i++)
		c->queue[i] = c->queue[i + 1];
	c->again = true;
}

/* As coordinator: writes the row. ANSWER_NONE: done, the answer waits for the disks. */
static uint8_t carry_out(struct core *c, const struct request *r)
{
	if (operate_forbidden(c, r->kind))
		return ANSWER_SUSPENDED;
	switch (r->kind) {
	case REQUEST_GROUP_START:
	case REQUEST_GROUP_STOP:
	case REQUEST_GROUP_MOVE:
	case REQUEST_RESOURCE_START:
	case REQUEST_RESOURCE_STOP:
		return command_carry_out(c, r);
	case REQUEST_MONITOR_SUSPEND:
	case REQUEST_MONITOR_RESUME:
	case REQUEST_MONITOR_FAIL:
	case REQUEST_MONITOR_UNFAIL:
		return monitor_request(c, r);
	default:
		return operate_carry_out(c, r);
	}
}

/* A row that a former coordinator wrote for this very command. */
static bool already_written(const struct core *c, const struct request *r)
{
	uint16_t group = command_group(c, r);

	if (group != UINT16_MAX)
		return request_is(&c->intents[group].request, &r->id);
	return operate_written(c, r) || monitor_written(c, r);
}

static bool tells_store_failed(const struct core *c, unsigned int n)
{
	return is_self(c, n) ? c->store_failed : c->peers[n].head.store_failed;
}

static bool any_store_failed(const struct core *c)
{
	unsigned int n;

	node_mask_for_each (n, c->installed.members) {
		if (tells_store_failed(c, n))
			return true;
	}
	return false;
}

static void coordinate(struct core *c, const struct request *r)
{
	struct answer *a = &c->answers[r->id.node];

	if (!request_valid(c, r) || request_is(&a->id, &r->id))
		return;
	a->id = r->id;
	if (already_written(c, r))
		a->code = ANSWER_NONE;
	else if (any_store_failed(c)) /* could not be accepted: leave all as it is */
		a->code = ANSWER_STORE_FAILED;
	else
		a->code = carry_out(c, r);
	c->again = true;
}

enum durability { DURABLE_NOT_YET, DURABLE_EVERYWHERE, DURABLE_FAILED };

static enum durability durability(const struct core *c)
{
	enum durability d = DURABLE_EVERYWHERE;
	unsigned int n;

	node_mask_for_each (n, c->installed.members) {
		const struct vector_head *h = &c->peers[n].head;
		uint64_t digest = is_self(c, n) ? c->durable_digest : h->durable_digest;

		if (tells_store_failed(c, n))
			return DURABLE_FAILED;
		if (digest != c->intent_digest || !core_settled(c, n))
			d = DURABLE_NOT_YET;
	}
	return d;
}

static void finish_answers(struct core *c)
{
	enum durability d = durability(c);

	for (uint8_t n = 0; n < c->cfg.n_nodes && d != DURABLE_NOT_YET; n++) {
		struct answer *a = &c->answers[n];

		if (!a->id.number || a->code != ANSWER_NONE)
			continue;
		a->code = d == DURABLE_FAILED ? ANSWER_STORE_FAILED : ANSWER_ACCEPTED;
		c->again = true;
	}
}

/* Whose answer we wait for: our coordinator, or outside of a view the newest one we hear of. */
static uint8_t coordinator_known(const struct core *c)
{
	uint64_t epoch = 0;
	uint8_t best = NODE_NONE;

	if (c->installed.epoch)
		return c->installed.coordinator;
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		const struct peer *p = &c->peers[n];

		if (p->heard && !p->mismatch && p->head.installed.coordinator == n &&
		    p->head.installed.epoch > epoch) {
			epoch = p->head.installed.epoch;
			best = n;
		}
	}
	return best;
}

static const struct answer *find_answer(const struct core *c, uint8_t from,
					const struct request_id *id)
{
	const struct answer *list = is_self(c, from) ? c->answers : c->peers[from].head.answers;
	uint8_t n = is_self(c, from) ? c->cfg.n_nodes : c->peers[from].head.n_answers;

	for (uint8_t i = 0; i < n; i++)
		if (request_is(&list[i].id, id) && list[i].code != ANSWER_NONE)
			return &list[i];
	return NULL;
}

static bool starts(uint8_t kind)
{
	return kind == REQUEST_NODE_START || kind == REQUEST_CLUSTER_START;
}

static void follow_own(struct core *c)
{
	uint8_t from = coordinator_known(c);
	const struct answer *a;

	/* rule C4: its object has gone with another configuration */
	while (c->n_queue && !request_valid(c, &c->queue[0].request))
		queue_pop(c, ANSWER_BAD_TARGET);
	if (!c->n_queue)
		return;
	if (from == NODE_NONE) {
		/* a start may be what brings the quorum: it waits for those who are coming */
		if (!starts(c->queue[0].request.kind) ||
		    ha_time_reached(c->queue[0].deadline, c->now))
			queue_pop(c, ANSWER_NO_QUORUM);
		return;
	}
	a = find_answer(c, from, &c->queue[0].request.id);
	if (a)
		queue_pop(c, a->code);
	else if (ha_time_reached(c->queue[0].deadline, c->now))
		queue_pop(c, ANSWER_TIMEOUT);
}

/* A row tells this node to leave, or to come back. */
static void obey_node_row(struct core *c)
{
	const struct node_intent *row = &c->node_intents[c->self];

	if (row->incarnation != c->incarnation || !row->version.epoch)
		return;
	if (c->stop_service && request_is(&row->request, &c->stop_request))
		return; /* it is from before a final action stopped us */
	if (row->wanted == WANTED_ONLINE && c->mode == NODE_MODE_STOPPED && !c->leave)
		mode_restart(c);
}

/*
 * Where all have stopped there is no coordinator to write a row: who hears that somebody wants
 * it to start, comes back by itself, once for each command (rule O3).
 */
static void come_by_request(struct core *c)
{
	for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
		const struct peer *p = &c->peers[n];
		const struct request *r = &p->head.request;

		if (c->mode != NODE_MODE_STOPPED || c->leave)
			return;
		if (is_self(c, n) || !p->heard || p->mismatch || !wants_start(c, r) ||
		    r->id.node != n || request_is(&r->id, &c->come_request))
			continue;
		c->come_request = r->id;
		mode_restart(c);
	}
}

bool request_stop_answered(const struct core *c)
{
	const struct node_intent *row = &c->node_intents[c->self];
	const struct request_id *id = &row->request;

	if (!row->version.epoch || row->incarnation != c->incarnation || !id->number ||
	    id->node >= c->cfg.n_nodes)
		return true;
	if (is_self(c, id->node))
		return !c->n_queue || !request_is(&c->queue[0].request.id, id);
	return !c->peers[id->node].heard || !request_is(&c->peers[id->node].head.request.id, id);
}

bool request_is_open(const struct core *c, const struct request_id *id)
{
	uint8_t k = c->installed.coordinator;
	bool here = is_coordinator(c);

	if (!c->installed.epoch || (!here && !c->peers[k].heard))
		return false;
	const struct answer *list = here ? c->answers : c->peers[k].head.answers;
	uint8_t n = here ? c->cfg.n_nodes : c->peers[k].head.n_answers;
	for (uint8_t i = 0; i < n; i++)
		if (request_is(&list[i].id, id) && list[i].code == ANSWER_NONE)
			return true;
	return false;
}

void request_step(struct core *c)
{
	obey_node_row(c);
	come_by_request(c);
	if (is_coordinator(c) && c->reaffirmed) {
		bool may_write = core_settled(c, c->self); /* rule N2 */

		for (uint8_t n = 0; may_write && n < c->cfg.n_nodes; n++) {
			const struct peer *p = &c->peers[n];

			if (!is_self(c, n) && p->heard && core_same_objects(c, n) &&
			    p->head.request.kind != REQUEST_NONE && p->head.request.id.node == n)
				coordinate(c, &p->head.request);
		}
		if (may_write && c->n_queue)
			coordinate(c, &c->queue[0].request);
		finish_answers(c);
	}
	follow_own(c);
}

ha_time request_deadline(const struct core *c)
{
	return c->n_queue ? c->queue[0].deadline : HA_TIME_NEVER;
}
