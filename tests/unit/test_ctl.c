/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control socket with real sockets and a real event loop. The server runs in this process;
 * raw clients run in the same loop, other users and the blocking client are child processes.
 */
#include "ctl/internal.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#define GENEROUS_US 20000000ULL
#define NOBODY	    65534

static char directory[] = "/tmp/test_ctl.XXXXXX";
static char path[128];

struct fixture {
	sd_event *event;
	struct ctl_server *server;
	struct ctl_call *kept;
	unsigned int gone, shouts;
	json_t *big;
};

/* ---- methods of the server under test ---- */

static void method_echo(struct ctl_call *call, json_t *parameters, void *userdata)
{
	(void)userdata;
	ctl_reply(call, json_incref(parameters));
}

static void method_keep(struct ctl_call *call, json_t *parameters, void *userdata)
{
	struct fixture *f = userdata;

	(void)parameters;
	assert_null(f->kept);
	f->kept = call;
}

static void method_count(struct ctl_call *call, json_t *parameters, void *userdata)
{
	json_int_t n = json_integer_value(json_object_get(parameters, "n"));

	(void)userdata;
	if (n <= 0) {
		ctl_reply_invalid(call, "n");
		return;
	}
	for (json_int_t i = 1; i < n; i++)
		if (!ctl_reply_more(call, json_pack("{s:I}", "i", i)))
			break;
	ctl_reply(call, json_pack("{s:I}", "i", n));
}

static void method_shout(struct ctl_call *call, json_t *parameters, void *userdata)
{
	struct fixture *f = userdata;

	(void)parameters;
	f->shouts++;
	ctl_reply(call, NULL);
}

static void method_fail(struct ctl_call *call, json_t *parameters, void *userdata)
{
	(void)parameters;
	(void)userdata;
	ctl_reply_error(call, "io.test.Broken", json_pack("{s:s}", "what", "it"));
}

static void method_big(struct ctl_call *call, json_t *parameters, void *userdata)
{
	struct fixture *f = userdata;

	(void)parameters;
	ctl_reply(call, json_incref(f->big));
}

static void method_who(struct ctl_call *call, json_t *parameters, void *userdata)
{
	(void)parameters;
	(void)userdata;
	ctl_reply(call, json_pack("{s:i, s:i, s:b, s:s*}", "uid", (int)ctl_call_uid(call), "pid",
				  (int)ctl_call_pid(call), "more", ctl_call_wants_more(call),
				  "origin", ctl_call_origin(call)));
}

static const struct ctl_method methods[] = {
	{"io.test.Echo", CTL_ACCESS_NONE, method_echo},
	{"io.test.Keep", CTL_ACCESS_NONE, method_keep},
	{"io.test.Count", CTL_ACCESS_NONE, method_count},
	{"io.test.Shout", CTL_ACCESS_NONE, method_shout},
	{"io.test.Fail", CTL_ACCESS_NONE, method_fail},
	{"io.test.Big", CTL_ACCESS_NONE, method_big},
	{"io.test.Who", CTL_ACCESS_NONE, method_who},
	{"io.test.View", CTL_ACCESS_VIEW, method_echo},
	{"io.test.Change", CTL_ACCESS_CHANGE, method_echo},
	{"io.test.Lower", CTL_ACCESS_NONE, ctl_lower},
	{NULL, CTL_ACCESS_NONE, NULL},
};

static void on_gone(struct ctl_call *call, void *userdata)
{
	struct fixture *f = userdata;

	assert_ptr_equal(call, f->kept);
	f->kept = NULL;
	f->gone++;
}

#define DESCRIPTION                                                    \
	"# comment\n\ninterface io.test\n# method Commented() -> ()\n" \
	"method Echo() -> ()\nmethod Planned (a: int) -> ()\n"

/* Groups that exist on every Debian and that nobody is in. */
#define CHANGE_GROUP "daemon"
#define VIEW_GROUP   "bin"

static struct ctl_server_config test_config(struct fixture *f)
{
	return (struct ctl_server_config){.path = path,
					  .interface_description = DESCRIPTION,
					  .change_group = CHANGE_GROUP,
					  .view_group = VIEW_GROUP,
					  .methods = methods,
					  .userdata = f,
					  .call_gone = on_gone};
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct ctl_server_config config = test_config(f);

	assert_non_null(f);
	assert_true(sd_event_new(&f->event) >= 0);
	assert_int_equal(ctl_server_new(f->event, &config, &f->server), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->server = ctl_server_free(f->server);
	assert_null(f->kept);
	assert_int_equal(access(path, F_OK), -1);
	sd_event_unref(f->event);
	json_decref(f->big);
	free(f);
	return 0;
}

/* ---- a raw client ---- */

struct raw {
	int fd;
	char *data;
	size_t n;
	bool ended;
};

static struct raw raw_connect(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct raw raw = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};

