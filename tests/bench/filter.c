/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kernel path costs other traffic: `make bench-filter [ROUNDS=30]`, as root. A veth pair
 * in two namespaces of its own; only the near end carries the programs. One thread on one CPU sends
 * and receives, so that softirqs run in its time, and its CPU time is what is compared: other
 * load does not count. All variants take turns in each round; a round's ratios are to its own run
 * without the programs. The second table is the programs alone (BPF_PROG_TEST_RUN).
 */
#include "tests/unit/kernel_world.h"

#include <bpf/bpf.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <sys/uio.h>

#define BATCH	   32
#define ROUNDS_MAX 1000
#define TCP_BYTES  (64 * 1024)

enum variant {
	WITHOUT,
	EMPTY,
	PROTECTED_0,
	PROTECTED_1,
	PROTECTED_512,
	SAME_CLASS,
	VARIANT_COUNT_
};

static const char *const VARIANTS[] = {
	[WITHOUT] = "without",
	[EMPTY] = "a program that does nothing",
	[PROTECTED_0] = "0 addresses",
	[PROTECTED_1] = "1 address",
	[PROTECTED_512] = "512 addresses",
	[SAME_CLASS] = "512, one of the peer's class",
};

enum traffic { UDP_64, UDP_1400, TCP, TRAFFIC_COUNT_ };

static const char *const TRAFFICS[] = {
	[UDP_64] = "UDP, 64 bytes", [UDP_1400] = "UDP, 1400 bytes", [TCP] = "TCP, 64 KiB writes"};

struct bench {
	struct kernel_world *k;
	int empty;	    /* program */
	int udp[2], tcp[2]; /* here, there; connected to each other */
};

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static struct sockaddr_in address(const char *ip)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(9999)};

	inet_pton(AF_INET, ip, &a.sin_addr);
	return a;
}

static void open_sockets(struct bench *b)
{
	struct sockaddr_in here = address("10.0.0.1"), there = address("10.0.0.2");
	int listener;

	enter(b->k->w->there);
	b->udp[1] = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(b->udp[1], (struct sockaddr *)&there, sizeof there), 0);
	assert_int_equal(connect(b->udp[1], (struct sockaddr *)&here, sizeof here), 0);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&there, sizeof there), 0);
	assert_int_equal(listen(listener, 1), 0);
	enter(b->k->w->here);
	b->udp[0] = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(b->udp[0], (struct sockaddr *)&here, sizeof here), 0);
	assert_int_equal(connect(b->udp[0], (struct sockaddr *)&there, sizeof there), 0);
	b->tcp[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(b->tcp[0], (struct sockaddr *)&there, sizeof there), 0);
	b->tcp[1] = accept(listener, NULL, NULL);
	assert_true(b->tcp[1] >= 0);
	close(listener);
}

/* A batch from one end to the other. */
static void udp_batch(const int fd[2], unsigned int from, size_t size)
{
	static uint8_t data[BATCH][1500];
	struct mmsghdr m[BATCH] = {};
	struct iovec iov[BATCH];
	int left = BATCH;

	for (unsigned int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){data[i], size};
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	assert_int_equal(sendmmsg(fd[from], m, BATCH, 0), BATCH);
	while (left > 0) {
		struct pollfd p = {.fd = fd[!from], .events = POLLIN};
		int r;

		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		r = recvmmsg(fd[!from], m, (unsigned int)left, MSG_DONTWAIT, NULL);
		assert_true(r > 0);
		left -= r;
	}
}

static void tcp_batch(const int fd[2], unsigned int from)
{
	static uint8_t data[TCP_BYTES];
	ssize_t sent = send(fd[from], data, sizeof data, 0);

	assert_int_equal(sent, sizeof data);
	while (sent > 0) {
		ssize_t r = recv(fd[!from], data, sizeof data, 0);

		assert_true(r > 0);
		sent -= r;
	}
}

