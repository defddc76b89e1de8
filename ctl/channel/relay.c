/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One connection that is carried. Whatever happens to one of its descriptors or its time, the pump
 * does all that can be done now and then waits for exactly what is missing. Each direction has a
 * bounded queue, and nothing is read while it is full: so the slower side sets the pace.
 *
 * The end of one side ends the relay, once what it had sent is passed on: a client that wants
 * replies keeps its connection open.
 */
#include "ctl/channel/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#define STEPS_PER_TURN 32 /* of one relay, before others get their turn */

/* ---- descriptors ---- */

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)source;
	(void)fd;
	(void)events;
	relay_pump(userdata);
	return 0;
}

static int on_turn(sd_event_source *source, void *userdata)
{
	(void)source;
	relay_pump(userdata);
	return 0;
}

int relay_attach(struct relay *relay, struct end *end)
{
	int r = sd_event_add_io(relay->channel->event, &end->io, end->fd, EPOLLIN, on_io, relay);

	return r < 0 ? r : 0;
}

void relay_detach(struct end *end)
{
	end->io = sd_event_source_disable_unref(end->io);
}

/* A descriptor of which nothing is wanted is not watched: a peer that hung up would wake us again
 * and again. */
static int watch(struct end *end, uint32_t events)
{
	int r;

	if (!end->io)
		return 0;
	if (events == 0)
		return sd_event_source_set_enabled(end->io, SD_EVENT_OFF);
	r = sd_event_source_set_io_events(end->io, events);
	return r < 0 ? r : sd_event_source_set_enabled(end->io, SD_EVENT_ON);
}

/* ---- bytes ---- */

int relay_fill(struct end *end, struct queue *queue)
{
	size_t room;
	char *to = queue_room(queue, &room);
	ssize_t n;

	if (end->fd < 0 || end->eof || room == 0)
		return 0;
	n = end_read(end, to, room);
	if (n == -EAGAIN)
		return 0;
	if (n < 0)
		return (int)n;
	if (n == 0)
		end->eof = true;
	queue_added(queue, (size_t)n);
	return 1;
}

int relay_flush(struct end *end, struct queue *queue)
{
	ssize_t n;

	if (end->fd < 0 || queue_count(queue) == 0)
		return 0;
	n = end_write(end, queue->data + queue->at, queue_count(queue));
	if (n == -EAGAIN)
		return 0;
	if (n < 0)
		return (int)n;
	queue_drop(queue, (size_t)n);
	return n > 0;
}

ssize_t relay_line(struct relay *relay, struct queue *queue, char end)
{
	const char *start = queue->data + queue->at;
	size_t n = queue_count(queue), from = relay->scanned < n ? relay->scanned : 0;
	const char *found = memchr(start + from, end, n - from);
	size_t max = end == '\n' ? CHANNEL_LINE_MAX : CHANNEL_QUEUE_BYTES;

	if (!found) {
		relay->scanned = n;
		return n >= max ? -EMSGSIZE : -EAGAIN;
	}
	relay->scanned = 0;
	n = (size_t)(found - start);
	return n >= max ? -EMSGSIZE : (ssize_t)n;
}

/* ---- phases ---- */

enum step relay_phase(struct relay *relay, enum phase phase, uint64_t us)
{
	relay->phase = phase;
	if (sd_event_source_set_time_relative(relay->timer, us) < 0 ||
	    sd_event_source_set_enabled(relay->timer, SD_EVENT_ONESHOT) < 0)
		return STEP_END;
	return STEP_AGAIN;
}

enum step relay_refuse(struct relay *relay, const char *word, const char *format, ...)
{
	struct queue *out = relay->kind == RELAY_DIAL ? &relay->to_near : &relay->to_far;
	struct end *other = relay->kind == RELAY_DIAL ? &relay->far : &relay->near;
	char sentence[CHANNEL_LINE_MAX], line[CHANNEL_LINE_MAX];
	size_t n;
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(sentence, sizeof sentence, format, ap);
	va_end(ap);
	n = line_write_error(word, sentence, line);
	end_close(other);
	queue_drop(&relay->to_near, queue_count(&relay->to_near));
	queue_drop(&relay->to_far, queue_count(&relay->to_far));
	queue_put(out, line, n);
	return relay_phase(relay, PHASE_LAST, CHANNEL_LINE_US);
}

static enum step last_step(struct relay *relay)
{
	struct queue *out = relay->kind == RELAY_DIAL ? &relay->to_near : &relay->to_far;
	struct end *end = relay->kind == RELAY_DIAL ? &relay->near : &relay->far;

	if (queue_count(out) == 0 || relay_flush(end, out) < 0)
		return STEP_END;
	return queue_count(out) == 0 ? STEP_END : STEP_WAIT;
}

