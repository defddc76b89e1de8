/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Feeds the core and carries out its actions. Answers that a driver gives at once are queued and
 * stepped before the loop waits again, so a whole failover happens in one wake-up. */
#include "agent/agent.h"
#include "agent/apply.h"
#include "agent/ctl_internal.h"
#include "agent/fence.h"
#include "agent/kernel.h"
#include "agent/power.h"
#include "agent/stage.h"

#include "util/clock.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <systemd/sd-event.h>

/* Answers that may wait: each resource has one operation to answer and one loss to report, each
 * monitor one program; a node may be fenced, switched on and checked; and a batch of verdicts. */
#define QUEUE_EXTRA (64 + MONITOR_VERDICTS_MAX + 4 * NODES_MAX)
/* Deadlines of the core that are already past are served at once, so often at most. */
#define OVERDUE_STEPS_MAX 4

size_t step_queue_size(const struct config *config)
{
	return 2 * (size_t)config->n_resources + config->n_monitors + QUEUE_EXTRA;
}

int step_init(struct agent *agent)
{
	size_t size = step_queue_size(agent->config);

	agent->queue.items = calloc(size, sizeof *agent->queue.items);
	agent->actions = calloc(1, sizeof *agent->actions);
	agent->more_actions = calloc(1, sizeof *agent->more_actions);
	agent->runs = calloc(agent->config->n_resources + 1U, sizeof *agent->runs);
	if (!agent->queue.items || !agent->actions || !agent->more_actions || !agent->runs)
		return -ENOMEM;
	for (uint16_t i = 0; i < agent->config->n_resources; i++)
		agent->runs[i].fip = i;
	agent->queue.size = size;
	return 0;
}

static const char **event_text(struct core_event *event)
{
	switch (event->type) {
	case CORE_EVENT_RESOURCE_DONE:
		return &event->resource_done.text;
	case CORE_EVENT_RESOURCE_LOST:
		return &event->resource_lost.text;
	case CORE_EVENT_MONITOR:
		return &event->monitor.text;
	case CORE_EVENT_SCRIPT_DONE:
		return &event->script_done.text;
	case CORE_EVENT_FENCE_DONE:
		return &event->fence_done.text;
	case CORE_EVENT_FENCE_CHECK:
		return &event->fence_check.text;
	case CORE_EVENT_TICK:
	case CORE_EVENT_VECTOR:
	case CORE_EVENT_PERSISTED:
	case CORE_EVENT_REQUEST:
	case CORE_EVENT_FENCED:
	case CORE_EVENT_LEAVE:
	case CORE_EVENT_CONFIG_READY:
	case CORE_EVENT_PROBE_ANSWER:
	case CORE_EVENT_KERNEL:
	case CORE_EVENT_TAKEN_BACK:
	case CORE_EVENT_TYPE_COUNT_:
	default:
		return NULL;
	}
}

void step_post(struct agent *agent, const struct core_event *event)
{
	struct agent_queue *q = &agent->queue;
	struct pending_event *item;
	const char **text;

	/* Bounded by the operations that the core has ordered, and by the commands in hand. */
	assert(q->n < q->size);
	assert(event->type != CORE_EVENT_VECTOR);
	item = &q->items[(q->head + q->n) % q->size];
	item->event = *event;
	text = event_text(&item->event);
	if (text && *text) {
		(void)strncpy(item->text, *text, sizeof item->text - 1);
		item->text[sizeof item->text - 1] = '\0';
		*text = item->text;
	}
	q->n++;
}

/* ---- actions ---- */

static void persist(struct agent *agent)
{
	int r;

	if (agent->persist_busy) {
		agent->persist_waits = true;
		return;
	}
	core_durable(agent->core, &agent->durable);
	r = store_write_state(agent->store, &agent->durable);
	if (r == -EBUSY) {
		agent->persist_waits = true;
	} else if (r < 0) {
		step_post(agent, &(struct core_event){
					 .type = CORE_EVENT_PERSISTED,
					 .persisted = {.generation = agent->durable.generation,
						       .result = r}});
	} else {
		agent->persist_busy = true;
		agent->persist_waits = false;
	}
}

void step_store_answered(struct agent *agent, const struct store_answer *answer)
{
	if (answer->generation == 0) {
		if (answer->result < 0)
			log_warning("cannot write the event file: %s", strerror(-answer->result));
		return;
	}
	agent->persist_busy = false;
	step_post(agent, &(struct core_event){.type = CORE_EVENT_PERSISTED,
					      .persisted = {.generation = answer->generation,
							    .result = answer->result}});
	if (agent->persist_waits)
		persist(agent);
}

static void note_event(struct agent *agent, const struct event *event)
{
	/* 2xx: somebody came, went or changed */
	if (event->id >= EVENT_NODE_HEARD && event->id < EVENT_VIEW_PROPOSED)
		agent->peers_changed = true;
	/* `server start` after `server stop`: a new incarnation of the same process */
	if (event->id == EVENT_AGENT_STARTED)
		agent->incarnation = event->arg[0];
	record_add(agent, event);
}

