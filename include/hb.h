/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_HB_H
#define HF_HB_H

/*
 * Heartbeats: the wire codec (pure: hb/wire.c, hb/key.c without its file access) and the LAN
 * path (hb/lan.c: UDP unicast over 1..8 links). docs/wire.md describes the format.
 */

#include "include/cluster.h"
#include "util/cleanup.h"

#include <sys/socket.h>

/* ---- keys ---- */

#define HB_KEY_BYTES 32
#define HB_KEYS_MAX  2 /* both are accepted: that is how a key is rotated */

struct hb_keys {
	uint8_t n;
	uint8_t sign; /* index of the one that signs: 0, but for hb/lan.c while it rotates */
	uint32_t id[HB_KEYS_MAX]; /* first 32 bits of SHA-256 of the key; sent with each datagram */
	uint8_t key[HB_KEYS_MAX][HB_KEY_BYTES];
};

#define HB_ERROR_SIZE 256

/*
 * Key file: one or two lines of 64 hexadecimal digits; blank lines and lines starting with '#'
 * are skipped. Errors put a sentence with file and line into `error`: -EPERM (readable or
 * writable by group or others, or not ours), -EINVAL (format), -errno of the system.
 */
_must_check_ int hb_keys_load(const char *path, struct hb_keys *ret, char error[HB_ERROR_SIZE]);
/* The parser alone, for tests and fuzzing. `text` need not be terminated. */
_must_check_ int hb_keys_parse(const char *text, size_t n, struct hb_keys *ret,
			       char error[HB_ERROR_SIZE]);
/* Creates `path` (mode 0600) with a fresh random key. -EEXIST unless `rotate`: then the new key
 * becomes the first one of an existing file and the former first one is kept as second. */
_must_check_ int hb_keys_generate(const char *path, bool rotate, char error[HB_ERROR_SIZE]);
/* Overwrites the key material. */
void hb_keys_wipe(struct hb_keys *keys);

/* ---- wire codec ---- */

#define HB_DATAGRAM_MAX 1232 /* fits IPv6's minimum MTU of 1280, so it is never fragmented */

enum hb_message_type {
	HB_MESSAGE_VECTOR = 1,
	HB_MESSAGE_BLOB = 2,
	HB_MESSAGE_ANSWER = 3, /* of a peer's kernel to our probe; hb/probe.c, not hb/wire.c */
};

/* Why a datagram was refused; each is a counter in the statistics. */
enum hb_refusal {
	HB_OK,
	HB_REFUSED_SIZE,    /* truncated or oversized */
	HB_REFUSED_MAGIC,   /* not ours, or another cluster's id */
	HB_REFUSED_VERSION, /* a major version that we do not speak */
	HB_REFUSED_KEY,	    /* unknown key id */
	HB_REFUSED_HMAC,
	HB_REFUSED_SENDER, /* not a configured peer, or ourselves, or from another's address */
	HB_REFUSED_REPLAY, /* incarnation or sequence not newer */
	HB_REFUSED_FORMAT, /* authentic but malformed or out of range */
	HB_REFUSED_STALE,  /* waited in our socket for over `timeout`: this agent was stalled */
	HB_REFUSED_PROBE,  /* a peer probes our kernel, but there is no kernel path here */
	HB_REFUSAL_COUNT_
};
const char *hb_refusal_to_string(enum hb_refusal refusal);

/* Counts that a decoder checks every index against. */
struct hb_limits {
	uint64_t cluster_id; /* hash of the cluster's name */
	uint8_t n_nodes;
	uint16_t n_groups;
	uint16_t n_resources;
	uint16_t n_monitors;
	uint64_t objects_hash; /* of their names: with another one, indexes mean other things */
};

/* What earlier parts carried. All zero: at the beginning. */
struct hb_cursor {
	uint16_t group, resource, node, monitor, fence; /* rows */
	uint16_t part;	/* running number, sent along: tells parts of one vector from repetitions */
	uint8_t answer; /* where the next part's answers start */
};

