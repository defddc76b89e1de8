/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HKDF-SHA256 (RFC 5869). From the cluster key a secret of this purpose and cluster; from that a
 * key for each ordered pair of nodes, so that a connection cannot be reflected to the node that
 * opened it, nor passed on to a third one (RFC 9257, section 4.1).
 */
#include "ctl/channel/internal.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SALT	     "holdfast channel 1"
#define LABEL_SECRET "secret"
#define LABEL_PAIR   "pair"

/* Texts one behind the other, each with its NUL: no two lists give the same bytes. */
static size_t join(char *out, size_t size, const char *const *words, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		size_t length = strlen(words[i]) + 1;

		if (length > size - at)
			return 0;
		memcpy(out + at, words[i], length);
		at += length;
	}
	return at;
}

static int expand(const uint8_t *key, const char *const *words, size_t n_words, uint8_t *out)
{
	char info[32 + 2 * NAME_SIZE];
	size_t n = join(info, sizeof info, words, n_words);
	const gnutls_datum_t prk = {(unsigned char *)key, CHANNEL_SECRET_BYTES};
	const gnutls_datum_t label = {(unsigned char *)info, (unsigned int)n};

	if (n == 0)
		return -EINVAL;
	return gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &prk, &label, out, CHANNEL_SECRET_BYTES) < 0
		       ? -EIO
		       : 0;
}

int channel_secret_derive(const uint8_t key[CHANNEL_SECRET_BYTES], uint32_t id, const char *cluster,
			  struct channel_secret *ret)
{
	const gnutls_datum_t material = {(unsigned char *)key, CHANNEL_SECRET_BYTES};
	const gnutls_datum_t salt = {(unsigned char *)SALT, sizeof SALT - 1};
	const char *const words[] = {LABEL_SECRET, cluster};
	struct channel_secret secret = {.id = id};
	uint8_t prk[CHANNEL_SECRET_BYTES];
	int r = -EIO;

	if (gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &material, &salt, prk) >= 0)
		r = expand(prk, words, 2, secret.bytes);
	explicit_bzero(prk, sizeof prk);
	if (r >= 0)
		*ret = secret;
	explicit_bzero(&secret, sizeof secret);
	return r;
}

int channel_key_derive(const struct channel_secret *secret, const char *client, const char *server,
		       uint8_t ret[CHANNEL_SECRET_BYTES])
{
	const char *const words[] = {LABEL_PAIR, client, server};

	return expand(secret->bytes, words, 3, ret);
}

void channel_identity(const struct channel_secret *secret, const char *client, const char *server,
		      char ret[CHANNEL_IDENTITY_SIZE])
{
	(void)snprintf(ret, CHANNEL_IDENTITY_SIZE, "hf1:%08" PRIx32 ":%s:%s", secret->id, client,
		       server);
}
