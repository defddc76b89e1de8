/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who a client is and what it may do, from the credentials the kernel keeps for its socket. */
#include "ctl/internal.h"
#include "util/log.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>

#define GROUPS_USUAL 64

static bool find_group(const char *name, gid_t *ret_gid)
{
	const struct group *group;

	if (!name || !*name)
		return false;
	errno = 0;
	group = getgrnam(name);
	if (!group) {
		log_warning("group '%s' does not exist%s%s: nobody gets rights on the control "
			    "socket from it",
			    name, errno ? ": " : "", errno ? strerror(errno) : "");
		return false;
	}
	*ret_gid = group->gr_gid;
	return true;
}

void ctl_groups_load(struct ctl_groups *groups, const char *change, const char *view)
{
	groups->has_change = find_group(change, &groups->change);
	groups->has_view = find_group(view, &groups->view);
}

enum ctl_access ctl_groups_access(const struct ctl_groups *groups, uid_t uid, const gid_t *gids,
				  size_t n)
{
	enum ctl_access access = CTL_ACCESS_NONE;

	if (uid == 0)
		return CTL_ACCESS_CHANGE;
	for (size_t i = 0; i < n; i++) {
		if (groups->has_change && gids[i] == groups->change)
			return CTL_ACCESS_CHANGE;
		if (groups->has_view && gids[i] == groups->view)
			access = CTL_ACCESS_VIEW;
	}
	return access;
}

/* The supplementary groups a client had when it connected. */
static int read_groups(int fd, gid_t **ret_gids, size_t *ret_n)
{
	socklen_t bytes = GROUPS_USUAL * sizeof(gid_t);
	_cleanup_free_ gid_t *gids = NULL;

	for (;;) {
		gid_t *more = realloc(gids, bytes);

		if (!more)
			return -ENOMEM;
		gids = more;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &bytes) >= 0)
			break;
		if (errno == ENODATA) { /* a client without credentials has no groups either */
			bytes = 0;
			break;
		}
		if (errno != ERANGE)
			return -errno;
	}
	*ret_n = bytes / sizeof(gid_t);
	*ret_gids = TAKE_PTR(gids);
	return 0;
}

int ctl_peer_read(int fd, const struct ctl_groups *groups, struct ctl_peer *ret)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);
	_cleanup_free_ gid_t *gids = NULL;
	size_t n_gids = 0;
	enum ctl_access by_primary, by_other;
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return -errno;
	r = read_groups(fd, &gids, &n_gids);
	if (r < 0)
		return r;
	by_primary = ctl_groups_access(groups, cred.uid, &cred.gid, 1);
	by_other = ctl_groups_access(groups, cred.uid, gids, n_gids);
	*ret = (struct ctl_peer){.uid = cred.uid,
				 .pid = cred.pid,
				 .access = by_primary > by_other ? by_primary : by_other};
	return 0;
}
