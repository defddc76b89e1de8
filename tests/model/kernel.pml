/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel path (docs/kernel.md, K1 to K10) on top of views and leases (docs/protocol.md), for
 * spin. Two granters, 0 and 1, and a holder, A, whose lease is looked at. Each node is an agent and
 * a kernel that goes on without it. README.md says what is modelled, the bounds, and what is not.
 *
 * One process, whose every step is one step of one agent, of one kernel, or one tick of time. What
 * an agent does after its core has decided (the stores into the map; the taking back of a
 * delegation) are steps of their own: it may be frozen, for ever, between any two, or die there.
 * A message goes from what its sender knows to its receiver in one step, when both are there to do
 * it; with LATE one at a time may stay under way as long as it likes.
 *
 * What is checked is Q1, that I1 stands on: when the coordinator of a view without A has its proof
 * that A's lease is over, then no lease of A that began before that view is valid in A's kernel,
 * then or later. Groups are not modelled: A is taken to answer whenever its kernel's lease is valid.
 *
 * -DMUTANT_X breaks one rule; tests/model/run expects that spin then finds two owners.
 */
#ifndef L
#define L 2 /* lease, in ticks */
#endif
#ifndef EMAX
#define EMAX 3 /* epochs; all nodes begin with view 1 of everybody installed */
#endif
#ifndef RESTARTS
#define RESTARTS 0
#endif

#define A	  2
#define ALL	  7
#define OUTSIDE	  3 /* members of a view without A */
#define NONE	  3
#define BIT(i)	  (1 << (i))
#define HAS(m,i)  (((m) >> (i)) & 1)
#define MAX(a,b)  ((a) > (b) -> (a) : (b))
#define LESS(t)	  ((t) -> (t) - 1 : 0)
#ifdef FIRST /* V2, the lowest id: A is node 0, or the last one */
#define COORD(m) (HAS(m, A) -> A : 0)
#else
#define COORD(m) (HAS(m, 0) -> 0 : 1)
#endif
#define SAY(text,a,b) printf(text, a, b)

/* Every core. The accepted view is (promised, accepted); accepted 0: none. */
byte promised[3], accepted[3];
byte told[3]; /* by a coordinator: who has told that it accepted its view; all: installed */

/* A's core. */
byte installed, since, lease; /* epochs, L8; ticks left */
/* What A's agent still has to store. */
byte todo;
#define WORD  1 /* of the same lease */
#define BEGIN 2
#define END   3
byte half; /* which of the two stores is done already: they may come in either order */
/* A's kernel. Its generation is not a number: what is of another one is forgotten at once. */
byte k_lease; /* ticks left by word and grants together: K3, one granter is enough */
byte k_epoch; /* lease_epoch in the map */
byte k_begun; /* not in the map: the epoch in which the lease of this generation began */
bit k_refused;

/* The granters' agents: what they know of A. */
byte at[2]; /* what the agent has to do next */
#define CLEAR	    1 /* take back the delegation */
#define READ	    2 /* granted_at */
#define START_CLEAR 3 /* the same at the start of an agent */
#define START_NOW   4
byte given[2];		      /* ticks until its grants have surely run out, L4 */
byte excluded[2];	      /* L8 */
byte stamp[2], stamp_epoch[2]; /* newest one: ticks left of a grant for it, and what came with it */
byte token[2], token_epoch[2]; /* likewise, from A's kernel */
#ifdef MUTANT_START_KEEPS
bit restarted[2]; /* what its former agent delegated is still in force, and it does not know */
#endif
/* Their kernels. */
byte deleg[2]; /* K8: 0: not; else 1 + grant_excluded */
byte granted_at[2]; /* as ticks left of such a grant */
/* A probe of A in the kernel of a granter, which may be held up in it as well. */
byte p_state, p_at, p_left, p_epoch;
#define CHECKED 1
#define NOTED	2
#define GRANTED 3 /* the answer is under way */

