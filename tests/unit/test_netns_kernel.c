/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel path between namespaces: probes, and what strangers try. */
#include "tests/unit/kernel_world.h"

#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <sys/ioctl.h>

static void test_answer(void **state)
{
	struct kernel_world *k = *state;
	struct probe_answer answer;

	hb_kernel_progress(k->kernel, 42, clock_boot());
	for (unsigned int i = 0; i < 3; i++) {
		for (unsigned int node = 1; node < KW_NODES; node++) {
			for (unsigned int link = 0; link < KW_LINKS; link++) {
				answer = kw_ask_plain(k, node, link);
				assert_int_equal(answer.from_incarnation, KW_INC);
				assert_int_equal(answer.progress, 42);
				assert_true(answer.age_us < PATIENCE_MS * USEC_PER_MSEC);
				assert_false(answer.gone || answer.leased || answer.grant);
			}
		}
	}
	assert_int_equal(kw_count(k, KERNEL_COUNT_ANSWERED), 12);
	for (unsigned int i = KERNEL_COUNT_SIZE; i < KERNEL_COUNT_COUNT_; i++)
		assert_int_equal(kw_count(k, i), 0);
}

/* The age is that of the last vector, on the clock of the kernel that tells it. */
static void test_age(void **state)
{
	struct kernel_world *k = *state;
	struct probe_answer answer;
	ha_time at = {clock_boot().us - 3 * USEC_PER_SEC}, before, after;

	hb_kernel_progress(k->kernel, 5, at);
	before = clock_boot();
	answer = kw_ask_plain(k, 1, 0);
	after = clock_boot();
	assert_in_range(answer.age_us, ha_time_since(before, at), ha_time_since(after, at));
	hb_kernel_begin(k->kernel, KW_INC + 1);
	answer = kw_ask_plain(k, 1, 0);
	assert_int_equal(answer.from_incarnation, KW_INC + 1);
	assert_int_equal(answer.progress, 0);
	assert_in_range(answer.age_us, 0, ha_time_since(clock_boot(), after));
	assert_int_equal(kw_count(k, KERNEL_COUNT_UNVERIFIED), 1);
}

static void test_rotation(void **state)
{
	struct kernel_world *k = *state;
	struct hb_keys keys = k->hb_keys;
	struct probe probe;

	keys.n = 2; /* a new one first, the former one second */
	keys.key[1][0] ^= keys.key[0][0];
	memcpy(keys.key[1], keys.key[0], HB_KEY_BYTES);
	keys.id[1] = keys.id[0];
	keys.key[0][0] ^= 0xff;
	keys.id[0] ^= 1;
	hb_kernel_set_keys(k->kernel, &keys);
	(void)kw_ask_plain(k, 1, 0);
	hb_probe_keys_derive(&keys, &k->keys);
	(void)kw_ask_plain(k, 1, 0);
	k->keys.sign = 1;
	(void)kw_ask_plain(k, 1, 0);
	keys.n = 1;
	hb_kernel_set_keys(k->kernel, &keys);
	probe = kw_probe(k);
	kw_send(k, 1, 0, &probe);
	k->keys.sign = 0;
	kw_no_answer(k, 0);
	assert_int_equal(kw_count(k, KERNEL_COUNT_KEY), 1);
}

/* ---- strangers ---- */

static void make(struct kernel_world *k, uint8_t data[HB_PROBE_BYTES])
{
	struct hb_probe_route route = kw_route(1, 0);
	struct probe probe = kw_probe(k);

	hb_probe_encode(&route, &probe, &k->keys, data);
}

/* A datagram of node 1, one byte of which is another, signed by the key's owner. */
static void check_byte(struct kernel_world *k, enum probe_at at, uint8_t v, enum kernel_count count)
{
	uint64_t before = kw_count(k, count);
	uint8_t data[HB_PROBE_BYTES];

	make(k, data);
	data[at] = v;
	probe_sign(data, &k->keys);
	kw_put(k, 1, 0, data, sizeof data);
	kw_no_answer(k, 0);
	if (kw_count(k, count) != before + 1)
		fail_msg("byte %d: %s is not counted", at, hb_kernel_count_name(count));
}

