/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_HB_BPF_WRITER_H
#define HF_HB_BPF_WRITER_H

/*
 * What the agent does to the state map (docs/kernel.md, rules K1, K2, K7 to K10), in the orders
 * that the programs rely on. Never compiled for BPF: hb/kernel*.c and the simulator include it.
 * Kernels answer probes all the while.
 */

#include "hb/bpf/lease.h"

#define LEASE_BARRIER()	      __sync_synchronize()
#define LEASE_GENERATION_MASK (~0ULL >> KERNEL_TIME_BITS)

/* Rule K10: nothing answered, nothing delegated, no lease; grants and tokens of before are void. */
LEASE_INLINE void lease_take_over(struct kernel_state *s)
{
	__u64 generation = lease_generation(LEASE_READ(s->word));

	LEASE_WRITE(s->incarnation, 0);
	for (__u32 n = 0; n < KERNEL_NODES_MAX; n++)
		LEASE_WRITE(s->peer[n].grant_incarnation, 0);
	LEASE_WRITE(s->word, ((generation + 1) & LEASE_GENERATION_MASK) << KERNEL_TIME_BITS);
	LEASE_BARRIER();
	LEASE_WRITE(s->refused, 0);
	LEASE_WRITE(s->lease_epoch, 0);
	LEASE_WRITE(s->installed, 0);
}

/* Rules K1, K2. `until` in us, 0: no lease. What a kernel sees between two stores is safe. */
LEASE_INLINE void lease_set_word(struct kernel_state *s, __u64 generation, __u64 until, __u64 epoch,
				 __u64 installed)
{
	generation &= LEASE_GENERATION_MASK;
	if (until > KERNEL_TIME_MASK)
		until = KERNEL_TIME_MASK;
	/* generations come round: a refusal is of the one that it was taken in */
	if (generation != lease_generation(LEASE_READ(s->word)) && lease_refused(s, generation))
		LEASE_WRITE(s->refused, 0);
	LEASE_WRITE(s->lease_epoch, epoch);
	LEASE_WRITE(s->installed, installed);
	LEASE_BARRIER();
	LEASE_WRITE(s->word, generation << KERNEL_TIME_BITS | until);
}

/*
 * Rules K8, K9: to whom the kernel may grant in our name; all arrays by node. First all that is
 * not as it was is taken back, and ret_granted_at of those that are left out is read; then the
 * rest is given.
 */
LEASE_INLINE void lease_delegate(struct kernel_state *s, const __u64 incarnation[KERNEL_NODES_MAX],
				 const __u64 excluded[KERNEL_NODES_MAX], __u64 lease_us,
				 __u64 ret_granted_at[KERNEL_NODES_MAX])
{
	for (__u32 n = 0; n < KERNEL_NODES_MAX; n++)
		if (LEASE_READ(s->peer[n].grant_incarnation) != incarnation[n] ||
		    LEASE_READ(s->peer[n].grant_excluded) != excluded[n])
			LEASE_WRITE(s->peer[n].grant_incarnation, 0);
	LEASE_BARRIER();
	for (__u32 n = 0; n < KERNEL_NODES_MAX; n++)
		ret_granted_at[n] = incarnation[n] ? 0 : LEASE_READ(s->peer[n].granted_at);
	LEASE_WRITE(s->grant_lease_us, lease_us);
	for (__u32 n = 0; n < KERNEL_NODES_MAX; n++)
		LEASE_WRITE(s->peer[n].grant_excluded, excluded[n]);
	LEASE_BARRIER();
	for (__u32 n = 0; n < KERNEL_NODES_MAX; n++)
		LEASE_WRITE(s->peer[n].grant_incarnation, incarnation[n]);
}

/* Rule K12: `address` is about to be put into hf_addresses. */
LEASE_INLINE void lease_hint_set(struct kernel_state *s, const __u8 address[16])
{
	__u32 tail, class;

	__builtin_memcpy(&tail, address + 12, sizeof(tail));
	class = kernel_hint_class(tail);
	LEASE_WRITE(s->hint[class / 64], LEASE_READ(s->hint[class / 64]) | 1ULL << class % 64);
	LEASE_BARRIER();
}

/* Rule K12: `n` addresses are left in hf_addresses, each of 16 bytes; the bits of others go. */
LEASE_INLINE void lease_hint_only(struct kernel_state *s, const __u8 *addresses, __u32 n)
{
	__u64 hint[KERNEL_HINT_WORDS] = {};

	for (__u32 i = 0; i < n; i++) {
		__u32 tail, class;

		__builtin_memcpy(&tail, addresses + 16 * i + 12, sizeof(tail));
		class = kernel_hint_class(tail);
		hint[class / 64] |= 1ULL << class % 64;
	}
	for (__u32 i = 0; i < KERNEL_HINT_WORDS; i++)
		LEASE_WRITE(s->hint[i], hint[i]);
}

/* Rule K7: until when peer n granted, in the present generation; 0: it did not. */
LEASE_INLINE __u64 lease_granted_until(const struct kernel_state *s, __u32 n)
{
	__u64 grant = LEASE_READ(s->peer[n].grant);

	return lease_generation(grant) == lease_generation(LEASE_READ(s->word)) ? lease_time(grant)
										: 0;
}

#endif
