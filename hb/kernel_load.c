/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loads the BPF programs that the agent carries (hb/bpf/object.h). */
#include "hb/kernel.h"
#include "hb/bpf/object.h"
#include "util/clock.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const NAMES[PROGRAM_COUNT_] = {
	[PROGRAM_INGRESS] = "hf_ingress",
	[PROGRAM_EGRESS] = "hf_egress",
	[PROGRAM_INGRESS_L3] = "hf_ingress_l3",
	[PROGRAM_EGRESS_L3] = "hf_egress_l3",
};

static void note_program(struct hb_kernel *kernel, enum kernel_program p, uint64_t load_us)
{
	struct hb_kernel_program *program = &kernel->program[p];
	struct bpf_prog_info info = {};
	__u32 size = sizeof info;

	(void)snprintf(program->name, sizeof program->name, "%s", NAMES[p]);
	program->load_us = load_us;
	if (bpf_obj_get_info_by_fd(kernel->program_fd[p], &info, &size) < 0)
		return; /* for the display only; attach finds out by itself */
	program->id = info.id;
	program->instructions = info.xlated_prog_len / 8;
	program->jited_bytes = info.jited_prog_len;
	program->verified = info.verified_insns;
}

static int reuse(struct bpf_object *object, const char *name, int fd)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);

	if (!map)
		return -ENOENT;
	return fd < 0 ? 0 : bpf_map__reuse_fd(map, fd);
}

static int find_parts(struct hb_kernel *kernel, uint64_t load_us)
{
	kernel->state_fd = bpf_object__find_map_fd_by_name(kernel->object, KERNEL_STATE_NAME);
	kernel->addresses_fd = bpf_object__find_map_fd_by_name(kernel->object, KERNEL_ADDRESS_NAME);
	if (kernel->state_fd < 0 || kernel->addresses_fd < 0)
		return -ENOENT;
	for (unsigned int p = 0; p < PROGRAM_COUNT_; p++) {
		const struct bpf_program *program =
			bpf_object__find_program_by_name(kernel->object, NAMES[p]);

		if (!program)
			return -ENOENT;
		kernel->program_fd[p] = bpf_program__fd(program);
		note_program(kernel, p, load_us);
	}
	return 0;
}

int kernel_load(struct hb_kernel *kernel, int state_fd, int addresses_fd, char error[HB_ERROR_SIZE])
{
	ha_time start = clock_boot();
	int r;

	kernel->object = bpf_object__open_mem(hb_bpf_object, hb_bpf_object_bytes, NULL);
	if (!kernel->object)
		return kernel_error(error, -errno, "cannot read our BPF object");
	r = reuse(kernel->object, KERNEL_STATE_NAME, state_fd);
	if (r >= 0)
		r = reuse(kernel->object, KERNEL_ADDRESS_NAME, addresses_fd);
	if (r < 0)
		return kernel_error(error, r, "cannot go on with the BPF maps of the former agent");
	r = bpf_object__load(kernel->object);
	if (r < 0)
		return kernel_error(error, r, "the kernel refused our BPF programs");
	r = find_parts(kernel, ha_time_since(clock_boot(), start));
	return r < 0 ? kernel_error(error, r, "our BPF object is not complete") : 0;
}

int hb_kernel_program(const struct hb_kernel *kernel, unsigned int index,
		      struct hb_kernel_program *ret)
{
	if (index >= PROGRAM_COUNT_)
		return -ENOENT;
	*ret = kernel->program[index];
	return 0;
}
