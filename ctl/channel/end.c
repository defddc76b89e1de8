/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/channel/internal.h"

#include <errno.h>
#include <sys/socket.h>

/* Why a TLS stream broke, as an errno that says about the same. */
static int from_gnutls(int code)
{
	switch (code) {
	case GNUTLS_E_AGAIN:
	case GNUTLS_E_INTERRUPTED:
	case GNUTLS_E_WARNING_ALERT_RECEIVED:
		return -EAGAIN;
	case GNUTLS_E_PREMATURE_TERMINATION:
	case GNUTLS_E_PULL_ERROR:
	case GNUTLS_E_PUSH_ERROR:
		return -ECONNRESET;
	case GNUTLS_E_MEMORY_ERROR:
		return -ENOMEM;
	default:
		return -EPROTO;
	}
}

ssize_t end_read(struct end *end, char *buf, size_t n)
{
	ssize_t r;

	if (end->tls) {
		r = gnutls_record_recv(end->tls, buf, n);
		return r < 0 ? from_gnutls((int)r) : r;
	}
	r = recv(end->fd, buf, n, MSG_DONTWAIT);
	if (r < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return r;
}

ssize_t end_write(struct end *end, const char *buf, size_t n)
{
	ssize_t r;

	if (!end->tls) {
		r = send(end->fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (r < 0)
			return errno == EINTR ? -EAGAIN : -errno;
		return r;
	}
	/* What it could not send it keeps: it is asked again for that, not given new bytes. */
	if (end->unsent)
		r = gnutls_record_send(end->tls, NULL, 0);
	else
		r = gnutls_record_send(end->tls, buf, n);
	if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED) {
		if (!end->unsent)
			end->unsent = n;
		return -EAGAIN;
	}
	if (r < 0)
		return from_gnutls((int)r);
	end->unsent = 0;
	return r;
}

void end_close(struct end *end)
{
	relay_detach(end);
	if (end->tls) {
		if (!end->unsent)
			(void)gnutls_bye(end->tls, GNUTLS_SHUT_WR); /* best effort: never waits */
		gnutls_deinit(end->tls);
		end->tls = NULL;
	}
	cleanup_closep(&end->fd);
	end->fd = -1;
}

int end_connect(struct end *end, const struct sockaddr *from, const struct sockaddr *to,
		socklen_t size)
{
	_cleanup_close_ int fd =
		socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (from && bind(fd, from, size) < 0)
		return -errno;
	if (connect(fd, to, size) < 0 && errno != EINPROGRESS)
		return errno == EAGAIN ? -EBUSY : -errno; /* a Unix socket whose queue is full */
	end->fd = TAKE_FD(fd);
	return 0;
}
