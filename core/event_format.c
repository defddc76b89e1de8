/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "include/core.h"
#include "include/event.h"
#include "util/utf8.h"

#include <string.h>

#define NUMBER_DIGITS 20 /* of UINT64_MAX */
#define TOKEN_SIZE    16

static const char *name_of(const char *const *names, size_t n, uint64_t value)
{
	return value < n ? names[value] : "unknown";
}
#define NAME_OF(names, value) name_of(names, sizeof(names) / sizeof((names)[0]), value)

static const char *const severity_names[EVENT_SEVERITY_COUNT_] = {
	[EVENT_INFO] = "info",
	[EVENT_NOTICE] = "notice",
	[EVENT_WARNING] = "warning",
	[EVENT_ERROR] = "error",
};

static const char *const proof_names[PROOF_COUNT_] = {
	[PROOF_NOT_CONFIRMED] = "not-confirmed",
	[PROOF_LEASE] = "lease",
	[PROOF_FENCED] = "fenced",
	[PROOF_LEFT] = "left",
	[PROOF_NEVER_HELD] = "never-held",
};

static const char *const cause_names[CAUSE_COUNT_] = {
	[CAUSE_NONE] = "none",	       [CAUSE_START] = "start",	    [CAUSE_ADMIN] = "admin",
	[CAUSE_FAILOVER] = "failover", [CAUSE_FAILURE] = "failure", [CAUSE_LEAVE] = "leave",
	[CAUSE_CONFLICT] = "conflict",
};

static const char *const request_names[REQUEST_KIND_COUNT_] = {
	[REQUEST_NONE] = "none",
	[REQUEST_GROUP_START] = "group-start",
	[REQUEST_GROUP_STOP] = "group-stop",
	[REQUEST_GROUP_MOVE] = "group-move",
	[REQUEST_NODE_START] = "node-start",
	[REQUEST_NODE_STOP] = "node-stop",
};

const char *event_severity_to_string(enum event_severity severity)
{
	return NAME_OF(severity_names, (uint64_t)severity);
}

const char *proof_to_string(enum proof proof)
{
	return NAME_OF(proof_names, (uint64_t)proof);
}

const char *intent_cause_to_string(enum intent_cause cause)
{
	return NAME_OF(cause_names, (uint64_t)cause);
}

/* What event_format() writes into. Once something did not fit, nothing is added any more. */
struct output {
	char *buf;
	size_t size;
	size_t at; /* below `size` if that is not 0 */
	bool full;
	const struct event *event;
	const struct event_names *names;
};

static void put(struct output *out, const char *s, size_t n)
{
	if (out->full || out->at + n >= out->size) {
		out->full = true;
		return;
	}
	memcpy(out->buf + out->at, s, n);
	out->at += n;
}

/* Text that others wrote: character by character, '?' for what may not be shown. */
static void put_text(struct output *out, const char *s, size_t n)
{
	while (n > 0 && !out->full) {
		size_t length = utf8_printable(s, n);

		put(out, length ? s : "?", length ? length : 1);
		s += length ? length : 1;
		n -= length ? length : 1;
	}
}

static void put_string(struct output *out, const char *s)
{
	put_text(out, s, strlen(s));
}

static void put_number(struct output *out, uint64_t value, size_t digits)
{
	char text[NUMBER_DIGITS];
	size_t at = sizeof text;

	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value || sizeof text - at < digits);
	put(out, text + at, sizeof text - at);
}

static void put_hex(struct output *out, uint64_t value)
{
	char text[16];

	for (size_t i = sizeof text; i-- > 0; value >>= 4)
		text[i] = "0123456789abcdef"[value & 15];
	put(out, text, sizeof text);
}

/* `us` in units of `unit_us`, with three decimals. */
static void put_duration(struct output *out, uint64_t us, uint64_t unit_us)
{
	if (us == UINT64_MAX) {
		put_string(out, "unknown");
		return;
	}
	put_number(out, us / unit_us, 1);
	put(out, ".", 1);
	put_number(out, us % unit_us / (unit_us / 1000), 3);
}

static void put_name(struct output *out, const char *name, uint64_t index)
{
	if (name) {
		put_string(out, name);
		return;
	}
	put(out, "#", 1);
	put_number(out, index, 1);
}

static void put_node(struct output *out, uint64_t node)
{
	const struct event_names *names = out->names;

	if (node >= NODES_MAX)
		put_string(out, "none");
	else
		put_name(out,
			 names && names->node ? names->node(names->userdata, (uint8_t)node) : NULL,
			 node);
}

static void put_group(struct output *out)
{
	const struct event_names *names = out->names;
	uint16_t group = out->event->group;

	if (group == UINT16_MAX)
		put_string(out, "none");
	else
		put_name(out, names && names->group ? names->group(names->userdata, group) : NULL,
			 group);
}

