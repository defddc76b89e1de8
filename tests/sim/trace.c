/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/world.h"

#include <string.h>

#define LINE_SIZE 256

static void put(struct world *w, const char *line)
{
	if (w->trace.file) {
		(void)fputs(line, w->trace.file);
		(void)fputc('\n', w->trace.file);
	}
	if (w->trace.ring)
		(void)snprintf(w->trace.ring[w->trace.ring_n++ % w->trace.ring_room], LINE_SIZE,
			       "%s", line);
}

void trace_line(struct world *w, int node, const char *format, ...)
{
	char line[LINE_SIZE], who[16] = "world";
	va_list args;
	int n;

	if (node >= 0)
		(void)snprintf(who, sizeof(who), "n%d", node);
	n = snprintf(line, sizeof(line), "%13.6f  %-6s", (double)w->now / 1e6, who);
	va_start(args, format);
	(void)vsnprintf(line + n, sizeof(line) - (size_t)n, format, args);
	va_end(args);
	put(w, line);
}

static void trace_event(struct world *w, const struct node *n, const struct event *event)
{
	static const struct event_names no_names;
	const struct event_info *info = event_info(event->id);
	char text[180];

	trace_line(w, n->id, "event   %-22s %s", info ? info->name : "?",
		   event_format(event, &no_names, text, sizeof(text)));
}

static void trace_fence(struct world *w, const struct node *n, const struct core_action *a)
{
	if (a->type == CORE_ACTION_FENCE)
		trace_line(w, n->id, "order   n%u %s, level %u (operation %u)", a->fence.target,
			   a->fence.order == FENCE_ORDER_OFF ? "off" : "on", a->fence.level,
			   a->fence.operation);
	else
		trace_line(w, n->id, "end     order %u", a->fence.operation);
}

static void trace_action(struct world *w, const struct node *n, const struct core_action *a)
{
	switch (a->type) {
	case CORE_ACTION_SEND:
		if (w->trace.datagrams)
			trace_line(w, n->id, "send%s", a->send.whole ? "    whole" : "");
		break;
	case CORE_ACTION_RESOURCE_START:
	case CORE_ACTION_RESOURCE_STOP:
		trace_line(w, n->id, "%-7s %s (operation %u, %s%s%s)",
			   a->type == CORE_ACTION_RESOURCE_START ? "start" : "stop",
			   n->config.resources[a->resource.resource].name, a->resource.operation,
			   intent_cause_to_string(a->resource.cause),
			   a->resource.proven ? ", proven" : "",
			   a->resource.urgent ? ", urgent" : "");
		break;
	case CORE_ACTION_RESOURCE_KILL:
		trace_line(w, n->id, "kill    operation %u", a->resource.operation);
		break;
	case CORE_ACTION_LEASE:
		if (w->trace.datagrams || !a->lease.until.us)
			trace_line(w, n->id, "lease   %llu until %.6f, epoch %llu",
				   (unsigned long long)a->lease.number,
				   (double)a->lease.until.us / 1e6,
				   (unsigned long long)a->lease.epoch);
		break;
	case CORE_ACTION_EVENT:
		trace_event(w, n, &a->event);
		break;
	case CORE_ACTION_ANSWER:
		trace_line(w, n->id, "answer  command %llu: %s",
			   (unsigned long long)a->answer.token,
			   answer_code_to_string(a->answer.code));
		break;
	case CORE_ACTION_PERSIST:
		trace_line(w, n->id, "persist");
		break;
	case CORE_ACTION_LEFT:
		trace_line(w, n->id, "left");
		break;
	case CORE_ACTION_MONITOR:
		trace_line(w, n->id, "monitor %u %s%s", a->monitor.monitor,
			   a->monitor.run ? "checks" : "rests",
			   a->monitor.failing ? ", dummy failure" : "");
		break;
	case CORE_ACTION_SCRIPT:
		trace_line(w, n->id, "script  before step %u of monitor %u (operation %u)",
			   a->script.stage, a->script.monitor, a->script.operation);
		break;
	case CORE_ACTION_POWER:
		trace_line(w, n->id, "power   %s",
			   final_action_to_string((enum final_action)a->power.action));
		break;
	case CORE_ACTION_RATIO:
		trace_line(w, n->id, "ratio   %u", a->ratio.ratio);
		break;
	case CORE_ACTION_CONFIG:
		trace_line(w, n->id, "config  %llu, generation %llu",
			   (unsigned long long)a->config.hash,
			   (unsigned long long)a->config.generation);
		break;
	case CORE_ACTION_FENCE:
	case CORE_ACTION_FENCE_CANCEL:
		trace_fence(w, n, a);
		break;
	case CORE_ACTION_DELEGATE: /* the kernel says it */
	case CORE_ACTION_TYPE_COUNT_:
	default:
		break;
	}
}

void trace_actions(struct world *w, const struct node *n, const struct core_actions *actions)
{
	if (!w->trace.file && !w->trace.ring)
		return;
	for (size_t i = 0; i < actions->n; i++)
		trace_action(w, n, &actions->action[i]);
}

void trace_tail(const struct world *w, FILE *to, size_t lines)
{
	size_t first = w->trace.ring_n > lines ? w->trace.ring_n - lines : 0;

	if (w->trace.ring_n - first > w->trace.ring_room)
		first = w->trace.ring_n - w->trace.ring_room;
	for (size_t i = first; i < w->trace.ring_n; i++)
		(void)fprintf(to, "%s\n", w->trace.ring[i % w->trace.ring_room]);
}
