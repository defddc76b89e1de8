/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The BPF programs in user space, on any packet in any state of lease. Four bytes say which (enum
 * below), the rest is the frame; with SIGN the datagram in it is signed anew, so that what is
 * behind the MAC is reached. Nothing but a counter changes by what is refused; what is answered is
 * authentic, and the answer goes to the configured address of that peer.
 */
#include <stdbool.h>

#include "tests/fuzz/bpf_shim.h"

#include "hb/bpf/holdfast.bpf.c"

#include "hb/bpf/writer.h"
#include "tests/unit/kernel_frame.h"

#define NOW_US 0x100000000ULL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLAGS, STATE, LINEAR, NETWORK, FRAME }; /* bytes of the input */

enum {		   /* FLAGS */
       SIGN = 1,   /* the datagram anew */
       SOCKET = 2, /* the agent is there */
       PARTIAL = 4,
       OTHERHOST = 8,
       PROGRAM = 48, /* which one, as a number */
};

enum { /* STATE */
       PROTECTED = 1,
       WORD = 2,   /* a lease by the agent's word */
       LAPSED = 4, /* that is over */
       GRANTS = 8,
       DELEGATED = 16,
       ABSENT = 32, /* no agent has started yet */
       ALONE = 64,
};

static const uint8_t fips[2][16] = {
	{[10] = 0xff, [11] = 0xff, [12] = 10, [13] = 1, [15] = 200},
	{0xfd, [15] = 200},
};

static void set_state(uint8_t how)
{
	struct kernel_state *s = &shim.state;

	frame_state(s);
	if (how & (WORD | LAPSED))
		lease_set_word(s, 5, how & LAPSED ? NOW_US - 1 : NOW_US + 1000, 7, 7);
	for (uint8_t n = 1; n < 3; n++) {
		if (how & GRANTS)
			s->peer[n].grant = 5ULL << KERNEL_TIME_BITS | (NOW_US + 1);
		if (how & DELEGATED)
			s->peer[n].grant_incarnation = FRAME_PEER;
	}
	s->grant_lease_us = 1234;
	s->progress_at = NOW_US - 500;
	if (how & ABSENT)
		s->incarnation = 0;
	if (how & ALONE)
		s->votes_total = 1;
	shim.n_addresses = 0;
	if (!(how & PROTECTED))
		return;
	memcpy(shim.address, fips, sizeof(fips));
	shim.n_addresses = 2;
	lease_hint_set(s, fips[0]);
	lease_hint_set(s, fips[1]);
}

/* Where a whole datagram is, if there is one; found without the code under test. */
static bool find_datagram(struct frame *f, size_t network, bool ethernet)
{
	uint64_t type = 0;

	if (ethernet) {
		network = 14;
		if (f->n < 14)
			return false;
		type = get_be(f->bytes + 12, 2);
		for (int i = 0; i < 2 && (type == 0x8100 || type == 0x88a8); i++, network += 4) {
			if (f->n < network + 4)
				return false;
			type = get_be(f->bytes + network + 2, 2);
		}
	}
	if (f->n < network + 20)
		return false;
	f->network = network;
	f->v6 = ethernet ? type == 0x86dd : f->bytes[network] >> 4 == 6;
	f->transport = network + (f->v6 ? 40 : (f->bytes[network] & 15) * 4U);
	return f->n >= f->transport + 8 + KERNEL_PROBE_BYTES;
}

static bool sums_right(const struct frame *f)
{
	const uint8_t *ip = f->bytes + f->network;

	return f->v6 || sum_fold(sum_add(0, ip, 20)) == 0;
}

static bool udp_sum_right(const struct frame *f)
{
	struct frame copy = *f;

	frame_sums(&copy, true);
	return get_be(f->bytes + f->transport + 6, 2) != 0 &&
	       !memcmp(f->bytes + f->transport, copy.bytes + f->transport, 8);
}

static bool is_authentic(const struct frame *f)
{
	struct frame copy = *f;

	frame_sign(&copy);
	return !memcmp(copy.bytes, f->bytes, f->n) && get_be(frame_payload(&copy) + AT_MAC, 8) != 0;
}

static void check_address(const uint8_t *at, const struct frame *f, uint8_t node, uint8_t link)
{
	uint8_t want[16];

	frame_address(want, node, link);
	assert(!memcmp(at, want + (f->v6 ? 0 : 12), f->v6 ? 16 : 4));
}

/* Of the exact size, without options, whole; back to the MAC address that it came from. */
static void check_heads(const struct frame *f, const struct frame *out)
{
	const uint8_t *ip = f->bytes + f->network, *back = out->bytes + f->network;

	if (f->v6) {
		assert(get_be(ip + 4, 2) == 128 && ip[6] == 17 && back[7] == 64);
	} else {
		assert(ip[0] == 0x45 && get_be(ip + 2, 2) == 148 && ip[9] == 17 && back[8] == 64);
		assert((get_be(ip + 6, 2) & 0x3fff) == 0);
	}
	assert(get_be(f->bytes + f->transport + 4, 2) == 128);
	if (f->network)
		assert(!(f->bytes[6] & 1) && !memcmp(f->bytes, out->bytes + 6, 6) &&
		       !memcmp(f->bytes + 6, out->bytes, 6));
}

