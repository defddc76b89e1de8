/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rules K1 to K9 (docs/kernel.md) on plain memory: hb/bpf/lease.h and hb/bpf/writer.h as the BPF
 * programs and the agent run them; and that a delegation is taken back without a gap while another
 * thread grants by it.
 */
#include "tests/unit/kernel_frame.h"

#include "hb/bpf/writer.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>

#define GENERATION 5ULL
#define NOW	   1000000ULL
#define LEASE	   40000ULL
#define MADE	   (GENERATION << KERNEL_TIME_BITS | (NOW - 100)) /* a token */

static struct kernel_state s;

/* We hold a lease by the agent's word, nobody granted yet. */
static int begin(void **state)
{
	(void)state;
	frame_state(&s);
	lease_set_word(&s, GENERATION, NOW + LEASE, 7, 7);
	return 0;
}

static uint64_t counted(enum kernel_count what)
{
	return s.count[what];
}

static struct kernel_probe probe_of(uint8_t from)
{
	return (struct kernel_probe){
		.type = KERNEL_PROBE,
		.from = from,
		.incarnation = FRAME_PEER,
		.stamp = NOW,
		.to_incarnation = FRAME_INCARNATION,
	};
}

static struct kernel_probe granting(uint8_t from, uint64_t token, uint64_t lease_us)
{
	struct kernel_probe p = probe_of(from);

	p.flags = KERNEL_FLAG_GRANT;
	p.token = token;
	p.lease_us = lease_us;
	return p;
}

/* ---- K1 ---- */

static void test_token(void **state)
{
	(void)state;
	assert_int_equal(lease_token(&s, NOW), GENERATION << 52 | NOW);
	lease_set_word(&s, 4096 + 6, NOW, 7, 7); /* generations have 12 bits */
	assert_int_equal(lease_token(&s, NOW), 6ULL << 52 | NOW);
	assert_int_equal(lease_token(&s, KERNEL_TIME_MASK + 5), 6ULL << 52 | 4);
}

/* ---- K2, K3 ---- */

static void test_word(void **state)
{
	(void)state;
	assert_true(lease_valid(&s, NOW));
	assert_true(lease_valid(&s, NOW + LEASE - 1));
	assert_false(lease_valid(&s, NOW + LEASE));
	lease_set_word(&s, GENERATION, UINT64_MAX, 7, 7); /* cut to what fits */
	assert_true(lease_valid(&s, KERNEL_TIME_MASK - 1));
	assert_int_equal(lease_generation(s.word), GENERATION);
	lease_set_word(&s, GENERATION, 0, 7, 7);
	assert_false(lease_valid(&s, 0));
}

static void set_grant(uint8_t node, uint64_t generation, uint64_t until)
{
	s.peer[node].grant = generation << KERNEL_TIME_BITS | until;
}

static void test_quorum(void **state)
{
	uint64_t late = NOW + 2 * LEASE;

	(void)state;
	assert_false(lease_valid(&s, late));
	set_grant(1, GENERATION, late + 1);
	assert_false(lease_valid(&s, late)); /* 2 of 4 votes are half, no quorum */
	set_grant(2, GENERATION, late + 2);
	assert_true(lease_valid(&s, late));
	assert_false(lease_valid(&s, late + 1)); /* the earlier one is over */
	set_grant(1, GENERATION, late + 2);
	assert_true(lease_valid(&s, late + 1));
	set_grant(1, GENERATION - 1, late + 2);
	assert_false(lease_valid(&s, late));
	s.peer[2].votes = 2;
	assert_true(lease_valid(&s, late));
	s.votes_self = 0;
	assert_false(lease_valid(&s, late));
	s.votes_self = 1;
	lease_set_word(&s, GENERATION, 0, 7, 7);
	assert_false(lease_valid(&s, late)); /* until 0: whatever else the map says */
	lease_set_word(&s, GENERATION, 1, 7, 7);
	assert_true(lease_valid(&s, late));
	lease_set_word(&s, GENERATION + 1, 1, 7, 7);
	assert_false(lease_valid(&s, late)); /* L7 */
}

