/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Views, grants, leases and takeover of docs/protocol.md for one group, for spin. Rule numbers
 * are those of that page; README.md says what is modelled and what not.
 *
 * One process, whose every step is one step of one node's core, or one tick of time. A node that
 * is frozen, cut off or down is a node that takes no step. A vector is received as "j reads i":
 * the newest state of i, at any time or never; with LATE, one vector at a time may also travel
 * for as long as it likes.
 */
#ifndef N
#define N 3 /* nodes */
#endif
#ifndef HOSTS
#define HOSTS ALL /* mask: the others are witnesses */
#endif
#ifndef L
#define L 2 /* lease, in ticks */
#endif
#ifndef EMAX
#define EMAX 3 /* epochs; all nodes begin with view 1 of everybody installed */
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef ROWS
#define ROWS 1 /* times that a coordinator changes the owner in one view */
#endif

#define ALL	 ((1 << N) - 1)
#define BIT(i)	 (1 << (i))
#define HAS(m,i) (((m) >> (i)) & 1)
#define COORD(m) (HAS(m, 0) -> 0 : (HAS(m, 1) -> 1 : 2))
#define OTHER(m) (HAS(m, 0) -> (HAS(m, 1) -> 2 : 1) : 0) /* the one that is absent, N = 3 */
#define QUORATE(m) (HAS(m, 0) + HAS(m, 1) + HAS(m, 2) >= 2)
#define NOBODY	 3
#define P(i,j)	 ((i) * N + (j))
#define HOST(i)	 HAS(HOSTS, i)

/* What node i knows and has. Its accepted view is (promised, accepted); members 0: none. */
byte promised[N];
byte accepted[N];
byte installed[N]; /* epoch; 0: none */
byte since[N];	   /* epoch that its present lease dates from (L8); 0: no valid lease */
byte lease[N];	   /* ticks left: one granter and the node itself are a quorum */
byte group[N];
#define OFF  0
#define ON   1
#define LEFT 2	 /* being stopped after a lapse, or left by a former agent: may still answer */
byte owner[N];	 /* the row for the accepted view */
byte version[N]; /* its version: epoch * 8 + counter */

/* What a coordinator has heard from members, in vectors that accepted its view. */
byte told[N];  /* mask: accepted */
byte on[N], off[N];
byte acked[N]; /* mask: have the newest row */
byte wait[N];  /* until their grants to the absent node are over */

/* What node i does for others. */
byte stamp[N];	      /* mask: has a stamp of theirs that it grants */
byte given[N * N];    /* ticks until its grants have surely since out (L4) */
byte excluded[N * N]; /* highest epoch that it accepted, or may have, without the other (L8) */
byte crashes;

/* The vector that is being received, and one that is late. */
hidden byte v_promised, v_accepted, v_installed, v_group, v_owner, v_version, v_grant, v_clear;
#ifdef LATE
byte l_to = NOBODY, l_from, l_promised, l_accepted, l_installed, l_group, l_owner, l_version,
     l_grant, l_clear;
#endif
hidden byte k, base;

#define SAY(text, a, b) printf(text, a, b)

#define ANSWERS(i) (group[i] != OFF && lease[i] > 0)
#if N == 3
#define I1 (!(ANSWERS(0) && ANSWERS(1)) && !(ANSWERS(0) && ANSWERS(2)) && \
	    !(ANSWERS(1) && ANSWERS(2)))
#else
#define I1 (!(ANSWERS(0) && ANSWERS(1)))
#endif

#ifdef NO_L8
#define L8(j,i) true
#else
#define L8(j,i) (!since[i] || excluded[P(j, i)] <= since[i])
#endif
#ifdef NO_LEFT
#define MAY_BEGIN(j) true
#else
#define MAY_BEGIN(j) (group[j] != LEFT)
#endif