	assert_true(raw.fd >= 0);
	strcpy(address.sun_path, path);
	assert_int_equal(connect(raw.fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(fcntl(raw.fd, F_SETFL, O_NONBLOCK), 0);
	return raw;
}

static void raw_close(struct raw *raw)
{
	close(raw->fd);
	free(raw->data);
}

static void raw_read(struct raw *raw)
{
	char buf[65536];
	ssize_t n;

	while ((n = recv(raw->fd, buf, sizeof(buf), 0)) > 0) {
		raw->data = realloc(raw->data, raw->n + (size_t)n);
		assert_non_null(raw->data);
		memcpy(raw->data + raw->n, buf, (size_t)n);
		raw->n += (size_t)n;
	}
	if (n == 0 || (n < 0 && errno != EAGAIN))
		raw->ended = true;
}

static void run_once(struct fixture *f)
{
	assert_true(sd_event_run(f->event, 1000) >= 0);
}

/* Sends everything while the server runs. */
static void raw_send(struct fixture *f, struct raw *raw, const char *data, size_t n)
{
	ha_time deadline = ha_time_add(clock_boot(), GENEROUS_US);

	while (n > 0 && ha_time_before(clock_boot(), deadline)) {
		ssize_t sent = send(raw->fd, data, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EPIPE)
			return;
		if (sent > 0) {
			data += sent;
			n -= (size_t)sent;
		}
		run_once(f);
	}
	assert_int_equal(n, 0);
}

#define raw_send_text(f, raw, text) raw_send(f, raw, text, strlen(text) + 1)

/* The next reply, or NULL when the server closed. */
static json_t *raw_next(struct fixture *f, struct raw *raw)
{
	ha_time deadline = ha_time_add(clock_boot(), GENEROUS_US);

	while (ha_time_before(clock_boot(), deadline)) {
		const char *nul = raw->n ? memchr(raw->data, 0, raw->n) : NULL;

		if (nul) {
			size_t n = (size_t)(nul - raw->data) + 1;
			json_t *json = json_loadb(raw->data, n - 1, 0, NULL);

			assert_non_null(json);
			memmove(raw->data, raw->data + n, raw->n - n);
			raw->n -= n;
			return json;
		}
		if (raw->ended)
			return NULL;
		run_once(f);
		raw_read(raw);
	}
	fail_msg("no reply in time");
	return NULL;
}

static void expect_reply(struct fixture *f, struct raw *raw, const char *expected)
{
	json_t *want = json_loads(expected, 0, NULL);
	json_t *got = raw_next(f, raw);

	assert_non_null(want);
	assert_non_null(got);
	if (!json_equal(want, got)) {
		char *text = json_dumps(got, JSON_SORT_KEYS);

		fail_msg("got %s\nexpected %s", text, expected);
	}
	json_decref(want);
	json_decref(got);
}

static void expect_end(struct fixture *f, struct raw *raw)
{
	assert_null(raw_next(f, raw));
}

static void run_until_clients(struct fixture *f, size_t n)
{
	ha_time deadline = ha_time_add(clock_boot(), GENEROUS_US);

	while (ctl_server_clients(f->server) != n && ha_time_before(clock_boot(), deadline))
		run_once(f);
	assert_int_equal(ctl_server_clients(f->server), n);
}

/* ---- the protocol ---- */

static const struct {
	const char *request, *reply;
} conversations[] = {
	{"{\"method\":\"io.test.Echo\",\"parameters\":{\"a\":[1,{\"b\":null}]}}",
	 "{\"parameters\":{\"a\":[1,{\"b\":null}]}}"},
	{"{\"method\":\"io.test.Echo\"}", "{\"parameters\":{}}"},
	{"{\"method\":\"io.test.Echo\",\"parameters\":null,\"more\":null}", "{\"parameters\":{}}"},
	{"{\"method\":\"io.test.Fail\"}",
	 "{\"error\":\"io.test.Broken\",\"parameters\":{\"what\":\"it\"}}"},
	{"{\"method\":\"io.test.Count\"}", "{\"error\":\"org.varlink.service.InvalidParameter\","
					   "\"parameters\":{\"parameter\":\"n\"}}"},
	/* Several replies only for those who can take them. */
	{"{\"method\":\"io.test.Count\",\"parameters\":{\"n\":5}}", "{\"parameters\":{\"i\":5}}"},
	{"{\"method\":\"io.test.Echo\",\"upgrade\":true}",
	 "{\"error\":\"org.varlink.service.InvalidParameter\","
	 "\"parameters\":{\"parameter\":\"upgrade\"}}"},
	{"{\"method\":\"io.test.Nope\"}", "{\"error\":\"org.varlink.service.MethodNotFound\","
					  "\"parameters\":{\"method\":\"io.test.Nope\"}}"},
	{"{\"method\":\"io.test.Commented\"}",
	 "{\"error\":\"org.varlink.service.MethodNotFound\","
	 "\"parameters\":{\"method\":\"io.test.Commented\"}}"},
	{"{\"method\":\"io.test.Planned\"}",
	 "{\"error\":\"org.varlink.service.MethodNotImplemented\","
	 "\"parameters\":{\"method\":\"io.test.Planned\"}}"},
	{"{\"method\":\"io.test.\"}", "{\"error\":\"org.varlink.service.MethodNotFound\","
				      "\"parameters\":{\"method\":\"io.test.\"}}"},
	{"{\"method\":\"io.other.Echo\"}", "{\"error\":\"org.varlink.service.InterfaceNotFound\","
					   "\"parameters\":{\"interface\":\"io.other\"}}"},
	{"{\"method\":\"io.test.sub.Echo\"}",
	 "{\"error\":\"org.varlink.service.InterfaceNotFound\","
	 "\"parameters\":{\"interface\":\"io.test.sub\"}}"},
	{"{\"method\":\"\"}",
	 "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"\"}}"},
	{"{\"method\":\"org.varlink.service.Nope\"}",
	 "{\"error\":\"org.varlink.service.MethodNotFound\","
	 "\"parameters\":{\"method\":\"org.varlink.service.Nope\"}}"},
	{"{\"method\":\"org.varlink.service.GetInterfaceDescription\"}",
	 "{\"error\":\"org.varlink.service.InvalidParameter\","
	 "\"parameters\":{\"parameter\":\"interface\"}}"},
	{"{\"method\":\"org.varlink.service.GetInterfaceDescription\","
	 "\"parameters\":{\"interface\":\"io.nope\"}}",
	 "{\"error\":\"org.varlink.service.InterfaceNotFound\","
	 "\"parameters\":{\"interface\":\"io.nope\"}}"},
	{"{\"method\":\"org.varlink.service.GetInfo\"}",
	 "{\"parameters\":{\"vendor\":\"Holdfast\",\"product\":\"Holdfast agent\","
	 "\"version\":\"" HOLDFAST_VERSION "\",\"url\":\"man:holdfastd(8)\","
	 "\"interfaces\":[\"org.varlink.service\",\"io.test\"]}}"},
};

/* All on one connection: an error reply does not end it. */
static void test_conversations(void **state)
{
	struct fixture *f = *state;
	struct raw raw = raw_connect();

	for (size_t i = 0; i < sizeof(conversations) / sizeof(*conversations); i++) {
		raw_send_text(f, &raw, conversations[i].request);
		expect_reply(f, &raw, conversations[i].reply);
	}
	raw_close(&raw);
	run_until_clients(f, 0);
}

static json_t *describe(struct fixture *f, struct raw *raw, const char *interface)
{
	char request[256];
	json_t *reply, *text;

	snprintf(request, sizeof(request),
		 "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		 "\"parameters\":{\"interface\":\"%s\"}}",
		 interface);
	raw_send_text(f, raw, request);
	reply = raw_next(f, raw);
	text = json_incref(json_object_get(json_object_get(reply, "parameters"), "description"));
	assert_true(json_is_string(text));
	json_decref(reply);
	return text;
}

static void test_descriptions(void **state)
{
	struct fixture *f = *state;
	struct ctl_server_config config = test_config(f);
	struct raw raw = raw_connect();
	json_t *text = describe(f, &raw, "io.test");

	assert_string_equal(json_string_value(text), DESCRIPTION);
	json_decref(text);
	text = describe(f, &raw, "org.varlink.service");
	assert_non_null(strstr(json_string_value(text), "interface org.varlink.service\n"));
	json_decref(text);
	raw_close(&raw);

	/* The built-in one is the whole file. */
	f->server = ctl_server_free(f->server);
	config.interface_description = NULL;
	assert_int_equal(ctl_server_new(f->event, &config, &f->server), 0);
	raw = raw_connect();
	text = describe(f, &raw, "io.holdfast.Agent");
	assert_non_null(strstr(json_string_value(text), "\ninterface io.holdfast.Agent\n"));
	assert_non_null(strstr(json_string_value(text), "error InvalidMessage (reason: string)\n"));
	json_decref(text);
	raw_close(&raw);

	f->server = ctl_server_free(f->server);
	config.interface_description = "# no interface\ntype X (a: int)\n";
	assert_int_equal(ctl_server_new(f->event, &config, &f->server), -EINVAL);
}

static void test_partial_writes(void **state)
{
	static const char request[] = "{\"method\":\"io.test.Echo\",\"parameters\":{\"x\":7}}";
	struct fixture *f = *state;
	struct raw raw = raw_connect();

	for (size_t i = 0; i < sizeof(request); i++)
		raw_send(f, &raw, request + i, 1);
	/* The end of one and the beginning of the next in one write. */
	raw_send(f, &raw, request, 20);
	raw_send(f, &raw, request + 20, sizeof(request) - 20);
	for (int i = 0; i < 2; i++)
		expect_reply(f, &raw, "{\"parameters\":{\"x\":7}}");
	raw_close(&raw);
}

static void test_pipelining(void **state)
{
	enum { N = 500 };
	struct fixture *f = *state;
	struct raw raw = raw_connect();
	char text[128];

	for (int i = 0; i < N; i++) {
		int n = snprintf(text, sizeof(text),
				 "{\"method\":\"io.test.Echo\",\"parameters\":{\"i\":%d}}", i);

		raw_send(f, &raw, text, (size_t)n + 1);
	}
	for (int i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "{\"parameters\":{\"i\":%d}}", i);
		expect_reply(f, &raw, text);
	}
	raw_close(&raw);
}

/* A call that is kept holds up those behind it, of its own client only. */
static void test_one_call_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct raw raw = raw_connect(), other = raw_connect();