byte wait; /* Q1, at node 0: until the grants of node 1 are over */
byte cleared = 0; /* newest view without A whose coordinator had its proof */
byte restarts;
#ifdef LATE
byte l_kind, l_to, l_left;
#define GRANT  1 /* to A's kernel; l_left: ticks */
#define ANSWER 2 /* from it; l_left: lease epoch */
#endif
hidden byte r;
#ifdef CALM
hidden byte round, kept, highest, k;
#endif

#define I1 (k_lease == 0 || k_begun >= cleared)

/* ---- what is granted ---- */

#ifdef MUTANT_K6_OLD
#define SINCE(e,b) true
#else
#define SINCE(e,b) ((e) >= excluded[b])
#endif
#ifdef MUTANT_K6_ZERO
#define TOKEN_OK(b,e) ((e) == 0 || SINCE(e, b))
#else
#define TOKEN_OK(b,e) ((e) && SINCE(e, b))
#endif
#define STAMP_OK(b,e) ((e) == 0 || (e) >= excluded[b]) /* L8 */
#define GRANTS(b)     (HAS(accepted[b], A))
/* K8, as it is in the map */
#ifdef MUTANT_K8_EXCLUDED
#define DELEGATED(b,e) (deleg[b] && (e))
#else
#define DELEGATED(b,e) (deleg[b] && (e) && (e) >= deleg[b] - 1)
#endif

/* What will never be granted is not told apart. */
inline settle(b)
{
	if
	:: stamp[b] == 0 || !STAMP_OK(b, stamp_epoch[b]) -> stamp[b] = 0; stamp_epoch[b] = 0
	:: else
	fi;
	if
	:: token[b] == 0 || !TOKEN_OK(b, token_epoch[b]) -> token[b] = 0; token_epoch[b] = 0
	:: else
	fi
}

inline forget_probe()
{
	p_state = 0; p_at = 0; p_left = 0; p_epoch = 0
}

inline forget_late()
{
#ifdef LATE
	l_kind = 0; l_to = 0; l_left = 0
#else
	skip
#endif
}

/* L7, D1: stamps from before do not count. */
inline forget_stamps()
{
	stamp[0] = 0; stamp[1] = 0; stamp_epoch[0] = 0; stamp_epoch[1] = 0;
	forget_probe()
}

/* K1: tokens from before do not count. */
inline next_generation()
{
#ifndef MUTANT_GENERATION /* only caution: README.md */
	token[0] = 0; token[1] = 0; token_epoch[0] = 0; token_epoch[1] = 0;
	forget_late();
#endif
	k_refused = 0
}

/* ---- A's agent ---- */

/* V6 */
inline lapse()
{
	since = 0; lease = 0; installed = 0; accepted[A] = 0; told[A] = 0;
	forget_stamps();
	todo = END
}

/* What every step of the core begins with: K7, T3. */
inline look()
{
	if
	:: since ->
#ifndef MUTANT_REFUSAL
		if
		:: k_refused -> lapse()
		:: else
		fi;
#endif
#ifndef MUTANT_K7
		lease = (since && !k_refused && k_lease > lease -> k_lease : lease);
#endif
		if
		:: since && !lease -> lapse()
		:: else
		fi
	:: else
	fi
}

/* What it ends with. */
inline leave()
{
	todo = (todo == 0 && since && (since != k_epoch || lease > k_lease && !k_refused) ->
		WORD : todo)
}

/* V5, L8: from a vector of b that accepted the same view. */
inline same_view(b)
{
	if
	:: COORD(accepted[A]) == A ->
		told[A] = told[A] | BIT(b);
		installed = (told[A] == accepted[A] -> promised[A] : installed)
	:: COORD(accepted[A]) == (b) && told[b] == accepted[b] -> installed = promised[A]
	:: else
	fi;
	if
	:: r && installed == promised[A] && todo == 0 ->
		lease = MAX(lease, r);
		if
		:: !since -> forget_stamps(); todo = BEGIN
		:: else
		fi;
		since = installed
	:: else
	fi
}