/* Canonical values: exclusions that no longer matter to node j are not told apart. */
inline settle(j)
{
	base = (since[j] -> since[j] : (installed[j] -> installed[j] : promised[j]));
	for (k : 0 .. N - 1) {
		if
		:: excluded[P(k, j)] <= base -> excluded[P(k, j)] = 0
		:: else
		fi
	}
}

inline forget_members(j)
{
	told[j] = 0; on[j] = 0; off[j] = 0; acked[j] = 0; wait[j] = 0
}

/* The agent of j starts from nothing: after a lapse (V6, L7) or a restart. */
inline void_view(j)
{
	since[j] = 0; installed[j] = 0; accepted[j] = 0;
	owner[j] = NOBODY; version[j] = 0;
	forget_members(j);
	stamp[j] = 0;
	for (k : 0 .. N - 1) { stamp[k] = stamp[k] & ~BIT(j) }
#ifdef LATE
	if
	:: l_to == j -> l_grant = 0
	:: else
	fi
#endif
}

/* Canonical values: what can matter no more within the bounds is not told apart. */
inline settle_done(j)
{
	if
	:: (version[j] & 7) == ROWS -> forget_members(j)
	:: else
	fi
}

inline settle_dead(j)
{
	if
	:: promised[j] == EMAX && !accepted[j] ->
		for (k : 0 .. N - 1) {
			given[P(j, k)] = 0; excluded[P(j, k)] = 0; excluded[P(k, j)] = 0
		}
	:: else
	fi
}

inline lapse(j)
{
	lease[j] = 0;
	group[j] = (group[j] == ON -> LEFT : group[j]);
	void_view(j);
	settle(j);
	settle_dead(j)
}

inline accept(j, e, m)
{
	promised[j] = e;
	accepted[j] = m;
	owner[j] = NOBODY; version[j] = e * 8;
	forget_members(j);
	stamp[j] = stamp[j] & (m);
	for (k : 0 .. N - 1) {
		if
		:: HOST(k) && !HAS(m, k) -> excluded[P(j, k)] = e
		:: else
		fi
	}
	for (k : 0 .. N - 1) { settle_one(j, k) }
}

inline settle_one(j, i)
{
	if
	:: !HOST(i) || excluded[P(j, i)] <= (since[i] -> since[i] : (installed[i] -> installed[i] : promised[i])) ->
		excluded[P(j, i)] = 0
	:: else
	fi
}

inline propose(i, e, m)
{
	accept(i, e, m);
	told[i] = BIT(i)
}

/* j takes in v_... of node i; `takes` says whether it accepts a proposal in it. */
inline receive(j, i, takes)
{
	/* L6 */
	if
	:: since[j] && v_accepted && !HAS(v_accepted, j) && v_promised > installed[j] -> lapse(j)
	:: else
	fi;
	/* V4; what j wants itself is free */
	if
	:: takes && HAS(v_accepted, j) && COORD(v_accepted) == i && v_promised > promised[j] ->
		accept(j, v_promised, v_accepted)
	:: else
	fi;
	/* L2, L3, L8: a running lease goes on */
	if
	:: since[j] && v_grant > lease[j] -> lease[j] = v_grant
	:: else
	fi;
	if
	:: accepted[j] && v_accepted == accepted[j] && v_promised == promised[j] ->
		/* V5 */
		if
		:: COORD(accepted[j]) == i ->
			if
			:: v_installed == promised[j] -> installed[j] = v_installed
			:: else
			fi
		:: else
		fi;
		if
		:: COORD(accepted[j]) == j && (version[j] & 7) < ROWS ->
			told[j] = told[j] | BIT(i);
			on[j] = on[j] & ~BIT(i) | (v_group == ON -> BIT(i) : 0);
			off[j] = off[j] & ~BIT(i) | (v_group == OFF -> BIT(i) : 0);
			acked[j] = acked[j] & ~BIT(i) | (v_version == version[j] -> BIT(i) : 0);
			wait[j] = (v_clear > wait[j] -> v_clear : wait[j]);
			installed[j] = (told[j] == accepted[j] -> promised[j] : installed[j])
		:: else
		fi;
		/* N1 */
		if
		:: v_version > version[j] -> version[j] = v_version; owner[j] = v_owner
		:: else
		fi;
		/* L7, L8: a lease begins, or dates from a newer view */
		if
		:: v_grant && installed[j] == promised[j] && (since[j] || MAY_BEGIN(j)) ->
			lease[j] = (v_grant > lease[j] -> v_grant : lease[j]);
			since[j] = installed[j]
		:: else
		fi
	:: else ->
#ifdef NO_L8
		if
		:: v_grant && !since[j] && installed[j] && MAY_BEGIN(j) ->
			since[j] = installed[j]; lease[j] = v_grant
		:: else
		fi;
#endif
		/* the newest vector of i does not accept the view of j */
		told[j] = told[j] & ~BIT(i);
		on[j] = on[j] & ~BIT(i); off[j] = off[j] & ~BIT(i); acked[j] = acked[j] & ~BIT(i)
	fi;
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

/* L1, L8: j has the newest stamp of i, in which i told its `since`. */
inline take_stamp(j, i)
{
	if
	:: HOST(i) && HAS(accepted[j], i) && L8(j, i) ->
		stamp[j] = stamp[j] | BIT(i);
		given[P(j, i)] = L
	:: else
	fi
}

inline read(j, i, takes)
{
	load(j, i);
	receive(j, i, takes);
	take_stamp(j, i)
}

#define CAN_READ(j,i,takes) (!(takes) || \
	HAS(accepted[i], j) && COORD(accepted[i]) == i && promised[i] > promised[j])
