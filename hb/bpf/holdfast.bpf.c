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
	const char *at, *end;
	__u16 type = 0;
	__u32 network;

	if (!s)
		return TC_ACT_UNSPEC;
	packet_pull(skb);
	network = packet_network(skb, &type);
	if (network == 0)
		return TC_ACT_UNSPEC;
	at = (const char *)(long)skb->data + network;
	end = (const char *)(long)skb->data_end;
	if (filter_drops(s, FILTER_IN, type, at, end))
		return probe_refuse(s, KERNEL_COUNT_DROPPED_IN);
	if (probe_is_likely(s, type, at, end))
		return probe_receive(skb, s, network, type == PACKET_IPV6);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int hf_egress(struct __sk_buff *skb)
{
	struct kernel_state *s = state_of_node();
	__u16 type = 0;
	__u32 network;

	if (!s)
		return TC_ACT_UNSPEC;
	packet_pull(skb);
	network = packet_network(skb, &type);
	if (network == 0 ||
	    !filter_drops(s, FILTER_OUT, type, (const char *)(long)skb->data + network,
			  (const char *)(long)skb->data_end))
		return TC_ACT_UNSPEC;
	return probe_refuse(s, KERNEL_COUNT_DROPPED_OUT);
}

/*
 * Devices without a link-layer header. Where skb->data is there differs between tunnels and
 * kernels, the network header is known.
 */
#define HEAD_WORDS ((PACKET_IPV6_BYTES + PACKET_ND_BYTES) / 4)

struct head_l3 {
	__u32 words[HEAD_WORDS] __attribute__((aligned(8)));
};

PACKET_INLINE __u16 head_load_l3(struct __sk_buff *skb, struct head_l3 *head)
{
	__u16 type = PACKET_BE16(skb->protocol);
	__u32 bytes = type == PACKET_IPV4 ? PACKET_IPV4_BYTES : PACKET_IPV6_BYTES;

	if (type != PACKET_IPV4 && type != PACKET_IPV6)
		return 0;
	if (bpf_skb_load_bytes_relative(skb, 0, head, sizeof(*head), BPF_HDR_START_NET) < 0 &&
	    bpf_skb_load_bytes_relative(skb, 0, head, PACKET_IPV6_BYTES, BPF_HDR_START_NET) < 0 &&
	    bpf_skb_load_bytes_relative(skb, 0, head, bytes, BPF_HDR_START_NET) < 0)
		return 0;
	return type;
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
	const char *at = (const char *)head.words, *end = at + sizeof(head);
	__u16 type = head_load_l3(skb, &head);

	if (!s || !type)
		return TC_ACT_UNSPEC;
	if (filter_drops(s, FILTER_IN, type, at, end))
		return probe_refuse(s, KERNEL_COUNT_DROPPED_IN);
	if (probe_is_likely(s, type, at, end) && head_is_at_data(skb, &head))
		return probe_receive(skb, s, 0, type == PACKET_IPV6);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int hf_egress_l3(struct __sk_buff *skb)
{
	struct kernel_state *s = state_of_node();
	struct head_l3 head = {};
	const char *at = (const char *)head.words, *end = at + sizeof(head);
	__u16 type = head_load_l3(skb, &head);

	if (!s || !type || !filter_drops(s, FILTER_OUT, type, at, end))
		return TC_ACT_UNSPEC;
	return probe_refuse(s, KERNEL_COUNT_DROPPED_OUT);
}
