/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * I2 and I3 for kernel.pml, from any state that it reaches, when faults stop. Each is one d_step,
 * which ends the run: nothing of it is stored.
 */

inline calm_stores()
{
	for (k : 1 .. 2) {
		if
		:: todo && half != 1 -> store(1)
		:: todo && half == 1 -> store(2)
		:: else
		fi
	}
}

inline calm_granters()
{
	for (k : 1 .. 2) {
		if
		:: at[0] -> take_back(0)
		:: else
		fi;
		if
		:: at[1] -> take_back(1)
		:: else
		fi
	}
}

inline calm_probe(b)
{
	if
	:: TOKEN_OK(b, k_epoch) -> take_token(b, k_epoch)
	:: else
	fi;
	if
	:: GRANTS(b) && token[b] -> given[b] = MAX(given[b], token[b]); take_grant(token[b])
	:: else
	fi
}

/* 0 proposes, 1 accepts and tells. */
inline calm_propose(m)
{
	highest = MAX(promised[0], promised[1]);
	highest = MAX(highest, promised[A]) + 1;
	accept_granter(0, highest, m);
	accept_granter(1, highest, m);
	calm_granters();
	hear_told()
}

#define KEPT(b) (GRANTS(b) && TOKEN_OK(b, k_epoch))

/* A's agent is frozen where it is. The two others hear its kernel, then they give it up. */
inline calm_stalled()
{
	calm_granters();
	kept = k_lease && (KEPT(0) || KEPT(1));
	for (round : 1 .. L + 1) {
		calm_probe(0); calm_probe(1);
		tick()
	}
	assert(!kept || k_lease); /* I3: it keeps its group as long as its kernel is granted to */
	calm_propose(OUTSIDE); /* stall_timeout */
	for (round : 1 .. L + 1) {
		tick()
	}
	assert(PROOF && !k_lease) /* I2: it is taken over */
}

/* The same, but A's agent comes back before it is given up: K7. */
inline calm_thawed()
{
	calm_granters();
	kept = k_lease && since && todo != END && (KEPT(0) || KEPT(1));
	for (round : 1 .. L + 1) {
		calm_probe(0); calm_probe(1);
		tick()
	}
	calm_stores();
	look(); leave();
	calm_stores();
	assert(!kept || since && k_lease) /* I3 */
}

/* The agent of 1 is frozen where it is, 0 is silent: A goes on by the kernel of 1. */
inline calm_named()
{
	calm_stores();
	look(); leave();
	calm_stores();
	kept = k_lease && since && DELEGATED(1, since) && !k_refused;
	for (round : 1 .. L + 1) {
		if
		:: since && DELEGATED(1, since) ->
			probe(1);
			probe_on(); probe_on();
			hear_answer();
			calm_stores()
		:: else
		fi;
		tick()
	}
	assert(!kept || k_lease) /* I3 */
}

/* All are awake: A's lease goes on or begins anew, in a view of all. */
inline calm_awake()
{
	forget_probe();
	calm_granters();
	calm_stores();
	for (round : 1 .. L + 1) {
		look();
		leave();
		calm_stores();
		if
		:: accepted[A] != ALL || accepted[0] != ALL || accepted[1] != ALL || promised[0] != promised[1] ||
			promised[A] != promised[0] -> calm_propose(ALL); hear(0, 1)
		:: else -> hear_told(); hear(0, 0)
		fi;
		calm_stores();
		hear_holder(0); hear_holder(1);
		hear(0, 0);
		calm_stores();
		hear(1, 0);
		calm_stores();
		hear_holder(0); hear_holder(1);
		calm_probe(0); calm_probe(1);
		tick()
	}
	assert(k_lease && k_begun) /* I2 */
}

#define CALMS                                                                                  \
	:: d_step { calm_stalled(); wipe() };                                                  \
		break                                                                          \
	:: d_step { calm_thawed(); wipe() };                                                   \
		break                                                                          \
	:: d_step { calm_named(); wipe() };                                                    \
		break                                                                          \
	:: d_step { calm_awake(); wipe() };                                                    \
		break

inline wipe()
{
	forget_probe(); forget_stamps();
	for (k : 0 .. 1) {
		at[k] = 0; given[k] = 0; excluded[k] = 0; stamp[k] = 0; stamp_epoch[k] = 0; token[k] = 0;
		token_epoch[k] = 0; deleg[k] = 0; granted_at[k] = 0
	}
	for (k : 0 .. 2) { promised[k] = 0; accepted[k] = 0; told[k] = 0 }
	installed = 0; since = 0; lease = 0; todo = 0; half = 0;
	k_lease = 0; k_epoch = 0; k_begun = 0; k_refused = 0; wait = 0; cleared = 0; restarts = 0
}
