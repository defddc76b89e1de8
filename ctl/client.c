/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The blocking client: one connection, one call at a time. */
#include "ctl/internal.h"
#include "util/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define CONNECT_TIMEOUT_S 5 /* a living agent accepts at once; its queue may be full */
#define SEND_TIMEOUT_US	  10000000ULL
#define HOST_TIMEOUT_US	  120000000ULL /* the channel gives up sooner, and says why */
#define REPLY_MAX	  (CTL_QUEUE_MAX + 4096)

struct ctl_client {
	int fd;
	int broken; /* -errno that ended the connection */
	bool more;  /* replies of a call with "more" are still to come */
	struct ctl_bytes in;
	size_t scanned;
	char *error;
	json_t *error_parameters;
};

static void cleanup_json(json_t **json)
{
	json_decref(*json);
}
#define _cleanup_json_ _cleanup_(cleanup_json)

static int open_socket(const struct sockaddr_un *address, int *ret)
{
	const struct timeval timeout = {.tv_sec = CONNECT_TIMEOUT_S};
	_cleanup_close_ int fd = -1;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	while (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
		if (errno != EINTR)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
	}
	*ret = TAKE_FD(fd);
	return 0;
}

static int connect_to(const struct sockaddr_un *address, struct ctl_client **ret)
{
	struct ctl_client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	r = open_socket(address, &client->fd);
	if (r < 0) {
		free(client);
		return r;
	}
	*ret = client;
	return 0;
}

int ctl_client_connect(const char *path, struct ctl_client **ret)
{
	struct sockaddr_un address;
	int r;

	r = ctl_address(path, &address);
	return r < 0 ? r : connect_to(&address, ret);
}

struct ctl_client *ctl_client_free(struct ctl_client *client)
{
	if (!client)
		return NULL;
	cleanup_closep(&client->fd);
	ctl_bytes_done(&client->in);
	free(client->error);
	json_decref(client->error_parameters);
	free(client);
	return NULL;
}

const char *ctl_client_error(const struct ctl_client *client)
{
	return client->error;
}

const json_t *ctl_client_error_parameters(const struct ctl_client *client)
{
	return client->error_parameters;
}

static ha_time deadline_after(uint64_t timeout_us)
{
	return ha_time_add(clock_boot(), timeout_us);
}

