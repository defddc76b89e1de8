/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The BPF programs, run by the kernel on a corpus of frames (BPF_PROG_TEST_RUN). What devices do
 * (tags in metadata, sums left to them, no link-layer header) is in test_netns_kernel_prog.c.
 */
#include "tests/unit/kernel_rig.h"

#include "hb/bpf/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define PASS   TC_ACT_UNSPEC
#define DROP   TC_ACT_SHOT
#define ANSWER TC_ACT_REDIRECT
#define NONE   KERNEL_COUNT_COUNT_ /* nothing is counted */
#define SECOND 1000000ULL

static struct rig rig;

static int begin(void **state)
{
	(void)state;
	frame_state(rig.state);
	rig.state->progress = 4711;
	rig.state->progress_at = rig_now_us() - 5000;
	return 0;
}

/* All counters, and all the rest of the state, but for `count` are as in `was`. */
static void check_state(const char *name, const struct kernel_state *was, unsigned int count)
{
	struct kernel_state is = *rig.state;

	for (unsigned int i = 0; i < KERNEL_COUNT_COUNT_; i++)
		if (is.count[i] != was->count[i] + (i == count))
			fail_msg("%s: counter %u is %llu, was %llu, only %u was to change", name, i,
				 is.count[i], was->count[i], count);
	memcpy(is.count, was->count, sizeof(is.count));
	if (memcmp(&is, was, sizeof(is)) != 0)
		fail_msg("%s: the state has changed", name);
}

/* The frame is refused or passed on: untouched, nothing but `count` changed. */
static void check_refused(const char *name, const struct frame *f, int verdict, unsigned int count)
{
	struct kernel_state was = *rig.state;
	struct frame out = *f;
	int r = rig_run(&rig, RIG_INGRESS, &out, 1, NULL);

	if (r != verdict)
		fail_msg("%s: verdict %d, not %d", name, r, verdict);
	if (out.n != f->n || memcmp(out.bytes, f->bytes, f->n) != 0)
		fail_msg("%s: the frame was changed", name);
	check_state(name, &was, count);
}

/* Runs an authentic probe, compares the answer byte by byte, and returns its flags. */
static uint8_t check_answer(const char *name, const struct frame *probe)
{
	uint64_t before = rig_now_us(), answered = rig.state->count[KERNEL_COUNT_ANSWERED], token;
	struct frame got = *probe, want;
	int r = rig_run(&rig, RIG_INGRESS, &got, 1, NULL);
	uint8_t flags;

	if (r != ANSWER)
		fail_msg("%s: verdict %d, no answer", name, r);
	token = get_be(frame_payload(&got) + AT_TOKEN, 8);
	flags = frame_payload(&got)[AT_FLAGS];
	assert_int_equal(token >> KERNEL_TIME_BITS, rig.state->word >> KERNEL_TIME_BITS);
	assert_in_range(token & KERNEL_TIME_MASK, before, rig_now_us());
	want = rig_expected(rig.state, probe, token, flags);
	assert_int_equal(got.n, want.n);
	for (size_t i = 0; i < got.n; i++)
		if (got.bytes[i] != want.bytes[i])
			fail_msg("%s: byte %zu of the answer is %02x, not %02x", name, i,
				 got.bytes[i], want.bytes[i]);
	assert_int_equal(rig.state->count[KERNEL_COUNT_ANSWERED], answered + 1);
	return flags;
}

/* ---- probes that are answered ---- */

static void test_answers(void **state)
{
	static const struct {
		const char *name;
		uint8_t from, link;
		unsigned int tags;
	} cases[] = {
		{"IPv4", 1, 0, 0},
		{"IPv6", 1, 1, 0},
		{"IPv4, another peer", 2, 0, 0},
		{"IPv4 in a VLAN", 1, 0, 1},
		{"IPv6 in a VLAN", 1, 1, 1},
		{"IPv4 in two VLANs", 2, 0, 2},
		{"IPv6 in two VLANs", 2, 1, 2},
	};
	uint64_t stamp = 0;
	struct frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (unsigned int key = 0; key < 2; key++) {
			static const struct kernel_key keys[] = FRAME_KEYS;

			frame_probe(&f, cases[i].from, cases[i].link, cases[i].tags, ++stamp);
			put32(frame_payload(&f) + AT_KEY, keys[key].id);
			frame_sign(&f);
			frame_sums(&f, false);
			assert_int_equal(check_answer(cases[i].name, &f), KERNEL_FLAG_GONE);
		}
	}
	/* a third tag is not looked behind */
	frame_probe(&f, 1, 0, 3, ++stamp);
	check_refused("three tags", &f, PASS, NONE);
}

/* A sum of 0 in IPv4 means none, and stays; every sum that can come of the answer is right. */
static void test_sums(void **state)
{
	struct frame f;

	(void)state;
	frame_probe(&f, 1, 0, 0, 1);
	put16(f.bytes + f.transport + 6, 0);
	(void)check_answer("no sum", &f);
	for (uint64_t stamp = 2; stamp < 1000; stamp++) {
		frame_probe(&f, 1, stamp & 1, 0, stamp);
		(void)check_answer("sums", &f);
	}
}

static void test_agent_is_there(void **state)
{
	struct frame f;

	(void)state;
	for (uint8_t link = 0; link < 2; link++) {
		int fd = rig_socket(link);

		assert_true(fd >= 0);
		frame_probe(&f, 1, link, 0, 1);
		assert_int_equal(check_answer("with a socket", &f), 0);
		close(fd);
		frame_probe(&f, 1, link, 0, 2);
		assert_int_equal(check_answer("without a socket", &f), KERNEL_FLAG_GONE);
	}
}

