/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Views, grants, leases and takeover of docs/protocol.md for one group, for spin. Rule numbers
 * are those of that page; README.md says what is modelled, the bounds, and what is not.
 *
 * One process, whose every step is one step of one node's core, or one tick of time. A node that
 * is frozen, cut off or down is a node that takes no step. A vector is received as "j hears i":
 * the newest state of i, at any time or never; with LATE, one vector at a time may also travel
 * for as long as it likes (D2: unless a newer one is heard first). What a node wants as a view
 * (V1) is free, hence any view that V4 lets pass may be proposed and accepted at any time.
 *
 * -DMUTANT_X breaks one rule; tests/model/run expects that spin then finds two owners.
 */
#ifndef HOSTS
#define HOSTS ALL /* mask: the other nodes are witnesses */
#endif
#ifndef L
#define L 2 /* lease, in ticks */
#endif
#ifndef EMAX
#define EMAX 3 /* epochs; all nodes begin with view 1 of everybody installed */
#endif
#ifndef RESTARTS
#define RESTARTS 0
#endif
#ifndef ROWS
#define ROWS 1 /* times that a coordinator writes the row in one view */
#endif
#ifdef PAIR /* two nodes, and nothing that breaks a tie */
#define FIRST 3
#else
#define FIRST ALL
#endif

#define N	 3
#define ALL	 7
#define NOBODY	 3
#define BIT(i)	 (1 << (i))
#define HAS(m,i) (((m) >> (i)) & 1)
#define HOST(i)	 HAS(HOSTS, i)
#define COORD(m) (HAS(m, 0) -> 0 : (HAS(m, 1) -> 1 : 2)) /* V2: the lowest id */
#define OTHER(m) (HAS(m, 0) -> (HAS(m, 1) -> 2 : 1) : 0) /* the absent one of a view of two */
#define P(i,j)	 ((i) * N + (j))
#define SAY(text,a,b) printf(text, a, b)

/* What node i knows and has. Its accepted view is (promised, accepted); accepted 0: none. */
byte promised[N];
byte accepted[N];  /* members */
byte installed[N]; /* epoch; 0: none */
byte since[N];	   /* L8: epoch that its present lease dates from; 0: no valid lease */
byte lease[N];	   /* ticks left: one granter and the node itself are a quorum */
byte group[N];
#define OFF  0
#define ON   1
#define LEFT 2	   /* being stopped after a lapse, or left by a former agent: may still answer */
byte owner[N];	   /* the row for the accepted view */
byte version[N];   /* its version: epoch * 8 + counter */

/* What a coordinator has heard from members, in vectors that accepted its view: masks. */
byte told[N], on[N], off[N];
byte acked[N];	      /* have the newest row */
byte wait[N];	      /* until their grants to the absent node are over */

/* What node i does for others. */
byte stamp[N];	      /* mask: has a stamp of theirs that it grants */
byte given[N * N];    /* ticks until its grants have surely run out (L4) */
byte excluded[N * N]; /* L8: highest epoch that it accepted, or may have, without the other */
byte restarts;
#ifdef I4
byte high[N]; /* highest epoch that it ever accepted */
#endif

/* The vector that is being received, and the one that is late. */
hidden byte v_promised, v_accepted, v_installed, v_group, v_owner, v_version, v_grant, v_clear;
#ifdef LATE
byte l_to = NOBODY, l_from, l_promised, l_accepted, l_installed, l_group, l_owner, l_version;
byte l_grant, l_clear, l_since, l_stamped;
#endif
#ifdef MUTANT_G3_LAST_OWNER
byte known[N], known_version[N]; /* owner by the newest row of any view */
#endif
hidden byte k, base;
#ifdef CALM
hidden byte round, pass, highest, kept, lapsed;
#endif

#define ANSWERS(i) (group[i] != OFF && lease[i] > 0)
#define I1 (!(ANSWERS(0) && ANSWERS(1)) && !(ANSWERS(0) && ANSWERS(2)) && \
	    !(ANSWERS(1) && ANSWERS(2)))

/* ---- canonical values: what can matter no more is not told apart ---- */

