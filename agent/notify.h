/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_NOTIFY_H
#define HF_AGENT_NOTIFY_H

/*
 * Messages to the service manager and to the journal, by sockets that never block: a service
 * manager or a journal that hangs must not stop the heartbeats, and libsystemd's own functions
 * wait for them. What cannot be sent at once is dropped and counted.
 */

#include "util/cleanup.h"

#include <stddef.h>

struct notify;

/* Without $NOTIFY_SOCKET or a journal the respective messages go nowhere. -ENOMEM. */
_must_check_ int notify_new(struct notify **ret);
struct notify *notify_free(struct notify *notify);

/* To the service manager: "READY=1", "STATUS=..." lines. */
void notify_manager(struct notify *notify, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same with a descriptor, which stays ours. */
void notify_manager_fd(struct notify *notify, const char *text, int fd);

struct notify_field {
	const char *name;
	const char *value; /* NULL: left out */
};
/* One journal entry. -ENOTCONN: there is no journal; -EAGAIN: it does not keep up. */
_must_check_ int notify_journal(struct notify *notify, const struct notify_field *fields, size_t n);

#endif