/* ---- what goes in and what it does ---- */

struct field {
	int at;
	uint64_t value;
};

static struct frame probe_with(uint64_t stamp, const struct field *fields, size_t n)
{
	struct frame f;

	frame_probe(&f, 1, 0, 0, stamp);
	for (size_t i = 0; i < n; i++) {
		if (fields[i].at == AT_FLAGS)
			frame_payload(&f)[AT_FLAGS] = (uint8_t)fields[i].value;
		else
			put64(frame_payload(&f) + fields[i].at, fields[i].value);
	}
	frame_sign(&f);
	frame_sums(&f, false);
	return f;
}

#define PROBE_WITH(stamp, ...)                                 \
	probe_with(stamp, (const struct field[]){__VA_ARGS__}, \
		   sizeof((const struct field[]){__VA_ARGS__}) / sizeof(struct field))

static void test_lease_in_answers(void **state)
{
	uint64_t now = rig_now_us(), token;
	struct frame f;

	(void)state;
	lease_set_word(rig.state, 5, now + 60 * SECOND, 9, 9);
	frame_probe(&f, 1, 0, 0, 1);
	assert_int_equal(check_answer("leased", &f), KERNEL_FLAG_LEASED | KERNEL_FLAG_GONE);

	/* a grant is taken (K4) */
	token = 5ULL << KERNEL_TIME_BITS | now;
	f = PROBE_WITH(2, {AT_FLAGS, KERNEL_FLAG_GRANT}, {AT_TOKEN, token}, {AT_LEASE, 1000});
	(void)check_answer("grant", &f);
	assert_int_equal(rig.state->peer[1].grant, token + 1000);
	assert_int_equal(rig.state->count[KERNEL_COUNT_GRANT], 1);

	/* one of another generation is not, nor one for another incarnation of ours */
	f = PROBE_WITH(3, {AT_FLAGS, KERNEL_FLAG_GRANT}, {AT_TOKEN, 4ULL << KERNEL_TIME_BITS | now},
		       {AT_LEASE, 9000});
	(void)check_answer("stale grant", &f);
	assert_int_equal(rig.state->count[KERNEL_COUNT_LAPSED], 1);
	f = PROBE_WITH(4, {AT_FLAGS, KERNEL_FLAG_GRANT}, {AT_TOKEN, token}, {AT_LEASE, 9000},
		       {AT_TO_INCARNATION, FRAME_INCARNATION - 1});
	(void)check_answer("for another life", &f);
	assert_int_equal(rig.state->count[KERNEL_COUNT_UNVERIFIED], 1);
	assert_int_equal(rig.state->peer[1].grant, token + 1000);

	/* in our agent's name (K8) */
	rig.state->grant_lease_us = 4321;
	rig.state->peer[1].grant_excluded = 8;
	rig.state->peer[1].grant_incarnation = FRAME_PEER;
	f = PROBE_WITH(5, {AT_LEASE_EPOCH, 8});
	assert_int_equal(check_answer("granted", &f),
			 KERNEL_FLAG_GRANT | KERNEL_FLAG_LEASED | KERNEL_FLAG_GONE);
	assert_in_range(rig.state->peer[1].granted_at, now, rig_now_us());
	f = PROBE_WITH(6, {AT_LEASE_EPOCH, 7});
	assert_int_equal(check_answer("L8", &f), KERNEL_FLAG_LEASED | KERNEL_FLAG_GONE);

	/* a refusal ends the lease at once (K5) */
	f = PROBE_WITH(7, {AT_FLAGS, KERNEL_FLAG_OUTSIDE}, {AT_ACCEPTED, 10});
	assert_int_equal(check_answer("refusal", &f), KERNEL_FLAG_GONE);
	assert_int_equal(rig.state->refused_epoch, 10);
	assert_int_equal(rig.state->refused_by, 1);
}

/* ---- probes that are refused ---- */

enum part { ETHERNET, NETWORK, TRANSPORT, PROBE };

/* A change of a good probe. */
struct bad {
	const char *name;
	enum part part;
	int at;
	uint8_t value;
	bool sign;
	int verdict;
	unsigned int count;
};

static uint8_t *part_of(struct frame *f, enum part part)
{
	switch (part) {
	case ETHERNET:
		return f->bytes;
	case NETWORK:
		return f->bytes + f->network;
	case TRANSPORT:
		return f->bytes + f->transport;
	case PROBE:
		return frame_payload(f);
	}
	return NULL;
}

