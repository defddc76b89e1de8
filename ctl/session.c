/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One client's side of the Varlink protocol, without a descriptor: requests are cut out of the
 * bytes that were fed, checked, handed to their method one at a time, and replies are queued.
 * A request that is not one ends the session after an error reply.
 */
#include "ctl/internal.h"
#include "util/parse.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct ctl_call {
	struct ctl_session *session;
	bool more, oneway;
};

struct request {
	const char *method; /* points into the JSON */
	json_t *parameters; /* borrowed; NULL: none */
	bool more, oneway, upgrade;
};

static void cleanup_json(json_t **json)
{
	json_decref(*json);
}
#define _cleanup_json_ _cleanup_(cleanup_json)

/* ---- replies ---- */

/* Takes over `message`. */
static void send_message(struct ctl_session *session, json_t *message)
{
	_cleanup_json_ json_t *owned = message;
	_cleanup_free_ char *text = NULL;

	if (owned)
		text = json_dumps(owned, JSON_COMPACT);
	/* Without memory for a reply the client could wait for it for ever: drop it. */
	if (!text || ctl_bytes_add(&session->out, text, strlen(text) + 1, CTL_QUEUE_MAX) < 0)
		session->overrun = true;
}

static void call_end(struct ctl_call *call)
{
	struct ctl_session *session = call->session;

	assert(session->call == call);
	session->call = NULL;
	free(call);
	if (session->changed)
		session->changed(session);
}

void ctl_reply(struct ctl_call *call, json_t *parameters)
{
	if (!parameters)
		parameters = json_object();
	if (call->oneway)
		json_decref(parameters);
	else
		send_message(call->session, json_pack("{s:o}", "parameters", parameters));
	call_end(call);
}

void ctl_reply_error(struct ctl_call *call, const char *error, json_t *parameters)
{
	if (!parameters)
		parameters = json_object();
	if (call->oneway)
		json_decref(parameters);
	else
		send_message(call->session,
			     json_pack("{s:s, s:o}", "error", error, "parameters", parameters));
	call_end(call);
}

void ctl_reply_invalid(struct ctl_call *call, const char *parameter)
{
	ctl_reply_error(call, "org.varlink.service.InvalidParameter",
			json_pack("{s:s}", "parameter", parameter));
}

bool ctl_reply_more(struct ctl_call *call, json_t *parameters)
{
	struct ctl_session *session = call->session;

	/* Whether "more" was said is the client's choice, so it must not be trusted to be true. */
	if (!call->more || session->overrun) {
		json_decref(parameters);
		return !session->overrun;
	}
	if (!parameters)
		parameters = json_object();
	send_message(session, json_pack("{s:o, s:b}", "parameters", parameters, "continues", 1));
	if (session->changed)
		session->changed(session);
	return !session->overrun;
}

bool ctl_call_wants_more(const struct ctl_call *call)
{
	return call->more;
}

uid_t ctl_call_uid(const struct ctl_call *call)
{
	const struct ctl_session *session = call->session;

	return session->origin[0] ? session->origin_uid : session->peer.uid;
}

pid_t ctl_call_pid(const struct ctl_call *call)
{
	return call->session->origin[0] ? 0 : call->session->peer.pid;
}

const char *ctl_call_origin(const struct ctl_call *call)
{
	return call->session->origin[0] ? call->session->origin : NULL;
}

/* ---- lowering ---- */

void ctl_lower(struct ctl_call *call, json_t *parameters, void *userdata)
{
	struct ctl_session *session = call->session;
	const char *access = json_string_value(json_object_get(parameters, "access"));
	const char *origin = json_string_value(json_object_get(parameters, "origin"));
	const json_t *uid = json_object_get(parameters, "uid");
	json_int_t id = json_is_integer(uid) ? json_integer_value(uid) : -1;
	enum ctl_access wanted;

	(void)userdata;
	/* Only root can speak for others, and only once: who came through stays who it is. */
	if (session->peer.uid != 0 || session->origin[0]) {
		ctl_reply_error(call, "io.holdfast.Agent.PermissionDenied",
				json_pack("{s:s}", "needs", "root"));
		return;
	}
	if (!access || (strcmp(access, "view") != 0 && strcmp(access, "change") != 0)) {
		ctl_reply_invalid(call, "access");
		return;
	}
	if (!origin || parse_name(origin) < 0) {
		ctl_reply_invalid(call, "origin");
		return;
	}
	if (id < 0 || id >= UINT32_MAX) {
		ctl_reply_invalid(call, "uid");
		return;
	}
	wanted = strcmp(access, "change") == 0 ? CTL_ACCESS_CHANGE : CTL_ACCESS_VIEW;
	if (session->peer.access > wanted)
		session->peer.access = wanted;
	(void)snprintf(session->origin, sizeof session->origin, "%s", origin);
	session->origin_uid = (uid_t)id;
	ctl_reply(call, NULL);
}

/* ---- requests ---- */

/* The last words to a client that does not speak Varlink. */
static void refuse(struct ctl_session *session, const char *reason)
{
	session->refusal = reason;
	ctl_bytes_done(&session->in);
	session->scanned = 0;
	send_message(session,
		     json_pack("{s:s, s:{s:s}}", "error", "io.holdfast.Agent.InvalidMessage",
			       "parameters", "reason", reason));
}

