/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Datagrams: header, body, HMAC (docs/wire.md). Pure: gnutls is used for arithmetic only. */
#include "hb/internal.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#define SHA256_BYTES 32

const char *hb_refusal_to_string(enum hb_refusal refusal)
{
	static const char *const names[HB_REFUSAL_COUNT_] = {
		[HB_OK] = "ok",
		[HB_REFUSED_SIZE] = "size",
		[HB_REFUSED_MAGIC] = "magic",
		[HB_REFUSED_VERSION] = "version",
		[HB_REFUSED_KEY] = "key",
		[HB_REFUSED_HMAC] = "hmac",
		[HB_REFUSED_SENDER] = "sender",
		[HB_REFUSED_REPLAY] = "replay",
		[HB_REFUSED_FORMAT] = "format",
		[HB_REFUSED_STALE] = "stale",
		[HB_REFUSED_PROBE] = "probe",
	};

	return refusal < HB_REFUSAL_COUNT_ ? names[refusal] : "unknown";
}

/* False only if the library cannot compute at all (its self-test failed). */
static bool make_mac(const uint8_t key[HB_KEY_BYTES], const uint8_t *data, size_t n,
		     uint8_t ret[WIRE_MAC_BYTES])
{
	uint8_t digest[SHA256_BYTES];

	if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, HB_KEY_BYTES, data, n, digest) < 0)
		return false;
	memcpy(ret, digest, WIRE_MAC_BYTES);
	return true;
}

/* Writes header and HMAC around `body_bytes` of body. Returns the datagram's length. */
static size_t seal(enum hb_message_type type, size_t body_bytes, const struct hb_limits *limits,
		   const struct hb_keys *keys, uint8_t out[HB_DATAGRAM_MAX])
{
	size_t signed_bytes = WIRE_HEADER_BYTES + body_bytes;
	size_t total = signed_bytes + WIRE_MAC_BYTES;
	struct wire_writer w = {.at = out, .end = out + WIRE_HEADER_BYTES};

	put_u32(&w, WIRE_MAGIC);
	put_u8(&w, WIRE_MAJOR);
	put_u8(&w, WIRE_MINOR);
	put_u16(&w, (uint16_t)total);
	put_u64(&w, limits->cluster_id);
	put_u32(&w, keys->id[keys->sign]);
	put_u32(&w, keys->id[0]);
	put_u8(&w, (uint8_t)type);
	/* Zeros are as good as any other wrong value: nobody accepts it. */
	if (!make_mac(keys->key[keys->sign], out, signed_bytes, out + signed_bytes))
		memset(out + signed_bytes, 0, WIRE_MAC_BYTES);
	return total;
}

size_t hb_wire_encode_vector(const struct vector *v, const struct hb_limits *limits,
			     const struct hb_keys *keys, struct hb_cursor *cursor,
			     uint8_t out[HB_DATAGRAM_MAX])
{
	size_t n = hb_wire_body_encode(v, limits, cursor, out + WIRE_HEADER_BYTES, HB_BODY_MAX);

	return seal(HB_MESSAGE_VECTOR, n, limits, keys, out);
}

int hb_wire_encode_blob(const struct hb_blob *blob, const struct hb_limits *limits,
			const struct hb_keys *keys, uint8_t out[HB_DATAGRAM_MAX])
{
	struct wire_writer w = {.at = out + WIRE_HEADER_BYTES, .end = out + HB_DATAGRAM_MAX};

	_Static_assert(HB_BLOB_MAX + WIRE_ORIGIN_BYTES + WIRE_BLOB_BYTES <= HB_BODY_MAX,
		       "the largest blob fits");
	if (blob->n > HB_BLOB_MAX)
		return -EMSGSIZE;
	put_u8(&w, blob->from);
	put_u64(&w, blob->incarnation);
	put_u64(&w, blob->sequence);
	put_u16(&w, 0);
	put_u8(&w, blob->to);
	put_u64(&w, blob->to_incarnation);
	if (blob->n > 0)
		memcpy(w.at, blob->data, blob->n);
	return (int)seal(HB_MESSAGE_BLOB, WIRE_ORIGIN_BYTES + WIRE_BLOB_BYTES + blob->n, limits,
			 keys, out);
}

static bool get_blob(const uint8_t *data, size_t n, const struct hb_limits *limits,
		     struct hb_blob *ret)
{
	struct wire_reader r = {.at = data, .end = data + n};
	uint16_t part;