static const struct bad bad_both[] = {
	{"magic", PROBE, 3, 'q', true, PASS, NONE},
	{"an answer", PROBE, AT_TYPE, 2, true, PASS, NONE},
	{"type 0", PROBE, AT_TYPE, 0, true, DROP, KERNEL_COUNT_FORMAT},
	{"type 3", PROBE, AT_TYPE, 3, true, DROP, KERNEL_COUNT_FORMAT},
	{"type 3, unsigned", PROBE, AT_TYPE, 3, false, DROP, KERNEL_COUNT_MAC},
	{"version 0", PROBE, AT_VERSION, 0, true, DROP, KERNEL_COUNT_VERSION},
	{"version 2", PROBE, AT_VERSION, 2, true, DROP, KERNEL_COUNT_VERSION},
	{"cluster, first byte", PROBE, AT_CLUSTER, 0x12, true, DROP, KERNEL_COUNT_CLUSTER},
	{"cluster, last byte", PROBE, AT_CLUSTER + 7, 0, true, DROP, KERNEL_COUNT_CLUSTER},
	{"reflected", PROBE, AT_FROM, 0, true, DROP, KERNEL_COUNT_SENDER},
	{"from another peer", PROBE, AT_FROM, 2, true, DROP, KERNEL_COUNT_SENDER},
	{"from no peer", PROBE, AT_FROM, 3, true, DROP, KERNEL_COUNT_SENDER},
	{"from beyond the nodes", PROBE, AT_FROM, 4, true, DROP, KERNEL_COUNT_SENDER},
	{"from beyond all", PROBE, AT_FROM, 33, true, DROP, KERNEL_COUNT_SENDER},
	{"to another node", PROBE, AT_TO, 2, true, DROP, KERNEL_COUNT_SENDER},
	{"to the sender", PROBE, AT_TO, 1, true, DROP, KERNEL_COUNT_SENDER},
	{"link beyond the links", PROBE, AT_LINK, 2, true, DROP, KERNEL_COUNT_SENDER},
	{"link beyond all", PROBE, AT_LINK, 8, true, DROP, KERNEL_COUNT_SENDER},
	{"link 255", PROBE, AT_LINK, 255, true, DROP, KERNEL_COUNT_SENDER},
	{"key, first byte", PROBE, AT_KEY, 0, false, DROP, KERNEL_COUNT_KEY},
	{"key, last byte", PROBE, AT_KEY + 3, 0, false, DROP, KERNEL_COUNT_KEY},
	{"MAC, first byte", PROBE, AT_MAC, 0x5b, false, DROP, KERNEL_COUNT_MAC},
	{"MAC, last byte", PROBE, AT_MAC + 15, 0x5b, false, DROP, KERNEL_COUNT_MAC},
	{"stamp, unsigned", PROBE, AT_STAMP, 1, false, DROP, KERNEL_COUNT_MAC},
	{"flag of an answer", PROBE, AT_FLAGS, 4, true, DROP, KERNEL_COUNT_FORMAT},
	{"unknown flag", PROBE, AT_FLAGS, 0x80, true, DROP, KERNEL_COUNT_FORMAT},
	{"zeros, first byte", PROBE, AT_ZERO, 1, true, DROP, KERNEL_COUNT_FORMAT},
	{"zeros, second byte", PROBE, AT_ZERO + 1, 1, true, DROP, KERNEL_COUNT_FORMAT},
	{"source port", TRANSPORT, 1, 1, true, DROP, KERNEL_COUNT_SENDER},
	{"port", TRANSPORT, 3, 1, true, PASS, NONE},
	{"UDP shorter", TRANSPORT, 5, 127, true, DROP, KERNEL_COUNT_SIZE},
	{"UDP longer", TRANSPORT, 5, 129, true, DROP, KERNEL_COUNT_SIZE},
	{"UDP much longer", TRANSPORT, 4, 4, true, DROP, KERNEL_COUNT_SIZE},
	{"from many", ETHERNET, 6, 3, true, DROP, KERNEL_COUNT_SENDER},
	{"to a MAC of another", ETHERNET, 5, 9, true, PASS, NONE},
	{"to a multicast MAC", ETHERNET, 0, 1, true, DROP, KERNEL_COUNT_SENDER},
	{"not IP", ETHERNET, 12, 0x99, true, PASS, NONE},
};

static const struct bad bad_v4[] = {
	{"another link", PROBE, AT_LINK, 1, true, DROP, KERNEL_COUNT_SENDER},
	{"another source", NETWORK, 15, 9, true, DROP, KERNEL_COUNT_SENDER},
	{"source of a multicast", NETWORK, 12, 239, true, DROP, KERNEL_COUNT_SENDER},
	{"source 0.x", NETWORK, 12, 0, true, DROP, KERNEL_COUNT_SENDER},
	{"another destination", NETWORK, 19, 9, true, PASS, NONE},
	{"multicast", NETWORK, 16, 239, true, PASS, NONE},
	{"broadcast of the subnet", NETWORK, 19, 255, true, PASS, NONE},
	{"total length shorter", NETWORK, 3, 147, true, DROP, KERNEL_COUNT_SIZE},
	{"total length longer", NETWORK, 3, 149, true, DROP, KERNEL_COUNT_SIZE},
	{"first fragment", NETWORK, 6, 0x20, true, DROP, KERNEL_COUNT_SIZE},
	{"second fragment", NETWORK, 7, 1, true, PASS, NONE},
	{"late fragment", NETWORK, 6, 0x10, true, PASS, NONE},
	{"version 5", NETWORK, 0, 0x55, true, DROP, KERNEL_COUNT_SIZE},
	{"header of 16", NETWORK, 0, 0x44, true, PASS, NONE},
	{"TCP", NETWORK, 9, 6, true, PASS, NONE},
};

static const struct bad bad_v6[] = {
	{"another link", PROBE, AT_LINK, 0, true, DROP, KERNEL_COUNT_SENDER},
	{"another source", NETWORK, 23, 9, true, DROP, KERNEL_COUNT_SENDER},
	{"source of a multicast", NETWORK, 8, 0xff, true, DROP, KERNEL_COUNT_SENDER},
	{"another destination", NETWORK, 39, 9, true, PASS, NONE},
	{"multicast", NETWORK, 24, 0xff, true, PASS, NONE},
	{"payload shorter", NETWORK, 5, 127, true, DROP, KERNEL_COUNT_SIZE},
	{"payload longer", NETWORK, 5, 129, true, DROP, KERNEL_COUNT_SIZE},
	{"hop-by-hop options", NETWORK, 6, 0, true, PASS, NONE},
	{"fragment header", NETWORK, 6, 44, true, PASS, NONE},
	{"TCP", NETWORK, 6, 6, true, PASS, NONE},
};