/* Exclusions of i by j from before the lease of i. */
inline settle_one(j, i)
{
	base = (since[i] -> since[i] : (installed[i] -> installed[i] : promised[i]));
	excluded[P(j, i)] = (!HOST(i) || excluded[P(j, i)] <= base -> 0 : excluded[P(j, i)])
}

inline settle(i)
{
	settle_one(0, i); settle_one(1, i); settle_one(2, i)
}

/* A coordinator that has written its last row. */
inline settle_done(j)
{
#ifdef CALM
	skip
#else
	if
	:: (version[j] & 7) == ROWS -> forget_members(j)
	:: else
	fi
#endif
}

/* A node that may accept no further view. */
inline settle_dead(j)
{
#ifdef CALM
	skip
#else
	if
	:: promised[j] == EMAX && !accepted[j] ->
		for (k : 0 .. N - 1) {
			given[P(j, k)] = 0; excluded[P(j, k)] = 0; excluded[P(k, j)] = 0
		}
	:: else
	fi
#endif
}

/* ---- views ---- */

inline forget_members(j)
{
	told[j] = 0; on[j] = 0; off[j] = 0; acked[j] = 0; wait[j] = 0
}

inline forget_view(j)
{
	since[j] = 0; installed[j] = 0; accepted[j] = 0;
	owner[j] = NOBODY; version[j] = 0;
	stamp[j] = 0;
	forget_members(j)
}

/*
 * L7, D1: what was granted for stamps that j sent before its lapse or restart, or (but in the
 * same view) before its lease began, does not count.
 */
inline forget_stamps(j)
{
	for (k : 0 .. N - 1) { stamp[k] = stamp[k] & ~BIT(j) }
#ifdef LATE
	l_grant = (l_to == j -> 0 : l_grant);
	l_stamped = (l_from == j -> 0 : l_stamped)
#endif
}

/* V6: the end of a lease. */
inline lapse(j)
{
	lease[j] = 0;
	group[j] = (group[j] == ON -> LEFT : group[j]);
#ifdef CALM
	lapsed = lapsed | BIT(j);
#endif
#ifdef MUTANT_V6_OFF
	since[j] = 0;
#else
	forget_view(j);
#endif
	forget_stamps(j);
	settle(j);
	settle_dead(j)
}

inline accept(j, e, m)
{
#ifdef I4
	assert((e) > high[j]);
	high[j] = e;
#endif
	promised[j] = e;
	accepted[j] = m;
#ifndef MUTANT_G1_OFF
	owner[j] = NOBODY; version[j] = (e) * 8;
#endif
	forget_members(j);
#ifndef MUTANT_GRANT_AFTER
	stamp[j] = stamp[j] & (m);
#endif
	for (k : 0 .. N - 1) { excluded[P(j, k)] = (HAS(m, k) -> excluded[P(j, k)] : e) }
	settle_one(j, 0); settle_one(j, 1); settle_one(j, 2)
}

inline propose(i, e, m)
{
	accept(i, e, m);
	told[i] = BIT(i);
	owner[i] = NOBODY; version[i] = (e) * 8;
#ifdef MUTANT_QUORUM
	installed[i] = ((m) == BIT(i) -> e : installed[i]);
	since[i] = ((m) == BIT(i) -> e : since[i]);
	lease[i] = ((m) == BIT(i) -> L : lease[i])
#endif
}

/* ---- receiving ---- */

#ifdef MUTANT_L8_OFF
#define MAY_GRANT(j,i,lease_since) true
#else
#define MAY_GRANT(j,i,lease_since) (!(lease_since) || excluded[P(j, i)] <= (lease_since))
#endif
#ifdef MUTANT_LEFTOVER
#define MAY_BEGIN(j) true
#else
#define MAY_BEGIN(j) (group[j] != LEFT) /* L9 */
#endif
#ifdef MUTANT_STALE_EPOCH
#define NEWER(j,e) ((e) != promised[j])
#else
#define NEWER(j,e) ((e) > promised[j])
#endif
#ifdef MUTANT_GRANT_AFTER
#define GRANTS(j,i) true
#else
#define GRANTS(j,i) HAS(accepted[j], i)
#endif

