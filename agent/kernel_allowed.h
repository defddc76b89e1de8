/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_KERNEL_ALLOWED_H
#define HF_AGENT_KERNEL_ALLOWED_H

/* 0: BPF programs can be loaded, or it cannot be told because this is not root. -errno: why not. */
int kernel_allowed(void);

#endif
