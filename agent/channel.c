/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/channel.h"

#include "include/channel.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Pauses before it is started again: from the first, doubled each time, to the longest; from the
 * first again once it has run for so long. */
#define PAUSE_FIRST_US (USEC_PER_SEC)
#define PAUSE_MAX_US   (60 * USEC_PER_SEC)
#define RAN_WELL_US    (60 * USEC_PER_SEC)

struct channel_process {
	char program[PATH_MAX];
	struct channel_settings settings;
	int control;	    /* our end of its standard input; -1: none */
	uint32_t operation; /* 0: it does not run */
	uint32_t last_operation;
	ha_time started, start_at;
	uint64_t pause_us;
};

/* ---- its program ---- */

static bool is_program(const char *path)
{
	return access(path, X_OK) == 0;
}

/* Beside this program in a build tree, else where `make install` puts it. */
static int find_program(char ret[PATH_MAX])
{
	static const char *const places[] = {CHANNEL_PROGRAM,
					     "../libexec/holdfast/" CHANNEL_PROGRAM};
	char self[PATH_MAX] = "", path[PATH_MAX];
	char *slash;

	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		return -errno;
	slash = strrchr(self, '/');
	if (!slash)
		return -ENOENT;
	slash[1] = '\0';
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (snprintf(path, sizeof path, "%s%s", self, places[i]) >= (int)sizeof path)
			continue;
		if (!is_program(path))
			continue;
		memcpy(ret, path, PATH_MAX);
		return 0;
	}
	return -ENOENT;
}

/* ---- settings ---- */

static void fill_settings(const struct agent *agent, struct channel_settings *s)
{
	const struct config *config = agent->config;

	s->size = sizeof *s;
	s->self = agent->self;
	s->n_nodes = config->n_nodes;
	s->n_links = config->n_links;
	s->port = config->channel_port;
	(void)snprintf(s->cluster, sizeof s->cluster, "%s", config->cluster_name);
	(void)snprintf(s->agent_socket, sizeof s->agent_socket, "%s", config->socket_path);
	(void)snprintf(s->change_group, sizeof s->change_group, "%s",
		       config->change_group ? config->change_group : "");
	(void)snprintf(s->view_group, sizeof s->view_group, "%s",
		       config->view_group ? config->view_group : "");
	memset(s->node, 0, sizeof s->node);
	for (uint8_t n = 0; n < config->n_nodes; n++) {
		memcpy(s->node[n].name, config->nodes[n].name, NAME_SIZE);
		memcpy(s->node[n].link, config->nodes[n].link, sizeof s->node[n].link);
	}
}

/* The key that signs comes first: a node that does not have it yet is offered the other one. */
static int fill_secrets(struct channel_settings *s, const char *cluster, const struct hb_keys *keys)
{
	uint8_t n = 0;

	for (uint8_t i = 0; i < keys->n; i++) {
		int r = channel_secret_derive(keys->key[i], keys->id[i], cluster, &s->secret[n]);

		if (r < 0)
			return r;
		n++;
	}
	s->n_secrets = n;
	return 0;
}

