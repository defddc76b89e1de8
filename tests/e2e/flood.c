/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A hostile neighbour, at the door of one node.
 *
 *   flood PORT_IF MAC NODE_IP PEER_IP STRANGER_IP PORT SECONDS KIND...
 *
 * Listens on the switch port PORT_IF of a node (NODE_IP, whose interface has MAC) until it has
 * recorded some heartbeats of the node and of its peer PEER_IP, then sends it, as fast as one
 * core can, the KINDs of datagrams in turn. Prints how many of each. A line "recorded" on
 * standard output tells that the recording is done; the flood starts when standard input has a
 * line or ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RECORDED_MAX	64
#define RECORDED_MIN	8
#define RECORD_LIMIT_US 10000000LL
#define PAYLOAD_MAX	1472
#define VERSION_AT	4
#define KEY_AT		16
#define SENDER_AT	25

struct recording {
	uint8_t data[RECORDED_MAX][PAYLOAD_MAX];
	uint16_t n[RECORDED_MAX];
	unsigned int count; /* of all; the newest RECORDED_MAX are kept */
};

struct datagram {
	in_addr_t source;
	uint8_t data[PAYLOAD_MAX];
	size_t n;
};

struct flood {
	int packet;
	int ifindex;
	uint8_t mac[6];
	in_addr_t node, peer, stranger;
	uint16_t port;
	struct recording own, theirs; /* what the node sent; what its peer sent */
	uint32_t random;
};

struct frame {
	struct ether_header eth;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t data[PAYLOAD_MAX];
} __attribute__((packed));

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint32_t next_random(struct flood *f)
{
	f->random = f->random * 1664525U + 1013904223U;
	return f->random >> 8;
}

/* ---- recording ---- */

static void keep(struct recording *r, const uint8_t *data, size_t n)
{
	unsigned int i = r->count++ % RECORDED_MAX;

	r->n[i] = (uint16_t)(n < PAYLOAD_MAX ? n : PAYLOAD_MAX);
	memcpy(r->data[i], data, r->n[i]);
}

static void record_frame(struct flood *f, const struct frame *frame, ssize_t n)
{
	const size_t headers = sizeof *frame - PAYLOAD_MAX;
	size_t bytes;

	if (n < (ssize_t)headers || frame->eth.ether_type != htons(ETHERTYPE_IP) ||
	    frame->ip.ihl != 5 || frame->ip.protocol != IPPROTO_UDP ||
	    frame->udp.dest != htons(f->port))
		return;
	bytes = (size_t)n - headers; /* padding of short frames does not matter */
	if (frame->ip.saddr == f->node)
		keep(&f->own, frame->data, bytes);
	else if (frame->ip.saddr == f->peer)
		keep(&f->theirs, frame->data, bytes);
}

static void record(struct flood *f)
{
	int64_t end = now_us() + RECORD_LIMIT_US;
	struct pollfd p = {.fd = f->packet, .events = POLLIN};
	struct frame frame;

	while (f->own.count < RECORDED_MIN || f->theirs.count < RECORDED_MIN) {
		if (now_us() > end) {
			(void)fprintf(stderr, "flood: heard %u and %u heartbeats only\n",
				      f->own.count, f->theirs.count);
			exit(1);
		}
		if (poll(&p, 1, 100) > 0)
			record_frame(f, &frame, recv(f->packet, &frame, sizeof frame, 0));
	}
}

/* ---- the kinds ---- */

static void take_recorded(struct flood *f, const struct recording *r, struct datagram *d)
{
	unsigned int kept = r->count < RECORDED_MAX ? r->count : RECORDED_MAX;
	unsigned int i = next_random(f) % kept;

	d->source = f->peer;
	d->n = r->n[i];
	memcpy(d->data, r->data[i], d->n);
}

static void make_junk(struct flood *f, struct datagram *d)
{
	d->source = next_random(f) % 2 ? f->peer : f->stranger;
	d->n = next_random(f) % 1300;
	for (size_t i = 0; i < d->n; i++)
		d->data[i] = (uint8_t)next_random(f);
}

static void make_truncated(struct flood *f, struct datagram *d)
{
	take_recorded(f, &f->theirs, d);
	d->n = next_random(f) % d->n;
}

static void make_oversized(struct flood *f, struct datagram *d)
{
	take_recorded(f, &f->theirs, d);
	memset(d->data + d->n, 0, PAYLOAD_MAX - d->n);
	d->n += 1 + next_random(f) % (PAYLOAD_MAX - d->n);
}

static void make_replayed(struct flood *f, struct datagram *d)
{
	take_recorded(f, &f->theirs, d);
}

static void make_reflected(struct flood *f, struct datagram *d)
{
	take_recorded(f, &f->own, d);
}

static void make_flipped(struct flood *f, struct datagram *d)
{
	take_recorded(f, &f->theirs, d);
	d->data[SENDER_AT + next_random(f) % (d->n - SENDER_AT)] ^=
		(uint8_t)(1U << next_random(f) % 8);
}

