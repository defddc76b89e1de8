/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real channels of several nodes with small agents: calls, rights, keys, links, slow readers. */
#include "tests/unit/channel_nodes.h"

#define BIG 60000

struct fixture {
	struct test_world world;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	world_new(&f->world, 1);
	start_node(&f->world, &f->world.node[0]);
	start_node(&f->world, &f->world.node[1]);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	world_done(&f->world);
	free(f);
	return 0;
}

static void expect_who(struct ctl_client *client, const char *me, const char *origin, int uid)
{
	json_t *reply = call(client, "io.test.Who", NULL);

	assert_string_equal(json_string_value(json_object_get(reply, "me")), me);
	assert_string_equal(json_string_value(json_object_get(reply, "origin")), origin);
	assert_int_equal(json_integer_value(json_object_get(reply, "uid")), uid);
	assert_int_equal(json_integer_value(json_object_get(reply, "pid")), 0);
	json_decref(reply);
}

static void test_calls(void **state)
{
	struct fixture *f = *state;
	struct ctl_client *client = reach(&f->world.node[0], "node2");
	json_t *reply = NULL;
	int n = 0;

	expect_who(client, "node2", "node1", 0);
	json_decref(call(client, "io.test.Change", json_pack("{s:i}", "x", 1)));
	/* many replies to one call */
	assert_int_equal(
		ctl_client_call_more(client, "io.test.Count", json_pack("{s:i}", "n", 500)), 0);
	while (ctl_client_next(client, GENEROUS_US, &reply) == 1) {
		assert_int_equal(json_integer_value(json_object_get(reply, "i")), ++n);
		json_decref(reply);
	}
	assert_int_equal(n, 500);
	ctl_client_free(client);
	client = reach(&f->world.node[1], "node1");
	expect_who(client, "node1", "node2", 0);
	ctl_client_free(client);
	/* by its address */
	client = reach(&f->world.node[1], "127.5.0.1");
	expect_who(client, "node1", "node2", 0);
	ctl_client_free(client);
	/* to the node itself: no way over the network, but the same */
	client = reach(&f->world.node[0], "node1");
	expect_who(client, "node1", "node1", 0);
	ctl_client_free(client);
}

/* ---- rights ---- */

static int child_view(const struct test_node *from)
{
	char error[CTL_HOST_ERROR_SIZE];
	struct ctl_client *client;
	json_t *reply = NULL;

	if (connect_host(from, "node2", error, &client) < 0)
		return 10;
	if (ctl_client_call(client, "io.test.Echo", NULL, GENEROUS_US, &reply) < 0)
		return 11;
	json_decref(reply);
	if (ctl_client_call(client, "io.test.Change", NULL, GENEROUS_US, &reply) != -EREMOTEIO ||
	    strcmp(ctl_client_error(client), "io.holdfast.Agent.PermissionDenied") != 0)
		return 12;
	/* Once lowered, nothing raises it again. */
	if (ctl_client_call(
		    client, "io.holdfast.Agent.Lower",
		    json_pack("{s:s, s:s, s:i}", "access", "change", "origin", "node9", "uid", 0),
		    GENEROUS_US, &reply) != -EREMOTEIO)
		return 13;
	if (ctl_client_call(client, "io.test.Who", NULL, GENEROUS_US, &reply) < 0)
		return 14;
	if (json_integer_value(json_object_get(reply, "uid")) != NOBODY)
		return 15;
	json_decref(reply);
	ctl_client_free(client);
	return 0;
}

static int child_stranger(const struct test_node *from)
{
	char error[CTL_HOST_ERROR_SIZE];
	struct ctl_client *client;

	if (connect_host(from, "node2", error, &client) != -EREMOTEIO)
		return 10;
	return strstr(error, "no right to view") ? 0 : 11;
}

static void run_as(gid_t gid, int (*child)(const struct test_node *from),
		   const struct test_node *from)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setgid(gid) < 0 || setuid(NOBODY) < 0)
			_exit(99);
		_exit(child(from));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_rights(void **state)
{
	struct fixture *f = *state;
	const struct group *view = getgrnam("nogroup");

	assert_non_null(view);
	ctl_client_free(reach(&f->world.node[0], "node2"));
	run_as(view->gr_gid, child_view, &f->world.node[0]);
	run_as(12345, child_stranger, &f->world.node[0]);
}

/* ---- no way ---- */

static void expect_no_way(const struct test_node *from, const char *name, const char *words)
{
	char error[CTL_HOST_ERROR_SIZE];
	struct ctl_client *client;

	assert_int_equal(connect_host(from, name, error, &client), -EREMOTEIO);
	if (!strstr(error, words))
		print_error("\"%s\" is not in \"%s\"\n", words, error);
	assert_non_null(strstr(error, words));
}

