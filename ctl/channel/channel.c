/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process: its settings, which the agent sends, and its loop. It ends with the agent. */
#include "ctl/channel/internal.h"

#include "util/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

const char *channel_name(const struct channel *channel, uint8_t node)
{
	return node < channel->settings.n_nodes ? channel->settings.node[node].name : "?";
}

static bool has_address(const struct channel_settings *s, uint8_t node,
			const struct sockaddr_storage *address)
{
	for (uint8_t i = 0; i < s->n_links; i++)
		if (channel_same_address(&s->node[node].link[i], address))
			return true;
	return false;
}

int channel_find(const struct channel *channel, const char *target)
{
	const struct channel_settings *s = &channel->settings;
	struct sockaddr_storage address = {0};

	for (uint8_t n = 0; n < s->n_nodes; n++)
		if (strcmp(s->node[n].name, target) == 0)
			return n;
	if (inet_pton(AF_INET, target, &((struct sockaddr_in *)&address)->sin_addr) == 1)
		address.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, target, &((struct sockaddr_in6 *)&address)->sin6_addr) == 1)
		address.ss_family = AF_INET6;
	else
		return -ENOENT;
	for (uint8_t n = 0; n < s->n_nodes; n++)
		if (has_address(s, n, &address))
			return n;
	return -ENOENT;
}

void channel_say(struct log_ratelimit *limit, enum log_level level, const char *format, ...)
{
	unsigned int suppressed;
	char text[768];
	va_list ap;

	if (!log_ratelimit(limit, clock_boot().us, &suppressed))
		return;
	va_start(ap, format);
	(void)vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	if (suppressed)
		log_at(level, "%s (%u more like it were not logged)", text, suppressed);
	else
		log_at(level, "%s", text);
}

/* ---- settings ---- */

static bool is_text(const char *s, size_t size)
{
	return memchr(s, '\0', size) != NULL;
}

static bool settings_valid(const struct channel_settings *s)
{
	bool ok = s->size == sizeof *s && s->n_nodes > 0 && s->n_nodes <= NODES_MAX &&
		  s->self < s->n_nodes && s->n_links <= LINKS_MAX && s->n_secrets > 0 &&
		  s->n_secrets <= CHANNEL_SECRETS_MAX && is_text(s->cluster, NAME_SIZE) &&
		  is_text(s->agent_socket, CHANNEL_PATH_SIZE) &&
		  is_text(s->change_group, CHANNEL_GROUP_SIZE) &&
		  is_text(s->view_group, CHANNEL_GROUP_SIZE);

	for (uint8_t n = 0; ok && n < s->n_nodes; n++) {
		ok = is_text(s->node[n].name, NAME_SIZE);
		for (uint8_t i = 0; ok && i < s->n_links; i++)
			ok = s->node[n].link[i].ss_family == AF_INET ||
			     s->node[n].link[i].ss_family == AF_INET6;
	}
	return ok;
}

/* What listening sockets and open connections are made from. */
static bool same_places(const struct channel_settings *a, const struct channel_settings *b)
{
	return a->self == b->self && a->n_nodes == b->n_nodes && a->n_links == b->n_links &&
	       a->port == b->port && strcmp(a->cluster, b->cluster) == 0 &&
	       strcmp(a->agent_socket, b->agent_socket) == 0 &&
	       memcmp(a->node, b->node, sizeof a->node) == 0;
}

/* 1: there are some; 0: none has come; -ECONNRESET: the agent has gone; -EBADMSG; -ESTALE: they
 * need a new process. */
static int receive_settings(struct channel *channel, int fd)
{
	struct channel_settings s;
	ssize_t n = recv(fd, &s, sizeof s, MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -ECONNRESET;
	if (n != sizeof s || !settings_valid(&s))
		return -EBADMSG;
	if (channel->has_settings && !same_places(&channel->settings, &s))
		return -ESTALE;
	channel->settings = s;
	channel->has_settings = true;
	explicit_bzero(&s, sizeof s);
	ctl_groups_load(&channel->groups, channel->settings.change_group,
			channel->settings.view_group);
	return 1;
}

static int on_settings(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct channel *channel = userdata;
	bool first = !channel->has_settings;
	int r = receive_settings(channel, fd);

	(void)source;
	(void)events;
	if (r == -ECONNRESET || r == -ESTALE) /* the agent has ended, or starts another one */
		return sd_event_exit(channel->event, 0);
	if (r == -EBADMSG)
		log_err("channel: the agent is of another build, or sends what it should not");
	if (r > 0 && first)
		r = listen_start(channel);
	return r < 0 ? sd_event_exit(channel->event, 1) : 0;
}

/* ---- life cycle ---- */

static void channel_free(struct channel *channel)
{
	while (channel->relays)
		relay_free(channel->relays);
	listen_stop(channel);
	channel->settings_io = sd_event_source_disable_unref(channel->settings_io);
	channel->tls = tls_free(channel->tls);
	sd_event_unref(channel->event);
	explicit_bzero(&channel->settings, sizeof channel->settings);
	free(channel);
}

static int start(struct channel *channel, int settings_fd)
{
	int r = sd_event_new(&channel->event);

	if (r >= 0)
		r = tls_new(&channel->tls);
	if (r >= 0)
		r = sd_event_add_io(channel->event, &channel->settings_io, settings_fd, EPOLLIN,
				    on_settings, channel);
	return r < 0 ? r : 0;
}

int channel_run(int settings_fd)
{
	struct channel *channel = calloc(1, sizeof *channel);
	int r;

	if (!channel)
		return 1;
	channel->clients.fd = -1;
	r = start(channel, settings_fd);
	if (r >= 0)
		r = sd_event_loop(channel->event);
	if (r < 0)
		log_err("channel: ends: %s", strerror(-r));
	channel_free(channel);
	return r < 0 ? 1 : r;
}
