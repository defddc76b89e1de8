/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_HB_BPF_LEASE_H
#define HF_HB_BPF_LEASE_H

/*
 * What the kernel decides about probes and leases (docs/kernel.md, rules K1 to K9): on plain
 * memory, without a packet, so that BPF, the simulator, the unit tests and the fuzzer run the same
 * source. The includer has defined __u8 to __u64, and the includes of hb/bpf/layout.h.
 *
 * Several CPUs run this at once beside the agent. Each word that a decision hangs on is read and
 * written once and whole (LEASE_READ, LEASE_WRITE); the one place where an order matters is
 * lease_delegated(). Lost updates elsewhere only lose a grant, which comes again by the next one.
 */

#include "hb/bpf/layout.h"

#define LEASE_READ(x)	  (*(const volatile __typeof__(x) *)&(x))
#define LEASE_WRITE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
/* If it is `was`, it becomes `v`. Returns what it was; a full barrier if that is `was`. */
#define LEASE_SWAP(x, was, v) __sync_val_compare_and_swap(&(x), (was), (v))
#define LEASE_COUNT(s, what)  __sync_fetch_and_add(&(s)->count[what], 1)

#define LEASE_INLINE static inline __attribute__((always_inline))

#define LEASE_US_MAX (1ULL << 42) /* 50 days; a ratio multiplies leases */

LEASE_INLINE __u64 lease_generation(__u64 word)
{
	return word >> KERNEL_TIME_BITS;
}

LEASE_INLINE __u64 lease_time(__u64 word)
{
	return word & KERNEL_TIME_MASK;
}

/* Rule K3, second half. */
LEASE_INLINE int lease_granted(const struct kernel_state *s, __u64 generation, __u64 now)
{
	__u64 votes = s->votes_self;

	for (__u32 n = 0; n < KERNEL_NODES_MAX; n++) {
		__u64 grant = LEASE_READ(s->peer[n].grant);

		if (lease_generation(grant) == generation && lease_time(grant) > now)
			votes += s->peer[n].votes;
	}
	return votes * 2 > s->votes_total;
}

LEASE_INLINE int lease_refused(const struct kernel_state *s, __u64 generation)
{
	return LEASE_READ(s->refused) == (generation << KERNEL_TIME_BITS | 1);
}

/* Rule K3. */
LEASE_INLINE int lease_valid(const struct kernel_state *s, __u64 now)
{
	__u64 word = LEASE_READ(s->word), generation = lease_generation(word);

	if (lease_time(word) == 0 || lease_refused(s, generation))
		return 0;
	return lease_time(word) > now || lease_granted(s, generation, now);
}

/* Rule K1. */
LEASE_INLINE __u64 lease_token(const struct kernel_state *s, __u64 now)
{
	return lease_generation(LEASE_READ(s->word)) << KERNEL_TIME_BITS | (now & KERNEL_TIME_MASK);
}

/* Rule K5. */
LEASE_INLINE void lease_take_refusal(struct kernel_state *s, const struct kernel_probe *p)
{
	__u64 word = LEASE_READ(s->word), installed = LEASE_READ(s->installed);

	if (!(p->flags & KERNEL_FLAG_OUTSIDE) || lease_time(word) == 0 || installed == 0 ||
	    p->installed <= installed || lease_refused(s, lease_generation(word)))
		return;
	LEASE_WRITE(s->refused_epoch, p->installed);
	LEASE_WRITE(s->refused_by, p->from);
	LEASE_WRITE(s->refused, lease_generation(word) << KERNEL_TIME_BITS | 1);
	LEASE_COUNT(s, KERNEL_COUNT_REFUSAL);
}

/* Rule K4. */
LEASE_INLINE void lease_take_grant(struct kernel_state *s, struct kernel_peer *peer,
				   const struct kernel_probe *p, __u64 now)
{
	__u64 generation = lease_generation(p->token), until;

	if (!(p->flags & KERNEL_FLAG_GRANT))
		return;
	if (generation != lease_generation(LEASE_READ(s->word)) || lease_time(p->token) > now ||
	    p->lease_us > LEASE_US_MAX || !lease_valid(s, now)) {
		LEASE_COUNT(s, KERNEL_COUNT_LAPSED);
		return;
	}
	until = generation << KERNEL_TIME_BITS |
		((lease_time(p->token) + p->lease_us) & KERNEL_TIME_MASK);
	if (lease_generation(LEASE_READ(peer->grant)) != generation ||
	    LEASE_READ(peer->grant) < until)
		LEASE_WRITE(peer->grant, until);
	LEASE_COUNT(s, KERNEL_COUNT_GRANT);
}

