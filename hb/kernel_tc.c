/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hooks of interfaces: clsact, and our filter in it. Others' filters are left alone. */
#include "hb/kernel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_arp.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define REPLY_BYTES 32768

/* The link type, or -errno. */
static int interface_type(int fd, const char *name)
{
	struct ifreq request = {};

	(void)snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	return ioctl(fd, SIOCGIFHWADDR, &request) < 0 ? -errno : request.ifr_hwaddr.sa_family;
}

static bool is_enslaved(int fd, const char *name)
{
	struct ifreq request = {};

	(void)snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	return ioctl(fd, SIOCGIFFLAGS, &request) >= 0 && request.ifr_flags & IFF_SLAVE;
}

static bool is_there(const struct kernel_hook *hook)
{
	char name[IF_NAMESIZE];

	return if_indextoname((unsigned int)hook->index, name) != NULL;
}

/* Both hooks of an interface. 1: all is well; 0: it is not there any more, or is loopback. */
static int each_hook(const struct if_nameindex *interface, int fd, kernel_hook_f *f, void *arg,
		     char error[HB_ERROR_SIZE])
{
	struct kernel_hook hook = {.index = (int)interface->if_index};
	int type = interface_type(fd, interface->if_name);

	if (type < 0 || type == ARPHRD_LOOPBACK)
		return 0;
	hook.link_layer = type == ARPHRD_ETHER;
	hook.enslaved = is_enslaved(fd, interface->if_name);
	(void)snprintf(hook.name, sizeof hook.name, "%s", interface->if_name);
	for (int i = 0; i < 2; i++) {
		int r;

		hook.egress = i > 0;
		r = f(&hook, arg, error);
		if (r < 0)
			return is_there(&hook) ? r : 0;
	}
	return 1;
}

int kernel_hooks_each(kernel_hook_f *f, void *arg, char error[HB_ERROR_SIZE])
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char detail[HB_ERROR_SIZE];
	struct if_nameindex *interfaces;
	int n = 0, failure = 0;

	if (fd < 0)
		return kernel_error(error, -errno, "cannot open a socket");
	interfaces = if_nameindex();
	if (!interfaces)
		return kernel_error(error, -errno, "cannot list the interfaces");
	for (const struct if_nameindex *i = interfaces; i->if_index; i++) {
		int r = each_hook(i, fd, f, arg, detail);

		n += r > 0 ? 1 : 0;
		if (r >= 0 || failure < 0)
			continue;
		failure = r;
		memcpy(error, detail, HB_ERROR_SIZE);
	}
	if_freenameindex(interfaces);
	return failure < 0 ? failure : n;
}

/* libbpf reads `sz` bytes. */
static struct bpf_tc_hook libbpf_hook(const struct kernel_hook *hook)
{
	return (struct bpf_tc_hook){.sz = sizeof(struct bpf_tc_hook),
				    .ifindex = hook->index,
				    .attach_point = hook->egress ? BPF_TC_EGRESS : BPF_TC_INGRESS};
}

static struct bpf_tc_opts our_filter(void)
{
	return (struct bpf_tc_opts){.sz = sizeof(struct bpf_tc_opts),
				    .handle = KERNEL_TC_HANDLE,
				    .priority = KERNEL_TC_PRIORITY};
}

/* 1: it is; 0: it is not, or has just gone; -errno: we may not look at it. */
static int is_ours(__u32 id)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof info;
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return -errno;
	return info.type == BPF_PROG_TYPE_SCHED_CLS &&
	       strncmp(info.name, KERNEL_PROGRAM_NAME, strlen(KERNEL_PROGRAM_NAME)) == 0;
}

int kernel_hook_query(const struct kernel_hook *hook)
{
	struct bpf_tc_hook at = libbpf_hook(hook);
	struct bpf_tc_opts filter = our_filter();
	int r = bpf_tc_query(&at, &filter);

	if (r == -ENOENT || r == -EINVAL || r == -ENODEV) /* no filter; no clsact; no interface */
		return 0;
	if (r >= 0)
		r = is_ours(filter.prog_id);
	if (r < 0)
		return r;
	return r > 0 ? (int)filter.prog_id : -EEXIST;
}

