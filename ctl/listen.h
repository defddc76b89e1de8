/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CTL_LISTEN_H
#define HF_CTL_LISTEN_H

/* The socket file: created beside nobody else, removed only if it is still ours. */

#include "util/cleanup.h"

#include <sys/stat.h>
#include <sys/un.h>

struct ctl_listener {
	int fd; /* -1: closed */
	struct sockaddr_un address;
	dev_t dev;
	ino_t ino;
};

/* A socket address for `path`: -ENAMETOOLONG, -EINVAL (empty). */
_must_check_ int ctl_address(const char *path, struct sockaddr_un *ret);
/* -EADDRINUSE: a living process answers there, or is just starting to; -ENOTSOCK: another kind of
 * file is in the way. */
_must_check_ int ctl_listener_open(struct ctl_listener *listener, const char *path);
void ctl_listener_close(struct ctl_listener *listener);

#endif
