/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TESTS_CHANNEL_NODES_H
#define HF_TESTS_CHANNEL_NODES_H

/*
 * Nodes of the channel tests: for each a process with a small Varlink agent and a process that is
 * the real channel, on addresses of 127.0.0.0/8, and what they log in a file.
 */

#include "ctl/channel/internal.h"
#include "util/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#define GENEROUS_US 30000000ULL
#define NOBODY	    65534
#define TEST_NODES  4

struct test_node {
	struct channel_settings settings;
	pid_t agent, channel;
	int control; /* settings go in here */
};

struct test_world {
	char directory[64];
	char log[96];
	uint16_t port;
	int taken; /* a descriptor that no node may hold */
	struct test_node node[TEST_NODES];
};

/* ---- the agent ---- */

static void agent_echo(struct ctl_call *call, json_t *parameters, void *userdata)
{
	(void)userdata;
	ctl_reply(call, json_incref(parameters));
}

static void agent_who(struct ctl_call *call, json_t *parameters, void *userdata)
{
	const char *origin = ctl_call_origin(call);

	(void)parameters;
	ctl_reply(call, json_pack("{s:s, s:s, s:i, s:i}", "me", (const char *)userdata, "origin",
				  origin ? origin : "", "uid", (int)ctl_call_uid(call), "pid",
				  (int)ctl_call_pid(call)));
}

static void agent_count(struct ctl_call *call, json_t *parameters, void *userdata)
{
	json_int_t n = json_integer_value(json_object_get(parameters, "n"));

	(void)userdata;
	for (json_int_t i = 1; i < n; i++)
		if (!ctl_reply_more(call, json_pack("{s:I}", "i", i)))
			break;
	ctl_reply(call, json_pack("{s:I}", "i", n));
}

static void agent_hold(struct ctl_call *call, json_t *parameters, void *userdata)
{
	(void)call; /* never answered; the server frees it when the client goes */
	(void)parameters;
	(void)userdata;
}

static void agent_gone(struct ctl_call *call, void *userdata)
{
	(void)call;
	log_notice("a caller of %s has gone", (const char *)userdata);
}

static const struct ctl_method agent_methods[] = {
	{"io.holdfast.Agent.Lower", CTL_ACCESS_NONE, ctl_lower},
	{"io.test.Echo", CTL_ACCESS_VIEW, agent_echo},
	{"io.test.Who", CTL_ACCESS_VIEW, agent_who},
	{"io.test.Count", CTL_ACCESS_VIEW, agent_count},
	{"io.test.Hold", CTL_ACCESS_VIEW, agent_hold},
	{"io.test.Change", CTL_ACCESS_CHANGE, agent_echo},
	{NULL, CTL_ACCESS_NONE, NULL},
};

static _Noreturn void run_agent(const struct channel_settings *s, int ready)
{
	const char *name = s->node[s->self].name;
	struct ctl_server_config config = {
		.path = s->agent_socket,
		.interface_description = "interface io.test\n",
		.methods = agent_methods,
		.change_group = s->change_group,
		.view_group = s->view_group,
		.call_gone = agent_gone,
		.userdata = (void *)name,
	};
	struct ctl_server *server;
	sd_event *event;

	if (sd_event_new(&event) < 0 || ctl_server_new(event, &config, &server) < 0 ||
	    write(ready, "x", 1) != 1)
		_exit(1);
	(void)sd_event_loop(event);
	_exit(0);
}

/* ---- nodes ---- */