static void test_refused(void **state)
{
	struct kernel_world *k = *state;
	uint8_t data[HB_PROBE_BYTES + 1] = {};

	check_byte(k, PROBE_AT_VERSION, 2, KERNEL_COUNT_VERSION);
	check_byte(k, PROBE_AT_CLUSTER, 1, KERNEL_COUNT_CLUSTER);
	check_byte(k, PROBE_AT_KEY, 0xee, KERNEL_COUNT_KEY);
	check_byte(k, PROBE_AT_FROM, 2, KERNEL_COUNT_SENDER);
	check_byte(k, PROBE_AT_FROM, 0, KERNEL_COUNT_SENDER);
	check_byte(k, PROBE_AT_FROM, KW_NODES, KERNEL_COUNT_SENDER);
	check_byte(k, PROBE_AT_FROM, 33, KERNEL_COUNT_SENDER);
	check_byte(k, PROBE_AT_TO, 1, KERNEL_COUNT_SENDER);
	check_byte(k, PROBE_AT_LINK, 1, KERNEL_COUNT_SENDER);
	check_byte(k, PROBE_AT_LINK, 8, KERNEL_COUNT_SENDER);
	check_byte(k, PROBE_AT_TYPE, 0, KERNEL_COUNT_FORMAT);
	check_byte(k, PROBE_AT_TYPE, 3, KERNEL_COUNT_FORMAT);
	check_byte(k, PROBE_AT_FLAGS, 0x04, KERNEL_COUNT_FORMAT);
	check_byte(k, PROBE_AT_PAD, 1, KERNEL_COUNT_FORMAT);
	make(k, data);
	data[PROBE_AT_MAC] ^= 1;
	kw_put(k, 1, 0, data, HB_PROBE_BYTES);
	kw_no_answer(k, 0);
	assert_int_equal(kw_count(k, KERNEL_COUNT_MAC), 1);
	make(k, data);
	kw_put(k, 1, 0, data, HB_PROBE_BYTES + 1);
	kw_put(k, 1, 0, data, HB_PROBE_BYTES - 1);
	kw_put(k, 1, 0, data, 8);
	kw_no_answer(k, 0);
	assert_int_equal(kw_count(k, KERNEL_COUNT_SIZE), 3);
}

/* A socket there with another address. */
static int stranger(struct kernel_world *k, const char *ip, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd;

	assert_int_equal(inet_pton(AF_INET, ip, &a.sin_addr), 1);
	enter(k->w->there);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	enter(k->w->here);
	return fd;
}

static void put_from(int fd, const char *to_ip, const uint8_t data[HB_PROBE_BYTES])
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(KW_PORT)};

	assert_int_equal(inet_pton(AF_INET, to_ip, &to.sin_addr), 1);
	assert_int_equal(sendto(fd, data, HB_PROBE_BYTES, 0, (struct sockaddr *)&to, sizeof to),
			 HB_PROBE_BYTES);
}

/* Authentic, but from elsewhere: nobody gets an answer, nor does the one whose name it has. */
static void test_spoofed(void **state)
{
	struct kernel_world *k = *state;
	struct probe_answer answer;
	uint8_t data[HB_PROBE_BYTES];
	int fd[2];

	shell_there(k->w, "ip addr add 10.0.0.9/24 dev right");
	fd[0] = stranger(k, "10.0.0.9", KW_PORT);
	fd[1] = stranger(k, "10.0.0.2", KW_PORT + 1);
	for (unsigned int i = 0; i < 2; i++) {
		make(k, data);
		put_from(fd[i], "10.0.0.1", data);
		kw_no_answer(k, 0);
		assert_int_equal(kw_count(k, KERNEL_COUNT_SENDER), i + 1);
	}
	make(k, data); /* node 1's, by node 2 */
	kw_put(k, 2, 0, data, sizeof data);
	kw_no_answer(k, 0);
	assert_int_equal(kw_count(k, KERNEL_COUNT_SENDER), 3);
	(void)kw_ask_plain(k, 2, 0);
	assert_false(kw_receive(k, 2, 0, 0, &answer));
	for (unsigned int i = 0; i < 2; i++) {
		struct pollfd p = {.fd = fd[i], .events = POLLIN};

		assert_int_equal(poll(&p, 1, 0), 0);
		close(fd[i]);
	}
}

