/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Explain: what holds up changes now, since when, and what can be done about it. */
#include "agent/ctl_fence.h"
#include "agent/ctl_internal.h"
#include "agent/explain.h"

#include "util/clock.h"

#include <stdarg.h>
#include <stdio.h>

#define WAIT_TEXT (2 * EXPLAIN_TEXT_SIZE)

static void __attribute__((format(printf, 2, 3))) add(json_t *waits, const char *format, ...)
{
	char text[WAIT_TEXT];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	(void)json_array_append_new(waits, ctl_text(text));
}

static double ago_s(uint64_t wall_us)
{
	uint64_t now = clock_wall_us();

	return now > wall_us ? (double)(now - wall_us) / USEC_PER_SEC : 0;
}

/* While an agent is stalled nothing can change (K11). */
static void stalled(const struct agent *agent, uint8_t n, json_t *waits)
{
	struct core_peer_info info;

	core_peer_info(agent->core, n, clock_boot(), &info);
	if (n == agent->self || info.state != PEER_STALLED)
		return;
	add(waits,
	    "waits for %s, whose agent is stalled since %.1f s; its lease is kept by its kernel",
	    agent->config->nodes[n].name, (double)info.stalled_us / USEC_PER_SEC);
}

/* How many groups cannot go on before the node is proven off. */
static unsigned int blocked_groups(const struct agent *agent, uint8_t n, json_t *waits)
{
	struct core_group_info info;
	unsigned int count = 0;

	for (uint16_t g = 0; g < agent->config->n_groups; g++) {
		core_group_info(agent->core, g, clock_boot(), &info);
		if (info.blocked_by != n || info.intent.wanted != WANTED_ONLINE)
			continue;
		count++;
		add(waits, "group %s waits for the proof that %s does not run it",
		    agent->config->groups[g].name, agent->config->nodes[n].name);
	}
	return count;
}

static void order(const struct agent *agent, uint8_t n, const struct core_fence_info *info,
		  const struct explain_fence *story, json_t *waits)
{
	const char *by = names_node(agent->config, info->executor);
	const char *name = agent->config->nodes[n].name;
	char since[48] = "";

	if (story->since_wall_us)
		(void)snprintf(since, sizeof since, " since %.1f s", ago_s(story->since_wall_us));
	by = by ? by : "nobody";
	if (info->state == FENCE_DELAYED)
		add(waits, "%s is to be fenced by %s, in %.1f s (a delay against mutual fencing)",
		    name, by, (double)info->wait_us / USEC_PER_SEC);
	else if (info->state == FENCE_FAILED)
		add(waits, "%s is being fenced by %s%s: every level has failed, it is tried again",
		    name, by, since);
	else
		add(waits, "%s is being fenced by %s%s", name, by, since);
}

static void remedy(const struct agent *agent, uint8_t n, const struct core_fence_info *info,
		   const struct explain_fence *story, json_t *waits)
{
	const char *name = agent->config->nodes[n].name;

	if (story->failed[0])
		add(waits, "the last try to fence %s failed %.1f s ago: %s", name,
		    ago_s(story->failed_wall_us), story->failed);
	if (story->failed[0] || info->state == FENCE_FAILED)
		add(waits,
		    "what helps: make a fencing device of %s work, start %s again, or see that it "
		    "has no power and say 'holdfast fence confirm %s'",
		    name, name, name);
}

static void fenced(const struct agent *agent, uint8_t n, const struct explain_source *source,
		   json_t *waits)
{
	const char *name = agent->config->nodes[n].name;
	struct core_fence_info info;
	struct explain_fence story;
	unsigned int groups = blocked_groups(agent, n, waits);
	bool ordered;

	fence_look(agent, n, clock_boot(), &info);
	ordered = info.executor != NODE_NONE &&
		  (info.state == FENCE_DELAYED || info.state == FENCE_RUNNING ||
		   info.state == FENCE_FAILED);
	if (!groups && !ordered)
		return;
	explain_fence(source, n, &story);
	if (ordered)
		order(agent, n, &info, &story, waits);
	else if (agent->config->takeover == TAKEOVER_FENCE &&
		 agent->config->nodes[n].n_fence_levels == 0)
		add(waits,
		    "no device can fence %s: start it again, or see that it has no power and say "
		    "'holdfast fence confirm %s'",
		    name, name);
	if (ordered)
		remedy(agent, n, &info, &story, waits);
}

json_t *ctl_waits(const struct agent *agent, const struct explain_source *source)
{
	json_t *waits = json_array();

	for (uint8_t n = 0; n < agent->config->n_nodes; n++) {
		stalled(agent, n, waits);
		if (n != agent->self)
			fenced(agent, n, source, waits);
	}
	return waits;
}