#ifdef MUTANT_G1_OFF
#define HAS_ROW(j) (v_version == version[j] || v_version < promised[j] * 8)
#else
#define HAS_ROW(j) (v_version == version[j])
#endif

#ifdef MUTANT_G4_LEFT
#define IS_ON(state) ((state) != OFF)
#else
#define IS_ON(state) ((state) == ON)
#endif
#ifdef CALM
#define MORE_ROWS(j) true
#else
#define MORE_ROWS(j) ((version[j] & 7) < ROWS)
#endif

/* V5, N1, G3 and L8, from a vector of i that accepted the same view as j. */
inline same_view(j, i)
{
	if
	:: COORD(accepted[j]) == i && v_installed == promised[j] -> installed[j] = v_installed
	:: else
	fi;
	if
	:: COORD(accepted[j]) == j && MORE_ROWS(j) ->
		told[j] = told[j] | BIT(i);
		on[j] = on[j] & ~BIT(i) | (IS_ON(v_group) -> BIT(i) : 0);
		off[j] = off[j] & ~BIT(i) | (v_group == OFF -> BIT(i) : 0);
		acked[j] = acked[j] & ~BIT(i) | (HAS_ROW(j) -> BIT(i) : 0);
		wait[j] = (v_clear > wait[j] -> v_clear : wait[j]);
		installed[j] = (told[j] == accepted[j] -> promised[j] : installed[j])
	:: else
	fi;
	if
	:: v_version > version[j] && (v_version & 7) -> version[j] = v_version; owner[j] = v_owner
	:: else
	fi;
	/* a lease begins, or dates from now on from a newer view */
	if
	:: v_grant && installed[j] == promised[j] && (since[j] || MAY_BEGIN(j)) ->
		lease[j] = (v_grant > lease[j] -> v_grant : lease[j]);
#ifndef MUTANT_L7_BEGIN
		if
		:: !since[j] -> forget_stamps(j)
		:: else
		fi;
#endif
		since[j] = installed[j]
	:: else
	fi
}

inline other_view(j, i)
{
#ifdef MUTANT_L8_OFF
	if
	:: v_grant && !since[j] && installed[j] && MAY_BEGIN(j) ->
		since[j] = installed[j]; lease[j] = v_grant
	:: else
	fi;
#endif
	told[j] = told[j] & ~BIT(i); on[j] = on[j] & ~BIT(i);
	off[j] = off[j] & ~BIT(i); acked[j] = acked[j] & ~BIT(i)
}

/* j takes in the vector v_... of i; `takes`: it accepts the view proposed in it. */
inline receive(j, i, takes)
{
	/* L6 */
	if
	:: since[j] && v_accepted && !HAS(v_accepted, j) && v_promised > installed[j] -> lapse(j)
	:: else
	fi;
	/* V4 */
	if
	:: takes && HAS(v_accepted, j) && COORD(v_accepted) == i && NEWER(j, v_promised) ->
		accept(j, v_promised, v_accepted)
	:: else
	fi;
	/* L2, L3: a lease goes on */
	if
	:: since[j] && v_grant > lease[j] -> lease[j] = v_grant
	:: else
	fi;
	if
	:: accepted[j] && v_accepted == accepted[j] && v_promised == promised[j] -> same_view(j, i)
	:: else -> other_view(j, i)
	fi;
#ifdef MUTANT_G3_LAST_OWNER
	if
	:: known_version[i] > known_version[j] ->
		known_version[j] = known_version[i]; known[j] = known[i]
	:: else
	fi;
#endif
	settle(j);
	assert(I1)
}

inline load(j, i)
{
	v_promised = promised[i]; v_accepted = accepted[i]; v_installed = installed[i];
	v_group = group[i]; v_owner = owner[i]; v_version = version[i];
	v_grant = (HAS(stamp[i], j) -> given[P(i, j)] : 0);
	v_clear = (accepted[i] && accepted[i] != ALL -> given[P(i, OTHER(accepted[i]))] : 0)
}