/* What is for another address or port is none of ours: it goes where it would have gone. */
static void test_not_ours(void **state)
{
	struct kernel_world *k = *state;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(KW_PORT)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint8_t data[HB_PROBE_BYTES], got[HB_PROBE_BYTES + 1];

	shell("ip addr add 10.0.0.88/24 dev left");
	assert_int_equal(inet_pton(AF_INET, "10.0.0.88", &a.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	make(k, data);
	put_from(k->peer[1][0], "10.0.0.88", data);
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	assert_int_equal(recv(fd, got, sizeof got, 0), HB_PROBE_BYTES);
	assert_memory_equal(got, data, sizeof data);
	kw_no_answer(k, 0);
	assert_int_equal(kw_count(k, KERNEL_COUNT_ANSWERED), 1);
	close(fd);
}

static void test_replayed(void **state)
{
	struct kernel_world *k = *state;
	uint8_t data[HB_PROBE_BYTES], newer[HB_PROBE_BYTES];
	struct probe_answer answer;
	struct probe probe;

	make(k, data);
	make(k, newer);
	kw_put(k, 1, 0, newer, sizeof newer);
	assert_true(kw_receive(k, 1, 0, PATIENCE_MS, &answer));
	for (unsigned int i = 0; i < 10; i++) {
		kw_put(k, 1, 0, newer, sizeof newer);
		kw_put(k, 1, 0, data, sizeof data);
	}
	kw_no_answer(k, 0);
	assert_int_equal(kw_count(k, KERNEL_COUNT_REPLAY), 20);
	probe = kw_probe(k); /* a former life of node 1 */
	probe.incarnation--;
	kw_send(k, 1, 0, &probe);
	kw_no_answer(k, 0);
	assert_int_equal(kw_count(k, KERNEL_COUNT_REPLAY), 21);
	probe = kw_probe(k);
	probe.incarnation++;
	(void)kw_ask(k, 1, 0, &probe);
	probe = kw_probe(k);
	kw_send(k, 1, 0, &probe); /* which has become the former one */
	probe.incarnation++;
	probe.stamp.us++;
	(void)kw_ask(k, 1, 0, &probe);
	assert_false(kw_receive(k, 1, 0, 0, &answer));
	assert_int_equal(kw_count(k, KERNEL_COUNT_REPLAY), 22);
}

/* An answer goes to the agent, and is not answered; our own probe is not either. */
static void test_reflected(void **state)
{
	struct kernel_world *k = *state;
	struct hb_probe_route route = {.cluster_id = KW_CLUSTER, .from = 0, .to = 1};
	struct probe probe = kw_probe(k);
	uint8_t data[HB_PROBE_BYTES], got[HB_PROBE_BYTES + 1];
	struct pollfd p = {.fd = k->ours[0], .events = POLLIN};

	hb_probe_encode(&route, &probe, &k->keys, data);
	kw_put(k, 1, 0, data, sizeof data);
	kw_no_answer(k, 0);
	assert_int_equal(kw_count(k, KERNEL_COUNT_SENDER), 1);
	assert_int_equal(poll(&p, 1, 0), 0);
	probe_make_answer(data, &(struct probe_answer){.from_incarnation = KW_PEER}, &k->keys);
	kw_put(k, 1, 0, data, sizeof data);
	kw_no_answer(k, 0);
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	assert_int_equal(recv(k->ours[0], got, sizeof got, 0), HB_PROBE_BYTES);
	assert_memory_equal(got, data, sizeof data);
}

/* Forgeries as fast as they go: none is answered, and the genuine ones still are. */
static void test_flood(void **state)
{
	struct kernel_world *k = *state;
	uint8_t data[HB_PROBE_BYTES];
	ha_time start = clock_boot();
	uint64_t us;

	for (unsigned int i = 0; i < 100000; i++) {
		make(k, data);
		memcpy(data + PROBE_AT_MAC, &i, sizeof i);
		kw_put(k, 1, 0, data, sizeof data);
		if (i % 10000 == 0)
			(void)kw_ask_plain(k, 2, 0);
	}
	us = ha_time_since(clock_boot(), start);
	kw_no_answer(k, 0);
	assert_int_equal(kw_count(k, KERNEL_COUNT_ANSWERED), 11);
	assert_in_range(kw_count(k, KERNEL_COUNT_MAC), 90000, 100000); /* a veth may drop */
	print_message("figure: %llu forged probes in %llu ms, none answered\n",
		      (unsigned long long)kw_count(k, KERNEL_COUNT_MAC),
		      (unsigned long long)(us / 1000));
}

/* ---- devices ---- */

static void check_over(struct kernel_world *k, const char *here, const char *there)
{
	kw_addresses(k, here, there);
	kw_open_ours(k);
	kw_open_peers(k);
	kw_start(k, KW_INC);
	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int link = 0; link < KW_LINKS; link++)
			(void)kw_ask_plain(k, 1, link);
	assert_int_equal(kw_count(k, KERNEL_COUNT_ANSWERED), 4);
	assert_int_equal(kw_count(k, KERNEL_COUNT_SENDER), 0);
	assert_false(kw_ask_plain(k, 1, 0).gone);
}

/* This kernel may lack the device; others that the test runs on have it. */
static bool can(const char *command)
{
	char quiet[256];

	snprintf(quiet, sizeof quiet, "%s >/dev/null 2>&1", command);
	return system(quiet) == 0;
}

static void test_bridge(void **state)
{
	struct kernel_world *k = *state;

	if (!can("ip link add bridge type bridge"))
		skip();
	shell("ip link set left master bridge && ip link set bridge up");
	check_over(k, "bridge", "right");
}

/* Its port has another hardware address: there it seems to be for somebody else. */
static void test_bridge_with_address(void **state)
{
	struct kernel_world *k = *state;

	if (!can("ip link add bridge address 02:00:00:00:00:99 type bridge"))
		skip();
	shell("ip link set left master bridge && ip link set bridge up");
	check_over(k, "bridge", "right");
}

static void test_macvlan(void **state)
{
	struct kernel_world *k = *state;

	if (!can("ip link add link left name part type macvlan mode bridge"))
		skip();
	shell("ip link set part up");
	check_over(k, "part", "right");
}

static void test_vlan(void **state)
{
	struct kernel_world *k = *state;

	if (!can("ip link add link left name left.5 type vlan id 5"))
		skip();
	shell("ip link set left.5 up");
	shell_there(k->w, "ip link add link right name right.5 type vlan id 5 &&"
			  "ip link set right.5 up");
	check_over(k, "left.5", "right.5");
}

static void test_bond(void **state)
{
	struct kernel_world *k = *state;

	if (!can("ip link add bond type bond mode active-backup"))
		skip();
	shell("ip link set left down && ip link set left master bond && ip link set bond up");
	check_over(k, "bond", "right");
}

/* ---- packets made by hand ---- */

static uint32_t sum_words(const void *data, size_t n, uint32_t sum)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

struct packet {
	union {
		struct {
			struct iphdr ip;
			struct udphdr udp;
			uint8_t data[HB_PROBE_BYTES];
		} v4;
		struct {
			struct ipv6hdr ip;
			struct udphdr udp;
			uint8_t data[HB_PROBE_BYTES];
		} v6;
		uint8_t bytes[256];
	};
};

/* What the sum of the UDP datagram must be, if its own field is 0. */
static uint16_t udp_sum(const struct packet *p, bool v6)
{
	const struct udphdr *udp = v6 ? &p->v6.udp : &p->v4.udp;
	size_t n = sizeof *udp + HB_PROBE_BYTES;
	uint32_t sum = v6 ? sum_words(&p->v6.ip.saddr, 32, 0) : sum_words(&p->v4.ip.saddr, 8, 0);

	return fold(sum_words(udp, n, sum + IPPROTO_UDP + (uint32_t)n));
}

/* A probe of node 1 as a packet. Returns its size. */
static size_t build(struct kernel_world *k, bool v6, bool with_sum, struct packet *p)
{
	struct hb_probe_route route = kw_route(1, v6);
	struct probe probe = kw_probe(k);
	struct udphdr udp = {.source = htons(KW_PORT),
			     .dest = htons(KW_PORT),
			     .len = htons(sizeof udp + HB_PROBE_BYTES)};

	memset(p, 0, sizeof *p);
	if (v6) {
		p->v6.ip.version = 6;
		p->v6.ip.payload_len = udp.len;
		p->v6.ip.nexthdr = IPPROTO_UDP;
		p->v6.ip.hop_limit = 17;
		inet_pton(AF_INET6, "fd00::2", &p->v6.ip.saddr);
		inet_pton(AF_INET6, "fd00::1", &p->v6.ip.daddr);
		hb_probe_encode(&route, &probe, &k->keys, p->v6.data);
		p->v6.udp = udp;
		p->v6.udp.check = udp_sum(p, true);
		return sizeof p->v6;
	}
	p->v4.ip.version = 4;
	p->v4.ip.ihl = 5;
	p->v4.ip.tot_len = htons(sizeof p->v4);
	p->v4.ip.ttl = 17;
	p->v4.ip.protocol = IPPROTO_UDP;
	inet_pton(AF_INET, "10.0.0.2", &p->v4.ip.saddr);
	inet_pton(AF_INET, "10.0.0.1", &p->v4.ip.daddr);
	p->v4.ip.check = fold(sum_words(&p->v4.ip, sizeof p->v4.ip, 0));
	hb_probe_encode(&route, &probe, &k->keys, p->v4.data);
	p->v4.udp = udp;
	p->v4.udp.check = with_sum ? udp_sum(p, false) : 0;
	return sizeof p->v4;
}

/* `p` is a whole, right answer to `asked`. */
static void check_packet(struct kernel_world *k, struct packet *p, const struct packet *asked,
			 bool v6)
{
	struct hb_probe_route route = kw_route(1, v6);
	struct udphdr *udp = v6 ? &p->v6.udp : &p->v4.udp;
	uint8_t *data = v6 ? p->v6.data : p->v4.data;
	struct probe_answer answer;
	uint16_t sum = udp->check;

	assert_int_equal(hb_probe_decode(&(struct hb_datagram){data, HB_PROBE_BYTES}, &route,
					 &k->keys, &answer),
			 HB_OK);
	udp->check = 0;
	if (!v6 && asked->v4.udp.check == 0)
		assert_int_equal(sum, 0);
	else
		assert_int_equal(sum, udp_sum(p, v6));
	if (v6) {
		assert_memory_equal(&p->v6.ip.saddr, &asked->v6.ip.daddr, 16);
		assert_memory_equal(&p->v6.ip.daddr, &asked->v6.ip.saddr, 16);
		return;
	}
	assert_int_equal(p->v4.ip.saddr, asked->v4.ip.daddr);
	assert_int_equal(p->v4.ip.daddr, asked->v4.ip.saddr);
	assert_int_equal(fold(sum_words(&p->v4.ip, sizeof p->v4.ip, 0)), 0);
}

/* Tags without a VLAN device: the answer has the tag of the probe. */
static void test_tagged(void **state)
{
	static const uint8_t head[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 5};
	struct kernel_world *k = *state;
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct packet asked;
	uint8_t frame[512];
	int fd, one = 1;

	enter(k->w->there);
	to.sll_ifindex = (int)if_nametoindex("right");
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof one), 0);
	enter(k->w->here);
	for (unsigned int v6 = 0; v6 < 2; v6++) {
		size_t n = build(k, v6, true, &asked);
		uint16_t type = htons(v6 ? ETH_P_IPV6 : ETH_P_IP);
		bool found = false;

		memcpy(frame, head, sizeof head);
		memcpy(frame + sizeof head, &type, sizeof type);
		memcpy(frame + sizeof head + 2, asked.bytes, n);
		assert_true(send(fd, frame, sizeof head + 2 + n, 0) > 0);
		while (!found) {
			struct packet got;
			char control[128];
			struct iovec iov = {frame, sizeof frame};
			struct msghdr m = {.msg_iov = &iov,
					   .msg_iovlen = 1,
					   .msg_name = &to,
					   .msg_namelen = sizeof to,
					   .msg_control = control,
					   .msg_controllen = sizeof control};
			struct pollfd p = {.fd = fd, .events = POLLIN};
			struct tpacket_auxdata aux = {};

			assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
			if (recvmsg(fd, &m, 0) != (ssize_t)(14 + n) || frame[5] != 2)
				continue;
			memcpy(&aux, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof aux);
			assert_true(aux.tp_status & TP_STATUS_VLAN_VALID);
			assert_int_equal(aux.tp_vlan_tci, 5);
			memcpy(got.bytes, frame + 14, n);
			check_packet(k, &got, &asked, v6);
			found = true;
		}
	}
	close(fd);
}