/* 0: ready; -ETIMEDOUT. */
static int wait_ready(int fd, short events, ha_time deadline)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		ha_time now = clock_boot();
		uint64_t us = ha_time_since(deadline, now);
		const struct timespec ts = {.tv_sec = (time_t)(us / USEC_PER_SEC),
					    .tv_nsec = (long)(us % USEC_PER_SEC) * 1000};
		bool forever = deadline.us == HA_TIME_NEVER.us;
		int r = ppoll(&p, 1, forever ? NULL : &ts, NULL);

		if (r > 0)
			return 0;
		if (r == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

/* An agent that closed may have said why before: -EPIPE is found by the reader as its last word
 * or the end of the stream, so it is no error here. */
static int send_all(struct ctl_client *client, const char *data, size_t n)
{
	ha_time deadline = deadline_after(SEND_TIMEOUT_US);

	while (n > 0) {
		ssize_t sent = send(client->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		int r;

		if (sent >= 0) {
			data += sent;
			n -= (size_t)sent;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		r = wait_ready(client->fd, POLLOUT, deadline);
		if (r < 0)
			return r;
	}
	return 0;
}

static int send_call(struct ctl_client *client, const char *method, json_t *parameters, bool more)
{
	_cleanup_json_ json_t *message = NULL;
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r;

	if (!parameters)
		parameters = json_object();
	message = json_pack("{s:s, s:o}", "method", method, "parameters", parameters);
	if (client->broken)
		return client->broken;
	if (client->more)
		return -EBUSY;
	if (!message || (more && json_object_set_new(message, "more", json_true()) < 0))
		return -ENOMEM;
	text = json_dumps(message, JSON_COMPACT);
	if (!text)
		return -ENOMEM;
	n = strlen(text) + 1;
	if (n > CTL_MESSAGE_MAX)
		return -EMSGSIZE;
	r = send_all(client, text, n);
	if (r < 0)
		client->broken = r;
	return r;
}

static int receive_bytes(struct ctl_client *client, ha_time deadline)
{
	char buf[16384];
	ssize_t n;
	int r;

	r = wait_ready(client->fd, POLLIN, deadline);
	if (r < 0)
		return r;
	n = recv(client->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	r = ctl_bytes_add(&client->in, buf, (size_t)n, REPLY_MAX);
	return r == -ENOBUFS ? -EBADMSG : r;
}

static int receive_message(struct ctl_client *client, ha_time deadline, json_t **ret)
{
	json_t *message;
	size_t n;
	int r;

	while ((n = ctl_bytes_message(&client->in, &client->scanned)) == 0) {
		r = receive_bytes(client, deadline);
		if (r < 0)
			return r;
	}
	message = json_loadb(client->in.data + client->in.at, n - 1, JSON_REJECT_DUPLICATES, NULL);
	ctl_bytes_drop(&client->in, n);
	client->scanned = 0;
	if (!json_is_object(message)) {
		json_decref(message);
		return -EBADMSG;
	}
	*ret = message;
	return 0;
}

static int keep_error(struct ctl_client *client, const char *name, json_t *parameters)
{
	char *copy = strdup(name);

	if (!copy)
		return -ENOMEM;
	free(client->error);
	json_decref(client->error_parameters);
	client->error = copy;
	client->error_parameters =
		json_is_object(parameters) ? json_incref(parameters) : json_object();
	return -EREMOTEIO;
}

/* 1: one of several; 0: the last one. */
static int receive_reply(struct ctl_client *client, ha_time deadline, json_t **ret)
{
	_cleanup_json_ json_t *message = NULL;
	json_t *parameters;
	const json_t *error;
	int r;

	if (client->broken)
		return client->broken;
	r = receive_message(client, deadline, &message);
	if (r < 0) {
		/* After a timeout the late reply would be taken for that of the next call. */
		client->broken = r;
		return r;
	}
	parameters = json_object_get(message, "parameters");
	error = json_object_get(message, "error");
	if (json_is_string(error))
		return keep_error(client, json_string_value(error), parameters);
	if (error || (parameters && !json_is_object(parameters))) {
		client->broken = -EBADMSG;
		return -EBADMSG;
	}
	*ret = parameters ? json_incref(parameters) : json_object();
	if (!*ret)
		return -ENOMEM;
	return json_is_true(json_object_get(message, "continues")) ? 1 : 0;
}

/* ---- another node ---- */

/* The line that the channel answers with: "ok", or "error WORD SENTENCE". */
static int receive_line(struct ctl_client *client, ha_time deadline, char *line, size_t size)
{
	size_t n;

	for (;;) {
		const char *start = client->in.data ? client->in.data + client->in.at : "";
		const char *end = memchr(start, '\n', ctl_bytes_count(&client->in));
		int r;

		n = end ? (size_t)(end - start) : ctl_bytes_count(&client->in);
		if (n >= size)
			return -EBADMSG;
		if (end) {
			memcpy(line, start, n);
			break;
		}
		r = receive_bytes(client, deadline);
		if (r < 0)
			return r;
	}
	line[n] = '\0';
	ctl_bytes_drop(&client->in, n + 1);
	return 0;
}

static int ask_for_host(struct ctl_client *client, const char *node,
			char error[CTL_HOST_ERROR_SIZE])
{
	char line[CTL_HOST_ERROR_SIZE];
	const char *text;
	int r;

	if (snprintf(line, sizeof line, "%s\n", node) >= (int)sizeof line)
		return -ENAMETOOLONG;
	r = send_all(client, line, strlen(line));
	if (r >= 0)
		r = receive_line(client, deadline_after(HOST_TIMEOUT_US), line, sizeof line);
	if (r < 0)
		return r;
	if (strcmp(line, "ok") == 0)
		return 0;
	if (strncmp(line, "error ", 6) != 0)
		return -EBADMSG;
	text = strchr(line + 6, ' ');
	(void)snprintf(error, CTL_HOST_ERROR_SIZE, "%s", text ? text + 1 : line + 6);
	return -EREMOTEIO;
}

int ctl_client_connect_host(const char *path, const char *node, char error[CTL_HOST_ERROR_SIZE],
			    struct ctl_client **ret)
{
	struct sockaddr_un address;
	struct ctl_client *client;
	int r;

	if (strpbrk(node, "\r\n"))
		return -EINVAL;
	r = ctl_peer_path(path, &address);
	if (r < 0)
		return r;
	r = connect_to(&address, &client);
	if (r < 0)
		return r;
	r = ask_for_host(client, node, error);
	if (r < 0) {
		(void)ctl_client_free(client);
		return r;
	}
	*ret = client;
	return 0;
}

/* ---- calls ---- */

int ctl_client_call(struct ctl_client *client, const char *method, json_t *parameters,
		    uint64_t timeout_us, json_t **ret_parameters)
{
	json_t *reply = NULL;
	int r;

	r = send_call(client, method, parameters, false);
	if (r < 0)
		return r;
	r = receive_reply(client, deadline_after(timeout_us), &reply);
	if (r < 0)
		return r;
	if (r > 0) { /* more replies than were asked for */
		json_decref(reply);
		client->broken = -EBADMSG;
		return -EBADMSG;
	}
	*ret_parameters = reply;
	return 0;
}

int ctl_client_call_more(struct ctl_client *client, const char *method, json_t *parameters)
{
	int r;

	r = send_call(client, method, parameters, true);
	if (r < 0)
		return r;
	client->more = true;
	return 0;
}

int ctl_client_next(struct ctl_client *client, uint64_t timeout_us, json_t **ret_parameters)
{
	int r;

	if (!client->more)
		return 0;
	r = receive_reply(client, deadline_after(timeout_us), ret_parameters);
	if (r <= 0)
		client->more = false;
	return r < 0 ? r : 1;
}