	raw_send_text(f, &raw, "{\"method\":\"io.test.Keep\"}");
	raw_send_text(f, &raw, "{\"method\":\"io.test.Shout\"}");
	raw_send_text(f, &other, "{\"method\":\"io.test.Echo\"}");
	expect_reply(f, &other, "{\"parameters\":{}}");
	for (int i = 0; i < 20; i++)
		run_once(f);
	assert_non_null(f->kept);
	assert_int_equal(f->shouts, 0);
	ctl_reply(TAKE_PTR(f->kept), json_pack("{s:s}", "late", "yes"));
	expect_reply(f, &raw, "{\"parameters\":{\"late\":\"yes\"}}");
	expect_reply(f, &raw, "{\"parameters\":{}}");
	assert_int_equal(f->shouts, 1);
	raw_close(&raw);
	raw_close(&other);
}

static void test_more(void **state)
{
	struct fixture *f = *state;
	struct raw raw = raw_connect();

	raw_send_text(f, &raw,
		      "{\"method\":\"io.test.Count\",\"more\":true,\"parameters\":{\"n\":3}}");
	expect_reply(f, &raw, "{\"parameters\":{\"i\":1},\"continues\":true}");
	expect_reply(f, &raw, "{\"parameters\":{\"i\":2},\"continues\":true}");
	expect_reply(f, &raw, "{\"parameters\":{\"i\":3}}");

	/* Later, one by one, as a subscription does. */
	raw_send_text(f, &raw, "{\"method\":\"io.test.Keep\",\"more\":true}");
	while (!f->kept)
		run_once(f);
	for (int i = 0; i < 3; i++) {
		assert_true(ctl_reply_more(f->kept, NULL));
		expect_reply(f, &raw, "{\"parameters\":{},\"continues\":true}");
	}
	ctl_reply_error(TAKE_PTR(f->kept), "io.test.Over", NULL);
	expect_reply(f, &raw, "{\"error\":\"io.test.Over\",\"parameters\":{}}");
	raw_close(&raw);
}

static void test_oneway(void **state)
{
	struct fixture *f = *state;
	struct raw raw = raw_connect();

	raw_send_text(f, &raw, "{\"method\":\"io.test.Shout\",\"oneway\":true}");
	raw_send_text(f, &raw, "{\"method\":\"io.test.Fail\",\"oneway\":true}");
	raw_send_text(f, &raw,
		      "{\"method\":\"io.test.Count\",\"oneway\":true,"
		      "\"parameters\":{\"n\":3}}");
	raw_send_text(f, &raw, "{\"method\":\"io.test.Echo\",\"more\":true,\"oneway\":true}");
	raw_send_text(f, &raw, "{\"method\":\"io.test.Echo\",\"parameters\":{\"last\":1}}");
	expect_reply(f, &raw, "{\"parameters\":{\"last\":1}}");
	assert_int_equal(f->shouts, 1);
	/* One that is sent while the client leaves is carried out, too. */
	assert_true(send(raw.fd, "{\"method\":\"io.test.Shout\",\"oneway\":true}", 41, 0) == 41);
	assert_true(send(raw.fd, "", 1, 0) == 1);
	raw_close(&raw);
	run_until_clients(f, 0);
	assert_int_equal(f->shouts, 2);
}

static void test_half_closed(void **state)
{
	struct fixture *f = *state;
	struct raw raw = raw_connect();

	raw_send_text(f, &raw, "{\"method\":\"io.test.Keep\"}");
	raw_send_text(f, &raw, "{\"method\":\"io.test.Echo\"}");
	assert_int_equal(shutdown(raw.fd, SHUT_WR), 0);
	for (int i = 0; i < 20; i++)
		run_once(f);
	assert_non_null(f->kept);
	ctl_reply(TAKE_PTR(f->kept), json_pack("{s:i}", "a", 1));
	expect_reply(f, &raw, "{\"parameters\":{\"a\":1}}");
	expect_reply(f, &raw, "{\"parameters\":{}}");
	expect_end(f, &raw);
	raw_close(&raw);
}

