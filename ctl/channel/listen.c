/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two kinds of listening sockets: TCP on each of our link addresses, and the socket file for
 * local clients. Who is not entitled is sent away here, before it costs anything. */
#include "ctl/channel/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define ACCEPTS_PER_TURN 32
#define BACKLOG		 64

void channel_address_text(const struct sockaddr_storage *address, char ret[CHANNEL_ADDRESS_SIZE])
{
	char text[INET6_ADDRSTRLEN] = "?";
	bool v6 = address->ss_family == AF_INET6;
	const void *bytes = v6 ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
			       : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
	uint16_t port = v6 ? ((const struct sockaddr_in6 *)address)->sin6_port
			   : ((const struct sockaddr_in *)address)->sin_port;

	(void)inet_ntop(v6 ? AF_INET6 : AF_INET, bytes, text, sizeof text);
	(void)snprintf(ret, CHANNEL_ADDRESS_SIZE, v6 ? "[%s]:%u" : "%s:%u", text, ntohs(port));
}

/* A node that was cut off sends nothing, not even an end: its connections must go by themselves. */
int channel_keep_alive(int fd)
{
	const int on = 1, idle_s = 10, interval_s = 5, count = 3;
	const unsigned int unacknowledged_ms = 20000;

	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms,
		       sizeof unacknowledged_ms) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
		return -errno;
	return 0;
}

/* ---- other nodes ---- */

bool channel_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	struct sockaddr_in6 a6, b6;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	memcpy(&a6, a, sizeof a6);
	memcpy(&b6, b, sizeof b6);
	return memcmp(&a6.sin6_addr, &b6.sin6_addr, sizeof a6.sin6_addr) == 0 &&
	       (!a6.sin6_scope_id || !b6.sin6_scope_id || a6.sin6_scope_id == b6.sin6_scope_id);
}

/* The node that has this address on this link; NODE_NONE: a stranger. */
static uint8_t find_peer(const struct channel *channel, uint8_t path,
			 const struct sockaddr_storage *address)
{
	const struct channel_settings *s = &channel->settings;

	for (uint8_t n = 0; n < s->n_nodes; n++)
		if (n != s->self && channel_same_address(address, &s->node[n].link[path]))
			return n;
	return NODE_NONE;
}

/* Of handshakes that one address began and did not end the oldest gives way: they cannot use up
 * what others of it need. */
static void limit_handshakes(struct channel *channel, uint8_t node)
{
	struct relay *oldest = NULL;
	unsigned int n = 0;

	for (struct relay *r = channel->relays; r; r = r->next) {
		if (r->kind != RELAY_ACCEPT || r->node != node || r->phase != PHASE_HANDSHAKE)
			continue;
		n++;
		oldest = r; /* the list begins with the newest */
	}
	if (n < CHANNEL_HANDSHAKES_MAX)
		return;
	channel_say(&channel->members, LOG_LEVEL_WARNING,
		    "channel: %s (%s) begins more handshakes than it ends",
		    channel_name(channel, node), oldest->address);
	relay_free(oldest);
}

/* Takes over `fd`. */
static int start_inbound(struct tcp_listener *listener, int fd, uint8_t node,
			 const struct sockaddr_storage *address)
{
	struct relay *relay;
	int r;

	limit_handshakes(listener->channel, node);
	r = relay_new(listener->channel, RELAY_ACCEPT, &relay);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	relay->far.fd = fd;
	relay->node = node;
	relay->path = listener->path;
	channel_address_text(address, relay->address);
	r = channel_keep_alive(fd);
	if (r >= 0)
		r = tls_start_server(relay);
	if (r >= 0)
		r = relay_attach(relay, &relay->far);
	if (r < 0 || relay_phase(relay, PHASE_HANDSHAKE, CHANNEL_HANDSHAKE_US) == STEP_END) {
		relay_free(relay);
		return r < 0 ? r : -ENOMEM;
	}
	relay_pump(relay);
	return 0;
}

/* 0: one was accepted or sent away; -EAGAIN: none waits; -errno. */
static int accept_node(struct tcp_listener *listener)
{
	struct sockaddr_storage address = {0};
	socklen_t n = sizeof address;
	char text[CHANNEL_ADDRESS_SIZE];
	uint8_t node;
	int fd;

	fd = accept4(listener->fd, (struct sockaddr *)&address, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return errno == EINTR || errno == ECONNABORTED || errno == EPROTO ? 0 : -errno;
	node = find_peer(listener->channel, listener->path, &address);
	if (node != NODE_NONE)
		return start_inbound(listener, fd, node, &address);
	(void)close(fd);
	channel_address_text(&address, text);
	channel_say(&listener->channel->strangers, LOG_LEVEL_WARNING,
		    "channel: connection of %s refused: it is no other node's address on link %u",
		    text, listener->path + 1U);
	return 0;
}

/* Out of descriptors or memory: what waits keeps the socket readable, so without a pause the loop
 * would spin. Closing is the pause: the retry timer opens it again. */
static void close_listener(struct tcp_listener *listener)
{
	listener->io = sd_event_source_disable_unref(listener->io);
	cleanup_closep(&listener->fd);
	listener->fd = -1;
}

static int on_node(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct tcp_listener *listener = userdata;
	int r = 0;

	(void)source;
	(void)fd;
	(void)events;
	for (unsigned int i = 0; i < ACCEPTS_PER_TURN && r >= 0; i++)
		r = accept_node(listener);
	if (r >= 0 || r == -EAGAIN)
		return 0;
	channel_say(&listener->channel->members, LOG_LEVEL_WARNING,
		    "channel: cannot accept other nodes for now: %s", strerror(-r));
	close_listener(listener);
	return 0;
}

static int open_socket(const struct sockaddr_storage *address, int *ret)
{
	_cleanup_close_ int fd =
		socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1;
	socklen_t n = address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
						     : sizeof(struct sockaddr_in);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)address, n) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	*ret = TAKE_FD(fd);
	return 0;
}

