/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CTL_INTERNAL_H
#define HF_CTL_INTERNAL_H

/* Inside of ctl/: byte queues, the protocol of one client, access rights. */

#include "include/ctl.h"

#include <stddef.h>

/* Of the CTL_CLIENTS_MAX slots, so many stay free for root and the channel, which is root ... */
#define CTL_CLIENTS_ROOT 72
/* ... and all users without any right share so few: they can only ask what this service is. */
#define CTL_CLIENTS_STRANGER_MAX 8
/* Work for one client before others, heartbeats above all, get their turn. */
#define CTL_CALLS_PER_TURN 16
#define CTL_TURN_US	   500
#define CTL_ORIGIN_SIZE	   32 /* a node name with its NUL */

/* ---- bytes.c: a queue of bytes; bounded by whoever adds to it ---- */

struct ctl_bytes {
	char *data;
	size_t at, end; /* the bytes in it are data[at..end) */
	size_t size;
};

/* -ENOBUFS if more than `max` bytes would be in it, -ENOMEM. */
_must_check_ int ctl_bytes_add(struct ctl_bytes *b, const void *data, size_t n, size_t max);
void ctl_bytes_drop(struct ctl_bytes *b, size_t n);
void ctl_bytes_done(struct ctl_bytes *b);
/* Length of the first NUL-terminated message in it with its NUL, or 0 if there is none yet.
 * *scanned remembers between calls how much was searched; a drop must reset it to 0. */
size_t ctl_bytes_message(const struct ctl_bytes *b, size_t *scanned);

static inline size_t ctl_bytes_count(const struct ctl_bytes *b)
{
	return b->end - b->at;
}

/* ---- access.c ---- */

/* The right of a user with these groups. Pure. */
enum ctl_access ctl_groups_access(const struct ctl_groups *groups, uid_t uid, const gid_t *gids,
				  size_t n);

/* ---- session.c: one client's side of the protocol; bytes in, bytes out, no descriptor ---- */

/* What the sessions of one server share. */
struct ctl_service {
	const char *description;
	char interface[128]; /* its name in the description */
	const char *change_group, *view_group;
	const struct ctl_method *methods;
	void *userdata;
	void (*changing)(const struct ctl_call *call, const char *method, void *userdata);
	void (*call_gone)(struct ctl_call *call, void *userdata);
};

struct ctl_session {
	const struct ctl_service *service;
	struct ctl_peer peer;
	char origin[CTL_ORIGIN_SIZE]; /* by Lower: the node where the user is; "": this one */
	uid_t origin_uid;
	struct ctl_bytes in, out;
	size_t scanned;
	struct ctl_call *call; /* the one that is being answered */
	const char *refusal;   /* why nothing more is read from this client; NULL: all is well */
	bool overrun;	       /* replies had no room: to be dropped at once */
	/* A reply was queued, or the call ended: out of a handler or at any other time. */
	void (*changed)(struct ctl_session *session);
};

/* -EINVAL: the description does not begin with an interface name. */
_must_check_ int ctl_service_init(struct ctl_service *service,
				  const struct ctl_server_config *config);
/* How many bytes ctl_session_feed() takes now. */
size_t ctl_session_room(const struct ctl_session *session);
_must_check_ int ctl_session_feed(struct ctl_session *session, const void *data, size_t n);
/*
 * Handles the next request, if the former one is answered and its reply was taken out of
 * session->out. False: nothing to do.
 */
bool ctl_session_step(struct ctl_session *session);
/* Tells the owner of a kept call that the client is gone and frees everything inside. */
void ctl_session_done(struct ctl_session *session);

/* ---- service.c: org.varlink.service and what to say about methods that are not there ---- */

void ctl_service_call(struct ctl_call *call, const struct ctl_service *service, const char *method,
		      json_t *parameters);
/* The error for a method that no table row has. */
void ctl_service_unknown(struct ctl_call *call, const struct ctl_service *service,
			 const char *method);

/* ---- for tests ---- */

void ctl_server_set_slow_us(struct ctl_server *server, uint64_t us);
size_t ctl_server_clients(const struct ctl_server *server);

#endif
