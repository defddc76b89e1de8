/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The BPF programs at devices of a namespace: what BPF_PROG_TEST_RUN cannot do. What is written to
 * a TAP or TUN device comes in at it, what it sends is read from it: tags that the kernel moves
 * into metadata, sums that are left to the device, packets in fragments, no link-layer header.
 */
#include "tests/unit/kernel_rig.h"

#include "hb/bpf/writer.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <cmocka.h>

#define PATIENCE_MS 60000 /* for what must happen: a loaded machine may be slow */

static struct rig rig;
static uint64_t stamp;

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 10};

struct device {
	int fd;
	unsigned int index;
	bool l3, header; /* header: struct virtio_net_hdr before each packet */
};

static void shell(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static void attach(const struct device *d, enum bpf_tc_attach_point where, enum rig_program program)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)d->index, .attach_point = where);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 0x4846, .priority = 1,
		    .prog_fd = bpf_program__fd(rig.program[program]));
	int r = bpf_tc_hook_create(&hook);

	assert_true(r == 0 || r == -EEXIST);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
}

/* A device of that name, up, with the programs; without IPv6, which sends by itself. */
static struct device device_new(const char *name, short flags)
{
	struct device d = {.l3 = flags & IFF_TUN, .header = flags & IFF_VNET_HDR};
	struct ifreq request = {.ifr_flags = (short)(flags | IFF_NO_PI)};
	char command[256];

	frame_state(rig.state);
	d.fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	assert_true(d.fd >= 0);
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	assert_int_equal(ioctl(d.fd, TUNSETIFF, &request), 0);
	if (d.header) {
		unsigned int offloads = TUN_F_CSUM; /* sums may be left to us */

		assert_int_equal(ioctl(d.fd, TUNSETOFFLOAD, offloads), 0);
	}
	d.index = if_nametoindex(name);
	(void)snprintf(command, sizeof(command),
		       "echo 1 >/proc/sys/net/ipv6/conf/%s/disable_ipv6 && %s%s%s"
		       "ip link set %s up",
		       name, d.l3 ? "" : "ip link set ", d.l3 ? "" : name,
		       d.l3 ? "" : " address 02:00:00:00:00:0a && ", name);
	shell(command);
	attach(&d, BPF_TC_INGRESS, d.l3 ? RIG_INGRESS_L3 : RIG_INGRESS);
	attach(&d, BPF_TC_EGRESS, d.l3 ? RIG_EGRESS_L3 : RIG_EGRESS);
	return d;
}

static void device_write(const struct device *d, const struct frame *f,
			 const struct virtio_net_hdr *header)
{
	struct virtio_net_hdr none = {};
	struct iovec parts[2] = {{(void *)(header ? header : &none), sizeof(none)},
				 {(void *)f->bytes, f->n}};
	ssize_t n = writev(d->fd, d->header ? parts : parts + 1, d->header ? 2 : 1);

	assert_int_equal(n, (d->header ? sizeof(none) : 0) + f->n);
}

/* The next packet that the device sends; fails if there is none. */
static void device_read(const struct device *d, struct frame *ret, struct virtio_net_hdr *header)
{
	struct virtio_net_hdr ignored;
	struct iovec parts[2] = {{header ? header : &ignored, sizeof(ignored)},
				 {ret->bytes, sizeof(ret->bytes)}};
	struct pollfd poll_fd = {.fd = d->fd, .events = POLLIN};
	ssize_t n;

	if (poll(&poll_fd, 1, PATIENCE_MS) != 1)
		fail_msg("nothing was sent");
	n = readv(d->fd, d->header ? parts : parts + 1, d->header ? 2 : 1);
	assert_true(n > 0);
	ret->n = (size_t)n - (d->header ? sizeof(ignored) : 0);
}

/* A probe for this device. */
static struct frame device_probe(const struct device *d, uint8_t link, unsigned int tags)
{
	struct frame f;

