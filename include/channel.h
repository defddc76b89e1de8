/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CHANNEL_H
#define HF_CHANNEL_H

/*
 * The channel between agents: `holdfast-channel`, a process of its own that the agent starts. It
 * carries Varlink connections to the agents of other nodes through TLS 1.3 with keys derived from
 * the cluster key. docs/channel.md describes it.
 */

#include "include/cluster.h"
#include "util/cleanup.h"

#include <sys/socket.h>

#define CHANNEL_PROGRAM	     "holdfast-channel"
#define CHANNEL_SECRET_BYTES 32
#define CHANNEL_SECRETS_MAX  2
#define CHANNEL_PATH_SIZE    108 /* of a Unix socket */
#define CHANNEL_GROUP_SIZE   64

/* All that the channel knows of a cluster key: the key itself cannot be had from it. */
struct channel_secret {
	uint32_t id; /* of the key */
	uint8_t bytes[CHANNEL_SECRET_BYTES];
};

/* `key` has 32 bytes. -EIO: no HKDF in this gnutls. */
_must_check_ int channel_secret_derive(const uint8_t key[CHANNEL_SECRET_BYTES], uint32_t id,
				       const char *cluster, struct channel_secret *ret);

struct channel_node {
	char name[NAME_SIZE];
	struct sockaddr_storage link[LINKS_MAX];
};

/*
 * What the agent sends, whole, as one message on the socket that is the channel's standard input:
 * at the start, and again when keys, groups or paths change. Both are of one build.
 */
struct channel_settings {
	uint32_t size; /* of this struct: another build is refused */
	char cluster[NAME_SIZE];
	uint8_t self, n_nodes, n_links;
	uint8_t n_secrets; /* the first one is ours, all are accepted */
	uint16_t port;
	char agent_socket[CHANNEL_PATH_SIZE]; /* the channel's own is CTL_PEER_SOCKET beside it */
	char change_group[CHANNEL_GROUP_SIZE], view_group[CHANNEL_GROUP_SIZE];
	struct channel_secret secret[CHANNEL_SECRETS_MAX];
	struct channel_node node[NODES_MAX];
};

/* The whole process but for its privileges: until the other end of `settings_fd` is closed. Returns
 * the exit code. */
int channel_run(int settings_fd);

#endif