static void check_bad(const struct bad *bad, size_t n, uint8_t link, unsigned int tags)
{
	char name[96];
	struct frame f;

	for (size_t i = 0; i < n; i++) {
		uint8_t *at;

		(void)snprintf(name, sizeof(name), "%s, link %u, %u tags", bad[i].name, link, tags);
		frame_probe(&f, 1, link, tags, 0x1000);
		if (bad[i].part == ETHERNET && bad[i].at == 12)
			at = f.bytes + f.network - 2;
		else
			at = part_of(&f, bad[i].part) + bad[i].at;
		if (*at == bad[i].value)
			fail_msg("%s: no change", name);
		*at = bad[i].value;
		if (bad[i].sign)
			frame_sign(&f);
		check_refused(name, &f, bad[i].verdict, bad[i].count);
	}
}

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void test_refused(void **state)
{
	(void)state;
	for (unsigned int tags = 0; tags <= 2; tags++) {
		check_bad(bad_both, COUNT(bad_both), 0, tags);
		check_bad(bad_both, COUNT(bad_both), 1, tags);
		check_bad(bad_v4, COUNT(bad_v4), 0, tags);
		check_bad(bad_v6, COUNT(bad_v6), 1, tags);
	}
}

/* An incarnation of 0 means none everywhere. */
static void test_no_incarnation(void **state)
{
	struct frame f = PROBE_WITH(1, {AT_INCARNATION, 0});

	(void)state;
	check_refused("prober without", &f, DROP, KERNEL_COUNT_FORMAT);
	frame_probe(&f, 1, 0, 0, 1);
	rig.state->incarnation = 0;
	check_refused("no agent yet", &f, PASS, NONE);
	rig.state->port = 0;
	check_refused("no agent ever", &f, PASS, NONE);
}

/* An absent address is never that of a packet; an absent key signs nothing. */
static void test_unset(void **state)
{
	struct frame f;

	(void)state;
	frame_probe(&f, 1, 1, 0, 1);
	memset(f.bytes + f.network + 8, 0, 16);
	memset(rig.state->peer[1].address[1], 0, 16);
	check_refused("source ::", &f, DROP, KERNEL_COUNT_SENDER);
	frame_probe(&f, 1, 1, 0, 1);
	memset(f.bytes + f.network + 24, 0, 16);
	memset(rig.state->address[1], 0, 16);
	check_refused("destination ::", &f, PASS, NONE);
	frame_probe(&f, 1, 0, 0, 1);
	rig.state->key[0].present = 0;
	check_refused("key taken out", &f, DROP, KERNEL_COUNT_KEY);
}

/* What the map has beyond the numbers of nodes and links does not count, nor what it has of us. */
static void test_beyond(void **state)
{
	static const struct {
		const char *name;
		int at;
		uint8_t value;
	} cases[] = {
		{"ourselves", AT_FROM, 0},   {"node 4 of 4", AT_FROM, 4}, {"node 36", AT_FROM, 36},
		{"link 2 of 2", AT_LINK, 2}, {"link 10", AT_LINK, 10},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct kernel_state *s = rig.state;
		struct frame f;

		frame_probe(&f, 1, 0, 0, 1);
		frame_payload(&f)[cases[i].at] = cases[i].value;
		frame_sign(&f);
		s->peer[0].configured = s->peer[4].configured = 1;
		memcpy(s->peer[0].address, s->peer[1].address, sizeof(s->peer[0].address));
		memcpy(s->peer[4].address, s->peer[1].address, sizeof(s->peer[4].address));
		memcpy(s->peer[1].address[2], s->peer[1].address[0], 16);
		memcpy(s->address[2], s->address[0], 16);
		check_refused(cases[i].name, &f, DROP, KERNEL_COUNT_SENDER);
	}
}

static void test_each_byte_counts(void **state)
{
	struct frame f;

	(void)state;
	for (int at = 0; at < KERNEL_PROBE_BYTES; at++) {
		struct kernel_state was = *rig.state;
		struct frame out;
		int r;

		frame_probe(&f, 1, at & 1, 0, 0x1000);
		frame_payload(&f)[at] ^= 1;
		out = f;
		r = rig_run(&rig, RIG_INGRESS, &out, 1, NULL);
		if (r == ANSWER)
			fail_msg("byte %d is not looked at", at);
		assert_memory_equal(out.bytes, f.bytes, f.n);
		memcpy(was.count, rig.state->count, sizeof(was.count));
		assert_memory_equal(&was, rig.state, sizeof(was));
	}
}

/* Frames cut off anywhere, and with more behind. TEST_RUN wants whole headers of what it
 * takes for IP, which is not what is behind a tag. */
static void test_lengths(void **state)
{
	char name[64];

	(void)state;
	for (uint8_t link = 0; link < 2; link++) {
		for (unsigned int tags = 0; tags <= 2; tags++) {
			struct frame f, part;
			size_t known;

			frame_probe(&f, 1, link, tags, 0x1000);
			known = f.transport + 8 + 8; /* magic to `to` */
			for (size_t n = tags ? 15 : f.transport; n <= f.n + 40; n++) {
				if (n == f.n)
					continue;
				part = f;
				part.n = n;
				(void)snprintf(name, sizeof(name), "%zu bytes, link %u, %u tags", n,
					       link, tags);
				check_refused(name, &part, n < known ? PASS : DROP,
					      n < known ? NONE : KERNEL_COUNT_SIZE);
			}
		}
	}
}

