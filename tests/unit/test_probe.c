/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The codec of probes: vectors made with other programs, and each reason to refuse an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/hb_probe.h"

#define SELF 2
#define PEER 5

static const struct hb_probe_route ROUTE = {.cluster_id = 77, .from = SELF, .to = PEER, .link = 3};
static const struct probe PROBE = {.incarnation = 7,
				   .stamp = {1000001},
				   .lease_epoch = 12,
				   .installed = 13,
				   .to_incarnation = 1000,
				   .token = 5ULL << 52 | 999,
				   .lease_us = 400000,
				   .grant = true,
				   .outside = true};
static const struct probe_answer ANSWER = {.incarnation = 7,
					   .stamp = {1000001},
					   .from_incarnation = 1000,
					   .token = 6ULL << 52 | 555,
					   .lease_us = 400001,
					   .lease_epoch = 14,
					   .progress = 15,
					   .age_us = 16,
					   .from = PEER,
					   .grant = true,
					   .gone = true,
					   .leased = true};

/* Python's hmac and struct, and `openssl mac`, made these of the values above. */
static const char PROBE_HEX[] =
	"48466b7001010205000000000000004d02d449a303030000000000000000000700000000000f4241"
	"000000000000000c000000000000000d00000000000003e800500000000003e70000000000061a80"
	"000000000000000000000000000000000000000000000000add82dbd03b4987eb6fe4710a6b7cfbf";
static const char ANSWER_HEX[] =
	"48466b7001020502000000000000004d02d449a3030d0000000000000000000700000000000f4241"
	"000000000000000c000000000000000d00000000000003e8006000000000022b0000000000061a81"
	"000000000000000e000000000000000f000000000000001086f4a57ffb43203a998254462c9f0d3b";

static void unhex(const char *hex, uint8_t *out)
{
	for (; *hex; hex += 2)
		*out++ = (uint8_t)strtoul((char[]){hex[0], hex[1], 0}, NULL, 16);
}

static struct hb_keys make_keys(char first, char second)
{
	char text[130], error[HB_ERROR_SIZE];
	struct hb_keys keys;

	memset(text, first, 64);
	text[64] = '\n';
	memset(text + 65, second, 64);
	assert_int_equal(hb_keys_parse(text, second ? 129 : 65, &keys, error), 0);
	return keys;
}

static struct hb_probe_keys derive(char first, char second)
{
	struct hb_keys keys = make_keys(first, second);
	struct hb_probe_keys ret;

	hb_probe_keys_derive(&keys, &ret);
	return ret;
}

static enum hb_refusal decode(const uint8_t *data, size_t n, const struct hb_probe_keys *keys)
{
	struct probe_answer answer;

	return hb_probe_decode(&(struct hb_datagram){data, n}, &ROUTE, keys, &answer);
}

static void make_answer(uint8_t data[HB_PROBE_BYTES], const struct hb_probe_keys *keys)
{
	hb_probe_encode(&ROUTE, &PROBE, keys, data);
	probe_make_answer(data, &ANSWER, keys);
}

/* From the authors' reference code, and `openssl mac ... SIPHASH`. */
static void test_siphash(void **state)
{
	static const struct {
		uint32_t words;
		const char *hex;
	} vectors[] = {
		{0, "a3817f04ba25a8e66df67214c7550293"},
		{1, "3b62a9ba6258f5610f83e264f31497b4"},
		{13, "09214230d5748db1f1a3f029cc6bc44e"},
	};
	uint8_t bytes[104], want[16];
	__u64 words[13], key[2], mac[2];

	(void)state;
	for (uint8_t i = 0; i < sizeof bytes; i++)
		bytes[i] = i;
	memcpy(words, bytes, sizeof words);
	key[0] = le64toh(words[0]);
	key[1] = le64toh(words[1]);
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		unhex(vectors[i].hex, want);
		siphash_128(words, vectors[i].words, key, mac);
		assert_memory_equal(mac, want, sizeof want);
	}
}

