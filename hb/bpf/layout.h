/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_HB_BPF_LAYOUT_H
#define HF_HB_BPF_LAYOUT_H

/*
 * What the BPF programs and the agent share: the probe's datagram and the state map. Compiled for
 * BPF (vmlinux.h types), for the agent and for the simulator: fixed-width types only, no pointer,
 * no padding that is not named. docs/kernel.md explains the fields; K numbers are its rules.
 */

#define KERNEL_ABI	    1 /* of struct kernel_state: maps of another one are not taken over */
#define KERNEL_NODES_MAX    32
#define KERNEL_LINKS_MAX    8
#define KERNEL_KEYS_MAX	    2
#define KERNEL_PROBE_BYTES  120
#define KERNEL_SIGNED_BYTES 104
#define KERNEL_MAGIC	    0x48466b70U /* "HFkp" */
#define KERNEL_VERSION	    1

enum kernel_probe_type { KERNEL_PROBE = 1, KERNEL_ANSWER = 2 };

enum kernel_probe_flag {
	KERNEL_FLAG_GRANT = 0x01, /* probe: `token`, answer: `stamp` is granted for lease_us */
	KERNEL_FLAG_OUTSIDE =
		0x02,		   /* probe: the prober has installed a view without the answerer */
	KERNEL_FLAG_GONE = 0x04,   /* answer: no agent process is there */
	KERNEL_FLAG_LEASED = 0x08, /* answer: the answerer's lease is valid */
};

/* A probe or an answer, in host byte order, without magic, version and cluster id. */
struct kernel_probe {
	__u8 type; /* enum kernel_probe_type */
	__u8 from, to;
	__u8 link;
	__u8 flags; /* enum kernel_probe_flag, as bits */
	__u8 pad[3];
	__u64 incarnation; /* of the prober */
	__u64 stamp;	   /* of the prober, us */
	__u64 lease_epoch; /* of the prober */
	__u64 installed;   /* epoch of the prober's installed view; 0: none */
	__u64 to_incarnation;
	__u64 token;
	__u64 lease_us;
	__u64 to_lease_epoch;
	__u64 progress;
	__u64 age_us;
};

/* Tokens, grants and the agent's word are one number, so that each is read and written whole. */
#define KERNEL_TIME_BITS 52
#define KERNEL_TIME_MASK ((1ULL << KERNEL_TIME_BITS) - 1) /* us of the boot clock */

enum kernel_count {
	KERNEL_COUNT_ANSWERED,
	KERNEL_COUNT_SIZE, /* our magic and port, not our size */
	KERNEL_COUNT_VERSION,
	KERNEL_COUNT_CLUSTER,
	KERNEL_COUNT_KEY, /* unknown key id */
	KERNEL_COUNT_MAC,
	KERNEL_COUNT_SENDER, /* not a configured peer on this link, or not from or to its address */
	KERNEL_COUNT_FORMAT, /* authentic but malformed */
	KERNEL_COUNT_REPLAY,
	KERNEL_COUNT_UNVERIFIED, /* answered, but it did not name our incarnation (D1) */
	KERNEL_COUNT_GRANT,	 /* taken */
	KERNEL_COUNT_LAPSED,	 /* not taken: of another lease, or the lease is over (K4) */
	KERNEL_COUNT_GRANTED,	 /* in our agent's name (K8) */
	KERNEL_COUNT_REFUSAL,	 /* taken (K5) */
	KERNEL_COUNT_DROPPED_IN, /* packets to a floating IP without a lease */
	KERNEL_COUNT_DROPPED_OUT,
	KERNEL_COUNT_COUNT_
};

struct kernel_peer {
	/* written by the agent */
	__u64 grant_incarnation; /* may be granted to in our name (K8); 0: not */
	__u64 grant_excluded;	 /* newest epoch accepted here without it (L8) */
	__u32 votes;
	__u32 configured; /* not 0: a node of the cluster other than ourselves */
	/* network byte order, IPv4 as ::ffff:a.b.c.d; all 0: none on that link */
	__u8 address[KERNEL_LINKS_MAX][16];
	/* written by the kernel */
	__u64 granted_at; /* receipt of the newest probe that was granted to, us */
	__u64 grant;	  /* its newest grant to us: generation << 52 | until */
	__u64 seen_incarnation;
	__u64 seen_stamp[KERNEL_LINKS_MAX];
};

/*
 * Most packets are to be told from those of protected addresses without a look into hf_addresses:
 * each address is of one of 1024 classes, by its last four bytes as they lie in memory. The agent
 * sets the bit of the class before it puts an address into hf_addresses, and clears it only when
 * no address of that class is in there.
 */
#define KERNEL_HINT_WORDS 16

static inline __attribute__((always_inline, unused)) __u32 kernel_hint_class(__u32 tail)
{
	return tail * 0x9e3779b1U >> 22;
}

struct kernel_key {
	__u64 k0, k1;
	__u32 id;
	__u32 present;
};

/* The one element of the map "hf_state" (BPF_F_MMAPABLE). */
struct kernel_state {
	__u32 abi;
	__u32 bytes; /* sizeof this */
	/* written by the agent: who we are */
	__u64 cluster_id;
	__u8 self, n_nodes, n_links, pad0;
	__u16 port; /* host byte order */
	__u16 pad1;
	__u32 votes_self, votes_total;
	__u8 address[KERNEL_LINKS_MAX][16]; /* ours */
	struct kernel_key key[KERNEL_KEYS_MAX];
	/* written by the agent: what it does */
	__u64 incarnation; /* 0: no agent has started yet, nothing is answered */
	__u64 lease_epoch;
	__u64 installed;	       /* epoch of the installed view */
	__u64 word;		       /* K2: generation << 52 | until */
	__u64 grant_lease_us;	       /* of what is granted in our name */
	__u64 progress;		       /* sequence number of the last vector sent */
	__u64 progress_at;	       /* when, us */
	__u64 hint[KERNEL_HINT_WORDS]; /* bit class % 64 of word class / 64 */
	/* written by the kernel */
	__u64 refused;	     /* K5: generation << 52 | 1 of the one that was; 0: none */
	__u64 refused_epoch; /* by which epoch */
	__u64 refused_by;    /* node */
	struct kernel_peer peer[KERNEL_NODES_MAX];
	__u64 count[KERNEL_COUNT_COUNT_]; /* enum kernel_count; atomic */
};

#endif