#define HB_ANSWERS_PER_PART 8				/* at most; more of them take turns */
#define HB_PARTS_MAX	    512				/* the largest vector needs fewer */
#define HB_BODY_MAX	    (HB_DATAGRAM_MAX - 25 - 16) /* without header and HMAC */

/*
 * The body of a vector's datagram, without the header and without authentication: the head of
 * `v` and as many rows from `cursor` on as fit into `size` bytes. Advances the cursor; after the
 * last row it is back at part 0 and the first rows. Answers beyond HB_ANSWERS_PER_PART (fewer from
 * 29 nodes on) take turns from one part to the next, also over that end: keep cursor->answer.
 * Returns the length; with a `size` of at least HB_BODY_MAX it cannot fail (0: the head does not
 * fit). v->head must hold what a decoder accepts.
 */
size_t hb_wire_body_encode(const struct vector *v, const struct hb_limits *limits,
			   struct hb_cursor *cursor, uint8_t *out, size_t size);
/* The reverse, with every check of hb_wire_decode() that concerns the body. On false *ret and
 * *rows are undefined. Rows, peers and answers beyond the counts in *ret are not touched. Of a
 * sender whose objects_hash is not limits->objects_hash the request and the rows of groups,
 * resources and monitors are left out: what their indexes mean is not known here (rule C3). */
_must_check_ bool hb_wire_body_decode(const uint8_t *data, size_t n, const struct hb_limits *limits,
				      struct vector_rows *rows, struct vector *ret);

/*
 * Encodes one part of `v` as hb_wire_body_encode() does, and signs it with keys->sign. Returns
 * the datagram's length. Cannot fail.
 */
size_t hb_wire_encode_vector(const struct vector *v, const struct hb_limits *limits,
			     const struct hb_keys *keys, struct hb_cursor *cursor,
			     uint8_t out[HB_DATAGRAM_MAX]);

#define HB_BLOB_MAX 1100
/* A small message of another module (replicated events) to one peer, authenticated likewise. */
struct hb_blob {
	uint8_t from, to;
	uint64_t incarnation;	 /* of the sender */
	uint64_t to_incarnation; /* of the receiver: a recorded blob means nothing to a later one */
	uint64_t sequence;	 /* a count of its own, not that of the vectors */
	const uint8_t *data;	 /* a decoder points into the datagram */
	size_t n;
};
/* -EMSGSIZE if blob->n is over HB_BLOB_MAX. Returns the datagram's length. */
_must_check_ int hb_wire_encode_blob(const struct hb_blob *blob, const struct hb_limits *limits,
				     const struct hb_keys *keys, uint8_t out[HB_DATAGRAM_MAX]);

struct hb_datagram {
	const uint8_t *data;
	size_t n;
};

struct hb_decoded {
	enum hb_message_type type;
	uint8_t from;
	uint16_t part;	     /* of a vector: hb_cursor.part */
	uint8_t key;	     /* index of the key that it was signed with */
	uint32_t newest_key; /* id of the first key in the sender's file */
	uint64_t incarnation, sequence;
	struct vector vector; /* its rows point into the scratch space */
	struct hb_blob blob;
	struct probe_answer answer; /* with `type` and `from` only */
};

/* Checks and decodes. Sections of unknown type are skipped (rolling upgrade). Everything that
 * it lets through is in range: node, group and resource indexes, enums, epochs below EPOCH_MAX.
 * Replays are not its business: the LAN path and the core compare incarnation and sequence.
 * *ret is defined on HB_OK only. */
enum hb_refusal hb_wire_decode(const struct hb_datagram *datagram, const struct hb_limits *limits,
			       const struct hb_keys *keys, struct vector_rows *rows,
			       struct hb_decoded *ret);

/* ---- LAN path ---- */

struct hb_lan;

struct hb_lan_config {
	struct hb_limits limits;
	uint8_t self;
	uint8_t n_links;
	uint16_t port; /* UDP */
	uint64_t timeout_us;
	uint32_t late_percent; /* of timeout_us, for the late counter */
	/* ss_family AF_UNSPEC: that node has no such link. Ports are ignored. */
	struct sockaddr_storage address[NODES_MAX][LINKS_MAX];
	struct hb_keys keys;
};

