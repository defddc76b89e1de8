/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The programs at tc ingress and egress (docs/kernel.md): they answer probes and enforce the lease
 * on floating IPs, whether or not the agent runs. Plain packets and UAPI only, so that one object
 * loads on every kernel from 5.14 on. For a user-space build, HF_BPF_SHIM is defined and
 * tests/fuzz/bpf_shim.h included before.
 */
#ifndef HF_BPF_SHIM
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#undef KERNEL_VERSION /* of programs for other hooks */
#endif

#include "hb/bpf/probe.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kernel_state);
} hf_state SEC(".maps");

PACKET_INLINE struct kernel_state *state_of_node(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&hf_state, &zero);
}

SEC("tc")
int hf_ingress(struct __sk_buff *skb)
{
	struct kernel_state *s = state_of_node();
	struct packet p;

	if (!s || !packet_open(skb, &p))
		return TC_ACT_UNSPEC;
	if (filter_drops(s, FILTER_IN, &p))
		return probe_refuse(s, KERNEL_COUNT_DROPPED_IN);
	if (probe_is_likely(s, &p))
		return probe_receive(skb, s, p.network, p.type == PACKET_IPV6);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int hf_egress(struct __sk_buff *skb)
{
	struct kernel_state *s = state_of_node();
	struct packet p;

	if (!s || !packet_open(skb, &p) || !filter_drops(s, FILTER_OUT, &p))
		return TC_ACT_UNSPEC;
	return probe_refuse(s, KERNEL_COUNT_DROPPED_OUT);
}

/*
 * Devices without a link-layer header. Where skb->data is there differs between tunnels and
 * kernels, the network header is known: the heads are read from there into a buffer.
 */
#define HEAD_WORDS ((PACKET_IPV6_BYTES + PACKET_ND_BYTES) / 4)

struct head_l3 {
	__u32 words[HEAD_WORDS] __attribute__((aligned(8)));
};

PACKET_INLINE int head_load(struct __sk_buff *skb, struct head_l3 *head, __u32 bytes)
{
	return bpf_skb_load_bytes_relative(skb, 0, head, bytes, BPF_HDR_START_NET) == 0;
}

/* What does not fit is not looked at: it is shorter than a probe, and than a solicitation. */
PACKET_INLINE int head_open(struct __sk_buff *skb, struct head_l3 *head, struct packet *ret)
{
	ret->skb = skb;
	ret->network = 0;
	ret->type = PACKET_BE16((__u16)skb->protocol);
	ret->head = (const char *)head->words;
	if (ret->type == PACKET_IPV4)
		return head_load(skb, head, PACKET_IPV4_BYTES + PACKET_UDP_BYTES) ||
		       head_load(skb, head, PACKET_IPV4_BYTES);
	return ret->type == PACKET_IPV6 &&
	       (head_load(skb, head, sizeof(*head)) || head_load(skb, head, PACKET_IPV6_BYTES));
}

/* Answers are written by offsets from skb->data. */
PACKET_INLINE int head_is_at_data(struct __sk_buff *skb, const struct head_l3 *head)
{
	__u32 words[PACKET_IPV4_BYTES / 4], differ = 0;

	if (bpf_skb_load_bytes(skb, 0, words, sizeof(words)) < 0)
		return 0;
	for (__u32 i = 0; i < PACKET_IPV4_BYTES / 4; i++)
		differ |= words[i] ^ head->words[i];
	return differ == 0;
}

SEC("tc")
int hf_ingress_l3(struct __sk_buff *skb)
{
	struct kernel_state *s = state_of_node();
	struct head_l3 head = {};
	struct packet p;

	if (!s || !head_open(skb, &head, &p))
		return TC_ACT_UNSPEC;
	if (filter_drops(s, FILTER_IN, &p))
		return probe_refuse(s, KERNEL_COUNT_DROPPED_IN);
	if (probe_is_likely(s, &p) && head_is_at_data(skb, &head))
		return probe_receive(skb, s, 0, p.type == PACKET_IPV6);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int hf_egress_l3(struct __sk_buff *skb)
{
	struct kernel_state *s = state_of_node();
	struct head_l3 head = {};
	struct packet p;

	if (!s || !head_open(skb, &head, &p) || !filter_drops(s, FILTER_OUT, &p))
		return TC_ACT_UNSPEC;
	return probe_refuse(s, KERNEL_COUNT_DROPPED_OUT);
}
