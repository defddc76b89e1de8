/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/notify.h"

#include "util/buf.h"
#include "util/log.h"

#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define JOURNAL_SOCKET	  "/run/systemd/journal/socket"
#define MANAGER_TEXT_SIZE 512
#define ENTRY_SIZE	  2048

struct notify {
	int manager, journal;
};

/* A datagram socket connected to a path; a leading '@' means the abstract namespace. */
static int connect_to(const char *path)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t n = path ? strlen(path) : 0;

	if (n < 2 || n >= sizeof address.sun_path)
		return -ENOTCONN;
	memcpy(address.sun_path, path, n);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int notify_new(struct notify **ret)
{
	struct notify *notify = calloc(1, sizeof *notify);

	if (!notify)
		return -ENOMEM;
	notify->manager = connect_to(getenv("NOTIFY_SOCKET"));
	notify->journal = connect_to(JOURNAL_SOCKET);
	*ret = notify;
	return 0;
}

struct notify *notify_free(struct notify *notify)
{
	if (!notify)
		return NULL;
	if (notify->manager >= 0)
		(void)close(notify->manager);
	if (notify->journal >= 0)
		(void)close(notify->journal);
	free(notify);
	return NULL;
}

void notify_manager(struct notify *notify, const char *format, ...)
{
	char text[MANAGER_TEXT_SIZE];
	va_list ap;
	int n;

	if (notify->manager < 0)
		return;
	va_start(ap, format);
	n = vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof text)
		return;
	/* A lost message is repeated in effect by the next one: watchdog pings come in time. */
	if (send(notify->manager, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

void notify_manager_fd(struct notify *notify, const char *text, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = (char *)(uintptr_t)text, .iov_len = strlen(text)};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof control};

	if (notify->manager < 0)
		return;
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
	if (sendmsg(notify->manager, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_warning("the service manager cannot be given a descriptor: %s",
			    strerror(errno));
}

/* The journal's native format: NAME=value for one line, else NAME, a length and the bytes. */
static void put_field(struct buf_writer *w, const struct notify_field *field)
{
	size_t n = strlen(field->value);
	uint64_t length = htole64(n);

	buf_put_bytes(w, field->name, strlen(field->name));
	if (strchr(field->value, '\n')) {
		buf_put_u8(w, '\n');
		buf_put_bytes(w, &length, sizeof length);
	} else {
		buf_put_u8(w, '=');
	}
	buf_put_bytes(w, field->value, n);
	buf_put_u8(w, '\n');
}

int notify_journal(struct notify *notify, const struct notify_field *fields, size_t n)
{
	uint8_t entry[ENTRY_SIZE];
	struct buf_writer w = {.data = entry, .size = sizeof entry};

	/* It may have been restarted, or have come after us. */
	if (notify->journal < 0)
		notify->journal = connect_to(JOURNAL_SOCKET);
	if (notify->journal < 0)
		return -ENOTCONN;
	for (size_t i = 0; i < n; i++)
		if (fields[i].value)
			put_field(&w, &fields[i]);
	if (w.bad)
		return -EMSGSIZE;
	if (send(notify->journal, entry, w.at, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return 0;
	if (errno == EAGAIN)
		return -EAGAIN;
	(void)close(TAKE_FD(notify->journal)); /* connected again for the next entry */
	return -ENOTCONN;
}
