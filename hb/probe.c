/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Probes of the kernel path and their answers (docs/kernel.md, Datagram). Pure. */
#include "hb/internal.h"
#include "include/kernel.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <linux/types.h>

/* behind their types */
#include "hb/bpf/layout.h"
#include "hb/bpf/siphash.h"

#define DERIVE_TEXT "holdfast kernel path 1"
#define WORDS	    (KERNEL_SIGNED_BYTES / 8)

_Static_assert(HB_PROBE_BYTES == KERNEL_PROBE_BYTES, "the codec and BPF agree");
_Static_assert(HB_KEYS_MAX == KERNEL_KEYS_MAX, "the codec and BPF agree");
_Static_assert(LINKS_MAX == KERNEL_LINKS_MAX && NODES_MAX == KERNEL_NODES_MAX,
	       "the codec and BPF agree");

void hb_probe_keys_derive(const struct hb_keys *keys, struct hb_probe_keys *ret)
{
	uint8_t digest[32];

	*ret = (struct hb_probe_keys){.n = keys->n, .sign = keys->sign};
	for (uint8_t i = 0; i < keys->n; i++) {
		if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, keys->key[i], HB_KEY_BYTES, DERIVE_TEXT,
				     strlen(DERIVE_TEXT), digest) < 0) {
			ret->n = 0; /* the library cannot compute at all: nothing is accepted */
			break;
		}
		ret->id[i] = keys->id[i];
		memcpy(ret->key[i], digest, sizeof ret->key[i]);
		ret->key[i][0] = le64toh(ret->key[i][0]);
		ret->key[i][1] = le64toh(ret->key[i][1]);
	}
	explicit_bzero(digest, sizeof digest);
}

static void make_mac(const uint8_t *data, const uint64_t key[2], __u64 ret[2])
{
	const __u64 k[2] = {key[0], key[1]};
	__u64 words[WORDS];

	memcpy(words, data, sizeof words); /* `data` may lie anywhere */
	siphash_128(words, WORDS, k, ret);
}

void hb_probe_encode(const struct hb_probe_route *route, const struct probe *probe,
		     const struct hb_probe_keys *keys, uint8_t out[HB_PROBE_BYTES])
{
	uint8_t sign = keys->sign < keys->n ? keys->sign : 0;
	struct wire_writer w = {.at = out, .end = out + HB_PROBE_BYTES};
	__u64 mac[2] = {};

	memset(out, 0, HB_PROBE_BYTES);
	put_u32(&w, KERNEL_MAGIC);
	put_u8(&w, KERNEL_VERSION);
	put_u8(&w, KERNEL_PROBE);
	put_u8(&w, route->from);
	put_u8(&w, route->to);
	put_u64(&w, route->cluster_id);
	put_u32(&w, keys->id[sign]);
	put_u8(&w, route->link);
	put_u8(&w, (uint8_t)((probe->grant ? KERNEL_FLAG_GRANT : 0) |
			     (probe->outside ? KERNEL_FLAG_OUTSIDE : 0)));
	put_u16(&w, 0);
	put_u64(&w, probe->incarnation);
	put_u64(&w, probe->stamp.us);
	put_u64(&w, probe->lease_epoch);
	put_u64(&w, probe->installed);
	put_u64(&w, probe->to_incarnation);
	put_u64(&w, probe->grant ? probe->token : 0);
	put_u64(&w, probe->grant ? probe->lease_us : 0);
	/* The rest is for the answer. Without a key the MAC is zero, which nobody accepts. */
	if (keys->n > 0)
		make_mac(out, keys->key[sign], mac);
	memcpy(out + KERNEL_SIGNED_BYTES, mac, sizeof mac);
}

bool hb_probe_is(const uint8_t *data, size_t n)
{
	struct wire_reader r = {.at = data, .end = data + n};

	return n >= 4 && get_u32(&r) == KERNEL_MAGIC;
}

