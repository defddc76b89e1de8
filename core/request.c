/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Admin commands: entering here, travelling to the coordinator, answered there (rule N4). */
#include "core/internal.h"

static bool request_is(const struct request_id *a, const struct request_id *b)
{
	return a->node == b->node && a->incarnation == b->incarnation && a->number == b->number;
}

static void answer_token(struct core *c, uint64_t token, const struct request *r, uint8_t code)
{
	struct core_action *a = core_act(c, CORE_ACTION_ANSWER);

	a->answer.token = token;
	a->answer.code = code;
	a->answer.id = r->id;
	struct event *e = core_say(c, EVENT_REQUEST_ANSWERED,
				   r->kind >= REQUEST_NODE_START ? r->target : NODE_NONE);
	e->group = command_group(c, r);
	e->arg[0] = r->kind;
	e->arg[1] = r->id.number;
	e->arg[2] = code;
	e->arg[3] = r->object;
}

static bool request_valid(const struct core *c, const struct request *r)
{
	bool node_request = r->kind == REQUEST_NODE_START || r->kind == REQUEST_NODE_STOP;

	if (r->kind == REQUEST_NONE || r->kind >= REQUEST_KIND_COUNT_)
		return false;
	if (node_request)
		return r->target < c->cfg.n_nodes;
	return command_group(c, r) != UINT16_MAX &&
	       (r->target == NODE_NONE || r->target < c->cfg.n_nodes);
}

void request_enter(struct core *c, const struct core_event *event)
{
	struct request r = {
		.kind = event->request.kind,
		.target = event->request.target,
		.group = event->request.group,
		.object = event->request.object,
		.id = {c->incarnation, ++c->last_number, c->self},
	};
	struct event *e = core_say(c, EVENT_REQUEST_RECEIVED,
				   r.kind >= REQUEST_NODE_START ? r.target : NODE_NONE);

	e->group = command_group(c, &r);
	e->arg[0] = r.kind;
	e->arg[1] = r.id.number;
	e->arg[2] = r.object;
	if (!request_valid(c, &r)) {
		answer_token(c, event->request.token, &r, ANSWER_BAD_TARGET);
	} else if (c->n_queue == REQUESTS_MAX) {
		answer_token(c, event->request.token, &r, ANSWER_BUSY);
	} else if (r.kind == REQUEST_NODE_START && is_self(c, r.target) &&
		   c->mode == NODE_MODE_STOPPED && !c->leave) {
		answer_token(c, event->request.token, &r, ANSWER_ACCEPTED);
		mode_restart(c);
	} else {
		c->queue[c->n_queue++] = (struct pending_request){
			r, event->request.token, ha_time_add(c->now, c->cfg.request_timeout_us)};
	}
}

static void queue_pop(struct core *c, uint8_t code)
{
	answer_token(c, c->queue[0].token, &c->queue[0].request, code);
	c->n_queue--;
	for (uint32_t i = 0; i < c->n_queue; i++)
		c->queue[i] = c->queue[i + 1];
	c->again = true;
}

static uint8_t node_change(struct core *c, const struct request *r, uint8_t wanted)
{
	const struct peer *p = &c->peers[r->target];
	bool here = is_self(c, r->target);
	uint8_t mode = here ? c->mode : p->head.mode;
	bool heard = here || p->heard;
	bool quarantined = node_mask_has(detect_quarantined(c), r->target);

	if (wanted == WANTED_OFFLINE && (mode == NODE_MODE_STOPPED || mode == NODE_MODE_STOPPING))
		return ANSWER_NOTHING_TO_DO;
	if (!heard && !quarantined)
		return ANSWER_TARGET_DOWN;
	if (wanted == WANTED_ONLINE && mode != NODE_MODE_STOPPED && !quarantined)
		return ANSWER_NOTHING_TO_DO;
	c->node_intents[r->target] = (struct node_intent){
		.version = intent_next_version(c),
		.request = r->id,
		.incarnation = here ? c->incarnation : p->head.incarnation,
		.wanted = wanted,
	};
	if (wanted == WANTED_ONLINE)
		detect_release(c, r->target);
	intent_changed(c);
	return ANSWER_NONE;
}

/* As coordinator: writes the row. ANSWER_NONE: done, the answer waits for the disks. */
static uint8_t carry_out(struct core *c, const struct request *r)
{
	switch ((enum request_kind)r->kind) {
	case REQUEST_GROUP_START:
	case REQUEST_GROUP_STOP:
	case REQUEST_GROUP_MOVE:
	case REQUEST_RESOURCE_START:
	case REQUEST_RESOURCE_STOP:
		return command_carry_out(c, r);
	case REQUEST_NODE_START:
		return node_change(c, r, WANTED_ONLINE);
	case REQUEST_NODE_STOP:
		return node_change(c, r, WANTED_OFFLINE);
	case REQUEST_NONE:
	case REQUEST_KIND_COUNT_:
		break;
	}
	return ANSWER_BAD_TARGET;
}

/* A row that a former coordinator wrote for this very command. */
static bool already_written(const struct core *c, const struct request *r)
{
	if (r->kind == REQUEST_NODE_START || r->kind == REQUEST_NODE_STOP)
		return request_is(&c->node_intents[r->target].request, &r->id);
	return request_is(&c->intents[command_group(c, r)].request, &r->id);
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

static void follow_own(struct core *c)
{
	uint8_t from = coordinator_known(c);
	const struct answer *a;

	if (!c->n_queue)
		return;
	if (from == NODE_NONE) {
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

void request_step(struct core *c)
{
	obey_node_row(c);
	if (is_coordinator(c) && c->reaffirmed) {
		for (uint8_t n = 0; n < c->cfg.n_nodes; n++) {
			const struct peer *p = &c->peers[n];

			if (!is_self(c, n) && p->heard && !p->mismatch &&
			    p->head.request.kind != REQUEST_NONE && p->head.request.id.node == n)
				coordinate(c, &p->head.request);
		}
		if (c->n_queue)
			coordinate(c, &c->queue[0].request);
		finish_answers(c);
	}
	follow_own(c);
}

ha_time request_deadline(const struct core *c)
{
	return c->n_queue ? c->queue[0].deadline : HA_TIME_NEVER;
}