#define READS(j,i)                                                                         \
	:: d_step { CAN_READ(j, i, 0) -> read(j, i, 0); SAY("node %d hears %d\n", j, i) }                                   \
	:: d_step { CAN_READ(j, i, 1) -> read(j, i, 1); SAY("node %d accepts view of %d\n", j, i) }

#define PROPOSES(i,e,m) \
	:: d_step { (e) > promised[i] && COORD(m) == (i) -> propose(i, e, m); SAY("node %d proposes members %d\n", i, m) }
#define PROPOSALS(e) \
	PROPOSES(0, e, 3) PROPOSES(0, e, 5) PROPOSES(0, e, 7) PROPOSES(1, e, 6)

/* G3, G4, N3. A coordinator acts only while its view is its newest promise. */
#define PROOF(j) (accepted[j] == ALL || !HOST(OTHER(accepted[j])) || \
	wait[j] == 0 && given[P(j, OTHER(accepted[j]))] == 0)
#ifdef NO_ACK
#define ACKED(j,i) true
#else
#define ACKED(j,i) HAS(acked[j], i)
#endif
#ifdef NO_ACK
#define FREE(j,n) (owner[j] != (n))
#else
#define FREE(j,n) (owner[j] == NOBODY)
#endif
#ifdef NO_NEWEST
#define IN_CHARGE(j) (installed[j] == promised[j] || installed[j] == version[j] / 8)
#else
#define IN_CHARGE(j) (installed[j] == promised[j])
#endif
#define IS_OFF(j,i) ((i) == (j) -> group[j] == OFF : HAS(off[j], i))
#define IS_ON(j,i)  ((i) == (j) -> group[j] == ON : HAS(on[j], i))
#define QUIET(j,n,i) ((i) == (n) || !HAS(accepted[j], i) || \
	IS_OFF(j, i) && ((i) == (j) || ACKED(j, i)))
#define COORDINATES(j) (accepted[j] && COORD(accepted[j]) == (j) && \
	installed[j] == promised[j] && told[j] == accepted[j])
#define CAN_OWN(j,n) (COORDINATES(j) && HAS(accepted[j] & HOSTS, n) && FREE(j, n) && \
	(version[j] & 7) < ROWS && QUIET(j, n, 0) && QUIET(j, n, 1) && QUIET(j, n, 2) && \
	(IS_ON(j, n) || PROOF(j)))