/* Source routes and the like are not followed; without our magic they are none of our business. */
static void test_options(void **state)
{
	struct frame f, plain;

	(void)state;
	for (unsigned int words = 1; words <= 10; words++) {
		frame_probe(&plain, 1, 0, 0, 0x1000);
		f = plain;
		memcpy(f.bytes + f.transport + 4 * words, plain.bytes + plain.transport,
		       plain.n - plain.transport);
		memset(f.bytes + f.transport, 1, 4 * words); /* no-operation */
		f.bytes[f.network] = (uint8_t)(0x45 + words);
		f.n += 4 * words;
		f.transport += 4 * words;
		put16(f.bytes + f.network + 2, f.n - f.network);
		frame_sums(&f, false);
		check_refused("options", &f, DROP, KERNEL_COUNT_SIZE);
		frame_payload(&f)[0] ^= 1;
		check_refused("options, not ours", &f, PASS, NONE);
	}
}

static void test_replays(void **state)
{
	struct frame f;

	(void)state;
	frame_probe(&f, 1, 0, 0, 100);
	(void)check_answer("first", &f);
	check_refused("twice", &f, DROP, KERNEL_COUNT_REPLAY);
	frame_probe(&f, 1, 0, 0, 99);
	check_refused("older", &f, DROP, KERNEL_COUNT_REPLAY);
	frame_probe(&f, 1, 1, 0, 50); /* links and peers count by themselves */
	(void)check_answer("another link", &f);
	frame_probe(&f, 2, 0, 0, 50);
	(void)check_answer("another peer", &f);
	frame_probe(&f, 1, 0, 0, 101);
	(void)check_answer("newer", &f);
	f = PROBE_WITH(1, {AT_INCARNATION, FRAME_PEER + 1});
	(void)check_answer("next life", &f);
	f = PROBE_WITH(2, {AT_INCARNATION, FRAME_PEER + 1}, {AT_TO_INCARNATION, 0});
	(void)check_answer("who does not know us", &f);
	frame_probe(&f, 1, 0, 0, 1000);
	check_refused("former life", &f, DROP, KERNEL_COUNT_REPLAY);
	f = PROBE_WITH(0, {AT_INCARNATION, FRAME_PEER + 2});
	(void)check_answer("stamp 0 of a new life", &f);
	check_refused("stamp 0 again", &f, DROP, KERNEL_COUNT_REPLAY);
}

/* ---- the lease filter ---- */

static const uint8_t fip_v4[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [13] = 1, [15] = 200};
static const uint8_t fip_v6[16] = {0xfd, [15] = 200};

struct packet {
	const char *name;
	enum rig_program program;
	bool l3; /* also without a link-layer header */
	void (*make)(struct frame *f, const uint8_t fip[16], const uint8_t peer[16]);
	bool v6;
	bool dropped; /* without a lease */
};

static void make_to(struct frame *f, const uint8_t fip[16], const uint8_t peer[16])
{
	frame_ip(f, peer, fip, 6, 40);
}

static void make_from(struct frame *f, const uint8_t fip[16], const uint8_t peer[16])
{
	frame_ip(f, fip, peer, 6, 40);
}

static void make_to_fragment(struct frame *f, const uint8_t fip[16], const uint8_t peer[16])
{
	frame_ip(f, peer, fip, 17, 8);
	if (!f->v6)
		put16(f->bytes + f->network + 6, 100);
	else
		f->bytes[f->network + 6] = 44;
}

static void make_from_bare(struct frame *f, const uint8_t fip[16], const uint8_t peer[16])
{
	frame_ip(f, fip, peer, 59, 0); /* nothing behind the base header */
}

static void make_other(struct frame *f, const uint8_t fip[16], const uint8_t peer[16])
{
	uint8_t other[16];

	memcpy(other, fip, 16);
	other[14] ^= 0x10;
	frame_ip(f, other, peer, 6, 40);
}

static void make_other_in(struct frame *f, const uint8_t fip[16], const uint8_t peer[16])
{
	uint8_t other[16];

	memcpy(other, fip, 16);
	other[f->v6 ? 3 : 14] ^= 0x10; /* IPv6: of the same class, so that the map decides */
	frame_ip(f, peer, other, 6, 40);
}

/* An ARP message; NULL: 0.0.0.0. */
static void make_arp(struct frame *f, uint16_t operation, const uint8_t *sender,
		     const uint8_t *target)
{
	uint8_t *arp;

	put16(f->bytes + f->network - 2, 0x0806);
	arp = f->bytes + f->network;
	put64(arp, 0x0001080006040000ULL | operation);
	memcpy(arp + 8, f->bytes + 6, 6);
	if (sender)
		memcpy(arp + 14, sender + 12, 4);
	if (target)
		memcpy(arp + 24, target + 12, 4);
	f->n = f->network + 28;
}

static void make_arp_ask(struct frame *f, const uint8_t fip[16], const uint8_t peer[16])
{
	make_arp(f, 1, peer, fip);
}

static void make_arp_tell(struct frame *f, const uint8_t fip[16], const uint8_t peer[16])
{
	make_arp(f, 2, fip, peer);
}