/* In a new process: it logs to the file, and does not hold what ends the other channels. */
static void become_node(const struct test_world *w)
{
	int fd = open(w->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(1);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (w->taken > 0)
		(void)close(w->taken);
	for (int i = 0; i < TEST_NODES; i++)
		if (w->node[i].control > 0)
			(void)close(w->node[i].control);
}

static void send_settings(const struct test_node *node)
{
	assert_int_equal(send(node->control, &node->settings, sizeof node->settings, MSG_NOSIGNAL),
			 sizeof node->settings);
}

static void start_node(struct test_world *w, struct test_node *node)
{
	int ready[2], control[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	node->agent = fork();
	assert_true(node->agent >= 0);
	if (node->agent == 0) {
		become_node(w);
		run_agent(&node->settings, ready[1]);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	(void)close(ready[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
	node->channel = fork();
	assert_true(node->channel >= 0);
	if (node->channel == 0) {
		become_node(w);
		(void)signal(SIGPIPE, SIG_IGN);
		(void)close(control[0]);
		exit(channel_run(control[1])); /* with exit(): leaks are looked for */
	}
	(void)close(control[1]);
	node->control = control[0];
	send_settings(node);
}

/* The channel ends with the socket that its settings came from, and ends well. */
static void stop_node(struct test_node *node)
{
	int status = -1;

	if (node->channel > 0) {
		(void)close(node->control);
		node->control = 0;
		assert_int_equal(waitpid(node->channel, &status, 0), node->channel);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	if (node->agent > 0) {
		(void)kill(node->agent, SIGKILL);
		assert_int_equal(waitpid(node->agent, NULL, 0), node->agent);
	}
	node->channel = node->agent = 0;
}

static void set_address(struct channel_settings *s, int node, int link, const char *text)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&s->node[node].link[link];

	*in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(1)};
	assert_int_equal(inet_pton(AF_INET, text, &in->sin_addr), 1);
}

static void set_secret(struct channel_settings *s, unsigned int at, uint8_t fill)
{
	uint8_t key[CHANNEL_SECRET_BYTES];

	memset(key, fill, sizeof key);
	assert_int_equal(channel_secret_derive(key, fill, s->cluster, &s->secret[at]), 0);
	if (s->n_secrets <= at)
		s->n_secrets = (uint8_t)(at + 1);
}

/* A port that is free on the whole of 127/8 now. */
static uint16_t free_port(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t n = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	(void)close(fd);
	return ntohs(in.sin_port);
}

/* Node i is "node<i+1>" at 127.5.0.<i+1>, and with a second link 127.5.1.<i+1>. */
static void fill_settings(struct test_world *w, int self, uint8_t n_links)
{
	struct channel_settings *s = &w->node[self].settings;
	char text[32], path[CHANNEL_PATH_SIZE];

	*s = (struct channel_settings){.size = sizeof *s,
				       .cluster = "demo",
				       .self = (uint8_t)self,
				       .n_nodes = TEST_NODES,
				       .n_links = n_links,
				       .port = w->port,
				       .change_group = "root",
				       .view_group = "nogroup"};
	(void)snprintf(path, sizeof path, "%s/%d/agent.sock", w->directory, self + 1);
	memcpy(s->agent_socket, path, sizeof path);
	for (int i = 0; i < TEST_NODES; i++) {
		(void)snprintf(s->node[i].name, NAME_SIZE, "node%d", i + 1);
		for (int k = 0; k < n_links; k++) {
			(void)snprintf(text, sizeof text, "127.5.%d.%d", k, i + 1);
			set_address(s, i, k, text);
		}
	}
	set_secret(s, 0, 1);
}

static void world_new(struct test_world *w, uint8_t n_links)
{
	char folder[128];

	*w = (struct test_world){.port = free_port()};
	(void)snprintf(w->directory, sizeof w->directory, "/tmp/test_channel.XXXXXX");
	assert_non_null(mkdtemp(w->directory));
	assert_int_equal(chmod(w->directory, 0755), 0);
	(void)snprintf(w->log, sizeof w->log, "%s/log", w->directory);
	for (int i = 0; i < TEST_NODES; i++) {
		(void)snprintf(folder, sizeof folder, "%s/%d", w->directory, i + 1);
		assert_int_equal(mkdir(folder, 0755), 0);
		fill_settings(w, i, n_links);
	}
}

static void world_done(struct test_world *w)
{
	char folder[128], file[160];

	for (int i = 0; i < TEST_NODES; i++) {
		stop_node(&w->node[i]);
		(void)snprintf(folder, sizeof folder, "%s/%d", w->directory, i + 1);
		(void)snprintf(file, sizeof file, "%s/agent.sock", folder);
		(void)unlink(file);
		assert_int_equal(rmdir(folder), 0); /* its own socket the channel has removed */
	}
	(void)unlink(w->log);
	assert_int_equal(rmdir(w->directory), 0);
}

/* ---- what was logged ---- */

static char *read_log(const struct test_world *w)
{
	FILE *f = fopen(w->log, "r");
	char *text = calloc(1, 1 << 20);

	assert_non_null(text);
	if (f) {
		text[fread(text, 1, (1 << 20) - 1, f)] = '\0';
		(void)fclose(f);
	}
	return text;
}

static unsigned int log_count(const struct test_world *w, const char *what)
{
	char *text = read_log(w);
	unsigned int n = 0;

	for (const char *s = text; (s = strstr(s, what)); s++)
		n++;
	free(text);
	return n;
}

static void wait_for_log(const struct test_world *w, const char *what)
{
	ha_time end = ha_time_add(clock_boot(), GENEROUS_US);
	char *text;

	while (log_count(w, what) == 0 && ha_time_before(clock_boot(), end))
		(void)poll(NULL, 0, 20);
	if (log_count(w, what) > 0)
		return;
	text = read_log(w);
	print_error("no \"%s\" in the log:\n%s\n", what, text);
	free(text);
	fail();
}

/* ---- calls ---- */

/* Connects through the channel of `from` to `name`; waits until its channel listens. */
static int connect_host(const struct test_node *from, const char *name, char *error,
			struct ctl_client **ret)
{
	ha_time end = ha_time_add(clock_boot(), GENEROUS_US);
	int r;

	do {
		error[0] = '\0';
		r = ctl_client_connect_host(from->settings.agent_socket, name, error, ret);
		if (r == -ENOENT || r == -ECONNREFUSED)
			(void)poll(NULL, 0, 10);
	} while ((r == -ENOENT || r == -ECONNREFUSED) && ha_time_before(clock_boot(), end));
	return r;
}

/* Until the channels of both have started, and have taken in their settings. */
static struct ctl_client *reach(const struct test_node *from, const char *name)
{
	ha_time end = ha_time_add(clock_boot(), GENEROUS_US);
	char error[CTL_HOST_ERROR_SIZE];
	struct ctl_client *client = NULL;
	int r;

	while ((r = connect_host(from, name, error, &client)) == -EREMOTEIO &&
	       (strstr(error, "Connection refused") || strstr(error, "does not accept our key")) &&
	       ha_time_before(clock_boot(), end))
		(void)poll(NULL, 0, 20);
	if (r < 0)
		print_error("%s: %s\n", strerror(-r), error);
	assert_int_equal(r, 0);
	return client;
}

static json_t *call(struct ctl_client *client, const char *method, json_t *parameters)
{
	json_t *reply = NULL;
	int r = ctl_client_call(client, method, parameters, GENEROUS_US, &reply);

	if (r == -EREMOTEIO)
		print_error("%s: %s\n", method, ctl_client_error(client));
	assert_int_equal(r, 0);
	return reply;
}

#endif