/* Moves bytes one way. What an end does not take any more is dropped, but what it said before is
 * still read. 1: some, 0: none now, -errno: broken. */
static int move(struct end *from, struct queue *queue, struct end *to)
{
	int in = 0, out;

	if (!to->eof && !to->deaf) {
		in = relay_fill(from, queue);
		if (in < 0)
			return in;
	}
	out = relay_flush(to, queue);
	if (out < 0 && to->tls)
		return out;
	if (out < 0) {
		to->deaf = true;
		queue_drop(queue, queue_count(queue));
		return 1;
	}
	return in || out;
}

static enum step pipe_step(struct relay *relay)
{
	int there = move(&relay->near, &relay->to_far, &relay->far);
	int back = there < 0 ? there : move(&relay->far, &relay->to_near, &relay->near);
	bool waits = queue_count(&relay->to_far) || queue_count(&relay->to_near);

	if (there < 0 || back < 0)
		return STEP_END;
	if ((relay->near.eof && queue_count(&relay->to_far) == 0) ||
	    (relay->far.eof && queue_count(&relay->to_near) == 0))
		return STEP_END;
	if (there || back)
		return relay_phase(relay, PHASE_PIPE, waits ? CHANNEL_STALL_US : CHANNEL_IDLE_US);
	return STEP_WAIT;
}

static enum step step(struct relay *relay)
{
	if (relay->phase == PHASE_PIPE)
		return pipe_step(relay);
	if (relay->phase == PHASE_LAST)
		return last_step(relay);
	return relay->kind == RELAY_DIAL ? dial_step(relay) : accept_step(relay);
}

/* ---- waiting ---- */

static uint32_t for_output(const struct queue *out)
{
	return queue_count(out) > 0 ? EPOLLOUT : 0;
}

static uint32_t for_input(const struct end *end, const struct queue *in, const struct end *other)
{
	bool wanted = !end->eof && !other->eof && !other->deaf;

	return wanted && queue_count(in) < CHANNEL_QUEUE_BYTES ? EPOLLIN : 0;
}

/* Only what the phase reads and writes: what is ready and not used would wake us for ever. */
static void choose_events(const struct relay *relay, uint32_t *ret_near, uint32_t *ret_far)
{
	bool dial = relay->kind == RELAY_DIAL;

	*ret_near = for_output(&relay->to_near);
	*ret_far = for_output(&relay->to_far);
	switch (relay->phase) {
	case PHASE_LINE:
		*(dial ? ret_near : ret_far) = EPOLLIN;
		break;
	case PHASE_CONNECT:
		*ret_far = EPOLLOUT;
		break;
	case PHASE_HANDSHAKE:
		*ret_far = tls_waits_for(&relay->far);
		break;
	case PHASE_OPEN:
		*ret_far |= EPOLLIN;
		break;
	case PHASE_AGENT:
		*(dial ? ret_far : ret_near) |= EPOLLIN;
		break;
	case PHASE_PIPE:
		*ret_near |= for_input(&relay->near, &relay->to_far, &relay->far);
		*ret_far |= for_input(&relay->far, &relay->to_near, &relay->near);
		break;
	case PHASE_LAST:
	default:
		break;
	}
}

static int wait_for_more(struct relay *relay)
{
	uint32_t near, far;
	int r;

	choose_events(relay, &near, &far);
	r = watch(&relay->near, near);
	return r < 0 ? r : watch(&relay->far, far);
}

void relay_pump(struct relay *relay)
{
	enum step next = STEP_AGAIN;
	int r;

	for (unsigned int i = 0; i < STEPS_PER_TURN && next == STEP_AGAIN; i++)
		next = step(relay);
	if (next == STEP_END) {
		relay_free(relay);
		return;
	}
	r = wait_for_more(relay);
	if (r >= 0)
		r = sd_event_source_set_enabled(relay->turn, next == STEP_AGAIN ? SD_EVENT_ONESHOT
										: SD_EVENT_OFF);
	if (r < 0)
		relay_free(relay);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct relay *relay = userdata;
	enum step next = STEP_END;

	(void)source;
	(void)usec;
	if (relay->phase != PHASE_PIPE && relay->phase != PHASE_LAST)
		next = relay->kind == RELAY_DIAL ? dial_late(relay) : accept_late(relay);
	if (next == STEP_END)
		relay_free(relay);
	else
		relay_pump(relay);
	return 0;
}

/* ---- the agent of this node ---- */

enum step relay_agent_start(struct relay *relay, struct end *end)
{
	struct sockaddr_un address;
	int r;

	r = ctl_address(relay->channel->settings.agent_socket, &address);
	if (r >= 0)
		r = end_connect(end, NULL, (const struct sockaddr *)&address, sizeof address);
	if (r >= 0)
		r = relay_attach(relay, end);
	if (r < 0)
		return relay_refuse(relay, "agent", "the agent of %s cannot be reached: %s",
				    channel_name(relay->channel, relay->channel->settings.self),
				    strerror(-r));
	return relay_phase(relay, PHASE_AGENT, CHANNEL_LINE_US);
}

