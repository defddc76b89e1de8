/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CTL_H
#define HF_CTL_H

/*
 * The local socket: a Varlink (varlink.org) server on sd-event, and a small blocking client.
 * Messages are JSON objects, each ended by a NUL byte. The interface io.holdfast.Agent is in
 * ctl/io.holdfast.Agent.varlink, compiled in and served by org.varlink.service.
 */

#include "util/cleanup.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <systemd/sd-event.h>

#define CTL_SOCKET_PATH	    "/run/holdfast/agent.sock"
#define CTL_PEER_SOCKET	    "peer.sock" /* beside it: the way to the agents of other nodes */
#define CTL_CLIENTS_MAX	    128
#define CTL_CLIENTS_UID_MAX 32		  /* of one user id; root is exempt */
#define CTL_MESSAGE_MAX	    (64 * 1024)	  /* bytes of one request */
#define CTL_QUEUE_MAX	    (4096 * 1024) /* bytes of replies that wait for one client */
#define CTL_SLOW_CLIENT_US  10000000ULL	  /* dropped when it reads nothing for so long */

enum ctl_access { CTL_ACCESS_NONE, CTL_ACCESS_VIEW, CTL_ACCESS_CHANGE };

/* One call of one client. A reply takes over `parameters` (may be NULL for none). */
struct ctl_call;

struct ctl_method {
	const char *name; /* "io.holdfast.Agent.GetStatus" */
	enum ctl_access
		access; /* what the caller must have; else io.holdfast.Agent.PermissionDenied */
	/* Must reply now, or keep `call` and reply later. `parameters` is borrowed, an object. */
	void (*handler)(struct ctl_call *call, json_t *parameters, void *userdata);
};

struct ctl_server_config {
	const char *path;		   /* of the socket; its directory must exist */
	const char *interface_description; /* NULL: the built-in io.holdfast.Agent */
	const char *change_group;	   /* members may change; root always may */
	const char *view_group;		   /* members may read */
	const struct ctl_method *methods;  /* ended by a NULL name; must stay valid */
	void *userdata;
	/*
	 * A method that needs the right to change is about to be called: for the log. May be NULL.
	 */
	void (*changing)(const struct ctl_call *call, const char *method, void *userdata);
	/* A kept call's client has gone: forget `call`, it is freed afterwards. */
	void (*call_gone)(struct ctl_call *call, void *userdata);
};

struct ctl_server;

/* Listens (mode 0666: access is decided by peer credentials). -EADDRINUSE: a living agent
 * answers there; a dead one's socket file is replaced. */
_must_check_ int ctl_server_new(sd_event *event, const struct ctl_server_config *config,
				struct ctl_server **ret);
struct ctl_server *ctl_server_free(struct ctl_server *server);
/* Looks the groups up again (configuration reload); clients that are connected keep their rights.
 * Asks the name service, so it may block. */
void ctl_server_refresh(struct ctl_server *server);

/* The final reply; frees `call`. */
void ctl_reply(struct ctl_call *call, json_t *parameters);
/* `error`: "io.holdfast.Agent.NoSuchGroup" or an org.varlink.service one. Frees `call`. */
void ctl_reply_error(struct ctl_call *call, const char *error, json_t *parameters);
/* org.varlink.service.InvalidParameter naming it. Frees `call`. */
void ctl_reply_invalid(struct ctl_call *call, const char *parameter);
/* One of several replies ("continues": true). `call` stays. False: the client is too slow or has
 * gone and will be dropped; call_gone() follows. */
bool ctl_reply_more(struct ctl_call *call, json_t *parameters);
/* The client asked for more than one reply ("more": true). */
bool ctl_call_wants_more(const struct ctl_call *call);
/* Who asks. With an origin it is a user of that node, and its process is unknown (0). */
uid_t ctl_call_uid(const struct ctl_call *call);
pid_t ctl_call_pid(const struct ctl_call *call);
/* The node from which the channel carries this client; NULL: it is on this one. */
const char *ctl_call_origin(const struct ctl_call *call);
/* The method Lower, for a table row with CTL_ACCESS_NONE: root says for whom it asks from now on,
 * and keeps no more than that one's right. */
void ctl_lower(struct ctl_call *call, json_t *parameters, void *userdata);

/* ---- local sockets of other programs: the same files, the same rights ---- */

/* The groups' ids, looked up once: the name service must not be asked in an event loop. */
struct ctl_groups {
	bool has_change, has_view;
	gid_t change, view;
};

struct ctl_peer {
	uid_t uid;
	pid_t pid;
	enum ctl_access access;
};

/* Groups that do not exist are logged and give nobody a right. */
void ctl_groups_load(struct ctl_groups *groups, const char *change, const char *view);
/* Who is at the other end of a connected socket. */
_must_check_ int ctl_peer_read(int fd, const struct ctl_groups *groups, struct ctl_peer *ret);

struct ctl_listener {
	int fd; /* -1: closed */
	struct sockaddr_un address;
	dev_t dev;
	ino_t ino;
};

/* A socket address for `path`: -ENAMETOOLONG, -EINVAL (empty). */
_must_check_ int ctl_address(const char *path, struct sockaddr_un *ret);
/* Creates the socket file. -EADDRINUSE: a living process answers there, or is just starting to;
 * -ENOTSOCK: another kind of file is in the way. A dead process's file is replaced. */
_must_check_ int ctl_listener_open(struct ctl_listener *listener, const char *path);
/* Removes the file if it is still ours. */
void ctl_listener_close(struct ctl_listener *listener);
/* The socket beside `path` (that of an agent) that leads to other nodes. -ENAMETOOLONG. */
_must_check_ int ctl_peer_path(const char *path, struct sockaddr_un *ret);

/* ---- client ---- */

struct ctl_client;

/* -errno of connect: -ENOENT, -ECONNREFUSED (no agent), -EACCES. */
_must_check_ int ctl_client_connect(const char *path, struct ctl_client **ret);
/*
 * The agent of another node, through the channel of this one: `path` is still that of this node's
 * agent. -EREMOTEIO: there is no way to it, the sentence is in `error`; else as above.
 */
#define CTL_HOST_ERROR_SIZE 512
_must_check_ int ctl_client_connect_host(const char *path, const char *node,
					 char error[CTL_HOST_ERROR_SIZE], struct ctl_client **ret);
struct ctl_client *ctl_client_free(struct ctl_client *client);

/*
 * Calls and waits for one reply. Takes over `parameters`. 0: *ret_parameters is the caller's.
 * -EREMOTEIO: the agent replied with an error: its name and parameters can be asked for below.
 * -ETIMEDOUT, -ECONNRESET, -EBADMSG (not Varlink).
 */
_must_check_ int ctl_client_call(struct ctl_client *client, const char *method, json_t *parameters,
				 uint64_t timeout_us, json_t **ret_parameters);
/* Calls with "more"; then fetch replies with ctl_client_next(): 1 and a reply, 0 after the last
 * one, errors as above. timeout_us UINT64_MAX: wait for ever. */
_must_check_ int ctl_client_call_more(struct ctl_client *client, const char *method,
				      json_t *parameters);
_must_check_ int ctl_client_next(struct ctl_client *client, uint64_t timeout_us,
				 json_t **ret_parameters);
/* Of the newest -EREMOTEIO; both owned by the client. */
const char *ctl_client_error(const struct ctl_client *client);
const json_t *ctl_client_error_parameters(const struct ctl_client *client);

#endif
