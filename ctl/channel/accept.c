/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a connection of another node to one with the agent of this node. Nothing of it reaches the
 * agent before the other side has proven that it has the cluster key. */
#include "ctl/channel/internal.h"

#include <errno.h>
#include <string.h>

static void complain(struct relay *relay, const char *what)
{
	channel_say(&relay->channel->members, LOG_LEVEL_WARNING,
		    "channel: connection of %s (%s) refused: %s",
		    channel_name(relay->channel, relay->node), relay->address, what);
}

static bool has_slot(const struct relay *relay)
{
	const struct channel *channel = relay->channel;
	uint8_t open[NODES_MAX] = {0};

	for (const struct relay *r = channel->relays; r; r = r->next)
		if (r->kind == RELAY_ACCEPT && r->known && r->phase != PHASE_LAST)
			open[r->node]++;
	return slots_inbound(open, channel->settings.n_nodes, channel->settings.self, relay->node);
}

static enum step handshake_step(struct relay *relay)
{
	int r = tls_handshake(relay);

	if (r == 0)
		return STEP_WAIT;
	if (r < 0) {
		complain(relay, relay->why);
		return STEP_END;
	}
	if (!has_slot(relay))
		return relay_refuse(relay, "busy", "%s has no connection free for %s",
				    channel_name(relay->channel, relay->channel->settings.self),
				    channel_name(relay->channel, relay->node));
	relay->known = true;
	return relay_phase(relay, PHASE_LINE, CHANNEL_LINE_US);
}

static enum step line_step(struct relay *relay)
{
	int r = relay_fill(&relay->far, &relay->to_near);
	ssize_t n = relay_line(relay, &relay->to_near, '\n');
	const char *line = relay->to_near.data + relay->to_near.at;

	if (r < 0 || (n == -EAGAIN && relay->far.eof))
		return STEP_END;
	if (n == -EAGAIN)
		return r > 0 ? STEP_AGAIN : STEP_WAIT;
	r = n < 0 ? (int)n : line_parse_open(line, (size_t)n, &relay->open);
	if (r < 0) {
		const char *what = r == -EMSGSIZE	   ? "its line is too long"
				   : r == -EPROTONOSUPPORT ? "it speaks another version"
							   : "its line is not understood";

		complain(relay, what);
		return relay_refuse(relay, "protocol", "%s", what);
	}
	queue_drop(&relay->to_near, (size_t)n + 1);
	if (queue_count(&relay->to_near) > 0)
		return relay_refuse(relay, "protocol", "more was sent before the answer");
	return relay_agent_start(relay, &relay->near);
}

enum step accept_step(struct relay *relay)
{
	switch (relay->phase) {
	case PHASE_HANDSHAKE:
		return handshake_step(relay);
	case PHASE_LINE:
		return line_step(relay);
	case PHASE_AGENT:
		return relay_agent_step(relay);
	case PHASE_CONNECT:
	case PHASE_OPEN:
	case PHASE_PIPE:
	case PHASE_LAST:
	default:
		return STEP_END;
	}
}

enum step accept_late(struct relay *relay)
{
	if (relay->phase == PHASE_AGENT)
		return relay_refuse(relay, "timeout", "the agent of %s does not answer",
				    channel_name(relay->channel, relay->channel->settings.self));
	complain(relay, relay->phase == PHASE_HANDSHAKE ? "no TLS handshake in time"
							: "no line came in time");
	return STEP_END;
}