static void test_single_node(void **state)
{
	(void)state;
	s.votes_total = 1;
	assert_true(lease_valid(&s, NOW + 100 * LEASE));
	lease_set_word(&s, GENERATION, 0, 7, 7);
	assert_false(lease_valid(&s, NOW));
	memset(&s, 0, sizeof(s));
	assert_false(lease_valid(&s, 0)); /* a map that nobody has written */
}

/* All nodes count, none twice. */
static void test_many_nodes(void **state)
{
	(void)state;
	s.votes_total = 32;
	for (unsigned int n = 1; n < KERNEL_NODES_MAX; n++)
		s.peer[n].votes = 1;
	lease_set_word(&s, GENERATION, 1, 7, 7);
	for (unsigned int n = 31; n > 16; n--) {
		set_grant((uint8_t)n, GENERATION, NOW + 1);
		assert_false(lease_valid(&s, NOW));
	}
	set_grant(16, GENERATION, NOW + 1);
	assert_true(lease_valid(&s, NOW));
}

/* ---- K4 ---- */

struct grant_case {
	const char *name;
	uint64_t token, lease_us, to_incarnation;
	uint64_t word; /* 0: as set up */
	uint64_t now;
	bool taken;
};

static void test_grants(void **state)
{
	static const struct grant_case cases[] = {
		{"good", MADE, LEASE, FRAME_INCARNATION, 0, NOW, true},
		{"at the last moment", MADE, LEASE, FRAME_INCARNATION, 0, NOW + LEASE - 1, true},
		{"lapsed", MADE, LEASE, FRAME_INCARNATION, 0, NOW + LEASE, false},
		{"of before", MADE - (1ULL << 52), LEASE, FRAME_INCARNATION, 0, NOW, false},
		{"of after", MADE + (1ULL << 52), LEASE, FRAME_INCARNATION, 0, NOW, false},
		{"from the future", MADE + 101, LEASE, FRAME_INCARNATION, 0, NOW, false},
		{"of this moment", MADE + 100, LEASE, FRAME_INCARNATION, 0, NOW, true},
		{"to another life", MADE, LEASE, FRAME_INCARNATION + 1, 0, NOW, false},
		{"to nobody", MADE, LEASE, 0, 0, NOW, false},
		{"no lease", MADE, LEASE, FRAME_INCARNATION, GENERATION << 52, NOW, false},
		{"longest", MADE, LEASE_US_MAX, FRAME_INCARNATION, 0, NOW, true},
		{"too long", MADE, LEASE_US_MAX + 1, FRAME_INCARNATION, 0, NOW, false},
		{"absurd", MADE, UINT64_MAX, FRAME_INCARNATION, 0, NOW, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct grant_case *c = &cases[i];
		struct kernel_probe p = granting(1, c->token, c->lease_us);

		(void)begin(state);
		if (c->word)
			s.word = c->word;
		p.to_incarnation = c->to_incarnation;
		assert_true(lease_answer(&s, &p, 0, c->now));
		if (s.peer[1].grant != (c->taken ? c->token + c->lease_us : 0))
			fail_msg("%s: grant %llx", c->name, s.peer[1].grant);
		assert_int_equal(counted(KERNEL_COUNT_GRANT), c->taken);
		assert_int_equal(counted(KERNEL_COUNT_LAPSED) + counted(KERNEL_COUNT_UNVERIFIED),
				 !c->taken);
	}
}

static void test_grant_grows(void **state)
{
	struct kernel_probe p = granting(1, MADE, LEASE);

	(void)state;
	assert_true(lease_answer(&s, &p, 0, NOW));
	p = granting(1, MADE - 50, LEASE); /* overtaken on its way by another link */
	p.link = 1;
	assert_true(lease_answer(&s, &p, 0, NOW));
	assert_int_equal(s.peer[1].grant, MADE + LEASE);
	set_grant(1, GENERATION + 1, 1); /* left over from generations ago: it does not bind */
	p = granting(1, MADE, LEASE);
	p.stamp++;
	assert_true(lease_answer(&s, &p, 0, NOW));
	assert_int_equal(s.peer[1].grant, MADE + LEASE);
}

/* Grants prolong each other without the agent, and what has lapsed stays so. */
static void test_continuity(void **state)
{
	uint64_t now = NOW, stamp = 1;

	(void)state;
	for (int i = 0; i < 1000; i++, now += LEASE / 2) {
		for (uint8_t n = 1; n <= 2; n++) {
			struct kernel_probe p = granting(n, lease_token(&s, now), LEASE);

			p.stamp = stamp++;
			assert_true(lease_answer(&s, &p, 0, now));
			assert_int_equal(p.flags, KERNEL_FLAG_LEASED);
		}
	}
	now += LEASE;
	for (uint8_t n = 1; n <= 2; n++) {
		struct kernel_probe p = granting(n, lease_token(&s, now), LEASE);

		p.stamp = stamp++;
		assert_true(lease_answer(&s, &p, 0, now));
		assert_int_equal(p.flags, 0);
	}
	assert_int_equal(counted(KERNEL_COUNT_LAPSED), 2);
	assert_false(lease_valid(&s, now));
}

/* ---- K5 ---- */

static void test_refusal(void **state)
{
	static const struct {
		const char *name;
		uint8_t flags;
		uint64_t accepted, installed, to_incarnation;
		bool taken;
	} cases[] = {
		{"newer", KERNEL_FLAG_OUTSIDE, 8, 7, FRAME_INCARNATION, true},
		{"the same", KERNEL_FLAG_OUTSIDE, 7, 7, FRAME_INCARNATION, false},
		{"older", KERNEL_FLAG_OUTSIDE, 6, 7, FRAME_INCARNATION, false},
		{"in its view", 0, 8, 7, FRAME_INCARNATION, false},
		{"to another life", KERNEL_FLAG_OUTSIDE, 8, 7, FRAME_INCARNATION - 1, false},
		{"nothing is installed", KERNEL_FLAG_OUTSIDE, 8, 0, FRAME_INCARNATION, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct kernel_probe p = probe_of(2);

		(void)begin(state);
		s.installed = cases[i].installed;
		p.flags = cases[i].flags;
		p.installed = cases[i].accepted;
		p.to_incarnation = cases[i].to_incarnation;
		assert_true(lease_answer(&s, &p, 0, NOW));
		if (lease_valid(&s, NOW) == cases[i].taken)
			fail_msg("%s", cases[i].name);
		assert_int_equal(p.flags, cases[i].taken ? 0 : KERNEL_FLAG_LEASED);
		assert_int_equal(counted(KERNEL_COUNT_REFUSAL), cases[i].taken);
	}
}

static void test_refusal_is_of_one_generation(void **state)
{
	struct kernel_probe p = granting(2, MADE, LEASE);

	(void)state;
	set_grant(1, GENERATION, NOW + LEASE);
	p.flags |= KERNEL_FLAG_OUTSIDE;
	p.installed = 8;
	assert_true(lease_answer(&s, &p, 0, NOW));
	assert_int_equal(s.refused_epoch, 8);
	assert_int_equal(s.refused_by, 2);
	assert_int_equal(s.peer[2].grant, 0); /* who refuses grants nothing */
	lease_set_word(&s, GENERATION, NOW + 9 * LEASE, 7, 7);
	assert_false(lease_valid(&s, NOW)); /* the agent's word does not undo it */
	lease_set_word(&s, GENERATION + 1, NOW + LEASE, 9, 9);
	assert_true(lease_valid(&s, NOW));
	/* and it is forgotten by the time that generation comes round */
	lease_set_word(&s, GENERATION + 4096, NOW + LEASE, 9, 9);
	assert_true(lease_valid(&s, NOW));
	/* without a lease there is none to end */
	lease_set_word(&s, GENERATION + 2, 0, 9, 9);
	p = probe_of(2);
	p.stamp += 5;
	p.flags = KERNEL_FLAG_OUTSIDE;
	p.installed = 99;
	assert_true(lease_answer(&s, &p, 0, NOW));
	assert_int_equal(counted(KERNEL_COUNT_REFUSAL), 1);
}

/* ---- K7 ---- */

static void test_read_back(void **state)
{
	(void)state;
	set_grant(1, GENERATION, NOW + 1);
	set_grant(2, GENERATION - 1, NOW + 2);
	assert_int_equal(lease_granted_until(&s, 1), NOW + 1);
	assert_int_equal(lease_granted_until(&s, 2), 0);
}

/* ---- K8, K9 ---- */

static void test_delegation(void **state)
{
	static const struct {
		const char *name;
		uint64_t incarnation, excluded, lease_epoch, prober;
		bool granted;
	} cases[] = {
		{"good", FRAME_PEER, 7, 8, FRAME_PEER, true},
		{"of the same epoch", FRAME_PEER, 7, 7, FRAME_PEER, true},
		{"never excluded", FRAME_PEER, 0, 1, FRAME_PEER, true},
		{"of before it was excluded", FRAME_PEER, 7, 6, FRAME_PEER, false},
		{"who holds nothing", FRAME_PEER, 0, 0, FRAME_PEER, false},
		{"another life", FRAME_PEER, 7, 8, FRAME_PEER + 1, false},
		{"nobody", 0, 7, 8, FRAME_PEER, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct kernel_probe p = probe_of(1);

		(void)begin(state);
		s.grant_lease_us = LEASE;
		s.peer[1].grant_incarnation = cases[i].incarnation;
		s.peer[1].grant_excluded = cases[i].excluded;
		p.incarnation = cases[i].prober;
		p.lease_epoch = cases[i].lease_epoch;
		assert_true(lease_answer(&s, &p, 0, NOW));
		if (!(p.flags & KERNEL_FLAG_GRANT) == cases[i].granted)
			fail_msg("%s", cases[i].name);
		assert_int_equal(p.lease_us, cases[i].granted ? LEASE : 0);
		assert_int_equal(s.peer[1].granted_at, cases[i].granted ? NOW : 0);
		assert_int_equal(counted(KERNEL_COUNT_GRANTED), cases[i].granted);
	}
}

static void test_granted_at_grows(void **state)
{
	(void)state;
	assert_true(lease_note_granted(&s.peer[1], NOW));
	assert_true(lease_note_granted(&s.peer[1], NOW - 1)); /* another CPU was later */
	assert_int_equal(s.peer[1].granted_at, NOW);
}

static void test_not_delegated_to_other_life_of_ours(void **state)
{
	struct kernel_probe p = probe_of(1);

	(void)state;
	s.peer[1].grant_incarnation = FRAME_PEER;
	p.lease_epoch = 9;
	p.to_incarnation = FRAME_INCARNATION - 1;
	assert_true(lease_answer(&s, &p, 0, NOW));
	assert_false(p.flags & KERNEL_FLAG_GRANT);
	assert_int_equal(s.peer[1].granted_at, 0);
}

static void test_take_back(void **state)
{
	__u64 incarnation[KERNEL_NODES_MAX] = {0, FRAME_PEER, FRAME_PEER};
	__u64 excluded[KERNEL_NODES_MAX] = {0, 3, 4}, at[KERNEL_NODES_MAX];

	(void)state;
	lease_delegate(&s, incarnation, excluded, LEASE, at);
	assert_true(lease_note_granted(&s.peer[1], NOW));
	assert_true(lease_note_granted(&s.peer[2], NOW + 1));
	incarnation[1] = 0;
	lease_delegate(&s, incarnation, excluded, LEASE, at);
	assert_int_equal(at[1], NOW);
	assert_int_equal(at[2], 0); /* still delegated to */
	assert_int_equal(s.peer[1].grant_incarnation, 0);
	assert_int_equal(s.peer[2].grant_incarnation, FRAME_PEER);
	lease_take_over(&s); /* K10 */
	assert_int_equal(s.peer[2].grant_incarnation, 0);
	assert_false(lease_valid(&s, 0));
	assert_int_equal(lease_generation(s.word), GENERATION + 1);
	assert_int_equal(s.incarnation, 0);
}

/* ---- the answer ---- */

static void test_answer(void **state)
{
	struct kernel_probe p = probe_of(2), was;

	(void)state;
	s.progress = 77;
	s.progress_at = NOW - 300;
	p.to = 0;
	p.link = 1;
	was = p;
	assert_true(lease_answer(&s, &p, 1, NOW));
	assert_int_equal(p.type, KERNEL_ANSWER);
	assert_int_equal(p.from, 0);
	assert_int_equal(p.to, 2);
	assert_int_equal(p.link, 1);
	assert_int_equal(p.flags, KERNEL_FLAG_GONE | KERNEL_FLAG_LEASED);
	assert_int_equal(p.incarnation, was.incarnation);
	assert_int_equal(p.stamp, was.stamp);
	assert_int_equal(p.to_incarnation, FRAME_INCARNATION);
	assert_int_equal(p.token, lease_token(&s, NOW));
	assert_int_equal(p.to_lease_epoch, 7);
	assert_int_equal(p.progress, 77);
	assert_int_equal(p.age_us, 300);
	p = was;
	assert_false(lease_answer(&s, &p, 1, NOW)); /* a replay */
	assert_int_equal(counted(KERNEL_COUNT_REPLAY), 1);
	p.stamp++;
	s.progress_at = NOW + 1; /* set by another CPU meanwhile */
	assert_true(lease_answer(&s, &p, 0, NOW));
	assert_int_equal(p.age_us, 0);
	p = was;
	p.stamp += 2;
	s.incarnation = 0;
	assert_false(lease_answer(&s, &p, 0, NOW));
}

/* ---- the race of K9 ---- */

#define ROUNDS	    1000000U
#define RACE_S	    2	  /* enough, if both threads have a CPU */
#define RACE_MAX_S  60	  /* on a busy machine */
#define RACE_GRANTS 3000U /* rounds in which there were some */

struct race {
	struct kernel_peer peer __attribute__((aligned(64)));
	/* how many decisions were made, and the time of the newest grant; in this order */
	volatile uint64_t newest __attribute__((aligned(64)));
	volatile uint64_t decided;
	volatile int stop;
	uint64_t grants;
	struct kernel_state counts;
};

/* The kernel: its clock counts the decisions, so that each grant has a time of its own. */
static void *race_kernel(void *data)
{
	struct race *r = data;
	struct kernel_probe p = {.incarnation = FRAME_PEER, .lease_epoch = 1};

	for (uint64_t now = 1; !r->stop; now++) {
		if (lease_delegated(&r->counts, &r->peer, &p, now)) {
			r->grants++;
			r->newest = now;
		}
		__atomic_store_n(&r->decided, now, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* All that was begun before has been decided. */
static void race_settle(const struct race *r)
{
	uint64_t until = __atomic_load_n(&r->decided, __ATOMIC_ACQUIRE) + 2;

	while (__atomic_load_n(&r->decided, __ATOMIC_ACQUIRE) < until)
		(void)sched_yield();
}

/* Mostly until the kernel is amid a decision, at some point of it. */
static void race_overlap(const struct race *r, unsigned int round)
{
	uint64_t was = r->decided;

	for (unsigned int k = 0; k < 5000 && r->decided < was + round % 3; k++)
		;
	for (volatile unsigned int k = 0; k < round % 64; k++)
		;
}

/*
 * The agent delegates, takes back and reads the time of the newest grant (K9). Whatever the
 * kernel decides from then on until the next delegation is no grant that is newer.
 */
static void test_race(void **state)
{
	static struct race r;
	uint64_t with_grants = 0, last = 0;
	time_t begun = time(NULL);
	unsigned int i;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, race_kernel, &r), 0);
	for (i = 0; i < ROUNDS; i++) {
		time_t took = time(NULL) - begun;
		uint64_t at;

		if (took >= RACE_MAX_S || (took >= RACE_S && with_grants >= RACE_GRANTS))
			break;
		LEASE_WRITE(r.peer.grant_incarnation, FRAME_PEER);
		race_overlap(&r, i);
		LEASE_WRITE(r.peer.grant_incarnation, 0);
		LEASE_BARRIER();
		at = LEASE_READ(r.peer.granted_at);
		race_settle(&r);
		if (r.newest > at)
			fail_msg("round %u: taken back at %lu, granted at %lu", i, at, r.newest);
		with_grants += at != last;
		last = at;
	}
	r.stop = 1;
	assert_int_equal(pthread_join(thread, NULL), 0);
	print_message("%u delegations taken back, %lu grants in %lu of them\n", i, r.grants,
		      with_grants);
	assert_true(with_grants >= RACE_GRANTS);
}

/* ---- SipHash ---- */

/*
 * Key and message: bytes counted up from 0. Made with
 *   openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f -macopt size:16 -in FILE SIPHASH
 * (OpenSSL 3.0.19); the first and the second are also in the table of SipHash's authors.
 */
static void test_siphash(void **state)
{
	static const struct {
		size_t n;
		uint64_t first, second; /* as big-endian numbers: as they are printed */
	} cases[] = {
		{0, 0xA3817F04BA25A8E6, 0x6DF67214C7550293},
		{8, 0x3B62A9BA6258F561, 0x0F83E264F31497B4},
		{16, 0x6EE2A4CA67B054BB, 0xFD3315BF85230577},
		{104, 0x09214230D5748DB1, 0xF1A3F029CC6BC44E},
	};
	const __u64 key[2] = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
	uint8_t message[104], got[16];
	__u64 words[13], mac[2];

	(void)state;
	for (uint8_t i = 0; i < sizeof(message); i++)
		message[i] = i;
	memcpy(words, message, sizeof(words));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		siphash_128(words, (__u32)cases[i].n / 8, key, mac);
		memcpy(got, mac, sizeof(got));
		assert_int_equal(get_be(got, 8), cases[i].first);
		assert_int_equal(get_be(got + 8, 8), cases[i].second);
	}
}

/* ---- hints ---- */

static void test_hints(void **state)
{
	uint8_t two[2][16] = {{[12] = 10, [15] = 1}, {[12] = 10, [15] = 2}};
	unsigned int bits = 0;

	(void)state;
	lease_hint_set(&s, two[0]);
	lease_hint_set(&s, two[1]);
	lease_hint_set(&s, two[1]);
	for (unsigned int i = 0; i < KERNEL_HINT_WORDS; i++)
		bits += (unsigned int)__builtin_popcountll(s.hint[i]);
	assert_int_equal(bits, 2);
	lease_hint_only(&s, two[1], 1);
	bits = 0;
	for (unsigned int i = 0; i < KERNEL_HINT_WORDS; i++)
		bits += (unsigned int)__builtin_popcountll(s.hint[i]);
	assert_int_equal(bits, 1);
	/* every class is within the words, and most are used by a subnet's addresses */
	memset(s.hint, 0, sizeof(s.hint));
	for (unsigned int i = 0; i < 65536; i++) {
		put16(two[0] + 14, i);
		lease_hint_set(&s, two[0]);
	}
	for (unsigned int i = 0; i < KERNEL_HINT_WORDS; i++)
		assert_int_equal(s.hint[i], UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_token, begin),
		cmocka_unit_test_setup(test_word, begin),
		cmocka_unit_test_setup(test_quorum, begin),
		cmocka_unit_test_setup(test_single_node, begin),
		cmocka_unit_test_setup(test_many_nodes, begin),
		cmocka_unit_test_setup(test_grants, begin),
		cmocka_unit_test_setup(test_grant_grows, begin),
		cmocka_unit_test_setup(test_continuity, begin),
		cmocka_unit_test_setup(test_refusal, begin),
		cmocka_unit_test_setup(test_refusal_is_of_one_generation, begin),
		cmocka_unit_test_setup(test_read_back, begin),
		cmocka_unit_test_setup(test_delegation, begin),
		cmocka_unit_test_setup(test_granted_at_grows, begin),
		cmocka_unit_test_setup(test_not_delegated_to_other_life_of_ours, begin),
		cmocka_unit_test_setup(test_take_back, begin),
		cmocka_unit_test_setup(test_answer, begin),
		cmocka_unit_test_setup(test_race, begin),
		cmocka_unit_test_setup(test_siphash, begin),
		cmocka_unit_test_setup(test_hints, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