static void test_vectors(void **state)
{
	struct hb_probe_keys keys = derive('1', 0);
	uint8_t want[HB_PROBE_BYTES], data[HB_PROBE_BYTES];
	struct probe_answer answer;

	(void)state;
	unhex(PROBE_HEX, want);
	hb_probe_encode(&ROUTE, &PROBE, &keys, data);
	assert_memory_equal(data, want, sizeof want);
	assert_true(hb_probe_is(data, sizeof data));
	assert_false(hb_probe_is(data, 3));
	unhex(ANSWER_HEX, want);
	assert_int_equal(
		hb_probe_decode(&(struct hb_datagram){want, sizeof want}, &ROUTE, &keys, &answer),
		HB_OK);
	assert_memory_equal(&answer, &ANSWER, offsetof(struct probe_answer, leased) + 1);
	probe_make_answer(data, &ANSWER, &keys);
	assert_memory_equal(data, want, sizeof want);
}

/* What is not granted is not told of either. */
static void test_no_grant(void **state)
{
	struct hb_probe_keys keys = derive('1', 0);
	struct probe probe = PROBE;
	uint8_t data[HB_PROBE_BYTES];

	(void)state;
	probe.grant = probe.outside = false;
	hb_probe_encode(&ROUTE, &probe, &keys, data);
	assert_int_equal(data[PROBE_AT_FLAGS], 0);
	assert_int_equal(probe_get(data, PROBE_AT_TOKEN), 0);
	assert_int_equal(probe_get(data, PROBE_AT_LEASE), 0);
}

