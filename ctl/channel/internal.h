/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CHANNEL_INTERNAL_H
#define HF_CHANNEL_INTERNAL_H

/*
 * Inside the channel process. One `struct relay` is one connection carried: a Unix socket at its
 * near end (a local client, or the local agent), TLS at its far end, a bounded queue each way.
 * relay.c moves the bytes, dial.c and accept.c are what happens before bytes are moved.
 */

#include "ctl/channel/line.h"
#include "include/channel.h"
#include "include/ctl.h"
#include "util/log.h"
#include "util/time.h"

#include <gnutls/gnutls.h>
#include <systemd/sd-event.h>

/* ---- limits ---- */

#define CHANNEL_ADDRESS_SIZE 64
#define CHANNEL_QUEUE_BYTES  65536
/* Connections of other nodes: so many in all (the agent keeps CTL_CLIENTS_ROOT slots for them),
 * of one node, and kept free for each node whatever the others do. */
#define CHANNEL_INBOUND_MAX	  62
#define CHANNEL_INBOUND_NODE_MAX  8
#define CHANNEL_INBOUND_NODE_KEPT 2
#define CHANNEL_HANDSHAKES_MAX	  8 /* of one node; the oldest gives way */
/* Connections of local clients: in all, kept free for root, of one user but root. */
#define CHANNEL_CLIENTS_MAX	64
#define CHANNEL_CLIENTS_ROOT	8
#define CHANNEL_CLIENTS_UID_MAX 16

#define CHANNEL_LINE_US	     (5 * USEC_PER_SEC) /* for a line, or an answer of an agent */
#define CHANNEL_CONNECT_US   (2 * USEC_PER_SEC) /* for one address */
#define CHANNEL_HANDSHAKE_US (5 * USEC_PER_SEC)
#define CHANNEL_STALL_US     (30 * USEC_PER_SEC) /* bytes wait, and none is taken */
#define CHANNEL_IDLE_US	     (12 * 3600 * USEC_PER_SEC)
#define CHANNEL_RETRY_US     (2 * USEC_PER_SEC) /* until an address is tried again to listen on */

/* ---- queue.c ---- */

struct queue {
	char *data; /* CHANNEL_QUEUE_BYTES */
	size_t at, end;
};

_must_check_ int queue_new(struct queue *q);
void queue_free(struct queue *q);
/* Where `*ret_room` more bytes may be written; then queue_added(). */
char *queue_room(struct queue *q, size_t *ret_room);
void queue_added(struct queue *q, size_t n);
/* Text that must fit: a line of ours into an empty queue. */
void queue_put(struct queue *q, const char *text, size_t n);
void queue_drop(struct queue *q, size_t n);
static inline size_t queue_count(const struct queue *q)
{
	return q->end - q->at;
}

/* ---- end.c: one end of a connection ---- */

struct end {
	int fd; /* -1: none */
	gnutls_session_t tls;
	sd_event_source *io;
	size_t unsent; /* bytes that gnutls has taken and not sent */
	bool eof;      /* nothing more comes from it */
	bool deaf;     /* it takes nothing more */
};

/* >0, 0 at the end of the stream, -EAGAIN, -errno. */
_must_check_ ssize_t end_read(struct end *end, char *buf, size_t n);
_must_check_ ssize_t end_write(struct end *end, const char *buf, size_t n);
/* Says goodbye, if that does not have to wait, and closes. */
void end_close(struct end *end);
/* Starts to connect: 0 connected, -EINPROGRESS, -errno. `from` may be NULL. */
_must_check_ int end_connect(struct end *end, const struct sockaddr *from,
			     const struct sockaddr *to, socklen_t size);

/* ---- tls.c ---- */

struct relay;

/* Credentials of all servers and the settings of all sessions. */
struct tls;
_must_check_ int tls_new(struct tls **ret);
struct tls *tls_free(struct tls *tls);
/* Makes `relay->far` a TLS end over its descriptor. */
_must_check_ int tls_start_client(struct relay *relay);
_must_check_ int tls_start_server(struct relay *relay);
/* Of a client whose session is closed. */
void tls_forget_key(struct relay *relay);
/* 1: done, 0: has to wait, -errno: failed, and why is in relay->why. */
_must_check_ int tls_handshake(struct relay *relay);
/* What gnutls waits for: EPOLLIN or EPOLLOUT. */
uint32_t tls_waits_for(const struct end *end);

/* ---- key.c: secrets and keys; pure ---- */

#define CHANNEL_IDENTITY_SIZE (16 + 2 * NAME_SIZE)
/* The key of the connections that `client` opens to `server`: no other pair, nor the reverse. */
_must_check_ int channel_key_derive(const struct channel_secret *secret, const char *client,
				    const char *server, uint8_t ret[CHANNEL_SECRET_BYTES]);
void channel_identity(const struct channel_secret *secret, const char *client, const char *server,
		      char ret[CHANNEL_IDENTITY_SIZE]);

/* ---- slots.c: who may have one more connection; pure ---- */

_must_check_ bool slots_inbound(const uint8_t open[NODES_MAX], uint8_t n_nodes, uint8_t self,
				uint8_t node);

