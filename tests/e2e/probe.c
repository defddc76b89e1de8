/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Counts who answers on a floating IP, from the outside.
 *
 *   probe respond NAME PORT            answers every UDP datagram with NAME, from the address asked
 *   probe watch IF SELF VIP PORT [NAME=MAC ...]
 *
 * `watch` asks VIP once a millisecond as any client would ("client") and, each 5 ms, every named
 * node directly by its MAC address, so that two owners are seen even when the network shows one.
 * It prints "MICROSECONDS WHO" for each reply: WHO is the answering name for the client's own
 * questions and "=NAME" for those that went to the MAC of NAME. "MICROSECONDS #N" says now and then
 * that the client has asked N times so far, and has read what came back. Ends on SIGTERM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NODES_MAX	 40
#define CLIENT_PERIOD_US 1000
#define NODE_PERIOD_US	 5000
#define PORT_BASE	 41000

struct watched {
	const char *name;
	unsigned char mac[6];
	int receive;
	uint16_t port;
};

static volatile sig_atomic_t ended;

static void on_term(int signal)
{
	(void)signal;
	ended = 1;
}

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

static int udp_socket(const char *address, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	int one = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
		die(address);
	(void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
		die("bind");
	return fd;
}

/* Replies from the address that was asked. */
static void reply(int fd, const char *name)
{
	struct sockaddr_in from;
	char data[64], control[128];
	struct iovec io = {data, sizeof data};
	struct msghdr m = {.msg_name = &from,
			   .msg_namelen = sizeof from,
			   .msg_iov = &io,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof control};
	struct cmsghdr *c;

	if (recvmsg(fd, &m, 0) < 0)
		return;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo *info = (struct in_pktinfo *)(void *)CMSG_DATA(c);

		info->ipi_spec_dst = info->ipi_addr;
		info->ipi_ifindex = 0;
	}
	io = (struct iovec){(void *)(uintptr_t)name, strlen(name)};
	m.msg_flags = 0;
	(void)sendmsg(fd, &m, 0); /* the address may just have gone */
}

static int respond(const char *name, uint16_t port)
{
	struct pollfd p = {.fd = udp_socket("0.0.0.0", port), .events = POLLIN};

	while (!ended)
		if (poll(&p, 1, 1000) > 0)
			reply(p.fd, name);
	return 0;
}

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

struct frame {
	struct ether_header eth;
	struct iphdr ip;
	struct udphdr udp;
	char data[2];
} __attribute__((packed));

struct question {
	int packet; /* AF_PACKET socket */
	int ifindex;
	unsigned char mac[6];
	struct in_addr self, vip;
	uint16_t port;
};

/* Asks one node by its MAC address, whatever the neighbour table says. */
static void ask_node(const struct question *q, const struct watched *w)
{
	struct frame f = {.data = "?"};
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_ifindex = q->ifindex, .sll_halen = 6};

	memcpy(f.eth.ether_dhost, w->mac, 6);
	memcpy(f.eth.ether_shost, q->mac, 6);
	memcpy(to.sll_addr, w->mac, 6);
	f.eth.ether_type = htons(ETHERTYPE_IP);
	f.ip = (struct iphdr){.version = 4,
			      .ihl = 5,
			      .ttl = 64,
			      .protocol = IPPROTO_UDP,
			      .tot_len = htons(sizeof f - sizeof f.eth),
			      .saddr = q->self.s_addr,
			      .daddr = q->vip.s_addr};
	f.ip.check = checksum(&f.ip, sizeof f.ip);
	f.udp = (struct udphdr){.source = htons(w->port),
				.dest = htons(q->port),
				.len = htons(sizeof f.udp + sizeof f.data)};
	(void)sendto(q->packet, &f, sizeof f, 0, (struct sockaddr *)&to, sizeof to);
}

static void read_replies(int fd, const char *forced_name)
{
	char b[64];
	ssize_t n;

	while ((n = recv(fd, b, sizeof b - 1, 0)) > 0) {
		b[n] = '\0';
		printf("%lld %s%s\n", (long long)now_us(), forced_name ? "=" : "",
		       forced_name ? forced_name : b);
	}
}

