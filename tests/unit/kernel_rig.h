/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TESTS_KERNEL_RIG_H
#define HF_TESTS_KERNEL_RIG_H

/* The embedded BPF object in the kernel, its state map in memory, and BPF_PROG_TEST_RUN on it. */

#include "hb/bpf/object.h"
#include "tests/unit/kernel_frame.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum rig_program { RIG_INGRESS, RIG_EGRESS, RIG_INGRESS_L3, RIG_EGRESS_L3, RIG_PROGRAMS };

struct rig {
	struct bpf_object *object;
	struct bpf_program *program[RIG_PROGRAMS];
	struct kernel_state *state;
	int addresses; /* the map */
};

static const char *const rig_names[] = {"hf_ingress", "hf_egress", "hf_ingress_l3", "hf_egress_l3"};

static inline uint64_t rig_now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* 0, or -errno with a line on stderr. */
static inline int rig_load(struct rig *rig)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "holdfast");
	struct bpf_map *map;
	void *memory;
	int r;

	rig->object = bpf_object__open_mem(hb_bpf_object, hb_bpf_object_bytes, &opts);
	if (!rig->object)
		return -errno;
	r = bpf_object__load(rig->object);
	if (r < 0)
		return r;
	for (int i = 0; i < RIG_PROGRAMS; i++) {
		rig->program[i] = bpf_object__find_program_by_name(rig->object, rig_names[i]);
		if (!rig->program[i])
			return -ENOENT;
	}
	map = bpf_object__find_map_by_name(rig->object, "hf_state");
	if (!map || bpf_map__value_size(map) != sizeof(struct kernel_state))
		return -EINVAL;
	memory = mmap(NULL, sizeof(struct kernel_state), PROT_READ | PROT_WRITE, MAP_SHARED,
		      bpf_map__fd(map), 0);
	if (memory == MAP_FAILED)
		return -errno;
	rig->state = memory;
	rig->addresses = bpf_object__find_map_fd_by_name(rig->object, "hf_addresses");
	return rig->addresses < 0 ? -ENOENT : 0;
}

static inline void rig_unload(struct rig *rig)
{
	if (rig->state)
		(void)munmap(rig->state, sizeof(struct kernel_state));
	bpf_object__close(rig->object);
}

/* What the verifier said. */
static inline void rig_print(const struct rig *rig)
{
	for (int i = 0; i < RIG_PROGRAMS; i++) {
		struct bpf_prog_info info = {};
		__u32 n = sizeof(info);

		if (bpf_obj_get_info_by_fd(bpf_program__fd(rig->program[i]), &info, &n) < 0)
			continue;
		printf("%s: %u instructions, %u bytes of machine code, %u verified, "
		       "loaded within %.1f ms\n",
		       rig_names[i], info.xlated_prog_len / 8, info.jited_prog_len,
		       info.verified_insns, (double)(rig_now_us() - info.load_time / 1000) / 1e3);
	}
}

/*
 * Runs a program on the frame, which becomes what it has made of it. Returns its verdict, or
 * -errno. `repeat`: 1, or for *ret_ns (may be NULL), the mean of so many runs.
 */
static inline int rig_run(const struct rig *rig, enum rig_program program, struct frame *f,
			  int repeat, uint32_t *ret_ns)
{
	static uint8_t out[4096];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->bytes, .data_size_in = (__u32)f->n,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = repeat);
	int r = bpf_prog_test_run_opts(bpf_program__fd(rig->program[program]), &opts);

	if (r < 0)
		return r;
	f->n = opts.data_size_out < sizeof(f->bytes) ? opts.data_size_out : sizeof(f->bytes);
	memcpy(f->bytes, out, f->n);
	if (ret_ns)
		*ret_ns = opts.duration;
	return (int)opts.retval;
}

static inline void rig_swap(uint8_t *a, uint8_t *b, size_t n)
{
	while (n-- > 0) {
		uint8_t v = *a;

		*a++ = *b;
		*b++ = v;
	}
}

/* What is to come of the probe, but for the time in `token`. */
static inline struct frame rig_expected(const struct kernel_state *s, const struct frame *probe,
					uint64_t token, uint8_t flags)
{
	struct frame f = *probe;
	uint8_t *ip = f.bytes + f.network, *p = frame_payload(&f);
	uint64_t now = token & KERNEL_TIME_MASK;

	if (f.network)
		rig_swap(f.bytes, f.bytes + 6, 6);
	if (f.v6)
		rig_swap(ip + 8, ip + 24, 16);
	else
		rig_swap(ip + 12, ip + 16, 4);
	ip[f.v6 ? 7 : 8] = 64;
	p[AT_TYPE] = 2;
	rig_swap(p + AT_FROM, p + AT_TO, 1);
	p[AT_FLAGS] = flags;
	put64(p + AT_TO_INCARNATION, FRAME_INCARNATION);
	put64(p + AT_TOKEN, token);
	put64(p + AT_LEASE, flags & KERNEL_FLAG_GRANT ? s->grant_lease_us : 0);
	put64(p + AT_TO_LEASE_EPOCH, s->lease_epoch);
	put64(p + AT_PROGRESS, s->progress);
	put64(p + AT_AGE, now > s->progress_at ? now - s->progress_at : 0);
	frame_sign(&f);
	frame_sums(&f, true);
	return f;
}

/* A socket of our agent. */
static inline int rig_socket(uint8_t link)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(FRAME_PORT)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(FRAME_PORT)};
	uint8_t address[16];
	int fd = socket(link ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	frame_address(address, 0, link);
	memcpy(&v4.sin_addr, address + 12, 4);
	memcpy(&v6.sin6_addr, address, 16);
	if (fd < 0 || bind(fd, link ? (void *)&v6 : (void *)&v4, link ? sizeof(v6) : sizeof(v4)))
		return -errno;
	return fd;
}

/* In a namespace of its own, with our addresses on loopback. 0: not allowed here. */
static inline int rig_namespace(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0 ||
	    system("ip link set lo up && ip addr add 10.1.0.1/32 dev lo && "
		   "ip addr add fd00::1/128 dev lo nodad") != 0)
		return 0;
	return 1;
}

#endif