struct client_counts {
	unsigned int all, others, same; /* others than root; of this user */
};
_must_check_ bool slots_client(const struct client_counts *counts, uid_t uid);

/* ---- relay.c ---- */

enum relay_kind { RELAY_DIAL, RELAY_ACCEPT };

/*
 *   dial:   line -> connect -> handshake -> open ------> pipe
 *              \-> (to this node itself) agent -----------^
 *   accept: handshake -> line -> agent -----------------> pipe
 *   either, when refused: last, which only sends what is in the queues
 */
enum phase {
	PHASE_LINE,
	PHASE_CONNECT,
	PHASE_HANDSHAKE,
	PHASE_OPEN,
	PHASE_AGENT,
	PHASE_PIPE,
	PHASE_LAST
};

enum step { STEP_WAIT, STEP_AGAIN, STEP_END };

struct channel;

struct relay {
	struct channel *channel;
	struct relay *next, **link; /* the list; what points to this one */
	enum relay_kind kind;
	enum phase phase;
	struct end near, far;
	struct queue to_near, to_far;
	size_t scanned; /* of the queue in which a line is awaited */
	sd_event_source *timer, *turn;
	uint8_t node;				     /* the other one; NODE_NONE: not known yet */
	uint8_t path;				     /* link that is tried, or was used */
	uint8_t secret;				     /* index of the one that is tried */
	gnutls_psk_client_credentials_t credentials; /* dial */
	struct ctl_peer peer;			     /* dial: the local client */
	struct channel_open open;		     /* accept: whom the other side speaks for */
	ha_time since;				     /* of the phase */
	bool known; /* accept: it has proven to be a member, and has a slot */
	char address[CHANNEL_ADDRESS_SIZE]; /* of the far end, for messages */
	bool lowering;			    /* the agent was asked to lower our right */
	bool looked;			    /* the first bytes of its TLS were looked at */
	char why[128];			    /* what failed now */
	char tried[CHANNEL_LINE_MAX];	    /* dial: what failed, path by path */
};

_must_check_ int relay_new(struct channel *channel, enum relay_kind kind, struct relay **ret);
void relay_free(struct relay *relay);
/* Takes over `fd` as an end that wakes the relay. */
_must_check_ int relay_attach(struct relay *relay, struct end *end);
void relay_detach(struct end *end);
/* Does what can be done now, then waits. May free it. */
void relay_pump(struct relay *relay);
/* The next phase, which must be over in so long. */
enum step relay_phase(struct relay *relay, enum phase phase, uint64_t us);
/* Reads from `end` into `queue` as much as there is room for. 1: some, 0: none now, -errno;
 * end->eof is set at the end. */
_must_check_ int relay_fill(struct end *end, struct queue *queue);
/* Sends what is in `queue`. 1: some; 0: nothing waits or can be sent; -errno. */
_must_check_ int relay_flush(struct end *end, struct queue *queue);
/* The next line of `queue`, without its end: its length; -EAGAIN; -EMSGSIZE: too long. */
_must_check_ ssize_t relay_line(struct relay *relay, struct queue *queue, char end);
/* Ends a dial: the client is told why. */
enum step relay_refuse(struct relay *relay, const char *word, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The call Lower for this relay, through `end`; then what the agent answered. */
enum step relay_agent_start(struct relay *relay, struct end *end);
enum step relay_agent_step(struct relay *relay);

/* dial.c, accept.c: one step of a phase before PIPE. */
enum step dial_step(struct relay *relay);
/* The time for the phase is over. */
enum step dial_late(struct relay *relay);
enum step accept_step(struct relay *relay);
enum step accept_late(struct relay *relay);

/* ---- listen.c ---- */

_must_check_ int listen_start(struct channel *channel);
void listen_stop(struct channel *channel);
/* Ports do not count; an IPv6 scope that one does not tell is any. */
bool channel_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
void channel_address_text(const struct sockaddr_storage *address, char ret[CHANNEL_ADDRESS_SIZE]);
/* Makes the kernel end a TCP connection whose other side is silent. */
_must_check_ int channel_keep_alive(int fd);

/* ---- channel.c ---- */

struct tcp_listener {
	struct channel *channel;
	int fd; /* -1: closed, to be tried again */
	uint8_t path;
	bool said; /* why it cannot be opened */
	sd_event_source *io;
};

struct channel {
	sd_event *event;
	struct channel_settings settings;
	bool has_settings;
	struct ctl_groups groups;
	struct tls *tls;
	struct relay *relays;
	struct ctl_listener clients;
	sd_event_source *clients_io, *settings_io, *retry;
	struct tcp_listener listener[LINKS_MAX];
	struct log_ratelimit strangers, members, locals;
};

const char *channel_name(const struct channel *channel, uint8_t node);
/* Index of the node with this name or address, or -ENOENT. */
_must_check_ int channel_find(const struct channel *channel, const char *target);
/* One line about a stranger, a member, or a local client, unless there were too many. */
void channel_say(struct log_ratelimit *limit, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