#define OWNS(j,n) \
	:: d_step { CAN_OWN(j, n) -> owner[j] = n; version[j]++; acked[j] = 0; settle_done(j); SAY("node %d makes %d the owner\n", j, n) }
#define RELEASES(j) \
	:: d_step { COORDINATES(j) && owner[j] != NOBODY && (version[j] & 7) < ROWS -> \
		owner[j] = NOBODY; version[j]++; acked[j] = 0; SAY("node %d makes %d the owner\n", j, NOBODY) }

/* G1 */
#define STARTS(i) \
	:: d_step { group[i] == OFF && accepted[i] && installed[i] == promised[i] && \
		owner[i] == (i) && since[i] && lease[i] -> group[i] = ON; SAY("node %d starts, lease %d\n", i, lease[i]); assert(I1) }
#define STOPS(i) \
	:: d_step { group[i] != OFF -> group[i] = OFF; lease[i] = (since[i] -> lease[i] : 0); SAY("node %d has stopped, was lease %d\n", i, lease[i]) }

/* P1, P2, L5: the agent dies, its floating IP does not; its successor starts. */
inline crash(j)
{
	crashes++;
	group[j] = (group[j] == OFF -> OFF : LEFT);
	lease[j] = (group[j] == OFF -> 0 : lease[j]);
	void_view(j);
	for (k : 0 .. N - 1) {
		if
		:: k != j -> given[P(j, k)] = (HOST(k) -> L : 0);
			excluded[P(j, k)] = promised[j]; settle_one(j, k)
		:: else
		fi
	}
	settle(j);
	settle_dead(j)
}
#define CRASHES_(i) \
	:: d_step { crashes < CRASHES -> crash(i); SAY("node %d restarts, promise %d\n", i, promised[i]) }

inline tick()
{
	for (k : 0 .. N * N - 1) { given[k] = (given[k] -> given[k] - 1 : 0) }
	for (k : 0 .. N - 1) {
		lease[k] = (lease[k] -> lease[k] - 1 : 0);
		wait[k] = (wait[k] -> wait[k] - 1 : 0);
	}
	stamps(0); stamps(1); stamps(2);
	expire(0); expire(1); expire(2)
}

inline stamps(j)
{
	for (k : 0 .. N - 1) {
		stamp[j] = (given[P(j, k)] -> stamp[j] : stamp[j] & ~BIT(k))
	}
}

/* T3: nothing that j does comes between the end of its lease and this. */
inline expire(j)
{
	if
	:: since[j] && !lease[j] -> lapse(j)
	:: else
	fi
}

inline begin(j)
{
	promised[j] = 1; accepted[j] = ALL; installed[j] = 1; since[j] = HOST(j); lease[j] = (HOST(j) -> L : 0);
	owner[j] = NOBODY; version[j] = 8; stamp[j] = HOSTS & ~BIT(j);
	told[j] = (j == 0 -> ALL : 0); off[j] = (j == 0 -> ALL & ~1 : 0);
	acked[j] = off[j];
	for (k : 0 .. N - 1) { given[P(j, k)] = (k == j || !HOST(k) -> 0 : L) }
}

active proctype cluster()
{
	d_step { begin(0); begin(1); begin(2); skip }
	do
	READS(0, 1) READS(0, 2) READS(1, 0) READS(1, 2) READS(2, 0) READS(2, 1)
	PROPOSALS(2)
#if EMAX >= 3
	PROPOSALS(3)
#endif
#if EMAX >= 4
	PROPOSALS(4)
#endif
	OWNS(0, 0) OWNS(0, 1) OWNS(0, 2) OWNS(1, 1) OWNS(1, 2)
	RELEASES(0) RELEASES(1)
	STARTS(0) STARTS(1) STARTS(2)
	STOPS(0) STOPS(1) STOPS(2)
	CRASHES_(0) CRASHES_(1) CRASHES_(2)
	:: d_step { true -> tick(); SAY("tick: lease of 0 is %d, of 1 %d\n", lease[0], lease[1]) }
	od
}