/* ---- bad input ---- */

static void expect_refusal(struct fixture *f, const char *data, size_t n, const char *reason)
{
	struct raw raw = raw_connect();
	char reply[256];

	raw_send(f, &raw, data, n);
	/* What follows is not looked at any more. */
	raw_send_text(f, &raw, "{\"method\":\"io.test.Shout\"}");
	snprintf(reply, sizeof(reply),
		 "{\"error\":\"io.holdfast.Agent.InvalidMessage\","
		 "\"parameters\":{\"reason\":\"%s\"}}",
		 reason);
	expect_reply(f, &raw, reply);
	expect_end(f, &raw);
	raw_close(&raw);
	run_until_clients(f, 0);
	assert_int_equal(f->shouts, 0);
}

static void test_bad_messages(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{"", "the message is not JSON, or nested too deeply"},
		{"hello", "the message is not JSON, or nested too deeply"},
		{"GET / HTTP/1.1\r\n\r\n", "the message is not JSON, or nested too deeply"},
		{"{\"method\":\"io.test.Echo\"", "the message is not JSON, or nested too deeply"},
		{"{\"method\":\"io.test.Echo\"} x",
		 "the message is not JSON, or nested too deeply"},
		{"{\"method\":\"a.B\",\"method\":\"io.test.Echo\"}",
		 "the message is not JSON, or nested too deeply"},
		{"{\"method\":\"\xff\"}", "the message is not JSON, or nested too deeply"},
		{"[1]", "the message is not a JSON object"},
		{"{}", "'method' is missing or not a string"},
		{"{\"method\":5}", "'method' is missing or not a string"},
		{"{\"method\":\"io.test.Echo\",\"parameters\":[]}",
		 "'parameters' is not an object"},
		{"{\"method\":\"io.test.Echo\",\"more\":1}",
		 "'more', 'oneway' or 'upgrade' is not a boolean"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		expect_refusal(f, cases[i].text, strlen(cases[i].text) + 1, cases[i].reason);
}

static void test_deep_nesting(void **state)
{
	enum { DEPTH = 20000 };
	static const char head[] = "{\"method\":\"io.test.Echo\",\"parameters\":{\"a\":";
	char *text = calloc(1, sizeof(head) + 2 * DEPTH + 3);

	assert_non_null(text);
	strcpy(text, head);
	memset(text + strlen(text), '[', DEPTH);
	memset(text + strlen(text), ']', DEPTH);
	strcat(text, "}}");
	expect_refusal(*state, text, strlen(text) + 1,
		       "the message is not JSON, or nested too deeply");
	free(text);
}

/* The largest message that is allowed, and one byte more. */
static void test_message_size(void **state)
{
	static const char head[] = "{\"method\":\"io.test.Shout\",\"parameters\":{\"a\":\"";
	struct fixture *f = *state;
	char *text = malloc(CTL_MESSAGE_MAX + 1);
	struct raw raw = raw_connect();

	assert_non_null(text);
	memset(text, 'x', CTL_MESSAGE_MAX + 1);
	memcpy(text, head, sizeof(head) - 1);
	memcpy(text + CTL_MESSAGE_MAX - 4, "\"}}", 4);
	raw_send(f, &raw, text, CTL_MESSAGE_MAX);
	expect_reply(f, &raw, "{\"parameters\":{}}");
	assert_int_equal(f->shouts, 1);
	f->shouts = 0;
	raw_close(&raw);
	run_until_clients(f, 0);

	memset(text + CTL_MESSAGE_MAX - 4, 'x', 5);
	expect_refusal(f, text, CTL_MESSAGE_MAX + 1, "the message is too long");
	free(text);
}

/* ---- slow readers ---- */

static json_t *big_object(size_t n)
{
	char *text = malloc(n + 1);
	json_t *json;

	assert_non_null(text);
	memset(text, 'b', n);
	text[n] = '\0';
	json = json_pack("{s:s}", "big", text);
	free(text);
	return json;
}

/* A large reply goes out in parts as the reader takes it. */
static void test_big_reply(void **state)
{
	struct fixture *f = *state;
	struct raw raw = raw_connect();
	json_t *reply;

	f->big = big_object(CTL_QUEUE_MAX - 1000);
	for (int i = 0; i < 2; i++)
		raw_send_text(f, &raw, "{\"method\":\"io.test.Big\"}");
	for (int i = 0; i < 2; i++) {
		reply = raw_next(f, &raw);
		assert_true(json_equal(json_object_get(reply, "parameters"), f->big));
		json_decref(reply);
	}
	raw_close(&raw);
}

/* Requests whose replies are not read are not even started: one reply waits, not a thousand. */
static void test_unread_replies_stop_requests(void **state)
{
	struct fixture *f = *state;
	struct raw raw = raw_connect();

	f->big = big_object(1 << 20);
	raw_send_text(f, &raw, "{\"method\":\"io.test.Big\"}");
	raw_send_text(f, &raw, "{\"method\":\"io.test.Shout\"}");
	for (int i = 0; i < 20; i++)
		run_once(f);
	assert_int_equal(f->shouts, 0);
	json_decref(raw_next(f, &raw));
	expect_reply(f, &raw, "{\"parameters\":{}}");
	assert_int_equal(f->shouts, 1);
	raw_close(&raw);
}

static void test_slow_by_time(void **state)
{
	struct fixture *f = *state;
	struct raw slow, other;
	ha_time start;

	ctl_server_set_slow_us(f->server, 200000);
	f->big = big_object(1 << 20);
	slow = raw_connect();
	raw_send_text(f, &slow, "{\"method\":\"io.test.Big\"}");
	start = clock_boot();
	other = raw_connect();
	run_until_clients(f, 2);
	/* Nobody else notices. */
	while (ctl_server_clients(f->server) != 1) {
		raw_send_text(f, &other, "{\"method\":\"io.test.Echo\"}");
		expect_reply(f, &other, "{\"parameters\":{}}");
		assert_true(ha_time_since(clock_boot(), start) < GENEROUS_US);
	}
	assert_true(ha_time_since(clock_boot(), start) >= 150000);
	while (!slow.ended)
		raw_read(&slow);
	assert_true(slow.n > 0 && slow.n < 1 << 20);
	raw_close(&slow);

	/* Slow but steady is fine: each byte that goes out starts the time again. */
	ctl_server_set_slow_us(f->server, USEC_PER_SEC);
	slow = raw_connect();
	raw_send_text(f, &slow, "{\"method\":\"io.test.Big\"}");
	start = clock_boot();
	while (slow.n < 1 << 20) {
		char buf[32768];
		ssize_t n = recv(slow.fd, buf, sizeof(buf), 0);
		ha_time until = ha_time_add(clock_boot(), 65000);

		assert_true(n > 0 || (n < 0 && errno == EAGAIN));
		slow.n += n > 0 ? (size_t)n : 0;
		while (ha_time_before(clock_boot(), until))
			run_once(f);
	}
	assert_true(ha_time_since(clock_boot(), start) > 2 * USEC_PER_SEC);
	slow.n = 0;
	raw_close(&slow);
	raw_close(&other);
}

static void test_slow_by_queue(void **state)
{
	struct fixture *f = *state;
	struct raw slow = raw_connect();
	unsigned int sent = 0;
	bool fits = true;

	f->big = big_object(100000);
	raw_send_text(f, &slow, "{\"method\":\"io.test.Keep\",\"more\":true}");
	while (!f->kept)
		run_once(f);
	for (; fits && sent < 1000; sent++) {
		fits = ctl_reply_more(f->kept, json_incref(f->big));
		if (sent % 10 == 0)
			run_once(f);
	}
	assert_false(fits);
	assert_true(sent >= CTL_QUEUE_MAX / 100100);
	assert_true(sent <= CTL_QUEUE_MAX / 100000 + 10); /* and what the kernel took */
	assert_int_equal(f->gone, 0);			  /* not in the middle of our own call */
	assert_false(ctl_reply_more(f->kept, NULL));
	run_until_clients(f, 0);
	assert_int_equal(f->gone, 1);
	raw_close(&slow);
}

/* A final reply that does not fit drops the client, and it is not told that it has gone. */
static void test_reply_too_big(void **state)
{
	struct fixture *f = *state;
	struct raw raw = raw_connect();

	f->big = big_object(CTL_QUEUE_MAX);
	raw_send_text(f, &raw, "{\"method\":\"io.test.Big\"}");
	expect_end(f, &raw);
	assert_int_equal(f->gone, 0);
	raw_close(&raw);
}

static void test_client_gone(void **state)
{
	struct fixture *f = *state;
	struct raw raw = raw_connect();

	raw_send_text(f, &raw, "{\"method\":\"io.test.Keep\"}");
	while (!f->kept)
		run_once(f);
	raw_close(&raw);
	run_until_clients(f, 0);
	assert_int_equal(f->gone, 1);
	assert_null(f->kept);

	/* Also when requests wait behind it and the input is full. */
	raw = raw_connect();
	raw_send_text(f, &raw, "{\"method\":\"io.test.Keep\"}");
	while (!f->kept)
		run_once(f);
	for (int i = 0; i < 3000; i++)
		(void)!send(raw.fd, "{\"method\":\"io.test.Shout\"}\0", 27, MSG_NOSIGNAL);
	for (int i = 0; i < 20; i++)
		run_once(f);
	raw_close(&raw);
	run_until_clients(f, 0);
	assert_int_equal(f->gone, 2);

	/* And when the server ends first: checked in teardown. */
	raw = raw_connect();
	raw_send_text(f, &raw, "{\"method\":\"io.test.Keep\"}");
	while (!f->kept)
		run_once(f);
	f->server = ctl_server_free(f->server);
	assert_int_equal(f->gone, 3);
	raw_close(&raw);
}

/* ---- slots and rights ---- */

static void test_slots(void **state)
{
	struct fixture *f = *state;
	struct raw raw[CTL_CLIENTS_MAX], late;

	for (size_t i = 0; i < CTL_CLIENTS_MAX; i++) {
		raw[i] = raw_connect();
		run_until_clients(f, i + 1);
	}
	late = raw_connect();
	expect_reply(f, &late, "{\"error\":\"io.holdfast.Agent.Busy\",\"parameters\":{}}");
	expect_end(f, &late);
	raw_close(&late);
	for (size_t i = 0; i < CTL_CLIENTS_MAX; i++) {
		raw_send_text(f, &raw[i], "{\"method\":\"io.test.Echo\"}");
		expect_reply(f, &raw[i], "{\"parameters\":{}}");
	}
	for (size_t i = 0; i < CTL_CLIENTS_MAX; i++)
		raw_close(&raw[i]);
	run_until_clients(f, 0);
}

/* Runs `child` in a process of its own as `uid` with these groups, and the server meanwhile. */
static int run_as(struct fixture *f, uid_t uid, const gid_t *gids, size_t n_gids,
		  int (*child)(void))
{
	ha_time deadline = ha_time_add(clock_boot(), GENEROUS_US);
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgroups(n_gids - 1, gids + 1) < 0 ||
		    setresgid(gids[0], gids[0], gids[0]) < 0 || setresuid(uid, uid, uid) < 0)
			_exit(99);
		_exit(child());
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		run_once(f);
		if (!ha_time_before(clock_boot(), deadline))
			kill(pid, SIGKILL);
	}
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool may(struct ctl_client *client, const char *method, const char *needs, const char *group)
{
	const json_t *parameters;
	json_t *reply;
	int r = ctl_client_call(client, method, NULL, GENEROUS_US, &reply);

	if (r == 0) {
		json_decref(reply);
		return true;
	}
	parameters = ctl_client_error_parameters(client);
	if (r != -EREMOTEIO ||
	    strcmp(ctl_client_error(client), "io.holdfast.Agent.PermissionDenied") != 0 ||
	    strcmp(json_string_value(json_object_get(parameters, "needs")), needs) != 0 ||
	    strcmp(json_string_value(json_object_get(parameters, "group")), group) != 0)
		_exit(98);
	return false;
}

