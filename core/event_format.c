/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "include/core.h"
#include "include/event.h"
#include "util/utf8.h"

#include <string.h>

#define NUMBER_DIGITS 20 /* of UINT64_MAX */
#define TOKEN_SIZE    192

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

static void put_object_name(struct output *out, uint64_t index,
			    const char *(*name)(void *userdata, uint16_t index))
{
	if (index >= UINT16_MAX)
		put_string(out, "none");
	else
		put_name(out, name ? name(out->names->userdata, (uint16_t)index) : NULL, index);
}

static void put_group(struct output *out, uint64_t group)
{
	put_object_name(out, group, out->names ? out->names->group : NULL);
}

static void put_resource(struct output *out, uint64_t resource)
{
	put_object_name(out, resource, out->names ? out->names->resource : NULL);
}

static void put_monitor(struct output *out, uint64_t monitor)
{
	put_object_name(out, monitor, out->names ? out->names->monitor : NULL);
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

static void put_object(struct output *out)
{
	bool group = out->event->group != UINT16_MAX, node = out->event->node < NODES_MAX;

	if (group) {
		put_string(out, "group ");
		put_group(out, out->event->group);
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

/* What a recovery acts on; without group and resource it is the node. */
static void put_target(struct output *out)
{
	if (out->event->resource != UINT16_MAX) {
		put_string(out, "resource ");
		put_resource(out, out->event->resource);
		put_string(out, " of ");
	}
	if (out->event->group != UINT16_MAX) {
		put_string(out, "group ");
		put_group(out, out->event->group);
	} else {
		put_string(out, "every group");
	}
}

/* What else a request names, by its kind in the first argument. */
static void put_operand(struct output *out, uint64_t value)
{
	switch (out->event->arg[0]) {
	case REQUEST_RESOURCE_START:
	case REQUEST_RESOURCE_STOP:
		put(out, " ", 1);
		put_resource(out, value);
		break;
	case REQUEST_MONITOR_SUSPEND:
	case REQUEST_MONITOR_RESUME:
	case REQUEST_MONITOR_FAIL:
	case REQUEST_MONITOR_UNFAIL:
		put(out, " ", 1);
		put_monitor(out, value);
		break;
	case REQUEST_RATIO_SET:
		put(out, " ", 1);
		put_number(out, value, 1);
		break;
	case REQUEST_CONFIG:
		put(out, " ", 1);
		put_hex(out, value);
		break;
	default:
		break;
	}
}

/* "a|b|c": word number `value` of them, the last one for all beyond. */
static void put_choice(struct output *out, uint64_t value, const char *words)
{
	size_t n = strcspn(words, "|");

	while (value-- > 0 && words[n]) {
		words += n + 1;
		n = strcspn(words, "|");
	}
	put_text(out, words, n);
}

static void put_plain(struct output *out, uint64_t value)
{
	put_number(out, value, 1);
}

static void put_ms(struct output *out, uint64_t value)
{
	put_duration(out, value, USEC_PER_MSEC);
}

static void put_s(struct output *out, uint64_t value)
{
	put_duration(out, value, USEC_PER_SEC);
}

static void put_nodes(struct output *out, uint64_t value)
{
	put_mask(out, value, put_node);
}

static void put_links(struct output *out, uint64_t value)
{
	put_mask(out, value, put_plain);
}

#define PUT_ENUM(function, to_string, type, count)                                        \
	static void function(struct output *out, uint64_t value)                          \
	{                                                                                 \
		put_string(out, to_string(value < (count) ? (enum type)value : (count))); \
	}
PUT_ENUM(put_proof, proof_to_string, proof, PROOF_COUNT_)
PUT_ENUM(put_cause, intent_cause_to_string, intent_cause, CAUSE_COUNT_)
PUT_ENUM(put_request, request_kind_to_string, request_kind, REQUEST_KIND_COUNT_)
PUT_ENUM(put_answer, answer_code_to_string, answer_code, ANSWER_CODE_COUNT_)
PUT_ENUM(put_hold, group_hold_to_string, group_hold, GROUP_HOLD_COUNT_)
PUT_ENUM(put_final, final_action_to_string, final_action, FINAL_ACTION_COUNT_)
PUT_ENUM(put_power, power_action_to_string, power_action, POWER_ACTION_COUNT_)
PUT_ENUM(put_status, monitor_status_to_string, monitor_status, MONITOR_STATUS_COUNT_)
PUT_ENUM(put_skip, monitor_skip_to_string, monitor_skip, MONITOR_SKIP_COUNT_)

/* Argument `value` in the way that `how` says. False: there is no such way. */
static bool put_argument(struct output *out, uint64_t value, const char *how)
{
	static const struct {
		const char *how;
		void (*put)(struct output *out, uint64_t value);
	} ways[] = {
		{"", put_plain},	  {"hex", put_hex},
		{"ms", put_ms},		  {"s", put_s},
		{"nodes", put_nodes},	  {"node", put_node},
		{"links", put_links},	  {"group", put_group},
		{"monitor", put_monitor}, {"proof", put_proof},
		{"cause", put_cause},	  {"request", put_request},
		{"answer", put_answer},	  {"hold", put_hold},
		{"final", put_final},	  {"power", put_power},
		{"status", put_status},	  {"skip", put_skip},
		{"operand", put_operand},
	};

	if (*how == '?') {
		put_choice(out, value, how + 1);
		return true;
	}
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		if (!strcmp(how, ways[i].how)) {
			ways[i].put(out, value);
			return true;
		}
	}
	return false;
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
		put_group(out, event->group);
	else if (!strcmp(token, "resource"))
		put_resource(out, event->resource);
	else if (!strcmp(token, "epoch"))
		put_number(out, event->epoch, 1);
	else if (!strcmp(token, "object"))
		put_object(out);
	else if (!strcmp(token, "target"))
		put_target(out);
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

uint16_t event_monitor(const struct event *event)
{
	uint64_t monitor = UINT16_MAX;

	switch (event->id) {
	case EVENT_RESOURCE_RESTARTING:
	case EVENT_GROUP_RESTARTING:
		monitor = event->arg[0];
		break;
	case EVENT_FINAL_ACTION:
	case EVENT_FINAL_SUPPRESSED:
	case EVENT_FINAL_IMPOSSIBLE:
	case EVENT_POWER_ACTION:
		monitor = event->arg[1];
		break;
	default:
		if (event->id / 100 == EVENT_MONITOR_NORMAL / 100)
			monitor = event->arg[0];
	}
	return monitor < MONITORS_MAX ? (uint16_t)monitor : UINT16_MAX;
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
