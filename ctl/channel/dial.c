/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the line of a local client to a connection with the agent of the node that it names: one
 * address after the other, with each of our keys. */
#include "ctl/channel/internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static enum step try_path(struct relay *relay);

/* ---- addresses ---- */

static socklen_t address_size(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					      : sizeof(struct sockaddr_in);
}

static void set_port(struct sockaddr_storage *address, uint16_t port)
{
	if (address->ss_family == AF_INET6)
		((struct sockaddr_in6 *)address)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)address)->sin_port = htons(port);
}

static enum step start_connect(struct relay *relay)
{
	const struct channel_settings *s = &relay->channel->settings;
	struct sockaddr_storage from = s->node[s->self].link[relay->path];
	struct sockaddr_storage to = s->node[relay->node].link[relay->path];
	int r;

	set_port(&from, 0); /* from our address of the same link: it is how the peer knows us */
	set_port(&to, s->port);
	channel_address_text(&to, relay->address);
	r = end_connect(&relay->far, (const struct sockaddr *)&from, (const struct sockaddr *)&to,
			address_size(&to));
	if (r >= 0)
		r = relay_attach(relay, &relay->far);
	if (r < 0) {
		(void)snprintf(relay->why, sizeof relay->why, "%s", strerror(-r));
		return STEP_END;
	}
	return relay_phase(relay, PHASE_CONNECT, CHANNEL_CONNECT_US);
}

static void note_failure(struct relay *relay)
{
	size_t n = strlen(relay->tried);

	(void)snprintf(relay->tried + n, sizeof relay->tried - n, "%slink %u (%s): %s",
		       n ? "; " : "", relay->path + 1U, relay->address, relay->why);
	relay->why[0] = '\0';
	end_close(&relay->far);
	relay->far = (struct end){.fd = -1};
	relay->looked = false;
}

/* This way does not lead there: the next one. */
static enum step next_path(struct relay *relay)
{
	note_failure(relay);
	relay->path++;
	relay->secret = 0;
	return try_path(relay);
}

static enum step try_path(struct relay *relay)
{
	const struct channel *channel = relay->channel;
	const char *name = channel_name(channel, relay->node);

	for (; relay->path < channel->settings.n_links; relay->path++) {
		if (start_connect(relay) == STEP_AGAIN)
			return STEP_AGAIN;
		note_failure(relay);
	}
	channel_say(&relay->channel->locals, LOG_LEVEL_NOTICE,
		    "channel: no way to the agent of %s: %s", name, relay->tried);
	return relay_refuse(relay, "unreachable", "the agent of %s cannot be reached: %s", name,
			    relay->tried);
}

/* ---- steps ---- */

static enum step find_node(struct relay *relay, const char *name)
{
	int node = channel_find(relay->channel, name);

	if (node < 0)
		return relay_refuse(relay, "no-such-node",
				    "there is no node with the name or address '%s'", name);
	relay->node = (uint8_t)node;
	if (node == relay->channel->settings.self)
		return relay_agent_start(relay, &relay->far);
	return try_path(relay);
}

static enum step line_step(struct relay *relay)
{
	char name[CHANNEL_TARGET_SIZE];
	int r = relay_fill(&relay->near, &relay->to_far);
	ssize_t n = relay_line(relay, &relay->to_far, '\n');

	if (r < 0 || (n == -EAGAIN && relay->near.eof))
		return STEP_END;
	if (n == -EAGAIN)
		return r > 0 ? STEP_AGAIN : STEP_WAIT;
	if (n == -EMSGSIZE)
		return relay_refuse(relay, "protocol", "the line is too long");
	if (line_parse_target(relay->to_far.data + relay->to_far.at, (size_t)n, name) < 0)
		return relay_refuse(relay, "protocol", "this is no name or address of a node");
	queue_drop(&relay->to_far, (size_t)n + 1);
	if (queue_count(&relay->to_far) > 0)
		return relay_refuse(relay, "protocol", "more was sent before the answer");
	return find_node(relay, name);
}