/* Exit code: 1 may view, 2 may change. */
static int child_rights(void)
{
	struct ctl_client *client;
	int rights = 0;

	if (ctl_client_connect(path, &client) < 0)
		return 97;
	rights += may(client, "io.test.View", "view", VIEW_GROUP) ? 1 : 0;
	rights += may(client, "io.test.Change", "change", CHANGE_GROUP) ? 2 : 0;
	if (!may(client, "io.test.Echo", "", ""))
		return 96;
	ctl_client_free(client);
	return rights;
}

static bool skip_unless_root(void)
{
	if (geteuid() == 0)
		return false;
	print_message("SKIPPED: needs root to become other users\n");
	return true;
}

static int lower(struct ctl_client *client, const char *access, const char *origin, json_int_t uid)
{
	json_t *reply;
	int r = ctl_client_call(
		client, "io.test.Lower",
		json_pack("{s:s, s:s, s:I}", "access", access, "origin", origin, "uid", uid),
		GENEROUS_US, &reply);

	if (r == 0)
		json_decref(reply);
	return r;
}

/* Exit code: 0, or the number of the check that failed. */
static int child_lower(void)
{
	struct ctl_client *client;
	json_t *reply;

	if (ctl_client_connect(path, &client) < 0)
		return 1;
	if (lower(client, "root", "node2", 5) == 0 || lower(client, "view", "../x", 5) == 0 ||
	    lower(client, "view", "", 5) == 0 || lower(client, "view", "node2", -1) == 0 ||
	    lower(client, "view", "node2", UINT32_MAX) == 0)
		return 2;
	if (!may(client, "io.test.Change", "", "") || lower(client, "view", "node2", 5) != 0)
		return 3;
	if (may(client, "io.test.Change", "change", CHANGE_GROUP) ||
	    !may(client, "io.test.View", "", ""))
		return 4;
	if (lower(client, "change", "node3", 0) != -EREMOTEIO)
		return 5;
	if (ctl_client_call(client, "io.test.Who", NULL, GENEROUS_US, &reply) < 0 ||
	    json_integer_value(json_object_get(reply, "uid")) != 5 ||
	    json_integer_value(json_object_get(reply, "pid")) != 0 ||
	    strcmp(json_string_value(json_object_get(reply, "origin")), "node2") != 0)
		return 6;
	json_decref(reply);
	ctl_client_free(client);
	return 0;
}