#define OFFERS(j,i) (HAS(accepted[i], j) && COORD(accepted[i]) == (i) && promised[i] > promised[j])

/* A hears the newest vector of b; `takes`: it accepts the view proposed in it. */
inline hear(b, takes)
{
	look();
	r = (GRANTS(b) && stamp[b] -> stamp[b] : 0);
	given[b] = MAX(given[b], r);
	/* L6 */
	if
	:: since && accepted[b] && !HAS(accepted[b], A) && promised[b] > installed -> lapse(); r = 0
	:: else
	fi;
	/* V4 */
	if
	:: takes -> accept(A, promised[b], accepted[b])
	:: else
	fi;
	lease = (since && r > lease -> r : lease);
	if
	:: accepted[A] && accepted[A] == accepted[b] && promised[A] == promised[b] -> same_view(b)
	:: else
	fi;
	leave()
}

inline hear_answer()
{
	look();
	lease = (since && p_left > lease -> p_left : lease);
	forget_probe();
	leave()
}

/* K2, one of the two stores. */
inline store_word()
{
	if
	:: todo == WORD -> k_lease = (k_refused || k_lease >= lease -> k_lease : lease)
	:: todo == BEGIN -> next_generation(); k_lease = lease; k_begun = since
	:: todo == END -> next_generation(); k_lease = 0; k_begun = 0
	fi;
	assert(I1)
}

inline store(part)
{
	if
	:: part == 1 -> store_word()
	:: else -> k_epoch = since
	fi;
	todo = (half -> 0 : todo);
	half = (half -> 0 : part)
}

/* K10: its memory is lost at any instruction, and its kernel goes on. */
inline restart_holder()
{
	restarts++;
	lapse();
	half = 0;
#ifdef MUTANT_RESTART_LEASE /* the old lease is not ended */
	todo = 0
#endif
}

/* ---- A's kernel ---- */

/* K4 */
inline take_grant(left)
{
#ifdef MUTANT_LAPSE /* only caution: README.md */
	k_lease = (k_begun && !k_refused && (left) > k_lease -> (left) : k_lease);
#else
	k_lease = (k_lease && (left) > k_lease -> (left) : k_lease);
#endif
	assert(I1)
}

/* K5 */
inline refuse()
{
	k_lease = 0; k_refused = 1
}

/* ---- the granters' agents ---- */

inline accept(j, e, m)
{
	promised[j] = e; accepted[j] = m;
	told[j] = (COORD(m) == (j) -> BIT(j) : 0)
}

/* K9: in the core's memory a view without A is accepted; nothing has told of it yet. */
inline accept_granter(b, e, m)
{
	accept(b, e, m);
	wait = ((b) == 0 -> 0 : wait);
	excluded[b] = (HAS(m, A) -> excluded[b] : e);
	at[b] = (HAS(m, A) || !deleg[b] -> 0 : CLEAR);
#ifdef MUTANT_TAKE_BACK
	at[b] = 0;
#elif defined(MUTANT_START_KEEPS)
	at[b] = (restarted[b] -> 0 : at[b]);
#endif
	settle(b)
}

inline take_back(b)
{
	if
#ifdef MUTANT_READ_FIRST
	:: at[b] == CLEAR -> given[b] = MAX(given[b], granted_at[b]); at[b] = READ
	:: at[b] == READ -> deleg[b] = 0; at[b] = 0
#else
	:: at[b] == CLEAR -> deleg[b] = 0; at[b] = READ
	:: at[b] == READ ->
#ifndef MUTANT_GRANTED_AT
		given[b] = MAX(given[b], granted_at[b]);
#endif
		at[b] = 0
#endif
	:: at[b] == START_CLEAR -> deleg[b] = 0; at[b] = START_NOW
	:: at[b] == START_NOW ->
#ifndef MUTANT_START_NOW
		given[b] = L; /* L5 */
#endif
		at[b] = 0
	fi
}