static int fail(const struct kernel_hook *hook, int r, const char *what, char error[HB_ERROR_SIZE])
{
	char sentence[128];

	(void)snprintf(sentence, sizeof sentence, "%s: %s at tc %s", hook->name, what,
		       hook->egress ? "egress" : "ingress");
	return kernel_error(error, r, sentence);
}

int kernel_hook_attach(const struct kernel_hook *hook, int program_fd, char error[HB_ERROR_SIZE])
{
	struct bpf_tc_hook at = libbpf_hook(hook);
	struct bpf_tc_opts filter = our_filter();
	int there = kernel_hook_query(hook), r;

	kernel_error_begin(); /* what the query said is no failure */
	if (there < 0)
		return fail(hook, there, "cannot take the place of what has our handle", error);
	if (there == 0) {
		r = bpf_tc_hook_create(&at);
		if (r < 0 && r != -EEXIST)
			return fail(hook, r, "cannot make clsact", error);
	}
	kernel_error_begin();
	filter.prog_fd = program_fd;
	filter.flags = there > 0 ? BPF_TC_F_REPLACE : 0;
	r = bpf_tc_attach(&at, &filter);
	return r < 0 ? fail(hook, r, "cannot attach our program", error) : 0;
}

/* ---- what else is in a clsact ---- */

/* Whether a message of the dump is about a filter at `parent`; -errno; 0 at the end too. */
static int find_filter(const char *reply, size_t n, const struct tcmsg *wanted, bool *ret_end)
{
	const struct nlmsghdr *m = (const struct nlmsghdr *)(const void *)reply;

	for (; NLMSG_OK(m, n); m = NLMSG_NEXT(m, n)) {
		const struct tcmsg *t = NLMSG_DATA(m);

		if (m->nlmsg_type == NLMSG_DONE) {
			*ret_end = true;
			return 0;
		}
		if (m->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(m))->error ?: -EPROTO;
		if (m->nlmsg_type == RTM_NEWTFILTER && t->tcm_ifindex == wanted->tcm_ifindex)
			return 1;
	}
	return 0;
}

/* 1 if any filter is at this hook, 0 if none, -errno. */
static int has_filters(const struct kernel_hook *hook)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	_cleanup_free_ char *reply = malloc(REPLY_BYTES);
	struct {
		struct nlmsghdr header;
		struct tcmsg tc;
	} request = {
		.header = {.nlmsg_len = sizeof request,
			   .nlmsg_type = RTM_GETTFILTER,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.tc = {.tcm_family = AF_UNSPEC,
		       .tcm_ifindex = hook->index,
		       .tcm_parent = TC_H_MAKE(TC_H_CLSACT,
					       hook->egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS)},
	};
	bool end = false;
	int found = 0;

	if (fd < 0 || !reply)
		return -ENOMEM;
	if (send(fd, &request, sizeof request, 0) < 0)
		return -errno;
	while (!end && found == 0) {
		ssize_t n = recv(fd, reply, REPLY_BYTES, 0);

		if (n < 0)
			return -errno;
		found = find_filter(reply, (size_t)n, &request.tc, &end);
	}
	return found;
}

int kernel_hook_detach(const struct kernel_hook *hook, char error[HB_ERROR_SIZE])
{
	struct kernel_hook other = *hook;
	struct bpf_tc_hook at = libbpf_hook(hook);
	struct bpf_tc_opts filter = our_filter();
	int r = kernel_hook_query(hook);

	if (r == 0 || r == -EEXIST)
		return 0;
	kernel_error_begin();
	if (r > 0)
		r = bpf_tc_detach(&at, &filter);
	if (r < 0)
		return fail(hook, r, "cannot detach our program", error);
	other.egress = !other.egress;
	if (has_filters(hook) != 0 || has_filters(&other) != 0)
		return 0;
	at.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	r = bpf_tc_hook_destroy(&at);
	return r < 0 && r != -ENOENT && r != -EINVAL ? fail(hook, r, "cannot remove clsact", error)
						     : 0;
}
