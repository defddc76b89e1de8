/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Framing and dispatch of the control socket: the input is what a client sends. The first byte
 * chooses its rights and in how large pieces the rest arrives. Every reply must be a JSON object,
 * at most one call may be open, and the session must never hold more than its limits.
 */
#include "ctl/internal.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ctl_call *kept;

static void method_echo(struct ctl_call *call, json_t *parameters, void *userdata)
{
	(void)userdata;
	ctl_reply(call, json_incref(parameters));
}

static void method_keep(struct ctl_call *call, json_t *parameters, void *userdata)
{
	(void)parameters;
	(void)userdata;
	assert(!kept);
	kept = call;
}

static void method_many(struct ctl_call *call, json_t *parameters, void *userdata)
{
	(void)userdata;
	for (int i = 0; i < 3; i++)
		(void)ctl_reply_more(call, json_incref(parameters));
	ctl_reply_invalid(call, "x");
}

static void call_gone(struct ctl_call *call, void *userdata)
{
	(void)userdata;
	assert(call == kept);
	kept = NULL;
}

static const struct ctl_method methods[] = {
	{"a.E", CTL_ACCESS_NONE, method_echo},	 {"a.K", CTL_ACCESS_NONE, method_keep},
	{"a.M", CTL_ACCESS_NONE, method_many},	 {"a.V", CTL_ACCESS_VIEW, method_echo},
	{"a.C", CTL_ACCESS_CHANGE, method_keep}, {NULL, CTL_ACCESS_NONE, NULL},
};

/* Takes the replies out as a client would. */
static void check_replies(struct ctl_session *session)
{
	size_t n;

	assert(ctl_bytes_count(&session->in) <= CTL_MESSAGE_MAX);
	assert(ctl_bytes_count(&session->out) <= CTL_QUEUE_MAX);
	assert(session->call == kept);
	while ((n = ctl_bytes_message(&session->out, &(size_t){0})) > 0) {
		json_t *reply = json_loadb(session->out.data + session->out.at, n - 1, 0, NULL);

		assert(json_is_object(reply));
		json_decref(reply);
		ctl_bytes_drop(&session->out, n);
	}
	assert(ctl_bytes_count(&session->out) == 0);
}

static void run(struct ctl_session *session)
{
	for (;;) {
		bool again = ctl_session_step(session);

		check_replies(session);
		if (!again && kept) {
			struct ctl_call *call = kept;

			kept = NULL;
			ctl_reply(call, NULL);
			check_replies(session);
			continue;
		}
		if (!again)
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ctl_server_config config = {
		.interface_description = "interface a\nmethod E() -> ()\nmethod P() -> ()\n",
		.methods = methods,
		.call_gone = call_gone,
	};
	struct ctl_service service;
	struct ctl_session session = {.service = &service};
	size_t piece;

	if (size == 0 || ctl_service_init(&service, &config) < 0)
		return 0;
	piece = (size_t)1 << (data[0] & 15);
	session.peer.access = (enum ctl_access)((data[0] >> 4) % 3);
	for (size_t at = 1; at < size && !session.refusal;) {
		size_t room = ctl_session_room(&session);
		size_t n = size - at < piece ? size - at : piece;
		bool keep_last = at + n >= size;

		n = n < room ? n : room;
		assert(n > 0); /* run() empties it, or refuses */
		assert(ctl_session_feed(&session, data + at, n) == 0);
		at += n;
		if (keep_last) /* leave with a call open, if it is one that is kept */
			(void)ctl_session_step(&session);
		else
			run(&session);
	}
	ctl_session_done(&session);
	assert(!kept);
	return 0;
}
