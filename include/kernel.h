/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_KERNEL_H
#define HF_KERNEL_H

/*
 * The kernel path (docs/kernel.md): BPF programs at tc that answer probes and enforce the lease
 * on floating IPs, the map that they share with the agent, and the codec of probes. One struct
 * hb_kernel serves one network namespace: that of the thread that called hb_kernel_new().
 * Nothing here blocks but hb_kernel_new(), for some tenths of a second (the verifier), and
 * hb_kernel_attach() and hb_kernel_detach(), for some milliseconds.
 */

#include "include/hb.h"

struct hb_kernel;

struct hb_kernel_config {
	uint64_t cluster_id;
	uint8_t self, n_nodes, n_links;
	uint16_t port;
	uint32_t votes[NODES_MAX];
	struct sockaddr_storage address[NODES_MAX][LINKS_MAX]; /* as in struct hb_lan_config */
	const struct hb_keys *keys;			       /* read during the call */
};

/*
 * Loads the programs. Maps that a former agent left attached are taken over, and reset first of
 * all: no lease, nothing delegated, nothing answered (rule K10); the core's first `now` comes after
 * this. Attaches to nothing new yet; but programs that use other maps (of another layout, say) are
 * replaced at once. Needs CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON; to take over, CAP_SYS_ADMIN.
 * -errno with a sentence in `error` that says what was refused and what that may be due to:
 * -EPERM (no CAP_BPF, lockdown), -ENOSYS or -EOPNOTSUPP (kernel without BPF or clsact), -EINVAL
 * (refused by the verifier), -ENOMEM. Then nothing of ours stays attached, if that is possible.
 */
_must_check_ int hb_kernel_new(const struct hb_kernel_config *config, struct hb_kernel **ret,
			       char error[HB_ERROR_SIZE]);
/* Frees what this process holds. Programs and maps stay attached and in force. */
struct hb_kernel *hb_kernel_free(struct hb_kernel *kernel);

/*
 * Attaches to every interface of the namespace but loopback that does not carry the programs
 * yet; programs of another version are replaced, without a gap. To be called at the start, and
 * after links came or changed. Returns the number of interfaces that carry them; -errno and a
 * sentence, if one could not be served (the others are).
 */
_must_check_ int hb_kernel_attach(struct hb_kernel *kernel, char error[HB_ERROR_SIZE]);
/*
 * The same for interfaces that came since the last call of either, and for a few of the others in
 * turn, should somebody have taken the programs away: now and then, and after links came. Returns
 * how many had to be attached.
 */
_must_check_ int hb_kernel_look(struct hb_kernel *kernel, char error[HB_ERROR_SIZE]);
/* How many carried them after that, whatever came of the others. */
unsigned int hb_kernel_interfaces(const struct hb_kernel *kernel);
/*
 * Detaches everything of every cluster from the interfaces of this namespace: at uninstall, and at
 * the start of an agent that is to do without (it takes back what a former one delegated, K10; the
 * core's first `now` comes after this). Returns the number of interfaces looked at. Needs no
 * struct hb_kernel.
 */
_must_check_ int hb_kernel_detach(char error[HB_ERROR_SIZE]);

/* An agent has ended and its floating IPs are removed: what is left attached protects them no more,
 * and goes on otherwise. Needs no struct hb_kernel. */
_must_check_ int hb_kernel_forget(char error[HB_ERROR_SIZE]);

/* An agent's new life begins: peers are told this incarnation, and are answered from now on. */
void hb_kernel_begin(struct hb_kernel *kernel, uint64_t incarnation);
/* The keys of probes (rotation). */
void hb_kernel_set_keys(struct hb_kernel *kernel, const struct hb_keys *keys);
/* A vector was sent. */
void hb_kernel_progress(struct hb_kernel *kernel, uint64_t sequence, ha_time now);

/* CORE_ACTION_LEASE: the agent's word (rule K2). HA_TIME_ZERO: no lease. */
void hb_kernel_lease(struct hb_kernel *kernel, uint64_t number, ha_time until, uint64_t epoch,
		     uint64_t installed);
/* CORE_ACTION_DELEGATE (rules K8, K9). `ret_granted_at`: by node, of those left out. */
void hb_kernel_delegate(struct hb_kernel *kernel, const struct delegation *delegation,
			ha_time ret_granted_at[NODES_MAX]);

struct hb_kernel_lease {
	uint64_t number;	  /* of the lease that it is about */
	bool valid;		  /* by rule K3, now */
	ha_time until[NODES_MAX]; /* grants in force or over, by peer */
	uint64_t refused_epoch;	  /* 0: not refused */
	uint8_t refused_by;
};
/* What the kernel knows (rule K7). A read of shared memory, no system call. */
void hb_kernel_read(const struct hb_kernel *kernel, ha_time now, struct hb_kernel_lease *ret);

/*
 * Floating IPs under lease (rule K12), by address: `ip` has 4 or 16 bytes in network order.
 * -ENOSPC (over NET_FIPS_MAX), -errno. Protecting twice is fine.
 */
_must_check_ int hb_kernel_protect(struct hb_kernel *kernel, int family, const void *ip);
void hb_kernel_unprotect(struct hb_kernel *kernel, int family, const void *ip);
/* Takes out what a former agent protected and this one did not: to be called when its leftovers
 * were removed from the interfaces. Returns the number. */
unsigned int hb_kernel_prune(struct hb_kernel *kernel);

/* ---- codec of probes: pure ---- */

struct hb_probe_keys {
	uint8_t n, sign;
	uint32_t id[HB_KEYS_MAX];
	uint64_t key[HB_KEYS_MAX][2];
};
void hb_probe_keys_derive(const struct hb_keys *keys, struct hb_probe_keys *ret);

#define HB_PROBE_BYTES 120
struct hb_probe_route {
	uint64_t cluster_id;
	uint8_t from, to; /* who asks, who answers */
	uint8_t link;
};
void hb_probe_encode(const struct hb_probe_route *route, const struct probe *probe,
		     const struct hb_probe_keys *keys, uint8_t out[HB_PROBE_BYTES]);
/* Whether it is one of ours to look at: magic. */
bool hb_probe_is(const uint8_t *data, size_t n);
/* Checks and decodes an answer to a probe that went by `route`. *ret on HB_OK only. */
enum hb_refusal hb_probe_decode(const struct hb_datagram *datagram,
				const struct hb_probe_route *route,
				const struct hb_probe_keys *keys, struct probe_answer *ret);

/* ---- for the status ---- */

/* Counters of hb/bpf/layout.h (enum kernel_count) by a name; NULL behind the last. */
const char *hb_kernel_count_name(unsigned int count);
uint64_t hb_kernel_count(const struct hb_kernel *kernel, unsigned int count);
/* What the verifier said of each program: instructions, states. For tests and `--json`. */
struct hb_kernel_program {
	char name[32];
	uint32_t id, instructions, jited_bytes, verified;
	uint64_t load_us; /* of all of them together */
};
_must_check_ int hb_kernel_program(const struct hb_kernel *kernel, unsigned int index,
				   struct hb_kernel_program *ret); /* -ENOENT behind the last */

#endif