struct hb_link_stats {
	uint64_t sent, received, send_errors;
	uint64_t lost;		  /* gaps in the sequence numbers that were never filled */
	uint64_t probes, answers; /* of the kernel path: sent, and taken in */
	uint64_t late;	    /* beats that came late_percent of the timeout after the last one */
	uint64_t duplicate; /* the same vector had come by another link, or twice */
	ha_time last_heard;
	uint32_t rtt_us_p50, rtt_us_p99, rtt_us_max; /* of the newest 128 samples; 0: none */
	bool open;				     /* our socket of this link exists */
	int error;				     /* if not: why, a negative errno */
};

/* Opens what can be opened; a link whose address is not (yet) there is left closed and tried
 * again by hb_lan_retry(). -ENOMEM, -EMFILE, -EADDRINUSE with a sentence in `error` (a second
 * agent on this node), -EINVAL (a wildcard, multicast, doubled or partly loopback address); other
 * address errors close the link only. */
_must_check_ int hb_lan_new(const struct hb_lan_config *config, struct hb_lan **ret,
			    char error[HB_ERROR_SIZE]);
struct hb_lan *hb_lan_free(struct hb_lan *lan);

/* An epoll descriptor, readable when datagrams wait. Owned by `lan`. */
int hb_lan_fd(const struct hb_lan *lan);
/* Opens closed links again; call it now and then, and after address changes. Returns the number
 * of links that were opened. */
int hb_lan_retry(struct hb_lan *lan);
/* Another configuration of the same nodes: groups, resources and monitors differ. */
void hb_lan_set_objects(struct hb_lan *lan, const struct hb_limits *limits);
/* As in struct hb_lan_config. */
void hb_lan_set_timing(struct hb_lan *lan, uint64_t timeout_us, uint32_t late_percent);
/* Replaces the accepted keys (rotation). */
void hb_lan_set_keys(struct hb_lan *lan, const struct hb_keys *keys);

/*
 * Sends `v` to every peer on every link: with `whole` all its parts, else the next one in turn.
 * Never blocks; a full socket buffer or a vanished address counts as a send error.
 */
void hb_lan_send(struct hb_lan *lan, const struct vector *v, bool whole, ha_time now);
/*
 * Asks the kernel of `peer`, on every link, with the heartbeat's port and keys. probe->stamp is to
 * grow from one to the next: a second probe of one microsecond is not sent, since the peer's
 * kernel would drop it as a replay.
 */
void hb_lan_send_probe(struct hb_lan *lan, uint8_t peer, const struct probe *probe, ha_time now);
/* Sends a blob to one peer, on every link. */
void hb_lan_send_blob(struct hb_lan *lan, uint8_t peer, const void *data, size_t n, ha_time now);

/*
 * `repeated`: this link delivered, but nothing newer than what was handed out before. The vector
 * is again the newest one of that peer, so that the core learns that the link is alive.
 */
struct hb_lan_message {
	struct hb_decoded decoded;
	uint8_t link;
	bool repeated;
};
/*
 * Reads a bounded number of the datagrams that wait, checks them and keeps only the parts of each
 * peer's newest vector (and blobs, and the newest answer of a kernel by link); then hands them out
 * one by one: 1 and *ret, or 0 when none is left (pointers in *ret are valid until the next call).
 * A flood cannot keep it busy: after its bound it returns what it has, and the descriptor is still
 * readable.
 */
_must_check_ int hb_lan_receive(struct hb_lan *lan, ha_time now, struct hb_lan_message *ret);

void hb_lan_link_stats(const struct hb_lan *lan, uint8_t peer, uint8_t link,
		       struct hb_link_stats *ret);
/* Datagrams refused, by reason, since the start. */
uint64_t hb_lan_refused(const struct hb_lan *lan, enum hb_refusal refusal);

#endif
