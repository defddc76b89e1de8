/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods of fencing: what is shown is in ctl_fence_status.c, what is done in fence.c; this
 * joins clients that wait to orders by hand (rule X12), and a person's word to the core (X11). */
#include "agent/ctl_command.h"
#include "agent/ctl_fence.h"

#include "util/clock.h"

#include <errno.h>
#include <string.h>

#define CLIENTS_MAX   32
#define HISTORY_LIMIT 1000

/* A client that waits for the end of an order. */
struct waiting {
	struct ctl_call *call; /* NULL: a free place */
	bool confirms;	       /* its success is a proof */
};

struct ctl_fence {
	struct waiting waiting[CLIENTS_MAX];
};

int ctl_fence_new(struct ctl_fence **ret)
{
	*ret = calloc(1, sizeof **ret);
	return *ret ? 0 : -ENOMEM;
}

struct ctl_fence *ctl_fence_free(struct ctl_fence *fence)
{
	free(fence);
	return NULL;
}

bool ctl_fence_gone(struct agent *agent, const struct ctl_call *call)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct waiting *w = &agent->ctl_fence->waiting[i];

		if (w->call != call)
			continue;
		(void)fencing_forget(agent, w); /* it goes on without */
		*w = (struct waiting){0};
		return true;
	}
	return false;
}

/* ---- parameters ---- */

/* False: the call has been answered. */
static bool get_server(const struct agent *agent, struct ctl_call *call, const json_t *parameters,
		       uint8_t *ret)
{
	const char *name = json_string_value(json_object_get(parameters, "server"));
	int n;

	if (!name) {
		ctl_reply_invalid(call, "server");
		return false;
	}
	n = config_find_node(agent->config, name);
	if (n >= 0)
		*ret = (uint8_t)n;
	else
		ctl_reply_error(call, "io.holdfast.Agent.NoSuchServer",
				json_pack("{s:s}", "server", name));
	return n >= 0;
}

static void refuse(struct ctl_call *call, const char *answer, const char *message)
{
	ctl_reply_error(call, "io.holdfast.Agent.Refused",
			json_pack("{s:s, s:o}", "answer", answer, "message", ctl_text(message)));
}

/* ---- orders ---- */

json_t *ctl_fence_step_json(const struct fence_step *step)
{
	char device[2 * NAME_SIZE + 1];

	(void)snprintf(device, sizeof device, "%s%s%s", step->device, step->plug[0] ? ":" : "",
		       step->plug);
	return json_pack("{s:i, s:o, s:s, s:b, s:I, s:o}", "level", step->level + 1, "device",
			 ctl_text(device), "step", step->step, "ok", step->ok, "took_us",
			 (json_int_t)step->took_us, "text", ctl_text(step->text));
}

static void on_step(struct agent *agent, const struct fence_step *step, void *userdata)
{
	const struct waiting *w = userdata;

	(void)agent;
	if (ctl_call_wants_more(w->call)) /* false: gone, and call_gone() follows */
		(void)ctl_reply_more(w->call,
				     json_pack("{s:o}", "step", ctl_fence_step_json(step)));
}

static const char *power_word(uint8_t power)
{
	switch ((enum fence_power_word)power) {
	case FENCE_READ_ON:
		return "on";
	case FENCE_READ_OFF:
		return "off";
	case FENCE_READ_UNKNOWN:
	default:
		return "unknown";
	}
}

static void on_end(struct agent *agent, const struct fence_end *end, void *userdata)
{
	struct waiting *w = userdata, last = *w;

	(void)agent;
	*w = (struct waiting){0};
	ctl_reply_checked(last.call, json_pack("{s:s, s:s, s:i, s:I, s:o}", "result",
					       !end->ok	       ? "failed"
					       : last.confirms ? "confirmed"
							       : "done",
					       "power", power_word(end->power), "level",
					       end->level + 1, "took_us", (json_int_t)end->took_us,
					       "text", ctl_text(end->text)));
}

static struct waiting *free_place(struct ctl_fence *fence)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (!fence->waiting[i].call)
			return &fence->waiting[i];
	return NULL;
}

static void order(struct agent *agent, struct ctl_call *call, const json_t *parameters,
		  enum fence_verb verb)
{
	struct waiting *w = free_place(agent->ctl_fence);
	struct fence_order_by_hand by_hand = {.verb = verb,
					      .uid = ctl_call_uid(call),
					      .step = on_step,
					      .end = on_end,
					      .userdata = w};
	char why[FENCE_WHY] = "";
	int r;

	if (!get_server(agent, call, parameters, &by_hand.target))
		return;
	if (!w) {
		refuse(call, "busy", "too many clients wait for orders of this agent");
		return;
	}
	*w = (struct waiting){.call = call, .confirms = verb == FENCE_VERB_OFF};
	r = fencing_order(agent, &by_hand, why);
	if (r >= 0)
		return;
	*w = (struct waiting){0};
	refuse(call,
	       r == -EBUSY    ? "busy"
	       : r == -ENODEV ? "no-device"
			      : "not-begun",
	       *why ? why : strerror(-r));
}

void ctl_fence_test(struct ctl_call *call, json_t *parameters, void *userdata)
{
	order(userdata, call, parameters, FENCE_VERB_TEST);
}

void ctl_fence_off(struct ctl_call *call, json_t *parameters, void *userdata)
{
	order(userdata, call, parameters, FENCE_VERB_OFF);
}

void ctl_fence_on(struct ctl_call *call, json_t *parameters, void *userdata)
{
	order(userdata, call, parameters, FENCE_VERB_ON);
}

void ctl_fence_reset(struct ctl_call *call, json_t *parameters, void *userdata)
{
	order(userdata, call, parameters, FENCE_VERB_RESET);
}

void ctl_fence_cycle(struct ctl_call *call, json_t *parameters, void *userdata)
{
	order(userdata, call, parameters, FENCE_VERB_CYCLE);
}

/* ---- a person's word ---- */

void ctl_fence_confirm(struct ctl_call *call, json_t *parameters, void *userdata)
{
	struct command command = {.kind = REQUEST_FENCE_CONFIRM};

	if (get_server(userdata, call, parameters, &command.target))
		command_enter(userdata, call, parameters, command);
}

/* ---- what was done ---- */

void ctl_fence_history(struct ctl_call *call, json_t *parameters, void *userdata)
{
	struct agent *agent = userdata;
	const json_t *server = json_object_get(parameters, "server");
	const json_t *limit = json_object_get(parameters, "limit");
	json_int_t max = limit && !json_is_null(limit) ? json_integer_value(limit) : HISTORY_LIMIT;
	uint8_t target = NODE_NONE;

	if (limit && !json_is_null(limit) && (!json_is_integer(limit) || max < 0)) {
		ctl_reply_invalid(call, "limit");
		return;
	}
	if (server && !json_is_null(server) && !get_server(agent, call, parameters, &target))
		return;
	ctl_reply_checked(
		call, json_pack("{s:o}", "orders", ctl_fence_orders(agent, target, (size_t)max)));
}