/* Whoever is not root cannot speak for others, whatever it may do itself. */
static int child_cannot_lower(void)
{
	struct ctl_client *client;

	if (ctl_client_connect(path, &client) < 0)
		return 1;
	if (lower(client, "view", "node2", 0) != -EREMOTEIO ||
	    strcmp(ctl_client_error(client), "io.holdfast.Agent.PermissionDenied") != 0)
		return 2;
	ctl_client_free(client);
	return 0;
}

static void test_lower(void **state)
{
	struct fixture *f = *state;
	const struct group *group = getgrnam(CHANGE_GROUP);

	if (skip_unless_root())
		return;
	assert_non_null(group);
	assert_int_equal(run_as(f, 0, (gid_t[]){0}, 1, child_lower), 0);
	assert_int_equal(run_as(f, NOBODY, (gid_t[]){group->gr_gid}, 1, child_cannot_lower), 0);
}

static void test_permissions(void **state)
{
	struct fixture *f = *state;
	const struct group *group;
	gid_t change, view, many[200];

	if (skip_unless_root())
		return;
	group = getgrnam(CHANGE_GROUP);
	assert_non_null(group);
	change = group->gr_gid;
	group = getgrnam(VIEW_GROUP);
	assert_non_null(group);
	view = group->gr_gid;
	for (gid_t i = 0; i < 200; i++)
		many[i] = 70000 + i;

	assert_int_equal(run_as(f, 0, (gid_t[]){0}, 1, child_rights), 3);
	assert_int_equal(run_as(f, 0, (gid_t[]){NOBODY}, 1, child_rights), 3);
	assert_int_equal(run_as(f, NOBODY, (gid_t[]){NOBODY}, 1, child_rights), 0);
	assert_int_equal(run_as(f, NOBODY, (gid_t[]){0, 0}, 2, child_rights), 0);
	assert_int_equal(run_as(f, NOBODY, (gid_t[]){view}, 1, child_rights), 1);
	assert_int_equal(run_as(f, NOBODY, (gid_t[]){change}, 1, child_rights), 3);
	assert_int_equal(run_as(f, NOBODY, (gid_t[]){NOBODY, view}, 2, child_rights), 1);
	assert_int_equal(run_as(f, NOBODY, (gid_t[]){NOBODY, change}, 2, child_rights), 3);
	assert_int_equal(run_as(f, NOBODY, (gid_t[]){NOBODY, view, change}, 3, child_rights), 3);
	assert_int_equal(run_as(f, NOBODY, (gid_t[]){change, view}, 2, child_rights), 3);
	assert_int_equal(run_as(f, NOBODY, many, 200, child_rights), 0);
	many[199] = view;
	assert_int_equal(run_as(f, NOBODY, many, 200, child_rights), 1);
	many[150] = change;
	assert_int_equal(run_as(f, NOBODY, many, 200, child_rights), 3);
}

/* How many connections of one process are served at the same time. */
static int child_hoard(void)
{
	struct ctl_client *client[CTL_CLIENTS_MAX];
	int served = 0;

	for (int i = 0; i < CTL_CLIENTS_MAX; i++) {
		json_t *reply;
		int r;

		if (ctl_client_connect(path, &client[i]) < 0)
			return 97;
		r = ctl_client_call(client[i], "io.test.Echo", NULL, GENEROUS_US, &reply);
		if (r == 0) {
			json_decref(reply);
			served++;
		} else if (r != -EREMOTEIO ||
			   strcmp(ctl_client_error(client[i]), "io.holdfast.Agent.Busy") != 0) {
			return 98;
		}
	}
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		ctl_client_free(client[i]);
	return served;
}

static void test_slots_of_users(void **state)
{
	struct fixture *f = *state;
	const struct group *group;
	gid_t view;

	if (skip_unless_root())
		return;
	group = getgrnam(VIEW_GROUP);
	assert_non_null(group);
	view = group->gr_gid;
	assert_int_equal(run_as(f, NOBODY, (gid_t[]){view}, 1, child_hoard), CTL_CLIENTS_UID_MAX);
	run_until_clients(f, 0);
	assert_int_equal(run_as(f, NOBODY, (gid_t[]){NOBODY}, 1, child_hoard),
			 CTL_CLIENTS_STRANGER_MAX);
	run_until_clients(f, 0);
	assert_int_equal(run_as(f, 0, (gid_t[]){0}, 1, child_hoard), CTL_CLIENTS_MAX);
	run_until_clients(f, 0);
}

static void test_groups(void **state)
{
	const struct ctl_groups groups = {true, true, 10, 20}, none = {0};
	const gid_t gids[] = {1, 20, 10};

	(void)state;
	assert_int_equal(ctl_groups_access(&groups, 5, gids, 1), CTL_ACCESS_NONE);
	assert_int_equal(ctl_groups_access(&groups, 5, gids, 2), CTL_ACCESS_VIEW);
	assert_int_equal(ctl_groups_access(&groups, 5, gids, 3), CTL_ACCESS_CHANGE);
	assert_int_equal(ctl_groups_access(&groups, 0, gids, 0), CTL_ACCESS_CHANGE);
	/* No group was found: gid 0 must not match by accident. */
	assert_int_equal(ctl_groups_access(&none, 5, (gid_t[]){0}, 1), CTL_ACCESS_NONE);
}