/* Whom it is for: a local client, or what the node at the far end said. */
static int put_lower(struct relay *relay, struct queue *to_agent)
{
	bool dial = relay->kind == RELAY_DIAL;
	bool change = dial ? relay->peer.access == CTL_ACCESS_CHANGE : relay->open.change;
	json_int_t uid = (json_int_t)(dial ? relay->peer.uid : relay->open.uid);
	uint8_t origin = dial ? relay->channel->settings.self : relay->node;
	json_t *call = json_pack("{s:s, s:{s:s, s:s, s:I}}", "method", "io.holdfast.Agent.Lower",
				 "parameters", "access", change ? "change" : "view", "origin",
				 channel_name(relay->channel, origin), "uid", uid);
	_cleanup_free_ char *text = call ? json_dumps(call, JSON_COMPACT) : NULL;

	json_decref(call);
	if (!text)
		return -ENOMEM;
	queue_put(to_agent, text, strlen(text) + 1);
	relay->lowering = true;
	return 0;
}

static enum step agent_answered(struct relay *relay, struct queue *from_agent, size_t n)
{
	json_t *reply = json_loadb(from_agent->data + from_agent->at, n, 0, NULL);
	const char *error = json_string_value(json_object_get(reply, "error"));
	const char *name = channel_name(relay->channel, relay->channel->settings.self);
	bool ok = json_is_object(reply) && !error;
	const char *dot = error ? strrchr(error, '.') : NULL;
	enum step next;

	queue_drop(from_agent, n + 1);
	if (ok) {
		queue_put(from_agent, "ok\n", 3);
		next = relay_phase(relay, PHASE_PIPE, CHANNEL_IDLE_US);
	} else {
		next = relay_refuse(relay, "agent", "the agent of %s refuses the connection: %s",
				    name, dot ? dot + 1 : "it does not speak Varlink");
	}
	json_decref(reply);
	return next;
}

enum step relay_agent_step(struct relay *relay)
{
	bool dial = relay->kind == RELAY_DIAL;
	struct end *agent = dial ? &relay->far : &relay->near;
	struct queue *to = dial ? &relay->to_far : &relay->to_near;
	struct queue *from = dial ? &relay->to_near : &relay->to_far;
	int in, out;
	ssize_t n;

	if (!relay->lowering && put_lower(relay, to) < 0)
		return STEP_END;
	out = relay_flush(agent, to);
	in = relay_fill(agent, from);
	n = relay_line(relay, from, '\0');
	if (n >= 0)
		return agent_answered(relay, from, (size_t)n);
	if (out < 0 || in < 0 || agent->eof || n == -EMSGSIZE)
		return relay_refuse(relay, "agent", "the agent of %s closed the connection",
				    channel_name(relay->channel, relay->channel->settings.self));
	return in || out ? STEP_AGAIN : STEP_WAIT;
}

/* ---- life cycle ---- */

static int add_sources(struct relay *relay)
{
	sd_event *event = relay->channel->event;
	int r;

	r = sd_event_add_time_relative(event, &relay->timer, CLOCK_BOOTTIME, CHANNEL_LINE_US, 0,
				       on_timer, relay);
	if (r >= 0)
		r = sd_event_add_defer(event, &relay->turn, on_turn, relay);
	if (r >= 0)
		r = sd_event_source_set_enabled(relay->turn, SD_EVENT_OFF);
	return r < 0 ? r : 0;
}

int relay_new(struct channel *channel, enum relay_kind kind, struct relay **ret)
{
	struct relay *relay = calloc(1, sizeof *relay);
	int r;

	if (!relay)
		return -ENOMEM;
	relay->channel = channel;
	relay->kind = kind;
	relay->node = NODE_NONE;
	relay->near.fd = relay->far.fd = -1;
	relay->next = channel->relays;
	relay->link = &channel->relays;
	if (relay->next)
		relay->next->link = &relay->next;
	channel->relays = relay;
	r = queue_new(&relay->to_near);
	if (r >= 0)
		r = queue_new(&relay->to_far);
	if (r >= 0)
		r = add_sources(relay);
	if (r < 0) {
		relay_free(relay);
		return r;
	}
	*ret = relay;
	return 0;
}

void relay_free(struct relay *relay)
{
	end_close(&relay->near);
	end_close(&relay->far);
	sd_event_source_disable_unref(relay->timer);
	sd_event_source_disable_unref(relay->turn);
	queue_free(&relay->to_near);
	queue_free(&relay->to_far);
	tls_forget_key(relay);
	*relay->link = relay->next;
	if (relay->next)
		relay->next->link = relay->link;
	free(relay);
}