static void check_answer(struct frame *f, const struct kernel_state *was)
{
	struct frame out = *f;
	uint8_t *p = frame_payload(f), *q, *ip;

	assert(f->n == shim.skb.len && f->n == f->transport + 8 + KERNEL_PROBE_BYTES);
	memcpy(out.bytes, shim.bytes, f->n);
	q = frame_payload(&out);
	ip = out.bytes + out.network;
	assert(is_authentic(f) && is_authentic(&out));
	check_heads(f, &out);
	assert(p[AT_TYPE] == KERNEL_PROBE && q[AT_TYPE] == KERNEL_ANSWER);
	assert(q[AT_FROM] == 0 && q[AT_TO] == p[AT_FROM] && (q[AT_TO] == 1 || q[AT_TO] == 2));
	check_address(ip + (f->v6 ? 8 : 12), f, 0, q[AT_LINK]);
	check_address(ip + (f->v6 ? 24 : 16), f, q[AT_TO], q[AT_LINK]);
	assert(get_be(out.bytes + out.transport, 4) == (FRAME_PORT << 16 | FRAME_PORT));
	assert(!memcmp(p + AT_INCARNATION, q + AT_INCARNATION, 32)); /* to the installed epoch */
	assert(!(q[AT_FLAGS] & KERNEL_FLAG_GONE) == shim.socket);
	if (sums_right(f))
		assert(sums_right(&out));
	if (!shim.partial && udp_sum_right(f))
		assert(udp_sum_right(&out));
	if (!shim.partial)
		assert(shim.whole == shim_whole());
	if (shim.partial)
		assert(!memcmp(f->bytes + f->transport, out.bytes + out.transport, 8));
	assert(shim.state.count[KERNEL_COUNT_ANSWERED] == was->count[KERNEL_COUNT_ANSWERED] + 1);
	if (get_be(p + AT_TO_INCARNATION, 8) == was->incarnation)
		return;
	for (unsigned int n = 0; n < KERNEL_NODES_MAX; n++)
		assert(shim.state.peer[n].grant == was->peer[n].grant &&
		       shim.state.peer[n].granted_at == was->peer[n].granted_at);
	assert(shim.state.refused == was->refused && !(q[AT_FLAGS] & KERNEL_FLAG_GRANT));
}

static void check_refused(const struct frame *f, const struct kernel_state *was, int verdict)
{
	struct kernel_state is = shim.state;
	uint64_t counted = 0;

	assert(shim.skb.len == f->n && !memcmp(shim.bytes, f->bytes, f->n));
	for (unsigned int i = 0; i < KERNEL_COUNT_COUNT_; i++)
		counted += is.count[i] - was->count[i];
	assert(counted == (verdict == TC_ACT_SHOT));
	if (lease_valid(was, NOW_US))
		assert(is.count[KERNEL_COUNT_DROPPED_IN] == 0 &&
		       is.count[KERNEL_COUNT_DROPPED_OUT] == 0);
	memcpy(is.count, was->count, sizeof(is.count));
	assert(!memcmp(&is, was, sizeof(is)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int (*const programs[])(struct __sk_buff *) = {hf_ingress, hf_egress, hf_ingress_l3,
							      hf_egress_l3};
	struct frame f = {};
	struct kernel_state was;
	unsigned int program;
	bool ethernet, whole;
	int r;

	if (size < FRAME + 14 || size - FRAME > FRAME_BYTES)
		return 0;
	program = (data[FLAGS] & PROGRAM) / 16;
	ethernet = program < 2;
	f.n = size - FRAME;
	memcpy(f.bytes, data + FRAME, f.n);
	shim.network = ethernet ? 14 : data[NETWORK] & 1 ? 14 : 0;
	whole = find_datagram(&f, shim.network, ethernet);
	if (whole && data[FLAGS] & SIGN)
		frame_sign(&f);
	set_state(data[STATE]);
	shim.now_us = NOW_US;
	shim.socket = data[FLAGS] & SOCKET;
	shim.partial = data[FLAGS] & PARTIAL;
	shim.skb.pkt_type = data[FLAGS] & OTHERHOST	 ? PACKET_OTHERHOST
			    : ethernet && f.bytes[0] & 1 ? PACKET_MULTICAST
							 : PACKET_HOST;
	shim.skb.ifindex = 3;
	shim.skb.protocol = __builtin_bswap16(f.bytes[shim.network] >> 4 == 6 ? 0x86dd : 0x0800);
	shim_packet(f.bytes, f.n, 14 + data[LINEAR]);
	was = shim.state;
	r = programs[program](&shim.skb);
	assert(shim.held == 0);
	assert(r == TC_ACT_UNSPEC || r == TC_ACT_SHOT || r == TC_ACT_REDIRECT);
	if (r != TC_ACT_REDIRECT) {
		check_refused(&f, &was, r);
		return 0;
	}
	assert(whole && program % 2 == 0 && was.incarnation && !(data[FLAGS] & OTHERHOST));
	check_answer(&f, &was);
	return 0;
}