static bool read_flag(const json_t *message, const char *name, bool *ret)
{
	const json_t *flag = json_object_get(message, name);

	if (flag && !json_is_boolean(flag) && !json_is_null(flag))
		return false;
	*ret = json_is_true(flag);
	return true;
}

/* Returns what is wrong with it, or NULL. */
static const char *read_request(json_t *message, struct request *ret)
{
	struct request request = {0};
	const json_t *method = json_object_get(message, "method");
	json_t *parameters = json_object_get(message, "parameters");

	if (!json_is_object(message))
		return "the message is not a JSON object";
	if (!json_is_string(method))
		return "'method' is missing or not a string";
	if (parameters && !json_is_object(parameters) && !json_is_null(parameters))
		return "'parameters' is not an object";
	if (!read_flag(message, "more", &request.more) ||
	    !read_flag(message, "oneway", &request.oneway) ||
	    !read_flag(message, "upgrade", &request.upgrade))
		return "'more', 'oneway' or 'upgrade' is not a boolean";
	request.method = json_string_value(method);
	request.parameters = json_is_object(parameters) ? parameters : NULL;
	*ret = request;
	return NULL;
}

static const struct ctl_method *find_method(const struct ctl_service *service, const char *name)
{
	for (const struct ctl_method *m = service->methods; m && m->name; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

static void refuse_access(struct ctl_call *call, const struct ctl_service *service,
			  enum ctl_access needs)
{
	bool change = needs == CTL_ACCESS_CHANGE;
	const char *group = change ? service->change_group : service->view_group;

	ctl_reply_error(
		call, "io.holdfast.Agent.PermissionDenied",
		json_pack("{s:s, s:s*}", "needs", change ? "change" : "view", "group", group));
}

/* `parameters` is an object. */
static void dispatch(struct ctl_call *call, const struct request *request, json_t *parameters)
{
	const struct ctl_session *session = call->session;
	const struct ctl_service *service = session->service;
	const struct ctl_method *method;

	if (request->upgrade) { /* this service has no second protocol to switch to */
		ctl_reply_invalid(call, "upgrade");
		return;
	}
	if (request->more && request->oneway) { /* many replies and none at all */
		ctl_reply_invalid(call, "oneway");
		return;
	}
	if (strncmp(request->method, "org.varlink.service.", 20) == 0) {
		ctl_service_call(call, service, request->method, parameters);
		return;
	}
	method = find_method(service, request->method);
	if (!method) {
		ctl_service_unknown(call, service, request->method);
		return;
	}
	if (session->peer.access < method->access) {
		refuse_access(call, service, method->access);
		return;
	}
	if (method->access == CTL_ACCESS_CHANGE && service->changing)
		service->changing(call, method->name, service->userdata);
	method->handler(call, parameters, service->userdata);
}

/* `text` holds `n` bytes without the NUL. */
static void handle_message(struct ctl_session *session, const char *text, size_t n)
{
	_cleanup_json_ json_t *message = NULL;
	_cleanup_json_ json_t *none = json_object();
	struct request request;
	struct ctl_call *call;
	const char *wrong;

	/* jansson bounds the depth of nesting (JSON_PARSER_MAX_DEPTH, 2048). */
	message = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	ctl_bytes_drop(&session->in, n + 1);
	session->scanned = 0;
	if (!message) {
		refuse(session, "the message is not JSON, or nested too deeply");
		return;
	}
	wrong = read_request(message, &request);
	if (wrong) {
		refuse(session, wrong);
		return;
	}
	call = calloc(1, sizeof(*call));
	if (!call || !none) {
		free(call);
		session->overrun = true;
		return;
	}
	*call = (struct ctl_call){
		.session = session, .more = request.more, .oneway = request.oneway};
	session->call = call;
	dispatch(call, &request, request.parameters ? request.parameters : none);
}

size_t ctl_session_room(const struct ctl_session *session)
{
	return session->refusal ? 0 : CTL_MESSAGE_MAX - ctl_bytes_count(&session->in);
}

int ctl_session_feed(struct ctl_session *session, const void *data, size_t n)
{
	return ctl_bytes_add(&session->in, data, n, CTL_MESSAGE_MAX);
}

bool ctl_session_step(struct ctl_session *session)
{
	size_t n;

	if (session->call || session->refusal || session->overrun ||
	    ctl_bytes_count(&session->out) > 0)
		return false;
	n = ctl_bytes_message(&session->in, &session->scanned);
	if (n > 0)
		handle_message(session, session->in.data + session->in.at, n - 1);
	else if (ctl_session_room(session) == 0)
		refuse(session, "the message is too long");
	else
		return false;
	return true;
}

void ctl_session_done(struct ctl_session *session)
{
	struct ctl_call *call = session->call;

	if (call) {
		session->changed = NULL;
		if (session->service->call_gone)
			session->service->call_gone(call, session->service->userdata);
		assert(session->call == call); /* it must be forgotten, not answered */
		session->call = NULL;
		free(call);
	}
	ctl_bytes_done(&session->in);
	ctl_bytes_done(&session->out);
}