/* L1, L8: j has the newest stamp of i, and in the same vector its `since`. */
inline take_stamp(j, i, lease_since)
{
	if
	:: HOST(i) && GRANTS(j, i) && MAY_GRANT(j, i, lease_since) ->
		stamp[j] = stamp[j] | BIT(i);
		given[P(j, i)] = L
	:: else
	fi
}

inline read(j, i, takes)
{
	load(j, i);
#ifdef LATE
	/* D2 */
	if
	:: l_to == j && l_from == i -> forget_late()
	:: else
	fi;
#endif
	receive(j, i, takes);
	take_stamp(j, i, since[i])
}

#define OFFERS(j,i) (HAS(accepted[i], j) && COORD(accepted[i]) == (i) && NEWER(j, promised[i]))

#ifdef ARBITER /* node 2 is no agent: it answers a node at once, and takes the newest proposal */
inline exchange(i, takes)
{
#ifdef MUTANT_ARBITER_BOTH
	promised[2] = 0; /* it does not remember whom it has promised itself to */
#endif
	read(2, i, takes);
	read(i, 2, 0)
}
#endif

#ifdef LATE
inline forget_late()
{
	l_to = NOBODY; l_from = 0; l_promised = 0; l_accepted = 0; l_installed = 0;
	l_group = 0; l_owner = 0; l_version = 0; l_grant = 0; l_clear = 0;
	l_since = 0; l_stamped = 0
}

inline send_late(j, i)
{
	load(j, i);
	l_to = j; l_from = i; l_promised = v_promised; l_accepted = v_accepted;
	l_installed = v_installed; l_group = v_group; l_owner = v_owner; l_version = v_version;
	l_grant = v_grant; l_clear = v_clear; l_since = since[i]; l_stamped = 1
}

inline receive_late(j, i, takes)
{
	v_promised = l_promised; v_accepted = l_accepted; v_installed = l_installed;
	v_group = l_group; v_owner = l_owner; v_version = l_version;
	v_grant = l_grant; v_clear = l_clear;
	receive(j, i, takes);
	/* L2 would count from the sending; to count from here is the worse case. */
	if
	:: l_stamped -> take_stamp(j, i, l_since)
	:: else
	fi;
	forget_late()
}
#endif

/* ---- groups ---- */

/* N3, N2: and only while its view is its newest promise. */
#define COORDINATES(j) (accepted[j] && COORD(accepted[j]) == (j) && \
	installed[j] == promised[j] && told[j] == accepted[j])

/* Q1, for the absent node of j's view. */
#ifdef MUTANT_NO_WAIT
#define PROOF(j) true
#elif defined(MUTANT_QUORUM)
#define PROOF(j) (accepted[j] == ALL || \
	wait[j] == 0 && given[P(j, 0)] == 0 && given[P(j, 1)] == 0)
#elif defined(MUTANT_G3_LAST_OWNER)
#define PROOF(j) (known[j] == NOBODY || HAS(accepted[j], known[j]) || \
	wait[j] == 0 && given[P(j, OTHER(accepted[j]))] == 0)
#else
#define PROOF(j) (accepted[j] == ALL || !HOST(OTHER(accepted[j])) || \
	wait[j] == 0 && given[P(j, OTHER(accepted[j]))] == 0)
#endif

/* G3: nobody but n may have it, and all others know that the row names nobody. G4: n runs it. */
#ifdef MUTANT_NO_ACK
#define FREE(j,n)  (owner[j] != (n))
#define ACKED(j,i) true
#else
#define FREE(j,n)  (owner[j] == NOBODY)
#define ACKED(j,i) HAS(acked[j], i)
#endif
#define QUIET(j,n,i) ((i) == (n) || !HAS(accepted[j], i) || \
	((i) == (j) -> group[j] == OFF : HAS(off[j], i) && ACKED(j, i)))
#define RUNS(j,n) ((n) == (j) -> IS_ON(group[j]) : HAS(on[j], n))
#define CAN_OWN(j,n) (COORDINATES(j) && HAS(accepted[j] & HOSTS, n) && FREE(j, n) && \
	(RUNS(j, n) || QUIET(j, n, 0) && QUIET(j, n, 1) && QUIET(j, n, 2) && PROOF(j)))

