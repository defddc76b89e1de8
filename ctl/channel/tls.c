/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS 1.3 with an external pre-shared key and an ephemeral key exchange, nothing else: there is no
 * certificate, no older version, no ticket and no early data that could be spoken by mistake.
 */
#include "ctl/channel/internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Suites with SHA-256, as the keys are bound to that hash. */
#define PRIORITY                                                                      \
	"NONE:+VERS-TLS1.3:+CHACHA20-POLY1305:+AES-128-GCM:+AEAD:+SHA256:+DHE-PSK:"   \
	"+ECDHE-PSK:+GROUP-X25519:+GROUP-SECP256R1:+SIGN-RSA-PSS-RSAE-SHA256:+CTYPE-" \
	"X509:%DISABLE_TLS13_COMPAT_MODE"

struct tls {
	gnutls_priority_t priority;
	gnutls_psk_server_credentials_t server;
};

struct tls *tls_free(struct tls *tls)
{
	if (!tls)
		return NULL;
	if (tls->server)
		gnutls_psk_free_server_credentials(tls->server);
	if (tls->priority)
		gnutls_priority_deinit(tls->priority);
	free(tls);
	return NULL;
}

/* ---- the server's choice of key ---- */

static bool same_text(const gnutls_datum_t *text, const char *other)
{
	return text->size == strlen(other) && memcmp(text->data, other, text->size) == 0;
}

/* Why an identity is none of ours, in words. It is a stranger's text: nothing of it is shown but
 * the number of a key. */
static void explain_identity(struct relay *relay, const gnutls_datum_t *name)
{
	static const char prefix[] = "hf1:";
	const size_t n = sizeof prefix - 1;
	char number[9] = "", *end = number;
	unsigned long id = 0;

	if (name->size >= n + 8 && memcmp(name->data, prefix, n) == 0) {
		memcpy(number, name->data + n, 8);
		id = strtoul(number, &end, 16);
	}
	if (end != number + 8)
		(void)snprintf(relay->why, sizeof relay->why, "it names no key of this protocol");
	else if (id == relay->channel->settings.secret[0].id)
		(void)snprintf(relay->why, sizeof relay->why,
			       "it has our key %08lx, but takes itself or us for another node, or "
			       "is of another cluster",
			       id);
	else
		(void)snprintf(relay->why, sizeof relay->why,
			       "it uses the key %08lx, which is not in our key file", id);
}

static int choose_key(gnutls_session_t session, const gnutls_datum_t *name, gnutls_datum_t *key)
{
	struct relay *relay = gnutls_session_get_ptr(session);
	const struct channel *channel = relay->channel;
	const char *client = channel_name(channel, relay->node);
	const char *server = channel_name(channel, channel->settings.self);
	char identity[CHANNEL_IDENTITY_SIZE];

	for (uint8_t i = 0; i < channel->settings.n_secrets; i++) {
		const struct channel_secret *secret = &channel->settings.secret[i];

		channel_identity(secret, client, server, identity);
		if (!same_text(name, identity))
			continue;
		key->data = gnutls_malloc(CHANNEL_SECRET_BYTES);
		if (!key->data)
			return -1;
		key->size = CHANNEL_SECRET_BYTES;
		if (channel_key_derive(secret, client, server, key->data) < 0)
			return -1;
		(void)snprintf(relay->why, sizeof relay->why, "its key of this id is another one");
		return 0;
	}
	explain_identity(relay, name);
	return -1;
}

int tls_new(struct tls **ret)
{
	struct tls *tls = calloc(1, sizeof *tls);

	if (!tls)
		return -ENOMEM;
	if (gnutls_priority_init(&tls->priority, PRIORITY, NULL) < 0 ||
	    gnutls_psk_allocate_server_credentials(&tls->server) < 0) {
		(void)tls_free(tls);
		return -ENOTSUP;
	}
	gnutls_psk_set_server_credentials_function2(tls->server, choose_key);
	*ret = tls;
	return 0;
}

/* ---- sessions ---- */

static int start(struct relay *relay, unsigned int side)
{
	gnutls_session_t session;

	if (gnutls_init(&session, side | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS) <
	    0)
		return -ENOMEM;
	if (gnutls_priority_set(session, relay->channel->tls->priority) < 0) {
		gnutls_deinit(session);
		return -ENOMEM;
	}
	gnutls_session_set_ptr(session, relay);
	gnutls_transport_set_int(session, relay->far.fd);
	gnutls_handshake_set_timeout(session, 0); /* the relay's own timer does it */
	relay->far.tls = session;
	return 0;
}

int tls_start_server(struct relay *relay)
{
	int r = start(relay, GNUTLS_SERVER);

	if (r < 0)
		return r;
	return gnutls_credentials_set(relay->far.tls, GNUTLS_CRD_PSK, relay->channel->tls->server) <
			       0
		       ? -ENOMEM
		       : 0;
}

