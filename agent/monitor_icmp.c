/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ipw: one of some addresses answers ICMP echo. All monitors share a socket for each family: a raw
 * one, or without the privilege for that a ping socket. */
#include "agent/monitor_parse.h"
#include "agent/monitor_worker.h"

#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#define PACKETS_MAX 64 /* read in one turn */

struct icmp_socket {
	int fd; /* -1: not opened */
	bool raw, v6;
	sd_event_source *source;
	struct icmp *icmp;
};

struct icmp {
	struct worker *worker;
	struct icmp_socket v4, v6;
	uint16_t id;
	uint64_t counter; /* of checks, from somewhere */
};

/* A check: the lowest bits of the cookie are the monitor's index. */
struct ping {
	uint64_t cookie;
};

/* ---- answers ---- */

static void answered(struct icmp *icmp, const struct echo *echo)
{
	uint16_t index = (uint16_t)echo->cookie;
	struct monitor *m;
	const struct ping *ping;

	if (index >= icmp->worker->config->n_monitors)
		return;
	m = &icmp->worker->monitors[index];
	ping = m->check;
	if (m->driver == &monitor_driver_ipw && ping && ping->cookie == echo->cookie)
		worker_good(m);
}

static int on_packet(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	const struct icmp_socket *s = userdata;
	uint8_t data[256];

	(void)source;
	(void)events;
	for (int i = 0; i < PACKETS_MAX; i++) {
		ssize_t n = recv(fd, data, sizeof data, MSG_DONTWAIT);
		struct echo echo;

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0) /* an error that an earlier packet met: that one is not answered */
			continue;
		if (echo_parse(data, (size_t)n, s->v6, s->raw && !s->v6, &echo) < 0)
			continue;
		if (!s->raw || echo.id == s->icmp->id)
			answered(s->icmp, &echo);
	}
	return 0;
}

/* ---- sockets ---- */

/* Of a raw socket every ICMP packet of the machine would be read else. */
static int filter_replies(const struct icmp_socket *s)
{
	struct icmp_filter v4 = {.data = ~(1U << ICMP_ECHOREPLY)};
	struct icmp6_filter v6;

	if (!s->v6)
		return setsockopt(s->fd, SOL_RAW, ICMP_FILTER, &v4, sizeof v4) < 0 ? -errno : 0;
	ICMP6_FILTER_SETBLOCKALL(&v6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &v6);
	return setsockopt(s->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &v6, sizeof v6) < 0 ? -errno : 0;
}

static int open_socket(struct icmp_socket *s)
{
	int family = s->v6 ? AF_INET6 : AF_INET;
	int protocol = s->v6 ? (int)IPPROTO_ICMPV6 : (int)IPPROTO_ICMP;
	const int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
	int r = 0;

	if (s->fd >= 0)
		return 0;
	s->raw = true;
	s->fd = socket(family, SOCK_RAW | flags, protocol);
	if (s->fd < 0 && (errno == EPERM || errno == EACCES)) {
		s->raw = false;
		s->fd = socket(family, SOCK_DGRAM | flags, protocol);
	}
	if (s->fd < 0)
		return -errno;
	if (s->raw)
		r = filter_replies(s);
	if (r >= 0)
		r = sd_event_add_io(s->icmp->worker->event, &s->source, s->fd, EPOLLIN, on_packet,
				    s);
	if (r < 0) {
		cleanup_closep(&s->fd);
		s->fd = -1;
		return r;
	}
	return 0;
}

static struct icmp *get_icmp(struct worker *w)
{
	struct icmp *icmp;

	if (w->icmp)
		return w->icmp;
	icmp = calloc(1, sizeof *icmp);
	if (!icmp)
		return NULL;
	icmp->worker = w;
	icmp->v4 = (struct icmp_socket){.fd = -1, .icmp = icmp};
	icmp->v6 = (struct icmp_socket){.fd = -1, .v6 = true, .icmp = icmp};
	/* Other programs ping too: theirs have other numbers. */
	if (getrandom(&icmp->counter, sizeof icmp->counter, GRND_NONBLOCK) < 0)
		icmp->counter = (uint64_t)getpid() << 32;
	icmp->id = (uint16_t)(icmp->counter >> 48);
	w->icmp = icmp;
	return icmp;
}

struct icmp *icmp_free(struct icmp *icmp)
{
	if (!icmp)
		return NULL;
	sd_event_source_disable_unref(icmp->v4.source);
	sd_event_source_disable_unref(icmp->v6.source);
	cleanup_closep(&icmp->v4.fd);
	cleanup_closep(&icmp->v6.fd);
	free(icmp);
	return NULL;
}

/* ---- the check ---- */

static int ping_address(struct icmp *icmp, const char *address, const struct echo *echo)
{
	struct sockaddr_storage to;
	uint8_t packet[ECHO_SIZE];
	struct icmp_socket *s;
	socklen_t size;
	int r = worker_address(address, NULL, &to, &size);

	if (r < 0)
		return r;
	s = to.ss_family == AF_INET6 ? &icmp->v6 : &icmp->v4;
	r = open_socket(s);
	if (r < 0)
		return r;
	echo_build(echo, s->v6, packet);
	if (sendto(s->fd, packet, sizeof packet, MSG_DONTWAIT, (const struct sockaddr *)&to, size) <
	    0)
		return -errno;
	return 0;
}

static void wait_for(struct monitor *m, size_t n)
{
	const char *first = m->config->addresses[0];

	if (n == 1)
		worker_waits(m, "%.60s: no answer", first);
	else
		worker_waits(m, "%.50s and %zu more: no answer", first, n - 1);
}

static void icmp_begin(struct monitor *m)
{
	struct icmp *icmp = get_icmp(m->worker);
	struct ping *ping = calloc(1, sizeof *ping);
	size_t n = 0, sent = 0;
	struct echo echo;
	int r = 0;

	m->check = ping;
	if (!icmp || !ping) {
		worker_failed(m, "no memory");
		return;
	}
	icmp->counter++;
	ping->cookie = icmp->counter << 16 | m->index;
	echo = (struct echo){
		.id = icmp->id, .sequence = (uint16_t)icmp->counter, .cookie = ping->cookie};
	for (; m->config->addresses[n]; n++) {
		int k = ping_address(icmp, m->config->addresses[n], &echo);

		sent += k >= 0;
		r = k < 0 && r == 0 ? k : r;
	}
	if (sent == 0)
		worker_failed(m, "%.60s: %s", n ? m->config->addresses[0] : "no address",
			      r == -EINVAL ? "not a numeric address" : error_words(-r));
	else
		wait_for(m, n);
}

static void icmp_end(struct monitor *m)
{
	free(m->check);
	m->check = NULL;
}

/* That nothing comes back is how an address fails. */
const struct monitor_driver monitor_driver_ipw = {
	.begin = icmp_begin, .end = icmp_end, .silence_is_failure = true};
