/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether this machine lets a BPF program in at all: the shortest one, which is attached to nothing
 * and gone at once. */
#include "agent/kernel_allowed.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

int kernel_allowed(void)
{
	const struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SCHED_CLS,
		.insn_cnt = sizeof program / sizeof *program,
		.insns = (uintptr_t)program,
		.license = (uintptr_t) "GPL",
	};
	long fd;

	if (geteuid() != 0)
		return 0; /* others are refused everywhere, which says nothing about the agent */
	fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
	if (fd < 0)
		return -errno;
	(void)close((int)fd);
	return 0;
}