static void test_no_way(void **state)
{
	struct fixture *f = *state;

	expect_no_way(&f->world.node[0], "nobody",
		      "there is no node with the name or address 'nobody'");
	expect_no_way(&f->world.node[0], "127.5.0.99", "or address '127.5.0.99'");
	expect_no_way(&f->world.node[0], "no body", "this is no name or address of a node");
	expect_no_way(&f->world.node[0], "node3", "link 1 (127.5.0.3:");
	expect_no_way(&f->world.node[0], "node3", "Connection refused");
	/* The channel is there, its agent has gone. */
	ctl_client_free(reach(&f->world.node[0], "node2"));
	(void)kill(f->world.node[1].agent, SIGKILL);
	(void)waitpid(f->world.node[1].agent, NULL, 0);
	f->world.node[1].agent = 0;
	expect_no_way(&f->world.node[0], "node2", "the agent of node2 cannot be reached");
}

/* A caller that goes away is noticed by the far agent at once, though it waits for nothing. */
static void test_client_goes(void **state)
{
	struct fixture *f = *state;
	struct ctl_client *client = reach(&f->world.node[0], "node2"), *other;

	assert_int_equal(ctl_client_call_more(client, "io.test.Hold", NULL), 0);
	other = reach(&f->world.node[0], "node2"); /* node2 has taken the call in before this one */
	json_decref(call(other, "io.test.Echo", NULL));
	ctl_client_free(other);
	ctl_client_free(client);
	wait_for_log(&f->world, "a caller of node2 has gone");
}

/* An agent that ends is the end for its callers. */
static void test_agent_goes(void **state)
{
	struct fixture *f = *state;
	struct ctl_client *client = reach(&f->world.node[0], "node2");
	json_t *reply;

	json_decref(call(client, "io.test.Echo", NULL));
	(void)kill(f->world.node[1].agent, SIGKILL);
	(void)waitpid(f->world.node[1].agent, NULL, 0);
	f->world.node[1].agent = 0;
	assert_int_equal(ctl_client_call(client, "io.test.Echo", NULL, GENEROUS_US, &reply),
			 -ECONNRESET);
	ctl_client_free(client);
}

/* ---- amounts ---- */

/* Requests far beyond all queues while nothing is read, then the replies: none is lost or mixed. */
static void test_slow_reader(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un path;
	char *out = malloc(BIG + 200), *in = malloc(4 * BIG);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t sent = 0, got = 0, n = 0, length, blocked = 0;
	const size_t requests = 200;

	ctl_client_free(reach(&f->world.node[0], "node2"));
	assert_int_equal(ctl_peer_path(f->world.node[0].settings.agent_socket, &path), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&path, sizeof path), 0);
	assert_int_equal(send(fd, "node2\n", 6, 0), 6);
	assert_int_equal(recv(fd, in, 3, MSG_WAITALL), 3);
	assert_memory_equal(in, "ok\n", 3);
	length = (size_t)snprintf(out, BIG + 200,
				  "{\"method\":\"io.test.Echo\",\"parameters\":{\"x\":\"%0*d\"}}",
				  BIG, 7) +
		 1;
	/* `sent` and `got` count bytes; a reply is shorter than its request. */
	while (got < requests) {
		struct pollfd p = {.fd = fd,
				   .events = (short)(sent < requests * length ? POLLOUT : 0)};
		size_t at = sent % length;
		ssize_t r = 0;

		if (blocked || !p.events)
			p.events |= POLLIN;
		r = poll(&p, 1, blocked || !p.events ? 30000 : 500);
		assert_true(r >= 0);
		if (r == 0) { /* all is full: from now on it reads */
			assert_false(blocked);
			blocked = sent;
			continue;
		}
		if (p.revents & POLLOUT) {
			r = send(fd, out + at, length - at, MSG_DONTWAIT | MSG_NOSIGNAL);
			assert_true(r > 0 || errno == EAGAIN);
			sent += r > 0 ? (size_t)r : 0;
		}
		if (p.revents & POLLIN) {
			r = recv(fd, in + n, 4 * BIG - n, MSG_DONTWAIT);
			assert_true(r > 0);
			n += (size_t)r;
			for (char *end; (end = memchr(in, 0, n)); got++) {
				json_t *reply = json_loadb(in, (size_t)(end - in), 0, NULL);

				assert_int_equal(
					json_string_length(json_object_get(
						json_object_get(reply, "parameters"), "x")),
					BIG);
				json_decref(reply);
				n -= (size_t)(end + 1 - in);
				memmove(in, end + 1, n);
			}
		}
	}
	assert_true(blocked > 0 && blocked < requests * length);
	assert_int_equal(sent, requests * length);
	(void)close(fd);
	free(in);
	free(out);
}

static void test_many_clients(void **state)
{
	struct fixture *f = *state;
	struct ctl_client *client[CHANNEL_INBOUND_NODE_MAX], *late;
	char error[CTL_HOST_ERROR_SIZE];

	for (int i = 0; i < CHANNEL_INBOUND_NODE_MAX; i++)
		client[i] = reach(&f->world.node[0], "node2");
	assert_int_equal(connect_host(&f->world.node[0], "node2", error, &late), -EREMOTEIO);
	assert_string_equal(error, "node2 has no connection free for node1");
	ctl_client_free(client[0]);
	client[0] = NULL;
	for (int i = 0; !client[0] && i < 1000; i++)
		if (connect_host(&f->world.node[0], "node2", error, &client[0]) < 0)
			(void)poll(NULL, 0, 10);
	assert_non_null(client[0]);
	for (int i = 0; i < CHANNEL_INBOUND_NODE_MAX; i++) {
		json_decref(call(client[i], "io.test.Echo", NULL));
		ctl_client_free(client[i]);
	}
}