	frame_probe(&f, 1, link, tags, ++stamp);
	memcpy(f.bytes, mac, sizeof(mac));
	if (d->l3) {
		memmove(f.bytes, f.bytes + f.network, f.n - f.network);
		f.n -= f.network;
		f.transport -= f.network;
		f.network = 0;
	}
	return f;
}

static void check_answer(const struct frame *probe, const struct frame *got)
{
	struct frame is = *probe, want;
	uint64_t token;

	assert_int_equal(got->n, probe->n);
	memcpy(is.bytes, got->bytes, got->n);
	token = get_be(frame_payload(&is) + AT_TOKEN, 8);
	assert_in_range(token & KERNEL_TIME_MASK, 1, rig_now_us());
	want = rig_expected(rig.state, probe, token, KERNEL_FLAG_GONE);
	for (size_t i = 0; i < got->n; i++)
		if (got->bytes[i] != want.bytes[i])
			fail_msg("byte %zu of the answer is %02x, not %02x", i, got->bytes[i],
				 want.bytes[i]);
}

static void check_probe(const struct device *d, uint8_t link, unsigned int tags)
{
	struct frame probe = device_probe(d, link, tags), got;

	device_write(d, &probe, NULL);
	device_read(d, &got, NULL);
	check_answer(&probe, &got);
}

/* ---- tests ---- */

/* The first tag goes into metadata on its way in, and comes back into the packet. */
static void test_tags(void **state)
{
	struct device d = device_new("hftap", IFF_TAP);

	(void)state;
	for (uint8_t link = 0; link < 2; link++)
		for (unsigned int tags = 0; tags <= 3; tags++)
			check_probe(&d, link, tags);
	close(d.fd);
}

/* What is for another MAC address, as on a bridge or a promiscuous device, is left alone. */
static void test_for_others(void **state)
{
	struct device d = device_new("hftap", IFF_TAP);
	struct frame f = device_probe(&d, 0, 0);

	(void)state;
	f.bytes[5] = 11;
	device_write(&d, &f, NULL);
	f.bytes[0] = 3;
	device_write(&d, &f, NULL); /* to a group */
	check_probe(&d, 0, 0);	    /* the first to be answered */
	assert_int_equal(rig.state->count[KERNEL_COUNT_ANSWERED], 1);
	assert_int_equal(rig.state->count[KERNEL_COUNT_SENDER], 1);
	close(d.fd);
}

static void test_no_link_layer(void **state)
{
	struct device d = device_new("hftun", IFF_TUN);
	struct frame f;

	(void)state;
	check_probe(&d, 0, 0);
	check_probe(&d, 1, 0);
	f = device_probe(&d, 0, 0);
	f.bytes[f.transport + 8 + AT_MAC] ^= 1;
	device_write(&d, &f, NULL);
	f.n = 10; /* not even a header */
	(void)!write(d.fd, f.bytes, f.n);
	check_probe(&d, 1, 0);
	assert_int_equal(rig.state->count[KERNEL_COUNT_MAC], 1);
	close(d.fd);
}

/*
 * CHECKSUM_PARTIAL: the sum field holds that of the pseudo header, and so it must in the answer,
 * since the device adds the rest.
 */
static void check_partial(const struct device *d, uint8_t link)
{
	struct frame probe = device_probe(d, link, 0), is = probe, got;
	struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					.csum_start = (uint16_t)probe.transport,
					.csum_offset = 6},
			      back = {};
	uint8_t *sum = probe.bytes + probe.transport + 6;
	uint16_t pseudo;

	put16(sum, 0);
	is.n = is.transport; /* nothing but the pseudo header */
	pseudo = (uint16_t)~frame_transport_sum(&is, 17);
	pseudo = (uint16_t)~sum_fold((uint32_t)pseudo + 8 + KERNEL_PROBE_BYTES);
	put16(sum, pseudo);
	device_write(d, &probe, &header);
	device_read(d, &got, &back);
	assert_int_equal(back.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(back.csum_start, probe.transport);
	assert_int_equal(get_be(got.bytes + probe.transport + 6, 2), pseudo);
	is = probe;
	memcpy(is.bytes, got.bytes, got.n);
	frame_sums(&is, false); /* as the device does */
	memcpy(got.bytes, is.bytes, got.n);
	check_answer(&probe, &got);
}