static void make_arp_announce(struct frame *f, const uint8_t fip[16], const uint8_t peer[16])
{
	(void)peer;
	make_arp(f, 1, fip, fip);
}

static void make_arp_probe(struct frame *f, const uint8_t fip[16], const uint8_t peer[16])
{
	(void)peer;
	make_arp(f, 1, NULL, fip);
}

static void make_arp_odd(struct frame *f, const uint8_t fip[16], const uint8_t peer[16])
{
	make_arp(f, 1, peer, fip);
	f->bytes[f->network + 4] = 8; /* link addresses of another kind: elsewhere in the packet */
}

static void make_nd(struct frame *f, uint8_t type, const uint8_t *sender, const uint8_t *target)
{
	static const uint8_t group[16] = {0xff, 2, [11] = 1, 0xff, [15] = 200};
	static const uint8_t none[16];
	uint8_t *icmp;

	frame_ip(f, sender ? sender : none, group, 58, 24);
	icmp = f->bytes + f->transport;
	icmp[0] = type;
	memcpy(icmp + 8, target, 16);
}

static void make_nd_ask(struct frame *f, const uint8_t fip[16], const uint8_t peer[16])
{
	make_nd(f, 135, peer, fip);
}

static void make_nd_probe(struct frame *f, const uint8_t fip[16], const uint8_t peer[16])
{
	(void)peer;
	make_nd(f, 135, NULL, fip);
}

static void make_nd_tell(struct frame *f, const uint8_t fip[16], const uint8_t peer[16])
{
	make_nd(f, 136, peer, fip); /* from another of our addresses */
}

static void make_nd_other(struct frame *f, const uint8_t fip[16], const uint8_t peer[16])
{
	(void)fip;
	make_nd(f, 135, peer, peer);
}

static void make_nd_short(struct frame *f, const uint8_t fip[16], const uint8_t peer[16])
{
	make_nd(f, 135, peer, fip);
	f->n--;
}

static const struct packet packets[] = {
	{"to it", RIG_INGRESS, true, make_to, false, true},
	{"to it", RIG_INGRESS, true, make_to, true, true},
	{"a fragment to it", RIG_INGRESS, true, make_to_fragment, false, true},
	{"a fragment to it", RIG_INGRESS, true, make_to_fragment, true, true},
	{"from it", RIG_EGRESS, true, make_from, false, true},
	{"from it", RIG_EGRESS, true, make_from, true, true},
	{"an empty one from it", RIG_EGRESS, true, make_from_bare, false, true},
	{"an empty one from it", RIG_EGRESS, true, make_from_bare, true, true},
	{"to it, out", RIG_EGRESS, true, make_to, false, false},
	{"to it, out", RIG_EGRESS, true, make_to, true, false},
	{"from it, in", RIG_INGRESS, true, make_from, false, false},
	{"from it, in", RIG_INGRESS, true, make_from, true, false},
	{"from another", RIG_EGRESS, true, make_other, false, false},
	{"from another", RIG_EGRESS, true, make_other, true, false},
	{"to another", RIG_INGRESS, true, make_other_in, false, false},
	{"to another", RIG_INGRESS, true, make_other_in, true, false},
	{"ARP request for it", RIG_INGRESS, false, make_arp_ask, false, true},
	{"ARP reply of it", RIG_EGRESS, false, make_arp_tell, false, true},
	{"ARP reply of it, in", RIG_INGRESS, false, make_arp_tell, false, false},
	{"ARP request for it, out", RIG_EGRESS, false, make_arp_ask, false, false},
	{"ARP announcement", RIG_EGRESS, false, make_arp_announce, false, true},
	{"ARP announcement, in", RIG_INGRESS, false, make_arp_announce, false, true},
	{"ARP probe of ours", RIG_EGRESS, false, make_arp_probe, false, false},
	{"ARP probe of another", RIG_INGRESS, false, make_arp_probe, false, true},
	{"ARP of another link layer", RIG_INGRESS, false, make_arp_odd, false, false},
	{"solicitation", RIG_INGRESS, true, make_nd_ask, true, true},
	{"solicitation for another", RIG_INGRESS, true, make_nd_other, true, false},
	{"solicitation cut off", RIG_INGRESS, true, make_nd_short, true, false},
	{"solicitation of ours", RIG_EGRESS, true, make_nd_ask, true, false},
	{"probe of ours", RIG_EGRESS, true, make_nd_probe, true, false},
	{"probe of another", RIG_INGRESS, true, make_nd_probe, true, true},
	{"advertisement", RIG_EGRESS, true, make_nd_tell, true, true},
	{"advertisement, in", RIG_INGRESS, true, make_nd_tell, true, false},
};

static void check_packet(const struct packet *p, enum rig_program program, unsigned int tags,
			 bool leased, const char *when)
{
	bool in = program == RIG_INGRESS || program == RIG_INGRESS_L3;
	bool dropped = p->dropped && !leased;
	struct kernel_state was = *rig.state;
	uint8_t peer[16];
	struct frame f;
	char name[128];
	int r;

	frame_address(peer, 1, p->v6);
	frame_ethernet(&f, p->v6 ? 0x86dd : 0x0800, tags);
	p->make(&f, p->v6 ? fip_v6 : fip_v4, peer);
	(void)snprintf(name, sizeof(name), "%s, %s, IPv%d, %u tags, %s", when, p->name,
		       p->v6 ? 6 : 4, tags, rig_names[program]);
	r = rig_run(&rig, program, &f, 1, NULL);
	if (r != (dropped ? DROP : PASS))
		fail_msg("%s: verdict %d", name, r);
	check_state(name, &was,
		    !dropped ? NONE
		    : in     ? KERNEL_COUNT_DROPPED_IN
			     : KERNEL_COUNT_DROPPED_OUT);
}