static void put_resource(struct output *out)
{
	const struct event_names *names = out->names;
	uint16_t resource = out->event->resource;

	if (resource == UINT16_MAX)
		put_string(out, "none");
	else
		put_name(out,
			 names && names->resource ? names->resource(names->userdata, resource)
						  : NULL,
			 resource);
}

static void put_mask(struct output *out, uint64_t mask, void (*put_one)(struct output *, uint64_t))
{
	const char *separator = "";
	unsigned int i;

	if ((node_mask)mask == 0)
		put_string(out, "none");
	node_mask_for_each (i, (node_mask)mask) {
		put_string(out, separator);
		put_one(out, i);
		separator = ", ";
	}
}

static void put_link(struct output *out, uint64_t link)
{
	put_number(out, link, 1);
}

static void put_object(struct output *out)
{
	bool group = out->event->group != UINT16_MAX, node = out->event->node < NODES_MAX;

	if (group) {
		put_string(out, "group ");
		put_group(out);
	}
	if (group && node)
		put_string(out, ", ");
	if (node) {
		put_string(out, "node ");
		put_node(out, out->event->node);
	}
	if (!group && !node)
		put_string(out, "no object");
}

static void put_detail(struct output *out)
{
	const char *text = out->event->text;
	size_t n = strnlen(text, sizeof out->event->text);

	if (n == 0)
		return;
	put(out, ": ", 2);
	put_text(out, text, n);
}

/* Argument `value` in the way that `how` says. False: there is no such way. */
static bool put_argument(struct output *out, uint64_t value, const char *how)
{
	if (!*how)
		put_number(out, value, 1);
	else if (!strcmp(how, "hex"))
		put_hex(out, value);
	else if (!strcmp(how, "ms"))
		put_duration(out, value, USEC_PER_MSEC);
	else if (!strcmp(how, "s"))
		put_duration(out, value, USEC_PER_SEC);
	else if (!strcmp(how, "nodes"))
		put_mask(out, value, put_node);
	else if (!strcmp(how, "node"))
		put_node(out, value);
	else if (!strcmp(how, "links"))
		put_mask(out, value, put_link);
	else if (!strcmp(how, "proof"))
		put_string(out, NAME_OF(proof_names, value));
	else if (!strcmp(how, "cause"))
		put_string(out, NAME_OF(cause_names, value));
	else if (!strcmp(how, "request"))
		put_string(out, NAME_OF(request_names, value));
	else if (!strcmp(how, "answer"))
		put_string(out, answer_code_to_string(value < ANSWER_CODE_COUNT_
							      ? (enum answer_code)value
							      : ANSWER_CODE_COUNT_));
	else
		return false;
	return true;
}

static bool put_token(struct output *out, const char *token)
{
	const struct event *event = out->event;

	if (token[0] >= '0' && token[0] <= '3')
		return put_argument(out, event->arg[token[0] - '0'], token + 1);
	if (!strcmp(token, "node"))
		put_node(out, event->node);
	else if (!strcmp(token, "origin"))
		put_node(out, event->origin);
	else if (!strcmp(token, "group"))
		put_group(out);
	else if (!strcmp(token, "resource"))
		put_resource(out);
	else if (!strcmp(token, "epoch"))
		put_number(out, event->epoch, 1);
	else if (!strcmp(token, "object"))
		put_object(out);
	else if (!strcmp(token, "text"))
		put_detail(out);
	else
		return false;
	return true;
}

/* Fills the placeholder at `s` and returns what comes after it; an unknown one stays as it is. */
static const char *put_placeholder(struct output *out, const char *s)
{
	const char *end = strchr(s, '}');
	char token[TOKEN_SIZE];
	size_t n = end ? (size_t)(end - s) - 1 : 0;

	if (end && n < sizeof token) {
		memcpy(token, s + 1, n);
		token[n] = '\0';
		if (put_token(out, token))
			return end + 1;
	}
	put(out, "{", 1);
	return s + 1;
}

char *event_format(const struct event *event, const struct event_names *names, char *buf,
		   size_t size)
{
	const struct event_info *info = event_info(event->id);
	struct output out = {.buf = buf, .size = size, .event = event, .names = names};
	const char *s = info ? info->message : "{text}";

	if (!info) {
		put_string(&out, "event ");
		put_number(&out, event->id, 1);
	}
	while (*s && !out.full) {
		size_t plain = strcspn(s, "{");

		put_text(&out, s, plain);
		s += plain;
		if (*s)
			s = put_placeholder(&out, s);
	}
	if (size)
		buf[out.at] = '\0';
	return buf;
}
