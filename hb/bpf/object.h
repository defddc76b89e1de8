/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_HB_BPF_OBJECT_H
#define HF_HB_BPF_OBJECT_H

#include <stddef.h>

/* The object file of hb/bpf/holdfast.bpf.c, for bpf_object__open_mem(). */
extern const unsigned char hb_bpf_object[];
extern const size_t hb_bpf_object_bytes;

#endif