inline write_row(j, n)
{
	owner[j] = n; version[j]++; acked[j] = 0;
#ifdef MUTANT_G3_LAST_OWNER
	known[j] = n; known_version[j] = version[j];
#endif
	settle_done(j)
}

/* G1 */
#ifdef MUTANT_G1_OFF
#define ORDERED(i) (installed[i] && installed[i] == version[i] / 8 && owner[i] == (i))
#elif defined(MUTANT_V6_OFF)
#define ORDERED(i) (installed[i] && installed[i] == promised[i] && owner[i] == (i))
#else
#define ORDERED(i) (accepted[i] && installed[i] == promised[i] && owner[i] == (i))
#endif
#define CAN_START(i) (group[i] == OFF && ORDERED(i) && since[i] && lease[i])

inline stop(i)
{
	group[i] = OFF;
	lease[i] = (since[i] -> lease[i] : 0)
}

/* ---- faults and time ---- */

/* P2, L5, S1: the agent dies, its floating IP does not, its successor starts. */
inline restart(j)
{
	restarts++;
	group[j] = (group[j] == OFF -> OFF : LEFT);
	lease[j] = (group[j] == OFF -> 0 : lease[j]);
	forget_view(j);
	forget_stamps(j);
#ifdef LATE
	/* D1 */
	if
	:: l_to == j -> forget_late()
	:: else
	fi;
#endif
#ifdef MUTANT_P2_OFF
	promised[j] = 1;
#endif
	for (k : 0 .. N - 1) {
#ifdef MUTANT_L5_OFF
		given[P(j, k)] = 0;
#else
		given[P(j, k)] = (HOST(k) && k != j -> L : 0);
#endif
		excluded[P(j, k)] = (k != j -> promised[j] : 0)
	}
	settle_one(j, 0); settle_one(j, 1); settle_one(j, 2);
	settle(j);
	settle_dead(j)
}

/* T3: nothing that j does comes between the end of its lease and this. */
inline expire(j)
{
	for (k : 0 .. N - 1) { stamp[j] = (given[P(j, k)] -> stamp[j] : stamp[j] & ~BIT(k)) }
	if
	:: since[j] && !lease[j] -> lapse(j)
	:: else
	fi
}

inline tick()
{
	for (k : 0 .. N * N - 1) { given[k] = (given[k] -> given[k] - 1 : 0) }
	for (k : 0 .. N - 1) {
#ifdef MUTANT_QUORUM
		lease[k] = (lease[k] && accepted[k] != BIT(k) -> lease[k] - 1 : lease[k]);
#else
		lease[k] = (lease[k] -> lease[k] - 1 : 0);
#endif
		wait[k] = (wait[k] -> wait[k] - 1 : 0)
	}
#ifdef LATE
	l_grant = (l_grant -> l_grant - 1 : 0);
#endif
	expire(0); expire(1); expire(2)
}

inline begin(j)
{
	promised[j] = 1; accepted[j] = FIRST; installed[j] = 1;
	owner[j] = NOBODY; version[j] = 8;
#ifndef COLD /* nobody has granted yet */
	since[j] = HOST(j); lease[j] = (HOST(j) -> L : 0);
	stamp[j] = HOSTS & FIRST & ~BIT(j);
#endif
	told[j] = (j == 0 -> FIRST : 0); off[j] = told[j] & ~BIT(j); acked[j] = off[j];
	for (k : 0 .. N - 1) { given[P(j, k)] = (HAS(stamp[j], k) -> L : 0) }
#ifdef MUTANT_G3_LAST_OWNER
	known[j] = NOBODY;
#endif
}

#ifdef CALM
#include "calm.pml"
#endif

/* ---- steps ---- */

#define HEARS(j,i)                                                                             \
	:: d_step { true -> read(j, i, 0); SAY("%d hears %d\n", j, i) }                        \
	:: d_step { OFFERS(j, i) -> read(j, i, 1); SAY("%d accepts the view of %d\n", j, i) }