/* K10: an agent that grants dies at any instruction, and its kernel goes on. */
inline restart_granter(b)
{
	restarts++;
	accepted[b] = 0; told[b] = 0;
	wait = ((b) == 0 -> 0 : wait);
	given[b] = 0; excluded[b] = promised[b];
	stamp[b] = 0; token[b] = 0; stamp_epoch[b] = 0; token_epoch[b] = 0;
	at[b] = START_CLEAR;
#ifdef MUTANT_START_KEEPS
	given[b] = L; at[b] = 0; restarted[b] = 1
#elif defined(MUTANT_START_NOW) /* L5 is counted from before the taking back */
	given[b] = L
#endif
}

/* b hears A's newest vector. */
inline hear_holder(b)
{
	stamp[b] = L; stamp_epoch[b] = since;
	told[b] = (accepted[b] && accepted[A] == accepted[b] && promised[A] == promised[b] &&
		COORD(accepted[b]) == (b) -> told[b] | BIT(A) : told[b]);
	settle(b)
}

/* Node 0 hears node 1, and node 1 node 0: views between them. */
#define TOGETHER (accepted[0] && accepted[0] == accepted[1] && promised[0] == promised[1])
inline hear_told()
{
	told[0] = told[0] | BIT(1);
	wait = (accepted[0] == OUTSIDE -> MAX(wait, given[1]) : 0)
}

/* Q1 */
#define PROOF (accepted[0] == OUTSIDE && told[0] == OUTSIDE && at[0] == 0 && wait == 0 && \
	given[0] == 0 && cleared != promised[0])

/* b has an answer of A's kernel, whose lease epoch is e. */
inline take_token(b, e)
{
	token[b] = L; token_epoch[b] = e;
	settle(b)
}

/* ---- the granters' kernels: K8, in the order of lease_delegated() ---- */

inline probe(b)
{
	p_state = CHECKED; p_at = b; p_left = L; p_epoch = since
}

inline probe_on()
{
	if
#ifdef MUTANT_NOTE_LAST
	:: p_state == CHECKED && DELEGATED(p_at, p_epoch) -> p_state = NOTED
	:: p_state == NOTED ->
		granted_at[p_at] = MAX(granted_at[p_at], p_left); p_state = GRANTED
#else
	:: p_state == CHECKED ->
		granted_at[p_at] = MAX(granted_at[p_at], p_left); p_state = NOTED
#ifdef MUTANT_K8_OFF
	:: p_state == NOTED && false -> p_state = GRANTED
#elif defined(MUTANT_REREAD)
	:: p_state == NOTED -> p_state = GRANTED
#elif defined(MUTANT_ABA)
	:: p_state == NOTED && deleg[p_at] -> p_state = GRANTED
#else
	:: p_state == NOTED && DELEGATED(p_at, p_epoch) -> p_state = GRANTED
#endif
#endif
	:: else -> forget_probe() /* nothing is granted */
	fi
}

/* ---- time ---- */

inline tick_granter(b)
{
	given[b] = LESS(given[b]); stamp[b] = LESS(stamp[b]); token[b] = LESS(token[b]);
	granted_at[b] = LESS(granted_at[b]);
	settle(b)
}

inline tick()
{
	lease = LESS(lease); k_lease = LESS(k_lease); wait = LESS(wait);
	tick_granter(0); tick_granter(1);
	p_left = LESS(p_left);
	if
	:: p_left == 0 -> forget_probe()
	:: else
	fi;
#ifdef LATE
	if
	:: l_kind == GRANT -> l_left = LESS(l_left);
		if
		:: l_left == 0 -> forget_late()
		:: else
		fi
	:: else
	fi
#endif
}

