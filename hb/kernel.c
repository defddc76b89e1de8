/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel path (docs/kernel.md): its life, and the interfaces that carry it. */
#include "hb/kernel.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static int detach_hook(const struct kernel_hook *hook, void *arg, char error[HB_ERROR_SIZE])
{
	(void)arg;
	return kernel_hook_detach(hook, error);
}

/* Programs in flight have ended when this returns. */
static void wait_for_programs(void)
{
	(void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

int hb_kernel_detach(char error[HB_ERROR_SIZE])
{
	int r;

	kernel_error_begin();
	r = kernel_hooks_each(detach_hook, NULL, error);
	wait_for_programs();
	return r;
}

/* Replaces what uses other maps than ours; what cannot be replaced has to go (K10). */
static int replace_hook(const struct kernel_hook *hook, void *arg, char error[HB_ERROR_SIZE])
{
	int id = kernel_hook_query(hook);

	if (id == 0 || id == -EEXIST)
		return 0;
	if (kernel_attach_hook(arg, hook, error) >= 0)
		return 0;
	return kernel_hook_detach(hook, error);
}

static int replace_others(struct hb_kernel *kernel, char error[HB_ERROR_SIZE])
{
	int r = kernel_hooks_each(replace_hook, kernel, error);

	wait_for_programs();
	return r < 0 ? r : 0;
}

static int open_kernel(struct hb_kernel *kernel, const struct hb_kernel_config *config,
		       char error[HB_ERROR_SIZE])
{
	struct kernel_left left;
	int r = kernel_take(&left, error);

	if (r >= 0)
		r = kernel_load(kernel, left.state_fd, left.addresses_fd, error);
	if (r >= 0)
		r = kernel_map_open(kernel, error);
	if (r >= 0) {
		kernel_map_configure(kernel, config);
		if (left.others)
			r = replace_others(kernel, error);
	}
	kernel_left_close(&left);
	return r;
}

int hb_kernel_new(const struct hb_kernel_config *config, struct hb_kernel **ret,
		  char error[HB_ERROR_SIZE])
{
	struct hb_kernel *kernel;
	char ignored[HB_ERROR_SIZE];
	int r;

	kernel_error_begin();
	if (config->n_nodes < 1 || config->n_nodes > NODES_MAX || config->self >= config->n_nodes ||
	    config->n_links < 1 || config->n_links > LINKS_MAX) {
		(void)snprintf(error, HB_ERROR_SIZE, "a number of nodes or links is out of range");
		return -EINVAL;
	}
	kernel = calloc(1, sizeof *kernel);
	if (!kernel)
		return kernel_error(error, -ENOMEM, "kernel path");
	r = open_kernel(kernel, config, error);
	if (r >= 0) {
		*ret = kernel;
		return 0;
	}
	hb_kernel_free(kernel);
	/* Without an agent that renews a lease these would only stop what they protect. */
	if (hb_kernel_detach(ignored) < 0)
		kernel_error_begin();
	return r;
}

struct hb_kernel *hb_kernel_free(struct hb_kernel *kernel)
{
	if (!kernel)
		return NULL;
	if (kernel->state)
		(void)munmap(kernel->state, sizeof *kernel->state);
	free(kernel->carry.index);
	bpf_object__close(kernel->object); /* takes NULL */
	free(kernel);
	return NULL;
}

const char *hb_kernel_count_name(unsigned int count)
{
	static const char *const names[KERNEL_COUNT_COUNT_] = {
		[KERNEL_COUNT_ANSWERED] = "answered",
		[KERNEL_COUNT_SIZE] = "size",
		[KERNEL_COUNT_VERSION] = "version",
		[KERNEL_COUNT_CLUSTER] = "cluster",
		[KERNEL_COUNT_KEY] = "key",
		[KERNEL_COUNT_MAC] = "mac",
		[KERNEL_COUNT_SENDER] = "sender",
		[KERNEL_COUNT_FORMAT] = "format",
		[KERNEL_COUNT_REPLAY] = "replay",
		[KERNEL_COUNT_UNVERIFIED] = "unverified",
		[KERNEL_COUNT_GRANT] = "grant",
		[KERNEL_COUNT_LAPSED] = "lapsed",
		[KERNEL_COUNT_GRANTED] = "granted",
		[KERNEL_COUNT_REFUSAL] = "refusal",
		[KERNEL_COUNT_DROPPED_IN] = "dropped_in",
		[KERNEL_COUNT_DROPPED_OUT] = "dropped_out",
	};

	return count < KERNEL_COUNT_COUNT_ ? names[count] : NULL;
}

uint64_t hb_kernel_count(const struct hb_kernel *kernel, unsigned int count)
{
	return count < KERNEL_COUNT_COUNT_ ? LEASE_READ(kernel->state->count[count]) : 0;
}