/* Raises granted_at to `now`, with a full barrier. 0: others were faster again and again. */
LEASE_INLINE int lease_note_granted(struct kernel_peer *peer, __u64 now)
{
	__u64 was = LEASE_READ(peer->granted_at);

	for (int i = 0; i < 8; i++) {
		__u64 is = LEASE_SWAP(peer->granted_at, was, was > now ? was : now);

		if (is == was)
			return 1;
		was = is;
	}
	return 0;
}

/* Rule L8, for a lease of that epoch. */
LEASE_INLINE int lease_may_delegate(const struct kernel_peer *peer, const struct kernel_probe *p)
{
	return p->lease_epoch != 0 && p->lease_epoch >= LEASE_READ(peer->grant_excluded);
}

/*
 * Rules K8, K9: whether the prober's stamp is granted in our agent's name. The agent clears the
 * incarnation, then reads granted_at, with a full barrier between; here it is the other way
 * round, so either it sees our time or we see that it took the delegation back. It may have given
 * it again meanwhile, after a view without the prober: so L8 is looked at once more, after the
 * incarnation (the swap, of a value by itself, is the barrier), which is stored after the epoch.
 */
LEASE_INLINE int lease_delegated(struct kernel_state *s, struct kernel_peer *peer,
				 const struct kernel_probe *p, __u64 now)
{
	__u64 incarnation = LEASE_READ(peer->grant_incarnation);

	if (incarnation == 0 || incarnation != p->incarnation || !lease_may_delegate(peer, p) ||
	    !lease_note_granted(peer, now) ||
	    LEASE_SWAP(peer->grant_incarnation, incarnation, incarnation) != incarnation ||
	    !lease_may_delegate(peer, p))
		return 0;
	LEASE_COUNT(s, KERNEL_COUNT_GRANTED);
	return 1;
}

/* What is not newer than all that came from this peer by this link. */
LEASE_INLINE int lease_replayed(const struct kernel_peer *peer, const struct kernel_probe *p)
{
	if (p->incarnation != peer->seen_incarnation)
		return p->incarnation < peer->seen_incarnation;
	return p->stamp <= peer->seen_stamp[p->link & (KERNEL_LINKS_MAX - 1)];
}

LEASE_INLINE void lease_note_seen(struct kernel_peer *peer, const struct kernel_probe *p)
{
	if (p->incarnation != peer->seen_incarnation) {
		for (__u32 k = 0; k < KERNEL_LINKS_MAX; k++)
			peer->seen_stamp[k] = 0;
		peer->seen_incarnation = p->incarnation;
	}
	peer->seen_stamp[p->link & (KERNEL_LINKS_MAX - 1)] = p->stamp;
}

/*
 * Takes in an authentic probe that came at `now` (us), and makes the answer of it, in place. 0:
 * there is none. `gone`: no agent process is there. The caller has checked MAC, cluster id, type
 * and addresses, and that from, to and link are in range and ours.
 */
LEASE_INLINE int lease_answer(struct kernel_state *s, struct kernel_probe *p, int gone, __u64 now)
{
	struct kernel_peer *peer = &s->peer[p->from & (KERNEL_NODES_MAX - 1)];
	__u64 incarnation = LEASE_READ(s->incarnation), at;
	__u8 from = p->from, flags = 0;

	if (incarnation == 0)
		return 0;
	if (lease_replayed(peer, p)) {
		LEASE_COUNT(s, KERNEL_COUNT_REPLAY);
		return 0;
	}
	lease_note_seen(peer, p);
	if (p->to_incarnation == incarnation) {
		lease_take_refusal(s, p);
		lease_take_grant(s, peer, p, now);
		if (lease_delegated(s, peer, p, now))
			flags |= KERNEL_FLAG_GRANT;
	} else {
		LEASE_COUNT(s, KERNEL_COUNT_UNVERIFIED);
	}
	at = LEASE_READ(s->progress_at);
	flags |= gone ? KERNEL_FLAG_GONE : 0;
	flags |= lease_valid(s, now) ? KERNEL_FLAG_LEASED : 0;
	p->type = KERNEL_ANSWER;
	p->from = p->to;
	p->to = from;
	p->flags = flags;
	p->to_incarnation = incarnation;
	p->token = lease_token(s, now);
	p->lease_us = flags & KERNEL_FLAG_GRANT ? LEASE_READ(s->grant_lease_us) : 0;
	p->to_lease_epoch = LEASE_READ(s->lease_epoch);
	p->progress = LEASE_READ(s->progress);
	p->age_us = now > at ? now - at : 0;
	LEASE_COUNT(s, KERNEL_COUNT_ANSWERED);
	return 1;
}

#endif