inline begin()
{
	promised[0] = 1; promised[1] = 1; promised[2] = 1;
	accepted[0] = ALL; accepted[1] = ALL; accepted[2] = ALL;
	told[COORD(ALL)] = ALL;
	installed = 1;
	stamp[0] = L; stamp[1] = L;
#ifndef COLD /* nobody has granted yet */
	since = 1; lease = L; k_lease = L; k_epoch = 1; k_begun = 1;
	stamp_epoch[0] = 1; stamp_epoch[1] = 1;
	given[0] = L; given[1] = L
#endif
}

#ifdef CALM
#include "kernel_calm.pml"
#endif

/* ---- steps ---- */

#define GRANTER(b)                                                                             \
	:: d_step { todo == 0 && at[b] == 0 -> hear_holder(b);                                 \
		SAY("%d hears A, lease epoch %d\n", b, since) }                                \
	:: d_step { restarts < RESTARTS -> restart_granter(b);                                 \
		SAY("%d restarts, promise %d\n", b, promised[b]) }                             \
	:: d_step { at[b] -> take_back(b); SAY("%d takes back, given %d\n", b, given[b]) }     \
	:: d_step { todo == 0 && at[b] == 0 -> hear(b, 0);                                     \
		SAY("A hears %d, lease %d\n", b, lease) }                                      \
	:: d_step { todo == 0 && at[b] == 0 && OFFERS(A, b) -> hear(b, 1);                     \
		SAY("A accepts the view of %d, epoch %d\n", b, promised[A]) }
/* K6: b's agent with A's kernel. */
#define PROBES(b)                                                                              \
	:: d_step { at[b] == 0 && TOKEN_OK(b, k_epoch) -> take_token(b, k_epoch);              \
		SAY("%d hears A's kernel, lease epoch %d\n", b, k_epoch) }                     \
	:: d_step { at[b] == 0 && GRANTS(b) && token[b] ->                                     \
		given[b] = MAX(given[b], token[b]); take_grant(token[b]);                      \
		SAY("%d probes A's kernel, which has %d\n", b, k_lease) }
/* K8: A's agent with b's kernel. */
#define DELEGATES(b)                                                                           \
	:: d_step { at[b] == 0 && GRANTS(b) && !deleg[b] -> deleg[b] = 1 + excluded[b];        \
		SAY("%d delegates, excluded %d\n", b, excluded[b]) }                           \
	:: d_step { at[b] == 0 && deleg[b] -> at[b] = CLEAR;                                   \
		SAY("%d is to take back (%d)\n", b, 0) }                                       \
	:: d_step { todo == 0 && since && p_state == 0 && DELEGATED(b, since) -> probe(b);     \
		SAY("A probes the kernel of %d, lease epoch %d\n", b, since) }

#define ACCEPTS(b,i)                                                                           \
	:: d_step { at[b] == 0 && at[i] == 0 && OFFERS(b, i) ->                                \
		accept_granter(b, promised[i], accepted[i]);                                   \
		SAY("%d accepts the view of %d\n", b, i) }
#define PROPOSES(i,e,m)                                                                        \
	:: d_step { at[i] == 0 && (e) > promised[i] -> accept_granter(i, e, m);                \
		SAY("%d proposes members %d\n", i, m) }
#ifdef LATE
#define LATER(b)                                                                               \
	:: d_step { at[b] == 0 && GRANTS(b) && token[b] && l_kind == 0 ->                      \
		given[b] = MAX(given[b], token[b]); l_kind = GRANT; l_left = token[b];         \
		SAY("a probe of %d is under way, %d\n", b, l_left) }                           \
	:: d_step { TOKEN_OK(b, k_epoch) && l_kind == 0 ->                                     \
		l_kind = ANSWER; l_to = b; l_left = k_epoch;                                   \
		SAY("an answer to %d is under way, lease epoch %d\n", b, l_left) }             \
	:: d_step { l_kind == ANSWER && l_to == (b) && at[b] == 0 -> take_token(b, l_left);    \
		forget_late(); SAY("%d hears A's kernel, late (%d)\n", b, 0) }
#endif