static void parse_watched(struct watched *w, char *arg, int index, const char *self)
{
	char *eq = strchr(arg, '=');
	unsigned int m[6];

	if (!eq ||
	    sscanf(eq + 1, "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6)
		die(arg);
	*eq = '\0';
	w->name = arg;
	for (int i = 0; i < 6; i++)
		w->mac[i] = (unsigned char)m[i];
	w->port = (uint16_t)(PORT_BASE + index);
	w->receive = udp_socket(self, w->port);
}

static void open_question(struct question *q, const char *interface)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET};
	socklen_t n = sizeof at;

	q->ifindex = (int)if_nametoindex(interface);
	q->packet = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	at.sll_ifindex = q->ifindex;
	if (q->packet < 0 || bind(q->packet, (struct sockaddr *)&at, sizeof at) < 0 ||
	    getsockname(q->packet, (struct sockaddr *)&at, &n) < 0)
		die(interface);
	memcpy(q->mac, at.sll_addr, 6);
}

/* Between two of these lines are as many replies as questions, but for those under way. */
static void say_asked(uint64_t asked, int client)
{
	read_replies(client, NULL);
	printf("%lld #%llu\n", (long long)now_us(), (unsigned long long)asked);
	(void)fflush(stdout);
}

static void loop(const struct question *q, struct watched *w, int n, int client)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(q->port), .sin_addr = q->vip};
	int64_t next = now_us(), next_nodes = next, flushed = next;
	struct pollfd p[NODES_MAX + 1];
	uint64_t asked = 0;

	for (int i = 0; i <= n; i++)
		p[i] = (struct pollfd){.fd = i < n ? w[i].receive : client, .events = POLLIN};
	while (!ended) {
		int64_t t = now_us();

		if (t - flushed > 20000) {
			say_asked(asked, client);
			flushed = t;
		}
		if (t >= next) {
			(void)sendto(client, "?", 1, 0, (struct sockaddr *)&to, sizeof to);
			asked++;
			next = t - next > CLIENT_PERIOD_US ? t + CLIENT_PERIOD_US
							   : next + CLIENT_PERIOD_US;
		}
		for (int i = 0; t >= next_nodes && i < n; i++)
			ask_node(q, &w[i]);
		if (t >= next_nodes)
			next_nodes = t + NODE_PERIOD_US;
		struct timespec wait = {0, next > t ? (next - t) * 1000 : 0};
		if (ppoll(p, (nfds_t)n + 1, &wait, NULL) <= 0)
			continue;
		for (int i = 0; i <= n; i++)
			if (p[i].revents)
				read_replies(p[i].fd, i < n ? w[i].name : NULL);
	}
	(void)fflush(stdout);
}

static int watch(int argc, char **argv)
{
	static struct watched w[NODES_MAX];
	struct question q = {.port = (uint16_t)atoi(argv[3])};
	int n = 0;

	if (inet_pton(AF_INET, argv[1], &q.self) != 1 || inet_pton(AF_INET, argv[2], &q.vip) != 1)
		die("address");
	for (int i = 4; i < argc && n < NODES_MAX; i++, n++)
		parse_watched(&w[n], argv[i], n, argv[1]);
	open_question(&q, argv[0]);
	loop(&q, w, n, udp_socket(argv[1], PORT_BASE - 1));
	return 0;
}

int main(int argc, char **argv)
{
	struct sched_param priority = {.sched_priority = 20};

	signal(SIGTERM, on_term);
	signal(SIGINT, on_term);
	/* so that an overload starves the product and not the measurement */
	if (sched_setscheduler(0, SCHED_FIFO, &priority) < 0)
		perror("probe: no real-time priority");
	(void)mlockall(MCL_CURRENT | MCL_FUTURE);
	if (argc == 4 && strcmp(argv[1], "respond") == 0)
		return respond(argv[2], (uint16_t)atoi(argv[3]));
	if (argc >= 6 && strcmp(argv[1], "watch") == 0)
		return watch(argc - 2, argv + 2);
	(void)fprintf(stderr, "usage: see the top of probe.c\n");
	return 64;
}