static void test_each_bit_counts(void **state)
{
	struct hb_probe_keys keys = derive('1', 0);
	uint8_t data[HB_PROBE_BYTES];

	(void)state;
	make_answer(data, &keys);
	assert_int_equal(decode(data, sizeof data, &keys), HB_OK);
	for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
		data[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_not_equal(decode(data, sizeof data, &keys), HB_OK);
		data[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	for (size_t n = 0; n < sizeof data; n++)
		assert_int_equal(decode(data, n, &keys),
				 n < 4 ? HB_REFUSED_MAGIC : HB_REFUSED_SIZE);
}

/* `v` into byte `at`, as somebody who has the key would. */
static enum hb_refusal with_byte(enum probe_at at, uint8_t v)
{
	struct hb_probe_keys keys = derive('1', 0);
	uint8_t data[HB_PROBE_BYTES];

	make_answer(data, &keys);
	data[at] = v;
	probe_sign(data, &keys);
	return decode(data, sizeof data, &keys);
}

static enum hb_refusal with_number(enum probe_at at, uint64_t v)
{
	struct hb_probe_keys keys = derive('1', 0);
	uint8_t data[HB_PROBE_BYTES];

	make_answer(data, &keys);
	probe_put(data, at, v);
	probe_sign(data, &keys);
	return decode(data, sizeof data, &keys);
}

static void test_refused(void **state)
{
	static const enum probe_at numbers[] = {
		PROBE_AT_INCARNATION,	 PROBE_AT_STAMP,	  PROBE_AT_LEASE_EPOCH,
		PROBE_AT_ACCEPTED,	 PROBE_AT_TO_INCARNATION, PROBE_AT_LEASE,
		PROBE_AT_TO_LEASE_EPOCH, PROBE_AT_PROGRESS,	  PROBE_AT_AGE,
	};

	(void)state;
	assert_int_equal(with_byte(0, 'h'), HB_REFUSED_MAGIC);
	assert_int_equal(with_byte(PROBE_AT_VERSION, 2), HB_REFUSED_VERSION);
	assert_int_equal(with_number(PROBE_AT_CLUSTER, 78), HB_REFUSED_MAGIC);
	assert_int_equal(with_byte(PROBE_AT_KEY, 0xff), HB_REFUSED_KEY);
	assert_int_equal(with_byte(PROBE_AT_TYPE, 1), HB_REFUSED_PROBE);
	assert_int_equal(with_byte(PROBE_AT_TYPE, 0), HB_REFUSED_FORMAT);
	assert_int_equal(with_byte(PROBE_AT_TYPE, 3), HB_REFUSED_FORMAT);
	assert_int_equal(with_byte(PROBE_AT_FROM, SELF), HB_REFUSED_SENDER);
	assert_int_equal(with_byte(PROBE_AT_FROM, PEER + 1), HB_REFUSED_SENDER);
	assert_int_equal(with_byte(PROBE_AT_TO, PEER), HB_REFUSED_SENDER);
	assert_int_equal(with_byte(PROBE_AT_LINK, 2), HB_REFUSED_SENDER);
	assert_int_equal(with_byte(PROBE_AT_FLAGS, 0x02), HB_REFUSED_FORMAT); /* of probes only */
	assert_int_equal(with_byte(PROBE_AT_FLAGS, 0x10), HB_REFUSED_FORMAT);
	assert_int_equal(with_byte(PROBE_AT_FLAGS, 0x08), HB_REFUSED_FORMAT); /* a lease_us */
	assert_int_equal(with_byte(PROBE_AT_PAD, 1), HB_REFUSED_FORMAT);
	assert_int_equal(with_number(PROBE_AT_INCARNATION, 0), HB_REFUSED_FORMAT);
	assert_int_equal(with_number(PROBE_AT_TO_INCARNATION, 0), HB_REFUSED_FORMAT);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		assert_int_equal(with_number(numbers[i], EPOCH_MAX), HB_REFUSED_FORMAT);
		assert_int_equal(with_number(numbers[i], EPOCH_MAX - 1), HB_OK);
	}
	assert_int_equal(with_number(PROBE_AT_TOKEN, UINT64_MAX), HB_OK); /* nobody reads it */
}

/* Our own probe, sent back to us, is not somebody's probe. */
static void test_reflected(void **state)
{
	struct hb_probe_keys keys = derive('1', 0);
	uint8_t data[HB_PROBE_BYTES];

	(void)state;
	hb_probe_encode(&ROUTE, &PROBE, &keys, data);
	assert_int_equal(decode(data, sizeof data, &keys), HB_REFUSED_SENDER);
}

static void test_rotation(void **state)
{
	struct hb_probe_keys old = derive('1', 0), both = derive('2', '1'), new = derive('2', 0);
	uint8_t data[HB_PROBE_BYTES];

	(void)state;
	assert_int_equal(both.n, 2);
	assert_int_equal(both.sign, 0);
	make_answer(data, &old);
	assert_int_equal(decode(data, sizeof data, &both), HB_OK);
	assert_int_equal(decode(data, sizeof data, &new), HB_REFUSED_KEY);
	make_answer(data, &both);
	assert_int_equal(decode(data, sizeof data, &new), HB_OK);
	assert_int_equal(decode(data, sizeof data, &old), HB_REFUSED_KEY);
	both.sign = 1;
	hb_probe_encode(&ROUTE, &PROBE, &both, data);
	probe_make_answer(data, &ANSWER, &both);
	assert_int_equal(decode(data, sizeof data, &old), HB_OK);
	new.id[0] = old.id[0]; /* the id of one key with the MAC of another */
	make_answer(data, &new);
	assert_int_equal(decode(data, sizeof data, &old), HB_REFUSED_HMAC);
	new.n = 0; /* nothing to sign with */
	hb_probe_encode(&ROUTE, &PROBE, &new, data);
	assert_int_equal(probe_get(data, PROBE_AT_MAC), 0);
	assert_int_equal(decode(data, sizeof data, &new), HB_REFUSED_KEY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_siphash),	 cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_no_grant), cmocka_unit_test(test_each_bit_counts),
		cmocka_unit_test(test_refused),	 cmocka_unit_test(test_reflected),
		cmocka_unit_test(test_rotation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
