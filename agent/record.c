/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events: into the ring at once; to the journal, to clients and to peers when the loop has done
 * what they are about. */
#include "agent/agent.h"
#include "agent/ctl_internal.h"

#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_SIZE 512
#define NUMBER_SIZE  24
/* Message ids of the journal: this with the event's id as last four digits. */
#define MESSAGE_ID_FORMAT "5c7a0c7e4f0b4c6f9a5ad1f3b0e1%04x"

struct event record_event(const struct agent *agent, enum event_id id)
{
	struct core_self_info self;
	ha_time now = clock_boot();
	struct event event = {
		.at = now,
		.id = (uint16_t)id,
		.origin = agent->self,
		.node = NODE_NONE,
		.group = UINT16_MAX,
		.resource = UINT16_MAX,
	};

	if (agent->core) {
		core_self_info(agent->core, now, &self);
		event.epoch = self.view.epoch;
	}
	return event;
}

void record_add(struct agent *agent, const struct event *event)
{
	uint64_t floor = replicate_own_floor(agent->replicate);

	/* Never a number again that a peer knows already, should the event file have been lost. */
	if (agent->own_number < floor)
		agent->own_number = floor;
	agent->own_number++;
	status_heard(agent, event, clock_wall_us());
	(void)store_append_event(agent->store, event, agent->own_number, agent->incarnation,
				 clock_wall_us());
}

/* ---- journal ---- */

static int journal_priority(uint8_t severity)
{
	switch ((enum event_severity)severity) {
	case EVENT_ERROR:
		return LOG_LEVEL_ERR;
	case EVENT_WARNING:
		return LOG_LEVEL_WARNING;
	case EVENT_NOTICE:
		return LOG_LEVEL_NOTICE;
	case EVENT_INFO:
	case EVENT_SEVERITY_COUNT_:
	default:
		return LOG_LEVEL_INFO;
	}
}

static void to_journal(struct agent *agent, const struct event_record *record)
{
	const struct event *event = &record->event;
	const struct event_info *info = event_info(event->id);
	const struct event_names names = names_of(agent->config);
	char message[MESSAGE_SIZE], priority[NUMBER_SIZE], id[NUMBER_SIZE], number[NUMBER_SIZE],
		epoch[NUMBER_SIZE], message_id[40];
	int level = journal_priority(info ? info->severity : EVENT_INFO);

	(void)event_format(event, &names, message, sizeof message);
	(void)snprintf(priority, sizeof priority, "%d", level);
	(void)snprintf(id, sizeof id, "%u", event->id);
	(void)snprintf(number, sizeof number, "%" PRIu64, record->number);
	(void)snprintf(epoch, sizeof epoch, "%" PRIu64, event->epoch);
	(void)snprintf(message_id, sizeof message_id, MESSAGE_ID_FORMAT, event->id);
	const struct notify_field fields[] = {
		{"MESSAGE", message},
		{"PRIORITY", priority},
		{"SYSLOG_IDENTIFIER", "holdfastd"},
		{"MESSAGE_ID", message_id},
		{"HOLDFAST_EVENT", info ? info->name : NULL},
		{"HOLDFAST_EVENT_ID", id},
		{"HOLDFAST_NUMBER", number},
		{"HOLDFAST_EPOCH", event->epoch ? epoch : NULL},
		{"HOLDFAST_CLUSTER", agent->config->cluster_name},
		{"HOLDFAST_NODE", names_node(agent->config, event->node)},
		{"HOLDFAST_GROUP", names.group(names.userdata, event->group)},
		{"HOLDFAST_RESOURCE", names.resource(names.userdata, event->resource)},
		{"HOLDFAST_MONITOR", names.monitor(names.userdata, event_monitor(event))},
		{"HOLDFAST_TEXT", event->text[0] ? event->text : NULL},
	};
	int r = notify_journal(agent->notify, fields, sizeof fields / sizeof fields[0]);

	if (r == -ENOTCONN)
		log_at((enum log_level)level, "%s", message);
	else if (r < 0)
		agent->journal_dropped++;
}

void record_publish(struct agent *agent, ha_time now)
{
	const struct event_record *record;
	bool any = false, own = false;

	while ((record = store_event_after(agent->store, agent->published))) {
		agent->published = record->number;
		any = true;
		/* Other nodes' events are in their own journals. */
		if (record->event.origin != agent->self)
			continue;
		to_journal(agent, record);
		own = true;
	}
	if (own)
		replicate_appended(agent->replicate, now);
	if (any)
		streams_kick(agent);
}

/* ---- the store as the journal of replicate.c ---- */

static uint64_t journal_newest(void *userdata, uint8_t origin)
{
	const struct agent *agent = userdata;

	return store_origin_newest(agent->store, origin);
}

static const struct event_record *journal_next(void *userdata, uint8_t origin, uint64_t after)
{
	const struct agent *agent = userdata;
	const struct event_record *record, *best = NULL;

	record = store_origin_event(agent->store, origin, after + 1);
	if (record)
		return record;
	/* A gap: what came next has left the ring, or that node was restarted. Rare. */
	for (record = store_event_after(agent->store, 0); record;
	     record = store_event_after(agent->store, record->number))
		if (record->event.origin == origin && record->origin_number > after &&
		    (!best || record->origin_number < best->origin_number))
			best = record;
	return best;
}

static void journal_append(void *userdata, const struct event_record *record)
{
	struct agent *agent = userdata;

	(void)store_append_event(agent->store, &record->event, record->origin_number,
				 record->origin_incarnation, record->wall_us);
}

struct replicate_journal record_journal(void)
{
	return (struct replicate_journal){
		.newest = journal_newest, .next = journal_next, .append = journal_append};
}

void record_send_blob(void *userdata, uint8_t peer, const void *data, size_t n)
{
	struct agent *agent = userdata;

	hb_lan_send_blob(agent->lan, peer, data, n, clock_boot());
}