static void test_refresh(void **state)
{
	struct fixture *f = *state;
	struct ctl_server_config config = test_config(f);
	struct ctl_groups groups;

	f->server = ctl_server_free(f->server);
	config.change_group = "no-such-group-here";
	config.view_group = "";
	assert_int_equal(ctl_server_new(f->event, &config, &f->server), 0);
	ctl_server_refresh(f->server);
	ctl_groups_load(&groups, "no-such-group-here", NULL);
	assert_false(groups.has_change || groups.has_view);
	ctl_groups_load(&groups, CHANGE_GROUP, VIEW_GROUP);
	assert_true(groups.has_change && groups.has_view);
}

/* ---- the socket file ---- */

static void test_socket_file(void **state)
{
	struct fixture *f = *state;
	struct ctl_server_config config = test_config(f);
	struct ctl_server *second = NULL;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	int fd;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	assert_int_equal(ctl_server_new(f->event, &config, &second), -EADDRINUSE);
	assert_null(second);
	assert_int_equal(access(path, F_OK), 0); /* the living one's is still there */

	/* Of a dead one: the file stays, nobody listens. */
	f->server = ctl_server_free(f->server);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(ctl_server_new(f->event, &config, &second), -EADDRINUSE);
	close(fd);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(ctl_server_new(f->event, &config, &f->server), 0);

	/* Somebody else's file that took its place is not removed at the end. */
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	f->server = ctl_server_free(f->server);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(ctl_server_new(f->event, &config, &second), -ENOTSOCK);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
}

static void test_bad_paths(void **state)
{
	struct fixture *f = *state;
	struct ctl_server_config config = test_config(f);
	struct ctl_server *second = NULL;
	struct ctl_client *client = NULL;
	char long_path[200];

	memset(long_path, 'p', sizeof(long_path) - 1);
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	config.path = long_path;
	assert_int_equal(ctl_server_new(f->event, &config, &second), -ENAMETOOLONG);
	assert_int_equal(ctl_client_connect(long_path, &client), -ENAMETOOLONG);
	config.path = "/no/such/directory/socket";
	assert_int_equal(ctl_server_new(f->event, &config, &second), -ENOENT);
	assert_int_equal(ctl_client_connect(config.path, &client), -ENOENT);
	config.path = "";
	assert_int_equal(ctl_server_new(f->event, &config, &second), -EINVAL);
	assert_int_equal(ctl_client_connect("", &client), -EINVAL);
}

/* Sockets of other programs: the same files, and the same rights for who connects. */
static void test_local_sockets(void **state)
{
	struct ctl_listener listener, second;
	struct ctl_groups groups = {0};
	struct sockaddr_un address, beside;
	struct ctl_peer peer;
	int fd, other;

	(void)state;
	assert_int_equal(ctl_peer_path(path, &beside), 0);
	assert_int_equal(strncmp(beside.sun_path, path, strlen(directory)), 0);
	assert_string_equal(strrchr(beside.sun_path, '/'), "/" CTL_PEER_SOCKET);
	assert_int_equal(ctl_peer_path("agent.sock", &address), 0);
	assert_string_equal(address.sun_path, CTL_PEER_SOCKET);
	assert_int_equal(ctl_listener_open(&listener, beside.sun_path), 0);
	assert_int_equal(ctl_listener_open(&second, beside.sun_path), -EADDRINUSE);
	assert_int_equal(ctl_address(beside.sun_path, &address), 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	/* the one above has knocked, too, to see whether somebody is there */
	for (int i = 0; i < 2; i++) {
		other = accept(listener.fd, NULL, NULL);
		assert_true(other >= 0);
		assert_int_equal(ctl_peer_read(other, &groups, &peer), 0);
		assert_int_equal(peer.uid, geteuid());
		assert_int_equal(peer.pid, getpid());
		assert_int_equal(peer.access, geteuid() == 0 ? CTL_ACCESS_CHANGE : CTL_ACCESS_NONE);
		(void)close(other);
	}
	(void)close(fd);
	ctl_listener_close(&listener);
	assert_int_equal(access(beside.sun_path, F_OK), -1);
}

/* ---- floods ---- */

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	unsigned int *ticks = userdata;

	(void)usec;
	(*ticks)++;
	assert_true(sd_event_source_set_time_relative(source, 1000) >= 0);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Connects, writes garbage or many requests, leaves; for a while, without reading. */
static int child_flood(void)
{
	static const char request[] = "{\"method\":\"io.test.Big\"}";
	static const char garbage[sizeof(request)] = "[[[[[[[[[[[[[[[[[[[[";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	ha_time end = ha_time_add(clock_boot(), 500000);

	strcpy(address.sun_path, path);
	for (unsigned int i = 0; ha_time_before(clock_boot(), end); i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd < 0)
			return 1;
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
			for (int k = 0; k < 50 && i % 3; k++)
				(void)!send(fd, i % 3 == 1 ? request : garbage, sizeof(request),
					    MSG_NOSIGNAL);
		}
		close(fd);
	}
	return 0;
}

/* The agent's own timers go on, and nothing is left behind. */
static void test_flood(void **state)
{
	struct fixture *f = *state;
	sd_event_source *tick;
	unsigned int ticks = 0;
	struct raw raw;

	f->big = big_object(100000);
	assert_true(sd_event_add_time_relative(f->event, &tick, CLOCK_MONOTONIC, 1000, 1, on_tick,
					       &ticks) >= 0);
	assert_true(sd_event_source_set_enabled(tick, SD_EVENT_ONESHOT) >= 0);
	assert_int_equal(run_as(f, 0, (gid_t[]){0}, 1, child_flood), 0);
	print_message("%u ticks of 1 ms in 500 ms of flood\n", ticks);
	assert_true(ticks >= 10);
	sd_event_source_disable_unref(tick);
	run_until_clients(f, 0);
	while (sd_event_run(f->event, 0) > 0)
		; /* the dead that still wait to be accepted */
	raw = raw_connect();
	raw_send_text(f, &raw, "{\"method\":\"io.test.Echo\"}");
	expect_reply(f, &raw, "{\"parameters\":{}}");
	raw_close(&raw);
}

