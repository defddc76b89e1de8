/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tcpw: a connection is accepted. httpw: a web server answers, and with the right status. */
#include "agent/monitor_parse.h"
#include "agent/monitor_worker.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define ENDPOINT_SIZE 80
#define REQUEST_SIZE  (HTTP_PATH_MAX + 512)
#define READ_SIZE     4096

/* One connection. */
struct tcp {
	int fd;
	sd_event_source *source;
	char endpoint[ENDPOINT_SIZE]; /* "10.0.0.9:80" */
	bool connected;
	/* httpw */
	char *request; /* NULL: tcpw */
	size_t request_n, sent;
	struct http_reply reply;
};

int worker_address(const char *host, const char *port, struct sockaddr_storage *ret,
		   socklen_t *ret_size)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				       .ai_socktype = SOCK_STREAM};
	struct addrinfo *list;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		return -EINVAL;
	memcpy(ret, list->ai_addr, list->ai_addrlen);
	*ret_size = list->ai_addrlen;
	freeaddrinfo(list);
	return 0;
}

/* ---- httpw ---- */

static void judge_status(struct monitor *m, unsigned int status)
{
	const struct tcp *tcp = m->check;
	unsigned int want = m->config->http_status;

	if (want ? status == want : status < 400)
		worker_good(m);
	else if (want)
		worker_failed(m, "%.60s: HTTP status %u, not %u", tcp->endpoint, status, want);
	else
		worker_failed(m, "%.60s: HTTP status %u", tcp->endpoint, status);
}

static void read_reply(struct monitor *m)
{
	struct tcp *tcp = m->check;
	char data[READ_SIZE];
	ssize_t n = recv(tcp->fd, data, sizeof data, MSG_DONTWAIT);
	int r;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		worker_failed(m, "%.60s: %s", tcp->endpoint, error_words(errno));
		return;
	}
	if (n == 0) {
		worker_failed(m, "%.60s: closed before its answer was complete", tcp->endpoint);
		return;
	}
	r = http_reply_feed(&tcp->reply, data, (size_t)n);
	if (r == -EMSGSIZE)
		worker_failed(m, "%.60s: the header of its answer is too long", tcp->endpoint);
	else if (r < 0)
		worker_failed(m, "%.60s: its answer is not HTTP", tcp->endpoint);
	else if (r > 0)
		judge_status(m, tcp->reply.status);
}

static void send_request(struct monitor *m)
{
	struct tcp *tcp = m->check;
	ssize_t n = send(tcp->fd, tcp->request + tcp->sent, tcp->request_n - tcp->sent,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		worker_failed(m, "%.60s: %s", tcp->endpoint, error_words(errno));
		return;
	}
	tcp->sent += (size_t)n;
	if (tcp->sent < tcp->request_n)
		return;
	worker_waits(m, "%.60s: no complete answer", tcp->endpoint);
	if (sd_event_source_set_io_events(tcp->source, EPOLLIN) < 0)
		worker_failed(m, "no memory");
}

static int make_request(struct tcp *tcp, const struct http_url *url)
{
	int n = asprintf(&tcp->request,
			 "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: holdfast/%s\r\n"
			 "Accept: */*\r\nConnection: close\r\n\r\n",
			 url->path, tcp->endpoint, HOLDFAST_VERSION);

	if (n < 0) {
		tcp->request = NULL;
		return -ENOMEM;
	}
	tcp->request_n = (size_t)n;
	return 0;
}

/* ---- connections ---- */

/* A port of our own range that nobody listens on may connect to itself. */
static bool is_own_end(int fd)
{
	struct sockaddr_storage here = {0}, there = {0};
	socklen_t n = sizeof here, k = sizeof there;

	return getsockname(fd, (struct sockaddr *)&here, &n) == 0 &&
	       getpeername(fd, (struct sockaddr *)&there, &k) == 0 && n == k &&
	       memcmp(&here, &there, n) == 0;
}

static void connected(struct monitor *m)
{
	struct tcp *tcp = m->check;
	int error = 0;
	socklen_t size = sizeof error;

	if (getsockopt(tcp->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error == 0 && is_own_end(tcp->fd))
		error = ECONNREFUSED;
	if (error) {
		worker_failed(m, "%.60s: %s", tcp->endpoint, error_words(error));
		return;
	}
	tcp->connected = true;
	if (tcp->request)
		send_request(m);
	else
		worker_good(m);
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct monitor *m = userdata;
	struct tcp *tcp = m->check;

	(void)source;
	(void)fd;
	(void)events;
	if (!tcp->connected)
		connected(m);
	else if (tcp->sent < tcp->request_n)
		send_request(m);
	else
		read_reply(m);
	return 0;
}

static int open_connection(struct monitor *m, const char *host, const char *port)
{
	struct tcp *tcp = m->check;
	struct sockaddr_storage to;
	socklen_t size;
	int r = worker_address(host, port, &to, &size);

	if (r < 0)
		return r;
	(void)snprintf(tcp->endpoint, sizeof tcp->endpoint,
		       to.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	worker_waits(m, "%.60s: no answer", tcp->endpoint);
	tcp->fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (tcp->fd < 0)
		return -errno;
	if (connect(tcp->fd, (const struct sockaddr *)&to, size) < 0 && errno != EINPROGRESS)
		return -errno;
	r = sd_event_add_io(m->worker->event, &tcp->source, tcp->fd, EPOLLOUT, on_socket, m);
	return r < 0 ? r : 0;
}

static void say_failure(struct monitor *m, const char *what, int r)
{
	const struct tcp *tcp = m->check;

	if (r == -EINVAL && !tcp->endpoint[0])
		worker_failed(m, "%.60s: not a numeric address", what);
	else
		worker_failed(m, "%.60s: %s", tcp->endpoint[0] ? tcp->endpoint : what,
			      error_words(-r));
}

static bool new_check(struct monitor *m)
{
	struct tcp *tcp = calloc(1, sizeof *tcp);

	if (!tcp) {
		worker_failed(m, "no memory");
		return false;
	}
	tcp->fd = -1;
	m->check = tcp;
	return true;
}

static void tcp_begin(struct monitor *m)
{
	char port[8];
	int r;

	if (!new_check(m))
		return;
	(void)snprintf(port, sizeof port, "%u", m->config->port);
	r = open_connection(m, m->config->address, port);
	if (r < 0)
		say_failure(m, m->config->address, r);
}

static void http_begin(struct monitor *m)
{
	struct http_url url;
	int r;

	if (!new_check(m))
		return;
	if (http_url_parse(m->config->url, &url) < 0) {
		worker_failed(m, "%.60s: not a URL of the form http://ADDRESS:PORT/PATH",
			      m->config->url);
		return;
	}
	r = open_connection(m, url.host, url.port);
	if (r >= 0)
		r = make_request(m->check, &url);
	if (r < 0)
		say_failure(m, url.host, r);
}

static void tcp_end(struct monitor *m)
{
	struct tcp *tcp = m->check;

	if (!tcp)
		return;
	sd_event_source_disable_unref(tcp->source);
	cleanup_closep(&tcp->fd);
	free(tcp->request);
	free(tcp);
	m->check = NULL;
}

const struct monitor_driver monitor_driver_tcpw = {.begin = tcp_begin, .end = tcp_end};
const struct monitor_driver monitor_driver_httpw = {.begin = http_begin, .end = tcp_end};