/* ns of CPU for each packet (of TCP: each write), both ways alike. */
static double run(struct bench *b, enum traffic t)
{
	const unsigned int batches = t == TCP ? 400 : 300;
	uint64_t start = 0;

	for (unsigned int i = 0; i < batches + 20; i++) {
		if (i == 20) /* warm */
			start = cpu_ns();
		if (t == TCP)
			tcp_batch(b->tcp, i & 1);
		else
			udp_batch(b->udp, i & 1, t == UDP_64 ? 64 : 1400);
	}
	return (double)(cpu_ns() - start) / batches / (t == TCP ? 1 : BATCH);
}

/* ---- variants ---- */

static uint32_t class_of(const uint8_t ip[4])
{
	uint32_t tail;

	memcpy(&tail, ip, sizeof tail);
	return kernel_hint_class(tail);
}

/* Protected ones that share no class with the two ends, but for the last one if it is to. */
static void protect(struct hb_kernel *kernel, unsigned int n, bool same_class)
{
	const uint8_t here[4] = {10, 0, 0, 1}, there[4] = {10, 0, 0, 2};
	uint8_t ip[4] = {10, 1, 0, 0};

	for (unsigned int i = 0; n > 0; i++) {
		bool same;

		ip[1] = (uint8_t)(1 + (i >> 16));
		ip[2] = (uint8_t)(i >> 8);
		ip[3] = (uint8_t)i;
		same = class_of(ip) == class_of(here) || class_of(ip) == class_of(there);
		if (same != (same_class && n == 1))
			continue;
		assert_int_equal(hb_kernel_protect(kernel, AF_INET, ip), 0);
		n--;
	}
}

static void unprotect_all(struct hb_kernel *kernel)
{
	for (unsigned int i = 0; i < kernel->n_addresses; i++)
		kernel->address[i].ours = false;
	(void)hb_kernel_prune(kernel);
}

/* What the hooks and the harness cost by themselves: a program that does nothing. */
static int empty_program(void)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = -1},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "empty", "GPL", code, 2, NULL);
}

static void attach_empty(struct bench *b, bool attached)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct bpf_tc_hook hook = {.sz = sizeof hook,
					   .ifindex = (int)if_nametoindex("left"),
					   .attach_point = i ? BPF_TC_EGRESS : BPF_TC_INGRESS};
		struct bpf_tc_opts opts = {.sz = sizeof opts, .handle = 1, .priority = 1};
		int r;

		if (!attached) { /* it may not be there */
			(void)bpf_tc_detach(&hook, &opts);
			continue;
		}
		opts.prog_fd = b->empty;
		r = bpf_tc_hook_create(&hook);
		assert_true(r >= 0 || r == -EEXIST);
		assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
	}
}

static void set_variant(struct bench *b, enum variant v)
{
	static const unsigned int n[] = {0, 0, 0, 1, 512, 512};
	char error[HB_ERROR_SIZE];

	unprotect_all(b->k->kernel);
	protect(b->k->kernel, n[v], v == SAME_CLASS);
	attach_empty(b, v == EMPTY);
	if ((v <= EMPTY ? hb_kernel_detach(error) : hb_kernel_attach(b->k->kernel, error)) < 0)
		fail_msg("%s", error);
}