/* Without descriptors clients wait; nothing spins, and it goes on when there are some again. */
static void test_out_of_descriptors(void **state)
{
	struct fixture *f = *state;
	struct rlimit limit, low;
	struct raw raw = raw_connect();
	unsigned int turns = 0;
	ha_time end;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	end = ha_time_add(clock_boot(), 200000);
	while (ha_time_before(clock_boot(), end)) {
		assert_true(sd_event_run(f->event, 20000) >= 0);
		turns++;
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(turns < 50);
	raw_send_text(f, &raw, "{\"method\":\"io.test.Echo\"}");
	expect_reply(f, &raw, "{\"parameters\":{}}");
	raw_close(&raw);
}

/* ---- the blocking client ---- */

#define CHECK(condition)                                                                \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			_exit(1);                                                       \
		}                                                                       \
	} while (0)

static json_int_t get_int(const json_t *reply, const char *key)
{
	return json_integer_value(json_object_get(reply, key));
}

static int child_client(void)
{
	struct ctl_client *client;
	json_t *reply = NULL;

	CHECK(ctl_client_connect(path, &client) == 0);
	CHECK(ctl_client_call(client, "io.test.Who", NULL, GENEROUS_US, &reply) == 0);
	CHECK(get_int(reply, "uid") == geteuid() && get_int(reply, "pid") == getpid());
	CHECK(json_is_false(json_object_get(reply, "more")));
	json_decref(reply);
	CHECK(ctl_client_call(client, "io.test.Fail", NULL, GENEROUS_US, &reply) == -EREMOTEIO);
	CHECK(strcmp(ctl_client_error(client), "io.test.Broken") == 0);
	CHECK(json_is_string(json_object_get(ctl_client_error_parameters(client), "what")));

	CHECK(ctl_client_next(client, 0, &reply) == 0);
	CHECK(ctl_client_call_more(client, "io.test.Count", json_pack("{s:i}", "n", 300)) == 0);
	CHECK(ctl_client_call(client, "io.test.Echo", NULL, 0, &reply) == -EBUSY);
	for (int i = 1; i <= 300; i++) {
		CHECK(ctl_client_next(client, GENEROUS_US, &reply) == 1);
		CHECK(get_int(reply, "i") == i);
		json_decref(reply);
	}
	CHECK(ctl_client_next(client, 0, &reply) == 0);
	CHECK(ctl_client_call_more(client, "io.test.Fail", NULL) == 0);
	CHECK(ctl_client_next(client, GENEROUS_US, &reply) == -EREMOTEIO);
	CHECK(ctl_client_next(client, 0, &reply) == 0);

	CHECK(ctl_client_call(client, "io.test.Echo", big_object(CTL_MESSAGE_MAX), GENEROUS_US,
			      &reply) == -EMSGSIZE);
	CHECK(ctl_client_call(client, "io.test.Big", NULL, GENEROUS_US, &reply) == 0);
	json_decref(reply);
	/* After a timeout the connection is of no use: a late reply would be the next call's. */
	CHECK(ctl_client_call(client, "io.test.Keep", NULL, 50000, &reply) == -ETIMEDOUT);
	CHECK(ctl_client_call(client, "io.test.Echo", NULL, GENEROUS_US, &reply) == -ETIMEDOUT);
	ctl_client_free(client);
	CHECK(ctl_client_free(NULL) == NULL);
	return 0;
}

static void test_client(void **state)
{
	struct fixture *f = *state;

	f->big = big_object(CTL_QUEUE_MAX - 1000);
	assert_int_equal(run_as(f, geteuid(), (gid_t[]){getegid()}, 1, child_client), 0);
	run_until_clients(f, 0);
	assert_int_equal(f->gone, 1);
}

/* What a client makes of a server that does not speak Varlink, or stops in the middle. */
static void test_client_bad_server(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		int result;
	} cases[] = {
		{"", 0, -ECONNRESET},
		{"{\"parameters\":{}}", 17, -ECONNRESET},
		{"garbage", 8, -EBADMSG},
		{"[]", 3, -EBADMSG},
		{"{\"parameters\":[]}", 18, -EBADMSG},
		{"{\"error\":5}", 12, -EBADMSG},
		{"{\"parameters\":{},\"continues\":true}", 35, -EBADMSG},
		{"{\"error\":\"a.B\"}", 16, -EREMOTEIO},
		{"{\"error\":\"a.B\",\"parameters\":7}", 31, -EREMOTEIO},
		{"{}", 3, 0},
	};
	struct fixture *f = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	f->server = ctl_server_free(f->server);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ctl_client *client;
		json_t *reply = NULL;
		int peer;

		assert_int_equal(ctl_client_connect(path, &client), 0);
		peer = accept(fd, NULL, NULL);
		assert_true(peer >= 0);
		assert_int_equal(send(peer, cases[i].bytes, cases[i].n, 0), (ssize_t)cases[i].n);
		close(peer); /* before the call is sent: what it said must still be heard */
		assert_int_equal(ctl_client_call(client, "a.B", NULL, GENEROUS_US, &reply),
				 cases[i].result);
		if (cases[i].result == -EREMOTEIO)
			assert_true(json_is_object(ctl_client_error_parameters(client)));
		json_decref(reply);
		ctl_client_free(client);
	}
	close(fd);
	{
		struct ctl_client *client;

		assert_int_equal(ctl_client_connect(path, &client), -ECONNREFUSED);
	}
	assert_int_equal(unlink(path), 0);
}

static int make_directory(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERR);
	if (!mkdtemp(directory) || chmod(directory, 0755) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/agent.sock", directory);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(conversations),
		TEST(descriptions),
		TEST(partial_writes),
		TEST(pipelining),
		TEST(one_call_at_a_time),
		TEST(more),
		TEST(oneway),
		TEST(half_closed),
		TEST(bad_messages),
		TEST(deep_nesting),
		TEST(message_size),
		TEST(big_reply),
		TEST(unread_replies_stop_requests),
		TEST(slow_by_time),
		TEST(slow_by_queue),
		TEST(reply_too_big),
		TEST(client_gone),
		TEST(slots),
		TEST(permissions),
		TEST(lower),
		TEST(slots_of_users),
		TEST(groups),
		TEST(refresh),
		TEST(socket_file),
		TEST(bad_paths),
		TEST(local_sockets),
		TEST(flood),
		TEST(out_of_descriptors),
		TEST(client),
		TEST(client_bad_server),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