static int send_settings(const struct channel_process *p)
{
	ssize_t n = send(p->control, &p->settings, sizeof p->settings, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof p->settings ? 0 : -EMSGSIZE;
}

/* ---- the process ---- */

static void close_control(struct channel_process *p)
{
	if (p->control >= 0)
		(void)close(p->control);
	p->control = -1;
}

/* Its ends of the socket: *ret_theirs is to be closed once the process has its own. */
static int open_control(struct channel_process *p, int *ret_theirs)
{
	int fds[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	p->control = fds[0];
	r = send_settings(p); /* it finds them when it looks */
	if (r < 0) {
		close_control(p);
		(void)close(fds[1]);
		return r;
	}
	*ret_theirs = fds[1];
	return 0;
}

static int run(struct agent *agent)
{
	struct channel_process *p = agent->channel;
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *argv[] = {p->program, NULL}, *env[] = {path, NULL};
	_cleanup_close_ int theirs = -1;
	struct exec_program program = {.name = "channel", .argv = argv, .env = env};
	int r = open_control(p, &theirs);

	if (r < 0)
		return r;
	p->last_operation = (p->last_operation + 1) & ~EXEC_KIND_MASK;
	program.operation = p->last_operation | EXEC_KIND_CHANNEL;
	program.input = theirs;
	r = exec_run(agent->exec, &program);
	if (r < 0) {
		close_control(p);
		return r;
	}
	p->operation = program.operation;
	p->started = clock_boot();
	p->start_at = HA_TIME_NEVER;
	return 0;
}

static void say_ended(struct agent *agent, const char *text)
{
	struct event event = record_event(agent, EVENT_CHANNEL_ENDED);

	event.node = agent->self;
	event.arg[0] = agent->channel->pause_us;
	(void)snprintf(event.text, sizeof event.text, "%s", text);
	record_add(agent, &event);
}

static void pause_then_run(struct agent *agent, const char *text)
{
	struct channel_process *p = agent->channel;
	ha_time now = clock_boot();

	if (ha_time_since(now, p->started) >= RAN_WELL_US || p->pause_us == 0)
		p->pause_us = PAUSE_FIRST_US;
	else if (p->pause_us < PAUSE_MAX_US)
		p->pause_us = 2 * p->pause_us < PAUSE_MAX_US ? 2 * p->pause_us : PAUSE_MAX_US;
	p->start_at = ha_time_add(now, p->pause_us);
	say_ended(agent, text);
}

static void try_run(struct agent *agent)
{
	int r = run(agent);

	if (r < 0)
		pause_then_run(agent, strerror(-r));
}

int channel_start(struct agent *agent, const struct hb_keys *keys)
{
	struct channel_process *p = calloc(1, sizeof *p);
	int r;

	if (!p)
		return -ENOMEM;
	p->control = -1;
	p->start_at = HA_TIME_NEVER;
	agent->channel = p;
	r = find_program(p->program);
	if (r < 0) {
		log_warning("cannot find " CHANNEL_PROGRAM ": other nodes cannot be asked");
		agent_warn(agent, CHANNEL_PROGRAM " is not installed: no commands to and from "
						  "other nodes");
		return 0;
	}
	fill_settings(agent, &p->settings);
	r = fill_secrets(&p->settings, agent->config->cluster_name, keys);
	if (r < 0) {
		log_err("cannot derive the keys of the channel: %s", strerror(-r));
		return r;
	}
	p->start_at = HA_TIME_ZERO; /* by the loop, when the agent's own socket is there */
	return 0;
}

void channel_stop(struct agent *agent)
{
	if (!agent->channel)
		return;
	close_control(agent->channel); /* it ends by that */
	explicit_bzero(agent->channel, sizeof *agent->channel);
	free(agent->channel);
	agent->channel = NULL;
}

/* It takes them over, or ends where it cannot; without a process they are for the next one. */
static void tell(struct agent *agent)
{
	struct channel_process *p = agent->channel;

	if (p->control >= 0 && send_settings(p) < 0)
		close_control(p); /* it does not read: the end of its input ends it */
}

void channel_keys(struct agent *agent, const struct hb_keys *keys)
{
	struct channel_process *p = agent->channel;
	struct channel_settings *s = &p->settings;
	int r;

	if (!p->program[0])
		return;
	r = fill_secrets(s, agent->config->cluster_name, keys);
	if (r < 0)
		log_err("cannot derive the keys of the channel: %s", strerror(-r));
	else
		tell(agent);
}

void channel_reload(struct agent *agent)
{
	if (!agent->channel->program[0])
		return;
	fill_settings(agent, &agent->channel->settings);
	tell(agent);
}

bool channel_done(struct agent *agent, uint32_t operation, const char *text)
{
	struct channel_process *p = agent->channel;

	if ((operation & EXEC_KIND_MASK) != EXEC_KIND_CHANNEL)
		return false;
	if (!p || p->operation != operation)
		return true;
	p->operation = 0;
	close_control(p);
	pause_then_run(agent, text && *text ? text : "it ended by itself");
	loop_turn(agent);
	return true;
}

ha_time channel_deadline(const struct agent *agent)
{
	return agent->channel->start_at;
}

void channel_dispatch(struct agent *agent, ha_time now)
{
	if (ha_time_reached(agent->channel->start_at, now))
		try_run(agent);
}