/* LATE 1: node 2 may hear node 0 late. LATE 2: any node any other. One vector at a time. */
#define HEARS_LATE(j,i)                                                                        \
	:: d_step { l_to == NOBODY -> send_late(j, i); SAY("%d is to hear %d late\n", j, i) }  \
	:: d_step { l_to == (j) && l_from == (i) -> receive_late(j, i, 0);                     \
		SAY("%d hears %d, late\n", j, i) }                                             \
	:: d_step { l_to == (j) && l_from == (i) -> receive_late(j, i, 1);                     \
		SAY("%d accepts the late view of %d\n", j, i) }
#define EXCHANGES(i)                                                                           \
	:: d_step { true -> exchange(i, 0); SAY("%d asks arbiter %d\n", i, 2) }                \
	:: d_step { HAS(accepted[i], 2) -> exchange(i, 1); SAY("%d claims arbiter %d\n", i, 2) }
#define PROPOSES(i,e,m)                                                                        \
	:: d_step { (e) > promised[i] -> propose(i, e, m);                                     \
		SAY("%d proposes members %d\n", i, m) }
#define WRITES(j,n)                                                                            \
	:: d_step { (version[j] & 7) < ROWS && CAN_OWN(j, n) -> write_row(j, n);                          \
		SAY("%d makes %d the owner\n", j, n) }
#define RELEASES(j)                                                                            \
	:: d_step { (version[j] & 7) < ROWS && COORDINATES(j) && owner[j] != NOBODY ->                    \
		write_row(j, NOBODY); SAY("%d makes %d the owner\n", j, NOBODY) }
#define LIVES(i)                                                                               \
	:: d_step { CAN_START(i) -> group[i] = ON; SAY("%d starts, lease %d\n", i, lease[i]);  \
		assert(I1) }                                                                   \
	:: d_step { group[i] != OFF -> stop(i); SAY("%d stops, lease %d\n", i, lease[i]) }     \
	:: d_step { restarts < RESTARTS -> restart(i);                                         \
		SAY("%d restarts, promise %d\n", i, promised[i]) }

#ifdef PAIR
#define PROPOSALS(e) PROPOSES(0, e, 3)
#elif defined(MUTANT_QUORUM)
#define PROPOSALS(e) PROPOSES(0, e, 1) PROPOSES(1, e, 2)
#else
#define PROPOSALS(e) PROPOSES(0, e, 3) PROPOSES(0, e, 5) PROPOSES(0, e, 7) PROPOSES(1, e, 6)
#endif

active proctype cluster()
{
	d_step { begin(0); begin(1); begin(2); skip }
	do
	HEARS(0, 1) HEARS(1, 0)
#ifdef ARBITER
	EXCHANGES(0) EXCHANGES(1)
#elif !defined(PAIR)
	HEARS(0, 2) HEARS(1, 2) HEARS(2, 0) HEARS(2, 1)
#endif
#ifdef LATE
	HEARS_LATE(2, 0)
#if LATE == 2
	HEARS_LATE(0, 1) HEARS_LATE(0, 2) HEARS_LATE(1, 0) HEARS_LATE(1, 2) HEARS_LATE(2, 1)
#endif
#endif
#ifdef FEW /* two overlapping views only */
	PROPOSES(0, 2, 3) PROPOSES(1, 3, 6)
#else
	PROPOSALS(2)
#if EMAX >= 3
	PROPOSALS(3)
#endif
#endif
#if EMAX >= 4
	PROPOSALS(4)
#endif
	WRITES(0, 0) WRITES(0, 1) WRITES(0, 2) WRITES(1, 1) WRITES(1, 2)
	RELEASES(0) RELEASES(1)
	LIVES(0) LIVES(1)
#ifndef PAIR
	LIVES(2)
#endif
#ifdef CALM
	CALMS(7, 0) CALMS(3, 0) CALMS(5, 0) CALMS(6, 1)
#endif
	:: d_step { true -> tick(); SAY("tick: leases of 0 and 1 are %d, %d\n", lease[0], lease[1]) }
	od
}