static void test_partial_sums(void **state)
{
	struct device d = device_new("hftap", IFF_TAP | IFF_VNET_HDR);

	(void)state;
	check_partial(&d, 0);
	check_partial(&d, 1);
	check_probe(&d, 0, 0);
	check_probe(&d, 1, 1);
	close(d.fd);
	d = device_new("hftun", IFF_TUN | IFF_VNET_HDR);
	check_partial(&d, 0);
	check_partial(&d, 1);
	close(d.fd);
}

/* Packets whose bytes lie in pieces, cut at any place. */
static void test_fragments_of_memory(void **state)
{
	struct device d = device_new("hftap", IFF_TAP | IFF_NAPI | IFF_NAPI_FRAGS);

	(void)state;
	for (uint8_t link = 0; link < 2; link++) {
		for (size_t cut = 14; cut < 100; cut += 3) {
			struct frame f = device_probe(&d, link, (unsigned int)cut % 3), got;
			struct iovec parts[3] = {{f.bytes, cut},
						 {f.bytes + cut, 20},
						 {f.bytes + cut + 20, f.n - cut - 20}};

			assert_int_equal(writev(d.fd, parts, 3), f.n);
			device_read(&d, &got, NULL);
			check_answer(&f, &got);
		}
	}
	close(d.fd);
}

static int udp_from(const char *address)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET, address, &a.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void send_text(int fd, const char *text)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};

	assert_int_equal(inet_pton(AF_INET, "10.9.9.1", &to.sin_addr), 1);
	/* what a filter drops is an error, or none */
	(void)!sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, sizeof(to));
}

/* What the stack itself sends from a protected address; and from another, which always goes. */
static void test_sent_without_lease(void **state)
{
	static const uint8_t fip[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, 9, 9, 9};
	struct device d = device_new("hftun", IFF_TUN);
	const __u32 one = 1;
	struct frame got;
	int from_fip, from_other;

	(void)state;
	shell("ip addr add 10.9.9.9/24 dev hftun && ip addr add 10.9.9.8/24 dev hftun");
	from_fip = udp_from("10.9.9.9");
	from_other = udp_from("10.9.9.8");
	lease_hint_set(rig.state, fip);
	assert_int_equal(bpf_map_update_elem(rig.addresses, fip, &one, BPF_ANY), 0);
	send_text(from_fip, "without");
	send_text(from_other, "other");
	device_read(&d, &got, NULL);
	assert_memory_equal(got.bytes + 28, "other", 5);
	assert_int_equal(rig.state->count[KERNEL_COUNT_DROPPED_OUT], 1);
	lease_set_word(rig.state, 1, rig_now_us() + 600000000, 1, 1);
	send_text(from_fip, "leased");
	device_read(&d, &got, NULL);
	assert_memory_equal(got.bytes + 28, "leased", 6);
	assert_int_equal(rig.state->count[KERNEL_COUNT_DROPPED_OUT], 1);
	assert_int_equal(bpf_map_delete_elem(rig.addresses, fip), 0);
	close(from_fip);
	close(from_other);
	close(d.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_for_others),
		cmocka_unit_test(test_no_link_layer),
		cmocka_unit_test(test_partial_sums),
		cmocka_unit_test(test_fragments_of_memory),
		cmocka_unit_test(test_sent_without_lease),
	};
	int r;

	if (!rig_namespace() || access("/dev/net/tun", W_OK) < 0) {
		fprintf(stderr, "SKIPPED: needs root, network namespaces, iproute2 and tun\n");
		return 77;
	}
	(void)libbpf_set_print(NULL);
	r = rig_load(&rig);
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", r == -EPERM ? "SKIPPED: BPF is refused" : "load",
			strerror(-r));
		return r == -EPERM ? 77 : 1;
	}
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rig_unload(&rig);
	return r;
}
