/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What others may send to the channel's port: each gets a clear line in the log and nothing else,
 * and the members go on. */
#include "tests/unit/channel_nodes.h"

static int setup(void **state)
{
	struct test_world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	world_new(w, 1);
	start_node(w, &w->node[0]);
	start_node(w, &w->node[1]);
	ctl_client_free(reach(&w->node[0], "node2"));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	world_done(*state);
	free(*state);
	return 0;
}

static void expect_alive(struct test_world *w)
{
	struct ctl_client *client = reach(&w->node[0], "node2");

	json_decref(call(client, "io.test.Echo", NULL));
	ctl_client_free(client);
}

/* A TCP connection to node2's channel from this address. */
static int knock(const struct test_world *w, const char *from)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET, from, &in.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
	in.sin_port = htons(w->port);
	assert_int_equal(inet_pton(AF_INET, "127.5.0.2", &in.sin_addr), 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
	return fd;
}

/* The other side has closed; what it sent before does not matter. */
static void expect_closed(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char buf[512];
	ssize_t n;

	do {
		assert_int_equal(poll(&p, 1, 30000), 1);
		n = recv(fd, buf, sizeof buf, 0);
	} while (n > 0);
	(void)close(fd);
}

static void test_plain_text(void **state)
{
	struct test_world *w = *state;
	int fd = knock(w, "127.5.0.3");

	assert_int_equal(send(fd, "{\"method\":\"io.test.Change\"}", 28, MSG_NOSIGNAL), 28);
	expect_closed(fd);
	wait_for_log(w, "connection of node3 (127.5.0.3:");
	wait_for_log(w, "refused: it does not speak TLS");
	expect_alive(w);
}

static void test_truncated(void **state)
{
	static const uint8_t head[] = {22, 3, 1, 0x02, 0x00, 1, 0, 1, 0xfc, 3, 3};
	struct test_world *w = *state;

	for (size_t n = 0; n <= sizeof head; n++) {
		int fd = knock(w, "127.5.0.3");

		assert_int_equal(send(fd, head, n, MSG_NOSIGNAL), n);
		assert_int_equal(shutdown(fd, SHUT_WR), 0);
		expect_closed(fd);
	}
	wait_for_log(w, "it closed the connection within the handshake");
	expect_alive(w);
}

/* Half a handshake and then silence: it has its time, no more. */
static void test_silent(void **state)
{
	static const uint8_t head[] = {22, 3, 1, 0x02, 0x00, 1};
	struct test_world *w = *state;
	int fd = knock(w, "127.5.0.3");

	assert_int_equal(send(fd, head, sizeof head, MSG_NOSIGNAL), sizeof head);
	expect_closed(fd);
	wait_for_log(w, "refused: no TLS handshake in time");
}

/* ---- with TLS ---- */

struct tls_client {
	int fd;
	gnutls_session_t session;
	gnutls_psk_client_credentials_t credentials;
};

static int key_for(const struct test_world *w, const char *client, const char *server,
		   char identity[CHANNEL_IDENTITY_SIZE], uint8_t key[CHANNEL_SECRET_BYTES])
{
	const struct channel_secret *secret = &w->node[0].settings.secret[0];

	channel_identity(secret, client, server, identity);
	return channel_key_derive(secret, client, server, key);
}

/* Does the handshake; its result. */
static int tls_open(struct test_world *w, struct tls_client *c, const char *client,
		    const char *server, const char *priority)
{
	uint8_t bytes[CHANNEL_SECRET_BYTES];
	const gnutls_datum_t key = {bytes, sizeof bytes};
	char identity[CHANNEL_IDENTITY_SIZE];
	int r;

	assert_int_equal(key_for(w, client, server, identity, bytes), 0);
	c->fd = knock(w, "127.5.0.3");
	assert_int_equal(gnutls_init(&c->session, GNUTLS_CLIENT), 0);
	assert_int_equal(gnutls_priority_set_direct(c->session, priority, NULL), 0);
	assert_int_equal(gnutls_psk_allocate_client_credentials(&c->credentials), 0);
	assert_int_equal(gnutls_psk_set_client_credentials(c->credentials, identity, &key,
							   GNUTLS_PSK_KEY_RAW),
			 0);
	assert_int_equal(gnutls_credentials_set(c->session, GNUTLS_CRD_PSK, c->credentials), 0);
	gnutls_transport_set_int(c->session, c->fd);
	gnutls_handshake_set_timeout(c->session, 30000);
	do
		r = gnutls_handshake(c->session);
	while (r < 0 && !gnutls_error_is_fatal(r));
	return r;
}

static void tls_done(struct tls_client *c)
{
	gnutls_deinit(c->session);
	gnutls_psk_free_client_credentials(c->credentials);
	(void)close(c->fd);
}

#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3:+ECDHE-PSK:+DHE-PSK:+PSK"

static void test_tls13_only(void **state)
{
	static const struct {
		const char *priority, *log;
	} rows[] = {
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2:+ECDHE-PSK:+DHE-PSK:+PSK", "TLS 1.3"},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.0:+VERS-TLS1.1:+ECDHE-PSK:+PSK:%COMPAT", "TLS 1.3"},
		/* no pre-shared key at all, and one without an ephemeral exchange */
		{"NORMAL:-VERS-ALL:+VERS-TLS1.3", "does not offer TLS 1.3 with a pre-shared key"},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+PSK", "it "},
	};
	struct test_world *w = *state;
	struct tls_client c;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		unsigned int before = log_count(w, "connection of node3");

		assert_true(tls_open(w, &c, "node3", "node2", rows[i].priority) < 0);
		tls_done(&c);
		while (log_count(w, "connection of node3") == before)
			(void)poll(NULL, 0, 10);
		wait_for_log(w, rows[i].log);
	}
	/* the same with the one right way */
	assert_int_equal(tls_open(w, &c, "node3", "node2", TLS13), 0);
	assert_int_equal(gnutls_protocol_get_version(c.session), GNUTLS_TLS1_3);
	assert_int_equal(gnutls_kx_get(c.session), GNUTLS_KX_ECDHE_PSK); /* an ephemeral exchange */
	tls_done(&c);
	expect_alive(w);
}