static void make_version(struct flood *f, struct datagram *d)
{
	take_recorded(f, &f->theirs, d);
	d->data[VERSION_AT] = (uint8_t)(d->data[VERSION_AT] + 1 + next_random(f) % 255);
}

static void make_key(struct flood *f, struct datagram *d)
{
	take_recorded(f, &f->theirs, d);
	d->data[KEY_AT + next_random(f) % 4] ^= (uint8_t)(1 + next_random(f) % 255);
}

static void make_stranger(struct flood *f, struct datagram *d)
{
	take_recorded(f, &f->theirs, d);
	d->source = f->stranger;
}

/* Says another length than it has. */
static void make_length(struct flood *f, struct datagram *d)
{
	take_recorded(f, &f->theirs, d);
	d->data[6] = (uint8_t)next_random(f);
	d->data[7] = (uint8_t)next_random(f);
}

static const struct kind {
	const char *name;
	void (*make)(struct flood *, struct datagram *);
} kinds[] = {
	{"junk", make_junk},	       {"truncated", make_truncated},
	{"oversized", make_oversized}, {"replayed", make_replayed},
	{"reflected", make_reflected}, {"flipped", make_flipped},
	{"version", make_version},     {"key", make_key},
	{"stranger", make_stranger},   {"length", make_length},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* ---- sending ---- */

static uint16_t checksum(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static bool send_datagram(const struct flood *f, const struct datagram *d)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_ifindex = f->ifindex, .sll_halen = 6};
	static struct frame frame;

	memcpy(to.sll_addr, f->mac, 6);
	memcpy(frame.eth.ether_dhost, f->mac, 6);
	memcpy(frame.eth.ether_shost, "\x02hostl", 6);
	frame.eth.ether_type = htons(ETHERTYPE_IP);
	frame.ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.tot_len = htons((uint16_t)(sizeof frame.ip + sizeof frame.udp + d->n)),
		.saddr = d->source,
		.daddr = f->node};
	frame.ip.check = checksum(&frame.ip, sizeof frame.ip);
	frame.udp = (struct udphdr){.source = htons(f->port),
				    .dest = htons(f->port),
				    .len = htons((uint16_t)(sizeof frame.udp + d->n))};
	memcpy(frame.data, d->data, d->n);
	return sendto(f->packet, &frame, sizeof frame - PAYLOAD_MAX + d->n, MSG_DONTWAIT,
		      (struct sockaddr *)&to, sizeof to) >= 0;
}

static void flood(struct flood *f, const struct kind **chosen, unsigned int n, int64_t us)
{
	unsigned long long sent[KINDS] = {0}, total = 0;
	struct datagram d;
	int64_t end = now_us() + us;

	for (unsigned int i = 0; (i & 63) || now_us() < end; i++) {
		chosen[i % n]->make(f, &d);
		if (send_datagram(f, &d)) {
			sent[i % n]++;
			total++;
		}
	}
	printf("total %llu", total);
	for (unsigned int i = 0; i < n; i++)
		printf(" %s %llu", chosen[i]->name, sent[i]);
	printf("\n");
}

static void open_packet(struct flood *f, const char *interface)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int one = 1;

	f->ifindex = (int)if_nametoindex(interface);
	f->packet = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	at.sll_ifindex = f->ifindex;
	if (f->packet < 0 || !f->ifindex || bind(f->packet, (struct sockaddr *)&at, sizeof at) < 0)
		die(interface);
	(void)setsockopt(f->packet, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
}

static void stop_listening(struct flood *f)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = f->ifindex};

	/* A socket without protocol sends only: its own flood need not come back to it. */
	(void)close(f->packet);
	f->packet = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (f->packet < 0 || bind(f->packet, (struct sockaddr *)&at, sizeof at) < 0)
		die("bind");
}

int main(int argc, char **argv)
{
	static struct flood f = {.random = 1};
	const struct kind *chosen[KINDS];
	unsigned int n = 0, m[6];

	if (argc < 9 ||
	    sscanf(argv[2], "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6) {
		(void)fprintf(stderr, "usage: see the top of flood.c\n");
		return 64;
	}
	for (int i = 0; i < 6; i++)
		f.mac[i] = (uint8_t)m[i];
	f.node = inet_addr(argv[3]);
	f.peer = inet_addr(argv[4]);
	f.stranger = inet_addr(argv[5]);
	f.port = (uint16_t)atoi(argv[6]);
	for (int i = 8; i < argc && n < KINDS; i++)
		for (size_t k = 0; k < KINDS; k++)
			if (strcmp(argv[i], kinds[k].name) == 0)
				chosen[n++] = &kinds[k];
	if (n == 0)
		die("no kinds");
	open_packet(&f, argv[1]);
	record(&f);
	printf("recorded\n");
	(void)fflush(stdout);
	(void)getchar();
	stop_listening(&f);
	flood(&f, chosen, n, atoll(argv[7]) * 1000000LL);
	return 0;
}
