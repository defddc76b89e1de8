/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The listening socket and its clients on sd-event. Nobody is waited for: each client has a
 * bounded queue in each direction, does a bounded amount of work per turn, and is dropped when
 * it does not read what it asked for.
 */
#include "ctl/internal.h"
#include "util/clock.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Heartbeats and timers of the agent come first. */
#define CTL_PRIORITY	 (SD_EVENT_PRIORITY_NORMAL + 10)
#define ACCEPTS_PER_TURN 16
#define ACCEPT_PAUSE_US	 1000000ULL /* out of descriptors: look again after that */
#define READ_BYTES	 16384

struct ctl_conn {
	struct ctl_session session; /* first: callbacks of the session cast back */
	struct ctl_server *server;
	int fd;
	bool end_of_input; /* it will send nothing more, but may still read */
	sd_event_source *io, *turn, *slow;
	struct ctl_conn *next, **link; /* the list of the server; what points to this one */
};

/* How much one client has got done without a break. */
struct turn {
	ha_time start;
	unsigned int calls;
	bool over;
};

struct ctl_server {
	sd_event *event;
	struct ctl_service service;
	char *change_group, *view_group;
	struct ctl_groups groups;
	struct ctl_listener listener;
	sd_event_source *accept, *accept_pause;
	uint64_t slow_us;
	struct log_ratelimit log_limit;
	struct ctl_conn *conns;
};

/* ---- one client ---- */

static void conn_link(struct ctl_conn *conn)
{
	struct ctl_server *server = conn->server;

	conn->next = server->conns;
	conn->link = &server->conns;
	if (conn->next)
		conn->next->link = &conn->next;
	server->conns = conn;
}

static void conn_unlink(struct ctl_conn *conn)
{
	*conn->link = conn->next;
	if (conn->next)
		conn->next->link = conn->link;
}

static void conn_free(struct ctl_conn *conn)
{
	ctl_session_done(&conn->session);
	conn->io = sd_event_source_disable_unref(conn->io);
	conn->turn = sd_event_source_disable_unref(conn->turn);
	conn->slow = sd_event_source_disable_unref(conn->slow);
	cleanup_closep(&conn->fd);
	conn_unlink(conn);
	free(conn);
}

static void conn_drop(struct ctl_conn *conn, const char *why)
{
	const struct ctl_peer *peer = &conn->session.peer;
	unsigned int suppressed;

	if (log_ratelimit(&conn->server->log_limit, clock_boot().us, &suppressed))
		log_notice("control client (pid %d, uid %u) dropped: %s; %u like it not logged",
			   (int)peer->pid, (unsigned int)peer->uid, why, suppressed);
	conn_free(conn);
}