static enum step connect_step(struct relay *relay)
{
	struct sockaddr_storage peer;
	socklen_t n = sizeof peer, size = sizeof(int);
	int error = 0, r;

	if (getsockopt(relay->far.fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (!error && getpeername(relay->far.fd, (struct sockaddr *)&peer, &n) < 0)
		return STEP_WAIT;
	r = error ? -error : channel_keep_alive(relay->far.fd);
	if (r >= 0)
		r = tls_start_client(relay);
	if (r < 0) {
		(void)snprintf(relay->why, sizeof relay->why, "%s", strerror(-r));
		return next_path(relay);
	}
	return relay_phase(relay, PHASE_HANDSHAKE, CHANNEL_HANDSHAKE_US);
}

static enum step handshake_step(struct relay *relay)
{
	struct channel_open open = {.change = relay->peer.access == CTL_ACCESS_CHANGE,
				    .uid = relay->peer.uid};
	char line[CHANNEL_LINE_MAX];
	int r = tls_handshake(relay);

	if (r == 0)
		return STEP_WAIT;
	if (r < 0 && relay->secret + 1 < relay->channel->settings.n_secrets) {
		/* while a key is rotated: it may have only the former one */
		note_failure(relay);
		relay->secret++;
		return try_path(relay);
	}
	if (r < 0)
		return next_path(relay);
	queue_put(&relay->to_far, line, line_write_open(&open, line));
	return relay_phase(relay, PHASE_OPEN, CHANNEL_LINE_US + CHANNEL_LINE_US);
}

/* The answer is passed on as it is. */
static enum step open_step(struct relay *relay)
{
	int out = relay_flush(&relay->far, &relay->to_far);
	int in = relay_fill(&relay->far, &relay->to_near);
	ssize_t n = relay_line(relay, &relay->to_near, '\n');
	int r;

	if (n == -EAGAIN && in >= 0 && out >= 0 && !relay->far.eof)
		return in || out ? STEP_AGAIN : STEP_WAIT;
	if (n < 0)
		return relay_refuse(relay, "unreachable", "%s broke off the connection",
				    channel_name(relay->channel, relay->node));
	r = line_parse_answer(relay->to_near.data + relay->to_near.at, (size_t)n);
	if (r == -EINVAL)
		return relay_refuse(relay, "protocol", "%s does not answer as it should",
				    channel_name(relay->channel, relay->node));
	if (r < 0) {
		end_close(&relay->far);
		return relay_phase(relay, PHASE_LAST, CHANNEL_LINE_US);
	}
	return relay_phase(relay, PHASE_PIPE, CHANNEL_IDLE_US);
}

enum step dial_step(struct relay *relay)
{
	switch (relay->phase) {
	case PHASE_LINE:
		return line_step(relay);
	case PHASE_CONNECT:
		return connect_step(relay);
	case PHASE_HANDSHAKE:
		return handshake_step(relay);
	case PHASE_OPEN:
		return open_step(relay);
	case PHASE_AGENT:
		return relay_agent_step(relay);
	case PHASE_PIPE:
	case PHASE_LAST:
	default:
		return STEP_END;
	}
}

enum step dial_late(struct relay *relay)
{
	const char *name = channel_name(relay->channel, relay->node);

	switch (relay->phase) {
	case PHASE_LINE:
		return relay_refuse(relay, "protocol", "no line came in time");
	case PHASE_CONNECT:
		(void)snprintf(relay->why, sizeof relay->why, "no answer");
		return next_path(relay);
	case PHASE_HANDSHAKE:
		(void)snprintf(relay->why, sizeof relay->why, "no TLS handshake in time");
		return next_path(relay);
	case PHASE_AGENT:
	case PHASE_OPEN:
		return relay_refuse(relay, "timeout", "the agent of %s does not answer", name);
	case PHASE_PIPE:
	case PHASE_LAST:
	default:
		return STEP_END;
	}
}