/* The key of the cluster, but of other nodes than those that speak. */
static void test_wrong_pair(void **state)
{
	static const char *const pairs[][2] = {
		{"node2", "node3"}, /* what node2 itself would use: reflected */
		{"node1", "node2"}, /* another member's */
		{"node3", "node1"}, /* meant for another one */
		{"node2", "node2"},
	};
	struct test_world *w = *state;
	struct tls_client c;

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		assert_true(tls_open(w, &c, pairs[i][0], pairs[i][1], TLS13) < 0);
		tls_done(&c);
	}
	wait_for_log(w, "takes itself or us for another node");
	expect_alive(w);
}

static void say(struct tls_client *c, const char *text, size_t n)
{
	assert_int_equal(gnutls_record_send(c->session, text, n), n);
}

static void expect_reply(struct tls_client *c, const char *text)
{
	char buf[CHANNEL_LINE_MAX] = "";
	ssize_t n = gnutls_record_recv(c->session, buf, sizeof buf - 1);

	assert_true(n > 0);
	assert_string_equal(buf, text);
}

/* A member that says other things than it should. */
static void test_lines(void **state)
{
	static char long_line[2 * CHANNEL_LINE_MAX];
	static const struct {
		const char *line, *reply;
	} rows[] = {
		{"open 1 root 0\n", "error protocol its line is not understood\n"},
		{"\n", "error protocol its line is not understood\n"},
		{"open 7 change 0\n", "error protocol it speaks another version\n"},
		{long_line, "error protocol its line is too long\n"},
		{"open 1 change 0\n{}", "error protocol more was sent before the answer\n"},
		{"open 1 view 5\n", "ok\n"},
	};
	struct test_world *w = *state;

	memset(long_line, 'x', sizeof long_line - 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct tls_client c;

		assert_int_equal(tls_open(w, &c, "node3", "node2", TLS13), 0);
		say(&c, rows[i].line, strlen(rows[i].line));
		expect_reply(&c, rows[i].reply);
		tls_done(&c);
	}
	wait_for_log(w, "connection of node3 (127.5.0.3:");
	wait_for_log(w, "refused: its line is too long");
	expect_alive(w);
}

/* What a view-only user of a node that is believed may do there. */
static void test_lowered(void **state)
{
	static const char change[] = "{\"method\":\"io.test.Change\"}";
	static const char lower[] =
		"{\"method\":\"io.holdfast.Agent.Lower\",\"parameters\":{\"access\":\"change\","
		"\"origin\":\"node1\",\"uid\":0}}";
	struct test_world *w = *state;
	struct tls_client c;
	char buf[1024];
	ssize_t n;

	assert_int_equal(tls_open(w, &c, "node3", "node2", TLS13), 0);
	say(&c, "open 1 view 5\n", 14);
	expect_reply(&c, "ok\n");
	say(&c, change, sizeof change);
	n = gnutls_record_recv(c.session, buf, sizeof buf);
	assert_true(n > 0 && strstr(buf, "PermissionDenied"));
	say(&c, lower, sizeof lower);
	n = gnutls_record_recv(c.session, buf, sizeof buf);
	assert_true(n > 0 && strstr(buf, "PermissionDenied"));
	tls_done(&c);
}

/* ---- floods ---- */

/* Strangers by the hundred: closed at once, a few lines in the log, no slot taken. */
static void test_strangers(void **state)
{
	struct test_world *w = *state;
	int fd[200];

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof fd / sizeof *fd; i++)
			fd[i] = knock(w, "127.5.0.77");
		expect_alive(w);
		for (size_t i = 0; i < sizeof fd / sizeof *fd; i++)
			expect_closed(fd[i]);
	}
	wait_for_log(w, "connection of 127.5.0.77:");
	/* ten in ten seconds */
	assert_true(log_count(w, "connection of 127.5.0.77:") <= 60);
}

/* Handshakes that one member's address never ends: the others have theirs, and so has it. */
static void test_half_open(void **state)
{
	struct test_world *w = *state;
	struct tls_client c;
	int fd[100];

	for (size_t i = 0; i < sizeof fd / sizeof *fd; i++) {
		fd[i] = knock(w, "127.5.0.3");
		assert_int_equal(send(fd[i], "\026\003\001", 3, MSG_NOSIGNAL), 3);
	}
	expect_alive(w);
	assert_int_equal(tls_open(w, &c, "node3", "node2", TLS13), 0);
	say(&c, "open 1 view 5\n", 14);
	expect_reply(&c, "ok\n");
	tls_done(&c);
	wait_for_log(w, "begins more handshakes than it ends");
	for (size_t i = 0; i < sizeof fd / sizeof *fd; i++)
		expect_closed(fd[i]);
}

/* ---- the settings socket ---- */

static void test_bad_settings(void **state)
{
	struct test_world *w = *state;
	struct test_node *node = &w->node[0];
	int status = 0;

	node->settings.n_nodes = NODES_MAX + 1;
	send_settings(node);
	assert_int_equal(waitpid(node->channel, &status, 0), node->channel);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	node->channel = 0;
	(void)close(node->control);
	node->control = 0;
	wait_for_log(w, "the agent is of another build");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plain_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tls13_only, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_pair, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lowered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strangers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_half_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_settings, setup, teardown),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