/* ---- keys ---- */

/* node1 has the new key and the former one, node2 only the former one; then node2 gets the new one
 * too while it runs, and node1 forgets the old one. */
static void test_rotation(void **state)
{
	struct fixture *f = *state;
	struct test_node *a = &f->world.node[0], *b = &f->world.node[1];

	ctl_client_free(reach(a, "node2"));
	set_secret(&a->settings, 0, 2);
	set_secret(&a->settings, 1, 1);
	send_settings(a);
	for (int i = 0; i < 2; i++) {
		ctl_client_free(reach(a, "node2"));
		ctl_client_free(reach(b, "node1"));
	}
	b->settings.secret[1] = b->settings.secret[0];
	set_secret(&b->settings, 0, 2);
	b->settings.n_secrets = 2;
	send_settings(b);
	a->settings.n_secrets = 1;
	send_settings(a);
	ctl_client_free(reach(a, "node2"));
	ctl_client_free(reach(b, "node1"));
}

static void test_wrong_key(void **state)
{
	struct fixture *f = *state;
	struct test_node *b = &f->world.node[1];

	ctl_client_free(reach(&f->world.node[0], "node2"));
	set_secret(&b->settings, 0, 9);
	send_settings(b);
	/* The settings of node2 arrive when they arrive: until then the old key is right. */
	for (int i = 0; log_count(&f->world, "which is not in our key file") == 0 && i < 1000;
	     i++) {
		char error[CTL_HOST_ERROR_SIZE];
		struct ctl_client *client = NULL;

		(void)connect_host(&f->world.node[0], "node2", error, &client);
		ctl_client_free(client);
	}
	expect_no_way(&f->world.node[0], "node2", "does not accept our key");
	wait_for_log(&f->world, "connection of node1 (127.5.0.1:");
	wait_for_log(&f->world, "it uses the key 00000001, which is not in our key file");
	/* the same id, another key: cannot happen by accident, but must fail too */
	b->settings.secret[0].id = 1;
	send_settings(b);
	for (int i = 0; log_count(&f->world, "its key of this id is another one") == 0 && i < 1000;
	     i++)
		expect_no_way(&f->world.node[0], "node2", "link 1");
}

/* ---- links ---- */

static void test_second_link(void **state)
{
	struct test_world *w = calloc(1, sizeof *w);
	struct sockaddr_in silent = {.sin_family = AF_INET};
	struct ctl_client *client;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	(void)state;
	assert_non_null(w);
	world_new(w, 2);
	/* node1 knows node2's first link under an address where nobody listens */
	set_address(&w->node[0].settings, 1, 0, "127.5.9.9");
	start_node(w, &w->node[0]);
	start_node(w, &w->node[1]);
	client = reach(&w->node[0], "node2");
	expect_who(client, "node2", "node1", 0);
	ctl_client_free(client);
	stop_node(&w->node[0]);
	/* ... and where somebody accepts and says nothing */
	silent.sin_port = htons(w->port);
	assert_int_equal(inet_pton(AF_INET, "127.5.9.9", &silent.sin_addr), 1);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	assert_int_equal(bind(fd, (struct sockaddr *)&silent, sizeof silent), 0);
	assert_int_equal(listen(fd, 8), 0);
	(void)unlink(w->node[0].settings.agent_socket);
	start_node(w, &w->node[0]);
	client = reach(&w->node[0], "node2");
	expect_who(client, "node2", "node1", 0);
	ctl_client_free(client);
	(void)close(fd);
	world_done(w);
	free(w);
}

/* An address that is in use when the channel starts is listened on as soon as it is free. */
static void test_late_listener(void **state)
{
	struct test_world *w = calloc(1, sizeof *w);
	struct sockaddr_in taken = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_non_null(w);
	world_new(w, 1);
	taken.sin_port = htons(w->port);
	assert_int_equal(inet_pton(AF_INET, "127.5.0.2", &taken.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&taken, sizeof taken), 0);
	assert_int_equal(listen(fd, 8), 0);
	w->taken = fd;
	start_node(w, &w->node[0]);
	start_node(w, &w->node[1]);
	wait_for_log(w, "cannot listen on 127.5.0.2:");
	(void)close(fd);
	wait_for_log(w, "listening on 127.5.0.2:");
	ctl_client_free(reach(&w->node[0], "node2"));
	world_done(w);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rights, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_client_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_agent_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_clients, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rotation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_key, setup, teardown),
		cmocka_unit_test(test_second_link),
		cmocka_unit_test(test_late_listener),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