/* Sends what waits. 1: something went out; 0: the socket is full, or nothing waits; -errno. */
static int conn_flush(struct ctl_conn *conn)
{
	struct ctl_bytes *out = &conn->session.out;
	int progress = 0;

	while (ctl_bytes_count(out) > 0) {
		ssize_t n = send(conn->fd, out->data + out->at, ctl_bytes_count(out),
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? progress : -errno;
		ctl_bytes_drop(out, (size_t)n);
		progress = 1;
	}
	return progress;
}

/* Reads at most a buffer of what the session has room for. -errno if the client is lost. */
static int conn_read(struct ctl_conn *conn)
{
	char buf[READ_BYTES];
	size_t room = ctl_session_room(&conn->session);
	ssize_t n;

	if (room == 0 || conn->end_of_input)
		return 0;
	n = recv(conn->fd, buf, room < sizeof(buf) ? room : sizeof(buf), MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0) {
		conn->end_of_input = true;
		return 0;
	}
	return ctl_session_feed(&conn->session, buf, (size_t)n);
}

/* The time that a client may leave its replies unread starts, starts again, or stops. */
static int conn_arm_slow(struct ctl_conn *conn, bool progress)
{
	int enabled, r;

	r = sd_event_source_get_enabled(conn->slow, &enabled);
	if (r < 0)
		return r;
	if (ctl_bytes_count(&conn->session.out) == 0)
		return sd_event_source_set_enabled(conn->slow, SD_EVENT_OFF);
	if (enabled != SD_EVENT_OFF && !progress)
		return 0;
	r = sd_event_source_set_time_relative(conn->slow, conn->server->slow_us);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(conn->slow, SD_EVENT_ONESHOT);
}

static int conn_arm(struct ctl_conn *conn, bool progress, bool again)
{
	const struct ctl_session *session = &conn->session;
	uint32_t events = 0;
	int r;

	if (ctl_session_room(session) > 0 && !conn->end_of_input)
		events |= EPOLLIN;
	if (ctl_bytes_count(&session->out) > 0)
		events |= EPOLLOUT;
	r = sd_event_source_set_io_events(conn->io, events);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(conn->turn, again ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	if (r < 0)
		return r;
	return conn_arm_slow(conn, progress);
}

/* Nothing is left to do for it. */
static bool conn_finished(const struct ctl_conn *conn)
{
	const struct ctl_session *session = &conn->session;

	if (ctl_bytes_count(&session->out) > 0)
		return false;
	return session->refusal || (conn->end_of_input && !session->call);
}

/* Handles a request. False: there is none to handle now. */
static bool conn_step(struct ctl_conn *conn, struct turn *turn)
{
	bool again = ctl_session_step(&conn->session);

	turn->calls++;
	turn->over = turn->calls >= CTL_CALLS_PER_TURN ||
		     ha_time_since(clock_boot(), turn->start) >= CTL_TURN_US;
	return again;
}

/* Sends replies and handles requests until one of them has to wait, or it had its share: then it
 * goes on in its next turn. May free `conn`. */
static void conn_pump(struct ctl_conn *conn)
{
	struct turn turn = {.start = clock_boot()};
	bool progress = false, again = true;
	int r;

	while (again && !turn.over) {
		r = conn_flush(conn);
		if (r < 0) { /* it has gone: an everyday matter */
			conn_free(conn);
			return;
		}
		progress = progress || r > 0;
		if (conn->session.overrun) {
			conn_drop(conn, "it reads its replies too slowly");
			return;
		}
		again = conn_step(conn, &turn);
	}
	if (!again && conn_finished(conn)) {
		if (conn->session.refusal)
			conn_drop(conn, conn->session.refusal);
		else
			conn_free(conn);
		return;
	}
	r = conn_arm(conn, progress, again);
	if (r < 0)
		conn_drop(conn, strerror(-r));
}

/* Both directions are shut: nobody is left to read a reply. What it sent before is still carried
 * out, as far as one turn goes. */
static void conn_last_turn(struct ctl_conn *conn)
{
	struct turn turn = {.start = clock_boot()};

	do
		ctl_bytes_drop(&conn->session.out, ctl_bytes_count(&conn->session.out));
	while (conn_step(conn, &turn) && !turn.over);
}

static int on_conn_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct ctl_conn *conn = userdata;
	int r;

	(void)source;
	(void)fd;
	r = conn_read(conn);
	if (r >= 0 && (revents & (EPOLLHUP | EPOLLERR))) {
		conn_last_turn(conn);
		r = -ECONNRESET;
	}
	if (r < 0)
		conn_free(conn);
	else
		conn_pump(conn);
	return 0;
}

static int on_conn_turn(sd_event_source *source, void *userdata)
{
	(void)source;
	conn_pump(userdata);
	return 0;
}

static int on_conn_slow(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	conn_drop(userdata, "it does not read its replies");
	return 0;
}

/* Not at once: the caller may be in the middle of something with the call. */
static void on_session_changed(struct ctl_session *session)
{
	struct ctl_conn *conn = (struct ctl_conn *)session;

	if (sd_event_source_set_enabled(conn->turn, SD_EVENT_ONESHOT) < 0)
		session->overrun = true; /* noticed with its next event */
}

static int conn_add_sources(struct ctl_conn *conn)
{
	sd_event *event = conn->server->event;
	int r;

	r = sd_event_add_io(event, &conn->io, conn->fd, EPOLLIN, on_conn_io, conn);
	if (r < 0)
		return r;
	r = sd_event_add_defer(event, &conn->turn, on_conn_turn, conn);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(conn->turn, SD_EVENT_OFF);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(event, &conn->slow, CLOCK_MONOTONIC, conn->server->slow_us,
				       0, on_conn_slow, conn);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(conn->slow, SD_EVENT_OFF);
	if (r < 0)
		return r;
	r = sd_event_source_set_priority(conn->io, CTL_PRIORITY);
	if (r >= 0)
		r = sd_event_source_set_priority(conn->turn, CTL_PRIORITY);
	return r;
}

/* Takes over `fd`. */
static int conn_new(struct ctl_server *server, int fd, const struct ctl_peer *peer)
{
	struct ctl_conn *conn = calloc(1, sizeof(*conn));
	int r;

	if (!conn) {
		(void)close(fd);
		return -ENOMEM;
	}
	conn->server = server;
	conn->fd = fd;
	conn->session.service = &server->service;
	conn->session.peer = *peer;
	conn->session.changed = on_session_changed;
	conn_link(conn);
	r = conn_add_sources(conn);
	if (r < 0)
		conn_free(conn);
	return r;
}

/* ---- accepting ---- */

static bool has_slot(const struct ctl_server *server, const struct ctl_peer *peer)
{
	unsigned int all = 0, others = 0, same = 0, strangers = 0;

	for (const struct ctl_conn *conn = server->conns; conn; conn = conn->next) {
		const struct ctl_peer *p = &conn->session.peer;

		all++;
		others += p->uid != 0;
		same += p->uid == peer->uid;
		strangers += p->access == CTL_ACCESS_NONE;
	}
	if (peer->uid == 0)
		return all < CTL_CLIENTS_MAX;
	if (peer->access == CTL_ACCESS_NONE && strangers >= CTL_CLIENTS_STRANGER_MAX)
		return false;
	return same < CTL_CLIENTS_UID_MAX && others < CTL_CLIENTS_MAX - CTL_CLIENTS_ROOT;
}

/* Says why in the place of the reply to a call that it will not be able to make. */
static void turn_away(int fd)
{
	static const char busy[] = "{\"error\":\"io.holdfast.Agent.Busy\",\"parameters\":{}}";

	(void)send(fd, busy, sizeof(busy), MSG_DONTWAIT | MSG_NOSIGNAL); /* best effort */
}

/* 0: one was accepted or turned away; -EAGAIN: none waits; -errno: cannot accept now. */
static int accept_one(struct ctl_server *server)
{
	_cleanup_close_ int fd = -1;
	struct ctl_peer peer;
	int r;

	fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return errno == EINTR || errno == ECONNABORTED ? 0 : -errno;
	r = ctl_peer_read(fd, &server->groups, &peer);
	if (r < 0)
		return r;
	if (!has_slot(server, &peer)) {
		turn_away(fd);
		return 0;
	}
	return conn_new(server, TAKE_FD(fd), &peer);
}

static int on_accept(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct ctl_server *server = userdata;
	int r = 0;

	(void)fd;
	(void)revents;
	for (unsigned int i = 0; i < ACCEPTS_PER_TURN && r >= 0; i++)
		r = accept_one(server);
	if (r >= 0 || r == -EAGAIN)
		return 0;
	/* Out of descriptors or memory. The client still waits in the queue, so the socket stays
	 * readable: without a pause the loop would spin. */
	log_warning("cannot accept control clients for now: %s", strerror(-r));
	r = sd_event_source_set_enabled(source, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_source_set_time_relative(server->accept_pause, ACCEPT_PAUSE_US);
	if (r >= 0)
		r = sd_event_source_set_enabled(server->accept_pause, SD_EVENT_ONESHOT);
	if (r < 0)
		(void)sd_event_source_set_enabled(source, SD_EVENT_ON);
	return 0;
}

static int on_accept_pause(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct ctl_server *server = userdata;

	(void)source;
	(void)usec;
	return sd_event_source_set_enabled(server->accept, SD_EVENT_ON);
}

/* ---- the server ---- */

static void cleanup_server(struct ctl_server **server)
{
	ctl_server_free(*server);
}

static int copy_name(const char *name, char **ret)
{
	char *copy = NULL;

	if (name && *name) {
		copy = strdup(name);
		if (!copy)
			return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

static int server_add_sources(struct ctl_server *server)
{
	int r;

	r = sd_event_add_io(server->event, &server->accept, server->listener.fd, EPOLLIN, on_accept,
			    server);
	if (r < 0)
		return r;
	r = sd_event_source_set_priority(server->accept, CTL_PRIORITY);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(server->event, &server->accept_pause, CLOCK_MONOTONIC,
				       ACCEPT_PAUSE_US, 0, on_accept_pause, server);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(server->accept_pause, SD_EVENT_OFF);
}

int ctl_server_new(sd_event *event, const struct ctl_server_config *config, struct ctl_server **ret)
{
	_cleanup_(cleanup_server) struct ctl_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return -ENOMEM;
	server->listener.fd = -1;
	server->slow_us = CTL_SLOW_CLIENT_US;
	server->event = sd_event_ref(event);
	r = ctl_service_init(&server->service, config);
	if (r < 0)
		return r;
	r = copy_name(config->change_group, &server->change_group);
	if (r < 0)
		return r;
	r = copy_name(config->view_group, &server->view_group);
	if (r < 0)
		return r;
	server->service.change_group = server->change_group;
	server->service.view_group = server->view_group;
	ctl_server_refresh(server);
	r = ctl_listener_open(&server->listener, config->path);
	if (r < 0)
		return r;
	r = server_add_sources(server);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(server);
	return 0;
}

struct ctl_server *ctl_server_free(struct ctl_server *server)
{
	struct ctl_conn *next;

	if (!server)
		return NULL;
	server->accept = sd_event_source_disable_unref(server->accept);
	server->accept_pause = sd_event_source_disable_unref(server->accept_pause);
	for (struct ctl_conn *conn = server->conns; conn; conn = next) {
		next = conn->next;
		(void)conn_flush(conn); /* a last reply, if the socket takes it */
		conn_free(conn);
	}
	ctl_listener_close(&server->listener);
	free(server->change_group);
	free(server->view_group);
	sd_event_unref(server->event);
	free(server);
	return NULL;
}

void ctl_server_refresh(struct ctl_server *server)
{
	ctl_groups_load(&server->groups, server->change_group, server->view_group);
}

void ctl_server_set_slow_us(struct ctl_server *server, uint64_t us)
{
	server->slow_us = us;
}

size_t ctl_server_clients(const struct ctl_server *server)
{
	size_t n = 0;

	for (const struct ctl_conn *conn = server->conns; conn; conn = conn->next)
		n++;
	return n;
}