static void check_packets(bool leased, const char *when)
{
	for (size_t i = 0; i < COUNT(packets); i++) {
		for (unsigned int tags = 0; tags <= 2; tags++)
			check_packet(&packets[i], packets[i].program, tags, leased, when);
		if (packets[i].l3)
			check_packet(&packets[i], packets[i].program + RIG_INGRESS_L3, 0, leased,
				     when);
	}
}

static void protect(const uint8_t fip[16])
{
	const __u32 one = 1;

	lease_hint_set(rig.state, fip);
	assert_int_equal(bpf_map_update_elem(rig.addresses, fip, &one, BPF_ANY), 0);
}

static void grant(uint8_t node, uint64_t generation, uint64_t until)
{
	rig.state->peer[node].grant = generation << KERNEL_TIME_BITS | until;
}

static void test_filter(void **state)
{
	uint64_t now = rig_now_us(), later = now + 600 * SECOND;

	(void)state;
	check_packets(true, "nothing protected");
	protect(fip_v4);
	protect(fip_v6);
	check_packets(false, "no lease");
	lease_set_word(rig.state, 1, later, 3, 3);
	check_packets(true, "by the agent's word");
	rig.state->refused = 1ULL << KERNEL_TIME_BITS | 1;
	check_packets(false, "refused");
	lease_set_word(rig.state, 2, later, 4, 4);
	check_packets(true, "another lease");
	lease_set_word(rig.state, 2, now - 1, 4, 4);
	check_packets(false, "lapsed");
	grant(1, 2, later);
	check_packets(false, "two votes of four");
	grant(2, 2, later);
	check_packets(true, "by grants");
	grant(2, 2, now - 1);
	check_packets(false, "a grant is over");
	grant(2, 1, later);
	check_packets(false, "a grant of another lease");
	grant(2, 2, later);
	lease_set_word(rig.state, 2, 0, 4, 4);
	check_packets(false, "the agent says no");
	lease_set_word(rig.state, 3, later, 4, 4);
	rig.state->votes_total = 1; /* alone */
	check_packets(true, "single node");
	lease_set_word(rig.state, 4, now - 1, 4, 4);
	check_packets(true, "single node, by its own vote");
	rig.state->votes_total = 4;
	check_packets(false, "its own vote alone");
	lease_hint_only(rig.state, NULL, 0);
	check_packets(true, "no hint");
	assert_int_equal(bpf_map_delete_elem(rig.addresses, fip_v4), 0);
	assert_int_equal(bpf_map_delete_elem(rig.addresses, fip_v6), 0);
	lease_hint_set(rig.state, fip_v4);
	lease_hint_set(rig.state, fip_v6);
	check_packets(true, "a hint, but no address");
}

/* A full map: each address is found, each of its neighbours is not. */
static void test_filter_many(void **state)
{
	uint8_t peer[16], fip[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [13] = 9};
	struct frame f;
	const __u32 one = 1;

	(void)state;
	frame_address(peer, 1, 0);
	for (unsigned int i = 0; i < 512; i++) {
		put16(fip + 14, 2 * i);
		protect(fip);
	}
	put16(fip + 14, 1);
	assert_int_equal(bpf_map_update_elem(rig.addresses, fip, &one, BPF_ANY), -E2BIG);
	for (unsigned int i = 0; i < 1024; i++) {
		put16(fip + 14, i);
		frame_ethernet(&f, 0x0800, 0);
		make_to(&f, fip, peer);
		assert_int_equal(rig_run(&rig, RIG_INGRESS, &f, 1, NULL), i & 1 ? PASS : DROP);
	}
	for (unsigned int i = 0; i < 512; i++) {
		put16(fip + 14, 2 * i);
		assert_int_equal(bpf_map_delete_elem(rig.addresses, fip), 0);
	}
}

/* Probes and answers are not what the filter is about. */
static void test_probe_without_lease(void **state)
{
	struct frame f;

	(void)state;
	protect(fip_v4);
	frame_probe(&f, 1, 0, 0, 1);
	(void)check_answer("protected addresses, no lease", &f);
	assert_int_equal(bpf_map_delete_elem(rig.addresses, fip_v4), 0);
}

/* ---- at random ---- */

static uint64_t random_state = 42;

static uint64_t random_below(uint64_t n) /* splitmix64 */
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (z ^ z >> 31) % n;
}

static void mutate(struct frame *f)
{
	for (uint64_t i = 0, n = 1 + random_below(4); i < n; i++)
		f->bytes[random_below(f->n)] ^= (uint8_t)(1 << random_below(8));
	if (random_below(8) == 0)
		f->n = 14 + random_below(f->n + 20);
}