static void open_listener(struct tcp_listener *listener)
{
	const struct channel_settings *s = &listener->channel->settings;
	struct sockaddr_storage address = s->node[s->self].link[listener->path];
	char text[CHANNEL_ADDRESS_SIZE];
	int r;

	if (address.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&address)->sin6_port = htons(s->port);
	else
		((struct sockaddr_in *)&address)->sin_port = htons(s->port);
	r = open_socket(&address, &listener->fd);
	if (r >= 0)
		r = sd_event_add_io(listener->channel->event, &listener->io, listener->fd, EPOLLIN,
				    on_node, listener);
	channel_address_text(&address, text);
	if (r < 0) {
		if (!listener->said)
			log_warning("channel: cannot listen on %s (link %u): %s; trying again",
				    text, listener->path + 1U, strerror(-r));
		listener->said = true;
		close_listener(listener);
		return;
	}
	if (listener->said)
		log_notice("channel: listening on %s (link %u)", text, listener->path + 1U);
	listener->said = false;
}

/* ---- local clients ---- */

static bool client_has_slot(const struct channel *channel, uid_t uid)
{
	struct client_counts counts = {0};

	for (const struct relay *r = channel->relays; r; r = r->next) {
		if (r->kind != RELAY_DIAL)
			continue;
		counts.all++;
		counts.others += r->peer.uid != 0;
		counts.same += r->peer.uid == uid;
	}
	return slots_client(&counts, uid);
}

static void send_away(int fd, const char *word, const char *sentence)
{
	char line[CHANNEL_LINE_MAX];
	size_t n = line_write_error(word, sentence, line);

	(void)send(fd, line, n, MSG_DONTWAIT | MSG_NOSIGNAL); /* best effort */
	(void)close(fd);
}

static int start_client(struct channel *channel, int fd, const struct ctl_peer *peer)
{
	struct relay *relay;
	int r;

	if (peer->access == CTL_ACCESS_NONE) {
		send_away(fd, "denied", "no right to view");
		return 0;
	}
	if (!client_has_slot(channel, peer->uid)) {
		send_away(fd, "busy", "no connection to other nodes is free for this user");
		return 0;
	}
	r = relay_new(channel, RELAY_DIAL, &relay);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	relay->near.fd = fd;
	relay->peer = *peer;
	r = relay_attach(relay, &relay->near);
	if (r < 0 || relay_phase(relay, PHASE_LINE, CHANNEL_LINE_US) == STEP_END) {
		relay_free(relay);
		return r < 0 ? r : -ENOMEM;
	}
	relay_pump(relay);
	return 0;
}

static int accept_client(struct channel *channel)
{
	struct ctl_peer peer;
	int r, fd = accept4(channel->clients.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return errno == EINTR || errno == ECONNABORTED ? 0 : -errno;
	r = ctl_peer_read(fd, &channel->groups, &peer);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	return start_client(channel, fd, &peer);
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct channel *channel = userdata;
	int r = 0;

	(void)fd;
	(void)events;
	for (unsigned int i = 0; i < ACCEPTS_PER_TURN && r >= 0; i++)
		r = accept_client(channel);
	if (r >= 0 || r == -EAGAIN)
		return 0;
	log_warning("channel: cannot accept local clients for now: %s", strerror(-r));
	return sd_event_source_set_enabled(source, SD_EVENT_OFF); /* until the retry timer */
}

/* ---- both ---- */

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct channel *channel = userdata;

	(void)usec;
	for (uint8_t i = 0; i < channel->settings.n_links; i++)
		if (channel->listener[i].fd < 0)
			open_listener(&channel->listener[i]);
	(void)sd_event_source_set_enabled(channel->clients_io, SD_EVENT_ON);
	if (sd_event_source_set_time_relative(source, CHANNEL_RETRY_US) < 0)
		return -EIO;
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int listen_start(struct channel *channel)
{
	struct sockaddr_un path;
	int r;

	for (uint8_t i = 0; i < LINKS_MAX; i++)
		channel->listener[i] =
			(struct tcp_listener){.channel = channel, .fd = -1, .path = i};
	r = ctl_peer_path(channel->settings.agent_socket, &path);
	if (r >= 0)
		r = ctl_listener_open(&channel->clients, path.sun_path);
	if (r < 0) {
		log_err("channel: cannot listen on " CTL_PEER_SOCKET " beside %s: %s",
			channel->settings.agent_socket, strerror(-r));
		return r;
	}
	r = sd_event_add_io(channel->event, &channel->clients_io, channel->clients.fd, EPOLLIN,
			    on_client, channel);
	if (r >= 0)
		r = sd_event_add_time_relative(channel->event, &channel->retry, CLOCK_BOOTTIME,
					       CHANNEL_RETRY_US, 0, on_retry, channel);
	if (r < 0)
		return r;
	for (uint8_t i = 0; i < channel->settings.n_links; i++)
		open_listener(&channel->listener[i]);
	return 0;
}

void listen_stop(struct channel *channel)
{
	for (uint8_t i = 0; i < LINKS_MAX; i++)
		if (channel->listener[i].channel)
			close_listener(&channel->listener[i]);
	channel->clients_io = sd_event_source_disable_unref(channel->clients_io);
	channel->retry = sd_event_source_disable_unref(channel->retry);
	ctl_listener_close(&channel->clients);
}