/* The credentials live as long as the session that points to them. */
static int set_client_key(struct relay *relay)
{
	const struct channel *channel = relay->channel;
	const struct channel_secret *secret = &channel->settings.secret[relay->secret];
	const char *client = channel_name(channel, channel->settings.self);
	const char *server = channel_name(channel, relay->node);
	uint8_t bytes[CHANNEL_SECRET_BYTES];
	const gnutls_datum_t key = {bytes, sizeof bytes};
	char identity[CHANNEL_IDENTITY_SIZE];
	int r;

	channel_identity(secret, client, server, identity);
	r = channel_key_derive(secret, client, server, bytes);
	if (r >= 0 && gnutls_psk_set_client_credentials(relay->credentials, identity, &key,
							GNUTLS_PSK_KEY_RAW) < 0)
		r = -ENOMEM;
	explicit_bzero(bytes, sizeof bytes);
	return r;
}

void tls_forget_key(struct relay *relay)
{
	if (relay->credentials)
		gnutls_psk_free_client_credentials(relay->credentials);
	relay->credentials = NULL;
}

int tls_start_client(struct relay *relay)
{
	int r;

	/* Anew for each key: gnutls does not free the one that another replaces. */
	tls_forget_key(relay);
	if (gnutls_psk_allocate_client_credentials(&relay->credentials) < 0)
		return -ENOMEM;
	r = set_client_key(relay);
	if (r >= 0)
		r = start(relay, GNUTLS_CLIENT);
	if (r < 0)
		return r;
	return gnutls_credentials_set(relay->far.tls, GNUTLS_CRD_PSK, relay->credentials) < 0
		       ? -ENOMEM
		       : 0;
}

uint32_t tls_waits_for(const struct end *end)
{
	return gnutls_record_get_direction(end->tls) ? EPOLLOUT : EPOLLIN;
}

/* ---- the handshake ---- */

/* A TLS record of a handshake begins with 22, 3: what does not is another protocol, which gnutls
 * would only call an unexpected packet. -EAGAIN: nothing has come yet. */
static int look_at_protocol(struct relay *relay)
{
	uint8_t head[2];
	ssize_t n = recv(relay->far.fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (n < 0) {
		(void)snprintf(relay->why, sizeof relay->why, "%s", strerror(errno));
		return -EPROTO;
	}
	relay->looked = true;
	if (n == 0 || head[0] == 21) /* the end, or an alert: gnutls reports both */
		return 0;
	if (head[0] == 22 && (n < 2 || head[1] == 3))
		return 0;
	(void)snprintf(relay->why, sizeof relay->why, "it does not speak TLS");
	return -EPROTO;
}

static const char *alert_words(gnutls_session_t session)
{
	switch ((int)gnutls_alert_get(session)) {
	case GNUTLS_A_UNKNOWN_PSK_IDENTITY:
	case GNUTLS_A_INTERNAL_ERROR:
	case GNUTLS_A_HANDSHAKE_FAILURE:
		return "it does not accept our key: is the key file the same on both nodes?";
	case GNUTLS_A_DECRYPT_ERROR:
	case GNUTLS_A_ILLEGAL_PARAMETER:
		return "it has another key of the same id";
	case GNUTLS_A_PROTOCOL_VERSION:
		return "it does not speak TLS 1.3";
	default:
		return NULL;
	}
}

static void explain(struct relay *relay, int code)
{
	const char *words = NULL;

	if (relay->why[0] && code != GNUTLS_E_PREMATURE_TERMINATION)
		return; /* known better already: the choice of the key failed */
	if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
		words = alert_words(relay->far.tls);
	else if (code == GNUTLS_E_UNSUPPORTED_VERSION_PACKET)
		words = "it does not speak TLS 1.3";
	else if (code == GNUTLS_E_NO_CIPHER_SUITES || code == GNUTLS_E_NO_COMMON_KEY_SHARE ||
		 code == GNUTLS_E_INSUFFICIENT_CREDENTIALS || code == GNUTLS_E_MISSING_EXTENSION)
		words = "it does not offer TLS 1.3 with a pre-shared key";
	else if (code == GNUTLS_E_PREMATURE_TERMINATION || code == GNUTLS_E_PULL_ERROR)
		words = "it closed the connection within the handshake";
	(void)snprintf(relay->why, sizeof relay->why, "%s", words ? words : gnutls_strerror(code));
}

int tls_handshake(struct relay *relay)
{
	gnutls_session_t session = relay->far.tls;
	int code, r;

	r = relay->looked ? 0 : look_at_protocol(relay);
	if (r == -EAGAIN && relay->kind == RELAY_DIAL)
		r = 0; /* a client speaks first */
	if (r < 0)
		return r == -EAGAIN ? 0 : r;
	do
		code = gnutls_handshake(session);
	while (code == GNUTLS_E_INTERRUPTED || code == GNUTLS_E_WARNING_ALERT_RECEIVED);
	if (code == GNUTLS_E_AGAIN)
		return 0;
	if (code < 0) {
		explain(relay, code);
		(void)gnutls_alert_send_appropriate(session, code); /* best effort */
		return -EPROTO;
	}
	relay->why[0] = '\0';
	return 1;
}