static bool mac_ok(const uint8_t *data, const uint64_t key[2])
{
	__u64 mac[2], theirs[2];

	make_mac(data, key, mac);
	memcpy(theirs, data + KERNEL_SIGNED_BYTES, sizeof theirs);
	return ((mac[0] ^ theirs[0]) | (mac[1] ^ theirs[1])) == 0; /* in constant time */
}

static enum hb_refusal check_key(const uint8_t *data, uint32_t id, const struct hb_probe_keys *keys)
{
	for (uint8_t i = 0; i < keys->n; i++) {
		if (keys->id[i] == id)
			return mac_ok(data, keys->key[i]) ? HB_OK : HB_REFUSED_HMAC;
	}
	return HB_REFUSED_KEY;
}

/* What follows the flags of an answer. */
static bool get_numbers(struct wire_reader *r, struct probe_answer *ret)
{
	uint64_t probe_lease_epoch, installed;

	ret->incarnation = get_u64(r);
	ret->stamp.us = get_u64(r);
	probe_lease_epoch = get_u64(r);
	installed = get_u64(r);
	ret->from_incarnation = get_u64(r);
	ret->token = get_u64(r);
	ret->lease_us = get_u64(r);
	ret->lease_epoch = get_u64(r);
	ret->progress = get_u64(r);
	ret->age_us = get_u64(r);
	return ret->incarnation > 0 && wire_number_ok(ret->incarnation) &&
	       wire_number_ok(ret->stamp.us) && wire_number_ok(probe_lease_epoch) &&
	       wire_number_ok(installed) && ret->from_incarnation > 0 &&
	       wire_number_ok(ret->from_incarnation) && wire_number_ok(ret->lease_us) &&
	       wire_number_ok(ret->lease_epoch) && wire_number_ok(ret->progress) &&
	       wire_number_ok(ret->age_us) && (ret->grant || ret->lease_us == 0);
}

enum hb_refusal hb_probe_decode(const struct hb_datagram *datagram,
				const struct hb_probe_route *route,
				const struct hb_probe_keys *keys, struct probe_answer *ret)
{
	struct wire_reader r = {.at = datagram->data, .end = datagram->data + datagram->n};
	struct probe_answer answer = {};
	uint8_t version, type, to, link, flags;
	enum hb_refusal refusal;
	uint64_t cluster_id;

	if (!hb_probe_is(datagram->data, datagram->n))
		return HB_REFUSED_MAGIC;
	if (datagram->n != HB_PROBE_BYTES)
		return HB_REFUSED_SIZE;
	(void)get_u32(&r);
	version = get_u8(&r);
	type = get_u8(&r);
	answer.from = get_u8(&r);
	to = get_u8(&r);
	cluster_id = get_u64(&r);
	if (version != KERNEL_VERSION)
		return HB_REFUSED_VERSION;
	if (cluster_id != route->cluster_id)
		return HB_REFUSED_MAGIC;
	refusal = check_key(datagram->data, get_u32(&r), keys);
	if (refusal != HB_OK)
		return refusal;
	link = get_u8(&r);
	if (answer.from != route->to || to != route->from || link != route->link)
		return HB_REFUSED_SENDER;
	if (type == KERNEL_PROBE)
		return HB_REFUSED_PROBE;
	flags = get_u8(&r);
	answer.grant = flags & KERNEL_FLAG_GRANT;
	answer.gone = flags & KERNEL_FLAG_GONE;
	answer.leased = flags & KERNEL_FLAG_LEASED;
	flags &= (uint8_t) ~(KERNEL_FLAG_GRANT | KERNEL_FLAG_GONE | KERNEL_FLAG_LEASED);
	if (type != KERNEL_ANSWER || flags || get_u16(&r) || !get_numbers(&r, &answer))
		return HB_REFUSED_FORMAT;
	*ret = answer;
	return HB_OK;
}