/* A device without a link-layer header; the test is its other end. */
static void test_tun(void **state)
{
	struct kernel_world *k = *state;
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "tun"};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		skip();
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	shell("ip link set tun up && ip addr add 10.0.0.1/24 dev tun &&"
	      "ip addr add fd00::1/64 dev tun nodad");
	kw_start(k, KW_INC);
	for (unsigned int i = 0; i < 3; i++) {
		bool v6 = i == 2;
		struct packet asked, got;
		size_t n = build(k, v6, i > 0, &asked);
		ssize_t r;

		assert_int_equal(write(fd, asked.bytes, n), (ssize_t)n);
		do { /* the kernel has something to say on a new device too */
			struct pollfd p = {.fd = fd, .events = POLLIN};

			assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
			r = read(fd, got.bytes, sizeof got.bytes);
		} while (r != (ssize_t)n);
		check_packet(k, &got, &asked, v6);
	}
	assert_int_equal(kw_count(k, KERNEL_COUNT_ANSWERED), 3);
	close(fd);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kw_setup, kw_teardown)
#define B(f) cmocka_unit_test_setup_teardown(f, kw_setup_bare, kw_teardown)
	const struct CMUnitTest tests[] = {
		T(test_answer),
		T(test_age),
		T(test_rotation),
		T(test_refused),
		T(test_spoofed),
		T(test_not_ours),
		T(test_replayed),
		T(test_reflected),
		T(test_flood),
		B(test_bridge),
		B(test_bridge_with_address),
		B(test_macvlan),
		B(test_vlan),
		B(test_bond),
		T(test_tagged),
		B(test_tun),
	};

	if (!kw_allowed())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