#ifdef FEW /* two overlapping views only */
#define PROPOSALS(e)
#elif defined(FIRST)
#define PROPOSALS(e)                                                                           \
	PROPOSES(0, e, 3)                                                                      \
	:: d_step { todo == 0 && (e) > promised[A] -> look(); accept(A, e, ALL); leave();      \
		SAY("A proposes members %d, epoch %d\n", ALL, e) }                             \
	:: d_step { todo == 0 && (e) > promised[A] -> look(); accept(A, e, 5); leave();        \
		SAY("A proposes members %d, epoch %d\n", 5, e) }                               \
	:: d_step { todo == 0 && (e) > promised[A] -> look(); accept(A, e, 6); leave();        \
		SAY("A proposes members %d, epoch %d\n", 6, e) }
#else
#define PROPOSALS(e) PROPOSES(0, e, 3) PROPOSES(0, e, 5) PROPOSES(0, e, 7) PROPOSES(1, e, 6)
#endif

active proctype kernel()
{
	d_step { begin(); skip }
	do
	GRANTER(0) GRANTER(1)
#ifndef NO_TOKENS
	PROBES(0) PROBES(1)
#endif
#ifndef NO_DELEGATION
#ifndef ONE
	DELEGATES(0)
#endif
	DELEGATES(1)
#endif
	ACCEPTS(1, 0)
#ifdef FIRST
	:: d_step { at[0] == 0 && todo == 0 && OFFERS(0, A) ->
		accept_granter(0, promised[A], accepted[A]); SAY("%d accepts the view of A (%d)\n", 0, 0) }
	:: d_step { at[1] == 0 && todo == 0 && OFFERS(1, A) ->
		accept_granter(1, promised[A], accepted[A]); SAY("%d accepts the view of A (%d)\n", 1, 0) }
#endif
#ifdef FEW
	PROPOSES(0, 2, 3) PROPOSES(1, 3, 6)
#endif
	PROPOSALS(2)
#if EMAX >= 3
	PROPOSALS(3)
#endif
#if EMAX >= 4
	PROPOSALS(4)
#endif
#ifdef LATE
	LATER(0) LATER(1)
	:: d_step { l_kind == GRANT -> take_grant(l_left); forget_late();
		SAY("A's kernel takes a late probe, has %d (%d)\n", k_lease, 0) }
#endif
	:: d_step { at[0] == 0 && at[1] == 0 && TOGETHER && COORD(accepted[0]) == 0 &&
		!HAS(told[0], 1) -> hear_told(); SAY("0 hears 1, told %d, wait %d\n", told[0], wait) }
	:: d_step { PROOF -> cleared = promised[0]; SAY("0 has its proof for epoch %d (%d)\n", cleared, 0);
		assert(I1) }
	:: d_step { p_state && p_state != GRANTED -> probe_on();
		SAY("a kernel goes on with A's probe: %d, of %d\n", p_state, p_at) }
	:: d_step { p_state == GRANTED && todo == 0 -> hear_answer();
		SAY("A hears a kernel, lease %d (%d)\n", lease, 0) }
	:: d_step { todo && half != 1 -> store(1); SAY("A stores its word, %d (%d)\n", k_lease, 0) }
	:: d_step { todo && half != 2 -> store(2); SAY("A stores its lease epoch, %d (%d)\n", k_epoch, 0) }
	:: d_step { todo == 0 && since -> look(); leave(); SAY("A looks, lease %d (%d)\n", lease, todo) }
	:: d_step { restarts < RESTARTS -> restart_holder(); SAY("A restarts, promise %d (%d)\n", promised[A], 0) }
#ifdef CALM /* it takes nothing that a lease could use, so I1 does not need it */
	:: d_step { k_lease && (accepted[0] == OUTSIDE || accepted[1] == OUTSIDE) -> refuse();
		SAY("A's kernel is refused (%d, %d)\n", 0, 0) }
#endif
#ifdef CALM
	CALMS
#endif
	:: d_step { true -> tick(); SAY("tick: lease %d, kernel's %d\n", lease, k_lease) }
	od
}