static void send_vector(struct agent *agent, bool whole, ha_time now)
{
	const struct vector *v = core_vector(agent->core, now);

	hb_lan_send(agent->lan, v, whole, now);
	kernel_sent(agent, v, now);
	if (ha_time_before(now, agent->lease_until))
		net_confirm(agent->net, now);
}

static void carry_out(struct agent *agent, const struct core_action *action, ha_time now)
{
	switch (action->type) {
	case CORE_ACTION_SEND:
		send_vector(agent, action->send.whole, now);
		break;
	case CORE_ACTION_PERSIST:
		persist(agent);
		break;
	case CORE_ACTION_RESOURCE_START:
	case CORE_ACTION_RESOURCE_STOP:
	case CORE_ACTION_RESOURCE_KILL:
		resource_action(agent, action);
		break;
	case CORE_ACTION_LEASE:
		kernel_lease(agent, action);
		break;
	case CORE_ACTION_EVENT:
		note_event(agent, &action->event);
		break;
	case CORE_ACTION_ANSWER:
		commands_answered(agent, action->answer.token, action->answer.code,
				  &action->answer.id);
		break;
	case CORE_ACTION_LEFT:
		agent->left = true;
		(void)sd_event_exit(agent->event, AGENT_EXIT_OK); /* fails only if it has ended */
		break;
	case CORE_ACTION_POWER:
		power_action(agent, action);
		break;
	case CORE_ACTION_MONITOR:
		monitor_order(agent->monitors, action->monitor.monitor, action->monitor.run,
			      action->monitor.failing);
		break;
	case CORE_ACTION_SCRIPT:
		stage_run(agent, action);
		break;
	case CORE_ACTION_RATIO:
		monitor_ratio(agent->monitors, action->ratio.ratio);
		break;
	case CORE_ACTION_CONFIG:
		apply_action(agent, action);
		break;
	case CORE_ACTION_FENCE:
	case CORE_ACTION_FENCE_CANCEL:
		fencing_action(agent, action);
		break;
	case CORE_ACTION_DELEGATE: /* step_at() */
	case CORE_ACTION_TYPE_COUNT_:
	default:
		break;
	}
}

static void ask_core(struct agent *agent, const struct core_event *event, ha_time now,
		     struct core_actions *actions)
{
	if (agent->trace)
		trace_event(agent->trace, now, event);
	core_step(agent->core, event, now, actions);
}

/*
 * What comes behind a change of delegations is carried out when the core has heard what was taken
 * back (rule K9): its answer makes actions of its own, which are carried out after these.
 */
static void step_at(struct agent *agent, const struct core_event *event, ha_time now)
{
	struct core_actions *actions = agent->actions, *more = agent->more_actions;
	struct core_event taken_back;

	ask_core(agent, event, now, actions);
	do {
		struct core_actions *done = actions;
		bool answered = false;

		for (size_t i = 0; i < actions->n; i++) {
			if (actions->action[i].type != CORE_ACTION_DELEGATE) {
				carry_out(agent, &actions->action[i], now);
				continue;
			}
			assert(!answered); /* one a step */
			answered = true;
			kernel_delegate(agent, &taken_back);
			ask_core(agent, &taken_back, now, more);
		}
		actions = answered ? more : NULL;
		more = done;
	} while (actions);
}

static void step(struct agent *agent, const struct core_event *event)
{
	ha_time now = clock_boot();
	struct core_event news;

	agent->stepped = true;
	if (kernel_news(agent, now, &news))
		step_at(agent, &news, now);
	step_at(agent, event, now);
}

/* ---- settling ---- */

static void step_queued(struct agent *agent)
{
	struct agent_queue *q = &agent->queue;

	while (q->n) {
		/* Copied out: carrying out its actions may reuse the place. */
		struct pending_event item = q->items[q->head];
		const char **text = event_text(&item.event);

		if (text && *text)
			*text = item.text;
		q->head = (q->head + 1) % q->size;
		q->n--;
		step(agent, &item.event);
	}
}

static const struct core_event tick = {.type = CORE_EVENT_TICK};

static void serve_overdue(struct agent *agent)
{
	for (int i = 0; i < OVERDUE_STEPS_MAX; i++) {
		if (!ha_time_reached(core_deadline(agent->core), clock_boot()))
			return;
		step(agent, &tick);
		step_queued(agent);
	}
}

static void refresh_peers(struct agent *agent, ha_time now)
{
	struct core_peer_info info;

	agent->peers_changed = false;
	for (uint8_t n = 0; n < agent->config->n_nodes; n++) {
		if (n == agent->self)
			continue;
		core_peer_info(agent->core, n, now, &info);
		replicate_peer(agent->replicate, n, info.paths != 0);
	}
}

void step_now(struct agent *agent, const struct core_event *event)
{
	step(agent, event);
	step_queued(agent);
}

void step_settle(struct agent *agent)
{
	ha_time now;

	step_queued(agent);
	serve_overdue(agent);
	now = clock_boot();
	if (apply_settle(agent, now)) {
		step_now(agent, &tick);
		now = clock_boot();
	}
	if (agent->peers_changed)
		refresh_peers(agent, now);
	record_publish(agent, now);
	commands_progress(agent, now);
}