	if (n < WIRE_ORIGIN_BYTES + WIRE_BLOB_BYTES)
		return false;
	ret->from = get_u8(&r);
	ret->incarnation = get_u64(&r);
	ret->sequence = get_u64(&r);
	part = get_u16(&r);
	ret->to = get_u8(&r);
	ret->to_incarnation = get_u64(&r);
	ret->data = r.at;
	ret->n = wire_left(&r);
	return ret->from < limits->n_nodes && ret->to < limits->n_nodes && part == 0 &&
	       ret->incarnation > 0 && wire_number_ok(ret->incarnation) &&
	       wire_number_ok(ret->sequence) && ret->to_incarnation > 0 &&
	       wire_number_ok(ret->to_incarnation) && ret->n <= HB_BLOB_MAX;
}

enum hb_refusal wire_parse(const uint8_t *data, size_t n, const struct hb_limits *limits,
			   struct vector_rows *rows, struct hb_decoded *ret)
{
	struct wire_reader header = {.at = data + 20, .end = data + WIRE_HEADER_BYTES};
	const uint8_t *body = data + WIRE_HEADER_BYTES;
	size_t body_bytes = n - WIRE_HEADER_BYTES - WIRE_MAC_BYTES;

	ret->newest_key = get_u32(&header);
	ret->type = get_u8(&header);
	ret->from = body[0];
	ret->part = (uint16_t)(body[WIRE_ORIGIN_BYTES - 2] << 8 | body[WIRE_ORIGIN_BYTES - 1]);
	if (ret->from >= limits->n_nodes)
		return HB_REFUSED_SENDER;
	switch (ret->type) {
	case HB_MESSAGE_VECTOR:
		if (!hb_wire_body_decode(body, body_bytes, limits, rows, &ret->vector))
			return HB_REFUSED_FORMAT;
		ret->incarnation = ret->vector.head.incarnation;
		ret->sequence = ret->vector.head.sequence;
		return HB_OK;
	case HB_MESSAGE_BLOB:
		if (!get_blob(body, body_bytes, limits, &ret->blob))
			return HB_REFUSED_FORMAT;
		ret->incarnation = ret->blob.incarnation;
		ret->sequence = ret->blob.sequence;
		return HB_OK;
	case HB_MESSAGE_ANSWER: /* has a format of its own */
	default:
		return HB_REFUSED_FORMAT;
	}
}

/* Returns the index, keys->n if there is no such key. */
static uint8_t find_key(const struct hb_keys *keys, uint32_t id)
{
	uint8_t i = 0;

	while (i < keys->n && keys->id[i] != id)
		i++;
	return i;
}

static enum hb_refusal check_header(const uint8_t *data, size_t n, const struct hb_limits *limits)
{
	struct wire_reader r = {.at = data, .end = data + n};
	uint8_t major;

	if (n < WIRE_HEADER_BYTES + WIRE_ORIGIN_BYTES + WIRE_MAC_BYTES || n > HB_DATAGRAM_MAX)
		return HB_REFUSED_SIZE;
	if (get_u32(&r) != WIRE_MAGIC)
		return HB_REFUSED_MAGIC;
	major = get_u8(&r);
	(void)get_u8(&r); /* any minor version: what it adds is skipped */
	if (major != WIRE_MAJOR)
		return HB_REFUSED_VERSION;
	if (get_u16(&r) != n)
		return HB_REFUSED_SIZE;
	return get_u64(&r) == limits->cluster_id ? HB_OK : HB_REFUSED_MAGIC;
}

enum hb_refusal hb_wire_decode(const struct hb_datagram *datagram, const struct hb_limits *limits,
			       const struct hb_keys *keys, struct vector_rows *rows,
			       struct hb_decoded *ret)
{
	const uint8_t *data = datagram->data;
	enum hb_refusal refusal = check_header(data, datagram->n, limits);
	struct wire_reader key_id;
	size_t signed_bytes;
	uint8_t mac[WIRE_MAC_BYTES];
	uint8_t key;

	if (refusal != HB_OK)
		return refusal;
	signed_bytes = datagram->n - WIRE_MAC_BYTES;
	key_id = (struct wire_reader){.at = data + 16, .end = data + 20};
	key = find_key(keys, get_u32(&key_id));
	if (key >= keys->n)
		return HB_REFUSED_KEY;
	if (!make_mac(keys->key[key], data, signed_bytes, mac) ||
	    gnutls_memcmp(mac, data + signed_bytes, WIRE_MAC_BYTES) != 0)
		return HB_REFUSED_HMAC;
	ret->key = key;
	return wire_parse(data, datagram->n, limits, rows, ret);
}
