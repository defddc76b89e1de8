/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "include/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>

/* Socket files: created beside nobody else, removed only if they are still ours. */

#define BACKLOG 64

int ctl_address(const char *path, struct sockaddr_un *ret)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t n = strlen(path);

	if (n == 0)
		return -EINVAL;
	if (n >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, n + 1);
	*ret = address;
	return 0;
}

int ctl_peer_path(const char *path, struct sockaddr_un *ret)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) + 1 : 0;

	if (n + sizeof(CTL_PEER_SOCKET) > sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, n);
	memcpy(address.sun_path + n, CTL_PEER_SOCKET, sizeof(CTL_PEER_SOCKET));
	*ret = address;
	return 0;
}

/* Holds the directory of `path` against a second agent that starts in the same moment: both could
 * find a dead socket file, and the slower one would remove the other's new one. */
static int lock_directory(const char *path, int *ret_fd)
{
	char directory[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	_cleanup_close_ int fd = -1;

	if (!slash) {
		strcpy(directory, ".");
	} else if (n == 0) {
		strcpy(directory, "/");
	} else {
		memcpy(directory, path, n);
		directory[n] = '\0';
	}
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Removes the socket file of a process that has died. */
static int remove_dead(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* Anything but a clear refusal (a full queue, say) means that somebody is there. */
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) >= 0 ||
	    errno != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(address->sun_path) < 0 ? -errno : 0;
}

int ctl_listener_open(struct ctl_listener *listener, const char *path)
{
	_cleanup_close_ int fd = -1, lock = -1;
	struct sockaddr_un address;
	struct stat st;
	int r;

	r = ctl_address(path, &address);
	if (r < 0)
		return r;
	r = lock_directory(path, &lock);
	if (r < 0)
		return r;
	r = remove_dead(&address);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	/* Everybody may knock: who may do what is decided by the peer's credentials. */
	if (chmod(path, 0666) < 0 || lstat(path, &st) < 0 || listen(fd, BACKLOG) < 0) {
		r = -errno;
		(void)unlink(path);
		return r;
	}
	*listener = (struct ctl_listener){
		.fd = TAKE_FD(fd), .address = address, .dev = st.st_dev, .ino = st.st_ino};
	return 0;
}

void ctl_listener_close(struct ctl_listener *listener)
{
	struct stat st;

	if (listener->fd < 0)
		return;
	if (lstat(listener->address.sun_path, &st) >= 0 && st.st_dev == listener->dev &&
	    st.st_ino == listener->ino)
		(void)unlink(listener->address.sun_path);
	cleanup_closep(&listener->fd);
	listener->fd = -1;
}