/* ---- figures ---- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *values, unsigned int n)
{
	double sorted[ROUNDS_MAX];

	memcpy(sorted, values, n * sizeof *values);
	qsort(sorted, n, sizeof *sorted, compare);
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static void print_row(enum variant v, const double *ns, const double *without, unsigned int n)
{
	double ratio[ROUNDS_MAX], min, max, best = ns[0], best_without = without[0];

	for (unsigned int i = 0; i < n; i++)
		ratio[i] = ns[i] / without[i];
	min = max = ratio[0];
	for (unsigned int i = 0; i < n; i++) {
		min = ratio[i] < min ? ratio[i] : min;
		max = ratio[i] > max ? ratio[i] : max;
		best = ns[i] < best ? ns[i] : best;
		best_without = without[i] < best_without ? without[i] : best_without;
	}
	printf("  %-30s %9.1f ns   %.4f  (%.4f to %.4f)   %9.1f ns   %.4f\n", VARIANTS[v],
	       median(ns, n), median(ratio, n), min, max, best, best / best_without);
}

static void compare_traffic(struct bench *b, enum traffic t, unsigned int rounds)
{
	static double ns[VARIANT_COUNT_][ROUNDS_MAX];

	for (unsigned int i = 0; i < rounds; i++) {
		for (unsigned int j = 0; j < VARIANT_COUNT_; j++) {
			enum variant v = (i + j) % VARIANT_COUNT_; /* each comes first in turn */

			set_variant(b, v);
			ns[v][i] = run(b, t);
		}
	}
	printf("%s: CPU time of a %s; its ratio to the same round without: median (min to max); "
	       "best round\n",
	       TRAFFICS[t], t == TCP ? "write" : "packet");
	for (unsigned int v = 0; v < VARIANT_COUNT_; v++)
		print_row(v, ns[v], ns[WITHOUT], rounds);
}

/* ---- the programs alone ---- */

static void make_frame(uint8_t frame[142])
{
	struct iphdr ip = {
		.version = 4, .ihl = 5, .tot_len = htons(128), .ttl = 64, .protocol = 17};
	struct udphdr udp = {.source = htons(1000), .dest = htons(9999), .len = htons(108)};

	memset(frame, 0, 142);
	frame[12] = 8;
	inet_pton(AF_INET, "10.0.0.2", &ip.saddr);
	inet_pton(AF_INET, "10.0.0.1", &ip.daddr);
	memcpy(frame + 14, &ip, sizeof ip);
	memcpy(frame + 34, &udp, sizeof udp);
}

/* Median ns of one run; -1: the kernel cannot. */
static double run_alone(int fd)
{
	uint8_t frame[142];
	double ns[21];

	make_frame(frame);
	for (unsigned int i = 0; i < 21; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof frame,
			    .repeat = 100000);

		if (bpf_prog_test_run_opts(fd, &opts) < 0)
			return -1;
		ns[i] = opts.duration;
	}
	return median(ns, 21);
}

static void compare_alone(struct bench *b)
{
	printf("A program alone, one UDP packet (BPF_PROG_TEST_RUN, median of 21): empty %.0f ns\n",
	       run_alone(b->empty));
	for (enum variant v = PROTECTED_0; v < VARIANT_COUNT_; v++) {
		set_variant(b, v);
		printf("  %-30s ingress %.0f ns, egress %.0f ns\n", VARIANTS[v],
		       run_alone(b->k->kernel->program_fd[PROGRAM_INGRESS]),
		       run_alone(b->k->kernel->program_fd[PROGRAM_EGRESS]));
	}
}

static void bench(void **state)
{
	struct bench b = {.k = *state};
	const char *text = getenv("ROUNDS");
	unsigned int rounds = text ? (unsigned int)strtoul(text, NULL, 10) : 30;
	cpu_set_t cpus;

	rounds = rounds < 1 ? 1 : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	assert_int_equal(sched_setaffinity(0, sizeof cpus, &cpus), 0);
	hb_kernel_lease(b.k->kernel, 1, HA_TIME_NEVER, 1, 1);
	b.empty = empty_program();
	assert_true(b.empty >= 0);
	open_sockets(&b);
	for (unsigned int t = 0; t < TRAFFIC_COUNT_; t++)
		compare_traffic(&b, t, rounds);
	compare_alone(&b);
	for (unsigned int i = 0; i < 2; i++) {
		close(b.udp[i]);
		close(b.tcp[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bench, kw_setup, kw_teardown)};

	if (!kw_allowed())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