/* Whatever is not the same datagram from the same to the same address changes but a counter. */
static void check_mutation(const struct frame *good, struct frame *f, unsigned int *answers)
{
	struct kernel_state was = *rig.state;
	struct frame out = *f;
	uint64_t counted = 0;
	int r = rig_run(&rig, RIG_INGRESS, &out, 1, NULL);

	if (r == ANSWER) {
		const struct frame *g = good;

		/* payload, ports, length and addresses are those of the good one */
		assert_memory_equal(f->bytes + g->transport, g->bytes + g->transport, 6);
		assert_memory_equal(f->bytes + g->transport + 8, g->bytes + g->transport + 8,
				    KERNEL_PROBE_BYTES);
		assert_memory_equal(f->bytes + g->network + (g->v6 ? 8 : 12),
				    g->bytes + g->network + (g->v6 ? 8 : 12), g->v6 ? 32 : 8);
		assert_int_equal(f->n, out.n);
		assert_int_equal(f->n, g->n);
		++*answers;
		*rig.state = was;
		return;
	}
	assert_int_equal(out.n, f->n);
	assert_memory_equal(out.bytes, f->bytes, f->n);
	for (unsigned int i = 0; i < KERNEL_COUNT_COUNT_; i++)
		counted += rig.state->count[i] - was.count[i];
	assert_int_equal(counted, r == DROP ? 1 : 0);
	memcpy(was.count, rig.state->count, sizeof(was.count));
	assert_memory_equal(&was, rig.state, sizeof(was));
}

static void test_mutations(void **state)
{
	unsigned int answers = 0, rounds = 60000;

	(void)state;
	for (unsigned int i = 0; i < rounds; i++) {
		struct frame good, f;

		frame_probe(&good, 1 + (i & 1), i >> 1 & 1, (i >> 2) % 3, 0x1000);
		f = good;
		mutate(&f);
		check_mutation(&good, &f, &answers);
	}
	print_message("%u mutations, %u still were the probe and were answered\n", rounds, answers);
	assert_in_range(answers, 1, rounds / 2);
}

/* ---- figures ---- */

static void measure(const char *name, enum rig_program program, const struct frame *f)
{
	struct frame copy = *f;
	uint32_t ns = 0;

	assert_true(rig_run(&rig, program, &copy, 200000, &ns) >= -1);
	print_message("  %-34s %u ns\n", name, ns);
}

/* What an empty program costs there. */
static void measure_nothing(const struct frame *f)
{
	static const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = TC_ACT_UNSPEC},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->bytes, .data_size_in = (__u32)f->n,
		    .repeat = 200000);
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "nothing", "GPL", pass, COUNT(pass), NULL);

	assert_true(fd >= 0);
	assert_int_equal(bpf_prog_test_run_opts(fd, &opts), 0);
	print_message("  %-34s %u ns\n", "an empty program", opts.duration);
	close(fd);
}

/* For the log; how it looks beside a packet's whole way is measured by tests/bench. */
static void test_cost(void **state)
{
	uint64_t now = rig_now_us();
	uint8_t peer[16], ours[16];
	struct frame other, to, from, strange;

	(void)state;
	frame_address(peer, 1, 0);
	frame_address(ours, 0, 0);
	frame_ethernet(&other, 0x0800, 0);
	frame_ip(&other, peer, ours, 6, 40);
	frame_ethernet(&to, 0x0800, 0);
	make_to(&to, fip_v4, peer);
	frame_ethernet(&from, 0x0800, 0);
	make_from(&from, fip_v4, peer);
	frame_probe(&strange, 1, 0, 0, 1);
	frame_payload(&strange)[AT_MAC] ^= 1;
	measure_nothing(&other);
	measure("in, nothing protected", RIG_INGRESS, &other);
	measure("out, nothing protected", RIG_EGRESS, &other);
	protect(fip_v4);
	measure("in, another address", RIG_INGRESS, &other);
	measure("out, another address", RIG_EGRESS, &other);
	measure("in, dropped", RIG_INGRESS, &to);
	lease_set_word(rig.state, 1, now + 600 * SECOND, 3, 3);
	measure("in, leased by word", RIG_INGRESS, &to);
	measure("out, leased by word", RIG_EGRESS, &from);
	lease_set_word(rig.state, 1, now - 1, 3, 3);
	grant(1, 1, now + 600 * SECOND);
	grant(2, 1, now + 600 * SECOND);
	measure("in, leased by grants", RIG_INGRESS, &to);
	measure("probe with a forged MAC", RIG_INGRESS, &strange);
	assert_int_equal(bpf_map_delete_elem(rig.addresses, fip_v4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_answers, begin),
		cmocka_unit_test_setup(test_sums, begin),
		cmocka_unit_test_setup(test_agent_is_there, begin),
		cmocka_unit_test_setup(test_lease_in_answers, begin),
		cmocka_unit_test_setup(test_refused, begin),
		cmocka_unit_test_setup(test_no_incarnation, begin),
		cmocka_unit_test_setup(test_unset, begin),
		cmocka_unit_test_setup(test_beyond, begin),
		cmocka_unit_test_setup(test_each_byte_counts, begin),
		cmocka_unit_test_setup(test_lengths, begin),
		cmocka_unit_test_setup(test_options, begin),
		cmocka_unit_test_setup(test_replays, begin),
		cmocka_unit_test_setup(test_filter, begin),
		cmocka_unit_test_setup(test_filter_many, begin),
		cmocka_unit_test_setup(test_probe_without_lease, begin),
		cmocka_unit_test_setup(test_mutations, begin),
		cmocka_unit_test_setup(test_cost, begin),
	};
	int r;

	if (!rig_namespace()) {
		fprintf(stderr, "SKIPPED: needs root, network namespaces and iproute2\n");
		return 77;
	}
	r = rig_load(&rig);
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", r == -EPERM ? "SKIPPED: BPF is refused" : "load",
			strerror(-r));
		return r == -EPERM ? 77 : 1;
	}
	rig_print(&rig);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rig_unload(&rig);
	return r;
}
